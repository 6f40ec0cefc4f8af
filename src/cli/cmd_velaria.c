/* cmd_velaria.c - command lines as Velaria has them: its words, its flags, its JSON.
 *
 *   weir file-sql --csv F --query "SELECT .. FROM input_table"      also csv-sql
 *   weir run start --run-name N --tag T -- file-sql ..              a tracked run
 *   weir run list|show|status|result|diff|cleanup ..                weir runs ..
 *   weir artifacts list|preview --run-id R
 *   weir datasets list
 *
 * Each prints one JSON document and nothing else to stdout, also when it fails. An action becomes
 * SQL here, a table over the input and the query, except that of streams, which the library makes
 * of its flags. */
#include "base/json_object.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/file.h"

extern const cli_command wr_cmd_velaria;

enum { FLAGS_MAX = 48 };

/* A flag, and the value it was given; a name with '|' has several spellings. */
typedef struct flag {
    const char *names, *fallback; /* fallback NULL: none */
    bool is_needed, is_switch;
} flag;

typedef struct words {
    cli_state *state;
    const flag *flags;
    const char *values[FLAGS_MAX];
    const char *action; /* for errors */
} words;

static int failure(cli_state *state, const char *type, const char *phase, int code,
                   const char *what)
{
    cli_print_failure(state, what, type, phase);
    return code;
}

static int usage(const words *w, const char *fmt, const char *word)
{
    WR_BUF(what);
    wr_buf_printf(&what, "%s: ", w->action);
    wr_buf_printf(&what, "%s \"%s\"", fmt, word);
    return failure(w->state, "usage_error", "argument_parse", CLI_USAGE, what.data);
}

static bool is_one_of(const char *names, const char *word, size_t length)
{
    while (*names) {
        size_t size = strcspn(names, "|");
        if (size == length && memcmp(names, word, size) == 0) return true;
        names += size + (names[size] == '|');
    }
    return false;
}

static const char *value_of(const words *w, const char *name)
{
    for (int i = 0; w->flags[i].names; i++)
        if (is_one_of(w->flags[i].names, name, strlen(name))) return w->values[i];
    return NULL;
}

/* Tags may be given several times; of others the last one counts. */
static void keep_value(words *w, int i, const char *value)
{
    bool is_more = strcmp(w->flags[i].names, "tag") == 0 && w->values[i];
    w->values[i] =
        is_more ? wr_arena_printf(&w->state->options.arena, "%s,%s", w->values[i], value).data
                : value;
}

/* Reads flags from the words of the command, beginning with word *at, up to one that is no flag. */
static int read_words(words *w, int *at)
{
    const cli_options *options = &w->state->options;
    for (; *at < options->arg_count; ++*at) {
        const char *word = options->args[*at];
        if (strncmp(word, "--", 2) != 0 || !word[2]) break;
        size_t length = strcspn(word + 2, "=");
        int i = 0;
        while (w->flags[i].names && !is_one_of(w->flags[i].names, word + 2, length))
            i++;
        if (!w->flags[i].names) return usage(w, "there is no flag", word);
        if (w->flags[i].is_switch)
            w->values[i] = "";
        else if (word[2 + length] == '=')
            keep_value(w, i, word + 3 + length);
        else if (*at + 1 < options->arg_count)
            keep_value(w, i, options->args[++*at]);
        else
            return usage(w, "a value is missing behind", word);
    }
    return CLI_OK;
}

static int check_words(words *w)
{
    for (int i = 0; w->flags[i].names; i++) {
        if (!w->values[i]) w->values[i] = w->flags[i].fallback;
        if (w->flags[i].is_needed && !w->values[i])
            return usage(w, "a flag is missing:", w->flags[i].names);
    }
    return CLI_OK;
}

/* All flags that have a value, for inputs.json. */
static void put_flags(const words *w, wr_buf *out)
{
    for (int i = 0; w->flags[i].names; i++) {
        WR_BUF(name);
        if (!w->values[i]) continue;
        wr_buf_add(&name, w->flags[i].names, strcspn(w->flags[i].names, "|"));
        for (size_t k = 0; k < name.length; k++)
            if (name.data[k] == '-') name.data[k] = '_';
        wr_json_put_text(out, name.data, wr_str_of(w->values[i]));
    }
}

