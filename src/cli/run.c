/* run.c - opening the engine and carrying out SQL texts.
 *
 * A text is split into statements here, one at a time, so that each result is shown before the next statement runs and an
 * error points into the statement it belongs to. */
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <stdlib.h>
#include <unistd.h>

int cli_report(cli_state *state, weir_status bad, const char *sql, size_t length)
{
    int code = weir_error_exit_code(bad);
    char *text = weir_error_render(bad, sql, length, state->options.color);
    fflush(state->out ? state->out : stdout);
    fputs(text, stderr);
    weir_text_free(text);
    weir_error_drop(bad);
    return code;
}

static int apply_settings(cli_state *state)
{
    const cli_options *options = &state->options;
    weir_status bad = WR_OK;
    char number[16];
    snprintf(number, sizeof number, "%d", options->threads);
    if (options->threads) bad = weir_session_set(state->session, "threads", number);
    if (!bad && options->memory) bad = weir_session_set(state->session, "memory_limit", options->memory);
    if (!bad && options->timeout) bad = weir_session_set(state->session, "statement_timeout", options->timeout);
    for (int i = 0; i < options->set_count && !bad; i++) {
        const char *equals = strchr(options->sets[i], '=');
        if (!equals) {
            fprintf(stderr, "weir: --set takes NAME=VALUE, not \"%s\"\n", options->sets[i]);
            return CLI_USAGE;
        }
        char *name = wr_heap_copy(options->sets[i], (size_t)(equals - options->sets[i]));
        bad = weir_session_set(state->session, name, equals + 1);
        wr_heap_drop(name);
    }
    return bad ? cli_report(state, bad, NULL, 0) : CLI_OK;
}

int cli_open(cli_state *state)
{
    weir_config config = {.threads = state->options.threads, .read_only = state->options.read_only};
    weir_status bad = weir_engine_open(&config, &state->engine);
    if (!bad) bad = weir_session_open(state->engine, &state->session);
    if (bad) return cli_report(state, bad, NULL, 0);
    state->out = stdout;
    if (state->options.out_path) {
        state->out = fopen(state->options.out_path, "w");
        if (!state->out) {
            fprintf(stderr, "weir: cannot write %s\n", state->options.out_path);
            return 4;
        }
    }
    state->out_is_terminal = isatty(fileno(state->out));
    return apply_settings(state);
}

void cli_close(cli_state *state)
{
    if (state->out && state->out != stdout) fclose(state->out);
    weir_session_close(state->session);
    weir_engine_close(state->engine);
}

static const cli_render *chosen_format(const cli_state *state)
{
    const char *name = state->options.format;
    return cli_render_find(name ? name : "table");
}

static void print_time(const cli_state *state, int64_t from_ns)
{
    if (state->options.timer) fprintf(stderr, "time: %.3f s\n", (double)(wr_clock_mono_ns() - from_ns) / 1e9);
}

static weir_status start(cli_state *state, const char *sql, size_t length, weir_query **out)
{
    if (!state->options.param_count) return weir_query_start(state->session, sql, length, out);
    weir_prepared *prepared;
    WR_TRY(weir_prepare(state->session, sql, length, &prepared));
    weir_status bad = WR_OK;
    for (int i = 0; i < weir_prepared_param_count(prepared) && i < state->options.param_count && !bad; i++)
        bad = weir_bind_text(prepared, i + 1, state->options.params[i], strlen(state->options.params[i]));
    if (!bad) bad = weir_prepared_start(prepared, out);
    weir_prepared_close(prepared);
    return bad;
}

static weir_status show(cli_state *state, weir_query *query)
{
    cli_progress *progress = cli_progress_start(state, query);
    weir_status bad = WR_OK;
    const weir_rows *rows;
    switch (weir_query_kind(query)) {
    case WEIR_ROWS:
        bad = cli_render_query(chosen_format(state), state, query);
        break;
    case WEIR_CHANGE:
        bad = weir_query_next(query, &rows);
        break;
    case WEIR_DONE:
        break;
    }
    cli_progress_stop(progress);
    return bad;
}

static void print_outcome(const cli_state *state, const weir_query *query)
{
    if (weir_query_notices(query)) fputs(weir_query_notices(query), stderr);
    if (state->options.quiet || weir_query_kind(query) == WEIR_ROWS || !state->options.verbose) return;
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

static int run_one(cli_state *state, const char *sql, size_t length)
{
    if (is_blank(sql, length)) return CLI_OK;
    int64_t from = wr_clock_mono_ns();
    weir_query *query = NULL;
    weir_status bad = start(state, sql, length, &query);
    if (!bad) bad = show(state, query);
    if (!bad) print_outcome(state, query);
    weir_query_close(query);
    fflush(state->out);
    if (bad) return cli_report(state, bad, sql, length);
    print_time(state, from);
    return CLI_OK;
}

int cli_run_sql(cli_state *state, const char *text, size_t length)
{
    while (length) {
        bool complete;
        size_t used = weir_sql_split(text, length, &complete);
        int code = run_one(state, text, used);
        if (code) return code;
        text += used;
        length -= used;
    }
    return CLI_OK;
}

int cli_run_file(cli_state *state, const char *path)
{
    bool is_stdin = strcmp(path, "-") == 0;
    WR_AUTO(wr_file) *file = NULL;
    weir_status bad = wr_file_open(wr_fs_real(), wr_str_of(is_stdin ? "/dev/stdin" : path), WR_FILE_READ, &file);
    WR_BUF(text);
    for (size_t got = 1; !bad && got;) {
        wr_buf_reserve(&text, 1 << 16);
        bad = wr_file_read(file, text.length, text.data + text.length, 1 << 16, &got);
        if (!bad) text.length += got;
    }
    return bad ? cli_report(state, bad, NULL, 0) : cli_run_sql(state, text.data, text.length);
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
        cli_quote(&sql, paths[i]);
        weir_query *query = NULL;
        weir_status bad = weir_query_start(state->session, sql.data, sql.length, &query);
        weir_query_close(query);
        if (bad) return cli_report(state, bad, NULL, 0);
    }
    return CLI_OK;
}
