/* sqlite.c - a sink into a table of an SQLite database, exactly once.
 *
 * Rows wait in memory until prepare; the token is those rows, so what is promised lies in the state
 * of the query and nothing in the database. Commit is one transaction: the rows, and in
 * _weir_epochs which token of the query it was. A repeated commit finds it there and does nothing.
 * The number of the epoch alone would not do: a query that begins again from nothing counts from 1
 * again, and its rows must not be taken for old ones; so each token has a random number.
 *
 * With a primary key, a row that appears replaces the one of its key, and one that is taken back
 * removes it; without, rows can only be appended. Replacing is deleting and inserting, which does
 * not depend on how somebody else made the table. Values are bound, identifiers go through
 * wr_sqlite_add_name: nothing of the data becomes SQL. Types SQLite does not have are their texts.
 *
 * SQLite opens and locks its files itself: faults of wr_fs do not reach them. */
#include "base/failpoint.h"
#include "conn/sqlite/sqlite.h"
#include <sqlite3.h>

enum { TOKEN_VERSION = 1, BUSY_MS = 10000 };
typedef enum value_tag { TAG_NULL, TAG_INT, TAG_DOUBLE, TAG_TEXT, TAG_BLOB } value_tag;

static const wr_opt options[] = {
    {"path", WR_OPT_TEXT, NULL, "the database; made when missing (required)"},
    {"table", WR_OPT_TEXT, NULL, "the table; made when missing (required)"},
    {0}};

typedef struct sqlite_target {
    wr_target base;
    wr_arena arena;
    wr_str path, table; /* both end with a NUL */
    wr_str create, insert, delete;
} sqlite_target;

typedef struct sqlite_deliverer {
    wr_deliverer base;
    wr_mem *mem;
    const wr_cancel *cancel;
    sqlite3 *db;
    sqlite3_stmt *insert, *delete;
    wr_arena arena;
    wr_str query;
    wr_buf rows; /* since the last prepare */
    uint64_t row_count, reserved;
} sqlite_deliverer;

static const sqlite_target *target_of(const sqlite_deliverer *d)
{
    return (const sqlite_target *)d->base.target;
}

static weir_status failed(const sqlite_deliverer *d, const char *doing)
{
    int code = sqlite3_errcode(d->db) & 0xff;
    wr_code kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? WR_E_BUSY
                   : code == SQLITE_FULL                             ? WR_E_DISK_FULL
                   : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? WR_E_CORRUPT
                                                                     : WR_E_IO;
    return wr_fail(kind, "cannot %s \"%s\": %s", doing, target_of(d)->path.data,
                   sqlite3_errmsg(d->db));
}

static weir_status run(sqlite_deliverer *d, const char *sql, const char *doing)
{
    return sqlite3_exec(d->db, sql, NULL, NULL, NULL) == SQLITE_OK ? WR_OK : failed(d, doing);
}

static weir_status prepare_sql(sqlite_deliverer *d, wr_str sql, sqlite3_stmt **out)
{
    bool is_good = sqlite3_prepare_v2(d->db, sql.data, (int)sql.length, out, NULL) == SQLITE_OK;
    return is_good ? WR_OK : failed(d, "write into");
}

/* ---- rows as bytes ---- */
static void add_u64(wr_buf *out, uint64_t value) { wr_buf_add(out, &value, sizeof value); }

static void add_bytes(wr_buf *out, value_tag tag, wr_str bytes)
{
    wr_buf_add_char(out, (char)tag);
    add_u64(out, bytes.length);
    wr_buf_add_str(out, bytes);
}

