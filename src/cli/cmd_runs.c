/* cmd_runs.c - weir runs: what was run, how it went and what came of it.
 *
 * Every verb is one question to the library (weir_runs_ask) with the flags as its arguments; with
 * --json its reply is printed as it is, else some of it is shown as a table. */
#include "base/json_object.h"
#include "cli/cli.h"
#include <unistd.h>

extern const cli_command wr_cmd_runs;

enum {
    OWN_STATUS,
    OWN_ACTION,
    OWN_TAG,
    OWN_QUERY,
    OWN_LIMIT,
    OWN_KEEP_LAST,
    OWN_TTL_DAYS,
    OWN_DELETE_FILES,
    OWN_DRY_RUN,
    OWN_REMOVE,
    OWN_NAME,
    OWN_DESCRIPTION
};
static const cli_own_flag flags[] = {
    [OWN_STATUS] = {"status", "STATUS", "running, succeeded, failed or timed_out"},
    [OWN_ACTION] = {"action", "ACTION", "query, run, file-sql .."},
    [OWN_TAG] = {"tag", "TAG...", "ls: runs with it; rerun: tags instead of those it had"},
    [OWN_QUERY] = {"query", "TEXT", "text in name, description, tags, action or id"},
    [OWN_LIMIT] = {"limit", "N", "no more than N runs, artifacts, rows or lines"},
    [OWN_KEEP_LAST] = {"keep-last", "N", "keep the newest N"},
    [OWN_TTL_DAYS] = {"ttl-days", "D", "keep what is younger than D days"},
    [OWN_DELETE_FILES] = {"delete-files", NULL, "remove folders, too, not only from the index"},
    [OWN_DRY_RUN] = {"dry-run", NULL, "say what would be done, and do nothing"},
    [OWN_REMOVE] = {"remove", "TAG...", "tags to take away"},
    [OWN_NAME] = {"name", "NAME", "another name"},
    [OWN_DESCRIPTION] = {"description", "TEXT", "another description"},
    {0},
};

static void put_flag(const cli_state *state, int own, const char *name, wr_buf *out)
{
    const char *value = state->options.own[own];
    if (value) wr_json_put_text(out, name, wr_str_of(value));
}

static void put_switch(const cli_state *state, int own, const char *name, wr_buf *out)
{
    if (state->options.own[own]) wr_json_put_bool(out, name, true);
}

/* Flags that are numbers are. */
static int check_numbers(cli_state *state)
{
    static const int numbers[] = {OWN_LIMIT, OWN_KEEP_LAST, OWN_TTL_DAYS};
    for (size_t i = 0; i < WR_COUNT(numbers); i++) {
        const char *value = state->options.own[numbers[i]];
        if (!value || (*value && strlen(value) < 16 && !value[strspn(value, "0123456789")]))
            continue;
        WR_BUF(what);
        wr_buf_printf(&what, "--%s takes a number", flags[numbers[i]].name);
        if (state->options.json)
            cli_print_failure(state, what.data, "usage_error", "argument_parse");
        return cli_usage(&wr_cmd_runs, what.data);
    }
    return CLI_OK;
}

/* Asks about the run that is the first argument; the flags that go along are in more. */
static int ask(cli_state *state, const char *what, wr_buf *arguments, char **reply)
{
    int code = check_numbers(state);
    *reply = NULL;
    if (code) return code;
    put_flag(state, OWN_LIMIT, "limit", arguments);
    wr_buf_add_char(arguments, '}');
    return cli_ask_runs(state, what, arguments->data, reply);
}

static int ask_run(cli_state *state, const char *what, char **reply)
{
    WR_BUF(arguments);
    wr_buf_add_char(&arguments, '{');
    wr_json_put_text(&arguments, "run_id", wr_str_of(state->options.args[0]));
    return ask(state, what, &arguments, reply);
}

/* ---- ls ---- */

