/* sampled_filters.c - tries filters on some rows before the order of joins is chosen.
 *
 * How many rows a LIKE, a function or several conditions together let through cannot be told from
 * bounds and counts, and a wrong guess makes joins run in the wrong order. Plans without joins have
 * nothing to choose: their scans are left alone. */
#include "plan/sample.h"
#include "plan/shared.h"

typedef struct looking {
    wr_estimator estimator;
    wr_shared_definitions shared;
} looking;

static bool has_join(const wr_logical *node)
{
    if (node->kind == WR_L_JOIN) return true;
    for (int i = 0; i < node->input_count; i++)
        if (has_join(node->inputs[i])) return true;
    return false;
}

static void look(looking *l, wr_logical *node)
{
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&l->shared, node)) return;
    if (is_shared) wr_shared_note(l->estimator.planner->arena, &l->shared, node);
    for (int i = 0; i < node->input_count; i++)
        look(l, node->inputs[i]);
    if (node->kind == WR_L_SCAN) node->scan.sample = wr_sample_filters(&l->estimator, node);
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    looking l = {.estimator = {.planner = planner}};
    if (has_join(*root)) look(&l, *root);
    return WR_OK;
}

const wr_rule wr_rule_sampled_filters = {
    .name = "sampled_filters",
    .order = 48,
    .is_for_batches = true,
    .help = "tries filters on some rows to know how many pass before joins are ordered",
    .apply = apply,
};
