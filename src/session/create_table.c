/* create_table.c - CREATE TABLE: columns, constraints, AS, LIKE, and USING for tables over files.
 *
 * Defaults, generated columns and checks are kept as canonical text made from the tree, after they
 * were bound once so that mistakes are reported now and not at first use. SERIAL and IDENTITY
 * columns get a sequence that is added to the catalog with the table. CREATE TABLE AS runs its
 * query to the end inside the statement. CREATE TABLE t USING csv OPTIONS (..) makes a view over
 * the file. */
#include "session/create_table.h"
#include "sql/format.h"

int wr_table_parts_column(const wr_table_parts *parts, wr_str name)
{
    for (int i = 0; i < parts->columns.count; i++)
        if (wr_str_ieq(parts->columns.items[i].name, name)) return i;
    return -1;
}

static bool has_key_named(const wr_table_parts *parts, wr_str name)
{
    for (int i = 0; i < parts->keys.count; i++)
        if (wr_str_ieq(parts->keys.items[i].name, name)) return true;
    return false;
}

/* table_pkey, table_a_b_key; a number behind it if that is taken. */
static wr_str key_name(const wr_table_parts *parts, wr_str table, const int *columns, int count,
                       bool primary)
{
    WR_BUF(text);
    wr_buf_add_str(&text, table);
    for (int i = 0; i < count && !primary; i++)
        wr_buf_printf(&text, "_%.*s", WR_STR_ARGS(parts->columns.items[columns[i]].name));
    wr_buf_add_text(&text, primary ? "_pkey" : "_key");
    wr_str name = wr_arena_str(parts->arena, wr_buf_str(&text));
    for (int number = 1; has_key_named(parts, name); number++)
        name = wr_arena_printf(parts->arena, "%s%d", text.data, number);
    return name;
}

weir_status wr_table_parts_key(wr_table_parts *parts, wr_name name, wr_str table,
                               const int *columns, int count, bool primary)
{
    for (int i = 0; primary && i < parts->keys.count; i++)
        if (parts->keys.items[i].is_primary)
            return wr_fail_at(WR_E_DUPLICATE_NAME, name.span,
                              "a table has at most one primary key");
    if (name.text.length && has_key_named(parts, name.text))
        return wr_fail_at(WR_E_DUPLICATE_NAME, name.span, "two constraints are named \"%.*s\"",
                          WR_STR_ARGS(name.text));
    wr_str text = name.text.length ? wr_arena_str(parts->arena, name.text)
                                   : key_name(parts, table, columns, count, primary);
    int *copy = wr_new_array(parts->arena, int, count);
    memcpy(copy, columns, sizeof(int) * (size_t)count);
    for (int i = 0; primary && i < count; i++)
        parts->columns.items[columns[i]].not_null = true;
    wr_push(parts->arena, &parts->keys, ((wr_key_def){text, copy, count, primary}));
    return WR_OK;
}

static weir_status add_key(wr_table_parts *parts, const wr_sql_constraint *constraint, wr_str table,
                           const int *columns, int count, bool primary)
{
    wr_name name = {.text = constraint->name.text, .span = constraint->node.span};
    return wr_table_parts_key(parts, name, table, columns, count, primary);
}

static weir_status table_key(wr_table_parts *parts, const wr_sql_constraint *constraint,
                             wr_str table, bool primary)
{
    WR_ARENA(scratch);
    int *columns = wr_new_array(&scratch, int, constraint->columns.count);
    for (int i = 0; i < constraint->columns.count; i++) {
        wr_name name = constraint->columns.items[i];
        columns[i] = wr_table_parts_column(parts, name.text);
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

static void add_check(wr_table_parts *parts, const wr_sql_constraint *constraint, wr_str table)
{
    wr_str name = constraint->name.text.length
                      ? wr_arena_str(parts->arena, constraint->name.text)
                      : wr_arena_printf(parts->arena, "%.*s_check%d", WR_STR_ARGS(table),
                                        parts->checks.count + 1);
    wr_push(parts->arena, &parts->checks,
            ((wr_check_def){name, wr_ddl_format(parts->arena, constraint->expression)}));
}

/* What keys cannot do is refused: they are checked with every row, and NULLs are distinct. */
weir_status wr_check_constraint_modes(const wr_sql_constraint *constraint)
{
    const char *what =
        constraint->deferrable || constraint->initially_deferred
            ? "DEFERRABLE constraints are not supported"
        : constraint->nulls_not_distinct ? "NULLS NOT DISTINCT is not supported"
        : constraint->not_valid && constraint->constraint == WR_CONSTRAINT_PRIMARY_KEY
            ? "NOT ENFORCED is not supported: keys are checked"
            : NULL;
    return what ? wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span, "%s", what) : WR_OK;
}

static weir_status column_constraint(wr_table_parts *parts, int column,
                                     const wr_sql_constraint *constraint, wr_str table)
{
    wr_column_def *def = &parts->columns.items[column];
    WR_TRY(wr_check_constraint_modes(constraint));
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
        return wr_column_identity(def, constraint);
    case WR_CONSTRAINT_FOREIGN_KEY:
        wr_push(parts->arena, &parts->foreign_keys, ((wr_foreign_part){constraint, column}));
        return WR_OK;
    }
    return WR_OK;
}

