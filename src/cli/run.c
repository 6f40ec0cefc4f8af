/* run.c - opening the engine and carrying out SQL texts.
 *
 * A text is split into statements here, one at a time, so that each result is shown before the next
 * statement runs and an error points into the statement it belongs to. */
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/unfinished.h"
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

int cli_report(cli_state *state, weir_status bad, const char *sql, size_t length)
{
    int code = weir_error_exit_code(bad);
    if (state->first_error && !*state->first_error) *state->first_error = wr_status_copy(bad);
    char *text = weir_error_render(bad, sql, length, state->options.color);
    fflush(state->out ? state->out : stdout);
    fputs(text, stderr);
    if (code == CLI_BUG)
        fprintf(stderr,
                "  this is a bug in weir %s (statement %d); please report it with the statement\n",
                weir_version(), cli_statement_number());
    weir_text_free(text);
    weir_error_drop(bad);
    return code;
}

void cli_state_folder(wr_buf *out)
{
    const char *own = getenv("WEIR_HOME"), *state = getenv("XDG_STATE_HOME"),
               *home = getenv("HOME");
    if (own && *own)
        wr_buf_printf(out, "%s", own);
    else if (state && *state)
        wr_buf_printf(out, "%s/weir", state);
    else if (home && *home)
        wr_buf_printf(out, "%s/.local/state/weir", home);
}

/* A value that a setting refuses is a wrong flag. */
static int report_flag(cli_state *state, const char *flag, weir_status bad)
{
    fprintf(stderr, "weir: --%s:\n", flag);
    cli_report(state, bad, NULL, 0);
    return CLI_USAGE;
}

int cli_apply_settings(cli_state *state, weir_session *session)
{
    const cli_options *options = &state->options;
    weir_status bad = WR_OK;
    char number[16];
    snprintf(number, sizeof number, "%d", options->threads);
    if (options->threads) bad = weir_session_set(session, "threads", number);
    if (bad) return report_flag(state, "threads", bad);
    if (options->memory && session == state->session) /* belongs to the engine */
        bad = weir_session_set(session, "memory_limit", options->memory);
    if (bad) return report_flag(state, "memory", bad);
    if (options->timeout) bad = weir_session_set(session, "statement_timeout", options->timeout);
    if (bad) return report_flag(state, "timeout", bad);
    for (int i = 0; i < options->set_count; i++) {
        const char *equals = strchr(options->sets[i], '=');
        if (!equals) {
            fprintf(stderr, "weir: --set takes NAME=VALUE, not \"%s\"\n", options->sets[i]);
            return CLI_USAGE;
        }
        char *name = wr_heap_copy(options->sets[i], (size_t)(equals - options->sets[i]));
        bool of_engine =
            session != state->session && (wr_str_is(wr_str_of(name), "memory_limit") ||
                                          wr_str_is(wr_str_of(name), "file_cache_size"));
        if (!of_engine) bad = weir_session_set(session, name, equals + 1);
        wr_heap_drop(name);
        if (bad) return report_flag(state, "set", bad);
    }
    return CLI_OK;
}

/* -O: results go to a file beside it, which takes its name when all went well; a pipe or device is
 * written directly. */
static int open_out(cli_state *state)
{
    const char *path = state->options.out_path;
    wr_file_stat stat;
    weir_status bad = wr_fs_stat(wr_fs_real(), wr_str_of(path), &stat);
    bool direct = !bad && !stat.is_regular;
    weir_error_drop(bad);
    if (cli_writes_file(state)) return CLI_OK;
    if (!direct) {
        wr_unfinished_sweep(wr_fs_real(), wr_path_dir(wr_str_of(path)));
        wr_unfinished_name(wr_str_of(path), &state->out_temp);
    }
    state->out = fopen(direct ? path : state->out_temp.data, "w");
    if (state->out) return CLI_OK;
    fprintf(stderr, "weir: cannot write %s: %s\n", path, strerror(errno));
    state->out = stdout;
    wr_buf_clear(&state->out_temp);
    return CLI_IO;
}

