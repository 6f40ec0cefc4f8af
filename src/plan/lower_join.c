/* lower_join.c - joins: which conditions become hash keys, which stay as residual, which columns
 * come out.
 *
 * A condition left = right (or IS NOT DISTINCT FROM) with each side over one input is a key;
 * anything else is checked for every candidate pair. A MARK join's first key has SQL's three
 * values; for EXISTS there is none, so a key TRUE = TRUE stands in its place. */
#include "plan/lower.h"

typedef struct split {
    wr_lowering *l;
    wr_column_set left, right; /* provided */
    const wr_lowered *in_left, *in_right;
    WR_LIST(wr_join_key) keys;
    WR_LIST(wr_expr *) residual;
} split;

/* True if e uses columns of one side only, and at least one. */
static bool is_of(wr_arena *arena, const wr_expr *e, const wr_column_set *side)
{
    wr_column_set used = {0};
    wr_expr_columns(arena, e, &used);
    return !wr_column_set_empty(&used) && wr_column_set_within(&used, side);
}

static weir_status add_condition(split *s, wr_expr *e)
{
    wr_arena *arena = s->l->planner->arena;
    if (e->kind == WR_X_COMPARE && (e->op == WR_EQ || e->op == WR_NOT_DISTINCT) &&
        !wr_expr_is_volatile(e)) {
        bool straight = is_of(arena, e->args[0], &s->left) && is_of(arena, e->args[1], &s->right);
        bool crossed =
            !straight && is_of(arena, e->args[0], &s->right) && is_of(arena, e->args[1], &s->left);
        if (straight || crossed) {
            wr_join_key key = {.null_equal = e->op == WR_NOT_DISTINCT};
            WR_TRY(wr_lower_expr(s->l, e->args[crossed], s->in_left, NULL, &key.left));
            WR_TRY(wr_lower_expr(s->l, e->args[!crossed], s->in_right, NULL, &key.right));
            wr_push(arena, &s->keys, key);
            return WR_OK;
        }
    }
    wr_expr *residual;
    WR_TRY(wr_lower_expr(s->l, e, s->in_left, s->in_right, &residual));
    wr_push(arena, &s->residual, residual);
    return WR_OK;
}

static void need_exprs(wr_arena *arena, wr_expr **exprs, int count, wr_column_set *set)
{
    for (int i = 0; i < count; i++)
        if (exprs[i]) wr_expr_columns(arena, exprs[i], set);
}

static weir_status lower_sides(wr_lowering *l, wr_logical *node, const wr_column_set *needs,
                               wr_lowered *left, wr_lowered *right, split *s)
{
    wr_arena *arena = l->planner->arena;
    WR_TRY(wr_lower_node(l, node->inputs[0], needs, left));
    WR_TRY(wr_lower_node(l, node->inputs[1], needs, right));
    *s = (split){.l = l, .in_left = left, .in_right = right};
    wr_logical_provided(arena, node->inputs[0], &s->left);
    wr_logical_provided(arena, node->inputs[1], &s->right);
    return WR_OK;
}

static void choose_output(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                          const wr_lowered *left, const wr_lowered *right, wr_plan_node *plan,
                          wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    wr_join_kind kind = node->join.kind;
    bool left_only = kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI || kind == WR_JOIN_MARK;
    int left_width = left->plan->schema.count, right_width = right->plan->schema.count;
    WR_LIST(wr_column_id) ids = {0};
    WR_LIST(int) output = {0};
    for (int i = 0; i < left->count; i++)
        if (wr_column_set_has(needed, left->places[i].id)) {
            wr_push(arena, &ids, left->places[i].id);
            wr_push(arena, &output, left->places[i].position);
        }
    for (int i = 0; i < right->count && !left_only; i++)
        if (wr_column_set_has(needed, right->places[i].id)) {
            wr_push(arena, &ids, right->places[i].id);
            wr_push(arena, &output, left_width + right->places[i].position);
        }
    if (kind == WR_JOIN_MARK && wr_column_set_has(needed, node->join.mark)) {
        wr_push(arena, &ids, node->join.mark);
        wr_push(arena, &output, left_width + right_width);
    }
    plan->join.output = output.items;
    wr_plan_schema(l, plan, ids.items, ids.count);
    *out = (wr_lowered){
        .plan = plan, .count = ids.count, .places = wr_new_array(arena, wr_place, ids.count + 1)};
    for (int i = 0; i < ids.count; i++)
        out->places[i] = (wr_place){ids.items[i], i};
}

