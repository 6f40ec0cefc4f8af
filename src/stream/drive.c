/* drive.c - running a continuous query: rounds, time that goes on without rows, commits, the end.
 *
 * A round polls every source without waiting until the sources have little left or the round has
 * taken long enough; then operators in update mode flush and the sink hands on. So what comes
 * slowly is handed on at once, and what comes fast in rounds that pay. When nothing came at all the
 * thread waits at the first source that has not ended, never longer than until something is due;
 * when only a few rows came it lets some more gather, for a moment nobody sees. Commits happen
 * between rounds only: there is nothing in flight then. A round ends early when a commit is needed
 * to make room in memory; while an operator has more to put out than a commit should change,
 * nothing is polled.
 *
 * Threads: the driving thread owns graph and state. Others see copies under the lock and raise the
 * flags stop, wants_commit, waiters and cancel. */
#include "expr/sieve.h"
#include "stream/running.h"
#include "stream/watermark.h"
#include "stream/workers.h"
#include "sys/clock.h"

enum { FEW_ROWS = WR_BATCH_ROWS / 8 + 1, GATHER_MS = 1 };
static const int64_t WAIT_US = 20 * 1000, MANY_WAIT_US = 1000;
static const int64_t TIDY_US = 1000 * 1000;
static const int64_t US = 1000; /* nanoseconds */
static const int64_t DESCRIBE_EVERY_NS = INT64_C(1000000000);
enum { SAMPLE_EVERY = 64 }; /* batches */

static int64_t now_us(void) { return wr_clock_mono_ns() / US; }

static void look_at_sources(wr_stream *s, wr_stream_progress *p)
{
    int64_t last_rows = 0;
    p->rows_in = p->batches = 0;
    p->lag = (wr_lag){.has_rows = true, .has_bytes = true};
    for (int i = 0; i < s->graph->source_count; i++) {
        const wr_graph_source *source = &s->graph->sources[i];
        wr_lag lag = {.has_rows = source->has_ended, .has_bytes = source->has_ended};
        if (source->source->def->lag && source->reader && !source->has_ended)
            source->source->def->lag(source->reader, &lag);
        p->lag.has_rows &= lag.has_rows;
        p->lag.has_bytes &= lag.has_bytes;
        p->lag.rows += lag.rows;
        p->lag.bytes += lag.bytes;
        p->lag.is_waiting |= lag.is_waiting || (lag.has_rows && lag.rows > 0);
        p->rows_in += source->rows;
        p->batches += source->source->has_parts ? source->parts : source->batches;
        last_rows = WR_MAX(last_rows, source->last_rows_ns);
    }
    uint64_t backlog = p->lag.has_rows ? (p->lag.rows + WR_BATCH_ROWS - 1) / WR_BATCH_ROWS : 0;
    p->backlog_max = WR_MAX(p->backlog_max, WR_MAX(backlog, (uint64_t)s->left_rows));
    p->idle_for_us = (wr_clock_mono_ns() - last_rows) / US;
}

/* Where the sources are, "; " between them. Costs what the positions are long. */
static void describe_positions(wr_stream *s, wr_buf *out)
{
    WR_BUF(position);
    for (int i = 0; i < s->graph->source_count; i++) {
        const wr_graph_source *source = &s->graph->sources[i];
        const wr_source_def *def = source->source->def;
        if (!source->reader || !def->describe) continue;
        wr_buf_clear(&position);
        weir_status bad = def->position(source->reader, &position);
        wr_buf_printf(out, "%s%.*s: ", out->length ? "; " : "", WR_STR_ARGS(source->name));
        if (bad)
            wr_buf_add_text(out, wr_status_text(bad));
        else
            def->describe(wr_buf_str(&position), out);
        wr_status_drop(bad);
    }
}

