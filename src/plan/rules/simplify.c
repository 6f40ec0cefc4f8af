/* simplify.c - simplifies every expression, and ends branches of the plan that cannot have rows.
 *
 * Conditions that are always TRUE go; a filter or an inner join that is never TRUE becomes EMPTY,
 * which then swallows the nodes above it that give no rows without input. */
#include "plan/simplify.h"
#include "plan/shared.h"

typedef struct simplifying {
    wr_planner *planner;
    wr_shared_definitions shared;
} simplifying;

static void visit(simplifying *s, wr_logical **slot);

static bool into_subquery(const wr_expr *e, void *arg)
{
    if (e->kind == WR_X_SUBQUERY) {
        simplifying *s = arg;
        wr_subquery *sub = e->subquery;
        visit(s, &sub->plan);
        for (int i = 0; i < sub->left_count; i++)
            sub->left[i] = wr_simplify(s->planner, sub->left[i]);
    }
    return true;
}

static void simplify_slot(wr_expr **slot, void *arg)
{
    simplifying *s = arg;
    wr_expr_walk(*slot, into_subquery, s);
    *slot = wr_simplify(s->planner, *slot);
}

/* Drops conjuncts that are always TRUE; returns whether one never is. */
static bool reduce(wr_expr **conjuncts, int *count)
{
    int kept = 0;
    bool never = false;
    for (int i = 0; i < *count; i++) {
        never |= wr_is_never_true(conjuncts[i]);
        if (!wr_is_always_true(conjuncts[i])) conjuncts[kept++] = conjuncts[i];
    }
    *count = kept;
    return never;
}

static bool is_empty(const wr_logical *node, int input)
{
    return node->inputs[input]->kind == WR_L_EMPTY;
}

static bool is_zero(const wr_expr *e)
{
    return e && e->kind == WR_X_CONST && !e->value.is_null && wr_type_is_integer(e->type) &&
           wr_value_as_i128(&e->value) == 0;
}

static bool join_has_no_rows(wr_logical *node)
{
    bool never = reduce(node->join.conditions, &node->join.condition_count);
    switch (node->join.kind) {
    case WR_JOIN_INNER:
    case WR_JOIN_SEMI:
        return never || is_empty(node, 0) || is_empty(node, 1);
    case WR_JOIN_LEFT:
    case WR_JOIN_SINGLE:
    case WR_JOIN_ANTI:
    case WR_JOIN_MARK:
        return is_empty(node, 0);
    case WR_JOIN_RIGHT:
        return is_empty(node, 1);
    case WR_JOIN_FULL:
        return is_empty(node, 0) && is_empty(node, 1);
    }
    return false;
}

static bool has_no_rows(wr_logical *node)
{
    switch (node->kind) {
    case WR_L_FILTER:
        return reduce(node->filter.conjuncts, &node->filter.count) || is_empty(node, 0);
    case WR_L_JOIN:
        return join_has_no_rows(node);
    case WR_L_LIMIT:
        return is_empty(node, 0) || (is_zero(node->limit.count) && !node->limit.is_percent);
    case WR_L_SORT:
        return is_empty(node, 0) || is_zero(node->sort.limit);
    case WR_L_AGGREGATE:
        return is_empty(node, 0) && node->aggregate.key_count > 0 && !node->aggregate.sets;
    case WR_L_PROJECT:
    case WR_L_WINDOW:
    case WR_L_DISTINCT_ON:
    case WR_L_UNNEST:
    case WR_L_ORDINAL:
    case WR_L_SAMPLE:
    case WR_L_WATERMARK:
    case WR_L_TIME_WINDOW:
        return is_empty(node, 0);
    default:
        return false;
    }
}

static void visit(simplifying *s, wr_logical **slot)
{
    wr_logical *node = *slot;
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&s->shared, node)) return;
    for (int i = 0; i < node->input_count; i++)
        visit(s, &node->inputs[i]);
    if (is_shared) wr_shared_note(s->planner->arena, &s->shared, node);
    wr_logical_each_expr(node, simplify_slot, s);
    if (!has_no_rows(node)) {
        if (node->kind == WR_L_FILTER && node->filter.count == 0) *slot = node->inputs[0];
        return;
    }
    wr_logical *empty = wr_logical_new(s->planner, WR_L_EMPTY, NULL, NULL);
    empty->outputs = node->outputs;
    empty->output_count = node->output_count;
    *slot = empty;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    simplifying s = {.planner = planner};
    visit(&s, root);
    return WR_OK;
}

const wr_rule wr_rule_simplify = {
    .name = "simplify",
    .order = 10,
    .help = "folds constants, simplifies conditions, ends branches without rows",
    .apply = apply,
};
