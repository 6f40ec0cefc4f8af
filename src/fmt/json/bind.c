/* bind.c - options, layout and columns of a JSON file, found in a sample of its first records; and
 * probing.
 *
 * A record of the sample that does not parse is passed over here: the scan will report or reject it
 * with its line. */
#include "fmt/json/json.h"
#include "fmt/option_value.h"

/* SAMPLED_BYTES: a plain file of that size is so large that a chunk is a small part of it. */
enum { SAMPLE_BYTES = 1 << 20, SAMPLED_BYTES = 64 << 20, SIZED_RECORDS = 500 };

const wr_opt wr_json_read_options[] = {
    {"format", WR_OPT_TEXT, "auto", "auto, newline_delimited, array or unstructured"},
    {"records", WR_OPT_TEXT, "auto", "auto; true: objects become columns; false: one column json"},
    {"columns", WR_OPT_ANY, NULL,
     "{name: 'TYPE', ...}: the columns; other keys are left out. 'a,b': objects are texts there"},
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
    size_t bytes;                 /* that hold these records */
    const char *error, *error_at; /* why the first record that is not JSON is none, and where */
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
        out->bytes = (size_t)(t.at - sample.data);
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
            if (!out->error) out->error = whole.error, out->error_at = whole.at;
            if (!line_end) return;
            t.at = line_end + 1; /* the scan reports or rejects this line */
        }
        wr_json_skip_blanks(&t);
        if (layout == WR_JSON_ARRAY && t.at < t.end && *t.at == ',') t.at++;
    }
    out->bytes = (size_t)(t.at - sample.data);
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

static weir_status read_options(wr_json_relation *rel, const wr_options *given)
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

static weir_status read_sample(wr_json_relation *rel, wr_text_sample *sample, size_t wanted,
                               bool *is_all)
{
    WR_AUTO(wr_text_source) *source = NULL;
    WR_TRY(wr_text_source_open(rel->fs, rel->mem, rel->path, &rel->coding, true, &source));
    *is_all = false;
    rel->plain_size = wr_text_source_is_plain(source) ? wr_text_source_file_size(source) : 0;
    rel->is_sampled = rel->plain_size >= SAMPLED_BYTES;
    sample->size = 0;
    while (!*is_all && sample->size < wanted) {
        WR_TRY(wr_text_sample_read(sample, source, SAMPLE_BYTES, is_all));
        /* all of it, or at least one whole record */
        if (rel->sample_size < 0)
            wanted = SIZE_MAX;
        else if (!memchr(sample->data, '\n', sample->size) && sample->size < rel->record_size_max)
            wanted = sample->size + 1;
    }
    return WR_OK;
}

/* Whether the sample ends within its first record: no token that it may be cut in has 8 bytes. */
static bool is_cut(wr_str sample, bool is_all, const json_sample *seen)
{
    return !is_all && seen->records == 0 && seen->error &&
           seen->error_at + 8 > sample.data + sample.length;
}

/* Reads a sample and learns from it; the first record may be as long as the limit. */
static weir_status sample_records(wr_json_relation *rel, wr_text_sample *sample, bool *is_all,
                                  json_sample *seen)
{
    for (size_t wanted = SAMPLE_BYTES;; wanted = sample->size * 4) {
        WR_TRY(read_sample(rel, sample, wanted, is_all));
        wr_str text = wr_text_sample_str(sample);
        wr_json_layout layout = rel->layout;
        if (layout == WR_JSON_AUTO) layout = find_layout(text, rel->depth_max);
        learn(text, layout, rel->depth_max, rel->sample_size, &rel->arena, seen);
        if (is_cut(text, *is_all, seen) && text.length <= rel->record_size_max) continue;
        rel->layout = layout;
        return WR_OK;
    }
}

/* A sample without any record has no columns to find: says why. */
static weir_status no_record(const wr_json_relation *rel, wr_str sample, bool is_all,
                             const json_sample *seen)
{
    if (!is_cut(sample, is_all, seen))
        return wr_json_fail_syntax(rel->path, sample, seen->error_at, seen->error);
    return wr_with_fix(wr_fail(WR_E_TOO_BIG, "the first record of %.*s is longer than %llu bytes",
                               WR_STR_ARGS(rel->path), (unsigned long long)rel->record_size_max),
                       "read_json('%.*s', maximum_object_size => '%lluMiB')",
                       WR_STR_ARGS(rel->path),
                       (unsigned long long)(WR_MAX(rel->record_size_max, sample.length) >> 20) + 1);
}

