/* box.c - single values of any type held by aggregate states.
 *
 * Fixed-width values are kept as their bytes, text as a view whose long bytes are copied to the
 * heap (the space of the value before is reused), nested values as a one-row column on the heap.
 * States stand at multiples of 8 bytes, so a 128-bit value must never be read from a box directly:
 * wr_box_as_column copies it to aligned memory. The bytes of a saved box: is_set, is_null, then the
 * value; nested values recurse by type. */
#include "expr/fn/box.h"

weir_status wr_agg_grow(wr_aggregate_env *env, void **ptr, size_t old_size, size_t new_size)
{
    if (env->mem) WR_TRY(wr_mem_reserve(env->mem, new_size - old_size));
    void *before = *ptr;
    *ptr = wr_arena_grow(env->heap, before, old_size, new_size);
    /* What it grew out of stays in the arena. */
    if (env->mem && before && *ptr != before) wr_mem_charge(env->mem, old_size);
    return WR_OK;
}

static weir_status set_text(wr_aggregate_env *env, wr_box *box, wr_view value)
{
    if (value.length <= 12) {
        if (box->cap && box->view.length > 12) box->cap = 0;
        box->view = value;
        return WR_OK;
    }
    char *room = box->cap && box->view.length > 12 ? (char *)(uintptr_t)box->view.pointer : NULL;
    if (!room || box->cap < value.length) {
        size_t cap = (size_t)value.length + value.length / 4;
        if (env->mem) WR_TRY(wr_mem_reserve(env->mem, cap));
        room = wr_arena_alloc(env->heap, cap);
        box->cap = (uint32_t)cap;
    }
    memmove(room, value.pointer, value.length);
    box->view = wr_view_of(room, value.length);
    return WR_OK;
}

weir_status wr_box_set(wr_aggregate_env *env, wr_box *box, const wr_column *column, uint32_t row)
{
    box->is_set = 1;
    box->is_null = wr_column_is_null(column, row);
    if (box->is_null) return WR_OK;
    const wr_type *type = column->type;
    if (type->phys == WR_P_VIEW) return set_text(env, box, wr_column_view(column, row));
    if (wr_type_is_nested(type)) {
        wr_column *copy = wr_new(env->heap, wr_column);
        size_t before = env->heap->total;
        wr_column_copy(column, row, 1, env->heap, copy);
        if (env->mem) WR_TRY(wr_mem_reserve(env->mem, env->heap->total - before));
        box->nested = copy;
        return WR_OK;
    }
    size_t size = wr_phys_size(type->phys);
    if (column->form == WR_FLAT && column->phys == type->phys && column->base == 0) {
        memcpy(box->words, (const char *)column->data + row * size, size);
        return WR_OK;
    }
    WR_ARENA(scratch);
    wr_column one;
    wr_column_pick(&(wr_pick){column, row}, 1, type, &scratch, &one);
    memcpy(box->words, one.data, size);
    return WR_OK;
}

weir_status wr_box_copy(wr_aggregate_env *env, const wr_type *type, wr_box *into,
                        const wr_box *from)
{
    wr_box_column storage;
    if (!from->is_set) return WR_OK;
    return wr_box_set(env, into, wr_box_as_column(from, type, &storage), 0);
}

const wr_column *wr_box_as_column(const wr_box *box, const wr_type *type, wr_box_column *storage)
{
    if (wr_type_is_nested(type) && box->is_set && !box->is_null) return box->nested;
    memcpy(storage->bytes, box->words, sizeof storage->bytes);
    storage->valid[0] = box->is_set && !box->is_null;
    storage->column = (wr_column){.type = type,
                                  .form = WR_FLAT,
                                  .phys = (uint8_t)type->phys,
                                  .rows = 1,
                                  .data = storage->bytes,
                                  .valid = storage->valid[0] ? NULL : storage->valid};
    return &storage->column;
}

int wr_box_cmp(const wr_box *box, const wr_column *column, uint32_t row)
{
    wr_box_column storage;
    return wr_column_cmp(wr_box_as_column(box, column->type, &storage), 0, column, row);
}

