/* parse_from.c - what stands in FROM: tables, files, functions, subqueries, joins, samples, PIVOT.
 *
 * Joins lean to the left and are built in a loop; "a JOIN b JOIN c ON x ON y" nests to the right
 * because the first ON belongs to the last JOIN without one. "(" opens a query, a query whose first
 * part is in brackets, or a join. */
#include "sql/parser.h"

static wr_node *parse_joins(wr_parser *p, wr_node *left);

/* Column names behind an alias, each with a type perhaps: AS t(a, b), AS t(a int, b text). */
static void parse_alias_columns(wr_parser *p, wr_sql_alias *alias)
{
    wr_name_list names = {0};
    wr_node_list types = {0};
    advance(p);
    do {
        if (names.count && at_punct(p, ')')) break;
        wr_span span = span_now(p);
        wr_name name = wr_grammar_name(p, "a column name");
        wr_push(p->arena, &names, name);
        if (at_punct(p, ',') || at_punct(p, ')') || p->error) continue;
        wr_sql_column_def *def = WR_NODE(p, COLUMN_DEF, column_def, span);
        def->name = name;
        def->type = wr_grammar_type(p);
        wr_push(p->arena, &types, &def->node);
    } while (take_punct(p, ','));
    wr_need_punct(p, ')');
    if (types.count && types.count != names.count)
        wr_misplaced(p, alias->name.span, "either all columns have a type or none", NULL);
    alias->types = wr_nodes_of(&types);
    if (!types.count) alias->columns = wr_names_of(&names);
}

wr_sql_alias wr_grammar_alias(wr_parser *p)
{
    wr_sql_alias alias = {0};
    bool as = take_word(p, WR_KW_AS);
    if (as && at_punct(p, '(')) {
        parse_alias_columns(p, &alias);
    } else if (as && at_string(p)) {
        alias.name = wr_name_of(now(p));
        alias.name.quoted = true;
        advance(p);
    } else if (as || wr_at_relation_alias(p)) {
        alias.name = wr_grammar_name(p, "an alias");
        if (at_punct(p, '(')) parse_alias_columns(p, &alias);
    }
    return alias;
}

static wr_node *parse_time_travel(wr_parser *p)
{
    wr_sql_time_travel *node = WR_NODE(p, TIME_TRAVEL, time_travel, span_now(p));
    if (take_word(p, WR_KW_AT)) {
        wr_need_punct(p, '(');
        node->version = take_word(p, WR_KW_VERSION);
        if (!node->version && !take_word(p, WR_KW_TIMESTAMP))
            wr_expected(p, "VERSION or TIMESTAMP");
        wr_need_punct(p, WR_PUNCT_ARROW);
        node->value = wr_grammar_expression(p);
        wr_need_punct(p, ')');
        return &node->node;
    }
    advance(p);
    node->version = at_word(p, WR_KW_VERSION) || at_text(p, "system_version");
    advance(p);
    wr_need_word(p, WR_KW_AS);
    if (!take_text(p, "of")) wr_expected(p, "OF");
    node->value = wr_grammar_value_before_in(p);
    return &node->node;
}

static bool at_time_travel(const wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    if (at_word(p, WR_KW_AT)) return token_is_punct(next, '(');
    return at_word(p, WR_KW_FOR) && ahead(p, 2)->keyword == WR_KW_AS &&
           (next->keyword == WR_KW_SYSTEM_TIME || token_is_text(next, "system_version") ||
            next->keyword == WR_KW_VERSION || next->keyword == WR_KW_TIMESTAMP);
}

/* size [ROWS | PERCENT | %] */
static void parse_sample_size(wr_parser *p, wr_sql_sample *sample, bool percent)
{
    sample->size = wr_grammar_primary(p);
    sample->unit = percent ? WR_SAMPLE_PERCENT : WR_SAMPLE_ROWS;
    if (take_word(p, WR_KW_PERCENT) || take_op(p, WR_OP_MOD)) sample->unit = WR_SAMPLE_PERCENT;
    if (take_word(p, WR_KW_ROWS)) sample->unit = WR_SAMPLE_ROWS;
}

