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

typedef struct json_scan {
    wr_json_relation *rel;
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
    wr_csv_index lines; /* where lines of the chunk end */
    size_t line;        /* the first that may end behind the cursor */
    wr_json_text text;
    wr_json_builder **builders; /* by position in the request */
    wr_column *columns;
    uint32_t *seen; /* per field: row + 1 in which it was set */
    int next_field;
    uint64_t ordinal; /* records of this chunk begun */
    /* The line that was asked for last: where it begins, in which chunk, and its number. */
    const char *known_start;
    uint64_t known_offset, known_line;
    bool array_closed, is_done;
    bool is_valid; /* the chunk is UTF-8 throughout */
    wr_json_shape *shape;
    const char *value_end; /* where the shape being learned has got to */
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
    json_scan *scan = arg;
    json_worker *w = (json_worker *)(void *)((char *)chunk - offsetof(json_worker, chunk));
    uint64_t records = 0;
    if (scan->rel->layout == WR_JSON_LINES) {
        wr_csv_extent extent;
        WR_TRY(wr_csv_find_lines(scan->request.mem, chunk->data, size, '\n', &w->lines, &extent));
        *cut = is_end ? size : extent.cut;
        chunk->lines = extent.lines;
        chunk->is_ascii = extent.is_ascii;
        w->shape->is_plain = extent.is_plain;
        if (scan->wants_numbers) records = count_filled_lines(chunk->data, *cut);
    } else {
        bool in_array = scan->rel->layout == WR_JSON_ARRAY;
        const char *open = in_array && chunk->is_first ? memchr(chunk->data, '[', size) : NULL;
        size_t begin = open ? (size_t)(open - chunk->data) + 1 : 0;
        size_t nested = cut_nested(chunk->data + begin, size - begin, in_array, &records);
        *cut = is_end ? size : nested ? begin + nested : 0;
        chunk->lines = wr_csv_count_byte(chunk->data, *cut, '\n');
        chunk->is_ascii = false; /* unknown */
    }
    chunk->rows = records;
    scan->progress.bytes = wr_text_source_file_pos(scan->chunks.source);
    scan->progress.decoded_bytes += *cut;
    return WR_OK;
}

/* ---- errors ---- */
/* The line of text that at is in; *line is the number of the first one and becomes that of this. */
static wr_str line_around(wr_str text, const char *at, uint64_t *line, size_t *caret)
{
    const char *start = at, *end = at, *last = text.data + text.length;
    while (start > text.data && start[-1] != '\n')
        start--;
    while (end < last && *end != '\n' && *end != '\r')
        end++;
    for (const char *p = text.data; p < start; p++)
        *line += *p == '\n';
    *caret = (size_t)(at - start);
    return (wr_str){start, (size_t)(end - start)};
}

