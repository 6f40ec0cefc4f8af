/* date.c - calendar arithmetic. See date.h. Reading and printing are in date_read.c and
 * date_print.c.
 *
 * Days and years convert through a calendar that begins on 1 March, so that the leap day is the
 * last day of the year, in cycles of 400 years (146097 days) counted from 1 March 0000: month
 * lengths are then a straight line, and no table or loop is needed. Works for every int32 number of
 * days. */
#include "base/date.h"
#include <math.h>

enum { CYCLE_DAYS = 146097, EPOCH_FROM_MARCH_0000 = 719468 };

static inline int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static inline bool is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* Days from the epoch in 64 bits, for callers that check the range themselves. */
static int64_t days_of(int64_t year, int month, int day)
{
    if (month <= 2) year--;
    int64_t cycle = floor_div(year, 400);
    int64_t year_of_cycle = year - cycle * 400;
    int month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    int64_t day_of_cycle =
        year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year;
    return cycle * CYCLE_DAYS + day_of_cycle - EPOCH_FROM_MARCH_0000;
}

int32_t wr_date_of(int32_t year, int32_t month, int32_t day)
{
    return (int32_t)days_of(year, month, day);
}

static void split_days(int64_t days, int32_t *year, int32_t *month, int32_t *day)
{
    days += EPOCH_FROM_MARCH_0000;
    int64_t cycle = floor_div(days, CYCLE_DAYS);
    uint32_t d = (uint32_t)(days - cycle * CYCLE_DAYS);
    uint32_t y = (d - d / 1460 + d / 36524 - d / 146096) / 365;
    uint32_t day_of_year = d - (365 * y + y / 4 - y / 100);
    uint32_t m = (5 * day_of_year + 2) / 153;
    *day = (int32_t)(day_of_year - (153 * m + 2) / 5 + 1);
    *month = (int32_t)(m < 10 ? m + 3 : m - 9);
    *year = (int32_t)(cycle * 400 + y + (*month <= 2));
}

void wr_date_split(int32_t days, int32_t *year, int32_t *month, int32_t *day)
{
    split_days(days, year, month, day);
}

int wr_days_in_month(int32_t year, int32_t month)
{
    static const uint8_t lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : lengths[month - 1];
}

bool wr_date_valid(int32_t year, int32_t month, int32_t day)
{
    if (month < 1 || month > 12 || day < 1 || day > wr_days_in_month(year, month)) return false;
    int64_t days = days_of(year, month, day);
    return days > WR_DATE_NEG_INF && days < WR_DATE_INF;
}

int wr_date_weekday(int32_t days)
{
    int64_t day = ((int64_t)days + 4) % 7; /* the epoch was a Thursday */
    return (int)(day < 0 ? day + 7 : day);
}

int wr_date_yearday(int32_t days)
{
    int32_t year, month, day;
    wr_date_split(days, &year, &month, &day);
    return (int)(days - days_of(year, 1, 1)) + 1;
}

void wr_date_iso_week(int32_t days, int32_t *iso_year, int32_t *week)
{
    /* A week belongs to the year its Thursday is in. */
    int64_t thursday = (int64_t)days + 3 - (wr_date_weekday(days) + 6) % 7;
    int32_t month, day;
    split_days(thursday, iso_year, &month, &day);
    *week = (int32_t)((thursday - days_of(*iso_year, 1, 1)) / 7) + 1;
}

/* ---- timestamps */

/* Not ts - days * WR_USECS_PER_DAY: the first day begins before the smallest timestamp. */
static inline int64_t time_of_day(int64_t ts)
{
    int64_t rest = ts % WR_USECS_PER_DAY;
    return rest < 0 ? rest + WR_USECS_PER_DAY : rest;
}

void wr_ts_split(int64_t ts, wr_civil *out)
{
    int64_t days = floor_div(ts, WR_USECS_PER_DAY), rest = time_of_day(ts);
    split_days(days, &out->year, &out->month, &out->day);
    int32_t seconds = (int32_t)(rest / WR_USECS_PER_SEC);
    out->usec = (int32_t)(rest % WR_USECS_PER_SEC);
    out->hour = seconds / 3600;
    out->minute = seconds / 60 % 60;
    out->second = seconds % 60;
}

