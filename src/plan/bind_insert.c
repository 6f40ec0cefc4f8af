/* bind_insert.c - INSERT: sources, column lists, ON CONFLICT.
 *
 * VALUES is bound cell by cell against the types of the columns, so that DEFAULT may stand in it
 * and literals take the column's type at once; any other query is bound as it is and its columns
 * are assigned. */
#include "plan/bind_dml.h"
#include "plan/connect.h"
#include "plan/key_log.h"
#include "sql/parse.h"

typedef struct insert_binder {
    wr_dml dml;
    const wr_sql_insert *node;
    int *targets; /* table columns, in the order of the source */
    int target_count;
    wr_expr **values;    /* per table column */
    wr_column_id *extra; /* the table's columns, then what ON CONFLICT takes from the plan */
    int extra_count;
} insert_binder;

static weir_status choose_targets(insert_binder *b)
{
    wr_dml *dml = &b->dml;
    b->targets = wr_new_array(dml->planner->arena, int, dml->width + b->node->columns.count + 1);
    if (!b->node->columns.count) {
        for (int c = 0; c < dml->width; c++)
            if (!dml->object->columns[c].generated_sql.length) b->targets[b->target_count++] = c;
        return WR_OK;
    }
    for (int i = 0; i < b->node->columns.count; i++) {
        wr_name name = b->node->columns.items[i];
        int column;
        WR_TRY(wr_dml_column(dml, name, &column));
        for (int k = 0; k < b->target_count; k++)
            if (b->targets[k] == column)
                return wr_fail_at(WR_E_DUPLICATE_COLUMN, name.span,
                                  "column \"%.*s\" is given twice", WR_STR_ARGS(name.text));
        if (dml->object->columns[column].generated_sql.length)
            return wr_fail_at(WR_E_UNSUPPORTED, name.span,
                              "column \"%.*s\" is generated and cannot be given",
                              WR_STR_ARGS(name.text));
        b->targets[b->target_count++] = column;
    }
    return WR_OK;
}

static weir_status wrong_count(const insert_binder *b, int given, wr_span span)
{
    WR_BUF(names);
    for (int i = 0; i < b->target_count; i++)
        wr_buf_printf(&names, "%s%.*s", i ? ", " : "",
                      WR_STR_ARGS(b->dml.object->columns[b->targets[i]].name));
    weir_status s =
        wr_fail_at(WR_E_COLUMN_COUNT, span, "INSERT gives %d %s for %d %s (%s)", given,
                   given == 1 ? "value" : "values", b->target_count,
                   b->target_count == 1 ? "column" : "columns", names.data ? names.data : "");
    if (given >= b->target_count) return s;
    wr_buf_clear(&names);
    for (int i = 0; i < given; i++)
        wr_buf_printf(&names, "%s%.*s", i ? ", " : "",
                      WR_STR_ARGS(b->dml.object->columns[b->targets[i]].name));
    return wr_with_hint(s, "name the columns that get them: %.*s (%s)",
                        WR_STR_ARGS(b->dml.object->name), names.data ? names.data : "");
}

/* OVERRIDING USER VALUE: what is given for an IDENTITY column counts as DEFAULT. */
static bool keeps_identity(const insert_binder *b, int column)
{
    return b->node->overriding == WR_OVERRIDING_USER &&
           b->dml.object->columns[column].filler >= WR_FILLER_IDENTITY;
}

static weir_status may_give(const insert_binder *b, int column, wr_span span)
{
    return b->node->overriding == WR_OVERRIDING_SYSTEM ? WR_OK
                                                       : wr_dml_may_give(&b->dml, column, span);
}

/* Without a column list the last columns may be left to their defaults, as in PostgreSQL. */
static bool count_fits(const insert_binder *b, int given)
{
    return given == b->target_count || (given < b->target_count && !b->node->columns.count);
}

/* The length of a column is checked for all rows at once. A text that is clearly too long is also
 * checked alone, so that the error points at it. */
static weir_status fit_constant(const wr_dml *dml, int column, wr_span span, wr_expr **cell)
{
    uint32_t most = dml->object->columns[column].length.characters;
    const wr_expr *e = *cell;
    if (!most || e->kind != WR_X_CONST || e->value.is_null || !wr_type_is_text(e->type) ||
        e->value.text.length <= most)
        return WR_OK;
    return wr_dml_fit(dml, *cell, column, span, cell);
}

