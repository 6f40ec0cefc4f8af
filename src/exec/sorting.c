/* sorting.c - see sorting.h.
 *
 * The code of a value is a 64-bit integer that orders like it: integers with the sign flipped,
 * doubles by their bits, text by its first bytes (exact when no text is longer than 7 bytes: 7
 * bytes and the length). Codes are taken relative to the smallest one seen, reversed for DESC, with
 * one more value for NULL when NULLs were seen. */
#include "exec/sorting.h"
#include <math.h>

enum { SMALL = 96, DIGIT_BITS = 11, DIGITS = 1 << DIGIT_BITS, TEXT_EXACT = 7 };
#define SIGN (UINT64_C(1) << 63)

void wr_sorting_init(wr_sorting *s, wr_exec *exec, wr_arena *arena, const wr_rows_layout *layout,
                     const wr_sort_slot *keys, int key_count)
{
    *s = (wr_sorting){.exec = exec, .layout = layout, .keys = keys, .key_count = key_count};
    s->ranges = wr_new_array(arena, wr_sort_range, key_count + 1);
    for (int k = 0; k < key_count; k++)
        s->ranges[k].min = UINT64_MAX;
}

static uint64_t code_of_f64(double v)
{
    if (isnan(v)) return UINT64_MAX;
    if (v == 0) v = 0;
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits & SIGN ? ~bits : bits | SIGN;
}

/* The top 64 bits of a 128-bit integer, as far as they differ in practice: values beyond 63 bits
 * lose their low part. */
static uint64_t code_of_i128(wr_i128 v, bool *exact)
{
    if (v >= INT64_MIN / 2 && v <= INT64_MAX / 2) return (uint64_t)(int64_t)v ^ SIGN;
    *exact = false;
    return v < 0 ? UINT64_C(1) << 61 : UINT64_MAX - 1;
}

static uint64_t code_of_text(const wr_view *v, bool exact)
{
    const unsigned char *bytes = (const unsigned char *)wr_view_bytes(v);
    uint32_t length = v->length, take = WR_MIN(length, 8u);
    uint64_t code = 0;
    for (uint32_t i = 0; i < take; i++)
        code |= (uint64_t)bytes[i] << (56 - 8 * i);
    return exact ? (code & ~UINT64_C(255)) | length : code;
}

#define LOAD(T, p)                 \
    ({                             \
        T v_;                      \
        memcpy(&v_, p, sizeof v_); \
        v_;                        \
    })

/* text_exact: all texts are short. *exact is cleared when equal codes do not mean equal values. */
static uint64_t code_of(const wr_type *t, const uint8_t *slot, bool text_exact, bool *exact)
{
    switch ((wr_phys)t->phys) {
    case WR_P_U8:
        return *slot;
    case WR_P_I8:
        return (uint64_t)(int64_t)LOAD(int8_t, slot) ^ SIGN;
    case WR_P_I16:
        return (uint64_t)(int64_t)LOAD(int16_t, slot) ^ SIGN;
    case WR_P_I32:
        return (uint64_t)(int64_t)LOAD(int32_t, slot) ^ SIGN;
    case WR_P_I64:
        return (uint64_t)LOAD(int64_t, slot) ^ SIGN;
    case WR_P_U16:
        return LOAD(uint16_t, slot);
    case WR_P_U32:
        return LOAD(uint32_t, slot);
    case WR_P_U64:
        return LOAD(uint64_t, slot);
    case WR_P_F32:
        return code_of_f64((double)LOAD(float, slot));
    case WR_P_F64:
        return code_of_f64(LOAD(double, slot));
    case WR_P_I128:
        if (t->id != WR_T_UUID) return code_of_i128(LOAD(wr_i128, slot), exact);
        *exact = false;
        return (uint64_t)(LOAD(wr_u128, slot) >> 64);
    case WR_P_INTERVAL:
        return code_of_i128(wr_interval_order(LOAD(wr_interval, slot)), exact);
    case WR_P_VIEW: {
        wr_view v = LOAD(wr_view, slot);
        *exact &= text_exact;
        return code_of_text(&v, text_exact);
    }
    default:
        *exact = false;
        return 0; /* nested values are compared in the rows */
    }
}