static weir_status table_constraint(wr_table_parts *parts, const wr_sql_constraint *constraint,
                                    wr_str table)
{
    WR_TRY(wr_check_constraint_modes(constraint));
    switch (constraint->constraint) {
    case WR_CONSTRAINT_PRIMARY_KEY:
        return table_key(parts, constraint, table, true);
    case WR_CONSTRAINT_UNIQUE:
        return table_key(parts, constraint, table, false);
    case WR_CONSTRAINT_CHECK:
        add_check(parts, constraint, table);
        return WR_OK;
    default:
        wr_push(parts->arena, &parts->foreign_keys, ((wr_foreign_part){constraint, -1}));
        return WR_OK;
    }
}

weir_status wr_column_of_definition(weir_query *query, const wr_sql_column_def *def,
                                    wr_arena *arena, wr_column_def *out)
{
    *out =
        (wr_column_def){.name = wr_arena_str(arena, def->name.text), .id = wr_column_number_new()};
    if (!def->type)
        return wr_fail_at(WR_E_SYNTAX, def->name.span, "column \"%.*s\" has no type",
                          WR_STR_ARGS(def->name.text));
    if (wr_is_serial(def->type, &out->type))
        out->filler = WR_FILLER_SERIAL;
    else
        WR_TRY(wr_bind_type(&query->planner, def->type, &out->type));
    WR_TRY(wr_bind_text_length(&query->planner, def->type, &out->length));
    return wr_check_collation(def);
}

static weir_status add_column(weir_query *query, wr_table_parts *parts,
                              const wr_sql_column_def *def, const wr_object *object)
{
    if (wr_table_parts_column(parts, def->name.text) >= 0)
        return wr_fail_at(WR_E_DUPLICATE_COLUMN, def->name.span, "column \"%.*s\" is given twice",
                          WR_STR_ARGS(def->name.text));
    wr_column_def column;
    WR_TRY(wr_column_of_definition(query, def, parts->arena, &column));
    wr_push(parts->arena, &parts->columns, column);
    for (int i = 0; i < def->constraints.count; i++)
        WR_TRY(column_constraint(parts, parts->columns.count - 1,
                                 wr_sql_as_constraint(def->constraints.items[i]), object->name));
    return wr_column_sequence_new(query, object, parts->arena,
                                  &parts->columns.items[parts->columns.count - 1], def);
}

/* The columns and constraints as written, into parts and so into the arena of object. */
static weir_status add_elements(weir_query *query, wr_table_parts *parts,
                                const wr_sql_create_table *create, const wr_object *object)
{
    for (int i = 0; i < create->elements.count; i++) {
        const wr_node *element = create->elements.items[i];
        if (element->kind == WR_SQL_COLUMN_DEF)
            WR_TRY(add_column(query, parts, wr_sql_as_column_def(element), object));
        else if (element->kind == WR_SQL_LIKE_TABLE)
            WR_TRY(wr_table_parts_like(query, parts, wr_sql_as_like_table(element), object));
        else if (element->kind != WR_SQL_CONSTRAINT)
            return wr_fail_at(WR_E_UNSUPPORTED, element->span, "%s is only for streams",
                              wr_node_kind_name(element->kind));
    }
    for (int i = 0; i < create->elements.count; i++)
        if (create->elements.items[i]->kind == WR_SQL_CONSTRAINT)
            WR_TRY(table_constraint(parts, wr_sql_as_constraint(create->elements.items[i]),
                                    object->name));
    return WR_OK;
}

/* The object of the table that is made, not in the catalog yet, and the parts it consists of. The
 * caller releases *object. */
