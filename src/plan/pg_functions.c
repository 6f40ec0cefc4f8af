/* pg_functions.c - what tools ask PostgreSQL about definitions: functions that are queries over
 * pg_catalog, and the types oid, regclass and regtype.
 *
 * The functions are macros over weir_definitions, a table of pg_catalog with the text of each
 * relation, index and constraint. Their arguments are computed in a query of their own in FROM, so
 * that a column of the caller's is never taken for one of the macro's.
 *
 * There is no type for oids: they are BIGINT. A constant name cast to regclass becomes the number,
 * as conditions want it; a number cast to regclass becomes the name, as people want to read it. */
#include "plan/key_log.h"
#include "plan/pg_catalog.h"
#include "sql/format.h"
#include "sql/parse.h"

typedef struct pg_function {
    const char *name, *params, *defaults; /* separated by commas; a default may be empty */
    const char *sql;
    const char *signature, *help, *example, *result; /* of the reference; NULL: for weir only */
} pg_function;

static const pg_function functions[] = {
    {"pg_get_constraintdef", "relation_,pretty_", ",false",
     "(SELECT d_.definition FROM (SELECT relation_ AS o_) q_ JOIN pg_catalog.weir_definitions d_ "
     "ON d_.oid = q_.o_ WHERE d_.kind = 'constraint')",
     "(constraint oid, pretty boolean = false) -> text",
     "The text of a constraint of pg_constraint.", "pg_get_constraintdef(0)", "NULL"},
    {"pg_get_indexdef", "relation_,column_,pretty_", ",0,false",
     "(SELECT CASE WHEN q_.c_ = 0 THEN d_.definition ELSE (SELECT a_.attname FROM "
     "pg_catalog.pg_index i_ JOIN pg_catalog.pg_attribute a_ ON a_.attrelid = i_.indrelid WHERE "
     "i_.indexrelid = q_.o_ AND a_.attnum = i_.indkey[q_.c_]) END FROM (SELECT relation_ AS o_, "
     "column_ AS c_) q_ JOIN pg_catalog.weir_definitions d_ ON d_.oid = q_.o_ WHERE d_.kind = "
     "'index')",
     "(index oid, column integer = 0, pretty boolean = false) -> text",
     "The text of an index of pg_index, or the name of one of its columns.", "pg_get_indexdef(0)",
     "NULL"},
    {"pg_get_viewdef", "relation_,pretty_", ",false",
     "(SELECT d_.definition FROM (SELECT CAST(relation_ AS VARCHAR) AS o_) q_ JOIN "
     "pg_catalog.weir_definitions d_ ON CAST(d_.oid AS VARCHAR) = q_.o_ OR d_.name = q_.o_ WHERE "
     "d_.kind = 'view')",
     "(view oid or name, pretty boolean = false) -> text", "The query of a view.",
     "pg_get_viewdef('nothing')", "NULL"},
    {"obj_description", "object_,catalog_", ",'pg_class'",
     "(SELECT d_.description FROM (SELECT object_ AS o_, catalog_ AS c_) q_ JOIN "
     "pg_catalog.pg_description d_ ON d_.objoid = q_.o_ WHERE d_.objsubid = 0 AND q_.c_ = "
     "'pg_class')",
     "(object oid, catalog text = 'pg_class') -> text",
     "What COMMENT ON says about a table or view.", "obj_description(0)", "NULL"},
    {"col_description", "table_,column_", ",",
     "(SELECT d_.description FROM (SELECT table_ AS o_, column_ AS c_) q_ JOIN "
     "pg_catalog.pg_description d_ ON d_.objoid = q_.o_ AND d_.objsubid = q_.c_)",
     "(table oid, column integer) -> text", "What COMMENT ON says about a column, counted from 1.",
     "col_description(0, 1)", "NULL"},
    {"weir_relation_name", "relation_", "",
     "(SELECT coalesce(min(d_.name), CASE WHEN min(q_.o_) = 0 THEN '-' ELSE CAST(min(q_.o_) AS "
     "VARCHAR) END) FROM (SELECT relation_ AS o_) q_ LEFT JOIN pg_catalog.weir_definitions d_ ON "
     "d_.oid = q_.o_ AND d_.kind <> 'constraint')"},
};

