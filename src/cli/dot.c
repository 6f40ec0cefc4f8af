/* dot.c - lines that are no SQL: dot commands as in sqlite, backslash commands as in psql.
 *
 * Both are rows of one table. A row gets the words behind its name; words may be quoted. They work
 * at the prompt and in scripts alike. */
#include "base/mem.h"
#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { WORDS_MAX = 16, READ_DEPTH_MAX = 16 };

typedef struct dot_line {
    cli_state *state;
    const char *name;
    const char *words[WORDS_MAX];
    int count;
    const char *rest; /* everything behind the name */
} dot_line;

typedef struct dot_command {
    const char *names, *arguments, *help;
    int (*run)(dot_line *line);
} dot_command;

static int run_text(cli_state *state, const char *sql)
{
    return cli_run_sql(state, sql, strlen(sql));
}

static int complain(const dot_line *line, const char *what)
{
    fprintf(stderr, "weir: %s %s\n", line->name, what);
    return CLI_FAILED;
}

static bool read_switch(dot_line *line, bool *value)
{
    if (line->count == 0) {
        *value = !*value;
        return true;
    }
    bool on = strcmp(line->words[0], "on") == 0;
    if (on || strcmp(line->words[0], "off") == 0)
        *value = on;
    else
        return complain(line, "takes on or off"), false;
    return true;
}

/* ---- what there is ---- */

static int show_tables(dot_line *line)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, "SHOW TABLES");
    if (line->count) {
        wr_buf_add_text(&sql, " LIKE ");
        cli_quote(&sql, line->words[0]);
    }
    return run_text(line->state, sql.data);
}

/* Texts of the first column of a query, one by one, without showing them; an error gives none. */
static void collect(cli_state *state, const char *sql, wr_buf *out, int *count)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    *count = 0;
    weir_status bad = weir_query_start(state->session, sql, strlen(sql), &query);
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        for (size_t i = 0; i < weir_rows_count(rows); i++, ++*count) {
            size_t length;
            const char *text = weir_rows_text(rows, i, 0, &length);
            wr_buf_add(out, text, length);
            wr_buf_add_char(out, '\0');
        }
    weir_query_close(query);
    weir_error_drop(bad);
}

/* What COMMENT ON says about a table and its columns, if anything. */
static int show_comments(cli_state *state, const char *name)
{
    const char *dot = strrchr(name, '.');
    WR_BUF(sql);
    WR_BUF(found);
    wr_buf_add_text(&sql, "SELECT coalesce(a.attname, c.relname) AS \"comment on\", d.description "
                          "FROM pg_catalog.pg_description d "
                          "JOIN pg_catalog.pg_class c ON c.oid = d.objoid "
                          "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                          "LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.objoid "
                          "AND a.attnum = d.objsubid WHERE lower(c.relname) = lower(");
    cli_quote(&sql, dot ? dot + 1 : name);
    wr_buf_add_char(&sql, ')');
    if (dot) {
        char *schema = wr_heap_copy(name, (size_t)(dot - name));
        wr_buf_add_text(&sql, " AND lower(n.nspname) = lower(");
        cli_quote(&sql, schema);
        wr_buf_add_char(&sql, ')');
        wr_heap_drop(schema);
    }
    wr_buf_add_text(&sql, " ORDER BY d.objsubid");
    int count;
    collect(state, sql.data, &found, &count);
    return count ? run_text(state, sql.data) : CLI_OK;
}

static int describe(dot_line *line)
{
    if (!line->count) return show_tables(line);
    const char *name = line->words[0];
    WR_BUF(sql);
    wr_buf_add_text(&sql, "DESCRIBE ");
    cli_quote_source(&sql, name);
    int code = run_text(line->state, sql.data);
    return code || cli_is_file(name) ? code : show_comments(line->state, name);
}

static int show_one_schema(cli_state *state, const char *name)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, name ? "SHOW CREATE TABLE " : "SHOW CREATE ALL");
    if (name) cli_quote_source(&sql, name);
    const char *format = state->options.format;
    bool headers = state->no_headers;
    state->options.format = "tsv";
    state->no_headers = true;
    int code = run_text(state, sql.data);
    state->options.format = format;
    state->no_headers = headers;
    return code;
}

