/* sorting.c - see sorting.h.
 *
 * The code of a value is a 64-bit integer that orders like it: integers with the sign flipped,
 * doubles by their bits. Codes are taken relative to the smallest one seen, reversed for DESC, with
 * one more value for NULL when NULLs were seen.
 *
 * Texts are numbers whose digits are their bytes, each position counted from the smallest byte seen
 * there, in as many digits as there are different bytes; so positions where all texts agree cost
 * nothing, and 'id0000012345' has five decimal digits to tell.
 *
 * Sorting takes the highest bits first, so that soon all is in the cache and small pieces are left,
 * which are sorted by comparing. */
#include "exec/sorting.h"
#include "exec/arrival.h"
#include <math.h>

enum { SMALL = 24, DIGIT_BITS_MIN = 4, DIGIT_BITS_MAX = 10, BLOCK = 512 };
#define SIGN (UINT64_C(1) << 63)

void wr_sorting_init(wr_sorting *s, wr_exec *exec, wr_arena *arena, const wr_rows_layout *layout,
                     const wr_sort_slot *keys, int key_count)
{
    *s = (wr_sorting){.exec = exec, .layout = layout, .keys = keys, .key_count = key_count};
    s->ranges = wr_new_array(arena, wr_sort_range, key_count + 1);
    for (int k = 0; k < key_count; k++)
        s->ranges[k].min = UINT64_MAX, s->ranges[k].text_min = UINT32_MAX;
    for (int k = 0; k < key_count; k++)
        memset(s->ranges[k].lo, 0xff, sizeof s->ranges[k].lo);
}

