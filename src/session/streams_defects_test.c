/* streams_defects_test.c - what streams of other engines got wrong, one test each, named as what is
 * right: the list of ematix-flow's weaknesses (numbers 1 to 11), then Velaria's (13.1). */
#include "session/kafka_mock_test.h"
#include "session/script_kit_test.h"
#include "sys/clock.h"
#include <sqlite3.h>

#define COUNTS                                                                                    \
    "INSERT INTO k SELECT date_part('epoch', window_start)::BIGINT, count(*) FROM tumble(s, ts, " \
    "INTERVAL '10 seconds') GROUP BY window_start, window_end EMIT ON WINDOW CLOSE"

/* ---- ematix 12: correctness ---- */

/* 1: targets could only append, so reopened windows and repeated rows stood there twice. */
TEST(a_table_by_key_has_one_row_for_each_key_however_often_it_changes)
{
    bench b;
    WR_BUF(sql);
    WR_BUF(path);
    bench_open(&b);
    source(&b, "s", 0, "1:a:1 1:b:1/2:a:2 3:a:3/4:b:4");
    wr_buf_printf(&path, "%s/out.db", b.folder);
    wr_buf_printf(
        &sql,
        "CREATE SINK k (k VARCHAR, n BIGINT, PRIMARY KEY (k)) WITH (connector = 'sqlite', "
        "path = '%s', \"table\" = 'o')",
        path.data);
    run(&b, sql.data);
    b.insert = "INSERT INTO k SELECT k, sum(v::BIGINT) FROM s GROUP BY k";
    start(&b);
    for (int i = 1; i <= 3; i++) {
        step(&b, 0, i, "");
        crash(&b);
    }
    weir_stream_close(b.stream);
    b.stream = NULL;
    sqlite3 *database;
    sqlite3_stmt *rows;
    EXPECT_INT(sqlite3_open(path.data, &database), SQLITE_OK);
    EXPECT_INT(sqlite3_prepare_v2(database,
                                  "SELECT group_concat(k || n) FROM (SELECT * FROM o ORDER "
                                  "BY k)",
                                  -1, &rows, NULL),
               SQLITE_OK);
    EXPECT_INT(sqlite3_step(rows), SQLITE_ROW);
    EXPECT_TEXT((const char *)sqlite3_column_text(rows, 0), "a6,b5");
    sqlite3_finalize(rows);
    sqlite3_close(database);
    bench_close(&b);
}

/* 2: windows lay in memory only while positions were committed: a crash lost what was open. */
TEST(open_windows_outlive_a_crash)
{
    static const char *const windows[] = {
        "tumble(s, ts, INTERVAL '10 seconds')",
        "hop(s, ts, INTERVAL '10 seconds', INTERVAL '10 seconds')",
        "session(s, ts, INTERVAL '5 seconds')"};
    for (size_t i = 0; i < WR_COUNT(windows); i++) {
        bench b;
        WR_BUF(sql);
        bench_open(&b);
        source(&b, "s", 0, "1:a 2:b/3:c/40:d");
        wr_buf_printf(
            &sql,
            "INSERT INTO k SELECT count(*) FROM %s GROUP BY window_start, window_end EMIT "
            "ON WINDOW CLOSE",
            windows[i]);
        begin(&b, "n BIGINT", sql.data);
        step(&b, 0, 1, "");
        crash(&b);
        step(&b, 0, 2, "");
        crash(&b);
        step(&b, 0, 3, "+3");
        EXPECT_INT(figures(&b).rows_in, 1); /* nothing was read again */
        bench_close(&b);
    }
}

/* 3: time was advanced by the batch it then judged, so catching up lost all but the last window. */
TEST(a_batch_over_several_windows_loses_no_row)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1: 11: 12: 35: 21: 2: 13:/5:/60:");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 0, 1, "+0|2 +10|3 +20|1");
    EXPECT_INT(figures(&b).late_rows, 0);
    step(&b, 0, 2, "");
    EXPECT_INT(figures(&b).late_rows, 1); /* its window is out, which is what late means */
    step(&b, 0, 3, "+30|1");
    bench_close(&b);
}

