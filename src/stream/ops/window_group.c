/* window_group.c - GROUP BY over tumbling and hopping windows of time.
 *
 *     slices   |--s0--|--s1--|--s2--|--s3--|      one table of groups each
 *     windows  [  s0  +  s1  +  s2 ]
 *                     [  s1  +  s2  +  s3 ]       merged when the window closes
 *
 * A row goes into one slice however many windows it is in, if the size is a multiple of the slide
 * and windows are put out once. Otherwise every window is a pane of its own: when what a window
 * said may change later, when rows are taken back, and when calls keep arguments. A tumbling window
 * is one slice.
 *
 * A window is closed when time has reached its end; a row is late when all its windows are. */
#include "stream/ops/group.h"
#include "expr/fn/date_units.h"
#include <stdio.h>

typedef struct wr_window_grouping {
    wr_grouping base;
    int64_t next; /* slices: start of the first window that was not put out; WR_NO_TIME_YET */
} wr_window_grouping;

static weir_status window_open(wr_stream_op *op)
{
    wr_grouping *g = (wr_grouping *)op;
    const wr_group_spec *spec = op->spec;
    const wr_time_window *w = spec->window;
    wr_assert(w->kind == WR_WINDOW_HOP && w->size > 0 && w->slide > 0);
    g->ends = true;
    ((wr_window_grouping *)op)->next = WR_NO_TIME_YET;
    g->length = w->size;
    WR_TRY(wr_grouping_open(g, true));
    g->is_sliced = w->size > w->slide && w->size % w->slide == 0 && !g->any_kept &&
                   spec->emit == WR_EMIT_ON_CLOSE && spec->late == WR_LATE_DROP &&
                   !spec->input_takes_back;
    if (g->is_sliced)
        snprintf(op->note, sizeof op->note, "%lld slices per window",
                 (long long)(w->size / w->slide));
    else
        snprintf(op->note, sizeof op->note, "a table per window");
    return WR_OK;
}

/* The start of the last window that begins at or before ts. */
static bool last_start(const wr_time_window *w, int64_t ts, int64_t *out)
{
    wr_i128 since = (wr_i128)ts - w->offset, rest = since % w->slide;
    if (rest < 0) rest += w->slide;
    wr_i128 start = ts - rest, end = start + w->size, first = start - w->size;
    *out = (int64_t)start;
    return first == (int64_t)first && end == (int64_t)end && wr_ts_is_finite((int64_t)first) &&
           wr_ts_is_finite((int64_t)end);
}

static weir_status start_of_each(const wr_time_window *w, wr_timed_rows *t)
{
    int64_t low = INT64_MAX, high = INT64_MIN, first, last;
    for (uint32_t i = 0; i < t->count; i++) {
        low = WR_MIN(low, t->times[i]);
        high = WR_MAX(high, t->times[i]);
    }
    if (t->count == 0) return WR_OK;
    if (!last_start(w, low, &first) || !last_start(w, high, &last))
        return wr_fail(WR_E_DATETIME_OVERFLOW, "a window of time would be out of range");
    if (first == last) {
        for (uint32_t i = 0; i < t->count; i++)
            t->starts[i] = first;
        return WR_OK;
    }
    /* Nothing overflows: all are between low and high. */
    uint64_t slide = (uint64_t)w->slide;
    for (uint32_t i = 0; i < t->count; i++) {
        uint64_t since = (uint64_t)t->times[i] - (uint64_t)first;
        t->starts[i] = (int64_t)((uint64_t)first + since / slide * slide);
    }
    return WR_OK;
}

static weir_status drop_late(wr_grouping *g, const wr_batch *in, wr_timed_rows *t)
{
    const wr_time_window *w = g->spec->window;
    if (g->closed == WR_NO_TIME_YET) return WR_OK;
    int64_t least = INT64_MAX;
    for (uint32_t i = 0; i < t->count; i++)
        least = WR_MIN(least, t->starts[i]);
    if (!wr_end_is_late(g, least + w->size)) return WR_OK;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        bool is_in_one = t->times[i] - t->starts[i] < w->size; /* slide may be above size */
        if (is_in_one && wr_end_is_late(g, t->starts[i] + w->size)) {
            WR_TRY(wr_stream_late(&g->op, in, t->rows[i], "its window is closed"));
            continue;
        }
        t->times[kept] = t->times[i];
        t->starts[kept] = t->starts[i];
        t->rows[kept++] = t->rows[i];
    }
    t->count = kept;
    return WR_OK;
}

