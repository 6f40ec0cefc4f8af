/* late_test.c - rows that are late or cannot be read: EMIT .. WITH (..) through the C API, files to
 * files and to a database, with a state. */
#include "session/answer_kit_test.h"
#include "sys/clock.h"
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define PLACE "/tmp/weir_late_XXXXXX"

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
    char folder[sizeof PLACE];
} bench;

static void answer(bench *b, const char *sql, wr_buf *out)
{
    WR_BUF(text);
    answer_of(b->session, put_folder(b->folder, sql, &text), out);
}

static void expect(bench *b, const char *sql, const char *want)
{
    WR_BUF(got);
    answer(b, sql, &got);
    EXPECT_TEXT(got.data, want);
}

static void bench_open(bench *b, const char *format)
{
    WR_BUF(path);
    WR_BUF(sql);
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
    memcpy(b->folder, PLACE, sizeof PLACE);
    EXPECT(mkdtemp(b->folder) != NULL);
    put_folder(b->folder, "@/in", &path);
    EXPECT_OK(wr_fs_make_dirs(wr_fs_real(), wr_buf_str(&path)));
    wr_buf_printf(&sql,
                  "CREATE SOURCE s (k VARCHAR, n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) "
                  "WITH (connector = 'files', path = '@/in', format = '%s', settle_ms = 20, "
                  "poll_interval_ms = 20)",
                  format);
    expect(b, sql.data, "");
    expect(b,
           "CREATE SINK dead (kind VARCHAR, source VARCHAR, position VARCHAR, reason VARCHAR, raw "
           "VARCHAR) WITH (connector = 'files', path = '@/dead', format = 'jsonl')",
           "");
    expect(b,
           "CREATE SINK out (k VARCHAR, n BIGINT) WITH (connector = 'files', path = '@/out', "
           "format = 'jsonl')",
           "");
    expect(b,
           "CREATE SINK sums (w TIMESTAMP, k VARCHAR, n BIGINT, PRIMARY KEY (w, k)) WITH "
           "(connector = 'sqlite', path = '@/sums.db', table = 'sums')",
           "");
    expect(b, "SET stream_state = '@/state'", "");
}

static void bench_close(bench *b)
{
    weir_session_close(b->session);
    weir_engine_close(b->engine);
    remove_folder(b->folder);
}

