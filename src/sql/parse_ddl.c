/* parse_ddl.c - CREATE of everything but tables, ALTER, DROP, and option lists. */
#include "sql/parser.h"

/* The value of an option: a word, an expression, or a list in brackets. */
static wr_node *parse_option_value(wr_parser *p)
{
    const wr_token *token = now(p);
    bool word = token->kind == WR_TOKEN_NAME && !wr_token_is_column_name(token) &&
                token->keyword != WR_KW_NULL && token->keyword != WR_KW_TRUE &&
                token->keyword != WR_KW_FALSE && token->keyword != WR_KW_CASE &&
                token->keyword != WR_KW_CAST && token->keyword != WR_KW_NOT &&
                token->keyword != WR_KW_ARRAY && token->keyword != WR_KW_CURRENT_DATE &&
                token->keyword != WR_KW_CURRENT_TIMESTAMP && !token_is_punct(ahead(p, 1), '(');
    if (at_op(p, WR_OP_MUL)) return wr_grammar_star(p, (wr_names){0}, NULL, span_of(token));
    if (!word) return wr_grammar_expression(p);
    /* on, all, user: reserved words are values here */
    wr_sql_column *column = WR_NODE(p, COLUMN, column, span_of(token));
    wr_name_list parts = {0};
    wr_push(p->arena, &parts, wr_name_of(token));
    column->parts = wr_names_of(&parts);
    advance(p);
    return &column->node;
}

wr_nodes wr_grammar_options(wr_parser *p)
{
    wr_node_list list = {0};
    wr_need_punct(p, '(');
    while (!at_punct(p, ')') && !p->error) {
        wr_sql_option *option = WR_NODE(p, OPTION, option, span_now(p));
        option->name = wr_grammar_option_name(p);
        if (!take_op(p, WR_OP_EQ) && !take_punct(p, WR_PUNCT_ARROW) &&
            !take_punct(p, WR_PUNCT_ASSIGN))
            take_punct(p, ':');
        if (!at_punct(p, ',') && !at_punct(p, ')')) option->value = parse_option_value(p);
        wr_push(p->arena, &list, &option->node);
        if (!take_punct(p, ',')) break;
    }
    wr_need_punct(p, ')');
    return wr_nodes_of(&list);
}

static wr_node *make_option(wr_parser *p, const char *name, wr_node *value, wr_span span)
{
    wr_sql_option *option = WR_NODE(p, OPTION, option, span);
    option->name = (wr_name){wr_str_of(name), span, false};
    option->value = value;
    return &option->node;
}

static wr_node *make_boolean(wr_parser *p, bool value, wr_span span)
{
    wr_sql_literal *literal = WR_NODE(p, LITERAL, literal, span);
    literal->literal = value ? WR_LIT_TRUE : WR_LIT_FALSE;
    return &literal->node;
}

static wr_node *parse_signed_number(wr_parser *p) { return wr_grammar_value_before_in(p); }

wr_nodes wr_grammar_sequence_options(wr_parser *p)
{
    wr_node_list list = {0};
    for (;;) {
        wr_span span = span_now(p);
        wr_node *option;
        if (take_word(p, WR_KW_AS)) {
            option = make_option(p, "as", wr_grammar_type(p), span);
        } else if (take_word(p, WR_KW_INCREMENT)) {
            take_word(p, WR_KW_BY);
            option = make_option(p, "increment", parse_signed_number(p), span);
        } else if (take_word(p, WR_KW_MINVALUE)) {
            option = make_option(p, "minvalue", parse_signed_number(p), span);
        } else if (take_word(p, WR_KW_MAXVALUE)) {
            option = make_option(p, "maxvalue", parse_signed_number(p), span);
        } else if (take_word(p, WR_KW_START)) {
            take_word(p, WR_KW_WITH);
            option = make_option(p, "start", parse_signed_number(p), span);
        } else if (take_word(p, WR_KW_RESTART)) {
            bool number =
                take_word(p, WR_KW_WITH) || now(p)->kind == WR_TOKEN_INTEGER || at_op(p, WR_OP_SUB);
            option = make_option(p, "restart", number ? parse_signed_number(p) : NULL, span);
        } else if (take_word(p, WR_KW_CACHE)) {
            option = make_option(p, "cache", parse_signed_number(p), span);
        } else if (take_word(p, WR_KW_CYCLE)) {
            option = make_option(p, "cycle", make_boolean(p, true, span), span);
        } else if (take_word2(p, WR_KW_NO, WR_KW_CYCLE)) {
            option = make_option(p, "cycle", make_boolean(p, false, span), span);
        } else if (take_word2(p, WR_KW_NO, WR_KW_MINVALUE)) {
            option = make_option(p, "minvalue", NULL, span);
        } else if (take_word2(p, WR_KW_NO, WR_KW_MAXVALUE)) {
            option = make_option(p, "maxvalue", NULL, span);
        } else if (take_word(p, WR_KW_OWNED)) {
            wr_need_word(p, WR_KW_BY);
            bool none = take_word(p, WR_KW_NONE);
            option = make_option(p, "owned_by", none ? NULL : wr_grammar_primary(p), span);
        } else {
            return wr_nodes_of(&list);
        }
        wr_push(p->arena, &list, option);
    }
}

