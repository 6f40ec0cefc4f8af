/* exact_sum.h - the sum of doubles without rounding until it is read, hence independent of order
 * and of threads.
 *
 * A sum is a fixed-point number of WR_EXACT_LIMBS * 64 bits in two's complement, anchored where the
 * first value lies; a value outside of that window moves the sum into a full-range number on the
 * heap (rare: more than 19 orders of magnitude away from the first). A zeroed object is an empty
 * sum except that low must be -1. */
#pragma once
#include "base/arena.h"

#define WR_EXACT_LIMBS 6
#define WR_EXACT_WIDE 36

typedef struct wr_exact_sum {
    uint64_t limbs[WR_EXACT_LIMBS]; /* least significant first */
    uint64_t *wide;                 /* WR_EXACT_WIDE limbs from bit 2^-1074 on, or NULL */
    int32_t low;      /* limb of the full range where limbs[0] lies; -1: nothing added */
    uint32_t special; /* bits: 1 NaN, 2 infinity, 4 -infinity */
} wr_exact_sum;

void wr_exact_init(wr_exact_sum *sum);
void wr_exact_add(wr_exact_sum *sum, double value, wr_arena *heap);
/* All of values[0...count); the fast way for one group. */
void wr_exact_add_many(wr_exact_sum *sum, const double *values, uint32_t count, wr_arena *heap);
void wr_exact_merge(wr_exact_sum *into, const wr_exact_sum *from, wr_arena *heap);
/* The exact sum rounded once to nearest-even; infinity if it is out of range. */
double wr_exact_read(const wr_exact_sum *sum);
void wr_exact_save(const wr_exact_sum *sum, wr_buf *out);
/* Takes its bytes from the front of *bytes. False if they are too short. */
bool wr_exact_load(wr_exact_sum *sum, wr_str *bytes, wr_arena *heap);
