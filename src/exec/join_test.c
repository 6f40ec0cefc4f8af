/* join_test.c - every kind of join over NULLs, duplicates and empty inputs, by every kind of table.
 */
#include "exec/kit_test.h"

static wr_plan_node *join(kit *k, wr_join_kind kind, wr_plan_node *left, wr_plan_node *right,
                          int keys)
{
    wr_plan_node *n = both(k, WR_PN_JOIN, left, right);
    int l = left->schema.count, r = right->schema.count;
    bool only_left = kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI || kind == WR_JOIN_MARK;
    int count = only_left ? l + (kind == WR_JOIN_MARK) : l + r;
    int *output = wr_new_array(&k->arena, int, l + r + 1);
    wr_field *fields = wr_new_array(&k->arena, wr_field, l + r + 1);
    for (int i = 0; i < count; i++) {
        output[i] = i;
        if (i < l + r) fields[i] = i < l ? left->schema.fields[i] : right->schema.fields[i - l];
    }
    if (kind == WR_JOIN_MARK) {
        output[l] = l + r;
        fields[l] = (wr_field){WR_STR("mark"), WR_BOOLEAN};
    }
    n->schema = (wr_schema){fields, NULL, count};
    n->join.kind = kind;
    n->join.output = output;
    n->join.key_count = keys;
    n->join.keys = wr_new_array(&k->arena, wr_join_key, keys + 1);
    for (int i = 0; i < keys; i++)
        n->join.keys[i] = (wr_join_key){col(k, left, i), col(k, right, i), false};
    return n;
}

/* One set of inputs, joined by one key in all kinds and both build sides. */
static void all_kinds(kit_form form, const char *type, const char *a, const char *b, const char *c,
                      const char *d)
{
    kit k;
    kit_open(&k);
    k.form = form;
    WR_BUF(spec);
    WR_BUF(left_rows);
    WR_BUF(right_rows);
    WR_BUF(want);
    wr_buf_printf(&spec, "k:%s v:integer", type);
    wr_buf_printf(&left_rows, "%s 1; %s 2; NULL 3; %s 4; %s 5", a, b, c, a);
    wr_buf_printf(&right_rows, "%s 10; %s 20; NULL 30; %s 40; %s 50", a, a, d, b);
    wr_plan_node *left = table(&k, spec.data, left_rows.data),
                 *right = table(&k, spec.data, right_rows.data);
    for (int build_left = 0; build_left < 2; build_left++) {
        wr_plan_node *n = join(&k, WR_JOIN_INNER, left, right, 1);
        n->join.build_left = build_left;
        want.length = 0;
        wr_buf_printf(&want, "%s|1|%s|10; %s|1|%s|20; %s|5|%s|10; %s|5|%s|20; %s|2|%s|50", a, a, a,
                      a, a, a, a, a, b, b);
        EXPECT_SET(&k, n, want.data);
        n->join.kind = WR_JOIN_LEFT;
        want.length = 0;
        wr_buf_printf(&want,
                      "%s|1|%s|10; %s|1|%s|20; %s|5|%s|10; %s|5|%s|20; %s|2|%s|50; %s|4|NULL|NULL; "
                      "NULL|3|NULL|NULL",
                      a, a, a, a, a, a, a, a, b, b, c);
        WR_BUF(sorted);
        kit_sort(&want, &sorted);
        EXPECT_SET(&k, n, sorted.data);
        n->join.kind = WR_JOIN_RIGHT;
        want.length = 0;
        wr_buf_printf(&want,
                      "%s|1|%s|10; %s|1|%s|20; %s|5|%s|10; %s|5|%s|20; %s|2|%s|50; "
                      "NULL|NULL|%s|40; NULL|NULL|NULL|30",
                      a, a, a, a, a, a, a, a, b, b, d);
        kit_sort(&want, &sorted);
        EXPECT_SET(&k, n, sorted.data);
        n->join.kind = WR_JOIN_FULL;
        want.length = 0;
        wr_buf_printf(&want,
                      "%s|1|%s|10; %s|1|%s|20; %s|5|%s|10; %s|5|%s|20; %s|2|%s|50; "
                      "NULL|NULL|%s|40; NULL|NULL|NULL|30; %s|4|NULL|NULL; "
                      "NULL|3|NULL|NULL",
                      a, a, a, a, a, a, a, a, b, b, d, c);
        kit_sort(&want, &sorted);
        EXPECT_SET(&k, n, sorted.data);
        n = join(&k, WR_JOIN_SEMI, left, right, 1);
        n->join.build_left = build_left;
        want.length = 0;
        wr_buf_printf(&want, "%s|1; %s|5; %s|2", a, a, b);
        kit_sort(&want, &sorted);
        EXPECT_SET(&k, n, sorted.data);
        n = join(&k, WR_JOIN_ANTI, left, right, 1);
        n->join.build_left = build_left;
        want.length = 0;
        wr_buf_printf(&want, "%s|4; NULL|3", c);
        kit_sort(&want, &sorted);
        EXPECT_SET(&k, n, sorted.data);
        n = join(&k, WR_JOIN_SINGLE, left, right, 1);
        n->join.build_left = build_left;
        EXPECT_ERROR(&k, n, WR_E_CARDINALITY);
        n = join(&k, WR_JOIN_INNER, left, right, 1);
        n->join.build_left = build_left;
        n->join.keys[0].null_equal = true;
        want.length = 0;
        wr_buf_printf(&want,
                      "%s|1|%s|10; %s|1|%s|20; %s|5|%s|10; %s|5|%s|20; %s|2|%s|50; NULL|3|NULL|30",
                      a, a, a, a, a, a, a, a, b, b);
        kit_sort(&want, &sorted);
        EXPECT_SET(&k, n, sorted.data);
    }
    wr_plan_node *mark = join(&k, WR_JOIN_MARK, left, right, 1);
    want.length = 0;
    wr_buf_printf(&want, "%s|1|true; %s|2|true; NULL|3|NULL; %s|4|NULL; %s|5|true", a, b, c, a);
    EXPECT_RESULT(&k, mark, want.data);
    kit_close(&k);
}

