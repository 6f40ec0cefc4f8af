/* parse_table.c - CREATE TABLE, SOURCE and SINK with their columns and constraints.
 *
 * SOURCE and SINK differ from TABLE only in role and in the clauses they usually carry (WITH,
 * FORMAT .. ENCODE, WATERMARK); all clauses are accepted for all three and judged by the binder. */
#include "sql/parser.h"

static wr_reference_action parse_reference_action(wr_parser *p)
{
    if (take_word2(p, WR_KW_NO, WR_KW_ACTION)) return WR_ACTION_NONE;
    if (take_word(p, WR_KW_RESTRICT)) return WR_ACTION_RESTRICT;
    if (take_word(p, WR_KW_CASCADE)) return WR_ACTION_CASCADE;
    if (take_word2(p, WR_KW_SET, WR_KW_NULL)) return WR_ACTION_SET_NULL;
    if (take_word2(p, WR_KW_SET, WR_KW_DEFAULT)) return WR_ACTION_SET_DEFAULT;
    wr_expected(p, "NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT");
    return WR_ACTION_UNSAID;
}

/* REFERENCES t (a, b) ON DELETE .. ON UPDATE .., behind REFERENCES. */
static void parse_references(wr_parser *p, wr_sql_constraint *constraint)
{
    constraint->constraint = WR_CONSTRAINT_FOREIGN_KEY;
    constraint->reference = wr_grammar_qualified(p, "a table name");
    if (at_punct(p, '(')) constraint->reference_columns = wr_grammar_name_list(p, "a column name");
    if (at_text(p, "match")) {
        advance(p);
        constraint->match_full = take_text(p, "full");
        if (!constraint->match_full && !take_text(p, "simple"))
            wr_refuse(p, span_now(p), "MATCH PARTIAL");
    }
    while (at_word(p, WR_KW_ON) && !p->error) {
        advance(p);
        if (take_word(p, WR_KW_DELETE)) {
            constraint->on_delete = parse_reference_action(p);
            bool sets = constraint->on_delete >= WR_ACTION_SET_NULL;
            if (sets && at_punct(p, '('))
                constraint->set_columns = wr_grammar_name_list(p, "a column name");
        } else {
            wr_need_word(p, WR_KW_UPDATE);
            constraint->on_update = parse_reference_action(p);
        }
    }
}

/* DEFERRABLE, INITIALLY .., NOT VALID behind a constraint. */
static void parse_constraint_tail(wr_parser *p, wr_sql_constraint *constraint)
{
    for (;;) {
        if (take_word(p, WR_KW_DEFERRABLE)) {
            constraint->deferrable = true;
        } else if (at_word2(p, WR_KW_NOT, WR_KW_DEFERRABLE)) {
            take_word2(p, WR_KW_NOT, WR_KW_DEFERRABLE);
        } else if (at_word2(p, WR_KW_NOT, WR_KW_VALID)) {
            constraint->not_valid = take_word2(p, WR_KW_NOT, WR_KW_VALID);
        } else if (take_word(p, WR_KW_INITIALLY)) {
            constraint->initially_deferred = take_word(p, WR_KW_DEFERRED);
            if (!constraint->initially_deferred) wr_need_word(p, WR_KW_IMMEDIATE);
        } else {
            return;
        }
    }
}

static bool take_nulls_not_distinct(wr_parser *p)
{
    if (!take_word(p, WR_KW_NULLS)) return false;
    bool not_distinct = take_word(p, WR_KW_NOT);
    wr_need_word(p, WR_KW_DISTINCT);
    return not_distinct;
}

static wr_node *parse_in_parentheses(wr_parser *p)
{
    wr_need_punct(p, '(');
    wr_node *expression = wr_grammar_expression(p);
    wr_need_punct(p, ')');
    return expression;
}

/* GENERATED {ALWAYS | BY DEFAULT} AS {IDENTITY | (expression) [STORED | VIRTUAL]}, behind
 * GENERATED. */
static void parse_generated(wr_parser *p, wr_sql_constraint *constraint)
{
    constraint->always = take_word(p, WR_KW_ALWAYS);
    if (!constraint->always && take_word(p, WR_KW_BY)) wr_need_word(p, WR_KW_DEFAULT);
    wr_need_word(p, WR_KW_AS);
    if (take_word(p, WR_KW_IDENTITY)) {
        constraint->constraint = WR_CONSTRAINT_IDENTITY;
        if (take_punct(p, '(')) {
            constraint->options = wr_grammar_sequence_options(p);
            wr_need_punct(p, ')');
        }
        return;
    }
    constraint->constraint = WR_CONSTRAINT_GENERATED;
    constraint->always = false;
    constraint->expression = parse_in_parentheses(p);
    constraint->stored = take_word(p, WR_KW_STORED);
    if (!constraint->stored) take_word(p, WR_KW_VIRTUAL);
}

