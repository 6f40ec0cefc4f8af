/* cast_text.c - everything to text and JSON, and text to scalars.
 *
 * Reading is strict: the whole text must be the value, with blanks around it at most. JSON values
 * read like their text, except that the quotes of a JSON string are taken off first. */
#include "expr/cast_rows.h"
#include "sys/clock.h"
#include <math.h>

/* ---- to text ---- */

static void put_text(const wr_cast_job *job, wr_column *out, uint32_t row, const wr_buf *text)
{
    const char *bytes = text->data ? text->data : "";
    if (text->length > 12) bytes = wr_arena_copy(job->arena, bytes, text->length);
    ((wr_view *)out->data)[row] = wr_view_of(bytes, text->length);
}

static wr_cast_result print_row(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    WR_BUF(text);
    wr_column_print(in, row, &text);
    put_text(job, out, row, &text);
    return WR_CAST_DONE;
}

/* With the session's zone: local time and its offset. */
static wr_cast_result print_zoned(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                  wr_column *out)
{
    const wr_zone *zone = job->env ? job->env->zone : NULL;
    int64_t us = wr_column_int(in, row);
    if (!zone || us == WR_TS_INF || us == WR_TS_NEG_INF) return print_row(job, in, row, out);
    int32_t offset = wr_zone_offset_at(zone, us), size = offset < 0 ? -offset : offset;
    char local[48];
    int length = wr_ts_print(us + offset * WR_USECS_PER_SEC, local);
    WR_BUF(text);
    wr_buf_add(&text, local, (size_t)length);
    wr_buf_printf(&text, "%c%02d", offset < 0 ? '-' : '+', size / 3600);
    if (size % 3600) wr_buf_printf(&text, ":%02d", size / 60 % 60);
    if (size % 60) wr_buf_printf(&text, ":%02d", size % 60);
    put_text(job, out, row, &text);
    return WR_CAST_DONE;
}

static wr_cast_result print_json_row(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                     wr_column *out)
{
    WR_BUF(text);
    wr_column_print_json(in, row, &text);
    put_text(job, out, row, &text);
    return WR_CAST_DONE;
}

static wr_cast_result text_to_json(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out)
{
    (void)job;
    wr_view view = wr_column_view(in, row);
    if (!wr_json_is_valid(wr_view_str(&view))) return WR_CAST_MALFORMED;
    ((wr_view *)out->data)[row] = view;
    return WR_CAST_DONE;
}

wr_cast_row *wr_cast_to_text(const wr_type *from, const wr_type *to)
{
    if (to->id == WR_T_JSON) return from->id == WR_T_VARCHAR ? text_to_json : print_json_row;
    return from->id == WR_T_TIMESTAMPTZ ? print_zoned : print_row;
}

/* ---- JSON ---- */

typedef struct json_reader {
    const char *at, *end;
    int depth;
} json_reader;

static void skip_blanks(json_reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool read_json_string(json_reader *r)
{
    for (r->at++; r->at < r->end; r->at++) {
        if ((unsigned char)*r->at < 32) return false;
        if (*r->at == '"') return r->at++, true;
        if (*r->at != '\\') continue;
        if (++r->at == r->end || !*r->at || !strchr("\"\\/bfnrtu", *r->at)) return false;
        if (*r->at != 'u') continue;
        for (int i = 0; i < 4; i++)
            if (++r->at == r->end || !*r->at || !strchr("0123456789abcdefABCDEF", *r->at))
                return false;
    }
    return false;
}

static int read_digits(json_reader *r)
{
    int count = 0;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++)
        count++;
    return count;
}

static bool read_json_number(json_reader *r)
{
    if (*r->at == '-') r->at++;
    const char *first = r->at;
    int digits = read_digits(r);
    if (digits == 0 || (digits > 1 && *first == '0')) return false;
    if (r->at < r->end && *r->at == '.') {
        r->at++;
        if (!read_digits(r)) return false;
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-')) r->at++;
        return read_digits(r) > 0;
    }
    return true;
}

static bool read_word(json_reader *r, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(r->end - r->at) < length || memcmp(r->at, word, length) != 0) return false;
    r->at += length;
    return true;
}

