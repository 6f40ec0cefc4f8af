/* keys.c - the keys pressed at the prompt, each one once and in their order.
 *
 * The line editor gets its keys from here instead of reading the terminal itself, so that Ctrl-C
 * needs no jump out of the editor: a jump would lose a key that was read but not yet looked at.
 * While a line is edited the terminal makes no signal of Ctrl-C, it is a key among the others; its
 * place between them is then known. The editor is told that the input ends, and the prompt asks
 * cli_keys_interrupted() why. A signal may still come, from kill or in the moment between the
 * modes: it arrives as a byte in a pipe, which poll() sees together with the terminal.
 *
 * A terminal that collects lines turns Ctrl-D into an end-of-file mark, and becomes a zero byte
 * when it begins to hand out single keys. The prompt changes the modes at its start and after an
 * editor: the zero bytes waiting at that time are Ctrl-D.
 *
 * Keys pressed between the end of a line and the start of its statement are taken before the
 * statement starts. If Ctrl-C is one of them, the statement was meant. */
#include "base/text.h"
#include "cli/cli.h"
#include <editline/readline.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { KEY_INTERRUPT = 3, KEY_END = 4 };

static wr_buf ahead;           /* keys taken from the terminal that nobody looked at */
static size_t ahead_from;      /* the first of them */
static int marks;              /* so many of the next bytes may be marks of the end */
static int wake[2] = {-1, -1}; /* the handler of Ctrl-C writes, the reader polls */
static bool was_interrupted;

static void forget(void) { ahead.length = ahead_from = 0; }

/* Reads what there is, waiting only if told to. Gives the number of bytes; 0: the terminal is gone,
 * or there is nothing. */
static size_t read_some(void)
{
    char bytes[256];
    ssize_t got;
    do
        got = read(STDIN_FILENO, bytes, sizeof bytes);
    while (got < 0 && errno == EINTR);
    for (ssize_t i = 0; i<got; i++, marks -= marks> 0)
        if (!bytes[i] && marks > 0) bytes[i] = KEY_END;
    if (got <= 0) return 0;
    wr_buf_add(&ahead, bytes, (size_t)got);
    return (size_t)got;
}

/* Whether Ctrl-C came as a signal since it was asked last: to the reader, or just beside it. */
static bool take_signal(void)
{
    char byte;
    bool any = cli_interrupted;
    cli_interrupted = 0;
    while (wake[0] >= 0 && read(wake[0], &byte, 1) == 1)
        any = true;
    return any;
}

/* The next byte, or EOF: no more, or Ctrl-C. */
static int next_byte(void)
{
    while (ahead_from == ahead.length) {
        forget();
        struct pollfd both[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                                {.fd = wake[0], .events = POLLIN}};
        if (poll(both, 2, -1) < 0 && errno != EINTR) return EOF;
        if (take_signal()) {
            was_interrupted = true;
            return EOF;
        }
        if (both[0].revents && !read_some()) return EOF;
    }
    int byte = (unsigned char)ahead.data[ahead_from++];
    if (byte != KEY_INTERRUPT) return byte;
    was_interrupted = true;
    return EOF;
}

/* For the editor: the next character. Bytes that are no UTF-8 are passed over. */
static int next_key(FILE *terminal)
{
    (void)terminal;
    char bytes[4];
    int length = 0;
    if (was_interrupted) return EOF; /* the editor asks again while it cleans up */
    while (true) {
        int byte = next_byte();
        if (byte == EOF) return EOF;
        if ((byte & 0xc0) != 0x80) length = 0; /* a character begins */
        bytes[length++] = (char)byte;
        uint32_t code;
        if (wr_utf8_decode(bytes, (size_t)length, &code) > 0) return (int)code;
        if (length == 4) length = 0;
    }
}

/* The editor is about to read. It forgets both settings at the end of each line. */
static int before_line(void)
{
    char between[] = "setty -x -icanon -echo", at_line[] = "setty -d intr=";
    rl_parse_and_bind(between); /* keys pressed between two lines stay keys */
    rl_parse_and_bind(at_line); /* Ctrl-C is a key */
    return 0;
}

void cli_keys_begin(void)
{
    if (wake[0] < 0 && pipe2(wake, O_CLOEXEC | O_NONBLOCK) != 0) wake[0] = wake[1] = -1;
    rl_getc_function = next_key;
    rl_pre_input_hook = before_line;
}

void cli_keys_end(void)
{
    rl_getc_function = NULL;
    rl_pre_input_hook = NULL;
    wr_buf_clear(&ahead);
    ahead_from = 0;
}

void cli_keys_modes_changed(void)
{
    if (ioctl(STDIN_FILENO, FIONREAD, &marks) != 0) marks = 0;
}

void cli_keys_signal(void)
{
    char byte = 0;
    if (wake[1] >= 0 && write(wake[1], &byte, 1) < 0) return; /* full: there is a byte already */
}

bool cli_keys_interrupted(void)
{
    bool was = was_interrupted;
    was_interrupted = false;
    return was;
}

bool cli_keys_look_ahead(void)
{
    struct pollfd terminal = {.fd = STDIN_FILENO, .events = POLLIN};
    bool any = take_signal();
    if (any) forget();
    while (poll(&terminal, 1, 0) > 0 && read_some())
        ;
    any |= take_signal(); /* the terminal forgot what was pressed before: these keys came later */
    for (size_t i = ahead.length; i > ahead_from; i--)
        if (ahead.data[i - 1] == KEY_INTERRUPT) {
            ahead_from = i;
            return true;
        }
    return any;
}

void cli_keys_forget(void)
{
    take_signal();
    forget();
}