/* One constraint of a column, or NULL if none is at the cursor. */
static wr_node *parse_column_constraint(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_sql_constraint *node = WR_NODE(p, CONSTRAINT, constraint, span);
    bool named = take_word(p, WR_KW_CONSTRAINT);
    if (named) node->name = wr_grammar_name(p, "the name of a constraint");
    if (take_word2(p, WR_KW_NOT, WR_KW_NULL)) {
        node->constraint = WR_CONSTRAINT_NOT_NULL;
    } else if (take_word(p, WR_KW_NULL)) {
        node->constraint = WR_CONSTRAINT_NULL;
    } else if (take_word2(p, WR_KW_PRIMARY, WR_KW_KEY)) {
        node->constraint = WR_CONSTRAINT_PRIMARY_KEY;
    } else if (take_word(p, WR_KW_UNIQUE)) {
        node->constraint = WR_CONSTRAINT_UNIQUE;
        node->nulls_not_distinct = take_nulls_not_distinct(p);
    } else if (take_word(p, WR_KW_CHECK)) {
        node->constraint = WR_CONSTRAINT_CHECK;
        node->expression = parse_in_parentheses(p);
    } else if (take_word(p, WR_KW_DEFAULT)) {
        node->constraint = WR_CONSTRAINT_DEFAULT;
        node->expression = wr_grammar_operand(p);
    } else if (take_word(p, WR_KW_GENERATED)) {
        parse_generated(p, node);
    } else if (at_word(p, WR_KW_AS)) {
        advance(p); /* a AS (x + 1), and a AS CASE .. END of streaming dialects */
        node->constraint = WR_CONSTRAINT_GENERATED;
        node->expression = wr_grammar_expression(p);
        node->stored = take_word(p, WR_KW_STORED);
        if (!node->stored) take_word(p, WR_KW_VIRTUAL);
    } else if (take_word(p, WR_KW_REFERENCES)) {
        parse_references(p, node);
    } else {
        if (named) wr_expected(p, "a constraint");
        return NULL;
    }
    parse_constraint_tail(p, node);
    node->node.span = span_since(p, span);
    return &node->node;
}

static bool at_column_type(const wr_parser *p)
{
    const wr_token *token = now(p);
    if (token->kind != WR_TOKEN_NAME && token->kind != WR_TOKEN_QUOTED) return false;
    if (token->keyword == WR_KW_GENERATED) return false;
    return !token->keyword || wr_keyword_category_of(token->keyword) != WR_WORD_RESERVED;
}

wr_node *wr_grammar_column_def(wr_parser *p)
{
    wr_sql_column_def *def = WR_NODE(p, COLUMN_DEF, column_def, span_now(p));
    wr_node_list constraints = {0};
    def->name = wr_grammar_name(p, "a column name");
    if (at_column_type(p)) def->type = wr_grammar_type(p);
    for (;;) {
        if (take_word(p, WR_KW_COLLATE)) {
            def->collation = wr_grammar_qualified(p, "a collation");
            continue;
        }
        wr_node *constraint = parse_column_constraint(p);
        if (!constraint) break;
        wr_push(p->arena, &constraints, constraint);
    }
    def->constraints = wr_nodes_of(&constraints);
    return &def->node;
}

bool wr_at_table_constraint(const wr_parser *p)
{
    const wr_token *next = ahead(p, 1);
    switch ((wr_keyword)now(p)->keyword) {
    case WR_KW_CONSTRAINT:
    case WR_KW_PRIMARY:
    case WR_KW_UNIQUE:
    case WR_KW_CHECK:
    case WR_KW_FOREIGN:
        return next->kind != WR_TOKEN_END;
    default:
        return false;
    }
}

