/* body.c - the buffers of a batch as arrays.
 *
 * A batch lists its nodes (length and number of NULLs per field, parents first) and its buffers in
 * the same order. Columns nobody wants are stepped over without reading a byte of them. Buffers are
 * read into memory of the budget, aligned, so that columns of the engine can point at them.
 *
 * Invariant: what wr_arrow_import_column takes on faith - that buffers are as long as lengths
 * demand, that text offsets ascend and end inside their bytes - holds for every array made here.
 * Lengths without bytes behind them (NULLs, runs, empty values) are limited where they are nested,
 * because there they are imported whole. */
#include "enc/codec.h"
#include "enc/compress.h"
#include "fmt/arrow/reader.h"

enum { BYTELESS_ROWS_MAX = 1 << 22, NODE_BYTES = 16, SPARE = 64 };

typedef struct wr_ipc_buffer {
    struct wr_ipc_buffer *next;
    void *bytes;
    size_t size;
} wr_ipc_buffer;

typedef struct reading {
    const wr_ipc_relation *rel;
    const wr_ipc_block *block;
    wr_ipc_body *body;
    wr_ipc_dictionary_fn *dictionary;
    void *owner;
    wr_flat_vector nodes, buffers, variadic;
    uint32_t node, buffer, view;
    bool is_compressed;
    wr_compression method; /* LZ4 or ZSTD */
    wr_codec_state codec;
} reading;

static weir_status corrupt(const char *what)
{
    return wr_fail(WR_E_CORRUPT, "malformed Arrow batch: %s", what);
}

/* ---- buffers */

static weir_status new_bytes(wr_ipc_body *body, uint64_t size, void **out)
{
    if (size > (uint64_t)1 << 48)
        return wr_fail(WR_E_TOO_BIG, "an Arrow buffer of %llu bytes", (unsigned long long)size);
    wr_ipc_buffer *buffer = wr_new(&body->arena, wr_ipc_buffer);
    WR_TRY(wr_mem_alloc(body->mem, (size_t)size + SPARE, out));
    *buffer = (wr_ipc_buffer){body->buffers, *out, (size_t)size + SPARE};
    body->buffers = buffer;
    return WR_OK;
}

static weir_status decode_lz4(reading *r, const uint8_t *in, size_t in_size, uint8_t *out,
                              size_t out_size)
{
    WR_AUTO(wr_inflate) *inflate = NULL;
    WR_TRY(wr_inflate_new(r->body->mem, WR_COMPRESS_LZ4, &inflate));
    size_t at = 0, made_total = 0;
    for (;;) {
        size_t used = 0, made = 0;
        WR_TRY(wr_inflate_run(inflate, in + at, in_size - at, true, out + made_total,
                              out_size + 1 - made_total, &used, &made));
        at += used;
        made_total += made;
        if (made_total > out_size || (!used && !made)) break;
    }
    return made_total == out_size ? WR_OK : corrupt("a compressed buffer");
}

static weir_status decode(reading *r, const uint8_t *in, uint64_t in_size, const void **out,
                          uint64_t *size)
{
    int64_t plain;
    void *to;
    if (in_size < 8) return corrupt("a compressed buffer");
    memcpy(&plain, in, 8);
    if (plain == -1) {
        *out = in + 8;
        *size = in_size - 8;
        return WR_OK;
    }
    if (plain < 0) return corrupt("a compressed buffer");
    WR_TRY(new_bytes(r->body, (uint64_t)plain, &to));
    *out = to;
    *size = (uint64_t)plain;
    if (plain == 0) return WR_OK;
    if (r->method == WR_COMPRESS_LZ4)
        return decode_lz4(r, in + 8, (size_t)in_size - 8, to, (size_t)plain);
    return wr_codec_decode(&r->codec, WR_CODEC_ZSTD, in + 8, (size_t)in_size - 8, to,
                           (size_t)plain);
}

/* The next buffer, at least least bytes long if it is wanted. */
static weir_status take_buffer(reading *r, bool wanted, uint64_t least, const void **out,
                               uint64_t *size)
{
    static const uint64_t nothing[SPARE / 8];
    if (r->buffer >= r->buffers.count) return corrupt("a buffer is missing");
    int64_t at = wr_flat_list_int(r->buffers, r->buffer, 0, 8),
            length = wr_flat_list_int(r->buffers, r->buffer, 8, 8);
    r->buffer++;
    *out = nothing;
    *size = 0;
    if (!wanted) return WR_OK;
    if (at < 0 || length < 0 || (uint64_t)at > r->block->body_size ||
        (uint64_t)length > r->block->body_size - (uint64_t)at)
        return corrupt("a buffer lies outside of its batch");
    if (length > 0) {
        void *bytes;
        WR_TRY(new_bytes(r->body, (uint64_t)length, &bytes));
        WR_TRY(wr_file_read_exact(r->rel->file, r->block->body_at + (uint64_t)at, bytes,
                                  (size_t)length));
        *out = bytes;
        *size = (uint64_t)length;
        if (r->is_compressed) WR_TRY(decode(r, bytes, (uint64_t)length, out, size));
        r->body->read_bytes += (uint64_t)length;
        r->body->decoded_bytes += *size;
    }
    return *size >= least ? WR_OK : corrupt("a buffer is too short");
}

