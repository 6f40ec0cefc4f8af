/* ddl.c - CREATE and DROP.
 *
 * Definitions that hold SQL (views, macros, defaults, checks) are kept as canonical text made from
 * the tree, after they were bound once so that mistakes are reported now and not at first use.
 * CREATE TABLE AS runs its query to the end inside the statement. Velaria's CREATE TABLE t USING
 * csv OPTIONS (..) makes a view over the file. */
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

static wr_object *object_new(weir_query *query, wr_entry_kind kind, const wr_names *name,
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
static bool exists(weir_query *query, unsigned kinds, const wr_names *name)
{
    wr_str schema, object;
    wr_ddl_split_name(name, WR_STR(""), &schema, &object);
    WR_AUTO(wr_object) *found = wr_catalog_find(&query->view, kinds, schema, object);
    return found != NULL;
}

static weir_status add(weir_query *query, wr_object *object, wr_create_mode mode, wr_span span)
{
    bool is_table = object->kind == WR_ENTRY_TABLE || object->kind == WR_ENTRY_VIEW;
    weir_status bad = wr_catalog_add(&query->view, object, mode.replace);
    if (bad && bad->code == WR_E_DUPLICATE_TABLE && is_table)
        bad = wr_with_hint(bad, "IF NOT EXISTS keeps it, OR REPLACE replaces it");
    return wr_with_span(bad, span);
}

/* ---- tables ---- */

typedef WR_LIST(wr_column_def) column_list;
typedef WR_LIST(wr_key_def) key_list;
typedef WR_LIST(wr_check_def) check_list;
typedef struct table_parts {
    wr_arena *arena;
    column_list columns;
    key_list keys;
    check_list checks;
} table_parts;

static int column_index(const table_parts *parts, wr_str name)
{
    for (int i = 0; i < parts->columns.count; i++)
        if (wr_str_ieq(parts->columns.items[i].name, name)) return i;
    return -1;
}

static weir_status add_key(table_parts *parts, const wr_sql_constraint *constraint, wr_str table,
                           const int *columns, int count, bool primary)
{
    for (int i = 0; primary && i < parts->keys.count; i++)
        if (parts->keys.items[i].is_primary)
            return wr_fail_at(WR_E_DUPLICATE_NAME, constraint->node.span,
                              "a table has at most one primary key");
    wr_str name = constraint->name.text;
    if (!name.length && primary)
        name = wr_arena_printf(parts->arena, "%.*s_pkey", WR_STR_ARGS(table));
    if (!name.length)
        name = wr_arena_printf(parts->arena, "%.*s_%.*s_key", WR_STR_ARGS(table),
                               WR_STR_ARGS(parts->columns.items[columns[0]].name));
    int *copy = wr_new_array(parts->arena, int, count);
    memcpy(copy, columns, sizeof(int) * (size_t)count);
    for (int i = 0; primary && i < count; i++)
        parts->columns.items[columns[i]].not_null = true;
    wr_push(parts->arena, &parts->keys,
            ((wr_key_def){wr_arena_str(parts->arena, name), copy, count, primary}));
    return WR_OK;
}

static weir_status table_key(table_parts *parts, const wr_sql_constraint *constraint, wr_str table,
                             bool primary)
{
    WR_ARENA(scratch);
    int *columns = wr_new_array(&scratch, int, constraint->columns.count);
    for (int i = 0; i < constraint->columns.count; i++) {
        wr_name name = constraint->columns.items[i];
        columns[i] = column_index(parts, name.text);
        if (columns[i] >= 0) continue;
        wr_nearest nearest = {.wanted = name.text};
        for (int c = 0; c < parts->columns.count; c++)
            wr_nearest_offer(&nearest, parts->columns.items[c].name);
        return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span,
                                          "no column \"%.*s\" in the table",
                                          WR_STR_ARGS(name.text)),
                               &nearest);
    }
    return add_key(parts, constraint, table, columns, constraint->columns.count, primary);
}

