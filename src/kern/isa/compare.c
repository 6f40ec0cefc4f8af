/* compare.c - comparisons and selections; built once per instruction set.
 *
 * A comparison of whole columns writes a byte per row, which every compiler turns into vector code;
 * a second loop packs the numbers of the rows that hold. Both stay in the first-level cache and
 * together cost less than one branch per row would. With a selection the rows are visited one by
 * one, without branches. */
#include "kern/isa/isa.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif

#define T int8_t
#define SUFFIX I8
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T int16_t
#define SUFFIX I16
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T int32_t
#define SUFFIX I32
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T int64_t
#define SUFFIX I64
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T wr_i128
#define SUFFIX I128
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T uint8_t
#define SUFFIX U8
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T uint16_t
#define SUFFIX U16
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T uint32_t
#define SUFFIX U32
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T uint64_t
#define SUFFIX U64
#define IS_FLOAT 0
#include "kern/isa/compare_type.tmpl.h"
#define T float
#define SUFFIX F32
#define IS_FLOAT 1
#include "kern/isa/compare_type.tmpl.h"
#define T double
#define SUFFIX F64
#define IS_FLOAT 1
#include "kern/isa/compare_type.tmpl.h"

/* ---- views: equality by words, order by prefix first ---- */

#define VIEW_EQ(a, b) (uint8_t) wr_view_eq(&(a), &(b))
#define VIEW_NE(a, b) (uint8_t)(!wr_view_eq(&(a), &(b)))
#define VIEW_LT(a, b) (uint8_t)(view_order(&(a), &(b)) < 0)
#define VIEW_LE(a, b) (uint8_t)(view_order(&(a), &(b)) <= 0)
#define VIEW_GT(a, b) (uint8_t)(view_order(&(a), &(b)) > 0)
#define VIEW_GE(a, b) (uint8_t)(view_order(&(a), &(b)) >= 0)

/* The first four bytes decide nearly always; unused inline bytes are zero, as short texts sort
 * first. */
static inline int view_order(const wr_view *a, const wr_view *b)
{
    uint32_t x = __builtin_bswap32((uint32_t)(a->words[0] >> 32));
    uint32_t y = __builtin_bswap32((uint32_t)(b->words[0] >> 32));
    if (x != y) return x < y ? -1 : 1;
    return wr_view_cmp(a, b);
}

#define T wr_view
#define CMP VIEW_EQ
#define NAME WR_ISA_JOIN(eq, VIEW)
#include "kern/isa/compare_op.tmpl.h"
#define CMP VIEW_NE
#define NAME WR_ISA_JOIN(ne, VIEW)
#include "kern/isa/compare_op.tmpl.h"
#define CMP VIEW_LT
#define NAME WR_ISA_JOIN(lt, VIEW)
#include "kern/isa/compare_op.tmpl.h"
#define CMP VIEW_LE
#define NAME WR_ISA_JOIN(le, VIEW)
#include "kern/isa/compare_op.tmpl.h"
#define CMP VIEW_GT
#define NAME WR_ISA_JOIN(gt, VIEW)
#include "kern/isa/compare_op.tmpl.h"
#define CMP VIEW_GE
#define NAME WR_ISA_JOIN(ge, VIEW)
#include "kern/isa/compare_op.tmpl.h"
#undef T

/* Eight-character texts and shorter ones are two words: equality with one needs no call. */
static void eq_short_view(const void *restrict a_, const void *restrict b_, uint8_t *restrict out,
                          size_t n)
{
    const wr_view *restrict a = a_;
    const wr_view b = *(const wr_view *)b_;
    if (b.length > 12) {
        WR_ISA_JOIN(WR_ISA_JOIN(eq, VIEW), constant)(a_, b_, out, n);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = (uint8_t)((a[i].words[0] == b.words[0]) & (a[i].words[1] == b.words[1]));
}

/* ---- bytes to row numbers ---- */

#if defined(__AVX512VBMI2__)
static inline uint32_t pack_word(uint64_t mask, uint32_t first, uint16_t *out)
{
    static const uint16_t step[32] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10,
                                      11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                      22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
    __m512i low = _mm512_add_epi16(_mm512_loadu_si512(step), _mm512_set1_epi16((short)first));
    __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(32));
    uint32_t low_count = (uint32_t)__builtin_popcount((uint32_t)mask);
    _mm512_storeu_si512(out, _mm512_maskz_compress_epi16((__mmask32)mask, low));
    _mm512_storeu_si512(out + low_count,
                        _mm512_maskz_compress_epi16((__mmask32)(mask >> 32), high));
    return (uint32_t)__builtin_popcountll(mask);
}
#elif defined(__AVX2__)
/* For each byte of mask bits, the positions of its ones. */
static uint16_t ones[256][8];
__attribute__((constructor)) static void fill_ones(void)
{
    for (int mask = 0; mask < 256; mask++)
        for (int bit = 0, n = 0; bit < 8; bit++)
            if (mask >> bit & 1) ones[mask][n++] = (uint16_t)bit;
}
static inline uint32_t pack_word(uint64_t mask, uint32_t first, uint16_t *out)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < 64; k += 8, mask >>= 8) {
        __m128i rows = _mm_loadu_si128((const __m128i *)ones[mask & 255]);
        rows = _mm_add_epi16(rows, _mm_set1_epi16((short)(first + k)));
        _mm_storeu_si128((__m128i *)(out + n), rows);
        n += (uint32_t)__builtin_popcount((uint32_t)mask & 255);
    }
    return n;
}
#else
static inline uint32_t pack_word(uint64_t mask, uint32_t first, uint16_t *out)
{
    uint32_t n = 0;
    for (; mask; mask &= mask - 1)
        out[n++] = (uint16_t)(first + (uint32_t)__builtin_ctzll(mask));
    return n;
}
#endif

