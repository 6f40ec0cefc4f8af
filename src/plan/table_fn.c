/* table_fn.c - table functions, one row each: reading files, probing them, listing them, and the
 * engine's registries.
 *
 * Reading functions bind a relation (fmt/files.h) with their named options; the others collect
 * their few rows at once and become VALUES. Adding one is adding a row to wr_table_fns. */
#include "expr/host_fn.h"
#include "plan/table_fn.h"
#include "fmt/file_cache.h"
#include "expr/fn.h"
#include "fmt/files.h"
#include "plan/bind.h"

/* ---- collected rows ---- */
static void add_cell(wr_row_list *list, wr_value value)
{
    wr_arena *arena = list->planner->arena;
    if (list->at == 0) list->row = wr_new_array(arena, wr_expr *, list->width);
    value.type = list->types[list->at];
    list->row[list->at++] = wr_expr_const(arena, value);
    if (list->at < list->width) return;
    wr_push(arena, &list->rows, list->row);
    list->at = 0;
}

void wr_row_text(wr_row_list *list, wr_str text)
{
    add_cell(list, wr_value_text(wr_arena_str(list->planner->arena, text)));
}

void wr_row_int(wr_row_list *list, int64_t value)
{
    add_cell(list, wr_value_int(list->types[list->at], value));
}

void wr_row_bool(wr_row_list *list, bool value) { add_cell(list, wr_value_bool(value)); }

void wr_row_null(wr_row_list *list) { add_cell(list, wr_value_null(list->types[list->at])); }

void wr_row_value(wr_row_list *list, wr_value value) { add_cell(list, value); }

void wr_row_list_result(wr_row_list *list, wr_result *out)
{
    wr_planner *planner = list->planner;
    wr_logical *node = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    wr_assert(list->at == 0);
    node->values.rows = list->rows.items;
    node->values.row_count = list->rows.count;
    node->output_count = out->count = list->width;
    node->outputs = wr_new_array(planner->arena, wr_output, list->width + 1);
    out->columns = wr_new_array(planner->arena, wr_result_column, list->width + 1);
    for (int i = 0; i < list->width; i++) {
        wr_str name = wr_str_of(list->names[i]);
        wr_column_id id = wr_planner_column(planner, name, list->types[i]);
        node->outputs[i] = (wr_output){.id = id, .type = list->types[i], .name = name};
        out->columns[i] = (wr_result_column){.id = id, .type = list->types[i], .name = name};
    }
    out->plan = node;
}

/* ---- arguments ---- */
static weir_status wrong_arguments(const wr_table_fn_args *args, const char *signature)
{
    return wr_fail_at(WR_E_UNKNOWN_FUNCTION, args->span, "wrong arguments: the function is %s",
                      signature);
}

/* A text or a list of texts. */
static weir_status texts_of(wr_scope *scope, const wr_value *value, wr_span span, wr_str **out,
                            int *count)
{
    wr_arena *arena = scope->planner->arena;
    *count = 1;
    *out = wr_new_array(arena, wr_str, 1);
    if (!value->is_null && value->type->id == WR_T_VARCHAR) {
        (*out)[0] = value->text;
        return WR_OK;
    }
    if (value->is_null || value->type->id != WR_T_LIST || value->type->child->id != WR_T_VARCHAR)
        return wr_fail_at(WR_E_BAD_ARGUMENT, span, "a path or a list of paths is needed, not %s",
                          wr_type_name(value->type));
    uint32_t row;
    const wr_column *list = wr_column_at(value->nested, 0, &row);
    wr_list_slot slot = ((const wr_list_slot *)list->data)[row];
    *out = wr_new_array(arena, wr_str, slot.length + 1);
    *count = 0;
    for (uint32_t i = 0; i < slot.length; i++) {
        if (wr_column_is_null(&list->children[0], slot.offset + i)) continue;
        wr_view view = wr_column_view(&list->children[0], slot.offset + i);
        (*out)[(*count)++] = wr_arena_str(arena, wr_view_str(&view));
    }
    if (!*count) return wr_fail_at(WR_E_BAD_ARGUMENT, span, "the list of paths is empty");
    return WR_OK;
}

wr_str wr_file_stem(wr_str path)
{
    wr_str base = wr_path_base(path);
    const char *dot = memchr(base.data, '.', base.length);
    if (dot && dot > base.data) base.length = (size_t)(dot - base.data);
    return base;
}

