/* int128.c - powers of ten, digit counts, rounding division, and printing of integers and decimals.
 *
 * Printing works on pairs of digits in 64-bit pieces; a 128-bit value is cut into pieces of 19
 * digits first, because a 128-bit division costs as much as printing a whole piece. */
#include "base/int128.h"
#include <stdio.h>

#define E19 UINT64_C(10000000000000000000)
#define P(high, low) ((wr_i128)UINT64_C(high) * 10000000000000000000u + UINT64_C(low))

const wr_i128 wr_pow10[39] = {P(0, 1),
                              P(0, 10),
                              P(0, 100),
                              P(0, 1000),
                              P(0, 10000),
                              P(0, 100000),
                              P(0, 1000000),
                              P(0, 10000000),
                              P(0, 100000000),
                              P(0, 1000000000),
                              P(0, 10000000000),
                              P(0, 100000000000),
                              P(0, 1000000000000),
                              P(0, 10000000000000),
                              P(0, 100000000000000),
                              P(0, 1000000000000000),
                              P(0, 10000000000000000),
                              P(0, 100000000000000000),
                              P(0, 1000000000000000000),
                              P(1, 0),
                              P(10, 0),
                              P(100, 0),
                              P(1000, 0),
                              P(10000, 0),
                              P(100000, 0),
                              P(1000000, 0),
                              P(10000000, 0),
                              P(100000000, 0),
                              P(1000000000, 0),
                              P(10000000000, 0),
                              P(100000000000, 0),
                              P(1000000000000, 0),
                              P(10000000000000, 0),
                              P(100000000000000, 0),
                              P(1000000000000000, 0),
                              P(10000000000000000, 0),
                              P(100000000000000000, 0),
                              P(1000000000000000000, 0),
                              P(10000000000000000000, 0)};
#undef P

const int64_t wr_pow10_i64[19] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  10000000000,
                                  100000000000,
                                  1000000000000,
                                  10000000000000,
                                  100000000000000,
                                  1000000000000000,
                                  10000000000000000,
                                  100000000000000000,
                                  1000000000000000000};

static inline wr_u128 magnitude(wr_i128 value)
{
    return value < 0 ? -(wr_u128)value : (wr_u128)value;
}

static inline int digits_u64(uint64_t value)
{
    /* 1233 / 4096 is just above log10(2): the guess is right or one too high. */
    int guess = ((64 - __builtin_clzll(value | 1)) * 1233) >> 12;
    return guess + (guess == 19 ? value >= E19 : value >= (uint64_t)wr_pow10_i64[guess]);
}

static int digits_u128(wr_u128 value)
{
    if (!(uint64_t)(value >> 64)) {
        uint64_t small = (uint64_t)value;
        return small ? digits_u64(small) : 1;
    }
    int bits = 128 - __builtin_clzll((uint64_t)(value >> 64));
    int guess = (bits * 1233) >> 12;
    return guess + (guess <= 38 && value >= (wr_u128)wr_pow10[guess]);
}

int wr_i128_digits(wr_i128 value) { return digits_u128(magnitude(value)); }

/* ---- printing */

static const char pairs[201] =
    "00010203040506070809101112131415161718192021222324252627282930313233"
    "34353637383940414243444546474849505152535455565758596061626364656667"
    "6869707172737475767778798081828384858687888990919293949596979899";

/* Writes exactly count digits, with leading zeros. */
static inline void write_digits(uint64_t value, int count, char *out)
{
    int at = count;
    for (; at >= 2; at -= 2) {
        memcpy(out + at - 2, pairs + value % 100 * 2, 2);
        value /= 100;
    }
    if (at) out[0] = (char)('0' + value % 10);
}

int wr_u64_print(uint64_t value, char *out)
{
    int count = value ? digits_u64(value) : 1;
    write_digits(value, count, out);
    return count;
}

int wr_i64_print(int64_t value, char *out)
{
    if (value >= 0) return wr_u64_print((uint64_t)value, out);
    *out = '-';
    return 1 + wr_u64_print(-(uint64_t)value, out + 1);
}

static int print_u128(wr_u128 value, char *out)
{
    if (!(uint64_t)(value >> 64)) return wr_u64_print((uint64_t)value, out);
    wr_u128 high = value / E19;
    uint64_t low = (uint64_t)(value - high * E19);
    int count = print_u128(high, out);
    write_digits(low, 19, out + count);
    return count + 19;
}

int wr_i128_print(wr_i128 value, char *out)
{
    int sign = value < 0;
    if (sign) *out = '-';
    return sign + print_u128(magnitude(value), out + sign);
}

int wr_decimal_print(wr_i128 value, int scale, char *out)
{
    if (scale <= 0) return wr_i128_print(value, out);
    int sign = value < 0;
    if (sign) *out++ = '-';
    wr_u128 whole = magnitude(value);
    if (!(uint64_t)(whole >> 64) && scale <= 18) {
        uint64_t unit = (uint64_t)wr_pow10_i64[scale], small = (uint64_t)whole;
        int count = wr_u64_print(small / unit, out);
        out[count] = '.';
        write_digits(small % unit, scale, out + count + 1);
        return sign + count + 1 + scale;
    }
    char digits[48];
    int count = print_u128(whole, digits), before = count - scale;
    if (before <= 0) {
        memcpy(out, "0.", 2);
        memset(out + 2, '0', (size_t)-before);
        memcpy(out + 2 - before, digits, (size_t)count);
        return sign + 2 + scale;
    }
    memcpy(out, digits, (size_t)before);
    out[before] = '.';
    memcpy(out + before + 1, digits + before, (size_t)scale);
    return sign + count + 1;
}

/* ---- arithmetic */

wr_i128 wr_i128_round_div(wr_i128 value, int digits)
{
    if (digits <= 0) return value;
    if (digits > 38) return 0; /* |value| < 5 * 10^38 */
    wr_u128 unit = (wr_u128)wr_pow10[digits], whole = magnitude(value);
    wr_u128 quotient, rest;
    if (!(uint64_t)(whole >> 64) && digits <= 18) {
        quotient = (uint64_t)whole / (uint64_t)unit;
        rest = (uint64_t)whole % (uint64_t)unit;
    } else {
        quotient = whole / unit;
        rest = whole - quotient * unit;
    }
    quotient += rest >= unit - rest;
    return value < 0 ? -(wr_i128)quotient : (wr_i128)quotient;
}

double wr_i128_to_f64(wr_i128 value, int scale)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (scale <= 0) return (double)value;
    /* Two exact numbers: the division rounds once and correctly. */
    if (scale <= 22 && magnitude(value) <= (wr_u128)1 << 53) return (double)value / powers[scale];
    char text[48];
    double result = 0;
    int length = wr_decimal_print(value, scale, text);
    bool read = wr_f64_read((wr_str){text, (size_t)length}, &result);
    wr_assert(read);
    return result;
}
