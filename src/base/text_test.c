/* text_test.c - text, UTF-8 and suggestions. */
#include "base/test.h"
#include <stdlib.h>

TEST(text_compares_by_bytes_and_length)
{
    EXPECT(wr_str_cmp(WR_STR("a"), WR_STR("ab")) < 0);
    EXPECT(wr_str_cmp(WR_STR("b"), WR_STR("ab")) > 0);
    EXPECT(wr_str_cmp(WR_STR("\xff"), WR_STR("a")) > 0);
    EXPECT(wr_str_cmp((wr_str){0}, WR_STR("")) == 0);
    EXPECT(wr_str_is(WR_STR("SeLeCt"), "select"));
    EXPECT(!wr_str_is(WR_STR("selec"), "select"));
    EXPECT(!wr_str_ieq(WR_STR("@"), WR_STR("`")));
}

TEST(text_prefix_suffix_find_trim)
{
    EXPECT(wr_str_has_prefix(WR_STR("abc"), WR_STR("ab")));
    EXPECT(!wr_str_has_prefix(WR_STR("a"), WR_STR("ab")));
    EXPECT(wr_str_has_suffix(WR_STR("abc"), WR_STR("bc")));
    EXPECT(wr_str_ihas_suffix(WR_STR("x.CSV"), ".csv"));
    EXPECT(!wr_str_ihas_suffix(WR_STR("csv"), ".csv"));
    EXPECT_INT(wr_str_find(WR_STR("hello"), WR_STR("ll")), 2);
    EXPECT_INT(wr_str_find(WR_STR("hello"), WR_STR("lx")), -1);
    EXPECT_INT(wr_str_find((wr_str){0}, WR_STR("")), 0);
    EXPECT(wr_str_eq(wr_str_trim(WR_STR(" \t\r\n a b \v")), WR_STR("a b")));
    EXPECT_INT(wr_str_trim(WR_STR("   ")).length, 0);
}

TEST(case_insensitive_hash_agrees_with_equality)
{
    char upper[300], lower[300];
    for (size_t n = 0; n < sizeof upper; n++) {
        EXPECT(wr_hash_str_ci((wr_str){upper, n}) == wr_hash_str_ci((wr_str){lower, n}));
        upper[n] = (char)('A' + n % 26), lower[n] = (char)('a' + n % 26);
    }
    EXPECT(wr_hash_str_ci(WR_STR("ab")) != wr_hash_str_ci(WR_STR("ba")));
    EXPECT(wr_hash_bytes("a", 1) != wr_hash_bytes("b", 1));
}

TEST(a_buffer_grows_and_stays_terminated)
{
    WR_BUF(buf);
    EXPECT_TEXT(wr_buf_str(&buf).data, "");
    for (int i = 0; i < 1000; i++)
        wr_buf_printf(&buf, "%d,", i);
    EXPECT_INT(buf.length, 3890);
    EXPECT_INT(buf.data[buf.length], 0);
    wr_buf_printf(&buf, "%0500d", 7);
    EXPECT_INT(buf.length, 4390);
    EXPECT_INT(strlen(buf.data), 4390);
}

TEST(json_text_is_escaped_and_always_utf8)
{
    WR_BUF(buf);
    wr_buf_add_json(&buf, WR_STR("a\"\\\n\x01\x7f\xc3\xa9\xff"));
    EXPECT_TEXT(buf.data, "\"a\\\"\\\\\\n\\u0001\\u007f\xc3\xa9\xef\xbf\xbd\"");
}

TEST(json_text_is_escaped_wherever_a_character_stands)
{
    for (int c = 0; c < 256; c++)
        for (int at = 0; at < 20; at++) {
            WR_BUF(alone);
            WR_BUF(within);
            WR_BUF(expected);
            char special = (char)c, text[20];
            memset(text, ' ', sizeof text);
            text[at] = special;
            wr_buf_add_json(&alone, (wr_str){&special, 1});
            wr_buf_add_json(&within, (wr_str){text, sizeof text});
            wr_buf_printf(&expected, "\"%*s", at, "");
            wr_buf_add(&expected, alone.data + 1, alone.length - 2);
            wr_buf_printf(&expected, "%*s\"", 19 - at, "");
            EXPECT_TEXT(within.data, expected.data);
        }
}

