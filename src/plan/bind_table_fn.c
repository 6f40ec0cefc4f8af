/* bind_table_fn.c - function calls in FROM.
 *
 * Tried in this order: table macros; unnest; generate_series and range (a relation that counts,
 * when the arguments are constant integers, else a list that is unnested); functions of table_fn.c;
 * functions that give a list per value and stand for several rows in FROM; at last any scalar
 * function, as one row (PostgreSQL's rule). Arguments may use relations to the left: the join with
 * them is then lateral. */
#include "plan/table_fn.h"

static wr_logical *one_row(wr_planner *planner)
{
    wr_logical *one = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    one->values.rows = wr_new_array(planner->arena, wr_expr **, 1);
    one->values.row_count = 1;
    return one;
}

static weir_status unnest_lists(wr_planner *planner, wr_expr **lists, int count, wr_str name,
                                bool ordinality, wr_span span, wr_result *out)
{
    wr_logical *node = wr_logical_new(planner, WR_L_UNNEST, one_row(planner), NULL);
    out->columns = wr_new_array(planner->arena, wr_result_column, count + 2);
    node->unnest.lists = lists;
    node->unnest.list_count = count;
    node->unnest.ids = wr_new_array(planner->arena, wr_column_id, count + 1);
    for (int i = 0; i < count; i++) {
        if (lists[i]->type->id == WR_T_NULL)
            WR_TRY(wr_bind_cast(planner->arena, lists[i], wr_type_list(WR_INTEGER), false, span,
                                &lists[i]));
        const wr_type *type = lists[i]->type;
        if (type->id != WR_T_LIST && type->id != WR_T_ARRAY)
            return wr_fail_at(WR_E_TYPE_MISMATCH, lists[i]->span.length ? lists[i]->span : span,
                              "unnest takes a list, not %s", wr_type_name(type));
        node->unnest.ids[i] = wr_planner_column(planner, name, type->child);
        out->columns[i] =
            (wr_result_column){.id = node->unnest.ids[i], .name = name, .type = type->child};
    }
    out->count = count;
    if (ordinality) {
        node->unnest.with_ordinality = true;
        node->unnest.ordinality = wr_planner_column(planner, WR_STR("ordinality"), WR_BIGINT);
        out->columns[out->count++] = (wr_result_column){
            .id = node->unnest.ordinality, .name = WR_STR("ordinality"), .type = WR_BIGINT};
    }
    wr_logical_set_outputs(planner, node);
    out->plan = node;
    return WR_OK;
}

static void single_column(wr_planner *planner, wr_logical *plan, wr_str name, wr_result *out)
{
    out->plan = plan;
    out->count = 1;
    out->columns = wr_new_array(planner->arena, wr_result_column, 2);
    out->columns[0] =
        (wr_result_column){.id = plan->outputs[0].id, .name = name, .type = plan->outputs[0].type};
}

static weir_status fold_integer(wr_scope *scope, wr_expr *e, bool *is_null, int64_t *out)
{
    wr_planner *planner = scope->planner;
    wr_value value;
    WR_TRY(wr_bind_coerce(planner->arena, e, WR_BIGINT, "a series", &e));
    WR_TRY(wr_expr_fold(planner->arena, planner->env, e, &value));
    *is_null = *is_null || value.is_null;
    *out = value.is_null ? 0 : value.i64;
    return WR_OK;
}

/* generate_series(first, last [, step]); range(last), range(first, last [, step]) without the last.
 */
