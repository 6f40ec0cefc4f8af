/* runs.h - what the parts of tracked runs share. See README.md.
 *
 * The folders are the truth, the index is a table of contents: every writer writes run.json first,
 * at one moment, and the index afterwards. Who looks compares the stamps of all run.json (size,
 * time, inode) with those of the index and reads again what differs. */
#pragma once
#include "base/arena.h"
#include "base/json_object.h"
#include "sys/file.h"
#include "sys/thread.h"
#include "weir/weir.h"

enum { WR_PREVIEW_ROWS = 50, WR_PREVIEW_BYTES = 200 << 10 };
#define WR_RUN_HIDDEN "***" /* instead of a secret */

/* ---- record.c: run.json ---- */
/* Texts as they are; those said to be JSON as written. Empty: not known. All end with a NUL. */
typedef struct wr_run_record {
    wr_str id, parent_id, name, description, action, status;
    wr_str created_at, finished_at, dir, version, writer;
    wr_str error, error_type, phase;
    wr_str tags, cli_args, details, artifacts; /* JSON: [..], [..], {..}, [{..}] */
} wr_run_record;

typedef struct wr_run_artifact {
    wr_str id, run_id, created_at, type, uri, format;
    wr_str row_count, schema, preview, tags; /* JSON; schema: [{"name", "type"}] */
} wr_run_artifact;

typedef struct wr_run_list {
    wr_run_record *items;
    int count, cap;
} wr_run_list;

typedef struct wr_artifact_list {
    wr_run_artifact *items;
    int count, cap;
} wr_artifact_list;

/* Is the text one of a JSON array of texts? */
bool wr_run_has_text(wr_str array, wr_str text);

/* run.json as one object. for_file: with what only the files say (writer, artifacts). */
void wr_run_record_write(const wr_run_record *record, bool for_file, wr_buf *out);
/* Reads one; false: no run.json. Strings are in the arena. */
bool wr_run_record_read(wr_arena *arena, wr_str json, wr_run_record *out);
/* Appends the record to an object as run list shows it: with its duration. */
void wr_run_record_show(const wr_run_record *record, int64_t artifact_count, wr_buf *out);
void wr_run_artifact_write(const wr_run_artifact *artifact, wr_buf *out);
void wr_run_artifacts_read(wr_arena *arena, wr_str run_id, wr_str json, wr_artifact_list *out);
/* Milliseconds from begin to end, or to now while it runs; -1: not known. */
int64_t wr_run_duration_ms(const wr_run_record *record);
wr_str wr_run_time_text(wr_arena *arena, int64_t unix_us); /* 2026-01-02T03:04:05.678901Z */
int64_t wr_run_time_us(wr_str text);                       /* -1: malformed */
/* 20260102T030405Z_1f2e3d4c */
bool wr_run_id_is(wr_str name);
wr_str wr_run_id_new(wr_arena *arena, int64_t unix_us);

/* ---- index.c: index/artifacts.sqlite ---- */
typedef struct wr_run_index wr_run_index;
/* Opens the index below home, making or mending its tables; a damaged one is put aside. If there
 * can be none (no folder, no right to write), an empty one in memory. is_suspect: it was found
 * damaged, so all of it is looked through. */
WR_MUST_CHECK weir_status wr_run_index_open(wr_str home, bool is_suspect, wr_run_index **out);
void wr_run_index_close(wr_run_index *index);
bool wr_run_index_is_lasting(const wr_run_index *index); /* not in memory */
/* Around changes; begin waits for other writers. end(false) takes them back. */
WR_MUST_CHECK weir_status wr_run_index_begin(wr_run_index *index);
WR_MUST_CHECK weir_status wr_run_index_end(wr_run_index *index, bool keep);
/* Puts a run and its artifacts in place of what is there. Previews of artifacts that have none are
 * left as they are. */
WR_MUST_CHECK weir_status wr_run_index_put(wr_run_index *index, const wr_run_record *record,
                                           wr_str stamp, const wr_artifact_list *artifacts);
WR_MUST_CHECK weir_status wr_run_index_remove(wr_run_index *index, wr_str run_id);
WR_MUST_CHECK weir_status wr_run_index_preview(wr_run_index *index, wr_str artifact_id,
                                               wr_str preview);
/* What there is of all runs to compare with the folders. */
typedef struct wr_run_stamp {
    wr_str id, stamp, writer; /* writer: of runs that are running, else empty */
} wr_run_stamp;
typedef struct wr_stamp_list {
    wr_run_stamp *items; /* by id */
    int count, cap;
} wr_stamp_list;
WR_MUST_CHECK weir_status wr_run_index_stamps(wr_run_index *index, wr_arena *arena,
                                              wr_stamp_list *out);
/* Newest first. status, action, tag, text: empty means all; text is looked for, without regard to
 * case, in name, description, tags, action and id. limit < 0: all. counts, one per run, may be
 * NULL. */
