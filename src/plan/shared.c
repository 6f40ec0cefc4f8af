/* shared.c - see shared.h. */
#include "plan/shared.h"

bool wr_shared_take(wr_shared_definitions *known, wr_logical *node)
{
    int id = node->shared.id;
    if (id >= known->count || !known->by_id[id]) return false;
    node->inputs[0] = known->by_id[id];
    return true;
}

void wr_shared_note(wr_arena *arena, wr_shared_definitions *known, const wr_logical *node)
{
    int id = node->shared.id;
    if (id >= known->count) {
        int count = WR_MAX(id + 1, known->count * 2);
        size_t size = sizeof *known->by_id;
        known->by_id =
            wr_arena_grow(arena, known->by_id, size * (size_t)known->count, size * (size_t)count);
        memset(known->by_id + known->count, 0, size * (size_t)(count - known->count));
        known->count = count;
    }
    known->by_id[id] = node->inputs[0];
}

wr_logical *wr_shared_reference(wr_planner *planner, wr_logical *definition, int shared_id,
                                bool same_ids)
{
    wr_logical *node = wr_logical_new(planner, WR_L_SHARED, definition, NULL);
    int count = definition->output_count;
    node->shared.id = shared_id;
    node->shared.inner = wr_new_array(planner->arena, wr_column_id, count + 1);
    node->outputs = wr_new_array(planner->arena, wr_output, count + 1);
    node->output_count = count;
    for (int i = 0; i < count; i++) {
        node->outputs[i] = definition->outputs[i];
        node->shared.inner[i] = definition->outputs[i].id;
        if (!same_ids)
            node->outputs[i].id = wr_planner_column(planner, definition->outputs[i].name,
                                                    definition->outputs[i].type);
    }
    return node;
}
