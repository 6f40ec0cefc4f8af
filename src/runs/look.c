/* look.c - weir_runs_ask: one table of questions, and those about runs.
 *
 * Every question first mends the index from the folders, so all of them see what is there and none
 * needs to know about killed processes. A reply is built as members behind "ok"; a failure becomes
 * an object of its own, with the phase the question was in. */
#include "base/mem.h"
#include "runs/runs.h"

enum { LINES_BYTES = 4 << 20, LIST_LIMIT = 50, STATUS_LIMIT = 20 };

/* ---- the table ---- */

static const struct question {
    const char *name;
    wr_ask_fn *answer;
    const char *phase;
    const char *takes; /* members of the arguments, blanks around each */
} questions[] = {
    {"list", wr_ask_list, "run_lookup", " status action tag query limit "},
    {"show", wr_ask_show, "run_lookup", " run_id limit "},
    {"status", wr_ask_status, "run_lookup", " run_id limit "},
    {"logs", wr_ask_logs, "run_lookup", " run_id limit "},
    {"result", wr_ask_result, "run_lookup", " run_id limit "},
    {"diff", wr_ask_diff, "run_lookup", " run_id other_run_id limit "},
    {"tag", wr_ask_tag, "run_lookup", " run_id add remove run_name description dry_run "},
    {"gc", wr_ask_gc, "filesystem", " keep_last ttl_days delete_files dry_run "},
    {"artifacts", wr_ask_artifacts, "artifact_lookup", " run_id limit "},
    {"artifact", wr_ask_artifact, "artifact_lookup", " artifact_id "},
    {"preview", wr_ask_preview, "artifact_lookup", " artifact_id limit "},
    {"export", wr_ask_export, "artifact_lookup", " artifact_id path format overwrite dry_run "},
    {"forget_artifact", wr_ask_forget, "artifact_lookup", " artifact_id delete_files dry_run "},
    {"datasets", wr_ask_datasets, "artifact_lookup", " limit "},
};

/* A number that cannot be read, or a name that is misspelt, would mean something else than was
 * meant: gc would delete by it. */
static weir_status check_arguments(const struct question *question, wr_str arguments)
{
    static const char numbers[] = " limit keep_last ttl_days ";
    wr_json_members members;
    wr_str key, value;
    wr_json_begin(arguments, &members);
    while (wr_json_next(&members, &key, &value)) {
        WR_BUF(name);
        WR_BUF(word);
        wr_json_unquote(key, &name);
        wr_buf_printf(&word, " %s ", name.data ? name.data : "");
        if (!strstr(question->takes, word.data))
            return wr_fail(WR_E_UNKNOWN_OPTION, "\"%s\" takes no \"%s\"", question->name,
                           name.data ? name.data : "");
        bool is_null = wr_json_kind_of(value) == WR_JSON_NULL;
        if (!is_null && strstr(numbers, word.data) && wr_json_int_of(arguments, name.data, -1) < 0)
            return wr_fail(WR_E_BAD_ARGUMENT, "\"%s\" is a whole number, not %.*s", name.data,
                           WR_STR_ARGS(value));
    }
    return WR_OK;
}

static weir_status ask(weir_runs *runs, const char *what, const char *arguments, wr_buf *out,
                       const char **phase)
{
    WR_ARENA(scratch);
    const struct question *found = NULL;
    wr_nearest nearest = {.wanted = wr_str_of(what)};
    wr_str given = wr_str_trim(wr_str_of(arguments && *arguments ? arguments : "{}"));
    for (size_t i = 0; i < WR_COUNT(questions); i++) {
        if (strcmp(questions[i].name, what) == 0) found = &questions[i];
        wr_nearest_offer(&nearest, wr_str_of(questions[i].name));
    }
    *phase = "argument_parse";
    if (!found)
        return wr_with_nearest(wr_fail(WR_E_UNKNOWN_OPTION, "runs cannot be asked \"%s\"", what),
                               &nearest);
    if (!wr_json_valid(given) || wr_json_kind_of(given) != WR_JSON_OBJECT)
        return wr_fail(WR_E_BAD_ARGUMENT, "arguments of \"%s\" are a JSON object", what);
    WR_TRY(check_arguments(found, given));
    wr_ask one = {runs, &scratch, given, found->phase, out};
    wr_mutex_lock(&runs->lock);
    weir_status bad = wr_runs_refresh(runs);
    if (!bad) bad = found->answer(&one);
    wr_mutex_unlock(&runs->lock);
    *phase = one.phase;
    return bad;
}

weir_status weir_runs_ask(weir_runs *runs, const char *what, const char *arguments, char **reply)
{
    WR_BUF(out);
    const char *phase;
    wr_buf_add_text(&out, "{\"ok\":true");
    weir_status bad = ask(runs, what, arguments, &out, &phase);
    if (bad) {
        out.length = 0;
        wr_run_failure(bad, phase, NULL, NULL, &out);
    } else {
        wr_buf_add_char(&out, '}');
    }
    *reply = wr_heap_copy(out.data, out.length);
    return bad;
}

