/* scan.c - finding record and field ends in CSV bytes, fast where the text allows it and exact
 * always.
 *
 * Fast: 64 bytes become bit masks (newline, delimiter, quote); the running parity of the quote mask
 * - one carry-less multiplication by all ones - tells inside from outside. Parity is right only if
 * every quote stands where RFC 4180 wants it: an opening one at a field start, a closing one at a
 * field end. The pass checks that for every quote (it costs nothing in text without quotes), so  5"
 * nail,3  is noticed and sent to the slow scanner. Slow: a state machine byte by byte, which also
 * knows escape characters, comments, several-byte delimiters and stray quotes (a quote inside an
 * unquoted field is text).
 *
 * A scan starts at a record start, so its state is always known. It finds everything in one pass:
 * where the last whole record ends, the field ends, and which of them end records. Where only the
 * number of records is wanted, count.tmpl.h checks the same without noting where anything is. */
#include "fmt/csv/csv.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

typedef struct block_state {
    uint64_t inside;   /* all ones inside quotes */
    uint64_t may_open; /* 1: the byte before was a field end or a closing quote */
    uint64_t closed;   /* 1: the byte before was a closing quote */
} block_state;

/* A count of records: masks of a stretch of text and what is carried on to the next. */
enum { COUNT_WORDS = 64 };
typedef struct csv_count {
    /* newlines: after the judging without those in quotes */
    uint64_t newlines[COUNT_WORDS], delimiters[COUNT_WORDS], quotes[COUNT_WORDS];
    const char *data; /* of the stretch */
    block_state state;
    int64_t field, last_field; /* of the record that is under way; of every record, from 0 */
    uint64_t records, lines, wrong, any_quote;
} csv_count;

static inline uint64_t prefix_xor_shift(uint64_t mask)
{
    for (int shift = 1; shift < 64; shift <<= 1)
        mask ^= mask << shift;
    return mask;
}

/* The bits of from, a part of mask, packed as pext packs them. There are few: a bit per record. */
static inline uint64_t pick_one_by_one(uint64_t from, uint64_t mask)
{
    uint64_t bits = 0;
    for (; from; from &= from - 1)
        bits |= UINT64_C(1) << (__builtin_popcountll(mask & (from ^ (from - 1))) - 1);
    return bits;
}

static inline void store_ends_by_8(uint32_t *restrict to, uint64_t mask, uint32_t base, int found)
{
    for (int j = 0; j < found; j += 8) {
#pragma GCC unroll 8
        for (int z = 0; z < 8; z++) {
            to[j + z] = base + (uint32_t)__builtin_ctzll(mask | UINT64_C(1) << 63);
            mask &= mask - 1;
        }
    }
}

#if defined(__x86_64__)
#define CSV_AVX2_TARGET __attribute__((target("avx2,pclmul,bmi,bmi2,lzcnt,popcnt")))
#define CSV_AVX512_TARGET                                                                        \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vbmi2,avx512vpopcntdq,avx2," \
                          "pclmul,vpclmulqdq,bmi,bmi2,lzcnt,popcnt")))

static inline uint64_t eq_sse2(const char *p, char c)
{
    const __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;
    for (int k = 0; k < 4; k++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, wanted)) << (16 * k);
    }
    return mask;
}
static inline uint64_t high_sse2(const char *p)
{
    uint64_t mask = 0;
    for (int k = 0; k < 4; k++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(v) << (16 * k);
    }
    return mask;
}
static inline uint64_t low_sse2(const char *p)
{
    uint64_t mask = 0;
    for (int k = 0; k < 4; k++) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * k));
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
        mask |= (uint64_t)(uint32_t)_mm_movemask_epi8(low) << (16 * k);
    }
    return mask;
}
#define NAME(x) x##_base
#define TARGET
#define EQ eq_sse2
#define HIGH high_sse2
#define LOW low_sse2
#define PREFIX_XOR prefix_xor_shift
#define PICK pick_one_by_one
#define STORE_ENDS store_ends_by_8
#include "fmt/csv/scan.tmpl.h"