static weir_status bind_rows(insert_binder *b, const wr_sql_values *values)
{
    wr_dml *dml = &b->dml;
    wr_arena *arena = dml->planner->arena;
    int rows = values->rows.count, width = wr_sql_as_row(values->rows.items[0])->items.count;
    wr_scope *scope = wr_scope_new(dml->planner, dml->scope);
    scope->clause = WR_IN_VALUES;
    wr_result result = {.count = width,
                        .columns = wr_new_array(arena, wr_result_column, width + 1)};
    wr_expr ***cells = wr_new_array(arena, wr_expr **, rows);
    for (int r = 0; r < rows; r++) {
        const wr_sql_row *row = wr_sql_as_row(values->rows.items[r]);
        if (row->items.count != width)
            return wr_fail_at(WR_E_COLUMN_COUNT, row->node.span,
                              "row %d of VALUES has %d %s, the first has %d", r + 1,
                              row->items.count, row->items.count == 1 ? "value" : "values", width);
        if (!count_fits(b, row->items.count))
            return wrong_count(b, row->items.count,
                               row->items.count > b->target_count
                                   ? row->items.items[b->target_count]->span
                                   : row->node.span);
        cells[r] = wr_new_array(arena, wr_expr *, width + 1);
        for (int i = 0; i < width; i++) {
            const wr_node *node = row->items.items[i];
            if (node->kind == WR_SQL_DEFAULT || keeps_identity(b, b->targets[i])) {
                WR_TRY(wr_dml_default(dml, b->targets[i], &cells[r][i]));
                continue;
            }
            WR_TRY(may_give(b, b->targets[i], node->span));
            WR_TRY(wr_bind_expr(scope, node, &cells[r][i]));
            WR_TRY(wr_dml_convert(dml, cells[r][i], b->targets[i], node->span, &cells[r][i]));
            WR_TRY(fit_constant(dml, b->targets[i], node->span, &cells[r][i]));
        }
    }
    for (int i = 0; i < width; i++) {
        const wr_column_def *def = &dml->object->columns[b->targets[i]];
        result.columns[i] = (wr_result_column){.name = def->name, .type = def->type};
    }
    WR_TRY(wr_values_result(dml->planner, cells, rows, values->node.span, &result));
    dml->plan = result.plan;
    for (int i = 0; i < width; i++)
        WR_TRY(wr_dml_fit(dml, wr_column_ref(dml->planner, result.columns[i].id), b->targets[i],
                          values->node.span, &b->values[b->targets[i]]));
    return WR_OK;
}

static weir_status match_names(insert_binder *b, const wr_result *result)
{
    wr_dml *dml = &b->dml;
    b->targets = wr_new_array(dml->planner->arena, int, result->count + 1);
    b->target_count = result->count;
    for (int i = 0; i < result->count; i++) {
        wr_name name = {.text = result->columns[i].name, .span = b->node->query->span};
        WR_TRY(wr_dml_column(dml, name, &b->targets[i]));
        for (int k = 0; k < i; k++)
            if (b->targets[k] == b->targets[i])
                return wr_fail_at(WR_E_DUPLICATE_COLUMN, name.span,
                                  "the query has two columns named \"%.*s\"",
                                  WR_STR_ARGS(name.text));
    }
    return WR_OK;
}

static weir_status assign_result(insert_binder *b, wr_result *result, wr_span span)
{
    wr_dml *dml = &b->dml;
    const wr_type **types = wr_new_array(dml->planner->arena, const wr_type *, result->count + 1);
    if (!count_fits(b, result->count)) return wrong_count(b, result->count, span);
    for (int i = 0; i < result->count; i++) {
        const wr_type *wanted = dml->object->columns[b->targets[i]].type;
        types[i] = result->columns[i].untyped ? wanted : result->columns[i].type;
    }
    WR_TRY(wr_result_cast(dml->planner, result, types, "the column"));
    dml->plan = result->plan;
    for (int i = 0; i < result->count; i++) {
        wr_expr *e = wr_column_ref(dml->planner, result->columns[i].id);
        if (keeps_identity(b, b->targets[i])) continue;
        WR_TRY(may_give(b, b->targets[i], span));
        WR_TRY(wr_dml_assign(dml, e, b->targets[i], span, &b->values[b->targets[i]]));
    }
    return WR_OK;
}

