/* host_sink.c - sinks of the host program by name.
 *
 * They belong to the engine, not to the catalog: CREATE SINK .. WITH (connector = 'callback') makes
 * the object of the catalog, which keeps the definition it found. */
#include "session/session.h"
#include "spi/host_sink.h"

/* What the host gave, behind callbacks that take bytes by their name inside. A writer knows it. */
typedef struct definition {
    weir_sink sink;
} definition;

typedef struct writer {
    const definition *d;
    void *inner;
} writer;

static weir_status open_writer(void *arg, const char *query, const struct ArrowSchema *schema,
                               void **out)
{
    const definition *d = arg;
    writer *w = wr_heap_new(sizeof *w);
    w->d = d;
    weir_status bad = d->sink.open(d->sink.arg, query, schema, &w->inner);
    if (bad)
        wr_heap_drop(w);
    else
        *out = w;
    return bad;
}

static weir_status write_rows(void *arg, const struct ArrowSchema *schema, struct ArrowArray *rows)
{
    const writer *w = arg;
    return w->d->sink.write(w->inner, schema, rows);
}

static weir_status prepare(void *arg, uint64_t epoch, wr_buf *token)
{
    const writer *w = arg;
    return w->d->sink.prepare(w->inner, epoch, (weir_bytes *)token);
}

static weir_status commit(void *arg, uint64_t epoch, const void *token, size_t size)
{
    const writer *w = arg;
    return w->d->sink.commit(w->inner, epoch, token, size);
}

static weir_status flush(void *arg)
{
    const writer *w = arg;
    return w->d->sink.flush(w->inner);
}

static void abort_writer(void *arg)
{
    const writer *w = arg;
    if (w->d->sink.abort) w->d->sink.abort(w->inner);
}

static void close_writer(void *arg)
{
    writer *w = arg;
    if (w->d->sink.close) w->d->sink.close(w->inner);
    wr_heap_drop(w);
}

static void drop_sink(void *arg)
{
    definition *d = arg;
    if (d->sink.drop) d->sink.drop(d->sink.arg);
    wr_heap_drop(d);
}

/* In place of the one that has the name, which lives on where it is used. */
static void enter(weir_engine *engine, wr_host_sink *sink)
{
    wr_host_sink *before = NULL;
    wr_mutex_lock(&engine->lock);
    wr_host_sink **at = &engine->sinks;
    while (*at && !wr_str_ieq(wr_str_of((*at)->name), wr_str_of(sink->name)))
        at = &(*at)->next;
    if (*at) {
        before = *at;
        *at = before->next;
    }
    sink->next = engine->sinks;
    engine->sinks = sink;
    wr_mutex_unlock(&engine->lock);
    wr_host_sink_release(before);
}

weir_status weir_sink_create(weir_session *session, const weir_sink *given)
{
    bool is_whole = given->name && *given->name && given->open && given->write &&
                    !given->prepare == !given->commit;
    if (!is_whole) {
        if (given->drop) given->drop(given->arg);
        return wr_fail(WR_E_API_MISUSE, "the definition of a sink lacks a name or a callback");
    }
    definition *d = wr_heap_new(sizeof *d);
    wr_host_sink *sink = wr_heap_new(sizeof *sink);
    d->sink = *given;
    sink->name = wr_heap_copy(given->name, strlen(given->name));
    sink->references = 1;
    sink->def = (wr_host_sink_def){.name = sink->name,
                                   .arg = d,
                                   .takes_changes = given->takes_changes,
                                   .open = open_writer,
                                   .write = write_rows,
                                   .prepare = given->prepare ? prepare : NULL,
                                   .commit = given->commit ? commit : NULL,
                                   .flush = given->flush ? flush : NULL,
                                   .abort = abort_writer,
                                   .close = close_writer,
                                   .drop = drop_sink};
    enter(session->engine, sink);
    return WR_OK;
}

wr_host_sink *wr_engine_sink(void *host, wr_str name)
{
    weir_engine *engine = host;
    wr_mutex_lock(&engine->lock);
    wr_host_sink *sink = engine->sinks;
    while (sink && !wr_str_ieq(wr_str_of(sink->name), name))
        sink = sink->next;
    if (sink) wr_host_sink_keep(sink);
    wr_mutex_unlock(&engine->lock);
    return sink;
}

void wr_engine_drop_sinks(weir_engine *engine)
{
    while (engine->sinks) {
        wr_host_sink *sink = engine->sinks;
        engine->sinks = sink->next;
        wr_host_sink_release(sink);
    }
}