bool wr_pg_function_at(int i, const char *cells[7])
{
    const pg_function *at = NULL;
    for (size_t k = 0; k < WR_COUNT(functions) && !at; k++)
        if (functions[k].help && i-- == 0) at = &functions[k];
    if (!at) return false;
    const char *row[7] = {at->name, "scalar",    "pg_catalog", at->signature,
                          at->help, at->example, at->result};
    memcpy(cells, row, sizeof row);
    return true;
}

/* ---- definitions ---- */

static void add_columns(wr_buf *out, const wr_object *table, const wr_key_def *key)
{
    for (int i = 0; i < key->column_count; i++) {
        wr_buf_add_text(out, i ? ", " : "(");
        wr_format_name(out, table->columns[key->columns[i]].name);
    }
    wr_buf_add_char(out, ')');
}

/* As regclass shows it: with the schema where the name alone would not find it. */
static void add_relation_name(wr_buf *out, wr_str schema, wr_str name, bool is_temporary)
{
    if (!is_temporary && !wr_str_is(schema, "main")) {
        wr_format_name(out, schema);
        wr_buf_add_char(out, '.');
    }
    wr_format_name(out, name);
}

static void definition_row(wr_row_list *rows, const wr_object *object, wr_str name,
                           const char *kind, wr_str definition)
{
    wr_arena *arena = rows->planner->arena;
    WR_BUF(shown);
    add_relation_name(&shown, object->schema, name, object->is_temporary);
    wr_row_int(rows, wr_builtin_oid(object->schema, name));
    wr_row_text(rows, wr_str_of(kind));
    wr_row_text(rows, wr_arena_str(arena, wr_buf_str(&shown)));
    wr_row_text(rows, wr_arena_str(arena, definition));
}

static void key_rows(wr_row_list *rows, const wr_object *table, const wr_key_def *key)
{
    WR_BUF(constraint);
    WR_BUF(index);
    wr_buf_add_text(&constraint, key->is_primary ? "PRIMARY KEY " : "UNIQUE ");
    add_columns(&constraint, table, key);
    definition_row(rows, table, key->name, "constraint", wr_buf_str(&constraint));
    wr_buf_add_text(&index, "CREATE UNIQUE INDEX ");
    wr_format_name(&index, key->name);
    wr_buf_add_text(&index, " ON ");
    wr_format_name(&index, table->schema);
    wr_buf_add_char(&index, '.');
    wr_format_name(&index, table->name);
    wr_buf_add_text(&index, " USING btree ");
    add_columns(&index, table, key);
    definition_row(rows, table, key->name, "index", wr_buf_str(&index));
}

static void table_rows(wr_row_list *rows, const wr_object *table)
{
    for (int k = 0; k < table->key_count; k++)
        key_rows(rows, table, &table->keys[k]);
    for (int c = 0; c < table->check_count; c++) {
        WR_BUF(text);
        wr_buf_printf(&text, "CHECK ((%.*s))", WR_STR_ARGS(table->checks[c].sql));
        definition_row(rows, table, table->checks[c].name, "constraint", wr_buf_str(&text));
    }
    for (int k = 0; k < table->foreign_key_count; k++) {
        WR_BUF(text);
        wr_foreign_key_text(rows->planner->catalog, table, &table->foreign_keys[k], &text);
        definition_row(rows, table, table->foreign_keys[k].name, "constraint", wr_buf_str(&text));
    }
}

/* CREATE UNIQUE INDEX is a key of its table as well, which has the row already. */
static bool is_key(wr_object *const *list, int count, const wr_object *index)
{
    for (int i = 0; i < count; i++)
        for (int k = 0; list[i]->kind == WR_ENTRY_TABLE && k < list[i]->key_count; k++)
            if (wr_str_ieq(list[i]->keys[k].name, index->name)) return true;
    return false;
}

