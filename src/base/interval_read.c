/* interval_read.c - text to interval. See date.h.
 *
 * Three spellings: amounts with units and a clock ("1 year -2 days 04:05:06.7 ago"), years and
 * months
 * ("1-2"), and ISO 8601 ("P1Y2M3DT4H5.5S"). Parts are added up in 64 bits and must fit in the end.
 * A fraction of a unit goes to the smaller ones as in PostgreSQL: of a year to months, of a month
 * to days of 30 and time, of a week or day to days and time. A number without a unit counts
 * seconds. */
#include "base/date.h"
#include <math.h>

typedef struct cursor {
    const char *at, *end;
} cursor;

typedef struct sum {
    int64_t months, days, usecs;
} sum;

typedef struct amount {
    bool is_negative;
    int64_t whole;   /* not negative */
    double fraction; /* 0 <= fraction < 1 */
} amount;

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool take_char(cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != wanted) return false;
    c->at++;
    return true;
}

/* Takes digits; false if there are none or too many. */
static bool take_digits(cursor *c, int64_t *out)
{
    const char *from = c->at;
    int64_t value = 0;
    for (; c->at < c->end && is_digit(*c->at); c->at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *c->at - '0', &value))
            return false;
    *out = value;
    return c->at > from;
}

static double take_fraction(cursor *c)
{
    double digits = 0, unit = 1;
    for (; c->at < c->end && is_digit(*c->at); c->at++) {
        if (unit > 1e15) continue;
        digits = digits * 10 + (*c->at - '0');
        unit *= 10;
    }
    return digits / unit;
}

static bool take_sign(cursor *c)
{
    bool negative = take_char(c, '-');
    if (!negative) take_char(c, '+');
    return negative;
}

/* Takes "12", "1.5" or ".5", the sign being taken already. */
static bool take_amount(cursor *c, amount *out)
{
    out->whole = 0;
    out->fraction = 0;
    bool has_whole = c->at < c->end && is_digit(*c->at);
    if (has_whole && !take_digits(c, &out->whole)) return false;
    if (!take_char(c, '.')) return has_whole;
    bool has_fraction = c->at < c->end && is_digit(*c->at);
    out->fraction = take_fraction(c);
    return has_whole || has_fraction;
}

typedef enum field { FIELD_MONTHS, FIELD_DAYS, FIELD_USECS } field;

typedef struct unit {
    const char *names; /* separated by blanks */
    field field;
    int64_t size; /* in months, days or microseconds */
} unit;

static const unit units[] = {
    {"microsecond microseconds us usec usecs", FIELD_USECS, 1},
    {"millisecond milliseconds ms msec msecs", FIELD_USECS, 1000},
    {"second seconds sec secs s", FIELD_USECS, WR_USECS_PER_SEC},
    {"minute minutes min mins m", FIELD_USECS, 60 * WR_USECS_PER_SEC},
    {"hour hours hr hrs h", FIELD_USECS, 3600 * WR_USECS_PER_SEC},
    {"day days d", FIELD_DAYS, 1},
    {"week weeks w", FIELD_DAYS, 7},
    {"month months mon mons", FIELD_MONTHS, 1},
    {"quarter quarters qtr", FIELD_MONTHS, 3},
    {"year years yr yrs y", FIELD_MONTHS, 12},
    {"decade decades dec decs", FIELD_MONTHS, 120},
    {"century centuries cent c", FIELD_MONTHS, 1200},
    {"millennium millennia mil mils", FIELD_MONTHS, 12000},
};

static const unit *unit_named(wr_str word)
{
    for (size_t i = 0; i < WR_COUNT(units); i++) {
        for (const char *at = units[i].names; *at;) {
            size_t length = strcspn(at, " ");
            if (wr_str_ieq(word, (wr_str){at, length})) return &units[i];
            at += length + (at[length] == ' ');
        }
    }
    return NULL;
}

static bool add(int64_t *to, int64_t value) { return !__builtin_add_overflow(*to, value, to); }

static bool add_real_usecs(sum *s, double usecs)
{
    if (!(fabs(usecs) < 9e18)) return false;
    return add(&s->usecs, (int64_t)rint(usecs));
}

static bool add_real_days(sum *s, double days)
{
    double whole = trunc(days);
    if (!(fabs(whole) < 9e18)) return false;
    return add(&s->days, (int64_t)whole) && add_real_usecs(s, (days - whole) * 86400e6);
}

static bool add_amount(sum *s, const amount *a, const unit *u)
{
    int64_t whole = a->is_negative ? -a->whole : a->whole;
    double fraction = a->is_negative ? -a->fraction : a->fraction;
    if (__builtin_mul_overflow(whole, u->size, &whole)) return false;
    fraction *= (double)u->size;
    switch (u->field) {
    case FIELD_USECS:
        return add(&s->usecs, whole) && add_real_usecs(s, fraction);
    case FIELD_DAYS:
        return add(&s->days, whole) && add_real_days(s, fraction);
    case FIELD_MONTHS:
        if (u->size > 1) return add(&s->months, whole) && add(&s->months, (int64_t)rint(fraction));
        return add(&s->months, whole) && add_real_days(s, fraction * 30);
    }
    return false;
}

