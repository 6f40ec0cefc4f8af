/* run.c - one run from its beginning to its end.
 *
 * Beginning: a folder is made under a name that tells who makes it, filled, and renamed: there is
 * no run without run.json. Ending: artifacts are complete files already, run.json is replaced, the
 * index follows. A kill in between leaves a run that is "running" with a dead writer, which the
 * next look calls failed; after run.json was replaced nothing can be lost any more.
 *
 * Everything that is written but the results goes through secrets.c. What cannot be written into
 * logs and progress does not end the run; run.json that cannot be written does. */
#include "base/mem.h"
#include "runs/runs.h"
#include "sys/clock.h"
#include "sys/unfinished.h"

enum { TREE_DEPTH = 4, NAME_TRIES = 8 };

/* ---- failures ---- */

const char *wr_run_error_type(weir_status bad)
{
    switch (bad->code) {
    case WR_E_FILE_NOT_FOUND:
        return "file_not_found";
    case WR_E_TIMEOUT:
        return "timeout";
    case WR_E_CANCELLED:
        return "cancelled";
    case WR_E_MEMORY_LIMIT:
    case WR_E_TOO_BIG:
    case WR_E_DISK_FULL:
        return "limit";
    case WR_E_INTERNAL:
    case WR_E_API_MISUSE:
        return "internal_error";
    default:
        break;
    }
    int family = (int)bad->code / 1000;
    return family == 0   ? "parse_error"
           : family == 3 ? "io_error"
           : family == 8 ? "refused"
                         : "value_error";
}

static void put_optional(wr_buf *out, const char *name, const char *value)
{
    if (value) wr_json_put_text(out, name, wr_str_of(value));
}

void wr_run_failure(weir_status bad, const char *phase, const char *sql, const char *before,
                    wr_buf *out)
{
    char *details = weir_error_json(bad, sql, sql ? strlen(sql) : 0);
    wr_buf_add_text(out, "{\"ok\":false");
    if (before) wr_buf_add_text(out, before);
    wr_json_put_text(out, "error", wr_str_of(weir_error_message(bad)));
    wr_json_put_text(out, "error_type", wr_str_of(wr_run_error_type(bad)));
    put_optional(out, "phase", phase);
    wr_json_put(out, "details", wr_str_of(details));
    wr_json_put_text(out, "code", wr_str_of(weir_error_code(bad)));
    wr_json_put_text(out, "sqlstate", wr_str_of(weir_error_sqlstate(bad)));
    put_optional(out, "hint", weir_error_hint(bad));
    put_optional(out, "fix", weir_error_fix(bad));
    wr_buf_add_char(out, '}');
    weir_text_free(details);
}

/* ---- beginning ---- */

static wr_str hidden(weir_run *run, wr_str text)
{
    WR_BUF(out);
    wr_run_hide(&run->secrets, text, &out);
    return wr_arena_str(&run->arena, wr_buf_str(&out));
}

static wr_str hidden_json(weir_run *run, wr_str json)
{
    WR_BUF(out);
    if (!json.length) return WR_STR("");
    wr_run_hide_json(&run->secrets, json, &out);
    return wr_arena_str(&run->arena, wr_buf_str(&out));
}

static weir_status read_inputs(weir_run *run, const char *inputs)
{
    wr_str json = wr_str_trim(wr_str_of(inputs));
    if (!wr_json_valid(json) || wr_json_kind_of(json) != WR_JSON_OBJECT)
        return wr_fail(WR_E_BAD_ARGUMENT, "the inputs of a run are a JSON object");
    run->inputs = wr_arena_str(&run->arena, json);
    wr_run_record *r = &run->record;
    hidden_json(run, json); /* learns: a secret may stand elsewhere before its name does */
    wr_str safe = hidden_json(run, json);
    r->action = wr_json_text_of(&run->arena, safe, "action");
    r->name = wr_json_text_of(&run->arena, safe, "run_name");
    r->description = wr_json_text_of(&run->arena, safe, "description");
    r->tags = wr_json_member_of(&run->arena, safe, "tags");
    r->cli_args = wr_json_member_of(&run->arena, safe, "cli_args");
    r->parent_id = wr_json_text_of(&run->arena, safe, "parent_run_id");
    if (!r->action.length)
        return wr_fail(WR_E_BAD_ARGUMENT, "the inputs of a run have no \"action\"");
    if (r->tags.length && wr_json_kind_of(r->tags) != WR_JSON_ARRAY)
        return wr_fail(WR_E_BAD_ARGUMENT, "the \"tags\" of a run are an array of texts");
    return WR_OK;
}

