/* ddl.c - CREATE and DROP of what is neither table nor sequence, and the parts all of them share.
 *
 * Definitions that hold SQL (views, macros) are kept as canonical text made from the tree, after
 * they were bound once so that mistakes are reported now and not at first use. */
#include "session/session.h"
#include "sql/format.h"
#include <ctype.h>

/* ---- names and texts ---- */

void wr_ddl_split_name(const wr_names *name, wr_str default_schema, wr_str *schema, wr_str *object)
{
    *object = name->items[name->count - 1].text;
    *schema = name->count > 1 ? name->items[name->count - 2].text : default_schema;
}

wr_str wr_ddl_format(wr_arena *arena, const wr_node *node)
{
    WR_BUF(text);
    if (node) wr_node_format(&text, node);
    return wr_arena_str(arena, wr_buf_str(&text));
}

wr_object *wr_ddl_object_new(weir_query *query, wr_entry_kind kind, const wr_names *name,
                             bool temporary)
{
    wr_str schema, object;
    wr_ddl_split_name(name, query->env.schema.length ? query->env.schema : WR_STR("main"), &schema,
                      &object);
    bool in_temp = wr_str_is(schema, "temp") || wr_str_is(schema, "pg_temp");
    wr_object *made = wr_object_new(kind, schema, object);
    made->is_temporary = temporary || in_temp;
    return made;
}

/* Is the name taken, so that IF NOT EXISTS has nothing to do? */
bool wr_ddl_exists(weir_query *query, unsigned kinds, const wr_names *name)
{
    wr_str schema, object;
    wr_ddl_split_name(name, WR_STR(""), &schema, &object);
    WR_AUTO(wr_object) *found = wr_catalog_find(&query->view, kinds, schema, object);
    return found != NULL;
}

weir_status wr_ddl_add(weir_query *query, wr_object *object, wr_create_mode mode, wr_span span)
{
    bool is_table = WR_RELATION_KINDS >> object->kind & 1;
    weir_status bad = wr_catalog_add(&query->view, object, mode.replace);
    if (bad && bad->code == WR_E_DUPLICATE_TABLE && is_table)
        bad = wr_with_hint(bad, "IF NOT EXISTS keeps it, OR REPLACE replaces it");
    return wr_with_span(bad, span);
}

/* ---- views, schemas, types, macros, indexes ---- */

static weir_status create_view(weir_query *query, const wr_sql_create_view *create)
{
    query->tag = "CREATE VIEW";
    if (create->materialized) return wr_run_create_materialized(query, create);
    if (create->options.count)
        return wr_fail_at(WR_E_UNSUPPORTED, create->options.items[0]->span,
                          "views have no options");
    if (create->recursive)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                                       "CREATE RECURSIVE VIEW is not supported"),
                            "CREATE VIEW v AS WITH RECURSIVE .. means the same");
    if (create->mode.if_not_exists && wr_ddl_exists(query, 1u << WR_ENTRY_VIEW, &create->name))
        return WR_OK;
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, create->query, &bound));
    WR_TRY(wr_check_reads_only(&bound, "a view"));
    WR_TRY(wr_check_lasts(query, create->query->span, "a view"));
    if (create->columns.count > bound.schema.count)
        return wr_fail_at(WR_E_COLUMN_COUNT, create->columns.items[0].span,
                          "the view names %d columns but its query has %d", create->columns.count,
                          bound.schema.count);
    wr_object *view =
        wr_ddl_object_new(query, WR_ENTRY_VIEW, &create->name, create->mode.temporary);
    view->sql = wr_ddl_format(&view->arena, create->query);
    if (create->emit_on_close) /* of what is made of the view */
        view->sql =
            wr_arena_printf(&view->arena, "%.*s EMIT ON WINDOW CLOSE", WR_STR_ARGS(view->sql));
    view->column_count = create->columns.count;
    view->columns = wr_new_array(&view->arena, wr_column_def, WR_MAX(view->column_count, 1));
    for (int i = 0; i < view->column_count; i++)
        view->columns[i].name = wr_arena_str(&view->arena, create->columns.items[i].text);
    return wr_ddl_add(query, view, create->mode, wr_names_last(create->name).span);
}