wr_node *wr_grammar_sample(wr_parser *p)
{
    wr_sql_sample *sample = WR_NODE(p, SAMPLE, sample, span_now(p));
    bool of_table = take_word(p, WR_KW_TABLESAMPLE);
    if (!of_table) take_word2(p, WR_KW_USING, WR_KW_SAMPLE);
    if (wr_token_is_label(now(p))) {
        sample->method = wr_grammar_label(p, "a sampling method");
        wr_need_punct(p, '(');
        parse_sample_size(p, sample, !wr_str_is(sample->method.text, "reservoir"));
        wr_need_punct(p, ')');
    } else {
        bool open = at_punct(p, '(');
        if (open) advance(p);
        parse_sample_size(p, sample, of_table);
        if (open) wr_need_punct(p, ')');
        if (take_punct(p, '(')) { /* 10% (bernoulli, 377) */
            sample->method = wr_grammar_label(p, "a sampling method");
            if (take_punct(p, ',')) sample->seed = wr_grammar_expression(p);
            wr_need_punct(p, ')');
        }
    }
    if (take_word(p, WR_KW_REPEATABLE)) {
        wr_need_punct(p, '(');
        sample->seed = wr_grammar_expression(p);
        wr_need_punct(p, ')');
    }
    return &sample->node;
}

static wr_node *take_sample(wr_parser *p)
{
    return at_word(p, WR_KW_TABLESAMPLE) ? wr_grammar_sample(p) : NULL;
}

static wr_node *parse_table(wr_parser *p)
{
    wr_sql_table_ref *node = WR_NODE(p, TABLE_REF, table_ref, span_now(p));
    if (at_string(p)) {
        wr_name_list path = {0};
        wr_push(p->arena, &path, wr_name_of(now(p)));
        path.items[0].quoted = true;
        node->name = wr_names_of(&path);
        node->file = true;
        if (now(p)->text.length == 0)
            return wr_misplaced(p, span_now(p), "the file name is empty", NULL);
        advance(p);
    } else {
        node->only = take_word(p, WR_KW_ONLY);
        bool open = node->only && take_punct(p, '(');
        node->name = wr_grammar_qualified(p, "a table, file, function or query");
        if (open) wr_need_punct(p, ')');
    }
    node->node.span = span_since(p, node->node.span);
    take_op(p, WR_OP_MUL); /* t * is PostgreSQL's old way to say "with inheriting tables" */
    if (at_time_travel(p)) node->time_travel = parse_time_travel(p);
    node->alias = wr_grammar_alias(p);
    if (!node->time_travel && at_time_travel(p)) node->time_travel = parse_time_travel(p);
    node->sample = take_sample(p);
    return &node->node;
}

static wr_node *parse_function(wr_parser *p, bool lateral)
{
    wr_sql_function_ref *node = WR_NODE(p, FUNCTION_REF, function_ref, span_now(p));
    wr_name_list parts = {0};
    wr_node *special = wr_grammar_special_call(p);
    if (!special) {
        wr_push(p->arena, &parts, wr_name_of(now(p)));
        advance(p);
        while (take_punct(p, '.'))
            wr_push(p->arena, &parts, wr_grammar_label(p, "a function"));
        special = wr_grammar_call(p, wr_names_of(&parts), span_since(p, node->node.span));
    }
    node->call = special;
    node->lateral = lateral;
    if (at_word2(p, WR_KW_WITH, WR_KW_ORDINALITY))
        node->ordinality = take_word2(p, WR_KW_WITH, WR_KW_ORDINALITY);
    node->alias = wr_grammar_alias(p);
    node->sample = take_sample(p);
    return &node->node;
}

/* TABLE(f(..)): Flink's way to say that f gives a table. */
static wr_node *parse_table_of_function(wr_parser *p)
{
    wr_span span = span_now(p);
    advance(p);
    wr_need_punct(p, '(');
    wr_node *relation = parse_function(p, false);
    wr_need_punct(p, ')');
    if (p->error) return relation;
    wr_sql_function_ref *node = wr_sql_as_function_ref(relation);
    node->node.span = span_since(p, span);
    if (!wr_name_given(node->alias.name)) node->alias = wr_grammar_alias(p);
    if (!node->sample) node->sample = take_sample(p);
    return relation;
}

