/* int128_read.c - text to integers, decimals and doubles. See int128.h.
 *
 * One scanner splits sign, digits, point and exponent; it reads eight digits at a time and lets the
 * 64-bit mantissa wrap, because nearly all numbers have at most 19 digits and the rest is read
 * again. A double is found in three steps, each exact or declining: both parts exactly
 * representable (one multiplication or division); a 64 x 128-bit product with a table of powers of
 * ten (Lemire's method); the C library. Traps: the C library's decimal point follows the locale, so
 * its "C" variant is used. */
#include "base/int128.h"
#include "base/mem.h"
#include <limits.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>

static inline bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
static inline unsigned digit_of(char c) { return (unsigned)(unsigned char)c - '0'; }

static inline wr_str trimmed(wr_str text)
{
    bool padded = text.length && (is_blank(text.data[0]) || is_blank(text.data[text.length - 1]));
    return wr_unlikely(padded) ? wr_str_trim(text) : text;
}

static inline bool eight_digits(const char *at, uint64_t *word)
{
    memcpy(word, at, sizeof *word);
    uint64_t high = *word & UINT64_C(0xF0F0F0F0F0F0F0F0);
    uint64_t carried = (*word + UINT64_C(0x0606060606060606)) & UINT64_C(0xF0F0F0F0F0F0F0F0);
    return (high | carried >> 4) == UINT64_C(0x3333333333333333);
}

static inline uint64_t value_of_eight(uint64_t word)
{
    const uint64_t mask = UINT64_C(0x000000FF000000FF);
    word -= UINT64_C(0x3030303030303030);
    word = word * 10 + (word >> 8);
    return ((word & mask) * UINT64_C(0x000F424000000064) +
            ((word >> 16) & mask) * UINT64_C(0x0000271000000001)) >>
           32;
}

/* Reads a run of digits into *value, which wraps; returns the first byte that is none. */
static inline const char *read_run(const char *at, const char *end, uint64_t *value)
{
    uint64_t v = *value, word;
    while (end - at >= 8 && eight_digits(at, &word)) {
        v = v * 100000000 + value_of_eight(word);
        at += 8;
    }
    for (; at < end && digit_of(*at) < 10; at++)
        v = v * 10 + digit_of(*at);
    *value = v;
    return at;
}

/* ---- integers */

/* Reads sign and digits. Returns false on malformed text or past 2^128, which sets *overflow. */
static bool read_integer(wr_str text, bool *negative, wr_u128 *out, bool *overflow)
{
    *overflow = false;
    text = trimmed(text);
    const char *at = text.data, *end = at + text.length;
    *negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    uint64_t small = 0;
    if (wr_likely(end - at <= 19)) {
        if (read_run(at, end, &small) != end) return false;
        *out = small;
        return true;
    }
    wr_u128 value = 0;
    for (; at < end; at++) {
        unsigned digit = digit_of(*at);
        if (digit > 9) return false;
        if (value > (~(wr_u128)0 - digit) / 10) *overflow = true;
        value = value * 10 + digit;
    }
    *out = value;
    return !*overflow;
}

bool wr_u64_read(wr_str text, uint64_t *out, bool *overflow)
{
    bool negative, over;
    wr_u128 value = 0;
    bool ok = read_integer(text, &negative, &value, &over);
    if (ok && (value > UINT64_MAX || (negative && value))) over = true;
    if (overflow) *overflow = over;
    if (!ok || over) return false;
    *out = (uint64_t)value;
    return true;
}

bool wr_i64_read(wr_str text, int64_t *out, bool *overflow)
{
    bool negative, over;
    wr_u128 value = 0;
    bool ok = read_integer(text, &negative, &value, &over);
    if (ok && value > (wr_u128)INT64_MAX + negative) over = true;
    if (overflow) *overflow = over;
    if (!ok || over) return false;
    *out = negative ? (int64_t) - (uint64_t)value : (int64_t)value;
    return true;
}

bool wr_i128_read(wr_str text, wr_i128 *out, bool *overflow)
{
    bool negative, over;
    wr_u128 value = 0;
    bool ok = read_integer(text, &negative, &value, &over);
    if (ok && value > (wr_u128)WR_I128_MAX + negative) over = true;
    if (overflow) *overflow = over;
    if (!ok || over) return false;
    *out = negative ? (wr_i128)-value : (wr_i128)value;
    return true;
}

