/* session_group_test.c - sessions: their borders, joining, reopening, and going on after a restart;
 * random rows against a plain loop; all grouping operators when memory is refused. */
#include "stream/ops/group_kit_test.h"

static void sessions(flow *f)
{
    flow_begin(f, "k:varchar v:integer at:timestamp", 1);
    flow_call(f, "count", -1, -1);
    flow_call(f, "sum", 1, -1);
    flow_session(f, 10, 2);
}

TEST(sessions_end_when_nothing_came_for_longer_than_the_gap)
{
    flow f;
    sessions(&f);
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "a 1 0; b 2 3; a 3 10; a 4 25; c 9 NULL");
    flow_flush(&f);
    flow_time(&f, 13);
    EXPECT_OUT(&f, "");
    EXPECT_INT(f.op->late_rows, 1);
    flow_time(&f, 14);
    EXPECT_OUT(&f, "+b|3|13|1|2");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+a|0|20|2|4; +a|25|35|1|4");
    flow_end(&f);
}

TEST(a_row_between_two_sessions_joins_them)
{
    flow f;
    sessions(&f);
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "a 1 -20; a 2 0; a 4 20");
    flow_push(&f, "a 8 -10; a 16 10; b 32 10");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+a|-20|30|5|31; +b|10|20|1|32");
    flow_end(&f);
}

TEST(a_row_that_joins_an_open_session_is_not_late)
{
    flow f;
    sessions(&f);
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "a 1 20");
    flow_time(&f, 29);
    flow_push(&f, "a 2 15; a 4 8; b 8 18");
    EXPECT_INT(f.op->late_rows, 1);
    flow_time(&f, 31);
    EXPECT_OUT(&f, "+a|8|30|3|7");
    flow_push(&f, "a 1 20");
    EXPECT_INT(f.op->late_rows, 2);
    flow_end(&f);
}

TEST(sessions_without_keys_are_of_all_rows)
{
    flow f;
    flow_begin(&f, "v:integer at:timestamp", 0);
    flow_call(&f, "max", 0, -1);
    flow_session(&f, 5, 1);
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "1 0; 7 4; 3 20");
    flow_time(&f, 50);
    EXPECT_OUT(&f, "+0|9|7; +20|25|3");
    flow_end(&f);
}

TEST(sessions_that_were_put_out_are_reopened_within_the_lateness)
{
    flow f;
    sessions(&f);
    f.spec.late = WR_LATE_REOPEN;
    f.spec.lateness = 50;
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "a 1 0; a 2 30");
    flow_time(&f, 20);
    EXPECT_OUT(&f, "+a|0|10|1|1");
    flow_push(&f, "a 4 5; b 8 -5"); /* grows but stays over; over from the first */
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|0|10|1|1; +a|0|15|2|5; +b|-5|5|1|8");
    flow_push(&f, "a 16 15; a 32 22"); /* joined with the one that is open */
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|0|15|2|5");
    flow_time(&f, 41);
    EXPECT_OUT(&f, "+a|0|40|5|55");
    flow_time(&f, 90);
    flow_push(&f, "a 64 31");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|0|40|5|55; +a|0|41|6|119");
    flow_time(&f, 92);
    flow_push(&f, "a 64 31");
    EXPECT_INT(f.op->late_rows, 1);
    flow_end(&f);
}

TEST(sessions_are_corrected_each_round_when_said_on_change)
{
    flow f;
    sessions(&f);
    f.spec.emit = WR_EMIT_ON_CHANGE;
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "a 1 0; a 2 20");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|0|10|1|1; +a|20|30|1|2");
    flow_push(&f, "a 4 10");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "-a|0|10|1|1; -a|20|30|1|2; +a|0|30|3|7");
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_end(&f);
}

TEST(distinct_values_of_joined_sessions_count_once)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
    flow_call(&f, "count", 1, -1)->is_distinct = true;
    flow_session(&f, 10, 2);
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    flow_push(&f, "a 1 0; a 2 1; a 1 20; a 3 20");
    flow_commit(&f);
    flow_restart(&f);
    flow_push(&f, "a 3 10; a 4 10; a 1 40");
    flow_commit(&f);
    flow_restart(&f);
    flow_push(&f, "a 4 15");
    flow_time(&f, 100);
    EXPECT_OUT(&f, "+a|0|30|4; +a|40|50|1");
    flow_commit(&f);
    wr_state_figures figures;
    wr_state_figures_of(f.state, &figures);
    EXPECT_INT(figures.keys, 2);
    flow_end(&f);
}

TEST(sessions_of_an_input_that_takes_rows_back_are_refused)
{
    flow f;
    sessions(&f);
    f.spec.input_takes_back = true;
    EXPECT_FAIL(flow_open(&f, &wr_stream_session_group), WR_E_UNSUPPORTED);
    flow_end(&f);
}

