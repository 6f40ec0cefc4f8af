/* kernel.c - typed loops of the Parquet reader.
 *
 * Bit unpacking: eight values of width w fill exactly w bytes. For w <= 25 each value lies in four
 * bytes from byte i*w/8, so one byte shuffle per half (four values), one variable shift and one
 * mask unpack eight values; the shuffle and shift tables are computed once per width. Wider values
 * and other processors take the scalar loop. The plain loops are compiled several times for
 * different instruction sets (WR_PQ_CLONES) and chosen at load time. */
#include "fmt/parquet/kernel.h"
#include <pthread.h>

/* The thread sanitizer is not ready yet when the loader chooses. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_THREAD__)
#define WR_PQ_CLONES \
    __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define WR_PQ_CLONES
#endif
#define WR_PQ_PASTE_(a, b) a##b
#define WR_PQ_PASTE(a, b) WR_PQ_PASTE_(a, b)

typedef int32_t loose_i32 __attribute__((aligned(1)));
typedef uint32_t loose_u32 __attribute__((aligned(1)));
typedef int64_t loose_i64 __attribute__((aligned(1)));

/* ---- bit unpacking */

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static void unpack_scalar(const uint8_t *in, unsigned width, uint32_t *out, size_t count)
{
    uint64_t mask = (UINT64_C(1) << width) - 1;
    size_t bit = 0;
    for (size_t i = 0; i < count; i++, bit += width)
        out[i] = (uint32_t)(load64(in + (bit >> 3)) >> (bit & 7) & mask);
}

void wr_pq_unpack_wide(const uint8_t *in, unsigned width, uint64_t *out, size_t count)
{
    uint64_t mask = width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    size_t bit = 0;
    if (width <= 56) {
        for (size_t i = 0; i < count; i++, bit += width)
            out[i] = load64(in + (bit >> 3)) >> (bit & 7) & mask;
        return;
    }
    for (size_t i = 0; i < count; i++, bit += width) {
        unsigned shift = bit & 7;
        uint64_t v = load64(in + (bit >> 3)) >> shift;
        if (shift) v |= (uint64_t)in[(bit >> 3) + 8] << (64 - shift);
        out[i] = v & mask;
    }
}

#if defined(__x86_64__)
#include <immintrin.h>
enum { SHUFFLE_WIDTH_MAX = 25 };

static struct unpack_plan {
    uint8_t shuffle[32];
    uint32_t shift[8];
    uint32_t second; /* byte where the second four values start */
} plans[SHUFFLE_WIDTH_MAX + 1] __attribute__((aligned(32)));
static pthread_once_t plans_once = PTHREAD_ONCE_INIT;
static bool has_avx2;

static void make_plans(void)
{
    has_avx2 = __builtin_cpu_supports("avx2");
    for (unsigned width = 1; width <= SHUFFLE_WIDTH_MAX; width++) {
        struct unpack_plan *plan = &plans[width];
        plan->second = 4 * width / 8;
        for (unsigned i = 0; i < 8; i++) {
            unsigned bit = i < 4 ? i * width : i * width - 8 * plan->second;
            plan->shift[i] = bit % 8;
            for (unsigned k = 0; k < 4; k++)
                plan->shuffle[4 * i + k] = (uint8_t)(bit / 8 + k);
        }
    }
}

__attribute__((target("avx2"))) static size_t unpack_avx2(const uint8_t *in, unsigned width,
                                                          uint32_t *out, size_t count)
{
    const struct unpack_plan *plan = &plans[width];
    __m256i shuffle = _mm256_loadu_si256((const void *)plan->shuffle);
    __m256i shift = _mm256_loadu_si256((const void *)plan->shift);
    __m256i mask = _mm256_set1_epi32((int)((1u << width) - 1));
    uint32_t second = plan->second;
    size_t i = 0;
    for (; i + 8 <= count; i += 8, in += width) {
        __m128i low = _mm_loadu_si128((const void *)in),
                high = _mm_loadu_si128((const void *)(in + second));
        __m256i both = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), shuffle);
        _mm256_storeu_si256((void *)(out + i),
                            _mm256_and_si256(_mm256_srlv_epi32(both, shift), mask));
    }
    return i;
}
#endif

void wr_pq_unpack(const uint8_t *in, unsigned width, uint32_t *out, size_t count)
{
    wr_assert(width <= 32);
    if (width == 0) {
        memset(out, 0, count * sizeof *out);
        return;
    }
    size_t done = 0;
#if defined(__x86_64__)
    pthread_once(&plans_once, make_plans);
    if (has_avx2 && width <= SHUFFLE_WIDTH_MAX) done = unpack_avx2(in, width, out, count);
#endif
    unpack_scalar(in + done / 8 * width, width, out + done, count - done);
}

/* ---- narrowing */

