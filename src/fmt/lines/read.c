/* read.c - lines -> rows. Lines that are left out because they do not match are counted, and told
 * when the scan ends. */
#include "base/log.h"
#include "fmt/csv/csv.h"
#include "fmt/lines/lines.h"

typedef struct lines_scan {
    wr_lines *rel;
    wr_scan_request request;
    wr_text_chunks chunks;
    wr_progress progress;
    _Atomic uint64_t left_out;
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

bool wr_lines_match(const wr_lines *rel, wr_str line, pcre2_match_data *match, const char **why)
{
    *why = NULL;
    if (rel->mode != WR_BY_REGEX) return true;
    int groups = pcre2_match(rel->regex, (PCRE2_SPTR)line.data, line.length, 0, PCRE2_NO_UTF_CHECK,
                             match, NULL);
    if (groups == PCRE2_ERROR_NOMATCH) return false;
    if (groups < 0) *why = "the pattern takes too long on it";
    return true;
}

bool wr_lines_text(const wr_lines *rel, wr_str line, const pcre2_match_data *match, int source,
                   wr_str *out)
{
    bool found = true;
    *out = line;
    if (rel->mode == WR_BY_LINE) return true;
    if (rel->mode == WR_BY_SPLIT) {
        *out = split_field(line, rel->delimiter, source, &found);
    } else {
        const size_t *pairs = pcre2_get_ovector_pointer((pcre2_match_data *)(uintptr_t)match);
        bool is_set = pairs[2 * source] != PCRE2_UNSET;
        size_t length = is_set ? pairs[2 * source + 1] - pairs[2 * source] : 0;
        *out = (wr_str){is_set ? line.data + pairs[2 * source] : NULL, length};
    }
    if (out->length == 0 || wr_str_is(*out, "null")) *out = (wr_str){NULL, 0};
    return found;
}

/* What keeps a line from being a row; column may be NULL. */
typedef struct line_fault {
    const char *why; /* NULL: nothing */
    const wr_field *column;
    bool is_unmatched;
} line_fault;

static line_fault find_fields(lines_worker *w, wr_str line)
{
    const wr_lines *rel = w->scan->rel;
    const char *why;
    if (!w->chunk.is_ascii && !wr_utf8_valid(line.data, line.length))
        return (line_fault){.why = "it is not valid UTF-8"};
    if (!wr_lines_match(rel, line, w->match, &why))
        return (line_fault){.why = "it does not match the pattern", .is_unmatched = true};
    if (why) return (line_fault){.why = why};
    /* Every column must be there, also those nobody asks for. */
    for (int f = 0; f < rel->fields; f++) {
        wr_str text;
        if (wr_lines_text(rel, line, w->match, rel->source[f], &text)) continue;
        return (line_fault){"it has too few fields", &rel->base.schema.fields[f], true};
    }
    return (line_fault){0};
}

static line_fault read_line(lines_worker *w, wr_str line, uint32_t row)
{
    const wr_lines *rel = w->scan->rel;
    line_fault fault = find_fields(w, line);
    if (fault.why) return fault;
    for (int p = 0; p < w->scan->request.column_count; p++) {
        int field = w->scan->request.columns[p];
        wr_str text;
        if (field == rel->fields) {
            ((int64_t *)w->fills[p].data)[row] = (int64_t)w->row;
            continue;
        }
        wr_lines_text(rel, line, w->match, rel->source[field], &text);
        if (!text.data) {
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
        return (line_fault){"a value does not have the type of its column",
                            &rel->base.schema.fields[field], false};
    }
    return fault;
}

static weir_status line_failed(lines_worker *w, wr_str line, const line_fault *fault)
{
    wr_lines *rel = w->scan->rel;
    const char *why = fault->why;
    const wr_field *column = fault->column;
    if (fault->is_unmatched && rel->skip_unmatched && !rel->rejects) {
        w->scan->left_out++;
        return WR_OK;
    }
    wr_str name = column ? column->name : WR_STR("");
    uint64_t offset = w->chunk.offset + (uint64_t)(line.data - w->chunk.data);
    if (rel->rejects)
        return rel->rejects->add(rel->rejects, rel->path, w->line, offset, name, wr_str_of(why),
                                 line);
    weir_status bad = wr_fail(column && rel->mode == WR_BY_SPLIT ? WR_E_ROW_SHAPE : WR_E_ROW_VALUE,
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
    wr_lines *rel = (wr_lines *)base;
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

static void tell_left_out(const lines_scan *scan)
{
    WR_BUF(path);
    WR_BUF(count);
    if (!scan->left_out) return;
    wr_buf_add_str(&path, scan->rel->path);
    wr_buf_printf(&count, "%llu", (unsigned long long)scan->left_out);
    wr_log(WR_LOG_WARN, "lines that do not match were left out", "file", path.data, "lines",
           count.data, NULL);
}

static void lines_close(wr_scan *base)
{
    lines_scan *scan = (lines_scan *)base;
    if (!scan) return;
    tell_left_out(scan);
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
        bool is_row = line.length > 0 || !scan->rel->skip_empty;
        line_fault fault = {0};
        if (is_row) fault = read_line(w, line, rows);
        if (fault.why) WR_TRY(line_failed(w, line, &fault));
        rows += is_row && !fault.why;
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
    wr_lines *rel = (wr_lines *)base;
    if (rel->regex) pcre2_code_free(rel->regex);
    wr_arena arena = rel->arena;
    wr_heap_drop(rel);
    wr_arena_clear(&arena);
}

const wr_relation_def wr_lines_relation_def = {.name = "lines",
                                               .open = lines_open,
                                               .worker_new = lines_worker_new,
                                               .next_morsel = lines_next_morsel,
                                               .next_batch = lines_next_batch,
                                               .worker_drop = lines_worker_drop,
                                               .close = lines_close,
                                               .progress = lines_progress,
                                               .drop = lines_drop};
