/* bind_from.c - what stands in FROM: tables, views, files, subqueries; joins are in bind_join.c.
 *
 * Each relation gives a wr_from: a plan, the tables names can be qualified with, and the columns in
 * the order * shows them. A name is looked up as common table expression, catalog object, built-in
 * schema, then as a file. A relation may see those to its left: functions and LATERAL always, other
 * subqueries when nothing else has the name. */
#include "fmt/files.h"
#include "plan/connect.h"
#include "sql/place.h"
#include "plan/table_fn.h"

wr_logical *wr_logical_scan(wr_planner *planner, wr_relation *relation, wr_str name,
                            wr_object *object)
{
    wr_logical *node = wr_logical_new(planner, WR_L_SCAN, NULL, NULL);
    int count = relation->schema.count;
    wr_push(planner->arena, &planner->relations, relation);
    node->scan.relation = relation;
    node->scan.columns = wr_new_array(planner->arena, int, count + 1);
    node->scan.limit = -1;
    node->scan.name = node->scan.alias = name;
    node->scan.object = object;
    node->outputs = wr_new_array(planner->arena, wr_output, count + 1);
    node->output_count = count;
    for (int i = 0; i < count; i++) {
        const wr_field *field = &relation->schema.fields[i];
        wr_column_id id =
            wr_planner_column(planner, wr_arena_str(planner->arena, field->name), field->type);
        node->scan.columns[i] = i;
        node->outputs[i] =
            (wr_output){.id = id,
                        .type = field->type,
                        .name = planner->column_names.items[id],
                        .not_null = relation->schema.not_null && relation->schema.not_null[i]};
    }
    return node;
}

/* ---- aliases ---- */
static void rebuild_items(wr_planner *planner, wr_from *from)
{
    from->items.count = 0;
    for (int t = 0; t < from->tables.count; t++)
        for (int i = 0; i < from->tables.items[t]->count; i++)
            wr_push(planner->arena, &from->items, from->tables.items[t]->items[i]);
}

weir_status wr_from_alias(wr_planner *planner, wr_from *from, const wr_sql_alias *alias,
                          wr_str fallback, wr_span span)
{
    wr_scope_table *table = from->tables.items[0];
    table->name = wr_name_given(alias->name) ? alias->name.text : fallback;
    int visible = 0;
    for (int i = 0; i < table->count; i++)
        visible += !table->items[i].hidden;
    if (alias->columns.count > visible)
        return wr_fail_at(WR_E_COLUMN_COUNT, wr_names_span(&alias->columns),
                          "%.*s has %d %s, %d names are given", WR_STR_ARGS(table->name), visible,
                          visible == 1 ? "column" : "columns", alias->columns.count);
    int next = 0;
    for (int i = 0; i < table->count && next < alias->columns.count; i++)
        if (!table->items[i].hidden) table->items[i].name = alias->columns.items[next++].text;
    if (alias->types.count)
        return wr_fail_at(WR_E_UNSUPPORTED, span,
                          "column types after the alias are not supported here");
    rebuild_items(planner, from);
    return WR_OK;
}

static weir_status from_plan(wr_planner *planner, wr_logical *plan, const wr_sql_alias *alias,
                             wr_str fallback, wr_span span, wr_from *out)
{
    *out = (wr_from){.plan = plan};
    wr_scope_table *table = wr_scope_table_new(planner, fallback, plan);
    if (plan->kind == WR_L_SCAN) {
        for (int i = plan->scan.relation->visible_count; i < table->count; i++)
            table->items[i].hidden = true;
        if (wr_name_given(alias->name)) plan->scan.alias = alias->name.text;
    }
    wr_from_add_table(planner, out, table);
    return wr_from_alias(planner, out, alias, fallback, span);
}

static weir_status from_result(wr_planner *planner, const wr_result *result,
                               const wr_sql_alias *alias, wr_str fallback, wr_span span,
                               wr_from *out)
{
    *out = (wr_from){.plan = result->plan};
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->items = wr_new_array(planner->arena, wr_scope_item, result->count + 1);
    table->count = result->count;
    for (int i = 0; i < result->count; i++)
        table->items[i] = (wr_scope_item){.name = result->columns[i].name,
                                          .expr = wr_column_ref(planner, result->columns[i].id),
                                          .table = table};
    wr_from_add_table(planner, out, table);
    return wr_from_alias(planner, out, alias, fallback, span);
}

