/* variant.c - columns of the type VARIANT, as text.
 *
 * A variant value is self-describing bytes with a dictionary of names (metadata); a file may in
 * addition have "shredded" parts of it into typed columns: group(value, typed_value), where
 * typed_value is a plain column, a list of such groups, or a struct of such groups. Both are put
 * together here and printed the way nested values are printed: [1, {'a': x}, NULL], the fields of
 * an object by name. The bytes come from a file: every offset is checked, nesting is limited, and
 * because a malicious value may let many elements share the same bytes, the number of values
 * printed is limited by the number of bytes there are. */
#include "fmt/parquet/nested.h"
#include <stdlib.h>

enum { TEXT_MAX = 1 << 28 };

typedef struct bytes {
    const uint8_t *data;
    size_t size;
} bytes;

typedef struct variant { /* the row being printed */
    wr_buf *out;
    wr_arena *arena;
    bytes names;
    size_t name_count, name_width, text_start;
    int64_t steps; /* values that may still be printed */
    bool bad;
} variant;

typedef struct field { /* of an object: encoded, or a shredded group */
    wr_str name;
    bytes value;
    const wr_pq_node *node;
    const wr_column *column;
    uint32_t row;
} field;

static void fail(variant *v) { v->bad = true; }

static uint64_t little(const uint8_t *p, size_t width)
{
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

/* ---- names */

static void open_names(variant *v, bytes metadata)
{
    if (metadata.size < 1 || (metadata.data[0] & 15) != 1) {
        fail(v);
        return;
    }
    v->names = metadata;
    v->name_width = (size_t)(metadata.data[0] >> 6) + 1;
    v->name_count = 0;
    if (metadata.size < 1 + v->name_width) {
        fail(v);
        return;
    }
    v->name_count = little(metadata.data + 1, v->name_width);
    if (v->name_count >= (metadata.size - 1) / v->name_width) fail(v);
}

static wr_str name_at(variant *v, uint64_t index)
{
    size_t w = v->name_width, head = 1 + w + (v->name_count + 1) * w;
    if (v->bad || index >= v->name_count || head > v->names.size) {
        fail(v);
        return (wr_str){"", 0};
    }
    const uint8_t *offsets = v->names.data + 1 + w + index * w;
    uint64_t from = little(offsets, w), to = little(offsets + w, w);
    if (from > to || to > v->names.size - head) {
        fail(v);
        return (wr_str){"", 0};
    }
    return (wr_str){(const char *)v->names.data + head + from, to - from};
}

/* ---- scalars */

static bool needs_quotes(wr_str text)
{
    if (text.length == 0 || wr_str_is(text, "null")) return true;
    if (text.data[0] == ' ' || text.data[text.length - 1] == ' ') return true;
    for (size_t i = 0; i < text.length; i++)
        if (strchr("{}[](),:'\"\\", text.data[i])) return true;
    return false;
}

static void put_quoted(variant *v, wr_str text)
{
    wr_buf_add_char(v->out, '\'');
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] == '\'' || text.data[i] == '\\') wr_buf_add_char(v->out, '\\');
        wr_buf_add_char(v->out, text.data[i]);
    }
    wr_buf_add_char(v->out, '\'');
}

static void put_text(variant *v, wr_str text, bool inside)
{
    if (!wr_utf8_valid(text.data, text.length))
        fail(v);
    else if (inside && needs_quotes(text))
        put_quoted(v, text);
    else
        wr_buf_add_str(v->out, text);
}

static void put_binary(variant *v, wr_str value)
{
    for (size_t i = 0; i < value.length; i++) {
        uint8_t b = (uint8_t)value.data[i];
        if (b < 32 || b > 126 || b == '\\' || b == '\'' || b == '"')
            wr_buf_printf(v->out, "\\x%02X", b);
        else
            wr_buf_add_char(v->out, (char)b);
    }
}

static void put_scalar(variant *v, const wr_type *type, wr_phys phys, void *data)
{
    wr_column one = {.type = type, .form = WR_FLAT, .phys = (uint8_t)phys, .rows = 1, .data = data};
    wr_column_print(&one, 0, v->out);
}

