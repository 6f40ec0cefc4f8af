/* late_join_test.c - rows that come to a join of streams after those they would meet are forgotten.
 */
#include "session/script_kit_test.h"

TEST(a_late_row_of_a_left_join_is_no_orphan)
{
    bench b;
    bench_open(&b);
    source(&b, "l", 0, "10:a:one / 30:a:two / 11:a:late / 60:y");
    source(&b, "r", 1, "12:a:A / 40:b / 31:a:B / 99:z");
    begin(&b, "t BIGINT, l VARCHAR, r VARCHAR",
          "INSERT INTO k SELECT l.t, l.v, r.v FROM l LEFT JOIN r ON l.k = r.k AND "
          "r.ts BETWEEN l.ts AND l.ts + INTERVAL '10 seconds'");
    step(&b, 0, 1, "");
    step(&b, 1, 1, "+10|one|A");
    step(&b, 1, 2, "");
    step(&b, 0, 2, ""); /* time is 30: A is forgotten */
    EXPECT_INT(figures(&b).late_rows, 0);
    crash(&b);
    step(&b, 0, 3, "");
    EXPECT_INT(figures(&b).late_rows, 1);
    step(&b, 0, 4, "");          /* time is 40 */
    step(&b, 1, 3, "+30|two|B"); /* late, but whom it meets is there */
    EXPECT_INT(figures(&b).late_rows, 1);
    step(&b, 1, 4, "");
    bench_close(&b);
}

TEST(late_rows_of_a_full_join_of_windows_are_told_on_both_sides)
{
    bench b;
    bench_open(&b);
    source(&b, "l", 0, "1:a:one 2:b:two / 21:a:x / 3:a:late / 40:z");
    source(&b, "r", 1, "1:a:A / 21:b:y / 4:c:late / 40:z");
    run(&b, "CREATE SINK dead (kind VARCHAR, raw VARCHAR) WITH (connector = 'blackhole')");
    begin(&b, "l VARCHAR, r VARCHAR",
          "INSERT INTO k SELECT l.v, r.v FROM tumble(l, ts, INTERVAL '10 seconds') l "
          "FULL JOIN tumble(r, ts, INTERVAL '10 seconds') r "
          "ON l.k = r.k AND l.window_end = r.window_end "
          "EMIT WITH (late = 'dlq', dead_letters = dead)");
    step(&b, 0, 1, "");
    step(&b, 1, 1, "+one|A");
    step(&b, 0, 2, "");
    step(&b, 1, 2, "+two|NULL"); /* time is 21 */
    crash(&b);
    step(&b, 0, 3, "");
    step(&b, 1, 3, "");
    EXPECT_INT(figures(&b).late_rows, 2);
    bench_close(&b);
}