/* ---- file-sql ---- */

static const flag file_flags[] = {
    {"csv|input-path", NULL, true, false},
    {"table", "input_table", false, false},
    {"input-type", "auto", false, false},
    {"delimiter", NULL, false, false},
    {"line-mode", NULL, false, false},
    {"regex-pattern", NULL, false, false},
    {"mappings", NULL, false, false},
    {"columns", NULL, false, false},
    {"json-format", NULL, false, false},
    {"query", NULL, true, false},
    {"output-path", NULL, false, false},
    {"run-name", NULL, false, false},
    {"description|run-description", NULL, false, false},
    {"tag", NULL, false, false},
    {"timeout-ms", NULL, false, false},
    {0},
};

static void add_option(wr_buf *out, const char *name, const char *value)
{
    if (!value) return;
    wr_buf_printf(out, ", %s: ", name);
    cli_quote(out, value);
}

static const char *type_of(const char *given, const char *path)
{
    static const char *const endings[][2] = {{".json", "json"},   {".jsonl", "json"},
                                             {".ndjson", "json"}, {".log", "line"},
                                             {".txt", "line"},    {".csv", "csv"}};
    if (strcmp(given, "auto") != 0) return given;
    for (size_t i = 0; i < WR_COUNT(endings); i++)
        if (wr_str_ihas_suffix(wr_str_of(path), endings[i][0])) return endings[i][1];
    return "auto";
}

/* CREATE TABLE .. OPTIONS (..) of the input, which is Velaria's own way to say it. */
static int add_table(const words *w, const char *type, wr_buf *out)
{
    bool is_csv = strcmp(type, "csv") == 0, is_line = strcmp(type, "line") == 0;
    bool is_json = strcmp(type, "json") == 0;
    if (!is_csv && !is_line && !is_json && strcmp(type, "auto") != 0)
        return usage(w, "there is no input type", type);
    if (value_of(w, "columns") && !is_line && !is_json)
        return usage(w, "--columns is for line and json, not for", type);
    wr_buf_add_text(out, "CREATE OR REPLACE TEMPORARY TABLE ");
    cli_quote_name(out, wr_str_of(value_of(w, "table")));
    if (is_csv || is_line || is_json) wr_buf_printf(out, " USING %s", type);
    wr_buf_add_text(out, " OPTIONS (path: ");
    cli_quote(out, value_of(w, "csv"));
    if (is_csv) add_option(out, "delimiter", value_of(w, "delimiter"));
    if (is_line || is_json) add_option(out, "columns", value_of(w, "columns"));
    if (is_json) add_option(out, "format", value_of(w, "json-format"));
    if (is_line) {
        add_option(out, "mode", value_of(w, "line-mode"));
        add_option(out, "split_delimiter", value_of(w, "delimiter"));
        add_option(out, "regex_pattern", value_of(w, "regex-pattern"));
        add_option(out, "mappings", value_of(w, "mappings"));
    }
    wr_buf_add_char(out, ')');
    return CLI_OK;
}

static int file_inputs(words *w, wr_buf *args)
{
    const char *path = value_of(w, "csv");
    const char *type = type_of(value_of(w, "input-type"), path);
    WR_BUF(view);
    WR_BUF(list);
    int code = add_table(w, type, &view);
    if (code) return code;
    wr_buf_add_char(args, '{');
    put_flags(w, args);
    wr_buf_add_char(&list, '[');
    wr_json_put_text(&list, NULL, wr_buf_str(&view));
    wr_buf_add_char(&list, ']');
    wr_json_put(args, "setup", wr_buf_str(&list));
    wr_json_put_text(args, "sql", wr_str_of(value_of(w, "query")));
    if (value_of(w, "output-path"))
        wr_json_put_text(args, "path", wr_str_of(value_of(w, "output-path")));
    list.length = 0;
    wr_buf_add_char(&list, '{');
    wr_json_put_text(&list, "table", wr_str_of(value_of(w, "table")));
    wr_json_put_text(&list, "query", wr_str_of(value_of(w, "query")));
    wr_json_put_text(&list, "input_type", wr_str_of(type));
    wr_buf_add_char(&list, '}');
    wr_json_put(args, "payload", wr_buf_str(&list));
    wr_buf_add_char(args, '}');
    return CLI_OK;
}

