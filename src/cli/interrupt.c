/* interrupt.c - what Ctrl-C does: stop the statement, drop the line, or leave.
 *
 * Commands that run until they are stopped take SIGTERM the same way, and end well on the first.
 * The handler only sets flags and raises the cancel flag of the session; while a line is edited it
 * wakes the reader of keys. */
#include "cli/cli.h"
#include <time.h>
#include <unistd.h>

volatile sig_atomic_t cli_interrupted;
static cli_state *volatile interruptible; /* whose session Ctrl-C cancels */
volatile sig_atomic_t cli_is_reading;

/* Ctrl-C stops the statement; once more within two seconds leaves whatever happens. */
static void on_interrupt(int signal_number)
{
    static volatile time_t last;
    (void)signal_number;
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (cli_is_reading) {
        cli_keys_signal();
        return;
    }
    cli_interrupted = 1;
    if (last && now.tv_sec - last < 2) {
        cli_terminal_restore();
        _exit(CLI_INTERRUPTED);
    }
    last = now.tv_sec;
    if (interruptible) weir_session_interrupt(interruptible->session);
}

volatile sig_atomic_t cli_stop_signal;

static void on_stop(int signal_number)
{
    if (cli_stop_signal) _exit(128 + signal_number);
    cli_stop_signal = signal_number;
    cli_interrupted = 1;
    if (interruptible) weir_session_interrupt(interruptible->session);
}

void cli_stops_begin(void)
{
    struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

void cli_interrupts(cli_state *state)
{
    interruptible = state;
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigaction(SIGINT, &action, NULL);
}
