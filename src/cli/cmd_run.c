/* cmd_run.c - weir run FILE...: scripts whose INSERT INTO a sink run at once, until stopped.
 *
 * Statements run in their order. One that is an INSERT INTO a sink from a source becomes a stream,
 * which is made at its place, so that errors are told before anything is read, and started when all
 * statements went well. Streams are named after their sinks, or with --name NAME, NAME-2, NAME-3 in
 * the order of the text; their state is found by it.
 *
 * weir_streams_wait says when they end; meanwhile signals are looked for and lines drawn.
 *
 * With --save it is a tracked run: the texts are its inputs, snapshots of the streams its progress,
 * the last ones its result and artifacts. What sinks write stays where it is. */
#include "base/json_object.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/file.h"

enum { STREAMS_MAX = 64, SCRIPTS_MAX = 64 };
enum { SNAPSHOT_EVERY_MS = 1000 };
enum {
    OWN_ONCE,
    OWN_FOR,
    OWN_IDLE,
    OWN_STATE,
    OWN_INTERVAL,
    OWN_NAME,
    OWN_DELIVERY,
    OWN_WORKERS,
    OWN_SAVE,
    OWN_RUN_NAME,
    OWN_TAG,
    OWN_DESCRIPTION
};
static const cli_own_flag flags[] = {
    [OWN_ONCE] = {"once", NULL, "read what there is, commit, end"},
    [OWN_FOR] = {"for", "TIME", "stop after this time, such as 10m"},
    [OWN_IDLE] = {"until-idle", "[TIME]", "stop when nothing came for so long (2s)"},
    [OWN_STATE] = {"state", "PLACE",
                   "keep what a restart needs in this folder or postgresql:// database"},
    [OWN_INTERVAL] = {"checkpoint-interval", "TIME", "how often to commit (1s)"},
    [OWN_NAME] = {"name", "NAME", "of the stream, instead of its sink's; NAME-2, .. of the next"},
    [OWN_DELIVERY] = {"delivery", "HOW", "exactly-once, at-least-once or best-effort"},
    [OWN_WORKERS] = {"workers", "N", "threads that share the keys of a stream (0: none)"},
    [OWN_SAVE] = {"save", NULL, "keep it as a tracked run; see: weir runs --help"},
    [OWN_RUN_NAME] = {"run-name", "NAME", "of the tracked run (that of the stream)"},
    [OWN_TAG] = {"tag", "TAG...", "of the tracked run; several times, or with commas"},
    [OWN_DESCRIPTION] = {"description", "TEXT", "of the tracked run"},
    {0},
};

extern const cli_command wr_cmd_run;

typedef struct running {
    weir_stream *streams[STREAMS_MAX];
    wr_buf sql[STREAMS_MAX]; /* with newlines for the lines before */
    int count;
    weir_streams_limits limits;
    int64_t interval_ms;
} running;
static running now; /* one per process; statements come one by one from cli_each_statement */

typedef struct tracked {
    weir_runs *runs;
    weir_run *run; /* NULL: not tracked */
    weir_status error;
    bool is_explained, prints_json;
    int64_t next_ns;
} tracked;
static tracked saved;

/* ---- the tracked run ---- */

/* The flags as src/runs takes them. */
static void put_limits(const cli_options *options, wr_buf *args)
{
    static const struct {
        int flag;
        const char *name;
    } texts[] = {{OWN_STATE, "state"},
                 {OWN_NAME, "name"},
                 {OWN_DELIVERY, "delivery"},
                 {OWN_WORKERS, "workers"}};
    WR_BUF(limits);
    WR_BUF(stream);
    wr_buf_add_char(&limits, '{');
    wr_json_put_bool(&limits, "once", now.limits.once);
    wr_json_put_int(&limits, "idle_ms", now.limits.idle_ms);
    wr_json_put_int(&limits, "run_ms", now.limits.run_ms);
    wr_buf_add_char(&limits, '}');
    wr_buf_add_char(&stream, '{');
    for (size_t i = 0; i < WR_COUNT(texts); i++)
        if (options->own[texts[i].flag])
            wr_json_put_text(&stream, texts[i].name, wr_str_of(options->own[texts[i].flag]));
    wr_json_put_int(&stream, "checkpoint_interval_ms", now.interval_ms);
    wr_buf_add_char(&stream, '}');
    wr_json_put(args, "limits", wr_buf_str(&limits));
    wr_json_put(args, "stream", wr_buf_str(&stream));
}