/* A name, or a pattern of LIKE: % stands for any letters. */
static int show_schema(dot_line *line)
{
    cli_state *state = line->state;
    if (!line->count || !strchr(line->words[0], '%'))
        return show_one_schema(state, line->count ? line->words[0] : NULL);
    WR_BUF(sql);
    WR_BUF(names);
    int count, code = CLI_OK;
    wr_buf_add_text(&sql, "SELECT table_name FROM information_schema.tables WHERE table_schema NOT "
                          "IN ('information_schema', 'pg_catalog') AND table_name ILIKE ");
    cli_quote(&sql, line->words[0]);
    wr_buf_add_text(&sql, " ORDER BY table_name");
    collect(state, sql.data, &names, &count);
    if (!count) return complain(line, "finds no table of such a name");
    const char *at = names.data;
    for (int i = 0; i < count && !code; i++, at += strlen(at) + 1)
        code = show_one_schema(state, at);
    return code;
}

static int show_functions(dot_line *line)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql, "SELECT name, kind, signature, help FROM weir_functions()");
    if (line->count) {
        wr_buf_add_text(&sql, " WHERE contains(name, ");
        cli_quote(&sql, line->words[0]);
        wr_buf_add_char(&sql, ')');
    }
    wr_buf_add_text(&sql, " ORDER BY ALL");
    return run_text(line->state, sql.data);
}

/* ---- how results look ---- */

static int set_mode(dot_line *line)
{
    WR_BUF(names);
    cli_render_names(&names);
    if (!line->count) {
        const char *now = line->state->options.format;
        fprintf(stderr, "mode: %s (one of %s)\n", now ? now : "box", names.data);
        return CLI_OK;
    }
    const char *wanted = line->words[0];
    static const char *const known[] = {"table", "box",   "line", "csv",      "tsv",
                                        "json",  "jsonl", "html", "markdown", "none"};
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (strcmp(known[i], wanted) == 0 && cli_render_find(wanted)) {
            line->state->options.format = known[i];
            return CLI_OK;
        }
    if (cli_is_file_format(wanted))
        fprintf(stderr, "weir: %s is written to files: COPY (SELECT ...) TO 'name.%s'\n", wanted,
                wanted);
    else
        fprintf(stderr, "weir: no mode \"%s\"; there are %s\n", wanted, names.data);
    return CLI_FAILED;
}

static int toggle_expanded(dot_line *line)
{
    const char *now = line->state->options.format;
    bool on = now && strcmp(now, "line") == 0;
    if (!read_switch(line, &on)) return CLI_FAILED;
    line->state->options.format = on ? "line" : NULL;
    return CLI_OK;
}

static int set_headers(dot_line *line)
{
    bool on = !line->state->no_headers;
    if (!read_switch(line, &on)) return CLI_FAILED;
    line->state->no_headers = !on;
    return CLI_OK;
}

static int set_timer(dot_line *line)
{
    return read_switch(line, &line->state->options.timer) ? CLI_OK : CLI_FAILED;
}

static int set_max_rows(dot_line *line)
{
    char *end = NULL;
    long rows = line->count ? strtol(line->words[0], &end, 10) : -1;
    if (!end || *end || rows < 0 || rows > 1000000)
        return complain(line, "takes a number of rows, 0 for all");
    line->state->max_rows = (int)rows;
    return CLI_OK;
}

static int set_pager(dot_line *line)
{
    return read_switch(line, &line->state->pager) ? CLI_OK : CLI_FAILED;
}

static int set_null(dot_line *line)
{
    line->state->null_text.length = 0;
    wr_buf_add_text(&line->state->null_text, line->count ? line->words[0] : "");
    line->state->options.null_text = line->state->null_text.data;
    return CLI_OK;
}

static int set_prompt(dot_line *line)
{
    if (!line->count) return complain(line, "takes a text, and another for further lines");
    line->state->prompt.length = line->state->prompt_more.length = 0;
    wr_buf_add_text(&line->state->prompt, line->words[0]);
    if (line->count > 1) wr_buf_add_text(&line->state->prompt_more, line->words[1]);
    return CLI_OK;
}

