/* subscribe.c - SUBSCRIBE: the changes of a query's result, as rows that go on coming.
 *
 * The query runs as a stream of its own, which belongs to the statement. It delivers into a queue
 * of rounds that weir_query_next takes rows from; while the queue is full the stream waits at the
 * end of its round, and so does what it reads. Each row has in front the moment of its round (the
 * same for all of one round, and later for later ones) and 1 or -1.
 *
 * Views are read by their changes, beginning with the rows they have. WITH (SNAPSHOT = false)
 * leaves out what comes of these: the first round that is handed on is one that begins after all
 * of them were read.
 *
 * Threads: the lock guards the queue and is_closed; `open` is the stream's, `reading` the
 * statement's. */
#include "plan/connect.h"
#include "session/session.h"
#include "stream/view.h"

enum { QUEUED_ROWS_MAX = 64 * 1024, OWN_COLUMNS = 2 };
static const int64_t LOOK_EVERY_NS = 20 * INT64_C(1000000);

typedef struct wr_subscription {
    weir_query *query;
    wr_running entry;
    bool skips_rows; /* until what views began with is past */
    wr_round *open;  /* the stream's */
    int64_t last_time;
    wr_mutex lock;
    wr_cond changed;
    wr_round_queue queue; /* guarded by lock */
    bool is_closed;       /* guarded by lock */
    wr_round *reading;    /* the statement's, with the three below */
    int next_delta;
    wr_column *columns;
    int64_t time;
} wr_subscription;

/* ---- the stream's side ---- */

typedef struct queue_target {
    wr_target base;
    wr_subscription *to;
} queue_target;

static wr_subscription *subscription_of(const wr_deliverer *deliverer)
{
    return ((queue_target *)deliverer->target)->to;
}

static weir_status queue_open(wr_target *target, const wr_deliverer_request *request,
                              wr_deliverer **out)
{
    (void)request;
    *out = wr_heap_new(sizeof **out);
    (*out)->target = target;
    return WR_OK;
}

static weir_status queue_write(wr_deliverer *deliverer, const wr_delta *delta)
{
    wr_subscription *s = subscription_of(deliverer);
    if (!s->open) s->open = wr_round_new(s->query->mem);
    return wr_round_add(s->open, delta);
}

static weir_status queue_flush(wr_deliverer *deliverer)
{
    wr_subscription *s = subscription_of(deliverer);
    wr_round *round = s->open;
    weir_status bad = WR_OK;
    s->open = NULL;
    if (s->skips_rows) {
        s->skips_rows = wr_view_rows_is_catching_up(s->entry.stream);
        if (s->skips_rows) {
            wr_round_release(round);
            return WR_OK;
        }
    }
    if (!round) return WR_OK;
    round->time_us = s->last_time = WR_MAX(wr_clock_unix_us(), s->last_time + 1);
    wr_mutex_lock(&s->lock);
    wr_round_push(&s->queue, round);
    wr_cond_broadcast(&s->changed);
    while (!bad && !s->is_closed && s->queue.rows > QUEUED_ROWS_MAX) {
        wr_cond_wait_until(&s->changed, &s->lock, wr_clock_mono_ns() + LOOK_EVERY_NS);
        bad = wr_cancel_check(&s->query->cancel);
    }
    wr_mutex_unlock(&s->lock);
    return bad;
}

static void queue_close(wr_deliverer *deliverer) { wr_heap_drop(deliverer); }
static void queue_drop(wr_target *target) { wr_heap_drop(target); }

static const wr_target_def queue_def = {.open = queue_open,
                                        .write = queue_write,
                                        .flush = queue_flush,
                                        .close = queue_close,
                                        .drop = queue_drop};