/* ---- tables and files ---- */
/* Tables that other systems always have, and what is written here. */
static weir_status foreign_table(const wr_planner *planner, wr_str name, wr_span span,
                                 weir_status bad)
{
    static const char *const known[][2] = {
        {"sqlite_master", "information_schema.tables"},
        {"sqlite_schema", "information_schema.tables"},
        {"sqlite_temp_master", "information_schema.tables"},
        {"all_tables", "information_schema.tables"},
        {"user_tables", "information_schema.tables"},
        {"duckdb_tables", "information_schema.tables"},
        {"all_tab_columns", "information_schema.columns"},
        {"user_tab_columns", "information_schema.columns"},
    };
    for (size_t i = 0; i < WR_COUNT(known); i++) {
        if (!wr_str_is(name, known[i][0])) continue;
        bad = wr_with_hint(bad, "%s lists them", known[i][1]);
        return span.length ? wr_with_edit(bad, span, "%s", known[i][1]) : bad;
    }
    size_t at;
    if (!wr_str_is(name, "dual")) return bad;
    bad = wr_with_hint(bad, "SELECT needs no FROM");
    if (!span.length || !wr_place_of_word_before(planner->sql, span.pos, "from", &at)) return bad;
    span.length += span.pos - (uint32_t)at;
    span.pos = (uint32_t)at;
    return wr_with_edit(bad, span, "%s", "");
}

static weir_status unknown_table(wr_scope *scope, const wr_sql_table_ref *ref, wr_str schema,
                                 wr_str name)
{
    wr_planner *planner = scope->planner;
    wr_span span = wr_names_span(&ref->name);
    if (schema.length && planner->catalog && !wr_catalog_has_schema(planner->catalog, schema) &&
        !wr_is_builtin_schema(schema))
        return wr_fail_at(WR_E_UNKNOWN_SCHEMA, span, "no schema \"%.*s\"", WR_STR_ARGS(schema));
    wr_nearest nearest = {.wanted = name};
    for (wr_cte *cte = scope->ctes; cte; cte = cte->next)
        wr_nearest_offer(&nearest, cte->node->name.text);
    if (planner->catalog) wr_catalog_offer_names(planner->catalog, WR_RELATION_KINDS, &nearest);
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_TABLE, span, "no table, view or file \"%.*s\"", WR_STR_ARGS(name));
    return nearest.count ? wr_with_nearest(bad, &nearest) : foreign_table(planner, name, span, bad);
}

weir_status wr_bind_file(wr_planner *planner, wr_str path, const wr_format *format,
                         wr_relation **out)
{
    const wr_options none = {0};
    for (int i = 0; i < planner->files_read.count; i++) {
        const wr_bound_file *known = &planner->files_read.items[i];
        if (known->format != format || !wr_str_eq(known->path, path)) continue;
        *out = wr_relation_keep(known->relation);
        return WR_OK;
    }
    WR_TRY(wr_files_bind(planner->files, &path, 1, format, &none, out));
    wr_bound_file next = {wr_arena_str(planner->arena, path), format, *out};
    wr_push(planner->arena, &planner->files_read, next);
    return WR_OK;
}

static weir_status from_file(wr_scope *scope, const wr_sql_table_ref *ref, wr_str path,
                             wr_from *out)
{
    wr_planner *planner = scope->planner;
    wr_relation *relation;
    if (!planner->files)
        return wr_fail_at(WR_E_UNKNOWN_TABLE, ref->node.span, "files cannot be read here");
    weir_status s = wr_bind_file(planner, path, wr_format_of_path(path), &relation);
    if (s) return wr_with_span(s, ref->node.span);
    return from_plan(planner, wr_logical_scan(planner, relation, path, NULL), &ref->alias,
                     wr_file_stem(path), ref->node.span, out);
}

static bool looks_like_file(wr_str name)
{
    return wr_format_of_path(name) || memchr(name.data, '/', name.length) ||
           memchr(name.data, '*', name.length);
}

