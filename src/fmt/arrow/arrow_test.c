/* arrow_test.c - batches written here and read back, messages that lie, FlatBuffers. */
#include "base/test.h"
#include "fmt/arrow/flat.h"
#include "spi/format.h"

extern const wr_format wr_format_arrow;

enum { STEP = WR_BATCH_ROWS < 1000 ? WR_BATCH_ROWS : 1000 };

typedef struct disk {
    wr_mem *mem;
    wr_fs *fs;
    wr_format_context context;
} disk;

static disk open_disk(uint64_t limit)
{
    disk d = {.mem = wr_mem_new(NULL, "test", limit), .fs = wr_fs_sim_new(1)};
    d.context = (wr_format_context){.fs = d.fs, .mem = d.mem, .thread_count = 2};
    return d;
}

static void close_disk(disk *d)
{
    EXPECT_INT(wr_mem_used(d->mem), 0);
    wr_mem_drop(d->mem);
    wr_fs_drop(d->fs);
}

static wr_schema two_columns(wr_arena *arena)
{
    wr_schema s = {.fields = wr_new_array(arena, wr_field, 2), .count = 2};
    s.fields[0] = (wr_field){WR_STR("n"), WR_BIGINT};
    s.fields[1] = (wr_field){WR_STR("t"), WR_VARCHAR};
    return s;
}

/* Rows [first, first + count): the number, and a text that is NULL in every seventh row. */
static wr_batch rows_from(wr_arena *arena, int64_t first, uint32_t count)
{
    wr_batch b = {.columns = wr_new_array(arena, wr_column, 2), .column_count = 2, .rows = count};
    wr_column_init(&b.columns[0], arena, WR_BIGINT, WR_P_I64, count);
    wr_column_init(&b.columns[1], arena, WR_VARCHAR, WR_P_VIEW, count);
    b.columns[0].rows = b.columns[1].rows = count;
    for (uint32_t i = 0; i < count; i++) {
        int64_t n = first + i;
        wr_str text = wr_arena_printf(arena, n % 2 ? "t%lld" : "a longer text %lld", (long long)n);
        ((int64_t *)b.columns[0].data)[i] = n;
        ((wr_view *)b.columns[1].data)[i] = wr_view_of(text.data, text.length);
        if (n % 7 == 0) wr_bit_clear(wr_column_need_valid(&b.columns[1], arena, count), i);
    }
    return b;
}

static weir_status write_rows(disk *d, const char *path, const wr_options *options, int64_t rows)
{
    WR_ARENA(arena);
    WR_AUTO(wr_file) *file = NULL;
    wr_schema schema = two_columns(&arena);
    wr_writer *writer = NULL;
    WR_TRY(wr_file_open(d->fs, wr_str_of(path), WR_FILE_REPLACE, &file));
    WR_TRY(wr_format_arrow.writer_new(&d->context, file, &schema, options, &writer));
    weir_status bad = WR_OK;
    for (int64_t at = 0; !bad && at < rows; at += STEP) {
        wr_batch batch = rows_from(&arena, at, (uint32_t)WR_MIN(rows - at, (int64_t)STEP));
        bad = writer->def->write(writer, &batch);
    }
    if (!bad) bad = writer->def->finish(writer);
    writer->def->drop(writer);
    return bad;
}

typedef struct totals {
    int64_t rows, sum, nulls, text_bytes;
} totals;

static void add_batch(const wr_batch *batch, int count, totals *out)
{
    WR_BUF(text); /* printed: in a damaged file the column may have become one of another type */
    for (uint32_t i = 0; i < wr_batch_count(batch); i++) {
        uint32_t row = wr_batch_row(batch, i);
        out->rows++;
        out->sum += wr_column_int(&batch->columns[0], row);
        if (count < 2) continue;
        text.length = 0;
        if (wr_column_is_null(&batch->columns[1], row))
            out->nulls++;
        else
            wr_column_print(&batch->columns[1], row, &text);
        out->text_bytes += text.length;
    }
}

/* Reads the first count columns with two workers that take turns. */
static weir_status read_rows(disk *d, const char *path, int count, totals *out)
{
    static const int columns[] = {0, 1};
    WR_AUTO(wr_relation) *rel = NULL;
    wr_scan_worker *workers[2] = {0};
    wr_scan *scan = NULL;
    *out = (totals){0};
    WR_TRY(wr_format_arrow.bind(&d->context, wr_str_of(path), &(wr_options){0}, &rel));
    wr_scan_request request = {
        .columns = columns, .column_count = count, .limit = -1, .worker_count = 2, .mem = d->mem};
    WR_TRY(rel->def->open(rel, &request, &scan));
    weir_status bad = rel->def->worker_new(scan, 0, &workers[0]);
    if (!bad) bad = rel->def->worker_new(scan, 1, &workers[1]);
    for (bool any = true; any && !bad;) {
        any = false;
        for (int w = 0; w < 2 && !bad; w++) {
            bool more = false;
            wr_batch batch;
            bad = rel->def->next_morsel(workers[w], &more);
            any |= more;
            while (!bad && more) {
                bad = rel->def->next_batch(workers[w], &batch, &more);
                if (!bad && more) add_batch(&batch, count, out);
            }
        }
    }
    for (int w = 0; w < 2; w++)
        rel->def->worker_drop(workers[w]);
    rel->def->close(scan);
    return bad;
}

static wr_given text_option(const char *name, const char *value)
{
    return (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(value))};
}

static weir_status write_with(disk *d, const char *path, const char *layout, const char *codec,
                              int64_t batch_size, int64_t rows)
{
    wr_given given[3] = {
        text_option("layout", layout),
        text_option("compression", codec),
        {.name = WR_STR("batch_size"), .value = wr_value_int(WR_BIGINT, batch_size)}};
    return write_rows(d, path, &(wr_options){given, 3}, rows);
}

