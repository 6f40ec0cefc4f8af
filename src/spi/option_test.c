/* option_test.c - options are checked by name and read in every spelling a user may choose. */
#include "base/test.h"
#include "spi/option.h"

static const wr_opt rows[] = {{"delimiter|delim|sep", WR_OPT_TEXT, ",", "between fields"},
                              {"quote", WR_OPT_CHAR, "\"", "around fields"},
                              {"header", WR_OPT_BOOL, NULL, "names in the first line"},
                              {"skip", WR_OPT_INT, "0", "lines to skip"},
                              {"size", WR_OPT_SIZE, "1MB", "bytes"},
                              {0}};

TEST(an_alias_is_found_under_every_name)
{
    wr_given item = {.name = WR_STR("SEP"), .value = wr_value_text(WR_STR(";"))};
    wr_options given = {&item, 1};
    wr_str text;
    bool is_set;
    EXPECT_OK(wr_options_check(&given, rows, "read_x"));
    EXPECT_OK(wr_option_text(&given, rows, "delimiter", &text, &is_set));
    EXPECT(is_set && wr_str_eq(text, WR_STR(";")));
}

TEST(fallbacks_apply_when_nothing_is_given)
{
    int quote;
    int64_t skip;
    uint64_t size;
    bool header, is_set;
    EXPECT_OK(wr_option_char(NULL, rows, "quote", &quote, NULL));
    EXPECT_INT(quote, '"');
    EXPECT_OK(wr_option_int(NULL, rows, "skip", &skip, NULL));
    EXPECT_INT(skip, 0);
    EXPECT_OK(wr_option_size(NULL, rows, "size", &size, NULL));
    EXPECT_INT(size, 1000000);
    EXPECT_OK(wr_option_bool(NULL, rows, "header", &header, &is_set));
    EXPECT(!is_set && !header);
}

TEST(an_unknown_option_names_the_nearest)
{
    wr_given item = {
        .name = WR_STR("delimeter"), .value = wr_value_text(WR_STR(";")), .span = {7, 9}};
    wr_options given = {&item, 1};
    weir_status bad = wr_options_check(&given, rows, "read_x");
    EXPECT(bad && bad->code == WR_E_UNKNOWN_OPTION && bad->span.pos == 7);
    EXPECT(bad && bad->hint && strstr(bad->hint, "delimiter"));
    wr_status_drop(bad);
}

TEST(a_value_of_the_wrong_kind_is_refused)
{
    wr_given item = {.name = WR_STR("skip"), .value = wr_value_text(WR_STR("many"))};
    wr_options given = {&item, 1};
    int64_t skip;
    EXPECT_FAIL(wr_option_int(&given, rows, "skip", &skip, NULL), WR_E_PARAMETER_VALUE);
    item.name = WR_STR("quote");
    int quote;
    EXPECT_FAIL(wr_option_char(&given, rows, "quote", &quote, NULL), WR_E_PARAMETER_VALUE);
    wr_given both[2] = {{.name = WR_STR("sep"), .value = wr_value_text(WR_STR(";"))},
                        {.name = WR_STR("delim"), .value = wr_value_text(WR_STR(";"))}};
    EXPECT_FAIL(wr_options_check(&(wr_options){both, 2}, rows, "read_x"), WR_E_DUPLICATE_NAME);
}

TEST(a_name_with_a_star_stands_for_all_that_begin_so)
{
    static const wr_opt open_rows[] = {{"properties.password", WR_OPT_SECRET, NULL, "is not shown"},
                                       {"properties.*", WR_OPT_ANY, NULL, "whatever"},
                                       {0}};
    wr_given items[3] = {
        {.name = WR_STR("properties.a"), .value = wr_value_text(WR_STR("1"))},
        {.name = WR_STR("Properties.b"), .value = wr_value_text(WR_STR("2"))},
        {.name = WR_STR("properties.password"), .value = wr_value_int(WR_BIGINT, 12345)}};
    wr_options given = {items, 3};
    wr_str text;
    EXPECT_OK(wr_options_check(&given, open_rows, "x"));
    weir_status bad = wr_option_text(&given, open_rows, "properties.password", &text, NULL);
    EXPECT(bad && bad->code == WR_E_PARAMETER_VALUE && !strstr(wr_status_text(bad), "12345"));
    wr_status_drop(bad);
    items[1].name = WR_STR("properties.A");
    EXPECT_FAIL(wr_options_check(&given, open_rows, "x"), WR_E_DUPLICATE_NAME);
    items[1].name = WR_STR("properties.");
    EXPECT_FAIL(wr_options_check(&given, open_rows, "x"), WR_E_UNKNOWN_OPTION);
}
