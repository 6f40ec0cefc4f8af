/* decode_test.c - messages made rows, without a broker. */
#include "base/test.h"
#include "conn/kafka/decode.h"

extern const wr_connector wr_connector_kafka;

static const wr_str NONE = {NULL, 0};
static wr_mem *mem;

typedef struct letters {
    wr_dead_letters base;
    wr_buf text;
} letters;

static weir_status keep_letter(wr_dead_letters *base, wr_str position, wr_str reason, wr_str raw)
{
    wr_buf_printf(&((letters *)base)->text, "%.*s|%.*s|%.*s\n", WR_STR_ARGS(position),
                  WR_STR_ARGS(reason), WR_STR_ARGS(raw));
    return WR_OK;
}

static void need_library(void)
{
    const kafka_api *api;
    weir_status bad = wr_kafka_api(&api);
    bool is_missing = bad != WR_OK;
    wr_status_drop(bad);
    if (is_missing) wr_test_skip("librdkafka1 is not installed");
}

/* A source with columns id BIGINT, name VARCHAR and the given pairs of options. */
static wr_source *source_of(const char *const *pairs)
{
    wr_given given[12] = {{.name = WR_STR("brokers"), .value = wr_value_text(WR_STR("nobody:1"))},
                          {.name = WR_STR("topic"), .value = wr_value_text(WR_STR("t"))}};
    wr_options options = {given, 2};
    wr_field fields[] = {{WR_STR("id"), WR_BIGINT}, {WR_STR("name"), WR_VARCHAR}};
    const wr_schema schema = {.fields = fields, .count = 2};
    for (int i = 0; pairs[i]; i += 2)
        given[options.count++] = (wr_given){.name = wr_str_of(pairs[i]),
                                            .value = wr_value_text(wr_str_of(pairs[i + 1]))};
    wr_format_context context = {.fs = wr_fs_real(), .thread_count = 1};
    const wr_connect connect = {.options = &options,
                                .schema = &schema,
                                .keys = (const int[]){0},
                                .key_count = 1,
                                .context = &context};
    wr_source *source = NULL;
    EXPECT_OK(wr_connector_kafka.source(&connect, &source));
    return source;
}

static void print_rows(const wr_batch *batch, const int8_t *changes, wr_buf *out)
{
    WR_BUF(text);
    wr_batch_print(batch, &text);
    wr_str rest = wr_buf_str(&text);
    for (uint32_t i = 0; changes && i < wr_batch_count(batch); i++) {
        size_t length = (size_t)((char *)memchr(rest.data, '\n', rest.length) + 1 - rest.data);
        wr_buf_add_text(out, changes[wr_batch_row(batch, i)] < 0 ? "- " : "+ ");
        wr_buf_add(out, rest.data, length);
        rest = (wr_str){rest.data + length, rest.length - length};
    }
    wr_buf_add_str(out, rest);
}

/* The rows of the payloads (those without address: none), then what went to the dead letters. */
static void expect_rows(const char *const *options, const wr_str *payloads, uint32_t count,
                        const char *wanted)
{
    need_library();
    static const int columns[] = {1, 0};
    mem = wr_mem_new(NULL, "test", 0);
    letters dead = {.base.add = keep_letter};
    wr_source *source = source_of(options);
    const wr_reader_request request = {
        .columns = columns, .column_count = 2, .dead = &dead.base, .mem = mem};
    kafka_decoder *decoder = NULL;
    rd_kafka_message_t made[16] = {0}, *messages[16];
    WR_BUF(out);
    EXPECT_OK(wr_kafka_decoder_new((kafka_source *)source, &request, &decoder));
    for (uint32_t i = 0; i < count; i++) {
        made[i] = (rd_kafka_message_t){.payload = (void *)(uintptr_t)payloads[i].data,
                                       .len = payloads[i].length,
                                       .partition = 3,
                                       .offset = 100 + i};
        messages[i] = &made[i];
    }
    for (uint32_t from = 0; from < count;) {
        uint32_t most = wr_kafka_decode_max((kafka_source *)source);
        uint32_t piece = WR_MIN(count - from, most), done = 0;
        EXPECT_OK(wr_kafka_decode(decoder, messages + from, piece));
        for (bool has = true; has;) {
            wr_batch batch = {0};
            EXPECT_OK(wr_kafka_decoded(decoder, &batch, &done, &has));
            if (has) print_rows(&batch, wr_kafka_changes(decoder), &out);
        }
        EXPECT_INT(done, piece);
        from += piece;
    }
    wr_buf_add_str(&out, wr_buf_str(&dead.text));
    EXPECT_TEXT(wr_buf_str(&out).data, wanted);
    wr_buf_clear(&dead.text);
    wr_kafka_decoder_drop(decoder);
    wr_source_release(source);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}
