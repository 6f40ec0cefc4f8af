/* weir.h - the C API of weir: an embedded columnar SQL engine.
 *
 *   weir_engine *engine;  weir_session *session;  weir_query *query;
 *   weir_engine_open(NULL, &engine);
 *   weir_session_open(engine, &session);
 *   weir_query_start(session, "select 42 as answer", &query);
 *   struct ArrowArrayStream stream;
 *   weir_query_stream(query, &stream);          // batches as Arrow record batches
 *
 * Errors: every fallible function returns a weir_status: NULL when all is well, else an error
 * object the caller owns and ends with weir_error_drop. Texts inside live as long as the object.
 *
 * Threads: an engine may be used by any number of threads. A session, and the queries of it, by one
 * thread at a time, except weir_query_cancel, weir_session_interrupt and weir_query_progress, which
 * any thread may call at any time while the object exists; so may all of a weir_stream. Different
 * sessions and streams run at the same time and share memory limit and worker threads.
 *
 * Units: bytes, rows, milliseconds (_ms), microseconds (_us). Texts are UTF-8; SQL texts carry
 * their length or are NUL-terminated where no length is passed. */
#ifndef WEIR_WEIR_H
#define WEIR_WEIR_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_API
#endif

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

typedef struct weir_engine weir_engine;
typedef struct weir_session weir_session;
typedef struct weir_prepared weir_prepared;
typedef struct weir_query weir_query;
typedef struct weir_error *weir_status;

/* ---- errors ---- */
WEIR_API void weir_error_drop(weir_status error);        /* accepts NULL */
WEIR_API const char *weir_error_code(weir_status error); /* "W1203"; see docs/reference/errors.md */
WEIR_API const char *weir_error_sqlstate(weir_status error); /* "42703" */
WEIR_API const char *weir_error_message(weir_status error);  /* one sentence */
WEIR_API const char *
weir_error_detail(weir_status error); /* NULL or more lines, e.g. the input line at fault */
WEIR_API const char *
weir_error_hint(weir_status error); /* NULL or a short hint, e.g. "did you mean FROM?" */
WEIR_API const char *weir_error_fix(weir_status error); /* NULL or text to paste */
WEIR_API const char *
weir_error_candidates(weir_status error); /* NULL or near names, ", " between them */
WEIR_API bool
weir_error_retryable(weir_status error); /* running the same statement again may succeed */
/* Where in the SQL text: byte offset and length. false: no position. */
WEIR_API bool weir_error_position(weir_status error, size_t *pos, size_t *length);
/* The exit code a command line program should end with (1 SQL error, 4 input/output, 5 limit, 6
 * refused, 70 bug, 130). */
WEIR_API int weir_error_exit_code(weir_status error);
/* The whole error as people read it: code, message, source line with caret, hint, fix. sql may be
 * NULL. The text is malloc'ed: end it with weir_text_free. color: with terminal colours. */
WEIR_API char *weir_error_render(weir_status error, const char *sql, size_t length, bool color);
WEIR_API char *weir_error_json(weir_status error, const char *sql, size_t length);
WEIR_API void weir_text_free(char *text);
/* An error of the host program, for callbacks to return: code HOST (W3130), message one sentence,
 * detail NULL or more lines, such as a traceback. Both are copied. Never fails; any thread. */
WEIR_API weir_status weir_error_new(const char *message, const char *detail);
/* The same of something that no value is to blame for: the statement fails with it, where rows for
 * which a function fails would be left out or made NULL (on_error, TRY). Returns error. */
WEIR_API weir_status weir_error_fatal(weir_status error);

/* ---- engine and session ---- */
typedef struct weir_config {
    uint64_t memory_limit; /* bytes; 0 = 80 % of the machine's */
    int threads;           /* 0 = all usable cores */
    bool read_only;        /* refuse statements that change tables or files */
} weir_config;

WEIR_API const char *weir_version(void); /* "0.1.0" */
/* Opens an engine with an empty in-memory database. config NULL = defaults. Close all sessions
 * before the engine. */
WEIR_API weir_status weir_engine_open(const weir_config *config, weir_engine **out);
WEIR_API void weir_engine_close(weir_engine *engine);
WEIR_API weir_status weir_session_open(weir_engine *engine, weir_session **out);
/* Rolls back an open transaction. Close the session's queries and prepared statements first. */
WEIR_API void weir_session_close(weir_session *session);
/* A session of the same engine for another thread: with the settings, the search path and the
 * temporary objects (registered tables among them) of this one, which it shares from now on, and a
 * transaction of its own. Close it before this one. The session's thread. */
WEIR_API weir_status weir_session_clone(weir_session *session, weir_session **out);
/* As SET name = value. */
WEIR_API weir_status weir_session_set(weir_session *session, const char *name, const char *value);
/* The value of a setting as SHOW gives it. Free with weir_text_free. */
WEIR_API weir_status weir_session_get(weir_session *session, const char *name, char **out);
/* Cancels whatever the session runs now: all its queries that were not read to their end. What it
 * starts later is not touched. Any thread while the session exists; safe in a signal handler. */
WEIR_API void weir_session_interrupt(weir_session *session);
/* True inside BEGIN ... COMMIT; *failed (may be NULL) if it can only be rolled back. */
WEIR_API bool weir_session_in_transaction(weir_session *session, bool *failed);