static void publish(wr_stream *s, wr_stream_status status, bool any, bool has_new)
{
    wr_stream_progress *p = &s->now;
    WR_BUF(positions);
    int64_t now = wr_clock_mono_ns();
    p->status = status;
    p->watermark = s->sink->time;
    look_at_sources(s, p);
    p->is_drained = !any && !p->lag.is_waiting;
    p->is_idle = p->is_drained && !has_new;
    p->late_rows = 0;
    for (int i = 0; i < s->graph->op_count; i++)
        p->late_rows += s->graph->ops[i]->late_rows;
    p->rows_out = s->sink->rows_out;
    if (s->dead.graph) p->dead_rows = wr_dead_bad_rows(&s->dead);
    p->state_bytes = wr_graph_state_bytes(s->graph);
    p->state_disk_bytes = s->committer.disk_bytes;
    p->epoch = s->committer.epoch;
    bool goes_on = status == WR_STREAM_RUNNING || status == WR_STREAM_BACKPRESSURE;
    bool is_told = s->has_part && s->options.after_part;
    bool describe = !goes_on || is_told || now - s->described_ns > DESCRIBE_EVERY_NS;
    if (describe) describe_positions(s, &positions);
    if (describe) s->described_ns = now;
    wr_mutex_lock(&s->lock);
    s->progress = *p;
    if (describe) {
        wr_buf_clear(&s->positions);
        wr_buf_add_str(&s->positions, wr_buf_str(&positions));
    }
    wr_cond_broadcast(&s->changed);
    wr_mutex_unlock(&s->lock);
}

/* ---- polling ---- */

/* What the rows take in the forms they have, long texts that are not in dictionaries included. */
static uint64_t payload_of(const wr_batch *batch)
{
    uint64_t bytes = 0, count = wr_batch_count(batch);
    for (int c = 0; c < batch->column_count; c++) {
        const wr_column *column = &batch->columns[c];
        bytes += wr_phys_size((wr_phys)column->phys) * count;
        if (column->phys != WR_P_VIEW || column->form != WR_FLAT) continue;
        const wr_view *views = column->data;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = wr_batch_row(batch, i);
            bool is_null = column->valid && !wr_bit_get(column->valid, row);
            if (!is_null && views[row].length > 12) bytes += views[row].length;
        }
    }
    return bytes;
}

/* The batch goes through the graph; began_ns: when it was asked for, 0: it was waited for. */
static weir_status hand_on(wr_stream *s, wr_graph_source *source, const wr_batch *batch,
                           int64_t began_ns)
{
    wr_stream_progress *p = &s->now;
    int64_t now = wr_clock_mono_ns();
    source->last_rows_ns = now;
    source->rows += wr_batch_count(batch);
    if (source->batches++ % SAMPLE_EVERY == 0) {
        p->sampled_batches++;
        p->sampled_rows += wr_batch_count(batch);
        p->sampled_bytes += payload_of(batch);
    }
    WR_TRY(wr_graph_source_idle(source, false));
    atomic_store_explicit(&s->in_flight, true, memory_order_relaxed);
    const wr_source_def *def = source->source->def;
    const wr_delta delta = {.batch = *batch,
                            .changes = def->changes ? def->changes(source->reader) : NULL};
    weir_status bad = wr_stream_emit(source->entry, &delta);
    if (!bad && s->graph->workers) bad = wr_workers_relieve(s->graph->workers);
    atomic_store_explicit(&s->in_flight, false, memory_order_relaxed);
    int64_t took = wr_clock_mono_ns() - now;
    p->last_batch_us = took / US;
    p->busy_ns += took;
    if (began_ns) p->overhead_ns += now - began_ns;
    return bad;
}

static weir_status poll_one(wr_stream *s, wr_graph_source *source, int64_t deadline_ns,
                            uint64_t *rows)
{
    wr_batch batch = {0};
    wr_poll result;
    int64_t began = deadline_ns ? 0 : wr_clock_mono_ns();
    s->graph->polled = source;
    WR_TRY(source->source->def->poll(source->reader, deadline_ns, &batch, &result));
    source->had_rows = result == WR_POLL_ROWS;
    if (result == WR_POLL_END) {
        source->has_ended = true;
        for (int i = 0; i < source->entry->output_count; i++)
            WR_TRY(wr_stream_advance(source->entry->outputs[i].to, source->entry->outputs[i].input,
                                     INT64_MAX));
        return WR_OK;
    }
    if (result == WR_POLL_PART) {
        s->has_part = true;
        source->parts++;
        return WR_OK;
    }
    if (result == WR_POLL_ROWS) {
        *rows += WR_MAX(wr_batch_count(&batch), 1);
        return hand_on(s, source, &batch, began);
    }
    bool is_idle =
        s->options.idle_us && wr_clock_mono_ns() - source->last_rows_ns > s->options.idle_us * US;
    return is_idle ? wr_graph_source_idle(source, true) : WR_OK;
}

