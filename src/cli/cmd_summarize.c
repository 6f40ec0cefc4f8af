/* cmd_summarize.c - weir summarize: what is in every column of a table or file. */
#include "cli/cli.h"

enum { OWN_SAMPLE };
static const cli_own_flag flags[] = {
    [OWN_SAMPLE] = {"sample", "N", "look at N rows taken at random instead of all"},
    {0},
};

extern const cli_command wr_cmd_summarize;

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    if (options->arg_count == 0)
        return cli_usage(&wr_cmd_summarize, "summarize needs a table or a file");
    const char *sample = options->own[OWN_SAMPLE];
    bool is_count = sample && *sample && strspn(sample, "0123456789") == strlen(sample) &&
                    strspn(sample, "0") < strlen(sample);
    if (sample && !is_count)
        return cli_usage(&wr_cmd_summarize, "--sample takes a number of rows, 1 or more");
    for (int i = 0; i < options->arg_count; i++) {
        WR_BUF(sql);
        wr_buf_add_text(&sql, "SUMMARIZE SELECT * FROM ");
        cli_quote_source(&sql, options->args[i]);
        if (sample) wr_buf_printf(&sql, " USING SAMPLE %s ROWS", sample);
        int code = cli_run_sql(state, sql.data, sql.length);
        if (code) return code;
    }
    return CLI_OK;
}

const cli_command wr_cmd_summarize = {
    .name = "summarize",
    .aliases = "sum",
    .arguments = "TABLE|FILE...",
    .help = "per column: type, extremes, distinct values, average, quartiles, NULLs",
    .example = "weir summarize orders.parquet",
    .flags = flags,
    .run = run,
};
