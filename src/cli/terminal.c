/* terminal.c - the modes of the terminal while the prompt is open.
 *
 * The line editor wants single keys while it reads and would put the terminal back to whole lines
 * in between. A key pressed in that moment is lost in part: a terminal that collects lines turns
 * Ctrl-D into an end-of-file mark, and the change back to single keys makes a zero byte of the
 * mark. So the terminal never collects lines while the prompt is open: what the editor calls the
 * modes of the program ("setty -x", see keys.c) are single keys without echo too, but with signals,
 * and keys pressed while a statement runs wait for the next prompt unharmed and unechoed.
 * The modes found at the start come back at the end, however weir ends, and while an editor or
 * another program has the terminal. tcsetattr may be called in signal handlers. */
#include "cli/cli.h"
#include <editline/readline.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static struct termios found;            /* modes before weir changed them */
static volatile sig_atomic_t has_found; /* they are to be restored */

void cli_terminal_restore(void)
{
    if (has_found) tcsetattr(STDIN_FILENO, TCSADRAIN, &found);
}

void cli_terminal_keys(void)
{
    struct termios keys;
    if (!has_found) return;
    keys = found;
    keys.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    keys.c_cc[VMIN] = 1;
    keys.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
    cli_keys_modes_changed();
}

void cli_terminal_begin(void)
{
    static bool is_registered;
    if (tcgetattr(STDIN_FILENO, &found) != 0) return;
    has_found = 1;
    if (!is_registered) is_registered = atexit(cli_terminal_restore) == 0;
    rl_initialize(); /* the editor does not edit where it finds no echo */
    cli_terminal_keys();
}

void cli_terminal_end(void)
{
    rl_deprep_terminal();
    cli_terminal_restore();
    has_found = 0;
}
