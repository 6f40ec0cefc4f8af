/* merge.c - see merge.h.
 *
 * A run is sorted by what is known of its own rows. For merging, the ranges of the keys in all runs
 * are put together, and each stretch of rows read from a run gets entries of that common form
 * (sorting.h), so that most comparisons look at one integer. The inputs stand in a heap, ordered by
 * their first entry. Of equal rows those of earlier runs come first, which is the order they came
 * in as long as one worker wrote all runs; runs of several workers have rows that carry their
 * places.
 *
 * Trap: rows of an input die when its next block is read. So a merge that has used up an input
 * gives out what it has, and reads on in the next call. */
#include "exec/merge.h"
#include "base/pages.h"
#include "exec/arrival.h"

enum { FAN_MAX = 64, FAN_MIN = 8, FAN_BYTES = 320 << 10, PIECE_MIN = 4096 };

typedef struct input {
    wr_tape_reader reader;
    wr_sort_entry *entries;
    uint32_t at, count;
    int number;
} input;

struct wr_merge {
    wr_mem *mem;
    wr_arena arena;
    wr_sorting sorting;
    input *inputs;
    int input_count;
    input **heap;
    int heap_count;
    input *empty; /* to be filled before going on */
};

/* ---- runs ---- */

void wr_sort_runs_init(wr_sort_runs *runs, wr_spill *spill, const wr_rows_layout *layout,
                       const wr_sort_slot *keys, int key_count)
{
    *runs = (wr_sort_runs){.spill = spill, .layout = layout, .keys = keys, .key_count = key_count};
    wr_sorting_init(&runs->watch, spill->op->exec, &runs->arena, layout, keys, key_count);
}

void wr_sort_runs_clear(wr_sort_runs *runs)
{
    for (int i = 0; i < runs->count; i++)
        wr_tape_clear(&runs->tapes[i]);
    wr_heap_drop(runs->tapes);
    wr_arena_clear(&runs->arena);
    *runs = (wr_sort_runs){0};
}

static wr_tape *new_run(wr_sort_runs *runs)
{
    if (runs->count == runs->cap) {
        int cap = runs->cap ? runs->cap * 2 : 8;
        runs->tapes = wr_heap_grow(runs->tapes, (size_t)runs->cap * sizeof *runs->tapes,
                                   (size_t)cap * sizeof *runs->tapes);
        runs->cap = cap;
    }
    runs->tapes[runs->count] = (wr_tape){0};
    return &runs->tapes[runs->count++];
}

void wr_sort_runs_take(wr_sort_runs *into, wr_sort_runs *from)
{
    if (from->count == 0) return;
    for (int i = 0; i < from->count; i++)
        *new_run(into) = from->tapes[i];
    wr_sorting_merge(&into->watch, &from->watch);
    from->count = 0;
}

/* Sorts count rows with memory for twice as many entries, and writes them. */
static weir_status write_run(wr_sort_runs *runs, uint8_t **rows, wr_sort_entry *entries,
                             uint64_t count)
{
    WR_ARENA(arena);
    wr_sorting sorting;
    wr_sorting_init(&sorting, runs->spill->op->exec, &arena, runs->layout, runs->keys,
                    runs->key_count);
    WR_TRY(wr_sorting_watch(&sorting, rows, count));
    wr_sorting_merge(&runs->watch, &sorting);
    wr_sorting_decide(&sorting);
    WR_TRY(wr_sorting_fill(&sorting, rows, count, entries));
    WR_TRY(wr_sorting_sort(&sorting, entries, entries + count, count));
    for (uint64_t i = 0; i < count; i++)
        rows[i] = entries[i].row;
    return wr_tape_write(runs->spill, new_run(runs), runs->layout, rows, count);
}