static void add_check(table_parts *parts, const wr_sql_constraint *constraint, wr_str table)
{
    wr_str name = constraint->name.text.length
                      ? wr_arena_str(parts->arena, constraint->name.text)
                      : wr_arena_printf(parts->arena, "%.*s_check%d", WR_STR_ARGS(table),
                                        parts->checks.count + 1);
    wr_push(parts->arena, &parts->checks,
            ((wr_check_def){name, wr_ddl_format(parts->arena, constraint->expression)}));
}

static weir_status column_constraint(table_parts *parts, int column,
                                     const wr_sql_constraint *constraint, wr_str table)
{
    wr_column_def *def = &parts->columns.items[column];
    switch (constraint->constraint) {
    case WR_CONSTRAINT_NOT_NULL:
        def->not_null = true;
        return WR_OK;
    case WR_CONSTRAINT_NULL:
        return WR_OK;
    case WR_CONSTRAINT_PRIMARY_KEY:
        return add_key(parts, constraint, table, &column, 1, true);
    case WR_CONSTRAINT_UNIQUE:
        return add_key(parts, constraint, table, &column, 1, false);
    case WR_CONSTRAINT_CHECK:
        add_check(parts, constraint, table);
        return WR_OK;
    case WR_CONSTRAINT_DEFAULT:
        def->default_sql = wr_ddl_format(parts->arena, constraint->expression);
        return WR_OK;
    case WR_CONSTRAINT_GENERATED:
        def->generated_sql = wr_ddl_format(parts->arena, constraint->expression);
        return WR_OK;
    case WR_CONSTRAINT_IDENTITY:
    case WR_CONSTRAINT_FOREIGN_KEY:
        break;
    }
    return wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span, "%s columns are not supported",
                      constraint->constraint == WR_CONSTRAINT_IDENTITY ? "IDENTITY" : "REFERENCES");
}

static weir_status table_constraint(table_parts *parts, const wr_sql_constraint *constraint,
                                    wr_str table)
{
    switch (constraint->constraint) {
    case WR_CONSTRAINT_PRIMARY_KEY:
        return table_key(parts, constraint, table, true);
    case WR_CONSTRAINT_UNIQUE:
        return table_key(parts, constraint, table, false);
    case WR_CONSTRAINT_CHECK:
        add_check(parts, constraint, table);
        return WR_OK;
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span,
                          "FOREIGN KEY constraints are not supported");
    }
}

static weir_status add_column(weir_query *query, table_parts *parts, const wr_sql_column_def *def,
                              wr_str table)
{
    if (column_index(parts, def->name.text) >= 0)
        return wr_fail_at(WR_E_DUPLICATE_COLUMN, def->name.span, "column \"%.*s\" is given twice",
                          WR_STR_ARGS(def->name.text));
    wr_column_def column = {.name = wr_arena_str(parts->arena, def->name.text)};
    if (!def->type)
        return wr_fail_at(WR_E_SYNTAX, def->name.span, "column \"%.*s\" has no type",
                          WR_STR_ARGS(def->name.text));
    WR_TRY(wr_bind_type(&query->planner, def->type, &column.type));
    WR_TRY(wr_bind_text_length(&query->planner, def->type, &column.length));
    wr_push(parts->arena, &parts->columns, column);
    for (int i = 0; i < def->constraints.count; i++)
        WR_TRY(column_constraint(parts, parts->columns.count - 1,
                                 wr_sql_as_constraint(def->constraints.items[i]), table));
    return WR_OK;
}

static weir_status like_table(weir_query *query, table_parts *parts, const wr_sql_like_table *like)
{
    wr_str schema, name;
    wr_ddl_split_name(&like->name, WR_STR(""), &schema, &name);
    WR_AUTO(wr_object) *model = wr_catalog_find(&query->view, 1u << WR_ENTRY_TABLE, schema, name);
    if (!model)
        return wr_fail_at(WR_E_UNKNOWN_TABLE, like->node.span, "no table \"%.*s\"",
                          WR_STR_ARGS(name));
    for (int i = 0; i < model->column_count; i++) {
        wr_column_def column = {.name = wr_arena_str(parts->arena, model->columns[i].name),
                                .type = model->columns[i].type,
                                .not_null = model->columns[i].not_null,
                                .length = model->columns[i].length};
        wr_push(parts->arena, &parts->columns, column);
    }
    return WR_OK;
}

