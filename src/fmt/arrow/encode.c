/* encode.c - columns as the body of an Arrow batch.
 *
 * A batch of a file is made of many engine batches. Each was exported by col as an array of its
 * own; here the arrays of one field are laid one behind the other, buffer by buffer: values are
 * copied, offsets moved on, texts taken from views to offsets and bytes unless the schema keeps
 * views. Every buffer is built in raw first, so that it can be compressed as a whole.
 *
 * Trap: what does not fit Arrow must fail here, not be cut: 128-bit integers beyond 38 digits,
 * offsets beyond 31 bits. */
#include "fmt/arrow/write.h"

enum { ALIGN = 64, FLAT_INT64 = 8, FLAT_PAIR = 16 };

typedef struct field {
    const struct ArrowSchema *schema;
    const struct ArrowArray *const *parts;
    int count;
} field;

/* ---- bytes */

weir_status wr_ipc_bytes_add(wr_ipc_bytes *b, const void *from, size_t size)
{
    if (size > b->cap - b->size) {
        size_t cap = WR_MAX(b->cap * 2, b->size + size + 4096);
        WR_TRY(wr_mem_grow(b->mem, (void **)&b->at, b->cap, cap));
        b->cap = cap;
    }
    if (size && from) memcpy(b->at + b->size, from, size);
    if (size && !from) memset(b->at + b->size, 0, size);
    b->size += size;
    return WR_OK;
}

void wr_ipc_bytes_clear(wr_ipc_bytes *b)
{
    if (b->at) wr_mem_free(b->mem, b->at, b->cap);
    *b = (wr_ipc_bytes){.mem = b->mem};
}

static weir_status compress_lz4(wr_ipc_encoder *e, wr_buf *out)
{
    WR_AUTO(wr_deflate) *deflate = NULL;
    WR_TRY(wr_deflate_new(e->raw.mem, WR_COMPRESS_LZ4, e->level, &deflate));
    return wr_deflate_run(deflate, e->raw.at, e->raw.size, true, out);
}

static weir_status compress_zstd(wr_ipc_encoder *e, wr_buf *out)
{
    size_t size = 0, bound = wr_codec_bound(WR_CODEC_ZSTD, e->raw.size);
    wr_buf_reserve(out, bound);
    WR_TRY(wr_codec_encode(&e->codec, WR_CODEC_ZSTD, e->level, e->raw.at, e->raw.size,
                           (uint8_t *)out->data, &size));
    out->length = size;
    return WR_OK;
}

/* Ends the buffer in raw: to the body, compressed if that makes it smaller. */
static weir_status end_buffer(wr_ipc_encoder *e)
{
    int64_t at = (int64_t)e->body.size;
    if (e->raw.size && e->is_compressed) {
        WR_BUF(packed);
        int64_t plain = (int64_t)e->raw.size;
        WR_TRY(wr_ipc_bytes_add(&e->raw, NULL, WR_CODEC_SLOP)); /* codecs may read past the end */
        e->raw.size = (size_t)plain;
        WR_TRY(e->is_zstd ? compress_zstd(e, &packed) : compress_lz4(e, &packed));
        bool pays = packed.length < e->raw.size;
        int64_t head = pays ? plain : -1;
        WR_TRY(wr_ipc_bytes_add(&e->body, &head, 8));
        WR_TRY(pays ? wr_ipc_bytes_add(&e->body, packed.data, packed.length)
                    : wr_ipc_bytes_add(&e->body, e->raw.at, e->raw.size));
    } else {
        WR_TRY(wr_ipc_bytes_add(&e->body, e->raw.at, e->raw.size));
    }
    wr_push(&e->arena, &e->buffers, at);
    wr_push(&e->arena, &e->buffers, (int64_t)e->body.size - at);
    e->raw.size = 0;
    return wr_ipc_bytes_add(&e->body, NULL, (0 - e->body.size) & (ALIGN - 1));
}

/* ---- buffers */

/* Appends length bits (NULL: ones) behind the at bits that raw has. */
static weir_status add_bits(wr_ipc_encoder *e, int64_t at, const uint8_t *bits, int64_t length)
{
    size_t size = (size_t)(at + length + 7) / 8;
    WR_TRY(wr_ipc_bytes_add(&e->raw, NULL, size - e->raw.size));
    if (at % 8 == 0 && bits) {
        memcpy(e->raw.at + at / 8, bits, (size_t)(length + 7) / 8);
        if (length % 8) e->raw.at[(at + length) / 8] &= (uint8_t)((1 << length % 8) - 1);
        return WR_OK;
    }
    for (int64_t i = 0; i < length; i++)
        if (!bits || (bits[i >> 3] >> (i & 7) & 1))
            e->raw.at[(at + i) >> 3] |= (uint8_t)(1 << ((at + i) & 7));
    return WR_OK;
}

static weir_status encode_bits(wr_ipc_encoder *e, field f, int buffer)
{
    int64_t at = 0;
    for (int p = 0; p < f.count; p++) {
        WR_TRY(add_bits(e, at, f.parts[p]->buffers[buffer], f.parts[p]->length));
        at += f.parts[p]->length;
    }
    return end_buffer(e);
}

