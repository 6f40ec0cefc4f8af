/* cmd_query.c - weir query SQL [FILE...]: one text of SQL over files, which are tables by their
 * names. */
#include "cli/cli.h"

extern const cli_command wr_cmd_query;

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    if (options->arg_count == 0) return cli_usage(&wr_cmd_query, "query needs a text of SQL");
    int code = cli_attach_files(state, options->args + 1, options->arg_count - 1);
    if (code) return code;
    const char *sql = options->args[0];
    return strcmp(sql, "-") == 0 ? cli_run_file(state, sql) : cli_run_sql(state, sql, strlen(sql));
}

const cli_command wr_cmd_query = {
    .name = "query",
    .aliases = "q",
    .arguments = "SQL [FILE...]",
    .help = "run SQL; files are tables by their names",
    .example = "weir query \"select city, sum(amount) from orders group by city\" orders.csv",
    .run = run,
};
