/* prepare.c - prepared statements: PREPARE / EXECUTE in SQL and weir_prepare in C.
 *
 * A prepared statement is its text; it is bound anew at each execution with the parameter values as
 * typed constants, so plans always fit the data they run on. Preparing binds once without values to
 * report errors early and to learn how many parameters there are. */
#include "col/arrow.h"
#include "session/session.h"
#include "sql/format.h"

struct weir_prepared {
    weir_session *session;
    wr_buf sql;
    wr_arena arena;
    wr_value *params;
    bool *is_bound;
    char **names; /* of named parameters; NULL: they are numbered */
    int param_count;
    wr_arena columns_arena; /* of what the last look found */
    wr_schema columns;
    char **column_names;
};

/* ---- SQL ---- */

static weir_status run_prepare(weir_query *query, const wr_sql_prepare *prepare)
{
    weir_session *session = query->session;
    query->tag = "PREPARE";
    if (wr_map_get(&session->prepared, prepare->name.text))
        return wr_with_fix(wr_fail_at(WR_E_DUPLICATE_TABLE, prepare->name.span,
                                      "a prepared statement \"%.*s\" exists already",
                                      WR_STR_ARGS(prepare->name.text)),
                           "DEALLOCATE %.*s", WR_STR_ARGS(prepare->name.text));
    wr_bound bound;
    WR_TRY(wr_bind_statement(&query->planner, prepare->statement, &bound));
    WR_BUF(text);
    wr_node_format(&text, prepare->statement);
    wr_prepared_text *prepared = wr_heap_new(sizeof *prepared);
    prepared->name = wr_heap_copy(prepare->name.text.data, prepare->name.text.length);
    prepared->sql = wr_heap_copy(text.data, text.length);
    wr_map_put(&session->prepared, wr_str_of(prepared->name), prepared);
    return WR_OK;
}

static weir_status unknown_prepared(weir_session *session, wr_name name)
{
    wr_nearest nearest = {.wanted = name.text};
    wr_str key;
    void *value;
    for (uint32_t i = 0; wr_map_next(&session->prepared, &i, &key, &value);)
        wr_nearest_offer(&nearest, key);
    return wr_with_nearest(wr_fail_at(WR_E_UNKNOWN_PREPARED, name.span,
                                      "no prepared statement \"%.*s\"", WR_STR_ARGS(name.text)),
                           &nearest);
}

/* Which parameter an argument of EXECUTE is for: by name, else by place. -1: there is no such name.
 */
static int param_of_arg(const wr_statement *statement, const wr_node *arg, int place)
{
    if (arg->kind != WR_SQL_ARG || !wr_name_given(wr_sql_as_arg(arg)->name)) return place;
    for (int i = 0; statement->param_names && i < statement->param_count; i++)
        if (wr_str_ieq(statement->param_names[i], wr_sql_as_arg(arg)->name.text)) return i;
    return -1;
}

static weir_status bind_args(weir_query *query, const wr_sql_execute *execute,
                             const wr_statement *statement, wr_value *params)
{
    int count = execute->args.count;
    bool *given = wr_new_array(&query->arena, bool, statement->param_count + 1);
    if (count != statement->param_count)
        return wr_fail_at(WR_E_PARAMETER_VALUE, execute->name.span,
                          "prepared statement \"%.*s\" takes %d parameter%s, %d %s given",
                          WR_STR_ARGS(execute->name.text), statement->param_count,
                          statement->param_count == 1 ? "" : "s", count,
                          count == 1 ? "was" : "were");
    for (int i = 0; i < count; i++) {
        const wr_node *arg = execute->args.items[i];
        int param = param_of_arg(statement, arg, i);
        if (param < 0)
            return wr_fail_at(WR_E_PARAMETER_VALUE, arg->span,
                              "prepared statement \"%.*s\" has no parameter \"%.*s\"",
                              WR_STR_ARGS(execute->name.text),
                              WR_STR_ARGS(wr_sql_as_arg(arg)->name.text));
        if (given[param])
            return wr_fail_at(WR_E_PARAMETER_VALUE, arg->span, "parameter %d is given twice",
                              param + 1);
        given[param] = true;
        if (arg->kind == WR_SQL_ARG) arg = wr_sql_as_arg(arg)->value;
        WR_TRY(wr_bind_constant(&query->planner, arg, NULL, &params[param]));
    }
    return WR_OK;
}

static weir_status run_execute(weir_query *query, const wr_sql_execute *execute)
{
    wr_prepared_text *prepared = wr_map_get(&query->session->prepared, execute->name.text);
    if (!prepared) return unknown_prepared(query->session, execute->name);
    wr_statement statement;
    WR_TRY(wr_parse_one(&query->arena, wr_str_of(prepared->sql), &statement));
    wr_value *params = wr_new_array(&query->arena, wr_value, statement.param_count + 1);
    WR_TRY(bind_args(query, execute, &statement, params));
    query->planner.params = params;
    query->planner.param_count = statement.param_count;
    weir_status bad = wr_query_run_statement(query, statement.node);
    if (bad) bad->span = execute->name.span;
    return bad;
}

