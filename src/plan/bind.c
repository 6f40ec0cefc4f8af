/* bind.c - the door of the binder: statements, types, constants, options.
 *
 * Queries and statements that move rows become logical plans; everything else is left to session. A
 * bound query ends in a projection to exactly the result columns, in order and under their names.
 */
#include "plan/connect.h"

/* ---- types ---- */
/* Types of PostgreSQL and DuckDB that weir leaves out: name, how it is called, what to use. */
static const char *const left_out[][3] = {
    {"timetz", "TIME WITH TIME ZONE",
     "use TIMESTAMP WITH TIME ZONE, or TIME with a column of its own for the zone"},
    {"bit", "BIT", "use BLOB for bytes, a whole number with & | # ~ << >> for flags, or BOOLEAN[]"},
    {"varbit", "BIT VARYING",
     "use BLOB for bytes, a whole number with & | # ~ << >> for flags, or BOOLEAN[]"},
    {"bitstring", "BITSTRING",
     "use BLOB for bytes, a whole number with & | # ~ << >> for flags, or BOOLEAN[]"},
    {"money", "MONEY", "use DECIMAL(19, 2)"},
    {"xml", "XML", "use VARCHAR"},
    {"union", "UNION", "use a STRUCT with one field per member, or JSON"},
    {"smallserial", "SMALLSERIAL as a type of values",
     "it makes a column with a sequence, in CREATE TABLE and ADD COLUMN; the values are SMALLINT"},
    {"serial", "SERIAL as a type of values",
     "it makes a column with a sequence, in CREATE TABLE and ADD COLUMN; the values are INTEGER"},
    {"bigserial", "BIGSERIAL as a type of values",
     "it makes a column with a sequence, in CREATE TABLE and ADD COLUMN; the values are BIGINT"},
};

static weir_status named_type(wr_planner *planner, const wr_sql_type *node, const wr_type **out)
{
    int64_t modifiers[2];
    int count = 0;
    wr_str schema, name;
    wr_split_name(&node->name, &schema, &name);
    for (int i = 0; i < node->modifiers.count; i++) {
        wr_value value;
        if (i == 2)
            return wr_fail_at(WR_E_UNKNOWN_TYPE, node->node.span,
                              "type %.*s takes at most 2 modifiers", WR_STR_ARGS(name));
        WR_TRY(wr_bind_constant(planner, node->modifiers.items[i], WR_BIGINT, &value));
        if (value.is_null)
            return wr_fail_at(WR_E_UNKNOWN_TYPE, node->node.span, "a modifier of type %.*s is NULL",
                              WR_STR_ARGS(name));
        modifiers[count++] = value.i64;
    }
    if (planner->catalog) {
        wr_object *object = wr_catalog_find(planner->catalog, 1u << WR_ENTRY_TYPE, schema, name);
        if (object) {
            wr_push(planner->arena, &planner->objects, object);
            *out = object->type;
            return WR_OK;
        }
    }
    *out = wr_type_find(name, modifiers, count);
    if (*out) return WR_OK;
    wr_nearest nearest = {.wanted = name};
    wr_type_offer_names(&nearest);
    if (count && wr_type_find(name, NULL, 0))
        return wr_fail_at(WR_E_UNKNOWN_TYPE, node->node.span,
                          "type %.*s does not take these modifiers", WR_STR_ARGS(name));
    for (size_t i = 0; i < WR_COUNT(left_out); i++)
        if (wr_str_is(name, left_out[i][0]))
            return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, node->node.span,
                                           "the type %s is not supported", left_out[i][1]),
                                "%s", left_out[i][2]);
    return wr_with_nearest(
        wr_fail_at(WR_E_UNKNOWN_TYPE, node->node.span, "no type \"%.*s\"", WR_STR_ARGS(name)),
        &nearest);
}

/* The longest length PostgreSQL takes as well. */
enum { TEXT_LENGTH_MAX = 10485760 };

