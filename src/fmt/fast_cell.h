/* fast_cell.h - readers of the most frequent spellings of numbers and moments, for inner loops.
 * False means only "not so simple": the general reader of cell.h decides then.
 *
 * Every text given must be followed by 16 readable bytes, as cells in a chunk are: the readers load
 * 16 bytes at once, move the digits to the right end of the register, without the point, and
 * weigh them there. */
#pragma once
#include "fmt/cell.h"
#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#define FAST_CELL static inline __attribute__((always_inline)) bool

/* 8 digits at once; false if one of the bytes is no digit. */
static inline bool read_8_digits(const char *at, uint64_t *out)
{
    uint64_t v;
    memcpy(&v, at, 8);
    v ^= UINT64_C(0x3030303030303030);
    if (((v + UINT64_C(0x7676767676767676)) | v) & UINT64_C(0x8080808080808080)) return false;
    v = v * 10 + (v >> 8);
    v = ((v & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
         ((v >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
        32;
    *out = v;
    return true;
}

#if defined(__SSE4_1__)
/* slide + n: a shuffle that moves the first n bytes to the end and puts zeros before them. */
static const uint8_t slide[32] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                  0x80, 0x80, 0x80, 0x80, 0x80, 0,    1,    2,    3,    4,    5,
                                  6,    7,    8,    9,    10,   11,   12,   13,   14,   15};

/* 16 digits, the first in byte 0; false if one is none. */
FAST_CELL weigh_16(__m128i digits, uint64_t *out)
{
    __m128i over = _mm_subs_epu8(digits, _mm_set1_epi8(9));
    if (!_mm_test_all_zeros(over, over)) return false;
    __m128i twos = _mm_maddubs_epi16(digits, _mm_set1_epi16(0x010a));
    __m128i fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x00010064));
    __m128i packed = _mm_packus_epi32(fours, fours);
    uint64_t eights =
        (uint64_t)_mm_cvtsi128_si64(_mm_madd_epi16(packed, _mm_set1_epi32(0x00012710)));
    *out = (uint64_t)(uint32_t)eights * 100000000 + (eights >> 32);
    return true;
}

/* 1 to 16 digits. */
FAST_CELL read_16_int(const char *at, size_t length, uint64_t *out)
{
    __m128i v =
        _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), _mm_set1_epi8('0'));
    __m128i from = _mm_loadu_si128((const __m128i *)(const void *)(slide + length));
    return weigh_16(_mm_shuffle_epi8(v, from), out);
}

/* 1 to 16 characters, digits with at most one point. */
FAST_CELL read_16_fixed(const char *at, size_t length, uint64_t *out, int *scale)
{
    __m128i v =
        _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), _mm_set1_epi8('0'));
    unsigned end = 1u << length;
    unsigned points =
        (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('.' - '0'))) & (end - 1);
    unsigned place = (unsigned)__builtin_ctz(points | end), has_point = points != 0;
    size_t digits = length - has_point;
    __m128i from = _mm_loadu_si128((const __m128i *)(const void *)(slide + digits));
    from = _mm_sub_epi8(from, _mm_cmpgt_epi8(from, _mm_set1_epi8((char)(place - 1))));
    *scale = (int)(digits - place);
    return weigh_16(_mm_shuffle_epi8(v, from), out) && digits > 0;
}
#endif

/* Up to 18 digits with a sign. */
FAST_CELL fast_int(wr_str text, int64_t *out)
{
    const char *at = text.data, *end = text.data + text.length;
    bool negative = text.length > 0 && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 18) return false;
    uint64_t value = 0, part;
#if defined(__SSE4_1__)
    if (__builtin_expect(end - at <= 16, 1)) {
        if (!read_16_int(at, (size_t)(end - at), &value)) return false;
        *out = negative ? -(int64_t)value : (int64_t)value;
        return true;
    }
#endif
    for (; end - at >= 8; at += 8) {
        if (!read_8_digits(at, &part)) return false;
        value = value * 100000000 + part;
    }
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* Digits with at most one point: the digits as an integer and how many follow the point. */
FAST_CELL fast_fixed(wr_str text, int64_t *out, int *scale)
{
    const char *at = text.data, *end = text.data + text.length;
    bool negative = text.length > 0 && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 19) return false;
    uint64_t value = 0;
#if defined(__SSE4_1__)
    if (__builtin_expect(end - at <= 16, 1)) {
        if (!read_16_fixed(at, (size_t)(end - at), &value, scale)) return false;
        *out = negative ? -(int64_t)value : (int64_t)value;
        return true;
    }
#endif
    const char *point = NULL;
    int digits = 0;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit <= 9) {
            value = value * 10 + digit;
            digits++;
        } else if (*at == '.' && !point) {
            point = at + 1;
        } else {
            return false;
        }
    }
    *scale = point ? (int)(end - point) : 0;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return digits > 0 && digits <= 18;
}

static inline bool fast_double(wr_str text, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
    int64_t mantissa;
    int scale;
    if (!fast_fixed(text, &mantissa, &scale)) return false;
    if (mantissa > (INT64_C(1) << 53) || mantissa < -(INT64_C(1) << 53)) return false;
    if (mantissa == 0 && text.data[0] == '-') return false; /* -0 */
    *out = (double)mantissa / powers[scale];
    return true;
}

