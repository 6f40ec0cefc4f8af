/* parse_test.c - the grammar: canonical text of many statements, precedence, spans, limits. */
#include "sql/parser.h"
#include "base/test.h"
#include "sql/format.h"
#include "sql/lex.h"
#include "sql/parse.h"

/* Parses, formats, parses again: both trees must be equal. Returns the text in the arena. */
static const char *canonical(wr_arena *arena, const char *sql)
{
    wr_statement first, second;
    weir_status bad = wr_parse_one(arena, wr_str_of(sql), &first);
    if (bad) {
        wr_test_failed(__FILE__, __LINE__, "%s\n    %s", sql, wr_status_text(bad));
        wr_status_drop(bad);
        return "";
    }
    WR_BUF(text);
    wr_node_format(&text, first.node);
    bad = wr_parse_one(arena, wr_buf_str(&text), &second);
    if (bad || !wr_node_equal(first.node, second.node))
        wr_test_failed(__FILE__, __LINE__, "%s\n    does not survive as\n    %s", sql, text.data);
    wr_status_drop(bad);
    return wr_arena_copy(arena, text.data, text.length);
}

static void expect_same(const char *const *statements, size_t count)
{
    WR_ARENA(arena);
    for (size_t i = 0; i < count; i++)
        EXPECT_TEXT(canonical(&arena, statements[i]), statements[i]);
}

TEST(canonical_queries_are_printed_as_written)
{
    static const char *const statements[] = {
        "SELECT 1",
        "SELECT a, t.b AS c FROM s.t AS t WHERE a = 1 AND b <> 2 OR NOT c",
        "SELECT DISTINCT ON (a) a, b FROM t ORDER BY a DESC NULLS LAST, b LIMIT 3 OFFSET 1",
        "SELECT * EXCLUDE (a) REPLACE (b + 1 AS b) RENAME (c AS d) FROM t",
        "SELECT count(*) FILTER (WHERE a > 1), sum(DISTINCT b) OVER (PARTITION BY c ORDER BY d "
        "ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) FROM t",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t GROUP BY ROLLUP (a, (b, c)), "
        "()",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 9), s AS "
        "MATERIALIZED (SELECT 2) SELECT * FROM r, s",
        "SELECT * FROM a LEFT JOIN b ON a.x = b.x JOIN LATERAL (SELECT a.y) AS c USING (y) AS u "
        "NATURAL FULL JOIN d CROSS JOIN e",
        "SELECT * FROM a ASOF LEFT JOIN b ON a.t >= b.t SEMI JOIN c USING (x) ANTI JOIN d USING "
        "(x) POSITIONAL JOIN e",
        "SELECT * FROM (a JOIN (b JOIN c ON 1 = 1) ON 2 = 2) AS j",
        "SELECT * FROM 'x.csv' AS f, read_csv('y', delimiter => ';') WITH ORDINALITY AS g(a, b), "
        "h() AS (a int, b text)",
        "SELECT * FROM t AT (VERSION => 3) AS o TABLESAMPLE bernoulli(10 PERCENT) REPEATABLE ( 7)",
        "(SELECT 1 UNION SELECT 2 ORDER BY 1 LIMIT 1) EXCEPT ALL BY NAME SELECT 3",
        "SELECT 1 UNION (SELECT 2 INTERSECT SELECT 3) UNION SELECT 4",
        "PIVOT t ON a IN (1, 2) USING sum(b) AS s GROUP BY c",
        "UNPIVOT t ON a, b INTO NAME n VALUE v",
        "SELECT * FROM t PIVOT (sum(b) FOR a IN (1, 2) GROUP BY c) AS p",
        "SELECT * FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (a, b)) AS u",
        "SELECT a FROM t WINDOW BY ts EVERY 60000 SLIDE 10000 AS w KEYWORD SEARCH (x, y) QUERY 'q' "
        "TOP_K 3 HYBRID SEARCH e QUERY '[1]' METRIC cosine TOP_K 2 SCORE_THRESHOLD 0.5 GROUP BY w",
        "SELECT a FROM t GROUP BY ALL HAVING count(*) > 1 WINDOW w AS (ORDER BY a) QUALIFY "
        "row_number() OVER w = 1 USING SAMPLE (10 ROWS)",
        "VALUES (1, 'a'), (2, DEFAULT)",
        "SELECT a FROM t FETCH FIRST 2 ROWS WITH TIES",
        "SELECT a FROM t LIMIT 10 PERCENT FOR UPDATE OF t SKIP LOCKED",
    };
    expect_same(statements, WR_COUNT(statements));
}

