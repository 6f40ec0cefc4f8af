/* lines.c - any text, one row per line: as it is, split at a delimiter, or taken apart by a regular
 * expression.
 *
 * mode => 'lines'  one column "line".
 * mode => 'split'  mappings 'name:index,...' pick fields, counted from 0.
 * mode => 'regex'  the whole line must match; mappings pick groups, 0 is the whole match. Named
 * groups need no mappings. A line that does not match, or has too few fields, is an error or goes
 * to the rejects: never just left out. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "fmt/cell.h"
#include "fmt/csv/csv.h"
#include "fmt/option_value.h"
#include <pcre2.h>

enum { GROUPS_MAX = 100 };
typedef enum lines_mode { BY_LINE, BY_SPLIT, BY_REGEX } lines_mode;

static const wr_opt read_options[] = {
    {"mode", WR_OPT_TEXT, "lines", "lines, split or regex"},
    {"split_delimiter|delimiter|delim", WR_OPT_TEXT, ",", "between the fields of mode split"},
    {"regex_pattern|regex", WR_OPT_TEXT, NULL, "the whole line must match it"},
    {"mappings", WR_OPT_TEXT, NULL, "'name:index,...': columns of the modes split and regex"},
    {"types", WR_OPT_ANY, NULL, "{name: 'TYPE', ...}; default VARCHAR"},
    {"skip_empty_lines", WR_OPT_BOOL, NULL,
     "blank lines are no rows; default true except in mode lines"},
    {"encoding", WR_OPT_TEXT, "utf-8", "utf-8, latin-1 or utf-16"},
    {"compression", WR_OPT_TEXT, "auto", "auto, none, gzip, zstd or lz4"},
    {"max_line_size", WR_OPT_SIZE, "64MiB", "longest line"},
    {"buffer_size", WR_OPT_SIZE, "512KiB", "bytes a worker takes at a time"},
    {0}};

typedef struct lines_relation {
    wr_relation base;
    wr_arena arena;
    wr_fs *fs;
    wr_rejects *rejects;
    wr_str path, delimiter;
    lines_mode mode;
    bool skip_empty;
    int fields;
    int *source; /* per column: field or group */
    pcre2_code *regex;
    uint64_t line_size_max, buffer_size;
    wr_text_coding coding;
    wr_cell_rules rules;
    const wr_type *text_type; /* VARCHAR */
} lines_relation;

typedef struct lines_scan {
    lines_relation *rel;
    wr_scan_request request;
    wr_text_chunks chunks;
    wr_progress progress;
} lines_scan;

typedef struct lines_worker {
    lines_scan *scan;
    int worker;
    wr_text_chunk chunk;
    const char *at;
    uint64_t line, row; /* of at */
    wr_fill *fills;
    wr_column *columns;
    pcre2_match_data *match;
    uint16_t sel[WR_BATCH_ROWS];
} lines_worker;

static weir_status cut_lines(void *arg, wr_text_chunk *chunk, size_t size, bool is_end, size_t *cut)
{
    static const wr_csv_dialect dialect = {.delimiter = "\n",
                                           .delimiter_size = 1,
                                           .quote = -1,
                                           .escape = -1,
                                           .comment = -1,
                                           .newline = '\n'};
    lines_scan *scan = arg;
    wr_csv_extent extent;
    if (is_end && chunk->data[size - 1] != '\n') chunk->data[size++] = '\n';
    wr_csv_find_extent(&dialect, chunk->data, size, is_end, &extent);
    *cut = extent.cut;
    chunk->lines = extent.lines;
    chunk->is_ascii = extent.is_ascii;
    chunk->rows = extent.lines;
    for (const char *p = chunk->data, *end = p + *cut; scan->rel->skip_empty && p < end;) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        chunk->rows -= stop == p || (stop == p + 1 && *p == '\r');
        p = stop + 1;
    }
    scan->progress.bytes = wr_text_source_file_pos(scan->chunks.source);
    scan->progress.decoded_bytes += *cut;
    return WR_OK;
}