weir_status wr_bind_text_length(wr_planner *planner, const wr_node *type_node, wr_text_length *out)
{
    const wr_sql_type *node = wr_sql_as_type(type_node);
    const wr_type *type;
    wr_value value;
    *out = (wr_text_length){0};
    if (node->form != WR_TYPE_NAMED || node->name.count != 1) return WR_OK;
    wr_str name = node->name.items[0].text;
    bool is_char = wr_str_is(name, "char") || wr_str_is(name, "character");
    if (node->modifiers.count != 1 && !is_char) return WR_OK;
    WR_TRY(named_type(planner, node, &type));
    if (type->id != WR_T_VARCHAR) return WR_OK;
    value = wr_value_int(WR_BIGINT, 1); /* CHAR alone is CHAR(1) */
    if (node->modifiers.count)
        WR_TRY(wr_bind_constant(planner, node->modifiers.items[0], WR_BIGINT, &value));
    if (value.i64 > TEXT_LENGTH_MAX)
        return wr_fail_at(WR_E_PARAMETER_VALUE, type_node->span,
                          "a text of at most %lld characters: the largest length is %d",
                          (long long)value.i64, TEXT_LENGTH_MAX);
    out->characters = (uint32_t)value.i64;
    out->cuts_blanks = is_char || wr_str_is(name, "bpchar");
    return WR_OK;
}

/* A type inside another one: there nothing would keep texts short. */
static weir_status inner_type(wr_planner *planner, const wr_node *type_node, const wr_type **out)
{
    wr_text_length length;
    WR_TRY(wr_bind_text_length(planner, type_node, &length));
    if (length.characters)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, type_node->span,
                                       "a length of texts inside lists, structs and maps is not "
                                       "supported"),
                            "use VARCHAR without a length, or a CHECK");
    return wr_bind_type(planner, type_node, out);
}

static weir_status struct_type(wr_planner *planner, const wr_sql_type *node, const wr_type **out)
{
    wr_field *fields = wr_new_array(planner->arena, wr_field, node->arguments.count + 1);
    for (int i = 0; i < node->arguments.count; i++) {
        const wr_sql_column_def *def = wr_sql_as_column_def(node->arguments.items[i]);
        fields[i].name = def->name.text;
        WR_TRY(inner_type(planner, def->type, &fields[i].type));
        for (int k = 0; k < i; k++)
            if (wr_str_ieq(fields[k].name, fields[i].name))
                return wr_fail_at(WR_E_DUPLICATE_COLUMN, def->name.span,
                                  "the struct has two fields named \"%.*s\"",
                                  WR_STR_ARGS(def->name.text));
    }
    *out = wr_type_struct(fields, node->arguments.count);
    return WR_OK;
}

static weir_status enum_type(wr_planner *planner, const wr_sql_type *node, const wr_type **out)
{
    if (node->query)
        return wr_fail_at(WR_E_UNSUPPORTED, node->node.span,
                          "ENUM of a query is not supported: list its values");
    wr_str *labels = wr_new_array(planner->arena, wr_str, node->modifiers.count + 1);
    for (int i = 0; i < node->modifiers.count; i++) {
        wr_value value;
        WR_TRY(wr_bind_constant(planner, node->modifiers.items[i], WR_VARCHAR, &value));
        if (value.is_null)
            return wr_fail_at(WR_E_BAD_VALUE, node->modifiers.items[i]->span,
                              "NULL cannot be a value of an ENUM");
        labels[i] = value.text;
        for (int k = 0; k < i; k++)
            if (wr_str_eq(labels[k], labels[i]))
                return wr_fail_at(WR_E_DUPLICATE_NAME, node->modifiers.items[i]->span,
                                  "the ENUM has the value '%.*s' twice", WR_STR_ARGS(labels[i]));
    }
    *out = wr_type_enum(labels, node->modifiers.count);
    return WR_OK;
}

weir_status wr_bind_type(wr_planner *planner, const wr_node *type_node, const wr_type **out)
{
    const wr_sql_type *node = wr_sql_as_type(type_node);
    const wr_type *parts[2];
    switch (node->form) {
    case WR_TYPE_NAMED:
        return named_type(planner, node, out);
    case WR_TYPE_STRUCT:
        return struct_type(planner, node, out);
    case WR_TYPE_ENUM:
        return enum_type(planner, node, out);
    case WR_TYPE_UNION:
        return wr_fail_at(WR_E_UNSUPPORTED, type_node->span, "UNION types are not supported");
    case WR_TYPE_MAP:
        for (int i = 0; i < 2; i++)
            WR_TRY(inner_type(planner, node->arguments.items[i], &parts[i]));
        *out = wr_type_map(parts[0], parts[1]);
        return WR_OK;
    case WR_TYPE_ARRAY:
        WR_TRY(inner_type(planner, node->arguments.items[0], &parts[0]));
        if (node->size >= 0 && (node->size == 0 || node->size > 1000000))
            return wr_fail_at(WR_E_UNKNOWN_TYPE, type_node->span,
                              "the length of an array type must be 1 to 1000000");
        *out =
            node->size > 0 ? wr_type_array(parts[0], (uint32_t)node->size) : wr_type_list(parts[0]);
        return WR_OK;
    }
    return wr_fail_at(WR_E_UNKNOWN_TYPE, type_node->span, "no such type");
}