static weir_status open_file(const weir_run *run, wr_str folder, const char *name, wr_file **out)
{
    WR_BUF(path);
    (void)run;
    wr_buf_printf(&path, "%.*s/%s", WR_STR_ARGS(folder), name);
    return wr_file_open(wr_fs_real(), wr_buf_str(&path), WR_FILE_APPEND, out);
}

static weir_status fill_folder(weir_run *run, wr_str folder)
{
    WR_BUF(json);
    WR_BUF(pretty);
    wr_str artifacts = wr_arena_printf(&run->arena, "%s/artifacts", folder.data);
    wr_str inputs = wr_arena_printf(&run->arena, "%s/inputs.json", folder.data);
    WR_TRY(wr_fs_make_dirs(wr_fs_real(), artifacts));
    wr_run_hide_json(&run->secrets, run->inputs, &json);
    if (run->secrets.has_any) { /* rerun must not take them for the real ones */
        json.length--;
        wr_json_put_bool(&json, "secrets_left_out", true);
        wr_buf_add_char(&json, '}');
    }
    wr_json_write(wr_buf_str(&json), 2, false, &pretty);
    wr_buf_add_char(&pretty, '\n');
    WR_TRY(wr_run_file_write(inputs, wr_buf_str(&pretty)));
    WR_TRY(open_file(run, folder, "stdout.log", &run->out_log));
    WR_TRY(open_file(run, folder, "stderr.log", &run->error_log));
    WR_TRY(open_file(run, folder, "progress.jsonl", &run->progress));
    return WR_OK;
}

static weir_status make_folder(weir_run *run, wr_str temp)
{
    weir_status bad = WR_OK;
    for (int i = 0; i < NAME_TRIES; i++) {
        wr_status_drop(bad);
        int64_t now = wr_clock_unix_us();
        run->record.id = wr_run_id_new(&run->arena, now);
        run->record.created_at = wr_run_time_text(&run->arena, now);
        run->record.dir = wr_runs_folder(run->runs, &run->arena, run->record.id);
        WR_TRY(wr_run_write(temp, &run->record, false));
        bad = wr_fs_rename(wr_fs_real(), temp, run->record.dir); /* not onto one that exists */
        if (!bad) break;
    }
    return bad;
}

static weir_status begin(weir_run *run, const char *inputs)
{
    WR_BUF(name);
    WR_BUF(writer);
    wr_str home = run->runs->home;
    WR_TRY(read_inputs(run, inputs));
    WR_TRY(wr_fs_make_dirs(wr_fs_real(), wr_arena_printf(&run->arena, "%s/runs", home.data)));
    wr_unfinished_name(wr_arena_printf(&run->arena, "%s/runs/new", home.data), &name);
    wr_unfinished_name(WR_STR("run"), &writer);
    run->record.status = WR_STR("running");
    run->record.version = wr_str_of(weir_version());
    run->record.writer = wr_arena_str(&run->arena, wr_buf_str(&writer));
    run->begun_ns = wr_clock_mono_ns();
    wr_str temp = wr_arena_str(&run->arena, wr_buf_str(&name));
    weir_status bad = fill_folder(run, temp);
    if (!bad) bad = make_folder(run, temp);
    if (bad) wr_status_drop(wr_run_tree_remove(temp, TREE_DEPTH));
    return bad;
}

static void drop(weir_run *run)
{
    wr_file_close(run->out_log);
    wr_file_close(run->error_log);
    wr_file_close(run->progress);
    wr_mutex_clear(&run->lock);
    wr_arena_clear(&run->secrets.arena);
    wr_arena_clear(&run->arena);
    wr_heap_drop(run);
}

weir_status weir_run_begin(weir_runs *runs, const char *inputs, weir_run **out)
{
    weir_run *run = wr_heap_new(sizeof *run);
    run->runs = runs;
    wr_mutex_init(&run->lock);
    weir_status bad = begin(run, inputs);
    if (bad) {
        drop(run);
        return wr_wrap(bad, "cannot begin a tracked run in %s", runs->home.data);
    }
    wr_runs_note(runs, &run->record, &run->artifacts);
    *out = run;
    return WR_OK;
}

/* ---- once more ---- */

