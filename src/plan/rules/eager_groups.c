/* eager_groups.c - groups before a join when that leaves few rows to join.
 *
 * SELECT c.id, count(o.id) FROM customer c LEFT JOIN orders o ... GROUP BY c.id: the orders are
 * counted per customer first, the join then finds one row for each customer instead of many, and
 * the counts are added up above it. The rows that are grouped early must be those all calls are
 * about; their keys are the columns that the join and the groups above need. Nothing has to be
 * unique: a row of the other side meets one row of partial results per key, as often as it would
 * have met the rows behind it.
 *
 * Only calls whose partial results add up exactly: count, min, max, and sums of integers and of
 * decimals that cannot overflow. NULLs that an outer join adds stand for no partial result:
 * count(*) is 1 for such a row.
 *
 * Trap: the early keys are compared as groups, the join may compare them otherwise: only types
 * whose equal values are the same in every respect. */
#include "plan/dependencies.h"
#include "plan/shared.h"
#include "plan/statistics.h"

/* Early groups are made for every row of the side, also for those that find no partner. More of
 * them than GROUPS_MAX do not stay in the caches; groups by a number that are few cost less than
 * what is saved. */
static const double ROWS_MIN = 20000, GROUPS_MAX = 262144, REDUCES_TO = 0.11, PARTNERS_MIN = 0.5,
                    CHEAP_GROUPS = 1000;

typedef enum call_kind { COUNT_ROWS, COUNT_VALUES, SUM, LEAST_OR_GREATEST } call_kind;

typedef struct grouping {
    wr_planner *planner;
    wr_logical *top, *join;
    int side; /* the input of the join that is grouped early */
    call_kind *kinds;
    WR_LIST(wr_binding) keys; /* of the early groups */
} grouping;

typedef struct placing {
    wr_planner *planner;
    wr_shared_definitions shared;
} placing;

/* ---- may it be done? ---- */

static bool passes_all(const wr_logical *node)
{
    for (int i = 0; i < node->project.count; i++)
        if (node->project.bindings[i].expr->kind != WR_X_COLUMN ||
            node->project.bindings[i].expr->column != node->project.bindings[i].id)
            return false;
    return true;
}

static bool adds_up(const wr_type *type)
{
    if (type->id == WR_T_DECIMAL) return type->precision <= 18;
    return wr_type_is_numeric(type) && wr_type_is_int_like(type) && wr_phys_size(type->phys) <= 8;
}

static bool kind_of_call(const wr_aggregate_call *call, call_kind *out)
{
    wr_str name = {(char *)(uintptr_t)call->fn->name, strcspn(call->fn->name, "|")};
    if (call->filter || call->order_count || call->is_distinct || call->arg_count > 1) return false;
    if (call->arg_count == 0) {
        *out = COUNT_ROWS;
        return wr_str_is(name, "count");
    }
    const wr_expr *arg = call->args[0];
    if (arg->kind != WR_X_COLUMN) return false;
    *out = wr_str_is(name, "count") ? COUNT_VALUES
           : wr_str_is(name, "sum") ? SUM
                                    : LEAST_OR_GREATEST;
    if (*out == COUNT_VALUES) return true;
    if (*out == SUM) return adds_up(arg->type);
    return (wr_str_is(name, "min") || wr_str_is(name, "max")) && wr_equal_is_same(arg->type);
}

/* Are all calls about columns of this side? */
static bool calls_fit(const grouping *g, int side)
{
    for (int i = 0; i < g->top->aggregate.call_count; i++)
        if (g->kinds[i] != COUNT_ROWS &&
            !wr_logical_output(g->join->inputs[side], g->top->aggregate.calls[i].args[0]->column))
            return false;
    return true;
}

static bool is_candidate(grouping *g)
{
    wr_logical *top = g->top;
    int calls = top->aggregate.call_count;
    if (top->aggregate.sets || top->aggregate.grouping_count || top->aggregate.key_count == 0 ||
        calls == 0 || top->aggregate.carried_first < top->aggregate.key_count)
        return false;
    g->join = top->inputs[0];
    while (g->join->kind == WR_L_PROJECT && passes_all(g->join))
        g->join = g->join->inputs[0];
    if (g->join->kind != WR_L_JOIN || g->join->join.is_lateral ||
        g->join->join.condition_count == 0 ||
        (g->join->join.kind != WR_JOIN_INNER && g->join->join.kind != WR_JOIN_LEFT))
        return false;
    g->kinds = wr_new_array(g->planner->arena, call_kind, calls);
    for (int i = 0; i < calls; i++)
        if (!kind_of_call(&top->aggregate.calls[i], &g->kinds[i])) return false;
    return true;
}

/* ---- the early groups ---- */

