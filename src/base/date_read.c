/* date_read.c - text to date, time and timestamp. See date.h; intervals are in interval_read.c.
 *
 * ISO dates and times with two-digit fields, which is what files contain, are read by position; the
 * rest goes through a cursor that takes one field after the other. Dates with a month name may put
 * the parts in any order; numbers alone mean year first if that has more than two digits, else
 * month, day, year. Readers tell "not of this form" (false) from "of this form, but no such day"
 * (*range). */
#include "base/date.h"

typedef struct cursor {
    const char *at, *end;
} cursor;

static inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
static inline bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
static inline bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static inline int two_digits(const char *at)
{
    return is_digit(at[0]) && is_digit(at[1]) ? (at[0] - '0') * 10 + at[1] - '0' : -1;
}

static bool at_char(const cursor *c, char wanted) { return c->at < c->end && *c->at == wanted; }

static bool take_char(cursor *c, char wanted)
{
    if (!at_char(c, wanted)) return false;
    c->at++;
    return true;
}

static void skip_blanks(cursor *c)
{
    while (c->at < c->end && is_blank(*c->at))
        c->at++;
}

/* Takes a run of at most 9 digits; returns how many, 0 if there is none or it is longer. */
static int take_number(cursor *c, int *out)
{
    const char *at = c->at;
    int value = 0;
    while (at < c->end && is_digit(*at) && at - c->at < 9)
        value = value * 10 + (*at++ - '0');
    if (at < c->end && is_digit(*at)) return 0;
    int count = (int)(at - c->at);
    c->at = at;
    *out = value;
    return count;
}

static wr_str take_word(cursor *c)
{
    const char *from = c->at;
    while (c->at < c->end && is_letter(*c->at))
        c->at++;
    return (wr_str){from, (size_t)(c->at - from)};
}

static bool take_this_word(cursor *c, const char *word)
{
    cursor try = *c;
    if (!wr_str_is(take_word(&try), word)) return false;
    *c = try;
    return true;
}

/* The position of word in names, by three or more letters; -1 if it is none. */
static int position_of(wr_str word, const char *const *names, int count)
{
    for (int i = 0; i < count; i++) {
        wr_str name = wr_str_of(names[i]);
        bool is_prefix = word.length >= 3 && word.length <= name.length &&
                         wr_str_ieq(word, (wr_str){name.data, word.length});
        if (is_prefix && (word.length == 3 || word.length == name.length || word.length == 4))
            return i;
    }
    return -1;
}

static int month_named(wr_str word)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};
    return position_of(word, names, 12) + 1;
}

static bool is_weekday(wr_str word)
{
    static const char *const names[] = {"sunday",   "monday", "tuesday", "wednesday",
                                        "thursday", "friday", "saturday"};
    return position_of(word, names, 7) >= 0;
}

/* ---- dates */

typedef struct date_parts {
    int year, month, day, year_digits;
} date_parts;

/* Two digits mean 1970 to 2069, except before Christ. */
static int full_year(const date_parts *parts)
{
    if (parts->year_digits > 2) return parts->year;
    return parts->year < 70 ? parts->year + 2000 : parts->year + 1900;
}

static bool take_separator(cursor *c)
{
    if (c->at < c->end && (*c->at == '-' || *c->at == '/' || *c->at == '.')) {
        c->at++;
        return true;
    }
    const char *from = c->at;
    take_char(c, ',');
    skip_blanks(c);
    return c->at > from;
}

/* A date written as one number: 20010203 or 010203. */
static bool split_number(int value, int digits, date_parts *out)
{
    if (digits != 8 && digits != 6) return false;
    int year = value / 10000;
    *out = (date_parts){year, value / 100 % 100, value % 100, digits - 4};
    return true;
}

