/* shape.c - records that look like the one before: the same keys in the same order.
 *
 * What stands between the values of such records - braces, keys, colons, commas, blanks - is always
 * the same text. It is remembered from a record that was read the long way and compared as a whole,
 * a load and a compare per member; values nobody asks for are crossed as far as they are simple (a
 * text without escapes, a plain number). Nothing is taken on trust: whatever differs makes the
 * record be read the long way, which also finds the words for what is wrong.
 *
 * Where a value ends says where the next one begins, so a line is one chain of load, compare,
 * count. Three things shorten it: where lines begin is known from an earlier pass, so the processor
 * starts on the next line before this one is done; values whose size hardly changes are taken to
 * have the size of the line before, which a (well predicted) branch confirms; and where sizes did
 * not change at all in the lines watched, keys and values together are one stretch of bytes, each
 * of which may be in one range: itself, a digit, or anything but a quote. 64 of them are checked by
 * one subtraction and one comparison. */
#include "fmt/csv/csv.h"
#include "fmt/fast_cell.h"
#include "fmt/json/json.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

void wr_json_shape_begin(wr_json_shape *shape) { shape->count = shape->settled = 0; }

static bool set_pattern(wr_json_member *m, wr_str text)
{
    if (text.length > JSON_PATTERN_MAX || text.length == 0) return false;
    memset(m->pattern, 0, sizeof m->pattern);
    memcpy(m->pattern, text.data, text.length);
    m->size = text.length;
    m->mask = ~UINT64_C(0) >> (64 - text.length);
    m->value_size = m->changes = 0;
    m->layout = 0;
    m->is_steady = false;
    return true;
}

void wr_json_shape_add(wr_json_shape *shape, wr_str between, wr_json_builder *builder)
{
    if (shape->count < 0) return;
    for (int k = 0; builder && k < shape->count; k++)
        if (shape->members[k].builder == builder) shape->count = -1; /* a key twice */
    if (shape->count < 0 || shape->count == JSON_MEMBERS_MAX ||
        !set_pattern(&shape->members[shape->count], between)) {
        shape->count = -1;
        return;
    }
    shape->members[shape->count++].builder = builder;
}

bool wr_json_shape_has(const wr_json_shape *shape, const wr_json_builder *builder)
{
    for (int k = 0; k < shape->count; k++)
        if (shape->members[k].builder == builder) return true;
    return false;
}

void wr_json_shape_end(wr_json_shape *shape, wr_str tail)
{
    if (shape->count >= 0 && !set_pattern(&shape->tail, tail)) shape->count = -1;
    shape->is_known = shape->count >= 0;
}

/* Length of a number of at most 15 characters without sign; 0: it is not that simple. An exponent
 * behind it is not seen: what stands between values does not begin with one. */
static inline size_t simple_digits(const char *first)
{
#if defined(__SSE4_1__)
    __m128i v =
        _mm_sub_epi8(_mm_loadu_si128((const __m128i *)(const void *)first), _mm_set1_epi8('0'));
    __m128i is_digit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(9)), v);
    unsigned others = ~(unsigned)_mm_movemask_epi8(is_digit); /* the high half is set */
    size_t size = (size_t)__builtin_ctz(others), fraction = 0;
    unsigned behind = others & (others - 1); /* without the first: the end if that is a point */
    if (first[size] == '.') fraction = (size_t)__builtin_ctz(behind) - size - 1;
#else
    size_t size = 0, fraction = 0;
    while (size < 16 && first[size] >= '0' && first[size] <= '9')
        size++;
    while (first[size] == '.' && size + 1 + fraction < 16 && first[size + 1 + fraction] >= '0' &&
           first[size + 1 + fraction] <= '9')
        fraction++;
#endif
    if (size == 0 || (size > 1 && *first == '0')) return 0;
    if (first[size] == '.') {
        if (fraction == 0) return 0;
        size += 1 + fraction;
    }
    return size >= 16 ? 0 : size;
}

/* The same with a sign, for which there is a branch: it is on the way to the next value. */
static inline size_t simple_number(const char *at)
{
    if (__builtin_expect(*at == '-', 0)) {
        size_t size = simple_digits(at + 1);
        return size ? size + 1 : 0;
    }
    return simple_digits(at);
}

/* How a value lies: its size, and of numbers the sign and the point. is_simple: not by the general
 * way. */
static uint64_t layout_of(const char *at, size_t size, bool is_simple)
{
    bool is_text = *at == '"', is_word = *at == 't' || *at == 'f' || *at == 'n';
    char kind = is_simple ? (is_text ? '"' : '0') : is_word ? 'w' : 'x';
    const char *point = is_simple && !is_text ? memchr(at, '.', size) : NULL;
    return (uint64_t)size << 32 | (uint64_t)(point ? point - at : 0) << 16 |
           (uint64_t)(*at == '-') << 8 | (uint64_t)kind;
}