static weir_status collect(weir_query *query, table_parts *parts, const wr_sql_create_table *create,
                           wr_str table)
{
    for (int i = 0; i < create->elements.count; i++) {
        const wr_node *element = create->elements.items[i];
        if (element->kind == WR_SQL_COLUMN_DEF)
            WR_TRY(add_column(query, parts, wr_sql_as_column_def(element), table));
        else if (element->kind == WR_SQL_LIKE_TABLE)
            WR_TRY(like_table(query, parts, wr_sql_as_like_table(element)));
        else if (element->kind != WR_SQL_CONSTRAINT)
            return wr_fail_at(WR_E_UNSUPPORTED, element->span, "%s is only for streams",
                              wr_node_kind_name(element->kind));
    }
    for (int i = 0; i < create->elements.count; i++)
        if (create->elements.items[i]->kind == WR_SQL_CONSTRAINT)
            WR_TRY(table_constraint(parts, wr_sql_as_constraint(create->elements.items[i]), table));
    return WR_OK;
}

static void schema_of(const table_parts *parts, wr_schema *out)
{
    int count = parts->columns.count;
    *out = (wr_schema){.fields = wr_new_array(parts->arena, wr_field, WR_MAX(count, 1)),
                       .not_null = wr_new_array(parts->arena, bool, WR_MAX(count, 1)),
                       .count = count};
    for (int i = 0; i < count; i++) {
        out->fields[i] = (wr_field){parts->columns.items[i].name, parts->columns.items[i].type};
        out->not_null[i] = parts->columns.items[i].not_null;
    }
}

/* Defaults, generated columns and checks must bind now. */
static weir_status check_texts(weir_query *query, const table_parts *parts, const wr_schema *schema,
                               wr_str name, wr_span span)
{
    wr_node *node;
    wr_expr *bound;
    for (int i = 0; i < parts->columns.count; i++) {
        const wr_column_def *column = &parts->columns.items[i];
        bool generated = column->generated_sql.length != 0;
        wr_str sql = generated ? column->generated_sql : column->default_sql;
        if (!sql.length) continue;
        WR_TRY(wr_parse_expression(&query->arena, sql, &node));
        wr_schema none = {0};
        weir_status bad = wr_bind_over_schema(&query->planner, generated ? schema : &none, name,
                                              node, column->type, &bound);
        if (bad) bad->span = span;
        WR_TRY(wr_wrap(bad, "%s of column \"%.*s\"", generated ? "the expression" : "the default",
                       WR_STR_ARGS(column->name)));
    }
    for (int i = 0; i < parts->checks.count; i++) {
        WR_TRY(wr_parse_expression(&query->arena, parts->checks.items[i].sql, &node));
        weir_status bad =
            wr_bind_over_schema(&query->planner, schema, name, node, WR_BOOLEAN, &bound);
        if (bad) bad->span = span;
        WR_TRY(wr_wrap(bad, "check \"%.*s\"", WR_STR_ARGS(parts->checks.items[i].name)));
    }
    return WR_OK;
}

static weir_status finish_table(weir_query *query, wr_object *owned, table_parts *parts,
                                const wr_sql_create_table *create)
{
    WR_AUTO(wr_object) *object = owned;
    wr_schema schema;
    schema_of(parts, &schema);
    WR_TRY(check_texts(query, parts, &schema, object->name, create->node.span));
    object->columns = parts->columns.items;
    object->column_count = parts->columns.count;
    object->keys = parts->keys.items;
    object->key_count = parts->keys.count;
    object->checks = parts->checks.items;
    object->check_count = parts->checks.count;
    object->table = wr_table_new(wr_catalog_store(query->view.catalog), &schema);
    for (int i = 0; i < object->key_count; i++) {
        const wr_key_def *key = &object->keys[i];
        WR_TRY(wr_table_add_unique(object->table, query->view.txn, key->columns, key->column_count,
                                   key->name, key->is_primary));
    }
    return add(query, WR_TAKE(object), create->mode, wr_names_last(create->name).span);
}

weir_status wr_append_to_table(void *target, const wr_batch *batch)
{
    void **pair = target;
    return wr_table_append(pair[0], pair[1], batch);
}

