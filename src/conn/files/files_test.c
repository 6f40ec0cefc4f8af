/* files_test.c - files that appear, are complete, go wrong; rolling files through commits and
 * crashes. On a disk in memory, with a clock that stands still. */
#include "base/map.h"
#include "conn/files/files.h"
#include "fmt/scan_test.h"
#include "sys/clock.h"

extern const wr_connector wr_connector_files;

enum { GIVEN_MAX = 10 };

static char folder[512];
static wr_given given[GIVEN_MAX];
static wr_options options = {given, 0};
static wr_mem *mem;
static wr_fs *fs;
static int64_t clock_us;

static int64_t tell_clock(void *arg)
{
    (void)arg;
    return clock_us;
}

static void give_text(const char *name, const char *value)
{
    given[options.count++] =
        (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(value))};
}

static void give_number(const char *name, int64_t value)
{
    given[options.count++] =
        (wr_given){.name = wr_str_of(name), .value = wr_value_int(WR_BIGINT, value)};
}

/* An empty disk in memory, a clock that stands still, options for the folder. */
static void begin(const char *format)
{
    fs = wr_fs_sim_new(1);
    snprintf(folder, sizeof folder, "/in");
    EXPECT_OK(wr_fs_make_dirs(fs, wr_str_of(folder)));
    mem = wr_mem_new(NULL, "test", 0);
    options.count = 0;
    clock_us = 1000000;
    wr_clock_replace(tell_clock, NULL);
    give_text("path", folder);
    give_text("format", format);
}

static void end(void)
{
    wr_clock_replace(NULL, NULL);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    wr_fs_drop(fs);
}

static const char *in_folder(const char *name)
{
    static char path[8][600];
    static int next;
    char *out = path[next++ & 7];
    snprintf(out, sizeof path[0], "%s/%s", folder, name);
    return out;
}

static void put(const char *name, const char *text)
{
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(fs, wr_str_of(in_folder(name)), WR_FILE_REPLACE, &file));
    if (*text) EXPECT_OK(wr_file_append(file, text, strlen(text)));
    wr_file_close(file);
}

static wr_format_context context_of(void)
{
    return (wr_format_context){.fs = fs, .mem = mem, .thread_count = 1};
}

static wr_schema declared(void)
{
    static wr_field fields[] = {{.name = {"id", 2}}, {.name = {"name", 4}}};
    fields[0].type = WR_BIGINT;
    fields[1].type = WR_VARCHAR;
    return (wr_schema){.fields = fields, .count = 2};
}

static wr_source *source_of(void)
{
    wr_source *source = NULL;
    wr_format_context context = context_of();
    wr_schema schema = declared();
    const wr_connect connect = {.options = &options, .schema = &schema, .context = &context};
    EXPECT_OK(wr_connector_files.source(&connect, &source));
    return source;
}

typedef struct letters {
    wr_dead_letters base;
    wr_buf text;
} letters;

static weir_status keep_letter(wr_dead_letters *base, wr_str position, wr_str reason, wr_str raw)
{
    letters *self = (letters *)base;
    wr_buf_printf(&self->text, "%.*s|%.*s|%.*s\n", WR_STR_ARGS(position), WR_STR_ARGS(reason),
                  WR_STR_ARGS(raw));
    return WR_OK;
}

static wr_reader *reader_at(wr_source *source, wr_str position, letters *dead)
{
    static const int columns[] = {1, 0};
    wr_reader *reader = NULL;
    const wr_reader_request request = {.columns = columns,
                                       .column_count = 2,
                                       .position = position,
                                       .dead = dead ? &dead->base : NULL,
                                       .fs = fs,
                                       .mem = mem};
    EXPECT_OK(source->def->open(source, &request, &reader));
    return reader;
}

/* Rows until there are none at the moment. */
static wr_poll poll_into(wr_reader *reader, wr_buf *out)
{
    wr_poll result = WR_POLL_END;
    wr_batch batch;
    for (int i = 0; i < 10000; i++) {
        EXPECT_OK(reader->source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) return result;
        wr_batch_print(&batch, out);
    }
    return result;
}

