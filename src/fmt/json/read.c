/* read.c - JSON files as relations: one record per line, one array of records, or values one after
 * the other.
 *
 * Chunks are cut where a record ends: lines at line ends (which no valid text contains), arrays at
 * the commas between elements, free values where the nesting returns to the outside. A chunk is
 * parsed by one worker in a single pass that fills the columns asked for and checks everything
 * else.
 *
 * Records that are all objects give one column per key; any other values give the one column
 * "json". A key the sample did not show is an error as long as the columns are guessed: nothing is
 * left out unseen. */
#include "fmt/csv/csv.h"
#include "fmt/json/json.h"
#include "fmt/option_value.h"

enum { SAMPLE_BYTES = 1 << 20, PADDING = 64 };

const wr_opt wr_json_read_options[] = {
    {"format", WR_OPT_TEXT, "auto", "auto, newline_delimited, array or unstructured"},
    {"records", WR_OPT_TEXT, "auto", "auto; true: objects become columns; false: one column json"},
    {"columns", WR_OPT_ANY, NULL, "{name: 'TYPE', ...}: the columns; other keys are left out"},
    {"types", WR_OPT_ANY, NULL, "{name: 'TYPE', ...}: types not to guess"},
    {"sample_size", WR_OPT_INT, "20480", "records to guess from, -1 = all"},
    {"maximum_depth", WR_OPT_INT, "1000", "deepest nesting accepted"},
    {"maximum_object_size", WR_OPT_SIZE, "64MiB", "longest record"},
    {"ignore_errors", WR_OPT_BOOL, "false",
     "refused: rows are never dropped silently, see rejects"},
    {"dateformat|date_format", WR_OPT_TEXT, NULL, "strptime pattern of DATE"},
    {"timestampformat|timestamp_format", WR_OPT_TEXT, NULL, "strptime pattern of TIMESTAMP"},
    {"encoding", WR_OPT_TEXT, "utf-8", "utf-8, latin-1 or utf-16"},
    {"compression", WR_OPT_TEXT, "auto", "auto, none, gzip, zstd or lz4"},
    {"buffer_size", WR_OPT_SIZE, "512KiB", "bytes a worker takes at a time"},
    {0}};

typedef struct json_relation {
    wr_relation base;
    wr_arena arena;
    wr_fs *fs;
    wr_mem *mem;
    wr_rejects *rejects;
    wr_str path;
    wr_json_layout layout;
    bool as_objects, types_guessed;
    int fields, depth_max;
    uint64_t record_size_max, buffer_size, sample_rows;
    int64_t sample_size;
    wr_text_coding coding;
    wr_json_rules rules;
} json_relation;

typedef struct json_scan {
    json_relation *rel;
    wr_scan_request request;
    wr_text_chunks chunks;
    wr_progress progress;
    int *position; /* per field of the relation: position among them, -1 */
    bool wants_numbers;
} json_scan;

typedef struct json_worker {
    json_scan *scan;
    int worker;
    wr_text_chunk chunk;
    wr_json_text text;
    wr_json_builder **builders; /* by position in the request */
    wr_column *columns;
    uint32_t *seen; /* per field: row + 1 in which it was set */
    int next_field;
    uint64_t ordinal; /* records of this chunk begun */
    bool array_closed;
    wr_arena arena;
    uint16_t sel[WR_BATCH_ROWS];
} json_worker;

/* ---- cutting ---- */
/* Elements of an array (depth 1) or free values (depth 0): the last place where a record is whole.
 */
static size_t cut_nested(const char *data, size_t size, int outside, uint64_t *records)
{
    size_t cut = 0;
    int depth = outside;
    bool in_text = false;
    for (size_t i = 0; i < size; i++) {
        char c = data[i];
        if (in_text) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_text = false;
            continue;
        }
        if (c == '"')
            in_text = true;
        else if (c == '{' || c == '[')
            depth++;
        else if (c == '}' || c == ']') {
            depth--;
            if (outside == 0 && depth <= 0) cut = i + 1, (*records)++, depth = 0;
        } else if (c == ',' && depth == 1 && outside == 1) {
            cut = i + 1, (*records)++;
        } else if (c == '\n' && depth == 0 && outside == 0) {
            cut = i + 1;
        }
    }
    return cut;
}

static uint64_t count_filled_lines(const char *data, size_t size)
{
    uint64_t count = 0;
    for (const char *at = data, *end = data + size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop ? stop : end;
        while (at < stop && (*at == ' ' || *at == '\t' || *at == '\r'))
            at++;
        count += at < stop;
        at = stop + 1;
    }
    return count;
}