/* ---- files ---- */

void cli_restore_output(cli_state *state)
{
    if (!state->out_before) return;
    if (fclose(state->out) != 0) fprintf(stderr, "weir: cannot write: %s\n", strerror(errno));
    state->out = state->out_before;
    state->out_before = NULL;
    state->out_is_terminal = isatty(fileno(state->out));
}

static int redirect(dot_line *line)
{
    FILE *file = fopen(line->words[0], "w");
    if (!file) {
        fprintf(stderr, "weir: cannot write %s: %s\n", line->words[0], strerror(errno));
        return CLI_IO;
    }
    line->state->out_before = line->state->out;
    line->state->out = file;
    line->state->out_is_terminal = false;
    return CLI_OK;
}

static int set_output(dot_line *line)
{
    cli_restore_output(line->state);
    line->state->out_is_kept = line->count > 0;
    return line->count ? redirect(line) : CLI_OK;
}

static int set_once(dot_line *line)
{
    if (!line->count) return complain(line, "takes the name of a file");
    cli_restore_output(line->state);
    line->state->out_is_kept = false;
    return redirect(line);
}

static int read_file(dot_line *line)
{
    if (!line->count) return complain(line, "takes the name of a file");
    if (line->state->read_depth >= READ_DEPTH_MAX) return complain(line, "calls itself too deeply");
    line->state->read_depth++;
    int code = cli_run_file(line->state, line->words[0]);
    line->state->read_depth--;
    return code;
}

static bool has_table(cli_state *state, const char *name)
{
    WR_BUF(sql);
    weir_query *query = NULL;
    wr_buf_add_text(&sql, "DESCRIBE ");
    cli_quote_name(&sql, wr_str_of(name));
    weir_status bad = weir_query_start(state->session, sql.data, sql.length, &query);
    weir_query_close(query);
    weir_error_drop(bad);
    return !bad;
}

static int import_file(dot_line *line)
{
    if (line->count != 2) return complain(line, "takes a file and the name of a table");
    WR_BUF(sql);
    bool exists = has_table(line->state, line->words[1]);
    wr_buf_add_text(&sql, exists ? "INSERT INTO " : "CREATE TABLE ");
    cli_quote_name(&sql, wr_str_of(line->words[1]));
    wr_buf_add_text(&sql, exists ? " SELECT * FROM " : " AS SELECT * FROM ");
    cli_quote(&sql, line->words[0]);
    return run_text(line->state, sql.data);
}

static int copy(dot_line *line)
{
    WR_BUF(sql);
    wr_buf_printf(&sql, "COPY %s", line->rest);
    return run_text(line->state, sql.data);
}

/* A new, empty database; files given become tables. */
static int reopen(dot_line *line)
{
    cli_state *state = line->state;
    cli_interrupts(NULL);
    weir_session_close(state->session);
    weir_engine_close(state->engine);
    state->session = NULL;
    state->engine = NULL;
    state->last.length = 0;
    state->last_is_lost = false;
    int code = cli_open_engine(state);
    if (code) exit(code); /* nothing can be done without an engine */
    cli_interrupts(state);
    return cli_attach_files(state, line->words, line->count);
}

/* ---- statements ---- */

static int run_last(dot_line *line)
{
    cli_state *state = line->state;
    if (!state->last.length) return complain(line, "has no result to show");
    int rows = state->max_rows;
    state->max_rows = 0;
    WR_BUF(text);
    wr_buf_add_str(&text, wr_buf_str(&state->last));
    int code = run_text(state, "SELECT * FROM _");
    state->last.length = 0; /* \e goes on with the query itself */
    wr_buf_add_str(&state->last, wr_buf_str(&text));
    state->max_rows = rows;
    return code;
}