static weir_status encode_validity(wr_ipc_encoder *e, field f, int64_t nulls)
{
    return nulls ? encode_bits(e, f, 0) : end_buffer(e);
}

static bool is_present(const struct ArrowArray *part, int64_t i)
{
    const uint8_t *bits = part->buffers[0];
    return !bits || (bits[i >> 3] >> (i & 7) & 1);
}

/* HUGEINT goes further than the 38 digits of Arrow's widest integer. */
static weir_status check_digits(const struct ArrowArray *part)
{
    const wr_i128 *values = part->buffers[1], limit = wr_pow10[38];
    for (int64_t i = 0; i < part->length; i++)
        if ((values[i] >= limit || values[i] <= -limit) && is_present(part, i))
            return wr_with_hint(
                wr_fail(WR_E_OUT_OF_RANGE, "a number has more digits than Arrow's 38"),
                "cast the column to DOUBLE or VARCHAR");
    return WR_OK;
}

static weir_status encode_fixed(wr_ipc_encoder *e, field f, size_t size)
{
    bool is_decimal = f.schema->format[0] == 'd';
    for (int p = 0; p < f.count; p++) {
        const struct ArrowArray *part = f.parts[p];
        if (is_decimal) WR_TRY(check_digits(part));
        WR_TRY(wr_ipc_bytes_add(&e->raw, part->buffers[1], size * (size_t)part->length));
    }
    return end_buffer(e);
}

static weir_status too_long(const char *what)
{
    return wr_with_hint(wr_fail(WR_E_TOO_BIG, "the %s of one Arrow batch exceed 2 GiB", what),
                        "a smaller BATCH_SIZE helps");
}

/* Lists: the offsets of every part start at 0. */
static weir_status encode_offsets(wr_ipc_encoder *e, field f)
{
    int64_t base = 0;
    int32_t zero = 0;
    WR_TRY(wr_ipc_bytes_add(&e->raw, &zero, 4));
    for (int p = 0; p < f.count; p++) {
        const int32_t *offsets = f.parts[p]->buffers[1];
        int64_t length = f.parts[p]->length;
        if (base + offsets[length] > INT32_MAX) return too_long("lists");
        WR_TRY(wr_ipc_bytes_add(&e->raw, offsets + 1, 4 * (size_t)length));
        int32_t *added = (int32_t *)(e->raw.at + e->raw.size) - length;
        for (int64_t i = 0; base && i < length; i++)
            added[i] += (int32_t)base;
        base += offsets[length];
    }
    return end_buffer(e);
}

static const char *view_bytes(const struct ArrowArray *part, const wr_view *view)
{
    int32_t place[2];
    if (view->length <= 12) return view->inlined;
    memcpy(place, (const char *)view + 8, 8);
    return (const char *)part->buffers[2 + place[0]] + place[1];
}

/* Views as offsets and bytes. NULLs are empty. */
static weir_status encode_text(wr_ipc_encoder *e, field f)
{
    int64_t total = 0;
    int32_t end = 0;
    WR_TRY(wr_ipc_bytes_add(&e->raw, &end, 4));
    for (int p = 0; p < f.count; p++) {
        const wr_view *views = f.parts[p]->buffers[1];
        WR_TRY(wr_ipc_bytes_add(&e->raw, NULL, 4 * (size_t)f.parts[p]->length));
        int32_t *ends = (int32_t *)(e->raw.at + e->raw.size) - f.parts[p]->length;
        for (int64_t i = 0; i < f.parts[p]->length; i++) {
            total += views[i].length; /* NULLs are exported as empty */
            if (total > INT32_MAX) return too_long("texts");
            ends[i] = (int32_t)total;
        }
    }
    WR_TRY(end_buffer(e));
    for (int p = 0; p < f.count; p++) {
        const wr_view *views = f.parts[p]->buffers[1];
        for (int64_t i = 0; i < f.parts[p]->length; i++)
            WR_TRY(wr_ipc_bytes_add(&e->raw, view_bytes(f.parts[p], &views[i]), views[i].length));
    }
    return end_buffer(e);
}

static weir_status encode_views(wr_ipc_encoder *e, field f)
{
    int64_t base = 0;
    for (int p = 0; p < f.count; p++) {
        size_t size = (size_t)f.parts[p]->length * sizeof(wr_view);
        WR_TRY(wr_ipc_bytes_add(&e->raw, f.parts[p]->buffers[1], size));
        wr_view *views = (wr_view *)(e->raw.at + e->raw.size - size);
        for (int64_t i = 0; base && i < f.parts[p]->length; i++) {
            int32_t number;
            if (views[i].length <= 12) continue;
            memcpy(&number, (char *)&views[i] + 8, 4);
            number += (int32_t)base;
            memcpy((char *)&views[i] + 8, &number, 4);
        }
        base += f.parts[p]->n_buffers - 3;
    }
    WR_TRY(end_buffer(e));
    for (int p = 0; p < f.count; p++) {
        int64_t count = f.parts[p]->n_buffers - 3;
        const int64_t *sizes = f.parts[p]->buffers[2 + count];
        for (int64_t b = 0; b < count; b++) {
            WR_TRY(wr_ipc_bytes_add(&e->raw, f.parts[p]->buffers[2 + b], (size_t)sizes[b]));
            WR_TRY(end_buffer(e));
        }
    }
    wr_push(&e->arena, &e->variadic, base);
    return WR_OK;
}