static weir_status cut_records(void *arg, wr_text_chunk *chunk, size_t size, bool is_end,
                               size_t *cut)
{
    static const wr_csv_dialect lines = {.delimiter = "\n",
                                         .delimiter_size = 1,
                                         .quote = -1,
                                         .escape = -1,
                                         .comment = -1,
                                         .newline = '\n'};
    json_scan *scan = arg;
    wr_csv_extent extent;
    uint64_t records = 0;
    wr_csv_find_extent(&lines, chunk->data, size, is_end, &extent);
    *cut = extent.cut;
    if (scan->rel->layout != WR_JSON_LINES) {
        bool in_array = scan->rel->layout == WR_JSON_ARRAY;
        const char *open = in_array && chunk->is_first ? memchr(chunk->data, '[', size) : NULL;
        size_t begin = open ? (size_t)(open - chunk->data) + 1 : 0;
        size_t nested = cut_nested(chunk->data + begin, size - begin, in_array, &records);
        *cut = is_end ? size : nested ? begin + nested : 0;
        extent.lines = 0;
        for (size_t i = 0; i < *cut; i++)
            extent.lines += chunk->data[i] == '\n';
    } else if (scan->wants_numbers) {
        records = count_filled_lines(chunk->data, *cut);
    }
    chunk->lines = extent.lines;
    chunk->rows = records;
    chunk->is_ascii = extent.is_ascii;
    scan->progress.bytes = wr_text_source_file_pos(scan->chunks.source);
    return WR_OK;
}

/* ---- errors ---- */
static wr_str line_around(const json_worker *w, const char *at, uint64_t *line, size_t *caret)
{
    const char *start = at, *end = at, *last = w->chunk.data + w->chunk.size;
    while (start > w->chunk.data && start[-1] != '\n')
        start--;
    while (end < last && *end != '\n' && *end != '\r')
        end++;
    *line = w->chunk.line;
    for (const char *p = w->chunk.data; p < start; p++)
        *line += *p == '\n';
    *caret = (size_t)(at - start);
    return (wr_str){start, (size_t)(end - start)};
}

static wr_str printable(wr_arena *arena, wr_str text, size_t most)
{
    if (text.length > most) text.length = most;
    char *out = wr_arena_copy(arena, text.data, text.length);
    bool is_valid = wr_utf8_valid(text.data, text.length);
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)out[i] < 0x20 || (!is_valid && (unsigned char)out[i] >= 0x80))
            out[i] = '?';
    return (wr_str){out, text.length};
}

static weir_status describe(const json_relation *rel, wr_json_fault fault,
                            const wr_json_build *build, uint64_t line_number, wr_arena *arena)
{
    unsigned long long line = line_number;
    wr_str bad = printable(arena, build->bad, 60), path = rel->path;
    if (fault == JSON_SYNTAX)
        return wr_with_fix(wr_fail(WR_E_ROW_VALUE, "%.*s line %llu is not valid JSON: %s",
                                   WR_STR_ARGS(path), line, build->text->error),
                           "read_json('%.*s', rejects => 'bad_rows') keeps such lines in a table",
                           WR_STR_ARGS(path));
    if (fault == JSON_SURROGATE)
        return wr_with_hint(
            wr_fail(WR_E_BAD_ENCODING, "\"%.*s\" in %.*s line %llu has half of a surrogate pair",
                    WR_STR_ARGS(bad), WR_STR_ARGS(path), line),
            "it is no character; rejects => 'bad_rows' keeps such lines in a table");
    if (fault == JSON_KEY)
        return wr_with_fix(
            wr_fail(WR_E_ROW_SHAPE,
                    "%.*s line %llu has the key \"%.*s\", which the first %llu records do not have",
                    WR_STR_ARGS(path), line, WR_STR_ARGS(bad),
                    (unsigned long long)rel->sample_rows),
            "read_json('%.*s', sample_size => -1)", WR_STR_ARGS(path));
    return wr_with_fix(wr_fail(WR_E_ROW_VALUE, "cannot read %.*s as %s (%.*s line %llu%s)",
                               WR_STR_ARGS(bad), wr_type_name(build->bad_type), WR_STR_ARGS(path),
                               line, rel->types_guessed ? "; type guessed from a sample" : ""),
                       "read_json('%.*s', sample_size => -1)   or   rejects => 'bad_rows'",
                       WR_STR_ARGS(path));
}

