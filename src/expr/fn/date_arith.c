/* date_arith.c - the current moment, adding, differences, building dates and intervals, time zones.
 *
 * The operators + and - of dates live with the other operators (arith.c); these are the functions.
 * Within a statement the current moment stands still (WR_FN_STABLE): it is env->now_us. Every
 * result is range-checked. */
#include "expr/fn/date_units.h"
#include <math.h>

/* ---- now ---- */

static weir_status fn_now(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = call->env->now_us; }
    return WR_OK;
}
static weir_status fn_local_now(wr_call *call, wr_column *out)
{
    int64_t local = wr_to_local(call->env, call->env->now_us);
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = local; }
    return WR_OK;
}
static weir_status fn_today(wr_call *call, wr_column *out)
{
    int32_t days =
        (int32_t)wr_floor_div(wr_to_local(call->env, call->env->now_us), WR_USECS_PER_DAY);
    WR_ALL_ROWS(i) { WR_OUT(out, int32_t, i) = days; }
    return WR_OK;
}
static weir_status fn_local_time(wr_call *call, wr_column *out)
{
    int64_t usecs = wr_floor_mod(wr_to_local(call->env, call->env->now_us), WR_USECS_PER_DAY);
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = usecs; }
    return WR_OK;
}
static weir_status fn_clock(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = wr_clock_unix_us(); }
    return WR_OK;
}
static weir_status fn_unix_now(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = wr_floor_div(call->env->now_us, WR_USECS_PER_SEC); }
    return WR_OK;
}

/* ---- adding and differences ---- */

static wr_interval negated(wr_interval v) { return (wr_interval){-v.months, -v.days, -v.usecs}; }

