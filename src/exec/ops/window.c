/* window.c - window functions: keeps all rows, sorts them by (partition, order), and computes the
 * calls partition by partition.
 *
 * Rows that partition and order do not tell apart stay in source order, whichever worker kept them.
 * Workers take stretches of whole partitions. Output batches may hold the ends and beginnings of
 * several partitions; each call is asked for one segment (rows of one partition in one batch) at a
 * time and writes at its place in the batch. Everything that calls evaluate (arguments, filters,
 * offsets) is computed once per input row and kept in the row. */
#include "exec/ops/window.h"

enum { CHUNK_ROWS = 1 << 14 };

/* The slot of an expression: an input column, or an extra one after them. */
static int slot_for(wr_window *w, wr_expr *e, wr_expr **exprs, const wr_type **types, int *extra)
{
    if (e->kind == WR_X_COLUMN && (int)e->column < w->input_count) return (int)e->column;
    for (int i = 0; i < *extra; i++)
        if (wr_expr_eq(exprs[i], e) && !wr_expr_is_volatile(e)) return w->input_count + i;
    exprs[*extra] = e;
    types[w->input_count + *extra] = e->type;
    return w->input_count + (*extra)++;
}

static bool moves_forward(const wr_frame *f)
{
    bool has_offset = f->end == WR_OFFSET_PRECEDING || f->end == WR_OFFSET_FOLLOWING;
    return !has_offset || wr_expr_is_const(f->end_offset);
}

/* The bound of a ROWS frame as a distance from the row; false if it is not the same everywhere. */
static bool shift_of(wr_frame_bound bound, const wr_expr *offset, int64_t *shift)
{
    const int64_t far = INT64_C(1) << 40; /* beyond any partition */
    *shift = bound == WR_UNBOUNDED_PRECEDING ? -far : bound == WR_UNBOUNDED_FOLLOWING ? far : 0;
    if (bound != WR_OFFSET_PRECEDING && bound != WR_OFFSET_FOLLOWING) return true;
    if (offset->kind != WR_X_CONST || offset->value.is_null || offset->value.type != WR_BIGINT ||
        offset->value.i64 < 0)
        return false;
    int64_t n = WR_MIN(offset->value.i64, far);
    *shift = bound == WR_OFFSET_PRECEDING ? -n : n;
    return true;
}

static weir_status open_call(wr_window *w, wr_wcall *c, const wr_window_call *call, wr_expr **exprs,
                             const wr_type **types, int *extra)
{
    const wr_aggregate_call *a = &call->aggregate;
    const wr_frame *f = &call->frame;
    c->call = call;
    c->filter = c->start = c->end = -1;
    if (a->arg_count > WR_WINDOW_ARGS)
        return wr_fail(WR_E_TOO_BIG, "a window function has more than %d arguments",
                       WR_WINDOW_ARGS);
    if (!call->fn && a->order_count > 0)
        return wr_fail(WR_E_UNSUPPORTED,
                       "ORDER BY inside an aggregate cannot be combined with OVER");
    for (int i = 0; i < a->arg_count; i++)
        c->args[i] = slot_for(w, a->args[i], exprs, types, extra);
    if (a->filter && !call->fn) c->filter = slot_for(w, a->filter, exprs, types, extra);
    c->is_shift = f->unit == WR_WINDOW_ROWS && f->exclude == WR_WINDOW_EXCLUDE_NONE &&
                  shift_of(f->start, f->start_offset, &c->from_shift) &&
                  shift_of(f->end, f->end_offset, &c->to_shift);
    c->to_shift++;
    bool start =
        !c->is_shift && (f->start == WR_OFFSET_PRECEDING || f->start == WR_OFFSET_FOLLOWING);
    bool end = !c->is_shift && (f->end == WR_OFFSET_PRECEDING || f->end == WR_OFFSET_FOLLOWING);
    if (start) c->start = slot_for(w, f->start_offset, exprs, types, extra);
    if (end) c->end = slot_for(w, f->end_offset, exprs, types, extra);
    c->needs_keys = f->unit == WR_WINDOW_RANGE && (start || end);
    if (c->needs_keys && w->order_count != 1)
        return wr_fail(WR_E_WINDOWING,
                       "RANGE with an offset needs exactly one ORDER BY expression");
    bool by_peers = f->unit != WR_WINDOW_ROWS || f->exclude == WR_WINDOW_EXCLUDE_GROUP ||
                    f->exclude == WR_WINDOW_EXCLUDE_TIES;
    c->needs_peers = call->fn && call->fn->kind < WR_W_LAG
                         ? call->fn->kind != WR_W_ROW_NUMBER && call->fn->kind != WR_W_NTILE
                         : by_peers;
    c->end_moves_forward = moves_forward(f);
    w->one_segment |= wr_type_is_nested(a->type);
    if (call->fn || !a->is_distinct) return WR_OK;
    const wr_type **kept = wr_new_array(&w->op.arena, const wr_type *, a->arg_count + 1);
    for (int i = 0; i < a->arg_count; i++)
        kept[i] = a->args[i]->type;
    wr_rows_layout_init(&c->distinct, &w->op.arena, kept, a->arg_count, 8);
    return WR_OK;
}