#define EXPECT_ROWS(options, payloads, wanted) \
    expect_rows((const char *const[])options, payloads, WR_COUNT(payloads), wanted)
#define OPTIONS(...)                    \
    {                                   \
        __VA_ARGS__ __VA_OPT__(, ) NULL \
    }

TEST(json_messages_are_rows_and_a_bad_one_takes_no_other_along)
{
    const wr_str payloads[] = {WR_STR("{\"id\": 1, \"name\": \"a\"}"),
                               WR_STR("{oops"),
                               WR_STR("{\"id\": 2,\n\"name\": null}"),
                               WR_STR(""),
                               WR_STR("{\"id\":\"x\"}"),
                               WR_STR("{\"id\":3}\n{\"id\":4}"),
                               NONE,
                               WR_STR("{\"id\": 5, \"name\": \"two\nlines\"}"),
                               WR_STR("{\"name\": \"z\", \"more\": [1]}")};
    if (WR_BATCH_ROWS < 20) wr_test_skip("fewer messages are taken at once: another order");
    EXPECT_ROWS(OPTIONS(), payloads,
                "a | 1\n"
                "NULL | 2\n"
                "z | NULL\n"
                "topic t partition 3 offset 103|it is empty|\n"
                "topic t partition 3 offset 101|payload is not valid JSON: a key in quotes is "
                "expected here|{oops\n"
                "topic t partition 3 offset 104|cannot read the text \"x\" as BIGINT (column id, "
                "payload)|{\"id\":\"x\"}\n"
                "topic t partition 3 offset 105|payload is not valid JSON: something follows the "
                "record on its line|{\"id\":3}\n{\"id\":4}\n"
                "topic t partition 3 offset 107|payload is not valid JSON: a control character "
                "stands in a text|{\"id\": 5, \"name\": \"two\nlines\"}\n");
}

TEST(csv_messages_are_one_record_each)
{
    const wr_str payloads[] = {
        WR_STR("1,a"), WR_STR("2,\"open"),         WR_STR("3,\"b\nc\"\n"), WR_STR("4,x\n5,y"),
        WR_STR("6"),   WR_STR("7,\"q\"\"q\"\r\n"), WR_STR("x,\"y\" z\""),  WR_STR("8,last")};
    EXPECT_ROWS(OPTIONS("format", "csv"), payloads,
                "a | 1\nb\nc | 3\nq\"q | 7\nlast | 8\n"
                "topic t partition 3 offset 101|a quote is never closed|2,\"open\n"
                "topic t partition 3 offset 103|it is more than one record|4,x\n5,y\n"
                "topic t partition 3 offset 104|1 fields instead of 2|6\n"
                "topic t partition 3 offset 106|column name: text follows a closing "
                "quote|x,\"y\" z\"\n");
}

TEST(messages_without_payload_are_what_was_asked_for)
{
    const wr_str payloads[] = {NONE, WR_STR("{\"id\": 1}")};
    EXPECT_ROWS(OPTIONS("null_payload", "null"), payloads, "NULL | NULL\nNULL | 1\n");
    EXPECT_ROWS(OPTIONS("null_payload", "error"), payloads,
                "NULL | 1\ntopic t partition 3 offset 100|it has no payload|\n");
}