/* Behind "hours:" comes "minutes[:seconds[.fraction]]". */
static bool take_clock(cursor *c, const amount *hours, sum *s)
{
    int64_t minutes = 0, usecs, seconds = 0;
    double fraction = 0;
    if (hours->fraction != 0 || !take_digits(c, &minutes) || minutes > 59) return false;
    if (take_char(c, ':')) {
        if (!take_digits(c, &seconds) || seconds > 60) return false;
        if (take_char(c, '.')) fraction = take_fraction(c);
    }
    if (__builtin_mul_overflow(hours->whole, 3600 * WR_USECS_PER_SEC, &usecs)) return false;
    int64_t rest = (minutes * 60 + seconds) * WR_USECS_PER_SEC + (int64_t)rint(fraction * 1e6);
    if (!add(&usecs, rest)) return false;
    return add(&s->usecs, hours->is_negative ? -usecs : usecs);
}

/* Behind "years-" come months. */
static bool take_year_month(cursor *c, const amount *years, sum *s)
{
    int64_t months, all;
    if (years->fraction != 0 || !take_digits(c, &months) || months > 11) return false;
    if (__builtin_mul_overflow(years->whole, 12, &all) || !add(&all, months)) return false;
    return add(&s->months, years->is_negative ? -all : all);
}

static wr_str take_word(cursor *c)
{
    const char *from = c->at;
    while (c->at < c->end && is_letter(*c->at))
        c->at++;
    return (wr_str){from, (size_t)(c->at - from)};
}

static bool negate(sum *s)
{
    return !__builtin_sub_overflow(0, s->months, &s->months) &&
           !__builtin_sub_overflow(0, s->days, &s->days) &&
           !__builtin_sub_overflow(0, s->usecs, &s->usecs);
}

static bool read_parts(cursor *c, sum *s)
{
    bool seen = false;
    take_char(c, '@');
    for (skip_blanks(c); c->at < c->end; skip_blanks(c)) {
        if (seen && is_letter(*c->at)) {
            bool is_ago = wr_str_is(take_word(c), "ago");
            skip_blanks(c);
            return is_ago && c->at == c->end && negate(s);
        }
        amount a = {.is_negative = take_sign(c)};
        skip_blanks(c);
        if (!take_amount(c, &a)) return false;
        seen = true;
        if (take_char(c, ':')) {
            if (!take_clock(c, &a, s)) return false;
            continue;
        }
        if (c->end - c->at >= 2 && *c->at == '-' && is_digit(c->at[1])) {
            c->at++;
            if (!take_year_month(c, &a, s)) return false;
            continue;
        }
        skip_blanks(c);
        cursor behind = *c;
        wr_str word = take_word(&behind);
        bool has_unit = word.length && !wr_str_is(word, "ago");
        const unit *u = has_unit ? unit_named(word) : unit_named(WR_STR("second"));
        if (!u || !add_amount(s, &a, u)) return false;
        if (has_unit) *c = behind;
    }
    return seen;
}

/* The unit of an ISO letter; M is a month before T and a minute behind it. */
static const unit *iso_unit(char letter, bool in_time)
{
    static const char *const date_units[] = {"Y", "year", "M", "month", "W", "week", "D", "day"};
    static const char *const time_units[] = {"H", "hour", "M", "minute", "S", "second"};
    const char *const *pairs = in_time ? time_units : date_units;
    size_t count = in_time ? WR_COUNT(time_units) : WR_COUNT(date_units);
    for (size_t i = 0; i < count; i += 2)
        if (pairs[i][0] == (letter & ~32)) return unit_named(wr_str_of(pairs[i + 1]));
    return NULL;
}

static bool read_iso(cursor *c, sum *s)
{
    bool in_time = false, seen = false;
    while (c->at < c->end) {
        if (!in_time && (*c->at | 32) == 't') {
            in_time = true;
            c->at++;
            continue;
        }
        amount a = {.is_negative = take_sign(c)};
        if (!take_amount(c, &a) || c->at == c->end) return false;
        const unit *u = iso_unit(*c->at++, in_time);
        if (!u || !add_amount(s, &a, u)) return false;
        seen = true;
    }
    return seen;
}

bool wr_interval_read(wr_str text, wr_interval *out)
{
    text = wr_str_trim(text);
    cursor c = {text.data, text.data + text.length};
    sum s = {0};
    bool is_iso = text.length > 1 && (text.data[0] | 32) == 'p';
    if (is_iso) c.at++;
    if (!(is_iso ? read_iso(&c, &s) : read_parts(&c, &s))) return false;
    if (s.months != (int32_t)s.months || s.days != (int32_t)s.days) return false;
    *out = (wr_interval){(int32_t)s.months, (int32_t)s.days, s.usecs};
    return true;
}