/* ---- reading files ---- */
static void relation_result(wr_planner *planner, wr_relation *relation, wr_str name, wr_result *out)
{
    wr_logical *scan = wr_logical_scan(planner, relation, name, NULL);
    out->plan = scan;
    out->count = scan->output_count;
    out->columns = wr_new_array(planner->arena, wr_result_column, scan->output_count + 1);
    for (int i = 0; i < scan->output_count; i++)
        out->columns[i] = (wr_result_column){.id = scan->outputs[i].id,
                                             .name = scan->outputs[i].name,
                                             .type = scan->outputs[i].type};
}

static weir_status read_files(wr_scope *scope, const wr_table_fn_args *args,
                              const char *format_name, wr_result *out)
{
    wr_planner *planner = scope->planner;
    const wr_format *format = format_name ? wr_format_find(wr_str_of(format_name)) : NULL;
    if (format_name && !format)
        return wr_fail_at(WR_E_UNSUPPORTED, args->span, "the format %s is not built in",
                          format_name);
    if (!planner->files)
        return wr_fail_at(WR_E_UNSUPPORTED, args->span, "files cannot be read here");
    if (args->count != 1) return wrong_arguments(args, "read(path [, option => value ...])");
    wr_str *paths;
    int count;
    WR_TRY(texts_of(scope, &args->values[0], args->span, &paths, &count));
    if (!format && count && !wr_path_has_glob(paths[0])) format = wr_format_of_path(paths[0]);
    wr_relation *relation;
    if (count == 1 && args->named.count == 0)
        WR_TRY(wr_bind_file(planner, paths[0], format, &relation));
    else
        WR_TRY(wr_files_bind(planner->files, paths, count, format, &args->named, &relation));
    relation_result(planner, relation, paths[0], out);
    return WR_OK;
}

static weir_status read_any(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, NULL, out);
}

static weir_status read_csv(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "csv", out);
}

static weir_status read_json(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "json", out);
}

static weir_status read_lines(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "lines", out);
}

static weir_status read_parquet(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "parquet", out);
}

static weir_status read_arrow(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "arrow", out);
}

static weir_status read_orc(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "orc", out);
}

static weir_status read_avro(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "avro", out);
}

static weir_status read_xlsx(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    return read_files(scope, args, "xlsx", out);
}

static weir_status list_files(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char *const names[] = {"file"};
    const wr_type *types[] = {WR_VARCHAR};
    wr_planner *planner = scope->planner;
    wr_str *patterns;
    int count;
    if (args->count != 1 || args->named.count) return wrong_arguments(args, "glob(pattern)");
    if (!planner->files)
        return wr_fail_at(WR_E_UNSUPPORTED, args->span, "files cannot be listed here");
    WR_TRY(texts_of(scope, &args->values[0], args->span, &patterns, &count));
    wr_row_list rows = {.planner = planner, .names = names, .types = types, .width = 1};
    for (int p = 0; p < count; p++) {
        wr_path_list found;
        WR_TRY(wr_fs_glob(planner->files->fs, patterns[p], planner->arena, &found));
        for (int i = 0; i < found.count; i++)
            wr_row_text(&rows, found.paths[i]);
    }
    wr_row_list_result(&rows, out);
    return WR_OK;
}

static wr_str options_text(wr_planner *planner, const wr_options *options)
{
    WR_BUF(text);
    for (int i = 0; i < options->count; i++) {
        wr_buf_printf(&text, "%s%.*s => ", i ? ", " : "", WR_STR_ARGS(options->items[i].name));
        wr_value_print_sql(&options->items[i].value, &text);
    }
    return wr_arena_str(planner->arena, wr_buf_str(&text));
}

static wr_str schema_text(wr_planner *planner, const wr_schema *schema)
{
    WR_BUF(text);
    for (int i = 0; i < schema->count; i++)
        wr_buf_printf(&text, "%s%.*s %s", i ? ", " : "", WR_STR_ARGS(schema->fields[i].name),
                      wr_type_name(schema->fields[i].type));
    return wr_arena_str(planner->arena, wr_buf_str(&text));
}