TEST(canonical_expressions_are_printed_as_written)
{
    static const char *const statements[] = {
        "SELECT a + b * c - (d - e), -x ^ 2, (a + b) * c, a || b || 'it''s', NOT (a AND b), - -1",
        "SELECT (a < b) = (c < d), (a IS NULL) = TRUE, a IS NOT DISTINCT FROM b, a BETWEEN "
        "SYMMETRIC 1 AND 2",
        "SELECT a NOT IN (1, 2), a IN (SELECT 1), a IN b, a = ANY (b), a < ALL (SELECT 1), a NOT "
        "LIKE ANY (b)",
        "SELECT a NOT LIKE 'x' ESCAPE '!', a ILIKE b, a SIMILAR TO c, a GLOB d, a ~* 'r', a <-> b, "
        "a <=> b, a <#> b, a ^@ b",
        "SELECT CASE a WHEN 1 THEN 2 ELSE 3 END, CAST(a AS decimal(10, 2)), TRY_CAST(b AS "
        "int[][3]), DATE '2020-01-01'",
        "SELECT INTERVAL '1 day', INTERVAL 1 DAY, INTERVAL (a + 1) HOUR, INTERVAL '1:02' HOUR TO "
        "SECOND(3)",
        "SELECT EXTRACT('year' FROM a), POSITION('b' IN c), SUBSTRING(a FROM 1 FOR 2), "
        "TRIM(LEADING 'x' FROM a), OVERLAY(a PLACING b FROM 1)",
        "SELECT a AT TIME ZONE 'UTC', a COLLATE \"C\", CURRENT_TIMESTAMP(3), (a, b) OVERLAPS (c, "
        "d), 5 !, @ -1",
        "SELECT [1, 2], {'a': 1, 'b c': [2]}, MAP {'k': 1}, ROW(1), (1, 2), a[1], a[1 : 2], a[ : - "
        ": 2], (a).b, f(x).* FROM t",
        "SELECT list_transform(l, lambda x: x + 1), list_reduce(l, lambda a, b: a + b), [x * 2 FOR "
        "x IN l IF x > 1]",
        "SELECT ARRAY(SELECT 1), (SELECT 2), EXISTS (SELECT 3), COLUMNS('a.*'), *COLUMNS(*), t.* "
        "FROM t",
        "SELECT $1, $2, x'1f', b'01', 1.5, 1e10, NULL, TRUE, first_value(a) IGNORE NULLS OVER "
        "(w ORDER BY b)",
    };
    expect_same(statements, WR_COUNT(statements));
}

TEST(canonical_statements_are_printed_as_written)
{
    static const char *const statements[] = {
        "CREATE OR REPLACE TEMPORARY TABLE IF NOT EXISTS s.t (a int PRIMARY KEY, b text NOT NULL "
        "DEFAULT 'x', c double GENERATED ALWAYS AS (a * 2) STORED, d int REFERENCES u (x) ON "
        "DELETE CASCADE, CONSTRAINT k UNIQUE (a, b), CHECK (a > 0), FOREIGN KEY (a) REFERENCES v)",
        "CREATE TABLE t AS SELECT 1 AS a WITH NO DATA",
        "CREATE TABLE t (a int) USING csv OPTIONS (path = 'p', delimiter = ';')",
        "CREATE SOURCE s (ts timestamp, WATERMARK FOR ts AS ts - INTERVAL '5 seconds') WITH "
        "(connector = 'kafka', properties.topic = 't')",
        "CREATE SINK k FROM mv WITH (connector = 'file')",
        "CREATE SINK k WITH (connector = 'file') AS SELECT a FROM s EMIT CHANGES WITH (late = "
        "'drop')",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 EMIT ON WINDOW CLOSE",
        "CREATE MATERIALIZED VIEW m AS SELECT 1 EMIT ON WINDOW CLOSE WITH (late = 'drop')",
        "CREATE FUNCTION f(a, b := 1) AS a + b",
        "CREATE FUNCTION g(a) AS TABLE SELECT a",
        "CREATE UNIQUE INDEX i ON t USING hnsw (a DESC, lower(b)) WITH (m = 16) WHERE a > 1",
        "CREATE TYPE e AS ENUM('a', 'b')",
        "CREATE SEQUENCE q START WITH 5 INCREMENT BY -2 NO MAXVALUE CYCLE",
        "CREATE SECRET s (TYPE = s3, key_id = 'x')",
        "ALTER TABLE t ADD COLUMN IF NOT EXISTS a int DEFAULT 1, DROP COLUMN b CASCADE, ALTER "
        "COLUMN c TYPE text USING c + 1",
        "ALTER TABLE t RENAME COLUMN a TO b",
        "DROP TABLE IF EXISTS a, b.c CASCADE",
        "INSERT INTO t (a, b) VALUES (1, DEFAULT) ON CONFLICT (a) DO UPDATE SET b = excluded.b "
        "WHERE t.a > 1 RETURNING *",
        "INSERT OR REPLACE INTO t BY NAME SELECT 1 AS a",
        "WITH x AS (SELECT 1) UPDATE t AS u SET a = 1, (b, c) = (1, 2) FROM x WHERE u.a = 2 "
        "RETURNING u.a",
        "DELETE FROM t USING u WHERE t.a = u.a",
        "MERGE INTO t USING u ON t.a = u.a WHEN MATCHED AND u.b THEN UPDATE SET a = 1 WHEN NOT "
        "MATCHED THEN INSERT (a) VALUES (1) WHEN NOT MATCHED BY SOURCE THEN DELETE",
        "COPY t (a) FROM 'f.csv' (format = csv, header)",
        "COPY (SELECT 1) TO STDOUT",
        "EXPLAIN (ANALYZE, format = json) SELECT 1",
        "SET SESSION search_path = a, b",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "ROLLBACK TO s",
        "PREPARE p (int) AS SELECT $1",
        "EXECUTE p (1)",
        "ATTACH 'x.db' AS y (readonly)",
        "COMMENT ON TABLE t IS 'x'",
        "SHOW ALL TABLES",
        "DESCRIBE SELECT 1",
        "SUBSCRIBE TO SELECT * FROM t",
    };
    expect_same(statements, WR_COUNT(statements));
}

