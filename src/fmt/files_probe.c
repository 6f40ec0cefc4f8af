/* files_probe.c - which format a file has: by name, by extension, by content.
 *
 * Every format looks at the first 64 KiB and scores 0...1; the best wins and the distance to the
 * second says how sure that is. Binary formats know their magic bytes and answer 0 or 1. */
#include "fmt/files_parts.h"

enum { HEAD_SIZE = 64 << 10 };

#define X(name) extern const wr_format wr_format_##name;
#include "gen/formats.inc"
#undef X
const wr_format *const wr_formats[] = {
#define X(name) &wr_format_##name,
#include "gen/formats.inc"
#undef X
    NULL};

const wr_format *wr_format_find(wr_str name)
{
    static const char *const aliases[][2] = {
        {"ndjson", "json"}, {"jsonl", "json"}, {"json_lines", "json"}, {"json_array", "json"},
        {"line", "lines"},  {"text", "lines"}, {"tsv", "csv"},         {"psv", "csv"}};
    for (size_t i = 0; i < WR_COUNT(aliases); i++)
        if (wr_str_is(name, aliases[i][0])) name = wr_str_of(aliases[i][1]);
    for (int i = 0; wr_formats[i]; i++)
        if (wr_str_is(name, wr_formats[i]->name)) return wr_formats[i];
    return NULL;
}

static wr_str without_suffix(wr_str path)
{
    static const char *const suffixes[] = {".gz", ".gzip", ".zst", ".zstd", ".lz4"};
    for (size_t i = 0; i < WR_COUNT(suffixes); i++)
        if (wr_str_ihas_suffix(path, suffixes[i]))
            return (wr_str){path.data, path.length - strlen(suffixes[i])};
    return path;
}

static bool claims(const wr_format *format, wr_str extension)
{
    for (const char *at = format->extensions; at && *at;) {
        size_t length = strcspn(at, "|");
        if (length > 0 && wr_str_ieq((wr_str){at, length}, extension)) return true;
        at += length;
        at += *at == '|';
    }
    return false;
}

const wr_format *wr_format_of_path(wr_str path)
{
    wr_str extension = wr_path_extension(without_suffix(path));
    for (int i = 0; wr_formats[i] && extension.length > 0; i++)
        if (claims(wr_formats[i], extension)) return wr_formats[i];
    return NULL;
}

/* The first bytes, decompressed if the file is a compressed text. */
static weir_status read_head(wr_format_context *context, wr_str path, wr_arena *arena, wr_str *head,
                             bool *is_all, wr_compression *compression)
{
    WR_AUTO(wr_text_source) *source = NULL;
    wr_text_coding coding = {.detect = true};
    char *bytes = wr_arena_alloc(arena, HEAD_SIZE + 64);
    size_t got = 0;
    WR_TRY(wr_text_source_open(context->fs, context->mem, path, &coding, true, &source));
    WR_TRY(wr_text_source_read(source, bytes, HEAD_SIZE, &got));
    *compression = wr_text_source_compression(source);
    *head = (wr_str){bytes, got};
    *is_all = got < HEAD_SIZE;
    return WR_OK;
}

static void insert_candidate(wr_files_probe_result *out, wr_probe_candidate candidate)
{
    int at = out->candidate_count++;
    for (; at > 0 && out->candidates[at - 1].score < candidate.score; at--)
        out->candidates[at] = out->candidates[at - 1];
    out->candidates[at] = candidate;
}

