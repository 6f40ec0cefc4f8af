/* parse_expr.c - operators, by precedence climbing over PostgreSQL's table.
 *
 * levels, loosest first: OR, AND, NOT, IS, comparison, BETWEEN/IN/LIKE, any other operator, + -, *
 * / %, ^, AT TIME ZONE, COLLATE, unary + -; subscripts, :: and field access belong to the operand
 * (parse_primary.c). Comparison and BETWEEN/IN/LIKE do not chain: "a < b < c" is an error. Chains
 * of AND, OR and left-leaning operators are built in a loop, so their length costs no stack. A
 * prefix operator may follow any operator, whatever its level, as in PostgreSQL ("a = NOT b"). */
#include "sql/parser.h"

static const uint8_t operator_levels[WR_OP_COUNT] = {
    [WR_OP_NONE] = WR_LEVEL_NONE,
#define X(name, text, wanted) [WR_OP_##name] = WR_LEVEL_##wanted,
#include "sql/operators.def"
#undef X
};

wr_level wr_sql_op_level(wr_sql_op op) { return operator_levels[op]; }

static wr_node *climb(wr_parser *p, wr_level lowest);

static wr_node *make_binary(wr_parser *p, wr_sql_op op, wr_span span, wr_node *left, wr_node *right)
{
    wr_sql_binary *node = WR_NODE(p, BINARY, binary, span);
    node->op = op;
    node->left = left;
    node->right = right;
    return &node->node;
}

static wr_node *make_unary(wr_parser *p, wr_sql_op op, wr_span span, wr_node *operand)
{
    wr_sql_unary *node = WR_NODE(p, UNARY, unary, span);
    node->op = op;
    node->operand = operand;
    return &node->node;
}

static wr_node *parse_prefix(wr_parser *p)
{
    wr_span span = span_now(p);
    if (take_word(p, WR_KW_NOT)) return make_unary(p, WR_OP_NONE, span, climb(p, WR_LEVEL_NOT));
    if (now(p)->kind == WR_TOKEN_OPERATOR) {
        wr_sql_op op = now(p)->detail;
        bool sign = op == WR_OP_ADD || op == WR_OP_SUB;
        bool other = op == WR_OP_REGEX || op == WR_OP_ABSOLUTE || op == WR_OP_SQUARE_ROOT ||
                     op == WR_OP_CUBE_ROOT;
        if (sign || other) {
            advance(p);
            return make_unary(p, op, span, climb(p, sign ? WR_LEVEL_SIGN : WR_LEVEL_ADD));
        }
    }
    return wr_grammar_primary(p);
}

/* LIKE ANY ('a%', 'b%'): what stands in the parentheses is a list written out; also when it is only
 * one pattern, unless that looks like a list as text, '{a%,b%}'. */
static wr_node *patterns_in_parentheses(wr_parser *p, wr_sql_op op, wr_node *first)
{
    bool is_like =
        op == WR_OP_LIKE || op == WR_OP_NOT_LIKE || op == WR_OP_ILIKE || op == WR_OP_NOT_ILIKE;
    const wr_sql_literal *literal = first->kind == WR_SQL_LITERAL ? wr_sql_as_literal(first) : NULL;
    bool is_pattern = literal && literal->literal == WR_LIT_STRING &&
                      (literal->text.length == 0 || literal->text.data[0] != '{');
    if (!is_like || (!at_punct(p, ',') && !is_pattern)) return first;
    wr_sql_list *list = WR_NODE(p, LIST, list, first->span);
    wr_node_list items = {0};
    wr_push(p->arena, &items, first);
    while (take_punct(p, ','))
        wr_push(p->arena, &items, wr_grammar_expression(p));
    list->items = wr_nodes_of(&items);
    list->node.span = span_since(p, first->span);
    return &list->node;
}

