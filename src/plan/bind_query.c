/* bind_query.c - whole queries: WITH, the body, ORDER BY and LIMIT of what is no plain SELECT.
 *
 * A common table expression is bound when it is first used. Every use gets a SHARED node over the
 * same plan; at the end of the query those that were used once become plain projections (the plan
 * is inlined), unless MATERIALIZED was said. An expression that mentions columns of an outer query
 * cannot be computed once: it is bound again for each use, and so is one that is NOT MATERIALIZED.
 *
 * Recursion: WITH RECURSIVE t AS (start UNION [ALL] step): the step sees t as a WORKING node, the
 * rows of the previous round. Types are those of the start. */
#include "plan/bind.h"

wr_expr *wr_column_ref(wr_planner *planner, wr_column_id id)
{
    return wr_expr_column(planner->arena, id, planner->column_types.items[id]);
}

wr_logical *wr_filter(wr_planner *planner, wr_logical *input, wr_expr **conjuncts, int count)
{
    if (!count) return input;
    wr_logical *node = wr_logical_new(planner, WR_L_FILTER, input, NULL);
    node->filter.conjuncts = conjuncts;
    node->filter.count = count;
    wr_logical_set_outputs(planner, node);
    return node;
}

wr_logical *wr_project(wr_planner *planner, wr_logical *input, wr_binding *bindings, int count)
{
    wr_logical *node = wr_logical_new(planner, WR_L_PROJECT, input, NULL);
    node->project.bindings = bindings;
    node->project.count = count;
    wr_logical_set_outputs(planner, node);
    return node;
}

/* Groups by all columns; their ids change. */
wr_logical *wr_distinct(wr_planner *planner, wr_logical *input, wr_result_column *columns,
                        int count)
{
    wr_logical *node = wr_logical_new(planner, WR_L_AGGREGATE, input, NULL);
    node->aggregate.keys = wr_new_array(planner->arena, wr_binding, count + 1);
    node->aggregate.key_count = count;
    node->aggregate.carried_first = count;
    for (int i = 0; i < count; i++) {
        wr_column_id id =
            wr_planner_column(planner, columns[i].name, planner->column_types.items[columns[i].id]);
        node->aggregate.keys[i] = (wr_binding){id, wr_column_ref(planner, columns[i].id)};
        columns[i].id = id;
        columns[i].untyped = NULL;
    }
    wr_logical_set_outputs(planner, node);
    return node;
}

/* ---- types of results ---- */
static weir_status retype(wr_planner *planner, wr_result *result, int i, const wr_type *type,
                          const char *what)
{
    wr_result_column *column = &result->columns[i];
    wr_expr *old = *column->untyped;
    WR_TRY(wr_bind_coerce(planner->arena, old, type, what, column->untyped));
    const wr_output *output = wr_logical_output(result->plan, column->id);
    ((wr_output *)output)->type = type;
    planner->column_types.items[column->id] = type;
    column->type = type;
    column->untyped = NULL;
    return WR_OK;
}

weir_status wr_result_cast(wr_planner *planner, wr_result *result, const wr_type *const *types,
                           const char *what)
{
    bool differs = false;
    for (int i = 0; i < result->count; i++) {
        if (result->columns[i].untyped) WR_TRY(retype(planner, result, i, types[i], what));
        differs = differs || result->columns[i].type != types[i];
    }
    if (!differs) return WR_OK;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, result->count);
    for (int i = 0; i < result->count; i++) {
        wr_result_column *column = &result->columns[i];
        WR_TRY(wr_bind_coerce(planner->arena, wr_column_ref(planner, column->id), types[i], what,
                              &bindings[i].expr));
        bindings[i].id = wr_planner_column(planner, column->name, types[i]);
        column->id = bindings[i].id;
        column->type = types[i];
    }
    result->plan = wr_project(planner, result->plan, bindings, result->count);
    return WR_OK;
}

weir_status wr_result_settle(wr_planner *planner, wr_result *result)
{
    const wr_type **types = wr_new_array(planner->arena, const wr_type *, result->count + 1);
    for (int i = 0; i < result->count; i++) {
        const wr_type *type = result->columns[i].type;
        types[i] = type->id == WR_T_NULL || result->columns[i].untyped ? WR_VARCHAR : type;
    }
    return wr_result_cast(planner, result, types, "the result");
}

/* ---- VALUES ---- */
static bool needs_plan(const wr_expr *e)
{
    if (e->kind == WR_X_COLUMN || e->kind == WR_X_SUBQUERY) return true;
    for (int i = 0; i < e->arg_count; i++)
        if (needs_plan(e->args[i])) return true;
    return false;
}

