/* sort.c - ORDER BY, with LIMIT as top-N.
 *
 * Each worker appends its rows to its own tuple store, with key expressions that are not plain
 * columns as extra columns. sorter.c orders them; rows are gathered once, when they are read.
 *
 * Top-N: a worker that holds many more rows than are wanted sorts and keeps the first ones; the
 * worst of these is a threshold that turns away rows early and, published, reaches the scan.
 *
 * Rows with equal keys come in source order, whichever worker kept them: the morsels of each store
 * are noted, and rows that change their order before the end (top-N, runs) carry their places.
 *
 * When memory is short a worker sorts what it holds and writes it out as a run; then all rows come
 * out of one merge of the runs of all workers (merge.h). */
#include "exec/filters.h"
#include "exec/merge.h"
#include "exec/sorter.h"
#include "exec/store.h"
#include "kern/kern.h"
#include <math.h>

enum { TOP_MAX = 1 << 20, TOP_SLACK = 1024, MORSEL_BATCHES = 8, SPILL_SHARE = 70 };

typedef struct sort_local {
    wr_op_local base;
    wr_exprs_local exprs;
    wr_rows *rows;
    wr_sorting watch;
    wr_arena watch_arena;
    wr_arrivals arrivals; /* of rows; counts too much when top-N has thrown some away */
    wr_sort_runs runs;
    uint64_t at, end; /* when reading */
    uint16_t sel[WR_BATCH_ROWS];
} sort_local;

typedef struct sort_op {
    wr_op op;
    wr_exprs exprs;        /* keys that are not plain columns */
    wr_rows_layout layout; /* input columns, then these */
    wr_sort_slot *keys;
    int columns; /* of the output */
    bool is_top;
    uint64_t offset, limit;
    wr_filter_state *publish;
    /* Code of the first key of a row that as many as are wanted come before or with: see
     * first_codes. Goes down only. */
    _Atomic uint64_t threshold;
    wr_sorter sorter;
    _Atomic uint64_t next;
    uint64_t end;
    wr_spill spill;
    _Atomic bool has_runs;
    wr_sort_runs runs; /* of all workers */
    wr_merge *merge;
} sort_op;

static weir_status sort_open(wr_op *op)
{
    sort_op *s = (sort_op *)op;
    const wr_plan_node *node = op->node;
    int n = node->schema.count, keys = node->sort.key_count, extra = 0;
    s->columns = n;
    wr_spill_init(&s->spill, op);
    s->keys = wr_new_array(&op->arena, wr_sort_slot, keys + 1);
    wr_expr **exprs = wr_new_array(&op->arena, wr_expr *, keys + 1);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, n + keys + 1);
    for (int i = 0; i < n; i++)
        types[i] = node->schema.fields[i].type;
    for (int k = 0; k < keys; k++) {
        const wr_sort_key *key = &node->sort.keys[k];
        int slot = (int)key->expr->column;
        if (key->expr->kind != WR_X_COLUMN || slot >= n) {
            slot = n + extra;
            types[slot] = key->expr->type;
            exprs[extra++] = key->expr;
        }
        s->keys[k] = (wr_sort_slot){slot, key->descending, key->nulls_first};
    }
    op->is_ordered = wr_exec_workers(op->exec) > 1;
    wr_rows_layout_init(&s->layout, &op->arena, types, n + extra, op->is_ordered ? 8 : 0);
    int64_t limit, offset;
    WR_TRY(wr_exec_count_of(wr_exec_env(op->exec), node->sort.limit, "LIMIT", INT64_MAX, &limit));
    WR_TRY(wr_exec_count_of(wr_exec_env(op->exec), node->sort.offset, "OFFSET", 0, &offset));
    s->limit = (uint64_t)limit;
    s->offset = (uint64_t)offset;
    s->is_top = s->limit + s->offset <= TOP_MAX;
    s->threshold = UINT64_MAX;
    if (s->limit == 0) op->stopped = true;
    if (s->is_top && keys > 0 && wr_keys_is_int(s->layout.types[s->keys[0].slot]))
        s->publish = wr_filter_of(op->exec, node->sort.threshold);
    return wr_exprs_open(&s->exprs, op, exprs, extra);
}

