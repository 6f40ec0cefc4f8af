/* parse_call.c - function calls: arguments, lambdas, FILTER, OVER, windows, and the calls with
 * grammar of their own (EXTRACT, TRIM, ...), which become plain calls with a note how they were
 * written.
 *
 * "x -> e" is a JSON operator in PostgreSQL and a lambda in DuckDB. It is a lambda only at the
 * start of an argument, and only if the function is known to take one or e mentions x; this is
 * decided on the tokens, before parsing. */
#include "sql/parser.h"

static const char *const lambda_functions[] = {
    "apply",     "array_apply", "array_filter",   "array_reduce",   "array_transform",
    "filter",    "list_apply",  "list_filter",    "list_reduce",    "list_transform",
    "reduce",    "transform",   "list_any_match", "list_all_match", "any_match",
    "all_match", "exists_in",   "aggregate",      "forall",
};

static bool takes_lambda(wr_names name)
{
    for (size_t i = 0; i < WR_COUNT(lambda_functions); i++)
        if (wr_str_is(wr_names_last(name).text, lambda_functions[i])) return true;
    return false;
}

/* Does the argument that begins at token `from` mention the name as a column? */
static bool argument_mentions(const wr_parser *p, int from, wr_str name)
{
    int depth = 0;
    for (int i = from; i < p->count - 1; i++) {
        const wr_token *token = &p->tokens[i];
        if (token->kind == WR_TOKEN_PUNCT) {
            if (strchr("([{", token->detail)) depth++;
            if (strchr(")]}", token->detail) && depth-- == 0) return false;
            if (token->detail == ',' && depth == 0) return false;
            if (token->detail == ';') return false;
        } else if (wr_token_is_label(token) && wr_str_ieq(token->text, name)) {
            bool field = i > 0 && token_is_punct(&p->tokens[i - 1], '.');
            if (!field && !token_is_punct(&p->tokens[i + 1], '(')) return true;
        }
    }
    return false;
}

static wr_node *parse_lambda_body(wr_parser *p, wr_sql_lambda *node, wr_name_list *params)
{
    node->params = wr_names_of(params);
    node->body = wr_grammar_expression(p);
    return &node->node;
}

/* lambda x, y: body */
static wr_node *parse_lambda_word(wr_parser *p)
{
    wr_sql_lambda *node = WR_NODE(p, LAMBDA, lambda, span_now(p));
    wr_name_list params = {0};
    advance(p);
    do
        wr_push(p->arena, &params, wr_grammar_name(p, "the name of a parameter"));
    while (take_punct(p, ','));
    wr_need_punct(p, ':');
    return parse_lambda_body(p, node, &params);
}

/* (x, y) -> body: the number of tokens of "(x, y) ->", or 0. */
static int measure_lambda_list(const wr_parser *p)
{
    int steps = 1;
    while (wr_token_is_column_name(ahead(p, steps)) && token_is_punct(ahead(p, steps + 1), ','))
        steps += 2;
    bool closed = wr_token_is_column_name(ahead(p, steps)) &&
                  token_is_punct(ahead(p, steps + 1), ')') &&
                  token_is_op(ahead(p, steps + 2), WR_OP_JSON_GET);
    return closed ? steps + 3 : 0;
}

