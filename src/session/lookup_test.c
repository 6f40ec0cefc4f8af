/* lookup_test.c - tables and files that a stream joins with are read again when they change. */
#include "session/script_kit_test.h"
#include "sys/clock.h"
#include <sqlite3.h>

/* Waits until the snapshot of the stream says so. */
static void await_text(bench *b, const char *text)
{
    bool is_there = false;
    for (int i = 0; i < WAIT_MS / 5 && !is_there; i++) {
        char *snapshot = weir_stream_snapshot(b->stream);
        is_there = strstr(snapshot, text) != NULL;
        weir_text_free(snapshot);
        if (!is_there) wr_sleep_ms(5);
    }
    EXPECT(is_there);
}

static void await_refreshes(bench *b, int count)
{
    WR_BUF(text);
    wr_buf_printf(&text, "\"refreshes\":%d,", count);
    await_text(b, text.data);
}

/* The file is there as a whole or not at all. */
static void write_file(bench *b, const char *name, const char *text)
{
    WR_BUF(path);
    WR_BUF(draft);
    wr_buf_printf(&path, "%s/%s", b->folder, name);
    wr_buf_printf(&draft, "%s/draft", b->folder);
    FILE *file = fopen(draft.data, "w");
    EXPECT(file && fputs(text, file) >= 0);
    if (file) EXPECT_INT(fclose(file), 0);
    EXPECT_INT(rename(draft.data, path.data), 0);
}

static void remove_file(bench *b, const char *name)
{
    WR_BUF(path);
    wr_buf_printf(&path, "%s/%s", b->folder, name);
    EXPECT_INT(remove(path.data), 0);
}

static const char *in_folder(bench *b, wr_buf *out, const char *sql)
{
    return put_folder(b->folder, sql, out);
}

#define SCRIPT "1:a / 2:a / 3:a / 4:a / 5:a / 6:a"

TEST(a_table_that_was_changed_is_read_again)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    run(&b, "CREATE TABLE c (k VARCHAR PRIMARY KEY, name VARCHAR)");
    run(&b, "INSERT INTO c VALUES ('a', 'one')");
    begin(&b, "t BIGINT, name VARCHAR",
          "INSERT INTO k SELECT t, name FROM s LEFT JOIN c ON s.k = c.k "
          "EMIT WITH (lookup_refresh = '5 ms')");
    char *explained = weir_stream_explain(b.stream);
    EXPECT(strstr(explained, "c: read again when changed, looked at every 00:00:00.005") != NULL);
    weir_text_free(explained);
    step(&b, 0, 1, "+1|one");
    run(&b, "UPDATE c SET name = 'two'");
    await_refreshes(&b, 1);
    step(&b, 0, 2, "+2|two");
    run(&b, "INSERT INTO c VALUES ('b', 'other')");
    await_refreshes(&b, 2);
    run(&b, "DELETE FROM c WHERE k = 'a'");
    await_refreshes(&b, 3);
    step(&b, 0, 3, "+3|NULL");
    crash(&b); /* begins with the table of now */
    run(&b, "INSERT INTO c VALUES ('a', 'three')");
    await_refreshes(&b, 1);
    step(&b, 0, 4, "+4|three");
    bench_close(&b);
}

TEST(without_lookup_refresh_a_table_stays_as_it_was)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    run(&b, "CREATE TABLE c (k VARCHAR, name VARCHAR)");
    run(&b, "INSERT INTO c VALUES ('a', 'one')");
    begin(&b, "t BIGINT, name VARCHAR", "INSERT INTO k SELECT t, name FROM s JOIN c ON s.k = c.k");
    step(&b, 0, 1, "+1|one");
    run(&b, "UPDATE c SET name = 'two'");
    step(&b, 0, 2, "+2|one");
    EXPECT_INT(figures(&b).rows_out, 2);
    bench_close(&b);
}

