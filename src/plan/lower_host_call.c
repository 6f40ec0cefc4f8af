/* lower_host_call.c - calls of functions of the host program: those whose results somebody reads,
 * and beside them the columns somebody reads. */
#include "plan/lower.h"

weir_status wr_lower_host_call(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                               wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    wr_column_set needs = {0};
    WR_LIST(wr_binding) kept = {0};
    wr_column_set_add_all(arena, &needs, needed);
    for (int i = 0; i < node->call.count; i++) {
        const wr_binding *binding = &node->call.bindings[i];
        if (!wr_column_set_has(needed, binding->id)) continue;
        wr_push(arena, &kept, *binding);
        wr_expr_columns(arena, binding->expr, &needs);
    }
    wr_lowered in;
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, &in));
    if (!kept.count) {
        *out = in;
        return WR_OK;
    }
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_CALL, node, in.plan, NULL);
    WR_LIST(wr_column_id) ids = {0};
    WR_LIST(int) carried = {0};
    for (int i = 0; i < in.count; i++) {
        if (!wr_column_set_has(needed, in.places[i].id)) continue;
        wr_push(arena, &ids, in.places[i].id);
        wr_push(arena, &carried, in.places[i].position);
    }
    plan->call.carried = carried.items;
    plan->call.carried_count = carried.count;
    plan->call.count = kept.count;
    plan->call.exprs = wr_new_array(arena, wr_expr *, kept.count);
    for (int i = 0; i < kept.count; i++) {
        WR_TRY(wr_lower_expr(l, kept.items[i].expr, &in, NULL, &plan->call.exprs[i]));
        wr_push(arena, &ids, kept.items[i].id);
    }
    wr_plan_schema(l, plan, ids.items, ids.count);
    *out = wr_lowered_as(l, plan, ids.items, ids.count);
    return WR_OK;
}
