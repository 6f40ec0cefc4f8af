/* session_group.c - GROUP BY over sessions: rows of the same keys that come within a gap.
 *
 * A table finds the keys of a row; below its row hang the open sessions of the keys, few of them. A
 * row that is within the gap of one session extends it, of several joins them: the later ones are
 * merged into the first, and forward to it until the batch is through. A session ends when time is
 * past its last row and the gap; sessions wait in a heap by the moment something is due. An entry
 * may be too early, then it is put back: extending a session does not touch the heap.
 *
 * What is due may be more than a commit should change: then advance does a part of it and is called
 * again after the commit.
 *
 * Sessions that were put out can be reopened within the lateness: what they said is taken back at
 * the flush, and said again when they are over. */
#include "stream/ops/session_group.h"

static weir_status session_open(wr_stream_op *op)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_grouping *g = &me->base;
    const wr_group_spec *spec = op->spec;
    me->runs.mem = me->index.mem = op->mem;
    me->next_listed = WR_NO_TIME_YET;
    wr_assert(spec->window->kind == WR_WINDOW_SESSION && spec->window->gap >= 0);
    if (spec->window->gap > INT64_MAX / 8)
        return wr_fail(WR_E_DATETIME_OVERFLOW, "the gap of the sessions is too long");
    me->gap = spec->window->gap;
    g->is_session = true;
    if (spec->input_takes_back)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "sessions of an input that takes rows back"),
                            "let the query in front of it EMIT ON WINDOW CLOSE");
    WR_TRY(wr_grouping_open(g, true));
    wr_rows_layout_init(&me->keys_layout, &op->arena, g->layout.types, g->key_count,
                        sizeof(wr_session_keys));
    WR_TRY(wr_groups_init(&me->keys, op->mem, &me->keys_layout, g->key_count, true));
    wr_pane *pane;
    return wr_pane_need(g, 0, &pane);
}

/* ---- what is due ---- */

static int64_t due_of(const wr_grouping *g, uint8_t *row)
{
    const wr_session *s = wr_session_of(g, row);
    return wr_session_due(g, s->last, s->is_said);
}

weir_status wr_session_wait(wr_session_grouping *me, uint8_t *row)
{
    if (me->heap_count == me->heap_cap) {
        uint64_t cap = me->heap_cap ? me->heap_cap * 2 : 64;
        WR_TRY(wr_mem_grow(me->base.op.mem, (void **)&me->heap, me->heap_cap * sizeof *me->heap,
                           cap * sizeof *me->heap));
        me->heap_cap = cap;
    }
    wr_due_session entry = {due_of(&me->base, row), row};
    uint64_t at = me->heap_count++;
    for (; at > 0 && me->heap[(at - 1) / 2].due > entry.due; at = (at - 1) / 2)
        me->heap[at] = me->heap[(at - 1) / 2];
    me->heap[at] = entry;
    return WR_OK;
}

static uint8_t *pop_due(wr_session_grouping *me)
{
    uint8_t *row = me->heap[0].row;
    wr_due_session last = me->heap[--me->heap_count];
    uint64_t at = 0, child;
    for (; (child = 2 * at + 1) < me->heap_count; at = child) {
        if (child + 1 < me->heap_count && me->heap[child + 1].due < me->heap[child].due) child++;
        if (me->heap[child].due >= last.due) break;
        me->heap[at] = me->heap[child];
    }
    me->heap[at] = last;
    return row;
}

/* ---- sessions ---- */

static void hang(wr_session_grouping *me, uint8_t *keys, uint8_t *row)
{
    wr_session *s = wr_session_of(&me->base, row);
    s->keys = keys;
    s->next = wr_session_keys_of(me, keys)->first;
    wr_session_keys_of(me, keys)->first = row;
}

weir_status wr_session_make(wr_session_grouping *me, uint8_t *keys, const wr_column *columns,
                            uint16_t at, int64_t start, int64_t last, uint8_t **out)
{
    wr_grouping *g = &me->base;
    WR_TRY(wr_rows_append(g->panes[0]->groups.rows, columns, &at, 1, out));
    wr_group_begin(g, *out);
    wr_session *s = wr_session_of(g, *out);
    s->start = start;
    s->last = last;
    hang(me, keys, *out);
    return WR_OK;
}