static inline uint64_t code_of_f64(double v)
{
    if (isnan(v)) return UINT64_MAX;
    if (v == 0) v = 0;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

/* The top 64 bits of a 128-bit integer, as far as they differ in practice: values beyond 63 bits
 * lose their low part. */
static inline uint64_t code_of_i128(wr_i128 v)
{
    if (v >= INT64_MIN / 2 && v <= INT64_MAX / 2) return (uint64_t)(int64_t)v ^ SIGN;
    return v < 0 ? UINT64_C(1) << 61 : UINT64_MAX - 1;
}

#define SIGNED(v) ((uint64_t)(int64_t)(v) ^ SIGN)
#define NAME codes_u8
#define T uint8_t
#define CODE(v) (v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_i8
#define T int8_t
#define CODE(v) SIGNED(v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_i16
#define T int16_t
#define CODE(v) SIGNED(v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_i32
#define T int32_t
#define CODE(v) SIGNED(v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_i64
#define T int64_t
#define CODE(v) SIGNED(v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_u16
#define T uint16_t
#define CODE(v) (v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_u32
#define T uint32_t
#define CODE(v) (v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_u64
#define T uint64_t
#define CODE(v) (v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_f32
#define T float
#define CODE(v) code_of_f64((double)(v))
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_f64
#define T double
#define CODE(v) code_of_f64(v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_i128
#define T wr_i128
#define CODE(v) code_of_i128(v)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_uuid
#define T wr_u128
#define CODE(v) (uint64_t)((v) >> 64)
#include "exec/sorting_codes.tmpl.h"
#define NAME codes_interval
#define T wr_interval
#define CODE(v) code_of_i128(wr_interval_order(v))
#include "exec/sorting_codes.tmpl.h"

typedef void codes_fn(uint8_t *const *rows, uint32_t count, uint32_t offset, uint64_t *codes);
static codes_fn *const codes_of[WR_P_COUNT] = {
    [WR_P_U8] = codes_u8,   [WR_P_I8] = codes_i8,     [WR_P_I16] = codes_i16,
    [WR_P_I32] = codes_i32, [WR_P_I64] = codes_i64,   [WR_P_U16] = codes_u16,
    [WR_P_U32] = codes_u32, [WR_P_U64] = codes_u64,   [WR_P_F32] = codes_f32,
    [WR_P_F64] = codes_f64, [WR_P_I128] = codes_i128, [WR_P_INTERVAL] = codes_interval,
};

static void text_codes(const wr_sort_range *r, uint8_t *const *rows, uint32_t count,
                       uint32_t offset, uint64_t *codes)
{
    for (uint32_t i = 0; i < count; i++) {
        wr_view v;
        memcpy(&v, rows[i] + offset, sizeof v);
        const unsigned char *bytes = (const unsigned char *)wr_view_bytes(&v);
        uint64_t code = 0;
        for (int d = 0; d < r->digit_count; d++) {
            const wr_sort_digit *digit = &r->digits[d];
            if (digit->position >= v.length) break;
            code += (uint64_t)(bytes[digit->position] - digit->lo + digit->has_end) * digit->weight;
        }
        codes[i] = code;
    }
}

/* Codes of up to BLOCK rows; nested values have none and are compared in the rows. */
static void codes_of_rows(const wr_sorting *s, int k, uint8_t *const *rows, uint32_t count,
                          uint64_t *codes)
{
    int slot = s->keys[k].slot;
    const wr_type *t = s->layout->types[slot];
    uint32_t offset = s->layout->offsets[slot];
    if (wr_type_is_nested(t))
        memset(codes, 0, count * sizeof *codes);
    else if (t->phys == WR_P_VIEW)
        text_codes(&s->ranges[k], rows, count, offset, codes);
    else if (t->id == WR_T_UUID)
        codes_uuid(rows, count, offset, codes);
    else
        codes_of[t->phys](rows, count, offset, codes);
}

static bool nulls_of_rows(const wr_sorting *s, int k, uint8_t *const *rows, uint32_t count,
                          uint8_t *nulls)
{
    int slot = s->keys[k].slot, byte = slot / 8, bit = slot & 7;
    uint8_t any = 0;
    for (uint32_t i = 0; i < count; i++)
        any |= nulls[i] = rows[i][byte] >> bit & 1;
    return any;
}

static void watch_text(wr_sort_range *r, uint8_t *const *rows, uint32_t count, uint32_t offset,
                       const uint8_t *nulls)
{
    for (uint32_t i = 0; i < count; i++) {
        wr_view v;
        if (nulls[i]) continue;
        memcpy(&v, rows[i] + offset, sizeof v);
        r->text_min = WR_MIN(r->text_min, v.length);
        r->text_max = WR_MAX(r->text_max, v.length);
        const unsigned char *bytes = (const unsigned char *)wr_view_bytes(&v);
        uint32_t length = WR_MIN(v.length, (uint32_t)WR_SORT_TEXT);
        if (length == 12) { /* the same with a known length is a few instructions */
            for (uint32_t p = 0; p < 12; p++)
                r->lo[p] = WR_MIN(r->lo[p], bytes[p]), r->hi[p] = WR_MAX(r->hi[p], bytes[p]);
            continue;
        }
        for (uint32_t p = 0; p < length; p++)
            r->lo[p] = WR_MIN(r->lo[p], bytes[p]), r->hi[p] = WR_MAX(r->hi[p], bytes[p]);
    }
}

static void watch_block(wr_sorting *s, int k, uint8_t *const *rows, uint32_t count)
{
    wr_sort_range *r = &s->ranges[k];
    int slot = s->keys[k].slot;
    uint64_t codes[BLOCK], min = r->min, max = r->max;
    uint8_t nulls[BLOCK];
    bool any = nulls_of_rows(s, k, rows, count, nulls);
    r->has_nulls |= any;
    for (uint32_t i = 0; any && i < count; i++)
        r->has_values |= !nulls[i];
    r->has_values |= !any && count > 0;
    if (s->layout->types[slot]->phys == WR_P_VIEW) {
        watch_text(r, rows, count, s->layout->offsets[slot], nulls);
        return;
    }
    codes_of_rows(s, k, rows, count, codes);
    for (uint32_t i = 0; !any && i < count; i++) {
        min = WR_MIN(min, codes[i]);
        max = WR_MAX(max, codes[i]);
    }
    for (uint32_t i = 0; any && i < count; i++) {
        if (nulls[i]) continue;
        min = WR_MIN(min, codes[i]);
        max = WR_MAX(max, codes[i]);
    }
    r->min = min;
    r->max = max;
}

weir_status wr_sorting_watch(wr_sorting *s, uint8_t *const *rows, uint64_t count)
{
    for (uint64_t from = 0; from < count; from += BLOCK) {
        uint32_t n = (uint32_t)WR_MIN(count - from, (uint64_t)BLOCK);
        if (from > 0) WR_TRY(wr_sorting_check(s, from - 1));
        for (int k = 0; k < s->key_count; k++)
            watch_block(s, k, rows + from, n);
    }
    return WR_OK;
}

void wr_sorting_merge(wr_sorting *into, const wr_sorting *from)
{
    for (int k = 0; k < into->key_count; k++) {
        wr_sort_range *r = &into->ranges[k];
        const wr_sort_range *f = &from->ranges[k];
        r->min = WR_MIN(r->min, f->min);
        r->max = WR_MAX(r->max, f->max);
        r->text_min = WR_MIN(r->text_min, f->text_min);
        r->text_max = WR_MAX(r->text_max, f->text_max);
        for (int p = 0; p < WR_SORT_TEXT; p++) {
            r->lo[p] = WR_MIN(r->lo[p], f->lo[p]);
            r->hi[p] = WR_MAX(r->hi[p], f->hi[p]);
        }
        r->has_nulls |= f->has_nulls;
        r->has_values |= f->has_values;
    }
}

/* Digits from the first position on, as long as the number fits 64 bits. */
static void decide_digits(wr_sort_range *r)
{
    uint32_t positions = WR_MIN(r->text_max, (uint32_t)WR_SORT_TEXT), p = 0;
    uint64_t codes = 1;
    r->digit_count = 0;
    for (; r->has_values && p < positions; p++) {
        bool has_end = r->text_min <= p;
        uint64_t radix = (uint64_t)(r->hi[p] - r->lo[p]) + 1 + has_end;
        if (codes > UINT64_MAX / radix) break;
        codes *= radix;
        if (radix > 1)
            r->digits[r->digit_count++] = (wr_sort_digit){radix, (uint8_t)p, r->lo[p], has_end};
    }
    r->text_exact = p == r->text_max || !r->has_values;
    uint64_t weight = 1;
    for (int d = r->digit_count; d-- > 0;) {
        uint64_t radix = r->digits[d].weight;
        r->digits[d].weight = weight;
        weight *= radix;
    }
    r->min = 0;
    r->max = codes - 1;
}

static bool key_is_exact(const wr_type *t, const wr_sort_range *r)
{
    if (t->phys == WR_P_VIEW) return r->text_exact;
    if (wr_type_is_nested(t) || t->id == WR_T_UUID) return false;
    bool wide = t->phys == WR_P_I128 || t->phys == WR_P_INTERVAL;
    /* Codes of wide values are exact between the two marks for "beyond". */
    return !wide || (r->min > (UINT64_C(1) << 61) && r->max < UINT64_MAX - 1);
}

/* The number of codes minus one, NULL included. */
static uint64_t span_of(const wr_sort_range *r)
{
    uint64_t span = r->has_values ? r->max - r->min : 0;
    return r->has_nulls && r->has_values && span < UINT64_MAX ? span + 1 : span;
}

void wr_sorting_decide(wr_sorting *s)
{
    int left = 64;
    s->packed = s->covered = 0;
    for (int k = 0; k < s->key_count && left > 0; k++) {
        wr_sort_range *r = &s->ranges[k];
        const wr_type *t = s->layout->types[s->keys[k].slot];
        if (t->phys == WR_P_VIEW) decide_digits(r);
        bool exact = key_is_exact(t, r);
        uint64_t span = span_of(r);
        int need = span ? 64 - __builtin_clzll(span) : 0;
        r->shift = 0;
        if (span == UINT64_MAX && r->has_nulls) r->shift = 1, need = 64, exact = false;
        r->width = WR_MIN(need, left);
        if (need > left) r->shift += need - left, exact = false;
        left -= r->width;
        s->packed++;
        if (!exact) break;
        s->covered++;
    }
    s->bits = 64 - left;
}

int wr_sorting_shift(const wr_sorting *s, int keys)
{
    int shift = s->bits;
    if (keys > s->covered) return -1;
    for (int k = 0; k < keys; k++)
        shift -= s->ranges[k].width;
    return shift < 64 ? shift : -1;
}

/* Puts the bits of key k below those that are there. */
static void add_bits(const wr_sorting *s, int k, uint8_t *const *rows, uint32_t count,
                     uint64_t *bits)
{
    const wr_sort_range *r = &s->ranges[k];
    const wr_sort_slot *key = &s->keys[k];
    bool both = r->has_nulls && r->has_values;
    uint64_t codes[BLOCK], top = r->has_values ? r->max - r->min : 0, null_bits = 0;
    uint8_t nulls[BLOCK];
    bool loses_bit = both && top == UINT64_MAX;
    uint64_t up = both && key->nulls_first && !loses_bit, from = key->descending ? r->max : r->min;
    if (r->width == 0) return;
    codes_of_rows(s, k, rows, count, codes);
    if (key->descending)
        for (uint32_t i = 0; i < count; i++)
            codes[i] = (from - codes[i] + up) >> r->shift;
    else
        for (uint32_t i = 0; i < count; i++)
            codes[i] = (codes[i] - from + up) >> r->shift;
    if (both && !key->nulls_first)
        null_bits = loses_bit ? UINT64_MAX >> 1 >> (r->shift - 1) : (top + 1) >> r->shift;
    if (r->has_nulls && nulls_of_rows(s, k, rows, count, nulls))
        for (uint32_t i = 0; i < count; i++)
            codes[i] = nulls[i] ? null_bits : codes[i];
    if (r->width == 64)
        memcpy(bits, codes, count * sizeof *bits);
    else
        for (uint32_t i = 0; i < count; i++)
            bits[i] = bits[i] << r->width | codes[i];
}

weir_status wr_sorting_fill(const wr_sorting *s, uint8_t *const *rows, uint64_t count,
                            wr_sort_entry *entries)
{
    for (uint64_t from = 0; from < count; from += BLOCK) {
        uint32_t n = (uint32_t)WR_MIN(count - from, (uint64_t)BLOCK);
        uint64_t bits[BLOCK] = {0};
        if (from > 0) WR_TRY(wr_sorting_check(s, from - 1));
        for (int k = 0; k < s->packed; k++)
            add_bits(s, k, rows + from, n, bits);
        for (uint32_t i = 0; i < n; i++)
            entries[from + i] = (wr_sort_entry){bits[i], rows[from + i]};
    }
    return WR_OK;
}

static int compare_from(const wr_sorting *s, int from, const uint8_t *a, const uint8_t *b)
{
    for (int k = from; k < s->key_count; k++) {
        const wr_sort_slot *key = &s->keys[k];
        bool a_null = wr_row_is_null(a, key->slot), b_null = wr_row_is_null(b, key->slot);
        if (a_null || b_null) {
            if (a_null == b_null) continue;
            return a_null == key->nulls_first ? -1 : 1;
        }
        int c = wr_keys_compare(s->layout, key->slot, a, b);
        if (c) return key->descending ? -c : c;
    }
    if (!s->by_place) return 0;
    uint64_t a_place = wr_row_place(s->layout, a), b_place = wr_row_place(s->layout, b);
    return (a_place > b_place) - (a_place < b_place);
}

int wr_sorting_compare_rows(const wr_sorting *s, const uint8_t *a, const uint8_t *b)
{
    return compare_from(s, 0, a, b);
}

int wr_sorting_compare(const wr_sorting *s, const wr_sort_entry *a, const wr_sort_entry *b)
{
    if (a->bits != b->bits) return a->bits < b->bits ? -1 : 1;
    return compare_from(s, s->covered, a->row, b->row);
}

/* Stable merge sort, bottom up from runs of 8 sorted by insertion. */
static weir_status merge_sort(const wr_sorting *s, wr_sort_entry *entries, wr_sort_entry *spare,
                              uint64_t count)
{
    for (uint64_t from = 0; from < count; from += 8) {
        uint64_t to = WR_MIN(from + 8, count);
        WR_TRY(wr_sorting_check(s, from + 7));
        for (uint64_t i = from + 1; i < to; i++) {
            wr_sort_entry e = entries[i];
            uint64_t j = i;
            for (; j > from && wr_sorting_compare(s, &e, &entries[j - 1]) < 0; j--)
                entries[j] = entries[j - 1];
            entries[j] = e;
        }
    }
    wr_sort_entry *src = entries, *dst = spare;
    for (uint64_t width = 8; width < count; width *= 2) {
        for (uint64_t from = 0; from < count; from += 2 * width) {
            uint64_t middle = WR_MIN(from + width, count), to = WR_MIN(from + 2 * width, count);
            uint64_t a = from, b = middle;
            for (uint64_t i = from; i < to; i++) {
                WR_TRY(wr_sorting_check(s, i));
                bool left = b >= to || (a < middle && wr_sorting_compare(s, &src[b], &src[a]) >= 0);
                dst[i] = left ? src[a++] : src[b++];
            }
        }
        wr_sort_entry *swap = src;
        src = dst;
        dst = swap;
    }
    if (src != entries) memcpy(entries, src, count * sizeof *entries);
    return WR_OK;
}

static void insertion_sort(const wr_sorting *s, wr_sort_entry *entries, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        wr_sort_entry e = entries[i];
        uint64_t j = i;
        for (; j > 0 && wr_sorting_compare(s, &e, &entries[j - 1]) < 0; j--)
            entries[j] = entries[j - 1];
        entries[j] = e;
    }
}

