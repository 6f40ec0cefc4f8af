/* create_file_table.c - CREATE TABLE t (a INT) USING csv OPTIONS (path: 'p', delimiter: ';'): a
 * view over read_csv('p', delimiter => ';', columns => {'a': 'INT'}).
 *
 * Without USING what the file looks like decides. USING line reads types from the first lines, and
 * lines without the fields are no rows. */
#include "fmt/files.h"
#include "session/create_table.h"
#include "sql/format.h"

/* Lengths of texts are checked by the view: REPLACE (fit_text("a", 3, ..) AS "a", ..). */
static weir_status fitted_columns(weir_query *query, const wr_sql_create_table *create, wr_buf *out)
{
    int count = 0;
    for (int i = 0; i < create->elements.count; i++) {
        if (create->elements.items[i]->kind != WR_SQL_COLUMN_DEF) continue;
        const wr_sql_column_def *column = wr_sql_as_column_def(create->elements.items[i]);
        wr_text_length length = {0};
        if (column->constraints.count)
            return wr_fail_at(WR_E_UNSUPPORTED, column->constraints.items[0]->span,
                              "columns of a table over a file have no constraints");
        if (!column->type)
            return wr_fail_at(WR_E_SYNTAX, column->name.span, "column \"%.*s\" has no type",
                              WR_STR_ARGS(column->name.text));
        WR_TRY(wr_bind_text_length(&query->planner, column->type, &length));
        if (!length.characters) continue;
        wr_buf_add_text(out, count++ ? ", " : " REPLACE (");
        wr_buf_add_text(out, length.cuts_blanks ? "rtrim(fit_text(" : "fit_text(");
        wr_format_name(out, column->name.text);
        wr_buf_printf(out, ", %u, ", length.characters);
        wr_str what = wr_arena_printf(&query->arena, "column \"%.*s\" of %.*s",
                                      WR_STR_ARGS(column->name.text),
                                      WR_STR_ARGS(wr_names_last(create->name).text));
        wr_format_string(out, what);
        wr_buf_add_text(out, length.cuts_blanks ? "), ' ') AS " : ") AS ");
        wr_format_name(out, column->name.text);
    }
    if (count) wr_buf_add_char(out, ')');
    return WR_OK;
}

/* ", columns => {'a': 'INTEGER', ..}" of the declared columns. */
static weir_status declared_columns(const wr_sql_create_table *create, wr_buf *out)
{
    wr_buf_add_text(out, ", columns => {");
    for (int i = 0; i < create->elements.count; i++) {
        if (create->elements.items[i]->kind != WR_SQL_COLUMN_DEF)
            return wr_fail_at(WR_E_UNSUPPORTED, create->elements.items[i]->span,
                              "a table over a file has columns only");
        const wr_sql_column_def *column = wr_sql_as_column_def(create->elements.items[i]);
        WR_BUF(type);
        wr_node_format(&type, column->type);
        if (i) wr_buf_add_text(out, ", ");
        wr_format_string(out, column->name.text);
        wr_buf_add_text(out, ": ");
        wr_format_string(out, wr_buf_str(&type));
    }
    wr_buf_add_char(out, '}');
    return WR_OK;
}

/* OPTIONS (columns: 'a,b') beside declared columns names the same ones. */
static weir_status check_named(const wr_sql_create_table *create, const wr_sql_option *option)
{
    WR_BUF(declared);
    WR_BUF(named);
    for (int i = 0; i < create->elements.count; i++) {
        if (create->elements.items[i]->kind != WR_SQL_COLUMN_DEF) continue;
        wr_str name = wr_sql_as_column_def(create->elements.items[i])->name.text;
        wr_buf_printf(&declared, "%s%.*s", declared.length ? "," : "", WR_STR_ARGS(name));
    }
    if (option->value && option->value->kind == WR_SQL_LITERAL) {
        wr_str text = wr_sql_as_literal(option->value)->text;
        for (size_t i = 0; i < text.length; i++)
            if (text.data[i] != ' ') wr_buf_add_char(&named, text.data[i]);
    }
    if (wr_str_ieq(wr_buf_str(&declared), wr_buf_str(&named))) return WR_OK;
    return wr_fail_at(WR_E_PARAMETER_VALUE, option->node.span,
                      "the option \"columns\" names others than those that are declared");
}