/* Columns with a type or a constraint, or constraints of the table, in front of AS. */
static bool has_definitions(const wr_sql_create_table *create)
{
    for (int i = 0; i < create->elements.count; i++) {
        const wr_node *element = create->elements.items[i];
        if (element->kind != WR_SQL_COLUMN_DEF) return true;
        const wr_sql_column_def *column = wr_sql_as_column_def(element);
        if (column->type || column->constraints.count) return true;
    }
    return false;
}

static weir_status take_affected(void *target, const wr_batch *batch)
{
    weir_query *query = target;
    if (batch->column_count == 1 && wr_batch_count(batch) == 1)
        query->affected = wr_column_int(&batch->columns[0], wr_batch_row(batch, 0));
    return WR_OK;
}

/* The query's rows enter a table that defines its columns itself as they would by INSERT, so that
 * casts, defaults and constraints hold. */
static weir_status fill_by_insert(weir_query *query, const wr_sql_create_table *create,
                                  const table_parts *parts)
{
    wr_sql_insert insert = {
        .node = {WR_SQL_INSERT, create->node.span}, .table = create->name, .query = create->query};
    insert.columns.items = wr_new_array(&query->arena, wr_name, parts->columns.count);
    for (int i = 0; i < parts->columns.count; i++) {
        const wr_column_def *column = &parts->columns.items[i];
        if (column->generated_sql.length) continue;
        insert.columns.items[insert.columns.count++] =
            (wr_name){.text = column->name, .span = create->node.span};
    }
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, &insert.node, &bound));
    return wr_query_drain(query, &bound, take_affected, query);
}

/* The INSERT binds the query when the table is there already, so the query must mean the same
 * without it: it is bound once before, and a table that hides another of its name is refused. */
static weir_status create_defined_as(weir_query *query, const wr_sql_create_table *create)
{
    unsigned kinds = 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_VIEW | 1u << WR_ENTRY_RELATION;
    if ((create->mode.replace || create->mode.temporary) && exists(query, kinds, &create->name))
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                                       "a table of that name exists; columns with types in front "
                                       "of AS are not supported here"),
                            "drop the table first, or cast in the query");
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, wr_node_copy(&query->arena, create->query), &bound));
    wr_object *object = object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    table_parts parts = {.arena = &object->arena};
    weir_status bad = collect(query, &parts, create, object->name);
    if (bad) {
        wr_object_release(object);
        return bad;
    }
    WR_TRY(finish_table(query, object, &parts, create));
    query->affected = 0;
    return create->no_data ? WR_OK : fill_by_insert(query, create, &parts);
}

static weir_status create_as(weir_query *query, const wr_sql_create_table *create)
{
    if (has_definitions(create)) return create_defined_as(query, create);
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, create->query, &bound));
    wr_object *object = object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    table_parts parts = {.arena = &object->arena};
    weir_status bad = WR_OK;
    if (create->elements.count > bound.schema.count)
        bad = wr_fail_at(WR_E_COLUMN_COUNT, create->node.span,
                         "%d column names are given but the query has %d columns",
                         create->elements.count, bound.schema.count);
    for (int i = 0; i < bound.schema.count && !bad; i++) {
        wr_str name = bound.schema.fields[i].name;
        if (i < create->elements.count && create->elements.items[i]->kind == WR_SQL_COLUMN_DEF)
            name = wr_sql_as_column_def(create->elements.items[i])->name.text;
        if (column_index(&parts, name) >= 0)
            bad = wr_with_hint(wr_fail_at(WR_E_DUPLICATE_COLUMN, create->query->span,
                                          "the query has two columns named \"%.*s\"",
                                          WR_STR_ARGS(name)),
                               "give one of them another name with AS");
        const wr_type *type = bound.schema.fields[i].type;
        if (type->id == WR_T_NULL) type = WR_VARCHAR;
        wr_push(&object->arena, &parts.columns,
                ((wr_column_def){.name = wr_arena_str(&object->arena, name), .type = type}));
    }
    if (bad) {
        wr_object_release(object);
        return bad;
    }
    object->references++; /* finish_table may end the catalog's reference */
    bad = finish_table(query, object, &parts, create);
    void *target[2] = {object->table, query->view.txn};
    if (!bad && !create->no_data) bad = wr_query_drain(query, &bound, wr_append_to_table, target);
    if (!bad)
        query->affected =
            create->no_data ? 0 : (int64_t)wr_table_count(object->table, query->view.txn);
    wr_object_release(object);
    return bad;
}

