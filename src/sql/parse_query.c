/* parse_query.c - whole queries: WITH, set operations, VALUES, and what applies to the result as a
 * whole.
 *
 * INTERSECT binds tighter than UNION and EXCEPT. A chain of the same operation becomes one flat
 * node, in a loop, so a union of thousands costs no stack. A query in brackets with nothing but a
 * body is that body; otherwise it stays a wr_sql_query of its own, because its ORDER BY and LIMIT
 * belong to it. */
#include "sql/parser.h"

bool wr_at_query(const wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_SELECT:
    case WR_KW_WITH:
    case WR_KW_TABLE:
        return true;
    case WR_KW_VALUES:
        return token_is_punct(next, '(');
    case WR_KW_FROM:
        return true;
    case WR_KW_PIVOT:
    case WR_KW_UNPIVOT:
    case WR_KW_DESCRIBE:
    case WR_KW_SUMMARIZE:
        return (wr_token_is_column_name(next) && next->keyword != WR_KW_AT) ||
               next->kind == WR_TOKEN_STRING || next->keyword == WR_KW_SELECT ||
               next->keyword == WR_KW_FROM;
    case WR_KW_SHOW:
        return wr_token_is_label(next) && next->keyword != WR_KW_AS;
    default:
        return false;
    }
}

bool wr_at_query_continuation(const wr_parser *p)
{
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_UNION:
    case WR_KW_INTERSECT:
    case WR_KW_EXCEPT:
    case WR_KW_ORDER:
    case WR_KW_LIMIT:
    case WR_KW_OFFSET:
    case WR_KW_FETCH:
        return true;
    default:
        return false;
    }
}

wr_node *wr_grammar_values(wr_parser *p)
{
    wr_sql_values *node = WR_NODE(p, VALUES, values, span_now(p));
    wr_node_list rows = {0};
    advance(p);
    do {
        if (rows.count && !at_punct(p, '(')) break;
        wr_sql_row *row = WR_NODE(p, ROW, row, span_now(p));
        wr_need_punct(p, '(');
        row->items = wr_grammar_expressions(p);
        wr_need_punct(p, ')');
        wr_push(p->arena, &rows, &row->node);
    } while (take_punct(p, ','));
    node->rows = wr_nodes_of(&rows);
    return &node->node;
}

/* TABLE t is SELECT * FROM t. */
static wr_node *parse_table_query(wr_parser *p)
{
    wr_span span = span_now(p);
    advance(p);
    wr_sql_select *select = WR_NODE(p, SELECT, select, span);
    wr_sql_item *item = WR_NODE(p, ITEM, item, span);
    wr_sql_table_ref *table = WR_NODE(p, TABLE_REF, table_ref, span_now(p));
    wr_node_list items = {0}, from = {0};
    table->only = take_word(p, WR_KW_ONLY);
    table->name = wr_grammar_qualified(p, "a table name");
    item->value = wr_node_new(p->arena, WR_SQL_STAR, span);
    wr_push(p->arena, &items, &item->node);
    wr_push(p->arena, &from, &table->node);
    select->items = wr_nodes_of(&items);
    select->from = wr_nodes_of(&from);
    return &select->node;
}

static bool is_only_a_body(const wr_sql_query *query)
{
    return !query->ctes.count && !query->order_by.count && !query->limit && !query->offset &&
           !query->locks.count && !query->with_ties && !query->emit_on_close &&
           !query->emit_changes && !query->emit_with.count;
}

static wr_node *unwrap(wr_node *query)
{
    if (query->kind != WR_SQL_QUERY || !is_only_a_body(wr_sql_as_query(query))) return query;
    return wr_sql_as_query(query)->body;
}

static wr_node *parse_body(wr_parser *p)
{
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_SELECT:
    case WR_KW_FROM:
        return wr_grammar_select(p);
    case WR_KW_VALUES:
        return wr_grammar_values(p);
    case WR_KW_TABLE:
        return parse_table_query(p);
    case WR_KW_PIVOT:
    case WR_KW_UNPIVOT:
        return wr_grammar_pivot_statement(p);
    case WR_KW_DESCRIBE:
    case WR_KW_SUMMARIZE:
        return wr_grammar_describe(p);
    case WR_KW_SHOW:
        return wr_grammar_show(p);
    default:
        break;
    }
    if (!take_punct(p, '(')) return wr_expected(p, "SELECT");
    if (!wr_at_query(p) && !at_punct(p, '(')) return wr_expected(p, "a query");
    wr_node *query = unwrap(wr_grammar_query(p));
    wr_need_punct(p, ')');
    return query;
}

typedef struct setop_sort {
    wr_setop_kind op;
    bool all, by_name;
    wr_span span;
} setop_sort;

