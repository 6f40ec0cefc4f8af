/* write.c - batches to an Arrow IPC file or stream.
 *
 * Engine batches are exported as they come and kept until there are enough rows or bytes for one
 * batch of the file. The labels of enumerations are the only dictionaries; they are written before
 * the first batch, which is written even if it has no rows so that they are there. A file is a
 * stream between magic bytes, with a footer that says where its batches are.
 *
 * Memory: exported arrays live outside of the budget's heap but are counted in it. When the budget
 * refuses, what is there is written as a smaller batch. */
#include "fmt/arrow/write.h"

enum {
    ALLOWANCE = 4,      /* times the exported bytes: a body and a buffer, both growing */
    ARRAY_BYTES = 4096, /* an exported array has memory of its own */
    BATCH_BYTES_MAX = 64 << 20,
    META_ALIGN = 8,
    FILE_BLOCK_BYTES = 24
};

const wr_opt wr_ipc_write_options[] = {
    {"compression|codec", WR_OPT_TEXT, "none", "zstd, lz4 or none"},
    {"compression_level", WR_OPT_INT, NULL, "level of zstd (1-22)"},
    {"batch_size|row_group_size", WR_OPT_INT, "122880", "rows per batch"},
    {"layout", WR_OPT_TEXT, "auto",
     "file, stream or auto: a stream for .arrows and pipes, else a file"},
    {"text_view", WR_OPT_BOOL, "false",
     "write texts as Utf8View and BinaryView, which only recent readers know"},
    {0},
};

typedef struct file_block { /* as the footer has it */
    int64_t at;
    int32_t meta_size, unused;
    int64_t body_size;
} file_block;
_Static_assert(sizeof(file_block) == FILE_BLOCK_BYTES, "a block of the footer is 24 bytes");

typedef struct ipc_writer {
    wr_writer base;
    wr_mem *mem;
    wr_file *file;
    wr_arena arena; /* schema and the list of blocks */
    wr_schema columns;
    wr_ipc_schema schema;
    wr_ipc_encoder encoder;
    bool is_stream, has_batch;
    int64_t rows_max;
    uint64_t offset;
    struct { /* exported, not written yet */
        struct ArrowArray *items;
        int count, cap;
        int64_t rows;
        uint64_t bytes;     /* reserved */
        uint64_t allowance; /* reserved besides: what laying them out will need */
    } parts;
    /* Batches of few rows, copied: an exported array of its own would cost more than it holds. */
    wr_arena small_arena;
    struct {
        wr_batch *items;
        int count, cap;
        uint32_t rows;
    } small;
    WR_LIST(file_block) dictionaries;
    WR_LIST(file_block) batches;
} ipc_writer;

/* ---- bytes */

static weir_status append(ipc_writer *w, const void *bytes, size_t size)
{
    if (size) WR_TRY(wr_file_append(w->file, bytes, size));
    w->offset += size;
    return WR_OK;
}

/* Mark, size, metadata and body. block (may be NULL) receives the place. */
static weir_status append_message(ipc_writer *w, wr_str meta, const wr_ipc_bytes *body,
                                  file_block *block)
{
    int32_t prefix[2] = {-1, (int32_t)meta.length};
    wr_assert(meta.length % META_ALIGN == 0);
    if (block)
        *block = (file_block){(int64_t)w->offset, (int32_t)meta.length + WR_IPC_PREFIX, 0,
                              body ? (int64_t)body->size : 0};
    WR_TRY(append(w, prefix, sizeof prefix));
    WR_TRY(append(w, meta.data, meta.length));
    return body ? append(w, body->at, body->size) : WR_OK;
}

static weir_status append_schema(ipc_writer *w)
{
    WR_ARENA(scratch);
    wr_flat_out out = {.arena = &scratch};
    uint32_t schema = wr_ipc_schema_put(&out, &w->schema);
    wr_flat_begin(&out);
    wr_flat_set_int(&out, 3, 8, 0);
    wr_flat_set_ref(&out, 2, schema);
    wr_flat_set_int(&out, 0, 2, WR_IPC_VERSION_5);
    wr_flat_set_int(&out, 1, 1, WR_IPC_SCHEMA);
    if (!w->is_stream) WR_TRY(append(w, WR_IPC_MAGIC "\0\0", 8));
    return append_message(w, wr_flat_finish(&out, wr_flat_end(&out)), NULL, NULL);
}

