/* nested.c - turns levels into offsets and validity.
 *
 * Each node looks at the levels of the first leaf below it. A level entry opens a slot of the node
 * when its repetition is at most the node's (it does not continue something deeper) and its
 * definition reaches the node's parent. For a list, an entry that repeats exactly at the list adds
 * an element. All leaves below a node must agree on the number of slots; that is checked where
 * columns are put side by side, so hostile levels cannot make rows of unequal length.
 *
 *   rows [[1,2],[],NULL]   def 3 3 1 0   rep 0 1 0 0   ->  slots (0,2) (2,0) NULL, child rows 2 */
#include "fmt/parquet/nested.h"

void wr_pq_shape_init(wr_pq_shape *shape, const wr_pq_node *node, wr_arena *arena)
{
    *shape = (wr_pq_shape){.node = node};
    if (node->child_count == 0) return;
    shape->children = wr_new_array(arena, wr_pq_shape, node->child_count);
    shape->child_columns = wr_new_array(arena, wr_column, node->child_count);
    for (int i = 0; i < node->child_count; i++)
        wr_pq_shape_init(&shape->children[i], &node->children[i], arena);
}

void wr_pq_shape_clear(wr_pq_shape *shape, wr_mem *mem)
{
    wr_pq_bytes_clear(mem, &shape->data);
    wr_pq_bytes_clear(mem, &shape->valid);
    wr_buf_clear(&shape->text);
    for (int i = 0; i < shape->node->child_count; i++)
        wr_pq_shape_clear(&shape->children[i], mem);
}

typedef struct levels {
    const uint8_t *defs, *reps;
    size_t count;
} levels;

static levels levels_of(const wr_pq_reader *r)
{
    return (levels){r->level_defs.data, r->level_reps.data, r->level_count};
}

static size_t count_slots(const wr_pq_node *node, levels l)
{
    size_t slots = 0;
    for (size_t i = 0; i < l.count; i++)
        slots += l.reps[i] <= node->slot_rep && l.defs[i] >= node->slot_def;
    return slots;
}

/* One bit per slot; returns the number of slots that are NULL. */
static size_t mark_valid(const wr_pq_node *node, levels l, uint64_t *valid)
{
    size_t slot = 0, nulls = 0;
    for (size_t i = 0; i < l.count; i++) {
        if (l.reps[i] > node->slot_rep || l.defs[i] < node->slot_def) continue;
        bool present = l.defs[i] >= node->valid_def;
        uint64_t bit = UINT64_C(1) << (slot & 63);
        if (present)
            valid[slot >> 6] |= bit;
        else
            valid[slot >> 6] &= ~bit;
        nulls += !present;
        slot++;
    }
    return nulls;
}

static weir_status need_valid(wr_pq_shape *shape, wr_mem *mem, size_t slots)
{
    return wr_pq_bytes_need(mem, &shape->valid, (slots + 63) / 64 * 8 + 8);
}

static weir_status assemble(wr_pq_shape *shape, wr_pq_reader *readers, const wr_column *values,
                            int first_leaf, size_t slots, wr_column *out);

static weir_status assemble_leaf(wr_pq_shape *shape, wr_pq_reader *r, const wr_column *values,
                                 size_t slots, wr_column *out)
{
    levels l = levels_of(r);
    WR_TRY(need_valid(shape, r->pool->mem, slots));
    size_t nulls = mark_valid(shape->node, l, shape->valid.data);
    size_t present = slots - nulls;
    if (present != values->rows)
        return wr_fail(WR_E_CORRUPT, "nested levels and values do not fit together");
    *out = *values;
    out->rows = (uint32_t)slots;
    if (nulls == 0) return WR_OK;
    WR_TRY(wr_pq_need_rows(r, slots));
    out->data = r->data.data;
    wr_pq_spread(out->data, wr_phys_size(out->phys), shape->valid.data, 0, slots, present);
    out->valid = shape->valid.data;
    return WR_OK;
}

