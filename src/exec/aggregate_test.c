/* aggregate_test.c - grouping by every kind of key, with and without input, and the calls that look
 * at their input twice. */
#include "exec/kit_test.h"

static wr_plan_node *group(kit *k, wr_plan_node *in, int keys, wr_expr **key_list, int calls,
                           wr_aggregate_call *call_list, const char *out)
{
    wr_plan_node *n = gives(k, over(k, WR_PN_AGGREGATE, in), out);
    n->aggregate.keys = exprs(k, keys, key_list);
    n->aggregate.key_count = n->aggregate.carried_first = keys;
    n->aggregate.calls = wr_new_array(&k->arena, wr_aggregate_call, calls + 1);
    memcpy(n->aggregate.calls, call_list, sizeof *call_list * (size_t)calls);
    n->aggregate.call_count = calls;
    return n;
}

TEST(groups_by_one_integer_in_every_form)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *t =
            table(&k, "g:integer v:integer", "1 10; 2 20; NULL 5; 1 NULL; 2 2; NULL 1; 7 7");
        wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL),
                                     agg(&k, "sum", 1, (wr_expr *[]){col(&k, t, 1)}),
                                     agg(&k, "min", 1, (wr_expr *[]){col(&k, t, 1)})};
        wr_plan_node *n = group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 3, calls,
                                "g:integer c:bigint s:hugeint m:integer");
        EXPECT_SET(&k, n, "1|2|10|10; 2|2|22|2; 7|1|7|7; NULL|2|6|1");
        kit_close(&k);
    }
}

TEST(groups_by_text_and_by_several_keys)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *t = table(&k, "a:varchar b:bigint c:double",
                                "x 1 0; a-rather-long-text 2 1; x 1 -0; x NULL 0; NULL 1 NaN; "
                                "a-rather-long-text 2 1; NULL 1 NaN; x NULL 0");
        wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
        wr_plan_node *n =
            group(&k, t, 3, (wr_expr *[]){col(&k, t, 0), col(&k, t, 1), col(&k, t, 2)}, 1, calls,
                  "a:varchar b:bigint c:double n:bigint");
        EXPECT_SET(&k, n, "NULL|1|NaN|2; a-rather-long-text|2|1|2; x|1|0|2; x|NULL|0|2");
        kit_close(&k);
    }
}

TEST(aggregation_without_keys_gives_one_row_even_for_no_input)
{
    kit k;
    kit_open(&k);
    for (int rows = 0; rows < 2; rows++) {
        wr_plan_node *t = table(&k, "v:integer", rows ? "1; 2; NULL; 4; 5" : "");
        wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL),
                                     agg(&k, "sum", 1, (wr_expr *[]){col(&k, t, 0)})};
        EXPECT_RESULT(&k, group(&k, t, 0, NULL, 2, calls, "c:bigint s:hugeint"),
                      rows ? "5|12" : "0|NULL");
    }
    kit_close(&k);
}

TEST(no_input_gives_no_groups)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = table(&k, "g:integer", "");
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
    EXPECT_RESULT(&k, group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 1, calls, "g:integer c:bigint"),
                  "");
    kit_close(&k);
}

TEST(wide_keys_leave_the_direct_array_for_the_hash_table)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t =
        table(&k, "g:bigint",
              "1; 9223372036854775807; 2; -9223372036854775807; 1; 9223372036854775807; 70000; 2");
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
    EXPECT_SET(&k, group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 1, calls, "g:bigint c:bigint"),
               "-9223372036854775807|1; 1|2; 2|2; 70000|1; 9223372036854775807|2");
    kit_close(&k);
}

TEST(distinct_and_filter_inside_calls)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *t =
            table(&k, "g:integer v:integer", "1 5; 1 5; 1 6; 2 5; 2 NULL; 2 5; 1 6; 2 7");
        wr_aggregate_call calls[] = {agg(&k, "count", 1, (wr_expr *[]){col(&k, t, 1)}),
                                     agg(&k, "sum", 1, (wr_expr *[]){col(&k, t, 1)}),
                                     agg(&k, "count", 0, NULL)};
        calls[0].is_distinct = calls[1].is_distinct = true;
        calls[2].filter =
            wr_expr_compare(&k.arena, WR_GT, col(&k, t, 1), number(&k, WR_INTEGER, 5));
        EXPECT_SET(&k,
                   group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 3, calls,
                         "g:integer c:bigint s:hugeint f:bigint"),
                   "1|2|11|2; 2|2|12|1");
        EXPECT_SET(&k, group(&k, t, 0, NULL, 3, calls, "c:bigint s:hugeint f:bigint"), "3|18|3");
        kit_close(&k);
    }
}

