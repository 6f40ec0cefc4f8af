/* snappy.c - Snappy blocks: a varint size, then literals and back references.
 *
 * Decoding suffers from branches that cannot be predicted, so the fast loop has none that depend on
 * the kind of element: literals and copies are the same 16-byte steps from different places. It
 * runs while both ends are far away (copies may write past their end). Columns of numbers have a
 * loop of their own, a literal and a copy per step. Near the ends, for long literals and for copies
 * that overlap themselves closely, a careful step for one element takes over. Encoding hashes four
 * bytes into a table of 16-bit positions within 64 KiB fragments and skips faster through data that
 * does not compress. Invariant: nothing is written beyond out + out_size + WR_SNAPPY_SLOP, nothing
 * read beyond in + in_size + slop. */
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

static void copy8(uint8_t *to, const uint8_t *from)
{
    uint64_t v = load64(from);
    memcpy(to, &v, 8);
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
    /* Doubling: each round copies what is there already, so the distance grows until whole steps
     * are safe. */
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

/* Decodes one element of any kind with all checks. */
static bool one_element(const uint8_t **from, const uint8_t *end, const uint8_t *out,
                        uint8_t **target, const uint8_t *stop)
{
    const uint8_t *in = *from;
    uint8_t *to = *target;
    uint32_t tag = *in++;
    size_t length = (tag >> 2) + 1, offset;
    if ((tag & 3) == 0) {
        if (length > 60) {
            size_t bytes = length - 60;
            if (bytes > (size_t)(end - in)) return false;
            length = (size_t)(load32(in) & (UINT32_MAX >> (32 - 8 * bytes))) + 1;
            in += bytes;
        }
        if (length > (size_t)(end - in) || length > (size_t)(stop - to)) return false;
        memcpy(to, in, length);
        *from = in + length;
        *target = to + length;
        return true;
    }
    if ((tag & 3) == 1) {
        length = 4 + ((tag >> 2) & 7);
        offset = (size_t)(tag >> 5) << 8 | in[0];
        in += 1;
    } else if ((tag & 3) == 2) {
        offset = load32(in) & 0xffff;
        in += 2;
    } else {
        offset = load32(in);
        in += 4;
    }
    if (in > end || offset == 0 || offset > (size_t)(to - out) || length > (size_t)(stop - to))
        return false;
    copy_back(to, offset, length);
    *from = in;
    *target = to + length;
    return true;
}

/* Decodes the elements that need no care: far from both ends, literals up to 60 bytes, copies from
 * at least 8 bytes back. Literals and copies differ only in where the bytes come from, so the
 * choice is made by masks, not by a branch that cannot be predicted; the next tag is loaded before
 * the bytes are copied. Stops before the first other one. */
static void easy_elements(const uint8_t **from, const uint8_t *end, const uint8_t *out,
                          uint8_t **target, const uint8_t *stop)
{
    static const uint32_t offset_mask[4] = {0, 0xff, 0xffff, UINT32_MAX};
    static const uint8_t offset_bytes[4] = {0, 1, 2, 4};
    const uint8_t *in = *from;
    uint8_t *to = *target;
    if (end - in < 80) return;
    uint32_t tag = *in;
    while (end - in >= 80 && stop - to >= 64) {
        uint32_t kind = tag & 3;
        size_t is_literal = (size_t)0 - (kind == 0), is_short = (size_t)0 - (kind == 1);
        size_t length = (((tag >> 2) + 1) & ~is_short) | ((4 + ((tag >> 2) & 7)) & is_short);
        size_t offset = (load32(in + 1) & offset_mask[kind]) | ((size_t)(tag >> 5) << 8 & is_short);
        offset = (offset & ~is_literal) | (16 & is_literal);
        if (wr_unlikely(offset > (size_t)(to - out) || (tag >= 0xf0 && kind == 0))) break;
        const uint8_t *next = in + 1 + ((length & is_literal) | offset_bytes[kind]);
        if (offset < 16) { /* common in columns of eight-byte numbers */
            if (offset < 8 || length > 16) break;
            copy8(to, to - offset);
            copy8(to + 8, to - offset + 8);
            tag = *next;
            to += length;
            in = next;
            continue;
        }
        uintptr_t source =
            ((uintptr_t)(in + 1) & is_literal) | ((uintptr_t)(to - offset) & ~is_literal);
        const uint8_t *bytes = (const uint8_t *)source;
        tag = *next;
        copy16(to, bytes);
        copy16(to + 16, bytes + 16);
        if (wr_unlikely(length > 32)) {
            copy16(to + 32, bytes + 32);
            copy16(to + 48, bytes + 48);
        }
        to += length;
        in = next;
    }
    *from = in;
    *target = to;
}

/* What the tag of a copy with a short offset says: its length, and above 8 bits the high bits of an
 * offset of 11 bits. Other tags have an offset that is beyond any that can be. */
enum { NO_COPY = 1 << 30 };
#define TAG_COPIES(n) NO_COPY, (4 + ((n)&7)) | ((n) >> 3) << 8, (n) + 1, NO_COPY
#define TAG_COPIES_4(n) TAG_COPIES(n), TAG_COPIES(n + 1), TAG_COPIES(n + 2), TAG_COPIES(n + 3)
#define TAG_COPIES_16(n) \
    TAG_COPIES_4(n), TAG_COPIES_4(n + 4), TAG_COPIES_4(n + 8), TAG_COPIES_4(n + 12)
static const uint32_t tag_copies[256] = {TAG_COPIES_16(0), TAG_COPIES_16(16), TAG_COPIES_16(32),
                                         TAG_COPIES_16(48)};

/* Copies of at most 64 bytes from 1 to 15 bytes back. */
static void copy_near(uint8_t *to, size_t offset, size_t length)
{
    if (offset == 8) {
        uint64_t v = load64(to - 8);
        for (size_t i = 0; i < length; i += 8)
            memcpy(to + i, &v, 8);
    } else if (offset > 8 && length <= 16) {
        copy8(to, to - offset);
        copy8(to + 8, to - offset + 8);
    } else {
        copy_back(to, offset, length);
    }
}

/* BMI2 shifts by an amount in any register. The thread sanitizer is not ready yet when the loader
 * chooses. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define SNAPPY_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define SNAPPY_CLONES
#endif

enum { PAIRED_LITERAL = 6 }; /* bytes: with its tag and the next one they fit eight */

/* Columns of numbers: a few bytes that are new, then a copy of the others. Both are one step, since
 * what is waited for is where the next tag is: it is shifted out of the eight bytes that are there
 * already, and how long a copy is and from where decides no branch. A copy alone and a longer
 * literal are steps too. Stops before what needs care. */
SNAPPY_CLONES
static void paired_elements(const uint8_t **from, const uint8_t *end, const uint8_t *out,
                            uint8_t **target, const uint8_t *stop)
{
    const uint8_t *in = *from;
    uint8_t *to = *target;
    if (end - in < 80 || stop - to < 96 || to - out < 16 || stop - out >= NO_COPY) return;
    const uint8_t *last_in = end - 80, *last_to = stop - 96;
    while (in <= last_in && to <= last_to) {
        uint64_t eight = load64(in);
        uint32_t tag = (uint8_t)eight;
        const uint8_t *copy = in;
        uint8_t *at = to;
        if ((tag & 3) == 0) {
            size_t literal = (tag >> 2) + 1;
            if (wr_unlikely(literal > PAIRED_LITERAL)) {
                if (literal > 60) break;
                copy16(to, in + 1);
                if (literal > 16) {
                    copy16(to + 16, in + 17);
                    copy16(to + 32, in + 33);
                    copy16(to + 48, in + 49);
                }
                to += literal;
                in += literal + 1;
                continue;
            }
            uint64_t bytes = eight >> 8;
            memcpy(to, &bytes, 8);
            eight = bytes >> 8 >> (8 * (tag >> 2));
            copy += literal + 1;
            at += literal;
        }
        uint32_t entry = tag_copies[(uint8_t)eight], kind = eight & 3;
        uint32_t low = load32(copy + 1) & (kind == 1 ? 0xff : 0xffff);
        size_t offset = low | (entry & ~0xffu), length = entry & 0xff;
        in = copy + 1 + kind;
        to = at + length;
        if (wr_likely(offset - 16 <= (size_t)(at - out) - 16)) {
            copy16(at, at - offset);
            if (length > 16) {
                copy16(at + 16, at - offset + 16);
                copy16(at + 32, at - offset + 32);
                copy16(at + 48, at - offset + 48);
            }
            continue;
        }
        if (wr_unlikely(offset == 0 || offset > (size_t)(at - out))) {
            in = copy;
            to = at;
            break;
        }
        copy_near(at, offset, length);
    }
    *from = in;
    *target = to;
}

enum { SAMPLE = 128, SAMPLE_MISSES = 12 };

/* Decodes some elements and tells whether their kinds can be foretold from the three before. */
static bool sample_elements(const uint8_t **in, const uint8_t *end, const uint8_t *out,
                            uint8_t **to, const uint8_t *stop, bool *is_regular)
{
    uint8_t seen[8] = {0};
    unsigned history = 0, misses = 0;
    for (int i = 0; i < SAMPLE && *in < end; i++) {
        bool kind = (**in & 3) == 0;
        misses += seen[history & 7] != kind;
        seen[history & 7] = kind;
        history = history << 1 | kind;
        if (!one_element(in, end, out, to, stop)) return false;
    }
    *is_regular = misses < SAMPLE_MISSES + 8;
    return true;
}

bool wr_snappy_decode(const uint8_t *in, size_t in_size, uint8_t *out, size_t out_size)
{
    const uint8_t *end = in + in_size;
    size_t claimed;
    if (!head(&in, end, &claimed) || claimed != out_size) return false;
    uint8_t *to = out, *stop = out + out_size;
    bool is_regular = false;
    if (!sample_elements(&in, end, out, &to, stop, &is_regular)) return false;
    while (in < end) {
        if (is_regular)
            paired_elements(&in, end, out, &to, stop);
        else
            easy_elements(&in, end, out, &to, stop);
        if (in < end && !one_element(&in, end, out, &to, stop)) return false;
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