/* 4: time went back when a source that had been idle returned, and began anew after a restart. */
TEST(time_never_goes_back_and_is_known_after_a_restart)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1: 50:/2:/3:/70:");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 0, 1, "+0|1");
    EXPECT_INT(figures(&b).watermark_us, 50000000);
    step(&b, 0, 2, "");
    EXPECT_INT(figures(&b).watermark_us, 50000000);
    crash(&b);
    step(&b, 0, 3, ""); /* still late: its window is not put out again */
    step(&b, 0, 4, "+50|1");
    bench_close(&b);
}

/* 4: a source that had not begun did not count, so what it had to say came too late. */
TEST(time_waits_for_a_source_that_has_not_begun)
{
    bench b;
    bench_open(&b);
    source(&b, "x", 0, "1: 50:");
    source(&b, "y", 1, "2: 30:");
    run(&b, "SET stream_idle_after = '0'");
    run(&b, "CREATE VIEW s AS SELECT ts FROM x UNION ALL SELECT ts FROM y");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 0, 1, "");
    step(&b, 1, 1, "+0|2");
    EXPECT_INT(figures(&b).late_rows, 0);
    bench_close(&b);
}

/* 4: idle sources did not count, so what had ended was all there was, and the end of time. */
TEST(the_end_of_a_source_is_not_the_end_of_an_idle_one)
{
    bench b;
    bench_open(&b);
    source(&b, "x", GATES - 1, "1: 2:");
    source(&b, "y", 1, "5:/6:/25:");
    run(&b, "SET stream_idle_after = '20ms'");
    run(&b, "CREATE VIEW s AS SELECT ts FROM x UNION ALL SELECT ts FROM y");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 1, 1, "");
    step(&b, GATES - 1, 2, "");
    wr_sleep_ms(60);
    step(&b, 1, 2, "");
    step(&b, 1, 3, "+0|4");
    EXPECT_INT(figures(&b).late_rows, 0);
    bench_close(&b);
}

/* 5: positions of rows that were read and not processed were committed, and what had changed was
 * forgotten although the commit failed. */
TEST(a_commit_that_fails_loses_nothing_and_repeats_nothing)
{
    bench b;
    bool ended;
    bench_open(&b);
    source(&b, "s", 0, "1:a/2:b/30:");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 0, 1, "");
    atomic_store(&prepare_fails, true);
    atomic_store(&released[0], 3);
    weir_stream_stop(b.stream);
    weir_status bad = weir_stream_await(b.stream, WAIT_MS, &ended);
    EXPECT(bad && ended && !atomic_load(&prepare_fails));
    weir_error_drop(bad);
    expect_rows("");
    weir_stream_close(b.stream);
    start(&b);
    step(&b, 0, 3, "+0|2");
    bench_close(&b);
}

static void await_rows(bench *b, uint64_t rows_in)
{
    for (int i = 0; i < WAIT_MS / 10 && figures(b).rows_in < rows_in; i++)
        wr_sleep_ms(10);
    EXPECT_INT(figures(b).rows_in, rows_in);
}

static void await_commit(bench *b, const char *want)
{
    bool idle = false;
    EXPECT_OK(weir_stream_await_idle(b->stream, WAIT_MS, &idle));
    EXPECT(idle);
    expect_rows(want);
}

/* 5, where it was seen: what Kafka had been told was read was gone with the process. */
TEST(kafka_hears_of_positions_when_their_rows_are_committed_and_not_before)
{
    bench b;
    kafka_mock mock;
    bool ended;
    WR_BUF(sql);
    bench_open(&b);
    mock_open(&mock, "in");
    wr_buf_printf(&sql,
                  "CREATE SOURCE s (t BIGINT, ts AS TIMESTAMP '1970-01-01' + t * INTERVAL '1 "
                  "second', WATERMARK FOR ts AS ts) WITH (connector = 'kafka', topic = 'in', "
                  "format = 'csv', group.id = 'people', brokers = '%s')",
                  mock.brokers);
    run(&b, sql.data);
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    mock_send(&mock, 0, "1");
    mock_send(&mock, 1, "2");
    mock_send(&mock, 0, "3");
    await_rows(&b, 3);
    EXPECT_INT(mock_committed(&mock, "people"), 0); /* they are counted, in memory */
    crash(&b);
    await_rows(&b, 3); /* and again */
    await_commit(&b, "");
    for (int i = 0; i < 200 && mock_committed(&mock, "people") < 3; i++)
        wr_sleep_ms(10); /* nobody waits for this one */
    EXPECT_INT(mock_committed(&mock, "people"), 3);
    mock_send(&mock, 1, "4");
    mock_send(&mock, 1, "30");
    await_rows(&b, 5);
    atomic_store(&prepare_fails, true);
    weir_stream_stop(b.stream);
    weir_status bad = weir_stream_await(b.stream, WAIT_MS, &ended);
    EXPECT(bad && ended && !atomic_load(&prepare_fails));
    weir_error_drop(bad);
    EXPECT_INT(mock_committed(&mock, "people"), 3);
    expect_rows("");
    weir_stream_close(b.stream);
    start(&b);
    await_rows(&b, 2);
    await_commit(&b, "+0|4");
    bench_close(&b);
    mock_close(&mock);
}