typedef void narrow_fn(const void *restrict in, void *restrict out, size_t count, int64_t base,
                       wr_pq_seen *seen);
typedef void narrow_rows_fn(const void *restrict in, void *restrict out,
                            const uint16_t *restrict rows, size_t count, int64_t base,
                            wr_pq_seen *seen);

#define SRC loose_i32
#define SEEN int32_t
#define SEEN_MAX INT32_MAX
#define SEEN_MIN INT32_MIN
#define DST int8_t
#define NAME i32_i8
#include "fmt/parquet/narrow.tmpl.h"
#define DST int16_t
#define NAME i32_i16
#include "fmt/parquet/narrow.tmpl.h"
#define DST int32_t
#define NAME i32_i32
#include "fmt/parquet/narrow.tmpl.h"
#define DST int64_t
#define NAME i32_i64
#include "fmt/parquet/narrow.tmpl.h"
#undef SRC
#undef SEEN
#undef SEEN_MAX
#undef SEEN_MIN

#define SRC loose_u32
#define SEEN uint32_t
#define SEEN_MAX UINT32_MAX
#define SEEN_MIN 0
#define DST int8_t
#define NAME u32_i8
#include "fmt/parquet/narrow.tmpl.h"
#define DST int16_t
#define NAME u32_i16
#include "fmt/parquet/narrow.tmpl.h"
#define DST int32_t
#define NAME u32_i32
#include "fmt/parquet/narrow.tmpl.h"
#define DST int64_t
#define NAME u32_i64
#include "fmt/parquet/narrow.tmpl.h"
#undef SRC
#undef SEEN
#undef SEEN_MAX
#undef SEEN_MIN

#define SRC loose_i64
#define SEEN int64_t
#define SEEN_MAX INT64_MAX
#define SEEN_MIN INT64_MIN
#define DST int8_t
#define NAME i64_i8
#include "fmt/parquet/narrow.tmpl.h"
#define DST int16_t
#define NAME i64_i16
#include "fmt/parquet/narrow.tmpl.h"
#define DST int32_t
#define NAME i64_i32
#include "fmt/parquet/narrow.tmpl.h"
#define DST int64_t
#define NAME i64_i64
#include "fmt/parquet/narrow.tmpl.h"
#undef SRC
#undef SEEN
#undef SEEN_MAX
#undef SEEN_MIN

static int width_index(wr_phys phys)
{
    wr_assert(phys >= WR_P_I8 && phys <= WR_P_I64);
    return (int)phys - WR_P_I8;
}

void wr_pq_narrow(wr_pq_source source, wr_phys phys, const void *in, void *out, size_t count,
                  int64_t base, wr_pq_seen *seen)
{
    static narrow_fn *const table[WR_PQ_SOURCE_COUNT][4] = {
        {narrow_i32_i8, narrow_i32_i16, narrow_i32_i32, narrow_i32_i64},
        {narrow_u32_i8, narrow_u32_i16, narrow_u32_i32, narrow_u32_i64},
        {narrow_i64_i8, narrow_i64_i16, narrow_i64_i32, narrow_i64_i64},
    };
    table[source][width_index(phys)](in, out, count, base, seen);
}

void wr_pq_narrow_rows(wr_pq_source source, wr_phys phys, const void *in, void *out,
                       const uint16_t *rows, size_t count, int64_t base, wr_pq_seen *seen)
{
    static narrow_rows_fn *const table[WR_PQ_SOURCE_COUNT][4] = {
        {narrow_rows_i32_i8, narrow_rows_i32_i16, narrow_rows_i32_i32, narrow_rows_i32_i64},
        {narrow_rows_u32_i8, narrow_rows_u32_i16, narrow_rows_u32_i32, narrow_rows_u32_i64},
        {narrow_rows_i64_i8, narrow_rows_i64_i16, narrow_rows_i64_i32, narrow_rows_i64_i64},
    };
    table[source][width_index(phys)](in, out, rows, count, base, seen);
}

/* ---- dictionaries */

typedef struct sixteen {
    uint64_t words[2];
} sixteen;

#define T uint8_t
#define NAME gather_1
#include "fmt/parquet/gather.tmpl.h"
#define T uint16_t
#define NAME gather_2
#include "fmt/parquet/gather.tmpl.h"
#define T uint32_t
#define NAME gather_4
#include "fmt/parquet/gather.tmpl.h"
#define T uint64_t
#define NAME gather_8
#include "fmt/parquet/gather.tmpl.h"
#define T sixteen
#define NAME gather_16
#include "fmt/parquet/gather.tmpl.h"

void wr_pq_gather(const void *dict, size_t size, const uint32_t *codes, void *out, size_t count)
{
    switch (size) {
    case 1:
        gather_1(dict, codes, out, count);
        break;
    case 2:
        gather_2(dict, codes, out, count);
        break;
    case 4:
        gather_4(dict, codes, out, count);
        break;
    case 8:
        gather_8(dict, codes, out, count);
        break;
    default:
        wr_assert(size == 16);
        gather_16(dict, codes, out, count);
    }
}