typedef struct wr_run_filter {
    wr_str id, status, action, tag, text;
    int64_t limit;
} wr_run_filter;
WR_MUST_CHECK weir_status wr_run_index_runs(wr_run_index *index, const wr_run_filter *filter,
                                            wr_arena *arena, wr_run_list *out, int64_t **counts);
/* Of one run (id empty: of all), newest first; id of the artifact likewise. */
WR_MUST_CHECK weir_status wr_run_index_artifacts(wr_run_index *index, wr_str run_id,
                                                 wr_str artifact_id, int64_t limit, wr_arena *arena,
                                                 wr_artifact_list *out);

/* ---- store.c: the workspace ---- */
struct weir_runs {
    wr_str home; /* these in arena */
    wr_arena arena;
    wr_mutex lock;
    wr_run_index *index;  /* guarded by lock; NULL: not opened yet */
    weir_engine *engine;  /* guarded by lock; to read artifacts with; NULL: not needed yet */
    weir_session *reader; /* likewise */
};

/* The index as the folders say; opens it. Called with the lock held, as all that take runs. */
WR_MUST_CHECK weir_status wr_runs_refresh(weir_runs *runs);
/* The folder of a run, and its run.json. */
wr_str wr_runs_folder(const weir_runs *runs, wr_arena *arena, wr_str run_id);
WR_MUST_CHECK weir_status wr_run_read(wr_arena *arena, wr_str folder, wr_run_record *out);
/* Replaces run.json at one moment; durable: it survives a loss of power from then on. */
WR_MUST_CHECK weir_status wr_run_write(wr_str folder, const wr_run_record *record, bool durable);
/* Brings one run into the index. Without one it is found at the next look: no failure. */
void wr_runs_note(weir_runs *runs, const wr_run_record *record, const wr_artifact_list *artifacts);
/* Finds a run by its whole id, a beginning of it or "last"; UNKNOWN_RUN. last: how many before the
 * newest one a text such as "last~2" means; -1: it is no such text. */
int64_t wr_run_last(wr_str wanted);
WR_MUST_CHECK weir_status wr_runs_find(weir_runs *runs, wr_arena *arena, wr_str wanted,
                                       wr_run_record *out, int64_t *artifact_count);
/* A session of its own to read artifacts with. */
WR_MUST_CHECK weir_status wr_runs_reader(weir_runs *runs, weir_session **out);
/* A file as a whole (at most most bytes, from its end), or written in place of another. */
WR_MUST_CHECK weir_status wr_run_file_read(wr_str path, uint64_t most, wr_buf *out);
WR_MUST_CHECK weir_status wr_run_file_write(wr_str path, wr_str text);
/* Removes a folder with everything in it. Links are removed, not followed. */
WR_MUST_CHECK weir_status wr_run_tree_remove(wr_str path, int depth);

/* ---- secrets.c ---- */
typedef struct wr_run_secrets {
    wr_arena arena;
    WR_LIST(wr_str) values; /* long enough to be looked for in other texts */
    bool has_any;
} wr_run_secrets;
/* Appends a text (SQL, an argument, a message) with the secrets in it hidden, and learns them. */
void wr_run_hide(wr_run_secrets *secrets, wr_str text, wr_buf *out);
/* The same for every text in a JSON value; a member whose name is that of a secret is hidden. */
void wr_run_hide_json(wr_run_secrets *secrets, wr_str json, wr_buf *out);
bool wr_run_is_secret_name(wr_str name);

/* ---- run.c ---- */
struct weir_run {
    weir_runs *runs;
    wr_arena arena;
    wr_run_record record;
    wr_artifact_list artifacts;
    wr_str inputs; /* as they were given */
    wr_run_secrets secrets;
    wr_mutex lock; /* of the files below */
    wr_file *out_log, *error_log, *progress;
    int64_t begun_ns;
    bool is_finished;
    int results;          /* artifacts of results so far */
    wr_str last_progress; /* the newest line that was written of a query */
    weir_run_watch_fn *watch;
    void *watch_arg;
    weir_streams_fn *watch_streams;
    void *watch_streams_arg;
    _Atomic bool is_ending; /* its streams were asked to end */
};
/* The names of failures: of the status, of its code, of what was going on. */
const char *wr_run_error_type(weir_status bad);
/* {ok: false, error, error_type, phase, details, code, sqlstate, hint, fix}; before: members in
 * front, as written, or NULL. */
void wr_run_failure(weir_status bad, const char *phase, const char *sql, const char *before,
                    wr_buf *out);
/* Adds an artifact; its file is complete. schema: JSON or empty; row_count < 0: not known. */
void wr_run_add_artifact(weir_run *run, wr_str path, wr_str type, wr_str format, wr_str schema,
                         int64_t row_count, wr_str preview);

