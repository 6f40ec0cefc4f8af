/* json_test.c - the JSON walker accepts what the standard accepts and finds what paths name. */
#include "base/json.h"
#include "base/test.h"

TEST(json_is_checked_strictly)
{
    static const char *const good[] = {
        "1", " [1, 2.5e3, -0] ", "{}", "{\"a\":[{},null,true]}", "\"\\u00e4\\n\"", "[]"};
    static const char *const bad[] = {"",           "01",      "[1,]", "{\"a\"}",     "{a:1}",
                                      "[1 2]",      "\"\\x\"", "nul",  "[",           "1 2",
                                      "{\"a\":1,}", "+1",      "1.",   "\"\\u00g0\"", "]"};
    for (size_t k = 0; k < WR_COUNT(good); k++)
        EXPECT(wr_json_valid(wr_str_of(good[k])));
    for (size_t k = 0; k < WR_COUNT(bad); k++)
        EXPECT(!wr_json_valid(wr_str_of(bad[k])));
    WR_BUF(deep);
    for (int k = 0; k < 100000; k++)
        wr_buf_add_char(&deep, '[');
    EXPECT(!wr_json_valid(wr_buf_str(&deep)));
}

TEST(json_paths_find_members)
{
    wr_str text = WR_STR("{\"a\": {\"b\": [10, 20, {\"c\\n\": \"x\"}]}, \"k.l\": 7}"), out;
    bool bad;
    EXPECT(wr_json_path(text, WR_STR("$.a.b[1]"), &out, &bad) && wr_str_eq(out, WR_STR("20")));
    EXPECT(wr_json_path(text, WR_STR("$.a.b[-3]"), &out, &bad) && wr_str_eq(out, WR_STR("10")));
    EXPECT(wr_json_path(text, WR_STR("/a/b/0"), &out, &bad) && wr_str_eq(out, WR_STR("10")));
    EXPECT(wr_json_path(text, WR_STR("$.\"k.l\""), &out, &bad) && wr_str_eq(out, WR_STR("7")));
    EXPECT(wr_json_path(text, WR_STR("k.l"), &out, &bad) && wr_str_eq(out, WR_STR("7")));
    EXPECT(!wr_json_path(text, WR_STR("$.x"), &out, &bad) && !bad);
    EXPECT(!wr_json_path(text, WR_STR("$x"), &out, &bad) && bad);
    WR_BUF(written);
    wr_json_write(text, 0, false, &written);
    EXPECT_TEXT(written.data, "{\"a\":{\"b\":[10,20,{\"c\\n\":\"x\"}]},\"k.l\":7}");
    WR_BUF(plain);
    EXPECT(wr_json_unquote(WR_STR("\"\\ud83d\\ude00\\t\""), &plain));
    EXPECT_TEXT(plain.data, "\xf0\x9f\x98\x80\t");
}
