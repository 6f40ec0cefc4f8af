/* random_column_test.h - columns of any type with values that tests of bytes want: extremes, zeros
 * of both signs, NaNs, text with NUL bytes, NULLs at every level; in any form. */
#pragma once
#include "base/test.h"
#include "col/growing.h"
#include "sys/clock.h"

enum { RANDOM_TYPES = 40 };

static int dice(int sides) { return (int)(wr_random_u64() % (unsigned)sides); }

/* Every type without parameters and some with; returns how many. */
__attribute__((unused)) static int random_types(const wr_type **out)
{
    static const wr_str labels[] = {{"red", 3}, {"green", 5}, {"blue", 4}};
    int count = 0;
    for (int id = 0; id < WR_T_COUNT; id++) {
        if (id == WR_T_DECIMAL || id == WR_T_ENUM || id >= WR_T_LIST) continue;
        out[count++] = wr_type_of((wr_type_id)id);
    }
    for (int precision = 4; precision <= 38; precision += precision == 18 ? 20 : 7)
        out[count++] = wr_type_decimal(precision, 2);
    out[count++] = wr_type_enum(labels, 3);
    wr_field fields[] = {{WR_STR("a"), WR_VARCHAR}, {WR_STR("b"), wr_type_list(WR_INTEGER)}};
    const wr_type *pair = wr_type_struct(fields, 2);
    out[count++] = wr_type_list(WR_VARCHAR);
    out[count++] = wr_type_list(wr_type_list(wr_type_of(WR_T_SMALLINT)));
    out[count++] = wr_type_array(WR_DOUBLE, 3);
    out[count++] = pair;
    out[count++] = wr_type_list(pair);
    out[count++] = wr_type_map(WR_VARCHAR, wr_type_of(WR_T_INTERVAL));
    wr_assert(count <= RANDOM_TYPES);
    return count;
}

static wr_i128 random_integer(const wr_type *t)
{
    int bits = (int)wr_phys_size(t->phys) * 8;
    if (t->id == WR_T_BOOLEAN) return dice(2);
    if (t->id == WR_T_ENUM) return dice(t->label_count);
    wr_u128 v = (wr_u128)wr_random_u64() << 64 | wr_random_u64();
    switch (dice(4)) {
    case 0:
        return dice(3) - (t->phys >= WR_P_I8 && t->phys <= WR_P_I128);
    case 1: /* the ends */
        v = (wr_u128)1 << (bits - 1);
        return (wr_i128)(dice(2) ? v - 1 : v);
    case 2:
        return (wr_i128)(v >> (128 - bits) >> dice(bits));
    default:
        return (wr_i128)v;
    }
}

static double random_double(void)
{
    static const uint64_t known[] = {UINT64_C(0),
                                     UINT64_C(1) << 63, /* -0 */
                                     UINT64_C(0x7ff0000000000000),
                                     UINT64_C(0xfff0000000000000),
                                     UINT64_C(0x7ff8000000000000),
                                     UINT64_C(0xfff8000000000123), /* a NaN with a sign */
                                     UINT64_C(1),
                                     UINT64_C(0x8000000000000001)};
    uint64_t bits = dice(2) ? known[dice(WR_COUNT(known))] : wr_random_u64();
    double v;
    memcpy(&v, &bits, sizeof v);
    return dice(4) ? v : dice(5) - 2.5;
}

static wr_view random_text(wr_arena *arena)
{
    static const char letters[] = {'\0', '\1', 'a', 'b', (char)0xff};
    char text[40];
    int length = dice(3) ? dice(4) : dice(40);
    for (int i = 0; i < length; i++)
        text[i] = i < 10 && length > 12 ? 'p' : letters[dice(WR_COUNT(letters))];
    return wr_view_of(wr_arena_copy(arena, text, (size_t)length), (size_t)length);
}

static void random_append(wr_growing *g, wr_arena *arena)
{
    wr_column *c = g->column;
    const wr_type *t = c->type;
    if (dice(6) == 0 || t->id == WR_T_NULL) {
        wr_growing_add_null(g, arena);
        return;
    }
    uint32_t row = wr_growing_add(g, arena);
    if (t->phys == WR_P_VIEW) {
        ((wr_view *)c->data)[row] = random_text(arena);
    } else if (t->phys == WR_P_F64) {
        ((double *)c->data)[row] = random_double();
    } else if (t->phys == WR_P_F32) {
        ((float *)c->data)[row] = (float)random_double();
    } else if (t->phys == WR_P_INTERVAL) {
        wr_interval v = {dice(3) - 1, dice(90) - 45,
                         (dice(5) - 2) * WR_USECS_PER_DAY / (1 + dice(3))};
        if (dice(5) == 0)
            v = (wr_interval){dice(2) ? INT32_MAX : INT32_MIN, dice(2) ? INT32_MAX : INT32_MIN,
                              dice(2) ? INT64_MAX : INT64_MIN};
        ((wr_interval *)c->data)[row] = v;
    } else if (t->phys == WR_P_LIST) {
        wr_list_slot slot = {g->children->column->rows, (uint32_t)dice(4)};
        ((wr_list_slot *)c->data)[row] = slot;
        for (uint32_t k = 0; k < slot.length; k++)
            random_append(g->children, arena);
    } else if (t->phys == WR_P_ARRAY) {
        for (uint32_t k = 0; k < t->array_length; k++)
            random_append(g->children, arena);
    } else if (t->phys == WR_P_STRUCT) {
        for (int f = 0; f < t->field_count; f++)
            random_append(&g->children[f], arena);
    } else {
        wr_column_put_i128(c, row, random_integer(t));
    }
}

/* Rows of the type: flat, a dictionary, a constant, or narrow integers with a base. */
__attribute__((unused)) static void random_column(wr_column *out, const wr_type *type,
                                                  uint32_t rows, wr_arena *arena)
{
    wr_growing g;
    wr_column *flat = wr_new(arena, wr_column);
    int form = dice(4);
    wr_growing_init(&g, flat, type, arena);
    wr_growing_need(&g, 1, arena);
    for (uint32_t i = 0; i < (form == 2 ? 1 : rows); i++)
        random_append(&g, arena);
    *out = *flat;
    if (form == 1) {
        uint8_t *codes = wr_arena_alloc(arena, rows + 64);
        for (uint32_t i = 0; i < rows; i++)
            codes[i] = (uint8_t)dice((int)rows);
        *out = (wr_column){.type = type, .form = WR_DICTIONARY, .phys = WR_P_U8, .rows = rows};
        out->data = codes;
        out->dict = flat;
    } else if (form == 2) {
        out->form = WR_CONSTANT;
        out->rows = rows;
    } else if (form == 3 && wr_type_is_int_like(type) && wr_phys_size(type->phys) > 1) {
        int8_t *narrow = wr_arena_alloc(arena, rows + 64);
        for (uint32_t i = 0; i < rows; i++)
            narrow[i] = (int8_t)dice(256);
        out->phys = WR_P_I8;
        out->base = wr_type_is_unsigned(type) ? 200 : dice(2) ? -1000 : 1000;
        out->data = narrow;
    }
}
