/* parquet_test.c - files written here and read back: values, pruning, filters, slices, damage. */
#include "base/test.h"
#include "spi/format.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const wr_format wr_format_parquet;

enum { STEP = WR_BATCH_ROWS < 1000 ? WR_BATCH_ROWS : 1000 }; /* rows per batch written */

static const char *test_file(void)
{
    static char path[512];
    const char *dir = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/weir_parquet_test_%d", dir ? dir : "/tmp", (int)getpid());
    return path;
}

/* ---- rows as a function of their number */

static const wr_type *test_types(int i)
{
    static const wr_type_id plain[] = {
        WR_T_BOOLEAN,  WR_T_TINYINT,   WR_T_SMALLINT,     WR_T_INTEGER,   WR_T_BIGINT,
        WR_T_UTINYINT, WR_T_USMALLINT, WR_T_UINTEGER,     WR_T_UBIGINT,   WR_T_REAL,
        WR_T_DOUBLE,   WR_T_VARCHAR,   WR_T_DATE,         WR_T_TIMESTAMP, WR_T_TIMESTAMPTZ,
        WR_T_UUID,     WR_T_BLOB,      WR_T_TIMESTAMP_NS, WR_T_TIME};
    if (i < (int)WR_COUNT(plain)) return wr_type_of(plain[i]);
    i -= (int)WR_COUNT(plain);
    if (i == 0) return wr_type_decimal(4, 1);
    if (i == 1) return wr_type_decimal(15, 2);
    if (i == 2) return wr_type_decimal(30, 3);
    if (i == 3) return wr_type_list(WR_INTEGER);
    return NULL;
}

static void put_text(wr_column *c, wr_arena *arena, uint32_t row, int64_t n)
{
    wr_str s =
        wr_arena_printf(arena, n % 3 ? "t%lld" : "a longer text number %lld", (long long)(n % 50));
    ((wr_view *)c->data)[row] = wr_view_of(s.data, s.length);
}

static void put_value(wr_column *c, wr_arena *arena, uint32_t row, int64_t n)
{
    int64_t v = c->type->id == WR_T_BOOLEAN ? n & 1 : n % 100;
    switch (c->phys) {
    case WR_P_U8:
    case WR_P_I8:
        ((int8_t *)c->data)[row] = (int8_t)v;
        break;
    case WR_P_I16:
    case WR_P_U16:
        ((int16_t *)c->data)[row] = (int16_t)v;
        break;
    case WR_P_I32:
    case WR_P_U32:
        ((int32_t *)c->data)[row] = (int32_t)n;
        break;
    case WR_P_I64:
    case WR_P_U64:
        ((int64_t *)c->data)[row] = n * 1000003;
        break;
    case WR_P_I128:
        ((wr_i128 *)c->data)[row] = (wr_i128)n << 40;
        break;
    case WR_P_F32:
        ((float *)c->data)[row] = (float)n / 4;
        break;
    case WR_P_F64:
        ((double *)c->data)[row] = (double)n / 8;
        break;
    case WR_P_VIEW:
        put_text(c, arena, row, n);
        break;
    case WR_P_LIST:
        ((wr_list_slot *)c->data)[row] = (wr_list_slot){row * 2, (uint32_t)(n % 3)};
        break;
    default:
        EXPECT(false);
    }
}

/* Rows [first, first + count); every seventh value is NULL, at another place in each column. */
static wr_batch make_batch(wr_arena *arena, const wr_schema *schema, int64_t first, uint32_t count)
{
    wr_batch b = {.columns = wr_new_array(arena, wr_column, schema->count),
                  .column_count = schema->count,
                  .rows = count};
    for (int k = 0; k < schema->count; k++) {
        wr_column *c = &b.columns[k];
        wr_column_init(c, arena, schema->fields[k].type, schema->fields[k].type->phys, count);
        c->rows = count;
        if (c->phys == WR_P_LIST) {
            c->children = wr_new(arena, wr_column);
            wr_column_init(c->children, arena, c->type->child, WR_P_I32, 2 * count);
            c->children->rows = 2 * count;
            for (uint32_t i = 0; i < 2 * count; i++)
                ((int32_t *)c->children->data)[i] = (int32_t)(first + i);
        }
        for (uint32_t i = 0; i < count; i++) {
            put_value(c, arena, i, first + i);
            bool is_null = k > 0 && (first + i + k) % 7 == 0;
            if (is_null) wr_bit_clear(wr_column_need_valid(c, arena, count), i);
        }
    }
    return b;
}