/* ---- stream-sql-once ---- */

static const flag stream_flags[] = {
    {"source-csv-dir", NULL, true, false},
    {"source-table", "input_stream", false, false},
    {"source-delimiter", ",", false, false},
    {"sink-table", "output_sink", false, false},
    {"sink-schema", NULL, true, false},
    {"sink-path", NULL, false, false},
    {"sink-delimiter", ",", false, false},
    {"query", NULL, true, false},
    {"trigger-interval-ms", "0", false, false},
    {"checkpoint-delivery-mode", NULL, false, false},
    {"execution-mode", "single-process", false, false},
    {"local-workers", "1", false, false},
    {"max-inflight-partitions", "0", false, false},
    {"max-batches", "1", false, false},
    {"run-name", NULL, false, false},
    {"description|run-description", NULL, false, false},
    {"tag", NULL, false, false},
    {"timeout-ms", NULL, false, false},
    {0},
};

static int check_stream(words *w)
{
    static const char *const numbers[] = {"trigger-interval-ms", "max-inflight-partitions",
                                          "max-batches", "local-workers"};
    const char *mode = value_of(w, "execution-mode"), *workers = value_of(w, "local-workers");
    const char *delivery = value_of(w, "checkpoint-delivery-mode");
    for (size_t i = 0; i < WR_COUNT(numbers); i++) {
        const char *text = value_of(w, numbers[i]);
        if (!*text || text[strspn(text, "0123456789")] || strlen(text) > 9)
            return usage(w, numbers[i], text);
    }
    if (!is_one_of("single-process|local-workers", mode, strlen(mode)))
        return usage(w, "there is no execution mode", mode);
    if (delivery && !is_one_of("at-least-once|best-effort", delivery, strlen(delivery)))
        return usage(w, "there is no delivery", delivery);
    if (strcmp(workers, "1") != 0 && strcmp(mode, "local-workers") != 0)
        return usage(w, "several local workers need", "--execution-mode local-workers");
    return CLI_OK;
}

/* The flags as they are: src/runs makes the stream of them. */
static int stream_inputs(words *w, wr_buf *args)
{
    int code = check_stream(w);
    wr_buf_add_char(args, '{');
    put_flags(w, args);
    wr_buf_add_char(args, '}');
    return code;
}

/* ---- actions ---- */

static const struct action {
    const char *names; /* the first one is its name */
    const flag *flags;
    int (*inputs)(words *w, wr_buf *args);
    bool is_run_only;
} actions[] = {
    {"file-sql|csv-sql", file_flags, file_inputs, false},
    {"stream-sql-once", stream_flags, stream_inputs, true},
};
static const char later[] =
    "vector-search|embedding-build|embedding-query|search|grounding|monitor|"
    "focus-events|source";

static int arrives_later(cli_state *state, const char *word)
{
    WR_BUF(what);
    wr_buf_printf(&what, "%s arrives with search; this weir does not have it", word);
    return failure(state, "not_available", "run_action_dispatch", CLI_FAILED, what.data);
}

static const struct action *find_action(const char *word)
{
    for (size_t i = 0; i < WR_COUNT(actions); i++)
        if (is_one_of(actions[i].names, word, strlen(word))) return &actions[i];
    return NULL;
}