/* CREATE TABLE t (a INT) USING csv OPTIONS (path: 'p', delimiter: ';') -> a view over read_csv('p',
 * ...). */
static weir_status create_file_table(weir_query *query, const wr_sql_create_table *create)
{
    WR_BUF(text);
    WR_BUF(options);
    const wr_node *path = NULL;
    for (int i = 0; i < create->options.count; i++) {
        const wr_sql_option *option = wr_sql_as_option(create->options.items[i]);
        if (wr_str_is(option->name.text, "path")) {
            path = option->value;
            continue;
        }
        wr_buf_printf(&options, ", %.*s => ", WR_STR_ARGS(option->name.text));
        wr_node_format(&options, option->value);
    }
    if (!path)
        return wr_with_fix(
            wr_fail_at(WR_E_PARAMETER_VALUE, create->format.span, "the file is not named"),
            "OPTIONS (path: 'file.csv')");
    wr_buf_printf(&text, "SELECT * FROM read_%.*s(", WR_STR_ARGS(create->format.text));
    wr_node_format(&text, path);
    wr_buf_add_str(&text, wr_buf_str(&options));
    if (create->elements.count) {
        wr_buf_add_text(&text, ", columns => {");
        for (int i = 0; i < create->elements.count; i++) {
            if (create->elements.items[i]->kind != WR_SQL_COLUMN_DEF)
                return wr_fail_at(WR_E_UNSUPPORTED, create->elements.items[i]->span,
                                  "a table over a file has columns only");
            const wr_sql_column_def *column = wr_sql_as_column_def(create->elements.items[i]);
            WR_BUF(type);
            wr_node_format(&type, column->type);
            if (i) wr_buf_add_text(&text, ", ");
            wr_format_string(&text, column->name.text);
            wr_buf_add_text(&text, ": ");
            wr_format_string(&text, wr_buf_str(&type));
        }
        wr_buf_add_char(&text, '}');
    }
    wr_buf_add_char(&text, ')');
    wr_statement statement;
    wr_bound bound;
    WR_TRY(wr_parse_one(&query->arena, wr_arena_str(&query->arena, wr_buf_str(&text)), &statement));
    weir_status bad = wr_bind_statement(&query->planner, statement.node, &bound);
    if (bad) bad->span = create->node.span;
    WR_TRY(bad);
    wr_object *view = object_new(query, WR_ENTRY_VIEW, &create->name, create->mode.temporary);
    view->sql = wr_arena_str(&view->arena, wr_buf_str(&text));
    return add(query, view, create->mode, wr_names_last(create->name).span);
}

static weir_status create_table(weir_query *query, const wr_sql_create_table *create)
{
    query->tag = "CREATE TABLE";
    unsigned kinds = 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_VIEW | 1u << WR_ENTRY_RELATION;
    if (create->mode.if_not_exists && exists(query, kinds, &create->name)) return WR_OK;
    if (create->role != WR_ROLE_TABLE)
        return wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                          "sources and sinks of streams are not supported");
    if (create->with.count)
        return wr_fail_at(WR_E_UNSUPPORTED, create->with.items[0]->span,
                          "in-memory tables have no options");
    if (wr_name_given(create->format)) return create_file_table(query, create);
    if (create->query) return create_as(query, create);
    wr_object *object = object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    table_parts parts = {.arena = &object->arena};
    weir_status bad = collect(query, &parts, create, object->name);
    if (bad) {
        wr_object_release(object);
        return bad;
    }
    return finish_table(query, object, &parts, create);
}

/* ---- views, schemas, sequences, types, macros, indexes ---- */