/* [op] ANY (query or list), behind the operator. NULL if the cursor is not at ANY, SOME or ALL. */
static wr_node *parse_quantified(wr_parser *p, wr_sql_op op, wr_span span, wr_node *left)
{
    bool all = at_word(p, WR_KW_ALL);
    if (!all && !at_word(p, WR_KW_ANY) && !at_word(p, WR_KW_SOME)) return NULL;
    if (!token_is_punct(ahead(p, 1), '(')) return NULL;
    advance(p);
    wr_sql_quantified *node = WR_NODE(p, QUANTIFIED, quantified, span);
    node->op = op;
    node->all = all;
    node->operand = left;
    wr_need_punct(p, '(');
    if (wr_at_query(p))
        node->query = wr_grammar_query(p);
    else
        node->array = patterns_in_parentheses(p, op, wr_grammar_expression(p));
    /* ANY ((SELECT ..)) is the same as ANY (SELECT ..) */
    if (node->array && node->array->kind == WR_SQL_SUBQUERY &&
        !wr_sql_as_subquery(node->array)->array) {
        node->query = wr_sql_as_subquery(node->array)->query;
        node->array = NULL;
        if (wr_at_query_continuation(p)) node->query = wr_grammar_query_from(p, node->query);
    }
    wr_need_punct(p, ')');
    return &node->node;
}

static wr_node *parse_in(wr_parser *p, wr_node *left, bool negated, wr_span span)
{
    wr_sql_in *node = WR_NODE(p, IN, in, span_since(p, span));
    node->operand = left;
    node->negated = negated;
    if (!at_punct(p, '(')) {
        node->array = climb(p, WR_LEVEL_OTHER);
        return &node->node;
    }
    advance(p);
    if (wr_at_query(p)) {
        node->query = wr_grammar_query(p);
    } else {
        if (at_punct(p, ')')) wr_expected(p, "a value or a query");
        node->list = wr_grammar_expressions(p);
        wr_node *only = node->list.count == 1 ? node->list.items[0] : NULL;
        if (only && only->kind == WR_SQL_SUBQUERY && wr_at_query_continuation(p) &&
            !wr_sql_as_subquery(only)->array) {
            node->query = wr_grammar_query_from(p, wr_sql_as_subquery(only)->query);
            node->list = (wr_nodes){0};
        }
    }
    wr_need_punct(p, ')');
    return &node->node;
}

static wr_node *parse_between(wr_parser *p, wr_node *left, bool negated, wr_span span)
{
    wr_sql_between *node = WR_NODE(p, BETWEEN, between, span_since(p, span));
    node->operand = left;
    node->negated = negated;
    node->symmetric = take_word(p, WR_KW_SYMMETRIC);
    if (!node->symmetric) take_word(p, WR_KW_ASYMMETRIC);
    node->low = climb(p, WR_LEVEL_OTHER);
    wr_need_word(p, WR_KW_AND);
    node->high = climb(p, WR_LEVEL_OTHER);
    return &node->node;
}

static wr_node *parse_like(wr_parser *p, wr_node *left, bool negated, wr_like_kind like,
                           wr_span span)
{
    span = span_since(p, span);
    if (like == WR_LIKE || like == WR_ILIKE) {
        wr_sql_op op = like == WR_LIKE ? (negated ? WR_OP_NOT_LIKE : WR_OP_LIKE)
                                       : (negated ? WR_OP_NOT_ILIKE : WR_OP_ILIKE);
        wr_node *quantified = parse_quantified(p, op, span, left);
        if (quantified) return quantified;
    }
    wr_sql_like *node = WR_NODE(p, LIKE, like, span);
    node->like = like;
    node->negated = negated;
    node->operand = left;
    node->pattern = climb(p, WR_LEVEL_OTHER);
    if (like != WR_GLOB && take_word(p, WR_KW_ESCAPE)) node->escape = climb(p, WR_LEVEL_OTHER);
    return &node->node;
}

