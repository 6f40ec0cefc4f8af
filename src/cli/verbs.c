/* verbs.c - commands that are about a kind of thing and do something with it: weir runs ls.
 *
 * Flags belong to the command, each verb names those it takes: one that it would ignore is refused.
 */
#include "cli/cli.h"

static bool is_in(const char *words, const char *word, char between)
{
    size_t length = strlen(word);
    for (const char *at = words; at && *at;) {
        size_t size = strcspn(at, between == '|' ? "|" : " ");
        if (size == length && memcmp(at, word, size) == 0) return true;
        at += size + (at[size] != 0);
    }
    return false;
}

static const cli_verb *find(const cli_command *command, const char *word)
{
    for (const cli_verb *verb = command->verbs; word && verb && verb->name; verb++)
        if (strcmp(verb->name, word) == 0 || is_in(verb->aliases, word, '|')) return verb;
    return NULL;
}

static void print_help(const cli_command *command, const cli_verb *verb)
{
    printf("weir %s %s %s\n\n%s\n\n", command->name, verb->name, verb->arguments, verb->help);
    if (verb->aliases) printf("short: %s\n", verb->aliases);
    printf("example: %s\n", verb->example);
    bool is_first = true;
    for (const cli_own_flag *flag = command->flags; flag && flag->name; flag++) {
        char left[64];
        if (!is_in(verb->flags, flag->name, ' ')) continue;
        snprintf(left, sizeof left, "--%s %s", flag->name, flag->value ? flag->value : "");
        printf("%s  %-26s %s\n", is_first ? "\n" : "", left, flag->help);
        is_first = false;
    }
    printf("\nflags of all commands: weir --help\n");
}

void cli_print_help_of(const cli_options *options, const cli_command *command)
{
    const cli_verb *verb = command && options->arg_count ? find(command, options->args[0]) : NULL;
    if (verb)
        print_help(command, verb);
    else
        cli_print_help(command);
}

static int wrong(cli_state *state, const cli_command *command, const cli_verb *verb,
                 const char *what)
{
    if (state->options.json) cli_print_failure(state, what, "usage_error", "argument_parse");
    if (!verb) return cli_usage(command, what);
    fprintf(stderr, "weir: %s\n  usage: weir %s %s %s\n  example: %s\n", what, command->name,
            verb->name, verb->arguments, verb->example);
    return CLI_USAGE;
}

static int unknown_verb(cli_state *state, const cli_command *command, const char *word)
{
    WR_BUF(what);
    wr_nearest nearest = {.wanted = wr_str_of(word)};
    for (const cli_verb *verb = command->verbs; verb->name; verb++)
        wr_nearest_offer(&nearest, wr_str_of(verb->name));
    wr_buf_printf(&what, word ? "%s has no verb \"%s\"" : "%s needs a verb", command->name, word);
    if (nearest.count) wr_buf_printf(&what, "; did you mean %s?", nearest.name[0].data);
    return wrong(state, command, NULL, what.data);
}

int cli_run_verb(cli_state *state, const cli_command *command)
{
    cli_options *options = &state->options;
    const char *word = options->arg_count ? options->args[0] : NULL;
    const cli_verb *verb = find(command, word);
    WR_BUF(what);
    if (!verb) return unknown_verb(state, command, word);
    options->arg_count--;
    memmove((void *)options->args, (void *)(options->args + 1),
            sizeof *options->args * (size_t)options->arg_count);
    for (int i = 0; command->flags[i].name; i++) {
        if (!options->own[i] || is_in(verb->flags, command->flags[i].name, ' ')) continue;
        wr_buf_printf(&what, "%s %s takes no --%s", command->name, verb->name,
                      command->flags[i].name);
        return wrong(state, command, verb, what.data);
    }
    if (options->arg_count >= verb->least && options->arg_count <= verb->most)
        return verb->run(state);
    wr_buf_printf(&what, "%s %s takes %s", command->name, verb->name,
                  *verb->arguments ? verb->arguments : "no arguments");
    return wrong(state, command, verb, what.data);
}
