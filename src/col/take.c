/* take.c - moving values between columns: flatten, gather, copy, slice.
 *
 * Gather and copy are one recursive function, take: it builds the column of the given rows of
 * another. Lists gather the row numbers of their elements and take those, so children come out
 * dense whatever gaps the input had. Deep copies keep a dictionary when it is not much bigger than
 * what refers to it; otherwise the values are spelled out. NULL rows may carry any code, slot or
 * view: they are never followed. */
#include "col/column.h"

#define T int8_t
#define NAME spread_i8
#include "col/spread.tmpl.h"
#define T int16_t
#define NAME spread_i16
#include "col/spread.tmpl.h"
#define T int32_t
#define NAME spread_i32
#include "col/spread.tmpl.h"
#define T int64_t
#define NAME spread_i64
#include "col/spread.tmpl.h"
#define T wr_i128
#define NAME spread_i128
#include "col/spread.tmpl.h"
#define T uint8_t
#define NAME spread_u8
#include "col/spread.tmpl.h"
#define T uint16_t
#define NAME spread_u16
#include "col/spread.tmpl.h"
#define T uint32_t
#define NAME spread_u32
#include "col/spread.tmpl.h"

typedef void spread_fn(const wr_column *c, const uint16_t *sel, uint32_t count, void *out);

static spread_fn *const spread[WR_P_COUNT] = {
    [WR_P_I8] = spread_i8,   [WR_P_I16] = spread_i16, [WR_P_I32] = spread_i32,
    [WR_P_I64] = spread_i64, [WR_P_U64] = spread_i64, [WR_P_I128] = spread_i128,
    [WR_P_U8] = spread_u8,   [WR_P_U16] = spread_u16, [WR_P_U32] = spread_u32,
};

void wr_column_flat_i64(const wr_column *c, const uint16_t *sel, uint32_t count, int64_t *out)
{
    wr_check(c->form == WR_FLAT);
    spread_i64(c, sel, count, out);
}

static void take(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                 wr_arena *arena, wr_column *out);

static void take_valid(const wr_column *in, const uint32_t *rows, uint32_t count, wr_arena *arena,
                       wr_column *out)
{
    if (!in->valid) return;
    uint64_t *bits = wr_arena_alloc(arena, ((size_t)count + 63) / 64 * 8 + 8);
    for (uint32_t i = 0; i < count; i++)
        bits[i >> 6] |= (uint64_t)wr_bit_get(in->valid, rows[i]) << (i & 63);
    out->valid = bits;
}

static void take_values(const wr_column *in, const uint32_t *rows, uint32_t count, wr_column *out)
{
    size_t size = wr_phys_size(in->phys);
    const char *from = in->data;
    char *to = out->data;
    switch (size) {
    case 1:
        for (uint32_t i = 0; i < count; i++)
            to[i] = from[rows[i]];
        return;
    case 2:
        for (uint32_t i = 0; i < count; i++)
            ((uint16_t *)to)[i] = ((const uint16_t *)from)[rows[i]];
        return;
    case 4:
        for (uint32_t i = 0; i < count; i++)
            ((uint32_t *)to)[i] = ((const uint32_t *)from)[rows[i]];
        return;
    case 8:
        for (uint32_t i = 0; i < count; i++)
            ((uint64_t *)to)[i] = ((const uint64_t *)from)[rows[i]];
        return;
    case 16:
        for (uint32_t i = 0; i < count; i++)
            memcpy(to + i * (size_t)16, from + rows[i] * (size_t)16, 16);
        return;
    default:
        for (uint32_t i = 0; i < count; i++)
            memcpy(to + i * size, from + rows[i] * size, size);
    }
}

/* Copies the bytes of long texts of the taken rows; NULL rows become empty. One block for all. */
static void own_text(wr_column *out, uint32_t count, wr_arena *arena)
{
    wr_view *views = out->data;
    size_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (out->valid && !wr_bit_get(out->valid, i)) views[i] = (wr_view){.words = {0, 0}};
        if (views[i].length > 12) total += views[i].length;
    }
    char *at = total ? wr_arena_alloc(arena, total) : NULL;
    for (uint32_t i = 0; i < count; i++) {
        if (views[i].length <= 12) continue;
        memcpy(at, views[i].pointer, views[i].length);
        views[i].pointer = at;
        at += views[i].length;
    }
}