/* Members of changes, then those of inputs it does not have. */
static void merge(wr_str inputs, wr_str changes, wr_str parent, wr_buf *out)
{
    wr_json_members members;
    wr_str key, value, other;
    wr_buf_add_char(out, '{');
    wr_json_put_text(out, "parent_run_id", parent);
    for (int round = 0; round < 2; round++) {
        if (!wr_json_begin(round ? inputs : changes, &members)) continue;
        while (wr_json_next(&members, &key, &value)) {
            WR_BUF(name);
            if (!wr_json_unquote(key, &name)) continue;
            wr_str plain = wr_buf_str(&name);
            if (wr_str_is(plain, "parent_run_id")) continue;
            if (round && wr_json_find(changes, plain, &other)) continue;
            wr_json_put(out, name.data, value);
        }
    }
    wr_buf_add_char(out, '}');
}

static weir_status inputs_again(weir_runs *runs, const char *run_id, const char *changes,
                                wr_buf *out)
{
    WR_ARENA(scratch);
    WR_BUF(inputs);
    wr_run_record parent;
    wr_str more = wr_str_trim(wr_str_of(changes ? changes : "{}"));
    if (!wr_json_valid(more) || wr_json_kind_of(more) != WR_JSON_OBJECT)
        return wr_fail(WR_E_BAD_ARGUMENT, "changes of the inputs of a run are a JSON object");
    WR_TRY(wr_runs_refresh(runs));
    WR_TRY(wr_runs_find(runs, &scratch, wr_str_of(run_id), &parent, NULL));
    wr_str path = wr_arena_printf(&scratch, "%.*s/inputs.json", WR_STR_ARGS(parent.dir));
    WR_TRY(wr_run_file_read(path, (uint64_t)64 << 20, &inputs));
    if (!wr_json_valid(wr_buf_str(&inputs)))
        return wr_fail(WR_E_CORRUPT, "\"%s\" is damaged", path.data);
    if (wr_json_bool_of(wr_str_trim(wr_buf_str(&inputs)), "secrets_left_out"))
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED,
                                    "run %s had a secret in its inputs, which was not written",
                                    parent.id.data),
                            "give the command again, with the secret");
    merge(wr_str_trim(wr_buf_str(&inputs)), more, parent.id, out);
    return WR_OK;
}

weir_status weir_run_again(weir_runs *runs, const char *run_id, const char *changes, weir_run **out)
{
    WR_BUF(inputs);
    wr_mutex_lock(&runs->lock);
    weir_status bad = inputs_again(runs, run_id, changes, &inputs);
    wr_mutex_unlock(&runs->lock);
    return bad ? bad : weir_run_begin(runs, inputs.data, out);
}

const char *weir_run_id(const weir_run *run) { return run->record.id.data; }
const char *weir_run_folder(const weir_run *run) { return run->record.dir.data; }
const char *weir_run_inputs(const weir_run *run) { return run->inputs.data; }

/* ---- meanwhile ---- */

weir_status weir_run_log(weir_run *run, bool is_error, const char *text, size_t length)
{
    WR_BUF(safe);
    wr_mutex_lock(&run->lock);
    wr_run_hide(&run->secrets, (wr_str){text, length}, &safe);
    weir_status bad =
        wr_file_append(is_error ? run->error_log : run->out_log, safe.data, safe.length);
    wr_mutex_unlock(&run->lock);
    return bad;
}

weir_status weir_run_progress(weir_run *run, const char *json)
{
    WR_BUF(line);
    wr_str value = wr_str_trim(wr_str_of(json));
    if (!wr_json_valid(value)) return wr_fail(WR_E_BAD_ARGUMENT, "progress is a JSON object");
    wr_mutex_lock(&run->lock);
    wr_json_write(value, 0, false, &line);
    wr_buf_add_char(&line, '\n');
    weir_status bad = wr_file_append(run->progress, line.data, line.length);
    wr_mutex_unlock(&run->lock);
    return bad;
}

static void put_plan(weir_run *run, weir_session *session, wr_str sql, const char *stage,
                     wr_buf *out)
{
    char *text = NULL;
    WR_BUF(safe);
    weir_status bad = weir_explain(session, sql.data, sql.length, stage, "text", &text);
    wr_run_hide(&run->secrets, wr_str_of(bad ? weir_error_message(bad) : text), &safe);
    if (bad) { /* what has no plan: the reason stands where the plan would */
        wr_json_put(out, stage, WR_STR(""));
        WR_BUF(name);
        wr_buf_printf(&name, "%s_reason", stage);
        wr_json_put_text(out, name.data, wr_buf_str(&safe));
    } else {
        wr_json_put_text(out, stage, wr_buf_str(&safe));
    }
    weir_error_drop(bad);
    weir_text_free(text);
}

