/* bind_test.c - the binder and lowering: SQL in, plans and errors out. No rules run, so plans are
 * as bound. */
#include "base/test.h"
#include "plan/bind.h"
#include "sql/parse.h"

typedef struct bench {
    wr_arena arena;
    wr_env env;
    wr_planner planner;
} bench;

static void bench_init(bench *b)
{
    memset(b, 0, sizeof *b);
    b->planner.arena = &b->arena;
    b->planner.env = &b->env;
}

static weir_status plan_of(bench *b, const char *sql, wr_bound *bound, wr_plan_node **plan)
{
    wr_statement statement;
    bench_init(b);
    WR_TRY(wr_parse_one(&b->arena, wr_str_of(sql), &statement));
    WR_TRY(wr_bind_statement(&b->planner, statement.node, bound));
    return wr_lower(&b->planner, bound->root, plan);
}

static void expect_plan(const char *sql, const char *want)
{
    bench b;
    wr_bound bound;
    wr_plan_node *plan = NULL;
    weir_status s = plan_of(&b, sql, &bound, &plan);
    WR_BUF(text);
    if (s)
        wr_buf_printf(&text, "%s: %s", wr_code_name(s->code), wr_status_text(s));
    else
        wr_physical_print(&b.planner, plan, &text);
    EXPECT_TEXT(text.data, want);
    wr_status_drop(s);
    wr_planner_clear(&b.planner);
    wr_arena_clear(&b.arena);
}

TEST(a_plan_of_a_filtered_series_reads_only_what_it_needs)
{
    expect_plan(
        "SELECT x + 1 AS y FROM generate_series(1, 10) AS x WHERE x > 3 ORDER BY y DESC LIMIT 2",
        "sort y DESC limit 2\n"
        "  project generate_series + 1\n"
        "    scan generate_series [series] (generate_series) where generate_series > 3\n");
}

TEST(a_common_table_expression_used_twice_is_computed_once)
{
    expect_plan("WITH c AS (SELECT 1 AS a UNION ALL SELECT 2) SELECT * FROM c JOIN c d USING (a)",
                "join inner on a = a\n"
                "  shared #0\n"
                "    union\n"
                "      project 1\n"
                "        values 1\n"
                "      project 2\n"
                "        values 1\n"
                "  shared #0\n");
}

TEST(the_step_of_a_recursion_reads_the_working_rows)
{
    expect_plan("WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) "
                "SELECT max(n) FROM t",
                "aggregate: max(n)\n"
                "  recursive #0\n"
                "    project 1\n"
                "      values 1\n"
                "    project n + 1\n"
                "      filter n < 5\n"
                "        working #0\n");
}

TEST(an_unknown_column_names_the_table)
{
    expect_plan("SELECT y FROM generate_series(1, 3) x", "UNKNOWN_COLUMN: no column \"y\" in x");
}

TEST(a_column_that_is_not_grouped_is_refused_by_its_own_name)
{
    expect_plan("SELECT a, sum(b) FROM (VALUES (1, 2.5), (2, '3')) t(a, b)",
                "GROUPING: column \"a\" must be in GROUP BY or inside an aggregate");
}

TEST(literals_without_a_type_take_that_of_the_other_queries_of_a_union)
{
    expect_plan("SELECT NULL AS a UNION ALL SELECT 1", "union\n"
                                                       "  project NULL\n"
                                                       "    values 1\n"
                                                       "  project 1\n"
                                                       "    values 1\n");
}

static void expect_emit(const char *sql, bool on_close, bool changes)
{
    bench b;
    wr_bound bound;
    wr_plan_node *plan;
    EXPECT_OK(plan_of(&b, sql, &bound, &plan));
    EXPECT(bound.emit_on_close == on_close && bound.emit_changes == changes);
    EXPECT(!bound.is_continuous && !bound.target);
    wr_planner_clear(&b.planner);
    wr_arena_clear(&b.arena);
}

TEST(what_emit_says_is_kept_wherever_it_stands)
{
    expect_emit("SELECT 1", false, false);
    expect_emit("SELECT 1 EMIT ON WINDOW CLOSE", true, false);
    expect_emit("SELECT 1 EMIT CHANGES", false, true);
    expect_emit("SELECT * FROM (SELECT 1 LIMIT 1 EMIT ON WINDOW CLOSE) t", true, false);
}
