/* compress.c - gzip, zstd and lz4 frames as streams. See compress.h.
 *
 * One tagged struct per direction hides three libraries that differ in one point: how the end of a
 * frame shows. The reader keeps `inside` - true between the first byte of a frame and its end - so
 * that a stream cut short is told apart from one that ends well, and concatenated frames are simply
 * begun again. Trap: gzip files may be padded with zero bytes behind the last member; they are
 * skipped. */
#include "enc/compress.h"
#include <lz4frame.h>
#include <zlib.h>
#include <zstd.h>

struct wr_inflate {
    wr_compression method;
    wr_mem *mem;
    bool inside, any_frame;
    z_stream zlib;
    ZSTD_DStream *zstd;
    LZ4F_dctx *lz4;
};

struct wr_deflate {
    wr_compression method;
    wr_mem *mem;
    z_stream zlib;
    ZSTD_CStream *zstd;
    LZ4F_cctx *lz4;
    LZ4F_preferences_t lz4_preferences;
    bool lz4_begun;
};

/* What the libraries hold at most, counted against the budget. */
enum { INFLATE_BYTES = 256 << 10, DEFLATE_BYTES = 2 << 20, ZSTD_WINDOW_LOG_MAX = 27 };

static const struct {
    const char *name, *alias, *suffix, *suffix_alias;
} methods[] = {
    [WR_COMPRESS_NONE] = {"none", "uncompressed", "", ""},
    [WR_COMPRESS_GZIP] = {"gzip", "gz", ".gz", ".gzip"},
    [WR_COMPRESS_ZSTD] = {"zstd", "zst", ".zst", ".zstd"},
    [WR_COMPRESS_LZ4] = {"lz4", "lz4_frame", ".lz4", ".lz4"},
};

wr_compression wr_compression_of_path(wr_str path)
{
    for (size_t m = WR_COMPRESS_GZIP; m < WR_COUNT(methods); m++)
        if (wr_str_ihas_suffix(path, methods[m].suffix) ||
            wr_str_ihas_suffix(path, methods[m].suffix_alias))
            return (wr_compression)m;
    return WR_COMPRESS_NONE;
}

wr_compression wr_compression_of_head(const void *head, size_t size)
{
    const unsigned char *b = head;
    if (size >= 3 && b[0] == 0x1f && b[1] == 0x8b && b[2] == 8) return WR_COMPRESS_GZIP;
    if (size >= 4 && b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f && b[3] == 0xfd)
        return WR_COMPRESS_ZSTD;
    if (size >= 4 && b[0] == 0x04 && b[1] == 0x22 && b[2] == 0x4d && b[3] == 0x18)
        return WR_COMPRESS_LZ4;
    return WR_COMPRESS_NONE;
}

bool wr_compression_find(wr_str name, wr_compression *out)
{
    for (size_t m = 0; m < WR_COUNT(methods); m++) {
        if (!wr_str_is(name, methods[m].name) && !wr_str_is(name, methods[m].alias)) continue;
        *out = (wr_compression)m;
        return true;
    }
    return false;
}

const char *wr_compression_name(wr_compression compression) { return methods[compression].name; }

const char *wr_compression_suffix(wr_compression compression)
{
    return methods[compression].suffix;
}

weir_status wr_inflate_new(wr_mem *mem, wr_compression compression, wr_inflate **out)
{
    wr_assert(compression != WR_COMPRESS_NONE);
    WR_TRY(wr_mem_reserve(mem, INFLATE_BYTES));
    wr_inflate *state = wr_heap_new(sizeof *state);
    state->mem = mem;
    state->method = compression;
    bool ok = false;
    if (compression == WR_COMPRESS_GZIP) {
        ok = inflateInit2(&state->zlib, 15 + 16) == Z_OK;
    } else if (compression == WR_COMPRESS_ZSTD) {
        state->zstd = ZSTD_createDStream();
        ok = state->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(state->zstd, ZSTD_d_windowLogMax,
                                                                 ZSTD_WINDOW_LOG_MAX));
    } else {
        ok = !LZ4F_isError(LZ4F_createDecompressionContext(&state->lz4, LZ4F_VERSION));
    }
    if (!ok) {
        wr_inflate_drop(state);
        return wr_fail(WR_E_MEMORY_LIMIT, "cannot start reading %s", methods[compression].name);
    }
    *out = state;
    return WR_OK;
}

void wr_inflate_drop(wr_inflate *state)
{
    if (!state) return;
    if (state->method == WR_COMPRESS_GZIP) inflateEnd(&state->zlib);
    if (state->zstd) ZSTD_freeDStream(state->zstd);
    if (state->lz4) LZ4F_freeDecompressionContext(state->lz4);
    wr_mem_release(state->mem, INFLATE_BYTES);
    wr_heap_drop(state);
}