/* Readers speak as if the file were read by a query that ends. */
static weir_status offer_dead_letters(const wr_stream *s, weir_status bad)
{
    static const char ending[] = "\nnothing was loaded";
    if (!bad || s->graph->dead || s->options.only_looks) return bad;
    if (bad->code != WR_E_ROW_VALUE && bad->code != WR_E_ROW_SHAPE &&
        bad->code != WR_E_BAD_ENCODING && !wr_is_of_row(bad))
        return bad;
    const char *end = bad->detail ? strstr(bad->detail, ending) : NULL;
    if (end) bad = wr_with_detail(bad, "%.*s", (int)(end - bad->detail), bad->detail);
    return wr_with_fix(bad, "EMIT WITH (on_error = 'drop')   or   EMIT WITH (on_error = 'dlq', "
                            "dead_letters = a_sink)");
}

/* Does another source have rows of a time before its? What this one brings would only be kept. */
static bool is_ahead(const wr_stream *s, const wr_graph_source *source)
{
    for (int i = 0; source->clock && i < s->graph->source_count; i++) {
        const wr_graph_source *other = &s->graph->sources[i];
        if (other->clock && other->had_rows && other->clock->time < source->clock->time)
            return true;
    }
    return false;
}

static weir_status poll_some(wr_stream *s, bool waiting, int64_t deadline_ns, uint64_t *rows,
                             bool *ended)
{
    for (int i = 0; i < s->graph->source_count; i++) {
        wr_graph_source *source = &s->graph->sources[i];
        if (source->has_ended) continue;
        if (source->waits == waiting)
            WR_TRY(offer_dead_letters(s, poll_one(s, source, deadline_ns, rows)));
        *ended &= source->has_ended;
    }
    return WR_OK;
}

/* *rows: how many came; a batch without any counts as one. Sources that are ahead come when those
 * behind have nothing. */
static weir_status poll_all(wr_stream *s, int64_t deadline_ns, uint64_t *rows, bool *ended)
{
    *rows = 0;
    *ended = true;
    for (int i = 0; i < s->graph->source_count; i++)
        s->graph->sources[i].waits = is_ahead(s, &s->graph->sources[i]);
    WR_TRY(poll_some(s, false, deadline_ns, rows, ended));
    return *rows ? WR_OK : poll_some(s, true, deadline_ns, rows, ended);
}

/* Where rows are kept until all sources have come to their time, sources go on side by side. */
static void find_clocks(wr_graph *graph)
{
    bool keeps = false;
    for (int i = 0; i < graph->op_count; i++)
        keeps |= graph->ops[i]->def->is_stateful && graph->ops[i]->def != &wr_stream_watermark;
    for (int i = 0; i < graph->source_count && keeps; i++) {
        const wr_stream_op *op = graph->sources[i].entry;
        while (op->def != &wr_stream_watermark && op->output_count == 1)
            op = op->outputs[0].to;
        if (op->def == &wr_stream_watermark) graph->sources[i].clock = op;
    }
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
    if (s->dead.sink) {
        WR_TRY(wr_dead_flush(&s->dead));
        WR_TRY(wr_sink_round_ends(s->dead.sink));
    }
    s->now.rounds++;
    s->now.last_sink_us = wr_sink_take_time(s->sink);
    return WR_OK;
}

/* Without a state and a sink that waits for it rows are where they belong after each round. */
static bool commits(const wr_stream *s)
{
    return s->committer.state || s->committer.is_shared || wr_sink_is_exact(s->sink) ||
           (s->dead.sink && wr_sink_is_exact(s->dead.sink));
}

/* Do others wait for a commit of ours, to take over what we read? */
static bool others_wait(const wr_stream *s)
{
    for (int i = 0; s->committer.is_shared && i < s->graph->source_count; i++) {
        const wr_graph_source *source = &s->graph->sources[i];
        const wr_source_def *def = source->source->def;
        if (def->wants_commit && def->wants_commit(source->reader)) return true;
    }
    return false;
}

static uint64_t rows_read(const wr_stream *s)
{
    uint64_t rows = 0;
    for (int i = 0; i < s->graph->source_count; i++)
        rows += s->graph->sources[i].rows;
    return rows;
}