TEST(other_spellings_become_the_canonical_one)
{
    static const char *const pairs[][2] = {
        {"from t", "SELECT * FROM t"},
        {"select (1,)", "SELECT (1,)"},
        {"from t select a where b", "SELECT a FROM t WHERE b"},
        {"table t", "SELECT * FROM t"},
        {"select x: 1, 2 y,", "SELECT 1 AS x, 2 AS y"},
        {"select a::int, a == b, a != b", "SELECT CAST(a AS int), a = b, a <> b"},
        {"select list_filter(l, x -> x > 1 and y)", "SELECT list_filter(l, lambda x: x > 1 AND y)"},
        {"select upper(j -> 'k')", "SELECT upper(j -> 'k')"},
        {"select f(j -> j + 1)", "SELECT f(lambda j: j + 1)"},
        {"select 'a'\n'b', E'\\n\\x41', $$x'y$$, 0x_ff, 1_000",
         "SELECT 'ab', '\nA', 'x''y', 255, 1000"},
        {"select cast(1 as double precision), x::timestamp(3) with time zone",
         "SELECT CAST(1 AS double), CAST(x AS timestamptz(3))"},
        {"select a from t where b notnull or c isnull",
         "SELECT a FROM t WHERE b IS NOT NULL OR c IS NULL"},
        {"((select 1)) union (select 2)", "SELECT 1 UNION SELECT 2"},
        {"set time zone 'UTC'", "SET timezone = 'UTC'"},
        {"reset all", "RESET ALL"},
        {"copy t from 'f' delimiter ';' csv header",
         "COPY t FROM 'f' (delimiter = ';', format = 'csv', header)"},
        {"select * from t for system_time as of x", "SELECT * FROM t AT (TIMESTAMP => x)"},
        {"select ? + ?", "SELECT $1 + $2"},
        {"select :a, $b, $\"c\"", "SELECT $a, $b, $c"},
        {"select :a$, :a$b$, $\"1\", :\"a \"\" b\", :select",
         "SELECT $\"a$\", $\"a$b$\", $\"1\", $\"a \"\" b\", $\"select\""},
        {"from f(:b) select :a", "SELECT $a FROM f($b)"},
        {"select a /* x /* y */ z */ -- end\n from t", "SELECT a FROM t"},
    };
    WR_ARENA(arena);
    for (size_t i = 0; i < WR_COUNT(pairs); i++)
        EXPECT_TEXT(canonical(&arena, pairs[i][0]), pairs[i][1]);
}

