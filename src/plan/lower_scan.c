/* lower_scan.c - scans: the columns read, the filters pushed in, and what these filters say about
 * single columns.
 *
 * Columns that only the filters use come last and are hidden: the scan reads them and does not hand
 * them on. Facts (column < constant, column IN (...), IS NULL) let the scan skip whole parts of a
 * file by its statistics; they repeat the filters, they do not replace them. */
#include "expr/fn.h"
#include "plan/lower.h"

/* A constant of the type, or false. Folding may fail (a division by zero): then there is no fact.
 */
static bool constant_value(wr_lowering *l, wr_expr *e, wr_value *out)
{
    if (e->kind != WR_X_CONST && !wr_expr_is_const(e)) return false;
    if (e->kind == WR_X_CONST) {
        *out = e->value;
        return !out->is_null;
    }
    weir_status s = wr_expr_fold(l->planner->arena, l->planner->env, e, out);
    wr_status_drop(s);
    return !s && !out->is_null;
}

static wr_prune_op turned(wr_prune_op op)
{
    switch (op) {
    case WR_PRUNE_LT:
        return WR_PRUNE_GT;
    case WR_PRUNE_LE:
        return WR_PRUNE_GE;
    case WR_PRUNE_GT:
        return WR_PRUNE_LT;
    case WR_PRUNE_GE:
        return WR_PRUNE_LE;
    default:
        return op;
    }
}

static bool compare_fact(wr_lowering *l, const wr_expr *e, wr_prune *fact)
{
    static const int ops[] = {[WR_EQ] = WR_PRUNE_EQ, [WR_NE] = -1,
                              [WR_LT] = WR_PRUNE_LT, [WR_LE] = WR_PRUNE_LE,
                              [WR_GT] = WR_PRUNE_GT, [WR_GE] = WR_PRUNE_GE,
                              [WR_DISTINCT] = -1,    [WR_NOT_DISTINCT] = WR_PRUNE_EQ};
    bool straight = e->args[0]->kind == WR_X_COLUMN, crossed = e->args[1]->kind == WR_X_COLUMN;
    wr_value *value = wr_new(l->planner->arena, wr_value);
    if (ops[e->op] < 0 || straight == crossed || !constant_value(l, e->args[straight], value))
        return false;
    wr_prune_op op = (wr_prune_op)ops[e->op];
    *fact = (wr_prune){.column = (int)e->args[!straight]->column,
                       .op = straight ? op : turned(op),
                       .values = value,
                       .value_count = 1};
    return true;
}

static bool in_fact(wr_lowering *l, const wr_expr *e, wr_prune *fact)
{
    if (e->is_negated || e->args[0]->kind != WR_X_COLUMN) return false;
    wr_value *values = wr_new_array(l->planner->arena, wr_value, e->arg_count);
    int count = 0;
    for (int i = 1; i < e->arg_count; i++) {
        if (e->args[i]->kind == WR_X_CONST && e->args[i]->value.is_null) continue;
        if (!constant_value(l, e->args[i], &values[count])) return false;
        count++;
    }
    *fact = (wr_prune){.column = (int)e->args[0]->column,
                       .op = WR_PRUNE_IN,
                       .values = values,
                       .value_count = count};
    return count > 0;
}

void wr_prune_facts(wr_lowering *l, wr_expr **filters, int count, wr_prune **out, int *out_count)
{
    *out = wr_new_array(l->planner->arena, wr_prune, count + 1);
    *out_count = 0;
    for (int i = 0; i < count; i++) {
        const wr_expr *e = filters[i];
        wr_prune fact;
        bool known = false;
        if (e->kind == WR_X_COMPARE) known = compare_fact(l, e, &fact);
        if (e->kind == WR_X_IN) known = in_fact(l, e, &fact);
        if (e->kind == WR_X_IS_NULL && e->args[0]->kind == WR_X_COLUMN) {
            fact = (wr_prune){.column = (int)e->args[0]->column,
                              .op = e->is_negated ? WR_PRUNE_NOT_NULL : WR_PRUNE_NULL};
            known = true;
        }
        if (known) (*out)[(*out_count)++] = fact;
    }
}

weir_status wr_lower_scan(wr_lowering *l, wr_logical *node, wr_expr **more, int more_count,
                          const wr_column_set *needed, wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    int filters = node->scan.filter_count + more_count;
    wr_expr **all = wr_new_array(arena, wr_expr *, filters + 1);
    wr_column_set used = {0};
    for (int i = 0; i < filters; i++) {
        all[i] =
            i < node->scan.filter_count ? node->scan.filters[i] : more[i - node->scan.filter_count];
        wr_expr_columns(arena, all[i], &used);
    }
    for (int i = 0; i < node->scan.runtime_count; i++)
        wr_column_set_add(arena, &used, node->outputs[node->scan.runtime[i].column].id);
    wr_column_id *ids = wr_new_array(arena, wr_column_id, node->output_count + 1);
    int *columns = wr_new_array(arena, int, node->output_count + 1);
    int count = 0, visible = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < node->output_count; i++) {
            wr_column_id id = node->outputs[i].id;
            bool wanted = wr_column_set_has(needed, id);
            if (pass == 0 ? !wanted : wanted || !wr_column_set_has(&used, id)) continue;
            columns[count] = node->scan.columns[i];
            ids[count++] = id;
        }
        if (pass == 0) visible = count;
    }
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_SCAN, node, NULL, NULL);
    wr_lowered full = {
        .plan = plan, .count = count, .places = wr_new_array(arena, wr_place, count + 1)};
    for (int i = 0; i < count; i++)
        full.places[i] = (wr_place){ids[i], i};
    wr_plan_schema(l, plan, ids, visible);
    plan->scan.relation = node->scan.relation;
    plan->scan.columns = columns;
    plan->scan.hidden_count = count - visible;
    plan->scan.limit = node->scan.limit;
    plan->scan.is_sampled = node->scan.sample != NULL;
    plan->scan.name = node->scan.name;
    plan->scan.filter_count = filters;
    plan->scan.filters = wr_new_array(arena, wr_expr *, filters + 1);
    for (int i = 0; i < filters; i++)
        WR_TRY(wr_lower_expr(l, all[i], &full, NULL, &plan->scan.filters[i]));
    wr_prune *prunes;
    wr_prune_facts(l, plan->scan.filters, filters, &prunes, &plan->scan.prune_count);
    plan->scan.prunes = prunes;
    plan->scan.runtime = wr_new_array(arena, wr_runtime_filter_use, node->scan.runtime_count + 1);
    plan->scan.runtime_count = node->scan.runtime_count;
    for (int i = 0; i < node->scan.runtime_count; i++) {
        plan->scan.runtime[i] = node->scan.runtime[i];
        plan->scan.runtime[i].column =
            wr_place_of(&full, node->outputs[node->scan.runtime[i].column].id);
    }
    *out = full;
    out->count = visible;
    return WR_OK;
}