FAST_CELL fast_decimal(wr_str text, int wanted_scale, int64_t limit, int64_t *out)
{
    int64_t value;
    int scale;
    if (!fast_fixed(text, &value, &scale) || scale > wanted_scale) return false;
    if (__builtin_mul_overflow(value, wr_pow10_i64[wanted_scale - scale], &value)) return false;
    *out = value;
    return value < limit && value > -limit;
}

static inline int two_digits(const char *at)
{
    unsigned a = (unsigned char)at[0] - '0', b = (unsigned char)at[1] - '0';
    return a > 9 || b > 9 ? -1 : (int)(a * 10 + b);
}

/* "YYYY-MM-DD" as numbers; month and day are not checked. */
FAST_CELL split_date(const char *at, unsigned *year, unsigned *month, unsigned *day)
{
#if defined(__SSE4_1__)
    const uint8_t dash = (uint8_t)('-' - '0');
    const __m128i dashes =
        _mm_setr_epi8(0, 0, 0, 0, (char)dash, 0, 0, (char)dash, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i limits = _mm_setr_epi8(9, 9, 9, 9, 0, 9, 9, 0, 9, 9, -1, -1, -1, -1, -1, -1);
    const __m128i order = _mm_setr_epi8(0, 1, 2, 3, 5, 6, 8, 9, -1, -1, -1, -1, -1, -1, -1, -1);
    __m128i v =
        _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)at), _mm_set1_epi8('0'));
    __m128i over = _mm_subs_epu8(_mm_xor_si128(v, dashes), limits);
    if (!_mm_test_all_zeros(over, over)) return false;
    __m128i twos = _mm_maddubs_epi16(_mm_shuffle_epi8(v, order), _mm_set1_epi16(0x010a));
    uint64_t parts = (uint64_t)_mm_cvtsi128_si64(twos);
    *year = (unsigned)(parts & 0xffff) * 100 + (unsigned)(parts >> 16 & 0xffff);
    *month = (unsigned)(parts >> 32 & 0xffff);
    *day = (unsigned)(parts >> 48);
    return true;
#else
    int century = two_digits(at), of_century = two_digits(at + 2), m = two_digits(at + 5),
        d = two_digits(at + 8);
    if (century < 0 || of_century < 0 || m < 0 || d < 0 || at[4] != '-' || at[7] != '-')
        return false;
    *year = (unsigned)(century * 100 + of_century);
    *month = (unsigned)m;
    *day = (unsigned)d;
    return true;
#endif
}

/* YYYY-MM-DD */
FAST_CELL fast_date(const char *at, int32_t *out)
{
    static const uint8_t days_of_month[100] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    static const uint16_t days_before[13] = {0,   306, 337, 0,   31,  61, 92,
                                             122, 153, 184, 214, 245, 275}; /* from March on */
    unsigned year, month, day;
    if (!split_date(at, &year, &month, &day) || year == 0) return false;
    if (__builtin_expect(day - 1 >= days_of_month[month], 0) &&
        (month != 2 || day != 29 || !wr_date_valid((int32_t)year, 2, 29)))
        return false;
    unsigned y = year - (month <= 2);
    *out = (int32_t)(y * 365 + y / 4 - y / 100 + y / 400 + days_before[month] + day - 1) - 719468;
    return true;
}

/* YYYY-MM-DD HH:MM:SS[.ffffff] */
static inline bool fast_timestamp(wr_str text, int64_t *out)
{
    const char *at = text.data;
    int32_t days;
    if (text.length < 19 || text.length > 26 || text.length == 20 || !fast_date(at, &days))
        return false;
    if ((at[10] != ' ' && at[10] != 'T') || at[13] != ':' || at[16] != ':') return false;
    int hour = two_digits(at + 11), minute = two_digits(at + 14), second = two_digits(at + 17);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    int64_t fraction = 0, unit = 100000;
    if (text.length > 19 && at[19] != '.') return false;
    for (size_t i = 20; i < text.length; i++, unit /= 10) {
        unsigned digit = (unsigned char)at[i] - '0';
        if (digit > 9) return false;
        fraction += (int64_t)digit * unit;
    }
    *out = days * WR_USECS_PER_DAY + ((hour * 60 + minute) * 60 + second) * WR_USECS_PER_SEC +
           fraction;
    return true;
}

/* A view that borrows, as wr_view_of makes it. */
static inline __attribute__((always_inline)) void fast_view(const char *at, size_t length,
                                                            wr_view *out)
{
#if defined(__SSE4_1__)
    static const uint8_t keep[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    size_t kept = WR_MIN(length, (size_t)16);
    v = _mm_and_si128(v, _mm_loadu_si128((const __m128i *)(const void *)(keep + 16 - kept)));
    v = _mm_insert_epi32(_mm_slli_si128(v, 4), (int)length, 0);
    /* Whether a text is short cannot be foreseen: both ways are gone, the second half is chosen. */
    int64_t rest = _mm_extract_epi64(v, 1), place = (int64_t)(uintptr_t)at;
    __asm__("" : "+r"(place)); /* keeps this from becoming a branch again */
    rest = length <= 12 ? rest : place;
    _mm_storeu_si128((__m128i *)(void *)out, _mm_insert_epi64(v, rest, 1));
#else
    *out = wr_view_of(at, length);
#endif
}

/* Whether c is among the first length bytes. */
FAST_CELL fast_has_byte(const char *at, size_t length, char c)
{
#if defined(__SSE4_1__)
    if (length <= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
        unsigned found = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8(c)));
        return (found & ((1u << length) - 1)) != 0;
    }
#endif
    return length > 0 && memchr(at, c, length) != NULL;
}
