/* bind_change.c - UPDATE, DELETE, TRUNCATE and MERGE.
 *
 * The target is scanned with its rowid; what other relations add is joined. A target row that
 * matches several rows of FROM or USING is changed once (with the first match), as in PostgreSQL;
 * for MERGE this is an error. MERGE is one outer join whose rows get the number of the action of
 * the first WHEN that applies. */
#include "plan/bind_dml.h"

static wr_column_id id_of(const wr_expr *column)
{
    wr_assert(column->kind == WR_X_COLUMN);
    return column->column;
}

/* Joins the relations of FROM or USING to the target; their columns can be named in RETURNING. */
static weir_status join_others(wr_dml *dml, const wr_nodes *relations, wr_from *all)
{
    wr_planner *planner = dml->planner;
    for (int i = 0; i < relations->count; i++) {
        wr_from one = {0};
        WR_TRY(wr_bind_relation(dml->scope, all, relations->items[i], &one));
        all->plan = wr_join_new(planner, WR_JOIN_INNER, all->plan, one.plan, NULL, 0);
        for (int t = 0; t < one.tables.count; t++) {
            wr_push(planner->arena, &all->tables, one.tables.items[t]);
            wr_push(planner->arena, &dml->others.tables, one.tables.items[t]);
        }
        for (int t = 0; t < one.items.count; t++)
            wr_push(planner->arena, &all->items, one.items.items[t]);
    }
    return WR_OK;
}

static weir_status filter_rows(wr_dml *dml, wr_from *from, wr_scope *scope, const wr_node *where)
{
    wr_expr **conjuncts;
    int count;
    if (!where) return WR_OK;
    scope->clause = WR_IN_WHERE;
    WR_TRY(wr_bind_conjuncts(scope, where, "WHERE", &conjuncts, &count));
    from->plan = wr_filter(dml->planner, from->plan, conjuncts, count);
    return WR_OK;
}

static wr_logical *once_per_row(wr_planner *planner, wr_logical *plan, wr_expr *rowid)
{
    wr_logical *node = wr_logical_new(planner, WR_L_DISTINCT_ON, plan, NULL);
    node->distinct_on.keys = wr_new_array(planner->arena, wr_expr *, 1);
    node->distinct_on.keys[0] = rowid;
    node->distinct_on.key_count = 1;
    wr_logical_set_outputs(planner, node);
    return node;
}

/* Ids of rowid, then of all columns of the other relations when RETURNING may want them. */
static wr_column_id *carried_columns(wr_dml *dml, wr_expr *rowid, bool returning, int *count)
{
    wr_arena *arena = dml->planner->arena;
    WR_LIST(wr_column_id) ids = {0};
    wr_push(arena, &ids, id_of(rowid));
    for (int t = 0; returning && t < dml->others.tables.count; t++)
        for (int i = 0; i < dml->others.tables.items[t]->count; i++)
            wr_push(arena, &ids, id_of(dml->others.tables.items[t]->items[i].expr));
    *count = ids.count;
    return ids.items;
}

/* Columns merged by USING are expressions: they cannot be carried. */
static weir_status check_carried(const wr_dml *dml, wr_span span)
{
    for (int t = 0; t < dml->others.tables.count; t++)
        for (int i = 0; i < dml->others.tables.items[t]->count; i++)
            if (dml->others.tables.items[t]->items[i].expr->kind != WR_X_COLUMN)
                return wr_fail_at(WR_E_UNSUPPORTED, span,
                                  "RETURNING does not work with a FULL JOIN USING in FROM");
    return WR_OK;
}

static int *positions(wr_arena *arena, int first_count, int then_from, int then_count)
{
    int *list = wr_new_array(arena, int, first_count + then_count + 1);
    for (int i = 0; i < first_count; i++)
        list[i] = i;
    for (int i = 0; i < then_count; i++)
        list[first_count + i] = then_from + i;
    return list;
}

static wr_column_id *joined(wr_arena *arena, const wr_column_id *a, int a_count,
                            const wr_column_id *b, int b_count)
{
    wr_column_id *all = wr_new_array(arena, wr_column_id, a_count + b_count + 1);
    for (int i = 0; i < a_count; i++)
        all[i] = a[i];
    for (int i = 0; i < b_count; i++)
        all[a_count + i] = b[i];
    return all;
}

