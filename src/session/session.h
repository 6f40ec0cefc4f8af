/* session.h - the objects behind the public API; not for other folders.
 *
 * Engine: budget root, worker pool, store, catalog. Session: settings, transaction, prepared
 * statements. Query: one running statement with its arena, planner and run. A query belongs to its
 * session's thread; cancel flags and the count of interrupts are all that other threads write. */
#pragma once
#include "base/map.h"
#include "catalog/catalog.h"
#include "exec/run.h"
#include "fmt/file_cache.h"
#include "plan/plan.h"
#include "sql/parse.h"
#include "sys/clock.h"
#include "sys/thread.h"
#include "weir/weir.h"

typedef enum wr_setting_id {
#define X(id, name, kind, fallback, help) WR_SET_##id,
#include "session/settings.def"
#undef X
    WR_SETTING_COUNT
} wr_setting_id;

enum { WR_FILE_CACHE_PART = 4 }; /* of memory_limit, unless it is set */

struct weir_engine {
    wr_mem *mem;
    uint64_t memory_limit; /* as opened; RESET memory_limit goes back to it */
    char *memory_text;     /* guarded by lock: as it was set; NULL: as opened */
    char *cache_text;      /* guarded by lock: file_cache_size; NULL: a part of the memory limit */
    wr_file_cache *cache;
    int session_count; /* guarded by lock: open ones */
    wr_fs *fs;
    wr_store *store;
    wr_catalog *catalog;
    bool read_only;
    int thread_count; /* default of new sessions */
    wr_mutex lock;
    wr_pool **pools;             /* guarded by lock; the last one is the largest */
    int pool_count;              /* guarded by lock */
    uint64_t next_session;       /* guarded by lock */
    _Atomic uint64_t temp_bytes; /* in temporary files of all queries */
    struct wr_running *running;  /* guarded by lock; the streams there are */
    struct wr_live_view *views;  /* guarded by lock; those whose queries go on, the newest first */
    struct wr_host_sink *sinks;  /* guarded by lock; of the host program */
    struct wr_host_feed *feeds;  /* guarded by lock; likewise */
};

typedef struct wr_savepoint {
    char *name;
    uint64_t mark;
} wr_savepoint;

struct weir_session {
    weir_engine *engine;
    uint64_t id;
    bool is_of_stream; /* shares the id with the session it was made like */
    wr_mem *mem;
    char *settings[WR_SETTING_COUNT]; /* text form; NULL = the row's default */
    const wr_zone *zone;
    wr_arena path_arena;
    wr_str *search_path;
    int search_path_count;
    /* transaction */
    wr_txn *txn;   /* NULL outside */
    bool in_block; /* BEGIN was said */
    bool failed;   /* only ROLLBACK helps */
    bool txn_read_only;
    bool starts_read_only; /* SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY */
    int64_t txn_started_us;
    wr_savepoint *savepoints;
    int savepoint_count, savepoint_cap;
    int open_queries;   /* hold the autocommit transaction */
    wr_map prepared;    /* name -> wr_prepared_text */
    wr_map sequences;   /* last values for currval: name -> int64_t * */
    int64_t last_value; /* of any sequence, for lastval */
    bool has_last_value;
    struct {
        int id;
        char *text; /* what SET LOCAL replaced; NULL: the default */
    } local[WR_SETTING_COUNT];
    int local_count;
    wr_relation *last_result;       /* "_": rows of a query that were kept; NULL: none */
    _Atomic uint64_t interrupts;    /* how often weir_session_interrupt was called */
    weir_find_table_fn *find_table; /* asked for tables nobody else has; NULL: nobody is */
    void *find_arg;
};

/* A PREPAREd statement: kept as text, bound anew when executed. */
typedef struct wr_prepared_text {
    char *name, *sql;
} wr_prepared_text;

/* Rows of statements that are answered from memory: SHOW, DESCRIBE, EXPLAIN. Every value is text or
 * NULL. */
typedef struct wr_text_rows {
    wr_str *values; /* row by row; data NULL = NULL */
    int row_count, row_cap;
    int next; /* first row not handed out yet */
} wr_text_rows;

