/* arith_time.c - the operators + - * / on dates, times and intervals, as PostgreSQL has them.
 *
 * Months and days of an interval are calendar steps; with time zone they are steps of the session's
 * local calendar. Infinite dates and timestamps stay infinite. */
#include "expr/fn/call.h"
#include "sys/clock.h"

static bool is_infinite(int64_t ts) { return ts == WR_TS_INF || ts == WR_TS_NEG_INF; }

static weir_status out_of_range(wr_call *call, uint32_t i, const wr_column *out)
{
    return wr_bad_row(call, i,
                      wr_fail(WR_E_DATETIME_OVERFLOW, "the result is out of range of %s",
                              wr_type_name(out->type)));
}

static bool negated(wr_interval v, wr_interval *out)
{
    return !__builtin_sub_overflow(0, v.months, &out->months) &&
           !__builtin_sub_overflow(0, v.days, &out->days) &&
           !__builtin_sub_overflow(INT64_C(0), v.usecs, &out->usecs);
}

static bool timestamp_of_date(int32_t days, int64_t *ts)
{
    if (days == WR_DATE_INF || days == WR_DATE_NEG_INF) {
        *ts = days == WR_DATE_INF ? WR_TS_INF : WR_TS_NEG_INF;
        return true;
    }
    return !__builtin_mul_overflow((int64_t)days, WR_USECS_PER_DAY, ts);
}

/* ---- dates and days ---- */

static weir_status shift_dates(wr_call *call, int date, int days, int sign, wr_column *out)
{
    WR_ROWS(i)
    {
        int32_t day = WR_ARG(call, date, int32_t, i);
        int64_t result = (int64_t)day + sign * (int64_t)WR_ARG(call, days, int32_t, i);
        bool stays = day == WR_DATE_INF || day == WR_DATE_NEG_INF;
        if (!stays && (result >= WR_DATE_INF || result <= WR_DATE_NEG_INF))
            return out_of_range(call, i, out);
        WR_OUT(out, int32_t, i) = stays ? day : (int32_t)result;
    }
    return WR_OK;
}

static weir_status fn_date_plus_days(wr_call *call, wr_column *out)
{
    return shift_dates(call, 0, 1, 1, out);
}
static weir_status fn_days_plus_date(wr_call *call, wr_column *out)
{
    return shift_dates(call, 1, 0, 1, out);
}
static weir_status fn_date_minus_days(wr_call *call, wr_column *out)
{
    return shift_dates(call, 0, 1, -1, out);
}

static weir_status fn_date_minus_date(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t days = (int64_t)WR_ARG(call, 0, int32_t, i) - WR_ARG(call, 1, int32_t, i);
        if (days > INT32_MAX || days < INT32_MIN) return out_of_range(call, i, out);
        WR_OUT(out, int32_t, i) = (int32_t)days;
    }
    return WR_OK;
}

