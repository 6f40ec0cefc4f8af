/* bind.c - options and columns of lines. Types are guessed from a sample if sample_size says so. */
#include "fmt/guess.h"
#include "fmt/lines/lines.h"
#include "fmt/option_value.h"

enum { GROUPS_MAX = 100, SAMPLE_BYTES = 1 << 20 };

const wr_opt wr_lines_read_options[] = {
    {"mode", WR_OPT_TEXT, "lines", "lines, split or regex"},
    {"split_delimiter|delimiter|delim", WR_OPT_TEXT, ",", "between the fields of mode split"},
    {"regex_pattern|regex", WR_OPT_TEXT, NULL, "the whole line must match it"},
    {"mappings", WR_OPT_TEXT, NULL, "'name:index,...': columns of the modes split and regex"},
    {"columns", WR_OPT_ANY, NULL, "'a,b' or {name: 'TYPE', ...}: fields or groups in their order"},
    {"types", WR_OPT_ANY, NULL, "{name: 'TYPE', ...}: types not to guess"},
    {"sample_size", WR_OPT_INT, "0", "lines to guess types from, -1 = all; 0: columns are VARCHAR"},
    {"unmatched", WR_OPT_TEXT, "error",
     "error or skip: lines that do not match or have too few fields"},
    {"skip_empty_lines", WR_OPT_BOOL, NULL,
     "blank lines are no rows; default true except in mode lines"},
    {"encoding", WR_OPT_TEXT, "utf-8", "utf-8, latin-1 or utf-16"},
    {"compression", WR_OPT_TEXT, "auto", "auto, none, gzip, zstd or lz4"},
    {"max_line_size", WR_OPT_SIZE, "64MiB", "longest line"},
    {"buffer_size", WR_OPT_SIZE, "512KiB", "bytes a worker takes at a time"},
    {0}};

static weir_status compile(wr_lines *rel, wr_str pattern, wr_span span)
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
static weir_status read_mappings(wr_lines *rel, wr_str text, wr_span span)
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
static weir_status name_groups(wr_lines *rel)
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

/* What columns => .. says, in the order of the line unless mappings have told more. */
static weir_status name_in_order(wr_lines *rel, const wr_field *columns, int count)
{
    rel->base.schema.fields = wr_new_array(&rel->arena, wr_field, count);
    rel->source = wr_new_array(&rel->arena, int, count);
    rel->fields = count;
    for (int i = 0; i < count; i++) {
        rel->base.schema.fields[i] = (wr_field){columns[i].name, WR_VARCHAR};
        rel->source[i] = i + (rel->mode == WR_BY_REGEX);
    }
    return WR_OK;
}

static weir_status check_groups(const wr_lines *rel, wr_span span)
{
    uint32_t groups = UINT32_MAX - 1;
    if (rel->mode == WR_BY_REGEX) pcre2_pattern_info(rel->regex, PCRE2_INFO_CAPTURECOUNT, &groups);
    for (int f = 0; f < rel->fields; f++)
        if ((uint32_t)rel->source[f] > groups)
            return wr_fail_at(WR_E_PARAMETER_VALUE, span, "the pattern has %u groups, not %d",
                              groups, rel->source[f]);
    return WR_OK;
}

static weir_status bind_columns(wr_lines *rel, const wr_options *given)
{
    wr_str text, pattern;
    bool has_mappings, has_pattern;
    wr_field *columns;
    int count;
    const wr_given *item = wr_option_find(given, wr_lines_read_options, "mappings");
    wr_span span = item ? item->value_span : (wr_span){0};
    WR_TRY(wr_option_text(given, wr_lines_read_options, "mappings", &text, &has_mappings));
    WR_TRY(wr_option_text(given, wr_lines_read_options, "regex_pattern", &pattern, &has_pattern));
    if (rel->mode == WR_BY_REGEX) {
        if (!has_pattern)
            return wr_fail(WR_E_PARAMETER_VALUE, "mode regex needs the option regex_pattern");
        item = wr_option_find(given, wr_lines_read_options, "regex_pattern");
        WR_TRY(compile(rel, pattern, item->value_span));
    }
    WR_TRY(
        wr_option_columns(given, wr_lines_read_options, "columns", &rel->arena, &columns, &count));
    if (rel->mode == WR_BY_LINE) return read_mappings(rel, WR_STR("line:0"), span);
    if (has_mappings)
        WR_TRY(read_mappings(rel, text, span));
    else if (count > 0)
        WR_TRY(name_in_order(rel, columns, count));
    else if (rel->mode == WR_BY_REGEX)
        WR_TRY(name_groups(rel));
    else
        return wr_with_fix(
            wr_fail(WR_E_PARAMETER_VALUE, "mode split needs mappings 'name:index,...'"),
            "mappings => 'user:0,action:2'");
    return check_groups(rel, span);
}

