/* cell.c - typed values from text cells. See cell.h.
 *
 * Here are the general readers, correct for every type; the hot ones of CSV and JSON (integers,
 * doubles, ISO dates) have loops of their own in the formats and fall back to these. Every reader
 * is strict: the whole cell must be consumed. */
#include "fmt/cell.h"
#include "sys/clock.h"

bool wr_cell_supports(const wr_type *type)
{
    return !wr_type_is_nested(type) && type->id != WR_T_NULL;
}

static bool read_bool(wr_str text, uint8_t *out)
{
    static const char *const yes[] = {"true", "t", "yes", "y", "on", "1"};
    static const char *const no[] = {"false", "f", "no", "n", "off", "0"};
    text = wr_str_trim(text);
    for (size_t i = 0; i < WR_COUNT(yes); i++) {
        if (wr_str_is(text, yes[i])) return *out = 1, true;
        if (wr_str_is(text, no[i])) return *out = 0, true;
    }
    return false;
}

/* Text with the decimal separator turned into a point. Longer than any number: not a number. */
static wr_str with_point(const wr_cell_rules *rules, wr_str text, char *room, size_t room_size)
{
    if (!rules || rules->decimal_separator == '.' || rules->decimal_separator == 0) return text;
    if (text.length > room_size || memchr(text.data, '.', text.length)) return (wr_str){"", 0};
    for (size_t i = 0; i < text.length; i++)
        room[i] = text.data[i] == rules->decimal_separator ? '.' : text.data[i];
    return (wr_str){room, text.length};
}

static bool read_decimal(const wr_type *type, wr_str text, void *slot)
{
    wr_i128 value;
    if (!wr_decimal_read(text, type->precision, type->scale, &value, NULL)) return false;
    switch (type->phys) {
    case WR_P_I16:
        *(int16_t *)slot = (int16_t)value;
        return true;
    case WR_P_I32:
        *(int32_t *)slot = (int32_t)value;
        return true;
    case WR_P_I64:
        *(int64_t *)slot = (int64_t)value;
        return true;
    default:
        memcpy(slot, &value, sizeof value);
        return true;
    }
}

static bool read_integer(const wr_type *type, wr_str text, void *slot)
{
    int64_t value;
    uint64_t natural;
    wr_i128 wide;
    if (type->phys == WR_P_I128) {
        if (!wr_i128_read(text, &wide, NULL)) return false;
        memcpy(slot, &wide, sizeof wide);
        return true;
    }
    if (type->phys == WR_P_U64) {
        if (!wr_u64_read(text, &natural, NULL)) return false;
        *(uint64_t *)slot = natural;
        return true;
    }
    if (!wr_i64_read(text, &value, NULL)) return false;
    switch (type->phys) {
    case WR_P_I8:
        *(int8_t *)slot = (int8_t)value;
        return value == (int8_t)value;
    case WR_P_I16:
        *(int16_t *)slot = (int16_t)value;
        return value == (int16_t)value;
    case WR_P_I32:
        *(int32_t *)slot = (int32_t)value;
        return value == (int32_t)value;
    case WR_P_I64:
        *(int64_t *)slot = value;
        return true;
    case WR_P_U8:
        *(uint8_t *)slot = (uint8_t)value;
        return value == (uint8_t)value;
    case WR_P_U16:
        *(uint16_t *)slot = (uint16_t)value;
        return value == (uint16_t)value;
    case WR_P_U32:
        *(uint32_t *)slot = (uint32_t)value;
        return value == (uint32_t)value;
    default:
        return false;
    }
}

/* Microseconds to the unit of the type. */
static bool in_unit_of(wr_type_id id, int64_t us, int64_t *out)
{
    bool is_infinite = us == WR_TS_INF || us == WR_TS_NEG_INF;
    int64_t unit = id == WR_T_TIMESTAMP_S ? 1000000 : id == WR_T_TIMESTAMP_MS ? 1000 : 1;
    *out = us;
    if (is_infinite) return true;
    if (id == WR_T_TIMESTAMP_NS) return !__builtin_mul_overflow(us, (int64_t)1000, out);
    *out = us / unit - (us % unit < 0);
    return true;
}