/* ---- the threshold ---- */

/* First keys as integers that order as wanted (so DESC turns them round): 64-bit integers, doubles,
 * and the first 8 bytes of texts. Equal codes may hide a difference. */
static bool has_codes(const wr_type *t)
{
    return wr_keys_is_int(t) || t->phys == WR_P_F64 || t->phys == WR_P_VIEW;
}

static uint64_t code_of_text(const wr_view *v)
{
    uint64_t code = 0;
    memcpy(&code, wr_view_bytes(v), WR_MIN(v->length, 8u));
    return __builtin_bswap64(code);
}

/* column: FLAT at its full width. */
static uint64_t first_code(const sort_op *s, const wr_column *column, uint32_t row)
{
    const uint64_t sign = UINT64_C(1) << 63;
    uint64_t code;
    if (column->type->phys == WR_P_VIEW) {
        code = code_of_text((const wr_view *)column->data + row);
    } else if (column->type->phys == WR_P_F64) {
        double v = ((const double *)column->data)[row] + 0.0; /* no negative zero */
        memcpy(&code, &v, sizeof code);
        code = isnan(v) ? UINT64_MAX : code & sign ? ~code : code | sign;
    } else {
        code = (uint64_t)wr_column_int(column, row) ^ sign;
    }
    return s->keys[0].descending ? ~code : code;
}

static void publish_threshold(sort_op *s, int64_t value)
{
    wr_filter_state *f = s->publish;
    wr_mutex_lock(&s->op.exec->lock);
    if (!f->ready) {
        f->is_int = true;
        f->keeps_nulls = s->keys[0].nulls_first;
        f->lo = INT64_MIN;
        f->hi = INT64_MAX;
    }
    if (s->keys[0].descending)
        f->lo = WR_MAX(f->lo, value);
    else
        f->hi = WR_MIN(f->hi, value);
    atomic_store_explicit(&f->ready, true, memory_order_release);
    wr_mutex_unlock(&s->op.exec->lock);
}

/* The last row that still counts decides what can be turned away. */
static void move_threshold(sort_op *s, uint8_t *const *rows, uint64_t count)
{
    if (s->op.node->sort.key_count == 0 || count < s->offset + s->limit) return;
    int slot = s->keys[0].slot;
    uint8_t *last = rows[s->offset + s->limit - 1];
    if (!has_codes(s->layout.types[slot]) || wr_row_is_null(last, slot)) return;
    wr_column one;
    WR_ARENA(scratch);
    wr_rows_gather(&s->layout, slot, &last, 1, &scratch, &one);
    uint64_t code = first_code(s, &one, 0), now = s->threshold;
    while (code < now && !atomic_compare_exchange_weak(&s->threshold, &now, code))
        continue;
    if (s->publish) publish_threshold(s, wr_column_int(&one, 0));
}

/* Doubles, most often: one comparison without a code. Returns the rows that remain of all rows. */
static uint32_t within_doubles(const sort_op *s, const wr_column *key, uint64_t threshold,
                               uint32_t count, uint16_t *sel)
{
    uint8_t truth[WR_BATCH_ROWS + 64];
    uint16_t kept[WR_BATCH_ROWS + 64];
    bool down = s->keys[0].descending;
    uint64_t bits = down ? ~threshold : threshold;
    double limit;
    bits = bits >> 63 ? bits & ~(UINT64_C(1) << 63) : ~bits;
    memcpy(&limit, &bits, sizeof limit);
    wr_kern()->compare->constant[down ? WR_K_GE : WR_K_LE][WR_P_F64](key->data, &limit, truth,
                                                                     count);
    uint32_t n = wr_kern()->compare->select(truth, key->valid, count, kept);
    memcpy(sel, kept, n * sizeof *sel);
    return n;
}

