/* date_units.c - the calendar meaning of unit and field names.
 *
 * Everything works on local microseconds or days, astronomical years inside: PostgreSQL shows year
 * 0 as -1 (1 BC), and its centuries and millennia begin with year 1. Weeks begin on Monday (ISO).
 */
#include "expr/fn/date_units.h"

static const struct field_name {
    const char *name;
    wr_date_field field;
} names[] = {
    {"year", WR_DF_YEAR},
    {"years", WR_DF_YEAR},
    {"y", WR_DF_YEAR},
    {"yr", WR_DF_YEAR},
    {"yrs", WR_DF_YEAR},
    {"yyyy", WR_DF_YEAR},
    {"yy", WR_DF_YEAR},
    {"quarter", WR_DF_QUARTER},
    {"quarters", WR_DF_QUARTER},
    {"qtr", WR_DF_QUARTER},
    {"q", WR_DF_QUARTER},
    {"month", WR_DF_MONTH},
    {"months", WR_DF_MONTH},
    {"mon", WR_DF_MONTH},
    {"mons", WR_DF_MONTH},
    {"mm", WR_DF_MONTH},
    {"week", WR_DF_WEEK},
    {"weeks", WR_DF_WEEK},
    {"w", WR_DF_WEEK},
    {"weekofyear", WR_DF_WEEK},
    {"iso_week", WR_DF_WEEK},
    {"isoweek", WR_DF_WEEK},
    {"day", WR_DF_DAY},
    {"days", WR_DF_DAY},
    {"d", WR_DF_DAY},
    {"dayofmonth", WR_DF_DAY},
    {"dd", WR_DF_DAY},
    {"hour", WR_DF_HOUR},
    {"hours", WR_DF_HOUR},
    {"h", WR_DF_HOUR},
    {"hr", WR_DF_HOUR},
    {"hrs", WR_DF_HOUR},
    {"minute", WR_DF_MINUTE},
    {"minutes", WR_DF_MINUTE},
    {"min", WR_DF_MINUTE},
    {"mins", WR_DF_MINUTE},
    {"m", WR_DF_MINUTE},
    {"second", WR_DF_SECOND},
    {"seconds", WR_DF_SECOND},
    {"sec", WR_DF_SECOND},
    {"secs", WR_DF_SECOND},
    {"s", WR_DF_SECOND},
    {"millisecond", WR_DF_MILLISECOND},
    {"milliseconds", WR_DF_MILLISECOND},
    {"ms", WR_DF_MILLISECOND},
    {"msec", WR_DF_MILLISECOND},
    {"msecs", WR_DF_MILLISECOND},
    {"microsecond", WR_DF_MICROSECOND},
    {"microseconds", WR_DF_MICROSECOND},
    {"us", WR_DF_MICROSECOND},
    {"usec", WR_DF_MICROSECOND},
    {"usecs", WR_DF_MICROSECOND},
    {"nanosecond", WR_DF_NANOSECOND},
    {"nanoseconds", WR_DF_NANOSECOND},
    {"ns", WR_DF_NANOSECOND},
    {"decade", WR_DF_DECADE},
    {"decades", WR_DF_DECADE},
    {"century", WR_DF_CENTURY},
    {"centuries", WR_DF_CENTURY},
    {"millennium", WR_DF_MILLENNIUM},
    {"millennia", WR_DF_MILLENNIUM},
    {"millenium", WR_DF_MILLENNIUM},
    {"dow", WR_DF_DOW},
    {"dayofweek", WR_DF_DOW},
    {"weekday", WR_DF_DOW},
    {"isodow", WR_DF_ISODOW},
    {"doy", WR_DF_DOY},
    {"dayofyear", WR_DF_DOY},
    {"isoyear", WR_DF_ISOYEAR},
    {"iso_year", WR_DF_ISOYEAR},
    {"yearweek", WR_DF_YEARWEEK},
    {"epoch", WR_DF_EPOCH},
    {"epoch_ms", WR_DF_EPOCH_MS},
    {"epoch_us", WR_DF_EPOCH_US},
    {"epoch_ns", WR_DF_EPOCH_NS},
    {"julian", WR_DF_JULIAN},
    {"era", WR_DF_ERA},
    {"timezone", WR_DF_TIMEZONE},
    {"timezone_hour", WR_DF_TIMEZONE_HOUR},
    {"timezone_minute", WR_DF_TIMEZONE_MINUTE},
};

