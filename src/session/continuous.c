/* continuous.c - the place where statements that read sources without end leave the batch engine.
 *
 * INSERT INTO a sink runs as a stream until it is cancelled or its sources end: the statement waits
 * for it, as for any other. What a stream keeps over restarts lies below the setting stream_state,
 * in a folder named after the sink. A materialized view over a source without end is refused. */
#include "session/session.h"
#include "stream/stream.h"

static const int64_t LOOK_EVERY_NS = 50 * INT64_C(1000000);

bool wr_runs_as_stream(const weir_query *query, const wr_bound *bound)
{
    return bound->is_continuous ||
           wr_str_is(wr_session_text(query->session, WR_SET_STREAM_MODE), "always");
}

/* Where the state of the query lies; empty: nothing is kept. */
static wr_str state_of(weir_query *query, wr_str name)
{
    wr_str folder = wr_session_text(query->session, WR_SET_STREAM_STATE);
    if (!folder.length) return (wr_str){0};
    return wr_arena_printf(&query->arena, "%.*s/%.*s", WR_STR_ARGS(folder), WR_STR_ARGS(name));
}

static weir_status wait_for(weir_query *query, wr_stream *stream)
{
    for (bool ended = false; !ended;) {
        WR_TRY(wr_cancel_check(&query->cancel));
        WR_TRY(wr_stream_await(stream, wr_clock_mono_ns() + LOOK_EVERY_NS, &ended));
    }
    wr_stream_progress progress;
    wr_stream_progress_of(stream, &progress);
    query->affected = (int64_t)progress.rows_out;
    return WR_OK;
}

weir_status wr_run_continuous(weir_query *query, const wr_bound *bound, wr_span span)
{
    if (!bound->target)
        return wr_with_hint(
            wr_fail_at(WR_E_UNSUPPORTED, span,
                       "a materialized view over a source without end is not supported"),
            "INSERT INTO a sink keeps running; sources that end are read whole");
    weir_session *session = query->session;
    wr_logical *root = bound->root;
    query->planner.is_continuous = true;
    WR_TRY(wr_optimize(&query->planner, &root));
    wr_pool *pool;
    WR_TRY(wr_engine_pool(session->engine, 1, &pool));
    wr_stream_options options = {
        .name = bound->sink->name,
        .state = state_of(query, bound->sink->name),
        .checkpoint_interval_us = wr_session_int(session, WR_SET_CHECKPOINT_INTERVAL) * 1000,
        .round_us = 100 * 1000,
        .idle_us = wr_session_int(session, WR_SET_STREAM_IDLE_AFTER) * 1000,
        .emit_on_close = bound->emit_on_close,
        .emit_on_change = bound->emit_changes,
        .fs = session->engine->fs};
    WR_AUTO(wr_stream) *stream = NULL;
    WR_TRY(
        wr_stream_new(&query->planner, root, bound->target, pool, query->mem, &options, &stream));
    WR_TRY(wr_stream_start(stream));
    return wait_for(query, stream);
}
