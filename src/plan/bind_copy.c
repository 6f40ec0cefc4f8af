/* bind_copy.c - COPY: out of a table or query into files; the way back is bind_copy_from.c.
 *
 * COPY TO is a plan that ends in a sink over the writer of fmt/files.h. With RETURN_FILES the sink
 * leaves the list of files in a relation that is scanned when it has finished, as RETURNING does.
 */
#include "plan/bind_copy.h"
#include "plan/copied_files.h"

typedef struct copy_sink {
    wr_batch_sink base;
    wr_planner *planner;
    wr_str path;
    const wr_format *format;
    wr_schema schema;
    wr_options options;
    wr_files_writer
        *writer;        /* opened by the first row or by finish: an empty result makes a file too */
    wr_relation *files; /* NULL, or what RETURN_FILES answers with */
    uint64_t rows;
} copy_sink;

static weir_status copy_open(copy_sink *sink)
{
    if (sink->writer) return WR_OK;
    return wr_files_writer_new(sink->planner->files, sink->path, sink->format, &sink->schema,
                               &sink->options, &sink->writer);
}

static weir_status copy_write(wr_batch_sink *self, int worker, const wr_batch *batch)
{
    copy_sink *sink = (copy_sink *)self;
    (void)worker;
    WR_TRY(copy_open(sink));
    sink->rows += wr_batch_count(batch);
    return wr_files_writer_write(sink->writer, batch);
}

static weir_status copy_finish(wr_batch_sink *self)
{
    copy_sink *sink = (copy_sink *)self;
    wr_written written;
    WR_TRY(copy_open(sink));
    WR_TRY(wr_files_writer_finish(sink->writer, &written));
    if (sink->files) WR_TRY(wr_copied_files_add(sink->files, &written));
    wr_files_writer_drop(sink->writer);
    sink->writer = NULL;
    return WR_OK;
}

static void copy_abort(wr_batch_sink *self)
{
    copy_sink *sink = (copy_sink *)self;
    if (sink->writer) wr_files_writer_drop(sink->writer);
    sink->writer = NULL;
}

static uint64_t copy_affected(const wr_batch_sink *self) { return ((const copy_sink *)self)->rows; }

/* ---- options ---- */
weir_status wr_copy_options_of(wr_scope *scope, const wr_sql_copy *copy, wr_copy_options *out)
{
    wr_options all;
    WR_TRY(wr_bind_options(scope->planner, &copy->options, &all));
    out->rest.items = wr_new_array(scope->planner->arena, wr_given, all.count + 4);
    for (int i = 0; i < all.count; i++) {
        const wr_given *given = &all.items[i];
        bool is_format = wr_str_is(given->name, "format") && !given->value.is_null &&
                         given->value.type->id == WR_T_VARCHAR;
        if (!is_format) {
            out->rest.items[out->rest.count++] = *given;
            continue;
        }
        out->format = wr_format_find(given->value.text);
        if (!out->format) {
            wr_nearest nearest = {.wanted = given->value.text};
            for (int f = 0; wr_formats[f]; f++)
                wr_nearest_offer(&nearest, wr_str_of(wr_formats[f]->name));
            weir_status bad = wr_fail_at(WR_E_UNKNOWN_OPTION, given->value_span,
                                         "no file format \"%.*s\"", WR_STR_ARGS(given->value.text));
            WR_BUF(names);
            for (int f = 0; wr_formats[f]; f++)
                wr_buf_printf(&names, "%s%s", f ? ", " : "formats: ", wr_formats[f]->name);
            return wr_with_nearest(wr_with_detail(bad, "%s", names.data), &nearest);
        }
    }
    return WR_OK;
}

weir_status wr_copy_path(wr_scope *scope, const wr_sql_copy *copy, wr_str *out)
{
    wr_value value;
    *out = copy->from ? WR_STR("/dev/stdin") : WR_STR("/dev/stdout");
    if (!copy->target) return WR_OK;
    WR_TRY(wr_bind_constant(scope->planner, copy->target, WR_VARCHAR, &value));
    if (value.is_null)
        return wr_fail_at(WR_E_BAD_ARGUMENT, copy->target->span, "the path of COPY is NULL");
    *out = wr_arena_str(scope->planner->arena, value.text);
    return WR_OK;
}

static wr_node *node_of(wr_arena *arena, wr_node_kind kind, wr_span span)
{
    return wr_node_new(arena, kind, span);
}

