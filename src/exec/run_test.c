/* run_test.c - pipelines, order, limits, errors and cancellation at one and several threads. */
#include "exec/kit_test.h"

TEST(a_scan_gives_rows_in_source_order_at_any_thread_count)
{
    for (int form = 0; form < KIT_FORMS; form++) {
        kit k;
        kit_open(&k);
        k.form = (kit_form)form;
        wr_plan_node *scan =
            table(&k, "a:integer b:varchar",
                  "1 x; 2 NULL; 3 a-text-longer-than-twelve; 4 w; 5 v; 6 u; 7 t; 8 s");
        EXPECT_RESULT(&k, scan,
                      "1|x; 2|NULL; 3|a-text-longer-than-twelve; 4|w; 5|v; 6|u; 7|t; 8|s");
        kit_close(&k);
    }
}

TEST(filters_and_projections_keep_the_order)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan =
        table(&k, "a:integer b:integer", "1 10; 2 20; 3 NULL; 4 40; 5 50; 6 60; 7 70");
    wr_plan_node *filter = over(&k, WR_PN_FILTER, scan);
    filter->filter.condition =
        wr_expr_compare(&k.arena, WR_GT, col(&k, scan, 1), number(&k, WR_INTEGER, 20));
    wr_plan_node *project = gives(&k, over(&k, WR_PN_PROJECT, filter), "b:integer a:integer");
    project->project.exprs = exprs(&k, 2, (wr_expr *[]){col(&k, scan, 1), col(&k, scan, 0)});
    EXPECT_RESULT(&k, project, "40|4; 50|5; 60|6; 70|7");
    kit_close(&k);
}

TEST(conjuncts_pushed_into_a_scan_narrow_it_and_hide_their_columns)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer b:integer", "1 10; 2 20; 3 NULL; 4 40");
    scan->scan.filters = exprs(&k, 1,
                               (wr_expr *[]){wr_expr_compare(&k.arena, WR_GE, col(&k, scan, 1),
                                                             number(&k, WR_INTEGER, 20))});
    scan->scan.filter_count = 1;
    scan->scan.hidden_count = 1;
    scan->schema.count = 1;
    EXPECT_RESULT(&k, scan, "2; 4");
    kit_close(&k);
}

static wr_plan_node *limit(kit *k, wr_plan_node *input, int64_t count, int64_t offset)
{
    wr_plan_node *n = over(k, WR_PN_LIMIT, input);
    n->limit.count = count < 0 ? NULL : number(k, WR_BIGINT, count);
    n->limit.offset = offset < 0 ? NULL : number(k, WR_BIGINT, offset);
    return n;
}

TEST(limit_takes_the_first_rows_after_the_offset)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9");
    EXPECT_RESULT(&k, limit(&k, scan, 4, 2), "3; 4; 5; 6");
    EXPECT_RESULT(&k, limit(&k, scan, 0, -1), "");
    EXPECT_RESULT(&k, limit(&k, scan, -1, 7), "8; 9");
    EXPECT_RESULT(&k, limit(&k, scan, 4, 100), "");
    wr_plan_node *negative = limit(&k, scan, 4, -1);
    negative->limit.count = number(&k, WR_BIGINT, -1);
    EXPECT_ERROR(&k, negative, WR_E_BAD_ARGUMENT);
    kit_close(&k);
}

TEST(limits_inside_a_plan_and_over_unions_take_the_first_rows_too)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9");
    wr_plan_node *twice = both(&k, WR_PN_UNION, limit(&k, scan, 2, 3), limit(&k, scan, 1, 0));
    EXPECT_RESULT(&k, twice, "4; 5; 1");
    EXPECT_RESULT(&k, limit(&k, both(&k, WR_PN_UNION, scan, scan), 5, 7), "8; 9; 1; 2; 3");
    kit_close(&k);
}

