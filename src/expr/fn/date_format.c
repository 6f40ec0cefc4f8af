/* date_format.c - strftime, strptime and PostgreSQL's to_char, to_date, to_timestamp for dates.
 *
 * Both pattern languages are read piece by piece into the same elements (date_pattern.h), so there
 * is one writer and one reader. */
#include "expr/fn/date_pattern.h"
#include <stdlib.h>

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};

/* ---- writing ---- */

typedef struct moment {
    wr_civil civil;
    int32_t days;
    int64_t ts;
    int32_t offset; /* seconds east of UTC */
    const char *zone;
} moment;

static void add_name(wr_buf *out, const char *name, size_t size, wr_letter_style style)
{
    for (size_t k = 0; k < size; k++) {
        char c = name[k];
        if (style == AS_UPPER && c >= 'a') c -= 32;
        if (style == AS_LOWER && c >= 'A' && c <= 'Z') c += 32;
        wr_buf_add_char(out, c);
    }
}
static void add_number(wr_buf *out, const wr_date_piece *p, int64_t value, int width)
{
    width = p->no_padding ? 1 : width + (value < 0);
    wr_buf_printf(out, p->blank_padded ? "%*lld" : "%0*lld", width, (long long)value);
    if (!p->ordinal) return;
    int64_t last = value % 10, teens = value % 100 / 10;
    const char *ending = teens == 1 || last < 1 || last > 3 ? "th"
                         : last == 1                        ? "st"
                         : last == 2                        ? "nd"
                                                            : "rd";
    add_name(out, ending, 2, p->style == AS_UPPER ? AS_UPPER : AS_LOWER);
}
/* "am", or "a.m." */
static void add_half(wr_buf *out, const wr_date_piece *p, const char *letters)
{
    char text[4] = {letters[0], '.', letters[1], '.'};
    add_name(out, p->dotted ? text : letters, p->dotted ? 4 : 2, p->style);
}
static void add_roman_month(wr_buf *out, const wr_date_piece *p, int month)
{
    static const char *const names[] = {"I",   "II",   "III", "IV", "V",  "VI",
                                        "VII", "VIII", "IX",  "X",  "XI", "XII"};
    const char *name = names[month - 1];
    add_name(out, name, strlen(name), p->style == AS_LOWER ? AS_LOWER : AS_UPPER);
    for (size_t k = strlen(name); !p->no_padding && k < 4; k++)
        wr_buf_add_char(out, ' ');
}
static int64_t iso_value(wr_date_element what, int32_t days)
{
    int32_t year, week;
    wr_date_iso_week(days, &year, &week);
    switch (what) {
    case EL_ISO_YEAR:
        return year;
    case EL_ISO_YEAR3:
        return wr_floor_mod(year, 1000);
    case EL_ISO_YEAR2:
        return wr_floor_mod(year, 100);
    case EL_ISO_YEAR1:
        return wr_floor_mod(year, 10);
    case EL_ISO_DOY:
        return (week - 1) * 7 + (wr_date_weekday(days) + 6) % 7 + 1;
    default:
        return week;
    }
}
static int64_t time_value(wr_date_element what, const moment *m)
{
    const wr_civil *c = &m->civil;
    switch (what) {
    case EL_HOUR24:
        return c->hour;
    case EL_HOUR12:
        return c->hour % 12 ? c->hour % 12 : 12;
    case EL_MINUTE:
        return c->minute;
    case EL_SECOND:
        return c->second;
    case EL_SECONDS_OF_DAY:
        return c->hour * 3600 + c->minute * 60 + c->second;
    case EL_EPOCH:
        return wr_floor_div(m->ts, WR_USECS_PER_SEC) - m->offset;
    default:
        return iso_value(what, m->days);
    }
}
/* to_char counts years before Christ, centuries and days of the week otherwise than strftime. */
static int64_t value_of(wr_date_element what, const moment *m, bool is_to_char)
{
    const wr_civil *c = &m->civil;
    int dow = wr_date_weekday(m->days), doy = wr_date_yearday(m->days);
    switch (what) {
    case EL_YEAR4:
        return c->year > 0 || !is_to_char ? c->year : 1 - c->year;
    case EL_YEAR3:
        return wr_floor_mod(c->year, 1000);
    case EL_YEAR2:
        return wr_floor_mod(c->year, 100);
    case EL_YEAR1:
        return wr_floor_mod(c->year, 10);
    case EL_CENTURY:
        return is_to_char ? (c->year + 99) / 100 : c->year / 100;
    case EL_QUARTER:
        return (c->month + 2) / 3;
    case EL_MONTH:
        return c->month;
    case EL_DAY:
        return c->day;
    case EL_DOY:
        return doy;
    case EL_DOW:
        return is_to_char ? dow + 1 : dow;
    case EL_ISO_DOW:
        return (dow + 6) % 7 + 1;
    case EL_WEEK_SUNDAY:
        return (doy + 6 - dow) / 7;
    case EL_WEEK_MONDAY:
        return (doy + 6 - (dow + 6) % 7) / 7;
    case EL_WEEK_OF_YEAR:
        return (doy - 1) / 7 + 1;
    case EL_WEEK_OF_MONTH:
        return (c->day - 1) / 7 + 1;
    case EL_JULIAN:
        return (int64_t)m->days + 2440588;
    default:
        return time_value(what, m);
    }
}
/* Digits to which the elements that are numbers are filled; 0: not a number. */
static const int8_t widths[EL_FRACTION + 1] = {
    [EL_YEAR4] = 4,       [EL_YEAR3] = 3,        [EL_YEAR2] = 2,
    [EL_YEAR1] = 1,       [EL_CENTURY] = 2,      [EL_QUARTER] = 1,
    [EL_MONTH] = 2,       [EL_DAY] = 2,          [EL_DOY] = 3,
    [EL_DOW] = 1,         [EL_ISO_DOW] = 1,      [EL_WEEK_SUNDAY] = 2,
    [EL_WEEK_MONDAY] = 2, [EL_WEEK_OF_YEAR] = 2, [EL_WEEK_OF_MONTH] = 1,
    [EL_JULIAN] = 1,      [EL_HOUR24] = 2,       [EL_HOUR12] = 2,
    [EL_MINUTE] = 2,      [EL_SECOND] = 2,       [EL_SECONDS_OF_DAY] = 1,
    [EL_EPOCH] = 1,       [EL_ISO_YEAR] = 4,     [EL_ISO_YEAR3] = 3,
    [EL_ISO_YEAR2] = 2,   [EL_ISO_YEAR1] = 1,    [EL_ISO_WEEK] = 2,
    [EL_ISO_DOY] = 3};