static weir_status append_footer(ipc_writer *w)
{
    WR_ARENA(scratch);
    wr_flat_out out = {.arena = &scratch};
    uint32_t batches = wr_flat_put_list(&out, w->batches.items, (size_t)w->batches.count,
                                        FILE_BLOCK_BYTES, META_ALIGN);
    uint32_t dictionaries = wr_flat_put_list(
        &out, w->dictionaries.items, (size_t)w->dictionaries.count, FILE_BLOCK_BYTES, META_ALIGN);
    uint32_t schema = wr_ipc_schema_put(&out, &w->schema);
    wr_flat_begin(&out);
    wr_flat_set_ref(&out, 1, schema);
    wr_flat_set_ref(&out, 2, dictionaries);
    wr_flat_set_ref(&out, 3, batches);
    wr_flat_set_int(&out, 0, 2, WR_IPC_VERSION_5);
    wr_str footer = wr_flat_finish(&out, wr_flat_end(&out));
    int32_t size = (int32_t)footer.length;
    WR_TRY(append(w, footer.data, footer.length));
    WR_TRY(append(w, &size, 4));
    return append(w, WR_IPC_MAGIC, WR_IPC_MAGIC_SIZE);
}

/* ---- parts */

static void forget_parts(ipc_writer *w)
{
    for (int i = 0; i < w->parts.count; i++)
        w->parts.items[i].release(&w->parts.items[i]);
    if (w->parts.bytes) wr_mem_release(w->mem, w->parts.bytes);
    if (w->parts.allowance) wr_mem_release(w->mem, w->parts.allowance);
    w->parts.allowance = 0;
    w->parts.count = 0;
    w->parts.rows = 0;
    w->parts.bytes = 0;
}

static uint64_t array_bytes(const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    wr_ipc_layout layout = wr_ipc_layout_of(schema);
    uint64_t bytes = ARRAY_BYTES + (uint64_t)array->length / 8;
    bool is_text = layout.kind == WR_IPC_TEXT || layout.kind == WR_IPC_VIEWS;
    bytes += (uint64_t)array->length * (is_text ? sizeof(wr_view) : (uint64_t)layout.size);
    if (is_text) {
        int64_t count = array->n_buffers - 3;
        const int64_t *sizes = array->buffers[2 + count];
        for (int64_t b = 0; b < count; b++)
            bytes += (uint64_t)sizes[b];
    }
    if (schema->dictionary) bytes += array_bytes(schema->dictionary, array->dictionary);
    for (int64_t i = 0; i < array->n_children; i++)
        bytes += array_bytes(schema->children[i], array->children[i]);
    return bytes;
}

/* ---- batches */

/* Finds the array of dictionary number below a column, wherever it is nested. */
static const struct ArrowArray *find_labels(const struct ArrowSchema *schema,
                                            const struct ArrowArray *array, int number)
{
    if (((const wr_ipc_field *)schema->private_data)->dictionary == number)
        return array->dictionary;
    for (int64_t i = 0; i < schema->n_children; i++) {
        const struct ArrowArray *found =
            find_labels(schema->children[i], array->children[i], number);
        if (found) return found;
    }
    return NULL;
}

static weir_status append_dictionaries(ipc_writer *w)
{
    for (int i = 0; i < w->schema.dictionaries.count; i++) {
        const wr_ipc_dictionary *dictionary = &w->schema.dictionaries.items[i];
        const struct ArrowArray *labels = find_labels(&w->schema.root, &w->parts.items[0], i);
        file_block block;
        wr_assert(labels);
        wr_ipc_encode_begin(&w->encoder);
        WR_TRY(wr_ipc_encode_column(&w->encoder, dictionary->values, &labels, 1));
        wr_str meta = wr_ipc_encode_message(&w->encoder, labels->length, &dictionary->id);
        WR_TRY(append_message(w, meta, &w->encoder.body, &block));
        wr_push(&w->arena, &w->dictionaries, block);
    }
    return WR_OK;
}

