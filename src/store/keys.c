/* keys.c - values as bytes in the order of the values. See keys.h.
 *
 *   value     = mark, then its bytes; NULL is a mark alone, below or above that of values
 *   integers, moments, decimals, UUID, labels: big end first, the sign bit turned, at the width of
 *             the type, not of the column
 *   floats    one zero, one NaN; the bits, all turned for negative ones, the sign for others
 *   text      its bytes, 0 as 0 255, then 0 0
 *   interval  its length as it is compared (days of 24 hours, months of 30 days), 128 bits
 *   list      its elements as values (NULLs last), then END: a shorter list comes first
 *   array, struct  their parts as values
 *
 * Descending turns all bytes but the outermost mark. Each value says where it ends, so keys of
 * several columns compare column by column. Reading checks every length: keys come from files. */
#include "store/keys.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { END, NULL_FIRST = 0, PRESENT = 1, NULL_LAST = 2 };
enum { TEXT_END = 0, TEXT_ZERO = 0xff };

/* ---- writing ---- */

static void add_big_end(wr_buf *out, wr_u128 value, size_t size)
{
    uint64_t low = __builtin_bswap64((uint64_t)value);
    if (size <= 8) {
        wr_buf_add(out, (const char *)&low + 8 - size, size);
        return;
    }
    uint64_t both[2] = {__builtin_bswap64((uint64_t)(value >> 64)), low};
    wr_buf_add(out, both, sizeof both);
}

static wr_u128 sign_of(size_t size) { return (wr_u128)1 << (8 * size - 1); }

static bool is_signed(wr_phys phys) { return phys >= WR_P_I8 && phys <= WR_P_I128; }

static void add_float(wr_buf *out, double value, bool is_single)
{
    if (value == 0) value = 0;
    if (is_single) {
        float narrow = (float)value;
        uint32_t bits;
        memcpy(&bits, &narrow, sizeof bits);
        if (value != value) bits = UINT32_C(0x7fc00000);
        add_big_end(out, bits >> 31 ? ~bits : bits | UINT32_C(1) << 31, sizeof bits);
        return;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value != value) bits = UINT64_C(0x7ff8000000000000);
    add_big_end(out, bits >> 63 ? ~bits : bits | UINT64_C(1) << 63, sizeof bits);
}

static void add_text(wr_buf *out, wr_str text)
{
    static const char zero[2] = {TEXT_END, (char)TEXT_ZERO}, end[2] = {TEXT_END, TEXT_END};
    const char *zero_at;
    while (text.length && (zero_at = memchr(text.data, 0, text.length))) {
        size_t before = (size_t)(zero_at - text.data);
        wr_buf_add(out, text.data, before);
        wr_buf_add(out, zero, sizeof zero);
        text = (wr_str){zero_at + 1, text.length - before - 1};
    }
    if (text.length) wr_buf_add(out, text.data, text.length);
    wr_buf_add(out, end, sizeof end);
}

static void add_value(wr_buf *out, const wr_column *column, uint32_t i);

static void add_part(wr_buf *out, const wr_column *column, uint32_t i)
{
    bool is_null = wr_column_is_null(column, i);
    wr_buf_add_char(out, is_null ? NULL_LAST : PRESENT);
    if (!is_null) add_value(out, column, i);
}

static void add_value(wr_buf *out, const wr_column *column, uint32_t i)
{
    uint32_t row;
    const wr_column *c = wr_column_at(column, i, &row);
    const wr_type *t = c->type;
    wr_phys phys = t->phys;
    if (phys == WR_P_VIEW) {
        add_text(out, wr_view_str((const wr_view *)c->data + row));
    } else if (phys == WR_P_F32 || phys == WR_P_F64) {
        add_float(out, wr_column_f64(c, row), phys == WR_P_F32);
    } else if (phys == WR_P_INTERVAL) {
        wr_i128 order = wr_interval_order(((const wr_interval *)c->data)[row]);
        add_big_end(out, (wr_u128)order ^ sign_of(16), 16);
    } else if (phys == WR_P_LIST) {
        wr_list_slot slot = ((const wr_list_slot *)c->data)[row];
        for (uint32_t k = 0; k < slot.length; k++)
            add_part(out, c->children, slot.offset + k);
        wr_buf_add_char(out, END);
    } else if (phys == WR_P_ARRAY) {
        for (uint32_t k = 0; k < t->array_length; k++)
            add_part(out, c->children, row * t->array_length + k);
    } else if (phys == WR_P_STRUCT) {
        for (int f = 0; f < t->field_count; f++)
            add_part(out, &c->children[f], row);
    } else {
        size_t size = wr_phys_size(phys);
        wr_u128 value = (wr_u128)wr_column_i128(c, row);
        add_big_end(out, is_signed(phys) ? value ^ sign_of(size) : value, size);
    }
}

