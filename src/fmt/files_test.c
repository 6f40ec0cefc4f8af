/* files_test.c - several files as one relation, and one relation as several files. */
#include "fmt/scan_test.h"
#include <sys/stat.h>

static wr_given bool_option(const char *name)
{
    return (wr_given){.name = wr_str_of(name), .value = wr_value_bool(true)};
}

/* A fresh folder and files below it. */
typedef struct test_folder {
    char root[300], paths[4][420];
    wr_str patterns[4];
    int count;
} test_folder;

static void make_folder(test_folder *f, const char *name)
{
    *f = (test_folder){0};
    snprintf(f->root, sizeof f->root, "%s", test_path(name));
    mkdir(f->root, 0700);
}

static void add_file(test_folder *f, const char *name, const char *text)
{
    char *path = f->paths[f->count];
    WR_BUF(joined);
    wr_buf_printf(&joined, "%s/%s", f->root, name);
    EXPECT(joined.length < sizeof f->paths[0]);
    memcpy(path, joined.data, WR_MIN(joined.length + 1, sizeof f->paths[0]));
    EXPECT_OK(wr_fs_make_dirs(wr_fs_real(), wr_path_dir(wr_str_of(path))));
    write_file(path, wr_str_of(text));
    f->patterns[f->count++] = wr_str_of(path);
}

static void remove_folder(test_folder *f)
{
    char command[400];
    snprintf(command, sizeof command, "rm -rf '%s'", f->root);
    EXPECT_INT(system(command), 0);
}

typedef struct only_equal {
    wr_scan_filter base;
    int64_t wanted;
    int applied;
} only_equal;

static weir_status apply_equal(const wr_scan_filter *base, int worker, const wr_batch *in,
                               uint16_t *sel, uint32_t *count)
{
    only_equal *self = (only_equal *)base;
    uint32_t kept = 0;
    (void)worker;
    self->applied++;
    for (uint32_t i = 0; i < *count; i++)
        if (!wr_column_is_null(&in->columns[base->columns[0]], sel[i]) &&
            wr_column_int(&in->columns[base->columns[0]], sel[i]) == self->wanted)
            sel[kept++] = sel[i];
    *count = kept;
    return WR_OK;
}

/* Reads all files; filter_column >= 0: only rows where it equals wanted. */
static weir_status read_files(test_folder *f, const wr_given *options, int option_count,
                              int filter_column, int64_t wanted, test_read *r)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_options given = {(wr_given *)(uintptr_t)options, option_count};
    wr_relation *rel = NULL;
    weir_status bad = wr_files_bind(&context, f->patterns, f->count, NULL, &given, &rel);
    if (!bad) {
        int columns[16], count = rel->visible_count;
        for (int k = 0; k < count; k++) {
            columns[k] = k;
            wr_buf_printf(&r->schema, "%s%.*s %s", k ? ", " : "",
                          WR_STR_ARGS(rel->schema.fields[k].name),
                          wr_type_name(rel->schema.fields[k].type));
        }
        only_equal equal = {
            .base = {.columns = &filter_column, .column_count = 1, .apply = apply_equal},
            .wanted = wanted};
        wr_scan_filter *filters[] = {&equal.base};
        wr_scan_request request = {.columns = columns,
                                   .column_count = count,
                                   .limit = -1,
                                   .worker_count = 1,
                                   .mem = mem,
                                   .filters = filters,
                                   .filter_count = filter_column >= 0};
        wr_scan *scan = NULL;
        wr_scan_worker *worker = NULL;
        bad = rel->def->open(rel, &request, &scan);
        if (!bad) bad = rel->def->worker_new(scan, 0, &worker);
        for (bool got = true; !bad && got;) {
            bad = rel->def->next_morsel(worker, &got);
            for (bool more = got; !bad && more;) {
                wr_batch batch;
                bad = rel->def->next_batch(worker, &batch, &more);
                if (!bad && more) collect_batch(r, &batch);
            }
        }
        if (worker) rel->def->worker_drop(worker);
        if (scan) rel->def->close(scan);
    }
    wr_relation_release(rel);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    return bad;
}

TEST(files_of_one_schema_are_read_one_after_the_other)
{
    test_folder f;
    test_read r = {0};
    make_folder(&f, "same");
    add_file(&f, "1.csv", "a,b\n1,x\n");
    add_file(&f, "2.csv", "a,b\n2.5,y\n"); /* integers here, fractions there: all become DOUBLE */
    EXPECT_OK(read_files(&f, NULL, 0, -1, 0, &r));
    EXPECT_TEXT(r.schema.data, "a DOUBLE, b VARCHAR");
    EXPECT_TEXT(r.text.data, "1|x\n2.5|y\n");
    forget(&r);
    remove_folder(&f);
}

TEST(different_columns_are_an_error_that_names_both_files)
{
    test_folder f;
    test_read r = {0};
    make_folder(&f, "differ");
    add_file(&f, "1.csv", "a,b\n1,x\n");
    add_file(&f, "2.csv", "a,c\n2,y\n");
    weir_status bad = read_files(&f, NULL, 0, -1, 0, &r);
    EXPECT(bad && bad->code == WR_E_FILE_SCHEMA && strstr(bad->message, "1.csv") &&
           strstr(bad->message, "2.csv"));
    wr_status_drop(bad);
    forget(&r);
    wr_given by_name = bool_option("union_by_name");
    EXPECT_OK(read_files(&f, &by_name, 1, -1, 0, &r));
    EXPECT_TEXT(r.schema.data, "a BIGINT, b VARCHAR, c VARCHAR");
    EXPECT_TEXT(r.text.data, "1|x|NULL\n2|NULL|y\n");
    forget(&r);
    remove_folder(&f);
}