static void watch_value(wr_json_member *m, const char *at, size_t size, bool is_simple)
{
    uint64_t layout = layout_of(at, size, is_simple);
    m->changes += layout != m->layout;
    m->layout = layout;
    m->value = at;
    m->value_size = size;
}

/* The place behind a value of the given size at at. For a steady one it comes from memory, without
 * waiting for size: the empty assembly hides from the compiler that both are equal. */
static inline __attribute__((always_inline)) const char *
behind_value(wr_json_member *m, const char *at, size_t size, bool is_watched)
{
    if (is_watched) {
        watch_value(m, at, size, true);
    } else if (m->is_steady) {
        size_t expected = m->value_size;
        if (__builtin_expect(size == expected, 1)) {
            __asm__("" : "+r"(expected));
            return at + expected;
        }
    }
    return at + size;
}

/* ---- stretches ---- */
/* The stretch that has room for one more byte; NULL: there are too many. */
static wr_json_stretch *open_stretch(wr_json_shape *shape, bool is_closed)
{
    wr_json_stretch *s = shape->stretches + shape->stretch_count - 1;
    if (!is_closed && s->size < JSON_STRETCH_SIZE) return s;
    if (shape->stretch_count == JSON_STRETCHES_MAX) return NULL;
    s = shape->stretches + shape->stretch_count++;
    memset(s, 0, sizeof *s);
    memset(s->span, 0xff, sizeof s->span);
    return s;
}

/* One more byte of the line, in [low, low + span]. False: there are too many. */
static bool add_byte(wr_json_shape *shape, bool *is_closed, char low, int span)
{
    wr_json_stretch *s = open_stretch(shape, *is_closed);
    if (!s) return false;
    *is_closed = false;
    s->text |= (uint64_t)(span == 254) << s->size;
    s->low[s->size] = (uint8_t)low;
    s->span[s->size++] = (uint8_t)span;
    return true;
}

static bool add_bytes(wr_json_shape *shape, bool *is_closed, const char *bytes, size_t size)
{
    bool ok = true;
    for (size_t i = 0; ok && i < size; i++)
        ok = add_byte(shape, is_closed, bytes[i], 0);
    return ok;
}

/* The value of the line before, as what may stand in its place. */
static bool add_value(wr_json_shape *shape, bool *is_closed, const char *value, size_t size)
{
    bool ok = true, is_text = *value == '"';
    bool is_number = (*value >= '0' && *value <= '9') || *value == '-';
    if (!is_text && !is_number) return add_bytes(shape, is_closed, value, size);
    for (size_t i = 0; ok && i < size; i++) {
        char c = value[i];
        bool is_digit = is_number && c >= '0' && c <= '9';
        bool leads = is_digit && (i == 0 || (i == 1 && *value == '-')) && i + 1 < size &&
                     value[i + 1] != '.'; /* the first of several: not 0 */
        if (is_text && i > 0 && i + 1 < size)
            ok = add_byte(shape, is_closed, '"' + 1, 254); /* all but the quote */
        else if (is_digit)
            ok = add_byte(shape, is_closed, leads ? '1' : '0', leads ? 8 : 9);
        else
            ok = add_byte(shape, is_closed, c, 0);
    }
    return ok;
}

/* Whether the values of m can be part of a stretch: they have not moved in the lines watched, but
 * for once, when something began that goes on. */
static bool is_fixed(const wr_json_member *m)
{
    char kind = (char)(m->layout & 0xff);
    return m->changes <= 1 && m->value_size <= JSON_STRETCH_SIZE &&
           (kind == '"' || kind == '0' || (kind == 'w' && !m->builder));
}

/* What lines are made of, as stretches and values of any size between them. */
static void find_stretches(wr_json_shape *shape)
{
    bool is_closed = true, ok = true, any = false;
    shape->stretch_count = 0;
    for (wr_json_member *m = shape->members; ok && m < shape->members + shape->count; m++) {
        bool fixed = is_fixed(m);
        any |= fixed;
        ok = add_bytes(shape, &is_closed, m->pattern, m->size);
        if (ok && fixed) ok = add_value(shape, &is_closed, m->value, m->value_size);
        if (!ok || (fixed && !m->builder)) continue;
        bool is_text = fixed && *m->value == '"';
        wr_json_stretch *s = shape->stretches + shape->stretch_count - 1;
        s->member = m;
        s->then = is_text ? JSON_THEN_TEXT : fixed ? JSON_THEN_NUMBER : JSON_THEN_VALUE;
        s->back = (uint32_t)m->value_size - is_text;
        s->length = (uint32_t)m->value_size - 2 * is_text;
        is_closed = true;
    }
    ok = ok && add_bytes(shape, &is_closed, shape->tail.pattern, shape->tail.size);
    if (!ok || !any) shape->stretch_count = 0;
}

