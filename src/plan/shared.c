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
