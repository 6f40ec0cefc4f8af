/* encode.c - encodings, bounds and dictionaries of values on their way to a file.
 *
 * Runs of at least eight equal values are written as runs, everything between as packed groups of
 * eight. Deltas use blocks of 128 values in 4 miniblocks. Bounds of floats leave NaN out and widen
 * zeros to both signs, as the format asks; long texts are cut, the upper bound by raising its last
 * byte so that it stays above. */
#include "fmt/parquet/sink.h"
#include <math.h>

enum { TEXT_BOUND_MAX = 64 };

static void put_varint(wr_buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        wr_buf_add_char(out, (char)(v | 0x80));
    wr_buf_add_char(out, (char)v);
}

/* ---- runs */

/* Packs count values (rounded up to a multiple of 8 with zeros). */
static void pack(wr_buf *out, const uint64_t *values, size_t count, unsigned width)
{
    wr_u128 bits = 0;
    unsigned filled = 0;
    size_t whole = (count + 7) / 8 * 8;
    for (size_t i = 0; i < whole; i++) {
        bits |= (wr_u128)(i < count ? values[i] : 0) << filled;
        for (filled += width; filled >= 8; filled -= 8, bits >>= 8)
            wr_buf_add_char(out, (char)bits);
    }
}

static size_t run_at(const uint32_t *values, size_t count)
{
    size_t n = 1;
    while (n < count && values[n] == values[0])
        n++;
    return n;
}

static void put_packed(wr_buf *out, const uint32_t *values, size_t count, unsigned width)
{
    uint64_t group[64];
    put_varint(out, (count + 7) / 8 << 1 | 1);
    for (size_t i = 0; i < count; i += WR_COUNT(group)) {
        size_t here = WR_MIN(count - i, WR_COUNT(group));
        for (size_t k = 0; k < here; k++)
            group[k] = values[i + k];
        pack(out, group, here, width);
    }
}

void wr_pq_encode_runs(wr_buf *out, const uint32_t *values, size_t count, unsigned width)
{
    size_t at = 0,
           packed = 0; /* [packed, at) waits to be packed; a multiple of 8 unless at the end */
    while (at < count) {
        size_t run = run_at(values + at, count - at);
        if (run < 8) {
            at += WR_MIN((size_t)8, count - at);
            continue;
        }
        if (at > packed) put_packed(out, values + packed, at - packed, width);
        put_varint(out, (uint64_t)run << 1);
        for (unsigned i = 0; i < (width + 7) / 8; i++)
            wr_buf_add_char(out, (char)(values[at] >> (8 * i)));
        at += run;
        packed = at;
    }
    if (at > packed) put_packed(out, values + packed, at - packed, width);
}

/* ---- deltas */

enum { BLOCK = 128, MINIS = 4, MINI = BLOCK / MINIS };

/* Deltas of INT32 wrap within 32 bits: readers refuse wider ones. */
static void put_block(wr_buf *out, const int64_t *values, size_t count, bool is_narrow)
{
    uint64_t deltas[BLOCK] = {0};
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < count; i++) {
        deltas[i] = (uint64_t)values[i] - (uint64_t)values[(ptrdiff_t)i - 1];
        if (is_narrow) deltas[i] = (uint64_t)(int32_t)deltas[i];
        least = WR_MIN(least, (int64_t)deltas[i]);
    }
    put_varint(out, ((uint64_t)least << 1) ^ (uint64_t)(least >> 63));
    unsigned widths[MINIS] = {0};
    for (size_t i = 0; i < count; i++) {
        deltas[i] -= (uint64_t)least;
        unsigned width = deltas[i] ? 64 - (unsigned)__builtin_clzll(deltas[i]) : 0;
        widths[i / MINI] = WR_MAX(widths[i / MINI], width);
    }
    for (int m = 0; m < MINIS; m++)
        wr_buf_add_char(out, (char)widths[m]);
    for (size_t m = 0; m < MINIS && m * MINI < count; m++) {
        for (size_t i = count; i < (m + 1) * MINI; i++)
            deltas[i] = 0;
        pack(out, deltas + m * MINI, MINI, widths[m]);
    }
}

