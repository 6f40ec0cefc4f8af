/* window_test.c - ranks, values of other rows and aggregates over every kind of frame. */
#include "exec/kit_test.h"

static const wr_window_fn *fn_of(wr_window_kind kind)
{
    static wr_window_fn fns[WR_W_NTH_VALUE + 1];
    fns[kind] = (wr_window_fn){.name = "test", .kind = kind};
    return &fns[kind];
}

/* Partition by column 0, order by column 1. */
static wr_plan_node *window(kit *k, wr_plan_node *in, int calls, wr_window_call *list,
                            const char *out)
{
    wr_plan_node *n = gives(k, over(k, WR_PN_WINDOW, in), out);
    wr_window_call *copy = wr_new_array(&k->arena, wr_window_call, calls);
    memcpy(copy, list, sizeof *copy * (size_t)calls);
    for (int i = 0; i < calls; i++) {
        copy[i].partition = exprs(k, 1, (wr_expr *[]){col(k, in, 0)});
        copy[i].partition_count = 1;
        copy[i].order = wr_new_array(&k->arena, wr_sort_key, 1);
        copy[i].order[0] = (wr_sort_key){col(k, in, 1), false, false};
        copy[i].order_count = 1;
    }
    n->window.calls = copy;
    n->window.call_count = calls;
    n->window.top_rows = -1;
    return n;
}

static wr_window_call fn(kit *k, wr_window_kind kind, const wr_type *type, int args, wr_expr **list)
{
    wr_window_call call = {.fn = fn_of(kind)};
    call.aggregate =
        (wr_aggregate_call){.args = exprs(k, args, list), .arg_count = args, .type = type};
    call.frame =
        (wr_frame){.unit = WR_WINDOW_RANGE, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
    return call;
}

static wr_window_call over_frame(kit *k, const char *name, wr_expr *arg, wr_frame frame)
{
    wr_window_call call = {.aggregate = agg(k, name, arg ? 1 : 0, &arg), .frame = frame};
    return call;
}

TEST(ranks_count_rows_and_peers)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *t = table(&k, "g:varchar v:integer", "a 3; b 1; a 1; a 3; b NULL; a 2; b 1");
        wr_expr *two[] = {number(&k, WR_BIGINT, 2)};
        wr_window_call calls[] = {fn(&k, WR_W_ROW_NUMBER, WR_BIGINT, 0, NULL),
                                  fn(&k, WR_W_RANK, WR_BIGINT, 0, NULL),
                                  fn(&k, WR_W_DENSE_RANK, WR_BIGINT, 0, NULL),
                                  fn(&k, WR_W_PERCENT_RANK, WR_DOUBLE, 0, NULL),
                                  fn(&k, WR_W_CUME_DIST, WR_DOUBLE, 0, NULL),
                                  fn(&k, WR_W_NTILE, WR_BIGINT, 1, two)};
        EXPECT_RESULT(
            &k,
            window(&k, t, 6, calls,
                   "g:varchar v:integer n:bigint r:bigint d:bigint p:double c:double t:bigint"),
            "a|1|1|1|1|0|0.25|1; a|2|2|2|2|0.3333333333333333|0.5|1; "
            "a|3|3|3|3|0.6666666666666666|1|2; "
            "a|3|4|3|3|0.6666666666666666|1|2; b|1|1|1|1|0|0.6666666666666666|1; "
            "b|1|2|1|1|0|0.6666666666666666|1; "
            "b|NULL|3|3|2|1|1|2");
        kit_close(&k);
    }
}

