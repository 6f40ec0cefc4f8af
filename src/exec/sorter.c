/* sorter.c - see sorter.h.
 *
 * The ranges of the keys are known from watching the rows come. Phases: each stretch of rows gets
 * its entries, counted by their first digit; the entries are spread by it, those of earlier
 * stretches first; pieces of some digits each are sorted on their own. Few rows are one stretch,
 * sorted at once. */
#include "exec/sorter.h"

enum {
    STRETCHES_MAX = 64,
    STRETCH_MIN = 1 << 14,
    DIGIT_BITS = 11,
    DIGITS = 1 << DIGIT_BITS,
    PIECES = 16 /* per stretch */
};

static void list_rows(wr_sorter *s, wr_rows *const *stores, const wr_arrivals *const *arrivals,
                      int store_count)
{
    if (arrivals) {
        wr_arrivals_list(stores, arrivals, store_count, s->rows);
        return;
    }
    uint64_t at = 0;
    for (int i = 0; i < store_count; i++) {
        wr_rows_cursor cursor = {0, 0};
        for (uint32_t n;
             stores[i] && (n = wr_rows_next(stores[i], &cursor, s->rows + at, 1 << 20)) > 0;)
            at += n;
    }
}

weir_status wr_sorter_begin(wr_sorter *s, wr_op *op, const wr_rows_layout *layout,
                            const wr_sort_slot *keys, int key_count, wr_rows *const *stores,
                            const wr_sorting *const *watched, const wr_arrivals *const *arrivals,
                            int store_count)
{
    wr_arena *arena = s->arena = &op->arena;
    wr_mem *mem = s->mem = op->mem;
    wr_sorting_init(&s->sorting, op->exec, arena, layout, keys, key_count);
    for (int i = 0; i < store_count; i++) {
        if (!stores[i]) continue;
        s->count += wr_rows_count(stores[i]);
        wr_sorting_merge(&s->sorting, watched[i]);
    }
    wr_sorting_decide(&s->sorting);
    if (s->count == 0) return WR_OK;
    WR_TRY(wr_mem_alloc(mem, s->count * sizeof *s->rows, (void **)&s->rows));
    WR_TRY(wr_mem_alloc(mem, s->count * sizeof *s->entries, (void **)&s->entries));
    WR_TRY(wr_mem_alloc(mem, s->count * sizeof *s->entries, (void **)&s->spare));
    s->sorting.by_place = !arrivals && layout->extra_size > 0;
    list_rows(s, stores, arrivals, store_count);
    uint64_t most = (s->count + STRETCH_MIN - 1) / STRETCH_MIN;
    s->stretch_count = (int)WR_MIN((uint64_t)WR_MIN(store_count, STRETCHES_MAX), most);
    s->stretches = wr_new_array(arena, wr_sort_stretch, s->stretch_count);
    for (int i = 0; i < s->stretch_count; i++) {
        wr_sort_stretch *t = &s->stretches[i];
        t->from = s->count * (uint64_t)i / (uint64_t)s->stretch_count;
        t->count = s->count * (uint64_t)(i + 1) / (uint64_t)s->stretch_count - t->from;
        t->counts = most > 1 ? wr_new_array(arena, uint64_t, DIGITS) : NULL;
    }
    return WR_OK;
}

static bool is_small(const wr_sorter *s) { return s->count <= STRETCH_MIN; }
static int digit_shift(const wr_sorter *s) { return WR_MAX(s->sorting.bits - DIGIT_BITS, 0); }

/* Turns the counts of the stretches into places, and cuts the digits into pieces of about as many
 * entries. */
static void place_digits(wr_sorter *s)
{
    uint64_t at = 0, begun = 0;
    uint32_t most = (uint32_t)(s->stretch_count * PIECES);
    s->ends = wr_new_array(s->arena, uint64_t, DIGITS);
    s->piece_end = wr_new_array(s->arena, uint32_t, most + 1);
    for (uint32_t d = 0; d < DIGITS; d++) {
        for (int i = 0; i < s->stretch_count; i++) {
            uint64_t count = s->stretches[i].counts[d];
            s->stretches[i].counts[d] = at;
            at += count;
        }
        s->ends[d] = at;
        if (at - begun < s->count / most + 1 && d + 1 < DIGITS) continue;
        begun = at;
        s->piece_end[s->piece_count++] = d + 1;
    }
}

weir_status wr_sorter_step(wr_sorter *s, int phase, int *tasks)
{
    *tasks = s->stretch_count;
    if (s->count > 0 && phase == 0) return WR_OK;
    if (s->count > 0 && phase == 1 && !is_small(s)) {
        place_digits(s);
        return WR_OK;
    }
    *tasks = s->piece_count;
    if (s->count > 0 && phase == 2 && !is_small(s)) return WR_OK;
    *tasks = -1;
    if (s->count == 0) return WR_OK;
    wr_mem_free(s->mem, s->spare, s->count * sizeof *s->spare);
    wr_mem_free(s->mem, s->rows, s->count * sizeof *s->rows);
    s->spare = NULL;
    s->rows = NULL;
    return WR_OK;
}

static weir_status count_digits(wr_sorter *s, const wr_sort_stretch *t)
{
    const wr_sort_entry *entries = s->entries + t->from;
    int shift = digit_shift(s);
    for (uint64_t i = 0; i < t->count; i++) {
        WR_TRY(wr_sorting_check(&s->sorting, i));
        t->counts[entries[i].bits >> shift]++;
    }
    return WR_OK;
}

static weir_status spread(wr_sorter *s, const wr_sort_stretch *t)
{
    const wr_sort_entry *entries = s->entries + t->from;
    wr_sort_entry *to = s->spare;
    int shift = digit_shift(s);
    for (uint64_t i = 0; i < t->count; i++) {
        WR_TRY(wr_sorting_check(&s->sorting, i));
        to[t->counts[entries[i].bits >> shift]++] = entries[i];
    }
    return WR_OK;
}

static weir_status sort_piece(wr_sorter *s, int index)
{
    uint32_t digit = index ? s->piece_end[index - 1] : 0;
    uint64_t from = digit ? s->ends[digit - 1] : 0;
    for (; digit < s->piece_end[index]; from = s->ends[digit++])
        WR_TRY(wr_sorting_piece(&s->sorting, s->spare + from, s->entries + from,
                                s->ends[digit] - from, digit_shift(s)));
    return WR_OK;
}

weir_status wr_sorter_task(wr_sorter *s, int phase, int index)
{
    if (phase == 2) return sort_piece(s, index);
    const wr_sort_stretch *t = &s->stretches[index];
    if (phase == 1) return spread(s, t);
    WR_TRY(wr_sorting_fill(&s->sorting, s->rows + t->from, t->count, s->entries + t->from));
    if (is_small(s)) return wr_sorting_sort(&s->sorting, s->entries, s->spare, s->count);
    return count_digits(s, t);
}

void wr_sorter_clear(wr_sorter *s)
{
    if (s->rows) wr_mem_free(s->mem, s->rows, s->count * sizeof *s->rows);
    if (s->entries) wr_mem_free(s->mem, s->entries, s->count * sizeof *s->entries);
    if (s->spare) wr_mem_free(s->mem, s->spare, s->count * sizeof *s->spare);
    *s = (wr_sorter){0};
}