static weir_status create_type(weir_query *query, const wr_sql_create_type *create)
{
    query->tag = "CREATE TYPE";
    if (create->mode.if_not_exists && wr_ddl_exists(query, 1u << WR_ENTRY_TYPE, &create->name))
        return WR_OK;
    const wr_type *type;
    WR_TRY(wr_bind_type(&query->planner, create->type, &type));
    wr_object *object =
        wr_ddl_object_new(query, WR_ENTRY_TYPE, &create->name, create->mode.temporary);
    object->type = type;
    return wr_ddl_add(query, object, create->mode, wr_names_last(create->name).span);
}

static weir_status create_macro(weir_query *query, const wr_sql_create_macro *create)
{
    query->tag = "CREATE MACRO";
    if (create->overloads.count != 1)
        return wr_fail_at(WR_E_UNSUPPORTED, create->node.span, "a macro has exactly one body");
    const wr_sql_macro_body *body = wr_sql_as_macro_body(create->overloads.items[0]);
    if (body->text || (wr_name_given(body->language) && !wr_str_is(body->language.text, "sql")))
        return wr_fail_at(WR_E_UNSUPPORTED, body->node.span,
                          "functions are written as an expression: AS expression");
    if (body->returns_set || body->returns_table.count)
        return wr_fail_at(WR_E_UNSUPPORTED, body->node.span,
                          "functions that return a table are written as CREATE MACRO .. AS TABLE");
    const wr_type *returns = NULL;
    if (body->returns) WR_TRY(wr_bind_type(&query->planner, body->returns, &returns));
    wr_entry_kind kind = body->query ? WR_ENTRY_TABLE_MACRO : WR_ENTRY_MACRO;
    if (create->mode.if_not_exists && wr_ddl_exists(query, 1u << kind, &create->name)) return WR_OK;
    wr_object *macro = wr_ddl_object_new(query, kind, &create->name, create->mode.temporary);
    macro->sql = wr_ddl_format(&macro->arena, body->query ? body->query : body->expression);
    if (returns && body->expression)
        macro->sql = wr_arena_printf(&macro->arena, "CAST(%.*s AS %.*s)", WR_STR_ARGS(macro->sql),
                                     WR_STR_ARGS(wr_ddl_format(&macro->arena, body->returns)));
    macro->param_count = body->params.count;
    macro->params = wr_new_array(&macro->arena, wr_str, WR_MAX(macro->param_count, 1));
    macro->param_defaults = wr_new_array(&macro->arena, wr_str, WR_MAX(macro->param_count, 1));
    for (int i = 0; i < macro->param_count; i++) {
        const wr_sql_param_def *param = wr_sql_as_param_def(body->params.items[i]);
        macro->params[i] = wr_arena_str(&macro->arena, param->name.text);
        macro->param_defaults[i] = wr_ddl_format(&macro->arena, param->value);
    }
    return wr_ddl_add(query, macro, create->mode, wr_names_last(create->name).span);
}

static weir_status check_index_column(const wr_object *table, wr_name name)
{
    wr_nearest nearest = {.wanted = name.text};
    for (int i = 0; i < table->column_count; i++) {
        if (wr_str_ieq(table->columns[i].name, name.text)) return WR_OK;
        wr_nearest_offer(&nearest, table->columns[i].name);
    }
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span, "no column \"%.*s\" in %.*s",
                                      WR_STR_ARGS(name.text), WR_STR_ARGS(table->name)),
                           &nearest);
}