TEST(all_kinds_by_a_dense_array)
{
    for (int form = 0; form < KIT_FORMS; form++)
        all_kinds((kit_form)form, "integer", "1", "2", "3", "4");
}

TEST(all_kinds_by_a_hash_table_of_integers)
{
    for (int form = 0; form < KIT_FORMS; form++)
        all_kinds((kit_form)form, "bigint", "1", "2000000000000", "3", "9000000000000");
}

TEST(all_kinds_by_a_hash_table_of_texts)
{
    for (int form = 0; form < KIT_FORMS; form++)
        all_kinds((kit_form)form, "varchar", "apple-of-some-length", "b", "cherry",
                  "plum-of-some-length");
}

TEST(empty_sides)
{
    kit k;
    kit_open(&k);
    wr_plan_node *some = table(&k, "k:integer", "1; NULL; 2"), *none = table(&k, "k:integer", "");
    for (int side = 0; side < 2; side++) {
        wr_plan_node *n;
#define CASE(kind, left, right, want)                  \
    n = join(&k, kind, left, right, 1);                \
    n->join.build_left = side && kind != WR_JOIN_MARK; \
    EXPECT_SET(&k, n, want);
        CASE(WR_JOIN_INNER, some, none, "")
        CASE(WR_JOIN_INNER, none, some, "")
        CASE(WR_JOIN_LEFT, some, none, "1|NULL; 2|NULL; NULL|NULL")
        CASE(WR_JOIN_LEFT, none, some, "")
        CASE(WR_JOIN_RIGHT, none, some, "NULL|1; NULL|2; NULL|NULL")
        CASE(WR_JOIN_FULL, none, some, "NULL|1; NULL|2; NULL|NULL")
        CASE(WR_JOIN_FULL, some, none, "1|NULL; 2|NULL; NULL|NULL")
        CASE(WR_JOIN_SEMI, some, none, "")
        CASE(WR_JOIN_ANTI, some, none, "1; 2; NULL")
        CASE(WR_JOIN_ANTI, none, some, "")
        CASE(WR_JOIN_MARK, some, none, "1|false; 2|false; NULL|false")
        CASE(WR_JOIN_SINGLE, some, none, "1|NULL; 2|NULL; NULL|NULL")
    }
    kit_close(&k);
}