/* The lambda at the cursor, or NULL. certain: the function is known to take one. */
static wr_node *parse_lambda(wr_parser *p, bool certain)
{
    wr_name_list params = {0};
    const wr_token *token = now(p);
    int steps = 0;
    if (token->keyword == WR_KW_LAMBDA && wr_token_is_column_name(ahead(p, 1)) &&
        (token_is_punct(ahead(p, 2), ':') || token_is_punct(ahead(p, 2), ',')))
        return parse_lambda_word(p);
    if (at_punct(p, '(')) {
        steps = measure_lambda_list(p);
        if (steps == 4 && !certain && !argument_mentions(p, p->at + 4, ahead(p, 1)->text))
            return NULL;
        for (int i = 1; i < steps - 2; i += 2)
            wr_push(p->arena, &params, wr_name_of(ahead(p, i)));
    } else if (wr_token_is_column_name(token) && token_is_op(ahead(p, 1), WR_OP_JSON_GET)) {
        if (!certain && !argument_mentions(p, p->at + 2, token->text)) return NULL;
        wr_push(p->arena, &params, wr_name_of(token));
        steps = 2;
    }
    if (!steps) return NULL;
    wr_sql_lambda *node = WR_NODE(p, LAMBDA, lambda, span_now(p));
    for (int i = 0; i < steps; i++)
        advance(p);
    return parse_lambda_body(p, node, &params);
}

/* TABLE t: the name of a table as an argument of a function that gives a table. */
static wr_node *take_table_argument(wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    if (!at_word(p, WR_KW_TABLE) || !wr_token_is_column_name(next)) return NULL;
    advance(p);
    wr_sql_column *node = WR_NODE(p, COLUMN, column, span_now(p));
    node->parts = wr_grammar_qualified(p, "a table name");
    node->node.span = span_since(p, node->node.span);
    return &node->node;
}

/* TABLE t PARTITION BY {a | (a, b)}: one argument more, partition_by => .. */
static wr_node *take_partition_argument(wr_parser *p)
{
    if (!at_word2(p, WR_KW_PARTITION, WR_KW_BY)) return NULL;
    wr_sql_arg *node = WR_NODE(p, ARG, arg, span_now(p));
    node->name = (wr_name){.text = WR_STR("partition_by"), .span = span_now(p)};
    take_word2(p, WR_KW_PARTITION, WR_KW_BY);
    node->value = wr_grammar_expression(p);
    return &node->node;
}

wr_node *wr_grammar_argument(wr_parser *p, bool may_be_lambda)
{
    const wr_token *next = ahead(p, 1);
    if (wr_token_is_label(now(p)) &&
        (token_is_punct(next, WR_PUNCT_ARROW) || token_is_punct(next, WR_PUNCT_ASSIGN))) {
        wr_sql_arg *node = WR_NODE(p, ARG, arg, span_now(p));
        node->name = wr_name_of(now(p));
        advance(p);
        advance(p);
        node->value = take_table_argument(p);
        if (!node->value) node->value = parse_lambda(p, may_be_lambda);
        if (!node->value) node->value = wr_grammar_expression(p);
        return &node->node;
    }
    wr_node *lambda = parse_lambda(p, may_be_lambda);
    return lambda ? lambda : wr_grammar_expression(p);
}

static void take_null_treatment(wr_parser *p, wr_sql_call *call)
{
    if (take_word2(p, WR_KW_IGNORE, WR_KW_NULLS)) call->nulls = WR_NULLS_IGNORE;
    if (take_word2(p, WR_KW_RESPECT, WR_KW_NULLS)) call->nulls = WR_NULLS_RESPECT;
}

/* f((SELECT 1)) has a subquery; f(SELECT ..) is a common slip that DuckDB takes for one as well. */
static wr_node *parse_bare_query(wr_parser *p)
{
    wr_sql_subquery *node = WR_NODE(p, SUBQUERY, subquery, span_now(p));
    node->query = wr_grammar_query(p);
    return &node->node;
}