static void take_list(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                      wr_arena *arena, wr_column *out)
{
    const wr_list_slot *slots = in->data;
    wr_list_slot *to = out->data;
    uint32_t total = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool is_null = in->valid && !wr_bit_get(in->valid, rows[i]);
        to[i].offset = total;
        to[i].length = is_null ? 0 : slots[rows[i]].length;
        total += to[i].length;
    }
    uint32_t *elements = wr_new_array(arena, uint32_t, total + 1);
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < to[i].length; k++)
            elements[at++] = slots[rows[i]].offset + k;
    take(in->children, elements, total, deep, arena, out->children);
}

static void take_array(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                       wr_arena *arena, wr_column *out)
{
    uint32_t n = in->type->array_length;
    uint32_t *elements = wr_new_array(arena, uint32_t, (size_t)count * n + 1);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < n; k++)
            elements[(size_t)i * n + k] = rows[i] * n + k;
    take(in->children, elements, count * n, deep, arena, out->children);
}

static void take_flat(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                      wr_arena *arena, wr_column *out)
{
    *out = *in;
    out->rows = count;
    out->valid = NULL;
    out->sorted = false;
    take_valid(in, rows, count, arena, out);
    size_t size = wr_phys_size(in->phys);
    if (size) out->data = wr_arena_alloc(arena, size * count + 64);
    if (in->phys == WR_P_LIST || in->phys == WR_P_ARRAY) {
        out->children = wr_new(arena, wr_column);
        if (in->phys == WR_P_LIST)
            take_list(in, rows, count, deep, arena, out);
        else
            take_array(in, rows, count, deep, arena, out);
        return;
    }
    if (in->phys == WR_P_STRUCT) {
        out->children = wr_new_array(arena, wr_column, WR_MAX(in->type->field_count, 1));
        for (int f = 0; f < in->type->field_count; f++)
            take(&in->children[f], rows, count, deep, arena, &out->children[f]);
        return;
    }
    take_values(in, rows, count, out);
    if (deep && in->phys == WR_P_VIEW) own_text(out, count, arena);
}

/* The dictionary values of the rows as a flat column. */
static void take_decoded(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                         wr_arena *arena, wr_column *out)
{
    uint32_t *codes = wr_new_array(arena, uint32_t, count + 1);
    uint64_t *bits = wr_arena_alloc(arena, ((size_t)count + 63) / 64 * 8 + 8);
    bool any_null = false;
    for (uint32_t i = 0; i < count; i++) {
        bool is_null = wr_column_is_null(in, rows[i]);
        any_null |= is_null;
        if (is_null) continue;
        wr_bit_set(bits, i);
        wr_column_at(in, rows[i], &codes[i]);
    }
    if (in->dict->rows == 0)
        wr_column_init(out, arena, in->type, in->type->phys, count);
    else
        take_flat(in->dict, codes, count, deep, arena, out);
    out->type = in->type;
    out->valid = any_null ? bits : NULL;
}

static void take_dictionary(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                            wr_arena *arena, wr_column *out)
{
    if (deep && in->dict->rows / 2 > count) {
        take_decoded(in, rows, count, true, arena, out);
        return;
    }
    *out = *in;
    out->rows = count;
    out->valid = NULL;
    out->sorted = false;
    take_valid(in, rows, count, arena, out);
    out->data = wr_arena_alloc(arena, wr_phys_size(in->phys) * count + 64);
    take_values(in, rows, count, out);
    if (!deep) return;
    wr_column *dict = wr_new(arena, wr_column);
    wr_column_copy(in->dict, 0, in->dict->rows, arena, dict);
    out->dict = dict;
}

static void take(const wr_column *in, const uint32_t *rows, uint32_t count, bool deep,
                 wr_arena *arena, wr_column *out)
{
    static const uint32_t first[1] = {0};
    if (in->form == WR_DICTIONARY) {
        take_dictionary(in, rows, count, deep, arena, out);
    } else if (in->form == WR_CONSTANT) {
        take_flat(in, first, 1, deep, arena, out);
        out->rows = count;
    } else {
        take_flat(in, rows, count, deep, arena, out);
    }
}

/* Values and codes of rows sel[0...count) (NULL: from...) that stand for themselves. */
#define PICK(T)                          \
    for (uint32_t i = 0; i < count; i++) \
        ((T *)to)[i] = ((const T *)from)[sel[i]];