static wr_node *parse_create_view(wr_parser *p, wr_create_mode mode, bool materialized,
                                  bool recursive, wr_span span)
{
    wr_sql_create_view *node = WR_NODE(p, CREATE_VIEW, create_view, span);
    node->mode = mode;
    node->materialized = materialized;
    node->recursive = recursive;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    node->name = wr_grammar_qualified(p, "a view name");
    if (at_punct(p, '(')) node->columns = wr_grammar_name_list(p, "a column name");
    if (at_word(p, WR_KW_WITH) && token_is_punct(ahead(p, 1), '(')) {
        advance(p);
        node->options = wr_grammar_options(p);
    }
    wr_need_word(p, WR_KW_AS);
    node->query = wr_grammar_query(p);
    if (take_word2(p, WR_KW_WITH, WR_KW_NO)) {
        wr_need_word(p, WR_KW_DATA);
        node->no_data = true;
    } else {
        take_word2(p, WR_KW_WITH, WR_KW_DATA);
    }
    /* EMIT ON WINDOW CLOSE belongs to the view, not to its query, unless it has a WITH. */
    wr_sql_query *query = node->query->kind == WR_SQL_QUERY ? wr_sql_as_query(node->query) : NULL;
    if (query && query->emit_on_close && !query->emit_with.count) {
        query->emit_on_close = false;
        node->emit_on_close = true;
    }
    return &node->node;
}

static wr_node *parse_create_type(wr_parser *p, wr_create_mode mode, wr_span span)
{
    wr_sql_create_type *node = WR_NODE(p, CREATE_TYPE, create_type, span);
    node->mode = mode;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    node->name = wr_grammar_qualified(p, "a type name");
    wr_need_word(p, WR_KW_AS);
    if (!at_punct(p, '(')) {
        node->type = wr_grammar_type(p);
        return &node->node;
    }
    /* CREATE TYPE t AS (a int, b text) is a struct */
    wr_sql_type *type = WR_NODE(p, TYPE, type, span_now(p));
    wr_node_list fields = {0};
    advance(p);
    type->form = WR_TYPE_STRUCT;
    type->size = -1;
    do {
        if (fields.count && at_punct(p, ')')) break;
        wr_sql_column_def *field = WR_NODE(p, COLUMN_DEF, column_def, span_now(p));
        field->name = wr_grammar_label(p, "the name of a field");
        field->type = wr_grammar_type(p);
        wr_push(p->arena, &fields, &field->node);
    } while (take_punct(p, ','));
    wr_need_punct(p, ')');
    type->arguments = wr_nodes_of(&fields);
    node->type = &type->node;
    return &node->node;
}

