/* bind_subquery.c - queries inside expressions.
 *
 * A subquery is bound with the current scope around it, so names of outer queries become columns of
 * outer plans; the unnest rule turns them into joins. Quantified comparisons: x op ALL (q) is NOT
 * (x negated-op ANY (q)), which is right for NULLs as well. Lists (x = ANY(array)) are functions.
 */
#include "plan/bind.h"

static wr_expr *subquery_expr(wr_scope *scope, wr_subquery_kind kind, wr_logical *plan,
                              const wr_type *type, wr_span span, wr_subquery **sub_out)
{
    wr_subquery *sub = wr_new(scope->planner->arena, wr_subquery);
    sub->kind = kind;
    sub->plan = plan;
    wr_expr *e = wr_new(scope->planner->arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_SUBQUERY, .type = type, .span = span, .subquery = sub};
    if (sub_out) *sub_out = sub;
    return e;
}

static weir_status one_column(const wr_result *result, wr_span span, const char *what)
{
    if (result->count == 1) return WR_OK;
    return wr_fail_at(WR_E_COLUMN_COUNT, span, "%s must have one column, this one has %d", what,
                      result->count);
}

weir_status wr_bind_subquery(wr_scope *scope, const wr_node *node, wr_expr **out)
{
    wr_result result;
    if (node->kind == WR_SQL_EXISTS) {
        WR_TRY(wr_bind_query(scope, wr_sql_as_exists(node)->query, false, &result));
        *out = subquery_expr(scope, WR_SUB_EXISTS, result.plan, WR_BOOLEAN, node->span, NULL);
        return WR_OK;
    }
    const wr_sql_subquery *sub = wr_sql_as_subquery(node);
    WR_TRY(wr_bind_query(scope, sub->query, true, &result));
    WR_TRY(one_column(&result, node->span,
                      sub->array ? "the query of an array" : "a subquery used as a value"));
    const wr_type *type = result.columns[0].type;
    if (sub->array) {
        WR_TRY(wr_result_settle(scope->planner, &result));
        type = wr_type_list(result.columns[0].type);
    }
    *out = subquery_expr(scope, sub->array ? WR_SUB_ARRAY : WR_SUB_SCALAR, result.plan, type,
                         node->span, NULL);
    return WR_OK;
}

/* Brings the left values and the columns of the query to common types. */
static weir_status fit_sides(wr_scope *scope, const wr_node *operand, wr_result *result,
                             const char *what, wr_expr ***left_out, int *count_out)
{
    wr_arena *arena = scope->planner->arena;
    wr_nodes single = {.items = (wr_node **)&operand, .count = 1};
    const wr_nodes *nodes = operand->kind == WR_SQL_ROW ? &wr_sql_as_row(operand)->items : &single;
    wr_expr **left;
    if (nodes->count != result->count)
        return wr_fail_at(WR_E_COLUMN_COUNT, operand->span,
                          "%s compares %d %s with a query of %d columns", what, nodes->count,
                          nodes->count == 1 ? "value" : "values", result->count);
    WR_TRY(wr_bind_exprs(scope, nodes, &left));
    const wr_type **types = wr_new_array(arena, const wr_type *, nodes->count);
    for (int i = 0; i < nodes->count; i++) {
        wr_result_column *column = &result->columns[i];
        wr_param_adopt(scope, left[i], column->type);
        wr_expr *pair[2] = {left[i], column->untyped
                                         ? *column->untyped
                                         : wr_expr_column(arena, column->id, column->type)};
        weir_status s = wr_bind_common_type(pair, 2, what, &types[i]);
        if (!s) s = wr_bind_coerce(arena, left[i], types[i], what, &left[i]);
        if (s) return wr_with_span(s, operand->span);
    }
    WR_TRY(wr_result_cast(scope->planner, result, types, what));
    *left_out = left;
    *count_out = nodes->count;
    return WR_OK;
}

weir_status wr_bind_in_query(wr_scope *scope, const wr_sql_in *in, wr_expr **out)
{
    wr_result result;
    wr_subquery *sub;
    wr_expr **left;
    int count;
    WR_TRY(wr_bind_query(scope, in->query, true, &result));
    WR_TRY(fit_sides(scope, in->operand, &result, "IN", &left, &count));
    *out = subquery_expr(scope, WR_SUB_IN, result.plan, WR_BOOLEAN, in->node.span, &sub);
    sub->left = left;
    sub->left_count = count;
    sub->op = WR_EQ;
    sub->is_negated = in->negated;
    return WR_OK;
}

