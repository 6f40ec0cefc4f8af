/* files_write.c - COPY TO: one file, or a folder of files split by partition and size. See files.h.
 *
 * Life of an output: temporary name beside the final one -> written -> finished -> synced -> (all
 * of them) renamed. Nothing takes its final name before everything is complete, so an error at any
 * point leaves what was there before. Names that replace older files are renamed last; with
 * OVERWRITE the older files go after that. A killed process leaves temporary names behind: whoever
 * writes into the folder next removes them. Trap: many partitions must not mean many open files;
 * the output that was used longest ago is finished early and its partition goes on in another file.
 */
#include "fmt/files_parts.h"
#include "base/failpoint.h"
#include "base/map.h"
#include "fmt/option_value.h"
#include "sys/clock.h"
#include "sys/unfinished.h"

enum { OPEN_MAX = 64 };

const wr_opt wr_files_write_options[] = {
    {"format", WR_OPT_TEXT, NULL,
     "csv, json, parquet, arrow...; default: by the suffix of the path, else csv"},
    {"partition_by", WR_OPT_ANY, NULL, "columns whose values become folders k=v"},
    {"write_partition_columns", WR_OPT_BOOL, "false", "also write those columns into the files"},
    {"filename_pattern", WR_OPT_TEXT, "data_{i}",
     "name of the files in a folder; {i} and {uuid} are replaced"},
    {"file_extension", WR_OPT_TEXT, NULL, "of the files in a folder; default: the format's"},
    {"file_size_bytes", WR_OPT_SIZE, NULL, "begin another file when one is about that big"},
    {"file_rows", WR_OPT_INT, NULL, "begin another file after that many rows"},
    {"overwrite", WR_OPT_BOOL, "false", "replace everything in the folder"},
    {"overwrite_or_ignore", WR_OPT_BOOL, "false", "replace files of the same name in the folder"},
    {"append", WR_OPT_BOOL, "false", "add files to the folder"},
    {"return_files", WR_OPT_BOOL, "false", "answer with the list of files"},
    {"use_tmp_file", WR_OPT_BOOL, "true",
     "accepted; files always appear complete or not at all; what a killed weir leaves beside them "
     "goes with the next write into the folder"},
    {"sync", WR_OPT_BOOL, "true", "wait until the disk has everything"},
    {0}};

typedef struct output {
    wr_str partition, path, temp_path;
    wr_file *file;
    wr_writer *writer;
    uint64_t rows, bytes, last_used;
    bool is_direct, is_renamed, existed;
} output;

typedef struct partition {
    wr_str key; /* "k=v/l=w" */
    int output; /* open one, or -1 */
    int files;
    uint32_t row_count; /* of the batch at hand */
    uint16_t rows[WR_BATCH_ROWS];
} partition;

struct wr_files_writer {
    wr_format_context context;
    wr_arena arena;
    const wr_format *format;
    wr_options options; /* of the format */
    wr_schema schema, file_schema;
    int *file_columns; /* columns that go into the files */
    int *partition_columns;
    int partition_column_count;
    wr_str path, pattern, extension;
    bool is_folder, overwrite, overwrite_or_ignore, append, sync, return_files, finished;
    uint64_t size_limit, rows_limit, clock; /* limits of one file; 0 = none */
    WR_LIST(output *) outputs;
    WR_LIST(partition *) partitions;
    wr_map by_key;
    int open_count;
    wr_path_list old_files; /* in the folder before */
    wr_column *columns;
};