static bool take_three_fields(cursor *c, date_parts *out)
{
    int numbers[3], digits[3], count = 0, month = 0;
    char separator = 0; /* the first one: 2001-02/03 is no date */
    for (int field = 0; field < 3; field++) {
        if (field == 2 && (separator == '-' || separator == '/') &&
            (at_char(c, '-') || at_char(c, '/')) && *c->at != separator)
            return false;
        if (field == 1 && c->at < c->end) separator = *c->at;
        if (field && !take_separator(c) && !(month && c->at < c->end && is_digit(*c->at)))
            return false;
        if (c->at < c->end && is_letter(*c->at)) {
            int named = month_named(take_word(c));
            if (!named || month) return false;
            month = named;
            continue;
        }
        digits[count] = take_number(c, &numbers[count]);
        if (digits[count] == 0) return false;
        if (field == 0 && split_number(numbers[0], digits[0], out)) {
            bool goes_on = at_char(c, '-') || at_char(c, '/') || at_char(c, '.');
            if (!goes_on) return true;
        }
        count++;
    }
    bool year_first = digits[0] > 2;
    if (month) {
        int y = year_first ? 0 : 1;
        if (digits[1 - y] > 2) return false;
        *out = (date_parts){numbers[y], month, numbers[1 - y], digits[y]};
        return true;
    }
    if (digits[1] > 2 || digits[year_first ? 2 : 1] > 2) return false;
    *out = year_first ? (date_parts){numbers[0], numbers[1], numbers[2], digits[0]}
                      : (date_parts){numbers[2], numbers[0], numbers[1], digits[2]};
    return true;
}

static bool take_date(cursor *c, date_parts *out)
{
    const char *at = c->at;
    bool is_iso = c->end - at >= 10 && at[4] == '-' && at[7] == '-' &&
                  (c->end - at == 10 || !is_digit(at[10]));
    if (wr_likely(is_iso)) {
        int high = two_digits(at), low = two_digits(at + 2);
        *out = (date_parts){high * 100 + low, two_digits(at + 5), two_digits(at + 8), 4};
        if (high >= 0 && low >= 0 && out->month >= 0 && out->day >= 0) {
            c->at += 10;
            return true;
        }
    }
    cursor weekday = *c;
    if (is_weekday(take_word(&weekday))) {
        *c = weekday;
        take_separator(c);
    }
    return take_three_fields(c, out);
}

/* Takes "BC" or "AD" at the end and makes the year astronomical. Year 0 does not exist in text. */
static bool finish_date(cursor *c, date_parts *parts, bool *exists)
{
    skip_blanks(c);
    bool before_christ = take_this_word(c, "BC");
    if (!before_christ) take_this_word(c, "AD");
    skip_blanks(c);
    if (c->at != c->end) return false;
    if (!before_christ) parts->year = full_year(parts);
    *exists = parts->year > 0;
    if (before_christ) parts->year = 1 - parts->year;
    *exists = *exists && wr_date_valid(parts->year, parts->month, parts->day);
    return true;
}

static inline wr_str trimmed(wr_str text)
{
    bool padded = text.length && (is_blank(text.data[0]) || is_blank(text.data[text.length - 1]));
    return wr_unlikely(padded) ? wr_str_trim(text) : text;
}

static bool fail_range(bool *range)
{
    if (range) *range = true;
    return false;
}

/* Days since the epoch of the Julian day number "J2451187". */
static bool read_julian(wr_str text, int64_t *days)
{
    cursor c = {text.data + 1, text.data + text.length};
    int number;
    if (text.length < 2 || (text.data[0] | 32) != 'j' || !take_number(&c, &number)) return false;
    *days = (int64_t)number - 2440588;
    return c.at == c.end;
}

/* Names of moments: 0 none, else the value is set. */
static bool read_named(wr_str text, int64_t *out, int64_t infinity)
{
    if (text.length == 0 || is_digit(text.data[0])) return false;
    if (wr_str_is(text, "epoch"))
        *out = 0;
    else if (wr_str_is(text, "infinity") || wr_str_is(text, "+infinity"))
        *out = infinity;
    else if (wr_str_is(text, "-infinity"))
        *out = -infinity;
    else
        return false;
    return true;
}