TEST(residuals_are_part_of_the_match)
{
    kit k;
    kit_open(&k);
    wr_plan_node *left = table(&k, "k:integer v:integer", "1 5; 1 50; 2 5; NULL 1"),
                 *right = table(&k, "k:integer v:integer", "1 10; 1 20; 2 1; 3 3");
    for (int side = 0; side < 2; side++) {
        wr_expr *less = wr_expr_compare(&k.arena, WR_LT, wr_expr_column(&k.arena, 1, WR_INTEGER),
                                        wr_expr_column(&k.arena, 3, WR_INTEGER));
        wr_plan_node *n;
#define WITH(kind, want)                               \
    n = join(&k, kind, left, right, 1);                \
    n->join.residual = less;                           \
    n->join.build_left = side && kind != WR_JOIN_MARK; \
    EXPECT_SET(&k, n, want);
        WITH(WR_JOIN_INNER, "1|5|1|10; 1|5|1|20")
        WITH(WR_JOIN_LEFT, "1|50|NULL|NULL; 1|5|1|10; 1|5|1|20; 2|5|NULL|NULL; NULL|1|NULL|NULL")
        WITH(WR_JOIN_RIGHT, "1|5|1|10; 1|5|1|20; NULL|NULL|2|1; NULL|NULL|3|3")
        WITH(WR_JOIN_SEMI, "1|5")
        WITH(WR_JOIN_ANTI, "1|50; 2|5; NULL|1")
        WITH(WR_JOIN_MARK, "1|50|false; 1|5|true; 2|5|false; NULL|1|NULL")
    }
    kit_close(&k);
}

TEST(products_and_comparisons_without_keys)
{
    kit k;
    kit_open(&k);
    wr_plan_node *left = table(&k, "a:integer", "1; 2; 3; 4"),
                 *right = table(&k, "b:integer", "2; 3");
    EXPECT_SET(&k, join(&k, WR_JOIN_INNER, left, right, 0),
               "1|2; 1|3; 2|2; 2|3; 3|2; 3|3; 4|2; 4|3");
    wr_plan_node *n = join(&k, WR_JOIN_LEFT, left, right, 0);
    n->join.residual = wr_expr_compare(&k.arena, WR_LT, wr_expr_column(&k.arena, 0, WR_INTEGER),
                                       wr_expr_column(&k.arena, 1, WR_INTEGER));
    EXPECT_SET(&k, n, "1|2; 1|3; 2|3; 3|NULL; 4|NULL");
    n->join.kind = WR_JOIN_FULL;
    EXPECT_SET(&k, n, "1|2; 1|3; 2|3; 3|NULL; 4|NULL");
    EXPECT_SET(&k, join(&k, WR_JOIN_SEMI, left, right, 0), "1; 2; 3; 4");
    EXPECT_SET(&k, join(&k, WR_JOIN_ANTI, left, right, 0), "");
    EXPECT_SET(&k, join(&k, WR_JOIN_MARK, left, right, 0), "1|true; 2|true; 3|true; 4|true");
    kit_close(&k);
}

TEST(a_mark_with_two_keys_is_null_only_within_its_group)
{
    kit k;
    kit_open(&k);
    /* x IN (SELECT y WHERE same g): key 0 is x = y, key 1 is g = g. */
    wr_plan_node *left =
        table(&k, "x:integer g:integer", "1 1; 2 1; NULL 1; 1 2; NULL 2; NULL 3; 5 3; 7 NULL");
    wr_plan_node *right = table(&k, "y:integer g:integer", "1 1; NULL 1; 2 2; NULL NULL");
    wr_plan_node *n = join(&k, WR_JOIN_MARK, left, right, 2);
    EXPECT_RESULT(&k, n,
                  "1|1|true; 2|1|NULL; NULL|1|NULL; 1|2|false; NULL|2|NULL; NULL|3|false; "
                  "5|3|false; 7|NULL|false");
    kit_close(&k);
}

TEST(a_mark_join_of_one_large_group_looks_at_few_pairs)
{
    kit k;
    kit_open(&k);
    WR_BUF(x);
    WR_BUF(y);
    for (int i = 0; i < 20000; i++) {
        wr_buf_printf(&x, "%s%d 7", i ? "; " : "", i);
        wr_buf_printf(&y, "%s%d 7", i ? "; " : "", i * 2);
    }
    wr_plan_node *left = table(&k, "x:integer g:integer", x.data),
                 *right = table(&k, "y:integer g:integer", y.data);
    wr_plan_node *n = join(&k, WR_JOIN_MARK, left, right, 2);
    wr_plan_node *found = over(&k, WR_PN_FILTER, n);
    found->filter.condition = col(&k, n, 2);
    wr_plan_node *a = gives(&k, over(&k, WR_PN_AGGREGATE, found), "c:bigint");
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
    a->aggregate.calls = calls;
    a->aggregate.call_count = 1;
    EXPECT_RESULT(&k, a, "10000");
    kit_close(&k);
}