TEST(values_of_other_rows)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = table(&k, "g:integer o:integer v:varchar",
                            "1 1 x; 1 2 NULL; 1 3 z; 1 4 w; 2 1 NULL; 2 2 q");
    wr_expr *lag2[] = {col(&k, t, 2), number(&k, WR_BIGINT, 2),
                       wr_expr_const(&k.arena, wr_value_text(WR_STR("none")))};
    wr_expr *one[] = {col(&k, t, 2)}, *second[] = {col(&k, t, 2), number(&k, WR_BIGINT, 2)};
    wr_window_call calls[] = {
        fn(&k, WR_W_LAG, WR_VARCHAR, 3, lag2),       fn(&k, WR_W_LEAD, WR_VARCHAR, 1, one),
        fn(&k, WR_W_LAG, WR_VARCHAR, 1, one),        fn(&k, WR_W_FIRST_VALUE, WR_VARCHAR, 1, one),
        fn(&k, WR_W_LAST_VALUE, WR_VARCHAR, 1, one), fn(&k, WR_W_NTH_VALUE, WR_VARCHAR, 2, second)};
    calls[2].ignore_nulls = calls[4].ignore_nulls = true;
    EXPECT_RESULT(&k,
                  window(&k, t, 6, calls,
                         "g:integer o:integer v:varchar a:varchar b:varchar c:varchar d:varchar "
                         "e:varchar f:varchar"),
                  "1|1|x|none|NULL|NULL|x|x|NULL; 1|2|NULL|none|z|x|x|x|NULL; "
                  "1|3|z|x|w|x|x|z|NULL; 1|4|w|NULL|NULL|z|x|w|NULL; "
                  "2|1|NULL|none|q|NULL|NULL|NULL|NULL; 2|2|q|none|NULL|NULL|NULL|q|q");
    kit_close(&k);
}

TEST(aggregates_over_frames_of_rows_ranges_and_groups)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *t = table(&k, "g:integer o:integer v:integer",
                                "1 1 1; 1 2 10; 1 2 100; 1 5 1000; 1 NULL 7; 2 1 5");
        wr_expr *v = col(&k, t, 2), *one = number(&k, WR_BIGINT, 1),
                *one_int = number(&k, WR_INTEGER, 1);
        wr_window_call calls[] = {
            over_frame(&k, "sum", v,
                       (wr_frame){WR_WINDOW_RANGE, WR_UNBOUNDED_PRECEDING, WR_CURRENT_ROW, NULL,
                                  NULL, WR_WINDOW_EXCLUDE_NONE}),
            over_frame(&k, "sum", v,
                       (wr_frame){WR_WINDOW_ROWS, WR_OFFSET_PRECEDING, WR_OFFSET_FOLLOWING, one,
                                  one, WR_WINDOW_EXCLUDE_NONE}),
            over_frame(&k, "sum", v,
                       (wr_frame){WR_WINDOW_RANGE, WR_OFFSET_PRECEDING, WR_OFFSET_FOLLOWING,
                                  one_int, one_int, WR_WINDOW_EXCLUDE_NONE}),
            over_frame(&k, "sum", v,
                       (wr_frame){WR_WINDOW_GROUPS, WR_OFFSET_PRECEDING, WR_CURRENT_ROW, one, NULL,
                                  WR_WINDOW_EXCLUDE_NONE}),
            over_frame(&k, "sum", v,
                       (wr_frame){WR_WINDOW_ROWS, WR_UNBOUNDED_PRECEDING, WR_UNBOUNDED_FOLLOWING,
                                  NULL, NULL, WR_WINDOW_EXCLUDE_TIES}),
            over_frame(&k, "count", v,
                       (wr_frame){WR_WINDOW_ROWS, WR_UNBOUNDED_PRECEDING, WR_UNBOUNDED_FOLLOWING,
                                  NULL, NULL, WR_WINDOW_EXCLUDE_GROUP}),
        };
        EXPECT_SET(&k,
                   window(&k, t, 6, calls,
                          "g:integer o:integer v:integer a:hugeint b:hugeint c:hugeint d:hugeint "
                          "e:hugeint f:bigint"),
                   "1|1|1|1|11|111|1|1118|4; 1|2|100|111|1110|111|111|1108|3; "
                   "1|2|10|111|111|111|111|1018|3; "
                   "1|5|1000|1111|1107|1000|1110|1118|4; 1|NULL|7|1118|1007|7|1007|1118|4; "
                   "2|1|5|5|5|5|5|5|0");
        kit_close(&k);
    }
}

