/* cmd_completion.c - weir completion bash|zsh|fish: a script for the shell, made from the tables of
 * commands and flags. */
#include "cli/cli.h"

extern const cli_command wr_cmd_completion;

static void add_words(wr_buf *out, char between)
{
    for (int i = 0; cli_commands[i]; i++)
        wr_buf_printf(out, "%s%c", cli_commands[i]->name, between);
}

/* All flags with their dashes: the global ones, then those of every command. */
static void add_flags(wr_buf *out, char between)
{
    WR_BUF(names);
    cli_flag_names(&names);
    for (const char *at = names.data; at && *at; at += strcspn(at, "\n") + 1)
        wr_buf_printf(out, "--%.*s%c", (int)strcspn(at, "\n"), at, between);
    for (int i = 0; cli_commands[i]; i++)
        for (const cli_own_flag *flag = cli_commands[i]->flags; flag && flag->name; flag++)
            wr_buf_printf(out, "--%s%c", flag->name, between);
}

static void write_bash(FILE *out, const char *words, const char *flags)
{
    fprintf(out,
            "# weir completion for bash: eval \"$(weir completion bash)\"\n"
            "_weir() {\n"
            "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}\n"
            "    case $before in\n"
            "    -o|--output) COMPREPLY=($(compgen -W \"table box line csv tsv json jsonl markdown "
            "html insert parquet arrow none\" "
            "-- \"$word\")); return ;;\n"
            "    --progress) COMPREPLY=($(compgen -W \"auto bar plain json never\" -- \"$word\")); "
            "return ;;\n"
            "    --color) COMPREPLY=($(compgen -W \"auto always never\" -- \"$word\")); return ;;\n"
            "    esac\n"
            "    if [[ $word == -* ]]; then COMPREPLY=($(compgen -W \"%s\" -- \"$word\"))\n"
            "    elif [[ $COMP_CWORD == 1 ]]; then COMPREPLY=($(compgen -W \"%s\" -- \"$word\") "
            "$(compgen -f -- \"$word\"))\n"
            "    else COMPREPLY=($(compgen -f -- \"$word\")); fi\n"
            "}\n"
            "complete -o filenames -F _weir weir\n",
            flags, words);
}

static void write_zsh(FILE *out, const char *flags)
{
    fputs(
        "#compdef weir\n# weir completion for zsh: save as _weir in a folder of $fpath\n_weir() {\n"
        "    local -a commands flags\n    commands=(\n",
        out);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(out, "        '%s:%s'\n", cli_commands[i]->name, cli_commands[i]->help);
    fprintf(out,
            "    )\n    flags=(%s)\n"
            "    if [[ $PREFIX == -* ]]; then compadd -a flags\n"
            "    elif (( CURRENT == 2 )); then _describe command commands; _files\n"
            "    else _files; fi\n}\n"
            "if [[ $funcstack[1] == _weir ]]; then _weir \"$@\"; else compdef _weir weir; fi\n",
            flags);
}

static void write_fish(FILE *out)
{
    fputs(
        "# weir completion for fish: weir completion fish > ~/.config/fish/completions/weir.fish\n",
        out);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(out, "complete -c weir -n __fish_use_subcommand -a %s -d '%s'\n",
                cli_commands[i]->name, cli_commands[i]->help);
    WR_BUF(names);
    cli_flag_names(&names);
    for (const char *at = names.data; at && *at; at += strcspn(at, "\n") + 1)
        fprintf(out, "complete -c weir -l %.*s\n", (int)strcspn(at, "\n"), at);
    for (int i = 0; cli_commands[i]; i++)
        for (const cli_own_flag *flag = cli_commands[i]->flags; flag && flag->name; flag++)
            fprintf(out, "complete -c weir -n '__fish_seen_subcommand_from %s' -l %s\n",
                    cli_commands[i]->name, flag->name);
}

static int run(cli_state *state)
{
    const char *shell = state->options.arg_count == 1 ? state->options.args[0] : "";
    WR_BUF(words);
    WR_BUF(flags);
    add_words(&words, ' ');
    add_flags(&flags, ' ');
    if (strcmp(shell, "bash") == 0)
        write_bash(state->out, flags.data ? words.data : "", flags.data);
    else if (strcmp(shell, "zsh") == 0)
        write_zsh(state->out, flags.data);
    else if (strcmp(shell, "fish") == 0)
        write_fish(state->out);
    else
        return cli_usage(&wr_cmd_completion,
                         "completion needs the name of a shell: bash, zsh or fish");
    return CLI_OK;
}

const cli_command wr_cmd_completion = {
    .name = "completion",
    .arguments = "bash|zsh|fish",
    .help = "completion script of a shell",
    .example = "eval \"$(weir completion bash)\"",
    .run = run,
};