static weir_status create_view(weir_query *query, const wr_sql_create_view *create)
{
    query->tag = "CREATE VIEW";
    if (create->materialized)
        return wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                          "materialized views are not supported");
    if (create->mode.if_not_exists && exists(query, 1u << WR_ENTRY_VIEW, &create->name))
        return WR_OK;
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, create->query, &bound));
    if (create->columns.count > bound.schema.count)
        return wr_fail_at(WR_E_COLUMN_COUNT, create->columns.items[0].span,
                          "the view names %d columns but its query has %d", create->columns.count,
                          bound.schema.count);
    wr_object *view = object_new(query, WR_ENTRY_VIEW, &create->name, create->mode.temporary);
    view->sql = wr_ddl_format(&view->arena, create->query);
    view->column_count = create->columns.count;
    view->columns = wr_new_array(&view->arena, wr_column_def, WR_MAX(view->column_count, 1));
    for (int i = 0; i < view->column_count; i++)
        view->columns[i].name = wr_arena_str(&view->arena, create->columns.items[i].text);
    return add(query, view, create->mode, wr_names_last(create->name).span);
}

static weir_status sequence_option(weir_query *query, wr_object *sequence,
                                   const wr_sql_option *option)
{
    wr_str name = option->name.text;
    wr_value value = wr_value_null(WR_BIGINT);
    if (wr_str_is(name, "owned_by") && option->value)
        return wr_fail_at(WR_E_UNSUPPORTED, option->node.span,
                          "sequences that columns own are not supported");
    if (wr_str_is(name, "owned_by")) return WR_OK;
    if (wr_str_is(name, "as")) return WR_OK; /* sequence_limits */
    if (wr_str_is(name, "cycle")) {
        if (option->value)
            WR_TRY(wr_bind_constant(&query->planner, option->value, WR_BOOLEAN, &value));
        sequence->cycles = value.is_null || value.boolean;
        return WR_OK;
    }
    if (option->value) WR_TRY(wr_bind_constant(&query->planner, option->value, WR_BIGINT, &value));
    if (value.is_null) return WR_OK;
    if (wr_str_is(name, "start") || wr_str_is(name, "restart"))
        sequence->start = value.i64;
    else if (wr_str_is(name, "increment"))
        sequence->increment = value.i64;
    else if (wr_str_is(name, "minvalue"))
        sequence->min_value = value.i64;
    else if (wr_str_is(name, "maxvalue"))
        sequence->max_value = value.i64;
    else if (wr_str_is(name, "cache") && value.i64 < 1) /* values are never kept aside */
        return wr_fail_at(WR_E_PARAMETER_VALUE, option->node.span, "CACHE must be at least 1");
    if (sequence->increment == 0)
        return wr_fail_at(WR_E_PARAMETER_VALUE, option->node.span, "the increment must not be 0");
    return WR_OK;
}

/* AS SMALLINT | INTEGER | BIGINT: what the values must fit in. */
static weir_status sequence_limits(weir_query *query, const wr_nodes *options, wr_object *sequence)
{
    const wr_type *type = WR_BIGINT;
    const wr_node *at = NULL;
    for (int i = 0; i < options->count; i++) {
        const wr_sql_option *option = wr_sql_as_option(options->items[i]);
        if (!wr_str_is(option->name.text, "as")) continue;
        at = option->value;
        WR_TRY(wr_bind_type(&query->planner, at, &type));
    }
    if (type->id != WR_T_SMALLINT && type->id != WR_T_INTEGER && type->id != WR_T_BIGINT)
        return wr_fail_at(WR_E_PARAMETER_VALUE, at->span,
                          "a sequence is SMALLINT, INTEGER or BIGINT, not %s", wr_type_name(type));
    int64_t lo = wr_phys_int_min(type->phys), hi = wr_phys_int_max(type->phys);
    bool up = sequence->increment > 0;
    if (sequence->min_value == INT64_MIN) sequence->min_value = up ? 1 : lo;
    if (sequence->max_value == INT64_MAX) sequence->max_value = up ? hi : -1;
    if (sequence->min_value < lo || sequence->max_value > hi)
        return wr_fail_at(WR_E_PARAMETER_VALUE, at->span, "%s is out of the range of %s",
                          sequence->min_value < lo ? "MINVALUE" : "MAXVALUE", wr_type_name(type));
    return WR_OK;
}

