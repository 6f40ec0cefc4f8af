/* parse.c - the cells of one column, a batch at a time.
 *
 * One loop per frequent type reads straight from the chunk: integers 8 digits at a time, doubles as
 * integer mantissa and power of ten (exact up to 15 digits and 10^22, which is where a single
 * correctly rounded operation suffices), ISO dates by position. Whatever such a loop does not
 * understand - quotes, blanks, exponents, long numbers, NULL spellings
 * - goes cell by cell through the general reader, so the fast loops need not know all the rules.
 * Text that needs no unescaping is a view into the chunk; the rest is copied to the batch's arena.
 */
#include "fmt/csv/csv.h"

bool wr_csv_is_null(const wr_csv_config *config, wr_str text)
{
    for (int i = 0; i < config->null_count; i++)
        if (wr_str_eq(config->nulls[i], text)) return true;
    return false;
}

/* Copies quoted content without its escapes. False: a quote stands alone inside. */
static bool unescape(const wr_csv_dialect *d, wr_str content, char *out, size_t *length)
{
    size_t n = 0;
    for (size_t i = 0; i < content.length; i++) {
        int c = (unsigned char)content.data[i];
        if (c == d->escape && d->escape != d->quote && i + 1 < content.length) {
            out[n++] = content.data[++i];
            continue;
        }
        if (c == d->quote) {
            bool is_doubled = d->escape == d->quote && i + 1 < content.length &&
                              (unsigned char)content.data[i + 1] == (unsigned char)c;
            if (!is_doubled) return false;
            i++;
        }
        out[n++] = (char)c;
    }
    *length = n;
    return true;
}

wr_csv_cell_fault wr_csv_unquote(const wr_csv_dialect *dialect, wr_str raw, wr_arena *arena,
                                 wr_str *out, bool *was_quoted)
{
    *out = raw;
    *was_quoted = false;
    if (raw.length == 0 || dialect->quote < 0) return CSV_CELL_OK;
    if ((unsigned char)raw.data[0] != (unsigned char)dialect->quote) {
        bool has_escape = dialect->escape >= 0 && dialect->escape != dialect->quote &&
                          memchr(raw.data, dialect->escape, raw.length);
        if (!has_escape) return CSV_CELL_OK;
        char *plain = wr_arena_alloc(arena, raw.length);
        size_t n = 0;
        for (size_t i = 0; i < raw.length; i++) {
            if ((unsigned char)raw.data[i] == dialect->escape && i + 1 < raw.length) i++;
            plain[n++] = raw.data[i];
        }
        *out = (wr_str){plain, n};
        return CSV_CELL_OK;
    }
    *was_quoted = true;
    if (raw.length < 2 ||
        (unsigned char)raw.data[raw.length - 1] != (unsigned char)dialect->quote) {
        /* Either something follows the closing quote or there is none: count to tell. */
        size_t quotes = 0;
        for (size_t i = 0; i < raw.length; i++)
            quotes += (unsigned char)raw.data[i] == dialect->quote;
        return quotes % 2 ? CSV_CELL_OPEN : CSV_CELL_QUOTE;
    }
    wr_str content = {raw.data + 1, raw.length - 2};
    bool has_special = memchr(content.data, dialect->quote, content.length) ||
                       (dialect->escape >= 0 && dialect->escape != dialect->quote &&
                        memchr(content.data, dialect->escape, content.length));
    *out = content;
    if (!has_special) return CSV_CELL_OK;
    char *plain = wr_arena_alloc(arena, content.length);
    size_t length = 0;
    if (!unescape(dialect, content, plain, &length)) return CSV_CELL_QUOTE;
    *out = (wr_str){plain, length};
    return CSV_CELL_OK;
}

/* The general reader of one cell. */
static wr_csv_cell_fault read_cell(const wr_csv_cells *cells, wr_str raw, wr_fill *fill,
                                   uint32_t row)
{
    const wr_csv_config *config = cells->config;
    if (!raw.data) return wr_fill_null(fill, row), CSV_CELL_OK;
    wr_str text;
    bool was_quoted;
    wr_csv_cell_fault fault =
        wr_csv_unquote(&config->dialect, raw, cells->arena, &text, &was_quoted);
    if (fault != CSV_CELL_OK) return fault;
    bool is_text = fill->type->phys == WR_P_VIEW;
    if (config->trim && !was_quoted) text = wr_str_trim(text);
    if ((!was_quoted && wr_csv_is_null(config, text)) ||
        (!is_text && (text.length == 0 || wr_csv_is_null(config, text)))) {
        wr_fill_null(fill, row);
        return CSV_CELL_OK;
    }
    if (cells->check_utf8 && is_text && fill->type->id != WR_T_BLOB &&
        !wr_utf8_valid(text.data, text.length))
        return CSV_CELL_ENCODING;
    if (!wr_cell_read(&config->rules, fill->type, text, (char *)fill->data + row * fill->width))
        return CSV_CELL_VALUE;
    return CSV_CELL_OK;
}