TEST(grouping_sets_tell_left_out_keys_from_nulls)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = table(&k, "a:integer b:varchar", "1 x; 1 y; NULL x; 1 x");
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
    wr_plan_node *n = group(&k, t, 2, (wr_expr *[]){col(&k, t, 0), col(&k, t, 1)}, 1, calls,
                            "a:integer b:varchar c:bigint g:bigint");
    static const uint64_t sets[] = {3, 1, 0};
    static const int both_keys[] = {0, 1, -1};
    static const int *lists[] = {both_keys};
    n->aggregate.sets = sets;
    n->aggregate.set_count = 3;
    n->aggregate.grouping_keys = lists;
    n->aggregate.grouping_count = 1;
    EXPECT_SET(&k, n, "1|NULL|3|1; 1|x|2|0; 1|y|1|0; NULL|NULL|1|1; NULL|NULL|4|3; NULL|x|1|0");
    kit_close(&k);
    kit_open(&k);
    t = table(&k, "a:integer b:varchar", "");
    wr_aggregate_call count[] = {agg(&k, "count", 0, NULL)};
    n = group(&k, t, 2, (wr_expr *[]){col(&k, t, 0), col(&k, t, 1)}, 1, count,
              "a:integer b:varchar c:bigint");
    n->aggregate.sets = sets;
    n->aggregate.set_count = 3;
    EXPECT_SET(&k, n, "NULL|NULL|0");
    kit_close(&k);
}

TEST(many_groups_merge_by_partitions)
{
    kit k;
    kit_open(&k);
    k.morsel_rows = 500;
    WR_BUF(text);
    for (int i = 0; i < 6000; i++)
        wr_buf_printf(&text, "%s%lld v%d", i ? "; " : "", (long long)(i % 3000) * 1000000007,
                      i % 3000);
    wr_plan_node *t = table(&k, "g:bigint v:varchar", text.data);
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
    wr_plan_node *n = group(&k, t, 2, (wr_expr *[]){col(&k, t, 0), col(&k, t, 1)}, 1, calls,
                            "g:bigint v:varchar c:bigint");
    wr_aggregate_call outer[] = {agg(&k, "count", 0, NULL),
                                 agg(&k, "min", 1, (wr_expr *[]){col(&k, n, 2)}),
                                 agg(&k, "max", 1, (wr_expr *[]){col(&k, n, 2)})};
    EXPECT_RESULT(&k, group(&k, n, 0, NULL, 3, outer, "c:bigint a:bigint b:bigint"), "3000|2|2");
    kit_close(&k);
}

TEST(a_memory_limit_is_an_error_that_frees_everything)
{
    kit k;
    kit_open(&k);
    WR_BUF(text);
    for (int i = 0; i < 4000; i++)
        wr_buf_printf(&text, "%s%lld", i ? "; " : "", (long long)i * 1000000007);
    k.morsel_rows = 1000;
    wr_plan_node *t = table(&k, "g:bigint", text.data);
    wr_aggregate_call calls[] = {agg(&k, "count", 0, NULL)};
    wr_plan_node *n = group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 1, calls, "g:bigint c:bigint");
    wr_mem_set_limit(k.mem, 50000);
    EXPECT_ERROR(&k, n, WR_E_MEMORY_LIMIT);
    kit_close(&k);
}

/* Rows that make sums round and orders show, in many small morsels. */
static wr_plan_node *uneven_rows(kit *k)
{
    WR_BUF(text);
    for (int i = 0; i < 20000; i++)
        wr_buf_printf(&text, "%s%d t%d %g %g", i ? "; " : "", i % 3, i * 7919 % 10007,
                      (i * 7919 % 10007) / 7.0, 1e6 + i % 13 * 0.1);
    k->morsel_rows = 500;
    return table(k, "g:integer t:varchar x:double y:double", text.data);
}