/* ---- splitting text into statements ---- */
/* Finds the end of the first statement in sql: the byte after its ';' or the length. complete =
 * false when a quote, comment or bracket is still open or no ';' was found: a prompt would ask for
 * more. */
WEIR_API size_t weir_sql_split(const char *sql, size_t length, bool *complete);

/* What a text asks for, by its form alone; nothing is looked up or run. */
typedef struct weir_form {
    int statements;     /* 0: only blanks and comments */
    bool is_query;      /* the last one can stand in parentheses where a table can */
    size_t pos, length; /* of the last one in the text, without its semicolon; bytes */
} weir_form;
/* Fails if sql cannot be parsed. Any thread. */
WEIR_API weir_status weir_sql_form(const char *sql, size_t length, weir_form *out);

/* ---- running ---- */
/* Parses, plans and starts one statement (a trailing ';' is allowed; several statements: all but
 * the last are run to their end first, their rows are dropped). DDL and the like is done when this
 * returns. */
WEIR_API weir_status weir_query_start(weir_session *session, const char *sql, size_t length,
                                      weir_query **out);
WEIR_API void weir_query_close(weir_query *query);  /* stops it if it still runs; accepts NULL */
WEIR_API void weir_query_cancel(weir_query *query); /* any thread */

typedef enum weir_kind { WEIR_ROWS, WEIR_CHANGE, WEIR_DONE } weir_kind;
WEIR_API weir_kind
weir_query_kind(const weir_query *query); /* rows come; a count comes; nothing comes */
WEIR_API const char *
weir_query_tag(const weir_query *query); /* "SELECT", "INSERT", "CREATE TABLE" */
WEIR_API int64_t weir_query_affected(
    const weir_query *query); /* rows changed; -1 before the end or if not a change */
/* Columns of the result, known once the query has started; 0 when no rows come. Names and types are
 * borrowed from the query; column counts from 0. */
WEIR_API int weir_query_column_count(const weir_query *query);
WEIR_API const char *weir_query_column_name(const weir_query *query, int column);
WEIR_API const char *weir_query_column_type(const weir_query *query, int column); /* SQL spelling */
/* Notices raised while it ran ("3 lines were set aside"), one per line; NULL if none. */
WEIR_API const char *weir_query_notices(const weir_query *query);

/* The next batch of rows; NULL in *out at the end. The batch lives until the next call. Changes:
 * call until the end to carry them out. */
typedef struct weir_rows weir_rows;
WEIR_API weir_status weir_query_next(weir_query *query, const weir_rows **out);
/* Keeps a copy of the rows as weir_query_next hands them out: once the query has ended well they
 * stand for "_" in later statements of the session, in place of those of the query kept before
 * (which go now). No more than bytes_max bytes are kept, nor more than a quarter of memory_limit;
 * weir_query_is_kept then says false. Call before the first weir_query_next. */
WEIR_API void weir_query_keep(weir_query *query, uint64_t bytes_max);
/* After the last row: whether all rows were kept. */
WEIR_API bool weir_query_is_kept(const weir_query *query);
/* Counts bytes that the caller holds on account of the query, such as a copy of its rows, as memory
 * of the query until that is closed. Fails with W6002, and counts nothing, if they do not fit into
 * memory_limit or work_mem. */
WEIR_API weir_status weir_query_reserve(weir_query *query, uint64_t bytes);
WEIR_API size_t weir_rows_count(const weir_rows *rows);
WEIR_API bool weir_rows_is_null(const weir_rows *rows, size_t row, int column);
/* The value as SQL prints it; NULL values give "". The text lives until the next weir_rows_text or
 * weir_rows_json call on this query. */
WEIR_API const char *weir_rows_text(const weir_rows *rows, size_t row, int column, size_t *length);
WEIR_API const char *
weir_rows_json(const weir_rows *rows, size_t row, int column,
               size_t *length); /* The texts of weir_rows_text and weir_rows_json in pieces of
                                 * bounded size, except that a long text that exists already comes
                                 * as one: for values too large to be held a second time. write is
                                 * called at least once; is_last with the last piece, which may be
                                 * empty. Asked again for the same value it gives the same bytes. */
typedef void weir_piece_fn(void *arg, const char *bytes, size_t length, bool is_last);
WEIR_API void weir_rows_text_pieces(const weir_rows *rows, size_t row, int column,
                                    weir_piece_fn *write, void *arg);
WEIR_API void weir_rows_json_pieces(const weir_rows *rows, size_t row, int column,
                                    weir_piece_fn *write, void *arg);
/* as a JSON value */
WEIR_API int64_t weir_rows_int64(const weir_rows *rows, size_t row,
                                 int column); /* integers, dates, times; else 0 */
WEIR_API double weir_rows_double(const weir_rows *rows, size_t row, int column); /* any number */

/* All (remaining) rows as an Arrow stream, which takes over the query, also when it fails: release
 * of the stream closes it. Arrays are the consumer's and outlive stream, session and engine.
 * Columns of a registered table that are only chosen and limited (SELECT a, b FROM t LIMIT n) come
 * in the producer's types and point to the producer's buffers; all others have weir's own types
 * (texts are views) and come in arrays of up to a million rows. */
WEIR_API weir_status weir_query_stream(weir_query *query, struct ArrowArrayStream *out);
/* The last error of a stream made by weir_query_stream, which its get_last_error only gives as
 * text, with code and detail: a new error. NULL: none, or the stream is somebody else's. */
