/* files.c - a folder of files as a source and as a sink: options, columns, the connector.
 *
 * The rows of options are those of the connector itself and then those that are passed on to the
 * format; which of the latter a format really has is checked when the format is known. */
#include "conn/files/files.h"

static const wr_opt own_options[] = {
    {"path", WR_OPT_TEXT, NULL,
     "a folder (files below it whose suffix is the format's), a glob or one file"},
    {"format", WR_OPT_TEXT, NULL,
     "csv, jsonl, json or parquet; default: by the suffix of the path"},
    {"mode", WR_OPT_TEXT, "files",
     "files: each once, when it is complete; tail: one file that grows"},
    {"bounded", WR_OPT_BOOL, "false", "read the files that are there and end"},
    {"settle_ms", WR_OPT_INT, "200",
     "a file is complete when size and time did not change for so long"},
    {"poll_interval_ms|source.monitor-interval", WR_OPT_INT, "1000", "how often to look for files"},
    {"by_file", WR_OPT_BOOL, "false", "each file is a round"},
    {0}};

#define FORMAT_OPTIONS                                                                             \
    {"delimiter|delim|sep", WR_OPT_TEXT, NULL, "csv: between fields"},                             \
        {"quote", WR_OPT_CHAR, NULL, "csv: around fields, '' for none"},                           \
        {"escape", WR_OPT_CHAR, NULL, "csv: before a quote inside quotes"},                        \
        {"header", WR_OPT_BOOL, NULL, "csv: the first line has the names"},                        \
        {"nullstr|null", WR_OPT_ANY, NULL, "csv: what means NULL"},                                \
        {"new_line", WR_OPT_TEXT, NULL, "csv: '\\n', '\\r\\n' or '\\r'"},                          \
    {                                                                                              \
        "compression", WR_OPT_TEXT, NULL, "csv, json: auto, none, gzip, zstd, lz4; parquet: codec" \
    }

static const wr_opt source_options[] = {
    {"path", WR_OPT_TEXT, NULL,
     "a folder (files below it whose suffix is the format's), a glob or one file"},
    {"format", WR_OPT_TEXT, NULL,
     "csv, jsonl, json or parquet; default: by the suffix of the path"},
    {"mode", WR_OPT_TEXT, "files",
     "files: each once, when it is complete; tail: one file that grows"},
    {"bounded", WR_OPT_BOOL, "false", "read the files that are there and end"},
    {"settle_ms", WR_OPT_INT, "200",
     "a file is complete when size and time did not change for so long"},
    {"poll_interval_ms|source.monitor-interval", WR_OPT_INT, "1000", "how often to look for files"},
    {"by_file", WR_OPT_BOOL, "false", "each file is a round: what changed is put out behind it"},
    FORMAT_OPTIONS,
    {"skip", WR_OPT_INT, NULL, "csv: lines to skip at the start"},
    {"comment", WR_OPT_CHAR, NULL, "csv: lines that begin with it are no records"},
    {"types|dtypes|column_types", WR_OPT_ANY, NULL, "csv, json: {name: 'TYPE', ...} not to guess"},
    {"names|column_names", WR_OPT_ANY, NULL, "csv: names of the columns"},
    {"all_varchar", WR_OPT_BOOL, NULL, "csv: every column is VARCHAR"},
    {"sample_size", WR_OPT_INT, NULL, "csv, json: records to guess from, -1 = all"},
    {"dateformat|date_format", WR_OPT_TEXT, NULL, "csv, json: strptime pattern of DATE"},
    {"timestampformat|timestamp_format", WR_OPT_TEXT, NULL, "csv, json: pattern of TIMESTAMP"},
    {"decimal_separator", WR_OPT_CHAR, NULL, "csv: '.' or ','"},
    {"encoding", WR_OPT_TEXT, NULL, "csv, json: utf-8, latin-1 or utf-16"},
    {"short_rows", WR_OPT_TEXT, NULL, "csv: 'error', or 'null' for fields that are missing"},
    {"trim", WR_OPT_BOOL, NULL, "csv: remove blanks around unquoted fields"},
    {"max_line_size|maximum_line_size", WR_OPT_SIZE, NULL, "csv: longest record"},
    {"maximum_depth", WR_OPT_INT, NULL, "json: deepest nesting accepted"},
    {"maximum_object_size", WR_OPT_SIZE, NULL, "json: longest record"},
    {"binary_as_string", WR_OPT_BOOL, NULL, "parquet: bytes without a type are text"},
    {0}};