/* Rejects the record that begins at start, or makes the error. */
static weir_status record_failed(json_worker *w, const char *start, wr_json_fault fault,
                                 wr_json_build *build)
{
    json_relation *rel = w->scan->rel;
    if (fault == JSON_MEMORY) return build->status;
    WR_ARENA(scratch);
    uint64_t line;
    size_t caret;
    const char *at = fault == JSON_SYNTAX ? w->text.at : build->bad.data;
    if (at < w->chunk.data || at > w->chunk.data + w->chunk.size) at = start;
    bool can_go_on = rel->layout == WR_JSON_LINES || fault != JSON_SYNTAX;
    wr_str shown = line_around(w, at, &line, &caret);
    weir_status bad = describe(rel, fault, build, line, &scratch);
    if (rel->rejects && can_go_on) {
        wr_str whole = line_around(w, start, &line, &caret);
        weir_status kept = rel->rejects->add(rel->rejects, rel->path, line,
                                             w->chunk.offset + (uint64_t)(start - w->chunk.data),
                                             WR_STR(""), wr_str_of(wr_status_text(bad)), whole);
        wr_status_drop(bad);
        return kept;
    }
    size_t from = caret > 60 ? caret - 60 : 0;
    wr_str piece = printable(&scratch, (wr_str){shown.data + from, shown.length - from}, 100);
    return wr_with_detail(bad, "%llu | %s%.*s\n%*s | %*s^\nnothing was loaded",
                          (unsigned long long)line, from ? "..." : "", WR_STR_ARGS(piece),
                          (int)wr_arena_printf(&scratch, "%llu", (unsigned long long)line).length,
                          "", (int)(caret - from) + (from ? 3 : 0), "");
}

/* ---- parsing ---- */
static void cut_back(json_worker *w, uint32_t rows)
{
    for (int p = 0; p < w->scan->request.column_count; p++)
        if (w->builders[p]) wr_json_builder_truncate(w->builders[p], rows);
}

static int find_field(json_worker *w, wr_str key)
{
    const json_relation *rel = w->scan->rel;
    int at = w->next_field < rel->fields ? w->next_field : 0;
    for (int n = 0; n < rel->fields; n++) {
        if (wr_str_eq(rel->base.schema.fields[at].name, key)) return w->next_field = at + 1, at;
        if (++at == rel->fields) at = 0;
    }
    int found = wr_schema_find(&rel->base.schema, key);
    return found < rel->fields ? found : -1;
}

static wr_json_fault build_member(json_worker *w, wr_json_build *build, uint32_t row)
{
    wr_json_text *t = &w->text;
    wr_str key;
    bool has_escapes;
    wr_json_skip_blanks(t);
    if (t->at >= t->end || *t->at != '"')
        return t->error = "a key in quotes is expected here", JSON_SYNTAX;
    if (!wr_json_take_string(t, &key, &has_escapes)) return JSON_SYNTAX;
    if (has_escapes) {
        char *plain = wr_arena_alloc(&w->arena, key.length + 4);
        size_t length = 0;
        build->bad = key;
        if (!wr_json_unescape(key, plain, &length)) return JSON_SURROGATE;
        key = (wr_str){plain, length};
    }
    wr_json_skip_blanks(t);
    if (t->at >= t->end || *t->at != ':') return t->error = "a colon is expected here", JSON_SYNTAX;
    t->at++;
    int field = find_field(w, key);
    if (field < 0 && w->scan->rel->rules.strict_keys) return build->bad = key, JSON_KEY;
    int position = field < 0 ? -1 : w->scan->position[field];
    if (position < 0) return wr_json_skip_value(t, 1, NULL) ? JSON_OK : JSON_SYNTAX;
    if (w->seen[field] == row + 1)
        wr_json_builder_truncate(w->builders[position], row); /* the last one wins */
    w->seen[field] = row + 1;
    return wr_json_build_value(build, w->builders[position], 1);
}

static wr_json_fault build_record(json_worker *w, wr_json_build *build, uint32_t row)
{
    wr_json_text *t = &w->text;
    wr_json_skip_blanks(t);
    if (!w->scan->rel->as_objects) {
        int position = w->scan->position[0];
        if (position >= 0) return wr_json_build_value(build, w->builders[position], 0);
        return wr_json_skip_value(t, 0, NULL) ? JSON_OK : JSON_SYNTAX;
    }
    if (t->at >= t->end || *t->at != '{') {
        build->bad_type = wr_type_of(WR_T_STRUCT);
        const char *start = t->at;
        if (!wr_json_skip_value(t, 0, &build->bad)) return JSON_SYNTAX;
        build->bad.data = start;
        return t->error = "a record is an object in { }", JSON_VALUE;
    }
    t->at++;
    w->next_field = 0;
    wr_json_skip_blanks(t);
    bool more = !(t->at < t->end && *t->at == '}');
    if (!more) t->at++;
    while (more) {
        wr_json_fault fault = build_member(w, build, row);
        if (fault) return fault;
        wr_json_skip_blanks(t);
        more = t->at < t->end && *t->at == ',';
        if (!more && (t->at >= t->end || *t->at != '}'))
            return t->error = "a comma or } is expected here", JSON_SYNTAX;
        t->at++;
    }
    for (int f = 0; f < w->scan->rel->fields; f++) {
        int position = w->scan->position[f];
        if (position < 0 || w->seen[f] == row + 1) continue;
        wr_json_fault fault = wr_json_build_null(build, w->builders[position]);
        if (fault) return fault;
    }
    return JSON_OK;
}

/* Moves to the next record of the chunk; *more false at its end. Checks what stands between
 * records. */
