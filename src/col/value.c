/* value.c - single SQL values.
 *
 * A value keeps its payload in a union chosen by its type; values of nested types are one-row
 * columns. Widths: int-like values of at most 64 bits are in i64 (UBIGINT in u64, the same bits),
 * wider ones in i128. */
#include "col/value.h"

/* Values of this type live in the i128 member. */
static bool is_wide(const wr_type *type) { return type->phys == WR_P_I128; }

wr_value wr_value_null(const wr_type *type) { return (wr_value){.type = type, .is_null = true}; }

wr_value wr_value_int(const wr_type *type, int64_t v)
{
    wr_value value = {.type = type};
    if (is_wide(type))
        value.i128 = v;
    else if (type->phys == WR_P_F32 || type->phys == WR_P_F64)
        value.f64 = (double)v;
    else
        value.i64 = v;
    return value;
}

wr_value wr_value_i128(const wr_type *type, wr_i128 v)
{
    wr_value value = {.type = type};
    if (is_wide(type))
        value.i128 = v;
    else
        value.i64 = (int64_t)v;
    return value;
}

wr_value wr_value_bool(bool v) { return (wr_value){.type = WR_BOOLEAN, .boolean = v}; }
wr_value wr_value_f64(double v) { return (wr_value){.type = WR_DOUBLE, .f64 = v}; }
wr_value wr_value_text(wr_str v) { return (wr_value){.type = WR_VARCHAR, .text = v}; }

wr_i128 wr_value_as_i128(const wr_value *v)
{
    if (is_wide(v->type)) return v->i128;
    if (v->type->id == WR_T_UBIGINT) return v->u64;
    if (v->type->id == WR_T_BOOLEAN) return v->boolean;
    return v->i64;
}

double wr_value_as_f64(const wr_value *v)
{
    if (wr_type_is_float(v->type)) return v->f64;
    return wr_i128_to_f64(wr_value_as_i128(v), v->type->id == WR_T_DECIMAL ? v->type->scale : 0);
}

wr_value wr_value_at(const wr_column *c, uint32_t i, wr_arena *arena)
{
    if (wr_column_is_null(c, i)) return wr_value_null(c->type);
    wr_value v = {.type = c->type};
    uint32_t row;
    const wr_column *flat = wr_column_at(c, i, &row);
    switch (c->type->phys) {
    case WR_P_F32:
    case WR_P_F64:
        v.f64 = wr_column_f64(flat, row);
        break;
    case WR_P_VIEW:
        v.text = wr_arena_str(arena, wr_view_str((const wr_view *)flat->data + row));
        break;
    case WR_P_INTERVAL:
        v.interval = ((const wr_interval *)flat->data)[row];
        break;
    case WR_P_LIST:
    case WR_P_ARRAY:
    case WR_P_STRUCT: {
        wr_column *one = wr_new(arena, wr_column);
        wr_column_copy(flat, row, 1, arena, one);
        v.nested = one;
        break;
    }
    default:
        if (c->type->id == WR_T_BOOLEAN)
            v.boolean = wr_column_int(flat, row) != 0;
        else
            v = wr_value_i128(c->type, wr_column_i128(flat, row));
    }
    return v;
}

/* The narrowest form that holds v, for int-like values. */
static void int_column(const wr_value *v, wr_arena *arena, wr_column *out)
{
    wr_i128 wide = wr_value_as_i128(v);
    wr_phys phys = v->type->phys;
    if (wide >= INT64_MIN && wide <= INT64_MAX) {
        phys = wr_phys_for_range((int64_t)wide, (int64_t)wide);
        out->has_bounds = true;
        out->lo = out->hi = (int64_t)wide;
    }
    out->phys = (uint8_t)phys;
    out->data = wr_arena_alloc(arena, 64);
    memcpy(out->data, &wide, wr_phys_size(phys)); /* little-endian: the low bytes come first */
}