TEST(avro_messages_are_rows)
{
    const wr_str payloads[] = {WR_STR("\x02\x02\x02"
                                      "a"),
                               WR_STR("\x04\x00"), WR_STR("\x06\x02\x7f")};
    EXPECT_ROWS(OPTIONS("format", "avro", "avro.schema",
                        "{\"type\":\"record\",\"name\":\"r\",\"fields\":[{\"name\":\"id\",\"type\":"
                        "\"long\"},{\"name\":\"name\",\"type\":[\"null\",\"string\"]}]}"),
                payloads,
                "a | 1\nNULL | 2\n"
                "topic t partition 3 offset 102|a length is negative|\x06\x02\x7f\n");
}

#define ROW(k, text) "{\"id\":" #k ",\"name\":" text "}"
#define UPDATE(old, new) WR_STR("{\"op\":\"u\",\"before\":" old ",\"after\":" new "}")

TEST(changes_of_a_database_are_rows_that_appear_and_are_taken_back)
{
    const wr_str payloads[] = {
        WR_STR("{\"op\":\"c\",\"before\":null,\"after\":" ROW(1, "\"a\"") ",\"ts_ms\":5}"),
        UPDATE(ROW(1, "\"a\""), ROW(1, "\"b\"")),
        WR_STR("{\"schema\":{\"op\":1},\"payload\":{\"op\":\"r\",\"after\":" ROW(2, "null") "}}"),
        WR_STR("{\"op\":\"d\",\"before\":" ROW(1, "\"b\"") ",\"after\":null}"),
        NONE,
        WR_STR("{\"schema\":null,\"payload\":null}"),
        WR_STR("{\"op\":\"m\",\"message\":{}}")};
    EXPECT_ROWS(OPTIONS("format", "debezium"), payloads,
                "+ a | 1\n- a | 1\n+ b | 1\n+ NULL | 2\n- b | 1\n");
}

TEST(a_change_that_cannot_be_read_is_left_out_as_a_whole)
{
    const wr_str payloads[] = {UPDATE(ROW(1, "\"a\""), ROW([], "\"b\"")),
                               UPDATE(ROW(x, "\"a\""), ROW(3, "\"b\"")),
                               UPDATE("null", ROW(4, "\"b\"")),
                               UPDATE(ROW(5, "null"), ROW(5, "\"b\"")),
                               UPDATE(ROW([], "\"a\""), ROW([], "\"b\"")),
                               WR_STR("{\"op\":\"t\"}"),
                               WR_STR("{\"op\":\"c\",\"after\":3}"),
                               WR_STR("{\"id\":7}"),
                               WR_STR("[1]"),
                               UPDATE(ROW(9, "\"a\""), ROW(9, "null"))};
#define OLD_ROWS "(the database must log old rows whole: REPLICA IDENTITY FULL)|"
#define IS_SHOWN(change) "{\"op\":\"u\",\"before\":" change "}\n"
#define PLACE_OF(n) "topic t partition 3 offset 10" #n "|"
    if (WR_BATCH_ROWS < 20) wr_test_skip("fewer messages are taken at once: another order");
    EXPECT_ROWS(
        OPTIONS("format", "debezium"), payloads,
        "- a | 9\n+ NULL | 9\n" PLACE_OF(1) "it is not a JSON object|" IS_SHOWN("{\"id\":x,"
                                                                                "\"name\":\"a\"},"
                                                                                "\"after\":{\"id\":"
                                                                                "3,\"name\":\"b\"}")
            PLACE_OF(2) "it does not have the row as it was (before) " OLD_ROWS IS_SHOWN(
                "null,\"after\":{"
                "\"id\":4,\"name\":"
                "\"b\"}")
                PLACE_OF(3) "it has only the key of the row as it was " OLD_ROWS IS_SHOWN(
                    "{\"id\":5,"
                    "\"name\":"
                    "null},"
                    "\"after\":{"
                    "\"id\":5,"
                    "\"name\":"
                    "\"b\"}")
                    PLACE_OF(5) "its table was emptied (op t), and of which rows it does not say|"
                                "{\"op\":\"t\"}\n" PLACE_OF(
                                    6) "it does not have the row as it is now (after)|"
                                       "{\"op\":\"c\",\"after\":3}\n" PLACE_OF(
                                           7) "it says no op, or none of c, "
                                              "r, u and "
                                              "d|{\"id\":7}\n" PLACE_OF(
                                                  8) "it is not a JSON "
                                                     "object|[1]\n" PLACE_OF(
                                                         0) "cannot read the list "
                                                            "[] as BIGINT (column "
                                                            "id, "
                                                            "payload)|" IS_SHOWN("{"
                                                                                 "\"id\":1,"
                                                                                 "\"name\":\"a\"},"
                                                                                 "\"after\":{"
                                                                                 "\"id\":[],"
                                                                                 "\"name\":\"b\"}")
                                                                PLACE_OF(4) "cannot"
                                                                            " read "
                                                                            "the "
                                                                            "list "
                                                                            "[] as "
                                                                            "BIGINT"
                                                                            " ("
                                                                            "column"
                                                                            " id, "
                                                                            "payloa"
                                                                            "d)"
                                                                            "|" IS_SHOWN("{"
                                                                                         "\""
                                                                                         "id"
                                                                                         "\""
                                                                                         ":["
                                                                                         "],"
                                                                                         "\""
                                                                                         "na"
                                                                                         "me"
                                                                                         "\""
                                                                                         ":"
                                                                                         "\""
                                                                                         "a"
                                                                                         "\""
                                                                                         "},"
                                                                                         "\""
                                                                                         "af"
                                                                                         "te"
                                                                                         "r"
                                                                                         "\""
                                                                                         ":{"
                                                                                         "\""
                                                                                         "id"
                                                                                         "\""
                                                                                         ":["
                                                                                         "],"
                                                                                         "\""
                                                                                         "na"
                                                                                         "me"
                                                                                         "\""
                                                                                         ":"
                                                                                         "\""
                                                                                         "b"
                                                                                         "\""
                                                                                         "}"));
}