TEST(a_table_whose_columns_drift_is_kept_as_it_was)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    run(&b, "SET lookup_refresh = '5ms'");
    run(&b, "CREATE TABLE c (k VARCHAR, name VARCHAR, price INTEGER)");
    run(&b, "INSERT INTO c VALUES ('a', 'one', 1)");
    begin(&b, "t BIGINT, name VARCHAR", "INSERT INTO k SELECT t, name FROM s JOIN c ON s.k = c.k");
    step(&b, 0, 1, "+1|one");
    run(&b, "BEGIN");
    run(&b, "ALTER TABLE c DROP COLUMN k");
    run(&b, "ALTER TABLE c ADD COLUMN k VARCHAR DEFAULT 'a'");
    run(&b, "UPDATE c SET name = 'two'");
    run(&b, "COMMIT");
    await_refreshes(&b, 1); /* the columns that are read are there */
    step(&b, 0, 2, "+2|two");
    run(&b, "ALTER TABLE c RENAME COLUMN name TO title");
    await_text(&b, "column \\\"name\\\" is not there any more");
    step(&b, 0, 3, "+3|two");
    run(&b, "BEGIN");
    run(&b, "ALTER TABLE c RENAME COLUMN title TO name");
    run(&b, "UPDATE c SET name = 'three'");
    run(&b, "COMMIT");
    await_refreshes(&b, 2);
    step(&b, 0, 4, "+4|three");
    bench_close(&b);
}

TEST(files_that_are_written_again_are_read_again)
{
    bench b;
    WR_BUF(sql);
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    write_file(&b, "c.csv", "k,n\na,1\n");
    begin(&b, "t BIGINT, n BIGINT",
          in_folder(&b, &sql,
                    "INSERT INTO k SELECT t, n FROM s JOIN '@/c.csv' AS c ON s.k = c.k "
                    "EMIT WITH (lookup_refresh = INTERVAL '5 milliseconds')"));
    step(&b, 0, 1, "+1|1");
    write_file(&b, "c.csv", "more,n,k\nx,2,a\nx,3,a\n"); /* the columns are found by name */
    await_refreshes(&b, 1);
    step(&b, 0, 2, "+2|2 +2|3");
    write_file(&b, "c.csv", "k,n\na,hello\n");
    await_text(&b, "column \\\"n\\\" was BIGINT and is VARCHAR now");
    step(&b, 0, 3, "+3|2 +3|3");
    remove_file(&b, "c.csv");
    await_text(&b, "c.csv\\\"");
    step(&b, 0, 4, "+4|2 +4|3");
    write_file(&b, "c.csv", "k,n\na,4\n");
    await_refreshes(&b, 2);
    step(&b, 0, 5, "+5|4");
    bench_close(&b);
}

/* One or more. */
static void await_refresh(bench *b)
{
    bool any = false;
    for (int i = 0; i < WAIT_MS / 5 && !any; i++) {
        char *snapshot = weir_stream_snapshot(b->stream);
        const char *count = strstr(snapshot, "\"refreshes\":");
        any = count && count[strlen("\"refreshes\":")] != '0';
        weir_text_free(snapshot);
        if (!any) wr_sleep_ms(5);
    }
    EXPECT(any);
}

static void await_no_error(bench *b)
{
    bool is_well = false;
    for (int i = 0; i < WAIT_MS / 5 && !is_well; i++) {
        char *snapshot = weir_stream_snapshot(b->stream);
        const char *from = strstr(snapshot, "\"lookups\":[");
        const char *error = from ? strstr(from, "\"error\"") : NULL;
        is_well = from && (!error || error > strchr(from, ']'));
        weir_text_free(snapshot);
        if (!is_well) wr_sleep_ms(5);
    }
    EXPECT(is_well);
}