static int list(cli_state *state)
{
    WR_ARENA(scratch);
    WR_BUF(arguments);
    char *reply;
    wr_json_members members;
    wr_str key, value;
    cli_cells cells = {.columns = "run_id, status, action, name, tags, artifacts, ms, created_at",
                       .column_count = 8};
    static const char *const shown[] = {"run_id", "status",         "action",      "run_name",
                                        "tags",   "artifact_count", "duration_ms", "created_at"};
    wr_buf_add_char(&arguments, '{');
    put_flag(state, OWN_STATUS, "status", &arguments);
    put_flag(state, OWN_ACTION, "action", &arguments);
    put_flag(state, OWN_TAG, "tag", &arguments);
    put_flag(state, OWN_QUERY, "query", &arguments);
    int code = ask(state, "list", &arguments, &reply);
    if (!reply) return code;
    if (wr_json_begin(wr_json_member_of(&scratch, wr_str_of(reply), "runs"), &members))
        while (wr_json_next(&members, &key, &value))
            for (size_t i = 0; i < WR_COUNT(shown); i++)
                cli_cell(&cells, wr_json_member_of(&scratch, value, shown[i]));
    weir_text_free(reply);
    return cli_show_cells(state, &cells);
}

/* ---- show, status, logs, result ---- */

/* Members of an object as lines "name: value"; those that are null or empty are left out. */
static void print_members(FILE *out, wr_str object, const char *left_out)
{
    wr_json_members members;
    wr_str key, value;
    if (!wr_json_begin(object, &members)) return;
    while (wr_json_next(&members, &key, &value)) {
        WR_BUF(name);
        WR_BUF(text);
        bool is_text = wr_json_kind_of(value) == WR_JSON_STRING && wr_json_unquote(value, &text);
        wr_json_unquote(key, &name);
        if (strstr(left_out, name.data) || wr_json_kind_of(value) == WR_JSON_NULL ||
            wr_str_eq(value, WR_STR("[]")) || wr_str_eq(value, WR_STR("{}")))
            continue;
        fprintf(out, "%-15s %.*s\n", name.data, WR_STR_ARGS(is_text ? wr_buf_str(&text) : value));
    }
}

static void print_artifacts(FILE *out, wr_str reply)
{
    WR_ARENA(scratch);
    wr_json_members members;
    wr_str key, value;
    if (!wr_json_begin(wr_json_member_of(&scratch, reply, "artifacts"), &members)) return;
    while (wr_json_next(&members, &key, &value)) {
        wr_str rows = wr_json_text_of(&scratch, value, "row_count");
        wr_str id = wr_json_text_of(&scratch, value, "artifact_id");
        wr_str type = wr_json_text_of(&scratch, value, "type");
        wr_str path = wr_json_text_of(&scratch, value, "path");
        fprintf(out, "%-15s %.*s  %.*s", "artifact", WR_STR_ARGS(id), WR_STR_ARGS(type));
        if (rows.length) fprintf(out, "  %.*s rows", WR_STR_ARGS(rows));
        fprintf(out, "  %.*s\n", WR_STR_ARGS(path));
    }
}

static int show(cli_state *state)
{
    WR_ARENA(scratch);
    char *reply;
    int code = ask_run(state, "show", &reply);
    if (!reply) return code;
    wr_str text = wr_str_of(reply), inputs = wr_json_member_of(&scratch, text, "inputs");
    wr_str args = wr_json_member_of(&scratch, inputs, "action_args");
    print_members(state->out, wr_json_member_of(&scratch, text, "run"),
                  "cli_args details artifact_count");
    print_members(state->out, args, "payload");
    print_artifacts(state->out, text);
    weir_text_free(reply);
    return CLI_OK;
}

static int status(cli_state *state)
{
    char *reply;
    int code = ask_run(state, "status", &reply);
    if (!reply) return code;
    print_members(state->out, wr_str_of(reply), "ok artifacts");
    print_artifacts(state->out, wr_str_of(reply));
    weir_text_free(reply);
    return CLI_OK;
}

static int logs(cli_state *state)
{
    WR_ARENA(scratch);
    char *reply;
    int code = ask_run(state, "logs", &reply);
    if (!reply) return code;
    wr_str out = wr_json_text_of(&scratch, wr_str_of(reply), "stdout");
    wr_str err = wr_json_text_of(&scratch, wr_str_of(reply), "stderr");
    fwrite(out.data, 1, out.length, state->out);
    fwrite(err.data, 1, err.length, state->out);
    weir_text_free(reply);
    return CLI_OK;
}