CSV_AVX2_TARGET static inline uint64_t prefix_xor_multiply(uint64_t mask)
{
    __m128i product = _mm_clmulepi64_si128(_mm_set_epi64x(0, (int64_t)mask), _mm_set1_epi8(-1), 0);
    return (uint64_t)_mm_cvtsi128_si64(product);
}
CSV_AVX2_TARGET static inline uint64_t eq_avx2(const char *p, char c)
{
    const __m256i wanted = _mm256_set1_epi8(c);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, wanted)) |
           (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(b, wanted)) << 32;
}
CSV_AVX2_TARGET static inline uint64_t high_avx2(const char *p)
{
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(a) | (uint64_t)(uint32_t)_mm256_movemask_epi8(b)
                                                             << 32;
}
CSV_AVX2_TARGET static inline uint64_t low_avx2(const char *p)
{
    const __m256i most = _mm256_set1_epi8(0x1f);
    __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + 32));
    __m256i c = _mm256_cmpeq_epi8(_mm256_min_epu8(a, most), a);
    __m256i d = _mm256_cmpeq_epi8(_mm256_min_epu8(b, most), b);
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(c) | (uint64_t)(uint32_t)_mm256_movemask_epi8(d)
                                                             << 32;
}
#define NAME(x) x##_avx2
#define TARGET CSV_AVX2_TARGET
#define EQ eq_avx2
#define HIGH high_avx2
#define LOW low_avx2
#define PREFIX_XOR prefix_xor_multiply
#define PICK pick_one_by_one
#define STORE_ENDS store_ends_by_8
#include "fmt/csv/scan.tmpl.h"

CSV_AVX512_TARGET static inline uint64_t eq_avx512(const char *p, char c)
{
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8(c));
}
CSV_AVX512_TARGET static inline uint64_t high_avx512(const char *p)
{
    return _mm512_movepi8_mask(_mm512_loadu_si512(p));
}
/* 16 positions at a time: hardly any text has more field ends in 64 bytes. */
CSV_AVX512_TARGET static inline void store_ends_packed(uint32_t *to, uint64_t mask, uint32_t base,
                                                       int found)
{
    static const uint8_t places[64] = {
        0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
        22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
        44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
    const __m512i from = _mm512_set1_epi32((int)base);
    __m512i packed = _mm512_maskz_compress_epi8(mask, _mm512_loadu_si512(places));
    __m512i first = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed));
    _mm512_storeu_si512(to, _mm512_add_epi32(first, from));
    if (__builtin_expect(found <= 16, 1)) return;
    uint8_t rest[64];
    _mm512_storeu_si512(rest, packed);
    for (int k = 16; k < found; k++)
        to[k] = base + rest[k];
}
CSV_AVX512_TARGET static inline uint64_t pick_packed(uint64_t from, uint64_t mask)
{
    return _pext_u64(from, mask);
}
CSV_AVX512_TARGET static inline uint64_t low_avx512(const char *p)
{
    return _mm512_cmplt_epu8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8(0x20));
}
#include "fmt/csv/judge_avx512.tmpl.h"
#define NAME(x) x##_avx512
#define TARGET CSV_AVX512_TARGET
#define EQ eq_avx512
#define HIGH high_avx512
#define LOW low_avx512
#define PREFIX_XOR prefix_xor_multiply
#define PICK pick_packed
#define STORE_ENDS store_ends_packed
#define JUDGES_GROUPS
#include "fmt/csv/scan.tmpl.h"
#else
static inline uint64_t eq_bytes(const char *p, char c)
{
    uint64_t mask = 0;
    for (int k = 0; k < 64; k++)
        mask |= (uint64_t)(p[k] == c) << k;
    return mask;
}
static inline uint64_t high_bytes(const char *p)
{
    uint64_t mask = 0;
    for (int k = 0; k < 64; k++)
        mask |= (uint64_t)((unsigned char)p[k] >> 7) << k;
    return mask;
}
static inline uint64_t low_bytes(const char *p)
{
    uint64_t mask = 0;
    for (int k = 0; k < 64; k++)
        mask |= (uint64_t)((unsigned char)p[k] < 0x20) << k;
    return mask;
}
#define NAME(x) x##_base
#define TARGET
#define EQ eq_bytes
#define HIGH high_bytes
#define LOW low_bytes
#define PREFIX_XOR prefix_xor_shift
#define PICK pick_one_by_one
#define STORE_ENDS store_ends_by_8
#include "fmt/csv/scan.tmpl.h"
#endif