static weir_status add_rows(wr_call *call, wr_column *out, bool subtract)
{
    bool has_zone = call->args[0].type->id == WR_T_TIMESTAMPTZ;
    WR_ROWS(i)
    {
        wr_interval v = WR_ARG(call, 1, wr_interval, i);
        int64_t ts = WR_ARG(call, 0, int64_t, i);
        if (subtract) {
            if (v.months == INT32_MIN || v.days == INT32_MIN || v.usecs == INT64_MIN)
                return wr_bad_row(call, i, wr_datetime_overflow("interval"));
            v = negated(v);
        }
        if (wr_ts_is_finite(ts)) {
            /* Months and days move the local clock, hours the absolute time. */
            if (has_zone && (v.months || v.days)) {
                int64_t local = wr_to_local(call->env, ts);
                if (!wr_ts_add_interval(local, (wr_interval){v.months, v.days, 0}, &local))
                    return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
                ts = wr_to_utc(call->env, local);
                v.months = v.days = 0;
            }
            if (!wr_ts_add_interval(ts, v, &ts))
                return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
        }
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}
static weir_status fn_date_add(wr_call *call, wr_column *out) { return add_rows(call, out, false); }
static weir_status fn_date_sub(wr_call *call, wr_column *out) { return add_rows(call, out, true); }

static weir_status add_days(wr_call *call, wr_column *out, int sign)
{
    WR_ROWS(i)
    {
        int64_t days = WR_ARG(call, 0, int32_t, i), sum;
        if (days != WR_DATE_INF && days != WR_DATE_NEG_INF) {
            int64_t n = WR_ARG(call, 1, int64_t, i);
            if (__builtin_mul_overflow(n, sign, &n) || __builtin_add_overflow(days, n, &sum) ||
                sum >= WR_DATE_INF || sum <= WR_DATE_NEG_INF)
                return wr_bad_row(call, i, wr_datetime_overflow("date"));
            days = sum;
        }
        WR_OUT(out, int32_t, i) = (int32_t)days;
    }
    return WR_OK;
}
static weir_status fn_add_days(wr_call *call, wr_column *out) { return add_days(call, out, 1); }
static weir_status fn_sub_days(wr_call *call, wr_column *out) { return add_days(call, out, -1); }

static weir_status fn_add_units(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_date_field unit;
        wr_interval v;
        weir_status bad = wr_date_field_read(wr_arg_str(call, 0, i), &unit);
        if (bad) return wr_bad_row(call, i, bad);
        int64_t ts = WR_ARG(call, 2, int64_t, i);
        if (!wr_units_interval(unit, WR_ARG(call, 1, int64_t, i), &v) ||
            (wr_ts_is_finite(ts) && !wr_ts_add_interval(ts, v, &ts)))
            return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

static weir_status fn_add_months(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t ts = WR_ARG(call, 0, int32_t, i) * WR_USECS_PER_DAY,
                n = WR_ARG(call, 1, int64_t, i);
        if (n != (int32_t)n || !wr_ts_add_interval(ts, (wr_interval){(int32_t)n, 0, 0}, &ts))
            return wr_bad_row(call, i, wr_datetime_overflow("date"));
        WR_OUT(out, int32_t, i) = (int32_t)wr_floor_div(ts, WR_USECS_PER_DAY);
    }
    return WR_OK;
}

static weir_status unit_of_row(const wr_call *call, uint32_t i, wr_date_field *unit)
{
    int64_t ignored;
    WR_TRY(wr_date_field_read(wr_arg_str(call, 0, i), unit));
    if (wr_ts_unit_index(0, *unit, &ignored)) return WR_OK;
    wr_str name = wr_arg_str(call, 0, i);
    return wr_fail(WR_E_BAD_ARGUMENT, "\"%.*s\" is not a unit that can be counted",
                   WR_STR_ARGS(name));
}

/* Boundaries of the unit between two moments. */
static weir_status fn_date_diff(wr_call *call, wr_column *out)
{
    bool has_zone = call->args[1].type->id == WR_T_TIMESTAMPTZ;
    WR_ROWS(i)
    {
        wr_date_field unit;
        weir_status bad = unit_of_row(call, i, &unit);
        if (bad) return wr_bad_row(call, i, bad);
        int64_t from = WR_ARG(call, 1, int64_t, i), to = WR_ARG(call, 2, int64_t, i), a, b;
        if (!wr_ts_is_finite(from) || !wr_ts_is_finite(to)) {
            wr_out_null(call, out, i);
            continue;
        }
        if (has_zone) from = wr_to_local(call->env, from), to = wr_to_local(call->env, to);
        (void)wr_ts_unit_index(from, unit, &a);
        (void)wr_ts_unit_index(to, unit, &b);
        WR_OUT(out, int64_t, i) = b - a;
    }
    return WR_OK;
}

/* Whole units between two moments. */
static int64_t whole_units(wr_date_field unit, int64_t from, int64_t to)
{
    int64_t a, b;
    wr_interval v;
    (void)wr_units_interval(unit, 1, &v);
    if (!v.months) {
        int64_t usecs = v.days ? v.days * WR_USECS_PER_DAY : v.usecs;
        return (to - from) / usecs;
    }
    (void)wr_ts_unit_index(from, WR_DF_MONTH, &a);
    (void)wr_ts_unit_index(to, WR_DF_MONTH, &b);
    int64_t months = b - a, moved;
    if (wr_ts_add_interval(from, (wr_interval){(int32_t)months, 0, 0}, &moved)) {
        if (months > 0 && moved > to) months--;
        if (months < 0 && moved < to) months++;
    }
    return months / v.months;
}
static weir_status fn_date_sub_units(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_date_field unit;
        weir_status bad = unit_of_row(call, i, &unit);
        if (bad) return wr_bad_row(call, i, bad);
        int64_t from = WR_ARG(call, 1, int64_t, i), to = WR_ARG(call, 2, int64_t, i), ignored;
        if (!wr_ts_is_finite(from) || !wr_ts_is_finite(to))
            wr_out_null(call, out, i);
        else if (__builtin_sub_overflow(to, from, &ignored))
            return wr_bad_row(call, i, wr_datetime_overflow("difference"));
        else
            WR_OUT(out, int64_t, i) =
                whole_units(unit == WR_DF_ISOYEAR ? WR_DF_YEAR : unit, from, to);
    }
    return WR_OK;
}
static weir_status fn_day_difference(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, int64_t, i) =
            (int64_t)WR_ARG(call, 0, int32_t, i) - WR_ARG(call, 1, int32_t, i);
    }
    return WR_OK;
}

static weir_status fn_age(wr_call *call, wr_column *out)
{
    bool has_zone = call->args[0].type->id == WR_T_TIMESTAMPTZ;
    int64_t today = wr_to_local(call->env, call->env->now_us);
    today -= wr_floor_mod(today, WR_USECS_PER_DAY);
    WR_ROWS(i)
    {
        int64_t a = WR_ARG(call, 0, int64_t, i), b = a;
        if (call->arg_count > 1) b = WR_ARG(call, 1, int64_t, i);
        if (!wr_ts_is_finite(a) || !wr_ts_is_finite(b)) {
            wr_out_null(call, out, i);
            continue;
        }
        if (has_zone) a = wr_to_local(call->env, a), b = wr_to_local(call->env, b);
        WR_OUT(out, wr_interval, i) = call->arg_count > 1 ? wr_ts_age(a, b) : wr_ts_age(today, a);
    }
    return WR_OK;
}

