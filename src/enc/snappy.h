/* snappy.h - the raw (unframed) Snappy block format. */
#pragma once
#include "base/status.h"

/* Bytes that must be writable behind the output of wr_snappy_decode and readable behind its input.
 */
#define WR_SNAPPY_SLOP 64

/* Reads the uncompressed size from the head of a block. False when malformed. */
bool wr_snappy_size(const uint8_t *in, size_t in_size, size_t *out_size);
/* Decodes a whole block into out, which must have room for exactly out_size bytes plus
 * WR_SNAPPY_SLOP (whose contents are destroyed); in must have WR_SNAPPY_SLOP readable bytes behind
 * it. False when the block is malformed or does not give out_size bytes. Any thread. */
bool wr_snappy_decode(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size);
/* The largest possible size of a block for size input bytes. */
size_t wr_snappy_bound(size_t size);
/* Encodes; out has wr_snappy_bound(size) bytes, table 1 << 14 entries of scratch. Returns the bytes
 * written. */
size_t wr_snappy_encode(const uint8_t *in, size_t size, uint8_t *out, uint16_t *table);
