/* drive.c - running a continuous query: rounds, time that goes on without rows, commits, the end.
 *
 * A round polls every source without waiting until none has rows or the round has taken long
 * enough; then operators in update mode flush and the sink hands on. When nothing came at all the
 * thread waits at the first source that has not ended, never longer than until something is due.
 * Commits happen between rounds only: there is nothing in flight then.
 *
 * Threads: the driving thread owns graph and state. Others see copies under the lock and raise the
 * flags stop and cancel. */
#include "stream/running.h"
#include "stream/watermark.h"
#include "sys/clock.h"

static const int64_t WAIT_US = 20 * 1000, MANY_WAIT_US = 1000;
static const int64_t US = 1000; /* nanoseconds */

static int64_t now_us(void) { return wr_clock_mono_ns() / US; }

static void publish(wr_stream *s, wr_stream_status status)
{
    wr_stream_progress p = s->progress;
    p.status = status;
    p.rows_in = p.batches = 0;
    p.watermark = s->sink->time;
    p.lag = (wr_lag){.has_rows = true, .has_bytes = true};
    int64_t last_rows = 0;
    for (int i = 0; i < s->graph->source_count; i++) {
        const wr_graph_source *source = &s->graph->sources[i];
        wr_lag lag = {0};
        if (source->source->def->lag && source->reader)
            source->source->def->lag(source->reader, &lag);
        p.lag.has_rows &= lag.has_rows;
        p.lag.has_bytes &= lag.has_bytes;
        p.lag.rows += lag.rows;
        p.lag.bytes += lag.bytes;
        p.rows_in += source->rows;
        p.batches += source->batches;
        last_rows = WR_MAX(last_rows, source->last_rows_ns);
    }
    p.late_rows = 0;
    for (int i = 0; i < s->graph->op_count; i++)
        p.late_rows += s->graph->ops[i]->late_rows;
    p.rows_out = s->sink->rows_out;
    p.state_bytes = wr_graph_state_bytes(s->graph);
    p.epoch = s->committer.epoch;
    p.idle_for_us = (wr_clock_mono_ns() - last_rows) / US;
    wr_mutex_lock(&s->lock);
    s->progress = p;
    wr_cond_broadcast(&s->changed);
    wr_mutex_unlock(&s->lock);
}

/* ---- polling ---- */

static weir_status poll_one(wr_stream *s, wr_graph_source *source, int64_t deadline_ns, bool *got)
{
    wr_batch batch;
    wr_poll result;
    WR_TRY(source->source->def->poll(source->reader, deadline_ns, &batch, &result));
    *got = result == WR_POLL_ROWS;
    if (result == WR_POLL_END) {
        source->has_ended = true;
        for (int i = 0; i < source->entry->output_count; i++)
            WR_TRY(wr_stream_advance(source->entry->outputs[i].to, source->entry->outputs[i].input,
                                     INT64_MAX));
        return WR_OK;
    }
    int64_t now = wr_clock_mono_ns();
    if (!*got) {
        bool is_idle = s->options.idle_us && now - source->last_rows_ns > s->options.idle_us * US;
        return is_idle ? wr_graph_source_idle(source, true) : WR_OK;
    }
    source->last_rows_ns = now;
    source->rows += wr_batch_count(&batch);
    source->batches++;
    WR_TRY(wr_graph_source_idle(source, false));
    return wr_stream_emit(source->entry, &(wr_delta){.batch = batch});
}

static weir_status poll_all(wr_stream *s, int64_t deadline_ns, bool *got, bool *ended)
{
    *got = false;
    *ended = true;
    for (int i = 0; i < s->graph->source_count; i++) {
        wr_graph_source *source = &s->graph->sources[i];
        if (source->has_ended) continue;
        bool rows = false;
        WR_TRY(poll_one(s, source, deadline_ns, &rows));
        *got |= rows;
        *ended &= source->has_ended;
    }
    return WR_OK;
}