TEST(result_columns_are_named_as_in_postgresql)
{
    static const char *const pairs[][2] = {
        {"a", "a"},
        {"t.a", "a"},
        {"count(*)", "count"},
        {"1 + 1", "?column?"},
        {"1::int", "int4"},
        {"a::int", "a"},
        {"'x'::text", "text"},
        {"CASE WHEN a THEN 1 END", "case"},
        {"coalesce(a, b)", "coalesce"},
        {"trim(a)", "btrim"},
        {"extract(year from a)", "extract"},
        {"a at time zone 'UTC'", "timezone"},
        {"(select b from t)", "b"},
        {"exists (select 1)", "exists"},
        {"array[1]", "array"},
        {"true", "bool"},
        {"date '2020-01-01'", "date"},
        {"interval '1 day'", "interval"},
        {"current_date", "current_date"},
        {"(x).f", "f"},
        {"a[1]", "a"},
        {"-a", "?column?"},
        {"case when a then 1 else b end", "b"},
    };
    WR_ARENA(arena);
    for (size_t i = 0; i < WR_COUNT(pairs); i++) {
        wr_node *node = NULL;
        EXPECT_OK(wr_parse_expression(&arena, wr_str_of(pairs[i][0]), &node));
        if (!node) continue;
        wr_str name = wr_node_column_name(node);
        EXPECT_TEXT(wr_arena_copy(&arena, name.data, name.length), pairs[i][1]);
    }
}

TEST(statements_know_where_they_stand)
{
    WR_ARENA(arena);
    wr_statement_list list;
    EXPECT_OK(wr_parse(&arena, WR_STR(" ;select 1;; select $3 ; "), &list));
    EXPECT_INT(list.count, 2);
    EXPECT_INT(list.items[1].span.pos, 13);
    EXPECT_INT(list.items[1].span.length, 9);
    EXPECT_INT(list.items[1].param_count, 3);
}

static char *repeat(wr_arena *arena, const char *first, const char *again, int count,
                    const char *last)
{
    WR_BUF(text);
    wr_buf_add_text(&text, first);
    for (int i = 0; i < count; i++)
        wr_buf_add_text(&text, again);
    wr_buf_add_text(&text, last);
    return wr_arena_copy(arena, text.data, text.length);
}

TEST(long_chains_do_not_nest)
{
    WR_ARENA(arena);
    EXPECT(canonical(&arena, repeat(&arena, "SELECT 1", " + 1", WR_TREE_CHAIN_MAX, "")) != NULL);
    EXPECT(canonical(&arena, repeat(&arena, "SELECT a", " OR a", 100000, "")) != NULL);
    EXPECT(canonical(&arena, repeat(&arena, "SELECT a IN (1", ", 1", 100000, ")")) != NULL);
    EXPECT(canonical(&arena, repeat(&arena, "SELECT 1", " UNION ALL SELECT 1", 20000, "")) != NULL);
}

TEST(deep_nesting_is_refused)
{
    WR_ARENA(arena);
    wr_statement out;
    EXPECT_FAIL(wr_parse_one(&arena, wr_str_of(repeat(&arena, "SELECT ", "(", 5000, "")), &out),
                WR_E_TOO_DEEP);
    EXPECT_FAIL(wr_parse_one(&arena, wr_str_of(repeat(&arena, "SELECT ", "NOT ", 5000, "a")), &out),
                WR_E_TOO_DEEP);
    EXPECT_FAIL(wr_parse_one(&arena, wr_str_of(repeat(&arena, "SELECT a", "[1]", 9000, "")), &out),
                WR_E_TOO_DEEP);
    EXPECT_FAIL(
        wr_parse_one(&arena, wr_str_of(repeat(&arena, "SELECT 1", " + 1", 100000, "")), &out),
        WR_E_TOO_DEEP);
    EXPECT_FAIL(
        wr_parse_one(&arena, wr_str_of(repeat(&arena, "", "EXPLAIN ", 5000, "SELECT 1")), &out),
        WR_E_TOO_DEEP);
}

TEST(keywords_are_found_in_any_case)
{
    for (int k = 1; k < WR_KW_COUNT; k++)
        EXPECT_INT(wr_keyword_find(wr_str_of(wr_keyword_text((wr_keyword)k))), k);
    EXPECT_INT(wr_keyword_find(WR_STR("sElEcT")), WR_KW_SELECT);
    EXPECT_INT(wr_keyword_find(WR_STR("selec")), WR_NOT_A_KEYWORD);
}

TEST(open_statements_ask_for_more)
{
    EXPECT(wr_statement_is_open(WR_STR("select 1")));
    EXPECT(wr_statement_is_open(WR_STR("select 'a;")));
    EXPECT(!wr_statement_is_open(WR_STR("select 1; -- done")));
    EXPECT(!wr_statement_is_open(WR_STR("  ")));
}