TEST(what_is_written_in_any_layout_is_read_back)
{
    static const char *const layouts[] = {"file", "stream"}, *const codecs[] = {"none", "zstd",
                                                                                "lz4"};
    enum { ROWS = 300000 };
    disk d = open_disk(0);
    totals want = {0}, got;
    WR_ARENA(arena);
    for (int64_t at = 0; at < ROWS; at += STEP) {
        wr_batch batch = rows_from(&arena, at, (uint32_t)WR_MIN((int64_t)STEP, ROWS - at));
        add_batch(&batch, 2, &want);
    }
    for (int k = 0; k < 6; k++) {
        EXPECT_OK(write_with(&d, "/f", layouts[k % 2], codecs[k / 2], k % 2 ? 777 : 290000, ROWS));
        EXPECT_OK(read_rows(&d, "/f", 2, &got));
        EXPECT(memcmp(&want, &got, sizeof want) == 0);
        EXPECT_OK(read_rows(&d, "/f", 1, &got));
        EXPECT_INT(got.sum, want.sum);
    }
    close_disk(&d);
}

TEST(a_writer_short_of_memory_writes_smaller_batches)
{
    disk d = open_disk(4 << 20);
    totals got;
    EXPECT_OK(write_with(&d, "/f", "file", "none", 1 << 20, 200000));
    EXPECT_OK(read_rows(&d, "/f", 2, &got));
    EXPECT_INT(got.rows, 200000);
    close_disk(&d);
}

TEST(a_file_without_rows_has_its_columns)
{
    disk d = open_disk(0);
    totals got;
    EXPECT_OK(write_with(&d, "/f", "stream", "none", 100, 0));
    EXPECT_OK(read_rows(&d, "/f", 2, &got));
    EXPECT_INT(got.rows, 0);
    close_disk(&d);
}

/* Every byte in turn is replaced, and every shorter file tried: an error or other values, but never
 * more memory than the budget and nothing kept. */
TEST(damaged_files_are_errors_or_other_values)
{
    static const char *const layouts[] = {"file", "stream"};
    static uint8_t good[1 << 16];
    for (int k = 0; k < 2; k++) {
        disk d = open_disk(64 << 20);
        wr_file *file = NULL;
        size_t size;
        totals got;
        EXPECT_OK(write_with(&d, "/f", layouts[k], k ? "lz4" : "none", 9, 20));
        EXPECT_OK(wr_file_open(d.fs, WR_STR("/f"), WR_FILE_READ, &file));
        EXPECT_OK(wr_file_read(file, 0, good, sizeof good, &size));
        wr_file_close(file);
        EXPECT(size < sizeof good);
        int errors = 0;
        for (size_t i = 0; i < 2 * size; i++) {
            uint8_t kept = good[i % size];
            if (i < size) good[i] = i % 2 ? 0xff : (uint8_t)(kept + 1);
            EXPECT_OK(wr_file_open(d.fs, WR_STR("/g"), WR_FILE_REPLACE, &file));
            EXPECT_OK(wr_file_append(file, good, i < size ? size : i - size + 1));
            wr_file_close(file);
            good[i % size] = kept;
            weir_status bad = read_rows(&d, "/g", 2, &got);
            errors += bad != WR_OK;
            wr_status_drop(bad);
        }
        EXPECT(errors > (int)size / 2);
        close_disk(&d);
    }
}

TEST(tables_that_are_built_are_read)
{
    WR_ARENA(arena);
    wr_flat_out out = {.arena = &arena};
    uint32_t name = wr_flat_put_text(&out, WR_STR("a name that is longer than the first room"));
    int64_t numbers[3] = {1, -2, INT64_MAX};
    uint32_t list = wr_flat_put_list(&out, numbers, 3, 8, 8);
    wr_flat_begin(&out);
    wr_flat_set_int(&out, 2, 1, -1);
    wr_flat_set_ref(&out, 0, name);
    uint32_t child = wr_flat_end(&out), children[2] = {child, child};
    uint32_t tables = wr_flat_put_refs(&out, children, 2);
    wr_flat_begin(&out);
    wr_flat_set_int(&out, 5, 8, INT64_MIN);
    wr_flat_set_ref(&out, 1, list);
    wr_flat_set_ref(&out, 3, tables);
    wr_str bytes = wr_flat_finish(&out, wr_flat_end(&out));
    EXPECT_INT(bytes.length % 8, 0);
    wr_flat in = {(const uint8_t *)bytes.data, bytes.length, false};
    wr_flat_table root = wr_flat_root(&in);
    EXPECT(wr_flat_int(root, 5, 8, 0) == INT64_MIN);
    EXPECT_INT(wr_flat_int(root, 4, 4, 77), 77);
    wr_flat_vector read = wr_flat_list(root, 1, 8), subs = wr_flat_list(root, 3, 4);
    EXPECT_INT(read.count, 3);
    EXPECT_INT(wr_flat_list_int(read, 1, 0, 8), -2);
    EXPECT_INT(subs.count, 2);
    EXPECT_INT(wr_flat_int(wr_flat_list_table(subs, 1), 2, 1, 0), -1);
    EXPECT_TEXT(wr_flat_text(wr_flat_list_table(subs, 0), 0).data,
                "a name that is longer than the first room");
    EXPECT(!in.bad);
}

TEST(a_reference_out_of_the_bytes_is_bad)
{
    uint8_t bytes[16] = {200, 0, 0, 0};
    wr_flat in = {bytes, sizeof bytes, false};
    EXPECT_INT(wr_flat_root(&in).at, 0);
    EXPECT(in.bad);
}