static weir_status bind_series(wr_scope *scope, wr_str name, wr_expr **args, int count,
                               bool included, bool ordinality, wr_span span, wr_result *out)
{
    wr_planner *planner = scope->planner;
    bool counts = count >= 1 && count <= 3;
    for (int i = 0; i < count; i++)
        counts = counts && (wr_type_is_integer(args[i]->type) || args[i]->is_untyped) &&
                 wr_expr_is_const(args[i]);
    if (!counts) {
        wr_expr **list = wr_new_array(planner->arena, wr_expr *, 1);
        WR_TRY(wr_bind_by_name(scope, included ? "generate_series" : "range", args, count, span,
                               &list[0]));
        return unnest_lists(planner, list, 1, name, ordinality, span, out);
    }
    bool narrow = included; /* PostgreSQL's generate_series(int, int) is int */
    for (int i = 0; i < count; i++)
        narrow = narrow && args[i]->type == WR_INTEGER;
    int64_t bounds[3] = {0, 0, 1};
    bool is_null = false;
    if (count == 1) {
        WR_TRY(fold_integer(scope, args[0], &is_null, &bounds[1]));
    } else {
        for (int i = 0; i < count; i++)
            WR_TRY(fold_integer(scope, args[i], &is_null, &bounds[i]));
    }
    if (is_null) bounds[0] = 1, bounds[1] = 0, bounds[2] = 1;
    if (bounds[2] == 0)
        return wr_fail_at(WR_E_BAD_ARGUMENT, span, "the step of %.*s must not be 0",
                          WR_STR_ARGS(name));
    wr_relation *relation;
    weir_status s = wr_series_new(name, narrow ? WR_INTEGER : WR_BIGINT, bounds[0], bounds[1],
                                  bounds[2], included, &relation);
    if (s) return wr_with_span(s, span);
    single_column(planner, wr_logical_scan(planner, relation, name, NULL), name, out);
    return WR_OK;
}

static weir_status scalar_row(wr_scope *scope, const wr_sql_call *call, wr_str name, wr_result *out)
{
    wr_planner *planner = scope->planner;
    wr_binding *binding = wr_new(planner->arena, wr_binding);
    WR_TRY(wr_bind_function(scope, call, &binding->expr));
    binding->id = wr_planner_column(planner, name, binding->expr->type);
    single_column(planner, wr_project(planner, one_row(planner), binding, 1), name, out);
    return WR_OK;
}

const char *wr_listing_function(wr_str name)
{
    static const struct {
        const char *name, *list;
    } functions[] = {
        {"regexp_split_to_table", "regexp_split_to_array"},
        {"string_to_table", "string_to_array"},
        {"json_array_elements", "json_array_values"},
        {"jsonb_array_elements", "json_array_values"},
        {"json_array_elements_text", "json_array_texts"},
        {"jsonb_array_elements_text", "json_array_texts"},
        {"json_object_keys", "json_keys"},
        {"jsonb_object_keys", "json_keys"},
        {"generate_subscripts", "generate_subscripts"},
    };
    for (size_t i = 0; i < WR_COUNT(functions); i++)
        if (wr_str_is(name, functions[i].name)) return functions[i].list;
    return NULL;
}

/* json_each(object): what lists the values, NULL for other names. */
static const char *members_of(wr_str name)
{
    if (wr_str_is(name, "json_each") || wr_str_is(name, "jsonb_each")) return "json_values";
    if (wr_str_is(name, "json_each_text") || wr_str_is(name, "jsonb_each_text"))
        return "json_value_texts";
    return NULL;
}

/* The columns key and value. */
static weir_status bind_members(wr_scope *scope, wr_expr *object, wr_str name, const char *values,
                                bool ordinality, wr_span span, wr_result *out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr **lists = wr_new_array(arena, wr_expr *, 2);
    wr_expr *copy = wr_expr_copy(arena, object);
    WR_TRY(wr_bind_by_name(scope, "json_keys", &object, 1, span, &lists[0]));
    WR_TRY(wr_bind_by_name(scope, values, &copy, 1, span, &lists[1]));
    WR_TRY(unnest_lists(scope->planner, lists, 2, name, ordinality, span, out));
    out->columns[0].name = WR_STR("key");
    out->columns[1].name = WR_STR("value");
    return WR_OK;
}

