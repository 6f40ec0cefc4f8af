/* avro_write.c - columns as Avro's binary form.
 *
 * wr_avro_match says once whether columns fit the schema; then values are written one by one, as
 * the schema says. A union takes NULL in its branch "null" and values in the first of its other
 * branches that fits the type of the column. What has no form of its own in Avro is a string. */
#include "base/date.h"
#include "base/int128.h"
#include "conn/kafka/avro.h"

/* ---- which types fit ---- */
static bool fits(const avro_node *node, const wr_type *type);

static const avro_node *branch_for(const avro_node *node, const wr_type *type, int *index)
{
    for (int i = 0; i < node->count; i++)
        if (node->parts[i]->kind != AVRO_NULL && fits(node->parts[i], type))
            return *index = i, node->parts[i];
    return NULL;
}

static bool fields_fit(const avro_node *node, const wr_type *type)
{
    bool all = type->id == WR_T_STRUCT && node->count == type->field_count;
    for (int i = 0; all && i < node->count; i++)
        all = wr_str_ieq(node->names[i], type->fields[i].name) &&
              fits(node->parts[i], type->fields[i].type);
    return all;
}

static bool number_fits(const avro_node *node, const wr_type *type)
{
    switch (node->logical) {
    case AVRO_DATE:
        return type->id == WR_T_DATE;
    case AVRO_TIME_MILLIS:
    case AVRO_TIME_MICROS:
        return type->id == WR_T_TIME;
    case AVRO_TIMESTAMP_MILLIS:
    case AVRO_TIMESTAMP_MICROS:
        return type->id == WR_T_TIMESTAMP || type->id == WR_T_TIMESTAMPTZ;
    default:
        return wr_type_is_integer(type);
    }
}

static bool fits(const avro_node *node, const wr_type *type)
{
    int index;
    switch (node->kind) {
    case AVRO_NULL:
        return type->id == WR_T_NULL;
    case AVRO_BOOLEAN:
        return type->id == WR_T_BOOLEAN;
    case AVRO_INT:
    case AVRO_LONG:
        return number_fits(node, type);
    case AVRO_FLOAT:
        return type->id == WR_T_REAL;
    case AVRO_DOUBLE:
        return wr_type_is_float(type);
    case AVRO_BYTES:
        if (node->logical == AVRO_DECIMAL)
            return type->id == WR_T_DECIMAL && type->scale == node->scale;
        return type->id == WR_T_BLOB;
    case AVRO_FIXED:
        return type->id == WR_T_BLOB && node->logical == AVRO_PLAIN;
    case AVRO_STRING:
        return !wr_type_is_nested(type) && type->id != WR_T_BLOB;
    case AVRO_ENUM:
        return wr_type_is_text(type);
    case AVRO_RECORD:
        return fields_fit(node, type);
    case AVRO_ARRAY:
        return (type->id == WR_T_LIST || type->id == WR_T_ARRAY) &&
               fits(node->parts[0], type->child);
    case AVRO_MAP:
        return type->id == WR_T_MAP && !wr_type_is_nested(type->child->fields[0].type) &&
               fits(node->parts[0], type->child->fields[1].type);
    default:
        return branch_for(node, type, &index) != NULL;
    }
}

static bool takes_null(const avro_node *node)
{
    for (int i = 0; node->kind == AVRO_UNION && i < node->count; i++)
        if (node->parts[i]->kind == AVRO_NULL) return true;
    return node->kind == AVRO_NULL;
}

weir_status wr_avro_match(const avro_node *record, const wr_schema *schema, int *columns)
{
    if (record->kind != AVRO_RECORD)
        return wr_fail(WR_E_TYPE_MISMATCH, "the Avro schema of rows must be a record");
    for (int k = 0; k < record->count; k++) {
        columns[k] = wr_schema_find(schema, record->names[k]);
        if (columns[k] < 0 && !takes_null(record->parts[k]))
            return wr_fail(WR_E_UNKNOWN_COLUMN,
                           "no column for the field \"%.*s\" of the Avro schema",
                           WR_STR_ARGS(record->names[k]));
        if (columns[k] >= 0 && !fits(record->parts[k], schema->fields[columns[k]].type))
            return wr_fail(
                WR_E_TYPE_MISMATCH, "values of %s do not fit the field \"%.*s\" of the Avro schema",
                wr_type_name(schema->fields[columns[k]].type), WR_STR_ARGS(record->names[k]));
    }
    for (int i = 0; i < schema->count; i++) {
        bool is_used = false;
        for (int k = 0; k < record->count; k++)
            is_used |= columns[k] == i;
        if (!is_used)
            return wr_fail(WR_E_UNKNOWN_COLUMN, "the Avro schema has no field \"%.*s\"",
                           WR_STR_ARGS(schema->fields[i].name));
    }
    return WR_OK;
}

