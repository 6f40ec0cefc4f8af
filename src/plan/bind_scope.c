/* bind_scope.c - what a name means at one place of a statement.
 *
 * Resolution goes from the innermost scope outwards. In one scope: parameters of lambdas and
 * macros, then columns, then aliases of the select list; a qualified name may be table.column,
 * schema.table.column or column.field, in this order. Pseudo-columns (filename, rowid) give way to
 * everything visible. A name found in an outer block makes a correlated column: it is simply the id
 * of that block's column.
 *
 * Errors name what is in scope: the nearest name and, for one table, all its columns. */
#include "plan/bind.h"
#include "sql/format.h"
#include "sql/place.h"

wr_scope *wr_scope_new(wr_planner *planner, wr_scope *parent)
{
    wr_scope *scope = wr_new(planner->arena, wr_scope);
    scope->planner = planner;
    scope->parent = parent;
    scope->ctes = parent ? parent->ctes : NULL;
    return scope;
}

wr_scope *wr_scope_block(wr_scope *scope)
{
    while (scope->is_names_only && scope->parent)
        scope = scope->parent;
    return scope;
}

wr_scope_table *wr_scope_table_new(wr_planner *planner, wr_str name, const wr_logical *plan)
{
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->name = name;
    table->count = plan->output_count;
    table->items = wr_new_array(planner->arena, wr_scope_item, plan->output_count + 1);
    for (int i = 0; i < plan->output_count; i++) {
        const wr_output *output = &plan->outputs[i];
        table->items[i] =
            (wr_scope_item){.name = output->name,
                            .expr = wr_expr_column(planner->arena, output->id, output->type),
                            .table = table};
    }
    return table;
}

void wr_from_add_table(wr_planner *planner, wr_from *from, wr_scope_table *table)
{
    wr_push(planner->arena, &from->tables, table);
    for (int i = 0; i < table->count; i++)
        wr_push(planner->arena, &from->items, table->items[i]);
}

void wr_scope_add_from(wr_scope *scope, const wr_from *from)
{
    wr_arena *arena = scope->planner->arena;
    int count = scope->table_count + from->tables.count;
    wr_scope_table **tables = wr_new_array(arena, wr_scope_table *, count + 1);
    for (int i = 0; i < scope->table_count; i++)
        tables[i] = scope->tables[i];
    for (int i = 0; i < from->tables.count; i++)
        tables[scope->table_count + i] = from->tables.items[i];
    scope->tables = tables;
    scope->table_count = count;
    for (int i = 0; i < from->items.count; i++)
        wr_push(arena, &scope->items, from->items.items[i]);
    for (int t = 0; t < from->tables.count; t++)
        for (int i = 0; i < from->tables.items[t]->count; i++)
            wr_expr_columns(arena, from->tables.items[t]->items[i].expr, &scope->own);
}

wr_scope *wr_scope_over(wr_scope *outer, const wr_from *from)
{
    wr_scope *scope = wr_scope_new(outer->planner, outer);
    wr_scope_add_from(scope, from);
    return scope;
}

wr_scope_item *wr_items_find(wr_scope_item *items, int count, wr_str name, bool *ambiguous)
{
    wr_scope_item *found = NULL;
    *ambiguous = false;
    for (int pass = 0; pass < 2 && !found; pass++) /* visible ones first */
        for (int i = 0; i < count; i++) {
            if (items[i].hidden != (pass == 1) || !wr_str_ieq(items[i].name, name)) continue;
            if (found)
                *ambiguous = true;
            else
                found = &items[i];
        }
    return found;
}