/* to_char fills names to nine characters unless FM is given. */
static void add_full_name(wr_buf *out, const wr_date_piece *p, const char *name, bool is_to_char)
{
    add_name(out, name, strlen(name), p->style);
    for (size_t k = strlen(name); is_to_char && !p->no_padding && k < 9; k++)
        wr_buf_add_char(out, ' ');
}
static void add_offset(wr_buf *out, int32_t offset, bool is_to_char)
{
    wr_buf_printf(out, "%c%02d", offset < 0 ? '-' : '+', abs(offset) / 3600);
    if (offset % 3600 || !is_to_char)
        wr_buf_printf(out, is_to_char ? ":%02d" : "%02d", abs(offset) / 60 % 60);
}
static void write_piece(const wr_date_piece *p, const moment *m, bool is_to_char, wr_buf *out)
{
    static const wr_date_piece plain;
    const wr_civil *c = &m->civil;
    if (widths[p->what]) {
        add_number(out, p, value_of(p->what, m, is_to_char), widths[p->what]);
        return;
    }
    switch (p->what) {
    case EL_LITERAL:
        wr_buf_add_str(out, p->literal);
        return;
    case EL_MICRO:
        add_number(out, &plain, c->usec, 6);
        return;
    case EL_MILLI:
        add_number(out, &plain, c->usec / 1000, 3);
        return;
    case EL_FRACTION:
        add_number(out, &plain, c->usec / wr_pow10_i64[6 - p->digits], p->digits);
        return;
    case EL_YEAR_COMMA:
        wr_buf_printf(out, "%d,%03d", c->year / 1000, abs(c->year) % 1000);
        return;
    case EL_ROMAN_MONTH:
        add_roman_month(out, p, c->month);
        return;
    case EL_AMPM:
        add_half(out, p, c->hour < 12 ? "AM" : "PM");
        return;
    case EL_ERA:
        add_half(out, p, c->year > 0 ? "AD" : "BC");
        return;
    case EL_MONTH_NAME:
        add_full_name(out, p, month_names[c->month - 1], is_to_char);
        return;
    case EL_DAY_NAME:
        add_full_name(out, p, day_names[wr_date_weekday(m->days)], is_to_char);
        return;
    case EL_MONTH_SHORT:
        add_name(out, month_names[c->month - 1], 3, p->style);
        return;
    case EL_DAY_SHORT:
        add_name(out, day_names[wr_date_weekday(m->days)], 3, p->style);
        return;
    case EL_ZONE:
        add_name(out, m->zone, strlen(m->zone), p->style == AS_LOWER ? AS_LOWER : AS_UPPER);
        return;
    case EL_OFFSET_HOURS:
        wr_buf_printf(out, "%c%02d", m->offset < 0 ? '-' : '+', abs(m->offset) / 3600);
        return;
    case EL_OFFSET_MINUTES:
        wr_buf_printf(out, "%02d", abs(m->offset) / 60 % 60);
        return;
    case EL_OFFSET:
        add_offset(out, m->offset, is_to_char);
        return;
    default:
        wr_assert(false);
    }
}

