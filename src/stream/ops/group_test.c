/* group_test.c - groups in update mode: what is said each round, rows that are taken back, groups
 * by the end of a window, and going on after a restart; random rows against a plain loop. */
#include "stream/ops/group_kit_test.h"

static void grouped(flow *f)
{
    flow_begin(f, "k:varchar v:integer keep:boolean", 1);
    flow_call(f, "count", -1, -1);
    flow_call(f, "sum", 1, -1);
    EXPECT_OK(flow_open(f, &wr_stream_group));
}

TEST(changed_groups_are_said_once_per_round)
{
    flow f;
    grouped(&f);
    flow_push(&f, "a 1 true; b 2 true; a 3 true");
    flow_push(&f, "a 1 true");
    EXPECT_OUT(&f, "");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|3|5; +b|1|2");
    flow_push(&f, "a 1 true; NULL 7 true");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|3|5; +a|4|6; +NULL|1|7");
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_end(&f);
}

TEST(groups_whose_row_is_what_it_was_are_not_said_again)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer", 1);
    flow_call(&f, "max", 1, -1);
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(&f, "a 5; b 5");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|5; +b|5");
    flow_push(&f, "a 4; b 6; a 5");
    flow_flush(&f);
    EXPECT_OUT(&f, "-b|5; +b|6");
    flow_end(&f);
}

TEST(distinct_rows_appear_once_and_go_with_the_last_of_them)
{
    flow f;
    flow_begin(&f, "a:integer b:varchar", 2);
    f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(&f, "1 x; 1 x; 2 y; 1 NULL");
    flow_flush(&f);
    EXPECT_OUT(&f, "+1|x; +2|y; +1|NULL");
    flow_take_back(&f, "1 x; 2 y");
    flow_flush(&f);
    EXPECT_OUT(&f, "-2|y");
    flow_take_back(&f, "1 x");
    flow_push(&f, "2 y");
    flow_flush(&f);
    EXPECT_OUT(&f, "-1|x; +2|y");
    flow_end(&f);
}

TEST(a_group_that_comes_and_goes_within_a_round_is_not_heard_of)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer", 1);
    flow_call(&f, "count", 1, -1);
    f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(&f, "a 1");
    flow_take_back(&f, "a 1");
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_push(&f, "a 2");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|1");
    flow_end(&f);
}

TEST(filters_choose_rows_of_one_call)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer keep:boolean", 1);
    flow_call(&f, "count", -1, -1);
    flow_call(&f, "sum", 1, 2);
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(&f, "a 1 true; a 2 false; a 4 NULL; b 8 false");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|3|1; +b|1|NULL");
    flow_end(&f);
}

TEST(without_group_by_there_is_a_row_of_no_rows)
{
    flow f;
    flow_begin(&f, "v:integer", 0);
    flow_call(&f, "count", -1, -1);
    flow_call(&f, "sum", 0, -1);
    f.spec.has_empty_group = f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_flush(&f);
    EXPECT_OUT(&f, "+0|NULL");
    flow_push(&f, "1; 2");
    flow_flush(&f);
    EXPECT_OUT(&f, "-0|NULL; +2|3");
    flow_commit(&f);
    flow_restart(&f);
    flow_flush(&f);
    EXPECT_OUT(&f, "");
    flow_take_back(&f, "1; 2");
    flow_flush(&f);
    EXPECT_OUT(&f, "-2|3; +0|NULL");
    flow_end(&f);
}

TEST(groups_by_the_end_of_a_window_are_put_out_and_forgotten)
{
    flow f;
    flow_begin(&f, "at:timestamp k:varchar v:integer", 2);
    flow_call(&f, "sum", 2, -1);
    f.spec.end_key = 0;
    f.spec.end_after = 5;
    f.spec.emit = WR_EMIT_ON_CLOSE;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(&f, "10 a 1; 20 a 2; 10 b 3; 10 a 4; NULL a 1");
    EXPECT_INT(f.op->late_rows, 1);
    flow_time(&f, 14);
    EXPECT_OUT(&f, "");
    flow_time(&f, 15);
    EXPECT_OUT(&f, "+10|a|5; +10|b|3");
    flow_push(&f, "10 a 1; 20 a 1");
    EXPECT_INT(f.op->late_rows, 2);
    flow_commit(&f);
    flow_restart(&f);
    flow_time(&f, 30);
    EXPECT_OUT(&f, "+20|a|3");
    flow_commit(&f);
    wr_state_figures figures;
    wr_state_figures_of(f.state, &figures);
    EXPECT_INT(figures.keys, 1);
    flow_end(&f);
}

