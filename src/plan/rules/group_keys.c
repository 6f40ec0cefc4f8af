/* group_keys.c - groups by fewer keys when one of them decides the others.
 *
 * A column with a unique constraint and without NULLs decides all columns of its table: grouping by
 * the customer's number and name makes the same groups as grouping by the number. The decided keys
 * are carried along instead of being hashed and compared.
 *
 * This holds above joins too, also where an outer join has made the whole row NULL. It must be
 * certain, so only declared constraints count, never guesses of the statistics. */
#include "plan/shared.h"

typedef struct reducing {
    wr_planner *planner;
    wr_shared_definitions shared;
} reducing;

/* Where the values of a column come from. scan NULL: not a column of one scan. */
typedef struct origin {
    const wr_logical *scan;
    int output;
} origin;

static origin trace(const wr_logical *node, wr_column_id id);

static origin trace_binding(const wr_logical *node, const wr_binding *bindings, int count,
                            wr_column_id id)
{
    for (int i = 0; i < count; i++)
        if (bindings[i].id == id && bindings[i].expr->kind == WR_X_COLUMN)
            return trace(node->inputs[0], bindings[i].expr->column);
    return (origin){NULL, 0};
}

static origin trace(const wr_logical *node, wr_column_id id)
{
    switch (node->kind) {
    case WR_L_SCAN:
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i].id == id) return (origin){node, i};
        break;
    case WR_L_PROJECT:
        return trace_binding(node, node->project.bindings, node->project.count, id);
    case WR_L_AGGREGATE:
        if (node->aggregate.sets) break;
        return trace_binding(node, node->aggregate.keys, node->aggregate.key_count, id);
    case WR_L_FILTER:
    case WR_L_SORT:
    case WR_L_LIMIT:
    case WR_L_SAMPLE:
    case WR_L_WINDOW:
    case WR_L_ORDINAL:
    case WR_L_UNNEST:
    case WR_L_DISTINCT_ON:
    case WR_L_JOIN:
        for (int i = 0; i < node->input_count; i++)
            if (wr_logical_output(node->inputs[i], id)) return trace(node->inputs[i], id);
        break;
    default:
        break;
    }
    return (origin){NULL, 0};
}

static bool identifies_row(const origin *o)
{
    wr_relation *relation = o->scan->scan.relation;
    int column = o->scan->scan.columns[o->output];
    wr_column_stats stats = {0};
    bool not_null = relation->schema.not_null && relation->schema.not_null[column];
    if (!not_null || !relation->def->stats) return false;
    relation->def->stats(relation, column, &stats);
    return stats.unique;
}

/* Which keys are decided by others; returns how many. */
static int find_carried(const wr_logical *node, wr_arena *arena, bool *carried)
{
    int keys = node->aggregate.key_count, count = 0;
    origin *from = wr_new_array(arena, origin, keys);
    for (int k = 0; k < keys; k++) {
        const wr_expr *e = node->aggregate.keys[k].expr;
        if (e->kind == WR_X_COLUMN) from[k] = trace(node->inputs[0], e->column);
    }
    for (int k = 0; k < keys; k++) {
        if (!from[k].scan || carried[k] || !identifies_row(&from[k])) continue;
        for (int o = 0; o < keys; o++) {
            if (o == k || carried[o] || from[o].scan != from[k].scan) continue;
            carried[o] = true;
            count++;
        }
    }
    return count;
}

static wr_logical *reduce(reducing *r, wr_logical *node)
{
    wr_planner *planner = r->planner;
    int keys = node->aggregate.key_count;
    if (node->aggregate.sets || node->aggregate.grouping_count || keys < 2 ||
        node->aggregate.carried_first < keys)
        return node;
    bool *carried = wr_new_array(planner->arena, bool, keys);
    int count = find_carried(node, planner->arena, carried);
    if (count == 0) return node;
    const wr_output *outputs = node->outputs;
    int output_count = node->output_count, at = 0;
    wr_binding *ordered = wr_new_array(planner->arena, wr_binding, keys);
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k < keys; k++)
            if (carried[k] == (pass == 1)) ordered[at++] = node->aggregate.keys[k];
    node->aggregate.keys = ordered;
    node->aggregate.carried_first = keys - count;
    wr_logical_set_outputs(planner, node);
    wr_logical *project = wr_logical_new(planner, WR_L_PROJECT, node, NULL);
    project->project.bindings = wr_new_array(planner->arena, wr_binding, output_count);
    project->project.count = output_count;
    for (int i = 0; i < output_count; i++)
        project->project.bindings[i] = (wr_binding){
            outputs[i].id, wr_expr_column(planner->arena, outputs[i].id, outputs[i].type)};
    wr_logical_set_outputs(planner, project);
    return project;
}

static wr_logical *visit(reducing *r, wr_logical *node)
{
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&r->shared, node)) return node;
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = visit(r, node->inputs[i]);
    if (is_shared) wr_shared_note(r->planner->arena, &r->shared, node);
    if (node->input_count) wr_logical_set_outputs(r->planner, node);
    return node->kind == WR_L_AGGREGATE ? reduce(r, node) : node;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    reducing r = {.planner = planner};
    *root = visit(&r, *root);
    return WR_OK;
}

const wr_rule wr_rule_group_keys = {
    .name = "group_keys",
    .order = 60,
    .help = "groups by fewer keys when a unique column decides the others",
    .apply = apply,
};
