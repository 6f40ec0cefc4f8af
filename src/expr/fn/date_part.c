/* date_part.c - fields of dates, times and intervals, and rounding down to a unit.
 *
 * extract gives BIGINT for whole-number fields and a DECIMAL for those with a fraction (second,
 * epoch, milliseconds); date_part gives DOUBLE for all, both as PostgreSQL prints them. TIMESTAMPTZ
 * is looked at in the session's zone. The functions named after a field (year, dayofweek ...) read
 * it from the name of their row. */
#include "expr/fn/date_units.h"

typedef struct part_bound {
    wr_date_field field;
} part_bound;

/* Reads the field for row i of an argument of any date or time type. *known false: NULL (infinity).
 */
static weir_status read_field(const wr_call *call, int a, uint32_t i, wr_date_field field,
                              int64_t *value, int *scale, bool *known)
{
    const wr_type *type = call->args[a].type;
    bool exists;
    *known = true;
    switch (type->id) {
    case WR_T_DATE: {
        int32_t days = WR_ARG(call, a, int32_t, i);
        *known = days != WR_DATE_INF && days != WR_DATE_NEG_INF;
        exists = !*known || wr_date_field_value(days, field, value, scale) ||
                 wr_ts_field((int64_t)days * WR_USECS_PER_DAY, field, value, scale);
        break;
    }
    case WR_T_INTERVAL:
        exists = wr_interval_field(WR_ARG(call, a, wr_interval, i), field, value, scale);
        break;
    case WR_T_TIME:
        exists = (field <= WR_DF_HOUR || (field >= WR_DF_EPOCH && field <= WR_DF_EPOCH_NS) ||
                  field == WR_DF_NANOSECOND) &&
                 wr_ts_field(WR_ARG(call, a, int64_t, i), field, value, scale);
        if (exists && field == WR_DF_HOUR && WR_ARG(call, a, int64_t, i) == WR_USECS_PER_DAY)
            *value = 24;
        break;
    default: {
        int64_t ts = WR_ARG(call, a, int64_t, i), local = ts;
        *known = wr_ts_is_finite(ts);
        if (!*known) return WR_OK;
        if (type->id == WR_T_TIMESTAMPTZ && !(field >= WR_DF_EPOCH && field <= WR_DF_EPOCH_NS)) {
            local = wr_to_local(call->env, ts);
            int64_t offset = (local - ts) / WR_USECS_PER_SEC;
            *scale = 0;
            if (field == WR_DF_TIMEZONE) return *value = offset, WR_OK;
            if (field == WR_DF_TIMEZONE_HOUR) return *value = offset / 3600, WR_OK;
            if (field == WR_DF_TIMEZONE_MINUTE) return *value = offset / 60 % 60, WR_OK;
        }
        exists = wr_ts_field(local, field, value, scale);
    }
    }
    if (exists) return WR_OK;
    return wr_fail(WR_E_BAD_ARGUMENT, "%s has no such field", wr_type_name(type));
}

static weir_status field_of_row(const wr_call *call, uint32_t i, wr_date_field *field)
{
    if (call->bound) return *field = ((const part_bound *)call->bound)->field, WR_OK;
    return wr_date_field_read(wr_arg_str(call, 0, i), field);
}

static void put_field(wr_column *out, uint32_t i, int64_t value, int scale)
{
    if (out->type->id == WR_T_DOUBLE)
        WR_OUT(out, double, i) = (double)value / (double)wr_pow10_i64[scale];
    else
        WR_OUT(out, int64_t, i) = value; /* BIGINT or DECIMAL(18, scale), as bind decided */
}

static weir_status fn_date_part(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_date_field field;
        int64_t value = 0;
        int scale = 0;
        bool known;
        weir_status bad = field_of_row(call, i, &field);
        if (!bad) bad = read_field(call, 1, i, field, &value, &scale, &known);
        if (bad) return wr_bad_row(call, i, bad);
        put_field(out, i, value, scale);
        if (!known) wr_out_null(call, out, i);
    }
    return WR_OK;
}

