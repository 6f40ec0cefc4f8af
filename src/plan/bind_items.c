/* bind_items.c - the select list: stars, COLUMNS(..), names, aliases for later items.
 *
 * A star becomes its columns; an expression around COLUMNS(..) is repeated for each column chosen:
 * it is bound once per column while scope->columns_value says what COLUMNS stands for. */
#include "plan/bind.h"

typedef struct finding {
    const wr_node *found, *left; /* left: not to be looked into */
} finding;

static weir_status find_in(void *context, wr_node **child)
{
    finding *f = context;
    if (!f->found && *child != f->left) f->found = wr_find_columns(*child);
    return WR_OK;
}

/* The first one not below the left operand of a binary operator. */
static const wr_node *find_beside_left(const wr_node *node)
{
    switch (node->kind) {
    case WR_SQL_COLUMNS:
        return wr_sql_as_columns(node)->unpack ? NULL : node;
    case WR_SQL_QUERY:
    case WR_SQL_SUBQUERY:
    case WR_SQL_EXISTS:
    case WR_SQL_LITERAL:
    case WR_SQL_COLUMN:
    case WR_SQL_STAR:
        return NULL;
    default: {
        finding f = {0};
        if (node->kind == WR_SQL_BINARY) f.left = wr_sql_as_binary(node)->left;
        wr_status_drop(wr_node_each_child((wr_node *)node, find_in, &f));
        return f.found;
    }
    }
}

/* Binary operators lean left without limit: their left operands are followed in a loop. What is
 * found further down stands further to the left and is the first. */
const wr_node *wr_find_columns(const wr_node *node)
{
    const wr_node *found = NULL;
    for (; node->kind == WR_SQL_BINARY; node = wr_sql_as_binary(node)->left) {
        const wr_node *here = find_beside_left(node);
        if (here) found = here;
    }
    const wr_node *here = find_beside_left(node);
    return here ? here : found;
}

/* ---- stars ---- */
static bool is_excluded(const wr_sql_star *star, const wr_scope_item *item, bool *used)
{
    for (int i = 0; i < star->exclude.count; i++) {
        const wr_names *parts = &wr_sql_as_column(star->exclude.items[i])->parts;
        if (!wr_str_ieq(wr_names_last(*parts).text, item->name)) continue;
        if (parts->count > 1 &&
            (!item->table || !wr_str_ieq(parts->items[parts->count - 2].text, item->table->name)))
            continue;
        used[i] = true;
        return true;
    }
    return false;
}

static const wr_sql_item *star_item(const wr_nodes *list, wr_str name, bool by_value, int *index)
{
    for (int i = 0; i < list->count; i++) {
        const wr_sql_item *item = wr_sql_as_item(list->items[i]);
        wr_str key =
            by_value ? wr_names_last(wr_sql_as_column(item->value)->parts).text : item->alias.text;
        if (!wr_str_ieq(key, name)) continue;
        *index = i;
        return item;
    }
    return NULL;
}

static weir_status unused_name(wr_scope *scope, wr_str name, wr_span span, const char *word)
{
    weir_status s = wr_scope_unknown_column(scope, WR_STR(""), name, span);
    return wr_wrap(s, "%s", word);
}

static weir_status check_used(wr_scope *scope, const wr_sql_star *star, const bool *excluded,
                              const bool *replaced, const bool *renamed)
{
    for (int i = 0; i < star->exclude.count; i++)
        if (!excluded[i])
            return unused_name(scope,
                               wr_names_last(wr_sql_as_column(star->exclude.items[i])->parts).text,
                               star->exclude.items[i]->span, "EXCLUDE");
    for (int i = 0; i < star->replace.count; i++)
        if (!replaced[i])
            return unused_name(scope, wr_sql_as_item(star->replace.items[i])->alias.text,
                               star->replace.items[i]->span, "REPLACE");
    for (int i = 0; i < star->rename.count; i++)
        if (!renamed[i])
            return unused_name(
                scope,
                wr_names_last(wr_sql_as_column(wr_sql_as_item(star->rename.items[i])->value)->parts)
                    .text,
                star->rename.items[i]->span, "RENAME");
    return WR_OK;
}