/* (a, b int, c := 1, d int DEFAULT 2, IN e text) */
static wr_nodes parse_parameters(wr_parser *p)
{
    wr_node_list list = {0};
    wr_need_punct(p, '(');
    while (!at_punct(p, ')') && !p->error) {
        wr_sql_param_def *param = WR_NODE(p, PARAM_DEF, param_def, span_now(p));
        take_word(p, WR_KW_IN);
        param->name = wr_grammar_label(p, "the name of a parameter");
        bool value = at_punct(p, WR_PUNCT_ASSIGN) || at_word(p, WR_KW_DEFAULT) ||
                     at_op(p, WR_OP_EQ) || at_punct(p, WR_PUNCT_ARROW);
        if (!value && !at_punct(p, ',') && !at_punct(p, ')')) param->type = wr_grammar_type(p);
        value = take_punct(p, WR_PUNCT_ASSIGN) || take_word(p, WR_KW_DEFAULT) ||
                take_op(p, WR_OP_EQ) || take_punct(p, WR_PUNCT_ARROW);
        if (value) param->value = wr_grammar_expression(p);
        wr_push(p->arena, &list, &param->node);
        if (!take_punct(p, ',')) break;
    }
    wr_need_punct(p, ')');
    return wr_nodes_of(&list);
}

/* AS 'body' in another language, not the text that CREATE MACRO f() AS 'text' returns. */
static bool at_text_body(const wr_parser *p, const wr_sql_macro_body *body)
{
    if (!at_word(p, WR_KW_AS) || ahead(p, 1)->kind != WR_TOKEN_STRING) return false;
    bool declared = body->returns || body->returns_table.count || wr_name_given(body->language);
    return declared || ahead(p, 2)->keyword == WR_KW_LANGUAGE;
}

/* RETURNS type | RETURNS TABLE (..), LANGUAGE, attributes, AS 'body' or RETURN expression: the
 * PostgreSQL form. */
static void parse_function_clauses(wr_parser *p, wr_sql_macro_body *body)
{
    wr_node_list attributes = {0};
    for (;;) {
        wr_span span = span_now(p);
        if (take_word(p, WR_KW_RETURNS)) {
            if (at_word(p, WR_KW_NULL)) { /* RETURNS NULL ON NULL INPUT is STRICT */
                for (int i = 0; i < 4; i++)
                    advance(p);
                wr_push(p->arena, &attributes, make_option(p, "strict", NULL, span));
            } else if (take_word(p, WR_KW_TABLE)) {
                wr_node_list columns = {0};
                wr_need_punct(p, '(');
                do
                    wr_push(p->arena, &columns, wr_grammar_column_def(p));
                while (take_punct(p, ','));
                wr_need_punct(p, ')');
                body->returns_table = wr_nodes_of(&columns);
            } else {
                body->returns_set = at_word(p, WR_KW_SETOF);
                body->returns = wr_grammar_type(p);
            }
        } else if (take_word(p, WR_KW_LANGUAGE)) {
            body->language =
                at_string(p) ? wr_grammar_option_name(p) : wr_grammar_name(p, "a language");
        } else if (at_word(p, WR_KW_IMMUTABLE) || at_word(p, WR_KW_STABLE) ||
                   at_word(p, WR_KW_VOLATILE) || at_word(p, WR_KW_STRICT)) {
            wr_name word = wr_grammar_name(p, "an attribute");
            wr_sql_option *option = WR_NODE(p, OPTION, option, span);
            option->name = word;
            wr_push(p->arena, &attributes, &option->node);
        } else if (at_text_body(p, body)) {
            advance(p);
            body->text = wr_grammar_string(p, "the body");
        } else if (take_word(p, WR_KW_RETURN)) {
            body->expression = wr_grammar_expression(p);
        } else {
            break;
        }
    }
    body->options = wr_nodes_of(&attributes);
}

static wr_node *parse_macro_body(wr_parser *p)
{
    wr_sql_macro_body *body = WR_NODE(p, MACRO_BODY, macro_body, span_now(p));
    body->params = parse_parameters(p);
    parse_function_clauses(p, body);
    if (body->text || body->expression) return &body->node;
    wr_need_word(p, WR_KW_AS);
    if (take_word(p, WR_KW_TABLE))
        body->query = wr_grammar_query(p);
    else
        body->expression = wr_grammar_expression(p);
    return &body->node;
}

