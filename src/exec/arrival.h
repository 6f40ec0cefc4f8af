/* arrival.h - in which order rows came, when several workers keep them.
 *
 * Morsels that flow into an ordered sink are numbered in source order, and each worker gets
 * ascending ones. So it is enough that a worker notes, for each morsel, how many rows of its store
 * came from it: all rows can then be listed in source order, at no cost per row. Rows that do not
 * stay in the order in which they were stored carry their place with them. */
#pragma once
#include "exec/rows.h"
#include <string.h>

typedef struct wr_arrival {
    uint64_t morsel, count; /* rows */
} wr_arrival;

typedef struct wr_arrivals { /* of one worker's store; zeroed = nothing came yet */
    wr_arrival *items;
    uint32_t count, cap;
} wr_arrivals;

/* Notes that the next rows came. Returns the place of the first: places grow in source order. */
uint64_t wr_arrivals_note(wr_arrivals *a, uint64_t morsel, uint32_t rows);
void wr_arrivals_clear(wr_arrivals *a);
/* The addresses of all rows of the stores in source order. stores[i] may be NULL; all of its rows
 * are noted in arrivals[i]. out has room for them. */
void wr_arrivals_list(wr_rows *const *stores, const wr_arrivals *const *arrivals, int store_count,
                      uint8_t **out);

/* The place of a row whose layout has room for it: the first extra word. */
static inline uint64_t wr_row_place(const wr_rows_layout *layout, const uint8_t *row)
{
    uint64_t place;
    memcpy(&place, row + layout->extra_offset, sizeof place);
    return place;
}
void wr_rows_set_places(const wr_rows_layout *layout, uint8_t *const *rows, uint32_t count,
                        uint64_t first);