/* A bit for each of 64 bytes of 0 or 1. */
static inline uint64_t mask_of(const uint8_t *truth)
{
#if defined(__AVX512BW__)
    return _mm512_test_epi8_mask(_mm512_loadu_si512(truth), _mm512_set1_epi8(1));
#elif defined(__AVX2__)
    __m256i low = _mm256_loadu_si256((const __m256i *)truth);
    __m256i high = _mm256_loadu_si256((const __m256i *)(truth + 32));
    uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(low, 7));
    uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_slli_epi16(high, 7));
    return a | (uint64_t)b << 32;
#else
    uint64_t mask = 0, word;
    for (int i = 0; i < 8; i++) {
        memcpy(&word, truth + i * 8, 8);
        word &= UINT64_C(0x0101010101010101);
        mask |= (word * UINT64_C(0x0102040810204080) >> 56) << (i * 8);
    }
    return mask;
#endif
}

static uint32_t select_rows(const uint8_t *truth, const uint64_t *valid, uint32_t n, uint16_t *out)
{
    uint32_t kept = 0;
    for (uint32_t first = 0; first < n; first += 64) {
        uint64_t mask = mask_of(truth + first);
        if (valid) mask &= valid[first / 64];
        if (n - first < 64) mask &= (UINT64_C(1) << (n - first)) - 1;
        kept += pack_word(mask, first, out + kept);
    }
    return kept;
}

#define ROW_(op, shape)                                          \
    {                                                            \
        [WR_P_I8] = WR_ISA_JOIN(WR_ISA_JOIN(op, I8), shape),     \
        [WR_P_I16] = WR_ISA_JOIN(WR_ISA_JOIN(op, I16), shape),   \
        [WR_P_I32] = WR_ISA_JOIN(WR_ISA_JOIN(op, I32), shape),   \
        [WR_P_I64] = WR_ISA_JOIN(WR_ISA_JOIN(op, I64), shape),   \
        [WR_P_I128] = WR_ISA_JOIN(WR_ISA_JOIN(op, I128), shape), \
        [WR_P_U8] = WR_ISA_JOIN(WR_ISA_JOIN(op, U8), shape),     \
        [WR_P_U16] = WR_ISA_JOIN(WR_ISA_JOIN(op, U16), shape),   \
        [WR_P_U32] = WR_ISA_JOIN(WR_ISA_JOIN(op, U32), shape),   \
        [WR_P_U64] = WR_ISA_JOIN(WR_ISA_JOIN(op, U64), shape),   \
        [WR_P_F32] = WR_ISA_JOIN(WR_ISA_JOIN(op, F32), shape),   \
        [WR_P_F64] = WR_ISA_JOIN(WR_ISA_JOIN(op, F64), shape),   \
        [WR_P_VIEW] = WR_ISA_JOIN(WR_ISA_JOIN(op, VIEW), shape)  \
    }
#define TABLE_(shape)                                                                          \
    {                                                                                          \
        [WR_K_EQ] = ROW_(eq, shape), [WR_K_NE] = ROW_(ne, shape), [WR_K_LT] = ROW_(lt, shape), \
        [WR_K_LE] = ROW_(le, shape), [WR_K_GT] = ROW_(gt, shape), [WR_K_GE] = ROW_(ge, shape), \
    }

#pragma GCC diagnostic ignored "-Woverride-init"
extern const wr_kern_compares WR_ISA_NAME(wr_kern_compares);
const wr_kern_compares WR_ISA_NAME(wr_kern_compares) = {
    .column = TABLE_(column),
    .constant = TABLE_(constant),
    .column_sel = TABLE_(column_sel),
    .constant_sel = TABLE_(constant_sel),
    .constant[WR_K_EQ][WR_P_VIEW] = eq_short_view,
    .select = select_rows,
};