wr_date_field wr_date_field_find(wr_str name)
{
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (wr_str_is(name, names[i].name)) return names[i].field;
    return WR_DF_NONE;
}

weir_status wr_date_field_read(wr_str name, wr_date_field *out)
{
    *out = wr_date_field_find(name);
    if (*out != WR_DF_NONE) return WR_OK;
    wr_nearest nearest = {.wanted = name};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        wr_nearest_offer(&nearest, wr_str_of(names[i].name));
    return wr_with_nearest(
        wr_fail(WR_E_BAD_ARGUMENT, "unknown unit of time \"%.*s\"", WR_STR_ARGS(name)), &nearest);
}

weir_status wr_datetime_overflow(const char *what)
{
    return wr_fail(WR_E_DATETIME_OVERFLOW, "%s out of range", what);
}

bool wr_ts_is_finite(int64_t ts) { return ts != WR_TS_INF && ts != WR_TS_NEG_INF; }

int64_t wr_to_local(const wr_env *env, int64_t utc)
{
    if (!env || !env->zone || !wr_ts_is_finite(utc)) return utc;
    return utc + wr_zone_offset_at(env->zone, utc) * WR_USECS_PER_SEC;
}
int64_t wr_to_utc(const wr_env *env, int64_t local)
{
    if (!env || !env->zone || !wr_ts_is_finite(local)) return local;
    return wr_zone_local_to_utc(env->zone, local);
}

static int64_t century_of(int32_t year, int32_t length)
{
    return year > 0 ? (year + length - 1) / length : -((length - year) / length);
}

bool wr_date_field_value(int32_t days, wr_date_field field, int64_t *value, int *scale)
{
    int32_t year, month, day, week;
    *scale = 0;
    switch (field) {
    case WR_DF_DOW:
        *value = wr_date_weekday(days);
        return true;
    case WR_DF_ISODOW:
        *value = (wr_date_weekday(days) + 6) % 7 + 1;
        return true;
    case WR_DF_DOY:
        *value = wr_date_yearday(days);
        return true;
    case WR_DF_EPOCH:
        *value = (int64_t)days * 86400 * 1000000, *scale = 6;
        return true;
    case WR_DF_EPOCH_MS:
        *value = (int64_t)days * 86400000;
        return true;
    case WR_DF_EPOCH_US:
        *value = (int64_t)days * WR_USECS_PER_DAY;
        return true;
    case WR_DF_JULIAN:
        *value = (int64_t)days + 2440588;
        return true;
    case WR_DF_ISOYEAR:
    case WR_DF_WEEK:
    case WR_DF_YEARWEEK:
        wr_date_iso_week(days, &year, &week);
        if (field == WR_DF_WEEK)
            *value = week;
        else if (field == WR_DF_ISOYEAR)
            *value = year > 0 ? year : year - 1;
        else
            *value = (int64_t)year * 100 + (year >= 0 ? week : -week);
        return true;
    default:
        break;
    }
    wr_date_split(days, &year, &month, &day);
    switch (field) {
    case WR_DF_DAY:
        *value = day;
        return true;
    case WR_DF_MONTH:
        *value = month;
        return true;
    case WR_DF_QUARTER:
        *value = (month - 1) / 3 + 1;
        return true;
    case WR_DF_YEAR:
        *value = year > 0 ? year : year - 1;
        return true;
    case WR_DF_DECADE:
        *value = wr_floor_div(year, 10);
        return true;
    case WR_DF_CENTURY:
        *value = century_of(year, 100);
        return true;
    case WR_DF_MILLENNIUM:
        *value = century_of(year, 1000);
        return true;
    case WR_DF_ERA:
        *value = year > 0;
        return true;
    default:
        return false;
    }
}

