/* cmd_artifacts.c - weir artifacts: files that came of tracked runs. As cmd_runs.c: every verb is
 * one question to the library. */
#include "base/json_object.h"
#include "cli/cli.h"

extern const cli_command wr_cmd_artifacts;

enum { OWN_RUN, OWN_LIMIT, OWN_FORMAT, OWN_OVERWRITE, OWN_DELETE_FILES, OWN_DRY_RUN };
static const cli_own_flag flags[] = {
    [OWN_RUN] = {"run", "RUN", "of this run only"},
    [OWN_LIMIT] = {"limit", "N", "no more than N artifacts or rows"},
    [OWN_FORMAT] = {"format", "FORMAT", "parquet, csv, json, jsonl or arrow; default: by the path"},
    [OWN_OVERWRITE] = {"overwrite", NULL, "replace a file that is there"},
    [OWN_DELETE_FILES] = {"delete-files", NULL, "remove the file, too"},
    [OWN_DRY_RUN] = {"dry-run", NULL, "say what would be done, and do nothing"},
    {0},
};

static void begin(const cli_state *state, wr_buf *out)
{
    const cli_options *options = &state->options;
    static const struct {
        int own;
        const char *name;
        bool is_switch;
    } members[] = {{OWN_RUN, "run_id", false},
                   {OWN_LIMIT, "limit", false},
                   {OWN_FORMAT, "format", false},
                   {OWN_OVERWRITE, "overwrite", true},
                   {OWN_DELETE_FILES, "delete_files", true},
                   {OWN_DRY_RUN, "dry_run", true}};
    wr_buf_add_char(out, '{');
    for (size_t i = 0; i < WR_COUNT(members); i++) {
        const char *value = options->own[members[i].own];
        if (value && members[i].is_switch)
            wr_json_put_bool(out, members[i].name, true);
        else if (value)
            wr_json_put_text(out, members[i].name, wr_str_of(value));
    }
    if (options->arg_count) wr_json_put_text(out, "artifact_id", wr_str_of(options->args[0]));
    if (options->arg_count > 1) wr_json_put_text(out, "path", wr_str_of(options->args[1]));
    wr_buf_add_char(out, '}');
}

static int ask(cli_state *state, const char *what, char **reply)
{
    WR_BUF(arguments);
    const char *limit = state->options.own[OWN_LIMIT];
    *reply = NULL;
    if (limit && (!*limit || strlen(limit) > 15 || limit[strspn(limit, "0123456789")])) {
        if (state->options.json)
            cli_print_failure(state, "--limit takes a number", "usage_error", "argument_parse");
        return cli_usage(&wr_cmd_artifacts, "--limit takes a number");
    }
    begin(state, &arguments);
    return cli_ask_runs(state, what, arguments.data, reply);
}

static int list(cli_state *state)
{
    WR_ARENA(scratch);
    char *reply;
    wr_json_members members;
    wr_str key, value;
    cli_cells cells = {.columns = "artifact_id, run_id, type, format, rows, bytes, path",
                       .column_count = 7};
    static const char *const shown[] = {"artifact_id", "run_id",     "type", "format",
                                        "row_count",   "size_bytes", "path"};
    int code = ask(state, "artifacts", &reply);
    if (!reply) return code;
    if (wr_json_begin(wr_json_member_of(&scratch, wr_str_of(reply), "artifacts"), &members))
        while (wr_json_next(&members, &key, &value))
            for (size_t i = 0; i < WR_COUNT(shown); i++)
                cli_cell(&cells, wr_json_member_of(&scratch, value, shown[i]));
    weir_text_free(reply);
    return cli_show_cells(state, &cells);
}

