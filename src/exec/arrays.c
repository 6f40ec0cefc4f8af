/* arrays.c - see arrays.h.
 *
 * An array of a few thousand rows costs whoever takes it over more than reading it would, so many
 * batches become one. What lies in the width Arrow wants is copied once, narrow integers are
 * widened on the way, texts are copied as views and the bytes of long ones go to buffers beside
 * them. Columns of other types (nested ones, intervals, enumerations) are copied batch by batch and
 * put together when the array is taken.
 *
 * Every column of the array owns its buffers, because a consumer may move it away. */
#include "exec/arrays.h"
#include "kern/kern.h"

enum {
    TEXT_BYTES_FIRST = 64 << 10,
    TEXT_BYTES_STEP = 8 << 20,
    TEXT_BYTES_FULL = 64 << 20 /* of one column: the array is long enough */
};

typedef enum column_kind { FIXED, WIDE, BITS, VIEWS, OTHER } column_kind;

typedef struct buffer {
    void *at;
    size_t size, used;
} buffer;

typedef struct build_column {
    const wr_type *type;
    column_kind kind;
    size_t width; /* bytes of a value in the array; BITS: 0 */
    buffer data, valid;
    wr_arena arena;       /* of the lists and copies below */
    WR_LIST(buffer) text; /* VIEWS: bytes of long texts */
    uint64_t text_bytes;
    WR_LIST(wr_column *) parts; /* OTHER */
} build_column;

struct wr_array_builder {
    const wr_schema *schema;
    build_column *columns;
    uint32_t rows, cap;
    wr_arena scratch;
};

/* ---- life ---- */

static column_kind kind_of(const wr_type *type)
{
    switch (type->id) {
    case WR_T_BOOLEAN:
        return BITS;
    case WR_T_DECIMAL:
    case WR_T_HUGEINT:
    case WR_T_UUID:
        return WIDE;
    case WR_T_NULL:
    case WR_T_ENUM:
    case WR_T_INTERVAL:
        return OTHER;
    default:
        if (wr_type_is_nested(type)) return OTHER;
        return type->phys == WR_P_VIEW ? VIEWS : FIXED;
    }
}

wr_array_builder *wr_array_builder_new(const wr_schema *schema)
{
    wr_array_builder *b = wr_heap_new(sizeof *b);
    b->schema = schema;
    b->columns = wr_heap_new(sizeof *b->columns * (size_t)(schema->count + 1));
    for (int i = 0; i < schema->count; i++) {
        build_column *c = &b->columns[i];
        c->type = schema->fields[i].type;
        c->kind = kind_of(c->type);
        c->width = c->kind == WIDE ? 16 : c->kind == BITS ? 0 : wr_phys_size(c->type->phys);
    }
    return b;
}

static void buffer_drop(buffer *b)
{
    wr_heap_buffer_drop(b->at, b->size);
    *b = (buffer){0};
}

static void column_clear(build_column *c)
{
    buffer_drop(&c->data);
    buffer_drop(&c->valid);
    for (int i = 0; i < c->text.count; i++)
        buffer_drop(&c->text.items[i]);
    c->text.items = NULL;
    c->text.count = c->text.cap = 0;
    c->text_bytes = 0;
    c->parts.items = NULL;
    c->parts.count = c->parts.cap = 0;
    wr_arena_clear(&c->arena);
}

void wr_array_builder_drop(wr_array_builder *b)
{
    if (!b) return;
    for (int i = 0; i < b->schema->count; i++)
        column_clear(&b->columns[i]);
    wr_arena_clear(&b->scratch);
    wr_heap_drop(b->columns);
    wr_heap_drop(b);
}

uint32_t wr_array_builder_rows(const wr_array_builder *b) { return b->rows; }

bool wr_array_builder_is_full(const wr_array_builder *b)
{
    if (b->rows + WR_BATCH_ROWS > b->cap) return true;
    for (int i = 0; i < b->schema->count; i++)
        if (b->columns[i].text_bytes >= TEXT_BYTES_FULL) return true;
    return false;
}

/* ---- appending ---- */

static void open_buffer(buffer *b, size_t size)
{
    b->at = wr_heap_buffer(size);
    b->size = size;
}

static void set_bits(uint64_t *bits, uint32_t from, uint32_t count)
{
    for (uint32_t i = from; i < from + count;) {
        if (i % 64 == 0 && from + count - i >= 64) {
            bits[i / 64] = UINT64_MAX;
            i += 64;
        } else {
            wr_bit_set(bits, i++);
        }
    }
}

/* Bits behind the rows so far are zero. */
static void add_validity(build_column *c, const wr_column *flat, const uint16_t *sel,
                         uint32_t count, uint32_t at, uint32_t cap)
{
    if (!flat->valid && !c->valid.at) return;
    if (!c->valid.at) {
        open_buffer(&c->valid, ((size_t)cap + 63) / 64 * 8 + 64);
        memset(c->valid.at, 0, c->valid.size);
        set_bits(c->valid.at, 0, at);
    }
    uint64_t *bits = c->valid.at;
    if (!flat->valid) {
        set_bits(bits, at, count);
        return;
    }
    if (sel) {
        for (uint32_t i = 0; i < count; i++)
            if (wr_bit_get(flat->valid, sel[i])) wr_bit_set(bits, at + i);
        return;
    }
    for (uint32_t i = 0; i < count; i += 64) {
        uint64_t word = flat->valid[i / 64];
        if (count - i < 64) word &= (UINT64_C(1) << (count - i)) - 1;
        uint32_t to = at + i, shift = to % 64;
        bits[to / 64] |= word << shift;
        if (shift) bits[to / 64 + 1] |= word >> (64 - shift);
    }
}