/* ---- one line ---- */
static wr_str split_field(wr_str line, wr_str delimiter, int wanted, bool *found)
{
    for (int field = 0;; field++) {
        ptrdiff_t stop = wr_str_find(line, delimiter);
        if (field == wanted) {
            *found = true;
            return stop < 0 ? line : (wr_str){line.data, (size_t)stop};
        }
        *found = false;
        if (stop < 0) return line;
        line.data += (size_t)stop + delimiter.length;
        line.length -= (size_t)stop + delimiter.length;
    }
}

/* The text a column takes from the line; false: the line does not have it. data NULL: NULL. */
static bool text_of(const lines_worker *w, wr_str line, int source, wr_str *out)
{
    const lines_relation *rel = w->scan->rel;
    bool found = true;
    *out = line;
    if (rel->mode == BY_SPLIT) *out = split_field(line, rel->delimiter, source, &found);
    if (rel->mode != BY_REGEX) return found;
    const size_t *pairs = pcre2_get_ovector_pointer(w->match);
    if (pairs[2 * source] == PCRE2_UNSET)
        *out = (wr_str){NULL, 0};
    else
        *out = (wr_str){line.data + pairs[2 * source], pairs[2 * source + 1] - pairs[2 * source]};
    return true;
}

static bool is_null(const lines_relation *rel, wr_str text)
{
    return !text.data || (rel->mode != BY_LINE && (text.length == 0 || wr_str_is(text, "null")));
}

/* Why the line cannot be a row, or NULL. *column is the one at fault. */
static const char *read_line(lines_worker *w, wr_str line, uint32_t row, const wr_field **column)
{
    const lines_relation *rel = w->scan->rel;
    *column = NULL;
    if (!w->chunk.is_ascii && !wr_utf8_valid(line.data, line.length))
        return "it is not valid UTF-8";
    if (rel->mode == BY_REGEX) {
        int groups = pcre2_match(rel->regex, (PCRE2_SPTR)line.data, line.length, 0,
                                 PCRE2_NO_UTF_CHECK, w->match, NULL);
        if (groups == PCRE2_ERROR_NOMATCH) return "it does not match the pattern";
        if (groups < 0) return "the pattern takes too long on it";
    }
    for (int f = 0; f < rel->fields;
         f++) { /* every column must be there, also those nobody asks for */
        wr_str text;
        if (text_of(w, line, rel->source[f], &text)) continue;
        *column = &rel->base.schema.fields[f];
        return "it has too few fields";
    }
    for (int p = 0; p < w->scan->request.column_count; p++) {
        int field = w->scan->request.columns[p];
        wr_str text;
        if (field == rel->fields) {
            ((int64_t *)w->fills[p].data)[row] = (int64_t)w->row;
            continue;
        }
        text_of(w, line, rel->source[field], &text);
        if (is_null(rel, text)) {
            wr_fill_null(&w->fills[p], row);
            continue;
        }
        if (w->fills[p].has_nulls) wr_bit_set(w->fills[p].valid, row);
        if (w->fills[p].type == rel->text_type) {
            ((wr_view *)w->fills[p].data)[row] = wr_view_of(text.data, text.length);
            continue;
        }
        if (wr_cell_read(&rel->rules, w->fills[p].type, text,
                         (char *)w->fills[p].data + row * w->fills[p].width))
            continue;
        *column = &rel->base.schema.fields[field];
        return "a value does not have the type of its column";
    }
    return NULL;
}

static weir_status line_failed(lines_worker *w, wr_str line, const char *why,
                               const wr_field *column)
{
    lines_relation *rel = w->scan->rel;
    wr_str name = column ? column->name : WR_STR("");
    uint64_t offset = w->chunk.offset + (uint64_t)(line.data - w->chunk.data);
    if (rel->rejects)
        return rel->rejects->add(rel->rejects, rel->path, w->line, offset, name, wr_str_of(why),
                                 line);
    weir_status bad = wr_fail(column && rel->mode == BY_SPLIT ? WR_E_ROW_SHAPE : WR_E_ROW_VALUE,
                              "%.*s line %llu cannot be read: %s%s%.*s%s", WR_STR_ARGS(rel->path),
                              (unsigned long long)w->line, why, column ? " (column " : "",
                              WR_STR_ARGS(name), column ? ")" : "");
    bool is_valid = wr_utf8_valid(line.data, line.length);
    if (is_valid)
        bad = wr_with_detail(bad, "%llu | %.*s\nnothing was loaded", (unsigned long long)w->line,
                             (int)WR_MIN(line.length, (size_t)100), line.data);
    return wr_with_fix(bad,
                       "read_lines('%.*s', rejects => 'bad_rows', ...) keeps such lines in a table",
                       WR_STR_ARGS(rel->path));
}