/* SELECT columns FROM table. */
static wr_node *table_query(wr_arena *arena, const wr_sql_copy *copy)
{
    wr_span span = copy->node.span;
    wr_sql_select *select = (wr_sql_select *)node_of(arena, WR_SQL_SELECT, span);
    wr_sql_table_ref *ref = (wr_sql_table_ref *)node_of(arena, WR_SQL_TABLE_REF, span);
    int count = copy->columns.count ? copy->columns.count : 1;
    ref->name = copy->table;
    select->from = (wr_nodes){wr_new_array(arena, wr_node *, 1), 1};
    select->from.items[0] = &ref->node;
    select->items = (wr_nodes){wr_new_array(arena, wr_node *, count), count};
    for (int i = 0; i < count; i++) {
        wr_sql_item *item = (wr_sql_item *)node_of(arena, WR_SQL_ITEM, span);
        item->value = node_of(arena, copy->columns.count ? WR_SQL_COLUMN : WR_SQL_STAR, span);
        if (copy->columns.count)
            wr_sql_as_column(item->value)->parts = (wr_names){&copy->columns.items[i], 1};
        select->items.items[i] = &item->node;
    }
    return &select->node;
}

/* The rows of the answer: how many rows were written, or with RETURN_FILES which files. */
static void copy_answer(wr_planner *planner, copy_sink *sink, bool with_files, wr_logical *node,
                        wr_bound *out)
{
    wr_arena *arena = planner->arena;
    if (!with_files) {
        wr_logical_set_outputs(planner, node);
        out->schema.count = 1;
        out->schema.fields = wr_new_array(arena, wr_field, 1);
        out->schema.fields[0] = (wr_field){WR_STR("Count"), WR_BIGINT};
        return;
    }
    sink->files = wr_copied_files_new(planner->env->mem);
    wr_push(arena, &planner->relations, sink->files);
    out->schema = *wr_schema_copy(arena, &sink->files->schema);
    out->has_rows = true;
    node->sink.returned = sink->files;
    node->output_count = out->schema.count;
    node->outputs = wr_new_array(arena, wr_output, out->schema.count + 1);
    for (int i = 0; i < out->schema.count; i++) {
        wr_field field = out->schema.fields[i];
        node->outputs[i] = (wr_output){.id = wr_planner_column(planner, field.name, field.type),
                                       .type = field.type,
                                       .name = field.name};
    }
}

static weir_status copy_to(wr_scope *scope, const wr_sql_copy *copy, wr_bound *out)
{
    wr_planner *planner = scope->planner;
    wr_arena *arena = planner->arena;
    wr_copy_options options = {0};
    wr_result result;
    copy_sink *sink = wr_new(arena, copy_sink);
    WR_TRY(wr_copy_options_of(scope, copy, &options));
    WR_TRY(wr_copy_path(scope, copy, &sink->path));
    WR_TRY(
        wr_bind_query(scope, copy->query ? copy->query : table_query(arena, copy), false, &result));
    WR_TRY(wr_result_settle(planner, &result));
    bool is_set = false, wanted = false;
    WR_TRY(wr_option_bool(&options.rest, wr_files_write_options, "return_files", &wanted, &is_set));
    sink->base = (wr_batch_sink){.write = copy_write,
                                 .finish = copy_finish,
                                 .abort = copy_abort,
                                 .affected = copy_affected,
                                 .name = "copy to"};
    sink->planner = planner;
    sink->format = options.format;
    sink->options = options.rest;
    sink->schema.count = result.count;
    sink->schema.fields = wr_new_array(arena, wr_field, result.count + 1);
    wr_logical *node = wr_logical_new(planner, WR_L_SINK, result.plan, NULL);
    node->sink.sink = &sink->base;
    node->sink.columns = wr_new_array(arena, wr_column_id, result.count + 1);
    node->sink.column_count = result.count;
    for (int i = 0; i < result.count; i++) {
        sink->schema.fields[i] = (wr_field){result.columns[i].name, result.columns[i].type};
        node->sink.columns[i] = result.columns[i].id;
    }
    copy_answer(planner, sink, wanted, node, out);
    out->kind = WR_CLASS_CHANGE;
    out->tag = "COPY";
    out->root = node;
    return WR_OK;
}

weir_status wr_bind_copy(wr_scope *scope, const wr_sql_copy *copy, wr_bound *out)
{
    if (!scope->planner->files)
        return wr_fail_at(WR_E_UNSUPPORTED, copy->node.span, "files cannot be used here");
    return copy->from ? wr_bind_copy_files(scope, copy, out) : copy_to(scope, copy, out);
}
