/* bind_call.c - function calls: scalar functions, aggregates, set-returning functions in the select
 * list.
 *
 * An aggregate belongs to the innermost query block whose columns its arguments use (SQL's rule:
 * sum(outer.x) in a subquery is an aggregate of the outer query); it is noted there and replaced by
 * a column when that block is put together (bind_group.c). unnest(...) in a select list becomes a
 * column of an UNNEST node below the projection. */
#include "plan/bind.h"
#include "sql/format.h"
#include "sql/place.h"

static weir_status bind_arguments(wr_scope *scope, const wr_sql_call *call, wr_expr ***args_out,
                                  wr_str **names_out, int *count_out)
{
    wr_planner *planner = scope->planner;
    wr_str fn = wr_names_last(call->name).text;
    WR_LIST(wr_expr *) args = {0};
    WR_LIST(wr_str) names = {0};
    bool named = false;
    for (int i = 0; i < call->args.count; i++) {
        const wr_node *node = call->args.items[i];
        wr_str name = {0};
        if (node->kind == WR_SQL_ARG) {
            name = wr_sql_as_arg(node)->name.text;
            node = wr_sql_as_arg(node)->value;
            named = true;
        }
        wr_expr *arg;
        if (node->kind == WR_SQL_LAMBDA) {
            const wr_sql_lambda *lambda = wr_sql_as_lambda(node);
            const wr_type **types =
                wr_new_array(planner->arena, const wr_type *, lambda->params.count + 1);
            if (!wr_fn_lambda_params(fn, args.items, args.count, lambda->params.count, types))
                return wr_fail_at(WR_E_TYPE_MISMATCH, node->span,
                                  "%.*s takes no lambda of %d %s here", WR_STR_ARGS(fn),
                                  lambda->params.count,
                                  lambda->params.count == 1 ? "parameter" : "parameters");
            WR_TRY(wr_bind_lambda(scope, lambda, types, &arg));
        } else if (node->kind == WR_SQL_COLUMNS && wr_sql_as_columns(node)->unpack) {
            wr_scope_item *items;
            int count;
            WR_TRY(wr_bind_column_choice(scope, node, &items, &count));
            for (int k = 0; k < count; k++) {
                wr_push(planner->arena, &args, wr_expr_copy(planner->arena, items[k].expr));
                wr_push(planner->arena, &names, WR_STR(""));
            }
            continue;
        } else {
            WR_TRY(wr_bind_expr(scope, node, &arg));
        }
        wr_push(planner->arena, &args, arg);
        wr_push(planner->arena, &names, name);
    }
    *args_out = args.items ? args.items : wr_new_array(planner->arena, wr_expr *, 1);
    *names_out = named ? names.items : NULL;
    *count_out = args.count;
    return WR_OK;
}

/* ---- aggregates ---- */
static wr_scope *next_block(wr_scope *scope)
{
    for (; scope; scope = scope->parent)
        if (scope->is_block) return scope;
    return NULL;
}

static const char *clause_name(wr_clause clause)
{
    switch (clause) {
    case WR_IN_WHERE:
        return "WHERE";
    case WR_IN_ON:
        return "a join condition";
    case WR_IN_GROUP_BY:
        return "GROUP BY";
    case WR_IN_LIMIT:
        return "LIMIT";
    case WR_IN_VALUES:
        return "VALUES";
    case WR_IN_FROM:
        return "FROM";
    case WR_IN_SET:
        return "SET";
    case WR_IN_RETURNING:
        return "RETURNING";
    case WR_IN_CHECK:
        return "CHECK, DEFAULT and generated columns";
    default:
        return "this place";
    }
}

static bool allows_aggregates(wr_clause clause)
{
    return clause == WR_IN_SELECT || clause == WR_IN_HAVING || clause == WR_IN_QUALIFY ||
           clause == WR_IN_ORDER_BY;
}

static void call_columns(wr_arena *arena, const wr_aggregate_call *call, wr_column_set *set)
{
    for (int i = 0; i < call->arg_count; i++)
        wr_expr_columns(arena, call->args[i], set);
    if (call->filter) wr_expr_columns(arena, call->filter, set);
    for (int i = 0; i < call->order_count; i++)
        wr_expr_columns(arena, call->order[i].expr, set);
}