static void add_value(wr_buf *out, const wr_column *column, uint32_t row)
{
    const wr_type *type = column->type;
    WR_BUF(text);
    if (wr_column_is_null(column, row)) {
        wr_buf_add_char(out, TAG_NULL);
        return;
    }
    bool is_small =
        type->id == WR_T_BOOLEAN || (wr_type_is_integer(type) && type->id != WR_T_HUGEINT &&
                                     wr_column_i128(column, row) <= INT64_MAX);
    if (is_small) {
        int64_t value = wr_column_int(column, row);
        wr_buf_add_char(out, TAG_INT);
        wr_buf_add(out, &value, sizeof value);
    } else if (wr_type_is_float(type)) {
        double value = wr_column_f64(column, row);
        if (value != value) { /* SQLite would make NULL of it */
            add_bytes(out, TAG_TEXT, WR_STR("NaN"));
            return;
        }
        wr_buf_add_char(out, TAG_DOUBLE);
        wr_buf_add(out, &value, sizeof value);
    } else if (type->id == WR_T_VARCHAR || type->id == WR_T_JSON || type->id == WR_T_BLOB) {
        wr_view view = wr_column_view(column, row);
        add_bytes(out, type->id == WR_T_BLOB ? TAG_BLOB : TAG_TEXT, wr_view_str(&view));
    } else if (wr_type_is_nested(type)) {
        wr_column_print_json(column, row, &text);
        add_bytes(out, TAG_TEXT, wr_buf_str(&text));
    } else {
        wr_column_print(column, row, &text);
        add_bytes(out, TAG_TEXT, wr_buf_str(&text));
    }
}

static weir_status sqlite_write(wr_deliverer *base, const wr_delta *delta)
{
    sqlite_deliverer *d = (sqlite_deliverer *)base;
    const wr_batch *batch = &delta->batch;
    WR_TRY(wr_cancel_check(d->cancel));
    for (uint32_t i = 0; i < wr_batch_count(batch); i++) {
        uint32_t row = wr_batch_row(batch, i);
        bool is_back = delta->changes && delta->changes[row] < 0;
        if (is_back && base->target->key_count == 0)
            return wr_fail(WR_E_UNSUPPORTED, "rows of a table without a key cannot be taken back");
        wr_buf_add_char(&d->rows, is_back ? '-' : '+');
        for (int k = 0; k < batch->column_count; k++)
            add_value(&d->rows, &batch->columns[k], row);
        d->row_count++;
    }
    if (!d->mem || d->rows.cap <= d->reserved) return WR_OK;
    WR_TRY(wr_mem_reserve(d->mem, d->rows.cap - d->reserved));
    d->reserved = d->rows.cap;
    return WR_OK;
}

static void forget(sqlite_deliverer *d)
{
    wr_buf_clear(&d->rows);
    d->row_count = 0;
    if (d->reserved) wr_mem_release(d->mem, d->reserved);
    d->reserved = 0;
}

static weir_status sqlite_prepare(wr_deliverer *base, uint64_t epoch, wr_buf *token)
{
    sqlite_deliverer *d = (sqlite_deliverer *)base;
    uint64_t number;
    (void)epoch;
    sqlite3_randomness(sizeof number, &number);
    wr_buf_add_char(token, TOKEN_VERSION);
    add_u64(token, number);
    add_u64(token, d->row_count);
    wr_buf_add_str(token, wr_buf_str(&d->rows));
    forget(d);
    return WR_OK;
}

/* ---- commit ---- */
static bool take(wr_str *from, void *out, size_t size)
{
    if (from->length < size) return false;
    memcpy(out, from->data, size);
    *from = (wr_str){from->data + size, from->length - size};
    return true;
}

/* One value, bound at the places that are not 0; false: the bytes are damaged. */
static bool bind_value(sqlite_deliverer *d, wr_str *from, int at, int key_at)
{
    sqlite3_stmt *to[2] = {at ? d->insert : NULL, key_at ? d->delete : NULL};
    int places[2] = {at, key_at};
    uint8_t tag;
    int64_t number = 0;
    double real = 0;
    uint64_t length = 0;
    if (!take(from, &tag, 1) || tag > TAG_BLOB) return false;
    if (tag == TAG_INT && !take(from, &number, sizeof number)) return false;
    if (tag == TAG_DOUBLE && !take(from, &real, sizeof real)) return false;
    if (tag >= TAG_TEXT && (!take(from, &length, sizeof length) || length > from->length))
        return false;
    for (int i = 0; i < 2; i++) {
        if (!to[i]) continue;
        if (tag == TAG_NULL)
            sqlite3_bind_null(to[i], places[i]);
        else if (tag == TAG_INT)
            sqlite3_bind_int64(to[i], places[i], number);
        else if (tag == TAG_DOUBLE)
            sqlite3_bind_double(to[i], places[i], real);
        else if (tag == TAG_TEXT)
            sqlite3_bind_text64(to[i], places[i], from->data, length, SQLITE_STATIC, SQLITE_UTF8);
        else
            sqlite3_bind_blob64(to[i], places[i], length ? from->data : "", length, SQLITE_STATIC);
    }
    *from = (wr_str){from->data + length, from->length - length};
    return true;
}

