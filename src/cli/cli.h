/* cli.h - what the commands share: global flags, running SQL, rendering. */
#pragma once
#include "base/arena.h"
#include "weir/weir.h"
#include <signal.h>
#include <stdio.h>

typedef enum cli_exit {
    CLI_OK = 0,
    CLI_FAILED = 1,
    CLI_USAGE = 2,
    CLI_IO = 4,
    CLI_BUG = 70,
    CLI_INTERRUPTED = 130
} cli_exit;

typedef struct cli_sql { /* one -c or -f, in the order given */
    const char *text;
    bool is_file;
} cli_sql;

enum { CLI_OWN_FLAGS = 16 }; /* flags one command may have of its own */

typedef struct cli_options {
    const char *format;   /* -o; NULL: table on a terminal, else as the command decides */
    const char *out_path; /* -O; NULL: stdout */
    const char *memory, *timeout;
    int threads;
    bool read_only, quiet, verbose, json;
    bool color;
    const char *progress; /* auto, bar, plain, json, never */
    const char *null_text;
    const char **sets; /* --set name=value */
    int set_count;
    const char **params; /* --param name=value */
    int param_count;
    cli_sql *sqls;
    int sql_count;
    const char **args; /* positional */
    int arg_count;
    const char
        *own[CLI_OWN_FLAGS]; /* values of the command's own flags by their place; "" for a switch */
    bool stdio_jsonl;
    bool timer;
    wr_arena arena;     /* of values made of several */
    char *const *given; /* the command line */
    int given_count;
} cli_options;

typedef struct cli_state {
    cli_options options;
    weir_engine *engine;
    weir_session *session;
    FILE *out;
    bool out_is_terminal;
    int max_rows;    /* rows shown by table and box; 0 = all */
    wr_buf out_temp; /* -O is written under this name first; empty: directly */
    bool pager;      /* long results go through one */
    FILE *paged;     /* where they go if they are short after all; NULL: no pager now */
    struct cli_progress *progress;         /* shown now, or NULL */
    bool is_prompt;                        /* statements come from a person */
    bool no_headers;                       /* names of columns are left out */
    bool leave;                            /* .quit was said */
    bool is_live;                          /* rows come slowly: each batch is flushed */
    bool has_written;                      /* -o parquet, arrow: a result, and the only one */
    FILE *out_before;                      /* .once, .output: where results go again */
    bool out_is_kept;                      /* .output: not only for the next statement */
    wr_buf last;                           /* text of the last query that went well */
    bool last_is_lost;                     /* its rows were too many to be kept as _ */
    int read_depth;                        /* of .read within .read */
    wr_buf prompt, prompt_more, null_text; /* of .prompt and .null */
    weir_status
        *first_error; /* where the first error that is reported is copied to; NULL: nowhere */
} cli_state;

/* A flag that only one command takes. */
typedef struct cli_own_flag {
    /* value NULL: a switch; "[TIME]": may be left out, "" then; "TAG...": several times, with
     * commas between */
    const char *name, *value, *help;
    char letter; /* 0: none */
} cli_own_flag;

/* What can be done with the things a command is about: weir runs ls. */
typedef struct cli_verb {
    const char *name, *aliases; /* as of commands */
    const char *arguments, *help, *example;
    const char *flags; /* long names of those of the command it takes, blanks between; NULL: none */
    int least, most;   /* positional arguments */
    int (*run)(cli_state *state); /* state->options.args without the verb */
} cli_verb;

/* Commands: one per cmd_<name>.c. */
typedef struct cli_command {
    const char *name, *aliases; /* aliases: "q" or "desc|d" or NULL */
    const char *arguments;      /* "SQL [FILE...]" */
    const char *help;           /* one line */
    const char *example;
    const cli_own_flag *flags;    /* NULL, or ended by a row without a name */
    int (*run)(cli_state *state); /* positional arguments are in state->options.args */
    const cli_verb *verbs;        /* NULL, or ended by a row without a name */
    bool takes_all; /* the words behind it, and itself, are its arguments as they stand */
} cli_command;
extern const cli_command *const cli_commands[]; /* ended by NULL */