static weir_status ambiguous_column(const wr_scope *scope, wr_str name, wr_span span)
{
    weir_status s =
        wr_fail_at(WR_E_AMBIGUOUS_COLUMN, span, "column \"%.*s\" is ambiguous", WR_STR_ARGS(name));
    WR_BUF(list);
    wr_str first = {0};
    bool is_within_one = false; /* its name does not tell them apart */
    for (int i = 0, n = 0; i < scope->items.count && n < 3; i++) {
        const wr_scope_item *item = &scope->items.items[i];
        if (!wr_str_ieq(item->name, name) || !item->table || item->hidden) continue;
        if (n++)
            wr_buf_add_text(&list, ", ");
        else
            first = item->table->name;
        is_within_one |= n > 1 && wr_str_ieq(item->table->name, first);
        wr_buf_printf(&list, "%.*s.%.*s", WR_STR_ARGS(item->table->name), WR_STR_ARGS(item->name));
    }
    if (!list.length) return s;
    if (is_within_one)
        return wr_with_hint(s, "give the columns of \"%.*s\" different names with AS",
                            WR_STR_ARGS(first));
    s = wr_with_candidates(s, list.data);
    s = wr_with_hint(s, "which one: %s?", list.data);
    WR_BUF(qualified);
    wr_format_name(&qualified, first);
    wr_buf_add_char(&qualified, '.');
    wr_format_name(&qualified, name);
    return span.length ? wr_with_edit(s, span, "%s", qualified.data) : s;
}

weir_status wr_scope_unknown_column(wr_scope *scope, wr_str qualifier, wr_str name, wr_span span)
{
    wr_scope *block = wr_scope_block(scope);
    wr_str where = qualifier;
    if (!where.length && block->table_count == 1) where = block->tables[0]->name;
    weir_status s = where.length
                        ? wr_fail_at(WR_E_UNKNOWN_COLUMN, span, "no column \"%.*s\" in %.*s",
                                     WR_STR_ARGS(name), WR_STR_ARGS(where))
                        : wr_fail_at(WR_E_UNKNOWN_COLUMN, span, "no column \"%.*s\" is in scope",
                                     WR_STR_ARGS(name));
    wr_nearest nearest = {.wanted = name};
    WR_BUF(columns);
    int listed = 0;
    for (wr_scope *at = scope; at; at = at->parent) {
        for (int i = 0; i < at->names.count; i++)
            wr_nearest_offer(&nearest, at->names.items[i].name);
        for (int t = 0; t < at->table_count; t++) {
            const wr_scope_table *table = at->tables[t];
            if (qualifier.length && !wr_str_ieq(table->name, qualifier)) continue;
            for (int i = 0; i < table->count; i++) {
                const wr_scope_item *item = &table->items[i];
                wr_nearest_offer(&nearest, item->name);
                if (item->hidden || at != block || listed >= 20) continue;
                wr_buf_printf(&columns, "%s%.*s",
                              listed++ ? ", " : "columns: ", WR_STR_ARGS(item->name));
            }
        }
        for (int i = 0; i < at->aliases.count; i++)
            wr_nearest_offer(&nearest, at->aliases.items[i].name);
    }
    bool is_quoted =
        span.pos < scope->planner->sql.length && scope->planner->sql.data[span.pos] == '"';
    if (is_quoted && !nearest.count)
        s = wr_with_hint(s, "double quotes are for names; a text is written '%.*s'",
                         WR_STR_ARGS(name));
    static const char *const foreign[][2] = {
        {"rownum", "row_number() OVER () numbers rows, LIMIT takes the first ones"},
        {"sysdate", "now() is the time, current_date the day"},
        {"systimestamp", "now() is the time, current_date the day"},
        {"sysdatetime", "now() is the time, current_date the day"},
    };
    for (size_t i = 0; i < WR_COUNT(foreign) && !qualifier.length && !nearest.count; i++)
        if (wr_str_is(name, foreign[i][0])) s = wr_with_hint(s, "%s", foreign[i][1]);
    if (listed) s = wr_with_detail(s, "%s%s", columns.data, listed >= 20 ? ", ..." : "");
    return wr_with_nearest(s, &nearest);
}