static wr_schema make_schema(wr_arena *arena)
{
    wr_schema s = {.fields = wr_new_array(arena, wr_field, 33)};
    s.fields[s.count++] = (wr_field){WR_STR("number"), WR_INTEGER};
    for (const wr_type *t; (t = test_types(s.count - 1)); s.count++)
        s.fields[s.count] = (wr_field){wr_arena_printf(arena, "c%d", s.count), t};
    return s;
}

typedef struct written {
    wr_given options[8];
    int64_t rows;
    int column_count; /* 0 = all */
    wr_buf text;      /* of all rows as printed */
} written;

static void write_rows(written *w)
{
    WR_ARENA(arena);
    wr_schema schema = make_schema(&arena);
    if (w->column_count) schema.count = w->column_count;
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_options options = {w->options, 0};
    while (w->options[options.count].name.length)
        options.count++;
    wr_file *file = NULL;
    wr_writer *writer = NULL;
    EXPECT_OK(wr_file_open(context.fs, wr_str_of(test_file()), WR_FILE_REPLACE, &file));
    EXPECT_OK(wr_format_parquet.writer_new(&context, file, &schema, &options, &writer));
    for (int64_t at = 0; at < w->rows; at += STEP) {
        wr_batch b = make_batch(&arena, &schema, at, (uint32_t)WR_MIN(w->rows - at, STEP));
        wr_batch_print(&b, &w->text);
        EXPECT_OK(writer->def->write(writer, &b));
    }
    EXPECT_OK(writer->def->finish(writer));
    writer->def->drop(writer);
    wr_file_close(file);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

/* ---- reading */

typedef struct reading {
    wr_scan_filter **filters;
    int filter_count, workers;
    const int *columns; /* NULL: all visible */
    int column_count;
    int64_t rows;
    wr_buf text;
} reading;

static weir_status read_worker(reading *r, wr_relation *rel, wr_scan *scan, int number, bool *got)
{
    wr_scan_worker *worker = NULL;
    bool more = true;
    WR_TRY(rel->def->worker_new(scan, number, &worker));
    weir_status bad = rel->def->next_morsel(worker, got);
    while (!bad && *got && more) {
        wr_batch b;
        bad = rel->def->next_batch(worker, &b, &more);
        if (bad || !more) break;
        wr_batch_print(&b, &r->text);
        r->rows += wr_batch_count(&b);
    }
    rel->def->worker_drop(worker);
    return bad;
}

/* A new worker for every morsel, so that nothing may be kept from one to the next. */
static weir_status read_rows(reading *r)
{
    wr_mem *mem = wr_mem_new(NULL, "test", (uint64_t)256 << 20);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_relation *rel = NULL;
    wr_scan *scan = NULL;
    weir_status bad =
        wr_format_parquet.bind(&context, wr_str_of(test_file()), &(wr_options){0}, &rel);
    int all[64];
    wr_scan_request q = {.columns = r->columns,
                         .column_count = r->column_count,
                         .filters = r->filters,
                         .filter_count = r->filter_count,
                         .limit = -1,
                         .worker_count = WR_MAX(r->workers, 1),
                         .mem = mem};
    if (!bad && !r->columns) {
        for (int i = 0; i < rel->visible_count && i < 64; i++)
            all[i] = i;
        q.columns = all;
        q.column_count = WR_MIN(rel->visible_count, 64);
    }
    if (!bad) bad = rel->def->open(rel, &q, &scan);
    for (bool got = true; !bad && got;)
        bad = read_worker(r, rel, scan, 0, &got);
    if (scan) rel->def->close(scan);
    wr_relation_release(rel);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    return bad;
}

static wr_given text_option(const char *name, const char *value)
{
    return (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(value))};
}