/* in as a FLAT column; what is in the way of copying it is done in scratch. */
static const wr_column *flat_of(const build_column *c, const wr_column *in, const uint16_t *sel,
                                uint32_t count, wr_arena *scratch, wr_column *flat)
{
    bool is_plain = in->form == WR_FLAT && in->phys == c->type->phys && in->base == 0;
    bool is_narrow = in->form == WR_FLAT && !sel && c->kind == FIXED &&
                     wr_type_is_int_like(c->type) &&
                     wr_kern()->move->convert[in->phys][c->type->phys];
    if (is_plain || is_narrow) return in;
    wr_column_flatten(in, sel, count, scratch, flat);
    return flat;
}

static void add_fixed(build_column *c, const wr_column *flat, const uint16_t *sel, uint32_t count,
                      uint32_t at)
{
    char *to = (char *)c->data.at + at * c->width;
    const wr_kern_moves *move = wr_kern()->move;
    if (sel)
        move->gather[wr_kern_size_index(c->width)](flat->data, sel, count, to);
    else if (flat->phys != c->type->phys || flat->base)
        move->convert[flat->phys][c->type->phys](flat->data, flat->base, to, count);
    else
        memcpy(to, flat->data, count * c->width);
}

static void add_wide(build_column *c, const wr_column *flat, const uint16_t *sel, uint32_t count,
                     uint32_t at)
{
    wr_i128 *to = (wr_i128 *)c->data.at + at;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        to[i] = wr_column_i128(flat, row);
        if (c->type->id == WR_T_UUID) wr_uuid_bytes(to[i], (uint8_t *)&to[i]);
    }
}

/* Bits behind the rows so far are zero. */
static void add_bits(build_column *c, const wr_column *flat, const uint16_t *sel, uint32_t count,
                     uint32_t at)
{
    uint64_t *bits = c->data.at;
    const uint8_t *from = flat->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t to = at + i;
        bits[to / 64] |= (uint64_t)(from[sel ? sel[i] : i] != 0) << (to % 64);
    }
}

/* Room for length more bytes in the last buffer of texts. */
static weir_status need_text(build_column *c, uint32_t length)
{
    const buffer *last = c->text.count ? &c->text.items[c->text.count - 1] : NULL;
    if (last && last->size - last->used >= length) return WR_OK;
    if (length > INT32_MAX)
        return wr_fail(WR_E_TOO_BIG, "a text of %u bytes is too long for an Arrow view", length);
    size_t size = last ? WR_MIN(last->size * 4, (size_t)TEXT_BYTES_STEP) : TEXT_BYTES_FIRST;
    buffer more = {0};
    open_buffer(&more, WR_MAX(size, (size_t)length));
    wr_push(&c->arena, &c->text, more);
    return WR_OK;
}

static weir_status add_views(build_column *c, const wr_column *flat, const uint16_t *sel,
                             uint32_t count, uint32_t at)
{
    add_fixed(c, flat, sel, count, at);
    wr_view *views = (wr_view *)c->data.at + at;
    for (uint32_t i = 0; i < count; i++) {
        wr_view *v = &views[i];
        if (flat->valid && !wr_bit_get(flat->valid, sel ? sel[i] : i)) {
            *v = (wr_view){.words = {0, 0}};
            continue;
        }
        if (v->length <= 12) continue;
        WR_TRY(need_text(c, v->length));
        buffer *last = &c->text.items[c->text.count - 1];
        int32_t place[2] = {c->text.count - 1, (int32_t)last->used};
        memcpy((char *)last->at + last->used, v->pointer, v->length);
        memcpy((char *)v + 8, place, sizeof place);
        last->used += v->length;
        c->text_bytes += v->length;
    }
    return WR_OK;
}

static void add_part(build_column *c, const wr_column *in, const uint16_t *sel, uint32_t count)
{
    wr_column *part = wr_new(&c->arena, wr_column);
    if (sel)
        wr_column_copy_rows(in, sel, count, &c->arena, part);
    else
        wr_column_copy(in, 0, count, &c->arena, part);
    wr_push(&c->arena, &c->parts, part);
}