static weir_status date_and_time(wr_call *call, int date, int time, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t ts;
        if (!timestamp_of_date(WR_ARG(call, date, int32_t, i), &ts))
            return out_of_range(call, i, out);
        if (!is_infinite(ts) && __builtin_add_overflow(ts, WR_ARG(call, time, int64_t, i), &ts))
            return out_of_range(call, i, out);
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

static weir_status fn_date_plus_time(wr_call *call, wr_column *out)
{
    return date_and_time(call, 0, 1, out);
}
static weir_status fn_time_plus_date(wr_call *call, wr_column *out)
{
    return date_and_time(call, 1, 0, out);
}

/* ---- moments and intervals ---- */

/* The argument as a timestamp: dates at midnight. */
static bool moment_at(const wr_call *call, int arg, uint32_t i, int64_t *ts)
{
    if (call->args[arg].type->id == WR_T_DATE)
        return timestamp_of_date(WR_ARG(call, arg, int32_t, i), ts);
    *ts = WR_ARG(call, arg, int64_t, i);
    return true;
}

static bool add_zoned(const wr_zone *zone, int64_t ts, wr_interval step, int64_t *out)
{
    wr_interval calendar = {.months = step.months, .days = step.days};
    if (zone && (step.months || step.days)) {
        int64_t local = ts + wr_zone_offset_at(zone, ts) * WR_USECS_PER_SEC;
        if (!wr_ts_add_interval(local, calendar, &local)) return false;
        ts = wr_zone_local_to_utc(zone, local);
        step = (wr_interval){.usecs = step.usecs};
    }
    return wr_ts_add_interval(ts, step, out);
}

/* Adds steps of plain time (no months, no days), the usual case, without a branch per row. False,
 * with nothing of use in out: some row is infinite or may leave the range, or a step is of the
 * calendar. */
static bool add_plain(const wr_call *call, int moment, int interval, bool subtracts, wr_column *out)
{
    const int64_t *restrict ts = call->args[moment].data;
    const wr_interval *restrict steps = call->args[interval].data;
    const uint16_t *restrict sel = call->sel;
    int64_t *restrict moved = out->data;
    const uint64_t bound = UINT64_C(1) << 61, sign = subtracts ? UINT64_MAX : 0;
    uint64_t bad = 0;
    if (call->args[moment].type->id == WR_T_DATE || out->valid) return false;
    for (uint32_t k = 0, count = wr_call_count(call); k < count; k++) {
        uint32_t i = sel ? sel[k] : k;
        uint64_t step = (uint64_t)steps[i].usecs, from = (uint64_t)ts[i];
        bad |= (uint32_t)steps[i].months | (uint32_t)steps[i].days;
        bad |= (step + bound) >> 62 | (from + bound) >> 62;
        moved[i] = (int64_t)(from + ((step ^ sign) - sign));
    }
    return !bad;
}

static weir_status add_interval(wr_call *call, int moment, int interval, bool subtracts,
                                wr_column *out)
{
    if (add_plain(call, moment, interval, subtracts, out)) return WR_OK;
    const wr_zone *zone = out->type->id == WR_T_TIMESTAMPTZ && call->env ? call->env->zone : NULL;
    WR_ROWS(i)
    {
        int64_t ts;
        wr_interval step = WR_ARG(call, interval, wr_interval, i);
        bool is_good = moment_at(call, moment, i, &ts) && (!subtracts || negated(step, &step));
        if (is_good && !is_infinite(ts)) is_good = add_zoned(zone, ts, step, &ts);
        if (!is_good) return out_of_range(call, i, out);
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

static weir_status fn_moment_plus(wr_call *call, wr_column *out)
{
    return add_interval(call, 0, 1, false, out);
}
static weir_status fn_plus_moment(wr_call *call, wr_column *out)
{
    return add_interval(call, 1, 0, false, out);
}
static weir_status fn_moment_minus(wr_call *call, wr_column *out)
{
    return add_interval(call, 0, 1, true, out);
}

/* Whole days and the rest. */
static weir_status fn_moment_difference(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t a = WR_ARG(call, 0, int64_t, i), b = WR_ARG(call, 1, int64_t, i), us;
        if (is_infinite(a) || is_infinite(b) || __builtin_sub_overflow(a, b, &us))
            return out_of_range(call, i, out);
        WR_OUT(out, wr_interval, i) =
            (wr_interval){.days = (int32_t)(us / WR_USECS_PER_DAY), .usecs = us % WR_USECS_PER_DAY};
    }
    return WR_OK;
}

static weir_status shift_times(wr_call *call, int time, int interval, int sign, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t step = WR_ARG(call, interval, wr_interval, i).usecs % WR_USECS_PER_DAY;
        WR_OUT(out, int64_t, i) =
            wr_floor_mod(WR_ARG(call, time, int64_t, i) + sign * step, WR_USECS_PER_DAY);
    }
    return WR_OK;
}

static weir_status fn_time_plus(wr_call *call, wr_column *out)
{
    return shift_times(call, 0, 1, 1, out);
}
static weir_status fn_plus_time(wr_call *call, wr_column *out)
{
    return shift_times(call, 1, 0, 1, out);
}
static weir_status fn_time_minus(wr_call *call, wr_column *out)
{
    return shift_times(call, 0, 1, -1, out);
}

static weir_status fn_time_difference(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    WR_OUT(out, wr_interval, i) =
        (wr_interval){.usecs = WR_ARG(call, 0, int64_t, i) - WR_ARG(call, 1, int64_t, i)};
    return WR_OK;
}

/* ---- intervals ---- */

static weir_status add_intervals(wr_call *call, bool subtracts, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_interval a = WR_ARG(call, 0, wr_interval, i), b = WR_ARG(call, 1, wr_interval, i), sum;
        if ((subtracts && !negated(b, &b)) ||
            __builtin_add_overflow(a.months, b.months, &sum.months) ||
            __builtin_add_overflow(a.days, b.days, &sum.days) ||
            __builtin_add_overflow(a.usecs, b.usecs, &sum.usecs))
            return out_of_range(call, i, out);
        WR_OUT(out, wr_interval, i) = sum;
    }
    return WR_OK;
}