static weir_status note_aggregate(wr_scope *scope, wr_str name, wr_span span,
                                  wr_aggregate_call *call, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    wr_column_set used = {0};
    call_columns(planner->arena, call, &used);
    wr_scope *current = next_block(wr_scope_block(scope)), *owner = NULL;
    for (wr_scope *at = current; at && !owner; at = next_block(at->parent))
        if (wr_column_set_meets(&used, &at->own)) owner = at;
    if (!owner) owner = current;
    if (!owner || (owner == current && wr_scope_block(scope) != owner) ||
        !allows_aggregates(owner->clause)) {
        wr_clause clause =
            owner && owner != current ? owner->clause : wr_scope_block(scope)->clause;
        weir_status s = wr_fail_at(WR_E_GROUPING, span, "the aggregate %.*s cannot stand in %s",
                                   WR_STR_ARGS(name), clause_name(clause));
        return clause == WR_IN_WHERE ? wr_with_hint(s, "filter groups with HAVING") : s;
    }
    if (owner->in_aggregate)
        return wr_fail_at(WR_E_GROUPING, span,
                          "aggregates cannot be nested: %.*s stands inside another one",
                          WR_STR_ARGS(name));
    wr_push(planner->arena, &owner->aggregates, call);
    wr_expr *e = wr_new(planner->arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_AGGREGATE, .type = call->type, .span = span, .aggregate = call};
    *out = e;
    return WR_OK;
}

/* percentile_cont(f) WITHIN GROUP (ORDER BY x) is quantile_cont(x, f); mode() is mode(x). */
static weir_status within_group(wr_scope *scope, const wr_sql_call *call, wr_str *name,
                                wr_aggregate_call *into)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr **args = wr_new_array(arena, wr_expr *, into->arg_count + into->order_count);
    for (int i = 0; i < into->order_count; i++)
        args[i] = into->order[i].expr;
    for (int i = 0; i < into->arg_count; i++)
        args[into->order_count + i] = into->args[i];
    bool continuous = wr_str_is(*name, "percentile_cont"),
         discrete = wr_str_is(*name, "percentile_disc");
    if (into->order_count && into->order[0].descending) {
        if (!continuous || into->arg_count != 1)
            return wr_fail_at(WR_E_UNSUPPORTED, call->node.span,
                              "%.*s WITHIN GROUP cannot be ordered DESC", WR_STR_ARGS(*name));
        wr_expr *one = wr_expr_const(arena, wr_value_f64(1));
        WR_TRY(wr_bind_by_name(scope, "-", (wr_expr *[]){one, into->args[0]}, 2, call->node.span,
                               &args[1]));
    }
    into->args = args;
    into->arg_count += into->order_count;
    into->order = NULL;
    into->order_count = 0;
    if (continuous) *name = WR_STR("quantile_cont");
    if (discrete) *name = WR_STR("quantile_disc");
    return WR_OK;
}

static weir_status bind_aggregate_parts(wr_scope *scope, const wr_sql_call *call,
                                        wr_aggregate_call *into)
{
    bool star = call->args.count == 1 && call->args.items[0]->kind == WR_SQL_STAR &&
                !wr_sql_as_star(call->args.items[0])->operand;
    wr_str *names;
    if (star && call->distinct)
        return wr_with_hint(wr_fail_at(WR_E_BAD_ARGUMENT, call->args.items[0]->span,
                                       "DISTINCT counts values of columns, and * names none"),
                            "count(DISTINCT (a, b)) counts rows that differ in a or b");
    if (!star) WR_TRY(bind_arguments(scope, call, &into->args, &names, &into->arg_count));
    into->is_distinct = call->distinct;
    if (call->filter)
        WR_TRY(wr_bind_expr_as(scope, call->filter, WR_BOOLEAN, "FILTER", &into->filter));
    return wr_bind_sort_keys(scope, &call->order_by, &into->order, &into->order_count);
}