#define EXPECT_ROWS(buf, want)         \
    do {                               \
        wr_buf_add_text(&(buf), "");   \
        EXPECT_TEXT((buf).data, want); \
        (buf).length = 0;              \
    } while (0)

TEST(a_file_is_read_when_it_has_kept_its_size)
{
    begin("csv");
    wr_source *source = source_of();
    EXPECT(!source->is_bounded);
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    WR_BUF(out);
    put("b.csv", "id,name\n1,one\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "");
    put("b.csv", "id,name\n1,one\n2,two\n"); /* still written */
    clock_us += 300000;
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "");
    clock_us += 300000;
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "one | 1\ntwo | 2\n");
    put("a.csv", "id,name\n3,late\n"); /* a name before the one that was read */
    clock_us += 2000000;
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    clock_us += 300000;
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "late | 3\n");
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(unfinished_and_hidden_names_are_not_looked_at)
{
    static const char *const odd[] = {".hidden.csv", "_log.csv",           "x.csv.tmp",
                                      "x.csv.part",  "x.csv.crdownload",   "x.csv.tmp-01-02",
                                      "y.json",      "deep/_tmp/inner.csv"};
    begin("csv");
    give_text("bounded", "true");
    EXPECT_OK(wr_fs_make_dirs(fs, wr_str_of(in_folder("deep/_tmp"))));
    for (size_t i = 0; i < WR_COUNT(odd); i++)
        put(odd[i], "id,name\n9,no\n");
    put("deep/good.csv", "id,name\n1,yes\n");
    put("empty.csv", "");
    wr_source *source = source_of();
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    WR_BUF(out);
    EXPECT(poll_into(reader, &out) == WR_POLL_END);
    EXPECT_ROWS(out, "yes | 1\n");
    source->def->close(reader);
    wr_source_release(source);
    end();
}

static void put_numbers(const char *name, int from, int count)
{
    WR_BUF(text);
    wr_buf_add_text(&text, "id,name\n");
    for (int i = 0; i < count; i++)
        wr_buf_printf(&text, "%d,row %d\n", from + i, from + i);
    put(name, text.data);
}

TEST(a_position_goes_on_in_the_middle_of_a_file)
{
    begin("csv");
    give_text("bounded", "true");
    put_numbers("a.csv", 0, 3000);
    put_numbers("b.csv", 3000, 5000);
    wr_source *source = source_of();
    WR_BUF(whole);
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    EXPECT(poll_into(reader, &whole) == WR_POLL_END);
    source->def->close(reader);
    for (int polls = 0; polls < 6; polls++) {
        WR_BUF(parts);
        WR_BUF(position);
        wr_batch batch;
        wr_poll result;
        reader = reader_at(source, (wr_str){0}, NULL);
        for (int i = 0; i < polls; i++) {
            EXPECT_OK(source->def->poll(reader, 0, &batch, &result));
            if (result == WR_POLL_ROWS) wr_batch_print(&batch, &parts);
        }
        EXPECT_OK(source->def->position(reader, &position));
        source->def->close(reader);
        reader = reader_at(source, wr_buf_str(&position), NULL);
        position.length = 0; /* before anything is read it is where it was */
        EXPECT_OK(source->def->position(reader, &position));
        source->def->close(reader);
        reader = reader_at(source, wr_buf_str(&position), NULL);
        EXPECT(poll_into(reader, &parts) == WR_POLL_END);
        EXPECT(wr_str_eq(wr_buf_str(&parts), wr_buf_str(&whole)));
        WR_BUF(shown);
        source->def->describe(wr_buf_str(&position), &shown);
        EXPECT(wr_str_find(wr_buf_str(&shown), WR_STR("read")) > 0);
        source->def->close(reader);
    }
    wr_source_release(source);
    end();
}

