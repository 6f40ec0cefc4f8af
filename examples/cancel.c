/* cancel.c - stopping a query from another thread. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

/* Cancelling may be done by any thread while the query exists. */
static void *cancel_soon(void *query)
{
    usleep(200 * 1000);
    weir_query_cancel(query);
    return NULL;
}

int main(void)
{
    const char *sql = "select count(*) from range(1000000000000) r(i) where i % 7 = 8";
    weir_engine *engine;
    weir_session *session;
    weir_query *query;
    const weir_rows *rows;
    pthread_t thread;
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    if (weir_query_start(session, sql, strlen(sql), &query)) return 1;
    if (pthread_create(&thread, NULL, cancel_soon, query)) return 1;
    weir_status bad = weir_query_next(query, &rows);
    pthread_join(thread, NULL); /* before the query is closed */
    weir_query_close(query);
    if (!bad) return 1;
    printf("%s: %s\n", weir_error_sqlstate(bad), weir_error_message(bad));
    weir_error_drop(bad);
    weir_session_close(session); /* the session could go on with other statements */
    weir_engine_close(engine);
    return 0;
}