/* ---- options ---- */
static weir_status read_partitions(wr_files_writer *w, const wr_options *mine)
{
    wr_str *names = NULL;
    int count = 0;
    bool write_them;
    WR_TRY(
        wr_option_texts(mine, wr_files_write_options, "partition_by", &w->arena, &names, &count));
    WR_TRY(
        wr_option_bool(mine, wr_files_write_options, "write_partition_columns", &write_them, NULL));
    w->partition_columns = wr_new_array(&w->arena, int, count + 1);
    w->partition_column_count = count;
    for (int i = 0; i < count; i++) {
        int at = wr_schema_find(&w->schema, names[i]);
        if (at < 0) {
            wr_nearest nearest = {.wanted = names[i]};
            for (int k = 0; k < w->schema.count; k++)
                wr_nearest_offer(&nearest, w->schema.fields[k].name);
            return wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN,
                                           "no column \"%.*s\" to partition by",
                                           WR_STR_ARGS(names[i])),
                                   &nearest);
        }
        w->partition_columns[i] = at;
    }
    w->file_columns = wr_new_array(&w->arena, int, w->schema.count + 1);
    w->file_schema.fields = wr_new_array(&w->arena, wr_field, w->schema.count + 1);
    w->columns = wr_new_array(&w->arena, wr_column, w->schema.count + 1);
    for (int k = 0; k < w->schema.count; k++) {
        bool is_partition = false;
        for (int i = 0; i < count; i++)
            is_partition |= w->partition_columns[i] == k;
        if (is_partition && !write_them) continue;
        w->file_columns[w->file_schema.count] = k;
        w->file_schema.fields[w->file_schema.count++] = w->schema.fields[k];
    }
    if (w->file_schema.count == 0)
        return wr_fail(WR_E_BAD_ARGUMENT, "partitioning by all columns leaves none to write");
    return WR_OK;
}

static weir_status read_settings(wr_files_writer *w, const wr_options *given)
{
    const wr_opt *rows = wr_files_write_options;
    wr_options mine = wr_options_known(&w->arena, given, rows);
    wr_options theirs = wr_options_known(&w->arena, given, w->format->write_options);
    w->options.items = wr_new_array(&w->arena, wr_given, theirs.count + 1);
    w->options.count = theirs.count;
    for (int i = 0; i < theirs.count; i++) {
        w->options.items[i] = theirs.items[i];
        w->options.items[i].name = wr_arena_str(&w->arena, theirs.items[i].name);
        w->options.items[i].value = wr_value_copy(&theirs.items[i].value, &w->arena);
    }
    WR_TRY(read_partitions(w, &mine));
    wr_str text;
    bool has_pattern, has_extension;
    WR_TRY(wr_option_text(&mine, rows, "filename_pattern", &text, &has_pattern));
    w->pattern = wr_arena_str(&w->arena, text);
    WR_TRY(wr_option_text(&mine, rows, "file_extension", &text, &has_extension));
    w->extension = wr_arena_str(&w->arena, text);
    if (!has_extension)
        w->extension = (wr_str){w->format->extensions, strcspn(w->format->extensions, "|")};
    WR_TRY(wr_option_size(&mine, rows, "file_size_bytes", &w->size_limit, NULL));
    int64_t file_rows = 0;
    bool has_file_rows;
    WR_TRY(wr_option_int(&mine, rows, "file_rows", &file_rows, &has_file_rows));
    if (has_file_rows && file_rows < 1)
        return wr_fail(WR_E_BAD_ARGUMENT, "FILE_ROWS must be at least 1, not %lld",
                       (long long)file_rows);
    w->rows_limit = (uint64_t)file_rows;
    WR_TRY(wr_option_bool(&mine, rows, "overwrite", &w->overwrite, NULL));
    WR_TRY(wr_option_bool(&mine, rows, "overwrite_or_ignore", &w->overwrite_or_ignore, NULL));
    WR_TRY(wr_option_bool(&mine, rows, "append", &w->append, NULL));
    WR_TRY(wr_option_bool(&mine, rows, "return_files", &w->return_files, NULL));
    WR_TRY(wr_option_bool(&mine, rows, "sync", &w->sync, NULL));
    w->is_folder = w->partition_column_count > 0 || w->size_limit > 0 || w->rows_limit > 0;
    if (w->append && !has_pattern) w->pattern = WR_STR("data_{uuid}");
    if (w->append && !w->is_folder)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "APPEND needs a folder of files"),
                            "use PARTITION_BY, FILE_ROWS or FILE_SIZE_BYTES");
    return WR_OK;
}