typedef struct scan_table {
    void (*find_extent)(const wr_csv_dialect *, const char *, size_t, wr_csv_extent *);
    size_t (*scan)(const wr_csv_dialect *, const char *, size_t, uint32_t *, uint64_t *,
                   wr_csv_extent *);
    size_t (*find_lines)(const char *, size_t, char, uint32_t *, wr_csv_extent *);
    uint64_t (*count_byte)(const char *, size_t, char);
    bool (*count)(const wr_csv_dialect *, const char *, size_t, int, wr_csv_extent *);
} scan_table;

static const scan_table tables[] = {
    {find_extent_base, scan_base, find_lines_base, count_byte_base, count_base},
#if defined(__x86_64__)
    {find_extent_avx2, scan_avx2, find_lines_avx2, count_byte_avx2, count_avx2},
    {find_extent_avx512, scan_avx512, find_lines_avx512, count_byte_avx512, count_avx512},
#endif
};

static _Atomic int forced_level;

static int best_level(void)
{
#if defined(__x86_64__)
    bool has_clmul = __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("bmi2");
    if (has_clmul && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vbmi2") &&
        __builtin_cpu_supports("avx512vpopcntdq") && __builtin_cpu_supports("vpclmulqdq"))
        return 2;
    if (has_clmul && __builtin_cpu_supports("avx2")) return 1;
#endif
    return 0;
}

int wr_csv_scan_level(void)
{
    static _Atomic int known = -1;
    if (known < 0) known = best_level();
    int level = forced_level;
    return level > 0 && level - 1 < known ? level - 1 : known;
}

static const scan_table *table(void) { return &tables[wr_csv_scan_level()]; }

void wr_csv_scan_force(int level) { forced_level = level; }

/* What only the state machine understands. */
static bool needs_slow(const wr_csv_dialect *d)
{
    return d->delimiter_size != 1 || d->comment >= 0 || (d->escape >= 0 && d->escape != d->quote);
}

typedef enum slow_mode {
    AT_RECORD,
    AT_FIELD,
    IN_FIELD,
    IN_QUOTES,
    BEHIND_QUOTES,
    IN_COMMENT
} slow_mode;

static bool is_delimiter(const wr_csv_dialect *d, const char *at, const char *end)
{
    return *at == d->delimiter[0] && end - at >= d->delimiter_size &&
           (d->delimiter_size == 1 || memcmp(at, d->delimiter, (size_t)d->delimiter_size) == 0);
}

/* Mode behind the byte at *at, which is neither in quotes nor in a comment; moves *at over it. */
static slow_mode slow_outside(const wr_csv_dialect *d, const char **at, const char *end,
                              slow_mode mode, const char **field_end, const char **record_end)
{
    const char *here = (*at)++;
    unsigned char c = (unsigned char)*here;
    *field_end = *record_end = NULL;
    if ((int)c == d->comment && mode == AT_RECORD) return IN_COMMENT;
    if (*here == d->newline) {
        *field_end = *record_end = here;
        return AT_RECORD;
    }
    if (is_delimiter(d, here, end)) {
        *field_end = here;
        *at = here + d->delimiter_size;
        return AT_FIELD;
    }
    if ((int)c == d->quote && (mode == AT_RECORD || mode == AT_FIELD)) return IN_QUOTES;
    if ((int)c == d->escape && d->escape != d->quote && *at < end && **at != d->newline) (*at)++;
    if (mode == BEHIND_QUOTES && *here == '\r') return BEHIND_QUOTES;
    return IN_FIELD;
}

/* Mode behind the byte at *at, which is in quotes. */
static slow_mode slow_inside(const wr_csv_dialect *d, const char **at, const char *end)
{
    unsigned char c = (unsigned char)*(*at)++;
    if ((int)c == d->escape && d->escape != d->quote && *at < end) {
        (*at)++;
        return IN_QUOTES;
    }
    if ((int)c != d->quote) return IN_QUOTES;
    if (d->escape == d->quote && *at < end && (unsigned char)**at == c) {
        (*at)++;
        return IN_QUOTES;
    }
    return BEHIND_QUOTES;
}