static weir_status from_object(wr_scope *scope, wr_object *object, const wr_sql_table_ref *ref,
                               wr_from *out)
{
    wr_planner *planner = scope->planner;
    wr_str name = wr_names_last(ref->name).text;
    wr_push(planner->arena, &planner->objects, object);
    if (ref->time_travel && object->is_materialized)
        return wr_with_hint(
            wr_fail_at(WR_E_UNSUPPORTED, ref->time_travel->span,
                       "%.*s has the rows of now: a materialized view keeps no older ones",
                       WR_STR_ARGS(object->name)),
            "leave AS OF out; SUBSCRIBE TO %.*s tells its changes as they come",
            WR_STR_ARGS(object->name));
    if (ref->time_travel)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, ref->time_travel->span,
                                       "reading older versions of a table is not supported"),
                            "FOR SYSTEM_TIME AS OF a column that is proctime() reads it as it is");
    if (object->kind == WR_ENTRY_SINK)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, ref->node.span,
                                       "%.*s is a sink: its rows cannot be read",
                                       WR_STR_ARGS(object->name)),
                            "CREATE SOURCE makes what is read");
    if (object->source && object->source->def->usable)
        WR_TRY(wr_with_span(object->source->def->usable(object->source), ref->node.span));
    bool is_followed = object->is_materialized && object->source && planner->reads_changes;
    if (object->kind == WR_ENTRY_SOURCE || is_followed) {
        wr_result result;
        WR_TRY(wr_bind_source(scope, object, ref->node.span, &result));
        WR_TRY(from_result(planner, &result, &ref->alias, name, ref->node.span, out));
    } else if (object->kind == WR_ENTRY_VIEW) {
        wr_result result;
        WR_TRY(wr_bind_stored_query(scope, object->sql, object->name, ref->node.span, &result));
        for (int i = 0; i < object->column_count && i < result.count; i++)
            result.columns[i].name = object->columns[i].name;
        WR_TRY(from_result(planner, &result, &ref->alias, name, ref->node.span, out));
    } else {
        wr_relation *relation;
        if (object->kind == WR_ENTRY_TABLE)
            WR_TRY(wr_planner_snapshot(planner, object->table, &relation));
        else
            relation = wr_relation_keep(object->relation);
        WR_TRY(from_plan(planner, wr_logical_scan(planner, relation, object->name, object),
                         &ref->alias, name, ref->node.span, out));
        if (object->kind == WR_ENTRY_TABLE) out->tables.items[0]->object = object;
    }
    out->tables.items[0]->schema = object->schema;
    return WR_OK;
}

/* A table of whoever runs the engine, asked for once per statement; *out NULL: there is none. */
static weir_status find_foreign(wr_planner *planner, wr_str name, wr_relation **out)
{
    *out = NULL;
    if (!planner->find_table) return WR_OK;
    for (int i = 0; i < planner->found_tables.count; i++) {
        const wr_found_table *known = &planner->found_tables.items[i];
        if (!wr_str_eq(known->name, name)) continue;
        *out = known->relation;
        return WR_OK;
    }
    WR_TRY(planner->find_table(planner->owner, name, planner->env->cancel, out));
    if (*out) wr_push(planner->arena, &planner->relations, *out);
    wr_found_table next = {wr_arena_str(planner->arena, name), *out};
    wr_push(planner->arena, &planner->found_tables, next);
    return WR_OK;
}

