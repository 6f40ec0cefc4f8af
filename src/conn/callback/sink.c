/* sink.c - a sink whose rows go to functions of the host program.
 *
 * The program defines the sink under a name (weir_sink_create); CREATE SINK says which one. Rows
 * leave as Arrow arrays that own their memory. A program that gives prepare and commit takes part
 * in checkpoints: what it says in prepare is part of the state, and commit is repeated with it
 * after a crash.
 *
 * The program tells a repeated commit by its number. That of the engine's epoch would not do: a
 * query that begins again without its state counts from 1, and its rows must not be taken for old
 * ones. So commits are numbered by the clock, and the token begins with the number. */
#include "conn/callback/callback.h"
#include "spi/host_sink.h"
#include "sys/clock.h"

const wr_opt wr_callback_sink_options[] = {
    {"name", WR_OPT_TEXT, NULL, "the sink that the program defined (required)"}, {0}};

typedef struct callback_target {
    wr_target base;
    wr_host_sink *sink;
    wr_arena arena;
} callback_target;

typedef struct callback_deliverer {
    wr_deliverer base;
    const wr_host_sink_def *def;
    void *writer;
    bool is_open;
    uint64_t number;  /* of the last commit */
    wr_schema schema; /* with "change" in front if changes are taken */
    struct ArrowSchema arrow;
    wr_arena arena, scratch;
} callback_deliverer;

static weir_status failed(const callback_deliverer *d, weir_status bad)
{
    return bad ? wr_wrap(bad, "sink %s", d->def->name) : WR_OK;
}

static void callback_close(wr_deliverer *base)
{
    callback_deliverer *d = (callback_deliverer *)base;
    if (d->is_open && d->def->close) d->def->close(d->writer);
    if (d->arrow.release) d->arrow.release(&d->arrow);
    wr_arena_clear(&d->arena);
    wr_arena_clear(&d->scratch);
    wr_heap_drop(d);
}

/* The columns that leave. */
static void make_schema(callback_deliverer *d, const wr_schema *rows)
{
    int first = d->def->takes_changes;
    d->schema.count = rows->count + first;
    d->schema.fields = wr_new_array(&d->arena, wr_field, d->schema.count + 1);
    if (first) d->schema.fields[0] = (wr_field){WR_STR("change"), wr_type_of(WR_T_TINYINT)};
    for (int i = 0; i < rows->count; i++)
        d->schema.fields[first + i] = rows->fields[i];
}

static weir_status callback_open(wr_target *base, const wr_deliverer_request *request,
                                 wr_deliverer **out)
{
    callback_target *target = (callback_target *)base;
    callback_deliverer *d = wr_heap_new(sizeof *d);
    d->base.target = base;
    d->def = &target->sink->def;
    make_schema(d, &base->schema);
    weir_status bad = wr_arrow_export_schema(&d->schema, &d->arrow);
    char *query = wr_heap_copy(request->query.data, request->query.length);
    if (!bad) bad = failed(d, d->def->open(d->def->arg, query, &d->arrow, &d->writer));
    wr_heap_drop(query);
    d->is_open = !bad;
    if (bad)
        callback_close(&d->base);
    else
        *out = &d->base;
    return bad;
}

/* The batch with what happens to its rows in front. */
static void add_changes(callback_deliverer *d, const wr_delta *delta, wr_batch *out)
{
    const wr_batch *in = &delta->batch;
    *out = *in;
    out->columns = wr_new_array(&d->scratch, wr_column, d->schema.count + 1);
    out->column_count = d->schema.count;
    wr_column *change = &out->columns[0];
    wr_column_init(change, &d->scratch, d->schema.fields[0].type, WR_P_I8, in->rows + 1);
    change->rows = in->rows;
    if (delta->changes)
        memcpy(change->data, delta->changes, in->rows);
    else
        memset(change->data, 1, in->rows);
    for (int i = 1; i < d->schema.count; i++)
        out->columns[i] = in->columns[i - 1];
}

static weir_status callback_write(wr_deliverer *base, const wr_delta *delta)
{
    callback_deliverer *d = (callback_deliverer *)base;
    wr_batch batch = delta->batch;
    struct ArrowArray rows;
    if (wr_batch_count(&batch) == 0) return WR_OK;
    wr_arena_reset(&d->scratch);
    batch.column_count = d->schema.count;
    if (d->def->takes_changes) add_changes(d, delta, &batch);
    WR_TRY(wr_arrow_export_batch(&d->schema, &batch, &rows));
    weir_status bad = d->def->write(d->writer, &d->arrow, &rows);
    if (rows.release) rows.release(&rows);
    return failed(d, bad);
}

