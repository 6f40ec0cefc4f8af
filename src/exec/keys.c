/* keys.c - see keys.h. Loops run over one column at a time and are chosen once per column. */
#include "exec/keys.h"
#include <math.h>

bool wr_keys_is_int(const wr_type *t)
{
    if (t->phys == WR_P_U64 || t->phys == WR_P_I128) return false;
    return wr_type_is_int_like(t) || t->id == WR_T_BOOLEAN || t->id == WR_T_ENUM;
}

#define T uint8_t
#define NAME widen_u8
#include "exec/keys_widen.tmpl.h"
#define T int8_t
#define NAME widen_i8
#include "exec/keys_widen.tmpl.h"
#define T int16_t
#define NAME widen_i16
#include "exec/keys_widen.tmpl.h"
#define T int32_t
#define NAME widen_i32
#include "exec/keys_widen.tmpl.h"
#define T int64_t
#define NAME widen_i64
#include "exec/keys_widen.tmpl.h"
#define T uint16_t
#define NAME widen_u16
#include "exec/keys_widen.tmpl.h"
#define T uint32_t
#define NAME widen_u32
#include "exec/keys_widen.tmpl.h"

typedef void widen_fn(const void *data, int64_t base, const uint16_t *sel, uint32_t count,
                      int64_t *out);
static widen_fn *const widen_of[WR_P_COUNT] = {
    [WR_P_U8] = widen_u8,   [WR_P_I8] = widen_i8,   [WR_P_I16] = widen_i16, [WR_P_I32] = widen_i32,
    [WR_P_I64] = widen_i64, [WR_P_U16] = widen_u16, [WR_P_U32] = widen_u32,
};

static bool null_bytes(const uint64_t *valid, const uint16_t *sel, uint32_t count, int64_t *out,
                       uint8_t *is_null)
{
    uint8_t any = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t null = !wr_bit_get(valid, wr_row_at(sel, i));
        is_null[i] = null;
        any |= null;
        if (null) out[i] = 0;
    }
    return any;
}

bool wr_keys_ints(const wr_column *c, const uint16_t *sel, uint32_t count, int64_t *out,
                  uint8_t *is_null)
{
    memset(is_null, 0, count);
    if (c->form == WR_CONSTANT) {
        bool null = c->valid && !wr_bit_get(c->valid, 0);
        int64_t v = 0;
        if (!null) widen_of[c->phys](c->data, c->base, NULL, 1, &v);
        for (uint32_t i = 0; i < count; i++)
            out[i] = v;
        memset(is_null, null, count);
        return null;
    }
    if (c->form == WR_DICTIONARY) {
        bool any = false;
        widen_of[c->phys](c->data, 0, sel, count, out);
        if (c->valid) any = null_bytes(c->valid, sel, count, out, is_null);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t code = (uint32_t)out[i];
            if (is_null[i]) continue;
            if (c->dict->valid && !wr_bit_get(c->dict->valid, code)) {
                is_null[i] = 1, out[i] = 0, any = true;
                continue;
            }
            out[i] = wr_column_int(c->dict, code);
        }
        return any;
    }
    widen_of[c->phys](c->data, c->base, sel, count, out);
    return c->valid ? null_bytes(c->valid, sel, count, out, is_null) : false;
}

void wr_keys_flatten(const wr_column *in, int n, const uint16_t *sel, uint32_t count,
                     wr_arena *arena, wr_column *out)
{
    for (int k = 0; k < n; k++) {
        const wr_column *c = &in[k];
        bool plain = c->form == WR_FLAT && c->phys == c->type->phys && c->base == 0;
        if (plain || wr_type_is_nested(c->type))
            out[k] = *c;
        else
            wr_column_flatten(c, sel, count, arena, &out[k]);
    }
}

/* ---- hashing ---- */

static inline uint64_t mix(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0xd6e8feb86659fd93);
    x ^= x >> 29;
    x *= UINT64_C(0x9e3779b97f4a7c15);
    return x ^ x >> 32;
}

