/* scan_test.h - for tests of formats: a file made of text, read back row by row as text. */
#pragma once
#include "base/test.h"
#include "fmt/files.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct test_rejects {
    wr_rejects base;
    uint64_t count;
    wr_buf reasons;
} test_rejects;

__attribute__((unused)) static weir_status test_reject(wr_rejects *base, wr_str file, uint64_t line,
                                                       uint64_t offset, wr_str column,
                                                       wr_str reason, wr_str text)
{
    test_rejects *self = (test_rejects *)base;
    (void)file, (void)offset, (void)text;
    self->count++;
    wr_buf_printf(&self->reasons, "%llu:%.*s:%.*s\n", (unsigned long long)line, WR_STR_ARGS(column),
                  WR_STR_ARGS(reason));
    return WR_OK;
}

/* A path of this process that ends in name. */
__attribute__((unused)) static const char *test_path(const char *name)
{
    static char path[8][512];
    static int next;
    char *out = path[next++ & 7];
    const char *dir = getenv("TMPDIR");
    snprintf(out, sizeof path[0], "%s/weir_test_%d_%s", dir ? dir : "/tmp", (int)getpid(), name);
    return out;
}

__attribute__((unused)) static void write_file(const char *path, wr_str text)
{
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(wr_fs_real(), wr_str_of(path), WR_FILE_REPLACE, &file));
    if (text.length) EXPECT_OK(wr_file_append(file, text.data, text.length));
    wr_file_close(file);
}

typedef struct test_read {
    const char *path, *format; /* format NULL: by the path */
    wr_given options[12];      /* ended by an empty name */
    int workers;               /* 0 = 1 */
    wr_rejects *rejects;
    const char *columns; /* names by comma; NULL: all visible */
    bool only_count;
    /* out */
    uint64_t rows, hash; /* hash does not depend on the order */
    wr_buf text;         /* rows by newline, values by | */
    wr_buf schema;       /* "a BIGINT, b VARCHAR" */
} test_read;

static void collect_batch(test_read *r, const wr_batch *batch)
{
    for (uint32_t i = 0; i < wr_batch_count(batch); i++) {
        size_t before = r->text.length;
        for (int k = 0; k < batch->column_count; k++) {
            if (k > 0) wr_buf_add_char(&r->text, '|');
            uint32_t row = wr_batch_row(batch, i);
            if (wr_column_is_null(&batch->columns[k], row))
                wr_buf_add_text(&r->text, "NULL");
            else
                wr_column_print(&batch->columns[k], row, &r->text);
        }
        r->rows++;
        r->hash +=
            wr_hash_bytes(r->text.data ? r->text.data + before : "", r->text.length - before);
        wr_buf_add_char(&r->text, '\n');
    }
}

static weir_status scan_all(test_read *r, wr_relation *rel, wr_mem *mem, const int *columns,
                            int count)
{
    int workers = r->workers ? r->workers : 1;
    wr_scan_request request = {.columns = columns,
                               .column_count = count,
                               .limit = -1,
                               .worker_count = workers,
                               .mem = mem};
    wr_scan *scan = NULL;
    wr_scan_worker *made[16] = {0};
    bool done[16] = {0};
    WR_TRY(rel->def->open(rel, &request, &scan));
    weir_status bad = WR_OK;
    for (int w = 0; !bad && w < workers; w++)
        bad = rel->def->worker_new(scan, w, &made[w]);
    for (int left = workers; !bad && left > 0;) {
        for (int w = 0; !bad && w < workers; w++) {
            bool got = false, more = true;
            if (!done[w]) bad = rel->def->next_morsel(made[w], &got);
            if (!bad && !got && !done[w]) done[w] = true, left--;
            while (!bad && got && more) {
                wr_batch batch;
                bad = rel->def->next_batch(made[w], &batch, &more);
                if (!bad && more) collect_batch(r, &batch);
            }
        }
    }
    for (int w = 0; w < workers; w++)
        if (made[w]) rel->def->worker_drop(made[w]);
    rel->def->close(scan);
    return bad;
}

/* Binds and reads everything; checks that all memory comes back. */
__attribute__((unused)) static weir_status read_back(test_read *r)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {
        .fs = wr_fs_real(), .mem = mem, .rejects = r->rejects, .thread_count = 1};
    wr_options options = {r->options, 0};
    while (options.count < 12 && r->options[options.count].name.length)
        options.count++;
    wr_str path = wr_str_of(r->path);
    wr_relation *rel = NULL;
    weir_status bad =
        wr_files_bind(&context, &path, 1, r->format ? wr_format_find(wr_str_of(r->format)) : NULL,
                      &options, &rel);
    int columns[64], count = 0;
    if (!bad) {
        for (int k = 0; k < rel->visible_count && k < 64; k++) {
            wr_buf_printf(&r->schema, "%s%.*s %s", k ? ", " : "",
                          WR_STR_ARGS(rel->schema.fields[k].name),
                          wr_type_name(rel->schema.fields[k].type));
            if (!r->columns && !r->only_count) columns[count++] = k;
        }
        for (const char *at = r->columns; at && *at;) {
            size_t length = strcspn(at, ",");
            columns[count++] = wr_schema_find(&rel->schema, (wr_str){at, length});
            EXPECT(columns[count - 1] >= 0);
            at += length + (at[length] == ',');
        }
        bad = scan_all(r, rel, mem, columns, count);
    }
    wr_relation_release(rel);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    return bad;
}

__attribute__((unused)) static void forget(test_read *r)
{
    wr_buf_clear(&r->text);
    wr_buf_clear(&r->schema);
    r->rows = r->hash = 0;
}
