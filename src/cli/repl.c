/* repl.c - the prompt: reading lines with libedit, history, completion, warnings, Ctrl-C.
 *
 * Lines are collected until they hold a whole statement. Ctrl-C while a line is edited drops what
 * was typed (keys.c), Ctrl-C while a statement runs cancels it, and a second one within two seconds
 * leaves. History is a file
 * in the user's state folder; statements that seem to hold a secret are not written to it. */
#include "cli/cli.h"
#include "sys/clock.h"
#include "sys/file.h"
#include <ctype.h>
#include <editline/readline.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_MAX = 5000 };

typedef struct repl {
    cli_state *state;
    wr_buf pending; /* lines of the statement so far */
    wr_buf history; /* path; empty: none */
} repl;

static repl *current; /* for the callbacks of libedit, which carry no argument */

/* ---- history ---- */

static void find_history(wr_buf *path)
{
    cli_state_folder(path);
    if (!path->length) return;
    weir_status bad = wr_fs_make_dirs(wr_fs_real(), wr_buf_str(path));
    if (bad)
        path->length = 0; /* a prompt works as well without a history */
    else
        wr_buf_add_text(path, "/history");
    weir_error_drop(bad);
}

static bool contains_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (; *text; text++)
        if (strncasecmp(text, word, length) == 0) return true;
    return false;
}

static bool holds_secret(const char *text)
{
    static const char *const words[] = {"secret",     "password", "passwd",     "token",
                                        "access_key", "api_key",  "credential", "private_key"};
    for (size_t i = 0; i < WR_COUNT(words); i++)
        if (contains_word(text, words[i])) return true;
    return false;
}

static void remember(repl *r, const char *statement)
{
    WR_BUF(entry);
    wr_buf_add_text(&entry, statement);
    while (entry.length && isspace((unsigned char)entry.data[entry.length - 1]))
        entry.data[--entry.length] = 0;
    if (!entry.length || *statement == ' ' || holds_secret(entry.data)) return;
    add_history(entry.data);
    if (!r->history.length) return;
    mode_t before = umask(077);
    write_history(r->history.data);
    umask(before);
}

/* ---- completion ---- */

static char *next_word(const char *text, int again)
{
    static char *words;
    static const char *at;
    if (!again) {
        WR_BUF(before);
        wr_buf_add_str(&before, wr_buf_str(&current->pending));
        wr_buf_add(&before, rl_line_buffer, (size_t)rl_point);
        weir_text_free(words);
        words =
            weir_complete(current->state->session, before.data ? before.data : "", before.length);
        at = words;
    }
    (void)text;
    size_t length = strcspn(at, "\n");
    if (!length) return NULL;
    char *word = strndup(at, length);
    at += length + (at[length] == '\n');
    return word;
}

static char *next_dot(const char *text, int again)
{
    static int at;
    if (!again) at = 0;
    const char *const *names = cli_dot_names();
    while (names[at]) {
        const char *name = names[at++];
        if (strncmp(name, text, strlen(text)) == 0) return strdup(name);
    }
    return NULL;
}

/* Inside quotes, and behind commands that take files, names of files are meant. */
static bool wants_file(int start)
{
    if (start > 0 && rl_line_buffer[start - 1] == '\'') return true;
    static const char *const commands[] = {".read ", ".open ", ".import ", ".output ", ".once ",
                                           "\\i ",   "\\o ",   ".edit ",   "\\e "};
    for (size_t i = 0; i < WR_COUNT(commands); i++)
        if (strncmp(rl_line_buffer, commands[i], strlen(commands[i])) == 0) return true;
    return false;
}

static char **complete(const char *text, int start, int end)
{
    (void)end;
    rl_attempted_completion_over = 1;
    rl_completion_append_character = ' ';
    bool is_command = start == 0 && (*text == '.' || *text == '\\') && !current->pending.length;
    if (is_command) return rl_completion_matches(text, next_dot);
    if (wants_file(start)) {
        rl_completion_append_character = 0;
        return rl_completion_matches(text, rl_filename_completion_function);
    }
    return rl_completion_matches(text, next_word);
}

/* ---- warnings ---- */

/* NULL at the end of the input and after Ctrl-C, which sets *dropped. */
static char *edit_line(const char *prompt, bool *dropped)
{
    cli_is_reading = 1;
    if (cli_interrupted) cli_keys_signal(); /* since the statement ended */
    cli_interrupted = 0;
    char *line = readline(prompt);
    cli_is_reading = 0;
    *dropped = cli_keys_interrupted();
    if (!*dropped) return line;
    free(line);
    fputc('\n', stdout);
    return NULL;
}