/* ---- constants and options ---- */
weir_status wr_bind_constant(wr_planner *planner, const wr_node *expr, const wr_type *want_or_null,
                             wr_value *out)
{
    wr_scope *scope = wr_scope_new(planner, NULL);
    wr_expr *e;
    WR_TRY(wr_bind_expr(scope, expr, &e));
    if (want_or_null) {
        wr_param_adopt(scope, e, want_or_null);
        weir_status s = wr_bind_coerce(planner->arena, e, want_or_null, "this constant", &e);
        if (s) return wr_with_span(s, expr->span);
    }
    if (e->kind == WR_X_CONST) {
        *out = e->value;
        return WR_OK;
    }
    if (wr_expr_has_subquery(e))
        return wr_fail_at(WR_E_UNSUPPORTED, expr->span,
                          "a subquery cannot stand where a constant is needed");
    return wr_expr_fold(planner->arena, planner->env, e, out);
}

/* Conversions of assignment beyond the implicit ones: between numbers, between moments, and
 * anything to text. */
static bool may_assign(const wr_type *from, const wr_type *to)
{
    if (wr_type_is_numeric(from) && wr_type_is_numeric(to)) return true;
    if (to->id == WR_T_VARCHAR) return true;
    if (wr_type_is_moment(from) && wr_type_is_moment(to)) return wr_cast_exists(from, to);
    if (from->id == WR_T_VARCHAR && (to->id == WR_T_JSON || to->id == WR_T_ENUM)) return true;
    return wr_type_is_nested(from) && wr_type_is_nested(to) && wr_cast_exists(from, to);
}

weir_status wr_bind_assign(wr_arena *arena, wr_expr *e, const wr_type *type, wr_span span,
                           wr_expr **out)
{
    if (!e->is_untyped && wr_cast_implicit_cost(e->type, type) < 0 && may_assign(e->type, type))
        return wr_bind_cast(arena, e, type, false, span, out);
    return wr_bind_coerce(arena, e, type, "this expression", out);
}

weir_status wr_bind_over_schema(wr_planner *planner, const wr_schema *schema, wr_str name,
                                const wr_node *expr, const wr_type *want_or_null, wr_expr **out)
{
    wr_scope *scope = wr_scope_new(planner, NULL);
    wr_from from = {0};
    wr_scope_table *table = wr_new(planner->arena, wr_scope_table);
    table->items = wr_new_array(planner->arena, wr_scope_item, schema->count + 1);
    table->count = schema->count;
    table->name = name;
    for (int i = 0; i < schema->count; i++)
        table->items[i] = (wr_scope_item){
            .name = schema->fields[i].name,
            .table = table,
            .expr = wr_expr_column(planner->arena, (uint32_t)i, schema->fields[i].type)};
    wr_from_add_table(planner, &from, table);
    wr_scope_add_from(scope, &from);
    scope->clause = WR_IN_CHECK;
    scope->ignores_qualifier = !name.length;
    WR_TRY(wr_bind_expr(scope, expr, out));
    if (wr_expr_has_subquery(*out))
        return wr_fail_at(WR_E_UNSUPPORTED, expr->span,
                          "subqueries cannot stand in CHECK, DEFAULT and generated columns");
    if (!want_or_null) return WR_OK;
    weir_status s = wr_bind_assign(planner->arena, *out, want_or_null, expr->span, out);
    return s ? wr_with_span(s, expr->span) : WR_OK;
}

/* A bare word is text: FORMAT csv; a list in parentheses is a list: PARTITION_BY (a, b). */
static weir_status option_value(wr_planner *planner, const wr_node *node, wr_value *out)
{
    if (!node) {
        *out = wr_value_bool(true);
        return WR_OK;
    }
    if (node->kind == WR_SQL_COLUMN) {
        WR_BUF(text);
        const wr_names *parts = &wr_sql_as_column(node)->parts;
        for (int i = 0; i < parts->count; i++)
            wr_buf_printf(&text, "%s%.*s", i ? "." : "", WR_STR_ARGS(parts->items[i].text));
        *out = wr_value_text(wr_arena_str(planner->arena, wr_buf_str(&text)));
        return WR_OK;
    }
    const wr_nodes *items = node->kind == WR_SQL_ROW    ? &wr_sql_as_row(node)->items
                            : node->kind == WR_SQL_LIST ? &wr_sql_as_list(node)->items
                                                        : NULL;
    if (!items) return wr_bind_constant(planner, node, NULL, out);
    wr_scope *scope = wr_scope_new(planner, NULL);
    wr_expr **args = wr_new_array(planner->arena, wr_expr *, items->count + 1), *list;
    const wr_type *type;
    for (int i = 0; i < items->count; i++) {
        wr_value value;
        WR_TRY(option_value(planner, items->items[i], &value));
        args[i] = wr_expr_const(planner->arena, value);
    }
    if (items->count) WR_TRY(wr_bind_unify(scope, args, items->count, "an option", &type));
    WR_TRY(wr_bind_by_name(scope, "list_value", args, items->count, node->span, &list));
    return wr_expr_fold(planner->arena, planner->env, list, out);
}

