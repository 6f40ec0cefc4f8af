/* bind_source.c - a source of the catalog in FROM.
 *
 *     watermark (if one is declared)
 *       project: declared columns in their order, generated ones computed (if there are some)
 *         scan of the source as a relation
 *
 * The watermark stands above the generated columns because it may be over one of them. */
#include "plan/connect.h"
#include "spi/source_relation.h"
#include "sql/parse.h"

/* Names of the columns of object that are given (all: generated ones too), as a scope. */
static wr_scope *columns_scope(wr_planner *planner, const wr_object *object,
                               const wr_column_id *ids, bool all)
{
    wr_from from = {0};
    wr_scope *scope = wr_scope_new(planner, NULL);
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->name = object->name;
    table->items = wr_new_array(planner->arena, wr_scope_item, object->column_count + 1);
    for (int i = 0; i < object->column_count; i++) {
        if (object->columns[i].generated_sql.length && !all) continue;
        table->items[table->count++] = (wr_scope_item){.name = object->columns[i].name,
                                                       .expr = wr_column_ref(planner, ids[i]),
                                                       .table = table};
    }
    wr_from_add_table(planner, &from, table);
    wr_scope_add_from(scope, &from);
    scope->clause = WR_IN_CHECK;
    return scope;
}

static weir_status stored_expression(wr_scope *scope, const wr_object *object, wr_str sql,
                                     wr_str what, wr_expr **out)
{
    wr_node *node;
    weir_status bad = wr_parse_expression(scope->planner->arena, sql, &node);
    if (!bad) {
        wr_stamp_spans(node, (wr_span){0});
        bad = wr_bind_expr(scope, node, out);
    }
    if (!bad && wr_expr_has_subquery(*out))
        bad = wr_fail(WR_E_UNSUPPORTED, "subqueries cannot stand here");
    if (!bad) return WR_OK;
    return wr_wrap(bad, "%.*s of %.*s", WR_STR_ARGS(what), WR_STR_ARGS(object->name));
}

/* Replaces ids of scanned columns by those of a projection with all columns. */
static weir_status add_generated(wr_planner *planner, const wr_object *object, wr_column_id *ids,
                                 wr_logical **plan)
{
    bool any = false;
    for (int i = 0; i < object->column_count; i++)
        any |= object->columns[i].generated_sql.length != 0;
    if (!any) return WR_OK;
    wr_scope *scope = columns_scope(planner, object, ids, false);
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, object->column_count + 1);
    for (int i = 0; i < object->column_count; i++) {
        wr_column_def *column = &object->columns[i];
        if (!column->generated_sql.length) {
            bindings[i] = (wr_binding){ids[i], wr_column_ref(planner, ids[i])};
            continue;
        }
        wr_expr *e;
        wr_str what = wr_arena_printf(planner->arena, "column \"%.*s\"", WR_STR_ARGS(column->name));
        WR_TRY(stored_expression(scope, object, column->generated_sql, what, &e));
        if (column->type && e->type != column->type)
            WR_TRY(wr_bind_assign(planner->arena, e, column->type, (wr_span){0}, &e));
        else if (e->is_untyped)
            WR_TRY(wr_bind_coerce(planner->arena, e, WR_VARCHAR, "a column", &e));
        ids[i] = wr_planner_column(planner, wr_arena_str(planner->arena, column->name), e->type);
        bindings[i] = (wr_binding){ids[i], e};
    }
    *plan = wr_project(planner, *plan, bindings, object->column_count);
    return WR_OK;
}

static weir_status add_watermark(wr_planner *planner, const wr_object *object,
                                 const wr_column_id *ids, wr_logical **plan)
{
    if (!object->watermark_sql.length) return WR_OK;
    wr_scope *scope = columns_scope(planner, object, ids, true);
    wr_logical *node = wr_logical_new(planner, WR_L_WATERMARK, *plan, NULL);
    WR_TRY(stored_expression(scope, object, object->watermark_sql, WR_STR("the watermark"),
                             &node->watermark.time));
    wr_type_id type = node->watermark.time->type->id;
    if (type != WR_T_TIMESTAMP && type != WR_T_TIMESTAMPTZ)
        return wr_with_hint(
            wr_fail(WR_E_TYPE_MISMATCH, "the watermark of %.*s is a TIMESTAMP, not %s",
                    WR_STR_ARGS(object->name), wr_type_name(node->watermark.time->type)),
            "WATERMARK FOR ts AS ts - INTERVAL '5 seconds'");
    wr_logical_set_outputs(planner, node);
    *plan = node;
    return WR_OK;
}

static weir_status put_source(wr_planner *planner, wr_object *object, wr_source *source,
                              wr_result *out)
{
    wr_relation *relation = wr_source_relation_new(source, planner->files->fs);
    wr_logical *plan = wr_logical_scan(planner, relation, object->name, object);
    wr_column_id *ids = wr_new_array(planner->arena, wr_column_id, object->column_count + 1);
    if (!source->is_bounded) planner->reads_unbounded = true;
    for (int i = 0, next = 0; i < object->column_count; i++)
        if (!object->columns[i].generated_sql.length) ids[i] = plan->outputs[next++].id;
    WR_TRY(add_generated(planner, object, ids, &plan));
    WR_TRY(add_watermark(planner, object, ids, &plan));
    out->plan = plan;
    out->count = object->column_count;
    out->columns = wr_new_array(planner->arena, wr_result_column, object->column_count + 1);
    for (int i = 0; i < object->column_count; i++)
        out->columns[i] = (wr_result_column){.id = ids[i],
                                             .name = object->columns[i].name,
                                             .type = planner->column_types.items[ids[i]]};
    return WR_OK;
}

weir_status wr_bind_source(wr_scope *scope, wr_object *object, wr_span span, wr_result *out)
{
    wr_planner *planner = scope->planner;
    if (object->source) return put_source(planner, object, object->source, out);
    WR_AUTO(wr_source) *source = NULL;
    if (!object->connector->source_options)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                       "%.*s is a sink: its rows cannot be read",
                                       WR_STR_ARGS(object->name)),
                            "the connector %s takes rows only", object->connector->name);
    WR_TRY(wr_with_span(wr_connect_source(planner, object, &source), span));
    return put_source(planner, object, source, out);
}

weir_status wr_check_source(wr_planner *planner, wr_object *object)
{
    wr_logical *plan = wr_logical_new(planner, WR_L_EMPTY, NULL, NULL);
    wr_column_id *ids = wr_new_array(planner->arena, wr_column_id, object->column_count + 1);
    for (int i = 0; i < object->column_count; i++) {
        const wr_column_def *column = &object->columns[i];
        if (!column->generated_sql.length)
            ids[i] = wr_planner_column(planner, wr_arena_str(planner->arena, column->name),
                                       column->type);
    }
    WR_TRY(add_generated(planner, object, ids, &plan));
    for (int i = 0; i < object->column_count; i++)
        object->columns[i].type = planner->column_types.items[ids[i]];
    return add_watermark(planner, object, ids, &plan);
}
