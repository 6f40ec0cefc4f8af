/* main.c - where the program starts: flags, then a command, SQL texts, a protocol, or the prompt.
 */
#include "base/mem.h"
#include "cli/cli.h"
#include <signal.h>
#include <unistd.h>

/* As much as blocks are taken from malloc at all (base/pages.c): given back and taken again it
 * costs a page fault per 4 KiB, and interrupts every thread. */
static const size_t HEAP_KEPT = (size_t)32 << 20;

static int run_texts(cli_state *state)
{
    const cli_options *options = &state->options;
    int code = cli_attach_files(state, options->args, options->arg_count);
    for (int i = 0; i < options->sql_count && !code; i++) {
        const cli_sql *sql = &options->sqls[i];
        code = sql->is_file ? cli_run_file(state, sql->text)
                            : cli_run_sql(state, sql->text, strlen(sql->text));
    }
    return code;
}

/* A first word that is no file but nearly a command was meant as one. */
static int check_command(const cli_options *options)
{
    const char *word = options->arg_count ? options->args[0] : "-";
    wr_nearest nearest = {.wanted = wr_str_of(word)};
    if (options->sql_count || strpbrk(word, "./*-") || cli_is_file(word)) return CLI_OK;
    for (int i = 0; cli_commands[i]; i++)
        wr_nearest_offer(&nearest, wr_str_of(cli_commands[i]->name));
    if (!nearest.count) return CLI_OK;
    fprintf(stderr, "weir: no command or file \"%s\"; did you mean %s?\n  see: weir %s --help\n",
            word, nearest.name[0].data, nearest.name[0].data);
    return CLI_USAGE;
}

static int run(cli_state *state, const cli_command *command)
{
    int wrong = command ? CLI_OK : check_command(&state->options);
    if (wrong) return wrong;
    if (command) return command->run(state);
    if (state->options.stdio_jsonl) return cli_stdio(state);
    if (state->options.sql_count) return run_texts(state);
    int code = cli_attach_files(state, state->options.args, state->options.arg_count);
    if (code) return code;
    return isatty(STDIN_FILENO) ? cli_repl(state) : cli_run_file(state, "-");
}

static int run_as_told(cli_state *state, const cli_command *command)
{
    signal(SIGPIPE, SIG_DFL);
    int code = cli_open(state);
    if (code) return cli_close(state, code);
    cli_interrupts(state);
    code = run(state, command);
    cli_interrupts(NULL);
    return cli_close(state, code);
}

int main(int argc, char **argv)
{
    cli_state state = {.max_rows = 40, .pager = true};
    const cli_command *command;
    bool help = false;
    cli_crash_begin();
    wr_heap_keep(HEAP_KEPT);
    int code = cli_options_read(argc, argv, &state.options, &command, &help);
    if (!code && help)
        cli_print_help_of(&state.options, command);
    else if (!code)
        code = run_as_told(&state, command);
    cli_options_clear(&state.options);
    return code;
}