static void put_integer(variant *v, wr_type_id id, int64_t value)
{
    put_scalar(v, wr_type_of(id), WR_P_I64, &value);
}

static void put_decimal(variant *v, bytes b, size_t width)
{
    char text[64];
    wr_i128 value = b.data[width] & 0x80 ? -1 : 0; /* little-endian behind the scale */
    for (size_t i = width; i > 0; i--)
        value = (wr_i128)((wr_u128)value << 8 | b.data[i]);
    if (b.data[0] > WR_DECIMAL_DIGITS_MAX || value > wr_pow10[38] || value < -wr_pow10[38])
        fail(v);
    else
        wr_buf_add(v->out, text, (size_t)wr_decimal_print(value, b.data[0], text));
}

static int64_t signed_of(const uint8_t *p, size_t width)
{
    uint64_t v = little(p, width);
    unsigned shift = 64 - 8 * (unsigned)width;
    return (int64_t)(v << shift) >> shift;
}

enum {
    P_NULL,
    P_TRUE,
    P_FALSE,
    P_INT8,
    P_INT16,
    P_INT32,
    P_INT64,
    P_DOUBLE,
    P_DECIMAL4,
    P_DECIMAL8,
    P_DECIMAL16,
    P_DATE,
    P_TSTZ,
    P_TS,
    P_FLOAT,
    P_BINARY,
    P_STRING,
    P_TIME,
    P_TSTZ_NS,
    P_TS_NS,
    P_UUID
};

static void put_primitive(variant *v, unsigned kind, bytes b, bool inside)
{
    static const uint8_t sizes[] = {0, 0, 0, 1, 2, 4, 8, 8, 5, 9, 17,
                                    4, 8, 8, 4, 4, 4, 8, 8, 8, 16};
    if (kind >= WR_COUNT(sizes) || b.size < sizes[kind]) {
        fail(v);
        return;
    }
    double wide;
    float narrow;
    wr_i128 uuid;
    switch (kind) {
    case P_NULL:
        wr_buf_add_text(v->out, "NULL");
        break;
    case P_TRUE:
        wr_buf_add_text(v->out, "true");
        break;
    case P_FALSE:
        wr_buf_add_text(v->out, "false");
        break;
    case P_INT8:
    case P_INT16:
    case P_INT32:
    case P_INT64:
        put_integer(v, WR_T_BIGINT, signed_of(b.data, sizes[kind]));
        break;
    case P_DOUBLE:
        memcpy(&wide, b.data, 8);
        put_scalar(v, WR_DOUBLE, WR_P_F64, &wide);
        break;
    case P_FLOAT:
        memcpy(&narrow, b.data, 4);
        put_scalar(v, wr_type_of(WR_T_REAL), WR_P_F32, &narrow);
        break;
    case P_DECIMAL4:
    case P_DECIMAL8:
    case P_DECIMAL16:
        put_decimal(v, b, sizes[kind] - 1u);
        break;
    case P_DATE:
        put_integer(v, WR_T_DATE, signed_of(b.data, 4));
        break;
    case P_TSTZ:
        put_integer(v, WR_T_TIMESTAMPTZ, signed_of(b.data, 8));
        break;
    case P_TS:
        put_integer(v, WR_T_TIMESTAMP, signed_of(b.data, 8));
        break;
    case P_TSTZ_NS:
        put_integer(v, WR_T_TIMESTAMPTZ, signed_of(b.data, 8) / 1000);
        break;
    case P_TS_NS:
        put_integer(v, WR_T_TIMESTAMP_NS, signed_of(b.data, 8));
        break;
    case P_TIME:
        put_integer(v, WR_T_TIME, signed_of(b.data, 8));
        break;
    case P_UUID:
        uuid = wr_pq_uuid_of(b.data);
        put_scalar(v, wr_type_of(WR_T_UUID), WR_P_I128, &uuid);
        break;
    default: { /* binary, string */
        uint64_t length = little(b.data, 4);
        wr_str text = {(const char *)b.data + 4, length};
        if (length > b.size - 4)
            fail(v);
        else if (kind == P_BINARY)
            put_binary(v, text);
        else
            put_text(v, text, inside);
    }
    }
}

