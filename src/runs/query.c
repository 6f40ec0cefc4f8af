/* query.c - statements whose last result becomes an artifact, and actions made of them.
 *
 * A query is carried out as COPY (query) TO a file, so rows go from the engine into the file and
 * are never held here; it is prepared as it stands first, so that errors point into what the user
 * wrote. What gives rows but cannot stand in COPY (SHOW, EXPLAIN ..) is written as JSON lines. A
 * thread writes progress meanwhile.
 *
 * Actions: their arguments say everything, so a run can be repeated by anybody:
 *   setup [sql]      run first: sources, tables
 *   files [path]     made views by their names
 *   settings {..}    of the session
 *   sql, params (texts, or {text, type})
 *   limit (rows of the result), format, path or file_name (in artifacts/)
 *   payload {..}     put in front of the result
 * Others: scripts (script.c), and stream-sql-once (stream_once.c), which has the flags of its
 * command line. */
#include "base/mem.h"
#include "runs/runs.h"
#include "sys/clock.h"

enum { FIRST_MS = 100, EVERY_MS = 500 };

typedef struct weir_prepared prepared_statement;
WR_DEFINE_CLEANUP(prepared_statement, weir_prepared_close)

/* ---- progress ---- */

typedef struct ticker {
    weir_run *run;
    weir_query *query;
    wr_thread *thread;
    wr_mutex lock;
    wr_cond wake;
    bool stopped; /* guarded by lock */
} ticker;

/* affected < 0: it is not over yet. What a query that is over had read is not known any more. */
static void write_progress(weir_run *run, const weir_query *query, bool is_end, int64_t affected)
{
    WR_ARENA(scratch);
    WR_BUF(json);
    weir_progress now;
    weir_query_progress(query, &now);
    wr_buf_add_char(&json, '{');
    wr_json_put_text(&json, "at", wr_run_time_text(&scratch, wr_clock_unix_us()));
    wr_json_put_text(&json, "phase", wr_str_of(is_end ? "end" : now.phase ? now.phase : "start"));
    if (now.fraction >= 0) wr_buf_printf(&json, ",\"fraction\":%.4f", now.fraction);
    if (affected >= 0) wr_json_put_int(&json, "rows_written", affected);
    if (!is_end) wr_json_put_int(&json, "rows", (int64_t)now.rows);
    if (now.rows_total) wr_json_put_int(&json, "rows_total", (int64_t)now.rows_total);
    if (!is_end) wr_json_put_int(&json, "bytes", (int64_t)now.bytes);
    if (now.bytes_total) wr_json_put_int(&json, "bytes_total", (int64_t)now.bytes_total);
    wr_json_put_int(&json, "memory", (int64_t)now.memory);
    wr_json_put_int(&json, "spilled", (int64_t)now.spilled);
    wr_json_put_int(&json, "elapsed_us", now.elapsed_us);
    wr_buf_add_char(&json, '}');
    if (is_end) run->last_progress = wr_arena_str(&run->arena, wr_buf_str(&json));
    weir_error_drop(weir_run_progress(run, json.data));
}

static void tick(void *arg)
{
    ticker *t = arg;
    int64_t next = wr_clock_mono_ns() + FIRST_MS * INT64_C(1000000);
    wr_mutex_lock(&t->lock);
    while (!t->stopped) {
        if (wr_cond_wait_until(&t->wake, &t->lock, next)) continue;
        write_progress(t->run, t->query, false, -1);
        next += EVERY_MS * INT64_C(1000000);
    }
    wr_mutex_unlock(&t->lock);
}

static weir_status ticker_begin(ticker *t, weir_run *run, weir_query *query)
{
    *t = (ticker){.run = run, .query = query};
    wr_mutex_init(&t->lock);
    wr_cond_init(&t->wake);
    return wr_thread_start("progress", tick, t, &t->thread);
}

static void ticker_end(ticker *t)
{
    wr_mutex_lock(&t->lock);
    t->stopped = true;
    wr_cond_signal(&t->wake);
    wr_mutex_unlock(&t->lock);
    if (t->thread) wr_thread_join(t->thread);
    wr_cond_clear(&t->wake);
    wr_mutex_clear(&t->lock);
}

/* ---- one statement ---- */

typedef struct work {
    weir_run *run;
    weir_session *session;
    wr_str options; /* JSON object */
    wr_str path, format;
    const char *phase;
    const char *sql; /* that an error is about */
    wr_buf tag;
    int64_t affected;
    bool has_file, is_named; /* named: the path was given */
} work;