/* ---- numbers with a point and an exponent */

typedef struct scanned {
    bool negative;
    uint64_t mantissa;        /* all digits, wrapped */
    const char *digits, *end; /* the digits and the point among them */
    size_t count;             /* digits, leading zeros included */
    int64_t point;            /* value = digits as an integer * 10^point */
} scanned;

/* Reads an exponent behind 'e'; values far beyond any type are clamped. */
static bool scan_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (at == end) return false;
    int64_t value = 0;
    for (; at < end; at++) {
        if (digit_of(*at) > 9) return false;
        if (value < INT32_MAX) value = value * 10 + digit_of(*at);
    }
    *out = negative ? -value : value;
    return true;
}

static inline bool scan(wr_str text, scanned *s)
{
    const char *at = text.data, *end = at + text.length;
    s->negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) at++;
    s->digits = at;
    s->mantissa = 0;
    at = read_run(at, end, &s->mantissa);
    s->count = (size_t)(at - s->digits);
    s->point = 0;
    if (at < end && *at == '.') {
        const char *fraction = at + 1;
        at = read_run(fraction, end, &s->mantissa);
        s->count += (size_t)(at - fraction);
        s->point = fraction - at;
    }
    s->end = at;
    if (s->count == 0) return false;
    if (at == end) return true;
    int64_t exponent = 0;
    if ((*at | 32) != 'e' || !scan_exponent(at + 1, end, &exponent)) return false;
    s->point += exponent;
    return true;
}

/* Drops leading zeros (and a point among them) from the digits. */
static void skip_zeros(scanned *s)
{
    for (; s->digits < s->end && (*s->digits == '0' || *s->digits == '.'); s->digits++)
        s->count -= *s->digits == '0';
}

/* The value of the first `count` digits, at most 38. */
static wr_u128 first_digits(const scanned *s, int64_t count)
{
    wr_u128 value = 0;
    for (const char *at = s->digits; count > 0 && at < s->end; at++) {
        if (*at == '.') continue;
        value = value * 10 + digit_of(*at);
        count--;
    }
    return value;
}

static unsigned digit_at(const scanned *s, int64_t index)
{
    for (const char *at = s->digits; at < s->end; at++)
        if (*at != '.' && index-- == 0) return digit_of(*at);
    return 0;
}

/* Sets *out to the digits * 10^shift rounded half away from zero; false if that takes over 38
 * digits. */
static bool shift_digits(scanned *s, int64_t shift, wr_u128 *out)
{
    skip_zeros(s);
    int64_t kept = (int64_t)s->count + shift;
    *out = 0;
    if (s->count == 0 || kept < 0) return true;
    if (kept > 38) return false;
    int64_t read = WR_MIN(kept, (int64_t)s->count);
    *out = first_digits(s, read) * (wr_u128)wr_pow10[kept - read];
    if (shift < 0 && digit_at(s, kept) >= 5) ++*out;
    return true;
}

bool wr_decimal_read(wr_str text, int precision, int scale, wr_i128 *out, bool *overflow)
{
    scanned s;
    if (overflow) *overflow = false;
    if (!scan(trimmed(text), &s)) return false;
    int64_t shift = s.point + scale;
    wr_u128 value;
    bool fits = true;
    if (wr_likely(s.count <= 19 && shift >= 0 && shift <= 19))
        value = (wr_u128)s.mantissa * (wr_u128)wr_pow10[shift];
    else
        fits = shift_digits(&s, shift, &value);
    if (!fits || value >= (wr_u128)wr_pow10[precision]) {
        if (overflow) *overflow = true;
        return false;
    }
    *out = s.negative ? -(wr_i128)value : (wr_i128)value;
    return true;
}

/* ---- doubles */

typedef struct pow10_row {
    uint64_t high, low;
} pow10_row;

enum { POW10_FIRST = -342, POW10_LAST = 308 };
static const pow10_row pow10_table[] = {
#include "gen/pow10.inc"
};

