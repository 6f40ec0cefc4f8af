/* cmd_describe.c - weir describe: columns of tables and files, and how a file's format was found
 * out.
 *
 * Without a name, --json tells everything weir knows about itself: functions, settings, formats,
 * errors. People get the columns and below them what probing found; programs (-o csv and so on) get
 * the columns only, and can ask "FROM probe('path')" for the rest. */
#include "cli/cli.h"
#include "sys/file.h"
#include <stdlib.h>

/* Files up to this size are read whole to count what cannot be read. */
enum { COUNTED_BYTES_MAX = 256 << 20 };

static int describe_self(cli_state *state)
{
    char *text = weir_describe_json();
    fputs(text, state->out);
    weir_text_free(text);
    return CLI_OK;
}

static bool is_for_people(const cli_state *state)
{
    const char *format = state->options.format;
    return !format || strcmp(format, "table") == 0 || strcmp(format, "box") == 0;
}

/* The first value of the first row; false without one, and when the query fails. */
static bool first_value(cli_state *state, const wr_buf *sql, wr_buf *out)
{
    weir_query *query;
    const weir_rows *rows = NULL;
    weir_status bad = weir_query_start(state->session, sql->data, sql->length, &query);
    bool has_value = false;
    if (!bad) {
        bad = weir_query_next(query, &rows);
        size_t length;
        out->length = 0;
        has_value = !bad && rows && weir_rows_count(rows) > 0;
        if (has_value) {
            const char *text = weir_rows_text(rows, 0, 0, &length);
            wr_buf_add(out, text, length);
        }
        while (!bad && rows)
            bad = weir_query_next(query, &rows);
        weir_query_close(query);
    }
    has_value = has_value && !bad;
    weir_error_drop(bad);
    return has_value;
}

/* "2 of 30003" lines or rows that cannot be read; every value is looked at. Empty where that makes
 * no sense, would take long, or the file cannot be read at all. */
static void count_rejected(cli_state *state, const char *path, wr_buf *out)
{
    static const char rejected[] = "rejected_rows_of_describe";
    wr_file_stat stat;
    WR_BUF(sql);
    WR_BUF(format);
    WR_BUF(read);
    WR_BUF(lost);
    weir_status bad = wr_fs_stat(wr_fs_real(), wr_str_of(path), &stat);
    bool small = !bad && stat.is_regular && stat.size <= COUNTED_BYTES_MAX;
    weir_error_drop(bad);
    if (!small) return;
    wr_buf_add_text(&sql, "SELECT format FROM probe(");
    cli_quote(&sql, path);
    wr_buf_add_char(&sql, ')');
    if (!first_value(state, &sql, &format) ||
        !(strcmp(format.data, "csv") == 0 || strcmp(format.data, "json") == 0))
        return;
    wr_buf_clear(&sql);
    wr_buf_printf(&sql, "SELECT n FROM (SELECT count(*) AS n, count(COLUMNS(*)) FROM read_%s(",
                  format.data);
    cli_quote(&sql, path);
    wr_buf_printf(&sql, ", rejects => '%s')) t", rejected);
    bool known = first_value(state, &sql, &read);
    wr_buf_clear(&sql);
    wr_buf_printf(&sql, "SELECT count(*) FROM %s", rejected);
    known = known && first_value(state, &sql, &lost);
    if (known) wr_buf_printf(out, "%s of %lld", lost.data, atoll(read.data) + atoll(lost.data));
    wr_buf_clear(&sql);
    wr_buf_printf(&sql, "DROP TABLE IF EXISTS %s", rejected);
    first_value(state, &sql, &lost);
}

static int describe_detection(cli_state *state, const char *path)
{
    WR_BUF(sql);
    WR_BUF(lost);
    count_rejected(state, path, &lost);
    wr_buf_add_text(&sql,
                    "SELECT format, kind, compression, confidence, reason, options, "
                    "(SELECT string_agg((c->>'format') || ' ' || (c->>'score') || ' (' || "
                    "(c->>'reason') || ')', ', ') FROM unnest(candidates::JSON[]) AS u(c)) AS "
                    "candidates, nullif(warnings, '') AS warnings, files");
    if (lost.length) wr_buf_printf(&sql, ", '%s' AS rejected", lost.data);
    wr_buf_add_text(&sql, " FROM probe(");
    cli_quote(&sql, path);
    wr_buf_add_char(&sql, ')');
    const char *format = state->options.format;
    fputc('\n', state->out);
    state->options.format = "line";
    int code = cli_run_sql(state, sql.data, sql.length);
    state->options.format = format;
    return code;
}

static int describe_one(cli_state *state, const char *source)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, "DESCRIBE ");
    cli_quote_source(&sql, source);
    int code = cli_run_sql(state, sql.data, sql.length);
    if (code || !cli_is_file(source) || !is_for_people(state)) return code;
    return describe_detection(state, source);
}

extern const cli_command wr_cmd_describe;

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    if (options->arg_count == 0 && options->json) return describe_self(state);
    if (options->arg_count == 0)
        return cli_usage(&wr_cmd_describe, "describe needs a table or a file");
    for (int i = 0; i < options->arg_count; i++) {
        if (i && is_for_people(state)) fputc('\n', state->out);
        int code = describe_one(state, options->args[i]);
        if (code) return code;
    }
    return CLI_OK;
}

const cli_command wr_cmd_describe = {
    .name = "describe",
    .aliases = "desc",
    .arguments = "TABLE|FILE...",
    .help = "columns, and how a file was recognised; --json alone: weir itself",
    .example = "weir describe orders.csv",
    .run = run,
};
