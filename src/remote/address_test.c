/* address_test.c - what an address of a state says, and what is refused. */
#include "remote/address.h"
#include "base/test.h"
#include "remote/remote.h"

static weir_status read_it(const char *text, remote_address *out)
{
    static wr_arena arena;
    return wr_remote_address_read(wr_str_of(text), &arena, out);
}

static bool is(wr_str text, const char *wanted) { return wr_str_eq(text, wr_str_of(wanted)); }

static const char *below(const char *states)
{
    static char out[256];
    WR_BUF(buf);
    wr_remote_address_of(wr_str_of(states), WR_STR("totals"), &buf);
    EXPECT(buf.length < sizeof out);
    memcpy(out, buf.data, buf.length + 1);
    return out;
}

TEST(the_state_of_a_stream_is_one_word_more_of_the_path)
{
    EXPECT_TEXT(below("postgresql://me@h:1/db?schema=s&x=/y"),
                "postgresql://me@h:1/db/totals?schema=s&x=/y");
    EXPECT_TEXT(below("postgres://h/db"), "postgres://h/db/totals");
    EXPECT_TEXT(below("postgres://h/db/"), "postgres://h/db/totals");
    EXPECT_TEXT(below("postgresql://h"), "postgresql://h//totals"); /* refused: no database */
    EXPECT_TEXT(below("postgresql://h/?a=b"), "postgresql://h//totals?a=b");
    EXPECT(wr_remote_is_address(WR_STR("postgres://")));
    EXPECT(!wr_remote_is_address(WR_STR("postgresql:/x")));
    EXPECT(!wr_remote_is_address(WR_STR("state")));
}

TEST(an_address_is_taken_apart)
{
    remote_address a;
    EXPECT_OK(read_it("postgres://me:se%40same@h:1,[::1]:2/my%20db/totals?sslmode=require&schema="
                      "a%22b&cache=%2Ffast&connect_timeout=3&retry_for=7",
                      &a));
    EXPECT(is(a.server, "postgresql://me:se%40same@h:1,[::1]:2/my%20db?sslmode=require&"
                        "connect_timeout=3"));
    EXPECT(is(a.shown, "postgres://me:***@h:1,[::1]:2/my%20db/totals?sslmode=require&schema="
                       "a%22b&cache=%2Ffast&connect_timeout=3&retry_for=7"));
    EXPECT(is(a.stream, "totals") && is(a.schema, "a\"b") && is(a.cache, "/fast"));
    EXPECT(a.has_a_password && a.retry_ms == 7000);
    EXPECT_OK(read_it("postgresql:///db/x?host=/run", &a));
    EXPECT(is(a.server, "postgresql:///db?host=/run") && is(a.schema, "weir"));
    EXPECT(!a.has_a_password && a.retry_ms == 300000 && a.cache.length == 0);
}

TEST(addresses_that_cannot_be_meant_are_refused_without_telling_the_password)
{
    static const char *const bad[] = {
        "state/x",
        "postgresql://h/totals",
        "postgresql://h",
        "postgresql://h//totals",
        "postgresql://h/db/",
        "postgresql://h/db/a/b",
        "postgresql://me:secret@two@h/db/x",
        "postgresql://me:secret%@h/db/x",
        "postgresql://me:secret%zz@h/db/x",
        "postgresql://me:secret%00@h/db/x",
        "postgresql://me:secret@h/db/x?schema=",
        "postgresql://me:secret@h/db/x?retry_for=soon",
        "postgresql://me:secret@h/db/x?retry_for=99999999999999999999",
        "postgresql://me:secret\n@h/db/x",
        "postgresql://me:my secret@h/db/x",
        "postgresql://me:my/secret@h/db/x",
        "postgresql://me:my?secret@h/db/x",
        "postgresql://me:my#secret@h/db/x",
    };
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        remote_address a;
        weir_status got = read_it(bad[i], &a);
        if (!got || got->code != WR_E_PARAMETER_VALUE || strstr(got->message, "secret"))
            wr_test_failed(__FILE__, __LINE__, "%s gave %s", bad[i], wr_status_text(got));
        wr_status_drop(got);
    }
}