const wr_opt wr_files_sink_options[] = {
    {"path", WR_OPT_TEXT, NULL, "the folder; of mode append the file"},
    {"format", WR_OPT_TEXT, NULL, "csv, jsonl or parquet (required; of mode append by the path)"},
    {"mode", WR_OPT_TEXT, "files",
     "files: files that appear whole; append: one file, csv or jsonl, that grows by commits"},
    {"prefix", WR_OPT_TEXT, "part", "how the names of the files begin"},
    {"roll_rows", WR_OPT_INT, "0", "begin another file after so many rows; 0 = no limit"},
    {"roll_bytes", WR_OPT_SIZE, "128MiB", "begin another file when one is about that big"},
    {"roll_seconds", WR_OPT_INT, "0", "begin another file after so long; 0 = no limit"},
    FORMAT_OPTIONS,
    {"force_quote", WR_OPT_ANY, NULL, "csv: columns that are always quoted, '*' for all"},
    {"compression_level", WR_OPT_INT, NULL, "0 or not given = the default of the method"},
    {"row_group_size", WR_OPT_INT, NULL, "parquet: rows per row group"},
    {"row_group_size_bytes", WR_OPT_SIZE, NULL, "parquet: bytes per row group"},
    {"page_size_bytes", WR_OPT_SIZE, NULL, "parquet: bytes per page"},
    {"bloom_filter_columns", WR_OPT_TEXT, NULL, "parquet: columns with a Bloom filter"},
    {0}};

wr_str wr_files_path(wr_str text)
{
    wr_str path = wr_str_trim(text);
    if (wr_str_has_prefix(path, WR_STR("file:///")))
        path = (wr_str){path.data + 7, path.length - 7};
    while (path.length > 1 && path.data[path.length - 1] == '/')
        path.length--;
    return path;
}

weir_status wr_files_format(const wr_options *given, const wr_opt *rows, wr_str path,
                            const wr_format **out)
{
    wr_str name;
    bool is_set;
    WR_TRY(wr_option_text(given, rows, "format", &name, &is_set));
    *out = is_set ? wr_format_find(name) : wr_format_of_path(path);
    static const char *const known[] = {"csv", "json", "parquet"};
    for (size_t i = 0; *out && i < WR_COUNT(known); i++)
        if (strcmp((*out)->name, known[i]) == 0) return WR_OK;
    const wr_given *item = wr_option_find(given, rows, "format");
    weir_status bad =
        wr_fail_at(WR_E_PARAMETER_VALUE, item ? item->value_span : (wr_span){0},
                   item ? "files has no format '%.*s'" : "the option \"format\" is missing%.*s",
                   WR_STR_ARGS(name));
    return wr_with_hint(bad, "format = 'csv', 'jsonl' or 'parquet'");
}

weir_status wr_files_format_options(const wr_options *given, const wr_opt *own,
                                    const wr_opt *of_format, const char *format, wr_arena *arena,
                                    wr_options *out)
{
    out->items = wr_new_array(arena, wr_given, (given ? given->count : 0) + 1);
    out->count = 0;
    for (int i = 0; given && i < given->count; i++) {
        wr_options one = {&given->items[i], 1};
        weir_status bad = wr_options_check(&one, own, "");
        bool is_own = !bad;
        wr_status_drop(bad);
        if (is_own) continue;
        WR_TRY(wr_options_check(&one, of_format, format));
        wr_given *item = &out->items[out->count++];
        *item = given->items[i];
        item->name = wr_arena_str(arena, item->name);
        item->value = wr_value_copy(&item->value, arena);
    }
    return WR_OK;
}

static weir_status milliseconds(const wr_options *given, const char *name, int64_t *ns)
{
    int64_t ms;
    WR_TRY(wr_option_int(given, source_options, name, &ms, NULL));
    const wr_given *item = wr_option_find(given, source_options, name);
    if (ms < 0 || ms > 86400000)
        return wr_fail_at(WR_E_PARAMETER_VALUE, item ? item->value_span : (wr_span){0},
                          "the option \"%s\" takes 0 to 86400000, not %lld", name, (long long)ms);
    *ns = ms * 1000000;
    return WR_OK;
}

