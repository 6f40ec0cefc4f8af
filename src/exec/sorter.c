/* sorter.c - see sorter.h.
 *
 * Phases: note the ranges of the keys per stretch of rows; fill and sort the entries of each
 * stretch; merge all stretches in pieces, cut at entries of the first stretch, so that pieces are
 * independent. */
#include "exec/sorter.h"

enum { STRETCHES_MAX = 64, STRETCH_MIN = 1 << 14 };

weir_status wr_sorter_begin(wr_sorter *s, wr_op *op, const wr_rows_layout *layout,
                            const wr_sort_slot *keys, int key_count, wr_rows *const *stores,
                            int store_count)
{
    wr_arena *arena = s->arena = &op->arena;
    wr_mem *mem = s->mem = op->mem;
    wr_sorting_init(&s->sorting, op->exec, arena, layout, keys, key_count);
    for (int i = 0; i < store_count; i++)
        if (stores[i]) s->count += wr_rows_count(stores[i]);
    if (s->count == 0) return WR_OK;
    WR_TRY(wr_mem_alloc(mem, s->count * sizeof *s->rows, (void **)&s->rows));
    WR_TRY(wr_mem_alloc(mem, s->count * sizeof *s->entries, (void **)&s->entries));
    WR_TRY(wr_mem_alloc(mem, s->count * sizeof *s->entries, (void **)&s->spare));
    uint64_t at = 0;
    for (int i = 0; i < store_count; i++) {
        wr_rows_cursor cursor = {0, 0};
        for (uint32_t n;
             stores[i] && (n = wr_rows_next(stores[i], &cursor, s->rows + at, 1 << 20)) > 0;)
            at += n;
    }
    uint64_t most = (s->count + STRETCH_MIN - 1) / STRETCH_MIN;
    s->stretch_count = (int)WR_MIN((uint64_t)WR_MIN(store_count, STRETCHES_MAX), most);
    s->stretches = wr_new_array(arena, wr_sort_stretch, s->stretch_count);
    for (int i = 0; i < s->stretch_count; i++) {
        wr_sort_stretch *t = &s->stretches[i];
        t->from = s->count * (uint64_t)i / (uint64_t)s->stretch_count;
        t->count = s->count * (uint64_t)(i + 1) / (uint64_t)s->stretch_count - t->from;
        wr_sorting_init(&t->watch, op->exec, arena, layout, keys, key_count);
    }
    return WR_OK;
}

/* The first position of sorted entries that does not order before mark. */
static uint64_t lower_bound(const wr_sorting *sorting, const wr_sort_entry *entries, uint64_t count,
                            const wr_sort_entry *mark)
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
static void cut_stretches(wr_sorter *s)
{
    int n = s->stretch_count;
    const wr_sort_stretch *first = &s->stretches[0];
    s->cuts = wr_new_array(s->arena, uint64_t, (n + 1) * n);
    for (int t = 1; t <= n; t++) {
        uint64_t at = WR_MIN(first->count * (uint64_t)t / (uint64_t)n, first->count - 1);
        for (int i = 0; i < n; i++) {
            const wr_sort_stretch *p = &s->stretches[i];
            s->cuts[t * n + i] = t == n ? p->count
                                        : lower_bound(&s->sorting, s->entries + p->from, p->count,
                                                      &s->entries[first->from + at]);
        }
    }
}

weir_status wr_sorter_step(wr_sorter *s, int phase, int *tasks)
{
    *tasks = s->stretch_count;
    if (s->count > 0 && phase == 0) return WR_OK;
    if (s->count > 0 && phase == 1) {
        for (int i = 0; i < s->stretch_count; i++)
            wr_sorting_merge(&s->sorting, &s->stretches[i].watch);
        wr_sorting_decide(&s->sorting);
        return WR_OK;
    }
    if (s->stretch_count > 1 && phase == 2) {
        cut_stretches(s);
        return WR_OK;
    }
    *tasks = -1;
    if (s->stretch_count > 1) {
        wr_sort_entry *swap = s->entries;
        s->entries = s->spare;
        s->spare = swap;
    }
    if (s->count == 0) return WR_OK;
    wr_mem_free(s->mem, s->spare, s->count * sizeof *s->spare);
    wr_mem_free(s->mem, s->rows, s->count * sizeof *s->rows);
    s->spare = NULL;
    s->rows = NULL;
    return WR_OK;
}

/* Merges piece number index of all stretches into spare. Earlier stretches win ties. */
static weir_status merge_piece(wr_sorter *s, int index)
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
            if (best < 0 ||
                wr_sorting_compare(&s->sorting, &s->entries[at[i]], &s->entries[at[best]]) < 0)
                best = i;
        }
        if (best < 0) return WR_OK;
        WR_TRY(wr_sorting_check(&s->sorting, to));
        s->spare[to++] = s->entries[at[best]++];
    }
}

weir_status wr_sorter_task(wr_sorter *s, int phase, int index)
{
    wr_sort_stretch *t = &s->stretches[index];
    if (phase == 0) return wr_sorting_watch(&t->watch, s->rows + t->from, t->count);
    if (phase > 1) return merge_piece(s, index);
    WR_TRY(wr_sorting_fill(&s->sorting, s->rows + t->from, t->count, s->entries + t->from));
    return wr_sorting_sort(&s->sorting, s->entries + t->from, s->spare + t->from, t->count);
}

void wr_sorter_clear(wr_sorter *s)
{
    if (s->rows) wr_mem_free(s->mem, s->rows, s->count * sizeof *s->rows);
    if (s->entries) wr_mem_free(s->mem, s->entries, s->count * sizeof *s->entries);
    if (s->spare) wr_mem_free(s->mem, s->spare, s->count * sizeof *s->spare);
    *s = (wr_sorter){0};
}