static bool is_plain_values(const wr_node *query)
{
    const wr_sql_query *q = wr_sql_as_query(query);
    return q->body->kind == WR_SQL_VALUES && !q->order_by.count && !q->limit && !q->offset &&
           !q->ctes.count;
}

static weir_status bind_source(insert_binder *b)
{
    wr_dml *dml = &b->dml;
    const wr_sql_insert *node = b->node;
    b->values = wr_new_array(dml->planner->arena, wr_expr *, dml->width + 1);
    if (node->default_values) {
        dml->plan = wr_logical_new(dml->planner, WR_L_VALUES, NULL, NULL);
        dml->plan->values.rows = wr_new_array(dml->planner->arena, wr_expr **, 1);
        dml->plan->values.row_count = 1;
        return WR_OK;
    }
    if (!node->by_name) WR_TRY(choose_targets(b));
    if (!node->by_name && is_plain_values(node->query))
        return bind_rows(b, wr_sql_as_values(wr_sql_as_query(node->query)->body));
    wr_result result;
    WR_TRY(wr_bind_query(dml->scope, node->query, true, &result));
    if (node->by_name) WR_TRY(match_names(b, &result));
    return assign_result(b, &result, node->query->span);
}

/* ---- ON CONFLICT ---- */
static weir_status all_keys(insert_binder *b)
{
    const wr_object *object = b->dml.object;
    int *keys = wr_new_array(b->dml.planner->arena, int, object->key_count + 1);
    for (int i = 0; i < object->key_count; i++)
        keys[i] = i;
    keys[object->key_count] = -1;
    b->dml.change.conflict_keys = keys;
    return WR_OK;
}

static weir_status key_of_target(insert_binder *b, const wr_sql_conflict *conflict)
{
    const wr_object *object = b->dml.object;
    int *keys = wr_new_array(b->dml.planner->arena, int, 2);
    int count = conflict->target.count;
    int *columns = wr_new_array(b->dml.planner->arena, int, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_sql_order_item *item = wr_sql_as_order_item(conflict->target.items[i]);
        if (item->value->kind != WR_SQL_COLUMN)
            return wr_fail_at(WR_E_UNSUPPORTED, item->node.span, "ON CONFLICT takes columns");
        WR_TRY(wr_dml_column(&b->dml, wr_names_last(wr_sql_as_column(item->value)->parts),
                             &columns[i]));
    }
    for (int k = 0; k < object->key_count; k++) {
        const wr_key_def *key = &object->keys[k];
        bool fits =
            count ? key->column_count == count : wr_str_ieq(key->name, conflict->constraint.text);
        for (int i = 0; i < count && fits; i++) {
            bool found = false;
            for (int c = 0; c < count; c++)
                found = found || key->columns[c] == columns[i];
            fits = found;
        }
        if (!fits) continue;
        keys[0] = k;
        keys[1] = -1;
        b->dml.change.conflict_keys = keys;
        return WR_OK;
    }
    return wr_with_hint(wr_fail_at(WR_E_UNKNOWN_COLUMN, conflict->node.span,
                                   "no primary key or unique constraint of %.*s fits ON CONFLICT",
                                   WR_STR_ARGS(object->name)),
                        "the columns must be exactly those of a PRIMARY KEY or UNIQUE constraint");
}

/* Positions 0...: the row that is there under the table's name; width...: "excluded". */
static wr_scope *conflict_scope(insert_binder *b)
{
    wr_dml *dml = &b->dml;
    wr_planner *planner = dml->planner;
    wr_scope *scope = wr_scope_new(planner, dml->scope);
    wr_from from = {0};
    wr_scope_table *tables[2];
    for (int t = 0; t < 2; t++) {
        tables[t] = wr_new(planner->arena, wr_scope_table);
        tables[t]->name = t ? WR_STR("excluded") : dml->alias;
        tables[t]->count = dml->width;
        tables[t]->items = wr_new_array(planner->arena, wr_scope_item, dml->width + 1);
        for (int c = 0; c < dml->width; c++)
            tables[t]->items[c] = (wr_scope_item){
                .name = dml->object->columns[c].name,
                .table = tables[t],
                .expr = wr_expr_column(planner->arena, (uint32_t)(t * dml->width + c),
                                       dml->object->columns[c].type)};
    }
    wr_from_add_table(planner, &from, tables[0]);
    wr_push(planner->arena, &from.tables, tables[1]);
    wr_scope_add_from(scope, &from);
    scope->clause = WR_IN_SET;
    return scope;
}

