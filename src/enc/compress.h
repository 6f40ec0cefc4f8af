/* compress.h - streams of compressed bytes: gzip, zstd and lz4 frames, for whole text files. Page
 * codecs of column formats are in codec.h.
 *
 * Concatenated members or frames are read as one stream. A stream that ends early or fails its
 * checksum is CORRUPT. */
#pragma once
#include "base/mem.h"
#include "base/text.h"

typedef enum wr_compression {
    WR_COMPRESS_NONE,
    WR_COMPRESS_GZIP,
    WR_COMPRESS_ZSTD,
    WR_COMPRESS_LZ4
} wr_compression;

/* By the suffix of a path: .gz .gzip .zst .zstd .lz4; NONE otherwise. */
wr_compression wr_compression_of_path(wr_str path);
/* By the magic bytes at the start of a file. */
wr_compression wr_compression_of_head(const void *head, size_t size);
/* "none", "gzip", "gz", "zstd", "zst", "lz4" (case-insensitive); false if unknown. */
bool wr_compression_find(wr_str name, wr_compression *out);
const char *wr_compression_name(wr_compression compression);
const char *wr_compression_suffix(wr_compression compression); /* ".gz"; "" for NONE */

typedef struct wr_inflate wr_inflate;
/* Begins reading. Caller drops. One thread at a time. */
WR_MUST_CHECK weir_status wr_inflate_new(wr_mem *mem, wr_compression compression, wr_inflate **out);
/* Decompresses from in to out: *used bytes of in are consumed, *made bytes written. in_size 0 with
 * is_end says that no input will follow; CORRUPT if a frame is incomplete then. No progress (both
 * 0) means: give more input. */
WR_MUST_CHECK weir_status wr_inflate_run(wr_inflate *inflate, const void *in, size_t in_size,
                                         bool is_end, void *out, size_t out_size, size_t *used,
                                         size_t *made);
void wr_inflate_drop(wr_inflate *inflate);
WR_DEFINE_CLEANUP(wr_inflate, wr_inflate_drop)

typedef struct wr_deflate wr_deflate;
/* Begins writing; level 0 = the default of the method (gzip 6, zstd 3, lz4 fast). Caller drops. */
WR_MUST_CHECK weir_status wr_deflate_new(wr_mem *mem, wr_compression compression, int level,
                                         wr_deflate **out);
/* Compresses all of in, appending what comes out to out. is_end: also ends the frame (call once,
 * last). */
WR_MUST_CHECK weir_status wr_deflate_run(wr_deflate *deflate, const void *in, size_t in_size,
                                         bool is_end, wr_buf *out);
void wr_deflate_drop(wr_deflate *deflate);
WR_DEFINE_CLEANUP(wr_deflate, wr_deflate_drop)