static bool time_field(int64_t usecs, wr_date_field field, int64_t *value, int *scale)
{
    *scale = 0;
    switch (field) {
    case WR_DF_HOUR:
        *value = usecs / (3600 * WR_USECS_PER_SEC);
        return true;
    case WR_DF_MINUTE:
        *value = usecs / (60 * WR_USECS_PER_SEC) % 60;
        return true;
    case WR_DF_SECOND:
        *value = usecs % (60 * WR_USECS_PER_SEC), *scale = 6;
        return true;
    case WR_DF_MILLISECOND:
        *value = usecs % (60 * WR_USECS_PER_SEC), *scale = 3;
        return true;
    case WR_DF_MICROSECOND:
        *value = usecs % (60 * WR_USECS_PER_SEC);
        return true;
    case WR_DF_NANOSECOND:
        *value = usecs % (60 * WR_USECS_PER_SEC) * 1000;
        return true;
    default:
        return false;
    }
}

bool wr_ts_field(int64_t ts, wr_date_field field, int64_t *value, int *scale)
{
    int64_t days = wr_floor_div(ts, WR_USECS_PER_DAY);
    *scale = 0;
    switch (field) {
    case WR_DF_EPOCH:
        *value = ts, *scale = 6;
        return true;
    case WR_DF_EPOCH_MS:
        *value = wr_floor_div(ts, 1000);
        return true;
    case WR_DF_EPOCH_US:
        *value = ts;
        return true;
    case WR_DF_EPOCH_NS:
        return !__builtin_mul_overflow(ts, 1000, value);
    case WR_DF_JULIAN:
        *value = (days + 2440588) * 1000000 + (ts - days * WR_USECS_PER_DAY) / 86400, *scale = 6;
        return true;
    case WR_DF_TIMEZONE:
    case WR_DF_TIMEZONE_HOUR:
    case WR_DF_TIMEZONE_MINUTE:
        *value = 0;
        return true;
    default:
        break;
    }
    if (time_field(ts - days * WR_USECS_PER_DAY, field, value, scale)) return true;
    return wr_date_field_value((int32_t)days, field, value, scale);
}

bool wr_interval_field(wr_interval v, wr_date_field field, int64_t *value, int *scale)
{
    int32_t years = v.months / 12;
    *scale = 0;
    switch (field) {
    case WR_DF_EPOCH:
        /* As PostgreSQL: a year has 365.25 days, a month 30. */
        *scale = 6;
        *value = (int64_t)years * 31557600 + (int64_t)(v.months % 12) * 30 * 86400 +
                 (int64_t)v.days * 86400;
        return !__builtin_mul_overflow(*value, INT64_C(1000000), value) &&
               !__builtin_add_overflow(*value, v.usecs, value);
    case WR_DF_DAY:
        *value = v.days;
        return true;
    case WR_DF_WEEK:
        *value = v.days / 7;
        return true;
    case WR_DF_MONTH:
        *value = v.months % 12;
        return true;
    case WR_DF_QUARTER:
        *value = v.months % 12 / 3 + 1;
        return true;
    case WR_DF_YEAR:
        *value = years;
        return true;
    case WR_DF_DECADE:
        *value = years / 10;
        return true;
    case WR_DF_CENTURY:
        *value = years / 100;
        return true;
    case WR_DF_MILLENNIUM:
        *value = years / 1000;
        return true;
    default:
        return time_field(v.usecs, field, value, scale);
    }
}

static int64_t unit_usecs(wr_date_field unit)
{
    switch (unit) {
    case WR_DF_MICROSECOND:
        return 1;
    case WR_DF_MILLISECOND:
        return 1000;
    case WR_DF_SECOND:
        return WR_USECS_PER_SEC;
    case WR_DF_MINUTE:
        return 60 * WR_USECS_PER_SEC;
    case WR_DF_HOUR:
        return 3600 * WR_USECS_PER_SEC;
    case WR_DF_DAY:
        return WR_USECS_PER_DAY;
    default:
        return 0;
    }
}

