/* macro.c - macros and other stored text: parsed, put in place, and bound where it is used.
 *
 * Parameters are replaced in the syntax tree, before names are resolved, so that an argument may be
 * anything that an expression may be and may be used several times. Nodes of stored text get the
 * span of the place that uses it: error messages point into the statement the user typed. */
#include "plan/bind.h"
#include "sql/parse.h"

static void stamp_names(wr_names *names, wr_span span)
{
    for (int i = 0; i < names->count; i++)
        names->items[i].span = span;
}

static weir_status stamp_child(void *context, wr_node **child)
{
    wr_stamp_spans(*child, *(wr_span *)context);
    return WR_OK;
}

void wr_stamp_spans(wr_node *node, wr_span span)
{
    for (; node->kind == WR_SQL_BINARY; node = wr_sql_as_binary(node)->left) {
        node->span = span;
        wr_stamp_spans(wr_sql_as_binary(node)->right, span);
    }
    node->span = span;
    if (node->kind == WR_SQL_COLUMN) stamp_names(&wr_sql_as_column(node)->parts, span);
    if (node->kind == WR_SQL_CALL) stamp_names(&wr_sql_as_call(node)->name, span);
    if (node->kind == WR_SQL_TABLE_REF) stamp_names(&wr_sql_as_table_ref(node)->name, span);
    if (node->kind == WR_SQL_STAR) stamp_names(&wr_sql_as_star(node)->qualifier, span);
    if (node->kind == WR_SQL_FIELD) wr_sql_as_field(node)->name.span = span;
    if (node->kind == WR_SQL_JOIN) stamp_names(&wr_sql_as_join(node)->using, span);
    wr_status_drop(wr_node_each_child(node, stamp_child, &span));
}

typedef struct substitution {
    wr_arena *arena;
    const wr_object *macro;
    wr_node **values; /* per parameter */
} substitution;

static weir_status substitute(void *context, wr_node **slot)
{
    substitution *sub = context;
    for (; (*slot)->kind == WR_SQL_BINARY; slot = &wr_sql_as_binary(*slot)->left)
        WR_TRY(substitute(context, &wr_sql_as_binary(*slot)->right));
    wr_node *node = *slot;
    if (node->kind == WR_SQL_LAMBDA) { /* its own parameters hide ours */
        const wr_names *own = &wr_sql_as_lambda(node)->params;
        for (int i = 0; i < own->count; i++)
            for (int p = 0; p < sub->macro->param_count; p++)
                if (wr_str_ieq(own->items[i].text, sub->macro->params[p])) return WR_OK;
    }
    if (node->kind != WR_SQL_COLUMN) return wr_node_each_child(node, substitute, sub);
    const wr_names *parts = &wr_sql_as_column(node)->parts;
    for (int p = 0; p < sub->macro->param_count; p++) {
        if (!wr_str_ieq(parts->items[0].text, sub->macro->params[p])) continue;
        wr_node *value = wr_node_copy(sub->arena, sub->values[p]);
        for (int i = 1; i < parts->count; i++) {
            wr_sql_field *field = (wr_sql_field *)wr_node_new(sub->arena, WR_SQL_FIELD, node->span);
            field->operand = value;
            field->name = parts->items[i];
            value = &field->node;
        }
        *slot = value;
        return WR_OK;
    }
    return WR_OK;
}

static weir_status parse_stored(wr_arena *arena, wr_str sql, bool is_query, wr_span span,
                                wr_node **out)
{
    if (!is_query) {
        WR_TRY(wr_parse_expression(arena, sql, out));
    } else {
        wr_statement statement;
        WR_TRY(wr_parse_one(arena, sql, &statement));
        *out = statement.node;
    }
    wr_stamp_spans(*out, span);
    return WR_OK;
}

static weir_status match_arguments(wr_scope *scope, const wr_object *macro, const wr_sql_call *call,
                                   wr_node **values)
{
    wr_span span = call->node.span;
    int next = 0;
    for (int i = 0; i < call->args.count; i++) {
        wr_node *arg = call->args.items[i];
        int at = next;
        if (arg->kind == WR_SQL_ARG) {
            wr_str name = wr_sql_as_arg(arg)->name.text;
            wr_nearest nearest = {.wanted = name};
            for (at = 0; at < macro->param_count && !wr_str_ieq(macro->params[at], name); at++)
                wr_nearest_offer(&nearest, macro->params[at]);
            if (at == macro->param_count)
                return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_OPTION, arg->span,
                                                  "macro %.*s has no parameter \"%.*s\"",
                                                  WR_STR_ARGS(macro->name), WR_STR_ARGS(name)),
                                       &nearest);
            arg = wr_sql_as_arg(arg)->value;
        } else if (next++ >= macro->param_count) {
            return wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "macro %.*s takes %d %s, not %d",
                              WR_STR_ARGS(macro->name), macro->param_count,
                              macro->param_count == 1 ? "argument" : "arguments", call->args.count);
        }
        values[at] = arg;
    }
    for (int p = 0; p < macro->param_count; p++) {
        if (values[p]) continue;
        if (!macro->param_defaults || !macro->param_defaults[p].length)
            return wr_fail_at(WR_E_UNKNOWN_FUNCTION, span, "macro %.*s needs a value for %.*s",
                              WR_STR_ARGS(macro->name), WR_STR_ARGS(macro->params[p]));
        WR_TRY(
            parse_stored(scope->planner->arena, macro->param_defaults[p], false, span, &values[p]));
    }
    return WR_OK;
}

weir_status wr_macro_expand(wr_scope *scope, wr_object *macro, const wr_sql_call *call,
                            wr_node **tree)
{
    wr_arena *arena = scope->planner->arena;
    wr_node **values = wr_new_array(arena, wr_node *, macro->param_count + 1);
    WR_TRY(match_arguments(scope, macro, call, values));
    WR_TRY(parse_stored(arena, macro->sql, macro->kind == WR_ENTRY_TABLE_MACRO, call->node.span,
                        tree));
    substitution sub = {.arena = arena, .macro = macro, .values = values};
    return substitute(&sub, tree);
}

weir_status wr_bind_stored_query(wr_scope *scope, wr_str sql, wr_str what, wr_span span,
                                 wr_result *out)
{
    wr_planner *planner = scope->planner;
    wr_node *tree;
    weir_status s = wr_bind_enter(planner, span);
    if (s) return s;
    s = parse_stored(planner->arena, sql, true, span, &tree);
    if (!s) s = wr_bind_query(wr_scope_new(planner, NULL), tree, false, out);
    if (s) return wr_wrap(s, "in view %.*s", WR_STR_ARGS(what));
    planner->depth--;
    return WR_OK;
}