static weir_status bind_aggregate(wr_scope *scope, const wr_sql_call *call, wr_str name,
                                  const wr_host_forms *host, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_aggregate_call *aggregate = wr_new(arena, wr_aggregate_call);
    wr_scope *block = next_block(wr_scope_block(scope));
    if (block) block->in_aggregate++;
    weir_status s = bind_aggregate_parts(scope, call, aggregate);
    if (block) block->in_aggregate--;
    if (s) return s;
    if (call->within_group) WR_TRY(within_group(scope, call, &name, aggregate));
    if (host)
        WR_TRY(wr_bind_host_aggregate(arena, host, call->node.span, aggregate));
    else
        WR_TRY(wr_bind_aggregate(arena, name, call->node.span, aggregate));
    return note_aggregate(scope, name, call->node.span, aggregate, out);
}

/* GROUPING(a, b): an aggregate without a function until the keys are known. */
static weir_status bind_grouping_call(wr_scope *scope, const wr_sql_call *call, wr_expr **out)
{
    wr_aggregate_call *grouping = wr_new(scope->planner->arena, wr_aggregate_call);
    wr_str *names;
    WR_TRY(bind_arguments(scope, call, &grouping->args, &names, &grouping->arg_count));
    if (grouping->arg_count == 0 || grouping->arg_count > 31)
        return wr_fail_at(WR_E_GROUPING, call->node.span, "GROUPING takes 1 to 31 expressions");
    grouping->type = WR_INTEGER;
    return note_aggregate(scope, WR_STR("grouping"), call->node.span, grouping, out);
}

/* ---- set-returning functions in the select list ---- */
static weir_status bind_set_returning(wr_scope *scope, const wr_sql_call *call, const char *list_fn,
                                      wr_expr **out)
{
    wr_planner *planner = scope->planner;
    wr_scope *block = wr_scope_block(scope);
    wr_str name = wr_names_last(call->name).text;
    if (!block->is_block || (block->clause != WR_IN_SELECT && block->clause != WR_IN_ORDER_BY) ||
        block->in_aggregate)
        return wr_fail_at(WR_E_UNSUPPORTED, call->node.span,
                          "%.*s makes several rows and cannot stand in %s", WR_STR_ARGS(name),
                          block->in_aggregate ? "an aggregate" : clause_name(block->clause));
    wr_expr **args;
    wr_str *names;
    int count;
    WR_TRY(bind_arguments(scope, call, &args, &names, &count));
    wr_expr *list;
    if (list_fn)
        WR_TRY(wr_bind_by_name(scope, list_fn, args, count, call->node.span, &list));
    else if (count == 1)
        list = args[0];
    else
        return wr_fail_at(WR_E_BAD_ARGUMENT, call->node.span,
                          "unnest takes one list in a select list");
    if (list->type->id == WR_T_NULL)
        WR_TRY(wr_bind_cast(planner->arena, list, wr_type_list(WR_INTEGER), false, call->node.span,
                            &list));
    if (list->type->id != WR_T_LIST && list->type->id != WR_T_ARRAY)
        return wr_fail_at(WR_E_TYPE_MISMATCH, call->node.span, "unnest takes a list, not %s",
                          wr_type_name(list->type));
    wr_unnested unnested = {.list = list,
                            .id = wr_planner_column(planner, name, list->type->child)};
    wr_push(planner->arena, &block->unnests, unnested);
    *out = wr_expr_column(planner->arena, unnested.id, list->type->child);
    (*out)->span = call->node.span;
    return WR_OK;
}

/* ---- macros ---- */
weir_status wr_bind_enter(wr_planner *planner, wr_span span)
{
    if (++planner->entered > WR_BIND_PARTS_MAX) /* views of views of views multiply */
        return wr_fail_at(WR_E_TOO_BIG, span,
                          "the statement has more than %d queries and relations after views and "
                          "macros were put in",
                          WR_BIND_PARTS_MAX);
    WR_TRY(wr_stack_check(WR_STACK_FOR_READING, span));
    if (++planner->depth <= WR_BIND_DEPTH_MAX) return WR_OK;
    return wr_fail_at(WR_E_TOO_DEEP, span, "queries, views or macros are nested more than %d deep",
                      WR_BIND_DEPTH_MAX);
}