/* The columns of a star after EXCLUDE, REPLACE, RENAME. */
static weir_status expand_star(wr_scope *scope, const wr_sql_star *star, wr_scope_item **out,
                               int *count)
{
    wr_arena *arena = scope->planner->arena;
    wr_scope_item *items;
    int n, kept = 0, index;
    if (star->operand || (star->qualifier.count && !star->operand)) {
        wr_expr *value = NULL;
        if (star->operand) {
            WR_TRY(wr_bind_expr(scope, star->operand, &value));
        } else {
            bool ambiguous, is_table = false;
            wr_scope *block = wr_scope_block(scope);
            wr_str name = wr_names_last(star->qualifier).text;
            for (wr_scope *at = block; at && !is_table; at = at->parent)
                for (int t = 0; t < at->table_count; t++)
                    is_table = is_table || wr_str_ieq(at->tables[t]->name, name);
            wr_scope_item *column = wr_items_find(block->items.items, block->items.count,
                                                  star->qualifier.items[0].text, &ambiguous);
            if (!is_table && column && !ambiguous)
                WR_TRY(wr_scope_find(scope, &star->qualifier, star->node.span, &value));
        }
        if (value) {
            if (value->type->id != WR_T_STRUCT)
                return wr_fail_at(WR_E_TYPE_MISMATCH, star->node.span, ".* needs a struct, not %s",
                                  wr_type_name(value->type));
            n = value->type->field_count;
            items = wr_new_array(arena, wr_scope_item, n + 1);
            for (int i = 0; i < n; i++) {
                wr_expr *copy = value;
                if (i && star->operand) WR_TRY(wr_bind_again(scope, star->operand, value, &copy));
                if (i && !star->operand) copy = wr_expr_copy(arena, value);
                items[i] = (wr_scope_item){.name = value->type->fields[i].name};
                WR_TRY(wr_bind_field(scope, copy, items[i].name, star->node.span, &items[i].expr));
            }
        } else {
            WR_TRY(wr_scope_star(scope, &star->qualifier, star->node.span, &items, &n));
        }
    } else {
        WR_TRY(wr_scope_star(scope, &star->qualifier, star->node.span, &items, &n));
    }
    bool *excluded = wr_new_array(arena, bool, star->exclude.count + 1);
    bool *replaced = wr_new_array(arena, bool, star->replace.count + 1);
    bool *renamed = wr_new_array(arena, bool, star->rename.count + 1);
    for (int i = 0; i < n; i++) {
        wr_scope_item item = items[i];
        if (is_excluded(star, &item, excluded)) continue;
        const wr_sql_item *replace = star_item(&star->replace, item.name, false, &index);
        if (replace) {
            replaced[index] = true;
            WR_TRY(wr_bind_expr(scope, replace->value, &item.expr));
        }
        const wr_sql_item *rename = star_item(&star->rename, items[i].name, true, &index);
        if (rename) {
            renamed[index] = true;
            item.name = rename->alias.text;
        }
        items[kept++] = item;
    }
    WR_TRY(check_used(scope, star, excluded, replaced, renamed));
    *out = items;
    *count = kept;
    return WR_OK;
}

/* ---- COLUMNS ---- */
static weir_status matches_pattern(wr_scope *scope, wr_str name, const wr_node *pattern,
                                   wr_str regex, bool *yes)
{
    wr_planner *planner = scope->planner;
    wr_expr *args[2] = {wr_expr_const(planner->arena, wr_value_text(name)),
                        wr_expr_const(planner->arena, wr_value_text(regex))};
    wr_expr *e;
    wr_value value;
    WR_TRY(wr_bind_by_name(scope, "~", args, 2, pattern->span, &e));
    WR_TRY(wr_expr_fold(planner->arena, planner->env, e, &value));
    *yes = !value.is_null && value.boolean;
    return WR_OK;
}