weir_status wr_sort_runs_add(wr_sort_runs *runs, wr_rows *rows)
{
    wr_mem *mem = runs->spill->op->mem;
    uint64_t left = wr_rows_count(rows), piece = left;
    if (left == 0) return WR_OK;
    void *memory = NULL;
    for (;;) { /* what is not there is not needed: smaller runs do as well */
        weir_status bad = wr_mem_alloc(mem, wr_sort_runs_need(piece), &memory);
        if (!bad) break;
        if (piece <= PIECE_MIN) return bad;
        wr_status_drop(bad);
        piece = WR_MAX(piece / 2, (uint64_t)PIECE_MIN);
    }
    wr_sort_entry *entries = memory;
    uint8_t **addresses = (uint8_t **)(void *)(entries + 2 * piece);
    wr_rows_cursor cursor = {0, 0};
    weir_status bad = WR_OK;
    while (!bad && left > 0) {
        uint64_t count = 0, wanted = WR_MIN(left, piece);
        while (count < wanted) {
            uint32_t most = (uint32_t)WR_MIN(wanted - count, (uint64_t)1 << 20);
            count += wr_rows_next(rows, &cursor, addresses + count, most);
        }
        bad = write_run(runs, addresses, entries, count);
        left -= count;
    }
    wr_mem_free(mem, memory, wr_sort_runs_need(piece));
    wr_rows_empty(rows);
    wr_pages_trim();
    return bad;
}

static int fan_in(const wr_op *op)
{
    uint64_t room = wr_mem_room(op->mem) / 2;
    if (wr_spill_is_forced(op)) return FAN_MIN;
    return (int)WR_MAX(WR_MIN(room / FAN_BYTES, (uint64_t)FAN_MAX), (uint64_t)FAN_MIN);
}

/* Merges runs first...first + count - 1 into a new one. */
static weir_status merge_some(const wr_sort_runs *runs, int first, int count, wr_tape *out)
{
    WR_AUTO(wr_merge) *merge = NULL;
    WR_AUTO(wr_rows) *rows = NULL;
    wr_mem *mem = runs->spill->op->mem;
    uint8_t *part[WR_BATCH_ROWS], *copies[WR_BATCH_ROWS];
    wr_column *columns;
    bool has_places = runs->layout->extra_size > 0;
    WR_ARENA(scratch);
    WR_TRY(wr_merge_new(runs, first, count, &merge));
    WR_TRY(wr_rows_new(mem, runs->layout, &rows));
    for (;;) {
        uint32_t n;
        WR_TRY(wr_merge_next(merge, part, WR_BATCH_ROWS, &n));
        if (n > 0) {
            wr_arena_reset(&scratch);
            columns = wr_new_array(&scratch, wr_column, runs->layout->column_count + 1);
            for (int c = 0; c < runs->layout->column_count; c++)
                wr_rows_gather(runs->layout, c, part, n, &scratch, &columns[c]);
            WR_TRY(wr_rows_append(rows, columns, NULL, n, copies));
            for (uint32_t i = 0; has_places && i < n; i++)
                wr_rows_set_places(runs->layout, &copies[i], 1,
                                   wr_row_place(runs->layout, part[i]));
        }
        if (n > 0 && wr_rows_bytes(rows) < PIECE_MIN * 128) continue;
        wr_rows_cursor cursor = {0, 0};
        for (uint32_t k; (k = wr_rows_next(rows, &cursor, part, WR_BATCH_ROWS)) > 0;)
            WR_TRY(wr_tape_write(runs->spill, out, runs->layout, part, k));
        wr_rows_empty(rows);
        if (n == 0) return WR_OK;
    }
}

weir_status wr_sort_runs_shrink(wr_sort_runs *runs)
{
    int fan = fan_in(runs->spill->op);
    while (runs->count > fan) {
        int kept = 0;
        for (int at = 0, n; at < runs->count; at += n) {
            n = WR_MIN(fan, runs->count - at);
            wr_tape merged = {0};
            weir_status bad = WR_OK;
            if (n == 1)
                merged = runs->tapes[at];
            else
                bad = merge_some(runs, at, n, &merged);
            for (int i = 0; n > 1 && i < n; i++)
                wr_tape_clear(&runs->tapes[at + i]);
            runs->tapes[at] = (wr_tape){0};
            runs->tapes[kept++] = merged;
            if (bad) return bad;
        }
        runs->count = kept;
    }
    return WR_OK;
}