TEST(a_file_that_changed_half_way_is_an_error)
{
    begin("csv");
    give_text("bounded", "true");
    put_numbers("a.csv", 0, 5000);
    wr_source *source = source_of();
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    wr_batch batch;
    wr_poll result;
    EXPECT_OK(source->def->poll(reader, 0, &batch, &result));
    WR_BUF(position);
    EXPECT_OK(source->def->position(reader, &position));
    source->def->close(reader);
    put_numbers("a.csv", 1, 5000);
    reader = reader_at(source, wr_buf_str(&position), NULL);
    EXPECT_FAIL(source->def->poll(reader, 0, &batch, &result), WR_E_CORRUPT);
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(one_bad_row_does_not_take_others_along)
{
    begin("csv");
    give_text("bounded", "true");
    put("a.csv", "id,name\n1,one\nx,bad\n2,two\n3\n4,four\n");
    wr_source *source = source_of();
    letters dead = {.base = {keep_letter}};
    wr_reader *reader = reader_at(source, (wr_str){0}, &dead);
    WR_BUF(out);
    WR_BUF(position);
    wr_batch batch;
    wr_poll result;
    EXPECT_OK(source->def->poll(reader, 0, &batch, &result));
    wr_batch_print(&batch, &out);
    EXPECT_ROWS(out, "one | 1\ntwo | 2\nfour | 4\n");
    EXPECT_OK(source->def->position(reader, &position));
    source->def->close(reader);
    EXPECT(wr_str_find(wr_buf_str(&dead.text), WR_STR("/in/a.csv:3|column id: ")) >= 0);
    EXPECT(wr_str_find(wr_buf_str(&dead.text), WR_STR("|x,bad\n")) >= 0);
    EXPECT(wr_str_find(wr_buf_str(&dead.text), WR_STR("/in/a.csv:5|1 fields instead of 2|3\n")) >=
           0);
    dead.text.length = 0; /* told once, also when the file is read again */
    reader = reader_at(source, wr_buf_str(&position), &dead);
    EXPECT(poll_into(reader, &out) == WR_POLL_END);
    EXPECT_ROWS(out, "");
    EXPECT_ROWS(dead.text, "");
    source->def->close(reader);
    reader = reader_at(source, (wr_str){0}, NULL);
    weir_status bad = source->def->poll(reader, 0, &batch, &result);
    EXPECT(bad != WR_OK && wr_str_find(wr_str_of(wr_status_text(bad)), WR_STR("a.csv")) >= 0);
    wr_status_drop(bad);
    source->def->close(reader);
    wr_buf_clear(&dead.text);
    wr_source_release(source);
    end();
}

TEST(json_lines_give_the_declared_columns)
{
    begin("jsonl");
    give_text("bounded", "true");
    put("a.jsonl", "{\"name\":\"one\",\"id\":1,\"more\":[1]}\n{\"id\":2}\n");
    wr_source *source = source_of();
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    WR_BUF(out);
    EXPECT(poll_into(reader, &out) == WR_POLL_END);
    EXPECT_ROWS(out, "one | 1\nNULL | 2\n");
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(columns_are_found_by_name_and_missing_ones_are_errors)
{
    begin("csv");
    give_text("bounded", "true");
    put("a.csv", "name,extra,id\n17,x,1\n18,y,2\n"); /* names that look like numbers */
    wr_source *source = source_of();
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    WR_BUF(out);
    EXPECT(poll_into(reader, &out) == WR_POLL_END);
    EXPECT_ROWS(out, "17 | 1\n18 | 2\n");
    source->def->close(reader);
    put("a.csv", "nam,extra,id\n17,x,1\n18,y,2\n");
    reader = reader_at(source, (wr_str){0}, NULL);
    wr_batch batch;
    wr_poll result;
    EXPECT_FAIL(source->def->poll(reader, 0, &batch, &result), WR_E_FILE_SCHEMA);
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(columns_that_nobody_declared_are_those_of_the_first_file)
{
    begin("csv");
    wr_source *source = NULL;
    wr_format_context context = context_of();
    const wr_connect connect = {.options = &options, .context = &context};
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_FILE_NOT_FOUND);
    put("a.csv", "x,y\n1,a\n");
    EXPECT_OK(wr_connector_files.source(&connect, &source));
    EXPECT_INT(source->schema.count, 2);
    EXPECT(source->schema.fields[0].type == WR_BIGINT);
    wr_source_release(source);
    end();
}

TEST(options_of_another_format_are_refused)
{
    begin("parquet");
    give_text("delimiter", ";");
    wr_source *source = NULL;
    wr_format_context context = context_of();
    wr_schema schema = declared();
    const wr_connect connect = {.options = &options, .schema = &schema, .context = &context};
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_UNKNOWN_OPTION);
    options.count = 1;
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_PARAMETER_VALUE);
    give_text("format", "arrow");
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_PARAMETER_VALUE);
    end();
}