static weir_status bind_table_ref(wr_scope *scope, const wr_sql_table_ref *ref, wr_from *out)
{
    wr_planner *planner = scope->planner;
    wr_str schema, name;
    wr_split_name(&ref->name, &schema, &name);
    if (ref->file) return from_file(scope, ref, name, out);
    wr_cte *cte = ref->name.count == 1 ? wr_find_cte(scope, name) : NULL;
    if (cte) {
        wr_result result;
        WR_TRY(wr_bind_cte_use(scope, cte, ref->node.span, &result));
        return from_result(planner, &result, &ref->alias, name, ref->node.span, out);
    }
    if (planner->catalog) {
        wr_object *object = wr_catalog_find(planner->catalog, WR_RELATION_KINDS, schema, name);
        if (object) return from_object(scope, object, ref, out);
    }
    bool done = false;
    wr_result result;
    if (planner->changed_keys && wr_str_is(name, "changed keys"))
        return from_plan(
            planner, wr_logical_scan(planner, wr_relation_keep(planner->changed_keys), name, NULL),
            &ref->alias, name, ref->node.span, out);
    WR_TRY(wr_bind_builtin_table(scope, schema, name, &result, &done));
    if (done) {
        WR_TRY(from_result(planner, &result, &ref->alias, name, ref->node.span, out));
        out->tables.items[0]->schema = schema;
        return WR_OK;
    }
    if (ref->name.count == 1 && planner->last_result && wr_str_is(name, "_"))
        return from_plan(
            planner, wr_logical_scan(planner, wr_relation_keep(planner->last_result), name, NULL),
            &ref->alias, name, ref->node.span, out);
    if (ref->name.count == 1 && looks_like_file(name)) return from_file(scope, ref, name, out);
    if (ref->name.count == 2) { /* FROM orders.csv */
        wr_str path =
            wr_arena_printf(planner->arena, "%.*s.%.*s", WR_STR_ARGS(schema), WR_STR_ARGS(name));
        if (wr_format_of_path(path) &&
            !(planner->catalog && wr_catalog_has_schema(planner->catalog, schema)))
            return from_file(scope, ref, path, out);
    }
    wr_relation *found = NULL;
    if (ref->name.count == 1)
        WR_TRY(wr_with_span(find_foreign(planner, name, &found), ref->node.span));
    if (found)
        return from_plan(planner, wr_logical_scan(planner, wr_relation_keep(found), name, NULL),
                         &ref->alias, name, ref->node.span, out);
    return unknown_table(scope, ref, schema, name);
}

weir_status wr_find_table(wr_scope *scope, const wr_names *name, wr_object **out)
{
    wr_planner *planner = scope->planner;
    wr_str schema, table;
    wr_split_name(name, &schema, &table);
    unsigned kinds = WR_RELATION_KINDS;
    wr_object *object =
        planner->catalog ? wr_catalog_find(planner->catalog, kinds, schema, table) : NULL;
    const wr_sql_table_ref ref = {.name = *name};
    if (!object) return unknown_table(scope, &ref, schema, table);
    wr_push(planner->arena, &planner->objects, object);
    if (object->kind != WR_ENTRY_TABLE)
        return wr_fail_at(WR_E_UNSUPPORTED, wr_names_span(name),
                          "%.*s is a %s: its rows cannot be changed", WR_STR_ARGS(table),
                          object->kind == WR_ENTRY_VIEW     ? "view"
                          : object->kind == WR_ENTRY_SOURCE ? "source"
                          : object->kind == WR_ENTRY_SINK   ? "sink"
                                                            : "registered relation");
    if (object->is_materialized) {
        weir_status bad = wr_fail_at(WR_E_UNSUPPORTED, wr_names_span(name),
                                     "%.*s is a materialized view: its rows cannot be changed",
                                     WR_STR_ARGS(table));
        if (object->source) return wr_with_hint(bad, "they change with its query");
        return wr_with_hint(bad, "REFRESH MATERIALIZED VIEW %.*s runs its query again",
                            WR_STR_ARGS(table));
    }
    *out = object;
    return WR_OK;
}

static weir_status bind_query_ref(wr_scope *outer, const wr_from *left, const wr_sql_query_ref *ref,
                                  wr_from *out)
{
    wr_planner *planner = outer->planner;
    wr_scope *scope = outer;
    if (left && left->plan && ref->lateral) {
        scope = wr_scope_over(outer, left);
    } else if (left && left->plan) { /* asked when nothing else has the name */
        scope = wr_scope_new(planner, outer);
        scope->is_names_only = true;
        scope->fallback = wr_scope_over(outer, left);
    }
    wr_result result;
    WR_TRY(wr_bind_query(scope, ref->query, false, &result));
    return from_result(planner, &result, &ref->alias, WR_STR(""), ref->node.span, out);
}

