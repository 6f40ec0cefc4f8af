/* saved.c - tracked runs of the command line: from flags to inputs, from replies to what is shown.
 *
 * With --json a command prints one JSON document and nothing else to stdout, also when it fails;
 * what people read goes to stderr then. Without it, results of a tracked query are shown from the
 * file they were kept in, so that a large one is calculated once. */
#include "base/json_object.h"
#include "cli/cli.h"
#include "sys/file.h"
#include "base/mem.h"
#include <signal.h>

void cli_print_json(cli_state *state, const char *json)
{
    WR_BUF(pretty);
    wr_json_write(wr_str_of(json), 2, false, &pretty);
    fprintf(state->out, "%s\n", pretty.data);
}

void cli_print_failure(cli_state *state, const char *error, const char *type, const char *phase)
{
    WR_BUF(json);
    wr_buf_add_text(&json, "{\"ok\":false");
    wr_json_put_text(&json, "error", wr_str_of(error));
    wr_json_put_text(&json, "error_type", wr_str_of(type));
    wr_json_put_text(&json, "phase", wr_str_of(phase));
    wr_buf_add_char(&json, '}');
    cli_print_json(state, json.data);
}

/* What could not be begun, told once. */
static int report(cli_state *state, weir_status bad, const char *phase)
{
    if (state->options.json)
        cli_print_failure(state, weir_error_message(bad),
                          bad->code == WR_E_FILE_NOT_FOUND ? "file_not_found"
                          : (int)bad->code / 1000 == 3     ? "io_error"
                                                           : "value_error",
                          phase);
    return cli_report(state, bad, NULL, 0);
}

int cli_open_runs(cli_state *state, weir_runs **out)
{
    weir_status bad = weir_runs_open(NULL, out);
    return bad ? report(state, bad, "filesystem") : CLI_OK;
}

/* ---- inputs ---- */

void cli_put_list(wr_buf *out, const char *name, const char *texts)
{
    WR_BUF(list);
    wr_buf_add_char(&list, '[');
    while (texts && *texts) {
        size_t size = strcspn(texts, ",");
        wr_str one = wr_str_trim((wr_str){texts, size});
        if (one.length) wr_json_put_text(&list, NULL, one);
        texts += size + (texts[size] == ',');
    }
    wr_buf_add_char(&list, ']');
    wr_json_put(out, name, wr_buf_str(&list));
}

void cli_begin_inputs(cli_state *state, const char *action, const cli_saved_as *as, wr_buf *out)
{
    const cli_options *options = &state->options;
    WR_BUF(list);
    char *here = wr_folder_now();
    wr_buf_add_char(out, '{');
    wr_json_put_text(out, "action", wr_str_of(action));
    if (as->name) wr_json_put_text(out, "run_name", wr_str_of(as->name));
    if (as->description) wr_json_put_text(out, "description", wr_str_of(as->description));
    cli_put_list(out, "tags", as->tags);
    if (options->timeout)
        wr_json_put_int(out, "timeout_ms", (int64_t)(cli_read_seconds(options->timeout) * 1000));
    wr_json_put_text(out, "cwd", wr_str_of(here));
    wr_buf_add_char(&list, '[');
    for (int i = 0; i < options->given_count; i++)
        wr_json_put_text(&list, NULL, wr_str_of(options->given[i]));
    wr_buf_add_char(&list, ']');
    wr_json_put(out, "cli_args", wr_buf_str(&list));
    wr_heap_drop(here);
}