/* Of the lowest `left` bits those that are not the same everywhere, down from the highest. */
static int differing_bits(const wr_sort_entry *entries, uint64_t count, int left)
{
    uint64_t first = entries[0].bits, differ = 0;
    for (uint64_t i = 1; i < count; i++)
        differ |= entries[i].bits ^ first;
    if (left < 64) differ &= (UINT64_C(1) << left) - 1;
    return differ ? 64 - __builtin_clzll(differ) : 0;
}

/* So many that a few entries share a digit. */
static int digit_bits(uint64_t count)
{
    int wanted = 63 - __builtin_clzll(count) - 2;
    return WR_MAX(WR_MIN(wanted, DIGIT_BITS_MAX), DIGIT_BITS_MIN);
}

/* Sorts entries by their lowest `left` bits and the rows; the result is in other or stays. Most
 * significant digit first: the pieces of equal digits are sorted on their own. */
static weir_status sort_digits(const wr_sorting *s, wr_sort_entry *entries, wr_sort_entry *other,
                               uint64_t count, int left, bool to_other)
{
    uint64_t counts[(1 << DIGIT_BITS_MAX) + 1];
    if (count > SMALL) left = differing_bits(entries, count, left);
    if (count <= SMALL || left == 0) {
        if (count <= SMALL)
            insertion_sort(s, entries, count);
        else if (s->covered < s->key_count || s->by_place)
            WR_TRY(merge_sort(s, entries, other, count));
        if (to_other) memcpy(other, entries, count * sizeof *entries);
        return WR_OK;
    }
    int width = WR_MIN(digit_bits(count), left), shift = left - width;
    uint64_t digits = UINT64_C(1) << width, mask = digits - 1;
    memset(counts, 0, (digits + 1) * sizeof *counts);
    for (uint64_t i = 0; i < count; i++)
        counts[(entries[i].bits >> shift & mask) + 1]++;
    for (uint64_t d = 0; d < digits; d++)
        counts[d + 1] += counts[d];
    for (uint64_t i = 0; i < count; i++) {
        WR_TRY(wr_sorting_check(s, i));
        other[counts[entries[i].bits >> shift & mask]++] = entries[i];
    }
    for (uint64_t d = 0, from = 0; d < digits; from = counts[d++])
        if (counts[d] > from)
            WR_TRY(
                sort_digits(s, other + from, entries + from, counts[d] - from, shift, !to_other));
    return WR_OK;
}

