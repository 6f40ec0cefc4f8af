/* crash.c - what is left to do when weir itself fails: a report to send, and exit code 70.
 *
 * A broken pointer, a failed assertion (wr_panic) and their like end here. The report says what the
 * program was, how it failed and where, and the number of the statement, but nothing of its text or
 * data, which may be secret. It goes to the folder of the history, or to stderr if that cannot be
 * written.
 *
 * Invariants: paths are made when the program starts, and the handler calls nothing that takes
 * memory but backtrace(), which may load a library the first time; an alarm ends the process should
 * that hang in a broken heap. Sanitizers have reports of their own and are left alone. */
#include "cli/cli.h"
#include "sys/file.h"
#include <execinfo.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FRAMES_MAX = 64, STACK_SIZE = 128 << 10, HANG_SECONDS = 5 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { IS_SANITIZED = 1 };
#else
enum { IS_SANITIZED = 0 };
#endif

static char folder[512], path[600];
static char stack[STACK_SIZE]; /* for a fault that is a full stack of the main thread */
static volatile sig_atomic_t statement_count, has_begun;

void cli_crash_statement(void) { statement_count++; }
int cli_statement_number(void) { return (int)statement_count; }

typedef struct line {
    char text[1024];
    size_t length;
} line;

static void add(line *l, const char *text)
{
    for (; *text && l->length < sizeof l->text; text++)
        l->text[l->length++] = *text;
}

static void add_number(line *l, long value)
{
    char digits[24];
    size_t at = sizeof digits;
    digits[--at] = 0;
    do
        digits[--at] = (char)('0' + value % 10);
    while (value /= 10);
    add(l, digits + at);
}

static const char *name_of(int signal_number)
{
    switch (signal_number) {
    case SIGSEGV:
        return "it touched memory that is not its own (SIGSEGV)";
    case SIGBUS:
        return "it touched memory or a file that went away (SIGBUS)";
    case SIGFPE:
        return "a number could not be computed (SIGFPE)";
    case SIGILL:
        return "an instruction this processor does not know (SIGILL)";
    default:
        return "it found itself in a state that cannot be (SIGABRT)";
    }
}

/* A report that cannot be written is not worth a second failure. */
static void write_all(int fd, const char *text, size_t length)
{
    while (length) {
        ssize_t done = write(fd, text, length);
        if (done <= 0) return;
        text += done;
        length -= (size_t)done;
    }
}

static void write_report(int fd, int signal_number)
{
    line l = {.length = 0};
    add(&l, "weir ");
    add(&l, weir_version());
    add(&l, "\nended by: ");
    add(&l, name_of(signal_number));
    add(&l, "\nstatement: number ");
    add_number(&l, (long)statement_count);
    add(&l, " of this run\nplaces, innermost first (addr2line -fe weir +0x..):\n");
    write_all(fd, l.text, l.length);
    void *frames[FRAMES_MAX];
    backtrace_symbols_fd(frames, backtrace(frames, FRAMES_MAX), fd);
}

static void say(bool is_in_file)
{
    line l = {.length = 0};
    add(&l, "\nweir: internal error in weir ");
    add(&l, weir_version());
    add(&l, ", statement ");
    add_number(&l, (long)statement_count);
    if (is_in_file) {
        add(&l, "\n  report: ");
        add(&l, path);
    }
    add(&l, "\n  please report this bug with the report and the statement; the report holds no "
            "text of statements and no data\n");
    write_all(STDERR_FILENO, l.text, l.length);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    _exit(CLI_BUG);
}

static void on_crash(int signal_number)
{
    if (has_begun) { /* another thread fails too, or the handler does */
        if (has_begun++ < 2) pause();
        _exit(CLI_BUG);
    }
    has_begun = 1;
    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    alarm(HANG_SECONDS);
    cli_terminal_restore();
    int fd = -1;
    if (path[0]) {
        mkdir(folder, 0700);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    }
    say(fd >= 0);
    write_report(fd >= 0 ? fd : STDERR_FILENO, signal_number);
    _exit(CLI_BUG);
}

static void choose_path(void)
{
    WR_BUF(state);
    cli_state_folder(&state);
    if (!state.length || state.length >= sizeof folder) return;
    memcpy(folder, state.data, state.length);
    snprintf(path, sizeof path, "%s/crash-%d.txt", folder, (int)getpid());
}

void cli_crash_begin(void)
{
    if (IS_SANITIZED) return;
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    choose_path();
    stack_t own = {.ss_sp = stack, .ss_size = STACK_SIZE};
    sigaltstack(&own, NULL);
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = SA_ONSTACK | SA_NODEFER};
    for (size_t i = 0; i < WR_COUNT(signals); i++)
        sigaction(signals[i], &action, NULL);
}
