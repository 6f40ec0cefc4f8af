/* options.c - the command line: global flags in one table, commands by name, help made from both.
 */
#include "base/mem.h"
#include "cli/cli.h"
#include <stdlib.h>
#include <unistd.h>

#define X(name) extern const cli_command wr_cmd_##name;
#include "gen/commands.inc"
#undef X
const cli_command *const cli_commands[] = {
#define X(name) &wr_cmd_##name,
#include "gen/commands.inc"
#undef X
    NULL};

typedef enum flag_id {
    FLAG_COMMAND,
    FLAG_FILE,
    FLAG_OUTPUT,
    FLAG_OUT,
    FLAG_JSON,
    FLAG_THREADS,
    FLAG_MEMORY,
    FLAG_TIMEOUT,
    FLAG_READ_ONLY,
    FLAG_SET,
    FLAG_PARAM,
    FLAG_NULL,
    FLAG_PROGRESS,
    FLAG_COLOR,
    FLAG_TIMER,
    FLAG_QUIET,
    FLAG_VERBOSE,
    FLAG_CHDIR,
    FLAG_STDIO,
    FLAG_HELP,
    FLAG_VERSION,
} flag_id;

typedef struct cli_flag {
    flag_id id;
    char letter;                     /* 0: none */
    const char *name, *value, *help; /* value NULL: a switch */
} cli_flag;

static const cli_flag flags[] = {
    {FLAG_COMMAND, 'c', "command", "SQL",
     "run SQL and exit; may be given several times; '-' reads stdin"},
    {FLAG_FILE, 'f', "file", "PATH", "run the statements of a file and exit"},
    {FLAG_OUTPUT, 'o', "output", "FORMAT",
     "how results look: table box line csv tsv json jsonl markdown html insert parquet arrow none"},
    {FLAG_OUT, 'O', "out", "PATH", "write results to a file instead of stdout"},
    {FLAG_JSON, 0, "json", NULL, "same as -o json"},
    {FLAG_THREADS, 0, "threads", "N", "worker threads of a query"},
    {FLAG_MEMORY, 0, "memory", "SIZE", "memory limit of all queries, such as 2GiB"},
    {FLAG_TIMEOUT, 0, "timeout", "TIME", "stop a statement after this time, such as 30s"},
    {FLAG_READ_ONLY, 0, "read-only", NULL, "refuse statements that change tables or files"},
    {FLAG_SET, 0, "set", "NAME=VALUE", "a setting, as SET would make it"},
    {FLAG_PARAM, 0, "param", "[NAME=]VALUE",
     "value of a parameter: of :name, or of the next $1 or ?"},
    {FLAG_NULL, 0, "null", "TEXT", "how NULL is shown"},
    {FLAG_PROGRESS, 0, "progress", "HOW", "auto, bar, plain, json or never"},
    {FLAG_COLOR, 0, "color", "WHEN", "auto, always or never (NO_COLOR is respected)"},
    {FLAG_TIMER, 0, "timer", NULL, "print the time of each statement to stderr"},
    {FLAG_QUIET, 'q', "quiet", NULL, "only errors on stderr"},
    {FLAG_VERBOSE, 'v', "verbose", NULL, "more on stderr"},
    {FLAG_CHDIR, 'C', "chdir", "DIR", "change to a folder first"},
    {FLAG_STDIO, 0, "stdio", "PROTOCOL", "serve requests on stdin: jsonl"},
    {FLAG_HELP, 'h', "help", NULL, "this text"},
    {FLAG_VERSION, 'V', "version", NULL, "the version"},
};

static void print_flags(void)
{
    for (size_t i = 0; i < WR_COUNT(flags); i++) {
        char left[64];
        char letter[8] = "    ";
        if (flags[i].letter) snprintf(letter, sizeof letter, "-%c, ", flags[i].letter);
        snprintf(left, sizeof left, "%s--%s %s", letter, flags[i].name,
                 flags[i].value ? flags[i].value : "");
        printf("  %-26s %s\n", left, flags[i].help);
    }
}