static weir_status take_types(wr_json_relation *rel, const wr_options *given, wr_field *fields,
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

static bool has_objects(const wr_type *type)
{
    return type->id == WR_T_STRUCT || (type->id == WR_T_LIST && has_objects(type->child));
}

/* Types of columns that were only named, as the sample has them; objects are texts. */
static void type_named(const wr_json_guess *guess, wr_arena *arena, wr_field *fields, int count)
{
    wr_field *found = NULL;
    int found_count = 0;
    if (!wr_json_guess_is_object(guess, arena, &found, &found_count)) found_count = 0;
    for (int i = 0; i < count; i++) {
        fields[i].type = WR_VARCHAR;
        for (int k = 0; k < found_count; k++)
            if (wr_str_eq(found[k].name, fields[i].name) && !has_objects(found[k].type))
                fields[i].type = found[k].type;
    }
}

static weir_status bind_into(wr_json_relation *rel, const wr_options *given)
{
    WR_TEXT_SAMPLE(sample, rel->mem);
    bool is_all;
    int count = 0;
    wr_field *fields = NULL;
    wr_str records;
    json_sample seen;
    WR_TRY(read_options(rel, given));
    WR_TRY(wr_option_columns(given, wr_json_read_options, "columns", &rel->arena, &fields, &count));
    WR_TRY(wr_option_text(given, wr_json_read_options, "records", &records, NULL));
    bool has_columns = count > 0, only_named = has_columns && !fields[0].type;
    if (has_columns && !only_named && (rel->sample_size < 0 || rel->sample_size > SIZED_RECORDS))
        rel->sample_size = SIZED_RECORDS; /* they only say how long records are */
    WR_TRY(sample_records(rel, &sample, &is_all, &seen));
    bool is_blank = wr_str_trim(wr_text_sample_str(&sample)).length == 0;
    if (is_blank && !has_columns)
        return wr_with_hint(wr_fail(WR_E_FILE_FORMAT, "%.*s has no JSON value to find columns in",
                                    WR_STR_ARGS(rel->path)),
                            "say what the columns are: columns => {name: 'TYPE'}");
    if (seen.records == 0 && seen.error && !has_columns && !rel->rejects)
        return no_record(rel, wr_text_sample_str(&sample), is_all, &seen);
    rel->sample_rows = seen.records;
    rel->types_guessed = !has_columns || only_named;
    if (only_named) type_named(seen.guess, &rel->arena, fields, count);
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
    bool is_counted = is_all && (rel->sample_size < 0 || seen.records < (uint64_t)rel->sample_size);
    double size = is_all ? (double)sample.size : (double)rel->plain_size;
    rel->base.row_count = is_counted ? (double)seen.records : -1;
    if (!is_counted && seen.records > 0 && size > 0)
        rel->base.row_count = (double)seen.records * size / (double)seen.bytes;
    return WR_OK;
}

weir_status wr_json_bind(wr_format_context *context, wr_str path, const wr_options *options,
                         wr_relation **out)
{
    wr_json_relation *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &wr_json_relation_def;
    rel->base.references = 1;
    rel->fs = context->fs;
    rel->mem = rel->arena.mem = context->mem;
    rel->rejects = context->rejects;
    rel->path = wr_arena_str(&rel->arena, path);
    weir_status bad = bind_into(rel, options);
    if (bad) {
        wr_json_relation_def.drop(&rel->base);
        return bad;
    }
    *out = &rel->base;
    return WR_OK;
}

weir_status wr_json_probe(wr_format_context *context, wr_str path, wr_str head, bool head_is_all,
                          wr_arena *arena, wr_probe *out)
{
    *out = (wr_probe){.reason = WR_STR("it does not begin with { or [")};
    WR_TEXT_SAMPLE(sample, context->mem);
    WR_TRY(wr_text_sample_of(&sample, head));
    head = wr_text_sample_str(&sample);
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