static weir_status check_operator_class(const wr_sql_order_item *item)
{
    if (!item->opclass.count) return WR_OK;
    return wr_fail_at(WR_E_UNSUPPORTED, wr_names_last(item->opclass).span,
                      "there are no operator classes");
}

/* A unique index is a unique constraint made later; others only keep their name and say so. */
static weir_status create_index(weir_query *query, const wr_sql_create_index *create)
{
    query->tag = "CREATE INDEX";
    wr_str schema, name;
    wr_ddl_split_name(&create->table, WR_STR(""), &schema, &name);
    WR_AUTO(wr_object) *table = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (!table)
        return wr_fail_at(WR_E_UNKNOWN_TABLE, create->table.items[0].span, "no table \"%.*s\"",
                          WR_STR_ARGS(name));
    if (table->is_materialized)
        return wr_fail_at(WR_E_UNSUPPORTED, create->table.items[0].span,
                          "%.*s is a materialized view: it takes no indexes",
                          WR_STR_ARGS(table->name));
    if (wr_name_given(create->method) && !wr_str_is(create->method.text, "btree") &&
        !wr_str_is(create->method.text, "hash"))
        return wr_fail_at(WR_E_UNSUPPORTED, create->method.span, "no index method \"%.*s\"",
                          WR_STR_ARGS(create->method.text));
    if (create->options.count)
        return wr_fail_at(WR_E_UNSUPPORTED, create->options.items[0]->span,
                          "indexes have no options");
    if (create->nulls_not_distinct)
        return wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                          "NULLS NOT DISTINCT is not supported");
    for (int i = 0; i < create->include.count; i++) /* changes nothing, but must be there */
        WR_TRY(check_index_column(table, create->include.items[i]));
    for (int i = 0; i < create->items.count; i++)
        WR_TRY(check_operator_class(wr_sql_as_order_item(create->items.items[i])));
    if (create->mode.if_not_exists && wr_ddl_exists(query, 1u << WR_ENTRY_INDEX, &create->name))
        return WR_OK;
    int *columns = wr_new_array(&query->arena, int, create->items.count);
    bool plain = !create->where;
    for (int i = 0; i < create->items.count; i++) {
        const wr_node *expr = wr_sql_as_order_item(create->items.items[i])->value;
        wr_expr *bound;
        WR_TRY(wr_bind_over_schema(&query->planner, wr_table_schema(table->table), table->name,
                                   expr, NULL, &bound));
        plain &= bound->kind == WR_X_COLUMN;
        columns[i] = bound->kind == WR_X_COLUMN ? (int)bound->column : -1;
    }
    if (create->unique && !plain)
        return wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                          "unique indexes are over plain columns");
    wr_str index_name = create->name.count ? wr_names_last(create->name).text : WR_STR("unique");
    wr_key_def key = {index_name, columns, create->items.count, false};
    if (create->unique)
        WR_TRY(wr_replace_keys(query, table, &key, WR_STR("")));
    else
        wr_buf_add_text(&query->notices, "CREATE INDEX: only the name is kept; scans of tables in "
                                         "memory use no index\n");
    if (!create->name.count) return WR_OK;
    wr_object *index = wr_ddl_object_new(query, WR_ENTRY_INDEX, &create->name, false);
    index->on_table = wr_arena_str(&index->arena, table->name);
    index->sql = wr_ddl_format(&index->arena, &create->node);
    return wr_ddl_add(query, index, create->mode, wr_names_last(create->name).span);
}

/* ---- DROP, TRUNCATE-like, COMMENT ---- */

