/* cmd_summarize.c - weir summarize: what is in every column of a table or file. */
#include "cli/cli.h"

extern const cli_command wr_cmd_summarize;

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    if (options->arg_count == 0)
        return cli_usage(&wr_cmd_summarize, "summarize needs a table or a file");
    for (int i = 0; i < options->arg_count; i++) {
        WR_BUF(sql);
        wr_buf_add_text(&sql, "SUMMARIZE SELECT * FROM ");
        cli_quote_source(&sql, options->args[i]);
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
    .run = run,
};