static wr_logical *single_row(wr_planner *planner)
{
    wr_logical *one = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    one->values.rows = wr_new_array(planner->arena, wr_expr **, 1);
    one->values.row_count = 1;
    return one;
}

static wr_logical *row_project(wr_planner *planner, wr_expr **row, wr_result_column *columns,
                               int count)
{
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++) {
        bindings[i] =
            (wr_binding){wr_planner_column(planner, columns[i].name, row[i]->type), row[i]};
        columns[i].id = bindings[i].id;
    }
    return wr_project(planner, single_row(planner), bindings, count);
}

/* Rows with subqueries or outer columns: a UNION ALL of projections. */
static weir_status computed_rows(wr_planner *planner, wr_expr ***rows, int row_count, wr_span span,
                                 wr_result *out)
{
    wr_result *parts = wr_new_array(planner->arena, wr_result, row_count);
    for (int r = 0; r < row_count; r++) {
        parts[r].count = out->count;
        parts[r].columns = wr_new_array(planner->arena, wr_result_column, out->count);
        memcpy(parts[r].columns, out->columns, sizeof(wr_result_column) * (size_t)out->count);
        parts[r].plan = row_project(planner, rows[r], parts[r].columns, out->count);
    }
    return wr_set_operation(planner, WR_SET_UNION, true, parts, row_count, span, out);
}

weir_status wr_values_result(wr_planner *planner, wr_expr ***rows, int row_count, wr_span span,
                             wr_result *out)
{
    if (row_count == 1) {
        out->plan = row_project(planner, rows[0], out->columns, out->count);
        return WR_OK;
    }
    for (int r = 0; r < row_count; r++)
        for (int i = 0; i < out->count; i++)
            if (needs_plan(rows[r][i])) return computed_rows(planner, rows, row_count, span, out);
    wr_logical *node = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    node->values.rows = rows;
    node->values.row_count = row_count;
    node->output_count = out->count;
    node->outputs = wr_new_array(planner->arena, wr_output, out->count + 1);
    for (int i = 0; i < out->count; i++) {
        wr_result_column *column = &out->columns[i];
        column->id = wr_planner_column(planner, column->name, column->type);
        node->outputs[i] =
            (wr_output){.id = column->id, .type = column->type, .name = column->name};
    }
    out->plan = node;
    return WR_OK;
}

static weir_status unify_column(wr_scope *scope, wr_expr ***rows, int row_count, int column,
                                const wr_type **type)
{
    wr_expr **cells = wr_new_array(scope->planner->arena, wr_expr *, row_count);
    for (int r = 0; r < row_count; r++)
        cells[r] = rows[r][column];
    WR_TRY(wr_bind_unify(scope, cells, row_count, "VALUES", type));
    if ((*type)->id == WR_T_NULL)
        for (int r = 0; r < row_count; r++)
            WR_TRY(
                wr_bind_coerce(scope->planner->arena, cells[r], WR_VARCHAR, "VALUES", &cells[r]));
    for (int r = 0; r < row_count; r++)
        rows[r][column] = cells[r];
    *type = cells[0]->type;
    return WR_OK;
}

weir_status wr_bind_values(wr_scope *outer, const wr_sql_values *values, bool keep_untyped,
                           wr_result *out)
{
    wr_planner *planner = outer->planner;
    wr_scope *scope = wr_scope_new(planner, outer);
    scope->clause = WR_IN_VALUES;
    int rows = values->rows.count, width = wr_sql_as_row(values->rows.items[0])->items.count;
    wr_expr ***cells = wr_new_array(planner->arena, wr_expr **, rows);
    for (int r = 0; r < rows; r++) {
        const wr_sql_row *row = wr_sql_as_row(values->rows.items[r]);
        if (row->items.count != width)
            return wr_fail_at(WR_E_COLUMN_COUNT, row->node.span,
                              "row %d of VALUES has %d %s, the first has %d", r + 1,
                              row->items.count, row->items.count == 1 ? "value" : "values", width);
        WR_TRY(wr_bind_exprs(scope, &row->items, &cells[r]));
    }
    out->count = width;
    out->columns = wr_new_array(planner->arena, wr_result_column, width + 1);
    for (int i = 0; i < width; i++) {
        out->columns[i].name = wr_arena_printf(planner->arena, "column%d", i + 1);
        if (rows == 1 && keep_untyped && cells[0][i]->is_untyped)
            out->columns[i].type = cells[0][i]->type;
        else
            WR_TRY(unify_column(outer, cells, rows, i, &out->columns[i].type));
    }
    WR_TRY(wr_values_result(planner, cells, rows, values->node.span, out));
    for (int i = 0; i < width && rows == 1; i++)
        if (keep_untyped && cells[0][i]->is_untyped)
            out->columns[i].untyped = &out->plan->project.bindings[i].expr;
    return WR_OK;
}