static weir_status run_deallocate(weir_query *query, const wr_sql_deallocate *deallocate)
{
    weir_session *session = query->session;
    query->tag = "DEALLOCATE";
    wr_name name = deallocate->name;
    if (wr_name_given(name) && !wr_map_get(&session->prepared, name.text))
        return unknown_prepared(session, name);
    for (;;) {
        wr_str key = name.text;
        void *value;
        uint32_t i = 0;
        if (!wr_name_given(name) && !wr_map_next(&session->prepared, &i, &key, &value))
            return WR_OK;
        wr_prepared_text *prepared = wr_map_remove(&session->prepared, key);
        wr_heap_drop(prepared->name);
        wr_heap_drop(prepared->sql);
        wr_heap_drop(prepared);
        if (wr_name_given(name)) return WR_OK;
    }
}

weir_status wr_run_prepare(weir_query *query, const wr_node *statement, bool *handled)
{
    *handled = true;
    switch (statement->kind) {
    case WR_SQL_PREPARE:
        return run_prepare(query, wr_sql_as_prepare(statement));
    case WR_SQL_EXECUTE:
        return run_execute(query, wr_sql_as_execute(statement));
    case WR_SQL_DEALLOCATE:
        return run_deallocate(query, wr_sql_as_deallocate(statement));
    default:
        *handled = false;
        return WR_OK;
    }
}

/* ---- C ---- */

/* What the result has, without running anything. */
static void take_columns(weir_prepared *prepared, const wr_bound *bound)
{
    wr_arena *arena = &prepared->columns_arena;
    wr_arena_clear(arena);
    bool has_rows = bound->kind == WR_CLASS_QUERY || bound->has_rows;
    const wr_schema none = {0};
    prepared->columns = *wr_schema_copy(arena, has_rows ? &bound->schema : &none);
    int count = prepared->columns.count;
    prepared->column_names = wr_new_array(arena, char *, count + 1);
    for (int i = 0; i < count; i++) {
        wr_str name = prepared->columns.fields[i].name;
        prepared->column_names[i] = wr_arena_copy(arena, name.data, name.length);
    }
}

/* Binds the statement without values (with_values false), or with those bound so far. */
static weir_status look_at(weir_prepared *prepared, const wr_statement *statement, bool with_values)
{
    weir_query *probe = NULL;
    weir_session *session = prepared->session;
    WR_TRY(wr_session_begin(session));
    WR_TRY(wr_query_new(session, &probe));
    wr_buf_add_str(&probe->sql, wr_buf_str(&prepared->sql));
    if (with_values) {
        probe->planner.params = prepared->params;
        probe->planner.param_count = prepared->param_count;
    }
    wr_query_prepare_planner(probe);
    weir_status bad = wr_bind_statement(
        &probe->planner, wr_node_copy(&probe->arena, statement->node), &probe->bound);
    if (!bad) take_columns(prepared, &probe->bound);
    weir_query_close(probe);
    wr_session_statement_ends(session, false, 0);
    return bad ? wr_error_with_fix(bad, wr_buf_str(&prepared->sql), statement->span) : WR_OK;
}

weir_status weir_prepare(weir_session *session, const char *sql, size_t length, weir_prepared **out)
{
    WR_ARENA(arena);
    wr_statement statement;
    WR_TRY(wr_parse_one(&arena, (wr_str){sql, length}, &statement));
    weir_prepared *prepared = wr_heap_new(sizeof *prepared);
    prepared->session = session;
    wr_buf_add(&prepared->sql, sql, length);
    weir_status bad = look_at(prepared, &statement, false);
    if (bad) {
        weir_prepared_close(prepared);
        return bad;
    }
    prepared->param_count = statement.param_count;
    prepared->params = wr_new_array(&prepared->arena, wr_value, statement.param_count + 1);
    prepared->is_bound = wr_new_array(&prepared->arena, bool, statement.param_count + 1);
    for (int i = 0; i < statement.param_count; i++)
        prepared->params[i] = wr_value_null(WR_NULLTYPE);
    if (statement.param_names)
        prepared->names = wr_new_array(&prepared->arena, char *, statement.param_count);
    for (int i = 0; statement.param_names && i < statement.param_count; i++)
        prepared->names[i] = wr_arena_copy(&prepared->arena, statement.param_names[i].data,
                                           statement.param_names[i].length);
    *out = prepared;
    return WR_OK;
}

weir_status weir_prepared_describe(weir_prepared *prepared)
{
    WR_ARENA(arena);
    wr_statement statement;
    WR_TRY(wr_session_check_usable(prepared->session, (wr_span){0}));
    WR_TRY(wr_parse_one(&arena, wr_buf_str(&prepared->sql), &statement));
    return look_at(prepared, &statement, true);
}