static void pick_values(const void *from, size_t size, const uint16_t *sel, uint32_t count,
                        void *to)
{
    switch (size) {
    case 1:
        PICK(uint8_t) return;
    case 2:
        PICK(uint16_t) return;
    case 4:
        PICK(uint32_t) return;
    case 8:
        PICK(uint64_t) return;
    default:
        PICK(wr_view)
    }
}
#undef PICK

/* Flat columns without children and dictionary columns need no list of row numbers. from: the first
 * row if sel is NULL. */
static bool take_plain(const wr_column *in, const uint16_t *sel, uint32_t from, uint32_t count,
                       wr_arena *arena, wr_column *out)
{
    size_t size = wr_phys_size(in->phys);
    bool is_plain = in->form == WR_FLAT && !wr_type_is_nested(in->type);
    if ((!is_plain && in->form != WR_DICTIONARY) || size == 0 || (size & (size - 1)) || size > 16)
        return false;
    *out = *in;
    out->rows = count;
    out->sorted = false;
    out->data = wr_arena_raw(arena, size * count + 64);
    if (sel)
        pick_values(in->data, size, sel, count, out->data);
    else
        memcpy(out->data, (const char *)in->data + from * size, size * count);
    memset((char *)out->data + size * count, 0, 64);
    out->valid = NULL;
    if (!in->valid) return true;
    out->valid = wr_arena_alloc(arena, ((size_t)count + 63) / 64 * 8 + 8);
    for (uint32_t i = 0; i < count; i++)
        out->valid[i >> 6] |= (uint64_t)wr_bit_get(in->valid, sel ? sel[i] : from + i) << (i & 63);
    return true;
}

void wr_column_gather(const wr_column *in, const uint16_t *sel, uint32_t sel_count, wr_arena *arena,
                      wr_column *out)
{
    if (take_plain(in, sel, 0, sel_count, arena, out)) return;
    uint32_t *rows = wr_new_array(arena, uint32_t, sel_count + 1);
    for (uint32_t i = 0; i < sel_count; i++)
        rows[i] = sel ? sel[i] : i;
    take(in, rows, sel_count, false, arena, out);
}