/* BETWEEN, IN, LIKE and their kin, with or without NOT; NULL if the cursor is at none of them. */
static wr_node *parse_like_level(wr_parser *p, wr_node *left)
{
    wr_span span = span_now(p);
    bool negated = at_word(p, WR_KW_NOT);
    switch ((wr_keyword)ahead(p, negated)->keyword) {
    case WR_KW_BETWEEN:
    case WR_KW_IN:
    case WR_KW_LIKE:
    case WR_KW_ILIKE:
    case WR_KW_GLOB:
        break;
    case WR_KW_SIMILAR:
        if (ahead(p, negated + 1)->keyword != WR_KW_TO) return NULL;
        break;
    default:
        return NULL;
    }
    if (negated) advance(p);
    if (take_word(p, WR_KW_BETWEEN)) return parse_between(p, left, negated, span);
    if (take_word(p, WR_KW_IN)) return parse_in(p, left, negated, span);
    if (take_word(p, WR_KW_LIKE)) return parse_like(p, left, negated, WR_LIKE, span);
    if (take_word(p, WR_KW_ILIKE)) return parse_like(p, left, negated, WR_ILIKE, span);
    if (take_word(p, WR_KW_GLOB)) return parse_like(p, left, negated, WR_GLOB, span);
    take_word2(p, WR_KW_SIMILAR, WR_KW_TO);
    return parse_like(p, left, negated, WR_SIMILAR, span);
}

static wr_node *make_test(wr_parser *p, wr_test_kind test, bool negated, wr_span span,
                          wr_node *operand)
{
    wr_sql_test *node = WR_NODE(p, TEST, test, span_since(p, span));
    node->test = test;
    node->negated = negated;
    node->operand = operand;
    return &node->node;
}

/* IS [NOT] ..., ISNULL, NOTNULL, NOT NULL; NULL if the cursor is at none of them. */
static wr_node *parse_is(wr_parser *p, wr_node *left)
{
    wr_span span = span_now(p);
    if (take_word(p, WR_KW_ISNULL)) return make_test(p, WR_IS_NULL, false, span, left);
    if (take_word(p, WR_KW_NOTNULL)) return make_test(p, WR_IS_NULL, true, span, left);
    if (!take_word(p, WR_KW_IS)) return NULL;
    bool negated = take_word(p, WR_KW_NOT);
    if (take_word(p, WR_KW_NULL)) return make_test(p, WR_IS_NULL, negated, span, left);
    if (take_word(p, WR_KW_TRUE)) return make_test(p, WR_IS_TRUE, negated, span, left);
    if (take_word(p, WR_KW_FALSE)) return make_test(p, WR_IS_FALSE, negated, span, left);
    if (take_word(p, WR_KW_UNKNOWN)) return make_test(p, WR_IS_UNKNOWN, negated, span, left);
    if (take_word2(p, WR_KW_DISTINCT, WR_KW_FROM)) {
        wr_sql_op op = negated ? WR_OP_NOT_DISTINCT : WR_OP_DISTINCT;
        span = span_since(p, span);
        return make_binary(p, op, span, left, climb(p, WR_LEVEL_COMPARE));
    }
    return wr_expected(p, "NULL, TRUE, FALSE, UNKNOWN or DISTINCT FROM");
}

/* OPERATOR(schema.+): the schema has no meaning here. */
static wr_sql_op take_named_operator(wr_parser *p)
{
    wr_sql_op op = WR_OP_NONE;
    advance(p);
    wr_need_punct(p, '(');
    while (wr_token_is_label(now(p)) && token_is_punct(ahead(p, 1), '.')) {
        advance(p);
        advance(p);
    }
    if (now(p)->kind == WR_TOKEN_OPERATOR) {
        op = now(p)->detail;
        advance(p);
    } else {
        wr_expected(p, "an operator");
    }
    wr_need_punct(p, ')');
    return op;
}

static wr_node *fail_chained(wr_parser *p, wr_span span)
{
    return wr_misplaced(p, span, "comparisons cannot be chained",
                        "join them with AND: a < b AND b < c");
}