static wr_target *queue_target_new(weir_query *query, wr_subscription *to, const wr_schema *schema)
{
    queue_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &queue_def,
                               .connector = "subscription",
                               .schema = *schema,
                               .takes_back = true,
                               .is_of_process = true,
                               .strongest = WR_DELIVERY_BEST_EFFORT,
                               .why_no_more = "rows are handed to who asks for them and not kept",
                               .references = 1};
    target->to = to;
    wr_push(&query->arena, &query->planner.targets, &target->base);
    return &target->base;
}

/* ---- the statement's side ---- */

static weir_status look_at_stream(wr_subscription *s, bool *ended)
{
    return wr_stream_await(s->entry.stream, 0, ended);
}

/* The next round, or NULL at the end. */
static weir_status take_round(wr_subscription *s, wr_round **out)
{
    weir_status bad = WR_OK;
    wr_mutex_lock(&s->lock);
    for (bool ended = false;;) {
        *out = wr_round_pop(&s->queue);
        if (*out || ended) break;
        bad = wr_cancel_check(&s->query->cancel);
        if (!bad) bad = look_at_stream(s, &ended);
        if (bad) break;
        if (!ended && !s->queue.count)
            wr_cond_wait_until(&s->changed, &s->lock, wr_clock_mono_ns() + LOOK_EVERY_NS);
    }
    wr_cond_broadcast(&s->changed);
    wr_mutex_unlock(&s->lock);
    return bad;
}

static void add_own_columns(wr_subscription *s, const wr_delta *delta)
{
    static const int8_t appears = 1;
    uint32_t rows = delta->batch.rows;
    s->time = s->reading->time_us;
    s->columns[0] = (wr_column){.type = wr_type_of(WR_T_TIMESTAMPTZ),
                                .form = WR_CONSTANT,
                                .phys = WR_P_I64,
                                .rows = rows,
                                .data = &s->time};
    s->columns[1] =
        (wr_column){.type = WR_BIGINT,
                    .form = delta->changes ? WR_FLAT : WR_CONSTANT,
                    .phys = WR_P_I8,
                    .rows = rows,
                    .data = (void *)(uintptr_t)(delta->changes ? delta->changes : &appears)};
}

weir_status wr_subscription_next(weir_query *query, bool *more)
{
    wr_subscription *s = query->subscription;
    while (!s->reading || s->next_delta == s->reading->delta_count) {
        wr_round_release(s->reading);
        s->reading = NULL;
        s->next_delta = 0;
        WR_TRY(take_round(s, &s->reading));
        *more = s->reading != NULL;
        if (!*more) return WR_OK;
    }
    *more = true;
    const wr_delta *delta = &s->reading->deltas[s->next_delta++];
    add_own_columns(s, delta);
    for (int c = 0; c < delta->batch.column_count; c++)
        s->columns[OWN_COLUMNS + c] = delta->batch.columns[c];
    query->batch = delta->batch;
    query->batch.columns = s->columns;
    query->batch.column_count += OWN_COLUMNS;
    return WR_OK;
}

void wr_subscription_drop(weir_query *query)
{
    wr_subscription *s = query->subscription;
    if (!s) return;
    query->subscription = NULL;
    wr_mutex_lock(&s->lock);
    s->is_closed = true;
    wr_cond_broadcast(&s->changed);
    wr_mutex_unlock(&s->lock);
    wr_unmake_stream(query->session->engine, &s->entry);
    wr_round_release(s->open);
    wr_round_release(s->reading);
    wr_round_queue_clear(&s->queue);
    wr_mutex_clear(&s->lock);
    wr_cond_clear(&s->changed);
    wr_heap_drop(s);
}

/* ---- the statement ---- */

/* What changes from now on is told. */
static weir_status wait_for_changes(wr_subscription *s)
{
    for (wr_stream_progress p = {0}; !p.has_ended;) {
        bool ended;
        WR_TRY(wr_cancel_check(&s->query->cancel));
        WR_TRY(wr_stream_await(s->entry.stream, wr_clock_mono_ns() + LOOK_EVERY_NS / 4, &ended));
        wr_stream_progress_of(s->entry.stream, &p);
        if (p.rounds && !wr_view_rows_is_catching_up(s->entry.stream)) return WR_OK;
    }
    return WR_OK;
}