/* ---- arrays and objects */

static void put_encoded(variant *v, bytes b, int depth);
static void put_group(variant *v, const wr_pq_node *node, const wr_column *column, uint32_t row,
                      int depth);

typedef struct container { /* the head of an encoded array or object */
    uint64_t count;
    const uint8_t *ids, *offsets;
    size_t id_width, offset_width;
    bytes values;
} container;

static bool open_container(bytes b, container *c)
{
    unsigned header = b.data[0] >> 2;
    bool is_object = (b.data[0] & 3) == 2, is_large = header >> (is_object ? 4 : 2) & 1;
    c->offset_width = (header & 3) + 1;
    c->id_width = is_object ? (header >> 2 & 3) + 1 : 0;
    size_t count_width = is_large ? 4 : 1;
    if (b.size < 1 + count_width) return false;
    c->count = little(b.data + 1, count_width);
    size_t left = b.size - 1 - count_width;
    if (c->count > left / (c->id_width + c->offset_width)) return false;
    size_t head = c->count * c->id_width + (c->count + 1) * c->offset_width;
    if (head > left) return false;
    c->ids = b.data + 1 + count_width;
    c->offsets = c->ids + c->count * c->id_width;
    c->values = (bytes){c->ids + head, left - head};
    return true;
}

/* Objects list their values in any order, so each value only has a start. */
static bytes value_at(variant *v, const container *c, uint64_t i)
{
    uint64_t from = little(c->offsets + i * c->offset_width, c->offset_width);
    if (from >= c->values.size) {
        fail(v);
        return (bytes){(const uint8_t *)"", 1};
    }
    return (bytes){c->values.data + from, c->values.size - from};
}

static int by_name(const void *a, const void *b)
{
    return wr_str_cmp(((const field *)a)->name, ((const field *)b)->name);
}

typedef WR_LIST(field) field_list;

static void put_object(variant *v, field_list *fields, int depth)
{
    if (fields->count) qsort(fields->items, (size_t)fields->count, sizeof(field), by_name);
    wr_buf_add_char(v->out, '{');
    for (int i = 0; i < fields->count && !v->bad; i++) {
        const field *f = &fields->items[i];
        if (i) wr_buf_add_text(v->out, ", ");
        if (!wr_utf8_valid(f->name.data, f->name.length)) fail(v);
        put_quoted(v, f->name);
        wr_buf_add_text(v->out, ": ");
        if (f->node)
            put_group(v, f->node, f->column, f->row, depth + 1);
        else
            put_encoded(v, f->value, depth + 1);
    }
    wr_buf_add_char(v->out, '}');
}

static void add_encoded_fields(variant *v, bytes b, field_list *fields)
{
    container c;
    if (b.size == 0 || (b.data[0] & 3) != 2 || !open_container(b, &c)) {
        fail(v);
        return;
    }
    for (uint64_t i = 0; i < c.count && !v->bad; i++) {
        field f = {.name = name_at(v, little(c.ids + i * c.id_width, c.id_width)),
                   .value = value_at(v, &c, i)};
        wr_push(v->arena, fields, f);
    }
}

static bool may_go_on(variant *v, int depth)
{
    if (depth > WR_PQ_NESTING_MAX || v->steps-- <= 0 || v->out->length - v->text_start > TEXT_MAX)
        fail(v);
    return !v->bad;
}