static weir_status conflict_generated(insert_binder *b)
{
    wr_dml *dml = &b->dml;
    wr_arena *arena = dml->planner->arena;
    dml->change.generated = wr_new_array(arena, int, dml->width + 1);
    dml->change.generated_values = wr_new_array(arena, wr_expr *, dml->width + 1);
    for (int c = 0; c < dml->width; c++) {
        const wr_column_def *def = &dml->object->columns[c];
        if (!def->generated_sql.length) continue;
        wr_node *node;
        wr_expr *e;
        WR_TRY(wr_parse_expression(arena, def->generated_sql, &node));
        WR_TRY(wr_bind_over_schema(dml->planner, wr_table_schema(dml->object->table), WR_STR(""),
                                   node, NULL, &e));
        WR_TRY(wr_dml_assign(dml, e, c, (wr_span){0}, &e));
        dml->change.generated[dml->change.generated_count] = c;
        dml->change.generated_values[dml->change.generated_count++] = e;
    }
    return WR_OK;
}

/* The row of the table that each new row meets, beside it: a LEFT JOIN over the key. */
static weir_status join_met_rows(insert_binder *b, const wr_sql_conflict *conflict, wr_from *both)
{
    wr_dml *dml = &b->dml;
    wr_planner *planner = dml->planner;
    const int *keys = dml->change.conflict_keys;
    if (keys[0] < 0 || keys[1] >= 0)
        return wr_fail_at(WR_E_UNSUPPORTED, conflict->node.span,
                          "ON CONFLICT DO UPDATE with a subquery names the columns of one key");
    const wr_key_def *key = &dml->object->keys[keys[0]];
    const wr_sql_table_ref ref = {.node = {WR_SQL_TABLE_REF, conflict->node.span},
                                  .name = b->node->table,
                                  .alias = {.name = b->node->alias}};
    WR_TRY(wr_dml_target(dml, &ref, both));
    const wr_scope_table *met = both->tables.items[0];
    wr_expr **conditions = wr_new_array(planner->arena, wr_expr *, key->column_count + 1);
    for (int i = 0; i < key->column_count; i++)
        conditions[i] = wr_expr_compare(
            planner->arena, WR_EQ, wr_column_ref(planner, dml->values[key->columns[i]]),
            wr_expr_copy(planner->arena, met->items[key->columns[i]].expr));
    both->plan =
        wr_join_new(planner, WR_JOIN_LEFT, dml->plan, both->plan, conditions, key->column_count);
    wr_scope_table *given = wr_new(planner->arena, wr_scope_table);
    given->name = WR_STR("excluded");
    given->count = dml->width;
    given->items = wr_new_array(planner->arena, wr_scope_item, dml->width + 1);
    for (int c = 0; c < dml->width; c++)
        given->items[c] = (wr_scope_item){.name = dml->object->columns[c].name,
                                          .table = given,
                                          .expr = wr_column_ref(planner, dml->values[c])};
    wr_push(planner->arena, &both->tables, given);
    return WR_OK;
}

/* What holds a subquery is computed by the plan, for all new rows and the rows they meet, and comes
 * to the sink behind the columns of the table. */
