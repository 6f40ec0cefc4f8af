/* create_stream.c - CREATE SOURCE, CREATE SINK, and CREATE TABLE .. WITH (connector = ..).
 *
 * Four ways to write one thing come together as a connector and its options:
 *
 *     WITH (connector = 'kafka', topic = 't', format = 'json')
 *     WITH (connector = 'kafka', topic = 't') FORMAT PLAIN ENCODE JSON (..)
 *     USING csv OPTIONS (path: 'folder')             connector files, format csv
 *     TABLE .. WITH ('connector' = 'kafka', ..)      a source when read, a sink when written
 *
 * A source is bound when it is created: columns that are not declared come from it, and mistakes
 * are told now. A table that is both is bound by the statement that uses it. A sink with a query
 * gets its rows once, or for ever if the query does not end; others INSERT nothing into it. */
#include "plan/connect.h"
#include "session/create_table.h"
#include "sql/format.h"

typedef struct stream_parts {
    weir_query *query;
    const wr_sql_create_table *create;
    wr_object *object;
    wr_table_parts parts;
    const wr_sql_watermark *watermark;
    wr_options options;
    int directions;
} stream_parts;

/* ---- options ---- */

static void add_option(stream_parts *s, const char *name, wr_str value, wr_span span)
{
    s->options.items[s->options.count++] = (wr_given){
        .name = wr_str_of(name), .value = wr_value_text(value), .span = span, .value_span = span};
}

static const wr_given *given(const stream_parts *s, const char *name)
{
    for (int i = 0; i < s->options.count; i++)
        if (wr_str_is(s->options.items[i].name, name)) return &s->options.items[i];
    return NULL;
}

static wr_str lower(wr_arena *arena, wr_str text)
{
    char *copy = wr_arena_copy(arena, text.data, text.length);
    for (size_t i = 0; i < text.length; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z') copy[i] = (char)(copy[i] - 'A' + 'a');
    return (wr_str){copy, text.length};
}

/* FORMAT PLAIN ENCODE JSON is the format json, FORMAT DEBEZIUM ENCODE JSON debezium-json. */
static weir_status add_format(stream_parts *s)
{
    const wr_sql_create_table *create = s->create;
    wr_arena *arena = &s->query->arena;
    if (!wr_name_given(create->format)) return WR_OK;
    const wr_given *twice = given(s, "format");
    if (twice)
        return wr_fail_at(WR_E_DUPLICATE_NAME, create->format.span, "the format is given twice");
    wr_str format = lower(arena, create->format.text);
    if (wr_name_given(create->encode_name)) {
        wr_str encoding = lower(arena, create->encode_name.text);
        format =
            wr_str_is(format, "plain") || wr_str_is(format, "append_only")
                ? encoding
                : wr_arena_printf(arena, "%.*s-%.*s", WR_STR_ARGS(format), WR_STR_ARGS(encoding));
    }
    add_option(s, "format", format, create->format.span);
    return WR_OK;
}

static weir_status collect_options(stream_parts *s)
{
    const wr_sql_create_table *create = s->create;
    const wr_nodes *lists[] = {&create->with, &create->options, &create->encode};
    int most = 5;
    for (size_t i = 0; i < WR_COUNT(lists); i++)
        most += lists[i]->count;
    s->options.items = wr_new_array(&s->query->arena, wr_given, most);
    for (size_t i = 0; i < WR_COUNT(lists); i++) {
        wr_options some;
        WR_TRY(wr_bind_options(&s->query->planner, lists[i], &some));
        for (int k = 0; k < some.count; k++)
            s->options.items[s->options.count++] = some.items[k];
    }
    return add_format(s);
}

/* Where USING comes from a sink is one file, to which what replaces earlier rows is appended. */
static void add_what_using_means(stream_parts *s, wr_span span)
{
    if (!given(s, "mode")) add_option(s, "mode", WR_STR("append"), span);
    if (!given(s, "force_append_only")) add_option(s, "force_append_only", WR_STR("true"), span);
}

static weir_status find_connector(stream_parts *s)
{
    wr_object *object = s->object;
    const wr_given *connector = given(s, "connector");
    wr_span span = s->create->node.span;
    if (connector) {
        span = connector->value_span;
        if (connector->value.is_null || connector->value.type->id != WR_T_VARCHAR)
            return wr_fail_at(WR_E_PARAMETER_VALUE, span, "the connector is named by a text");
        WR_TRY(wr_connector_find(connector->value.text, span, &object->connector));
        int at = (int)(connector - s->options.items);
        s->options.count--;
        memmove(&s->options.items[at], &s->options.items[at + 1],
                sizeof(wr_given) * (size_t)(s->options.count - at));
    } else if (wr_name_given(s->create->format) && !wr_name_given(s->create->encode_name)) {
        span = s->create->format.span;
        WR_TRY(wr_connector_find(WR_STR("files"), span, &object->connector));
        bool is_sink = s->create->role == WR_ROLE_SINK;
        if (is_sink) add_what_using_means(s, span);
    } else {
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, span,
                                       "the connector is not named: nothing says where rows %s",
                                       s->create->role == WR_ROLE_SINK ? "go" : "come from"),
                            "WITH (connector = 'files', path = 'folder', format = 'csv')");
    }
    WR_TRY(wr_connector_check(&s->query->planner, object->connector, &s->options, s->directions,
                              span));
    object->options.items = wr_new_array(&object->arena, wr_given, s->options.count + 1);
    object->options.count = s->options.count;
    for (int i = 0; i < s->options.count; i++) {
        wr_given *kept = &object->options.items[i];
        *kept = s->options.items[i];
        kept->name = wr_arena_str(&object->arena, kept->name);
        kept->value = wr_value_copy(&kept->value, &object->arena);
    }
    return WR_OK;
}