/* ---- ORDER BY and LIMIT over a result ---- */
weir_status wr_bind_limit(wr_scope *scope, const wr_sql_query *query, wr_expr **limit,
                          wr_expr **offset)
{
    wr_scope *inner = wr_scope_new(scope->planner, scope);
    inner->is_names_only = true;
    inner->clause = WR_IN_LIMIT;
    const wr_node *nodes[2] = {query->limit, query->offset};
    wr_expr **outs[2] = {limit, offset};
    for (int i = 0; i < 2; i++) {
        *outs[i] = NULL;
        if (!nodes[i]) continue;
        bool percent = i == 0 && query->limit_percent;
        WR_TRY(wr_bind_expr_as(inner, nodes[i], percent ? WR_DOUBLE : WR_BIGINT,
                               i ? "OFFSET" : "LIMIT", outs[i]));
        if (percent && wr_limit_is_value(scope->planner, *outs[i], NULL))
            return wr_fail_at(WR_E_UNSUPPORTED, nodes[i]->span,
                              "LIMIT in percent must be a constant");
        if (wr_expr_is_const(*outs[i])) {
            wr_value value;
            WR_TRY(wr_expr_fold(scope->planner->arena, scope->planner->env, *outs[i], &value));
            if (!value.is_null && (percent ? value.f64 < 0 || value.f64 > 100 : value.i64 < 0))
                return wr_fail_at(WR_E_PARAMETER_VALUE, nodes[i]->span, "%s must not be %s",
                                  i ? "OFFSET" : "LIMIT",
                                  percent ? "outside 0 to 100 percent" : "negative");
            *outs[i] = value.is_null ? NULL : wr_expr_const(scope->planner->arena, value);
        }
    }
    return WR_OK;
}

bool wr_limit_is_value(wr_planner *planner, const wr_expr *limit, const wr_expr *offset)
{
    const wr_expr *both[2] = {limit, offset};
    for (int i = 0; i < 2; i++) {
        wr_column_set used = {0};
        if (!both[i]) continue;
        wr_expr_columns(planner->arena, both[i], &used);
        if (wr_expr_has_subquery(both[i]) || !wr_column_set_empty(&used)) return true;
    }
    return false;
}

static wr_expr *unless_null(wr_planner *planner, wr_expr *count, int64_t otherwise, bool *failed)
{
    wr_expr *args[2] = {count, wr_expr_const(planner->arena, wr_value_int(WR_BIGINT, otherwise))};
    wr_expr *out = args[1];
    wr_scope *scope = wr_scope_new(planner, NULL);
    if (count) {
        weir_status bad = wr_bind_by_name(scope, "coalesce", args, 2, (wr_span){0}, &out);
        *failed = *failed || bad;
        wr_status_drop(bad);
    }
    return out;
}

/* count as a column of the plan, so that a subquery in it is asked once, or an error of the row for
 * which it is negative: CASE WHEN count < 0 THEN error(..) ELSE count END. */
static weir_status not_negative(wr_planner *planner, const char *what, wr_expr **count,
                                wr_logical **plan)
{
    wr_arena *arena = planner->arena;
    wr_scope *scope = wr_scope_new(planner, NULL);
    if (!*count || wr_expr_is_const(*count)) return WR_OK;
    wr_span span = (*count)->span;
    int width = (*plan)->output_count;
    wr_binding *bindings = wr_new_array(arena, wr_binding, width + 1);
    for (int i = 0; i < width; i++)
        bindings[i] =
            (wr_binding){(*plan)->outputs[i].id, wr_column_ref(planner, (*plan)->outputs[i].id)};
    bindings[width] = (wr_binding){wr_planner_column(planner, WR_STR("count"), WR_BIGINT), *count};
    *plan = wr_project(planner, *plan, bindings, width + 1);
    wr_expr *text = wr_expr_const(
        arena, wr_value_text(wr_arena_printf(arena, "%s must not be negative", what)));
    wr_expr *e = wr_new(arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_CASE, .type = WR_BIGINT, .arg_count = 3};
    e->args = wr_new_array(arena, wr_expr *, 3);
    e->args[0] = wr_expr_compare(arena, WR_LT, wr_column_ref(planner, bindings[width].id),
                                 wr_expr_const(arena, wr_value_int(WR_BIGINT, 0)));
    WR_TRY(wr_bind_by_name(scope, "error", &text, 1, span, &e->args[1]));
    WR_TRY(wr_bind_cast(arena, e->args[1], WR_BIGINT, false, span, &e->args[1]));
    e->args[2] = wr_column_ref(planner, bindings[width].id);
    *count = e;
    return WR_OK;
}

