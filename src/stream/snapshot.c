/* snapshot.c - a continuous query as JSON for programs and as text for people.
 *
 * The object has every field of Velaria's snapshotJson under its name and in its order, with
 * measured values, and behind them, from "v" on, what is ours: lag, watermark, late rows, commits.
 * A field whose question does not arise here (a queue between processes, say) has the value that
 * answers it truthfully: there is none, one batch is on its way at a time. Costs are microseconds
 * per batch, payloads bytes of the columns that are read.
 *
 * Threads: any. Everything that changes is copied under the lock; the graph is only asked for what
 * stays as it was built. */
#include "stream/running.h"
#include "base/date.h"
#include "stream/watermark.h"

const char *wr_delivery_text(wr_delivery delivery)
{
    static const char *const texts[] = {"best-effort", "at-least-once", "exactly-once"};
    return texts[delivery];
}

const char *wr_execution_mode(const wr_stream *s)
{
    return s->division.worker_count > 1 && !s->alone ? "local-workers" : "single-process";
}

void wr_execution_reason(const wr_stream *s, wr_buf *out)
{
    const wr_division *division = &s->division;
    bool wants = s->options.worker_count > 1;
    if (division->part_count == 1 && wants)
        wr_buf_printf(out, "not divided among workers: %s", division->why);
    else if (division->part_count == 1)
        wr_buf_add_text(out, "configured single-process execution");
    else if (s->alone)
        wr_buf_printf(out, "divided among %d workers, but one thread does their work: %s",
                      division->worker_count, s->alone);
    else
        wr_buf_printf(out, "%d %s, %d partitions of the state, %s", division->worker_count,
                      division->worker_count == 1 ? "worker" : "workers", division->part_count,
                      division->why);
    if (wants && division->part_count > 1 && s->options.worker_count > division->part_count)
        wr_buf_add_text(out, "; its state was made for no more workers");
}

static const char *status_text(wr_stream_status status)
{
    static const char *const texts[] = {"created",      "restored", "running",
                                        "backpressure", "stopped",  "failed"};
    return texts[status];
}

static void key(wr_buf *out, const char *name)
{
    if (out->data[out->length - 1] != '{') wr_buf_add_char(out, ',');
    wr_buf_add_json(out, wr_str_of(name));
    wr_buf_add_char(out, ':');
}
static void text(wr_buf *out, const char *name, const char *value)
{
    key(out, name);
    wr_buf_add_json(out, wr_str_of(value));
}
static void number(wr_buf *out, const char *name, int64_t value)
{
    key(out, name);
    wr_buf_printf(out, "%lld", (long long)value);
}
static void flag(wr_buf *out, const char *name, bool value)
{
    key(out, name);
    wr_buf_add_text(out, value ? "true" : "false");
}

static bool is_bounded(const wr_graph *graph)
{
    for (int i = 0; i < graph->source_count; i++)
        if (!graph->sources[i].source->is_bounded) return false;
    return true;
}

/* What the operators are, as far as programs ask for it. */
typedef struct shape {
    int stateful;
    const wr_stream_op *group; /* the last that groups; NULL: none */
    bool has_window;
} shape;

static shape shape_of(const wr_graph *graph)
{
    shape out = {0};
    for (int i = 0; i < graph->op_count; i++) {
        const wr_stream_op *op = graph->ops[i];
        out.stateful += op->def->is_stateful && op->def != &wr_stream_watermark;
        if (strstr(op->def->name, "group")) out.group = op;
        out.has_window |= strstr(op->def->name, "window") || strstr(op->def->name, "session");
    }
    return out;
}

/* Notes are written when operators are opened. */
static const char *note_of(const wr_stream_op *op, wr_stream_status status)
{
    return status == WR_STREAM_CREATED ? "" : op->note;
}

static void add_execution(const wr_stream *s, const shape *is, wr_stream_status status, wr_buf *out)
{
    const char *note = is->group ? note_of(is->group, status) : "";
    bool workers = s->options.worker_count > 1;
    text(out, "requested_execution_mode", workers ? "local-workers" : "single-process");
    text(out, "execution_mode", wr_execution_mode(s));
    WR_BUF(reason);
    wr_execution_reason(s, &reason);
    text(out, "execution_reason", reason.data);
    text(out, "transport_mode", "inproc");
    text(out, "aggregate_impl", is->group ? "hash-ref" : "not-applicable");
    text(out, "aggregate_reason",
         !is->group ? "the query has no grouping"
         : *note    ? note
                    : "groups live in hash tables of this process");
}