TEST(many_matches_of_one_row_come_in_pieces)
{
    kit k;
    kit_open(&k);
    WR_BUF(text);
    for (int i = 0; i < 5000; i++)
        wr_buf_printf(&text, "%s7 %d", i ? "; " : "", i);
    k.morsel_rows = 700;
    wr_plan_node *left = table(&k, "k:integer v:integer", "7 1; 8 2; 7 3"),
                 *right = table(&k, "k:integer v:integer", text.data);
    wr_plan_node *n = join(&k, WR_JOIN_LEFT, left, right, 1);
    wr_plan_node *a = gives(&k, over(&k, WR_PN_AGGREGATE, n), "c:bigint s:hugeint");
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL),
                                 agg(&k, "sum", 1, (wr_expr *[]){col(&k, n, 3)})};
    a->aggregate.calls = calls;
    a->aggregate.call_count = 2;
    EXPECT_RESULT(&k, a, "10001|24995000");
    kit_close(&k);
}

TEST(runtime_filters_reach_the_probe_scan)
{
    for (int type = 0; type < 2; type++) {
        kit k;
        kit_open(&k);
        wr_plan_node *left =
            table(&k, type ? "k:varchar" : "k:integer", "1; 2; 3; 4; NULL; 6; 7; 8; 9");
        wr_plan_node *right = table(&k, type ? "k:varchar" : "k:integer", "3; 7; NULL; 7");
        wr_plan_node *n = join(&k, WR_JOIN_SEMI, left, right, 1);
        wr_runtime_filter filter = {.type = left->schema.fields[0].type};
        wr_runtime_filter *publish[] = {&filter};
        wr_runtime_filter_use use = {&filter, 0};
        n->join.publish = publish;
        left->scan.runtime = &use;
        left->scan.runtime_count = 1;
        EXPECT_RESULT(&k, n, "3; 7");
        wr_pool *pool;
        EXPECT_OK(wr_pool_new(1, &pool));
        wr_run *run;
        wr_run_options options = {0};
        EXPECT_OK(wr_run_new(pool, n, &k.env, k.mem, &options, &run));
        for (bool more = true; more;) {
            wr_batch batch;
            EXPECT_OK(wr_run_next(run, &batch, &more));
        }
        EXPECT_INT(wr_run_node_stats(run, left->id)->runtime_filtered, 7);
        EXPECT_INT(wr_run_node_stats(run, left->id)->rows_out, 2);
        wr_run_drop(run);
        wr_pool_drop(pool);
        kit_close(&k);
    }
}

TEST(asof_joins_find_the_nearest_row)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *left =
            table(&k, "s:varchar t:integer", "a 5; a 10; b 7; a 1; c 3; NULL 4; a NULL; b 20");
        wr_plan_node *right = table(&k, "s:varchar t:integer p:integer",
                                    "a 10 100; a 4 40; b 7 70; b 8 80; a NULL 0; NULL 1 1");
        wr_plan_node *n = both(&k, WR_PN_ASOF_JOIN, left, right);
        gives(&k, n, "s:varchar t:integer s2:varchar t2:integer p:integer");
        n->asof.keys = wr_new_array(&k.arena, wr_join_key, 1);
        n->asof.keys[0] = (wr_join_key){col(&k, left, 0), col(&k, right, 0), false};
        n->asof.key_count = 1;
        n->asof.left = col(&k, left, 1);
        n->asof.right = col(&k, right, 1);
        n->asof.op = WR_GE;
        EXPECT_RESULT(&k, n, "a|5|a|4|40; a|10|a|10|100; b|7|b|7|70; b|20|b|8|80");
        n->asof.op = WR_GT;
        EXPECT_RESULT(&k, n, "a|5|a|4|40; a|10|a|4|40; b|20|b|8|80");
        n->asof.op = WR_LE;
        n->asof.is_left = true;
        EXPECT_RESULT(&k, n,
                      "a|5|a|10|100; a|10|a|10|100; b|7|b|7|70; a|1|a|4|40; c|3|NULL|NULL|NULL; "
                      "NULL|4|NULL|NULL|NULL; "
                      "a|NULL|NULL|NULL|NULL; b|20|NULL|NULL|NULL");
        n->asof.op = WR_LT;
        n->asof.is_left = false;
        EXPECT_RESULT(&k, n, "a|5|a|10|100; b|7|b|8|80; a|1|a|4|40");
        kit_close(&k);
    }
}