/* x test ANY (q) is TRUE IN (SELECT x test column FROM q), ALL is FALSE NOT IN. */
static weir_status quantified_test(wr_scope *scope, wr_expr *test, const wr_sql_quantified *q,
                                   wr_logical *plan, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    wr_binding *binding = wr_new(planner->arena, wr_binding);
    wr_subquery *sub;
    binding->expr = test;
    binding->id = wr_planner_column(planner, WR_STR("compared"), WR_BOOLEAN);
    *out = subquery_expr(scope, WR_SUB_IN, wr_project(planner, plan, binding, 1), WR_BOOLEAN,
                         q->node.span, &sub);
    sub->left = wr_new_array(planner->arena, wr_expr *, 1);
    sub->left[0] = wr_expr_bool(planner->arena, !q->all);
    sub->left_count = 1;
    sub->op = WR_EQ;
    sub->is_negated = q->all;
    return WR_OK;
}

/* x LIKE ANY (q) and other operators that are functions; args: x and the column of plan. */
static weir_status operator_test(wr_scope *scope, const wr_sql_quantified *q, wr_expr **args,
                                 wr_logical *plan, wr_expr **out)
{
    wr_expr *test;
    WR_TRY(wr_bind_by_name(scope, wr_sql_op_text(q->op), args, 2, q->node.span, &test));
    if (test->type != WR_BOOLEAN)
        return wr_fail_at(WR_E_TYPE_MISMATCH, q->node.span, "%s is no condition",
                          wr_sql_op_text(q->op));
    return quantified_test(scope, test, q, plan, out);
}

/* A NULL list counts as one NULL: the comparison with it is NULL, and so is the result, whereas no
 * element at all would give FALSE for ANY and TRUE for ALL. */
static weir_status null_as_element(wr_scope *scope, wr_span span, wr_expr **list)
{
    wr_arena *arena = scope->planner->arena;
    const wr_type *type = wr_type_list((*list)->type->child);
    bool is_written = (*list)->kind == WR_X_CALL &&
                      wr_str_is(wr_str_of((*list)->call.fn->name), "list_value|list_pack");
    if (is_written || ((*list)->kind == WR_X_CONST && !(*list)->value.is_null)) return WR_OK;
    wr_expr *pair[2] = {*list, NULL};
    wr_expr *null = wr_expr_const(arena, wr_value_null(type->child));
    if ((*list)->type != type) WR_TRY(wr_bind_cast(arena, *list, type, false, span, &pair[0]));
    WR_TRY(wr_bind_by_name(scope, "list_value", &null, 1, span, &pair[1]));
    if (pair[1]->type != type) WR_TRY(wr_bind_cast(arena, pair[1], type, false, span, &pair[1]));
    return wr_bind_by_name(scope, "coalesce", pair, 2, span, list);
}