/* \e: the last query, or a file, in an editor; what is saved is run. */
static int edit(dot_line *line)
{
    cli_state *state = line->state;
    const char *editor = getenv("VISUAL");
    if (!editor) editor = getenv("EDITOR");
    if (!editor) editor = "vi";
    wr_str dir = wr_path_temp_dir();
    WR_BUF(path);
    wr_buf_printf(&path, "%.*s/weir-XXXXXX", WR_STR_ARGS(dir));
    bool own = line->count == 0;
    int fd = own ? mkstemp(path.data) : -1;
    if (own && fd < 0) return complain(line, "cannot make a file to edit");
    if (own) {
        if (state->last.length && write(fd, state->last.data, state->last.length) < 0)
            complain(line, "cannot write the file to edit");
        close(fd);
    }
    WR_BUF(command);
    wr_buf_printf(&command, "%s ", editor);
    cli_quote(&command, own ? path.data : line->words[0]);
    cli_terminal_restore();
    int code = system(command.data) == 0 ? CLI_OK : complain(line, "ended without a saved text");
    cli_terminal_keys();
    if (!code) code = cli_run_file(state, own ? path.data : line->words[0]);
    if (own) unlink(path.data);
    return code;
}

/* \watch: the last query again and again, until Ctrl-C. */
static int watch(dot_line *line)
{
    cli_state *state = line->state;
    char *end = NULL;
    double seconds = line->count ? strtod(line->words[0], &end) : 2;
    if ((end && (*end || end == line->words[0])) || !(seconds >= 0.1 && seconds <= 86400))
        return complain(line, "takes seconds between two runs, 0.1 or more");
    if (!state->last.length) return complain(line, "has no query to run again");
    WR_BUF(text);
    wr_buf_add_str(&text, wr_buf_str(&state->last));
    int code = cli_watch(state, text.data, text.length, seconds);
    return code == CLI_INTERRUPTED ? CLI_OK : code;
}

static int explain(dot_line *line)
{
    if (!line->count) return complain(line, "takes a statement");
    WR_BUF(sql);
    wr_buf_printf(&sql, "EXPLAIN %s", line->rest);
    return run_text(line->state, sql.data);
}

static int quit(dot_line *line)
{
    line->state->leave = true;
    return CLI_OK;
}

static int help(dot_line *line);

static const dot_command commands[] = {
    {".tables|\\dt", "[PATTERN]", "tables, views and files with a name", show_tables},
    {"\\d|.describe", "[NAME]", "columns of a table or file, and comments", describe},
    {".schema", "[PATTERN]", "the statements that make the tables", show_schema},
    {".functions|\\df", "[WORD]", "SQL functions", show_functions},
    {".mode", "[FORMAT]", "how results look", set_mode},
    {"\\x", "[on|off]", "a line per column instead of a table", toggle_expanded},
    {".headers|.header", "on|off", "names of columns above results", set_headers},
    {".timer|\\timing", "[on|off]", "time of each statement", set_timer},
    {".maxrows", "N", "rows shown of a long result, 0 for all", set_max_rows},
    {".pager", "[on|off]", "results longer than the screen go through $PAGER", set_pager},
    {".nullvalue", "TEXT", "how NULL is shown", set_null},
    {".prompt", "TEXT [MORE]", "the prompts", set_prompt},
    {".output|\\o", "[FILE]", "results go to a file; without one: back", set_output},
    {".once", "FILE", "the next result goes to a file", set_once},
    {".read|\\i", "FILE", "run the statements of a file", read_file},
    {".import", "FILE TABLE", "read a file into a table", import_file},
    {"\\copy", "... TO|FROM 'FILE'", "the same as COPY", copy},
    {".open", "[FILE...]", "start over with an empty database; files become tables", reopen},
    {".last", "", "the last result again, all rows", run_last},
    {"\\watch", "[SECONDS]", "the last query again and again, until Ctrl-C", watch},
    {".explain", "SQL", "how a statement would be carried out", explain},
    {".edit|\\e", "[FILE]", "the last query in $EDITOR, then run it", edit},
    {".help|\\?", "[TOPIC]", "this list, or help as weir help TOPIC gives", help},
    {".quit|.exit|\\q", "", "leave (also Ctrl-D)", quit},
};