TEST(numbers_are_subtracted_exactly)
{
    flow f;
    flow_begin(&f, "k:varchar d:double i:bigint", 1);
    flow_call(&f, "sum", 1, -1);
    flow_call(&f, "avg", 1, -1);
    flow_call(&f, "sum", 2, -1);
    flow_call(&f, "avg", 2, -1);
    flow_call(&f, "count", 2, -1);
    f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(&f, "a 0.1 1; a 1e300 2; a 0.2 NULL; a -5 4");
    flow_take_back(&f, "a 1e300 2; a -5 4");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|0.30000000000000004|0.15000000000000002|1|1|1");
    EXPECT_FAIL(flow_push_change(&f, "a inf 1", 1), WR_E_UNSUPPORTED);
    flow_end(&f);
}

TEST(functions_that_cannot_forget_keep_what_they_have_seen)
{
    flow f;
    flow_begin(&f, "k:varchar v:integer t:varchar d:double", 1);
    flow_call(&f, "min", 1, -1);
    flow_call(&f, "max", 2, -1);
    flow_call(&f, "median", 3, -1);
    flow_call(&f, "count", 1, -1)->is_distinct = true;
    flow_call(&f, "sum", 1, -1)->is_distinct = true;
    f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    flow_push(
        &f, "a 1 x 1; a 5 y 5; a 1 y 1; a NULL NULL NULL; b 7 long_text_of_many_bytes 7; b 8 z 8");
    flow_flush(&f);
    EXPECT_OUT(&f, "+a|1|y|1|2|6; +b|7|z|7.5|2|15");
    flow_take_back(&f, "a 1 x 1; b 8 z 8");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|1|y|1|2|6; +a|1|y|3|2|6; -b|7|z|7.5|2|15; "
                   "+b|7|long_text_of_many_bytes|7|1|7");
    flow_commit(&f);
    flow_restart(&f);
    flow_take_back(&f, "a 1 y 1; b 7 long_text_of_many_bytes 7");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|1|y|3|2|6; +a|5|y|5|1|5; -b|7|long_text_of_many_bytes|7|1|7");
    flow_commit(&f);
    flow_restart(&f);
    flow_take_back(&f, "a 5 y 5");
    flow_push(&f, "a 5 w 5");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|5|y|5|1|5; +a|5|w|5|1|5");
    flow_end(&f);
}

TEST(a_failed_commit_is_written_again)
{
    flow f;
    grouped(&f);
    flow_push(&f, "a 1 true; b 2 true");
    flow_flush(&f);
    EXPECT_OK(flow_open_state(&f));
    EXPECT_OK(f.def->save(f.op, f.state));
    wr_state_rollback(f.state);
    f.def->settled(f.op, false);
    flow_push(&f, "a 1 true");
    flow_commit(&f);
    f.out->rows.length = 0;
    flow_restart(&f);
    flow_push(&f, "a 1 true; b 1 true");
    flow_flush(&f);
    EXPECT_OUT(&f, "-a|2|2; +a|3|3; -b|1|2; +b|2|3");
    flow_end(&f);
}

TEST(a_commit_writes_only_what_changed)
{
    flow f;
    grouped(&f);
    WR_BUF(rows);
    for (int i = 0; i < 1000; i++)
        wr_buf_printf(&rows, "%skey%d %d true", i ? "; " : "", i, i);
    flow_push(&f, rows.data);
    flow_commit(&f);
    flow_push(&f, "key7 1 true");
    flow_flush(&f);
    EXPECT_OK(f.def->save(f.op, f.state));
    wr_state_figures figures;
    wr_state_figures_of(f.state, &figures);
    EXPECT(figures.pending_bytes < 8192);
    EXPECT_OK(wr_state_commit(f.state));
    f.def->settled(f.op, true);
    wr_state_figures_of(f.state, &figures);
    EXPECT_INT(figures.keys, 1002); /* groups, their number, what holds for all */
    flow_end(&f);
}

