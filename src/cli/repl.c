/* repl.c - the prompt. */
#include "cli/cli.h"
#include <editline/readline.h>
#include <stdlib.h>

int cli_repl(cli_state *state)
{
    WR_BUF(pending);
    fprintf(stderr, "weir %s - end statements with ;   Ctrl-D leaves\n", weir_version());
    for (;;) {
        char *line = readline(pending.length ? "  ... " : "weir> ");
        if (!line) return CLI_OK;
        wr_buf_add_text(&pending, line);
        wr_buf_add_char(&pending, '\n');
        if (*line) add_history(line);
        free(line);
        bool complete;
        weir_sql_split(pending.data, pending.length, &complete);
        if (!complete) continue;
        cli_run_sql(state, pending.data, pending.length);
        pending.length = 0;
    }
}