/* ---- scan ---- */
static weir_status lines_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    lines_relation *rel = (lines_relation *)base;
    wr_text_source *source = NULL;
    WR_TRY(wr_text_source_open(rel->fs, request->mem, rel->path, &rel->coding, false, &source));
    lines_scan *scan = wr_heap_new(sizeof *scan);
    scan->rel = rel;
    scan->request = *request;
    scan->progress.bytes_total = wr_text_source_file_size(source);
    wr_text_chunks_init(&scan->chunks, source, request->mem, rel->path, rel->buffer_size,
                        (size_t)rel->line_size_max, cut_lines, scan);
    *out = (wr_scan *)scan;
    return WR_OK;
}

static void lines_close(wr_scan *base)
{
    lines_scan *scan = (lines_scan *)base;
    if (!scan) return;
    wr_text_chunks_clear(&scan->chunks);
    wr_heap_drop(scan);
}

static void lines_worker_drop(wr_scan_worker *base)
{
    lines_worker *w = (lines_worker *)base;
    if (!w) return;
    wr_mem *mem = w->scan->request.mem;
    wr_text_chunk_clear(mem, &w->chunk);
    for (int p = 0; p < w->scan->request.column_count; p++)
        wr_fill_clear(mem, &w->fills[p]);
    pcre2_match_data_free(w->match);
    wr_heap_drop(w->fills);
    wr_heap_drop(w->columns);
    wr_heap_drop(w);
}

static weir_status lines_worker_new(wr_scan *base, int worker, wr_scan_worker **out)
{
    lines_scan *scan = (lines_scan *)base;
    lines_worker *w = wr_heap_new(sizeof *w);
    size_t count = (size_t)scan->request.column_count + 1;
    w->scan = scan;
    w->worker = worker;
    w->fills = wr_heap_new(count * sizeof *w->fills);
    w->columns = wr_heap_new(count * sizeof *w->columns);
    if (scan->rel->regex) w->match = pcre2_match_data_create_from_pattern(scan->rel->regex, NULL);
    for (int p = 0; p < scan->request.column_count; p++) {
        const wr_type *type = scan->rel->base.schema.fields[scan->request.columns[p]].type;
        weir_status bad = wr_fill_new(scan->request.mem, type, WR_BATCH_ROWS, &w->fills[p]);
        if (!bad) continue;
        lines_worker_drop((wr_scan_worker *)w);
        return bad;
    }
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

static weir_status lines_next_morsel(wr_scan_worker *base, bool *got)
{
    lines_worker *w = (lines_worker *)base;
    WR_TRY(wr_cancel_check(w->scan->request.cancel));
    WR_TRY(wr_text_chunks_next(&w->scan->chunks, &w->chunk, got));
    if (*got) WR_TRY(wr_text_check_lines(&w->scan->chunks, &w->chunk));
    w->at = w->chunk.data;
    w->line = w->chunk.line;
    w->row = w->chunk.row;
    return WR_OK;
}

static weir_status filter_rows(lines_worker *w, wr_batch *out)
{
    const wr_scan_request *request = &w->scan->request;
    uint32_t count = out->rows;
    for (uint32_t i = 0; i < out->rows; i++)
        w->sel[i] = (uint16_t)i;
    for (int f = 0; f < request->filter_count && count > 0; f++) {
        const wr_scan_filter *filter = request->filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, w->worker, out, w->sel, &count));
    }
    out->sel = count < out->rows ? w->sel : NULL;
    out->sel_count = count;
    return WR_OK;
}