/* Intervals: years, months, days, and hours that may be more than a day. */
static moment moment_of_interval(wr_interval v)
{
    moment m = {.zone = ""};
    int64_t seconds = v.usecs / WR_USECS_PER_SEC;
    m.civil = (wr_civil){.year = v.months / 12,
                         .month = v.months % 12,
                         .day = v.days,
                         .hour = (int32_t)(seconds / 3600),
                         .minute = (int32_t)(seconds / 60 % 60),
                         .second = (int32_t)(seconds % 60),
                         .usec = (int32_t)(v.usecs % WR_USECS_PER_SEC)};
    return m;
}

static moment moment_of(const wr_call *call, int a, uint32_t i)
{
    moment m = {.zone = ""};
    const wr_type *type = call->args[a].type;
    if (type->id == WR_T_INTERVAL) return moment_of_interval(WR_ARG(call, a, wr_interval, i));
    m.ts = type->id == WR_T_DATE ? WR_ARG(call, a, int32_t, i) * WR_USECS_PER_DAY
                                 : WR_ARG(call, a, int64_t, i);
    if (type->id == WR_T_TIMESTAMPTZ) {
        int64_t local = wr_to_local(call->env, m.ts);
        m.offset = (int32_t)((local - m.ts) / WR_USECS_PER_SEC);
        m.zone = call->env->zone ? wr_zone_abbreviation(call->env->zone, m.ts) : "UTC";
        m.ts = local;
    }
    m.days = (int32_t)wr_floor_div(m.ts, WR_USECS_PER_DAY);
    wr_ts_split(m.ts, &m.civil);
    return m;
}

/* An interval has no place in the calendar. */
static weir_status refuse_calendar(const wr_date_pieces *list)
{
    for (int k = 0; k < list->count; k++) {
        switch (list->items[k].what) {
        case EL_MONTH_NAME:
        case EL_MONTH_SHORT:
        case EL_DAY_NAME:
        case EL_DAY_SHORT:
        case EL_DOW:
        case EL_ISO_DOW:
        case EL_DOY:
        case EL_ISO_DOY:
        case EL_ISO_YEAR:
        case EL_ISO_YEAR3:
        case EL_ISO_YEAR2:
        case EL_ISO_YEAR1:
        case EL_ISO_WEEK:
        case EL_WEEK_OF_YEAR:
        case EL_WEEK_OF_MONTH:
        case EL_ROMAN_MONTH:
        case EL_JULIAN:
        case EL_ERA:
        case EL_ZONE:
        case EL_OFFSET:
        case EL_OFFSET_HOURS:
        case EL_OFFSET_MINUTES:
            return wr_fail(WR_E_BAD_ARGUMENT,
                           "an interval has no day of the calendar for this pattern");
        default:
            break;
        }
    }
    return WR_OK;
}