void cli_print_help(const cli_command *command)
{
    if (command) {
        printf("weir %s %s\n\n%s\n\n", command->name, command->arguments, command->help);
        if (command->aliases) printf("short: %s\n", command->aliases);
        printf("example: %s\n", command->example);
        for (const cli_verb *verb = command->verbs; verb && verb->name; verb++) {
            char left[80];
            snprintf(left, sizeof left, "%s %s", verb->name, verb->arguments);
            printf("%s  %-34s %s\n", verb == command->verbs ? "\n" : "", left, verb->help);
        }
        for (const cli_own_flag *flag = command->flags; flag && flag->name; flag++) {
            char left[64];
            char letter[8] = "";
            if (flag->letter) snprintf(letter, sizeof letter, "-%c, ", flag->letter);
            snprintf(left, sizeof left, "%s--%s %s", letter, flag->name,
                     flag->value ? flag->value : "");
            printf("%s  %-26s %s\n", flag == command->flags ? "\n" : "", left, flag->help);
        }
        printf("\nflags of all commands: weir --help\n");
        return;
    }
    printf("weir - SQL over files and tables, in one program\n\n"
           "  weir [FILE...]             prompt; files become tables\n"
           "  weir -c SQL | -f FILE      run and exit\n");
    for (int i = 0; cli_commands[i]; i++) {
        char left[64];
        snprintf(left, sizeof left, "weir %s %s", cli_commands[i]->name,
                 cli_commands[i]->arguments);
        printf("  %-26s %s\n", left, cli_commands[i]->help);
    }
    printf("\n");
    print_flags();
    printf("\nexit codes: 0 well, 1 failed, 2 wrong usage, 4 input/output, 5 limit, 6 refused, 70 "
           "bug, 130 "
           "interrupted\n");
}

double cli_read_seconds(const char *text)
{
    static const struct unit {
        const char *name;
        double seconds;
    } units[] = {{"", 1},     {"s", 1},    {"ms", 1e-3}, {"m", 60},
                 {"min", 60}, {"h", 3600}, {"d", 86400}};
    char *end;
    double value = strtod(text, &end);
    while (*end == ' ')
        end++;
    for (size_t i = 0; i < WR_COUNT(units); i++)
        if (end != text && strcmp(end, units[i].name) == 0 && value >= 0 && value < 1e9)
            return value * units[i].seconds;
    return -1;
}

void cli_flag_names(wr_buf *out)
{
    for (size_t i = 0; i < WR_COUNT(flags); i++)
        wr_buf_printf(out, "%s\n", flags[i].name);
}

int cli_check_sql(const cli_command *command, const char *text)
{
    WR_BUF(what);
    bool is_one_word = *text && !text[strcspn(text, " \t\r\n;(")];
    bool is_script = is_one_word && wr_str_ihas_suffix(wr_str_of(text), ".sql");
    bool is_file = is_one_word && cli_is_file(text);
    if (!is_script && !is_file) return CLI_OK;
    if (strcmp(command->name, "explain") == 0 && is_script)
        wr_buf_printf(&what, "%s is a file; of its last statement: weir explain -f %s", text, text);
    else if (is_script)
        wr_buf_printf(&what, "%s is a file; its statements: weir -f %s", text, text);
    else
        wr_buf_printf(&what, "%s is a file, not SQL; its rows: FROM '%s'", text, text);
    return cli_usage(command, what.data);
}

int cli_usage(const cli_command *command, const char *what)
{
    fprintf(stderr, "weir: %s\n  usage: weir %s %s\n  example: %s\n", what, command->name,
            command->arguments, command->example);
    return CLI_USAGE;
}

static const cli_flag *find_flag(const char *name, size_t length)
{
    for (size_t i = 0; i < WR_COUNT(flags); i++)
        if (strlen(flags[i].name) == length && memcmp(flags[i].name, name, length) == 0)
            return &flags[i];
    return NULL;
}

static const cli_flag *find_letter(char letter)
{
    for (size_t i = 0; letter && i < WR_COUNT(flags); i++)
        if (flags[i].letter == letter) return &flags[i];
    return NULL;
}

static int unknown_flag(const char *given, const cli_command *command)
{
    const char *plain = given + strspn(given, "-");
    wr_nearest nearest = {.wanted = {plain, strcspn(plain, "=")}};
    for (const cli_own_flag *flag = command ? command->flags : NULL; flag && flag->name; flag++)
        wr_nearest_offer(&nearest, wr_str_of(flag->name));
    for (size_t i = 0; i < WR_COUNT(flags); i++)
        wr_nearest_offer(&nearest, wr_str_of(flags[i].name));
    fprintf(stderr, "weir: no flag %s%s%s%s\n  see: weir %s%s--help\n", given,
            nearest.count ? "; did you mean --" : "", nearest.count ? nearest.name[0].data : "",
            nearest.count ? "?" : "", command ? command->name : "", command ? " " : "");
    return CLI_USAGE;
}