static unsigned kinds_of(wr_object_kind kind)
{
    switch (kind) {
    case WR_OBJECT_TABLE:
        return 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_RELATION | 1u << WR_ENTRY_SOURCE;
    case WR_OBJECT_MATERIALIZED_VIEW:
        return 1u << WR_ENTRY_TABLE;
    case WR_OBJECT_SOURCE:
        return 1u << WR_ENTRY_SOURCE;
    case WR_OBJECT_SINK:
        return 1u << WR_ENTRY_SINK;
    case WR_OBJECT_VIEW:
        return 1u << WR_ENTRY_VIEW;
    case WR_OBJECT_SEQUENCE:
        return 1u << WR_ENTRY_SEQUENCE;
    case WR_OBJECT_TYPE:
        return 1u << WR_ENTRY_TYPE;
    case WR_OBJECT_MACRO:
        return 1u << WR_ENTRY_MACRO | 1u << WR_ENTRY_TABLE_MACRO;
    case WR_OBJECT_FUNCTION:
        return 1u << WR_ENTRY_MACRO | 1u << WR_ENTRY_TABLE_MACRO | 1u << WR_ENTRY_FUNCTION;
    case WR_OBJECT_MACRO_TABLE:
        return 1u << WR_ENTRY_TABLE_MACRO;
    case WR_OBJECT_INDEX:
        return 1u << WR_ENTRY_INDEX;
    default:
        return 0;
    }
}

/* What DROP calls an object: CREATE TABLE makes tables, also those of a connector. */
static const char *word_of_drop(const wr_object *object)
{
    return object->kind == WR_ENTRY_VIEW     ? "VIEW"
           : object->is_materialized         ? "MATERIALIZED VIEW"
           : object->kind == WR_ENTRY_SINK   ? "SINK"
           : object->kind == WR_ENTRY_SOURCE ? object->can_write ? "TABLE" : "SOURCE"
                                             : "TABLE";
}

/* May DROP with that word drop an object of one of its kinds? */
static bool goes_as(const wr_object *object, wr_object_kind kind)
{
    bool is_view = kind == WR_OBJECT_MATERIALIZED_VIEW;
    if (object->kind == WR_ENTRY_TABLE) return object->is_materialized == is_view;
    if (object->kind != WR_ENTRY_SOURCE) return true;
    return kind == WR_OBJECT_SOURCE ? !object->can_write : object->can_write;
}

static weir_status not_found(weir_query *query, const wr_sql_drop *drop, unsigned kinds,
                             wr_name name)
{
    char word[32] = "";
    const char *kind = wr_object_kind_text(drop->object);
    for (size_t i = 0; kind[i] && i + 1 < sizeof word; i++)
        word[i] = (char)tolower((unsigned char)kind[i]);
    unsigned tables = WR_RELATION_KINDS;
    WR_AUTO(wr_object) *other = wr_catalog_find(&query->view, tables, WR_STR(""), name.text);
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_TABLE, name.span, "no %s \"%.*s\"", word, WR_STR_ARGS(name.text));
    if (other && (kinds & tables))
        return wr_with_fix(bad, "DROP %s %.*s", word_of_drop(other), WR_STR_ARGS(name.text));
    wr_nearest nearest = {.wanted = name.text};
    wr_catalog_offer_names(&query->view, kinds, &nearest);
    return wr_with_nearest(bad, &nearest);
}

/* The uniqueness that CREATE UNIQUE INDEX added goes with the index. */
static weir_status drop_index_key(weir_query *query, const wr_object *index)
{
    WR_AUTO(wr_object) *table =
        wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, index->schema, index->on_table);
    for (int k = 0; table && k < table->key_count; k++)
        if (wr_str_ieq(table->keys[k].name, index->name)) {
            WR_TRY(wr_free_of_referrers(query, table, &table->keys[k], NULL, 0, false));
            return wr_replace_keys(query, table, NULL, index->name);
        }
    return WR_OK;
}