/* How long a text of these pieces stands for moments without a zone; 0: nothing is known. */
static int64_t span_of_text(const wr_date_pieces *list)
{
    int64_t span = WR_USECS_PER_DAY;
    for (int k = 0; k < list->count; k++) {
        switch (list->items[k].what) {
        case EL_LITERAL:
        case EL_YEAR4:
        case EL_YEAR2:
        case EL_MONTH:
        case EL_MONTH_NAME:
        case EL_MONTH_SHORT:
        case EL_DAY:
        case EL_DAY_NAME:
        case EL_DAY_SHORT:
        case EL_DOY:
            break;
        case EL_HOUR24:
        case EL_MINUTE:
            span = 60 * WR_USECS_PER_SEC;
            break;
        default:
            return 0;
        }
    }
    return span;
}

/* Rows in the order of time have the same text for long. */
typedef struct same_text {
    wr_view text;
    int64_t from, span; /* from < 0: none yet */
} same_text;

static bool is_same(const same_text *same, int64_t ts)
{
    return same->from >= 0 && ts >= same->from && ts - same->from < same->span;
}

typedef weir_status pattern_reader(wr_arena *arena, wr_str pattern, wr_date_pieces *list);

static weir_status format_rows(wr_call *call, wr_column *out, int moment_arg,
                               pattern_reader *reader)
{
    bool is_to_char = reader == wr_date_pattern_keywords;
    bool is_plain = call->args[moment_arg].type->id == WR_T_TIMESTAMP;
    same_text same = {.from = -1};
    wr_text_out text = {call->arena, NULL, NULL};
    wr_str last = {NULL, 0};
    wr_date_pieces list = {0};
    WR_BUF(buf);
    WR_ROWS(i)
    {
        wr_str pattern = wr_arg_str(call, 1 - moment_arg, i);
        if (!last.data || !wr_str_eq(pattern, last)) {
            list.count = 0;
            weir_status bad = reader(call->arena, pattern, &list);
            if (bad) return wr_bad_row(call, i, bad);
            last = pattern;
            same = (same_text){.from = -1, .span = is_plain ? span_of_text(&list) : 0};
        }
        if (same.span && is_same(&same, WR_ARG(call, moment_arg, int64_t, i))) {
            WR_OUT(out, wr_view, i) = same.text;
            continue;
        }
        moment m = moment_of(call, moment_arg, i);
        if (!wr_ts_is_finite(m.ts) || m.days == WR_DATE_INF || m.days == WR_DATE_NEG_INF) {
            wr_out_null(call, out, i);
            continue;
        }
        buf.length = 0;
        if (call->args[moment_arg].type->id == WR_T_INTERVAL) {
            weir_status bad = refuse_calendar(&list);
            int64_t usecs = WR_ARG(call, moment_arg, wr_interval, i).usecs;
            if (!bad &&
                usecs / 3600 / WR_USECS_PER_SEC != (int32_t)(usecs / 3600 / WR_USECS_PER_SEC))
                bad = wr_fail(WR_E_DATETIME_OVERFLOW, "the interval has too many hours");
            if (bad) return wr_bad_row(call, i, bad);
        }
        for (int k = 0; k < list.count; k++)
            write_piece(&list.items[k], &m, is_to_char, &buf);
        WR_OUT(out, wr_view, i) = same.text = wr_text_buf(&text, &buf);
        if (same.span) same.from = m.ts >= 0 ? m.ts / same.span * same.span : -1;
    }
    return WR_OK;
}
static weir_status fn_to_char(wr_call *call, wr_column *out)
{
    return format_rows(call, out, 0, wr_date_pattern_keywords);
}
static weir_status fn_strftime(wr_call *call, wr_column *out)
{
    return format_rows(call, out, call->args[0].type->id == WR_T_VARCHAR, wr_date_pattern_percent);
}
static weir_status fn_date_format(wr_call *call, wr_column *out)
{
    return format_rows(call, out, 0, wr_date_pattern_java);
}

