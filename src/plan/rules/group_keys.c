/* group_keys.c - groups by fewer keys when some of them decide the others.
 *
 * Grouping by the customer's number and name makes the same groups as grouping by the number, if
 * that is a key of its table; so does an equality with a column that is there already, or a
 * constant. The decided keys are carried along instead of being hashed and compared. The widest
 * keys are tried first.
 *
 * It must be certain, so only dependencies count that follow from the plan and from declared keys,
 * never guesses of the statistics. One key stays: no rows make no group. */
#include "plan/dependencies.h"
#include "plan/shared.h"

typedef struct reducing {
    wr_planner *planner;
    wr_shared_definitions shared;
} reducing;

/* What it costs to hash and compare a key of the type. */
static int width_of(const wr_type *type)
{
    return type->phys == WR_P_VIEW || wr_type_is_nested(type) ? 64 : (int)wr_phys_size(type->phys);
}

static bool is_decided(reducing *r, const wr_logical *node, const wr_dependencies *known,
                       const bool *carried, int key)
{
    wr_column_set set = {0};
    for (int k = 0; k < node->aggregate.key_count; k++)
        if (k != key && !carried[k])
            wr_column_set_add(r->planner->arena, &set, node->aggregate.keys[k].id);
    if (wr_column_set_empty(&set)) return false;
    wr_dependencies_close(r->planner->arena, known, &set);
    return wr_column_set_has(&set, node->aggregate.keys[key].id);
}

/* Which keys are decided by others; returns how many. */
static int find_carried(reducing *r, const wr_logical *node, bool *carried)
{
    int keys = node->aggregate.key_count, count = 0;
    wr_dependencies known = {0};
    wr_dependencies_of(r->planner, node->inputs[0], &known);
    wr_dependencies_bind(r->planner, node->aggregate.keys, keys, &known);
    if (known.all.count == 0) return 0;
    bool *tried = wr_new_array(r->planner->arena, bool, keys);
    for (int round = 0; round < keys; round++) {
        int widest = -1;
        for (int k = keys; k-- > 0;) {
            if (tried[k]) continue;
            if (widest < 0 || width_of(node->aggregate.keys[k].expr->type) >
                                  width_of(node->aggregate.keys[widest].expr->type))
                widest = k;
        }
        tried[widest] = true;
        carried[widest] = is_decided(r, node, &known, carried, widest);
        count += carried[widest];
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
    int count = find_carried(r, node, carried);
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
    .help = "groups by fewer keys when some of them decide the others",
    .apply = apply,
};
