/* sort.c - ORDER BY, with LIMIT as top-N.
 *
 * Each worker appends its rows to its own tuple store, with key expressions that are not plain columns as extra columns.
 * Finishing: workers note the ranges of the keys in stretches of rows, fill and sort entries per stretch, then merge the
 * stretches by splitting the result at sampled entries. Rows are gathered once, when they are read.
 *
 * Top-N: a worker that holds many more rows than are wanted sorts and keeps the first ones; the worst of these is a
 * threshold that turns away rows early and, published, reaches the scan. */
#include "exec/filters.h"
#include "exec/sorting.h"
#include "exec/store.h"

enum { STRETCHES_MAX = 64, TOP_MAX = 1 << 20, TOP_SLACK = 8192, MORSEL_BATCHES = 8, STRETCH_MIN = 1 << 14 };

typedef struct sort_local {
    wr_op_local base;
    wr_exprs_local exprs;
    wr_rows *rows;
    bool has_threshold;
    int64_t threshold;
    uint64_t at, end; /* when reading */
    uint16_t sel[WR_BATCH_ROWS];
} sort_local;

typedef struct stretch {
    uint64_t from, count;
    wr_sorting watch;
} stretch;

typedef struct sort_op {
    wr_op op;
    wr_exprs exprs;        /* keys that are not plain columns */
    wr_rows_layout layout; /* input columns, then these */
    wr_sort_slot *keys;
    int columns;           /* of the output */
    bool is_top;
    uint64_t offset, limit;
    wr_filter_state *publish;
    /* finishing */
    uint8_t **rows;
    wr_sort_entry *entries, *spare;
    uint64_t count;
    size_t rows_size, entries_size;
    stretch *stretches;
    int stretch_count;
    wr_sorting sorting;
    uint64_t *cuts; /* (stretch_count + 1) rows of stretch_count positions: where each merge task begins */
    _Atomic uint64_t next;
    uint64_t end;
} sort_op;

static weir_status sort_open(wr_op *op)
{
    sort_op *s = (sort_op *)op;
    const wr_plan_node *node = op->node;
    int n = node->schema.count, keys = node->sort.key_count, extra = 0;
    s->columns = n;
    s->keys = wr_new_array(&op->arena, wr_sort_slot, keys + 1);
    wr_expr **exprs = wr_new_array(&op->arena, wr_expr *, keys + 1);
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, n + keys + 1);
    for (int i = 0; i < n; i++) types[i] = node->schema.fields[i].type;
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
    wr_rows_layout_init(&s->layout, &op->arena, types, n + extra, 0);
    int64_t limit, offset;
    WR_TRY(wr_exec_count_of(wr_exec_env(op->exec), node->sort.limit, "LIMIT", INT64_MAX, &limit));
    WR_TRY(wr_exec_count_of(wr_exec_env(op->exec), node->sort.offset, "OFFSET", 0, &offset));
    s->limit = (uint64_t)limit;
    s->offset = (uint64_t)offset;
    s->is_top = s->limit + s->offset <= TOP_MAX;
    if (s->limit == 0) op->stopped = true;
    if (s->is_top && keys > 0 && wr_keys_is_int(s->layout.types[s->keys[0].slot]))
        s->publish = wr_filter_of(op->exec, node->sort.threshold);
    return wr_exprs_open(&s->exprs, op, exprs, extra);
}

/* The last row that still counts decides what can be turned away. */
static void move_threshold(sort_op *s, sort_local *me, uint8_t *const *rows, uint64_t count)
{
    const wr_sort_slot *key = &s->keys[0];
    if (s->op.node->sort.key_count == 0 || count < s->offset + s->limit) return;
    const uint8_t *last = rows[s->offset + s->limit - 1];
    if (!wr_keys_is_int(s->layout.types[key->slot]) || wr_row_is_null(last, key->slot)) return;
    wr_column one;
    uint8_t *row = (uint8_t *)(uintptr_t)last, null;
    WR_ARENA(scratch);
    wr_rows_gather(&s->layout, key->slot, &row, 1, &scratch, &one);
    wr_keys_ints(&one, NULL, 1, &me->threshold, &null);
    me->has_threshold = true;
    wr_filter_state *f = s->publish;
    if (!f) return;
    wr_mutex_lock(&s->op.exec->lock);
    if (!f->ready) {
        f->is_int = true;
        f->keeps_nulls = key->nulls_first;
        f->lo = INT64_MIN;
        f->hi = INT64_MAX;
    }
    if (key->descending)
        f->lo = WR_MAX(f->lo, me->threshold);
    else
        f->hi = WR_MIN(f->hi, me->threshold);
    atomic_store_explicit(&f->ready, true, memory_order_release);
    wr_mutex_unlock(&s->op.exec->lock);
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
    for (uint64_t at = 0; at < count;) at += wr_rows_next(me->rows, &cursor, rows + at, WR_BATCH_ROWS);
    weir_status bad = wr_sort_addresses(s->op.mem, &s->layout, s->keys, s->op.node->sort.key_count, rows, count);
    wr_rows *kept = NULL;
    if (!bad) bad = wr_rows_new(s->op.mem, &s->layout, &kept);
    for (uint64_t at = 0; !bad && at < keep; at += WR_BATCH_ROWS) {
        WR_ARENA(scratch);
        wr_batch batch;
        uint32_t n = (uint32_t)WR_MIN(keep - at, (uint64_t)WR_BATCH_ROWS);
        wr_rows_batch(&s->layout, s->layout.column_count, rows + at, n, &scratch, &batch);
        bad = wr_rows_append(kept, batch.columns, NULL, n, NULL);
    }
    if (!bad) {
        move_threshold(s, me, rows, count);
        wr_rows_drop(me->rows);
        me->rows = WR_TAKE(kept);
    }
    wr_rows_drop(kept);
    wr_mem_free(s->op.mem, memory, size);
    return bad;
}

