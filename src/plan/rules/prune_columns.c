/* prune_columns.c - takes columns nobody reads out of scans and projections.
 *
 * One walk from the root: parents come before their inputs, so when a projection is reached, all
 * readers of its columns have been seen and the bindings without a reader neither count as readers
 * themselves nor stay. Lowering cuts finer (per use); this rule is for the rules between: fewer
 * columns mean fewer statistics, and an expression nobody reads cannot keep a join alive.
 *
 * Trap: all outputs of a shared subplan, of the two sides of a recursion and of set operations that
 * compare whole rows count as read. */
#include "plan/shared.h"

typedef struct pruning {
    wr_planner *planner;
    wr_column_set used;
    wr_shared_definitions shared;
} pruning;

static void use_slot(wr_expr **slot, void *arg)
{
    pruning *p = arg;
    wr_expr_columns(p->planner->arena, *slot, &p->used);
}

static void use_all(pruning *p, const wr_column_id *ids, int count)
{
    for (int i = 0; i < count; i++)
        wr_column_set_add(p->planner->arena, &p->used, ids[i]);
}

static void keep_bindings(pruning *p, wr_logical *node)
{
    int kept = 0;
    wr_binding *bindings = wr_new_array(p->planner->arena, wr_binding, node->project.count + 1);
    for (int i = 0; i < node->project.count; i++)
        if (wr_column_set_has(&p->used, node->project.bindings[i].id))
            bindings[kept++] = node->project.bindings[i];
    node->project.bindings = bindings;
    node->project.count = kept;
}

static void keep_scanned(pruning *p, wr_logical *node)
{
    wr_arena *arena = p->planner->arena;
    wr_output *outputs = wr_new_array(arena, wr_output, node->output_count + 1);
    int *columns = wr_new_array(arena, int, node->output_count + 1), kept = 0;
    for (int i = 0; i < node->output_count; i++) {
        if (!wr_column_set_has(&p->used, node->outputs[i].id)) continue;
        outputs[kept] = node->outputs[i];
        columns[kept++] = node->scan.columns[i];
    }
    node->outputs = outputs;
    node->scan.columns = columns;
    node->output_count = kept;
}

static void use_inputs(pruning *p, wr_logical *node)
{
    switch (node->kind) {
    case WR_L_SET:
        for (int i = 0; i < node->input_count; i++)
            use_all(p, node->set.columns[i], node->output_count);
        break;
    case WR_L_SHARED:
        for (int i = 0; i < node->inputs[0]->output_count; i++)
            use_all(p, &node->inputs[0]->outputs[i].id, 1);
        break;
    case WR_L_RECURSIVE:
        use_all(p, node->recursive.start, node->output_count);
        use_all(p, node->recursive.step, node->output_count);
        break;
    case WR_L_SINK:
        use_all(p, node->sink.columns, node->sink.column_count);
        break;
    default:
        break;
    }
}

static void visit(pruning *p, wr_logical *node)
{
    if (node->kind == WR_L_PROJECT) keep_bindings(p, node);
    wr_logical_each_expr(node, use_slot, p);
    use_inputs(p, node);
    if (node->kind == WR_L_SCAN && node->scan.runtime_count == 0) keep_scanned(p, node);
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&p->shared, node)) return;
    for (int i = 0; i < node->input_count; i++)
        visit(p, node->inputs[i]);
    if (is_shared) wr_shared_note(p->planner->arena, &p->shared, node);
    if (node->input_count) wr_logical_set_outputs(p->planner, node);
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    pruning p = {.planner = planner};
    for (int i = 0; i < (*root)->output_count; i++)
        use_all(&p, &(*root)->outputs[i].id, 1);
    visit(&p, *root);
    return WR_OK;
}

const wr_rule wr_rule_prune_columns = {
    .name = "prune_columns",
    .order = 30,
    .help = "takes columns nobody reads out of scans and projections",
    .apply = apply,
};
