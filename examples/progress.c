/* progress.c - watching a query from another thread: rows read, memory held, phase. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

static atomic_bool over;

static void *watch(void *query)
{
    uint64_t before = 0;
    while (!over) {
        weir_progress now;
        weir_query_progress(query, &now); /* any thread, any time while the query exists */
        if (now.rows < before) puts("rows went backwards");
        before = now.rows;
        if (now.fraction >= 0) fprintf(stderr, "%3.0f %%, %.1f s\n", now.fraction * 100, now.elapsed_us / 1e6);
        usleep(50 * 1000);
    }
    return NULL;
}

int main(void)
{
    const char *sql = "select count(distinct i % 100000) as n from range(20000000) r(i)";
    weir_engine *engine;
    weir_session *session;
    weir_query *query;
    const weir_rows *rows;
    pthread_t thread;
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    if (weir_query_start(session, sql, strlen(sql), &query)) return 1;
    if (pthread_create(&thread, NULL, watch, query)) return 1;
    weir_status bad = weir_query_next(query, &rows);
    over = true;
    pthread_join(thread, NULL);
    if (!bad && rows) printf("%lld different values\n", (long long)weir_rows_int64(rows, 0, 0));
    weir_query_close(query);
    weir_error_drop(bad);
    weir_session_close(session);
    weir_engine_close(engine);
    return bad != NULL;
}