weir_status wr_limit_by_value(wr_scope *scope, wr_sort_key *keys, int key_count, wr_expr *limit,
                              wr_expr *offset, wr_logical **plan)
{
    wr_planner *planner = scope->planner;
    wr_arena *arena = planner->arena;
    WR_TRY(not_negative(planner, "LIMIT", &limit, plan));
    WR_TRY(not_negative(planner, "OFFSET", &offset, plan));
    wr_window_call *call = wr_new(arena, wr_window_call);
    WR_TRY(wr_bind_window_fn(arena, WR_STR("row_number"), (wr_span){0}, call));
    call->order = keys;
    call->order_count = key_count;
    call->frame =
        (wr_frame){.unit = WR_WINDOW_RANGE, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
    wr_logical *window = wr_logical_new(planner, WR_L_WINDOW, *plan, NULL);
    window->window.calls = call;
    window->window.call_count = 1;
    window->window.top_rows = -1;
    wr_logical_set_outputs(planner, window);
    int width = window->output_count;
    wr_binding *bindings = wr_new_array(arena, wr_binding, width + 1);
    for (int i = 0; i < width; i++)
        bindings[i] =
            (wr_binding){window->outputs[i].id, wr_column_ref(planner, window->outputs[i].id)};
    bool failed = false;
    wr_expr *both[2] = {wr_column_ref(planner, window->outputs[width - 1].id),
                        unless_null(planner, offset, 0, &failed)};
    wr_expr **conjuncts = wr_new_array(arena, wr_expr *, 2);
    WR_TRY(wr_bind_by_name(scope, "-", both, 2, (wr_span){0}, &bindings[width].expr));
    bindings[width].id = wr_planner_column(planner, WR_STR("place"), WR_BIGINT);
    wr_expr *zero = wr_expr_const(arena, wr_value_int(WR_BIGINT, 0));
    conjuncts[0] =
        wr_expr_compare(arena, WR_GT, wr_expr_column(arena, bindings[width].id, WR_BIGINT), zero);
    conjuncts[1] =
        wr_expr_compare(arena, WR_LE, wr_expr_column(arena, bindings[width].id, WR_BIGINT),
                        unless_null(planner, limit, INT64_MAX, &failed));
    wr_assert(!failed);
    wr_logical *numbered = wr_project(planner, window, bindings, width + 1);
    *plan = wr_filter(planner, numbered, conjuncts, limit ? 2 : 1);
    wr_logical *sort = wr_logical_new(planner, WR_L_SORT, *plan, NULL);
    sort->sort.keys = wr_new(arena, wr_sort_key);
    sort->sort.keys[0].expr = wr_expr_column(arena, bindings[width].id, WR_BIGINT);
    sort->sort.key_count = 1;
    wr_logical_set_outputs(planner, sort);
    *plan = sort;
    return WR_OK;
}

static weir_status result_key(wr_scope *scope, const wr_result *result, const wr_node *node,
                              wr_expr **out)
{
    int64_t position;
    if (node->kind != WR_SQL_LITERAL) return wr_bind_expr(scope, node, out);
    if (wr_sql_as_literal(node)->literal != WR_LIT_INTEGER ||
        !wr_i64_read(wr_sql_as_literal(node)->text, &position, NULL) || position < 1 ||
        position > result->count)
        return wr_fail_at(WR_E_UNKNOWN_COLUMN, node->span,
                          "ORDER BY takes columns or positions 1 to %d", result->count);
    *out = wr_column_ref(scope->planner, result->columns[position - 1].id);
    return WR_OK;
}

static wr_scope *scope_of_result(wr_scope *outer, const wr_result *result)
{
    wr_planner *planner = outer->planner;
    wr_from from = {.plan = result->plan};
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->items = wr_new_array(planner->arena, wr_scope_item, result->count + 1);
    table->count = result->count;
    for (int i = 0; i < result->count; i++)
        table->items[i] = (wr_scope_item){.name = result->columns[i].name,
                                          .expr = wr_column_ref(planner, result->columns[i].id),
                                          .table = table};
    wr_from_add_table(planner, &from, table);
    wr_scope *scope = wr_scope_over(outer, &from);
    scope->clause = WR_IN_ORDER_BY;
    return scope;
}

static weir_status order_result(wr_scope *outer, const wr_sql_query *query, wr_result *result)
{
    wr_planner *planner = outer->planner;
    wr_expr *limit, *offset;
    WR_TRY(wr_bind_limit(outer, query, &limit, &offset));
    if (!query->order_by.count && !limit && !offset) return WR_OK;
    if (limit && query->with_ties)
        return wr_fail_at(WR_E_UNSUPPORTED, query->node.span,
                          "WITH TIES works on a plain SELECT only");
    WR_TRY(wr_result_settle(planner, result));
    bool by_value = wr_limit_is_value(planner, limit, offset);
    bool fused = query->order_by.count && !(limit && query->limit_percent);
    if (by_value && !query->order_by.count)
        return wr_limit_by_value(outer, NULL, 0, limit, offset, &result->plan);
    if (query->order_by.count) {
        wr_scope *scope = scope_of_result(outer, result);
        wr_logical *sort = wr_logical_new(planner, WR_L_SORT, result->plan, NULL);
        WR_LIST(wr_sort_key) keys = {0};
        for (int i = 0; i < query->order_by.count; i++) {
            const wr_sql_order_item *item = wr_sql_as_order_item(query->order_by.items[i]);
            wr_sort_key key = {0};
            wr_sort_key_direction(item, &key);
            for (int k = 0; !item->value && k < result->count; k++) {
                key.expr = wr_column_ref(planner, result->columns[k].id);
                wr_push(planner->arena, &keys, key);
            }
            if (!item->value) continue;
            WR_TRY(result_key(scope, result, item->value, &key.expr));
            wr_push(planner->arena, &keys, key);
        }
        if (by_value)
            return wr_limit_by_value(outer, keys.items, keys.count, limit, offset, &result->plan);
        sort->sort.keys = keys.items;
        sort->sort.key_count = keys.count;
        if (fused) sort->sort.limit = limit, sort->sort.offset = offset;
        wr_logical_set_outputs(planner, sort);
        result->plan = sort;
    }
    if ((limit || offset) && !fused) {
        wr_logical *node = wr_logical_new(planner, WR_L_LIMIT, result->plan, NULL);
        node->limit.count = limit, node->limit.offset = offset;
        node->limit.is_percent = limit && query->limit_percent;
        wr_logical_set_outputs(planner, node);
        result->plan = node;
    }
    return WR_OK;
}

/* ---- WITH ---- */
wr_cte *wr_find_cte(wr_scope *scope, wr_str name)
{
    for (wr_cte *cte = scope->ctes; cte; cte = cte->next)
        if (wr_str_ieq(cte->node->name.text, name)) return cte;
    return NULL;
}

weir_status wr_bind_ctes(wr_scope *scope, const wr_nodes *ctes, bool recursive)
{
    wr_planner *planner = scope->planner;
    bool takes_changes = planner->takes_changes;
    planner->takes_changes = false;
    for (int i = 0; i < ctes->count; i++) {
        const wr_sql_cte *node = wr_sql_as_cte(ctes->items[i]);
        for (int k = 0; k < i; k++)
            if (wr_str_ieq(wr_sql_as_cte(ctes->items[k])->name.text, node->name.text))
                return wr_fail_at(WR_E_DUPLICATE_NAME, node->name.span,
                                  "WITH defines \"%.*s\" twice", WR_STR_ARGS(node->name.text));
        if (node->query->kind != WR_SQL_QUERY && !takes_changes)
            return wr_fail_at(WR_E_UNSUPPORTED, node->node.span,
                              "only the WITH of the whole statement may change tables");
        planner->fixes_rows |= node->query->kind != WR_SQL_QUERY;
        if (node->key.count)
            return wr_fail_at(WR_E_UNSUPPORTED, node->node.span, "USING KEY is not supported");
        wr_cte *cte = wr_new(planner->arena, wr_cte);
        cte->node = node;
        cte->recursive = recursive;
        cte->next = scope->ctes;
        cte->scope = wr_scope_new(planner, scope);
        cte->scope->is_names_only = true;
        scope->ctes = cte;
    }
    return WR_OK;
}

weir_status wr_cte_name_columns(const wr_cte *cte, wr_result *result)
{
    const wr_names *names = &cte->node->columns;
    if (names->count > result->count)
        return wr_fail_at(WR_E_COLUMN_COUNT, cte->node->node.span,
                          "WITH %.*s names %d columns, its query has %d",
                          WR_STR_ARGS(cte->node->name.text), names->count, result->count);
    for (int i = 0; i < names->count; i++)
        result->columns[i].name = names->items[i].text;
    return WR_OK;
}

static weir_status working_table(wr_planner *planner, wr_cte *cte, wr_result *out)
{
    cte->working_used = true;
    wr_logical *node = wr_logical_new(planner, WR_L_WORKING, NULL, NULL);
    node->working.id = cte->working_id;
    node->output_count = out->count = cte->working_count;
    node->outputs = wr_new_array(planner->arena, wr_output, cte->working_count + 1);
    out->columns = wr_new_array(planner->arena, wr_result_column, cte->working_count + 1);
    for (int i = 0; i < cte->working_count; i++) {
        wr_output output = cte->working[i];
        output.id = wr_planner_column(planner, output.name, output.type);
        output.not_null = false;
        node->outputs[i] = output;
        out->columns[i] =
            (wr_result_column){.id = output.id, .name = output.name, .type = output.type};
    }
    out->plan = node;
    return WR_OK;
}

/* One column of a result cast as CAST would do it. */
static weir_status narrow_column(wr_planner *planner, wr_result *result, int narrowed,
                                 const wr_type *type, wr_span span)
{
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, result->count);
    for (int i = 0; i < result->count; i++) {
        wr_result_column *column = &result->columns[i];
        wr_expr *e = column->untyped ? *column->untyped : wr_column_ref(planner, column->id);
        if (i == narrowed) WR_TRY(wr_bind_cast(planner->arena, e, type, false, span, &e));
        bindings[i] = (wr_binding){wr_planner_column(planner, column->name, e->type), e};
        column->id = bindings[i].id;
        column->type = e->type;
        if (column->untyped) column->untyped = &bindings[i].expr;
    }
    result->plan = wr_project(planner, result->plan, bindings, result->count);
    return WR_OK;
}