static wr_node *make_query_ref(wr_parser *p, wr_node *query, bool lateral, wr_span span)
{
    wr_sql_query_ref *node = WR_NODE(p, QUERY_REF, query_ref, span);
    node->query = query;
    node->lateral = lateral;
    node->alias = wr_grammar_alias(p);
    node->sample = take_sample(p);
    return &node->node;
}

/* A subquery nobody has named, sampled or joined yet can turn out to be the first part of a longer
 * query. */
static bool is_bare_query(const wr_node *relation)
{
    if (relation->kind != WR_SQL_QUERY_REF) return false;
    const wr_sql_query_ref *ref = wr_sql_as_query_ref(relation);
    return !ref->lateral && !wr_name_given(ref->alias.name) && !ref->alias.columns.count &&
           !ref->sample;
}

static wr_node *parse_parenthesised(wr_parser *p, bool lateral)
{
    wr_span span = span_now(p);
    advance(p);
    wr_node *query = NULL, *relation = NULL;
    if (wr_at_query(p)) {
        query = wr_grammar_query(p);
    } else {
        relation = wr_grammar_relation(p);
        if (is_bare_query(relation) &&
            (wr_at_query_continuation(p) || lateral || at_punct(p, ')'))) {
            query = wr_sql_as_query_ref(relation)->query;
            if (wr_at_query_continuation(p)) query = wr_grammar_query_from(p, query);
        }
    }
    wr_need_punct(p, ')');
    if (query) return make_query_ref(p, query, lateral, span);
    if (lateral) return wr_misplaced(p, span, "LATERAL needs a query or a function", NULL);
    if (relation->kind == WR_SQL_JOIN && (at_word(p, WR_KW_AS) || wr_at_relation_alias(p)))
        wr_sql_as_join(relation)->alias = wr_grammar_alias(p);
    return relation;
}

/* f( or s.f( */
static bool at_function(const wr_parser *p)
{
    int steps = 0;
    if (!wr_token_is_function_name(now(p))) return false;
    while (token_is_punct(ahead(p, steps + 1), '.') && wr_token_is_label(ahead(p, steps + 2)))
        steps += 2;
    return token_is_punct(ahead(p, steps + 1), '(');
}

static void set_prefix_alias(wr_parser *p, wr_node *relation, wr_name name)
{
    wr_sql_alias *alias = NULL;
    if (relation->kind == WR_SQL_TABLE_REF) alias = &wr_sql_as_table_ref(relation)->alias;
    if (relation->kind == WR_SQL_FUNCTION_REF) alias = &wr_sql_as_function_ref(relation)->alias;
    if (relation->kind == WR_SQL_QUERY_REF) alias = &wr_sql_as_query_ref(relation)->alias;
    if (!alias || wr_name_given(alias->name))
        wr_misplaced(p, name.span, "this relation cannot take a second alias", NULL);
    else
        alias->name = name;
}

static wr_node *parse_primary(wr_parser *p)
{
    if (wr_token_is_label(now(p)) && token_is_punct(ahead(p, 1), ':')) {
        wr_name name = wr_grammar_label(p, "an alias");
        advance(p);
        if (wr_token_is_label(now(p)) && token_is_punct(ahead(p, 1), ':'))
            return wr_expected(p, "a table, file, function or query");
        wr_node *relation = parse_primary(p);
        if (!p->error) set_prefix_alias(p, relation, name);
        return relation;
    }
    bool lateral = take_word(p, WR_KW_LATERAL);
    if (at_punct(p, '(')) return parse_parenthesised(p, lateral);
    if (at_word(p, WR_KW_VALUES) && token_is_punct(ahead(p, 1), '(')) {
        wr_span span = span_now(p);
        return make_query_ref(p, wr_grammar_query(p), lateral, span);
    }
    if (at_word2(p, WR_KW_ROWS, WR_KW_FROM)) return wr_refuse(p, span_now(p), "ROWS FROM");
    if (at_word(p, WR_KW_TABLE) && token_is_punct(ahead(p, 1), '(') &&
        wr_token_is_function_name(ahead(p, 2)))
        return parse_table_of_function(p);
    if (at_function(p)) return parse_function(p, lateral);
    if (lateral) return wr_expected(p, "a query or a function");
    return parse_table(p);
}