static void put(bench *b, const char *name, const char *text)
{
    WR_BUF(path);
    wr_buf_printf(&path, "%s/in/%s", b->folder, name);
    FILE *file = fopen(path.data, "w");
    EXPECT(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static weir_stream *start(bench *b, const char *sql)
{
    weir_stream *stream = NULL;
    EXPECT_OK(weir_stream_open(b->session, sql, strlen(sql), NULL, &stream));
    EXPECT_OK(weir_stream_start(stream));
    return stream;
}

/* Until rows_in rows were read and dealt with. */
static weir_stream_figures settle(weir_stream *stream, uint64_t rows_in)
{
    weir_stream_figures f = {0};
    for (int i = 0; i < 500; i++) {
        bool idle;
        EXPECT_OK(weir_stream_await_idle(stream, 10000, &idle));
        weir_stream_progress(stream, &f);
        if (idle && f.rows_in >= rows_in) break;
    }
    EXPECT_INT(f.rows_in, rows_in);
    return f;
}

static void finish(weir_stream *stream)
{
    bool ended;
    weir_stream_stop(stream);
    EXPECT_OK(weir_stream_await(stream, 10000, &ended));
    weir_stream_close(stream);
}

#define DEAD_ROWS                                                        \
    "SELECT kind, source, replace(position, '@', ''), reason, raw FROM " \
    "read_json('@/dead/part-*.jsonl') "                                  \
    "ORDER BY position"

TEST(a_bad_row_becomes_a_dead_letter_and_takes_no_other_along)
{
    bench b;
    bench_open(&b, "csv");
    put(&b, "a.csv", "k,n,ts\na,1,2024-01-01\nb,x,2024-01-01\nc,3,2024-01-01\n");
    const char *sql =
        "INSERT INTO out SELECT k, n FROM s EMIT WITH (on_error = 'dlq', dead_letters = dead)";
    weir_stream *stream = start(&b, sql);
    weir_stream_figures f = settle(stream, 2);
    EXPECT_INT(f.dead_rows, 1);
    expect(&b, "SELECT k, n FROM read_json('@/out/part-*.jsonl') ORDER BY k", "a 1; c 3");
    expect(&b, DEAD_ROWS,
           "bad row s /in/a.csv:3 column n: cannot be read as BIGINT b,x,2024-01-01");
    weir_stream_close(stream); /* no commit at the end */
    stream = start(&b, sql);
    put(&b, "b.csv", "k,n,ts\nd,4,2024-01-01\ne\n");
    f = settle(stream, 1);
    EXPECT_INT(f.dead_rows, 1);
    finish(stream);
    expect(&b, "SELECT k, n FROM read_json('@/out/part-*.jsonl') ORDER BY k", "a 1; c 3; d 4");
    expect(&b, "SELECT count(*) FROM read_json('@/dead/part-*.jsonl')", "2"); /* each once */
    bench_close(&b);
}

TEST(bad_rows_of_a_file_without_good_ones_are_committed_too)
{
    bench b;
    bench_open(&b, "jsonl");
    put(&b, "a.jsonl", "{\"k\": \"a\", \"n\": []}\nno json\n");
    const char *sql =
        "INSERT INTO out SELECT k, n FROM s EMIT WITH (on_error = 'dlq', dead_letters "
        "= 'main.dead')";
    weir_stream *stream = start(&b, sql);
    weir_stream_figures f = {0};
    for (int i = 0; i < 500 && f.dead_rows < 2; i++)
        f = settle(stream, 0);
    f = settle(stream, 0);
    EXPECT_INT(f.dead_rows, 2);
    expect(
        &b,
        "SELECT replace(position, '@', ''), raw FROM read_json('@/dead/part-*.jsonl') ORDER BY 1",
        "/in/a.jsonl:1 {\"k\": \"a\", \"n\": []}; /in/a.jsonl:2 no json");
    weir_stream_close(stream);
    bench_close(&b);
}

TEST(bad_rows_fail_the_query_unless_it_says_otherwise)
{
    bench b;
    bench_open(&b, "csv");
    put(&b, "a.csv", "k,n,ts\na,1,2024-01-01\nb,x,2024-01-01\n");
    weir_stream *stream = start(&b, "INSERT INTO out SELECT k, n FROM s");
    bool ended;
    EXPECT_FAIL(weir_stream_await(stream, 10000, &ended), WR_E_ROW_VALUE);
    weir_stream_close(stream);
    stream = start(&b, "INSERT INTO out SELECT k, n FROM s EMIT WITH (on_error = 'drop')");
    EXPECT_INT(settle(stream, 1).dead_rows, 1);
    finish(stream);
    expect(&b, "SELECT k, n FROM read_json('@/out/part-*.jsonl')", "a 1");
    WR_BUF(sql);
    put_folder(b.folder,
               "CREATE SINK two WITH (connector = 'files', path = '@/two', format = 'jsonl') AS "
               "SELECT k, n FROM s EMIT WITH (on_error = 'drop')",
               &sql);
    stream = start(&b, sql.data);
    EXPECT_INT(settle(stream, 1).dead_rows, 1);
    finish(stream);
    expect(&b, "SELECT k, n FROM read_json('@/two/part-*.jsonl')", "a 1");
    bench_close(&b);
}

/* What the database has, minute by minute. */
static void expect_sums(const bench *b, const char *want)
{
    WR_BUF(path);
    WR_BUF(got);
    sqlite3 *db;
    sqlite3_stmt *statement;
    put_folder(b->folder, "@/sums.db", &path);
    EXPECT_INT(sqlite3_open(path.data, &db), SQLITE_OK);
    EXPECT_INT(
        sqlite3_prepare_v2(db, "SELECT w, k, n FROM sums ORDER BY w, k", -1, &statement, NULL),
        SQLITE_OK);
    while (sqlite3_step(statement) == SQLITE_ROW)
        wr_buf_printf(&got, "%.5s %s %d; ", (const char *)sqlite3_column_text(statement, 0) + 11,
                      (const char *)sqlite3_column_text(statement, 1),
                      sqlite3_column_int(statement, 2));
    sqlite3_finalize(statement);
    sqlite3_close(db);
    wr_buf_add_text(&got, "");
    EXPECT_TEXT(got.data, want);
}

TEST(a_row_that_cannot_be_calculated_is_a_dead_letter_and_takes_no_other_along)
{
    bench b;
    bench_open(&b, "csv");
    expect(&b,
           "CREATE SINK numbers (k BIGINT, n BIGINT) WITH (connector = 'files', path = '@/out', "
           "format = 'jsonl')",
           "");
    put(&b, "a.csv",
        "k,n,ts\n10,1,2024-01-01\nx,2,2024-01-01\n30,0,2024-01-01\n40,-4,2024-01-01\n"
        "no,y,2024-01-01\n");
    const char *sql =
        "INSERT INTO numbers SELECT k::BIGINT, 100 // n FROM s WHERE k::BIGINT < 1000 "
        "EMIT WITH (on_error = 'dlq', dead_letters = dead)";
    weir_stream *stream = start(&b, sql);
    EXPECT_INT(settle(stream, 4).dead_rows, 3); /* y is not even read */
    weir_stream_close(stream);                  /* no commit at the end */
    stream = start(&b, sql);
    put(&b, "b.csv",
        "k,n,ts\n5000,0,2024-01-01\n99999999999999999999,7,2024-01-01\n60,10,2024-01-01\n");
    EXPECT_INT(settle(stream, 3).dead_rows, 1); /* what WHERE leaves out is not calculated */
    finish(stream);
    expect(&b, "SELECT k, n FROM read_json('@/out/part-*.jsonl') ORDER BY k",
           "10 100; 40 -25; 60 10");
    expect(&b,
           "SELECT replace(position, '@', ''), reason FROM read_json('@/dead/part-*.jsonl') ORDER "
           "BY position",
           "/in/a.csv, row 2 cannot read \"x\" as BIGINT; /in/a.csv, row 3 division by zero; "
           "/in/a.csv:6 column n: cannot be read as BIGINT; /in/b.csv, row 2 99999999999999999999 "
           "is out of range of BIGINT");
    expect(&b,
           "SELECT kind, source, raw FROM read_json('@/dead/part-*.jsonl') WHERE reason = "
           "'division by zero'",
           "bad row s {\"k\":\"30\",\"n\":0,\"ts\":\"2024-01-01T00:00:00\"}");
    bench_close(&b);
}

TEST(every_row_of_a_batch_may_be_bad)
{
    bench b;
    WR_BUF(text);
    bench_open(&b, "jsonl");
    for (int i = 0; i < 5000; i++)
        wr_buf_printf(&text, "{\"k\": \"%s%d\", \"n\": %d, \"ts\": \"2024-01-01\"}\n",
                      i % 1000 == 7 ? "" : "x", i, i);
    put(&b, "a.jsonl", text.data);
    weir_stream *stream =
        start(&b, "INSERT INTO out SELECT k, k::BIGINT FROM s EMIT WITH (on_error = "
                  "'dlq', dead_letters = dead)");
    EXPECT_INT(settle(stream, 5000).dead_rows, 4995);
    finish(stream);
    expect(&b, "SELECT k, n FROM read_json('@/out/part-*.jsonl') ORDER BY n",
           "7 7; 1007 1007; 2007 2007; 3007 3007; 4007 4007");
    expect(&b,
           "SELECT count(*), count(DISTINCT raw), count(DISTINCT position) FROM "
           "read_json('@/dead/part-*.jsonl')",
           "4995 4995 4995");
    bench_close(&b);
}

TEST(rows_that_cannot_be_calculated_are_left_out_of_groups_lists_and_lookups)
{
    bench b;
    bench_open(&b, "csv");
    expect(&b, "CREATE TABLE names (id BIGINT, name VARCHAR)", "");
    expect(&b, "INSERT INTO names VALUES (1, 'one'), (2, 'two')", "");
    put(&b, "a.csv",
        "k,n,ts\n1,1,2024-01-01\n?,1,2024-01-01\n2,1,2024-01-01\n2,1,2024-01-01 00:10:00\n");
    weir_stream *stream = start(
        &b, "INSERT INTO sums SELECT window_start, name, sum(100 // (k::BIGINT - 1 + n)) FROM "
            "tumble(s, ts, INTERVAL '1 minute') JOIN names ON id = k::BIGINT GROUP BY "
            "window_start, window_end, name EMIT ON WINDOW CLOSE WITH (on_error = 'dlq', "
            "dead_letters = dead)");
    EXPECT_INT(settle(stream, 4).dead_rows, 1);
    finish(stream);
    expect_sums(&b, "00:00 one 100; 00:00 two 50; ");
    stream = start(&b, "INSERT INTO out SELECT k, unnest([1, 100 // (n - 1)]) FROM s EMIT WITH "
                       "(on_error = 'drop')");
    EXPECT_INT(settle(stream, 4).dead_rows, 4);
    finish(stream);
    bench_close(&b);
}

TEST(what_fails_in_a_table_that_is_looked_up_is_no_row_of_the_stream)
{
    bench b;
    bool ended;
    bench_open(&b, "csv");
    expect(&b, "CREATE TABLE names (id VARCHAR, name VARCHAR)", "");
    expect(&b, "INSERT INTO names VALUES ('1', 'one'), ('two', 'two')", "");
    put(&b, "a.csv", "k,n,ts\n1,1,2024-01-01\n");
    weir_stream *stream =
        start(&b, "INSERT INTO out SELECT name, n FROM s JOIN (SELECT id::BIGINT AS id, name FROM "
                  "names) AS t ON t.id = n EMIT WITH (on_error = 'drop')");
    EXPECT_FAIL(weir_stream_await(stream, 10000, &ended), WR_E_BAD_VALUE);
    weir_stream_close(stream);
    bench_close(&b);
}

TEST(a_calculation_that_fails_fails_the_query_unless_it_says_otherwise)
{
    bench b;
    bench_open(&b, "csv");
    put(&b, "a.csv", "k,n,ts\n1,1,2024-01-01\nx,1,2024-01-01\n");
    weir_stream *stream = start(&b, "INSERT INTO out SELECT k, k::BIGINT FROM s");
    bool ended;
    EXPECT_FAIL(weir_stream_await(stream, 10000, &ended), WR_E_BAD_VALUE);
    weir_stream_close(stream);
    bench_close(&b);
}

#define WINDOWS                                                                                \
    "INSERT INTO sums SELECT window_start, k, sum(n) FROM tumble(s, ts, INTERVAL '1 minute') " \
    "GROUP BY window_start, window_end, k EMIT ON WINDOW CLOSE "

static const char EARLY[] = "k,n,ts\na,1,2024-01-01 00:00:10\na,2,2024-01-01 00:00:20\n"
                            "a,4,2024-01-01 00:02:30\n";
static const char LATE[] = "k,n,ts\na,8,2024-01-01 00:00:30\nb,16,2024-01-01 00:00:40\n";

TEST(late_rows_are_dropped_and_counted)
{
    bench b;
    bench_open(&b, "csv");
    weir_stream *stream = start(&b, WINDOWS);
    put(&b, "a.csv", EARLY);
    settle(stream, 3);
    put(&b, "b.csv", LATE);
    EXPECT_INT(settle(stream, 5).late_rows, 2);
    finish(stream);
    expect_sums(&b, "00:00 a 3; ");
    bench_close(&b);
}

TEST(late_rows_become_dead_letters_with_row_reason_and_position)
{
    bench b;
    bench_open(&b, "csv");
    weir_stream *stream = start(&b, WINDOWS "WITH (late = 'dlq', dead_letters = dead)");
    put(&b, "a.csv", EARLY);
    settle(stream, 3);
    put(&b, "b.csv", LATE);
    weir_stream_figures f = settle(stream, 5);
    EXPECT_INT(f.late_rows, 2);
    EXPECT_INT(f.dead_rows, 0);
    finish(stream);
    expect(&b,
           "SELECT kind, source, reason, raw FROM read_json('@/dead/part-*.jsonl') ORDER BY raw",
           "late s its window is closed {\"k\":\"a\",\"n\":8,\"ts\":\"2024-01-01T00:00:30\"}; "
           "late s its window is closed {\"k\":\"b\",\"n\":16,\"ts\":\"2024-01-01T00:00:40\"}");
    expect(&b, "SELECT DISTINCT replace(position, '@', '') FROM read_json('@/dead/part-*.jsonl')",
           "1 file read, row 2 of /in/b.csv");
    bench_close(&b);
}

TEST(a_window_is_reopened_within_the_lateness_and_not_later)
{
    bench b;
    bench_open(&b, "csv");
    const char *sql = WINDOWS "WITH (late = 'reopen', allowed_lateness = INTERVAL '5 minutes')";
    weir_stream *stream = start(&b, sql);
    put(&b, "a.csv", EARLY);
    settle(stream, 3);
    finish(stream); /* what was said is known after a restart, too */
    stream = start(&b, sql);
    put(&b, "b.csv", LATE);
    EXPECT_INT(settle(stream, 2).late_rows, 0);
    expect_sums(&b, "00:00 a 11; 00:00 b 16; ");
    put(&b, "c.csv", "k,n,ts\nz,0,2024-01-01 00:06:00\n");
    settle(stream, 3);
    put(&b, "d.csv", LATE);
    EXPECT_INT(settle(stream, 5).late_rows, 2);
    finish(stream);
    expect_sums(&b, "00:00 a 11; 00:00 b 16; 00:02 a 4; ");
    bench_close(&b);
}

TEST(sessions_are_reopened_after_a_restart_as_what_they_were)
{
    bench b;
    bench_open(&b, "csv");
    const char *sql =
        "INSERT INTO sums SELECT window_start, k, sum(n) FROM session(s, ts, INTERVAL '1 minute') "
        "GROUP BY window_start, window_end, k EMIT ON WINDOW CLOSE WITH (late = 'reopen', "
        "allowed_lateness = '1 hour')";
    weir_stream *stream = start(&b, sql);
    put(&b, "a.csv",
        "k,n,ts\na,1,2024-01-01 00:10:00\na,2,2024-01-01 00:13:00\nz,0,2024-01-01 "
        "00:20:00\n");
    settle(stream, 3);
    finish(stream);
    expect_sums(&b, "00:10 a 1; 00:13 a 2; ");
    stream = start(&b, sql);
    put(&b, "b.csv", "k,n,ts\na,4,2024-01-01 00:10:30\n"); /* the first lasts longer */
    settle(stream, 1);
    expect_sums(&b, "00:10 a 5; 00:13 a 2; ");
    put(&b, "c.csv", "k,n,ts\na,8,2024-01-01 00:11:30\na,16,2024-01-01 00:12:20\n");
    settle(stream, 3);
    expect_sums(&b, "00:10 a 31; ");                        /* and is one with the second now */
    put(&b, "d.csv", "k,n,ts\na,32,2024-01-01 00:09:30\n"); /* it began earlier */
    settle(stream, 4);
    finish(stream);
    expect_sums(&b, "00:09 a 63; ");
    bench_close(&b);
}

TEST(the_clock_closes_windows_of_a_source_that_is_idle)
{
    bench b;
    bench_open(&b, "csv");
    weir_stream *stream =
        start(&b, "INSERT INTO sums SELECT window_start, k, sum(n) FROM tumble(s, ts, INTERVAL "
                  "'500 milliseconds') GROUP BY window_start, window_end, k EMIT ON WINDOW CLOSE "
                  "WITH (idle_after = INTERVAL '50 milliseconds', advance_by_clock = true)");
    put(&b, "a.csv", "k,n,ts\na,1,2024-01-01 00:00:10\na,2,2024-01-01 00:00:10.1\n");
    settle(stream, 2);
    weir_stream_figures f = {0};
    for (int i = 0; i < 500 && !f.rows_out; i++) {
        bool ended;
        EXPECT_OK(weir_stream_await(stream, 20, &ended));
        weir_stream_progress(stream, &f);
    }
    EXPECT_INT(f.rows_out, 1);
    settle(stream, 2); /* what the clock closed is committed */
    expect_sums(&b, "00:00 a 3; ");
    weir_stream_close(stream);
    bench_close(&b);
}

TEST(what_cannot_be_is_refused_with_a_way_out)
{
    bench b;
    bench_open(&b, "csv");
    expect(&b, "CREATE SINK odd (text VARCHAR) WITH (connector = 'blackhole')", "");
    expect(&b, "CREATE SINK typed (raw BIGINT) WITH (connector = 'blackhole')", "");
    expect(&b,
           "INSERT INTO out SELECT k, sum(n) FROM tumble(s, ts, INTERVAL '1 minute') GROUP BY "
           "window_start, window_end, k EMIT ON WINDOW CLOSE WITH (late = 'reopen', "
           "allowed_lateness = '1 minute')",
           "UNSUPPORTED: windows that are reopened change rows that were put out, and files can "
           "only append");
    expect(&b,
           "INSERT INTO sums SELECT ts, k, n FROM s EMIT WITH (late = 'reopen', allowed_lateness = "
           "'1 minute')",
           "UNSUPPORTED: late = 'reopen' needs a GROUP BY of a window of time");
    expect(&b, WINDOWS "WITH (late = 'reopen')",
           "PARAMETER_VALUE: late = 'reopen' needs to know for how long");
    expect(&b, WINDOWS "WITH (late = 'reopen', allowed_lateness = INTERVAL '1 month')",
           "PARAMETER_VALUE: the option \"allowed_lateness\" takes a length of time such as "
           "INTERVAL '5 minutes', not 1 mon");
    expect(
        &b, WINDOWS "WITH (allowed_lateness = '5 min')",
        "PARAMETER_VALUE: allowed_lateness says how long windows are reopened, and they are not");
    expect(&b, WINDOWS "WITH (late = 'keep')",
           "PARAMETER_VALUE: the option \"late\" takes drop, reopen or dlq, not keep");
    expect(&b, WINDOWS "WITH (late = 'dlq')",
           "PARAMETER_VALUE: dlq needs a sink for the dead letters");
    expect(&b, WINDOWS "WITH (dead_letters = dead)",
           "PARAMETER_VALUE: nothing becomes a dead letter");
    expect(&b, WINDOWS "WITH (on_error = 'dlq', dead_letters = nobody)",
           "UNKNOWN_TABLE: no sink \"nobody\"");
    expect(&b, WINDOWS "WITH (on_error = 'dlq', dead_letters = s)", "UNKNOWN_TABLE: no sink \"s\"");
    expect(&b, WINDOWS "WITH (on_error = 'dlq', dead_letters = odd)",
           "UNKNOWN_COLUMN: dead letters have no \"text\", a column of odd");
    expect(&b, WINDOWS "WITH (on_error = 'dlq', dead_letters = typed)",
           "TYPE_MISMATCH: column \"raw\" of typed is BIGINT: dead letters are VARCHAR");
    expect(&b, WINDOWS "WITH (advance_by_clock = true, idle_after = '0 s')",
           "PARAMETER_VALUE: no source is ever idle, so the clock never goes on");
    expect(&b, WINDOWS "WITH (laet = 'drop')", "UNKNOWN_OPTION: EMIT has no option \"laet\"");
    expect(&b, "SELECT 1 EMIT WITH (late = 'drop')", "UNSUPPORTED: EMIT WITH is for streams");
    bench_close(&b);
}

TEST(explain_tells_what_becomes_of_late_and_bad_rows)
{
    bench b;
    bench_open(&b, "csv");
    WR_BUF(got);
    answer(&b, "EXPLAIN " WINDOWS "WITH (late = 'dlq', on_error = 'dlq', dead_letters = dead)",
           &got);
    EXPECT(strstr(got.data, "late rows: counted and dead letters") != NULL);
    EXPECT(strstr(got.data, "bad rows: counted and dead letters") != NULL);
    EXPECT(strstr(got.data, "dead letters: into dead, exactly-once: ") != NULL);
    EXPECT(strstr(got.data, "sink dead [files]") != NULL);
    wr_buf_clear(&got);
    answer(&b, "EXPLAIN " WINDOWS "WITH (late = 'reopen', allowed_lateness = '2 days')", &got);
    EXPECT(strstr(got.data, "late rows: reopen their window within 2 days, later ones are") !=
           NULL);
    EXPECT(strstr(got.data, "bad rows: fail the query") != NULL);
    wr_buf_clear(&got);
    answer(&b,
           "EXPLAIN INSERT INTO out SELECT k, sum(n) OVER (PARTITION BY k ORDER BY ts) FROM s "
           "EMIT WITH (on_error = 'drop')",
           &got);
    EXPECT(strstr(got.data, "bad rows: dropped and counted; a window function (OVER)") != NULL);
    bench_close(&b);
}