/* Rows the threshold does not turn away. */
static uint32_t within_threshold(const sort_op *s, sort_local *me, const wr_column *key, const wr_batch *in)
{
    int64_t values[WR_BATCH_ROWS];
    uint8_t nulls[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(in), kept = 0;
    const wr_sort_slot *slot = &s->keys[0];
    wr_keys_ints(key, in->sel, count, values, nulls);
    for (uint32_t i = 0; i < count; i++) {
        bool good = slot->descending ? values[i] >= me->threshold : values[i] <= me->threshold;
        me->sel[kept] = (uint16_t)wr_batch_row(in, i);
        kept += nulls[i] ? slot->nulls_first : good;
    }
    return kept;
}

static weir_status sort_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    sort_op *s = (sort_op *)op;
    sort_local *me = (sort_local *)local;
    *flow = WR_FLOW_NEXT;
    if (!me->rows) WR_TRY(wr_rows_new(op->mem, &s->layout, &me->rows));
    WR_TRY(wr_exprs_run(&s->exprs, &me->exprs, wr_exec_env(op->exec), in));
    wr_arena_reset(&local->scratch);
    wr_column *columns = wr_new_array(&local->scratch, wr_column, s->layout.column_count + 1);
    for (int c = 0; c < s->layout.column_count; c++)
        columns[c] = c < s->columns ? in->columns[c] : me->exprs.out[c - s->columns];
    const uint16_t *sel = in->sel;
    uint32_t count = wr_batch_count(in);
    if (me->has_threshold) {
        count = within_threshold(s, me, &columns[s->keys[0].slot], in);
        sel = me->sel;
    }
    WR_TRY(wr_rows_append(me->rows, columns, sel, count, NULL));
    if (s->is_top && wr_rows_count(me->rows) > 2 * (s->limit + s->offset) + TOP_SLACK) return keep_top(s, me);
    return WR_OK;
}

/* ---- finishing ---- */

static weir_status list_rows(sort_op *s, int *tasks)
{
    wr_op *op = &s->op;
    int workers = wr_exec_workers(op->exec);
    for (int w = 0; w < workers; w++) {
        sort_local *me = (sort_local *)op->locals[w];
        if (me && me->rows) s->count += wr_rows_count(me->rows);
    }
    s->rows_size = s->count * sizeof *s->rows;
    s->entries_size = s->count * sizeof *s->entries;
    if (s->count == 0) {
        *tasks = -1;
        return WR_OK;
    }
    WR_TRY(wr_mem_alloc(op->mem, s->rows_size, (void **)&s->rows));
    WR_TRY(wr_mem_alloc(op->mem, s->entries_size, (void **)&s->entries));
    WR_TRY(wr_mem_alloc(op->mem, s->entries_size, (void **)&s->spare));
    uint64_t at = 0;
    for (int w = 0; w < workers; w++) {
        sort_local *me = (sort_local *)op->locals[w];
        wr_rows_cursor cursor = {0, 0};
        for (uint32_t n; me && me->rows && (n = wr_rows_next(me->rows, &cursor, s->rows + at, 1 << 20)) > 0;) at += n;
    }
    uint64_t most = (s->count + STRETCH_MIN - 1) / STRETCH_MIN;
    s->stretch_count = (int)WR_MIN((uint64_t)WR_MIN(workers, STRETCHES_MAX), most);
    s->stretches = wr_new_array(&op->arena, stretch, s->stretch_count);
    for (int i = 0; i < s->stretch_count; i++) {
        stretch *t = &s->stretches[i];
        t->from = s->count * (uint64_t)i / (uint64_t)s->stretch_count;
        t->count = s->count * (uint64_t)(i + 1) / (uint64_t)s->stretch_count - t->from;
        wr_sorting_init(&t->watch, &op->arena, &s->layout, s->keys, op->node->sort.key_count);
    }
    *tasks = s->stretch_count;
    return WR_OK;
}

/* The first position of sorted entries that does not order before mark. */
static uint64_t lower_bound(const wr_sorting *sorting, const wr_sort_entry *entries, uint64_t count, const wr_sort_entry *mark)
{
    uint64_t lo = 0, hi = count;
    while (lo < hi) {
        uint64_t middle = lo + (hi - lo) / 2;
        if (wr_sorting_compare(sorting, &entries[middle], mark) < 0)
            lo = middle + 1;
        else
            hi = middle;
    }
    return lo;
}