struct weir_rows {
    wr_batch batch;
    weir_query *query;
};

struct weir_query {
    weir_session *session;
    wr_arena tree; /* of the parsed text: plans borrow names and literals from it */
    wr_arena arena;
    wr_buf sql; /* the statement's text */
    wr_mem *mem;
    wr_cancel cancel;
    wr_env env;
    wr_format_context files;
    wr_catalog_view view;
    wr_planner planner;
    wr_bound bound;
    wr_plan_node *plan;
    wr_temp_space temp;
    wr_mutex run_lock; /* progress may be asked for from any thread */
    wr_run *run;       /* NULL when done or a utility statement; changes guarded by run_lock */
    weir_kind kind;
    const char *tag;
    wr_schema schema; /* of the rows that come */
    char **names;     /* NUL-terminated column names */
    wr_text_rows text_rows;
    wr_relation *kept; /* rows handed out so far, to become the session's last result */
    uint64_t kept_bytes_max;
    bool is_kept;
    WR_LIST(void *) rejects;              /* rejects.c */
    struct wr_subscription *subscription; /* of SUBSCRIBE, NULL otherwise */
    int64_t affected;
    bool holds_txn;   /* counted in session->open_queries */
    uint64_t read_in; /* the block that fails if reading does; 0: none */
    bool is_done, has_failed, keys_settled;
    int64_t started_ns;
    wr_buf notices;
    wr_batch batch;
    weir_rows rows;
    wr_buf text; /* of weir_rows_text */
    wr_arena batch_arena;
    uint64_t statement_mark;
    uint64_t reserved;    /* counted in mem for the caller */
    struct wr_live *live; /* NULL: rows come from run */
    bool owns_session;    /* closed with the query */
    bool only_defines;    /* CREATE SINK .. AS leaves its rows to a stream */
    bool has_given_rows;
    weir_status stream_error; /* of the Arrow stream that has the query; NULL: none */
};

/* ---- engine.c ---- */
WR_MUST_CHECK weir_status wr_engine_pool(weir_engine *engine, int thread_count, wr_pool **out);
/* A session with the settings, the search path and the temporary objects of another one, for a
 * thread of its own; not counted among the engine's. The session's thread. */
WR_MUST_CHECK weir_status wr_session_like(weir_session *session, weir_session **out);

/* create_table.c: UNSUPPORTED for a COLLATE that orders otherwise than by bytes. */
WR_MUST_CHECK weir_status wr_check_collation(const wr_sql_column_def *def);

/* ---- foreign_key.c ---- */
/* Carries out what foreign keys ask for after the changes of the query, and checks them:
 * FOREIGN_KEY_VIOLATION. To be called when all its changes are made and before it ends. */
WR_MUST_CHECK weir_status wr_settle_foreign_keys(weir_query *query);
/* Runs a query of its own inside the statement; its first row goes to row as text, empty if there
 * is none. */
WR_MUST_CHECK weir_status wr_find_row(weir_query *query, wr_str sql, wr_buf *row);
/* Do all rows of owner refer to rows of target? FOREIGN_KEY_VIOLATION */
WR_MUST_CHECK weir_status wr_check_foreign_key(weir_query *query, const wr_object *owner,
                                               const wr_object *target,
                                               const wr_reference_def *key);
/* The number of the key over exactly these columns in any order, -1 if there is none. */
int wr_key_of_columns(const wr_object *table, const uint64_t *ids, int count);
/* ---- foreign_key_define.c ---- */
/* Adds the constraint to owner, whose columns and keys are complete but which is not in the catalog
 * yet; column: the one it stands behind, or -1. */
WR_MUST_CHECK weir_status wr_add_foreign_key(weir_query *query, wr_object *owner,
                                             const wr_sql_constraint *constraint, int column);
/* DEPENDENT if another table refers to target (only: to that key, target itself counts as well), or
 * with cascade those constraints go; tables in besides may. */
WR_MUST_CHECK weir_status wr_free_of_referrers(weir_query *query, const wr_object *target,
                                               const wr_key_def *only, wr_object *const *besides,
                                               int besides_count, bool cascade);
