/* window_group_test.c - tumbling and hopping windows: borders, late rows, slices and panes,
 * reopening, and going on after a restart; random rows against a plain loop. */
#include "stream/ops/group_kit_test.h"

static void tumble(flow *f, wr_emit emit)
{
    flow_begin(f, "k:varchar v:integer at:timestamp", 1);
    flow_call(f, "count", -1, -1);
    flow_call(f, "sum", 1, -1);
    flow_window(f, 10, 10, 2);
    f->spec.emit = emit;
    EXPECT_OK(flow_open(f, &wr_stream_window_group));
}

TEST(tumbling_windows_are_put_out_when_time_reaches_their_end)
{
    flow f;
    tumble(&f, WR_EMIT_ON_CLOSE);
    flow_push(&f, "a 1 0; b 2 5; a 3 9; a 4 10; b 5 25");
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_time(&f, 9);
    EXPECT_OUT(&f, "");
    flow_time(&f, 10);
    EXPECT_OUT(&f, "+a|0|10|2|4; +b|0|10|1|2");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+a|10|20|1|4; +b|20|30|1|5");
    EXPECT_INT(f.op->late_rows, 0);
    flow_end(&f);
}

TEST(windows_before_1970_begin_at_the_lower_border)
{
    flow f;
    tumble(&f, WR_EMIT_ON_CLOSE);
    flow_push(&f, "a 1 -1; a 2 -10; a 4 -11; a 8 0");
    flow_time(&f, 0);
    EXPECT_OUT(&f, "+a|-20|-10|1|4; +a|-10|0|2|3");
    flow_end(&f);
}

TEST(only_rows_of_closed_windows_are_late)
{
    flow f;
    tumble(&f, WR_EMIT_ON_CLOSE);
    flow_push(&f, "a 1 0");
    flow_time(&f, 19);
    EXPECT_OUT(&f, "+a|0|10|1|1");
    flow_push(&f, "a 2 9; a 3 10; b 4 12; a 5 NULL");
    EXPECT_INT(f.op->late_rows, 2);
    flow_time(&f, 20);
    EXPECT_OUT(&f, "+a|10|20|1|3; +b|10|20|1|4");
    flow_end(&f);
}

TEST(windows_without_other_keys_have_one_row)
{
    flow f;
    flow_begin(&f, "v:integer at:timestamp", 0);
    flow_call(&f, "count", -1, -1);
    flow_call(&f, "max", 0, -1);
    flow_window(&f, 10, 10, 1);
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    flow_push(&f, "5 1; 7 2; 6 11");
    flow_time(&f, 40);
    EXPECT_OUT(&f, "+0|10|2|7; +10|20|1|6");
    flow_end(&f);
}

static void hop(flow *f, int64_t size, int64_t slide)
{
    flow_begin(f, "k:integer v:integer at:timestamp", 1);
    flow_call(f, "count", -1, -1);
    flow_call(f, "max", 1, -1);
    flow_window(f, size, slide, 2);
    EXPECT_OK(flow_open(f, &wr_stream_window_group));
}

TEST(hopping_windows_are_merged_from_slices)
{
    flow f;
    hop(&f, 30, 10);
    EXPECT_TEXT(f.op->note, "3 slices per window");
    flow_push(&f, "1 5 1; 2 6 12; 1 9 25; 1 4 52");
    flow_time(&f, 20);
    EXPECT_OUT(&f, "+1|-20|10|1|5; +1|-10|20|1|5; +2|-10|20|1|6");
    flow_push(&f, "1 8 5"); /* [0, 30) is open, the others of this row are not */
    EXPECT_INT(f.op->late_rows, 0);
    flow_time(&f, 40);
    EXPECT_OUT(&f, "+1|0|30|3|9; +2|0|30|1|6; +1|10|40|1|9; +2|10|40|1|6");
    flow_time(&f, 1000);
    EXPECT_OUT(&f, "+1|20|50|1|9; +1|30|60|1|4; +1|40|70|1|4; +1|50|80|1|4");
    flow_push(&f, "1 8 5");
    EXPECT_INT(f.op->late_rows, 1);
    flow_end(&f);
}

TEST(hopping_windows_whose_size_is_no_multiple_of_the_slide_are_panes)
{
    flow f;
    hop(&f, 25, 10);
    flow_push(&f, "1 5 1; 1 7 22");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+1|-20|5|1|5; +1|-10|15|1|5; +1|0|25|2|7; +1|10|35|1|7; +1|20|45|1|7");
    flow_end(&f);
}

