/* show.c - statements answered with a small table of texts: SHOW, DESCRIBE, SET and PRAGMA;
 * EXPLAIN is in explain.c.
 *
 * What can be said as a query is bound as one (plan/bind_show.c); what is here needs the
 * session or the plan itself. */
#include "expr/host_fn.h"
#include "session/session.h"
#include "sql/format.h"
#include <ctype.h>

void wr_text_columns(weir_query *query, const char *const *names, int count)
{
    wr_field *fields = wr_new_array(&query->arena, wr_field, count);
    for (int i = 0; i < count; i++)
        fields[i] = (wr_field){wr_str_of(names[i]), WR_VARCHAR};
    query->schema = (wr_schema){.fields = fields, .count = count};
    query->kind = WEIR_ROWS;
}

void wr_text_row(weir_query *query, const wr_str *values)
{
    wr_text_rows *rows = &query->text_rows;
    size_t columns = (size_t)query->schema.count, size = sizeof(wr_str) * columns;
    if (rows->row_count == rows->row_cap) {
        int cap = rows->row_cap ? rows->row_cap * 2 : 16;
        rows->values = wr_heap_grow(rows->values, size * (size_t)rows->row_cap, size * (size_t)cap);
        rows->row_cap = cap;
    }
    for (size_t c = 0; c < columns; c++)
        rows->values[(size_t)rows->row_count * columns + c] =
            values[c].data ? wr_arena_str(&query->arena, values[c]) : (wr_str){0};
    rows->row_count++;
}

void wr_text_lines(weir_query *query, const char *column, wr_str text)
{
    wr_text_columns(query, &column, 1);
    while (text.length) {
        const char *end = memchr(text.data, '\n', text.length);
        wr_str line = {text.data, end ? (size_t)(end - text.data) : text.length};
        wr_text_row(query, &line);
        size_t used = line.length + (end != NULL);
        text = (wr_str){text.data + used, text.length - used};
    }
}

/* ---- SET, RESET, USE ---- */

/* A bare word is taken as it is spelled; anything else is evaluated. */
weir_status wr_read_setting(weir_query *query, const wr_node *value, wr_buf *out)
{
    if (value->kind == WR_SQL_COLUMN) {
        wr_node_format(out, value);
        if (out->length > 1 && out->data[0] == '"') {
            memmove(out->data, out->data + 1, out->length - 2);
            out->length -= 2;
        }
        return WR_OK;
    }
    wr_value constant;
    WR_TRY(wr_bind_constant(&query->planner, value, NULL, &constant));
    if (constant.is_null) return WR_OK;
    wr_value_print(&constant, out);
    if (constant.type->id == WR_T_INTERVAL && out->data[0] != '-') { /* an offset: TIME ZONE */
        WR_BUF(bare);
        wr_buf_add_str(&bare, wr_buf_str(out));
        out->length = 0;
        wr_buf_printf(out, "+%s", bare.data);
    }
    return WR_OK;
}

static weir_status run_set(weir_query *query, const wr_sql_set *set)
{
    query->tag = set->reset ? "RESET" : "SET";
    if (set->reset) return wr_session_reset(query->session, set->name.text, set->name.span);
    WR_BUF(text);
    for (int i = 0; i < set->values.count; i++) {
        if (i) wr_buf_add_text(&text, ",");
        WR_BUF(one);
        WR_TRY(wr_read_setting(query, set->values.items[i], &one));
        wr_buf_add_str(&text, wr_buf_str(&one));
    }
    wr_span span = set->values.count ? set->values.items[0]->span : set->name.span;
    if (wr_str_is(set->name.text, "transaction_mode"))
        return wr_session_set_modes(query, set, wr_buf_str(&text));
    weir_status bad =
        wr_session_set_scoped(query->session, set->scope, set->name.text, wr_buf_str(&text), span);
    if (bad && bad->code == WR_E_UNKNOWN_OPTION) bad->span = set->name.span;
    return bad;
}

static weir_status run_use(weir_query *query, const wr_sql_use *use)
{
    query->tag = "USE";
    wr_name last = wr_names_last(use->name);
    return wr_session_set(query->session, WR_STR("search_path"), last.text, last.span);
}

/* ---- DESCRIBE ---- */