/* ---- arrays */

/* Whether length + 1 offsets ascend from 0 or more to at most end. */
static bool offsets_ascend(const void *offsets, int64_t size, int64_t length, uint64_t end)
{
    const int32_t *narrow = offsets;
    const int64_t *wide = offsets;
    bool good;
    if (length == 0) return true;
    if (size == 4) {
        good = narrow[0] >= 0 && (uint64_t)narrow[length] <= end;
        for (int64_t i = 0; i < length; i++)
            good &= narrow[i] <= narrow[i + 1];
    } else {
        good = wide[0] >= 0 && (uint64_t)wide[length] <= end;
        for (int64_t i = 0; i < length; i++)
            good &= wide[i] <= wide[i + 1];
    }
    return good;
}

static weir_status read_views(reading *r, bool wanted, struct ArrowArray *out)
{
    if (r->view >= r->variadic.count) return corrupt("the number of view buffers");
    int64_t count = wr_flat_list_int(r->variadic, r->view++, 0, 8);
    if (count < 0 || count > (int64_t)(r->buffers.count - r->buffer) - 1)
        return corrupt("the number of view buffers");
    const void **buffers = wr_new_array(&r->body->arena, const void *, count + 3);
    int64_t *sizes = wr_new_array(&r->body->arena, int64_t, count + 1);
    uint64_t size;
    buffers[0] = out->buffers[0];
    WR_TRY(take_buffer(r, wanted, (uint64_t)out->length * 16, &buffers[1], &size));
    for (int64_t i = 0; i < count; i++) {
        WR_TRY(take_buffer(r, wanted, 0, &buffers[2 + i], &size));
        sizes[i] = (int64_t)size;
    }
    buffers[2 + count] = sizes;
    out->buffers = buffers;
    out->n_buffers = count + 3;
    return WR_OK;
}

static weir_status read_values(reading *r, wr_ipc_layout layout, bool wanted,
                               struct ArrowArray *out)
{
    uint64_t size, length = (uint64_t)out->length, width = (uint64_t)layout.size, ends = 0;
    switch (layout.kind) {
    case WR_IPC_BITS:
        out->n_buffers = 2;
        return take_buffer(r, wanted, (length + 7) / 8, &out->buffers[1], &size);
    case WR_IPC_FIXED:
        out->n_buffers = 2;
        return take_buffer(r, wanted, length * width, &out->buffers[1], &size);
    case WR_IPC_TEXT:
        out->n_buffers = 3;
        if (length) ends = (length + 1) * width;
        WR_TRY(take_buffer(r, wanted, ends, &out->buffers[1], &size));
        WR_TRY(take_buffer(r, wanted, 0, &out->buffers[2], &size));
        return !wanted || offsets_ascend(out->buffers[1], layout.size, out->length, size)
                   ? WR_OK
                   : corrupt("the offsets of a text column");
    case WR_IPC_VIEWS:
        return read_views(r, wanted, out);
    case WR_IPC_LIST:
        out->n_buffers = 2;
        if (length) ends = (length + 1) * width;
        return take_buffer(r, wanted, ends, &out->buffers[1], &size);
    case WR_IPC_LIST_VIEWS:
        out->n_buffers = 3;
        WR_TRY(take_buffer(r, wanted, length * width, &out->buffers[1], &size));
        return take_buffer(r, wanted, length * width, &out->buffers[2], &size);
    default:
        return WR_OK;
    }
}

static void release_nothing(struct ArrowArray *array) { array->release = NULL; }

static weir_status read_node(reading *r, struct ArrowArray *out)
{
    if (r->node >= r->nodes.count) return corrupt("a column is missing");
    *out = (struct ArrowArray){.length = wr_flat_list_int(r->nodes, r->node, 0, 8),
                               .null_count = wr_flat_list_int(r->nodes, r->node, 8, 8),
                               .release = release_nothing};
    r->node++;
    out->buffers = wr_new_array(&r->body->arena, const void *, 3);
    bool good = out->length >= 0 && out->length < (int64_t)1 << 48;
    return good ? WR_OK : corrupt("the length of a column");
}