/* 8 digits at once; false if one of the bytes is no digit. */
static inline bool read_8_digits(const char *at, uint64_t *out)
{
    uint64_t v;
    memcpy(&v, at, 8);
    v ^= UINT64_C(0x3030303030303030);
    if (((v + UINT64_C(0x7676767676767676)) | v) & UINT64_C(0x8080808080808080)) return false;
    v = v * 10 + (v >> 8);
    v = ((v & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x000f424000000064) +
         ((v >> 16) & UINT64_C(0x000000ff000000ff)) * UINT64_C(0x0000271000000001)) >>
        32;
    *out = v;
    return true;
}

/* Up to 18 digits with a sign. */
static inline bool fast_int(wr_str text, int64_t *out)
{
    const char *at = text.data, *end = text.data + text.length;
    bool negative = text.length > 0 && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 18) return false;
    uint64_t value = 0, part;
    for (; end - at >= 8; at += 8) {
        if (!read_8_digits(at, &part)) return false;
        value = value * 100000000 + part;
    }
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit > 9) return false;
        value = value * 10 + digit;
    }
    *out = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

/* Digits with at most one point: the digits as an integer and how many follow the point. */
static inline bool fast_fixed(wr_str text, int64_t *out, int *scale)
{
    const char *at = text.data, *end = text.data + text.length;
    bool negative = text.length > 0 && *at == '-';
    at += negative;
    if (end - at < 1 || end - at > 19) return false;
    uint64_t value = 0;
    const char *point = NULL;
    int digits = 0;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - '0';
        if (digit <= 9) {
            value = value * 10 + digit;
            digits++;
        } else if (*at == '.' && !point) {
            point = at + 1;
        } else {
            return false;
        }
    }
    *scale = point ? (int)(end - point) : 0;
    *out = negative ? -(int64_t)value : (int64_t)value;
    return digits > 0 && digits <= 18;
}

static inline bool fast_double(wr_str text, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,
                                    1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19};
    int64_t mantissa;
    int scale;
    if (!fast_fixed(text, &mantissa, &scale)) return false;
    if (mantissa > (INT64_C(1) << 53) || mantissa < -(INT64_C(1) << 53)) return false;
    if (mantissa == 0 && text.data[0] == '-') return false; /* -0 */
    *out = (double)mantissa / powers[scale];
    return true;
}

static inline bool fast_decimal(wr_str text, int wanted_scale, int64_t limit, int64_t *out)
{
    int64_t value;
    int scale;
    if (!fast_fixed(text, &value, &scale) || scale > wanted_scale) return false;
    if (__builtin_mul_overflow(value, wr_pow10_i64[wanted_scale - scale], &value)) return false;
    *out = value;
    return value < limit && value > -limit;
}

static inline int two_digits(const char *at)
{
    unsigned a = (unsigned char)at[0] - '0', b = (unsigned char)at[1] - '0';
    return a > 9 || b > 9 ? -1 : (int)(a * 10 + b);
}

/* YYYY-MM-DD */
static inline bool fast_date(const char *at, int32_t *out)
{
    int century = two_digits(at), year = two_digits(at + 2), month = two_digits(at + 5),
        day = two_digits(at + 8);
    if (century < 0 || year < 0 || day < 1 || month < 1 || month > 12 || at[4] != '-' ||
        at[7] != '-')
        return false;
    year += century * 100;
    if (year < 1 || (day > 28 && !wr_date_valid(year, month, day))) return false;
    /* days from civil, years begin in March */
    int y = year - (month <= 2), era = y / 400, of_era = y - era * 400;
    int of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    *out = era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
    return true;
}

