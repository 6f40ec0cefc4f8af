/* snapshot.c - a continuous query as JSON for programs and as text for people.
 *
 * The object has every field of Velaria's snapshotJson under its name, with measured values, and
 * behind them what is ours: lag, watermark, late rows, commits. A field whose question does not
 * arise here (a queue between processes, say) has the value that answers it truthfully: there is
 * none. */
#include "stream/running.h"
#include "base/date.h"

const char *wr_delivery_text(wr_delivery delivery)
{
    static const char *const texts[] = {"best-effort", "at-least-once", "exactly-once"};
    return texts[delivery];
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

static bool has_stateful(const wr_graph *graph, const char *name)
{
    for (int i = 0; i < graph->op_count; i++)
        if (graph->ops[i]->def->is_stateful &&
            (!name || strstr(graph->ops[i]->def->name, name) != NULL))
            return true;
    return false;
}

static bool is_bounded(const wr_graph *graph)
{
    for (int i = 0; i < graph->source_count; i++)
        if (!graph->sources[i].source->is_bounded) return false;
    return true;
}

static void add_execution(const wr_stream *s, wr_buf *out)
{
    bool workers = s->options.worker_count > 1;
    text(out, "requested_execution_mode", workers ? "local-workers" : "single-process");
    text(out, "execution_mode", "single-process");
    text(out, "execution_reason",
         workers ? "one worker: the keys of this query are not partitioned"
                 : "configured single-process execution");
    text(out, "transport_mode", "inproc");
    text(out, "aggregate_impl", has_stateful(s->graph, "group") ? "hash-ref" : "not-applicable");
    text(out, "aggregate_reason",
         has_stateful(s->graph, "group") ? "groups live in one table of this process"
                                         : "the query has no grouping");
}

static void add_flow(const wr_stream *s, const wr_stream_progress *p, wr_buf *out)
{
    number(out, "batches_pulled", (int64_t)p->batches);
    number(out, "batches_processed", (int64_t)p->batches);
    number(out, "blocked_count", 0);
    number(out, "max_backlog_batches", p->batches ? 1 : 0);
    number(out, "inflight_batches", 0);
    number(out, "inflight_partitions", 0);
    number(out, "last_batch_latency_ms", p->last_round_us / 1000);
    number(out, "last_sink_latency_ms", p->last_sink_us / 1000);
    number(out, "last_state_latency_ms", p->last_checkpoint_us / 1000);
    number(out, "last_source_offset", (int64_t)p->rows_in);
    flag(out, "backpressure_active", p->status == WR_STREAM_BACKPRESSURE);
    flag(out, "has_stateful_ops", has_stateful(s->graph, NULL));
    flag(out, "has_window", has_stateful(s->graph, "window"));
    flag(out, "source_is_bounded", is_bounded(s->graph));
    number(out, "estimated_state_size_bytes", (int64_t)p->state_bytes);
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

void wr_stream_snapshot(wr_stream *s, wr_buf *out)
{
    wr_stream_progress p;
    wr_stream_progress_of(s, &p);
    WR_BUF(object);
    wr_buf_add_char(&object, '{');
    WR_BUF(name);
    wr_buf_add_str(&name, s->options.name);
    text(&object, "query_id", name.length ? name.data : "stream");
    text(&object, "status", status_text(p.status));
    add_execution(s, &object);
    add_flow(s, &p, &object);
    number(&object, "rows_in", (int64_t)p.rows_in);
    number(&object, "rows_out", (int64_t)p.rows_out);
    number(&object, "late_rows", (int64_t)p.late_rows);
    number(&object, "rounds", (int64_t)p.rounds);
    add_time(&object, "watermark", p.watermark);
    if (p.lag.has_rows) number(&object, "lag_rows", (int64_t)p.lag.rows);
    if (p.lag.has_bytes) number(&object, "lag_bytes", (int64_t)p.lag.bytes);
    number(&object, "epoch", (int64_t)p.epoch);
    number(&object, "checkpoints", (int64_t)p.checkpoints);
    number(&object, "checkpoint_bytes", (int64_t)p.checkpoint_bytes);
    number(&object, "last_checkpoint_us", p.last_checkpoint_us);
    text(&object, "delivery_reason", s->why);
    wr_buf_add_char(&object, '}');
    wr_buf_add_str(out, wr_buf_str(&object));
}

void wr_stream_explain(wr_stream *s, wr_buf *out)
{
    wr_buf_add_text(out, "physical\n");
    for (int i = 0; i < s->graph->op_count; i++) {
        const wr_stream_op *op = s->graph->ops[i];
        wr_buf_printf(out, "  %d. %s%s%s%s\n", i + 1, op->def->name,
                      op->def->is_stateful ? " stateful" : "", op->note[0] ? ": " : "", op->note);
    }
    wr_buf_printf(out, "strategy\n  delivery %s: %s\n", wr_delivery_text(s->delivery), s->why);
}