static int show(cli_state *state)
{
    WR_ARENA(scratch);
    char *reply;
    wr_json_members members;
    wr_str key, value;
    int code = ask(state, "artifact", &reply);
    if (!reply) return code;
    if (wr_json_begin(wr_json_member_of(&scratch, wr_str_of(reply), "artifact"), &members))
        while (wr_json_next(&members, &key, &value)) {
            WR_BUF(name);
            WR_BUF(text);
            bool is_text = wr_json_kind_of(value) == WR_JSON_STRING;
            wr_json_unquote(key, &name);
            if (is_text) wr_json_unquote(value, &text);
            fprintf(state->out, "%-12s %.*s\n", name.data,
                    WR_STR_ARGS(is_text ? wr_buf_str(&text) : value));
        }
    weir_text_free(reply);
    return CLI_OK;
}

static int preview(cli_state *state)
{
    WR_ARENA(scratch);
    WR_BUF(sql);
    char *reply;
    int code = ask(state, "preview", &reply);
    if (!reply) return code;
    const char *limit = state->options.own[OWN_LIMIT];
    wr_str text = wr_str_of(reply), found = wr_json_member_of(&scratch, text, "preview");
    wr_str artifact = wr_json_member_of(&scratch, text, "artifact");
    wr_str plain = wr_json_text_of(&scratch, found, "text");
    wr_str path = wr_json_text_of(&scratch, artifact, "path");
    weir_text_free(reply);
    if (plain.length) {
        fprintf(state->out, "%.*s\n", WR_STR_ARGS(plain));
        return CLI_OK;
    }
    wr_buf_add_text(&sql, "FROM ");
    cli_quote(&sql, path.data ? path.data : "");
    wr_buf_printf(&sql, " LIMIT %s", limit ? limit : "50");
    return cli_run_statement(state, sql.data, sql.length);
}

static int export(cli_state *state)
{
    WR_ARENA(scratch);
    char *reply;
    int code = ask(state, "export", &reply);
    if (!reply) return code;
    wr_str rows = wr_json_text_of(&scratch, wr_str_of(reply), "row_count");
    if (!state->options.quiet)
        fprintf(stderr, "weir: %s%s%.*s%s into %s\n",
                state->options.own[OWN_DRY_RUN] ? "would write" : "wrote", rows.length ? " " : "",
                WR_STR_ARGS(rows), rows.length ? " rows" : "", state->options.args[1]);
    weir_text_free(reply);
    return CLI_OK;
}

static int forget(cli_state *state)
{
    WR_ARENA(scratch);
    char *reply;
    int code = ask(state, "forget_artifact", &reply);
    if (!reply) return code;
    bool deleted = wr_json_bool_of(wr_str_of(reply), "file_deleted");
    wr_str artifact = wr_json_member_of(&scratch, wr_str_of(reply), "artifact");
    if (!state->options.quiet)
        fprintf(stderr, "weir: %s %.*s%s\n",
                state->options.own[OWN_DRY_RUN] ? "would give up" : "gave up",
                WR_STR_ARGS(wr_json_text_of(&scratch, artifact, "artifact_id")),
                deleted ? " and removed its file" : "; its file stays");
    weir_text_free(reply);
    return CLI_OK;
}

static const cli_verb verbs[] = {
    {"ls", NULL, "", "the newest artifacts", "weir artifacts ls --run last", "run limit", 0, 0,
     list},
    {"show", NULL, "ARTIFACT", "what is known about it", "weir artifacts show last", NULL, 1, 1,
     show},
    {"preview", NULL, "ARTIFACT", "its first rows", "weir artifacts preview last", "limit", 1, 1,
     preview},
    {"export", NULL, "ARTIFACT PATH", "copy it, in another format if the path says so",
     "weir artifacts export last rows.csv", "format overwrite dry-run", 2, 2, export},
    {"rm", NULL, "ARTIFACT", "give it up; its file stays without --delete-files",
     "weir artifacts rm last --dry-run", "delete-files dry-run", 1, 1, forget},
    {0},
};

static int run(cli_state *state) { return cli_run_verb(state, &wr_cmd_artifacts); }

const cli_command wr_cmd_artifacts = {
    .name = "artifacts",
    .arguments = "VERB [ARTIFACT]",
    .help = "files that came of tracked runs; ARTIFACT is an id, the beginning of one, or last",
    .example = "weir artifacts ls",
    .flags = flags,
    .run = run,
    .verbs = verbs,
};
