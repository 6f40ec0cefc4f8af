/* numeric.c - rounding, sign, integer arithmetic and random numbers.
 *
 * Rounding follows PostgreSQL: decimals half away from zero, doubles half to even; round(x, n) on
 * doubles half away. Decimals of any width are read as 128-bit integers (their storage follows
 * their precision) and written back at the width of the result; a result that does not fit its
 * precision is an error. Logarithms and trigonometry: numeric_real.c.
 */
#include "expr/fn/call.h"
#include "sys/clock.h"
#include <math.h>

static weir_status put_decimal(wr_call *call, wr_column *out, uint32_t i, wr_i128 value)
{
    wr_i128 limit = wr_pow10[out->type->precision];
    if (value >= limit || value <= -limit)
        return wr_bad_row(call, i,
                          wr_fail(WR_E_OUT_OF_RANGE, "the result is out of the range of %s",
                                  wr_type_name(out->type)));
    wr_out_int(out, i, value);
    return WR_OK;
}

/* ---- rounding ---- */

typedef enum round_mode { ROUND_HALF, ROUND_ZERO, ROUND_UP, ROUND_DOWN } round_mode;

/* value / 10^digits in the given mode, 0 <= digits <= 38. */
static wr_i128 divide(wr_i128 value, int digits, round_mode mode)
{
    if (mode == ROUND_HALF) return wr_i128_round_div(value, digits);
    wr_i128 by = wr_pow10[digits], quotient = value / by, rest = value % by;
    if (mode == ROUND_UP && rest > 0) quotient++;
    if (mode == ROUND_DOWN && rest < 0) quotient--;
    return quotient;
}

/* Digits wanted after the point; without an argument 0. */
static int64_t digits_of(const wr_call *call, uint32_t i)
{
    return call->arg_count > 1 ? WR_ARG(call, 1, int64_t, i) : 0;
}

static weir_status round_decimals(wr_call *call, wr_column *out, round_mode mode)
{
    int have = call->args[0].type->scale, want = out->type->scale;
    WR_ROWS(i)
    {
        wr_i128 value = wr_column_i128(&call->args[0], i);
        int64_t digits = WR_MAX(WR_MIN(digits_of(call, i), 38), -38);
        int cut = have - (int)WR_MIN(digits, have); /* decimal places that go */
        value = cut > 38 ? 0 : divide(value, cut, mode);
        int shift = want - (have - cut); /* what is left has have - cut places, perhaps negative */
        if (shift >= 0) {
            if (shift > 38 ? value != 0 : __builtin_mul_overflow(value, wr_pow10[shift], &value))
                return wr_bad_row(
                    call, i, wr_fail(WR_E_OUT_OF_RANGE, "the rounded number has too many digits"));
        }
        WR_TRY(put_decimal(call, out, i, value));
    }
    return WR_OK;
}
static weir_status fn_round_decimal(wr_call *call, wr_column *out)
{
    return round_decimals(call, out, ROUND_HALF);
}
static weir_status fn_trunc_decimal(wr_call *call, wr_column *out)
{
    return round_decimals(call, out, ROUND_ZERO);
}
static weir_status fn_ceil_decimal(wr_call *call, wr_column *out)
{
    return round_decimals(call, out, ROUND_UP);
}
static weir_status fn_floor_decimal(wr_call *call, wr_column *out)
{
    return round_decimals(call, out, ROUND_DOWN);
}

/* The result keeps the places asked for by a constant, one digit more before the point. */
static weir_status bind_round(wr_fn_bind *b)
{
    const wr_type *type = b->args[0]->type;
    int before = type->precision - type->scale + 1, scale = 0;
    wr_value digits;
    if (b->arg_count > 1) {
        scale = type->scale;
        if (wr_bind_const(b, 1, &digits) && !digits.is_null) {
            scale = (int)WR_MAX(WR_MIN(digits.i64, 38), 0);
            if (digits.i64 < 0) before = WR_MAX(before, (int)WR_MIN(-digits.i64, 37) + 1);
        }
    }
    before = WR_MIN(before, 38);
    scale = WR_MIN(scale, WR_MAX(38 - before, WR_MIN(scale, type->scale)));
    b->type = wr_type_decimal(WR_MIN(before + scale, 38), scale);
    return WR_OK;
}

