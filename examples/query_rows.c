/* query_rows.c - the shortest way from SQL to values: open, ask, read rows as text.
 *
 *   cc query_rows.c -lweir -o query_rows && ./query_rows "select 42 as answer"                        */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

/* Prints an error with the place in the SQL text, and ends it. */
static int fail(weir_status bad, const char *sql)
{
    char *text = weir_error_render(bad, sql, strlen(sql), false);
    fputs(text, stderr);
    weir_text_free(text);
    int code = weir_error_exit_code(bad);
    weir_error_drop(bad);
    return code;
}

static weir_status print_rows(weir_query *query)
{
    int columns = weir_query_column_count(query);
    for (int c = 0; c < columns; c++)
        printf("%s%s %s", c ? ", " : "", weir_query_column_name(query, c),
               weir_query_column_type(query, c));
    putchar('\n');
    for (;;) {
        const weir_rows *rows; /* lives until the next call */
        weir_status bad = weir_query_next(query, &rows);
        if (bad || !rows) return bad;
        for (size_t i = 0; i < weir_rows_count(rows); i++)
            for (int c = 0; c < columns; c++) {
                size_t length;
                const char *text = weir_rows_text(rows, i, c, &length);
                if (weir_rows_is_null(rows, i, c)) printf("NULL");
                else printf("%.*s", (int)length, text);
                putchar(c + 1 < columns ? ',' : '\n');
            }
    }
}

int main(int argc, char **argv)
{
    const char *sql = argc > 1 ? argv[1] : "select i, i * i as square from range(1, 4) r(i)";
    weir_engine *engine = NULL;
    weir_session *session = NULL;
    weir_query *query = NULL;
    weir_status bad = weir_engine_open(NULL, &engine);
    if (!bad) bad = weir_session_open(engine, &session);
    if (!bad) bad = weir_query_start(session, sql, strlen(sql), &query);
    if (!bad) bad = print_rows(query);
    weir_query_close(query); /* queries first, then their session, then the engine */
    weir_session_close(session);
    weir_engine_close(engine);
    return bad ? fail(bad, sql) : 0;
}