/* 6: NULL keys met each other. */
TEST(null_keys_of_streams_do_not_join)
{
    bench b;
    bench_open(&b);
    source(&b, "x", 0, "1:a:1 1::2/1:a:3 1::4");
    source(&b, "y", 1, "1:a:5 1::6");
    begin(
        &b, "l VARCHAR, r VARCHAR",
        "INSERT INTO k SELECT x.v, y.v FROM x JOIN y ON x.k = y.k AND y.ts BETWEEN x.ts - INTERVAL "
        "'5 seconds' AND x.ts + INTERVAL '5 seconds'");
    step(&b, 0, 1, "");
    step(&b, 1, 1, "+1|5");
    step(&b, 0, 2, "+3|5");
    bench_close(&b);
}

/* 7: a left row without partner failed or vanished when the right side had not sent anything. */
TEST(orphans_leave_once_also_when_the_other_side_never_sent_a_row)
{
    bench b;
    bench_open(&b);
    source(&b, "x", 0, "1:a:1 2::2/30:b:3/60:c:4");
    source(&b, "y", 1, "70:z:9");
    run(&b, "SET stream_idle_after = '20ms'");
    begin(&b, "l VARCHAR, r VARCHAR",
          "INSERT INTO k SELECT x.v, y.v FROM tumble(x, ts, INTERVAL '10 seconds') x LEFT JOIN "
          "tumble(y, ts, INTERVAL '10 seconds') y ON x.k = y.k AND x.window_end = y.window_end");
    atomic_store(&released[0], 2);
    for (int i = 0; i < 1000 && !ledger_has("2|"); i++) {
        bool idle;
        EXPECT_OK(weir_stream_await(b.stream, 10, &idle));
        EXPECT_OK(weir_stream_await_idle(b.stream, WAIT_MS, &idle));
    }
    expect_rows("+1|NULL +2|NULL");
    run(&b, "SET stream_idle_after = '3600s'");
    crash(&b);
    step(&b, 0, 3, "");
    step(&b, 1, 1, "+3|NULL");
    bench_close(&b);
}

/* 8: times before 1970 were divided towards zero and fell into the wrong window. */
TEST(windows_before_1970_begin_before_their_rows)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "-15: -10: -1: 0: 5:/20:");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 0, 1, "+-10|2 +-20|1");
    step(&b, 0, 2, "+0|2");
    bench_close(&b);
}

/* 9: keys and aggregates knew a few types, min and max of text failed, sketches could not be
 * stored. */
TEST(windows_aggregate_all_types_and_remember_them_over_a_crash)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a:2.50 1:b:1.25/2:a:10.25/30::");
    begin(
        &b,
        "a VARCHAR, b VARCHAR, c DECIMAL(20,2), d DATE, e BOOLEAN, f UTINYINT, g BIGINT, h BIGINT, "
        "i DOUBLE",
        "INSERT INTO k SELECT min(k), max(v), sum(v::DECIMAL(10,2)), max(DATE '2020-01-01' + "
        "t::INTEGER), bool_or(v::DOUBLE > 10), max(t::UTINYINT), count(DISTINCT k), "
        "approx_count_distinct(v), median(v::DOUBLE) FROM tumble(s, ts, INTERVAL '10 seconds') "
        "GROUP BY window_start, window_end EMIT ON WINDOW CLOSE");
    step(&b, 0, 1, "");
    crash(&b);
    step(&b, 0, 2, "");
    crash(&b);
    step(&b, 0, 3, "+a|2.50|14.00|2020-01-03|true|2|2|3|2.5");
    bench_close(&b);
}