/* ---- columns ---- */

static weir_status add_column(stream_parts *s, const wr_sql_column_def *def)
{
    wr_table_parts *parts = &s->parts;
    int at = parts->columns.count;
    wr_column_def column = {.name = wr_arena_str(parts->arena, def->name.text),
                            .id = wr_column_number_new()};
    if (wr_table_parts_column(parts, def->name.text) >= 0)
        return wr_fail_at(WR_E_DUPLICATE_COLUMN, def->name.span, "column \"%.*s\" is given twice",
                          WR_STR_ARGS(def->name.text));
    if (def->type) {
        WR_TRY(wr_bind_type(&s->query->planner, def->type, &column.type));
        WR_TRY(wr_bind_text_length(&s->query->planner, def->type, &column.length));
    }
    WR_TRY(wr_check_collation(def));
    wr_push(parts->arena, &parts->columns, column);
    for (int i = 0; i < def->constraints.count; i++) {
        const wr_sql_constraint *constraint = wr_sql_as_constraint(def->constraints.items[i]);
        wr_column_def *made = &parts->columns.items[at];
        if (constraint->constraint == WR_CONSTRAINT_NOT_NULL)
            made->not_null = true;
        else if (constraint->constraint == WR_CONSTRAINT_GENERATED)
            made->generated_sql = wr_ddl_format(parts->arena, constraint->expression);
        else if (constraint->constraint == WR_CONSTRAINT_PRIMARY_KEY)
            WR_TRY(wr_table_parts_key(parts, constraint->name, s->object->name, &at, 1, true));
        else if (constraint->constraint != WR_CONSTRAINT_NULL)
            return wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span,
                              "columns of sources and sinks take NOT NULL, PRIMARY KEY and "
                              "generating expressions only");
    }
    if (!parts->columns.items[at].type && !parts->columns.items[at].generated_sql.length)
        return wr_fail_at(WR_E_SYNTAX, def->name.span, "column \"%.*s\" has no type",
                          WR_STR_ARGS(def->name.text));
    return WR_OK;
}

static weir_status unknown_column(const wr_table_parts *parts, wr_name name)
{
    wr_nearest nearest = {.wanted = name.text};
    for (int c = 0; c < parts->columns.count; c++)
        wr_nearest_offer(&nearest, parts->columns.items[c].name);
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_COLUMN, name.span, "no column \"%.*s\" in it",
                                      WR_STR_ARGS(name.text)),
                           &nearest);
}

