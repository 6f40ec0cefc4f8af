/* parse_primary.c - operands: literals, names, brackets of all kinds, CASE, CAST, and what hangs
 * behind an operand (subscripts, :: and fields).
 *
 * Traps: "(" opens an expression, a row, a query, or a query whose first part is in brackets
 * itself; the last is found out only behind the inner bracket and then goes on with
 * wr_grammar_query_from. "[" is a list or a comprehension; "{" a struct. */
#include "sql/parser.h"

static wr_node *parse_literal(wr_parser *p, wr_literal_kind literal)
{
    wr_sql_literal *node = WR_NODE(p, LITERAL, literal, span_now(p));
    node->literal = literal;
    if (literal > WR_LIT_FALSE) node->text = now(p)->text;
    advance(p);
    return &node->node;
}

/* The number that stands for a named parameter: names are numbered as they first occur. */
static int param_by_name(wr_parser *p, wr_str name)
{
    for (int i = 0; i < p->param_names.count; i++)
        if (wr_str_ieq(p->param_names.items[i], name)) return i + 1;
    wr_push(p->arena, &p->param_names, name);
    return p->param_names.count;
}

/* Takes the token of a parameter into account; named and numbered ones do not mix. */
static wr_node *count_param(wr_parser *p, wr_sql_param *node)
{
    bool mixed = node->name.length ? p->param_count > p->param_names.count : p->param_names.count;
    if (mixed)
        return wr_misplaced(p, node->node.span,
                            "a statement has named parameters or numbered ones, not both", NULL);
    if (node->name.length) node->index = param_by_name(p, node->name);
    p->param_count = WR_MAX(p->param_count, node->index);
    return &node->node;
}

static wr_node *parse_param(wr_parser *p)
{
    wr_sql_param *node = WR_NODE(p, PARAM, param, span_now(p));
    const wr_token *token = now(p);
    int64_t index = 0;
    if (token->kind == WR_TOKEN_OPERATOR) {
        node->index = ++p->question_marks;
    } else if (token->detail != WR_PUNCT_PARAM_QUOTED && token->text.data[0] >= '0' &&
               token->text.data[0] <= '9') {
        for (size_t i = 0; i < token->text.length && index <= 65535; i++)
            index = index * 10 + (token->text.data[i] - '0');
        if (index < 1 || index > 65535)
            return wr_misplaced(p, span_of(token), "parameters are numbered from 1 to 65535", NULL);
        node->index = (int)index;
    } else {
        node->name = token->text;
    }
    wr_node *counted = count_param(p, node);
    if (counted == &node->node) advance(p);
    return counted;
}

static wr_node *parse_case(wr_parser *p)
{
    wr_sql_case *node = WR_NODE(p, CASE, case, span_now(p));
    wr_node_list whens = {0};
    advance(p);
    if (!at_word(p, WR_KW_WHEN)) node->operand = wr_grammar_expression(p);
    if (!at_word(p, WR_KW_WHEN)) wr_need_word(p, WR_KW_WHEN);
    while (at_word(p, WR_KW_WHEN)) {
        wr_sql_when *when = WR_NODE(p, WHEN, when, span_now(p));
        advance(p);
        when->condition = wr_grammar_expression(p);
        wr_need_word(p, WR_KW_THEN);
        when->result = wr_grammar_expression(p);
        wr_push(p->arena, &whens, &when->node);
    }
    if (take_word(p, WR_KW_ELSE)) node->otherwise = wr_grammar_expression(p);
    wr_need_word(p, WR_KW_END);
    node->whens = wr_nodes_of(&whens);
    return &node->node;
}

static wr_node *parse_cast(wr_parser *p)
{
    wr_sql_cast *node = WR_NODE(p, CAST, cast, span_now(p));
    node->try_cast = at_word(p, WR_KW_TRY_CAST);
    advance(p);
    wr_need_punct(p, '(');
    node->operand = wr_grammar_expression(p);
    wr_need_word(p, WR_KW_AS);
    node->type = wr_grammar_type(p);
    wr_need_punct(p, ')');
    return &node->node;
}

static wr_node *make_subquery(wr_parser *p, wr_node *query, wr_span span, bool array)
{
    wr_sql_subquery *node = WR_NODE(p, SUBQUERY, subquery, span);
    node->query = query;
    node->array = array;
    return &node->node;
}

static wr_node *make_row(wr_parser *p, wr_span span, bool keyword, wr_nodes items)
{
    wr_sql_row *node = WR_NODE(p, ROW, row, span);
    node->keyword = keyword;
    node->items = items;
    return &node->node;
}

