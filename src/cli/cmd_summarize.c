/* cmd_summarize.c - weir summarize: what is in every column of a table or file.
 *
 * People also get a small histogram of every column of numbers: eight bars between its smallest and
 * largest value. That takes a second pass, since the bounds come first, so programs (-o csv and so
 * on) and sources that can be read once only get what SUMMARIZE gives. */
#include "cli/cli.h"
#include "sys/file.h"

enum { OWN_SAMPLE };
static const cli_own_flag flags[] = {
    [OWN_SAMPLE] = {"sample", "N", "look at N rows taken at random instead of all"},
    {0},
};

enum { BARS = 8, CHARTED_COLUMNS_MAX = 100 };

extern const cli_command wr_cmd_summarize;

static bool is_for_people(const cli_state *state)
{
    const char *format = state->options.format;
    return !format || strcmp(format, "table") == 0 || strcmp(format, "box") == 0;
}

static bool can_be_read_twice(const char *source)
{
    wr_file_stat stat;
    if (!cli_is_file(source)) return true;
    weir_status bad = wr_fs_stat(wr_fs_real(), wr_str_of(source), &stat);
    bool is_pipe = !bad && !stat.is_regular && !stat.is_dir;
    weir_error_drop(bad);
    return !is_pipe;
}

static bool is_number(const char *type)
{
    static const char *const types[] = {"TINYINT", "SMALLINT", "INTEGER",   "BIGINT",
                                        "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER",
                                        "UBIGINT", "DOUBLE",   "REAL"};
    for (size_t i = 0; i < WR_COUNT(types); i++)
        if (strcmp(type, types[i]) == 0) return true;
    return strncmp(type, "DECIMAL(", 8) == 0 && !strchr(type, '[');
}

/* The columns of numbers in the four parts of the query: values, bounds, counts, bars. */
typedef struct chart {
    wr_buf all, values, bounds, counts, names, bars; /* all: names of all columns */
    int count;
} chart;

static void clear_chart(chart *c)
{
    wr_buf_clear(&c->all);
    wr_buf_clear(&c->values);
    wr_buf_clear(&c->bounds);
    wr_buf_clear(&c->counts);
    wr_buf_clear(&c->names);
    wr_buf_clear(&c->bars);
}

static void add_column(chart *c, const char *name)
{
    int k = c->count++;
    const char *comma = k ? ", " : "";
    wr_buf_printf(&c->values, "%sCASE WHEN isfinite(CAST(", comma);
    cli_quote_name(&c->values, wr_str_of(name));
    wr_buf_add_text(&c->values, " AS DOUBLE)) THEN CAST(");
    cli_quote_name(&c->values, wr_str_of(name));
    wr_buf_printf(&c->values, " AS DOUBLE) END AS c%d", k);
    wr_buf_printf(&c->bounds, "%smin(c%d) AS l%d, nullif(max(c%d) - min(c%d), 0) AS w%d", comma, k,
                  k, k, k, k);
    wr_buf_printf(&c->counts, "%s[", comma);
    for (int bar = 0; bar < BARS; bar++) /* the largest value belongs to the last bar */
        wr_buf_printf(&c->counts, "%scount(*) FILTER (WHERE floor((c%d - l%d) / w%d * %d) %s %d)",
                      bar ? ", " : "", k, k, k, BARS, bar == BARS - 1 ? ">=" : "=", bar);
    wr_buf_printf(&c->counts, "] AS n%d", k);
    wr_buf_add_text(&c->names, comma);
    cli_quote(&c->names, name);
    wr_buf_printf(&c->bars,
                  "%sarray_to_string(list_transform(n%d, n -> substr('▁▂▃▄▅▆▇█', 1 + "
                  "CAST(ceil(7.0 * n / nullif(list_max(n%d), 0)) AS BIGINT), 1)), '')",
                  comma, k, k);
}

