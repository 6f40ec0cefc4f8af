/* continuous.c - the place where statements that read sources without end leave the batch engine.
 *
 * INSERT INTO a sink becomes a stream, which a statement waits for until it is cancelled or its
 * sources end, and which background.c lets run beside its session. What a stream keeps over
 * restarts lies below a folder of states, in a folder of the stream's name: that of the sink unless
 * it was given one. Materialized views are made by stream_view.c, what SUBSCRIBE reads by
 * subscribe.c.
 *
 * An engine knows what runs by name and lets no second stream have one: state and marks in sinks
 * are found by it. */
#include "base/date.h"
#include "plan/lookup.h"
#include "session/session.h"
#include "sql/format.h"
#include "store/state.h"
#include "stream/stream.h"
#include <ctype.h>

static const int64_t LOOK_EVERY_NS = 50 * INT64_C(1000000);

bool wr_runs_as_stream(const weir_query *query, const wr_bound *bound)
{
    return bound->is_continuous || (bound->target && bound->emit_options.count) ||
           wr_str_is(wr_session_text(query->session, WR_SET_STREAM_MODE), "always");
}

/* ---- what runs ---- */

weir_status wr_running_enter(weir_engine *engine, wr_running *entry)
{
    bool is_taken = false;
    wr_mutex_lock(&engine->lock);
    for (const wr_running *other = engine->running; other && !is_taken; other = other->next)
        is_taken = wr_str_eq(other->name, entry->name);
    if (!is_taken) {
        entry->next = engine->running;
        engine->running = entry;
    }
    wr_mutex_unlock(&engine->lock);
    if (!is_taken) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_BUSY, "a stream named \"%.*s\" runs already", WR_STR_ARGS(entry->name)),
        "its state and its marks in the sink are found by the name: give this one "
        "another");
}

void wr_running_leave(weir_engine *engine, wr_running *entry)
{
    wr_mutex_lock(&engine->lock);
    wr_running **at = &engine->running;
    while (*at && *at != entry)
        at = &(*at)->next;
    if (*at) *at = entry->next;
    wr_mutex_unlock(&engine->lock);
}

void wr_show_streams(weir_query *query)
{
    static const char *const columns[] = {"name", "status", "rows_in", "rows_out", "watermark"};
    static const char *const statuses[] = {"created",      "restored", "running",
                                           "backpressure", "stopped",  "failed"};
    weir_engine *engine = query->session->engine;
    wr_text_columns(query, columns, 5);
    wr_mutex_lock(&engine->lock);
    for (wr_running *entry = engine->running; entry; entry = entry->next) {
        wr_stream_progress p = {.watermark = WR_NO_TIME_YET};
        char time[32];
        if (entry->stream) wr_stream_progress_of(entry->stream, &p);
        bool has_time = p.watermark != WR_NO_TIME_YET && p.watermark != INT64_MAX;
        wr_str row[5] = {entry->name, wr_str_of(statuses[p.status]),
                         wr_arena_printf(&query->arena, "%llu", (unsigned long long)p.rows_in),
                         wr_arena_printf(&query->arena, "%llu", (unsigned long long)p.rows_out)};
        if (has_time) row[4] = (wr_str){time, (size_t)wr_ts_print(p.watermark, time)};
        wr_text_row(query, row);
    }
    wr_mutex_unlock(&engine->lock);
}

/* ---- making one ---- */

/* It names a folder. */
static weir_status check_name(wr_str name)
{
    bool is_good = name.length > 0 && name.length <= 200 && name.data[0] != '.';
    for (size_t i = 0; i < name.length && is_good; i++) {
        unsigned char c = (unsigned char)name.data[i];
        is_good = isalnum(c) || c == '_' || c == '-' || c == '.' || c >= 0x80;
    }
    if (is_good) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_PARAMETER_VALUE, "a stream cannot be named \"%.*s\"", WR_STR_ARGS(name)),
        "letters, digits, '_', '-' and '.', which may not be first: a folder has the name");
}