TEST(utf8_round_trips_every_code_point)
{
    for (uint32_t code = 0; code < 0x110010; code++) {
        char bytes[4];
        uint32_t back = 0;
        int length = wr_utf8_encode(code, bytes);
        bool is_scalar = code < 0xd800 || (code > 0xdfff && code < 0x110000);
        if (!is_scalar) {
            EXPECT_INT(length, 0);
            continue;
        }
        if (wr_utf8_decode(bytes, (size_t)length, &back) != length || back != code)
            wr_test_failed(__FILE__, __LINE__, "U+%04X is lost", code);
        if (length > 1 && wr_utf8_decode(bytes, (size_t)length - 1, &back) != 0)
            wr_test_failed(__FILE__, __LINE__, "U+%04X cut short is accepted", code);
    }
}

TEST(utf8_refuses_malformed_bytes_wherever_they_stand)
{
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xe0\x80\x80",
                                      "\xed\xa0\x80",
                                      "\xf0\x80\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xff",
                                      "\xc3"};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        for (int lead = 0; lead < 70; lead++) {
            WR_BUF(buf);
            for (int k = 0; k < lead; k++)
                wr_buf_add_char(&buf, 'x');
            wr_buf_add_text(&buf, "\xc3\xa9");
            wr_buf_add_text(&buf, bad[i]);
            EXPECT(!wr_utf8_valid(buf.data, buf.length));
            buf.length -= strlen(bad[i]);
            EXPECT(wr_utf8_valid(buf.data, buf.length));
        }
    }
    EXPECT_INT(wr_utf8_count("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", 10), 4);
}

TEST(terminal_width_knows_wide_and_combining)
{
    EXPECT_INT(wr_utf8_width('a'), 1);
    EXPECT_INT(wr_utf8_width('\n'), 0);
    EXPECT_INT(wr_utf8_width(0xe9), 1);
    EXPECT_INT(wr_utf8_width(0x301), 0);
    EXPECT_INT(wr_utf8_width(0x200b), 0);
    EXPECT_INT(wr_utf8_width(0x4e2d), 2);
    EXPECT_INT(wr_utf8_width(0xac00), 2);
    EXPECT_INT(wr_utf8_width(0x1f600), 2);
    EXPECT_INT(wr_utf8_width(0x10ffff), 1);
}

TEST(edit_distance_counts_swaps_once)
{
    EXPECT_INT(wr_edit_distance(WR_STR("FORM"), WR_STR("from")), 1);
    EXPECT_INT(wr_edit_distance(WR_STR("kitten"), WR_STR("sitting")), 3);
    EXPECT_INT(wr_edit_distance(WR_STR(""), WR_STR("abc")), 3);
    EXPECT_INT(wr_edit_distance(WR_STR("same"), WR_STR("SAME")), 0);
}

TEST(nearest_keeps_the_best_three_in_order)
{
    wr_nearest n = {.wanted = WR_STR("customer_id")};
    static const char *const names[] = {"customers_ids", "order_id", "customer_ids",
                                        "custmer_id",    "customer", "cutsomer_id",
                                        "customer_id2x"};
    for (size_t i = 0; i < WR_COUNT(names); i++)
        wr_nearest_offer(&n, wr_str_of(names[i]));
    weir_status s = wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN, "x"), &n);
    EXPECT_TEXT(s->candidates, "customer_ids, custmer_id, cutsomer_id");
    EXPECT_TEXT(s->hint, "did you mean customer_ids?");
    wr_status_drop(s);
    wr_nearest none = {.wanted = WR_STR("a")};
    wr_nearest_offer(&none, WR_STR("b"));
    EXPECT_INT(none.count, 0);
}
