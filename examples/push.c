/* push.c - rows of the program as a source: brings batches of Arrow arrays to a query that goes on. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static const char *script =
    "create source readings (place varchar, degrees double) with (connector = 'push');"
    "create table warm (place varchar, degrees double);"
    "insert into warm select place, degrees from readings where degrees > 20";

static const char *rows = "select 'Rome' as place, 30 as degrees union all select 'Oslo', 12";

int main(void)
{
    weir_engine *engine;
    weir_session *session;
    weir_stream *stream;
    weir_push *push;
    weir_query *query;
    struct ArrowArrayStream batches; /* here of a query; any producer of Arrow will do */
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    if (weir_stream_open(session, script, strlen(script), NULL, &stream)) return 1;
    if (weir_stream_start(stream) || weir_push_open(session, "readings", &push)) return 1;
    if (weir_query_start(session, rows, strlen(rows), &query)) return 1;
    if (weir_query_stream(query, &batches) || weir_push_stream(push, &batches)) return 1;
    weir_push_end(push); /* the query ends when it has read all */
    bool ended;
    weir_status bad = weir_stream_await(stream, 10 * 1000, &ended);
    if (bad) fprintf(stderr, "%s\n", weir_error_message(bad));
    weir_error_drop(bad);
    weir_stream_figures figures;
    weir_stream_progress(stream, &figures);
    printf("%llu rows in, %llu out\n", (unsigned long long)figures.rows_in,
           (unsigned long long)figures.rows_out);
    weir_push_close(push);
    weir_stream_close(stream);
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
