/* secrets_test.c - what is hidden, and what is left as it is. */
#include "base/test.h"
#include "runs/runs.h"

static const char *hidden(wr_run_secrets *secrets, const char *text)
{
    WR_BUF(out);
    wr_run_hide(secrets, wr_str_of(text), &out);
    return wr_arena_str(&secrets->arena, wr_buf_str(&out)).data;
}

static void expect_hidden(const char *text, const char *wanted)
{
    wr_run_secrets secrets = {0};
    EXPECT_TEXT(hidden(&secrets, text), wanted);
    wr_arena_clear(&secrets.arena);
}

TEST(values_behind_names_of_secrets_are_hidden)
{
    expect_hidden("WITH (password = 'it''s')", "WITH (password = '***')");
    expect_hidden("WITH (\"sasl.password\" = 'abc', path = 'x')",
                  "WITH (\"sasl.password\" = '***', path = 'x')");
    expect_hidden("CREATE SECRET s (SECRET 'abc', REGION 'eu')",
                  "CREATE SECRET s (SECRET '***', REGION 'eu')");
    expect_hidden("{'api_key': 'abc'}", "{'api_key': '***'}");
    expect_hidden("open(token => 'abc')", "open(token => '***')");
    expect_hidden("'host=h password=abc user=u'", "'host=h password=*** user=u'");
    expect_hidden("--param password=abc", "--param password=***");
    expect_hidden("password = 'never closed", "password = '***");
}

TEST(passwords_in_addresses_are_hidden)
{
    expect_hidden("'postgres://me:abc@host:5432/db'", "'postgres://me:***@host:5432/db'");
    expect_hidden("https://host/a@b?x=1", "https://host/a@b?x=1");
    expect_hidden("kafka://host:9092", "kafka://host:9092");
    expect_hidden("x://u:p@q@host", "x://u:***@host");
}

TEST(other_texts_stay_as_they_are)
{
    static const char *const texts[] = {
        "SELECT token, count(*) FROM t GROUP BY token",
        "SELECT tokenize('abc') AS password, 'x' AS y",
        "SELECT a FROM t WHERE key_id = 'k1' AND name = 'password'",
        "INSERT INTO t VALUES ('secret', 'x')",
        "SELECT 'a:b@c'",
        "",
        "://",
        "password",
        "password =",
    };
    for (size_t i = 0; i < WR_COUNT(texts); i++)
        expect_hidden(texts[i], texts[i]);
}

TEST(what_was_a_secret_once_is_hidden_elsewhere)
{
    wr_run_secrets secrets = {0};
    hidden(&secrets, "password = 'hunter2'");
    EXPECT(secrets.has_any);
    EXPECT_TEXT(hidden(&secrets, "cannot log in with hunter2"), "cannot log in with ***");
    hidden(&secrets, "password = 'a'");
    EXPECT_TEXT(hidden(&secrets, "a cat"), "a cat");
    wr_arena_clear(&secrets.arena);
}

TEST(members_of_json_are_hidden_by_their_names)
{
    wr_run_secrets secrets = {0};
    WR_BUF(out);
    wr_run_hide_json(&secrets,
                     WR_STR("{\"a\": [1, \"b\"], \"params\": {\"password\": \"p\\u0041ss\", "
                            "\"pin_token\": 1234}, \"sql\": \"x(token = 'y')\"}"),
                     &out);
    EXPECT_TEXT(out.data, "{\"a\":[1,\"b\"],\"params\":{\"password\":\"***\","
                          "\"pin_token\":\"***\"},\"sql\":\"x(token = '***')\"}");
    wr_arena_clear(&secrets.arena);
}