TEST(folders_named_key_value_become_columns_and_are_pruned)
{
    test_folder f;
    test_read r = {0};
    make_folder(&f, "hive");
    add_file(&f, "year=2023/c=a%20b/1.csv", "n\n1\n");
    add_file(&f, "year=2024/c=d/2.csv", "n\n2\n3\n");
    EXPECT_OK(read_files(&f, NULL, 0, -1, 0, &r));
    EXPECT_TEXT(r.schema.data, "n BIGINT, year BIGINT, c VARCHAR");
    EXPECT_TEXT(r.text.data, "1|2023|a b\n2|2024|d\n3|2024|d\n");
    forget(&r);
    unlink(f.paths[0]); /* a file whose partition is filtered out is not even opened */
    write_file(f.paths[0], WR_STR("n\n1\n"));
    EXPECT_OK(read_files(&f, NULL, 0, 1, 2024, &r));
    EXPECT_TEXT(r.text.data, "2|2024|d\n3|2024|d\n");
    forget(&r);
    EXPECT_OK(
        read_files(&f, NULL, 0, 0, 3, &r)); /* and a filter on a column of the files works below */
    EXPECT_TEXT(r.text.data, "3|2024|d\n");
    forget(&r);
    remove_folder(&f);
}

TEST(filename_is_a_column_when_asked)
{
    test_folder f;
    test_read r = {0};
    make_folder(&f, "named");
    add_file(&f, "1.json", "{\"a\":1}\n");
    wr_given name = bool_option("filename");
    EXPECT_OK(read_files(&f, &name, 1, -1, 0, &r));
    EXPECT_TEXT(r.schema.data, "a BIGINT, filename VARCHAR");
    EXPECT(strstr(r.text.data, "1|") == r.text.data && strstr(r.text.data, "/1.json\n"));
    forget(&r);
    wr_given odd = bool_option("filenam");
    weir_status bad = read_files(&f, &odd, 1, -1, 0, &r);
    EXPECT(bad && bad->code == WR_E_UNKNOWN_OPTION && bad->hint && strstr(bad->hint, "filename"));
    wr_status_drop(bad);
    forget(&r);
    remove_folder(&f);
}

TEST(partitions_are_written_as_folders_and_read_back)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_field fields[] = {{WR_STR("k"), WR_BIGINT}, {WR_STR("v"), WR_BIGINT}};
    wr_schema schema = {.fields = fields, .count = 2};
    int64_t keys[] = {1, 2, 1}, values[] = {10, 20, 30};
    wr_column columns[2] = {{.type = WR_BIGINT, .phys = WR_P_I64, .rows = 3, .data = keys},
                            {.type = WR_BIGINT, .phys = WR_P_I64, .rows = 3, .data = values}};
    wr_batch batch = {.columns = columns, .column_count = 2, .rows = 3};
    test_folder f;
    make_folder(&f, "out");
    rmdir(f.root);
    wr_given options[] = {{.name = WR_STR("partition_by"), .value = wr_value_text(WR_STR("k"))}};
    wr_files_writer *writer = NULL;
    EXPECT_OK(wr_files_writer_new(&context, wr_str_of(f.root), wr_format_find(WR_STR("csv")),
                                  &schema, &(wr_options){options, 1}, &writer));
    EXPECT_OK(wr_files_writer_write(writer, &batch));
    wr_written written = {0};
    EXPECT_OK(wr_files_writer_finish(writer, &written));
    EXPECT_INT(written.count, 2);
    EXPECT_INT(written.rows, 3);
    for (int i = 0; i < written.count && i < 4; i++) {
        snprintf(f.paths[i], sizeof f.paths[0], "%.*s", WR_STR_ARGS(written.files[i].path));
        f.patterns[f.count++] = wr_str_of(f.paths[i]);
    }
    EXPECT(written.count == 2 && wr_str_eq(written.files[0].partition, WR_STR("k=1")));
    wr_files_writer_drop(writer);
    test_read r = {0};
    EXPECT_OK(read_files(&f, NULL, 0, -1, 0, &r));
    EXPECT_TEXT(r.schema.data, "v BIGINT, k BIGINT");
    EXPECT_TEXT(r.text.data, "10|1\n30|1\n20|2\n");
    forget(&r);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    remove_folder(&f);
}

TEST(probing_tells_formats_apart_without_an_extension)
{
    static const struct {
        const char *text, *format, *kind;
    } cases[] = {{"a;b\n1;2\n3;4\n", "csv", "csv"},
                 {"{\"a\":1}\n{\"a\":2}\n", "json", "json_lines"},
                 {"[{\"a\":1},\n{\"a\":2}]\n", "json", "json_array"},
                 {"just words here\nand there\n", "lines", "lines"}};
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        WR_ARENA(arena);
        const char *path = test_path("probe");
        wr_files_probe_result found;
        write_file(path, wr_str_of(cases[i].text));
        EXPECT_OK(wr_files_probe(&context, wr_str_of(path), NULL, NULL, &arena, &found));
        EXPECT(found.format && strcmp(found.format->name, cases[i].format) == 0);
        EXPECT(wr_str_is(found.kind, cases[i].kind));
        EXPECT(found.candidate_count >= 3 &&
               found.candidates[0].score >= found.candidates[1].score);
        unlink(path);
    }
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}