/* One run of the state machine; ends and starts (may be NULL) receive positions. */
static void slow_scan(const wr_csv_dialect *d, const char *data, size_t size, wr_csv_index *index,
                      wr_csv_extent *extent)
{
    const char *at = data, *end = data + size, *start = data, *field_end, *record_end;
    slow_mode mode = AT_RECORD;
    while (at < end) {
        if (mode == IN_COMMENT) {
            if (*at++ == d->newline)
                mode = AT_RECORD, start = at, extent->cut = (size_t)(at - data);
            continue;
        }
        if (mode == IN_QUOTES) {
            mode = slow_inside(d, &at, end);
            continue;
        }
        mode = slow_outside(d, &at, end, mode, &field_end, &record_end);
        if (field_end && index) index->ends[index->count++] = (uint32_t)(field_end - data);
        if (!record_end) continue;
        if (index) index->starts[index->record_count++] = (uint32_t)(start - data);
        start = at;
        extent->records++;
        extent->cut = (size_t)(at - data);
    }
    extent->is_open = mode == IN_QUOTES;
    if (index && mode != AT_RECORD &&
        mode != IN_COMMENT) { /* the last record never closed its quotes */
        index->ends[index->count++] = (uint32_t)(size - 1);
        index->starts[index->record_count++] = (uint32_t)(start - data);
    }
}

static void slow_extent(const wr_csv_dialect *d, const char *data, size_t size, wr_csv_extent *out)
{
    *out = (wr_csv_extent){.is_ascii = true};
    slow_scan(d, data, size, NULL, out);
    for (size_t i = 0; i < out->cut; i++) {
        out->lines += data[i] == d->newline;
        out->is_ascii &= (unsigned char)data[i] < 0x80;
    }
    out->has_quotes = d->quote >= 0 && memchr(data, d->quote, size);
}

void wr_csv_find_extent(const wr_csv_dialect *dialect, const char *data, size_t size, bool is_end,
                        wr_csv_extent *out)
{
    *out = (wr_csv_extent){0};
    if (!needs_slow(dialect)) table()->find_extent(dialect, data, size, out);
    if (!out->is_plain || (is_end && out->is_open)) slow_extent(dialect, data, size, out);
    if (is_end && out->cut < size) {
        for (size_t i = out->cut; i < size; i++) {
            out->lines += data[i] == dialect->newline;
            out->is_ascii &= (unsigned char)data[i] < 0x80;
        }
        out->cut = size;
    }
}

enum { BEFORE = 16 }; /* entries before ends[0], the last of which is there to be read */

static weir_status need(wr_mem *mem, void **array, size_t *cap, size_t wanted, size_t width)
{
    if (*cap >= wanted) return WR_OK;
    size_t grown = WR_MAX(wanted, *cap + *cap / 2);
    wr_mem_free(mem, *array, *cap * width); /* first: what it holds is not kept */
    *array = NULL;
    *cap = 0;
    WR_TRY(wr_mem_alloc(mem, grown * width, array));
    *cap = grown;
    return WR_OK;
}

static weir_status need_ends(wr_mem *mem, wr_csv_index *index, size_t wanted)
{
    void *memory = index->ends ? index->ends - BEFORE : NULL;
    weir_status bad = need(mem, &memory, &index->cap, wanted + BEFORE, sizeof(uint32_t));
    index->ends = memory ? (uint32_t *)memory + BEFORE : NULL;
    if (bad) return bad;
    index->ends[-1] = UINT32_MAX; /* one before the first byte: plus 1 it is its position */
    return WR_OK;
}

/* How many fields there can be at most. The size itself is a bound that costs nothing, and four
 * bytes of memory per byte of text; of long records, which hold few fields, and when memory is
 * short, the separators are counted. */
static size_t fields_most(const wr_mem *mem, const wr_csv_dialect *d, const char *data, size_t size)
{
    enum { LONG = 4 << 20, PER_BYTE = 4, SHARE = 4 };
    if (size < LONG && size * PER_BYTE < wr_mem_room(mem) / SHARE) return size;
    return table()->count_byte(data, size, d->newline) +
           table()->count_byte(data, size, d->delimiter[0]) + 2;
}

