/* create_text.c - SHOW CREATE TABLE: the statement that would make a table or view again.
 *
 * Definitions are kept as canonical text in the catalog; this puts them together. SHOW CREATE ALL
 * gives every sequence, table and view, ordered so that the script runs: sequences that are not
 * part of a column, tables, sources, views, materialized views, sinks. Secrets are not shown. */
#include "plan/connect.h"
#include "plan/key_log.h"
#include "session/session.h"
#include "sql/format.h"

static void add_name(wr_buf *out, const wr_object *object)
{
    if (!object->is_temporary && !wr_str_is(object->schema, "main")) {
        wr_format_name(out, object->schema);
        wr_buf_add_char(out, '.');
    }
    wr_format_name(out, object->name);
}

/* SERIAL, or GENERATED .. AS IDENTITY with the options of the sequence. */
static void add_filled_column(weir_query *query, wr_buf *out, const wr_column_def *column)
{
    WR_BUF(options);
    WR_AUTO(wr_object) *sequence = wr_sequence_of_column(query, column);
    if (sequence) wr_sequence_options_text(sequence, &options);
    if (column->filler == WR_FILLER_SERIAL) {
        wr_buf_add_text(out, column->type->id == WR_T_SMALLINT  ? " SMALLSERIAL"
                             : column->type->id == WR_T_INTEGER ? " SERIAL"
                                                                : " BIGSERIAL");
        return;
    }
    wr_buf_printf(out, " %s GENERATED %s AS IDENTITY", wr_type_name(column->type),
                  column->filler == WR_FILLER_IDENTITY ? "BY DEFAULT" : "ALWAYS");
    if (options.length) wr_buf_printf(out, " (%s)", options.data + 1);
}

static void add_column(weir_query *query, wr_buf *out, const wr_column_def *column)
{
    wr_format_name(out, column->name);
    if (column->filler != WR_FILLER_NONE) {
        add_filled_column(query, out, column);
        return;
    }
    WR_ARENA(scratch);
    wr_buf_printf(out, " %.*s", WR_STR_ARGS(wr_column_type_text(&scratch, column)));
    if (column->not_null) wr_buf_add_text(out, " NOT NULL");
    if (column->default_sql.length)
        wr_buf_printf(out, " DEFAULT %.*s", WR_STR_ARGS(column->default_sql));
    if (column->generated_sql.length)
        wr_buf_printf(out, " GENERATED ALWAYS AS (%.*s)", WR_STR_ARGS(column->generated_sql));
}

static void add_key(wr_buf *out, const wr_object *table, const wr_key_def *key)
{
    wr_buf_add_text(out, key->is_primary ? ", PRIMARY KEY (" : ", UNIQUE (");
    for (int i = 0; i < key->column_count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        wr_format_name(out, table->columns[key->columns[i]].name);
    }
    wr_buf_add_char(out, ')');
}

static void add_foreign_key(weir_query *query, wr_buf *out, const wr_object *table,
                            const wr_reference_def *key)
{
    wr_buf_add_text(out, "CONSTRAINT ");
    wr_format_name(out, key->name);
    wr_buf_add_char(out, ' ');
    wr_foreign_key_text(&query->view, table, key, out);
}

/* A whole script makes foreign keys when all tables are there. */
static void add_create_table(weir_query *query, wr_buf *out, const wr_object *table, bool alone)
{
    wr_buf_printf(out, "CREATE %sTABLE ", table->is_temporary ? "TEMPORARY " : "");
    add_name(out, table);
    wr_buf_add_text(out, " (");
    for (int i = 0; i < table->column_count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        add_column(query, out, &table->columns[i]);
    }
    for (int i = 0; i < table->key_count; i++)
        add_key(out, table, &table->keys[i]);
    for (int i = 0; i < table->check_count; i++) {
        wr_buf_add_text(out, ", CONSTRAINT ");
        wr_format_name(out, table->checks[i].name);
        wr_buf_printf(out, " CHECK (%.*s)", WR_STR_ARGS(table->checks[i].sql));
    }
    for (int i = 0; i < table->foreign_key_count && alone; i++) {
        wr_buf_add_text(out, ", ");
        add_foreign_key(query, out, table, &table->foreign_keys[i]);
    }
    wr_buf_add_text(out, ");");
}