/* Gives rows to the windows that begin `back` slides before their last one. */
static weir_status route_back(wr_grouping *g, const wr_delta *delta, const wr_timed_rows *t,
                              int64_t back)
{
    const wr_time_window *w = g->spec->window;
    int64_t ids[WR_BATCH_ROWS];
    uint16_t rows[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        int64_t start = t->starts[i] - back * w->slide;
        if (t->times[i] - start >= w->size) continue;
        ids[n] = start;
        rows[n++] = t->rows[i];
    }
    return wr_route(g, delta, rows, ids, n);
}

static weir_status window_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    wr_grouping *g = (wr_grouping *)op;
    const wr_time_window *w = g->spec->window;
    wr_arena_reset(&g->scratch);
    wr_timed_rows *t = wr_arena_raw(&g->scratch, sizeof *t);
    WR_TRY(wr_group_times(g, &delta->batch, t));
    WR_TRY(start_of_each(w, t));
    WR_TRY(drop_late(g, &delta->batch, t));
    if (t->count == 0) return WR_OK;
    bool is_whole = t->count == delta->batch.rows;
    if (g->is_sliced || w->slide == w->size)
        return wr_route(g, delta, is_whole ? NULL : t->rows, t->starts, t->count);
    for (int64_t back = 0; back * w->slide < w->size; back++)
        WR_TRY(route_back(g, delta, t, back));
    return WR_OK;
}

/* ---- windows of slices ---- */

static weir_status merge_rows(wr_grouping *g, wr_pane *into, uint8_t *const *rows, uint32_t count,
                              wr_arena *scratch)
{
    uint8_t *groups[WR_BATCH_ROWS];
    wr_column *keys = wr_new_array(scratch, wr_column, g->key_count + 1);
    for (int k = 0; k < g->key_count; k++)
        wr_rows_gather(&g->layout, k, rows, count, scratch, &keys[k]);
    WR_TRY(wr_pane_find(g, into, keys, NULL, count, groups));
    for (int c = 0; c < g->spec->call_count; c++) {
        const wr_group_call *call = &g->calls[c];
        for (uint32_t i = 0; i < count; i++)
            WR_TRY(call->call->fn->merge(&into->envs[c], groups[i] + call->state_offset,
                                         rows[i] + call->state_offset));
    }
    for (uint32_t i = 0; i < count; i++)
        wr_group_head_of(g, groups[i])->rows += wr_group_head_of(g, rows[i])->rows;
    return WR_OK;
}

/* A part of the groups of a window: those whose hash begins with these bits. */
typedef struct window_part {
    int bits;
    uint64_t prefix;
} window_part;

enum { PART_BITS_MAX = 12, PART_ROWS_MIN = 1024 };

static uint32_t only_part(const wr_grouping *g, const window_part *part, uint8_t **rows,
                          uint32_t count)
{
    uint32_t kept = 0;
    if (part->bits == 0) return count;
    for (uint32_t i = 0; i < count; i++) {
        rows[kept] = rows[i];
        kept += wr_group_head_of(g, rows[i])->hash >> (64 - part->bits) == part->prefix;
    }
    return kept;
}

/* *is_full: the groups are more than memory should hold, nothing of into is to be used. */
static weir_status merge_slice(wr_grouping *g, wr_pane *slice, wr_pane *into,
                               const window_part *part, bool *is_full)
{
    WR_ARENA(scratch);
    uint8_t *rows[WR_BATCH_ROWS];
    wr_pane *of;
    wr_pane_walk walk;
    wr_pane_walk_begin(&walk, g, slice);
    weir_status bad = WR_OK;
    for (uint32_t n = 1; !bad && n > 0 && !*is_full;) {
        wr_arena_reset(&scratch);
        wr_arena_reset(&g->scratch);
        bad = wr_pane_walk_next(&walk, rows, &n, &of);
        if (!bad && part->bits) wr_groups_hash_rows(&of->groups, rows, n, &scratch);
        uint32_t kept = bad ? 0 : only_part(g, part, rows, n);
        if (kept) bad = merge_rows(g, into, rows, kept, &scratch);
        *is_full = g->op.share && part->bits < PART_BITS_MAX &&
                   wr_rows_count(into->groups.rows) > PART_ROWS_MIN &&
                   wr_pane_bytes(g, into) > g->op.share / 2;
    }
    wr_pane_walk_end(&walk);
    return bad;
}