int wr_box_cmp_box(const wr_box *a, const wr_box *b, const wr_type *type)
{
    wr_box_column left, right;
    return wr_column_cmp(wr_box_as_column(a, type, &left), 0, wr_box_as_column(b, type, &right), 0);
}

void wr_box_write(wr_box *const *boxes, uint32_t count, const wr_type *type, wr_arena *arena,
                  wr_column *out)
{
    if (wr_type_is_nested(type)) {
        wr_pick *picks = wr_new_array(arena, wr_pick, count + 1);
        for (uint32_t i = 0; i < count; i++)
            if (boxes[i] && boxes[i]->is_set && !boxes[i]->is_null)
                picks[i] = (wr_pick){boxes[i]->nested, 0};
        wr_column_pick(picks, count, type, arena, out);
        return;
    }
    size_t size = wr_phys_size(type->phys);
    for (uint32_t i = 0; i < count; i++) {
        char *at = (char *)out->data + i * size;
        if (boxes[i] && boxes[i]->is_set && !boxes[i]->is_null) {
            memcpy(at, boxes[i]->words, size);
        } else {
            memset(at, 0, size);
            wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
        }
    }
}

bool wr_bytes_take(wr_str *bytes, void *out, size_t size)
{
    if (bytes->length < size) return false;
    if (size) memcpy(out, bytes->data, size);
    bytes->data += size, bytes->length -= size;
    return true;
}

static void save_row(const wr_column *in, uint32_t i, wr_buf *out)
{
    uint8_t present = !wr_column_is_null(in, i);
    wr_buf_add(out, &present, 1);
    if (!present) return;
    uint32_t row;
    const wr_column *c = wr_column_at(in, i, &row);
    switch (c->type->phys) {
    case WR_P_VIEW: {
        wr_view view = wr_column_view(c, row);
        wr_buf_add(out, &view.length, sizeof view.length);
        wr_buf_add(out, wr_view_bytes(&view), view.length);
        return;
    }
    case WR_P_LIST:
    case WR_P_ARRAY: {
        uint32_t length = wr_list_length(c, row);
        wr_buf_add(out, &length, sizeof length);
        for (uint32_t k = 0; k < length; k++) {
            wr_pick at = wr_pick_element(c, row, k);
            save_row(at.column, at.row, out);
        }
        return;
    }
    case WR_P_STRUCT:
        for (int f = 0; f < c->type->field_count; f++)
            save_row(&c->children[f], row, out);
        return;
    default: {
        WR_ARENA(scratch);
        wr_column one;
        wr_column_pick(&(wr_pick){c, row}, 1, c->type, &scratch, &one);
        wr_buf_add(out, one.data, wr_phys_size(c->type->phys));
    }
    }
}

static bool load_row(wr_str *bytes, const wr_type *type, wr_arena *heap, wr_column *out);

static bool load_list(wr_str *bytes, const wr_type *type, wr_arena *heap, wr_column *out)
{
    uint32_t length;
    if (!wr_bytes_take(bytes, &length, sizeof length) || length > bytes->length) return false;
    wr_column *rows = wr_new_array(heap, wr_column, (size_t)length + 1);
    wr_pick *picks = wr_new_array(heap, wr_pick, (size_t)length + 1);
    for (uint32_t k = 0; k < length; k++) {
        if (!load_row(bytes, type->child, heap, &rows[k])) return false;
        picks[k] = (wr_pick){&rows[k], 0};
    }
    out->children = wr_new(heap, wr_column);
    wr_column_pick(picks, length, type->child, heap, out->children);
    if (type->phys == WR_P_ARRAY) return length == type->array_length;
    ((wr_list_slot *)out->data)[0] = (wr_list_slot){0, length};
    return true;
}