static weir_status lines_next_batch(wr_scan_worker *base, wr_batch *out, bool *more)
{
    lines_worker *w = (lines_worker *)base;
    lines_scan *scan = w->scan;
    const char *end = w->chunk.data + w->chunk.size;
    uint32_t rows = 0;
    WR_TRY(wr_cancel_check(scan->request.cancel));
    *more = w->at < end;
    for (int p = 0; p < scan->request.column_count; p++)
        wr_fill_begin(&w->fills[p]);
    while (w->at < end && rows < WR_BATCH_ROWS) {
        const char *stop = memchr(w->at, '\n', (size_t)(end - w->at));
        wr_str line = {w->at, (size_t)(stop - w->at)};
        if (line.length > 0 && line.data[line.length - 1] == '\r') line.length--;
        const wr_field *column;
        bool is_row = line.length > 0 || !scan->rel->skip_empty;
        const char *why = is_row ? read_line(w, line, rows, &column) : NULL;
        if (why) WR_TRY(line_failed(w, line, why, column));
        rows += is_row && !why;
        w->row += is_row;
        w->line++;
        w->at = stop + 1;
    }
    *out =
        (wr_batch){.columns = w->columns, .column_count = scan->request.column_count, .rows = rows};
    for (int p = 0; p < scan->request.column_count; p++)
        wr_fill_column(&w->fills[p], rows, NULL, 0, &w->columns[p]);
    scan->progress.rows += rows;
    return scan->request.filter_count > 0 && rows > 0 ? filter_rows(w, out) : WR_OK;
}

static const wr_progress *lines_progress(const wr_scan *base)
{
    return &((const lines_scan *)base)->progress;
}

static void lines_drop(wr_relation *base)
{
    lines_relation *rel = (lines_relation *)base;
    if (rel->regex) pcre2_code_free(rel->regex);
    wr_arena arena = rel->arena;
    wr_heap_drop(rel);
    wr_arena_clear(&arena);
}

static const wr_relation_def lines_relation_def = {.name = "lines",
                                                   .open = lines_open,
                                                   .worker_new = lines_worker_new,
                                                   .next_morsel = lines_next_morsel,
                                                   .next_batch = lines_next_batch,
                                                   .worker_drop = lines_worker_drop,
                                                   .close = lines_close,
                                                   .progress = lines_progress,
                                                   .drop = lines_drop};

/* ---- bind ---- */
static weir_status compile(lines_relation *rel, wr_str pattern, wr_span span)
{
    WR_BUF(whole);
    int error;
    size_t offset;
    wr_buf_printf(&whole, "^(?:%.*s)$", WR_STR_ARGS(pattern));
    rel->regex = pcre2_compile((PCRE2_SPTR)whole.data, whole.length,
                               PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &offset, NULL);
    if (!rel->regex) {
        unsigned char text[256];
        pcre2_get_error_message(error, text, sizeof text);
        return wr_fail_at(WR_E_BAD_PATTERN, span, "the pattern cannot be compiled: %s",
                          (const char *)text);
    }
    pcre2_jit_compile(rel->regex, PCRE2_JIT_COMPLETE);
    return WR_OK;
}

/* 'uid:1,action:2' */
static weir_status read_mappings(lines_relation *rel, wr_str text, wr_span span)
{
    WR_LIST(wr_field) fields = {0};
    WR_LIST(int) sources = {0};
    while (text.length > 0) {
        const char *comma = memchr(text.data, ',', text.length);
        wr_str one = {text.data, comma ? (size_t)(comma - text.data) : text.length};
        const char *colon = memrchr(one.data, ':', one.length);
        int64_t index;
        bool ok = colon &&
                  wr_i64_read((wr_str){colon + 1, (size_t)(one.data + one.length - colon - 1)},
                              &index, NULL) &&
                  index >= 0 && index < GROUPS_MAX * 10;
        wr_str name = wr_str_trim((wr_str){one.data, colon ? (size_t)(colon - one.data) : 0});
        if (!ok || name.length == 0)
            return wr_fail_at(WR_E_PARAMETER_VALUE, span,
                              "the option \"mappings\" takes 'name:index,...', not \"%.*s\"",
                              WR_STR_ARGS(one));
        wr_push(&rel->arena, &fields, ((wr_field){wr_arena_str(&rel->arena, name), WR_VARCHAR}));
        wr_push(&rel->arena, &sources, (int)index);
        text.data += one.length + (comma != NULL);
        text.length -= one.length + (comma != NULL);
    }
    rel->base.schema.fields = fields.items;
    rel->fields = fields.count;
    rel->source = sources.items;
    return WR_OK;
}