/* (a, b) OVERLAPS (c, d) */
static wr_node *parse_overlaps(wr_parser *p, wr_node *left, wr_span span)
{
    wr_node *right = climb(p, WR_LEVEL_OTHER);
    if (p->error) return p->hole;
    bool pairs = left->kind == WR_SQL_ROW && right->kind == WR_SQL_ROW &&
                 wr_sql_as_row(left)->items.count == 2 && wr_sql_as_row(right)->items.count == 2;
    if (!pairs)
        return wr_misplaced(p, span, "OVERLAPS compares two pairs", "(a, b) OVERLAPS (c, d)");
    wr_node **one = wr_sql_as_row(left)->items.items, **two = wr_sql_as_row(right)->items.items;
    wr_node *args[] = {one[0], one[1], two[0], two[1]};
    return wr_make_call(p, "overlaps", WR_CALL_OVERLAPS, span, 4, args);
}

/* LIMIT 10 %: nothing that could be an operand follows. */
static bool at_percent_sign(const wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    return next->kind == WR_TOKEN_END || token_is_punct(next, ';') || token_is_punct(next, ')') ||
           next->keyword == WR_KW_OFFSET;
}

/* Operators of one text; *level_out tells the level of what was found, NONE if nothing of at least
 * lowest is here. */
static wr_node *parse_operator(wr_parser *p, wr_node *left, wr_level lowest, wr_level before)
{
    wr_span span = span_now(p);
    bool named = at_word(p, WR_KW_OPERATOR) && token_is_punct(ahead(p, 1), '(');
    wr_sql_op op = named ? WR_OP_NONE : now(p)->detail;
    wr_level here = named ? WR_LEVEL_OTHER : operator_levels[op];
    if (here < lowest) return NULL;
    if (op == WR_OP_MOD && at_percent_sign(p)) return NULL;
    if (here == WR_LEVEL_COMPARE && before == WR_LEVEL_COMPARE) return fail_chained(p, span);
    if (op == WR_OP_FACTORIAL) {
        advance(p);
        return make_unary(p, op, span, left);
    }
    if (op == WR_OP_ABSOLUTE || op == WR_OP_SQUARE_ROOT || op == WR_OP_CUBE_ROOT)
        return wr_expected(p, "an operator between two values");
    if (named)
        op = take_named_operator(p);
    else
        advance(p);
    wr_node *quantified = parse_quantified(p, op, span, left);
    if (quantified) return quantified;
    return make_binary(p, op, span, left, climb(p, here + 1));
}

static wr_node *parse_logic(wr_parser *p, wr_node *left, wr_keyword word, wr_level here)
{
    wr_sql_logic *node = WR_NODE(p, LOGIC, logic, span_now(p));
    wr_node_list operands = {0};
    node->is_or = word == WR_KW_OR;
    wr_push(p->arena, &operands, left);
    while (take_word(p, word)) {
        wr_node *next = climb(p, here + 1);
        wr_push(p->arena, &operands, next);
    }
    node->operands = wr_nodes_of(&operands);
    return &node->node;
}

/* x AT TIME ZONE zone, x COLLATE name; NULL if the cursor is at neither. */
static wr_node *parse_tight_word(wr_parser *p, wr_node *left, wr_level lowest)
{
    wr_span span = span_now(p);
    if (lowest <= WR_LEVEL_AT && at_word2(p, WR_KW_AT, WR_KW_TIME)) {
        advance(p);
        advance(p);
        wr_need_word(p, WR_KW_ZONE);
        span = span_since(p, span);
        wr_node *zone = climb(p, WR_LEVEL_COLLATE);
        wr_node *args[] = {zone, left};
        return wr_make_call(p, "timezone", WR_CALL_TIME_ZONE, span, 2, args);
    }
    if (lowest <= WR_LEVEL_AT && at_word2(p, WR_KW_AT, WR_KW_LOCAL)) {
        advance(p);
        advance(p);
        return wr_make_call(p, "timezone", WR_CALL_TIME_ZONE, span_since(p, span), 1, &left);
    }
    if (lowest <= WR_LEVEL_COLLATE && take_word(p, WR_KW_COLLATE)) {
        wr_sql_collate *node = WR_NODE(p, COLLATE, collate, span);
        node->operand = left;
        node->collation = wr_grammar_qualified(p, "a collation");
        return &node->node;
    }
    return NULL;
}