static void add_flow(const wr_stream *s, const wr_stream_progress *p, wr_str positions, wr_buf *out)
{
    bool in_flight = s->in_flight;
    number(out, "batches_pulled", (int64_t)p->batches);
    number(out, "batches_processed", (int64_t)p->batches - in_flight);
    number(out, "blocked_count", (int64_t)p->blocked_rounds);
    number(out, "max_backlog_batches", (int64_t)p->backlog_max);
    number(out, "inflight_batches", in_flight);
    number(out, "inflight_partitions", in_flight);
    number(out, "last_batch_latency_ms", p->last_batch_us / 1000);
    number(out, "last_sink_latency_ms", p->last_sink_us / 1000);
    number(out, "last_state_latency_ms", p->last_checkpoint_us / 1000);
    key(out, "last_source_offset");
    wr_buf_add_json(out, positions);
    flag(out, "backpressure_active", p->status == WR_STREAM_BACKPRESSURE);
}

static int64_t per(uint64_t amount, uint64_t count)
{
    return count ? (int64_t)(amount / count) : 0;
}

static void ratio(wr_buf *out, const char *name, int64_t above, int64_t below)
{
    key(out, name);
    wr_buf_printf(out, "%.3f", below > 0 ? (double)above / (double)below : 0.0);
}

/* Nothing between processes: what Velaria estimates about the choice is measured of
 * the way that was taken. */
static void add_cost(const wr_stream *s, const wr_stream_progress *p, const shape *is, wr_buf *out)
{
    flag(out, "actor_eligible", s->division.can_be);
    flag(out, "used_actor_runtime", false);
    flag(out, "used_shared_memory", false);
    flag(out, "has_stateful_ops", is->stateful > 0);
    flag(out, "has_window", is->has_window);
    flag(out, "sink_is_blocking", s->delivery == WR_DELIVERY_EXACTLY_ONCE);
    flag(out, "source_is_bounded", is_bounded(s->graph));
    number(out, "estimated_partitions", s->division.part_count);
    number(out, "projected_payload_bytes",
           per(p->sampled_bytes, p->sampled_rows) * (int64_t)p->rows_in);
    number(out, "sampled_batches", (int64_t)p->sampled_batches);
    number(out, "sampled_rows_per_batch", per(p->sampled_rows, p->sampled_batches));
    number(out, "average_projected_payload_bytes", per(p->sampled_bytes, p->sampled_batches));
    ratio(out, "actor_speedup", p->busy_ns, p->busy_ns);
    ratio(out, "compute_to_overhead_ratio", p->busy_ns, p->overhead_ns);
    number(out, "estimated_state_size_bytes", (int64_t)p->state_bytes);
    number(out, "estimated_batch_cost", per((uint64_t)p->busy_ns / 1000, p->batches));
    int most = s->division.worker_count > 1 ? WR_QUEUED_MAX : 1;
    number(out, "backpressure_max_queue_batches", most);
    number(out, "backpressure_high_watermark", most);
    number(out, "backpressure_low_watermark", most / 2);
    text(out, "checkpoint_delivery_mode", wr_delivery_text(s->delivery));
}

static void add_time(wr_buf *out, const char *name, int64_t time)
{
    key(out, name);
    if (time == WR_NO_TIME_YET || time == INT64_MAX) {
        wr_buf_add_text(out, "null");
        return;
    }
    char printed[32];
    wr_buf_add_json(out, (wr_str){printed, (size_t)wr_ts_print(time, printed)});
}

static void add_lag(wr_buf *out, const char *name, bool is_known, uint64_t lag)
{
    if (is_known) {
        number(out, name, (int64_t)lag);
        return;
    }
    key(out, name);
    wr_buf_add_text(out, "null");
}

