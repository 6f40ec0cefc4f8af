/* avro_read.c - Avro's binary form as JSON text.
 *
 * The bytes come from strangers: every length is checked against what is left, nesting is limited,
 * and so is the number of values, because some of them take no bytes (a list of a billion NULLs).
 */
#include "base/date.h"
#include "base/int128.h"
#include "conn/kafka/avro.h"

enum { DEPTH_MAX = 64, VALUES_FREE = 1 << 16 };

typedef struct avro_input {
    const uint8_t *at, *end;
    wr_buf *out;
    const char *why;
    uint64_t values_left;
} avro_input;

static bool wrong(avro_input *in, const char *why)
{
    in->why = why;
    return false;
}

static bool take_long(avro_input *in, int64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (in->at == in->end) return wrong(in, "it ends within a value");
        uint8_t byte = *in->at++;
        if (shift == 63 && byte > 1) return wrong(in, "a number is too long");
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte & 0x80) continue;
        *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
        return true;
    }
    return wrong(in, "a number is too long");
}

static bool take_bytes(avro_input *in, uint64_t size, wr_str *out)
{
    if (size > (uint64_t)(in->end - in->at)) return wrong(in, "it ends within a value");
    *out = (wr_str){(const char *)in->at, size};
    in->at += size;
    return true;
}

static bool take_sized(avro_input *in, wr_str *out)
{
    int64_t size;
    return take_long(in, &size) && (size >= 0 || wrong(in, "a length is negative")) &&
           take_bytes(in, (uint64_t)size, out);
}

static void add_printed(wr_buf *out, const char *text, int length, bool quoted)
{
    if (quoted) wr_buf_add_char(out, '"');
    wr_buf_add(out, text, (size_t)length);
    if (quoted) wr_buf_add_char(out, '"');
}

static bool add_number(avro_input *in, const avro_node *node)
{
    int64_t value;
    char text[64];
    if (!take_long(in, &value)) return false;
    if (node->kind == AVRO_INT && (value < INT32_MIN || value > INT32_MAX))
        return wrong(in, "an int does not fit in 32 bits");
    bool is_millis = node->logical == AVRO_TIME_MILLIS || node->logical == AVRO_TIMESTAMP_MILLIS;
    if (is_millis && __builtin_mul_overflow(value, INT64_C(1000), &value))
        return wrong(in, "a time is out of range");
    switch (node->logical) {
    case AVRO_DATE:
        add_printed(in->out, text, wr_date_print((int32_t)value, text), true);
        return true;
    case AVRO_TIME_MILLIS:
    case AVRO_TIME_MICROS:
        if (value < 0 || value > WR_USECS_PER_DAY) return wrong(in, "a time is out of range");
        add_printed(in->out, text, wr_time_print(value, text), true);
        return true;
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_TIMESTAMP_MICROS:
        add_printed(in->out, text, wr_ts_print(value, text), true);
        return true;
    default:
        add_printed(in->out, text, wr_i64_print(value, text), false);
        return true;
    }
}

static bool add_float(avro_input *in, bool is_double)
{
    wr_str bytes;
    char text[64];
    double value;
    float narrow;
    if (!take_bytes(in, is_double ? 8 : 4, &bytes)) return false;
    memcpy(&value, bytes.data, is_double ? 8 : 4);
    memcpy(&narrow, bytes.data, 4);
    int length = is_double ? wr_f64_print(value, text) : wr_f32_print(narrow, text);
    bool is_finite = is_double ? value - value == 0 : narrow - narrow == 0;
    add_printed(in->out, text, length, !is_finite);
    return true;
}

/* Big-endian two's complement. */
static bool add_decimal(avro_input *in, const avro_node *node, wr_str bytes)
{
    char text[64];
    wr_i128 value = bytes.length && (uint8_t)bytes.data[0] & 0x80 ? -1 : 0;
    wr_u128 limit = (wr_u128)wr_pow10[node->precision];
    while (bytes.length > 16 && (int8_t)bytes.data[0] == (int8_t)value) /* says nothing */
        bytes = (wr_str){bytes.data + 1, bytes.length - 1};
    if (bytes.length > 16) return wrong(in, "a decimal is too long");
    for (size_t i = 0; i < bytes.length; i++)
        value = (wr_i128)((wr_u128)value << 8 | (uint8_t)bytes.data[i]);
    wr_u128 size = value < 0 ? -(wr_u128)value : (wr_u128)value;
    if (size >= limit) return wrong(in, "a decimal has too many digits");
    add_printed(in->out, text, wr_decimal_print(value, node->scale, text), false);
    return true;
}

