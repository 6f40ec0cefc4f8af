/* sorter.h - sorts the rows of several tuple stores with several threads. The owner calls
 * wr_sorter_begin and then, in its finish, wr_sorter_step with phase 0, 1, ... and runs the tasks
 * it asks for side by side, until *tasks is -1. */
#pragma once
#include "exec/sorting.h"

typedef struct wr_sort_stretch {
    uint64_t from, count;
    wr_sorting watch;
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
    uint64_t
        *cuts; /* (stretch_count + 1) times stretch_count positions: where each merge task begins */
} wr_sorter;

/* arena and budget of op. */
WR_MUST_CHECK weir_status wr_sorter_begin(wr_sorter *s, wr_op *op, const wr_rows_layout *layout,
                                          const wr_sort_slot *keys, int key_count,
                                          wr_rows *const *stores, int store_count);
WR_MUST_CHECK weir_status wr_sorter_step(wr_sorter *s, int phase, int *tasks);
WR_MUST_CHECK weir_status wr_sorter_task(wr_sorter *s, int phase, int index);
void wr_sorter_clear(wr_sorter *s);