/* ---- reading ---- */

typedef struct reading {
    wr_str rest;
    wr_civil civil;
    int doy, am_pm; /* am_pm: 0 unsaid, 1 AM, 2 PM */
    int64_t epoch;
    bool has_epoch, has_offset, offset_is_negative, is_bc;
    int32_t offset;
} reading;

static bool read_number(reading *r, int digits_max, int32_t *out)
{
    int64_t value = 0;
    int digits = 0;
    while (r->rest.length && *r->rest.data == ' ')
        r->rest.data++, r->rest.length--;
    while (digits < digits_max && r->rest.length && *r->rest.data >= '0' && *r->rest.data <= '9') {
        value = value * 10 + (*r->rest.data - '0');
        r->rest.data++, r->rest.length--, digits++;
    }
    *out = (int32_t)value;
    return digits > 0 && value <= INT32_MAX;
}
/* A fraction of a second with up to 6 digits that count. */
static bool read_fraction(reading *r, int32_t *usec)
{
    int32_t value = 0;
    int digits = 0;
    for (; r->rest.length && *r->rest.data >= '0' && *r->rest.data <= '9';
         r->rest.data++, r->rest.length--, digits++)
        if (digits < 6) value = value * 10 + (*r->rest.data - '0');
    for (int k = digits; k < 6; k++)
        value *= 10;
    *usec = value;
    return digits > 0;
}
static bool read_name(reading *r, const char *const *names, int count, bool is_short,
                      int32_t *index)
{
    for (int k = 0; k < count; k++) {
        size_t n = is_short ? 3 : strlen(names[k]);
        if (r->rest.length < n || !wr_str_ieq((wr_str){r->rest.data, n}, (wr_str){names[k], n}))
            continue;
        r->rest.data += n, r->rest.length -= n;
        *index = k;
        return true;
    }
    return false;
}
static bool read_offset_hours(reading *r)
{
    int32_t hours;
    bool is_negative = r->rest.length && *r->rest.data == '-';
    if (is_negative || (r->rest.length && *r->rest.data == '+')) r->rest.data++, r->rest.length--;
    if (!read_number(r, 2, &hours)) return false;
    r->offset = (is_negative ? -1 : 1) * hours * 3600;
    r->offset_is_negative = is_negative;
    return r->has_offset = hours < 24;
}
static bool read_offset_minutes(reading *r)
{
    int32_t minutes;
    if (!read_number(r, 2, &minutes)) return false;
    r->offset += (r->offset_is_negative ? -60 : 60) * minutes;
    return r->has_offset = minutes < 60;
}
static bool read_offset(reading *r)
{
    int32_t hours, minutes = 0;
    if (r->rest.length && (*r->rest.data | 32) == 'z') {
        r->rest.data++, r->rest.length--;
        return r->has_offset = true;
    }
    if (!r->rest.length || (*r->rest.data != '+' && *r->rest.data != '-')) return false;
    int sign = *r->rest.data == '-' ? -1 : 1;
    r->rest.data++, r->rest.length--;
    if (!read_number(r, 2, &hours)) return false;
    if (r->rest.length && *r->rest.data == ':') r->rest.data++, r->rest.length--;
    if (r->rest.length && *r->rest.data >= '0' && *r->rest.data <= '9' &&
        !read_number(r, 2, &minutes))
        return false;
    r->offset = sign * (hours * 3600 + minutes * 60);
    r->has_offset = true;
    return hours < 24 && minutes < 60;
}

/* The letters of a literal must be there; blanks match any number of blanks. lenient: any one
 * character will do (to_date). */
static bool read_literal(reading *r, wr_str literal, bool lenient)
{
    for (size_t k = 0; k < literal.length; k++) {
        if (literal.data[k] == ' ') {
            while (r->rest.length && *r->rest.data == ' ')
                r->rest.data++, r->rest.length--;
            continue;
        }
        if (!r->rest.length) return lenient;
        if (!lenient && *r->rest.data != literal.data[k]) return false;
        bool is_value =
            (*r->rest.data >= '0' && *r->rest.data <= '9') || (*r->rest.data | 32) >= 'a';
        if (lenient && is_value && *r->rest.data != literal.data[k]) continue;
        r->rest.data++, r->rest.length--;
    }
    return true;
}