TEST(distinct_and_filter_over_frames)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t =
        table(&k, "g:integer o:integer v:integer", "1 1 5; 1 2 5; 1 3 6; 1 4 5; 1 5 7");
    wr_expr *v = col(&k, t, 2);
    wr_frame running = {WR_WINDOW_ROWS, WR_UNBOUNDED_PRECEDING, WR_CURRENT_ROW, NULL,
                        NULL,           WR_WINDOW_EXCLUDE_NONE};
    wr_frame moving = {WR_WINDOW_ROWS, WR_OFFSET_PRECEDING,
                       WR_CURRENT_ROW, number(&k, WR_BIGINT, 1),
                       NULL,           WR_WINDOW_EXCLUDE_NONE};
    wr_window_call calls[] = {over_frame(&k, "count", v, running),
                              over_frame(&k, "count", v, moving),
                              over_frame(&k, "sum", v, running)};
    calls[0].aggregate.is_distinct = calls[1].aggregate.is_distinct = true;
    calls[2].aggregate.filter = wr_expr_compare(&k.arena, WR_GT, v, number(&k, WR_INTEGER, 5));
    EXPECT_RESULT(
        &k, window(&k, t, 3, calls, "g:integer o:integer v:integer a:bigint b:bigint c:hugeint"),
        "1|1|5|1|1|NULL; 1|2|5|1|1|NULL; 1|3|6|2|2|6; 1|4|5|2|2|6; 1|5|7|3|2|13");
    kit_close(&k);
}

TEST(long_moving_frames_use_the_tree)
{
    kit k;
    kit_open(&k);
    k.morsel_rows = 1000;
    enum { ROWS = 5000, BEFORE = 1000, AFTER = 700 };
    WR_BUF(text);
    for (int i = 0; i < ROWS; i++)
        wr_buf_printf(&text, "%s1 %d %d", i ? "; " : "", i, i * 7919 % 1009);
    wr_plan_node *t = table(&k, "g:integer o:integer v:integer", text.data);
    wr_frame frame = {WR_WINDOW_ROWS,
                      WR_OFFSET_PRECEDING,
                      WR_OFFSET_FOLLOWING,
                      number(&k, WR_BIGINT, BEFORE),
                      number(&k, WR_BIGINT, AFTER),
                      WR_WINDOW_EXCLUDE_NONE};
    wr_window_call calls[] = {over_frame(&k, "sum", col(&k, t, 2), frame),
                              over_frame(&k, "max", col(&k, t, 2), frame)};
    WR_BUF(got);
    WR_BUF(want);
    EXPECT_OK(kit_run(
        &k, window(&k, t, 2, calls, "g:integer o:integer v:integer s:hugeint m:integer"), 1, &got));
    for (int i = 0; i < ROWS; i++) {
        long long sum = 0, most = 0;
        for (int j = WR_MAX(i - BEFORE, 0); j <= WR_MIN(i + AFTER, ROWS - 1); j++) {
            sum += j * 7919 % 1009;
            most = WR_MAX(most, j * 7919 % 1009);
        }
        wr_buf_printf(&want, "%s1|%d|%d|%lld|%lld", i ? "; " : "", i, i * 7919 % 1009, sum, most);
    }
    EXPECT(strcmp(got.data, want.data) == 0);
    kit_close(&k);
}

TEST(only_the_top_rows_of_a_partition_when_asked)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = table(&k, "g:integer o:integer", "1 3; 1 1; 1 2; 2 5; 2 5; 2 4");
    wr_window_call calls[] = {fn(&k, WR_W_ROW_NUMBER, WR_BIGINT, 0, NULL)};
    wr_plan_node *n = window(&k, t, 1, calls, "g:integer o:integer n:bigint");
    n->window.top_rows = 2;
    EXPECT_RESULT(&k, n, "1|1|1; 1|2|2; 2|4|1; 2|5|2");
    kit_close(&k);
}
