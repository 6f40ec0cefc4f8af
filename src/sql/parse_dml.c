/* parse_dml.c - INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY. */
#include "sql/parser.h"

bool wr_at_dml(const wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_INSERT:
    case WR_KW_UPDATE:
    case WR_KW_DELETE:
    case WR_KW_MERGE:
        return wr_token_is_label(next);
    default:
        return false;
    }
}

static wr_nodes parse_returning(wr_parser *p)
{
    return take_word(p, WR_KW_RETURNING) ? wr_grammar_items(p) : (wr_nodes){0};
}

/* a, a.b or a[1] */
static wr_node *parse_target(wr_parser *p)
{
    wr_sql_column *column = WR_NODE(p, COLUMN, column, span_now(p));
    column->parts = wr_grammar_qualified(p, "a column name");
    column->node.span = span_since(p, column->node.span);
    return at_punct(p, '[') ? wr_grammar_postfix(p, &column->node) : &column->node;
}

static wr_nodes parse_assignments(wr_parser *p)
{
    wr_node_list list = {0};
    do {
        if (list.count && wr_at_list_end(p)) break;
        wr_sql_assignment *node = WR_NODE(p, ASSIGNMENT, assignment, span_now(p));
        wr_node_list targets = {0};
        node->several = take_punct(p, '(');
        do
            wr_push(p->arena, &targets, parse_target(p));
        while (node->several && take_punct(p, ','));
        if (node->several) wr_need_punct(p, ')');
        node->targets = wr_nodes_of(&targets);
        if (!take_op(p, WR_OP_EQ)) wr_expected(p, "=");
        node->value = wr_grammar_expression(p);
        wr_push(p->arena, &list, &node->node);
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}

/* ON CONFLICT .., behind ON */
static wr_node *parse_conflict(wr_parser *p, wr_span span)
{
    wr_sql_conflict *node = WR_NODE(p, CONFLICT, conflict, span);
    wr_need_word(p, WR_KW_CONFLICT);
    if (take_word(p, WR_KW_ON)) {
        wr_need_word(p, WR_KW_CONSTRAINT);
        node->constraint = wr_grammar_name(p, "the name of a constraint");
    } else if (take_punct(p, '(')) {
        node->target = wr_grammar_order_items(p);
        wr_need_punct(p, ')');
        if (take_word(p, WR_KW_WHERE)) node->target_where = wr_grammar_expression(p);
    }
    wr_need_word(p, WR_KW_DO);
    if (take_word(p, WR_KW_NOTHING)) return &node->node;
    wr_need_word(p, WR_KW_UPDATE);
    wr_need_word(p, WR_KW_SET);
    node->update = true;
    node->set = parse_assignments(p);
    if (take_word(p, WR_KW_WHERE)) node->where = wr_grammar_expression(p);
    return &node->node;
}

/* "(" opens the columns unless a query is inside. */
static bool at_column_list(const wr_parser *p)
{
    if (!at_punct(p, '(')) return false;
    const wr_token *first = ahead(p, 1), *second = ahead(p, 2);
    return wr_token_is_column_name(first) &&
           (token_is_punct(second, ',') || token_is_punct(second, ')') ||
            token_is_punct(second, '.'));
}

static wr_node *parse_insert(wr_parser *p, bool recursive, wr_nodes ctes)
{
    wr_sql_insert *node = WR_NODE(p, INSERT, insert, span_now(p));
    node->recursive = recursive;
    node->ctes = ctes;
    advance(p);
    if (take_word(p, WR_KW_OR)) {
        node->mode = take_word(p, WR_KW_REPLACE) ? WR_INSERT_OR_REPLACE : WR_INSERT_OR_IGNORE;
        if (node->mode == WR_INSERT_OR_IGNORE) wr_need_word(p, WR_KW_IGNORE);
    }
    wr_need_word(p, WR_KW_INTO);
    node->table = wr_grammar_qualified(p, "a table name");
    if (take_word(p, WR_KW_AS)) node->alias = wr_grammar_name(p, "an alias");
    if (at_column_list(p)) node->columns = wr_grammar_name_list(p, "a column name");
    if (take_word2(p, WR_KW_BY, WR_KW_NAME)) {
        node->by_name = true;
    } else {
        take_word2(p, WR_KW_BY, WR_KW_POSITION);
    }
    if (take_word(p, WR_KW_OVERRIDING)) {
        node->overriding = take_text(p, "system") ? WR_OVERRIDING_SYSTEM : WR_OVERRIDING_USER;
        if (node->overriding == WR_OVERRIDING_USER && !take_text(p, "user"))
            return wr_expected(p, "SYSTEM VALUE or USER VALUE");
        if (!take_text(p, "value")) return wr_expected(p, "VALUE");
    }
    if (take_word2(p, WR_KW_DEFAULT, WR_KW_VALUES))
        node->default_values = true;
    else if (wr_at_query(p) || at_punct(p, '('))
        node->query = wr_grammar_query(p);
    else
        return wr_expected(p, "VALUES or SELECT");
    wr_span span = span_now(p);
    if (take_word(p, WR_KW_ON)) node->conflict = parse_conflict(p, span);
    node->returning = parse_returning(p);
    return &node->node;
}

static wr_node *parse_update(wr_parser *p, bool recursive, wr_nodes ctes)
{
    wr_sql_update *node = WR_NODE(p, UPDATE, update, span_now(p));
    node->recursive = recursive;
    node->ctes = ctes;
    advance(p);
    node->table = wr_grammar_target_table(p, true);
    wr_need_word(p, WR_KW_SET);
    node->set = parse_assignments(p);
    if (take_word(p, WR_KW_FROM)) node->from = wr_grammar_relations(p);
    if (take_word(p, WR_KW_WHERE)) node->where = wr_grammar_expression(p);
    node->returning = parse_returning(p);
    return &node->node;
}

static wr_node *parse_delete(wr_parser *p, bool recursive, wr_nodes ctes)
{
    wr_sql_delete *node = WR_NODE(p, DELETE, delete, span_now(p));
    node->recursive = recursive;
    node->ctes = ctes;
    advance(p);
    wr_need_word(p, WR_KW_FROM);
    node->table = wr_grammar_target_table(p, true);
    if (take_word(p, WR_KW_USING)) node->using = wr_grammar_relations(p);
    if (take_word(p, WR_KW_WHERE)) node->where = wr_grammar_expression(p);
    node->returning = parse_returning(p);
    return &node->node;
}

static void parse_merge_insert(wr_parser *p, wr_sql_merge_when *when)
{
    when->action = WR_MERGE_INSERT;
    when->by_name = take_word2(p, WR_KW_BY, WR_KW_NAME);
    if (take_op(p, WR_OP_MUL)) {
        when->star = true;
    } else if (take_word2(p, WR_KW_DEFAULT, WR_KW_VALUES)) {
        when->default_values = true;
    } else {
        if (at_punct(p, '(')) when->columns = wr_grammar_name_list(p, "a column name");
        if (when->columns.count || !when->by_name) {
            if (!at_word(p, WR_KW_VALUES) && !when->columns.count) {
                when->star = true; /* INSERT alone takes all columns */
                return;
            }
            wr_need_word(p, WR_KW_VALUES);
            wr_need_punct(p, '(');
            when->values = wr_grammar_expressions(p);
            wr_need_punct(p, ')');
        }
    }
}

static void parse_merge_update(wr_parser *p, wr_sql_merge_when *when)
{
    when->action = WR_MERGE_UPDATE;
    when->by_name = take_word2(p, WR_KW_BY, WR_KW_NAME);
    if (!take_word(p, WR_KW_SET)) {
        when->star = true;
        return;
    }
    when->star = take_op(p, WR_OP_MUL);
    if (!when->star) when->set = parse_assignments(p);
}

static wr_node *parse_merge_when(wr_parser *p)
{
    wr_sql_merge_when *when = WR_NODE(p, MERGE_WHEN, merge_when, span_now(p));
    advance(p);
    bool matched = !take_word(p, WR_KW_NOT);
    wr_need_word(p, WR_KW_MATCHED);
    when->match = matched ? WR_MERGE_MATCHED : WR_MERGE_NOT_MATCHED;
    if (!matched && take_word2(p, WR_KW_BY, WR_KW_SOURCE)) {
        when->match = WR_MERGE_NOT_MATCHED_BY_SOURCE;
    } else if (!matched && at_word(p, WR_KW_BY)) {
        advance(p);
        if (!take_text(p, "target")) wr_expected(p, "SOURCE or TARGET");
    }
    if (take_word(p, WR_KW_AND)) when->condition = wr_grammar_expression(p);
    wr_need_word(p, WR_KW_THEN);
    if (take_word(p, WR_KW_INSERT)) {
        parse_merge_insert(p, when);
    } else if (take_word(p, WR_KW_UPDATE)) {
        parse_merge_update(p, when);
    } else if (take_word(p, WR_KW_DELETE)) {
        when->action = WR_MERGE_DELETE;
    } else if (take_word(p, WR_KW_ERROR)) {
        when->action = WR_MERGE_ERROR;
        if (!at_word(p, WR_KW_WHEN) && !wr_at_list_end(p)) when->values = wr_grammar_expressions(p);
    } else {
        wr_need_word(p, WR_KW_DO);
        wr_need_word(p, WR_KW_NOTHING);
    }
    return &when->node;
}

static wr_node *parse_merge(wr_parser *p, bool recursive, wr_nodes ctes)
{
    wr_sql_merge *node = WR_NODE(p, MERGE, merge, span_now(p));
    wr_node_list whens = {0};
    node->recursive = recursive;
    node->ctes = ctes;
    advance(p);
    wr_need_word(p, WR_KW_INTO);
    node->target = wr_grammar_target_table(p, true);
    bool using = take_word(p, WR_KW_USING);
    if (!using) wr_need_word(p, WR_KW_USING);
    node->source = wr_grammar_relation(p);
    if (take_word(p, WR_KW_USING)) {
        node->using = wr_grammar_name_list(p, "a column name");
    } else {
        wr_need_word(p, WR_KW_ON);
        node->on = wr_grammar_expression(p);
    }
    if (!at_word(p, WR_KW_WHEN)) wr_need_word(p, WR_KW_WHEN);
    while (at_word(p, WR_KW_WHEN))
        wr_push(p->arena, &whens, parse_merge_when(p));
    node->whens = wr_nodes_of(&whens);
    node->returning = parse_returning(p);
    return &node->node;
}

wr_node *wr_grammar_dml(wr_parser *p, bool recursive, wr_nodes ctes)
{
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_INSERT:
        return parse_insert(p, recursive, ctes);
    case WR_KW_UPDATE:
        return parse_update(p, recursive, ctes);
    case WR_KW_DELETE:
        return parse_delete(p, recursive, ctes);
    case WR_KW_MERGE:
        return parse_merge(p, recursive, ctes);
    default:
        return wr_expected(p, "INSERT, UPDATE, DELETE or MERGE");
    }
}