static weir_status fn_interval_plus(wr_call *call, wr_column *out)
{
    return add_intervals(call, false, out);
}
static weir_status fn_interval_minus(wr_call *call, wr_column *out)
{
    return add_intervals(call, true, out);
}

static weir_status fn_interval_negate(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    if (!negated(WR_ARG(call, 0, wr_interval, i), &WR_OUT(out, wr_interval, i)))
        return out_of_range(call, i, out);
    return WR_OK;
}

static weir_status scale_intervals(wr_call *call, int interval, int factor, bool divides,
                                   wr_column *out)
{
    WR_ROWS(i)
    {
        double by = WR_ARG(call, factor, double, i);
        if (divides && by == 0)
            return wr_bad_row(call, i, wr_fail(WR_E_DIVISION_BY_ZERO, "division by zero"));
        if (!wr_interval_mul(WR_ARG(call, interval, wr_interval, i), divides ? 1 / by : by,
                             &WR_OUT(out, wr_interval, i)))
            return out_of_range(call, i, out);
    }
    return WR_OK;
}

static weir_status fn_interval_times(wr_call *call, wr_column *out)
{
    return scale_intervals(call, 0, 1, false, out);
}
static weir_status fn_times_interval(wr_call *call, wr_column *out)
{
    return scale_intervals(call, 1, 0, false, out);
}
static weir_status fn_interval_divide(wr_call *call, wr_column *out)
{
    return scale_intervals(call, 0, 1, true, out);
}

#define FAILS .flags = WR_FN_CAN_FAIL