static int result(cli_state *state)
{
    WR_ARENA(scratch);
    WR_BUF(sql);
    char *reply;
    int code = ask_run(state, "result", &reply);
    if (!reply) return code;
    wr_str artifact = wr_json_member_of(&scratch, wr_str_of(reply), "artifact");
    wr_str path = wr_json_text_of(&scratch, artifact, "path");
    const char *limit = state->options.own[OWN_LIMIT];
    wr_buf_add_text(&sql, "FROM ");
    cli_quote(&sql, path.data ? path.data : "");
    if (limit) wr_buf_printf(&sql, " LIMIT %s", limit);
    weir_text_free(reply);
    return cli_run_statement(state, sql.data, sql.length);
}

/* ---- diff ---- */

static int64_t count_of(wr_arena *arena, wr_str rows, const char *side)
{
    return wr_json_int_of(wr_json_member_of(arena, rows, side), "row_count", 0);
}

static void print_comparison(FILE *out, wr_str comparison)
{
    WR_ARENA(scratch);
    wr_str rows = wr_json_member_of(&scratch, comparison, "rows");
    wr_str counts = wr_json_member_of(&scratch, comparison, "row_count");
    wr_str schema = wr_json_member_of(&scratch, comparison, "schema");
    if (!comparison.length) {
        fprintf(out, "results        cannot be compared: not both runs have one that is a table\n");
        return;
    }
    fprintf(out, "rows           %lld, %lld\n", (long long)wr_json_int_of(counts, "left", 0),
            (long long)wr_json_int_of(counts, "right", 0));
    fprintf(out, "columns        %s\n", wr_json_bool_of(schema, "equal") ? "equal" : "differ");
    print_members(out, schema, "left right equal");
    if (wr_json_bool_of(rows, "equal")) {
        fprintf(out, "content        equal\n");
        return;
    }
    static const char *const sides[] = {"only_left", "only_right"};
    for (int i = 0; i < 2; i++) {
        wr_json_members members;
        wr_str key, value;
        wr_str side = wr_json_member_of(&scratch, rows, sides[i]);
        fprintf(out, "%-14s %lld rows\n", sides[i], (long long)count_of(&scratch, rows, sides[i]));
        if (!wr_json_begin(wr_json_member_of(&scratch, side, "rows"), &members)) continue;
        while (wr_json_next(&members, &key, &value))
            fprintf(out, "  %c %.*s\n", i ? '>' : '<', WR_STR_ARGS(value));
    }
}

static int diff(cli_state *state)
{
    WR_ARENA(scratch);
    WR_BUF(arguments);
    char *reply;
    wr_buf_add_char(&arguments, '{');
    wr_json_put_text(&arguments, "run_id", wr_str_of(state->options.args[0]));
    wr_json_put_text(&arguments, "other_run_id", wr_str_of(state->options.args[1]));
    int code = ask(state, "diff", &arguments, &reply);
    if (!reply) return code;
    wr_str text = wr_str_of(reply), found = wr_json_member_of(&scratch, text, "result_diff");
    print_members(state->out, wr_json_member_of(&scratch, text, "metadata_diff"), "");
    print_comparison(state->out, wr_json_member_of(&scratch, found, "comparison"));
    weir_text_free(reply);
    return CLI_OK;
}

/* ---- tag, gc ---- */

/* Adds the tags of one list that the other does not have, with commas between. */
static void add_missing(wr_str list, wr_str other, wr_buf *out)
{
    wr_json_members members;
    wr_str key, value;
    size_t before = out->length;
    if (!wr_json_begin(list, &members)) return;
    while (wr_json_next(&members, &key, &value)) {
        wr_json_members others;
        wr_str other_key, other_value;
        bool found = false;
        WR_BUF(text);
        if (wr_json_begin(other, &others))
            while (wr_json_next(&others, &other_key, &other_value))
                found |= wr_str_eq(other_value, value);
        if (found || !wr_json_unquote(value, &text)) continue;
        if (out->length > before) wr_buf_add_char(out, ',');
        wr_buf_add_str(out, wr_buf_str(&text));
    }
}

