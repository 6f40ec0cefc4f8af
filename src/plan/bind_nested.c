/* bind_nested.c - lists, structs, maps: literals, parts of them, lambdas and list comprehensions.
 *
 * All of them are calls of functions of the registry: [a, b] is list_value(a, b), x[1]
 * list_extract(x, 1), {k: v} struct_pack(k => v), [f(x) FOR x IN l IF c]
 * list_transform(list_filter(l, x -> c), x -> f(x)). */
#include "plan/bind.h"

weir_status wr_bind_list(wr_scope *scope, const wr_sql_list *list, wr_expr **out)
{
    wr_expr **args;
    WR_TRY(wr_bind_exprs(scope, &list->items, &args));
    const wr_type *type;
    if (list->items.count) {
        weir_status s = wr_bind_unify(scope, args, list->items.count, "a list", &type);
        if (s) return wr_with_span(s, list->node.span);
    }
    return wr_bind_by_name(scope, "list_value", args, list->items.count, list->node.span, out);
}

weir_status wr_bind_row(wr_scope *scope, const wr_sql_row *row, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr **args;
    WR_TRY(wr_bind_exprs(scope, &row->items, &args));
    wr_str *names = wr_new_array(arena, wr_str, row->items.count + 1);
    for (int i = 0; i < row->items.count; i++)
        names[i] = wr_arena_printf(arena, "f%d", i + 1);
    return wr_bind_call(arena, scope->planner->env, WR_STR("struct_pack"), args, names,
                        row->items.count, row->node.span, out);
}

weir_status wr_bind_struct(wr_scope *scope, const wr_sql_struct *node, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    int count = node->fields.count;
    wr_expr **args = wr_new_array(arena, wr_expr *, count + 1);
    wr_str *names = wr_new_array(arena, wr_str, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_sql_arg *field = wr_sql_as_arg(node->fields.items[i]);
        names[i] = field->name.text;
        WR_TRY(wr_bind_expr(scope, field->value, &args[i]));
    }
    return wr_bind_call(arena, scope->planner->env, WR_STR("struct_pack"), args, names, count,
                        node->node.span, out);
}

weir_status wr_bind_map(wr_scope *scope, const wr_sql_map *map, wr_expr **out)
{
    wr_expr *args[2];
    const wr_sql_list keys = {.node = {WR_SQL_LIST, map->node.span}, .items = map->keys};
    const wr_sql_list values = {.node = {WR_SQL_LIST, map->node.span}, .items = map->values};
    WR_TRY(wr_bind_list(scope, &keys, &args[0]));
    WR_TRY(wr_bind_list(scope, &values, &args[1]));
    return wr_bind_by_name(scope, "map", args, 2, map->node.span, out);
}

weir_status wr_bind_subscript(wr_scope *scope, const wr_sql_subscript *node, wr_expr **out)
{
    wr_expr *args[2];
    WR_TRY(wr_bind_expr(scope, node->operand, &args[0]));
    WR_TRY(wr_bind_expr(scope, node->index, &args[1]));
    const wr_expr *index = args[1];
    switch (args[0]->type->id) {
    case WR_T_STRUCT:
        if (index->kind == WR_X_CONST && index->type->id == WR_T_VARCHAR && !index->value.is_null)
            return wr_bind_field(scope, args[0], index->value.text, node->node.span, out);
        return wr_bind_by_name(scope, "struct_extract", args, 2, node->node.span, out);
    case WR_T_MAP:
        return wr_bind_by_name(scope, "map_extract_value", args, 2, node->node.span, out);
    case WR_T_JSON:
        return wr_bind_by_name(scope, "->", args, 2, node->node.span, out);
    case WR_T_LIST:
    case WR_T_ARRAY:
        return wr_bind_by_name(scope, "list_extract", args, 2, node->node.span, out);
    default:
        return wr_bind_by_name(scope, "array_extract", args, 2, node->node.span, out);
    }
}

weir_status wr_bind_slice(wr_scope *scope, const wr_sql_slice *slice, wr_expr **out)
{
    wr_expr *args[4];
    const wr_node *parts[] = {slice->operand, slice->low, slice->high, slice->step};
    for (int i = 0; i < 4; i++) {
        if (parts[i]) {
            WR_TRY(wr_bind_expr(scope, parts[i], &args[i]));
            continue;
        }
        args[i] = wr_expr_const(scope->planner->arena, wr_value_null(WR_BIGINT));
    }
    bool is_list = args[0]->type->id == WR_T_LIST || args[0]->type->id == WR_T_ARRAY;
    bool from_end = slice->step || !is_list || scope->planner->env->duckdb_compat;
    return wr_bind_by_name(scope, from_end ? "list_slice" : "array_range", args,
                           slice->step ? 4 : 3, slice->node.span, out);
}

/* [result FOR x IN source IF condition] is transform(filter(source, x -> condition), x -> result).
 */
weir_status wr_bind_comprehension(wr_scope *scope, const wr_sql_comprehension *node, wr_expr **out)
{
    wr_expr *source;
    WR_TRY(wr_bind_expr(scope, node->source, &source));
    const char *names[] = {"list_filter", "list_transform"};
    const wr_node *bodies[] = {node->condition, node->result};
    for (int i = 0; i < 2; i++) {
        if (!bodies[i]) continue;
        const wr_type *types[2];
        if (!wr_fn_lambda_params(wr_str_of(names[i]), &source, 1, node->variables.count, types))
            return wr_fail_at(WR_E_TYPE_MISMATCH, node->node.span,
                              "a value of type %s is no list to go through",
                              wr_type_name(source->type));
        wr_sql_lambda lambda = {.node = {WR_SQL_LAMBDA, node->node.span},
                                .params = node->variables,
                                .body = (wr_node *)bodies[i]};
        wr_expr *args[2] = {source};
        WR_TRY(wr_bind_lambda(scope, &lambda, types, &args[1]));
        WR_TRY(wr_bind_by_name(scope, names[i], args, 2, node->node.span, &source));
    }
    *out = source;
    return WR_OK;
}

weir_status wr_bind_lambda(wr_scope *scope, const wr_sql_lambda *lambda, const wr_type **types,
                           wr_expr **out)
{
    wr_planner *planner = scope->planner;
    wr_scope *inner = wr_scope_new(planner, scope);
    inner->is_names_only = true;
    inner->clause = scope->clause;
    wr_expr *e = wr_new(planner->arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_LAMBDA, .span = lambda->node.span, .arg_count = 1};
    e->args = wr_new_array(planner->arena, wr_expr *, 1);
    e->lambda.param_count = lambda->params.count;
    for (int i = 0; i < lambda->params.count; i++) {
        wr_column_id id = WR_LAMBDA_IDS + planner->next_lambda++;
        if (i == 0) e->lambda.first_param = id;
        wr_scope_item item = {.name = lambda->params.items[i].text,
                              .expr = wr_expr_column(planner->arena, id, types[i])};
        wr_push(planner->arena, &inner->names, item);
    }
    WR_TRY(wr_bind_expr(inner, lambda->body, &e->args[0]));
    e->type = e->args[0]->type;
    *out = e;
    return WR_OK;
}