/* Is the column part of a foreign key or of a key that one refers to? */
bool wr_in_foreign_key(weir_query *query, const wr_object *table, uint64_t column);
bool wr_reference_uses(const wr_reference_def *key, uint64_t column);
/* Gives to the foreign keys of from, without those to not_to (only: to that key) if it is given. */
void wr_copy_foreign_keys(wr_object *to, const wr_object *from, const wr_object *not_to,
                          const wr_key_def *only);
/* alter.c: replaces owner by a table without its foreign keys to target (only: to that key). */
WR_MUST_CHECK weir_status wr_drop_foreign_keys(weir_query *query, const wr_object *owner,
                                               const wr_object *target, const wr_key_def *only);

/* ---- transaction.c: no statement runs outside of a transaction ---- */
/* TXN_ABORTED inside a block in which a statement failed; span: of the one that comes now. */
WR_MUST_CHECK weir_status wr_session_check_usable(const weir_session *session, wr_span span);
WR_MUST_CHECK weir_status
wr_session_begin(weir_session *session); /* if there is none: an autocommit one */
WR_MUST_CHECK weir_status wr_session_transaction(weir_session *session,
                                                 const wr_sql_transaction *statement, wr_str sql,
                                                 const char **tag);
/* Below this sorting, grouping and joining would not work even with temporary files; and of larger
 * limits a worker needs its share. */
enum { WR_WORK_MEM_MIN = 4000000, WR_WORKER_MEM_MIN = 2000000 };

/* SET TRANSACTION and SET SESSION CHARACTERISTICS: the modes as texts. */
WR_MUST_CHECK weir_status wr_session_set_modes(weir_query *query, const wr_sql_set *set,
                                               wr_str modes);
/* After a statement: commits or rolls back autocommit transactions, marks blocks as failed. */
void wr_session_statement_ends(weir_session *session, bool failed, uint64_t mark);
/* What the statement that began at mark has done goes; a block around it goes on. */
void wr_session_undo(weir_session *session, uint64_t mark);
void wr_session_rollback(weir_session *session);
void wr_session_view(weir_session *session, wr_catalog_view *out);

/* ---- settings.c ---- */
WR_MUST_CHECK weir_status wr_session_set(weir_session *session, wr_str name, wr_str value,
                                         wr_span span);
/* SET LOCAL, SESSION, GLOBAL. A setting of the engine may be changed with GLOBAL, or without a word
 * while there is no other session; one of the session not with GLOBAL. */
WR_MUST_CHECK weir_status wr_session_set_scoped(weir_session *session, wr_set_scope scope,
                                                wr_str name, wr_str value, wr_span span);
/* The transaction ends: what SET LOCAL changed goes back. */
void wr_session_end_local(weir_session *session);
int wr_session_settings(void *session, wr_arena *arena, wr_setting_text **out); /* for wr_env */
WR_MUST_CHECK weir_status wr_session_get(weir_session *session, wr_str name, wr_span span,
                                         wr_arena *arena, wr_str *out);
WR_MUST_CHECK weir_status wr_session_reset(weir_session *session, wr_str name,
                                           wr_span span);              /* empty name: all */
int64_t wr_session_int(const weir_session *session, wr_setting_id id); /* checked when it was set */
wr_str wr_session_text(const weir_session *session, wr_setting_id id);
void wr_session_clear_settings(weir_session *session);
void wr_settings_list(weir_session *session, weir_query *query); /* SHOW ALL */
typedef struct wr_setting_row {
    const char *name, *kind, *fallback, *help;
} wr_setting_row;
extern const wr_setting_row wr_setting_rows[WR_SETTING_COUNT];