static weir_status table_fn_args(wr_scope *scope, const wr_sql_call *call, wr_table_fn_args *args)
{
    wr_planner *planner = scope->planner;
    wr_nodes named = {.items = wr_new_array(planner->arena, wr_node *, call->args.count + 1)};
    args->span = call->node.span;
    args->values = wr_new_array(planner->arena, wr_value, call->args.count + 1);
    for (int i = 0; i < call->args.count; i++) {
        wr_node *node = call->args.items[i];
        if (node->kind == WR_SQL_BINARY && wr_sql_as_binary(node)->op == WR_OP_EQ &&
            wr_sql_as_binary(node)->left->kind == WR_SQL_COLUMN) { /* name = value */
            wr_sql_arg *arg = (wr_sql_arg *)wr_node_new(planner->arena, WR_SQL_ARG, node->span);
            arg->name = wr_names_last(wr_sql_as_column(wr_sql_as_binary(node)->left)->parts);
            arg->value = wr_sql_as_binary(node)->right;
            node = &arg->node;
        }
        if (node->kind == WR_SQL_ARG) {
            named.items[named.count++] = node;
            continue;
        }
        WR_TRY(wr_bind_constant(planner, node, NULL, &args->values[args->count++]));
    }
    return wr_bind_options(planner, &named, &args->named);
}

static const wr_table_fn *find_table_fn(wr_str name)
{
    for (const wr_table_fn *fn = wr_table_fns; fn->name; fn++) {
        wr_str rest = wr_str_of(fn->name);
        while (rest.length) {
            const char *bar = memchr(rest.data, '|', rest.length);
            wr_str one = {rest.data, bar ? (size_t)(bar - rest.data) : rest.length};
            if (wr_str_ieq(one, name)) return fn;
            size_t used = WR_MIN(one.length + 1, rest.length);
            rest.data += used, rest.length -= used;
        }
    }
    return NULL;
}

static weir_status unknown_function(wr_str name, wr_span span)
{
    wr_nearest nearest = {.wanted = name};
    for (const wr_table_fn *fn = wr_table_fns; fn->name; fn++) {
        const char *bar = strchr(fn->name, '|');
        wr_nearest_offer(&nearest,
                         (wr_str){fn->name, bar ? (size_t)(bar - fn->name) : strlen(fn->name)});
    }
    return wr_with_nearest(
        wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "no table function \"%.*s\"", WR_STR_ARGS(name)),
        &nearest);
}

static weir_status bind_call_in_from(wr_scope *scope, const wr_sql_function_ref *ref,
                                     wr_result *out, bool *has_ordinality)
{
    wr_planner *planner = scope->planner;
    const wr_sql_call *call = wr_sql_as_call(ref->call);
    wr_str schema, name;
    wr_split_name(&call->name, &schema, &name);
    wr_object *macro = planner->catalog ? wr_catalog_find(planner->catalog,
                                                          1u << WR_ENTRY_TABLE_MACRO, schema, name)
                                        : NULL;
    if (macro) {
        wr_node *tree;
        wr_push(planner->arena, &planner->objects, macro);
        WR_TRY(wr_bind_enter(planner, call->node.span));
        WR_TRY(wr_macro_expand(scope, macro, call, &tree));
        weir_status s = wr_bind_query(scope, tree, false, out);
        if (s) return wr_wrap(s, "in macro %.*s", WR_STR_ARGS(macro->name));
        planner->depth--;
        return WR_OK;
    }
    const wr_table_fn *fn = find_table_fn(name);
    if (fn) {
        wr_table_fn_args args = {0};
        WR_TRY(table_fn_args(scope, call, &args));
        weir_status s = fn->bind(scope, &args, out);
        return s ? wr_with_span(s, call->node.span) : WR_OK;
    }
    bool series = wr_str_is(name, "generate_series"), range = wr_str_is(name, "range");
    const char *list = wr_listing_function(name);
    const char *members = members_of(name);
    if (!series && !range && !list && !members && !wr_str_is(name, "unnest")) {
        if (!wr_fn_exists(name)) return unknown_function(name, call->node.span);
        return scalar_row(scope, call, name, out);
    }
    wr_expr **args;
    int count = call->args.count;
    WR_TRY(wr_bind_exprs(scope, &call->args, &args));
    *has_ordinality = ref->ordinality;
    if (series || range) {
        WR_TRY(
            bind_series(scope, name, args, count, series, ref->ordinality, call->node.span, out));
        *has_ordinality = ref->ordinality && out->plan->kind == WR_L_UNNEST;
        return WR_OK;
    }
    if (members) {
        if (count != 1)
            return wr_fail_at(WR_E_UNKNOWN_FUNCTION, call->node.span, "%.*s takes one argument",
                              WR_STR_ARGS(name));
        return bind_members(scope, args[0], name, members, ref->ordinality, call->node.span, out);
    }
    if (list) {
        WR_TRY(wr_bind_by_name(scope, list, args, count, call->node.span, &args[0]));
        count = 1;
    }
    if (!count)
        return wr_fail_at(WR_E_UNKNOWN_FUNCTION, call->node.span, "%.*s needs at least one list",
                          WR_STR_ARGS(name));
    return unnest_lists(planner, args, count, name, ref->ordinality, call->node.span, out);
}

