/* growing.c - flat columns that grow value by value. See growing.h.
 *
 * How many values every level of nesting will have is known only when all was read, so each level
 * has a room of its own that doubles. A missing STRUCT or ARRAY has missing children, as the flat
 * form demands; a missing LIST is an empty slot. */
#include "col/growing.h"

static int child_count(const wr_type *type)
{
    return type->phys == WR_P_STRUCT ? type->field_count : wr_type_is_nested(type) ? 1 : 0;
}

void wr_growing_init(wr_growing *g, wr_column *column, const wr_type *type, wr_arena *arena)
{
    *column = (wr_column){.type = type, .form = WR_FLAT, .phys = (uint8_t)type->phys};
    *g = (wr_growing){.column = column};
    int count = child_count(type);
    if (count == 0) return;
    g->children = wr_new_array(arena, wr_growing, count);
    column->children = wr_new_array(arena, wr_column, count);
    for (int i = 0; i < count; i++) {
        const wr_type *t = type->phys == WR_P_STRUCT ? type->fields[i].type : type->child;
        wr_growing_init(&g->children[i], &column->children[i], t, arena);
    }
}

void wr_growing_need(wr_growing *g, uint32_t rows, wr_arena *arena)
{
    if (rows <= g->cap) return;
    uint32_t twice = g->cap > UINT32_MAX / 2 ? UINT32_MAX : g->cap * 2;
    uint32_t cap = WR_MAX(WR_MAX(twice, rows), 64u);
    size_t size = wr_phys_size((wr_phys)g->column->type->phys);
    if (size)
        g->column->data = wr_arena_grow(arena, g->column->data, g->cap * size, cap * size + 64);
    size_t old_words = ((size_t)g->cap + 63) / 64 * 8, words = ((size_t)cap + 63) / 64 * 8;
    g->column->valid = wr_arena_grow(arena, g->column->valid, old_words, words);
    g->cap = cap;
}

uint32_t wr_growing_add(wr_growing *g, wr_arena *arena)
{
    wr_growing_need(g, g->column->rows + 1, arena);
    uint32_t row = g->column->rows++;
    wr_bit_set(g->column->valid, row);
    return row;
}

void wr_growing_add_null(wr_growing *g, wr_arena *arena)
{
    wr_growing_need(g, g->column->rows + 1, arena);
    uint32_t row = g->column->rows++;
    const wr_type *t = g->column->type;
    wr_bit_clear(g->column->valid, row);
    size_t size = wr_phys_size((wr_phys)t->phys);
    if (size) memset((char *)g->column->data + row * size, 0, size);
    if (t->phys == WR_P_STRUCT)
        for (int f = 0; f < t->field_count; f++)
            wr_growing_add_null(&g->children[f], arena);
    if (t->phys == WR_P_ARRAY)
        for (uint32_t k = 0; k < t->array_length; k++)
            wr_growing_add_null(&g->children[0], arena);
}

void wr_growing_restart(wr_growing *g)
{
    g->column->rows = 0;
    for (int i = 0; i < child_count(g->column->type); i++)
        wr_growing_restart(&g->children[i]);
}