weir_status wr_sorting_piece(const wr_sorting *s, wr_sort_entry *from, wr_sort_entry *into,
                             uint64_t count, int left)
{
    return sort_digits(s, from, into, count, left, true);
}

weir_status wr_sorting_sort(const wr_sorting *s, wr_sort_entry *entries, wr_sort_entry *spare,
                            uint64_t count)
{
    return sort_digits(s, entries, spare, count, s->bits, false);
}

weir_status wr_sort_addresses(wr_exec *exec, wr_mem *mem, const wr_rows_layout *layout,
                              const wr_sort_slot *keys, int key_count, uint8_t **addresses,
                              uint64_t count)
{
    if (count < 2 || key_count == 0) return WR_OK;
    WR_ARENA(arena);
    wr_sorting s;
    wr_sorting_init(&s, exec, &arena, layout, keys, key_count);
    WR_TRY(wr_sorting_watch(&s, addresses, count));
    wr_sorting_decide(&s);
    void *memory;
    size_t size = 2 * count * sizeof(wr_sort_entry);
    WR_TRY(wr_mem_alloc(mem, size, &memory));
    wr_sort_entry *entries = memory;
    weir_status bad = wr_sorting_fill(&s, addresses, count, entries);
    if (!bad) bad = wr_sorting_sort(&s, entries, entries + count, count);
    for (uint64_t i = 0; !bad && i < count; i++)
        addresses[i] = entries[i].row;
    wr_mem_free(mem, memory, size);
    return bad;
}
