/* window_aggregate.c - aggregates over frames, never by looking at every row of every frame.
 *
 *   frame begins at the partition's start and only grows: one running state, fed as the frame grows
 *   any other frame: segment tree of states (16 rows per leaf, 16 nodes per node), a frame is a few
 * nodes and two ragged ends; frames of few rows are fed directly DISTINCT: a set of the values seen
 * beside the running state; over frames that move it is fed anew per frame
 *   sum of narrow integers, any other frame: the difference of two sums from the partition's start
 *
 * A state without pointers is copied per row and finished a batch at a time; one with pointers is
 * finished at once, because feeding it further may change what it points to. */
#include "exec/ops/window.h"

enum { FANOUT = 16, DIRECT_ROWS = 48 };

static size_t state_size(const wr_wcall *c)
{
    return (c->call->aggregate.fn->state_size(&c->call->aggregate) + 15) / 16 * 16;
}

static void state_init(const wr_wcall *c, uint8_t *state)
{
    memset(state, 0, state_size(c));
    if (c->call->aggregate.fn->init) c->call->aggregate.fn->init(&c->call->aggregate, state);
}

void wr_wstate_reset(const wr_window *w, wr_wstate *s, int call)
{
    (void)call;
    s->present = s->before = s->summed = NULL;
    s->sums = NULL;
    s->has_running = false;
    s->done = 0;
    for (int k = 0; k < s->level_count; k++)
        s->levels[k] = NULL;
    s->level_count = 0;
    for (int b = 0; b < 2; b++)
        s->blocks[b].is_set = false;
    if (s->distinct.rows) wr_groups_clear(&s->distinct);
    wr_arena_reset(&s->heap);
    wr_arena_reset(&s->scratch_heap);
    s->running = NULL;
    if (s->mem) wr_mem_release(s->mem, wr_mem_used(s->mem));
    if (s->query_mem) wr_mem_release(s->query_mem, wr_mem_used(s->query_mem));
    (void)w;
}

/* Arguments and filter of the block of rows that holds row i. */
static int block_of(const wr_window *w, const wr_wpart *p, const wr_wcall *c, wr_wstate *s,
                    uint32_t i)
{
    uint32_t block = i / WR_BATCH_ROWS;
    for (int b = 0; b < 2; b++)
        if (s->blocks[b].is_set && s->blocks[b].block == block) return b;
    int b = s->block_turn;
    s->block_turn = 1 - b;
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t from = block * WR_BATCH_ROWS, n = WR_MIN(p->count - from, (uint32_t)WR_BATCH_ROWS);
    for (uint32_t k = 0; k < n; k++)
        rows[k] = p->entries[p->from + from + k].row;
    wr_arena_reset(&s->blocks[b].arena);
    for (int a = 0; a < c->call->aggregate.arg_count; a++)
        wr_rows_gather(&w->layout, c->args[a], rows, n, &s->blocks[b].arena,
                       &s->blocks[b].columns[a]);
    if (c->filter >= 0)
        wr_rows_gather(&w->layout, c->filter, rows, n, &s->blocks[b].arena, &s->blocks[b].filter);
    s->blocks[b].is_set = true;
    s->blocks[b].block = block;
    return b;
}

static uint32_t passing(const wr_column *filter, uint32_t from, uint32_t to, uint16_t *sel)
{
    uint32_t n = 0;
    for (uint32_t i = from; i < to; i++) {
        sel[n] = (uint16_t)i;
        n += !filter || (((const uint8_t *)filter->data)[i] &&
                         (!filter->valid || wr_bit_get(filter->valid, i)));
    }
    return n;
}

/* Of the selected rows those with arguments not seen before. */
static weir_status only_new(const wr_window *w, const wr_wcall *c, wr_wstate *s,
                            const wr_column *columns, uint16_t *sel, uint32_t *n, wr_arena *scratch)
{
    if (!s->distinct.rows)
        WR_TRY(wr_groups_init(&s->distinct, w->op.mem, &c->distinct, c->call->aggregate.arg_count,
                              false));
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh;
    WR_TRY(wr_groups_find(&s->distinct, columns, sel, *n, NULL, scratch, found, added, &fresh));
    for (uint32_t i = 0; i < fresh; i++)
        added[i] = sel[added[i]];
    memcpy(sel, added, fresh * sizeof *sel);
    *n = fresh;
    return WR_OK;
}