static bool add_key(grouping *g, wr_column_id id)
{
    const wr_output *output = wr_logical_output(g->join->inputs[g->side], id);
    if (!output) return true;
    for (int i = 0; i < g->keys.count; i++)
        if (g->keys.items[i].id == id) return true;
    if (!wr_equal_is_same(output->type)) return false;
    wr_arena *arena = g->planner->arena;
    wr_push(arena, &g->keys, ((wr_binding){id, wr_expr_column(arena, id, output->type)}));
    return true;
}

/* All columns of the side that are used above the early groups become keys; false: not possible. */
static bool find_keys(grouping *g)
{
    wr_arena *arena = g->planner->arena;
    wr_column_set used = {0};
    g->keys.count = 0;
    for (int i = 0; i < g->join->join.condition_count; i++) {
        if (wr_expr_is_volatile(g->join->join.conditions[i])) return false;
        wr_expr_columns(arena, g->join->join.conditions[i], &used);
    }
    for (int i = 0; i < g->top->aggregate.key_count; i++) {
        if (wr_expr_is_volatile(g->top->aggregate.keys[i].expr)) return false;
        wr_expr_columns(arena, g->top->aggregate.keys[i].expr, &used);
    }
    const wr_logical *side = g->join->inputs[g->side];
    for (int i = 0; i < side->output_count; i++)
        if (wr_column_set_has(&used, side->outputs[i].id) && !add_key(g, side->outputs[i].id))
            return false;
    return g->keys.count > 0;
}

static wr_logical *early_groups(grouping *g)
{
    wr_planner *planner = g->planner;
    const wr_logical *top = g->top;
    int keys = g->keys.count, calls = top->aggregate.call_count;
    wr_logical *early = wr_logical_new(planner, WR_L_AGGREGATE, g->join->inputs[g->side], NULL);
    early->aggregate.keys = g->keys.items;
    early->aggregate.key_count = early->aggregate.carried_first = keys;
    early->aggregate.calls = wr_new_array(planner->arena, wr_aggregate_call, calls + 1);
    early->aggregate.call_count = calls;
    early->output_count = keys + calls;
    early->outputs = wr_new_array(planner->arena, wr_output, keys + calls + 1);
    for (int i = 0; i < calls; i++) {
        const wr_aggregate_call *call = &top->aggregate.calls[i];
        wr_str name = top->outputs[top->aggregate.key_count + i].name;
        early->aggregate.calls[i] = *call;
        early->outputs[keys + i] = (wr_output){
            .id = wr_planner_column(planner, name, call->type), .type = call->type, .name = name};
    }
    wr_logical_set_outputs(planner, early);
    return early;
}

/* ---- the groups above ---- */

static wr_expr *or_number(wr_arena *arena, wr_expr *e, int64_t number)
{
    wr_expr *either = wr_new(arena, wr_expr);
    *either = (wr_expr){.kind = WR_X_CASE, .type = e->type, .arg_count = 3};
    either->args = wr_new_array(arena, wr_expr *, 3);
    wr_expr *zero = wr_expr_const(arena, wr_value_int(WR_BIGINT, number));
    either->args[0] = wr_expr_is_null(arena, e, false);
    either->args[1] = wr_expr_raw_cast(arena, zero, e->type, false);
    either->args[2] = e;
    return either;
}

/* The call that adds up the partial results of another, and what makes its value of the sum. */
static weir_status add_up(const grouping *g, int number, const wr_output *partial,
                          wr_aggregate_call *call, wr_output *output, wr_binding *result)
{
    wr_arena *arena = g->planner->arena;
    wr_expr *arg = wr_expr_column(arena, partial->id, partial->type);
    call_kind kind = g->kinds[number];
    *result = (wr_binding){output->id, wr_expr_column(arena, output->id, output->type)};
    if (kind == COUNT_ROWS && g->join->join.kind == WR_JOIN_LEFT) arg = or_number(arena, arg, 1);
    wr_expr **args = wr_new_array(arena, wr_expr *, 1);
    args[0] = arg;
    wr_aggregate_call adding = {.fn = call->fn, .args = args, .arg_count = 1, .type = call->type};
    if (kind != LEAST_OR_GREATEST) {
        WR_TRY(wr_bind_aggregate(arena, WR_STR("sum"), (wr_span){0}, &adding));
        const wr_type *type = output->type;
        output->id = wr_planner_column(g->planner, output->name, adding.type);
        output->type = adding.type;
        output->not_null = false;
        wr_expr *sum = wr_expr_column(arena, output->id, adding.type);
        if (kind != SUM) sum = or_number(arena, sum, 0);
        result->expr = wr_expr_raw_cast(arena, sum, type, false);
    }
    *call = adding;
    return WR_OK;
}