static void describe_columns(weir_query *query, const wr_schema *schema, int count)
{
    static const char *const columns[] = {"column_name", "column_type", "null",
                                          "key",         "default",     "extra"};
    wr_text_columns(query, columns, 6);
    for (int i = 0; i < count; i++) {
        bool not_null = schema->not_null && schema->not_null[i];
        wr_str row[6] = {schema->fields[i].name, schema->fields[i].type->sql,
                         not_null ? WR_STR("NO") : WR_STR("YES")};
        wr_text_row(query, row);
    }
}

static void describe_table(weir_query *query, const wr_object *table)
{
    static const char *const columns[] = {"column_name", "column_type", "null",
                                          "key",         "default",     "extra"};
    wr_text_columns(query, columns, 6);
    for (int i = 0; i < table->column_count; i++) {
        const wr_column_def *column = &table->columns[i];
        bool primary = false, unique = false;
        for (int k = 0; k < table->key_count; k++)
            for (int c = 0; c < table->keys[k].column_count; c++) {
                if (table->keys[k].columns[c] != i) continue;
                primary |= table->keys[k].is_primary;
                unique |= !table->keys[k].is_primary;
            }
        wr_str extra = column->generated_sql.length ? column->generated_sql : (wr_str){0};
        if (table->watermark_sql.length && table->watermark_column == i)
            extra = wr_arena_printf(&query->arena, "%.*s%sWATERMARK AS %.*s", WR_STR_ARGS(extra),
                                    extra.length ? "; " : "", WR_STR_ARGS(table->watermark_sql));
        wr_str row[6] = {column->name,
                         wr_column_type_text(&query->arena, column),
                         column->not_null || primary ? WR_STR("NO") : WR_STR("YES"),
                         primary  ? WR_STR("PRI")
                         : unique ? WR_STR("UNI")
                                  : (wr_str){0},
                         column->default_sql.length ? column->default_sql : (wr_str){0},
                         extra};
        wr_text_row(query, row);
    }
}

/* LIKE over names: % is any text, _ one byte; case does not matter. The last % is the only place
 * worth returning to. */
static bool is_like(wr_str text, wr_str pattern)
{
    size_t t = 0, p = 0, after_percent = SIZE_MAX, retry = 0;
    while (t < text.length) {
        bool same = p < pattern.length &&
                    (pattern.data[p] == '_' || tolower((unsigned char)pattern.data[p]) ==
                                                   tolower((unsigned char)text.data[t]));
        if (p < pattern.length && pattern.data[p] == '%') {
            after_percent = ++p;
            retry = t;
        } else if (same) {
            t++;
            p++;
        } else if (after_percent != SIZE_MAX) {
            p = after_percent;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.length && pattern.data[p] == '%')
        p++;
    return p == pattern.length;
}

static void list_functions(weir_query *query, wr_str like)
{
    static const char *const columns[] = {"name", "kind", "signature", "help"};
    wr_text_columns(query, columns, 4);
    for (int i = 0; i < wr_fn_count(); i++) {
        wr_fn_entry e = wr_fn_at(i);
        if (e.fn && e.fn->flags & WR_FN_HIDDEN) continue;
        const char *const name = e.fn          ? e.fn->name
                                 : e.aggregate ? e.aggregate->name
                                               : e.window->name;
        wr_str row[4] = {{name, strcspn(name + (*name == '|'), "|") + (*name == '|')},
                         wr_str_of(e.fn          ? "scalar"
                                   : e.aggregate ? "aggregate"
                                                 : "window"),
                         wr_str_of(e.fn          ? e.fn->signature
                                   : e.aggregate ? e.aggregate->signature
                                                 : e.window->signature),
                         wr_str_of(e.fn          ? e.fn->help
                                   : e.aggregate ? e.aggregate->help
                                                 : e.window->help)};
        if (!like.length || is_like(row[0], like)) wr_text_row(query, row);
    }
    int count;
    wr_object **own = wr_catalog_list(&query->view, 1u << WR_ENTRY_FUNCTION, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < own[i]->forms.count; k++) {
            const wr_host_fn *fn = own[i]->forms.items[k];
            wr_str row[4] = {own[i]->name,
                             wr_str_of(wr_host_fn_is_aggregate(fn) ? "aggregate" : "scalar"),
                             wr_str_of(wr_host_fn_signature(fn)), wr_str_of(wr_host_fn_help(fn))};
            if (!like.length || is_like(row[0], like)) wr_text_row(query, row);
        }
        wr_object_release(own[i]);
    }
}