static bool read_timestamp(const wr_cell_rules *rules, const wr_type *type, wr_str text,
                           int64_t *out)
{
    int64_t us;
    if (rules && rules->timestamp_format.length > 0) {
        if (!wr_cell_strptime(rules->timestamp_format, text, &us)) return false;
        return in_unit_of(type->id, us, out);
    }
    bool has_zone = false;
    wr_str zone_text = {0};
    if (!wr_ts_read(text, &us, &has_zone, &zone_text, NULL)) return false;
    if (type->id == WR_T_TIMESTAMPTZ && has_zone && zone_text.length > 0) {
        char first = zone_text.data[0];
        bool is_numeric = first == '+' || first == '-' || first == 'Z' || first == 'z';
        const wr_zone *zone;
        if (!is_numeric) {
            weir_status bad = wr_zone_find(zone_text, &zone);
            if (bad) return wr_status_drop(bad), false;
            us = wr_zone_local_to_utc(zone, us);
        }
    }
    return in_unit_of(type->id, us, out);
}

static bool read_date(const wr_cell_rules *rules, wr_str text, int32_t *out)
{
    int64_t us;
    if (!rules || rules->date_format.length == 0) return wr_date_read(text, out, NULL);
    if (!wr_cell_strptime(rules->date_format, text, &us)) return false;
    int64_t days = us / WR_USECS_PER_DAY - (us % WR_USECS_PER_DAY < 0);
    *out = (int32_t)days;
    return true;
}

static bool read_label(const wr_type *type, wr_str text, uint32_t *out)
{
    for (int i = 0; i < type->label_count; i++) {
        if (!wr_str_eq(type->labels[i], text)) continue;
        *out = (uint32_t)i;
        return true;
    }
    return false;
}

bool wr_cell_read(const wr_cell_rules *rules, const wr_type *type, wr_str text, void *slot)
{
    char room[400];
    double number;
    if (wr_type_is_integer(type)) return read_integer(type, text, slot);
    switch (type->id) {
    case WR_T_BOOLEAN:
        return read_bool(text, slot);
    case WR_T_DOUBLE:
        return wr_f64_read(with_point(rules, text, room, sizeof room), slot);
    case WR_T_REAL:
        if (!wr_f64_read(with_point(rules, text, room, sizeof room), &number)) return false;
        *(float *)slot = (float)number;
        return true;
    case WR_T_DECIMAL:
        return read_decimal(type, with_point(rules, text, room, sizeof room), slot);
    case WR_T_VARCHAR:
    case WR_T_JSON:
    case WR_T_BLOB:
        *(wr_view *)slot = wr_view_of(text.data, text.length);
        return true;
    case WR_T_UUID:
        return wr_uuid_read(wr_str_trim(text), slot);
    case WR_T_ENUM:
        return read_label(type, text, slot);
    case WR_T_DATE:
        return read_date(rules, text, slot);
    case WR_T_TIME:
        return wr_time_read(text, slot, NULL);
    case WR_T_TIMESTAMP:
    case WR_T_TIMESTAMP_S:
    case WR_T_TIMESTAMP_MS:
    case WR_T_TIMESTAMP_NS:
    case WR_T_TIMESTAMPTZ:
        return read_timestamp(rules, type, text, slot);
    case WR_T_INTERVAL:
        return wr_interval_read(text, slot);
    default:
        return false;
    }
}

/* ---- strptime ---- */
typedef struct clock_parts {
    wr_civil civil;
    int hour12, yearday; /* 0 = not given */
    bool is_pm, has_half, has_zone, has_epoch;
    int64_t zone_seconds, epoch;
} clock_parts;

static bool take_number(const char **at, const char *end, int digits_max, int64_t *out)
{
    int digits = 0;
    *out = 0;
    while (*at < end && digits < digits_max && **at >= '0' && **at <= '9') {
        *out = *out * 10 + (**at - '0');
        (*at)++, digits++;
    }
    return digits > 0;
}

static bool take_month(const char **at, const char *end, bool is_short, int64_t *out)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    for (int m = 0; m < 12; m++) {
        size_t length = is_short ? 3 : strlen(names[m]);
        if ((size_t)(end - *at) < length || strncasecmp(*at, names[m], length) != 0) continue;
        *at += length;
        *out = m + 1;
        return true;
    }
    return false;
}