/* ---- statement.c ---- */
WR_MUST_CHECK weir_status wr_query_new(weir_session *session, weir_query **out);
/* No more rows are wanted: everything it holds is given back. May be called again. */
void wr_query_end(weir_query *query, bool failed);
WR_MUST_CHECK weir_status wr_query_run_statement(weir_query *query, const wr_node *statement);
void wr_query_prepare_planner(weir_query *query);
void wr_query_take_names(weir_query *query); /* of the columns of its schema */
/* READ_ONLY, or UNSUPPORTED for a sink with rows of its own: may the bound INSERT be run? */
WR_MUST_CHECK weir_status wr_query_check_insert(const weir_query *query, const wr_node *statement);
WR_MUST_CHECK weir_status wr_query_plan(weir_query *query, const wr_bound *bound, wr_run **run);
/* Runs a bound query to its end, handing every batch to fn. */
WR_MUST_CHECK weir_status wr_query_drain(weir_query *query, const wr_bound *bound,
                                         weir_status (*fn)(void *arg, const wr_batch *batch),
                                         void *arg);

/* ---- ddl.c, alter.c ---- */
/* function.c: takes the form with these types of arguments out of the catalog, unless it is the
 * last one of the object: then that is the caller's to remove. */
WR_MUST_CHECK weir_status wr_drop_form(weir_query *query, wr_object *object, const wr_nodes *types,
                                       bool *is_last);
WR_MUST_CHECK weir_status wr_run_ddl(weir_query *query, const wr_node *statement, bool *handled);
WR_MUST_CHECK weir_status wr_run_alter(weir_query *query, const wr_sql_alter *alter);
/* target: wr_table *, wr_txn *. For wr_query_drain. */
WR_MUST_CHECK weir_status wr_append_to_table(void *target, const wr_batch *batch);
/* Replaces a table by one with one key more (add, or NULL) and without the key named remove (or
 * ""). */
WR_MUST_CHECK weir_status wr_replace_keys(weir_query *query, const wr_object *table,
                                          const wr_key_def *add, wr_str remove);
WR_MUST_CHECK weir_status wr_run_comment(weir_query *query, const wr_sql_comment *comment);
/* An object of the name, in the schema it says or the current one; not in the catalog yet. */
wr_object *wr_ddl_object_new(weir_query *query, wr_entry_kind kind, const wr_names *name,
                             bool temporary);
/* Is the name taken, so that IF NOT EXISTS has nothing to do? */
bool wr_ddl_exists(weir_query *query, unsigned kinds, const wr_names *name);
/* Takes over the reference. */
WR_MUST_CHECK weir_status wr_ddl_add(weir_query *query, wr_object *object, wr_create_mode mode,
                                     wr_span span);
wr_str wr_ddl_format(wr_arena *arena, const wr_node *node); /* "" for NULL */
void wr_ddl_split_name(const wr_names *name, wr_str default_schema, wr_str *schema, wr_str *object);

/* ---- create_table.c ---- */
WR_MUST_CHECK weir_status wr_run_create_table(weir_query *query, const wr_sql_create_table *create);
/* UNSUPPORTED if the query changes tables; what: "a view". */
WR_MUST_CHECK weir_status wr_check_reads_only(const wr_bound *bound, const char *what);
/* UNSUPPORTED if the query bound last reads a table that only the program knows, for as long as the
 * statement runs, so that what is made of its text could not be read afterwards. */
WR_MUST_CHECK weir_status wr_check_lasts(const weir_query *query, wr_span span, const char *what);
/* UNSUPPORTED for DEFERRABLE and what else keys cannot do. */
WR_MUST_CHECK weir_status wr_check_constraint_modes(const wr_sql_constraint *constraint);

/* ---- create_stream.c: sources and sinks ---- */
/* CREATE SOURCE, CREATE SINK, or CREATE TABLE .. WITH (connector = ..)? */
bool wr_is_stream_table(const wr_sql_create_table *create);
/* The INSERT INTO that is part of CREATE SINK .. AS or FROM; NULL without. Of arena. */
WR_MUST_CHECK weir_status wr_sink_filler(wr_arena *arena, const wr_sql_create_table *create,
                                         wr_node **out);
WR_MUST_CHECK weir_status wr_run_create_stream(weir_query *query,
                                               const wr_sql_create_table *create);

/* ---- materialized.c ---- */
WR_MUST_CHECK weir_status wr_run_create_materialized(weir_query *query,
                                                     const wr_sql_create_view *create);