/* Of a row that is in no session yet. */
static weir_status begin_session(wr_session_grouping *me, uint8_t *keys, const wr_column *columns,
                                 uint16_t at, int64_t time, uint8_t **out)
{
    wr_grouping *g = &me->base;
    WR_TRY(wr_session_make(me, keys, columns, at, time, time, out));
    WR_TRY(wr_group_count_new(g, g->panes[0]));
    wr_session *s = wr_session_of(g, *out);
    bool is_over = g->closed != WR_NO_TIME_YET && wr_session_end(g, s) < g->closed;
    s->is_said = g->spec->emit == WR_EMIT_ON_CHANGE || is_over;
    return wr_session_wait(me, *out);
}

/* The session is no more: closed, or part of another one. */
static void end_session(wr_session_grouping *me, uint8_t *row)
{
    wr_grouping *g = &me->base;
    wr_pane *pane = g->panes[0];
    wr_group_head *head = wr_group_head_of(g, row);
    uint8_t **at = &wr_session_keys_of(me, wr_session_of(g, row)->keys)->first;
    while (*at != row)
        at = &wr_session_of(g, *at)->next;
    *at = wr_session_of(g, row)->next;
    head->rows = 0;
    head->flags |= WR_GROUP_DEAD;
    pane->dead++;
    pane->live--;
    g->group_count--;
    for (int i = 0; i < g->spec->call_count; i++)
        pane->kept[i].dead += g->calls[i].is_kept; /* at least; what counts is that it grows */
}

static weir_status touch(wr_session_grouping *me, uint8_t *row)
{
    wr_grouping *g = &me->base;
    if (wr_session_of(g, row)->is_said) WR_TRY(wr_pane_touch(g, g->panes[0], &row, 1));
    return wr_pane_mark(g, g->panes[0], &row, 1);
}

static weir_status merge_sessions(wr_session_grouping *me, uint8_t *into, uint8_t *from)
{
    wr_grouping *g = &me->base;
    wr_pane *pane = g->panes[0];
    wr_session *to = wr_session_of(g, into), *s = wr_session_of(g, from);
    WR_TRY(touch(me, from));
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        if (c->is_kept)
            WR_TRY(wr_group_kept_merge(g, pane, i, into, from));
        else
            WR_TRY(
                c->call->fn->merge(&pane->envs[i], into + c->state_offset, from + c->state_offset));
    }
    wr_group_head_of(g, into)->rows += wr_group_head_of(g, from)->rows;
    to->start = WR_MIN(to->start, s->start);
    to->last = WR_MAX(to->last, s->last);
    s->moved = into;
    end_session(me, from);
    return WR_OK;
}

/* The session of a row; NULL: it came too late. */
static weir_status session_of_row(wr_session_grouping *me, const wr_batch *in, uint16_t at,
                                  int64_t time, uint8_t *keys, uint8_t **out)
{
    wr_grouping *g = &me->base;
    *out = NULL;
    for (uint8_t *row = wr_session_keys_of(me, keys)->first, *next; row; row = next) {
        wr_session *s = wr_session_of(g, row);
        next = s->next;
        if (time < s->start - me->gap || time > s->last + me->gap) continue;
        if (*out) {
            bool is_earlier = s->start < wr_session_of(g, *out)->start;
            uint8_t *into = is_earlier ? row : *out, *from = is_earlier ? *out : row;
            WR_TRY(touch(me, into));
            WR_TRY(merge_sessions(me, into, from));
            *out = into;
        } else {
            WR_TRY(touch(me, row));
            *out = row;
        }
        s = wr_session_of(g, *out);
        s->start = WR_MIN(s->start, time);
        s->last = WR_MAX(s->last, time);
    }
    if (!*out) {
        if (wr_end_is_late(g, time + me->gap + 1))
            return wr_stream_late(&g->op, in, at, "its session is closed");
        WR_TRY(begin_session(me, keys, in->columns, at, time, out));
        WR_TRY(touch(me, *out));
    }
    wr_group_head_of(g, *out)->rows++;
    return WR_OK;
}