/* The last input of the union with the name meaning the rows of the previous round. */
static weir_status bind_recursive(wr_cte *cte, const wr_sql_query *query, const wr_sql_setop *setop,
                                  wr_result *out)
{
    wr_planner *planner = cte->scope->planner;
    wr_scope *scope = wr_scope_new(planner, cte->scope);
    scope->is_names_only = true;
    WR_TRY(wr_bind_ctes(scope, &query->ctes, query->recursive));
    wr_sql_setop first = *setop;
    first.inputs.count--;
    wr_result start, step;
    if (first.inputs.count == 1)
        WR_TRY(wr_bind_query(scope, first.inputs.items[0], false, &start));
    else
        WR_TRY(wr_bind_setop(scope, &first, &start));
    WR_TRY(wr_result_settle(planner, &start));
    WR_TRY(wr_cte_name_columns(cte, &start));
    cte->working_id = planner->next_shared++;
    cte->working_count = start.count;
    cte->working = wr_new_array(planner->arena, wr_output, start.count + 1);
    const wr_type **types = wr_new_array(planner->arena, const wr_type *, start.count + 1);
    for (int i = 0; i < start.count; i++) {
        types[i] = start.columns[i].type;
        cte->working[i] = (wr_output){.type = types[i], .name = start.columns[i].name};
    }
    wr_cte self = *cte;
    self.next = scope->ctes;
    wr_cte *visible = wr_new(planner->arena, wr_cte);
    *visible = self;
    cte->working = NULL; /* only the step sees the working rows */
    wr_scope *inner = wr_scope_new(planner, scope);
    inner->is_names_only = true;
    inner->ctes = visible;
    WR_TRY(wr_bind_query(inner, setop->inputs.items[setop->inputs.count - 1], true, &step));
    WR_TRY(wr_finish_ctes(scope, &query->ctes));
    if (step.count != start.count)
        return wr_fail_at(WR_E_COLUMN_COUNT, setop->node.span,
                          "the start of %.*s has %d columns, its recursive part %d",
                          WR_STR_ARGS(cte->node->name.text), start.count, step.count);
    if (!visible->working_used) {
        wr_result both[2] = {start, step};
        return wr_set_operation(planner, WR_SET_UNION, setop->all, both, 2, setop->node.span, out);
    }
    for (int i = 0; i < step.count; i++) { /* n + 1 may be wider than n: it is brought back */
        wr_result_column *column = &step.columns[i];
        if (column->untyped || column->type == types[i] || !wr_type_is_numeric(column->type) ||
            !wr_type_is_numeric(types[i]))
            continue;
        WR_TRY(narrow_column(planner, &step, i, types[i], setop->node.span));
    }
    weir_status s = wr_result_cast(planner, &step, types, "the recursive part of WITH RECURSIVE");
    if (s)
        return wr_with_hint(wr_with_span(s, setop->node.span),
                            "cast the columns of the first part to the wider type");
    wr_logical *node = wr_logical_new(planner, WR_L_RECURSIVE, start.plan, step.plan);
    node->recursive.id = cte->working_id;
    node->recursive.is_all = setop->all;
    node->recursive.start = wr_new_array(planner->arena, wr_column_id, start.count + 1);
    node->recursive.step = wr_new_array(planner->arena, wr_column_id, start.count + 1);
    node->outputs = wr_new_array(planner->arena, wr_output, start.count + 1);
    node->output_count = out->count = start.count;
    out->columns = wr_new_array(planner->arena, wr_result_column, start.count + 1);
    for (int i = 0; i < start.count; i++) {
        wr_column_id id = wr_planner_column(planner, start.columns[i].name, types[i]);
        node->recursive.start[i] = start.columns[i].id;
        node->recursive.step[i] = step.columns[i].id;
        node->outputs[i] = (wr_output){.id = id, .type = types[i], .name = start.columns[i].name};
        out->columns[i] =
            (wr_result_column){.id = id, .type = types[i], .name = start.columns[i].name};
    }
    out->plan = node;
    return WR_OK;
}

