/* text_code.c - code points, hex, base64, percent encoding, hashes and similarity of texts.
 *
 * MD5, SHA-1 and SHA-256 are written out here after their standards (RFC 1321, FIPS 180-4): three
 * block functions over one padding routine. hash() and xxhash64() are XXH3 of the bytes. Distances
 * count characters, not bytes. */
#include "expr/fn/call.h"
#include "expr/fn/characters.h"
#include <math.h>
#include <utf8proc.h>

/* ---- code points ---- */

static weir_status fn_ascii(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        size_t used;
        WR_OUT(out, int32_t, i) = s.length ? (int32_t)wr_char_at(s.data, s.length, &used) : 0;
    }
    return WR_OK;
}
static weir_status fn_chr(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        char bytes[4];
        int64_t code = WR_ARG(call, 0, int64_t, i);
        int n = code > 0 && code <= 0x10ffff ? wr_utf8_encode((uint32_t)code, bytes) : 0;
        if (!n)
            return wr_bad_row(
                call, i, wr_fail(WR_E_OUT_OF_RANGE, "%lld is not a character", (long long)code));
        wr_out_str(out, i, (wr_str){bytes, (size_t)n});
    }
    return WR_OK;
}

/* Letters without their marks: decomposed, marks dropped. */
static weir_status fn_strip_accents(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        if (wr_is_ascii(s.data, s.length)) {
            wr_out_str(out, i, s);
            continue;
        }
        char *start = wr_text_room(&text, s.length * 4 + 4), *to = start;
        for (size_t at = 0, used; at < s.length; at += used) {
            utf8proc_int32_t parts[32];
            int boundary = 0;
            uint32_t code = wr_char_at(s.data + at, s.length - at, &used);
            utf8proc_ssize_t n =
                utf8proc_decompose_char((utf8proc_int32_t)code, parts, 32,
                                        UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK, &boundary);
            for (utf8proc_ssize_t k = 0; k < n && k < 32 && to + 4 <= text.end; k++)
                to += wr_utf8_encode((uint32_t)parts[k], to);
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(to - start));
    }
    return WR_OK;
}

/* ---- hex, binary, base64 ---- */

static weir_status radix_rows(wr_call *call, wr_column *out, int bits)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        char digits[64], *at = digits + sizeof digits;
        uint64_t value = WR_ARG(call, 0, uint64_t, i);
        if (call->args[0].phys == WR_P_I32) value = WR_ARG(call, 0, uint32_t, i);
        do {
            *--at = "0123456789abcdef"[value & ((1u << bits) - 1)];
            value >>= bits;
        } while (value);
        WR_OUT(out, wr_view, i) = wr_text_add(&text, at, (size_t)(digits + sizeof digits - at));
    }
    return WR_OK;
}
static weir_status fn_to_hex(wr_call *call, wr_column *out) { return radix_rows(call, out, 4); }
static weir_status fn_to_oct(wr_call *call, wr_column *out) { return radix_rows(call, out, 3); }
static weir_status fn_to_bin(wr_call *call, wr_column *out) { return radix_rows(call, out, 1); }