wr_node *wr_grammar_table_constraint(wr_parser *p)
{
    wr_span span = span_now(p);
    wr_sql_constraint *node = WR_NODE(p, CONSTRAINT, constraint, span);
    if (take_word(p, WR_KW_CONSTRAINT)) node->name = wr_grammar_name(p, "the name of a constraint");
    if (take_word(p, WR_KW_CHECK)) {
        node->constraint = WR_CONSTRAINT_CHECK;
        node->expression = parse_in_parentheses(p);
    } else if (take_word2(p, WR_KW_PRIMARY, WR_KW_KEY)) {
        node->constraint = WR_CONSTRAINT_PRIMARY_KEY;
        node->columns = wr_grammar_name_list(p, "a column name");
        /* streaming catalogs say that they do not check it */
        if (at_word(p, WR_KW_NOT) && token_is_text(ahead(p, 1), "enforced")) {
            advance(p);
            advance(p);
            node->not_valid = true;
        }
    } else if (take_word(p, WR_KW_UNIQUE)) {
        node->constraint = WR_CONSTRAINT_UNIQUE;
        node->nulls_not_distinct = take_nulls_not_distinct(p);
        node->columns = wr_grammar_name_list(p, "a column name");
    } else if (take_word(p, WR_KW_FOREIGN)) {
        wr_need_word(p, WR_KW_KEY);
        node->columns = wr_grammar_name_list(p, "a column name");
        wr_need_word(p, WR_KW_REFERENCES);
        parse_references(p, node);
    } else {
        wr_expected(p, "CHECK, PRIMARY KEY, UNIQUE or FOREIGN KEY");
    }
    parse_constraint_tail(p, node);
    node->node.span = span_since(p, span);
    return &node->node;
}

const char *const wr_like_words[] = {"comments",  "compression", "constraints", "defaults",
                                     "generated", "identity",    "indexes",     "statistics",
                                     "storage",   NULL};

/* The bits of the word behind INCLUDING or EXCLUDING. */
static int take_like_part(wr_parser *p)
{
    if (take_text(p, "all")) return WR_LIKE_ALL;
    for (int i = 0; wr_like_words[i]; i++)
        if (take_text(p, wr_like_words[i])) return 1 << i;
    wr_expected(p, "ALL, COMMENTS, CONSTRAINTS, DEFAULTS, GENERATED, IDENTITY or INDEXES");
    return 0;
}

/* LIKE t [INCLUDING x | EXCLUDING y] ..: each changes what those before it said. */
static wr_node *parse_like(wr_parser *p)
{
    wr_sql_like_table *node = WR_NODE(p, LIKE_TABLE, like_table, span_now(p));
    advance(p);
    node->name = wr_grammar_qualified(p, "a table name");
    while (!p->error) {
        if (take_word(p, WR_KW_INCLUDING))
            node->including |= take_like_part(p);
        else if (take_word(p, WR_KW_EXCLUDING))
            node->including &= ~take_like_part(p);
        else
            break;
    }
    node->node.span = span_since(p, node->node.span);
    return &node->node;
}

static wr_node *parse_watermark(wr_parser *p)
{
    wr_sql_watermark *node = WR_NODE(p, WATERMARK, watermark, span_now(p));
    take_word2(p, WR_KW_WATERMARK, WR_KW_FOR);
    node->column = wr_grammar_name(p, "a column name");
    wr_need_word(p, WR_KW_AS);
    node->expression = wr_grammar_expression(p);
    return &node->node;
}

static wr_nodes parse_elements(wr_parser *p)
{
    wr_node_list list = {0};
    wr_need_punct(p, '(');
    while (!at_punct(p, ')') && !p->error) {
        wr_node *element;
        if (at_word2(p, WR_KW_WATERMARK, WR_KW_FOR))
            element = parse_watermark(p);
        else if (at_word(p, WR_KW_LIKE))
            element = parse_like(p);
        else if (wr_at_table_constraint(p))
            element = wr_grammar_table_constraint(p);
        else
            element = wr_grammar_column_def(p);
        wr_push(p->arena, &list, element);
        if (!take_punct(p, ',')) break;
    }
    wr_need_punct(p, ')');
    return wr_nodes_of(&list);
}

/* ON COMMIT {PRESERVE ROWS | DELETE ROWS | DROP} */
static wr_on_commit parse_on_commit(wr_parser *p)
{
    wr_need_word(p, WR_KW_COMMIT);
    if (take_word(p, WR_KW_DROP)) return WR_COMMIT_DROP;
    bool preserve = take_word(p, WR_KW_PRESERVE);
    if (!preserve) wr_need_word(p, WR_KW_DELETE);
    wr_need_word(p, WR_KW_ROWS);
    return preserve ? WR_COMMIT_PRESERVE : WR_COMMIT_DELETE;
}

