/* sink.c - a sink of the host program that takes part in commits.
 *
 * Rows are kept in memory until prepare makes them part of the token, which the engine keeps with
 * the state of the stream; commit shows them. An epoch that was committed before is left out, so
 * that nothing is shown twice when commit is called again after a crash. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

typedef struct keeper {
    int64_t pending[100], visible[100];
    int pending_count, visible_count;
    uint64_t epoch;
    char query[16];
} keeper;

static weir_status keeper_open(void *arg, const char *query, const struct ArrowSchema *schema, void **writer)
{
    (void)schema;
    snprintf(((keeper *)arg)->query, sizeof ((keeper *)arg)->query, "%s", query);
    *writer = arg;
    return NULL;
}

static weir_status keeper_write(void *writer, const struct ArrowSchema *schema, struct ArrowArray *rows)
{
    keeper *k = writer;
    const struct ArrowArray *column = rows->children[0];
    (void)schema;
    if (k->pending_count + rows->length > 100) return weir_error_new("there is room for 100 rows", NULL);
    memcpy(k->pending + k->pending_count, (const int64_t *)column->buffers[1] + column->offset,
           (size_t)rows->length * sizeof(int64_t));
    k->pending_count += (int)rows->length;
    return NULL;
}

static weir_status keeper_prepare(void *writer, uint64_t epoch, weir_bytes *token)
{
    keeper *k = writer;
    (void)epoch;
    if (k->pending_count) printf("%d rows prepared\n", k->pending_count);
    weir_bytes_add(token, k->pending, (size_t)k->pending_count * sizeof(int64_t));
    k->pending_count = 0;
    return NULL;
}

static weir_status keeper_commit(void *writer, uint64_t epoch, const void *token, size_t size)
{
    keeper *k = writer;
    if (epoch <= k->epoch) return NULL;
    k->epoch = epoch;
    if (size) memcpy(k->visible + k->visible_count, token, size);
    k->visible_count += (int)(size / sizeof(int64_t));
    return NULL;
}

static void keeper_abort(void *writer) { ((keeper *)writer)->pending_count = 0; }

static weir_status run(weir_session *session, const char *sql)
{
    weir_query *query = NULL;
    weir_status bad = weir_query_start(session, sql, strlen(sql), &query);
    weir_query_close(query);
    return bad;
}

int main(void)
{
    static keeper k;
    const char *insert = "INSERT INTO big SELECT 1000 * n FROM numbers";
    weir_sink sink = {.name = "keeper", .arg = &k, .open = keeper_open, .write = keeper_write,
                      .prepare = keeper_prepare, .commit = keeper_commit, .abort = keeper_abort};
    weir_stream_options options = {.name = "q"};
    struct ArrowArrayStream rows;
    weir_engine *engine;
    weir_session *session;
    weir_stream *stream = NULL;
    weir_push *push = NULL;
    weir_query *query = NULL;
    bool ended = false;
    weir_status bad = weir_engine_open(NULL, &engine);
    if (!bad) bad = weir_session_open(engine, &session);
    if (!bad) bad = weir_sink_create(session, &sink);
    if (!bad) bad = run(session, "CREATE SOURCE numbers (n BIGINT) WITH (connector = 'push')");
    if (!bad) bad = run(session, "CREATE SINK big (n BIGINT) WITH (connector = 'callback', name = 'keeper')");
    if (!bad) bad = weir_stream_open(session, insert, strlen(insert), &options, &stream);
    if (!bad) bad = weir_stream_start(stream);
    if (!bad) bad = weir_push_open(session, "numbers", &push);
    if (!bad) bad = weir_query_start(session, "SELECT i AS n FROM range(1, 4) t(i)", 35, &query);
    if (!bad) bad = weir_query_stream(query, &rows);
    if (!bad) bad = weir_push_stream(push, &rows);
    if (push) weir_push_end(push);
    if (!bad) bad = weir_stream_await(stream, 20000, &ended);
    if (bad) {
        fprintf(stderr, "%s\n", weir_error_message(bad));
        return 1;
    }
    printf("%d rows visible\n%s:", k.visible_count, k.query);
    for (int i = 0; i < k.visible_count; i++)
        printf("%s %lld", i ? "," : "", (long long)k.visible[i]);
    printf("\n");
    weir_stream_close(stream);
    weir_push_close(push);
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