bool wr_ts_trunc(int64_t ts, wr_date_field unit, int64_t *out)
{
    int64_t usecs = unit_usecs(unit);
    if (usecs) {
        *out = wr_floor_div(ts, usecs) * usecs;
        return true;
    }
    int32_t days = (int32_t)wr_floor_div(ts, WR_USECS_PER_DAY), year, month, day;
    if (unit == WR_DF_WEEK) {
        days -= (wr_date_weekday(days) + 6) % 7;
        *out = (int64_t)days * WR_USECS_PER_DAY;
        return true;
    }
    wr_date_split(days, &year, &month, &day);
    switch (unit) {
    case WR_DF_MONTH:
        break;
    case WR_DF_QUARTER:
        month = (month - 1) / 3 * 3 + 1;
        break;
    case WR_DF_YEAR:
        month = 1;
        break;
    case WR_DF_DECADE:
        month = 1, year = (int32_t)wr_floor_div(year, 10) * 10;
        break;
    case WR_DF_CENTURY:
        month = 1, year = (int32_t)wr_floor_div(year - 1, 100) * 100 + 1;
        break;
    case WR_DF_MILLENNIUM:
        month = 1, year = (int32_t)wr_floor_div(year - 1, 1000) * 1000 + 1;
        break;
    case WR_DF_ISOYEAR: {
        int32_t iso_year, week;
        wr_date_iso_week(days, &iso_year, &week);
        int32_t monday = days - (wr_date_weekday(days) + 6) % 7;
        *out = (int64_t)(monday - (week - 1) * 7) * WR_USECS_PER_DAY;
        return true;
    }
    default:
        return false;
    }
    *out = (int64_t)wr_date_of(year, month, 1) * WR_USECS_PER_DAY;
    return true;
}

bool wr_ts_unit_index(int64_t ts, wr_date_field unit, int64_t *out)
{
    int64_t usecs = unit_usecs(unit);
    if (usecs) {
        *out = wr_floor_div(ts, usecs);
        return true;
    }
    int32_t days = (int32_t)wr_floor_div(ts, WR_USECS_PER_DAY), year, month, day, week;
    if (unit == WR_DF_WEEK) {
        *out = wr_floor_div((int64_t)days + 3, 7);
        return true;
    }
    wr_date_split(days, &year, &month, &day);
    switch (unit) {
    case WR_DF_MONTH:
        *out = (int64_t)year * 12 + month - 1;
        return true;
    case WR_DF_QUARTER:
        *out = ((int64_t)year * 12 + month - 1) / 3;
        return true;
    case WR_DF_YEAR:
        *out = year;
        return true;
    case WR_DF_DECADE:
        *out = wr_floor_div(year, 10);
        return true;
    case WR_DF_CENTURY:
        *out = wr_floor_div(year - 1, 100);
        return true;
    case WR_DF_MILLENNIUM:
        *out = wr_floor_div(year - 1, 1000);
        return true;
    case WR_DF_ISOYEAR:
        wr_date_iso_week(days, &year, &week);
        *out = year;
        return true;
    default:
        return false;
    }
}

bool wr_units_interval(wr_date_field unit, int64_t n, wr_interval *out)
{
    static const int32_t months[] = {
        [WR_DF_MONTH] = 1,    [WR_DF_QUARTER] = 3,    [WR_DF_YEAR] = 12,
        [WR_DF_DECADE] = 120, [WR_DF_CENTURY] = 1200, [WR_DF_MILLENNIUM] = 12000};
    *out = (wr_interval){0};
    if (unit == WR_DF_DAY || unit == WR_DF_WEEK)
        return !__builtin_mul_overflow(n, unit == WR_DF_WEEK ? 7 : 1, &out->days);
    if (unit >= WR_DF_MONTH && unit <= WR_DF_MILLENNIUM)
        return !__builtin_mul_overflow(n, months[unit], &out->months);
    int64_t usecs = unit_usecs(unit);
    return usecs && !__builtin_mul_overflow(n, usecs, &out->usecs);
}