static void add_create_view(wr_buf *out, const wr_object *view)
{
    wr_buf_printf(out, "CREATE %sVIEW ", view->is_temporary ? "TEMPORARY " : "");
    add_name(out, view);
    for (int i = 0; i < view->column_count; i++) {
        wr_buf_add_text(out, i ? ", " : " (");
        wr_format_name(out, view->columns[i].name);
    }
    if (view->column_count) wr_buf_add_char(out, ')');
    wr_buf_printf(out, " AS %.*s;", WR_STR_ARGS(view->sql));
}

/* Values of secret options are not shown. */
static void add_options(wr_buf *out, const wr_object *object)
{
    wr_buf_printf(out, " WITH (connector = '%s'", object->connector->name);
    for (int i = 0; i < object->options.count; i++) {
        const wr_given *option = &object->options.items[i];
        wr_buf_add_text(out, ", ");
        wr_format_name(out, option->name);
        wr_buf_add_text(out, " = ");
        if (wr_connector_hides(object->connector, option->name))
            wr_buf_add_text(out, "'***'");
        else
            wr_value_print_sql(&option->value, out);
    }
    wr_buf_add_char(out, ')');
}

static void add_create_stream(weir_query *query, wr_buf *out, const wr_object *object)
{
    wr_buf_printf(out, "CREATE %s%s ", object->is_temporary ? "TEMPORARY " : "",
                  object->kind == WR_ENTRY_SINK ? "SINK"
                  : object->can_write           ? "TABLE"
                                                : "SOURCE");
    add_name(out, object);
    wr_buf_add_text(out, " (");
    for (int i = 0; i < object->column_count; i++) {
        if (i) wr_buf_add_text(out, ", ");
        add_column(query, out, &object->columns[i]);
    }
    for (int i = 0; i < object->key_count; i++)
        add_key(out, object, &object->keys[i]);
    if (object->watermark_sql.length) {
        wr_buf_add_text(out, ", WATERMARK FOR ");
        wr_format_name(out, object->columns[object->watermark_column].name);
        wr_buf_printf(out, " AS %.*s", WR_STR_ARGS(object->watermark_sql));
    }
    wr_buf_add_char(out, ')');
    add_options(out, object);
    if (object->sql.length) wr_buf_printf(out, " AS %.*s", WR_STR_ARGS(object->sql));
    if (object->emit_on_close) wr_buf_add_text(out, " EMIT ON WINDOW CLOSE");
    wr_buf_add_char(out, ';');
}

static void add_create_materialized(wr_buf *out, const wr_object *view)
{
    wr_buf_printf(out, "CREATE %sMATERIALIZED VIEW ", view->is_temporary ? "TEMPORARY " : "");
    add_name(out, view);
    for (int i = 0; i < view->column_count; i++) {
        wr_buf_add_text(out, i ? ", " : " (");
        wr_format_name(out, view->columns[i].name);
    }
    wr_buf_printf(out, ") AS %.*s%s;", WR_STR_ARGS(view->sql),
                  view->emit_on_close ? " EMIT ON WINDOW CLOSE" : "");
}

static void add_row(weir_query *query, const wr_object *object, bool alone)
{
    WR_BUF(text);
    if (object->kind == WR_ENTRY_SOURCE || object->kind == WR_ENTRY_SINK)
        add_create_stream(query, &text, object);
    else if (object->is_materialized)
        add_create_materialized(&text, object);
    else if (object->kind == WR_ENTRY_VIEW)
        add_create_view(&text, object);
    else
        add_create_table(query, &text, object, alone);
    wr_str row = wr_buf_str(&text);
    wr_text_row(query, &row);
}