static weir_status lambda_chooses(wr_scope *scope, wr_str name, const wr_sql_lambda *lambda,
                                  bool *yes)
{
    wr_planner *planner = scope->planner;
    wr_scope *inner = wr_scope_new(planner, NULL);
    inner->is_names_only = true;
    if (lambda->params.count != 1)
        return wr_fail_at(WR_E_BAD_ARGUMENT, lambda->node.span,
                          "the lambda of COLUMNS takes one parameter, the name");
    wr_scope_item item = {.name = lambda->params.items[0].text,
                          .expr = wr_expr_const(planner->arena, wr_value_text(name))};
    wr_push(planner->arena, &inner->names, item);
    wr_expr *e;
    wr_value value;
    WR_TRY(wr_bind_expr_as(inner, lambda->body, WR_BOOLEAN, "COLUMNS", &e));
    WR_TRY(wr_expr_fold(planner->arena, planner->env, e, &value));
    *yes = !value.is_null && value.boolean;
    return WR_OK;
}

static weir_status listed_columns(wr_scope *scope, const wr_sql_list *list, wr_scope_item *items,
                                  int n, wr_scope_item **out, int *count)
{
    *out = wr_new_array(scope->planner->arena, wr_scope_item, list->items.count + 1);
    for (int i = 0; i < list->items.count; i++) {
        const wr_node *node = list->items.items[i];
        wr_str name = node->kind == WR_SQL_LITERAL ? wr_sql_as_literal(node)->text
                      : node->kind == WR_SQL_COLUMN
                          ? wr_names_last(wr_sql_as_column(node)->parts).text
                          : WR_STR("");
        bool ambiguous;
        wr_scope_item *item = wr_items_find(items, n, name, &ambiguous);
        if (!item) return wr_scope_unknown_column(scope, WR_STR(""), name, node->span);
        (*out)[(*count)++] = *item;
    }
    return WR_OK;
}

weir_status wr_bind_column_choice(wr_scope *scope, const wr_node *node, wr_scope_item **out,
                                  int *count)
{
    *count = 0;
    if (node->kind == WR_SQL_STAR) return expand_star(scope, wr_sql_as_star(node), out, count);
    const wr_sql_columns *columns = wr_sql_as_columns(node);
    if (columns->pattern->kind == WR_SQL_STAR && !columns->qualifier.count)
        return expand_star(scope, wr_sql_as_star(columns->pattern), out, count);
    wr_scope_item *items;
    int n;
    WR_TRY(wr_scope_star(scope, &columns->qualifier, node->span, &items, &n));
    if (columns->pattern->kind == WR_SQL_LIST)
        return listed_columns(scope, wr_sql_as_list(columns->pattern), items, n, out, count);
    wr_value regex = {0};
    bool is_lambda = columns->pattern->kind == WR_SQL_LAMBDA;
    if (columns->pattern->kind != WR_SQL_STAR && !is_lambda) {
        WR_TRY(wr_bind_constant(scope->planner, columns->pattern, WR_VARCHAR, &regex));
        if (regex.is_null)
            return wr_fail_at(WR_E_BAD_ARGUMENT, columns->pattern->span,
                              "COLUMNS takes a pattern, not NULL");
    }
    *out = wr_new_array(scope->planner->arena, wr_scope_item, n + 1);
    for (int i = 0; i < n; i++) {
        bool yes = true;
        if (is_lambda)
            WR_TRY(lambda_chooses(scope, items[i].name, wr_sql_as_lambda(columns->pattern), &yes));
        else if (columns->pattern->kind != WR_SQL_STAR)
            WR_TRY(matches_pattern(scope, items[i].name, columns->pattern, regex.text, &yes));
        if (yes) (*out)[(*count)++] = items[i];
    }
    if (!*count)
        return wr_fail_at(WR_E_UNKNOWN_COLUMN, node->span, "no column matches %s%.*s%s",
                          regex.text.length ? "'" : "COLUMNS(...)", WR_STR_ARGS(regex.text),
                          regex.text.length ? "'" : "");
    return WR_OK;
}

