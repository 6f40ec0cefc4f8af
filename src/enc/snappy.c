/* snappy.c - Snappy blocks: a varint size, then literals and back references.
 *
 * Decoding is a chain of unpredictable branches, so the loop does as little as possible per element: one table gives
 * length and how many offset bytes follow, copies go in 16-byte steps that may write past their end (the buffers have
 * slop), and bounds are checked once per element against limits that leave room for a whole step. Only a copy that
 * overlaps itself closer than 16 bytes takes the slow path.
 * Encoding hashes four bytes into a table of 16-bit positions within 64 KiB fragments and skips faster through data that
 * does not compress.
 * Invariant: nothing is written beyond out + out_size + WR_SNAPPY_SLOP, nothing read beyond in + in_size + slop. */
#include "enc/snappy.h"
#include <string.h>

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static void copy16(uint8_t *to, const uint8_t *from)
{
    uint64_t two[2];
    memcpy(two, from, 16);
    memcpy(to, two, 16);
}

static bool head(const uint8_t **in, const uint8_t *end, size_t *size)
{
    uint64_t v = 0;
    for (int shift = 0; shift <= 28; shift += 7) {
        if (*in == end) return false;
        uint8_t b = *(*in)++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *size = (size_t)v;
            return v <= UINT32_MAX;
        }
    }
    return false;
}

bool wr_snappy_size(const uint8_t *in, size_t in_size, size_t *out_size)
{
    return head(&in, in + in_size, out_size);
}

/* Copies length bytes from offset back, which may overlap the target. */
static void copy_back(uint8_t *to, size_t offset, size_t length)
{
    const uint8_t *from = to - offset;
    if (offset >= 16) {
        for (size_t i = 0; i < length; i += 16)
            copy16(to + i, from + i);
        return;
    }
    if (offset == 1) {
        memset(to, *from, length);
        return;
    }
    /* Doubling: each round copies what is there already, so the distance grows until whole steps are safe. */
    uint8_t *end = to + length;
    while (offset < 16 && to < end) {
        memcpy(to, from, 8); /* offset may be below 8: only the first offset bytes are right */
        if (offset < 8) {
            for (size_t i = offset; i < 8; i++)
                to[i] = from[i];
        }
        to += offset < 8 ? offset : 8;
        if (offset < 8)
            offset *= 2;
        else
            from += 8;
    }
    while (to < end) {
        memcpy(to, from, 8);
        to += 8, from += 8;
    }
}

bool wr_snappy_decode(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
    const uint8_t *end = in + in_size;
    size_t claimed;
    if (!head(&in, end, &claimed) || claimed != out_size) return false;
    uint8_t *to = out, *stop = out + out_size;
    while (in < end) {
        uint32_t tag = *in++;
        if ((tag & 3) == 0) {
            size_t length = (tag >> 2) + 1;
            if (wr_likely(length <= 16)) {
                if (wr_unlikely(length > (size_t)(end - in) || length > (size_t)(stop - to))) return false;
                copy16(to, in);
            } else {
                if (length > 60) {
                    size_t bytes = length - 60;
                    if (bytes > (size_t)(end - in)) return false;
                    length = (size_t)(load32(in) & (UINT32_MAX >> (32 - 8 * bytes))) + 1;
                    in += bytes;
                }
                if (length > (size_t)(end - in) || length > (size_t)(stop - to)) return false;
                if (length <= 64)
                    for (size_t i = 0; i < length; i += 16)
                        copy16(to + i, in + i);
                else
                    memcpy(to, in, length);
            }
            to += length, in += length;
            continue;
        }
        size_t length, offset;
        if ((tag & 3) == 1) {
            length = 4 + ((tag >> 2) & 7);
            offset = (size_t)(tag >> 5) << 8 | in[0];
            in += 1;
        } else if ((tag & 3) == 2) {
            length = (tag >> 2) + 1;
            offset = load32(in) & 0xffff;
            in += 2;
        } else {
            length = (tag >> 2) + 1;
            offset = load32(in);
            in += 4;
        }
        if (wr_unlikely(in > end || offset - 1 >= (size_t)(to - out) || length > (size_t)(stop - to))) return false;
        if (wr_likely(offset >= 16)) {
            const uint8_t *from = to - offset;
            copy16(to, from);
            if (length > 16) {
                copy16(to + 16, from + 16);
                copy16(to + 32, from + 32);
                copy16(to + 48, from + 48);
            }
        } else {
            copy_back(to, offset, length);
        }
        to += length;
    }
    return to == stop;
}