/* Inputs as weir_run_begin takes them, of the action whose words begin at at. */
static int read_action(words *w, const struct action *action, int at, const words *run,
                       wr_buf *inputs)
{
    WR_BUF(args);
    WR_BUF(name);
    const char *given[4];
    static const char *const names[] = {"run-name", "description", "tag", "timeout-ms"};
    wr_buf_add(&name, action->names, strcspn(action->names, "|"));
    w->action = wr_arena_str(&w->state->options.arena, wr_buf_str(&name)).data;
    w->flags = action->flags;
    int code = read_words(w, &at);
    if (!code && at < w->state->options.arg_count)
        return usage(w, "there is no place for", w->state->options.args[at]);
    if (!code) code = check_words(w);
    if (!code) code = action->inputs(w, &args);
    if (code) return code;
    for (int i = 0; i < 4; i++) {
        given[i] = value_of(w, names[i]);
        if (!given[i] && run) given[i] = value_of(run, names[i]);
    }
    if (given[3] && (!*given[3] || given[3][strspn(given[3], "0123456789")]))
        return usage(w, "not a number of milliseconds:", given[3]);
    cli_begin_inputs(w->state, w->action, &(cli_saved_as){given[0], given[1], given[2]}, inputs);
    if (given[3]) wr_json_put(inputs, "timeout_ms", wr_str_of(given[3]));
    wr_json_put(inputs, "action_args", wr_buf_str(&args));
    wr_buf_add_char(inputs, '}');
    return CLI_OK;
}

static const flag start_flags[] = {
    {"run-name", NULL, false, false},
    {"description|run-description", NULL, false, false},
    {"tag", NULL, false, false},
    {"timeout-ms", NULL, false, false},
    {0},
};

static int track(cli_state *state, const char *inputs)
{
    weir_runs *runs = NULL;
    weir_run *run = NULL;
    int code = cli_open_runs(state, &runs);
    if (code) return code;
    weir_status bad = weir_run_begin(runs, inputs, &run);
    if (bad) {
        code = failure(state, "io_error", "filesystem", weir_error_exit_code(bad),
                       weir_error_message(bad));
        weir_error_drop(bad);
    } else {
        code = cli_carry_out(state, run, true);
    }
    weir_runs_close(runs);
    return code;
}

static int start(cli_state *state, int at)
{
    WR_BUF(inputs);
    words run = {.state = state, .flags = start_flags, .action = "run start"};
    words w = {.state = state};
    int code = read_words(&run, &at);
    if (code) return code;
    const cli_options *options = &state->options;
    if (at < options->arg_count && strcmp(options->args[at], "--") == 0) at++;
    const char *word = at < options->arg_count ? options->args[at] : NULL;
    if (!word) return usage(&run, "an action is missing, such as", "file-sql");
    if (is_one_of(later, word, strlen(word))) return arrives_later(state, word);
    const struct action *action = find_action(word);
    if (!action) return usage(&run, "there is no action", word);
    code = read_action(&w, action, at + 1, &run, &inputs);
    return code ? code : track(state, inputs.data);
}

/* ---- untracked ---- */

/* The names of the columns and all rows, as one document. */
static weir_status print_rows(cli_state *state, weir_query *query, wr_str payload)
{
    const weir_rows *rows;
    FILE *out = state->out;
    bool is_first = true;
    WR_TRY(weir_query_next(query, &rows)); /* it may fail before anything is printed */
    WR_BUF(head);
    wr_buf_add(&head, payload.data, payload.length - 1);
    wr_buf_add_text(&head, ",\"schema\":[");
    for (int c = 0; c < weir_query_column_count(query); c++)
        wr_json_put_text(&head, NULL, wr_str_of(weir_query_column_name(query, c)));
    fprintf(out, "%s],\n \"rows\":[", head.data);
    while (rows) {
        for (size_t i = 0; i < weir_rows_count(rows); i++, is_first = false) {
            WR_BUF(row);
            wr_buf_add_char(&row, '{');
            for (int c = 0; c < weir_query_column_count(query); c++) {
                size_t length;
                const char *json = weir_rows_json(rows, i, c, &length);
                wr_json_put(&row, weir_query_column_name(query, c), (wr_str){json, length});
            }
            fprintf(out, "%s\n  %s}", is_first ? "" : ",", row.data);
        }
        WR_TRY(weir_query_next(query, &rows));
    }
    fputs(is_first ? "]}\n" : "\n ]}\n", out);
    return WR_OK;
}