static void list_objects(weir_query *query, unsigned kinds, wr_str like)
{
    static const char *const columns[] = {"schema", "name", "type"};
    wr_text_columns(query, columns, 3);
    int count = 0;
    wr_object **objects = wr_catalog_list(&query->view, kinds, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        wr_object *object = objects[i];
        wr_str kind = object->kind == WR_ENTRY_VIEW ? WR_STR("view")
                      : object->is_materialized     ? WR_STR("materialized view")
                      : object->kind == WR_ENTRY_SOURCE
                          ? object->can_write ? WR_STR("source and sink") : WR_STR("source")
                      : object->kind == WR_ENTRY_SINK     ? WR_STR("sink")
                      : object->kind == WR_ENTRY_SEQUENCE ? WR_STR("sequence")
                      : object->is_temporary              ? WR_STR("temporary table")
                                                          : WR_STR("table");
        wr_str row[3] = {object->is_temporary ? WR_STR("temp") : object->schema, object->name,
                         kind};
        if (!like.length || is_like(object->name, like)) wr_text_row(query, row);
        wr_object_release(object);
    }
}

/* SHOW SOURCES, SHOW SINKS: how far they reach instead of what they are. */
static void list_streams(weir_query *query, unsigned kinds, wr_str like)
{
    static const char *const columns[] = {"schema", "name", "connector", "rows"};
    wr_text_columns(query, columns, 4);
    int count = 0;
    wr_object **objects =
        wr_catalog_list(&query->view, 1u << WR_ENTRY_SOURCE | kinds, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        const wr_object *object = objects[i];
        bool is_asked = 1u << object->kind & kinds || object->can_write;
        wr_str rows = object->kind == WR_ENTRY_SINK
                          ? object->sql.length ? WR_STR("of its query") : WR_STR("inserted")
                      : !object->source            ? WR_STR("read and inserted")
                      : object->source->is_bounded ? WR_STR("bounded")
                                                   : WR_STR("unbounded");
        wr_str row[4] = {object->is_temporary ? WR_STR("temp") : object->schema, object->name,
                         wr_str_of(object->connector->name), rows};
        if (is_asked && (!like.length || is_like(object->name, like))) wr_text_row(query, row);
        wr_object_release(objects[i]);
    }
}

static void list_materialized(weir_query *query, wr_str like)
{
    static const char *const columns[] = {"schema", "name", "query", "status"};
    wr_text_columns(query, columns, 4);
    int count = 0;
    wr_object **objects =
        wr_catalog_list(&query->view, 1u << WR_ENTRY_TABLE, &query->arena, &count);
    for (int i = 0; i < count; i++) {
        const wr_object *object = objects[i];
        WR_BUF(status);
        if (object->is_materialized && object->source) wr_live_view_status(object, &status);
        wr_str row[4] = {object->is_temporary ? WR_STR("temp") : object->schema, object->name,
                         object->sql, status.length ? wr_buf_str(&status) : WR_STR("refreshed")};
        if (object->is_materialized && (!like.length || is_like(object->name, like)))
            wr_text_row(query, row);
        wr_object_release(objects[i]);
    }
}

static weir_status describe_query(weir_query *query, const wr_node *node)
{
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, node, &bound));
    if (bound.kind == WR_CLASS_UTILITY)
        return wr_fail_at(WR_E_MISPLACED, node->span, "DESCRIBE needs a table or a query");
    describe_columns(query, &bound.schema, bound.schema.count);
    return WR_OK;
}