weir_status wr_bind_field(wr_scope *scope, wr_expr *value, wr_str name, wr_span span, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    if (value->type->id == WR_T_STRUCT) {
        wr_nearest nearest = {.wanted = name};
        bool found = false;
        for (int i = 0; i < value->type->field_count; i++) {
            found = found || wr_str_ieq(value->type->fields[i].name, name);
            wr_nearest_offer(&nearest, value->type->fields[i].name);
        }
        if (!found)
            return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, span, "no field \"%.*s\" in %s",
                                              WR_STR_ARGS(name), wr_type_name(value->type)),
                                   &nearest);
    } else if (value->type->id != WR_T_JSON && value->type->id != WR_T_MAP) {
        return wr_fail_at(WR_E_TYPE_MISMATCH, span, "a value of type %s has no field \"%.*s\"",
                          wr_type_name(value->type), WR_STR_ARGS(name));
    }
    wr_expr *field = wr_expr_const(arena, wr_value_text(name));
    field->span = span;
    wr_expr *args[2] = {value, field};
    const char *fn = value->type->id == WR_T_STRUCT ? "struct_extract"
                     : value->type->id == WR_T_JSON ? "->"
                                                    : "map_extract_value";
    return wr_bind_by_name(scope, fn, args, 2, span, out);
}

static weir_status with_fields(wr_scope *scope, wr_expr *value, const wr_names *parts, int from,
                               wr_expr **out)
{
    for (int i = from; i < parts->count; i++)
        WR_TRY(wr_bind_field(scope, value, parts->items[i].text, parts->items[i].span, &value));
    *out = value;
    return WR_OK;
}

/* The value an item stands for, as a node of its own: spans differ per use. */
static wr_expr *use_of(wr_scope *scope, const wr_scope_item *item, wr_span span)
{
    wr_expr *copy = wr_expr_has_subquery(item->expr)
                        ? item->expr
                        : wr_expr_copy(scope->planner->arena, item->expr);
    bool is_call = copy->kind == WR_X_AGGREGATE || copy->kind == WR_X_WINDOW;
    if (copy->kind == WR_X_COLUMN || (is_call && copy != item->expr)) copy->span = span;
    return copy;
}

static bool table_has_name(const wr_scope_table *table, wr_str schema, wr_str name)
{
    return wr_str_ieq(table->name, name) &&
           (!schema.length || wr_str_ieq(table->schema, schema) ||
            (wr_str_is(schema, "public") && wr_str_is(table->schema, "main")));
}

static wr_scope_table *find_table(const wr_scope *scope, wr_str schema, wr_str name)
{
    for (int t = 0; t < scope->table_count; t++)
        if (table_has_name(scope->tables[t], schema, name)) return scope->tables[t];
    return NULL;
}

/* A row of a table as one STRUCT value. */
static weir_status whole_row(wr_scope *scope, const wr_scope_table *table, wr_span span,
                             wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr **args = wr_new_array(arena, wr_expr *, table->count + 1);
    wr_str *names = wr_new_array(arena, wr_str, table->count + 1);
    int count = 0;
    for (int i = 0; i < table->count; i++) {
        if (table->items[i].hidden) continue;
        names[count] = table->items[i].name;
        args[count++] = use_of(scope, &table->items[i], span);
    }
    return wr_bind_call(arena, scope->planner->env, WR_STR("struct_pack"), args, names, count, span,
                        out);
}

static wr_scope_item *find_name(wr_scope_item *items, int count, wr_str name)
{
    for (int i = count; i-- > 0;)
        if (wr_str_ieq(items[i].name, name)) return &items[i];
    return NULL;
}

static int size_within(const wr_expr *e, int limit)
{
    int size = 1;
    for (; e->arg_count && size < limit; e = e->args[0], size++)
        for (int i = 1; i < e->arg_count && size < limit; i++)
            size += size_within(e->args[i], limit - size);
    return size;
}