weir_status wr_session_find_keys(wr_session_grouping *me, const wr_column *columns,
                                 const uint16_t *sel, uint32_t count, uint8_t **found)
{
    bool has_stored = me->base.panes[0]->has_stored;
    if (me->base.key_count) {
        uint16_t added[WR_BATCH_ROWS];
        uint32_t fresh;
        WR_TRY(wr_groups_find(&me->keys, columns, sel, count, NULL, &me->base.scratch, found, added,
                              &fresh));
        if (!has_stored || fresh == 0) return WR_OK;
        uint16_t at[WR_BATCH_ROWS];
        uint8_t *rows[WR_BATCH_ROWS];
        for (uint32_t i = 0; i < fresh; i++) {
            at[i] = (uint16_t)wr_row_at(sel, added[i]);
            rows[i] = found[added[i]];
        }
        return wr_session_fetch(me, columns, at, fresh, rows);
    }
    wr_column none = {0};
    bool is_new = !me->no_keys;
    if (is_new) WR_TRY(wr_rows_append(me->keys.rows, &none, NULL, 1, &me->no_keys));
    for (uint32_t i = 0; i < count; i++)
        found[i] = me->no_keys;
    return is_new && has_stored ? wr_session_fetch(me, &none, NULL, 1, &me->no_keys) : WR_OK;
}

static weir_status session_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_grouping *g = &me->base;
    const wr_batch *in = &delta->batch;
    wr_arena_reset(&g->scratch);
    wr_timed_rows *t = wr_arena_raw(&g->scratch, sizeof *t);
    WR_TRY(wr_group_times(g, in, t));
    if (t->count == 0) return WR_OK;
    for (uint32_t i = 0; i < t->count; i++)
        if (t->times[i] > INT64_MAX / 2 - me->gap || t->times[i] < me->gap - INT64_MAX / 2)
            return wr_fail(WR_E_DATETIME_OVERFLOW, "a session would be out of range");
    uint8_t *keys[WR_BATCH_ROWS], *sessions[WR_BATCH_ROWS];
    WR_TRY(wr_session_find_keys(me, in->columns, t->rows, t->count, keys));
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->count; i++) {
        WR_TRY(session_of_row(me, in, t->rows[i], t->times[i], keys[i], &sessions[n]));
        t->rows[n] = t->rows[i];
        n += sessions[n] != NULL;
    }
    for (uint32_t i = 0; i < n; i++)
        while (wr_session_of(g, sessions[i])->moved)
            sessions[i] = wr_session_of(g, sessions[i])->moved;
    return n ? wr_pane_update(g, g->panes[0], in, t->rows, n, sessions, false, false) : WR_OK;
}

/* ---- time ---- */

static weir_status say(wr_session_grouping *me, uint8_t *const *rows, uint32_t count)
{
    wr_grouping *g = &me->base;
    wr_delta delta = {0};
    bool is_bad[WR_BATCH_ROWS];
    if (count == 0) return WR_OK;
    wr_arena_reset(&g->results);
    WR_TRY(wr_group_good_results(g, g->panes[0], 0, 0, rows, count, true, &g->results, is_bad,
                                 &delta.batch));
    return wr_stream_emit(&g->op, &delta);
}

/* Sessions that are over by now: up to WR_BATCH_ROWS of those that have not been put out. */
static weir_status take_due(wr_session_grouping *me, uint8_t **unsaid, uint32_t *count)
{
    wr_grouping *g = &me->base;
    *count = 0;
    while (*count < WR_BATCH_ROWS && me->heap_count && me->heap[0].due <= g->op.time) {
        uint8_t *row = pop_due(me);
        wr_session *s = wr_session_of(g, row);
        if (wr_group_head_of(g, row)->flags & WR_GROUP_DEAD) continue;
        if (due_of(g, row) > g->op.time) {
            WR_TRY(wr_session_wait(me, row));
        } else if (!s->is_said) {
            unsaid[(*count)++] = row;
        } else {
            WR_TRY(wr_pane_mark(g, g->panes[0], &row, 1));
            end_session(me, row);
        }
    }
    return WR_OK;
}