/* YYYY-MM-DD HH:MM:SS[.ffffff] */
static inline bool fast_timestamp(wr_str text, int64_t *out)
{
    const char *at = text.data;
    int32_t days;
    if (text.length < 19 || text.length > 26 || text.length == 20 || !fast_date(at, &days))
        return false;
    if ((at[10] != ' ' && at[10] != 'T') || at[13] != ':' || at[16] != ':') return false;
    int hour = two_digits(at + 11), minute = two_digits(at + 14), second = two_digits(at + 17);
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    int64_t fraction = 0, unit = 100000;
    if (text.length > 19 && at[19] != '.') return false;
    for (size_t i = 20; i < text.length; i++, unit /= 10) {
        unsigned digit = (unsigned char)at[i] - '0';
        if (digit > 9) return false;
        fraction += (int64_t)digit * unit;
    }
    *out = days * WR_USECS_PER_DAY + ((hour * 60 + minute) * 60 + second) * WR_USECS_PER_SEC +
           fraction;
    return true;
}

#define NAME parse_int64
#define T int64_t
#define READ(raw, slot) fast_int(raw, slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_int32
#define T int32_t
#define READ(raw, slot) (fast_int(raw, &wide) && (*(slot) = (int32_t)wide) == wide)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_double
#define T double
#define READ(raw, slot) fast_double(raw, slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_decimal64
#define T int64_t
#define READ(raw, slot) \
    fast_decimal(raw, fill->type->scale, wr_pow10_i64[fill->type->precision], slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_decimal32
#define T int32_t
#define READ(raw, slot)                                                                  \
    (fast_decimal(raw, fill->type->scale, wr_pow10_i64[fill->type->precision], &wide) && \
     (*(slot) = (int32_t)wide) == wide)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_date
#define T int32_t
#define READ(raw, slot) ((raw).length == 10 && fast_date((raw).data, slot))
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_timestamp
#define T int64_t
#define READ(raw, slot) fast_timestamp(raw, slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_general
#define T char
#define READ(raw, slot) false
#include "fmt/csv/parse.tmpl.h"

/* Text: a view of the chunk unless there is something to undo. */
static inline bool fast_text(const wr_csv_cells *cells, wr_str raw, wr_view *slot)
{
    if (raw.length == 0) return false;
    if (raw.data[0] == cells->config->dialect.quote) return false;
    *slot = wr_view_of(raw.data, raw.length);
    return true;
}
#define NAME parse_text
#define T wr_view
#define READ(raw, slot) fast_text(cells, raw, slot)
#include "fmt/csv/parse.tmpl.h"

typedef uint32_t parse_fn(const wr_csv_cells *, int, size_t, uint32_t, const uint16_t *, uint32_t,
                          uint32_t, wr_fill *, wr_csv_cell_fault *);

/* The fast loops know neither NULL spellings that look like values nor foreign formats. */
static parse_fn *loop_for(const wr_csv_cells *cells, const wr_type *type)
{
    const wr_csv_config *config = cells->config;
    bool is_odd = config->trim ||
                  (config->dialect.escape >= 0 && config->dialect.escape != config->dialect.quote);
    for (int i = 0; i < config->null_count; i++)
        is_odd |= config->nulls[i].length > 0;
    bool has_point = config->rules.decimal_separator == '.';
    if (is_odd) return parse_general;
    switch (type->id) {
    case WR_T_BIGINT:
        return parse_int64;
    case WR_T_INTEGER:
        return parse_int32;
    case WR_T_DOUBLE:
        return has_point ? parse_double : parse_general;
    case WR_T_DECIMAL:
        if (!has_point || type->precision > 18) return parse_general;
        return type->phys == WR_P_I64   ? parse_decimal64
               : type->phys == WR_P_I32 ? parse_decimal32
                                        : parse_general;
    case WR_T_DATE:
        return config->rules.date_format.length ? parse_general : parse_date;
    case WR_T_TIMESTAMP:
        return config->rules.timestamp_format.length ? parse_general : parse_timestamp;
    case WR_T_VARCHAR:
        return cells->check_utf8 ? parse_general : parse_text;
    default:
        return parse_general;
    }
}

uint32_t wr_csv_parse_column(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                             const uint16_t *sel, uint32_t sel_count, uint32_t from, wr_fill *fill,
                             wr_csv_cell_fault *fault)
{
    *fault = CSV_CELL_OK;
    return loop_for(cells, fill->type)(cells, field, first, count, sel, sel_count, from, fill,
                                       fault);
}
