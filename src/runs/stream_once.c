/* stream_once.c - the action stream-sql-once: INSERT INTO sink SELECT over a folder of CSV files,
 * as a stream that ends behind the last file, or behind as many as it is given.
 *
 * Each file is a round of the stream: what it changed is appended to the sink, one CSV file, and
 * told by a snapshot in progress.jsonl. Nothing is kept beside that file, so a run is repeated from
 * its beginning. Arguments are the flags of the command line:
 *   source_csv_dir, sink_schema, query           needed
 *   source_table, source_delimiter, sink_table, sink_path, sink_delimiter
 *   max_batches (1; 0: all files), trigger_interval_ms (from one file to the next)
 *   execution_mode, local_workers                 threads that share the keys
 *   max_inflight_partitions, checkpoint_delivery_mode   one round at a time is within any limit;
 *                                                 all that a run says is said within it */
#include "base/int128.h"
#include "runs/runs.h"
#include "sys/clock.h"

enum { NAP_MS = 10 };

typedef struct weir_stream open_stream;
WR_DEFINE_CLEANUP(open_stream, weir_stream_close)

typedef struct once {
    weir_run *run;
    weir_session *session;
    wr_str args; /* JSON object */
    wr_arena *arena;
    const char **phase;
    wr_str sink_path;
    int64_t batches_max, interval_ms;
    int64_t batches; /* of the stream's thread, like what follows */
} once;

/* ---- arguments ---- */

static wr_str text_of(const once *o, const char *name, const char *fallback)
{
    wr_str text = wr_json_text_of(o->arena, o->args, name);
    return text.length ? text : wr_str_of(fallback);
}

/* Numbers may be texts: flags are. */
static weir_status number_of(const once *o, const char *name, int64_t fallback, int64_t *out)
{
    wr_str text = wr_json_text_of(o->arena, o->args, name);
    *out = wr_json_int_of(o->args, name, fallback);
    bool is_number = !text.length || wr_i64_read(text, out, NULL);
    if (is_number && *out >= 0) return WR_OK;
    return wr_fail(WR_E_BAD_ARGUMENT, "%s is not a number from 0: %.*s", name, WR_STR_ARGS(text));
}

static weir_status read_arguments(once *o)
{
    static const char *const needed[] = {"source_csv_dir", "sink_schema", "query"};
    static const char *const deliveries[] = {"", "at-least-once", "best-effort"};
    int64_t partitions, workers;
    bool is_delivery = false;
    for (size_t i = 0; i < WR_COUNT(needed); i++)
        if (!text_of(o, needed[i], "").length)
            return wr_fail(WR_E_BAD_ARGUMENT, "stream-sql-once needs %s", needed[i]);
    for (size_t i = 0; i < WR_COUNT(deliveries); i++)
        is_delivery |= wr_str_is(text_of(o, "checkpoint_delivery_mode", ""), deliveries[i]);
    if (!is_delivery)
        return wr_fail(WR_E_BAD_ARGUMENT, "checkpoint_delivery_mode is at-least-once or "
                                          "best-effort: nothing outlives the run");
    WR_TRY(number_of(o, "max_inflight_partitions", 0, &partitions));
    WR_TRY(number_of(o, "max_batches", 1, &o->batches_max));
    WR_TRY(number_of(o, "trigger_interval_ms", 0, &o->interval_ms));
    WR_TRY(number_of(o, "local_workers", 1, &workers));
    bool is_local = wr_str_is(text_of(o, "execution_mode", ""), "local-workers");
    wr_str count = wr_arena_printf(o->arena, "%lld", (long long)(is_local ? workers : 0));
    return weir_session_set(o->session, "stream_workers", count.data);
}

/* ---- setting up ---- */

static void add_name(wr_buf *out, wr_str name)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == '"') wr_buf_add_char(out, '"');
        wr_buf_add_char(out, name.data[i]);
    }
    wr_buf_add_char(out, '"');
}

