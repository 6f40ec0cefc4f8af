/* dml.c - common ground of INSERT, UPDATE, DELETE and MERGE: complete rows, constraints, RETURNING.
 *
 * A row goes to the sink complete: what the statement gives, defaults for the rest, and generated
 * columns computed from both. RETURNING is a projection over the rows the sink says it changed. */
#include "plan/bind_dml.h"
#include "sql/parse.h"

weir_status wr_dml_begin(wr_dml *dml, wr_scope *scope, const wr_names *table, wr_name alias)
{
    *dml = (wr_dml){.planner = scope->planner, .scope = scope};
    WR_TRY(wr_find_table(scope, table, &dml->object));
    dml->alias = wr_name_given(alias) ? alias.text : wr_names_last(*table).text;
    dml->width = dml->object->column_count;
    dml->change = (wr_table_change){.object = dml->object, .rowid = -1, .action = -1};
    return WR_OK;
}

weir_status wr_dml_column(const wr_dml *dml, wr_name name, int *out)
{
    wr_nearest nearest = {.wanted = name.text};
    for (*out = 0; *out < dml->width; (*out)++) {
        if (wr_str_ieq(dml->object->columns[*out].name, name.text)) return WR_OK;
        wr_nearest_offer(&nearest, dml->object->columns[*out].name);
    }
    WR_BUF(columns);
    for (int i = 0; i < dml->width && i < 20; i++)
        wr_buf_printf(&columns, "%s%.*s",
                      i ? ", " : "columns: ", WR_STR_ARGS(dml->object->columns[i].name));
    weir_status s = wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span, "no column \"%.*s\" in %.*s",
                               WR_STR_ARGS(name.text), WR_STR_ARGS(dml->object->name));
    return wr_with_nearest(wr_with_detail(s, "%s", columns.data), &nearest);
}

weir_status wr_dml_may_give(const wr_dml *dml, int column, wr_span span)
{
    const wr_column_def *def = &dml->object->columns[column];
    if (def->filler != WR_FILLER_IDENTITY_ALWAYS) return WR_OK;
    return wr_with_hint(wr_fail_at(WR_E_GENERATED_ALWAYS, span,
                                   "column \"%.*s\" is GENERATED ALWAYS AS IDENTITY and takes "
                                   "DEFAULT only",
                                   WR_STR_ARGS(def->name)),
                        "INSERT INTO .. OVERRIDING SYSTEM VALUE gives it a value all the same");
}

weir_status wr_dml_fit(const wr_dml *dml, wr_expr *e, int column, wr_span span, wr_expr **out)
{
    const wr_column_def *def = &dml->object->columns[column];
    wr_arena *arena = dml->planner->arena;
    *out = e;
    if (!def->length.characters) return WR_OK;
    wr_str name = wr_arena_printf(arena, "column \"%.*s\" of %.*s", WR_STR_ARGS(def->name),
                                  WR_STR_ARGS(dml->object->name));
    wr_expr *args[3] = {e, wr_expr_const(arena, wr_value_int(WR_BIGINT, def->length.characters)),
                        wr_expr_const(arena, wr_value_text(name))};
    WR_TRY(wr_bind_by_name(dml->scope, "fit_text", args, 3, span, out));
    if (!def->length.cuts_blanks) return WR_OK;
    args[0] = *out;
    args[1] = wr_expr_const(arena, wr_value_text(WR_STR(" ")));
    return wr_bind_by_name(dml->scope, "rtrim", args, 2, span, out);
}

weir_status wr_dml_assign(const wr_dml *dml, wr_expr *e, int column, wr_span span, wr_expr **out)
{
    WR_TRY(wr_dml_convert(dml, e, column, span, &e));
    return wr_dml_fit(dml, e, column, span, out);
}

weir_status wr_dml_convert(const wr_dml *dml, wr_expr *e, int column, wr_span span, wr_expr **out)
{
    const wr_column_def *def = &dml->object->columns[column];
    wr_param_adopt(dml->scope, e, def->type);
    if (e->type == def->type) {
        *out = e;
        return WR_OK;
    }
    weir_status s = wr_bind_assign(dml->planner->arena, e, def->type, span, out);
    if (!s) return WR_OK;
    return wr_with_span(wr_wrap(s, "column \"%.*s\"", WR_STR_ARGS(def->name)), span);
}

static weir_status stored_expr(const wr_dml *dml, wr_str sql, wr_node **out)
{
    weir_status s = wr_parse_expression(dml->planner->arena, sql, out);
    if (s) return wr_wrap(s, "in the definition of %.*s", WR_STR_ARGS(dml->object->name));
    wr_stamp_spans(*out, (wr_span){0});
    return WR_OK;
}