bool wr_date_read(wr_str text, int32_t *out, bool *range)
{
    if (range) *range = false;
    text = trimmed(text);
    int64_t named;
    if (read_named(text, &named, WR_DATE_INF) || read_julian(text, &named)) {
        *out = (int32_t)named;
        return true;
    }
    cursor c = {text.data, text.data + text.length};
    date_parts parts;
    bool exists;
    if (!take_date(&c, &parts) || !finish_date(&c, &parts, &exists)) return false;
    if (!exists) return fail_range(range);
    *out = wr_date_of(parts.year, parts.month, parts.day);
    return true;
}

/* ---- times */

/* Takes ".123456" into microseconds; the seventh digit rounds. */
static int64_t take_fraction(cursor *c)
{
    int64_t usec = 0;
    int digits = 0;
    for (; c->at < c->end && is_digit(*c->at); c->at++, digits++) {
        if (digits < 6) usec = usec * 10 + (*c->at - '0');
        if (digits == 6 && *c->at >= '5') usec++;
    }
    for (; digits < 6; digits++)
        usec *= 10;
    return usec;
}

typedef struct clock_parts {
    int hour, minute, second;
    int64_t usec;
} clock_parts;

/* Takes the fields of 04:05, 04:05:06.7, 0405, 040506 or 4 PM. */
static bool take_clock_fields(cursor *c, clock_parts *out)
{
    int number, digits = take_number(c, &number);
    *out = (clock_parts){.hour = number};
    if (digits == 0) return false;
    if (digits == 4 || digits == 6) {
        *out = digits == 4 ? (clock_parts){number / 100, number % 100, 0, 0}
                           : (clock_parts){number / 10000, number / 100 % 100, number % 100, 0};
        if (digits == 6 && take_char(c, '.')) out->usec = take_fraction(c);
        return true;
    }
    if (digits > 2) return false;
    if (!take_char(c, ':')) {
        cursor rest = *c;
        skip_blanks(&rest);
        wr_str half = take_word(&rest);
        return wr_str_is(half, "am") || wr_str_is(half, "pm");
    }
    digits = take_number(c, &out->minute);
    if (digits == 0 || digits > 2) return false;
    if (!take_char(c, ':')) return true;
    digits = take_number(c, &out->second);
    if (digits == 0 || digits > 2) return false;
    if (take_char(c, '.')) out->usec = take_fraction(c);
    return true;
}

/* Takes a time of day. *exists is false for 25:00 and the like; 24:00 and a 60th second exist. */
static bool take_time(cursor *c, int64_t *out, bool *exists)
{
    clock_parts parts;
    *exists = true;
    if (!take_clock_fields(c, &parts)) return false;
    cursor rest = *c;
    skip_blanks(&rest);
    bool is_pm = take_this_word(&rest, "pm"), is_am = !is_pm && take_this_word(&rest, "am");
    if (is_pm || is_am) {
        *c = rest;
        if (parts.hour < 1 || parts.hour > 12) *exists = false;
        parts.hour = parts.hour % 12 + (is_pm ? 12 : 0);
    }
    if (parts.hour > 24 || parts.minute > 59 || parts.second > 60) *exists = false;
    int64_t seconds = (int64_t)parts.hour * 3600 + parts.minute * 60 + parts.second;
    *out = seconds * WR_USECS_PER_SEC + parts.usec;
    if (*out > WR_USECS_PER_DAY) *exists = false;
    return true;
}

bool wr_time_read(wr_str text, int64_t *out, bool *range)
{
    if (range) *range = false;
    text = trimmed(text);
    cursor c = {text.data, text.data + text.length};
    bool exists;
    int64_t value;
    if (at_char(&c, 'T') || at_char(&c, 't')) c.at++;
    if (!take_time(&c, &value, &exists) || c.at != c.end) return false;
    if (!exists) return fail_range(range);
    *out = value;
    return true;
}