static wr_node *parse_parentheses(wr_parser *p)
{
    wr_span span = span_now(p);
    advance(p);
    if (wr_at_query(p)) {
        wr_node *query = wr_grammar_query(p);
        wr_need_punct(p, ')');
        return make_subquery(p, query, span, false);
    }
    if (at_punct(p, ')')) return wr_expected(p, "a value");
    wr_node *first = wr_grammar_expression(p);
    if (first->kind == WR_SQL_SUBQUERY && wr_at_query_continuation(p) &&
        !wr_sql_as_subquery(first)->array) {
        wr_node *query = wr_grammar_query_from(p, wr_sql_as_subquery(first)->query);
        wr_need_punct(p, ')');
        return make_subquery(p, query, span, false);
    }
    if (!at_punct(p, ',')) {
        wr_need_punct(p, ')');
        return first;
    }
    wr_node_list items = {0};
    wr_push(p->arena, &items, first);
    while (take_punct(p, ',')) {
        if (at_punct(p, ')')) break;
        wr_push(p->arena, &items, wr_grammar_expression(p));
    }
    wr_need_punct(p, ')');
    return make_row(p, span, false, wr_nodes_of(&items));
}

static wr_node *parse_row(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_nodes items = {0};
    advance(p);
    wr_need_punct(p, '(');
    if (!at_punct(p, ')')) items = wr_grammar_expressions(p);
    wr_need_punct(p, ')');
    return make_row(p, span, true, items);
}

/* [result FOR x [, i] IN source [IF condition]], behind the result. */
static wr_node *parse_comprehension(wr_parser *p, wr_node *result, wr_span span)
{
    wr_sql_comprehension *node = WR_NODE(p, COMPREHENSION, comprehension, span);
    wr_name_list variables = {0};
    advance(p);
    node->result = result;
    do
        wr_push(p->arena, &variables, wr_grammar_name(p, "the name of the element"));
    while (take_punct(p, ','));
    node->variables = wr_names_of(&variables);
    wr_need_word(p, WR_KW_IN);
    node->source = wr_grammar_expression(p);
    if (take_word(p, WR_KW_IF)) node->condition = wr_grammar_expression(p);
    wr_need_punct(p, ']');
    return &node->node;
}

/* The cursor is at "[". Nested brackets inside ARRAY[[1], [2]] are lists by themselves. */
static wr_node *parse_list(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_node_list items = {0};
    advance(p);
    if (!at_punct(p, ']')) {
        wr_node *first = wr_grammar_expression(p);
        if (at_word(p, WR_KW_FOR)) return parse_comprehension(p, first, span);
        wr_push(p->arena, &items, first);
        while (take_punct(p, ',')) {
            if (at_punct(p, ']')) break;
            wr_push(p->arena, &items, wr_grammar_expression(p));
        }
    }
    wr_need_punct(p, ']');
    wr_sql_list *node = WR_NODE(p, LIST, list, span);
    node->items = wr_nodes_of(&items);
    return &node->node;
}

/* ARRAY[..], ARRAY(SELECT ..) */
static wr_node *parse_array(wr_parser *p)
{
    wr_span span = span_now(p);
    advance(p);
    if (at_punct(p, '[')) return parse_list(p);
    wr_need_punct(p, '(');
    wr_node *query =
        wr_at_query(p) || at_punct(p, '(') ? wr_grammar_query(p) : wr_expected(p, "a query");
    wr_need_punct(p, ')');
    return make_subquery(p, query, span, true);
}

static wr_node *parse_struct(wr_parser *p)
{
    wr_sql_struct *node = WR_NODE(p, STRUCT, struct, span_now(p));
    wr_node_list fields = {0};
    advance(p);
    while (!at_punct(p, '}')) {
        wr_sql_arg *field = WR_NODE(p, ARG, arg, span_now(p));
        if (at_string(p)) {
            field->name = wr_name_of(now(p));
            field->name.quoted = true;
            advance(p);
        } else {
            field->name = wr_grammar_label(p, "the name of a field");
        }
        wr_need_punct(p, ':');
        field->value = wr_grammar_expression(p);
        wr_push(p->arena, &fields, &field->node);
        if (!take_punct(p, ',')) break;
    }
    wr_need_punct(p, '}');
    node->fields = wr_nodes_of(&fields);
    return &node->node;
}