static bool read_json(json_reader *r);

static bool read_members(json_reader *r, char close)
{
    r->at++;
    skip_blanks(r);
    if (r->at < r->end && *r->at == close) return r->at++, true;
    for (;;) {
        skip_blanks(r);
        if (close == '}') {
            if (r->at == r->end || *r->at != '"' || !read_json_string(r)) return false;
            skip_blanks(r);
            if (r->at == r->end || *r->at++ != ':') return false;
        }
        if (!read_json(r)) return false;
        skip_blanks(r);
        if (r->at == r->end) return false;
        if (*r->at == close) return r->at++, true;
        if (*r->at++ != ',') return false;
    }
}

static bool read_json(json_reader *r)
{
    skip_blanks(r);
    if (r->at == r->end || r->depth > 512) return false;
    switch (*r->at) {
    case '{':
    case '[': {
        r->depth++;
        bool is_good = read_members(r, *r->at == '{' ? '}' : ']');
        r->depth--;
        return is_good;
    }
    case '"':
        return read_json_string(r);
    case 't':
        return read_word(r, "true");
    case 'f':
        return read_word(r, "false");
    case 'n':
        return read_word(r, "null");
    default:
        return read_json_number(r);
    }
}

bool wr_json_is_valid(wr_str text)
{
    json_reader r = {text.data, text.data + text.length, 0};
    if (!read_json(&r)) return false;
    skip_blanks(&r);
    return r.at == r.end;
}

/* ---- text to scalars ---- */

static wr_str text_at(const wr_column *in, uint32_t row)
{
    if (in->type->id == WR_T_ENUM) return in->type->labels[wr_column_int(in, row)];
    const wr_view *view = (const wr_view *)in->data + row;
    wr_str text = wr_view_str(view);
    bool is_quoted = in->type->id == WR_T_JSON && text.length >= 2 && text.data[0] == '"';
    return is_quoted ? (wr_str){text.data + 1, text.length - 2} : text;
}

static wr_cast_result read_boolean(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out)
{
    (void)job;
    static const char *const words[] = {"true",  "t", "yes", "y", "on",  "1",
                                        "false", "f", "no",  "n", "off", "0"};
    wr_str text = wr_str_trim(text_at(in, row));
    for (size_t i = 0; i < WR_COUNT(words); i++) {
        if (!wr_str_is(text, words[i])) continue;
        ((uint8_t *)out->data)[row] = i < 6;
        return WR_CAST_DONE;
    }
    return WR_CAST_MALFORMED;
}

static wr_cast_result read_integer(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out)
{
    wr_str text = text_at(in, row);
    int64_t value;
    bool overflow = false;
    wr_i128 wide, lo, hi;
    wr_cast_limits(job->to, &lo, &hi);
    if (wr_i64_read(text, &value, &overflow))
        wide = value;
    else if (!overflow)
        return WR_CAST_MALFORMED;
    else if (!wr_i128_read(text, &wide, NULL))
        return WR_CAST_RANGE;
    if (wide < lo || wide > hi) return WR_CAST_RANGE;
    wr_column_put_i128(out, row, wide);
    return WR_CAST_DONE;
}

static wr_cast_result read_decimal(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out)
{
    wr_i128 value;
    bool overflow = false;
    if (!wr_decimal_read(text_at(in, row), job->to->precision, job->to->scale, &value, &overflow))
        return overflow ? WR_CAST_RANGE : WR_CAST_MALFORMED;
    wr_column_put_i128(out, row, value);
    return WR_CAST_DONE;
}

static wr_cast_result read_float(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                 wr_column *out)
{
    double value;
    wr_str text = text_at(in, row);
    if (!wr_f64_read(text, &value)) return WR_CAST_MALFORMED;
    bool says_infinity = memchr(text.data, 'n', text.length) || memchr(text.data, 'N', text.length);
    if (isinf(value) && !says_infinity) return WR_CAST_RANGE;
    if (job->to->id == WR_T_DOUBLE) {
        ((double *)out->data)[row] = value;
        return WR_CAST_DONE;
    }
    ((float *)out->data)[row] = (float)value;
    return isfinite(value) && !isfinite((float)value) ? WR_CAST_RANGE : WR_CAST_DONE;
}

