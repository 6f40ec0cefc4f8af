/* index.c - the table of contents: SQLite, in the shape Velaria gave it, some columns more.
 *
 * Everything in it but previews can be found in the folders, so it is written lazily (WAL, no wait
 * for the disk at commit) and may be thrown away: a damaged one is put aside under another name and
 * begun anew. Several processes may find the damage at once; a lock file lets one after the other
 * look again before it acts. What somebody wrote into the old file meanwhile is in the folders.
 *
 * Without a place to write, an index in memory serves the same questions.
 *
 * Trap: switching to WAL fails at once, whatever the busy timeout, while another process
 * recovers the file; it is tried again. */
#include "base/mem.h"
#include "runs/runs.h"
#include "sys/clock.h"
#include "sys/lock.h"
#include <sqlite3.h>

enum { BUSY_MS = 20000, LOCK_TRIES = 400, LOCK_EVERY_MS = 25, SCHEMA_VERSION = 1 };

struct wr_run_index {
    sqlite3 *db;
    wr_str path; /* empty: in memory */
    wr_arena arena;
};

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS runs (run_id TEXT PRIMARY KEY, created_at TEXT, finished_at TEXT, "
    "status TEXT, action TEXT, args_json TEXT, velaria_version TEXT, run_dir TEXT, run_name TEXT, "
    "description TEXT, tags_json TEXT, error TEXT, details_json TEXT);"
    "CREATE TABLE IF NOT EXISTS artifacts (artifact_id TEXT PRIMARY KEY, run_id TEXT REFERENCES "
    "runs(run_id), created_at TEXT, type TEXT, uri TEXT, format TEXT, row_count INTEGER, "
    "schema_json TEXT, preview_json TEXT, tags_json TEXT);"
    "CREATE INDEX IF NOT EXISTS artifacts_run ON artifacts(run_id);"
    "CREATE INDEX IF NOT EXISTS runs_created ON runs(created_at);";

/* Columns that an index of another version may not have. */
static const char *const added[][2] = {
    {"runs", "run_name"},      {"runs", "description"},       {"runs", "tags_json"},
    {"runs", "error"},         {"runs", "details_json"},      {"runs", "error_type"},
    {"runs", "phase"},         {"runs", "parent_run_id"},     {"runs", "writer"},
    {"runs", "stamp"},         {"artifacts", "preview_json"}, {"artifacts", "tags_json"},
    {"artifacts", "row_count"}};

static const char run_columns[] =
    "run_id, created_at, finished_at, status, action, args_json, velaria_version, run_dir, "
    "run_name, description, tags_json, error, details_json, error_type, phase, parent_run_id, "
    "writer";
static const char artifact_columns[] = "artifact_id, run_id, created_at, type, uri, format, "
                                       "row_count, schema_json, preview_json, tags_json";

static bool is_damage(int code)
{
    return (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
}

static weir_status failed(const wr_run_index *index)
{
    int code = sqlite3_errcode(index->db) & 0xff;
    wr_code kind = code == SQLITE_BUSY || code == SQLITE_LOCKED ? WR_E_BUSY
                   : code == SQLITE_FULL                        ? WR_E_DISK_FULL
                   : is_damage(code)                            ? WR_E_CORRUPT
                                                                : WR_E_IO;
    return wr_fail(kind, "index of runs \"%s\": %s", index->path.length ? index->path.data : "",
                   sqlite3_errmsg(index->db));
}

static weir_status run(wr_run_index *index, const char *sql)
{
    return sqlite3_exec(index->db, sql, NULL, NULL, NULL) == SQLITE_OK ? WR_OK : failed(index);
}

/* ---- statements ---- */

static weir_status prepare(wr_run_index *index, const char *sql, sqlite3_stmt **out)
{
    bool good = sqlite3_prepare_v2(index->db, sql, -1, out, NULL) == SQLITE_OK;
    return good ? WR_OK : failed(index);
}

static void finalize(sqlite3_stmt *statement) { sqlite3_finalize(statement); }
WR_DEFINE_CLEANUP(sqlite3_stmt, finalize)

/* Texts that are empty are NULL, as in Velaria's. */
static void bind(sqlite3_stmt *statement, int at, wr_str text)
{
    if (text.length)
        sqlite3_bind_text64(statement, at, text.data, text.length, SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_null(statement, at);
}

static weir_status step(wr_run_index *index, sqlite3_stmt *statement, bool *row)
{
    int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    return code == SQLITE_ROW || code == SQLITE_DONE ? WR_OK : failed(index);
}

static weir_status finish(wr_run_index *index, sqlite3_stmt *statement)
{
    bool row;
    return step(index, statement, &row);
}

static wr_str text_at(sqlite3_stmt *statement, int column, wr_arena *arena)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t length = (size_t)sqlite3_column_bytes(statement, column);
    return text && length ? wr_arena_str(arena, (wr_str){text, length}) : WR_STR("");
}

/* ---- opening ---- */

static weir_status has_column(wr_run_index *index, const char *table, const char *column,
                              bool *found)
{
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    WR_TRY(prepare(index, "SELECT 1 FROM pragma_table_info(?) WHERE name = ?", &statement));
    bind(statement, 1, wr_str_of(table));
    bind(statement, 2, wr_str_of(column));
    return step(index, statement, found);
}

static weir_status make_tables(wr_run_index *index)
{
    WR_TRY(run(index, tables));
    for (size_t i = 0; i < WR_COUNT(added); i++) {
        bool found;
        WR_TRY(has_column(index, added[i][0], added[i][1], &found));
        if (found) continue;
        WR_BUF(sql);
        wr_buf_printf(&sql, "ALTER TABLE %s ADD COLUMN %s", added[i][0], added[i][1]);
        WR_TRY(run(index, sql.data));
    }
    WR_BUF(version);
    wr_buf_printf(&version, "PRAGMA user_version = %d", SCHEMA_VERSION);
    return run(index, version.data);
}

static weir_status is_current(wr_run_index *index, bool *current)
{
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    bool row;
    WR_TRY(prepare(index, "PRAGMA user_version", &statement));
    WR_TRY(step(index, statement, &row));
    *current = row && sqlite3_column_int(statement, 0) == SCHEMA_VERSION;
    return WR_OK;
}

static weir_status set_up(wr_run_index *index)
{
    bool current;
    sqlite3_busy_timeout(index->db, BUSY_MS);
    weir_status bad = WR_OK;
    for (int i = 0; i < LOCK_TRIES; i++) {
        wr_status_drop(bad);
        bad = run(index, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
        if (!bad || bad->code != WR_E_BUSY) break;
        wr_sleep_ms(LOCK_EVERY_MS);
    }
    if (bad) return bad;
    WR_TRY(is_current(index, &current));
    if (current) return WR_OK;
    WR_TRY(wr_run_index_begin(index));
    bad = make_tables(index);
    weir_status end = wr_run_index_end(index, !bad);
    if (!bad) return end;
    wr_status_drop(end);
    return bad;
}

static weir_status open_at(wr_run_index *index, const char *path)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    weir_status bad =
        sqlite3_open_v2(path, &index->db, flags, NULL) == SQLITE_OK ? set_up(index) : failed(index);
    if (!bad) return WR_OK;
    sqlite3_close(index->db);
    index->db = NULL;
    return bad;
}

static weir_status take_lock(const char *path, wr_lock **out)
{
    for (int i = 0;; i++) {
        weir_status bad = wr_lock_take(wr_str_of(path), out);
        if (!bad || bad->code != WR_E_BUSY || i == LOCK_TRIES) return bad;
        wr_status_drop(bad);
        wr_sleep_ms(LOCK_EVERY_MS);
    }
}

/* Gives the files of a damaged index other names; the newest such is kept for whoever is curious.
 */
static weir_status put_aside(wr_run_index *index)
{
    static const char *const parts[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        WR_BUF(from);
        WR_BUF(to);
        wr_buf_printf(&from, "%s%s", index->path.data, parts[i]);
        wr_buf_printf(&to, "%s.damaged%s", index->path.data, parts[i]);
        if (wr_fs_exists(wr_fs_real(), wr_buf_str(&from)))
            WR_TRY(wr_fs_rename(wr_fs_real(), wr_buf_str(&from), wr_buf_str(&to)));
    }
    return WR_OK;
}

/* Damage may lie where opening does not look. */
static weir_status open_checked(wr_run_index *index)
{
    WR_TRY(open_at(index, index->path.data));
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    bool row = false;
    weir_status bad = prepare(index, "PRAGMA quick_check(1)", &statement);
    if (!bad) bad = step(index, statement, &row);
    bool good = row && strcmp((const char *)sqlite3_column_text(statement, 0), "ok") == 0;
    if (!bad && good) return WR_OK;
    wr_status_drop(bad);
    finalize(WR_TAKE(statement));
    sqlite3_close(index->db);
    index->db = NULL;
    return wr_fail(WR_E_CORRUPT, "the index of runs is damaged");
}

static weir_status begin_anew(wr_run_index *index)
{
    WR_BUF(lock_path);
    WR_AUTO(wr_lock) *lock = NULL;
    wr_buf_printf(&lock_path, "%s.lock", index->path.data);
    WR_TRY(take_lock(lock_path.data, &lock));
    weir_status bad = open_checked(index); /* somebody may have been faster */
    if (!bad || bad->code != WR_E_CORRUPT) return bad;
    wr_status_drop(bad);
    WR_TRY(put_aside(index));
    return open_at(index, index->path.data);
}

static weir_status open_lasting(wr_run_index *index, wr_str home, bool is_suspect)
{
    wr_str folder = wr_arena_printf(&index->arena, "%.*s/index", WR_STR_ARGS(home));
    wr_file_stat stat;
    WR_TRY(wr_fs_stat(wr_fs_real(), home, &stat));
    WR_TRY(wr_fs_make_dirs(wr_fs_real(), folder));
    index->path = wr_arena_printf(&index->arena, "%s/artifacts.sqlite", folder.data);
    if (is_suspect) return begin_anew(index);
    weir_status bad = open_at(index, index->path.data);
    if (!bad || bad->code != WR_E_CORRUPT) return bad;
    wr_status_drop(bad);
    return begin_anew(index);
}

weir_status wr_run_index_open(wr_str home, bool is_suspect, wr_run_index **out)
{
    wr_run_index *index = wr_heap_new(sizeof *index);
    weir_status bad = open_lasting(index, home, is_suspect);
    if (bad && bad->code != WR_E_BUSY) {
        wr_status_drop(bad);
        index->path = WR_STR("");
        bad = open_at(index, ":memory:");
    }
    if (bad) {
        wr_run_index_close(index);
        return bad;
    }
    *out = index;
    return WR_OK;
}

void wr_run_index_close(wr_run_index *index)
{
    if (!index) return;
    sqlite3_close(index->db);
    wr_arena_clear(&index->arena);
    wr_heap_drop(index);
}

bool wr_run_index_is_lasting(const wr_run_index *index) { return index->path.length > 0; }

/* ---- changes ---- */

weir_status wr_run_index_begin(wr_run_index *index) { return run(index, "BEGIN IMMEDIATE"); }

weir_status wr_run_index_end(wr_run_index *index, bool keep)
{
    weir_status bad = run(index, keep ? "COMMIT" : "ROLLBACK");
    if (bad && keep) wr_status_drop(run(index, "ROLLBACK"));
    return bad;
}

static weir_status put_artifact(wr_run_index *index, sqlite3_stmt *statement,
                                const wr_run_artifact *a)
{
    const wr_str values[] = {a->id,     a->run_id,    a->created_at, a->type,    a->uri,
                             a->format, a->row_count, a->schema,     a->preview, a->tags};
    for (size_t i = 0; i < WR_COUNT(values); i++)
        bind(statement, (int)i + 1, values[i]);
    WR_TRY(finish(index, statement));
    sqlite3_reset(statement);
    return WR_OK;
}

/* Artifacts the run has no more. */
static weir_status drop_others(wr_run_index *index, wr_str run_id,
                               const wr_artifact_list *artifacts)
{
    WR_BUF(ids);
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    wr_buf_add_char(&ids, '[');
    for (int i = 0; i < artifacts->count; i++)
        wr_json_put_text(&ids, NULL, artifacts->items[i].id);
    wr_buf_add_char(&ids, ']');
    WR_TRY(prepare(index,
                   "DELETE FROM artifacts WHERE run_id = ? AND artifact_id NOT IN (SELECT value "
                   "FROM json_each(?))",
                   &statement));
    bind(statement, 1, run_id);
    bind(statement, 2, wr_buf_str(&ids));
    return finish(index, statement);
}

weir_status wr_run_index_put(wr_run_index *index, const wr_run_record *r, wr_str stamp,
                             const wr_artifact_list *artifacts)
{
    const wr_str values[] = {
        r->id,      r->created_at, r->finished_at, r->status,      r->action, r->cli_args,
        r->version, r->dir,        r->name,        r->description, r->tags,   r->error,
        r->details, r->error_type, r->phase,       r->parent_id,   r->writer, stamp};
    WR_BUF(sql);
    WR_AUTO(sqlite3_stmt) *put = NULL;
    WR_AUTO(sqlite3_stmt) *put_one = NULL;
    wr_buf_printf(&sql, "INSERT OR REPLACE INTO runs (%s, stamp) VALUES (?", run_columns);
    for (size_t i = 1; i < WR_COUNT(values); i++)
        wr_buf_add_text(&sql, ", ?");
    wr_buf_add_char(&sql, ')');
    WR_TRY(prepare(index, sql.data, &put));
    for (size_t i = 0; i < WR_COUNT(values); i++)
        bind(put, (int)i + 1, values[i]);
    WR_TRY(finish(index, put));
    WR_TRY(drop_others(index, r->id, artifacts));
    if (!artifacts->count) return WR_OK;
    sql.length = 0;
    wr_buf_printf(&sql,
                  "INSERT INTO artifacts (%s) VALUES (?, ?, ?, ?, ?, ?, CAST(? AS INTEGER), ?, ?, "
                  "?) ON CONFLICT (artifact_id) DO UPDATE SET row_count = excluded.row_count, uri "
                  "= excluded.uri, schema_json = excluded.schema_json, tags_json = "
                  "excluded.tags_json, preview_json = coalesce(excluded.preview_json, "
                  "preview_json)",
                  artifact_columns);
    WR_TRY(prepare(index, sql.data, &put_one));
    for (int i = 0; i < artifacts->count; i++)
        WR_TRY(put_artifact(index, put_one, &artifacts->items[i]));
    return WR_OK;
}

weir_status wr_run_index_remove(wr_run_index *index, wr_str run_id)
{
    static const char *const sql[] = {"DELETE FROM artifacts WHERE run_id = ?",
                                      "DELETE FROM runs WHERE run_id = ?"};
    for (size_t i = 0; i < WR_COUNT(sql); i++) {
        WR_AUTO(sqlite3_stmt) *statement = NULL;
        WR_TRY(prepare(index, sql[i], &statement));
        bind(statement, 1, run_id);
        WR_TRY(finish(index, statement));
    }
    return WR_OK;
}

weir_status wr_run_index_preview(wr_run_index *index, wr_str artifact_id, wr_str preview)
{
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    WR_TRY(
        prepare(index, "UPDATE artifacts SET preview_json = ? WHERE artifact_id = ?", &statement));
    bind(statement, 1, preview);
    bind(statement, 2, artifact_id);
    return finish(index, statement);
}

/* ---- questions ---- */

weir_status wr_run_index_stamps(wr_run_index *index, wr_arena *arena, wr_stamp_list *out)
{
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    WR_TRY(prepare(index,
                   "SELECT run_id, stamp, CASE WHEN status = 'running' THEN writer END FROM runs "
                   "ORDER BY run_id",
                   &statement));
    for (;;) {
        bool row;
        WR_TRY(step(index, statement, &row));
        if (!row) return WR_OK;
        wr_run_stamp one = {text_at(statement, 0, arena), text_at(statement, 1, arena),
                            text_at(statement, 2, arena)};
        wr_push(arena, out, one);
    }
}

/* % and _ are themselves. */
static wr_str like_text(wr_arena *arena, wr_str text)
{
    WR_BUF(out);
    if (!text.length) return WR_STR("");
    wr_buf_add_char(&out, '%');
    for (size_t i = 0; i < text.length; i++) {
        if (strchr("%_\\", text.data[i]) && text.data[i]) wr_buf_add_char(&out, '\\');
        wr_buf_add_char(&out, text.data[i]);
    }
    wr_buf_add_char(&out, '%');
    return wr_arena_str(arena, wr_buf_str(&out));
}

static void read_run(sqlite3_stmt *statement, wr_arena *arena, wr_run_record *r)
{
    wr_str *const values[] = {
        &r->id,      &r->created_at, &r->finished_at, &r->status,      &r->action, &r->cli_args,
        &r->version, &r->dir,        &r->name,        &r->description, &r->tags,   &r->error,
        &r->details, &r->error_type, &r->phase,       &r->parent_id,   &r->writer};
    for (size_t i = 0; i < WR_COUNT(values); i++)
        *values[i] = text_at(statement, (int)i, arena);
}

weir_status wr_run_index_runs(wr_run_index *index, const wr_run_filter *filter, wr_arena *arena,
                              wr_run_list *out, int64_t **counts)
{
    WR_LIST(int64_t) found = {0};
    WR_BUF(sql);
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    wr_buf_printf(&sql,
                  "SELECT %s, (SELECT count(*) FROM artifacts a WHERE a.run_id = runs.run_id) FROM "
                  "runs WHERE (?1 IS NULL OR run_id = ?1) AND (?2 IS NULL OR status = ?2) AND (?3 "
                  "IS NULL OR action = ?3) AND (?4 IS NULL OR EXISTS (SELECT 1 FROM "
                  "json_each(CASE WHEN json_valid(tags_json) THEN tags_json ELSE '[]' END) WHERE "
                  "value = ?4)) AND (?5 IS NULL OR (coalesce(run_name, '') || char(10) || "
                  "coalesce(description, '') || char(10) || coalesce(tags_json, '') || char(10) || "
                  "coalesce(action, '') || char(10) || run_id) LIKE ?5 ESCAPE '\\') ORDER BY "
                  "created_at DESC, run_id DESC LIMIT ?6",
                  run_columns);
    WR_TRY(prepare(index, sql.data, &statement));
    const wr_str texts[] = {filter->id, filter->status, filter->action, filter->tag,
                            like_text(arena, filter->text)};
    for (size_t i = 0; i < WR_COUNT(texts); i++)
        bind(statement, (int)i + 1, texts[i]);
    sqlite3_bind_int64(statement, 6, filter->limit < 0 ? -1 : filter->limit);
    for (;;) {
        bool row;
        wr_run_record one = {0};
        WR_TRY(step(index, statement, &row));
        if (!row) break;
        read_run(statement, arena, &one);
        wr_push(arena, out, one);
        wr_push(arena, &found, sqlite3_column_int64(statement, 17));
    }
    if (counts) *counts = found.items;
    return WR_OK;
}

weir_status wr_run_index_artifacts(wr_run_index *index, wr_str run_id, wr_str artifact_id,
                                   int64_t limit, wr_arena *arena, wr_artifact_list *out)
{
    WR_BUF(sql);
    WR_AUTO(sqlite3_stmt) *statement = NULL;
    wr_buf_printf(&sql,
                  "SELECT %s FROM artifacts WHERE (?1 IS NULL OR run_id = ?1) AND (?2 IS NULL OR "
                  "substr(artifact_id, 1, length(?2)) = ?2) ORDER BY created_at DESC, rowid DESC "
                  "LIMIT ?3",
                  artifact_columns);
    WR_TRY(prepare(index, sql.data, &statement));
    bind(statement, 1, run_id);
    bind(statement, 2, artifact_id);
    sqlite3_bind_int64(statement, 3, limit < 0 ? -1 : limit);
    for (;;) {
        bool row;
        WR_TRY(step(index, statement, &row));
        if (!row) return WR_OK;
        wr_run_artifact one = {0};
        wr_str *const values[] = {&one.id,      &one.run_id, &one.created_at, &one.type,
                                  &one.uri,     &one.format, &one.row_count,  &one.schema,
                                  &one.preview, &one.tags};
        for (size_t i = 0; i < WR_COUNT(values); i++)
            *values[i] = text_at(statement, (int)i, arena);
        wr_push(arena, out, one);
    }
}