TEST(damaged_positions_of_files_are_refused)
{
    begin("csv");
    wr_source *source = source_of();
    wr_reader *reader = NULL;
    static const char good[] = "\1\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0";
    wr_reader_request request = {.fs = fs, .mem = mem, .position = {good, sizeof good - 1}};
    EXPECT_FAIL(source->def->open(source, &request, &reader), WR_E_CORRUPT);
    request.position.length = 5;
    EXPECT_FAIL(source->def->open(source, &request, &reader), WR_E_CORRUPT);
    request.position = WR_STR("\3");
    EXPECT_FAIL(source->def->open(source, &request, &reader), WR_E_STATE_VERSION);
    wr_source_release(source);
    end();
}

/* ---- the sink ---- */
static wr_target *target_of(void)
{
    wr_target *target = NULL;
    wr_format_context context = context_of();
    wr_schema schema = declared();
    const wr_connect connect = {.options = &options, .schema = &schema, .context = &context};
    EXPECT_OK(wr_connector_files.sink(&connect, &target));
    return target;
}

static wr_deliverer *deliverer_of(wr_target *target, const char *query)
{
    wr_deliverer *deliverer = NULL;
    const wr_deliverer_request request = {
        .query = wr_str_of(query), .delivery = WR_DELIVERY_EXACTLY_ONCE, .fs = fs, .mem = mem};
    EXPECT_OK(target->def->open(target, &request, &deliverer));
    return deliverer;
}

static void write_batch(wr_deliverer *deliverer, int from, int count)
{
    WR_ARENA(arena);
    wr_column columns[2];
    wr_column_init(&columns[0], &arena, WR_BIGINT, WR_P_I64, (uint32_t)count);
    wr_column_init(&columns[1], &arena, WR_VARCHAR, WR_P_VIEW, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        ((int64_t *)columns[0].data)[i] = from + i;
        ((wr_view *)columns[1].data)[i] = wr_view_of("text", 4);
    }
    const wr_delta delta = {
        .batch = {.columns = columns, .column_count = 2, .rows = (uint32_t)count}};
    EXPECT_OK(deliverer->target->def->write(deliverer, &delta));
}

static void write_rows(wr_deliverer *deliverer, int from, int count)
{
    for (int at = 0; at < count; at += WR_BATCH_ROWS)
        write_batch(deliverer, from + at, WR_MIN(count - at, WR_BATCH_ROWS));
}

/* Names in the folder; hidden: those that begin with a dot. */
static int names(bool hidden)
{
    WR_ARENA(arena);
    wr_path_list list;
    int count = 0;
    EXPECT_OK(wr_fs_list(fs, wr_str_of(folder), &arena, &list));
    for (int i = 0; i < list.count; i++) {
        wr_str name = wr_path_base(list.paths[i]);
        count += hidden ? name.data[0] == '.' : name.data[0] != '.' && name.data[0] != '_';
    }
    return count;
}

static void read_manifest(wr_buf *out)
{
    wr_file *file = NULL;
    size_t got = 0;
    out->length = 0;
    wr_buf_reserve(out, 4096);
    if (!wr_fs_exists(fs, wr_str_of(in_folder("_manifest.jsonl")))) return;
    EXPECT_OK(wr_file_open(fs, wr_str_of(in_folder("_manifest.jsonl")), WR_FILE_READ, &file));
    EXPECT_OK(wr_file_read(file, 0, out->data, 4000, &got));
    out->length = got;
    out->data[got] = 0;
    wr_file_close(file);
}

static int lines_of(const wr_buf *text)
{
    int count = 0;
    for (size_t i = 0; i < text->length; i++)
        count += text->data[i] == '\n';
    return count;
}