static char *put_hex(char *to, wr_str s, const char *digits)
{
    for (size_t k = 0; k < s.length; k++) {
        *to++ = digits[(uint8_t)s.data[k] >> 4];
        *to++ = digits[s.data[k] & 15];
    }
    return to;
}
static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static char *put_base64(char *to, wr_str s)
{
    for (size_t k = 0; k < s.length; k += 3) {
        uint32_t word = (uint32_t)(uint8_t)s.data[k] << 16;
        if (k + 1 < s.length) word |= (uint32_t)(uint8_t)s.data[k + 1] << 8;
        if (k + 2 < s.length) word |= (uint8_t)s.data[k + 2];
        *to++ = base64_digits[word >> 18];
        *to++ = base64_digits[word >> 12 & 63];
        *to++ = k + 1 < s.length ? base64_digits[word >> 6 & 63] : '=';
        *to++ = k + 2 < s.length ? base64_digits[word & 63] : '=';
    }
    return to;
}
static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
/* Bytes written, or -1 if s is malformed; to has room for s.length bytes. */
static ptrdiff_t read_hex(char *to, wr_str s)
{
    size_t written = 0;
    int high = -1;
    for (size_t k = 0; k < s.length; k++) {
        if (s.data[k] == ' ' || s.data[k] == '\n' || s.data[k] == '\t') continue;
        int value = hex_value(s.data[k]);
        if (value < 0) return -1;
        if (high < 0)
            high = value;
        else
            to[written++] = (char)(high << 4 | value), high = -1;
    }
    return high < 0 ? (ptrdiff_t)written : -1;
}
static ptrdiff_t read_base64(char *to, wr_str s)
{
    uint32_t word = 0;
    int have = 0;
    size_t written = 0, padding = 0;
    for (size_t k = 0; k < s.length; k++) {
        char c = s.data[k];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
        if (c == '=') {
            padding++;
            continue;
        }
        const char *digit = c ? strchr(base64_digits, c) : NULL;
        if (!digit || padding) return -1;
        word = word << 6 | (uint32_t)(digit - base64_digits);
        if (++have == 4) {
            to[written++] = (char)(word >> 16), to[written++] = (char)(word >> 8),
            to[written++] = (char)word;
            word = 0, have = 0;
        }
    }
    if (have == 1 || padding > 2 || (have == 0 && padding)) return -1;
    if (have >= 2) to[written++] = (char)(word >> (have == 2 ? 4 : 10));
    if (have == 3) to[written++] = (char)(word >> 2);
    return (ptrdiff_t)written;
}

static char *put_escape(char *to, wr_str s)
{
    for (size_t k = 0; k < s.length; k++) {
        uint8_t c = (uint8_t)s.data[k];
        if (c == '\\')
            *to++ = '\\', *to++ = '\\';
        else if (c && c < 128)
            *to++ = (char)c;
        else
            *to++ = '\\', *to++ = (char)('0' + (c >> 6)), *to++ = (char)('0' + (c >> 3 & 7)),
            *to++ = (char)('0' + (c & 7));
    }
    return to;
}
static ptrdiff_t read_escape(char *to, wr_str s)
{
    size_t written = 0;
    for (size_t k = 0; k < s.length; k++) {
        if (s.data[k] != '\\') {
            to[written++] = s.data[k];
        } else if (k + 1 < s.length && s.data[k + 1] == '\\') {
            to[written++] = '\\', k++;
        } else {
            int value = 0;
            for (int d = 1; d <= 3; d++) {
                if (k + (size_t)d >= s.length || s.data[k + (size_t)d] < '0' ||
                    s.data[k + (size_t)d] > '7')
                    return -1;
                value = value * 8 + s.data[k + (size_t)d] - '0';
            }
            if (value > 255) return -1;
            to[written++] = (char)value, k += 3;
        }
    }
    return (ptrdiff_t)written;
}

static weir_status unknown_encoding(wr_str name)
{
    return wr_with_hint(wr_fail(WR_E_BAD_ARGUMENT, "unknown encoding \"%.*s\"", WR_STR_ARGS(name)),
                        "use base64, hex or escape");
}
static weir_status fn_encode(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i),
               name = call->arg_count > 1 ? wr_arg_str(call, 1, i) : WR_STR("base64");
        char *start = wr_text_room(&text, s.length * 4 + 4), *end;
        if (wr_str_is(name, "base64"))
            end = put_base64(start, s);
        else if (wr_str_is(name, "hex"))
            end = put_hex(start, s, "0123456789abcdef");
        else if (wr_str_is(name, "escape"))
            end = put_escape(start, s);
        else
            return wr_bad_row(call, i, unknown_encoding(name));
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(end - start));
    }
    return WR_OK;
}
static weir_status fn_decode(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i),
               name = call->arg_count > 1 ? wr_arg_str(call, 1, i) : WR_STR("base64");
        char *start = wr_text_room(&text, s.length + 4);
        ptrdiff_t n;
        if (wr_str_is(name, "base64"))
            n = read_base64(start, s);
        else if (wr_str_is(name, "hex"))
            n = read_hex(start, s);
        else if (wr_str_is(name, "escape"))
            n = read_escape(start, s);
        else
            return wr_bad_row(call, i, unknown_encoding(name));
        if (n < 0)
            return wr_bad_row(
                call, i, wr_fail(WR_E_BAD_VALUE, "the text is not valid %.*s", WR_STR_ARGS(name)));
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)n);
    }
    return WR_OK;
}
static weir_status fn_hex_text(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        char *start = wr_text_room(&text, s.length * 2);
        put_hex(start, s, "0123456789ABCDEF");
        WR_OUT(out, wr_view, i) = wr_text_take(&text, s.length * 2);
    }
    return WR_OK;
}
static weir_status fn_unhex(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        ptrdiff_t n = read_hex(wr_text_room(&text, s.length + 1), s);
        if (n < 0) return wr_bad_row(call, i, wr_fail(WR_E_BAD_VALUE, "the text is not valid hex"));
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)n);
    }
    return WR_OK;
}

