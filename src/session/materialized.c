/* materialized.c - materialized views: tables that keep the rows of a query.
 *
 * The query is kept as text beside the rows. REFRESH makes a table of the rows it has then and puts
 * it in the place of the old one, so that others see the old rows or the new ones, never some of
 * both. Over sources without end a view is a continuous query (stream_view.c). */
#include "session/create_table.h"

static weir_status check_view(const wr_sql_create_view *create, const wr_bound *bound)
{
    if (create->options.count)
        return wr_fail_at(WR_E_UNSUPPORTED, create->options.items[0]->span,
                          "materialized views have no options");
    WR_TRY(wr_check_reads_only(bound, "a materialized view"));
    if (create->columns.count <= bound->schema.count) return WR_OK;
    return wr_fail_at(WR_E_COLUMN_COUNT, create->columns.items[0].span,
                      "the view names %d columns but its query has %d", create->columns.count,
                      bound->schema.count);
}

static weir_status take_columns(wr_object *view, const wr_sql_create_view *create,
                                const wr_schema *schema)
{
    wr_table_parts parts = {.arena = &view->arena};
    for (int i = 0; i < schema->count; i++) {
        wr_str name =
            i < create->columns.count ? create->columns.items[i].text : schema->fields[i].name;
        const wr_type *type = schema->fields[i].type;
        if (wr_table_parts_column(&parts, name) >= 0)
            return wr_with_hint(wr_fail_at(WR_E_DUPLICATE_COLUMN, create->query->span,
                                           "the query has two columns named \"%.*s\"",
                                           WR_STR_ARGS(name)),
                                "give one of them another name with AS");
        wr_push(&view->arena, &parts.columns,
                ((wr_column_def){.name = wr_arena_str(&view->arena, name),
                                 .type = type->id == WR_T_NULL ? WR_VARCHAR : type,
                                 .id = wr_column_number_new()}));
    }
    view->columns = parts.columns.items;
    view->column_count = parts.columns.count;
    return WR_OK;
}

static void new_table(weir_query *query, wr_object *view)
{
    wr_schema schema = {.fields = wr_new_array(&view->arena, wr_field, view->column_count + 1),
                        .not_null = wr_new_array(&view->arena, bool, view->column_count + 1),
                        .count = view->column_count};
    for (int i = 0; i < view->column_count; i++)
        schema.fields[i] = (wr_field){view->columns[i].name, view->columns[i].type};
    view->table = wr_table_new(wr_catalog_store(query->view.catalog), &schema);
    view->is_materialized = true;
}

weir_status wr_view_take_columns(weir_query *query, wr_object *view,
                                 const wr_sql_create_view *create, const wr_schema *schema)
{
    WR_TRY(take_columns(view, create, schema));
    new_table(query, view);
    return WR_OK;
}

static weir_status fill(weir_query *query, wr_object *view, const wr_bound *bound)
{
    void *target[2] = {view->table, query->view.txn};
    WR_TRY(wr_query_drain(query, bound, wr_append_to_table, target));
    query->affected = (int64_t)wr_table_count(view->table, query->view.txn);
    return WR_OK;
}

weir_status wr_run_create_materialized(weir_query *query, const wr_sql_create_view *create)
{
    query->tag = "CREATE MATERIALIZED VIEW";
    if (create->mode.if_not_exists && wr_ddl_exists(query, WR_RELATION_KINDS, &create->name))
        return WR_OK;
    wr_bound bound;
    query->planner.reads_changes = true;
    WR_TRY(wr_bind_statement(&query->planner, create->query, &bound));
    query->planner.reads_changes = false;
    bound.emit_on_close |= create->emit_on_close;
    WR_TRY(check_view(create, &bound));
    WR_TRY(wr_check_lasts(query, create->query->span, "a materialized view"));
    if (bound.is_continuous) return wr_create_live_view(query, create, &bound);
    WR_AUTO(wr_object) *view =
        wr_ddl_object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    view->sql = wr_ddl_format(&view->arena, create->query);
    view->emit_on_close = create->emit_on_close;
    WR_TRY(wr_view_take_columns(query, view, create, &bound.schema));
    if (!create->no_data) WR_TRY(fill(query, view, &bound));
    view->references++; /* the catalog's */
    return wr_ddl_add(query, view, create->mode, wr_names_last(create->name).span);
}

static weir_status find_view(weir_query *query, const wr_names *names, wr_object **out)
{
    wr_str schema, name;
    wr_ddl_split_name(names, WR_STR(""), &schema, &name);
    *out = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (*out && (*out)->is_materialized) return WR_OK;
    return wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_last(*names).span,
                      "no materialized view \"%.*s\"", WR_STR_ARGS(name));
}

weir_status wr_run_refresh(weir_query *query, const wr_names *names, bool no_data)
{
    query->tag = "REFRESH MATERIALIZED VIEW";
    WR_AUTO(wr_object) *old = NULL;
    wr_statement statement;
    wr_bound bound;
    WR_TRY(find_view(query, names, &old));
    if (old->source && no_data)
        return wr_fail_at(WR_E_UNSUPPORTED, wr_names_last(*names).span,
                          "%.*s has the rows of a query that goes on: it cannot be emptied",
                          WR_STR_ARGS(old->name));
    if (old->source) return wr_refresh_live_view(query, old, wr_names_last(*names).span);
    WR_TRY(wr_parse_one(&query->arena, wr_arena_str(&query->arena, old->sql), &statement));
    weir_status bad = wr_bind_statement(&query->planner, statement.node, &bound);
    if (bad) bad->span = wr_names_last(*names).span;
    WR_TRY(wr_wrap(bad, "in the query of %.*s", WR_STR_ARGS(old->name)));
    if (bound.is_continuous)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, wr_names_last(*names).span,
                                       "the query of %.*s reads a source without end now",
                                       WR_STR_ARGS(old->name)),
                            "drop the view and create it again");
    if (bound.schema.count != old->column_count)
        return wr_fail_at(WR_E_COLUMN_COUNT, wr_names_last(*names).span,
                          "the query of %.*s has %d columns now, the view %d",
                          WR_STR_ARGS(old->name), bound.schema.count, old->column_count);
    WR_AUTO(wr_object) *view = wr_object_new(WR_ENTRY_TABLE, old->schema, old->name);
    view->is_temporary = old->is_temporary;
    view->emit_on_close = old->emit_on_close;
    view->sql = wr_arena_str(&view->arena, old->sql);
    view->comment = wr_arena_str(&view->arena, old->comment);
    view->column_count = old->column_count;
    view->columns = wr_new_array(&view->arena, wr_column_def, old->column_count + 1);
    for (int i = 0; i < old->column_count; i++) {
        if (bound.schema.fields[i].type != old->columns[i].type &&
            bound.schema.fields[i].type->id != WR_T_NULL)
            return wr_fail_at(WR_E_TYPE_MISMATCH, wr_names_last(*names).span,
                              "column \"%.*s\" of %.*s is %s, its query gives %s now",
                              WR_STR_ARGS(old->columns[i].name), WR_STR_ARGS(old->name),
                              wr_type_name(old->columns[i].type),
                              wr_type_name(bound.schema.fields[i].type));
        view->columns[i] = old->columns[i];
        view->columns[i].name = wr_arena_str(&view->arena, old->columns[i].name);
        view->columns[i].comment = wr_arena_str(&view->arena, old->columns[i].comment);
    }
    new_table(query, view);
    if (!no_data) WR_TRY(fill(query, view, &bound));
    view->references++; /* the catalog's */
    return wr_catalog_replace(&query->view, old, view);
}