/* After some lines were watched: values that had another size once in 16 lines are not steady. */
static void find_steady(wr_json_shape *shape, uint32_t watched, bool with_stretches)
{
    enum { SETTLED = 15 };
    shape->stretch_count = 0;
    shape->settled = with_stretches ? SETTLED : 0;
    if (with_stretches) find_stretches(shape);
    for (int k = 0; k < shape->count; k++) {
        shape->members[k].is_steady = shape->members[k].changes * 16 < watched;
        shape->members[k].changes = 0;
    }
}

/* Rows that builders have from a line that could not be taken are cut off. */
static void cut_rows(wr_json_shape *shape, uint32_t rows)
{
    for (int k = 0; k < shape->count; k++)
        if (shape->members[k].builder) wr_json_builder_truncate(shape->members[k].builder, rows);
}

static uint32_t rows_before(const wr_json_shape *shape)
{
    for (int k = 0; k < shape->count; k++)
        if (shape->members[k].builder) return wr_json_builder_rows(shape->members[k].builder);
    return 0;
}

/* The next row, of the types that come most; the rest is left to the general way. */
static inline __attribute__((always_inline)) bool add_text(wr_json_build *build, wr_json_builder *b,
                                                           wr_str raw)
{
    if (__builtin_expect(b->type->id == WR_T_VARCHAR && b->rows < b->cap && !b->has_nulls, 1)) {
        fast_view(raw.data, raw.length, (wr_view *)b->data + b->rows++);
        return true;
    }
    return wr_json_build_simple_text(build, b, raw) == JSON_OK;
}

static inline __attribute__((always_inline)) bool add_number(wr_json_build *build,
                                                             wr_json_builder *b, wr_str raw)
{
    if (__builtin_expect(b->data && b->rows < b->cap && !b->has_nulls, 1)) {
        int64_t *slot = (int64_t *)b->data + b->rows;
        const wr_type *type = b->type;
        bool ok = false;
        if (type->id == WR_T_DECIMAL && type->phys == WR_P_I64 && type->precision <= 18)
            ok = fast_decimal(raw, type->scale, wr_pow10_i64[type->precision], slot);
        else if (type->id == WR_T_BIGINT)
            ok = fast_int(raw, slot);
        else if (type->id == WR_T_DOUBLE)
            ok = fast_double(raw, (double *)(void *)slot);
        b->rows += ok;
        if (ok) return true;
    }
    return wr_json_build_number(build, b, raw) == JSON_OK;
}

#if defined(__x86_64__)
static inline uint64_t special_sse2(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    __m128i hit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
    hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
    return (uint64_t)(uint32_t)_mm_movemask_epi8(hit);
}
static inline unsigned differ_sse2(const char *p, const wr_json_member *m)
{
    unsigned differ = 0;
    for (size_t k = 0; k < m->size; k += 16) {
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)(p + k));
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(m->pattern + k));
        differ |=
            (unsigned)(m->mask >> k) & 0xffff & ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));
    }
    return differ;
}
static inline unsigned outside_sse2(const char *p, const wr_json_stretch *s)
{
    unsigned inside = 0xffff;
    for (size_t k = 0; k < s->size; k += 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p + k));
        v = _mm_sub_epi8(v, _mm_load_si128((const __m128i *)(const void *)(s->low + k)));
        __m128i span = _mm_load_si128((const __m128i *)(const void *)(s->span + k));
        inside &= (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, span), v));
    }
    return inside ^ 0xffff;
}
static inline uint64_t quotes_sse2(const char *p)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
}
#define NAME(x) x##_base
#define TARGET
#define STEP 16
#define SPECIAL special_sse2
#define QUOTES quotes_sse2
#define DIFFER differ_sse2
#define OUTSIDE outside_sse2
#include "fmt/json/shape.tmpl.h"

