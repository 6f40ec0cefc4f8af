/* arrow.c - the format as the rest of the engine sees it: recognising, binding and writing Arrow
 * IPC files and streams.
 *
 * The schema is that of the file plus the pseudo-column file_row_number. */
#include "fmt/arrow/reader.h"
#include "fmt/arrow/write.h"

static const wr_opt read_options[] = {{0}};

static void fill_schema(wr_ipc_relation *rel, const wr_schema *columns)
{
    wr_relation *base = &rel->base;
    int count = columns->count + 1;
    base->schema.fields = wr_new_array(&rel->arena, wr_field, count);
    base->schema.not_null = wr_new_array(&rel->arena, bool, count);
    base->schema.count = count;
    base->visible_count = columns->count;
    for (int i = 0; i < columns->count; i++)
        base->schema.fields[i] = columns->fields[i]; /* "not null" is not believed unread */
    wr_fields_tell_apart(base->schema.fields, columns->count, &rel->arena);
    base->schema.fields[count - 1] = (wr_field){WR_STR("file_row_number"), WR_BIGINT};
    base->schema.not_null[count - 1] = true;
    base->has_row_count = true;
    base->row_count = (double)rel->rows;
}

static weir_status bind(wr_format_context *context, wr_str path, const wr_options *options,
                        wr_relation **out)
{
    wr_schema columns;
    WR_TRY(wr_options_check(options, read_options, "read_arrow"));
    wr_ipc_relation *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &wr_ipc_relation_def;
    rel->base.references = 1;
    WR_AUTO(wr_relation) *owner = &rel->base;
    rel->fs = context->fs;
    rel->mem = rel->arena.mem = context->mem;
    rel->path = wr_arena_str(&rel->arena, path);
    weir_status bad = wr_ipc_open(rel, path);
    if (!bad) bad = wr_arrow_import_schema(&rel->schema.root, &rel->arena, &columns);
    if (bad) return wr_wrap(bad, "%.*s", WR_STR_ARGS(path));
    fill_schema(rel, &columns);
    *out = WR_TAKE(owner);
    return WR_OK;
}

static weir_status probe(wr_format_context *context, wr_str path, wr_str head, bool head_is_all,
                         wr_arena *arena, wr_probe *out)
{
    (void)context, (void)path, (void)head_is_all, (void)arena;
    *out = (wr_probe){.reason = WR_STR("no magic bytes"), .warnings = WR_STR("")};
    if (head.length >= 8 && memcmp(head.data, WR_IPC_MAGIC "\0\0", 8) == 0) {
        out->reason = WR_STR("8 magic bytes");
        out->score = 1;
    } else if (wr_ipc_is_stream_head(head)) {
        out->reason = WR_STR("the message of an Arrow schema");
        out->score = 0.99;
    }
    return WR_OK;
}

const wr_format wr_format_arrow = {
    .name = "arrow",
    .extensions = "arrow|arrows|feather|ipc",
    .help = "Apache Arrow IPC: files (.arrow, .feather) and streams (.arrows)",
    .read_options = read_options,
    .write_options = wr_ipc_write_options,
    .probe = probe,
    .bind = bind,
    .writer_new = wr_ipc_writer_new,
};