int weir_prepared_column_count(const weir_prepared *prepared) { return prepared->columns.count; }

const char *weir_prepared_column_name(const weir_prepared *prepared, int column)
{
    bool is_there = column >= 0 && column < prepared->columns.count;
    return is_there ? prepared->column_names[column] : NULL;
}

const char *weir_prepared_column_type(const weir_prepared *prepared, int column)
{
    bool is_there = column >= 0 && column < prepared->columns.count;
    return is_there ? wr_type_name(prepared->columns.fields[column].type) : NULL;
}

weir_status weir_prepared_schema(const weir_prepared *prepared, struct ArrowSchema *out)
{
    return wr_arrow_export_schema(&prepared->columns, out);
}

const char *weir_prepared_param_name(const weir_prepared *prepared, int param)
{
    return prepared->names && param >= 1 && param <= prepared->param_count
               ? prepared->names[param - 1]
               : NULL;
}

void weir_prepared_close(weir_prepared *prepared)
{
    if (!prepared) return;
    wr_buf_clear(&prepared->sql);
    wr_arena_clear(&prepared->arena);
    wr_arena_clear(&prepared->columns_arena);
    wr_heap_drop(prepared);
}

int weir_prepared_param_count(const weir_prepared *prepared) { return prepared->param_count; }

static weir_status bind(weir_prepared *prepared, int param, wr_value value)
{
    if (param < 1 || param > prepared->param_count)
        return wr_fail(WR_E_PARAMETER_VALUE, "parameter %d does not exist: the statement has %d",
                       param, prepared->param_count);
    prepared->params[param - 1] = wr_value_copy(&value, &prepared->arena);
    prepared->is_bound[param - 1] = true;
    return WR_OK;
}

weir_status weir_bind_null(weir_prepared *prepared, int param)
{
    return bind(prepared, param, wr_value_null(WR_NULLTYPE));
}

weir_status weir_bind_bool(weir_prepared *prepared, int param, bool value)
{
    return bind(prepared, param, wr_value_bool(value));
}

weir_status weir_bind_int64(weir_prepared *prepared, int param, int64_t value)
{
    return bind(prepared, param, wr_value_int(WR_BIGINT, value));
}

weir_status weir_bind_double(weir_prepared *prepared, int param, double value)
{
    return bind(prepared, param, wr_value_f64(value));
}

weir_status weir_bind_text(weir_prepared *prepared, int param, const char *text, size_t length)
{
    if (!wr_utf8_valid(text, length))
        return wr_fail(WR_E_BAD_ENCODING, "parameter %d is not valid UTF-8", param);
    return bind(prepared, param, wr_value_text((wr_str){text, length}));
}

weir_status weir_bind_blob(weir_prepared *prepared, int param, const void *bytes, size_t length)
{
    wr_value value = wr_value_text((wr_str){bytes, length});
    value.type = wr_type_of(WR_T_BLOB);
    return bind(prepared, param, value);
}

weir_status weir_bind_typed(weir_prepared *prepared, int param, const char *text, size_t length,
                            const char *type)
{
    weir_query *query = NULL;
    WR_TRY(wr_query_new(prepared->session, &query));
    wr_query_prepare_planner(query);
    wr_node *type_node = NULL;
    const wr_type *wanted = NULL;
    wr_expr *cast = NULL;
    wr_value value;
    weir_status bad = wr_parse_type(&query->arena, wr_str_of(type), &type_node);
    if (!bad) bad = wr_bind_type(&query->planner, type_node, &wanted);
    wr_expr *literal = wr_expr_const(&query->arena, wr_value_text((wr_str){text, length}));
    if (!bad) bad = wr_bind_cast(&query->arena, literal, wanted, false, (wr_span){0}, &cast);
    if (!bad) bad = wr_expr_fold(&query->arena, &query->env, cast, &value);
    if (!bad) bad = bind(prepared, param, value);
    weir_query_close(query);
    return bad;
}

weir_status weir_bind_arrow(weir_prepared *prepared, int param, const struct ArrowSchema *schema,
                            const struct ArrowArray *array)
{
    WR_ARENA(scratch);
    wr_column column;
    if (array->length < 1)
        return wr_fail(WR_E_PARAMETER_VALUE, "the array for parameter %d is empty", param);
    WR_TRY(wr_arrow_import_column(schema, array, 0, 1, &scratch, &column));
    return bind(prepared, param, wr_value_at(&column, 0, &scratch));
}

weir_status weir_prepared_start(weir_prepared *prepared, weir_query **out)
{
    for (int i = 0; i < prepared->param_count; i++)
        if (!prepared->is_bound[i])
            return wr_fail(WR_E_PARAMETER_VALUE, "parameter %d was not bound", i + 1);
    return wr_query_start_with(prepared->session, wr_buf_str(&prepared->sql), prepared->params,
                               prepared->param_count, out);
}