/* ---- what several of them need ---- */

weir_status wr_ask_run(wr_ask *ask, const char *argument, wr_run_record *out,
                       int64_t *artifact_count)
{
    wr_str id = wr_json_text_of(ask->arena, ask->arguments, argument);
    if (!id.length) return wr_fail(WR_E_BAD_ARGUMENT, "\"%s\" is missing", argument);
    return wr_runs_find(ask->runs, ask->arena, id, out, artifact_count);
}

static void put_run(wr_ask *ask, const char *name, const wr_run_record *record,
                    int64_t artifact_count)
{
    WR_BUF(json);
    wr_run_record_show(record, artifact_count, &json);
    wr_json_put(ask->out, name, wr_buf_str(&json));
}

/* The list of artifacts as a member. */
static void put_artifacts(wr_ask *ask, const wr_artifact_list *list)
{
    WR_BUF(json);
    wr_buf_add_char(&json, '[');
    for (int i = 0; i < list->count; i++) {
        if (i) wr_buf_add_char(&json, ',');
        wr_run_artifact_show(&list->items[i], &json);
    }
    wr_buf_add_char(&json, ']');
    wr_json_put(ask->out, "artifacts", wr_buf_str(&json));
}

static weir_status put_artifacts_of(wr_ask *ask, wr_str run_id, int64_t limit)
{
    wr_artifact_list list = {0};
    WR_TRY(wr_run_index_artifacts(ask->runs->index, run_id, WR_STR(""), limit, ask->arena, &list));
    put_artifacts(ask, &list);
    return WR_OK;
}

/* ---- runs ---- */

weir_status wr_ask_list(wr_ask *ask)
{
    wr_run_filter filter = {
        .status = wr_json_text_of(ask->arena, ask->arguments, "status"),
        .action = wr_json_text_of(ask->arena, ask->arguments, "action"),
        .tag = wr_json_text_of(ask->arena, ask->arguments, "tag"),
        .text = wr_json_text_of(ask->arena, ask->arguments, "query"),
        .limit = wr_json_int_of(ask->arguments, "limit", LIST_LIMIT),
    };
    static const char *const states[] = {"running", "succeeded", "failed", "timed_out"};
    bool is_known = !filter.status.length;
    wr_run_list list = {0};
    int64_t *counts = NULL;
    for (size_t i = 0; i < WR_COUNT(states); i++)
        is_known |= wr_str_is(filter.status, states[i]);
    if (!is_known)
        return wr_with_hint(
            wr_fail(WR_E_BAD_ARGUMENT, "no run has the status \"%s\"", filter.status.data),
            "running, succeeded, failed, timed_out");
    WR_TRY(wr_run_index_runs(ask->runs->index, &filter, ask->arena, &list, &counts));
    wr_buf_add_text(ask->out, ",\"runs\":[");
    for (int i = 0; i < list.count; i++) {
        if (i) wr_buf_add_char(ask->out, ',');
        wr_run_record_show(&list.items[i], counts[i], ask->out);
    }
    wr_buf_add_char(ask->out, ']');
    return WR_OK;
}

weir_status wr_ask_show(wr_ask *ask)
{
    wr_run_record record;
    int64_t count;
    WR_BUF(inputs);
    WR_TRY(wr_ask_run(ask, "run_id", &record, &count));
    put_run(ask, "run", &record, count);
    wr_str path = wr_arena_printf(ask->arena, "%s/inputs.json", record.dir.data);
    wr_status_drop(wr_run_file_read(path, LINES_BYTES, &inputs));
    bool is_json = wr_json_valid(wr_buf_str(&inputs));
    wr_json_put(ask->out, "inputs", is_json ? wr_str_trim(wr_buf_str(&inputs)) : WR_STR(""));
    return put_artifacts_of(ask, record.id, wr_json_int_of(ask->arguments, "limit", LIST_LIMIT));
}

/* The last lines of a file of a run; empty if there is none. */
static wr_str last_lines(wr_ask *ask, wr_str dir, const char *name, int64_t lines)
{
    WR_BUF(text);
    wr_str path = wr_arena_printf(ask->arena, "%s/%s", dir.data, name);
    wr_status_drop(wr_run_file_read(path, LINES_BYTES, &text));
    size_t from = text.length;
    for (; from > 0 && lines > 0; from--)
        if (text.data[from - 1] == '\n' && from < text.length && --lines == 0) break;
    return wr_arena_str(ask->arena, (wr_str){text.data + from, text.length - from});
}