/* +hh, +hhmm, +hh:mm, Z */
static bool take_zone(const char **at, const char *end, int64_t *out)
{
    if (*at < end && (**at == 'Z' || **at == 'z')) return (*at)++, *out = 0, true;
    if (*at == end || (**at != '+' && **at != '-')) return false;
    int sign = *(*at)++ == '-' ? -1 : 1;
    int64_t hours, minutes = 0;
    if (!take_number(at, end, 2, &hours)) return false;
    if (*at < end && **at == ':') (*at)++;
    if (*at < end && **at >= '0' && **at <= '9' && !take_number(at, end, 2, &minutes)) return false;
    *out = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool take_fraction(const char **at, const char *end, int32_t *usec)
{
    int64_t value = 0;
    int digits = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++, digits++)
        if (digits < 6) value = value * 10 + (**at - '0');
    for (int i = digits; i < 6; i++)
        value *= 10;
    *usec = (int32_t)value;
    return digits > 0;
}

static bool take_part(char letter, const char **at, const char *end, clock_parts *p)
{
    int64_t n = 0;
    bool ok = true;
    switch (letter) {
    case 'Y':
        ok = take_number(at, end, 4, &n), p->civil.year = (int32_t)n;
        return ok;
    case 'y':
        ok = take_number(at, end, 2, &n), p->civil.year = (int32_t)(n < 69 ? 2000 + n : 1900 + n);
        return ok;
    case 'm':
        ok = take_number(at, end, 2, &n), p->civil.month = (int32_t)n;
        return ok;
    case 'b':
    case 'h':
        ok = take_month(at, end, true, &n), p->civil.month = (int32_t)n;
        return ok;
    case 'B':
        ok = take_month(at, end, false, &n), p->civil.month = (int32_t)n;
        return ok;
    case 'd':
    case 'e':
        ok = take_number(at, end, 2, &n), p->civil.day = (int32_t)n;
        return ok;
    case 'j':
        ok = take_number(at, end, 3, &n), p->yearday = (int)n;
        return ok && n >= 1 && n <= 366;
    case 'H':
        ok = take_number(at, end, 2, &n), p->civil.hour = (int32_t)n;
        return ok && n <= 23;
    case 'I':
        ok = take_number(at, end, 2, &n), p->hour12 = (int)n;
        return ok && n >= 1 && n <= 12;
    case 'M':
        ok = take_number(at, end, 2, &n), p->civil.minute = (int32_t)n;
        return ok && n <= 59;
    case 'S':
        ok = take_number(at, end, 2, &n), p->civil.second = (int32_t)n;
        return ok && n <= 59;
    case 'f':
    case 'g':
        return take_fraction(at, end, &p->civil.usec);
    case 'z':
        p->has_zone = true;
        return take_zone(at, end, &p->zone_seconds);
    case 's':
        p->has_epoch = true;
        return take_number(at, end, 18, &p->epoch);
    case 'p':
        if (end - *at < 2 || ((*at)[1] | 0x20) != 'm') return false;
        p->is_pm = (**at | 0x20) == 'p';
        p->has_half = true;
        ok = p->is_pm || (**at | 0x20) == 'a';
        *at += 2;
        return ok;
    case '%':
        return *at < end && *(*at)++ == '%';
    default:
        return false;
    }
}

bool wr_cell_strptime(wr_str pattern, wr_str text, int64_t *out_us)
{
    clock_parts parts = {.civil = {.year = 1970, .month = 1, .day = 1}};
    const char *at = text.data, *end = text.data + text.length;
    for (size_t i = 0; i < pattern.length; i++) {
        char c = pattern.data[i];
        if (c != '%') {
            if (at == end || *at++ != c) return false;
            continue;
        }
        if (++i < pattern.length && pattern.data[i] == '-') i++;
        if (i >= pattern.length) return false;
        char letter = pattern.data[i];
        if (letter == 'T' || letter == 'F') {
            wr_str inner = letter == 'T' ? WR_STR("HMS") : WR_STR("Ymd");
            for (int k = 0; k < 3; k++) {
                if (k > 0 && (at == end || *at++ != (letter == 'T' ? ':' : '-'))) return false;
                if (!take_part(inner.data[k], &at, end, &parts)) return false;
            }
        } else if (!take_part(letter, &at, end, &parts)) {
            return false;
        }
    }
    if (at != end) return false;
    if (parts.has_epoch)
        return *out_us = parts.epoch * WR_USECS_PER_SEC, parts.epoch < INT64_MAX / WR_USECS_PER_SEC;
    if (parts.hour12) parts.civil.hour = parts.hour12 % 12 + (parts.is_pm ? 12 : 0);
    if (parts.civil.month < 1 || parts.civil.month > 12) return false;
    if (!wr_date_valid(parts.civil.year, parts.civil.month, parts.civil.day)) return false;
    if (!wr_ts_join(&parts.civil, out_us)) return false;
    if (parts.yearday > 0) *out_us += (int64_t)(parts.yearday - 1) * WR_USECS_PER_DAY;
    *out_us -= parts.zone_seconds * WR_USECS_PER_SEC;
    return true;
}