static wr_node *parse_map(wr_parser *p)
{
    wr_sql_map *node = WR_NODE(p, MAP, map, span_now(p));
    wr_node_list keys = {0}, values = {0};
    advance(p);
    wr_need_punct(p, '{');
    while (!at_punct(p, '}')) {
        wr_push(p->arena, &keys, wr_grammar_expression(p));
        wr_need_punct(p, ':');
        wr_push(p->arena, &values, wr_grammar_expression(p));
        if (!take_punct(p, ',')) break;
    }
    wr_need_punct(p, '}');
    node->keys = wr_nodes_of(&keys);
    node->values = wr_nodes_of(&values);
    return &node->node;
}

static wr_node *parse_exists(wr_parser *p)
{
    wr_sql_exists *node = WR_NODE(p, EXISTS, exists, span_now(p));
    advance(p);
    wr_need_punct(p, '(');
    node->query =
        wr_at_query(p) || at_punct(p, '(') ? wr_grammar_query(p) : wr_expected(p, "a query");
    wr_need_punct(p, ')');
    return &node->node;
}

static wr_node *parse_typed_literal(wr_parser *p)
{
    wr_sql_typed_literal *node = WR_NODE(p, TYPED_LITERAL, typed_literal, span_now(p));
    node->type = wr_grammar_type(p);
    node->text = now(p)->text;
    if (!at_string(p)) return wr_expected(p, "a text");
    advance(p);
    node->node.span = span_since(p, node->node.span);
    return &node->node;
}

/* COLUMNS(pattern), behind t. if there is a qualifier. */
static wr_node *parse_columns(wr_parser *p, wr_names qualifier, bool unpack, wr_span span)
{
    wr_sql_columns *node = WR_NODE(p, COLUMNS, columns, span);
    node->qualifier = qualifier;
    node->unpack = unpack;
    advance(p);
    wr_need_punct(p, '(');
    node->pattern = wr_grammar_argument(p, true);
    wr_need_punct(p, ')');
    return &node->node;
}

/* Column a.b.c, call f(..), s.f(..), star t.*, lambda. */
static wr_node *parse_name(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_name_list parts = {0};
    const wr_token *first = now(p);
    wr_push(p->arena, &parts, wr_name_of(first));
    if (first->keyword == WR_KW_COLUMNS && token_is_punct(ahead(p, 1), '('))
        return parse_columns(p, (wr_names){0}, false, span);
    advance(p);
    while (at_punct(p, '.')) {
        const wr_token *next = ahead(p, 1);
        if (token_is_op(next, WR_OP_MUL)) {
            advance(p);
            return wr_grammar_star(p, wr_names_of(&parts), NULL, span);
        }
        advance(p);
        if (next->keyword == WR_KW_COLUMNS && token_is_punct(ahead(p, 1), '('))
            return parse_columns(p, wr_names_of(&parts), false, span);
        wr_push(p->arena, &parts, wr_grammar_label(p, "a name after the point"));
    }
    span = span_since(p, span);
    if (at_punct(p, '(')) return wr_grammar_call(p, wr_names_of(&parts), span);
    if (!wr_token_is_column_name(first) && !p->error) {
        p->at -= parts.count * 2 - 1;
        return wr_expected(p, "a value");
    }
    wr_sql_column *node = WR_NODE(p, COLUMN, column, span);
    node->parts = wr_names_of(&parts);
    return &node->node;
}

static wr_node *parse_operator_primary(wr_parser *p)
{
    wr_span span = span_now(p);
    if (at_op(p, WR_OP_KEY_EXISTS)) return parse_param(p);
    if (!at_op(p, WR_OP_MUL)) return wr_expected(p, "a value");
    if (ahead(p, 1)->keyword == WR_KW_COLUMNS && token_is_punct(ahead(p, 2), '(')) {
        advance(p);
        return parse_columns(p, (wr_names){0}, true, span);
    }
    /* A lone star; the select list, count(*) and COLUMNS(*) are where it is meant to be. */
    return wr_grammar_star(p, (wr_names){0}, NULL, span);
}

