/* codec.h - block compression as file formats use it: a whole block in, a whole block of known size
 * out. */
#pragma once
#include "base/mem.h"
#include "base/text.h"

typedef enum wr_codec {
    WR_CODEC_NONE,
    WR_CODEC_SNAPPY,
    WR_CODEC_GZIP, /* any number of gzip or zlib members */
    WR_CODEC_ZSTD,
    WR_CODEC_LZ4_RAW,
    WR_CODEC_LZ4, /* Hadoop's framing, or a bare block where a writer left it out */
    WR_CODEC_BROTLI,
    WR_CODEC_COUNT
} wr_codec;

/* Output buffers of wr_codec_decode and input buffers of both need this many spare bytes behind
 * them. */
#define WR_CODEC_SLOP 64

/* The states of the libraries, made at first use: one per worker. Zeroed = empty. */
typedef struct wr_codec_state {
    void *zstd_in, *zstd_out;
    uint16_t *snappy_table;
} wr_codec_state;

/* Frees what decoding and encoding kept for the next block. One thread at a time per state. */
void wr_codec_clear(wr_codec_state *state);

const char *wr_codec_name(wr_codec codec);      /* "zstd"; static */
bool wr_codec_find(wr_str name, wr_codec *out); /* "zstd", "snappy", ... "none", case-insensitive */
/* Range of levels; all zero for codecs without levels. */
void wr_codec_levels(wr_codec codec, int *least, int *normal, int *most);

/* Decodes exactly out_size bytes. Fails with CORRUPT. */
WR_MUST_CHECK weir_status wr_codec_decode(wr_codec_state *state, wr_codec codec, const uint8_t *in,
                                          size_t in_size, uint8_t *out, size_t out_size);
/* Most bytes wr_codec_encode may write. */
size_t wr_codec_bound(wr_codec codec, size_t size);
/* Encodes into out of wr_codec_bound bytes. */
WR_MUST_CHECK weir_status wr_codec_encode(wr_codec_state *state, wr_codec codec, int level,
                                          const uint8_t *in, size_t size, uint8_t *out,
                                          size_t *out_size);