static void parse_arguments(wr_parser *p, wr_sql_call *call)
{
    wr_node_list args = {0};
    bool lambdas = takes_lambda(call->name);
    wr_need_punct(p, '(');
    if (take_word(p, WR_KW_DISTINCT))
        call->distinct = true;
    else
        take_word(p, WR_KW_ALL);
    while (!at_punct(p, ')') && !at_word(p, WR_KW_ORDER) && !p->error) {
        if (take_word(p, WR_KW_VARIADIC)) call->variadic = true;
        bool query = at_word(p, WR_KW_SELECT) ||
                     (at_word(p, WR_KW_FROM) && wr_token_is_column_name(ahead(p, 1)));
        wr_node *table = take_table_argument(p);
        wr_node *arg = table   ? table
                       : query ? parse_bare_query(p)
                               : wr_grammar_argument(p, lambdas);
        wr_push(p->arena, &args, arg);
        wr_node *partition = table ? take_partition_argument(p) : NULL;
        if (partition) wr_push(p->arena, &args, partition);
        if (!take_punct(p, ',')) break;
    }
    call->args = wr_nodes_of(&args);
    call->order_by = wr_grammar_order_by(p);
    take_null_treatment(p, call);
    wr_need_punct(p, ')');
}

/* What may follow the closing bracket. */
static void parse_call_tail(wr_parser *p, wr_sql_call *call)
{
    if (at_word2(p, WR_KW_WITHIN, WR_KW_GROUP)) {
        take_word2(p, WR_KW_WITHIN, WR_KW_GROUP);
        call->within_group = true;
        wr_need_punct(p, '(');
        if (!at_word(p, WR_KW_ORDER)) wr_need_word(p, WR_KW_ORDER);
        call->order_by = wr_grammar_order_by(p);
        wr_need_punct(p, ')');
    }
    if (at_word(p, WR_KW_FILTER) && token_is_punct(ahead(p, 1), '(')) {
        advance(p);
        wr_need_punct(p, '(');
        take_word(p, WR_KW_WHERE);
        call->filter = wr_grammar_expression(p);
        wr_need_punct(p, ')');
    }
    take_null_treatment(p, call);
    if (at_word(p, WR_KW_OVER)) {
        const wr_token *next = ahead(p, 1);
        if (!token_is_punct(next, '(') && !wr_token_is_column_name(next)) return;
        advance(p);
        call->over = wr_grammar_window(p);
    }
}

wr_node *wr_grammar_call(wr_parser *p, wr_names name, wr_span span)
{
    wr_sql_call *call = WR_NODE(p, CALL, call, span);
    call->name = name;
    parse_arguments(p, call);
    parse_call_tail(p, call);
    return &call->node;
}

wr_node *wr_make_call(wr_parser *p, const char *name, wr_call_syntax syntax, wr_span span,
                      int count, wr_node *const *args)
{
    wr_sql_call *call = WR_NODE(p, CALL, call, span);
    wr_name_list names = {0};
    wr_node_list list = {0};
    wr_push(p->arena, &names, ((wr_name){wr_str_of(name), span, false}));
    for (int i = 0; i < count; i++)
        wr_push(p->arena, &list, args[i]);
    call->name = wr_names_of(&names);
    call->args = wr_nodes_of(&list);
    call->syntax = syntax;
    return &call->node;
}

static wr_node *make_integer(wr_parser *p, const char *digits, wr_span span)
{
    wr_sql_literal *literal = WR_NODE(p, LITERAL, literal, span);
    literal->literal = WR_LIT_INTEGER;
    literal->text = wr_str_of(digits);
    return &literal->node;
}

/* EXTRACT(field FROM x): NULL (nothing taken) if it is the plain call extract('field', x). */
static wr_node *parse_extract(wr_parser *p, wr_span span)
{
    const wr_token *field = ahead(p, 2);
    if (ahead(p, 3)->keyword != WR_KW_FROM) return NULL;
    if (!wr_token_is_label(field) && field->kind != WR_TOKEN_STRING) return NULL;
    for (int i = 0; i < 4; i++)
        advance(p);
    wr_node *args[] = {wr_make_string(p, field->text, span_of(field)), wr_grammar_expression(p)};
    wr_need_punct(p, ')');
    return wr_make_call(p, "extract", WR_CALL_EXTRACT, span, 2, args);
}

