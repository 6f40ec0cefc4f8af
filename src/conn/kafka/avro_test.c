/* avro_test.c - Avro's schemas and values, good and hostile ones. */
#include "base/test.h"
#include "conn/kafka/avro.h"
#include "col/value.h"

static const avro_node *schema_of(wr_arena *arena, const char *text)
{
    const avro_node *node = NULL;
    EXPECT_OK(wr_avro_schema(wr_str_of(text), arena, &node));
    return node;
}

static void expect_json(const char *schema, const char *bytes, size_t size, const char *wanted)
{
    WR_ARENA(arena);
    WR_BUF(out);
    const char *why = NULL;
    const avro_node *node = schema_of(&arena, schema);
    bool is_good = wr_avro_to_json(node, (wr_str){bytes, size}, &out, &why);
    EXPECT_TEXT(is_good ? wr_buf_str(&out).data : why, wanted);
}
#define EXPECT_JSON(schema, bytes, wanted) expect_json(schema, bytes, sizeof(bytes) - 1, wanted)

TEST(values_of_avro_become_json)
{
    EXPECT_JSON("\"long\"", "\x03", "-2");
    EXPECT_JSON("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "-9223372036854775808");
    EXPECT_JSON("\"int\"", "\xff\xff\xff\xff\x1f", "an int does not fit in 32 bits");
    EXPECT_JSON("[\"null\", \"string\"]",
                "\x02\x06"
                "a\"b",
                "\"a\\\"b\"");
    EXPECT_JSON("[\"null\", \"string\"]", "\x00", "null");
    EXPECT_JSON("\"boolean\"", "\x01", "true");
    EXPECT_JSON("\"double\"", "\0\0\0\0\0\0\xf8\x3f", "1.5");
    EXPECT_JSON("\"bytes\"", "\x04\x41\xff", "\"A\xc3\xbf\"");
    EXPECT_JSON("{\"type\":\"array\",\"items\":\"int\"}", "\x04\x02\x04\x00", "[1,2]");
    EXPECT_JSON("{\"type\":\"array\",\"items\":\"int\"}", "\x03\x04\x02\x04\x00", "[1,2]");
    EXPECT_JSON("{\"type\":\"map\",\"values\":\"int\"}", "\x02\x02k\x0a\x00", "{\"k\":5}");
    EXPECT_JSON("{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"A\",\"B\"]}", "\x02", "\"B\"");
    EXPECT_JSON("{\"type\":\"int\",\"logicalType\":\"date\"}", "\x02", "\"1970-01-02\"");
    EXPECT_JSON("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "\xd0\x0f",
                "\"1970-01-01 00:00:01\"");
    EXPECT_JSON("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":4,\"scale\":2}",
                "\x04\xff\x85", "-1.23");
    EXPECT_JSON("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                "{\"name\":\"next\",\"type\":[\"null\",\"r\"]}]}",
                "\x02\x02\x04\x00", "{\"a\":1,\"next\":{\"a\":2,\"next\":null}}");
}

TEST(hostile_bytes_are_errors)
{
    const char *list = "{\"type\":\"array\",\"items\":\"null\"}";
    EXPECT_JSON("\"string\"", "\x7f", "a length is negative");
    EXPECT_JSON("\"string\"",
                "\x80\x80\x80\x80\x10"
                "abc",
                "it ends within a value");
    EXPECT_JSON("\"string\"", "\x02\xff", "a string is not valid UTF-8");
    EXPECT_JSON("\"long\"", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "a number is too long");
    EXPECT_JSON("\"long\"", "\x80", "it ends within a value");
    EXPECT_JSON("\"long\"", "\x02\x02", "bytes are left behind the value");
    EXPECT_JSON(list, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00", "it has too many values");
    EXPECT_JSON("[\"null\"]", "\x02", "a union has no such branch");
    EXPECT_JSON("{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\",\"type\":\"r\"}]}",
                "\x00", "it is nested too deeply");
}

TEST(schemas_that_are_none_are_errors)
{
    static const char *const wrong[] = {
        "",
        "{",
        "7",
        "\"int\" 1",
        "\"no_such\"",
        "{\"type\":\"record\",\"name\":\"r\"}",
        "{\"type\":\"fixed\",\"name\":\"f\"}",
        "{\"type\":\"array\"}",
        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"a\"}]}"};
    for (size_t i = 0; i < WR_COUNT(wrong); i++) {
        WR_ARENA(arena);
        const avro_node *node;
        EXPECT_FAIL(wr_avro_schema(wr_str_of(wrong[i]), &arena, &node), WR_E_BAD_VALUE);
    }
}

TEST(a_schema_that_names_itself_many_times_has_columns)
{
    WR_ARENA(arena);
    WR_BUF(text);
    wr_schema columns;
    for (int i = 0; i < 40; i++) {
        wr_buf_printf(
            &text,
            "{\"type\":\"record\",\"name\":\"r%d\",\"fields\":[{\"name\":\"a\",\"type\":", i);
    }
    wr_buf_add_text(&text, "\"int\"}]}");
    for (int i = 38; i >= 0; i--)
        wr_buf_printf(&text, "},{\"name\":\"b\",\"type\":\"r%d\"}]}", i + 1);
    wr_avro_columns(schema_of(&arena, text.data), &arena, &columns);
    EXPECT_INT(columns.count, 2);
}

/* What is written from columns reads back as they are. */
TEST(columns_go_through_avro_and_back)
{
    WR_ARENA(arena);
    WR_BUF(schema_text);
    WR_BUF(bytes);
    WR_BUF(json);
    wr_field fields[] = {{WR_STR("i"), WR_INTEGER},
                         {WR_STR("t"), wr_type_of(WR_T_TIMESTAMP)},
                         {WR_STR("d"), wr_type_decimal(10, 2)},
                         {WR_STR("s"), WR_VARCHAR},
                         {WR_STR("n"), WR_BIGINT}};
    const wr_schema schema = {.fields = fields, .count = 5};
    wr_value values[] = {wr_value_int(WR_INTEGER, -7), wr_value_int(fields[1].type, -1500000),
                         wr_value_int(fields[2].type, -12345),
                         wr_value_text(WR_STR("a longer text than twelve")),
                         wr_value_null(WR_BIGINT)};
    wr_column columns[5];
    int places[5];
    const char *why;
    for (int i = 0; i < 5; i++)
        wr_value_column(&values[i], 1, &arena, &columns[i]);
    const wr_batch batch = {.columns = columns, .column_count = 5, .rows = 1};
    wr_avro_schema_of(&schema, WR_STR("row"), &schema_text);
    const avro_node *node = schema_of(&arena, schema_text.data);
    EXPECT_OK(wr_avro_match(node, &schema, places));
    EXPECT_OK(wr_avro_write(node, places, &batch, 0, &bytes));
    EXPECT(wr_avro_to_json(node, wr_buf_str(&bytes), &json, &why));
    EXPECT_TEXT(wr_buf_str(&json).data, "{\"i\":-7,\"t\":\"1969-12-31 23:59:58.5\",\"d\":-123.45,"
                                        "\"s\":\"a longer text than twelve\",\"n\":null}");
    wr_schema back;
    wr_avro_columns(node, &arena, &back);
    for (int i = 0; i < 5; i++)
        EXPECT(back.fields[i].type == fields[i].type);
}