static weir_status run_describe(weir_query *query, const wr_sql_describe *describe)
{
    query->tag = "DESCRIBE";
    if (describe->query) return describe_query(query, describe->query);
    unsigned tables = WR_RELATION_KINDS;
    if (!describe->name.count) {
        list_objects(query, tables, WR_STR(""));
        return WR_OK;
    }
    wr_str schema, name;
    wr_ddl_split_name(&describe->name, WR_STR(""), &schema, &name);
    WR_AUTO(wr_object) *object =
        describe->file ? NULL : wr_catalog_find(&query->view, tables, schema, name);
    if (object && (object->kind == WR_ENTRY_TABLE || object->kind == WR_ENTRY_SOURCE ||
                   object->kind == WR_ENTRY_SINK)) {
        describe_table(query, object);
        return WR_OK;
    }
    /* A view, a file, or nothing: SELECT * FROM it tells its columns or the right error. */
    WR_BUF(text);
    wr_buf_add_text(&text, "SELECT * FROM ");
    if (describe->file)
        wr_format_string(&text, name);
    else
        for (int i = 0; i < describe->name.count; i++) {
            if (i) wr_buf_add_char(&text, '.');
            wr_format_name(&text, describe->name.items[i].text);
        }
    wr_statement statement;
    WR_TRY(wr_parse_one(&query->arena, wr_arena_str(&query->arena, wr_buf_str(&text)), &statement));
    weir_status bad = describe_query(query, statement.node);
    if (bad) bad->span = wr_names_last(describe->name).span;
    return bad;
}

/* ---- SHOW ---- */

static weir_status run_show_statement(weir_query *query, const wr_sql_show *show)
{
    query->tag = "SHOW";
    wr_str what = show->what.text, like = WR_STR("");
    if (show->like) {
        wr_value pattern;
        WR_TRY(wr_bind_constant(&query->planner, show->like, WR_VARCHAR, &pattern));
        like = pattern.is_null ? like : pattern.text;
    }
    unsigned tables = WR_RELATION_KINDS;
    if (wr_str_is(what, "tables") || wr_str_is(what, "all tables"))
        list_objects(query, tables, like);
    else if (wr_str_is(what, "views"))
        list_objects(query, 1u << WR_ENTRY_VIEW, like);
    else if (wr_str_is(what, "materialized views"))
        list_materialized(query, like);
    else if (wr_str_is(what, "sources"))
        list_streams(query, 1u << WR_ENTRY_SOURCE, like);
    else if (wr_str_is(what, "sinks"))
        list_streams(query, 1u << WR_ENTRY_SINK, like);
    else if (wr_str_is(what, "streams"))
        wr_show_streams(query);
    else if (wr_str_is(what, "sequences"))
        list_objects(query, 1u << WR_ENTRY_SEQUENCE, like);
    else if (wr_str_is(what, "all") || wr_str_is(what, "settings") || wr_str_is(what, "variables"))
        wr_settings_list(query->session, query);
    else if (wr_str_is(what, "schemas") || wr_str_is(what, "databases")) {
        static const char *const column[] = {"name"};
        int count = 0;
        wr_str *names = wr_catalog_schemas(&query->view, &query->arena, &count);
        wr_text_columns(query, column, 1);
        for (int i = 0; i < count; i++)
            wr_text_row(query, &names[i]);
    } else if (wr_str_is(what, "functions")) {
        list_functions(query, like);
    } else if (wr_str_has_prefix(what, WR_STR("create "))) {
        return wr_run_show_create(query, show);
    } else if (what.length) {
        return wr_with_hint(
            wr_fail_at(WR_E_UNSUPPORTED, show->what.span, "SHOW %.*s is not supported",
                       WR_STR_ARGS(what)),
            "there are SHOW TABLES, VIEWS, MATERIALIZED VIEWS, SOURCES, SINKS, STREAMS, "
            "SEQUENCES, SCHEMAS, FUNCTIONS, ALL, CREATE TABLE");
    } else if (show->name.count) {
        wr_str name = wr_names_last(show->name).text;
        wr_span span = wr_names_last(show->name).span;
        wr_str value;
        WR_TRY(wr_session_get(query->session, name, span, &query->arena, &value));
        const char *column = wr_arena_copy(&query->arena, name.data, name.length);
        wr_text_columns(query, &column, 1);
        wr_text_row(query, &value);
    }
    return WR_OK;
}

weir_status wr_run_show(weir_query *query, const wr_node *statement, bool *handled)
{
    *handled = true;
    switch (statement->kind) {
    case WR_SQL_SET:
        return run_set(query, wr_sql_as_set(statement));
    case WR_SQL_USE:
        return run_use(query, wr_sql_as_use(statement));
    case WR_SQL_SHOW:
        return run_show_statement(query, wr_sql_as_show(statement));
    case WR_SQL_DESCRIBE:
        return run_describe(query, wr_sql_as_describe(statement));
    case WR_SQL_EXPLAIN:
        return wr_run_explain(query, wr_sql_as_explain(statement));
    default:
        *handled = false;
        return WR_OK;
    }
}
