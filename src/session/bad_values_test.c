/* bad_values_test.c - values for which the condition of a join or an aggregate fails, step by step:
 * who is told, who goes on, and what a restart says. */
#include "session/script_kit_test.h"

#define DLQ " EMIT WITH (on_error = 'dlq', dead_letters = dead)"

/* Dead letters are rows of the ledger, too. */
static void open_with_dead(bench *b)
{
    bench_open(b);
    run(b, "CREATE SINK dead (kind VARCHAR, reason VARCHAR, raw VARCHAR) WITH (connector = "
           "'script', ledger = 1)");
}

/* ---- conditions of joins ---- */

TEST(a_pair_that_cannot_be_judged_leaves_out_the_row_that_came_later)
{
    bench b;
    open_with_dead(&b);
    source(&b, "l", 0, "1:a:one 2:a:two 2:a:due / 5:a:five / 7:a:seven 8:a:eight / 60:z");
    source(&b, "r", 1, "2:a:A 3:a:B / 5:a:C 7:a:D / 60:y");
    begin(&b, "l VARCHAR, r VARCHAR",
          "INSERT INTO k SELECT l.v, r.v FROM l LEFT JOIN r ON l.k = r.k AND "
          "10 // (l.t - r.t) <> 99 AND "
          "r.ts BETWEEN l.ts - INTERVAL '20 seconds' AND l.ts + INTERVAL '20 seconds'" DLQ);
    step(&b, 0, 1, "");
    step(&b, 1, 1,
         "+bad row|division by zero|{\"t\":2,\"k\":\"a\",\"v\":\"A\","
         "\"ts\":\"1970-01-01T00:00:02\"} +due|B +one|B +two|B");
    crash(&b);
    step(&b, 0, 2, "+five|B");
    step(&b, 1, 2,
         "+bad row|division by zero|{\"t\":5,\"k\":\"a\",\"v\":\"C\","
         "\"ts\":\"1970-01-01T00:00:05\"} +due|D +five|D +one|D +two|D");
    step(&b, 0, 3,
         "+bad row|division by zero|{\"t\":7,\"k\":\"a\",\"v\":\"seven\","
         "\"ts\":\"1970-01-01T00:00:07\"} +eight|B +eight|D");
    step(&b, 0, 4, "");
    step(&b, 1, 3, ""); /* nobody is an orphan, the bad one least of all */
    bench_close(&b);
}

TEST(a_row_that_was_bad_is_taken_back_without_a_word)
{
    bench b;
    open_with_dead(&b);
    source(&b, "l", 0, "4:a / 5:a / 6:a");
    source(&b, "r", 1, "5:a:A");
    begin(&b, "k VARCHAR, r VARCHAR",
          "INSERT INTO k SELECT g.k, r.v FROM (SELECT k, max(t) AS t FROM l GROUP BY k) g "
          "JOIN r ON g.k = r.k AND 10 // (g.t - r.t) <> 99" DLQ);
    step(&b, 1, 1, "");
    step(&b, 0, 1, "+a|A");
    step(&b, 0, 2, "+bad row|division by zero|{\"k\":\"a\",\"t\":5} -a|A");
    crash(&b);
    step(&b, 0, 3, "+a|A");
    EXPECT_INT(figures(&b).late_rows, 0);
    bench_close(&b);
}

TEST(a_row_that_cannot_be_compared_with_a_table_is_left_out_whole)
{
    bench b;
    open_with_dead(&b);
    source(&b, "l", 0, "1:a:one 2:a:two / 3:b:three 4:c:four");
    run(&b, "CREATE TABLE names (k VARCHAR, n BIGINT)");
    run(&b, "INSERT INTO names VALUES ('a', 7), ('a', 2), ('a', 8), ('b', 1)");
    begin(&b, "v VARCHAR, n BIGINT",
          "INSERT INTO k SELECT l.v, names.n FROM l LEFT JOIN names ON l.k = names.k AND "
          "10 // (l.t - names.n) <> 99 EMIT WITH (on_error = 'drop')");
    step(&b, 0, 1, "+one|2 +one|7 +one|8");
    EXPECT_INT(figures(&b).dead_rows, 1);
    step(&b, 0, 2, "+four|NULL +three|1");
    EXPECT_INT(figures(&b).dead_rows, 1);
    bench_close(&b);
}

