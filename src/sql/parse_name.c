/* parse_name.c - names, aliases and the small words around them.
 *
 * PostgreSQL's keyword categories decide which words may stand where. Words of the friendly clauses
 * (ASOF, PIVOT, KEYWORD SEARCH, ...) stay ordinary names; only together with the word behind them
 * do they end an alias. */
#include "sql/parser.h"

bool wr_token_is_column_name(const wr_token *token)
{
    if (token->kind == WR_TOKEN_QUOTED) return true;
    if (token->kind != WR_TOKEN_NAME) return false;
    if (token->keyword == WR_NOT_A_KEYWORD) return true;
    wr_keyword_category category = wr_keyword_category_of(token->keyword);
    return category == WR_WORD_UNRESERVED || category == WR_WORD_COLUMN;
}

bool wr_token_is_function_name(const wr_token *token)
{
    if (token->kind == WR_TOKEN_QUOTED) return true;
    if (token->kind != WR_TOKEN_NAME) return false;
    return token->keyword == WR_NOT_A_KEYWORD ||
           wr_keyword_category_of(token->keyword) != WR_WORD_RESERVED;
}

bool wr_token_is_label(const wr_token *token)
{
    return token->kind == WR_TOKEN_QUOTED || token->kind == WR_TOKEN_NAME;
}

wr_name wr_name_of(const wr_token *token)
{
    return (wr_name){token->text, span_of(token), token->kind == WR_TOKEN_QUOTED};
}

wr_name wr_grammar_name(wr_parser *p, const char *what)
{
    wr_name name = {0};
    if (!wr_token_is_column_name(now(p))) {
        wr_expected(p, what);
        return name;
    }
    name = wr_name_of(now(p));
    advance(p);
    return name;
}

wr_name wr_grammar_label(wr_parser *p, const char *what)
{
    wr_name name = {0};
    if (!wr_token_is_label(now(p))) {
        wr_expected(p, what);
        return name;
    }
    name = wr_name_of(now(p));
    advance(p);
    return name;
}

wr_names wr_grammar_qualified(wr_parser *p, const char *what)
{
    wr_name_list list = {0};
    /* Words such as LEFT may name a table or function of a schema, so only the first part is
     * checked. */
    wr_push(p->arena, &list, wr_grammar_name(p, what));
    while (at_punct(p, '.') && wr_token_is_label(ahead(p, 1))) {
        advance(p);
        wr_push(p->arena, &list, wr_grammar_label(p, what));
    }
    if (at_punct(p, '.')) {
        advance(p);
        wr_expected(p, "a name after the point");
    }
    return wr_names_of(&list);
}

wr_names wr_grammar_name_list(wr_parser *p, const char *what)
{
    wr_name_list list = {0};
    wr_need_punct(p, '(');
    do {
        if (list.count && at_punct(p, ')')) break;
        wr_push(p->arena, &list, wr_grammar_name(p, what));
    } while (take_punct(p, ','));
    wr_need_punct(p, ')');
    return wr_names_of(&list);
}

wr_names wr_grammar_bare_names(wr_parser *p, const char *what)
{
    wr_name_list list = {0};
    do
        wr_push(p->arena, &list, wr_grammar_name(p, what));
    while (take_punct(p, ','));
    return wr_names_of(&list);
}

wr_nodes wr_grammar_qualified_list(wr_parser *p, const char *what)
{
    wr_node_list list = {0};
    do {
        wr_span start = span_now(p);
        wr_sql_name_node *node = WR_NODE(p, NAME, name_node, start);
        node->name = wr_grammar_qualified(p, what);
        node->node.span = span_since(p, start);
        wr_push(p->arena, &list, &node->node);
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}

/* Words that, with the one behind them, begin a clause rather than name something. */
static bool begins_clause(const wr_parser *p)
{
    wr_keyword next = ahead(p, 1)->keyword;
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_KEYWORD:
    case WR_KW_HYBRID:
        return next == WR_KW_SEARCH;
    case WR_KW_EMIT:
        return next == WR_KW_ON || token_is_text(ahead(p, 1), "changes") ||
               (next == WR_KW_WITH && token_is_punct(ahead(p, 2), '('));
    case WR_KW_PIVOT:
    case WR_KW_UNPIVOT:
        return token_is_punct(ahead(p, 1), '(') || token_is_text(ahead(p, 1), "INCLUDE") ||
               token_is_text(ahead(p, 1), "EXCLUDE");
    case WR_KW_INCLUDE:
        return next == WR_KW_NULLS;
    case WR_KW_AT:
        return token_is_punct(ahead(p, 1), '(');
    case WR_KW_SEMI:
    case WR_KW_ANTI:
    case WR_KW_POSITIONAL:
        return next == WR_KW_JOIN;
    case WR_KW_ASOF:
        return next == WR_KW_JOIN || next == WR_KW_LEFT || next == WR_KW_RIGHT ||
               next == WR_KW_INNER || next == WR_KW_FULL || next == WR_KW_SEMI ||
               next == WR_KW_ANTI;
    default:
        return false;
    }
}