/* Lines are mostly asked for in their order: they are counted from the last one on. */
static wr_str line_of(json_worker *w, const char *at, uint64_t *line, size_t *caret)
{
    const char *end = w->chunk.data + w->chunk.size, *from = w->chunk.data;
    *line = w->chunk.line;
    bool is_known = w->known_start >= w->chunk.data && w->known_start <= at &&
                    w->known_offset == w->chunk.offset;
    if (is_known) {
        from = w->known_start;
        *line = w->known_line;
    }
    wr_str shown = line_around((wr_str){from, (size_t)(end - from)}, at, line, caret);
    w->known_start = shown.data;
    w->known_offset = w->chunk.offset;
    w->known_line = *line;
    return shown;
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

/* What the value at fault is; text stands between quotes. */
static const char *kind_of(wr_str value, bool in_quotes)
{
    char c = value.length ? value.data[0] : '"';
    if (in_quotes || c == '"') return "text";
    if (c == '{') return "object";
    if (c == '[') return "list";
    return c == 't' || c == 'f' ? "boolean" : "number";
}

static weir_status describe_syntax(wr_str path, const char *error, uint64_t line)
{
    return wr_with_fix(wr_fail(WR_E_ROW_VALUE, "%.*s line %llu is not valid JSON: %s",
                               WR_STR_ARGS(path), (unsigned long long)line, error),
                       "read_json('%.*s', rejects => 'bad_rows')   to keep such lines in a table",
                       WR_STR_ARGS(path));
}

static weir_status describe(const wr_json_relation *rel, wr_json_fault fault,
                            const wr_json_build *build, bool in_quotes, uint64_t line_number,
                            wr_arena *arena)
{
    unsigned long long line = line_number;
    wr_str bad = printable(arena, build->bad, 60), path = rel->path;
    if (fault == JSON_SYNTAX) return describe_syntax(path, build->text->error, line);
    if (fault == JSON_SURROGATE)
        return wr_with_hint(
            wr_fail(WR_E_BAD_ENCODING,
                    "\"%.*s\" in %.*s line %llu has half of a surrogate pair%s%.*s%s",
                    WR_STR_ARGS(bad), WR_STR_ARGS(path), line,
                    build->path.length ? " (column " : "", WR_STR_ARGS(build->path),
                    build->path.length ? ")" : ""),
            "it is no character; rejects => 'bad_rows' keeps such lines in a table");
    if (fault == JSON_KEY)
        return wr_with_fix(
            wr_fail(WR_E_ROW_SHAPE,
                    "%.*s line %llu has the key \"%.*s\", which the first %llu records do not have",
                    WR_STR_ARGS(path), line, WR_STR_ARGS(bad),
                    (unsigned long long)rel->sample_rows),
            "read_json('%.*s', sample_size => -1)", WR_STR_ARGS(path));
    const char *quote = in_quotes ? "\"" : "";
    wr_str column = printable(arena, build->path, 200);
    return wr_with_fix(
        wr_fail(WR_E_ROW_VALUE, "cannot read the %s %s%.*s%s as %s (%s%.*s%s%.*s line %llu%s)",
                kind_of(build->bad, in_quotes), quote, WR_STR_ARGS(bad), quote,
                wr_type_name(build->bad_type), column.length ? "column " : "", WR_STR_ARGS(column),
                column.length ? ", " : "", WR_STR_ARGS(path), line,
                rel->types_guessed ? "; type guessed from a sample" : ""),
        "read_json('%.*s', sample_size => -1)   or   rejects => 'bad_rows'", WR_STR_ARGS(path));
}

/* Adds the line to the error, with a mark below the place. */
static weir_status with_line(weir_status bad, wr_str shown, uint64_t line, size_t caret)
{
    WR_ARENA(scratch);
    size_t from = caret > 60 ? caret - 60 : 0;
    wr_str piece = printable(&scratch, (wr_str){shown.data + from, shown.length - from}, 100);
    return wr_with_detail(bad, "%llu | %s%.*s\n%*s | %*s^\nnothing was loaded",
                          (unsigned long long)line, from ? "..." : "", WR_STR_ARGS(piece),
                          (int)wr_arena_printf(&scratch, "%llu", (unsigned long long)line).length,
                          "", (int)(caret - from) + (from ? 3 : 0), "");
}

weir_status wr_json_fail_syntax(wr_str path, wr_str text, const char *at, const char *error)
{
    uint64_t line = 1;
    size_t caret;
    wr_str shown = line_around(text, at, &line, &caret);
    return with_line(describe_syntax(path, error, line), shown, line, caret);
}

/* Rejects the record that begins at start, or makes the error. */
static weir_status record_failed(json_worker *w, const char *start, wr_json_fault fault,
                                 wr_json_build *build)
{
    wr_json_relation *rel = w->scan->rel;
    if (fault == JSON_MEMORY) return build->status;
    WR_ARENA(scratch);
    uint64_t line;
    size_t caret;
    const char *at = fault == JSON_SYNTAX ? w->text.at : build->bad.data;
    if (at < w->chunk.data || at > w->chunk.data + w->chunk.size) at = start;
    bool in_quotes = fault == JSON_VALUE && at > w->chunk.data && at[-1] == '"';
    bool can_go_on = rel->layout == WR_JSON_LINES || fault != JSON_SYNTAX;
    wr_str shown = line_of(w, at, &line, &caret);
    weir_status bad = describe(rel, fault, build, in_quotes, line, &scratch);
    if (rel->rejects && can_go_on) {
        wr_str whole = line_of(w, start, &line, &caret);
        weir_status kept = rel->rejects->add(rel->rejects, rel->path, line,
                                             w->chunk.offset + (uint64_t)(start - w->chunk.data),
                                             WR_STR(""), wr_str_of(wr_status_text(bad)), whole);
        wr_status_drop(bad);
        return kept;
    }
    return with_line(bad, shown, line, caret);
}

/* ---- parsing ---- */
static void cut_back(json_worker *w, uint32_t rows)
{
    for (int p = 0; p < w->scan->request.column_count; p++)
        if (w->builders[p]) wr_json_builder_truncate(w->builders[p], rows);
}

static int find_field(json_worker *w, wr_str key)
{
    const wr_json_relation *rel = w->scan->rel;
    int at = w->next_field < rel->fields ? w->next_field : 0;
    for (int n = 0; n < rel->fields; n++) {
        if (wr_str_eq(rel->base.schema.fields[at].name, key)) return w->next_field = at + 1, at;
        if (++at == rel->fields) at = 0;
    }
    int found = wr_schema_find(&rel->base.schema, key);
    return found < rel->fields ? found : -1;
}

/* Completes the path to a bad value. */
static wr_json_fault in_column(json_worker *w, wr_json_build *build, wr_json_fault fault, int field)
{
    if (wr_likely(fault != JSON_VALUE && fault != JSON_SURROGATE)) return fault;
    wr_str name = w->scan->rel->base.schema.fields[field].name;
    build->path =
        wr_arena_printf(&w->arena, "%.*s%.*s", WR_STR_ARGS(name), WR_STR_ARGS(build->path));
    return fault;
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
        build->path = (wr_str){0};
        if (!wr_json_unescape(key, plain, &length)) return JSON_SURROGATE;
        key = (wr_str){plain, length};
    }
    wr_json_skip_blanks(t);
    if (t->at >= t->end || *t->at != ':') return t->error = "a colon is expected here", JSON_SYNTAX;
    t->at++;
    int field = find_field(w, key);
    if (field < 0 && w->scan->rel->rules.strict_keys) return build->bad = key, JSON_KEY;
    int position = field < 0 ? -1 : w->scan->position[field];
    wr_json_skip_blanks(t);
    wr_json_shape_add(w->shape, (wr_str){w->value_end, (size_t)(t->at - w->value_end)},
                      position < 0 ? NULL : w->builders[position]);
    if (position < 0) return wr_json_skip_value(t, 1, NULL) ? JSON_OK : JSON_SYNTAX;
    if (w->seen[field] == row + 1)
        wr_json_builder_truncate(w->builders[position], row); /* the last one wins */
    w->seen[field] = row + 1;
    return in_column(w, build, wr_json_build_value(build, w->builders[position], 1), field);
}