static void add_ordinality(wr_planner *planner, wr_result *result)
{
    wr_logical *node = wr_logical_new(planner, WR_L_ORDINAL, result->plan, NULL);
    node->ordinal.id = wr_planner_column(planner, WR_STR("ordinality"), WR_BIGINT);
    wr_logical_set_outputs(planner, node);
    wr_result_column *columns = wr_new_array(planner->arena, wr_result_column, result->count + 1);
    memcpy(columns, result->columns, sizeof *columns * (size_t)result->count);
    columns[result->count++] =
        (wr_result_column){.id = node->ordinal.id, .name = WR_STR("ordinality"), .type = WR_BIGINT};
    result->columns = columns;
    result->plan = node;
}

static bool is_table_macro(const wr_planner *planner, const wr_sql_call *call)
{
    wr_str schema, name;
    wr_split_name(&call->name, &schema, &name);
    WR_AUTO(wr_object) *macro =
        planner->catalog
            ? wr_catalog_find(planner->catalog, 1u << WR_ENTRY_TABLE_MACRO, schema, name)
            : NULL;
    return macro != NULL;
}

weir_status wr_bind_function_ref(wr_scope *outer, const wr_from *left,
                                 const wr_sql_function_ref *ref, wr_from *out)
{
    wr_planner *planner = outer->planner;
    const wr_sql_call *call = wr_sql_as_call(ref->call);
    if (wr_is_time_window(wr_names_last(call->name).text) && !is_table_macro(planner, call))
        return wr_bind_time_window(outer, left, ref, out);
    wr_scope *scope =
        left && left->plan ? wr_scope_over(outer, left) : wr_scope_new(planner, outer);
    scope->clause = WR_IN_FROM;
    wr_result result = {0};
    bool has_ordinality = false;
    wr_str name = wr_names_last(wr_sql_as_call(ref->call)->name).text;
    WR_TRY(bind_call_in_from(scope, ref, &result, &has_ordinality));
    bool one_column = result.count == 1 + has_ordinality && result.plan->kind != WR_L_VALUES;
    if (ref->ordinality && !has_ordinality) add_ordinality(planner, &result);
    *out = (wr_from){.plan = result.plan};
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->items = wr_new_array(planner->arena, wr_scope_item, result.count + 2);
    table->count = result.count;
    for (int i = 0; i < result.count; i++)
        table->items[i] = (wr_scope_item){.name = result.columns[i].name,
                                          .expr = wr_column_ref(planner, result.columns[i].id),
                                          .table = table};
    if (result.plan->kind == WR_L_SCAN)
        for (int i = result.plan->scan.relation->visible_count; i < table->count; i++)
            table->items[i].hidden = true;
    /* FROM generate_series(1, 3) AS x: the column is called x, as in PostgreSQL, and stays
     * reachable by its own name. */
    if (one_column && wr_name_given(ref->alias.name) && !ref->alias.columns.count) {
        table->items[table->count] = table->items[0];
        table->items[table->count++].hidden = true;
        table->items[0].name = ref->alias.name.text;
    }
    wr_from_add_table(planner, out, table);
    return wr_from_alias(planner, out, &ref->alias, name, ref->node.span);
}
