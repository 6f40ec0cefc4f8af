/* kernel.h - the typed loops of the Parquet reader: bit unpacking, narrowing, gathering, spreading.
 *
 * All inputs may be unaligned; outputs are aligned to their type. None of them fails: what was seen
 * comes back as a smallest and largest value, and the caller decides whether that is allowed. Any
 * thread. */
#pragma once
#include "col/column.h"

/* Bytes unpacking may read behind the packed bits. */
#define WR_PQ_UNPACK_SLOP 32

/* Unpacks count values of width (0...32) bits, least significant bit first, from the first bit of
 * in. */
void wr_pq_unpack(const uint8_t *in, unsigned width, uint32_t *out, size_t count);
/* The same for widths up to 64. */
void wr_pq_unpack_wide(const uint8_t *in, unsigned width, uint64_t *out, size_t count);

typedef struct wr_pq_seen {
    int64_t least, most; /* INT64_MAX, INT64_MIN before anything was seen */
} wr_pq_seen;
#define WR_PQ_NOTHING_SEEN ((wr_pq_seen){INT64_MAX, INT64_MIN})

typedef enum wr_pq_source {
    WR_PQ_FROM_I32,
    WR_PQ_FROM_U32,
    WR_PQ_FROM_I64,
    WR_PQ_SOURCE_COUNT
} wr_pq_source;
/* Writes in[i] - base as phys (I8...I64), truncating, and widens seen by the values of in. */
void wr_pq_narrow(wr_pq_source source, wr_phys phys, const void *in, void *out, size_t count,
                  int64_t base, wr_pq_seen *seen);
/* The same for in[rows[i]] written to out[rows[i]] only. */
void wr_pq_narrow_rows(wr_pq_source source, wr_phys phys, const void *in, void *out,
                       const uint16_t *rows, size_t count, int64_t base, wr_pq_seen *seen);

/* out[i] = dict[codes[i]] for values of size 1, 2, 4, 8 or 16 bytes; codes are known to be in
 * range. */
void wr_pq_gather(const void *dict, size_t size, const uint32_t *codes, void *out, size_t count);
/* The largest code. */
uint32_t wr_pq_largest(const uint32_t *codes, size_t count);
/* Writes codes as phys U8, U16 or U32. */
void wr_pq_pack_codes(const uint32_t *codes, wr_phys phys, void *out, size_t count);

/* Moves present_count dense values at the start of values to the rows whose bit (from bit from) is
 * 1, of rows rows. */
void wr_pq_spread(void *values, size_t size, const uint64_t *valid, size_t from, size_t rows,
                  size_t present_count);

/* Puts count bits of value at bit from. */
void wr_pq_bits_fill(uint64_t *bits, size_t from, size_t count, bool value);
/* Appends count bits of in, which start at bit in_from, at bit from; returns how many are 1. */
size_t wr_pq_bits_copy(uint64_t *bits, size_t from, const uint8_t *in, size_t in_from,
                       size_t count);
/* True when any byte is above 127. */
bool wr_pq_has_high_bytes(const uint8_t *in, size_t size);
/* True when values of phys (int-like) do not descend. */
bool wr_pq_is_ascending(const void *values, wr_phys phys, size_t count);
