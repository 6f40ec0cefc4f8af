/* date.h - calendar arithmetic and text <-> date, time, timestamp, interval. Proleptic Gregorian
 * calendar.
 *
 * DATE = days since 1970-01-01 (int32); TIME = microseconds of the day (int64, 24:00:00 allowed);
 * TIMESTAMP = microseconds since the epoch (int64), also negative. INT32_MAX / INT32_MIN+1 and
 * INT64_MAX / INT64_MIN+1 are infinity and -infinity. */
#pragma once
#include "base/text.h"

#define WR_USECS_PER_SEC INT64_C(1000000)
#define WR_USECS_PER_DAY INT64_C(86400000000)
#define WR_DATE_INF INT32_MAX
#define WR_DATE_NEG_INF (-INT32_MAX)
#define WR_TS_INF INT64_MAX
#define WR_TS_NEG_INF (-INT64_MAX)

typedef struct wr_interval { /* 16 bytes, also the memory format */
    int32_t months, days;
    int64_t usecs;
} wr_interval;

typedef struct wr_civil { /* broken-down time */
    int32_t year;         /* astronomical: 0 = 1 BC */
    int32_t month, day;   /* 1... */
    int32_t hour, minute, second, usec;
} wr_civil;

int32_t wr_date_of(int32_t year, int32_t month, int32_t day); /* any year that fits; month 1-12 */
/* The parts of a date; infinities are split like any number. Any thread, as all of this header. */
void wr_date_split(int32_t days, int32_t *year, int32_t *month, int32_t *day);
/* Whether there is such a day, and DATE can hold it. */
bool wr_date_valid(int32_t year, int32_t month, int32_t day);
int wr_days_in_month(int32_t year, int32_t month);
int wr_date_weekday(int32_t days); /* 0 = Sunday */
int wr_date_yearday(int32_t days); /* 1... */
/* The week 1-53 by ISO 8601 and the year it belongs to, which may not be that of the day. */
void wr_date_iso_week(int32_t days, int32_t *iso_year, int32_t *week);
/* TIMESTAMP to parts and back. */
void wr_ts_split(int64_t ts, wr_civil *out);
bool wr_ts_join(const wr_civil *civil, int64_t *out); /* false: out of range */

/* Readers: PostgreSQL/ISO spellings, whole text. Return false on malformed text; *range is set (may
 * be NULL) when the text is well formed but the value does not exist or does not fit
 * ("2023-02-30"). A date with a time behind is no date here; numbers alone are month/day/year. */
bool wr_date_read(wr_str text, int32_t *out, bool *range);
bool wr_time_read(wr_str text, int64_t *out, bool *range);
/* *has_zone tells whether the text names a zone. A numeric offset, Z, UTC or GMT is applied: the
 * value is UTC and *zone_text empty. Any other name is left in *zone_text and the value is as
 * written. */
bool wr_ts_read(wr_str text, int64_t *out, bool *has_zone, wr_str *zone_text, bool *range);
/* '1 year 2 mons 3 days 04:05:06.7', ISO P1Y..., '-1 day' */
bool wr_interval_read(wr_str text, wr_interval *out);

int wr_date_print(int32_t days, char *out);      /* out needs 32 bytes; returns the length */
int wr_time_print(int64_t usecs, char *out);     /* 04:05:06.7 */
int wr_ts_print(int64_t ts, char *out);          /* 2001-02-03 04:05:06.7 */
int wr_interval_print(wr_interval v, char *out); /* PostgreSQL style; out needs 96 */
/* Total order of intervals as PostgreSQL's: months of 30 days, days of 24 hours; microseconds in
 * 128 bits. */
__int128 wr_interval_order(wr_interval v);
/* months clamp to the month's last day */
bool wr_ts_add_interval(int64_t ts, wr_interval v, int64_t *out);
bool wr_interval_mul(wr_interval v, double factor, wr_interval *out);
wr_interval wr_ts_age(int64_t later, int64_t earlier); /* PostgreSQL age() */