static weir_status flush_parts(ipc_writer *w)
{
    if (w->parts.allowance) wr_mem_release(w->mem, w->parts.allowance);
    w->parts.allowance = 0;
    if (!w->has_batch) WR_TRY(append_dictionaries(w));
    w->has_batch = true;
    wr_ipc_encode_begin(&w->encoder);
    const struct ArrowArray **parts =
        wr_new_array(&w->encoder.arena, const struct ArrowArray *, w->parts.count + 1);
    for (int64_t c = 0; c < w->schema.root.n_children; c++) {
        const struct ArrowSchema *schema = w->schema.root.children[c];
        for (int p = 0; p < w->parts.count; p++)
            parts[p] = w->parts.items[p].children[c];
        weir_status bad = wr_ipc_encode_column(&w->encoder, schema, parts, w->parts.count);
        if (bad) return wr_wrap(bad, "column \"%s\"", schema->name);
    }
    file_block block;
    wr_str meta = wr_ipc_encode_message(&w->encoder, w->parts.rows, NULL);
    WR_TRY(append_message(w, meta, &w->encoder.body, &block));
    if (!w->is_stream) wr_push(&w->arena, &w->batches, block);
    forget_parts(w);
    return WR_OK;
}

/* Keeps an exported array; takes it over. */
static weir_status keep_part(ipc_writer *w, struct ArrowArray *array)
{
    uint64_t bytes = array_bytes(&w->schema.root, array), allowance = ALLOWANCE * bytes;
    weir_status bad = wr_mem_reserve(w->mem, bytes + allowance);
    if (bad) { /* room is made by writing what is there, and there must be room for one part */
        wr_status_drop(bad);
        bad = w->parts.count ? flush_parts(w) : WR_OK;
        allowance = 0;
        if (!bad) bad = wr_mem_reserve(w->mem, bytes);
    }
    if (bad) {
        array->release(array);
        return bad;
    }
    if (w->parts.count == w->parts.cap) {
        int cap = WR_MAX(w->parts.cap * 2, 16);
        w->parts.items = wr_heap_grow(w->parts.items, sizeof *array * (size_t)w->parts.cap,
                                      sizeof *array * (size_t)cap);
        w->parts.cap = cap;
    }
    w->parts.items[w->parts.count++] = *array;
    w->parts.rows += array->length;
    w->parts.bytes += bytes;
    w->parts.allowance += allowance;
    return WR_OK;
}

static weir_status export_rows(ipc_writer *w, const wr_batch *batch)
{
    uint16_t rows[WR_BATCH_ROWS];
    uint32_t total = wr_batch_count(batch);
    for (uint32_t i = 0; i < total; i++)
        rows[i] = (uint16_t)wr_batch_row(batch, i);
    for (uint32_t from = 0; from < total;) {
        uint32_t count = (uint32_t)WR_MIN((int64_t)(total - from), w->rows_max - w->parts.rows);
        wr_batch part = *batch;
        struct ArrowArray array;
        if (batch->sel || count < total) {
            part.sel = rows + from;
            part.sel_count = count;
        }
        WR_TRY(wr_arrow_export_batch(&w->columns, &part, &array));
        WR_TRY(keep_part(w, &array));
        if (w->parts.rows >= w->rows_max || w->parts.bytes >= BATCH_BYTES_MAX)
            WR_TRY(flush_parts(w));
        from += count;
    }
    return WR_OK;
}