WR_MUST_CHECK weir_status wr_run_refresh(weir_query *query, const wr_names *names, bool no_data);

/* Makes the view's columns of what its query gives, and an empty table of them. */
WR_MUST_CHECK weir_status wr_view_take_columns(weir_query *query, wr_object *view,
                                               const wr_sql_create_view *create,
                                               const wr_schema *schema);

/* ---- stream_view.c: materialized views whose queries go on ---- */
/* CREATE MATERIALIZED VIEW; bound reads a source without end. */
WR_MUST_CHECK weir_status wr_create_live_view(weir_query *query, const wr_sql_create_view *create,
                                              const wr_bound *bound);
/* EXPLAIN of that; bound is changed as creating changes it. */
WR_MUST_CHECK weir_status wr_explain_live_view(weir_query *query, const wr_sql_create_view *create,
                                               wr_bound *bound, bool as_json, wr_buf *out);
/* REFRESH: waits until the view has what its sources have given. */
WR_MUST_CHECK weir_status wr_refresh_live_view(weir_query *query, const wr_object *view,
                                               wr_span span);
/* Stops the queries of views that were dropped, with a last commit; all: of all views, because the
 * engine is closed. */
void wr_sweep_live_views(weir_engine *engine, bool all);
/* "running", "stopped", "failed: ..". */
void wr_live_view_status(const wr_object *view, wr_buf *out);
/* Columns that only ORDER BY needs leave the plan of a query. */
void wr_bound_drop_order(weir_query *query, wr_bound *bound);
/* Ends the transaction of a statement whose stream goes on: it would keep dead rows alive. What was
 * bound stays as it is. */
void wr_query_leave_transaction(weir_query *query);

/* ---- subscribe.c ---- */
WR_MUST_CHECK weir_status wr_run_subscribe(weir_query *query, const wr_sql_subscribe *node);
/* The next rows as query->batch; waits for them. *more false: the query ended, as its sources did.
 */
WR_MUST_CHECK weir_status wr_subscription_next(weir_query *query, bool *more);
void wr_subscription_drop(weir_query *query); /* if there is one */
WR_MUST_CHECK weir_status wr_explain_subscribe(weir_query *query, const wr_sql_subscribe *node,
                                               bool as_json, wr_buf *out);

/* ---- continuous.c ---- */
/* A bound statement that reads sources without end: INSERT INTO a sink (bound->target). span: what
 * to point at when it cannot be done. */
/* Rows for a sink: does the statement run as a stream, or as a batch? */
bool wr_runs_as_stream(const weir_query *query, const wr_bound *bound);
WR_MUST_CHECK weir_status wr_run_continuous(weir_query *query, const wr_bound *bound, wr_span span);
/* A stream of an engine; entered while it is there, started or not. */
typedef struct wr_running {
    struct wr_running *next;
    wr_str name;
    struct wr_stream *stream;      /* NULL: still being made */
    struct wr_view_rows *view;     /* keeps its rows; NULL: they go to a sink alone */
    bool replaces;                 /* begins anew where the state is that of another query */
    bool (*after_part)(void *arg); /* of wr_stream_options */
    void *after_part_arg;
} wr_running;
/* BUSY if one of that name is there. Any thread. */
WR_MUST_CHECK weir_status wr_running_enter(weir_engine *engine, wr_running *entry);
void wr_running_leave(weir_engine *engine, wr_running *entry);
struct wr_stream_options;
/* The optimised plan of what will run as a stream; what it joins with can be read again if options
 * say so. */
WR_MUST_CHECK weir_status wr_optimize_stream(weir_query *query,
                                             const struct wr_stream_options *options,
                                             wr_logical **root);
/* What the settings of the session and the statement say. */
void wr_take_stream_settings(weir_query *query, const wr_bound *bound,
                             struct wr_stream_options *out);
/* Makes the stream of a bound INSERT INTO a sink, not started, and enters it; what query has must
 * outlive it. given: instead of the settings; may be NULL. */