TEST(percent_limits_round_down)
{
    kit k;
    kit_open(&k);
    wr_plan_node *n = limit(&k, table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7"), 50, -1);
    n->limit.is_percent = true;
    EXPECT_RESULT(&k, n, "1; 2; 3");
    kit_close(&k);
}

TEST(values_union_and_ordinal_keep_the_order)
{
    kit k;
    kit_open(&k);
    wr_plan_node *values = gives(&k, kit_node(&k, WR_PN_VALUES, 0), "a:integer b:varchar");
    wr_expr ***rows = wr_new_array(&k.arena, wr_expr **, 2);
    rows[0] = exprs(&k, 2,
                    (wr_expr *[]){number(&k, WR_INTEGER, 7),
                                  wr_expr_const(&k.arena, wr_value_text(WR_STR("seven")))});
    rows[1] = exprs(&k, 2,
                    (wr_expr *[]){number(&k, WR_INTEGER, 8),
                                  wr_expr_const(&k.arena, wr_value_null(WR_VARCHAR))});
    values->values.rows = rows;
    values->values.row_count = 2;
    EXPECT_RESULT(&k, values, "7|seven; 8|NULL");
    wr_plan_node *all =
        both(&k, WR_PN_UNION, table(&k, "a:integer b:varchar", "1 x; 2 y; 3 z; 4 w"), values);
    EXPECT_RESULT(&k, all, "1|x; 2|y; 3|z; 4|w; 7|seven; 8|NULL");
    wr_plan_node *ordinal = gives(&k, over(&k, WR_PN_ORDINAL, all), "a:integer b:varchar n:bigint");
    EXPECT_RESULT(&k, ordinal, "1|x|1; 2|y|2; 3|z|3; 4|w|4; 7|seven|5; 8|NULL|6");
    kit_close(&k);
}

TEST(an_error_of_any_worker_ends_the_query)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12");
    ((kit_table *)scan->scan.relation)->fail_at = 8;
    EXPECT_ERROR(&k, scan, WR_E_IO);
    kit_close(&k);
}

TEST(cancelling_in_the_middle_ends_the_query)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12");
    ((kit_table *)scan->scan.relation)->cancel_at = 4;
    EXPECT_ERROR(&k, scan, WR_E_CANCELLED);
    kit_close(&k);
}

TEST(dropping_a_run_before_its_end_returns_all_memory)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7; 8; 9; 10; 11; 12");
    wr_pool *pool;
    EXPECT_OK(wr_pool_new(3, &pool));
    wr_run *run;
    wr_run_options options = {.thread_count = 3};
    EXPECT_OK(wr_run_new(pool, scan, &k.env, k.mem, &options, &run));
    wr_batch batch;
    bool more;
    EXPECT_OK(wr_run_next(run, &batch, &more));
    EXPECT(more);
    wr_run_drop(run);
    wr_pool_drop(pool);
    kit_close(&k);
}

TEST(a_shared_subplan_is_read_twice)
{
    kit k;
    kit_open(&k);
    wr_plan_node *scan = table(&k, "a:integer", "1; 2; 3; 4; 5; 6; 7");
    wr_plan_node *first = over(&k, WR_PN_SHARED, scan), *second = over(&k, WR_PN_SHARED, scan);
    first->shared.id = second->shared.id = 1;
    EXPECT_RESULT(&k, both(&k, WR_PN_UNION, first, second),
                  "1; 2; 3; 4; 5; 6; 7; 1; 2; 3; 4; 5; 6; 7");
    kit_close(&k);
}

TEST(a_subquery_used_as_a_value_gives_one_row_or_an_error)
{
    kit k;
    kit_open(&k);
    wr_plan_node *one = over(&k, WR_PN_SINGLE_ROW, table(&k, "a:integer", "5"));
    EXPECT_RESULT(&k, one, "5");
    wr_plan_node *none = over(&k, WR_PN_SINGLE_ROW, table(&k, "a:integer", ""));
    EXPECT_RESULT(&k, none, "");
    none->single.is_outer = true;
    EXPECT_RESULT(&k, none, "NULL");
    EXPECT_ERROR(&k, over(&k, WR_PN_SINGLE_ROW, table(&k, "a:integer", "5; 6")), WR_E_CARDINALITY);
    kit_close(&k);
}
