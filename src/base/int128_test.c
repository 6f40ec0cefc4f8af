/* int128_test.c - integers, decimals and doubles to text and back. */
#include "base/int128.h"
#include "base/test.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t random_state = 88172645463325252u;
static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static const char *print_i128(wr_i128 value)
{
    static char out[64];
    out[wr_i128_print(value, out)] = '\0';
    return out;
}

static const char *print_decimal(wr_i128 value, int scale)
{
    static char out[64];
    out[wr_decimal_print(value, scale, out)] = '\0';
    return out;
}

static const char *print_f64(double value)
{
    static char out[64];
    out[wr_f64_print(value, out)] = '\0';
    return out;
}

static const char *print_f32(float value)
{
    static char out[64];
    out[wr_f32_print(value, out)] = '\0';
    return out;
}

static double f64_of(const char *text)
{
    double value = -12345;
    if (!wr_f64_read(wr_str_of(text), &value))
        wr_test_failed(__FILE__, __LINE__, "\"%s\" is refused", text);
    return value;
}

TEST(integers_print_like_printf)
{
    char want[64], got[64];
    for (int i = 0; i < 200000; i++) {
        int64_t value = (int64_t)(random_u64() >> (i % 64));
        if (i & 1) value = -value;
        snprintf(want, sizeof want, "%lld", (long long)value);
        got[wr_i64_print(value, got)] = '\0';
        EXPECT_TEXT(got, want);
        snprintf(want, sizeof want, "%llu", (unsigned long long)value);
        got[wr_u64_print((uint64_t)value, got)] = '\0';
        EXPECT_TEXT(got, want);
    }
    got[wr_i64_print(INT64_MIN, got)] = '\0';
    EXPECT_TEXT(got, "-9223372036854775808");
    EXPECT_TEXT(print_i128(WR_I128_MAX), "170141183460469231731687303715884105727");
    EXPECT_TEXT(print_i128(WR_I128_MIN), "-170141183460469231731687303715884105728");
    EXPECT_TEXT(print_i128(wr_pow10[19]), "10000000000000000000");
    EXPECT_TEXT(print_i128(wr_pow10[38]), "100000000000000000000000000000000000000");
}

TEST(digits_are_counted_at_every_power)
{
    EXPECT_INT(wr_i128_digits(0), 1);
    for (int i = 0; i < 39; i++) {
        EXPECT_INT(wr_i128_digits(wr_pow10[i]), i + 1);
        EXPECT_INT(wr_i128_digits(-wr_pow10[i]), i + 1);
        EXPECT_INT(wr_i128_digits(wr_pow10[i] - 1), i ? i : 1);
    }
    EXPECT_INT(wr_i128_digits(WR_I128_MIN), 39);
}

TEST(integers_read_what_was_printed_and_know_their_range)
{
    char text[64];
    for (int i = 0; i < 200000; i++) {
        wr_i128 value = (wr_i128)((wr_u128)random_u64() << 64 | random_u64()) >> (i % 128), back;
        int length = wr_i128_print(value, text);
        EXPECT(wr_i128_read((wr_str){text, (size_t)length}, &back, NULL) && back == value);
        int64_t small = (int64_t)value, small_back;
        length = wr_i64_print(small, text);
        EXPECT(wr_i64_read((wr_str){text, (size_t)length}, &small_back, NULL) &&
               small_back == small);
    }
    int64_t i64;
    uint64_t u64;
    wr_i128 i128;
    bool overflow;
    EXPECT(wr_i64_read(WR_STR("9223372036854775807"), &i64, NULL) && i64 == INT64_MAX);
    EXPECT(!wr_i64_read(WR_STR("9223372036854775808"), &i64, &overflow) && overflow);
    EXPECT(wr_i64_read(WR_STR("-9223372036854775808"), &i64, NULL) && i64 == INT64_MIN);
    EXPECT(!wr_i64_read(WR_STR("-9223372036854775809"), &i64, &overflow) && overflow);
    EXPECT(wr_i64_read(WR_STR("000000000000000000000000000000000000000000000000012"), &i64, NULL) &&
           i64 == 12);
    EXPECT(wr_u64_read(WR_STR("18446744073709551615"), &u64, NULL) && u64 == UINT64_MAX);
    EXPECT(!wr_u64_read(WR_STR("18446744073709551616"), &u64, &overflow) && overflow);
    EXPECT(!wr_u64_read(WR_STR("-1"), &u64, &overflow) && overflow);
    EXPECT(!wr_i128_read(WR_STR("170141183460469231731687303715884105728"), &i128, &overflow) &&
           overflow);
    EXPECT(!wr_i128_read(WR_STR("999999999999999999999999999999999999999999"), &i128, &overflow) &&
           overflow);
    EXPECT(wr_i64_read(WR_STR(" +7 \t"), &i64, NULL) && i64 == 7);
}