static wr_node *parse_word(wr_parser *p)
{
    const wr_token *token = now(p), *next = ahead(p, 1);
    if (wr_at_typed_literal(p)) return parse_typed_literal(p);
    switch ((wr_keyword)token->keyword) {
    case WR_NOT_A_KEYWORD:
        return parse_name(p);
    case WR_KW_NULL:
        return parse_literal(p, WR_LIT_NULL);
    case WR_KW_TRUE:
        return parse_literal(p, WR_LIT_TRUE);
    case WR_KW_FALSE:
        return parse_literal(p, WR_LIT_FALSE);
    case WR_KW_CASE:
        return parse_case(p);
    case WR_KW_CAST:
        return parse_cast(p);
    case WR_KW_ARRAY:
        return parse_array(p);
    case WR_KW_TRY_CAST:
        if (token_is_punct(next, '(')) return parse_cast(p);
        break;
    case WR_KW_EXISTS:
        if (token_is_punct(next, '(')) return parse_exists(p);
        break;
    case WR_KW_ROW:
        if (token_is_punct(next, '(')) return parse_row(p);
        break;
    case WR_KW_MAP:
        if (token_is_punct(next, '{')) return parse_map(p);
        break;
    case WR_KW_INTERVAL: {
        wr_node *interval = wr_grammar_interval(p);
        if (interval) return interval;
        break;
    }
    case WR_KW_DEFAULT: {
        wr_node *node = wr_node_new(p->arena, WR_SQL_DEFAULT, span_now(p));
        advance(p);
        return node;
    }
    default:
        break;
    }
    wr_node *special = wr_grammar_special_call(p);
    if (special) return special;
    bool name = wr_token_is_column_name(token) ||
                (wr_token_is_function_name(token) &&
                 (token_is_punct(next, '(') || token_is_punct(next, '.')));
    return name ? parse_name(p) : wr_expected(p, "a value");
}

wr_node *wr_grammar_primary_without_suffix(wr_parser *p)
{
    switch ((wr_token_kind)now(p)->kind) {
    case WR_TOKEN_NAME:
        return parse_word(p);
    case WR_TOKEN_QUOTED:
        return wr_at_typed_literal(p) ? parse_typed_literal(p) : parse_name(p);
    case WR_TOKEN_INTEGER:
        return parse_literal(p, WR_LIT_INTEGER);
    case WR_TOKEN_DECIMAL:
        return parse_literal(p, WR_LIT_DECIMAL);
    case WR_TOKEN_FLOAT:
        return parse_literal(p, WR_LIT_FLOAT);
    case WR_TOKEN_STRING:
        return parse_literal(p, WR_LIT_STRING);
    case WR_TOKEN_BITS:
        return parse_literal(p, WR_LIT_BITS);
    case WR_TOKEN_HEX:
        return parse_literal(p, WR_LIT_HEX);
    case WR_TOKEN_PARAM:
        return parse_param(p);
    case WR_TOKEN_OPERATOR:
        return parse_operator_primary(p);
    case WR_TOKEN_PUNCT:
        break;
    case WR_TOKEN_END:
        return wr_expected(p, "a value");
    }
    if (at_punct(p, '(')) return parse_parentheses(p);
    if (at_punct(p, '[')) return parse_list(p);
    if (at_punct(p, '{')) return parse_struct(p);
    const wr_token *next = ahead(p, 1);
    if (at_punct(p, ':') && wr_token_is_label(next) && next->pos == now(p)->pos + 1) {
        wr_sql_param *node = WR_NODE(p, PARAM, param, span_now(p));
        advance(p);
        node->name = now(p)->text;
        advance(p);
        node->node.span = span_since(p, node->node.span);
        return count_param(p, node);
    }
    return wr_expected(p, "a value");
}

/* a[i], a[low:high], a[low:high:step]; "-" stands for an absent bound before a step. */
static wr_node *parse_subscript(wr_parser *p, wr_node *operand)
{
    wr_span span = span_now(p);
    wr_node *low = NULL, *bounds[2] = {NULL, NULL};
    advance(p);
    if (!at_punct(p, ':')) low = wr_grammar_expression(p);
    if (low && !at_punct(p, ':')) {
        wr_need_punct(p, ']');
        wr_sql_subscript *node = WR_NODE(p, SUBSCRIPT, subscript, span);
        node->operand = operand;
        node->index = low;
        return &node->node;
    }
    for (int i = 0; i < 2 && take_punct(p, ':'); i++) {
        if (at_punct(p, ']')) break;
        if (at_op(p, WR_OP_SUB) && token_is_punct(ahead(p, 1), ':'))
            advance(p);
        else if (!at_punct(p, ':'))
            bounds[i] = wr_grammar_expression(p);
    }
    wr_need_punct(p, ']');
    wr_sql_slice *node = WR_NODE(p, SLICE, slice, span);
    node->operand = operand;
    node->low = low;
    node->high = bounds[0];
    node->step = bounds[1];
    return &node->node;
}