static void put_inputs(cli_state *state, const wr_buf *texts, int count, wr_buf *out)
{
    const cli_options *options = &state->options;
    WR_BUF(args);
    WR_BUF(list);
    const char *name =
        options->own[OWN_RUN_NAME] ? options->own[OWN_RUN_NAME] : options->own[OWN_NAME];
    cli_begin_inputs(state, "run",
                     &(cli_saved_as){name, options->own[OWN_DESCRIPTION], options->own[OWN_TAG]},
                     out);
    wr_buf_add_char(&list, '[');
    for (int i = 0; i < count; i++)
        wr_json_put_text(&list, NULL, wr_buf_str(&texts[i]));
    wr_buf_add_char(&list, ']');
    wr_buf_add_char(&args, '{');
    wr_json_put(&args, "scripts", wr_buf_str(&list));
    list.length = 0;
    put_limits(options, &args);
    cli_put_flags(state, &args);
    wr_buf_add_char(&args, '}');
    wr_json_put(out, "action_args", wr_buf_str(&args));
    wr_buf_add_char(out, '}');
}

static int begin_tracked(cli_state *state, const wr_buf *texts, int count)
{
    WR_BUF(inputs);
    int code = cli_open_runs(state, &saved.runs);
    if (code) return code;
    put_inputs(state, texts, count, &inputs);
    weir_status bad = weir_run_begin(saved.runs, inputs.data, &saved.run);
    if (!bad) return CLI_OK;
    if (state->options.json)
        cli_print_failure(state, weir_error_message(bad), "io_error", "filesystem");
    return cli_report(state, bad, NULL, 0);
}

/* Snapshots of all streams as lines of progress.jsonl. */
static void track_progress(bool is_end)
{
    int64_t time = wr_clock_mono_ns();
    if (!saved.run || (!is_end && time < saved.next_ns)) return;
    saved.next_ns = time + SNAPSHOT_EVERY_MS * INT64_C(1000000);
    for (int i = 0; i < now.count; i++) {
        char *json = weir_stream_snapshot(now.streams[i]);
        weir_error_drop(weir_run_progress(saved.run, json));
        weir_text_free(json);
    }
}

static weir_status keep_snapshot(const weir_stream *stream, const char *json)
{
    WR_BUF(path);
    WR_AUTO(wr_file) *file = NULL;
    wr_buf_printf(&path, "%s/artifacts/%s.snapshot.json", weir_run_folder(saved.run),
                  weir_stream_name(stream));
    WR_TRY(wr_file_open(wr_fs_real(), wr_buf_str(&path), WR_FILE_REPLACE, &file));
    WR_TRY(wr_file_write(file, 0, json, strlen(json)));
    return weir_run_add_file(saved.run, path.data, "snapshot", "text");
}

static void end_tracked(cli_state *state, int code)
{
    WR_BUF(result);
    char *reply = NULL;
    track_progress(true);
    wr_buf_add_text(&result, "{\"streams\":[");
    for (int i = 0; i < now.count; i++) {
        char *json = weir_stream_snapshot(now.streams[i]);
        wr_json_put(&result, NULL, wr_str_of(json));
        weir_error_drop(keep_snapshot(now.streams[i], json));
        weir_text_free(json);
    }
    wr_buf_add_text(&result, "]}");
    if (code && !saved.error && code != CLI_INTERRUPTED)
        saved.error = wr_fail(WR_E_BAD_ARGUMENT, "ended with exit code %d", code);
    weir_status bad =
        weir_run_finish(saved.run, saved.error, "stream_execute", NULL, result.data, &reply);
    if (saved.prints_json && reply) cli_print_json(state, reply);
    if (bad) cli_report(state, bad, NULL, 0);
    if (!state->options.quiet) fprintf(stderr, "weir: run %s\n", weir_run_id(saved.run));
    weir_text_free(reply);
    weir_run_close(saved.run);
}

/* ---- the script ---- */

static void name_stream(const cli_options *options, wr_buf *out)
{
    if (!options->own[OWN_NAME]) return;
    wr_buf_add_text(out, options->own[OWN_NAME]);
    if (now.count) wr_buf_printf(out, "-%d", now.count + 1);
}