static weir_status bind_macro(wr_scope *scope, wr_object *macro, const wr_sql_call *call,
                              wr_expr **out)
{
    wr_node *tree;
    WR_TRY(wr_bind_enter(scope->planner, call->node.span));
    WR_TRY(wr_macro_expand(scope, macro, call, &tree));
    if (tree->kind == WR_SQL_QUERY) {
        wr_sql_subquery *sub =
            (wr_sql_subquery *)wr_node_new(scope->planner->arena, WR_SQL_SUBQUERY, call->node.span);
        sub->query = tree;
        tree = &sub->node;
    }
    weir_status s = wr_bind_expr(scope, tree, out);
    if (s) return wr_wrap(s, "in macro %.*s", WR_STR_ARGS(macro->name));
    scope->planner->depth--;
    return WR_OK;
}

static bool only_plain(const wr_sql_call *call)
{
    return !call->distinct && !call->filter && !call->over && !call->order_by.count &&
           !call->within_group;
}

static weir_status refuse_aggregate_words(const wr_sql_call *call, wr_str name)
{
    const char *word = call->distinct       ? "DISTINCT"
                       : call->filter       ? "FILTER"
                       : call->within_group ? "WITHIN GROUP"
                                            : "ORDER BY";
    return wr_fail_at(WR_E_UNKNOWN_FUNCTION, call->node.span,
                      "%s needs an aggregate, and %.*s is none", word, WR_STR_ARGS(name));
}

/* Functions of other systems, and what is written here. */
static weir_status check_foreign_name(const wr_sql_call *call, wr_str name)
{
    static const char *const known[][2] = {
        {"getdate", "now() is the time, current_date the day"},
        {"sysdatetime", "now() is the time, current_date the day"},
        {"getutcdate", "now() is the time, current_date the day"},
        {"dateadd", "dates are added to: day + INTERVAL '1 month'"},
        {"date_add_days", "dates are added to: day + 1"},
        {"timestampdiff", "datediff('day', a, b)"},
        {"isnull", "coalesce(a, b) is b where a is NULL; a IS NULL asks"},
        {"convert", "CAST(a AS type), or a::type"},
        {"last_insert_id", "INSERT .. RETURNING id gives the new key"},
        {"last_insert_rowid", "INSERT .. RETURNING id gives the new key"},
        {"scope_identity", "INSERT .. RETURNING id gives the new key"},
        {"julianday", "dates are subtracted: day_b - day_a is the number of days"},
        {"sysdate", "now() is the time, current_date the day"},
        {"newid", "gen_random_uuid()"},
    };
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (wr_str_is(name, known[i][0]) && !wr_fn_exists(name))
            return wr_with_hint(wr_fail_at(WR_E_UNKNOWN_FUNCTION, call->node.span,
                                           "no function \"%.*s\"", WR_STR_ARGS(name)),
                                "%s", known[i][1]);
    return WR_OK;
}

/* datediff(day, a, b): a unit without quotes was looked for as a column. */
static weir_status explain_unit(weir_status bad, wr_str name)
{
    static const char *const takers[] = {"datediff",  "date_diff", "dateadd", "date_add",
                                         "datepart",  "date_part", "datesub", "date_sub",
                                         "datetrunc", "date_trunc"};
    if (!bad || bad->code != WR_E_UNKNOWN_COLUMN || bad->hint) return bad;
    for (size_t i = 0; i < WR_COUNT(takers); i++)
        if (wr_str_is(name, takers[i])) return wr_with_hint(bad, "the unit is a text: 'day'");
    return bad;
}

/* The fix orders by the first column there is, which shows the form. */
static weir_status needs_over(wr_scope *scope, const wr_sql_call *call, wr_str name)
{
    wr_span span = call->node.span;
    weir_status bad = wr_fail_at(WR_E_WINDOWING, span, "the window function %.*s needs OVER (...)",
                                 WR_STR_ARGS(name));
    bad = wr_with_hint(bad, "OVER (ORDER BY ..) says in which order it sees the rows");
    const wr_scope *block = wr_scope_block(scope);
    const wr_scope_item *first = block->items.count ? &block->items.items[0] : NULL;
    size_t at;
    if (!span.length || !wr_place_after_call(scope->planner->sql, span.pos + span.length, &at))
        return bad;
    WR_BUF(order);
    if (first && !first->hidden) {
        wr_buf_add_text(&order, "ORDER BY ");
        wr_format_name(&order, first->name);
    }
    return wr_with_edit(bad, (wr_span){(uint32_t)at, 0}, " OVER (%s)",
                        order.data ? order.data : "");
}

