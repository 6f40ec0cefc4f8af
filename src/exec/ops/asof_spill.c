/* asof_spill.c - ASOF joins whose right side does not fit in memory: both sides are sorted by
 * (keys, value) with runs on tapes, and merged.
 *
 * Whatever the comparison, the right rows that come before the cut of a left row are a prefix of
 * those with its keys, and the cut only moves forward: "nearest below" is the last row before it,
 * "nearest above" the first behind it. So one pass over both sides in order is enough, and no key,
 * however frequent, has to fit in memory.
 *
 * Trap: rows of a merge die with the next stretch. A batch ends where either side has to be read
 * on, and the last row before the cut is copied when the stretch it lies in ends. */
#include "exec/ops/asof.h"

enum { SPILL_SHARE = 60 };

void wr_asof_spill_open(wr_asof *a, const wr_type *const *key_types)
{
    wr_arena *arena = &a->op.arena;
    int n = a->left_count, keys = a->key_count + 1;
    const wr_type **types = wr_new_array(arena, const wr_type *, n + keys);
    for (int i = 0; i < n; i++)
        types[i] = a->op.node->inputs[0]->schema.fields[i].type;
    a->left_order = wr_new_array(arena, wr_sort_slot, keys);
    a->order = wr_new_array(arena, wr_sort_slot, keys);
    for (int k = 0; k < keys; k++) {
        types[n + k] = key_types[k];
        a->left_order[k].slot = n + k;
        a->order[k].slot = a->right_count + k;
    }
    wr_rows_layout_init(&a->left_layout, arena, types, n + keys, 0);
    wr_spill_init(&a->spill, &a->op);
}

void wr_asof_spill_close(wr_asof *a)
{
    wr_sort_runs_clear(&a->right_runs);
    wr_sort_runs_clear(&a->left_runs);
    wr_spill_clear(&a->spill);
}

void wr_asof_spill_local_close(wr_asof_local *me)
{
    wr_rows_drop(me->left_rows);
    wr_sort_runs_clear(&me->runs);
    wr_sort_runs_clear(&me->left_runs);
}

static bool is_due(const wr_asof *a, const wr_rows *rows)
{
    return wr_spill_is_due(&a->op, wr_rows_bytes(rows), wr_sort_runs_need(wr_rows_count(rows)),
                           SPILL_SHARE);
}

weir_status wr_asof_spill_right(wr_asof *a, wr_asof_local *me, bool at_end)
{
    if (!me->rows || wr_rows_count(me->rows) == 0) return WR_OK;
    if (!at_end && !is_due(a, me->rows)) return WR_OK;
    if (!me->runs.spill)
        wr_sort_runs_init(&me->runs, &a->spill, &a->layout, a->order, a->key_count + 1);
    a->is_spilled = true;
    return wr_sort_runs_add(&me->runs, me->rows);
}

static weir_status write_left(wr_asof *a, wr_asof_local *me)
{
    if (!me->left_rows || wr_rows_count(me->left_rows) == 0) return WR_OK;
    if (!me->left_runs.spill)
        wr_sort_runs_init(&me->left_runs, &a->spill, &a->left_layout, a->left_order,
                          a->key_count + 1);
    return wr_sort_runs_add(&me->left_runs, me->left_rows);
}

weir_status wr_asof_keep_left(wr_asof *a, wr_asof_local *me, const wr_batch *in, uint32_t count)
{
    wr_column *columns =
        wr_new_array(&me->base.scratch, wr_column, a->left_layout.column_count + 1);
    for (int c = 0; c < a->left_layout.column_count; c++)
        columns[c] = c < a->left_count ? in->columns[c] : me->probe.out[c - a->left_count];
    if (!me->left_rows) WR_TRY(wr_rows_new(a->op.mem, &a->left_layout, &me->left_rows));
    WR_TRY(wr_rows_append(me->left_rows, columns, me->sel, count, NULL));
    return count > 0 && is_due(a, me->left_rows) ? write_left(a, me) : WR_OK;
}

/* ---- merging ---- */

typedef struct side {
    wr_merge *merge;
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t at, count;
    bool ended;
} side;

typedef struct rest_op {
    wr_op op;
    wr_asof *asof;
    bool taken;
    side left, right;
    uint8_t *before; /* the last right row before the cut; NULL: none yet */
    wr_rows *kept;   /* a copy of it, once its stretch has ended */
} rest_op;

static weir_status rest_start(wr_op *op)
{
    rest_op *r = (rest_op *)op;
    wr_asof *a = r->asof;
    op->stopped = !a->is_spilled;
    if (!a->is_spilled) return WR_OK;
    wr_sort_runs_init(&a->left_runs, &a->spill, &a->left_layout, a->left_order, a->key_count + 1);
    for (int w = 0; w < wr_exec_workers(op->exec); w++) {
        wr_asof_local *me = (wr_asof_local *)a->op.locals[w];
        if (!me) continue;
        WR_TRY(write_left(a, me));
        if (me->left_runs.spill) wr_sort_runs_take(&a->left_runs, &me->left_runs);
    }
    wr_op_note(&a->op, "%d and %d runs merged", a->left_runs.count, a->right_runs.count);
    WR_TRY(wr_sort_runs_shrink(&a->left_runs));
    WR_TRY(wr_rows_new(op->mem, &a->layout, &r->kept));
    WR_TRY(wr_merge_new(&a->right_runs, 0, a->right_runs.count, &r->right.merge));
    return wr_merge_new(&a->left_runs, 0, a->left_runs.count, &r->left.merge);
}

