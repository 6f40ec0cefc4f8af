/* unnest_inline.c - dependent joins whose right side has no source of its own.
 *
 * FROM t, unnest(t.list) or (SELECT t.a + 1): the right side is projections, filters and unnests
 * over the single empty row. Putting the left input in place of that row computes the same without
 * any join. */
#include "plan/unnest.h"

typedef struct chain {
    int unnests, filters, computed; /* computed: bindings that are not plain columns */
    bool fits;
} chain;

static chain look_at(const wr_logical *node)
{
    chain c = {0};
    for (;; node = node->inputs[0]) {
        switch (node->kind) {
        case WR_L_PROJECT:
            for (int i = 0; i < node->project.count; i++)
                c.computed += node->project.bindings[i].expr->kind != WR_X_COLUMN;
            break;
        case WR_L_FILTER:
            c.filters++;
            break;
        case WR_L_UNNEST:
            c.unnests++;
            break;
        case WR_L_VALUES:
            c.fits = node->values.row_count == 1 && node->output_count == 0;
            return c;
        default:
            return c;
        }
    }
}

/* LEFT keeps rows without a match: one unnest can do that by itself (what is computed above it
 * would have to become NULL as well), a filter cannot. A SINGLE join needs at most one row, which
 * only projections promise. */
static bool kind_fits(const wr_logical *join, chain c)
{
    switch (join->join.kind) {
    case WR_JOIN_INNER:
        return true;
    case WR_JOIN_LEFT:
        return c.filters == 0 && c.unnests <= 1 && c.computed == 0 &&
               join->join.condition_count == 0;
    case WR_JOIN_SINGLE:
        return c.filters == 0 && c.unnests == 0 && join->join.condition_count == 0;
    default:
        return false;
    }
}

static wr_logical *rebuild(wr_planner *planner, wr_logical *node, wr_logical *left, bool keep_empty)
{
    if (node->kind == WR_L_VALUES) return left;
    wr_logical *input = rebuild(planner, node->inputs[0], left, keep_empty);
    node->inputs[0] = input;
    if (node->kind == WR_L_UNNEST) node->unnest.keep_empty |= keep_empty;
    if (node->kind == WR_L_PROJECT) {
        wr_binding *own = node->project.bindings;
        int own_count = node->project.count;
        node->project.bindings =
            wr_new_array(planner->arena, wr_binding, own_count + left->output_count + 1);
        node->project.count = 0;
        for (int i = 0; i < left->output_count; i++)
            wr_unnest_bind(node, left->outputs[i].id,
                           wr_unnest_column(planner, left->outputs[i].id));
        for (int i = 0; i < own_count; i++)
            if (!wr_logical_output(left, own[i].id)) wr_unnest_bind(node, own[i].id, own[i].expr);
    }
    wr_logical_set_outputs(planner, node);
    return node;
}

weir_status wr_unnest_inline(wr_planner *planner, wr_logical **slot, bool *done)
{
    wr_logical *join = *slot;
    chain c = look_at(join->inputs[1]);
    *done = c.fits && kind_fits(join, c);
    if (!*done) return WR_OK;
    bool left_join = join->join.kind == WR_JOIN_LEFT;
    wr_logical *merged = rebuild(planner, join->inputs[1], join->inputs[0], left_join);
    *slot = wr_unnest_filter(planner, merged, join->join.conditions, join->join.condition_count);
    return WR_OK;
}