weir_status wr_bind_options(wr_planner *planner, const wr_nodes *options, wr_options *out)
{
    out->items = wr_new_array(planner->arena, wr_given, options->count + 1);
    out->count = options->count;
    for (int i = 0; i < options->count; i++) {
        wr_str name;
        wr_node *value;
        if (options->items[i]->kind == WR_SQL_ARG) {
            const wr_sql_arg *arg = wr_sql_as_arg(options->items[i]);
            name = arg->name.text, value = arg->value, out->items[i].span = arg->name.span;
        } else {
            const wr_sql_option *option = wr_sql_as_option(options->items[i]);
            name = option->name.text, value = option->value, out->items[i].span = option->name.span;
        }
        out->items[i].name = name;
        out->items[i].value_span = value ? value->span : out->items[i].span;
        WR_TRY(option_value(planner, value, &out->items[i].value));
    }
    return WR_OK;
}

/* ---- statements ---- */
/* Exactly the result columns. */
static weir_status finish_query(wr_planner *planner, wr_result *result, wr_bound *out)
{
    WR_TRY(wr_result_settle(planner, result));
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, result->count + 1);
    out->schema.fields = wr_new_array(planner->arena, wr_field, result->count + 1);
    out->schema.count = result->count;
    for (int i = 0; i < result->count; i++) {
        const wr_result_column *column = &result->columns[i];
        bindings[i] = (wr_binding){wr_planner_column(planner, column->name, column->type),
                                   wr_column_ref(planner, column->id)};
        out->schema.fields[i] = (wr_field){column->name, column->type};
    }
    out->root = wr_project(planner, result->plan, bindings, result->count);
    return WR_OK;
}

static weir_status bind_call_statement(wr_scope *scope, const wr_sql_invoke *invoke, wr_result *out)
{
    wr_planner *planner = scope->planner;
    wr_sql_function_ref ref = {.node = {WR_SQL_FUNCTION_REF, invoke->node.span},
                               .call = invoke->call};
    wr_from from = {0};
    WR_TRY(wr_bind_relation(scope, NULL, &ref.node, &from));
    out->plan = from.plan;
    out->columns = wr_new_array(planner->arena, wr_result_column, from.items.count + 1);
    for (int i = 0; i < from.items.count; i++) {
        const wr_scope_item *item = &from.items.items[i];
        if (item->hidden) continue;
        out->columns[out->count++] = (wr_result_column){
            .id = item->expr->column, .name = item->name, .type = item->expr->type};
    }
    return WR_OK;
}

static weir_status bind_any(wr_scope *scope, const wr_node *node, wr_bound *out)
{
    wr_result result = {0};
    bool done = true;
    out->kind = WR_CLASS_QUERY;
    switch (node->kind) {
    case WR_SQL_INSERT:
    case WR_SQL_UPDATE:
    case WR_SQL_DELETE:
    case WR_SQL_MERGE:
        return wr_bind_change(scope, node, out);
    case WR_SQL_TRUNCATE:
        return wr_bind_truncate(scope, wr_sql_as_truncate(node), out);
    case WR_SQL_COPY:
        return wr_bind_copy(scope, wr_sql_as_copy(node), out);
    case WR_SQL_QUERY:
    case WR_SQL_SELECT:
    case WR_SQL_SETOP:
    case WR_SQL_VALUES:
    case WR_SQL_PIVOT:
    case WR_SQL_UNPIVOT:
        out->tag = "SELECT";
        WR_TRY(wr_bind_query(scope, node, false, &result));
        return finish_query(scope->planner, &result, out);
    case WR_SQL_INVOKE:
        out->tag = "CALL";
        WR_TRY(bind_call_statement(scope, wr_sql_as_invoke(node), &result));
        return finish_query(scope->planner, &result, out);
    case WR_SQL_DESCRIBE:
    case WR_SQL_SHOW:
        WR_TRY(wr_bind_show(scope, node, &result, &done));
        out->tag = node->kind == WR_SQL_SHOW             ? "SHOW"
                   : wr_sql_as_describe(node)->summarize ? "SUMMARIZE"
                                                         : "DESCRIBE";
        if (done) return finish_query(scope->planner, &result, out);
        break;
    default:
        break;
    }
    out->kind = WR_CLASS_UTILITY;
    out->tag = wr_node_kind_name(node->kind);
    return WR_OK;
}

