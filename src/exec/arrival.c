/* arrival.c - see arrival.h. */
#include "exec/arrival.h"
#include "base/mem.h"
#include <stdlib.h>

enum { MORSEL_SHIFT = 32 };

uint64_t wr_arrivals_note(wr_arrivals *a, uint64_t morsel, uint32_t rows)
{
    wr_arrival *last = a->count ? &a->items[a->count - 1] : NULL;
    if (!last || last->morsel != morsel) {
        if (a->count == a->cap) {
            uint32_t cap = a->cap ? a->cap * 2 : 16;
            a->items = wr_heap_grow(a->items, a->cap * sizeof *a->items, cap * sizeof *a->items);
            a->cap = cap;
        }
        last = &a->items[a->count++];
        *last = (wr_arrival){.morsel = morsel};
    }
    uint64_t place = (morsel << MORSEL_SHIFT) + last->count;
    last->count += rows;
    return place;
}

void wr_arrivals_clear(wr_arrivals *a)
{
    wr_heap_drop(a->items);
    *a = (wr_arrivals){0};
}

typedef struct stretch {
    uint64_t morsel, count;
    int store;
} stretch;

static int by_morsel(const void *a, const void *b)
{
    const stretch *x = a, *y = b;
    return (x->morsel > y->morsel) - (x->morsel < y->morsel);
}

void wr_arrivals_list(wr_rows *const *stores, const wr_arrivals *const *arrivals, int store_count,
                      uint8_t **out)
{
    size_t total = 0, count = 0;
    for (int i = 0; i < store_count; i++)
        total += stores[i] ? arrivals[i]->count : 0;
    stretch *all = wr_heap_new((total + 1) * sizeof *all);
    wr_rows_cursor *cursors = wr_heap_new((size_t)(store_count + 1) * sizeof *cursors);
    for (int i = 0; i < store_count; i++)
        for (uint32_t k = 0; stores[i] && k < arrivals[i]->count; k++)
            all[count++] = (stretch){arrivals[i]->items[k].morsel, arrivals[i]->items[k].count, i};
    qsort(all, count, sizeof *all, by_morsel);
    for (size_t k = 0; k < count; k++) { /* of a store, stretches stay in the order of its rows */
        const stretch *t = &all[k];
        for (uint64_t left = t->count; left > 0;) {
            uint32_t most = (uint32_t)WR_MIN(left, (uint64_t)1 << 20);
            uint32_t n = wr_rows_next(stores[t->store], &cursors[t->store], out, most);
            wr_assert(n > 0);
            out += n;
            left -= n;
        }
    }
    wr_heap_drop(cursors);
    wr_heap_drop(all);
}

void wr_rows_set_places(const wr_rows_layout *layout, uint8_t *const *rows, uint32_t count,
                        uint64_t first)
{
    for (uint32_t i = 0; i < count; i++) {
        uint64_t place = first + i;
        memcpy(rows[i] + layout->extra_offset, &place, sizeof place);
    }
}