weir_status wr_ask_status(wr_ask *ask)
{
    wr_run_record record;
    int64_t count;
    WR_TRY(wr_ask_run(ask, "run_id", &record, &count));
    int64_t duration_ms = wr_run_duration_ms(&record);
    wr_str progress = wr_str_trim(last_lines(ask, record.dir, "progress.jsonl", 1));
    wr_json_put_text(ask->out, "run_id", record.id);
    wr_json_put_text(ask->out, "status", record.status);
    wr_json_put_text(ask->out, "action", record.action);
    if (record.error.length) wr_json_put_text(ask->out, "error", record.error);
    if (record.error_type.length) wr_json_put_text(ask->out, "error_type", record.error_type);
    if (record.phase.length) wr_json_put_text(ask->out, "phase", record.phase);
    wr_json_put_int(ask->out, "artifact_count", count);
    wr_json_put_int(ask->out, "duration_ms", WR_MAX(duration_ms, 0));
    if (progress.length && wr_json_valid(progress))
        wr_json_put(ask->out, "latest_progress", progress);
    return put_artifacts_of(ask, record.id, wr_json_int_of(ask->arguments, "limit", STATUS_LIMIT));
}

weir_status wr_ask_logs(wr_ask *ask)
{
    wr_run_record record;
    WR_TRY(wr_ask_run(ask, "run_id", &record, NULL));
    int64_t lines = wr_json_int_of(ask->arguments, "limit", INT32_MAX);
    wr_json_put_text(ask->out, "run_id", record.id);
    wr_json_put_text(ask->out, "stdout", last_lines(ask, record.dir, "stdout.log", lines));
    wr_json_put_text(ask->out, "stderr", last_lines(ask, record.dir, "stderr.log", lines));
    return WR_OK;
}

weir_status wr_ask_result(wr_ask *ask)
{
    wr_run_record record;
    wr_run_artifact artifact;
    int64_t count;
    bool found;
    WR_BUF(json);
    WR_TRY(wr_ask_run(ask, "run_id", &record, &count));
    ask->phase = "run_result";
    WR_TRY(wr_ask_result_of(ask, record.id, &artifact, &found));
    if (!found && record.error.length)
        return wr_fail(WR_E_UNKNOWN_RUN, "run %s has no result: its status is %s (%s)",
                       record.id.data, record.status.data, record.error.data);
    if (!found)
        return wr_fail(WR_E_UNKNOWN_RUN, "run %s has no result: its status is %s", record.id.data,
                       record.status.data);
    put_run(ask, "run", &record, count);
    wr_json_put_text(ask->out, "artifact_id", artifact.id);
    wr_run_artifact_show(&artifact, &json);
    wr_json_put(ask->out, "artifact", wr_buf_str(&json));
    json.length = 0;
    int64_t limit = wr_json_int_of(ask->arguments, "limit", LIST_LIMIT);
    WR_TRY(wr_ask_preview_of(ask, &artifact, limit, &json));
    wr_json_put(ask->out, "preview", wr_buf_str(&json));
    return WR_OK;
}

/* ---- tag ---- */

/* Tags without those to remove, and those to add that are not there. */
static wr_str changed_tags(wr_ask *ask, wr_str tags)
{
    WR_BUF(out);
    wr_str add = wr_json_member_of(ask->arena, ask->arguments, "add");
    wr_str remove = wr_json_member_of(ask->arena, ask->arguments, "remove");
    const wr_str lists[] = {tags, add};
    wr_buf_add_char(&out, '[');
    for (size_t i = 0; i < WR_COUNT(lists); i++) {
        wr_json_members members;
        wr_str key, value;
        if (!wr_json_begin(lists[i], &members)) continue;
        while (wr_json_next(&members, &key, &value)) {
            WR_BUF(text);
            WR_BUF(so_far);
            if (!wr_json_unquote(value, &text)) continue;
            wr_buf_add_str(&so_far, wr_buf_str(&out));
            wr_buf_add_char(&so_far, ']');
            bool is_out = wr_run_has_text(remove, wr_buf_str(&text));
            if (is_out || wr_run_has_text(wr_buf_str(&so_far), wr_buf_str(&text))) continue;
            wr_json_put_text(&out, NULL, wr_buf_str(&text));
        }
    }
    wr_buf_add_char(&out, ']');
    return wr_arena_str(ask->arena, wr_buf_str(&out));
}

weir_status wr_ask_tag(wr_ask *ask)
{
    wr_run_record shown, record;
    wr_str value;
    int64_t count;
    bool dry = wr_json_bool_of(ask->arguments, "dry_run");
    WR_TRY(wr_ask_run(ask, "run_id", &shown, &count));
    if (wr_str_is(shown.status, "running"))
        return wr_fail(WR_E_BUSY, "run %s is still running", shown.id.data);
    WR_TRY(wr_run_read(ask->arena, shown.dir, &record));
    put_run(ask, "before", &shown, count);
    record.dir = shown.dir;
    record.tags = changed_tags(ask, record.tags);
    if (wr_json_find(ask->arguments, WR_STR("run_name"), &value))
        record.name = wr_json_text_of(ask->arena, ask->arguments, "run_name");
    if (wr_json_find(ask->arguments, WR_STR("description"), &value))
        record.description = wr_json_text_of(ask->arena, ask->arguments, "description");
    if (!dry) {
        ask->phase = "filesystem";
        WR_TRY(wr_run_write(record.dir, &record, true));
        WR_TRY(wr_runs_refresh(ask->runs));
    }
    put_run(ask, "run", &record, count);
    wr_json_put_bool(ask->out, "dry_run", dry);
    return WR_OK;
}