/* Rows the threshold does not turn away. */
static uint32_t within_threshold(const sort_op *s, sort_local *me, const wr_column *key,
                                 const wr_batch *in, uint64_t threshold)
{
    uint32_t count = wr_batch_count(in), kept = 0;
    bool nulls_first = s->keys[0].nulls_first;
    bool is_dense = !in->sel && key->form == WR_FLAT && !(nulls_first && key->valid);
    if (is_dense && key->phys == WR_P_F64) return within_doubles(s, key, threshold, count, me->sel);
    if (wr_keys_is_int(key->type)) {
        int64_t values[WR_BATCH_ROWS], sign = INT64_MIN, down = s->keys[0].descending ? -1 : 0;
        uint8_t nulls[WR_BATCH_ROWS];
        wr_keys_ints(key, in->sel, count, values, nulls);
        for (uint32_t i = 0; i < count; i++) {
            bool good = (uint64_t)(values[i] ^ sign ^ down) <= threshold;
            me->sel[kept] = (uint16_t)wr_batch_row(in, i);
            kept += nulls[i] ? nulls_first : good;
        }
        return kept;
    }
    wr_column flat;
    wr_keys_flatten(key, 1, in->sel, count, &me->base.scratch, &flat);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(in, i);
        bool null = flat.valid && !wr_bit_get(flat.valid, row);
        bool good = null ? nulls_first : first_code(s, &flat, row) <= threshold;
        me->sel[kept] = (uint16_t)row;
        kept += good;
    }
    return kept;
}

/* Sorts what the worker holds and keeps the first offset + limit rows. */
static weir_status keep_top(sort_op *s, sort_local *me)
{
    uint64_t count = wr_rows_count(me->rows), keep = WR_MIN(count, s->offset + s->limit);
    void *memory;
    size_t size = count * sizeof(uint8_t *);
    WR_TRY(wr_mem_alloc(s->op.mem, size, &memory));
    uint8_t **rows = memory;
    wr_rows_cursor cursor = {0, 0};
    for (uint64_t at = 0; at < count;)
        at += wr_rows_next(me->rows, &cursor, rows + at, WR_BATCH_ROWS);
    weir_status bad = wr_sort_addresses(s->op.exec, s->op.mem, &s->layout, s->keys,
                                        s->op.node->sort.key_count, rows, count);
    wr_rows *kept = NULL;
    if (!bad) bad = wr_rows_new(s->op.mem, &s->layout, &kept);
    for (uint64_t at = 0; !bad && at < keep; at += WR_BATCH_ROWS) {
        WR_ARENA(scratch);
        wr_batch batch;
        uint8_t *copies[WR_BATCH_ROWS];
        uint32_t n = (uint32_t)WR_MIN(keep - at, (uint64_t)WR_BATCH_ROWS);
        wr_rows_batch(&s->layout, s->layout.column_count, rows + at, n, &scratch, &batch);
        bad = wr_rows_append(kept, batch.columns, NULL, n, copies);
        for (uint32_t i = 0; !bad && s->op.is_ordered && i < n; i++)
            wr_rows_set_places(&s->layout, &copies[i], 1, wr_row_place(&s->layout, rows[at + i]));
    }
    if (!bad) {
        move_threshold(s, rows, count);
        wr_rows_drop(me->rows);
        me->rows = WR_TAKE(kept);
    }
    wr_rows_drop(kept);
    wr_mem_free(s->op.mem, memory, size);
    return bad;
}

static weir_status spill(sort_op *s, sort_local *me)
{
    if (!me->runs.spill)
        wr_sort_runs_init(&me->runs, &s->spill, &s->layout, s->keys, s->op.node->sort.key_count);
    s->has_runs = true;
    return wr_sort_runs_add(&me->runs, me->rows);
}