/* ---- query.c, stream_once.c ---- */
/* Adds a file of rows as the result: an artifact with its preview, whose members, artifact_id and
 * path go into the object result. row_count < 0: counted. */
WR_MUST_CHECK weir_status wr_run_add_result(weir_run *run, weir_session *session, wr_str path,
                                            wr_str format, int64_t row_count, wr_buf *result);
/* The action stream-sql-once; *phase says what is going on. */
WR_MUST_CHECK weir_status wr_run_stream_once(weir_run *run, weir_session *session, wr_str args,
                                             const char **phase, wr_buf *result);
/* Actions with scripts; *sql is the one that an error is about. */
WR_MUST_CHECK weir_status wr_run_scripts(weir_run *run, weir_session *session, wr_str args,
                                         const char **phase, const char **sql, wr_buf *result);
/* Positions in errors are those in the whole text. */
weir_status wr_run_moved(weir_status bad, size_t by);
/* A snapshot as a line of progress.jsonl. */
void wr_run_tell(weir_run *run, const weir_stream *stream);
/* ---- wait.c ---- */
/* weir_streams_wait with the watcher of the run and its timeout_ms, which cancels them: TIMEOUT.
 * Every tell_every_ms (0: never) their snapshots are lines of progress.jsonl. *is_stopped: the
 * watcher said so. */
WR_MUST_CHECK weir_status wr_run_wait(weir_run *run, weir_stream *const *streams, int count,
                                      const weir_streams_limits *limits, int64_t tell_every_ms,
                                      int *failed, bool *is_stopped);

/* ---- table.c: reading artifacts with the engine ---- */
/* FROM of a file as SQL: 'path', or the function that reads the format. */
void wr_run_quote(wr_buf *out, wr_str text);
/* The first rows as {schema, types, rows, row_count, truncated}: no more than limit rows and
 * WR_PREVIEW_BYTES. row_count < 0: counted here. sql: a query, params bound already. */
WR_MUST_CHECK weir_status wr_run_preview(weir_session *session, wr_str path, wr_str format,
                                         int64_t limit, int64_t row_count, wr_buf *out);
/* One number that a query gives. */
WR_MUST_CHECK weir_status wr_run_number(weir_session *session, wr_str sql, int64_t *out);
/* [{"name", "type"}] of what a query gives. */
WR_MUST_CHECK weir_status wr_run_schema(weir_session *session, wr_str sql, wr_buf *out);
/* The rows of a query as JSON objects in an array; *count, *is_cut may be NULL. */
WR_MUST_CHECK weir_status wr_run_rows(weir_session *session, wr_str sql, int64_t rows_max,
                                      size_t bytes_max, wr_buf *out, int64_t *count, bool *is_cut);
/* Runs a statement for what it does. */
WR_MUST_CHECK weir_status wr_run_do(weir_session *session, wr_str sql);
/* How the rows of a file are read in FROM; empty if the engine cannot read the format. */
void wr_run_source(wr_buf *out, wr_str path, wr_str format);

/* ---- look.c, artifact.c, diff.c, gc.c: what weir_runs_ask answers ---- */
typedef struct wr_ask {
    weir_runs *runs;
    wr_arena *arena;
    wr_str arguments;  /* a JSON object */
    const char *phase; /* set on the way; what failed */
    wr_buf *out;       /* the members behind "ok": each begins with a comma */
} wr_ask;
typedef weir_status wr_ask_fn(wr_ask *ask);
/* Each writes its members; see weir_runs_ask for arguments. With the lock of runs held. */
wr_ask_fn wr_ask_list, wr_ask_show, wr_ask_status, wr_ask_logs, wr_ask_result, wr_ask_tag;
wr_ask_fn wr_ask_diff, wr_ask_gc, wr_ask_datasets;
wr_ask_fn wr_ask_artifacts, wr_ask_artifact, wr_ask_preview, wr_ask_export, wr_ask_forget;
/* The run or artifact that an argument names. */
WR_MUST_CHECK weir_status wr_ask_run(wr_ask *ask, const char *argument, wr_run_record *out,
                                     int64_t *artifact_count);
WR_MUST_CHECK weir_status wr_ask_find_artifact(wr_ask *ask, wr_run_artifact *out);
/* The artifact that holds the result of a run; false: there is none. */
WR_MUST_CHECK weir_status wr_ask_result_of(wr_ask *ask, wr_str run_id, wr_run_artifact *out,
                                           bool *found);
/* Its preview: the one kept in the index if it is enough, else made from the file and kept. */
WR_MUST_CHECK weir_status wr_ask_preview_of(wr_ask *ask, const wr_run_artifact *artifact,
                                            int64_t limit, wr_buf *out);
/* The path of an artifact's uri. */
wr_str wr_run_artifact_path(wr_arena *arena, const wr_run_artifact *artifact);
/* {..} of an artifact as it is shown, without its preview. */
void wr_run_artifact_show(const wr_run_artifact *artifact, wr_buf *out);
