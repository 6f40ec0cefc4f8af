/* merge.h - sorting what does not fit in memory: sorted runs on tapes, and merging them. */
#pragma once
#include "exec/sorting.h"
#include "exec/spill.h"

/* The runs of one worker, or of all of them. Zeroed = none. */
typedef struct wr_sort_runs {
    wr_spill *spill;
    const wr_rows_layout *layout;
    const wr_sort_slot *keys;
    int key_count;
    wr_arena arena;
    wr_sorting watch; /* ranges of the keys in all runs */
    wr_tape *tapes;
    int count, cap;
} wr_sort_runs;

/* No runs yet. layout, keys and spill must outlive runs; the caller clears. One thread at a time,
 * as all of this header. */
void wr_sort_runs_init(wr_sort_runs *runs, wr_spill *spill, const wr_rows_layout *layout,
                       const wr_sort_slot *keys, int key_count);
/* Gives the tapes back; accepts zeroed runs. */
void wr_sort_runs_clear(wr_sort_runs *runs);
/* Bytes that adding this many rows takes beside the rows. */
static inline uint64_t wr_sort_runs_need(uint64_t rows)
{
    return rows * (sizeof(uint8_t *) + 2 * sizeof(wr_sort_entry));
}
/* Sorts rows, writes them as a run (several, if memory is short) and empties them. */
WR_MUST_CHECK weir_status wr_sort_runs_add(wr_sort_runs *runs, wr_rows *rows);
/* Moves all runs of from behind those of into. */
void wr_sort_runs_take(wr_sort_runs *into, wr_sort_runs *from);
/* Merges runs that follow each other until few enough are left to be merged at once. */
WR_MUST_CHECK weir_status wr_sort_runs_shrink(wr_sort_runs *runs);

/* Rows of all runs in order; of equal rows those with the smaller place, or, if the layout has no
 * extra word for it, those of earlier runs first. */
typedef struct wr_merge wr_merge;
WR_MUST_CHECK weir_status wr_merge_new(const wr_sort_runs *runs, int first, int count,
                                       wr_merge **out);
/* Up to max rows, valid until the next call; *count 0 at the end. */
WR_MUST_CHECK weir_status wr_merge_next(wr_merge *merge, uint8_t **addresses, uint32_t max,
                                        uint32_t *count);
void wr_merge_drop(wr_merge *merge);
WR_DEFINE_CLEANUP(wr_merge, wr_merge_drop)
