/* packed.c - rows as compact bytes. See packed.h.
 *
 *   row      = version u8, number of columns (varint), NULL bits, values that are present
 *   integer  = varint of it, signed ones zigzag; 128 bits alike. Booleans and numbers of 8 bits: a
 *              byte. UUIDs: 16 bytes, for their bits are random
 *   float    = its 4 or 8 bytes, little end first
 *   text     = length (varint), bytes
 *   interval = months, days, microseconds, each zigzag
 *   list     = 2 * number of elements + (some are NULL), NULL bits if so, elements present
 *   array, struct = NULL bits, parts present
 *
 * Varints are 7 bits per byte, the low ones first, the high bit says that more follow. Reading
 * checks every length before it is used, and asks the arena before a list is made room for. */
#include "store/packed.h"

/* ---- writing ---- */

static void add_varint(wr_buf *out, wr_u128 value)
{
    uint8_t bytes[19];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)value | 0x80;
    bytes[count++] = (uint8_t)value;
    wr_buf_add(out, bytes, count);
}

static wr_u128 zigzag(wr_i128 value) { return (wr_u128)value << 1 ^ (wr_u128)(value < 0 ? -1 : 0); }

static void add_value(wr_buf *out, const wr_column *column, uint32_t i);

/* Rows [from, from + count) of one column, or row from of count columns: NULL bits, values. */
static void add_parts(wr_buf *out, const wr_column *columns, int column_step, uint32_t from,
                      uint32_t count, bool has_bits)
{
    size_t bits = out->length, bit_bytes = has_bits ? ((size_t)count + 7) / 8 : 0;
    wr_buf_reserve(out, bit_bytes + 1);
    memset(out->data + bits, 0, bit_bytes);
    out->length += bit_bytes;
    for (uint32_t k = 0; k < count; k++) {
        const wr_column *c = columns + (size_t)k * column_step;
        uint32_t row = column_step ? from : from + k;
        if (wr_column_is_null(c, row))
            out->data[bits + k / 8] |= (char)(1 << k % 8);
        else
            add_value(out, c, row);
    }
}

static bool some_are_null(const wr_column *c, wr_list_slot slot)
{
    for (uint32_t k = 0; k < slot.length; k++)
        if (wr_column_is_null(c, slot.offset + k)) return true;
    return false;
}

static void add_list(wr_buf *out, const wr_column *c, uint32_t row)
{
    wr_list_slot slot = ((const wr_list_slot *)c->data)[row];
    bool has_bits = some_are_null(c->children, slot);
    add_varint(out, (wr_u128)slot.length * 2 + has_bits);
    add_parts(out, c->children, 0, slot.offset, slot.length, has_bits);
}

static void add_value(wr_buf *out, const wr_column *column, uint32_t i)
{
    uint32_t row;
    const wr_column *c = wr_column_at(column, i, &row);
    const wr_type *t = c->type;
    size_t size = wr_phys_size(t->phys);
    if (t->phys == WR_P_VIEW) {
        wr_str text = wr_view_str((const wr_view *)c->data + row);
        add_varint(out, text.length);
        if (text.length) wr_buf_add_str(out, text);
    } else if (t->phys == WR_P_F32 || t->phys == WR_P_F64) {
        wr_buf_add(out, (const char *)c->data + row * size, size);
    } else if (t->phys == WR_P_INTERVAL) {
        wr_interval v = ((const wr_interval *)c->data)[row];
        add_varint(out, zigzag(v.months));
        add_varint(out, zigzag(v.days));
        add_varint(out, zigzag(v.usecs));
    } else if (t->phys == WR_P_LIST) {
        add_list(out, c, row);
    } else if (t->phys == WR_P_ARRAY) {
        add_parts(out, c->children, 0, row * t->array_length, t->array_length, true);
    } else if (t->phys == WR_P_STRUCT) {
        add_parts(out, c->children, 1, row, (uint32_t)t->field_count, true);
    } else {
        wr_i128 value = wr_column_i128(c, row);
        if (size == 1 || t->id == WR_T_UUID)
            wr_buf_add(out, &value, size);
        else
            add_varint(out,
                       t->phys >= WR_P_I8 && t->phys <= WR_P_I128 ? zigzag(value) : (wr_u128)value);
    }
}

void wr_row_append(wr_buf *out, const wr_column *columns, int count, uint32_t row)
{
    wr_buf_add_char(out, WR_PACKED_VERSION);
    add_varint(out, (wr_u128)count);
    add_parts(out, columns, 1, row, (uint32_t)count, true);
}

/* ---- reading ---- */

typedef struct reader {
    const uint8_t *at, *end;
    wr_arena *arena;
} reader;

static weir_status damaged(void)
{
    return wr_fail(WR_E_CORRUPT, "a row of a state is damaged or of other types");
}

static weir_status read_varint(reader *r, int bits, wr_u128 *out)
{
    *out = 0;
    for (int shift = 0; shift < bits; shift += 7) {
        if (r->at == r->end) return damaged();
        uint8_t byte = *r->at++;
        if (bits - shift < 7 && (byte & 0x7f) >> (bits - shift)) return damaged();
        *out |= (wr_u128)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) return WR_OK;
    }
    return damaged();
}

static weir_status read_zigzag(reader *r, int bits, wr_i128 *out)
{
    wr_u128 value = 0;
    WR_TRY(read_varint(r, bits, &value));
    *out = (wr_i128)(value >> 1) ^ -(wr_i128)(value & 1);
    return WR_OK;
}

