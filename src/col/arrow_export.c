/* arrow_export.c - batches and schemas handed to other programs.
 *
 * Every exported array owns its memory: a node with an arena that release clears. Children can be
 * moved away by the consumer, as the specification allows, because each has a node of its own.
 * Columns are gathered and flattened first, so that only flat columns of full width with dense
 * children are left to lay out. */
#include "col/arrow.h"

typedef struct node {
    wr_arena arena;
} node;

static const char *const formats[WR_T_COUNT] = {
#define X(id, name, phys, arrow, class) [WR_T_##id] = arrow,
#include "col/types.def"
#undef X
};

/* ---- schemas ---- */

static void release_schema(struct ArrowSchema *s)
{
    for (int64_t i = 0; i < s->n_children; i++)
        if (s->children[i]->release) s->children[i]->release(s->children[i]);
    if (s->dictionary && s->dictionary->release) s->dictionary->release(s->dictionary);
    node *owner = s->private_data;
    s->release = NULL;
    wr_arena_clear(&owner->arena);
    wr_heap_drop(owner);
}

static wr_arena *open_schema(struct ArrowSchema *out, wr_str name)
{
    node *owner = wr_heap_new(sizeof *owner);
    *out = (struct ArrowSchema){
        .release = release_schema, .private_data = owner, .flags = ARROW_FLAG_NULLABLE};
    out->name = wr_arena_str(&owner->arena, name).data;
    if (!out->name) out->name = "";
    return &owner->arena;
}

static struct ArrowSchema **new_children(wr_arena *arena, struct ArrowSchema *out, int count)
{
    out->n_children = count;
    out->children = wr_new_array(arena, struct ArrowSchema *, count + 1);
    for (int i = 0; i < count; i++)
        out->children[i] = wr_new(arena, struct ArrowSchema);
    return out->children;
}

/* One pair of metadata: the name of an extension type. */
static const char *extension(wr_arena *arena, const char *name)
{
    static const char key[] = "ARROW:extension:name";
    int32_t parts[3] = {1, sizeof key - 1, (int32_t)strlen(name)};
    char *bytes = wr_arena_alloc(arena, 12 + sizeof key + strlen(name));
    memcpy(bytes, &parts[0], 8);
    memcpy(bytes + 8, key, sizeof key - 1);
    memcpy(bytes + 8 + sizeof key - 1, &parts[2], 4);
    memcpy(bytes + 12 + sizeof key - 1, name, strlen(name));
    return bytes;
}

static void export_type(const wr_type *type, wr_str name, struct ArrowSchema *out)
{
    wr_arena *arena = open_schema(out, name);
    out->format = formats[type->id];
    switch (type->id) {
    case WR_T_DECIMAL:
        out->format = wr_arena_printf(arena, "d:%d,%d", type->precision, type->scale).data;
        break;
    case WR_T_UUID:
        out->metadata = extension(arena, "arrow.uuid");
        break;
    case WR_T_JSON:
        out->metadata = extension(arena, "arrow.json");
        break;
    case WR_T_ENUM:
        out->format = "I";
        out->dictionary = wr_new(arena, struct ArrowSchema);
        export_type(WR_VARCHAR, WR_STR(""), out->dictionary);
        break;
    case WR_T_ARRAY:
        out->format = wr_arena_printf(arena, "+w:%u", type->array_length).data; /* fall through */
    case WR_T_LIST:
        export_type(type->child, WR_STR("item"), new_children(arena, out, 1)[0]);
        break;
    case WR_T_MAP: {
        struct ArrowSchema *entries = new_children(arena, out, 1)[0];
        export_type(type->child, WR_STR("entries"), entries);
        entries->flags = 0;
        entries->children[0]->flags = 0;
        break;
    }
    case WR_T_STRUCT:
        new_children(arena, out, type->field_count);
        for (int i = 0; i < type->field_count; i++)
            export_type(type->fields[i].type, type->fields[i].name, out->children[i]);
        break;
    default:
        break;
    }
}

weir_status wr_arrow_export_schema(const wr_schema *schema, struct ArrowSchema *out)
{
    wr_arena *arena = open_schema(out, WR_STR(""));
    out->format = "+s";
    out->flags = 0;
    new_children(arena, out, schema->count);
    for (int i = 0; i < schema->count; i++) {
        export_type(schema->fields[i].type, schema->fields[i].name, out->children[i]);
        if (schema->not_null && schema->not_null[i]) out->children[i]->flags = 0;
    }
    return WR_OK;
}

/* ---- arrays ---- */

static void release_array(struct ArrowArray *a)
{
    for (int64_t i = 0; i < a->n_children; i++)
        if (a->children[i]->release) a->children[i]->release(a->children[i]);
    if (a->dictionary && a->dictionary->release) a->dictionary->release(a->dictionary);
    node *owner = a->private_data;
    a->release = NULL;
    wr_arena_clear(&owner->arena);
    wr_heap_drop(owner);
}