static bool at_operator(const wr_parser *p)
{
    return now(p)->kind == WR_TOKEN_OPERATOR ||
           (at_word(p, WR_KW_OPERATOR) && token_is_punct(ahead(p, 1), '('));
}

/* One step to the right of left, or NULL if no operator of at least the lowest level follows. */
static wr_node *parse_infix(wr_parser *p, wr_node *left, wr_level lowest, wr_level before)
{
    if (at_operator(p)) return parse_operator(p, left, lowest, before);
    if (!now(p)->keyword) return NULL;
    if (lowest <= WR_LEVEL_OR && at_word(p, WR_KW_OR))
        return parse_logic(p, left, WR_KW_OR, WR_LEVEL_OR);
    if (lowest <= WR_LEVEL_AND && at_word(p, WR_KW_AND))
        return parse_logic(p, left, WR_KW_AND, WR_LEVEL_AND);
    if (lowest <= WR_LEVEL_LIKE) {
        wr_span span = span_now(p);
        wr_node *node = parse_like_level(p, left);
        if (node && before == WR_LEVEL_LIKE) return fail_chained(p, span);
        if (node) return node;
        if (take_word(p, WR_KW_OVERLAPS)) return parse_overlaps(p, left, span);
    }
    if (lowest <= WR_LEVEL_IS) {
        wr_node *node = parse_is(p, left);
        if (node) return node;
        if (at_word2(p, WR_KW_NOT, WR_KW_NULL)) {
            wr_span span = span_now(p);
            take_word2(p, WR_KW_NOT, WR_KW_NULL);
            return make_test(p, WR_IS_NULL, true, span, left);
        }
    }
    return parse_tight_word(p, left, lowest);
}

/* The level of the operator that made node, to refuse chains of comparisons. */
static wr_level level_made(const wr_node *node)
{
    switch (node->kind) {
    case WR_SQL_BINARY:
        return operator_levels[wr_sql_as_binary(node)->op];
    case WR_SQL_QUANTIFIED: {
        wr_level made = operator_levels[wr_sql_as_quantified(node)->op];
        return made == WR_LEVEL_COMPARE ? made : WR_LEVEL_NONE;
    }
    case WR_SQL_BETWEEN:
    case WR_SQL_IN:
    case WR_SQL_LIKE:
        return WR_LEVEL_LIKE;
    default:
        return WR_LEVEL_NONE;
    }
}

static wr_node *climb(wr_parser *p, wr_level lowest)
{
    if (!wr_parser_enter(p)) return p->hole;
    wr_node *left = parse_prefix(p);
    wr_level before = WR_LEVEL_NONE;
    for (;;) {
        wr_node *more = parse_infix(p, left, lowest, before);
        if (!more) break;
        left = more;
        before = level_made(left);
    }
    wr_parser_leave(p);
    return left;
}

wr_node *wr_grammar_expression(wr_parser *p) { return climb(p, WR_LEVEL_OR); }

wr_node *wr_grammar_operand(wr_parser *p) { return climb(p, WR_LEVEL_COMPARE); }

wr_node *wr_grammar_value_before_in(wr_parser *p) { return climb(p, WR_LEVEL_OTHER); }

wr_nodes wr_grammar_expressions(wr_parser *p)
{
    wr_node_list list = {0};
    do {
        if (list.count && wr_at_list_end(p)) break;
        wr_push(p->arena, &list, wr_grammar_expression(p));
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}