TEST(a_slide_longer_than_the_window_leaves_moments_without_one)
{
    flow f;
    hop(&f, 10, 20);
    flow_push(&f, "1 5 1; 1 7 12; 1 6 25");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+1|0|10|1|5; +1|20|30|1|6");
    EXPECT_INT(f.op->late_rows, 0);
    flow_end(&f);
}

TEST(windows_that_are_said_on_change_are_corrected_each_round)
{
    flow f;
    tumble(&f, WR_EMIT_ON_CHANGE);
    flow_push(&f, "a 1 0; a 2 1");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|0|10|2|3");
    flow_push(&f, "a 1 2; b 1 3");
    flow_time(&f, 50); /* closes the window before the round ends */
    EXPECT_OUT(&f, "-a|0|10|2|3; +a|0|10|3|4; +b|0|10|1|1");
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_end(&f);
}

TEST(late_rows_reopen_a_window_within_the_lateness)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
    flow_call(&f, "sum", 1, -1);
    flow_window(&f, 10, 10, 2);
    f.spec.late = WR_LATE_REOPEN;
    f.spec.lateness = 20;
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    flow_push(&f, "a 1 0; b 1 0");
    flow_time(&f, 12);
    EXPECT_OUT(&f, "+a|0|10|1; +b|0|10|1");
    flow_push(&f, "a 5 3; c 6 4; b 0 5");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|0|10|1; +a|0|10|6; +c|0|10|6");
    flow_time(&f, 29);
    flow_push(&f, "a 1 8");
    flow_time(&f, 30);
    EXPECT_OUT(&f, "-a|0|10|6; +a|0|10|7");
    flow_push(&f, "a 1 8");
    EXPECT_INT(f.op->late_rows, 1);
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_end(&f);
}

TEST(windows_forget_rows_that_are_taken_back_before_they_close)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
    flow_call(&f, "count", -1, -1);
    flow_call(&f, "min", 1, -1);
    flow_window(&f, 10, 10, 2);
    f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    flow_push(&f, "a 1 0; a 2 1; b 3 2");
    flow_take_back(&f, "a 1 0; b 3 2");
    flow_time(&f, 10);
    EXPECT_OUT(&f, "+a|0|10|1|2");
    flow_end(&f);
}

TEST(distinct_calls_count_a_value_once_per_window)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
    flow_call(&f, "count", 1, -1)->is_distinct = true;
    flow_window(&f, 20, 10, 2);
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    flow_push(&f, "a 1 0; a 1 1; a 2 12; a 1 13; a NULL 14");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+a|-10|10|1; +a|0|20|2; +a|10|30|2");
    flow_end(&f);
}

TEST(open_windows_go_on_after_a_restart)
{
    flow f;
    tumble(&f, WR_EMIT_ON_CLOSE);
    flow_push(&f, "a 1 0; b 2 5; a 3 12");
    flow_commit(&f);
    flow_push(&f, "a 50 7");
    flow_restart(&f); /* without the row after the commit */
    flow_push(&f, "a 10 8");
    flow_time(&f, 10);
    EXPECT_OUT(&f, "+a|0|10|2|11; +b|0|10|1|2");
    flow_commit(&f);
    flow_restart(&f);
    flow_push(&f, "b 1 9");
    EXPECT_INT(f.op->late_rows, 1);
    flow_time(&f, 20);
    EXPECT_OUT(&f, "+a|10|20|1|3");
    flow_commit(&f);
    wr_state_figures figures;
    wr_state_figures_of(f.state, &figures);
    EXPECT_INT(figures.keys, 1); /* ended windows are gone */
    flow_end(&f);
}

TEST(slices_and_distinct_values_go_on_after_a_restart)
{
    flow f;
    hop(&f, 30, 10);
    flow_push(&f, "1 5 1; 2 6 12; 1 9 25");
    flow_time(&f, 20);
    EXPECT_OUT(&f, "+1|-20|10|1|5; +1|-10|20|1|5; +2|-10|20|1|6");
    flow_commit(&f);
    flow_restart(&f);
    flow_push(&f, "1 8 5");
    flow_time(&f, 30);
    EXPECT_OUT(&f, "+1|0|30|3|9; +2|0|30|1|6");
    flow_end(&f);
    flow_begin(&f, "k:varchar v:varchar at:timestamp", 1);
    flow_call(&f, "count", 1, -1)->is_distinct = true;
    flow_window(&f, 10, 10, 2);
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    flow_push(&f, "a x 0; a y 1; b x 2");
    flow_commit(&f);
    flow_restart(&f);
    flow_push(&f, "a x 3; a z 4; b x 5; c q 6");
    flow_time(&f, 10);
    EXPECT_OUT(&f, "+a|0|10|3; +b|0|10|1; +c|0|10|1");
    flow_end(&f);
}

