/* fast_cell.h - readers of the most frequent spellings of numbers and moments, for inner loops.
 * False means only "not so simple": the general reader of cell.h decides then. */
#pragma once
#include "fmt/cell.h"

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

/* Up to 18 digits with a sign. */
static inline bool fast_int(wr_str text, int64_t *out)
{
    const char *at = text.data, *end = text.data + text.length;
    bool negative = text.length > 0 && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 18) return false;
    uint64_t value = 0, part;
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
static inline bool fast_fixed(wr_str text, int64_t *out, int *scale)
{
    const char *at = text.data, *end = text.data + text.length;
    bool negative = text.length > 0 && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 19) return false;
    uint64_t value = 0;
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

static inline bool fast_decimal(wr_str text, int wanted_scale, int64_t limit, int64_t *out)
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

/* YYYY-MM-DD */
static inline bool fast_date(const char *at, int32_t *out)
{
    int century = two_digits(at), year = two_digits(at + 2), month = two_digits(at + 5),
        day = two_digits(at + 8);
    if (century < 0 || year < 0 || day < 1 || month < 1 || month > 12 || at[4] != '-' ||
        at[7] != '-')
        return false;
    year += century * 100;
    if (year < 1 || (day > 28 && !wr_date_valid(year, month, day))) return false;
    /* days from civil, years begin in March */
    int y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *out = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
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
