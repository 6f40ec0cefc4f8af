/* options.c - the options of the CSV format, read into one struct. What is not given stays open for
 * the sniffer. */
#include "fmt/csv/csv.h"
#include "fmt/option_value.h"

const wr_opt wr_csv_read_options[] = {
    {"delimiter|delim|sep", WR_OPT_TEXT, NULL, "between fields, up to 8 bytes; default: found out"},
    {"quote", WR_OPT_CHAR, NULL, "around fields, '' for none; default: found out"},
    {"escape", WR_OPT_CHAR, NULL, "before a quote inside quotes; default: the quote itself"},
    {"header", WR_OPT_BOOL, NULL, "the first line has the names; default: found out"},
    {"skip", WR_OPT_INT, "0", "lines to skip at the start"},
    {"comment", WR_OPT_CHAR, "", "lines that begin with it are no records"},
    {"nullstr|null|null_string", WR_OPT_ANY, NULL,
     "texts that mean NULL; default: the empty field"},
    {"columns", WR_OPT_ANY, NULL, "{name: 'TYPE', ...}: names and types of all columns"},
    {"types|dtypes|column_types", WR_OPT_ANY, NULL,
     "{name: 'TYPE', ...} or a list: types not to guess"},
    {"names|column_names", WR_OPT_ANY, NULL, "names of the columns"},
    {"all_varchar", WR_OPT_BOOL, "false", "every column is VARCHAR"},
    {"sample_size", WR_OPT_INT, "20480", "records to guess from, -1 = all"},
    {"dateformat|date_format", WR_OPT_TEXT, NULL, "strptime pattern of DATE; default: found out"},
    {"timestampformat|timestamp_format", WR_OPT_TEXT, NULL,
     "strptime pattern of TIMESTAMP; default: found out"},
    {"decimal_separator", WR_OPT_CHAR, ".", "'.' or ','"},
    {"encoding", WR_OPT_TEXT, "utf-8", "utf-8, latin-1 or utf-16"},
    {"compression", WR_OPT_TEXT, "auto", "auto, none, gzip, zstd or lz4"},
    {"short_rows", WR_OPT_TEXT, "error",
     "'null' fills missing fields at the end of a line with NULL"},
    {"null_padding", WR_OPT_BOOL, "false", "the same as short_rows => 'null'"},
    {"ignore_errors", WR_OPT_BOOL, "false",
     "refused: rows are never dropped silently, see rejects"},
    {"new_line", WR_OPT_TEXT, NULL, "'\\n', '\\r\\n' or '\\r'; default: found out"},
    {"trim", WR_OPT_BOOL, "false", "remove blanks around unquoted fields"},
    {"max_line_size|maximum_line_size", WR_OPT_SIZE, "64MiB", "longest record"},
    {"buffer_size", WR_OPT_SIZE, "512KiB", "bytes a worker takes at a time"},
    {"parallel", WR_OPT_BOOL, "true", "several workers may share the file"},
    {0}};

const wr_opt wr_csv_write_options[] = {
    {"delimiter|delim|sep", WR_OPT_TEXT, ",", "between fields"},
    {"quote", WR_OPT_CHAR, "\"", "around fields that need it"},
    {"escape", WR_OPT_CHAR, NULL, "before a quote inside quotes; default: the quote itself"},
    {"header", WR_OPT_BOOL, "true", "names in the first line"},
    {"force_quote", WR_OPT_ANY, NULL, "columns that are always quoted, '*' for all"},
    {"nullstr|null", WR_OPT_TEXT, "", "what NULL is written as"},
    {"new_line", WR_OPT_TEXT, "\\n", "'\\n' or '\\r\\n'"},
    {"dateformat|date_format", WR_OPT_TEXT, NULL, "refused on writing: use strftime in the SELECT"},
    {"compression", WR_OPT_TEXT, "auto", "auto (by suffix), none, gzip, zstd or lz4"},
    {"compression_level", WR_OPT_INT, "0", "0 = the default of the method"},
    {0}};