static weir_status read_bytes(reader *r, size_t size, const uint8_t **out)
{
    if ((size_t)(r->end - r->at) < size) return damaged();
    *out = r->at;
    r->at += size;
    return WR_OK;
}

static weir_status read_value(reader *r, wr_growing *g);

static weir_status read_parts(reader *r, wr_growing *columns, int column_step, uint32_t count,
                              bool has_bits)
{
    const uint8_t *bits = NULL;
    if (has_bits) WR_TRY(read_bytes(r, ((size_t)count + 7) / 8, &bits));
    for (uint32_t k = 0; k < count; k++) {
        wr_growing *g = columns + (size_t)k * column_step;
        if (bits && bits[k / 8] >> k % 8 & 1)
            wr_growing_add_null(g, r->arena);
        else
            WR_TRY(read_value(r, g));
    }
    return WR_OK;
}

static weir_status read_list(reader *r, wr_growing *g, uint32_t row)
{
    wr_u128 head = 0;
    WR_TRY(read_varint(r, 33, &head));
    uint32_t count = (uint32_t)(head >> 1), before = g->children->column->rows;
    size_t rest = (size_t)(r->end - r->at);
    /* An element that is there takes a byte at least, one that is NULL a bit. */
    if (count > rest * (head & 1 ? 8 : 1)) return damaged();
    if (count > UINT32_MAX - before) return damaged();
    size_t size = wr_phys_size(g->children->column->type->phys);
    WR_TRY(wr_arena_admit(r->arena, (size_t)count * (size + 1)));
    ((wr_list_slot *)g->column->data)[row] = (wr_list_slot){before, count};
    return read_parts(r, g->children, 0, count, head & 1);
}

static weir_status read_text(reader *r, wr_view *out)
{
    wr_u128 length = 0;
    const uint8_t *bytes = NULL;
    WR_TRY(read_varint(r, 32, &length));
    WR_TRY(read_bytes(r, (size_t)length, &bytes));
    if (length > 12) {
        WR_TRY(wr_arena_admit(r->arena, (size_t)length));
        bytes = (const uint8_t *)wr_arena_copy(r->arena, bytes, (size_t)length);
    }
    *out = wr_view_of((const char *)bytes, (size_t)length);
    return WR_OK;
}

static weir_status read_interval(reader *r, wr_interval *out)
{
    wr_i128 months = 0, days = 0, usecs = 0;
    WR_TRY(read_zigzag(r, 32, &months));
    WR_TRY(read_zigzag(r, 32, &days));
    WR_TRY(read_zigzag(r, 64, &usecs));
    *out = (wr_interval){(int32_t)months, (int32_t)days, (int64_t)usecs};
    return WR_OK;
}

static weir_status read_integer(reader *r, const wr_type *t, wr_i128 *out)
{
    size_t size = wr_phys_size(t->phys);
    int bits = (int)size * 8;
    bool is_signed = t->phys >= WR_P_I8 && t->phys <= WR_P_I128;
    *out = 0;
    if (size == 1 || t->id == WR_T_UUID) {
        const uint8_t *bytes = NULL;
        WR_TRY(read_bytes(r, size, &bytes));
        memcpy(out, bytes, size);
    } else if (is_signed) {
        WR_TRY(read_zigzag(r, bits, out));
    } else {
        wr_u128 value = 0;
        WR_TRY(read_varint(r, bits, &value));
        *out = (wr_i128)value;
    }
    if (t->id == WR_T_BOOLEAN && *out > 1) return damaged();
    if (t->id == WR_T_ENUM && *out >= t->label_count) return damaged();
    return WR_OK;
}

static weir_status read_value(reader *r, wr_growing *g)
{
    wr_column *c = g->column;
    const wr_type *t = c->type;
    uint32_t row = wr_growing_add(g, r->arena);
    size_t size = wr_phys_size(t->phys);
    const uint8_t *bytes = NULL;
    wr_i128 value = 0;
    if (size) memset((char *)c->data + row * size, 0, size); /* defined, should it fail */
    switch (t->phys) {
    case WR_P_VIEW:
        return read_text(r, (wr_view *)c->data + row);
    case WR_P_F32:
    case WR_P_F64:
        WR_TRY(read_bytes(r, size, &bytes));
        memcpy((char *)c->data + row * size, bytes, size);
        return WR_OK;
    case WR_P_INTERVAL:
        return read_interval(r, (wr_interval *)c->data + row);
    case WR_P_LIST:
        return read_list(r, g, row);
    case WR_P_ARRAY:
        return read_parts(r, g->children, 0, t->array_length, true);
    case WR_P_STRUCT:
        return read_parts(r, g->children, 1, (uint32_t)t->field_count, true);
    default:
        WR_TRY(read_integer(r, t, &value));
        wr_column_put_i128(c, row, value);
        return WR_OK;
    }
}

weir_status wr_row_read(wr_str *from, wr_growing *columns, int count, wr_arena *arena)
{
    const uint8_t *start = (const uint8_t *)from->data, *version = NULL;
    reader r = {.at = start, .end = start + from->length, .arena = arena};
    wr_u128 columns_there = 0;
    WR_TRY(read_bytes(&r, 1, &version));
    if (*version > WR_PACKED_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a row of a state has version %d, this weir knows %d",
                       *version, WR_PACKED_VERSION);
    if (*version != WR_PACKED_VERSION) return damaged();
    WR_TRY(read_varint(&r, 32, &columns_there));
    if (columns_there != (wr_u128)count) return damaged();
    WR_TRY(read_parts(&r, columns, 1, (uint32_t)count, true));
    *from = (wr_str){(const char *)r.at, (size_t)(r.end - r.at)};
    return WR_OK;
}