static wr_arena *open_array(struct ArrowArray *out, uint32_t rows, int buffer_count)
{
    node *owner = wr_heap_new(sizeof *owner);
    *out = (struct ArrowArray){
        .length = rows, .n_buffers = buffer_count, .release = release_array, .private_data = owner};
    out->buffers = wr_new_array(&owner->arena, const void *, buffer_count + 1);
    return &owner->arena;
}

static void export_validity(wr_arena *arena, const wr_column *c, struct ArrowArray *out)
{
    if (!c->valid) return;
    uint64_t *bits = wr_arena_alloc(arena, ((size_t)c->rows + 63) / 64 * 8 + 8);
    int64_t present = 0;
    for (uint32_t w = 0; w < (c->rows + 63) / 64; w++) {
        bits[w] = c->valid[w];
        if (w == c->rows / 64) bits[w] &= (UINT64_C(1) << (c->rows % 64)) - 1;
        present += __builtin_popcountll(bits[w]);
    }
    out->null_count = (int64_t)c->rows - present;
    out->buffers[0] = bits;
}

static bool is_present(const wr_column *c, uint32_t i)
{
    return !c->valid || wr_bit_get(c->valid, i);
}

static void export_bits(wr_arena *arena, const wr_column *c, struct ArrowArray *out)
{
    uint64_t *bits = wr_arena_alloc(arena, ((size_t)c->rows + 63) / 64 * 8 + 8);
    for (uint32_t i = 0; i < c->rows; i++)
        if (((const uint8_t *)c->data)[i]) wr_bit_set(bits, i);
    out->buffers[1] = bits;
}

/* 128-bit decimals, and UUIDs as their bytes. */
static void export_wide(wr_arena *arena, const wr_column *c, struct ArrowArray *out)
{
    wr_i128 *wide = wr_arena_alloc(arena, sizeof *wide * c->rows + 64);
    for (uint32_t i = 0; i < c->rows; i++) {
        wide[i] = wr_column_i128(c, i);
        if (c->type->id == WR_T_UUID) wr_uuid_bytes(wide[i], (uint8_t *)&wide[i]);
    }
    out->buffers[1] = wide;
}

typedef struct month_day_nano {
    int32_t months, days;
    int64_t nanoseconds;
} month_day_nano;

static weir_status export_intervals(wr_arena *arena, const wr_column *c, struct ArrowArray *out)
{
    month_day_nano *to = wr_arena_alloc(arena, sizeof *to * c->rows + 64);
    for (uint32_t i = 0; i < c->rows; i++) {
        wr_interval v = ((const wr_interval *)c->data)[i];
        to[i] = (month_day_nano){v.months, v.days, 0};
        if (is_present(c, i) && __builtin_mul_overflow(v.usecs, 1000, &to[i].nanoseconds))
            return wr_fail(WR_E_OUT_OF_RANGE, "an interval is too long for Arrow's nanoseconds");
    }
    out->buffers[1] = to;
    return WR_OK;
}

/* Views with buffer number and offset; a buffer is closed before an offset would pass 31 bits. */
static weir_status export_views(const wr_column *c, struct ArrowArray *out)
{
    enum { BUFFERS_MAX = 64 };
    wr_arena *arena = &((node *)out->private_data)->arena;
    const wr_view *from = c->data;
    wr_view *views = wr_arena_alloc(arena, sizeof *views * c->rows + 64);
    uint64_t sizes[BUFFERS_MAX] = {0};
    int count = 0;
    for (uint32_t i = 0; i < c->rows; i++) {
        if (!is_present(c, i) || from[i].length <= 12) continue;
        if (count == 0 || sizes[count - 1] + from[i].length > INT32_MAX) count++;
        if (count > BUFFERS_MAX)
            return wr_fail(WR_E_TOO_BIG, "the texts of one batch are too long to export");
        sizes[count - 1] += from[i].length;
    }
    const void **buffers = wr_new_array(arena, const void *, count + 3);
    int64_t *lengths = wr_new_array(arena, int64_t, count + 1);
    for (int b = 0; b < count; b++) {
        buffers[2 + b] = wr_arena_alloc(arena, sizes[b] + 64);
        lengths[b] = (int64_t)sizes[b];
    }
    uint64_t used = 0;
    for (uint32_t i = 0, b = 0; i < c->rows; i++) {
        if (!is_present(c, i)) continue;
        views[i] = from[i];
        if (from[i].length <= 12) continue;
        if (used + from[i].length > INT32_MAX) b++, used = 0;
        int32_t place[2] = {(int32_t)b, (int32_t)used};
        memcpy((char *)buffers[2 + b] + used, from[i].pointer, from[i].length);
        memcpy((char *)&views[i] + 8, place, 8);
        used += from[i].length;
    }
    buffers[0] = out->buffers[0];
    buffers[1] = views;
    buffers[2 + count] = lengths;
    out->buffers = buffers;
    out->n_buffers = count + 3;
    return WR_OK;
}

