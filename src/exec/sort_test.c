/* sort_test.c - ORDER BY of every type of key, top-N, set operations, recursion, samples and
 * unnest. */
#include "exec/kit_test.h"

static wr_plan_node *sort(kit *k, wr_plan_node *in, int count, const wr_sort_key *keys)
{
    wr_plan_node *n = over(k, WR_PN_SORT, in);
    n->sort.keys = wr_new_array(&k->arena, wr_sort_key, count + 1);
    memcpy(n->sort.keys, keys, sizeof *keys * (size_t)count);
    n->sort.key_count = count;
    return n;
}

TEST(sorts_by_several_keys_with_nulls_where_asked)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *t = table(&k, "a:integer b:varchar c:double",
                                "2 x 1; 1 y NaN; NULL z 0; 2 NULL -1; 1 yy 2; 2 x -Infinity");
        wr_sort_key keys[] = {{col(&k, t, 0), false, false},
                              {col(&k, t, 1), true, true},
                              {col(&k, t, 2), false, false}};
        EXPECT_RESULT(&k, sort(&k, t, 3, keys),
                      "1|yy|2; 1|y|NaN; 2|NULL|-1; 2|x|-Infinity; 2|x|1; NULL|z|0");
        wr_sort_key other[] = {{col(&k, t, 0), true, true}, {col(&k, t, 2), true, false}};
        EXPECT_RESULT(&k, sort(&k, t, 2, other),
                      "NULL|z|0; 2|x|1; 2|NULL|-1; 2|x|-Infinity; 1|y|NaN; 1|yy|2");
        kit_close(&k);
    }
}

TEST(long_texts_with_common_beginnings_sort_right)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = table(&k, "a:varchar b:bigint",
                            "prefix-prefix-b 1; prefix-prefix 2; prefix-prefix-a 3; "
                            "prefix-prefix-b 0; p 4; prefix-p 5");
    wr_sort_key keys[] = {{col(&k, t, 0), false, false}, {col(&k, t, 1), false, false}};
    EXPECT_RESULT(&k, sort(&k, t, 2, keys),
                  "p|4; prefix-p|5; prefix-prefix|2; prefix-prefix-a|3; prefix-prefix-b|0; "
                  "prefix-prefix-b|1");
    kit_close(&k);
}

TEST(extreme_integers_sort_right)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t =
        table(&k, "a:bigint b:integer",
              "9223372036854775807 1; -9223372036854775808 2; 0 3; NULL 4; -1 5; 0 2");
    wr_sort_key up[] = {{col(&k, t, 0), false, false}, {col(&k, t, 1), false, false}};
    EXPECT_RESULT(&k, sort(&k, t, 2, up),
                  "-9223372036854775808|2; -1|5; 0|2; 0|3; 9223372036854775807|1; NULL|4");
    wr_sort_key down[] = {{col(&k, t, 0), true, true}, {col(&k, t, 1), true, false}};
    EXPECT_RESULT(&k, sort(&k, t, 2, down),
                  "NULL|4; 9223372036854775807|1; 0|3; 0|2; -1|5; -9223372036854775808|2");
    kit_close(&k);
}

TEST(top_n_gives_the_first_rows_after_the_offset)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = table(&k, "a:integer", "5; 3; 9; NULL; 1; 7; 2; 8");
    wr_sort_key keys[] = {{col(&k, t, 0), false, false}};
    wr_plan_node *n = sort(&k, t, 1, keys);
    n->sort.limit = number(&k, WR_BIGINT, 3);
    n->sort.offset = number(&k, WR_BIGINT, 1);
    EXPECT_RESULT(&k, n, "2; 3; 5");
    n->sort.limit = number(&k, WR_BIGINT, 0);
    EXPECT_RESULT(&k, n, "");
    n->sort.limit = number(&k, WR_BIGINT, 100);
    n->sort.offset = number(&k, WR_BIGINT, 6);
    EXPECT_RESULT(&k, n, "9; NULL");
    kit_close(&k);
}

TEST(many_rows_sort_with_and_without_a_limit)
{
    kit k;
    kit_open(&k);
    k.morsel_rows = 1000;
    WR_BUF(text);
    uint64_t x = 1;
    enum { ROWS = 60000 };
    for (int i = 0; i < ROWS; i++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407;
        wr_buf_printf(&text, "%s%lld %d", i ? "; " : "", (long long)(x >> 33), (int)(x >> 50));
    }
    wr_plan_node *t = table(&k, "a:bigint b:integer", text.data);
    wr_runtime_filter threshold = {.type = t->schema.fields[1].type};
    wr_sort_key keys[] = {{col(&k, t, 1), true, false}, {col(&k, t, 0), false, false}};
    wr_plan_node *all = sort(&k, t, 2, keys);
    wr_plan_node *top = sort(&k, t, 2, keys);
    top->sort.limit = number(&k, WR_BIGINT, 50);
    top->sort.threshold = &threshold;
    wr_runtime_filter_use use = {&threshold, 1};
    t->scan.runtime = &use;
    t->scan.runtime_count = 1;
    WR_BUF(want);
    EXPECT_OK(kit_run(&k, all, 1, &want));
    long long last_a = -1, last_b = 1 << 30;
    int seen = 0;
    for (const char *at = want.data; *at; seen++) {
        char *end;
        long long a = strtoll(at, &end, 10), b = strtoll(end + 1, &end, 10);
        if (b > last_b || (b == last_b && a < last_a)) EXPECT(!"rows are in order");
        last_a = a, last_b = b;
        at = *end ? end + 2 : end;
    }
    EXPECT_INT(seen, ROWS);
    for (int threads = 1; threads <= 7; threads += 3) {
        WR_BUF(other);
        WR_BUF(first);
        EXPECT_OK(kit_run(&k, all, threads, &other));
        EXPECT(strcmp(other.data, want.data) == 0);
        EXPECT_OK(kit_run(&k, top, threads, &first));
        EXPECT(strncmp(first.data, want.data, first.length) == 0);
        int rows = 1;
        for (const char *at = first.data; *at; at++)
            rows += *at == ';';
        EXPECT_INT(rows, 50);
    }
    kit_close(&k);
}