enum { SEED_TURN = 7 };
static const uint64_t SEED = UINT64_C(0x2545f4914f6cdd1d),
                      NULL_VALUE = UINT64_C(0x5bd1e995a7c15f4d);

static inline uint64_t combine(uint64_t hash, uint64_t value)
{
    return mix((hash << SEED_TURN | hash >> (64 - SEED_TURN)) ^ value);
}

static inline uint64_t hash_f64(double v)
{
    if (v == 0) v = 0; /* -0.0 */
    if (isnan(v)) return UINT64_C(0x7ff8000000000000);
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline uint64_t fold_128(wr_u128 v) { return (uint64_t)v ^ mix((uint64_t)(v >> 64) + 1); }

static uint64_t hash_one(const wr_column *c, uint32_t row)
{
    switch ((wr_phys)c->type->phys) {
    case WR_P_U8:
        return ((const uint8_t *)c->data)[row];
    case WR_P_I8:
        return (uint64_t)((const int8_t *)c->data)[row];
    case WR_P_I16:
        return (uint64_t)((const int16_t *)c->data)[row];
    case WR_P_U16:
        return ((const uint16_t *)c->data)[row];
    case WR_P_I128:
        return fold_128(((const wr_u128 *)c->data)[row]);
    case WR_P_F32:
        return hash_f64(((const float *)c->data)[row]);
    case WR_P_F64:
        return hash_f64(((const double *)c->data)[row]);
    case WR_P_INTERVAL:
        return fold_128((wr_u128)wr_interval_order(((const wr_interval *)c->data)[row]));
    default:
        return wr_column_hash(c, row);
    }
}

/* Long texts are rare enough to be looked at a second time. */
static void hash_views(const wr_column *c, const uint16_t *sel, uint32_t count, uint64_t *values)
{
    const wr_view *views = c->data;
    bool any_long = false;
    for (uint32_t i = 0; i < count; i++) {
        const wr_view *v = &views[wr_row_at(sel, i)];
        values[i] = v->words[0] ^ mix(v->words[1]);
        any_long |= v->length > 12;
    }
    for (uint32_t i = 0; any_long && i < count; i++) {
        uint32_t row = wr_row_at(sel, i);
        if (views[row].length > 12 && (!c->valid || wr_bit_get(c->valid, row)))
            values[i] = wr_hash_bytes(views[row].pointer, views[row].length);
    }
}

static void hash_column(const wr_column *c, const uint16_t *sel, uint32_t count, uint64_t *values)
{
    if (wr_type_is_nested(c->type)) {
        for (uint32_t i = 0; i < count; i++)
            values[i] = wr_column_hash(c, wr_row_at(sel, i));
        return;
    }
    if (c->type->phys == WR_P_VIEW) {
        hash_views(c, sel, count, values);
    } else if (c->type->phys == WR_P_I32 || c->type->phys == WR_P_I64 ||
               c->type->phys == WR_P_U32) {
        widen_of[c->type->phys](c->data, 0, sel, count, (int64_t *)values);
    } else if (c->type->phys == WR_P_U64) {
        widen_i64(c->data, 0, sel, count, (int64_t *)values);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = wr_row_at(sel, i);
            values[i] = c->valid && !wr_bit_get(c->valid, row) ? 0 : hash_one(c, row);
        }
    }
    if (!c->valid) return;
    for (uint32_t i = 0; i < count; i++)
        if (!wr_bit_get(c->valid, wr_row_at(sel, i))) values[i] = NULL_VALUE;
}

void wr_keys_hash_ints(const int64_t *values, const uint8_t *is_null, uint32_t count,
                       uint64_t *hashes)
{
    for (uint32_t i = 0; i < count; i++)
        hashes[i] = combine(SEED, is_null[i] ? NULL_VALUE : (uint64_t)values[i]);
}