/* Aliases of aliases double with each use: SELECT 1 AS a, a + a AS b, b + b AS c ... */
static weir_status check_alias_size(const wr_scope_item *alias, wr_span span)
{
    if (size_within(alias->expr, WR_BIND_ALIAS_MAX) < WR_BIND_ALIAS_MAX) return WR_OK;
    return wr_fail_at(WR_E_TOO_BIG, span, "what \"%.*s\" stands for is too large",
                      WR_STR_ARGS(alias->name));
}

/* Looks in one scope only; *out stays NULL if the name means nothing here. */
static weir_status find_here(wr_scope *asking, wr_scope *scope, const wr_names *parts, wr_span span,
                             wr_expr **out)
{
    wr_str first = parts->items[0].text;
    wr_scope_item *name = find_name(scope->names.items, scope->names.count, first);
    if (name) return with_fields(asking, use_of(asking, name, span), parts, 1, out);
    bool ambiguous;
    if (scope->ignores_qualifier && parts->count > 1) {
        wr_scope_item *column =
            wr_items_find(scope->items.items, scope->items.count, parts->items[1].text, &ambiguous);
        if (column) return with_fields(asking, use_of(asking, column, span), parts, 2, out);
    }
    for (int skip = WR_MIN(parts->count - 2, 2); skip >= 0;
         skip--) { /* [catalog.[schema.]]table.column */
        wr_str schema = skip > 0 ? parts->items[skip - 1].text : WR_STR("");
        wr_scope_table *table = find_table(scope, schema, parts->items[skip].text);
        if (!table) continue;
        const wr_name *column = &parts->items[skip + 1];
        wr_scope_item *item = wr_items_find(table->items, table->count, column->text, &ambiguous);
        if (item) return with_fields(asking, use_of(asking, item, span), parts, skip + 2, out);
        wr_scope_item *outer =
            wr_items_find(scope->items.items, scope->items.count, first, &ambiguous);
        if (!outer || outer->expr->type->id != WR_T_STRUCT)
            return wr_scope_unknown_column(scope, parts->items[skip].text, column->text,
                                           column->span);
    }
    wr_scope_item *item = wr_items_find(scope->items.items, scope->items.count, first, &ambiguous);
    if (ambiguous) return ambiguous_column(scope, first, parts->items[0].span);
    if (item) return with_fields(asking, use_of(asking, item, span), parts, 1, out);
    wr_scope_item *alias = find_name(scope->aliases.items, scope->aliases.count, first);
    if (alias) WR_TRY(check_alias_size(alias, span));
    if (alias && alias->node && wr_expr_has_subquery(alias->expr)) {
        wr_expr *again;
        WR_TRY(wr_bind_expr(scope, alias->node, &again));
        return with_fields(asking, again, parts, 1, out);
    }
    if (alias) return with_fields(asking, use_of(asking, alias, span), parts, 1, out);
    wr_scope_table *table = parts->count == 1 ? find_table(scope, WR_STR(""), first) : NULL;
    if (table) return whole_row(asking, table, span, out);
    return WR_OK;
}

/* x.id, and there is no x: the one table in scope with a column id was meant. */
static weir_status name_owner(wr_scope *scope, const wr_names *parts, weir_status bad)
{
    const wr_scope *block = wr_scope_block(scope);
    const wr_scope_table *owner = NULL;
    bool ambiguous;
    for (int t = 0; t < block->table_count; t++) {
        const wr_scope_table *table = block->tables[t];
        if (!table->name.length ||
            !wr_items_find(table->items, table->count, parts->items[1].text, &ambiguous))
            continue;
        if (owner) return bad;
        owner = table;
    }
    if (!owner || parts->count != 2) return bad;
    bool has_alias = owner->object && wr_str_ieq(owner->object->name, parts->items[0].text);
    bad = has_alias ? wr_with_hint(bad, "%.*s goes by its alias here: %.*s.%.*s",
                                   WR_STR_ARGS(parts->items[0].text), WR_STR_ARGS(owner->name),
                                   WR_STR_ARGS(parts->items[1].text))
                    : wr_with_hint(bad, "is %.*s.%.*s meant?", WR_STR_ARGS(owner->name),
                                   WR_STR_ARGS(parts->items[1].text));
    WR_BUF(name);
    wr_format_name(&name, owner->name);
    wr_span span = parts->items[0].span;
    return span.length ? wr_with_edit(bad, span, "%s", name.data) : bad;
}