static weir_status look_at_folder(wr_files_writer *w)
{
    wr_file_stat stat;
    weir_status bad = wr_fs_stat(w->context.fs, w->path, &stat);
    if (bad && bad->code == WR_E_FILE_NOT_FOUND) {
        wr_status_drop(bad);
        return WR_OK;
    }
    WR_TRY(bad);
    if (!stat.is_dir)
        return wr_fail(WR_E_FILE_EXISTS, "\"%.*s\" is a file, not a folder", WR_STR_ARGS(w->path));
    wr_path_list found;
    WR_TRY(wr_fs_glob(w->context.fs, wr_arena_printf(&w->arena, "%.*s/**/*", WR_STR_ARGS(w->path)),
                      &w->arena, &found));
    bool is_empty = true;
    w->old_files.paths = wr_new_array(&w->arena, wr_str, found.count + 1);
    for (int i = 0; i < found.count; i++) {
        if (wr_unfinished_remove(w->context.fs, found.paths[i])) continue;
        is_empty = false;
        if (!wr_unfinished_is(found.paths[i])) /* else somebody is writing it */
            w->old_files.paths[w->old_files.count++] = found.paths[i];
    }
    bool is_allowed = w->overwrite || w->overwrite_or_ignore || w->append;
    if (is_empty || is_allowed) return WR_OK;
    return wr_with_fix(
        wr_fail(WR_E_FILE_EXISTS, "the folder \"%.*s\" is not empty", WR_STR_ARGS(w->path)),
        "OVERWRITE, OVERWRITE_OR_IGNORE or APPEND");
}

static bool is_device(wr_files_writer *w)
{
    wr_file_stat stat;
    weir_status bad = wr_fs_stat(w->context.fs, w->path, &stat);
    bool is_special = !bad && !stat.is_regular && !stat.is_dir;
    wr_status_drop(bad);
    return is_special || wr_str_is(w->path, "/dev/stdout") || wr_str_is(w->path, "/dev/stderr");
}

static weir_status begin_files_writer(wr_files_writer *w, const wr_schema *schema,
                                      const wr_options *options)
{
    wr_options mine = wr_options_known(&w->arena, options, wr_files_write_options);
    wr_str name;
    WR_TRY(wr_option_text(&mine, wr_files_write_options, "format", &name, NULL));
    if (!w->format && name.length > 0) {
        w->format = wr_format_find(name);
        if (!w->format)
            return wr_fail(WR_E_PARAMETER_VALUE, "there is no format \"%.*s\"", WR_STR_ARGS(name));
    }
    if (!w->format) w->format = wr_format_of_path(w->path);
    if (!w->format) w->format = wr_format_find(WR_STR("csv"));
    if (!w->format->writer_new)
        return wr_fail(WR_E_UNSUPPORTED, "weir does not write %s", w->format->name);
    const wr_opt *rows = wr_opt_join(&w->arena, w->format->write_options, wr_files_write_options);
    WR_TRY(wr_options_check(options, rows, "COPY TO"));
    w->schema = *wr_schema_copy(&w->arena, schema);
    wr_fields_tell_apart(w->schema.fields, w->schema.count, &w->arena);
    w->by_key = (wr_map){0};
    WR_TRY(read_settings(w, options));
    if (w->is_folder) return look_at_folder(w);
    wr_file_stat stat;
    weir_status bad = wr_fs_stat(w->context.fs, w->path, &stat);
    bool is_dir = !bad && stat.is_dir;
    wr_status_drop(bad);
    if (is_dir) return wr_fail(WR_E_FILE_EXISTS, "\"%.*s\" is a folder", WR_STR_ARGS(w->path));
    if (!is_device(w)) wr_unfinished_sweep(w->context.fs, wr_path_dir(w->path));
    return WR_OK;
}