WEIR_API weir_status weir_query_stream_error(const struct ArrowArrayStream *stream);

typedef struct weir_progress {
    double fraction;                  /* 0 ... 1; negative = unknown */
    uint64_t rows, bytes;             /* read so far */
    uint64_t rows_total, bytes_total; /* 0 = unknown */
    uint64_t memory, spilled;         /* bytes held now, bytes written to temporary files */
    int64_t elapsed_us;
    const char *phase; /* static text */
} weir_progress;
WEIR_API void weir_query_progress(const weir_query *query, weir_progress *out); /* any thread */

/* The plan of the last statement of sql as text; those before it are run to their end, their rows
 * are dropped. Of a definition with a query it is that of what fills it; nothing is defined. what:
 * "syntax", "logical", "physical", "analyze", with format "text", "json", "mermaid" or "html". Free
 * with weir_text_free. The session's thread; fails as running the statements does. */
WEIR_API weir_status weir_explain(weir_session *session, const char *sql, size_t length,
                                  const char *what, const char *format, char **out);

/* ---- prepared statements ---- */
WEIR_API weir_status weir_prepare(weir_session *session, const char *sql, size_t length,
                                  weir_prepared **out);
WEIR_API void weir_prepared_close(weir_prepared *prepared);
WEIR_API int weir_prepared_param_count(const weir_prepared *prepared);
/* Name of a parameter written as :name or $name; NULL if it is numbered. Lives as long as prepared.
 */
WEIR_API const char *weir_prepared_param_name(const weir_prepared *prepared, int param);
/* Parameters count from 1. A bind stays until it is replaced. */
WEIR_API weir_status weir_bind_null(weir_prepared *prepared, int param);
WEIR_API weir_status weir_bind_bool(weir_prepared *prepared, int param, bool value);
WEIR_API weir_status weir_bind_int64(weir_prepared *prepared, int param, int64_t value);
WEIR_API weir_status weir_bind_double(weir_prepared *prepared, int param, double value);
WEIR_API weir_status weir_bind_text(weir_prepared *prepared, int param, const char *text,
                                    size_t length);
WEIR_API weir_status weir_bind_blob(weir_prepared *prepared, int param, const void *bytes,
                                    size_t length);
/* Any type, by its SQL text: weir_bind_typed(p, 1, "2020-01-01", 10, "DATE"). */
WEIR_API weir_status weir_bind_typed(weir_prepared *prepared, int param, const char *text,
                                     size_t length, const char *type);
/* Any type: the first value of an array of length 1 or more. Both are borrowed. */
WEIR_API weir_status weir_bind_arrow(weir_prepared *prepared, int param,
                                     const struct ArrowSchema *schema,
                                     const struct ArrowArray *array);
/* Looks at the statement again with the parameters bound so far, without running it: types of
 * columns may depend on those of parameters. */
WEIR_API weir_status weir_prepared_describe(weir_prepared *prepared);
/* Columns of the result as the last look has them (weir_prepare looks, too); 0 if no rows come, and
 * for statements like SHOW whose columns are known when they run. Texts live until the next look.
 */
WEIR_API int weir_prepared_column_count(const weir_prepared *prepared);
WEIR_API const char *weir_prepared_column_name(const weir_prepared *prepared, int column);
WEIR_API const char *weir_prepared_column_type(const weir_prepared *prepared, int column);
/* The same columns as a struct in weir's own types. The caller releases it. */
WEIR_API weir_status weir_prepared_schema(const weir_prepared *prepared, struct ArrowSchema *out);
WEIR_API weir_status weir_prepared_start(weir_prepared *prepared, weir_query **out);

/* ---- continuous queries: INSERT INTO sink SELECT .. that runs beside its session, or CREATE SINK
 * .. AS SELECT .., which is a definition and such an INSERT ---- */
typedef struct weir_stream weir_stream;

/* Zeroed: as the settings of the session say. */
typedef struct weir_stream_options {
    /* What its state and its marks in sinks are found by: letters, digits, '_', '-' and '.', not
     * first. NULL: the name of the sink. One engine runs no two streams of one name. */
    const char *name;
    /* Folder of states; this one lies in the folder below it that has the stream's name. Or an
     * address of a PostgreSQL server, postgresql://user@host/database. NULL: the setting
     * stream_state; "" or neither: nothing is kept over a restart. */
    const char *state_folder;
    int64_t checkpoint_interval_ms; /* 0: the setting checkpoint_interval */
    /* "exactly-once", "at-least-once", "best-effort"; refused if it cannot be had. NULL: the
     * strongest there is. */
    const char *delivery;
    /* Called in the stream's thread after each part of its sources (a file of those WITH (by_file =
     * true)), which is a round: what came of it was handed to the sink. It may look at the stream
     * and wait, nothing else; false: the stream ends as by weir_stream_stop. NULL: nobody. */
    bool (*after_part)(void *arg, struct weir_stream *stream);
    void *after_part_arg;
} weir_stream_options;