void cli_put_flags(const cli_state *state, wr_buf *out)
{
    const cli_options *options = &state->options;
    WR_BUF(settings);
    WR_BUF(params);
    bool is_named = false;
    wr_buf_add_char(&settings, '{');
    if (options->threads) wr_json_put_int(&settings, "threads", options->threads);
    if (options->memory) wr_json_put_text(&settings, "memory_limit", wr_str_of(options->memory));
    for (int i = 0; i < options->set_count; i++) {
        WR_BUF(name);
        const char *equals = strchr(options->sets[i], '=');
        wr_buf_add(&name, options->sets[i], (size_t)(equals - options->sets[i]));
        wr_json_put_text(&settings, name.data, wr_str_of(equals + 1));
    }
    wr_buf_add_char(&settings, '}');
    wr_json_put(out, "settings", wr_buf_str(&settings));
    for (int i = 0; i < options->param_count; i++)
        is_named |= strchr(options->params[i], '=') != NULL;
    wr_buf_add_char(&params, is_named ? '{' : '[');
    for (int i = 0; i < options->param_count; i++) {
        WR_BUF(name);
        const char *equals = is_named ? strchr(options->params[i], '=') : NULL;
        if (equals) wr_buf_add(&name, options->params[i], (size_t)(equals - options->params[i]));
        wr_json_put_text(&params, name.data, wr_str_of(equals ? equals + 1 : options->params[i]));
    }
    wr_buf_add_char(&params, is_named ? '}' : ']');
    if (options->param_count) wr_json_put(out, "params", wr_buf_str(&params));
}

/* ---- carrying out ---- */

static void watch(void *arg, weir_query *query)
{
    cli_state *state = arg;
    if (!query)
        cli_progress_stop(state);
    else if (weir_query_kind(query) != WEIR_DONE)
        cli_progress_start(state, query);
}

typedef struct watched {
    cli_state *state;
    cli_flow *flow; /* NULL: nothing to draw, or over */
    bool is_begun;
} watched;

static bool watch_streams(void *arg, weir_stream *const *streams, int count)
{
    watched *w = arg;
    bool goes_on = false;
    for (int i = 0; i < count; i++) {
        weir_stream_figures figures;
        weir_stream_progress(streams[i], &figures);
        goes_on |= !figures.has_ended;
    }
    if (!w->is_begun && !w->state->options.json) w->flow = cli_flow_new(w->state, streams, count);
    w->is_begun = true;
    if (w->flow && goes_on) cli_flow_show(w->flow);
    if (w->flow && !goes_on) {
        cli_flow_end(w->flow);
        w->flow = NULL;
    }
    return !cli_interrupted && !cli_stop_signal;
}

static int show_result(cli_state *state, const weir_run *run, const char *reply)
{
    WR_ARENA(scratch);
    WR_BUF(sql);
    wr_str result = wr_json_member_of(&scratch, wr_str_of(reply), "result");
    wr_str path = wr_json_text_of(&scratch, result, "path");
    wr_str rows = wr_json_member_of(&scratch, result, "row_count");
    int code = CLI_OK;
    wr_buf_add_text(&sql, "FROM ");
    cli_quote(&sql, path.data ? path.data : "");
    if (path.length && wr_str_has_prefix(path, wr_str_of(weir_run_folder(run))))
        code = cli_run_statement(state, sql.data, sql.length);
    if (!state->options.quiet && path.length)
        fprintf(stderr, "weir: run %s, %s row%s in %s\n", weir_run_id(run), rows.data,
                wr_str_is(rows, "1") ? "" : "s", path.data);
    else if (!state->options.quiet)
        fprintf(stderr, "weir: run %s\n", weir_run_id(run));
    return code;
}

int cli_carry_out(cli_state *state, weir_run *run, bool only_json)
{
    WR_ARENA(scratch);
    char *reply = NULL;
    wr_str args = wr_json_member_of(&scratch, wr_str_of(weir_run_inputs(run)), "action_args");
    wr_str sql = wr_json_text_of(&scratch, args, "sql");
    weir_run_watch(run, watch, state);
    watched w = {.state = state};
    weir_run_watch_streams(run, watch_streams, &w);
    weir_status bad = weir_run_carry_out(run, state->session, &reply);
    int code = CLI_OK;
    if (only_json) {
        cli_print_json(state, reply);
        code = bad ? weir_error_exit_code(bad) : CLI_OK;
        weir_error_drop(bad);
    } else if (bad) {
        code = cli_report(state, bad, sql.data, sql.length);
        fprintf(stderr, "weir: run %s failed; see: weir runs show %s\n", weir_run_id(run),
                weir_run_id(run));
    } else {
        code = show_result(state, run, reply);
    }
    weir_text_free(reply);
    weir_run_close(run);
    return code || cli_stop_signal != SIGINT ? code : CLI_INTERRUPTED;
}