static weir_status bind_cte_query(wr_cte *cte, wr_result *out)
{
    const wr_sql_query *query = wr_sql_as_query(cte->node->query);
    wr_planner *planner = cte->scope->planner;
    cte->scope->ctes = cte->next; /* those defined before */
    WR_TRY(wr_bind_enter(planner, cte->node->node.span));
    bool is_union = cte->recursive && query->body->kind == WR_SQL_SETOP &&
                    wr_sql_as_setop(query->body)->op == WR_UNION;
    if (is_union && !wr_sql_as_setop(query->body)->by_name) {
        WR_TRY(bind_recursive(cte, query, wr_sql_as_setop(query->body), out));
        WR_TRY(order_result(cte->scope, query, out));
    } else {
        WR_TRY(wr_bind_query(cte->scope, cte->node->query, false, out));
    }
    planner->depth--;
    return wr_cte_name_columns(cte, out);
}

weir_status wr_bind_cte_use(wr_scope *scope, wr_cte *cte, wr_span span, wr_result *out)
{
    wr_planner *planner = scope->planner;
    if (wr_is_change(cte)) WR_TRY(wr_bind_change_cte(cte));
    if (wr_is_change(cte) && !cte->result->count)
        return wr_fail_at(WR_E_UNKNOWN_TABLE, span, "WITH \"%.*s\" has no RETURNING and no rows",
                          WR_STR_ARGS(cte->node->name.text));
    if (cte->working) return working_table(planner, cte, out);
    if (!cte->plan || !cte->is_shareable) {
        wr_column_set free = {0};
        WR_TRY(bind_cte_query(cte, out));
        if (cte->plan) return WR_OK; /* bound before: not shareable */
        wr_logical_free_columns(planner->arena, out->plan, &free);
        cte->plan = out->plan;
        cte->is_shareable =
            wr_column_set_empty(&free) && cte->node->materialized != WR_MATERIALIZED_NO;
        if (!cte->is_shareable) return WR_OK;
        cte->result = wr_new(planner->arena, wr_result);
        *cte->result = *out;
        cte->shared_id = planner->next_shared++;
    }
    wr_logical *node = wr_logical_new(planner, WR_L_SHARED, cte->plan, NULL);
    int count = cte->result->count;
    node->shared.id = cte->shared_id;
    node->shared.inner = wr_new_array(planner->arena, wr_column_id, count + 1);
    node->outputs = wr_new_array(planner->arena, wr_output, count + 1);
    node->output_count = out->count = count;
    wr_result_column *columns = wr_new_array(planner->arena, wr_result_column, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_result_column *inner = &cte->result->columns[i];
        const wr_output *output = wr_logical_output(cte->plan, inner->id);
        columns[i] = *inner;
        columns[i].id = wr_planner_column(planner, inner->name, inner->type);
        node->shared.inner[i] = inner->id;
        node->outputs[i] = (wr_output){.id = columns[i].id,
                                       .type = inner->type,
                                       .name = inner->name,
                                       .not_null = output && output->not_null};
    }
    out->columns = columns;
    out->plan = node;
    wr_push(planner->arena, &cte->uses, node);
    return WR_OK;
}