static weir_status step(sqlite_deliverer *d, sqlite3_stmt *statement)
{
    int result = sqlite3_step(statement);
    weir_status bad =
        result == SQLITE_DONE || result == SQLITE_ROW ? WR_OK : failed(d, "write into");
    sqlite3_reset(statement);
    return bad;
}

static weir_status apply_row(sqlite_deliverer *d, wr_str *from)
{
    const wr_target *target = d->base.target;
    char change;
    bool is_whole = take(from, &change, 1) && (change == '+' || change == '-');
    for (int k = 0; is_whole && k < target->schema.count; k++) {
        int key_at = 0;
        for (int i = 0; i < target->key_count; i++)
            if (target->keys[i] == k) key_at = i + 1;
        is_whole = bind_value(d, from, k + 1, key_at);
    }
    if (!is_whole) return wr_fail(WR_E_CORRUPT, "a token of sqlite is damaged");
    if (target->key_count) WR_TRY(step(d, d->delete));
    return change == '+' ? step(d, d->insert) : WR_OK;
}

/* *has: the database has the rows of this token. */
static weir_status look_up(sqlite_deliverer *d, uint64_t epoch, uint64_t number, bool *has)
{
    sqlite3_stmt *statement = NULL;
    WR_TRY(prepare_sql(d,
                       WR_STR("SELECT 1 FROM _weir_epochs WHERE query = ? AND epoch = ? AND "
                              "token = ?"),
                       &statement));
    sqlite3_bind_text64(statement, 1, d->query.data, d->query.length, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(statement, 2, (int64_t)epoch);
    sqlite3_bind_int64(statement, 3, (int64_t)number);
    int result = sqlite3_step(statement);
    *has = result == SQLITE_ROW;
    weir_status bad = *has || result == SQLITE_DONE ? WR_OK : failed(d, "read");
    sqlite3_finalize(statement);
    return bad;
}

static weir_status note(sqlite_deliverer *d, uint64_t epoch, uint64_t number)
{
    sqlite3_stmt *statement = NULL;
    WR_TRY(prepare_sql(
        d, WR_STR("INSERT OR REPLACE INTO _weir_epochs (query, epoch, token) VALUES (?, ?, ?)"),
        &statement));
    sqlite3_bind_text64(statement, 1, d->query.data, d->query.length, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(statement, 2, (int64_t)epoch);
    sqlite3_bind_int64(statement, 3, (int64_t)number);
    weir_status bad = step(d, statement);
    sqlite3_finalize(statement);
    return bad;
}

static weir_status apply(sqlite_deliverer *d, uint64_t epoch, uint64_t number, uint64_t count,
                         wr_str rows)
{
    bool has;
    WR_TRY(look_up(d, epoch, number, &has));
    if (has) return WR_OK;
    for (uint64_t i = 0; i < count; i++)
        WR_TRY(apply_row(d, &rows));
    if (rows.length) return wr_fail(WR_E_CORRUPT, "a token of sqlite is damaged");
    WR_TRY(note(d, epoch, number));
    WR_FAILPOINT(sqlite_rows);
    return WR_OK;
}

static weir_status sqlite_commit(wr_deliverer *base, uint64_t epoch, wr_str token)
{
    sqlite_deliverer *d = (sqlite_deliverer *)base;
    uint64_t number, count;
    uint8_t version;
    if (token.length == 0) return WR_OK;
    if (!take(&token, &version, 1) || version != TOKEN_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "a token of sqlite has version %d, not %d", version,
                       TOKEN_VERSION);
    if (!take(&token, &number, sizeof number) || !take(&token, &count, sizeof count))
        return wr_fail(WR_E_CORRUPT, "a token of sqlite is damaged");
    if (count == 0 && token.length == 0) return WR_OK;
    WR_TRY(run(d, "BEGIN IMMEDIATE", "write into"));
    weir_status bad = apply(d, epoch, number, count, token);
    if (!bad) bad = run(d, "COMMIT", "commit to");
    if (bad) sqlite3_exec(d->db, "ROLLBACK", NULL, NULL, NULL);
    if (!bad) WR_FAILPOINT(sqlite_committed);
    return bad;
}

static void sqlite_abort(wr_deliverer *base) { forget((sqlite_deliverer *)base); }

static void sqlite_close_sink(wr_deliverer *base)
{
    sqlite_deliverer *d = (sqlite_deliverer *)base;
    forget(d);
    sqlite3_finalize(d->insert);
    sqlite3_finalize(d->delete);
    sqlite3_close(d->db);
    wr_arena_clear(&d->arena);
    wr_heap_drop(d);
}

static weir_status open_database(sqlite_deliverer *d)
{
    const sqlite_target *target = target_of(d);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(target->path.data, &d->db, flags, NULL) != SQLITE_OK)
        return failed(d, "open");
    sqlite3_busy_timeout(d->db, BUSY_MS);
    WR_TRY(run(d,
               "CREATE TABLE IF NOT EXISTS _weir_epochs (query TEXT PRIMARY KEY, epoch INTEGER, "
               "token INTEGER)",
               "write into"));
    WR_TRY(run(d, target->create.data, "write into"));
    WR_TRY(prepare_sql(d, target->insert, &d->insert));
    return target->base.key_count ? prepare_sql(d, target->delete, &d->delete) : WR_OK;
}

static weir_status sqlite_open_sink(wr_target *base, const wr_deliverer_request *request,
                                    wr_deliverer **out)
{
    sqlite_deliverer *d = wr_heap_new(sizeof *d);
    d->base.target = base;
    d->mem = request->mem;
    d->cancel = request->cancel;
    d->query = wr_arena_str(&d->arena, request->query);
    weir_status bad = open_database(d);
    if (bad) {
        sqlite_close_sink(&d->base);
        return bad;
    }
    *out = &d->base;
    return WR_OK;
}

static void sqlite_drop(wr_target *base)
{
    sqlite_target *target = (sqlite_target *)base;
    wr_arena_clear(&target->arena);
    wr_heap_drop(target);
}

static const wr_target_def target_def = {.open = sqlite_open_sink,
                                         .write = sqlite_write,
                                         .prepare = sqlite_prepare,
                                         .commit = sqlite_commit,
                                         .abort = sqlite_abort,
                                         .close = sqlite_close_sink,
                                         .drop = sqlite_drop};

/* ---- binding ---- */
void wr_sqlite_add_name(wr_buf *out, wr_str name)
{
    wr_buf_add_char(out, '"');
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == '"') wr_buf_add_char(out, '"');
        wr_buf_add_char(out, name.data[i]);
    }
    wr_buf_add_char(out, '"');
}

