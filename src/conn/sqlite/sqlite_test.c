/* sqlite_test.c - rows into a database: appended, by key, once, whatever the names and values are.
 */
#include "fmt/scan_test.h"
#include "spi/connector.h"
#include <sqlite3.h>

extern const wr_connector wr_connector_sqlite;

static const char evil[] = "x\"); DROP TABLE \"t";

static wr_target *target_of(const char *path, const char *table, int key_count)
{
    static const int keys[] = {0};
    wr_field fields[] = {{WR_STR("id"), WR_BIGINT},
                         {wr_str_of(evil), WR_VARCHAR},
                         {WR_STR("at"), wr_type_of(WR_T_TIMESTAMP)}};
    wr_schema schema = {.fields = fields, .count = 3};
    wr_given given[] = {{.name = WR_STR("path"), .value = wr_value_text(wr_str_of(path))},
                        {.name = WR_STR("table"), .value = wr_value_text(wr_str_of(table))}};
    wr_options options = {given, 2};
    wr_target *target = NULL;
    EXPECT_OK(wr_connector_sqlite.sink(
        &(wr_connect){.options = &options, .schema = &schema, .keys = keys, .key_count = key_count},
        &target));
    return target;
}

static wr_deliverer *open_it(wr_target *target, wr_mem *mem)
{
    wr_deliverer *deliverer = NULL;
    const wr_deliverer_request request = {.query = WR_STR("q'1"), .mem = mem};
    EXPECT_OK(target->def->open(target, &request, &deliverer));
    return deliverer;
}

static void write_row(wr_deliverer *deliverer, int64_t id, const char *text, int8_t change)
{
    WR_ARENA(arena);
    wr_column columns[3];
    wr_column_init(&columns[0], &arena, WR_BIGINT, WR_P_I64, 1);
    wr_column_init(&columns[1], &arena, WR_VARCHAR, WR_P_VIEW, 1);
    wr_column_init(&columns[2], &arena, wr_type_of(WR_T_TIMESTAMP), WR_P_I64, 1);
    *(int64_t *)columns[0].data = id;
    if (text)
        *(wr_view *)columns[1].data = wr_view_of(text, strlen(text));
    else
        wr_bit_clear(wr_column_need_valid(&columns[1], &arena, 1), 0);
    const wr_delta delta = {.batch = {.columns = columns, .column_count = 3, .rows = 1},
                            .changes = &change};
    EXPECT_OK(deliverer->target->def->write(deliverer, &delta));
}