/* ---- options.c ---- */
/* Reads argv; returns CLI_OK or the exit code to end with (a message was printed; *done for --help,
 * --version). */
int cli_options_read(int argc, char **argv, cli_options *out, const cli_command **command,
                     bool *done);
void cli_options_clear(cli_options *options); /* the lists; options may be half read */
void cli_print_help(const cli_command *command);
/* NULL if there is no such command or alias. */
const cli_command *cli_command_find(const char *word);
/* "500ms", "5s", "5", "2min", "10m", "1h", "1d" as seconds; negative: malformed. */
double cli_read_seconds(const char *text);
/* Where SQL is wanted: complains of the name of a file and says how it is given. An exit code. */
int cli_check_sql(const cli_command *command, const char *text);
/* The long names of all flags without their dashes, one per line, for shell completion. */
void cli_flag_names(wr_buf *out);
/* Carries out the verb that is the first positional argument, or says what is wrong. */
int cli_run_verb(cli_state *state, const cli_command *command);
/* As --help asks: of a verb, a command or everything. */
void cli_print_help_of(const cli_options *options, const cli_command *command);
/* Says that the command was called wrongly, with its usage line; gives CLI_USAGE. */
int cli_usage(const cli_command *command, const char *what);

/* ---- run.c ---- */
/* Opens engine and session as the options say. */
int cli_open(cli_state *state);
/* The engine and session only, with the settings of the flags. */
int cli_open_engine(cli_state *state);
/* Settings of the flags for one session; says what is wrong and gives CLI_USAGE. */
int cli_apply_settings(cli_state *state, weir_session *session);
/* code: how the program ends. The file of -O takes its name only if that is CLI_OK. Gives the final
 * code. */
int cli_close(cli_state *state, int code);
/* Whether a format of -o is written by COPY: parquet and arrow. NULL: no. */
bool cli_is_file_format(const char *name);
/* The output is stdout after all, and -O is the caller's matter. */
void cli_leave_out(cli_state *state);
/* True if results go straight into the file of -O, or as a stream to stdout, by COPY. */
bool cli_writes_file(const cli_state *state);
/* Prints what is wrong with the command line and gives CLI_USAGE. */
int cli_report_usage(const char *what);
/* Set by Ctrl-C; no further statement is begun. */
extern volatile sig_atomic_t cli_interrupted;
/* Runs every statement in text, rendering results to state->out and errors to stderr. Stops at the
 * first error. */
int cli_run_sql(cli_state *state, const char *text, size_t length);
/* One statement, with newlines for the lines of the text before it, so that errors tell its line.
 */
typedef int cli_statement_fn(cli_state *state, const char *sql, size_t length);
int cli_run_statement(cli_state *state, const char *sql, size_t length);
/* Hands statement after statement to run_it, and dot commands to cli_run_dot. Stops at the first
 * code that is not CLI_OK. */
int cli_each_statement(cli_state *state, const char *text, size_t length, cli_statement_fn *run_it);
/* Runs the statements of -c and -f, except those that would run as a stream: the script of a stream
 * makes its tables and sources. last, if not NULL, gets the last one instead, which is not run. */
int cli_run_setup(cli_state *state, wr_buf *last);
/* Appends what is in a file; "-" is stdin. Says what went wrong. */
int cli_read_file(cli_state *state, const char *path, wr_buf *text);
/* Whether a statement is a query, by its first word. */
bool cli_is_query(const char *sql, size_t length);
int cli_run_file(cli_state *state, const char *path);
/* Runs SQL again and again, seconds apart, until Ctrl-C or an error. */
int cli_watch(cli_state *state, const char *sql, size_t length, double seconds);
/* Prints an error with its source line to stderr, ends it, and gives the exit code. */
int cli_report(cli_state *state, weir_status bad, const char *sql, size_t length);
/* Makes views of files named on the command line: a.csv -> a. */
int cli_attach_files(cli_state *state, const char *const *paths, int count);
void cli_quote(wr_buf *out, const char *text); /* as a SQL string */
void cli_quote_name(wr_buf *out, wr_str name);
/* A table or file as it stands in FROM: 'path' or "schema"."name". */
void cli_quote_source(wr_buf *out, const char *source);
bool cli_is_file(const char *source);

