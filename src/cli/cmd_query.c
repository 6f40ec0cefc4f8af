/* cmd_query.c - weir query SQL [FILE...]: one text of SQL over files, which are tables by their
 * names; with --save a tracked run.
 *
 * --limit puts the query into FROM of another one with LIMIT, after it was prepared as it stands so
 * that errors point into what the user wrote. */
#include "cli/cli.h"
#include <stdlib.h>

enum { OWN_LIMIT, OWN_WATCH, OWN_SAVE, OWN_NAME, OWN_TAG, OWN_DESCRIPTION };
static const cli_own_flag flags[] = {
    [OWN_LIMIT] = {"limit", "N", "the first N rows of the result"},
    [OWN_WATCH] = {"watch", "TIME", "run it again after that time, such as 5s, until Ctrl-C"},
    [OWN_SAVE] = {"save", NULL, "keep it as a tracked run; see: weir runs --help"},
    [OWN_NAME] = {"name", "NAME", "of the tracked run"},
    [OWN_TAG] = {"tag", "TAG...", "of the tracked run; several times, or with commas"},
    [OWN_DESCRIPTION] = {"description", "TEXT", "of the tracked run"},
    {0},
};

extern const cli_command wr_cmd_query;

static int add_limit(cli_state *state, const char *sql, const char *limit, wr_buf *out)
{
    size_t length = strlen(sql);
    weir_prepared *prepared;
    weir_status bad = weir_prepare(state->session, sql, length, &prepared);
    if (bad) return cli_report(state, bad, sql, length);
    weir_prepared_close(prepared);
    if (!cli_is_query(sql, length))
        return cli_usage(&wr_cmd_query, "--limit is for a query that gives rows");
    bool complete; /* a comment may follow the semicolon */
    length = weir_sql_split(sql, length, &complete);
    while (length && strchr(" \t\r\n;", sql[length - 1]))
        length--;
    wr_buf_add_text(out, "FROM (");
    wr_buf_add(out, sql, length);
    wr_buf_printf(out, "\n) LIMIT %s", limit);
    return CLI_OK;
}

static void read_stdin(wr_buf *out)
{
    char piece[4096];
    size_t got;
    while ((got = fread(piece, 1, sizeof piece, stdin)) > 0)
        wr_buf_add(out, piece, got);
    wr_buf_add_text(out, "");
}

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    const char *limit = options->own[OWN_LIMIT], *watch = options->own[OWN_WATCH];
    if (options->arg_count == 0) return cli_usage(&wr_cmd_query, "query needs a text of SQL");
    bool saved = options->own[OWN_SAVE] != NULL;
    cli_saved_as as = {options->own[OWN_NAME], options->own[OWN_DESCRIPTION],
                       options->own[OWN_TAG]};
    if (!saved && (as.name || as.tags || as.description))
        return cli_usage(&wr_cmd_query, "--name, --tag and --description are for --save");
    if (saved && watch) return cli_usage(&wr_cmd_query, "--watch is not for one run of --save");
    if (saved && strcmp(options->args[0], "-") != 0 && !options->args[0][0])
        return cli_usage(&wr_cmd_query, "query needs a text of SQL");
    int code = cli_check_sql(&wr_cmd_query, options->args[0]);
    if (code) return code;
    double seconds = watch ? cli_read_seconds(watch) : 0;
    if (watch && (seconds < 0.1 || seconds > 86400))
        return cli_usage(&wr_cmd_query, "--watch takes a time such as 5s, from 100ms to 24h");
    if (saved && !options->out_path && cli_writes_file(state))
        return cli_usage(&wr_cmd_query, "-o parquet and arrow need -O PATH; --save keeps Parquet");
    if (watch && cli_writes_file(state))
        return cli_usage(&wr_cmd_query,
                         "--watch shows results, and -o parquet and arrow write one");
    if (limit && (!*limit || strspn(limit, "0123456789") != strlen(limit)))
        return cli_usage(&wr_cmd_query, "--limit takes a number of rows");
    WR_BUF(text);
    WR_BUF(limited);
    if (strcmp(options->args[0], "-") == 0)
        read_stdin(&text);
    else
        wr_buf_add_text(&text, options->args[0]);
    const wr_buf *sql = limit ? &limited : &text;
    if (saved) return cli_save_query(state, text.data ? text.data : "", limit, &as);
    code = cli_attach_files(state, options->args + 1, options->arg_count - 1);
    if (!code && limit) code = add_limit(state, text.data ? text.data : "", limit, &limited);
    if (code) return code;
    if (watch) return cli_watch(state, sql->data, sql->length, seconds);
    return cli_run_sql(state, sql->data, sql->length);
}

const cli_command wr_cmd_query = {
    .name = "query",
    .aliases = "q",
    .arguments = "SQL [FILE...]",
    .help = "run SQL; files are tables by their names",
    .example = "weir query \"select city, sum(amount) from orders group by city\" orders.csv",
    .flags = flags,
    .run = run,
};
