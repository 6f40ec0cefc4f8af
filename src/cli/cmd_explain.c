/* cmd_explain.c - weir explain SQL: the plan of a statement as a tree, JSON, a mermaid diagram or
 * an HTML page. Without an argument it is the last statement of -c and -f; those before it are run,
 * but for streams. */
#include "cli/cli.h"

enum { OWN_ANALYZE, OWN_FORMAT, OWN_STAGE };
static const cli_own_flag flags[] = {
    [OWN_ANALYZE] = {"analyze", NULL, "run it and tell what every step did"},
    [OWN_FORMAT] = {"format", "HOW", "text, json, mermaid or html"},
    [OWN_STAGE] = {"stage", "STAGE", "syntax, logical or physical (the default)"},
    {0},
};

extern const cli_command wr_cmd_explain;

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    const char *format = options->own[OWN_FORMAT], *stage = options->own[OWN_STAGE];
    WR_BUF(sql);
    if (options->arg_count == 0 && options->sql_count == 0)
        return cli_usage(&wr_cmd_explain, "explain needs a statement");
    int code = options->arg_count ? cli_check_sql(&wr_cmd_explain, options->args[0]) : CLI_OK;
    if (code) return code;
    code = cli_attach_files(state, options->args + 1, WR_MAX(options->arg_count - 1, 0));
    if (!code) code = cli_run_setup(state, options->arg_count ? NULL : &sql);
    if (code) return code;
    if (options->arg_count) wr_buf_add_text(&sql, options->args[0]);
    if (options->own[OWN_ANALYZE]) stage = "analyze";
    if (!format) format = options->json ? "json" : "text";
    char *text;
    weir_status bad = weir_explain(state->session, sql.data, sql.length, stage ? stage : "physical",
                                   format, &text);
    if (bad) return cli_report(state, bad, sql.data, sql.length);
    fputs(text, state->out);
    weir_text_free(text);
    return CLI_OK;
}

const cli_command wr_cmd_explain = {
    .name = "explain",
    .arguments = "[SQL [FILE...]]",
    .help = "how a statement would be carried out",
    .example = "weir explain --analyze \"select count(*) from 'orders.csv'\"",
    .flags = flags,
    .run = run,
};