weir_status wr_pg_definitions(wr_scope *scope, wr_row_list *rows)
{
    unsigned kinds = WR_RELATION_KINDS | 1u << WR_ENTRY_SEQUENCE | 1u << WR_ENTRY_INDEX;
    int count;
    wr_object **list = wr_builtin_objects(scope, kinds, &count);
    for (int i = 0; i < count; i++) {
        const wr_object *object = list[i];
        bool is_index = object->kind == WR_ENTRY_INDEX, is_view = object->kind == WR_ENTRY_VIEW;
        if (object->kind == WR_ENTRY_TABLE) table_rows(rows, object);
        if (is_index && is_key(list, count, object)) continue;
        definition_row(rows, object, object->name,
                       is_index  ? "index"
                       : is_view ? "view"
                                 : "relation",
                       is_index || is_view ? object->sql : WR_STR(""));
    }
    return WR_OK;
}

/* ---- functions ---- */

/* The parts between commas. */
static wr_str *split(wr_arena *arena, const char *text, int *count)
{
    wr_str *parts = wr_new_array(arena, wr_str, 4);
    for (*count = 0; *count < 4; (*count)++, text++) {
        size_t length = strcspn(text, ",");
        parts[*count] = (wr_str){text, length};
        text += length;
        if (!*text) break;
    }
    (*count)++;
    return parts;
}

wr_object *wr_pg_function(wr_planner *planner, wr_str name)
{
    for (size_t i = 0; i < WR_COUNT(functions); i++) {
        if (!wr_str_is(name, functions[i].name)) continue;
        int defaults;
        wr_object *macro = wr_new(planner->arena, wr_object);
        macro->kind = WR_ENTRY_MACRO;
        macro->name = wr_str_of(functions[i].name);
        macro->sql = wr_str_of(functions[i].sql);
        macro->params = split(planner->arena, functions[i].params, &macro->param_count);
        macro->param_defaults = split(planner->arena, functions[i].defaults, &defaults);
        return macro;
    }
    return NULL;
}

/* ---- oid, regclass, regtype ---- */

typedef enum number_type { NO_NUMBER, OID, REGCLASS, REGTYPE } number_type;

static number_type number_type_of(const wr_node *node)
{
    if (node->kind != WR_SQL_CAST) return NO_NUMBER;
    const wr_sql_type *type = wr_sql_as_type(wr_sql_as_cast(node)->type);
    wr_str schema, name;
    if (!type->name.count || type->modifiers.count || type->arguments.count) return NO_NUMBER;
    wr_split_name(&type->name, &schema, &name);
    if (schema.length && !wr_str_is(schema, "pg_catalog")) return NO_NUMBER;
    return wr_str_is(name, "oid")        ? OID
           : wr_str_is(name, "regclass") ? REGCLASS
           : wr_str_is(name, "regtype")  ? REGTYPE
                                         : NO_NUMBER;
}

static const wr_sql_literal *text_of(const wr_node *node)
{
    const wr_sql_literal *literal = node->kind == WR_SQL_LITERAL ? wr_sql_as_literal(node) : NULL;
    return literal && literal->literal == WR_LIT_STRING ? literal : NULL;
}

static bool is_number(wr_str text, int64_t *out) { return wr_i64_read(text, out, NULL); }

static weir_status relation_number(wr_scope *scope, const wr_sql_literal *literal, int64_t *out)
{
    wr_planner *planner = scope->planner;
    wr_span span = literal->node.span;
    wr_str schema = {0}, name = literal->text;
    wr_node *tree;
    if (is_number(literal->text, out)) return WR_OK;
    weir_status bad = wr_parse_expression(planner->arena, literal->text, &tree);
    if (!bad && tree->kind == WR_SQL_COLUMN)
        wr_split_name(&wr_sql_as_column(tree)->parts, &schema, &name);
    wr_status_drop(bad);
    unsigned kinds = WR_RELATION_KINDS;
    unsigned others[] = {kinds, 1u << WR_ENTRY_SEQUENCE, 1u << WR_ENTRY_INDEX};
    for (size_t i = 0; planner->catalog && i < WR_COUNT(others); i++) {
        wr_object *object = wr_catalog_find(planner->catalog, others[i], schema, name);
        if (!object) continue;
        wr_push(planner->arena, &planner->objects, object);
        *out = wr_builtin_oid(object->schema, object->name);
        return WR_OK;
    }
    for (const wr_builtin_table *t = wr_pg_tables; t->name; t++)
        if (wr_str_is(name, t->name) && (!schema.length || wr_str_is(schema, t->schema))) {
            *out = wr_builtin_oid(wr_str_of(t->schema), wr_str_of(t->name));
            return WR_OK;
        }
    return wr_fail_at(WR_E_UNKNOWN_TABLE, span, "no table, view, sequence or index \"%.*s\"",
                      WR_STR_ARGS(literal->text));
}