weir_status wr_bind_update(wr_scope *scope, const wr_sql_update *update, wr_bound *out)
{
    wr_dml dml;
    wr_from from;
    wr_arena *arena = scope->planner->arena;
    const wr_sql_table_ref *ref = wr_sql_as_table_ref(update->table);
    WR_TRY(wr_bind_ctes(scope, &update->ctes, update->recursive));
    WR_TRY(wr_dml_begin(&dml, scope, &ref->name, ref->alias.name));
    WR_TRY(wr_dml_target(&dml, ref, &from));
    wr_scope_table *table = from.tables.items[0];
    wr_expr *rowid = wr_dml_rowid(&from);
    WR_TRY(join_others(&dml, &update->from, &from));
    if (update->returning.count) WR_TRY(check_carried(&dml, update->node.span));
    wr_scope *names = wr_scope_over(scope, &from);
    WR_TRY(filter_rows(&dml, &from, names, update->where));
    wr_expr **values = wr_new_array(arena, wr_expr *, dml.width + 1);
    WR_TRY(wr_dml_set(&dml, names, &from, &update->set, values));
    for (int c = 0; c < dml.width; c++)
        if (!values[c]) values[c] = wr_column_ref(scope->planner, id_of(table->items[c].expr));
    dml.plan = update->from.count ? once_per_row(scope->planner, from.plan, rowid) : from.plan;
    int carried_count;
    wr_column_id *carried =
        carried_columns(&dml, rowid, update->returning.count > 0, &carried_count);
    WR_TRY(wr_dml_complete(&dml, values, carried, carried_count));
    WR_TRY(wr_finish_ctes(scope, &update->ctes));
    WR_TRY(wr_after_changes(scope, &update->ctes, &dml.plan));
    dml.change.change = WR_CHANGE_UPDATE;
    dml.change.rowid = dml.width;
    dml.change.returned = positions(arena, dml.width, dml.width + 1, carried_count - 1);
    dml.change.returned_count = dml.width + carried_count - 1;
    return wr_dml_finish(&dml, joined(arena, dml.values, dml.width, carried, carried_count),
                         dml.width + carried_count, &update->returning, "UPDATE", out);
}

weir_status wr_bind_delete(wr_scope *scope, const wr_sql_delete *node, wr_bound *out)
{
    wr_dml dml;
    wr_from from;
    wr_arena *arena = scope->planner->arena;
    const wr_sql_table_ref *ref = wr_sql_as_table_ref(node->table);
    WR_TRY(wr_bind_ctes(scope, &node->ctes, node->recursive));
    WR_TRY(wr_dml_begin(&dml, scope, &ref->name, ref->alias.name));
    WR_TRY(wr_dml_target(&dml, ref, &from));
    wr_scope_table *table = from.tables.items[0];
    wr_expr *rowid = wr_dml_rowid(&from);
    WR_TRY(join_others(&dml, &node->using, &from));
    if (node->returning.count) WR_TRY(check_carried(&dml, node->node.span));
    wr_scope *names = wr_scope_over(scope, &from);
    WR_TRY(filter_rows(&dml, &from, names, node->where));
    dml.plan = node->using.count ? once_per_row(scope->planner, from.plan, rowid) : from.plan;
    WR_TRY(wr_finish_ctes(scope, &node->ctes));
    WR_TRY(wr_after_changes(scope, &node->ctes, &dml.plan));
    int carried_count, old_count = node->returning.count ? dml.width : 0;
    wr_column_id *carried = carried_columns(&dml, rowid, node->returning.count > 0, &carried_count);
    wr_column_id *old = wr_new_array(arena, wr_column_id, dml.width + 1);
    for (int c = 0; c < old_count; c++)
        old[c] = id_of(table->items[c].expr);
    dml.change.change = WR_CHANGE_DELETE;
    dml.change.first_value = -1;
    dml.change.rowid = old_count;
    dml.change.returned = positions(arena, old_count, old_count + 1, carried_count - 1);
    dml.change.returned_count = old_count + carried_count - 1;
    return wr_dml_finish(&dml, joined(arena, old, old_count, carried, carried_count),
                         old_count + carried_count, &node->returning, "DELETE", out);
}

typedef WR_LIST(wr_object *) truncated_list;