static void change_database(bench *b, const char *sql)
{
    WR_BUF(path);
    sqlite3 *db = NULL;
    wr_buf_printf(&path, "%s/c.db", b->folder);
    EXPECT_INT(sqlite3_open(path.data, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, WAIT_MS); /* the stream reads it */
    EXPECT_INT(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

TEST(a_table_of_sqlite_is_read_again)
{
    bench b;
    WR_BUF(sql);
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    change_database(&b, "CREATE TABLE c (k TEXT PRIMARY KEY, n INTEGER);"
                        "INSERT INTO c VALUES ('a', 1), ('b', NULL)");
    run(&b, in_folder(&b, &sql,
                      "CREATE SOURCE c WITH (connector = 'sqlite', path = '@/c.db', \"table\" = "
                      "'c')"));
    begin(&b, "t BIGINT, n BIGINT",
          "INSERT INTO k SELECT t, n FROM s LEFT JOIN c ON s.k = c.k "
          "EMIT WITH (lookup_refresh = '5 ms')");
    step(&b, 0, 1, "+1|1");
    change_database(&b, "UPDATE c SET n = 2 WHERE k = 'a'");
    await_refresh(&b);
    step(&b, 0, 2, "+2|2");
    change_database(&b, "UPDATE c SET n = 'many' WHERE k = 'a'");
    await_text(&b, "column \\\"n\\\" is no BIGINT: 'many'");
    step(&b, 0, 3, "+3|2");
    change_database(&b, "ALTER TABLE c RENAME COLUMN n TO m");
    await_text(&b, "no such column: t.n");
    step(&b, 0, 4, "+4|2");
    change_database(&b, "BEGIN; ALTER TABLE c RENAME COLUMN m TO n; DELETE FROM c; COMMIT");
    await_no_error(&b); /* how often it was read again is up to when it was looked at */
    step(&b, 0, 5, "+5|NULL");
    bench_close(&b);
}

TEST(a_glob_that_means_nothing_new_is_not_read_again)
{
    bench b;
    WR_BUF(sql);
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    write_file(&b, "c1.json", "{\"k\":\"b\",\"n\":1}\n");
    begin(&b, "t BIGINT, n BIGINT",
          in_folder(&b, &sql,
                    "INSERT INTO k SELECT t, (SELECT max(n) FROM '@/c*.json' AS c WHERE c.k = s.k) "
                    "FROM s EMIT WITH (lookup_refresh = '5 ms')"));
    step(&b, 0, 1, "+1|NULL");
    write_file(&b, "c2.json", "{\"k\":\"a\",\"n\":2}\n");
    await_refreshes(&b, 1);
    step(&b, 0, 2, "+2|2");
    wr_sleep_ms(50);
    await_refreshes(&b, 1);
    bench_close(&b);
}

TEST(a_table_that_is_empty_at_first_does_not_end_the_stream)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    run(&b, "CREATE TABLE c (k VARCHAR, name VARCHAR)");
    begin(&b, "t BIGINT, name VARCHAR",
          "INSERT INTO k SELECT t, name FROM s JOIN c ON s.k = c.k "
          "EMIT WITH (lookup_refresh = '5 ms')");
    step(&b, 0, 1, "");
    run(&b, "INSERT INTO c VALUES ('a', 'one')");
    await_refreshes(&b, 1);
    step(&b, 0, 2, "+2|one");
    run(&b, "DROP TABLE c");
    await_text(&b, "is not there any more");
    step(&b, 0, 3, "+3|one");
    run(&b, "BEGIN");
    run(&b, "CREATE TABLE c (name VARCHAR, k VARCHAR)");
    run(&b, "INSERT INTO c VALUES ('again', 'a')");
    run(&b, "COMMIT");
    await_refreshes(&b, 2);
    step(&b, 0, 4, "+4|again");
    bench_close(&b);
}

TEST(lookup_refresh_without_a_table_is_refused)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, SCRIPT);
    run(&b, "CREATE SINK k (t BIGINT) WITH (connector = 'script')");
    const char *sql = "INSERT INTO k SELECT t FROM s EMIT WITH (lookup_refresh = '1 s')";
    weir_stream *stream = NULL;
    weir_stream_options options = {0};
    EXPECT_FAIL(weir_stream_open(b.session, sql, strlen(sql), &options, &stream),
                WR_E_PARAMETER_VALUE);
    weir_stream_close(stream);
    bench_close(&b);
}