static weir_status begin_table(weir_query *query, const wr_sql_create_table *create,
                               wr_table_parts *parts, wr_object **object)
{
    WR_AUTO(wr_object) *begun =
        wr_ddl_object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    *parts = (wr_table_parts){.arena = &begun->arena};
    WR_TRY(add_elements(query, parts, create, begun));
    *object = WR_TAKE(begun);
    return WR_OK;
}

static void schema_of(const wr_table_parts *parts, wr_schema *out)
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
static weir_status check_texts(weir_query *query, const wr_table_parts *parts,
                               const wr_schema *schema, wr_str name, wr_span span)
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

static weir_status finish_table(weir_query *query, wr_object *owned, wr_table_parts *parts,
                                const wr_sql_create_table *create)
{
    WR_AUTO(wr_object) *object = owned;
    wr_schema schema;
    for (int i = 0; i < parts->columns.count; i++)
        if (!parts->columns.items[i].id) parts->columns.items[i].id = wr_column_number_new();
    schema_of(parts, &schema);
    WR_TRY(check_texts(query, parts, &schema, object->name, create->node.span));
    object->columns = parts->columns.items;
    object->column_count = parts->columns.count;
    object->keys = parts->keys.items;
    object->key_count = parts->keys.count;
    object->checks = parts->checks.items;
    object->check_count = parts->checks.count;
    for (int i = 0; i < parts->foreign_keys.count; i++)
        WR_TRY(wr_add_foreign_key(query, object, parts->foreign_keys.items[i].constraint,
                                  parts->foreign_keys.items[i].column));
    object->table = wr_table_new(wr_catalog_store(query->view.catalog), &schema);
    for (int i = 0; i < object->key_count; i++) {
        const wr_key_def *key = &object->keys[i];
        WR_TRY(wr_table_add_unique(object->table, query->view.txn, key->columns, key->column_count,
                                   key->name, key->is_primary));
    }
    return wr_ddl_add(query, WR_TAKE(object), create->mode, wr_names_last(create->name).span);
}

weir_status wr_check_reads_only(const wr_bound *bound, const char *what)
{
    if (!bound->writes) return WR_OK;
    return wr_fail_at(WR_E_UNSUPPORTED, bound->statement->span,
                      "the WITH of %s must not change tables", what);
}

weir_status wr_check_lasts(const weir_query *query, wr_span span, const char *what)
{
    for (int i = 0; i < query->planner.found_tables.count; i++) {
        const wr_found_table *found = &query->planner.found_tables.items[i];
        if (!found->relation) continue;
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, span,
                                       "%s cannot read \"%.*s\", which is the program's only while "
                                       "this statement runs",
                                       what, WR_STR_ARGS(found->name)),
                            "register it under a name, or keep its rows: CREATE TABLE .. AS FROM "
                            "%.*s",
                            WR_STR_ARGS(found->name));
    }
    return WR_OK;
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
                                  const wr_table_parts *parts)
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
    WR_TRY(wr_query_drain(query, &bound, take_affected, query));
    return wr_settle_foreign_keys(query);
}

/* The INSERT binds the query when the table is there already, so the query must mean the same
 * without it: it is bound once before, and a table that hides another of its name is refused. */
static weir_status create_defined_as(weir_query *query, const wr_sql_create_table *create)
{
    unsigned kinds = WR_RELATION_KINDS;
    if ((create->mode.replace || create->mode.temporary) &&
        wr_ddl_exists(query, kinds, &create->name))
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, create->node.span,
                                       "a table of that name exists; columns with types in front "
                                       "of AS are not supported here"),
                            "drop the table first, or cast in the query");
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, wr_node_copy(&query->arena, create->query), &bound));
    WR_TRY(wr_check_reads_only(&bound, "CREATE TABLE AS"));
    wr_object *object;
    wr_table_parts parts;
    WR_TRY(begin_table(query, create, &parts, &object));
    WR_TRY(finish_table(query, object, &parts, create));
    query->affected = 0;
    return create->no_data ? WR_OK : fill_by_insert(query, create, &parts);
}

/* The sequences of the table that goes make room for those of the one that comes. */
static weir_status drop_replaced_sequences(weir_query *query, const wr_sql_create_table *create)
{
    wr_object *named =
        wr_ddl_object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    WR_AUTO(wr_object) *old = wr_catalog_find(
        &query->view, 1u << WR_ENTRY_TABLE,
        named->is_temporary ? WR_STR("temp") : wr_arena_str(&query->arena, named->schema),
        wr_arena_str(&query->arena, named->name));
    wr_object_release(named);
    if (!old) return WR_OK;
    WR_TRY(wr_with_span(wr_free_of_referrers(query, old, NULL, NULL, 0, false), create->node.span));
    return wr_drop_owned_sequences(query, old, -1);
}