static bool take_setop(wr_parser *p, bool intersect_only, setop_sort *sort)
{
    wr_span span = span_now(p);
    bool intersect = at_word(p, WR_KW_INTERSECT);
    bool other = at_word(p, WR_KW_UNION) || at_word(p, WR_KW_EXCEPT);
    if (!intersect && (intersect_only || !other)) return false;
    sort->op = intersect ? WR_INTERSECT : at_word(p, WR_KW_UNION) ? WR_UNION : WR_EXCEPT;
    advance(p);
    sort->all = take_word(p, WR_KW_ALL);
    if (!sort->all) take_word(p, WR_KW_DISTINCT);
    sort->by_name = take_word2(p, WR_KW_BY, WR_KW_NAME);
    sort->span = span_since(p, span);
    return true;
}

/* Everything up to the loosest operation allowed. */
static wr_node *parse_setops(wr_parser *p, wr_node *left, bool intersect_only)
{
    setop_sort sort;
    wr_sql_setop *open =
        NULL; /* the node of the chain being built; never one that was in brackets */
    wr_node_list inputs = {0};
    if (!left) left = parse_body(p);
    if (!intersect_only) left = parse_setops(p, left, true);
    while (take_setop(p, intersect_only, &sort)) {
        wr_node *right = parse_body(p);
        if (!intersect_only) right = parse_setops(p, right, true);
        bool same =
            open && open->op == sort.op && open->all == sort.all && open->by_name == sort.by_name;
        if (!same) {
            open = WR_NODE(p, SETOP, setop, sort.span);
            open->op = sort.op;
            open->all = sort.all;
            open->by_name = sort.by_name;
            inputs = (wr_node_list){0};
            wr_push(p->arena, &inputs, left);
        }
        wr_push(p->arena, &inputs, right);
        open->inputs = wr_nodes_of(&inputs);
        left = &open->node;
    }
    return left;
}

static wr_materialized take_materialized(wr_parser *p)
{
    if (take_word(p, WR_KW_MATERIALIZED)) return WR_MATERIALIZED_YES;
    if (take_word2(p, WR_KW_NOT, WR_KW_MATERIALIZED)) return WR_MATERIALIZED_NO;
    return WR_MATERIALIZED_UNSAID;
}

static wr_node *parse_cte(wr_parser *p)
{
    wr_sql_cte *cte = WR_NODE(p, CTE, cte, span_now(p));
    cte->name = wr_grammar_name(p, "the name of a query");
    if (at_punct(p, '(')) cte->columns = wr_grammar_name_list(p, "a column name");
    if (at_word2(p, WR_KW_USING, WR_KW_KEY)) {
        take_word2(p, WR_KW_USING, WR_KW_KEY);
        cte->key = wr_grammar_name_list(p, "a column name");
    }
    wr_need_word(p, WR_KW_AS);
    cte->materialized = take_materialized(p);
    wr_need_punct(p, '(');
    cte->query = wr_at_dml(p) ? wr_grammar_dml(p, false, (wr_nodes){0}) : wr_grammar_query(p);
    wr_need_punct(p, ')');
    return &cte->node;
}

void wr_grammar_with(wr_parser *p, bool *recursive, wr_nodes *ctes)
{
    wr_node_list list = {0};
    wr_need_word(p, WR_KW_WITH);
    *recursive = at_word(p, WR_KW_RECURSIVE) && ahead(p, 1)->keyword != WR_KW_AS &&
                 take_word(p, WR_KW_RECURSIVE);
    do {
        if (list.count && (wr_at_query(p) || wr_at_dml(p))) break;
        wr_push(p->arena, &list, parse_cte(p));
    } while (take_punct(p, ','));
    *ctes = wr_nodes_of(&list);
}

/* LIMIT n | ALL | n PERCENT | n %, and MySQL's LIMIT offset, count. */
static void parse_limit(wr_parser *p, wr_sql_query *query)
{
    advance(p);
    if (take_word(p, WR_KW_ALL) || take_word(p, WR_KW_NULL)) return;
    query->limit = wr_grammar_expression(p);
    query->limit_percent = take_word(p, WR_KW_PERCENT) || take_op(p, WR_OP_MOD);
    if (take_punct(p, ',')) {
        query->offset = query->limit;
        query->limit = wr_grammar_expression(p);
    }
}