static bool join(int64_t days, int64_t usecs, int64_t *out)
{
    int64_t ts;
    if (__builtin_mul_overflow(days, WR_USECS_PER_DAY, &ts)) {
        /* The first representable day begins before the first representable microsecond. */
        if (days >= 0 || __builtin_mul_overflow(days + 1, WR_USECS_PER_DAY, &ts)) return false;
        usecs -= WR_USECS_PER_DAY;
    }
    if (__builtin_add_overflow(ts, usecs, &ts)) return false;
    if (ts == WR_TS_INF || ts <= WR_TS_NEG_INF) return false;
    *out = ts;
    return true;
}

bool wr_ts_join(const wr_civil *c, int64_t *out)
{
    int64_t seconds = (int64_t)c->hour * 3600 + (int64_t)c->minute * 60 + c->second;
    return join(days_of(c->year, c->month, c->day), seconds * WR_USECS_PER_SEC + c->usec, out);
}

/* ---- intervals */

__int128 wr_interval_order(wr_interval v)
{
    return ((__int128)v.months * 30 + v.days) * WR_USECS_PER_DAY + v.usecs;
}

bool wr_ts_add_interval(int64_t ts, wr_interval v, int64_t *out)
{
    if (ts == WR_TS_INF || ts == WR_TS_NEG_INF) {
        *out = ts;
        return true;
    }
    int64_t days = floor_div(ts, WR_USECS_PER_DAY), rest = time_of_day(ts);
    if (v.months) {
        int32_t year, month, day;
        split_days(days, &year, &month, &day);
        int64_t months = (int64_t)year * 12 + month - 1 + v.months;
        int64_t new_year = floor_div(months, 12);
        int new_month = (int)(months - new_year * 12) + 1;
        day = WR_MIN(day, wr_days_in_month((int32_t)new_year, new_month));
        days = days_of(new_year, new_month, day);
    }
    int64_t moved;
    if (!join(days + v.days, rest, &moved) || __builtin_add_overflow(moved, v.usecs, &moved))
        return false;
    if (moved == WR_TS_INF || moved <= WR_TS_NEG_INF) return false;
    *out = moved;
    return true;
}

static bool fits_i32(double value) { return value >= INT32_MIN && value <= INT32_MAX; }

/* Removes the noise of a multiplication below a microsecond. */
static double to_usecs_precision(double value) { return rint(value * 1e6) / 1e6; }

bool wr_interval_mul(wr_interval v, double factor, wr_interval *out)
{
    double months = v.months * factor, days = v.days * factor;
    if (!fits_i32(months) || !fits_i32(days)) return false; /* also refuses NaN */
    /* Parts of months become days, parts of days seconds; whole days come out of the seconds again
     * only as far as rounding made them. */
    double month_days = to_usecs_precision((months - trunc(months)) * 30);
    double part_days = trunc(month_days);
    double seconds = to_usecs_precision((days - trunc(days) + month_days - part_days) * 86400);
    if (fabs(seconds) >= 86400) {
        double carried = trunc(seconds / 86400);
        part_days += carried;
        seconds -= carried * 86400;
    }
    double usecs = rint((double)v.usecs * factor + seconds * 1e6),
           all_days = trunc(days) + part_days;
    if (!fits_i32(all_days) || !(usecs >= -9.2233720368547748e18 && usecs < 9.2233720368547758e18))
        return false;
    *out = (wr_interval){(int32_t)months, (int32_t)all_days, (int64_t)usecs};
    return true;
}

/* Counts from the earlier to the later moment field by field; what a field lacks is borrowed from
 * the next, a month having the length of the earlier moment's month. */
wr_interval wr_ts_age(int64_t later, int64_t earlier)
{
    bool negative = later < earlier;
    wr_civil a, b;
    wr_ts_split(negative ? earlier : later, &a);
    wr_ts_split(negative ? later : earlier, &b);
    int64_t usecs =
        ((int64_t)(a.hour - b.hour) * 3600 + (a.minute - b.minute) * 60 + (a.second - b.second)) *
            WR_USECS_PER_SEC +
        (a.usec - b.usec);
    int32_t days = a.day - b.day, months = (a.year - b.year) * 12 + a.month - b.month;
    if (usecs < 0) usecs += WR_USECS_PER_DAY, days--;
    while (days < 0) {
        days += wr_days_in_month(b.year, b.month);
        months--;
    }
    if (negative) return (wr_interval){-months, -days, -usecs};
    return (wr_interval){months, days, usecs};
}
