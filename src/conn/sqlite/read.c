/* read.c - a table of an SQLite database as rows: read as a whole, by one SELECT, so in the state
 * of one transaction. Columns are those that were declared, or found out by their affinity.
 *
 * SQLite stores values of any type in any column: a value that is not of the declared type is an
 * error that names row and column, never a NULL. Names are qualified in the SELECT: SQLite takes a
 * quoted name that is no column for a text otherwise, and nobody would notice that it has gone.
 *
 * The stamp is made of the sizes and times of the database and of the log beside it: each commit
 * changes one of them. */
#include "conn/sqlite/sqlite.h"
#include "col/hash.h"
#include "fmt/cell.h"
#include <sqlite3.h>

enum { BUSY_MS = 10000 };

const wr_opt wr_sqlite_read_options[] = {
    {"path", WR_OPT_TEXT, NULL, "the database (required)"},
    {"table", WR_OPT_TEXT, NULL, "the table or view (required)"},
    {0}};

typedef struct sqlite_source {
    wr_source base;
    wr_arena arena;
    wr_str path, table; /* both end with a NUL */
} sqlite_source;

typedef struct sqlite_reader {
    wr_reader base;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_arena arena, text; /* of the reader; of one batch */
    sqlite3 *db;
    sqlite3_stmt *select;
    const int *columns;
    wr_fill *fills;
    wr_column *out;
    int column_count;
    uint64_t rows;
} sqlite_reader;

static const sqlite_source *source_of(const sqlite_reader *r)
{
    return (const sqlite_source *)r->base.source;
}

static weir_status cannot(const sqlite_source *source, sqlite3 *db, const char *what)
{
    int code = sqlite3_errcode(db) & 0xff;
    wr_code kind = code == SQLITE_BUSY || code == SQLITE_LOCKED      ? WR_E_BUSY
                   : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? WR_E_CORRUPT
                                                                     : WR_E_IO;
    return wr_fail(kind, "cannot %s \"%s\": %s", what, source->path.data, sqlite3_errmsg(db));
}

static weir_status open_database(const sqlite_source *source, sqlite3 **db)
{
    int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_FULLMUTEX;
    if (sqlite3_open_v2(source->path.data, db, flags, NULL) != SQLITE_OK)
        return cannot(source, *db, "open");
    sqlite3_busy_timeout(*db, BUSY_MS);
    return WR_OK;
}

/* ---- values ---- */

static weir_status misfit(const sqlite_reader *r, int column, sqlite3_value *value)
{
    const wr_field *field = &r->base.source->schema.fields[r->columns[column]];
    const unsigned char *text = sqlite3_value_text(value);
    return wr_fail(WR_E_ROW_VALUE, "row %llu of %s: column \"%.*s\" is no %s: '%.60s'",
                   (unsigned long long)r->rows + 1, source_of(r)->table.data,
                   WR_STR_ARGS(field->name), wr_type_name(field->type),
                   text ? (const char *)text : "");
}

static bool take_text(sqlite_reader *r, const wr_type *type, sqlite3_value *value, void *slot)
{
    bool is_blob = type->id == WR_T_BLOB;
    const void *bytes = is_blob ? sqlite3_value_blob(value) : sqlite3_value_text(value);
    size_t size = (size_t)sqlite3_value_bytes(value);
    if (!is_blob && !wr_utf8_valid(bytes ? bytes : "", size)) return false;
    const char *kept = size ? wr_arena_copy(&r->text, bytes, size) : "";
    *(wr_view *)slot = wr_view_of(kept, size);
    return true;
}

/* Into the slot of a column; false: it is none of the type. */
static bool take_value(sqlite_reader *r, const wr_type *type, sqlite3_value *value, void *slot)
{
    static const wr_cell_rules rules = {.decimal_separator = '.'};
    int stored = sqlite3_value_type(value);
    bool is_number = stored == SQLITE_INTEGER || stored == SQLITE_FLOAT;
    if (type->id == WR_T_VARCHAR || type->id == WR_T_BLOB) return take_text(r, type, value, slot);
    if (stored == SQLITE_BLOB) return false;
    if (is_number && type->id == WR_T_DOUBLE) {
        *(double *)slot = sqlite3_value_double(value);
        return true;
    }
    if (stored == SQLITE_INTEGER && type->id == WR_T_BIGINT) {
        *(int64_t *)slot = sqlite3_value_int64(value);
        return true;
    }
    const unsigned char *text = sqlite3_value_text(value);
    if (!text) return false;
    size_t size = (size_t)sqlite3_value_bytes(value);
    return wr_cell_read(&rules, type,
                        (wr_str){wr_arena_copy(&r->text, (const char *)text, size), size}, slot);
}

