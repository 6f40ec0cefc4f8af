/* sorter.h - sorts the rows of several tuple stores with several threads. The owner calls
 * wr_sorter_begin and then, in its finish, wr_sorter_step with phase 0, 1, ... and runs the tasks
 * it asks for side by side, until *tasks is -1. */
#pragma once
#include "exec/arrival.h"
#include "exec/sorting.h"

typedef struct wr_sort_stretch {
    uint64_t from, count;
    uint64_t *counts; /* entries by first digit; then where the next one goes */
} wr_sort_stretch;

typedef struct wr_sorter {
    wr_arena *arena;
    wr_mem *mem;
    wr_sorting sorting;
    wr_sort_entry *entries, *spare; /* entries: the result, count of them */
    uint64_t count;
    uint8_t **rows;
    wr_sort_stretch *stretches;
    int stretch_count;
    uint64_t *ends;      /* by first digit: where its entries end */
    uint32_t *piece_end; /* by task of the last phase: its digits end here */
    int piece_count;
} wr_sorter;

/* arena and budget of op. watched: what wr_sorting_watch saw of the rows of each store (others may
 * have been seen too). Equal rows come in source order: either the stores are as they arrived and
 * arrivals tells how, or (NULL) the rows carry their places; with one store, stably in any case. */
WR_MUST_CHECK weir_status wr_sorter_begin(wr_sorter *s, wr_op *op, const wr_rows_layout *layout,
                                          const wr_sort_slot *keys, int key_count,
                                          wr_rows *const *stores, const wr_sorting *const *watched,
                                          const wr_arrivals *const *arrivals, int store_count);
WR_MUST_CHECK weir_status wr_sorter_step(wr_sorter *s, int phase, int *tasks);
WR_MUST_CHECK weir_status wr_sorter_task(wr_sorter *s, int phase, int index);
void wr_sorter_clear(wr_sorter *s);