/* What was decided beside the plan: settings a result or its time may depend on. */
static void put_strategy(weir_session *session, wr_str sql, wr_buf *out)
{
    static const char *const settings[] = {"threads", "memory_limit", "stream_workers",
                                           "statement_timeout"};
    bool is_stream = false;
    weir_status bad = weir_stream_check(session, sql.data, sql.length, &is_stream);
    weir_error_drop(bad);
    wr_buf_add_text(out, ",\"strategy\":{");
    wr_json_put_text(out, "mode", !bad && is_stream ? WR_STR("stream") : WR_STR("batch"));
    for (size_t i = 0; i < WR_COUNT(settings); i++) {
        WR_BUF(show);
        weir_query *query = NULL;
        const weir_rows *rows = NULL;
        wr_buf_printf(&show, "SHOW %s", settings[i]);
        bad = weir_query_start(session, show.data, show.length, &query);
        if (!bad) bad = weir_query_next(query, &rows);
        if (!bad && rows) {
            size_t length;
            const char *text = weir_rows_text(rows, 0, weir_query_column_count(query) - 1, &length);
            wr_json_put_text(out, settings[i], (wr_str){text, length});
        }
        weir_query_close(query);
        weir_error_drop(bad);
    }
    wr_buf_add_char(out, '}');
}

weir_status weir_run_explain(weir_run *run, weir_session *session, const char *sql, size_t length)
{
    WR_BUF(json);
    WR_BUF(pretty);
    WR_BUF(path);
    wr_str text = {sql, length};
    wr_buf_add_char(&json, '{');
    put_plan(run, session, text, "logical", &json);
    put_plan(run, session, text, "physical", &json);
    put_strategy(session, text, &json);
    wr_buf_add_char(&json, '}');
    wr_json_write(wr_buf_str(&json), 2, false, &pretty);
    wr_buf_add_char(&pretty, '\n');
    wr_buf_printf(&path, "%s/explain.json", run->record.dir.data);
    return wr_run_file_write(wr_buf_str(&path), wr_buf_str(&pretty));
}

void weir_run_watch(weir_run *run, weir_run_watch_fn *watch, void *arg)
{
    run->watch = watch;
    run->watch_arg = arg;
}

void weir_run_watch_streams(weir_run *run, weir_streams_fn *watch, void *arg)
{
    run->watch_streams = watch;
    run->watch_streams_arg = arg;
}

/* ---- artifacts ---- */

static wr_str absolute(wr_arena *arena, wr_str path)
{
    if (path.length && path.data[0] == '/') return wr_arena_str(arena, path);
    char *here = wr_folder_now();
    wr_str whole = wr_arena_printf(arena, "%s/%.*s", here, WR_STR_ARGS(path));
    wr_heap_drop(here);
    return whole;
}

void wr_run_add_artifact(weir_run *run, wr_str path, wr_str type, wr_str format, wr_str schema,
                         int64_t row_count, wr_str preview)
{
    wr_arena *arena = &run->arena;
    wr_str whole = absolute(arena, path);
    wr_run_artifact one = {
        .id = wr_arena_printf(arena, "artifact_%016llx", (unsigned long long)wr_random_u64()),
        .run_id = run->record.id,
        .created_at = wr_run_time_text(arena, wr_clock_unix_us()),
        .type = wr_arena_str(arena, type),
        .uri = wr_arena_printf(arena, "file://%s", whole.data),
        .format = wr_arena_str(arena, format),
        .schema = wr_arena_str(arena, schema),
        .preview = wr_arena_str(arena, preview),
        .tags = run->record.tags,
    };
    if (row_count >= 0) one.row_count = wr_arena_printf(arena, "%lld", (long long)row_count);
    wr_push(arena, &run->artifacts, one);
}

weir_status weir_run_add_file(weir_run *run, const char *path, const char *type, const char *format)
{
    wr_file_stat stat;
    WR_TRY(wr_fs_stat(wr_fs_real(), wr_str_of(path), &stat));
    wr_run_add_artifact(run, wr_str_of(path), wr_str_of(type), wr_str_of(format), WR_STR(""), -1,
                        WR_STR(""));
    return WR_OK;
}

