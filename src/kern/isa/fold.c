/* fold.c - smallest, largest, sum of a column; built once per instruction set. */
#include "kern/isa/isa.h"

#define RANGE(name, T)                                                                 \
    static void name(const void *in_, size_t n, int64_t *lo, int64_t *hi)              \
    {                                                                                  \
        const T *in = in_;                                                             \
        T least = in[0], most = in[0];                                                 \
        for (size_t i = 1; i < n; i++)                                                 \
            least = in[i] < least ? in[i] : least, most = in[i] > most ? in[i] : most; \
        *lo = least, *hi = most;                                                       \
    }
RANGE(range_I8, int8_t)
RANGE(range_I16, int16_t)
RANGE(range_I32, int32_t)
RANGE(range_I64, int64_t)

/* Blocks short enough for 64-bit totals. */
#define SUM(name, T)                               \
    static wr_i128 name(const void *in_, size_t n) \
    {                                              \
        int64_t total = 0;                         \
        for (size_t i = 0; i < n; i++)             \
            total += ((const T *)in_)[i];          \
        return total;                              \
    }
SUM(sum_I8, int8_t)
SUM(sum_I16, int16_t)
SUM(sum_I32, int32_t)

/* The halves are added apart: low words unsigned, high words signed, neither can overflow in 2^32
 * rows. */
static wr_i128 sum_I64(const void *in_, size_t n)
{
    const int64_t *in = in_;
    uint64_t low = 0;
    int64_t high = 0;
    for (size_t i = 0; i < n; i++) {
        low += (uint32_t)in[i];
        high += in[i] >> 32;
    }
    return ((wr_i128)high << 32) + low;
}

static void range_f64(const double *in, size_t n, double *lo, double *hi)
{
    double least = in[0], most = in[0];
    for (size_t i = 1; i < n; i++) {
        least = in[i] < least ? in[i] : least;
        most = in[i] > most ? in[i] : most;
    }
    *lo = least, *hi = most;
}

extern const wr_kern_folds WR_ISA_NAME(wr_kern_folds);
const wr_kern_folds WR_ISA_NAME(wr_kern_folds) = {
    .range = {[WR_P_I8] = range_I8,
              [WR_P_I16] = range_I16,
              [WR_P_I32] = range_I32,
              [WR_P_I64] = range_I64},
    .sum = {[WR_P_I8] = sum_I8, [WR_P_I16] = sum_I16, [WR_P_I32] = sum_I32, [WR_P_I64] = sum_I64},
    .range_f64 = range_f64,
};