static weir_status list_slots(const wr_pq_node *node, levels l, wr_list_slot *slots,
                              size_t *child_slots)
{
    size_t at = 0, child = 0;
    for (size_t i = 0; i < l.count; i++) {
        if (l.reps[i] <= node->slot_rep) {
            if (l.defs[i] < node->slot_def) continue;
            slots[at++] = (wr_list_slot){(uint32_t)child, l.defs[i] >= node->child_def};
            child += l.defs[i] >= node->child_def;
        } else if (l.reps[i] == node->slot_rep + 1) {
            if (at == 0 || slots[at - 1].length == 0 || l.defs[i] < node->child_def)
                return wr_fail(WR_E_CORRUPT, "nested levels continue a list that has not begun");
            slots[at - 1].length++;
            child++;
        }
    }
    *child_slots = child;
    return WR_OK;
}

static weir_status assemble_list(wr_pq_shape *shape, wr_pq_reader *readers, const wr_column *values,
                                 int first_leaf, size_t slots, wr_column *out)
{
    const wr_pq_node *node = shape->node;
    wr_pq_reader *r = &readers[node->first_leaf - first_leaf];
    levels l = levels_of(r);
    WR_TRY(need_valid(shape, r->pool->mem, slots));
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &shape->data, (slots + 1) * sizeof(wr_list_slot)));
    size_t nulls = mark_valid(node, l, shape->valid.data), child_slots = 0;
    WR_TRY(list_slots(node, l, shape->data.data, &child_slots));
    *out = (wr_column){.type = node->type,
                       .form = WR_FLAT,
                       .phys = WR_P_LIST,
                       .rows = (uint32_t)slots,
                       .data = shape->data.data,
                       .valid = nulls ? shape->valid.data : NULL,
                       .children = shape->child_columns};
    return assemble(shape->children, readers, values, first_leaf, child_slots,
                    shape->child_columns);
}

static weir_status assemble_struct(wr_pq_shape *shape, wr_pq_reader *readers,
                                   const wr_column *values, int first_leaf, size_t slots,
                                   wr_column *out)
{
    const wr_pq_node *node = shape->node;
    wr_pq_reader *r = &readers[node->first_leaf - first_leaf];
    WR_TRY(need_valid(shape, r->pool->mem, slots));
    size_t nulls = mark_valid(node, levels_of(r), shape->valid.data);
    for (int i = 0; i < node->child_count; i++)
        WR_TRY(assemble(&shape->children[i], readers, values, first_leaf, slots,
                        &shape->child_columns[i]));
    *out = (wr_column){.type = node->type,
                       .form = WR_FLAT,
                       .phys = WR_P_STRUCT,
                       .rows = (uint32_t)slots,
                       .valid = nulls ? shape->valid.data : NULL,
                       .children = shape->child_columns};
    if (node->kind != WR_PQ_VARIANT) return WR_OK;
    shape->column = *out;
    return wr_pq_variant_text(shape, &shape->column, r->pool->mem, out);
}

static weir_status assemble(wr_pq_shape *shape, wr_pq_reader *readers, const wr_column *values,
                            int first_leaf, size_t slots, wr_column *out)
{
    const wr_pq_node *node = shape->node;
    int leaf = node->first_leaf - first_leaf;
    if (count_slots(node, levels_of(&readers[leaf])) != slots || slots > UINT32_MAX / 2)
        return wr_fail(WR_E_CORRUPT, "the levels of nested columns contradict each other");
    switch (node->kind) {
    case WR_PQ_LEAF:
        return assemble_leaf(shape, &readers[leaf], &values[leaf], slots, out);
    case WR_PQ_LIST:
        return assemble_list(shape, readers, values, first_leaf, slots, out);
    case WR_PQ_STRUCT:
    case WR_PQ_VARIANT:
        return assemble_struct(shape, readers, values, first_leaf, slots, out);
    }
    return wr_fail(WR_E_INTERNAL, "a column of no kind");
}

weir_status wr_pq_assemble(wr_pq_shape *shape, wr_pq_reader *readers, const wr_column *values,
                           uint32_t rows, wr_column *out)
{
    return assemble(shape, readers, values, shape->node->first_leaf, rows, out);
}