void cli_leave_out(cli_state *state)
{
    if (state->out != stdout) fclose(state->out);
    state->out = stdout;
    state->out_is_terminal = isatty(fileno(stdout));
    state->options.out_path = NULL;
    if (state->out_temp.length)
        wr_status_drop(wr_fs_remove(wr_fs_real(), wr_buf_str(&state->out_temp)));
    wr_buf_clear(&state->out_temp);
}

int cli_open_engine(cli_state *state)
{
    weir_config config = {.threads = state->options.threads, .read_only = state->options.read_only};
    weir_status bad = weir_engine_open(&config, &state->engine);
    if (!bad) bad = weir_session_open(state->engine, &state->session);
    return bad ? cli_report(state, bad, NULL, 0) : cli_apply_settings(state, state->session);
}

int cli_open(cli_state *state)
{
    state->out = stdout;
    int code = cli_open_engine(state);
    if (code) return code;
    if (state->options.out_path)
        code = open_out(state);
    else if (cli_writes_file(state) && wr_str_is(wr_str_of(state->options.format), "parquet"))
        code = cli_report_usage("-o parquet writes a file; say which with -O PATH");
    else if (cli_writes_file(state) && isatty(fileno(stdout)))
        code = cli_report_usage("-o arrow writes bytes for programs; redirect them or use -O PATH");
    state->out_is_terminal = isatty(fileno(state->out));
    return code;
}

/* Ends the output; an error of an earlier write shows here at the latest. */
static int close_out(cli_state *state, int code)
{
    bool failed = fflush(state->out) != 0 || ferror(state->out);
    int reason = errno;
    if (state->out != stdout) failed |= fclose(state->out) != 0;
    if (failed)
        fprintf(stderr, "weir: cannot write %s: %s\n",
                state->options.out_path ? state->options.out_path : "the output", strerror(reason));
    if (failed && code == CLI_OK) code = CLI_IO;
    if (!state->out_temp.length) return code;
    weir_status bad = code == CLI_OK ? wr_fs_rename(wr_fs_real(), wr_buf_str(&state->out_temp),
                                                    wr_str_of(state->options.out_path))
                                     : wr_fs_remove(wr_fs_real(), wr_buf_str(&state->out_temp));
    if (bad) code = CLI_IO;
    if (bad) fprintf(stderr, "weir: %s\n", weir_error_message(bad));
    weir_error_drop(bad);
    wr_buf_clear(&state->out_temp);
    return code;
}

int cli_close(cli_state *state, int code)
{
    cli_restore_output(state);
    if (state->out) code = close_out(state, code);
    wr_buf_clear(&state->last);
    wr_buf_clear(&state->prompt);
    wr_buf_clear(&state->prompt_more);
    wr_buf_clear(&state->null_text);
    weir_session_close(state->session);
    weir_engine_close(state->engine);
    return code;
}

bool cli_is_file_format(const char *name)
{
    return name && (strcmp(name, "parquet") == 0 || strcmp(name, "arrow") == 0);
}

bool cli_writes_file(const cli_state *state) { return cli_is_file_format(state->options.format); }

int cli_report_usage(const char *what)
{
    fprintf(stderr, "weir: %s\n  see: weir --help\n", what);
    return CLI_USAGE;
}

static const cli_render *chosen_format(const cli_state *state)
{
    const char *name = state->options.format;
    return cli_render_find(name ? name : state->is_prompt ? "box" : "table");
}

static void print_time(const cli_state *state, int64_t from_ns)
{
    if (state->options.timer)
        fprintf(stderr, "time: %.3f s\n", (double)(wr_clock_mono_ns() - from_ns) / 1e9);
}

/* The value of --param for parameter i: by name if it has one, else the next without "name=". NULL:
 * none. */
static const char *param_value(const cli_options *options, const char *name, int i)
{
    for (int k = 0; k < options->param_count; k++) {
        const char *given = options->params[k], *equals = strchr(given, '=');
        if (!name && k == i) return given;
        if (!name || !equals) continue;
        if (wr_str_ieq((wr_str){given, (size_t)(equals - given)}, wr_str_of(name)))
            return equals + 1;
    }
    return NULL;
}

