/* codec.c - one door to the block compressors.
 *
 * Every decoder is told how many bytes must come out and fails when it gives fewer or more: sizes
 * in files are claims. The caller has allocated that size from its budget already, so a compression
 * bomb costs nothing more here. Hadoop's LZ4 framing is blocks of (size out, size in, both
 * big-endian, LZ4 block); some writers leave the framing out, and only the contents tell which it
 * is. */
#include "enc/codec.h"
#include "enc/snappy.h"
#include <brotli/decode.h>
#include <brotli/encode.h>
#include <limits.h>
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

static const struct {
    const char *name;
    int least, normal, most;
} codecs[WR_CODEC_COUNT] = {
    [WR_CODEC_NONE] = {"none", 0, 0, 0},       [WR_CODEC_SNAPPY] = {"snappy", 0, 0, 0},
    [WR_CODEC_GZIP] = {"gzip", 1, 6, 9},       [WR_CODEC_ZSTD] = {"zstd", 1, 3, 22},
    [WR_CODEC_LZ4_RAW] = {"lz4_raw", 0, 0, 0}, [WR_CODEC_LZ4] = {"lz4", 0, 0, 0},
    [WR_CODEC_BROTLI] = {"brotli", 0, 5, 11},
};

void wr_codec_clear(wr_codec_state *state)
{
    ZSTD_freeDCtx(state->zstd_in);
    ZSTD_freeCCtx(state->zstd_out);
    wr_heap_drop(state->snappy_table);
    *state = (wr_codec_state){0};
}

const char *wr_codec_name(wr_codec codec) { return codecs[codec].name; }

bool wr_codec_find(wr_str name, wr_codec *out)
{
    for (int i = 0; i < WR_CODEC_COUNT; i++)
        if (wr_str_is(name, codecs[i].name)) {
            *out = (wr_codec)i;
            return true;
        }
    if (!wr_str_is(name, "uncompressed")) return false;
    *out = WR_CODEC_NONE;
    return true;
}

void wr_codec_levels(wr_codec codec, int *least, int *normal, int *most)
{
    *least = codecs[codec].least;
    *normal = codecs[codec].normal;
    *most = codecs[codec].most;
}

/* ---- decoding */

static bool gunzip(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
    if (in_size > UINT_MAX || out_size > UINT_MAX) return false;
    z_stream z = {.next_in = (Bytef *)in,
                  .avail_in = (uInt)in_size,
                  .next_out = out,
                  .avail_out = (uInt)out_size};
    if (inflateInit2(&z, 15 + 32) != Z_OK) return false;
    int result = Z_OK;
    while (true) {
        result = inflate(&z, Z_FINISH);
        if (result != Z_STREAM_END || z.avail_out == 0 || z.avail_in == 0) break;
        if (inflateReset(&z) != Z_OK) break;
    }
    bool whole =
        z.avail_out == 0 && (result == Z_STREAM_END || result == Z_BUF_ERROR || result == Z_OK);
    inflateEnd(&z);
    return whole;
}

static bool unzstd(wr_codec_state *state, const uint8_t *in, size_t in_size, uint8_t *out,
                   size_t out_size)
{
    if (!state->zstd_in) state->zstd_in = ZSTD_createDCtx();
    return state->zstd_in &&
           ZSTD_decompressDCtx(state->zstd_in, out, out_size, in, in_size) == out_size;
}

static bool unlz4(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
    if (in_size > INT_MAX || out_size > INT_MAX) return false;
    return LZ4_decompress_safe((const char *)in, (char *)out, (int)in_size, (int)out_size) ==
           (int)out_size;
}