weir_status wr_files_writer_new(wr_format_context *context, wr_str path, const wr_format *format,
                                const wr_schema *schema, const wr_options *options,
                                wr_files_writer **out)
{
    WR_AUTO(wr_files_writer) *w = wr_heap_new(sizeof *w);
    w->context = *context;
    w->format = format;
    w->path = wr_arena_str(&w->arena, path);
    while (w->path.length > 1 && w->path.data[w->path.length - 1] == '/')
        w->path.length--;
    WR_TRY(begin_files_writer(w, schema, options));
    *out = WR_TAKE(w);
    return WR_OK;
}

/* ---- outputs ---- */
static wr_str file_name(wr_files_writer *w, int number)
{
    WR_BUF(name);
    for (size_t i = 0; i < w->pattern.length; i++) {
        wr_str rest = {w->pattern.data + i, w->pattern.length - i};
        if (wr_str_has_prefix(rest, WR_STR("{i}"))) {
            wr_buf_printf(&name, "%d", number);
            i += 2;
        } else if (wr_str_has_prefix(rest, WR_STR("{uuid}"))) {
            wr_buf_printf(&name, "%016llx%016llx", (unsigned long long)wr_random_u64(),
                          (unsigned long long)wr_random_u64());
            i += 5;
        } else {
            wr_buf_add_char(&name, w->pattern.data[i]);
        }
    }
    bool is_unique = wr_str_find(w->pattern, WR_STR("{")) >= 0;
    if (!is_unique && number > 0) wr_buf_printf(&name, "_%d", number);
    return wr_arena_printf(&w->arena, "%s.%.*s", name.data ? name.data : "data",
                           WR_STR_ARGS(w->extension));
}

static wr_str unfinished_name(wr_files_writer *w, wr_str path)
{
    WR_BUF(name);
    wr_unfinished_name(path, &name);
    return wr_arena_str(&w->arena, wr_buf_str(&name));
}

static weir_status open_output(wr_files_writer *w, wr_str key, int number, int *index)
{
    output *o = wr_new(&w->arena, output);
    o->partition = key;
    o->path = w->path;
    if (w->is_folder)
        o->path = wr_arena_printf(&w->arena, "%.*s%s%.*s/%.*s", WR_STR_ARGS(w->path),
                                  key.length ? "/" : "", WR_STR_ARGS(key),
                                  WR_STR_ARGS(file_name(w, number)));
    o->is_direct = !w->is_folder && is_device(w);
    o->existed = !o->is_direct && wr_fs_exists(w->context.fs, o->path);
    o->temp_path = o->is_direct ? o->path : unfinished_name(w, o->path);
    if (w->is_folder) WR_TRY(wr_fs_make_dirs(w->context.fs, wr_path_dir(o->path)));
    *index = w->outputs.count;
    wr_push(&w->arena, &w->outputs, o);
    wr_str dir = wr_path_dir(o->path);
    if (!o->is_direct && !wr_fs_exists(w->context.fs, dir))
        return wr_fail(WR_E_FILE_NOT_FOUND, "cannot write \"%.*s\": there is no folder \"%.*s\"",
                       WR_STR_ARGS(o->path), WR_STR_ARGS(dir));
    WR_TRY(wr_file_open(w->context.fs, o->temp_path, o->is_direct ? WR_FILE_APPEND : WR_FILE_CREATE,
                        &o->file));
    w->open_count++;
    return w->format->writer_new(&w->context, o->file, &w->file_schema, &w->options, &o->writer);
}

static weir_status finish_output(wr_files_writer *w, output *o)
{
    if (!o->writer) return WR_OK;
    WR_TRY(o->writer->def->finish(o->writer));
    o->bytes = o->writer->def->bytes(o->writer);
    o->writer->def->drop(WR_TAKE(o->writer));
    if (w->sync && !o->is_direct) WR_TRY(wr_file_sync(o->file));
    wr_file_close(WR_TAKE(o->file));
    w->open_count--;
    return WR_OK;
}

/* Keeps the number of open files small. */
static weir_status close_oldest(wr_files_writer *w)
{
    int oldest = -1;
    for (int i = 0; i < w->outputs.count; i++)
        if (w->outputs.items[i]->writer &&
            (oldest < 0 || w->outputs.items[i]->last_used < w->outputs.items[oldest]->last_used))
            oldest = i;
    if (oldest < 0) return WR_OK;
    for (int p = 0; p < w->partitions.count; p++)
        if (w->partitions.items[p]->output == oldest) w->partitions.items[p]->output = -1;
    return finish_output(w, w->outputs.items[oldest]);
}

