/* print.c - values as text and as JSON.
 *
 * Top-level values print as PostgreSQL shows them; lists, structs and maps as DuckDB does: [1, 2],
 * {'a': 1}, {k=v}. Text inside nested values is quoted only when it could be mistaken for
 * structure. JSON spells numbers, booleans and nested values natively and everything else as a
 * string; JSON columns are passed on as they are. */
#include "col/column.h"

typedef void print_value(const wr_column *c, uint32_t i, wr_buf *out);

static int print_unit(int64_t value, int64_t per_second, char *out)
{
    int64_t scale = WR_USECS_PER_SEC / per_second;
    if (value == WR_TS_INF || value == WR_TS_NEG_INF) return wr_ts_print(value, out);
    int64_t usecs;
    if (__builtin_mul_overflow(value, scale, &usecs))
        usecs = value < 0 ? INT64_MIN + 2 : INT64_MAX - 1;
    return wr_ts_print(usecs, out);
}

/* Microseconds with three more digits when there are nanoseconds. */
static int print_nanoseconds(int64_t value, char *out)
{
    if (value == WR_TS_INF || value == WR_TS_NEG_INF) return wr_ts_print(value, out);
    int64_t usecs = value / 1000, rest = value % 1000;
    if (rest < 0) usecs--, rest += 1000;
    int length = wr_ts_print(usecs, out);
    if (rest == 0) return length;
    const char *dot = memchr(out, '.', (size_t)length);
    int digits = dot ? (int)(out + length - dot) - 1 : 0;
    if (!dot) out[length++] = '.';
    for (; digits < 6; digits++)
        out[length++] = '0';
    out[length++] = (char)('0' + rest / 100);
    out[length++] = (char)('0' + rest / 10 % 10);
    out[length++] = (char)('0' + rest % 10);
    while (out[length - 1] == '0')
        length--;
    return length;
}

static int print_timestamptz(int64_t value, char *out)
{
    int length = wr_ts_print(value, out);
    if (value == WR_TS_INF || value == WR_TS_NEG_INF) return length;
    bool is_bc = length > 3 && memcmp(out + length - 3, " BC", 3) == 0;
    if (is_bc) length -= 3;
    memcpy(out + length, "+00", 3);
    length += 3;
    if (is_bc) memcpy(out + length, " BC", 3), length += 3;
    return length;
}

static void print_blob(wr_view view, wr_buf *out)
{
    const char *bytes = wr_view_bytes(&view);
    wr_buf_add_text(out, "\\x");
    if (!out->drain) wr_buf_reserve(out, (size_t)view.length * 2 + 1);
    for (uint32_t i = 0; i < view.length; i++) {
        wr_buf_add_char(out, "0123456789abcdef"[(uint8_t)bytes[i] >> 4]);
        wr_buf_add_char(out, "0123456789abcdef"[bytes[i] & 15]);
    }
}

static bool needs_quotes(wr_str text)
{
    static const char structure[256] = {
        ['['] = 1, [']'] = 1, ['{'] = 1,  ['}'] = 1, ['('] = 1,  [')'] = 1,  [','] = 1,
        [':'] = 1, ['='] = 1, ['\''] = 1, ['"'] = 1, ['\\'] = 1, ['\n'] = 1, ['\t'] = 1};
    if (text.length == 0 || text.data[0] == ' ' || text.data[text.length - 1] == ' ') return true;
    if (wr_str_is(text, "null")) return true;
    for (size_t i = 0; i < text.length; i++)
        if (structure[(unsigned char)text.data[i]]) return true;
    return false;
}

static void add_quoted(wr_buf *out, wr_str text)
{
    size_t from = 0;
    wr_buf_add_char(out, '\'');
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '\'' && text.data[i] != '\\') continue;
        wr_buf_add(out, text.data + from, i - from);
        wr_buf_add_char(out, '\\');
        from = i;
    }
    wr_buf_add(out, text.data + from, text.length - from);
    wr_buf_add_char(out, '\'');
}

/* The text a column already has: no copy of it is made. False: it has to be printed. *view holds
 * short texts. */
static bool text_of(const wr_column *column, uint32_t i, wr_view *view, wr_str *out)
{
    uint32_t row;
    const wr_column *c = wr_column_at(column, i, &row);
    *out = WR_STR("");
    if (c->type->id == WR_T_ENUM) {
        int64_t code = wr_column_int(c, row);
        if (code >= 0 && code < c->type->label_count) *out = c->type->labels[code];
        return true;
    }
    if (c->type->id != WR_T_VARCHAR) return false;
    *view = wr_column_view(c, row);
    *out = wr_view_str(view);
    return true;
}