const cli_command *cli_command_find(const char *word)
{
    for (int i = 0; cli_commands[i]; i++) {
        if (strcmp(cli_commands[i]->name, word) == 0) return cli_commands[i];
        const char *alias = cli_commands[i]->aliases;
        while (alias && *alias) {
            size_t length = strcspn(alias, "|");
            if (strlen(word) == length && memcmp(alias, word, length) == 0) return cli_commands[i];
            alias += length + (alias[length] == '|');
        }
    }
    return NULL;
}

static void push_text(const char ***list, int *count, const char *text)
{
    size_t size = sizeof **list;
    *list = wr_heap_grow((void *)*list, (size_t)*count * size, ((size_t)*count + 1) * size);
    (*list)[(*count)++] = text;
}

static void push_sql(cli_options *options, const char *text, bool is_file)
{
    size_t size = sizeof *options->sqls, count = (size_t)options->sql_count;
    options->sqls = wr_heap_grow(options->sqls, count * size, (count + 1) * size);
    options->sqls[options->sql_count++] = (cli_sql){text, is_file};
}

static int bad_value(const cli_flag *flag, const char *value, const char *wanted)
{
    fprintf(stderr, "weir: --%s cannot be \"%s\"; it takes %s\n", flag->name, value, wanted);
    return CLI_USAGE;
}

static int apply_color(cli_options *options, const cli_flag *flag, const char *value)
{
    bool auto_on = isatty(STDERR_FILENO) && !getenv("NO_COLOR");
    if (strcmp(value, "always") == 0)
        options->color = true;
    else if (strcmp(value, "never") == 0)
        options->color = false;
    else if (strcmp(value, "auto") == 0)
        options->color = auto_on;
    else
        return bad_value(flag, value, "auto, always or never");
    return CLI_OK;
}

static int apply_format(cli_options *options, const cli_flag *flag, const char *value)
{
    options->format = value;
    if (cli_render_find(value) || cli_is_file_format(value)) return CLI_OK;
    WR_BUF(names);
    cli_render_names(&names);
    wr_buf_add_text(&names, ", parquet, arrow");
    return bad_value(flag, value, names.data);
}

static int apply_progress(cli_options *options, const cli_flag *flag, const char *value)
{
    static const char *const ways[] = {"auto", "bar", "plain", "json", "never"};
    for (size_t i = 0; i < WR_COUNT(ways); i++)
        if (strcmp(value, ways[i]) == 0) options->progress = value;
    return options->progress ? CLI_OK : bad_value(flag, value, "auto, bar, plain, json or never");
}

static int apply(cli_options *options, const cli_flag *flag, const char *value, bool *done)
{
    switch (flag->id) {
    case FLAG_COMMAND:
        push_sql(options, value, strcmp(value, "-") == 0);
        break;
    case FLAG_FILE:
        push_sql(options, value, true);
        break;
    case FLAG_OUTPUT:
        return apply_format(options, flag, value);
    case FLAG_OUT:
        options->out_path = value;
        break;
    case FLAG_JSON:
        options->json = true;
        options->format = "json";
        break;
    case FLAG_THREADS:
        options->threads = atoi(value);
        if (options->threads < 1 || options->threads > 1024)
            return bad_value(flag, value, "a number from 1 to 1024");
        break;
    case FLAG_MEMORY:
        options->memory = value;
        break;
    case FLAG_TIMEOUT:
        options->timeout = value;
        break;
    case FLAG_READ_ONLY:
        options->read_only = true;
        break;
    case FLAG_SET:
        push_text(&options->sets, &options->set_count, value);
        break;
    case FLAG_PARAM:
        push_text(&options->params, &options->param_count, value);
        break;
    case FLAG_NULL:
        options->null_text = value;
        break;
    case FLAG_PROGRESS:
        return apply_progress(options, flag, value);
    case FLAG_COLOR:
        return apply_color(options, flag, value);
    case FLAG_TIMER:
        options->timer = true;
        break;
    case FLAG_QUIET:
        options->quiet = true;
        break;
    case FLAG_VERBOSE:
        options->verbose = true;
        break;
    case FLAG_CHDIR:
        if (chdir(value) != 0) {
            fprintf(stderr, "weir: cannot change to folder %s\n", value);
            return 4;
        }
        break;
    case FLAG_STDIO:
        options->stdio_jsonl = strcmp(value, "jsonl") == 0;
        if (!options->stdio_jsonl) return bad_value(flag, value, "jsonl");
        break;
    case FLAG_HELP:
        *done = true;
        break;
    case FLAG_VERSION:
        printf("weir %s\n", weir_version());
        exit(CLI_OK);
    }
    return CLI_OK;
}

