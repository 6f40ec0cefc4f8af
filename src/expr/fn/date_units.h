/* date_units.h - units and fields of time (year, dow, epoch ...) and what they mean for timestamps.
 */
#pragma once
#include "expr/fn/call.h"
#include "sys/clock.h"

typedef enum wr_date_field {
    WR_DF_NONE,
    /* units, from small to large: these can be truncated to and counted */
    WR_DF_MICROSECOND,
    WR_DF_MILLISECOND,
    WR_DF_SECOND,
    WR_DF_MINUTE,
    WR_DF_HOUR,
    WR_DF_DAY,
    WR_DF_WEEK,
    WR_DF_MONTH,
    WR_DF_QUARTER,
    WR_DF_YEAR,
    WR_DF_DECADE,
    WR_DF_CENTURY,
    WR_DF_MILLENNIUM,
    /* fields only */
    WR_DF_DOW,
    WR_DF_ISODOW,
    WR_DF_DOY,
    WR_DF_ISOYEAR,
    WR_DF_YEARWEEK,
    WR_DF_EPOCH,
    WR_DF_EPOCH_MS,
    WR_DF_EPOCH_US,
    WR_DF_EPOCH_NS,
    WR_DF_JULIAN,
    WR_DF_ERA,
    WR_DF_TIMEZONE,
    WR_DF_TIMEZONE_HOUR,
    WR_DF_TIMEZONE_MINUTE,
    WR_DF_NANOSECOND,
} wr_date_field;

/* By any of its names (case-insensitive): year, years, yr, y, ...; WR_DF_NONE if unknown. */
wr_date_field wr_date_field_find(wr_str name);
/* As find, with an error naming near ones. */
WR_MUST_CHECK weir_status wr_date_field_read(wr_str name, wr_date_field *out);

/* Neither infinity nor -infinity. */
bool wr_ts_is_finite(int64_t ts);
/* Local time of the session's zone for a moment, and back. */
int64_t wr_to_local(const wr_env *env, int64_t utc);
int64_t wr_to_utc(const wr_env *env, int64_t local);

/* Value of a field of a finite local timestamp. Whole-number fields go through int64 (times
 * 10^*scale: seconds and epoch have scale 6, milliseconds 3). false if the field does not exist for
 * timestamps. */
bool wr_ts_field(int64_t ts, wr_date_field field, int64_t *value, int *scale);
bool wr_date_field_value(int32_t days, wr_date_field field, int64_t *value, int *scale);
bool wr_interval_field(wr_interval v, wr_date_field field, int64_t *value, int *scale);
/* Start of the unit around ts. false if field is no unit. */
bool wr_ts_trunc(int64_t ts, wr_date_field unit, int64_t *out);
/* Running number of the unit ts lies in: differences of two are boundaries crossed. */
bool wr_ts_unit_index(int64_t ts, wr_date_field unit, int64_t *out);
/* n units as an interval; false if it does not fit. */
bool wr_units_interval(wr_date_field unit, int64_t n, wr_interval *out);
WR_MUST_CHECK weir_status wr_datetime_overflow(const char *what);