static wr_cast_result unreadable(bool range) { return range ? WR_CAST_RANGE : WR_CAST_MALFORMED; }

/* Microseconds as written, with the zone the text names (NULL: none). */
static bool read_local(wr_str text, int64_t *us, bool *has_zone, wr_str *zone, bool *range)
{
    *has_zone = false;
    *zone = (wr_str){"", 0};
    return wr_ts_read(text, us, has_zone, zone, range);
}

/* The same for types without a zone: a zone's name means nothing for them but must be one. */
static bool read_unzoned(wr_str text, int64_t *us, bool *range)
{
    bool has_zone;
    wr_str name;
    if (!read_local(text, us, &has_zone, &name, range)) return false;
    if (!name.length) return true;
    const wr_zone *zone;
    weir_status bad = wr_zone_find(name, &zone);
    wr_status_drop(bad);
    return !bad;
}

static wr_cast_result read_date(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    (void)job;
    wr_str text = text_at(in, row);
    bool range = false;
    int32_t *to = &((int32_t *)out->data)[row];
    if (wr_date_read(text, to, &range)) return WR_CAST_DONE;
    if (range) return WR_CAST_RANGE;
    int64_t us;
    if (!read_unzoned(text, &us, &range)) return unreadable(range);
    *to = (int32_t)(us / WR_USECS_PER_DAY - (us % WR_USECS_PER_DAY < 0));
    return WR_CAST_DONE;
}

static wr_cast_result read_time(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    (void)job;
    wr_str text = text_at(in, row);
    bool range = false;
    int64_t *to = &((int64_t *)out->data)[row], us;
    if (wr_time_read(text, to, &range)) return WR_CAST_DONE;
    if (range || !read_unzoned(text, &us, &range)) return unreadable(range);
    *to = us - (us / WR_USECS_PER_DAY - (us % WR_USECS_PER_DAY < 0)) * WR_USECS_PER_DAY;
    return WR_CAST_DONE;
}

static wr_cast_result read_timestamp(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                     wr_column *out)
{
    bool range = false;
    int64_t us, *to = &((int64_t *)out->data)[row];
    if (!read_unzoned(text_at(in, row), &us, &range)) return unreadable(range);
    *to = us;
    if (us == WR_TS_INF || us == WR_TS_NEG_INF) return WR_CAST_DONE;
    if (job->to->id == WR_T_TIMESTAMP_S) *to = us / WR_USECS_PER_SEC - (us % WR_USECS_PER_SEC < 0);
    if (job->to->id == WR_T_TIMESTAMP_MS) *to = us / 1000 - (us % 1000 < 0);
    if (job->to->id == WR_T_TIMESTAMP_NS && __builtin_mul_overflow(us, 1000, to))
        return WR_CAST_RANGE;
    return WR_CAST_DONE;
}

static wr_cast_result read_timestamptz(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                       wr_column *out)
{
    wr_str zone_text = {NULL, 0}; /* stays empty for a numeric offset */
    bool range = false, has_zone = false;
    int64_t us;
    if (!read_local(text_at(in, row), &us, &has_zone, &zone_text, &range)) return unreadable(range);
    const wr_zone *zone = has_zone || !job->env ? NULL : job->env->zone;
    char first = zone_text.length ? zone_text.data[0] : '+';
    bool is_offset = first == '+' || first == '-' || (first >= '0' && first <= '9');
    if (has_zone && !is_offset && !wr_str_is(zone_text, "z")) {
        weir_status bad = wr_zone_find(zone_text, &zone);
        wr_status_drop(bad);
        if (bad) return WR_CAST_MALFORMED;
    }
    bool is_infinite = us == WR_TS_INF || us == WR_TS_NEG_INF;
    ((int64_t *)out->data)[row] = zone && !is_infinite ? wr_zone_local_to_utc(zone, us) : us;
    return WR_CAST_DONE;
}

