/* parse.c - the entry points: split into statements, dispatch on the first word, check the result.
 *
 * Nesting is limited twice: rules that contain themselves count (WR_PARSE_DEPTH_MAX) and ask how
 * much stack is left, which protects this parser; and the finished tree is measured without
 * recursion (WR_TREE_DEPTH_MAX), which protects everybody who walks it, because chains such as
 * a[1][1]... and joins grow in loops. Left operands of binary operators are not counted, see
 * node.h. A failed statement is tried again with small changes by parse_error.c. */
#include "base/stack.h"
#include "sql/parser.h"

bool wr_parser_enter(wr_parser *p)
{
    bool is_low = wr_stack_is_low(WR_STACK_FOR_READING);
    if (is_low || p->depth >= WR_PARSE_DEPTH_MAX) {
        if (!p->error) {
            p->error = is_low ? wr_stack_check(WR_STACK_FOR_READING, span_now(p))
                              : wr_fail_at(WR_E_TOO_DEEP, span_now(p),
                                           "the statement is nested more than %d levels deep",
                                           WR_PARSE_DEPTH_MAX);
            p->failed_at = p->at;
        }
        p->at = p->count - 1;
        return false;
    }
    p->depth++;
    return true;
}

/* The text of a token for a message, cut when long. */
static wr_str token_words(const wr_parser *p, const wr_token *token)
{
    wr_str text = {p->sql.data + token->pos, token->length};
    size_t limit = 40;
    if (text.length <= limit) return text;
    while (limit && ((unsigned char)text.data[limit] & 0xC0) == 0x80)
        limit--;
    text.length = limit;
    return text;
}

static void keep_failure(wr_parser *p, weir_status error)
{
    if (p->error) {
        wr_status_drop(error);
        return;
    }
    p->error = error;
    p->failed_at = p->at;
    p->at = p->count - 1;
}

wr_node *wr_expected(wr_parser *p, const char *what)
{
    if (p->error) return p->hole;
    const wr_token *token = now(p);
    wr_str text = token_words(p, token);
    if (token->kind == WR_TOKEN_END) {
        const wr_token *last = &p->tokens[p->at > p->first ? p->at - 1 : p->at];
        keep_failure(p, wr_fail_at(WR_E_SYNTAX, span_of(last),
                                   "the statement ends where %s is expected", what));
    } else if (p->at == p->first) {
        keep_failure(p, wr_fail_at(WR_E_MISPLACED, span_of(token),
                                   "\"%.*s\" does not begin a statement", WR_STR_ARGS(text)));
    } else {
        keep_failure(p,
                     wr_fail_at(WR_E_MISPLACED, span_of(token),
                                "\"%.*s\" stands where %s is expected", WR_STR_ARGS(text), what));
    }
    return p->hole;
}

wr_node *wr_refuse(wr_parser *p, wr_span span, const char *what)
{
    keep_failure(p, wr_fail_at(WR_E_UNSUPPORTED, span, "%s is not supported", what));
    return p->hole;
}

wr_node *wr_misplaced(wr_parser *p, wr_span span, const char *message, const char *hint)
{
    weir_status error = wr_fail_at(WR_E_MISPLACED, span, "%s", message);
    keep_failure(p, hint ? wr_with_hint(error, "%s", hint) : error);
    return p->hole;
}

void wr_need_word(wr_parser *p, wr_keyword word)
{
    if (!take_word(p, word)) wr_expected(p, wr_keyword_text(word));
}

void wr_need_punct(wr_parser *p, char punct)
{
    if (take_punct(p, punct)) return;
    char text[3] = {punct, 0, 0};
    if (punct == WR_PUNCT_ARROW) memcpy(text, "=>", 2);
    wr_expected(p, text);
}

/* Statements that can begin with WITH, and everything that is a query. */
static wr_node *parse_with_statement(wr_parser *p)
{
    int start = p->at, question_marks = p->question_marks;
    bool recursive;
    wr_nodes ctes;
    wr_grammar_with(p, &recursive, &ctes);
    if (!wr_at_dml(p)) {
        if (p->error) return p->hole;
        p->at = start; /* a query owns its WITH: read it again there, which happens once per
                          statement */
        p->question_marks = question_marks;
        return wr_grammar_query(p);
    }
    return wr_grammar_dml(p, recursive, ctes);
}

wr_node *wr_grammar_statement(wr_parser *p)
{
    if (!wr_parser_enter(p)) return p->hole;
    wr_node *node = NULL;
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_WITH:
        node = parse_with_statement(p);
        break;
    case WR_KW_CREATE:
        node = wr_grammar_create(p);
        break;
    case WR_KW_ALTER:
        node = wr_grammar_alter(p);
        break;
    case WR_KW_DROP:
        node = wr_grammar_drop(p);
        break;
    case WR_KW_INSERT:
    case WR_KW_UPDATE:
    case WR_KW_DELETE:
    case WR_KW_MERGE:
        node = wr_grammar_dml(p, false, (wr_nodes){0});
        break;
    case WR_KW_TRUNCATE:
        node = wr_grammar_truncate(p);
        break;
    case WR_KW_COPY:
        node = wr_grammar_copy(p);
        break;
    case WR_KW_SELECT:
    case WR_KW_FROM:
    case WR_KW_VALUES:
    case WR_KW_TABLE:
    case WR_KW_PIVOT:
    case WR_KW_UNPIVOT:
        node = wr_grammar_query(p);
        break;
    default:
        break;
    }
    if (!node && at_punct(p, '(')) node = wr_grammar_query(p);
    if (!node) node = wr_grammar_session_statement(p);
    if (!node) node = wr_expected(p, "a statement");
    wr_parser_leave(p);
    return node;
}