/* A parameter with a type, {"text": "2020-01-01", "type": "DATE"}. */
static weir_status bind_typed(weir_prepared *prepared, int i, wr_str value)
{
    WR_ARENA(scratch);
    wr_str text = wr_json_text_of(&scratch, value, "text");
    wr_str type = wr_json_text_of(&scratch, value, "type");
    if (!type.length)
        return wr_fail(WR_E_BAD_ARGUMENT, "a parameter is a value, or has \"text\" and \"type\"");
    return weir_bind_typed(prepared, i, text.data ? text.data : "", text.length, type.data);
}

static weir_status bind_params(const work *w, weir_prepared *prepared)
{
    WR_ARENA(scratch);
    wr_str params = wr_json_member_of(&scratch, w->options, "params"), value;
    if (!params.length) return WR_OK;
    for (int i = 1; i <= weir_prepared_param_count(prepared); i++) {
        const char *name = weir_prepared_param_name(prepared, i);
        bool found = wr_json_kind_of(params) == WR_JSON_OBJECT
                         ? name && wr_json_find(params, wr_str_of(name), &value)
                         : wr_json_at(params, i - 1, &value);
        WR_BUF(text);
        if (!found) continue;
        if (wr_json_kind_of(value) == WR_JSON_NULL) {
            WR_TRY(weir_bind_null(prepared, i));
            continue;
        }
        if (wr_json_kind_of(value) == WR_JSON_OBJECT) {
            WR_TRY(bind_typed(prepared, i, value));
            continue;
        }
        if (wr_json_kind_of(value) != WR_JSON_STRING || !wr_json_unquote(value, &text))
            wr_buf_add_str(&text, wr_str_trim(value));
        WR_TRY(weir_bind_text(prepared, i, text.data, text.length));
    }
    return WR_OK;
}

/* The statement that writes the rows of a query; gives where in it that begins. */
static size_t add_copy(const work *w, wr_str sql, wr_buf *out)
{
    int64_t limit = wr_json_int_of(w->options, "limit", -1);
    bool complete; /* a comment may follow the semicolon */
    sql.length = weir_sql_split(sql.data, sql.length, &complete);
    while (sql.length && strchr(" \t\r\n;", sql.data[sql.length - 1]))
        sql.length--;
    wr_buf_add_text(out, limit < 0 ? "COPY (" : "COPY (FROM (");
    size_t begins = out->length;
    wr_buf_add_str(out, sql);
    if (limit >= 0) wr_buf_printf(out, "\n) LIMIT %lld", (long long)limit);
    wr_buf_add_text(out, "\n) TO ");
    wr_run_quote(out, w->path);
    if (wr_str_is(w->format, "jsonl"))
        wr_buf_add_text(out, " (FORMAT json)");
    else if (wr_str_is(w->format, "json"))
        wr_buf_add_text(out, " (FORMAT json, ARRAY true)");
    else if (wr_str_is(w->format, "tsv"))
        wr_buf_add_text(out, " (FORMAT csv, DELIMITER E'\\t')");
    else
        wr_buf_printf(out, " (FORMAT %.*s)", WR_STR_ARGS(w->format));
    return begins;
}

/* Rows of what cannot stand in COPY, as JSON lines. */
static weir_status write_lines(work *w, weir_query *query)
{
    WR_AUTO(wr_file) *file = NULL;
    const weir_rows *rows;
    if (!w->is_named)
        w->path = wr_arena_printf(&w->run->arena, "%.*s.jsonl",
                                  (int)(w->path.length - w->format.length - 1), w->path.data);
    w->format = WR_STR("jsonl");
    w->affected = 0;
    WR_TRY(wr_file_open(wr_fs_real(), w->path, WR_FILE_REPLACE, &file));
    for (;;) {
        WR_BUF(text);
        WR_TRY(weir_query_next(query, &rows));
        if (!rows) break;
        for (size_t i = 0; i < weir_rows_count(rows); i++) {
            wr_buf_add_char(&text, '{');
            for (int c = 0; c < weir_query_column_count(query); c++) {
                size_t length;
                const char *json = weir_rows_json(rows, i, c, &length);
                wr_json_put(&text, weir_query_column_name(query, c), (wr_str){json, length});
            }
            wr_buf_add_text(&text, "}\n");
            w->affected++;
        }
        WR_TRY(wr_file_append(file, text.data, text.length));
    }
    w->has_file = true;
    return wr_file_sync(file);
}

