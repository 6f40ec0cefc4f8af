/* node_test.c - operations on whole trees. */
#include "base/test.h"
#include "sql/parse.h"

TEST(node_fields_cover_every_byte_but_padding)
{
    for (int kind = 1; kind < WR_SQL_KIND_COUNT; kind++)
        if (!wr_node_fields_complete((wr_node_kind)kind))
            wr_test_failed(__FILE__, __LINE__, "%s has a field that node_fields.inc lacks",
                           wr_node_kind_name((wr_node_kind)kind));
}

TEST(node_copy_equals_its_original)
{
    WR_ARENA(arena);
    wr_statement statement;
    EXPECT_OK(wr_parse_one(
        &arena, WR_STR("SELECT a + 1 + 2, f(x) FROM t JOIN u USING (id) WHERE a IN (1, 2)"),
        &statement));
    wr_node *copy = wr_node_copy(&arena, statement.node);
    EXPECT(copy != statement.node);
    EXPECT(wr_node_equal(copy, statement.node));
    wr_sql_select *select = wr_sql_as_select(wr_sql_as_query(copy)->body);
    select->distinct = true;
    EXPECT(!wr_node_equal(copy, statement.node));
}