weir_status wr_dml_default(const wr_dml *dml, int column, wr_expr **out)
{
    const wr_column_def *def = &dml->object->columns[column];
    if (!def->default_sql.length) {
        *out = wr_expr_const(dml->planner->arena, wr_value_null(def->type));
        return WR_OK;
    }
    wr_node *node;
    wr_scope *scope = wr_scope_new(dml->planner, NULL);
    scope->clause = WR_IN_CHECK;
    WR_TRY(stored_expr(dml, def->default_sql, &node));
    WR_TRY(wr_bind_expr(scope, node, out));
    return wr_dml_assign(dml, *out, column, (wr_span){0}, out);
}

/* ---- complete rows ---- */
static wr_binding renewed(wr_planner *planner, wr_column_id id)
{
    wr_binding binding = {wr_planner_column(planner, planner->column_names.items[id],
                                            planner->column_types.items[id]),
                          wr_column_ref(planner, id)};
    return binding;
}

static wr_scope *scope_over_values(wr_dml *dml)
{
    wr_planner *planner = dml->planner;
    wr_from from = {.plan = dml->plan};
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->name = dml->object->name;
    table->count = dml->width;
    table->items = wr_new_array(planner->arena, wr_scope_item, dml->width + 1);
    for (int c = 0; c < dml->width; c++)
        table->items[c] = (wr_scope_item){.name = dml->object->columns[c].name,
                                          .expr = wr_column_ref(planner, dml->values[c]),
                                          .table = table};
    wr_from_add_table(planner, &from, table);
    wr_scope *scope = wr_scope_new(planner, NULL);
    wr_scope_add_from(scope, &from);
    scope->clause = WR_IN_CHECK;
    return scope;
}

static weir_status compute_generated(wr_dml *dml, wr_column_id *carried, int carried_count)
{
    wr_planner *planner = dml->planner;
    wr_scope *scope = scope_over_values(dml);
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, dml->width + carried_count + 1);
    for (int c = 0; c < dml->width; c++) {
        const wr_column_def *def = &dml->object->columns[c];
        bindings[c] = renewed(planner, dml->values[c]);
        if (!def->generated_sql.length) continue;
        wr_node *node;
        WR_TRY(stored_expr(dml, def->generated_sql, &node));
        WR_TRY(wr_bind_expr(scope, node, &bindings[c].expr));
        WR_TRY(wr_dml_assign(dml, bindings[c].expr, c, (wr_span){0}, &bindings[c].expr));
    }
    for (int i = 0; i < carried_count; i++)
        bindings[dml->width + i] = renewed(planner, carried[i]);
    for (int c = 0; c < dml->width; c++)
        dml->values[c] = bindings[c].id;
    for (int i = 0; i < carried_count; i++)
        carried[i] = bindings[dml->width + i].id;
    dml->plan = wr_project(planner, dml->plan, bindings, dml->width + carried_count);
    return WR_OK;
}

weir_status wr_dml_complete(wr_dml *dml, wr_expr **values, wr_column_id *carried, int carried_count)
{
    wr_planner *planner = dml->planner;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, dml->width + carried_count + 1);
    bool has_generated = false;
    dml->values = wr_new_array(planner->arena, wr_column_id, dml->width + 1);
    for (int c = 0; c < dml->width; c++) {
        const wr_column_def *def = &dml->object->columns[c];
        wr_expr *value = values[c];
        has_generated = has_generated || def->generated_sql.length;
        if (def->generated_sql.length)
            value = wr_expr_const(planner->arena, wr_value_null(def->type));
        else if (!value)
            WR_TRY(wr_dml_default(dml, c, &value));
        bindings[c] = (wr_binding){wr_planner_column(planner, def->name, def->type), value};
        dml->values[c] = bindings[c].id;
    }
    for (int i = 0; i < carried_count; i++) {
        bindings[dml->width + i] = renewed(planner, carried[i]);
        carried[i] = bindings[dml->width + i].id;
    }
    dml->plan = wr_project(planner, dml->plan, bindings, dml->width + carried_count);
    return has_generated ? compute_generated(dml, carried, carried_count) : WR_OK;
}

/* ---- the sink ---- */
weir_status wr_dml_bind_checks(wr_dml *dml)
{
    const wr_object *object = dml->object;
    dml->change.checks = wr_new_array(dml->planner->arena, wr_expr *, object->check_count + 1);
    for (int i = 0; i < object->check_count; i++) {
        wr_node *node;
        WR_TRY(stored_expr(dml, object->checks[i].sql, &node));
        WR_TRY(wr_bind_over_schema(dml->planner, wr_table_schema(object->table), WR_STR(""), node,
                                   WR_BOOLEAN, &dml->change.checks[i]));
    }
    return WR_OK;
}

/* The names RETURNING may use: the table's columns and those of other relations, over the outputs
 * of the sink. */