/* Types of columns that options name; those that none names keep NULL. */
static weir_status take_types(wr_lines *rel, const char *option, const wr_field *types, int count,
                              wr_field *fields)
{
    for (int i = 0; i < count; i++) {
        wr_nearest nearest = {.wanted = types[i].name};
        int found = -1;
        for (int f = 0; f < rel->fields; f++) {
            if (wr_str_ieq(fields[f].name, types[i].name)) found = f;
            wr_nearest_offer(&nearest, fields[f].name);
        }
        if (found < 0)
            return wr_with_nearest(wr_fail(WR_E_UNKNOWN_COLUMN,
                                           "no column \"%.*s\" of the option \"%s\" is mapped",
                                           WR_STR_ARGS(types[i].name), option),
                                   &nearest);
        if (types[i].type && !wr_cell_supports(types[i].type))
            return wr_fail(WR_E_UNSUPPORTED, "a line cannot be read as %s",
                           wr_type_name(types[i].type));
        if (types[i].type) fields[found].type = types[i].type;
    }
    return WR_OK;
}

/* Takes a line off the types its values do not fit; lines that have no fields say nothing. */
static void learn_line(const wr_lines *rel, wr_str line, pcre2_match_data *match, int *guesses)
{
    const char *why;
    wr_str text;
    if (!wr_lines_match(rel, line, match, &why) || why) return;
    for (int f = 0; f < rel->fields; f++)
        if (!wr_lines_text(rel, line, match, rel->source[f], &text)) return;
    for (int f = 0; f < rel->fields; f++) {
        wr_lines_text(rel, line, match, rel->source[f], &text);
        if (text.data) guesses[f] &= wr_guess_cell(&rel->rules, text);
    }
}

/* The first most lines; a line that the sample cuts off is not looked at. */
static void learn(const wr_lines *rel, wr_str sample, bool is_all, int64_t most, int *guesses)
{
    pcre2_match_data *match =
        rel->regex ? pcre2_match_data_create_from_pattern(rel->regex, NULL) : NULL;
    for (int64_t seen = 0; sample.length > 0 && (most < 0 || seen < most); seen++) {
        const char *stop = memchr(sample.data, '\n', sample.length);
        if (!stop && !is_all) break;
        wr_str line = {sample.data, stop ? (size_t)(stop - sample.data) : sample.length};
        size_t used = line.length + (stop != NULL);
        if (line.length > 0 && line.data[line.length - 1] == '\r') line.length--;
        if (wr_utf8_valid(line.data, line.length)) learn_line(rel, line, match, guesses);
        sample.data += used;
        sample.length -= used;
    }
    pcre2_match_data_free(match);
}

static weir_status guess_types(const wr_lines *rel, int64_t most, int *guesses)
{
    WR_TEXT_SAMPLE(sample, rel->mem);
    WR_AUTO(wr_text_source) *source = NULL;
    bool is_all = false;
    WR_TRY(wr_text_source_open(rel->fs, rel->mem, rel->path, &rel->coding, true, &source));
    for (size_t wanted = SAMPLE_BYTES; !is_all && sample.size < wanted;) {
        WR_TRY(wr_text_sample_read(&sample, source, SAMPLE_BYTES, &is_all));
        bool has_line = memchr(sample.data, '\n', sample.size) != NULL;
        bool goes_on = most < 0 || (!has_line && sample.size < rel->line_size_max);
        if (goes_on) wanted = sample.size + 1;
    }
    learn(rel, wr_text_sample_str(&sample), is_all, most, guesses);
    return WR_OK;
}

static weir_status bind_types(wr_lines *rel, const wr_options *given)
{
    wr_field *types, *columns;
    int type_count, column_count;
    int64_t most;
    const wr_opt *rows = wr_lines_read_options;
    WR_TRY(wr_option_fields(given, rows, "types", &rel->arena, &types, &type_count, NULL));
    WR_TRY(wr_option_columns(given, rows, "columns", &rel->arena, &columns, &column_count));
    WR_TRY(wr_option_int(given, rows, "sample_size", &most, NULL));
    wr_schema *schema = &rel->base.schema;
    wr_field *fields = wr_new_array(&rel->arena, wr_field, rel->fields + 1);
    int *guesses = wr_new_array(&rel->arena, int, rel->fields + 1);
    for (int f = 0; f < rel->fields; f++) {
        fields[f] = (wr_field){schema->fields[f].name, NULL};
        guesses[f] = WR_GUESS_ANY;
    }
    WR_TRY(take_types(rel, "columns", columns, column_count, fields));
    WR_TRY(take_types(rel, "types", types, type_count, fields));
    if (most != 0 && rel->mode != WR_BY_LINE) WR_TRY(guess_types(rel, most, guesses));
    for (int f = 0; f < rel->fields; f++) {
        wr_str format;
        if (!fields[f].type)
            fields[f].type = wr_guessed_type(guesses[f], &format);
        else
            continue;
        if (format.length) fields[f].type = WR_VARCHAR; /* dates are ISO dates here */
    }
    fields[rel->fields] = (wr_field){WR_STR("file_row_number"), WR_BIGINT};
    schema->fields = fields;
    schema->count = rel->fields + 1;
    rel->base.visible_count = rel->fields;
    return WR_OK;
}