static double round_half_even(double x) { return rint(x); }
static weir_status round_doubles(wr_call *call, wr_column *out, double (*whole)(double),
                                 double (*places)(double))
{
    const double *restrict x = call->args[0].data;
    double *restrict to = out->data;
    if (call->arg_count == 1) {
        WR_ROWS(i) { to[i] = whole(x[i]); }
        return WR_OK;
    }
    WR_ROWS(i)
    {
        int64_t digits = WR_MAX(WR_MIN(digits_of(call, i), 400), -400);
        double factor = pow(10, (double)(digits < 0 ? -digits : digits));
        double scaled = digits < 0 ? x[i] / factor : x[i] * factor;
        double rounded = places(scaled);
        if (!isfinite(scaled))
            to[i] = digits < 0 ? 0 : x[i];
        else
            to[i] = digits < 0 ? rounded * factor : rounded / factor;
        if (isnan(x[i])) to[i] = x[i];
    }
    return WR_OK;
}
static weir_status fn_round_double(wr_call *call, wr_column *out)
{
    return round_doubles(call, out, round_half_even, round);
}
static weir_status fn_trunc_double(wr_call *call, wr_column *out)
{
    return round_doubles(call, out, trunc, trunc);
}
static weir_status fn_ceil_double(wr_call *call, wr_column *out)
{
    return round_doubles(call, out, ceil, ceil);
}
static weir_status fn_floor_double(wr_call *call, wr_column *out)
{
    return round_doubles(call, out, floor, floor);
}

/* Integers are whole already; only negative places do anything. */
static weir_status integers(wr_call *call, wr_column *out, round_mode mode)
{
    WR_ROWS(i)
    {
        wr_i128 value = wr_column_i128(&call->args[0], i);
        int64_t digits = digits_of(call, i);
        if (digits < 0)
            value = digits < -38 ? 0 : divide(value, (int)-digits, mode) * wr_pow10[-digits];
        if (value != (int64_t)value && out->phys != WR_P_I128)
            return wr_bad_row(call, i,
                              wr_fail(WR_E_OUT_OF_RANGE, "the rounded number is out of range"));
        wr_out_int(out, i, value);
    }
    return WR_OK;
}
static weir_status fn_round_integer(wr_call *call, wr_column *out)
{
    return integers(call, out, ROUND_HALF);
}
static weir_status fn_trunc_integer(wr_call *call, wr_column *out)
{
    return integers(call, out, ROUND_ZERO);
}
static weir_status bind_same(wr_fn_bind *b)
{
    b->type = b->args[0]->type;
    return WR_OK;
}

static double to_even(double x)
{
    double up = x < 0 ? floor(x) : ceil(x);
    return fmod(up, 2) == 0 ? up : up + (x < 0 ? -1 : 1);
}
static weir_status fn_even(wr_call *call, wr_column *out)
{
    return round_doubles(call, out, to_even, to_even);
}

/* ---- sign and classes ---- */

static weir_status fn_sign_int(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_i128 value = wr_column_i128(&call->args[0], i);
        WR_OUT(out, int32_t, i) = (value > 0) - (value < 0);
    }
    return WR_OK;
}
static weir_status fn_sign_double(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double x = WR_ARG(call, 0, double, i);
        WR_OUT(out, double, i) = (x > 0) - (x < 0); /* not a number: 0 */
    }
    return WR_OK;
}
static weir_status fn_isnan(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = isnan(WR_ARG(call, 0, double, i)) != 0; }
    return WR_OK;
}
static weir_status fn_isinf(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = isinf(WR_ARG(call, 0, double, i)) != 0; }
    return WR_OK;
}
static weir_status fn_isfinite(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = isfinite(WR_ARG(call, 0, double, i)) != 0; }
    return WR_OK;
}
static weir_status fn_signbit(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = signbit(WR_ARG(call, 0, double, i)) != 0; }
    return WR_OK;
}
static weir_status fn_nextafter(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, double, i) = nextafter(WR_ARG(call, 0, double, i), WR_ARG(call, 1, double, i));
    }
    return WR_OK;
}

/* ---- whole numbers ---- */

static weir_status by_zero(wr_call *call, uint32_t i)
{
    return wr_bad_row(call, i,
                      wr_with_hint(wr_fail(WR_E_DIVISION_BY_ZERO, "division by zero"),
                                   "try_divide() gives NULL instead"));
}