static weir_status bind_field(wr_fn_bind *b, wr_date_field *field)
{
    wr_value name;
    *field = WR_DF_NONE;
    if (!wr_bind_const(b, 0, &name) || name.is_null) return WR_OK;
    weir_status bad = wr_date_field_read(name.text, field);
    if (bad) return wr_with_span(bad, b->args[0]->span);
    part_bound *bound = wr_new(b->arena, part_bound);
    bound->field = *field;
    b->bound = bound;
    return WR_OK;
}
static weir_status bind_date_part(wr_fn_bind *b)
{
    wr_date_field field;
    return bind_field(b, &field);
}
static weir_status bind_extract(wr_fn_bind *b)
{
    wr_date_field field;
    WR_TRY(bind_field(b, &field));
    switch (field) {
    case WR_DF_NONE:
        b->type = WR_DOUBLE;
        break;
    case WR_DF_SECOND:
    case WR_DF_EPOCH:
        b->type = wr_type_decimal(18, 6);
        break;
    case WR_DF_MILLISECOND:
        b->type = wr_type_decimal(18, 3);
        break;
    case WR_DF_JULIAN:
        b->type = b->args[1]->type->id == WR_T_DATE ? WR_BIGINT : wr_type_decimal(18, 6);
        break;
    default:
        b->type = WR_BIGINT;
        break;
    }
    return WR_OK;
}

/* year(x), dayofweek(x) ...: the field is the first name of the row. */
static weir_status fn_named_part(wr_call *call, wr_column *out)
{
    const char *name = call->expr->call.fn->name;
    wr_date_field field = wr_date_field_find((wr_str){name, strcspn(name, "|")});
    wr_assert(field != WR_DF_NONE);
    if (call->args[0].type->id == WR_T_DATE && field == WR_DF_YEAR) { /* the one that is hot */
        WR_ROWS(i)
        {
            int32_t year, month, day;
            wr_date_split(WR_ARG(call, 0, int32_t, i), &year, &month, &day);
            WR_OUT(out, int64_t, i) = year > 0 ? year : year - 1;
        }
        return WR_OK;
    }
    WR_ROWS(i)
    {
        int64_t value = 0;
        int scale = 0;
        bool known;
        weir_status bad = read_field(call, 0, i, field, &value, &scale, &known);
        if (bad) return wr_bad_row(call, i, bad);
        if (out->type->id == WR_T_BIGINT && scale) value = wr_floor_div(value, wr_pow10_i64[scale]);
        put_field(out, i, value, scale);
        if (!known) wr_out_null(call, out, i);
    }
    return WR_OK;
}

/* ---- truncation ---- */

static weir_status trunc_unit(const wr_call *call, uint32_t i, wr_date_field *unit)
{
    WR_TRY(field_of_row(call, i, unit));
    int64_t ignored;
    if (wr_ts_trunc(0, *unit, &ignored)) return WR_OK;
    wr_str name = wr_arg_str(call, 0, i);
    return wr_fail(WR_E_BAD_ARGUMENT, "\"%.*s\" is not a unit that can be truncated to",
                   WR_STR_ARGS(name));
}