/* What a statement destroys beyond a WHERE, or NULL. */
static const char *danger_of(const char *sql)
{
    while (isspace((unsigned char)*sql))
        sql++;
    if (strncasecmp(sql, "drop", 4) == 0) return "This drops it with everything in it.";
    if (strncasecmp(sql, "truncate", 8) == 0) return "This deletes all rows.";
    bool narrowed = contains_word(sql, "where");
    if (strncasecmp(sql, "delete", 6) == 0 && !narrowed)
        return "This deletes all rows: there is no WHERE.";
    if (strncasecmp(sql, "update", 6) == 0 && !narrowed)
        return "This changes all rows: there is no WHERE.";
    return NULL;
}

static bool is_confirmed(const char *sql)
{
    const char *danger = danger_of(sql);
    if (!danger || !isatty(STDIN_FILENO)) return true;
    fprintf(stderr, "%s ", danger);
    bool dropped;
    char *answer = edit_line("Go on? [y/N] ", &dropped);
    bool yes = answer && (*answer == 'y' || *answer == 'Y');
    free(answer);
    if (!yes) fputs("Nothing was done.\n", stderr);
    return yes;
}

/* ---- the loop ---- */

static char *read_line(repl *r, bool *dropped)
{
    const char *first = r->state->prompt.length ? r->state->prompt.data : "weir> ";
    const char *more = r->state->prompt_more.length ? r->state->prompt_more.data : "  ... ";
    return edit_line(r->pending.length ? more : first, dropped);
}

/* Runs what is pending if it is a whole statement or command. */
static void run_pending(repl *r)
{
    size_t length;
    bool complete = true;
    bool is_dot = cli_is_dot(r->pending.data, r->pending.length, &length);
    if (!is_dot) weir_sql_split(r->pending.data, r->pending.length, &complete);
    if (!complete) return;
    remember(r, r->pending.data);
    WR_BUF(text);
    wr_buf_add_str(&text, wr_buf_str(&r->pending));
    r->pending.length = 0;
    if (cli_keys_look_ahead())
        fputs("Nothing was done.\n", stderr);
    else if (is_confirmed(text.data))
        cli_run_sql(r->state, text.data, text.length);
    if (cli_interrupted) cli_keys_forget();
    cli_interrupted = 0;
}

static bool is_blank(const char *text) { return text[strspn(text, " \t\r\n")] == 0; }

static void loop(repl *r)
{
    int64_t dropped_at = 0;
    while (!r->state->leave) {
        bool dropped;
        char *line = read_line(r, &dropped);
        if (dropped) {
            int64_t now = wr_clock_mono_ns();
            bool again = dropped_at && now - dropped_at < 2000000000;
            dropped_at = now;
            if (again) break;
            if (!r->pending.length) fputs("(Ctrl-C once more or Ctrl-D leaves)\n", stderr);
            r->pending.length = 0;
            continue;
        }
        dropped_at = 0;
        if (!line) break;
        if (r->pending.length || !is_blank(line)) {
            wr_buf_add_text(&r->pending, line);
            wr_buf_add_char(&r->pending, '\n');
            run_pending(r);
        }
        free(line);
    }
}

int cli_repl(cli_state *state)
{
    repl r = {.state = state};
    current = &r;
    state->is_prompt = true;
    rl_readline_name = "weir";
    rl_catch_signals = 0;
    /* The editor drops what its locale has no letter for; of this thread, nothing else changes. */
    locale_t letters = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(letters);
    cli_keys_begin();
    cli_terminal_begin();
    rl_completer_word_break_characters = " \t\n\"'`@$><=;|&{(,)+-*/%[]:";
    rl_attempted_completion_function = complete;
    using_history();
    stifle_history(HISTORY_MAX);
    find_history(&r.history);
    if (r.history.length) read_history(r.history.data);
    if (!state->options.quiet)
        fprintf(stderr, "weir %s - statements end with ;   .help lists commands, Ctrl-D leaves\n",
                weir_version());
    loop(&r);
    cli_terminal_end();
    cli_keys_end();
    uselocale(before);
    if (letters) freelocale(letters);
    wr_buf_clear(&r.pending);
    wr_buf_clear(&r.history);
    return CLI_OK;
}
