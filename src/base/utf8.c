/* utf8.c - validating, counting, decoding and measuring UTF-8. See text.h.
 *
 * Valid means Unicode's definition: no overlong forms, no surrogates, nothing above U+10FFFF. Runs
 * of ASCII, the usual case, are passed 32 bytes at a time. */
#include "base/text.h"

static const uint64_t HIGH_BITS = UINT64_C(0x8080808080808080);

static inline uint64_t load8(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Length of the leading run of ASCII, rounded down to where it stops being cheap to tell. */
static inline size_t skip_ascii(const char *data, size_t i, size_t size)
{
    while (i + 32 <= size &&
           !((load8(data + i) | load8(data + i + 8) | load8(data + i + 16) | load8(data + i + 24)) &
             HIGH_BITS))
        i += 32;
    while (i < size && (unsigned char)data[i] < 0x80)
        i++;
    return i;
}

bool wr_utf8_valid(const char *data, size_t size)
{
    for (size_t i = skip_ascii(data, 0, size); i < size; i = skip_ascii(data, i, size)) {
        do {
            uint32_t code;
            int length = wr_utf8_decode(data + i, size - i, &code);
            if (length == 0) return false;
            i += (size_t)length;
        } while (i < size && (unsigned char)data[i] >= 0x80);
    }
    return true;
}

size_t wr_utf8_count(const char *data, size_t size)
{
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += ((unsigned char)data[i] & 0xc0) != 0x80;
    return count;
}

int wr_utf8_decode(const char *data, size_t size, uint32_t *code)
{
    const unsigned char *s = (const unsigned char *)data;
    if (size == 0) return 0;
    if (s[0] < 0x80) {
        *code = s[0];
        return 1;
    }
    if (s[0] < 0xc2) return 0;
    if (size < 2 || (s[1] & 0xc0) != 0x80) return 0;
    if (s[0] < 0xe0) {
        *code = (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
        return 2;
    }
    if (size < 3 || (s[2] & 0xc0) != 0x80) return 0;
    if (s[0] < 0xf0) {
        uint32_t c = (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
        if (c < 0x800 || (c >= 0xd800 && c < 0xe000)) return 0;
        *code = c;
        return 3;
    }
    if (s[0] > 0xf4 || size < 4 || (s[3] & 0xc0) != 0x80) return 0;
    uint32_t c = (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 |
                 (uint32_t)(s[2] & 0x3f) << 6 | (s[3] & 0x3f);
    if (c < 0x10000 || c > 0x10ffff) return 0;
    *code = c;
    return 4;
}

int wr_utf8_encode(uint32_t code, char out[4])
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        if (code >= 0xd800 && code < 0xe000) return 0;
        out[0] = (char)(0xe0 | code >> 12);
        out[1] = (char)(0x80 | (code >> 6 & 0x3f));
        out[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    if (code > 0x10ffff) return 0;
    out[0] = (char)(0xf0 | code >> 18);
    out[1] = (char)(0x80 | (code >> 12 & 0x3f));
    out[2] = (char)(0x80 | (code >> 6 & 0x3f));
    out[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

static const struct width_range {
    uint32_t first, last;
    uint8_t columns;
} ranges[] = {
#include "gen/width.inc"
};

int wr_utf8_width(uint32_t code)
{
    if (code < 0x80) return code >= ' ' && code != 0x7f;
    if (code < 0xa0) return 0; /* control characters */
    size_t low = 0, high = WR_COUNT(ranges);
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (code > ranges[middle].last)
            low = middle + 1;
        else
            high = middle;
    }
    return low < WR_COUNT(ranges) && code >= ranges[low].first ? ranges[low].columns : 1;
}