/* Feeds rows [from, to) to a state. */
static weir_status feed(const wr_window *w, const wr_wpart *p, const wr_wcall *c, wr_wstate *s,
                        wr_aggregate_env *env, uint32_t from, uint32_t to, uint8_t *state)
{
    const wr_aggregate_call *call = &c->call->aggregate;
    uint16_t sel[WR_BATCH_ROWS];
    while (from < to) {
        if (to - from >= WR_BATCH_ROWS) WR_TRY(wr_exec_check(w->op.exec));
        int b = block_of(w, p, c, s, from);
        uint32_t base = s->blocks[b].block * WR_BATCH_ROWS, end = WR_MIN(to, base + WR_BATCH_ROWS);
        uint32_t n =
            passing(c->filter >= 0 ? &s->blocks[b].filter : NULL, from - base, end - base, sel);
        WR_ARENA(scratch);
        if (call->is_distinct && !(call->fn->flags & WR_AGG_IGNORES_DISTINCT))
            WR_TRY(only_new(w, c, s, s->blocks[b].columns, sel, &n, &scratch));
        env->position = from;
        if (n > 0) WR_TRY(call->fn->update_one(env, s->blocks[b].columns, sel, n, state, &scratch));
        from = end;
    }
    return WR_OK;
}

/* ---- segment tree ---- */

static weir_status build_tree(const wr_window *w, wr_wpart *p, const wr_wcall *c, wr_wstate *s)
{
    size_t size = state_size(c);
    uint32_t below = p->count;
    if (!s->levels) {
        s->levels = wr_heap_new(sizeof *s->levels * 16);
        s->level_counts = wr_heap_new(sizeof *s->level_counts * 16);
    }
    while (below > FANOUT || s->level_count == 0) {
        uint32_t n = (below + FANOUT - 1) / FANOUT;
        int level = s->level_count;
        WR_TRY(wr_wpart_take(w, p, size * n, (void **)&s->levels[level]));
        for (uint32_t i = 0; i < n; i++) {
            uint8_t *node = s->levels[level] + size * i;
            uint32_t from = i * FANOUT, to = WR_MIN(from + FANOUT, below);
            state_init(c, node);
            if (level == 0) {
                WR_TRY(feed(w, p, c, s, &s->env, from, to, node));
                continue;
            }
            for (uint32_t k = from; k < to; k++)
                WR_TRY(
                    c->call->aggregate.fn->merge(&s->env, node, s->levels[level - 1] + size * k));
        }
        WR_TRY(wr_exec_check(w->op.exec));
        s->level_counts[level] = n;
        s->level_count++;
        below = n;
    }
    return WR_OK;
}

static weir_status merge_nodes(const wr_wcall *c, wr_wstate *s, wr_aggregate_env *env, int level,
                               uint32_t from, uint32_t to, uint8_t *state)
{
    size_t size = state_size(c);
    for (uint32_t i = from; i < to; i++)
        WR_TRY(c->call->aggregate.fn->merge(env, state, s->levels[level] + size * i));
    return WR_OK;
}

/* Rows [from, to) into a state, in order: up the left edge, along the highest level, down the right
 * edge. */
static weir_status query_tree(const wr_window *w, const wr_wpart *p, const wr_wcall *c,
                              wr_wstate *s, wr_aggregate_env *env, uint32_t from, uint32_t to,
                              uint8_t *state)
{
    if (to - from <= DIRECT_ROWS) return feed(w, p, c, s, env, from, to, state);
    uint32_t lo = (from + FANOUT - 1) / FANOUT, hi = to / FANOUT;
    WR_TRY(feed(w, p, c, s, env, from, lo * FANOUT, state));
    uint32_t right_from[16], right_to[16];
    int level = 0;
    for (; level + 1 < s->level_count; level++) {
        uint32_t up = (lo + FANOUT - 1) / FANOUT, down = hi / FANOUT;
        if (up >= down) break;
        WR_TRY(merge_nodes(c, s, env, level, lo, up * FANOUT, state));
        right_from[level] = down * FANOUT;
        right_to[level] = hi;
        lo = up;
        hi = down;
    }
    WR_TRY(merge_nodes(c, s, env, level, lo, hi, state));
    while (level-- > 0)
        WR_TRY(merge_nodes(c, s, env, level, right_from[level], right_to[level], state));
    return feed(w, p, c, s, env, to / FANOUT * FANOUT, to, state);
}

/* ---- one row at a time ---- */

static bool same_frame(const wr_wframe *a, const wr_wframe *b)
{
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++)
        if (a->from[i] != b->from[i] || a->to[i] != b->to[i]) return false;
    return true;
}