/* ---- columns under construction ---- */
weir_status wr_fill_new(wr_mem *mem, const wr_type *type, uint32_t cap, wr_fill *out)
{
    *out = (wr_fill){.type = type, .cap = cap, .width = wr_phys_size(type->phys)};
    void *valid = NULL;
    WR_TRY(wr_mem_zalloc(mem, out->width * cap, &out->data));
    WR_TRY(wr_mem_zalloc(mem, (cap + 63) / 64 * sizeof(uint64_t), &valid));
    out->valid = valid;
    if (wr_type_is_int_like(type) && out->width > 1 && out->width <= 8)
        WR_TRY(wr_mem_zalloc(mem, out->width / 2 * cap, &out->narrow));
    return WR_OK;
}

void wr_fill_clear(wr_mem *mem, wr_fill *fill)
{
    if (!fill->cap) return;
    wr_mem_free(mem, fill->data, fill->data ? fill->width * fill->cap : 0);
    wr_mem_free(mem, fill->valid, fill->valid ? (fill->cap + 63) / 64 * sizeof(uint64_t) : 0);
    wr_mem_free(mem, fill->narrow, fill->narrow ? fill->width / 2 * fill->cap : 0);
    *fill = (wr_fill){0};
}

void wr_fill_null(wr_fill *fill, uint32_t row)
{
    if (!fill->has_nulls) {
        memset(fill->valid, 0xff, (fill->cap + 63) / 64 * sizeof(uint64_t));
        fill->has_nulls = true;
    }
    wr_bit_clear(fill->valid, row);
    memset((char *)fill->data + row * fill->width, 0, fill->width);
}

#define T int64_t
#define SUFFIX i64
#include "fmt/narrow.tmpl.h"
#define T int32_t
#define SUFFIX i32
#include "fmt/narrow.tmpl.h"
#define T int16_t
#define SUFFIX i16
#include "fmt/narrow.tmpl.h"

/* Bounds of what is known; zeros at NULL rows only widen them. */
static bool bounds_of(const wr_fill *fill, uint32_t rows, const uint16_t *sel, uint32_t sel_count,
                      int64_t *lo, int64_t *hi)
{
    if (rows == 0 || (sel && sel_count == 0)) return false;
    if (fill->type->phys == WR_P_I64)
        return bounds_i64(fill->data, rows, sel, sel_count, lo, hi), true;
    if (fill->type->phys == WR_P_I32)
        return bounds_i32(fill->data, rows, sel, sel_count, lo, hi), true;
    if (fill->type->phys == WR_P_I16)
        return bounds_i16(fill->data, rows, sel, sel_count, lo, hi), true;
    return false;
}

void wr_fill_column(wr_fill *fill, uint32_t rows, const uint16_t *sel, uint32_t sel_count,
                    wr_column *out)
{
    *out = (wr_column){.type = fill->type,
                       .form = WR_FLAT,
                       .phys = fill->type->phys,
                       .rows = rows,
                       .data = fill->data,
                       .valid = fill->has_nulls ? fill->valid : NULL};
    if (!fill->narrow || !bounds_of(fill, rows, sel, sel_count, &out->lo, &out->hi)) return;
    out->has_bounds = true;
    wr_phys phys = wr_phys_for_range(out->lo, out->hi);
    if (wr_phys_size(phys) >= fill->width) return;
    out->phys = (uint8_t)phys;
    out->data = fill->narrow;
    if (fill->type->phys == WR_P_I64)
        narrow_i64(fill->data, rows, phys, fill->narrow);
    else if (fill->type->phys == WR_P_I32)
        narrow_i32(fill->data, rows, phys, fill->narrow);
    else
        narrow_i16(fill->data, rows, phys, fill->narrow);
}