static int by_time(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static void random_sessions(bool forgets)
{
    enum { ROWS = 4000, KEYS = 30, JITTER = 40, GAP = 10 };
    static int64_t at[KEYS][ROWS];
    int count[KEYS] = {0};
    unsigned seed = 7;
    WR_BUF(rows);
    WR_BUF(want);
    flow f;
    flow_begin(&f, "k:integer v:integer at:timestamp", 1);
    flow_call(&f, "count", -1, -1);
    flow_session(&f, GAP, 2);
    f.forgets = forgets;
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    for (int i = 0; i < ROWS;) {
        int n = 1 + rand_r(&seed) % 100;
        rows.length = 0;
        for (int k = i; k < WR_MIN(i + n, ROWS); k++) {
            int key = rand_r(&seed) % KEYS, time = k / 2 - 500 + rand_r(&seed) % JITTER;
            at[key][count[key]++] = time;
            wr_buf_printf(&rows, "%s%d 1 %d", k > i ? "; " : "", key, time);
        }
        flow_push(&f, rows.data);
        i += n;
        flow_time(&f, WR_MIN(i, ROWS) / 2 - 500);
        if (rand_r(&seed) % 3 == 0) flow_commit(&f);
        if (rand_r(&seed) % 9 == 0) {
            WR_BUF(out);
            flow_commit(&f);
            wr_buf_add_str(&out, wr_buf_str(&f.out->rows));
            flow_restart(&f);
            wr_buf_add_str(&f.out->rows, wr_buf_str(&out));
        }
    }
    flow_time(&f, forgets ? INT64_MAX : ROWS); /* the source ends */
    EXPECT_INT(f.op->late_rows, 0);
    wr_buf_add_text(&want, "");
    for (int k = 0; k < KEYS; k++) {
        qsort(at[k], (size_t)count[k], sizeof at[k][0], by_time);
        for (int i = 0, first = 0; i < count[k]; i++) {
            if (i + 1 < count[k] && at[k][i + 1] - at[k][i] <= GAP) continue;
            wr_buf_printf(&want, "%s+%d|%d|%d|%d", want.length ? "; " : "", k, (int)at[k][first],
                          (int)at[k][i] + GAP, i + 1 - first);
            first = i + 1;
        }
    }
    EXPECT_OUT(&f, want.data);
    flow_commit(&f);
    wr_state_figures figures;
    wr_state_figures_of(f.state, &figures);
    EXPECT_INT(figures.keys, 2);
    flow_end(&f);
}

TEST(random_sessions_are_those_of_a_loop) { random_sessions(false); }
TEST(sessions_that_are_forgotten_by_memory_are_read_again) { random_sessions(true); }

static int count_of(flow *f, const char *text)
{
    int count = 0;
    wr_buf_add_text(&f->out->rows, "");
    wr_buf_add_text(&f->out->rows, ";");
    wr_buf_add_char(&f->out->rows, 0);
    for (const char *at = f->out->rows.data; (at = strstr(at, text)); at++)
        count++;
    return count;
}

/* More than a run of them: its index is in the state. */
TEST(many_sessions_are_found_again_by_their_keys)
{
    enum { KEYS = 70000, EVERY = 1000, GAP = 1000000 };
    WR_BUF(rows);
    flow f;
    flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
    flow_call(&f, "sum", 1, -1);
    flow_session(&f, GAP, 2);
    f.forgets = true;
    EXPECT_OK(flow_open(&f, &wr_stream_session_group));
    for (int i = 0; i < KEYS + KEYS / EVERY;) {
        rows.length = 0;
        for (int k = 0; k < WR_MIN(500, WR_BATCH_ROWS) && i < KEYS + KEYS / EVERY; k++, i++) {
            int key = i < KEYS ? i : (i - KEYS) * EVERY;
            wr_buf_printf(&rows, "%sk%d %d %d", k ? "; " : "", key, i < KEYS ? 1 : 3, i);
        }
        flow_push(&f, rows.data);
        if (i % 3500 == 0) flow_commit(&f);
        if (i == KEYS) flow_restart(&f);
    }
    flow_commit(&f);
    flow_restart(&f);
    flow_time(&f, INT64_MAX);
    EXPECT_INT(count_of(&f, "+k"), KEYS);
    EXPECT_INT(count_of(&f, "|4;"), KEYS / EVERY);
    flow_commit(&f);
    wr_state_figures figures;
    wr_state_figures_of(f.state, &figures);
    EXPECT_INT(figures.keys, 2);
    flow_end(&f);
}

/* Whichever reservation fails: an error, and everything is given back. */
static void expect_clean_failures(const wr_stream_op_def *def, bool session)
{
    static const char rows[] = "a 1 0; b 2 12; a 3 5; some_longer_name_of_a_group 4 33; a 5 -40";
    int failed = 0;
    for (int n = 1; n < 120; n++) {
        flow f;
        flow_begin(&f, "k:varchar v:integer at:timestamp", 1);
        flow_call(&f, "max", 0, -1);
        flow_call(&f, "count", 1, -1)->is_distinct = true;
        if (session)
            flow_session(&f, 10, 2);
        else if (def == &wr_stream_window_group)
            flow_window(&f, 20, 10, 2);
        if (f.spec.window) {
            f.spec.late = WR_LATE_REOPEN;
            f.spec.lateness = 30;
        }
        f.spec.input_takes_back = !session;
        wr_mem_fail_after(n);
        weir_status bad = flow_open(&f, def);
        for (int turn = 0; !bad && turn < 4; turn++) {
            bad = flow_push_change(&f, rows, turn == 2 && !session ? 2 : 0);
            if (!bad) bad = wr_stream_advance(f.source, 0, turn * 15);
            if (!bad) bad = wr_graph_flush(f.graph);
            if (!bad) def->settled(f.op, true);
        }
        wr_mem_fail_after(0);
        failed += bad != WR_OK;
        wr_status_drop(bad);
        flow_end(&f);
    }
    EXPECT(failed > 10);
}

TEST(grouping_without_memory_fails_cleanly)
{
    expect_clean_failures(&wr_stream_group, false);
    expect_clean_failures(&wr_stream_window_group, false);
    expect_clean_failures(&wr_stream_session_group, true);
}
