/* optimize_test.c - what the rules make of plans, seen through EXPLAIN; that answers stay the same
 * is tested by tests/sql/optimizer.slt. */
#include "base/test.h"
#include "plan/bind.h"
#include "sql/parse.h"

typedef struct bench {
    wr_arena arena;
    wr_env env;
    wr_planner planner;
} bench;

static weir_status plan_of(bench *b, const char *sql, uint64_t rules_off, wr_plan_node **plan)
{
    memset(b, 0, sizeof *b);
    b->planner.arena = &b->arena;
    b->planner.env = &b->env;
    b->planner.rules_off = rules_off;
    wr_statement statement;
    wr_bound bound;
    WR_TRY(wr_parse_one(&b->arena, wr_str_of(sql), &statement));
    WR_TRY(wr_bind_statement(&b->planner, statement.node, &bound));
    WR_TRY(wr_optimize(&b->planner, &bound.root));
    return wr_lower(&b->planner, bound.root, plan);
}

static void expect_plan(const char *sql, uint64_t rules_off, const char *want)
{
    bench b;
    wr_plan_node *plan = NULL;
    weir_status s = plan_of(&b, sql, rules_off, &plan);
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

TEST(a_filter_on_one_side_of_an_equality_holds_for_the_other)
{
    expect_plan(
        "SELECT count(*) FROM generate_series(1, 50) AS s(x), generate_series(1, 9000) AS l(y) "
        "WHERE x = y AND x <= 10",
        0,
        "aggregate: count(*)  ~1 rows\n"
        "  join inner on generate_series = generate_series  ~10 rows\n"
        "    scan generate_series [series] (generate_series) where generate_series <= 10  ~10 "
        "rows\n"
        "    scan generate_series [series] (generate_series) where generate_series <= 10  ~10 "
        "rows\n");
}

TEST(without_its_rule_the_order_of_joins_is_the_one_written)
{
    uint64_t off = 0;
    for (int i = 0; wr_rules[i]; i++)
        if (strcmp(wr_rules[i]->name, "unnest") != 0) off |= UINT64_C(1) << i;
    expect_plan(
        "SELECT count(*) FROM generate_series(1, 50) AS s(x), generate_series(1, 9000) AS l(y) "
        "WHERE x = y AND x <= 10",
        off,
        "aggregate: count(*)  ~1 rows\n"
        "  filter (generate_series = generate_series) AND (generate_series <= 10)  ~10 rows\n"
        "    join inner  ~450000 rows\n"
        "      scan generate_series [series] (generate_series)  ~50 rows\n"
        "      scan generate_series [series] (generate_series)  ~9000 rows\n");
}

TEST(a_condition_that_is_never_true_leaves_no_scan)
{
    expect_plan("SELECT x FROM generate_series(1, 50) AS s(x) WHERE x > 3 AND 1 = 2 ORDER BY x", 0,
                "values 0  ~0 rows\n");
}

TEST(common_parts_of_a_disjunction_become_the_key_and_the_rest_filters_each_side)
{
    expect_plan(
        "SELECT count(*) FROM generate_series(1, 50) AS s(x), generate_series(1, 90) AS l(y) "
        "WHERE (x = y AND x < 5 AND y > 1) OR (x = y AND x > 20 AND y < 30)",
        0,
        "aggregate: count(*)  ~1 rows\n"
        "  join inner on generate_series = generate_series and ((generate_series < 5) AND "
        "(generate_series > 1)) OR ((generate_series > 20) AND (generate_series < 30)) publishes "
        "filter 1  ~9 rows\n"
        "    scan generate_series [series] (generate_series) where (generate_series > 1) OR "
        "(generate_series < 30) runtime generate_series<-filter 1  ~90 rows\n"
        "    scan generate_series [series] (generate_series) where (generate_series < 5) OR "
        "(generate_series > 20)  ~32 rows\n");
}

TEST(a_runtime_filter_goes_through_a_grouping)
{
    expect_plan(
        "SELECT n FROM (SELECT y, count(*) AS n FROM generate_series(1, 9000) AS l(y) GROUP "
        "BY y) g JOIN generate_series(1, 50) AS s(x) ON x = y WHERE x < 5",
        0,
        "join inner on y = generate_series publishes filter 1  ~4 rows\n"
        "  aggregate by generate_series: count(*)  ~9000 rows\n"
        "    scan generate_series [series] (generate_series) runtime generate_series<-filter 1  "
        "~9000 rows\n"
        "  scan generate_series [series] (generate_series) where generate_series < 5  ~4 rows\n");
}

TEST(a_cast_moves_to_the_constant_when_nothing_is_lost)
{
    expect_plan(
        "SELECT x FROM generate_series(1, 50) AS s(x) WHERE CAST(x AS HUGEINT) = 5 AND "
        "NOT (x < 3 OR x = 7) AND CAST(x AS DECIMAL(20,1)) < 40.5",
        0,
        "scan generate_series [series] (x) where generate_series = 5 AND generate_series >= 3 AND "
        "generate_series <> 7 AND CAST(generate_series AS DECIMAL(20,1)) < 40.5  ~1 rows\n");
}

TEST(the_threshold_of_a_top_n_reaches_the_scan)
{
    expect_plan(
        "SELECT x FROM generate_series(1, 9000) AS s(x) ORDER BY x DESC LIMIT 3", 0,
        "sort x DESC limit 3  ~3 rows\n"
        "  scan generate_series [series] (x) runtime generate_series<-filter 1  ~9000 rows\n");
}

TEST(a_correlated_subquery_is_a_join)
{
    expect_plan(
        "SELECT x, (SELECT max(y) FROM generate_series(1, 90) AS l(y) WHERE y = x) FROM "
        "generate_series(1, 50) AS s(x)",
        0,
        "join left build left on generate_series = generate_series publishes filter 1  ~50 rows\n"
        "  scan generate_series [series] (generate_series)  ~50 rows\n"
        "  aggregate by generate_series: max(generate_series)  ~90 rows\n"
        "    scan generate_series [series] (generate_series) runtime generate_series<-filter 1  "
        "~90 rows\n");
}

TEST(totals_of_a_whole_source_come_from_its_statistics)
{
    const char *sql = "SELECT count(*), max(x) FROM generate_series(3, 9, 4) AS s(x)";
    expect_plan(sql, 0, "project 2, 7  ~1 rows\n  values 1  ~1 rows\n");
    expect_plan("SELECT count(*) FROM generate_series(3, 9, 4) AS s(x) WHERE x > 4", 0,
                "aggregate: count(*)  ~1 rows\n"
                "  scan generate_series [series] () where generate_series > 4  ~2 rows\n");
}

#define MOMENTS "(SELECT epoch_ms(x) AS ts, x % 7 AS k FROM generate_series(1, 100) AS s(x))"

TEST(a_filter_passes_windows_that_hop)
{
    expect_plan("SELECT window_start FROM hop(" MOMENTS
                ", ts, INTERVAL '1 second', INTERVAL '3 seconds') WHERE k = 3",
                0,
                "unnest window_begins(ts, 3000000, 1000000, 0)  ~15 rows\n"
                "  project make_timestamp_ms(CAST(generate_series AS BIGINT))  ~5 rows\n"
                "    scan generate_series [series] (generate_series) where (generate_series % 7) = "
                "3  ~5 rows\n");
}

TEST(a_filter_passes_sessions_only_if_it_is_over_what_they_are_made_per)
{
    expect_plan("SELECT window_start FROM session(" MOMENTS
                ", ts, INTERVAL '1 second', partition_by => k) WHERE k = 3 AND ts > '2000-01-01'",
                0,
                "project   ~2 rows\n"
                "  filter ts > TIMESTAMP '2000-01-01 00:00:00'  ~2 rows\n"
                "    window min(ts) by k,   ~5 rows\n"
                "      project ts, k,   ~5 rows\n"
                "        window sum(begins) by k order ts  ~5 rows\n"
                "          project ts, k, coalesce(window_gap(ts, , 1000000), 0)  ~5 rows\n"
                "            window lag(ts, 1, NULL) by k order ts  ~5 rows\n"
                "              filter window_begin(ts, 1, 0) IS NOT NULL  ~5 rows\n"
                "                project make_timestamp_ms(CAST(generate_series AS BIGINT)), "
                "generate_series % 7  ~5 rows\n"
                "                  scan generate_series [series] (generate_series) where "
                "(generate_series % 7) = 3  ~5 rows\n");
}