TEST(intersect_and_except_as_sets_and_as_bags)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *left =
            table(&k, "a:integer b:varchar", "1 x; 1 x; 2 y; NULL z; NULL z; 3 NULL; 1 x");
        wr_plan_node *right = table(&k, "a:integer b:varchar", "1 x; 1 x; NULL z; 4 w");
        wr_plan_node *n = both(&k, WR_PN_INTERSECT, left, right);
        EXPECT_SET(&k, n, "1|x; NULL|z");
        n->setop.is_all = true;
        EXPECT_SET(&k, n, "1|x; 1|x; NULL|z");
        n = both(&k, WR_PN_EXCEPT, left, right);
        EXPECT_SET(&k, n, "2|y; 3|NULL");
        n->setop.is_all = true;
        EXPECT_SET(&k, n, "1|x; 2|y; 3|NULL; NULL|z");
        kit_close(&k);
    }
}

static wr_plan_node *counting(kit *k, bool is_all, int64_t below)
{
    wr_plan_node *working = gives(k, kit_node(k, WR_PN_WORKING, 0), "a:integer");
    working->shared.id = 9;
    wr_plan_node *filter = over(k, WR_PN_FILTER, working);
    filter->filter.condition =
        wr_expr_compare(&k->arena, WR_LT, col(k, working, 0), number(k, WR_INTEGER, below));
    wr_expr *args[] = {col(k, working, 0), number(k, WR_INTEGER, 1)}, *next;
    EXPECT_OK(wr_bind_call(&k->arena, &k->env, WR_STR("+"), args, NULL, 2, (wr_span){0}, &next));
    EXPECT_OK(wr_bind_cast(&k->arena, next, WR_INTEGER, false, (wr_span){0}, &next));
    wr_plan_node *step = gives(k, over(k, WR_PN_PROJECT, filter), "a:integer");
    step->project.exprs = exprs(k, 1, &next);
    wr_plan_node *n = both(k, WR_PN_RECURSIVE, table(k, "a:integer", "1; 1; 3"), step);
    n->recursive.id = 9;
    n->recursive.is_all = is_all;
    return n;
}

TEST(recursion_runs_until_a_step_gives_nothing)
{
    kit k;
    kit_open(&k);
    EXPECT_SET(&k, counting(&k, true, 4), "1; 1; 2; 2; 3; 3; 3; 4; 4; 4");
    EXPECT_SET(&k, counting(&k, false, 4), "1; 2; 3; 4");
    wr_plan_node *endless = counting(&k, true, 1 << 30);
    endless->recursive.max_steps = 10;
    EXPECT_ERROR(&k, endless, WR_E_TOO_BIG);
    wr_plan_node *some = over(&k, WR_PN_LIMIT, counting(&k, false, 1 << 30));
    some->limit.count = number(&k, WR_BIGINT, 5);
    EXPECT_RESULT(&k, some, "1; 3; 2; 4; 5");
    kit_close(&k);
}

TEST(samples_do_not_depend_on_the_number_of_threads)
{
    kit k;
    kit_open(&k);
    WR_BUF(text);
    for (int i = 0; i < 1000; i++)
        wr_buf_printf(&text, "%s%d", i ? "; " : "", i);
    wr_plan_node *n = over(&k, WR_PN_SAMPLE, table(&k, "a:integer", text.data));
    n->sample.fraction = 0.1;
    n->sample.rows = -1;
    n->sample.seed = 5;
    n->sample.has_seed = true;
    WR_BUF(first);
    EXPECT_OK(kit_run(&k, n, 1, &first));
    EXPECT(first.length > 100 && first.length < 1200);
    EXPECT_RESULT(&k, n, first.data);
    n->sample.rows = 3;
    EXPECT_OK(kit_run(&k, n, 1, &first));
    int rows = 1;
    for (const char *at = first.data; *at; at++)
        rows += *at == ';';
    EXPECT_INT(rows, 3);
    EXPECT_RESULT(&k, n, first.data);
    kit_close(&k);
}