static weir_status truncate_one(wr_scope *scope, wr_object *table, wr_span span, wr_bound *out)
{
    const wr_nodes none = {0};
    wr_dml dml;
    wr_from from;
    wr_name *parts = wr_new_array(scope->planner->arena, wr_name, 2);
    parts[0] =
        (wr_name){.text = table->is_temporary ? WR_STR("temp") : table->schema, .span = span};
    parts[1] = (wr_name){.text = table->name, .span = span};
    const wr_sql_table_ref ref = {.node = {WR_SQL_TABLE_REF, span},
                                  .name = {.items = parts, .count = 2}};
    WR_TRY(wr_dml_begin(&dml, scope, &ref.name, (wr_name){0}));
    WR_TRY(wr_dml_target(&dml, &ref, &from));
    wr_column_id *rowid = wr_new_array(scope->planner->arena, wr_column_id, 1);
    rowid[0] = id_of(wr_dml_rowid(&from));
    dml.plan = from.plan;
    dml.change.change = WR_CHANGE_DELETE;
    dml.change.first_value = -1;
    dml.change.rowid = 0;
    return wr_dml_finish(&dml, rowid, 1, &none, "TRUNCATE TABLE", out);
}

/* Tables with foreign keys to one of the list: CASCADE adds them, otherwise they must be there. */
static weir_status add_referrers(wr_scope *scope, const wr_sql_truncate *truncate,
                                 truncated_list *list)
{
    wr_planner *planner = scope->planner;
    for (int i = 0; i < list->count; i++) {
        int count = 0;
        wr_object **owners =
            wr_catalog_referrers(planner->catalog, list->items[i], planner->arena, &count);
        for (int k = 0; k < count; k++) {
            bool there = false;
            wr_push(planner->arena, &planner->objects, owners[k]);
            for (int t = 0; t < list->count; t++)
                there = there || list->items[t] == owners[k];
            if (there) continue;
            if (truncate->behavior != WR_DROP_CASCADE)
                return wr_with_hint(
                    wr_fail_at(WR_E_UNSUPPORTED, truncate->node.span,
                               "cannot truncate a table referenced in a foreign key constraint: "
                               "table \"%.*s\" refers to \"%.*s\"",
                               WR_STR_ARGS(owners[k]->name), WR_STR_ARGS(list->items[i]->name)),
                    "truncate both tables at the same time, or use TRUNCATE .. CASCADE");
            wr_push(planner->arena, list, owners[k]);
        }
    }
    return WR_OK;
}

static weir_status truncated_tables(wr_scope *scope, const wr_sql_truncate *truncate,
                                    truncated_list *out)
{
    *out = (truncated_list){0};
    for (int i = 0; i < truncate->names.count; i++) {
        wr_object *object;
        bool there = false;
        WR_TRY(wr_find_table(scope, &wr_sql_as_name_node(truncate->names.items[i])->name, &object));
        for (int t = 0; t < out->count; t++)
            there = there || out->items[t] == object;
        if (!there) wr_push(scope->planner->arena, out, object);
    }
    return add_referrers(scope, truncate, out);
}

weir_status wr_bind_truncate(wr_scope *scope, const wr_sql_truncate *truncate, wr_bound *out)
{
    truncated_list list;
    WR_TRY(truncated_tables(scope, truncate, &list));
    for (int i = 0; i < list.count; i++) {
        wr_logical *before = out->root;
        WR_TRY(truncate_one(scope, list.items[i], truncate->node.span, out));
        if (before) out->root = wr_logical_after(scope->planner, out->root, before);
    }
    return WR_OK;
}

/* ---- MERGE ---- */
enum { MERGE_ROW_ERROR = -1 };

typedef struct merge_binder {
    wr_dml dml;
    const wr_sql_merge *node;
    wr_from target, source, both;
    wr_scope *names, *source_names, *target_names;
    wr_expr *here; /* TRUE in rows of the source, NULL where only the target has a row */
    WR_LIST(wr_expr *) conditions;
    WR_LIST(wr_expr *) actions; /* INTEGER; of ERROR a call that fails */
    wr_expr *error;
    WR_LIST(wr_expr **) values; /* per WHEN: per table column or NULL */
} merge_binder;

/* Adds a column TRUE to the source, so that a missing side can be told from NULLs. */
static void mark_source(merge_binder *b)
{
    wr_planner *planner = b->dml.planner;
    wr_logical *plan = b->source.plan;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, plan->output_count + 1);
    for (int i = 0; i < plan->output_count; i++)
        bindings[i] =
            (wr_binding){plan->outputs[i].id, wr_column_ref(planner, plan->outputs[i].id)};
    wr_column_id id = wr_planner_column(planner, WR_STR("here"), WR_BOOLEAN);
    bindings[plan->output_count] = (wr_binding){id, wr_expr_bool(planner->arena, true)};
    b->source.plan = wr_project(planner, plan, bindings, plan->output_count + 1);
    b->here = wr_column_ref(planner, id);
}