static weir_status add_key(stream_parts *s, const wr_sql_constraint *constraint)
{
    int *columns = wr_new_array(&s->query->arena, int, constraint->columns.count + 1);
    if (constraint->constraint != WR_CONSTRAINT_PRIMARY_KEY)
        return wr_fail_at(WR_E_UNSUPPORTED, constraint->node.span,
                          "sources and sinks have a PRIMARY KEY and no other constraints");
    for (int i = 0; i < constraint->columns.count; i++) {
        wr_name name = constraint->columns.items[i];
        columns[i] = wr_table_parts_column(&s->parts, name.text);
        if (columns[i] < 0) return unknown_column(&s->parts, name);
        if (s->parts.columns.items[columns[i]].generated_sql.length)
            return wr_fail_at(WR_E_UNSUPPORTED, name.span,
                              "a generated column cannot be part of the key");
    }
    return wr_table_parts_key(&s->parts, constraint->name, s->object->name, columns,
                              constraint->columns.count, true);
}

static weir_status add_watermark(stream_parts *s, const wr_sql_watermark *watermark)
{
    if (s->create->role == WR_ROLE_SINK)
        return wr_fail_at(WR_E_UNSUPPORTED, watermark->node.span, "a sink has no watermark");
    if (s->watermark)
        return wr_fail_at(WR_E_DUPLICATE_NAME, watermark->node.span,
                          "a source has at most one watermark");
    s->watermark = watermark;
    return WR_OK;
}

static weir_status collect_columns(stream_parts *s)
{
    const wr_nodes *elements = &s->create->elements;
    for (int i = 0; i < elements->count; i++) {
        const wr_node *element = elements->items[i];
        if (element->kind == WR_SQL_COLUMN_DEF)
            WR_TRY(add_column(s, wr_sql_as_column_def(element)));
        else if (element->kind == WR_SQL_LIKE_TABLE)
            WR_TRY(
                wr_table_parts_like(s->query, &s->parts, wr_sql_as_like_table(element), s->object));
    }
    for (int i = 0; i < elements->count; i++) {
        const wr_node *element = elements->items[i];
        if (element->kind == WR_SQL_CONSTRAINT) WR_TRY(add_key(s, wr_sql_as_constraint(element)));
        if (element->kind == WR_SQL_WATERMARK)
            WR_TRY(add_watermark(s, wr_sql_as_watermark(element)));
    }
    return WR_OK;
}

static void take_columns(stream_parts *s, const wr_schema *schema)
{
    for (int i = 0; i < schema->count; i++)
        wr_push(s->parts.arena, &s->parts.columns,
                ((wr_column_def){.name = wr_arena_str(s->parts.arena, schema->fields[i].name),
                                 .type = schema->fields[i].type,
                                 .id = wr_column_number_new()}));
}

/* What was collected becomes the object's. */
static void settle_parts(stream_parts *s)
{
    s->object->columns = s->parts.columns.items;
    s->object->column_count = s->parts.columns.count;
    s->object->keys = s->parts.keys.items;
    s->object->key_count = s->parts.keys.count;
}

static weir_status settle_watermark(stream_parts *s)
{
    if (!s->watermark) return WR_OK;
    s->object->watermark_column = wr_table_parts_column(&s->parts, s->watermark->column.text);
    if (s->object->watermark_column < 0) return unknown_column(&s->parts, s->watermark->column);
    s->object->watermark_sql = wr_ddl_format(&s->object->arena, s->watermark->expression);
    return WR_OK;
}

/* ---- sources ---- */