static weir_status bad_value(const wr_options *given, const char *name, const char *wanted)
{
    const wr_given *item = wr_option_find(given, wr_csv_read_options, name);
    return wr_fail_at(WR_E_PARAMETER_VALUE, item ? item->value_span : (wr_span){0},
                      "the option \"%s\" takes %s", name, wanted);
}

static wr_str unescape_tab(wr_str text)
{
    if (wr_str_is(text, "\\t") || wr_str_is(text, "tab")) return WR_STR("\t");
    return text;
}

static weir_status read_dialect(const wr_options *given, wr_str path, wr_csv_config *out)
{
    const wr_opt *rows = wr_csv_read_options;
    wr_csv_dialect *d = &out->dialect;
    wr_str text;
    WR_TRY(wr_option_text(given, rows, "delimiter", &text, &out->has_delimiter));
    text = unescape_tab(text);
    if (out->has_delimiter) {
        bool is_bad = text.length == 0 || text.length > CSV_DELIMITER_MAX ||
                      memchr(text.data, '\n', text.length) || memchr(text.data, '\r', text.length);
        if (is_bad) return bad_value(given, "delimiter", "1 to 8 bytes without line ends");
        memcpy(d->delimiter, text.data, text.length);
        d->delimiter_size = (int)text.length;
    }
    WR_TRY(wr_option_char(given, rows, "quote", &d->quote, &out->has_quote));
    WR_TRY(wr_option_char(given, rows, "escape", &d->escape, &out->has_escape));
    if (out->has_escape && d->escape < 0) d->escape = d->quote;
    WR_TRY(wr_option_char(given, rows, "comment", &d->comment, NULL));
    WR_TRY(wr_option_text(given, rows, "new_line", &text, &out->has_newline));
    d->newline = '\n';
    if (wr_str_is(text, "\\r") || wr_str_is(text, "\r")) d->newline = '\r';
    if (out->has_quote && out->has_delimiter && d->quote >= 0 && d->delimiter[0] == (char)d->quote)
        return bad_value(given, "quote", "another character than the delimiter");
    wr_str plain_path = path;
    if (!out->has_delimiter &&
        (wr_str_ihas_suffix(plain_path, ".tsv") || wr_str_ihas_suffix(plain_path, ".tsv.gz"))) {
        d->delimiter[0] = '\t';
        d->delimiter_size = 1;
        out->has_delimiter = true;
    }
    return WR_OK;
}

static weir_status read_columns(const wr_options *given, wr_arena *arena, wr_csv_config *out)
{
    const wr_opt *rows = wr_csv_read_options;
    bool is_list;
    wr_field *fields;
    int count;
    WR_TRY(wr_option_texts(given, rows, "names", arena, &out->names, &out->name_count));
    WR_TRY(wr_option_fields(given, rows, "columns", arena, &fields, &count, NULL));
    if (count > 0) {
        out->types_are_all = true;
        out->types = fields;
        out->type_count = count;
        out->names = wr_new_array(arena, wr_str, count);
        out->name_count = count;
        for (int i = 0; i < count; i++)
            out->names[i] = fields[i].name;
    }
    WR_TRY(wr_option_fields(given, rows, "types", arena, &fields, &count, &is_list));
    if (count > 0 && out->types_are_all)
        return bad_value(given, "types", "nothing when columns is given");
    if (is_list) {
        out->position_types = wr_new_array(arena, const wr_type *, count + 1);
        for (int i = 0; i < count; i++)
            out->position_types[i] = fields[i].type;
        out->position_type_count = count;
    } else if (count > 0) {
        out->types = fields;
        out->type_count = count;
    }
    for (int i = 0; i < out->type_count + out->position_type_count; i++) {
        const wr_type *type =
            i < out->type_count ? out->types[i].type : out->position_types[i - out->type_count];
        if (wr_cell_supports(type)) continue;
        return wr_with_hint(
            wr_fail(WR_E_UNSUPPORTED, "a CSV field cannot be read as %s", wr_type_name(type)),
            "read it as VARCHAR and cast it");
    }
    return WR_OK;
}