/* Where history and reports are kept; empty if nothing tells. Not made. */
void cli_state_folder(wr_buf *out);

/* ---- crash.c: faults of weir itself; begin once, at the start ---- */
void cli_crash_begin(void);
void cli_crash_statement(void); /* another statement begins */
int cli_statement_number(void); /* how many began */

/* ---- render.c ---- */
typedef struct cli_render cli_render;
/* NULL if there is no such format. */
const cli_render *cli_render_find(const char *name);
void cli_render_names(wr_buf *out);
/* Writes all rows of query with the format; the query is read to its end. */
weir_status cli_render_query(const cli_render *render, cli_state *state, weir_query *query);

/* Can it write rows without knowing those that come later? */
bool cli_render_is_live(const cli_render *render);

/* render_table.c: the formats that need the widths of all values. */
weir_status cli_write_table(cli_state *state, weir_query *query);
weir_status cli_write_box(cli_state *state, weir_query *query);
weir_status cli_write_markdown(cli_state *state, weir_query *query);

/* ---- flow.c: how streams are getting on, while they run ---- */
typedef struct cli_flow cli_flow;
/* As --progress says: a line on the terminal's stderr, lines now and then elsewhere, snapshots as
 * JSON lines; --json: snapshots to the output. Borrows streams. */
cli_flow *cli_flow_new(cli_state *state, weir_stream *const *streams, int count);
void cli_flow_show(cli_flow *flow); /* often; draws when it is time */
/* Before other lines are written to stderr: wipes the line of the terminal. */
void cli_flow_make_room(cli_flow *flow);
void cli_flow_end(cli_flow *flow); /* what every stream came to; frees it */

/* ---- progress.c ---- */
/* "4.1M": value with the first of units it is below 1000 of; they end with NULL. */
void cli_human(double value, const char *const *units, char *out, size_t size);
/* Starts showing progress of query on stderr after a while; stop before printing anything else. */
typedef struct cli_progress cli_progress;
void cli_progress_start(cli_state *state, weir_query *query);
void cli_progress_stop(cli_state *state); /* more than once does no harm */
/* Before rows are written: the bar goes if they share its terminal. */
void cli_progress_make_room(cli_state *state);

/* ---- pager.c: around the output of one result; begin may decide to do nothing ---- */
void cli_pager_begin(cli_state *state);
void cli_pager_end(cli_state *state);

/* ---- saved.c: tracked runs of the command line ---- */
/* How a run is called; NULL: not. tags: commas between. */
typedef struct cli_saved_as {
    const char *name, *description, *tags;
} cli_saved_as;
int cli_open_runs(cli_state *state, weir_runs **out);
/* Appends the inputs of a run up to its action_args, which the caller adds together with the last
 * brace. */
void cli_begin_inputs(cli_state *state, const char *action, const cli_saved_as *as, wr_buf *out);
/* Members of action_args that the global flags give: settings, params. */
void cli_put_flags(const cli_state *state, wr_buf *out);
/* The texts between commas as a JSON array. */
void cli_put_list(wr_buf *out, const char *name, const char *texts);
/* weir query --save. limit: a number of rows, or NULL. */
int cli_save_query(cli_state *state, const char *sql, const char *limit, const cli_saved_as *as);
/* Carries out a run that was begun, closes it and shows what came of it. only_json: as it is
 * printed for programs. */
int cli_carry_out(cli_state *state, weir_run *run, bool only_json);
/* Prints a JSON text, indented. */
void cli_print_json(cli_state *state, const char *json);
/* Asks runs something: prints the reply with --json, or an error, and gives the exit code. *reply
 * is the caller's when the code is CLI_OK and it is still to be shown, else NULL. */