/* A flag that only this command has, such as --where of convert. *found false: argv[*i] is none. */
static int read_own_flag(int argc, char **argv, int *i, const cli_command *command,
                         cli_options *options, bool *found)
{
    const char *word = argv[*i];
    *found = false;
    if (!command || !command->flags) return CLI_OK;
    bool is_letter = word[1] != '-';
    size_t length = is_letter ? 0 : strcspn(word + 2, "=");
    for (int k = 0; command->flags[k].name && !*found; k++) {
        const cli_own_flag *flag = &command->flags[k];
        bool is_it =
            is_letter ? flag->letter == word[1]
                      : strlen(flag->name) == length && memcmp(flag->name, word + 2, length) == 0;
        if (!is_it) continue;
        *found = true;
        const char *value = is_letter                 ? word[2] ? word + 2 : NULL
                            : word[2 + length] == '=' ? word + 3 + length
                                                      : NULL;
        bool optional = flag->value && flag->value[0] == '[';
        bool follows = *i + 1 < argc && (!optional || strchr("0123456789.", argv[*i + 1][0]));
        if (flag->value && !value && follows) value = argv[++*i];
        if (optional && !value) value = "";
        if (!flag->value == !value) {
            bool is_more = flag->value && options->own[k] && strstr(flag->value, "...");
            options->own[k] =
                is_more ? wr_arena_printf(&options->arena, "%s,%s", options->own[k], value).data
                : value ? value
                        : "";
            continue;
        }
        fprintf(stderr, "weir: --%s %s%s\n", flag->name,
                flag->value ? "needs a value: " : "takes no value", flag->value ? flag->value : "");
        return CLI_USAGE;
    }
    return CLI_OK;
}

/* Reads one flag at argv[*i]; its value may be in the same word or the next. */
static int read_flag(int argc, char **argv, int *i, const cli_command *command,
                     cli_options *options, bool *done)
{
    const char *word = argv[*i], *value = NULL;
    const cli_flag *flag;
    bool own;
    int code = read_own_flag(argc, argv, i, command, options, &own);
    if (code || own) return code;
    if (word[1] == '-') {
        size_t length = strcspn(word + 2, "=");
        flag = find_flag(word + 2, length);
        if (word[2 + length] == '=') value = word + 3 + length;
    } else {
        flag = find_letter(word[1]);
        if (flag && word[2]) value = word + 2;
    }
    if (!flag) return unknown_flag(word, command);
    if (!flag->value && value) return bad_value(flag, value, "no value");
    if (flag->value && !value) {
        if (*i + 1 >= argc) {
            fprintf(stderr, "weir: --%s needs a value (%s)\n", flag->name, flag->value);
            return CLI_USAGE;
        }
        value = argv[++*i];
    }
    return apply(options, flag, value, done);
}

void cli_options_clear(cli_options *options)
{
    wr_heap_drop(options->sqls);
    wr_heap_drop((void *)options->sets);
    wr_heap_drop((void *)options->params);
    wr_heap_drop((void *)options->args);
    wr_arena_clear(&options->arena);
    *options = (cli_options){0};
}

int cli_options_read(int argc, char **argv, cli_options *out, const cli_command **command,
                     bool *done)
{
    *out = (cli_options){.color = isatty(STDERR_FILENO) && !getenv("NO_COLOR"),
                         .given = argv + 1,
                         .given_count = argc - 1};
    *command = NULL;
    bool flags_over = false;
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (*command && (*command)->takes_all) {
            push_text(&out->args, &out->arg_count, word);
        } else if (!flags_over && strcmp(word, "--") == 0) {
            flags_over = true;
        } else if (!flags_over && word[0] == '-' && word[1]) {
            int code = read_flag(argc, argv, &i, *command, out, done);
            if (code) return code;
        } else if (!*command && out->arg_count == 0 && !out->sql_count && cli_command_find(word)) {
            *command = cli_velaria_instead(cli_command_find(word), argv + i + 1);
            if ((*command)->takes_all) push_text(&out->args, &out->arg_count, word);
        } else {
            push_text(&out->args, &out->arg_count, word);
        }
    }
    if (!out->progress) out->progress = "auto";
    return CLI_OK;
}