static int add_row(void *out, int count, char **values, char **names)
{
    (void)names;
    for (int i = 0; i < count; i++)
        wr_buf_printf(out, "%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
    wr_buf_add_char(out, '\n');
    return 0;
}

static void expect_table(const char *path, const char *sql, const char *want)
{
    sqlite3 *db = NULL;
    WR_BUF(out);
    wr_buf_add_text(&out, "");
    EXPECT_INT(sqlite3_open(path, &db), SQLITE_OK);
    EXPECT_INT(sqlite3_exec(db, sql, add_row, &out, NULL), SQLITE_OK);
    EXPECT_TEXT(out.data, want);
    sqlite3_close(db);
}

static void commit_all(wr_deliverer *deliverer, uint64_t epoch, int times)
{
    WR_BUF(token);
    EXPECT_OK(deliverer->target->def->prepare(deliverer, epoch, &token));
    for (int i = 0; i < times; i++)
        EXPECT_OK(deliverer->target->def->commit(deliverer, epoch, wr_buf_str(&token)));
}

TEST(rows_come_into_a_database_once_and_names_are_only_names)
{
    const char *path = test_path("append.db");
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_target *target = target_of(path, evil, 0);
    EXPECT(!target->takes_back);
    wr_deliverer *deliverer = open_it(target, mem);
    write_row(deliverer, 1, "'); DROP TABLE t; --", 1);
    write_row(deliverer, 1, NULL, 1);
    commit_all(deliverer, 1, 2);
    write_row(deliverer, 9, "lost", 1);
    target->def->abort(deliverer);
    target->def->close(deliverer);
    deliverer = open_it(target, mem); /* a query that begins again counts from 1 again */
    write_row(deliverer, 2, "b", 1);
    commit_all(deliverer, 1, 2);
    target->def->close(deliverer);
    expect_table(path, "SELECT * FROM \"x\"\"); DROP TABLE \"\"t\" ORDER BY rowid",
                 "1|'); DROP TABLE t; --|1970-01-01 00:00:00\n1|NULL|1970-01-01 00:00:00\n"
                 "2|b|1970-01-01 00:00:00\n");
    expect_table(path, "SELECT query, epoch FROM _weir_epochs", "q'1|1\n");
    wr_target_release(target);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    unlink(path);
}

TEST(rows_replace_and_remove_those_of_their_key)
{
    const char *path = test_path("keys.db");
    wr_target *target = target_of(path, "t", 1);
    EXPECT(target->takes_back);
    wr_deliverer *deliverer = open_it(target, NULL);
    write_row(deliverer, 1, "a", 1);
    write_row(deliverer, 2, "b", 1);
    commit_all(deliverer, 1, 1);
    write_row(deliverer, 1, "a", -1);
    write_row(deliverer, 1, "c", 1);
    write_row(deliverer, 2, "b", -1);
    write_row(deliverer, 3, "d", 1);
    write_row(deliverer, 3, "e", 1);
    commit_all(deliverer, 2, 2);
    target->def->close(deliverer);
    expect_table(path, "SELECT id, \"x\"\"); DROP TABLE \"\"t\" FROM t ORDER BY id", "1|c\n3|e\n");
    wr_target_release(target);
    unlink(path);
}

TEST(damaged_tokens_change_nothing_in_a_database)
{
    const char *path = test_path("damaged.db");
    wr_target *target = target_of(path, "t", 1);
    wr_deliverer *deliverer = open_it(target, NULL);
    WR_BUF(token);
    write_row(deliverer, 1, "some longer text", 1);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    for (size_t length = 1; length < token.length; length++)
        EXPECT_FAIL(target->def->commit(deliverer, 1, (wr_str){token.data, length}), WR_E_CORRUPT);
    expect_table(path, "SELECT count(*) FROM t", "0\n");
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    expect_table(path, "SELECT count(*) FROM t", "1\n");
    target->def->close(deliverer);
    wr_target_release(target);
    unlink(path);
}

/* ---- reading ---- */

/* "1|x\n2|NULL\n", or the error. */
static void read_all(const char *path, wr_field *fields, int field_count, const int *columns,
                     int count, wr_buf *out)
{
    wr_schema schema = {.fields = fields, .count = field_count};
    wr_given given[] = {{.name = WR_STR("path"), .value = wr_value_text(wr_str_of(path))},
                        {.name = WR_STR("table"), .value = wr_value_text(WR_STR("t"))}};
    wr_options options = {given, 2};
    wr_source *source = NULL;
    wr_reader *reader = NULL;
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    weir_status bad = wr_connector_sqlite.source(
        &(wr_connect){.options = &options, .schema = field_count ? &schema : NULL}, &source);
    const wr_reader_request request = {.columns = columns, .column_count = count, .mem = mem};
    if (!bad) bad = source->def->open(source, &request, &reader);
    for (wr_poll result = WR_POLL_ROWS; !bad && result == WR_POLL_ROWS;) {
        wr_batch batch;
        bad = source->def->poll(reader, 0, &batch, &result);
        for (uint32_t row = 0; !bad && row < batch.rows; row++)
            for (int c = 0; c < count; c++) {
                if (wr_column_is_null(&batch.columns[c], row))
                    wr_buf_add_text(out, "NULL");
                else
                    wr_column_print(&batch.columns[c], row, out);
                wr_buf_add_char(out, c + 1 < count ? '|' : '\n');
            }
    }
    if (bad) wr_buf_add_text(out, wr_status_text(bad));
    wr_status_drop(bad);
    if (reader) source->def->close(reader);
    wr_source_release(source);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    wr_buf_add_text(out, "");
}

static void expect_read(const char *path, wr_field *fields, int field_count, const int *columns,
                        int count, const char *want)
{
    WR_BUF(got);
    read_all(path, fields, field_count, columns, count, &got);
    EXPECT(strstr(got.data, want) != NULL);
    if (!strstr(got.data, want)) EXPECT_TEXT(got.data, want);
}

static void make(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    remove(path);
    EXPECT_INT(sqlite3_open(path, &db), SQLITE_OK);
    EXPECT_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

TEST(a_table_is_read_with_the_types_that_are_declared)
{
    const char *path = test_path("read.db");
    const int all[] = {0, 1, 2, 3}, some[] = {2, 0};
    make(path, "CREATE TABLE t (id INTEGER, \"a \"\"name\" TEXT, x REAL, raw BLOB);"
               "INSERT INTO t VALUES (1, 'x', 2, x'00ff'), (-2, NULL, 2.5, NULL)");
    expect_read(path, NULL, 0, all, 4, "1|x|2|\\x00ff\n-2|NULL|2.5|NULL\n");
    expect_read(path, NULL, 0, some, 2, "2|1\n2.5|-2\n");
    wr_field fields[] = {{WR_STR("ID"), wr_type_of(WR_T_TINYINT)},
                         {WR_STR("a \"name"), WR_VARCHAR},
                         {WR_STR("x"), WR_VARCHAR}};
    expect_read(path, fields, 3, all, 3, "1|x|2.0\n-2|NULL|2.5\n");
}

TEST(values_of_other_types_and_columns_that_are_missing_are_errors)
{
    const char *path = test_path("read.db");
    const int all[] = {0};
    wr_field small = {WR_STR("id"), wr_type_of(WR_T_TINYINT)},
             date = {WR_STR("id"), wr_type_of(WR_T_DATE)}, gone = {WR_STR("gone"), WR_VARCHAR};
    make(path, "CREATE TABLE t (id); INSERT INTO t VALUES (1), (300), ('2024-01-01')");
    expect_read(path, &small, 1, all, 1, "row 2 of t: column \"id\" is no TINYINT: '300'");
    expect_read(path, &date, 1, all, 1, "row 1 of t: column \"id\" is no DATE: '1'");
    expect_read(path, &gone, 1, all, 1, "no such column: t.gone");
    make(path, "CREATE TABLE t (id); INSERT INTO t VALUES (CAST(x'ff' AS TEXT))");
    wr_field text = {WR_STR("id"), WR_VARCHAR};
    expect_read(path, &text, 1, all, 1, "row 1 of t: column \"id\" is no VARCHAR");
    make(path, "CREATE TABLE other (id)");
    expect_read(path, NULL, 0, all, 1, "no table \"t\" in");
}