static weir_status rest_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    rest_op *r = (rest_op *)op;
    (void)local;
    *got = !r->taken && r->left.merge;
    r->taken = true;
    return WR_OK;
}

static weir_status read_on(side *s)
{
    s->at = 0;
    WR_TRY(wr_merge_next(s->merge, s->rows, WR_BATCH_ROWS, &s->count));
    s->ended = s->count == 0;
    return WR_OK;
}

/* Keeps the row before the cut when its stretch ends. */
static weir_status keep_before(rest_op *r)
{
    const wr_rows_layout *layout = &r->asof->layout;
    WR_ARENA(scratch);
    wr_batch batch;
    bool is_kept = true;
    for (uint32_t i = 0; i < r->right.count && is_kept; i++)
        is_kept = r->right.rows[i] != r->before;
    if (!r->before || is_kept) return WR_OK;
    wr_rows_batch(layout, layout->column_count, &r->before, 1, &scratch, &batch);
    wr_rows_empty(r->kept);
    return wr_rows_append(r->kept, batch.columns, NULL, 1, &r->before);
}

static int compare(const wr_asof *a, int key, const uint8_t *right, const uint8_t *left)
{
    return wr_keys_compare_between(&a->layout, a->order[key].slot, right, &a->left_layout,
                                   a->left_order[key].slot, left);
}

static int compare_keys(const wr_asof *a, const uint8_t *right, const uint8_t *left)
{
    int order = 0;
    for (int k = 0; k < a->key_count && order == 0; k++)
        order = compare(a, k, right, left);
    return order;
}

/* Moves the cut to where it belongs for a left row. False: the right side has to be read on. */
static bool move_cut(rest_op *r, const uint8_t *left)
{
    const wr_asof *a = r->asof;
    wr_compare_op op = a->op.node->asof.op;
    bool after_equal = op == WR_GE || op == WR_LT;
    for (side *s = &r->right; !s->ended; s->at++) {
        if (s->at == s->count) return false;
        int order = compare_keys(a, s->rows[s->at], left);
        if (order == 0) {
            order = compare(a, a->key_count, s->rows[s->at], left);
            if (order == 0 && after_equal) order = -1;
        }
        if (order >= 0) return true;
        r->before = s->rows[s->at];
    }
    return true;
}

/* The right row for a left row, once the cut stands right. */
static uint8_t *match_of(const rest_op *r, const uint8_t *left)
{
    wr_compare_op op = r->asof->op.node->asof.op;
    const side *s = &r->right;
    uint8_t *row = r->before;
    if (op != WR_GE && op != WR_GT) row = s->ended ? NULL : s->rows[s->at];
    return row && compare_keys(r->asof, row, left) == 0 ? row : NULL;
}

static void fill_batch(const wr_asof *a, uint8_t *const *left, uint8_t *const *right, uint32_t n,
                       wr_arena *scratch, wr_batch *out)
{
    wr_arena_reset(scratch);
    *out = (wr_batch){.column_count = a->left_count + a->right_count, .rows = n};
    out->columns = wr_new_array(scratch, wr_column, out->column_count + 1);
    for (int c = 0; c < a->left_count; c++)
        wr_rows_gather(&a->left_layout, c, left, n, scratch, &out->columns[c]);
    for (int c = 0; c < a->right_count; c++)
        wr_rows_gather(&a->layout, c, right, n, scratch, &out->columns[a->left_count + c]);
}

static weir_status rest_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    rest_op *r = (rest_op *)op;
    uint8_t *left[WR_BATCH_ROWS], *right[WR_BATCH_ROWS];
    bool is_left = op->node->asof.is_left;
    uint32_t n = 0;
    *more = true;
    for (;;) {
        if (r->left.at == r->left.count) {
            if (n > 0) break;
            WR_TRY(wr_exec_check(op->exec));
            WR_TRY(read_on(&r->left));
            *more = !r->left.ended;
            if (r->left.ended) return WR_OK;
        }
        uint8_t *row = r->left.rows[r->left.at];
        if (!move_cut(r, row)) {
            if (n > 0) break; /* the batch refers to the stretch */
            WR_TRY(wr_exec_check(op->exec));
            WR_TRY(keep_before(r));
            WR_TRY(read_on(&r->right));
            continue;
        }
        uint8_t *match = match_of(r, row);
        r->left.at++;
        left[n] = row;
        right[n] = match;
        n += match || is_left;
    }
    fill_batch(r->asof, left, right, n, &local->scratch, out);
    return WR_OK;
}

static void rest_close(wr_op *op)
{
    rest_op *r = (rest_op *)op;
    wr_merge_drop(r->left.merge);
    wr_merge_drop(r->right.merge);
    wr_rows_drop(r->kept);
}

static const wr_op_def asof_rest = {.name = "asof join",
                                    .size = sizeof(rest_op),
                                    .close = rest_close,
                                    .start = rest_start,
                                    .morsel = rest_morsel,
                                    .next_batch = rest_next,
                                    .is_serial = true};

weir_status wr_asof_rest(wr_exec *exec, wr_op *asof, wr_op **out)
{
    WR_TRY(wr_exec_op(exec, &asof_rest, asof->node, out));
    ((rest_op *)*out)->asof = (wr_asof *)asof;
    return WR_OK;
}