/* Reopened sessions that go on are put out when they are over, so they wait again. */
static weir_status session_flush(wr_stream_op *op)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_grouping *g = &me->base;
    wr_pane *pane = g->panes[0];
    for (uint64_t i = 0; i < pane->touched.count && g->lateness; i++) {
        uint8_t *row = pane->touched.items[i];
        if (!wr_group_is_there(g, row) || wr_group_shows(g, row)) continue;
        wr_session_of(g, row)->is_said = false;
        WR_TRY(wr_session_wait(me, row));
    }
    return wr_panes_flush(g);
}

/* Ends sessions, or lets them wait for rows that come late. */
static weir_status settle_said(wr_session_grouping *me, uint8_t *const *rows, uint32_t count)
{
    wr_grouping *g = &me->base;
    WR_TRY(wr_pane_mark(g, g->panes[0], rows, count));
    for (uint32_t i = 0; i < count; i++) {
        wr_session_of(g, rows[i])->is_said = true;
        if (g->lateness)
            WR_TRY(wr_session_wait(me, rows[i]));
        else
            end_session(me, rows[i]);
    }
    return WR_OK;
}

static weir_status session_advance(wr_stream_op *op)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_grouping *g = &me->base;
    uint8_t *rows[WR_BATCH_ROWS];
    if (g->panes[0]->touched.count) WR_TRY(session_flush(op));
    g->closed = op->time;
    for (;;) {
        uint32_t n;
        WR_TRY(take_due(me, rows, &n));
        WR_TRY(say(me, rows, n));
        WR_TRY(settle_said(me, rows, n));
        bool has_more = me->heap_count && me->heap[0].due <= op->time;
        if (!has_more && !wr_session_has_listed(me) && n == 0) return WR_OK;
        op->is_behind =
            n > 0 && (has_more || wr_session_has_listed(me)) && wr_stream_should_pause(op);
        if (op->is_behind) return WR_OK;
        if (!has_more && wr_session_has_listed(me)) WR_TRY(wr_session_fetch_due(me));
    }
}

/* ---- tidying ---- */

/* Keys of a table that is made anew. */
static weir_status move_keys(wr_session_grouping *into, const wr_column *columns, uint8_t **keys)
{
    uint16_t added;
    uint32_t fresh;
    if (into->base.key_count)
        return wr_groups_find(&into->keys, columns, NULL, 1, NULL, &into->base.scratch, keys,
                              &added, &fresh);
    if (!into->no_keys) WR_TRY(wr_rows_append(into->keys.rows, columns, NULL, 1, &into->no_keys));
    *keys = into->no_keys;
    return WR_OK;
}

static weir_status move_sessions(wr_session_grouping *me, wr_session_grouping *into, wr_pane *tidy)
{
    wr_grouping *g = &me->base;
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    WR_ARENA(scratch);
    WR_BUF(bytes);
    for (uint32_t n; (n = wr_rows_next(g->panes[0]->groups.rows, &cursor, rows, WR_BATCH_ROWS));) {
        for (uint32_t i = 0; i < n; i++) {
            uint8_t *row = rows[i], *moved, *keys;
            if (wr_group_head_of(g, row)->flags & WR_GROUP_DEAD) continue;
            wr_arena_reset(&scratch);
            wr_arena_reset(&g->scratch);
            wr_column *columns = wr_new_array(&scratch, wr_column, g->key_count + 1);
            for (int k = 0; k < g->key_count; k++)
                wr_rows_gather(&g->layout, k, &row, 1, &scratch, &columns[k]);
            WR_TRY(move_keys(into, columns, &keys));
            WR_TRY(wr_rows_append(tidy->groups.rows, columns, NULL, 1, &moved));
            memcpy(moved + g->layout.extra_offset, row + g->layout.extra_offset,
                   g->layout.extra_size);
            hang(into, keys, moved);
            if (wr_group_head_of(g, moved)->flags & WR_GROUP_CHANGED)
                WR_TRY(wr_row_list_add(g->op.mem, &tidy->changed, moved));
            for (int c = 0; c < g->spec->call_count; c++)
                WR_TRY(wr_group_move_state(g, g->panes[0], tidy, c, moved, &bytes));
            WR_TRY(wr_session_wait(into, moved));
        }
    }
    return g->any_kept ? wr_group_kept_move(g, tidy) : WR_OK;
}