void wr_take_stream_settings(weir_query *query, const wr_bound *bound, wr_stream_options *out)
{
    weir_session *session = query->session;
    *out = (wr_stream_options){
        .name = bound->sink ? bound->sink->name : WR_STR(""),
        .state = wr_session_text(session, WR_SET_STREAM_STATE),
        .temp = wr_session_text(session, WR_SET_TEMP_DIRECTORY),
        .checkpoint_interval_us = wr_session_int(session, WR_SET_CHECKPOINT_INTERVAL) * 1000,
        .checkpoint_bytes = (uint64_t)wr_session_int(session, WR_SET_CHECKPOINT_BYTES),
        .round_us = 100 * 1000,
        .worker_count = (int)wr_session_int(session, WR_SET_STREAM_WORKERS),
        .idle_us = wr_session_int(session, WR_SET_STREAM_IDLE_AFTER) * 1000,
        .lookup_refresh_us = wr_session_int(session, WR_SET_LOOKUP_REFRESH) * 1000,
        .emit_on_close = bound->emit_on_close,
        .emit_on_change = bound->emit_changes,
        .fs = session->engine->fs};
}

static weir_status take_delivery(const char *text, wr_stream_options *out)
{
    static const char *const names[] = {"best-effort", "at-least-once", "exactly-once"};
    for (int i = 0; i < (int)WR_COUNT(names); i++)
        if (wr_str_ieq(wr_str_of(text), wr_str_of(names[i]))) {
            out->delivery = (wr_delivery)i;
            out->is_asked = true;
            return WR_OK;
        }
    return wr_with_hint(wr_fail(WR_E_PARAMETER_VALUE, "there is no delivery \"%s\"", text),
                        "exactly-once, at-least-once or best-effort");
}

weir_status wr_optimize_stream(weir_query *query, const wr_stream_options *options,
                               wr_logical **root)
{
    query->planner.is_continuous = true;
    if (options->lookup_refresh_us) wr_lookups_wrap(&query->planner, *root);
    return wr_optimize(&query->planner, root);
}

weir_status wr_make_stream(weir_query *query, const wr_bound *bound,
                           const weir_stream_options *given, wr_running *entry)
{
    wr_stream_options options;
    wr_logical *root = bound->root;
    wr_pool *pool;
    WR_BUF(text);
    wr_take_stream_settings(query, bound, &options);
    wr_node_format(&text, bound->statement);
    options.text = wr_arena_str(&query->arena, wr_buf_str(&text));
    WR_TRY(wr_take_emit_options(query, &bound->emit_options, &options));
    if (given && given->name) options.name = wr_str_of(given->name);
    if (given && given->state_folder) options.state = wr_str_of(given->state_folder);
    if (given && given->checkpoint_interval_ms > 0)
        options.checkpoint_interval_us = given->checkpoint_interval_ms * 1000;
    if (given && given->delivery) WR_TRY(take_delivery(given->delivery, &options));
    WR_TRY(check_name(options.name));
    entry->name = wr_arena_str(&query->arena, options.name);
    options.view = entry->view;
    options.replaces = entry->replaces;
    options.after_part = entry->after_part;
    options.after_part_arg = entry->after_part_arg;
    if (options.state.length)
        options.state = wr_state_place(&query->arena, options.state, options.name);
    WR_TRY(wr_optimize_stream(query, &options, &root));
    WR_TRY(wr_engine_pool(query->session->engine, 1, &pool));
    WR_TRY(wr_running_enter(query->session->engine, entry));
    wr_stream *stream = NULL;
    weir_status bad =
        wr_stream_new(&query->planner, root, bound->target, pool, query->mem, &options, &stream);
    wr_mutex_lock(&query->session->engine->lock);
    entry->stream = stream;
    wr_mutex_unlock(&query->session->engine->lock);
    if (bad) wr_running_leave(query->session->engine, entry);
    return bad;
}

void wr_unmake_stream(weir_engine *engine, wr_running *entry)
{
    if (!entry->stream) return;
    wr_running_leave(engine, entry);
    wr_stream_drop(entry->stream);
    entry->stream = NULL;
}

/* ---- in the foreground ---- */

static weir_status wait_for(weir_query *query, wr_stream *stream)
{
    WR_TRY(wr_stream_start(stream));
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
    wr_running entry = {0};
    WR_TRY(wr_with_span(wr_make_stream(query, bound, NULL, &entry), span));
    weir_status bad = wait_for(query, entry.stream);
    wr_unmake_stream(query->session->engine, &entry);
    return bad;
}