static bool load_row(wr_str *bytes, const wr_type *type, wr_arena *heap, wr_column *out)
{
    uint8_t present;
    if (!wr_bytes_take(bytes, &present, 1)) return false;
    if (!present) {
        wr_column_pick(&(wr_pick){0}, 1, type, heap, out);
        return true;
    }
    wr_column_init(out, heap, type, type->phys, 1);
    out->rows = 1;
    switch (type->phys) {
    case WR_P_VIEW: {
        uint32_t length;
        if (!wr_bytes_take(bytes, &length, sizeof length) || length > bytes->length) return false;
        *(wr_view *)out->data = wr_view_of(wr_arena_copy(heap, bytes->data, length), length);
        bytes->data += length, bytes->length -= length;
        return true;
    }
    case WR_P_LIST:
    case WR_P_ARRAY:
        return load_list(bytes, type, heap, out);
    case WR_P_STRUCT:
        out->children = wr_new_array(heap, wr_column, type->field_count + 1);
        for (int f = 0; f < type->field_count; f++)
            if (!load_row(bytes, type->fields[f].type, heap, &out->children[f])) return false;
        return true;
    default:
        return wr_bytes_take(bytes, out->data, wr_phys_size(type->phys));
    }
}

void wr_box_save(const wr_box *box, const wr_type *type, wr_buf *out)
{
    wr_box_column storage;
    wr_buf_add(out, &box->is_set, 1);
    if (box->is_set) save_row(wr_box_as_column(box, type, &storage), 0, out);
}

weir_status wr_box_load(wr_aggregate_env *env, const wr_type *type, wr_str *bytes, wr_box *box)
{
    uint8_t is_set;
    wr_column row;
    *box = (wr_box){0};
    if (!wr_bytes_take(bytes, &is_set, 1))
        return wr_fail(WR_E_CORRUPT, "a saved aggregate state is too short");
    if (!is_set) return WR_OK;
    if (!load_row(bytes, type, env->heap, &row))
        return wr_fail(WR_E_CORRUPT, "a saved aggregate state is damaged");
    return wr_box_set(env, box, &row, 0);
}

weir_status wr_box_list_add(wr_aggregate_env *env, wr_box_list *list, wr_box **out)
{
    if (list->count == list->cap) {
        uint32_t cap = list->cap ? list->cap * 2 : 4;
        if (cap < list->cap)
            return wr_fail(WR_E_TOO_BIG, "an aggregate collects more than 2 billion values");
        void *items = list->items;
        WR_TRY(wr_agg_grow(env, &items, sizeof(wr_box) * list->cap, sizeof(wr_box) * cap));
        list->items = items;
        list->cap = cap;
    }
    *out = &list->items[list->count++];
    **out = (wr_box){0};
    return WR_OK;
}

weir_status wr_box_list_merge(wr_aggregate_env *env, const wr_type *type, wr_box_list *into,
                              const wr_box_list *from)
{
    /* Room at once: by doubling, each size it grew out of would stay in the arena. */
    uint64_t all = (uint64_t)into->count + from->count;
    if (all > into->cap && all > (uint64_t)into->cap * 2 && all <= UINT32_MAX) {
        void *items = into->items;
        WR_TRY(wr_agg_grow(env, &items, sizeof(wr_box) * into->cap, sizeof(wr_box) * all));
        into->items = items;
        into->cap = (uint32_t)all;
    }
    for (uint32_t i = 0; i < from->count; i++) {
        wr_box *box = NULL;
        WR_TRY(wr_box_list_add(env, into, &box));
        WR_TRY(wr_box_copy(env, type, box, &from->items[i]));
    }
    return WR_OK;
}

void wr_box_list_save(const wr_box_list *list, const wr_type *type, wr_buf *out)
{
    wr_buf_add(out, &list->count, sizeof list->count);
    for (uint32_t i = 0; i < list->count; i++)
        wr_box_save(&list->items[i], type, out);
}

weir_status wr_box_list_load(wr_aggregate_env *env, const wr_type *type, wr_str *bytes,
                             wr_box_list *list)
{
    uint32_t count;
    *list = (wr_box_list){0};
    if (!wr_bytes_take(bytes, &count, sizeof count))
        return wr_fail(WR_E_CORRUPT, "a saved aggregate state is too short");
    for (uint32_t i = 0; i < count; i++) {
        wr_box *box;
        WR_TRY(wr_box_list_add(env, list, &box));
        WR_TRY(wr_box_load(env, type, bytes, box));
    }
    return WR_OK;
}