static bool read_year(reading *r, wr_date_element what, bool digits_follow)
{
    wr_civil *c = &r->civil;
    int32_t thousands = 0;
    bool ok, is_negative;
    switch (what) {
    case EL_YEAR2:
        ok = read_number(r, 2, &c->year);
        c->year += c->year < 70 ? 2000 : 1900;
        return ok;
    case EL_YEAR3:
    case EL_YEAR1:
        ok = read_number(r, what == EL_YEAR3 ? 3 : 1, &c->year);
        c->year += what == EL_YEAR1 || c->year < 520 ? 2000 : 1000;
        return ok;
    case EL_YEAR_COMMA:
        ok = read_number(r, 3, &thousands) && r->rest.length && *r->rest.data == ',';
        if (ok) r->rest.data++, r->rest.length--;
        ok = ok && read_number(r, 3, &c->year);
        c->year += thousands * 1000;
        return ok;
    default:
        is_negative = r->rest.length && *r->rest.data == '-';
        if (is_negative) r->rest.data++, r->rest.length--;
        ok = read_number(r, digits_follow ? 4 : 6, &c->year);
        if (is_negative) c->year = -c->year;
        return ok;
    }
}

static bool read_name_piece(reading *r, wr_date_element what)
{
    int32_t value = 0;
    bool ok;
    switch (what) {
    case EL_AMPM:
        ok = read_name(r, (const char *const[]){"A.M.", "P.M."}, 2, false, &value) ||
             read_name(r, (const char *const[]){"AM", "PM"}, 2, false, &value);
        r->am_pm = value + 1;
        return ok;
    case EL_MONTH_NAME:
    case EL_MONTH_SHORT:
        ok = read_name(r, month_names, 12, false, &value) ||
             read_name(r, month_names, 12, true, &value);
        r->civil.month = value + 1;
        return ok;
    case EL_DAY_NAME:
    case EL_DAY_SHORT:
        return read_name(r, day_names, 7, false, &value) ||
               read_name(r, day_names, 7, true, &value);
    case EL_ERA:
        ok = read_name(r, (const char *const[]){"AD", "BC"}, 2, false, &value);
        r->is_bc = value == 1;
        return ok;
    default:
        return false;
    }
}

static bool read_piece(reading *r, const wr_date_piece *p, bool lenient, bool digits_follow)
{
    wr_civil *c = &r->civil;
    int32_t value = 0;
    bool ok;
    switch (p->what) {
    case EL_LITERAL:
        return read_literal(r, p->literal, lenient);
    case EL_YEAR4:
    case EL_YEAR3:
    case EL_YEAR2:
    case EL_YEAR1:
    case EL_YEAR_COMMA:
        return read_year(r, p->what, digits_follow);
    case EL_MONTH:
        return read_number(r, 2, &c->month);
    case EL_DAY:
        return read_number(r, 2, &c->day);
    case EL_DOY:
        ok = read_number(r, 3, &value);
        r->doy = value;
        return ok && value >= 1 && value <= 366;
    case EL_JULIAN:
        ok = read_number(r, 9, &value);
        if (ok) wr_date_split(value - 2440588, &c->year, &c->month, &c->day);
        return ok;
    case EL_HOUR24:
        return read_number(r, 2, &c->hour);
    case EL_HOUR12:
        if (!r->am_pm) r->am_pm = 3; /* twelve hours, half of the day not said yet */
        return read_number(r, 2, &c->hour) && c->hour >= 1 && c->hour <= 12;
    case EL_MINUTE:
        return read_number(r, 2, &c->minute);
    case EL_SECOND:
        return read_number(r, 2, &c->second);
    case EL_SECONDS_OF_DAY:
        ok = read_number(r, 5, &value) && value < 86400;
        c->hour = value / 3600, c->minute = value / 60 % 60, c->second = value % 60;
        return ok;
    case EL_MICRO:
    case EL_MILLI:
    case EL_FRACTION:
        return read_fraction(r, &c->usec);
    case EL_EPOCH:
        r->has_epoch = true;
        ok = read_number(r, 10, &value);
        r->epoch = value;
        return ok;
    case EL_OFFSET_HOURS:
        return read_offset_hours(r);
    case EL_OFFSET_MINUTES:
        return read_offset_minutes(r);
    case EL_OFFSET:
        return read_offset(r);
    default:
        return read_name_piece(r, p->what);
    }
}