typedef struct file_options {
    const wr_node *path;
    wr_buf *text; /* ", name => value" for each */
    bool has_sample_size, has_unmatched;
} file_options;

static weir_status collect_file_options(const wr_sql_create_table *create, file_options *out)
{
    for (int i = 0; i < create->options.count; i++) {
        const wr_sql_option *option = wr_sql_as_option(create->options.items[i]);
        wr_str name = option->name.text;
        bool is_columns = wr_str_is(name, "columns");
        if (wr_str_is(name, "path")) out->path = option->value;
        out->has_sample_size |= wr_str_is(name, "sample_size");
        out->has_unmatched |= wr_str_is(name, "unmatched");
        if (is_columns && create->elements.count) WR_TRY(check_named(create, option));
        if (wr_str_is(name, "path") || (is_columns && create->elements.count)) continue;
        if (!option->value)
            return wr_fail_at(WR_E_PARAMETER_VALUE, option->node.span,
                              "the option \"%.*s\" has no value", WR_STR_ARGS(name));
        wr_buf_printf(out->text, ", %.*s => ", WR_STR_ARGS(name));
        wr_node_format(out->text, option->value);
    }
    if (out->path) return WR_OK;
    wr_span span = wr_name_given(create->format) ? create->format.span : create->node.span;
    return wr_with_fix(wr_fail_at(WR_E_PARAMETER_VALUE, span, "the file is not named"),
                       "OPTIONS (path: 'file.csv')");
}

/* read_csv for USING csv; without USING what the file looks like decides. */
static weir_status reader_of(const wr_sql_create_table *create, const wr_format **format)
{
    *format = NULL;
    if (!wr_name_given(create->format)) return WR_OK;
    *format = wr_format_find(create->format.text);
    if (*format) return WR_OK;
    wr_nearest nearest = {.wanted = create->format.text};
    for (int i = 0; wr_formats[i]; i++)
        wr_nearest_offer(&nearest, wr_str_of(wr_formats[i]->name));
    return wr_with_nearest(wr_fail_at(WR_E_PARAMETER_VALUE, create->format.span,
                                      "there is no format \"%.*s\"",
                                      WR_STR_ARGS(create->format.text)),
                           &nearest);
}

weir_status wr_run_create_file_table(weir_query *query, const wr_sql_create_table *create)
{
    WR_BUF(text);
    WR_BUF(given);
    WR_BUF(fitted);
    const wr_format *format;
    file_options options = {.text = &given};
    WR_TRY(reader_of(create, &format));
    WR_TRY(collect_file_options(create, &options));
    WR_TRY(fitted_columns(query, create, &fitted));
    if (create->elements.count) WR_TRY(declared_columns(create, &given));
    wr_buf_printf(&text, "SELECT *%s FROM read%s%s(", fitted.data ? fitted.data : "",
                  format ? "_" : "", format ? format->name : "");
    wr_node_format(&text, options.path);
    wr_buf_add_str(&text, wr_buf_str(&given));
    bool is_lines = format && strcmp(format->name, "lines") == 0;
    if (is_lines && !options.has_sample_size) wr_buf_add_text(&text, ", sample_size => 20480");
    if (is_lines && !options.has_unmatched) wr_buf_add_text(&text, ", unmatched => 'skip'");
    wr_buf_add_char(&text, ')');
    wr_statement statement;
    wr_bound bound;
    WR_TRY(wr_parse_one(&query->arena, wr_arena_str(&query->arena, wr_buf_str(&text)), &statement));
    weir_status bad = wr_bind_statement(&query->planner, statement.node, &bound);
    if (bad) bad->span = create->node.span;
    WR_TRY(bad);
    wr_object *view =
        wr_ddl_object_new(query, WR_ENTRY_VIEW, &create->name, create->mode.temporary);
    view->sql = wr_arena_str(&view->arena, wr_buf_str(&text));
    return wr_ddl_add(query, view, create->mode, wr_names_last(create->name).span);
}
