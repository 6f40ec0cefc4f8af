/* window_spill.c - windows over more rows than fit in memory.
 *
 * Workers sort what they hold and write it as runs; all runs are merged by one worker, which reads
 * whole partitions into memory, as many as make up a piece, and hands them to the same code that
 * works on rows sorted in memory: the piece poses as the sorter's result. So output and order are
 * the same. A single partition has to fit, unless all calls are ranks: these need to know only how
 * much of the partition came before, so such a partition is cut between rows that are not peers. */
#include "exec/ops/window.h"

enum { SPILL_SHARE = 60, PIECE_ROWS_MIN = 1 << 14 };

void wr_wspill_open(wr_window *w)
{
    wr_spill_init(&w->spill, &w->op);
    w->is_ranking = w->is_numbering = true;
    for (int i = 0; i < w->call_count; i++) {
        const wr_window_fn *fn = w->calls[i].call->fn;
        bool is_number = fn && fn->kind == WR_W_ROW_NUMBER;
        w->is_numbering &= is_number;
        w->is_ranking &=
            is_number || (fn && (fn->kind == WR_W_RANK || fn->kind == WR_W_DENSE_RANK));
    }
}

void wr_wspill_close(wr_window *w)
{
    if (w->has_runs && w->sorter.entries) {
        wr_mem_free(w->op.mem, w->sorter.entries, w->entry_cap * sizeof *w->sorter.entries);
        w->sorter.entries = NULL;
    }
    wr_rows_drop(w->piece);
    wr_merge_drop(w->merge);
    wr_sort_runs_clear(&w->runs);
    wr_spill_clear(&w->spill);
}

weir_status wr_wspill(wr_window *w, wr_wlocal *me, bool at_end)
{
    uint64_t need = wr_sort_runs_need(wr_rows_count(me->rows));
    if (!at_end && !wr_spill_is_due(&w->op, wr_rows_bytes(me->rows), need, SPILL_SHARE))
        return WR_OK;
    wr_wtop_drop(me);
    if (!me->runs.spill)
        wr_sort_runs_init(&me->runs, &w->spill, &w->layout, w->keys,
                          w->partition_count + w->order_count);
    w->has_runs = true;
    return wr_sort_runs_add(&me->runs, me->rows);
}

weir_status wr_wspill_finish(wr_window *w, int phase, int *tasks)
{
    int workers = wr_exec_workers(w->op.exec);
    *tasks = phase == 0 ? workers : -1;
    if (phase == 0) return WR_OK;
    wr_sort_runs_init(&w->runs, &w->spill, &w->layout, w->keys,
                      w->partition_count + w->order_count);
    for (int i = 0; i < workers; i++) {
        wr_wlocal *from = (wr_wlocal *)w->op.locals[i];
        if (from && from->runs.spill) wr_sort_runs_take(&w->runs, &from->runs);
    }
    wr_op_note(&w->op, "%d runs", w->runs.count);
    w->sorter.sorting.exec = w->op.exec;
    WR_TRY(wr_sort_runs_shrink(&w->runs));
    return wr_merge_new(&w->runs, 0, w->runs.count, &w->merge);
}

/* Adds copies of rows to a piece, at its end. */
static weir_status append(wr_window *w, wr_rows *piece, uint8_t *const *rows, uint32_t n)
{
    wr_sorter *s = &w->sorter;
    uint8_t *copies[WR_BATCH_ROWS];
    wr_batch batch;
    WR_ARENA(scratch);
    if (s->count + n > w->entry_cap) {
        uint64_t cap = WR_MAX(w->entry_cap * 2, s->count + n);
        WR_TRY(wr_mem_grow(w->op.mem, (void **)&s->entries, w->entry_cap * sizeof *s->entries,
                           cap * sizeof *s->entries));
        w->entry_cap = cap;
    }
    wr_rows_batch(&w->layout, w->layout.column_count, rows, n, &scratch, &batch);
    WR_TRY(wr_rows_append(piece, batch.columns, NULL, n, copies));
    for (uint32_t i = 0; i < n; i++)
        s->entries[s->count + i] = (wr_sort_entry){0, copies[i]};
    s->count += n;
    return WR_OK;
}