static int open_stream(cli_state *state, const char *sql, size_t length)
{
    if (now.count == STREAMS_MAX) return cli_usage(&wr_cmd_run, "more than 64 streams in one run");
    WR_BUF(name);
    name_stream(&state->options, &name);
    weir_stream_options options = {.name = name.data,
                                   .state_folder = state->options.own[OWN_STATE],
                                   .checkpoint_interval_ms = now.interval_ms,
                                   .delivery = state->options.own[OWN_DELIVERY]};
    cli_crash_statement();
    weir_status bad =
        weir_stream_open(state->session, sql, length, &options, &now.streams[now.count]);
    if (bad) {
        bool is_named_twice = strstr(weir_error_message(bad), "runs already") != NULL;
        int code = cli_report(state, bad, sql, length);
        if (is_named_twice && !name.length)
            fprintf(stderr, "  --name NAME calls the streams NAME, NAME-2, NAME-3\n");
        return code;
    }
    if (saved.run && !saved.is_explained)
        weir_error_drop(weir_run_explain(saved.run, state->session, sql, length));
    saved.is_explained = true;
    wr_buf_add(&now.sql[now.count], sql, length);
    const char *notices = weir_stream_notices(now.streams[now.count++]);
    if (notices && !state->options.quiet) fputs(notices, stderr);
    return CLI_OK;
}

static int run_statement(cli_state *state, const char *sql, size_t length)
{
    bool is_stream = false;
    weir_status bad = weir_stream_check(state->session, sql, length, &is_stream);
    if (bad) return cli_report(state, bad, sql, length);
    return is_stream ? open_stream(state, sql, length) : cli_run_statement(state, sql, length);
}

static int read_scripts(cli_state *state, wr_buf *texts, int *count)
{
    const cli_options *options = &state->options;
    int code = CLI_OK;
    if (options->sql_count + options->arg_count > SCRIPTS_MAX)
        return cli_usage(&wr_cmd_run, "more than 64 files in one run");
    for (int i = 0; i < options->sql_count + options->arg_count && !code; i++) {
        const cli_sql *sql = i < options->sql_count ? &options->sqls[i] : NULL;
        bool is_file = !sql || sql->is_file;
        const char *given = sql ? sql->text : options->args[i - options->sql_count];
        if (is_file)
            code = cli_read_file(state, given, &texts[i]);
        else
            wr_buf_add_text(&texts[i], given);
        ++*count;
    }
    return code;
}

static int run_scripts(cli_state *state, const wr_buf *texts, int count)
{
    int code = CLI_OK;
    for (int i = 0; i < count && !code; i++)
        if (texts[i].length)
            code = cli_each_statement(state, texts[i].data, texts[i].length, run_statement);
    return code;
}

/* ---- while they run ---- */

static int stop_code(void) { return cli_stop_signal == SIGINT ? CLI_INTERRUPTED : CLI_OK; }

typedef struct looking {
    cli_state *state;
    cli_flow *flow;
    bool is_told;
} looking;

static bool look(void *arg, weir_stream *const *streams, int count)
{
    looking *l = arg;
    (void)streams, (void)count;
    if (cli_stop_signal && !l->is_told) {
        cli_flow_make_room(l->flow);
        if (!l->state->options.quiet)
            fprintf(stderr, "weir: stopping; once more ends it at once\n");
        l->is_told = true;
    }
    cli_flow_show(l->flow);
    track_progress(false);
    return !cli_stop_signal;
}

static int start_all(cli_state *state)
{
    for (int i = 0; i < now.count; i++) {
        weir_stream_figures f;
        weir_status bad = weir_stream_start(now.streams[i]);
        if (bad) return cli_report(state, bad, now.sql[i].data, now.sql[i].length);
        weir_stream_progress(now.streams[i], &f);
        bool is_exact = strcmp(f.delivery, "exactly-once") == 0;
        if (!state->options.quiet)
            fprintf(stderr, "weir: %s runs, %s%s%s\n", weir_stream_name(now.streams[i]), f.delivery,
                    is_exact ? "" : ": ", is_exact ? "" : f.delivery_reason);
    }
    return CLI_OK;
}

static int run_streams(cli_state *state)
{
    if (cli_stop_signal) return stop_code();
    int code = start_all(state);
    if (code) return code;
    looking l = {state, cli_flow_new(state, now.streams, now.count), false};
    int failed;
    weir_status bad = weir_streams_wait(now.streams, now.count, &now.limits, look, &l, &failed);
    if (bad) {
        cli_flow_make_room(l.flow);
        fprintf(stderr, "weir: %s failed\n", weir_stream_name(now.streams[failed]));
        code = cli_report(state, bad, now.sql[failed].data, now.sql[failed].length);
    }
    cli_flow_end(l.flow);
    return code ? code : stop_code();
}