static void put_encoded(variant *v, bytes b, int depth)
{
    if (!may_go_on(v, depth)) return;
    if (b.size == 0) {
        fail(v);
        return;
    }
    unsigned basic = b.data[0] & 3, header = b.data[0] >> 2;
    container c;
    field_list fields = {0};
    switch (basic) {
    case 0:
        put_primitive(v, header, (bytes){b.data + 1, b.size - 1}, depth > 0);
        break;
    case 1:
        if (header > b.size - 1)
            fail(v);
        else
            put_text(v, (wr_str){(const char *)b.data + 1, header}, depth > 0);
        break;
    case 2:
        add_encoded_fields(v, b, &fields);
        put_object(v, &fields, depth);
        break;
    default:
        if (!open_container(b, &c)) {
            fail(v);
            return;
        }
        wr_buf_add_char(v->out, '[');
        for (uint64_t i = 0; i < c.count && !v->bad; i++) {
            if (i) wr_buf_add_text(v->out, ", ");
            put_encoded(v, value_at(v, &c, i), depth + 1);
        }
        wr_buf_add_char(v->out, ']');
    }
}

/* ---- shredded groups */

static int child_named(const wr_pq_node *node, const char *name)
{
    for (int i = 0; i < node->child_count; i++)
        if (wr_str_is(node->children[i].name, name)) return i;
    return -1;
}

static bool is_present(const wr_pq_node *node, const wr_column *column, uint32_t row, int child)
{
    (void)node;
    return child >= 0 && !wr_column_is_null(&column->children[child], row);
}

static bool is_missing(const wr_pq_node *node, const wr_column *column, uint32_t row)
{
    return !is_present(node, column, row, child_named(node, "value")) &&
           !is_present(node, column, row, child_named(node, "typed_value"));
}

static bytes encoded_at(const wr_column *column, uint32_t row, wr_arena *arena)
{
    wr_view view = wr_column_view(column, row);
    if (view.length <= 12) /* inline bytes would end with this call */
        return (bytes){(const uint8_t *)wr_arena_copy(arena, view.inlined, view.length),
                       view.length};
    return (bytes){(const uint8_t *)view.pointer, view.length};
}

static void put_typed_list(variant *v, const wr_pq_node *node, const wr_column *column,
                           uint32_t row, int depth)
{
    uint32_t at;
    const wr_column *flat = wr_column_at(column, row, &at);
    wr_list_slot slot = ((const wr_list_slot *)flat->data)[at];
    if (node->children->kind != WR_PQ_STRUCT) {
        fail(v);
        return;
    }
    wr_buf_add_char(v->out, '[');
    for (uint32_t i = 0; i < slot.length && !v->bad; i++) {
        if (i) wr_buf_add_text(v->out, ", ");
        put_group(v, node->children, flat->children, slot.offset + i, depth + 1);
    }
    wr_buf_add_char(v->out, ']');
}

static void put_typed_object(variant *v, const wr_pq_node *node, const wr_column *column,
                             uint32_t row, const bytes *rest, int depth)
{
    field_list fields = {0};
    for (int i = 0; i < node->child_count; i++) {
        const wr_pq_node *child = &node->children[i];
        if (child->kind != WR_PQ_STRUCT) {
            fail(v);
            return;
        }
        if (wr_column_is_null(&column->children[i], row) ||
            is_missing(child, &column->children[i], row))
            continue;
        field f = {.name = child->name, .node = child, .column = &column->children[i], .row = row};
        wr_push(v->arena, &fields, f);
    }
    if (rest) add_encoded_fields(v, *rest, &fields);
    for (int i = 0; i < fields.count; i++) /* a shredded field may not be in the rest as well */
        for (int k = 0; k < node->child_count && !fields.items[i].node; k++)
            if (wr_str_eq(fields.items[i].name, node->children[k].name)) fail(v);
    put_object(v, &fields, depth);
}