static void print_undo(wr_str run, wr_str before)
{
    WR_ARENA(scratch);
    WR_BUF(added);
    WR_BUF(removed);
    wr_str now = wr_json_member_of(&scratch, run, "tags");
    wr_str then = wr_json_member_of(&scratch, before, "tags");
    wr_str id = wr_json_text_of(&scratch, run, "run_id");
    wr_str name = wr_json_text_of(&scratch, before, "run_name");
    wr_str text = wr_json_text_of(&scratch, before, "description");
    add_missing(now, then, &added);
    add_missing(then, now, &removed);
    fprintf(stderr, "weir: undo: weir runs tag %.*s", WR_STR_ARGS(id));
    if (removed.length) fprintf(stderr, " '%s'", removed.data);
    if (added.length) fprintf(stderr, " --remove '%s'", added.data);
    if (!wr_str_eq(name, wr_json_text_of(&scratch, run, "run_name")))
        fprintf(stderr, " --name '%.*s'", WR_STR_ARGS(name));
    if (!wr_str_eq(text, wr_json_text_of(&scratch, run, "description")))
        fprintf(stderr, " --description '%.*s'", WR_STR_ARGS(text));
    fputc('\n', stderr);
}

static int tag(cli_state *state)
{
    WR_ARENA(scratch);
    WR_BUF(arguments);
    WR_BUF(added);
    char *reply;
    wr_buf_add_char(&arguments, '{');
    wr_json_put_text(&arguments, "run_id", wr_str_of(state->options.args[0]));
    for (int i = 1; i < state->options.arg_count; i++)
        wr_buf_printf(&added, "%s,", state->options.args[i]);
    cli_put_list(&arguments, "add", added.data);
    cli_put_list(&arguments, "remove", state->options.own[OWN_REMOVE]);
    put_flag(state, OWN_NAME, "run_name", &arguments);
    put_flag(state, OWN_DESCRIPTION, "description", &arguments);
    put_switch(state, OWN_DRY_RUN, "dry_run", &arguments);
    int code = ask(state, "tag", &arguments, &reply);
    if (!reply) return code;
    wr_str text = wr_str_of(reply), run = wr_json_member_of(&scratch, text, "run");
    wr_str before = wr_json_member_of(&scratch, text, "before");
    fprintf(state->out, "%.*s %s tags %.*s, had %.*s\n",
            WR_STR_ARGS(wr_json_text_of(&scratch, run, "run_id")),
            wr_json_bool_of(text, "dry_run") ? "would have" : "has",
            WR_STR_ARGS(wr_json_member_of(&scratch, run, "tags")),
            WR_STR_ARGS(wr_json_member_of(&scratch, before, "tags")));
    if (!state->options.own[OWN_DRY_RUN] && !state->options.quiet) print_undo(run, before);
    weir_text_free(reply);
    return CLI_OK;
}

static int gc(cli_state *state)
{
    WR_ARENA(scratch);
    WR_BUF(arguments);
    char *reply;
    wr_json_members members;
    wr_str key, value;
    if (!state->options.own[OWN_KEEP_LAST] && !state->options.own[OWN_TTL_DAYS]) {
        const char *what = "runs gc needs --keep-last N or --ttl-days D";
        if (state->options.json) cli_print_failure(state, what, "usage_error", "argument_parse");
        return cli_usage(&wr_cmd_runs, what);
    }
    wr_buf_add_char(&arguments, '{');
    put_flag(state, OWN_KEEP_LAST, "keep_last", &arguments);
    put_flag(state, OWN_TTL_DAYS, "ttl_days", &arguments);
    put_switch(state, OWN_DELETE_FILES, "delete_files", &arguments);
    put_switch(state, OWN_DRY_RUN, "dry_run", &arguments);
    int code = ask(state, "gc", &arguments, &reply);
    if (!reply) return code;
    bool dry = state->options.own[OWN_DRY_RUN] != NULL;
    int count = 0;
    if (wr_json_begin(wr_json_member_of(&scratch, wr_str_of(reply), "deleted_run_ids"), &members))
        for (; wr_json_next(&members, &key, &value); count++)
            fprintf(state->out, "%.*s\n", (int)value.length - 2, value.data + 1);
    if (!state->options.quiet)
        fprintf(stderr, "weir: %d run%s %s%s\n", count, count == 1 ? "" : "s",
                dry ? "would be taken out of the index" : "taken out of the index",
                state->options.own[OWN_DELETE_FILES] ? ", with their files"
                                                     : "; their folders stay");
    if (count && !dry && !state->options.quiet && !state->options.own[OWN_DELETE_FILES])
        fprintf(stderr, "weir: undo: remove the file \"forgotten\" from the folder of a run\n");
    weir_text_free(reply);
    return CLI_OK;
}