static weir_status bind_params(const cli_options *options, weir_prepared *prepared)
{
    for (int i = 0; i < weir_prepared_param_count(prepared); i++) {
        const char *value = param_value(options, weir_prepared_param_name(prepared, i + 1), i);
        weir_status bad = value ? weir_bind_text(prepared, i + 1, value, strlen(value)) : NULL;
        if (bad) return bad;
    }
    return NULL;
}

static weir_status start(cli_state *state, const char *sql, size_t length, weir_query **out)
{
    if (!state->options.param_count) return weir_query_start(state->session, sql, length, out);
    weir_prepared *prepared;
    weir_status bad = weir_prepare(state->session, sql, length, &prepared);
    if (bad) return bad;
    bad = bind_params(&state->options, prepared);
    if (!bad) bad = weir_prepared_start(prepared, out);
    weir_prepared_close(prepared);
    return bad;
}

/* Whether a statement is a query, by its first word; WITH may also begin a change, which then says
 * so itself. */
bool cli_is_query(const char *sql, size_t length)
{
    static const char *const words[] = {"select", "from",      "with",    "values",
                                        "table",  "summarize", "describe"};
    size_t from = 0, to;
    while (from < length && strchr(" \t\r\n", sql[from]))
        from++;
    if (from < length && sql[from] == '(') return true;
    for (to = from; to < length && isalpha((unsigned char)sql[to]);)
        to++;
    for (size_t i = 0; i < WR_COUNT(words); i++)
        if (wr_str_is((wr_str){sql + from, to - from}, words[i])) return true;
    return false;
}

/* -o parquet and -o arrow: the query becomes COPY ... TO the file of -O, or a stream to stdout. It
 * is prepared as it stands first, so that errors point into what the user wrote. */
static weir_status start_into_file(cli_state *state, const char *sql, size_t length,
                                   weir_query **out)
{
    weir_prepared *prepared;
    weir_status bad = weir_prepare(state->session, sql, length, &prepared);
    if (bad) return bad;
    weir_prepared_close(prepared);
    while (length && strchr(" \t\r\n;", sql[length - 1]))
        length--;
    WR_BUF(copy);
    wr_buf_add_text(&copy, "COPY (");
    wr_buf_add(&copy, sql, length);
    wr_buf_add_text(&copy, "\n) TO ");
    const char *path = state->options.out_path;
    cli_quote(&copy, path ? path : "/dev/stdout");
    wr_buf_printf(&copy, " (FORMAT %s%s)", state->options.format, path ? "" : ", LAYOUT stream");
    return start(state, copy.data, copy.length, out);
}

static weir_status show(cli_state *state, weir_query *query)
{
    cli_progress_start(state, query);
    weir_status bad = WR_OK;
    const weir_rows *rows;
    switch (weir_query_kind(query)) {
    case WEIR_ROWS:
        cli_pager_begin(state);
        bad = cli_render_query(chosen_format(state), state, query);
        cli_progress_stop(state);
        cli_pager_end(state);
        break;
    case WEIR_CHANGE:
        bad = weir_query_next(query, &rows);
        break;
    case WEIR_DONE:
        break;
    }
    cli_progress_stop(state);
    return bad;
}

static void print_outcome(const cli_state *state, const weir_query *query)
{
    if (weir_query_notices(query)) fputs(weir_query_notices(query), stderr);
    bool wanted = (state->options.verbose || state->is_prompt) && !state->options.quiet;
    if (!wanted || weir_query_kind(query) == WEIR_ROWS) return;
    if (weir_query_affected(query) >= 0)
        fprintf(stderr, "%s %lld\n", weir_query_tag(query), (long long)weir_query_affected(query));
    else
        fprintf(stderr, "%s\n", weir_query_tag(query));
}

static bool is_blank(const char *sql, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (!strchr(" \t\r\n;", sql[i])) return false;
    return true;
}