static weir_status to_the_end(work *w, weir_query *query, bool is_copy)
{
    const weir_rows *rows;
    ticker t;
    if (weir_query_kind(query) == WEIR_DONE) return WR_OK;
    weir_status bad = ticker_begin(&t, w->run, query);
    if (!bad && weir_query_kind(query) == WEIR_ROWS)
        bad = write_lines(w, query);
    else if (!bad)
        bad = weir_query_next(query, &rows);
    ticker_end(&t);
    if (!bad && weir_query_kind(query) == WEIR_CHANGE) w->affected = weir_query_affected(query);
    w->has_file |= !bad && is_copy;
    return bad;
}

static weir_status carry(work *w, weir_query *query, bool is_copy)
{
    weir_run *run = w->run;
    if (run->watch) run->watch(run->watch_arg, query);
    wr_buf_add_text(&w->tag, is_copy ? "SELECT" : weir_query_tag(query));
    weir_status bad = to_the_end(w, query, is_copy);
    if (run->watch) run->watch(run->watch_arg, NULL);
    write_progress(run, query, true, bad ? -1 : w->affected);
    const char *notices = weir_query_notices(query);
    if (notices) weir_error_drop(weir_run_log(run, true, notices, strlen(notices)));
    return bad;
}

static weir_status start(work *w, wr_str sql, weir_query **out)
{
    WR_AUTO(prepared_statement) *prepared = NULL;
    WR_TRY(weir_prepare(w->session, sql.data, sql.length, &prepared));
    WR_TRY(bind_params(w, prepared));
    return weir_prepared_start(prepared, out);
}

weir_status wr_run_moved(weir_status bad, size_t by)
{
    if (bad && bad->span.length) bad->span.pos = (uint32_t)(bad->span.pos + by);
    return bad;
}

static weir_status run_last(work *w, wr_str sql)
{
    WR_AUTO(prepared_statement) *alone = NULL;
    weir_form form;
    WR_BUF(copy);
    weir_query *query = NULL;
    w->phase = "sql_execute";
    WR_TRY(weir_sql_form(sql.data, sql.length, &form));
    WR_TRY(weir_prepare(w->session, sql.data, sql.length, &alone));
    WR_TRY(weir_run_explain(w->run, w->session, sql.data, sql.length));
    size_t begins = add_copy(w, sql, &copy);
    if (!form.is_query && wr_json_int_of(w->options, "limit", -1) >= 0)
        return wr_fail(WR_E_UNSUPPORTED, "a limit is for a query that gives rows");
    weir_status bad = start(w, form.is_query ? wr_buf_str(&copy) : sql, &query);
    if (!bad) bad = carry(w, query, form.is_query);
    weir_query_close(query);
    return form.is_query ? wr_run_moved(bad, (size_t)0 - begins) : bad;
}

static weir_status run_statements(work *w, wr_str sql)
{
    bool complete;
    for (size_t at = 0;;) {
        while (at < sql.length && strchr(" \t\r\n;", sql.data[at]))
            at++;
        wr_str rest = {sql.data + at, sql.length - at};
        size_t used = weir_sql_split(rest.data, rest.length, &complete);
        wr_str behind = {rest.data + used, rest.length - used};
        if (!wr_str_trim(behind).length) return wr_run_moved(run_last(w, rest), at);
        w->phase = "sql_execute";
        WR_TRY(wr_run_moved(wr_run_do(w->session, (wr_str){rest.data, used}), at));
        at += used;
    }
}

/* ---- the artifact ---- */

/* "parquet" and so on by the name of a file; what the name does not tell is CSV. */
static wr_str format_of(wr_str path)
{
    static const char *const known[] = {"parquet", "csv", "tsv", "json", "jsonl", "arrow"};
    wr_str extension = wr_path_extension(path);
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (wr_str_is(extension, known[i])) return wr_str_of(known[i]);
    return wr_str_is(extension, "ndjson") ? WR_STR("jsonl") : WR_STR("csv");
}