/* Random rows come and go; after each round what was said adds up to the answer of a plain loop. */
static void expect_answer(bool with_state, bool forgets, unsigned seed)
{
    enum { LIVE = 400, KEYS = 40 };
    static int64_t key[LIVE], value[LIVE];
    int live = 0;
    WR_BUF(rows);
    flow f;
    flow_begin(&f, "k:integer v:integer", 1);
    flow_call(&f, "count", -1, -1);
    flow_call(&f, "sum", 1, -1);
    flow_call(&f, "min", 1, -1);
    flow_call(&f, "count", 1, -1)->is_distinct = true;
    f.spec.input_takes_back = true;
    f.forgets = forgets;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    char said[KEYS][64] = {{0}};
    for (int round = 0; round < 60; round++) {
        for (int half = 0; half < 2; half++) {
            rows.length = 0;
            for (int i = 0, n = 1 + rand_r(&seed) % 100; i < n; i++) {
                int at = live;
                if (half == 0) {
                    if (live == LIVE) break;
                    key[live] = rand_r(&seed) % KEYS;
                    value[live++] = rand_r(&seed) % 20;
                } else {
                    if (live == 0) break;
                    at = rand_r(&seed) % live;
                }
                wr_buf_printf(&rows, "%s%d %d", rows.length ? "; " : "", (int)key[at],
                              (int)value[at]);
                if (half == 0) continue;
                key[at] = key[--live];
                value[at] = value[live];
            }
            if (rows.length && half == 0) flow_push(&f, rows.data);
            if (rows.length && half == 1) flow_take_back(&f, rows.data);
        }
        flow_flush(&f);
        wr_buf_add_text(&f.out->rows, "");
        char *text = wr_arena_copy(&f.k.arena, f.out->rows.data, f.out->rows.length), *save;
        f.out->rows.length = 0;
        for (char *row = strtok_r(text, ";", &save); row; row = strtok_r(NULL, ";", &save)) {
            row += *row == ' ';
            int k = atoi(row + 1);
            if (*row == '-') {
                EXPECT_TEXT(said[k], row + 1);
                said[k][0] = 0;
            } else {
                EXPECT_TEXT(said[k], "");
                snprintf(said[k], sizeof said[k], "%s", row + 1);
            }
        }
        for (int k = 0; k < KEYS; k++) {
            int64_t count = 0, sum = 0, least = INT64_MAX, seen = 0;
            char want[64] = "";
            for (int i = 0; i < live; i++) {
                if (key[i] != k) continue;
                count++;
                sum += value[i];
                least = WR_MIN(least, value[i]);
                seen |= INT64_C(1) << value[i];
            }
            if (count)
                snprintf(want, sizeof want, "%d|%d|%d|%d|%d", k, (int)count, (int)sum, (int)least,
                         __builtin_popcountll((uint64_t)seen));
            EXPECT_TEXT(said[k], want);
        }
        if (with_state && (forgets || round % 3 == 0)) flow_commit(&f);
        if (with_state && round % 9 == 0) flow_restart(&f);
        if (!with_state) f.def->settled(f.op, true);
    }
    flow_end(&f);
}

TEST(random_rows_that_come_and_go_add_up)
{
    expect_answer(false, false, 1);
    expect_answer(true, false, 2);
}

TEST(groups_that_are_forgotten_by_memory_are_read_again)
{
    expect_answer(true, true, 3);
    expect_answer(true, true, 4);
}

TEST(groups_that_are_gone_give_their_memory_back)
{
    flow f;
    flow_begin(&f, "k:varchar v:varchar", 1);
    flow_call(&f, "count", -1, -1);
    flow_call(&f, "max", 1, -1);
    f.spec.input_takes_back = true;
    EXPECT_OK(flow_open(&f, &wr_stream_group));
    uint64_t after_first = 0;
    flow_push(&f, "stays a_value_that_does_not_fit_its_slot; stays another");
    for (int turn = 0; turn < 12; turn++) {
        WR_BUF(rows);
        for (int i = 0; i < 1500; i++)
            wr_buf_printf(&rows, "%ssome_long_name_of_a_group_%d_%d value_%d", i ? "; " : "", turn,
                          i, i);
        flow_push(&f, rows.data);
        flow_flush(&f);
        flow_take_back(&f, rows.data);
        flow_flush(&f);
        f.def->settled(f.op, true);
        if (turn == 3) after_first = wr_mem_used(f.op->mem);
    }
    EXPECT(wr_mem_used(f.op->mem) <= after_first * 2);
    f.out->rows.length = 0;
    flow_take_back(&f, "stays another");
    flow_flush(&f);
    EXPECT_OUT(&f, "-stays|2|another; +stays|1|a_value_that_does_not_fit_its_slot");
    flow_end(&f);
}