int cli_run_statement(cli_state *state, const char *sql, size_t length)
{
    if (is_blank(sql, length)) return CLI_OK;
    cli_crash_statement();
    int64_t from = wr_clock_mono_ns();
    weir_query *query = NULL;
    bool into_file = cli_writes_file(state) && cli_is_query(sql, length);
    if (into_file && state->has_written) {
        WR_BUF(what);
        wr_buf_printf(&what,
                      "-o %s writes one result, and this is the second; put them together with "
                      "UNION ALL, or use COPY ... TO for each",
                      state->options.format);
        return cli_report_usage(what.data);
    }
    state->has_written |= into_file;
    int lost = state->is_prompt ? cli_last_check(state, sql, length) : CLI_OK;
    if (lost) return lost;
    weir_status bad =
        into_file ? start_into_file(state, sql, length, &query) : start(state, sql, length, &query);
    /* Ctrl-C just before the session knew of a statement to interrupt. */
    if (!bad && cli_interrupted) weir_query_cancel(query);
    if (!bad && state->is_prompt) cli_last_begin(sql, length, query);
    if (!bad) bad = show(state, query);
    if (!bad) print_outcome(state, query);
    if (!bad && state->is_prompt) cli_last_end(state, sql, length, query);
    weir_query_close(query);
    fflush(state->out);
    if (!state->out_is_kept) cli_restore_output(state);
    if (bad) return cli_report(state, bad, sql, length);
    print_time(state, from);
    return CLI_OK;
}

/* Runs one statement of a longer text. Newlines stand for the lines before it, so that an error
 * tells the line of the text. */
static int run_at_line(cli_state *state, size_t line, const char *sql, size_t length,
                       cli_statement_fn *run_it)
{
    if (!line) return run_it(state, sql, length);
    WR_BUF(text);
    for (size_t i = 0; i < line; i++)
        wr_buf_add_char(&text, '\n');
    wr_buf_add(&text, sql, length);
    return run_it(state, text.data, text.length);
}

int cli_each_statement(cli_state *state, const char *text, size_t length, cli_statement_fn *run_it)
{
    size_t line = 0, used;
    for (int code; length && !state->leave; text += used, length -= used) {
        if (strchr(" \t\r\n;", *text)) {
            line += *text == '\n';
            used = 1;
            continue;
        }
        if (cli_interrupted) return CLI_INTERRUPTED;
        bool complete;
        if (cli_is_dot(text, length, &used)) {
            code = cli_run_dot(state, text, used);
        } else {
            used = weir_sql_split(text, length, &complete);
            code = run_at_line(state, line, text, used, run_it);
        }
        if (code) return code;
        for (size_t i = 0; i < used; i++)
            line += text[i] == '\n';
    }
    return CLI_OK;
}

int cli_run_sql(cli_state *state, const char *text, size_t length)
{
    return cli_each_statement(state, text, length, cli_run_statement);
}

/* Statements wait here for the next one: the last may not be for running. */
static wr_buf waiting;

static int run_waiting(cli_state *state)
{
    bool is_stream = false;
    if (!waiting.length) return CLI_OK;
    weir_status bad = weir_stream_check(state->session, waiting.data, waiting.length, &is_stream);
    if (bad) return cli_report(state, bad, waiting.data, waiting.length);
    return is_stream ? CLI_OK : cli_run_statement(state, waiting.data, waiting.length);
}

static int run_one_later(cli_state *state, const char *sql, size_t length)
{
    int code = run_waiting(state);
    wr_buf_clear(&waiting);
    wr_buf_add(&waiting, sql, length);
    return code;
}

int cli_run_setup(cli_state *state, wr_buf *last)
{
    int code = CLI_OK;
    for (int i = 0; i < state->options.sql_count && !code; i++) {
        const cli_sql *sql = &state->options.sqls[i];
        WR_BUF(text);
        if (sql->is_file)
            code = cli_read_file(state, sql->text, &text);
        else
            wr_buf_add_text(&text, sql->text);
        if (!code && text.length)
            code = cli_each_statement(state, text.data, text.length, run_one_later);
    }
    if (!code && last) wr_buf_add_str(last, wr_buf_str(&waiting));
    if (!code && !last) code = run_waiting(state);
    wr_buf_clear(&waiting);
    return code;
}