static weir_status join_condition(merge_binder *b, wr_expr ***conditions, int *count)
{
    wr_planner *planner = b->dml.planner;
    const wr_sql_merge *node = b->node;
    if (node->on) {
        b->names->clause = WR_IN_ON;
        return wr_bind_conjuncts(b->names, node->on, "ON", conditions, count);
    }
    *conditions = wr_new_array(planner->arena, wr_expr *, node->using.count + 1);
    *count = node->using.count;
    for (int i = 0; i < node->using.count; i++) {
        wr_name name = node->using.items[i];
        const wr_names one = {.items = &name, .count = 1};
        wr_expr *l, *r;
        WR_TRY(wr_scope_find(b->target_names, &one, name.span, &l));
        WR_TRY(wr_scope_find(b->source_names, &one, name.span, &r));
        WR_TRY(wr_bind_comparison(b->names, WR_EQ, l, r, name.span, &(*conditions)[i]));
    }
    return WR_OK;
}

static weir_status insert_values(merge_binder *b, const wr_sql_merge_when *when, wr_expr **values)
{
    wr_dml *dml = &b->dml;
    bool by_position = when->star || (!when->values.count && !when->by_name);
    if (when->default_values) return WR_OK;
    int count = when->values.count, next = 0;
    if (by_position || when->by_name) {
        for (int i = 0; i < b->source.items.count; i++) {
            const wr_scope_item *item = &b->source.items.items[i];
            int column = next++;
            if (item->hidden) continue;
            wr_name name = {.text = item->name, .span = when->node.span};
            if (when->by_name || when->star) WR_TRY(wr_dml_column(dml, name, &column));
            if (column >= dml->width)
                return wr_fail_at(WR_E_COLUMN_COUNT, when->node.span,
                                  "the source has more columns than %.*s",
                                  WR_STR_ARGS(dml->object->name));
            WR_TRY(wr_dml_may_give(dml, column, when->node.span));
            WR_TRY(wr_dml_assign(dml, wr_expr_copy(dml->planner->arena, item->expr), column,
                                 when->node.span, &values[column]));
        }
        return WR_OK;
    }
    int wanted = when->columns.count ? when->columns.count : dml->width;
    if (count != wanted)
        return wr_fail_at(WR_E_COLUMN_COUNT, when->node.span,
                          "INSERT gives %d values for %d columns", count, wanted);
    b->source_names->clause = WR_IN_VALUES;
    for (int i = 0; i < count; i++) {
        int column = i;
        wr_expr *e;
        if (when->columns.count) WR_TRY(wr_dml_column(dml, when->columns.items[i], &column));
        if (when->values.items[i]->kind == WR_SQL_DEFAULT) continue;
        WR_TRY(wr_dml_may_give(dml, column, when->values.items[i]->span));
        WR_TRY(wr_bind_expr(b->source_names, when->values.items[i], &e));
        WR_TRY(wr_dml_assign(dml, e, column, when->values.items[i]->span, &values[column]));
    }
    return WR_OK;
}

static weir_status update_values(merge_binder *b, const wr_sql_merge_when *when, wr_expr **values)
{
    wr_dml *dml = &b->dml;
    if (when->star || when->by_name) {
        for (int i = 0; i < b->source.items.count; i++) {
            const wr_scope_item *item = &b->source.items.items[i];
            wr_name name = {.text = item->name, .span = when->node.span};
            int column;
            if (item->hidden) continue;
            WR_TRY(wr_dml_column(dml, name, &column));
            WR_TRY(wr_dml_may_give(dml, column, when->node.span));
            WR_TRY(wr_dml_assign(dml, wr_expr_copy(dml->planner->arena, item->expr), column,
                                 when->node.span, &values[column]));
        }
    } else {
        WR_TRY(wr_dml_set(dml, b->names, NULL, &when->set, values));
    }
    return WR_OK;
}

/* What reading the action of such a row fails with. */
static weir_status error_message(merge_binder *b, wr_scope *names, const wr_sql_merge_when *when)
{
    wr_arena *arena = b->dml.planner->arena;
    WR_BUF(text);
    wr_buf_printf(&text, "MERGE meets a row of %.*s that it may not",
                  WR_STR_ARGS(b->dml.object->name));
    wr_expr *message = wr_expr_const(arena, wr_value_text(wr_arena_str(arena, wr_buf_str(&text))));
    if (when->values.count > 1)
        return wr_fail_at(WR_E_SYNTAX, when->node.span, "ERROR takes one message");
    if (when->values.count)
        WR_TRY(wr_bind_expr_as(names, when->values.items[0], WR_VARCHAR, "ERROR", &message));
    WR_TRY(wr_bind_by_name(names, "error", &message, 1, when->node.span, &b->error));
    return wr_bind_cast(arena, b->error, WR_INTEGER, false, when->node.span, &b->error);
}