void wr_value_column(const wr_value *v, uint32_t rows, wr_arena *arena, wr_column *out)
{
    if (v->is_null) {
        wr_column_init(out, arena, v->type, v->type->phys, 1);
        out->valid = wr_arena_alloc(arena, 8);
    } else if (wr_type_is_nested(v->type)) {
        *out = *v->nested;
    } else {
        *out = (wr_column){.type = v->type, .phys = (uint8_t)v->type->phys};
        if (wr_type_is_int_like(v->type)) {
            int_column(v, arena, out);
        } else {
            out->data = wr_arena_alloc(arena, 64);
            if (v->type->phys == WR_P_F32)
                *(float *)out->data = (float)v->f64;
            else if (v->type->phys == WR_P_VIEW)
                *(wr_view *)out->data = wr_view_of(v->text.data, v->text.length);
            else if (v->type->id == WR_T_BOOLEAN)
                *(uint8_t *)out->data = v->boolean;
            else
                memcpy(out->data, &v->i128, wr_phys_size(v->type->phys));
        }
    }
    out->form = WR_CONSTANT;
    out->rows = rows;
}

int wr_value_cmp(const wr_value *a, const wr_value *b)
{
    if (a->is_null || b->is_null) return a->is_null - b->is_null;
    WR_ARENA(scratch);
    wr_column x, y;
    wr_value_column(a, 1, &scratch, &x);
    wr_value_column(b, 1, &scratch, &y);
    return wr_column_cmp(&x, 0, &y, 0);
}

bool wr_value_eq(const wr_value *a, const wr_value *b)
{
    return a->type == b->type && wr_value_cmp(a, b) == 0;
}

bool wr_value_same(const wr_value *a, const wr_value *b)
{
    if (!wr_value_eq(a, b)) return false;
    const wr_type *t = a->type;
    bool has_one_form = !wr_type_is_float(t) && !wr_type_is_nested(t) && t->id != WR_T_INTERVAL &&
                        t->id != WR_T_JSON;
    if (a->is_null || has_one_form) return true;
    WR_BUF(x);
    WR_BUF(y);
    wr_value_print(a, &x);
    wr_value_print(b, &y);
    return wr_str_eq(wr_buf_str(&x), wr_buf_str(&y));
}

void wr_value_print(const wr_value *v, wr_buf *out)
{
    if (v->is_null) {
        wr_buf_add_text(out, "NULL");
        return;
    }
    WR_ARENA(scratch);
    wr_column c;
    wr_value_column(v, 1, &scratch, &c);
    wr_column_print(&c, 0, out);
}

static void add_literal(wr_buf *out, wr_str text)
{
    wr_buf_add_char(out, '\'');
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\'') wr_buf_add_char(out, '\'');
        wr_buf_add_char(out, text.data[i]);
    }
    wr_buf_add_char(out, '\'');
}

void wr_value_print_sql(const wr_value *v, wr_buf *out)
{
    if (v->is_null) {
        wr_buf_add_text(out, "NULL");
        return;
    }
    WR_BUF(text);
    wr_value_print(v, &text);
    const wr_type *t = v->type;
    bool is_finite_float = wr_type_is_float(t) && v->f64 - v->f64 == 0;
    if (wr_type_is_integer(t) || t->id == WR_T_DECIMAL || t->id == WR_T_BOOLEAN) {
        wr_buf_add_str(out, wr_buf_str(&text));
    } else if (is_finite_float) {
        wr_buf_add_str(out, wr_buf_str(&text));
        if (!memchr(text.data, 'e', text.length)) wr_buf_add_text(out, "e0");
    } else if (t->id == WR_T_VARCHAR) {
        add_literal(out, wr_buf_str(&text));
    } else if (t->id == WR_T_DATE || t->id == WR_T_TIME || t->id == WR_T_TIMESTAMP ||
               t->id == WR_T_INTERVAL) {
        wr_buf_add_str(out, t->sql);
        wr_buf_add_char(out, ' ');
        add_literal(out, wr_buf_str(&text));
    } else {
        add_literal(out, wr_buf_str(&text));
        wr_buf_add_text(out, "::");
        wr_buf_add_str(out, t->sql);
    }
}

wr_value wr_value_copy(const wr_value *v, wr_arena *arena)
{
    wr_value copy = *v;
    if (v->is_null) return copy;
    if (v->type->phys == WR_P_VIEW) copy.text = wr_arena_str(arena, v->text);
    if (wr_type_is_nested(v->type)) {
        wr_column *one = wr_new(arena, wr_column);
        wr_column_copy(v->nested, 0, 1, arena, one);
        copy.nested = one;
    }
    return copy;
}