static void put_group(variant *v, const wr_pq_node *node, const wr_column *column, uint32_t row,
                      int depth)
{
    v->steps++; /* rows of columns exist; only encoded values may be shared */
    if (!may_go_on(v, depth)) return;
    int value = child_named(node, "value"), typed = child_named(node, "typed_value");
    bytes rest = {0};
    bool has_value = is_present(node, column, row, value),
         has_typed = is_present(node, column, row, typed);
    if ((has_value && column->children[value].type->phys != WR_P_VIEW)) {
        fail(v);
        return;
    }
    if (has_value) rest = encoded_at(&column->children[value], row, v->arena);
    v->steps += (int64_t)rest.size + 1;
    if (!has_typed) {
        if (has_value)
            put_encoded(v, rest, depth);
        else
            wr_buf_add_text(v->out, "NULL");
        return;
    }
    const wr_pq_node *t = &node->children[typed];
    const wr_column *c = &column->children[typed];
    if (t->kind == WR_PQ_STRUCT) {
        put_typed_object(v, t, c, row, has_value ? &rest : NULL, depth);
    } else if (has_value) {
        fail(v); /* only objects may be split in two */
    } else if (t->kind == WR_PQ_LIST) {
        put_typed_list(v, t, c, row, depth);
    } else if (t->type->phys == WR_P_VIEW) {
        wr_view view = wr_column_view(c, row);
        if (t->type->id == WR_T_BLOB)
            put_binary(v, wr_view_str(&view));
        else
            put_text(v, wr_view_str(&view), depth > 0);
    } else {
        wr_column_print(c, row, v->out);
    }
}

static weir_status print_row(wr_pq_shape *shape, const wr_column *column, uint32_t row,
                             int metadata, wr_arena *arena, wr_list_slot *slot, bool *is_null)
{
    const wr_pq_node *node = shape->node;
    variant v = {
        .out = &shape->text, .arena = arena, .text_start = shape->text.length, .steps = 16};
    open_names(&v, encoded_at(&column->children[metadata], row, arena));
    if (!v.bad) put_group(&v, node, column, row, 0);
    if (v.bad) return wr_fail(WR_E_CORRUPT, "a VARIANT value is malformed");
    size_t length = shape->text.length - v.text_start;
    if (shape->text.length > UINT32_MAX / 2)
        return wr_fail(WR_E_TOO_BIG, "VARIANT values of more than 2 GiB");
    *slot = (wr_list_slot){(uint32_t)v.text_start, (uint32_t)length};
    *is_null = length == 4 && memcmp(shape->text.data + v.text_start, "NULL", 4) == 0;
    return WR_OK;
}

weir_status wr_pq_variant_text(wr_pq_shape *shape, const wr_column *column, wr_mem *mem,
                               wr_column *out)
{
    WR_ARENA(arena);
    uint32_t rows = column->rows;
    int metadata = child_named(shape->node, "metadata");
    if (metadata < 0 || shape->node->children[metadata].type->phys != WR_P_VIEW)
        return wr_fail(WR_E_CORRUPT, "a VARIANT without metadata");
    WR_TRY(
        wr_pq_bytes_need(mem, &shape->data, rows * (sizeof(wr_view) + sizeof(wr_list_slot)) + 16));
    WR_TRY(wr_pq_bytes_need(mem, &shape->valid, (rows + 63) / 64 * 8 + 8));
    wr_view *views = shape->data.data;
    wr_list_slot *slots = (wr_list_slot *)(views + rows);
    uint64_t *valid = shape->valid.data;
    if (!column->valid) memset(valid, 0xff, (rows + 63) / 64 * 8);
    shape->text.length = 0;
    bool any_null = false;
    for (uint32_t i = 0; i < rows; i++) {
        bool is_null = !wr_bit_get(valid, i) || wr_column_is_null(&column->children[metadata], i);
        slots[i] = (wr_list_slot){0, 0};
        wr_arena_reset(&arena);
        if (!is_null) WR_TRY(print_row(shape, column, i, metadata, &arena, &slots[i], &is_null));
        if (is_null) wr_bit_clear(valid, i);
        any_null |= is_null;
    }
    for (uint32_t i = 0; i < rows; i++)
        views[i] = wr_bit_get(valid, i)
                       ? wr_view_of(shape->text.data + slots[i].offset, slots[i].length)
                       : (wr_view){0};
    *out = (wr_column){.type = WR_VARCHAR,
                       .form = WR_FLAT,
                       .phys = WR_P_VIEW,
                       .rows = rows,
                       .data = views,
                       .valid = any_null ? valid : NULL};
    return WR_OK;
}