static int help(dot_line *line)
{
    if (line->count) {
        cli_options *options = &line->state->options;
        const char **args = options->args;
        int count = options->arg_count;
        options->args = line->words;
        options->arg_count = 1;
        int code = cli_command_find("help")->run(line->state);
        options->args = args;
        options->arg_count = count;
        return code;
    }
    for (size_t i = 0; i < WR_COUNT(commands); i++) {
        WR_BUF(left);
        for (const char *at = commands[i].names; *at; at++)
            wr_buf_add_text(&left, *at == '|' ? " or " : (char[2]){*at});
        wr_buf_printf(&left, " %s", commands[i].arguments);
        fprintf(line->state->out, "  %-32s %s\n", left.data, commands[i].help);
    }
    fputs("  _ in a query stands for the last result\n", line->state->out);
    return CLI_OK;
}

const char *const *cli_dot_names(void)
{
    static const char *names[64];
    int count = 0;
    if (names[0]) return names;
    for (size_t i = 0; i < WR_COUNT(commands); i++)
        for (const char *at = commands[i].names; *at;) {
            size_t length = strcspn(at, "|");
            names[count++] = wr_heap_copy(at, length);
            at += length + (at[length] == '|');
        }
    return names;
}

bool cli_is_dot(const char *text, size_t size, size_t *length)
{
    bool letter = size > 1 && (((text[1] | 32) >= 'a' && (text[1] | 32) <= 'z') || text[1] == '?');
    if (!letter || (text[0] != '.' && text[0] != '\\')) return false;
    const char *end = memchr(text, '\n', size);
    *length = end ? (size_t)(end - text) : size;
    return true;
}

/* Splits a line in place: blanks separate, quotes keep together, '' is a quote. */
static void split_words(char *text, dot_line *out)
{
    while (out->count < WORDS_MAX) {
        while (*text == ' ' || *text == '\t' || *text == '\r')
            text++;
        if (!*text) return;
        char quote = *text == '\'' || *text == '"' ? *text++ : 0, *to = text;
        out->words[out->count++] = text;
        for (; *text && (quote || !strchr(" \t\r", *text)); text++) {
            if (quote && *text == quote) {
                if (text[1] != quote) break;
                text++;
            }
            *to++ = *text;
        }
        if (*text) text++;
        *to = 0;
    }
}

static int unknown(const dot_line *line)
{
    wr_nearest nearest = {.wanted = wr_str_of(line->name)};
    const char *const *names = cli_dot_names();
    for (int i = 0; names[i]; i++)
        wr_nearest_offer(&nearest, wr_str_of(names[i]));
    fprintf(stderr, "weir: no command %s", line->name);
    if (nearest.count) fprintf(stderr, "; did you mean %.*s?", WR_STR_ARGS(nearest.name[0]));
    fputs("\n  see: .help\n", stderr);
    return CLI_FAILED;
}

int cli_run_dot(cli_state *state, const char *text, size_t length)
{
    WR_BUF(name);
    WR_BUF(rest);
    wr_buf_add(&name, text, length);
    size_t name_length = strcspn(name.data, " \t\r");
    wr_buf_add_text(&rest, name.data + name_length);
    wr_str plain = wr_str_trim(wr_buf_str(&rest));
    while (plain.length && plain.data[plain.length - 1] == ';')
        plain.length--;
    name.data[name_length] = 0;
    while (name_length && name.data[name_length - 1] == ';')
        name.data[--name_length] = 0;
    char *words = wr_heap_copy(plain.data, plain.length), *all = wr_heap_copy(words, plain.length);
    dot_line line = {.state = state, .name = name.data, .rest = all};
    split_words(words, &line);
    int code = -1;
    for (size_t i = 0; i < WR_COUNT(commands) && code < 0; i++) {
        for (const char *at = commands[i].names; *at;) {
            size_t size = strcspn(at, "|");
            if (size == name_length && memcmp(at, name.data, size) == 0)
                code = commands[i].run(&line);
            at += size + (at[size] == '|');
        }
    }
    if (code < 0) code = unknown(&line);
    wr_heap_drop(words);
    wr_heap_drop(all);
    fflush(state->out);
    return code;
}