static int told(cli_state *state, weir_status bad, const char *phase)
{
    int code = weir_error_exit_code(bad);
    bool is_missing = bad->code == WR_E_FILE_NOT_FOUND;
    failure(state,
            is_missing                   ? "file_not_found"
            : bad->code == WR_E_TIMEOUT  ? "timeout"
            : (int)bad->code / 1000 == 0 ? "parse_error"
            : code == CLI_BUG            ? "internal_error"
                                         : "value_error",
            phase, code, weir_error_message(bad));
    weir_error_drop(bad);
    return code;
}

static int plain(cli_state *state)
{
    WR_BUF(inputs);
    wr_arena *arena = &state->options.arena;
    weir_query *query = NULL;
    words w = {.state = state};
    int code = read_action(&w, &actions[0], 1, NULL, &inputs);
    if (code) return code;
    if (value_of(&w, "output-path") || value_of(&w, "tag") || value_of(&w, "run-name"))
        return usage(&w, "only behind run start there is a", "--run-name, --tag, --output-path");
    wr_str args = wr_json_member_of(arena, wr_buf_str(&inputs), "action_args"), view;
    wr_str payload = wr_json_member_of(arena, args, "payload");
    WR_BUF(setup);
    if (wr_json_at(wr_json_member_of(arena, args, "setup"), 0, &view))
        wr_json_unquote(view, &setup);
    weir_status bad = weir_query_start(state->session, setup.data, setup.length, &query);
    weir_query_close(query);
    if (bad) return told(state, bad, "sql_input_register");
    query = NULL;
    const char *sql = value_of(&w, "query");
    bad = weir_query_start(state->session, sql, strlen(sql), &query);
    if (!bad) bad = print_rows(state, query, payload);
    weir_query_close(query);
    return bad ? told(state, bad, "sql_execute") : CLI_OK;
}

/* ---- questions ---- */

static const flag ask_flags[] = {
    {"run-id", NULL, false, false},      {"other-run-id", NULL, false, false},
    {"limit", NULL, false, false},       {"status", NULL, false, false},
    {"action", NULL, false, false},      {"tag", NULL, false, false},
    {"query", NULL, false, false},       {"keep-last", NULL, false, false},
    {"ttl-days", NULL, false, false},    {"delete-files", NULL, false, true},
    {"artifact-id", NULL, false, false}, {0},
};

static const struct question {
    const char *group, *word, *ask;
    const char *takes; /* flags, '|' between */
} questions[] = {
    {"run", "list", "list", "status|action|tag|query|limit"},
    {"run", "show", "show", "run-id|limit"},
    {"run", "status", "status", "run-id|limit"},
    {"run", "result", "result", "run-id|limit"},
    {"run", "diff", "diff", "run-id|other-run-id|limit"},
    {"run", "cleanup", "gc", "keep-last|ttl-days|delete-files"},
    {"artifacts", "list", "artifacts", "run-id|limit"},
    {"artifacts", "preview", "preview", "artifact-id|limit"},
    {"datasets", "list", "datasets", "limit"},
};

static int ask(cli_state *state, const struct question *question)
{
    WR_BUF(arguments);
    char *reply;
    int at = 2;
    words w = {.state = state, .flags = ask_flags, .action = question->word};
    int code = read_words(&w, &at);
    if (code) return code;
    if (at < state->options.arg_count)
        return usage(&w, "there is no place for", state->options.args[at]);
    for (int i = 0; ask_flags[i].names; i++)
        if (w.values[i] &&
            !is_one_of(question->takes, ask_flags[i].names, strlen(ask_flags[i].names)))
            return usage(&w, "there is no flag", ask_flags[i].names);
    wr_buf_add_char(&arguments, '{');
    put_flags(&w, &arguments);
    wr_buf_add_char(&arguments, '}');
    if (w.values[9]) { /* delete-files: a switch */
        arguments.length = 0;
        w.values[9] = NULL;
        wr_buf_add_char(&arguments, '{');
        put_flags(&w, &arguments);
        wr_json_put_bool(&arguments, "delete_files", true);
        wr_buf_add_char(&arguments, '}');
    }
    state->options.json = true;
    return cli_ask_runs(state, question->ask, arguments.data, &reply);
}