/* Behind "(": POSITION(part IN text) or POSITION(part, text). */
static wr_node *parse_position(wr_parser *p, wr_span span)
{
    wr_node *part = wr_grammar_value_before_in(p);
    if (!take_punct(p, ',')) wr_need_word(p, WR_KW_IN);
    wr_node *args[] = {wr_grammar_expression(p), part};
    wr_need_punct(p, ')');
    return wr_make_call(p, "position", WR_CALL_POSITION, span, 2, args);
}

/* Behind "(": SUBSTRING(text FROM a FOR b), SUBSTRING(text FOR b), SUBSTRING(text SIMILAR p ESCAPE
 * e), or plain. */
static wr_node *parse_substring(wr_parser *p, wr_span span)
{
    wr_node *args[8] = {wr_grammar_value_before_in(p)};
    int count = 1;
    wr_call_syntax syntax = WR_CALL_SUBSTRING;
    if (at_punct(p, ',')) {
        syntax = WR_CALL_PLAIN;
        while (take_punct(p, ',') && count < 8 && !at_punct(p, ')'))
            args[count++] = wr_grammar_expression(p);
    } else if (take_word(p, WR_KW_SIMILAR)) {
        syntax = WR_CALL_SIMILAR;
        args[count++] = wr_grammar_value_before_in(p);
        wr_need_word(p, WR_KW_ESCAPE);
        args[count++] = wr_grammar_expression(p);
    } else if (take_word(p, WR_KW_FROM)) {
        args[count++] = wr_grammar_expression(p);
        if (take_word(p, WR_KW_FOR)) args[count++] = wr_grammar_expression(p);
    } else if (take_word(p, WR_KW_FOR)) {
        args[1] = make_integer(p, "1", span);
        args[2] = wr_grammar_expression(p);
        if (take_word(p, WR_KW_FROM)) args[1] = wr_grammar_expression(p);
        count = 3;
    } else {
        syntax = WR_CALL_PLAIN;
    }
    wr_need_punct(p, ')');
    return wr_make_call(p, "substring", syntax, span, count, args);
}

/* Behind "(": OVERLAY(text PLACING x FROM a [FOR b]) or plain. */
static wr_node *parse_overlay(wr_parser *p, wr_span span)
{
    wr_node *args[8] = {wr_grammar_expression(p)};
    int count = 1;
    bool plain = !take_word(p, WR_KW_PLACING);
    if (plain) {
        while (take_punct(p, ',') && count < 8 && !at_punct(p, ')'))
            args[count++] = wr_grammar_expression(p);
    } else {
        args[count++] = wr_grammar_expression(p);
        wr_need_word(p, WR_KW_FROM);
        args[count++] = wr_grammar_expression(p);
        if (take_word(p, WR_KW_FOR)) args[count++] = wr_grammar_expression(p);
    }
    wr_need_punct(p, ')');
    return wr_make_call(p, "overlay", plain ? WR_CALL_PLAIN : WR_CALL_OVERLAY, span, count, args);
}

/* Behind "(": TRIM([LEADING|TRAILING|BOTH] [characters] FROM text), TRIM(text [, characters]) */
static wr_node *parse_trim(wr_parser *p, wr_span span)
{
    const char *name = "btrim";
    wr_node *args[2] = {NULL, NULL};
    if (take_word(p, WR_KW_LEADING))
        name = "ltrim";
    else if (take_word(p, WR_KW_TRAILING))
        name = "rtrim";
    else
        take_word(p, WR_KW_BOTH);
    if (!at_word(p, WR_KW_FROM)) args[0] = wr_grammar_expression(p);
    if (take_word(p, WR_KW_FROM)) {
        args[1] = args[0];
        args[0] = wr_grammar_expression(p);
    }
    if (take_punct(p, ',')) {
        if (args[1]) return wr_expected(p, ")");
        args[1] = wr_grammar_expression(p);
    }
    wr_need_punct(p, ')');
    return wr_make_call(p, name, WR_CALL_TRIM, span, args[1] ? 2 : 1, args);
}

