/* prepared.c - one statement, many values: parameters by number and by name. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static int report(weir_status bad)
{
    fprintf(stderr, "%s: %s\n", weir_error_code(bad), weir_error_message(bad));
    weir_error_drop(bad);
    return 1;
}

/* Runs a statement that gives one value, and prints it. */
static weir_status print_value(weir_prepared *prepared)
{
    weir_query *query;
    const weir_rows *rows;
    weir_status bad = weir_prepared_start(prepared, &query);
    if (bad) return bad;
    bad = weir_query_next(query, &rows);
    if (!bad && rows) {
        size_t length;
        const char *text = weir_rows_text(rows, 0, 0, &length);
        printf("%.*s\n", (int)length, text);
    }
    weir_query_close(query);
    return bad;
}

static weir_status run(weir_session *session)
{
    const char *sql = "select count(*) from range(100) r(i) where i >= :low and i < :high";
    weir_prepared *prepared;
    weir_status bad = weir_prepare(session, sql, strlen(sql), &prepared);
    if (bad) return bad;
    for (int i = 1; i <= weir_prepared_param_count(prepared); i++)
        printf("parameter %d is %s\n", i, weir_prepared_param_name(prepared, i));
    for (int high = 10; high <= 30 && !bad; high += 10) {
        bad = weir_bind_int64(prepared, 1, 5); /* a bind stays until it is replaced */
        if (!bad) bad = weir_bind_int64(prepared, 2, high);
        if (!bad) bad = print_value(prepared);
    }
    weir_prepared_close(prepared);
    if (bad) return bad;
    sql = "select $1 + interval '1 month'"; /* any type by its text */
    bad = weir_prepare(session, sql, strlen(sql), &prepared);
    if (bad) return bad;
    bad = weir_bind_typed(prepared, 1, "2024-01-31", 10, "DATE");
    if (!bad) bad = print_value(prepared);
    weir_prepared_close(prepared);
    return bad;
}

int main(void)
{
    weir_engine *engine = NULL;
    weir_session *session = NULL;
    weir_status bad = weir_engine_open(NULL, &engine);
    if (!bad) bad = weir_session_open(engine, &session);
    if (!bad) bad = run(session);
    weir_session_close(session);
    weir_engine_close(engine);
    return bad ? report(bad) : 0;
}