/* Start of the bucket of width stride that holds ts, buckets counted from origin. */
static bool bucket_start(wr_interval stride, int64_t ts, int64_t origin, int64_t *out)
{
    if (stride.months) {
        int64_t a, b, start;
        if (stride.months < 0 || stride.days || stride.usecs) return false;
        (void)wr_ts_unit_index(origin, WR_DF_MONTH, &a);
        (void)wr_ts_unit_index(ts, WR_DF_MONTH, &b);
        int64_t months = wr_floor_div(b - a, stride.months) * stride.months;
        if (!wr_ts_add_interval(origin, (wr_interval){(int32_t)months, 0, 0}, &start)) return false;
        if (start > ts &&
            !wr_ts_add_interval(origin, (wr_interval){(int32_t)(months - stride.months), 0, 0},
                                &start))
            return false;
        *out = start;
        return true;
    }
    wr_i128 width = (wr_i128)stride.days * WR_USECS_PER_DAY + stride.usecs;
    if (width <= 0) return false;
    wr_i128 past = (wr_i128)ts - origin, rest = past % width;
    if (rest < 0) rest += width;
    *out = (int64_t)(ts - rest);
    return true;
}

enum { MONDAY_2000_01_03 = 10959 };

static weir_status fn_date_bin(wr_call *call, wr_column *out)
{
    bool is_date = call->args[1].type->id == WR_T_DATE;
    WR_ROWS(i)
    {
        wr_interval stride = WR_ARG(call, 0, wr_interval, i);
        int64_t ts = is_date ? WR_ARG(call, 1, int32_t, i) * WR_USECS_PER_DAY
                             : WR_ARG(call, 1, int64_t, i),
                start = ts;
        int64_t origin =
            stride.months ? 10957 * WR_USECS_PER_DAY : MONDAY_2000_01_03 * WR_USECS_PER_DAY;
        if (call->arg_count > 2)
            origin = is_date ? WR_ARG(call, 2, int32_t, i) * WR_USECS_PER_DAY
                             : WR_ARG(call, 2, int64_t, i);
        if (wr_ts_is_finite(ts) && !bucket_start(stride, ts, origin, &start))
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "the width must be positive, and months stand alone"));
        if (is_date)
            WR_OUT(out, int32_t, i) = (int32_t)wr_floor_div(start, WR_USECS_PER_DAY);
        else
            WR_OUT(out, int64_t, i) = start;
    }
    return WR_OK;
}

/* ---- building ---- */

static bool join_date(int64_t year, int64_t month, int64_t day, int32_t *out)
{
    if (year != (int32_t)year || month < 1 || month > 12 || day < 1 || day > 31 || year == 0)
        return false;
    if (year < 0) year++;
    if (!wr_date_valid((int32_t)year, (int32_t)month, (int32_t)day)) return false;
    *out = wr_date_of((int32_t)year, (int32_t)month, (int32_t)day);
    return true;
}
static bool join_time(int64_t hour, int64_t minute, double second, int64_t *out)
{
    if (hour < 0 || hour > 24 || minute < 0 || minute > 59 || !(second >= 0 && second <= 60))
        return false;
    *out = (hour * 3600 + minute * 60) * WR_USECS_PER_SEC + (int64_t)llround(second * 1e6);
    return *out <= WR_USECS_PER_DAY;
}