/* All rows of the folder, as the source gives them. */
static int64_t rows_in_folder(void)
{
    wr_options mine = options;
    options.count = 2;
    give_text("bounded", "true");
    wr_source *source = source_of();
    options = mine;
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    int64_t rows = 0;
    wr_poll result = WR_POLL_ROWS;
    wr_batch batch;
    for (;;) {
        EXPECT_OK(source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) break;
        rows += wr_batch_count(&batch);
    }
    source->def->close(reader);
    wr_source_release(source);
    return rows;
}

static void expect_written(const char *format)
{
    begin(format);
    give_number("roll_rows", 100);
    wr_target *target = target_of();
    wr_deliverer *deliverer = deliverer_of(target, "my query");
    WR_BUF(token);
    WR_BUF(manifest);
    write_rows(deliverer, 0, 250);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    EXPECT_INT(names(false), 0);
    EXPECT_INT(names(true), 3);
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    EXPECT_INT(names(false), 3);
    EXPECT_INT(names(true), 0);
    read_manifest(&manifest);
    EXPECT_INT(lines_of(&manifest), 3);
    EXPECT(wr_str_find(wr_buf_str(&manifest),
                       WR_STR("\"query\":\"my query\",\"epoch\":1,\"rows\":100,")) > 0);
    EXPECT_INT(rows_in_folder(), 250);
    target->def->close(deliverer);
    wr_target_release(target);
    end();
}

TEST(rows_become_files_of_csv_when_they_are_committed) { expect_written("csv"); }
TEST(rows_become_files_of_json_when_they_are_committed) { expect_written("jsonl"); }
TEST(rows_become_files_of_parquet_when_they_are_committed) { expect_written("parquet"); }

TEST(a_commit_repeated_after_a_crash_does_what_is_missing)
{
    for (int crash = 0; crash < 3; crash++) {
        begin("csv");
        give_number("roll_rows", 10);
        wr_target *target = target_of();
        wr_deliverer *deliverer = deliverer_of(target, "q");
        WR_BUF(token);
        WR_BUF(manifest);
        write_rows(deliverer, 0, 30);
        EXPECT_OK(target->def->prepare(deliverer, 7, &token));
        write_rows(deliverer, 30, 5); /* of the next epoch; lost in the crash */
        if (crash == 1) {             /* between two names */
            wr_fs *whole;
            whole = fs;
            fs = wr_fs_fault_new(whole, "rename:2:EIO");
            wr_deliverer *other = deliverer_of(target, "q");
            weir_status bad = target->def->commit(other, 7, wr_buf_str(&token));
            EXPECT(bad != WR_OK);
            wr_status_drop(bad);
            target->def->close(other);
            wr_fs_drop(fs);
            fs = whole;
        }
        if (crash == 2) EXPECT_OK(target->def->commit(deliverer, 7, wr_buf_str(&token)));
        wr_fs_sim_power_loss(fs);
        wr_deliverer *again = deliverer_of(target, "q");
        EXPECT_OK(target->def->commit(again, 7, wr_buf_str(&token)));
        EXPECT_INT(names(false), 3);
        EXPECT_INT(rows_in_folder(), 30);
        read_manifest(&manifest);
        EXPECT_INT(lines_of(&manifest), 3);
        write_rows(again, 30, 5);
        EXPECT_INT(names(true), 1); /* what the dead writer left is gone */
        token.length = 0;
        EXPECT_OK(target->def->prepare(again, 8, &token));
        EXPECT_OK(target->def->commit(again, 8, wr_buf_str(&token)));
        EXPECT_INT(rows_in_folder(), 35);
        target->def->close(again);
        target->def->close(deliverer);
        wr_target_release(target);
        end();
    }
}

TEST(a_query_that_begins_again_from_nothing_takes_no_name_twice)
{
    begin("csv");
    wr_target *target = target_of();
    for (int run = 0; run < 2; run++) {
        wr_deliverer *deliverer = deliverer_of(target, "q");
        WR_BUF(token);
        write_rows(deliverer, 0, 10);
        EXPECT_OK(target->def->prepare(deliverer, 1, &token));
        EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
        target->def->close(deliverer);
    }
    EXPECT_INT(rows_in_folder(), 20);
    wr_target_release(target);
    end();
}