/* CURRENT_DATE, CURRENT_TIMESTAMP(3); empty parentheses do no harm. */
static wr_node *parse_keyword_call(wr_parser *p, wr_span span)
{
    wr_str word = now(p)->text;
    char *lower = wr_arena_copy(p->arena, word.data, word.length);
    for (size_t i = 0; i < word.length; i++)
        if (lower[i] >= 'A' && lower[i] <= 'Z') lower[i] = (char)(lower[i] - 'A' + 'a');
    wr_node *precision = NULL;
    advance(p);
    if (take_punct(p, '(')) {
        if (!at_punct(p, ')')) precision = wr_grammar_expression(p);
        wr_need_punct(p, ')');
    }
    return wr_make_call(p, lower, WR_CALL_KEYWORD, span, precision != NULL, &precision);
}

wr_node *wr_grammar_special_call(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_keyword word = now(p)->keyword;
    switch (word) {
    case WR_KW_CURRENT_SCHEMA:
    case WR_KW_CURRENT_CATALOG:
    case WR_KW_CURRENT_DATE:
    case WR_KW_CURRENT_ROLE:
    case WR_KW_CURRENT_TIME:
    case WR_KW_CURRENT_TIMESTAMP:
    case WR_KW_CURRENT_USER:
    case WR_KW_LOCALTIME:
    case WR_KW_LOCALTIMESTAMP:
    case WR_KW_SESSION_USER:
    case WR_KW_USER:
        return token_is_punct(ahead(p, 1), '.') ? NULL : parse_keyword_call(p, span);
    default:
        break;
    }
    if (!token_is_punct(ahead(p, 1), '(')) return NULL;
    if (word == WR_KW_EXTRACT) return parse_extract(p, span);
    if (word != WR_KW_POSITION && word != WR_KW_SUBSTRING && word != WR_KW_OVERLAY &&
        word != WR_KW_TRIM)
        return NULL;
    advance(p);
    advance(p);
    if (word == WR_KW_POSITION) return parse_position(p, span);
    if (word == WR_KW_SUBSTRING) return parse_substring(p, span);
    if (word == WR_KW_OVERLAY) return parse_overlay(p, span);
    return parse_trim(p, span);
}