wr_node *wr_grammar_truncate(wr_parser *p)
{
    wr_sql_truncate *node = WR_NODE(p, TRUNCATE, truncate, span_now(p));
    advance(p);
    take_word(p, WR_KW_TABLE);
    take_word(p, WR_KW_ONLY);
    node->names = wr_grammar_qualified_list(p, "a table name");
    node->restart_identity = take_word2(p, WR_KW_RESTART, WR_KW_IDENTITY);
    if (!node->restart_identity && at_text(p, "continue")) {
        advance(p);
        wr_need_word(p, WR_KW_IDENTITY);
    }
    node->behavior = wr_take_drop_behavior(p);
    return &node->node;
}

static void add_option(wr_parser *p, wr_node_list *list, const char *name, wr_node *value,
                       wr_span span)
{
    wr_sql_option *option = WR_NODE(p, OPTION, option, span);
    option->name = (wr_name){wr_str_of(name), span, false};
    option->value = value;
    wr_push(p->arena, list, &option->node);
}

/* FORCE QUOTE and FORCE NULL: columns as a row, or a star. */
static wr_node *parse_force_columns(wr_parser *p)
{
    if (at_op(p, WR_OP_MUL)) return wr_grammar_star(p, (wr_names){0}, NULL, span_now(p));
    wr_sql_row *row = WR_NODE(p, ROW, row, span_now(p));
    wr_node_list items = {0};
    do
        wr_push(p->arena, &items, parse_target(p));
    while (take_punct(p, ','));
    row->items = wr_nodes_of(&items);
    row->keyword = true;
    return &row->node;
}

