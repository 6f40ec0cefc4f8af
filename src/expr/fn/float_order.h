/* float_order.h - doubles as integers of the same order, for aggregates that compare and select:
 * NaN is above infinity, -0 just below 0. */
#pragma once
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline int64_t wr_float_order(double value)
{
    int64_t bits;
    if (value != value) return INT64_MAX;
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (int64_t)((uint64_t)(bits >> 63) >> 1);
}

/* The double that has this order. */
static inline double wr_float_of_order(int64_t order)
{
    double value;
    if (order == INT64_MAX) return NAN;
    int64_t bits = order ^ (int64_t)((uint64_t)(order >> 63) >> 1);
    memcpy(&value, &bits, sizeof value);
    return value;
}