static double from_bits(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The upper 128 bits of mantissa * 10^exponent10, mantissa's top bit being set. The low half of the
 * table's row is brought in only when it could change a bit that is looked at. For 10^-27 to 10^-1
 * the row is taken rounded up: these can divide the mantissa, and then the product comes out exact.
 */
static wr_u128 product_of(uint64_t mantissa, int exponent10)
{
    const pow10_row *row = &pow10_table[exponent10 - POW10_FIRST];
    wr_u128 product = (wr_u128)mantissa * row->high;
    if (((uint64_t)(product >> 64) & 0x1FF) == 0x1FF) {
        uint64_t low = row->low + (exponent10 < 0 && exponent10 >= -27);
        product += (uint64_t)(((wr_u128)mantissa * low) >> 64);
    }
    return product;
}

/* Sets *out to the double nearest to mantissa * 10^exponent10. Returns false if it cannot tell. */
static bool nearest_f64(uint64_t mantissa, int64_t exponent10, double *out)
{
    *out = 0;
    if (mantissa == 0 || exponent10 < POW10_FIRST) return true;
    *out = INFINITY;
    if (exponent10 > POW10_LAST) return true;
    int q = (int)exponent10, zeros = __builtin_clzll(mantissa);
    wr_u128 product = product_of(mantissa << zeros, q);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    if (low == UINT64_MAX && (q < -27 || q > 55)) return false;
    int top = (int)(high >> 63), cut = top + 9; /* keeps 54 bits: 53 and one to round by */
    uint64_t bits = high >> cut;
    int exponent = ((217706 * q) >> 16) + 63 + top - zeros + 1023; /* 217706 / 2^16 = log2(10) */
    if (exponent <= 0) {                                           /* subnormal */
        if (exponent < -62) {
            *out = 0;
            return true;
        }
        bits >>= 1 - exponent;
        bits = (bits + (bits & 1)) >> 1; /* carrying into bit 52 makes it normal, as it should */
        *out = from_bits(bits);
        return true;
    }
    /* Exactly halfway (possible only for small exponents): to even, not up. */
    if (low <= 1 && q >= -4 && q <= 23 && (bits & 3) == 1 && bits << cut == high)
        bits &= ~UINT64_C(1);
    bits = (bits + (bits & 1)) >> 1;
    if (bits >> 53) bits >>= 1, exponent++;
    if (exponent < 0x7ff)
        *out = from_bits((bits & ~(UINT64_C(1) << 52)) | (uint64_t)exponent << 52);
    return true;
}

static locale_t c_locale;
__attribute__((constructor)) static void make_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static double library_f64(wr_str text)
{
    char small[128];
    char *copy = text.length < sizeof small ? small : wr_heap_raw(text.length + 1);
    memcpy(copy, text.data, text.length);
    copy[text.length] = '\0';
    double value = strtod_l(copy, NULL, c_locale);
    if (copy != small) wr_heap_drop(copy);
    return value < 0 ? -value : value;
}

static double value_of(scanned *s, wr_str text)
{
    static const double exact[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    double value, above;
    if (wr_unlikely(s->count > 19)) skip_zeros(s);
    if (wr_likely(s->count <= 19)) {
        if (s->mantissa <= UINT64_C(1) << 53 && s->point >= -22 && s->point <= 22) {
            double whole = (double)s->mantissa;
            return s->point < 0 ? whole / exact[-s->point] : whole * exact[s->point];
        }
        return nearest_f64(s->mantissa, s->point, &value) ? value : library_f64(text);
    }
    /* The digits left out put the value between two neighbours; if these agree, it is theirs. */
    uint64_t start = (uint64_t)first_digits(s, 19);
    int64_t point = s->point + (int64_t)s->count - 19;
    bool sure = nearest_f64(start, point, &value) && nearest_f64(start + 1, point, &above);
    return sure && value == above ? value : library_f64(text);
}

static bool read_named(wr_str text, double *out)
{
    bool negative = text.length && text.data[0] == '-';
    if (text.length && (text.data[0] == '-' || text.data[0] == '+')) text.data++, text.length--;
    if (wr_str_is(text, "nan"))
        *out = NAN;
    else if (wr_str_is(text, "inf") || wr_str_is(text, "infinity"))
        *out = negative ? -INFINITY : INFINITY;
    else
        return false;
    return true;
}

bool wr_f64_read(wr_str text, double *out)
{
    scanned s;
    text = trimmed(text);
    if (!scan(text, &s)) return read_named(text, out);
    double value = value_of(&s, text);
    if (value > 1.7976931348623157e308) return false;
    *out = s.negative ? -value : value;
    return true;
}