static partition *find_partition(wr_files_writer *w, wr_str key)
{
    partition *p = wr_map_get(&w->by_key, key);
    if (p) return p;
    p = wr_new(&w->arena, partition);
    p->key = wr_arena_str(&w->arena, key);
    p->output = -1;
    wr_map_put(&w->by_key, p->key, p);
    wr_push(&w->arena, &w->partitions, p);
    return p;
}

/* Writes into the file the partition has open; the batch fits below the limit of rows. */
static weir_status write_to_open(wr_files_writer *w, partition *p, const wr_batch *batch)
{
    if (p->output < 0) {
        if (w->open_count >= OPEN_MAX) WR_TRY(close_oldest(w));
        WR_TRY(open_output(w, p->key, p->files++, &p->output));
    }
    output *o = w->outputs.items[p->output];
    o->last_used = ++w->clock;
    WR_TRY(o->writer->def->write(o->writer, batch));
    o->rows += wr_batch_count(batch);
    bool full = (w->size_limit && o->writer->def->bytes(o->writer) >= w->size_limit) ||
                (w->rows_limit && o->rows >= w->rows_limit);
    if (!full) return WR_OK;
    p->output = -1;
    return finish_output(w, o);
}

static weir_status write_rows(wr_files_writer *w, partition *p, const wr_batch *batch)
{
    if (!w->rows_limit) return write_to_open(w, p, batch);
    uint16_t rows[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(batch);
    for (uint32_t from = 0; from < count;) {
        uint64_t room = w->rows_limit - (p->output < 0 ? 0 : w->outputs.items[p->output]->rows);
        uint32_t size = (uint32_t)WR_MIN((uint64_t)(count - from), room);
        for (uint32_t i = 0; i < size; i++)
            rows[i] = (uint16_t)wr_batch_row(batch, from + i);
        wr_batch part = *batch;
        part.sel = rows;
        part.sel_count = size;
        WR_TRY(write_to_open(w, p, &part));
        from += size;
    }
    return WR_OK;
}

/* ---- partitions ---- */
static void add_encoded(wr_buf *out, wr_str text)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f || strchr("/\\=%:*?\"<>|#'", c)) {
            char code[3] = {'%', hex[c >> 4], hex[c & 15]};
            wr_buf_add(out, code, 3);
        } else {
            wr_buf_add_char(out, (char)c);
        }
    }
}

static void key_of_row(const wr_files_writer *w, const wr_batch *batch, uint32_t row, wr_buf *key)
{
    key->length = 0;
    for (int i = 0; i < w->partition_column_count; i++) {
        const wr_column *column = &batch->columns[w->partition_columns[i]];
        WR_BUF(value);
        if (i > 0) wr_buf_add_char(key, '/');
        add_encoded(key, w->schema.fields[w->partition_columns[i]].name);
        wr_buf_add_char(key, '=');
        if (wr_column_is_null(column, row)) {
            wr_buf_add_text(key, WR_HIVE_NULL);
            continue;
        }
        wr_column_print(column, row, &value);
        /* a text that reads like the name of the NULL partition must not become it */
        bool is_mark = wr_str_eq(wr_buf_str(&value), WR_STR(WR_HIVE_NULL));
        if (is_mark) wr_buf_add_text(key, "%5F");
        add_encoded(key, is_mark ? wr_str_of(&WR_HIVE_NULL[1]) : wr_buf_str(&value));
    }
}