TEST(malformed_integers_are_refused_without_overflow)
{
    static const char *const bad[] = {"",
                                      " ",
                                      "-",
                                      "+",
                                      "1 2",
                                      "1.0",
                                      "1e3",
                                      "0x10",
                                      "--1",
                                      "a",
                                      "1a",
                                      "12345678a",
                                      "12345678901234567890a",
                                      "1:",
                                      "1/"};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        int64_t out;
        bool overflow = true;
        if (wr_i64_read(wr_str_of(bad[i]), &out, &overflow) || overflow)
            wr_test_failed(__FILE__, __LINE__, "\"%s\"", bad[i]);
    }
}

TEST(decimals_print_their_scale)
{
    EXPECT_TEXT(print_decimal(1234, 2), "12.34");
    EXPECT_TEXT(print_decimal(-5, 2), "-0.05");
    EXPECT_TEXT(print_decimal(0, 3), "0.000");
    EXPECT_TEXT(print_decimal(100, 0), "100");
    EXPECT_TEXT(print_decimal(1, 38), "0.00000000000000000000000000000000000001");
    EXPECT_TEXT(print_decimal(-wr_pow10[37], 20), "-100000000000000000.00000000000000000000");
    EXPECT_TEXT(print_decimal(wr_pow10[25], 25), "1.0000000000000000000000000");
}

static const char *reread(const char *text, int precision, int scale)
{
    wr_i128 value;
    bool overflow;
    if (!wr_decimal_read(wr_str_of(text), precision, scale, &value, &overflow))
        return overflow ? "overflow" : "malformed";
    return print_decimal(value, scale);
}

TEST(decimals_read_points_exponents_and_round_half_away)
{
    EXPECT_TEXT(reread("12.345", 10, 2), "12.35");
    EXPECT_TEXT(reread("-12.345", 10, 2), "-12.35");
    EXPECT_TEXT(reread("12.3449999999999999999999999999999999999999", 10, 2), "12.34");
    EXPECT_TEXT(reread("0.005", 10, 2), "0.01");
    EXPECT_TEXT(reread("0.0049", 10, 2), "0.00");
    EXPECT_TEXT(reread(".5", 10, 0), "1");
    EXPECT_TEXT(reread("5.", 10, 1), "5.0");
    EXPECT_TEXT(reread("1.5e3", 10, 1), "1500.0");
    EXPECT_TEXT(reread("1500e-3", 10, 1), "1.5");
    EXPECT_TEXT(reread("99.995", 4, 2), "overflow");
    EXPECT_TEXT(reread("99.994", 4, 2), "99.99");
    EXPECT_TEXT(reread("1e99999999999", 38, 0), "overflow");
    EXPECT_TEXT(reread("0e99999999999", 38, 0), "0");
    EXPECT_TEXT(reread("1e-99999999999", 38, 5), "0.00000");
    EXPECT_TEXT(reread("99999999999999999999999999999999999999", 38, 0),
                "99999999999999999999999999999999999999");
    EXPECT_TEXT(reread("100000000000000000000000000000000000000", 38, 0), "overflow");
    EXPECT_TEXT(reread("12345678901234567890.123456789012345678", 38, 18),
                "12345678901234567890.123456789012345678");
    EXPECT_TEXT(reread("000000000000000000000000000000000000000000001.25", 5, 2), "1.25");
    EXPECT_TEXT(reread(" 1 ", 5, 2), "1.00");
    EXPECT_TEXT(reread("1e", 5, 2), "malformed");
    EXPECT_TEXT(reread(".", 5, 2), "malformed");
    EXPECT_TEXT(reread("1.2.3", 5, 2), "malformed");
    EXPECT_TEXT(reread("NaN", 5, 2), "malformed");
}

TEST(decimals_read_what_was_printed)
{
    for (int i = 0; i < 200000; i++) {
        wr_i128 value = (wr_i128)((wr_u128)random_u64() << 64 | random_u64()) >> (i % 128), back;
        if (wr_i128_digits(value) > 38) value /= 10;
        int scale = i % 39;
        EXPECT(wr_decimal_read(wr_str_of(print_decimal(value, scale)), 38, scale, &back, NULL));
        EXPECT(back == value);
    }
}