static const char *storage_of(const wr_type *type)
{
    if (type->id == WR_T_BOOLEAN || (wr_type_is_integer(type) && type->id != WR_T_HUGEINT))
        return "INTEGER";
    return wr_type_is_float(type) ? "REAL" : type->id == WR_T_BLOB ? "BLOB" : "TEXT";
}

static void add_keys(wr_buf *out, const wr_target *target, const char *between, const char *behind)
{
    for (int i = 0; i < target->key_count; i++) {
        if (i) wr_buf_add_text(out, between);
        wr_sqlite_add_name(out, target->schema.fields[target->keys[i]].name);
        wr_buf_add_text(out, behind);
    }
}

static void make_sql(sqlite_target *target)
{
    const wr_schema *schema = &target->base.schema;
    WR_BUF(create);
    WR_BUF(insert);
    WR_BUF(delete);
    WR_BUF(marks);
    wr_buf_add_text(&create, "CREATE TABLE IF NOT EXISTS ");
    wr_buf_add_text(&insert, "INSERT INTO ");
    wr_buf_add_text(&delete, "DELETE FROM ");
    wr_sqlite_add_name(&create, target->table);
    wr_sqlite_add_name(&insert, target->table);
    wr_sqlite_add_name(&delete, target->table);
    for (int k = 0; k < schema->count; k++) {
        wr_buf_add_text(&create, k ? ", " : " (");
        wr_buf_add_text(&insert, k ? ", " : " (");
        wr_buf_add_text(&marks, k ? ", ?" : "?");
        wr_sqlite_add_name(&create, schema->fields[k].name);
        wr_sqlite_add_name(&insert, schema->fields[k].name);
        wr_buf_printf(&create, " %s", storage_of(schema->fields[k].type));
    }
    if (target->base.key_count) {
        wr_buf_add_text(&create, ", PRIMARY KEY (");
        add_keys(&create, &target->base, ", ", "");
        wr_buf_add_char(&create, ')');
        wr_buf_add_text(&delete, " WHERE ");
        add_keys(&delete, &target->base, " AND ", " IS ?");
    }
    wr_buf_add_char(&create, ')');
    wr_buf_printf(&insert, ") VALUES (%s)", marks.data);
    target->create = wr_arena_str(&target->arena, wr_buf_str(&create));
    target->insert = wr_arena_str(&target->arena, wr_buf_str(&insert));
    target->delete = wr_arena_str(&target->arena, wr_buf_str(&delete));
}