WR_MUST_CHECK weir_status wr_make_stream(weir_query *query, const wr_bound *bound,
                                         const weir_stream_options *given, wr_running *entry);
void wr_unmake_stream(weir_engine *engine, wr_running *entry); /* stops it first */
void wr_show_streams(weir_query *query);                       /* SHOW STREAMS */
WR_DEFINE_CLEANUP(weir_stream, weir_stream_close)

/* ---- emit_options.c ---- */
/* EMIT .. WITH (..) into out, which has the settings of the session. The sink of dead letters is
 * held by the query. */
WR_MUST_CHECK weir_status wr_take_emit_options(weir_query *query, const wr_options *given,
                                               struct wr_stream_options *out);

/* ---- explain_stream.c ---- */
/* EXPLAIN of a bound query as a stream into target: logical plan, stages and strategy. name: of the
 * stream. Fails with what cannot run for ever. */
WR_MUST_CHECK weir_status wr_explain_stream(weir_query *query, const wr_bound *bound,
                                            wr_target *target, wr_str name, bool as_json,
                                            wr_buf *out);

/* ---- background.c ---- */
/* Binds CREATE SINK .. AS as what fills the sink, which is made for that; a sink that nothing fills
 * as itself. */
WR_MUST_CHECK weir_status wr_bind_filler(weir_query *query, wr_node *statement, wr_bound *out);
/* Runs the statements before the last one to their end. */
WR_MUST_CHECK weir_status wr_run_all_but_last(weir_session *session, wr_str sql,
                                              const wr_statement_list *list);
/* TXN_STATE inside BEGIN .. COMMIT, whose changes a stream would not see. */
WR_MUST_CHECK weir_status wr_check_no_block(const weir_session *session, wr_span span);
int64_t wr_deadline_of(int64_t timeout_ms); /* negative: none to speak of */
/* Binds one statement without parameters in a transaction that ends with the query. CREATE SINK ..
 * AS makes the sink (which goes if the query has_failed), and what is bound is the INSERT. */
WR_MUST_CHECK weir_status wr_query_bind_alone(weir_query *query, wr_str sql, const wr_node *node);

/* ---- register.c ---- */
/* Asks the host program for a table; *out NULL if it has none. For planners: owner is the session.
 */
WR_MUST_CHECK weir_status wr_session_find_table(void *owner, wr_str name, const wr_cancel *cancel,
                                                wr_relation **out);

/* ---- host_sink.c ---- */
/* A sink of the host program by name: a new reference, or NULL. host is the engine. Any thread. */
struct wr_host_sink *wr_engine_sink(void *host, wr_str name);
void wr_engine_drop_sinks(weir_engine *engine);

/* ---- host_feed.c ---- */
/* The same of sources. */
struct wr_host_feed *wr_engine_feed(void *host, wr_str name);
void wr_engine_drop_feeds(weir_engine *engine);

/* ---- push.c ---- */
/* Which column of given each column of the source is; from has room for all of them. */
WR_MUST_CHECK weir_status wr_match_columns(const char *source, const wr_schema *wanted,
                                           const wr_schema *given, int *from);
/* A column in the type it is wanted in: itself, or converted into the arena. */
WR_MUST_CHECK weir_status wr_convert_column(const wr_column *in, const wr_type *to, wr_arena *arena,
                                            wr_column *out);

/* ---- live.c ---- */
typedef struct wr_live wr_live;
/* Lets a bound query run as a stream whose rows come as they appear; names are not taken yet. */
WR_MUST_CHECK weir_status wr_live_start(weir_query *query, const wr_node *statement,
                                        const weir_tap_options *options);
/* The next rows into query->batch; waits for them. */
WR_MUST_CHECK weir_status wr_live_next(weir_query *query, bool *more);
void wr_live_drop(wr_live *live);

/* ---- sequence.c: sequences and the columns that own them ---- */
WR_MUST_CHECK weir_status wr_run_create_sequence(weir_query *query,
                                                 const wr_sql_create_sequence *create);