static void put_query(cli_state *state, const char *sql, const char *limit, wr_buf *out)
{
    const cli_options *options = &state->options;
    WR_BUF(args);
    WR_BUF(files);
    wr_buf_add_char(&args, '{');
    wr_json_put_text(&args, "sql", wr_str_of(sql));
    wr_buf_add_char(&files, '[');
    for (int i = 1; i < options->arg_count; i++)
        wr_json_put_text(
            &files, NULL,
            wr_str_of(strcmp(options->args[i], "-") == 0 ? "/dev/stdin" : options->args[i]));
    wr_buf_add_char(&files, ']');
    wr_json_put(&args, "files", wr_buf_str(&files));
    cli_put_flags(state, &args);
    if (limit) wr_json_put(&args, "limit", wr_str_of(limit));
    if (options->out_path) wr_json_put_text(&args, "path", wr_str_of(options->out_path));
    if (options->out_path && options->format && !options->json)
        wr_json_put_text(&args, "format", wr_str_of(options->format));
    wr_buf_add_char(&args, '}');
    wr_json_put(out, "action_args", wr_buf_str(&args));
    wr_buf_add_char(out, '}');
}

int cli_save_query(cli_state *state, const char *sql, const char *limit, const cli_saved_as *as)
{
    WR_BUF(inputs);
    weir_runs *runs = NULL;
    weir_run *run = NULL;
    int code = cli_open_runs(state, &runs);
    if (code) return code;
    cli_begin_inputs(state, "query", as, &inputs);
    put_query(state, sql, limit, &inputs);
    cli_leave_out(state);
    weir_status bad = weir_run_begin(runs, inputs.data, &run);
    code = bad ? report(state, bad, "filesystem") : cli_carry_out(state, run, state->options.json);
    weir_runs_close(runs);
    return code;
}

/* ---- asking ---- */

int cli_ask_runs(cli_state *state, const char *what, const char *arguments, char **reply)
{
    weir_runs *runs = NULL;
    *reply = NULL;
    int code = cli_open_runs(state, &runs);
    if (code) return code;
    weir_status bad = weir_runs_ask(runs, what, arguments, reply);
    if (state->options.json) cli_print_json(state, *reply);
    if (bad) code = cli_report(state, bad, NULL, 0);
    if (code || state->options.json) {
        weir_text_free(*reply);
        *reply = NULL;
    }
    weir_runs_close(runs);
    return code;
}

/* ---- tables ---- */

void cli_cell(cli_cells *cells, wr_str json)
{
    WR_BUF(text);
    bool is_null = !json.length || wr_json_kind_of(json) == WR_JSON_NULL;
    wr_buf_add_text(&cells->sql, cells->count == 0                         ? "("
                                 : cells->count % cells->column_count == 0 ? "), ("
                                                                           : ", ");
    cells->count++;
    if (is_null) {
        wr_buf_add_text(&cells->sql, "NULL");
        return;
    }
    if (wr_json_kind_of(json) == WR_JSON_NUMBER) {
        wr_buf_add_str(&cells->sql, json);
        return;
    }
    if (wr_json_kind_of(json) != WR_JSON_STRING || !wr_json_unquote(json, &text))
        wr_buf_add_str(&text, json);
    cli_quote(&cells->sql, text.data ? text.data : "");
}

int cli_show_cells(cli_state *state, cli_cells *cells)
{
    WR_BUF(sql);
    if (cells->count) {
        wr_buf_printf(&sql, "SELECT * FROM (VALUES %s)) AS t(%s)", cells->sql.data, cells->columns);
    } else {
        wr_buf_add_text(&sql, "SELECT * FROM (SELECT ");
        for (int i = 0; i < cells->column_count; i++)
            wr_buf_printf(&sql, "%sCAST(NULL AS VARCHAR)", i ? ", " : "");
        wr_buf_printf(&sql, ") AS t(%s) WHERE false", cells->columns);
    }
    wr_buf_clear(&cells->sql);
    return cli_run_statement(state, sql.data, sql.length);
}