void wr_column_copy(const wr_column *in, uint32_t from, uint32_t count, wr_arena *arena,
                    wr_column *out)
{
    if (in->form == WR_FLAT && take_plain(in, NULL, from, count, arena, out)) {
        if (in->phys == WR_P_VIEW) own_text(out, count, arena);
        return;
    }
    uint32_t *rows = wr_new_array(arena, uint32_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = from + i;
    take(in, rows, count, true, arena, out);
}

void wr_column_copy_rows(const wr_column *in, const uint16_t *sel, uint32_t count, wr_arena *arena,
                         wr_column *out)
{
    if (in->form == WR_FLAT && take_plain(in, sel, 0, count, arena, out)) {
        if (in->phys == WR_P_VIEW) own_text(out, count, arena);
        return;
    }
    WR_ARENA(scratch);
    wr_column gathered;
    wr_column_gather(in, sel, count, &scratch, &gathered);
    wr_column_copy(&gathered, 0, count, arena, out);
}

void wr_column_slice(const wr_column *in, uint32_t from, uint32_t count, wr_column *out)
{
    wr_assert(from + count <= in->rows);
    *out = *in;
    out->rows = count;
    if (in->form == WR_CONSTANT || from == 0) return;
    wr_assert(!in->valid || from % 64 == 0);
    wr_assert(in->form == WR_DICTIONARY || (in->phys != WR_P_ARRAY && in->phys != WR_P_STRUCT));
    if (in->valid) out->valid = in->valid + from / 64;
    if (in->data) out->data = (char *)in->data + wr_phys_size(in->phys) * from;
}

static uint64_t *shifted_bits(const uint64_t *bits, uint32_t from, uint32_t count, wr_arena *arena)
{
    uint64_t *out = wr_arena_alloc(arena, ((size_t)count + 63) / 64 * 8 + 8);
    for (uint32_t i = 0; i < count; i++)
        out[i >> 6] |= (uint64_t)wr_bit_get(bits, from + i) << (i & 63);
    return out;
}

void wr_column_part(const wr_column *in, uint32_t from, uint32_t count, wr_arena *arena,
                    wr_column *out)
{
    wr_assert(from + count <= in->rows);
    *out = *in;
    out->rows = count;
    if (in->form == WR_CONSTANT || from == 0) return;
    if (in->valid)
        out->valid =
            from % 64 == 0 ? in->valid + from / 64 : shifted_bits(in->valid, from, count, arena);
    if (in->data) out->data = (char *)in->data + wr_phys_size(in->phys) * from;
    if (in->form == WR_DICTIONARY) return;
    int child_count = in->phys == WR_P_ARRAY ? 1 : in->type->field_count;
    if (in->phys != WR_P_ARRAY && in->phys != WR_P_STRUCT) return;
    uint32_t n = in->phys == WR_P_ARRAY ? in->type->array_length : 1;
    out->children = wr_new_array(arena, wr_column, WR_MAX(child_count, 1));
    for (int i = 0; i < child_count; i++)
        wr_column_part(&in->children[i], from * n, count * n, arena, &out->children[i]);
}

/* ---- flatten ---- */

static void flat_rows(const wr_column *in, const uint16_t *sel, uint32_t count, wr_arena *arena,
                      wr_column *out)
{
    if (in->phys == in->type->phys && in->base == 0) {
        *out = *in;
        return;
    }
    *out = *in;
    out->phys = (uint8_t)in->type->phys;
    out->base = 0;
    out->data = wr_arena_alloc(arena, wr_phys_size(in->type->phys) * in->rows + 64);
    wr_assert(spread[out->phys]);
    spread[out->phys](in, sel, count, out->data);
}

static void repeat_value(const wr_column *one, uint32_t rows, wr_arena *arena, wr_column *out)
{
    size_t size = wr_phys_size(one->phys);
    *out = *one;
    out->rows = rows;
    out->data = wr_arena_alloc(arena, size * rows + 64);
    char *to = out->data;
    for (uint32_t i = 0; i < rows; i++)
        memcpy(to + i * size, one->data, size);
}

static void flatten_constant(const wr_column *in, wr_arena *arena, wr_column *out)
{
    wr_column one = *in, wide;
    one.form = WR_FLAT;
    one.rows = 1;
    one.valid = NULL;
    bool is_null = wr_column_is_null(in, 0);
    if (in->phys == WR_P_ARRAY || in->phys == WR_P_STRUCT) {
        uint32_t *rows = wr_new_array(arena, uint32_t, in->rows + 1);
        take_flat(&one, rows, in->rows, false, arena, out);
    } else {
        flat_rows(&one, NULL, 1, arena, &wide);
        repeat_value(&wide, in->rows, arena, out);
    }
    if (is_null) {
        out->valid = wr_arena_alloc(arena, ((size_t)in->rows + 63) / 64 * 8 + 8);
    }
}

static void flatten_dictionary(const wr_column *in, const uint16_t *sel, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    uint32_t *codes = wr_new_array(arena, uint32_t, in->rows + 1);
    if (!in->valid) spread_u32(in, sel, count, codes);
    for (uint32_t i = 0; in->valid && i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        wr_column_at(in, row, &codes[row]);
    }
    wr_column decoded;
    if (in->dict->rows == 0)
        wr_column_init(&decoded, arena, in->type, in->type->phys, in->rows);
    else
        take_flat(in->dict, codes, in->rows, false, arena, &decoded);
    decoded.type = in->type;
    flat_rows(&decoded, sel, count, arena, out);
    out->valid = in->valid;
    if (!in->dict->valid) return;
    out->valid = NULL;
    uint64_t *bits = wr_column_need_valid(out, arena, in->rows);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_column_is_null(in, row)) wr_bit_clear(bits, row);
    }
}

void wr_column_flatten(const wr_column *in, const uint16_t *sel, uint32_t sel_count,
                       wr_arena *arena, wr_column *out)
{
    uint32_t count = sel ? sel_count : in->rows;
    if (in->form == WR_CONSTANT)
        flatten_constant(in, arena, out);
    else if (in->form == WR_DICTIONARY)
        flatten_dictionary(in, sel, count, arena, out);
    else
        flat_rows(in, sel, count, arena, out);
    out->form = WR_FLAT;
    out->dict = NULL;
    out->dict_id = 0;
}