static bool is_numeric(const wr_date_piece *p)
{
    return p->what != EL_LITERAL && p->what != EL_MONTH_NAME && p->what != EL_MONTH_SHORT &&
           p->what != EL_AMPM;
}

static bool read_moment(wr_str text, const wr_date_pieces *list, bool lenient, reading *r,
                        int64_t *ts)
{
    *r = (reading){.rest = text, .civil = {.year = 1900, .month = 1, .day = 1}};
    if (lenient) r->civil.year = 1;
    for (int k = 0; k < list->count; k++) {
        bool digits_follow = k + 1 < list->count && is_numeric(&list->items[k + 1]);
        if (lenient && !r->rest.length) break;
        if (!read_piece(r, &list->items[k], lenient, digits_follow)) return false;
    }
    if (!lenient && r->rest.length) return false;
    wr_civil *c = &r->civil;
    if (r->has_epoch) return *ts = r->epoch * WR_USECS_PER_SEC, true;
    if (r->is_bc) c->year = 1 - c->year;
    if (r->am_pm && c->hour > 12) return false;
    if (r->am_pm == 1 || r->am_pm == 3) c->hour %= 12;
    if (r->am_pm == 2) c->hour = c->hour % 12 + 12;
    if (r->doy) {
        int32_t days = wr_date_of(c->year, 1, 1) + r->doy - 1;
        wr_date_split(days, &c->year, &c->month, &c->day);
    }
    if (!wr_date_valid(c->year, c->month, c->day) || c->hour > 23 || c->minute > 59 ||
        c->second > 59)
        return false;
    return wr_ts_join(c, ts);
}

