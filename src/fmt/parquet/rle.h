/* rle.h - the hybrid of runs and bit-packed groups that carries levels, dictionary codes and
 * booleans, and the delta encoding of integers. Both read lazily from borrowed bytes that have
 * WR_PQ_UNPACK_SLOP readable bytes behind them. */
#pragma once
#include "fmt/parquet/kernel.h"

typedef struct wr_pq_rle {
    const uint8_t *at, *end;
    unsigned width;
    uint32_t run_left, run_value;      /* a run of equal values */
    const uint8_t *packed;             /* or packed values ... */
    uint32_t packed_left, packed_done; /* ... of which done were taken */
} wr_pq_rle;

/* Starts at borrowed bytes; values have width bits, at most 32. */
void wr_pq_rle_init(wr_pq_rle *r, const uint8_t *bytes, size_t size, unsigned width);
/* Decodes count values. False when there are not that many. */
bool wr_pq_rle_get(wr_pq_rle *r, uint32_t *out, size_t count);
bool wr_pq_rle_skip(wr_pq_rle *r, size_t count);
/* Width 1 only: appends count bits at bit from of bits (NULL: nowhere) and adds the number of ones
 * to *ones. */
bool wr_pq_rle_bits(wr_pq_rle *r, uint64_t *bits, size_t from, size_t count, size_t *ones);

typedef struct wr_pq_delta {
    const uint8_t *at, *end;
    uint32_t per_mini, mini_count; /* values per miniblock, miniblocks per block */
    uint64_t left;                 /* values not yet handed out */
    uint64_t last, min_delta;
    const uint8_t *widths;  /* of the miniblocks of this block */
    uint32_t mini;          /* next miniblock of this block */
    uint32_t ready, taken;  /* values in buffer, and taken from it */
    bool first;             /* the first value is still to come */
    uint64_t buffer[512];   /* deltas of (part of) the current miniblock */
    const uint8_t *mini_at; /* rest of the current miniblock */
    uint32_t mini_left;
    unsigned mini_width;
} wr_pq_delta;

/* False when the head is malformed. */
bool wr_pq_delta_init(wr_pq_delta *d, const uint8_t *bytes, size_t size);
/* Next count values, as 64 bits. False when there are not that many or a width is impossible. */
bool wr_pq_delta_get(wr_pq_delta *d, int64_t *out, size_t count);
/* Once all values are taken: the first byte behind the encoded values. */
const uint8_t *wr_pq_delta_end(const wr_pq_delta *d);
