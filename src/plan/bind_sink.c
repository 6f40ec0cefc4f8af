/* bind_sink.c - INSERT INTO a sink.
 *
 * The rows of the query become rows of the sink's columns, by position or by the list of names;
 * columns that are not named are NULL. The plan ends there: who runs it puts the target on top, in
 * a batch as a sink that commits once, in a continuous query as its last stage. */
#include "plan/bind_dml.h"
#include "plan/connect.h"

/* What INSERT can say to tables only. */
static weir_status refuse_clauses(const wr_sql_insert *insert)
{
    const wr_node *at = insert->conflict          ? insert->conflict
                        : insert->returning.count ? insert->returning.items[0]
                                                  : &insert->node;
    const char *what = insert->conflict || insert->mode != WR_INSERT_PLAIN
                           ? "ON CONFLICT is for tables: a sink with a PRIMARY KEY replaces rows"
                       : insert->returning.count ? "RETURNING is for tables, not for sinks"
                       : insert->overriding      ? "OVERRIDING is for tables, not for sinks"
                       : insert->default_values  ? "sinks have no default values"
                                                 : NULL;
    return what ? wr_fail_at(WR_E_UNSUPPORTED, at->span, "%s", what) : WR_OK;
}

/* The columns of the sink that rows are given for, in the order of the query's. */
static weir_status choose_columns(const wr_dml *dml, const wr_sql_insert *insert,
                                  const wr_result *rows, int *columns, int *count)
{
    const wr_names *named = &insert->columns;
    int given = insert->by_name ? rows->count : named->count;
    for (int c = 0; c < dml->width && !given; c++)
        if (!dml->object->columns[c].generated_sql.length) columns[(*count)++] = c;
    for (int i = 0; i < given; i++) {
        wr_name name = insert->by_name
                           ? (wr_name){.text = rows->columns[i].name, .span = insert->query->span}
                           : named->items[i];
        WR_TRY(wr_dml_column(dml, name, &columns[i]));
        if (dml->object->columns[columns[i]].generated_sql.length)
            return wr_fail_at(WR_E_UNSUPPORTED, name.span,
                              "column \"%.*s\" is generated and cannot be given",
                              WR_STR_ARGS(name.text));
        for (int k = 0; k < i; k++)
            if (columns[k] == columns[i])
                return wr_fail_at(WR_E_DUPLICATE_COLUMN, name.span,
                                  "column \"%.*s\" is given twice", WR_STR_ARGS(name.text));
        (*count)++;
    }
    if (*count == rows->count) return WR_OK;
    WR_BUF(names);
    for (int i = 0; i < *count; i++)
        wr_buf_printf(&names, "%s%.*s", i ? ", " : "",
                      WR_STR_ARGS(dml->object->columns[columns[i]].name));
    return wr_fail_at(WR_E_COLUMN_COUNT, insert->query->span, "INSERT gives %d %s for %d %s (%s)",
                      rows->count, rows->count == 1 ? "value" : "values", *count,
                      *count == 1 ? "column" : "columns", names.data ? names.data : "");
}

/* CASE WHEN e IS NULL THEN error(..) ELSE e END */
static weir_status forbid_null(const wr_dml *dml, int column, wr_span span, wr_expr **e)
{
    wr_arena *arena = dml->planner->arena;
    const wr_column_def *def = &dml->object->columns[column];
    bool is_key = false;
    for (int k = 0; k < dml->object->key_count; k++)
        for (int i = 0; i < dml->object->keys[k].column_count; i++)
            is_key |= dml->object->keys[k].columns[i] == column;
    if (!def->not_null && !is_key) return WR_OK;
    wr_expr *failed =
        wr_expr_const(arena, wr_value_text(wr_arena_printf(arena, "NULL in column \"%.*s\" of %.*s",
                                                           WR_STR_ARGS(def->name),
                                                           WR_STR_ARGS(dml->object->name))));
    WR_TRY(wr_bind_by_name(dml->scope, "error", &failed, 1, span, &failed));
    WR_TRY(wr_bind_cast(arena, failed, def->type, true, span, &failed));
    wr_expr *choice = wr_new(arena, wr_expr);
    *choice = (wr_expr){.kind = WR_X_CASE, .type = def->type, .arg_count = 3, .span = span};
    choice->args = wr_new_array(arena, wr_expr *, 3);
    choice->args[0] = wr_expr_is_null(arena, wr_expr_copy(arena, *e), false);
    choice->args[1] = failed;
    choice->args[2] = *e;
    *e = choice;
    return WR_OK;
}