typedef enum weir_stream_status {
    WEIR_STREAM_CREATED,      /* not started, or still opening what it reads and writes */
    WEIR_STREAM_RESTORED,     /* has its state of last time, nothing read yet */
    WEIR_STREAM_RUNNING,      /* reads as fast as rows come */
    WEIR_STREAM_BACKPRESSURE, /* rows wait at a source for the query or its sink */
    WEIR_STREAM_STOPPED,      /* ended: asked to, or all sources ended */
    WEIR_STREAM_FAILED,       /* ended by an error that weir_stream_await gives */
} weir_stream_status;

/* As of the last round, a tenth of a second ago at most. */
typedef struct weir_stream_figures {
    weir_stream_status status;
    bool has_ended;            /* stopped or failed; nothing changes any more */
    bool is_drained;           /* the sources have nothing left at the moment */
    bool is_idle;              /* and what they gave is committed */
    uint64_t rows_in;          /* read since it was started */
    uint64_t rows_out;         /* handed to the sink, rows that were taken back included */
    uint64_t late_rows;        /* whose window was out already */
    uint64_t dead_rows;        /* that could not be read and were set aside */
    uint64_t batches;          /* read */
    uint64_t rounds;           /* of reading everything there is and handing on what came of it */
    bool has_watermark;        /* time is known */
    int64_t watermark_us;      /* rows before it are late; Unix time */
    bool has_lag_rows;         /* all sources know it */
    bool has_lag_bytes;        /* likewise */
    uint64_t lag_rows;         /* known to the sources and not read yet */
    uint64_t lag_bytes;        /* likewise */
    uint64_t state_bytes;      /* memory of groups, rows and the like that are remembered */
    uint64_t checkpoints;      /* commits since it was started */
    uint64_t epoch;            /* number of the last commit of all times; 0: none */
    uint64_t checkpoint_bytes; /* that the last commit wrote into the state */
    int64_t checkpoint_duration_us; /* of the last commit */
    int64_t round_duration_us;      /* of the last round */
    int64_t idle_us;                /* since rows came last */
    int64_t running_us;             /* since it was started */
    const char *sink_connector;     /* "files"; static */
    const char *delivery;           /* "exactly-once"; static */
    const char *delivery_reason;    /* why it is not more; as long as the stream */
} weir_stream_figures;

/* Says whether sql is one statement that fills a sink from a source: what weir_stream_open takes.
 * Fails if it is wrong. Nothing is run. */
WEIR_API weir_status weir_stream_check(weir_session *session, const char *sql, size_t length,
                                       bool *is_stream);
/* Makes a stream of the last statement of sql, which fills a sink; those before it are run to
 * their end first, their rows are dropped. Fails with what cannot run without end, with BUSY if the
 * name or the state is in use, and inside BEGIN .. COMMIT. options may be NULL. Afterwards the
 * session is free for other statements, also to drop the source or sink: the stream keeps its own.
 * Tables it joins are those of this moment. Close streams before the engine; the session may be
 * closed before. The session's thread; everything else of a stream: any thread. */
WEIR_API weir_status weir_stream_open(weir_session *session, const char *sql, size_t length,
                                      const weir_stream_options *options, weir_stream **out);
/* Lets it run on a thread of its own. Once. */
WEIR_API weir_status weir_stream_start(weir_stream *stream);
WEIR_API const char *weir_stream_name(const weir_stream *stream);
/* What may surprise, one line each; NULL: nothing. */
WEIR_API const char *weir_stream_notices(const weir_stream *stream);
WEIR_API void weir_stream_progress(const weir_stream *stream, weir_stream_figures *out);
/* Waits until it has ended or timeout_ms are over (negative: no limit); *ended says which. The
 * error if it failed, at every call. */
WEIR_API weir_status weir_stream_await(weir_stream *stream, int64_t timeout_ms, bool *ended);
/* Waits until, after one more round at least, the sources have nothing left and what they gave is
 * committed, which does not wait for the interval; *idle is also true if it has ended. */
WEIR_API weir_status weir_stream_await_idle(weir_stream *stream, int64_t timeout_ms, bool *idle);
/* Asks it to end after the present round, with a last commit. Safe in a signal handler. */
WEIR_API void weir_stream_stop(weir_stream *stream);
/* Ends it at once, without a commit: it fails with CANCELLED. Safe in a signal handler. */
WEIR_API void weir_stream_cancel(weir_stream *stream);
/* Everything about it as one JSON object. Free with weir_text_free. */
WEIR_API char *weir_stream_snapshot(const weir_stream *stream);
/* Its operators, the delivery it promises and why. Free with weir_text_free. */
WEIR_API char *weir_stream_explain(const weir_stream *stream);
/* Stops it first if it runs. Accepts NULL. */
WEIR_API void weir_stream_close(weir_stream *stream);
/* How long streams that run together go on. Zeroed: until all have ended. */
typedef struct weir_streams_limits {
    bool once;       /* until their sources have nothing left */
    int64_t idle_ms; /* until nothing came for so long; 0: no limit, as in what follows */
    int64_t run_ms;  /* until one has run for so long */
} weir_streams_limits;
/* Called every now and then while they run; false: they are stopped as by weir_stream_stop. */
typedef bool weir_streams_fn(void *arg, weir_stream *const *streams, int count);
/* Waits until all streams, which were started, have ended; stops them when a limit is reached or
 * watch (may be NULL) says so. When one fails the others are stopped, and it gives that error and
 * *failed its number; -1: none did. The thread of the caller. */