static wr_node *parse_create_macro(wr_parser *p, wr_create_mode mode, wr_span span)
{
    wr_sql_create_macro *node = WR_NODE(p, CREATE_MACRO, create_macro, span);
    wr_node_list overloads = {0};
    node->mode = mode;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    node->name = wr_grammar_qualified(p, "a function name");
    do
        wr_push(p->arena, &overloads, parse_macro_body(p));
    while (at_punct(p, ',') && token_is_punct(ahead(p, 1), '(') && take_punct(p, ','));
    node->overloads = wr_nodes_of(&overloads);
    return &node->node;
}

/* Items of an index: expression [COLLATE] [opclass] [ASC|DESC] [NULLS ..] */
static wr_nodes parse_index_items(wr_parser *p)
{
    wr_node_list list = {0};
    wr_need_punct(p, '(');
    do {
        if (list.count && at_punct(p, ')')) break;
        wr_sql_order_item *item = WR_NODE(p, ORDER_ITEM, order_item, span_now(p));
        item->value = wr_grammar_expression(p);
        if (wr_token_is_column_name(now(p)) && !at_word(p, WR_KW_NULLS))
            item->opclass = wr_grammar_qualified(p, "an operator class");
        if (take_word(p, WR_KW_ASC)) item->direction = WR_ORDER_ASC;
        if (take_word(p, WR_KW_DESC)) item->direction = WR_ORDER_DESC;
        if (take_word2(p, WR_KW_NULLS, WR_KW_FIRST)) item->nulls = WR_ORDER_NULLS_FIRST;
        if (take_word2(p, WR_KW_NULLS, WR_KW_LAST)) item->nulls = WR_ORDER_NULLS_LAST;
        wr_push(p->arena, &list, &item->node);
    } while (take_punct(p, ','));
    wr_need_punct(p, ')');
    return wr_nodes_of(&list);
}

static wr_node *parse_create_index(wr_parser *p, wr_create_mode mode, bool unique, wr_span span)
{
    wr_sql_create_index *node = WR_NODE(p, CREATE_INDEX, create_index, span);
    node->mode = mode;
    node->unique = unique;
    node->concurrently = take_word(p, WR_KW_CONCURRENTLY);
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    if (!at_word(p, WR_KW_ON)) node->name = wr_grammar_qualified(p, "an index name");
    wr_need_word(p, WR_KW_ON);
    take_word(p, WR_KW_ONLY);
    node->table = wr_grammar_qualified(p, "a table name");
    if (take_word(p, WR_KW_USING)) node->method = wr_grammar_name(p, "an index method");
    node->items = parse_index_items(p);
    if (!wr_name_given(node->method) && take_word(p, WR_KW_USING))
        node->method = wr_grammar_name(p, "an index method");
    if (take_word(p, WR_KW_INCLUDE)) node->include = wr_grammar_name_list(p, "a column name");
    if (take_word(p, WR_KW_NULLS)) {
        node->nulls_not_distinct = take_word(p, WR_KW_NOT);
        wr_need_word(p, WR_KW_DISTINCT);
    }
    if (take_word(p, WR_KW_WITH)) node->options = wr_grammar_options(p);
    if (take_word(p, WR_KW_WHERE)) node->where = wr_grammar_expression(p);
    return &node->node;
}

static wr_node *parse_create_secret(wr_parser *p, wr_create_mode mode, bool persistent,
                                    wr_span span)
{
    wr_sql_create_secret *node = WR_NODE(p, CREATE_SECRET, create_secret, span);
    wr_name_list name = {0};
    node->mode = mode;
    node->persistent = persistent;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    if (!at_punct(p, '(') && !at_word(p, WR_KW_IN)) {
        wr_push(p->arena, &name, wr_grammar_name(p, "the name of a secret"));
        node->name = wr_names_of(&name);
    }
    if (take_word(p, WR_KW_IN)) node->storage = wr_grammar_name(p, "a storage");
    node->options = wr_grammar_options(p);
    return &node->node;
}

