/* filters.h - runtime filters: what a finished join build (or a top-N) knows about the rows that
 * can still matter.
 *
 * The producer fills a wr_filter_state and publishes it; scans ask it through wr_scan_filter.
 * Everything a scan reads before publication is behind `ready`; the bounds of a top-N threshold
 * move on afterwards and are atomic. */
#pragma once
#include "exec/engine.h"

struct wr_filter_state {
    const wr_runtime_filter *filter;
    wr_filter_state *next;
    _Atomic bool ready;
    bool is_int; /* lo and hi hold; integers only */
    bool keeps_nulls;
    bool is_empty;          /* nothing passes (keeps_nulls aside) */
    _Atomic int64_t lo, hi; /* inclusive */
    uint64_t *bits;         /* exact: bit (value - lo); lo is fixed then. Memory of the producer */
    uint64_t *
        bloom; /* else: blocked bloom of key hashes, bloom_mask + 1 words; memory of the producer */
    uint64_t bloom_mask;
    _Atomic uint64_t removed;
};

/* The state of filter in this exec or a parent; made in exec when new. NULL filter gives NULL. */
wr_filter_state *wr_filter_of(wr_exec *exec, const wr_runtime_filter *filter);

static inline uint64_t wr_bloom_bits(uint64_t hash)
{
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) |
           UINT64_C(1) << (hash >> 12 & 63);
}
static inline uint64_t wr_bloom_word(uint64_t hash, uint64_t mask) { return hash >> 24 & mask; }

/* The scan's side: filters of a SCAN node as the relation wants them. */
typedef struct wr_filter_set wr_filter_set;
WR_MUST_CHECK weir_status wr_filter_set_new(wr_op *scan, wr_filter_set **out);
void wr_filter_set_drop(wr_filter_set *set);
wr_scan_filter **wr_filter_set_items(wr_filter_set *set, int *count);
uint64_t wr_filter_set_removed(const wr_filter_set *set);