WEIR_API weir_status weir_streams_wait(weir_stream *const *streams, int count,
                                       const weir_streams_limits *limits, weir_streams_fn *watch,
                                       void *arg, int *failed);

/* ---- rows of the host program that go on coming ---- */
/* Brings rows to a source made by CREATE SOURCE name (columns) WITH (connector = 'push'). */
typedef struct weir_push weir_push;
/* One thread at a time uses a weir_push; several may have one of the same source. It outlives the
 * session. */
WEIR_API weir_status weir_push_open(weir_session *session, const char *name, weir_push **out);
/* Hands over the rows of a struct array (columns by name, converted to the types of the source).
 * Waits up to timeout_ms (negative: no limit) until a query reads the source and is not behind;
 * *taken false: the time was over, array is as it was. If it was taken, or was left out because
 * queries have it already, array is released.
 * number: 1, 2, 3 .. in the order of the rows, 0: the next one. A query that goes on after a
 * restart leaves out the batches its last commit has: who brings those behind
 * weir_push_committed again, under their numbers, loses nothing and brings nothing twice. */
WEIR_API weir_status weir_push_batch(weir_push *push, const struct ArrowSchema *schema,
                                     struct ArrowArray *array, int64_t number, int64_t timeout_ms,
                                     bool *taken);
/* All batches of a stream, which is taken over; waits as long as it takes. */
WEIR_API weir_status weir_push_stream(weir_push *push, struct ArrowArrayStream *stream);
/* Nothing will come any more: queries end when they have read the rest. */
WEIR_API void weir_push_end(weir_push *push);
/* The last batch that all queries with commits have committed; 0: none. */
WEIR_API int64_t weir_push_committed(const weir_push *push);
WEIR_API void weir_push_close(weir_push *push); /* the source goes on; accepts NULL */

/* ---- looking at what flows ---- */
typedef struct weir_tap_options {
    uint64_t rows_max; /* ends after so many rows; 0: no limit */
    int64_t time_ms;   /* ends after so long; 0: no limit */
} weir_tap_options;
/* Starts the last statement of sql, a query over sources, as a stream whose rows weir_query_next
 * gives as they come; those before it are run first. A query whose answers change (groups without
 * EMIT ON WINDOW CLOSE, say) has one column more in front, "change": 1 for a row that appears, -1
 * for one that is taken back. Sources are read from where they begin by readers of its own: nothing
 * changes for streams that run. It ends when they end, after rows_max or time_ms, or by
 * weir_query_cancel or weir_session_interrupt, which it reports as CANCELLED. options may be NULL.
 * Close the query before the session. */
WEIR_API weir_status weir_tap_start(weir_session *session, const char *sql, size_t length,
                                    const weir_tap_options *options, weir_query **out);

/* ---- data of the host program ---- */
/* Makes the rows of stream readable as table name in this session until weir_unregister, in place
 * of what was registered under the name before. The stream is taken over, also when it fails, and
 * read to its end now; its arrays are kept as they are, not copied: each is released, by any
 * thread, when the table is gone and nobody reads it any more, queries and arrays that were
 * exported from it included. What buffers hold is checked when it is read. Their bytes count as
 * memory of the engine, once. */
WEIR_API weir_status weir_register_stream(weir_session *session, const char *name,
                                          struct ArrowArrayStream *stream);

/* What a scan wants of a source. */
typedef struct weir_wish {
    const char *const *columns; /* names of those that are read, in the order of the schema */
    int column_count;           /* may be 0: only the number of rows matters */
    int64_t rows_max;           /* no more rows are needed; -1: all */
} weir_wish;
/* Rows of the host program that can be read any number of times: a query over files, a generator.
 * open gives a stream of the rows from the beginning, for one scan, with all columns of the schema
 * or those wished for, in the order of the schema; types as in the schema. The engine releases the
 * stream, perhaps before its end. An error that open returns (weir_error_new) fails the statement.
 * Any thread, several at once; one stream is read by one thread at a time. */
typedef struct weir_source {
    void *arg;
    weir_status (*open)(void *arg, const weir_wish *wish, struct ArrowArrayStream *out);
    void (*drop)(void *arg); /* called once, when nobody can open it any more; may be NULL */
    int64_t row_count;       /* an estimate, for plans; -1: unknown */
} weir_source;
/* The same as weir_register_stream for rows that are read anew by every scan. Takes over schema (a
 * struct of the columns) and source, also when it fails. */
WEIR_API weir_status weir_register_source(weir_session *session, const char *name,
                                          struct ArrowSchema *schema, const weir_source *source);
WEIR_API weir_status weir_unregister(weir_session *session, const char *name);

/* What a name stands for, if the host program knows it: fill stream, or schema and source. */
typedef struct weir_found {
    struct ArrowArrayStream stream; /* read to its end at once, as by weir_register_stream */
    struct ArrowSchema schema;
    weir_source source;
} weir_found;
/* Asked for a table when a statement names one, without a schema, that neither the catalog nor
 * anything else has; found is zeroed and stays so if the name is not known: then the statement
 * fails as usual. Asked once per name and statement, while weir_query_start, weir_prepare and the
 * like run, on their thread; what it gives lives as long as the statement. It must not use the
 * session. */
typedef weir_status weir_find_table_fn(void *arg, const char *name, weir_found *found);
/* NULL: nobody is asked any more. Clones of the session have it, too. */
WEIR_API void weir_session_find_tables(weir_session *session, weir_find_table_fn *find, void *arg);