/* Named groups as columns. */
static weir_status name_groups(lines_relation *rel)
{
    uint32_t count = 0, size = 0;
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(rel->regex, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(rel->regex, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(rel->regex, PCRE2_INFO_NAMETABLE, &table);
    WR_BUF(mappings);
    uint32_t groups = 0;
    pcre2_pattern_info(rel->regex, PCRE2_INFO_CAPTURECOUNT, &groups);
    for (uint32_t g = 1; g <= groups; g++) /* in the order of the pattern */
        for (uint32_t i = 0; i < count; i++)
            if ((uint32_t)(table[i * size] << 8 | table[i * size + 1]) == g)
                wr_buf_printf(&mappings, "%s%s:%u", mappings.length ? "," : "",
                              (const char *)table + i * size + 2, g);
    if (mappings.length == 0)
        return wr_with_fix(
            wr_fail(WR_E_PARAMETER_VALUE, "mode regex needs mappings or named groups"),
            "mappings => 'user:1,action:2'");
    return read_mappings(rel, wr_buf_str(&mappings), (wr_span){0});
}

static weir_status bind_columns(lines_relation *rel, const wr_options *given)
{
    wr_str text, pattern;
    bool has_mappings, has_pattern;
    const wr_given *item = wr_option_find(given, read_options, "mappings");
    wr_span span = item ? item->value_span : (wr_span){0};
    WR_TRY(wr_option_text(given, read_options, "mappings", &text, &has_mappings));
    WR_TRY(wr_option_text(given, read_options, "regex_pattern", &pattern, &has_pattern));
    if (rel->mode == BY_REGEX) {
        if (!has_pattern)
            return wr_fail(WR_E_PARAMETER_VALUE, "mode regex needs the option regex_pattern");
        item = wr_option_find(given, read_options, "regex_pattern");
        WR_TRY(compile(rel, pattern, item->value_span));
    }
    if (rel->mode == BY_LINE) return read_mappings(rel, WR_STR("line:0"), span);
    if (!has_mappings && rel->mode == BY_REGEX) return name_groups(rel);
    if (!has_mappings)
        return wr_fail(WR_E_PARAMETER_VALUE, "mode split needs mappings 'name:index,...'");
    WR_TRY(read_mappings(rel, text, span));
    uint32_t groups = UINT32_MAX - 1;
    if (rel->mode == BY_REGEX) pcre2_pattern_info(rel->regex, PCRE2_INFO_CAPTURECOUNT, &groups);
    for (int f = 0; f < rel->fields; f++)
        if ((uint32_t)rel->source[f] > groups)
            return wr_fail_at(WR_E_PARAMETER_VALUE, span, "the pattern has %u groups, not %d",
                              groups, rel->source[f]);
    return WR_OK;
}

static weir_status bind_types(lines_relation *rel, const wr_options *given)
{
    wr_field *types;
    int count;
    WR_TRY(wr_option_fields(given, read_options, "types", &rel->arena, &types, &count, NULL));
    wr_schema *schema = &rel->base.schema;
    wr_field *fields = wr_new_array(&rel->arena, wr_field, rel->fields + 1);
    if (rel->fields > 0) memcpy(fields, schema->fields, (size_t)rel->fields * sizeof *fields);
    for (int i = 0; i < count; i++) {
        int found = -1;
        for (int f = 0; f < rel->fields; f++)
            if (wr_str_ieq(fields[f].name, types[i].name)) found = f;
        if (found < 0)
            return wr_fail(WR_E_UNKNOWN_COLUMN, "no column \"%.*s\" among the mappings",
                           WR_STR_ARGS(types[i].name));
        if (!wr_cell_supports(types[i].type))
            return wr_fail(WR_E_UNSUPPORTED, "a line cannot be read as %s",
                           wr_type_name(types[i].type));
        fields[found].type = types[i].type;
    }
    fields[rel->fields] = (wr_field){WR_STR("file_row_number"), WR_BIGINT};
    schema->fields = fields;
    schema->count = rel->fields + 1;
    rel->base.visible_count = rel->fields;
    return WR_OK;
}

static weir_status bind_into(lines_relation *rel, const wr_options *given)
{
    wr_str text;
    bool is_set;
    WR_TRY(wr_option_text(given, read_options, "mode", &text, &is_set));
    if (!is_set && wr_option_find(given, read_options, "regex_pattern"))
        text = WR_STR("regex");
    else if (!is_set && wr_option_find(given, read_options, "mappings"))
        text = WR_STR("split");
    rel->mode = wr_str_is(text, "regex") ? BY_REGEX : wr_str_is(text, "split") ? BY_SPLIT : BY_LINE;
    if (rel->mode == BY_LINE && !wr_str_is(text, "lines") && !wr_str_is(text, "line"))
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "the option \"mode\" takes lines, split or regex, not \"%.*s\"",
                       WR_STR_ARGS(text));
    WR_TRY(wr_option_text(given, read_options, "split_delimiter", &text, NULL));
    if (wr_str_is(text, "\\t") || wr_str_is(text, "tab")) text = WR_STR("\t");
    if (text.length == 0)
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "the option \"split_delimiter\" takes at least one character");
    rel->delimiter = wr_arena_str(&rel->arena, text);
    WR_TRY(wr_option_bool(given, read_options, "skip_empty_lines", &rel->skip_empty, &is_set));
    if (!is_set) rel->skip_empty = rel->mode != BY_LINE;
    WR_TRY(wr_option_size(given, read_options, "max_line_size", &rel->line_size_max, NULL));
    WR_TRY(wr_option_size(given, read_options, "buffer_size", &rel->buffer_size, NULL));
    if (rel->buffer_size == 0 || rel->buffer_size > (UINT64_C(1) << 30))
        return wr_fail(WR_E_PARAMETER_VALUE, "the option \"buffer_size\" takes 1 to 1 GiB");
    WR_TRY(wr_text_coding_of(given, read_options, &rel->coding));
    rel->rules.decimal_separator = '.';
    WR_TRY(bind_columns(rel, given));
    return bind_types(rel, given);
}