/* Columns that are declared stand in front of those that are found out: only generated ones may. */
static weir_status bind_source(stream_parts *s)
{
    wr_span span = s->create->node.span;
    WR_AUTO(wr_source) *source = NULL;
    bool declares = false;
    for (int i = 0; i < s->parts.columns.count; i++)
        declares |= !s->parts.columns.items[i].generated_sql.length;
    settle_parts(s);
    if (s->object->can_write && declares) {
        WR_TRY(settle_watermark(s));
        return wr_with_span(wr_check_source(&s->query->planner, s->object), span);
    }
    WR_TRY(wr_with_span(wr_connect_source(&s->query->planner, s->object, &source), span));
    if (!declares) take_columns(s, &source->schema);
    settle_parts(s);
    WR_TRY(settle_watermark(s));
    if (!s->object->can_write) s->object->source = WR_TAKE(source);
    return wr_with_span(wr_check_source(&s->query->planner, s->object), span);
}

/* ---- sinks ---- */

/* FROM t is AS SELECT * FROM t. */
static weir_status query_of_sink(wr_arena *arena, const wr_sql_create_table *create, wr_node **out)
{
    WR_BUF(text);
    *out = create->query;
    if (!create->from.count) return WR_OK;
    wr_buf_add_text(&text, "SELECT * FROM ");
    for (int i = 0; i < create->from.count; i++) {
        if (i) wr_buf_add_char(&text, '.');
        wr_format_name(&text, create->from.items[i].text);
    }
    wr_statement statement;
    WR_TRY(wr_parse_one(arena, wr_arena_str(arena, wr_buf_str(&text)), &statement));
    wr_stamp_spans(statement.node, wr_names_span(&create->from));
    *out = statement.node;
    return WR_OK;
}

weir_status wr_sink_filler(wr_arena *arena, const wr_sql_create_table *create, wr_node **out)
{
    wr_node *query = NULL;
    *out = NULL;
    if (create->role != WR_ROLE_SINK) return WR_OK;
    WR_TRY(query_of_sink(arena, create, &query));
    if (!query) return WR_OK;
    wr_sql_insert *insert = wr_new(arena, wr_sql_insert);
    *insert = (wr_sql_insert){
        .node = {WR_SQL_INSERT, create->node.span}, .table = create->name, .query = query};
    *out = &insert->node;
    return WR_OK;
}

static weir_status bind_sink(stream_parts *s, wr_node *query)
{
    wr_span span = s->create->node.span;
    bool is_named = false;
    for (int i = 0; i < s->create->elements.count; i++)
        is_named |= s->create->elements.items[i]->kind == WR_SQL_COLUMN_DEF;
    if (!is_named && !query)
        return wr_with_hint(wr_fail_at(WR_E_COLUMN_COUNT, span,
                                       "the sink has no columns: nothing says what rows it takes"),
                            "CREATE SINK k (id BIGINT, name VARCHAR) WITH (..)");
    if (!is_named) {
        wr_bound bound;
        WR_TRY(
            wr_bind_statement(&s->query->planner, wr_node_copy(&s->query->arena, query), &bound));
        WR_TRY(wr_check_reads_only(&bound, "a sink"));
        take_columns(s, &bound.schema);
    }
    WR_TRY(collect_columns(s));
    for (int i = 0; i < s->parts.columns.count; i++)
        if (s->parts.columns.items[i].generated_sql.length)
            return wr_fail_at(WR_E_UNSUPPORTED, span, "sinks have no generated columns");
    settle_parts(s);
    if (query) s->object->sql = wr_ddl_format(&s->object->arena, query);
    s->object->emit_on_close = s->create->emit_on_close;
    return wr_with_span(wr_connect_target(&s->query->planner, s->object, &s->object->target), span);
}

static weir_status drop_batch(void *target, const wr_batch *batch)
{
    weir_query *query = target;
    if (batch->column_count == 1 && wr_batch_count(batch) == 1)
        query->affected = wr_column_int(&batch->columns[0], wr_batch_row(batch, 0));
    return WR_OK;
}

/* The rows of the sink's own query. */
static weir_status fill_sink(stream_parts *s)
{
    wr_node *insert;
    wr_bound bound;
    WR_TRY(wr_sink_filler(&s->query->arena, s->create, &insert));
    if (!insert || s->query->only_defines) return WR_OK;
    WR_TRY(wr_bind_statement(&s->query->planner, insert, &bound));
    bound.emit_on_close |= s->create->emit_on_close;
    if (wr_runs_as_stream(s->query, &bound))
        return wr_run_continuous(s->query, &bound, s->create->node.span);
    return wr_query_drain(s->query, &bound, drop_batch, s->query);
}