static const wr_opt option_rows[] = {
    {"snapshot", WR_OPT_BOOL, "true", "begin with what the rows of views come to"}, {0}};

static weir_status bind_subscribed(weir_query *query, const wr_sql_subscribe *node, wr_bound *out,
                                   bool *snapshot, wr_span *snapshot_span)
{
    wr_options options;
    WR_TRY(wr_bind_options(&query->planner, &node->options, &options));
    WR_TRY(wr_options_check(&options, option_rows, "SUBSCRIBE"));
    WR_TRY(wr_option_bool(&options, option_rows, "snapshot", snapshot, NULL));
    *snapshot_span = options.count ? options.items[0].span : node->node.span;
    query->planner.reads_changes = true;
    WR_TRY(wr_bind_statement(&query->planner, node->query, out));
    wr_bound_drop_order(query, out);
    return WR_OK;
}

/* Its own columns, then the query's. */
static void take_schema(weir_query *query, const wr_schema *schema)
{
    wr_field *fields = wr_new_array(&query->arena, wr_field, schema->count + OWN_COLUMNS);
    fields[0] = (wr_field){WR_STR("weir_time"), wr_type_of(WR_T_TIMESTAMPTZ)};
    fields[1] = (wr_field){WR_STR("weir_diff"), WR_BIGINT};
    for (int i = 0; i < schema->count; i++)
        fields[OWN_COLUMNS + i] = schema->fields[i];
    query->schema = (wr_schema){.fields = fields, .count = schema->count + OWN_COLUMNS};
}

static weir_status begin(weir_query *query, wr_bound *bound, bool snapshot, wr_span span)
{
    static _Atomic uint64_t number;
    wr_subscription *s = query->subscription = wr_heap_new(sizeof *s);
    s->query = query;
    wr_mutex_init(&s->lock);
    wr_cond_init(&s->changed);
    s->columns = wr_new_array(&query->arena, wr_column, bound->schema.count + OWN_COLUMNS);
    bound->target = queue_target_new(query, s, &bound->schema);
    wr_str name = wr_arena_printf(&query->arena, "subscribe-%llu", (unsigned long long)++number);
    const weir_stream_options given = {.name = name.data, .state_folder = ""};
    WR_TRY(wr_make_stream(query, bound, &given, &s->entry));
    if (!snapshot && !wr_view_rows_is_read_by(s->entry.stream))
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                       "the query reads no materialized view: there are no rows "
                                       "to leave out at its beginning"),
                            "sources are read from their beginning");
    s->skips_rows = !snapshot;
    wr_query_leave_transaction(query);
    WR_TRY(wr_stream_start(s->entry.stream));
    return snapshot ? WR_OK : wait_for_changes(s);
}

weir_status wr_run_subscribe(weir_query *query, const wr_sql_subscribe *node)
{
    wr_bound bound;
    bool snapshot;
    wr_span span;
    query->tag = "SUBSCRIBE";
    WR_TRY(bind_subscribed(query, node, &bound, &snapshot, &span));
    take_schema(query, &bound.schema);
    weir_status bad = begin(query, &bound, snapshot, span);
    if (bad) {
        wr_subscription_drop(query);
        return wr_with_span(bad, node->node.span);
    }
    query->kind = WEIR_ROWS;
    return WR_OK;
}

weir_status wr_explain_subscribe(weir_query *query, const wr_sql_subscribe *node, bool as_json,
                                 wr_buf *out)
{
    wr_bound bound;
    bool snapshot;
    wr_span span;
    WR_TRY(bind_subscribed(query, node, &bound, &snapshot, &span));
    wr_target *target = queue_target_new(query, NULL, &bound.schema);
    return wr_with_span(
        wr_explain_stream(query, &bound, target, WR_STR("subscription"), as_json, out),
        node->node.span);
}