static weir_status window_open(wr_op *op)
{
    wr_window *w = (wr_window *)op;
    const wr_plan_node *node = op->node;
    const wr_window_call *first = &node->window.calls[0];
    w->call_count = node->window.call_count;
    w->input_count = node->schema.count - w->call_count;
    w->partition_count = first->partition_count;
    w->order_count = first->order_count;
    int most = w->partition_count + w->order_count;
    for (int i = 0; i < w->call_count; i++)
        most += node->window.calls[i].aggregate.arg_count + 3;
    wr_expr **exprs = wr_new_array(&op->arena, wr_expr *, most + 1);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, w->input_count + most + 1);
    int extra = 0;
    for (int i = 0; i < w->input_count; i++)
        types[i] = node->schema.fields[i].type;
    w->keys = wr_new_array(&op->arena, wr_sort_slot, w->partition_count + w->order_count + 1);
    for (int i = 0; i < w->partition_count; i++)
        w->keys[i].slot = slot_for(w, first->partition[i], exprs, types, &extra);
    for (int i = 0; i < w->order_count; i++) {
        const wr_sort_key *key = &first->order[i];
        w->keys[w->partition_count + i] = (wr_sort_slot){
            slot_for(w, key->expr, exprs, types, &extra), key->descending, key->nulls_first};
    }
    w->calls = wr_new_array(&op->arena, wr_wcall, w->call_count + 1);
    for (int i = 0; i < w->call_count; i++)
        WR_TRY(open_call(w, &w->calls[i], &node->window.calls[i], exprs, types, &extra));
    op->is_ordered = wr_exec_workers(op->exec) > 1;
    wr_rows_layout_init(&w->layout, &op->arena, types, w->input_count + extra,
                        op->is_ordered ? 8 : 0); /* places, for runs */
    w->partition_shift = -1;
    wr_wspill_open(w);
    wr_wtop_open(w);
    return wr_exprs_open(&w->exprs, op, exprs, extra);
}

static weir_status window_local_open(wr_op *op, wr_op_local *local)
{
    wr_window *w = (wr_window *)op;
    wr_wlocal *me = (wr_wlocal *)local;
    me->states = wr_heap_new(sizeof *me->states * (size_t)(w->call_count + 1));
    for (int i = 0; i < w->call_count; i++) {
        wr_wstate *s = &me->states[i];
        s->mem = wr_mem_new(op->mem, "window states", 0);
        s->query_mem = wr_mem_new(op->mem, "window frames", 0);
        s->env = (wr_aggregate_env){.call = &w->calls[i].call->aggregate,
                                    .env = wr_exec_env(op->exec),
                                    .mem = s->mem,
                                    .heap = &s->heap};
    }
    return WR_OK;
}