static weir_status conflict_subqueries(insert_binder *b, const wr_sql_conflict *conflict)
{
    wr_dml *dml = &b->dml;
    wr_planner *planner = dml->planner;
    wr_expr **at_sink = dml->change.conflict_values, *where = NULL;
    bool any = conflict->where && wr_expr_has_subquery(dml->change.conflict_where);
    for (int c = 0; c < dml->width; c++)
        any |= wr_expr_has_subquery(at_sink[c]);
    if (!any) return WR_OK;
    wr_from both;
    WR_TRY(join_met_rows(b, conflict, &both));
    wr_scope *scope = wr_scope_over(dml->scope, &both);
    scope->clause = WR_IN_SET;
    wr_expr **values = wr_new_array(planner->arena, wr_expr *, dml->width + 1);
    WR_TRY(wr_dml_set(dml, scope, NULL, &conflict->set, values));
    if (conflict->where)
        WR_TRY(wr_bind_expr_as(scope, conflict->where, WR_BOOLEAN, "WHERE", &where));
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, 2 * dml->width + 2);
    int count = dml->width;
    for (int c = 0; c < dml->width; c++)
        bindings[c] = (wr_binding){dml->values[c], wr_column_ref(planner, dml->values[c])};
    for (int c = 0; c <= dml->width; c++) {
        wr_expr **slot = c < dml->width ? &at_sink[c] : &dml->change.conflict_where;
        wr_expr *value = c < dml->width ? values[c] : where;
        if (!*slot || !wr_expr_has_subquery(*slot)) continue;
        bindings[count] =
            (wr_binding){wr_planner_column(planner, WR_STR("new"), value->type), value};
        *slot = wr_expr_column(planner->arena, (uint32_t)(dml->width + count), value->type);
        count++;
    }
    b->extra = wr_new_array(planner->arena, wr_column_id, count + 1);
    for (int i = 0; i < count; i++)
        b->extra[i] = bindings[i].id;
    b->extra_count = dml->change.conflict_extra = count - dml->width;
    dml->plan = wr_project(planner, both.plan, bindings, count);
    return WR_OK;
}

static weir_status bind_conflict(insert_binder *b)
{
    wr_dml *dml = &b->dml;
    const wr_sql_conflict *conflict =
        b->node->conflict ? wr_sql_as_conflict(b->node->conflict) : NULL;
    bool replaces = b->node->mode == WR_INSERT_OR_REPLACE,
         updates = replaces || (conflict && conflict->update);
    if (!conflict && b->node->mode == WR_INSERT_PLAIN) return WR_OK;
    if (conflict && conflict->target_where)
        return wr_fail_at(WR_E_UNSUPPORTED, conflict->node.span,
                          "ON CONFLICT (..) WHERE needs a partial index");
    dml->change.conflict_replaces = replaces;
    dml->change.conflict = updates ? WR_CONFLICT_UPDATE : WR_CONFLICT_NOTHING;
    if (conflict && (conflict->target.count || wr_name_given(conflict->constraint)))
        WR_TRY(key_of_target(b, conflict));
    else
        WR_TRY(all_keys(b));
    if (updates && dml->object->key_count == 0)
        return wr_fail_at(WR_E_UNSUPPORTED, b->node->node.span,
                          "%.*s has no PRIMARY KEY or UNIQUE constraint to conflict with",
                          WR_STR_ARGS(dml->object->name));
    if (!updates) return WR_OK;
    wr_scope *scope = conflict_scope(b);
    dml->change.conflict_values = wr_new_array(dml->planner->arena, wr_expr *, dml->width + 1);
    for (int c = 0; c < dml->width; c++) {
        const wr_type *type = dml->object->columns[c].type;
        dml->change.conflict_values[c] =
            wr_expr_column(dml->planner->arena, (uint32_t)(replaces ? dml->width + c : c), type);
    }
    if (replaces) return WR_OK;
    WR_TRY(wr_dml_set(dml, scope, NULL, &conflict->set, dml->change.conflict_values));
    if (conflict->where)
        WR_TRY(wr_bind_expr_as(scope, conflict->where, WR_BOOLEAN, "WHERE",
                               &dml->change.conflict_where));
    WR_TRY(conflict_subqueries(b, conflict));
    return conflict_generated(b);
}

static int *counting(wr_arena *arena, int count)
{
    int *list = wr_new_array(arena, int, count + 1);
    for (int i = 0; i < count; i++)
        list[i] = i;
    return list;
}

static weir_status finish_insert(insert_binder *b, const wr_nodes *returning, const char *tag,
                                 wr_bound *out)
{
    wr_dml *dml = &b->dml;
    dml->change.change = WR_CHANGE_INSERT;
    dml->change.returned = counting(dml->planner->arena, dml->width);
    dml->change.returned_count = dml->width;
    return wr_dml_finish(dml, b->extra_count ? b->extra : dml->values, dml->width + b->extra_count,
                         returning, tag, out);
}