/* ---- the statement ---- */

static weir_status check_clauses(const wr_sql_create_table *create)
{
    const char *what =
        create->query && create->role != WR_ROLE_SINK
            ? "a source has no query: CREATE VIEW or CREATE MATERIALIZED VIEW has one"
        : create->no_data   ? "WITH NO DATA is for tables"
        : create->unlogged  ? "UNLOGGED is for tables in memory"
        : create->on_commit ? "ON COMMIT is only for temporary tables"
        : create->emit_on_close && create->role != WR_ROLE_SINK
            ? "EMIT ON WINDOW CLOSE belongs to the query that reads a source"
        : create->emit_on_close && !create->query && !create->from.count
            ? "EMIT ON WINDOW CLOSE belongs to the query that fills the sink"
            : NULL;
    return what ? wr_fail_at(WR_E_UNSUPPORTED, create->node.span, "%s", what) : WR_OK;
}

/* PARTITIONED BY (a, b) is the option partition_by = 'a,b'. */
static weir_status add_partitions(stream_parts *s)
{
    WR_BUF(names);
    const wr_nodes *columns = &s->create->partition_by;
    for (int i = 0; i < columns->count; i++) {
        if (columns->items[i]->kind != WR_SQL_COLUMN)
            return wr_fail_at(WR_E_UNSUPPORTED, columns->items[i]->span,
                              "PARTITIONED BY takes columns");
        wr_name name = wr_names_last(wr_sql_as_column(columns->items[i])->parts);
        wr_buf_printf(&names, "%s%.*s", i ? "," : "", WR_STR_ARGS(name.text));
    }
    if (columns->count)
        add_option(s, "partition_by", wr_arena_str(&s->query->arena, wr_buf_str(&names)),
                   columns->items[0]->span);
    return WR_OK;
}

bool wr_is_stream_table(const wr_sql_create_table *create)
{
    if (create->role != WR_ROLE_TABLE) return true;
    for (int i = 0; i < create->with.count; i++)
        if (wr_str_is(wr_sql_as_option(create->with.items[i])->name.text, "connector")) return true;
    return false;
}

static weir_status build(stream_parts *s)
{
    wr_node *query;
    WR_TRY(collect_options(s));
    WR_TRY(add_partitions(s));
    WR_TRY(find_connector(s));
    if (s->object->kind == WR_ENTRY_SINK) {
        WR_TRY(query_of_sink(&s->query->arena, s->create, &query));
        return bind_sink(s, query);
    }
    WR_TRY(collect_columns(s));
    return bind_source(s);
}

weir_status wr_run_create_stream(weir_query *query, const wr_sql_create_table *create)
{
    static const char *const tags[] = {"CREATE TABLE", "CREATE SOURCE", "CREATE SINK"};
    query->tag = tags[create->role];
    if (create->mode.if_not_exists && wr_ddl_exists(query, WR_RELATION_KINDS, &create->name))
        return WR_OK;
    WR_TRY(check_clauses(create));
    wr_entry_kind kind = create->role == WR_ROLE_SINK ? WR_ENTRY_SINK : WR_ENTRY_SOURCE;
    WR_AUTO(wr_object) *object =
        wr_ddl_object_new(query, kind, &create->name, create->mode.temporary);
    stream_parts s = {.query = query,
                      .create = create,
                      .object = object,
                      .parts = {.arena = &object->arena},
                      .directions = create->role == WR_ROLE_SOURCE ? WR_CONNECT_READS
                                    : create->role == WR_ROLE_SINK
                                        ? WR_CONNECT_WRITES
                                        : WR_CONNECT_READS | WR_CONNECT_WRITES};
    object->can_write = create->role == WR_ROLE_TABLE;
    WR_TRY(build(&s));
    object->references++; /* the catalog's */
    WR_TRY(wr_ddl_add(query, object, create->mode, wr_names_last(create->name).span));
    return fill_sink(&s);
}