static wr_cast_result read_interval(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                    wr_column *out)
{
    (void)job;
    bool is_read = wr_interval_read(text_at(in, row), &((wr_interval *)out->data)[row]);
    return is_read ? WR_CAST_DONE : WR_CAST_MALFORMED;
}

static wr_cast_result read_uuid(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    (void)job;
    return wr_uuid_read(text_at(in, row), &((wr_i128 *)out->data)[row]) ? WR_CAST_DONE
                                                                        : WR_CAST_MALFORMED;
}

static wr_cast_result read_enum(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    wr_str text = text_at(in, row);
    for (int i = 0; i < job->to->label_count; i++) {
        if (!wr_str_eq(job->to->labels[i], text)) continue;
        ((uint32_t *)out->data)[row] = (uint32_t)i;
        return WR_CAST_DONE;
    }
    return WR_CAST_MALFORMED;
}

/* ---- bytes ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* '\x' and pairs of hex digits to the end. */
static bool read_hex(wr_str text, char *bytes, size_t *length)
{
    if (text.length < 2 || text.data[0] != '\\' || text.data[1] != 'x' || text.length % 2)
        return false;
    for (size_t i = 2; i < text.length; i += 2) {
        int high = hex_digit(text.data[i]), low = hex_digit(text.data[i + 1]);
        if (high < 0 || low < 0) return false;
        bytes[i / 2 - 1] = (char)(high << 4 | low);
    }
    *length = text.length / 2 - 1;
    return true;
}

static bool is_octal(char c) { return c >= '0' && c <= '7'; }

/* Plain bytes with \\, \ooo and \xhh. */
static bool read_escaped(wr_str text, char *bytes, size_t *length)
{
    size_t n = 0;
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '\\') {
            bytes[n++] = text.data[i];
            continue;
        }
        const char *rest = text.data + i + 1;
        size_t left = text.length - i - 1;
        if (left >= 1 && rest[0] == '\\') {
            bytes[n++] = '\\';
            i += 1;
        } else if (left >= 3 && rest[0] == 'x' && hex_digit(rest[1]) >= 0 &&
                   hex_digit(rest[2]) >= 0) {
            bytes[n++] = (char)(hex_digit(rest[1]) << 4 | hex_digit(rest[2]));
            i += 3;
        } else if (left >= 3 && rest[0] <= '3' && is_octal(rest[0]) && is_octal(rest[1]) &&
                   is_octal(rest[2])) {
            bytes[n++] = (char)((rest[0] - '0') << 6 | (rest[1] - '0') << 3 | (rest[2] - '0'));
            i += 3;
        } else {
            return false;
        }
    }
    *length = n;
    return true;
}

static wr_cast_result read_blob(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    wr_str text = text_at(in, row);
    char *bytes = wr_arena_alloc(job->arena, text.length + 1);
    size_t length;
    if (!read_hex(text, bytes, &length) && !read_escaped(text, bytes, &length))
        return WR_CAST_MALFORMED;
    ((wr_view *)out->data)[row] = wr_view_of(bytes, length);
    return WR_CAST_DONE;
}

wr_cast_row *wr_cast_from_text(const wr_type *to)
{
    switch (to->id) {
    case WR_T_BOOLEAN:
        return read_boolean;
    case WR_T_REAL:
    case WR_T_DOUBLE:
        return read_float;
    case WR_T_DECIMAL:
        return read_decimal;
    case WR_T_DATE:
        return read_date;
    case WR_T_TIME:
        return read_time;
    case WR_T_TIMESTAMP:
    case WR_T_TIMESTAMP_S:
    case WR_T_TIMESTAMP_MS:
    case WR_T_TIMESTAMP_NS:
        return read_timestamp;
    case WR_T_TIMESTAMPTZ:
        return read_timestamptz;
    case WR_T_INTERVAL:
        return read_interval;
    case WR_T_UUID:
        return read_uuid;
    case WR_T_ENUM:
        return read_enum;
    case WR_T_BLOB:
        return read_blob;
    default:
        return wr_type_is_integer(to) ? read_integer : NULL;
    }
}
