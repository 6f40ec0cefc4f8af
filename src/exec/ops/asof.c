/* asof.c - ASOF JOIN: each left row meets the nearest right row by one ordered value, among those
 * with equal keys.
 *
 * Right rows are kept, sorted by (keys, value) and cut into runs of equal keys; a hash table finds
 * the run, binary search the row. Which row is nearest follows from the comparison: left >= right
 * wants the largest right value that is not above, left <= right the smallest that is not below. Of
 * equal values the first takes the last in source order, the second the first. What does not fit in
 * memory goes on in asof_spill.c. */
#include "exec/ops/asof.h"

enum { RUN_HASH, RUN_FIRST, RUN_END, RUN_WORDS, CHECK_ROWS = 1 << 14 };

static weir_status asof_open(wr_op *op)
{
    wr_asof *a = (wr_asof *)op;
    const wr_plan_node *node = op->node;
    a->left_count = node->inputs[0]->schema.count;
    a->right_count = node->inputs[1]->schema.count;
    a->key_count = node->asof.key_count;
    int n = a->right_count, keys = a->key_count;
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, n + keys + 1);
    const wr_type **key_types = wr_new_array(&op->arena, const wr_type *, keys + 1);
    wr_expr **build = wr_new_array(&op->arena, wr_expr *, keys + 1),
            **probe = wr_new_array(&op->arena, wr_expr *, keys + 1);
    a->key_slots = wr_new_array(&op->arena, int, keys + 1);
    for (int i = 0; i < n; i++)
        types[i] = node->inputs[1]->schema.fields[i].type;
    for (int k = 0; k < keys; k++) {
        build[k] = node->asof.keys[k].right;
        probe[k] = node->asof.keys[k].left;
        types[n + k] = key_types[k] = build[k]->type;
        a->key_slots[k] = n + k;
    }
    build[keys] = node->asof.right;
    probe[keys] = node->asof.left;
    types[n + keys] = build[keys]->type;
    a->value_slot = n + keys;
    op->is_ordered = wr_exec_workers(op->exec) > 1;
    wr_rows_layout_init(&a->layout, &op->arena, types, n + keys + 1,
                        op->is_ordered ? 8 : 0); /* places, for runs */
    wr_rows_layout_init(&a->run_layout, &op->arena, key_types, keys, RUN_WORDS * 8);
    wr_asof_spill_open(a, types + n);
    WR_TRY(wr_groups_init(&a->runs, op->mem, &a->run_layout, keys, true));
    WR_TRY(wr_exprs_open(&a->build, op, build, keys + 1));
    return wr_exprs_open(&a->probe, op, probe, keys + 1);
}

/* Positions without a NULL among the first n columns, NULLs that match aside. */
static uint32_t usable(const wr_asof *a, const wr_column *columns, const wr_batch *in,
                       uint16_t *sel)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < wr_batch_count(in); i++) {
        uint32_t row = wr_batch_row(in, i);
        bool null = wr_column_is_null(&columns[a->key_count], row);
        for (int k = 0; k < a->key_count && !null; k++)
            null = !a->op.node->asof.keys[k].null_equal && wr_column_is_null(&columns[k], row);
        sel[kept] = (uint16_t)row;
        kept += !null;
    }
    return kept;
}

static weir_status asof_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    wr_asof *a = (wr_asof *)op;
    wr_asof_local *me = (wr_asof_local *)local;
    *flow = WR_FLOW_NEXT;
    if (!me->rows) WR_TRY(wr_rows_new(op->mem, &a->layout, &me->rows));
    WR_TRY(wr_exprs_run(&a->build, &me->build, wr_exec_env(op->exec), in));
    wr_arena_reset(&local->scratch);
    wr_column *columns = wr_new_array(&local->scratch, wr_column, a->layout.column_count + 1);
    for (int c = 0; c < a->layout.column_count; c++)
        columns[c] = c < a->right_count ? in->columns[c] : me->build.out[c - a->right_count];
    uint32_t count = usable(a, me->build.out, in, me->sel);
    uint8_t *rows[WR_BATCH_ROWS];
    uint64_t place = wr_arrivals_note(&me->arrivals, local->morsel, count);
    WR_TRY(wr_rows_append(me->rows, columns, me->sel, count, rows));
    if (op->is_ordered) wr_rows_set_places(&a->layout, rows, count, place);
    return wr_asof_spill_right(a, me, false);
}

static bool same_keys(const wr_asof *a, const uint8_t *x, const uint8_t *y)
{
    for (int k = 0; k < a->key_count; k++)
        if (wr_keys_compare(&a->layout, a->key_slots[k], x, y) != 0) return false;
    return true;
}

