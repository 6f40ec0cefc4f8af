/* cmd_state.c - weir state: what a stream keeps over restarts. Statements with other names: what
 * can be done here can be done in SQL. */
#include "cli/cli.h"

extern const cli_command wr_cmd_state;

typedef struct verb {
    const char *name, *before, *after;
} verb;

static const verb verbs[] = {
    {"show", "FROM stream_state_info(", ")"},
    {"check", "FROM stream_state_info(", ", check => true)"},
    {"hash", "SELECT hash FROM stream_state_info(", ")"},
    {"size",
     "SELECT section, count(*) AS pairs, sum(octet_length(\"key\")) AS key_bytes, "
     "sum(octet_length(\"value\")) AS value_bytes FROM stream_state(",
     ") GROUP BY section ORDER BY value_bytes DESC"},
    {"dump", "FROM stream_state(", ")"},
};

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    const verb *wanted = NULL;
    WR_BUF(sql);
    for (size_t i = 0; i < WR_COUNT(verbs) && options->arg_count == 2; i++)
        if (strcmp(options->args[0], verbs[i].name) == 0) wanted = &verbs[i];
    if (!wanted)
        return cli_usage(&wr_cmd_state,
                         "state needs show, check, hash, size or dump, and the place of a stream");
    wr_buf_add_text(&sql, wanted->before);
    cli_quote(&sql, options->args[1]);
    wr_buf_add_text(&sql, wanted->after);
    return cli_run_sql(state, sql.data, sql.length);
}

const cli_command wr_cmd_state = {
    .name = "state",
    .arguments = "show|check|hash|size|dump PLACE",
    .help = "look into the state of a stream: whose it is, whether it is whole, how much of what",
    .example = "weir state check state/totals",
    .run = run,
};