void wr_pq_encode_delta(wr_buf *out, const int64_t *values, size_t count, bool is_narrow)
{
    int64_t first = count ? values[0] : 0;
    put_varint(out, BLOCK);
    put_varint(out, MINIS);
    put_varint(out, count);
    put_varint(out, ((uint64_t)first << 1) ^ (uint64_t)(first >> 63));
    for (size_t i = 1; i < count; i += BLOCK)
        put_block(out, values + i, WR_MIN(count - i, (size_t)BLOCK), is_narrow);
}

/* ---- bounds */

wr_str wr_pq_sink_at(const wr_pq_sink *s, size_t i)
{
    const char *bytes = s->values.data;
    if (s->target.width) return (wr_str){bytes + i * s->target.width, s->target.width};
    const uint32_t *ends = s->ends.data;
    uint32_t from = i ? ends[i - 1] : 0;
    return (wr_str){bytes + from, ends[i] - from};
}

#define DEFINE_COMPARE(name, type)      \
    static int name(wr_str a, wr_str b) \
    {                                   \
        type x, y;                      \
        memcpy(&x, a.data, sizeof x);   \
        memcpy(&y, b.data, sizeof y);   \
        return (x > y) - (x < y);       \
    }
DEFINE_COMPARE(cmp_i32, int32_t)
DEFINE_COMPARE(cmp_u32, uint32_t)
DEFINE_COMPARE(cmp_i64, int64_t)
DEFINE_COMPARE(cmp_u64, uint64_t)
DEFINE_COMPARE(cmp_f32, float)
DEFINE_COMPARE(cmp_f64, double)
#undef DEFINE_COMPARE

static int cmp_decimal(wr_str a, wr_str b)
{
    bool over = false;
    wr_i128 x = wr_pq_big_endian((const uint8_t *)a.data, a.length, &over);
    wr_i128 y = wr_pq_big_endian((const uint8_t *)b.data, b.length, &over);
    return (x > y) - (x < y);
}

typedef int compare_fn(wr_str a, wr_str b);
static compare_fn *const comparisons[] = {
    [WR_PQ_BY_I32] = cmp_i32,      [WR_PQ_BY_U32] = cmp_u32,         [WR_PQ_BY_I64] = cmp_i64,
    [WR_PQ_BY_U64] = cmp_u64,      [WR_PQ_BY_F32] = cmp_f32,         [WR_PQ_BY_F64] = cmp_f64,
    [WR_PQ_BY_BYTES] = wr_str_cmp, [WR_PQ_BY_DECIMAL] = cmp_decimal,
};

static bool is_nan(wr_pq_order order, wr_str v)
{
    float narrow;
    double wide;
    if (order == WR_PQ_BY_F32) return memcpy(&narrow, v.data, 4), isnan(narrow);
    if (order == WR_PQ_BY_F64) return memcpy(&wide, v.data, 8), isnan(wide);
    return false;
}

/* A zero as lower bound is -0, as upper bound +0. */
static void widen_zero(wr_pq_order order, wr_str *v, bool is_upper, wr_arena *arena)
{
    if (order != WR_PQ_BY_F32 && order != WR_PQ_BY_F64) return;
    char *bytes = wr_arena_copy(arena, v->data, v->length);
    float narrow = is_upper ? 0.0f : -0.0f, zero_narrow;
    double wide = is_upper ? 0.0 : -0.0, zero_wide;
    if (order == WR_PQ_BY_F32) {
        memcpy(&zero_narrow, bytes, 4);
        if (zero_narrow == 0) memcpy(bytes, &narrow, 4);
    } else {
        memcpy(&zero_wide, bytes, 8);
        if (zero_wide == 0) memcpy(bytes, &wide, 8);
    }
    v->data = bytes;
}