/* Enters runs [from...) that begin at the rows listed. */
static weir_status enter_runs(wr_asof *a, uint8_t **firsts, const uint64_t *from,
                              const uint64_t *to, uint32_t n)
{
    WR_ARENA(scratch);
    wr_column *keys = wr_new_array(&scratch, wr_column, a->key_count + 1);
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh;
    for (int k = 0; k < a->key_count; k++)
        wr_rows_gather(&a->layout, a->key_slots[k], firsts, n, &scratch, &keys[k]);
    WR_TRY(wr_groups_find(&a->runs, keys, NULL, n, NULL, &scratch, found, added, &fresh));
    for (uint32_t i = 0; i < n; i++) {
        wr_row_extra(&a->run_layout, found[i])[RUN_FIRST] = from[i];
        wr_row_extra(&a->run_layout, found[i])[RUN_END] = to[i];
    }
    return WR_OK;
}

static weir_status find_runs(wr_asof *a)
{
    uint8_t *firsts[WR_BATCH_ROWS];
    uint64_t from[WR_BATCH_ROWS], to[WR_BATCH_ROWS];
    uint32_t n = 0;
    for (uint64_t at = 0, end; at < a->count && a->key_count > 0; at = end) {
        for (end = at + 1; end < a->count && same_keys(a, a->rows[at], a->rows[end]); end++)
            if ((end & (CHECK_ROWS - 1)) == 0) WR_TRY(wr_exec_check(a->op.exec));
        firsts[n] = a->rows[at];
        from[n] = at;
        to[n++] = end;
        if (n < WR_BATCH_ROWS && end < a->count) continue;
        WR_TRY(enter_runs(a, firsts, from, to, n));
        n = 0;
    }
    return WR_OK;
}

static weir_status sort_rows(wr_asof *a)
{
    wr_op *op = &a->op;
    int workers = wr_exec_workers(op->exec);
    wr_rows **stores = wr_new_array(&op->arena, wr_rows *, workers);
    const wr_arrivals **arrivals = wr_new_array(&op->arena, const wr_arrivals *, workers);
    for (int w = 0; w < workers; w++) {
        wr_asof_local *me = (wr_asof_local *)op->locals[w];
        if (!me || !me->rows) continue;
        a->count += wr_rows_count(me->rows);
        stores[w] = me->rows;
        arrivals[w] = &me->arrivals;
    }
    if (a->count == 0) return WR_OK;
    WR_TRY(wr_mem_alloc(op->mem, a->count * sizeof *a->rows, (void **)&a->rows));
    wr_arrivals_list(stores, arrivals, workers, a->rows);
    WR_TRY(wr_sort_addresses(op->exec, op->mem, &a->layout, a->order, a->key_count + 1, a->rows,
                             a->count));
    wr_op_note(op, "%llu rows sorted", (unsigned long long)a->count);
    return find_runs(a);
}

/* Once one worker has spilled, all of them write their runs. */
static weir_status asof_finish(wr_op *op, int phase, int *tasks)
{
    wr_asof *a = (wr_asof *)op;
    *tasks = -1;
    if (!a->is_spilled) return sort_rows(a);
    if (phase == 0) {
        *tasks = wr_exec_workers(op->exec);
        return WR_OK;
    }
    wr_sort_runs_init(&a->right_runs, &a->spill, &a->layout, a->order, a->key_count + 1);
    for (int w = 0; w < wr_exec_workers(op->exec); w++) {
        wr_asof_local *me = (wr_asof_local *)op->locals[w];
        if (me && me->runs.spill) wr_sort_runs_take(&a->right_runs, &me->runs);
    }
    return wr_sort_runs_shrink(&a->right_runs);
}

static weir_status asof_task(wr_op *op, wr_op_local *local, int phase, int index)
{
    wr_asof_local *whose = (wr_asof_local *)op->locals[index];
    (void)local, (void)phase;
    return whose ? wr_asof_spill_right((wr_asof *)op, whose, true) : WR_OK;
}

/* The row of the run [from, to) nearest to the value of `probe`, which is a row of the same layout;
 * NULL: none. */