static weir_status create_sequence(weir_query *query, const wr_sql_create_sequence *create)
{
    query->tag = "CREATE SEQUENCE";
    if (create->mode.if_not_exists && exists(query, 1u << WR_ENTRY_SEQUENCE, &create->name))
        return WR_OK;
    WR_AUTO(wr_object) *sequence =
        object_new(query, WR_ENTRY_SEQUENCE, &create->name, create->mode.temporary);
    sequence->increment = 1;
    sequence->start = INT64_MIN;
    sequence->min_value = INT64_MIN;
    sequence->max_value = INT64_MAX;
    for (int i = 0; i < create->options.count; i++) {
        const wr_sql_option *option = wr_sql_as_option(create->options.items[i]);
        for (int k = 0; k < i; k++)
            if (wr_str_eq(wr_sql_as_option(create->options.items[k])->name.text, option->name.text))
                return wr_fail_at(WR_E_SYNTAX, option->node.span, "the option %.*s is given twice",
                                  WR_STR_ARGS(option->name.text));
        WR_TRY(sequence_option(query, sequence, option));
    }
    WR_TRY(sequence_limits(query, &create->options, sequence));
    bool up = sequence->increment > 0;
    if (sequence->start == INT64_MIN)
        sequence->start = up ? sequence->min_value : sequence->max_value;
    if (sequence->start < sequence->min_value || sequence->start > sequence->max_value)
        return wr_fail_at(WR_E_PARAMETER_VALUE, create->node.span,
                          "START is outside of MINVALUE ... MAXVALUE");
    sequence->next = sequence->start;
    return add(query, WR_TAKE(sequence), create->mode, wr_names_last(create->name).span);
}

static weir_status create_type(weir_query *query, const wr_sql_create_type *create)
{
    query->tag = "CREATE TYPE";
    if (create->mode.if_not_exists && exists(query, 1u << WR_ENTRY_TYPE, &create->name))
        return WR_OK;
    const wr_type *type;
    WR_TRY(wr_bind_type(&query->planner, create->type, &type));
    wr_object *object = object_new(query, WR_ENTRY_TYPE, &create->name, create->mode.temporary);
    object->type = type;
    return add(query, object, create->mode, wr_names_last(create->name).span);
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
    wr_entry_kind kind = body->query ? WR_ENTRY_TABLE_MACRO : WR_ENTRY_MACRO;
    if (create->mode.if_not_exists && exists(query, 1u << kind, &create->name)) return WR_OK;
    wr_object *macro = object_new(query, kind, &create->name, create->mode.temporary);
    macro->sql = wr_ddl_format(&macro->arena, body->query ? body->query : body->expression);
    macro->param_count = body->params.count;
    macro->params = wr_new_array(&macro->arena, wr_str, WR_MAX(macro->param_count, 1));
    macro->param_defaults = wr_new_array(&macro->arena, wr_str, WR_MAX(macro->param_count, 1));
    for (int i = 0; i < macro->param_count; i++) {
        const wr_sql_param_def *param = wr_sql_as_param_def(body->params.items[i]);
        macro->params[i] = wr_arena_str(&macro->arena, param->name.text);
        macro->param_defaults[i] = wr_ddl_format(&macro->arena, param->value);
    }
    return add(query, macro, create->mode, wr_names_last(create->name).span);
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
    if (wr_name_given(create->method) && !wr_str_is(create->method.text, "btree") &&
        !wr_str_is(create->method.text, "hash"))
        return wr_fail_at(WR_E_UNSUPPORTED, create->method.span, "no index method \"%.*s\"",
                          WR_STR_ARGS(create->method.text));
    if (create->mode.if_not_exists && exists(query, 1u << WR_ENTRY_INDEX, &create->name))
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
    wr_object *index = object_new(query, WR_ENTRY_INDEX, &create->name, false);
    index->on_table = wr_arena_str(&index->arena, table->name);
    index->sql = wr_ddl_format(&index->arena, &create->node);
    return add(query, index, create->mode, wr_names_last(create->name).span);
}

/* ---- DROP, TRUNCATE-like, COMMENT ---- */

