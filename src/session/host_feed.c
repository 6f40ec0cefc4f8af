/* host_feed.c - sources of the host program by name, and their arrays as batches.
 *
 * They belong to the engine, as its sinks do (host_sink.c). An array is kept until the next read;
 * batches point into it where its layout and types are the engine's own. */
#include "expr/cast.h"
#include "host/array.h"
#include "session/session.h"
#include "spi/host_feed.h"

typedef struct definition {
    weir_feed feed; /* its name is that of the host feed */
} definition;

typedef struct reader {
    const definition *d;
    void *inner;
    const wr_schema *wanted;
    wr_mem *mem;
    wr_host_schema *schema; /* of the arrays that come; NULL before the first */
    wr_host_array *array;   /* NULL: no rows are at hand */
    int *from;              /* which of its columns is column i of the source */
} reader;

/* ---- reading ---- */

static void close_reader(void *arg)
{
    reader *r = arg;
    if (r->d->feed.close) r->d->feed.close(r->inner);
    wr_host_array_release(r->array);
    wr_host_schema_release(r->schema);
    wr_heap_drop(r->from);
    wr_heap_drop(r);
}

static weir_status open_reader(void *arg, const wr_schema *wanted, wr_str position, wr_mem *mem,
                               void **out)
{
    const definition *d = arg;
    void *inner = NULL;
    WR_TRY(d->feed.open(d->feed.arg, position.data, position.length, &inner));
    reader *r = wr_heap_new(sizeof *r);
    r->d = d;
    r->inner = inner;
    r->wanted = wanted;
    r->mem = mem;
    r->from = wr_heap_new(sizeof *r->from * (size_t)(wanted->count + 1));
    *out = r;
    return WR_OK;
}

/* Takes over what was given. */
static weir_status take_schema(reader *r, struct ArrowSchema *schema)
{
    wr_host_schema *fresh;
    if (!schema->release) return WR_OK;
    WR_TRY(wr_host_schema_new(schema, &fresh));
    wr_host_schema_release(r->schema);
    r->schema = fresh;
    return wr_match_columns(r->d->feed.name, r->wanted, &fresh->columns, r->from);
}

static weir_status take_rows(reader *r, weir_read *read, wr_host_rows *out)
{
    WR_TRY(take_schema(r, &read->schema));
    if (!read->rows.release) return WR_OK;
    if (!r->schema) return wr_fail(WR_E_API_MISUSE, "the first rows of a source have no schema");
    WR_TRY(wr_host_array_new(r->schema, &read->rows, r->mem, &r->array));
    out->rows = wr_host_array_rows(r->array);
    return WR_OK;
}

static weir_status read_rows(void *arg, int64_t timeout_ms, wr_host_rows *out)
{
    reader *r = arg;
    weir_read read = {.timeout_ms = timeout_ms, .position = (weir_bytes *)&out->position};
    out->rows = -1;
    wr_host_array_release(WR_TAKE(r->array));
    weir_status bad = r->d->feed.read(r->inner, &read);
    if (!bad) bad = take_rows(r, &read, out);
    if (read.rows.release) read.rows.release(&read.rows);
    if (read.schema.release) read.schema.release(&read.schema);
    out->has_ended = read.has_ended;
    return bad;
}

static weir_status columns_of(void *arg, int64_t from, uint32_t count, const int *columns,
                              int column_count, wr_arena *arena, wr_batch *out)
{
    reader *r = arg;
    *out = (wr_batch){.rows = count,
                      .column_count = column_count,
                      .columns = wr_new_array(arena, wr_column, column_count + 1)};
    for (int c = 0; c < column_count; c++) {
        wr_column column;
        WR_TRY(wr_host_array_column(r->array, r->from[columns[c]], from, count, arena, &column));
        WR_TRY(wr_convert_column(&column, r->wanted->fields[columns[c]].type, arena,
                                 &out->columns[c]));
    }
    return WR_OK;
}

static int64_t lag_of(void *arg)
{
    const reader *r = arg;
    return r->d->feed.lag(r->inner);
}

static weir_status acknowledge(void *arg, wr_str position)
{
    const reader *r = arg;
    return r->d->feed.ack(r->inner, position.data, position.length);
}

static void drop_feed(void *arg)
{
    definition *d = arg;
    if (d->feed.drop) d->feed.drop(d->feed.arg);
    wr_heap_drop(d);
}

/* ---- by name ---- */

/* The link that points to the one of this name, or to the end. Locked. */
static wr_host_feed **find(weir_engine *engine, wr_str name)
{
    wr_host_feed **at = &engine->feeds;
    while (*at && !wr_str_ieq(wr_str_of((*at)->name), name))
        at = &(*at)->next;
    return at;
}

static void enter(weir_engine *engine, wr_host_feed *feed)
{
    wr_mutex_lock(&engine->lock);
    wr_host_feed **at = find(engine, wr_str_of(feed->name)), *before = *at;
    feed->next = before ? before->next : NULL;
    *at = feed;
    wr_mutex_unlock(&engine->lock);
    wr_host_feed_release(before);
}

weir_status weir_feed_create(weir_session *session, const weir_feed *given)
{
    if (!given->name || !*given->name || !given->open || !given->read) {
        if (given->drop) given->drop(given->arg);
        return wr_fail(WR_E_API_MISUSE, "the definition of a source lacks a name or a callback");
    }
    definition *d = wr_heap_new(sizeof *d);
    wr_host_feed *feed = wr_heap_new(sizeof *feed);
    d->feed = *given;
    d->feed.name = feed->name = wr_heap_copy(given->name, strlen(given->name));
    feed->references = 1;
    feed->def = (wr_host_feed_def){.name = feed->name,
                                   .arg = d,
                                   .is_bounded = given->is_bounded,
                                   .is_forgetful = given->is_forgetful,
                                   .knows_lag = given->lag,
                                   .wants_acks = given->ack,
                                   .open = open_reader,
                                   .read = read_rows,
                                   .columns = columns_of,
                                   .lag = lag_of,
                                   .ack = acknowledge,
                                   .close = close_reader,
                                   .drop = drop_feed};
    enter(session->engine, feed);
    return WR_OK;
}

wr_host_feed *wr_engine_feed(void *host, wr_str name)
{
    weir_engine *engine = host;
    wr_mutex_lock(&engine->lock);
    wr_host_feed *feed = *find(engine, name);
    if (feed) wr_host_feed_keep(feed);
    wr_mutex_unlock(&engine->lock);
    return feed;
}

void wr_engine_drop_feeds(weir_engine *engine)
{
    while (engine->feeds) {
        wr_host_feed *feed = engine->feeds;
        engine->feeds = feed->next;
        wr_host_feed_release(feed);
    }
}