wr_nodes wr_grammar_order_items(wr_parser *p)
{
    wr_node_list list = {0};
    do {
        if (list.count && wr_at_list_end(p)) break;
        wr_sql_order_item *item = WR_NODE(p, ORDER_ITEM, order_item, span_now(p));
        if (at_word(p, WR_KW_ALL) && !token_is_punct(ahead(p, 1), '('))
            advance(p);
        else
            item->value = wr_grammar_expression(p);
        if (take_word(p, WR_KW_USING)) {
            bool less = at_op(p, WR_OP_LT);
            if (!less && !at_op(p, WR_OP_GT)) wr_expected(p, "< or >");
            item->direction = less ? WR_ORDER_ASC : WR_ORDER_DESC;
            advance(p);
        } else if (take_word(p, WR_KW_ASC)) {
            item->direction = WR_ORDER_ASC;
        } else if (take_word(p, WR_KW_DESC)) {
            item->direction = WR_ORDER_DESC;
        }
        if (take_word2(p, WR_KW_NULLS, WR_KW_FIRST)) item->nulls = WR_ORDER_NULLS_FIRST;
        if (take_word2(p, WR_KW_NULLS, WR_KW_LAST)) item->nulls = WR_ORDER_NULLS_LAST;
        wr_push(p->arena, &list, &item->node);
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}

wr_nodes wr_grammar_order_by(wr_parser *p)
{
    if (!take_word(p, WR_KW_ORDER)) return (wr_nodes){0};
    wr_need_word(p, WR_KW_BY);
    return wr_grammar_order_items(p);
}

static wr_bound_kind parse_bound(wr_parser *p, wr_node **offset)
{
    if (at_word(p, WR_KW_UNBOUNDED) &&
        (ahead(p, 1)->keyword == WR_KW_PRECEDING || ahead(p, 1)->keyword == WR_KW_FOLLOWING)) {
        advance(p);
        if (take_word(p, WR_KW_PRECEDING)) return WR_BOUND_UNBOUNDED_PRECEDING;
        advance(p);
        return WR_BOUND_UNBOUNDED_FOLLOWING;
    }
    if (take_word2(p, WR_KW_CURRENT, WR_KW_ROW)) return WR_BOUND_CURRENT_ROW;
    *offset = wr_grammar_operand(p);
    if (take_word(p, WR_KW_PRECEDING)) return WR_BOUND_PRECEDING;
    if (take_word(p, WR_KW_FOLLOWING)) return WR_BOUND_FOLLOWING;
    wr_expected(p, "PRECEDING or FOLLOWING");
    return WR_BOUND_CURRENT_ROW;
}

static wr_frame_exclude parse_frame_exclude(wr_parser *p)
{
    if (!take_word(p, WR_KW_EXCLUDE)) return WR_EXCLUDE_NONE;
    if (take_word2(p, WR_KW_CURRENT, WR_KW_ROW)) return WR_EXCLUDE_CURRENT_ROW;
    if (take_word(p, WR_KW_GROUP)) return WR_EXCLUDE_GROUP;
    if (take_word(p, WR_KW_TIES)) return WR_EXCLUDE_TIES;
    if (take_word2(p, WR_KW_NO, WR_KW_OTHERS)) return WR_EXCLUDE_NONE;
    wr_expected(p, "CURRENT ROW, GROUP, TIES or NO OTHERS");
    return WR_EXCLUDE_NONE;
}

static bool at_frame(const wr_parser *p)
{
    wr_keyword next = ahead(p, 1)->keyword;
    bool mode = at_word(p, WR_KW_ROWS) || at_word(p, WR_KW_RANGE) || at_word(p, WR_KW_GROUPS);
    return mode && !token_is_punct(ahead(p, 1), ')') && next != WR_KW_PARTITION &&
           next != WR_KW_ORDER;
}

static wr_node *parse_frame(wr_parser *p)
{
    wr_sql_frame *node = WR_NODE(p, FRAME, frame, span_now(p));
    node->mode = at_word(p, WR_KW_ROWS)    ? WR_FRAME_ROWS
                 : at_word(p, WR_KW_RANGE) ? WR_FRAME_RANGE
                                           : WR_FRAME_GROUPS;
    advance(p);
    node->end = WR_BOUND_CURRENT_ROW;
    if (take_word(p, WR_KW_BETWEEN)) {
        node->start = parse_bound(p, &node->start_offset);
        wr_need_word(p, WR_KW_AND);
        node->end = parse_bound(p, &node->end_offset);
    } else {
        node->start = parse_bound(p, &node->start_offset);
    }
    node->exclude = parse_frame_exclude(p);
    node->node.span = span_since(p, node->node.span);
    return &node->node;
}

wr_node *wr_grammar_window(wr_parser *p)
{
    wr_sql_window *node = WR_NODE(p, WINDOW, window, span_now(p));
    if (!take_punct(p, '(')) {
        node->bare = true;
        node->base = wr_grammar_name(p, "a window name or (");
        return &node->node;
    }
    if (wr_token_is_column_name(now(p)) && !at_word2(p, WR_KW_PARTITION, WR_KW_BY) && !at_frame(p))
        node->base = wr_grammar_name(p, "a window name");
    if (take_word(p, WR_KW_PARTITION)) {
        wr_need_word(p, WR_KW_BY);
        node->partition_by = wr_grammar_expressions(p);
    }
    node->order_by = wr_grammar_order_by(p);
    if (at_frame(p)) node->frame = parse_frame(p);
    wr_need_punct(p, ')');
    return &node->node;
}