static weir_status write_partitioned(wr_files_writer *w, const wr_batch *batch,
                                     const wr_batch *columns)
{
    WR_BUF(key);
    WR_ARENA(scratch);
    WR_LIST(partition *) touched = {0};
    uint32_t count = wr_batch_count(batch);
    partition *p = NULL;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(batch, i);
        key_of_row(w, batch, row, &key);
        if (!p || !wr_str_eq(p->key, wr_buf_str(&key))) p = find_partition(w, wr_buf_str(&key));
        if (p->row_count == 0) wr_push(&scratch, &touched, p);
        p->rows[p->row_count++] = (uint16_t)row;
    }
    weir_status bad = WR_OK;
    for (int i = 0; i < touched.count; i++) {
        wr_batch part = *columns;
        part.sel = touched.items[i]->rows;
        part.sel_count = touched.items[i]->row_count;
        if (!bad) bad = write_rows(w, touched.items[i], &part);
        touched.items[i]->row_count = 0;
    }
    return bad;
}

weir_status wr_files_writer_write(wr_files_writer *w, const wr_batch *batch)
{
    wr_assert(!w->finished && batch->column_count == w->schema.count);
    WR_TRY(wr_cancel_check(w->context.cancel));
    for (int k = 0; k < w->file_schema.count; k++)
        w->columns[k] = batch->columns[w->file_columns[k]];
    wr_batch columns = *batch;
    columns.columns = w->columns;
    columns.column_count = w->file_schema.count;
    if (w->partition_column_count > 0) return write_partitioned(w, batch, &columns);
    return write_rows(w, find_partition(w, WR_STR("")), &columns);
}

/* ---- end ---- */
static weir_status rename_outputs(wr_files_writer *w, bool existed)
{
    for (int i = 0; i < w->outputs.count; i++) {
        output *o = w->outputs.items[i];
        if (o->is_direct || o->existed != existed) continue;
        WR_FAILPOINT(file_rename);
        WR_TRY(wr_fs_rename(w->context.fs, o->temp_path, o->path));
        o->is_renamed = true;
        if (w->sync) WR_TRY(wr_fs_sync_dir(w->context.fs, wr_path_dir(o->path)));
    }
    return WR_OK;
}

static weir_status remove_old(wr_files_writer *w)
{
    for (int i = 0; w->overwrite && i < w->old_files.count; i++) {
        bool is_new = false;
        for (int k = 0; k < w->outputs.count; k++)
            is_new |= wr_str_eq(w->outputs.items[k]->path, w->old_files.paths[i]);
        if (!is_new) WR_TRY(wr_fs_remove(w->context.fs, w->old_files.paths[i]));
    }
    return WR_OK;
}

weir_status wr_files_writer_finish(wr_files_writer *w, wr_written *out)
{
    int unused;
    if (w->outputs.count == 0 && w->partition_column_count == 0)
        WR_TRY(open_output(w, WR_STR(""), 0, &unused));
    for (int i = 0; i < w->outputs.count; i++)
        WR_TRY(finish_output(w, w->outputs.items[i]));
    WR_TRY(rename_outputs(w, false));
    WR_TRY(rename_outputs(w, true));
    w->finished = true;
    WR_TRY(remove_old(w));
    if (!out) return WR_OK;
    *out = (wr_written){.count = w->outputs.count, .return_files = w->return_files};
    out->files = wr_new_array(&w->arena, wr_written_file, w->outputs.count + 1);
    for (int i = 0; i < w->outputs.count; i++) {
        const output *o = w->outputs.items[i];
        out->files[i] = (wr_written_file){o->path, o->rows, o->bytes, o->partition};
        out->rows += o->rows;
    }
    return WR_OK;
}

void wr_files_writer_drop(wr_files_writer *w)
{
    if (!w) return;
    for (int i = 0; i < w->outputs.count; i++) {
        output *o = w->outputs.items[i];
        if (o->writer) o->writer->def->drop(o->writer);
        wr_file_close(o->file);
        if (w->finished || o->is_direct) continue;
        if (o->is_renamed && o->existed)
            continue; /* the older file is gone; the complete one stays */
        wr_status_drop(wr_fs_remove(w->context.fs, o->is_renamed ? o->path : o->temp_path));
    }
    wr_map_clear(&w->by_key);
    wr_arena arena = w->arena;
    wr_heap_drop(w);
    wr_arena_clear(&arena);
}