static size_t big32(const uint8_t *p)
{
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static bool unlz4_hadoop(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
    const uint8_t *end = in + in_size;
    size_t done = 0;
    while (end - in >= 8) {
        size_t plain = big32(in), packed = big32(in + 4);
        in += 8;
        if (packed > (size_t)(end - in) || plain > out_size - done) return false;
        if (!unlz4(in, packed, out + done, plain)) return false;
        in += packed;
        done += plain;
    }
    return in == end && done == out_size;
}

static bool unbrotli(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
    size_t got = out_size;
    return BrotliDecoderDecompress(in_size, in, &got, out) == BROTLI_DECODER_RESULT_SUCCESS &&
           got == out_size;
}

static bool decode(wr_codec_state *state, wr_codec codec, const uint8_t *in, size_t in_size,
                   uint8_t *out, size_t out_size)
{
    switch (codec) {
    case WR_CODEC_NONE:
        if (in_size != out_size) return false;
        memcpy(out, in, in_size);
        return true;
    case WR_CODEC_SNAPPY:
        return wr_snappy_decode(in, in_size, out, out_size);
    case WR_CODEC_GZIP:
        return gunzip(in, in_size, out, out_size);
    case WR_CODEC_ZSTD:
        return unzstd(state, in, in_size, out, out_size);
    case WR_CODEC_LZ4_RAW:
        return unlz4(in, in_size, out, out_size);
    case WR_CODEC_LZ4:
        return unlz4_hadoop(in, in_size, out, out_size) || unlz4(in, in_size, out, out_size);
    case WR_CODEC_BROTLI:
        return unbrotli(in, in_size, out, out_size);
    case WR_CODEC_COUNT:
        break;
    }
    return false;
}

weir_status wr_codec_decode(wr_codec_state *state, wr_codec codec, const uint8_t *in,
                            size_t in_size, uint8_t *out, size_t out_size)
{
    wr_assert(codec < WR_CODEC_COUNT);
    if (out_size == 0) return WR_OK;
    if (decode(state, codec, in, in_size, out, out_size)) return WR_OK;
    return wr_fail(WR_E_CORRUPT, "%s data of %zu bytes does not decode to %zu bytes",
                   wr_codec_name(codec), in_size, out_size);
}

/* ---- encoding */

size_t wr_codec_bound(wr_codec codec, size_t size)
{
    switch (codec) {
    case WR_CODEC_SNAPPY:
        return wr_snappy_bound(size);
    case WR_CODEC_GZIP:
        return compressBound((uLong)size) + 32;
    case WR_CODEC_ZSTD:
        return ZSTD_compressBound(size);
    case WR_CODEC_LZ4_RAW:
    case WR_CODEC_LZ4:
        return size + size / 255 + 32;
    case WR_CODEC_BROTLI:
        return size + (size >> 14) * 4 + 64;
    default:
        return size;
    }
}

static bool zip(int level, const uint8_t *in, size_t size, uint8_t *out, size_t *out_size)
{
    if (size > UINT_MAX) return false;
    z_stream z = {.next_in = (Bytef *)in,
                  .avail_in = (uInt)size,
                  .next_out = out,
                  .avail_out = (uInt)*out_size};
    if (deflateInit2(&z, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    bool done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    *out_size -= z.avail_out;
    deflateEnd(&z);
    return done;
}

static bool encode_lz4(wr_codec codec, const uint8_t *in, size_t size, uint8_t *out,
                       size_t *out_size)
{
    size_t head = codec == WR_CODEC_LZ4 ? 8 : 0;
    if (size > LZ4_MAX_INPUT_SIZE) return false;
    int got = LZ4_compress_default((const char *)in, (char *)out + head, (int)size,
                                   (int)(*out_size - head));
    for (size_t i = 0; i < head; i++)
        out[i] = (uint8_t)((i < 4 ? size : (size_t)got) >> (24 - 8 * (i & 3)));
    *out_size = head + (size_t)got;
    return got > 0;
}

static bool encode(wr_codec_state *state, wr_codec codec, int level, const uint8_t *in, size_t size,
                   uint8_t *out, size_t *out_size)
{
    switch (codec) {
    case WR_CODEC_NONE:
        memcpy(out, in, size);
        *out_size = size;
        return true;
    case WR_CODEC_SNAPPY:
        if (!state->snappy_table) state->snappy_table = wr_heap_new(sizeof(uint16_t) << 14);
        *out_size = wr_snappy_encode(in, size, out, state->snappy_table);
        return true;
    case WR_CODEC_GZIP:
        return zip(level, in, size, out, out_size);
    case WR_CODEC_ZSTD:
        if (!state->zstd_out) state->zstd_out = ZSTD_createCCtx();
        if (!state->zstd_out) return false;
        *out_size = ZSTD_compressCCtx(state->zstd_out, out, *out_size, in, size, level);
        return !ZSTD_isError(*out_size);
    case WR_CODEC_LZ4_RAW:
    case WR_CODEC_LZ4:
        return encode_lz4(codec, in, size, out, out_size);
    case WR_CODEC_BROTLI:
        return BrotliEncoderCompress(level, BROTLI_DEFAULT_WINDOW, BROTLI_MODE_GENERIC, size, in,
                                     out_size, out);
    case WR_CODEC_COUNT:
        break;
    }
    return false;
}

weir_status wr_codec_encode(wr_codec_state *state, wr_codec codec, int level, const uint8_t *in,
                            size_t size, uint8_t *out, size_t *out_size)
{
    wr_assert(codec < WR_CODEC_COUNT);
    *out_size = wr_codec_bound(codec, size);
    if (encode(state, codec, level, in, size, out, out_size)) return WR_OK;
    return wr_fail(WR_E_INTERNAL, "%s could not compress %zu bytes", wr_codec_name(codec), size);
}
