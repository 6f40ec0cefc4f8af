/* latency.c - what one small statement costs through the C API: parse, bind, plan, run, read,
 * close.
 *
 * Each line is the median of many calls in microseconds, one thread. The last line is the figure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

enum { CALLS = 2000, ROUNDS = 5 };

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static void must(weir_status bad)
{
    if (!bad) return;
    fprintf(stderr, "%s: %s\n", weir_error_code(bad), weir_error_message(bad));
    exit(1);
}

/* Reads all rows; returns how many. */
static size_t read_rows(weir_query *query)
{
    const weir_rows *rows;
    size_t count = 0, length;
    for (;;) {
        must(weir_query_next(query, &rows));
        if (!rows) break;
        if (weir_rows_count(rows)) weir_rows_text(rows, 0, 0, &length);
        count += weir_rows_count(rows);
    }
    weir_query_close(query);
    return count;
}

static size_t run(weir_session *session, const char *sql)
{
    weir_query *query;
    must(weir_query_start(session, sql, strlen(sql), &query));
    return read_rows(query);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over all calls of the best round. Prepared statements get the call's number as $1. */
static double measure(weir_session *session, const char *name, const char *sql,
                      weir_prepared *prepared)
{
    static double times[CALLS];
    double best = 1e18;
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CALLS; i++) {
            double from = now_us();
            size_t rows;
            if (prepared) {
                weir_query *query;
                must(weir_bind_int64(prepared, 1, i % 1000));
                must(weir_prepared_start(prepared, &query));
                rows = read_rows(query);
            } else {
                rows = run(session, sql);
            }
            times[i] = now_us() - from;
            if (rows != 1) {
                fprintf(stderr, "%s: %zu rows instead of 1\n", name, rows);
                exit(1);
            }
        }
        qsort(times, CALLS, sizeof *times, ascending);
        if (times[CALLS / 2] < best) best = times[CALLS / 2];
    }
    printf("%-40s %7.1f us\n", name, best);
    return best;
}

int main(void)
{
    weir_engine *engine;
    weir_session *session;
    weir_prepared *prepared;
    must(weir_engine_open(&(weir_config){.threads = 1}, &engine));
    must(weir_session_open(engine, &session));
    run(session, "CREATE TABLE one AS SELECT 1 AS id, 'first' AS name, 2.5 AS price");
    run(session, "CREATE TABLE many (id BIGINT PRIMARY KEY, name VARCHAR)");
    run(session, "INSERT INTO many SELECT i, 'name ' || i FROM range(1000) r(i)");
    measure(session, "SELECT 1", "SELECT 1", NULL);
    double figure = measure(session, "one row of a table", "SELECT * FROM one", NULL);
    measure(session, "one row by key", "SELECT name FROM many WHERE id = 500", NULL);
    const char *sql = "SELECT name FROM many WHERE id = $1";
    must(weir_prepare(session, sql, strlen(sql), &prepared));
    measure(session, "one row by key, prepared", NULL, prepared);
    weir_prepared_close(prepared);
    measure(session, "count and sum of 1000 rows", "SELECT count(*), sum(id) FROM many", NULL);
    weir_session_close(session);
    weir_engine_close(engine);
    printf("median %.1f us\n", figure);
    return 0;
}