static void turn(char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)~bytes[i];
}

void wr_key_append(wr_buf *out, const wr_column *column, uint32_t row, unsigned flags)
{
    if (wr_column_is_null(column, row)) {
        wr_buf_add_char(out, flags & WR_KEY_NULLS_FIRST ? NULL_FIRST : NULL_LAST);
        return;
    }
    wr_buf_add_char(out, PRESENT);
    size_t from = out->length;
    add_value(out, column, row);
    if (flags & WR_KEY_DESCENDING) turn(out->data + from, out->length - from);
}

/* ---- reading ---- */

typedef struct reader {
    const uint8_t *at, *end;
    uint8_t turned; /* 0xff: descending */
    wr_arena *arena;
} reader;

static weir_status cut_off(void)
{
    return wr_fail(WR_E_CORRUPT, "a key of a state is damaged or of another type");
}

static weir_status read_big_end(reader *r, size_t size, wr_u128 *out)
{
    if ((size_t)(r->end - r->at) < size) return cut_off();
    *out = 0;
    for (size_t i = 0; i < size; i++)
        *out = *out << 8 | (uint8_t)(*r->at++ ^ r->turned);
    return WR_OK;
}

static weir_status read_mark(reader *r, uint8_t *out)
{
    if (r->at == r->end) return cut_off();
    *out = *r->at++ ^ r->turned;
    return *out <= NULL_LAST ? WR_OK : cut_off();
}

static weir_status read_text(reader *r, wr_view *out)
{
    WR_BUF(text);
    for (;;) {
        if (r->at == r->end) return cut_off();
        uint8_t c = *r->at++ ^ r->turned;
        if (c == 0) {
            if (r->at == r->end) return cut_off();
            uint8_t next = *r->at++ ^ r->turned;
            if (next == TEXT_END) break;
            if (next != TEXT_ZERO) return cut_off();
        }
        wr_buf_add_char(&text, (char)c);
    }
    if (text.length > UINT32_MAX) return cut_off();
    const char *bytes = text.data ? text.data : "";
    if (text.length > 12) bytes = wr_arena_copy(r->arena, bytes, text.length);
    *out = wr_view_of(bytes, text.length);
    return WR_OK;
}

static weir_status read_float(reader *r, bool is_single, void *data, uint32_t row)
{
    wr_u128 got = 0;
    WR_TRY(read_big_end(r, is_single ? 4 : 8, &got));
    if (is_single) {
        uint32_t bits = (uint32_t)got;
        bits = bits >> 31 ? bits ^ UINT32_C(1) << 31 : ~bits;
        memcpy((float *)data + row, &bits, sizeof bits);
        return WR_OK;
    }
    uint64_t bits = (uint64_t)got;
    bits = bits >> 63 ? bits ^ UINT64_C(1) << 63 : ~bits;
    memcpy((double *)data + row, &bits, sizeof bits);
    return WR_OK;
}

/* Takes as many units as fit into 32 bits out of *rest. */
static int32_t take_units(wr_i128 *rest, int64_t unit)
{
    wr_i128 count = *rest / unit;
    count = WR_MAX(WR_MIN(count, (wr_i128)INT32_MAX), (wr_i128)INT32_MIN);
    *rest -= count * unit;
    return (int32_t)count;
}

static weir_status read_interval(reader *r, wr_interval *out)
{
    wr_u128 got = 0;
    WR_TRY(read_big_end(r, 16, &got));
    wr_i128 rest = (wr_i128)(got ^ sign_of(16));
    out->months = take_units(&rest, 30 * WR_USECS_PER_DAY);
    out->days = take_units(&rest, WR_USECS_PER_DAY);
    out->usecs = (int64_t)rest;
    return rest == out->usecs ? WR_OK : cut_off();
}