static weir_status bind_host_function(wr_scope *scope, const wr_sql_call *call, wr_str name,
                                      const wr_host_forms *host, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    bool is_aggregate = wr_host_fn_is_aggregate(host->items[0]);
    if (call->over && is_aggregate) return wr_bind_window(scope, call, host, out);
    if (is_aggregate) return bind_aggregate(scope, call, name, host, out);
    if (!only_plain(call)) return refuse_aggregate_words(call, name);
    wr_expr **args;
    wr_str *names;
    int count;
    WR_TRY(bind_arguments(scope, call, &args, &names, &count));
    planner->calls_host = true;
    return wr_bind_host_call(planner->arena, planner->env, host, args, names, count,
                             call->node.span, out);
}

weir_status wr_bind_function(wr_scope *scope, const wr_sql_call *call, wr_expr **out)
{
    wr_planner *planner = scope->planner;
    wr_str schema, name;
    wr_split_name(&call->name, &schema, &name);
    if (wr_str_is(name, "grouping") || wr_str_is(name, "grouping_id"))
        return bind_grouping_call(scope, call, out);
    bool builtin = !schema.length || wr_str_is(schema, "pg_catalog") || wr_str_is(schema, "main");
    if (planner->catalog && !(schema.length && wr_str_is(schema, "pg_catalog"))) {
        unsigned kinds = 1u << WR_ENTRY_MACRO | 1u << WR_ENTRY_FUNCTION;
        wr_object *macro = wr_catalog_find(planner->catalog, kinds, schema, name);
        if (macro) {
            wr_push(planner->arena, &planner->objects, macro);
            if (macro->kind == WR_ENTRY_FUNCTION)
                return bind_host_function(scope, call, name, &macro->forms, out);
            if (!only_plain(call)) return refuse_aggregate_words(call, name);
            return bind_macro(scope, macro, call, out);
        }
    }
    wr_object *query = builtin ? wr_pg_function(planner, name) : NULL;
    if (query && !only_plain(call)) return refuse_aggregate_words(call, name);
    if (query) return bind_macro(scope, query, call, out);
    if (!builtin)
        return wr_fail_at(WR_E_UNKNOWN_FUNCTION, call->node.span,
                          "no function \"%.*s\" in schema \"%.*s\"", WR_STR_ARGS(name),
                          WR_STR_ARGS(schema));
    if (wr_is_window_bound(name)) return wr_bind_window_bound(scope, call, out);
    WR_TRY(check_foreign_name(call, name));
    if (call->over) return wr_bind_window(scope, call, NULL, out);
    const char *list =
        wr_str_is(name, "generate_series") ? "generate_series" : wr_listing_function(name);
    if (list || wr_str_is(name, "unnest")) return bind_set_returning(scope, call, list, out);
    bool ordered_set = call->within_group &&
                       (wr_str_is(name, "percentile_cont") || wr_str_is(name, "percentile_disc"));
    if (ordered_set || wr_aggregate_exists(name))
        return bind_aggregate(scope, call, name, NULL, out);
    if (wr_window_fn_exists(name) && !wr_fn_exists(name)) return needs_over(scope, call, name);
    if (!only_plain(call)) return refuse_aggregate_words(call, name);
    wr_expr **args;
    wr_str *names;
    int count;
    WR_TRY(explain_unit(bind_arguments(scope, call, &args, &names, &count), name));
    const wr_type *type = count == 1 && !wr_fn_exists(name) ? wr_type_find(name, NULL, 0) : NULL;
    if (type && !names) /* date(x) is a cast, as in PostgreSQL */
        return wr_bind_cast(planner->arena, args[0], type, false, call->node.span, out);
    return wr_bind_call(planner->arena, planner->env, name, args, names, count, call->node.span,
                        out);
}