/* Foreign keys to the table: CASCADE drops them, those of tables that go as well do not matter. */
static weir_status drop_referrers(weir_query *query, const wr_sql_drop *drop,
                                  const wr_object *table)
{
    weir_status bad = WR_OK;
    wr_object **besides = wr_new_array(&query->arena, wr_object *, drop->names.count + 1);
    for (int i = 0; i < drop->names.count; i++) {
        wr_str schema, name;
        wr_ddl_split_name(&wr_sql_as_name_node(drop->names.items[i])->name, WR_STR(""), &schema,
                          &name);
        besides[i] = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    }
    bad = wr_free_of_referrers(query, table, NULL, besides, drop->names.count,
                               drop->behavior == WR_DROP_CASCADE);
    for (int i = 0; i < drop->names.count; i++)
        wr_object_release(besides[i]);
    return bad;
}

/* Tables of other schemas keep no foreign keys to those of one that goes. */
static weir_status drop_schema_referrers(weir_query *query, wr_str schema)
{
    int count = 0;
    weir_status bad = WR_OK;
    if (!wr_catalog_has_foreign_keys(&query->view)) return WR_OK;
    wr_object **tables = wr_catalog_list(&query->view, 1u << WR_ENTRY_TABLE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        bool inside = !tables[i]->is_temporary && wr_str_ieq(tables[i]->schema, schema);
        if (!bad && inside) bad = wr_free_of_referrers(query, tables[i], NULL, NULL, 0, true);
        wr_object_release(tables[i]);
    }
    return bad;
}

/* Indexes on a table go with it. */
static weir_status drop_indexes(weir_query *query, wr_str table)
{
    int count = 0;
    weir_status bad = WR_OK;
    wr_object **indexes =
        wr_catalog_list(&query->view, 1u << WR_ENTRY_INDEX, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        if (!bad && wr_str_ieq(indexes[i]->on_table, table))
            bad = wr_catalog_remove(&query->view, indexes[i]);
        wr_object_release(indexes[i]);
    }
    return bad;
}

static weir_status drop_one(weir_query *query, const wr_sql_drop *drop,
                            const wr_sql_name_node *node)
{
    wr_str schema, name;
    wr_ddl_split_name(&node->name, WR_STR(""), &schema, &name);
    if (drop->object == WR_OBJECT_SCHEMA) {
        if (drop->if_exists && !wr_catalog_has_schema(&query->view, name)) return WR_OK;
        if (drop->behavior == WR_DROP_CASCADE) WR_TRY(drop_schema_referrers(query, name));
        return wr_with_span(
            wr_catalog_drop_schema(&query->view, name, drop->behavior == WR_DROP_CASCADE),
            node->node.span);
    }
    unsigned kinds = kinds_of(drop->object);
    if (!kinds)
        return wr_fail_at(WR_E_UNSUPPORTED, drop->node.span, "DROP %s is not supported",
                          wr_object_kind_text(drop->object));
    WR_AUTO(wr_object) *object = wr_catalog_find(&query->view, kinds, schema, name);
    if (object && !goes_as(object, drop->object))
        return not_found(query, drop, kinds, wr_names_last(node->name));
    if (!object)
        return drop->if_exists ? WR_OK : not_found(query, drop, kinds, wr_names_last(node->name));
    if (object->kind == WR_ENTRY_TABLE) {
        WR_TRY(wr_with_span(drop_referrers(query, drop, object), node->node.span));
        WR_TRY(drop_indexes(query, object->name));
        WR_TRY(wr_drop_owned_sequences(query, object, -1));
    }
    if (object->kind == WR_ENTRY_SEQUENCE)
        WR_TRY(wr_with_span(wr_check_sequence_free(query, object), node->node.span));
    if (object->kind == WR_ENTRY_INDEX) WR_TRY(drop_index_key(query, object));
    if (object->kind == WR_ENTRY_FUNCTION && drop->has_types) {
        bool is_last;
        WR_TRY(wr_with_span(wr_drop_form(query, object, &drop->types, &is_last), node->node.span));
        if (!is_last) return WR_OK;
    }
    return wr_catalog_remove(&query->view, object);
}