/* ---- the command ---- */

static int read_time(const char *text, const char *what, double *out)
{
    if (!text) return CLI_OK;
    *out = cli_read_seconds(text);
    return *out < 0 ? cli_usage(&wr_cmd_run, what) : CLI_OK;
}

static int read_flags(const cli_options *options)
{
    const char *idle = options->own[OWN_IDLE];
    double run_s = 0, idle_s = 0, interval_s = 0;
    now = (running){.limits.once = options->own[OWN_ONCE] != NULL};
    if (!options->arg_count && !options->sql_count)
        return cli_usage(&wr_cmd_run, "run needs a file of statements");
    if (idle && options->own[OWN_ONCE])
        return cli_usage(&wr_cmd_run, "--once and --until-idle both say when to end");
    int code = read_time(options->own[OWN_FOR], "--for takes a time such as 10m", &run_s);
    if (!code)
        code = read_time(idle && !*idle ? "2s" : idle, "--until-idle takes a time such as 5s",
                         &idle_s);
    if (!code)
        code = read_time(options->own[OWN_INTERVAL], "--checkpoint-interval takes a time: 500ms",
                         &interval_s);
    now.interval_ms = (int64_t)(interval_s * 1000);
    /* 0 is a limit here, too */
    if (options->own[OWN_FOR]) now.limits.run_ms = WR_MAX((int64_t)(run_s * 1000), 1);
    if (idle) now.limits.idle_ms = WR_MAX((int64_t)(idle_s * 1000), 1);
    if (!code && options->own[OWN_INTERVAL] && now.interval_ms < 1)
        return cli_usage(&wr_cmd_run, "--checkpoint-interval is at least 1ms");
    return code;
}

static int set_workers(cli_state *state)
{
    const char *count = state->options.own[OWN_WORKERS];
    weir_status bad = count ? weir_session_set(state->session, "stream_workers", count) : WR_OK;
    if (!bad) return CLI_OK;
    weir_error_drop(bad);
    return cli_usage(&wr_cmd_run, "--workers takes a number");
}

static int check_saved(const cli_options *options)
{
    bool is_described =
        options->own[OWN_RUN_NAME] || options->own[OWN_TAG] || options->own[OWN_DESCRIPTION];
    if (is_described && !options->own[OWN_SAVE])
        return cli_usage(&wr_cmd_run, "--run-name, --tag and --description are for --save");
    return CLI_OK;
}

/* What a tracked run prints for programs is one document at its end, not snapshots meanwhile. */
static void track(cli_state *state)
{
    saved.prints_json = state->options.json;
    state->options.json = false;
    if (saved.prints_json) state->options.format = "none";
    state->first_error = &saved.error;
}

static int run_texts(cli_state *state, const wr_buf *texts, int count)
{
    int code = state->options.own[OWN_SAVE] ? begin_tracked(state, texts, count) : CLI_OK;
    if (code) return code;
    if (saved.run) track(state);
    code = run_scripts(state, texts, count);
    if (!code && now.count) code = run_streams(state);
    if (saved.run) end_tracked(state, code);
    for (int i = 0; i < now.count; i++) {
        weir_stream_close(now.streams[i]);
        wr_buf_clear(&now.sql[i]);
    }
    state->first_error = NULL;
    weir_error_drop(saved.error);
    return code;
}

static int run(cli_state *state)
{
    wr_buf texts[SCRIPTS_MAX] = {0};
    int count = 0;
    int code = read_flags(&state->options);
    if (!code) code = check_saved(&state->options);
    if (!code) code = set_workers(state);
    if (code) return code;
    cli_stops_begin();
    code = read_scripts(state, texts, &count);
    if (!code) code = run_texts(state, texts, count);
    for (int i = 0; i < count; i++)
        wr_buf_clear(&texts[i]);
    weir_runs_close(saved.runs);
    return code;
}

const cli_command wr_cmd_run = {
    .name = "run",
    .arguments = "FILE...",
    .help = "run statements; each INSERT INTO a sink from a source runs until stopped",
    .example = "weir run examples/bids.sql --state state --for 3s",
    .flags = flags,
    .run = run,
};