/* The words of a join; false (nothing taken) if the cursor is at none. */
static bool take_join_words(wr_parser *p, wr_sql_join *join)
{
    int start = p->at;
    join->natural = take_word(p, WR_KW_NATURAL);
    if (at_word(p, WR_KW_ASOF)) join->asof = take_word(p, WR_KW_ASOF);
    bool plain = false;
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_LEFT:
        join->join = WR_JOIN_SQL_LEFT;
        break;
    case WR_KW_RIGHT:
        join->join = WR_JOIN_SQL_RIGHT;
        break;
    case WR_KW_FULL:
        join->join = WR_JOIN_SQL_FULL;
        break;
    case WR_KW_INNER:
        join->join = WR_JOIN_SQL_INNER;
        break;
    case WR_KW_CROSS:
        join->join = WR_JOIN_SQL_CROSS;
        break;
    case WR_KW_SEMI:
        join->join = WR_JOIN_SQL_SEMI;
        break;
    case WR_KW_ANTI:
        join->join = WR_JOIN_SQL_ANTI;
        break;
    case WR_KW_POSITIONAL:
        join->join = WR_JOIN_SQL_POSITIONAL;
        break;
    default:
        plain = true;
    }
    bool outer = !plain && join->join >= WR_JOIN_SQL_LEFT && join->join <= WR_JOIN_SQL_FULL;
    if (!plain) advance(p);
    /* LEFT SEMI JOIN and LEFT ANTI JOIN are other dialects' spelling. */
    if (outer && join->join == WR_JOIN_SQL_LEFT && ahead(p, 1)->keyword == WR_KW_JOIN) {
        if (take_word(p, WR_KW_SEMI))
            join->join = WR_JOIN_SQL_SEMI;
        else if (take_word(p, WR_KW_ANTI))
            join->join = WR_JOIN_SQL_ANTI;
    }
    if (outer) take_word(p, WR_KW_OUTER);
    if (take_word(p, WR_KW_JOIN)) return true;
    bool certain = join->natural || outer ||
                   (!plain && (join->join == WR_JOIN_SQL_INNER || join->join == WR_JOIN_SQL_CROSS));
    if (certain && !p->error) {
        wr_need_word(p, WR_KW_JOIN);
        return true;
    }
    if (!p->error) p->at = start;
    return false;
}

static bool at_join_words(const wr_parser *p)
{
    wr_keyword next = ahead(p, 1)->keyword;
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_JOIN:
    case WR_KW_INNER:
    case WR_KW_CROSS:
    case WR_KW_NATURAL:
    case WR_KW_LEFT:
    case WR_KW_RIGHT:
    case WR_KW_FULL:
        return true;
    case WR_KW_SEMI:
    case WR_KW_ANTI:
    case WR_KW_POSITIONAL:
        return next == WR_KW_JOIN;
    case WR_KW_ASOF:
        return true;
    default:
        return false;
    }
}

static wr_node *parse_join(wr_parser *p, wr_node *left)
{
    wr_span span = span_now(p);
    wr_sql_join *join = WR_NODE(p, JOIN, join, span);
    if (!wr_parser_enter(p)) return p->hole;
    if (!take_join_words(p, join)) wr_expected(p, "JOIN");
    join->node.span = span_since(p, span);
    join->left = left;
    join->right = parse_primary(p);
    bool free =
        join->natural || join->join == WR_JOIN_SQL_CROSS || join->join == WR_JOIN_SQL_POSITIONAL;
    while (!free && at_join_words(p))
        join->right = parse_join(p, join->right);
    wr_parser_leave(p);
    if (free || p->error) return &join->node;
    if (take_word(p, WR_KW_ON)) {
        join->on = wr_grammar_expression(p);
    } else if (at_word(p, WR_KW_USING) && token_is_punct(ahead(p, 1), '(')) {
        advance(p);
        join->using = wr_grammar_name_list(p, "a column name");
        if (at_word(p, WR_KW_AS)) {
            advance(p);
            join->using_alias = wr_grammar_name(p, "an alias");
        }
    } else {
        wr_expected(p, "ON or USING");
        if (p->error && !p->quick && !p->error->hint)
            p->error = wr_with_hint(p->error, "a join needs its condition; CROSS JOIN has none");
    }
    return &join->node;
}

