/* stream.c - functions of streams: where windows of time begin, the moment of arrival.
 *
 * A row of time t is in every window n with start <= t < start + size, start = n * slide + offset.
 * Divisions round down, so that times before 1970 are in the right one. Infinite times are in no
 * window, like NULL. Sums are made with 128 bits: a window that would begin or end where no
 * timestamp is fails. */
#include "base/int128.h"
#include "expr/fn/date_units.h"

static weir_status out_of_range(wr_call *call, uint32_t i)
{
    return wr_bad_row(call, i,
                      wr_fail(WR_E_DATETIME_OVERFLOW, "a window of time would be out of range"));
}

static bool is_moment(wr_i128 value)
{
    return value == (int64_t)value && wr_ts_is_finite((int64_t)value);
}

/* The last window that begins at or before ts. */
static wr_i128 last_start(int64_t ts, int64_t slide, int64_t offset)
{
    wr_i128 since = (wr_i128)ts - offset, rest = since % slide;
    if (rest < 0) rest += slide;
    return (wr_i128)ts - rest;
}

static weir_status fn_window_begin(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        int64_t ts = WR_ARG(call, 0, int64_t, i), slide = WR_ARG(call, 1, int64_t, i);
        if (!wr_ts_is_finite(ts)) {
            wr_out_null(call, out, i);
            continue;
        }
        wr_i128 start = slide > 0 ? last_start(ts, slide, WR_ARG(call, 2, int64_t, i)) : INT64_MAX;
        if (!is_moment(start)) return out_of_range(call, i);
        WR_OUT(out, int64_t, i) = (int64_t)start;
    }
    return WR_OK;
}

static weir_status fn_window_begins(wr_call *call, wr_column *out)
{
    WR_LIST(int64_t) values = {0};
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
    WR_ROWS(i)
    {
        int64_t ts = WR_ARG(call, 0, int64_t, i), size = WR_ARG(call, 1, int64_t, i);
        int64_t slide = WR_ARG(call, 2, int64_t, i);
        if (!wr_ts_is_finite(ts)) continue;
        if (slide <= 0) return out_of_range(call, i);
        wr_i128 last = last_start(ts, slide, WR_ARG(call, 3, int64_t, i)), since = ts - last;
        int64_t count = since < size ? (int64_t)((size - since - 1) / slide) + 1 : 0;
        if (count && (!is_moment(last) || !is_moment(last - (wr_i128)(count - 1) * slide)))
            return out_of_range(call, i);
        WR_OUT(out, wr_list_slot, i) = (wr_list_slot){(uint32_t)values.count, (uint32_t)count};
        for (int64_t k = count; k-- > 0;)
            wr_push(call->arena, &values, (int64_t)(last - (wr_i128)k * slide));
        if (values.count > 1 << 26)
            return wr_bad_row(call, i, wr_fail(WR_E_TOO_BIG, "too many windows at once"));
    }
    out->children = wr_new(call->arena, wr_column);
    wr_column_init(out->children, call->arena, out->type->child, WR_P_I64,
                   (uint32_t)values.count + 1);
    out->children->rows = (uint32_t)values.count;
    if (values.count)
        memcpy(out->children->data, values.items, sizeof(int64_t) * (size_t)values.count);
    return WR_OK;
}

static weir_status fn_window_shift(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_i128 end = (wr_i128)WR_ARG(call, 0, int64_t, i) + WR_ARG(call, 1, int64_t, i);
        if (!is_moment(end)) return out_of_range(call, i);
        WR_OUT(out, int64_t, i) = (int64_t)end;
    }
    return WR_OK;
}

/* Whether more than gap passed from one row of a session to the next. */
static weir_status fn_window_gap(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        wr_i128 passed = (wr_i128)WR_ARG(call, 0, int64_t, i) - WR_ARG(call, 1, int64_t, i);
        WR_OUT(out, int64_t, i) = passed > WR_ARG(call, 2, int64_t, i);
    }
    return WR_OK;
}

static weir_status fn_proctime(wr_call *call, wr_column *out)
{
    WR_ALL_ROWS(i) { WR_OUT(out, int64_t, i) = call->env->now_us; }
    return WR_OK;
}

#define HIDDEN_ROW .flags = WR_FN_CAN_FAIL | WR_FN_HIDDEN
#define BEGIN_HELP "Where the window of the moment begins; microseconds."
#define BEGINS_HELP "Where all windows of the moment begin; microseconds."
#define SHIFT_HELP "The moment so many microseconds later."
#define GAP_HELP "1 if the moments are further apart, else 0; microseconds."

const wr_fn wr_fns_stream[] = {
    {"window_begin", "(timestamp, slide bigint, offset bigint) -> timestamp", fn_window_begin,
     BEGIN_HELP, "window_begin(TIMESTAMP '1969-12-31 23:59:59', 60000000, 0)",
     "1969-12-31 23:59:00", HIDDEN_ROW},
    {"window_begin", "(timestamptz, slide bigint, offset bigint) -> timestamptz", fn_window_begin,
     BEGIN_HELP, "window_begin(TIMESTAMPTZ '2024-05-06 07:08:09+00', 60000000, 1000000)",
     "2024-05-06 07:08:01+00", HIDDEN_ROW},
    {"window_begins", "(timestamp, size bigint, slide bigint, offset bigint) -> timestamp[]",
     fn_window_begins, BEGINS_HELP,
     "window_begins(TIMESTAMP '1970-01-01 00:00:01', 3000000, 2000000, 0)", "[1970-01-01 00:00:00]",
     HIDDEN_ROW},
    {"window_begins", "(timestamptz, size bigint, slide bigint, offset bigint) -> timestamptz[]",
     fn_window_begins, BEGINS_HELP,
     "window_begins(TIMESTAMPTZ '1970-01-01 00:00:02+00', 3000000, 2000000, 0)",
     "[1970-01-01 00:00:00+00, 1970-01-01 00:00:02+00]", HIDDEN_ROW},
    {"window_shift", "(timestamp, by bigint) -> timestamp", fn_window_shift, SHIFT_HELP,
     "window_shift(TIMESTAMP '1970-01-01', 1000000)", "1970-01-01 00:00:01", HIDDEN_ROW},
    {"window_shift", "(timestamptz, by bigint) -> timestamptz", fn_window_shift, SHIFT_HELP,
     "window_shift(TIMESTAMPTZ '1970-01-01 00:00:00+00', 1000000)", "1970-01-01 00:00:01+00",
     HIDDEN_ROW},
    {"window_gap", "(timestamp, before timestamp, gap bigint) -> bigint", fn_window_gap, GAP_HELP,
     "window_gap(TIMESTAMP '1970-01-02', TIMESTAMP '1970-01-01', 5)", "1", HIDDEN_ROW},
    {"window_gap", "(timestamptz, before timestamptz, gap bigint) -> bigint", fn_window_gap,
     GAP_HELP,
     "window_gap(TIMESTAMPTZ '1970-01-01 00:00:00+00', TIMESTAMPTZ '1970-01-01 00:00:00+00', 5)",
     "0", HIDDEN_ROW},
    {"proctime", "() -> timestamptz", fn_proctime,
     "The moment a row arrives in a continuous query; elsewhere now().", "proctime() = now()",
     "true", .flags = WR_FN_VOLATILE},
    {0},
};