static bool is_change(wr_node_kind kind)
{
    switch (kind) {
    case WR_SQL_CREATE_TABLE:
    case WR_SQL_CREATE_VIEW:
    case WR_SQL_CREATE_SCHEMA:
    case WR_SQL_CREATE_SEQUENCE:
    case WR_SQL_CREATE_TYPE:
    case WR_SQL_CREATE_MACRO:
    case WR_SQL_CREATE_INDEX:
    case WR_SQL_CREATE_SECRET:
    case WR_SQL_ALTER:
    case WR_SQL_DROP:
    case WR_SQL_COMMENT:
        return true;
    default:
        return false;
    }
}

/* Statements that begin by binding their own WITH. */
static bool has_own_with(wr_node_kind kind)
{
    return kind == WR_SQL_QUERY || kind == WR_SQL_INSERT || kind == WR_SQL_UPDATE ||
           kind == WR_SQL_DELETE || kind == WR_SQL_MERGE;
}

weir_status wr_bind_statement(wr_planner *planner, const wr_node *statement, wr_bound *out)
{
    *out = (wr_bound){.statement = statement, .writes = is_change(statement->kind)};
    planner->depth = 0;
    planner->fixes_rows = planner->reads_unbounded = false;
    planner->emit_on_close = planner->emit_changes = false;
    planner->emit_with = NULL;
    planner->open_sessions.count = 0;
    planner->takes_changes = has_own_with(statement->kind);
    WR_TRY(bind_any(wr_scope_new(planner, NULL), statement, out));
    out->writes |= planner->fixes_rows;
    out->is_continuous = planner->reads_unbounded;
    out->emit_on_close = planner->emit_on_close;
    out->emit_changes = planner->emit_changes;
    if (planner->emit_with)
        WR_TRY(wr_bind_options(planner, planner->emit_with, &out->emit_options));
    if (out->emit_on_close && out->emit_changes)
        return wr_fail_at(WR_E_UNSUPPORTED, statement->span,
                          "one part says EMIT ON WINDOW CLOSE, another EMIT CHANGES");
    return WR_OK;
}

/* The rows go to a target once all of them are there. */
static wr_logical *deliver_to(wr_planner *planner, const wr_bound *bound)
{
    wr_logical *sink = wr_logical_new(planner, WR_L_SINK, bound->root, NULL);
    sink->sink.sink = wr_deliver_sink_new(planner, bound->target, bound->sink->name);
    sink->sink.column_count = bound->root->output_count;
    sink->sink.columns = wr_new_array(planner->arena, wr_column_id, bound->root->output_count + 1);
    for (int i = 0; i < bound->root->output_count; i++)
        sink->sink.columns[i] = bound->root->outputs[i].id;
    wr_logical_set_outputs(planner, sink);
    return sink;
}

weir_status wr_plan_statement(wr_planner *planner, const wr_bound *bound, wr_plan_node **out)
{
    if (bound->emit_options.count)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, bound->emit_options.items[0].span,
                                       "EMIT WITH is for streams"),
                            "INSERT INTO a sink SELECT .. FROM a source .. EMIT WITH (..)");
    wr_logical *root = bound->root;
    if (bound->target) root = deliver_to(planner, bound);
    WR_TRY(wr_optimize(planner, &root));
    return wr_lower(planner, root, out);
}

void wr_planner_clear(wr_planner *planner)
{
    for (int i = 0; i < planner->relations.count; i++)
        wr_relation_release(planner->relations.items[i]);
    for (int i = 0; i < planner->objects.count; i++)
        wr_object_release(planner->objects.items[i]);
    for (int i = 0; i < planner->targets.count; i++)
        wr_target_release(planner->targets.items[i]);
    planner->targets.count = 0;
    planner->relations.count = planner->objects.count = planner->files_read.count = 0;
    planner->key_logs.count = 0;
}
