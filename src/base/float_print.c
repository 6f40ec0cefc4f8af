/* float_print.c - the shortest decimal that reads back as the same float or double. See int128.h.
 *
 * A double c * 2^q stands for all reals nearer to it than to its neighbours. Scaled by a power of
 * ten 10^-k chosen so that this interval is between 1 and 10 wide, it holds an integer, which is
 * the answer; one or two candidates are tried (the Schubfach method of R. Giulietti). Products with
 * the table of powers of ten are rounded to odd, which keeps comparisons exact. The ends of the
 * interval are left out, also where reading would round to even: so does PostgreSQL. The spelling
 * is PostgreSQL's too: exponents from -4 to 14 (floats: 5) are written out. */
#include "base/int128.h"

typedef struct decimal {
    uint64_t digits;
    int exponent; /* value = digits * 10^exponent */
} decimal;

typedef struct pow10_row {
    uint64_t high, low;
} pow10_row;

enum { POW10_FIRST = -342 };
static const pow10_row pow10_table[] = {
#include "gen/pow10.inc"
};

static inline int floor_log2_pow10(int e) { return (e * 1741647) >> 19; }
static inline int floor_log10_pow2(int e, bool three_quarters)
{
    return (e * 1262611 - (three_quarters ? 524031 : 0)) >> 22;
}

/* floor(row * c / 2^128) with the last bit set if anything was cut off. */
static inline uint64_t times_to_odd(pow10_row row, uint64_t c)
{
    uint64_t from_low = (uint64_t)(((wr_u128)row.low * c) >> 64);
    wr_u128 sum = (wr_u128)row.high * c + from_low;
    return (uint64_t)(sum >> 64) | ((uint64_t)sum > 1);
}

/* The table rounds down; the method wants the next value up where the power is not exact. */
static inline pow10_row rounded_up(int exponent)
{
    pow10_row row = pow10_table[exponent - POW10_FIRST];
    if (exponent < 0 || exponent > 55) row.high += ++row.low == 0;
    return row;
}

/* Picks the best integer, given the value and its interval's ends in quarters of 10^k. */
static decimal pick(uint64_t low4, uint64_t value4, uint64_t high4, int k)
{
    uint64_t lower = low4 + 1, upper = high4 - 1, s = value4 / 4;
    if (s >= 10) {
        uint64_t tens = s / 10;
        bool down_fits = lower <= 40 * tens, up_fits = 40 * tens + 40 <= upper;
        if (down_fits != up_fits) return (decimal){tens + up_fits, k + 1};
    }
    bool down_fits = lower <= 4 * s, up_fits = 4 * s + 4 <= upper;
    if (down_fits != up_fits) return (decimal){s + up_fits, k};
    uint64_t middle = 4 * s + 2;
    bool up = value4 > middle || (value4 == middle && (s & 1));
    return (decimal){s + up, k};
}

/* c * 2^q; uneven: the neighbour below is nearer (c is a power of two). */
static decimal shortest_f64(uint64_t c, int q, bool uneven)
{
    if (q <= 0 && q > -53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
        return (decimal){c >> -q, 0}; /* an integer */
    int k = floor_log10_pow2(q, uneven), h = q + floor_log2_pow10(-k) + 1;
    pow10_row row = rounded_up(-k);
    return pick(times_to_odd(row, (4 * c - 2 + uneven) << h), times_to_odd(row, (4 * c) << h),
                times_to_odd(row, (4 * c + 2) << h), k);
}

static inline uint64_t times_to_odd_f32(uint64_t power, uint64_t c)
{
    wr_u128 product = (wr_u128)power * c;
    return (uint64_t)(product >> 64) | ((uint32_t)(product >> 32) > 1);
}

static decimal shortest_f32(uint64_t c, int q, bool uneven)
{
    if (q <= 0 && q > -24 && (c & ((UINT64_C(1) << -q) - 1)) == 0) return (decimal){c >> -q, 0};
    int k = floor_log10_pow2(q, uneven), h = q + floor_log2_pow10(-k) + 1;
    uint64_t power = pow10_table[-k - POW10_FIRST].high + (k > 0 || -k > 27);
    return pick(times_to_odd_f32(power, (4 * c - 2 + uneven) << h),
                times_to_odd_f32(power, (4 * c) << h), times_to_odd_f32(power, (4 * c + 2) << h),
                k);
}

/* Writes 0.00123, 123.4, 12300 or 1.23e+45. */
static int write_decimal(decimal d, int exponent_max, char *out)
{
    while (d.digits % 10 == 0)
        d.digits /= 10, d.exponent++;
    char digits[24];
    int count = wr_u64_print(d.digits, digits), exponent = d.exponent + count - 1;
    char *at = out;
    if (exponent < -4 || exponent > exponent_max) {
        *at++ = digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, (size_t)(count - 1));
            at += count - 1;
        }
        *at++ = 'e';
        *at++ = exponent < 0 ? '-' : '+';
        int size = exponent < 0 ? -exponent : exponent;
        if (size < 10) *at++ = '0';
        at += wr_u64_print((uint64_t)size, at);
    } else if (exponent < 0) {
        memcpy(at, "0.0000", 6);
        at += 1 - exponent;
        memcpy(at, digits, (size_t)count);
        at += count;
    } else if (d.exponent >= 0) {
        memcpy(at, digits, (size_t)count);
        memset(at + count, '0', (size_t)d.exponent);
        at += count + d.exponent;
    } else {
        memcpy(at, digits, (size_t)exponent + 1);
        at[exponent + 1] = '.';
        memcpy(at + exponent + 2, digits + exponent + 1, (size_t)(count - exponent - 1));
        at += count + 1;
    }
    return (int)(at - out);
}

static int write_name(const char *name, char *out)
{
    size_t length = strlen(name);
    memcpy(out, name, length);
    return (int)length;
}

int wr_f64_print(double value, char *out)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    int exponent = (int)(bits >> 52 & 0x7ff), sign = (int)(bits >> 63);
    if (exponent == 0x7ff && fraction) return write_name("NaN", out);
    if (sign) *out++ = '-';
    if (exponent == 0x7ff) return sign + write_name("Infinity", out);
    if (exponent == 0 && fraction == 0) return sign + write_name("0", out);
    decimal d = exponent ? shortest_f64(fraction | UINT64_C(1) << 52, exponent - 1075,
                                        fraction == 0 && exponent > 1)
                         : shortest_f64(fraction, -1074, false);
    return sign + write_decimal(d, 14, out);
}

int wr_f32_print(float value, char *out)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
    int exponent = (int)(bits >> 23 & 0xff), sign = (int)(bits >> 31);
    if (exponent == 0xff && fraction) return write_name("NaN", out);
    if (sign) *out++ = '-';
    if (exponent == 0xff) return sign + write_name("Infinity", out);
    if (exponent == 0 && fraction == 0) return sign + write_name("0", out);
    decimal d = exponent ? shortest_f32(fraction | UINT32_C(1) << 23, exponent - 150,
                                        fraction == 0 && exponent > 1)
                         : shortest_f32(fraction, -149, false);
    return sign + write_decimal(d, 5, out);
}