static weir_status read_rows(wr_call *call, wr_column *out, bool lenient, bool null_if_bad)
{
    wr_str last = {NULL, 0};
    wr_date_pieces list = {0};
    WR_ROWS(i)
    {
        wr_str pattern = wr_arg_str(call, 1, i), text = wr_arg_str(call, 0, i);
        if (!last.data || !wr_str_eq(pattern, last)) {
            list.count = 0;
            weir_status bad = (lenient ? wr_date_pattern_keywords
                                       : wr_date_pattern_percent)(call->arena, pattern, &list);
            if (bad) return wr_bad_row(call, i, bad);
            last = pattern;
        }
        reading r;
        int64_t ts = 0;
        if (!read_moment(text, &list, lenient, &r, &ts)) {
            if (!null_if_bad)
                return wr_bad_row(call, i,
                                  wr_fail(WR_E_BAD_DATETIME,
                                          "\"%.*s\" does not fit the pattern \"%.*s\"",
                                          WR_STR_ARGS(text), WR_STR_ARGS(pattern)));
            WR_OUT(out, int64_t, i) = 0;
            wr_out_null(call, out, i);
            continue;
        }
        if (r.has_offset)
            ts -= r.offset * WR_USECS_PER_SEC;
        else if (out->type->id == WR_T_TIMESTAMPTZ && !r.has_epoch)
            ts = wr_to_utc(call->env, ts);
        if (out->type->id == WR_T_DATE)
            WR_OUT(out, int32_t, i) = (int32_t)wr_floor_div(ts, WR_USECS_PER_DAY);
        else
            WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}
static weir_status fn_strptime(wr_call *call, wr_column *out)
{
    return read_rows(call, out, false, false);
}
static weir_status fn_try_strptime(wr_call *call, wr_column *out)
{
    return read_rows(call, out, false, true);
}
static weir_status fn_to_date(wr_call *call, wr_column *out)
{
    return read_rows(call, out, true, false);
}

#define CHAR_HELP "A date or time as text by a pattern such as YYYY-MM-DD HH24:MI:SS."
#define FORMAT_HELP \
    "A date or time as text by a pattern of Java (yyyy-MM-dd HH:mm) or of %-letters."
#define TIME_HELP "A date or time as text by a pattern of %-letters."
#define FAILS .flags = WR_FN_CAN_FAIL

const wr_fn wr_fns_date_format[] = {
    {"to_char", "(date, pattern text) -> text", fn_to_char, CHAR_HELP,
     "to_char(DATE '2024-05-06', 'DD Mon YYYY')", "06 May 2024", FAILS},
    {"to_char", "(timestamp, pattern text) -> text", fn_to_char, CHAR_HELP,
     "to_char(TIMESTAMP '2024-05-06 17:08:09', 'HH12:MI:SS AM')", "05:08:09 PM", FAILS},
    {"to_char", "(timestamptz, pattern text) -> text", fn_to_char, CHAR_HELP,
     "to_char(TIMESTAMPTZ '2024-05-06 07:08:09+00', 'YYYY')", "2024", FAILS},
    {"to_char", "(interval, pattern text) -> text", fn_to_char, CHAR_HELP,
     "to_char(INTERVAL '15 hours 2 minutes 12 seconds', 'HH24:MI:SS')", "15:02:12", FAILS},
    {"strftime", "(date, pattern text) -> text", fn_strftime, TIME_HELP,
     "strftime(DATE '2024-05-06', '%d.%m.%Y')", "06.05.2024", FAILS},
    {"strftime", "(timestamp, pattern text) -> text", fn_strftime, TIME_HELP,
     "strftime(TIMESTAMP '2024-05-06 07:08:09', '%H:%M')", "07:08", FAILS},
    {"strftime", "(timestamptz, pattern text) -> text", fn_strftime, TIME_HELP,
     "strftime(TIMESTAMPTZ '2024-05-06 07:08:09+00', '%Y')", "2024", FAILS},
    {"strftime", "(pattern text, timestamp) -> text", fn_strftime, TIME_HELP,
     "strftime('%Y', TIMESTAMP '2024-05-06 07:08:09')", "2024", FAILS},
    {"date_format", "(date, pattern text) -> text", fn_date_format, FORMAT_HELP,
     "date_format(DATE '2024-05-06', 'dd.MM.yyyy')", "06.05.2024", FAILS},
    {"date_format", "(timestamp, pattern text) -> text", fn_date_format, FORMAT_HELP,
     "date_format(TIMESTAMP '2024-05-06 17:08:09', 'yyyy-MM-dd HH:mm')", "2024-05-06 17:08", FAILS},
    {"date_format", "(timestamptz, pattern text) -> text", fn_date_format, FORMAT_HELP,
     "date_format(TIMESTAMPTZ '2024-05-06 07:08:09+00', '%H:%M')", "07:08", FAILS},
    {"strptime", "(text, pattern text) -> timestamp", fn_strptime,
     "Reads a timestamp by a pattern of %-letters.", "strptime('06.05.2024', '%d.%m.%Y')",
     "2024-05-06 00:00:00", FAILS},
    {"try_strptime", "(text, pattern text) -> timestamp", fn_try_strptime,
     "Reads a timestamp by a pattern of %-letters; NULL if it does not fit.",
     "try_strptime('x', '%d.%m.%Y')", "NULL", FAILS},
    {"to_date", "(text, pattern text) -> date", fn_to_date,
     "Reads a date by a pattern such as YYYY-MM-DD.", "to_date('05 Dec 2000', 'DD Mon YYYY')",
     "2000-12-05", FAILS},
    {"to_timestamp", "(text, pattern text) -> timestamptz", fn_to_date,
     "Reads a moment by a pattern such as YYYY-MM-DD HH24:MI.",
     "to_timestamp('05 Dec 2000 13:30', 'DD Mon YYYY HH24:MI')", "2000-12-05 13:30:00+00", FAILS},
    {0},
};
