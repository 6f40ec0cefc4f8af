/* bind_copy_from.c - COPY table FROM files: an INSERT of their rows.
 *
 * Nothing is guessed that the table knows: the first line of a delimited file is the header when
 * its fields are names of the table's columns, and fields are read as the types of the columns they
 * go to, by the reader itself, so that an error names file, line and column. Only what a reader
 * cannot read at once (nested types in text, other types in binary files) is converted behind it.
 *
 * Trap: with columns by position the types are given by the names the reader made up. */
#include "fmt/cell.h"
#include "plan/bind_copy.h"

typedef struct copy_source {
    wr_scope *scope;
    const wr_sql_copy *copy;
    const wr_object *object;
    wr_copy_options options;
    wr_str path;
    wr_span span;
} copy_source;

static void add_option(wr_copy_options *options, const char *name, wr_value value)
{
    options->rest.items[options->rest.count++] =
        (wr_given){.name = wr_str_of(name), .value = value};
}

static bool is_given(const copy_source *source, const char *name)
{
    return wr_option_find(&source->options.rest, source->options.format->read_options, name);
}

/* The table's column of that name among those COPY fills; NULL if there is none. */
static const wr_column_def *column_named(const copy_source *source, wr_str name)
{
    const wr_names *list = &source->copy->columns;
    for (int c = 0; c < source->object->column_count; c++) {
        const wr_column_def *def = &source->object->columns[c];
        bool is_chosen = list->count == 0 && !def->generated_sql.length;
        for (int i = 0; i < list->count; i++)
            is_chosen |= wr_str_ieq(list->items[i].text, def->name);
        if (is_chosen && wr_str_ieq(def->name, name)) return def;
    }
    return NULL;
}

/* The column that position index of COPY fills. */
static const wr_column_def *column_at(const copy_source *source, int index)
{
    const wr_names *list = &source->copy->columns;
    if (list->count)
        return index < list->count ? column_named(source, list->items[index].text) : NULL;
    for (int c = 0; c < source->object->column_count; c++)
        if (!source->object->columns[c].generated_sql.length && index-- == 0)
            return &source->object->columns[c];
    return NULL;
}

static weir_status bind_files(copy_source *source, const wr_options *options, wr_relation **out)
{
    return wr_files_bind(source->scope->planner->files, &source->path, 1, source->options.format,
                         options, out);
}

/* Options to look at the file with: rows that cannot be read are of no interest yet. */
static wr_options without_rejects(copy_source *source)
{
    wr_options look = {.items = wr_new_array(source->scope->planner->arena, wr_given,
                                             source->options.rest.count + 2)};
    for (int i = 0; i < source->options.rest.count; i++)
        if (!wr_str_is(source->options.rest.items[i].name, "rejects"))
            look.items[look.count++] = source->options.rest.items[i];
    return look;
}

/* True if every field of the first line is the name of a column. An error is for the reading that
 * follows. */
static bool first_line_is_names(copy_source *source)
{
    wr_options look = without_rejects(source);
    WR_AUTO(wr_relation) *relation = NULL;
    look.items[look.count++] = (wr_given){.name = WR_STR("header"), .value = wr_value_bool(true)};
    weir_status bad = bind_files(source, &look, &relation);
    bool all = !bad && relation->visible_count > 0;
    wr_status_drop(bad);
    for (int i = 0; all && i < relation->visible_count; i++)
        all = column_named(source, relation->schema.fields[i].name) != NULL;
    return all;
}

/* types => {column of the file: type of the table's column}. */
static weir_status give_types(copy_source *source)
{
    wr_arena *arena = source->scope->planner->arena;
    WR_AUTO(wr_relation) *relation = NULL;
    wr_options look = without_rejects(source);
    WR_TRY(bind_files(source, &look, &relation));
    int count = 0;
    wr_field *fields = wr_new_array(arena, wr_field, relation->visible_count + 1);
    wr_column *texts = wr_new_array(arena, wr_column, relation->visible_count + 1);
    for (int i = 0; i < relation->visible_count; i++) {
        wr_str name = relation->schema.fields[i].name;
        const wr_column_def *def =
            relation->names_are_made_up ? column_at(source, i) : column_named(source, name);
        if (!def || def->type->id == WR_T_ENUM) continue;
        wr_value type =
            wr_value_text(wr_cell_supports(def->type) ? def->type->sql : WR_STR("VARCHAR"));
        if (!wr_cell_supports(def->type) && strcmp(source->options.format->name, "csv") != 0)
            continue;
        wr_value_column(&type, 1, arena, &texts[count]);
        fields[count++] = (wr_field){wr_arena_str(arena, name), WR_VARCHAR};
    }
    if (count == 0) return WR_OK;
    wr_column *row = wr_new(arena, wr_column);
    *row = (wr_column){
        .type = wr_type_struct(fields, count), .phys = WR_P_STRUCT, .rows = 1, .children = texts};
    add_option(&source->options, "types", (wr_value){.type = row->type, .nested = row});
    return WR_OK;
}