WR_MUST_CHECK weir_status wr_run_alter_sequence(weir_query *query, const wr_sql_alter *alter);
/* Is the type written SERIAL, BIGSERIAL or SMALLSERIAL? *out is that of the values then. */
bool wr_is_serial(const wr_node *type, const wr_type **out);
/* Makes the column one that GENERATED .. AS IDENTITY describes. */
WR_MUST_CHECK weir_status wr_column_identity(wr_column_def *column,
                                             const wr_sql_constraint *constraint);
/* Adds the sequence of a SERIAL or IDENTITY column of table, which may not be in the catalog yet,
 * and sets its default; nothing for other columns. Texts go to arena. */
WR_MUST_CHECK weir_status wr_column_sequence_new(weir_query *query, const wr_object *table,
                                                 wr_arena *arena, wr_column_def *column,
                                                 const wr_sql_column_def *def);
/* Makes column fill itself as the IDENTITY column model of another table does, from a sequence of
 * its own that is added to the catalog. */
WR_MUST_CHECK weir_status wr_column_sequence_like(weir_query *query, const wr_object *table,
                                                  wr_arena *arena, const wr_column_def *model,
                                                  wr_column_def *column);
/* Drops what the columns of a table own, or one of them (column >= 0). */
WR_MUST_CHECK weir_status wr_drop_owned_sequences(weir_query *query, const wr_object *table,
                                                  int column);
/* DEPENDENT if a column takes its values from the sequence. */
WR_MUST_CHECK weir_status wr_check_sequence_free(weir_query *query, const wr_object *sequence);
/* TRUNCATE .. RESTART IDENTITY: what the tables own starts again; undone by rollback. */
WR_MUST_CHECK weir_status wr_restart_sequences(weir_query *query, const wr_sql_truncate *truncate);
/* The sequence that fills a column: a reference, or NULL. */
wr_object *wr_sequence_of_column(weir_query *query, const wr_column_def *column);
/* "START WITH 5 INCREMENT BY 2": the options that are not the usual ones; may be empty. */
void wr_sequence_options_text(const wr_object *sequence, wr_buf *out);

/* ---- show.c: statements whose answer is a small table of texts ---- */
WR_MUST_CHECK weir_status wr_run_show(weir_query *query, const wr_node *statement, bool *handled);
void wr_text_columns(weir_query *query, const char *const *names, int count);
void wr_text_row(weir_query *query, const wr_str *values);              /* one per column; copied */
void wr_text_lines(weir_query *query, const char *column, wr_str text); /* a row per line */
/* The text of a value as SET takes it: a word as it stands, else what the expression gives. */
WR_MUST_CHECK weir_status wr_read_setting(weir_query *query, const wr_node *value, wr_buf *out);

/* ---- explain.c ---- */
WR_MUST_CHECK weir_status wr_run_explain(weir_query *query, const wr_sql_explain *explain);

/* ---- rejects.c ---- */
void wr_rejects_prepare(weir_query *query);
/* The statement ended well: the tables take their names. */
WR_MUST_CHECK weir_status wr_rejects_publish(weir_query *query);
void wr_rejects_drop(weir_query *query);

/* ---- last_result.c: "_" ---- */
void wr_last_result_add(weir_query *query, const wr_batch *batch); /* a batch is handed out */
void wr_last_result_publish(weir_query *query);                    /* all rows were handed out */

/* ---- create_text.c: SHOW CREATE TABLE|VIEW|ALL ---- */
WR_MUST_CHECK weir_status wr_run_show_create(weir_query *query, const wr_sql_show *show);

/* ---- error_text.c ---- */
/* Adds as fix the statement with the suggested name in place of the wrong one, if the error has a
 * suggestion and its place is that of the name. Returns bad. */
WR_MUST_CHECK weir_status wr_error_with_fix(weir_status bad, wr_str sql, wr_span statement);

/* ---- prepare.c ---- */
WR_MUST_CHECK weir_status wr_run_prepare(weir_query *query, const wr_node *statement,
                                         bool *handled);
WR_MUST_CHECK weir_status wr_query_start_with(weir_session *session, wr_str sql,
                                              const wr_value *params, int param_count,
                                              weir_query **out);