static weir_status damaged(const wr_inflate *state, const char *why)
{
    return wr_fail(WR_E_CORRUPT, "the %s stream is damaged: %s", methods[state->method].name,
                   why ? why : "invalid block");
}

static weir_status gunzip(wr_inflate *state, const uint8_t *in, size_t in_size, uint8_t *out,
                          size_t out_size, size_t *used, size_t *made)
{
    z_stream *z = &state->zlib;
    while (*used < in_size && *made < out_size) {
        if (!state->inside && state->any_frame && in[*used] == 0) {
            (*used)++; /* padding behind the last member */
            continue;
        }
        size_t give = WR_MIN(in_size - *used, (size_t)1 << 30);
        size_t room = WR_MIN(out_size - *made, (size_t)1 << 30);
        z->next_in = (Bytef *)(uintptr_t)(in + *used);
        z->avail_in = (uInt)give;
        z->next_out = out + *made;
        z->avail_out = (uInt)room;
        state->inside = true;
        int result = inflate(z, Z_NO_FLUSH);
        *used += give - z->avail_in;
        *made += room - z->avail_out;
        if (result == Z_STREAM_END) {
            state->inside = false;
            state->any_frame = true;
            inflateReset(z);
        } else if (result == Z_BUF_ERROR) {
            return WR_OK;
        } else if (result != Z_OK) {
            return damaged(state, z->msg);
        }
    }
    return WR_OK;
}

/* Output may be waiting inside the decoder although no input is left: out_size is filled first. */
static weir_status unzstd(wr_inflate *state, const uint8_t *in, size_t in_size, uint8_t *out,
                          size_t out_size, size_t *used, size_t *made)
{
    ZSTD_inBuffer input = {in, in_size, 0};
    ZSTD_outBuffer output = {out, out_size, 0};
    while (output.pos < out_size) {
        size_t in_before = input.pos, out_before = output.pos;
        if (input.pos == in_size && !state->inside) break;
        size_t result = ZSTD_decompressStream(state->zstd, &output, &input);
        if (ZSTD_isError(result)) return damaged(state, ZSTD_getErrorName(result));
        state->inside = result != 0;
        if (result == 0) state->any_frame = true;
        if (input.pos == in_before && output.pos == out_before) break;
    }
    *used = input.pos;
    *made = output.pos;
    return WR_OK;
}

static weir_status unlz4(wr_inflate *state, const uint8_t *in, size_t in_size, uint8_t *out,
                         size_t out_size, size_t *used, size_t *made)
{
    while (*made < out_size && (*used < in_size || state->inside)) {
        size_t give = in_size - *used, room = out_size - *made;
        size_t result = LZ4F_decompress(state->lz4, out + *made, &room, in + *used, &give, NULL);
        if (LZ4F_isError(result)) return damaged(state, LZ4F_getErrorName(result));
        *used += give;
        *made += room;
        state->inside = result != 0;
        if (result == 0) state->any_frame = true;
        if (give == 0 && room == 0) break;
    }
    return WR_OK;
}

weir_status wr_inflate_run(wr_inflate *state, const void *in, size_t in_size, bool is_end,
                           void *out, size_t out_size, size_t *used, size_t *made)
{
    *used = *made = 0;
    if (state->method == WR_COMPRESS_GZIP)
        WR_TRY(gunzip(state, in, in_size, out, out_size, used, made));
    else if (state->method == WR_COMPRESS_ZSTD)
        WR_TRY(unzstd(state, in, in_size, out, out_size, used, made));
    else
        WR_TRY(unlz4(state, in, in_size, out, out_size, used, made));
    wr_check(*used <= in_size && *made <= out_size);
    if (is_end && in_size == 0 && *made == 0 && out_size > 0 &&
        (state->inside || !state->any_frame))
        return damaged(state, "it ends in the middle");
    return WR_OK;
}