static wr_given int_option(const char *name, int64_t value)
{
    return (wr_given){.name = wr_str_of(name), .value = wr_value_int(WR_BIGINT, value)};
}

static void expect_same(written *w)
{
    reading r = {0};
    write_rows(w);
    EXPECT_OK(read_rows(&r));
    EXPECT_INT(r.rows, w->rows);
    EXPECT(wr_str_eq(wr_buf_str(&r.text), wr_buf_str(&w->text)));
    wr_buf_clear(&r.text);
    wr_buf_clear(&w->text);
    unlink(test_file());
}

TEST(parquet_gives_back_all_types_in_every_encoding_and_codec)
{
    static const char *const encodings[] = {"auto", "plain", "dictionary", "delta"};
    static const char *const codecs[] = {"none",    "snappy", "gzip",  "zstd",
                                         "lz4_raw", "lz4",    "brotli"};
    for (size_t e = 0; e < WR_COUNT(encodings); e++)
        for (size_t c = 0; c < WR_COUNT(codecs); c++)
            expect_same(&(written){.options = {text_option("encoding", encodings[e]),
                                               text_option("codec", codecs[c]),
                                               int_option("row_group_size", 2500)},
                                   .rows = 5100});
}

TEST(parquet_gives_back_rows_across_many_small_pages)
{
    expect_same(&(written){.options = {int_option("page_size_bytes", 64)}, .rows = 3000});
    expect_same(&(written){.options = {int_option("row_group_size", 1)}, .rows = 40});
    expect_same(&(written){.rows = 0});
}

TEST(parquet_slices_of_a_row_group_give_each_row_once)
{
    written w = {
        .rows = 300000, .column_count = 1, .options = {int_option("row_group_size", 300000)}};
    reading one = {.workers = 1}, many = {.workers = 2};
    write_rows(&w);
    EXPECT_OK(read_rows(&one));
    EXPECT_OK(read_rows(&many)); /* slices come in order when one worker at a time takes them */
    EXPECT_INT(many.rows, w.rows);
    EXPECT(wr_str_eq(wr_buf_str(&one.text), wr_buf_str(&many.text)));
    wr_buf_clear(&one.text);
    wr_buf_clear(&many.text);
    wr_buf_clear(&w.text);
    unlink(test_file());
}

/* ---- filters */

typedef struct int_filter {
    wr_scan_filter base;
    wr_prune fact;
    wr_value value;
    int64_t from, to; /* rows with from <= value <= to stay */
    int calls, column;
} int_filter;

static const wr_prune *filter_facts(const wr_scan_filter *self, int *count)
{
    *count = 1;
    return &((const int_filter *)self)->fact;
}

static weir_status filter_apply(const wr_scan_filter *self, int worker, const wr_batch *in,
                                uint16_t *sel, uint32_t *count)
{
    int_filter *f = (int_filter *)self;
    uint32_t kept = 0;
    (void)worker;
    f->calls++;
    for (uint32_t i = 0; i < *count; i++) {
        const wr_column *c = &in->columns[f->column];
        if (wr_column_is_null(c, sel[i])) continue;
        int64_t v = wr_column_int(c, sel[i]);
        if (v >= f->from && v <= f->to) sel[kept++] = sel[i];
    }
    *count = kept;
    return WR_OK;
}

/* Reads column 0 and the others through a filter on one column and compares with what the rows say.
 */
