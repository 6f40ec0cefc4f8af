/* cmd_help.c - weir help [TOPIC]: a command, SQL function, setting, file format or error code.
 *
 * Everything comes from the registries: commands from their table, the rest from the rows the
 * engine gives as tables (weir_functions and the like) or, for errors and settings, from the
 * description of weir as JSON. */
#include "cli/cli.h"
#include <ctype.h>

extern const cli_command wr_cmd_help;

/* Runs a query and prints "name: value" lines of every row; *found counts rows. */
static int print_rows(cli_state *state, const char *sql, size_t length, int *found)
{
    weir_query *query;
    const weir_rows *rows;
    weir_status bad = weir_query_start(state->session, sql, length, &query);
    if (bad) return cli_report(state, bad, sql, length);
    for (;;) {
        bad = weir_query_next(query, &rows);
        if (bad || !rows) break;
        for (size_t i = 0; i < weir_rows_count(rows); i++) {
            if ((*found)++) fputc('\n', state->out);
            for (int c = 0; c < weir_query_column_count(query); c++) {
                size_t size;
                const char *text = weir_rows_text(rows, i, c, &size);
                if (!size) continue;
                fprintf(state->out, c ? "  %-10s %.*s\n" : "%.0s%.*s\n",
                        weir_query_column_name(query, c), (int)size, text);
            }
        }
    }
    weir_query_close(query);
    return bad ? cli_report(state, bad, sql, length) : CLI_OK;
}

/* The value of "name" in a flat JSON object beginning at text; copies it unescaped as far as help
 * needs it. */
static bool json_field(const char *text, const char *name, wr_buf *out)
{
    WR_BUF(key);
    wr_buf_printf(&key, "\"%s\":\"", name);
    const char *end = strchr(text, '}'), *at = strstr(text, key.data);
    if (!at || (end && at > end)) return false;
    out->length = 0;
    wr_buf_add_text(out, "");
    for (at += key.length; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) at++;
        wr_buf_add_char(out, *at);
    }
    return true;
}

/* Finds the object of a list of the JSON description whose field has the wanted value. */
static const char *find_object(const char *json, const char *list, const char *field,
                               const char *wanted)
{
    WR_BUF(start);
    WR_BUF(value);
    wr_buf_printf(&start, "\n\"%s\":[", list);
    const char *at = strstr(json, start.data);
    if (!at && strncmp(json, start.data + 1, start.length - 1) == 0) at = json;
    for (at = at ? at + start.length : NULL; at && *at == '\n'; at = strstr(at, ",\n{")) {
        if (*at == ',') at++;
        for (at++; *at == '{';) {
            if (json_field(at, field, &value)) {
                const char *names = value.data;
                for (size_t size; *names; names += size + (names[size] == '|')) {
                    size = strcspn(names, "|");
                    if (wr_str_is((wr_str){names, size}, wanted)) return at;
                }
            }
            const char *next = strstr(at, ",\n{"), *end = strstr(at, "}],\n\"");
            if (!next || (end && end < next)) return NULL;
            at = next + 2;
        }
    }
    return NULL;
}

static bool help_object(cli_state *state, const char *topic, const char *list, const char *key,
                        const char *const *fields)
{
    char *json = weir_describe_json();
    const char *object = find_object(json, list, key, topic);
    WR_BUF(value);
    for (int i = 0; object && fields[i]; i++)
        if (json_field(object, fields[i], &value) && value.length)
            fprintf(state->out, i ? "  %-10s %s\n" : "%.0s%s\n", fields[i], value.data);
    weir_text_free(json);
    return object != NULL;
}

static int help_function(cli_state *state, const char *topic, int *found)
{
    WR_BUF(sql);
    wr_buf_add_text(&sql,
                    "SELECT first(name) AS name, first(kind) AS kind, string_agg(signature, ', ') "
                    "AS forms, help, "
                    "first(example) AS example, first(result) AS result FROM weir_functions() "
                    "WHERE list_contains(string_split(lower(name), '|'), lower(");
    cli_quote(&sql, topic);
    wr_buf_add_text(&sql, ")) GROUP BY help");
    return print_rows(state, sql.data, sql.length, found);
}

static int unknown_topic(cli_state *state, const char *topic)
{
    wr_nearest nearest = {.wanted = wr_str_of(topic)};
    for (int i = 0; cli_commands[i]; i++)
        wr_nearest_offer(&nearest, wr_str_of(cli_commands[i]->name));
    char *words = weir_complete(state->session, topic, WR_MIN(strlen(topic), (size_t)3));
    for (const char *at = words; *at; at += strcspn(at, "\n") + 1)
        wr_nearest_offer(&nearest, (wr_str){at, strcspn(at, "\n")});
    fprintf(stderr, "weir: no help on \"%s\"", topic);
    if (nearest.count) fprintf(stderr, "; did you mean %.*s?", WR_STR_ARGS(nearest.name[0]));
    fputs("\n  topics: a command, SQL function, setting, file format or error code such as W1203\n",
          stderr);
    weir_text_free(words);
    return CLI_FAILED;
}

static int run(cli_state *state)
{
    static const char *const error_fields[] = {"code", "title", "name", "sqlstate", NULL};
    static const char *const setting_fields[] = {"name", "help", "kind", "default", NULL};
    static const char *const format_fields[] = {"name", "help", "extensions", NULL};
    if (state->options.arg_count == 0) {
        cli_print_help(NULL);
        return CLI_OK;
    }
    const char *topic = state->options.args[0];
    const cli_command *command = cli_command_find(topic);
    if (command) cli_print_help(command);
    int found = 0, code = help_function(state, topic, &found);
    if (code) return code;
    found += help_object(state, topic, "errors", "code", error_fields);
    found += help_object(state, topic, "settings", "name", setting_fields);
    found += help_object(state, topic, "formats", "name", format_fields);
    return found || command ? CLI_OK : unknown_topic(state, topic);
}

const cli_command wr_cmd_help = {
    .name = "help",
    .arguments = "[TOPIC]",
    .help = "help on a command, SQL function, setting, format or error code",
    .example = "weir help date_trunc",
    .run = run,
};