/* (x).name, (x).*, (x).f(y) which is f(x, y). */
static wr_node *parse_field(wr_parser *p, wr_node *operand)
{
    wr_span span = span_now(p);
    advance(p);
    if (at_op(p, WR_OP_MUL)) return wr_grammar_star(p, (wr_names){0}, operand, span);
    wr_name name = wr_grammar_label(p, "a field or *");
    if (at_punct(p, '(')) {
        wr_name_list parts = {0};
        wr_push(p->arena, &parts, name);
        wr_node *node = wr_grammar_call(p, wr_names_of(&parts), name.span);
        if (node->kind != WR_SQL_CALL) return node;
        wr_sql_call *call = wr_sql_as_call(node);
        wr_node_list args = {0};
        wr_push(p->arena, &args, operand);
        for (int i = 0; i < call->args.count; i++)
            wr_push(p->arena, &args, call->args.items[i]);
        call->args = wr_nodes_of(&args);
        return node;
    }
    wr_sql_field *node = WR_NODE(p, FIELD, field, name.span);
    node->operand = operand;
    node->name = name;
    return &node->node;
}

wr_node *wr_grammar_postfix(wr_parser *p, wr_node *operand)
{
    for (;;) {
        if (at_punct(p, '[')) {
            operand = parse_subscript(p, operand);
        } else if (at_punct(p, '.')) {
            operand = parse_field(p, operand);
        } else if (at_punct(p, WR_PUNCT_CAST)) {
            wr_sql_cast *node = WR_NODE(p, CAST, cast, span_now(p));
            advance(p);
            node->operand = operand;
            node->type = wr_grammar_type(p);
            operand = &node->node;
        } else {
            return operand;
        }
    }
}

wr_node *wr_grammar_primary(wr_parser *p)
{
    return wr_grammar_postfix(p, wr_grammar_primary_without_suffix(p));
}

/* EXCLUDE a / EXCLUDE (a, t.b) */
static wr_nodes parse_exclude(wr_parser *p)
{
    wr_node_list list = {0};
    bool many = take_punct(p, '(');
    do {
        if (many && list.count && at_punct(p, ')')) break;
        wr_sql_column *column = WR_NODE(p, COLUMN, column, span_now(p));
        column->parts = wr_grammar_qualified(p, "a column");
        wr_push(p->arena, &list, &column->node);
    } while (many && take_punct(p, ','));
    if (many) wr_need_punct(p, ')');
    return wr_nodes_of(&list);
}

/* REPLACE (value AS column, ..), RENAME (column AS name, ..) */
static wr_nodes parse_star_items(wr_parser *p, bool rename)
{
    wr_node_list list = {0};
    bool many = take_punct(p, '(');
    do {
        if (many && list.count && at_punct(p, ')')) break;
        wr_sql_item *item = WR_NODE(p, ITEM, item, span_now(p));
        if (rename) {
            wr_sql_column *column = WR_NODE(p, COLUMN, column, span_now(p));
            column->parts = wr_grammar_qualified(p, "a column");
            item->value = &column->node;
        } else {
            item->value = wr_grammar_expression(p);
        }
        wr_need_word(p, WR_KW_AS);
        item->alias = wr_grammar_label(p, "a column name");
        wr_push(p->arena, &list, &item->node);
    } while (many && take_punct(p, ','));
    if (many) wr_need_punct(p, ')');
    return wr_nodes_of(&list);
}

static bool at_star_word(const wr_parser *p, const char *word)
{
    return at_text(p, word) &&
           (token_is_punct(ahead(p, 1), '(') || wr_token_is_label(ahead(p, 1))) &&
           ahead(p, 1)->keyword != WR_KW_FROM;
}

wr_node *wr_grammar_star(wr_parser *p, wr_names qualifier, wr_node *operand, wr_span span)
{
    advance(p);
    wr_sql_star *node = WR_NODE(p, STAR, star, span_since(p, span));
    node->qualifier = qualifier;
    node->operand = operand;
    for (;;) {
        /* * EXCEPT (a, b) is the same in other dialects; EXCEPT (SELECT is a set operation. */
        bool except = at_word(p, WR_KW_EXCEPT) && token_is_punct(ahead(p, 1), '(') &&
                      wr_token_is_column_name(ahead(p, 2)) && ahead(p, 2)->keyword != WR_KW_VALUES;
        bool exclude = at_star_word(p, "exclude") || except;
        if (exclude && !node->exclude.count) {
            advance(p);
            node->exclude = parse_exclude(p);
        } else if (at_star_word(p, "replace") && !node->replace.count) {
            advance(p);
            node->replace = parse_star_items(p, false);
        } else if (at_star_word(p, "rename") && !node->rename.count) {
            advance(p);
            node->rename = parse_star_items(p, true);
        } else {
            return &node->node;
        }
    }
}