static weir_status callback_prepare(wr_deliverer *base, uint64_t epoch, wr_buf *token)
{
    callback_deliverer *d = (callback_deliverer *)base;
    (void)epoch;
    d->number = WR_MAX(d->number + 1, (uint64_t)wr_clock_unix_us());
    wr_buf_add(token, &d->number, sizeof d->number);
    return failed(d, d->def->prepare(d->writer, d->number, token));
}

static weir_status callback_commit(wr_deliverer *base, uint64_t epoch, wr_str token)
{
    callback_deliverer *d = (callback_deliverer *)base;
    uint64_t number;
    (void)epoch;
    if (token.length < sizeof number)
        return failed(d, wr_fail(WR_E_CORRUPT, "a token of %zu bytes", token.length));
    memcpy(&number, token.data, sizeof number);
    d->number = WR_MAX(d->number, number);
    return failed(d, d->def->commit(d->writer, number, token.data + sizeof number,
                                    token.length - sizeof number));
}

static weir_status callback_flush(wr_deliverer *base)
{
    callback_deliverer *d = (callback_deliverer *)base;
    if (d->def->flush) return failed(d, d->def->flush(d->writer));
    if (!d->def->prepare) return WR_OK;
    WR_BUF(token);
    WR_TRY(callback_prepare(base, 0, &token));
    return callback_commit(base, 0, wr_buf_str(&token));
}

static void callback_abort(wr_deliverer *base)
{
    callback_deliverer *d = (callback_deliverer *)base;
    if (d->def->abort) d->def->abort(d->writer);
}

static void callback_drop(wr_target *base)
{
    callback_target *target = (callback_target *)base;
    wr_host_sink_release(target->sink);
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

static const wr_target_def committing_def = {.open = callback_open,
                                             .write = callback_write,
                                             .prepare = callback_prepare,
                                             .commit = callback_commit,
                                             .flush = callback_flush,
                                             .abort = callback_abort,
                                             .close = callback_close,
                                             .drop = callback_drop};
static const wr_target_def flushing_def = {.open = callback_open,
                                           .write = callback_write,
                                           .flush = callback_flush,
                                           .abort = callback_abort,
                                           .close = callback_close,
                                           .drop = callback_drop};

static weir_status find_sink(const wr_connect *connect, wr_host_sink **out)
{
    wr_str name;
    bool is_set;
    WR_TRY(wr_option_text(connect->options, wr_callback_sink_options, "name", &name, &is_set));
    if (!is_set)
        return wr_fail(WR_E_UNKNOWN_OPTION, "connector = 'callback' needs the option name");
    const wr_format_context *context = connect->context;
    *out = context && context->host_sink ? context->host_sink(context->host, name) : NULL;
    if (*out) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_UNKNOWN_TABLE, "the program has defined no sink \"%.*s\"", WR_STR_ARGS(name)),
        "weir_sink_create defines one");
}

weir_status wr_callback_sink(const wr_connect *connect, wr_target **out)
{
    wr_host_sink *sink;
    WR_TRY(wr_options_check(connect->options, wr_callback_sink_options, "callback"));
    WR_TRY(find_sink(connect, &sink));
    callback_target *target = wr_heap_new(sizeof *target);
    bool commits = sink->def.prepare != NULL;
    target->sink = sink;
    target->base =
        (wr_target){.def = commits ? &committing_def : &flushing_def,
                    .connector = "callback",
                    .takes_back = sink->def.takes_changes,
                    .strongest = commits ? WR_DELIVERY_EXACTLY_ONCE : WR_DELIVERY_AT_LEAST_ONCE,
                    .why_no_more = commits ? NULL : "the sink has no prepare and commit",
                    .references = 1};
    if (connect->schema) target->base.schema = *wr_schema_copy(&target->arena, connect->schema);
    int *keys = wr_new_array(&target->arena, int, connect->key_count + 1);
    for (int i = 0; i < connect->key_count; i++)
        keys[i] = connect->keys[i];
    target->base.keys = keys;
    target->base.key_count = connect->key_count;
    *out = &target->base;
    return WR_OK;
}