/* ---- items ---- */
typedef struct item_list {
    wr_scope *scope;
    WR_LIST(wr_select_item) all;
} item_list;

static weir_status add_repeated(item_list *list, const wr_sql_item *item, const wr_node *columns)
{
    wr_scope *scope = list->scope;
    wr_scope_item *items;
    int count;
    WR_TRY(wr_bind_column_choice(scope, columns, &items, &count));
    for (int i = 0; i < count; i++) {
        wr_select_item one = {.span = item->node.span, .name = items[i].name};
        scope->columns_value = items[i].expr;
        weir_status s = wr_bind_expr(scope, item->value, &one.expr);
        scope->columns_value = NULL;
        if (s) return s;
        if (wr_name_given(item->alias)) one.name = item->alias.text;
        wr_push(scope->planner->arena, &list->all, one);
    }
    return WR_OK;
}

static weir_status add_item(item_list *list, const wr_sql_item *item)
{
    wr_scope *scope = list->scope;
    wr_arena *arena = scope->planner->arena;
    bool is_star = item->value->kind == WR_SQL_STAR;
    const wr_node *columns = is_star ? item->value : wr_find_columns(item->value);
    if (columns && !is_star && columns != item->value) return add_repeated(list, item, columns);
    if (columns) {
        wr_scope_item *items;
        int count;
        WR_TRY(wr_bind_column_choice(scope, columns, &items, &count));
        for (int i = 0; i < count; i++) {
            wr_expr *e = wr_expr_has_subquery(items[i].expr) ? items[i].expr
                                                             : wr_expr_copy(arena, items[i].expr);
            if (e->kind == WR_X_COLUMN) e->span = item->node.span;
            wr_select_item one = {.expr = e, .name = items[i].name, .span = item->node.span};
            wr_push(arena, &list->all, one);
        }
        return WR_OK;
    }
    wr_select_item one = {
        .span = item->value->span, .node = item->value, .has_alias = wr_name_given(item->alias)};
    one.name = one.has_alias ? item->alias.text : wr_node_column_name(item->value);
    WR_TRY(wr_bind_expr(scope, item->value, &one.expr));
    wr_push(arena, &list->all, one);
    if (one.has_alias) {
        wr_scope_item alias = {.name = one.name, .expr = one.expr, .node = one.node};
        wr_push(arena, &scope->aliases, alias);
    }
    return WR_OK;
}

weir_status wr_bind_items(wr_scope *scope, const wr_nodes *nodes, wr_select_item **out, int *count)
{
    item_list list = {.scope = scope};
    for (int i = 0; i < nodes->count; i++)
        WR_TRY(add_item(&list, wr_sql_as_item(nodes->items[i])));
    WR_TRY(wr_arena_check(scope->planner->arena));
    *out = list.all.items;
    *count = list.all.count;
    return WR_OK;
}

weir_status wr_place_unnests(wr_scope *scope, wr_logical **plan)
{
    wr_planner *planner = scope->planner;
    if (!scope->unnests.count) return WR_OK;
    wr_logical *node = wr_logical_new(planner, WR_L_UNNEST, *plan, NULL);
    int count = scope->unnests.count;
    node->unnest.lists = wr_new_array(planner->arena, wr_expr *, count);
    node->unnest.ids = wr_new_array(planner->arena, wr_column_id, count);
    node->unnest.list_count = count;
    for (int i = 0; i < count; i++) {
        node->unnest.lists[i] = scope->unnests.items[i].list;
        node->unnest.ids[i] = scope->unnests.items[i].id;
    }
    wr_logical_set_outputs(planner, node);
    *plan = node;
    return WR_OK;
}