static weir_status add_column(wr_array_builder *b, build_column *c, const wr_column *in,
                              const uint16_t *sel, uint32_t count)
{
    wr_column space;
    if (c->kind == OTHER) {
        add_part(c, in, sel, count);
        return WR_OK;
    }
    if (!c->data.at) {
        open_buffer(&c->data, c->kind == BITS ? ((size_t)b->cap + 63) / 64 * 8 : b->cap * c->width);
        if (c->kind == BITS) memset(c->data.at, 0, c->data.size);
    }
    const wr_column *flat = flat_of(c, in, sel, count, &b->scratch, &space);
    add_validity(c, flat, sel, count, b->rows, b->cap);
    switch (c->kind) {
    case WIDE:
        add_wide(c, flat, sel, count, b->rows);
        return WR_OK;
    case BITS:
        add_bits(c, flat, sel, count, b->rows);
        return WR_OK;
    case VIEWS:
        return add_views(c, flat, sel, count, b->rows);
    default:
        add_fixed(c, flat, sel, count, b->rows);
        return WR_OK;
    }
}

weir_status wr_array_builder_add(wr_array_builder *b, const wr_batch *batch, uint32_t rows_most)
{
    uint32_t count = wr_batch_count(batch);
    wr_assert(batch->column_count >= b->schema->count);
    if (b->rows == 0) b->cap = WR_MAX(rows_most, (uint32_t)WR_BATCH_ROWS);
    wr_assert(count <= b->cap - b->rows);
    wr_arena_reset(&b->scratch);
    for (int i = 0; i < b->schema->count; i++)
        WR_TRY(add_column(b, &b->columns[i], &batch->columns[i], batch->sel, count));
    b->rows += count;
    return WR_OK;
}

/* ---- arrays ---- */

typedef struct node {
    wr_arena arena;
    buffer *buffers;
    int buffer_count;
} node;

static void release_node(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++)
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
    node *owner = a->private_data;
    a->release = NULL;
    for (int i = 0; i < owner->buffer_count; i++)
        buffer_drop(&owner->buffers[i]);
    wr_arena_clear(&owner->arena);
    wr_heap_drop(owner);
}

static node *open_node(uint32_t rows, int buffer_count, struct ArrowArray *out)
{
    node *owner = wr_heap_new(sizeof *owner);
    *out = (struct ArrowArray){
        .length = rows, .n_buffers = buffer_count, .release = release_node, .private_data = owner};
    out->buffers = wr_new_array(&owner->arena, const void *, buffer_count + 1);
    return owner;
}

static weir_status take_parts(const build_column *c, uint32_t rows, struct ArrowArray *out)
{
    WR_ARENA(scratch);
    uint32_t *which = wr_new_array(&scratch, uint32_t, rows + 1);
    uint32_t *row = wr_new_array(&scratch, uint32_t, rows + 1), at = 0;
    for (int p = 0; p < c->parts.count; p++)
        for (uint32_t i = 0; i < c->parts.items[p]->rows; i++, at++) {
            which[at] = (uint32_t)p;
            row[at] = i;
        }
    wr_assert(at == rows);
    wr_column all;
    wr_column_stitch(c->type, (const wr_column *const *)c->parts.items, (uint32_t)c->parts.count,
                     which, row, rows, &scratch, &all);
    return wr_arrow_export_column(&all, out);
}

static int64_t count_nulls(const build_column *c, uint32_t rows)
{
    const uint64_t *bits = c->valid.at;
    int64_t present = 0;
    if (!bits) return 0;
    for (uint32_t w = 0; w < (rows + 63) / 64; w++)
        present += __builtin_popcountll(bits[w]);
    return (int64_t)rows - present;
}

static weir_status take_column(build_column *c, uint32_t rows, struct ArrowArray *out)
{
    if (c->kind == OTHER) return take_parts(c, rows, out);
    int texts = c->text.count, count = c->kind == VIEWS ? 3 + texts : 2;
    node *owner = open_node(rows, count, out);
    owner->buffers = wr_new_array(&owner->arena, buffer, 2 + texts);
    owner->buffers[owner->buffer_count++] = c->valid;
    owner->buffers[owner->buffer_count++] = c->data;
    out->null_count = count_nulls(c, rows);
    out->buffers[0] = c->valid.at;
    out->buffers[1] = c->data.at;
    c->valid = c->data = (buffer){0};
    if (c->kind != VIEWS) return WR_OK;
    int64_t *sizes = wr_new_array(&owner->arena, int64_t, texts + 1);
    for (int i = 0; i < texts; i++) {
        owner->buffers[owner->buffer_count++] = c->text.items[i];
        out->buffers[2 + i] = c->text.items[i].at;
        sizes[i] = (int64_t)c->text.items[i].used;
        c->text.items[i] = (buffer){0};
    }
    out->buffers[2 + texts] = sizes;
    return WR_OK;
}

weir_status wr_array_builder_take(wr_array_builder *b, struct ArrowArray *out)
{
    node *owner = open_node(b->rows, 1, out);
    weir_status bad = WR_OK;
    out->children = wr_new_array(&owner->arena, struct ArrowArray *, b->schema->count + 1);
    for (int i = 0; i < b->schema->count; i++) {
        struct ArrowArray *child = wr_new(&owner->arena, struct ArrowArray);
        if (!bad) bad = take_column(&b->columns[i], b->rows, child);
        if (!bad) out->children[out->n_children++] = child;
        column_clear(&b->columns[i]);
    }
    b->rows = 0;
    if (bad) out->release(out);
    return bad;
}
