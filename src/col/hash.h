/* hash.h - the hash of one value, shared by wr_column_hash and the kernels.
 *
 * Equal values hash alike whatever width, base or dictionary holds them: integers by their value,
 * floating numbers as doubles with one zero and one NaN, text by its bytes. Combining is
 * order-dependent. Pure functions, any thread. */
#pragma once
#include "col/column.h"

#define WR_HASH_NULL UINT64_C(0x9ae16a3b2f90404f)
#define WR_HASH_SEED UINT64_C(0)

static inline uint64_t wr_hash_u64(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* The hash of a row of several columns: start with the hash of the first, then combine the others
 * in order. */
static inline uint64_t wr_hash_combine(uint64_t h, uint64_t next)
{
    h = (h ^ (h >> 29)) * UINT64_C(0x9e3779b97f4a7c15) + next;
    return h ^ h >> 32;
}

static inline uint64_t wr_hash_i64(int64_t v) { return wr_hash_u64((uint64_t)v); }

static inline uint64_t wr_hash_i128(wr_i128 v)
{
    int64_t low = (int64_t)v;
    if (low == v) return wr_hash_i64(low);
    return wr_hash_combine(wr_hash_i64(low), (uint64_t)(v >> 64));
}

static inline uint64_t wr_hash_f64(double v)
{
    uint64_t bits;
    if (v == 0) v = 0;
    memcpy(&bits, &v, 8);
    if (v != v) bits = UINT64_C(0x7ff8000000000000);
    return wr_hash_u64(bits);
}

static inline uint64_t wr_hash_view(const wr_view *v)
{
    if (v->length > 12) return wr_hash_bytes(v->pointer, v->length);
    return wr_hash_combine(wr_hash_u64(v->words[0]), wr_hash_u64(v->words[1]));
}

/* As intervals compare: months of 30 days, days of 24 hours. */
static inline uint64_t wr_hash_interval(wr_interval v)
{
    return wr_hash_i128(wr_interval_order(v));
}
