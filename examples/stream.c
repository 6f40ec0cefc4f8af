/* stream.c - a query over data that goes on, beside its session: start it, wait, look at it, stop. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static const char *script =
    "create source bids with (connector = 'nexmark', table = 'bid', events = 5000);"
    "create sink nothing (auction bigint, price bigint) with (connector = 'blackhole');"
    "insert into nothing select auction, price from bids";

int main(void)
{
    weir_engine *engine;
    weir_session *session;
    weir_stream *stream;
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    if (weir_stream_open(session, script, strlen(script), NULL, &stream)) return 1;
    if (weir_stream_start(stream)) return 1; /* on a thread of its own */
    bool ended;                              /* a source without end: weir_stream_stop first */
    weir_status bad = weir_stream_await(stream, 10 * 1000, &ended);
    if (bad) fprintf(stderr, "%s\n", weir_error_message(bad));
    weir_error_drop(bad);
    weir_stream_figures figures;
    weir_stream_progress(stream, &figures);
    printf("%s: %s, %llu rows in, %llu out\n", weir_stream_name(stream),
           ended ? "ended" : "goes on", (unsigned long long)figures.rows_in,
           (unsigned long long)figures.rows_out);
    char *json = weir_stream_snapshot(stream); /* everything about it, for programs */
    printf("%.*s\n", (int)strcspn(json, ","), json);
    weir_text_free(json);
    weir_stream_close(stream);
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