static weir_status take_row(sqlite_reader *r, uint32_t row)
{
    for (int c = 0; c < r->column_count; c++) {
        wr_fill *fill = &r->fills[c];
        sqlite3_value *value = sqlite3_column_value(r->select, c);
        if (sqlite3_value_type(value) == SQLITE_NULL)
            wr_fill_null(fill, row);
        else if (!take_value(r, fill->type, value, (char *)fill->data + row * fill->width))
            return misfit(r, c, value);
    }
    r->rows++;
    return WR_OK;
}

static weir_status sqlite_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    sqlite_reader *r = (sqlite_reader *)base;
    uint32_t rows = 0;
    int step = SQLITE_ROW;
    (void)deadline_ns;
    WR_TRY(wr_cancel_check(r->cancel));
    wr_arena_reset(&r->text);
    for (int c = 0; c < r->column_count; c++)
        wr_fill_begin(&r->fills[c]);
    while (rows < WR_BATCH_ROWS && r->select && (step = sqlite3_step(r->select)) == SQLITE_ROW)
        WR_TRY(take_row(r, rows++));
    if (r->select && step != SQLITE_ROW) {
        if (step != SQLITE_DONE) return cannot(source_of(r), r->db, "read");
        sqlite3_finalize(r->select);
        r->select = NULL;
    }
    WR_TRY(wr_arena_check(&r->text));
    *result = rows ? WR_POLL_ROWS : WR_POLL_END;
    *out = (wr_batch){.columns = r->out, .column_count = r->column_count, .rows = rows};
    for (int c = 0; c < r->column_count; c++)
        wr_fill_column(&r->fills[c], rows, NULL, 0, &r->out[c]);
    return WR_OK;
}

/* ---- reading ---- */

static void sqlite_close_reader(wr_reader *base)
{
    sqlite_reader *r = (sqlite_reader *)base;
    for (int c = 0; r->fills && c < r->column_count; c++)
        wr_fill_clear(r->mem, &r->fills[c]);
    sqlite3_finalize(r->select);
    sqlite3_close(r->db);
    wr_arena_clear(&r->text);
    wr_arena_clear(&r->arena);
    wr_heap_drop(r);
}

static weir_status begin(sqlite_reader *r)
{
    const sqlite_source *source = source_of(r);
    WR_BUF(sql);
    wr_buf_add_text(&sql, "SELECT ");
    for (int c = 0; c < r->column_count; c++) {
        const wr_field *field = &source->base.schema.fields[r->columns[c]];
        wr_buf_add_text(&sql, c ? ", t." : "t.");
        wr_sqlite_add_name(&sql, field->name);
        WR_TRY(wr_fill_new(r->mem, field->type, WR_BATCH_ROWS, &r->fills[c]));
    }
    wr_buf_add_text(&sql, " FROM ");
    wr_sqlite_add_name(&sql, source->table);
    wr_buf_add_text(&sql, " AS t");
    WR_TRY(open_database(source, &r->db));
    if (sqlite3_prepare_v2(r->db, sql.data, (int)sql.length, &r->select, NULL) != SQLITE_OK)
        return cannot(source, r->db, "read");
    return WR_OK;
}

static weir_status sqlite_open(wr_source *base, const wr_reader_request *request, wr_reader **out)
{
    if (request->position.length)
        return wr_fail(WR_E_UNSUPPORTED, "a table of SQLite has no positions to go on from");
    sqlite_reader *r = wr_heap_new(sizeof *r);
    r->base.source = base;
    r->mem = r->text.mem = request->mem;
    r->cancel = request->cancel;
    r->column_count = request->column_count;
    int *columns = wr_new_array(&r->arena, int, r->column_count + 1);
    if (r->column_count)
        memcpy(columns, request->columns, sizeof *columns * (size_t)r->column_count);
    r->columns = columns;
    r->fills = wr_new_array(&r->arena, wr_fill, r->column_count + 1);
    r->out = wr_new_array(&r->arena, wr_column, r->column_count + 1);
    weir_status bad = begin(r);
    if (bad) sqlite_close_reader(&r->base);
    if (!bad) *out = &r->base;
    return bad;
}

static weir_status sqlite_position(wr_reader *base, wr_buf *out)
{
    (void)base;
    wr_buf_add_char(out, 1);
    return WR_OK;
}

