/* lower_place.c - where columns stand: ids of a logical plan as positions in physical nodes.
 *
 * What a node gives is described by the place of each id (wr_lowered). Expressions are copied with
 * ids replaced by positions, and a projection is added only where columns stand otherwise than they
 * are wanted. An id that nobody provides is a fault of the rules before, reported as such.
 *
 * Trap: parameters of lambdas are COLUMNs too; they keep their ids (from WR_LAMBDA_IDS on). */
#include "plan/lower.h"

wr_plan_node *wr_plan_node_new(wr_lowering *l, wr_phys_kind kind, const wr_logical *from,
                               wr_plan_node *left, wr_plan_node *right)
{
    wr_plan_node *node = wr_new(l->planner->arena, wr_plan_node);
    node->kind = kind;
    node->estimated_rows = from ? from->rows : -1;
    node->id = -1;
    node->input_count = (left != NULL) + (right != NULL);
    node->inputs = wr_new_array(l->planner->arena, wr_plan_node *, 2);
    node->inputs[0] = left;
    node->inputs[1] = right;
    return node;
}

void wr_plan_schema(wr_lowering *l, wr_plan_node *node, const wr_column_id *ids, int count)
{
    wr_planner *planner = l->planner;
    node->schema.count = count;
    node->schema.fields = wr_new_array(planner->arena, wr_field, count + 1);
    for (int i = 0; i < count; i++)
        node->schema.fields[i] =
            (wr_field){planner->column_names.items[ids[i]], planner->column_types.items[ids[i]]};
}

int wr_place_of(const wr_lowered *in, wr_column_id id)
{
    uint32_t guess = in->count ? id - in->places[0].id : 0; /* ids are mostly in order */
    if (guess < (uint32_t)in->count && in->places[guess].id == id)
        return in->places[guess].position;
    for (int i = 0; i < in->count; i++)
        if (in->places[i].id == id) return in->places[i].position;
    return -1;
}

wr_lowered wr_lowered_as(wr_lowering *l, wr_plan_node *plan, const wr_column_id *ids, int count)
{
    wr_lowered out = {.plan = plan, .count = count};
    out.places = wr_new_array(l->planner->arena, wr_place, count + 1);
    for (int i = 0; i < count; i++)
        out.places[i] = (wr_place){ids[i], i};
    return out;
}

/* ---- expressions ---- */
typedef struct relabel {
    wr_lowering *l;
    const wr_lowered *left, *right;
} relabel;

static weir_status relabel_node(wr_expr *e, void *arg, wr_expr **out)
{
    relabel *r = arg;
    wr_arena *arena = r->l->planner->arena;
    if (e->kind == WR_X_SUBQUERY)
        return wr_fail_at(WR_E_UNSUPPORTED, e->span, "a subquery cannot stand here");
    if (e->kind != WR_X_COLUMN || e->column >= WR_LAMBDA_IDS) return WR_OK;
    wr_expr *copy = wr_new(arena, wr_expr);
    *copy = *e;
    *out = copy;
    int at = r->left ? wr_place_of(r->left, e->column) : -1;
    if (at < 0 && r->right) {
        at = wr_place_of(r->right, e->column);
        if (at >= 0) at += r->left->plan->schema.count;
    }
    if (at < 0) {
        wr_planner *planner = r->l->planner;
        return wr_fail_at(WR_E_INTERNAL, e->span, "column %.*s#%u is not provided where it is used",
                          WR_STR_ARGS(planner->column_names.items[e->column]), e->column);
    }
    copy->column = (uint32_t)at;
    return WR_OK;
}

weir_status wr_lower_expr(wr_lowering *l, wr_expr *e, const wr_lowered *in, const wr_lowered *right,
                          wr_expr **out)
{
    relabel r = {.l = l, .left = in, .right = right};
    *out = NULL;
    return e ? wr_expr_map(l->planner->arena, e, relabel_node, &r, out) : WR_OK;
}

weir_status wr_lower_exprs(wr_lowering *l, wr_expr **exprs, int count, const wr_lowered *in,
                           wr_expr ***out)
{
    *out = wr_new_array(l->planner->arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++)
        WR_TRY(wr_lower_expr(l, exprs[i], in, NULL, &(*out)[i]));
    return WR_OK;
}

weir_status wr_lower_keys(wr_lowering *l, const wr_sort_key *keys, int count, const wr_lowered *in,
                          wr_sort_key **out)
{
    *out = wr_new_array(l->planner->arena, wr_sort_key, count + 1);
    for (int i = 0; i < count; i++) {
        (*out)[i] = keys[i];
        WR_TRY(wr_lower_expr(l, keys[i].expr, in, NULL, &(*out)[i].expr));
    }
    return WR_OK;
}

weir_status wr_lower_call(wr_lowering *l, wr_aggregate_call *call, const wr_lowered *in)
{
    WR_TRY(wr_lower_exprs(l, call->args, call->arg_count, in, &call->args));
    WR_TRY(wr_lower_expr(l, call->filter, in, NULL, &call->filter));
    return wr_lower_keys(l, call->order, call->order_count, in, &call->order);
}

/* ---- what is needed ---- */
typedef struct needing {
    wr_arena *arena;
    wr_column_set *set;
} needing;

static void need_slot(wr_expr **slot, void *arg)
{
    needing *n = arg;
    wr_expr_columns(n->arena, *slot, n->set);
}

wr_column_set wr_lower_needs(wr_lowering *l, wr_logical *node, const wr_column_set *needed)
{
    wr_column_set set = {0};
    needing n = {l->planner->arena, &set};
    if (needed) wr_column_set_add_all(n.arena, &set, needed);
    wr_logical_each_expr(node, need_slot, &n);
    return set;
}

static wr_expr *at_position(wr_lowering *l, wr_column_id id, int position)
{
    return wr_expr_column(l->planner->arena, (uint32_t)position,
                          l->planner->column_types.items[id]);
}

weir_status wr_lower_arrange(wr_lowering *l, const wr_lowered *in, const wr_column_id *ids,
                             int count, wr_lowered *out)
{
    bool same = in->plan->schema.count == count;
    for (int i = 0; i < count; i++) {
        int at = wr_place_of(in, ids[i]);
        if (at < 0)
            return wr_fail(WR_E_INTERNAL, "column %.*s#%u is not provided where it is used",
                           WR_STR_ARGS(l->planner->column_names.items[ids[i]]), ids[i]);
        same = same && at == i;
    }
    if (same) {
        *out = wr_lowered_as(l, in->plan, ids, count);
        return WR_OK;
    }
    wr_plan_node *node = wr_plan_node_new(l, WR_PN_PROJECT, NULL, in->plan, NULL);
    node->estimated_rows = in->plan->estimated_rows;
    node->project.exprs = wr_new_array(l->planner->arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++)
        node->project.exprs[i] = at_position(l, ids[i], wr_place_of(in, ids[i]));
    wr_plan_schema(l, node, ids, count);
    *out = wr_lowered_as(l, node, ids, count);
    return WR_OK;
}

weir_status wr_lower_trim(wr_lowering *l, const wr_column_set *needed, wr_lowered *in)
{
    WR_LIST(wr_column_id) keep = {0};
    for (int i = 0; i < in->count; i++)
        if (wr_column_set_has(needed, in->places[i].id))
            wr_push(l->planner->arena, &keep, in->places[i].id);
    if (keep.count >= in->plan->schema.count) return WR_OK;
    return wr_lower_arrange(l, in, keep.items, keep.count, in);
}