static weir_status type_number(wr_scope *scope, const wr_sql_literal *literal, int64_t *out)
{
    wr_node *tree;
    const wr_type *type;
    if (is_number(literal->text, out)) return WR_OK;
    weir_status bad = wr_parse_type(scope->planner->arena, literal->text, &tree);
    if (!bad) bad = wr_bind_type(scope->planner, tree, &type);
    if (bad) return wr_with_span(bad, literal->node.span);
    *out = wr_pg_type_oid(type);
    return WR_OK;
}

static weir_status call_on(wr_scope *scope, const char *function, wr_node *arg, wr_span span,
                           wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_sql_call *call = (wr_sql_call *)wr_node_new(arena, WR_SQL_CALL, span);
    call->name.items = wr_new_array(arena, wr_name, 1);
    call->name.items[0] = (wr_name){.text = wr_str_of(function), .span = span};
    call->name.count = 1;
    call->args.items = wr_new_array(arena, wr_node *, 2);
    call->args.items[call->args.count++] = arg;
    if (strcmp(function, "format_type") == 0) {
        wr_sql_literal *none = (wr_sql_literal *)wr_node_new(arena, WR_SQL_LITERAL, span);
        none->literal = WR_LIT_NULL;
        call->args.items[call->args.count++] = &none->node;
    }
    return wr_bind_expr(scope, &call->node, out);
}

static weir_status number_or_name(wr_scope *scope, const wr_sql_cast *cast, number_type type,
                                  wr_expr **out)
{
    const wr_sql_literal *literal = text_of(cast->operand);
    wr_arena *arena = scope->planner->arena;
    int64_t number = 0;
    wr_expr *arg;
    if (literal && type != OID) {
        WR_TRY(type == REGCLASS ? relation_number(scope, literal, &number)
                                : type_number(scope, literal, &number));
        *out = wr_expr_const(arena, wr_value_int(WR_BIGINT, number));
        (*out)->span = cast->node.span;
        return WR_OK;
    }
    /* a number that was made a name on the way stays the number */
    const wr_node *operand = cast->operand;
    if (type == OID && number_type_of(operand) != NO_NUMBER &&
        !text_of(wr_sql_as_cast(operand)->operand))
        operand = wr_sql_as_cast(operand)->operand;
    WR_TRY(wr_bind_expr(scope, operand, &arg));
    if (type == OID || (arg->type->id != WR_T_VARCHAR && !arg->is_untyped)) {
        if (type == OID)
            return wr_bind_cast(arena, arg, WR_BIGINT, cast->try_cast, cast->node.span, out);
        return call_on(scope, type == REGCLASS ? "weir_relation_name" : "format_type",
                       cast->operand, cast->node.span, out);
    }
    if (arg->type->id == WR_T_VARCHAR && number_type_of(operand) == type) {
        *out = arg;
        return WR_OK;
    }
    return wr_fail_at(WR_E_UNSUPPORTED, cast->node.span,
                      "only a constant text or a number can be cast to %s",
                      type == REGCLASS ? "regclass" : "regtype");
}

weir_status wr_bind_pg_cast(wr_scope *scope, const wr_sql_cast *cast, wr_expr **out, bool *done)
{
    number_type type = number_type_of(&cast->node);
    number_type inner = number_type_of(cast->operand);
    *done = true;
    if (type != NO_NUMBER) return number_or_name(scope, cast, type, out);
    const wr_type *target;
    *done = false;
    if (inner != REGCLASS && inner != REGTYPE) return WR_OK;
    if (!text_of(wr_sql_as_cast(cast->operand)->operand)) return WR_OK;
    /* 't'::regclass::text is a name again */
    WR_TRY(wr_bind_type(scope->planner, cast->type, &target));
    if (target->id != WR_T_VARCHAR) return WR_OK;
    *done = true;
    return call_on(scope, inner == REGCLASS ? "weir_relation_name" : "format_type", cast->operand,
                   cast->node.span, out);
}