/* ---- zones and timestamps */

/* Takes +02, +0200, +02:00 or +02:00:30 behind the sign; seconds east. */
static bool take_offset(cursor *c, int *seconds)
{
    int number, minute = 0, second = 0, digits = take_number(c, &number);
    if (digits == 4)
        minute = number % 100, number /= 100;
    else if (digits == 0 || digits > 2)
        return false;
    else if (take_char(c, ':')) {
        if (take_number(c, &minute) != 2) return false;
        if (take_char(c, ':') && take_number(c, &second) != 2) return false;
    }
    *seconds = number * 3600 + minute * 60 + second;
    return number < 16 && minute < 60 && second < 60;
}

typedef struct zone_part {
    bool is_given;
    int offset;  /* seconds east, for numeric zones */
    wr_str name; /* else */
} zone_part;

static bool is_in_zone_name(char c)
{
    return is_letter(c) || is_digit(c) || c == '/' || c == '_' || c == '-' || c == '+';
}

/* Takes a zone if one stands here; false if what stands here cannot be one. */
static bool take_zone(cursor *c, zone_part *out)
{
    *out = (zone_part){0};
    cursor rest = *c;
    skip_blanks(&rest);
    if (rest.at == rest.end) return true;
    if (*rest.at == '+' || *rest.at == '-') {
        bool west = *rest.at++ == '-';
        if (!take_offset(&rest, &out->offset)) return false;
        if (west) out->offset = -out->offset;
    } else {
        const char *from = rest.at;
        while (rest.at < rest.end && is_in_zone_name(*rest.at))
            rest.at++;
        wr_str name = {from, (size_t)(rest.at - from)};
        if (wr_str_is(name, "BC") || wr_str_is(name, "AD")) return true;
        if (name.length == 0 || !is_letter(name.data[0])) return false;
        bool is_utc = wr_str_is(name, "Z") || wr_str_is(name, "UTC") || wr_str_is(name, "GMT");
        if (!is_utc) out->name = name;
    }
    out->is_given = true;
    *c = rest;
    return true;
}

static bool join(const date_parts *d, int64_t usecs, int offset, int64_t *out)
{
    wr_civil civil = {.year = d->year, .month = d->month, .day = d->day};
    int64_t midnight;
    if (!wr_ts_join(&civil, &midnight)) return false;
    int64_t shift = usecs - (int64_t)offset * WR_USECS_PER_SEC;
    return !__builtin_add_overflow(midnight, shift, out) && *out<WR_TS_INF && * out> WR_TS_NEG_INF;
}

bool wr_ts_read(wr_str text, int64_t *out, bool *has_zone, wr_str *zone_text, bool *range)
{
    if (range) *range = false;
    *has_zone = false;
    *zone_text = (wr_str){0};
    text = trimmed(text);
    if (read_named(text, out, WR_TS_INF)) return true;
    cursor c = {text.data, text.data + text.length};
    date_parts parts;
    int64_t usecs = 0;
    bool time_exists = true, date_exists;
    zone_part zone = {0};
    if (!take_date(&c, &parts)) return false;
    bool is_time = at_char(&c, 'T') || at_char(&c, 't');
    if (is_time) c.at++;
    const char *behind_date = c.at;
    skip_blanks(&c);
    if (is_time || (c.at > behind_date && c.at < c.end && is_digit(*c.at))) {
        if (!take_time(&c, &usecs, &time_exists)) return false;
        if (!take_zone(&c, &zone)) return false;
    }
    if (!finish_date(&c, &parts, &date_exists)) return false;
    if (!date_exists || !time_exists || !join(&parts, usecs, zone.offset, out))
        return fail_range(range);
    *has_zone = zone.is_given;
    *zone_text = zone.name;
    return true;
}