/* Cuts a long text before a character; the upper bound gets its last ASCII character raised. */
static void cut_text(wr_pq_bounds *b, wr_arena *arena)
{
    b->min_exact = b->max_exact = true;
    if (b->min.length > TEXT_BOUND_MAX) {
        size_t n = TEXT_BOUND_MAX;
        while (n > 0 && (b->min.data[n] & 0xc0) == 0x80)
            n--;
        b->min = wr_arena_str(arena, (wr_str){b->min.data, n});
        b->min_exact = false;
    } else {
        b->min = wr_arena_str(arena, b->min);
    }
    if (b->max.length <= TEXT_BOUND_MAX) {
        b->max = wr_arena_str(arena, b->max);
        return;
    }
    b->max_exact = false;
    for (size_t n = TEXT_BOUND_MAX; n > 0; n--) {
        uint8_t last = (uint8_t)b->max.data[n - 1];
        if (last >= 0x7f) continue;
        char *bytes = wr_arena_copy(arena, b->max.data, n);
        bytes[n - 1] = (char)(last + 1);
        b->max = (wr_str){bytes, n};
        return;
    }
    b->min = b->max = (wr_str){0};
}

void wr_pq_find_bounds(const wr_pq_sink *s, size_t first, size_t count, wr_arena *arena,
                       wr_pq_bounds *out)
{
    out->min = out->max = (wr_str){0};
    out->min_exact = out->max_exact = true;
    if (s->target.order == WR_PQ_BY_NOTHING) return;
    compare_fn *compare = comparisons[s->target.order];
    for (size_t i = first; i < first + count; i++) {
        wr_str v = wr_pq_sink_at(s, i);
        if (is_nan(s->target.order, v)) continue;
        if (!out->min.data || compare(v, out->min) < 0) out->min = v;
        if (!out->max.data || compare(v, out->max) > 0) out->max = v;
    }
    if (!out->min.data) return;
    if (s->target.order == WR_PQ_BY_BYTES) {
        cut_text(out, arena);
        return;
    }
    out->min = wr_arena_str(arena, out->min);
    out->max = wr_arena_str(arena, out->max);
    widen_zero(s->target.order, &out->min, false, arena);
    widen_zero(s->target.order, &out->max, true, arena);
}

void wr_pq_merge_bounds(const wr_pq_sink *s, wr_pq_bounds *a, const wr_pq_bounds *b)
{
    a->null_count += b->null_count;
    if (s->target.order == WR_PQ_BY_NOTHING || !b->min.data) return;
    compare_fn *compare = comparisons[s->target.order];
    if (!a->min.data || compare(b->min, a->min) < 0) {
        a->min = b->min;
        a->min_exact = b->min_exact;
    }
    if (!a->max.data || compare(b->max, a->max) > 0) {
        a->max = b->max;
        a->max_exact = b->max_exact;
    }
}

/* ---- dictionaries */

weir_status wr_pq_number_values(const wr_pq_sink *s, wr_pq_out *out, size_t limit,
                                size_t limit_bytes, bool *found, uint32_t *distinct,
                                uint32_t **codes, uint32_t **first)
{
    size_t slots = 1024, bytes = 0;
    while (slots < 2 * WR_MIN(limit, s->value_count) + 2)
        slots *= 2;
    *found = false;
    *distinct = 0;
    WR_TRY(
        wr_pq_bytes_need(out->mem, &out->codes, (s->value_count + limit + 1) * sizeof(uint32_t)));
    WR_TRY(wr_pq_bytes_need(out->mem, &out->table, slots * sizeof(uint32_t)));
    uint32_t *table = out->table.data;
    memset(table, 0, slots * sizeof *table);
    *codes = out->codes.data;
    *first = *codes + s->value_count;
    for (size_t i = 0; i < s->value_count; i++) {
        wr_str v = wr_pq_sink_at(s, i);
        size_t slot = wr_hash_bytes(v.data, v.length) & (slots - 1);
        while (table[slot] && !wr_str_eq(wr_pq_sink_at(s, (*first)[table[slot] - 1]), v))
            slot = (slot + 1) & (slots - 1);
        if (!table[slot]) {
            bytes += v.length + 4;
            if (*distinct == limit || bytes > limit_bytes) return WR_OK;
            (*first)[(*distinct)++] = (uint32_t)i;
            table[slot] = *distinct;
        }
        (*codes)[i] = table[slot] - 1;
    }
    *found = true;
    return WR_OK;
}