weir_status wr_sqlite_text_option(wr_arena *arena, const wr_options *given, const wr_opt *rows,
                                  const char *name, wr_str *out)
{
    wr_str text;
    bool is_set;
    WR_TRY(wr_option_text(given, rows, name, &text, &is_set));
    if (!is_set || text.length == 0 || memchr(text.data, 0, text.length))
        return wr_fail(WR_E_PARAMETER_VALUE, "sqlite needs the option \"%s\"", name);
    *out = wr_arena_str(arena, text);
    return WR_OK;
}

static weir_status sqlite_sink(const wr_connect *connect, wr_target **out)
{
    WR_AUTO(wr_target) *base = NULL;
    sqlite_target *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &target_def,
                               .connector = "sqlite",
                               .takes_back = connect->key_count > 0,
                               .strongest = WR_DELIVERY_EXACTLY_ONCE,
                               .references = 1};
    base = &target->base;
    WR_TRY(wr_options_check(connect->options, options, "sqlite"));
    WR_TRY(wr_sqlite_text_option(&target->arena, connect->options, options, "path", &target->path));
    WR_TRY(
        wr_sqlite_text_option(&target->arena, connect->options, options, "table", &target->table));
    if (!connect->schema || connect->schema->count == 0)
        return wr_fail(WR_E_COLUMN_COUNT, "sqlite needs at least one column");
    base->schema = *wr_schema_copy(&target->arena, connect->schema);
    for (int k = 0; k < base->schema.count; k++)
        if (memchr(base->schema.fields[k].name.data, 0, base->schema.fields[k].name.length))
            return wr_fail(WR_E_UNSUPPORTED, "SQLite has no names with a NUL byte");
    int *keys = wr_new_array(&target->arena, int, connect->key_count + 1);
    if (connect->key_count) memcpy(keys, connect->keys, sizeof *keys * (size_t)connect->key_count);
    base->keys = keys;
    base->key_count = connect->key_count;
    make_sql(target);
    *out = WR_TAKE(base);
    return WR_OK;
}

const wr_connector wr_connector_sqlite = {
    .name = "sqlite",
    .help = "Rows into a table of an SQLite database: appended, or by primary key. As a source the "
            "table as it is when it is read: streams join with it, and do not wait for its rows.",
    .source_options = wr_sqlite_read_options,
    .source = wr_sqlite_source,
    .sink_options = options,
    .sink = sqlite_sink,
};