static bool next_record(json_worker *w, bool *more)
{
    wr_json_text *t = &w->text;
    wr_json_skip_blanks(t);
    *more = t->at < t->end;
    if (w->scan->rel->layout != WR_JSON_ARRAY) return true;
    if (w->array_closed) {
        if (*more) t->error = "nothing may follow the array";
        return !*more;
    }
    if (w->chunk.is_first && w->ordinal == 0) {
        if (!*more || *t->at != '[') return t->error = "an array in [ ] is expected", false;
        t->at++;
        wr_json_skip_blanks(t);
        if (t->at < t->end && *t->at == ']') {
            t->at++;
            w->array_closed = true;
            return next_record(w, more);
        }
        *more = t->at < t->end;
        if (!*more && w->chunk.is_last) t->error = "the array is never closed";
        return t->error == NULL;
    }
    if (w->ordinal == 0) {
        if (!*more) t->error = "the array is never closed";
        return *more;
    }
    if (*more && *t->at == ']') {
        t->at++;
        w->array_closed = true;
        return next_record(w, more);
    }
    if (!*more || *t->at != ',')
        return t->error = *more ? "a comma or ] is expected here" : "the array is never closed",
               false;
    t->at++;
    wr_json_skip_blanks(t);
    *more = t->at < t->end;
    if (!*more && w->chunk.is_last) t->error = "the array is never closed";
    return t->error == NULL;
}

/* Lines: nothing may follow the value on its line, and it must not go over the line end. */
static bool ends_line(wr_json_text *t, const char *start)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
    if (t->at < t->end && *t->at != '\n')
        return t->error = "something follows the record on its line", false;
    if (memchr(start, '\n', (size_t)(t->at - start)))
        return t->error = "the record goes over several lines; see format => 'unstructured'", false;
    return true;
}

static weir_status parse_batch(json_worker *w, uint32_t *rows, bool *any)
{
    json_relation *rel = w->scan->rel;
    wr_json_build build = {.rules = &rel->rules, .text = &w->text, .arena = &w->arena};
    *rows = 0;
    *any = false;
    while (*rows < WR_BATCH_ROWS) {
        bool more;
        if (!next_record(w, &more)) return record_failed(w, w->text.at, JSON_SYNTAX, &build);
        if (!more) return WR_OK;
        *any = true;
        const char *start = w->text.at;
        wr_json_fault fault = build_record(w, &build, *rows);
        if (!fault && rel->layout == WR_JSON_LINES && !ends_line(&w->text, start))
            fault = JSON_SYNTAX;
        if (!fault && !w->chunk.is_ascii && !wr_utf8_valid(start, (size_t)(w->text.at - start)))
            w->text.error = "it is not valid UTF-8", fault = JSON_SYNTAX;
        int at = w->scan->wants_numbers ? w->scan->position[rel->fields] : -1;
        if (!fault && at >= 0)
            ((int64_t *)w->columns[at].data)[*rows] = (int64_t)(w->chunk.row + w->ordinal);
        w->ordinal++;
        if (!fault) {
            (*rows)++;
            continue;
        }
        bool is_bad_line = rel->layout == WR_JSON_LINES;
        WR_TRY(record_failed(w, start, fault, &build));
        cut_back(w, *rows);
        memset(w->seen, 0, (size_t)rel->fields * sizeof *w->seen);
        w->text.error = NULL;
        if (is_bad_line) {
            const char *stop = memchr(start, '\n', (size_t)(w->text.end - start));
            w->text.at = stop ? stop + 1 : w->text.end;
        } else { /* the value was well formed: pass over it */
            w->text.at = start;
            if (!wr_json_skip_value(&w->text, 0, NULL))
                return record_failed(w, start, JSON_SYNTAX, &build);
        }
    }
    return WR_OK;
}

/* ---- the contract ---- */
static weir_status json_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    json_relation *rel = (json_relation *)base;
    wr_text_source *source = NULL;
    WR_TRY(wr_text_source_open(rel->fs, request->mem, rel->path, &rel->coding, false, &source));
    json_scan *scan = wr_heap_new(sizeof *scan);
    scan->rel = rel;
    scan->request = *request;
    scan->progress.bytes_total = wr_text_source_file_size(source);
    scan->position = wr_heap_new(((size_t)rel->fields + 1) * sizeof *scan->position);
    for (int f = 0; f <= rel->fields; f++)
        scan->position[f] = -1;
    for (int p = 0; p < request->column_count; p++)
        scan->position[request->columns[p]] = p;
    scan->wants_numbers = scan->position[rel->fields] >= 0;
    size_t chunk_size = rel->buffer_size;
    if (wr_text_source_is_plain(source))
        chunk_size = WR_MIN(chunk_size, wr_text_source_file_size(source) + 1);
    wr_text_chunks_init(&scan->chunks, source, request->mem, rel->path, chunk_size,
                        (size_t)rel->record_size_max, cut_records, scan);
    *out = (wr_scan *)scan;
    return WR_OK;
}