/* ---- tracked runs: what was run, how it went, and what came of it, in files ---- */
/* A workspace: folders runs/<run id>/ with run.json, inputs.json, explain.json, progress.jsonl,
 * stdout.log, stderr.log and artifacts/, and index/artifacts.sqlite, which is mended from the
 * folders whenever it is missing, damaged or says something else. Threads and processes may use
 * one at once, and a process may be killed at any time: the next look tells its runs as failed.
 * JSON texts are UTF-8; those handed out are ended with weir_text_free. */
typedef struct weir_runs weir_runs;
/* home NULL: $WEIR_HOME, else $XDG_DATA_HOME/weir, else ~/.local/share/weir. Writes nothing. */
WEIR_API weir_status weir_runs_open(const char *home, weir_runs **out);
WEIR_API const char *weir_runs_home(const weir_runs *runs); /* as long as runs */
WEIR_API void weir_runs_close(weir_runs *runs); /* its runs are closed before; accepts NULL */
/* Asks something. Any thread; calls on one weir_runs wait for each other. arguments: a JSON object
 * or NULL. run_id and artifact_id: whole, a beginning that only one has, "last", or "last~2": the
 * second before it.
 *
 *   what               arguments (all optional but ids)            members of the reply
 *   list               status action tag query limit               runs
 *   show               run_id limit                                run inputs artifacts
 *   status             run_id limit                                status latest_progress ..
 *   logs               run_id limit (lines, from the end)          stdout stderr
 *   result             run_id limit                                run artifact preview
 *   diff               run_id other_run_id limit                   metadata_diff result_diff
 *   tag                run_id add remove run_name description      run before
 *   gc                 keep_last ttl_days delete_files             deleted_run_ids ..
 *   artifacts          run_id limit                                artifacts
 *   artifact           artifact_id                                 artifact
 *   preview            artifact_id limit                           artifact preview
 *   export             artifact_id path format overwrite           path row_count
 *   forget_artifact    artifact_id delete_files                    artifact
 *   datasets           limit                                       datasets ..
 *
 * tag, gc, export and forget_artifact take dry_run: they say what they would do. *reply always
 * becomes a JSON object with "ok"; if it fails, one with error, error_type, phase and details. */
WEIR_API weir_status weir_runs_ask(weir_runs *runs, const char *what, const char *arguments,
                                   char **reply);

/* A run that is carried out. One thread at a time. */
typedef struct weir_run weir_run;
/* Makes its folder, status "running". inputs: {"action": "query", "action_args": {..}, "run_name",
 * "description", "tags": [..], "timeout_ms", "cli_args": [..]}, all optional but action. Values of
 * passwords, tokens and the like are written as "***", here and everywhere else. Close it before
 * runs. */
WEIR_API weir_status weir_run_begin(weir_runs *runs, const char *inputs, weir_run **out);
/* As begin, with the inputs of another run, which becomes its parent_run_id. changes: NULL, or
 * members that take the place of those in the inputs. Fails if a secret was left out of them. */
WEIR_API weir_status weir_run_again(weir_runs *runs, const char *run_id, const char *changes,
                                    weir_run **out);
WEIR_API const char *weir_run_id(const weir_run *run);     /* as long as run, as these: */
WEIR_API const char *weir_run_folder(const weir_run *run); /* absolute */
WEIR_API const char *weir_run_inputs(const weir_run *run); /* JSON, with secrets */
/* Adds to stdout.log, or to stderr.log. */
WEIR_API weir_status weir_run_log(weir_run *run, bool is_error, const char *text, size_t length);
/* Adds a line to progress.jsonl: a JSON object. */
WEIR_API weir_status weir_run_progress(weir_run *run, const char *json);
/* Writes explain.json of a statement; of one that has no plan it says why. */
WEIR_API weir_status weir_run_explain(weir_run *run, weir_session *session, const char *sql,
                                      size_t length);
/* Runs the statements of sql. Rows of the last one go into an artifact and are not held in memory;
 * progress is written meanwhile. options, a JSON object or NULL: "params" {name: value} or [value]
 * (a value is a text, or {"text": "2020-01-01", "type": "DATE"}), "format" (parquet), "path"
 * (result.<format> in artifacts/), "file_name" there. *result: JSON with tag, affected, schema,
 * types, row_count, the artifact and a preview as "rows". */
WEIR_API weir_status weir_run_query(weir_run *run, weir_session *session, const char *sql,
                                    size_t length, const char *options, char **result);
/* Makes an artifact of a file. type: "result", "snapshot" ..; format: parquet, csv, json, text ..
 */
WEIR_API weir_status weir_run_add_file(weir_run *run, const char *path, const char *type,
                                       const char *format);
/* Who wants to know of the query that weir_run_query carries out: called with it once it has
 * started, and with NULL before it is closed, in the thread of weir_run_query. */
typedef void weir_run_watch_fn(void *arg, weir_query *query);
WEIR_API void weir_run_watch(weir_run *run, weir_run_watch_fn *watch, void *arg);
/* The same of the streams that weir_run_carry_out runs: as watch of weir_streams_wait. A run whose
 * streams were to read all there is fails with CANCELLED then. */
