/* main.c - where the program starts: flags, then a command, SQL texts, a protocol, or the prompt.
 */
#include "cli/cli.h"
#include <signal.h>
#include <unistd.h>

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

static int run(cli_state *state, const cli_command *command)
{
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
    cli_state state = {.max_rows = 40};
    const cli_command *command;
    bool help = false;
    int code = cli_options_read(argc, argv, &state.options, &command, &help);
    if (!code && help)
        cli_print_help(command);
    else if (!code)
        code = run_as_told(&state, command);
    cli_options_clear(&state.options);
    return code;
}