static void json_close(wr_scan *base)
{
    json_scan *scan = (json_scan *)base;
    if (!scan) return;
    wr_text_chunks_clear(&scan->chunks);
    wr_heap_drop(scan->position);
    wr_heap_drop(scan);
}

static void json_worker_drop(wr_scan_worker *base)
{
    json_worker *w = (json_worker *)base;
    if (!w) return;
    int at = w->scan->wants_numbers ? w->scan->position[w->scan->rel->fields] : -1;
    if (at >= 0 && w->columns) wr_heap_drop(w->columns[at].data);
    for (int p = 0; w->builders && p < w->scan->request.column_count; p++)
        wr_json_builder_drop(w->builders[p]);
    wr_text_chunk_clear(w->scan->request.mem, &w->chunk);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w->builders);
    wr_heap_drop(w->columns);
    wr_heap_drop(w->seen);
    wr_heap_drop(w);
}

static weir_status json_worker_new(wr_scan *base, int worker, wr_scan_worker **out)
{
    json_scan *scan = (json_scan *)base;
    json_worker *w = wr_heap_new(sizeof *w);
    size_t count = (size_t)scan->request.column_count + 1;
    w->scan = scan;
    w->worker = worker;
    w->builders = wr_heap_new(count * sizeof *w->builders);
    w->columns = wr_heap_new(count * sizeof *w->columns);
    w->seen = wr_heap_new(((size_t)scan->rel->fields + 1) * sizeof *w->seen);
    for (int p = 0; p < scan->request.column_count; p++) {
        int field = scan->request.columns[p];
        if (field < scan->rel->fields)
            w->builders[p] =
                wr_json_builder_new(scan->request.mem, scan->rel->base.schema.fields[field].type);
        else
            w->columns[p].data = wr_heap_new(WR_BATCH_ROWS * sizeof(int64_t));
    }
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

static weir_status json_next_morsel(wr_scan_worker *base, bool *got)
{
    json_worker *w = (json_worker *)base;
    json_scan *scan = w->scan;
    WR_TRY(wr_cancel_check(scan->request.cancel));
    WR_TRY(wr_text_chunks_next(&scan->chunks, &w->chunk, got));
    if (!*got) return WR_OK;
    w->text = (wr_json_text){.at = w->chunk.data,
                             .end = w->chunk.data + w->chunk.size,
                             .depth_max = scan->rel->depth_max};
    w->ordinal = 0;
    w->array_closed = false;
    return WR_OK;
}

static weir_status apply_filters(json_worker *w, wr_batch *out)
{
    const wr_scan_request *request = &w->scan->request;
    uint32_t count = out->rows;
    bool applied = false;
    for (int f = 0; f < request->filter_count && count > 0; f++) {
        const wr_scan_filter *filter = request->filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        if (!applied)
            for (uint32_t i = 0; i < out->rows; i++)
                w->sel[i] = (uint16_t)i;
        applied = true;
        WR_TRY(filter->apply(filter, w->worker, out, w->sel, &count));
    }
    out->sel = applied && count < out->rows ? w->sel : NULL;
    out->sel_count = count;
    return WR_OK;
}

static weir_status json_next_batch(wr_scan_worker *base, wr_batch *out, bool *more)
{
    json_worker *w = (json_worker *)base;
    json_scan *scan = w->scan;
    uint32_t rows;
    WR_TRY(wr_cancel_check(scan->request.cancel));
    wr_arena_reset(&w->arena);
    memset(w->seen, 0, (size_t)scan->rel->fields * sizeof *w->seen);
    for (int p = 0; p < scan->request.column_count; p++)
        if (w->builders[p]) wr_json_builder_reset(w->builders[p]);
    WR_TRY(parse_batch(w, &rows, more));
    *out =
        (wr_batch){.columns = w->columns, .column_count = scan->request.column_count, .rows = rows};
    for (int p = 0; p < scan->request.column_count; p++) {
        void *data = w->columns[p].data;
        if (w->builders[p])
            wr_json_builder_column(w->builders[p], &w->columns[p]);
        else
            w->columns[p] = (wr_column){
                .type = WR_BIGINT, .form = WR_FLAT, .phys = WR_P_I64, .rows = rows, .data = data};
    }
    scan->progress.rows += rows;
    return apply_filters(w, out);
}

static const wr_progress *json_progress(const wr_scan *base)
{
    return &((const json_scan *)base)->progress;
}

static void json_explain(const wr_relation *base, wr_buf *out)
{
    static const char *const names[] = {"auto", "newline_delimited", "array", "unstructured"};
    wr_buf_printf(out, "%s", names[((const json_relation *)base)->layout]);
}

static void json_drop(wr_relation *base)
{
    json_relation *rel = (json_relation *)base;
    wr_arena arena = rel->arena;
    wr_heap_drop(rel);
    wr_arena_clear(&arena);
}

static const wr_relation_def json_relation_def = {.name = "json",
                                                  .open = json_open,
                                                  .worker_new = json_worker_new,
                                                  .next_morsel = json_next_morsel,
                                                  .next_batch = json_next_batch,
                                                  .worker_drop = json_worker_drop,
                                                  .close = json_close,
                                                  .progress = json_progress,
                                                  .explain = json_explain,
                                                  .drop = json_drop};

/* ---- bind ---- */
/* The layout by the first value of the sample. */
static wr_json_layout find_layout(wr_str sample, int depth_max)
{
    wr_json_text t = {
        .at = sample.data, .end = sample.data + sample.length, .depth_max = depth_max};
    wr_json_skip_blanks(&t);
    const char *start = t.at;
    bool is_array = t.at < t.end && *t.at == '[';
    if (!wr_json_skip_value(&t, 0, NULL))
        return is_array                                      ? WR_JSON_ARRAY
               : memchr(start, '\n', (size_t)(t.at - start)) ? WR_JSON_VALUES
                                                             : WR_JSON_LINES;
    bool over_lines = memchr(start, '\n', (size_t)(t.at - start)) != NULL;
    bool ends = t.at == t.end || *t.at == '\n' || *t.at == '\r';
    wr_json_skip_blanks(&t);
    bool is_only = t.at == t.end;
    if (is_array && (is_only || !ends)) return WR_JSON_ARRAY;
    bool goes_on = !ends && !is_only && (*t.at == '{' || *t.at == '[');
    return over_lines || goes_on ? WR_JSON_VALUES : WR_JSON_LINES;
}

typedef struct json_sample {
    wr_json_guess *guess;
    uint64_t records;
    const char *error; /* the sample does not parse there */
} json_sample;

/* Learns from the records of a sample; a record cut off by its end is not looked at. */
static void learn(wr_str sample, wr_json_layout layout, int depth_max, int64_t most,
                  wr_arena *arena, json_sample *out)
{
    wr_json_text t = {
        .at = sample.data, .end = sample.data + sample.length, .depth_max = depth_max};
    *out = (json_sample){.guess = wr_json_guess_new(arena)};
    wr_json_skip_blanks(&t);
    if (layout == WR_JSON_ARRAY && t.at < t.end && *t.at == '[') t.at++;
    while (most < 0 || out->records < (uint64_t)most) {
        wr_json_skip_blanks(&t);
        if (t.at >= t.end || (layout == WR_JSON_ARRAY && *t.at == ']')) return;
        wr_json_text whole = t;
        const char *line_end =
            layout == WR_JSON_LINES ? memchr(t.at, '\n', (size_t)(t.end - t.at)) : NULL;
        if (line_end) whole.end = line_end;
        bool is_whole = wr_json_skip_value(&whole, 0, NULL);
        if (is_whole) {
            wr_json_text again = t;
            if (!wr_json_guess_value(out->guess, &again, 0, arena)) is_whole = false;
            t.at = whole.at;
            out->records++;
        }
        if (!is_whole) {
            out->error = whole.error;
            if (!line_end) return;
            t.at = line_end + 1; /* the scan reports or rejects this line */
        }
        wr_json_skip_blanks(&t);
        if (layout == WR_JSON_ARRAY && t.at < t.end && *t.at == ',') t.at++;
    }
}

static weir_status bad_option(const wr_options *given, const char *name, const char *wanted)
{
    const wr_given *item = wr_option_find(given, wr_json_read_options, name);
    return wr_fail_at(WR_E_PARAMETER_VALUE, item ? item->value_span : (wr_span){0},
                      "the option \"%s\" takes %s", name, wanted);
}

static weir_status read_layout(const wr_options *given, wr_json_layout *out)
{
    static const struct {
        const char *name;
        wr_json_layout layout;
    } names[] = {{"auto", WR_JSON_AUTO},        {"newline_delimited", WR_JSON_LINES},
                 {"nd", WR_JSON_LINES},         {"ndjson", WR_JSON_LINES},
                 {"json_lines", WR_JSON_LINES}, {"jsonl", WR_JSON_LINES},
                 {"lines", WR_JSON_LINES},      {"array", WR_JSON_ARRAY},
                 {"json_array", WR_JSON_ARRAY}, {"unstructured", WR_JSON_VALUES}};
    wr_str text;
    WR_TRY(wr_option_text(given, wr_json_read_options, "format", &text, NULL));
    for (size_t i = 0; i < WR_COUNT(names); i++)
        if (wr_str_is(text, names[i].name)) return *out = names[i].layout, WR_OK;
    return bad_option(given, "format", "auto, newline_delimited, array or unstructured");
}

static weir_status read_options(json_relation *rel, const wr_options *given)
{
    const wr_opt *rows = wr_json_read_options;
    int64_t depth;
    wr_str text;
    bool flag;
    WR_TRY(read_layout(given, &rel->layout));
    WR_TRY(wr_option_int(given, rows, "maximum_depth", &depth, NULL));
    if (depth < 1 || depth > 10000) return bad_option(given, "maximum_depth", "1 to 10000");
    rel->depth_max = (int)depth;
    WR_TRY(wr_option_int(given, rows, "sample_size", &rel->sample_size, NULL));
    WR_TRY(wr_option_size(given, rows, "maximum_object_size", &rel->record_size_max, NULL));
    WR_TRY(wr_option_size(given, rows, "buffer_size", &rel->buffer_size, NULL));
    if (rel->buffer_size == 0 || rel->buffer_size > (UINT64_C(1) << 30))
        return bad_option(given, "buffer_size", "1 to 1 GiB");
    WR_TRY(wr_option_bool(given, rows, "ignore_errors", &flag, NULL));
    if (flag)
        return wr_with_fix(wr_fail(WR_E_UNSUPPORTED, "rows are never dropped silently"),
                           "rejects => 'bad_rows' keeps the rows that cannot be read in a table");
    rel->rules.cells.decimal_separator = '.';
    WR_TRY(wr_option_text(given, rows, "dateformat", &text, NULL));
    rel->rules.cells.date_format = wr_arena_str(&rel->arena, text);
    WR_TRY(wr_option_text(given, rows, "timestampformat", &text, NULL));
    rel->rules.cells.timestamp_format = wr_arena_str(&rel->arena, text);
    return wr_text_coding_of(given, rows, &rel->coding);
}

static weir_status read_sample(json_relation *rel, wr_buf *sample, bool *is_all)
{
    WR_AUTO(wr_text_source) *source = NULL;
    WR_TRY(wr_text_source_open(rel->fs, rel->mem, rel->path, &rel->coding, true, &source));
    *is_all = false;
    size_t wanted = SAMPLE_BYTES;
    while (!*is_all && sample->length < wanted) {
        size_t got;
        wr_buf_reserve(sample, SAMPLE_BYTES + PADDING);
        WR_TRY(wr_text_source_read(source, sample->data + sample->length, SAMPLE_BYTES, &got));
        sample->length += got;
        *is_all = got < SAMPLE_BYTES;
        /* all of it, or at least one whole record */
        if (rel->sample_size < 0)
            wanted = SIZE_MAX;
        else if (!memchr(sample->data, '\n', sample->length) &&
                 sample->length < rel->record_size_max)
            wanted = sample->length + 1;
    }
    wr_buf_reserve(sample, PADDING);
    memset(sample->data + sample->length, 0, PADDING);
    return WR_OK;
}

static weir_status take_types(json_relation *rel, const wr_options *given, wr_field *fields,
                              int count)
{
    wr_field *types;
    int type_count;
    WR_TRY(wr_option_fields(given, wr_json_read_options, "types", &rel->arena, &types, &type_count,
                            NULL));
    for (int i = 0; i < type_count; i++) {
        int found = -1;
        for (int k = 0; k < count; k++)
            if (wr_str_ieq(fields[k].name, types[i].name)) found = k;
        if (found < 0) {
            wr_nearest nearest = {.wanted = types[i].name};
            for (int k = 0; k < count; k++)
                wr_nearest_offer(&nearest, fields[k].name);
            return wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN, "no key \"%.*s\" in %.*s",
                                           WR_STR_ARGS(types[i].name), WR_STR_ARGS(rel->path)),
                                   &nearest);
        }
        fields[found].type = types[i].type;
    }
    for (int k = 0; k < count; k++)
        if (!wr_json_supports(fields[k].type))
            return wr_fail(WR_E_UNSUPPORTED, "JSON values cannot be read as %s",
                           wr_type_name(fields[k].type));
    return WR_OK;
}