static weir_status window_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    wr_window *w = (wr_window *)op;
    wr_wlocal *me = (wr_wlocal *)local;
    *flow = WR_FLOW_NEXT;
    if (!me->rows) {
        WR_TRY(wr_rows_new(op->mem, &w->layout, &me->rows));
        wr_sorting_init(&me->watch, op->exec, &me->watch_arena, &w->layout, w->keys,
                        w->partition_count + w->order_count);
    }
    WR_TRY(wr_exprs_run(&w->exprs, &me->exprs, wr_exec_env(op->exec), in));
    wr_arena_reset(&local->scratch);
    wr_column *columns = wr_new_array(&local->scratch, wr_column, w->layout.column_count + 1);
    for (int c = 0; c < w->layout.column_count; c++)
        columns[c] = c < w->input_count ? in->columns[c] : me->exprs.out[c - w->input_count];
    uint8_t *rows[WR_BATCH_ROWS];
    const uint16_t *sel = in->sel;
    uint32_t count = wr_batch_count(in);
    if (w->top_count && !me->top_is_off) WR_TRY(wr_wtop_select(w, me, columns, &sel, &count));
    if (count == 0) return WR_OK;
    WR_TRY(wr_rows_append(me->rows, columns, sel, count, rows));
    uint64_t place = wr_arrivals_note(&me->arrivals, local->morsel, count);
    if (op->is_ordered) wr_rows_set_places(&w->layout, rows, count, place);
    WR_TRY(wr_sorting_watch(&me->watch, rows, count));
    return wr_wspill(w, me, false);
}

bool wr_wsame_partition(const wr_window *w, const uint8_t *a, const uint8_t *b)
{
    for (int k = 0; k < w->partition_count; k++)
        if (wr_keys_compare(&w->layout, w->keys[k].slot, a, b) != 0) return false;
    return true;
}

static weir_status add_chunk(wr_window *w, uint64_t from)
{
    if (w->chunk_count == w->chunk_cap) {
        uint64_t cap = w->chunk_cap ? w->chunk_cap * 2 : 16;
        WR_TRY(wr_mem_grow(w->op.mem, (void **)&w->chunks, w->chunk_cap * sizeof *w->chunks,
                           cap * sizeof *w->chunks));
        w->chunk_cap = cap;
    }
    w->chunks[w->chunk_count++] = from;
    return WR_OK;
}

/* Of two entries of the sorter. */
static inline bool same_partition(const wr_window *w, const wr_sort_entry *a,
                                  const wr_sort_entry *b)
{
    if (w->partition_shift >= 0) return (a->bits ^ b->bits) >> w->partition_shift == 0;
    return wr_wsame_partition(w, a->row, b->row);
}

/* The end of the partition that begins at from: gallops, then searches. */
static uint64_t partition_end(const wr_window *w, uint64_t from)
{
    const wr_sort_entry *e = w->sorter.entries;
    uint64_t count = w->sorter.count, step = 1, lo = from;
    if (w->partition_count == 0) return count;
    while (lo + step < count && same_partition(w, &e[from], &e[lo + step])) {
        lo += step;
        step *= 2;
    }
    uint64_t hi = WR_MIN(lo + step, count); /* lo is inside, hi is outside or the end */
    while (hi - lo > 1) {
        uint64_t middle = lo + (hi - lo) / 2;
        if (same_partition(w, &e[from], &e[middle]))
            lo = middle;
        else
            hi = middle;
    }
    return hi;
}

static weir_status find_chunks(wr_window *w)
{
    uint64_t at = 0, count = w->sorter.count;
    w->partition_shift = wr_sorting_shift(&w->sorter.sorting, w->partition_count);
    while (at < count) {
        WR_TRY(add_chunk(w, at));
        uint64_t goal = at + CHUNK_ROWS;
        if (goal >= count) break;
        /* The partition that holds the goal ends the chunk; walk to it by partitions. */
        while (at < goal && at < count)
            at = partition_end(w, at);
    }
    wr_op_note(&w->op, "%llu rows, %llu pieces", (unsigned long long)count,
               (unsigned long long)w->chunk_count);
    return add_chunk(w, count);
}