static weir_status fn_mod_int(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t a = WR_ARG(call, 0, int64_t, i), b = WR_ARG(call, 1, int64_t, i);
        if (!b) return by_zero(call, i);
        WR_OUT(out, int64_t, i) = b == -1 ? 0 : a % b;
    }
    return WR_OK;
}
static weir_status fn_mod_double(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double b = WR_ARG(call, 1, double, i);
        if (b == 0) return by_zero(call, i);
        WR_OUT(out, double, i) = fmod(WR_ARG(call, 0, double, i), b);
    }
    return WR_OK;
}
/* Both decimals are brought to the larger scale first. */
static weir_status fn_mod_decimal(wr_call *call, wr_column *out)
{
    int scale = out->type->scale, up_a = scale - call->args[0].type->scale,
        up_b = scale - call->args[1].type->scale;
    WR_ROWS(i)
    {
        wr_i128 a = wr_column_i128(&call->args[0], i), b = wr_column_i128(&call->args[1], i);
        if (!b) return by_zero(call, i);
        if (__builtin_mul_overflow(a, wr_pow10[up_a], &a) ||
            __builtin_mul_overflow(b, wr_pow10[up_b], &b))
            return wr_bad_row(call, i,
                              wr_fail(WR_E_OUT_OF_RANGE, "the numbers have too many digits"));
        WR_TRY(put_decimal(call, out, i, a % b));
    }
    return WR_OK;
}
static weir_status bind_mod(wr_fn_bind *b)
{
    const wr_type *x = b->args[0]->type, *y = b->args[1]->type;
    int scale = WR_MAX(x->scale, y->scale),
        before = WR_MAX(x->precision - x->scale, y->precision - y->scale);
    b->type = wr_type_decimal(WR_MAX(WR_MIN(scale + before, 38), 1), scale);
    return WR_OK;
}
static weir_status fn_div_int(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t a = WR_ARG(call, 0, int64_t, i), b = WR_ARG(call, 1, int64_t, i);
        if (!b) return by_zero(call, i);
        if (b == -1 && a == INT64_MIN)
            return wr_bad_row(
                call, i, wr_fail(WR_E_OUT_OF_RANGE, "the quotient is out of the range of BIGINT"));
        WR_OUT(out, int64_t, i) = a / b;
    }
    return WR_OK;
}
static weir_status fn_div_double(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double b = WR_ARG(call, 1, double, i);
        if (b == 0) return by_zero(call, i);
        WR_OUT(out, double, i) = trunc(WR_ARG(call, 0, double, i) / b);
    }
    return WR_OK;
}
static weir_status fn_try_divide_int(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t a = WR_ARG(call, 0, int64_t, i), b = WR_ARG(call, 1, int64_t, i);
        if (!b || (b == -1 && a == INT64_MIN))
            wr_out_null(call, out, i);
        else
            WR_OUT(out, int64_t, i) = a / b;
    }
    return WR_OK;
}
static weir_status fn_try_divide_double(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double b = WR_ARG(call, 1, double, i);
        if (b == 0)
            wr_out_null(call, out, i);
        else
            WR_OUT(out, double, i) = WR_ARG(call, 0, double, i) / b;
    }
    return WR_OK;
}