wr_node *wr_grammar_whole_statement(wr_parser *p)
{
    wr_node *node = wr_grammar_statement(p);
    if (!p->error && now(p)->kind != WR_TOKEN_END && !at_punct(p, ';'))
        wr_expected(p, "the end of the statement");
    return node;
}

/* Measuring the tree: nodes still to visit, with their depth. */
typedef struct visit {
    wr_node *node;
    int depth, chain; /* chain: left operands of left operands above */
} visit;

typedef struct measure {
    wr_arena arena;
    WR_LIST(visit) stack;
    wr_node *parent;
    int depth, chain;
} measure;

static weir_status push_child(void *context, wr_node **child)
{
    measure *m = context;
    bool left = m->parent->kind == WR_SQL_BINARY && wr_sql_as_binary(m->parent)->left == *child;
    visit next = {*child, m->depth + !left, left ? m->chain + 1 : 0};
    wr_push(&m->arena, &m->stack, next);
    return WR_OK;
}

static weir_status check_depth(wr_node *root)
{
    measure m = {0};
    weir_status bad = WR_OK;
    wr_push(&m.arena, &m.stack, ((visit){root, 0, 0}));
    while (m.stack.count && !bad) {
        visit next = m.stack.items[--m.stack.count];
        m.parent = next.node;
        m.depth = next.depth;
        m.chain = next.chain;
        if (next.chain > WR_TREE_CHAIN_MAX)
            bad = wr_fail_at(WR_E_TOO_DEEP, next.node->span, "more than %d operators in a row",
                             WR_TREE_CHAIN_MAX);
        if (bad) break;
        bad = next.depth > WR_TREE_DEPTH_MAX
                  ? wr_fail_at(WR_E_TOO_DEEP, next.node->span, "the statement is nested too deeply")
                  : wr_node_each_child(next.node, push_child, &m);
    }
    wr_arena_clear(&m.arena);
    return bad;
}

static weir_status start(wr_arena *arena, wr_str sql, wr_parser *p)
{
    wr_token_list tokens;
    WR_TRY(wr_lex(arena, sql, &tokens));
    *p = (wr_parser){.arena = arena, .sql = sql, .tokens = tokens.items, .count = tokens.count};
    p->hole = wr_node_new(arena, WR_SQL_LITERAL, (wr_span){0, 0});
    return WR_OK;
}

static weir_status finish(wr_parser *p, wr_node *node)
{
    if (!p->error) return check_depth(node);
    if (!p->quick) wr_parser_explain(p);
    return p->error;
}

weir_status wr_parse(wr_arena *arena, wr_str sql, wr_statement_list *out)
{
    wr_parser p;
    WR_LIST(wr_statement) list = {0};
    *out = (wr_statement_list){0};
    WR_TRY(start(arena, sql, &p));
    for (;;) {
        while (take_punct(&p, ';'))
            continue;
        if (now(&p)->kind == WR_TOKEN_END) break;
        wr_span span = span_now(&p);
        p.first = p.at;
        p.depth = p.question_marks = p.param_count = 0;
        memset(&p.param_names, 0, sizeof p.param_names);
        wr_node *node = wr_grammar_whole_statement(&p);
        WR_TRY(finish(&p, node));
        wr_statement statement = {node, span_since(&p, span), p.param_count, p.param_names.items};
        wr_push(arena, &list, statement);
    }
    out->items = list.items;
    out->count = list.count;
    return WR_OK;
}

weir_status wr_parse_one(wr_arena *arena, wr_str sql, wr_statement *out)
{
    wr_statement_list list;
    WR_TRY(wr_parse(arena, sql, &list));
    if (list.count == 0) return wr_fail(WR_E_SYNTAX, "there is no statement");
    if (list.count > 1)
        return wr_fail_at(WR_E_MISPLACED, list.items[1].span, "only one statement is allowed here");
    *out = list.items[0];
    return WR_OK;
}

static weir_status parse_part(wr_arena *arena, wr_str sql, wr_node *(*rule)(wr_parser *),
                              wr_node **out)
{
    wr_parser p;
    WR_TRY(start(arena, sql, &p));
    p.quick = true; /* corrections are found by parsing whole statements */
    p.first = -1;
    wr_node *node = rule(&p);
    if (!p.error && now(&p)->kind != WR_TOKEN_END) wr_expected(&p, "the end");
    WR_TRY(finish(&p, node));
    *out = node;
    return WR_OK;
}

weir_status wr_parse_expression(wr_arena *arena, wr_str sql, wr_node **out)
{
    return parse_part(arena, sql, wr_grammar_expression, out);
}

weir_status wr_parse_type(wr_arena *arena, wr_str sql, wr_node **out)
{
    return parse_part(arena, sql, wr_grammar_type, out);
}

bool wr_statement_is_open(wr_str sql)
{
    WR_ARENA(arena);
    wr_token_list tokens;
    weir_status bad = wr_lex(&arena, sql, &tokens);
    bool unterminated = bad && bad->code == WR_E_UNTERMINATED;
    wr_status_drop(bad);
    if (bad) return unterminated;
    return tokens.count > 1 && !token_is_punct(&tokens.items[tokens.count - 2], ';');
}

const char *const *wr_sql_words(void)
{
    static const char *const words[] = {
#define X(word, category, label) #word,
#include "sql/keywords.def"
#undef X
        NULL,
    };
    return words;
}