TEST(rounding_division_rounds_half_away_from_zero)
{
    EXPECT_TEXT(print_i128(wr_i128_round_div(15, 1)), "2");
    EXPECT_TEXT(print_i128(wr_i128_round_div(-15, 1)), "-2");
    EXPECT_TEXT(print_i128(wr_i128_round_div(14, 1)), "1");
    EXPECT_TEXT(print_i128(wr_i128_round_div(5 * wr_pow10[37], 38)), "1");
    EXPECT_TEXT(print_i128(wr_i128_round_div(-(5 * wr_pow10[37] - 1), 38)), "0");
    EXPECT_TEXT(print_i128(wr_i128_round_div(WR_I128_MAX, 39)), "0");
    EXPECT_TEXT(print_i128(wr_i128_round_div(WR_I128_MIN, 20)), "-1701411834604692317");
    EXPECT_TEXT(print_i128(wr_i128_round_div(7, 0)), "7");
}

TEST(decimals_become_the_nearest_double)
{
    for (int i = 0; i < 100000; i++) {
        wr_i128 value = (wr_i128)((wr_u128)random_u64() << 64 | random_u64()) >> (i % 127 + 1);
        int scale = i % 39;
        double want = strtod(print_decimal(value, scale), NULL);
        EXPECT(wr_i128_to_f64(value, scale) == want);
    }
}

TEST(doubles_are_spelled_as_postgresql_does)
{
    EXPECT_TEXT(print_f64(0), "0");
    EXPECT_TEXT(print_f64(-0.0), "-0");
    EXPECT_TEXT(print_f64(1), "1");
    EXPECT_TEXT(print_f64(0.1), "0.1");
    EXPECT_TEXT(print_f64(0.1 + 0.2), "0.30000000000000004");
    EXPECT_TEXT(print_f64(100), "100");
    EXPECT_TEXT(print_f64(123456789012345), "123456789012345");
    EXPECT_TEXT(print_f64(1e14), "100000000000000");
    EXPECT_TEXT(print_f64(1e15), "1e+15");
    EXPECT_TEXT(print_f64(1234567890123456), "1.234567890123456e+15");
    EXPECT_TEXT(print_f64(1e20), "1e+20");
    EXPECT_TEXT(print_f64(0.0001), "0.0001");
    EXPECT_TEXT(print_f64(0.00001), "1e-05");
    EXPECT_TEXT(print_f64(-1.5e-7), "-1.5e-07");
    EXPECT_TEXT(print_f64(1e300), "1e+300");
    EXPECT_TEXT(print_f64(5e-324), "5e-324");
    EXPECT_TEXT(print_f64(1.7976931348623157e308), "1.7976931348623157e+308");
    EXPECT_TEXT(print_f64(2.2250738585072014e-308), "2.2250738585072014e-308");
    EXPECT_TEXT(print_f64(1e23), "9.999999999999999e+22");
    EXPECT_TEXT(print_f64(INFINITY), "Infinity");
    EXPECT_TEXT(print_f64(-INFINITY), "-Infinity");
    EXPECT_TEXT(print_f64(NAN), "NaN");
    EXPECT_TEXT(print_f32(0.1f), "0.1");
    EXPECT_TEXT(print_f32(16777216.0f), "1.6777216e+07");
    EXPECT_TEXT(print_f32(123456.0f), "123456");
    EXPECT_TEXT(print_f32(1e6f), "1e+06");
    EXPECT_TEXT(print_f32(3.4028235e38f), "3.4028235e+38");
    EXPECT_TEXT(print_f32(1e-45f), "1e-45");
}

/* True if text lies exactly between value and a neighbour: it reads back only by rounding to even.
 */
static bool is_halfway(const char *text, double value)
{
    long double at = strtold(text, NULL);
    long double above = nextafter(value, INFINITY), below = nextafter(value, -INFINITY);
    return at == (above + value) / 2 || at == (below + value) / 2;
}

/* The fewest digits with which printf's correctly rounded output reads back. */
static int fewest_digits(double value)
{
    char text[64];
    for (int digits = 1; digits < 17; digits++) {
        snprintf(text, sizeof text, "%.*e", digits - 1, value);
        if (strtod(text, NULL) == value && !is_halfway(text, value)) return digits;
    }
    return 17;
}

