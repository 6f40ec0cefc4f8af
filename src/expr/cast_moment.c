/* cast_moment.c - dates, times and timestamps among each other.
 *
 * Everything goes through microseconds. Timestamps with time zone are UTC; the session's zone
 * stands between them and everything local. Infinity stays infinity. Coarser units round down. */
#include "expr/cast_rows.h"
#include "sys/clock.h"

static const wr_zone *zone_of(const wr_cast_job *job) { return job->env ? job->env->zone : NULL; }

/* Units per second of a timestamp type; 0 for others. */
static int64_t units_per_second(const wr_type *t)
{
    switch (t->id) {
    case WR_T_TIMESTAMP_S:
        return 1;
    case WR_T_TIMESTAMP_MS:
        return 1000;
    case WR_T_TIMESTAMP:
    case WR_T_TIMESTAMPTZ:
        return 1000000;
    case WR_T_TIMESTAMP_NS:
        return 1000000000;
    default:
        return 0;
    }
}

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static bool is_infinite(int64_t v) { return v == WR_TS_INF || v == WR_TS_NEG_INF; }

/* Any unit to any other; false if it does not fit. */
static bool change_unit(int64_t value, int64_t from, int64_t to, int64_t *out)
{
    *out = value;
    if (is_infinite(value) || from == to) return true;
    if (from > to) {
        *out = floor_div(value, from / to);
        return true;
    }
    return !__builtin_mul_overflow(value, to / from, out);
}

static wr_cast_result date_to_timestamp(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                        wr_column *out)
{
    int32_t days = (int32_t)wr_column_int(in, row);
    int64_t *to = &((int64_t *)out->data)[row];
    if (days == WR_DATE_INF || days == WR_DATE_NEG_INF) {
        *to = days == WR_DATE_INF ? WR_TS_INF : WR_TS_NEG_INF;
        return WR_CAST_DONE;
    }
    if (__builtin_mul_overflow((int64_t)days * 86400, units_per_second(job->to), to))
        return WR_CAST_RANGE;
    if (job->to->id == WR_T_TIMESTAMPTZ && zone_of(job))
        *to = wr_zone_local_to_utc(zone_of(job), *to);
    return WR_CAST_DONE;
}

/* Local microseconds of a timestamp of any type. */
static wr_cast_result local_microseconds(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                         int64_t *us)
{
    int64_t value = wr_column_int(in, row);
    if (!change_unit(value, units_per_second(in->type), 1000000, us)) return WR_CAST_RANGE;
    if (in->type->id == WR_T_TIMESTAMPTZ && zone_of(job) && !is_infinite(*us))
        *us += wr_zone_offset_at(zone_of(job), *us) * WR_USECS_PER_SEC;
    return WR_CAST_DONE;
}

static wr_cast_result timestamp_to_date(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                        wr_column *out)
{
    int64_t us;
    wr_cast_result result = local_microseconds(job, in, row, &us);
    if (result != WR_CAST_DONE) return result;
    int64_t days = floor_div(us, WR_USECS_PER_DAY);
    if (is_infinite(us)) days = us == WR_TS_INF ? WR_DATE_INF : WR_DATE_NEG_INF;
    ((int32_t *)out->data)[row] = (int32_t)days;
    return WR_CAST_DONE;
}

static wr_cast_result timestamp_to_time(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                        wr_column *out)
{
    int64_t us;
    wr_cast_result result = local_microseconds(job, in, row, &us);
    if (result != WR_CAST_DONE) return result;
    if (is_infinite(us)) return WR_CAST_RANGE;
    ((int64_t *)out->data)[row] = us - floor_div(us, WR_USECS_PER_DAY) * WR_USECS_PER_DAY;
    return WR_CAST_DONE;
}

static wr_cast_result timestamp_to_timestamp(const wr_cast_job *job, const wr_column *in,
                                             uint32_t row, wr_column *out)
{
    int64_t *to = &((int64_t *)out->data)[row], us;
    bool from_zoned = in->type->id == WR_T_TIMESTAMPTZ, to_zoned = job->to->id == WR_T_TIMESTAMPTZ;
    if (from_zoned == to_zoned || !zone_of(job)) {
        bool fits = change_unit(wr_column_int(in, row), units_per_second(in->type),
                                units_per_second(job->to), to);
        return fits ? WR_CAST_DONE : WR_CAST_RANGE;
    }
    wr_cast_result result = local_microseconds(job, in, row, &us);
    if (result != WR_CAST_DONE) return result;
    if (to_zoned && !is_infinite(us)) us = wr_zone_local_to_utc(zone_of(job), us);
    return change_unit(us, 1000000, units_per_second(job->to), to) ? WR_CAST_DONE : WR_CAST_RANGE;
}

static wr_cast_result time_to_interval(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                       wr_column *out)
{
    (void)job;
    ((wr_interval *)out->data)[row] = (wr_interval){.usecs = wr_column_int(in, row)};
    return WR_CAST_DONE;
}

static wr_cast_result interval_to_time(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                       wr_column *out)
{
    (void)job;
    int64_t us = ((const wr_interval *)in->data)[row].usecs;
    ((int64_t *)out->data)[row] = us - floor_div(us, WR_USECS_PER_DAY) * WR_USECS_PER_DAY;
    return WR_CAST_DONE;
}

wr_cast_row *wr_cast_moment(const wr_type *from, const wr_type *to)
{
    bool from_timestamp = units_per_second(from) > 0, to_timestamp = units_per_second(to) > 0;
    if (from_timestamp && to_timestamp) return timestamp_to_timestamp;
    if (from_timestamp && to->id == WR_T_DATE) return timestamp_to_date;
    if (from_timestamp && to->id == WR_T_TIME) return timestamp_to_time;
    if (from->id == WR_T_DATE && to_timestamp) return date_to_timestamp;
    if (from->id == WR_T_TIME && to->id == WR_T_INTERVAL) return time_to_interval;
    if (from->id == WR_T_INTERVAL && to->id == WR_T_TIME) return interval_to_time;
    return NULL;
}