static weir_status lines_bind(wr_format_context *context, wr_str path, const wr_options *options,
                              wr_relation **out)
{
    lines_relation *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &lines_relation_def;
    rel->base.references = 1;
    rel->base.row_count = -1;
    rel->text_type = WR_VARCHAR;
    rel->fs = context->fs;
    rel->rejects = context->rejects;
    rel->path = wr_arena_str(&rel->arena, path);
    weir_status bad = bind_into(rel, options);
    if (!bad && !wr_fs_exists(rel->fs, path))
        bad = wr_fail(WR_E_FILE_NOT_FOUND, "no file \"%.*s\"", WR_STR_ARGS(path));
    if (bad) {
        lines_drop(&rel->base);
        return bad;
    }
    *out = &rel->base;
    return WR_OK;
}

static weir_status lines_probe(wr_format_context *context, wr_str path, wr_str head,
                               bool head_is_all, wr_arena *arena, wr_probe *out)
{
    (void)context, (void)head_is_all;
    *out = (wr_probe){.reason = WR_STR("not text")};
    if (memchr(head.data, 0, head.length)) return WR_OK;
    bool is_named = wr_str_ihas_suffix(path, ".log") || wr_str_ihas_suffix(path, ".txt") ||
                    wr_str_ihas_suffix(path, ".lines");
    out->score = is_named ? 0.40 : 0.15;
    out->reason = WR_STR("any text has lines");
    out->schema.fields = wr_new(arena, wr_field);
    out->schema.fields[0] = (wr_field){WR_STR("line"), WR_VARCHAR};
    out->schema.count = 1;
    return WR_OK;
}

const wr_format wr_format_lines = {.name = "lines",
                                   .extensions = "log|lines",
                                   .help = "any text, one row per line",
                                   .read_options = read_options,
                                   .probe = lines_probe,
                                   .bind = lines_bind};
