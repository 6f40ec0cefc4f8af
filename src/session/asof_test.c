/* asof_test.c - ASOF joins and versions of a table as streams, step by step: when rows leave, what
 * is late, what a restart goes on with. */
#include "session/script_kit_test.h"

#define LEFT "1:a:one 12:a:two / 20:b:x / 31:a:three / 40:a:four 5:a:late / 50:a:end / 99:a"
#define RIGHT "0:a:A 10:a:B / 30:a:C 30:a:D / 41:z / 35:a:E / 60:z / 99:z"

static void versions(bench *b)
{
    bench_open(b);
    source(b, "l", 0, LEFT);
    source(b, "r", 1, RIGHT);
}

static void play(bench *b, const char *insert, const char *orphans)
{
    begin(b, "t BIGINT, v VARCHAR, r VARCHAR", insert);
    step(b, 0, 1, "");
    step(b, 1, 1, "+1|one|A"); /* time is 10: 12 waits */
    crash(b);
    step(b, 0, 2, ""); /* the right side is at 10 */
    step(b, 1, 2, "+12|two|B");
    crash(b); /* 30 is the time of the right side, 20 that of the left */
    step(b, 1, 3, "");
    step(b, 0, 3, orphans);       /* time is 31 */
    step(b, 0, 4, "+31|three|D"); /* 40, and 5 is late; the versions before 31 are forgotten */
    EXPECT_INT(figures(b).late_rows, 1);
    crash(b);
    step(b, 1, 4, "");           /* 35 is late by now, but the newest */
    step(b, 0, 5, "+40|four|E"); /* time is 41 */
    step(b, 1, 5, "");
    step(b, 0, 6, "+50|end|E");
}

TEST(rows_of_an_asof_join_leave_when_both_sides_are_past_them)
{
    bench b;
    versions(&b);
    play(&b,
         "INSERT INTO k SELECT l.t, l.v, r.v FROM l ASOF LEFT JOIN r ON l.k = r.k AND l.ts >= r.ts",
         "+20|x|NULL");
    bench_close(&b);
}

TEST(a_row_meets_the_version_that_was_valid_at_its_time)
{
    bench b;
    versions(&b);
    play(&b,
         "INSERT INTO k SELECT l.t, l.v, r.v FROM l JOIN r FOR SYSTEM_TIME AS OF l.ts AS r "
         "ON l.k = r.k",
         "");
    bench_close(&b);
}

/* Windows over what leaves: its time goes on being one. */
TEST(windows_over_an_asof_join_close)
{
    bench b;
    bench_open(&b);
    source(&b, "l", 0, "1:a:1 2:a:2 11:a:4 / 31:a");
    source(&b, "r", 1, "0:a:x 10:a:y / 31:b");
    run(&b, "CREATE VIEW j AS SELECT l.ts, r.v FROM l ASOF JOIN r ON l.k = r.k AND l.ts >= r.ts");
    begin(&b, "v VARCHAR, n BIGINT",
          "INSERT INTO k SELECT v, count(*) FROM tumble(j, ts, INTERVAL '10 seconds') "
          "GROUP BY v, window_start EMIT ON WINDOW CLOSE");
    step(&b, 0, 1, "");
    step(&b, 1, 1, "+x|2"); /* time is 10 */
    step(&b, 1, 2, "");
    step(&b, 0, 2, "+y|1");
    bench_close(&b);
}