static weir_status create_as(weir_query *query, const wr_sql_create_table *create)
{
    if (has_definitions(create)) return create_defined_as(query, create);
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, create->query, &bound));
    WR_TRY(wr_check_reads_only(&bound, "CREATE TABLE AS"));
    wr_object *object =
        wr_ddl_object_new(query, WR_ENTRY_TABLE, &create->name, create->mode.temporary);
    wr_table_parts parts = {.arena = &object->arena};
    weir_status bad = WR_OK;
    if (create->elements.count > bound.schema.count)
        bad = wr_fail_at(WR_E_COLUMN_COUNT, create->node.span,
                         "%d column names are given but the query has %d columns",
                         create->elements.count, bound.schema.count);
    for (int i = 0; i < bound.schema.count && !bad; i++) {
        wr_str name = bound.schema.fields[i].name;
        if (i < create->elements.count && create->elements.items[i]->kind == WR_SQL_COLUMN_DEF)
            name = wr_sql_as_column_def(create->elements.items[i])->name.text;
        if (wr_table_parts_column(&parts, name) >= 0)
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
    if (create->mode.replace) bad = drop_replaced_sequences(query, create);
    if (bad)
        wr_object_release(object);
    else
        bad = finish_table(query, object, &parts, create);
    void *target[2] = {object->table, query->view.txn};
    if (!bad && !create->no_data) bad = wr_query_drain(query, &bound, wr_append_to_table, target);
    if (!bad)
        query->affected =
            create->no_data ? 0 : (int64_t)wr_table_count(object->table, query->view.txn);
    wr_object_release(object);
    return bad;
}

/* USING or OPTIONS: the rows are those of files. */
static bool is_over_file(const wr_sql_create_table *create)
{
    return wr_name_given(create->format) || create->options.count > 0;
}

/* Clauses that mean nothing for tables in memory or over a file. UNLOGGED is what they are. */
static weir_status check_clauses(const wr_sql_create_table *create)
{
    bool over_file = is_over_file(create);
    const char *what = create->with.count           ? "in-memory tables have no options"
                       : create->partition_by.count ? "PARTITIONED BY is not supported"
                       : create->emit_on_close      ? "EMIT ON WINDOW CLOSE is not supported"
                       : wr_name_given(create->encode_name) ? "ENCODE is only for streams"
                       : create->on_commit > WR_COMMIT_PRESERVE
                           ? "ON COMMIT DELETE ROWS and ON COMMIT DROP are not supported"
                       : create->on_commit && !create->mode.temporary
                           ? "ON COMMIT is only for temporary tables"
                       : over_file && create->query ? "a table over a file has no query"
                                                    : NULL;
    wr_span span = create->with.count ? create->with.items[0]->span : create->node.span;
    return what ? wr_fail_at(WR_E_UNSUPPORTED, span, "%s", what) : WR_OK;
}

/* Texts are ordered by their bytes, which has several names. */
weir_status wr_check_collation(const wr_sql_column_def *def)
{
    if (!def->collation.count) return WR_OK;
    wr_name name = wr_names_last(def->collation);
    static const char *const by_bytes[] = {"C", "POSIX", "default", "binary", "ucs_basic"};
    for (size_t i = 0; i < WR_COUNT(by_bytes); i++)
        if (wr_str_is(name.text, by_bytes[i])) return WR_OK;
    return wr_fail_at(WR_E_UNSUPPORTED, name.span,
                      "no collation \"%.*s\": text is ordered by bytes", WR_STR_ARGS(name.text));
}

weir_status wr_run_create_table(weir_query *query, const wr_sql_create_table *create)
{
    if (wr_is_stream_table(create)) return wr_run_create_stream(query, create);
    query->tag = "CREATE TABLE";
    unsigned kinds = WR_RELATION_KINDS;
    if (create->mode.if_not_exists && wr_ddl_exists(query, kinds, &create->name)) return WR_OK;
    WR_TRY(check_clauses(create));
    if (is_over_file(create)) return wr_run_create_file_table(query, create);
    if (create->mode.replace && !create->query) WR_TRY(drop_replaced_sequences(query, create));
    if (create->query) return create_as(query, create);
    wr_object *object;
    wr_table_parts parts;
    WR_TRY(begin_table(query, create, &parts, &object));
    return finish_table(query, object, &parts, create);
}