static weir_status sort_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    sort_op *s = (sort_op *)op;
    sort_local *me = (sort_local *)local;
    *flow = WR_FLOW_NEXT;
    if (!me->rows) {
        WR_TRY(wr_rows_new(op->mem, &s->layout, &me->rows));
        wr_sorting_init(&me->watch, op->exec, &me->watch_arena, &s->layout, s->keys,
                        op->node->sort.key_count);
    }
    WR_TRY(wr_exprs_run(&s->exprs, &me->exprs, wr_exec_env(op->exec), in));
    wr_arena_reset(&local->scratch);
    wr_column *columns = wr_new_array(&local->scratch, wr_column, s->layout.column_count + 1);
    for (int c = 0; c < s->layout.column_count; c++)
        columns[c] = c < s->columns ? in->columns[c] : me->exprs.out[c - s->columns];
    const uint16_t *sel = in->sel;
    uint32_t count = wr_batch_count(in);
    uint64_t threshold = s->threshold;
    uint8_t *rows[WR_BATCH_ROWS];
    if (threshold != UINT64_MAX) {
        count = within_threshold(s, me, &columns[s->keys[0].slot], in, threshold);
        sel = me->sel;
    }
    WR_TRY(wr_rows_append(me->rows, columns, sel, count, rows));
    uint64_t place = wr_arrivals_note(&me->arrivals, local->morsel, count);
    if (op->is_ordered) wr_rows_set_places(&s->layout, rows, count, place);
    WR_TRY(wr_sorting_watch(&me->watch, rows, count));
    if (s->is_top && wr_rows_count(me->rows) > 2 * (s->limit + s->offset) + TOP_SLACK)
        WR_TRY(keep_top(s, me));
    uint64_t need = wr_sort_runs_need(wr_rows_count(me->rows));
    bool is_due = wr_spill_is_due(op, wr_rows_bytes(me->rows), need, SPILL_SHARE);
    return is_due ? spill(s, me) : WR_OK;
}

/* ---- finishing ---- */

/* What is left of each worker becomes a run too, side by side. */
static weir_status finish_runs(sort_op *s, int phase, int *tasks)
{
    wr_op *op = &s->op;
    int workers = wr_exec_workers(op->exec);
    *tasks = phase == 0 ? workers : -1;
    if (phase == 0) return WR_OK;
    wr_sort_runs_init(&s->runs, &s->spill, &s->layout, s->keys, op->node->sort.key_count);
    for (int w = 0; w < workers; w++)
        if (op->locals[w] && ((sort_local *)op->locals[w])->runs.spill)
            wr_sort_runs_take(&s->runs, &((sort_local *)op->locals[w])->runs);
    int count = s->runs.count;
    uint64_t rows = 0;
    for (int i = 0; i < count; i++)
        rows += s->runs.tapes[i].rows;
    WR_TRY(wr_sort_runs_shrink(&s->runs));
    s->next = WR_MIN(s->offset, rows);
    s->end = s->limit < rows - s->next ? s->next + s->limit : rows;
    wr_op_note(op, "%llu rows%s, %d runs", (unsigned long long)rows, s->is_top ? " (top)" : "",
               count);
    return WR_OK;
}

static weir_status sort_finish(wr_op *op, int phase, int *tasks)
{
    sort_op *s = (sort_op *)op;
    wr_sorter *sorter = &s->sorter;
    if (s->has_runs) return finish_runs(s, phase, tasks);
    if (phase == 0) {
        int workers = wr_exec_workers(op->exec);
        wr_rows **stores = wr_new_array(&op->arena, wr_rows *, workers);
        const wr_sorting **watched = wr_new_array(&op->arena, const wr_sorting *, workers);
        const wr_arrivals **arrivals = wr_new_array(&op->arena, const wr_arrivals *, workers);
        for (int w = 0; w < workers; w++) {
            if (!op->locals[w]) continue;
            stores[w] = ((sort_local *)op->locals[w])->rows;
            watched[w] = &((sort_local *)op->locals[w])->watch;
            arrivals[w] = &((sort_local *)op->locals[w])->arrivals;
        }
        WR_TRY(wr_sorter_begin(sorter, op, &s->layout, s->keys, op->node->sort.key_count, stores,
                               watched, s->is_top ? NULL : arrivals, workers));
    }
    WR_TRY(wr_sorter_step(sorter, phase, tasks));
    if (*tasks >= 0) return WR_OK;
    s->next = WR_MIN(s->offset, sorter->count);
    s->end = s->limit < sorter->count - s->next ? s->next + s->limit : sorter->count;
    wr_op_note(op, "%llu rows%s, %d of %d keys in %d bits", (unsigned long long)sorter->count,
               s->is_top ? " (top)" : "", sorter->sorting.covered, op->node->sort.key_count,
               sorter->sorting.bits);
    return WR_OK;
}