/* ---- columns */

static weir_status encode_children(wr_ipc_encoder *e, field f)
{
    const struct ArrowArray **parts =
        wr_new_array(&e->arena, const struct ArrowArray *, f.count + 1);
    for (int64_t c = 0; c < f.schema->n_children; c++) {
        for (int p = 0; p < f.count; p++)
            parts[p] = f.parts[p]->children[c];
        WR_TRY(wr_ipc_encode_column(e, f.schema->children[c], parts, f.count));
    }
    return WR_OK;
}

weir_status wr_ipc_encode_column(wr_ipc_encoder *e, const struct ArrowSchema *schema,
                                 const struct ArrowArray *const *parts, int count)
{
    wr_ipc_layout layout = wr_ipc_layout_of(schema);
    field f = {schema, parts, count};
    int64_t length = 0, nulls = 0;
    for (int p = 0; p < count; p++) {
        length += parts[p]->length;
        nulls += parts[p]->null_count;
    }
    wr_push(&e->arena, &e->nodes, length);
    wr_push(&e->arena, &e->nodes, nulls);
    if (layout.kind == WR_IPC_NOTHING) return WR_OK;
    WR_TRY(encode_validity(e, f, nulls));
    switch (layout.kind) {
    case WR_IPC_BITS:
        WR_TRY(encode_bits(e, f, 1));
        break;
    case WR_IPC_FIXED:
        WR_TRY(encode_fixed(e, f, (size_t)layout.size));
        break;
    case WR_IPC_TEXT:
        WR_TRY(encode_text(e, f));
        break;
    case WR_IPC_VIEWS:
        WR_TRY(encode_views(e, f));
        break;
    case WR_IPC_LIST:
        WR_TRY(encode_offsets(e, f));
        break;
    default:
        break;
    }
    return encode_children(e, f);
}

/* ---- messages */

void wr_ipc_encode_begin(wr_ipc_encoder *e)
{
    wr_arena_reset(&e->arena);
    e->body.size = 0;
    e->raw.size = 0;
    memset(&e->nodes, 0, sizeof e->nodes);
    memset(&e->buffers, 0, sizeof e->buffers);
    memset(&e->variadic, 0, sizeof e->variadic);
}

wr_str wr_ipc_encode_message(wr_ipc_encoder *e, int64_t rows, const int64_t *dictionary_id)
{
    wr_flat_out out = {.arena = &e->arena};
    uint32_t compression = 0, variadic = 0;
    if (e->is_compressed) {
        wr_flat_begin(&out);
        wr_flat_set_int(&out, 0, 1, e->is_zstd);
        wr_flat_set_int(&out, 1, 1, 0);
        compression = wr_flat_end(&out);
    }
    if (e->variadic.count)
        variadic = wr_flat_put_list(&out, e->variadic.items, (size_t)e->variadic.count, FLAT_INT64,
                                    FLAT_INT64);
    uint32_t buffers = wr_flat_put_list(&out, e->buffers.items, (size_t)e->buffers.count / 2,
                                        FLAT_PAIR, FLAT_INT64);
    uint32_t nodes =
        wr_flat_put_list(&out, e->nodes.items, (size_t)e->nodes.count / 2, FLAT_PAIR, FLAT_INT64);
    wr_flat_begin(&out);
    wr_flat_set_int(&out, 0, 8, rows);
    wr_flat_set_ref(&out, 1, nodes);
    wr_flat_set_ref(&out, 2, buffers);
    if (compression) wr_flat_set_ref(&out, 3, compression);
    if (variadic) wr_flat_set_ref(&out, 4, variadic);
    uint32_t header = wr_flat_end(&out);
    if (dictionary_id) {
        uint32_t batch = header;
        wr_flat_begin(&out);
        wr_flat_set_int(&out, 0, 8, *dictionary_id);
        wr_flat_set_ref(&out, 1, batch);
        header = wr_flat_end(&out);
    }
    wr_flat_begin(&out);
    wr_flat_set_int(&out, 3, 8, (int64_t)e->body.size);
    wr_flat_set_ref(&out, 2, header);
    wr_flat_set_int(&out, 0, 2, WR_IPC_VERSION_5);
    wr_flat_set_int(&out, 1, 1, dictionary_id ? WR_IPC_DICTIONARY : WR_IPC_BATCH);
    return wr_flat_finish(&out, wr_flat_end(&out));
}

void wr_ipc_encode_clear(wr_ipc_encoder *e)
{
    wr_ipc_bytes_clear(&e->body);
    wr_ipc_bytes_clear(&e->raw);
    wr_codec_clear(&e->codec);
    wr_arena_clear(&e->arena);
}