/* ---- the end ---- */

static void put_artifacts(const weir_run *run, wr_buf *out)
{
    wr_buf_add_char(out, '[');
    for (int i = 0; i < run->artifacts.count; i++) {
        if (i) wr_buf_add_char(out, ',');
        wr_run_artifact_write(&run->artifacts.items[i], out);
    }
    wr_buf_add_char(out, ']');
}

static void reply_of(weir_run *run, const char *result, wr_buf *out)
{
    wr_buf_add_text(out, "{\"ok\":true");
    wr_json_put_text(out, "run_id", run->record.id);
    wr_json_put_text(out, "run_dir", run->record.dir);
    wr_json_put_text(out, "status", run->record.status);
    wr_json_put_text(out, "action", run->record.action);
    wr_json_put(out, "tags", run->record.tags.length ? run->record.tags : WR_STR("[]"));
    wr_json_put(out, "result", wr_str_of(result));
    wr_json_put(out, "artifacts", run->record.artifacts);
    wr_buf_add_char(out, '}');
}

static void failed_reply(weir_run *run, weir_status bad, const char *phase, const char *sql,
                         wr_buf *out)
{
    WR_BUF(before);
    wr_buf_add_char(&before, '{');
    wr_json_put_text(&before, "run_id", run->record.id);
    wr_json_put_text(&before, "run_dir", run->record.dir);
    wr_json_put_text(&before, "status", run->record.status);
    wr_json_put_text(&before, "action", run->record.action);
    before.data[0] = ',';
    wr_run_failure(bad, phase, sql, before.data, out);
}

/* What failed as run.json tells it. */
static void record_failure(weir_run *run, weir_status bad, const char *phase, const char *sql)
{
    wr_run_record *r = &run->record;
    bool is_timeout = bad->code == WR_E_TIMEOUT;
    char *details = weir_error_json(bad, sql, sql ? strlen(sql) : 0);
    char *text = weir_error_render(bad, sql, sql ? strlen(sql) : 0, false);
    r->status = is_timeout ? WR_STR("timed_out") : WR_STR("failed");
    r->error = hidden(run, wr_str_of(weir_error_message(bad)));
    r->error_type = wr_str_of(wr_run_error_type(bad));
    r->phase = is_timeout ? WR_STR("run_timeout") : wr_arena_str(&run->arena, wr_str_of(phase));
    r->details = hidden_json(run, wr_str_of(details));
    weir_error_drop(weir_run_log(run, true, text, strlen(text)));
    weir_text_free(text);
    weir_text_free(details);
}

weir_status weir_run_finish(weir_run *run, weir_status bad, const char *phase, const char *sql,
                            const char *result, char **reply)
{
    WR_BUF(out);
    WR_BUF(artifacts);
    if (run->is_finished) return wr_fail(WR_E_API_MISUSE, "the run is finished already");
    if (bad)
        record_failure(run, bad, phase, sql);
    else
        run->record.status = WR_STR("succeeded");
    put_artifacts(run, &artifacts);
    run->record.artifacts = wr_arena_str(&run->arena, wr_buf_str(&artifacts));
    run->record.finished_at = wr_run_time_text(&run->arena, wr_clock_unix_us());
    weir_status wrong = wr_run_write(run->record.dir, &run->record, true);
    run->is_finished = true;
    if (!wrong) wr_runs_note(run->runs, &run->record, &run->artifacts);
    if (wrong) run->record.status = WR_STR("failed"); /* at the next look */
    if (wrong)
        failed_reply(run, wrong, "filesystem", NULL, &out);
    else if (bad)
        failed_reply(run, bad, bad->code == WR_E_TIMEOUT ? "run_timeout" : phase, sql, &out);
    else
        reply_of(run, result, &out);
    if (reply) *reply = wr_heap_copy(out.data, out.length);
    return wrong;
}

void weir_run_close(weir_run *run)
{
    if (!run) return;
    if (!run->is_finished) {
        weir_status bad = wr_fail(WR_E_CANCELLED, "the run was closed before it was finished");
        wr_status_drop(weir_run_finish(run, bad, "run_action_dispatch", NULL, NULL, NULL));
        wr_status_drop(bad);
    }
    drop(run);
}