/* What each operator keeps in memory, and how much of that it keeps over a commit (0: all). */
static void add_operators(const wr_stream *s, wr_buf *out)
{
    key(out, "operators");
    wr_buf_add_char(out, '[');
    bool any = false;
    for (int i = 0; i < s->graph->op_count; i++) {
        const wr_stream_op *op = s->graph->ops[i];
        if (!op->def->is_stateful) continue;
        wr_buf_add_text(out, any ? ",{" : "{");
        text(out, "name", op->def->name);
        number(out, "state_bytes", (int64_t)wr_mem_used(op->mem));
        number(out, "share_bytes", (int64_t)op->share);
        wr_buf_add_char(out, '}');
        any = true;
    }
    wr_buf_add_char(out, ']');
}

/* Tables and files that are read again, and how that went. */
static void add_lookups(wr_stream *s, wr_buf *out)
{
    const wr_refresher *r = &s->refresher;
    key(out, "lookups");
    wr_buf_add_char(out, '[');
    wr_mutex_lock(&s->lock);
    for (int i = 0; i < r->tables.count; i++) {
        const wr_refreshed *table = r->tables.items[i];
        wr_buf_add_text(out, i ? ",{" : "{");
        key(out, "name");
        wr_buf_add_json(out, table->name);
        number(out, "refreshes", (int64_t)table->refreshes);
        number(out, "failures", (int64_t)table->failures);
        if (table->error.length) text(out, "error", table->error.data);
        wr_buf_add_char(out, '}');
    }
    wr_mutex_unlock(&s->lock);
    wr_buf_add_char(out, ']');
}

static void add_own(wr_stream *s, const wr_stream_progress *p, wr_buf *out)
{
    number(out, "v", 1);
    number(out, "rows_in", (int64_t)p->rows_in);
    number(out, "rows_out", (int64_t)p->rows_out);
    number(out, "late_rows", (int64_t)p->late_rows);
    number(out, "dead_rows", (int64_t)p->dead_rows);
    number(out, "rounds", (int64_t)p->rounds);
    add_time(out, "watermark", p->watermark);
    add_lag(out, "lag_rows", p->lag.has_rows, p->lag.rows);
    add_lag(out, "lag_bytes", p->lag.has_bytes, p->lag.bytes);
    flag(out, "is_drained", p->is_drained);
    flag(out, "is_idle", p->is_idle);
    number(out, "idle_us", p->idle_for_us);
    number(out, "state_bytes", (int64_t)p->state_bytes);
    key(out, "state");
    wr_buf_add_json(out, s->committer.place);
    number(out, "state_disk_bytes", (int64_t)p->state_disk_bytes);
    number(out, "spills", (int64_t)p->spills);
    add_operators(s, out);
    number(out, "epoch", (int64_t)p->epoch);
    number(out, "checkpoints", (int64_t)p->checkpoints);
    number(out, "checkpoint_bytes", (int64_t)p->checkpoint_bytes);
    number(out, "last_checkpoint_us", p->last_checkpoint_us);
    number(out, "last_round_us", p->last_round_us);
    number(out, "last_batch_us", p->last_batch_us);
    number(out, "last_sink_us", p->last_sink_us);
    add_lookups(s, out);
    text(out, "delivery_reason", s->why);
}

void wr_stream_snapshot(wr_stream *s, wr_buf *out)
{
    WR_BUF(positions);
    WR_BUF(error);
    wr_mutex_lock(&s->lock);
    wr_stream_progress p = s->progress;
    wr_buf_add_str(&positions, wr_buf_str(&s->positions));
    if (s->error) wr_buf_add_text(&error, wr_status_text(s->error));
    wr_mutex_unlock(&s->lock);
    const shape is = shape_of(s->graph);
    WR_BUF(object);
    wr_buf_add_char(&object, '{');
    key(&object, "query_id");
    wr_buf_add_json(&object, s->options.name);
    text(&object, "status", status_text(p.status));
    add_execution(s, &is, p.status, &object);
    add_flow(s, &p, wr_buf_str(&positions), &object);
    add_cost(s, &p, &is, &object);
    add_own(s, &p, &object);
    if (error.length) text(&object, "error", error.data);
    wr_buf_add_char(&object, '}');
    wr_buf_add_str(out, wr_buf_str(&object));
}
