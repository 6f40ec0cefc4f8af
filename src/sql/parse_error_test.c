/* parse_error_test.c - what users see when a statement is wrong: the marked text, the hint and the
 * fix. */
#include "base/test.h"
#include "sql/parse.h"

static const struct snapshot {
    const char *sql, *marked, *hint, *fix;
} snapshots[] = {
    {"select * form orders", "form", "did you mean FROM?", "select * from orders"},
    {"selct 1", "selct", "did you mean SELECT?", "select 1"},
    {"select a from t orderby a", "orderby", "did you mean ORDER BY?",
     "select a from t order by a"},
    {"select a, count(*) from t gruop by a", "gruop", "did you mean GROUP?",
     "select a, count(*) from t group by a"},
    {"create table if not exist t (a int)", "exist", "did you mean EXISTS?",
     "create table if not exists t (a int)"},
    {"select * from order", "order", "order is a reserved word: as a name it needs double quotes",
     "select * from \"order\""},
    {"select a b c from t", "c", "is \",\" missing before it?", "select a b, c from t"},
    {"select (1 + 2 from t", "from", "is \")\" missing before it?", "select (1 + 2) from t"},
    {"select a,, b from t", ",", "one comma too many", "select a, b from t"},
    {"select 1)", ")", "there is no bracket to close", "select 1"},
    {"insert t values (1)", "t", "is \"into\" missing before it?", "insert into t values (1)"},
    {"copy t to \"f.csv\"", "\"f.csv\"", "double quotes are for names; a text is written 'f.csv'",
     "copy t to 'f.csv'"},
    {"selct * form t", "selct", "did you mean SELECT?", "select * from t"},
    {"select case when a then b from t", "from", "is \"end\" missing before it?",
     "select case when a then b end from t"},
    {"select 1 < 2 < 3", "<", "join them with AND: a < b AND b < c", NULL},
    {"select 1; selct 2; select 3", "selct", "did you mean SELECT?", "select 2"},
    {"select 1abc", "1abc",
     "a name that starts with a digit needs double quotes; an alias needs a space", NULL},
    {"select * from", "from", NULL, NULL},
    {"foo bar", "foo", NULL, NULL},
    {"select 'abc", "'abc", "a quote inside a text is doubled: 'it''s'", NULL},
    {"select * from a join b", "b", "a join needs its condition; CROSS JOIN has none", NULL},
    {"select \xE2\x80\x9C"
     "a",
     "\xE2\x80\x9C", "use ' for texts and \" for names", NULL},
};

static void expect_words(const char *sql, const char *what, const char *got, const char *want)
{
    if (strcmp(got ? got : "", want ? want : "") != 0)
        wr_test_failed(__FILE__, __LINE__, "%s: the %s is\n    %s, not\n    %s", sql, what,
                       got ? got : "absent", want ? want : "absent");
}

TEST(mistakes_are_explained)
{
    for (size_t i = 0; i < WR_COUNT(snapshots); i++) {
        const struct snapshot *s = &snapshots[i];
        WR_ARENA(arena);
        wr_statement_list out;
        weir_status bad = wr_parse(&arena, wr_str_of(s->sql), &out);
        EXPECT(bad != WR_OK);
        if (!bad) continue;
        const char *marked = wr_arena_copy(&arena, s->sql + bad->span.pos, bad->span.length);
        expect_words(s->sql, "marked text", marked, s->marked);
        expect_words(s->sql, "hint", bad->hint, s->hint);
        expect_words(s->sql, "fix", bad->fix, s->fix);
        wr_status_drop(bad);
    }
}

TEST(valid_sql_without_support_says_so)
{
    WR_ARENA(arena);
    wr_statement out;
    EXPECT_FAIL(wr_parse_one(&arena, WR_STR("GRANT SELECT ON t TO u"), &out), WR_E_UNSUPPORTED);
    EXPECT_FAIL(wr_parse_one(&arena, WR_STR("CREATE TRIGGER x BEFORE INSERT ON t"), &out),
                WR_E_UNSUPPORTED);
    EXPECT_FAIL(wr_parse_one(&arena, WR_STR("select 1 /* open"), &out), WR_E_UNTERMINATED);
    EXPECT_FAIL(wr_parse_one(&arena, (wr_str){"select '\xff'", 10}, &out), WR_E_BAD_ENCODING);
}