static uint8_t *nearest(const wr_asof *a, uint64_t from, uint64_t to, const uint8_t *probe)
{
    wr_compare_op op = a->op.node->asof.op;
    bool after_equal = op == WR_GE || op == WR_LT; /* the cut lies behind equal values */
    uint64_t lo = from, hi = to;
    while (lo < hi) {
        uint64_t middle = lo + (hi - lo) / 2;
        int order = wr_keys_compare(&a->layout, a->value_slot, a->rows[middle], probe);
        if (after_equal ? order <= 0 : order < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    bool wants_below = op == WR_GE || op == WR_GT;
    if (wants_below) return lo > from ? a->rows[lo - 1] : NULL;
    return lo < to ? a->rows[lo] : NULL;
}

/* Finds the right row of each position (NULL: none). */
static weir_status find_rows(wr_asof *a, wr_asof_local *me, const wr_batch *in, uint8_t **found)
{
    wr_arena *scratch = &me->base.scratch;
    uint32_t count = usable(a, me->probe.out, in, me->sel);
    uint8_t *probes[WR_BATCH_ROWS];
    if (count == 0 || a->count == 0) return WR_OK;
    /* Probe values become rows of the layout, so that one comparison serves both sides. */
    wr_column *columns = wr_new_array(scratch, wr_column, a->layout.column_count + 1);
    for (int c = 0; c < a->right_count; c++) {
        wr_value null = wr_value_null(a->layout.types[c]);
        wr_value_column(&null, in->rows, scratch, &columns[c]);
    }
    for (int k = 0; k <= a->key_count; k++)
        columns[a->right_count + k] = me->probe.out[k];
    WR_AUTO(wr_rows) *rows = NULL;
    WR_TRY(wr_rows_new(a->op.mem, &a->layout, &rows));
    WR_TRY(wr_rows_append(rows, columns, me->sel, count, probes));
    uint8_t *runs[WR_BATCH_ROWS];
    if (a->key_count > 0)
        WR_TRY(wr_groups_lookup(&a->runs, me->probe.out, me->sel, count, scratch, runs));
    for (uint32_t i = 0; i < count; i++) {
        uint64_t from = 0, to = a->count;
        if (a->key_count > 0) {
            if (!runs[i]) continue;
            from = wr_row_extra(&a->run_layout, runs[i])[RUN_FIRST];
            to = wr_row_extra(&a->run_layout, runs[i])[RUN_END];
        }
        found[me->sel[i]] = nearest(a, from, to, probes[i]);
    }
    return WR_OK;
}

/* The left rows that have no partner whatever the right side holds: those with NULL keys. */
static void keep_unusable(const wr_batch *in, uint16_t *sel, uint32_t *count)
{
    bool has_key[WR_BATCH_ROWS] = {false};
    uint32_t kept = 0;
    for (uint32_t i = 0; i < *count; i++)
        has_key[sel[i]] = true;
    for (uint32_t i = 0; i < wr_batch_count(in); i++) {
        uint16_t row = (uint16_t)wr_batch_row(in, i);
        sel[kept] = row;
        kept += !has_key[row];
    }
    *count = kept;
}

static weir_status asof_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                             wr_flow *flow)
{
    wr_asof *a = (wr_asof *)op;
    wr_asof_local *me = (wr_asof_local *)local;
    *flow = WR_FLOW_NEXT;
    WR_TRY(wr_exprs_run(&a->probe, &me->probe, wr_exec_env(op->exec), in));
    wr_arena_reset(&local->scratch);
    uint8_t **found = wr_new_array(&local->scratch, uint8_t *, in->rows + 1);
    uint32_t kept = 0;
    if (a->is_spilled) {
        kept = usable(a, me->probe.out, in, me->sel);
        WR_TRY(wr_asof_keep_left(a, me, in, kept));
        keep_unusable(in, me->sel, &kept);
        if (!op->node->asof.is_left) kept = 0;
    } else {
        WR_TRY(find_rows(a, me, in, found));
    }
    *out = *in;
    out->column_count = a->left_count + a->right_count;
    out->columns = wr_new_array(&local->scratch, wr_column, out->column_count + 1);
    if (a->left_count) memcpy(out->columns, in->columns, sizeof(wr_column) * (size_t)a->left_count);
    for (int c = 0; c < a->right_count; c++)
        wr_rows_gather(&a->layout, c, found, in->rows, &local->scratch,
                       &out->columns[a->left_count + c]);
    if (op->node->asof.is_left && !a->is_spilled) return WR_OK;
    for (uint32_t i = 0; !a->is_spilled && i < wr_batch_count(in); i++) {
        uint16_t row = (uint16_t)wr_batch_row(in, i);
        me->sel[kept] = row;
        kept += found[row] != NULL;
    }
    out->sel = me->sel;
    out->sel_count = kept;
    return WR_OK;
}

static void asof_local_close(wr_op *op, wr_op_local *local)
{
    wr_asof_local *me = (wr_asof_local *)local;
    (void)op;
    wr_exprs_close(&me->build);
    wr_exprs_close(&me->probe);
    wr_arrivals_clear(&me->arrivals);
    wr_rows_drop(me->rows);
    wr_asof_spill_local_close(me);
}

static void asof_close(wr_op *op)
{
    wr_asof *a = (wr_asof *)op;
    wr_groups_clear(&a->runs);
    if (a->rows) wr_mem_free(op->mem, a->rows, a->count * sizeof *a->rows);
    wr_asof_spill_close(a);
}

const wr_op_def wr_op_asof = {.name = "asof join",
                              .size = sizeof(wr_asof),
                              .local_size = sizeof(wr_asof_local),
                              .open = asof_open,
                              .local_close = asof_local_close,
                              .close = asof_close,
                              .push = asof_push,
                              .sink = asof_sink,
                              .finish = asof_finish,
                              .task = asof_task};