static uint64_t magnitude(int64_t x) { return x < 0 ? -(uint64_t)x : (uint64_t)x; }
static uint64_t gcd_of(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b, b = rest;
    }
    return a;
}
static weir_status fn_gcd(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        uint64_t g =
            gcd_of(magnitude(WR_ARG(call, 0, int64_t, i)), magnitude(WR_ARG(call, 1, int64_t, i)));
        if (g > INT64_MAX)
            return wr_bad_row(
                call, i, wr_fail(WR_E_OUT_OF_RANGE, "the result is out of the range of BIGINT"));
        WR_OUT(out, int64_t, i) = (int64_t)g;
    }
    return WR_OK;
}
static weir_status fn_lcm(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        uint64_t a = magnitude(WR_ARG(call, 0, int64_t, i)),
                 b = magnitude(WR_ARG(call, 1, int64_t, i)), result = 0;
        if (a && b && (__builtin_mul_overflow(a / gcd_of(a, b), b, &result) || result > INT64_MAX))
            return wr_bad_row(
                call, i, wr_fail(WR_E_OUT_OF_RANGE, "the result is out of the range of BIGINT"));
        WR_OUT(out, int64_t, i) = (int64_t)result;
    }
    return WR_OK;
}
static weir_status fn_factorial(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t n = WR_ARG(call, 0, int64_t, i);
        if (n < 0)
            return wr_bad_row(
                call, i, wr_fail(WR_E_BAD_ARGUMENT, "factorial of a negative number is undefined"));
        if (n > 33)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_OUT_OF_RANGE, "the factorial of %lld is out of range", (long long)n));
        wr_i128 product = 1;
        for (int64_t k = 2; k <= n; k++)
            product *= k;
        WR_OUT(out, wr_i128, i) = product;
    }
    return WR_OK;
}
static weir_status fn_bit_count(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int64_t, i) = __builtin_popcountll(WR_ARG(call, 0, uint64_t, i)); }
    return WR_OK;
}
/* Of narrower types the bits of their own width count. */
static weir_status fn_bit_count_int(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int64_t, i) = __builtin_popcount(WR_ARG(call, 0, uint32_t, i)); }
    return WR_OK;
}
static weir_status fn_bit_count_blob(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_str s = wr_arg_str(call, 0, i);
        int64_t bits = 0;
        for (size_t k = 0; k < s.length; k++)
            bits += __builtin_popcount((uint8_t)s.data[k]);
        WR_OUT(out, int64_t, i) = bits;
    }
    return WR_OK;
}

static weir_status fn_width_bucket(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double x = WR_ARG(call, 0, double, i), lo = WR_ARG(call, 1, double, i),
               hi = WR_ARG(call, 2, double, i);
        int64_t count = WR_ARG(call, 3, int64_t, i), bucket;
        if (count <= 0 || count > INT32_MAX - 1)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "the count of buckets must be greater than zero"));
        if (isnan(x) || !isfinite(lo) || !isfinite(hi) || lo == hi)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT,
                        "the bounds must be finite and differ, the operand a number"));
        bool reversed = lo > hi;
        double position = reversed ? (lo - x) / (lo - hi) : (x - lo) / (hi - lo);
        if (position < 0)
            bucket = 0;
        else if (position >= 1)
            bucket = count + 1;
        else
            bucket = (int64_t)(position * (double)count) + 1;
        WR_OUT(out, int32_t, i) = (int32_t)WR_MIN(bucket, count + 1);
    }
    return WR_OK;
}

/* ---- scale of decimals ---- */

static int least_scale(wr_i128 value, int scale)
{
    while (scale > 0 && value % 10 == 0)
        value /= 10, scale--;
    return scale;
}
static weir_status fn_scale(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, int32_t, i) = call->args[0].type->scale; }
    return WR_OK;
}
static weir_status fn_min_scale(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, int32_t, i) =
            least_scale(wr_column_i128(&call->args[0], i), call->args[0].type->scale);
    }
    return WR_OK;
}
/* A column has one scale, so the shortened number is text. */
static weir_status fn_trim_scale(wr_call *call, wr_column *out)
{
    wr_text_out text = {call->arena, NULL, NULL};
    WR_ROWS(i)
    {
        char digits[48];
        wr_i128 value = wr_column_i128(&call->args[0], i);
        int scale = call->args[0].type->scale, least = least_scale(value, scale);
        int n = wr_decimal_print(value / wr_pow10[scale - least], least, digits);
        WR_OUT(out, wr_view, i) = wr_text_add(&text, digits, (size_t)n);
    }
    return WR_OK;
}

/* ---- random ---- */

typedef struct random_state {
    uint64_t s[4];
} random_state;