/* More candidates than a batch holds, and the bad one is the last of them. */
TEST(a_bad_pair_far_behind_takes_the_first_ones_along)
{
    enum { AT_ONCE = WR_MIN(100, WR_BATCH_ROWS), ROWS = 3000 };
    bench b;
    WR_BUF(rows);
    open_with_dead(&b);
    for (int i = 1; i <= ROWS; i++)
        wr_buf_printf(&rows, "%d:a%s", i, i % AT_ONCE ? " " : " / ");
    wr_buf_add_text(&rows, "9999:z");
    source(&b, "l", 0, rows.data);
    source(&b, "r", 1, "1:a:bad 3000:a:bad 0:a:good");
    begin(&b, "r VARCHAR, n BIGINT",
          "INSERT INTO k SELECT r.v, count(*) FROM l JOIN r ON l.k = r.k AND "
          "10 // (l.t - r.t) <> 99 GROUP BY 1" DLQ);
    step(&b, 0, ROWS / AT_ONCE + 1, "");
    step(&b, 1, 1,
         "+bad row|division by "
         "zero|{\"t\":1,\"k\":\"a\",\"v\":\"bad\",\"ts\":\"1970-01-01T00:00:01\"} "
         "+bad row|division by "
         "zero|{\"t\":3000,\"k\":\"a\",\"v\":\"bad\",\"ts\":\"1970-01-01T00:50:00\"} +good|3000");
    bench_close(&b);
}

/* ---- aggregates ---- */

TEST(a_window_whose_sum_overflows_is_a_dead_letter_and_the_others_close)
{
    bench b;
    open_with_dead(&b);
    source(&b, "l", 0, "1:a:1e308 2:a:1e308 3:b:1 / 15:a:2 25:a:3 / 60:z:0");
    begin(&b, "k VARCHAR, s DOUBLE",
          "INSERT INTO k SELECT k, sum(v::DOUBLE) FROM tumble(l, ts, INTERVAL '10 seconds') "
          "GROUP BY k, window_start EMIT ON WINDOW CLOSE WITH (on_error = 'dlq', "
          "dead_letters = dead)");
    step(&b, 0, 1, "");
    crash(&b);
    step(&b, 0, 2,
         "+a|2 +bad group|the sum is out of the range of DOUBLE|{\"k\":\"a\",\"window_start\":"
         "\"1970-01-01T00:00:00\",\"window_end\":\"1970-01-01T00:00:10\"} +b|1");
    EXPECT_INT(figures(&b).dead_rows, 1);
    step(&b, 0, 3, "+a|3");
    bench_close(&b);
}

/* It is told once, and speaks again when its sum is one. */
static void check_changes(bench *b, int workers)
{
    WR_BUF(sql);
    open_with_dead(b);
    wr_buf_printf(&sql, "SET stream_workers = %d", workers);
    run(b, sql.data);
    source(b, "l", 0, "1:a:9e307 / 2:a:9e307 2:b:1 / 3:a:9e307 / 4:b:0 / 5:a:-9e307 5:a:-9e307");
    begin(b, "k VARCHAR, s VARCHAR",
          "INSERT INTO k SELECT k, (sum(v::DOUBLE) / 1e307)::BIGINT::VARCHAR FROM l "
          "GROUP BY k" DLQ);
    step(b, 0, 1, "+a|9");
    step(b, 0, 2, "+bad group|the sum is out of the range of DOUBLE|{\"k\":\"a\"} +b|0 -a|9");
    step(b, 0, 3, "");
    crash(b);
    step(b, 0, 4, "");
    step(b, 0, 5, "+a|9");
    EXPECT_INT(figures(b).dead_rows, 0); /* since the restart */
    bench_close(b);
}

