/* cmd_convert.c - weir convert IN OUT: a file into another format, by one COPY.
 *
 * The format follows the name of OUT. Flags are pieces of the statement: what is selected, kept,
 * sorted, how it is split into folders and files. */
#include "cli/cli.h"

enum {
    OWN_SELECT,
    OWN_WHERE,
    OWN_SORT,
    OWN_PARTITION,
    OWN_COMPRESSION,
    OWN_ROWS,
    OWN_SIZE,
    OWN_OVERWRITE
};
static const cli_own_flag flags[] = {
    [OWN_SELECT] = {"select", "COLUMNS", "columns or expressions; default all"},
    [OWN_WHERE] = {"where", "CONDITION", "rows to keep"},
    [OWN_SORT] = {"sort", "KEYS", "order of the rows, such as \"day, amount desc\""},
    [OWN_PARTITION] = {"partition-by", "COLUMNS", "OUT is a folder with a folder per value"},
    [OWN_COMPRESSION] = {"compression", "CODEC", "such as zstd, snappy, gzip or none"},
    [OWN_ROWS] = {"rows-per-file", "N", "OUT is a folder of files with at most N rows each"},
    [OWN_SIZE] = {"size-per-file", "SIZE",
                  "OUT is a folder of files of about that size, such as 256MB"},
    [OWN_OVERWRITE] = {"overwrite", NULL, "replace what the folder OUT has"},
    {0},
};

static bool is_count(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strspn(text, "0") < strlen(text);
}

static void add_format(wr_buf *sql, const char *out)
{
    static const char *const suffixes[] = {".parquet", ".csv",  ".tsv",   ".jsonl",
                                           ".ndjson",  ".json", ".arrow", ".feather"};
    static const char *const formats[] = {"parquet", "csv",  "csv",   "json",
                                          "json",    "json", "arrow", "arrow"};
    for (size_t i = 0; i < WR_COUNT(suffixes); i++)
        if (strstr(out, suffixes[i])) {
            wr_buf_printf(sql, "FORMAT %s", formats[i]);
            if (strcmp(suffixes[i], ".tsv") == 0) wr_buf_add_text(sql, ", DELIMITER E'\\t'");
            if (strcmp(suffixes[i], ".json") == 0) wr_buf_add_text(sql, ", ARRAY true");
            return;
        }
    wr_buf_add_text(sql, "FORMAT parquet");
}

static void add_options(wr_buf *sql, const cli_options *options)
{
    const char *const *own = options->own;
    wr_buf_add_text(sql, " (");
    add_format(sql, options->args[1]);
    if (own[OWN_PARTITION]) wr_buf_printf(sql, ", PARTITION_BY (%s)", own[OWN_PARTITION]);
    if (own[OWN_COMPRESSION]) {
        wr_buf_add_text(sql, ", COMPRESSION ");
        cli_quote(sql, own[OWN_COMPRESSION]);
    }
    if (own[OWN_ROWS]) wr_buf_printf(sql, ", FILE_ROWS %s", own[OWN_ROWS]);
    if (own[OWN_SIZE]) {
        wr_buf_add_text(sql, ", FILE_SIZE_BYTES ");
        cli_quote(sql, own[OWN_SIZE]);
    }
    if (own[OWN_OVERWRITE]) wr_buf_add_text(sql, ", OVERWRITE true");
    wr_buf_add_char(sql, ')');
}

extern const cli_command wr_cmd_convert;

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    const char *const *own = options->own;
    if (options->arg_count != 2)
        return cli_usage(&wr_cmd_convert, "convert needs a file to read and one to write");
    if (own[OWN_ROWS] && !is_count(own[OWN_ROWS]))
        return cli_usage(&wr_cmd_convert, "--rows-per-file takes a number of rows");
    WR_BUF(sql);
    wr_buf_printf(&sql, "COPY (SELECT %s FROM ", own[OWN_SELECT] ? own[OWN_SELECT] : "*");
    cli_quote_source(&sql, strcmp(options->args[0], "-") == 0 ? "/dev/stdin" : options->args[0]);
    if (own[OWN_WHERE]) wr_buf_printf(&sql, " WHERE %s", own[OWN_WHERE]);
    if (own[OWN_SORT]) wr_buf_printf(&sql, " ORDER BY %s", own[OWN_SORT]);
    wr_buf_add_text(&sql, ") TO ");
    cli_quote(&sql, options->args[1]);
    add_options(&sql, options);
    state->options.verbose = !options->quiet;
    return cli_run_sql(state, sql.data, sql.length);
}

const cli_command wr_cmd_convert = {
    .name = "convert",
    .arguments = "IN OUT",
    .help = "write a file in another format; the name of OUT says which",
    .example = "weir convert orders.csv orders.parquet --where \"amount > 0\" --sort day",
    .flags = flags,
    .run = run,
};