weir_status wr_finish_ctes(wr_scope *scope, const wr_nodes *ctes)
{
    wr_planner *planner = scope->planner;
    for (int i = ctes->count; i-- > 0;) {
        wr_cte *cte = wr_find_cte(scope, wr_sql_as_cte(ctes->items[i])->name.text);
        wr_result unused;
        if (wr_is_change(cte)) continue;
        if (!cte->plan)
            WR_TRY(bind_cte_query(cte, &unused)); /* its errors count even if nobody reads it */
        if (cte->uses.count != 1 || cte->node->materialized == WR_MATERIALIZED_YES) continue;
        wr_logical *node = cte->uses.items[0];
        wr_column_id *inner = node->shared.inner;
        node->kind = WR_L_PROJECT;
        node->project.bindings = wr_new_array(planner->arena, wr_binding, node->output_count + 1);
        node->project.count = node->output_count;
        for (int c = 0; c < node->output_count; c++)
            node->project.bindings[c] =
                (wr_binding){node->outputs[c].id, wr_column_ref(planner, inner[c])};
    }
    return WR_OK;
}

/* ---- the query ---- */
static weir_status bind_body(wr_scope *scope, const wr_node *body, const wr_sql_query *query,
                             bool keep_untyped, wr_result *out)
{
    wr_from from = {0};
    bool done;
    switch (body->kind) {
    case WR_SQL_SELECT:
        return wr_bind_select(scope, wr_sql_as_select(body), query, keep_untyped, out);
    case WR_SQL_QUERY:
        return wr_bind_query(scope, body, keep_untyped, out);
    case WR_SQL_SETOP:
        return wr_bind_setop(scope, wr_sql_as_setop(body), out);
    case WR_SQL_VALUES:
        return wr_bind_values(scope, wr_sql_as_values(body), keep_untyped, out);
    case WR_SQL_PIVOT:
    case WR_SQL_UNPIVOT:
        WR_TRY(wr_bind_relation(scope, NULL, body, &from));
        out->plan = from.plan;
        out->count = from.items.count;
        out->columns = wr_new_array(scope->planner->arena, wr_result_column, from.items.count + 1);
        for (int i = 0; i < from.items.count; i++) {
            const wr_scope_item *item = &from.items.items[i];
            out->columns[i] = (wr_result_column){
                .id = item->expr->column, .name = item->name, .type = item->expr->type};
        }
        return WR_OK;
    case WR_SQL_DESCRIBE:
    case WR_SQL_SHOW:
        WR_TRY(wr_bind_show(scope, body, out, &done));
        if (done) return WR_OK;
        return wr_fail_at(WR_E_UNSUPPORTED, body->span, "this form of %s cannot be used as a query",
                          wr_node_kind_name(body->kind));
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, body->span, "%s cannot be used as a query",
                          wr_node_kind_name(body->kind));
    }
}

