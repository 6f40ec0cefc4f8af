/* parquet.c - the format as the rest of the engine sees it: recognising, binding and writing
 * Parquet files.
 *
 * Binding reads the footer once; it stays with the relation, so that many scans of a file parse it
 * once. The schema is that of the file plus the pseudo-column file_row_number. */
#include "fmt/parquet/scan.h"
#include "fmt/parquet/write.h"

static const wr_opt read_options[] = {
    {"binary_as_string", WR_OPT_BOOL, "false",
     "read BYTE_ARRAY columns without annotation as text"},
    {0},
};

static weir_status parse_options(const wr_options *given, wr_pq_read_options *out)
{
    WR_TRY(wr_options_check(given, read_options, "read_parquet"));
    return wr_option_bool(given, read_options, "binary_as_string", &out->binary_as_string, NULL);
}

static void fill_schema(wr_pq_relation *rel)
{
    const wr_pq_meta *meta = &rel->meta;
    wr_relation *base = &rel->base;
    int count = meta->column_count + 1;
    base->schema.fields = wr_new_array(&rel->arena, wr_field, count);
    base->schema.not_null = wr_new_array(&rel->arena, bool, count);
    base->schema.count = count;
    base->visible_count = meta->column_count;
    for (int i = 0; i < meta->column_count; i++) {
        base->schema.fields[i] = (wr_field){meta->columns[i].name, meta->columns[i].type};
        /* A VARIANT that must be there may still hold the variant NULL. */
        base->schema.not_null[i] =
            meta->columns[i].valid_def == 0 && meta->columns[i].kind != WR_PQ_VARIANT;
    }
    wr_fields_tell_apart(base->schema.fields, meta->column_count, &rel->arena);
    base->schema.fields[count - 1] = (wr_field){WR_STR("file_row_number"), WR_BIGINT};
    base->schema.not_null[count - 1] = true;
    base->has_row_count = true;
    base->row_count = (double)meta->rows;
    rel->dict_ids =
        wr_arena_alloc(&rel->arena, ((size_t)meta->group_count * (size_t)meta->leaf_count + 1) *
                                        sizeof *rel->dict_ids);
}

static weir_status bind(wr_format_context *context, wr_str path, const wr_options *options,
                        wr_relation **out)
{
    wr_pq_read_options parsed = {0};
    WR_TRY(parse_options(options, &parsed));
    wr_pq_relation *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &wr_pq_relation_def;
    rel->base.references = 1;
    WR_AUTO(wr_relation) *owner = &rel->base;
    rel->mem = rel->arena.mem = context->mem;
    rel->path = wr_arena_str(&rel->arena, path);
    WR_TRY(wr_file_open(context->fs, path, WR_FILE_READ, &rel->file));
    wr_file_stat stat = {0};
    bool is_seekable = wr_file_is_seekable(rel->file);
    if (is_seekable) WR_TRY(wr_file_stat_of(rel->file, &stat));
    weir_status bad = is_seekable
                          ? wr_pq_meta_read(rel->file, rel->mem, &parsed, &rel->arena, &rel->meta)
                          : wr_fail(WR_E_UNSUPPORTED, "Parquet cannot be read from a pipe");
    if (bad) return wr_wrap(bad, "%.*s", WR_STR_ARGS(path));
    fill_schema(rel);
    rel->cache = context->cache;
    rel->identity = (wr_file_identity){.device = stat.device,
                                       .inode = stat.inode,
                                       .size = stat.size,
                                       .mtime_ns = stat.mtime_ns,
                                       .content = rel->meta.hash,
                                       .reading = parsed.binary_as_string};
    *out = WR_TAKE(owner);
    return WR_OK;
}

static weir_status probe(wr_format_context *context, wr_str path, wr_str head, bool head_is_all,
                         wr_arena *arena, wr_probe *out)
{
    (void)head_is_all;
    *out = (wr_probe){.reason = WR_STR("no magic bytes"), .warnings = WR_STR("")};
    bool encrypted = head.length >= 4 && memcmp(head.data, "PARE", 4) == 0;
    if (!encrypted && (head.length < 4 || memcmp(head.data, "PAR1", 4) != 0)) return WR_OK;
    WR_AUTO(wr_relation) *rel = NULL;
    weir_status bad = bind(context, path, &(wr_options){0}, &rel);
    out->reason = WR_STR("4 magic bytes");
    out->score = bad ? 0.9 : 1;
    if (bad) {
        out->warnings = wr_arena_str(arena, wr_str_of(wr_status_text(bad)));
        wr_status_drop(bad);
        return WR_OK;
    }
    wr_schema visible = rel->schema;
    visible.count = rel->visible_count;
    out->schema = *wr_schema_copy(arena, &visible);
    return WR_OK;
}

const wr_format wr_format_parquet = {
    .name = "parquet",
    .extensions = "parquet|pq",
    .help = "Apache Parquet: columnar, compressed, with statistics",
    .read_options = read_options,
    .write_options = wr_pq_write_options,
    .probe = probe,
    .bind = bind,
    .writer_new = wr_pq_writer_new,
};