TEST(what_a_failed_round_wrote_leaves_nothing_behind)
{
    begin("jsonl");
    give_number("roll_rows", 10);
    wr_target *target = target_of();
    wr_deliverer *deliverer = deliverer_of(target, "q");
    WR_BUF(token);
    write_rows(deliverer, 0, 25);
    target->def->abort(deliverer);
    EXPECT_INT(names(true), 0);
    write_rows(deliverer, 100, 5);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    EXPECT_INT(rows_in_folder(), 5);
    target->def->close(deliverer);
    wr_target_release(target);
    end();
}

TEST(files_roll_by_time_and_by_size)
{
    begin("csv");
    give_number("roll_seconds", 60);
    give_number("roll_bytes", 2000000);
    wr_target *target = target_of();
    wr_deliverer *deliverer = deliverer_of(target, "q");
    WR_BUF(token);
    write_rows(deliverer, 0, 5);
    clock_us += 61000000;
    write_rows(deliverer, 5, 5);
    EXPECT_INT(names(true), 2);
    for (int i = 0; i < 300; i++)
        write_rows(deliverer, 1000000, 1000);
    EXPECT(names(true) >= 3);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    EXPECT_OK(target->def->commit(deliverer, 1, wr_buf_str(&token)));
    EXPECT_INT(rows_in_folder(), 300010);
    target->def->close(deliverer);
    wr_target_release(target);
    end();
}

TEST(damaged_tokens_and_names_that_lead_elsewhere_are_refused)
{
    begin("csv");
    wr_target *target = target_of();
    wr_deliverer *deliverer = deliverer_of(target, "q");
    WR_BUF(token);
    write_rows(deliverer, 0, 5);
    EXPECT_OK(target->def->prepare(deliverer, 1, &token));
    for (size_t length = 1; length < token.length; length++) {
        wr_str cut = {token.data, length};
        EXPECT_FAIL(target->def->commit(deliverer, 1, cut), WR_E_CORRUPT);
    }
    token.data[0] = 9;
    EXPECT_FAIL(target->def->commit(deliverer, 1, wr_buf_str(&token)), WR_E_STATE_VERSION);
    token.data[0] = 1;
    token.data[18] = '/';
    EXPECT_FAIL(target->def->commit(deliverer, 1, wr_buf_str(&token)), WR_E_CORRUPT);
    target->def->close(deliverer);
    wr_target_release(target);
    end();
}

/* ---- a file that grows ---- */
static void append(const char *name, const char *text)
{
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(fs, wr_str_of(in_folder(name)), WR_FILE_APPEND, &file));
    EXPECT_OK(wr_file_append(file, text, strlen(text)));
    wr_file_close(file);
}

static void begin_tail(const char *format)
{
    begin(format);
    given[0].value = wr_value_text(WR_STR("/in/app.log"));
    give_text("mode", "tail");
    if (strcmp(format, "csv") == 0) give_text("header", "true");
}