static weir_status bind_when(merge_binder *b, const wr_sql_merge_when *when)
{
    wr_planner *planner = b->dml.planner;
    wr_arena *arena = planner->arena;
    wr_expr *rowid = wr_dml_rowid(&b->target), *parts[3];
    int count = 0;
    bool there = when->match != WR_MERGE_NOT_MATCHED,
         here = when->match != WR_MERGE_NOT_MATCHED_BY_SOURCE;
    wr_scope *names = when->match == WR_MERGE_MATCHED       ? b->names
                      : when->match == WR_MERGE_NOT_MATCHED ? b->source_names
                                                            : b->target_names;
    parts[count++] = wr_expr_is_null(arena, wr_expr_copy(arena, rowid), there);
    parts[count++] = wr_expr_is_null(arena, wr_expr_copy(arena, b->here), here);
    names->clause = WR_IN_WHERE;
    if (when->condition)
        WR_TRY(wr_bind_expr_as(names, when->condition, WR_BOOLEAN, "WHEN", &parts[count++]));
    wr_expr **values = wr_new_array(arena, wr_expr *, b->dml.width + 1);
    int action = 0;
    switch (when->action) {
    case WR_MERGE_NOTHING:
        break;
    case WR_MERGE_ERROR:
        action = MERGE_ROW_ERROR;
        WR_TRY(error_message(b, names, when));
        break;
    case WR_MERGE_DELETE:
        action = WR_MERGE_ROW_DELETE;
        break;
    case WR_MERGE_INSERT:
        action = WR_MERGE_ROW_INSERT;
        WR_TRY(insert_values(b, when, values));
        for (int c = 0; c < b->dml.width; c++)
            if (!values[c]) WR_TRY(wr_dml_default(&b->dml, c, &values[c]));
        break;
    case WR_MERGE_UPDATE:
        action = WR_MERGE_ROW_UPDATE;
        WR_TRY(update_values(b, when, values));
        break;
    }
    if (action && action != MERGE_ROW_ERROR && there == (action == WR_MERGE_ROW_INSERT))
        return wr_fail_at(WR_E_SYNTAX, when->node.span, "this WHEN cannot %s: %s",
                          action == WR_MERGE_ROW_INSERT ? "INSERT" : "UPDATE or DELETE",
                          there ? "the row is there already" : "there is no row yet");
    wr_push(arena, &b->conditions, wr_expr_and(arena, parts, count));
    wr_push(arena, &b->actions,
            action == MERGE_ROW_ERROR ? b->error
                                      : wr_expr_const(arena, wr_value_int(WR_INTEGER, action)));
    wr_push(arena, &b->values, values);
    return WR_OK;
}

static wr_expr *case_of(merge_binder *b, wr_expr **results, wr_expr *otherwise)
{
    wr_arena *arena = b->dml.planner->arena;
    int n = b->conditions.count;
    wr_expr *e = wr_new(arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_CASE, .type = otherwise->type, .arg_count = 2 * n + 1};
    e->args = wr_new_array(arena, wr_expr *, 2 * n + 1);
    for (int i = 0; i < n; i++) {
        e->args[2 * i] = wr_expr_copy(arena, b->conditions.items[i]);
        e->args[2 * i + 1] = results[i];
    }
    e->args[2 * n] = otherwise;
    return e;
}