static weir_status sort_task(wr_op *op, wr_op_local *local, int phase, int index)
{
    sort_op *s = (sort_op *)op;
    (void)local;
    if (!s->has_runs) return wr_sorter_task(&s->sorter, phase, index);
    sort_local *whose = (sort_local *)op->locals[index];
    return whose && whose->rows ? spill(s, whose) : WR_OK;
}

/* ---- reading ---- */

static int sort_workers_wanted(wr_op *op)
{
    const sort_op *s = (const sort_op *)op;
    uint64_t rows = s->end - WR_MIN(s->next, s->end), step = MORSEL_BATCHES * WR_BATCH_ROWS;
    uint64_t workers = (uint64_t)wr_exec_workers(op->exec);
    return s->has_runs ? 1 : (int)WR_MIN(rows / step + 1, workers);
}

static weir_status sort_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    sort_op *s = (sort_op *)op;
    if (s->has_runs) {
        *got = !s->merge && s->next < s->end;
        return *got ? wr_merge_new(&s->runs, 0, s->runs.count, &s->merge) : WR_OK;
    }
    uint64_t step = MORSEL_BATCHES * (uint64_t)WR_BATCH_ROWS;
    uint64_t from = atomic_fetch_add(&s->next, step);
    *got = from < s->end;
    sort_local *me = (sort_local *)local;
    me->at = from;
    me->end = WR_MIN(from + step, s->end);
    return WR_OK;
}

/* The next rows of the merge, without those before the offset. */
static weir_status next_merged(sort_op *s, sort_local *me, wr_batch *out, bool *more)
{
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t n; me->at < s->end;) {
        WR_TRY(wr_exec_check(s->op.exec));
        WR_TRY(wr_merge_next(s->merge, rows, WR_BATCH_ROWS, &n));
        uint32_t from = (uint32_t)WR_MIN(s->next - WR_MIN(me->at, s->next), (uint64_t)n);
        uint32_t to = (uint32_t)WR_MIN(s->end - me->at, (uint64_t)n);
        me->at += n;
        if (from >= to) continue;
        wr_arena_reset(&me->base.scratch);
        wr_rows_batch(&s->layout, s->columns, rows + from, to - from, &me->base.scratch, out);
        *more = true;
        return WR_OK;
    }
    wr_merge_drop(WR_TAKE(s->merge));
    s->next = s->end;
    *more = false;
    return WR_OK;
}

static weir_status sort_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    sort_op *s = (sort_op *)op;
    sort_local *me = (sort_local *)local;
    if (s->has_runs) return next_merged(s, me, out, more);
    *more = me->at < me->end;
    if (!*more) return WR_OK;
    uint32_t n = (uint32_t)WR_MIN(me->end - me->at, (uint64_t)WR_BATCH_ROWS);
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < n; i++)
        rows[i] = s->sorter.entries[me->at + i].row;
    me->at += n;
    wr_arena_reset(&local->scratch);
    wr_rows_batch(&s->layout, s->columns, rows, n, &local->scratch, out);
    return WR_OK;
}

static void sort_local_close(wr_op *op, wr_op_local *local)
{
    sort_local *me = (sort_local *)local;
    (void)op;
    wr_exprs_close(&me->exprs);
    wr_rows_drop(me->rows);
    wr_arena_clear(&me->watch_arena);
    wr_arrivals_clear(&me->arrivals);
    wr_sort_runs_clear(&me->runs);
}

static void sort_close(wr_op *op)
{
    sort_op *s = (sort_op *)op;
    wr_sorter_clear(&s->sorter);
    wr_merge_drop(s->merge);
    wr_sort_runs_clear(&s->runs);
    wr_spill_clear(&s->spill);
}

const wr_op_def wr_op_sort = {.name = "sort",
                              .size = sizeof(sort_op),
                              .local_size = sizeof(sort_local),
                              .open = sort_open,
                              .local_close = sort_local_close,
                              .close = sort_close,
                              .sink = sort_sink,
                              .finish = sort_finish,
                              .task = sort_task,
                              .workers_wanted = sort_workers_wanted,
                              .morsel = sort_morsel,
                              .next_batch = sort_next};