/* ---- values ---- */
static void add_long(wr_buf *out, int64_t value)
{
    uint64_t rest = (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
    for (; rest > 0x7f; rest >>= 7)
        wr_buf_add_char(out, (char)(rest | 0x80));
    wr_buf_add_char(out, (char)rest);
}

static void add_sized(wr_buf *out, wr_str bytes)
{
    add_long(out, (int64_t)bytes.length);
    wr_buf_add_str(out, bytes);
}

static weir_status too_big(const char *what)
{
    return wr_fail(WR_E_OUT_OF_RANGE, "a number does not fit in Avro's %s", what);
}

static weir_status write_number(const avro_node *node, const wr_column *column, uint32_t row,
                                wr_buf *out)
{
    wr_i128 value = wr_column_i128(column, row);
    bool is_millis = node->logical == AVRO_TIME_MILLIS || node->logical == AVRO_TIMESTAMP_MILLIS;
    if (is_millis) value = (value - (value % 1000 + 1000) % 1000) / 1000;
    if (node->kind == AVRO_INT && (value < INT32_MIN || value > INT32_MAX)) return too_big("int");
    if (value < INT64_MIN || value > INT64_MAX) return too_big("long");
    add_long(out, (int64_t)value);
    return WR_OK;
}

static weir_status write_decimal(const avro_node *node, const wr_column *column, uint32_t row,
                                 wr_buf *out)
{
    wr_i128 value = wr_column_i128(column, row);
    char bytes[16];
    int used = 16;
    if (wr_i128_digits(value) > node->precision) return too_big("decimal");
    for (int i = 15; i >= 0; i--, value >>= 8)
        bytes[i] = (char)(uint8_t)value;
    while (used > 1 && (uint8_t)bytes[16 - used] == (bytes[16 - used + 1] & 0x80 ? 0xff : 0))
        used--;
    add_sized(out, (wr_str){bytes + 16 - used, (size_t)used});
    return WR_OK;
}

static void text_of(const wr_column *column, uint32_t row, wr_buf *out)
{
    if (column->type->id == WR_T_VARCHAR || column->type->id == WR_T_JSON) {
        wr_view view = wr_column_view(column, row);
        wr_buf_add_str(out, wr_view_str(&view));
    } else {
        wr_column_print(column, row, out);
    }
}

static weir_status write_symbol(const avro_node *node, const wr_column *column, uint32_t row,
                                wr_buf *out)
{
    WR_BUF(text);
    text_of(column, row, &text);
    for (int i = 0; i < node->count; i++) {
        if (!wr_str_eq(node->names[i], wr_buf_str(&text))) continue;
        add_long(out, i);
        return WR_OK;
    }
    return wr_fail(WR_E_BAD_VALUE, "the enum %.*s of the Avro schema has no symbol \"%.*s\"",
                   WR_STR_ARGS(node->name), WR_STR_ARGS(wr_buf_str(&text)));
}

static weir_status write_value(const avro_node *node, const wr_column *column, uint32_t row,
                               wr_buf *out);

static weir_status write_elements(const avro_node *node, const wr_column *column, uint32_t row,
                                  wr_buf *out)
{
    uint32_t at;
    const wr_column *flat = wr_column_at(column, row, &at);
    wr_list_slot slot = flat->type->id == WR_T_ARRAY ? (wr_list_slot){at * flat->type->array_length,
                                                                      flat->type->array_length}
                                                     : ((const wr_list_slot *)flat->data)[at];
    const wr_column *child = &flat->children[0];
    if (slot.length) add_long(out, slot.length);
    for (uint32_t i = slot.offset; i < slot.offset + slot.length; i++) {
        if (node->kind == AVRO_ARRAY) {
            WR_TRY(write_value(node->parts[0], child, i, out));
            continue;
        }
        WR_BUF(key);
        uint32_t pair;
        const wr_column *pairs = wr_column_at(child, i, &pair);
        text_of(&pairs->children[0], pair, &key);
        add_sized(out, wr_buf_str(&key));
        WR_TRY(write_value(node->parts[0], &pairs->children[1], pair, out));
    }
    wr_buf_add_char(out, 0);
    return WR_OK;
}

static weir_status write_fields(const avro_node *node, const wr_column *column, uint32_t row,
                                wr_buf *out)
{
    uint32_t at;
    const wr_column *flat = wr_column_at(column, row, &at);
    for (int i = 0; i < node->count; i++)
        WR_TRY(write_value(node->parts[i], &flat->children[i], at, out));
    return WR_OK;
}

static weir_status write_null(const avro_node *node, wr_buf *out)
{
    for (int i = 0; node->kind == AVRO_UNION && i < node->count; i++) {
        if (node->parts[i]->kind != AVRO_NULL) continue;
        add_long(out, i);
        return WR_OK;
    }
    if (node->kind == AVRO_NULL) return WR_OK;
    return wr_fail(WR_E_NOT_NULL_VIOLATION, "NULL in a field that the Avro schema forbids it in");
}

static weir_status write_bytes(const avro_node *node, const wr_column *column, uint32_t row,
                               wr_buf *out)
{
    if (node->logical == AVRO_DECIMAL) return write_decimal(node, column, row, out);
    wr_view view = wr_column_view(column, row);
    if (node->kind == AVRO_BYTES) {
        add_sized(out, wr_view_str(&view));
        return WR_OK;
    }
    if (view.length != node->size)
        return wr_fail(WR_E_BAD_VALUE, "%u bytes where the Avro schema has exactly %llu",
                       view.length, (unsigned long long)node->size);
    wr_buf_add_str(out, wr_view_str(&view));
    return WR_OK;
}

static weir_status write_value(const avro_node *node, const wr_column *column, uint32_t row,
                               wr_buf *out)
{
    WR_BUF(text);
    int index;
    if (wr_column_is_null(column, row)) return write_null(node, out);
    if (node->kind == AVRO_UNION) {
        const avro_node *branch = branch_for(node, column->type, &index);
        wr_assert(branch != NULL);
        add_long(out, index);
        return write_value(branch, column, row, out);
    }
    switch (node->kind) {
    case AVRO_BOOLEAN:
        wr_buf_add_char(out, wr_column_int(column, row) != 0);
        return WR_OK;
    case AVRO_INT:
    case AVRO_LONG:
        return write_number(node, column, row, out);
    case AVRO_FLOAT: {
        float value = (float)wr_column_f64(column, row);
        wr_buf_add(out, &value, sizeof value);
        return WR_OK;
    }
    case AVRO_DOUBLE: {
        double value = wr_column_f64(column, row);
        wr_buf_add(out, &value, sizeof value);
        return WR_OK;
    }
    case AVRO_STRING:
        text_of(column, row, &text);
        add_sized(out, wr_buf_str(&text));
        return WR_OK;
    case AVRO_ENUM:
        return write_symbol(node, column, row, out);
    case AVRO_RECORD:
        return write_fields(node, column, row, out);
    case AVRO_ARRAY:
    case AVRO_MAP:
        return write_elements(node, column, row, out);
    default:
        return write_bytes(node, column, row, out);
    }
}

weir_status wr_avro_write(const avro_node *record, const int *columns, const wr_batch *batch,
                          uint32_t row, wr_buf *out)
{
    for (int k = 0; k < record->count; k++) {
        weir_status bad =
            columns[k] < 0 ? write_null(record->parts[k], out)
                           : write_value(record->parts[k], &batch->columns[columns[k]], row, out);
        if (bad) return wr_wrap(bad, "field %.*s", WR_STR_ARGS(record->names[k]));
    }
    return WR_OK;
}