static uint64_t sqlite_stamp(wr_source *base, wr_fs *fs)
{
    static const char *const suffixes[] = {"", "-wal"};
    const sqlite_source *source = (const sqlite_source *)base;
    uint64_t hash = 0;
    for (int i = 0; i < 2; i++) {
        WR_BUF(path);
        wr_file_stat stat = {0};
        wr_buf_printf(&path, "%s%s", source->path.data, suffixes[i]);
        wr_status_drop(wr_fs_stat(fs, wr_buf_str(&path), &stat));
        uint64_t facts[3] = {stat.size, (uint64_t)stat.mtime_ns, stat.inode};
        hash = wr_hash_combine(hash, wr_hash_bytes(facts, sizeof facts));
    }
    return hash;
}

static void sqlite_drop_source(wr_source *base)
{
    wr_arena_clear(&((sqlite_source *)base)->arena);
    wr_heap_drop(base);
}

static const wr_source_def source_def = {.open = sqlite_open,
                                         .poll = sqlite_poll,
                                         .position = sqlite_position,
                                         .stamp = sqlite_stamp,
                                         .close = sqlite_close_reader,
                                         .drop = sqlite_drop_source};

/* ---- binding ---- */

/* As SQLite tells affinity by what a declared type contains. */
static const wr_type *type_of(const char *declared)
{
    static const struct {
        const char *part;
        wr_type_id type;
    } rules[] = {{"INT", WR_T_BIGINT},   {"CHAR", WR_T_VARCHAR}, {"CLOB", WR_T_VARCHAR},
                 {"TEXT", WR_T_VARCHAR}, {"BLOB", WR_T_BLOB},    {"REAL", WR_T_DOUBLE},
                 {"FLOA", WR_T_DOUBLE},  {"DOUB", WR_T_DOUBLE}};
    for (size_t i = 0; declared && i < WR_COUNT(rules); i++)
        for (const char *at = declared; *at; at++)
            if (sqlite3_strnicmp(at, rules[i].part, (int)strlen(rules[i].part)) == 0)
                return wr_type_of(rules[i].type);
    return WR_VARCHAR;
}

static weir_status find_columns(sqlite_source *source, sqlite3 *db)
{
    sqlite3_stmt *info = NULL;
    WR_LIST(wr_field) fields = {0};
    bool is_good = sqlite3_prepare_v2(db, "SELECT name, type FROM pragma_table_info(?)", -1, &info,
                                      NULL) == SQLITE_OK;
    if (is_good)
        sqlite3_bind_text64(info, 1, source->table.data, source->table.length, SQLITE_STATIC,
                            SQLITE_UTF8);
    while (is_good && sqlite3_step(info) == SQLITE_ROW) {
        wr_str name = wr_str_of((const char *)sqlite3_column_text(info, 0));
        const wr_type *type = type_of((const char *)sqlite3_column_text(info, 1));
        wr_push(&source->arena, &fields, ((wr_field){wr_arena_str(&source->arena, name), type}));
    }
    weir_status bad = is_good ? WR_OK : cannot(source, db, "read");
    sqlite3_finalize(info);
    if (!bad && !fields.count)
        bad = wr_fail(WR_E_UNKNOWN_TABLE, "no table \"%s\" in \"%s\"", source->table.data,
                      source->path.data);
    source->base.schema = (wr_schema){.fields = fields.items, .count = fields.count};
    return bad;
}

static weir_status take_columns(sqlite_source *source, const wr_schema *declared)
{
    if (!declared) {
        sqlite3 *db = NULL;
        weir_status bad = open_database(source, &db);
        if (!bad) bad = find_columns(source, db);
        sqlite3_close(db);
        return bad;
    }
    source->base.schema = *wr_schema_copy(&source->arena, declared);
    for (int i = 0; i < declared->count; i++)
        if (!wr_cell_supports(declared->fields[i].type))
            return wr_fail(WR_E_UNSUPPORTED, "a column of SQLite cannot be read as %s",
                           wr_type_name(declared->fields[i].type));
    return WR_OK;
}

weir_status wr_sqlite_source(const wr_connect *connect, wr_source **out)
{
    WR_AUTO(wr_source) *base = NULL;
    sqlite_source *source = wr_heap_new(sizeof *source);
    source->base = (wr_source){.def = &source_def,
                               .connector = "sqlite",
                               .is_bounded = true,
                               .is_table = true,
                               .references = 1};
    base = &source->base;
    WR_TRY(wr_options_check(connect->options, wr_sqlite_read_options, "sqlite"));
    WR_TRY(wr_sqlite_text_option(&source->arena, connect->options, wr_sqlite_read_options, "path",
                                 &source->path));
    WR_TRY(wr_sqlite_text_option(&source->arena, connect->options, wr_sqlite_read_options, "table",
                                 &source->table));
    WR_TRY(take_columns(source, connect->schema));
    *out = WR_TAKE(base);
    return WR_OK;
}