weir_status wr_bind_query(wr_scope *outer, const wr_node *node, bool keep_untyped, wr_result *out)
{
    wr_planner *planner = outer->planner;
    const wr_sql_query none = {.node = {WR_SQL_QUERY, node->span}};
    *out = (wr_result){0};
    if (node->kind != WR_SQL_QUERY) return bind_body(outer, node, &none, keep_untyped, out);
    const wr_sql_query *query = wr_sql_as_query(node);
    WR_TRY(wr_bind_enter(planner, node->span));
    planner->emit_on_close |= query->emit_on_close; /* rows of a batch leave when it is done */
    planner->emit_changes |= query->emit_changes;
    if (query->emit_with.count) {
        if (planner->emit_with)
            return wr_fail_at(WR_E_UNSUPPORTED, query->emit_with.items[0]->span,
                              "EMIT WITH is said twice");
        planner->emit_with = &query->emit_with;
    }
    wr_scope *scope = wr_scope_new(planner, outer);
    scope->is_names_only = true;
    scope->fallback = NULL;
    WR_TRY(wr_bind_ctes(scope, &query->ctes, query->recursive));
    WR_TRY(bind_body(scope, query->body, query, keep_untyped, out));
    if (query->body->kind != WR_SQL_SELECT) WR_TRY(order_result(scope, query, out));
    WR_TRY(wr_finish_ctes(scope, &query->ctes));
    WR_TRY(wr_after_changes(scope, &query->ctes, &out->plan));
    planner->depth--;
    return WR_OK;
}