/* 9 */
TEST(windows_are_grouped_by_keys_of_all_types)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a:1.5 2:a:1.50 3:a:2/4:a:2.0/30::");
    begin(&b, "a DECIMAL(10,2), b DATE, c BOOLEAN, d UTINYINT, n BIGINT",
          "INSERT INTO k SELECT v::DECIMAL(10,2), DATE '2020-01-01', v::DOUBLE > 1.7, 7::UTINYINT, "
          "count(*) FROM tumble(s, ts, INTERVAL '10 seconds') GROUP BY 1, 2, 3, 4, window_start, "
          "window_end EMIT ON WINDOW CLOSE");
    step(&b, 0, 1, "");
    crash(&b);
    step(&b, 0, 3, "+1.50|2020-01-01|false|7|2 +2.00|2020-01-01|true|7|2");
    bench_close(&b);
}

/* 10: the number of a session changed with the process and when rows joined it. */
TEST(a_session_is_the_same_after_a_crash_and_when_it_grows)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "10:a/13:a/7:a/60:z");
    begin(&b, "k VARCHAR, w BIGINT, e BIGINT, n BIGINT",
          "INSERT INTO k SELECT k, date_part('epoch', window_start)::BIGINT, date_part('epoch', "
          "window_end)::BIGINT, count(*) FROM session(s, ts, INTERVAL '5 seconds') GROUP BY k, "
          "window_start, window_end EMIT ON WINDOW CLOSE");
    for (int i = 1; i <= 3; i++) {
        step(&b, 0, i, "");
        crash(&b);
    }
    step(&b, 0, 4, "+a|7|18|3");
    bench_close(&b);
}

/* 11: rows of one key in one batch made two current rows, NULL keys matched nothing, and keys as
 * text depended on the session. */
TEST(keys_of_one_batch_are_one_group_and_null_is_a_key)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a:1 2:a:2 3::3 4::4/5:a:5 6::6");
    begin(
        &b, "k VARCHAR, z TIMESTAMPTZ, n BIGINT",
        "INSERT INTO k SELECT k, TIMESTAMPTZ '2020-01-01 00:00:00+00', sum(v::BIGINT) FROM s GROUP "
        "BY 1, 2");
    step(&b, 0, 1, "+NULL|2020-01-01 00:00:00+00|7 +a|2020-01-01 00:00:00+00|3");
    weir_stream_cancel(b.stream);
    weir_stream_close(b.stream);
    run(&b, "SET TimeZone = 'Asia/Tokyo'"); /* the same moment, whatever it looks like */
    start(&b);
    step(&b, 0, 2,
         "+NULL|2020-01-01 00:00:00+00|13 +a|2020-01-01 00:00:00+00|8 -NULL|2020-01-01 "
         "00:00:00+00|7 -a|2020-01-01 00:00:00+00|3");
    bench_close(&b);
}

/* 11: a slowly changing dimension had two current rows when a key came twice, and its periods
 * overlapped or left gaps when versions came in another order. */
TEST(versions_of_a_dimension_follow_each_other_without_gaps)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0,
           "10:a:one 20:a:two 10:b:x / 15:a:between 30::n 15:a:between / 20:a:two 40::m");
    begin(&b, "k VARCHAR, v VARCHAR, valid_from BIGINT, valid_to BIGINT",
          "INSERT INTO k SELECT k, v, t, lead(t) OVER (PARTITION BY k ORDER BY t) "
          "FROM (SELECT DISTINCT k, v, t FROM s)");
    step(&b, 0, 1, "+a|one|10|20 +a|two|20|NULL +b|x|10|NULL");
    crash(&b);
    step(&b, 0, 2, "+NULL|n|30|NULL +a|between|15|20 +a|one|10|15 -a|one|10|20");
    crash(&b);
    step(&b, 0, 3, "+NULL|m|40|NULL +NULL|n|30|40 -NULL|n|30|NULL");
    bench_close(&b);
}