static void print_inside(const wr_column *c, uint32_t i, wr_buf *out)
{
    wr_view view;
    wr_str text;
    if (wr_column_is_null(c, i))
        wr_buf_add_text(out, "NULL");
    else if (!text_of(c, i, &view, &text))
        wr_column_print(c, i, out);
    else if (needs_quotes(text))
        add_quoted(out, text);
    else
        wr_buf_add_str(out, text);
}

static void run_of(const wr_column *c, uint32_t row, uint32_t *from, uint32_t *count)
{
    if (c->phys == WR_P_ARRAY) {
        *count = c->type->array_length;
        *from = row * *count;
        return;
    }
    wr_list_slot slot = ((const wr_list_slot *)c->data)[row];
    *from = slot.offset;
    *count = slot.length;
}

static void print_run(const wr_column *c, uint32_t row, print_value *print, const char *separator,
                      wr_buf *out)
{
    uint32_t from, count;
    run_of(c, row, &from, &count);
    wr_buf_add_char(out, '[');
    for (uint32_t k = 0; k < count; k++) {
        if (k) wr_buf_add_text(out, separator);
        print(c->children, from + k, out);
    }
    wr_buf_add_char(out, ']');
}

static void print_struct(const wr_column *c, uint32_t row, wr_buf *out)
{
    bool is_named = c->type->field_count > 0 && c->type->fields[0].name.length > 0;
    wr_buf_add_char(out, is_named ? '{' : '(');
    for (int f = 0; f < c->type->field_count; f++) {
        if (f) wr_buf_add_text(out, ", ");
        if (is_named) {
            add_quoted(out, c->type->fields[f].name);
            wr_buf_add_text(out, ": ");
        }
        print_inside(&c->children[f], row, out);
    }
    wr_buf_add_char(out, is_named ? '}' : ')');
}

/* The STRUCT(key, value) column and row of entry k, through whatever form the child has. */
static const wr_column *map_entry(const wr_column *c, uint32_t k, uint32_t *row)
{
    return wr_column_at(c->children, k, row);
}

static void print_map(const wr_column *c, uint32_t row, wr_buf *out)
{
    uint32_t from, count, at;
    run_of(c, row, &from, &count);
    wr_buf_add_char(out, '{');
    for (uint32_t k = 0; k < count; k++) {
        const wr_column *entry = map_entry(c, from + k, &at);
        if (k) wr_buf_add_text(out, ", ");
        print_inside(&entry->children[0], at, out);
        wr_buf_add_char(out, '=');
        print_inside(&entry->children[1], at, out);
    }
    wr_buf_add_char(out, '}');
}

/* Types whose text has a small upper bound. Returns -1 for the others. */
static int print_short(const wr_column *c, uint32_t row, char *out)
{
    const wr_type *t = c->type;
    switch (t->id) {
    case WR_T_BOOLEAN:
        return wr_column_int(c, row) ? (memcpy(out, "true", 4), 4) : (memcpy(out, "false", 5), 5);
    case WR_T_REAL:
        return wr_f32_print((float)wr_column_f64(c, row), out);
    case WR_T_DOUBLE:
        return wr_f64_print(wr_column_f64(c, row), out);
    case WR_T_DECIMAL:
        return wr_decimal_print(wr_column_i128(c, row), t->scale, out);
    case WR_T_UUID:
        return wr_uuid_print(wr_column_i128(c, row), out);
    case WR_T_DATE:
        return wr_date_print((int32_t)wr_column_int(c, row), out);
    case WR_T_TIME:
        return wr_time_print(wr_column_int(c, row), out);
    case WR_T_TIMESTAMP:
        return wr_ts_print(wr_column_int(c, row), out);
    case WR_T_TIMESTAMP_S:
        return print_unit(wr_column_int(c, row), 1, out);
    case WR_T_TIMESTAMP_MS:
        return print_unit(wr_column_int(c, row), 1000, out);
    case WR_T_TIMESTAMP_NS:
        return print_nanoseconds(wr_column_int(c, row), out);
    case WR_T_TIMESTAMPTZ:
        return print_timestamptz(wr_column_int(c, row), out);
    case WR_T_INTERVAL:
        return wr_interval_print(((const wr_interval *)c->data)[row], out);
    default:
        if (wr_type_is_integer(t)) return wr_i128_print(wr_column_i128(c, row), out);
        return -1;
    }
}