static weir_status assign_columns(const wr_dml *dml, const wr_sql_insert *insert, wr_result *rows,
                                  wr_logical **plan)
{
    wr_planner *planner = dml->planner;
    int *columns = wr_new_array(planner->arena, int, dml->width + rows->count + 1), count = 0;
    wr_expr **values = wr_new_array(planner->arena, wr_expr *, dml->width + 1);
    const wr_type **types = wr_new_array(planner->arena, const wr_type *, rows->count + 1);
    wr_span span = insert->query->span;
    WR_TRY(choose_columns(dml, insert, rows, columns, &count));
    for (int i = 0; i < count; i++)
        types[i] = rows->columns[i].untyped ? dml->object->columns[columns[i]].type
                                            : rows->columns[i].type;
    WR_TRY(wr_result_cast(planner, rows, types, "the column"));
    for (int i = 0; i < count; i++)
        WR_TRY(wr_dml_assign(dml, wr_column_ref(planner, rows->columns[i].id), columns[i], span,
                             &values[columns[i]]));
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, dml->width + 1);
    int width = 0;
    for (int c = 0; c < dml->width; c++) {
        const wr_column_def *def = &dml->object->columns[c];
        if (def->generated_sql.length) continue;
        if (!values[c]) values[c] = wr_expr_const(planner->arena, wr_value_null(def->type));
        WR_TRY(forbid_null(dml, c, span, &values[c]));
        wr_str name = wr_arena_str(planner->arena, def->name);
        bindings[width++] = (wr_binding){wr_planner_column(planner, name, def->type), values[c]};
    }
    *plan = wr_project(planner, rows->plan, bindings, width);
    return WR_OK;
}

static weir_status find_target(wr_planner *planner, wr_object *object, wr_span span,
                               wr_target **out)
{
    if (object->kind == WR_ENTRY_SINK || object->can_write) {
        if (object->target)
            *out = wr_target_keep(object->target);
        else if (!object->connector->sink_options)
            return wr_fail_at(WR_E_UNSUPPORTED, span,
                              "%.*s is a source: the connector %s takes no rows",
                              WR_STR_ARGS(object->name), object->connector->name);
        else
            WR_TRY(wr_with_span(wr_connect_target(planner, object, out), span));
        wr_push(planner->arena, &planner->targets, *out);
        return WR_OK;
    }
    return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                   "%.*s is a source: rows cannot be inserted into it",
                                   WR_STR_ARGS(object->name)),
                        "CREATE SINK makes what takes rows");
}

weir_status wr_bind_sink_insert(wr_scope *scope, const wr_sql_insert *insert, wr_object *object,
                                wr_bound *out)
{
    wr_planner *planner = scope->planner;
    wr_dml dml = {.planner = planner,
                  .scope = scope,
                  .object = object,
                  .alias = object->name,
                  .width = object->column_count};
    wr_result rows;
    WR_TRY(find_target(planner, object, wr_names_span(&insert->table), &out->target));
    WR_TRY(refuse_clauses(insert));
    planner->reads_changes = true;
    WR_TRY(wr_bind_query(scope, insert->query, true, &rows));
    planner->reads_changes = false;
    WR_TRY(assign_columns(&dml, insert, &rows, &out->root));
    WR_TRY(wr_finish_ctes(scope, &insert->ctes));
    WR_TRY(wr_after_changes(scope, &insert->ctes, &out->root));
    out->kind = WR_CLASS_CHANGE;
    out->tag = "INSERT";
    out->writes = true;
    out->sink = object;
    out->schema.count = 1;
    out->schema.fields = wr_new_array(planner->arena, wr_field, 1);
    out->schema.fields[0] = (wr_field){WR_STR("Count"), WR_BIGINT};
    return WR_OK;
}
