/* drop_sorts.c - leaves out sorting whose order nobody sees.
 *
 * Rows lose their order in groupings, in the build side of joins and in another sort. Aggregates
 * that depend on the order of their input (array_agg, string_agg, first) see it, and so do LIMIT,
 * samples and windows: below them sorts stay. A sort with a limit chooses rows and always stays. */
#include "expr/fn.h"
#include "plan/shared.h"

typedef struct dropping {
    wr_planner *planner;
    wr_shared_definitions shared;
} dropping;

static bool sees_order(const wr_logical *node)
{
    for (int i = 0; i < node->aggregate.call_count; i++)
        if (node->aggregate.calls[i].fn->flags & (WR_AGG_ORDERED | WR_AGG_POSITIONED)) return true;
    return false;
}

/* Does the order of an input show in the output of the node, or in what it does? */
static bool needs_order(const wr_logical *node, int input, bool seen)
{
    switch (node->kind) {
    case WR_L_AGGREGATE:
        return sees_order(node);
    case WR_L_SORT:
        return node->sort.limit || node->sort.offset;
    case WR_L_JOIN:
        return input == 0 && seen;
    case WR_L_SET:
        return seen && node->set.op == WR_SET_UNION;
    case WR_L_FILTER:
    case WR_L_PROJECT:
        return seen;
    default:
        return true;
    }
}

static wr_logical *visit(dropping *d, wr_logical *node, bool seen)
{
    while (!seen && node->kind == WR_L_SORT && !node->sort.limit && !node->sort.offset)
        node = node->inputs[0];
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&d->shared, node)) return node;
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = visit(d, node->inputs[i], needs_order(node, i, seen));
    if (is_shared) wr_shared_note(d->planner->arena, &d->shared, node);
    if (node->input_count) wr_logical_set_outputs(d->planner, node);
    return node;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    dropping d = {.planner = planner};
    *root = visit(&d, *root, true);
    return WR_OK;
}

const wr_rule wr_rule_drop_sorts = {
    .name = "drop_sorts",
    .order = 25,
    .help = "leaves out sorting whose order nobody sees",
    .apply = apply,
};