static weir_status read_as_the_table(copy_source *source)
{
    bool is_csv = strcmp(source->options.format->name, "csv") == 0,
         is_json = strcmp(source->options.format->name, "json") == 0,
         is_pipe = wr_str_is(source->path, "/dev/stdin");
    if (!is_csv && !is_json) return WR_OK;
    if (is_pipe) { /* what is looked at is gone: text is converted behind the reader */
        if (is_csv && !is_given(source, "all_varchar"))
            add_option(&source->options, "all_varchar", wr_value_bool(true));
        return WR_OK;
    }
    if (is_csv && !is_given(source, "header") && !is_given(source, "names") &&
        !is_given(source, "columns") && first_line_is_names(source))
        add_option(&source->options, "header", wr_value_bool(true));
    if (is_given(source, "types") || is_given(source, "columns") ||
        (is_csv && is_given(source, "all_varchar")))
        return WR_OK;
    return give_types(source);
}

/* The pseudo-columns that say where a row comes from. */
static void add_places(const wr_logical *scan, const wr_relation *relation, wr_planner *planner,
                       wr_copy_rows *rows)
{
    for (int i = 0; i < scan->output_count && i < relation->schema.count; i++) {
        if (wr_str_is(relation->schema.fields[i].name, "filename"))
            rows->file = wr_column_ref(planner, scan->outputs[i].id);
        if (wr_str_is(relation->schema.fields[i].name, "file_row_number"))
            rows->row = wr_column_ref(planner, scan->outputs[i].id);
    }
}

static weir_status scan_files(copy_source *source, wr_relation *relation, wr_copy_rows *rows)
{
    wr_planner *planner = source->scope->planner;
    wr_logical *scan = wr_logical_scan(planner, relation, source->path, NULL);
    rows->by_name = !relation->names_are_made_up;
    rows->path = source->path;
    rows->span = source->span;
    rows->result = (wr_result){.plan = scan, .count = relation->visible_count};
    rows->result.columns = wr_new_array(planner->arena, wr_result_column, rows->result.count + 1);
    for (int i = 0; i < rows->result.count; i++)
        rows->result.columns[i] = (wr_result_column){.id = scan->outputs[i].id,
                                                     .name = scan->outputs[i].name,
                                                     .type = scan->outputs[i].type};
    add_places(scan, relation, planner, rows);
    if (!source->copy->where) return WR_OK;
    wr_from from = {.plan = scan};
    wr_str table = wr_names_last(source->copy->table).text;
    wr_from_add_table(planner, &from, wr_scope_table_new(planner, table, scan));
    wr_scope *names = wr_scope_over(source->scope, &from);
    wr_expr **conjuncts;
    int count;
    names->clause = WR_IN_WHERE;
    WR_TRY(wr_bind_conjuncts(names, source->copy->where, "WHERE", &conjuncts, &count));
    rows->result.plan = wr_filter(planner, scan, conjuncts, count);
    return WR_OK;
}

weir_status wr_bind_copy_files(wr_scope *scope, const wr_sql_copy *copy, wr_bound *out)
{
    copy_source source = {.scope = scope, .copy = copy};
    wr_object *object;
    wr_relation *relation;
    wr_copy_rows rows = {0};
    /* an unknown table before an unknown file */
    WR_TRY(wr_find_table(scope, &copy->table, &object));
    source.object = object;
    source.span = copy->target ? copy->target->span : copy->node.span;
    WR_TRY(wr_copy_options_of(scope, copy, &source.options));
    WR_TRY(wr_copy_path(scope, copy, &source.path));
    if (!source.options.format) source.options.format = wr_format_of_path(source.path);
    if (!source.options.format) source.options.format = wr_format_find(WR_STR("csv"));
    weir_status s = read_as_the_table(&source);
    if (!s) s = bind_files(&source, &source.options.rest, &relation);
    if (s) return wr_with_span(s, source.span);
    WR_TRY(scan_files(&source, relation, &rows));
    return wr_bind_copy_from(scope, copy, &rows, out);
}
