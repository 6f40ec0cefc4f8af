/* append_test.c - one file that grows: commits, crashes, and others who write into it. On a disk in
 * memory. */
#include "base/test.h"
#include "conn/files/files.h"

extern const wr_connector wr_connector_files;

static wr_fs *fs;
static wr_mem *mem;
static wr_target *target;
static wr_deliverer *deliverer;
static const wr_str PATH = {"/out/log.csv", 12};

static void open_it(void)
{
    const wr_deliverer_request request = {
        .query = WR_STR("q"), .delivery = WR_DELIVERY_EXACTLY_ONCE, .fs = fs, .mem = mem};
    EXPECT_OK(target->def->open(target, &request, &deliverer));
}

static void begin(void)
{
    static wr_field fields[] = {{{"n", 1}, NULL}};
    static wr_given given[3];
    fields[0].type = WR_BIGINT;
    given[0] = (wr_given){.name = WR_STR("path"), .value = wr_value_text(PATH)};
    given[1] = (wr_given){.name = WR_STR("mode"), .value = wr_value_text(WR_STR("append"))};
    const wr_options options = {given, 2};
    const wr_schema schema = {.fields = fields, .count = 1};
    fs = wr_fs_sim_new(1);
    mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = fs, .mem = mem, .thread_count = 1};
    const wr_connect connect = {.options = &options, .schema = &schema, .context = &context};
    EXPECT_OK(wr_connector_files.sink(&connect, &target));
    open_it();
}

static void end(void)
{
    target->def->close(deliverer);
    wr_target_release(target);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    wr_fs_drop(fs);
}

static void write_number(int64_t number)
{
    WR_ARENA(arena);
    wr_column column;
    wr_column_init(&column, &arena, WR_BIGINT, WR_P_I64, 1);
    *(int64_t *)column.data = number;
    const wr_delta delta = {.batch = {.columns = &column, .column_count = 1, .rows = 1}};
    EXPECT_OK(target->def->write(deliverer, &delta));
}

static void expect_file(const char *want)
{
    WR_AUTO(wr_file) *file = NULL;
    char text[256];
    size_t got;
    EXPECT_OK(wr_file_open(fs, PATH, WR_FILE_READ, &file));
    EXPECT_OK(wr_file_read(file, 0, text, sizeof text - 1, &got));
    text[got] = 0;
    EXPECT_TEXT(text, want);
}

static void add(const char *text)
{
    WR_AUTO(wr_file) *file = NULL;
    EXPECT_OK(wr_file_open(fs, PATH, WR_FILE_APPEND, &file));
    EXPECT_OK(wr_file_append(file, text, strlen(text)));
    EXPECT_OK(wr_file_sync(file));
}

static int names(void)
{
    WR_ARENA(arena);
    wr_path_list list;
    EXPECT_OK(wr_fs_list(fs, WR_STR("/out"), &arena, &list));
    return list.count;
}

TEST(rows_are_in_the_file_when_they_are_committed_and_once)
{
    begin();
    WR_BUF(token);
    write_number(1);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    EXPECT(!wr_fs_exists(fs, PATH));
    for (int i = 0; i < 2; i++)
        EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    expect_file("n\n1\n");
    EXPECT_INT(names(), 1);
    wr_buf_clear(&token);
    write_number(2);
    EXPECT_OK(target->def->prepare(deliverer, 2, &token));
    EXPECT_OK(target->def->commit(deliverer, 2, wr_buf_str(&token)));
    expect_file("n\n1\n2\n");
    end();
}

TEST(a_commit_without_rows_makes_no_file)
{
    begin();
    WR_BUF(token);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    EXPECT(!wr_fs_exists(fs, PATH));
    end();
}

TEST(a_commit_that_was_done_in_part_is_completed)
{
    begin();
    WR_BUF(token);
    add("n\n7\n");
    write_number(12345);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    add("123");
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    expect_file("n\n7\n12345\n");
    end();
}

TEST(rows_go_behind_what_others_wrote_meanwhile)
{
    begin();
    WR_BUF(token);
    add("n\n7\n");
    write_number(12345);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    add("9\n");
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    expect_file("n\n7\n9\n12345\n");
    end();
}

TEST(a_last_line_without_an_end_gets_one)
{
    begin();
    add("n\n7");
    write_number(8);
    EXPECT_OK(target->def->flush(deliverer));
    expect_file("n\n7\n8\n");
    end();
}

TEST(what_a_failed_round_or_a_dead_process_wrote_goes)
{
    begin();
    WR_BUF(token);
    write_number(1);
    target->def->abort(deliverer);
    EXPECT_INT(names(), 0);
    write_number(2);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token)); /* and dies */
    target->def->close(deliverer);
    EXPECT_INT(names(), 1);
    open_it();
    write_number(3);
    EXPECT_OK(target->def->flush(deliverer));
    expect_file("n\n3\n");
    EXPECT_INT(names(), 1);
    end();
}

TEST(damaged_tokens_of_a_file_are_refused)
{
    begin();
    EXPECT_FAIL(target->def->commit(deliverer, 1, WR_STR("\2")), WR_E_STATE_VERSION);
    EXPECT_FAIL(target->def->commit(deliverer, 1, WR_STR("\1abc")), WR_E_CORRUPT);
    WR_BUF(token);
    wr_buf_add_char(&token, 1);
    wr_files_add_u64(&token, 0);
    wr_files_add_u64(&token, 4);
    wr_files_add_text(&token, WR_STR("../x"));
    EXPECT_FAIL(target->def->commit(deliverer, 1, wr_buf_str(&token)), WR_E_CORRUPT);
    end();
}