/* By the size of the rows that were looked at. */
static bool has_read_enough(const wr_stream *s)
{
    double rows = (double)(rows_read(s) - s->committed_rows);
    const wr_stream_progress *p = &s->now;
    return s->options.checkpoint_bytes && p->sampled_rows &&
           rows * (double)p->sampled_bytes / (double)p->sampled_rows >=
               (double)s->options.checkpoint_bytes;
}

static bool commit_is_due(wr_stream *s, bool any)
{
    if (!commits(s)) return false;
    if (others_wait(s)) return true;
    if (!any && (s->wants_commit || s->waiters)) return true;
    return now_us() - s->last_commit_us >= s->options.checkpoint_interval_us || has_read_enough(s);
}

static weir_status commit(wr_stream *s)
{
    WR_TRY(wr_commit_epoch(&s->committer));
    if (s->dead.graph) wr_dead_has_new(&s->dead, true);
    s->last_commit_us = now_us();
    s->committed_rows = rows_read(s);
    s->wants_commit = false;
    s->now.checkpoints++;
    s->now.checkpoint_bytes = s->committer.bytes;
    s->now.last_checkpoint_us = s->committer.took_us;
    s->now.overhead_ns += s->committer.took_us * US;
    return WR_OK;
}

/* A query that never commits: what its operators keep of groups that are no more goes now and then.
 */
static void tidy(wr_stream *s)
{
    if (commits(s) || s->committer.spill || now_us() - s->last_commit_us < TIDY_US) return;
    wr_commit_nothing(&s->committer);
    s->last_commit_us = now_us();
}

/* What memory does not hold is read back from the state, and operators pause until a commit has
 * made room: that is done by one thread. */