/* xoshiro256**, seeded from the engine's generator, which setseed controls. */
static uint64_t next_random(random_state *r)
{
    uint64_t *s = r->s;
    if (!(s[0] | s[1] | s[2] | s[3]))
        for (int k = 0; k < 4; k++)
            s[k] = wr_random_u64() | 1;
    uint64_t result = s[1] * 5, t = s[1] << 17;
    result = (result << 7 | result >> 57) * 9;
    s[2] ^= s[0], s[3] ^= s[1], s[1] ^= s[2], s[0] ^= s[3], s[2] ^= t;
    s[3] = s[3] << 45 | s[3] >> 19;
    return result;
}
static weir_status fn_random(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, double, i) = (double)(next_random(call->state) >> 11) * 0x1p-53; }
    return WR_OK;
}
static weir_status fn_random_range(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t lo = WR_ARG(call, 0, int64_t, i), hi = WR_ARG(call, 1, int64_t, i);
        if (lo > hi)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "the lower bound must not be above the upper bound"));
        uint64_t width = (uint64_t)hi - (uint64_t)lo, r = next_random(call->state);
        if (width != UINT64_MAX) r = (uint64_t)((wr_u128)r * (width + 1) >> 64);
        WR_OUT(out, int64_t, i) = (int64_t)((uint64_t)lo + r);
    }
    return WR_OK;
}
static weir_status fn_setseed(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double seed = WR_ARG(call, 0, double, i);
        if (!(seed >= -1 && seed <= 1))
            return wr_bad_row(call, i,
                              wr_fail(WR_E_BAD_ARGUMENT, "the seed must lie between -1 and 1"));
        uint64_t bits;
        memcpy(&bits, &seed, sizeof bits);
        wr_random_seed(bits);
        wr_out_str(out, i, WR_STR(""));
    }
    return WR_OK;
}

#define ROUNDING(names, decimal_fn, double_fn, integer_fn, help, example, result)         \
    {names,  "(decimal) -> auto",     decimal_fn,        help, example,                   \
     result, .flags = WR_FN_CAN_FAIL, .bind = bind_round},                                \
        {names, "(double) -> double", double_fn, help, example, result},                  \
    {                                                                                     \
        names, "(integer_) -> auto", integer_fn, help, example, result, .bind = bind_same \
    }