static weir_status state_of_frame(const wr_window *w, wr_wpart *p, const wr_wcall *c, wr_wstate *s,
                                  const wr_wframe *f, wr_aggregate_env *env, uint8_t *state)
{
    const wr_aggregate_call *call = &c->call->aggregate;
    bool distinct = call->is_distinct && !(call->fn->flags & WR_AGG_IGNORES_DISTINCT);
    if (distinct && s->distinct.rows) wr_groups_clear(&s->distinct);
    bool is_long = false;
    for (int r = 0; r < f->count; r++)
        is_long |= f->to[r] - f->from[r] > DIRECT_ROWS;
    if (is_long && !distinct && s->level_count == 0) WR_TRY(build_tree(w, p, c, s));
    for (int r = 0; r < f->count; r++) {
        if (distinct)
            WR_TRY(feed(w, p, c, s, env, f->from[r], f->to[r], state));
        else
            WR_TRY(query_tree(w, p, c, s, env, f->from[r], f->to[r], state));
    }
    return WR_OK;
}

/* Text is copied: the heap it may point into ends before the batch. */
static weir_status finish_one(const wr_wcall *c, wr_aggregate_env *env, uint8_t *state,
                              wr_arena *arena, wr_column *out)
{
    const wr_type *type = c->call->aggregate.type;
    wr_column_init(out, arena, type, (wr_phys)type->phys, 1);
    out->rows = 1;
    WR_TRY(c->call->aggregate.fn->finish(env, &state, 1, arena, out));
    if (type->phys != WR_P_VIEW || (out->valid && !wr_bit_get(out->valid, 0))) return WR_OK;
    wr_view *v = out->data;
    if (v->length > 12) v->pointer = wr_arena_copy(arena, v->pointer, v->length);
    return WR_OK;
}

/* Values of a batch whose states have no pointers: finished together. */
static weir_status finish_copies(const wr_wcall *c, wr_aggregate_env *env, uint8_t **states,
                                 uint32_t count, uint32_t at, wr_arena *arena, wr_column *out)
{
    wr_column values;
    const wr_type *type = c->call->aggregate.type;
    wr_column_init(&values, arena, type, (wr_phys)type->phys, count);
    values.rows = count;
    WR_TRY(c->call->aggregate.fn->finish(env, states, count, arena, &values));
    for (uint32_t i = 0; i < count; i++)
        wr_wput(out, at + i, &values, i, arena, out->rows);
    return WR_OK;
}

static bool is_running(const wr_wcall *c)
{
    const wr_frame *f = &c->call->frame;
    return f->start == WR_UNBOUNDED_PRECEDING && f->exclude == WR_WINDOW_EXCLUDE_NONE &&
           c->end_moves_forward;
}

/* The state of row i's frame: the running one, or a fresh one in memory of the arena. */
static weir_status next_state(const wr_window *w, wr_wlocal *me, const wr_wcall *c, wr_wstate *s,
                              const wr_wframe *f, wr_aggregate_env *query, uint8_t **state)
{
    wr_wpart *p = &me->part;
    if (!is_running(c)) {
        wr_arena_reset(&s->scratch_heap); /* the state before is finished, its result copied */
        wr_mem_release(s->query_mem, wr_mem_used(s->query_mem));
        *state = wr_arena_alloc(&me->base.scratch, state_size(c));
        state_init(c, *state);
        return state_of_frame(w, p, c, s, f, query, *state);
    }
    if (!s->has_running) {
        WR_TRY(wr_wpart_take(w, p, state_size(c), (void **)&s->running));
        state_init(c, s->running);
        s->has_running = true;
    }
    uint32_t to = f->count ? f->to[f->count - 1] : 0;
    if (to > s->done) {
        WR_TRY(feed(w, p, c, s, &s->env, s->done, to, s->running));
        s->done = to;
    }
    *state = s->running;
    return WR_OK;
}