/* Exports the rows of the small batches as one batch. */
static weir_status export_small(ipc_writer *w)
{
    WR_ARENA(scratch);
    int count = w->small.count;
    if (count == 0) return WR_OK;
    wr_batch whole = {.columns = wr_new_array(&scratch, wr_column, w->columns.count + 1),
                      .column_count = w->columns.count,
                      .rows = w->small.rows};
    const wr_column **sources = wr_new_array(&scratch, const wr_column *, count);
    uint32_t *which = wr_new_array(&scratch, uint32_t, whole.rows + 1), at = 0;
    uint32_t *rows = wr_new_array(&scratch, uint32_t, whole.rows + 1);
    for (int b = 0; b < count; b++)
        for (uint32_t i = 0; i < w->small.items[b].rows; i++, at++) {
            which[at] = (uint32_t)b;
            rows[at] = i;
        }
    for (int c = 0; c < w->columns.count; c++) {
        for (int b = 0; b < count; b++)
            sources[b] = &w->small.items[b].columns[c];
        wr_column_stitch(w->columns.fields[c].type, sources, (uint32_t)count, which, rows,
                         whole.rows, &scratch, &whole.columns[c]);
    }
    weir_status bad = export_rows(w, &whole);
    wr_arena_reset(&w->small_arena);
    w->small.items = NULL;
    w->small.count = w->small.cap = 0;
    w->small.rows = 0;
    return bad;
}

static weir_status writer_write(wr_writer *writer, const wr_batch *batch)
{
    ipc_writer *w = (ipc_writer *)writer;
    uint32_t count = wr_batch_count(batch);
    if (count == 0) return WR_OK;
    if (w->small.rows + count > WR_BATCH_ROWS || count > WR_BATCH_ROWS / 2) WR_TRY(export_small(w));
    if (count > WR_BATCH_ROWS / 2) return export_rows(w, batch);
    wr_batch copy;
    wr_batch_copy(batch, &w->small_arena, &copy);
    wr_push(&w->small_arena, &w->small, copy);
    w->small.rows += count;
    return WR_OK;
}

/* A batch without rows, of which the dictionaries are taken. */
static weir_status write_nothing(ipc_writer *w)
{
    WR_ARENA(scratch);
    wr_column *columns = wr_new_array(&scratch, wr_column, w->columns.count + 1);
    for (int i = 0; i < w->columns.count; i++) {
        wr_value null = wr_value_null(w->columns.fields[i].type);
        wr_value_column(&null, 1, &scratch, &columns[i]);
    }
    uint16_t none[1] = {0};
    wr_batch batch = {.columns = columns, .column_count = w->columns.count, .rows = 1, .sel = none};
    struct ArrowArray array;
    WR_TRY(wr_arrow_export_batch(&w->columns, &batch, &array));
    WR_TRY(keep_part(w, &array));
    return flush_parts(w);
}

static weir_status writer_finish(wr_writer *writer)
{
    ipc_writer *w = (ipc_writer *)writer;
    static const int32_t end[2] = {-1, 0};
    WR_TRY(export_small(w));
    if (w->parts.count) WR_TRY(flush_parts(w));
    if (!w->has_batch) WR_TRY(write_nothing(w));
    WR_TRY(append(w, end, sizeof end));
    return w->is_stream ? WR_OK : append_footer(w);
}

static uint64_t writer_bytes(const wr_writer *writer)
{
    const ipc_writer *w = (const ipc_writer *)writer;
    return w->offset + w->parts.bytes + w->small_arena.total;
}

static void writer_drop(wr_writer *writer)
{
    ipc_writer *w = (ipc_writer *)writer;
    forget_parts(w);
    wr_heap_drop(w->parts.items);
    wr_ipc_encode_clear(&w->encoder);
    wr_arena_clear(&w->small_arena);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w);
}
WR_DEFINE_CLEANUP(wr_writer, writer_drop)

static const wr_writer_def writer_def = {
    .write = writer_write,
    .finish = writer_finish,
    .bytes = writer_bytes,
    .drop = writer_drop,
};

/* ---- options */

