/* cmd_tap.c - weir tap: what flows, row by row as it comes.
 *
 * Setup texts (-c, -f) make the sources; what would run as a stream in them is left out, so that
 * the script of a stream that runs can be given as it is. Rows are written in a format that needs
 * no look ahead, and every batch is flushed. */
#include "cli/cli.h"
#include <stdlib.h>

enum { OWN_LIMIT, OWN_FOR };
static const cli_own_flag flags[] = {
    [OWN_LIMIT] = {"limit", "N", "end after N rows", 'n'},
    [OWN_FOR] = {"for", "TIME", "end after this time, such as 10s"},
    {0},
};

extern const cli_command wr_cmd_tap;

/* One word is the name of a source. */
static void query_text(const char *given, wr_buf *out)
{
    if (!strpbrk(given, " \t\r\n(;")) wr_buf_add_text(out, "FROM ");
    wr_buf_add_text(out, given);
}

static int read_flags(const cli_options *options, weir_tap_options *out)
{
    const char *limit = options->own[OWN_LIMIT], *time = options->own[OWN_FOR];
    double seconds = time ? cli_read_seconds(time) : 0;
    if (options->arg_count != 1)
        return cli_usage(&wr_cmd_tap, "tap needs one query, or the name of a source");
    if (limit && (!*limit || strspn(limit, "0123456789") != strlen(limit) || strlen(limit) > 18))
        return cli_usage(&wr_cmd_tap, "--limit takes a number of rows");
    if (time && seconds < 1e-3) return cli_usage(&wr_cmd_tap, "--for takes a time such as 10s");
    *out = (weir_tap_options){.rows_max = limit ? strtoull(limit, NULL, 10) : 0,
                              .time_ms = (int64_t)(seconds * 1000)};
    if (limit && !out->rows_max) return cli_usage(&wr_cmd_tap, "--limit is at least 1");
    return CLI_OK;
}

static const cli_render *format_of(const cli_state *state)
{
    const char *name = state->options.format ? state->options.format : "table";
    const cli_render *render = cli_render_find(name);
    if (render && cli_render_is_live(render)) return render;
    fprintf(stderr,
            "weir: -o %s needs all rows at once; tap has table, jsonl, json, csv, tsv, line, "
            "insert\n",
            name);
    return NULL;
}

static int watch(cli_state *state, const cli_render *render, const weir_tap_options *options)
{
    WR_BUF(sql);
    weir_query *query = NULL;
    query_text(state->options.args[0], &sql);
    weir_status bad = weir_tap_start(state->session, sql.data, sql.length, options, &query);
    if (!bad && weir_query_notices(query) && !state->options.quiet)
        fputs(weir_query_notices(query), stderr);
    state->is_live = true;
    if (!bad && cli_stop_signal) weir_query_cancel(query); /* came before it could be heard */
    if (!bad) bad = cli_render_query(render, state, query);
    weir_query_close(query);
    if (bad && cli_stop_signal) { /* the way to end it */
        weir_error_drop(bad);
        bad = NULL;
    }
    if (bad) return cli_report(state, bad, sql.data, sql.length);
    return cli_stop_signal == SIGINT ? CLI_INTERRUPTED : CLI_OK;
}

static int run(cli_state *state)
{
    weir_tap_options options;
    int code = read_flags(&state->options, &options);
    const cli_render *render = code ? NULL : format_of(state);
    if (!render) return CLI_USAGE;
    cli_stops_begin();
    code = cli_run_setup(state, NULL);
    return code ? code : watch(state, render, &options);
}

const cli_command wr_cmd_tap = {
    .name = "tap",
    .arguments = "SQL|SOURCE",
    .help = "show rows of a query over sources as they come; changes no running stream",
    .example = "weir tap -f examples/bids.sql \"select auction, price from bids\" -n 5",
    .flags = flags,
    .run = run,
};