static weir_status probe_all(wr_format_context *context, wr_str path, const wr_format *format,
                             wr_arena *arena, wr_files_probe_result *out)
{
    wr_str head;
    bool is_all;
    wr_compression compression;
    int count = 0;
    WR_TRY(read_head(context, path, arena, &head, &is_all, &compression));
    out->compression = wr_str_of(wr_compression_name(compression));
    while (wr_formats[count])
        count++;
    out->candidates = wr_new_array(arena, wr_probe_candidate, count + 1);
    for (int i = 0; i < count; i++) {
        if (!wr_formats[i]->probe || (format && wr_formats[i] != format)) continue;
        wr_probe probe = {0};
        WR_TRY(wr_formats[i]->probe(context, path, head, is_all, arena, &probe));
        if (!out->format || probe.score > out->score) {
            out->format = wr_formats[i];
            out->probe = probe;
            out->score = probe.score;
        }
        insert_candidate(out, (wr_probe_candidate){wr_formats[i], probe.score, probe.reason});
    }
    if (out->format && (out->score > 0 || format)) return WR_OK;
    return wr_with_hint(
        wr_fail(WR_E_FILE_FORMAT, "%.*s is of no format that weir reads", WR_STR_ARGS(path)),
        "name the format: read_csv('...'), read_json('...'), read_parquet('...')");
}

weir_status wr_files_choose(wr_format_context *context, wr_str path, const wr_format **out)
{
    WR_ARENA(scratch);
    wr_files_probe_result result = {0};
    *out = wr_format_of_path(path);
    if (*out) return WR_OK;
    WR_TRY(probe_all(context, path, NULL, &scratch, &result));
    *out = result.format;
    return WR_OK;
}

/* "orders" of x/2024-orders.csv.gz -> _2024_orders: a name that needs no quotes. */
static wr_str table_name_of(wr_str path, wr_arena *arena)
{
    wr_str base = wr_path_base(without_suffix(path)), extension = wr_path_extension(base);
    if (extension.length > 0 && extension.length < base.length) base.length -= extension.length + 1;
    char *name = wr_arena_alloc(arena, base.length + 2);
    size_t n = 0;
    for (size_t i = 0; i < base.length; i++) {
        unsigned char c = (unsigned char)base.data[i];
        bool is_digit = c >= '0' && c <= '9', is_letter = (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
        if (n == 0 && is_digit) name[n++] = '_';
        name[n++] = is_digit || is_letter ? (char)c : c >= 0x80 ? (char)c : '_';
    }
    return n ? (wr_str){name, n} : WR_STR("t");
}

static wr_str kind_of(const wr_files_probe_result *result)
{
    if (strcmp(result->format->name, "json") != 0) return wr_str_of(result->format->name);
    for (int i = 0; i < result->probe.options.count; i++)
        if (wr_str_is(result->probe.options.items[i].name, "format") &&
            wr_str_is(result->probe.options.items[i].value.text, "array"))
            return WR_STR("json_array");
    return WR_STR("json_lines");
}

weir_status wr_files_probe(wr_format_context *context, wr_str pattern, const wr_format *format,
                           const wr_options *options, wr_arena *arena, wr_files_probe_result *out)
{
    *out = (wr_files_probe_result){0};
    wr_path_list paths;
    WR_TRY(wr_files_expand(context->fs, &pattern, 1, format, arena, &paths));
    out->path = paths.paths[0];
    out->file_count = paths.count;
    WR_TRY(probe_all(context, out->path, format, arena, out));
    double second = out->candidate_count > 1 ? out->candidates[1].score : 0;
    out->confidence = out->score >= 0.90 && out->score - second >= 0.15   ? "high"
                      : out->score >= 0.65 && out->score - second >= 0.08 ? "medium"
                                                                          : "low";
    out->kind = kind_of(out);
    out->table_name = table_name_of(out->path, arena);
    if (out->probe.schema.count > 0 && (!options || options->count == 0)) return WR_OK;
    /* Binary formats, and readings with options: the relation knows its columns. */
    WR_AUTO(wr_relation) *rel = NULL;
    WR_TRY(out->format->bind(context, out->path, options ? options : &(wr_options){0}, &rel));
    out->probe.schema = *wr_schema_copy(arena, &rel->schema);
    out->probe.schema.count = rel->visible_count;
    return WR_OK;
}