TEST(too_many_groups_fail_with_the_limit)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
    flow_call(&f, "count", -1, -1);
    flow_window(&f, 10, 10, 2);
    f.spec.groups_max = 2;
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    flow_push(&f, "a 1 0; b 1 1");
    EXPECT_FAIL(flow_push_change(&f, "c 1 2", 0), WR_E_TOO_BIG);
    flow_end(&f);
}

/* Windows of random rows in random batches, at random times, are those of a plain loop. */
static void expect_like_a_loop(int64_t size, int64_t slide, bool distinct, bool forgets,
                               unsigned seed)
{
    enum { ROWS = 600, KEYS = 4 };
    static int64_t at[ROWS], key[ROWS], value[ROWS];
    WR_BUF(rows);
    WR_BUF(want);
    flow f;
    flow_begin(&f, "k:integer v:integer at:timestamp", 1);
    flow_call(&f, "count", 1, -1)->is_distinct = distinct;
    flow_call(&f, "sum", 1, -1);
    flow_window(&f, size, slide, 2);
    f.forgets = forgets;
    EXPECT_OK(flow_open(&f, &wr_stream_window_group));
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (int i = 0; i < ROWS; i++) {
        at[i] = i / 2 - 100 + rand_r(&seed) % 20;
        key[i] = rand_r(&seed) % KEYS;
        value[i] = rand_r(&seed) % 10;
        first = WR_MIN(first, at[i]);
        last = WR_MAX(last, at[i]);
    }
    for (int i = 0; i < ROWS;) {
        int n = 1 + rand_r(&seed) % 70;
        rows.length = 0;
        for (int k = i; k < WR_MIN(i + n, ROWS); k++)
            wr_buf_printf(&rows, "%s%d %d %d", k > i ? "; " : "", (int)key[k], (int)value[k],
                          (int)at[k]);
        flow_push(&f, rows.data);
        i += n;
        flow_time(&f, WR_MIN(i, ROWS) / 2 - 100);
        if (rand_r(&seed) % 4 == 0) flow_commit(&f);
        if (rand_r(&seed) % 8 == 0) {
            WR_BUF(out);
            flow_commit(&f);
            wr_buf_add_str(&out, wr_buf_str(&f.out->rows));
            flow_restart(&f);
            wr_buf_add_str(&f.out->rows, wr_buf_str(&out));
        }
    }
    flow_time(&f, last + 10 * size);
    EXPECT_INT(f.op->late_rows, 0);
    wr_buf_add_text(&want, "");
    for (int64_t start = (first / slide - size / slide - 2) * slide; start <= last; start += slide)
        for (int k = 0; k < KEYS; k++) {
            int64_t count = 0, sum = 0, seen = 0;
            for (int i = 0; i < ROWS; i++) {
                if (key[i] != k || at[i] < start || at[i] >= start + size) continue;
                count += !distinct || !(seen >> value[i] & 1);
                seen |= INT64_C(1) << value[i];
                sum += value[i];
            }
            if (seen)
                wr_buf_printf(&want, "%s+%d|%lld|%lld|%lld|%lld", want.length ? "; " : "", k,
                              (long long)start, (long long)(start + size), (long long)count,
                              (long long)sum);
        }
    EXPECT_OUT(&f, want.data);
    flow_end(&f);
}

static void expect_all_like_a_loop(bool forgets)
{
    expect_like_a_loop(10, 10, false, forgets, 1);
    expect_like_a_loop(40, 10, false, forgets, 2);
    expect_like_a_loop(40, 10, true, forgets, 3);
    expect_like_a_loop(25, 10, false, forgets, 4);
    expect_like_a_loop(7, 1, false, forgets, 5);
    expect_like_a_loop(7, 7, true, forgets, 6);
}

TEST(random_windows_are_those_of_a_loop) { expect_all_like_a_loop(false); }
TEST(windows_that_are_forgotten_by_memory_are_read_again) { expect_all_like_a_loop(true); }
