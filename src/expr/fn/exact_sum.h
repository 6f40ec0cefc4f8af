/* exact_sum.h - the sum of doubles without rounding until it is read, hence independent of order
 * and of threads.
 *
 * A sum is an integer of 128 bits times a power of two, both chosen by the values seen: any values
 * whose sum and least bit lie within 126 bits of each other fit, which real data does. Others move
 * the sum into a number of full range on the heap. A zeroed object is an empty sum. */
#pragma once
#include "base/arena.h"
#include "base/int128.h"

#define WR_EXACT_WIDE 36
#define WR_EXACT_ONE 1074 /* position of the bit of value 1 */

enum { WR_EXACT_IS_WIDE = -(1 << 20), WR_EXACT_SHIFT_MAX = 73 };

typedef struct wr_exact_sum {
    uint64_t low, high; /* two's complement; is wide: low is the address of WR_EXACT_WIDE limbs */
    int32_t base;       /* position of bit 0, counted from 2^-1074; or WR_EXACT_IS_WIDE */
    uint32_t special;   /* bits: 1 NaN, 2 infinity, 4 -infinity */
} wr_exact_sum;

static inline void wr_exact_init(wr_exact_sum *sum) { *sum = (wr_exact_sum){0}; }

/* Values that do not fit the present base, zeros and what is not finite. */
void wr_exact_add_rare(wr_exact_sum *sum, double value, wr_arena *heap);
void wr_exact_add_int_rare(wr_exact_sum *sum, int64_t value, wr_arena *heap);

/* Adds value << shift; false if the sum would overflow. */
static inline bool wr_exact_place(wr_exact_sum *sum, int64_t value, uint32_t shift)
{
    wr_i128 total = (wr_i128)((wr_u128)sum->high << 64 | sum->low);
    if (__builtin_add_overflow(total, (wr_i128)((wr_u128)(wr_i128)value << shift), &total))
        return false;
    sum->low = (uint64_t)total;
    sum->high = (uint64_t)((wr_u128)total >> 64);
    return true;
}

static inline void wr_exact_add(wr_exact_sum *sum, double value, wr_arena *heap)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t exponent = (uint32_t)(bits >> 52) & 0x7ff;
    uint32_t shift = exponent - 1 - (uint32_t)sum->base;
    int64_t sign = (int64_t)bits >> 63;
    int64_t mantissa = (int64_t)((bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52);
    if (wr_likely(exponent - 1 < 0x7fe && shift <= WR_EXACT_SHIFT_MAX) &&
        wr_exact_place(sum, (mantissa ^ sign) - sign, shift))
        return;
    wr_exact_add_rare(sum, value, heap);
}

/* Adds an integer; the same as its double where that is exact. */
static inline void wr_exact_add_int(wr_exact_sum *sum, int64_t value, wr_arena *heap)
{
    uint32_t shift = WR_EXACT_ONE - (uint32_t)sum->base;
    if (wr_likely(shift < 64) && wr_exact_place(sum, value, shift)) return;
    wr_exact_add_int_rare(sum, value, heap);
}

/* All of values[0...count); the fast way for one group. */
void wr_exact_add_many(wr_exact_sum *sum, const double *values, uint32_t count, wr_arena *heap);
/* Adds the i-th of count values (rows sel[i], ascending; NULL: all; WR_BATCH_ROWS at most) to the
 * sum at rows[number[i]] + offset; numbers are less than groups, of which there are at most 256.
 * The fast way for few groups. False: one may not be finite, and nothing was added. */
bool wr_exact_add_few(const double *values, const uint16_t *sel, uint32_t count,
                      const uint8_t *number, uint32_t groups, uint8_t *const *rows, uint32_t offset,
                      wr_arena *heap);
void wr_exact_merge(wr_exact_sum *into, const wr_exact_sum *from, wr_arena *heap);
/* The exact sum rounded once to nearest-even; infinity if it is out of range. */
double wr_exact_read(const wr_exact_sum *sum);
void wr_exact_save(const wr_exact_sum *sum, wr_buf *out);
/* Takes its bytes from the front of *bytes. False if they are too short or malformed. */
bool wr_exact_load(wr_exact_sum *sum, wr_str *bytes, wr_arena *heap);
