/* form_test.c - what host programs learn of a text. */
#include "base/test.h"
#include "session/session.h"

static weir_form form_of(const char *sql)
{
    weir_form form;
    EXPECT_OK(weir_sql_form(sql, strlen(sql), &form));
    return form;
}

TEST(a_query_is_told_from_other_statements_by_its_form)
{
    static const char *const queries[] = {"select 1",
                                          "from t;",
                                          "values (1)",
                                          "(select 1) union select 2",
                                          "with a as (select 1) from a",
                                          "create table t(a int); from t"};
    static const char *const others[] = {
        "create table t(a int)", "insert into t values (1) returning a",
        "show tables",           "explain select 1",
        "copy t to 'f'",         "begin"};
    for (size_t i = 0; i < WR_COUNT(queries); i++)
        EXPECT(form_of(queries[i]).is_query);
    for (size_t i = 0; i < WR_COUNT(others); i++)
        EXPECT(!form_of(others[i]).is_query);
    EXPECT_INT(form_of(" -- nothing").statements, 0);
}

TEST(the_last_statement_is_found_without_its_semicolon)
{
    const char *sql = "set threads = 1; select 'a;b' ; -- end";
    weir_form form = form_of(sql);
    EXPECT_INT(form.statements, 2);
    EXPECT(form.length == 12 && !memcmp(sql + form.pos, "select 'a;b'", 12));
}