weir_status wr_scope_find(wr_scope *scope, const wr_names *parts, wr_span span, wr_expr **out)
{
    *out = NULL;
    for (wr_scope *at = scope; at; at = at->is_opaque ? NULL : at->parent) {
        WR_TRY(find_here(scope, at, parts, span, out));
        if (*out) return WR_OK;
    }
    for (wr_scope *at = scope; at; at = at->is_opaque ? NULL : at->parent) {
        if (!at->fallback) continue;
        WR_TRY(find_here(scope, at->fallback, parts, span, out));
        if (*out) return WR_OK;
    }
    const wr_name *last = &parts->items[parts->count - 1];
    if (parts->count == 1) return wr_scope_unknown_column(scope, WR_STR(""), last->text, span);
    wr_nearest nearest = {.wanted = parts->items[0].text};
    WR_BUF(tables);
    for (wr_scope *at = scope; at; at = at->parent)
        for (int t = 0; t < at->table_count; t++) {
            wr_str name = at->tables[t]->name;
            wr_nearest_offer(&nearest, name);
            if (name.length)
                wr_buf_printf(&tables, "%s%.*s",
                              tables.length ? ", " : "tables: ", WR_STR_ARGS(name));
        }
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_TABLE, parts->items[0].span,
                   "no table or column \"%.*s\" is in scope", WR_STR_ARGS(parts->items[0].text));
    if (tables.length) bad = wr_with_detail(bad, "%s", tables.data);
    return nearest.count ? wr_with_nearest(bad, &nearest) : name_owner(scope, parts, bad);
}

weir_status wr_scope_star(wr_scope *scope, const wr_names *qualifier, wr_span span,
                          wr_scope_item **out, int *count)
{
    wr_scope *block = wr_scope_block(scope);
    const wr_scope_item *items = block->items.items;
    int item_count = block->items.count;
    if (qualifier->count) {
        wr_str schema, name;
        wr_split_name(qualifier, &schema, &name);
        wr_scope_table *table = NULL;
        for (wr_scope *at = block; at && !table; at = at->parent)
            table = find_table(at, schema, name);
        if (!table) {
            wr_nearest nearest = {.wanted = name};
            for (int t = 0; t < block->table_count; t++)
                wr_nearest_offer(&nearest, block->tables[t]->name);
            return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_span(qualifier),
                                              "no table \"%.*s\" in FROM", WR_STR_ARGS(name)),
                                   &nearest);
        }
        items = table->items, item_count = table->count;
    } else if (!block->table_count) {
        return wr_fail_at(WR_E_UNKNOWN_COLUMN, span, "* needs a FROM clause");
    }
    *out = wr_new_array(scope->planner->arena, wr_scope_item, item_count + 1);
    *count = 0;
    for (int i = 0; i < item_count; i++)
        if (!items[i].hidden) (*out)[(*count)++] = items[i];
    return WR_OK;
}

void wr_split_name(const wr_names *names, wr_str *schema, wr_str *name)
{
    *name = names->items[names->count - 1].text;
    *schema = names->count > 1 ? names->items[names->count - 2].text : WR_STR("");
}

wr_span wr_names_span(const wr_names *names)
{
    if (!names->count) return (wr_span){0};
    wr_span first = names->items[0].span, last = names->items[names->count - 1].span;
    return (wr_span){first.pos, last.pos + last.length - first.pos};
}