static weir_status read_rules(const wr_options *given, wr_arena *arena, wr_csv_config *out)
{
    const wr_opt *rows = wr_csv_read_options;
    static const wr_str empty = {"", 0};
    int separator;
    wr_str text;
    WR_TRY(wr_option_char(given, rows, "decimal_separator", &separator, NULL));
    if (separator != '.' && separator != ',')
        return bad_value(given, "decimal_separator", "'.' or ','");
    out->rules.decimal_separator = (char)separator;
    WR_TRY(wr_option_text(given, rows, "dateformat", &text, NULL));
    out->rules.date_format = wr_arena_str(arena, text);
    WR_TRY(wr_option_text(given, rows, "timestampformat", &text, NULL));
    out->rules.timestamp_format = wr_arena_str(arena, text);
    out->nulls = wr_new(arena, wr_str);
    out->nulls[0] = empty;
    out->null_count = 1;
    return wr_option_texts(given, rows, "nullstr", arena, &out->nulls, &out->null_count);
}

static weir_status read_row_rules(const wr_options *given, wr_csv_config *out)
{
    const wr_opt *rows = wr_csv_read_options;
    wr_str text;
    bool flag;
    WR_TRY(wr_option_text(given, rows, "short_rows", &text, NULL));
    if (!wr_str_is(text, "null") && !wr_str_is(text, "error"))
        return bad_value(given, "short_rows", "'null' or 'error'");
    WR_TRY(wr_option_bool(given, rows, "null_padding", &flag, NULL));
    out->short_rows_null = flag || wr_str_is(text, "null");
    WR_TRY(wr_option_bool(given, rows, "ignore_errors", &flag, NULL));
    if (flag) {
        const wr_given *item = wr_option_find(given, rows, "ignore_errors");
        weir_status bad =
            wr_fail_at(WR_E_UNSUPPORTED, item->span, "rows are never dropped silently");
        return wr_with_fix(bad,
                           "rejects => 'bad_rows' keeps the rows that cannot be read in a table");
    }
    return WR_OK;
}

weir_status wr_csv_config_read(const wr_options *given, wr_str path, wr_arena *arena,
                               wr_csv_config *out)
{
    const wr_opt *rows = wr_csv_read_options;
    *out = (wr_csv_config){0};
    WR_TRY(read_dialect(given, path, out));
    WR_TRY(read_columns(given, arena, out));
    WR_TRY(read_rules(given, arena, out));
    WR_TRY(read_row_rules(given, out));
    WR_TRY(wr_option_bool(given, rows, "header", &out->header, &out->has_header));
    WR_TRY(wr_option_bool(given, rows, "all_varchar", &out->all_varchar, NULL));
    WR_TRY(wr_option_bool(given, rows, "trim", &out->trim, NULL));
    WR_TRY(wr_option_bool(given, rows, "parallel", &out->parallel, NULL));
    WR_TRY(wr_option_int(given, rows, "skip", &out->skip, NULL));
    WR_TRY(wr_option_int(given, rows, "sample_size", &out->sample_lines, NULL));
    WR_TRY(wr_option_size(given, rows, "max_line_size", &out->record_size_max, NULL));
    WR_TRY(wr_option_size(given, rows, "buffer_size", &out->buffer_size, NULL));
    if (out->skip < 0) return bad_value(given, "skip", "a number of lines");
    if (out->buffer_size == 0 || out->buffer_size > (UINT64_C(1) << 30))
        return bad_value(given, "buffer_size", "1 to 1 GiB");
    return wr_text_coding_of(given, rows, &out->coding);
}