/* ---- rerun ---- */

static int begin_again(cli_state *state, weir_runs *runs, weir_run **out)
{
    WR_BUF(changes);
    wr_buf_add_char(&changes, '{');
    put_flag(state, OWN_NAME, "run_name", &changes);
    put_flag(state, OWN_DESCRIPTION, "description", &changes);
    if (state->options.own[OWN_TAG]) cli_put_list(&changes, "tags", state->options.own[OWN_TAG]);
    wr_buf_add_char(&changes, '}');
    weir_status bad = weir_run_again(runs, state->options.args[0], changes.data, out);
    if (!bad) return CLI_OK;
    if (state->options.json)
        cli_print_failure(state, weir_error_message(bad), "value_error", "run_lookup");
    return cli_report(state, bad, NULL, 0);
}

/* Where it was run: paths in SQL may be relative. */
static void go_back(const weir_run *run)
{
    WR_ARENA(scratch);
    wr_str folder = wr_json_text_of(&scratch, wr_str_of(weir_run_inputs(run)), "cwd");
    if (folder.length && chdir(folder.data) != 0)
        fprintf(stderr, "weir: folder %s is gone; relative paths begin here\n", folder.data);
}

static int rerun(cli_state *state)
{
    weir_runs *runs = NULL;
    weir_run *run = NULL;
    int code = cli_open_runs(state, &runs);
    if (!code) code = begin_again(state, runs, &run);
    if (!code) {
        go_back(run);
        cli_stops_begin();
        code = cli_carry_out(state, run, state->options.json);
    }
    weir_runs_close(runs);
    return code;
}

/* ---- the command ---- */

static const cli_verb verbs[] = {
    {"ls", NULL, "", "the newest runs", "weir runs ls --status failed --limit 10",
     "status action tag query limit", 0, 0, list},
    {"show", NULL, "RUN", "everything about a run: inputs, outcome, artifacts",
     "weir runs show last", "limit", 1, 1, show},
    {"status", NULL, "RUN", "how far a run is, or how it ended", "weir runs status last", "limit",
     1, 1, status},
    {"logs", NULL, "RUN", "what it said, the last --limit lines", "weir runs logs last", "limit", 1,
     1, logs},
    {"result", NULL, "RUN", "the rows that came of it", "weir runs result last --limit 10", "limit",
     1, 1, result},
    {"diff", NULL, "RUN RUN", "what differs: what is said about them, and the rows",
     "weir runs diff last~1 last", "limit", 2, 2, diff},
    {"rerun", NULL, "RUN", "the same inputs once more, as another run", "weir runs rerun last",
     "name description tag", 1, 1, rerun},
    {"tag", NULL, "RUN [TAG...]", "give it tags, a name or a description",
     "weir runs tag last checked --remove draft", "remove name description dry-run", 1, 64, tag},
    {"gc", NULL, "", "give up old runs; those that are running stay",
     "weir runs gc --keep-last 100 --dry-run", "keep-last ttl-days delete-files dry-run", 0, 0, gc},
    {0},
};

static int run(cli_state *state) { return cli_run_verb(state, &wr_cmd_runs); }

const cli_command wr_cmd_runs = {
    .name = "runs",
    .arguments = "VERB [RUN]",
    .help = "tracked runs; RUN is an id, the beginning of one, last, or last~1",
    .example = "weir runs ls",
    .flags = flags,
    .run = run,
    .verbs = verbs,
};