static weir_status fn_url_encode(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        char *start = wr_text_room(&text, s.length * 3), *to = start;
        for (size_t k = 0; k < s.length; k++) {
            char c = s.data[k], lower = c | 32;
            bool plain = (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                         c == '_' || c == '.' || c == '~';
            if (plain)
                *to++ = c;
            else
                *to++ = '%', to = put_hex(to, (wr_str){s.data + k, 1}, "0123456789ABCDEF");
        }
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(to - start));
    }
    return WR_OK;
}
static weir_status fn_url_decode(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        char *start = wr_text_room(&text, s.length), *to = start;
        for (size_t k = 0; k < s.length; k++) {
            int high = s.data[k] == '%' && k + 2 < s.length ? hex_value(s.data[k + 1]) : -1;
            int low = high >= 0 ? hex_value(s.data[k + 2]) : -1;
            if (low >= 0)
                *to++ = (char)(high << 4 | low), k += 2;
            else
                *to++ = s.data[k];
        }
        if (!wr_utf8_valid(start, (size_t)(to - start)))
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ENCODING, "the decoded text is not valid UTF-8"));
        WR_OUT(out, wr_view, i) = wr_text_take(&text, (size_t)(to - start));
    }
    return WR_OK;
}

/* ---- digests ---- */

static uint32_t rotate(uint32_t x, int n) { return x << n | x >> (32 - n); }
static uint32_t big_endian(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void md5_block(uint32_t *h, const uint8_t *block)
{
    static const uint8_t shifts[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static uint32_t sines[64];
    uint32_t a = h[0], b = h[1], c = h[2], d = h[3], word[16];
    memcpy(word, block, sizeof word); /* little-endian machine */
    for (int k = 0; k < 64; k++) {
        uint32_t f, sine = __atomic_load_n(&sines[k], __ATOMIC_RELAXED);
        int at;
        if (!sine) {
            sine = (uint32_t)(int64_t)floor(fabs(sin(k + 1)) * 4294967296.0);
            __atomic_store_n(&sines[k], sine, __ATOMIC_RELAXED);
        }
        if (k < 16)
            f = (b & c) | (~b & d), at = k;
        else if (k < 32)
            f = (d & b) | (~d & c), at = (5 * k + 1) & 15;
        else if (k < 48)
            f = b ^ c ^ d, at = (3 * k + 5) & 15;
        else
            f = c ^ (b | ~d), at = (7 * k) & 15;
        uint32_t next = b + rotate(a + f + sine + word[at], shifts[k >> 4][k & 3]);
        a = d, d = c, c = b, b = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d;
}

static void sha1_block(uint32_t *h, const uint8_t *block)
{
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    for (int k = 0; k < 16; k++)
        w[k] = big_endian(block + 4 * k);
    for (int k = 16; k < 80; k++)
        w[k] = rotate(w[k - 3] ^ w[k - 8] ^ w[k - 14] ^ w[k - 16], 1);
    for (int k = 0; k < 80; k++) {
        uint32_t f, constant;
        if (k < 20)
            f = (b & c) | (~b & d), constant = 0x5a827999;
        else if (k < 40)
            f = b ^ c ^ d, constant = 0x6ed9eba1;
        else if (k < 60)
            f = (b & c) | (b & d) | (c & d), constant = 0x8f1bbcdc;
        else
            f = b ^ c ^ d, constant = 0xca62c1d6;
        uint32_t next = rotate(a, 5) + f + e + constant + w[k];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
}

static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void sha256_block(uint32_t *h, const uint8_t *block)
{
    uint32_t w[64], s[8];
    for (int k = 0; k < 16; k++)
        w[k] = big_endian(block + 4 * k);
    for (int k = 16; k < 64; k++) {
        uint32_t x = w[k - 15], y = w[k - 2];
        w[k] = w[k - 16] + w[k - 7] + (rotate(x, 25) ^ rotate(x, 14) ^ x >> 3) +
               (rotate(y, 15) ^ rotate(y, 13) ^ y >> 10);
    }
    memcpy(s, h, sizeof s);
    for (int k = 0; k < 64; k++) {
        uint32_t e = s[4], a = s[0];
        uint32_t first = s[7] + (rotate(e, 26) ^ rotate(e, 21) ^ rotate(e, 7)) +
                         ((e & s[5]) ^ (~e & s[6])) + sha256_constants[k] + w[k];
        uint32_t second = (rotate(a, 30) ^ rotate(a, 19) ^ rotate(a, 10)) +
                          ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += first, s[0] = first + second;
    }
    for (int k = 0; k < 8; k++)
        h[k] += s[k];
}

/* Feeds whole blocks and the padded end; the length in bits closes the last block. */
static void digest(wr_str s, uint32_t *h, void (*block)(uint32_t *, const uint8_t *), bool big)
{
    const uint8_t *p = (const uint8_t *)s.data;
    size_t rest = s.length;
    for (; rest >= 64; p += 64, rest -= 64)
        block(h, p);
    uint8_t tail[128] = {0};
    if (rest) memcpy(tail, p, rest);
    tail[rest] = 0x80;
    size_t end = rest < 56 ? 64 : 128;
    uint64_t bits = (uint64_t)s.length * 8;
    if (big) bits = __builtin_bswap64(bits);
    memcpy(tail + end - 8, &bits, 8);
    block(h, tail);
    if (end == 128) block(h, tail + 64);
}

static weir_status digest_rows(wr_call *call, wr_column *out, char kind)
{
    wr_text_out text = {call->arena, NULL, NULL};
    int words = kind == 'm' ? 4 : kind == '1' ? 5 : 8;
    bool is_blob = out->type->id == WR_T_BLOB;
    WR_ROWS(i)
    {
        uint32_t h1[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
        uint32_t h2[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
        uint32_t *h = kind == '2' ? h2 : h1;
        wr_str s = wr_arg_str(call, 0, i);
        digest(s, h,
               kind == 'm'   ? md5_block
               : kind == '1' ? sha1_block
                             : sha256_block,
               kind != 'm');
        if (kind != 'm')
            for (int k = 0; k < words; k++)
                h[k] = __builtin_bswap32(h[k]);
        wr_str bytes = {(const char *)h, (size_t)words * 4};
        char hex[64];
        put_hex(hex, bytes, "0123456789abcdef");
        WR_OUT(out, wr_view, i) = is_blob ? wr_text_add(&text, bytes.data, bytes.length)
                                          : wr_text_add(&text, hex, bytes.length * 2);
    }
    return WR_OK;
}
static weir_status fn_md5(wr_call *call, wr_column *out) { return digest_rows(call, out, 'm'); }
static weir_status fn_sha1(wr_call *call, wr_column *out) { return digest_rows(call, out, '1'); }
static weir_status fn_sha256(wr_call *call, wr_column *out) { return digest_rows(call, out, '2'); }

static weir_status fn_hash_bytes(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        WR_OUT(out, uint64_t, i) = wr_hash_bytes(s.data, s.length);
    }
    return WR_OK;
}
static weir_status fn_hash(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i)
    {
        uint64_t h = 0;
        for (int a = 0; a < call->arg_count; a++)
            h = (h << 5 | h >> 59) * UINT64_C(0x9e3779b97f4a7c15) ^
                wr_column_hash(&call->args[a], i);
        WR_OUT(out, uint64_t, i) = h;
    }
    return WR_OK;
}
static weir_status fn_crc32(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        uint32_t crc = ~0u;
        for (size_t k = 0; k < s.length; k++) {
            crc ^= (uint8_t)s.data[k];
            for (int bit = 0; bit < 8; bit++)
                crc = crc >> 1 ^ (0xedb88320u & -(crc & 1));
        }
        WR_OUT(out, int64_t, i) = (int64_t)(uint32_t)~crc;
    }
    return WR_OK;
}

#define BOTH(names, result, exec, help, example, value)        \
    {names, "(text) -> " result, exec, help, example, value},  \
    {                                                          \
        names, "(blob) -> " result, exec, help, example, value \
    }

const wr_fn wr_fns_text_code[] = {
    {"ascii|unicode|ord", "(text) -> integer", fn_ascii,
     "Code point of the first character, 0 if there is none.", "ascii('A')", "65"},
    {"chr|char", "(code bigint) -> text", fn_chr, "The character of a code point.", "chr(65)", "A",
     .flags = WR_FN_CAN_FAIL},
    {"strip_accents|unaccent", "(text) -> text", fn_strip_accents, "Letters without accents.",
     "strip_accents('mühleisen')", "muhleisen"},
    {"to_hex|hex", "(integer) -> text", fn_to_hex, "Hexadecimal digits.", "to_hex(255)", "ff"},
    {"to_hex|hex", "(bigint) -> text", fn_to_hex, "Hexadecimal digits.", "to_hex(-1::bigint)",
     "ffffffffffffffff"},
    {"to_oct", "(bigint) -> text", fn_to_oct, "Octal digits.", "to_oct(8)", "10"},
    {"to_bin|bin", "(bigint) -> text", fn_to_bin, "Binary digits.", "to_bin(5)", "101"},
    BOTH("hex|to_hex", "text", fn_hex_text, "The bytes as hexadecimal digits.", "hex('ab')",
         "6162"),
    {"unhex|from_hex", "(text) -> blob", fn_unhex, "The bytes of hexadecimal digits.",
     "unhex('6162')", "\\x6162", .flags = WR_FN_CAN_FAIL},
    {"encode", "(blob, format text) -> text", fn_encode, "Bytes as base64, hex or escape.",
     "encode('\\x616263'::blob, 'base64')", "YWJj", .flags = WR_FN_CAN_FAIL},
    {"encode", "(text, format text) -> text", fn_encode,
     "The UTF-8 bytes as base64, hex or escape.", "encode('abc', 'hex')", "616263",
     .flags = WR_FN_CAN_FAIL},
    {"decode", "(text, format text) -> blob", fn_decode, "The bytes of base64, hex or escape.",
     "decode('YWJj', 'base64')", "\\x616263", .flags = WR_FN_CAN_FAIL},
    BOTH("base64|to_base64", "text", fn_encode, "The bytes as base64.", "to_base64('abc')", "YWJj"),
    {"from_base64|unbase64", "(text) -> blob", fn_decode, "The bytes of base64.",
     "from_base64('YWJj')", "\\x616263", .flags = WR_FN_CAN_FAIL},
    {"url_encode", "(text) -> text", fn_url_encode, "Percent-encoded for a URL.",
     "url_encode('a b&c')", "a%20b%26c"},
    {"url_decode", "(text) -> text", fn_url_decode, "With percent codes resolved.",
     "url_decode('a%20b')", "a b", .flags = WR_FN_CAN_FAIL},
    BOTH("md5", "text", fn_md5, "MD5 digest in hex.", "md5('abc')",
         "900150983cd24fb0d6963f7d28e17f72"),
    BOTH("sha1", "text", fn_sha1, "SHA-1 digest in hex.", "sha1('abc')",
         "a9993e364706816aba3e25717850c26c9cd0d89d"),
    {"sha256", "(text) -> text", fn_sha256, "SHA-256 digest in hex.", "sha256('abc')",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"sha256", "(blob) -> blob", fn_sha256, "SHA-256 digest.", "encode(sha256('abc'::blob), 'hex')",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    BOTH("xxhash64|xxh64", "ubigint", fn_hash_bytes, "64-bit XXH3 hash of the bytes.",
         "xxhash64('a') = xxhash64('a')", "true"),
    {"hash", "(each...) -> ubigint", fn_hash,
     "64-bit hash of the values; equal values have equal hashes.", "hash(1) = hash(1)", "true",
     .flags = WR_FN_SEES_NULLS},
    BOTH("crc32", "bigint", fn_crc32, "CRC-32 checksum of the bytes.", "crc32('123456789')",
         "3421780262"),
    {0},
};