/* ---- merging ---- */

static bool comes_before(const wr_merge *m, const input *a, const input *b)
{
    int c = wr_sorting_compare(&m->sorting, &a->entries[a->at], &b->entries[b->at]);
    return c ? c < 0 : a->number < b->number;
}

static void sift_down(wr_merge *m, int at)
{
    input *moved = m->heap[at];
    for (;;) {
        int child = 2 * at + 1;
        if (child >= m->heap_count) break;
        if (child + 1 < m->heap_count && comes_before(m, m->heap[child + 1], m->heap[child]))
            child++;
        if (!comes_before(m, m->heap[child], moved)) break;
        m->heap[at] = m->heap[child];
        at = child;
    }
    m->heap[at] = moved;
}

static void sift_up(wr_merge *m, int at)
{
    input *moved = m->heap[at];
    for (; at > 0 && comes_before(m, moved, m->heap[(at - 1) / 2]); at = (at - 1) / 2)
        m->heap[at] = m->heap[(at - 1) / 2];
    m->heap[at] = moved;
}

/* Reads on; an input that is not at its end goes into the heap. */
static weir_status fill(wr_merge *m, input *in)
{
    uint8_t *rows[WR_BATCH_ROWS];
    in->at = 0;
    WR_TRY(wr_tape_next(&in->reader, rows, WR_BATCH_ROWS, &in->count));
    if (in->count == 0) return WR_OK;
    WR_TRY(wr_sorting_fill(&m->sorting, rows, in->count, in->entries));
    m->heap[m->heap_count++] = in;
    sift_up(m, m->heap_count - 1);
    return WR_OK;
}

weir_status wr_merge_new(const wr_sort_runs *runs, int first, int count, wr_merge **out)
{
    WR_AUTO(wr_merge) *m = wr_heap_new(sizeof *m);
    m->mem = runs->spill->op->mem;
    wr_sorting_init(&m->sorting, runs->spill->op->exec, &m->arena, runs->layout, runs->keys,
                    runs->key_count);
    wr_sorting_merge(&m->sorting, &runs->watch);
    wr_sorting_decide(&m->sorting);
    m->sorting.by_place = runs->layout->extra_size > 0;
    m->inputs = wr_new_array(&m->arena, input, count + 1);
    m->heap = wr_new_array(&m->arena, input *, count + 1);
    for (int i = 0; i < count; i++) {
        input *in = &m->inputs[m->input_count++];
        in->number = i;
        WR_TRY(wr_mem_alloc(m->mem, WR_BATCH_ROWS * sizeof *in->entries, (void **)&in->entries));
        WR_TRY(wr_tape_open(&in->reader, runs->spill, &runs->tapes[first + i], runs->layout));
        WR_TRY(fill(m, in));
    }
    *out = WR_TAKE(m);
    return WR_OK;
}

void wr_merge_drop(wr_merge *m)
{
    if (!m) return;
    for (int i = 0; i < m->input_count; i++) {
        wr_mem_free(m->mem, m->inputs[i].entries, WR_BATCH_ROWS * sizeof *m->inputs[i].entries);
        wr_tape_close(&m->inputs[i].reader);
    }
    wr_arena_clear(&m->arena);
    wr_heap_drop(m);
}

weir_status wr_merge_next(wr_merge *m, uint8_t **addresses, uint32_t max, uint32_t *count)
{
    *count = 0;
    if (m->empty) WR_TRY(fill(m, m->empty));
    m->empty = NULL;
    while (*count < max && m->heap_count > 0) {
        input *top = m->heap[0];
        addresses[(*count)++] = top->entries[top->at++].row;
        if (top->at < top->count) {
            sift_down(m, 0);
            continue;
        }
        m->empty = top;
        m->heap[0] = m->heap[--m->heap_count];
        if (m->heap_count > 0) sift_down(m, 0);
        break;
    }
    return WR_OK;
}