/* Keys that differ only in case are told apart by a number, as CSV headers are. */
static bool has_clash(const wr_field *fields, int count)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; k < i; k++)
            if (wr_str_ieq(fields[i].name, fields[k].name)) return true;
    return false;
}

static weir_status bind_into(json_relation *rel, const wr_options *given)
{
    WR_BUF(sample);
    bool is_all;
    int count = 0;
    wr_field *fields = NULL;
    wr_str records;
    json_sample seen;
    WR_TRY(read_options(rel, given));
    WR_TRY(wr_option_fields(given, wr_json_read_options, "columns", &rel->arena, &fields, &count,
                            NULL));
    WR_TRY(wr_option_text(given, wr_json_read_options, "records", &records, NULL));
    WR_TRY(read_sample(rel, &sample, &is_all));
    if (rel->layout == WR_JSON_AUTO) rel->layout = find_layout(wr_buf_str(&sample), rel->depth_max);
    bool has_columns = count > 0;
    learn(wr_buf_str(&sample), rel->layout, rel->depth_max, rel->sample_size, &rel->arena, &seen);
    bool is_blank = wr_str_trim(wr_buf_str(&sample)).length == 0;
    if (is_blank && !has_columns)
        return wr_with_hint(wr_fail(WR_E_FILE_FORMAT, "%.*s has no JSON value to find columns in",
                                    WR_STR_ARGS(rel->path)),
                            "say what the columns are: columns => {name: 'TYPE'}");
    rel->sample_rows = seen.records;
    rel->types_guessed = !has_columns;
    rel->as_objects = has_columns;
    if (!has_columns && !wr_str_is(records, "false"))
        rel->as_objects = wr_json_guess_is_object(seen.guess, &rel->arena, &fields, &count) &&
                          !has_clash(fields, count);
    rel->rules.strict_keys = rel->as_objects && !has_columns;
    if (!rel->as_objects) {
        if (wr_str_is(records, "true"))
            return wr_fail(WR_E_FILE_FORMAT, "the records of %.*s are not all objects",
                           WR_STR_ARGS(rel->path));
        fields = wr_new_array(&rel->arena, wr_field, 1);
        fields[0] = (wr_field){WR_STR("json"), wr_str_is(records, "false")
                                                   ? wr_type_of(WR_T_JSON)
                                                   : wr_json_guess_type(seen.guess, &rel->arena)};
        if (!wr_json_supports(fields[0].type)) fields[0].type = wr_type_of(WR_T_JSON);
        count = 1;
    }
    WR_TRY(take_types(rel, given, fields, count));
    rel->fields = count;
    wr_schema *schema = &rel->base.schema;
    schema->count = count + 1;
    schema->fields = wr_new_array(&rel->arena, wr_field, schema->count);
    memcpy(schema->fields, fields, (size_t)count * sizeof *fields);
    schema->fields[count] = (wr_field){WR_STR("file_row_number"), WR_BIGINT};
    rel->base.visible_count = count;
    rel->base.row_count = is_all ? (double)seen.records : -1;
    return WR_OK;
}