TEST(a_growing_file_gives_whole_lines)
{
    begin_tail("csv");
    wr_source *source = source_of();
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    WR_BUF(out);
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE); /* it is not there yet */
    append("app.log", "id,name\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "");
    append("app.log", "1,one\n2,t");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "one | 1\n");
    append("app.log", "wo\n3,\"two\nlines");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "two | 2\n");
    append("app.log", "\"\n4,x\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "two\nlines | 3\nx | 4\n");
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(a_growing_file_is_followed_through_rotations_and_restarts)
{
    begin_tail("csv");
    wr_source *source = source_of();
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    WR_BUF(out);
    WR_BUF(position);
    append("app.log", "id,name\n1,one\n2,two\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "one | 1\ntwo | 2\n");
    EXPECT_OK(source->def->position(reader, &position));
    source->def->close(reader);
    append("app.log", "3,three\n4,last");
    EXPECT_OK(wr_fs_rename(fs, wr_str_of(in_folder("app.log")), wr_str_of(in_folder("app.log.1"))));
    append("app.log", "name,id\nfive,5\n");
    reader = reader_at(source, wr_buf_str(&position), NULL);
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "three | 3\n");
    clock_us += 300000;
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    clock_us += 300000;
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "last | 4\nfive | 5\n");
    put("app.log", ""); /* emptied in place */
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    append("app.log", "id,name\n6,six\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "six | 6\n");
    source->def->close(reader);
    EXPECT_OK(wr_fs_remove(fs, wr_str_of(in_folder("app.log.1"))));
    reader = reader_at(source, wr_buf_str(&position), NULL);
    wr_batch batch;
    wr_poll result;
    EXPECT_FAIL(source->def->poll(reader, 0, &batch, &result), WR_E_FILE_NOT_FOUND);
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(a_growing_file_tells_the_lines_of_bad_rows_once)
{
    begin_tail("jsonl");
    wr_source *source = source_of();
    letters dead = {.base = {keep_letter}};
    wr_reader *reader = reader_at(source, (wr_str){0}, &dead);
    WR_BUF(out);
    append("app.log", "{\"id\":1,\"name\":\"a\"}\n{\"id\":2}\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    append("app.log", "{\"id\":\"x\"}\n{\"id\":4}\n");
    EXPECT(poll_into(reader, &out) == WR_POLL_IDLE);
    EXPECT_ROWS(out, "a | 1\nNULL | 2\nNULL | 4\n");
    EXPECT(wr_str_has_prefix(wr_buf_str(&dead.text), WR_STR("/in/app.log:3|")));
    source->def->close(reader);
    reader = reader_at(source, (wr_str){0}, NULL);
    wr_batch batch;
    wr_poll result = WR_POLL_ROWS;
    weir_status bad = WR_OK;
    while (!bad && result == WR_POLL_ROWS)
        bad = source->def->poll(reader, 0, &batch, &result);
    EXPECT(bad && wr_str_find(wr_str_of(wr_status_text(bad)), WR_STR("app.log:3")) >= 0);
    wr_status_drop(bad);
    source->def->close(reader);
    wr_buf_clear(&dead.text);
    wr_source_release(source);
    end();
}

TEST(a_growing_file_goes_on_in_the_middle_of_a_piece)
{
    begin_tail("csv");
    give_text("bounded", "true");
    put_numbers("app.log", 0, 6000);
    wr_source *source = source_of();
    WR_BUF(whole);
    wr_reader *reader = reader_at(source, (wr_str){0}, NULL);
    EXPECT(poll_into(reader, &whole) == WR_POLL_END);
    source->def->close(reader);
    WR_BUF(parts);
    WR_BUF(position);
    wr_batch batch;
    wr_poll result;
    reader = reader_at(source, (wr_str){0}, NULL);
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(source->def->poll(reader, 0, &batch, &result));
        wr_batch_print(&batch, &parts);
    }
    EXPECT_OK(source->def->position(reader, &position));
    source->def->close(reader);
    reader = reader_at(source, wr_buf_str(&position), NULL);
    EXPECT(poll_into(reader, &parts) == WR_POLL_END);
    EXPECT(wr_str_eq(wr_buf_str(&parts), wr_buf_str(&whole)));
    source->def->close(reader);
    wr_source_release(source);
    end();
}

TEST(what_tail_cannot_follow_is_refused)
{
    begin("parquet");
    give_text("mode", "tail");
    wr_source *source = NULL;
    wr_format_context context = context_of();
    wr_schema schema = declared();
    const wr_connect connect = {.options = &options, .schema = &schema, .context = &context};
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_UNSUPPORTED);
    given[0].value = wr_value_text(WR_STR("/in/a.parquet"));
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_UNSUPPORTED);
    given[1].value = wr_value_text(WR_STR("csv"));
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_PARAMETER_VALUE);
    given[2].value = wr_value_text(WR_STR("tails"));
    EXPECT_FAIL(wr_connector_files.source(&connect, &source), WR_E_PARAMETER_VALUE);
    end();
}