/* Begins a piece with what the last one left over. */
static weir_status begin_piece(wr_window *w)
{
    wr_sorter *s = &w->sorter;
    WR_AUTO(wr_rows) *piece = NULL;
    uint8_t *rows[WR_BATCH_ROWS];
    uint64_t from = w->piece_end, count = s->count;
    WR_TRY(wr_rows_new(w->op.mem, &w->layout, &piece));
    s->count = 0;
    while (from < count) {
        uint32_t n = (uint32_t)WR_MIN(count - from, (uint64_t)WR_BATCH_ROWS);
        for (uint32_t i = 0; i < n; i++)
            rows[i] = s->entries[from + i].row;
        WR_TRY(append(w, piece, rows, n)); /* writes before from */
        from += n;
    }
    wr_rows_drop(w->piece);
    w->piece = WR_TAKE(piece);
    return WR_OK;
}

/* The first row of the partition that the last row belongs to. */
static uint64_t last_partition(const wr_window *w)
{
    const wr_sorter *s = &w->sorter;
    uint64_t lo = 0, hi = s->count - 1; /* the answer is in [lo, hi] */
    if (w->partition_count == 0) return 0;
    while (lo < hi) {
        uint64_t middle = lo + (hi - lo) / 2;
        if (wr_wsame_partition(w, s->entries[middle].row, s->entries[s->count - 1].row))
            hi = middle;
        else
            lo = middle + 1;
    }
    return lo;
}

static bool are_peers(const wr_window *w, const uint8_t *a, const uint8_t *b)
{
    for (int k = w->partition_count; k < w->partition_count + w->order_count; k++)
        if (wr_keys_compare(&w->layout, w->keys[k].slot, a, b) != 0) return false;
    return true;
}

/* Where a piece that is one partition may end: at least the last row stays for the next piece. 0:
 * nowhere. Notes what the next piece has to know. */
static uint64_t cut_partition(wr_window *w)
{
    const wr_sort_entry *e = w->sorter.entries;
    uint64_t count = w->sorter.count, cut = count - 1, groups = 0;
    while (!w->is_numbering && cut > 0 && are_peers(w, e[cut - 1].row, e[count - 1].row))
        cut--;
    if (cut == 0) return 0;
    for (uint64_t i = 0; !w->is_numbering && i < cut; i++)
        groups += i == 0 || !are_peers(w, e[i - 1].row, e[i].row);
    w->next_rows_before = w->rows_before + cut;
    w->next_groups_before = w->groups_before + groups;
    return cut;
}

weir_status wr_wspill_piece(wr_window *w, uint64_t *count)
{
    wr_sorter *s = &w->sorter;
    uint64_t enough = wr_spill_is_forced(&w->op) ? 2 : PIECE_ROWS_MIN;
    uint64_t most = wr_spill_portion(&w->op);
    uint8_t *rows[WR_BATCH_ROWS];
    *count = 0;
    if (!w->merge) return WR_OK;
    WR_TRY(begin_piece(w));
    w->rows_before = w->next_rows_before;
    w->groups_before = w->next_groups_before;
    w->next_rows_before = w->next_groups_before = 0;
    for (uint32_t n;;) {
        WR_TRY(wr_exec_check(w->op.exec));
        WR_TRY(wr_merge_next(w->merge, rows, WR_BATCH_ROWS, &n));
        if (n == 0) break;
        WR_TRY(append(w, w->piece, rows, n));
        w->piece_end = s->count >= enough ? last_partition(w) : 0;
        bool is_large =
            wr_spill_is_forced(&w->op) ? s->count >= enough : wr_rows_bytes(w->piece) > most;
        if (w->piece_end == 0 && is_large && w->is_ranking) w->piece_end = cut_partition(w);
        *count = w->piece_end;
        if (*count > 0) return WR_OK;
    }
    wr_merge_drop(WR_TAKE(w->merge));
    *count = w->piece_end = s->count;
    return WR_OK;
}
