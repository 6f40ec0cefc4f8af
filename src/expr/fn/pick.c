/* pick.c - gathers single values into a new column, level by level.
 *
 * Constants, dictionaries and narrow widths are resolved per value (wr_column_at); fixed-width
 * values are then copied by width. A list level computes all slots first and recurses once with the
 * picks of all elements, so the depth of the recursion is that of the type, never of the data. */
#include "expr/fn/pick.h"

static void put_fixed(wr_column *out, uint32_t i, const wr_column *from, uint32_t row)
{
    size_t size = wr_phys_size((wr_phys)out->phys);
    if (from->phys == out->phys && from->base == 0) {
        memcpy((char *)out->data + i * size, (const char *)from->data + row * size, size);
        return;
    }
    wr_i128 value = wr_column_i128(from, row);
    switch ((wr_phys)out->phys) {
    case WR_P_I8:
    case WR_P_U8:
        ((int8_t *)out->data)[i] = (int8_t)value;
        break;
    case WR_P_I16:
    case WR_P_U16:
        ((int16_t *)out->data)[i] = (int16_t)value;
        break;
    case WR_P_I32:
    case WR_P_U32:
        ((int32_t *)out->data)[i] = (int32_t)value;
        break;
    case WR_P_I128:
        ((wr_i128 *)out->data)[i] = value;
        break;
    default:
        ((int64_t *)out->data)[i] = (int64_t)value;
        break;
    }
}

static void pick_lists(const wr_pick *at, uint32_t count, wr_arena *arena, wr_column *out)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        if (at[i].column) total += wr_list_length(at[i].column, at[i].row);
    wr_assert(total <= UINT32_MAX);
    wr_pick *elements = wr_new_array(arena, wr_pick, total + 1);
    wr_list_slot *slots = out->data;
    uint32_t next = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t length = at[i].column ? wr_list_length(at[i].column, at[i].row) : 0;
        slots[i] = (wr_list_slot){next, length};
        for (uint32_t k = 0; k < length; k++)
            elements[next++] = wr_pick_element(at[i].column, at[i].row, k);
    }
    out->children = wr_new(arena, wr_column);
    wr_column_pick(elements, next, out->type->child, arena, out->children);
}

static void pick_arrays(const wr_pick *at, uint32_t count, wr_arena *arena, wr_column *out)
{
    uint32_t length = out->type->array_length;
    wr_pick *elements = wr_new_array(arena, wr_pick, (uint64_t)count * length + 1);
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = 0; k < length; k++)
            if (at[i].column)
                elements[i * length + k] = wr_pick_element(at[i].column, at[i].row, k);
    out->children = wr_new(arena, wr_column);
    wr_column_pick(elements, count * length, out->type->child, arena, out->children);
}

static void pick_structs(const wr_pick *at, uint32_t count, wr_arena *arena, wr_column *out)
{
    int fields = out->type->field_count;
    out->children = wr_new_array(arena, wr_column, fields + 1);
    wr_pick *below = wr_new_array(arena, wr_pick, count + 1);
    for (int f = 0; f < fields; f++) {
        for (uint32_t i = 0; i < count; i++)
            below[i] =
                at[i].column ? (wr_pick){&at[i].column->children[f], at[i].row} : (wr_pick){0};
        wr_column_pick(below, count, out->type->fields[f].type, arena, &out->children[f]);
    }
}

void wr_column_pick(const wr_pick *picks, uint32_t count, const wr_type *type, wr_arena *arena,
                    wr_column *out)
{
    wr_column_init(out, arena, type, type->phys, WR_MAX(count, 1));
    out->rows = count;
    wr_pick *at = wr_new_array(arena, wr_pick, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        if (!picks[i].column || wr_column_is_null(picks[i].column, picks[i].row)) {
            wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
            continue;
        }
        at[i].column = wr_column_at(picks[i].column, picks[i].row, &at[i].row);
    }
    switch (type->phys) {
    case WR_P_LIST:
        pick_lists(at, count, arena, out);
        return;
    case WR_P_ARRAY:
        pick_arrays(at, count, arena, out);
        return;
    case WR_P_STRUCT:
        pick_structs(at, count, arena, out);
        return;
    default:
        break;
    }
    size_t size = wr_phys_size(type->phys);
    for (uint32_t i = 0; i < count; i++) {
        if (at[i].column)
            put_fixed(out, i, at[i].column, at[i].row);
        else
            memset((char *)out->data + i * size, 0, size);
    }
}