/* Clauses between the columns and AS, in any order. */
static void parse_table_clauses(wr_parser *p, wr_sql_create_table *node)
{
    for (;;) {
        if (at_word(p, WR_KW_WITH) && token_is_punct(ahead(p, 1), '(')) {
            advance(p);
            node->with = wr_grammar_options(p);
        } else if (take_word(p, WR_KW_OPTIONS)) {
            node->options = wr_grammar_options(p);
        } else if (take_word(p, WR_KW_USING)) {
            node->format = wr_grammar_label(p, "csv, line or json");
        } else if (take_word(p, WR_KW_FORMAT)) {
            node->format = wr_grammar_label(p, "a format");
        } else if (take_word(p, WR_KW_ENCODE)) {
            node->encode_name = wr_grammar_label(p, "an encoding");
            if (at_punct(p, '(')) node->encode = wr_grammar_options(p);
        } else if (take_word(p, WR_KW_PARTITIONED) ||
                   (at_word2(p, WR_KW_PARTITION, WR_KW_BY) && take_word(p, WR_KW_PARTITION))) {
            wr_need_word(p, WR_KW_BY);
            wr_need_punct(p, '(');
            node->partition_by = wr_grammar_expressions(p);
            wr_need_punct(p, ')');
        } else if (take_word(p, WR_KW_ON)) {
            node->on_commit = parse_on_commit(p);
        } else if (node->role == WR_ROLE_SINK && take_word(p, WR_KW_FROM)) {
            node->from = wr_grammar_qualified(p, "a table name");
        } else if (at_word2(p, WR_KW_EMIT, WR_KW_ON)) {
            take_word2(p, WR_KW_EMIT, WR_KW_ON);
            wr_need_word(p, WR_KW_WINDOW);
            wr_need_word(p, WR_KW_CLOSE);
            node->emit_on_close = true;
        } else {
            return;
        }
    }
}

/* (a, b) in front of AS, which has names without types. */
static bool at_column_names(const wr_parser *p)
{
    const wr_token *second = ahead(p, 2);
    return at_punct(p, '(') && wr_token_is_column_name(ahead(p, 1)) &&
           (token_is_punct(second, ',') || token_is_punct(second, ')'));
}

/* CREATE SINK k AS SELECT .. EMIT ON WINDOW CLOSE WITH (..): the options are the sink's, unless it
 * has had its own in front of AS. */
static void take_emit_options(wr_sql_create_table *node)
{
    if (node->query->kind != WR_SQL_QUERY || node->with.count) return;
    wr_sql_query *query = wr_sql_as_query(node->query);
    node->with = query->emit_with;
    query->emit_with = (wr_nodes){0};
}

wr_node *wr_grammar_create_table(wr_parser *p, wr_create_mode mode, wr_table_role role,
                                 wr_span span)
{
    wr_sql_create_table *node = WR_NODE(p, CREATE_TABLE, create_table, span);
    node->role = role;
    node->mode = mode;
    node->mode.if_not_exists = wr_take_if_not_exists(p);
    node->name = wr_grammar_qualified(p, "a table name");
    bool names_only = at_column_names(p);
    if (at_punct(p, '(')) node->elements = parse_elements(p);
    parse_table_clauses(p, node);
    if (take_word(p, WR_KW_AS)) {
        bool open = at_punct(p, '(');
        if (!open && !wr_at_query(p) && !at_word(p, WR_KW_EXECUTE))
            return wr_expected(p, "a query");
        if (at_word(p, WR_KW_EXECUTE)) return wr_refuse(p, span_now(p), "CREATE TABLE AS EXECUTE");
        node->query = wr_grammar_query(p);
        if (role == WR_ROLE_SINK) take_emit_options(node);
        if (take_word2(p, WR_KW_WITH, WR_KW_NO)) {
            wr_need_word(p, WR_KW_DATA);
            node->no_data = true;
        } else {
            take_word2(p, WR_KW_WITH, WR_KW_DATA);
        }
        parse_table_clauses(p, node);
    } else if (names_only && !node->options.count && !node->with.count && role == WR_ROLE_TABLE &&
               !wr_name_given(node->format)) {
        wr_sql_column_def *first = wr_sql_as_column_def(node->elements.items[0]);
        if (!first->constraints.count)
            wr_misplaced(p, first->name.span, "the column has no type",
                         "write a type behind the column name");
    } else if (!node->elements.count && !node->from.count && !node->with.count &&
               !node->options.count) {
        wr_expected(p, "columns in brackets or AS");
    }
    return &node->node;
}