weir_status wr_sorting_watch(wr_sorting *s, uint8_t *const *rows, uint64_t count)
{
    for (int k = 0; k < s->key_count; k++) {
        wr_sort_range *r = &s->ranges[k];
        int slot = s->keys[k].slot;
        const wr_type *t = s->layout->types[slot];
        uint32_t offset = s->layout->offsets[slot];
        bool exact = true;
        for (uint64_t i = 0; i < count; i++) {
            WR_TRY(wr_sorting_check(s, i));
            if (wr_row_is_null(rows[i], slot)) {
                r->has_nulls = true;
                continue;
            }
            r->has_values = true;
            if (t->phys == WR_P_VIEW)
                r->text_max = WR_MAX(r->text_max, LOAD(uint32_t, rows[i] + offset));
            uint64_t code = code_of(t, rows[i] + offset, false, &exact);
            r->min = WR_MIN(r->min, code);
            r->max = WR_MAX(r->max, code);
        }
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
        r->text_max = WR_MAX(r->text_max, f->text_max);
        r->has_nulls |= f->has_nulls;
        r->has_values |= f->has_values;
    }
}

static bool text_is_exact(const wr_sort_range *r) { return r->text_max <= TEXT_EXACT; }

static bool key_is_exact(const wr_type *t, const wr_sort_range *r)
{
    if (t->phys == WR_P_VIEW) return text_is_exact(r);
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
        bool exact = key_is_exact(t, r);
        if (t->phys == WR_P_VIEW &&
            exact) { /* the watched codes were whole prefixes; these end in the length */
            r->min &= ~UINT64_C(255);
            r->max |= 255;
        }
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

static uint64_t bits_of(const wr_sorting *s, int k, const uint8_t *row)
{
    const wr_sort_range *r = &s->ranges[k];
    const wr_sort_slot *key = &s->keys[k];
    const wr_type *t = s->layout->types[key->slot];
    bool exact = true, both = r->has_nulls && r->has_values;
    uint64_t top = r->has_values ? r->max - r->min : 0;
    bool loses_bit = both && top == UINT64_MAX;
    if (wr_row_is_null(row, key->slot)) {
        if (!both || key->nulls_first) return 0;
        return (loses_bit ? UINT64_MAX >> 1 : top + 1) >> (loses_bit ? r->shift - 1 : r->shift);
    }
    uint64_t code = code_of(t, row + s->layout->offsets[key->slot], text_is_exact(r), &exact);
    code = key->descending ? r->max - code : code - r->min;
    if (both && key->nulls_first && !loses_bit) code++;
    return code >> r->shift;
}

weir_status wr_sorting_fill(const wr_sorting *s, uint8_t *const *rows, uint64_t count,
                            wr_sort_entry *entries)
{
    for (uint64_t i = 0; i < count; i++)
        entries[i] = (wr_sort_entry){0, rows[i]};
    for (int k = 0; k < s->packed; k++) {
        int width = s->ranges[k].width;
        if (width == 0) continue;
        for (uint64_t i = 0; i < count; i++) {
            WR_TRY(wr_sorting_check(s, i));
            uint64_t before = width == 64 ? 0 : entries[i].bits << width;
            entries[i].bits = before | bits_of(s, k, rows[i]);
        }
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
    return 0;
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

/* Least significant digit first; digits that are the same everywhere cost one counting pass only.
 */
static weir_status radix_sort(const wr_sorting *s, wr_sort_entry *entries, wr_sort_entry *spare,
                              uint64_t count)
{
    wr_sort_entry *src = entries, *dst = spare;
    for (int shift = 0; shift < s->bits; shift += DIGIT_BITS) {
        uint64_t counts[DIGITS + 1] = {0};
        for (uint64_t i = 0; i < count; i++)
            counts[(src[i].bits >> shift & (DIGITS - 1)) + 1]++;
        if (counts[(src[0].bits >> shift & (DIGITS - 1)) + 1] == count) continue;
        for (int d = 0; d < DIGITS; d++)
            counts[d + 1] += counts[d];
        for (uint64_t i = 0; i < count; i++) {
            WR_TRY(wr_sorting_check(s, i));
            dst[counts[src[i].bits >> shift & (DIGITS - 1)]++] = src[i];
        }
        wr_sort_entry *swap = src;
        src = dst;
        dst = swap;
    }
    if (src != entries) memcpy(entries, src, count * sizeof *entries);
    return WR_OK;
}

weir_status wr_sorting_sort(const wr_sorting *s, wr_sort_entry *entries, wr_sort_entry *spare,
                            uint64_t count)
{
    if (count <= SMALL) return merge_sort(s, entries, spare, count);
    WR_TRY(radix_sort(s, entries, spare, count));
    if (s->covered == s->key_count) return WR_OK;
    for (uint64_t from = 0, to, checked = 0; from < count; from = to) {
        for (to = from + 1; to < count && entries[to].bits == entries[from].bits; to++)
            continue;
        if (to - from > 1) WR_TRY(merge_sort(s, entries + from, spare + from, to - from));
        if (to - checked < WR_SORT_CHECK) continue;
        WR_TRY(wr_sorting_check(s, WR_SORT_CHECK - 1));
        checked = to;
    }
    return WR_OK;
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