weir_status wr_lower_join(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                          wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    if (node->join.is_lateral) {
        wr_column_set free = {0}, left = {0};
        wr_logical_free_columns(arena, node->inputs[1], &free);
        wr_logical_provided(arena, node->inputs[0], &left);
        if (wr_column_set_meets(&free, &left))
            return wr_fail_at(WR_E_UNSUPPORTED, node->span,
                              "this form of lateral join is not supported");
    }
    wr_column_set needs = {0};
    wr_column_set_add_all(arena, &needs, needed);
    need_exprs(arena, node->join.conditions, node->join.condition_count, &needs);
    need_exprs(arena, &node->join.mark_left, 1, &needs);
    need_exprs(arena, &node->join.mark_right, 1, &needs);
    wr_lowered left, right;
    split s;
    WR_TRY(lower_sides(l, node, &needs, &left, &right, &s));
    if (node->join.kind == WR_JOIN_MARK) {
        wr_join_key first = {wr_expr_bool(arena, true), wr_expr_bool(arena, true), false};
        if (node->join.mark_left) {
            WR_TRY(wr_lower_expr(l, node->join.mark_left, &left, NULL, &first.left));
            WR_TRY(wr_lower_expr(l, node->join.mark_right, &right, NULL, &first.right));
        }
        wr_push(arena, &s.keys, first);
    }
    for (int i = 0; i < node->join.condition_count; i++)
        WR_TRY(add_condition(&s, node->join.conditions[i]));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_JOIN, node, left.plan, right.plan);
    plan->join.kind = node->join.kind;
    plan->join.keys = s.keys.items;
    plan->join.key_count = s.keys.count;
    plan->join.residual =
        s.residual.count ? wr_expr_and(arena, s.residual.items, s.residual.count) : NULL;
    plan->join.build_left = node->join.build_left;
    plan->join.publish = wr_new_array(arena, wr_runtime_filter *, s.keys.count + 1);
    for (int i = 0; i < node->join.publish_count && i < s.keys.count; i++)
        plan->join.publish[i] = node->join.publish[i];
    choose_output(l, node, needed, &left, &right, plan, out);
    return WR_OK;
}

weir_status wr_lower_asof(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                          wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    wr_column_set needs = {0};
    wr_column_set_add_all(arena, &needs, needed);
    need_exprs(arena, node->asof.conditions, node->asof.condition_count, &needs);
    need_exprs(arena, &node->asof.inequality, 1, &needs);
    wr_lowered left, right;
    split s;
    WR_TRY(lower_sides(l, node, &needs, &left, &right, &s));
    for (int i = 0; i < node->asof.condition_count; i++)
        WR_TRY(add_condition(&s, node->asof.conditions[i]));
    if (s.residual.count)
        return wr_fail_at(WR_E_UNSUPPORTED, node->span,
                          "an ASOF join takes equalities between the two sides");
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_ASOF_JOIN, node, left.plan, right.plan);
    const wr_expr *near = node->asof.inequality;
    plan->asof.keys = s.keys.items;
    plan->asof.key_count = s.keys.count;
    plan->asof.op = (wr_compare_op)near->op;
    plan->asof.is_left = node->asof.is_left;
    WR_TRY(wr_lower_expr(l, near->args[0], &left, NULL, &plan->asof.left));
    WR_TRY(wr_lower_expr(l, near->args[1], &right, NULL, &plan->asof.right));
    int left_width = left.plan->schema.count, width = left_width + right.plan->schema.count;
    plan->schema.count = width;
    plan->schema.fields = wr_new_array(arena, wr_field, width + 1);
    for (int i = 0; i < width; i++)
        plan->schema.fields[i] = i < left_width ? left.plan->schema.fields[i]
                                                : right.plan->schema.fields[i - left_width];
    *out = (wr_lowered){.plan = plan,
                        .count = left.count + right.count,
                        .places = wr_new_array(arena, wr_place, left.count + right.count + 1)};
    for (int i = 0; i < left.count; i++)
        out->places[i] = left.places[i];
    for (int i = 0; i < right.count; i++)
        out->places[left.count + i] =
            (wr_place){right.places[i].id, left_width + right.places[i].position};
    return WR_OK;
}