TEST(a_group_without_a_sum_takes_back_what_it_said_until_it_has_one_again)
{
    bench b;
    check_changes(&b, 1);
    check_changes(&b, 2);
}

TEST(sums_that_128_bits_do_not_hold_are_a_matter_of_their_groups)
{
#define MUCH "170141183460469231731687303715884105727"
    bench b;
    open_with_dead(&b);
    source(&b, "l", 0, "1:a:" MUCH " 2:a:" MUCH " 3:b:5 / 12:a:7 / 14:b:" MUCH " / 60:z:0");
    run(&b, "CREATE VIEW w AS SELECT k, v::HUGEINT AS v, ts FROM l");
    begin(&b, "k VARCHAR, s HUGEINT",
          "INSERT INTO k SELECT k, sum(v) FROM hop(w, ts, INTERVAL '5 seconds', "
          "INTERVAL '10 seconds') GROUP BY k, window_start EMIT ON WINDOW CLOSE WITH (on_error = "
          "'dlq', dead_letters = dead)");
    step(&b, 0, 1, "");
    step(&b, 0, 2,
         "+bad group|the sum does not fit 128 bits|{\"k\":\"a\",\"window_start\":"
         "\"1969-12-31T23:59:55\",\"window_end\":\"1970-01-01T00:00:05\"} "
         "+bad group|the sum does not fit 128 bits|{\"k\":\"a\",\"window_start\":"
         "\"1970-01-01T00:00:00\",\"window_end\":\"1970-01-01T00:00:10\"} +b|5 +b|5");
    crash(&b);
    step(&b, 0, 3, "");
    step(&b, 0, 4, "+a|7 +a|7 +b|" MUCH " +b|" MUCH);
    bench_close(&b);
}

TEST(a_session_without_a_sum_is_a_dead_letter)
{
    bench b;
    open_with_dead(&b);
    source(&b, "l", 0, "1:a:" MUCH " 3:b:5 8:a:" MUCH " 4:a:1 / 30:z:0 / 60:z:0");
    begin(&b, "k VARCHAR, s HUGEINT",
          "INSERT INTO k SELECT k, sum(v::HUGEINT) FROM session(l, ts, INTERVAL '4 seconds') "
          "GROUP BY k, window_start EMIT ON WINDOW CLOSE WITH (on_error = 'drop')");
    step(&b, 0, 1, "+b|5"); /* time is 8; the row of 4 has made one session of two */
    crash(&b);
    step(&b, 0, 2, "");
    EXPECT_INT(figures(&b).dead_rows, 1);
    step(&b, 0, 3, "+z|0");
    bench_close(&b);
}

static void expect_failure(const char *query, uint32_t code)
{
    bench b;
    bool ended;
    open_with_dead(&b);
    source(&b, "l", 0, "1:a:1e308 2:a:1e308 3:b:1 / 60:z:0");
    source(&b, "r", 1, "1:a:A / 60:z:1");
    begin(&b, "k VARCHAR, s DOUBLE", query);
    atomic_store(&released[1], 2);
    atomic_store(&released[0], 2);
    EXPECT_FAIL(weir_stream_await(b.stream, WAIT_MS, &ended), code);
    bench_close(&b);
}

TEST(without_on_error_they_fail_the_stream)
{
    expect_failure("INSERT INTO k SELECT k, sum(v::DOUBLE) FROM tumble(l, ts, INTERVAL "
                   "'10 seconds') GROUP BY k, window_start EMIT ON WINDOW CLOSE",
                   WR_E_OUT_OF_RANGE);
    expect_failure("INSERT INTO k SELECT l.k, l.t FROM l JOIN r ON l.k = r.k AND "
                   "10 // (l.t - r.t) <> 99",
                   WR_E_DIVISION_BY_ZERO);
}