static int digits_in(const char *text)
{
    int count = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text < '0' || *text > '9' || (*text == '0' && count == 0)) continue;
        count++;
        zeros = *text == '0' ? zeros + 1 : 0;
    }
    return count - zeros;
}

TEST(doubles_print_shortest_and_read_back)
{
    for (int i = 0; i < 300000; i++) {
        uint64_t bits = random_u64();
        if (i % 8 == 1) bits &= ~UINT64_C(0) << 52;                /* powers of two */
        if (i % 8 == 2) bits &= (UINT64_C(1) << (i % 52 + 1)) - 1; /* subnormal */
        double value;
        memcpy(&value, &bits, sizeof value);
        if (i % 8 == 3) value = (double)(int64_t)(bits >> (i % 64)) / 1000;
        if (isnan(value) || isinf(value)) continue;
        const char *text = print_f64(value);
        if (strtod(text, NULL) != value || f64_of(text) != value)
            wr_test_failed(__FILE__, __LINE__, "%.17g printed as %s", value, text);
        if (i % 10 == 0 && digits_in(text) > fewest_digits(value))
            wr_test_failed(__FILE__, __LINE__, "%s is not the shortest of %.17g", text, value);
    }
}

TEST(floats_print_and_read_back)
{
    for (uint64_t bits = 0; bits < UINT64_C(1) << 32; bits += 8191) {
        uint32_t word = (uint32_t)bits;
        float value;
        memcpy(&value, &word, sizeof value);
        if (isnan(value)) continue;
        const char *text = print_f32(value);
        if (strtof(text, NULL) != value)
            wr_test_failed(__FILE__, __LINE__, "%.9g printed as %s", (double)value, text);
    }
}

TEST(doubles_read_as_the_c_library_does)
{
    char text[128];
    for (int i = 0; i < 400000; i++) {
        int digits = i % 25 + 1, length = 0, point = (int)(random_u64() % 26);
        for (int k = 0; k < digits; k++) {
            if (k == point) text[length++] = '.';
            text[length++] = (char)('0' + random_u64() % 10);
        }
        int range = i % 3 == 0 ? 700 : 60;
        snprintf(text + length, 16, "e%d", (int)(random_u64() % (unsigned)range) - range / 2);
        double want = strtod(text, NULL), got;
        bool ok = wr_f64_read(wr_str_of(text), &got);
        if (ok != !isinf(want) || (ok && got != want))
            wr_test_failed(__FILE__, __LINE__, "%s read as %.17g", text, got);
    }
}

TEST(hard_doubles_are_read_correctly)
{
    static const char *const hard[] = {
        "9007199254740993",
        "9007199254740992.5",
        "9007199254740993.00000000000000000000000000001",
        "2.2250738585072011e-308",
        "2.2250738585072012e-308",
        "4.9406564584124654e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "1.7976931348623158e308",
        "0.1e-400",
        "7.2057594037927933e16",
        "1e23",
        "8.5e-323",
        "89255e-22",
        "3.5844466002796428e+298",
        "1448997445238699",
        "0.000000000000000000000000000000000000001",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
        "342711559699508093042880177904174497791"};
    for (size_t i = 0; i < WR_COUNT(hard); i++) {
        double want = strtod(hard[i], NULL), got = f64_of(hard[i]);
        if (got != want) wr_test_failed(__FILE__, __LINE__, "%s read as %.17g", hard[i], got);
    }
}

TEST(doubles_accept_names_and_refuse_rubbish)
{
    EXPECT(isnan(f64_of("NaN")));
    EXPECT(f64_of("-Infinity") == -INFINITY);
    EXPECT(f64_of("+inf") == INFINITY);
    EXPECT(f64_of(" 1.5 ") == 1.5);
    EXPECT(f64_of(".5") == 0.5 && f64_of("5.") == 5 && f64_of("-.5E+1") == -5);
    EXPECT(signbit(f64_of("-0")));
    static const char *const bad[] = {"",     " ",    ".",     "e5",     "1e",    "1e+",
                                      "1.5x", "0x10", "1e400", "-1e400", "infin", "1 2",
                                      "1..2", "--1",  "nanx",  "1e5.5"};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        double out;
        if (wr_f64_read(wr_str_of(bad[i]), &out))
            wr_test_failed(__FILE__, __LINE__, "\"%s\" is accepted", bad[i]);
    }
}