static weir_status fn_make_date(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t y = WR_ARG(call, 0, int64_t, i), m = WR_ARG(call, 1, int64_t, i),
                d = WR_ARG(call, 2, int64_t, i);
        if (!join_date(y, m, d, &WR_OUT(out, int32_t, i)))
            return wr_bad_row(call, i,
                              wr_fail(WR_E_DATETIME_OVERFLOW, "there is no date %lld-%02lld-%02lld",
                                      (long long)y, (long long)m, (long long)d));
    }
    return WR_OK;
}
static weir_status fn_make_time(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        if (!join_time(WR_ARG(call, 0, int64_t, i), WR_ARG(call, 1, int64_t, i),
                       WR_ARG(call, 2, double, i), &WR_OUT(out, int64_t, i)))
            return wr_bad_row(call, i, wr_datetime_overflow("time"));
    }
    return WR_OK;
}
static weir_status fn_make_timestamp(wr_call *call, wr_column *out)
{
    bool has_zone = out->type->id == WR_T_TIMESTAMPTZ;
    WR_ROWS(i)
    {
        int32_t days;
        int64_t usecs, ts;
        if (!join_date(WR_ARG(call, 0, int64_t, i), WR_ARG(call, 1, int64_t, i),
                       WR_ARG(call, 2, int64_t, i), &days) ||
            !join_time(WR_ARG(call, 3, int64_t, i), WR_ARG(call, 4, int64_t, i),
                       WR_ARG(call, 5, double, i), &usecs) ||
            __builtin_mul_overflow((int64_t)days, WR_USECS_PER_DAY, &ts) ||
            __builtin_add_overflow(ts, usecs, &ts))
            return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
        if (call->arg_count > 6) { /* in the zone given */
            const wr_zone *zone;
            weir_status bad = wr_zone_find(wr_arg_str(call, 6, i), &zone);
            if (bad) return wr_bad_row(call, i, bad);
            ts = wr_zone_local_to_utc(zone, ts);
        } else if (has_zone) {
            ts = wr_to_utc(call->env, ts);
        }
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

/* make_interval(years, months, weeks, days, hours, mins, secs) */
static weir_status fn_make_interval(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t n[6], months, days, usecs;
        double seconds = WR_ARG(call, 6, double, i);
        for (int a = 0; a < 6; a++)
            n[a] = WR_ARG(call, a, int64_t, i);
        bool bad = __builtin_mul_overflow(n[0], 12, &months) ||
                   __builtin_add_overflow(months, n[1], &months);
        bad = bad || __builtin_mul_overflow(n[2], 7, &days) ||
              __builtin_add_overflow(days, n[3], &days);
        bad = bad || n[4] != (int32_t)n[4] || n[5] != (int32_t)n[5] || !(fabs(seconds) < 9e11);
        bad = bad || months != (int32_t)months || days != (int32_t)days;
        if (bad) return wr_bad_row(call, i, wr_datetime_overflow("interval"));
        usecs = (n[4] * 3600 + n[5] * 60) * WR_USECS_PER_SEC + (int64_t)llround(seconds * 1e6);
        WR_OUT(out, wr_interval, i) = (wr_interval){(int32_t)months, (int32_t)days, usecs};
    }
    return WR_OK;
}

/* to_years(n) ... to_microseconds(n): the unit is in the name. */
static weir_status fn_to_units(wr_call *call, wr_column *out)
{
    const char *name = call->expr->call.fn->name + 3; /* behind "to_" */
    wr_date_field unit = wr_date_field_find((wr_str){name, strcspn(name, "|")});
    WR_ROWS(i)
    {
        if (!wr_units_interval(unit, WR_ARG(call, 0, int64_t, i), &WR_OUT(out, wr_interval, i)))
            return wr_bad_row(call, i, wr_datetime_overflow("interval"));
    }
    return WR_OK;
}
static weir_status fn_to_seconds(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double seconds = WR_ARG(call, 0, double, i);
        if (!(fabs(seconds) < 9.2e12)) return wr_bad_row(call, i, wr_datetime_overflow("interval"));
        WR_OUT(out, wr_interval, i) = (wr_interval){0, 0, (int64_t)llround(seconds * 1e6)};
    }
    return WR_OK;
}

static weir_status fn_to_timestamp(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double seconds = WR_ARG(call, 0, double, i);
        if (isinf(seconds)) {
            WR_OUT(out, int64_t, i) = seconds > 0 ? WR_TS_INF : WR_TS_NEG_INF;
            continue;
        }
        if (!(fabs(seconds) < 9.2e12))
            return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
        double whole = floor(seconds);
        WR_OUT(out, int64_t, i) =
            (int64_t)whole * WR_USECS_PER_SEC + llround((seconds - whole) * 1e6);
    }
    return WR_OK;
}

static weir_status fn_from_units(wr_call *call, wr_column *out)
{
    /* from_unixtime counts seconds, make_timestamp_ms and epoch_ms milliseconds, make_timestamp
     * microseconds. */
    const char *name = call->expr->call.fn->name;
    int64_t factor = strncmp(name, "from_unixtime", 13) == 0 ? WR_USECS_PER_SEC
                     : strstr(name, "_ms")                   ? 1000
                                                             : 1;
    WR_ROWS(i)
    {
        if (__builtin_mul_overflow(WR_ARG(call, 0, int64_t, i), factor, &WR_OUT(out, int64_t, i)))
            return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
    }
    return WR_OK;
}
static weir_status fn_unix_timestamp(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        WR_OUT(out, int64_t, i) = wr_floor_div(WR_ARG(call, 0, int64_t, i), WR_USECS_PER_SEC);
    }
    return WR_OK;
}