weir_status wr_json_bind(wr_format_context *context, wr_str path, const wr_options *options,
                         wr_relation **out)
{
    json_relation *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &json_relation_def;
    rel->base.references = 1;
    rel->fs = context->fs;
    rel->mem = context->mem;
    rel->rejects = context->rejects;
    rel->path = wr_arena_str(&rel->arena, path);
    weir_status bad = bind_into(rel, options);
    if (bad) {
        json_drop(&rel->base);
        return bad;
    }
    *out = &rel->base;
    return WR_OK;
}

weir_status wr_json_probe(wr_format_context *context, wr_str path, wr_str head, bool head_is_all,
                          wr_arena *arena, wr_probe *out)
{
    (void)context;
    *out = (wr_probe){.reason = WR_STR("it does not begin with { or [")};
    char *padded = wr_arena_alloc(arena, head.length + PADDING);
    memcpy(padded, head.data, head.length);
    head.data = padded;
    wr_str trimmed = wr_str_trim(head);
    if (trimmed.length == 0 || (trimmed.data[0] != '{' && trimmed.data[0] != '[')) return WR_OK;
    wr_json_layout layout = find_layout(head, 1000);
    json_sample seen;
    learn(head, layout, 1000, -1, arena, &seen);
    bool is_cut = seen.error && !head_is_all; /* the last record of the head may be incomplete */
    if (seen.records == 0 && !is_cut && layout != WR_JSON_ARRAY)
        return out->reason = WR_STR("it is not valid JSON"), WR_OK;
    bool is_named =
        wr_str_find(path, WR_STR(".json")) >= 0 || wr_str_find(path, WR_STR(".ndjson")) >= 0;
    out->score = (layout == WR_JSON_ARRAY ? 0.94 : 0.92) + (is_named ? 0.06 : 0);
    if (seen.error && !is_cut) out->score -= 0.3;
    out->reason =
        wr_arena_printf(arena, "%llu records parse as JSON %s", (unsigned long long)seen.records,
                        layout == WR_JSON_ARRAY   ? "array"
                        : layout == WR_JSON_LINES ? "lines"
                                                  : "values");
    int count = 0;
    wr_field *fields = NULL;
    if (wr_json_guess_is_object(seen.guess, arena, &fields, &count))
        out->schema = (wr_schema){.fields = fields, .count = count};
    out->options.items = wr_new(arena, wr_given);
    out->options.count = 1;
    const char *name = layout == WR_JSON_ARRAY   ? "array"
                       : layout == WR_JSON_LINES ? "newline_delimited"
                                                 : "unstructured";
    out->options.items[0] =
        (wr_given){.name = WR_STR("format"), .value = wr_value_text(wr_str_of(name))};
    return WR_OK;
}