/* x op ANY (list): any element for which the comparison holds, by list functions. */
static weir_status quantified_list(wr_scope *scope, const wr_sql_quantified *q, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_span span = q->node.span;
    bool is_compare;
    wr_compare_op op = wr_compare_of(q->op, &is_compare);
    if (q->array->kind == WR_SQL_LIST) { /* written out: a chain of ORs or ANDs */
        const wr_nodes *items = &wr_sql_as_list(q->array)->items;
        wr_expr **parts = wr_new_array(arena, wr_expr *, items->count + 1);
        for (int i = 0; i < items->count; i++) {
            wr_expr *args[2];
            WR_TRY(wr_bind_expr(scope, q->operand, &args[0]));
            WR_TRY(wr_bind_expr(scope, items->items[i], &args[1]));
            if (is_compare)
                WR_TRY(wr_bind_comparison(scope, op, args[0], args[1], span, &parts[i]));
            else
                WR_TRY(wr_bind_by_name(scope, wr_sql_op_text(q->op), args, 2, span, &parts[i]));
        }
        *out = q->all         ? wr_expr_and(arena, parts, items->count)
               : items->count ? wr_expr_or(arena, parts, items->count)
                              : wr_expr_bool(arena, false);
        return WR_OK;
    }
    wr_expr *list, *x;
    WR_TRY(wr_bind_expr(scope, q->array, &list));
    WR_TRY(wr_bind_expr(scope, q->operand, &x));
    if (list->kind == WR_X_CONST && list->is_untyped)
        WR_TRY(wr_bind_cast(arena, list, wr_type_list(is_compare ? x->type : WR_VARCHAR), false,
                            span, &list));
    if (list->type->id != WR_T_LIST && list->type->id != WR_T_ARRAY)
        return wr_fail_at(WR_E_TYPE_MISMATCH, q->array->span,
                          "ANY and ALL take a list or a query, not %s", wr_type_name(list->type));
    WR_TRY(null_as_element(scope, span, &list));
    /* The list becomes a query over its elements, so that NULLs behave as in x op ANY (SELECT ...).
     */
    wr_planner *planner = scope->planner;
    wr_logical *one = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    one->values.row_count = 1;
    one->values.rows = wr_new_array(arena, wr_expr **, 1);
    wr_logical *unnest = wr_logical_new(planner, WR_L_UNNEST, one, NULL);
    unnest->unnest.lists = wr_new_array(arena, wr_expr *, 1);
    unnest->unnest.ids = wr_new_array(arena, wr_column_id, 1);
    unnest->unnest.lists[0] = list;
    unnest->unnest.ids[0] = wr_planner_column(planner, WR_STR("unnest"), list->type->child);
    unnest->unnest.list_count = 1;
    wr_logical_set_outputs(planner, unnest);
    wr_expr *element = wr_column_ref(planner, unnest->unnest.ids[0]);
    wr_expr *pair[2] = {x, element};
    if (!is_compare) return operator_test(scope, q, pair, unnest, out);
    const wr_type *type;
    WR_TRY(wr_bind_unify(scope, pair, 2, "ANY", &type));
    wr_binding *binding = wr_new(arena, wr_binding);
    *binding = (wr_binding){wr_planner_column(planner, WR_STR("element"), type), pair[1]};
    wr_subquery *sub;
    *out = subquery_expr(scope, WR_SUB_QUANTIFIED, wr_project(planner, unnest, binding, 1),
                         WR_BOOLEAN, span, &sub);
    sub->left = wr_new_array(arena, wr_expr *, 1);
    sub->left[0] = pair[0];
    sub->left_count = 1;
    sub->op = q->all ? wr_compare_opposite(op) : op;
    if (q->all) *out = wr_expr_not(arena, *out);
    return WR_OK;
}

/* (a, b) < ANY (q). */
static weir_status quantified_rows(wr_scope *scope, wr_compare_op op, const wr_sql_quantified *q,
                                   wr_result *result, wr_expr **left, int count, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    wr_expr **right = wr_new_array(planner->arena, wr_expr *, count), *test;
    for (int i = 0; i < count; i++)
        right[i] = wr_column_ref(planner, result->columns[i].id);
    WR_TRY(wr_bind_row_compare(scope, op, left, right, count, q->node.span, &test));
    return quantified_test(scope, test, q, result->plan, out);
}

static weir_status quantified_operator(wr_scope *scope, const wr_sql_quantified *q, wr_expr **out)
{
    wr_result result;
    wr_expr *args[2];
    WR_TRY(wr_bind_query(scope, q->query, false, &result));
    WR_TRY(one_column(&result, q->node.span, "the query of ANY and ALL"));
    WR_TRY(wr_bind_expr(scope, q->operand, &args[0]));
    args[1] = wr_column_ref(scope->planner, result.columns[0].id);
    return operator_test(scope, q, args, result.plan, out);
}

weir_status wr_bind_quantified(wr_scope *scope, const wr_sql_quantified *q, wr_expr **out)
{
    if (q->array) return quantified_list(scope, q, out);
    bool is_compare;
    wr_compare_op op = wr_compare_of(q->op, &is_compare);
    if (!is_compare) return quantified_operator(scope, q, out);
    wr_result result;
    wr_subquery *sub;
    wr_expr **left;
    int count;
    WR_TRY(wr_bind_query(scope, q->query, true, &result));
    WR_TRY(fit_sides(scope, q->operand, &result, q->all ? "ALL" : "ANY", &left, &count));
    if (count > 1 && op != WR_EQ && op != WR_NE)
        return quantified_rows(scope, op, q, &result, left, count, out);
    wr_compare_op bound = q->all ? wr_compare_opposite(op) : op;
    bool is_in = bound == WR_EQ;
    *out = subquery_expr(scope, is_in ? WR_SUB_IN : WR_SUB_QUANTIFIED, result.plan, WR_BOOLEAN,
                         q->node.span, &sub);
    sub->left = left;
    sub->left_count = count;
    sub->op = bound;
    if (q->all) *out = wr_expr_not(scope->planner->arena, *out);
    return WR_OK;
}
