/* group_pane.c - see group.h: tables of groups, their changes, and what they say.
 *
 * What a group said before the round is not stored: when a said group is touched for the first time
 * in a round its row is computed once more, before the change, and kept until the flush. So the
 * state is the groups alone, and a flush compares the row of then with the row of now.
 *
 * Groups without rows stay in the table, dead, until wr_pane_tidy makes a new one. */
#include "stream/ops/group.h"

enum {
    TIDY_DEAD = 1024,    /* dead groups that are not worth a new table */
    TIDY_HEAP = 1 << 20, /* nor so many bytes of states */
};

/* ---- the list of panes ---- */

/* Index of the first pane with id or more. */
static int pane_index(const wr_grouping *g, int64_t id)
{
    int lo = 0, hi = g->pane_count;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (g->panes[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

wr_pane *wr_pane_at(const wr_grouping *g, int64_t id)
{
    int at = pane_index(g, id);
    return at < g->pane_count && g->panes[at]->id == id ? g->panes[at] : NULL;
}

weir_status wr_pane_new(wr_grouping *g, int64_t id, wr_pane **out)
{
    wr_pane *pane = wr_heap_new(sizeof *pane);
    pane->id = id;
    pane->mem = wr_mem_new(g->op.mem, "aggregate states", 0);
    pane->envs = wr_group_envs(g, pane->mem, &pane->heap);
    pane->kept = wr_heap_new(sizeof *pane->kept * ((size_t)g->spec->call_count + 1));
    weir_status bad = wr_groups_init(&pane->groups, g->op.mem, &g->layout, g->key_count, true);
    for (int i = 0; !bad && i < g->spec->call_count; i++)
        if (g->calls[i].is_kept)
            bad = wr_groups_init(&pane->kept[i].values, g->op.mem, &g->calls[i].kept,
                                 1 + g->calls[i].call->arg_count, false);
    if (bad) {
        wr_pane_drop(g, pane);
        return bad;
    }
    *out = pane;
    return WR_OK;
}

/* What the pane holds, and nothing of it counts as a group any more. */
static void pane_clear(wr_grouping *g, wr_pane *pane)
{
    wr_group_kept_clear(g, pane);
    wr_groups_clear(&pane->groups);
    wr_row_list_clear(g->op.mem, &pane->touched);
    wr_row_list_clear(g->op.mem, &pane->changed);
    wr_heap_drop(pane->envs);
    wr_heap_drop(pane->kept);
    wr_arena_clear(&pane->heap);
    wr_mem_release(pane->mem, wr_mem_used(pane->mem));
    wr_mem_drop(pane->mem);
}

void wr_pane_drop(wr_grouping *g, wr_pane *pane)
{
    if (!pane) return;
    pane_clear(g, pane);
    wr_heap_drop(pane);
}

weir_status wr_pane_need(wr_grouping *g, int64_t id, wr_pane **out)
{
    int at = pane_index(g, id);
    if (at < g->pane_count && g->panes[at]->id == id) {
        *out = g->panes[at];
        return WR_OK;
    }
    WR_TRY(wr_pane_new(g, id, out));
    (*out)->is_said = g->spec->emit == WR_EMIT_ON_CHANGE ||
                      (g->ends && !g->is_sliced && g->closed != WR_NO_TIME_YET &&
                       wr_pane_end(g, id) <= g->closed);
    if (g->pane_count == g->pane_cap) {
        int cap = g->pane_cap ? g->pane_cap * 2 : 16;
        g->panes = wr_heap_grow(g->panes, sizeof *g->panes * (size_t)g->pane_cap,
                                sizeof *g->panes * (size_t)cap);
        g->pane_cap = cap;
    }
    memmove(g->panes + at + 1, g->panes + at, sizeof *g->panes * (size_t)(g->pane_count - at));
    g->panes[at] = *out;
    g->pane_count++;
    return WR_OK;
}

void wr_panes_end(wr_grouping *g, int count)
{
    for (int i = 0; i < count; i++) {
        wr_pane *pane = g->panes[i];
        g->group_count -= pane->live;
        if (pane->is_saved) wr_buf_add(&g->gone, &pane->id, sizeof pane->id);
        wr_pane_drop(g, pane);
    }
    g->pane_count -= count;
    if (g->pane_count > 0)
        memmove(g->panes, g->panes + count, sizeof *g->panes * (size_t)g->pane_count);
}

/* ---- finding groups ---- */

static weir_status too_many(const wr_grouping *g)
{
    return wr_with_hint(wr_fail(WR_E_TOO_BIG, "more than %llu groups at a time, the limit of %s",
                                (unsigned long long)g->spec->groups_max, g->op.def->name),
                        "raise groups_max, or group by fewer values or shorter windows");
}

void wr_group_begin(wr_grouping *g, uint8_t *row)
{
    wr_group_head *head = wr_group_head_of(g, row);
    head->serial = ++g->serial;
    wr_group_init_states(g, row);
}

weir_status wr_group_count_new(wr_grouping *g, wr_pane *pane)
{
    g->group_count++;
    pane->live++;
    if (g->spec->groups_max && g->group_count > g->spec->groups_max) return too_many(g);
    return WR_OK;
}

/* The one group of a query without keys. */
static weir_status only_group(wr_grouping *g, wr_pane *pane, uint8_t **row)
{
    wr_rows_cursor cursor = {0, 0};
    if (wr_rows_next(pane->groups.rows, &cursor, row, 1) == 1) return WR_OK;
    wr_column none = {0};
    WR_TRY(wr_rows_append(pane->groups.rows, &none, NULL, 1, row));
    wr_group_begin(g, *row);
    return wr_group_count_new(g, pane);
}

/* New rows of the table: groups the state has, or that begin now. */
static weir_status begin_groups(wr_grouping *g, wr_pane *pane, const wr_column *keys,
                                const uint16_t *sel, uint8_t *const *found, const uint16_t *added,
                                uint32_t count)
{
    bool is_found[WR_BATCH_ROWS] = {false};
    for (uint32_t i = 0; i < count; i++)
        wr_group_begin(g, found[added[i]]);
    if (pane->has_stored) {
        uint16_t at[WR_BATCH_ROWS];
        uint8_t *rows[WR_BATCH_ROWS];
        for (uint32_t i = 0; i < count; i++) {
            at[i] = (uint16_t)wr_row_at(sel, added[i]);
            rows[i] = found[added[i]];
        }
        WR_TRY(wr_pane_fetch(g, pane, keys, at, count, rows, is_found));
    }
    for (uint32_t i = 0; i < count; i++)
        if (!is_found[i]) WR_TRY(wr_group_count_new(g, pane));
    return WR_OK;
}

weir_status wr_pane_find(wr_grouping *g, wr_pane *pane, const wr_column *keys, const uint16_t *sel,
                         uint32_t count, uint8_t **found)
{
    if (g->key_count == 0) {
        uint8_t *only;
        WR_TRY(only_group(g, pane, &only));
        for (uint32_t i = 0; i < count; i++)
            found[i] = only;
        return WR_OK;
    }
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh;
    if (wr_pane_is_unread(pane)) WR_TRY(wr_pane_unpack(g, pane));
    WR_TRY(
        wr_groups_find(&pane->groups, keys, sel, count, NULL, &g->scratch, found, added, &fresh));
    return fresh ? begin_groups(g, pane, keys, sel, found, added, fresh) : WR_OK;
}

/* ---- changes ---- */

/* Keeps what groups have said, which are about to change for the first time in this round. */
static weir_status keep_said(wr_grouping *g, wr_pane *pane, uint8_t *const *rows, uint32_t count)
{
    wr_batch batch;
    uint8_t *said[WR_BATCH_ROWS];
    bool is_bad[WR_BATCH_ROWS];
    int64_t end = wr_pane_end(g, pane->id);
    WR_TRY(wr_group_good_results(g, pane, pane->id, end, rows, count, false, &g->scratch, is_bad,
                                 &batch));
    if (batch.rows) WR_TRY(wr_rows_append(g->said, batch.columns, NULL, batch.rows, said));
    for (uint32_t i = 0, n = 0; i < count; i++) {
        wr_group_head *head = wr_group_head_of(g, rows[i]);
        if (is_bad[i])
            head->flags |= WR_GROUP_MUTE;
        else
            head->said = said[n++];
    }
    return WR_OK;
}

weir_status wr_pane_touch(wr_grouping *g, wr_pane *pane, uint8_t *const *rows, uint32_t count)
{
    uint8_t *spoke[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        wr_group_head *head = wr_group_head_of(g, rows[i]);
        if (head->flags & WR_GROUP_TOUCHED) continue;
        head->flags |= WR_GROUP_TOUCHED;
        head->said = NULL;
        WR_TRY(wr_row_list_add(g->op.mem, &pane->touched, rows[i]));
        if (wr_group_is_there(g, rows[i])) spoke[n++] = rows[i];
    }
    return n ? keep_said(g, pane, spoke, n) : WR_OK;
}

weir_status wr_pane_mark(wr_grouping *g, wr_pane *pane, uint8_t *const *rows, uint32_t count)
{
    if (g->op.graph->is_volatile) return WR_OK;
    for (uint32_t i = 0; i < count; i++) {
        wr_group_head *head = wr_group_head_of(g, rows[i]);
        if (head->flags & WR_GROUP_CHANGED) continue;
        head->flags |= WR_GROUP_CHANGED;
        WR_TRY(wr_row_list_add(g->op.mem, &pane->changed, rows[i]));
    }
    return WR_OK;
}

/* Counts rows of groups; a group that had none begins anew, one that has none any more is dead. */
static void count_rows(wr_grouping *g, wr_pane *pane, uint8_t *const *rows, uint32_t count,
                       bool back)
{
    for (uint32_t i = 0; i < count; i++) {
        wr_group_head *head = wr_group_head_of(g, rows[i]);
        head->rows += back ? -1 : 1;
        if (!g->spec->input_takes_back || g->spec->has_empty_group) continue;
        if (head->rows != !back) continue;
        bool was_dead = !back && head->flags & WR_GROUP_DEAD;
        if (was_dead) wr_group_init_states(g, rows[i]);
        if (was_dead || back) {
            head->flags ^= WR_GROUP_DEAD;
            pane->dead += back ? 1 : UINT64_MAX;
            pane->live += back ? UINT64_MAX : 1;
            g->group_count += back ? UINT64_MAX : 1;
        }
    }
}

static weir_status update_call(wr_grouping *g, wr_pane *pane, int i, const wr_batch *in,
                               const uint16_t *sel, uint32_t count, uint8_t **groups, bool back,
                               bool is_one)
{
    const wr_group_call *c = &g->calls[i];
    const wr_aggregate *fn = c->call->fn;
    const wr_column *args = in->columns + c->first_arg;
    uint16_t passed[WR_BATCH_ROWS];
    uint8_t *passed_groups[WR_BATCH_ROWS];
    if (c->filter >= 0) {
        count = wr_group_filter(g, i, in, sel, count, groups, passed, passed_groups);
        sel = passed;
        groups = passed_groups;
        if (count == 0) return WR_OK;
    }
    pane->envs[i].position = g->position;
    if (c->is_kept) return wr_group_kept_add(g, pane, i, in, sel, count, groups, back);
    if (back) return fn->take_back(&pane->envs[i], args, sel, count, groups, &g->scratch);
    if (is_one)
        return fn->update_one(&pane->envs[i], args, sel, count, groups[0] + c->state_offset,
                              &g->scratch);
    return fn->update(&pane->envs[i], args, sel, count, groups, &g->scratch);
}

weir_status wr_pane_update(wr_grouping *g, wr_pane *pane, const wr_batch *in, const uint16_t *sel,
                           uint32_t count, uint8_t **groups, bool back, bool is_one)
{
    for (int i = 0; i < g->spec->call_count; i++)
        WR_TRY(update_call(g, pane, i, in, sel, count, groups, back, is_one));
    g->position += count;
    return WR_OK;
}

/* Rows that all appear or are all taken back. */
static weir_status add_rows(wr_grouping *g, wr_pane *pane, const wr_batch *in, const uint16_t *sel,
                            uint32_t count, bool back)
{
    if (count == 0) return WR_OK;
    uint8_t *groups[WR_BATCH_ROWS];
    WR_TRY(wr_pane_find(g, pane, in->columns, sel, count, groups));
    uint32_t marked = g->key_count ? count : 1;
    if (pane->is_said) WR_TRY(wr_pane_touch(g, pane, groups, marked));
    WR_TRY(wr_pane_mark(g, pane, groups, marked));
    count_rows(g, pane, groups, count, back);
    return wr_pane_update(g, pane, in, sel, count, groups, back, g->key_count == 0);
}

weir_status wr_pane_add(wr_grouping *g, wr_pane *pane, const wr_delta *delta, const uint16_t *sel,
                        uint32_t count)
{
    if (!delta->changes) return add_rows(g, pane, &delta->batch, sel, count, false);
    uint16_t signs[2][WR_BATCH_ROWS];
    uint32_t counts[2] = {0, 0};
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_row_at(sel, i);
        bool back = delta->changes[row] < 0;
        signs[back][counts[back]++] = (uint16_t)row;
    }
    wr_assert(counts[1] == 0 || g->spec->input_takes_back);
    WR_TRY(add_rows(g, pane, &delta->batch, signs[0], counts[0], false));
    return add_rows(g, pane, &delta->batch, signs[1], counts[1], true);
}

/* ---- putting out ---- */

static weir_status say_rows(wr_grouping *g, wr_pane *pane, int64_t start, int64_t end,
                            uint8_t **rows, uint32_t count)
{
    uint32_t there = 0;
    for (uint32_t i = 0; i < count; i++) {
        rows[there] = rows[i];
        there += wr_group_is_there(g, rows[i]);
    }
    if (there == 0) return WR_OK;
    bool is_bad[WR_BATCH_ROWS];
    wr_arena_reset(&g->results);
    wr_delta delta = {0};
    WR_TRY(wr_group_good_results(g, pane, start, end, rows, there, true, &g->results, is_bad,
                                 &delta.batch));
    return wr_stream_emit(&g->op, &delta);
}

weir_status wr_pane_say(wr_grouping *g, wr_pane *pane, int64_t start, int64_t end)
{
    uint8_t *rows[WR_BATCH_ROWS];
    wr_pane *of;
    wr_pane_walk walk;
    wr_pane_walk_begin(&walk, g, pane);
    weir_status bad = WR_OK;
    for (uint32_t n = 1; !bad && n > 0;) {
        bad = wr_pane_walk_next(&walk, rows, &n, &of);
        if (!bad) bad = say_rows(g, of, start, end, rows, n);
    }
    wr_pane_walk_end(&walk);
    return bad;
}

/* Puts out rows of a batch, or those said before, all with the same sign. */
static weir_status emit(wr_grouping *g, wr_batch *batch, const uint16_t *sel, uint32_t count,
                        int8_t sign)
{
    if (count == 0) return WR_OK;
    wr_delta delta = {.batch = *batch};
    int8_t changes[WR_BATCH_ROWS];
    memset(changes, sign, batch->rows);
    delta.changes = changes;
    delta.batch.sel = sel;
    delta.batch.sel_count = sel ? count : 0;
    return wr_stream_emit(&g->op, &delta);
}

static weir_status emit_said(wr_grouping *g, uint8_t *const *said, uint32_t count)
{
    wr_batch batch = {.column_count = g->output.column_count, .rows = count};
    batch.columns = wr_new_array(&g->results, wr_column, batch.column_count + 1);
    for (int c = 0; c < batch.column_count; c++)
        wr_rows_gather(&g->output, c, said, count, &g->results, &batch.columns[c]);
    return emit(g, &batch, NULL, count, -1);
}

/* The results of touched groups. Those that have none leave the list; what they said is taken back.
 */
static weir_status results_of_touched(wr_grouping *g, wr_pane *pane, uint8_t **rows,
                                      uint32_t *count, uint8_t **back, uint32_t *back_count,
                                      wr_batch *out)
{
    bool is_bad[WR_BATCH_ROWS];
    uint32_t good = 0;
    *out = (wr_batch){0};
    if (*count == 0) return WR_OK;
    WR_TRY(wr_group_good_results(g, pane, pane->id, wr_pane_end(g, pane->id), rows, *count, true,
                                 &g->results, is_bad, out));
    for (uint32_t i = 0; i < *count; i++) {
        wr_group_head *head = wr_group_head_of(g, rows[i]);
        head->flags &= ~(uint64_t)WR_GROUP_MUTE;
        if (!is_bad[i])
            rows[good++] = rows[i];
        else if (head->said)
            back[(*back_count)++] = head->said;
    }
    *count = good;
    return WR_OK;
}

/* Says what became of some touched groups: nothing where the row is what it was. */
static weir_status flush_rows(wr_grouping *g, wr_pane *pane, uint8_t *const *touched,
                              uint32_t count)
{
    uint8_t *rows[WR_BATCH_ROWS], *before[WR_BATCH_ROWS], *back[WR_BATCH_ROWS];
    uint16_t spoke[WR_BATCH_ROWS], speak[WR_BATCH_ROWS];
    uint32_t there = 0, spoke_count = 0, speak_count = 0, back_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        wr_group_head *head = wr_group_head_of(g, touched[i]);
        head->flags &= ~(uint64_t)WR_GROUP_TOUCHED;
        if (!wr_group_shows(g, touched[i])) {
            if (g->is_session) wr_session_of(g, touched[i])->is_said = false;
            if (head->said) back[back_count++] = head->said;
            head->flags &= ~(uint64_t)WR_GROUP_MUTE;
            continue;
        }
        rows[there++] = touched[i];
    }
    wr_arena_reset(&g->results);
    wr_batch now;
    WR_TRY(results_of_touched(g, pane, rows, &there, back, &back_count, &now));
    for (uint32_t i = 0; i < there; i++) {
        before[i] = wr_group_head_of(g, rows[i])->said;
        if (before[i]) spoke[spoke_count++] = (uint16_t)i;
    }
    if (there) {
        wr_column *flat = wr_new_array(&g->results, wr_column, now.column_count + 1);
        wr_keys_flatten(now.columns, now.column_count, NULL, there, &g->results, flat);
        uint32_t same = wr_keys_match(&g->output, NULL, flat, now.column_count, UINT64_MAX, NULL,
                                      before, spoke, spoke_count, NULL, NULL);
        uint32_t s = 0;
        for (uint32_t i = 0; i < there; i++) {
            if (s < same && spoke[s] == i) {
                s++;
                continue;
            }
            speak[speak_count++] = (uint16_t)i;
            if (before[i]) back[back_count++] = before[i];
        }
    }
    if (back_count) WR_TRY(emit_said(g, back, back_count));
    return emit(g, &now, speak, speak_count, 1);
}

weir_status wr_pane_flush(wr_grouping *g, wr_pane *pane)
{
    for (uint64_t at = 0; at < pane->touched.count; at += WR_BATCH_ROWS) {
        uint64_t rest = pane->touched.count - at;
        uint32_t n = (uint32_t)WR_MIN(rest, (uint64_t)WR_BATCH_ROWS);
        WR_TRY(flush_rows(g, pane, pane->touched.items + at, n));
    }
    pane->touched.count = 0;
    return WR_OK;
}

weir_status wr_panes_flush(wr_grouping *g)
{
    for (int i = 0; i < g->pane_count; i++)
        if (g->panes[i]->touched.count) WR_TRY(wr_pane_flush(g, g->panes[i]));
    if (wr_rows_count(g->said)) wr_rows_empty(g->said);
    return WR_OK;
}

/* ---- tidying ---- */

/* A state in the heap of another pane. */
weir_status wr_group_move_state(wr_grouping *g, wr_pane *from, wr_pane *into, int call,
                                uint8_t *row, wr_buf *bytes)
{
    const wr_group_call *c = &g->calls[call];
    const wr_aggregate *fn = c->call->fn;
    if (!fn->save) return WR_OK;
    uint8_t *state = row + c->state_offset;
    bytes->length = 0;
    WR_TRY(fn->save(&from->envs[call], state, bytes));
    memset(state, 0, c->state_size);
    if (fn->init) fn->init(c->call, state);
    return fn->load(&into->envs[call], wr_buf_str(bytes), state);
}

static weir_status move_rows(wr_grouping *g, wr_pane *from, wr_pane *into, uint8_t **rows,
                             uint32_t count, wr_arena *scratch)
{
    uint8_t *moved[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t there = 0, fresh;
    WR_BUF(bytes);
    for (uint32_t i = 0; i < count; i++) {
        rows[there] = rows[i];
        uint64_t flags = wr_group_head_of(g, rows[i])->flags;
        there += !(flags & WR_GROUP_DEAD) || flags & WR_GROUP_SAVED;
    }
    wr_column *keys = wr_new_array(scratch, wr_column, g->key_count + 1);
    for (int k = 0; k < g->key_count; k++)
        wr_rows_gather(&g->layout, k, rows, there, scratch, &keys[k]);
    WR_TRY(wr_groups_find(&into->groups, keys, NULL, there, NULL, scratch, moved, added, &fresh));
    for (uint32_t i = 0; i < there; i++) {
        uint64_t hash = wr_group_head_of(g, moved[i])->hash;
        memcpy(moved[i] + g->layout.extra_offset, rows[i] + g->layout.extra_offset,
               g->layout.extra_size);
        wr_group_head *head = wr_group_head_of(g, moved[i]);
        head->hash = hash;
        into->dead += (head->flags & WR_GROUP_DEAD) != 0;
        if (head->flags & WR_GROUP_CHANGED)
            WR_TRY(wr_row_list_add(g->op.mem, &into->changed, moved[i]));
        for (int c = 0; c < g->spec->call_count; c++)
            WR_TRY(wr_group_move_state(g, from, into, c, moved[i], &bytes));
    }
    return WR_OK;
}

static weir_status move_all(wr_grouping *g, wr_pane *from, wr_pane *into)
{
    WR_ARENA(scratch);
    uint8_t *rows[WR_BATCH_ROWS];
    wr_rows_cursor cursor = {0, 0};
    for (uint32_t n; (n = wr_rows_next(from->groups.rows, &cursor, rows, WR_BATCH_ROWS)) > 0;) {
        wr_arena_reset(&scratch);
        WR_TRY(move_rows(g, from, into, rows, n, &scratch));
    }
    return g->any_kept ? wr_group_kept_move(g, into) : WR_OK;
}

bool wr_pane_is_untidy(const wr_grouping *g, const wr_pane *pane)
{
    uint64_t all = wr_rows_count(pane->groups.rows);
    if (pane->dead > TIDY_DEAD && pane->dead > all / 2) return true;
    if (pane->heap.total > TIDY_HEAP && pane->heap.total / 2 > pane->heap_live) return true;
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_kept *kept = &pane->kept[i];
        if (kept->dead > TIDY_DEAD && kept->dead > wr_rows_count(kept->values.rows) / 2)
            return true;
    }
    return false;
}

void wr_pane_swap(const wr_grouping *g, wr_pane *a, wr_pane *b)
{
    wr_pane held = *a;
    *a = *b;
    *b = held;
    for (int i = 0; i < g->spec->call_count; i++) {
        a->envs[i].heap = &a->heap;
        b->envs[i].heap = &b->heap;
    }
}

/* What holds of a pane whatever is in memory of it. */
static void like_before(wr_pane *pane, const wr_pane *before)
{
    pane->live = before->live;
    pane->is_said = before->is_said;
    pane->is_saved = before->is_saved;
    pane->has_stored = before->has_stored;
    pane->stored = before->stored;
    pane->next = before->next;
}

uint64_t wr_pane_bytes(const wr_grouping *g, const wr_pane *pane)
{
    uint64_t bytes = wr_groups_bytes(&pane->groups) + wr_mem_used(pane->mem);
    for (int i = 0; i < g->spec->call_count; i++)
        if (g->calls[i].is_kept) bytes += wr_groups_bytes(&pane->kept[i].values);
    return bytes;
}

void wr_pane_evict(wr_grouping *g, wr_pane *pane)
{
    wr_pane *empty;
    weir_status bad = wr_pane_new(g, pane->id, &empty);
    if (!bad) {
        /* A few of many keys: a directory by key would be mostly empty. */
        wr_groups_clear(&empty->groups);
        bad = wr_groups_init(&empty->groups, g->op.mem, &g->layout, g->key_count, false);
        like_before(empty, pane);
        empty->has_stored = true;
        if (!bad) wr_pane_swap(g, pane, empty);
        wr_pane_drop(g, empty);
    }
    wr_status_drop(bad); /* without room for an empty table the full one stays */
}

void wr_pane_tidy(wr_grouping *g, wr_pane *pane)
{
    if (g->key_count == 0 || g->is_session || pane->touched.count || !wr_pane_is_untidy(g, pane))
        return;
    wr_pane *tidy;
    weir_status bad = wr_pane_new(g, pane->id, &tidy);
    if (!bad) {
        bad = move_all(g, pane, tidy);
        like_before(tidy, pane);
        tidy->heap_live = tidy->heap.total;
        if (!bad) wr_pane_swap(g, pane, tidy);
        wr_pane_drop(g, tidy);
    }
    wr_status_drop(bad); /* without room for a second table the first one stays */
}