static weir_status scan_slowly(wr_mem *mem, const wr_csv_dialect *dialect, const char *data,
                               size_t size, bool is_end, wr_csv_index *index, wr_csv_extent *out)
{
    void *starts = index->starts;
    size_t most = fields_most(mem, dialect, data, size);
    WR_TRY(need_ends(mem, index, most + 64));
    weir_status bad = need(mem, &starts, &index->record_cap, most + 1, sizeof(uint32_t));
    index->starts = starts;
    if (bad) return bad;
    index->count = index->record_count = 0;
    index->has_starts = true;
    slow_scan(dialect, data, size, index, out);
    index->is_open = is_end && out->is_open;
    if (!is_end) {
        index->record_count = out->records;
        while (index->count > 0 && index->ends[index->count - 1] >= out->cut)
            index->count--;
    }
    for (size_t i = 0; i < out->cut; i++)
        out->is_ascii &= (unsigned char)data[i] < 0x80;
    out->lines = table()->count_byte(data, out->cut, dialect->newline);
    out->has_quotes = dialect->quote >= 0 && memchr(data, dialect->quote, size);
    return WR_OK;
}

weir_status wr_csv_scan(wr_mem *mem, const wr_csv_dialect *dialect, const char *data, size_t size,
                        bool is_end, wr_csv_index *index, wr_csv_extent *out)
{
    *out = (wr_csv_extent){.is_ascii = true};
    index->has_starts = index->is_open = false;
    if (!needs_slow(dialect)) {
        void *bits = index->record_bits;
        weir_status bad = need(mem, &bits, &index->bits_cap, size / 64 + 3, sizeof(uint64_t));
        index->record_bits = bits;
        if (bad) return bad;
        WR_TRY(need_ends(mem, index, fields_most(mem, dialect, data, size) + 64));
        index->count = table()->scan(dialect, data, size, index->ends, index->record_bits, out);
        index->record_count = out->records;
        if (!is_end)
            while (index->count > 0 && !wr_bit_get(index->record_bits, index->count - 1))
                index->count--;
    }
    if (!out->is_plain || (is_end && out->is_open)) {
        *out = (wr_csv_extent){.is_ascii = true};
        WR_TRY(scan_slowly(mem, dialect, data, size, is_end, index, out));
    }
    if (is_end && out->cut < size) {
        for (size_t i = out->cut; i < size; i++)
            out->is_ascii &= (unsigned char)data[i] < 0x80;
        out->lines += table()->count_byte(data + out->cut, size - out->cut, dialect->newline);
        out->cut = size;
    }
    return WR_OK;
}

bool wr_csv_count(const wr_csv_dialect *dialect, const char *data, size_t size, bool is_end,
                  int fields, wr_csv_extent *out)
{
    if (needs_slow(dialect)) return false;
    return table()->count(dialect, data, size, fields, out) && !(is_end && out->is_open);
}

weir_status wr_csv_find_lines(wr_mem *mem, const char *data, size_t size, char newline,
                              wr_csv_index *index, wr_csv_extent *out)
{
    index->has_starts = index->is_open = false;
    enum { BIG = 4 << 20 }; /* lines of this size: better counted first */
    size_t most = size < BIG ? size : wr_csv_count_byte(data, size, newline);
    WR_TRY(need_ends(mem, index, most + 64));
    index->count = table()->find_lines(data, size, newline, index->ends, out);
    return WR_OK;
}

uint64_t wr_csv_count_byte(const char *data, size_t size, char c)
{
    return table()->count_byte(data, size, c);
}

void wr_csv_index_clear(wr_mem *mem, wr_csv_index *index)
{
    if (index->ends) wr_mem_free(mem, index->ends - BEFORE, index->cap * sizeof(uint32_t));
    wr_mem_free(mem, index->starts, index->record_cap * sizeof(uint32_t));
    wr_mem_free(mem, index->record_bits, index->bits_cap * sizeof(uint64_t));
    *index = (wr_csv_index){0};
}
