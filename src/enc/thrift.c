/* thrift.c - Thrift compact protocol: field headers with delta ids, zigzag varints, length-prefixed
 * bytes.
 *
 * The reader works on hostile bytes: it never reads past end, a list cannot claim more elements
 * than bytes are left (every element takes at least one), and nesting is limited because skip is
 * recursive. The first mistake sets bad and moves to the end, so every loop of a caller ends. */
#include "enc/thrift.h"

enum { NESTING_MAX = 32 };

void wr_thrift_in_init(wr_thrift_in *in, const void *bytes, size_t size)
{
    const uint8_t *start = bytes;
    *in = (wr_thrift_in){.at = start, .end = start + size};
}

static void fail(wr_thrift_in *in)
{
    in->bad = true;
    in->at = in->end;
}

static uint8_t byte(wr_thrift_in *in)
{
    if (in->at < in->end) return *in->at++;
    fail(in);
    return 0;
}

static uint64_t varint(wr_thrift_in *in)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t b = byte(in);
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) return in->bad ? 0 : v;
    }
    fail(in);
    return 0;
}

static int64_t zigzag(wr_thrift_in *in)
{
    uint64_t v = varint(in);
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

bool wr_thrift_next(wr_thrift_in *in, wr_thrift_field *field)
{
    uint8_t head = byte(in);
    if (in->bad || (head & 0x0f) == WR_THRIFT_STOP) return false;
    field->type = head & 0x0f;
    int64_t id = head >> 4 ? (int64_t)field->id + (head >> 4) : zigzag(in);
    if (in->bad || id < INT16_MIN || id > INT16_MAX || field->type > WR_THRIFT_STRUCT) {
        fail(in);
        return false;
    }
    field->id = (int16_t)id;
    return true;
}

bool wr_thrift_bool(const wr_thrift_field *field) { return field->type == WR_THRIFT_TRUE; }

int64_t wr_thrift_element_int(wr_thrift_in *in, uint8_t type)
{
    if (type == WR_THRIFT_BYTE) return (int8_t)byte(in);
    if (type >= WR_THRIFT_I16 && type <= WR_THRIFT_I64) return zigzag(in);
    fail(in);
    return 0;
}

int64_t wr_thrift_int(wr_thrift_in *in, const wr_thrift_field *field)
{
    return wr_thrift_element_int(in, field->type);
}

wr_str wr_thrift_element_binary(wr_thrift_in *in, uint8_t type)
{
    if (type != WR_THRIFT_BINARY) fail(in);
    uint64_t length = varint(in);
    if (in->bad || length > (uint64_t)(in->end - in->at)) {
        fail(in);
        return (wr_str){0};
    }
    wr_str out = {(const char *)in->at, (size_t)length};
    in->at += length;
    return out;
}

wr_str wr_thrift_binary(wr_thrift_in *in, const wr_thrift_field *field)
{
    return wr_thrift_element_binary(in, field->type);
}

bool wr_thrift_element_bool(wr_thrift_in *in, uint8_t type)
{
    if (type != WR_THRIFT_TRUE && type != WR_THRIFT_FALSE) fail(in);
    return byte(in) == WR_THRIFT_TRUE;
}

static uint32_t list_head(wr_thrift_in *in, uint8_t *type)
{
    uint8_t head = byte(in);
    uint64_t count = head >> 4;
    *type = head & 0x0f;
    if (count == 15) count = varint(in);
    if (in->bad || count > (uint64_t)(in->end - in->at) || count > UINT32_MAX) {
        fail(in);
        return 0;
    }
    return (uint32_t)count;
}

uint32_t wr_thrift_list(wr_thrift_in *in, const wr_thrift_field *field, uint8_t *type)
{
    *type = 0;
    if (field->type != WR_THRIFT_LIST && field->type != WR_THRIFT_SET) {
        fail(in);
        return 0;
    }
    return list_head(in, type);
}

bool wr_thrift_enter(wr_thrift_in *in, const wr_thrift_field *field)
{
    if (field->type == WR_THRIFT_STRUCT) return true;
    fail(in);
    return false;
}

static void skip_element(wr_thrift_in *in, uint8_t type)
{
    if (type == WR_THRIFT_TRUE || type == WR_THRIFT_FALSE)
        (void)byte(in);
    else
        wr_thrift_skip(in, type);
}

static void skip_nested(wr_thrift_in *in, uint8_t type)
{
    if (type == WR_THRIFT_STRUCT) {
        wr_thrift_field field = {0};
        while (wr_thrift_next(in, &field))
            wr_thrift_skip(in, field.type);
        return;
    }
    if (type == WR_THRIFT_MAP) {
        uint64_t count = varint(in);
        if (count == 0) return;
        uint8_t types = byte(in);
        if (count > (uint64_t)(in->end - in->at)) fail(in);
        for (uint64_t i = 0; i < count && !in->bad; i++) {
            skip_element(in, types >> 4);
            skip_element(in, types & 0x0f);
        }
        return;
    }
    uint8_t element;
    uint32_t count = list_head(in, &element);
    for (uint32_t i = 0; i < count && !in->bad; i++)
        skip_element(in, element);
}

void wr_thrift_skip(wr_thrift_in *in, uint8_t type)
{
    wr_thrift_field field = {.type = type};
    switch (type) {
    case WR_THRIFT_TRUE:
    case WR_THRIFT_FALSE:
        return;
    case WR_THRIFT_BYTE:
    case WR_THRIFT_I16:
    case WR_THRIFT_I32:
    case WR_THRIFT_I64:
        (void)wr_thrift_int(in, &field);
        return;
    case WR_THRIFT_DOUBLE:
        if (in->end - in->at < 8)
            fail(in);
        else
            in->at += 8;
        return;
    case WR_THRIFT_BINARY:
        (void)wr_thrift_binary(in, &field);
        return;
    case WR_THRIFT_LIST:
    case WR_THRIFT_SET:
    case WR_THRIFT_MAP:
    case WR_THRIFT_STRUCT:
        if (++in->depth > NESTING_MAX)
            fail(in);
        else
            skip_nested(in, type);
        in->depth--;
        return;
    default:
        fail(in);
    }
}

/* ---- writing */

static void put_varint(wr_buf *buf, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        wr_buf_add_char(buf, (char)(v | 0x80));
    wr_buf_add_char(buf, (char)v);
}

static void put_zigzag(wr_buf *buf, int64_t v)
{
    put_varint(buf, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static void put_head(wr_thrift_out *out, int16_t id, uint8_t type)
{
    int16_t *last = &out->last[out->depth - 1];
    int delta = id - *last;
    if (delta > 0 && delta <= 15) {
        wr_buf_add_char(out->buf, (char)(delta << 4 | type));
    } else {
        wr_buf_add_char(out->buf, (char)type);
        put_zigzag(out->buf, id);
    }
    *last = id;
}

void wr_thrift_begin(wr_thrift_out *out)
{
    wr_assert(out->depth < (int)WR_COUNT(out->last));
    out->last[out->depth++] = 0;
}

void wr_thrift_end(wr_thrift_out *out)
{
    wr_assert(out->depth > 0);
    wr_buf_add_char(out->buf, WR_THRIFT_STOP);
    out->depth--;
}

void wr_thrift_put_struct(wr_thrift_out *out, int16_t id)
{
    put_head(out, id, WR_THRIFT_STRUCT);
    wr_thrift_begin(out);
}

void wr_thrift_put_bool(wr_thrift_out *out, int16_t id, bool v)
{
    put_head(out, id, v ? WR_THRIFT_TRUE : WR_THRIFT_FALSE);
}

void wr_thrift_put_byte(wr_thrift_out *out, int16_t id, int8_t v)
{
    put_head(out, id, WR_THRIFT_BYTE);
    wr_buf_add_char(out->buf, v);
}

void wr_thrift_put_i32(wr_thrift_out *out, int16_t id, int32_t v)
{
    put_head(out, id, WR_THRIFT_I32);
    put_zigzag(out->buf, v);
}

void wr_thrift_put_i64(wr_thrift_out *out, int16_t id, int64_t v)
{
    put_head(out, id, WR_THRIFT_I64);
    put_zigzag(out->buf, v);
}

void wr_thrift_put_binary(wr_thrift_out *out, int16_t id, wr_str v)
{
    put_head(out, id, WR_THRIFT_BINARY);
    wr_thrift_add_binary(out, v);
}

void wr_thrift_put_list(wr_thrift_out *out, int16_t id, uint8_t type, uint32_t count)
{
    put_head(out, id, WR_THRIFT_LIST);
    if (count < 15) {
        wr_buf_add_char(out->buf, (char)(count << 4 | type));
    } else {
        wr_buf_add_char(out->buf, (char)(0xf0 | type));
        put_varint(out->buf, count);
    }
}

void wr_thrift_add_int(wr_thrift_out *out, int64_t v) { put_zigzag(out->buf, v); }

void wr_thrift_add_bool(wr_thrift_out *out, bool v)
{
    wr_buf_add_char(out->buf, v ? WR_THRIFT_TRUE : WR_THRIFT_FALSE);
}

void wr_thrift_add_binary(wr_thrift_out *out, wr_str v)
{
    put_varint(out->buf, v.length);
    wr_buf_add(out->buf, v.data, v.length);
}
