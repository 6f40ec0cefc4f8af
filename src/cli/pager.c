/* pager.c - a result longer than the screen goes through a pager.
 *
 * Only at the prompt and on a terminal that can move its cursor. The result is written to a
 * temporary file first, as its length is not known before; if it fits on the screen it is copied
 * from there. A pager that cannot be started leaves the result on the screen as well. */
#include "cli/cli.h"
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

void cli_pager_begin(cli_state *state)
{
    const char *terminal = getenv("TERM");
    bool able = terminal && *terminal && strcmp(terminal, "dumb") != 0;
    if (!state->is_prompt || !state->pager || !able || !state->out_is_terminal || state->paged)
        return;
    FILE *file = tmpfile();
    if (!file) return;
    state->paged = state->out;
    state->out = file;
}

static void copy(FILE *from, FILE *to)
{
    char bytes[4096];
    rewind(from);
    for (size_t got; (got = fread(bytes, 1, sizeof bytes, from)) > 0;)
        fwrite(bytes, 1, got, to);
    fflush(to);
}

static bool is_long(FILE *file)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row < 2) return false;
    int lines = 0;
    rewind(file);
    for (int c; lines < size.ws_row && (c = getc(file)) != EOF;)
        lines += c == '\n';
    return lines >= size.ws_row;
}

/* Gives the terminal to the pager, which reads the file. */
static bool page(FILE *file)
{
    const char *pager = getenv("WEIR_PAGER");
    if (!pager) pager = getenv("PAGER");
    if (!pager || !*pager) pager = "less -S";
    WR_BUF(command);
    wr_buf_printf(&command, "%s </dev/fd/%d", pager, fileno(file));
    lseek(fileno(file), 0, SEEK_SET);
    cli_terminal_restore();
    bool shown = system(command.data) == 0;
    cli_terminal_keys();
    return shown;
}

void cli_pager_end(cli_state *state)
{
    if (!state->paged) return;
    FILE *file = state->out;
    state->out = state->paged;
    state->paged = NULL;
    fflush(file);
    if (!is_long(file) || !page(file)) copy(file, state->out);
    fclose(file);
}