/* Late rows reopen sessions that were put out, join them, and take back what these said. */
TEST(sessions_are_reopened_and_joined_by_late_rows_over_crashes)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a / 30:a 30:b / 5:a / 45:a / 20:a / 12:a / 13:b / 200:a / 14:a");
    begin(&b, "k VARCHAR, first BIGINT, last BIGINT, n BIGINT",
          "INSERT INTO k SELECT k, min(t), max(t), count(*) "
          "FROM session(s, ts, INTERVAL '10 seconds') GROUP BY k, window_start, window_end "
          "EMIT ON WINDOW CLOSE WITH (late = 'reopen', allowed_lateness = INTERVAL '1 minute')");
    step(&b, 0, 1, "");
    step(&b, 0, 2, "+a|1|1|1");
    crash(&b);
    step(&b, 0, 3, "+a|1|5|2 -a|1|1|1");
    step(&b, 0, 4, "+a|30|30|1 +b|30|30|1");
    crash(&b);
    step(&b, 0, 5, "+a|20|30|2 -a|30|30|1");
    crash(&b);
    step(&b, 0, 6, "+a|1|30|5 -a|1|5|2 -a|20|30|2"); /* 12 lies between them */
    step(&b, 0, 7, "+b|13|13|1");                    /* a session that is late as a whole */
    step(&b, 0, 8, "+a|45|45|1");
    EXPECT_INT(figures(&b).late_rows, 0);
    crash(&b);
    step(&b, 0, 9, ""); /* later than a minute */
    EXPECT_INT(figures(&b).late_rows, 1);
    bench_close(&b);
}

/* ---- Velaria 13.1 ---- */

/* 2 and 4: sums went through six digits of text, and integers through doubles. */
TEST(sums_over_batches_are_exact)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0,
           "1:a:1234567.90 1:b:9007199254740993/2:a:1234567.90 2:b:300000000003/"
           "3:a:1234567.90/30::");
    begin(&b, "k VARCHAR, n DECIMAL(38,2), m DECIMAL(38,2)",
          "INSERT INTO k SELECT k, sum(v::DECIMAL(20,2)), max(v::DECIMAL(20,2)) FROM tumble(s, ts, "
          "INTERVAL '10 seconds') GROUP BY k, window_start, window_end EMIT ON WINDOW CLOSE");
    step(&b, 0, 1, "");
    crash(&b);
    step(&b, 0, 4, "+a|3703703.70|1234567.90 +b|9007499254740996.00|9007199254740993.00");
    bench_close(&b);
}

/* 3: NULL was equal to NULL, count(column) counted it, and the sum of nothing was 0. */
TEST(null_is_no_value_in_streams_either)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a: 1::5 1::/30:x:1");
    begin(
        &b, "k VARCHAR, a BIGINT, b BIGINT, c BIGINT, d BIGINT",
        "INSERT INTO k SELECT k, count(*), count(v), sum(v::BIGINT), count(*) FILTER (WHERE k = "
        "NULL) FROM tumble(s, ts, INTERVAL '10 seconds') GROUP BY k, window_start, window_end EMIT "
        "ON WINDOW CLOSE");
    step(&b, 0, 2, "+NULL|2|1|5|0 +a|1|0|NULL|0");
    bench_close(&b);
}

/* 8: LIMIT counted anew in each batch. */
TEST(a_limit_counts_the_rows_of_the_whole_query)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a: 2:b:/3:c: 4:d:/5:e:");
    begin(&b, "k VARCHAR", "INSERT INTO k SELECT k FROM s LIMIT 3");
    step(&b, 0, 1, "+a +b");
    step(&b, 0, 2, "+c");
    crash(&b);
    step(&b, 0, 3, "");
    bench_close(&b);
}

