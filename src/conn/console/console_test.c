/* console_test.c - what the console prints of changes; the blackhole takes them too. */
#include "base/test.h"
#include "fmt/scan_test.h"
#include "spi/connector.h"

extern const wr_connector wr_connector_console, wr_connector_blackhole;

static wr_arena arena;

/* Two columns, three rows; the second is taken back. */
static wr_delta some_rows(void)
{
    static const int8_t changes[] = {1, -1, 1};
    wr_column *columns = wr_new_array(&arena, wr_column, 2);
    wr_column_init(&columns[0], &arena, WR_BIGINT, WR_P_I64, 3);
    wr_column_init(&columns[1], &arena, WR_VARCHAR, WR_P_VIEW, 3);
    static const char *const texts[] = {"a", "line\nend \"x\" \x1b[2J", "c"};
    for (int i = 0; i < 3; i++) {
        ((int64_t *)columns[0].data)[i] = i;
        ((wr_view *)columns[1].data)[i] = wr_view_of(texts[i], strlen(texts[i]));
    }
    wr_bit_clear(wr_column_need_valid(&columns[0], &arena, 3), 2);
    return (wr_delta){.batch = {.columns = columns, .column_count = 2, .rows = 3},
                      .changes = changes};
}

static wr_target *target_of(const wr_connector *connector, const char *path, const char *format)
{
    wr_field fields[] = {{WR_STR("id"), WR_BIGINT}, {WR_STR("na\"me"), WR_VARCHAR}};
    wr_schema schema = {.fields = fields, .count = 2};
    wr_given given[2] = {
        {.name = WR_STR("path"), .value = wr_value_text(wr_str_of(path))},
        {.name = WR_STR("format"), .value = wr_value_text(wr_str_of(format ? format : ""))}};
    wr_options options = {given, path ? 2 : 0};
    wr_target *target = NULL;
    EXPECT_OK(connector->sink(&(wr_connect){.options = &options, .schema = &schema}, &target));
    return target;
}

static void expect_printed(const char *format, const char *want)
{
    const char *path = test_path("console");
    wr_target *target = target_of(&wr_connector_console, path, format);
    wr_deliverer *deliverer = NULL;
    const wr_deliverer_request request = {.fs = wr_fs_real()};
    EXPECT_OK(target->def->open(target, &request, &deliverer));
    wr_delta delta = some_rows();
    EXPECT_OK(target->def->write(deliverer, &delta));
    target->def->abort(deliverer);
    EXPECT_OK(target->def->write(deliverer, &delta));
    EXPECT_OK(target->def->flush(deliverer));
    target->def->close(deliverer);
    wr_file *file = NULL;
    char text[512] = {0};
    size_t got = 0;
    EXPECT_OK(wr_file_open(wr_fs_real(), wr_str_of(path), WR_FILE_READ, &file));
    EXPECT_OK(wr_file_read(file, 0, text, sizeof text - 1, &got));
    EXPECT_TEXT(text, want);
    wr_file_close(file);
    EXPECT_OK(wr_fs_remove(wr_fs_real(), wr_str_of(path)));
    wr_target_release(target);
    wr_arena_clear(&arena);
}

TEST(console_prints_changes_as_text)
{
    expect_printed("text", "+ 0 | a\n- 1 | line\\nend \"x\" \\x1b[2J\n+ NULL | c\n");
}

TEST(console_prints_changes_as_json)
{
    expect_printed("jsonl", "{\"change\":\"+\",\"row\":{\"id\":0,\"na\\\"me\":\"a\"}}\n"
                            "{\"change\":\"-\",\"row\":{\"id\":1,\"na\\\"me\":\"line\\nend "
                            "\\\"x\\\" \\u001b[2J\"}}\n"
                            "{\"change\":\"+\",\"row\":{\"id\":null,\"na\\\"me\":\"c\"}}\n");
}

TEST(console_refuses_other_formats)
{
    wr_given given = {.name = WR_STR("format"), .value = wr_value_text(WR_STR("xml"))};
    wr_options options = {&given, 1};
    wr_target *target = NULL;
    EXPECT_FAIL(wr_connector_console.sink(&(wr_connect){.options = &options}, &target),
                WR_E_PARAMETER_VALUE);
}

TEST(blackhole_takes_every_change)
{
    wr_target *target = target_of(&wr_connector_blackhole, NULL, NULL);
    wr_deliverer *deliverer = NULL;
    EXPECT(target->takes_back);
    EXPECT(target->def->prepare == NULL && target->why_no_more != NULL);
    EXPECT_OK(target->def->open(target, &(wr_deliverer_request){0}, &deliverer));
    wr_delta delta = some_rows();
    EXPECT_OK(target->def->write(deliverer, &delta));
    EXPECT_OK(target->def->flush(deliverer));
    target->def->close(deliverer);
    wr_target_release(target);
    wr_arena_clear(&arena);
}