WR_PQ_CLONES uint32_t wr_pq_largest(const uint32_t *codes, size_t count)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++)
        largest = codes[i] > largest ? codes[i] : largest;
    return largest;
}

WR_PQ_CLONES static void pack_8(const uint32_t *restrict codes, uint8_t *restrict out, size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint8_t)codes[i];
}

WR_PQ_CLONES static void pack_16(const uint32_t *restrict codes, uint16_t *restrict out,
                                 size_t count)
{
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)codes[i];
}

void wr_pq_pack_codes(const uint32_t *codes, wr_phys phys, void *out, size_t count)
{
    if (phys == WR_P_U8)
        pack_8(codes, out, count);
    else if (phys == WR_P_U16)
        pack_16(codes, out, count);
    else
        memcpy(out, codes, count * sizeof *codes);
}

/* ---- validity */

/* From the back, so that no value is overwritten before it was moved. */
static void spread_bytes(uint8_t *values, size_t size, const uint64_t *valid, size_t from,
                         size_t rows, size_t present)
{
    for (size_t i = rows; i > 0 && present < i; i--) {
        if (!wr_bit_get(valid, from + i - 1)) {
            memset(values + (i - 1) * size, 0, size);
            continue;
        }
        present--;
        memmove(values + (i - 1) * size, values + present * size, size);
    }
}

#define T uint8_t
#define NAME spread_1
#include "fmt/parquet/spread.tmpl.h"
#define T uint16_t
#define NAME spread_2
#include "fmt/parquet/spread.tmpl.h"
#define T uint32_t
#define NAME spread_4
#include "fmt/parquet/spread.tmpl.h"
#define T uint64_t
#define NAME spread_8
#include "fmt/parquet/spread.tmpl.h"
#define T sixteen
#define NAME spread_16
#include "fmt/parquet/spread.tmpl.h"

void wr_pq_spread(void *values, size_t size, const uint64_t *valid, size_t from, size_t rows,
                  size_t present_count)
{
    switch (size) {
    case 1:
        spread_1(values, valid, from, rows, present_count);
        break;
    case 2:
        spread_2(values, valid, from, rows, present_count);
        break;
    case 4:
        spread_4(values, valid, from, rows, present_count);
        break;
    case 8:
        spread_8(values, valid, from, rows, present_count);
        break;
    case 16:
        spread_16(values, valid, from, rows, present_count);
        break;
    default:
        spread_bytes(values, size, valid, from, rows, present_count);
    }
}

void wr_pq_bits_fill(uint64_t *bits, size_t from, size_t count, bool value)
{
    while (count > 0) {
        size_t here = WR_MIN(count, 64 - (from & 63));
        uint64_t mask = (here == 64 ? UINT64_MAX : (UINT64_C(1) << here) - 1) << (from & 63);
        if (value)
            bits[from >> 6] |= mask;
        else
            bits[from >> 6] &= ~mask;
        from += here;
        count -= here;
    }
}

size_t wr_pq_bits_copy(uint64_t *bits, size_t from, const uint8_t *in, size_t in_from, size_t count)
{
    size_t ones = 0;
    while (count > 0) {
        size_t here = WR_MIN(WR_MIN(count, 64 - (from & 63)), 56);
        uint64_t mask = (UINT64_C(1) << here) - 1;
        uint64_t v = load64(in + (in_from >> 3)) >> (in_from & 7) & mask;
        bits[from >> 6] = (bits[from >> 6] & ~(mask << (from & 63))) | v << (from & 63);
        ones += (size_t)__builtin_popcountll(v);
        from += here;
        in_from += here;
        count -= here;
    }
    return ones;
}

WR_PQ_CLONES bool wr_pq_has_high_bytes(const uint8_t *in, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++)
        any |= in[i];
    return any & 0x80;
}

WR_PQ_CLONES bool wr_pq_is_ascending(const void *values, wr_phys phys, size_t count)
{
    uint32_t falls = 0;
    if (phys == WR_P_I8) {
        const int8_t *v = values;
        for (size_t i = 1; i < count; i++)
            falls |= v[i] < v[i - 1];
    } else if (phys == WR_P_I16) {
        const int16_t *v = values;
        for (size_t i = 1; i < count; i++)
            falls |= v[i] < v[i - 1];
    } else if (phys == WR_P_I32) {
        const int32_t *v = values;
        for (size_t i = 1; i < count; i++)
            falls |= v[i] < v[i - 1];
    } else if (phys == WR_P_I64) {
        const int64_t *v = values;
        for (size_t i = 1; i < count; i++)
            falls |= v[i] < v[i - 1];
    } else {
        falls = 1;
    }
    return falls == 0;
}