/* All sources are idle: the clock stands in for their rows, from the moment the last one came. */
static weir_status follow_clock(wr_stream *s)
{
    if (!s->options.advances_by_clock) return WR_OK;
    int64_t last = 0;
    for (int i = 0; i < s->graph->source_count; i++) {
        if (!s->graph->sources[i].is_idle) return WR_OK;
        last = WR_MAX(last, s->graph->sources[i].last_rows_ns);
    }
    int64_t passed = (wr_clock_mono_ns() - last) / US;
    for (int i = 0; i < s->graph->op_count; i++)
        if (s->graph->ops[i]->def == &wr_stream_watermark)
            WR_TRY(wr_watermark_follow_clock(s->graph->ops[i], passed));
    return WR_OK;
}

/* ---- rounds ---- */

static weir_status end_round(wr_stream *s)
{
    WR_TRY(follow_clock(s));
    WR_TRY(wr_graph_flush(s->graph));
    WR_TRY(wr_sink_round_ends(s->sink));
    s->progress.rounds++;
    s->progress.last_sink_us = wr_sink_take_time(s->sink);
    return WR_OK;
}

static bool commit_is_due(const wr_stream *s)
{
    if (!s->committer.state && !wr_sink_is_exact(s->sink)) return false;
    return now_us() - s->last_commit_us >= s->options.checkpoint_interval_us;
}

static weir_status commit(wr_stream *s)
{
    WR_TRY(wr_commit_epoch(&s->committer));
    s->last_commit_us = now_us();
    s->progress.checkpoints++;
    s->progress.checkpoint_bytes = s->committer.bytes;
    s->progress.last_checkpoint_us = s->committer.took_us;
    return WR_OK;
}

static bool is_stopping(wr_stream *s)
{
    return atomic_load_explicit(&s->stop, memory_order_relaxed);
}

/* Until when a poll may wait: for the next commit, and not long where several sources take turns.
 */
static int64_t patience(const wr_stream *s)
{
    int64_t wait = s->graph->source_count > 1 ? MANY_WAIT_US : WAIT_US;
    return wr_clock_mono_ns() + wait * US;
}

static weir_status run_rounds(wr_stream *s)
{
    bool ended = false, has_new = false; /* rows since the last commit */
    while (!ended) {
        int64_t began = now_us();
        bool got = false, any = false;
        do {
            WR_TRY(wr_cancel_check(s->graph->env->cancel));
            WR_TRY(poll_all(s, 0, &got, &ended));
            any |= got;
        } while (got && !is_stopping(s) && now_us() - began < s->options.round_us);
        if (!any && !ended && !is_stopping(s)) WR_TRY(poll_all(s, patience(s), &any, &ended));
        has_new |= any;
        WR_TRY(end_round(s));
        s->progress.last_round_us = now_us() - began;
        bool stopping = is_stopping(s);
        if (stopping || ended || (has_new && commit_is_due(s))) {
            WR_TRY(commit(s));
            has_new = false;
        }
        s->is_idle = !any && !has_new;
        publish(s, WR_STREAM_RUNNING);
        if (stopping) return WR_OK;
    }
    return WR_OK;
}

void wr_stream_run(void *arg)
{
    wr_stream *s = arg;
    bool restored = false;
    weir_status bad = wr_graph_open(s->graph);
    if (!bad) bad = wr_commit_restore(&s->committer, &restored);
    s->last_commit_us = now_us();
    if (!bad) publish(s, restored ? WR_STREAM_RESTORED : WR_STREAM_RUNNING);
    if (!bad) bad = run_rounds(s);
    if (bad) wr_sink_abort(s->sink);
    publish(s, bad ? WR_STREAM_FAILED : WR_STREAM_STOPPED);
    wr_mutex_lock(&s->lock);
    s->error = bad;
    s->has_ended = true;
    wr_cond_broadcast(&s->changed);
    wr_mutex_unlock(&s->lock);
}