static weir_status choose_path(work *w)
{
    static const char *const known[] = {"parquet", "csv", "tsv", "json", "jsonl", "arrow"};
    wr_arena *arena = &w->run->arena;
    bool is_known = false;
    w->path = wr_json_text_of(arena, w->options, "path");
    w->format = wr_json_text_of(arena, w->options, "format");
    if (!w->format.length) w->format = w->path.length ? format_of(w->path) : WR_STR("parquet");
    for (size_t i = 0; i < WR_COUNT(known); i++)
        is_known |= wr_str_is(w->format, known[i]);
    if (!is_known)
        return wr_with_hint(
            wr_fail(WR_E_UNKNOWN_OPTION, "results are not kept as \"%s\"", w->format.data),
            "formats: parquet, csv, tsv, json, jsonl, arrow");
    w->is_named = w->path.length > 0;
    if (w->is_named) return WR_OK;
    int number = ++w->run->results;
    WR_BUF(name);
    wr_str wanted = wr_json_text_of(arena, w->options, "file_name");
    if (wanted.length)
        wr_buf_add_str(&name, wr_path_base(wanted));
    else if (number > 1)
        wr_buf_printf(&name, "result-%d.%s", number, w->format.data);
    else
        wr_buf_printf(&name, "result.%s", w->format.data);
    w->path = wr_arena_printf(arena, "%s/artifacts/%s", w->run->record.dir.data, name.data);
    return WR_OK;
}

weir_status wr_run_add_result(weir_run *run, weir_session *session, wr_str path, wr_str format,
                              int64_t row_count, wr_buf *result)
{
    WR_BUF(preview);
    WR_BUF(schema);
    WR_BUF(sql);
    wr_buf_add_text(&sql, "FROM ");
    wr_run_source(&sql, path, format);
    WR_TRY(wr_run_schema(session, wr_buf_str(&sql), &schema));
    WR_TRY(wr_run_preview(session, path, format, WR_PREVIEW_ROWS, row_count, &preview));
    if (row_count < 0) row_count = wr_json_int_of(wr_buf_str(&preview), "row_count", -1);
    wr_run_add_artifact(run, path, WR_STR("result"), format, wr_buf_str(&schema), row_count,
                        wr_buf_str(&preview));
    wr_json_members members;
    wr_str key, value;
    for (wr_json_begin(wr_buf_str(&preview), &members); wr_json_next(&members, &key, &value);) {
        wr_buf_add_char(result, ',');
        wr_buf_add_str(result, key);
        wr_buf_add_char(result, ':');
        wr_buf_add_str(result, value);
    }
    wr_json_put_text(result, "artifact_id", run->artifacts.items[run->artifacts.count - 1].id);
    wr_json_put_text(result, "path", path);
    wr_json_put_text(result, "source",
                     (wr_str){sql.data + strlen("FROM "), sql.length - strlen("FROM ")});
    return WR_OK;
}

static weir_status add_artifact(work *w, wr_buf *result)
{
    w->phase = "result_materialize";
    return wr_run_add_result(w->run, w->session, w->path, w->format, w->affected, result);
}

static weir_status run_query(work *w, wr_str sql, wr_buf *result)
{
    WR_BUF(log);
    w->affected = -1;
    WR_TRY(choose_path(w));
    WR_TRY(run_statements(w, sql));
    wr_json_put_text(result, "tag", wr_buf_str(&w->tag));
    if (w->affected >= 0)
        wr_json_put_int(result, "affected", w->affected);
    else
        wr_json_put(result, "affected", WR_STR(""));
    if (w->has_file) WR_TRY(add_artifact(w, result));
    wr_buf_printf(&log, "%s", w->tag.data);
    if (w->affected >= 0) wr_buf_printf(&log, " %lld", (long long)w->affected);
    if (w->has_file) wr_buf_printf(&log, " -> %s", w->path.data);
    wr_buf_add_char(&log, '\n');
    return weir_run_log(w->run, false, log.data, log.length);
}

weir_status weir_run_query(weir_run *run, weir_session *session, const char *sql, size_t length,
                           const char *options, char **result)
{
    WR_BUF(out);
    work w = {.run = run, .session = session, .options = wr_str_of(options ? options : "{}")};
    wr_buf_add_char(&out, '{');
    weir_status bad = run_query(&w, (wr_str){sql, length}, &out);
    wr_buf_add_char(&out, '}');
    wr_buf_clear(&w.tag);
    if (bad) return bad;
    *result = wr_heap_copy(out.data, out.length);
    return WR_OK;
}

/* ---- actions ---- */

/* "x/orders.2024.csv.gz" -> "orders" */
static wr_str table_name(wr_str path)
{
    wr_str base = wr_path_base(path);
    const char *dot = memchr(base.data, '.', base.length);
    return dot && dot > base.data ? (wr_str){base.data, (size_t)(dot - base.data)} : base;
}