static weir_status window_finish(wr_op *op, int phase, int *tasks)
{
    wr_window *w = (wr_window *)op;
    if (w->has_runs) return wr_wspill_finish(w, phase, tasks);
    if (phase == 0) {
        int workers = wr_exec_workers(op->exec);
        wr_rows **stores = wr_new_array(&op->arena, wr_rows *, workers);
        const wr_sorting **watched = wr_new_array(&op->arena, const wr_sorting *, workers);
        const wr_arrivals **arrivals = wr_new_array(&op->arena, const wr_arrivals *, workers);
        for (int i = 0; i < workers; i++) {
            if (!op->locals[i]) continue;
            stores[i] = ((wr_wlocal *)op->locals[i])->rows;
            watched[i] = &((wr_wlocal *)op->locals[i])->watch;
            arrivals[i] = &((wr_wlocal *)op->locals[i])->arrivals;
        }
        WR_TRY(wr_sorter_begin(&w->sorter, op, &w->layout, w->keys,
                               w->partition_count + w->order_count, stores, watched, arrivals,
                               workers));
    }
    WR_TRY(wr_sorter_step(&w->sorter, phase, tasks));
    return *tasks < 0 ? find_chunks(w) : WR_OK;
}

static weir_status window_task(wr_op *op, wr_op_local *local, int phase, int index)
{
    wr_window *w = (wr_window *)op;
    (void)local;
    if (!w->has_runs) return wr_sorter_task(&w->sorter, phase, index);
    wr_wlocal *whose = (wr_wlocal *)op->locals[index];
    return whose && whose->rows ? wr_wspill(w, whose, true) : WR_OK;
}

/* ---- reading ---- */

static void leave_partition(const wr_window *w, wr_wlocal *me)
{
    wr_mem_release(w->op.mem, me->part.reserved);
    wr_arena arena = me->part.arena;
    wr_arena_reset(&arena);
    me->part = (wr_wpart){.arena = arena};
    for (int i = 0; i < w->call_count; i++)
        wr_wstate_reset(w, &me->states[i], i);
}

static weir_status enter_partition(const wr_window *w, wr_wlocal *me, uint64_t from)
{
    wr_wpart *p = &me->part;
    leave_partition(w, me);
    uint64_t count = partition_end(w, from) - from;
    if (count > UINT32_MAX - 2)
        return wr_fail(WR_E_TOO_BIG, "a window partition has more than %u rows", UINT32_MAX - 2);
    p->from = from;
    p->rows_before = from == 0 ? w->rows_before : 0;
    p->groups_before = from == 0 ? w->groups_before : 0;
    p->count = (uint32_t)count;
    p->entries = w->sorter.entries;
    for (int i = 0; i < w->call_count; i++) {
        if (w->calls[i].needs_peers) WR_TRY(wr_wpart_peers(w, p));
        if (w->calls[i].needs_keys) WR_TRY(wr_wpart_keys(w, p));
    }
    return WR_OK;
}

static int window_workers_wanted(wr_op *op)
{
    return ((wr_window *)op)->has_runs ? 1 : wr_exec_workers(op->exec);
}

static weir_status window_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    wr_window *w = (wr_window *)op;
    wr_wlocal *me = (wr_wlocal *)local;
    if (w->has_runs) {
        leave_partition(w, me);
        WR_TRY(wr_wspill_piece(w, &me->end));
        me->at = 0;
        *got = me->end > 0;
        return WR_OK;
    }
    uint64_t index = atomic_fetch_add(&w->next, 1);
    *got = index + 1 < w->chunk_count;
    if (!*got) return WR_OK;
    me->at = w->chunks[index];
    me->end = w->chunks[index + 1];
    return WR_OK;
}

/* Rows of a partition that QUALIFY can still want: top_rows limits one of the ranks, so a row that
 * is beyond it in all of them is not wanted. */
static bool is_wanted(const wr_window *w, const wr_wpart *p, uint32_t i)
{
    int64_t top = w->op.node->window.top_rows;
    bool is_ranked = false;
    if (top < 0) return true;
    for (int k = 0; k < w->call_count; k++) {
        const wr_window_fn *fn = w->calls[k].call->fn;
        int64_t before = -1;
        if (fn && fn->kind == WR_W_ROW_NUMBER) before = (int64_t)(p->rows_before + i);
        if (fn && fn->kind == WR_W_RANK)
            before = (int64_t)(p->rows_before + p->group_start[p->group_of[i]]);
        if (fn && fn->kind == WR_W_DENSE_RANK)
            before = (int64_t)(p->groups_before + p->group_of[i]);
        if (before >= 0 && before < top) return true;
        is_ranked |= before >= 0;
    }
    return !is_ranked;
}