static weir_status choose_compression(ipc_writer *w, const wr_options *options)
{
    wr_str name = {0};
    int64_t level = 0;
    int least, normal, most;
    WR_TRY(wr_option_text(options, wr_ipc_write_options, "compression", &name, NULL));
    w->encoder.is_zstd = wr_str_is(name, "zstd");
    w->encoder.is_compressed = w->encoder.is_zstd || wr_str_is(name, "lz4");
    if (!w->encoder.is_compressed && !wr_str_is(name, "none") && !wr_str_is(name, "uncompressed"))
        return wr_with_hint(
            wr_fail(WR_E_PARAMETER_VALUE, "unknown compression \"%.*s\"", WR_STR_ARGS(name)),
            "one of zstd, lz4, none");
    wr_codec_levels(WR_CODEC_ZSTD, &least, &normal, &most);
    w->encoder.level = w->encoder.is_zstd ? normal : 0;
    const wr_given *given = wr_option_find(options, wr_ipc_write_options, "compression_level");
    if (!given) return WR_OK;
    WR_TRY(wr_option_int(options, wr_ipc_write_options, "compression_level", &level, NULL));
    if (!w->encoder.is_zstd || level < least || level > most)
        return wr_fail_at(WR_E_PARAMETER_VALUE, given->value_span, "only zstd has levels, %d to %d",
                          least, most);
    w->encoder.level = (int)level;
    return WR_OK;
}

/* The path of a file being written has a suffix until it is complete. */
static wr_str final_path(wr_str path)
{
    static const char temp[] = ".tmp-";
    for (size_t i = path.length; i >= sizeof temp; i--)
        if (memcmp(path.data + i - (sizeof temp - 1), temp, sizeof temp - 1) == 0) {
            path.length = i - (sizeof temp - 1);
            break;
        }
    return path;
}

static weir_status choose_layout(ipc_writer *w, const wr_options *options)
{
    wr_str name = {0}, path = final_path(wr_file_path(w->file));
    if (wr_compression_of_path(path) != WR_COMPRESS_NONE)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "an Arrow file is not compressed as a whole"),
                            "the option COMPRESSION compresses its buffers: zstd or lz4");
    WR_TRY(wr_option_text(options, wr_ipc_write_options, "layout", &name, NULL));
    bool is_auto = wr_str_is(name, "auto");
    w->is_stream = is_auto ? !wr_file_is_seekable(w->file) || wr_str_ihas_suffix(path, ".arrows")
                           : wr_str_is(name, "stream");
    if (is_auto || w->is_stream || wr_str_is(name, "file")) return WR_OK;
    return wr_with_hint(wr_fail(WR_E_PARAMETER_VALUE, "unknown layout \"%.*s\"", WR_STR_ARGS(name)),
                        "one of file, stream, auto");
}

weir_status wr_ipc_writer_new(wr_format_context *context, wr_file *file, const wr_schema *schema,
                              const wr_options *options, wr_writer **out)
{
    WR_TRY(wr_options_check(options, wr_ipc_write_options, "COPY ... (FORMAT arrow)"));
    ipc_writer *w = wr_heap_new(sizeof *w);
    w->base.def = &writer_def;
    WR_AUTO(wr_writer) *owner = &w->base;
    bool text_view = false;
    w->mem = w->encoder.body.mem = w->encoder.raw.mem = context->mem;
    w->file = file;
    w->columns = *wr_schema_copy(&w->arena, schema);
    WR_TRY(choose_compression(w, options));
    WR_TRY(choose_layout(w, options));
    WR_TRY(wr_option_int(options, wr_ipc_write_options, "batch_size", &w->rows_max, NULL));
    if (w->rows_max < 1 || w->rows_max > INT32_MAX / 2)
        return wr_fail(WR_E_PARAMETER_VALUE, "batch_size must be between 1 and %d", INT32_MAX / 2);
    WR_TRY(wr_option_bool(options, wr_ipc_write_options, "text_view", &text_view, NULL));
    WR_TRY(wr_ipc_schema_make(&w->columns, text_view, &w->arena, &w->schema));
    WR_TRY(append_schema(w));
    *out = WR_TAKE(owner);
    return WR_OK;
}