/* FETCH {FIRST | NEXT} [n [PERCENT]] {ROW | ROWS} {ONLY | WITH TIES} */
static void parse_fetch(wr_parser *p, wr_sql_query *query)
{
    wr_span span = span_now(p);
    advance(p);
    if (!take_word(p, WR_KW_FIRST)) wr_need_word(p, WR_KW_NEXT);
    if (at_word(p, WR_KW_ROW) || at_word(p, WR_KW_ROWS)) {
        wr_sql_literal *one = WR_NODE(p, LITERAL, literal, span);
        one->literal = WR_LIT_INTEGER;
        one->text = WR_STR("1");
        query->limit = &one->node;
    } else {
        query->limit = wr_grammar_value_before_in(p);
        query->limit_percent = take_word(p, WR_KW_PERCENT);
    }
    if (!take_word(p, WR_KW_ROWS)) wr_need_word(p, WR_KW_ROW);
    if (take_word2(p, WR_KW_WITH, WR_KW_TIES))
        query->with_ties = true;
    else
        wr_need_word(p, WR_KW_ONLY);
}

static wr_node *parse_lock(wr_parser *p)
{
    wr_sql_lock *lock = WR_NODE(p, LOCK, lock, span_now(p));
    advance(p);
    if (take_word(p, WR_KW_UPDATE)) {
        lock->strength = WR_LOCK_UPDATE;
    } else if (take_word(p, WR_KW_SHARE)) {
        lock->strength = WR_LOCK_SHARE;
    } else if (take_word2(p, WR_KW_KEY, WR_KW_SHARE)) {
        lock->strength = WR_LOCK_KEY_SHARE;
    } else if (take_word2(p, WR_KW_NO, WR_KW_KEY)) {
        wr_need_word(p, WR_KW_UPDATE);
        lock->strength = WR_LOCK_NO_KEY_UPDATE;
    } else {
        wr_expected(p, "UPDATE or SHARE");
    }
    if (at_text(p, "of")) {
        advance(p);
        lock->tables = wr_grammar_qualified_list(p, "a table name");
    }
    lock->nowait = take_word(p, WR_KW_NOWAIT);
    lock->skip_locked = take_word2(p, WR_KW_SKIP, WR_KW_LOCKED);
    return &lock->node;
}

/* ORDER BY, LIMIT, OFFSET, FETCH, FOR UPDATE, EMIT: PostgreSQL takes LIMIT and OFFSET in either
 * order. */
static void parse_query_tail(wr_parser *p, wr_sql_query *query)
{
    wr_node_list locks = {0};
    query->order_by = wr_grammar_order_by(p);
    bool limited = false;
    for (;;) {
        if (!limited && at_word(p, WR_KW_LIMIT)) {
            parse_limit(p, query);
            limited = true;
        } else if (!query->offset && take_word(p, WR_KW_OFFSET)) {
            query->offset = wr_grammar_expression(p);
            if (!take_word(p, WR_KW_ROWS)) take_word(p, WR_KW_ROW);
        } else if (!limited && at_word(p, WR_KW_FETCH)) {
            parse_fetch(p, query);
            limited = true;
        } else if (at_word(p, WR_KW_FOR) && !p->error) {
            wr_push(p->arena, &locks, parse_lock(p));
        } else {
            break;
        }
    }
    query->locks = wr_nodes_of(&locks);
    if (at_word2(p, WR_KW_EMIT, WR_KW_ON)) {
        take_word2(p, WR_KW_EMIT, WR_KW_ON);
        if (!at_word(p, WR_KW_WINDOW)) wr_expected(p, "WINDOW CLOSE (else EMIT CHANGES)");
        wr_need_word(p, WR_KW_WINDOW);
        wr_need_word(p, WR_KW_CLOSE);
        query->emit_on_close = true;
    } else if (at_word(p, WR_KW_EMIT) && token_is_text(ahead(p, 1), "changes")) {
        advance(p);
        advance(p);
        query->emit_changes = true;
    } else if (at_word2(p, WR_KW_EMIT, WR_KW_WITH)) {
        advance(p);
    } else {
        return;
    }
    if (!at_word(p, WR_KW_WITH) || !token_is_punct(ahead(p, 1), '(')) return;
    advance(p);
    query->emit_with = wr_grammar_options(p);
}

wr_node *wr_grammar_query_from(wr_parser *p, wr_node *first)
{
    if (!wr_parser_enter(p)) return p->hole;
    wr_sql_query *query = WR_NODE(p, QUERY, query, first ? first->span : span_now(p));
    if (!first && at_word(p, WR_KW_WITH)) wr_grammar_with(p, &query->recursive, &query->ctes);
    query->body = parse_setops(p, first ? unwrap(first) : NULL, false);
    parse_query_tail(p, query);
    query->node.span = span_since(p, query->node.span);
    wr_parser_leave(p);
    /* ((SELECT 1 LIMIT 1)) is the query inside. */
    bool nested = query->body->kind == WR_SQL_QUERY && is_only_a_body(query);
    return nested ? query->body : &query->node;
}

wr_node *wr_grammar_query(wr_parser *p) { return wr_grammar_query_from(p, NULL); }