void wr_keys_hash(const wr_column *flat, int n, const uint16_t *sel, uint32_t count,
                  uint64_t *hashes)
{
    uint64_t values[WR_BATCH_ROWS];
    for (uint32_t i = 0; i < count; i++)
        hashes[i] = SEED;
    for (int k = 0; k < n; k++) {
        hash_column(&flat[k], sel, count, values);
        for (uint32_t i = 0; i < count; i++)
            hashes[i] = combine(hashes[i], values[i]);
    }
}

/* ---- comparing with stored rows ---- */

static inline bool eq_f64(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

#define EQ_PLAIN(a, b) ((a) == (b))
#define T uint8_t
#define NAME match_1
#define EQ(a, b) EQ_PLAIN(a, b)
#include "exec/keys_match.tmpl.h"
#define T uint16_t
#define NAME match_2
#define EQ(a, b) EQ_PLAIN(a, b)
#include "exec/keys_match.tmpl.h"
#define T uint32_t
#define NAME match_4
#define EQ(a, b) EQ_PLAIN(a, b)
#include "exec/keys_match.tmpl.h"
#define T uint64_t
#define NAME match_8
#define EQ(a, b) EQ_PLAIN(a, b)
#include "exec/keys_match.tmpl.h"
#define T wr_i128
#define NAME match_16
#define EQ(a, b) EQ_PLAIN(a, b)
#include "exec/keys_match.tmpl.h"
#define T float
#define NAME match_f32
#define EQ(a, b) eq_f64((double)(a), (double)(b))
#include "exec/keys_match.tmpl.h"
#define T double
#define NAME match_f64
#define EQ(a, b) eq_f64(a, b)
#include "exec/keys_match.tmpl.h"
#define T wr_view
#define NAME match_view
#define EQ(a, b) wr_view_eq(&(a), &(b))
#include "exec/keys_match.tmpl.h"
#define T wr_interval
#define NAME match_interval
#define EQ(a, b) (wr_interval_order(a) == wr_interval_order(b))
#include "exec/keys_match.tmpl.h"

/* Nested values are decoded and compared one by one. */
static uint32_t match_nested(const wr_rows_layout *layout, const wr_column *c, int slot,
                             bool null_equal, const uint16_t *sel, uint8_t *const *addresses,
                             uint16_t *list, uint32_t count, uint16_t *failed,
                             uint32_t *failed_count)
{
    WR_ARENA(scratch);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint16_t at = list[i];
        uint32_t row = wr_row_at(sel, at);
        bool here = wr_column_is_null(c, row), there = wr_row_is_null(addresses[at], slot);
        bool equal = null_equal && here && there;
        if (!here && !there) {
            wr_column stored;
            wr_rows_gather(layout, slot, &addresses[at], 1, &scratch, &stored);
            equal = wr_column_cmp(c, row, &stored, 0) == 0;
            wr_arena_reset(&scratch);
        }
        list[kept] = at;
        kept += equal;
        if (!equal && failed) failed[(*failed_count)++] = at;
    }
    return kept;
}

typedef uint32_t match_fn(const wr_column *c, uint32_t offset, int slot, bool null_equal,
                          const uint16_t *sel, uint8_t *const *addresses, uint16_t *list,
                          uint32_t count, uint16_t *failed, uint32_t *failed_count);
static match_fn *const match_of[WR_P_COUNT] = {
    [WR_P_U8] = match_1,
    [WR_P_I8] = match_1,
    [WR_P_I16] = match_2,
    [WR_P_U16] = match_2,
    [WR_P_I32] = match_4,
    [WR_P_U32] = match_4,
    [WR_P_I64] = match_8,
    [WR_P_U64] = match_8,
    [WR_P_I128] = match_16,
    [WR_P_F32] = match_f32,
    [WR_P_F64] = match_f64,
    [WR_P_VIEW] = match_view,
    [WR_P_INTERVAL] = match_interval,
};