static void stop_workers_if_short(wr_stream *s)
{
    wr_workers *workers = s->graph->workers;
    if (!workers || !wr_workers_are_running(workers) || !wr_graph_is_short(s->graph)) return;
    wr_workers_stop(workers);
    s->alone = "its state is more than memory holds";
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

/* Do sources have more than came last, as far as they know? */
static bool has_more(const wr_stream *s, uint64_t rows)
{
    if (rows >= FEW_ROWS) return true;
    for (int i = 0; i < s->graph->source_count && rows > 0; i++) {
        const wr_graph_source *source = &s->graph->sources[i];
        wr_lag lag = {0};
        if (source->source->def->lag && !source->has_ended)
            source->source->def->lag(source->reader, &lag);
        if ((lag.has_rows && lag.rows >= FEW_ROWS) || (lag.has_bytes && lag.bytes > 0)) return true;
    }
    return false;
}

/* What is left to do at the time reached. */
static weir_status catch_up(wr_stream *s, int64_t began)
{
    while (wr_graph_is_behind(s->graph)) {
        WR_TRY(wr_cancel_check(s->graph->env->cancel));
        WR_TRY(wr_graph_catch_up(s->graph));
        if (wr_graph_wants_commit(s->graph) || now_us() - began >= s->options.round_us) break;
    }
    return WR_OK;
}

/* A round that has rows of a source with parts ends where the part does. */
static bool is_within_part(const wr_stream *s)
{
    for (int i = 0; i < s->graph->source_count && !s->has_part; i++)
        if (s->graph->sources[i].source->has_parts && s->graph->sources[i].had_rows) return true;
    return false;
}

static bool round_goes_on(const wr_stream *s, int64_t began, bool few)
{
    return is_within_part(s) || (!s->has_part && !few && now_us() - began < s->options.round_us);
}

/* Polls until there is little left or memory is short; *any: rows came, *few: the last poll brought
 * nearly none. */
static weir_status poll_round(wr_stream *s, int64_t began, bool *any, bool *few, bool *ended)
{
    uint64_t rows = 0;
    bool is_full;
    bool is_over = s->has_part && is_stopping(s); /* the next part is not begun then */
    s->has_part = false;
    *few = true;
    if (is_over) return WR_OK;
    if (wr_graph_is_behind(s->graph)) {
        *any = true;
        *few = false;
        return catch_up(s, began);
    }
    do {
        WR_TRY(wr_cancel_check(s->graph->env->cancel));
        WR_TRY(poll_all(s, 0, &rows, ended));
        *any |= rows > 0;
        *few = !has_more(s, rows);
        is_full =
            wr_graph_is_behind(s->graph) || wr_graph_wants_commit(s->graph) || has_read_enough(s);
        *any |= s->has_part;
    } while (!is_full && !is_stopping(s) && round_goes_on(s, began, *few));
    if (*any || *ended || is_stopping(s)) return WR_OK;
    WR_TRY(poll_all(s, patience(s), &rows, ended));
    *any = rows > 0;
    return is_within_part(s) ? poll_round(s, began, any, few, ended) : WR_OK;
}

static weir_status run_rounds(wr_stream *s)
{
    bool ended = false, has_new = false; /* rows since the last commit */
    uint64_t rows_out = s->sink->rows_out;
    int64_t time = s->sink->time;
    while (!ended || wr_graph_is_behind(s->graph)) {
        int64_t began = now_us();
        bool any = false, few;
        WR_TRY(wr_refresh_due(&s->refresher, s->graph, began));
        WR_TRY(poll_round(s, began, &any, &few, &ended));
        has_new |= any || others_wait(s) || (s->dead.graph && wr_dead_has_new(&s->dead, false));
        bool left = any && !few;
        s->left_rows = left;
        s->now.blocked_rounds += left;
        WR_TRY(end_round(s));
        /* Time that goes on without rows lets some leave, which belong into a commit, too. */
        has_new |= s->sink->rows_out != rows_out || s->sink->time != time;
        rows_out = s->sink->rows_out;
        time = s->sink->time;
        s->now.last_round_us = now_us() - began;
        bool stopping = is_stopping(s);
        bool is_full = wr_graph_wants_commit(s->graph);
        bool at_end = stopping || (ended && !wr_graph_is_behind(s->graph));
        s->now.spills += is_full;
        if (is_full) stop_workers_if_short(s);
        if (at_end || (is_full && s->committer.state) || (has_new && commit_is_due(s, any))) {
            WR_TRY(commit(s));
            has_new = false;
        } else if (is_full) {
            WR_TRY(wr_commit_spill(&s->committer));
        }
        tidy(s);
        publish(s, left ? WR_STREAM_BACKPRESSURE : WR_STREAM_RUNNING, any, has_new && commits(s));
        if (stopping) return WR_OK;
        if (s->has_part && s->options.after_part &&
            !s->options.after_part(s->options.after_part_arg))
            atomic_store_explicit(&s->stop, true, memory_order_relaxed);
        if (any && few && !ended) wr_sleep_ms(GATHER_MS);
    }
    return WR_OK;
}

/* What workers would be in each other's way for, or NULL. */
static const char *why_alone(const wr_stream *s)
{
    uint64_t limit = wr_mem_limit(s->graph->mem);
    wr_state_figures figures = {0};
    if (s->committer.state) wr_state_figures_of(s->committer.state, &figures);
    if (!wr_workers_have_room(s->graph, s->division.worker_count)) return WR_NO_ROOM_FOR_WORKERS;
    return limit && figures.bytes_on_disk > limit / 8 ? "its state is more than memory holds"
                                                      : NULL;
}

static weir_status start_workers(wr_stream *s)
{
    if (s->division.worker_count == 1) return WR_OK;
    s->alone = why_alone(s);
    return s->alone ? WR_OK : wr_workers_start(s->graph->workers);
}

void wr_stream_run(void *arg)
{
    wr_stream *s = arg;
    bool restored = false;
    weir_status bad = wr_graph_open(s->graph);
    find_clocks(s->graph);
    if (!bad) bad = wr_commit_restore(&s->committer, &restored);
    /* What a query puts out first after a start is not kept back for an interval. */
    s->last_commit_us = now_us() - (restored ? s->options.checkpoint_interval_us : 0);
    if (!bad) publish(s, restored ? WR_STREAM_RESTORED : WR_STREAM_RUNNING, true, true);
    if (!bad) bad = start_workers(s);
    if (!bad) bad = run_rounds(s);
    if (s->graph->workers) wr_workers_stop(s->graph->workers);
    if (bad) wr_sink_abort(s->sink);
    if (bad && s->dead.sink) wr_sink_abort(s->dead.sink);
    wr_mutex_lock(&s->lock);
    s->error = bad;
    wr_mutex_unlock(&s->lock);
    s->now.has_ended = true;
    s->left_rows = false;
    publish(s, bad ? WR_STREAM_FAILED : WR_STREAM_STOPPED, bad != WR_OK, bad != WR_OK);
}