/* Sequences that are no part of a SERIAL or IDENTITY column. */
static void show_sequences(weir_query *query)
{
    int count = 0;
    wr_object **list =
        wr_catalog_list(&query->view, 1u << WR_ENTRY_SEQUENCE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        weir_status filled = wr_check_sequence_free(query, list[i]);
        if (!filled) {
            WR_BUF(text);
            wr_buf_printf(&text, "CREATE %sSEQUENCE ", list[i]->is_temporary ? "TEMPORARY " : "");
            add_name(&text, list[i]);
            if (list[i]->type != WR_BIGINT)
                wr_buf_printf(&text, " AS %s", wr_type_name(list[i]->type));
            wr_sequence_options_text(list[i], &text);
            wr_buf_add_char(&text, ';');
            wr_str row = wr_buf_str(&text);
            wr_text_row(query, &row);
        }
        wr_status_drop(filled);
        wr_object_release(list[i]);
    }
}

static void show_foreign_keys(weir_query *query)
{
    int count = 0;
    wr_object **tables = wr_catalog_list(&query->view, 1u << WR_ENTRY_TABLE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < tables[i]->foreign_key_count; k++) {
            WR_BUF(text);
            wr_buf_add_text(&text, "ALTER TABLE ");
            add_name(&text, tables[i]);
            wr_buf_add_text(&text, " ADD ");
            add_foreign_key(query, &text, tables[i], &tables[i]->foreign_keys[k]);
            wr_buf_add_char(&text, ';');
            wr_str row = wr_buf_str(&text);
            wr_text_row(query, &row);
        }
        wr_object_release(tables[i]);
    }
}

static void show_kind(weir_query *query, wr_entry_kind kind, bool materialized)
{
    int count = 0;
    wr_object **objects = wr_catalog_list(&query->view, 1u << kind, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        if (objects[i]->is_materialized == materialized) add_row(query, objects[i], false);
        wr_object_release(objects[i]);
    }
}

static void show_all(weir_query *query)
{
    show_sequences(query);
    show_kind(query, WR_ENTRY_TABLE, false);
    show_foreign_keys(query);
    show_kind(query, WR_ENTRY_SOURCE, false);
    show_kind(query, WR_ENTRY_VIEW, false);
    show_kind(query, WR_ENTRY_TABLE, true);
    show_kind(query, WR_ENTRY_SINK, false);
}

weir_status wr_run_show_create(weir_query *query, const wr_sql_show *show)
{
    static const char *const column[] = {"sql"};
    wr_str what = show->what.text;
    unsigned kinds = wr_str_is(what, "create view")     ? 1u << WR_ENTRY_VIEW
                     : wr_str_is(what, "create source") ? 1u << WR_ENTRY_SOURCE
                     : wr_str_is(what, "create sink")
                         ? 1u << WR_ENTRY_SINK
                         : WR_RELATION_KINDS & ~(1u << WR_ENTRY_RELATION);
    wr_text_columns(query, column, 1);
    if (!show->name.count) {
        show_all(query);
        return WR_OK;
    }
    wr_str schema, name;
    wr_ddl_split_name(&show->name, WR_STR(""), &schema, &name);
    WR_AUTO(wr_object) *object = wr_catalog_find(&query->view, kinds, schema, name);
    if (object) {
        add_row(query, object, true);
        return WR_OK;
    }
    wr_nearest nearest = {.wanted = name};
    int count = 0;
    wr_object **objects = wr_catalog_list(&query->view, kinds, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        wr_nearest_offer(&nearest, wr_arena_str(&query->arena, objects[i]->name));
        wr_object_release(objects[i]);
    }
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_TABLE, wr_names_last(show->name).span,
                                      "no table \"%.*s\"", WR_STR_ARGS(name)),
                           &nearest);
}