/* PostgreSQL's style before 9.0: COPY t FROM 'f' DELIMITER ',' CSV HEADER */
static wr_nodes parse_old_copy_options(wr_parser *p)
{
    wr_node_list list = {0};
    static const char *const texts[] = {"delimiter", "null", "quote", "escape", "encoding"};
    for (;;) {
        wr_span span = span_now(p);
        size_t i = 0;
        while (i < WR_COUNT(texts) && !at_text(p, texts[i]))
            i++;
        if (i < WR_COUNT(texts)) {
            advance(p);
            take_word(p, WR_KW_AS);
            add_option(p, &list, texts[i], wr_grammar_string(p, "a text"), span);
        } else if (at_text(p, "delimiters")) {
            advance(p);
            add_option(p, &list, "delimiter", wr_grammar_string(p, "a text"), span);
        } else if (at_text(p, "csv") || at_text(p, "binary") || at_text(p, "json") ||
                   at_text(p, "parquet") || at_text(p, "arrow")) {
            wr_str format = now(p)->text;
            advance(p);
            add_option(p, &list, "format", wr_make_string(p, format, span), span);
        } else if (at_text(p, "header") || at_text(p, "freeze")) {
            const char *name = at_text(p, "header") ? "header" : "freeze";
            advance(p);
            add_option(p, &list, name, NULL, span);
        } else if (take_word(p, WR_KW_FORCE)) {
            bool quote = take_text(p, "quote"), not_null = !quote && take_word(p, WR_KW_NOT);
            if (!quote) wr_need_word(p, WR_KW_NULL);
            const char *name = quote ? "force_quote" : not_null ? "force_not_null" : "force_null";
            add_option(p, &list, name, parse_force_columns(p), span);
        } else {
            return wr_nodes_of(&list);
        }
    }
}