static void expect_same_with_threads(kit *k, const wr_plan_node *n)
{
    WR_BUF(one);
    EXPECT_OK(kit_run(k, n, 1, &one));
    for (int threads = 2; threads <= 7; threads += 5) {
        WR_BUF(more);
        EXPECT_OK(kit_run(k, n, threads, &more));
        EXPECT_TEXT(more.data, one.data);
    }
}

static const char *const ordered_names[] = {"first", "last", "any_value", "array_agg"};

TEST(what_shows_the_order_of_the_input_does_so_with_any_number_of_threads)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = uneven_rows(&k);
    wr_aggregate_call calls[7];
    for (int i = 0; i < 4; i++)
        calls[i] = agg(&k, ordered_names[i], 1, (wr_expr *[]){col(&k, t, 1)});
    calls[4] = agg(&k, "max_by", 2, (wr_expr *[]){col(&k, t, 1), col(&k, t, 3)});
    calls[5] = agg(&k, "array_agg", 1, (wr_expr *[]){col(&k, t, 1)});
    calls[5].is_distinct = true;
    calls[6] = agg(&k, "array_agg", 1, (wr_expr *[]){col(&k, t, 1)});
    calls[6].order = &(wr_sort_key){.expr = col(&k, t, 3)}; /* with many ties */
    calls[6].order_count = 1;
    const char *names = "a:varchar b:varchar c:varchar d:varchar e:varchar f:varchar h:varchar";
    WR_BUF(grouped);
    wr_buf_printf(&grouped, "g:integer %s", names);
    wr_plan_node *all = group(&k, t, 0, NULL, 7, calls, names),
                 *n = group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 7, calls, grouped.data);
    for (int i = 0; i < 7; i++)
        all->schema.fields[i].type = n->schema.fields[i + 1].type = calls[i].type;
    expect_same_with_threads(&k, all);
    wr_plan_node *sorted = over(&k, WR_PN_SORT, n);
    sorted->sort.keys = &(wr_sort_key){.expr = col(&k, n, 0)};
    sorted->sort.key_count = 1;
    expect_same_with_threads(&k, sorted);
    kit_close(&k);
}

static const char *const real_names[] = {"sum",      "avg",      "var_samp",     "stddev_pop",
                                         "skewness", "kurtosis", "kurtosis_pop", "sem"};
static const char *const pair_names[] = {"corr", "covar_samp", "regr_slope", "regr_intercept"};

TEST(results_of_doubles_are_the_same_bits_with_any_number_of_threads)
{
    kit k;
    kit_open(&k);
    wr_plan_node *t = uneven_rows(&k);
    wr_aggregate_call calls[12];
    WR_BUF(names);
    wr_buf_add_text(&names, "g:integer");
    for (int i = 0; i < 12; i++) {
        wr_expr *args[] = {col(&k, t, 2), col(&k, t, 3)};
        calls[i] = agg(&k, i < 8 ? real_names[i] : pair_names[i - 8], i < 8 ? 1 : 2, args);
        wr_buf_printf(&names, " %c:double", 'h' + i);
    }
    expect_same_with_threads(&k, group(&k, t, 0, NULL, 12, calls, names.data + 10));
    wr_plan_node *n = group(&k, t, 1, (wr_expr *[]){col(&k, t, 0)}, 12, calls, names.data);
    wr_plan_node *sorted = over(&k, WR_PN_SORT, n);
    sorted->sort.keys = &(wr_sort_key){.expr = col(&k, n, 0)};
    sorted->sort.key_count = 1;
    expect_same_with_threads(&k, sorted);
    kit_close(&k);
}

TEST(deviations_of_large_and_equal_values_do_not_cancel)
{
    kit k;
    kit_open(&k);
    WR_BUF(text);
    for (int i = 0; i < 1000; i++)
        wr_buf_printf(&text, "%s0.1 %d", i ? "; " : "", 1000000000 + i % 2);
    k.morsel_rows = 100;
    wr_plan_node *t = table(&k, "x:double y:double", text.data);
    wr_aggregate_call calls[] = {agg(&k, "var_pop", 1, (wr_expr *[]){col(&k, t, 0)}),
                                 agg(&k, "var_pop", 1, (wr_expr *[]){col(&k, t, 1)}),
                                 agg(&k, "kurtosis_pop", 1, (wr_expr *[]){col(&k, t, 1)})};
    EXPECT_RESULT(&k, group(&k, t, 0, NULL, 3, calls, "a:double b:double c:double"), "0|0.25|-2");
    kit_close(&k);
}