#define JSON_AVX2_TARGET __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))
JSON_AVX2_TARGET static inline uint64_t special_avx2(const char *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    __m256i hit = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(0x1f)), v);
    hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
    hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(hit);
}
JSON_AVX2_TARGET static inline uint32_t differ_avx2(const char *p, const wr_json_member *m)
{
    uint32_t differ = 0;
    for (size_t k = 0; k < m->size; k += 32) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(p + k));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(m->pattern + k));
        differ |=
            (uint32_t)(m->mask >> k) & ~(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(a, b));
    }
    return differ;
}
JSON_AVX2_TARGET static inline uint32_t outside_avx2(const char *p, const wr_json_stretch *s)
{
    uint32_t inside = UINT32_MAX;
    for (size_t k = 0; k < s->size; k += 32) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(p + k));
        v = _mm256_sub_epi8(v, _mm256_load_si256((const __m256i *)(const void *)(s->low + k)));
        __m256i span = _mm256_load_si256((const __m256i *)(const void *)(s->span + k));
        inside &= (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(v, span), v));
    }
    return ~inside;
}
JSON_AVX2_TARGET static inline uint64_t quotes_avx2(const char *p)
{
    __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
}
#define NAME(x) x##_avx2
#define TARGET JSON_AVX2_TARGET
#define STEP 32
#define SPECIAL special_avx2
#define QUOTES quotes_avx2
#define DIFFER differ_avx2
#define OUTSIDE outside_avx2
#include "fmt/json/shape.tmpl.h"

#define JSON_AVX512_TARGET \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,bmi,bmi2,lzcnt,popcnt")))
JSON_AVX512_TARGET static inline uint64_t special_avx512(const char *p)
{
    __m512i v = _mm512_loadu_si512(p);
    return _mm512_cmplt_epu8_mask(v, _mm512_set1_epi8(0x20)) |
           _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('"')) |
           _mm512_cmpeq_epi8_mask(v, _mm512_set1_epi8('\\'));
}
JSON_AVX512_TARGET static inline uint64_t differ_avx512(const char *p, const wr_json_member *m)
{
    if (__builtin_expect(m->size <= 32, 1)) {
        __m256i c = _mm256_loadu_si256((const __m256i *)(const void *)p);
        __m256i d = _mm256_load_si256((const __m256i *)(const void *)m->pattern);
        return _mm256_mask_cmpneq_epi8_mask((__mmask32)m->mask, c, d);
    }
    __m512i a = _mm512_loadu_si512(p), b = _mm512_load_si512(m->pattern);
    return _mm512_mask_cmpneq_epi8_mask(m->mask, a, b);
}
JSON_AVX512_TARGET static inline uint64_t outside_avx512(const char *p, const wr_json_stretch *s)
{
    __m512i v = _mm512_sub_epi8(_mm512_loadu_si512(p), _mm512_load_si512(s->low));
    return _mm512_cmpgt_epu8_mask(v, _mm512_load_si512(s->span));
}
JSON_AVX512_TARGET static inline uint64_t quotes_avx512(const char *p)
{
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8('"'));
}
#define NAME(x) x##_avx512
#define TARGET JSON_AVX512_TARGET
#define STEP 64
#define SPECIAL special_avx512
#define QUOTES quotes_avx512
#define DIFFER differ_avx512
#define OUTSIDE outside_avx512
#include "fmt/json/shape.tmpl.h"
#else
static inline uint64_t special_byte(const char *p)
{
    return *p == '"' || *p == '\\' || (unsigned char)*p < 0x20;
}
static inline uint64_t quote_byte(const char *p) { return *p == '"'; }
static inline int differ_bytes(const char *p, const wr_json_member *m)
{
    return memcmp(p, m->pattern, m->size);
}
static inline bool outside_bytes(const char *p, const wr_json_stretch *s)
{
    bool outside = false;
    for (size_t k = 0; k < s->size; k++)
        outside |= (uint8_t)((uint8_t)p[k] - s->low[k]) > s->span[k];
    return outside;
}
#define NAME(x) x##_base
#define TARGET
#define STEP 1
#define SPECIAL special_byte
#define QUOTES quote_byte
#define DIFFER differ_bytes
#define OUTSIDE outside_bytes
#include "fmt/json/shape.tmpl.h"
#endif

typedef uint32_t take_fn(wr_json_shape *shape, wr_json_build *build, const char *data,
                         const uint32_t *ends, uint32_t watched, uint32_t most);
static take_fn *const takers[] = {
    take_base,
#if defined(__x86_64__)
    take_avx2,
    take_avx512,
#endif
};

uint32_t wr_json_shape_take(wr_json_shape *shape, wr_json_build *build, const char *data,
                            const uint32_t *ends, uint32_t most)
{
    enum { WATCHED = 64 };
    uint32_t watched = shape->settled > 0 ? 0 : WR_MIN(most, (uint32_t)WATCHED);
    if (shape->settled > 0) shape->settled--;
    return takers[wr_csv_scan_level()](shape, build, data, ends, watched, most);
}