/* Cuts all stretches at the same values, taken from evenly spaced entries of the first stretch. */
static void cut_stretches(sort_op *s)
{
    int n = s->stretch_count;
    s->cuts = wr_new_array(&s->op.arena, uint64_t, (n + 1) * n);
    for (int t = 1; t <= n; t++) {
        const stretch *first = &s->stretches[0];
        const wr_sort_entry *mark = &s->entries[first->from + WR_MIN(first->count * (uint64_t)t / (uint64_t)n, first->count - 1)];
        for (int i = 0; i < n; i++) {
            const stretch *p = &s->stretches[i];
            uint64_t cut = t == n ? p->count : lower_bound(&s->sorting, s->entries + p->from, p->count, mark);
            s->cuts[t * n + i] = cut;
        }
    }
}

static weir_status sort_finish(wr_op *op, int phase, int *tasks)
{
    sort_op *s = (sort_op *)op;
    *tasks = -1;
    if (phase == 0) return list_rows(s, tasks);
    if (phase == 1) {
        wr_sorting_init(&s->sorting, &op->arena, &s->layout, s->keys, op->node->sort.key_count);
        for (int i = 0; i < s->stretch_count; i++) wr_sorting_merge(&s->sorting, &s->stretches[i].watch);
        wr_sorting_decide(&s->sorting);
        *tasks = s->stretch_count;
        return WR_OK;
    }
    if (phase == 2 && s->stretch_count > 1) {
        cut_stretches(s);
        *tasks = s->stretch_count;
        return WR_OK;
    }
    if (s->stretch_count > 1) {
        wr_sort_entry *swap = s->entries;
        s->entries = s->spare;
        s->spare = swap;
    }
    wr_mem_free(op->mem, s->spare, s->entries_size);
    wr_mem_free(op->mem, s->rows, s->rows_size);
    s->spare = NULL;
    s->rows = NULL;
    s->next = WR_MIN(s->offset, s->count);
    s->end = s->limit < s->count - s->next ? s->next + s->limit : s->count;
    wr_op_note(op, "%llu rows%s, %d of %d keys in %d bits", (unsigned long long)s->count, s->is_top ? " (top)" : "",
               s->sorting.covered, s->sorting.key_count, s->sorting.bits);
    return WR_OK;
}

/* Merges piece number index of all stretches into spare. Earlier stretches win ties. */
static void merge_piece(sort_op *s, int index)
{
    int n = s->stretch_count;
    uint64_t at[STRETCHES_MAX], end[STRETCHES_MAX], to = 0;
    for (int i = 0; i < n; i++) {
        at[i] = s->stretches[i].from + s->cuts[index * n + i];
        end[i] = s->stretches[i].from + s->cuts[(index + 1) * n + i];
        to += s->cuts[index * n + i];
    }
    for (;;) {
        int best = -1;
        for (int i = 0; i < n; i++) {
            if (at[i] == end[i]) continue;
            if (best < 0 || wr_sorting_compare(&s->sorting, &s->entries[at[i]], &s->entries[at[best]]) < 0) best = i;
        }
        if (best < 0) return;
        s->spare[to++] = s->entries[at[best]++];
    }
}

static weir_status sort_task(wr_op *op, wr_op_local *local, int phase, int index)
{
    sort_op *s = (sort_op *)op;
    stretch *t = &s->stretches[index];
    (void)local;
    if (phase == 0) {
        wr_sorting_watch(&t->watch, s->rows + t->from, t->count);
    } else if (phase == 1) {
        wr_sorting_fill(&s->sorting, s->rows + t->from, t->count, s->entries + t->from);
        wr_sorting_sort(&s->sorting, s->entries + t->from, s->spare + t->from, t->count);
    } else {
        merge_piece(s, index);
    }
    return WR_OK;
}

/* ---- reading ---- */

static weir_status sort_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    sort_op *s = (sort_op *)op;
    uint64_t step = MORSEL_BATCHES * (uint64_t)WR_BATCH_ROWS;
    uint64_t from = atomic_fetch_add(&s->next, step);
    *got = from < s->end;
    sort_local *me = (sort_local *)local;
    me->at = from;
    me->end = WR_MIN(from + step, s->end);
    return WR_OK;
}

static weir_status sort_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    sort_op *s = (sort_op *)op;
    sort_local *me = (sort_local *)local;
    *more = me->at < me->end;
    if (!*more) return WR_OK;
    uint32_t n = (uint32_t)WR_MIN(me->end - me->at, (uint64_t)WR_BATCH_ROWS);
    uint8_t *rows[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < n; i++) rows[i] = s->entries[me->at + i].row;
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
}

static void sort_close(wr_op *op)
{
    sort_op *s = (sort_op *)op;
    if (s->rows) wr_mem_free(op->mem, s->rows, s->rows_size);
    if (s->entries) wr_mem_free(op->mem, s->entries, s->entries_size);
    if (s->spare) wr_mem_free(op->mem, s->spare, s->entries_size);
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
                              .morsel = sort_morsel,
                              .next_batch = sort_next};