weir_status wr_deflate_new(wr_mem *mem, wr_compression compression, int level, wr_deflate **out)
{
    wr_assert(compression != WR_COMPRESS_NONE);
    WR_TRY(wr_mem_reserve(mem, DEFLATE_BYTES));
    wr_deflate *state = wr_heap_new(sizeof *state);
    state->mem = mem;
    state->method = compression;
    bool ok = false;
    if (compression == WR_COMPRESS_GZIP) {
        int gzip_level = level == 0 ? 6 : WR_MAX(1, WR_MIN(level, 9));
        ok = deflateInit2(&state->zlib, gzip_level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
             Z_OK;
    } else if (compression == WR_COMPRESS_ZSTD) {
        state->zstd = ZSTD_createCStream();
        ok = state->zstd && !ZSTD_isError(ZSTD_CCtx_setParameter(
                                state->zstd, ZSTD_c_compressionLevel, level == 0 ? 3 : level));
        ok = ok && !ZSTD_isError(ZSTD_CCtx_setParameter(state->zstd, ZSTD_c_checksumFlag, 1));
    } else {
        state->lz4_preferences.compressionLevel = level;
        state->lz4_preferences.frameInfo.contentChecksumFlag = LZ4F_contentChecksumEnabled;
        ok = !LZ4F_isError(LZ4F_createCompressionContext(&state->lz4, LZ4F_VERSION));
    }
    if (!ok) {
        wr_deflate_drop(state);
        return wr_fail(WR_E_MEMORY_LIMIT, "cannot start writing %s", methods[compression].name);
    }
    *out = state;
    return WR_OK;
}

void wr_deflate_drop(wr_deflate *state)
{
    if (!state) return;
    if (state->method == WR_COMPRESS_GZIP) deflateEnd(&state->zlib);
    if (state->zstd) ZSTD_freeCStream(state->zstd);
    if (state->lz4) LZ4F_freeCompressionContext(state->lz4);
    wr_mem_release(state->mem, DEFLATE_BYTES);
    wr_heap_drop(state);
}

enum { PIECE = 64 << 10 };

static weir_status cannot_compress(const wr_deflate *state, const char *why)
{
    return wr_fail(WR_E_INTERNAL, "%s refuses to compress: %s", methods[state->method].name, why);
}

static weir_status gzip(wr_deflate *state, const uint8_t *in, size_t in_size, bool is_end,
                        wr_buf *out)
{
    z_stream *z = &state->zlib;
    do {
        size_t give = WR_MIN(in_size, (size_t)1 << 30);
        z->next_in = (Bytef *)(uintptr_t)in;
        z->avail_in = (uInt)give;
        int flush = is_end && give == in_size ? Z_FINISH : Z_NO_FLUSH, result;
        do {
            wr_buf_reserve(out, PIECE);
            z->next_out = (Bytef *)out->data + out->length;
            z->avail_out = PIECE;
            result = deflate(z, flush);
            if (result == Z_STREAM_ERROR) return cannot_compress(state, "stream error");
            out->length += PIECE - z->avail_out;
        } while (z->avail_out == 0 || (flush == Z_FINISH && result != Z_STREAM_END));
        in += give;
        in_size -= give;
    } while (in_size > 0);
    return WR_OK;
}

static weir_status zstd(wr_deflate *state, const uint8_t *in, size_t in_size, bool is_end,
                        wr_buf *out)
{
    ZSTD_inBuffer input = {in, in_size, 0};
    for (;;) {
        wr_buf_reserve(out, PIECE);
        ZSTD_outBuffer output = {out->data + out->length, PIECE, 0};
        size_t left = ZSTD_compressStream2(state->zstd, &output, &input,
                                           is_end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) return cannot_compress(state, ZSTD_getErrorName(left));
        out->length += output.pos;
        if (input.pos == in_size && (!is_end || left == 0)) return WR_OK;
    }
}

static weir_status lz4(wr_deflate *state, const uint8_t *in, size_t in_size, bool is_end,
                       wr_buf *out)
{
    if (!state->lz4_begun) {
        wr_buf_reserve(out, LZ4F_HEADER_SIZE_MAX);
        size_t made = LZ4F_compressBegin(state->lz4, out->data + out->length, LZ4F_HEADER_SIZE_MAX,
                                         &state->lz4_preferences);
        if (LZ4F_isError(made)) return cannot_compress(state, LZ4F_getErrorName(made));
        out->length += made;
        state->lz4_begun = true;
    }
    while (in_size > 0) {
        size_t give = WR_MIN(in_size, (size_t)PIECE);
        size_t room = LZ4F_compressBound(give, &state->lz4_preferences);
        wr_buf_reserve(out, room);
        size_t made =
            LZ4F_compressUpdate(state->lz4, out->data + out->length, room, in, give, NULL);
        if (LZ4F_isError(made)) return cannot_compress(state, LZ4F_getErrorName(made));
        out->length += made;
        in += give;
        in_size -= give;
    }
    if (!is_end) return WR_OK;
    size_t room = LZ4F_compressBound(0, &state->lz4_preferences);
    wr_buf_reserve(out, room);
    size_t made = LZ4F_compressEnd(state->lz4, out->data + out->length, room, NULL);
    if (LZ4F_isError(made)) return cannot_compress(state, LZ4F_getErrorName(made));
    out->length += made;
    return WR_OK;
}

weir_status wr_deflate_run(wr_deflate *state, const void *in, size_t in_size, bool is_end,
                           wr_buf *out)
{
    if (state->method == WR_COMPRESS_GZIP) return gzip(state, in, in_size, is_end, out);
    if (state->method == WR_COMPRESS_ZSTD) return zstd(state, in, in_size, is_end, out);
    return lz4(state, in, in_size, is_end, out);
}