int cli_watch(cli_state *state, const char *sql, size_t length, double seconds)
{
    while (!cli_interrupted) {
        int code = cli_run_sql(state, sql, length);
        if (code) return cli_interrupted ? CLI_INTERRUPTED : code;
        int64_t until = wr_clock_mono_ns() + (int64_t)(seconds * 1e9);
        while (!cli_interrupted && wr_clock_mono_ns() < until)
            wr_sleep_ms(20);
    }
    return CLI_INTERRUPTED;
}

int cli_read_file(cli_state *state, const char *path, wr_buf *text)
{
    bool is_stdin = strcmp(path, "-") == 0;
    WR_AUTO(wr_file) *file = NULL;
    weir_status bad =
        wr_file_open(wr_fs_real(), wr_str_of(is_stdin ? "/dev/stdin" : path), WR_FILE_READ, &file);
    for (size_t got = 1; !bad && got;) {
        wr_buf_reserve(text, 1 << 16);
        bad = wr_file_read(file, text->length, text->data + text->length, 1 << 16, &got);
        if (!bad) text->length += got;
    }
    return bad ? cli_report(state, bad, NULL, 0) : CLI_OK;
}

int cli_run_file(cli_state *state, const char *path)
{
    WR_BUF(text);
    int code = cli_read_file(state, path, &text);
    return code ? code : cli_run_sql(state, text.data, text.length);
}

void cli_quote(wr_buf *out, const char *text)
{
    wr_buf_add_char(out, '\'');
    for (; *text; text++) {
        if (*text == '\'') wr_buf_add_char(out, '\'');
        wr_buf_add_char(out, *text);
    }
    wr_buf_add_char(out, '\'');
}

void cli_quote_name(wr_buf *out, wr_str name)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == '"') wr_buf_add_char(out, '"');
        wr_buf_add_char(out, name.data[i]);
    }
    wr_buf_add_char(out, '"');
}

/* A file if there is one, or if it looks like a path; "sales" and "main.sales" are tables. */
bool cli_is_file(const char *source)
{
    wr_str text = wr_str_of(source);
    if (wr_fs_exists(wr_fs_real(), text) || strpbrk(source, "/*?[{:\\")) return true;
    const char *dot = strchr(source, '.');
    if (!dot) return false;
    static const char *const schemas[] = {"main", "temp", "information_schema", "pg_catalog"};
    for (size_t i = 0; i < WR_COUNT(schemas); i++)
        if (wr_str_is((wr_str){source, (size_t)(dot - source)}, schemas[i])) return false;
    return true;
}

void cli_quote_source(wr_buf *out, const char *source)
{
    if (cli_is_file(source)) {
        cli_quote(out, source);
        return;
    }
    while (*source) {
        size_t length = strcspn(source, ".");
        cli_quote_name(out, (wr_str){source, length});
        source += length;
        if (*source) wr_buf_add_char(out, *source++);
    }
}

/* "x/orders.2024.csv.gz" -> "orders". */
static wr_str table_name(const char *path)
{
    wr_str base = wr_path_base(wr_str_of(path));
    const char *dot = memchr(base.data, '.', base.length);
    return dot && dot > base.data ? (wr_str){base.data, (size_t)(dot - base.data)} : base;
}

int cli_attach_files(cli_state *state, const char *const *paths, int count)
{
    for (int i = 0; i < count; i++) {
        WR_BUF(sql);
        wr_buf_add_text(&sql, "CREATE TEMPORARY VIEW ");
        cli_quote_name(&sql, table_name(paths[i]));
        wr_buf_add_text(&sql, " AS SELECT * FROM ");
        cli_quote(&sql, strcmp(paths[i], "-") == 0 ? "/dev/stdin" : paths[i]);
        weir_query *query = NULL;
        weir_status bad = weir_query_start(state->session, sql.data, sql.length, &query);
        weir_query_close(query);
        if (bad) return cli_report(state, bad, NULL, 0);
    }
    return CLI_OK;
}