/* ---- rows that do not end ---- */

static int primary_key(const wr_object *object)
{
    for (int k = 0; k < object->key_count; k++)
        if (object->keys[k].is_primary) return k;
    return -1;
}

/* What a statement that ends can do and one that does not cannot. */
static weir_status refuse_endless(const insert_binder *b)
{
    const wr_sql_insert *node = b->node;
    int count = 0;
    wr_key_logs_new(b->dml.planner, b->dml.object, &count);
    const char *what = node->returning.count ? "RETURNING has no end here: the query has none"
                       : b->extra_count      ? "ON CONFLICT with a subquery is for queries that end"
                       : count               ? "a table with foreign keys takes queries that end"
                                             : NULL;
    return what ? wr_fail_at(WR_E_UNSUPPORTED, node->node.span, "%s", what) : WR_OK;
}

/* A new row takes the place of the one with its key, as in sinks with a key. */
static void replace_by_key(insert_binder *b, int key)
{
    wr_dml *dml = &b->dml;
    wr_arena *arena = dml->planner->arena;
    int *keys = wr_new_array(arena, int, 2);
    keys[0] = key;
    keys[1] = -1;
    dml->change.conflict = WR_CONFLICT_UPDATE;
    dml->change.conflict_replaces = true;
    dml->change.conflict_keys = keys;
    dml->change.conflict_values = wr_new_array(arena, wr_expr *, dml->width + 1);
    for (int c = 0; c < dml->width; c++)
        dml->change.conflict_values[c] =
            wr_expr_column(arena, (uint32_t)(dml->width + c), dml->object->columns[c].type);
}

/* Does the query read a source without end to its end? LIMIT ends it. */
static bool is_endless(const insert_binder *b)
{
    if (!b->dml.planner->reads_unbounded || b->node->default_values) return false;
    return b->node->query->kind != WR_SQL_QUERY || !wr_sql_as_query(b->node->query)->limit;
}

static weir_status finish_stream(insert_binder *b, wr_bound *out)
{
    wr_dml *dml = &b->dml;
    wr_planner *planner = dml->planner;
    int key = primary_key(dml->object);
    WR_TRY(refuse_endless(b));
    WR_TRY(wr_dml_bind_checks(dml));
    if (key >= 0 && dml->change.conflict == WR_CONFLICT_FAILS) replace_by_key(b, key);
    dml->change.change = WR_CHANGE_INSERT;
    dml->change.rowid = dml->change.action = -1;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, dml->width + 1);
    for (int c = 0; c < dml->width; c++) {
        const wr_column_def *def = &dml->object->columns[c];
        wr_str name = wr_arena_str(planner->arena, def->name);
        bindings[c] = (wr_binding){wr_planner_column(planner, name, def->type),
                                   wr_column_ref(planner, dml->values[c])};
    }
    out->root = wr_project(planner, dml->plan, bindings, dml->width);
    out->target = wr_table_target_new(planner, &dml->change, key);
    wr_push(planner->arena, &planner->targets, out->target);
    out->kind = WR_CLASS_CHANGE;
    out->tag = "INSERT";
    out->writes = true;
    out->sink = dml->object;
    out->schema.count = 1;
    out->schema.fields = wr_new_array(planner->arena, wr_field, 1);
    out->schema.fields[0] = (wr_field){WR_STR("Count"), WR_BIGINT};
    return WR_OK;
}

/* The source or sink that has the name; NULL: something else, or nothing. */
static wr_object *connected_table(wr_scope *scope, const wr_sql_insert *insert)
{
    wr_planner *planner = scope->planner;
    wr_str schema, name;
    if (!planner->catalog) return NULL;
    wr_split_name(&insert->table, &schema, &name);
    wr_object *object = wr_catalog_find(planner->catalog, WR_RELATION_KINDS, schema, name);
    if (!object) return NULL;
    wr_push(planner->arena, &planner->objects, object);
    return object->kind == WR_ENTRY_SOURCE || object->kind == WR_ENTRY_SINK ? object : NULL;
}

