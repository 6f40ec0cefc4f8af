/* move.c - changing widths, gathering by row number, decoding dictionaries; built once per
 * instruction set. */
#include "kern/isa/isa.h"

#define CONVERT(name, S, D)                                                               \
    static void name(const void *restrict in, int64_t base, void *restrict out, size_t n) \
    {                                                                                     \
        for (size_t i = 0; i < n; i++)                                                    \
            ((D *)out)[i] = (D)((D)((const S *)in)[i] + (D)base);                         \
    }
CONVERT(I8_to_I8, int8_t, int8_t)
CONVERT(I8_to_I16, int8_t, int16_t)
CONVERT(I8_to_I32, int8_t, int32_t)
CONVERT(I8_to_I64, int8_t, int64_t)
CONVERT(I8_to_I128, int8_t, wr_i128)
CONVERT(I8_to_U8, int8_t, uint8_t)
CONVERT(I8_to_U16, int8_t, uint16_t)
CONVERT(I8_to_U32, int8_t, uint32_t)
CONVERT(I8_to_U64, int8_t, uint64_t)
CONVERT(I16_to_I8, int16_t, int8_t)
CONVERT(I16_to_I16, int16_t, int16_t)
CONVERT(I16_to_I32, int16_t, int32_t)
CONVERT(I16_to_I64, int16_t, int64_t)
CONVERT(I16_to_I128, int16_t, wr_i128)
CONVERT(I16_to_U8, int16_t, uint8_t)
CONVERT(I16_to_U16, int16_t, uint16_t)
CONVERT(I16_to_U32, int16_t, uint32_t)
CONVERT(I16_to_U64, int16_t, uint64_t)
CONVERT(I32_to_I8, int32_t, int8_t)
CONVERT(I32_to_I16, int32_t, int16_t)
CONVERT(I32_to_I32, int32_t, int32_t)
CONVERT(I32_to_I64, int32_t, int64_t)
CONVERT(I32_to_I128, int32_t, wr_i128)
CONVERT(I32_to_U8, int32_t, uint8_t)
CONVERT(I32_to_U16, int32_t, uint16_t)
CONVERT(I32_to_U32, int32_t, uint32_t)
CONVERT(I32_to_U64, int32_t, uint64_t)
CONVERT(I64_to_I8, int64_t, int8_t)
CONVERT(I64_to_I16, int64_t, int16_t)
CONVERT(I64_to_I32, int64_t, int32_t)
CONVERT(I64_to_I64, int64_t, int64_t)
CONVERT(I64_to_I128, int64_t, wr_i128)
CONVERT(I64_to_U8, int64_t, uint8_t)
CONVERT(I64_to_U16, int64_t, uint16_t)
CONVERT(I64_to_U32, int64_t, uint32_t)
CONVERT(I64_to_U64, int64_t, uint64_t)
CONVERT(I128_to_I8, wr_i128, int8_t)
CONVERT(I128_to_I16, wr_i128, int16_t)
CONVERT(I128_to_I32, wr_i128, int32_t)
CONVERT(I128_to_I64, wr_i128, int64_t)
CONVERT(I128_to_I128, wr_i128, wr_i128)
CONVERT(I128_to_U8, wr_i128, uint8_t)
CONVERT(I128_to_U16, wr_i128, uint16_t)
CONVERT(I128_to_U32, wr_i128, uint32_t)
CONVERT(I128_to_U64, wr_i128, uint64_t)
CONVERT(U8_to_I8, uint8_t, int8_t)
CONVERT(U8_to_I16, uint8_t, int16_t)
CONVERT(U8_to_I32, uint8_t, int32_t)
CONVERT(U8_to_I64, uint8_t, int64_t)
CONVERT(U8_to_I128, uint8_t, wr_i128)
CONVERT(U8_to_U8, uint8_t, uint8_t)
CONVERT(U8_to_U16, uint8_t, uint16_t)
CONVERT(U8_to_U32, uint8_t, uint32_t)
CONVERT(U8_to_U64, uint8_t, uint64_t)
CONVERT(U16_to_I8, uint16_t, int8_t)
CONVERT(U16_to_I16, uint16_t, int16_t)
CONVERT(U16_to_I32, uint16_t, int32_t)
CONVERT(U16_to_I64, uint16_t, int64_t)
CONVERT(U16_to_I128, uint16_t, wr_i128)
CONVERT(U16_to_U8, uint16_t, uint8_t)
CONVERT(U16_to_U16, uint16_t, uint16_t)
CONVERT(U16_to_U32, uint16_t, uint32_t)
CONVERT(U16_to_U64, uint16_t, uint64_t)
CONVERT(U32_to_I8, uint32_t, int8_t)
CONVERT(U32_to_I16, uint32_t, int16_t)
CONVERT(U32_to_I32, uint32_t, int32_t)
CONVERT(U32_to_I64, uint32_t, int64_t)
CONVERT(U32_to_I128, uint32_t, wr_i128)
CONVERT(U32_to_U8, uint32_t, uint8_t)
CONVERT(U32_to_U16, uint32_t, uint16_t)
CONVERT(U32_to_U32, uint32_t, uint32_t)
CONVERT(U32_to_U64, uint32_t, uint64_t)
CONVERT(U64_to_I8, uint64_t, int8_t)
CONVERT(U64_to_I16, uint64_t, int16_t)
CONVERT(U64_to_I32, uint64_t, int32_t)
CONVERT(U64_to_I64, uint64_t, int64_t)
CONVERT(U64_to_I128, uint64_t, wr_i128)
CONVERT(U64_to_U8, uint64_t, uint8_t)
CONVERT(U64_to_U16, uint64_t, uint16_t)
CONVERT(U64_to_U32, uint64_t, uint32_t)
CONVERT(U64_to_U64, uint64_t, uint64_t)