static wr_node *parse_create_schema(wr_parser *p, wr_create_mode mode, wr_span span)
{
    wr_sql_create_schema *node = WR_NODE(p, CREATE_SCHEMA, create_schema, span);
    node->mode = mode;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    if (at_word(p, WR_KW_AUTHORIZATION))
        return wr_refuse(p, span_now(p), "CREATE SCHEMA AUTHORIZATION");
    node->name = wr_grammar_qualified(p, "a schema name");
    return &node->node;
}

static wr_node *parse_create_sequence(wr_parser *p, wr_create_mode mode, wr_span span)
{
    wr_sql_create_sequence *node = WR_NODE(p, CREATE_SEQUENCE, create_sequence, span);
    node->mode = mode;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    node->name = wr_grammar_qualified(p, "a sequence name");
    node->options = wr_grammar_sequence_options(p);
    return &node->node;
}

wr_node *wr_grammar_create(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_create_mode mode = {0};
    bool persistent = false, unlogged = false;
    advance(p);
    if (take_word(p, WR_KW_OR)) {
        wr_need_word(p, WR_KW_REPLACE);
        mode.replace = true;
    }
    if (!take_word(p, WR_KW_LOCAL)) take_word(p, WR_KW_GLOBAL);
    mode.temporary = take_word(p, WR_KW_TEMP) || take_word(p, WR_KW_TEMPORARY);
    if (!mode.temporary) persistent = take_word(p, WR_KW_PERSISTENT);
    if (!persistent) unlogged = take_word(p, WR_KW_UNLOGGED);
    if (take_word(p, WR_KW_TABLE)) {
        wr_node *node = wr_grammar_create_table(p, mode, WR_ROLE_TABLE, span);
        if (node->kind == WR_SQL_CREATE_TABLE) wr_sql_as_create_table(node)->unlogged = unlogged;
        return node;
    }
    if (at_word(p, WR_KW_SOURCE) || at_word(p, WR_KW_SINK)) {
        wr_table_role role = at_word(p, WR_KW_SINK) ? WR_ROLE_SINK : WR_ROLE_SOURCE;
        advance(p);
        take_word(p, WR_KW_TABLE);
        return wr_grammar_create_table(p, mode, role, span);
    }
    if (take_word(p, WR_KW_VIEW)) return parse_create_view(p, mode, false, false, span);
    if (take_word2(p, WR_KW_RECURSIVE, WR_KW_VIEW))
        return parse_create_view(p, mode, false, true, span);
    if (take_word2(p, WR_KW_MATERIALIZED, WR_KW_VIEW))
        return parse_create_view(p, mode, true, false, span);
    if (take_word(p, WR_KW_SCHEMA)) return parse_create_schema(p, mode, span);
    if (take_word(p, WR_KW_SEQUENCE)) return parse_create_sequence(p, mode, span);
    if (take_word(p, WR_KW_TYPE)) return parse_create_type(p, mode, span);
    if (take_word(p, WR_KW_MACRO) || take_word(p, WR_KW_FUNCTION))
        return parse_create_macro(p, mode, span);
    if (take_word2(p, WR_KW_UNIQUE, WR_KW_INDEX)) return parse_create_index(p, mode, true, span);
    if (take_word(p, WR_KW_INDEX)) return parse_create_index(p, mode, false, span);
    if (take_word(p, WR_KW_SECRET)) return parse_create_secret(p, mode, persistent, span);
    static const char *const refused[] = {"trigger",     "database",     "extension",  "role",
                                          "user",        "policy",       "rule",       "aggregate",
                                          "domain",      "operator",     "server",     "collation",
                                          "publication", "subscription", "connection", "procedure"};
    for (size_t i = 0; i < WR_COUNT(refused); i++)
        if (at_text(p, refused[i]))
            return wr_refuse(p, span_now(p), "CREATE of this kind of object");
    return wr_expected(p, "TABLE, VIEW, INDEX or another kind of object");
}

