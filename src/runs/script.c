/* script.c - actions with scripts: statements in their order, whose INSERT INTO a sink from a
 * source run together as streams behind them.
 *
 *   scripts [sql]
 *   settings {..}      of the session
 *   limits {once, idle_ms, run_ms}       as of weir_streams_wait
 *   stream {name, state, checkpoint_interval_ms, delivery, workers}   as of weir_stream_open
 *
 * Rows of queries become artifacts. Streams tell by snapshots, the last of which are the result and
 * artifacts. A stream is named after its sink, or NAME, NAME-2, NAME-3 in the order of the text. */
#include "runs/runs.h"

enum { STREAMS_MAX = 64, TELL_EVERY_MS = 1000 };

typedef struct script {
    weir_run *run;
    weir_session *session;
    wr_str args; /* JSON object, as stream */
    wr_str stream;
    wr_arena *arena;
    const char **phase, **sql; /* sql: the script that is at hand */
    wr_buf *result;
    weir_stream *streams[STREAMS_MAX];
    const char *texts[STREAMS_MAX]; /* script and place of each stream */
    size_t places[STREAMS_MAX];
    int count;
} script;

static const char *text_or_null(const script *s, const char *name)
{
    wr_str text = wr_json_text_of(s->arena, s->stream, name);
    return text.length ? text.data : NULL;
}

static weir_status open_stream(script *s, wr_str sql, size_t at)
{
    const char *name = text_or_null(s, "name");
    if (s->count == STREAMS_MAX)
        return wr_fail(WR_E_UNSUPPORTED, "more than %d streams in one run", STREAMS_MAX);
    if (name && s->count) name = wr_arena_printf(s->arena, "%s-%d", name, s->count + 1).data;
    weir_stream_options options = {.name = name,
                                   .state_folder = text_or_null(s, "state"),
                                   .checkpoint_interval_ms =
                                       wr_json_int_of(s->stream, "checkpoint_interval_ms", 0),
                                   .delivery = text_or_null(s, "delivery")};
    *s->phase = "stream_execute";
    if (!s->count) WR_TRY(weir_run_explain(s->run, s->session, sql.data, sql.length));
    WR_TRY(weir_stream_open(s->session, sql.data, sql.length, &options, &s->streams[s->count]));
    s->texts[s->count] = *s->sql;
    s->places[s->count] = at;
    const char *notices = weir_stream_notices(s->streams[s->count++]);
    if (notices) weir_error_drop(weir_run_log(s->run, true, notices, strlen(notices)));
    return WR_OK;
}

/* A query: its rows are kept, and those of the last one are the result. */
static weir_status keep_rows(script *s, wr_str sql)
{
    char *result = NULL;
    WR_TRY(weir_run_query(s->run, s->session, sql.data, sql.length, "{}", &result));
    s->result->length = 1; /* the bracket */
    wr_str members = wr_str_of(result);
    wr_buf_add(s->result, members.data + 1, members.length - 2);
    weir_text_free(result);
    return WR_OK;
}

static weir_status run_statement(script *s, wr_str sql, size_t at)
{
    weir_form form;
    bool is_stream = false;
    *s->phase = "sql_execute";
    WR_TRY(weir_sql_form(sql.data, sql.length, &form));
    if (!form.is_query) WR_TRY(weir_stream_check(s->session, sql.data, sql.length, &is_stream));
    if (is_stream) return open_stream(s, sql, at);
    return form.is_query ? keep_rows(s, sql) : wr_run_do(s->session, sql);
}

static weir_status run_text(script *s, wr_str text)
{
    bool complete;
    *s->sql = text.data;
    for (size_t at = 0;;) {
        while (at < text.length && strchr(" \t\r\n;", text.data[at]))
            at++;
        wr_str rest = {text.data + at, text.length - at};
        rest.length = weir_sql_split(rest.data, rest.length, &complete);
        if (!wr_str_trim(rest).length) return WR_OK;
        WR_TRY(wr_run_moved(run_statement(s, rest, at), at));
        at += rest.length;
    }
}

static weir_status run_texts(script *s)
{
    wr_json_members members;
    wr_str key, value;
    if (!wr_json_begin(wr_json_member_of(s->arena, s->args, "scripts"), &members)) return WR_OK;
    while (wr_json_next(&members, &key, &value)) {
        WR_BUF(text);
        if (wr_json_unquote(value, &text))
            WR_TRY(run_text(s, wr_arena_str(&s->run->arena, wr_buf_str(&text))));
    }
    return WR_OK;
}

static weir_status run_streams(script *s)
{
    int failed;
    bool is_stopped;
    wr_str given = wr_json_member_of(s->arena, s->args, "limits");
    weir_streams_limits limits = {.once = wr_json_bool_of(given, "once"),
                                  .idle_ms = wr_json_int_of(given, "idle_ms", 0),
                                  .run_ms = wr_json_int_of(given, "run_ms", 0)};
    *s->phase = "stream_execute";
    for (int i = 0; i < s->count; i++)
        WR_TRY(weir_stream_start(s->streams[i]));
    weir_status bad =
        wr_run_wait(s->run, s->streams, s->count, &limits, TELL_EVERY_MS, &failed, &is_stopped);
    if (failed < 0) return bad;
    *s->sql = s->texts[failed];
    return wr_run_moved(bad, s->places[failed]);
}

static weir_status keep_snapshot(const script *s, const weir_stream *stream, const char *json)
{
    wr_str path = wr_arena_printf(s->arena, "%s/artifacts/%s.snapshot.json",
                                  weir_run_folder(s->run), weir_stream_name(stream));
    WR_TRY(wr_run_file_write(path, wr_str_of(json)));
    return weir_run_add_file(s->run, path.data, "snapshot", "text");
}

/* Also of streams that failed. */
static void end_streams(script *s)
{
    WR_BUF(list);
    wr_buf_add_char(&list, '[');
    for (int i = 0; i < s->count; i++) {
        char *json = weir_stream_snapshot(s->streams[i]);
        weir_error_drop(weir_run_progress(s->run, json));
        weir_error_drop(keep_snapshot(s, s->streams[i], json));
        wr_json_put(&list, NULL, wr_str_of(json));
        weir_text_free(json);
        weir_stream_close(s->streams[i]);
    }
    wr_buf_add_char(&list, ']');
    wr_json_put(s->result, "streams", wr_buf_str(&list));
}

weir_status wr_run_scripts(weir_run *run, weir_session *session, wr_str args, const char **phase,
                           const char **sql, wr_buf *result)
{
    WR_ARENA(scratch);
    script s = {.run = run,
                .session = session,
                .args = args,
                .stream = wr_json_member_of(&scratch, args, "stream"),
                .arena = &scratch,
                .phase = phase,
                .sql = sql,
                .result = result};
    const char *workers = text_or_null(&s, "workers");
    weir_status bad = workers ? weir_session_set(session, "stream_workers", workers) : WR_OK;
    if (!bad) bad = run_texts(&s);
    if (!bad && s.count) bad = run_streams(&s);
    end_streams(&s);
    return bad;
}