static weir_status window_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    wr_window *w = (wr_window *)op;
    wr_wlocal *me = (wr_wlocal *)local;
    wr_arena *scratch = &local->scratch;
    uint8_t *rows[WR_BATCH_ROWS];
    uint16_t *sel;
    *more = me->at < me->end;
    if (!*more) return WR_OK;
    wr_arena_reset(scratch);
    sel = wr_new_array(scratch, uint16_t, WR_BATCH_ROWS);
    uint32_t most = (uint32_t)WR_MIN(me->end - me->at, (uint64_t)WR_BATCH_ROWS), filled = 0,
             kept = 0;
    *out = (wr_batch){.column_count = op->node->schema.count};
    out->columns = wr_new_array(scratch, wr_column, out->column_count + 1);
    for (int i = 0; i < w->call_count; i++) {
        wr_column *c = &out->columns[w->input_count + i];
        const wr_type *type = w->calls[i].call->aggregate.type;
        wr_column_init(c, scratch, type, (wr_phys)type->phys, most);
        c->rows = most;
    }
    while (filled < most && !(w->one_segment && filled > 0)) {
        wr_wpart *p = &me->part;
        if (!p->count || me->at < p->from || me->at >= p->from + p->count)
            WR_TRY(enter_partition(w, me, me->at));
        uint32_t from = (uint32_t)(me->at - p->from), n = WR_MIN(most - filled, p->count - from);
        for (int i = 0; i < w->call_count; i++) {
            wr_column *c = &out->columns[w->input_count + i];
            WR_TRY(
                (w->calls[i].call->fn ? wr_wvalue : wr_waggregate)(w, me, i, from, n, filled, c));
        }
        for (uint32_t i = 0; i < n; i++) {
            rows[filled + i] = p->entries[me->at + i].row;
            sel[kept] = (uint16_t)(filled + i);
            kept += is_wanted(w, p, from + i);
        }
        me->at += n;
        filled += n;
    }
    for (int c = 0; c < w->input_count; c++)
        wr_rows_gather(&w->layout, c, rows, filled, scratch, &out->columns[c]);
    for (int i = 0; i < w->call_count; i++)
        out->columns[w->input_count + i].rows = filled;
    out->rows = filled;
    if (kept < filled) out->sel = sel, out->sel_count = kept;
    return WR_OK;
}

static void window_local_close(wr_op *op, wr_op_local *local)
{
    wr_window *w = (wr_window *)op;
    wr_wlocal *me = (wr_wlocal *)local;
    wr_exprs_close(&me->exprs);
    if (me->states) leave_partition(w, me);
    wr_arena_clear(&me->part.arena);
    for (int i = 0; me->states && i < w->call_count; i++) {
        wr_wstate *s = &me->states[i];
        wr_arena_clear(&s->heap);
        wr_arena_clear(&s->scratch_heap);
        for (int b = 0; b < 2; b++)
            wr_arena_clear(&s->blocks[b].arena);
        wr_heap_drop(s->levels);
        wr_heap_drop(s->level_counts);
        wr_mem_drop(s->mem);
        wr_mem_drop(s->query_mem);
    }
    wr_heap_drop(me->states);
    wr_wtop_drop(me);
    wr_arena_clear(&me->watch_arena);
    wr_arrivals_clear(&me->arrivals);
    wr_rows_drop(me->rows);
    wr_sort_runs_clear(&me->runs);
}

static void window_close(wr_op *op)
{
    wr_window *w = (wr_window *)op;
    wr_wspill_close(w);
    wr_sorter_clear(&w->sorter);
    if (w->chunks) wr_mem_free(op->mem, w->chunks, w->chunk_cap * sizeof *w->chunks);
}

const wr_op_def wr_op_window = {.name = "window",
                                .size = sizeof(wr_window),
                                .local_size = sizeof(wr_wlocal),
                                .open = window_open,
                                .local_open = window_local_open,
                                .local_close = window_local_close,
                                .close = window_close,
                                .sink = window_sink,
                                .finish = window_finish,
                                .task = window_task,
                                .workers_wanted = window_workers_wanted,
                                .morsel = window_morsel,
                                .next_batch = window_next};