/* The source that the reference means; NULL: something else. The planner holds it. */
static wr_object *source_of(wr_scope *scope, const wr_sql_table_ref *ref)
{
    wr_planner *planner = scope->planner;
    wr_str schema, name;
    wr_split_name(&ref->name, &schema, &name);
    if (ref->file || !planner->catalog) return NULL;
    if (ref->name.count == 1 && wr_find_cte(scope, name)) return NULL;
    wr_object *object = wr_catalog_find(planner->catalog, WR_RELATION_KINDS, schema, name);
    if (object) wr_push(planner->arena, &planner->objects, object);
    return object && object->kind == WR_ENTRY_SOURCE ? object : NULL;
}

/* JOIN t FOR SYSTEM_TIME AS OF b.p, where p is proctime(): the rows of t when those of b arrive. To
 * a batch all arrive now, and a continuous query reads t when it begins, and again as
 * lookup_refresh says. Of a source with a watermark: the version that was valid at the moment. */
static weir_status bind_table_at(wr_scope *outer, const wr_from *left, const wr_sql_table_ref *ref,
                                 wr_from *out)
{
    const wr_sql_time_travel *at =
        ref->time_travel ? wr_sql_as_time_travel(ref->time_travel) : NULL;
    if (!at || at->version || !left || !left->plan) return bind_table_ref(outer, ref, out);
    wr_expr *moment;
    WR_TRY(wr_bind_expr(wr_scope_over(outer, left), at->value, &moment));
    wr_object *source = source_of(outer, ref);
    bool is_now = wr_is_arrival_time(left->plan, moment);
    if (!is_now && !source) return bind_table_ref(outer, ref, out);
    if (!is_now && !source->watermark_sql.length)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, ref->time_travel->span,
                                       "%.*s has no time that says since when a row is valid",
                                       WR_STR_ARGS(source->name)),
                            "CREATE SOURCE .. WATERMARK FOR ts AS ts - INTERVAL '5 seconds'");
    wr_sql_table_ref as_it_is = *ref;
    as_it_is.time_travel = NULL;
    WR_TRY(bind_table_ref(outer, &as_it_is, out));
    if (is_now) return WR_OK;
    out->version_at = moment;
    out->version_of = source;
    return WR_OK;
}

static weir_status bind_any(wr_scope *outer, const wr_from *left, const wr_node *relation,
                            wr_from *out, const wr_node **sample)
{
    *sample = NULL;
    switch (relation->kind) {
    case WR_SQL_TABLE_REF:
        *sample = wr_sql_as_table_ref(relation)->sample;
        return bind_table_at(outer, left, wr_sql_as_table_ref(relation), out);
    case WR_SQL_QUERY_REF:
        *sample = wr_sql_as_query_ref(relation)->sample;
        return bind_query_ref(outer, left, wr_sql_as_query_ref(relation), out);
    case WR_SQL_FUNCTION_REF:
        *sample = wr_sql_as_function_ref(relation)->sample;
        return wr_bind_function_ref(outer, left, wr_sql_as_function_ref(relation), out);
    case WR_SQL_JOIN:
        return wr_bind_join(outer, left, wr_sql_as_join(relation), out);
    case WR_SQL_PIVOT:
        return wr_bind_pivot(outer, left, wr_sql_as_pivot(relation), out);
    case WR_SQL_UNPIVOT:
        return wr_bind_unpivot(outer, left, wr_sql_as_unpivot(relation), out);
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, relation->span, "%s cannot stand in FROM",
                          wr_node_kind_name(relation->kind));
    }
}

weir_status wr_bind_relation(wr_scope *outer, const wr_from *left, const wr_node *relation,
                             wr_from *out)
{
    const wr_node *sample;
    wr_planner *planner = outer->planner;
    WR_TRY(wr_bind_enter(planner, relation->span));
    bool is_join = relation->kind == WR_SQL_JOIN; /* has a limit of its own: chains are long */
    planner->depth -= is_join;
    if (is_join && ++planner->join_depth > WR_BIND_JOINS_MAX)
        return wr_fail_at(WR_E_TOO_DEEP, relation->span, "more than %d joins in a row",
                          WR_BIND_JOINS_MAX);
    WR_TRY(bind_any(outer, left, relation, out, &sample));
    if (sample) WR_TRY(wr_bind_sample(outer, sample, &out->plan));
    planner->depth -= !is_join;
    planner->join_depth -= is_join;
    return WR_OK;
}