static int filtered(int column, int64_t from, int64_t to, bool with_fact, int64_t rows,
                    const char *bloom)
{
    written w = {.rows = rows,
                 .options = {int_option("row_group_size", 10000),
                             int_option("page_size_bytes", 8000),
                             text_option("bloom_filter_columns", bloom)}};
    write_rows(&w);
    WR_ARENA(arena);
    wr_schema schema = make_schema(&arena);
    int_filter f = {.from = from, .to = to, .column = column};
    f.base = (wr_scan_filter){.columns = &f.column,
                              .column_count = 1,
                              .prunes = with_fact ? filter_facts : NULL,
                              .apply = filter_apply};
    f.value = wr_value_int(schema.fields[column].type, from);
    f.fact = (wr_prune){.column = column, .op = WR_PRUNE_EQ, .values = &f.value, .value_count = 1};
    wr_scan_filter *filters[] = {&f.base};
    reading all = {.filters = filters, .filter_count = 1};
    EXPECT_OK(read_rows(&all));
    WR_BUF(want);
    for (int64_t at = 0; at < rows; at += STEP) {
        wr_batch b = make_batch(&arena, &schema, at, (uint32_t)WR_MIN(rows - at, STEP));
        uint16_t sel[STEP];
        b.sel = sel;
        for (uint32_t i = 0; i < b.rows; i++) {
            bool is_null = wr_column_is_null(&b.columns[column], i);
            int64_t v = is_null ? 0 : wr_column_int(&b.columns[column], i);
            if (!is_null && v >= from && v <= to) sel[b.sel_count++] = (uint16_t)i;
        }
        wr_batch_print(&b, &want);
    }
    EXPECT(wr_str_eq(wr_buf_str(&all.text), wr_buf_str(&want)));
    wr_buf_clear(&all.text);
    wr_buf_clear(&w.text);
    unlink(test_file());
    return f.calls;
}

TEST(parquet_filters_keep_exactly_the_rows_that_pass)
{
    filtered(0, 12345, 12345, false, 25000, "");
    filtered(0, 100, 20000, false, 25000, "");
    filtered(3, 5, 9, false, 9000, "");
    filtered(2, 0, 0, false, 9000, "");
}

TEST(parquet_reads_only_the_pages_a_fact_leaves)
{
    int everything = filtered(0, 12345, 12345, false, 50000, "");
    int pruned = filtered(0, 12345, 12345, true, 50000, "");
    EXPECT(pruned >= 1 && pruned * 10 <= everything);
}

TEST(parquet_asks_bloom_filters_and_dictionaries)
{
    /* The values of column 5 are multiples of 1000003: bounds cannot exclude this one, bloom filter
     * and dictionary can. */
    EXPECT_INT(filtered(5, 5 * 1000003 + 1, 5 * 1000003 + 1, true, 9000, "c5"), 0);
    EXPECT(filtered(5, 6 * 1000003, 6 * 1000003, true, 9000, "c5") > 0);
    /* c2 and the like come from a dictionary of 100 values; 101 is beyond its bounds */
    EXPECT_INT(filtered(3, 101, 101, true, 9000, ""), 0);
}

TEST(parquet_numbers_rows_and_counts_without_columns)
{
    written w = {.rows = 2100, .column_count = 1, .options = {int_option("row_group_size", 1000)}};
    write_rows(&w);
    int row_number = 1;
    reading none = {.columns = &row_number, .column_count = 0},
            numbers = {.columns = &row_number, .column_count = 1};
    EXPECT_OK(read_rows(&none));
    EXPECT_INT(none.rows, 2100);
    EXPECT_OK(read_rows(&numbers));
    EXPECT(wr_str_eq(wr_buf_str(&numbers.text),
                     wr_buf_str(&w.text))); /* the column holds the row number too */
    wr_buf_clear(&none.text);
    wr_buf_clear(&numbers.text);
    wr_buf_clear(&w.text);
    unlink(test_file());
}

/* ---- damage */

static void overwrite(const char *bytes, size_t size)
{
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(wr_fs_real(), wr_str_of(test_file()), WR_FILE_REPLACE, &file));
    EXPECT_OK(wr_file_append(file, bytes, size));
    wr_file_close(file);
}