void wr_column_print(const wr_column *column, uint32_t i, wr_buf *out)
{
    uint32_t row;
    const wr_column *c = wr_column_at(column, i, &row);
    char text[128];
    int length = print_short(c, row, text);
    if (length >= 0) {
        wr_buf_add(out, text, (size_t)length);
        return;
    }
    switch (c->type->id) {
    case WR_T_ENUM: {
        int64_t code = wr_column_int(c, row);
        if (code >= 0 && code < c->type->label_count) wr_buf_add_str(out, c->type->labels[code]);
        break;
    }
    case WR_T_BLOB:
        print_blob(wr_column_view(c, row), out);
        break;
    case WR_T_LIST:
    case WR_T_ARRAY:
        print_run(c, row, print_inside, ", ", out);
        break;
    case WR_T_STRUCT:
        print_struct(c, row, out);
        break;
    case WR_T_MAP:
        print_map(c, row, out);
        break;
    case WR_T_NULL:
        wr_buf_add_text(out, "NULL");
        break;
    default: {
        wr_view view = wr_column_view(c, row);
        wr_buf_add_str(out, wr_view_str(&view));
    }
    }
}

static void json_struct(const wr_column *c, uint32_t row, wr_buf *out)
{
    wr_buf_add_char(out, '{');
    for (int f = 0; f < c->type->field_count; f++) {
        if (f) wr_buf_add_char(out, ',');
        wr_buf_add_json(out, c->type->fields[f].name);
        wr_buf_add_char(out, ':');
        wr_column_print_json(&c->children[f], row, out);
    }
    wr_buf_add_char(out, '}');
}

static void json_map(const wr_column *c, uint32_t row, wr_buf *out)
{
    uint32_t from, count, at;
    run_of(c, row, &from, &count);
    wr_buf_add_char(out, '{');
    for (uint32_t k = 0; k < count; k++) {
        const wr_column *entry = map_entry(c, from + k, &at);
        WR_BUF(key);
        wr_view view;
        wr_str text;
        if (k) wr_buf_add_char(out, ',');
        if (!text_of(&entry->children[0], at, &view, &text)) {
            wr_column_print(&entry->children[0], at, &key);
            text = wr_buf_str(&key);
        }
        wr_buf_add_json(out, text);
        wr_buf_add_char(out, ':');
        wr_column_print_json(&entry->children[1], at, out);
    }
    wr_buf_add_char(out, '}');
}

/* ISO 8601 has a T between date and time. */
static void json_text(const wr_column *c, uint32_t row, wr_buf *out)
{
    WR_BUF(text);
    wr_view view;
    wr_str plain;
    if (text_of(c, row, &view, &plain)) {
        wr_buf_add_json(out, plain);
        return;
    }
    wr_column_print(c, row, &text);
    bool has_time =
        wr_type_is_moment(c->type) && c->type->id != WR_T_DATE && c->type->id != WR_T_TIME;
    char *blank = has_time ? memchr(text.data, ' ', text.length) : NULL;
    if (blank && blank[1] >= '0' && blank[1] <= '9') {
        *blank = 'T';
        bool is_bc = wr_str_has_suffix(wr_buf_str(&text), WR_STR(" BC"));
        if (is_bc) text.length -= 3;
        if (c->type->id == WR_T_TIMESTAMPTZ) wr_buf_add_text(&text, ":00"); /* the zone is +00 */
        if (is_bc) wr_buf_add_text(&text, " BC");
    }
    wr_buf_add_json(out, wr_buf_str(&text));
}

void wr_column_print_json(const wr_column *column, uint32_t i, wr_buf *out)
{
    if (wr_column_is_null(column, i)) {
        wr_buf_add_text(out, "null");
        return;
    }
    uint32_t row;
    const wr_column *c = wr_column_at(column, i, &row);
    const wr_type *t = c->type;
    double f = wr_type_is_float(t) ? wr_column_f64(c, row) : 0;
    if (f - f != 0)
        json_text(c, row, out); /* NaN and infinity are no JSON numbers */
    else if (wr_type_is_numeric(t) || t->id == WR_T_BOOLEAN || t->id == WR_T_JSON)
        wr_column_print(c, row, out);
    else if (t->id == WR_T_LIST || t->id == WR_T_ARRAY)
        print_run(c, row, wr_column_print_json, ",", out);
    else if (t->id == WR_T_STRUCT)
        json_struct(c, row, out);
    else if (t->id == WR_T_MAP)
        json_map(c, row, out);
    else
        json_text(c, row, out);
}