static const struct object_row {
    wr_keyword first, second;
    wr_object_kind object;
    const char *text;
} object_rows[] = {
    {WR_KW_TABLE, 0, WR_OBJECT_TABLE, "TABLE"},
    {WR_KW_MATERIALIZED, WR_KW_VIEW, WR_OBJECT_MATERIALIZED_VIEW, "MATERIALIZED VIEW"},
    {WR_KW_VIEW, 0, WR_OBJECT_VIEW, "VIEW"},
    {WR_KW_SCHEMA, 0, WR_OBJECT_SCHEMA, "SCHEMA"},
    {WR_KW_SEQUENCE, 0, WR_OBJECT_SEQUENCE, "SEQUENCE"},
    {WR_KW_TYPE, 0, WR_OBJECT_TYPE, "TYPE"},
    {WR_KW_MACRO, WR_KW_TABLE, WR_OBJECT_MACRO_TABLE, "MACRO TABLE"},
    {WR_KW_FUNCTION, WR_KW_TABLE, WR_OBJECT_MACRO_TABLE, "MACRO TABLE"},
    {WR_KW_MACRO, 0, WR_OBJECT_MACRO, "MACRO"},
    {WR_KW_FUNCTION, 0, WR_OBJECT_FUNCTION, "FUNCTION"},
    {WR_KW_INDEX, 0, WR_OBJECT_INDEX, "INDEX"},
    {WR_KW_SECRET, 0, WR_OBJECT_SECRET, "SECRET"},
    {WR_KW_SOURCE, 0, WR_OBJECT_SOURCE, "SOURCE"},
    {WR_KW_SINK, 0, WR_OBJECT_SINK, "SINK"},
    {WR_KW_DATABASE, 0, WR_OBJECT_DATABASE, "DATABASE"},
    {WR_KW_COLUMN, 0, WR_OBJECT_COLUMN, "COLUMN"},
    {WR_KW_CONSTRAINT, 0, WR_OBJECT_CONSTRAINT, "CONSTRAINT"},
};

const char *wr_object_kind_text(wr_object_kind object)
{
    for (size_t i = 0; i < WR_COUNT(object_rows); i++)
        if (object_rows[i].object == object) return object_rows[i].text;
    return "OBJECT";
}

wr_object_kind wr_grammar_object_kind(wr_parser *p)
{
    for (size_t i = 0; i < WR_COUNT(object_rows); i++) {
        const struct object_row *row = &object_rows[i];
        if (!at_word(p, row->first) || (row->second && ahead(p, 1)->keyword != row->second))
            continue;
        advance(p);
        if (row->second) advance(p);
        return row->object;
    }
    wr_expected(p, "TABLE, VIEW, INDEX or another kind of object");
    return WR_OBJECT_TABLE;
}

wr_drop_behavior wr_take_drop_behavior(wr_parser *p)
{
    if (take_word(p, WR_KW_CASCADE)) return WR_DROP_CASCADE;
    if (take_word(p, WR_KW_RESTRICT)) return WR_DROP_RESTRICT;
    return WR_DROP_UNSAID;
}

wr_node *wr_grammar_drop(wr_parser *p)
{
    wr_sql_drop *node = WR_NODE(p, DROP, drop, span_now(p));
    advance(p);
    if (!take_word(p, WR_KW_TEMPORARY)) take_word(p, WR_KW_PERSISTENT);
    if (at_word(p, WR_KW_TRIGGER) || at_word(p, WR_KW_EXTENSION) || at_text(p, "role") ||
        at_word(p, WR_KW_USER))
        return wr_refuse(p, span_now(p), "DROP of this kind of object");
    node->object = wr_grammar_object_kind(p);
    if (node->object == WR_OBJECT_SOURCE || node->object == WR_OBJECT_SINK)
        take_word(p, WR_KW_TABLE);
    node->concurrently = take_word(p, WR_KW_CONCURRENTLY);
    node->if_exists = wr_take_if_exists(p);
    node->names = wr_grammar_qualified_list(p, "a name");
    if (node->object == WR_OBJECT_FUNCTION && take_punct(p, '(')) {
        wr_node_list types = {0};
        while (!at_punct(p, ')') && !p->error) {
            wr_push(p->arena, &types, wr_grammar_type(p));
            if (!take_punct(p, ',')) break;
        }
        wr_need_punct(p, ')');
        node->has_types = true;
        node->types = wr_nodes_of(&types);
    }
    node->behavior = wr_take_drop_behavior(p);
    return &node->node;
}