int cli_ask_runs(cli_state *state, const char *what, const char *arguments, char **reply);
/* {ok: false, error, error_type, phase} on stdout. */
void cli_print_failure(cli_state *state, const char *error, const char *type, const char *phase);
/* Shows rows as a result: a table on a terminal, or as -o says. columns: names with commas between;
 * cells: count * columns texts in JSON (as members of an array). */
typedef struct cli_cells {
    const char *columns;
    wr_buf sql;
    int column_count, count; /* of cells */
} cli_cells;
void cli_cell(cli_cells *cells, wr_str json); /* the next one, of a JSON value; empty: NULL */
int cli_show_cells(cli_state *state, cli_cells *cells); /* and clears them */
/* cmd_velaria.c: the command that stands for words as Velaria spells them, else command. rest: the
 * words behind, ended by NULL. */
const cli_command *cli_velaria_instead(const cli_command *command, char *const *rest);

/* ---- stdio.c, repl.c ---- */
int cli_stdio(cli_state *state);
int cli_repl(cli_state *state);
/* interrupt.c: from now on the first SIGINT or SIGTERM sets cli_stop_signal and cancels what the
 * session runs, the second ends the process at once. */
void cli_stops_begin(void);
extern volatile sig_atomic_t cli_stop_signal; /* 0: none yet */
/* interrupt.c: handles Ctrl-C from now on; the state whose session Ctrl-C cancels; NULL: none. */
void cli_interrupts(cli_state *state);
/* Set while a line is edited: then Ctrl-C is for the reader of keys. */
extern volatile sig_atomic_t cli_is_reading;

/* ---- terminal.c: modes of the terminal while the prompt is open; main thread ---- */
void cli_terminal_begin(void); /* also begins the line editor */
void cli_terminal_end(void);
/* For another program that takes the terminal, and before the process ends at once: the modes weir
 * found; then single keys again. Nothing happens outside of begin and end. Safe in a signal
 * handler. */
void cli_terminal_restore(void);
void cli_terminal_keys(void);

/* ---- keys.c: what the line editor reads; main thread, but for cli_keys_signal ---- */
void cli_keys_begin(void); /* before the editor begins */
void cli_keys_end(void);
/* The terminal hands out single keys from now on, and did not before. */
void cli_keys_modes_changed(void);
/* The signal of Ctrl-C came while a line is edited. Safe in a signal handler. */
void cli_keys_signal(void);
/* After the editor said that the input ends: whether Ctrl-C was the reason. Once. */
bool cli_keys_interrupted(void);
/* Before a statement: whether Ctrl-C was pressed since its line ended; keys before it are
 * forgotten, keys after it are kept for the next line. */
bool cli_keys_look_ahead(void);
/* A statement was cancelled: keys pressed before it began are forgotten, as the terminal does with
 * those pressed during it. */
void cli_keys_forget(void);

/* ---- dot.c: lines that are no SQL ---- */
/* True if text begins with a dot or backslash command; *length is that of its line. */
bool cli_is_dot(const char *text, size_t size, size_t *length);
/* Carries out one such line; gives an exit code. */
int cli_run_dot(cli_state *state, const char *line, size_t length);
/* Names of the commands, for completion; ends with NULL. */
const char *const *cli_dot_names(void);
/* Ends what .once and .output began. */
void cli_restore_output(cli_state *state);

/* ---- last.c: "_" as the last result at the prompt ---- */
/* Before a statement: complains and gives an exit code if it mentions a _ that was not kept. */
int cli_last_check(cli_state *state, const char *sql, size_t length);
/* After a statement was started: the rows of a query are to be kept. */
void cli_last_begin(const char *sql, size_t length, weir_query *query);
/* After a query went well. */
void cli_last_end(cli_state *state, const char *sql, size_t length, const weir_query *query);