static bool add_bytes(avro_input *in, const avro_node *node, wr_str bytes)
{
    WR_BUF(text);
    char code[4];
    if (node->logical == AVRO_DECIMAL) return add_decimal(in, node, bytes);
    for (size_t i = 0; i < bytes.length; i++)
        wr_buf_add(&text, code, (size_t)wr_utf8_encode((uint8_t)bytes.data[i], code));
    wr_buf_add_json(in->out, wr_buf_str(&text));
    return true;
}

static bool add_string(avro_input *in)
{
    wr_str text;
    if (!take_sized(in, &text)) return false;
    if (!wr_utf8_valid(text.data, text.length)) return wrong(in, "a string is not valid UTF-8");
    wr_buf_add_json(in->out, text);
    return true;
}

static bool add_value(avro_input *in, const avro_node *node, int depth);

/* Blocks of elements, the last one empty. A negative count is followed by the size of the block. */
static bool add_blocks(avro_input *in, const avro_node *node, int depth)
{
    bool is_map = node->kind == AVRO_MAP, is_first = true;
    wr_buf_add_char(in->out, is_map ? '{' : '[');
    for (;;) {
        int64_t count, size;
        if (!take_long(in, &count)) return false;
        if (count == 0) break;
        if (count < 0 && !take_long(in, &size)) return false;
        uint64_t left = count < 0 ? -(uint64_t)count : (uint64_t)count;
        for (; left > 0; left--) {
            if (!is_first) wr_buf_add_char(in->out, ',');
            is_first = false;
            if (is_map && !add_string(in)) return false;
            if (is_map) wr_buf_add_char(in->out, ':');
            if (!add_value(in, node->parts[0], depth)) return false;
        }
    }
    wr_buf_add_char(in->out, is_map ? '}' : ']');
    return true;
}

static bool add_record(avro_input *in, const avro_node *node, int depth)
{
    wr_buf_add_char(in->out, '{');
    for (int i = 0; i < node->count; i++) {
        if (i) wr_buf_add_char(in->out, ',');
        wr_buf_add_json(in->out, node->names[i]);
        wr_buf_add_char(in->out, ':');
        if (!add_value(in, node->parts[i], depth)) return false;
    }
    wr_buf_add_char(in->out, '}');
    return true;
}

/* Which branch or symbol. */
static bool take_index(avro_input *in, const avro_node *node, int64_t *out)
{
    if (!take_long(in, out)) return false;
    return (*out >= 0 && *out < node->count) ||
           wrong(in, node->kind == AVRO_UNION ? "a union has no such branch"
                                              : "an enum has no such symbol");
}

static bool add_value(avro_input *in, const avro_node *node, int depth)
{
    int64_t index;
    wr_str bytes;
    if (depth > DEPTH_MAX) return wrong(in, "it is nested too deeply");
    if (in->values_left-- == 0) return wrong(in, "it has too many values");
    switch (node->kind) {
    case AVRO_NULL:
        wr_buf_add_text(in->out, "null");
        return true;
    case AVRO_BOOLEAN:
        if (!take_bytes(in, 1, &bytes)) return false;
        if ((uint8_t)bytes.data[0] > 1) return wrong(in, "a boolean is neither 0 nor 1");
        wr_buf_add_text(in->out, bytes.data[0] ? "true" : "false");
        return true;
    case AVRO_INT:
    case AVRO_LONG:
        return add_number(in, node);
    case AVRO_FLOAT:
    case AVRO_DOUBLE:
        return add_float(in, node->kind == AVRO_DOUBLE);
    case AVRO_BYTES:
        return take_sized(in, &bytes) && add_bytes(in, node, bytes);
    case AVRO_FIXED:
        return take_bytes(in, node->size, &bytes) && add_bytes(in, node, bytes);
    case AVRO_STRING:
        return add_string(in);
    case AVRO_RECORD:
        return add_record(in, node, depth + 1);
    case AVRO_ENUM:
        if (!take_index(in, node, &index)) return false;
        wr_buf_add_json(in->out, node->names[index]);
        return true;
    case AVRO_UNION:
        return take_index(in, node, &index) && add_value(in, node->parts[index], depth + 1);
    default:
        return add_blocks(in, node, depth + 1);
    }
}

bool wr_avro_to_json(const avro_node *node, wr_str bytes, wr_buf *out, const char **why)
{
    avro_input in = {.at = (const uint8_t *)bytes.data,
                     .end = (const uint8_t *)bytes.data + bytes.length,
                     .out = out,
                     .values_left = VALUES_FREE + bytes.length * 4};
    bool is_good = add_value(&in, node, 0);
    if (is_good && in.at != in.end) is_good = wrong(&in, "bytes are left behind the value");
    *why = in.why;
    return is_good;
}