const wr_fn wr_fns_arith_time[] = {
    {"+", "(date, integer) -> date", fn_date_plus_days, "The date some days later.",
     "DATE '2024-02-28' + 2", "2024-03-01", FAILS},
    {"+", "(integer, date) -> date", fn_days_plus_date, "The date some days later.",
     "2 + DATE '2024-02-28'", "2024-03-01", FAILS},
    {"-", "(date, integer) -> date", fn_date_minus_days, "The date some days earlier.",
     "DATE '2024-03-01' - 1", "2024-02-29", FAILS},
    {"-", "(date, date) -> integer", fn_date_minus_date, "Days between two dates.",
     "DATE '2024-03-01' - DATE '2024-02-01'", "29", FAILS},
    {"+", "(date, time) -> timestamp", fn_date_plus_time, "Date and time of day.",
     "DATE '2024-01-01' + TIME '10:30'", "2024-01-01 10:30:00", FAILS},
    {"+", "(time, date) -> timestamp", fn_time_plus_date, "Time of day and date.",
     "TIME '10:30' + DATE '2024-01-01'", "2024-01-01 10:30:00", FAILS},
    {"+", "(date, interval) -> timestamp", fn_moment_plus, "The date an interval later.",
     "DATE '2024-01-31' + INTERVAL '1 month'", "2024-02-29 00:00:00", FAILS},
    {"+", "(interval, date) -> timestamp", fn_plus_moment, "The date an interval later.",
     "INTERVAL '1 day' + DATE '2024-01-31'", "2024-02-01 00:00:00", FAILS},
    {"-", "(date, interval) -> timestamp", fn_moment_minus, "The date an interval earlier.",
     "DATE '2024-03-31' - INTERVAL '1 month'", "2024-02-29 00:00:00", FAILS},
    {"+", "(timestamp, interval) -> timestamp", fn_moment_plus, "The timestamp an interval later.",
     "TIMESTAMP '2024-01-01 00:00' + INTERVAL '90 minutes'", "2024-01-01 01:30:00", FAILS},
    {"+", "(interval, timestamp) -> timestamp", fn_plus_moment, "The timestamp an interval later.",
     "INTERVAL '1 hour' + TIMESTAMP '2024-01-01 00:00'", "2024-01-01 01:00:00", FAILS},
    {"-", "(timestamp, interval) -> timestamp", fn_moment_minus,
     "The timestamp an interval earlier.", "TIMESTAMP '2024-01-01 00:00' - INTERVAL '1 second'",
     "2023-12-31 23:59:59", FAILS},
    {"-", "(timestamp, timestamp) -> interval", fn_moment_difference,
     "Days and time between two timestamps.",
     "TIMESTAMP '2024-01-03 12:00' - TIMESTAMP '2024-01-01 00:00'", "2 days 12:00:00", FAILS},
    {"+", "(timestamptz, interval) -> timestamptz", fn_moment_plus, "The moment an interval later.",
     "TIMESTAMPTZ '2024-01-01 00:00+00' + INTERVAL '1 hour'", "2024-01-01 01:00:00+00", FAILS},
    {"+", "(interval, timestamptz) -> timestamptz", fn_plus_moment, "The moment an interval later.",
     "INTERVAL '1 hour' + TIMESTAMPTZ '2024-01-01 00:00+00'", "2024-01-01 01:00:00+00", FAILS},
    {"-", "(timestamptz, interval) -> timestamptz", fn_moment_minus,
     "The moment an interval earlier.", "TIMESTAMPTZ '2024-01-01 00:00+00' - INTERVAL '1 hour'",
     "2023-12-31 23:00:00+00", FAILS},
    {"-", "(timestamptz, timestamptz) -> interval", fn_moment_difference,
     "Days and time between two moments.",
     "TIMESTAMPTZ '2024-01-02 00:00+00' - TIMESTAMPTZ '2024-01-01 00:00+00'", "1 day", FAILS},
    {"+", "(time, interval) -> time", fn_time_plus,
     "The time of day an interval later, past midnight from 0 again.",
     "TIME '23:00' + INTERVAL '2 hours'", "01:00:00"},
    {"+", "(interval, time) -> time", fn_plus_time, "The time of day an interval later.",
     "INTERVAL '2 hours' + TIME '23:00'", "01:00:00"},
    {"-", "(time, interval) -> time", fn_time_minus, "The time of day an interval earlier.",
     "TIME '01:00' - INTERVAL '2 hours'", "23:00:00"},
    {"-", "(time, time) -> interval", fn_time_difference, "Time between two times of day.",
     "TIME '10:00' - TIME '08:30'", "01:30:00"},
    {"+", "(interval, interval) -> interval", fn_interval_plus, "Sum of intervals.",
     "INTERVAL '1 day' + INTERVAL '2 hours'", "1 day 02:00:00", FAILS},
    {"-", "(interval, interval) -> interval", fn_interval_minus, "Difference of intervals.",
     "INTERVAL '3 days' - INTERVAL '1 day'", "2 days", FAILS},
    {"-", "(interval) -> interval", fn_interval_negate, "The interval backwards.",
     "- INTERVAL '1 day'", "-1 days", FAILS},
    {"*", "(interval, double) -> interval", fn_interval_times, "The interval so many times.",
     "INTERVAL '1 hour' * 2.5", "02:30:00", FAILS},
    {"*", "(double, interval) -> interval", fn_times_interval, "The interval so many times.",
     "3 * INTERVAL '1 day'", "3 days", FAILS},
    {"/", "(interval, double) -> interval", fn_interval_divide, "The interval divided.",
     "INTERVAL '1 day' / 2", "12:00:00", FAILS},
    {0},
};