/* The action of each row and its new values; rows with nothing to do are dropped. */
static weir_status merge_rows(merge_binder *b, wr_column_id *action_id, wr_expr **values)
{
    wr_dml *dml = &b->dml;
    wr_planner *planner = dml->planner;
    wr_arena *arena = planner->arena;
    int n = b->conditions.count;
    const wr_scope_table *table = b->target.tables.items[0];
    for (int i = 0; i < n; i++)
        if (wr_expr_has_subquery(b->conditions.items[i]))
            return wr_fail_at(WR_E_UNSUPPORTED, b->node->node.span,
                              "a subquery cannot stand in a condition of WHEN");
    wr_expr **results = wr_new_array(arena, wr_expr *, n + 1);
    for (int i = 0; i < n; i++)
        results[i] = b->actions.items[i];
    wr_logical *plan = b->both.plan;
    wr_binding *bindings = wr_new_array(arena, wr_binding, plan->output_count + 1);
    for (int i = 0; i < plan->output_count; i++)
        bindings[i] =
            (wr_binding){plan->outputs[i].id, wr_column_ref(planner, plan->outputs[i].id)};
    *action_id = wr_planner_column(planner, WR_STR("action"), WR_INTEGER);
    bindings[plan->output_count] = (wr_binding){
        *action_id, case_of(b, results, wr_expr_const(arena, wr_value_int(WR_INTEGER, 0)))};
    plan = wr_project(planner, plan, bindings, plan->output_count + 1);
    wr_expr **busy = wr_new_array(arena, wr_expr *, 1);
    busy[0] = wr_expr_compare(arena, WR_GT, wr_column_ref(planner, *action_id),
                              wr_expr_const(arena, wr_value_int(WR_INTEGER, 0)));
    dml->plan = wr_filter(planner, plan, busy, 1);
    for (int c = 0; c < dml->width; c++) {
        wr_expr *old = table->items[c].expr, **cells = wr_new_array(arena, wr_expr *, n + 1);
        for (int i = 0; i < n; i++)
            cells[i] = b->values.items[i][c] ? b->values.items[i][c] : wr_expr_copy(arena, old);
        values[c] = case_of(b, cells, wr_expr_copy(arena, old));
    }
    return WR_OK;
}

weir_status wr_bind_merge(wr_scope *scope, const wr_sql_merge *merge, wr_bound *out)
{
    merge_binder b = {.node = merge};
    wr_planner *planner = scope->planner;
    const wr_sql_table_ref *ref = wr_sql_as_table_ref(merge->target);
    WR_TRY(wr_bind_ctes(scope, &merge->ctes, merge->recursive));
    WR_TRY(wr_dml_begin(&b.dml, scope, &ref->name, ref->alias.name));
    WR_TRY(wr_dml_target(&b.dml, ref, &b.target));
    WR_TRY(wr_bind_relation(scope, NULL, merge->source, &b.source));
    mark_source(&b);
    b.target_names = wr_scope_over(scope, &b.target);
    b.source_names = wr_scope_over(scope, &b.source);
    b.names = wr_scope_over(scope, &b.target);
    wr_scope_add_from(b.names, &b.source);
    bool keeps_target = false, keeps_source = false;
    for (int i = 0; i < merge->whens.count; i++) {
        wr_merge_match match = wr_sql_as_merge_when(merge->whens.items[i])->match;
        keeps_target = keeps_target || match == WR_MERGE_NOT_MATCHED_BY_SOURCE;
        keeps_source = keeps_source || match == WR_MERGE_NOT_MATCHED;
    }
    wr_expr **conditions;
    int count;
    WR_TRY(join_condition(&b, &conditions, &count));
    wr_join_kind kind = keeps_target   ? keeps_source ? WR_JOIN_FULL : WR_JOIN_RIGHT
                        : keeps_source ? WR_JOIN_LEFT
                                       : WR_JOIN_INNER;
    b.both.plan = wr_join_new(planner, kind, b.source.plan, b.target.plan, conditions, count);
    for (int i = 0; i < merge->whens.count; i++)
        WR_TRY(bind_when(&b, wr_sql_as_merge_when(merge->whens.items[i])));
    wr_expr **values = wr_new_array(planner->arena, wr_expr *, b.dml.width + 1);
    wr_column_id *carried = wr_new_array(planner->arena, wr_column_id, 2);
    carried[0] = id_of(wr_dml_rowid(&b.target));
    WR_TRY(merge_rows(&b, &carried[1], values));
    WR_TRY(wr_dml_complete(&b.dml, values, carried, 2));
    WR_TRY(wr_finish_ctes(scope, &merge->ctes));
    WR_TRY(wr_after_changes(scope, &merge->ctes, &b.dml.plan));
    int width = b.dml.width;
    b.dml.change.change = WR_CHANGE_MERGE;
    b.dml.change.rowid = width;
    b.dml.change.action = width + 1;
    b.dml.change.returned = positions(planner->arena, width, 0, 0);
    b.dml.change.returned_count = width;
    return wr_dml_finish(&b.dml, joined(planner->arena, b.dml.values, width, carried, 2), width + 2,
                         &merge->returning, "MERGE", out);
}