static weir_status read_value(reader *r, wr_growing *g);

/* *end, if it is asked for: there was an END instead of a value. */
static weir_status read_part(reader *r, wr_growing *g, bool *end)
{
    uint8_t mark = END;
    WR_TRY(read_mark(r, &mark));
    if (end) *end = mark == END;
    if (mark == END) return end ? WR_OK : cut_off();
    if (mark == PRESENT) return read_value(r, g);
    wr_growing_add_null(g, r->arena);
    return WR_OK;
}

static weir_status read_list(reader *r, wr_growing *g, uint32_t row)
{
    wr_list_slot slot = {.offset = g->children->column->rows};
    for (bool end = false;;) {
        WR_TRY(read_part(r, g->children, &end));
        if (end) break;
    }
    slot.length = g->children->column->rows - slot.offset;
    ((wr_list_slot *)g->column->data)[row] = slot;
    return WR_OK;
}

static weir_status read_value(reader *r, wr_growing *g)
{
    wr_column *c = g->column;
    const wr_type *t = c->type;
    uint32_t row = wr_growing_add(g, r->arena);
    size_t size = wr_phys_size(t->phys);
    if (size) memset((char *)c->data + row * size, 0, size); /* defined, should it fail */
    switch (t->phys) {
    case WR_P_VIEW:
        return read_text(r, (wr_view *)c->data + row);
    case WR_P_F32:
    case WR_P_F64:
        return read_float(r, t->phys == WR_P_F32, c->data, row);
    case WR_P_INTERVAL:
        return read_interval(r, (wr_interval *)c->data + row);
    case WR_P_LIST:
        return read_list(r, g, row);
    case WR_P_ARRAY:
        for (uint32_t k = 0; k < t->array_length; k++)
            WR_TRY(read_part(r, g->children, NULL));
        return WR_OK;
    case WR_P_STRUCT:
        for (int f = 0; f < t->field_count; f++)
            WR_TRY(read_part(r, &g->children[f], NULL));
        return WR_OK;
    default:
        break;
    }
    wr_u128 value = 0;
    WR_TRY(read_big_end(r, size, &value));
    wr_column_put_i128(c, row, (wr_i128)(is_signed(t->phys) ? value ^ sign_of(size) : value));
    if (t->id == WR_T_BOOLEAN && value > 1) return cut_off();
    if (t->id == WR_T_ENUM && value >= (wr_u128)t->label_count) return cut_off();
    return WR_OK;
}

weir_status wr_key_read(wr_str *from, unsigned flags, wr_growing *column, wr_arena *arena)
{
    const uint8_t *start = (const uint8_t *)from->data;
    reader r = {.at = start, .end = start + from->length, .arena = arena};
    uint8_t mark = END;
    WR_TRY(read_mark(&r, &mark));
    if (flags & WR_KEY_DESCENDING) r.turned = 0xff;
    if (mark == PRESENT)
        WR_TRY(read_value(&r, column));
    else if (mark == (flags & WR_KEY_NULLS_FIRST ? NULL_FIRST : NULL_LAST))
        wr_growing_add_null(column, arena);
    else
        return cut_off();
    *from = (wr_str){(const char *)r.at, (size_t)(r.end - r.at)};
    return WR_OK;
}

/* ---- keys as such ---- */

bool wr_key_fit(wr_buf *key, size_t at, size_t max)
{
    wr_assert(at <= key->length && max >= 2 * sizeof(XXH128_canonical_t));
    size_t size = key->length - at;
    if (size <= max) return false;
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(key->data + at, size));
    key->length = at + max - sizeof hash;
    wr_buf_add(key, &hash, sizeof hash);
    return true;
}

void wr_key_after_prefix(wr_str prefix, wr_buf *out)
{
    out->length = 0;
    while (prefix.length && (uint8_t)prefix.data[prefix.length - 1] == 0xff)
        prefix.length--;
    if (!prefix.length) return;
    wr_buf_add_str(out, prefix);
    out->data[out->length - 1]++;
}