WEIR_API void weir_run_watch_streams(weir_run *run, weir_streams_fn *watch, void *arg);
/* Carries out the action of its inputs, query, file-sql or stream-sql-once, and finishes the run.
 * *reply as that of weir_run_finish. Fails as the action does; other actions are UNSUPPORTED. */
WEIR_API weir_status weir_run_carry_out(weir_run *run, weir_session *session, char **reply);
/* Ends it: failed with bad, timed_out if that is a TIMEOUT, or succeeded with NULL. bad is
 * borrowed; phase, result (a JSON value) and sql, the text bad points into, may be NULL. *reply:
 * {ok, run_id, run_dir, status, action, tags, result, artifacts}, or {ok: false, run_id, run_dir,
 * status, error, error_type, phase, details, code, sqlstate, hint, fix}. Fails if run.json cannot
 * be written. */
WEIR_API weir_status weir_run_finish(weir_run *run, weir_status bad, const char *phase,
                                     const char *sql, const char *result, char **reply);
/* A run that was not finished has failed. Accepts NULL. */
WEIR_API void weir_run_close(weir_run *run);

/* ---- functions of the host program ---- */
/* Functions and aggregates of the database: every session may call them, wherever a built-in one
 * may stand, in streams too. A function hides a built-in one of the same name and replaces what was
 * made under it before; DROP FUNCTION name ends it. Statements, streams and views that are bound
 * keep theirs: drop is called once, by any thread, when nobody uses the definition any more.
 *
 * Arguments come as a struct array with one child per argument, in their declared types
 * (conversions are made as for built-in functions). schema describes it and lives as long as the
 * function. The array is the callee's if it sets args->release to NULL (after moving it away), else
 * the engine releases it; either way its memory is good until then.
 *
 * Results are an array of as many rows, of the declared type or one that converts to it (a text may
 * be utf8, large_utf8, a view or a dictionary). Fill result and, if its layout is not weir's own,
 * result_schema; the engine releases both, also after an error. An error (weir_error_new) fails the
 * statement and names the function and the rows.
 *
 * Callbacks are called by any thread, several at a time unless is_serial. They must not use the
 * session that runs the statement. */
typedef enum weir_volatility {
    WEIR_IMMUTABLE, /* the same arguments give the same result: may be computed once, ahead */
    WEIR_STABLE,    /* the same within one statement */
    WEIR_VOLATILE,  /* computed for every row */
} weir_volatility;

typedef struct weir_call {
    const struct ArrowSchema *schema;
    struct ArrowArray *args; /* length says how many rows, also without arguments */
    struct ArrowSchema *result_schema;
    struct ArrowArray *result;
} weir_call;

typedef struct weir_function {
    const char *name, *help;      /* help may be NULL */
    const char *const *arg_types; /* "DOUBLE", "DECIMAL(10,2)", "VARCHAR[]" */
    int arg_count;
    const char *result_type;
    weir_volatility volatility;
    bool sees_nulls; /* false: rows with a NULL argument are NULL and not among those of a call */
    bool is_serial;  /* one call at a time */
    void *arg;
    weir_status (*call)(void *arg, weir_call *call);
    void (*drop)(void *arg); /* may be NULL */
} weir_function;
/* Takes over what arg stands for, also when it fails. Names and types are copied. A name may have
 * several forms with different arg_types, of which a call takes the one that fits best; a form with
 * the same arg_types is replaced. An aggregate of that name, or a function where an aggregate is
 * made, goes with all its forms, and built-in functions of the name are hidden. DROP FUNCTION name
 * ends all forms, DROP FUNCTION name(types) one. */
WEIR_API weir_status weir_function_create(weir_session *session, const weir_function *function);

/* Rows for some states: those of states[k] are rows [starts[k], starts[k + 1]) of args. */
typedef struct weir_update {
    const struct ArrowSchema *schema;
    struct ArrowArray *args;
    void *const *states;
    const int64_t *starts;
    int64_t state_count;
} weir_update;

typedef struct weir_bytes weir_bytes; /* where save writes */
/* Appends a copy of size bytes. The thread that was called. */
WEIR_API void weir_bytes_add(weir_bytes *bytes, const void *from, size_t size);

/* A state belongs to one group, or window; it is used by one thread at a time, not always the same.
 * All callbacks but take_back and drop are needed. */
typedef struct weir_aggregate {
    const char *name, *help;
    const char *const *arg_types;
    int arg_count;
    const char *result_type;
    bool sees_nulls; /* false: rows with a NULL argument are not given to update */
    bool sees_order; /* the order of rows matters: they come in it, which takes more memory */
    bool is_serial;
    uint64_t state_bytes; /* what a state takes, about: counted as memory of the statement */
    void *arg;
    weir_status (*state_new)(void *arg, void **state);
    void (*state_drop)(void *arg, void *state);
    weir_status (*update)(void *arg, weir_update *update);
    weir_status (*merge)(void *arg, void *into, const void *from); /* from stays as it is */
    /* One result per state, which stays as it is and may see more rows later. */
    weir_status (*evaluate)(void *arg, void *const *states, int64_t count,
                            struct ArrowSchema *result_schema, struct ArrowArray *result);
    /* A state as bytes and back, for checkpoints and for groups that do not fit in memory. */
    weir_status (*save)(void *arg, const void *state, weir_bytes *out);
    weir_status (*load)(void *arg, const void *bytes, size_t size, void **state);
    /* As update, of rows that were given to update and are forgotten again, exactly: in streams
     * whose rows are taken back. NULL: such streams keep the rows and begin with a new state. Not
     * asked when the order of rows matters. */
    weir_status (*take_back)(void *arg, weir_update *update);
    void (*drop)(void *arg);
} weir_aggregate;
/* As weir_function_create. */
WEIR_API weir_status weir_aggregate_create(weir_session *session, const weir_aggregate *aggregate);

