/* parse.c - the cells of one column, a batch at a time.
 *
 * One loop per frequent type reads straight from the chunk: up to 16 digits at once, doubles as
 * integer mantissa and power of ten (exact up to 15 digits and 10^22, which is where a single
 * correctly rounded operation suffices), ISO dates by position. Whatever such a loop does not
 * understand - quotes, blanks, exponents, long numbers, NULL spellings
 * - goes cell by cell through the general reader, so the fast loops need not know all the rules.
 * Text that needs no unescaping is a view into the chunk; the rest is copied to the batch's arena.
 */
#include "fmt/csv/csv.h"
#include "fmt/fast_cell.h"

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
static __attribute__((noinline)) wr_csv_cell_fault read_cell(const wr_csv_cells *cells, wr_str raw,
                                                             wr_fill *fill, uint32_t row)
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
    if (!wr_cell_read(cells->rules, fill->type, text, (char *)fill->data + row * fill->width))
        return CSV_CELL_VALUE;
    return CSV_CELL_OK;
}

#define CELL(at, length) ((wr_str){at, length})
#define NAME parse_int64
#define T int64_t
#define STRIPS 1
#define READ(at, length, slot) fast_int(CELL(at, length), slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_int32
#define T int32_t
#define STRIPS 1
#define READ(at, length, slot) \
    (fast_int(CELL(at, length), &wide) && (*(slot) = (int32_t)wide) == wide)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_double
#define T double
#define STRIPS 1
#define READ(at, length, slot) fast_double(CELL(at, length), slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_decimal64
#define T int64_t
#define STRIPS 1
#define READ(at, length, slot) fast_decimal(CELL(at, length), scale, limit, slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_decimal32
#define T int32_t
#define STRIPS 1
#define READ(at, length, slot) \
    (fast_decimal(CELL(at, length), scale, limit, &wide) && (*(slot) = (int32_t)wide) == wide)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_date
#define T int32_t
#define STRIPS 1
#define READ(at, length, slot) ((length) == 10 && fast_date(at, slot))
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_timestamp
#define T int64_t
#define STRIPS 1
#define READ(at, length, slot) fast_timestamp(CELL(at, length), slot)
#include "fmt/csv/parse.tmpl.h"
#define NAME parse_general
#define T char
#define STRIPS 0
#define READ(at, length, slot) false
#include "fmt/csv/parse.tmpl.h"

/* Text: a view of the chunk unless there is something to undo. */
static inline __attribute__((always_inline)) bool
fast_text(int quote, bool has_quote, const char *at, size_t length, wr_view *slot)
{
    if (length == 0) return false;
    if (has_quote && *at == (char)quote) {
        if (length < 2 || at[length - 1] != (char)quote) return false;
        at++, length -= 2;
        if (fast_has_byte(at, length, (char)quote)) return false;
    }
    fast_view(at, length, slot);
    return true;
}
#define NAME parse_text
#define T wr_view
#define STRIPS 0
#define READ(at, length, slot) fast_text(quote, has_quote, at, length, slot)
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
    bool has_point = cells->rules->decimal_separator == '.';
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
        return cells->rules->date_format.length ? parse_general : parse_date;
    case WR_T_TIMESTAMP:
        return cells->rules->timestamp_format.length ? parse_general : parse_timestamp;
    case WR_T_VARCHAR:
        return cells->check_utf8 ? parse_general : parse_text;
    default:
        return parse_general;
    }
}

bool wr_csv_takes_plain_text(const wr_csv_cells *cells, const wr_type *type)
{
    return loop_for(cells, type) == parse_text;
}

uint32_t wr_csv_parse_column(const wr_csv_cells *cells, int field, size_t first, uint32_t count,
                             const uint16_t *sel, uint32_t sel_count, uint32_t from, wr_fill *fill,
                             wr_csv_cell_fault *fault)
{
    *fault = CSV_CELL_OK;
    return loop_for(cells, fill->type)(cells, field, first, count, sel, sel_count, from, fill,
                                       fault);
}
