/* secret_test.c - what counts as a password, and what is left of a text without them. */
#include "base/secret.h"
#include "base/test.h"

static const char *hidden(const char *text)
{
    static char out[512];
    WR_BUF(buf);
    wr_passwords_hide(wr_str_of(text), &buf);
    EXPECT(buf.length < sizeof out);
    memcpy(out, buf.data, buf.length + 1);
    return out;
}

TEST(passwords_of_addresses_are_hidden_wherever_the_address_stands)
{
    EXPECT_TEXT(hidden("postgresql://me:sesame@host:5432/db?schema=x"),
                "postgresql://me:***@host:5432/db?schema=x");
    EXPECT_TEXT(hidden("SET a = 'postgres://u:p@h/d'; SET b = 'http://v:q@i'"),
                "SET a = 'postgres://u:***@h/d'; SET b = 'http://v:***@i'");
    EXPECT_TEXT(hidden("postgresql://h/d?password=sesame&sslmode=require&sslpassword=x"),
                "postgresql://h/d?password=***&sslmode=require&sslpassword=***");
    EXPECT_TEXT(hidden("postgresql://u:with:and@inside@h/d"), "postgresql://u:***@h/d");
    EXPECT_TEXT(hidden("postgresql://u:with/and?inside@h/d x@y"), "postgresql://u:***@h/d x@y");
    EXPECT_TEXT(hidden("postgresql://u:p@h/d?host=/tmp&password=s"),
                "postgresql://u:***@h/d?host=/tmp&password=***");
}

TEST(texts_without_passwords_stay_as_they_are)
{
    static const char *const texts[] = {"",
                                        "state/totals",
                                        "postgresql://me@host:5432/db",
                                        "postgresql://host:5432/a@b",
                                        "a://b:@",
                                        "the password= is x",
                                        "postgresql:///db?host=/run",
                                        "http://h:80/a@b",
                                        "http://h:80",
                                        "http://h/a:b@c"};
    for (size_t i = 0; i < WR_COUNT(texts); i++)
        EXPECT_TEXT(hidden(texts[i]), texts[i]);
}

TEST(a_masked_text_keeps_its_places)
{
    char text[] = "FROM f('postgresql://me:sesame@host/db', x)";
    wr_passwords_mask(text, strlen(text));
    EXPECT_TEXT(text, "FROM f('postgresql://me:******@host/db', x)");
}