/* [{"format", "score", "reason"}], best first. */
static void candidates_json(const wr_files_probe_result *found, wr_buf *out)
{
    wr_buf_add_char(out, '[');
    for (int i = 0; i < found->candidate_count; i++) {
        const wr_probe_candidate *one = &found->candidates[i];
        wr_buf_printf(out, "%s{\"format\":\"%s\",\"score\":%.2f,\"reason\":", i ? "," : "",
                      one->format->name, one->score);
        wr_buf_add_json(out, one->reason);
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

static const wr_value *option_value(const wr_options *options, const char *name)
{
    for (int i = 0; i < options->count; i++)
        if (wr_str_is(options->items[i].name, name)) return &options->items[i].value;
    return NULL;
}

static weir_status probe(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char *const names[] = {
        "path",    "format", "kind",       "compression", "score", "confidence", "reason",
        "options", "schema", "candidates", "warnings",    "files", "table_name", "delimiter"};
    const wr_type *types[] = {WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_DOUBLE,
                              WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, wr_type_of(WR_T_JSON),
                              WR_VARCHAR, WR_BIGINT,  WR_VARCHAR, WR_VARCHAR};
    wr_planner *planner = scope->planner;
    wr_files_probe_result found;
    if (args->count != 1 || args->values[0].is_null || args->values[0].type->id != WR_T_VARCHAR)
        return wrong_arguments(args, "probe(path)");
    if (!planner->files)
        return wr_fail_at(WR_E_UNSUPPORTED, args->span, "files cannot be read here");
    WR_TRY(wr_files_probe(planner->files, args->values[0].text, NULL, &args->named, planner->arena,
                          &found));
    wr_row_list rows = {
        .planner = planner, .names = names, .types = types, .width = WR_COUNT(names)};
    WR_BUF(candidates);
    candidates_json(&found, &candidates);
    wr_row_text(&rows, found.path);
    wr_row_text(&rows, wr_str_of(found.format->name));
    wr_row_text(&rows, found.kind);
    wr_row_text(&rows, found.compression);
    wr_row_value(&rows, wr_value_f64(found.score));
    wr_row_text(&rows, wr_str_of(found.confidence));
    wr_row_text(&rows, found.probe.reason);
    wr_row_text(&rows, options_text(planner, &found.probe.options));
    wr_row_text(&rows, schema_text(planner, &found.probe.schema));
    wr_row_text(&rows, wr_buf_str(&candidates));
    wr_row_text(&rows, found.probe.warnings);
    wr_row_int(&rows, found.file_count);
    wr_row_text(&rows, found.table_name);
    const wr_value *delimiter = option_value(&found.probe.options, "delimiter");
    if (delimiter && delimiter->type->id == WR_T_VARCHAR && !delimiter->is_null)
        wr_row_text(&rows, delimiter->text);
    else
        wr_row_null(&rows);
    wr_row_list_result(&rows, out);
    return WR_OK;
}

/* ---- registries ---- */
static weir_status list_functions(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char *const names[] = {"name", "kind",    "family", "signature",
                                        "help", "example", "result"};
    const wr_type *types[] = {WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR,
                              WR_VARCHAR, WR_VARCHAR, WR_VARCHAR};
    if (args->count || args->named.count) return wrong_arguments(args, "weir_functions()");
    wr_row_list rows = {.planner = scope->planner, .names = names, .types = types, .width = 7};
    for (int i = 0; i < wr_fn_count(); i++) {
        wr_fn_entry entry = wr_fn_at(i);
        if (entry.fn && (entry.fn->flags & WR_FN_HIDDEN)) continue;
        const char *cells[7] = {0};
        if (entry.fn) {
            cells[0] = entry.fn->name, cells[1] = "scalar", cells[3] = entry.fn->signature;
            cells[4] = entry.fn->help, cells[5] = entry.fn->example, cells[6] = entry.fn->result;
        } else if (entry.aggregate) {
            cells[0] = entry.aggregate->name, cells[1] = "aggregate",
            cells[3] = entry.aggregate->signature;
            cells[4] = entry.aggregate->help, cells[5] = entry.aggregate->example,
            cells[6] = entry.aggregate->result;
        } else {
            cells[0] = entry.window->name, cells[1] = "window", cells[3] = entry.window->signature;
            cells[4] = entry.window->help, cells[5] = entry.window->example,
            cells[6] = entry.window->result;
        }
        cells[2] = entry.family;
        for (int c = 0; c < 7; c++) {
            if (cells[c])
                wr_row_text(&rows, wr_str_of(cells[c]));
            else
                wr_row_null(&rows);
        }
    }
    int own_count = 0;
    wr_planner *planner = scope->planner;
    wr_object **own = planner->catalog ? wr_catalog_list(planner->catalog, 1u << WR_ENTRY_FUNCTION,
                                                         planner->arena, &own_count)
                                       : NULL;
    for (int i = 0; i < own_count; i++) {
        for (int k = 0; k < own[i]->forms.count; k++) {
            const wr_host_fn *fn = own[i]->forms.items[k];
            wr_row_text(&rows, own[i]->name);
            wr_row_text(&rows, wr_str_of(wr_host_fn_is_aggregate(fn) ? "aggregate" : "scalar"));
            wr_row_text(&rows, WR_STR("host"));
            wr_row_text(&rows, wr_str_of(wr_host_fn_signature(fn)));
            wr_row_text(&rows, wr_str_of(wr_host_fn_help(fn)));
            wr_row_null(&rows);
            wr_row_null(&rows);
        }
        wr_object_release(own[i]);
    }
    const char *cells[7];
    for (int i = 0; wr_pg_function_at(i, cells); i++)
        for (int c = 0; c < 7; c++)
            wr_row_text(&rows, wr_str_of(cells[c]));
    for (const wr_table_fn *fn = wr_table_fns; fn->name; fn++) {
        wr_row_text(&rows, wr_str_of(fn->name));
        wr_row_text(&rows, WR_STR("table"));
        wr_row_text(&rows, WR_STR("table"));
        wr_row_text(&rows, wr_str_of(fn->signature));
        wr_row_text(&rows, wr_str_of(fn->help));
        wr_row_null(&rows);
        wr_row_null(&rows);
    }
    wr_row_list_result(&rows, out);
    return WR_OK;
}

static void options_of(wr_row_list *rows, const char *owner, const char *use, const wr_opt *options)
{
    for (const wr_opt *option = options; option && option->name; option++) {
        wr_row_text(rows, wr_str_of(owner));
        wr_row_text(rows, wr_str_of(use));
        wr_row_text(rows, wr_str_of(option->name));
        if (option->fallback)
            wr_row_text(rows, wr_str_of(option->fallback));
        else
            wr_row_null(rows);
        wr_row_text(rows, wr_str_of(option->help ? option->help : ""));
    }
}

static weir_status list_formats(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char *const names[] = {"format", "use", "option", "default_value", "help"};
    const wr_type *types[] = {WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR};
    if (args->count || args->named.count) return wrong_arguments(args, "weir_formats()");
    wr_row_list rows = {.planner = scope->planner, .names = names, .types = types, .width = 5};
    for (int i = 0; wr_formats[i]; i++) {
        options_of(&rows, wr_formats[i]->name, "read", wr_formats[i]->read_options);
        options_of(&rows, wr_formats[i]->name, "write", wr_formats[i]->write_options);
    }
    options_of(&rows, "*", "read", wr_files_read_options);
    options_of(&rows, "*", "write", wr_files_write_options);
    wr_row_list_result(&rows, out);
    return WR_OK;
}

static weir_status list_settings(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char *const names[] = {"name", "value", "default_value", "description", "scope"};
    const wr_type *types[] = {WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR, WR_VARCHAR};
    if (args->count || args->named.count) return wrong_arguments(args, "weir_settings()");
    const wr_env *env = scope->planner->env;
    wr_row_list rows = {.planner = scope->planner, .names = names, .types = types, .width = 5};
    wr_setting_text *list = NULL;
    int count = env->settings ? env->settings(env->owner, scope->planner->arena, &list) : 0;
    for (int i = 0; i < count; i++) {
        wr_row_text(&rows, list[i].name);
        wr_row_text(&rows, list[i].value);
        wr_row_text(&rows, list[i].fallback);
        wr_row_text(&rows, list[i].help);
        wr_row_text(&rows, list[i].scope);
    }
    wr_row_list_result(&rows, out);
    return WR_OK;
}

static weir_status list_cached_files(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char *const names[] = {"path", "file_size", "chunks", "blocks", "bytes"};
    const wr_type *types[] = {WR_VARCHAR, WR_BIGINT, WR_BIGINT, WR_BIGINT, WR_BIGINT};
    if (args->count || args->named.count) return wrong_arguments(args, "weir_file_cache()");
    wr_row_list rows = {.planner = scope->planner, .names = names, .types = types, .width = 5};
    wr_file_cache *cache = scope->planner->files ? scope->planner->files->cache : NULL;
    wr_cached_file_row *list = NULL;
    int count = cache ? wr_file_cache_list(cache, scope->planner->arena, &list) : 0;
    for (int i = 0; i < count; i++) {
        wr_row_text(&rows, list[i].path);
        wr_row_int(&rows, (int64_t)list[i].file_size);
        wr_row_int(&rows, (int64_t)list[i].chunks);
        wr_row_int(&rows, (int64_t)list[i].blocks);
        wr_row_int(&rows, (int64_t)list[i].bytes);
    }
    wr_row_list_result(&rows, out);
    return WR_OK;
}

static weir_status list_tables(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    bool done;
    if (args->count || args->named.count) return wrong_arguments(args, "weir_tables()");
    return wr_bind_builtin_table(scope, WR_STR("information_schema"), WR_STR("tables"), out, &done);
}

static weir_status state_folder(const wr_table_fn_args *args, const char *signature, wr_str *out)
{
    bool fits =
        args->count == 1 && !args->values[0].is_null && args->values[0].type->id == WR_T_VARCHAR;
    if (!fits) return wrong_arguments(args, signature);
    *out = args->values[0].text;
    return WR_OK;
}

static weir_status list_state(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char signature[] = "stream_state(folder)";
    wr_str folder;
    wr_relation *relation;
    WR_TRY(state_folder(args, signature, &folder));
    if (args->named.count) return wrong_arguments(args, signature);
    WR_TRY(wr_with_span(wr_state_rows_new(folder, &relation), args->span));
    relation_result(scope->planner, relation, WR_STR("stream_state"), out);
    return WR_OK;
}

static weir_status state_info(wr_scope *scope, const wr_table_fn_args *args, wr_result *out)
{
    static const char signature[] = "stream_state_info(folder [, check => false])";
    static const wr_opt rows[] = {{"check", WR_OPT_BOOL, "false", "read and check all of it"}, {0}};
    wr_str folder;
    bool check;
    WR_TRY(state_folder(args, signature, &folder));
    WR_TRY(wr_options_check(&args->named, rows, "stream_state_info"));
    WR_TRY(wr_option_bool(&args->named, rows, "check", &check, NULL));
    return wr_with_span(wr_state_info(scope->planner, folder, check, out), args->span);
}

const wr_table_fn wr_table_fns[] = {
    {"read", "read(path [, option => value ...])",
     "Rows of a file or of many; the format is found by probing.", read_any},
    {"read_csv|read_csv_auto", "read_csv(path [, option => value ...])", "Rows of delimited text.",
     read_csv},
    {"read_json|read_json_auto|read_ndjson|read_ndjson_auto|read_json_objects",
     "read_json(path [, option => value ...])", "Rows of JSON lines or of a JSON array.",
     read_json},
    {"read_lines", "read_lines(path [, option => value ...])", "Lines of text.", read_lines},
    {"read_parquet|parquet_scan", "read_parquet(path [, option => value ...])",
     "Rows of Parquet files.", read_parquet},
    {"read_arrow", "read_arrow(path [, option => value ...])",
     "Rows of Arrow IPC files and streams.", read_arrow},
    {"read_orc", "read_orc(path)", "Rows of ORC files.", read_orc},
    {"read_avro", "read_avro(path)", "Rows of Avro files.", read_avro},
    {"read_xlsx", "read_xlsx(path)", "Rows of a spreadsheet.", read_xlsx},
    {"probe", "probe(path)", "How a file would be read, and why.", probe},
    {"glob", "glob(pattern)", "Names of the files that match.", list_files},
    {"weir_functions", "weir_functions()", "Every function with its help.", list_functions},
    {"weir_formats", "weir_formats()", "Every file format with its options.", list_formats},
    {"weir_tables", "weir_tables()", "Tables and views of the catalog.", list_tables},
    {"weir_file_cache", "weir_file_cache()",
     "Files with decoded columns in memory: row groups x columns, blocks, bytes.",
     list_cached_files},
    {"stream_state", "stream_state(folder)",
     "What the state of a stream holds: sections, keys and values as bytes.", list_state},
    {"stream_state_info", "stream_state_info(folder [, check => false])",
     "Whose state it is, commits, pairs, size, and a hash of all of it.", state_info},
    {"weir_settings", "weir_settings()", "Settings: value, default, whose they are.",
     list_settings},
    {0},
};