weir_status wr_from_check_names(const wr_from *from, const wr_from *more, wr_span span)
{
    for (int i = 0; i < from->tables.count; i++)
        for (int k = 0; k < more->tables.count; k++) {
            const wr_scope_table *a = from->tables.items[i], *b = more->tables.items[k];
            if (!b->name.length || !wr_str_ieq(a->name, b->name) ||
                (a->schema.length && b->schema.length && !wr_str_ieq(a->schema, b->schema)))
                continue;
            return wr_with_fix(wr_fail_at(WR_E_DUPLICATE_NAME, span,
                                          "\"%.*s\" stands in FROM twice", WR_STR_ARGS(b->name)),
                               "%.*s AS %.*s2", WR_STR_ARGS(b->name), WR_STR_ARGS(b->name));
        }
    return WR_OK;
}

weir_status wr_bind_from(wr_scope *outer, const wr_nodes *relations, wr_from *out)
{
    wr_planner *planner = outer->planner;
    *out = (wr_from){0};
    for (int i = 0; i < relations->count; i++) {
        wr_from one = {0};
        WR_TRY(wr_bind_relation(outer, out, relations->items[i], &one));
        if (one.version_at)
            return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, relations->items[i]->span,
                                           "FOR SYSTEM_TIME AS OF needs a JOIN with a condition"),
                                "JOIN %.*s FOR SYSTEM_TIME AS OF .. ON l.id = r.id",
                                WR_STR_ARGS(one.version_of->name));
        WR_TRY(wr_from_check_names(out, &one, relations->items[i]->span));
        out->plan = out->plan ? wr_join_new(planner, WR_JOIN_INNER, out->plan, one.plan, NULL, 0)
                              : one.plan;
        for (int t = 0; t < one.tables.count; t++)
            wr_push(planner->arena, &out->tables, one.tables.items[t]);
        for (int t = 0; t < one.items.count; t++)
            wr_push(planner->arena, &out->items, one.items.items[t]);
    }
    return WR_OK;
}

weir_status wr_bind_sample(wr_scope *scope, const wr_node *node, wr_logical **plan)
{
    wr_planner *planner = scope->planner;
    const wr_sql_sample *sample = wr_sql_as_sample(node);
    wr_value size, seed;
    WR_TRY(wr_bind_constant(planner, sample->size, WR_DOUBLE, &size));
    if (size.is_null || !(size.f64 >= 0) || (sample->unit == WR_SAMPLE_PERCENT && size.f64 > 100) ||
        size.f64 > 1e15)
        return wr_fail_at(WR_E_BAD_ARGUMENT, sample->size->span, "the size of a sample must be %s",
                          sample->unit == WR_SAMPLE_PERCENT ? "0 to 100 percent"
                                                            : "a number of rows");
    bool system = wr_str_is(sample->method.text, "system"),
         bernoulli = wr_str_is(sample->method.text, "bernoulli");
    if (wr_name_given(sample->method) && !system && !bernoulli &&
        !wr_str_is(sample->method.text, "reservoir"))
        return wr_fail_at(WR_E_UNSUPPORTED, sample->method.span,
                          "no sampling method \"%.*s\": there are bernoulli, system and reservoir",
                          WR_STR_ARGS(sample->method.text));
    wr_logical *sampled = wr_logical_new(planner, WR_L_SAMPLE, *plan, NULL);
    sampled->sample.rows = sample->unit == WR_SAMPLE_ROWS ? (int64_t)size.f64 : -1;
    sampled->sample.fraction = sample->unit == WR_SAMPLE_PERCENT ? size.f64 / 100 : 1;
    sampled->sample.is_block = system;
    if (sample->seed) {
        WR_TRY(wr_bind_constant(planner, sample->seed, WR_BIGINT, &seed));
        sampled->sample.has_seed = !seed.is_null;
        sampled->sample.seed = seed.is_null ? 0 : seed.i64;
    }
    wr_logical_set_outputs(planner, sampled);
    *plan = sampled;
    return WR_OK;
}