wr_name wr_grammar_item_alias(wr_parser *p)
{
    wr_name name = {0};
    if (take_word(p, WR_KW_AS)) {
        if (!at_string(p)) return wr_grammar_label(p, "a name after AS");
        name = wr_name_of(now(p));
        name.quoted = true;
        advance(p);
        if (name.text.length == 0) wr_misplaced(p, name.span, "the name after AS is empty", NULL);
        return name;
    }
    const wr_token *token = now(p);
    bool bare = token->kind == WR_TOKEN_QUOTED || token->kind == WR_TOKEN_NAME;
    if (token->keyword) bare = wr_keyword_is_bare_label(token->keyword);
    /* PostgreSQL would take even SELECT as an alias here; a forgotten bracket or comma is far
     * likelier. */
    if (token->keyword == WR_KW_SELECT || token->keyword == WR_KW_AND ||
        token->keyword == WR_KW_OR || token->keyword == WR_KW_WHEN ||
        token->keyword == WR_KW_THEN || token->keyword == WR_KW_ELSE ||
        token->keyword == WR_KW_JOIN || token->keyword == WR_KW_CASE)
        bare = false;
    if (!bare || begins_clause(p)) return name;
    name = wr_name_of(token);
    advance(p);
    return name;
}

bool wr_at_relation_alias(const wr_parser *p)
{
    return wr_token_is_column_name(now(p)) && !begins_clause(p) && !at_word(p, WR_KW_SET);
}

wr_name wr_grammar_option_name(wr_parser *p)
{
    const wr_token *first = now(p);
    wr_name name = {0};
    if (first->kind != WR_TOKEN_STRING && !wr_token_is_label(first)) {
        wr_expected(p, "the name of an option");
        return name;
    }
    name = wr_name_of(first);
    advance(p);
    if (first->kind == WR_TOKEN_STRING) {
        name.quoted = true;
        return name;
    }
    while (at_punct(p, '.') && wr_token_is_label(ahead(p, 1))) {
        advance(p);
        wr_str part = now(p)->text;
        name.text =
            wr_arena_printf(p->arena, "%.*s.%.*s", WR_STR_ARGS(name.text), WR_STR_ARGS(part));
        advance(p);
        name.span = span_since(p, name.span);
        name.quoted = true;
    }
    return name;
}

bool wr_take_if_exists(wr_parser *p)
{
    if (!at_word2(p, WR_KW_IF, WR_KW_EXISTS)) {
        if (at_word(p, WR_KW_IF) && !token_is_punct(ahead(p, 1), '.')) {
            const wr_token *next = ahead(p, 1);
            if (next->kind == WR_TOKEN_NAME) {
                advance(p);
                wr_need_word(p, WR_KW_EXISTS);
            }
        }
        return false;
    }
    return take_word2(p, WR_KW_IF, WR_KW_EXISTS);
}

bool wr_take_if_not_exists(wr_parser *p)
{
    if (!take_word2(p, WR_KW_IF, WR_KW_NOT)) return false;
    wr_need_word(p, WR_KW_EXISTS);
    return true;
}

bool wr_take_integer(wr_parser *p, int64_t *out)
{
    if (now(p)->kind != WR_TOKEN_INTEGER) return false;
    wr_str digits = now(p)->text;
    int64_t value = 0;
    for (size_t i = 0; i < digits.length; i++) {
        if (value > (INT32_MAX - 9) / 10) {
            wr_misplaced(p, span_now(p), "the number is too large here", NULL);
            return false;
        }
        value = value * 10 + (digits.data[i] - '0');
    }
    advance(p);
    *out = value;
    return true;
}

wr_node *wr_make_string(wr_parser *p, wr_str text, wr_span span)
{
    wr_sql_literal *literal = WR_NODE(p, LITERAL, literal, span);
    literal->literal = WR_LIT_STRING;
    literal->text = text;
    return &literal->node;
}

wr_node *wr_grammar_string(wr_parser *p, const char *what)
{
    if (!at_string(p)) return wr_expected(p, what);
    wr_node *node = wr_make_string(p, now(p)->text, span_now(p));
    advance(p);
    return node;
}

bool wr_at_list_end(const wr_parser *p)
{
    const wr_token *token = now(p);
    if (token->kind == WR_TOKEN_END) return true;
    if (token->kind == WR_TOKEN_PUNCT) return strchr(")]};", token->detail) != NULL;
    switch ((wr_keyword)token->keyword) {
    case WR_KW_FROM:
    case WR_KW_WHERE:
    case WR_KW_GROUP:
    case WR_KW_HAVING:
    case WR_KW_ORDER:
    case WR_KW_LIMIT:
    case WR_KW_OFFSET:
    case WR_KW_UNION:
    case WR_KW_EXCEPT:
    case WR_KW_INTERSECT:
    case WR_KW_QUALIFY:
    case WR_KW_WINDOW:
    case WR_KW_FETCH:
    case WR_KW_USING:
    case WR_KW_ON:
    case WR_KW_RETURNING:
        return true;
    default:
        return false;
    }
}
