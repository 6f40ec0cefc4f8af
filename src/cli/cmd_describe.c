/* cmd_describe.c - weir describe: columns of tables and files, and how a file's format was found
 * out.
 *
 * Without a name, --json tells everything weir knows about itself: functions, settings, formats,
 * errors. People get the columns and below them what probing found; programs (-o csv and so on) get
 * the columns only, and can ask "FROM probe('path')" for the rest. */
#include "cli/cli.h"

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

static int describe_detection(cli_state *state, const char *path)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql,
                    "SELECT format, kind, compression, confidence, reason, options, candidates, "
                    "nullif(warnings, '') AS warnings, files FROM probe(");
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