/* All rows of a nested result, one value after the other. */
static weir_status nested_results(const wr_window *w, wr_wlocal *me, int call, wr_column *one,
                                  uint32_t count, wr_column *out)
{
    wr_rows_layout *layout = wr_new(&me->base.scratch, wr_rows_layout);
    wr_rows_layout_init(layout, &me->base.scratch, &one->type, 1, 0);
    WR_AUTO(wr_rows) *rows = NULL;
    WR_TRY(wr_rows_new(w->op.mem, layout, &rows));
    uint8_t *addresses[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(wr_rows_append(rows, &one[i], NULL, 1, &addresses[i]));
    wr_column values;
    (void)call;
    wr_rows_gather(layout, 0, addresses, count, &me->base.scratch, &values);
    wr_column_copy(&values, 0, count, &me->base.scratch, out);
    return WR_OK;
}

/* ---- differences of sums ---- */

/* Sums that 64 bits hold whatever the rows are: at most 2^32 integers of 32 bits. */
static bool is_difference(const wr_window *w, const wr_wcall *c)
{
    const wr_aggregate_call *call = &c->call->aggregate;
    if (call->arg_count != 1 || call->is_distinct || c->filter >= 0 || is_running(c) ||
        c->call->frame.exclude != WR_WINDOW_EXCLUDE_NONE || call->type->id != WR_T_BIGINT)
        return false;
    wr_type_id id = w->layout.types[c->args[0]]->id;
    bool is_narrow = id == WR_T_TINYINT || id == WR_T_SMALLINT || id == WR_T_INTEGER;
    return is_narrow && strcmp(call->fn->name, "sum") == 0;
}

static weir_status sum_partition(const wr_window *w, wr_wpart *p, const wr_wcall *c, wr_wstate *s)
{
    int slot = c->args[0];
    size_t rows = (size_t)p->count + 1;
    WR_TRY(wr_wpart_take(w, p, rows * sizeof *s->summed, (void **)&s->summed));
    WR_TRY(wr_wpart_take(w, p, rows * sizeof *s->sums, (void **)&s->sums));
    for (uint32_t from = 0, n; from < p->count; from += n) {
        WR_ARENA(scratch);
        wr_column column;
        uint8_t *addresses[WR_BATCH_ROWS], nulls[WR_BATCH_ROWS];
        int64_t values[WR_BATCH_ROWS];
        n = WR_MIN(p->count - from, (uint32_t)WR_BATCH_ROWS);
        WR_TRY(wr_exec_check(w->op.exec));
        for (uint32_t i = 0; i < n; i++)
            addresses[i] = wr_wrow(p, from + i);
        wr_rows_gather(&w->layout, slot, addresses, n, &scratch, &column);
        wr_keys_ints(&column, NULL, n, values, nulls);
        for (uint32_t i = 0; i < n; i++) { /* the value of a NULL is 0 */
            s->sums[from + i + 1] = s->sums[from + i] + values[i];
            s->summed[from + i + 1] = s->summed[from + i] + !nulls[i];
        }
    }
    return WR_OK;
}

static weir_status differences(const wr_window *w, wr_wlocal *me, const wr_wcall *c, wr_wstate *s,
                               uint32_t from, uint32_t count, uint32_t at, wr_column *out)
{
    int64_t *values = out->data;
    if (!s->sums) WR_TRY(sum_partition(w, &me->part, c, s));
    for (uint32_t i = 0; i < count; i++) {
        wr_wframe f;
        WR_TRY(wr_wframe_of(w, &me->part, c, from + i, &f));
        bool any = f.count && s->summed[f.to[0]] > s->summed[f.from[0]];
        values[at + i] = any ? s->sums[f.to[0]] - s->sums[f.from[0]] : 0;
        if (!any) wr_bit_clear(wr_column_need_valid(out, &me->base.scratch, out->rows), at + i);
    }
    return WR_OK;
}

weir_status wr_waggregate(const wr_window *w, wr_wlocal *me, int call, uint32_t from,
                          uint32_t count, uint32_t at, wr_column *out)
{
    const wr_wcall *c = &w->calls[call];
    wr_wstate *s = &me->states[call];
    wr_arena *arena = &me->base.scratch;
    if (is_difference(w, c)) return differences(w, me, c, s, from, count, at, out);
    bool nested = wr_type_is_nested(out->type), copies = !c->call->aggregate.fn->save && !nested;
    wr_aggregate_env query = s->env;
    query.heap = &s->scratch_heap;
    query.mem = s->query_mem;
    wr_aggregate_env *env = is_running(c) ? &s->env : &query;
    uint8_t *states[WR_BATCH_ROWS], *state = NULL;
    wr_column *results = nested ? wr_new_array(arena, wr_column, count) : NULL, one;
    wr_wframe last = {.count = -1}, f;
    for (uint32_t i = 0; i < count; i++) {
        WR_TRY(wr_wframe_of(w, &me->part, c, from + i, &f));
        bool same = i > 0 && same_frame(&f, &last);
        last = f;
        if (!same) {
            WR_TRY(next_state(w, me, c, s, &f, env, &state));
            if (!copies) WR_TRY(finish_one(c, env, state, arena, &one));
        }
        if (copies && is_running(c)) {
            states[i] = same ? states[i - 1] : wr_arena_alloc(arena, state_size(c));
            if (!same) memcpy(states[i], state, state_size(c));
        } else {
            states[i] = state;
        }
        if (nested && !same) wr_column_copy(&one, 0, 1, arena, &results[i]);
        if (nested && same) results[i] = results[i - 1];
        if (!copies && !nested) wr_wput(out, at + i, &one, 0, arena, out->rows);
        if ((i & 255) == 0) WR_TRY(wr_exec_check(w->op.exec));
    }
    if (nested) return nested_results(w, me, call, results, count, out);
    return copies ? finish_copies(c, env, states, count, at, arena, out) : WR_OK;
}