static weir_status export_children(wr_arena *arena, const wr_column *c, int count,
                                   struct ArrowArray *out)
{
    out->children = wr_new_array(arena, struct ArrowArray *, count + 1);
    for (int i = 0; i < count; i++) {
        out->children[i] = wr_new(arena, struct ArrowArray);
        out->n_children = i + 1;
        WR_TRY(wr_arrow_export_column(&c->children[i], out->children[i]));
    }
    return WR_OK;
}

/* Slots are dense after a gather: offsets are their running ends. */
static weir_status export_offsets(wr_arena *arena, const wr_column *c, struct ArrowArray *out)
{
    int32_t *offsets = wr_arena_alloc(arena, sizeof *offsets * ((size_t)c->rows + 1) + 64);
    const wr_list_slot *slots = c->data;
    uint64_t total = 0;
    for (uint32_t i = 0; i < c->rows; i++) {
        total += slots[i].length;
        if (total > INT32_MAX)
            return wr_fail(WR_E_TOO_BIG, "the lists of one batch are too long to export");
        offsets[i + 1] = (int32_t)total;
    }
    out->buffers[1] = offsets;
    return WR_OK;
}

static weir_status export_labels(const wr_type *type, wr_arena *arena, struct ArrowArray *out)
{
    WR_ARENA(scratch);
    wr_column labels;
    wr_column_init(&labels, &scratch, WR_VARCHAR, WR_P_VIEW, (uint32_t)type->label_count);
    for (int i = 0; i < type->label_count; i++)
        ((wr_view *)labels.data)[i] = wr_view_of(type->labels[i].data, type->labels[i].length);
    out->dictionary = wr_new(arena, struct ArrowArray);
    return wr_arrow_export_column(&labels, out->dictionary);
}

static weir_status export_flat(const wr_column *c, wr_arena *arena, struct ArrowArray *out)
{
    size_t size = wr_phys_size(c->phys);
    switch (c->type->id) {
    case WR_T_NULL:
        out->null_count = c->rows;
        return WR_OK;
    case WR_T_BOOLEAN:
        export_bits(arena, c, out);
        return WR_OK;
    case WR_T_DECIMAL:
    case WR_T_HUGEINT:
    case WR_T_UUID:
        export_wide(arena, c, out);
        return WR_OK;
    case WR_T_INTERVAL:
        return export_intervals(arena, c, out);
    case WR_T_LIST:
    case WR_T_MAP:
        WR_TRY(export_offsets(arena, c, out));
        return export_children(arena, c, 1, out);
    case WR_T_ARRAY:
        return export_children(arena, c, 1, out);
    case WR_T_STRUCT:
        return export_children(arena, c, c->type->field_count, out);
    case WR_T_ENUM:
        WR_TRY(export_labels(c->type, arena, out));
        break;
    default:
        if (c->phys == WR_P_VIEW) return export_views(c, out);
    }
    void *copy = wr_arena_alloc(arena, size * c->rows + 64);
    memcpy(copy, c->data, size * c->rows);
    out->buffers[1] = copy;
    return WR_OK;
}

/* On failure out is released already. */
weir_status wr_arrow_export_column(const wr_column *in, struct ArrowArray *out)
{
    WR_ARENA(scratch);
    wr_column gathered, flat;
    wr_column_flatten(in, NULL, in->rows, &scratch, &gathered);
    if (wr_type_is_nested(in->type))
        wr_column_gather(&gathered, NULL, in->rows, &scratch, &flat);
    else
        flat = gathered;
    bool has_data = wr_phys_size(flat.phys) > 0;
    int buffer_count = in->type->id == WR_T_NULL ? 0 : has_data ? 2 : 1;
    wr_arena *arena = open_array(out, in->rows, buffer_count);
    if (buffer_count) export_validity(arena, &flat, out);
    weir_status bad = export_flat(&flat, arena, out);
    if (bad) out->release(out);
    return bad;
}

weir_status wr_arrow_export_batch(const wr_schema *schema, const wr_batch *batch,
                                  struct ArrowArray *out)
{
    wr_assert(schema->count == batch->column_count);
    uint32_t count = wr_batch_count(batch);
    wr_arena *arena = open_array(out, count, 1);
    out->children = wr_new_array(arena, struct ArrowArray *, batch->column_count + 1);
    for (int i = 0; i < batch->column_count; i++) {
        WR_ARENA(scratch);
        wr_column dense = batch->columns[i];
        if (batch->sel) wr_column_gather(&batch->columns[i], batch->sel, count, &scratch, &dense);
        dense.rows = count;
        struct ArrowArray *child = wr_new(arena, struct ArrowArray);
        weir_status bad = wr_arrow_export_column(&dense, child);
        if (bad) {
            out->release(out);
            return bad;
        }
        out->children[out->n_children++] = child;
    }
    return WR_OK;
}
