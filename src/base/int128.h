/* int128.h - 128-bit integers, powers of ten, and text <-> number for integers and decimals. */
#pragma once
#include "base/text.h"

typedef __int128 wr_i128;
typedef unsigned __int128 wr_u128;
#define WR_I128_MAX ((wr_i128)(((wr_u128)1 << 127) - 1))
#define WR_I128_MIN (-WR_I128_MAX - 1)
#define WR_DECIMAL_DIGITS_MAX 38

extern const wr_i128 wr_pow10[39]; /* 10^0 ... 10^38 */
extern const int64_t wr_pow10_i64[19];
int wr_i128_digits(wr_i128 value); /* decimal digits of |value|; 1 for 0 */

/* Prints and returns the number of bytes; out needs 48. */
int wr_i128_print(wr_i128 value, char *out);
int wr_i64_print(int64_t value, char *out);
int wr_u64_print(uint64_t value, char *out);
/* value = unscaled; scale 2 and 1234 -> 12.34. */
int wr_decimal_print(wr_i128 value, int scale, char *out);
/* Shortest text that reads back as the same double, PostgreSQL's spelling (1e+20, Infinity, NaN);
 * out needs 32. */
int wr_f64_print(double value, char *out);
int wr_f32_print(float value, char *out);

/* Strict readers: the whole text must be consumed (surrounding blanks are allowed). false =
 * malformed or out of range; *overflow tells the two apart and may be NULL. Decimals round half
 * away from zero at scale; exponents are accepted. */
bool wr_i64_read(wr_str text, int64_t *out, bool *overflow);
bool wr_u64_read(wr_str text, uint64_t *out, bool *overflow);
bool wr_i128_read(wr_str text, wr_i128 *out, bool *overflow);
bool wr_f64_read(wr_str text, double *out); /* accepts inf, infinity, nan; correctly rounded */
bool wr_decimal_read(wr_str text, int precision, int scale, wr_i128 *out, bool *overflow);
/* Divides by 10^digits rounding half away from zero. */
wr_i128 wr_i128_round_div(wr_i128 value, int digits);
/* correctly rounded for scale 0; within 1 ulp otherwise */
double wr_i128_to_f64(wr_i128 value, int scale);