/* ---- encoding */

enum { FRAGMENT = 1 << 16, TABLE_BITS = 14 };

size_t wr_snappy_bound(size_t size) { return 32 + size + size / 6; }

static uint8_t *put_literal(uint8_t *out, const uint8_t *from, size_t length)
{
    size_t n = length - 1;
    if (n < 60) {
        *out++ = (uint8_t)(n << 2);
    } else {
        int bytes = n < 1u << 8 ? 1 : n < 1u << 16 ? 2 : n < 1u << 24 ? 3 : 4;
        *out++ = (uint8_t)((59 + bytes) << 2);
        for (int i = 0; i < bytes; i++)
            *out++ = (uint8_t)(n >> (8 * i));
    }
    memcpy(out, from, length);
    return out + length;
}

static uint8_t *put_copy_64(uint8_t *out, size_t offset, size_t length)
{
    if (length < 12 && length >= 4 && offset < 2048) {
        *out++ = (uint8_t)(1 | (length - 4) << 2 | (offset >> 8) << 5);
        *out++ = (uint8_t)offset;
    } else {
        *out++ = (uint8_t)(2 | (length - 1) << 2);
        *out++ = (uint8_t)offset;
        *out++ = (uint8_t)(offset >> 8);
    }
    return out;
}

static uint8_t *put_copy(uint8_t *out, size_t offset, size_t length)
{
    while (length >= 68) {
        out = put_copy_64(out, offset, 64);
        length -= 64;
    }
    if (length > 64) {
        out = put_copy_64(out, offset, 60);
        length -= 60;
    }
    return put_copy_64(out, offset, length);
}

static size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *start = b;
    while (end - b >= 8) {
        uint64_t diff = load64(a) ^ load64(b);
        if (diff) return (size_t)(b - start) + (size_t)(__builtin_ctzll(diff) >> 3);
        a += 8, b += 8;
    }
    while (b < end && *a == *b)
        a++, b++;
    return (size_t)(b - start);
}

static uint32_t slot_of(uint32_t four) { return (four * 0x1e35a7bdu) >> (32 - TABLE_BITS); }

static uint8_t *encode_fragment(const uint8_t *in, size_t size, uint8_t *out, uint16_t *table)
{
    const uint8_t *end = in + size, *at = in, *literal = in;
    memset(table, 0, sizeof *table << TABLE_BITS);
    const uint8_t *last = size > 15 ? end - 15 : in;
    uint32_t misses = 32;
    at++;
    while (at < last) {
        uint32_t four = load32(at);
        uint16_t *slot = &table[slot_of(four)];
        const uint8_t *candidate = in + *slot;
        *slot = (uint16_t)(at - in);
        if (load32(candidate) != four) {
            at += misses++ >> 5;
            continue;
        }
        misses = 32;
        if (at > literal) out = put_literal(out, literal, (size_t)(at - literal));
        size_t length = 4 + match_length(candidate + 4, at + 4, end);
        out = put_copy(out, (size_t)(at - candidate), length);
        at += length;
        literal = at;
        if (at >= last) break;
        table[slot_of(load32(at - 1))] = (uint16_t)(at - 1 - in);
    }
    if (literal < end) out = put_literal(out, literal, (size_t)(end - literal));
    return out;
}

size_t wr_snappy_encode(const uint8_t *in, size_t size, uint8_t *out, uint16_t *table)
{
    uint8_t *start = out;
    size_t v = size;
    for (; v >= 0x80; v >>= 7)
        *out++ = (uint8_t)(v | 0x80);
    *out++ = (uint8_t)v;
    for (size_t at = 0; at < size; at += FRAGMENT)
        out = encode_fragment(in + at, WR_MIN((size_t)FRAGMENT, size - at), out, table);
    return (size_t)(out - start);
}
