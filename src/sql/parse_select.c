/* parse_select.c - one SELECT block, also FROM-first, and the PIVOT and UNPIVOT statements.
 *
 * The clauses of streams and search (WINDOW BY, KEYWORD SEARCH, HYBRID SEARCH) may stand between
 * any two clauses behind FROM. FROM t without SELECT is given the list "*". */
#include "sql/parser.h"

wr_nodes wr_grammar_items(wr_parser *p)
{
    wr_node_list list = {0};
    do {
        if (list.count && wr_at_list_end(p)) break;
        wr_sql_item *item = WR_NODE(p, ITEM, item, span_now(p));
        bool prefix = wr_token_is_label(now(p)) && token_is_punct(ahead(p, 1), ':');
        if (prefix) {
            item->alias = wr_name_of(now(p));
            advance(p);
            advance(p);
        }
        item->value = wr_grammar_expression(p);
        if (!prefix) item->alias = wr_grammar_item_alias(p);
        item->node.span = span_since(p, item->node.span);
        wr_push(p->arena, &list, &item->node);
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}

static wr_node *parse_empty_set(wr_parser *p)
{
    wr_sql_row *row = WR_NODE(p, ROW, row, span_now(p));
    advance(p);
    advance(p);
    return &row->node;
}

/* An element of GROUP BY or of GROUPING SETS. */
static wr_node *parse_group_item(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_grouping_kind kind = WR_GROUPING_SETS;
    bool rollup = at_word(p, WR_KW_ROLLUP) && token_is_punct(ahead(p, 1), '(');
    bool cube = at_word(p, WR_KW_CUBE) && token_is_punct(ahead(p, 1), '(');
    if (at_punct(p, '(') && token_is_punct(ahead(p, 1), ')')) return parse_empty_set(p);
    if (rollup || cube) {
        kind = rollup ? WR_GROUPING_ROLLUP : WR_GROUPING_CUBE;
        advance(p);
    } else if (at_word2(p, WR_KW_GROUPING, WR_KW_SETS)) {
        take_word2(p, WR_KW_GROUPING, WR_KW_SETS);
    } else {
        return wr_grammar_expression(p);
    }
    wr_sql_grouping_set *node = WR_NODE(p, GROUPING_SET, grouping_set, span);
    wr_node_list sets = {0};
    if (!wr_parser_enter(p)) return p->hole;
    wr_need_punct(p, '(');
    do {
        if (sets.count && at_punct(p, ')')) break;
        wr_push(p->arena, &sets, parse_group_item(p));
    } while (take_punct(p, ','));
    wr_need_punct(p, ')');
    wr_parser_leave(p);
    node->grouping = kind;
    node->sets = wr_nodes_of(&sets);
    return &node->node;
}

/* a, b WITH ROLLUP is ROLLUP (a, b). */
static wr_nodes wrap_with_rollup(wr_parser *p, wr_nodes sets)
{
    bool cube = ahead(p, 1)->keyword == WR_KW_CUBE;
    wr_sql_grouping_set *node = WR_NODE(p, GROUPING_SET, grouping_set, span_now(p));
    wr_node_list list = {0};
    advance(p);
    advance(p);
    node->grouping = cube ? WR_GROUPING_CUBE : WR_GROUPING_ROLLUP;
    node->sets = sets;
    wr_push(p->arena, &list, &node->node);
    return wr_nodes_of(&list);
}

static void parse_group_by(wr_parser *p, wr_sql_select *select)
{
    advance(p);
    wr_need_word(p, WR_KW_BY);
    if (take_word(p, WR_KW_DISTINCT)) {
        select->group_distinct = true;
    } else if (at_word(p, WR_KW_ALL)) {
        advance(p);
        /* GROUP BY ALL alone groups by all that is not aggregated; before a list it is PostgreSQL's
         * default. */
        if (wr_at_list_end(p) || now(p)->keyword) {
            const wr_token *token = now(p);
            bool list =
                token->kind == WR_TOKEN_NAME &&
                (at_word(p, WR_KW_ROLLUP) || at_word(p, WR_KW_CUBE) || at_word(p, WR_KW_GROUPING));
            if (!list) {
                select->group_all = true;
                return;
            }
        }
    }
    wr_node_list list = {0};
    do {
        if (list.count && wr_at_list_end(p)) break;
        wr_push(p->arena, &list, parse_group_item(p));
    } while (take_punct(p, ','));
    select->group_by = wr_nodes_of(&list);
    if (at_word2(p, WR_KW_WITH, WR_KW_ROLLUP) || at_word2(p, WR_KW_WITH, WR_KW_CUBE))
        select->group_by = wrap_with_rollup(p, select->group_by);
}

static wr_nodes parse_named_windows(wr_parser *p)
{
    wr_node_list list = {0};
    advance(p);
    do {
        wr_name name = wr_grammar_name(p, "the name of a window");
        wr_need_word(p, WR_KW_AS);
        if (!at_punct(p, '(')) wr_need_punct(p, '(');
        if (p->error) break;
        wr_node *node = wr_grammar_window(p);
        wr_sql_as_window(node)->name = name;
        wr_push(p->arena, &list, node);
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}

static wr_node *parse_window_by(wr_parser *p)
{
    wr_sql_window_by *node = WR_NODE(p, WINDOW_BY, window_by, span_now(p));
    take_word2(p, WR_KW_WINDOW, WR_KW_BY);
    node->time = wr_grammar_value_before_in(p);
    wr_need_word(p, WR_KW_EVERY);
    node->every = wr_grammar_value_before_in(p);
    if (take_word(p, WR_KW_SLIDE)) node->slide = wr_grammar_value_before_in(p);
    wr_need_word(p, WR_KW_AS);
    node->alias = wr_grammar_name(p, "the name of the window column");
    return &node->node;
}

static wr_node *parse_column(wr_parser *p)
{
    wr_sql_column *column = WR_NODE(p, COLUMN, column, span_now(p));
    column->parts = wr_grammar_qualified(p, "a column");
    column->node.span = span_since(p, column->node.span);
    return &column->node;
}

static wr_node *parse_keyword_search(wr_parser *p)
{
    wr_sql_keyword_search *node = WR_NODE(p, KEYWORD_SEARCH, keyword_search, span_now(p));
    wr_node_list columns = {0};
    take_word2(p, WR_KW_KEYWORD, WR_KW_SEARCH);
    wr_need_punct(p, '(');
    do
        wr_push(p->arena, &columns, parse_column(p));
    while (take_punct(p, ','));
    wr_need_punct(p, ')');
    node->columns = wr_nodes_of(&columns);
    wr_need_word(p, WR_KW_QUERY);
    node->query = wr_grammar_value_before_in(p);
    if (take_word(p, WR_KW_TOP_K)) node->top_k = wr_grammar_value_before_in(p);
    return &node->node;
}

static wr_node *parse_hybrid_search(wr_parser *p)
{
    wr_sql_hybrid_search *node = WR_NODE(p, HYBRID_SEARCH, hybrid_search, span_now(p));
    take_word2(p, WR_KW_HYBRID, WR_KW_SEARCH);
    node->column = parse_column(p);
    wr_need_word(p, WR_KW_QUERY);
    node->query = wr_grammar_value_before_in(p);
    if (take_word(p, WR_KW_METRIC)) node->metric = wr_grammar_name(p, "cosine, dot or l2");
    if (take_word(p, WR_KW_TOP_K)) node->top_k = wr_grammar_value_before_in(p);
    if (take_word(p, WR_KW_SCORE_THRESHOLD)) node->threshold = wr_grammar_value_before_in(p);
    return &node->node;
}

static void take_search_clauses(wr_parser *p, wr_sql_select *select)
{
    for (;;) {
        if (!select->window_by && at_word2(p, WR_KW_WINDOW, WR_KW_BY))
            select->window_by = parse_window_by(p);
        else if (!select->keyword_search && at_word2(p, WR_KW_KEYWORD, WR_KW_SEARCH))
            select->keyword_search = parse_keyword_search(p);
        else if (!select->hybrid_search && at_word2(p, WR_KW_HYBRID, WR_KW_SEARCH))
            select->hybrid_search = parse_hybrid_search(p);
        else
            return;
    }
}

static void parse_select_list(wr_parser *p, wr_sql_select *select)
{
    advance(p);
    if (take_word(p, WR_KW_DISTINCT)) {
        select->distinct = true;
        if (take_word(p, WR_KW_ON)) {
            wr_need_punct(p, '(');
            select->distinct_on = wr_grammar_expressions(p);
            wr_need_punct(p, ')');
        }
    } else {
        take_word(p, WR_KW_ALL);
    }
    const wr_token *token = now(p);
    bool empty = token->kind == WR_TOKEN_END || token_is_punct(token, ';') ||
                 token_is_punct(token, ')') || token->keyword == WR_KW_FROM;
    if (empty)
        wr_expected(p, "a column or a value");
    else
        select->items = wr_grammar_items(p);
    if (at_word(p, WR_KW_INTO))
        wr_misplaced(p, span_now(p), "SELECT INTO is not known here",
                     "use CREATE TABLE name AS SELECT ..");
}

wr_node *wr_grammar_select(wr_parser *p)
{
    wr_sql_select *select = WR_NODE(p, SELECT, select, span_now(p));
    if (take_word(p, WR_KW_FROM)) {
        select->from = wr_grammar_relations(p);
        if (at_word(p, WR_KW_SELECT)) {
            parse_select_list(p, select);
        } else {
            wr_sql_item *item = WR_NODE(p, ITEM, item, select->node.span);
            wr_node_list items = {0};
            item->value = wr_node_new(p->arena, WR_SQL_STAR, select->node.span);
            wr_push(p->arena, &items, &item->node);
            select->items = wr_nodes_of(&items);
        }
    } else {
        parse_select_list(p, select);
        if (take_word(p, WR_KW_FROM)) select->from = wr_grammar_relations(p);
    }
    take_search_clauses(p, select);
    if (take_word(p, WR_KW_WHERE)) select->where = wr_grammar_expression(p);
    take_search_clauses(p, select);
    if (at_word(p, WR_KW_GROUP)) parse_group_by(p, select);
    take_search_clauses(p, select);
    if (take_word(p, WR_KW_HAVING)) select->having = wr_grammar_expression(p);
    take_search_clauses(p, select);
    if (at_word(p, WR_KW_WINDOW)) select->windows = parse_named_windows(p);
    if (take_word(p, WR_KW_QUALIFY)) select->qualify = wr_grammar_expression(p);
    if (at_word2(p, WR_KW_USING, WR_KW_SAMPLE)) select->sample = wr_grammar_sample(p);
    return &select->node;
}

/* PIVOT t ON .. USING .. GROUP BY .. */
static wr_node *parse_pivot_words(wr_parser *p, wr_span span)
{
    wr_sql_pivot *node = WR_NODE(p, PIVOT, pivot, span);
    wr_node_list on = {0};
    node->source = wr_grammar_relation(p);
    if (take_word(p, WR_KW_ON)) {
        do {
            if (on.count && wr_at_list_end(p)) break;
            wr_push(p->arena, &on, wr_grammar_pivot_on(p));
        } while (take_punct(p, ','));
    }
    node->on = wr_nodes_of(&on);
    if (take_word(p, WR_KW_USING)) node->values = wr_grammar_items(p);
    if (take_word(p, WR_KW_GROUP)) {
        wr_need_word(p, WR_KW_BY);
        node->group_by = wr_grammar_bare_names(p, "a column");
    }
    return &node->node;
}

/* UNPIVOT t ON .. INTO NAME n VALUE v */
static wr_node *parse_unpivot_words(wr_parser *p, wr_span span)
{
    wr_sql_unpivot *node = WR_NODE(p, UNPIVOT, unpivot, span);
    node->source = wr_grammar_relation(p);
    if (take_text(p, "include")) {
        wr_need_word(p, WR_KW_NULLS);
        node->include_nulls = true;
    }
    wr_need_word(p, WR_KW_ON);
    node->on = wr_grammar_items(p);
    if (take_word(p, WR_KW_INTO)) {
        wr_need_word(p, WR_KW_NAME);
        node->name_column = wr_grammar_name(p, "a column name");
        wr_need_word(p, WR_KW_VALUE);
        node->value_columns = wr_grammar_bare_names(p, "a column name");
    }
    return &node->node;
}

wr_node *wr_grammar_pivot_statement(wr_parser *p)
{
    wr_span span = span_now(p);
    bool unpivot = at_word(p, WR_KW_UNPIVOT);
    advance(p);
    return unpivot ? parse_unpivot_words(p, span) : parse_pivot_words(p, span);
}
