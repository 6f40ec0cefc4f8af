/* answer_kit_test.h - what tests of a session share: answers as one text, folders of their own. */
#pragma once
#include "base/test.h"
#include "session/session.h"
#include <ftw.h>
#include <stdio.h>

/* Rows from column `from` on, "1 2; 3 4", behind what out has. */
__attribute__((unused)) static void print_rows(const weir_rows *rows, int from, wr_buf *out)
{
    for (uint32_t i = 0; i < wr_batch_count(&rows->batch); i++) {
        if (out->length) wr_buf_add_text(out, "; ");
        for (int c = from; c < rows->batch.column_count; c++) {
            if (c > from) wr_buf_add_char(out, ' ');
            wr_column_print(&rows->batch.columns[c], wr_batch_row(&rows->batch, i), out);
        }
    }
}

/* The rows of the last statement, or the code and the message of the error and what it suggests. */
__attribute__((unused)) static void answer_of(weir_session *session, const char *sql, wr_buf *out)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    weir_status bad = weir_query_start(session, sql, strlen(sql), &query);
    if (!bad) bad = weir_query_next(query, &rows);
    for (; rows && !bad; bad = weir_query_next(query, &rows))
        print_rows(rows, 0, out);
    if (bad) wr_buf_printf(out, "%s: %s", wr_code_name(bad->code), wr_status_text(bad));
    wr_status_drop(bad);
    weir_query_close(query);
    wr_buf_add_text(out, "");
}

/* sql with '@' for the folder. */
__attribute__((unused)) static const char *put_folder(const char *folder, const char *sql,
                                                      wr_buf *out)
{
    for (; *sql; sql++)
        if (*sql == '@')
            wr_buf_add_text(out, folder);
        else
            wr_buf_add_char(out, *sql);
    wr_buf_add_text(out, "");
    return out->data;
}

static int remove_one(const char *path, const struct stat *stat, int kind, struct FTW *at)
{
    (void)stat, (void)kind, (void)at;
    return remove(path);
}

/* With everything in it. */
__attribute__((unused)) static void remove_folder(const char *folder)
{
    EXPECT_INT(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