/* Puts out a part of a window; what is too much for memory in two parts. */
static weir_status say_part(wr_grouping *g, int first, int last, int64_t start, window_part part)
{
    wr_pane *merged;
    bool is_full = false;
    uint64_t groups = g->group_count;
    WR_TRY(wr_pane_new(g, start, &merged));
    weir_status bad = WR_OK;
    for (int p = first; p < last && !bad && !is_full; p++)
        bad = merge_slice(g, g->panes[p], merged, &part, &is_full);
    if (!bad && !is_full) bad = wr_pane_say(g, merged, start, start + g->length);
    wr_pane_drop(g, merged);
    if (bad || !is_full) return bad;
    g->group_count = groups;
    window_part half = {part.bits + 1, part.prefix * 2};
    WR_TRY(say_part(g, first, last, start, half));
    half.prefix++;
    return say_part(g, first, last, start, half);
}

static weir_status say_window(wr_grouping *g, int first, int last, int64_t start)
{
    if (last - first == 1) return wr_pane_say(g, g->panes[first], start, start + g->length);
    uint64_t groups = g->group_count;
    g->group_count = 0; /* the limit holds for the window alone */
    weir_status bad = say_part(g, first, last, start, (window_part){0, 0});
    g->group_count = groups;
    return bad;
}

/* The first window that is not put out and has a slice, if `start` is not it. */
static int64_t window_with_rows(const wr_grouping *g, int64_t start, int first)
{
    int64_t earliest = g->panes[first]->id - g->length + g->spec->window->slide;
    return WR_MAX(start, earliest);
}

static weir_status advance_slices(wr_window_grouping *me)
{
    wr_grouping *g = &me->base;
    int64_t time = g->op.time, slide = g->spec->window->slide;
    int first = 0;
    while (first < g->pane_count) {
        int64_t start = window_with_rows(g, me->next, first);
        if (start + g->length > time) break;
        int last = first;
        while (last < g->pane_count && g->panes[last]->id < start + g->length)
            last++;
        WR_TRY(say_window(g, first, last, start));
        me->next = start + slide;
        while (first < g->pane_count && g->panes[first]->id < me->next)
            first++;
    }
    g->closed = time;
    wr_panes_end(g, first);
    return WR_OK;
}

/* The first window that is still open at the time reached. */
static void skip_closed(wr_window_grouping *me)
{
    const wr_time_window *w = me->base.spec->window;
    int64_t time = me->base.closed, start;
    if (time == WR_NO_TIME_YET || !last_start(w, time, &start)) return;
    start -= w->size - w->slide; /* the first one that ends after time */
    me->next = WR_MAX(me->next, start);
}

static weir_status window_advance(wr_stream_op *op)
{
    wr_window_grouping *me = (wr_window_grouping *)op;
    if (!me->base.is_sliced) return wr_panes_advance(&me->base);
    WR_TRY(advance_slices(me));
    skip_closed(me);
    return WR_OK;
}

static weir_status window_load(wr_stream_op *op, wr_state *state)
{
    wr_window_grouping *me = (wr_window_grouping *)op;
    WR_TRY(wr_grouping_load(op, state));
    if (me->base.is_sliced) skip_closed(me);
    return WR_OK;
}

static weir_status window_flush(wr_stream_op *op) { return wr_panes_flush((wr_grouping *)op); }

static void window_close(wr_stream_op *op) { wr_grouping_close((wr_grouping *)op); }

const wr_stream_op_def wr_stream_window_group = {.name = "window group",
                                                 .size = sizeof(wr_window_grouping),
                                                 .is_stateful = true,
                                                 .takes_back = true,
                                                 .open = window_open,
                                                 .push = window_push,
                                                 .advance = window_advance,
                                                 .flush = window_flush,
                                                 .save = wr_grouping_save,
                                                 .list_all = wr_grouping_list_all,
                                                 .pending = wr_grouping_pending,
                                                 .settled = wr_grouping_settled,
                                                 .load = window_load,
                                                 .close = window_close};