void wr_session_drop_lookup(wr_session_grouping *me)
{
    wr_groups_clear(&me->keys);
    if (me->heap) wr_mem_free(me->base.op.mem, me->heap, me->heap_cap * sizeof *me->heap);
}

static weir_status tidy_sessions(wr_session_grouping *me, wr_session_grouping *into, wr_pane *tidy)
{
    wr_grouping *g = &me->base;
    WR_TRY(wr_groups_init(&into->keys, g->op.mem, &me->keys_layout, g->key_count, true));
    WR_TRY(move_sessions(me, into, tidy));
    tidy->is_saved = g->panes[0]->is_saved;
    tidy->has_stored = g->panes[0]->has_stored;
    tidy->live = g->panes[0]->live;
    tidy->heap_live = tidy->heap.total;
    wr_pane_swap(g, g->panes[0], tidy);
    wr_session_drop_lookup(me);
    me->keys = into->keys;
    me->no_keys = into->no_keys;
    me->heap = into->heap;
    me->heap_count = into->heap_count;
    me->heap_cap = into->heap_cap;
    return WR_OK;
}

static void tidy_all(wr_session_grouping *me)
{
    wr_grouping *g = &me->base;
    wr_pane *tidy;
    weir_status bad = wr_pane_new(g, 0, &tidy);
    if (!bad) {
        /* What is new is made beside a copy, which shares the layouts. */
        wr_session_grouping *into = wr_heap_new(sizeof *into);
        *into = *me;
        into->keys = (wr_groups){0};
        into->no_keys = NULL;
        into->heap = NULL;
        into->heap_count = into->heap_cap = 0;
        into->base.scratch = (wr_arena){0};
        bad = tidy_sessions(me, into, tidy);
        if (bad) wr_session_drop_lookup(into);
        wr_arena_clear(&into->base.scratch);
        wr_heap_drop(into);
        wr_pane_drop(g, tidy);
    }
    wr_status_drop(bad); /* without room for a second table the first one stays */
}

static void session_settled(wr_stream_op *op, bool committed)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_grouping *g = &me->base;
    const wr_pane *pane = g->panes[0];
    bool has_saved = g->has_saved;
    bool is_clean = committed && has_saved && pane->touched.count == 0;
    wr_grouping_settle(g, committed);
    if (has_saved) wr_session_settle(me, committed);
    if (!committed) return;
    if (is_clean && op->share && wr_mem_used(op->mem) > op->share)
        wr_session_evict(me);
    else if (pane->touched.count == 0 && (is_clean || !pane->is_saved) &&
             wr_pane_is_untidy(g, pane))
        tidy_all(me);
    op->kept_bytes = wr_mem_used(op->mem);
}

static void session_close(wr_stream_op *op)
{
    wr_session_grouping *me = (wr_session_grouping *)op;
    wr_session_drop_lookup(me);
    wr_run_filter_clear(&me->runs);
    wr_run_index_clear(&me->index);
    wr_buf_clear(&me->visited);
    wr_buf_clear(&me->listed);
    wr_grouping_close((wr_grouping *)op);
}

const wr_stream_op_def wr_stream_session_group = {.name = "session group",
                                                  .size = sizeof(wr_session_grouping),
                                                  .is_stateful = true,
                                                  .open = session_open,
                                                  .push = session_push,
                                                  .advance = session_advance,
                                                  .flush = session_flush,
                                                  .save = wr_grouping_save,
                                                  .list_all = wr_grouping_list_all,
                                                  .pending = wr_session_pending,
                                                  .settled = session_settled,
                                                  .load = wr_session_load,
                                                  .close = session_close};