static weir_status fn_date_trunc(wr_call *call, wr_column *out)
{
    bool from_date = call->args[1].type->id == WR_T_DATE;
    WR_ROWS(i)
    {
        wr_date_field unit;
        weir_status bad = trunc_unit(call, i, &unit);
        if (bad) return wr_bad_row(call, i, bad);
        int64_t ts;
        if (from_date) {
            int32_t days = WR_ARG(call, 1, int32_t, i);
            ts = days == WR_DATE_INF       ? WR_TS_INF
                 : days == WR_DATE_NEG_INF ? WR_TS_NEG_INF
                                           : days * WR_USECS_PER_DAY;
        } else {
            ts = WR_ARG(call, 1, int64_t, i);
        }
        if (wr_ts_is_finite(ts)) (void)wr_ts_trunc(ts, unit, &ts);
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

static weir_status fn_date_trunc_tz(wr_call *call, wr_column *out)
{
    wr_env env = *call->env;
    WR_ROWS(i)
    {
        wr_date_field unit;
        weir_status bad = trunc_unit(call, i, &unit);
        const wr_zone *zone = env.zone;
        if (!bad && call->arg_count > 2) bad = wr_zone_find(wr_arg_str(call, 2, i), &zone);
        if (bad) return wr_bad_row(call, i, bad);
        env.zone = zone;
        int64_t ts = WR_ARG(call, 1, int64_t, i);
        if (wr_ts_is_finite(ts)) {
            int64_t local = wr_to_local(&env, ts), start;
            (void)wr_ts_trunc(local, unit, &start);
            /* Below an hour the offset in force stays, so folds are not mixed up. */
            ts = unit < WR_DF_HOUR ? ts - (local - start) : wr_to_utc(&env, start);
        }
        WR_OUT(out, int64_t, i) = ts;
    }
    return WR_OK;
}

static weir_status fn_date_trunc_interval(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_date_field unit;
        weir_status bad = trunc_unit(call, i, &unit);
        if (bad) return wr_bad_row(call, i, bad);
        wr_interval v = WR_ARG(call, 1, wr_interval, i), one;
        if (unit == WR_DF_WEEK)
            return wr_bad_row(
                call, i, wr_fail(WR_E_BAD_ARGUMENT, "an interval cannot be truncated to weeks"));
        (void)wr_units_interval(unit, 1, &one);
        if (one.months)
            v = (wr_interval){v.months / one.months * one.months, 0, 0};
        else if (one.days)
            v.usecs = 0;
        else
            v.usecs -= v.usecs % one.usecs;
        WR_OUT(out, wr_interval, i) = v;
    }
    return WR_OK;
}

static weir_status fn_last_day(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int32_t days = WR_ARG(call, 0, int32_t, i), year, month, day;
        if (days != WR_DATE_INF && days != WR_DATE_NEG_INF) {
            wr_date_split(days, &year, &month, &day);
            days += wr_days_in_month(year, month) - day;
        }
        WR_OUT(out, int32_t, i) = days;
    }
    return WR_OK;
}

static const char *const day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                        "Thursday", "Friday", "Saturday"};
static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};

static weir_status fn_dayname(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int32_t days = (int32_t)wr_floor_div(WR_ARG(call, 0, int64_t, i), WR_USECS_PER_DAY);
        wr_out_str(out, i, wr_str_of(day_names[wr_date_weekday(days)]));
    }
    return WR_OK;
}
static weir_status fn_monthname(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_civil c;
        wr_ts_split(WR_ARG(call, 0, int64_t, i), &c);
        wr_out_str(out, i, wr_str_of(month_names[c.month - 1]));
    }
    return WR_OK;
}

static weir_status fn_isfinite_date(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int32_t days = WR_ARG(call, 0, int32_t, i);
        WR_OUT(out, uint8_t, i) = days != WR_DATE_INF && days != WR_DATE_NEG_INF;
    }
    return WR_OK;
}
static weir_status fn_isfinite_ts(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = wr_ts_is_finite(WR_ARG(call, 0, int64_t, i)); }
    return WR_OK;
}
static weir_status fn_isfinite_interval(wr_call *call, wr_column *out)
{
    WR_ROWS(i) { WR_OUT(out, uint8_t, i) = 1; }
    return WR_OK;
}

#define PARTS_OF(sql_type)                                                                     \
    {"extract",                                                                                \
     "(field text, " sql_type ") -> auto",                                                     \
     fn_date_part,                                                                             \
     EXTRACT_HELP,                                                                             \
     "extract(year FROM DATE '2024-05-06')",                                                   \
     "2024",                                                                                   \
     .flags = WR_FN_CAN_FAIL,                                                                  \
     .bind = bind_extract},                                                                    \
    {                                                                                          \
        "date_part|datepart", "(field text, " sql_type ") -> double", fn_date_part, PART_HELP, \
            "date_part('year', DATE '2024-05-06')", "2024", .flags = WR_FN_CAN_FAIL,           \
                                                            .bind = bind_date_part             \
    }