static weir_status read_array(reading *r, const struct ArrowSchema *schema, bool wanted,
                              bool is_nested, struct ArrowArray *out)
{
    wr_ipc_layout layout = wr_ipc_layout_of(schema);
    uint64_t size;
    WR_TRY(read_node(r, out));
    bool is_byteless =
        layout.kind == WR_IPC_NOTHING || (layout.kind == WR_IPC_FIXED && layout.size == 0);
    if (wanted && is_nested && is_byteless && out->length > BYTELESS_ROWS_MAX)
        return wr_fail(WR_E_TOO_BIG, "more than %d nested values without bytes in an Arrow batch",
                       BYTELESS_ROWS_MAX);
    if (layout.kind != WR_IPC_NOTHING) {
        bool has_nulls = out->null_count != 0;
        out->n_buffers = 1;
        WR_TRY(take_buffer(r, wanted && has_nulls, has_nulls ? ((uint64_t)out->length + 7) / 8 : 0,
                           &out->buffers[0], &size));
        if (!has_nulls) out->buffers[0] = NULL;
        WR_TRY(read_values(r, layout, wanted, out));
    }
    if (schema->dictionary) {
        const wr_ipc_field *field = schema->private_data;
        return wanted ? r->dictionary(r->owner, field->dictionary, &out->dictionary) : WR_OK;
    }
    out->n_children = schema->n_children;
    out->children = wr_new_array(&r->body->arena, struct ArrowArray *, out->n_children + 1);
    for (int64_t i = 0; i < out->n_children; i++) {
        out->children[i] = wr_new(&r->body->arena, struct ArrowArray);
        WR_TRY(read_array(r, schema->children[i], wanted, true, out->children[i]));
    }
    return WR_OK;
}

static weir_status read_columns(reading *r, wr_flat_table batch, const struct ArrowSchema *parent,
                                const bool *wanted, bool is_dictionary)
{
    wr_flat_table compression = wr_flat_sub(batch, 3);
    r->nodes = wr_flat_list(batch, 1, NODE_BYTES);
    r->buffers = wr_flat_list(batch, 2, NODE_BYTES);
    r->variadic = wr_flat_list(batch, 4, 8);
    if (compression.at) {
        int64_t codec = wr_flat_int(compression, 0, 1, 0);
        if (codec < 0 || codec > 1 || wr_flat_int(compression, 1, 1, 0) != 0)
            return wr_fail(WR_E_UNSUPPORTED, "an unknown compression of an Arrow batch");
        r->is_compressed = true;
        r->method = codec ? WR_COMPRESS_ZSTD : WR_COMPRESS_LZ4;
    }
    if (!batch.at || batch.in->bad) return corrupt("its metadata");
    r->body->columns = wr_new_array(&r->body->arena, struct ArrowArray, parent->n_children + 1);
    for (int64_t i = 0; i < parent->n_children; i++) {
        bool is_wanted = !wanted || wanted[i];
        weir_status bad =
            read_array(r, parent->children[i], is_wanted, is_dictionary, &r->body->columns[i]);
        if (!bad && is_wanted && r->body->columns[i].length != r->block->rows)
            bad = corrupt("a column has another number of rows");
        if (bad && *parent->children[i]->name)
            return wr_wrap(bad, "column \"%s\"", parent->children[i]->name);
        if (bad) return bad;
    }
    return WR_OK;
}

weir_status wr_ipc_body_read(const wr_ipc_relation *rel, const wr_ipc_block *block,
                             const struct ArrowSchema *parent, const bool *wanted,
                             wr_ipc_dictionary_fn *dictionary, void *owner, wr_mem *mem,
                             wr_ipc_body *out)
{
    reading r = {.rel = rel, .block = block, .body = out, .dictionary = dictionary, .owner = owner};
    void *meta;
    *out = (wr_ipc_body){.mem = mem};
    WR_TRY(wr_mem_alloc(mem, block->meta_size, &meta));
    weir_status bad = wr_file_read_exact(rel->file, block->meta_at, meta, block->meta_size);
    if (!bad) {
        wr_flat flat = {meta, block->meta_size, false};
        wr_flat_table root = wr_flat_root(&flat), header = wr_flat_sub(root, 2);
        bool is_dictionary = wr_flat_int(root, 1, 1, 0) == WR_IPC_DICTIONARY;
        bad = read_columns(&r, is_dictionary ? wr_flat_sub(header, 1) : header, parent, wanted,
                           is_dictionary);
    }
    wr_codec_clear(&r.codec);
    wr_mem_free(mem, meta, block->meta_size);
    return bad;
}

void wr_ipc_body_clear(wr_ipc_body *body)
{
    for (wr_ipc_buffer *b = body->buffers; b; b = b->next)
        wr_mem_free(body->mem, b->bytes, b->size);
    body->buffers = NULL;
    wr_arena_clear(&body->arena);
}