static wr_json_fault build_record(json_worker *w, wr_json_build *build, uint32_t row)
{
    wr_json_text *t = &w->text;
    wr_json_skip_blanks(t);
    if (!w->scan->rel->as_objects) {
        int position = w->scan->position[0];
        if (position >= 0)
            return in_column(w, build, wr_json_build_value(build, w->builders[position], 0), 0);
        return wr_json_skip_value(t, 0, NULL) ? JSON_OK : JSON_SYNTAX;
    }
    if (t->at >= t->end || *t->at != '{') {
        build->bad_type = wr_type_of(WR_T_STRUCT);
        build->path = (wr_str){0};
        const char *start = t->at;
        if (!wr_json_skip_value(t, 0, &build->bad)) return JSON_SYNTAX;
        build->bad.data = start;
        return t->error = "a record is an object in { }", JSON_VALUE;
    }
    w->value_end = t->at++;
    w->next_field = 0;
    wr_json_shape_begin(w->shape);
    wr_json_skip_blanks(t);
    bool more = !(t->at < t->end && *t->at == '}');
    if (!more) t->at++;
    while (more) {
        wr_json_fault fault = build_member(w, build, row);
        if (fault) return fault;
        w->value_end = t->at;
        wr_json_skip_blanks(t);
        more = t->at < t->end && *t->at == ',';
        if (!more && (t->at >= t->end || *t->at != '}'))
            return t->error = "a comma or } is expected here", JSON_SYNTAX;
        t->at++;
    }
    wr_json_shape_end(w->shape, (wr_str){w->value_end, (size_t)(t->at - w->value_end)});
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

/* Lines: nothing may follow the value on its line, and it must not go over the line end, which is
 * taken. */
static bool ends_line(wr_json_text *t, const char *start)
{
    while (t->at < t->end && (*t->at == ' ' || *t->at == '\t' || *t->at == '\r'))
        t->at++;
    if (t->at < t->end && *t->at != '\n')
        return t->error = "something follows the record on its line", false;
    if (memchr(start, '\n', (size_t)(t->at - start)))
        return t->error = "the record goes over several lines; see format => 'unstructured'", false;
    t->at += t->at < t->end; /* the next line may be taken by its shape */
    return true;
}

static void set_number(json_worker *w, uint32_t row, uint64_t ordinal)
{
    int at = w->scan->wants_numbers ? w->scan->position[w->scan->rel->fields] : -1;
    if (at >= 0) ((int64_t *)w->columns[at].data)[row] = (int64_t)(w->chunk.row + ordinal);
}

/* Lines with the keys of the line before, from row row on. Returns their number; what follows has
 * to be read the long way. */
static uint32_t take_known_lines(json_worker *w, wr_json_build *build, uint32_t row)
{
    wr_json_text *t = &w->text;
    const wr_csv_index *lines = &w->lines;
    int missing = 0;
    while (w->line < lines->count && w->chunk.data + lines->ends[w->line] < t->at)
        w->line++;
    for (int p = 0; p < w->scan->request.column_count; p++)
        missing += w->builders[p] && !wr_json_shape_has(w->shape, w->builders[p]);
    size_t most = WR_MIN(lines->count - w->line, (size_t)(WR_BATCH_ROWS - row));
    if (missing > 0) most = WR_MIN(most, (size_t)1);
    uint32_t taken =
        wr_json_shape_take(w->shape, build, w->chunk.data, lines->ends + w->line, (uint32_t)most);
    w->line += taken;
    bool ok = true;
    for (int p = 0; ok && missing && taken && p < w->scan->request.column_count; p++)
        if (w->builders[p] && wr_json_builder_rows(w->builders[p]) == row)
            ok = wr_json_build_null(build, w->builders[p]) == JSON_OK;
    if (!ok) {
        t->at = w->chunk.data + lines->ends[--w->line - 1] + 1;
        taken = 0;
    }
    for (uint32_t r = 0; w->scan->wants_numbers && r < taken; r++)
        set_number(w, row + r, w->ordinal + r);
    w->ordinal += taken;
    if (taken == most && taken > 0) return taken;
    cut_back(w, row + taken);
    w->shape->is_known = false;
    t->error = NULL;
    wr_status_drop(build->status);
    build->status = NULL;
    return taken;
}

/* Of the value that was read last; lines are checked a chunk at a time. */
static weir_status check_length(json_worker *w, const char *start)
{
    const wr_text_chunks *chunks = &w->scan->chunks;
    if ((size_t)(w->text.at - start) <= chunks->record_size_max) return WR_OK;
    uint64_t line;
    size_t caret;
    line_of(w, start, &line, &caret);
    return wr_text_record_too_long(chunks, line);
}

static weir_status parse_batch(json_worker *w, uint32_t *rows, bool *any)
{
    wr_json_relation *rel = w->scan->rel;
    wr_json_build build = {.rules = &rel->rules, .text = &w->text, .arena = &w->arena};
    *rows = 0;
    *any = false;
    const bool by_shape = rel->layout == WR_JSON_LINES && rel->as_objects && w->is_valid;
    while (*rows < WR_BATCH_ROWS && !w->is_done) {
        if (by_shape && w->shape->is_known && w->text.at < w->text.end) {
            uint32_t taken = take_known_lines(w, &build, *rows);
            *rows += taken;
            *any |= taken > 0;
            if (taken > 0) continue;
        }
        bool more;
        if (!next_record(w, &more)) return record_failed(w, w->text.at, JSON_SYNTAX, &build);
        w->is_done = !more;
        if (!more) return WR_OK;
        *any = true;
        const char *start = w->text.at;
        wr_json_fault fault = build_record(w, &build, *rows);
        if (rel->layout != WR_JSON_LINES && !fault) WR_TRY(check_length(w, start));
        if (!fault && rel->layout == WR_JSON_LINES && !ends_line(&w->text, start))
            fault = JSON_SYNTAX;
        if (!fault && !w->is_valid && !wr_utf8_valid(start, (size_t)(w->text.at - start))) {
            w->text.at -= w->text.at[-1] == '\n'; /* the place is on this line */
            w->text.error = "it is not valid UTF-8", fault = JSON_SYNTAX;
        }
        if (fault)
            w->shape->is_known = false;
        else
            set_number(w, *rows, w->ordinal);
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
    wr_json_relation *rel = (wr_json_relation *)base;
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
    wr_csv_index_clear(w->scan->request.mem, &w->lines);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w->builders);
    wr_heap_drop(w->columns);
    wr_heap_drop(w->seen);
    wr_mem_free(w->scan->request.mem, w->shape, w->shape ? sizeof *w->shape : 0);
    wr_heap_drop(w);
}

static weir_status json_worker_new(wr_scan *base, int worker, wr_scan_worker **out)
{
    json_scan *scan = (json_scan *)base;
    json_worker *w = wr_heap_new(sizeof *w);
    size_t count = (size_t)scan->request.column_count + 1;
    w->scan = scan;
    w->worker = worker;
    w->arena.mem = scan->request.mem;
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
    void *shape = NULL;
    weir_status bad = wr_mem_alloc(scan->request.mem, sizeof *w->shape, &shape);
    w->shape = shape;
    if (bad) {
        json_worker_drop((wr_scan_worker *)w);
        return bad;
    }
    w->shape->is_known = false;
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
    if (scan->rel->layout == WR_JSON_LINES) WR_TRY(wr_text_check_lines(&scan->chunks, &w->chunk));
    w->text = (wr_json_text){.at = w->chunk.data,
                             .end = w->chunk.data + w->chunk.size,
                             .depth_max = scan->rel->depth_max};
    w->ordinal = 0;
    w->line = 0;
    w->array_closed = w->is_done = false;
    w->is_valid = w->chunk.is_ascii || wr_utf8_valid(w->chunk.data, w->chunk.size);
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
    wr_buf_printf(out, "%s", names[((const wr_json_relation *)base)->layout]);
}

/* The first chunk of a large file: it is read and cut into records as a whole. */
static int json_places(wr_relation *base)
{
    const wr_json_relation *rel = (wr_json_relation *)base;
    return rel->is_sampled && !rel->rejects;
}

static void json_drop(wr_relation *base)
{
    wr_json_relation *rel = (wr_json_relation *)base;
    wr_arena arena = rel->arena;
    wr_heap_drop(rel);
    wr_arena_clear(&arena);
}

const wr_relation_def wr_json_relation_def = {.name = "json",
                                              .open = json_open,
                                              .worker_new = json_worker_new,
                                              .next_morsel = json_next_morsel,
                                              .next_batch = json_next_batch,
                                              .worker_drop = json_worker_drop,
                                              .close = json_close,
                                              .progress = json_progress,
                                              .places = json_places,
                                              .explain = json_explain,
                                              .drop = json_drop};
