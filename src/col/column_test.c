/* column_test.c - types are interned; forms of a column are told apart by nothing but speed. */
#include "base/test.h"
#include "col/value.h"

static void expect_print(const wr_column *c, uint32_t row, const char *want)
{
    WR_BUF(text);
    wr_column_print(c, row, &text);
    EXPECT_TEXT(text.data ? text.data : "", want);
}

TEST(equal_types_are_one_object)
{
    EXPECT(wr_type_decimal(15, 2) == wr_type_decimal(15, 2));
    EXPECT(wr_type_list(WR_INTEGER) == wr_type_list(WR_INTEGER));
    EXPECT(wr_type_list(WR_INTEGER) != wr_type_array(WR_INTEGER, 3));
    wr_field fields[2] = {{WR_STR("a"), WR_INTEGER}, {WR_STR("b c"), WR_VARCHAR}};
    const wr_type *t = wr_type_struct(fields, 2);
    EXPECT(t == wr_type_struct(fields, 2));
    EXPECT_TEXT(wr_type_name(t), "STRUCT(a INTEGER, \"b c\" VARCHAR)");
    EXPECT_TEXT(wr_type_name(wr_type_map(WR_VARCHAR, t->fields[0].type)), "MAP(VARCHAR, INTEGER)");
}

TEST(type_names_and_aliases_are_found)
{
    int64_t mods[2] = {15, 2};
    EXPECT(wr_type_find(WR_STR("Numeric"), mods, 2) == wr_type_decimal(15, 2));
    EXPECT(wr_type_find(WR_STR("int4"), NULL, 0) == WR_INTEGER);
    EXPECT(wr_type_find(WR_STR("double precision"), NULL, 0) == WR_DOUBLE);
    EXPECT(wr_type_find(WR_STR("nonsense"), NULL, 0) == NULL);
    mods[0] = 40;
    EXPECT(wr_type_find(WR_STR("decimal"), mods, 2) == NULL);
}

TEST(narrow_and_constant_forms_read_like_wide_ones)
{
    WR_ARENA(arena);
    wr_column c, flat;
    wr_column_init(&c, &arena, WR_BIGINT, WR_P_I8, 4);
    memcpy(c.data, (int8_t[]){-1, 0, 1, 2}, 4);
    c.base = 1000;
    wr_bit_clear(wr_column_need_valid(&c, &arena, 4), 2);
    EXPECT_INT(wr_column_int(&c, 0), 999);
    EXPECT(wr_column_is_null(&c, 2));
    wr_column_flatten(&c, NULL, 4, &arena, &flat);
    EXPECT_INT(flat.phys, WR_P_I64);
    EXPECT_INT(((int64_t *)flat.data)[3], 1002);
    EXPECT_INT(wr_column_hash(&c, 0), wr_column_hash(&flat, 0));
    EXPECT(wr_column_is_null(&flat, 2));

    wr_value v = wr_value_int(WR_BIGINT, 999);
    wr_value_column(&v, 4, &arena, &c);
    EXPECT_INT(c.phys, WR_P_I16);
    EXPECT_INT(wr_column_cmp(&c, 3, &flat, 0), 0);
    wr_column_flatten(&c, NULL, 4, &arena, &flat);
    EXPECT_INT(((int64_t *)flat.data)[3], 999);
}

TEST(dictionaries_decode_and_keep_nulls)
{
    WR_ARENA(arena);
    wr_column dict, c, out;
    wr_column_init(&dict, &arena, WR_VARCHAR, WR_P_VIEW, 3);
    ((wr_view *)dict.data)[0] = wr_view_of("a rather long text", 18);
    ((wr_view *)dict.data)[1] = wr_view_of("b", 1);
    wr_bit_clear(wr_column_need_valid(&dict, &arena, 3), 2);
    wr_column_init(&c, &arena, WR_VARCHAR, WR_P_U8, 4);
    memcpy(c.data, (uint8_t[]){1, 0, 2, 200}, 4);
    c.form = WR_DICTIONARY;
    c.dict = &dict;
    wr_bit_clear(wr_column_need_valid(&c, &arena, 4), 3);
    wr_column_flatten(&c, NULL, 4, &arena, &out);
    expect_print(&out, 0, "b");
    EXPECT(wr_column_is_null(&out, 2) && wr_column_is_null(&out, 3));
    wr_column_copy(&c, 1, 2, &arena, &out);
    expect_print(&out, 0, "a rather long text");
    EXPECT(wr_column_is_null(&out, 1));
    wr_column_gather(&c, (uint16_t[]){1, 3}, 2, &arena, &out);
    EXPECT_INT(out.form, WR_DICTIONARY);
    expect_print(&out, 0, "a rather long text");
    EXPECT(wr_column_is_null(&out, 1));
}

TEST(lists_copy_only_the_elements_they_name)
{
    WR_ARENA(arena);
    wr_column c, out;
    wr_column_init(&c, &arena, wr_type_list(WR_VARCHAR), WR_P_LIST, 3);
    wr_column_init(c.children, &arena, WR_VARCHAR, WR_P_VIEW, 4);
    wr_view *views = c.children->data;
    for (int i = 0; i < 4; i++)
        views[i] = wr_view_of(&"xy,z"[i], (size_t)(4 - i));
    memcpy(c.data, (wr_list_slot[]){{2, 2}, {99, 99}, {0, 1}}, 24);
    wr_bit_clear(wr_column_need_valid(&c, &arena, 3), 1);
    wr_column_copy(&c, 0, 3, &arena, &out);
    EXPECT_INT(out.children->rows, 3);
    expect_print(&out, 0, "[',z', z]");
    expect_print(&out, 2, "['xy,z']");
    EXPECT(wr_column_is_null(&out, 1));
    EXPECT_INT(wr_column_hash(&c, 0), wr_column_hash(&out, 0));
}

TEST(parts_of_structs_start_anywhere)
{
    WR_ARENA(arena);
    wr_field fields[1] = {{WR_STR("a"), WR_INTEGER}};
    wr_column c, out;
    wr_column_init(&c, &arena, wr_type_struct(fields, 1), WR_P_STRUCT, 5);
    memcpy(c.children[0].data, (int32_t[]){1, 2, 3, 4, 5}, 20);
    wr_bit_clear(wr_column_need_valid(&c, &arena, 5), 4);
    wr_column_part(&c, 3, 2, &arena, &out);
    expect_print(&out, 0, "{'a': 4}");
    EXPECT(wr_column_is_null(&out, 1));
}

TEST(uuids_order_like_their_text)
{
    wr_i128 low, high;
    EXPECT(wr_uuid_read(WR_STR("00000000-0000-0000-0000-000000000001"), &low));
    EXPECT(wr_uuid_read(WR_STR("{f0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"), &high));
    EXPECT(low < high);
    char text[37] = {0};
    wr_uuid_print(high, text);
    EXPECT_TEXT(text, "f0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11");
    EXPECT(!wr_uuid_read(WR_STR("f0eebc99"), &low));
}

TEST(values_print_as_sql_literals)
{
    WR_BUF(text);
    wr_value v = wr_value_text(WR_STR("it's"));
    wr_value_print_sql(&v, &text);
    wr_buf_add_char(&text, ' ');
    v = wr_value_int(wr_type_decimal(5, 2), 1234);
    wr_value_print_sql(&v, &text);
    wr_buf_add_char(&text, ' ');
    v = wr_value_null(WR_INTEGER);
    wr_value_print_sql(&v, &text);
    EXPECT_TEXT(text.data, "'it''s' 12.34 NULL");
}