weir_status wr_bind_insert(wr_scope *scope, const wr_sql_insert *insert, wr_bound *out)
{
    insert_binder b = {.node = insert};
    WR_TRY(wr_bind_ctes(scope, &insert->ctes, insert->recursive));
    wr_object *sink = connected_table(scope, insert);
    if (sink) return wr_bind_sink_insert(scope, insert, sink, out);
    WR_TRY(wr_dml_begin(&b.dml, scope, &insert->table, insert->alias));
    WR_TRY(bind_source(&b));
    WR_TRY(wr_dml_complete(&b.dml, b.values, NULL, 0));
    WR_TRY(bind_conflict(&b));
    WR_TRY(wr_finish_ctes(scope, &insert->ctes));
    WR_TRY(wr_after_changes(scope, &insert->ctes, &b.dml.plan));
    if (is_endless(&b)) return finish_stream(&b, out);
    return finish_insert(&b, &insert->returning, "INSERT", out);
}

/* ---- COPY FROM ---- */
static weir_status unknown_header(const insert_binder *b, const wr_copy_rows *rows, wr_str name)
{
    wr_nearest nearest = {.wanted = name};
    for (int i = 0; i < b->target_count; i++)
        wr_nearest_offer(&nearest, b->dml.object->columns[b->targets[i]].name);
    weir_status s =
        wr_fail_at(WR_E_UNKNOWN_COLUMN, rows->span, "%.*s has a column \"%.*s\" that %.*s has not",
                   WR_STR_ARGS(rows->path), WR_STR_ARGS(name), WR_STR_ARGS(b->dml.object->name));
    if (b->node->columns.count)
        s = wr_with_detail(s, "columns of files that have names go by name, also with a list");
    return wr_with_nearest(s, &nearest);
}

/* Every column of the files has its place, and every column that is to be given is in the files;
 * what is left out must have a default of its own. */
static weir_status match_headers(insert_binder *b, const wr_copy_rows *rows, int *targets)
{
    const wr_object *object = b->dml.object;
    for (int i = 0; i < rows->result.count; i++) {
        wr_str name = rows->result.columns[i].name;
        targets[i] = -1;
        for (int t = 0; t < b->target_count; t++)
            if (wr_str_ieq(name, object->columns[b->targets[t]].name)) targets[i] = b->targets[t];
        if (targets[i] < 0) return unknown_header(b, rows, name);
    }
    for (int t = 0; t < b->target_count; t++) {
        const wr_column_def *def = &object->columns[b->targets[t]];
        bool found = false;
        for (int i = 0; i < rows->result.count; i++)
            found |= targets[i] == b->targets[t];
        if (found || (def->default_sql.length && !b->node->columns.count)) continue;
        weir_status s =
            wr_fail_at(WR_E_COLUMN_COUNT, rows->span,
                       "%.*s has no column \"%.*s\", which has no default in %.*s",
                       WR_STR_ARGS(rows->path), WR_STR_ARGS(def->name), WR_STR_ARGS(object->name));
        WR_BUF(names);
        for (int i = 0; i < rows->result.count; i++)
            wr_buf_printf(&names, "%s%.*s", i ? ", " : "",
                          WR_STR_ARGS(rows->result.columns[i].name));
        return wr_with_hint(s, "name the columns the file has: %.*s (%s)",
                            WR_STR_ARGS(object->name), names.data ? names.data : "");
    }
    return WR_OK;
}

/* The text of an error about a value: what it is, as what it cannot be read, and where it stands.
 */
static weir_status value_message(wr_scope *scope, const wr_copy_rows *rows, const wr_expr *e,
                                 const wr_column_def *def, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_expr *parts[6], *text;
    int count = 0;
    WR_TRY(wr_bind_cast(arena, wr_expr_copy(arena, e), WR_VARCHAR, false, rows->span, &text));
    parts[count++] = wr_expr_const(arena, wr_value_text(WR_STR("cannot read \"")));
    parts[count++] = text;
    parts[count++] = wr_expr_const(
        arena, wr_value_text(wr_arena_printf(arena, "\" as %s (column %.*s, ",
                                             wr_type_name(def->type), WR_STR_ARGS(def->name))));
    parts[count++] = wr_expr_copy(arena, rows->file);
    parts[count++] = wr_expr_const(arena, wr_value_text(WR_STR(" row ")));
    WR_TRY(wr_bind_cast(arena, wr_expr_copy(arena, rows->row), WR_VARCHAR, false, rows->span,
                        &parts[count++]));
    WR_TRY(wr_bind_by_name(scope, "concat", parts, count, rows->span, &text));
    wr_expr *ends[2] = {text, wr_expr_const(arena, wr_value_text(WR_STR("): nothing was loaded")))};
    WR_TRY(wr_bind_by_name(scope, "concat", ends, 2, rows->span, &text));
    return wr_bind_by_name(scope, "error", &text, 1, rows->span, out);
}