/* ---- zones, justify, overlaps ---- */

static weir_status fn_timezone(wr_call *call, wr_column *out)
{
    bool to_local = call->args[1].type->id == WR_T_TIMESTAMPTZ;
    WR_ROWS(i)
    {
        const wr_zone *zone;
        weir_status bad = wr_zone_find(wr_arg_str(call, 0, i), &zone);
        if (bad) return wr_bad_row(call, i, bad);
        int64_t ts = WR_ARG(call, 1, int64_t, i);
        if (wr_ts_is_finite(ts))
            ts = to_local ? ts + wr_zone_offset_at(zone, ts) * WR_USECS_PER_SEC
                          : wr_zone_local_to_utc(zone, ts);
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}
static weir_status fn_timezone_interval(wr_call *call, wr_column *out)
{
    bool to_local = call->args[1].type->id == WR_T_TIMESTAMPTZ;
    WR_ROWS(i)
    {
        wr_interval offset = WR_ARG(call, 0, wr_interval, i);
        int64_t ts = WR_ARG(call, 1, int64_t, i);
        if (offset.months || offset.days)
            return wr_bad_row(
                call, i,
                wr_fail(WR_E_BAD_ARGUMENT, "a time zone offset must not have months or days"));
        if (wr_ts_is_finite(ts) &&
            __builtin_add_overflow(ts, to_local ? offset.usecs : -offset.usecs, &ts))
            return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

static wr_interval justify_hours(wr_interval v)
{
    int64_t days = v.usecs / WR_USECS_PER_DAY, usecs = v.usecs % WR_USECS_PER_DAY,
            total = v.days + days;
    if (total > 0 && usecs < 0)
        total--, usecs += WR_USECS_PER_DAY;
    else if (total < 0 && usecs > 0)
        total++, usecs -= WR_USECS_PER_DAY;
    return (wr_interval){v.months, (int32_t)total, usecs};
}
static wr_interval justify_days(wr_interval v)
{
    int32_t months = v.months + v.days / 30, days = v.days % 30;
    if (months > 0 && days < 0)
        months--, days += 30;
    else if (months < 0 && days > 0)
        months++, days -= 30;
    return (wr_interval){months, days, v.usecs};
}
static weir_status fn_justify(wr_call *call, wr_column *out)
{
    char kind = call->expr->call.fn->name[8]; /* justify_hours, _days, _interval */
    WR_ROWS(i)
    {
        wr_interval v = WR_ARG(call, 0, wr_interval, i);
        wr_i128 days = (wr_i128)v.days + v.usecs / WR_USECS_PER_DAY, months = v.months + days / 30;
        if (days != (int32_t)days || months != (int32_t)months)
            return wr_bad_row(call, i, wr_datetime_overflow("interval"));
        if (kind != 'd') v = justify_hours(v);
        if (kind != 'h') v = justify_days(v);
        if (kind == 'i') {
            if (v.months > 0 && (v.days < 0 || (v.days == 0 && v.usecs < 0)))
                v.months--, v.days += 30;
            else if (v.months < 0 && (v.days > 0 || (v.days == 0 && v.usecs > 0)))
                v.months++, v.days -= 30;
            v = justify_hours(v);
        }
        WR_OUT(out, wr_interval, i) = v;
    }
    return WR_OK;
}

/* (a, b) OVERLAPS (c, d): half-open periods, ends in any order; an empty period is its moment. */
static weir_status fn_overlaps(wr_call *call, wr_column *out)
{
    bool lengths = call->args[1].type->id == WR_T_INTERVAL;
    WR_ROWS(i)
    {
        int64_t a = WR_ARG(call, 0, int64_t, i), c = WR_ARG(call, 2, int64_t, i), b, d;
        if (!lengths) {
            b = WR_ARG(call, 1, int64_t, i), d = WR_ARG(call, 3, int64_t, i);
        } else if (!wr_ts_add_interval(a, WR_ARG(call, 1, wr_interval, i), &b) ||
                   !wr_ts_add_interval(c, WR_ARG(call, 3, wr_interval, i), &d)) {
            return wr_bad_row(call, i, wr_datetime_overflow("timestamp"));
        }
        int64_t from = WR_MIN(a, b), to = WR_MAX(a, b), start = WR_MIN(c, d), end = WR_MAX(c, d);
        if (from > start) {
            int64_t s = from, e = to;
            from = start, to = end, start = s, end = e;
        }
        WR_OUT(out, uint8_t, i) = from == start || start < to;
    }
    return WR_OK;
}

#define TO_UNITS(names, example, result)                                                          \
    {                                                                                             \
        names, "(n bigint) -> interval", fn_to_units, "n units as an interval.", example, result, \
            .flags = WR_FN_CAN_FAIL                                                               \
    }
#define BOTH(names, args1, args2, result1, result2, exec, help, example, result)          \
    {names, args1 " -> " result1, exec, help, example, result, .flags = WR_FN_CAN_FAIL},  \
    {                                                                                     \
        names, args2 " -> " result2, exec, help, example, result, .flags = WR_FN_CAN_FAIL \
    }
#define DIFF_HELP "How many boundaries of the unit lie between two moments."
#define SUB_HELP "How many whole units lie between two moments."
#define BIN_HELP \
    "Start of the bucket a moment lies in; buckets count from 2000-01-03, or from an origin."

const wr_fn wr_fns_date_arith[] = {
    {"now|current_timestamp|transaction_timestamp|statement_timestamp|get_current_timestamp",
     "() -> timestamptz", fn_now, "The current moment; the same within a transaction.",
     "now() = now()", "true", .flags = WR_FN_STABLE},
    {"currenttimestamp|localtimestamp|current_localtimestamp", "() -> timestamp", fn_local_now,
     "Current date and time in the session's zone.", "localtimestamp = localtimestamp", "true",
     .flags = WR_FN_STABLE},
    {"clock_timestamp", "() -> timestamptz", fn_clock, "The moment of the call.",
     "clock_timestamp() >= now()", "true", .flags = WR_FN_VOLATILE},
    {"current_date|today|curdate", "() -> date", fn_today, "The current date.",
     "current_date = today()", "true", .flags = WR_FN_STABLE},
    {"current_time|localtime|get_current_time|current_localtime|curtime", "() -> time",
     fn_local_time, "The current time of day.", "current_time = localtime", "true",
     .flags = WR_FN_STABLE},
    {"unix_timestamp", "() -> bigint", fn_unix_now, "Seconds since 1970.",
     "unix_timestamp() > 1700000000", "true", .flags = WR_FN_STABLE},
    {"unix_timestamp", "(timestamp) -> bigint", fn_unix_timestamp,
     "Seconds since 1970 of a moment.", "unix_timestamp(TIMESTAMP '1970-01-02')", "86400"},
    BOTH("date_add|adddate", "(timestamp, interval)", "(timestamptz, interval)", "timestamp",
         "timestamptz", fn_date_add, "A moment moved by an interval.",
         "date_add(TIMESTAMP '2024-01-31', INTERVAL '1 month')", "2024-02-29 00:00:00"),
    BOTH("date_sub|subdate", "(timestamp, interval)", "(timestamptz, interval)", "timestamp",
         "timestamptz", fn_date_sub, "A moment moved back by an interval.",
         "date_sub(TIMESTAMP '2024-03-31', INTERVAL '1 month')", "2024-02-29 00:00:00"),
    {"date_add|adddate", "(date, days bigint) -> date", fn_add_days, "A date some days later.",
     "date_add(DATE '2024-02-28', 2)", "2024-03-01", .flags = WR_FN_CAN_FAIL},
    {"date_sub|subdate", "(date, days bigint) -> date", fn_sub_days, "A date some days earlier.",
     "date_sub(DATE '2024-03-01', 2)", "2024-02-28", .flags = WR_FN_CAN_FAIL},
    {"dateadd|date_add|timestampadd", "(unit text, n bigint, timestamp) -> timestamp", fn_add_units,
     "A moment n units later.", "dateadd('day', 3, TIMESTAMP '2024-01-30')", "2024-02-02 00:00:00",
     .flags = WR_FN_CAN_FAIL},
    {"add_months", "(date, n bigint) -> date", fn_add_months,
     "A date n months later, at most the month's last day.", "add_months(DATE '2024-01-31', 1)",
     "2024-02-29", .flags = WR_FN_CAN_FAIL},
    BOTH("date_diff|datediff|timestampdiff", "(unit text, start timestamp, finish timestamp)",
         "(unit text, start timestamptz, finish timestamptz)", "bigint", "bigint", fn_date_diff,
         DIFF_HELP, "date_diff('month', DATE '2024-01-31', DATE '2024-02-01')", "1"),
    {"datediff|date_diff", "(finish date, start date) -> bigint", fn_day_difference,
     "Days from start to finish.", "datediff(DATE '2024-03-01', DATE '2024-02-28')", "2"},
    BOTH("date_sub|datesub", "(unit text, start timestamp, finish timestamp)",
         "(unit text, start timestamptz, finish timestamptz)", "bigint", "bigint",
         fn_date_sub_units, SUB_HELP, "date_sub('month', DATE '2024-01-31', DATE '2024-02-28')",
         "0"),
    BOTH("age", "(timestamp, earlier timestamp)", "(timestamptz, earlier timestamptz)", "interval",
         "interval", fn_age, "Years, months, days and time between two moments.",
         "age(DATE '2001-04-10', DATE '1957-06-13')", "43 years 9 mons 27 days"),
    {"age", "(timestamp) -> interval", fn_age, "Time from a moment to the start of today.",
     "age(current_date::timestamp)", "00:00:00", .flags = WR_FN_STABLE},
    BOTH("date_bin|time_bucket", "(width interval, timestamp)", "(width interval, timestamptz)",
         "timestamp", "timestamptz", fn_date_bin, BIN_HELP,
         "time_bucket(INTERVAL '15 minutes', TIMESTAMP '2024-05-06 07:08:09')",
         "2024-05-06 07:00:00"),
    BOTH("date_bin|time_bucket", "(width interval, timestamp, origin timestamp)",
         "(width interval, timestamptz, origin timestamptz)", "timestamp", "timestamptz",
         fn_date_bin, BIN_HELP,
         "date_bin(INTERVAL '15 minutes', TIMESTAMP '2024-05-06 07:08:09', TIMESTAMP '2001-01-01 "
         "00:02:30')",
         "2024-05-06 07:02:30"),
    {"time_bucket", "(width interval, date) -> date", fn_date_bin, BIN_HELP,
     "time_bucket(INTERVAL '1 month', DATE '2024-05-06')", "2024-05-01", .flags = WR_FN_CAN_FAIL},
    {"time_bucket", "(width interval, date, origin date) -> date", fn_date_bin, BIN_HELP,
     "time_bucket(INTERVAL '2 days', DATE '2024-05-06', DATE '2024-05-01')", "2024-05-05",
     .flags = WR_FN_CAN_FAIL},
    {"make_date", "(year bigint, month bigint, day bigint) -> date", fn_make_date,
     "A date of its parts.", "make_date(2024, 2, 29)", "2024-02-29", .flags = WR_FN_CAN_FAIL},
    {"make_time", "(hour bigint, minute bigint, second double) -> time", fn_make_time,
     "A time of its parts.", "make_time(8, 15, 23.5)", "08:15:23.5", .flags = WR_FN_CAN_FAIL},
    {"make_timestamp",
     "(year bigint, month bigint, day bigint, hour bigint, minute bigint, second double) -> "
     "timestamp",
     fn_make_timestamp, "A timestamp of its parts.", "make_timestamp(2024, 2, 29, 8, 15, 23.5)",
     "2024-02-29 08:15:23.5", .flags = WR_FN_CAN_FAIL},
    {"make_timestamptz",
     "(year bigint, month bigint, day bigint, hour bigint, minute bigint, second double) -> "
     "timestamptz",
     fn_make_timestamp, "A moment of its parts in the session's zone.",
     "make_timestamptz(2024, 2, 29, 8, 15, 0)", "2024-02-29 08:15:00+00", .flags = WR_FN_CAN_FAIL},
    {"make_timestamptz",
     "(year bigint, month bigint, day bigint, hour bigint, minute bigint, second double, zone "
     "text) "
     "-> timestamptz",
     fn_make_timestamp, "A moment of its parts in a zone.",
     "make_timestamptz(2024, 2, 29, 8, 15, 0, 'Asia/Tokyo')", "2024-02-28 23:15:00+00",
     .flags = WR_FN_CAN_FAIL},
    {"make_interval",
     "(years bigint = 0, months bigint = 0, weeks bigint = 0, days bigint = 0, hours bigint = 0, "
     "mins bigint = 0, "
     "secs double = 0) -> interval",
     fn_make_interval, "An interval of its parts.", "make_interval(days => 10)", "10 days",
     .flags = WR_FN_CAN_FAIL},
    TO_UNITS("to_years", "to_years(2)", "2 years"),
    TO_UNITS("to_quarters", "to_quarters(1)", "3 mons"),
    TO_UNITS("to_months", "to_months(3)", "3 mons"),
    TO_UNITS("to_weeks", "to_weeks(1)", "7 days"),
    TO_UNITS("to_days", "to_days(5)", "5 days"),
    TO_UNITS("to_hours", "to_hours(5)", "05:00:00"),
    TO_UNITS("to_minutes", "to_minutes(5)", "00:05:00"),
    TO_UNITS("to_decades", "to_decades(1)", "10 years"),
    TO_UNITS("to_centuries", "to_centuries(1)", "100 years"),
    TO_UNITS("to_millennia", "to_millennia(1)", "1000 years"),
    TO_UNITS("to_milliseconds", "to_milliseconds(1500)", "00:00:01.5"),
    TO_UNITS("to_microseconds", "to_microseconds(1500000)", "00:00:01.5"),
    {"to_seconds", "(seconds double) -> interval", fn_to_seconds, "Seconds as an interval.",
     "to_seconds(90.5)", "00:01:30.5", .flags = WR_FN_CAN_FAIL},
    {"to_timestamp", "(seconds double) -> timestamptz", fn_to_timestamp,
     "The moment so many seconds after 1970.", "to_timestamp(86400.5)", "1970-01-02 00:00:00.5+00",
     .flags = WR_FN_CAN_FAIL},
    {"from_unixtime", "(seconds bigint) -> timestamp", fn_from_units,
     "The moment so many seconds after 1970.", "from_unixtime(86400)", "1970-01-02 00:00:00",
     .flags = WR_FN_CAN_FAIL},
    {"make_timestamp_ms|epoch_ms", "(milliseconds bigint) -> timestamp", fn_from_units,
     "The moment so many milliseconds after 1970.", "epoch_ms(86400000)", "1970-01-02 00:00:00",
     .flags = WR_FN_CAN_FAIL},
    {"make_timestamp", "(microseconds bigint) -> timestamp", fn_from_units,
     "The moment so many microseconds after 1970.", "make_timestamp(86400000000)",
     "1970-01-02 00:00:00", .flags = WR_FN_CAN_FAIL},
    BOTH("timezone", "(zone text, timestamp)", "(zone text, timestamptz)", "timestamptz",
         "timestamp", fn_timezone,
         "AT TIME ZONE: local time to a moment, or a moment to local time.",
         "TIMESTAMPTZ '2024-07-01 12:00:00+00' AT TIME ZONE 'Europe/Berlin'",
         "2024-07-01 14:00:00"),
    BOTH("timezone", "(offset interval, timestamp)", "(offset interval, timestamptz)",
         "timestamptz", "timestamp", fn_timezone_interval, "AT TIME ZONE with an offset.",
         "TIMESTAMPTZ '2024-07-01 12:00:00+00' AT TIME ZONE INTERVAL '2 hours'",
         "2024-07-01 14:00:00"),
    {"justify_hours", "(interval) -> interval", fn_justify, "24 hours become a day.",
     "justify_hours(INTERVAL '50 hours')", "2 days 02:00:00", .flags = WR_FN_CAN_FAIL},
    {"justify_days", "(interval) -> interval", fn_justify, "30 days become a month.",
     "justify_days(INTERVAL '65 days')", "2 mons 5 days", .flags = WR_FN_CAN_FAIL},
    {"justify_interval", "(interval) -> interval", fn_justify,
     "Hours become days and days months, with one sign.",
     "justify_interval(INTERVAL '1 mon -1 hour')", "29 days 23:00:00", .flags = WR_FN_CAN_FAIL},
    {"overlaps", "(timestamp, timestamp, timestamp, timestamp) -> boolean", fn_overlaps,
     "True if two periods overlap.",
     "(DATE '2024-01-01', DATE '2024-02-01') OVERLAPS (DATE '2024-01-15', DATE '2024-03-01')",
     "true"},
    {"overlaps", "(timestamptz, timestamptz, timestamptz, timestamptz) -> boolean", fn_overlaps,
     "True if two periods overlap.",
     "overlaps(TIMESTAMPTZ '2024-01-01 00:00+00', TIMESTAMPTZ '2024-02-01 00:00+00', "
     "TIMESTAMPTZ '2024-02-01 00:00+00', TIMESTAMPTZ '2024-03-01 00:00+00')",
     "false"},
    {"overlaps", "(time, time, time, time) -> boolean", fn_overlaps, "True if two periods overlap.",
     "overlaps(TIME '01:00', TIME '03:00', TIME '02:00', TIME '04:00')", "true"},
    {"overlaps", "(timestamp, interval, timestamp, interval) -> boolean", fn_overlaps,
     "True if two periods overlap.",
     "(DATE '2024-01-01', INTERVAL '10 days') OVERLAPS (DATE '2024-01-05', INTERVAL '1 day')",
     "true", .flags = WR_FN_CAN_FAIL},
    {0},
};