#define EXTRACT_HELP "A field of a date or time: year, month, dow, epoch ..."
#define PART_HELP "A field of a date or time as DOUBLE."
#define NAMED(names, example, result, help)                                       \
    {names, "(date) -> bigint", fn_named_part, help, example, result},            \
        {names, "(timestamp) -> bigint", fn_named_part, help, example, result},   \
        {names, "(timestamptz) -> bigint", fn_named_part, help, example, result}, \
    {                                                                             \
        names, "(interval) -> bigint", fn_named_part, help, example, result,      \
            .flags = WR_FN_CAN_FAIL                                               \
    }

const wr_fn wr_fns_date_part[] = {
    PARTS_OF("date"),
    PARTS_OF("timestamp"),
    PARTS_OF("timestamptz"),
    PARTS_OF("time"),
    PARTS_OF("interval"),
    NAMED("year", "year(DATE '2024-05-06')", "2024", "The year."),
    NAMED("month", "month(DATE '2024-05-06')", "5", "The month, 1 to 12."),
    NAMED("day|dayofmonth", "day(DATE '2024-05-06')", "6", "The day of the month."),
    NAMED("hour", "hour(TIMESTAMP '2024-05-06 07:08:09')", "7", "The hour, 0 to 23."),
    NAMED("minute", "minute(TIMESTAMP '2024-05-06 07:08:09')", "8", "The minute."),
    NAMED("second", "second(TIMESTAMP '2024-05-06 07:08:09.5')", "9",
          "The second, without its fraction."),
    NAMED("millisecond", "millisecond(TIMESTAMP '2024-05-06 07:08:09.5')", "9500",
          "Milliseconds within the minute."),
    NAMED("microsecond", "microsecond(TIMESTAMP '2024-05-06 07:08:09.5')", "9500000",
          "Microseconds within the minute."),
    NAMED("nanosecond", "nanosecond(TIMESTAMP '2024-05-06 07:08:09.5')", "9500000000",
          "Nanoseconds within the minute."),
    NAMED("quarter", "quarter(DATE '2024-05-06')", "2", "The quarter, 1 to 4."),
    NAMED("week|weekofyear|iso_week|isoweek", "week(DATE '2024-05-06')", "19",
          "The ISO week, 1 to 53."),
    NAMED("dayofweek|weekday", "dayofweek(DATE '2024-05-05')", "0",
          "The day of the week, Sunday is 0."),
    NAMED("isodow", "isodow(DATE '2024-05-05')", "7",
          "The day of the week, Monday is 1, Sunday 7."),
    NAMED("dayofyear", "dayofyear(DATE '2024-02-01')", "32", "The day of the year."),
    NAMED("isoyear|iso_year", "iso_year(DATE '2021-01-01')", "2020",
          "The year the ISO week belongs to."),
    NAMED("yearweek", "yearweek(DATE '2021-01-01')", "202053", "ISO year and week as one number."),
    NAMED("decade", "decade(DATE '2024-05-06')", "202", "The year divided by ten."),
    NAMED("century", "century(DATE '2024-05-06')", "21", "The century."),
    NAMED("millennium", "millennium(DATE '2024-05-06')", "3", "The millennium."),
    NAMED("era", "era(DATE '2024-05-06')", "1", "1 for years after Christ, 0 before."),
    NAMED("epoch_ms", "epoch_ms(TIMESTAMP '1970-01-01 00:00:01')", "1000",
          "Milliseconds since 1970."),
    NAMED("epoch_us", "epoch_us(TIMESTAMP '1970-01-01 00:00:01')", "1000000",
          "Microseconds since 1970."),
    NAMED("epoch_ns", "epoch_ns(TIMESTAMP '1970-01-01 00:00:01')", "1000000000",
          "Nanoseconds since 1970."),
    {"timezone_hour", "(timestamptz) -> bigint", fn_named_part,
     "Hours of the session's offset from UTC.",
     "timezone_hour(TIMESTAMPTZ '2024-01-01 00:00:00+00')", "0"},
    {"timezone_minute", "(timestamptz) -> bigint", fn_named_part,
     "Minutes of the session's offset from UTC.",
     "timezone_minute(TIMESTAMPTZ '2024-01-01 00:00:00+00')", "0"},
    {"epoch", "(timestamp) -> double", fn_named_part, "Seconds since 1970.",
     "epoch(TIMESTAMP '1970-01-01 00:00:01.5')", "1.5"},
    {"epoch", "(timestamptz) -> double", fn_named_part, "Seconds since 1970.",
     "epoch(TIMESTAMPTZ '1970-01-01 00:00:01+00')", "1"},
    {"epoch", "(interval) -> double", fn_named_part, "Seconds of an interval.",
     "epoch(INTERVAL '1 minute')", "60"},
    {"julian", "(timestamp) -> double", fn_named_part, "The Julian day.",
     "julian(TIMESTAMP '2000-01-01')", "2451545"},
    {"date_trunc|datetrunc", "(unit text, date) -> timestamp", fn_date_trunc,
     "Start of the unit around a moment.", "date_trunc('month', DATE '2024-05-06')",
     "2024-05-01 00:00:00", .flags = WR_FN_CAN_FAIL, .bind = bind_date_part},
    {"date_trunc|datetrunc", "(unit text, timestamp) -> timestamp", fn_date_trunc,
     "Start of the unit around a moment.", "date_trunc('hour', TIMESTAMP '2024-05-06 07:08:09')",
     "2024-05-06 07:00:00", .flags = WR_FN_CAN_FAIL, .bind = bind_date_part},
    {"date_trunc|datetrunc", "(unit text, timestamptz) -> timestamptz", fn_date_trunc_tz,
     "Start of the unit in the session's time zone.",
     "date_trunc('day', TIMESTAMPTZ '2024-05-06 07:08:09+00')", "2024-05-06 00:00:00+00",
     .flags = WR_FN_CAN_FAIL, .bind = bind_date_part},
    {"date_trunc|datetrunc", "(unit text, timestamptz, zone text) -> timestamptz", fn_date_trunc_tz,
     "Start of the unit in a time zone.",
     "date_trunc('day', TIMESTAMPTZ '2024-05-06 07:08:09+00', 'Asia/Tokyo')",
     "2024-05-05 15:00:00+00", .flags = WR_FN_CAN_FAIL, .bind = bind_date_part},
    {"date_trunc|datetrunc", "(unit text, interval) -> interval", fn_date_trunc_interval,
     "An interval without the smaller units.", "date_trunc('hour', INTERVAL '2 days 03:04:05')",
     "2 days 03:00:00", .flags = WR_FN_CAN_FAIL, .bind = bind_date_part},
    {"last_day", "(date) -> date", fn_last_day, "Last day of the month.",
     "last_day(DATE '2024-02-10')", "2024-02-29"},
    {"dayname", "(timestamp) -> text", fn_dayname, "English name of the day.",
     "dayname(DATE '2024-05-06')", "Monday"},
    {"monthname", "(timestamp) -> text", fn_monthname, "English name of the month.",
     "monthname(DATE '2024-05-06')", "May"},
    {"isfinite", "(date) -> boolean", fn_isfinite_date, "False for infinity and -infinity.",
     "isfinite(DATE '2024-05-06')", "true"},
    {"isfinite", "(timestamp) -> boolean", fn_isfinite_ts, "False for infinity and -infinity.",
     "isfinite(TIMESTAMP 'infinity')", "false"},
    {"isfinite", "(timestamptz) -> boolean", fn_isfinite_ts, "False for infinity and -infinity.",
     "isfinite(TIMESTAMPTZ '2024-05-06 00:00:00+00')", "true"},
    {"isfinite", "(interval) -> boolean", fn_isfinite_interval,
     "True: intervals are always finite.", "isfinite(INTERVAL '1 day')", "true"},
    {0},
};