/* A value of the files as the column's type. Where that can fail, a value that does not fit calls
 * error() with its place: CASE WHEN e IS NOT NULL AND TRY_CAST(e) IS NULL THEN error(...). */
static weir_status copied_value(wr_scope *scope, const wr_copy_rows *rows, wr_expr *e,
                                const wr_column_def *def, wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    bool is_plain = e->type == def->type || def->type->id == WR_T_VARCHAR ||
                    wr_type_is_nested(def->type); /* TRY_CAST forgives inside of nested values */
    if (!rows->row || !rows->file || is_plain)
        return wr_bind_cast(arena, e, def->type, false, rows->span, out);
    wr_expr *read, *failed, *when[2];
    WR_TRY(wr_bind_cast(arena, e, def->type, true, rows->span, &read));
    WR_TRY(value_message(scope, rows, e, def, &failed));
    WR_TRY(wr_bind_cast(arena, failed, def->type, true, rows->span, &failed));
    when[0] = wr_expr_is_null(arena, wr_expr_copy(arena, e), true);
    when[1] = wr_expr_is_null(arena, wr_expr_copy(arena, read), false);
    wr_expr *choice = wr_new(arena, wr_expr);
    *choice = (wr_expr){.kind = WR_X_CASE, .type = def->type, .arg_count = 3};
    choice->args = wr_new_array(arena, wr_expr *, 3);
    choice->args[0] = wr_expr_and(arena, when, 2);
    choice->args[1] = failed;
    choice->args[2] = read;
    *out = choice;
    return WR_OK;
}

weir_status wr_bind_copy_from(wr_scope *scope, const wr_sql_copy *copy, wr_copy_rows *rows,
                              wr_bound *out)
{
    const wr_sql_insert insert = {
        .node = {WR_SQL_INSERT, copy->node.span}, .table = copy->table, .columns = copy->columns};
    const wr_nodes none = {0};
    const wr_result *result = &rows->result;
    wr_planner *planner = scope->planner;
    insert_binder b = {.node = &insert};
    WR_TRY(wr_dml_begin(&b.dml, scope, &copy->table, (wr_name){0}));
    b.values = wr_new_array(planner->arena, wr_expr *, b.dml.width + 1);
    WR_TRY(choose_targets(&b));
    int *targets = b.targets;
    if (rows->by_name) {
        targets = wr_new_array(planner->arena, int, result->count + 1);
        WR_TRY(match_headers(&b, rows, targets));
    } else if (result->count != b.target_count) {
        return wrong_count(&b, result->count, rows->span);
    }
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, result->count + 1);
    for (int i = 0; i < result->count; i++) {
        const wr_column_def *def = &b.dml.object->columns[targets[i]];
        wr_expr *e = wr_column_ref(planner, result->columns[i].id);
        if (b.values[targets[i]])
            return wr_fail_at(WR_E_DUPLICATE_COLUMN, rows->span, "%.*s has two columns \"%.*s\"",
                              WR_STR_ARGS(rows->path), WR_STR_ARGS(def->name));
        WR_TRY(copied_value(scope, rows, e, def, &bindings[i].expr));
        bindings[i].id = wr_planner_column(planner, result->columns[i].name, def->type);
        WR_TRY(wr_dml_fit(&b.dml, wr_column_ref(planner, bindings[i].id), targets[i], rows->span,
                          &b.values[targets[i]]));
    }
    b.dml.plan = wr_project(planner, result->plan, bindings, result->count);
    WR_TRY(wr_dml_complete(&b.dml, b.values, NULL, 0));
    return finish_insert(&b, &none, "COPY", out);
}