/* mode => .., or what the other options speak of. */
static weir_status bind_mode(wr_lines *rel, const wr_options *given)
{
    wr_str text;
    bool is_set;
    WR_TRY(wr_option_text(given, wr_lines_read_options, "mode", &text, &is_set));
    if (!is_set && wr_option_find(given, wr_lines_read_options, "regex_pattern"))
        text = WR_STR("regex");
    else if (!is_set && (wr_option_find(given, wr_lines_read_options, "mappings") ||
                         wr_option_find(given, wr_lines_read_options, "columns")))
        text = WR_STR("split");
    rel->mode = wr_str_is(text, "regex")   ? WR_BY_REGEX
                : wr_str_is(text, "split") ? WR_BY_SPLIT
                                           : WR_BY_LINE;
    if (rel->mode != WR_BY_LINE || wr_str_is(text, "lines") || wr_str_is(text, "line"))
        return WR_OK;
    return wr_fail(WR_E_PARAMETER_VALUE,
                   "the option \"mode\" takes lines, split or regex, not \"%.*s\"",
                   WR_STR_ARGS(text));
}

static weir_status bind_into(wr_lines *rel, const wr_options *given)
{
    wr_str text;
    bool is_set;
    WR_TRY(bind_mode(rel, given));
    WR_TRY(wr_option_text(given, wr_lines_read_options, "unmatched", &text, NULL));
    rel->skip_unmatched = wr_str_is(text, "skip");
    if (!rel->skip_unmatched && !wr_str_is(text, "error"))
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "the option \"unmatched\" takes error or skip, not \"%.*s\"",
                       WR_STR_ARGS(text));
    WR_TRY(wr_option_text(given, wr_lines_read_options, "split_delimiter", &text, NULL));
    if (wr_str_is(text, "\\t") || wr_str_is(text, "tab")) text = WR_STR("\t");
    if (text.length == 0)
        return wr_fail(WR_E_PARAMETER_VALUE,
                       "the option \"split_delimiter\" takes at least one character");
    rel->delimiter = wr_arena_str(&rel->arena, text);
    WR_TRY(wr_option_bool(given, wr_lines_read_options, "skip_empty_lines", &rel->skip_empty,
                          &is_set));
    if (!is_set) rel->skip_empty = rel->mode != WR_BY_LINE;
    WR_TRY(
        wr_option_size(given, wr_lines_read_options, "max_line_size", &rel->line_size_max, NULL));
    WR_TRY(wr_option_size(given, wr_lines_read_options, "buffer_size", &rel->buffer_size, NULL));
    if (rel->buffer_size == 0 || rel->buffer_size > (UINT64_C(1) << 30))
        return wr_fail(WR_E_PARAMETER_VALUE, "the option \"buffer_size\" takes 1 to 1 GiB");
    WR_TRY(wr_text_coding_of(given, wr_lines_read_options, &rel->coding));
    rel->rules.decimal_separator = '.';
    WR_TRY(bind_columns(rel, given));
    return bind_types(rel, given);
}

weir_status wr_lines_bind(wr_format_context *context, wr_str path, const wr_options *options,
                          wr_relation **out)
{
    wr_lines *rel = wr_heap_new(sizeof *rel);
    rel->mem = context->mem;
    rel->base.def = &wr_lines_relation_def;
    rel->base.references = 1;
    rel->base.row_count = -1;
    rel->text_type = WR_VARCHAR;
    rel->fs = context->fs;
    rel->rejects = context->rejects;
    rel->path = wr_arena_str(&rel->arena, path);
    weir_status bad = wr_fs_exists(rel->fs, path)
                          ? bind_into(rel, options)
                          : wr_fail(WR_E_FILE_NOT_FOUND, "no file \"%.*s\"", WR_STR_ARGS(path));
    if (bad) {
        wr_lines_relation_def.drop(&rel->base);
        return bad;
    }
    *out = &rel->base;
    return WR_OK;
}