wr_node *wr_grammar_copy(wr_parser *p)
{
    wr_sql_copy *node = WR_NODE(p, COPY, copy, span_now(p));
    advance(p);
    if (at_punct(p, '(')) {
        advance(p);
        node->query = wr_at_dml(p) ? wr_grammar_dml(p, false, (wr_nodes){0}) : wr_grammar_query(p);
        wr_need_punct(p, ')');
    } else {
        node->table = wr_grammar_qualified(p, "a table name or a query in brackets");
        if (at_punct(p, '(')) node->columns = wr_grammar_name_list(p, "a column name");
    }
    node->from = !node->query && take_word(p, WR_KW_FROM);
    if (!node->from) wr_need_word(p, WR_KW_TO);
    if (!take_word(p, node->from ? WR_KW_STDIN : WR_KW_STDOUT)) {
        if (at_text(p, "program")) return wr_refuse(p, span_now(p), "COPY with PROGRAM");
        bool name = now(p)->kind == WR_TOKEN_QUOTED ||
                    (wr_token_is_label(now(p)) && !token_is_punct(ahead(p, 1), '('));
        if (name) return wr_expected(p, "a file name in single quotes");
        node->target = wr_grammar_primary(p);
    }
    take_word(p, WR_KW_WITH);
    node->options = at_punct(p, '(') ? wr_grammar_options(p) : parse_old_copy_options(p);
    if (node->from && take_word(p, WR_KW_WHERE)) node->where = wr_grammar_expression(p);
    return &node->node;
}