static weir_status read_options(files_source *source, const wr_options *given, wr_fs *fs)
{
    wr_str path;
    bool has_path;
    wr_file_stat stat;
    WR_TRY(wr_options_check(given, source_options, "files"));
    WR_TRY(wr_option_text(given, source_options, "path", &path, &has_path));
    if (!has_path || wr_files_path(path).length == 0)
        return wr_fail(WR_E_PARAMETER_VALUE, "files needs the option \"path\"");
    source->path = wr_arena_str(&source->arena, wr_files_path(path));
    WR_TRY(wr_files_format(given, source_options, source->path, &source->format));
    WR_TRY(wr_option_bool(given, source_options, "bounded", &source->base.is_bounded, NULL));
    WR_TRY(wr_option_bool(given, source_options, "by_file", &source->base.has_parts, NULL));
    WR_TRY(milliseconds(given, "settle_ms", &source->settle_ns));
    WR_TRY(milliseconds(given, "poll_interval_ms", &source->interval_ns));
    WR_TRY(wr_files_format_options(given, own_options, source->format->read_options,
                                   source->format->name, &source->arena, &source->options));
    wr_str mode;
    WR_TRY(wr_option_text(given, source_options, "mode", &mode, NULL));
    if (!wr_str_is(mode, "files") && !wr_str_is(mode, "tail"))
        return wr_fail_at(WR_E_PARAMETER_VALUE,
                          wr_option_find(given, source_options, "mode")->value_span,
                          "the option \"mode\" takes files or tail, not '%.*s'", WR_STR_ARGS(mode));
    if (wr_str_is(mode, "tail")) source->base.def = &wr_files_tail_def;
    weir_status bad = wr_fs_stat(fs, source->path, &stat);
    source->is_dir = !bad && stat.is_dir;
    bool may_come = bad && wr_path_has_glob(source->path) && bad->code == WR_E_FILE_NOT_FOUND;
    if (source->base.def == &wr_files_tail_def) {
        wr_status_drop(bad);
        return wr_files_tail_check(source, given, source_options);
    }
    if (bad && !may_come) return bad;
    wr_status_drop(bad);
    return WR_OK;
}

/* The columns of the first file that has any. */
static weir_status find_columns(files_source *source, wr_format_context *context)
{
    WR_ARENA(scratch);
    wr_path_list list;
    WR_TRY(wr_files_candidates(source, context->fs, &scratch, &list));
    for (int i = 0; i < list.count; i++) {
        WR_AUTO(wr_relation) *rel = NULL;
        wr_file_stat stat;
        WR_TRY(wr_fs_stat(context->fs, list.paths[i], &stat));
        if (stat.size == 0) continue;
        wr_format_context plain = *context;
        plain.rejects = NULL;
        WR_TRY(wr_files_bind_one(source, &plain, list.paths[i], NULL, &scratch, NULL, &rel));
        wr_schema visible = {.fields = rel->schema.fields, .count = rel->visible_count};
        source->base.schema = *wr_schema_copy(&source->arena, &visible);
        return WR_OK;
    }
    return wr_with_hint(wr_fail(WR_E_FILE_NOT_FOUND, "no file in \"%.*s\" to find columns in",
                                WR_STR_ARGS(source->path)),
                        "declare the columns: CREATE SOURCE s (a BIGINT, ...) WITH (...)");
}

static weir_status files_source_new(const wr_connect *connect, wr_source **out)
{
    WR_AUTO(wr_source) *base = NULL;
    files_source *source = wr_heap_new(sizeof *source);
    source->base = (wr_source){
        .def = &wr_files_source_def, .connector = "files", .is_replayable = true, .references = 1};
    base = &source->base;
    WR_TRY(read_options(source, connect->options, connect->context->fs));
    if (connect->schema)
        source->base.schema = *wr_schema_copy(&source->arena, connect->schema);
    else
        WR_TRY(find_columns(source, connect->context));
    *out = WR_TAKE(base);
    return WR_OK;
}

const wr_connector wr_connector_files = {
    .name = "files",
    .help = "Files that appear in a folder, each read once when it is complete; files that are "
            "written whole.",
    .source_options = source_options,
    .sink_options = wr_files_sink_options,
    .source = files_source_new,
    .sink = wr_files_sink,
};