/* ---- sinks of the host program ---- */
/* What CREATE SINK s (columns) WITH (connector = 'callback', name = '..') writes to. open makes a
 * writer for one INSERT or one stream (query: its name, of streams); the others are called by one
 * thread at a time, not always the same. Rows come in the columns of the sink, as schema says,
 * which lives until close; rows is the callee's if it sets rows->release to NULL, else the engine
 * releases it.
 *
 * A sink that takes changes has one column more in front, "change" (int8): 1 for a row that
 * appears, -1 for one that is taken back, by its key if the sink has a PRIMARY KEY. One that does
 * not is refused to queries whose rows change.
 *
 * With prepare and commit rows are written exactly once: prepare makes what was written since the
 * last one durable, or part of token; then the state of the stream is committed, with the token;
 * then commit makes it visible. After a crash commit is called again with the epoch and the token
 * of the last one: it does what is missing and nothing twice. No two commits of a stream have one
 * epoch, and later ones have greater ones, also when it begins again without its state. A stream
 * that keeps no state calls flush instead, or, if there is none, prepare and commit. abort forgets
 * what was written since the last prepare. Without the two, rows are written at least once, and
 * flush makes them visible. */
typedef struct weir_sink {
    const char *name; /* copied */
    void *arg;
    bool takes_changes;
    weir_status (*open)(void *arg, const char *query, const struct ArrowSchema *schema,
                        void **writer);
    weir_status (*write)(void *writer, const struct ArrowSchema *schema, struct ArrowArray *rows);
    weir_status (*prepare)(void *writer, uint64_t epoch, weir_bytes *token);
    weir_status (*commit)(void *writer, uint64_t epoch, const void *token, size_t size);
    weir_status (*flush)(void *writer); /* may be NULL, as the next four */
    void (*abort)(void *writer);
    void (*close)(void *writer);
    void (*drop)(void *arg); /* once, by any thread, when nobody uses the definition any more */
} weir_sink;
/* Defines it for the engine, in place of the one of that name; sinks made before keep theirs. Takes
 * over what arg stands for, also when it fails. */
WEIR_API weir_status weir_sink_create(weir_session *session, const weir_sink *sink);

/* ---- sources of the host program that are asked for rows ---- */
/* What one read gives. rows: a struct array with the columns of the source by name, converted to
 * its types; schema describes it and is given with the first one and whenever it differs from that
 * of the last. Both are the engine's from then on. rows without release: nothing came. */
typedef struct weir_read {
    int64_t timeout_ms; /* nothing is there: how long to wait for rows; 0: not at all */
    struct ArrowSchema schema;
    struct ArrowArray rows;
    /* Where reading goes on behind these rows, by weir_bytes_add: bytes that open understands. If
     * nothing is added it is still what was told last, and rows behind that are counted. */
    weir_bytes *position;
    bool has_ended; /* nothing will come behind them */
} weir_read;

/* What CREATE SOURCE s (columns) WITH (connector = 'callback', name = '..') reads. open makes a
 * reader for one stream or query; the others are called by one thread at a time, not always the
 * same, and not before what read gave was worked off. Positions are committed with the state of the
 * stream and its sink's token; open gets the last one after a restart (size 0: the beginning), and
 * must give the same rows behind it in the same order, however they are cut into arrays. What they
 * return as errors ends the stream. A source with partitions has the places of all of them in its
 * position. */
typedef struct weir_feed {
    const char *name; /* copied */
    void *arg;
    bool is_bounded;   /* it ends: INSERT .. SELECT does, too */
    bool is_forgetful; /* it cannot be opened at an earlier position: nothing is promised of rows */
    weir_status (*open)(void *arg, const void *position, size_t size, void **reader);
    weir_status (*read)(void *reader, weir_read *read);
    /* Rows that it knows of and has not given; -1: unknown. May be NULL, as the next three. */
    int64_t (*lag)(void *reader);
    /* A position was committed: nobody will ask for what is before it. */
    weir_status (*ack)(void *reader, const void *position, size_t size);
    void (*close)(void *reader);
    void (*drop)(void *arg); /* once, by any thread, when nobody uses the definition any more */
} weir_feed;
/* Defines it for the engine, in place of the one of that name; sources made before keep theirs.
 * Takes over what arg stands for, also when it fails. */
WEIR_API weir_status weir_feed_create(weir_session *session, const weir_feed *feed);

/* ---- describing weir itself ---- */
/* Functions, settings, formats, errors, keywords as one JSON document (weir describe --json). Free
 * with weir_text_free. */
WEIR_API char *weir_describe_json(void);
/* Words that may stand at the end of the text before the cursor, one per line, best first:
 * keywords, tables, columns, functions. Free with weir_text_free. */
WEIR_API char *weir_complete(weir_session *session, const char *text, size_t length);

#ifdef __cplusplus
}
#endif
#endif