static unsigned kinds_of(wr_object_kind kind)
{
    switch (kind) {
    case WR_OBJECT_TABLE:
        return 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_RELATION;
    case WR_OBJECT_VIEW:
        return 1u << WR_ENTRY_VIEW;
    case WR_OBJECT_SEQUENCE:
        return 1u << WR_ENTRY_SEQUENCE;
    case WR_OBJECT_TYPE:
        return 1u << WR_ENTRY_TYPE;
    case WR_OBJECT_MACRO:
    case WR_OBJECT_FUNCTION:
        return 1u << WR_ENTRY_MACRO | 1u << WR_ENTRY_TABLE_MACRO;
    case WR_OBJECT_MACRO_TABLE:
        return 1u << WR_ENTRY_TABLE_MACRO;
    case WR_OBJECT_INDEX:
        return 1u << WR_ENTRY_INDEX;
    default:
        return 0;
    }
}

static weir_status not_found(weir_query *query, const wr_sql_drop *drop, unsigned kinds,
                             wr_name name)
{
    char word[32] = "";
    const char *kind = wr_object_kind_text(drop->object);
    for (size_t i = 0; kind[i] && i + 1 < sizeof word; i++)
        word[i] = (char)tolower((unsigned char)kind[i]);
    unsigned tables = 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_VIEW | 1u << WR_ENTRY_RELATION;
    WR_AUTO(wr_object) *other = wr_catalog_find(&query->view, tables, WR_STR(""), name.text);
    weir_status bad =
        wr_fail_at(WR_E_UNKNOWN_TABLE, name.span, "no %s \"%.*s\"", word, WR_STR_ARGS(name.text));
    if (other && (kinds & tables))
        return wr_with_fix(bad, "DROP %s %.*s", other->kind == WR_ENTRY_VIEW ? "VIEW" : "TABLE",
                           WR_STR_ARGS(name.text));
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
        if (wr_str_ieq(table->keys[k].name, index->name))
            return wr_replace_keys(query, table, NULL, index->name);
    return WR_OK;
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
        return wr_with_span(
            wr_catalog_drop_schema(&query->view, name, drop->behavior == WR_DROP_CASCADE),
            node->node.span);
    }
    unsigned kinds = kinds_of(drop->object);
    if (!kinds)
        return wr_fail_at(WR_E_UNSUPPORTED, drop->node.span, "DROP %s is not supported",
                          wr_object_kind_text(drop->object));
    WR_AUTO(wr_object) *object = wr_catalog_find(&query->view, kinds, schema, name);
    if (!object)
        return drop->if_exists ? WR_OK : not_found(query, drop, kinds, wr_names_last(node->name));
    if (object->kind == WR_ENTRY_TABLE) WR_TRY(drop_indexes(query, object->name));
    if (object->kind == WR_ENTRY_INDEX) WR_TRY(drop_index_key(query, object));
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
                                       [WR_MAINTAIN_FLUSH] = "FLUSH"};
    static const char *const notices[] = {
        [WR_MAINTAIN_ANALYZE] =
            "ANALYZE: nothing to do, statistics come from the rows themselves\n",
        [WR_MAINTAIN_VACUUM] =
            "VACUUM: nothing is freed, rows that were deleted go with their table\n",
        [WR_MAINTAIN_CHECKPOINT] = "CHECKPOINT: nothing to do, tables are in memory\n",
        [WR_MAINTAIN_FLUSH] = ""};
    query->tag = tags[node->action];
    wr_buf_add_text(&query->notices, notices[node->action]);
    if (!node->name.count || node->action == WR_MAINTAIN_CHECKPOINT) return WR_OK;
    unsigned kinds = 1u << WR_ENTRY_TABLE | 1u << WR_ENTRY_RELATION;
    if (exists(query, kinds, &node->name)) return WR_OK;
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
        return create_table(query, wr_sql_as_create_table(statement));
    case WR_SQL_CREATE_VIEW:
        return create_view(query, wr_sql_as_create_view(statement));
    case WR_SQL_CREATE_SEQUENCE:
        return create_sequence(query, wr_sql_as_create_sequence(statement));
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
    case WR_SQL_MAINTAIN:
        return maintain(query, wr_sql_as_maintain(statement));
    default:
        *handled = false;
        return WR_OK;
    }
}
