/* date_print.c - dates, times, timestamps and intervals to text, as PostgreSQL writes them (ISO
 * style).
 *
 * Years have at least four digits; years before 1 are written with " BC" behind, as there is no
 * year 0 in that spelling. Fractions of seconds are written without trailing zeros. */
#include "base/date.h"
#include "base/int128.h"

static char *put_padded(char *out, int64_t value, int width)
{
    char digits[24];
    int count = wr_i64_print(value, digits);
    for (int i = count; i < width; i++)
        *out++ = '0';
    memcpy(out, digits, (size_t)count);
    return out + count;
}

static inline char *put_two(char *out, int value)
{
    *out++ = (char)('0' + value / 10);
    *out++ = (char)('0' + value % 10);
    return out;
}

static char *put_text(char *out, const char *text)
{
    size_t length = strlen(text);
    memcpy(out, text, length);
    return out + length;
}

static char *put_fraction(char *out, int64_t usec)
{
    if (usec == 0) return out;
    *out++ = '.';
    out = put_padded(out, usec, 6);
    while (out[-1] == '0')
        out--;
    return out;
}

/* Without the era: the caller puts that last. */
static char *put_date(char *out, int32_t year, int32_t month, int32_t day)
{
    out = put_padded(out, year > 0 ? year : 1 - (int64_t)year, 4);
    *out++ = '-';
    out = put_two(out, month);
    *out++ = '-';
    return put_two(out, day);
}

static char *put_clock(char *out, uint64_t usecs)
{
    uint64_t seconds = usecs / WR_USECS_PER_SEC;
    out = put_padded(out, (int64_t)(seconds / 3600), 2);
    *out++ = ':';
    out = put_two(out, (int)(seconds / 60 % 60));
    *out++ = ':';
    out = put_two(out, (int)(seconds % 60));
    return put_fraction(out, (int64_t)(usecs % WR_USECS_PER_SEC));
}

int wr_date_print(int32_t days, char *out)
{
    char *at = out;
    if (days == WR_DATE_INF) return (int)(put_text(at, "infinity") - out);
    if (days == WR_DATE_NEG_INF) return (int)(put_text(at, "-infinity") - out);
    int32_t year, month, day;
    wr_date_split(days, &year, &month, &day);
    at = put_date(at, year, month, day);
    if (year <= 0) at = put_text(at, " BC");
    return (int)(at - out);
}

int wr_time_print(int64_t usecs, char *out) { return (int)(put_clock(out, (uint64_t)usecs) - out); }

int wr_ts_print(int64_t ts, char *out)
{
    char *at = out;
    if (ts == WR_TS_INF) return (int)(put_text(at, "infinity") - out);
    if (ts == WR_TS_NEG_INF) return (int)(put_text(at, "-infinity") - out);
    wr_civil c;
    wr_ts_split(ts, &c);
    at = put_date(at, c.year, c.month, c.day);
    *at++ = ' ';
    int64_t seconds = c.hour * 3600 + c.minute * 60 + c.second;
    at = put_clock(at, (uint64_t)(seconds * WR_USECS_PER_SEC + c.usec));
    if (c.year <= 0) at = put_text(at, " BC");
    return (int)(at - out);
}

typedef struct interval_text {
    char *at;
    bool is_first, was_negative;
} interval_text;

/* A part such as "-3 days". A positive part behind a negative one shows its sign. */
static void put_part(interval_text *t, int64_t value, const char *unit)
{
    if (value == 0) return;
    if (!t->is_first) *t->at++ = ' ';
    if (t->was_negative && value > 0) *t->at++ = '+';
    t->at += wr_i64_print(value, t->at);
    *t->at++ = ' ';
    t->at = put_text(t->at, unit);
    if (value != 1) *t->at++ = 's';
    t->was_negative = value < 0;
    t->is_first = false;
}

int wr_interval_print(wr_interval v, char *out)
{
    interval_text t = {out, true, false};
    put_part(&t, v.months / 12, "year");
    put_part(&t, v.months % 12, "mon");
    put_part(&t, v.days, "day");
    if (t.is_first || v.usecs) {
        if (!t.is_first) *t.at++ = ' ';
        if (v.usecs < 0)
            *t.at++ = '-';
        else if (t.was_negative)
            *t.at++ = '+';
        t.at = put_clock(t.at, v.usecs < 0 ? -(uint64_t)v.usecs : (uint64_t)v.usecs);
    }
    return (int)(t.at - out);
}
