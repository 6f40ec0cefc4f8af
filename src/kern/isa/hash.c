/* hash.c - hashes of columns, the same numbers as col/hash.h gives one by one; built once per
 * instruction set. */
#include "col/hash.h"
#include "kern/isa/isa.h"

/* Without a 64-bit multiplication for vectors, one by one is faster than what takes its place. */
#if defined(__GNUC__) && !defined(__clang__) && !defined(__AVX512DQ__)
#pragma GCC optimize("no-tree-vectorize")
#endif

#define HASH_INTS(name, T)                                                                    \
    static void name(const void *restrict in, int64_t base, uint64_t *restrict out, size_t n) \
    {                                                                                         \
        for (size_t i = 0; i < n; i++)                                                        \
            out[i] = wr_hash_i64((int64_t)((uint64_t)((const T *)in)[i] + (uint64_t)base));   \
    }
HASH_INTS(hash_I8, int8_t)
HASH_INTS(hash_I16, int16_t)
HASH_INTS(hash_I32, int32_t)
HASH_INTS(hash_I64, int64_t)
HASH_INTS(hash_U8, uint8_t)
HASH_INTS(hash_U16, uint16_t)
HASH_INTS(hash_U32, uint32_t)

static void hash_I128(const void *restrict in, int64_t base, uint64_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = wr_hash_i128(((const wr_i128 *)in)[i] + base);
}

static void hash_U64(const void *restrict in, int64_t base, uint64_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = wr_hash_i128((wr_i128)((const uint64_t *)in)[i] + base);
}

static void hash_F64(const void *restrict in, uint64_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = wr_hash_f64(((const double *)in)[i]);
}

static void hash_F32(const void *restrict in, uint64_t *restrict out, size_t n)
{
    for (size_t i = 0; i < n; i++)
        out[i] = wr_hash_f64((double)((const float *)in)[i]);
}

static void combine(uint64_t *restrict into, const uint64_t *restrict next, size_t n)
{
    for (size_t i = 0; i < n; i++)
        into[i] = wr_hash_combine(into[i], next[i]);
}

extern const wr_kern_hashes WR_ISA_NAME(wr_kern_hashes);
const wr_kern_hashes WR_ISA_NAME(wr_kern_hashes) = {
    .ints = {[WR_P_I8] = hash_I8,
             [WR_P_I16] = hash_I16,
             [WR_P_I32] = hash_I32,
             [WR_P_I64] = hash_I64,
             [WR_P_I128] = hash_I128,
             [WR_P_U8] = hash_U8,
             [WR_P_U16] = hash_U16,
             [WR_P_U32] = hash_U32,
             [WR_P_U64] = hash_U64},
    .floats = {[WR_P_F32] = hash_F32, [WR_P_F64] = hash_F64},
    .combine = combine,
};