static weir_status each_text(wr_str args, const char *name, weir_session *session,
                             weir_status (*run)(weir_session *session, wr_str text))
{
    WR_ARENA(scratch);
    wr_json_members members;
    wr_str key, value;
    wr_str list = wr_json_member_of(&scratch, args, name);
    if (!wr_json_begin(list, &members)) return WR_OK;
    while (wr_json_next(&members, &key, &value)) {
        WR_BUF(text);
        if (wr_json_unquote(value, &text)) WR_TRY(run(session, wr_buf_str(&text)));
    }
    return WR_OK;
}

static weir_status attach(weir_session *session, wr_str path)
{
    WR_BUF(sql);
    wr_str name = table_name(path);
    wr_buf_add_text(&sql, "CREATE OR REPLACE TEMPORARY VIEW \"");
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == '"') wr_buf_add_char(&sql, '"');
        wr_buf_add_char(&sql, name.data[i]);
    }
    wr_buf_add_text(&sql, "\" AS SELECT * FROM ");
    wr_run_quote(&sql, path);
    return wr_run_do(session, wr_buf_str(&sql));
}

static weir_status apply_settings(const weir_run *run, wr_str args, weir_session *session)
{
    WR_ARENA(scratch);
    wr_json_members members;
    wr_str key, value;
    int64_t timeout_ms = wr_json_int_of(run->inputs, "timeout_ms", 0);
    wr_str settings = wr_json_member_of(&scratch, args, "settings");
    if (wr_json_begin(settings, &members))
        while (wr_json_next(&members, &key, &value)) {
            WR_BUF(name);
            WR_BUF(text);
            if (!wr_json_unquote(key, &name)) continue;
            if (wr_json_kind_of(value) != WR_JSON_STRING || !wr_json_unquote(value, &text))
                wr_buf_add_str(&text, value);
            WR_TRY(weir_session_set(session, name.data, text.data));
        }
    if (!timeout_ms) return WR_OK;
    wr_str limit = wr_arena_printf(&scratch, "%lldms", (long long)timeout_ms);
    return weir_session_set(session, "statement_timeout", limit.data);
}

static weir_status carry_out(work *w, wr_str args, wr_buf *result)
{
    WR_ARENA(scratch);
    wr_json_members members;
    wr_str key, value;
    wr_str sql = wr_json_text_of(&w->run->arena, args, "sql");
    w->phase = "run_action_dispatch";
    if (wr_str_is(w->run->record.action, "stream-sql-once")) {
        WR_TRY(apply_settings(w->run, args, w->session));
        return wr_run_stream_once(w->run, w->session, args, &w->phase, result);
    }
    if (wr_json_member_of(&scratch, args, "scripts").length) {
        WR_TRY(apply_settings(w->run, args, w->session));
        return wr_run_scripts(w->run, w->session, args, &w->phase, &w->sql, result);
    }
    if (!sql.length)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "an action \"%s\" cannot be carried out here",
                                    w->run->record.action.data),
                            "actions with \"sql\" in their arguments can");
    WR_TRY(apply_settings(w->run, args, w->session));
    w->phase = "sql_input_register";
    w->sql = NULL; /* places in what is registered are not places in it */
    WR_TRY(each_text(args, "setup", w->session, wr_run_do));
    WR_TRY(each_text(args, "files", w->session, attach));
    wr_str payload = wr_json_member_of(&scratch, args, "payload");
    if (wr_json_begin(payload, &members))
        while (wr_json_next(&members, &key, &value)) {
            WR_BUF(name);
            if (wr_json_unquote(key, &name)) wr_json_put(result, name.data, value);
        }
    w->sql = sql.data;
    return run_query(w, sql, result);
}

weir_status weir_run_carry_out(weir_run *run, weir_session *session, char **reply)
{
    WR_BUF(result);
    wr_str args = wr_json_member_of(&run->arena, run->inputs, "action_args");
    wr_str sql = wr_json_text_of(&run->arena, args, "sql");
    if (!sql.length) sql = wr_json_text_of(&run->arena, args, "query");
    work w = {.run = run, .session = session, .options = args, .sql = sql.data, .affected = -1};
    wr_buf_add_char(&result, '{');
    weir_status bad = carry_out(&w, args, &result);
    wr_buf_add_char(&result, '}');
    wr_buf_clear(&w.tag);
    weir_status end = weir_run_finish(run, bad, w.phase, w.sql, result.data, reply);
    if (!bad) return end;
    weir_error_drop(end);
    return bad;
}