const wr_fn wr_fns_numeric[] = {
    ROUNDING("round", fn_round_decimal, fn_round_double, fn_round_integer,
             "The nearest whole number.", "round(42.5)", "43"),
    {"round", "(decimal, digits bigint) -> auto", fn_round_decimal,
     "Rounded to some digits after the point.", "round(42.4382, 2)", "42.44",
     .flags = WR_FN_CAN_FAIL, .bind = bind_round},
    {"round", "(double, digits bigint) -> double", fn_round_double,
     "Rounded to some digits after the point.", "round(42.4382::double, 2)", "42.44"},
    {"round", "(integer_, digits bigint) -> auto", fn_round_integer,
     "Rounded; negative digits round to tens, hundreds ...", "round(1250, -2)", "1300",
     .flags = WR_FN_CAN_FAIL, .bind = bind_same},
    ROUNDING("trunc|truncate", fn_trunc_decimal, fn_trunc_double, fn_trunc_integer,
             "The number without its fraction.", "trunc(-42.8)", "-42"),
    {"trunc|truncate", "(decimal, digits bigint) -> auto", fn_trunc_decimal,
     "Cut to some digits after the point.", "trunc(42.4382, 2)", "42.43", .flags = WR_FN_CAN_FAIL,
     .bind = bind_round},
    {"trunc|truncate", "(double, digits bigint) -> double", fn_trunc_double,
     "Cut to some digits after the point.", "trunc(42.4382::double, 2)", "42.43"},
    {"trunc|truncate", "(integer_, digits bigint) -> auto", fn_trunc_integer,
     "Cut; negative digits cut to tens, hundreds ...", "trunc(1250, -2)", "1200",
     .flags = WR_FN_CAN_FAIL, .bind = bind_same},
    ROUNDING("ceil|ceiling", fn_ceil_decimal, fn_ceil_double, fn_trunc_integer,
             "The next whole number up.", "ceil(42.2)", "43"),
    ROUNDING("floor", fn_floor_decimal, fn_floor_double, fn_trunc_integer,
             "The next whole number down.", "floor(-42.8)", "-43"),
    {"even", "(double) -> double", fn_even, "The next even whole number away from zero.",
     "even(2.9)", "4"},
    {"sign", "(integer_) -> integer", fn_sign_int, "-1, 0 or 1.", "sign(-8)", "-1"},
    {"sign", "(decimal) -> integer", fn_sign_int, "-1, 0 or 1.", "sign(-8.4)", "-1"},
    {"sign", "(double) -> double", fn_sign_double, "-1, 0 or 1.", "sign(-8.4::double)", "-1"},
    {"isnan", "(double) -> boolean", fn_isnan, "True for NaN.", "isnan('NaN'::double)", "true"},
    {"isinf", "(double) -> boolean", fn_isinf, "True for infinity and -infinity.",
     "isinf('-Infinity'::double)", "true"},
    {"isfinite", "(double) -> boolean", fn_isfinite, "False for NaN and the infinities.",
     "isfinite(1.5::double)", "true"},
    {"signbit", "(double) -> boolean", fn_signbit, "True if the sign bit is set.",
     "signbit(-1.0::double)", "true"},
    {"nextafter", "(double, toward double) -> double", fn_nextafter,
     "The next floating-point number in a direction.", "nextafter(1::double, 2::double)",
     "1.0000000000000002"},
    {"mod", "(bigint, divisor bigint) -> bigint", fn_mod_int,
     "Remainder of the division, with the sign of the dividend.", "mod(-7, 3)", "-1",
     .flags = WR_FN_CAN_FAIL},
    {"mod", "(decimal, divisor decimal) -> auto", fn_mod_decimal, "Remainder of the division.",
     "mod(7.5, 2.0)", "1.5", .flags = WR_FN_CAN_FAIL, .bind = bind_mod},
    {"mod|fmod", "(double, divisor double) -> double", fn_mod_double, "Remainder of the division.",
     "mod(7.5::double, 2::double)", "1.5", .flags = WR_FN_CAN_FAIL},
    {"div", "(bigint, divisor bigint) -> bigint", fn_div_int, "Quotient without its fraction.",
     "div(-7, 2)", "-3", .flags = WR_FN_CAN_FAIL},
    {"div|fdiv", "(double, divisor double) -> double", fn_div_double,
     "Quotient without its fraction.", "div(7.5::double, 2::double)", "3", .flags = WR_FN_CAN_FAIL},
    {"try_divide", "(bigint, divisor bigint) -> bigint", fn_try_divide_int,
     "As /, but NULL when the divisor is zero.", "try_divide(7, 0)", "NULL"},
    {"try_divide", "(double, divisor double) -> double", fn_try_divide_double,
     "As /, but NULL when the divisor is zero.", "try_divide(7::double, 2::double)", "3.5"},
    {"gcd|greatest_common_divisor", "(bigint, bigint) -> bigint", fn_gcd,
     "Greatest common divisor.", "gcd(1071, 462)", "21", .flags = WR_FN_CAN_FAIL},
    {"lcm|least_common_multiple", "(bigint, bigint) -> bigint", fn_lcm, "Least common multiple.",
     "lcm(1071, 462)", "23562", .flags = WR_FN_CAN_FAIL},
    {"factorial|!", "(bigint) -> hugeint", fn_factorial, "Product of the whole numbers up to n.",
     "factorial(5)", "120", .flags = WR_FN_CAN_FAIL},
    {"bit_count", "(integer) -> bigint", fn_bit_count_int, "Number of bits that are set.",
     "bit_count(255)", "8"},
    {"bit_count", "(bigint) -> bigint", fn_bit_count, "Number of bits that are set.",
     "bit_count(-1::bigint)", "64"},
    {"bit_count", "(blob) -> bigint", fn_bit_count_blob, "Number of bits that are set.",
     "bit_count('\\x0f0f'::blob)", "8"},
    {"width_bucket", "(x double, low double, high double, count bigint) -> integer",
     fn_width_bucket,
     "Number of the bucket x falls in when low to high is cut into count equal ones.",
     "width_bucket(5.35, 0.024, 10.06, 5)", "3", .flags = WR_FN_CAN_FAIL},
    {"scale", "(decimal) -> integer", fn_scale, "Digits after the point of the type.",
     "scale(8.4100)", "4"},
    {"min_scale", "(decimal) -> integer", fn_min_scale, "Digits after the point that are needed.",
     "min_scale(8.4100)", "2"},
    {"trim_scale", "(decimal) -> text", fn_trim_scale,
     "The number without zeros at its end, as text.", "trim_scale(8.4100)", "8.41"},
    {"random|rand", "() -> double", fn_random, "A random number from 0 to below 1.", "random() < 1",
     "true", .flags = WR_FN_VOLATILE, .state_size = sizeof(random_state)},
    {"random", "(low bigint, high bigint) -> bigint", fn_random_range,
     "A random whole number between two bounds.", "random(3, 3)", "3",
     .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL, .state_size = sizeof(random_state)},
    {"setseed", "(seed double) -> text", fn_setseed,
     "Makes the random numbers of later statements repeatable.", "setseed(0.5)", "",
     .flags = WR_FN_VOLATILE | WR_FN_CAN_FAIL},
    {0},
};