uint32_t wr_keys_match(const wr_rows_layout *layout, const int *slots, const wr_column *flat, int n,
                       uint64_t null_equal, const uint16_t *sel, uint8_t *const *addresses,
                       uint16_t *list, uint32_t count, uint16_t *failed, uint32_t *failed_count)
{
    for (int k = 0; k < n && count > 0; k++) {
        int slot = slots ? slots[k] : k;
        bool nulls = null_equal == UINT64_MAX || (k < 64 && (null_equal >> k & 1));
        if (wr_type_is_nested(flat[k].type))
            count = match_nested(layout, &flat[k], slot, nulls, sel, addresses, list, count, failed,
                                 failed_count);
        else
            count = match_of[flat[k].type->phys](&flat[k], layout->offsets[slot], slot, nulls, sel,
                                                 addresses, list, count, failed, failed_count);
    }
    return count;
}

static int compare_nested(const wr_rows_layout *a_layout, int a_slot, const uint8_t *a,
                          const wr_rows_layout *b_layout, int b_slot, const uint8_t *b)
{
    WR_ARENA(scratch);
    wr_column left, right;
    uint8_t *rows[2] = {(uint8_t *)(uintptr_t)a, (uint8_t *)(uintptr_t)b};
    wr_rows_gather(a_layout, a_slot, &rows[0], 1, &scratch, &left);
    wr_rows_gather(b_layout, b_slot, &rows[1], 1, &scratch, &right);
    return wr_column_cmp(&left, 0, &right, 0);
}

static int compare_f64(double x, double y)
{
    if (isnan(x) || isnan(y)) return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

#define COMPARE_AS(T)             \
    {                             \
        T x, y;                   \
        memcpy(&x, a, sizeof x);  \
        memcpy(&y, b, sizeof y);  \
        return (x > y) - (x < y); \
    }

/* a, b: slots holding values. */
static int compare_slots(const wr_type *t, const uint8_t *a, const uint8_t *b)
{
    switch ((wr_phys)t->phys) {
    case WR_P_U8:
        COMPARE_AS(uint8_t)
    case WR_P_I8:
        COMPARE_AS(int8_t)
    case WR_P_I16:
        COMPARE_AS(int16_t)
    case WR_P_U16:
        COMPARE_AS(uint16_t)
    case WR_P_I32:
        COMPARE_AS(int32_t)
    case WR_P_U32:
        COMPARE_AS(uint32_t)
    case WR_P_I64:
        COMPARE_AS(int64_t)
    case WR_P_U64:
        COMPARE_AS(uint64_t)
    default:
        break;
    }
    if (t->phys == WR_P_F32) {
        float x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return compare_f64((double)x, (double)y);
    }
    if (t->phys == WR_P_F64) {
        double x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return compare_f64(x, y);
    }
    if (t->phys == WR_P_VIEW) {
        wr_view x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return wr_view_cmp(&x, &y);
    }
    if (t->phys == WR_P_INTERVAL) {
        wr_interval x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        wr_i128 p = wr_interval_order(x), q = wr_interval_order(y);
        return (p > q) - (p < q);
    }
    if (t->id == WR_T_UUID) COMPARE_AS(wr_u128)
    COMPARE_AS(wr_i128)
}

int wr_keys_compare_between(const wr_rows_layout *a_layout, int a_slot, const uint8_t *a,
                            const wr_rows_layout *b_layout, int b_slot, const uint8_t *b)
{
    bool a_null = wr_row_is_null(a, a_slot), b_null = wr_row_is_null(b, b_slot);
    if (a_null || b_null) return a_null - b_null;
    const wr_type *t = a_layout->types[a_slot];
    if (wr_type_is_nested(t)) return compare_nested(a_layout, a_slot, a, b_layout, b_slot, b);
    return compare_slots(t, a + a_layout->offsets[a_slot], b + b_layout->offsets[b_slot]);
}

int wr_keys_compare(const wr_rows_layout *layout, int slot, const uint8_t *a, const uint8_t *b)
{
    return wr_keys_compare_between(layout, slot, a, layout, slot, b);
}