/* Finds the columns of numbers; false if the source cannot be read, which SUMMARIZE will tell. */
static bool find_columns(cli_state *state, const char *source, chart *out)
{
    WR_BUF(sql);
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    wr_buf_printf(&sql, "SELECT * FROM %s LIMIT 0", source);
    weir_status bad = weir_query_start(state->session, sql.data, sql.length, &query);
    if (!bad) bad = weir_query_next(query, &rows);
    bool good = !bad;
    weir_error_drop(bad);
    if (!good) {
        weir_query_close(query);
        return false;
    }
    for (int c = 0; c < weir_query_column_count(query); c++) {
        const char *name = weir_query_column_name(query, c);
        if (c) wr_buf_add_text(&out->all, ", ");
        cli_quote(&out->all, name);
        if (is_number(weir_query_column_type(query, c))) add_column(out, name);
    }
    weir_query_close(query);
    return out->count > 0 && out->count <= CHARTED_COLUMNS_MAX;
}

static void add_chart(const chart *c, const char *source, wr_buf *out)
{
    wr_buf_printf(out,
                  "WITH v AS (SELECT %s FROM %s), b AS (SELECT %s FROM v), n AS (SELECT %s FROM v, "
                  "b) SELECT s.*, h.histogram FROM (SUMMARIZE SELECT * FROM %s) s LEFT JOIN "
                  "(SELECT unnest([%s]) AS name, unnest([%s]) AS histogram FROM n) h ON h.name = "
                  "s.column_name ORDER BY list_position([%s], s.column_name)",
                  c->values.data, source, c->bounds.data, c->counts.data, source, c->names.data,
                  c->bars.data, c->all.data);
}

/* Takes the sample once, so that all figures are about the same rows. */
static int take_sample(cli_state *state, const char *source, const char *rows)
{
    WR_BUF(sql);
    weir_query *query = NULL;
    wr_buf_printf(&sql,
                  "CREATE OR REPLACE TEMPORARY TABLE \"sample\" AS SELECT * FROM %s USING SAMPLE "
                  "%s ROWS",
                  source, rows);
    weir_status bad = weir_query_start(state->session, sql.data, sql.length, &query);
    const weir_rows *none;
    if (!bad) bad = weir_query_next(query, &none);
    weir_query_close(query);
    return bad ? cli_report(state, bad, sql.data, sql.length) : CLI_OK;
}

static int summarize(cli_state *state, const char *name, const char *sample)
{
    WR_BUF(source);
    WR_BUF(sql);
    chart columns = {.count = 0};
    cli_quote_source(&source, name);
    bool twice = can_be_read_twice(name);
    if (sample) {
        int code = take_sample(state, source.data, sample);
        if (code) return code;
        source.length = 0;
        wr_buf_add_text(&source, "\"sample\"");
        twice = true;
    }
    if (is_for_people(state) && twice && find_columns(state, source.data, &columns))
        add_chart(&columns, source.data, &sql);
    else
        wr_buf_printf(&sql, "SUMMARIZE SELECT * FROM %s", source.data);
    clear_chart(&columns);
    return cli_run_sql(state, sql.data, sql.length);
}

static int run(cli_state *state)
{
    const cli_options *options = &state->options;
    const char *sample = options->own[OWN_SAMPLE];
    bool is_count = sample && *sample && strspn(sample, "0123456789") == strlen(sample) &&
                    strspn(sample, "0") < strlen(sample);
    if (options->arg_count == 0)
        return cli_usage(&wr_cmd_summarize, "summarize needs a table or a file");
    if (sample && !is_count)
        return cli_usage(&wr_cmd_summarize, "--sample takes a number of rows, 1 or more");
    for (int i = 0; i < options->arg_count; i++) {
        int code = summarize(state, options->args[i], sample);
        if (code) return code;
    }
    return CLI_OK;
}

const cli_command wr_cmd_summarize = {
    .name = "summarize",
    .aliases = "sum",
    .arguments = "TABLE|FILE...",
    .help = "per column: type, extremes, distinct values, average, quartiles, NULLs, histogram",
    .example = "weir summarize orders.parquet",
    .flags = flags,
    .run = run,
};