TEST(options_that_do_not_fit_are_refused)
{
    static const struct {
        const char *name, *value;
        wr_code code;
    } wrong[] = {{"format", "protobuf", WR_E_UNSUPPORTED},
                 {"avro.schema", "\"int\"", WR_E_UNKNOWN_OPTION},
                 {"format", "avro", WR_E_PARAMETER_VALUE},
                 {"scan.startup.mode", "timestamp", WR_E_PARAMETER_VALUE},
                 {"scan.startup.timestamp.millis", "5", WR_E_PARAMETER_VALUE},
                 {"schema.registry", "http://x", WR_E_UNKNOWN_OPTION},
                 {"offset_column", "nmae", WR_E_UNKNOWN_COLUMN},
                 {"offset_column", "name", WR_E_TYPE_MISMATCH},
                 {"colour", "red", WR_E_UNKNOWN_OPTION},
                 {"properties.enable.auto.commit", "true", WR_E_PARAMETER_VALUE},
                 {"sasl_plain_username", "alone", WR_E_PARAMETER_VALUE},
                 {"format", "debezium", WR_E_PARAMETER_VALUE}, /* no key */
                 {"format", "raw", WR_E_COLUMN_COUNT}};
    wr_field fields[] = {{WR_STR("id"), WR_BIGINT}, {WR_STR("name"), WR_VARCHAR}};
    const wr_schema schema = {.fields = fields, .count = 2};
    for (size_t i = 0; i < WR_COUNT(wrong); i++) {
        wr_given given[] = {
            {.name = WR_STR("brokers"), .value = wr_value_text(WR_STR("nobody:1"))},
            {.name = WR_STR("topic"), .value = wr_value_text(WR_STR("t"))},
            {.name = wr_str_of(wrong[i].name), .value = wr_value_text(wr_str_of(wrong[i].value))}};
        wr_options options = {given, 3};
        const wr_connect connect = {.options = &options, .schema = &schema};
        wr_source *source = NULL;
        weir_status bad = wr_connector_kafka.source(&connect, &source);
        if (!bad || bad->code != wrong[i].code)
            wr_test_failed(__FILE__, __LINE__, "%s = '%s' gave %s", wrong[i].name, wrong[i].value,
                           wr_status_text(bad));
        wr_status_drop(bad);
        wr_source_release(source);
    }
}