static weir_status bind_returning(wr_dml *dml, wr_logical *sink, const wr_nodes *returning,
                                  wr_bound *out)
{
    wr_planner *planner = dml->planner;
    wr_from from = {.plan = sink};
    wr_scope_table *table = wr_scope_table_new(planner, dml->alias, sink);
    table->count = dml->width;
    table->schema = dml->object->schema;
    for (int c = 0; c < dml->width; c++)
        table->items[c].name = dml->object->columns[c].name;
    wr_from_add_table(planner, &from, table);
    int at = dml->width;
    for (int t = 0; t < dml->others.tables.count; t++) {
        const wr_scope_table *other = dml->others.tables.items[t];
        wr_scope_table *copy = wr_new(planner->arena, wr_scope_table);
        *copy = *other;
        copy->items = wr_new_array(planner->arena, wr_scope_item, other->count + 1);
        for (int i = 0; i < other->count; i++) {
            copy->items[i] = other->items[i];
            copy->items[i].table = copy;
            copy->items[i].expr = wr_column_ref(planner, sink->outputs[at++].id);
        }
        wr_from_add_table(planner, &from, copy);
    }
    wr_scope *scope = wr_scope_over(dml->scope, &from);
    scope->clause = WR_IN_RETURNING;
    wr_select_item *items;
    int count;
    WR_TRY(wr_bind_items(scope, returning, &items, &count));
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    out->schema.fields = wr_new_array(planner->arena, wr_field, count + 1);
    out->schema.count = count;
    for (int i = 0; i < count; i++) {
        wr_expr *e = items[i].expr;
        if (e->is_untyped) WR_TRY(wr_bind_coerce(planner->arena, e, WR_VARCHAR, "RETURNING", &e));
        bindings[i] = (wr_binding){wr_planner_column(planner, items[i].name, e->type), e};
        out->schema.fields[i] = (wr_field){items[i].name, e->type};
    }
    out->root = wr_project(planner, sink, bindings, count);
    out->has_rows = true;
    return WR_OK;
}

weir_status wr_dml_finish(wr_dml *dml, wr_column_id *columns, int column_count,
                          const wr_nodes *returning, const char *tag, wr_bound *out)
{
    wr_planner *planner = dml->planner;
    wr_logical *sink = wr_logical_new(planner, WR_L_SINK, dml->plan, NULL);
    WR_TRY(wr_dml_bind_checks(dml));
    out->kind = WR_CLASS_CHANGE;
    out->tag = tag;
    out->writes = true;
    out->root = sink;
    sink->sink.columns = columns;
    sink->sink.column_count = column_count;
    if (returning->count) {
        wr_schema schema = {.count = dml->change.returned_count};
        schema.fields = wr_new_array(planner->arena, wr_field, schema.count + 1);
        sink->outputs = wr_new_array(planner->arena, wr_output, schema.count + 1);
        sink->output_count = schema.count;
        for (int i = 0; i < schema.count; i++) {
            wr_column_id from = columns[dml->change.returned[i]];
            schema.fields[i] =
                (wr_field){planner->column_names.items[from], planner->column_types.items[from]};
            wr_column_id id =
                wr_planner_column(planner, schema.fields[i].name, schema.fields[i].type);
            sink->outputs[i] =
                (wr_output){.id = id, .type = schema.fields[i].type, .name = schema.fields[i].name};
        }
        dml->change.returned_rows = wr_kept_relation_new(&schema, planner->env->mem);
        wr_push(planner->arena, &planner->relations, dml->change.returned_rows);
        sink->sink.returned = dml->change.returned_rows;
        WR_TRY(bind_returning(dml, sink, returning, out));
    } else {
        wr_logical_set_outputs(planner, sink);
        out->schema.count = 1;
        out->schema.fields = wr_new_array(planner->arena, wr_field, 1);
        out->schema.fields[0] = (wr_field){WR_STR("Count"), WR_BIGINT};
    }
    sink->sink.sink = wr_table_sink_new(planner, &dml->change);
    return WR_OK;
}

weir_status wr_dml_target(wr_dml *dml, const wr_sql_table_ref *ref, wr_from *out)
{
    wr_relation *relation;
    wr_planner *planner = dml->planner;
    WR_TRY(wr_planner_snapshot(planner, dml->object->table, &relation));
    *out = (wr_from){.plan = wr_logical_scan(planner, relation, dml->object->name, dml->object)};
    wr_scope_table *table = wr_scope_table_new(planner, dml->alias, out->plan);
    table->schema = dml->object->schema;
    table->object = dml->object;
    for (int i = relation->visible_count; i < table->count; i++)
        table->items[i].hidden = true;
    wr_from_add_table(planner, out, table);
    return wr_from_alias(planner, out, &ref->alias, dml->alias, ref->node.span);
}

wr_expr *wr_dml_rowid(const wr_from *target)
{
    const wr_scope_table *table = target->tables.items[0];
    return table->items[table->count - 1].expr;
}