static wr_node *parse_joins(wr_parser *p, wr_node *left)
{
    for (;;) {
        if (at_join_words(p))
            left = parse_join(p, left);
        else if ((at_word(p, WR_KW_PIVOT) || at_word(p, WR_KW_UNPIVOT)))
            left = wr_grammar_pivot_relation(p, left);
        else
            return left;
    }
}

wr_node *wr_grammar_relation(wr_parser *p)
{
    if (!wr_parser_enter(p)) return p->hole;
    wr_node *relation = parse_joins(p, parse_primary(p));
    wr_parser_leave(p);
    return relation;
}

wr_nodes wr_grammar_relations(wr_parser *p)
{
    wr_node_list list = {0};
    do {
        if (list.count && wr_at_list_end(p)) break;
        wr_push(p->arena, &list, wr_grammar_relation(p));
    } while (take_punct(p, ','));
    return wr_nodes_of(&list);
}

wr_node *wr_grammar_target_table(wr_parser *p, bool may_have_alias)
{
    wr_sql_table_ref *node = WR_NODE(p, TABLE_REF, table_ref, span_now(p));
    node->only = take_word(p, WR_KW_ONLY);
    node->name = wr_grammar_qualified(p, "a table name");
    node->node.span = span_since(p, node->node.span);
    take_op(p, WR_OP_MUL);
    if (may_have_alias && (take_word(p, WR_KW_AS) || wr_at_relation_alias(p)))
        node->alias.name = wr_grammar_name(p, "an alias");
    return &node->node;
}

/* expression [IN (values) | IN enum] */
wr_node *wr_grammar_pivot_on(wr_parser *p)
{
    wr_sql_pivot_on *on = WR_NODE(p, PIVOT_ON, pivot_on, span_now(p));
    on->value = wr_grammar_value_before_in(p);
    if (!take_word(p, WR_KW_IN)) return &on->node;
    if (!at_punct(p, '(')) {
        on->in_enum = wr_grammar_qualified(p, "values in brackets or the name of an enum");
        return &on->node;
    }
    advance(p);
    if (wr_at_query(p))
        on->in_query = wr_grammar_query(p);
    else
        on->in = wr_grammar_items(p);
    wr_need_punct(p, ')');
    return &on->node;
}

static wr_node *parse_unpivot_relation(wr_parser *p, wr_sql_unpivot *node)
{
    if (take_text(p, "include")) {
        wr_need_word(p, WR_KW_NULLS);
        node->include_nulls = true;
    } else if (take_text(p, "exclude")) {
        wr_need_word(p, WR_KW_NULLS);
    }
    wr_need_punct(p, '(');
    if (at_punct(p, '('))
        node->value_columns = wr_grammar_name_list(p, "a column name");
    else
        node->value_columns = wr_grammar_bare_names(p, "a column name");
    wr_need_word(p, WR_KW_FOR);
    node->name_column = wr_grammar_name(p, "a column name");
    wr_need_word(p, WR_KW_IN);
    wr_need_punct(p, '(');
    node->on = wr_grammar_items(p);
    wr_need_punct(p, ')');
    wr_need_punct(p, ')');
    node->alias = wr_grammar_alias(p);
    return &node->node;
}

wr_node *wr_grammar_pivot_relation(wr_parser *p, wr_node *source)
{
    wr_span span = span_now(p);
    if (take_word(p, WR_KW_UNPIVOT)) {
        wr_sql_unpivot *node = WR_NODE(p, UNPIVOT, unpivot, span);
        node->source = source;
        return parse_unpivot_relation(p, node);
    }
    advance(p);
    wr_sql_pivot *node = WR_NODE(p, PIVOT, pivot, span);
    wr_node_list on = {0};
    node->source = source;
    wr_need_punct(p, '(');
    node->values = wr_grammar_items(p);
    wr_need_word(p, WR_KW_FOR);
    do
        wr_push(p->arena, &on, wr_grammar_pivot_on(p));
    while (!at_punct(p, ')') && !at_word(p, WR_KW_GROUP) && !p->error);
    node->on = wr_nodes_of(&on);
    if (take_word(p, WR_KW_GROUP)) {
        wr_need_word(p, WR_KW_BY);
        node->group_by = wr_grammar_bare_names(p, "a column");
    }
    wr_need_punct(p, ')');
    node->alias = wr_grammar_alias(p);
    return &node->node;
}