#define GATHER(name, T, C)                                                      \
    static void name(const void *restrict in, const C *restrict rows, size_t n, \
                     void *restrict out)                                        \
    {                                                                           \
        for (size_t i = 0; i < n; i++)                                          \
            ((T *)out)[i] = ((const T *)in)[rows[i]];                           \
    }
GATHER(take8_0, uint8_t, uint8_t)
GATHER(take8_1, uint16_t, uint8_t)
GATHER(take8_2, uint32_t, uint8_t)
GATHER(take8_3, uint64_t, uint8_t)
GATHER(take8_4, wr_u128, uint8_t)
GATHER(take16_0, uint8_t, uint16_t)
GATHER(take16_1, uint16_t, uint16_t)
GATHER(take16_2, uint32_t, uint16_t)
GATHER(take16_3, uint64_t, uint16_t)
GATHER(take16_4, wr_u128, uint16_t)
GATHER(take32_0, uint8_t, uint32_t)
GATHER(take32_1, uint16_t, uint32_t)
GATHER(take32_2, uint32_t, uint32_t)
GATHER(take32_3, uint64_t, uint32_t)
GATHER(take32_4, wr_u128, uint32_t)

extern const wr_kern_moves WR_ISA_NAME(wr_kern_moves);
const wr_kern_moves WR_ISA_NAME(wr_kern_moves) = {
    .convert = {[WR_P_I8] = {[WR_P_I8] = I8_to_I8,
                             [WR_P_I16] = I8_to_I16,
                             [WR_P_I32] = I8_to_I32,
                             [WR_P_I64] = I8_to_I64,
                             [WR_P_I128] = I8_to_I128,
                             [WR_P_U8] = I8_to_U8,
                             [WR_P_U16] = I8_to_U16,
                             [WR_P_U32] = I8_to_U32,
                             [WR_P_U64] = I8_to_U64},
                [WR_P_I16] = {[WR_P_I8] = I16_to_I8,
                              [WR_P_I16] = I16_to_I16,
                              [WR_P_I32] = I16_to_I32,
                              [WR_P_I64] = I16_to_I64,
                              [WR_P_I128] = I16_to_I128,
                              [WR_P_U8] = I16_to_U8,
                              [WR_P_U16] = I16_to_U16,
                              [WR_P_U32] = I16_to_U32,
                              [WR_P_U64] = I16_to_U64},
                [WR_P_I32] = {[WR_P_I8] = I32_to_I8,
                              [WR_P_I16] = I32_to_I16,
                              [WR_P_I32] = I32_to_I32,
                              [WR_P_I64] = I32_to_I64,
                              [WR_P_I128] = I32_to_I128,
                              [WR_P_U8] = I32_to_U8,
                              [WR_P_U16] = I32_to_U16,
                              [WR_P_U32] = I32_to_U32,
                              [WR_P_U64] = I32_to_U64},
                [WR_P_I64] = {[WR_P_I8] = I64_to_I8,
                              [WR_P_I16] = I64_to_I16,
                              [WR_P_I32] = I64_to_I32,
                              [WR_P_I64] = I64_to_I64,
                              [WR_P_I128] = I64_to_I128,
                              [WR_P_U8] = I64_to_U8,
                              [WR_P_U16] = I64_to_U16,
                              [WR_P_U32] = I64_to_U32,
                              [WR_P_U64] = I64_to_U64},
                [WR_P_I128] = {[WR_P_I8] = I128_to_I8,
                               [WR_P_I16] = I128_to_I16,
                               [WR_P_I32] = I128_to_I32,
                               [WR_P_I64] = I128_to_I64,
                               [WR_P_I128] = I128_to_I128,
                               [WR_P_U8] = I128_to_U8,
                               [WR_P_U16] = I128_to_U16,
                               [WR_P_U32] = I128_to_U32,
                               [WR_P_U64] = I128_to_U64},
                [WR_P_U8] = {[WR_P_I8] = U8_to_I8,
                             [WR_P_I16] = U8_to_I16,
                             [WR_P_I32] = U8_to_I32,
                             [WR_P_I64] = U8_to_I64,
                             [WR_P_I128] = U8_to_I128,
                             [WR_P_U8] = U8_to_U8,
                             [WR_P_U16] = U8_to_U16,
                             [WR_P_U32] = U8_to_U32,
                             [WR_P_U64] = U8_to_U64},
                [WR_P_U16] = {[WR_P_I8] = U16_to_I8,
                              [WR_P_I16] = U16_to_I16,
                              [WR_P_I32] = U16_to_I32,
                              [WR_P_I64] = U16_to_I64,
                              [WR_P_I128] = U16_to_I128,
                              [WR_P_U8] = U16_to_U8,
                              [WR_P_U16] = U16_to_U16,
                              [WR_P_U32] = U16_to_U32,
                              [WR_P_U64] = U16_to_U64},
                [WR_P_U32] = {[WR_P_I8] = U32_to_I8,
                              [WR_P_I16] = U32_to_I16,
                              [WR_P_I32] = U32_to_I32,
                              [WR_P_I64] = U32_to_I64,
                              [WR_P_I128] = U32_to_I128,
                              [WR_P_U8] = U32_to_U8,
                              [WR_P_U16] = U32_to_U16,
                              [WR_P_U32] = U32_to_U32,
                              [WR_P_U64] = U32_to_U64},
                [WR_P_U64] = {[WR_P_I8] = U64_to_I8,
                              [WR_P_I16] = U64_to_I16,
                              [WR_P_I32] = U64_to_I32,
                              [WR_P_I64] = U64_to_I64,
                              [WR_P_I128] = U64_to_I128,
                              [WR_P_U8] = U64_to_U8,
                              [WR_P_U16] = U64_to_U16,
                              [WR_P_U32] = U64_to_U32,
                              [WR_P_U64] = U64_to_U64}},
    .gather = {take16_0, take16_1, take16_2, take16_3, take16_4},
    .decode8 = {take8_0, take8_1, take8_2, take8_3, take8_4},
    .decode16 = {take16_0, take16_1, take16_2, take16_3, take16_4},
    .decode32 = {take32_0, take32_1, take32_2, take32_3, take32_4},
};