static weir_status create_source(const once *o)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, "CREATE OR REPLACE SOURCE ");
    add_name(&sql, text_of(o, "source_table", "input_stream"));
    wr_buf_add_text(&sql, " WITH (connector = 'files', format = 'csv', bounded = true, "
                          "by_file = true, path = ");
    wr_run_quote(&sql, text_of(o, "source_csv_dir", ""));
    wr_buf_add_text(&sql, ", delimiter = ");
    wr_run_quote(&sql, text_of(o, "source_delimiter", ","));
    wr_buf_add_char(&sql, ')');
    return wr_run_do(o->session, wr_buf_str(&sql));
}

static weir_status create_sink(const once *o)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, "CREATE OR REPLACE SINK ");
    add_name(&sql, text_of(o, "sink_table", "output_sink"));
    wr_buf_printf(&sql, " (%.*s) WITH (connector = 'files', format = 'csv', mode = 'append', ",
                  WR_STR_ARGS(text_of(o, "sink_schema", "")));
    wr_buf_add_text(&sql, "force_append_only = true, path = ");
    wr_run_quote(&sql, o->sink_path);
    wr_buf_add_text(&sql, ", delimiter = ");
    wr_run_quote(&sql, text_of(o, "sink_delimiter", ","));
    wr_buf_add_char(&sql, ')');
    return wr_run_do(o->session, wr_buf_str(&sql));
}

/* ---- running ---- */

/* Behind each file, in the thread of the stream. */
static bool after_file(void *arg, weir_stream *stream)
{
    once *o = arg;
    int64_t began = wr_clock_mono_ns();
    wr_run_tell(o->run, stream);
    if (++o->batches == o->batches_max) return false;
    while (!o->run->is_ending && (wr_clock_mono_ns() - began) / 1000000 < o->interval_ms)
        wr_sleep_ms(NAP_MS);
    return true;
}

static weir_status run_stream(once *o, wr_buf *result)
{
    WR_AUTO(open_stream) *stream = NULL;
    weir_stream_figures figures;
    wr_str query = text_of(o, "query", "");
    weir_stream_options options = {.name = o->run->record.id.data,
                                   .state_folder = "",
                                   .after_part = after_file,
                                   .after_part_arg = o};
    *o->phase = "stream_explain";
    WR_TRY(weir_run_explain(o->run, o->session, query.data, query.length));
    *o->phase = "stream_start";
    WR_TRY(weir_stream_open(o->session, query.data, query.length, &options, &stream));
    const char *notices = weir_stream_notices(stream);
    if (notices) weir_error_drop(weir_run_log(o->run, true, notices, strlen(notices)));
    WR_TRY(weir_stream_start(stream));
    *o->phase = "stream_wait";
    int failed;
    bool is_stopped;
    weir_stream *const all[] = {stream};
    weir_status bad =
        wr_run_wait(o->run, all, 1, &(weir_streams_limits){0}, 0, &failed, &is_stopped);
    wr_run_tell(o->run, stream);
    WR_TRY(bad);
    if (is_stopped) return wr_fail(WR_E_CANCELLED, "the run was stopped");
    char *last = weir_stream_snapshot(stream);
    weir_stream_progress(stream, &figures);
    wr_json_put_int(result, "processed_batches", (int64_t)figures.batches);
    wr_json_put(result, "progress", wr_str_of(last));
    weir_text_free(last);
    return WR_OK;
}

weir_status wr_run_stream_once(weir_run *run, weir_session *session, wr_str args,
                               const char **phase, wr_buf *result)
{
    WR_ARENA(scratch);
    once o = {.run = run, .session = session, .args = args, .arena = &scratch, .phase = phase};
    wr_str inside =
        wr_arena_printf(&scratch, "%s/artifacts/stream_result.csv", run->record.dir.data);
    o.sink_path = text_of(&o, "sink_path", inside.data);
    WR_TRY(read_arguments(&o));
    *phase = "stream_source_read";
    WR_TRY(create_source(&o));
    *phase = "stream_setup";
    WR_TRY(create_sink(&o));
    WR_TRY(run_stream(&o, result));
    *phase = "result_materialize";
    if (wr_fs_exists(wr_fs_real(), o.sink_path))
        return wr_run_add_result(run, session, o.sink_path, WR_STR("csv"), -1, result);
    wr_buf_add_text(result, ",\"schema\":[],\"rows\":[],\"row_count\":0");
    return WR_OK;
}