static const struct question *find_question(const char *group, const char *word)
{
    for (size_t i = 0; word && i < WR_COUNT(questions); i++)
        if (strcmp(questions[i].group, group) == 0 && strcmp(questions[i].word, word) == 0)
            return &questions[i];
    return NULL;
}

/* ---- the command ---- */

static bool has_word(char *const *rest, const char *word)
{
    for (; *rest; rest++)
        if (strcmp(*rest, word) == 0) return true;
    return false;
}

const cli_command *cli_velaria_instead(const cli_command *command, char *const *rest)
{
    const char *word = rest[0];
    if (!word) return command;
    if (strcmp(command->name, "run") == 0) {
        bool is_word = strcmp(word, "start") == 0 || find_question("run", word);
        return is_word && !wr_fs_exists(wr_fs_real(), wr_str_of(word)) ? &wr_cmd_velaria : command;
    }
    if (strcmp(command->name, "artifacts") != 0) return command;
    bool is_theirs = strcmp(word, "list") == 0 ||
                     (strcmp(word, "preview") == 0 && has_word(rest, "--artifact-id"));
    return is_theirs ? &wr_cmd_velaria : command;
}

static void print_actions(cli_state *state)
{
    cli_print_help(&wr_cmd_velaria);
    for (size_t i = 0; i < WR_COUNT(actions); i++) {
        fprintf(state->out, "\n%s%s\n ", actions[i].is_run_only ? "run start -- " : "",
                actions[i].names);
        for (int k = 0; actions[i].flags[k].names; k++)
            fprintf(state->out, " --%s%s%s", actions[i].flags[k].names,
                    actions[i].flags[k].fallback ? "=" : "",
                    actions[i].flags[k].fallback ? actions[i].flags[k].fallback : "");
        fputc('\n', state->out);
    }
}

static int dispatch(cli_state *state)
{
    const cli_options *options = &state->options;
    const char *word = options->args[0], *next = options->arg_count > 1 ? options->args[1] : NULL;
    for (int i = 0; i < options->arg_count; i++) {
        if (strcmp(options->args[i], "--help") != 0 && strcmp(options->args[i], "-h") != 0)
            continue;
        print_actions(state);
        return CLI_OK;
    }
    const struct question *question = find_question(word, next);
    words none = {.state = state, .action = word};
    if (question) return ask(state, question);
    if (strcmp(word, "run") == 0 && next && strcmp(next, "start") == 0) return start(state, 2);
    if (is_one_of(later, word, strlen(word))) return arrives_later(state, word);
    const struct action *action = find_action(word);
    if (action && !action->is_run_only) return plain(state);
    if (action) return usage(&none, "it runs as", "run start -- stream-sql-once ..");
    return usage(&none, "there is no word", next ? next : "");
}

/* What fails, fails with 1, as scripts that were written for Velaria expect. */
static int run(cli_state *state)
{
    int code = dispatch(state);
    bool is_kept =
        code == CLI_OK || code == CLI_USAGE || code == CLI_BUG || code == CLI_INTERRUPTED;
    return is_kept ? code : CLI_FAILED;
}

const cli_command wr_cmd_velaria = {
    .name = "velaria",
    .aliases = "file-sql|csv-sql|stream-sql-once|vector-search|embedding-build|embedding-query|"
               "datasets",
    .arguments = "..",
    .help = "command lines as Velaria has them: file-sql .., run start -- .., run list ..",
    .example = "weir file-sql --csv orders.csv --query \"SELECT city FROM input_table\"",
    .run = run,
    .takes_all = true,
};