static weir_status run_drop(weir_query *query, const wr_sql_drop *drop)
{
    wr_str tag = wr_arena_printf(&query->arena, "DROP %s", wr_object_kind_text(drop->object));
    query->tag = tag.data;
    for (int i = 0; i < drop->names.count; i++)
        WR_TRY(drop_one(query, drop, wr_sql_as_name_node(drop->names.items[i])));
    return WR_OK;
}

/* Statistics are taken from the rows whenever a query is planned, and versions of rows live as long
 * as their table: there is nothing to do, which is said. */
static weir_status maintain(weir_query *query, const wr_sql_maintain *node)
{
    static const char *const tags[] = {[WR_MAINTAIN_ANALYZE] = "ANALYZE",
                                       [WR_MAINTAIN_VACUUM] = "VACUUM",
                                       [WR_MAINTAIN_CHECKPOINT] = "CHECKPOINT",
                                       [WR_MAINTAIN_FLUSH] = "FLUSH",
                                       [WR_MAINTAIN_REFRESH] = "REFRESH MATERIALIZED VIEW"};
    static const char *const notices[] = {
        [WR_MAINTAIN_ANALYZE] =
            "ANALYZE: nothing to do, statistics come from the rows themselves\n",
        [WR_MAINTAIN_VACUUM] =
            "VACUUM: nothing is freed, rows that were deleted go with their table\n",
        [WR_MAINTAIN_CHECKPOINT] = "CHECKPOINT: nothing to do, tables are in memory\n",
        [WR_MAINTAIN_FLUSH] = ""};
    if (node->action == WR_MAINTAIN_REFRESH)
        return wr_run_refresh(query, &node->name, node->options.count > 0);
    query->tag = tags[node->action];
    wr_buf_add_text(&query->notices, notices[node->action]);
    if (!node->name.count || node->action == WR_MAINTAIN_CHECKPOINT) return WR_OK;
    unsigned kinds = 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_RELATION;
    if (wr_ddl_exists(query, kinds, &node->name)) return WR_OK;
    wr_name last = wr_names_last(node->name);
    wr_nearest nearest = {.wanted = last.text};
    wr_catalog_offer_names(&query->view, kinds, &nearest);
    return wr_with_nearest(
        wr_fail_at(WR_E_UNKNOWN_TABLE, last.span, "no table \"%.*s\"", WR_STR_ARGS(last.text)),
        &nearest);
}

weir_status wr_run_ddl(weir_query *query, const wr_node *statement, bool *handled)
{
    *handled = true;
    switch (statement->kind) {
    case WR_SQL_CREATE_TABLE:
        return wr_run_create_table(query, wr_sql_as_create_table(statement));
    case WR_SQL_CREATE_VIEW:
        return create_view(query, wr_sql_as_create_view(statement));
    case WR_SQL_CREATE_SEQUENCE:
        return wr_run_create_sequence(query, wr_sql_as_create_sequence(statement));
    case WR_SQL_CREATE_TYPE:
        return create_type(query, wr_sql_as_create_type(statement));
    case WR_SQL_CREATE_MACRO:
        return create_macro(query, wr_sql_as_create_macro(statement));
    case WR_SQL_CREATE_INDEX:
        return create_index(query, wr_sql_as_create_index(statement));
    case WR_SQL_DROP:
        return run_drop(query, wr_sql_as_drop(statement));
    case WR_SQL_CREATE_SCHEMA: {
        const wr_sql_create_schema *create = wr_sql_as_create_schema(statement);
        query->tag = "CREATE SCHEMA";
        return wr_with_span(wr_catalog_add_schema(&query->view, wr_names_last(create->name).text,
                                                  create->mode.if_not_exists),
                            create->node.span);
    }
    case WR_SQL_COMMENT:
        return wr_run_comment(query, wr_sql_as_comment(statement));
    case WR_SQL_MAINTAIN:
        return maintain(query, wr_sql_as_maintain(statement));
    default:
        *handled = false;
        return WR_OK;
    }
}