TEST(parquet_survives_any_byte_being_wrong)
{
    written w = {.rows = 300,
                 .options = {text_option("codec", "none"), int_option("row_group_size", 150)}};
    write_rows(&w);
    wr_file *file = NULL;
    wr_file_stat stat;
    EXPECT_OK(wr_file_open(wr_fs_real(), wr_str_of(test_file()), WR_FILE_READ, &file));
    EXPECT_OK(wr_file_stat_of(file, &stat));
    char *good = wr_heap_new(stat.size);
    EXPECT_OK(wr_file_read_exact(file, 0, good, stat.size));
    wr_file_close(file);
    uint32_t state = 17, refused = 0;
    for (int round = 0; round < 1500; round++) {
        char *bytes = wr_heap_copy(good, stat.size);
        for (int i = 0; i < 1 + round % 3; i++) {
            state = state * 1664525u + 1013904223u;
            /* most of what can go wrong is in the footer at the end */
            size_t at =
                round & 1 ? stat.size - 1 - state % WR_MIN(stat.size, 6000) : state % stat.size;
            bytes[at] = (char)(state >> 24);
        }
        overwrite(bytes, round % 10 ? stat.size : state % stat.size);
        reading r = {0};
        weir_status bad = read_rows(&r);
        refused += bad != NULL;
        if (bad) EXPECT(bad->message[0] != 0);
        wr_status_drop(bad);
        wr_buf_clear(&r.text);
        wr_heap_drop(bytes);
    }
    EXPECT(refused > 300);
    wr_heap_drop(good);
    wr_buf_clear(&w.text);
    unlink(test_file());
}

TEST(parquet_says_what_is_wrong_with_a_file)
{
    reading r = {0};
    overwrite("PAR1 this is no parquet file at all", 35);
    EXPECT_FAIL(read_rows(&r), WR_E_CORRUPT);
    overwrite("PAR1\1\0\0\0PARE", 12);
    EXPECT_FAIL(read_rows(&r), WR_E_UNSUPPORTED);
    overwrite("PAR1", 4);
    EXPECT_FAIL(read_rows(&r), WR_E_CORRUPT);
    unlink(test_file());
    EXPECT_FAIL(read_rows(&r), WR_E_FILE_NOT_FOUND);
}

TEST(parquet_refuses_options_that_do_not_fit)
{
    WR_ARENA(arena);
    wr_schema schema = make_schema(&arena);
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_given wrong[] = {text_option("codec", "zip"), int_option("compression_level", 99),
                        text_option("bloom_filter_columns", "nothing"),
                        text_option("encoding", "rot13"), int_option("row_group_size", 0)};
    for (size_t i = 0; i < WR_COUNT(wrong); i++) {
        wr_writer *writer = NULL;
        weir_status bad = wr_format_parquet.writer_new(&context, NULL, &schema,
                                                       &(wr_options){&wrong[i], 1}, &writer);
        EXPECT(bad && (bad->code == WR_E_PARAMETER_VALUE || bad->code == WR_E_UNKNOWN_COLUMN));
        wr_status_drop(bad);
    }
    wr_mem_drop(mem);
}

TEST(parquet_knows_its_columns_before_reading)
{
    written w = {.rows = 5000, .column_count = 4, .options = {int_option("row_group_size", 2000)}};
    write_rows(&w);
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_relation *rel = NULL;
    EXPECT_OK(wr_format_parquet.bind(&context, wr_str_of(test_file()), &(wr_options){0}, &rel));
    wr_column_stats s;
    rel->def->stats(rel, 0, &s);
    EXPECT(rel->has_row_count && rel->row_count == 5000);
    EXPECT(s.has_range && s.min.i64 == 0 && s.max.i64 == 4999 && s.is_exact);
    EXPECT(s.has_null_count && s.null_count == 0);
    rel->def->stats(rel, 3, &s);
    EXPECT(s.has_null_count && s.null_count > 700 && s.null_count < 720);
    EXPECT(s.has_distinct && s.distinct == 100);
    EXPECT_INT(rel->visible_count, 4);
    EXPECT_INT(rel->schema.count, 5);
    wr_relation_release(rel);
    wr_mem_drop(mem);
    wr_buf_clear(&w.text);
    unlink(test_file());
}