static weir_status replace_calls(grouping *g, const wr_logical *early, wr_logical **out)
{
    wr_planner *planner = g->planner;
    wr_logical *top = g->top;
    int keys = top->aggregate.key_count, calls = top->aggregate.call_count;
    wr_aggregate_call *sums = wr_new_array(planner->arena, wr_aggregate_call, calls + 1);
    wr_output *outputs = wr_new_array(planner->arena, wr_output, keys + calls + 1);
    wr_binding *results = wr_new_array(planner->arena, wr_binding, keys + calls + 1);
    memcpy(outputs, top->outputs, sizeof *outputs * (size_t)(keys + calls));
    for (int k = 0; k < keys; k++)
        results[k] = (wr_binding){outputs[k].id,
                                  wr_expr_column(planner->arena, outputs[k].id, outputs[k].type)};
    for (int i = 0; i < calls; i++) {
        sums[i] = top->aggregate.calls[i];
        WR_TRY(add_up(g, i, &early->outputs[early->aggregate.key_count + i], &sums[i],
                      &outputs[keys + i], &results[keys + i]));
    }
    top->aggregate.calls = sums;
    top->outputs = outputs;
    wr_logical_set_outputs(planner, top);
    *out = wr_logical_new(planner, WR_L_PROJECT, top, NULL);
    (*out)->project.bindings = results;
    (*out)->project.count = keys + calls;
    wr_logical_set_outputs(planner, *out);
    return WR_OK;
}

/* ---- is it worth it? ---- */

static bool has_text_key(const wr_logical *top)
{
    for (int k = 0; k < top->aggregate.key_count; k++)
        if (top->aggregate.keys[k].expr->type->phys == WR_P_VIEW) return true;
    return false;
}

static bool pays(grouping *g, wr_logical *early)
{
    wr_estimator es = {.planner = g->planner};
    wr_profile side, groups, joined, top;
    wr_profile_of(&es, g->join->inputs[g->side], &side);
    if (side.rows < ROWS_MIN) return false;
    wr_profile_of(&es, early, &groups);
    wr_profile_of(&es, g->join, &joined);
    wr_profile_of(&es, g->top, &top);
    return groups.rows <= WR_MIN(side.rows * REDUCES_TO, GROUPS_MAX) &&
           joined.rows >= side.rows * PARTNERS_MIN &&
           (top.rows >= CHEAP_GROUPS || has_text_key(g->top));
}

static void choose_sides(grouping *g)
{
    wr_logical *join = g->join;
    wr_estimator es = {.planner = g->planner};
    wr_profile inputs[2];
    for (int i = 0; i < 2; i++)
        wr_profile_of(&es, join->inputs[i], &inputs[i]);
    if (join->join.kind == WR_JOIN_LEFT) {
        join->join.build_left = inputs[0].rows < inputs[1].rows;
    } else if (inputs[0].rows < inputs[1].rows) {
        wr_logical *left = join->inputs[0];
        join->inputs[0] = join->inputs[1];
        join->inputs[1] = left;
    }
}

static weir_status place(placing *p, wr_logical **slot)
{
    grouping g = {.planner = p->planner, .top = *slot};
    if (!is_candidate(&g)) return WR_OK;
    for (int side = 1; side >= 0; side--) {
        g.side = side;
        if ((side == 0 && g.join->join.kind == WR_JOIN_LEFT) || !calls_fit(&g, side)) continue;
        if (!find_keys(&g)) continue;
        wr_logical *early = early_groups(&g);
        if (!pays(&g, early)) continue;
        g.top->inputs[0] = g.join;
        WR_TRY(replace_calls(&g, early, slot));
        g.join->inputs[side] = early;
        choose_sides(&g);
        wr_logical_set_outputs(p->planner, g.join);
        wr_logical_set_outputs(p->planner, g.top);
        wr_logical_set_outputs(p->planner, *slot);
        return WR_OK;
    }
    return WR_OK;
}

static weir_status visit(placing *p, wr_logical **slot)
{
    wr_logical *node = *slot;
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&p->shared, node)) return WR_OK;
    for (int i = 0; i < node->input_count; i++)
        WR_TRY(visit(p, &node->inputs[i]));
    if (is_shared) wr_shared_note(p->planner->arena, &p->shared, node);
    if (node->input_count) wr_logical_set_outputs(p->planner, node);
    return node->kind == WR_L_AGGREGATE ? place(p, slot) : WR_OK;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    placing p = {.planner = planner};
    return visit(&p, root);
}

const wr_rule wr_rule_eager_groups = {
    .name = "eager_groups",
    .order = 55,
    .is_for_batches = true,
    .help = "groups before a join when that leaves few rows to join",
    .apply = apply,
};