/* 8: the files a stream wrote could not be read again. */
TEST(texts_that_need_quotes_are_the_same_in_the_files_of_a_stream)
{
    bench b;
    WR_BUF(sql);
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    size_t length = 0;
    bench_open(&b);
    source(&b, "s", 0, "1:a,b:\"q\" 2:c:");
    wr_buf_printf(&sql,
                  "CREATE SINK k (k VARCHAR, v VARCHAR) WITH (connector = 'files', path = "
                  "'%s/out', format = 'csv')",
                  b.folder);
    run(&b, sql.data);
    b.insert = "INSERT INTO k SELECT k, v FROM s";
    start(&b);
    step(&b, 0, 1, "");
    wr_buf_clear(&sql);
    wr_buf_printf(&sql,
                  "SELECT string_agg(k || '=' || coalesce(v, 'NULL'), ' ' ORDER BY k) FROM "
                  "'%s/out/*.csv'",
                  b.folder);
    EXPECT_OK(weir_query_start(b.session, sql.data, sql.length, &query));
    EXPECT_OK(weir_query_next(query, &rows));
    const char *text = rows ? weir_rows_text(rows, 0, 0, &length) : "";
    WR_BUF(got);
    wr_buf_add(&got, text, length);
    wr_buf_add_char(&got, 0);
    EXPECT_TEXT(got.data, "a,b=\"q\" c=NULL");
    weir_query_close(query);
    bench_close(&b);
}

/* 9: a restart gave everything again, or forgot everything. */
TEST(a_restart_gives_nothing_again_and_forgets_nothing)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a:1/2:a:2/3:b:4");
    begin(&b, "k VARCHAR, n BIGINT", "INSERT INTO k SELECT k, sum(v::BIGINT) FROM s GROUP BY k");
    step(&b, 0, 1, "+a|1");
    crash(&b);
    step(&b, 0, 2, "+a|3 -a|1");
    crash(&b);
    step(&b, 0, 3, "+b|4");
    bench_close(&b);
}

/* 11: four keys and more became text. */
TEST(four_keys_keep_their_types)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1:a:1 10:b:2 2:c:3 2:\x1f:4");
    begin(&b, "a BIGINT, b VARCHAR, c BIGINT, d DOUBLE, n BIGINT",
          "INSERT INTO k SELECT t, k, v::BIGINT, v::DOUBLE, count(*) FROM s GROUP BY 1, 2, 3, 4 "
          "HAVING t > 1");
    step(&b, 0, 1, "+10|b|2|2|1 +2|\x1f|4|4|1 +2|c|3|3|1");
    bench_close(&b);
}

/* 12: the window of a rule was ignored, so its count grew for ever. */
TEST(counts_of_a_window_begin_anew_in_the_next_one)
{
    bench b;
    bench_open(&b);
    source(&b, "s", 0, "1: 2: 3:/11: 12:/21:/31:");
    begin(&b, "w BIGINT, n BIGINT", COUNTS);
    step(&b, 0, 1, "");
    step(&b, 0, 2, "+0|3");
    step(&b, 0, 3, "+10|2");
    step(&b, 0, 4, "+20|1");
    bench_close(&b);
}

/* 13, and ematix 20: what came later under a smaller name, in the same second, was never read. */
TEST(files_of_smaller_names_that_come_later_are_read)
{
    static const char *const names[] = {"m", "a", "z", "b"};
    bench b;
    WR_BUF(sql);
    bench_open(&b);
    wr_buf_printf(&sql, "%s/in", b.folder);
    EXPECT_OK(wr_fs_make_dirs(wr_fs_real(), wr_buf_str(&sql)));
    wr_buf_clear(&sql);
    wr_buf_printf(&sql,
                  "CREATE SOURCE f (n BIGINT) WITH (connector = 'files', path = '%s/in', format "
                  "= 'csv', settle_ms = 0, poll_interval_ms = 5)",
                  b.folder);
    run(&b, sql.data);
    begin(&b, "n BIGINT", "INSERT INTO k SELECT n FROM f");
    for (int i = 0; i < (int)WR_COUNT(names); i++) {
        WR_BUF(path);
        WR_BUF(want);
        wr_buf_printf(&path, "%s/in/%s.csv", b.folder, names[i]);
        FILE *file = fopen(path.data, "w");
        EXPECT(file && fprintf(file, "n\n%d\n", i) > 0 && fclose(file) == 0);
        for (int k = 0; k < 1000 && !ledger_has(";"); k++) {
            bool ended;
            EXPECT_OK(weir_stream_await(b.stream, 10, &ended));
            EXPECT_OK(weir_stream_await_idle(b.stream, WAIT_MS, &ended));
        }
        wr_buf_printf(&want, "+%d", i);
        expect_rows(want.data);
    }
    bench_close(&b);
}
