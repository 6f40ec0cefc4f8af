/* parser.h - what the files parse*.c share: the token cursor, failing, and the rules that call each
 * other.
 *
 * The first failure is kept in the parser and moves the cursor to the END token, where nothing more
 * can be taken; so every rule simply runs to its end and returns some node (the "hole" if it has
 * none), and no rule checks for failure between steps. Loops continue only after having taken a
 * token, hence they end. Not for use outside parse*.c. */
#pragma once
#include "sql/lex.h"
#include "sql/parse.h"

enum { WR_PARSE_DEPTH_MAX = 1000, WR_TREE_DEPTH_MAX = 4000, WR_TREE_CHAIN_MAX = 20000 };

typedef struct wr_parser {
    wr_arena *arena;
    wr_str sql;
    wr_token *tokens;
    int count, at;
    int first;     /* token where the statement begins */
    int failed_at; /* token of the failure */
    int depth;
    int question_marks, param_count;
    WR_LIST(wr_str) param_names; /* then all parameters have names */
    bool quick;                  /* only succeed or fail; do not look for corrections */
    weir_status error;
    wr_node *hole;
} wr_parser;

typedef WR_LIST(wr_node *) wr_node_list;
typedef WR_LIST(wr_name) wr_name_list;

/* Makes a zeroed node of struct wr_sql_<suffix>. */
#define WR_NODE(p, kind, suffix, at_span) \
    ((wr_sql_##suffix *)wr_node_new((p)->arena, WR_SQL_##kind, (at_span)))

static inline wr_nodes wr_nodes_of(const wr_node_list *list)
{
    return (wr_nodes){list->items, list->count};
}
static inline wr_names wr_names_of(const wr_name_list *list)
{
    return (wr_names){list->items, list->count};
}
static inline const wr_token *ahead(const wr_parser *p, int steps)
{
    int index = p->at + steps;
    return &p->tokens[index < p->count ? index : p->count - 1];
}
static inline const wr_token *now(const wr_parser *p) { return &p->tokens[p->at]; }
static inline wr_span span_of(const wr_token *token)
{
    return (wr_span){token->pos, token->length};
}
static inline wr_span span_now(const wr_parser *p) { return span_of(now(p)); }
/* From the start of one span to the last token taken. */
static inline wr_span span_since(const wr_parser *p, wr_span start)
{
    const wr_token *last = &p->tokens[p->at > 0 ? p->at - 1 : 0];
    uint32_t end = last->pos + last->length;
    return (wr_span){start.pos, end > start.pos ? end - start.pos : start.length};
}
static inline void advance(wr_parser *p)
{
    if (p->at < p->count - 1) p->at++;
}
static inline bool at_word(const wr_parser *p, wr_keyword word) { return now(p)->keyword == word; }
static inline bool at_word2(const wr_parser *p, wr_keyword first, wr_keyword second)
{
    return now(p)->keyword == first && ahead(p, 1)->keyword == second;
}
static inline bool take_word(wr_parser *p, wr_keyword word)
{
    if (!at_word(p, word)) return false;
    advance(p);
    return true;
}
static inline bool take_word2(wr_parser *p, wr_keyword first, wr_keyword second)
{
    if (!at_word2(p, first, second)) return false;
    advance(p);
    advance(p);
    return true;
}
static inline bool token_is_punct(const wr_token *token, char punct)
{
    return token->kind == WR_TOKEN_PUNCT && token->detail == punct;
}
static inline bool at_punct(const wr_parser *p, char punct)
{
    return token_is_punct(now(p), punct);
}
static inline bool take_punct(wr_parser *p, char punct)
{
    if (!at_punct(p, punct)) return false;
    advance(p);
    return true;
}
static inline bool token_is_op(const wr_token *token, wr_sql_op op)
{
    return token->kind == WR_TOKEN_OPERATOR && token->detail == op;
}
static inline bool at_op(const wr_parser *p, wr_sql_op op) { return token_is_op(now(p), op); }
static inline bool take_op(wr_parser *p, wr_sql_op op)
{
    if (!at_op(p, op)) return false;
    advance(p);
    return true;
}
/* Is it the unquoted word, keyword or not? word in capitals or lower case. */
static inline bool token_is_text(const wr_token *token, const char *word)
{
    return token->kind == WR_TOKEN_NAME && wr_str_is(token->text, word);
}
static inline bool at_text(const wr_parser *p, const char *word)
{
    return token_is_text(now(p), word);
}
static inline bool take_text(wr_parser *p, const char *word)
{
    if (!at_text(p, word)) return false;
    advance(p);
    return true;
}
static inline bool at_string(const wr_parser *p) { return now(p)->kind == WR_TOKEN_STRING; }

/* Nesting: every rule that can contain itself calls enter and, if it gave true, leave. */
bool wr_parser_enter(wr_parser *p);
static inline void wr_parser_leave(wr_parser *p) { p->depth--; }

/* Failing: keep the first failure, move to the END token, return the hole. wr_expected names what
 * should stand at the cursor ("a table name"); wr_refuse is for valid SQL that is not supported;
 * wr_misplaced says what is wrong. */
wr_node *wr_expected(wr_parser *p, const char *what);
wr_node *wr_refuse(wr_parser *p, wr_span span, const char *what);
wr_node *wr_misplaced(wr_parser *p, wr_span span, const char *message, const char *hint);
void wr_need_word(wr_parser *p, wr_keyword word);
void wr_need_punct(wr_parser *p, char punct);
/* parse_habit.c: what is written instead of the words at the failure, if another system has them;
 * NULL: unknown. Constant text. */
const char *wr_parser_habit(const wr_parser *p);
/* Replaces the failure of p by a better one if a small change makes the statement valid
 * (parse_error.c). */
void wr_parser_explain(wr_parser *p);
/* Parses the statement at the cursor and checks what follows it (parse.c). */
wr_node *wr_grammar_whole_statement(wr_parser *p);

/* Names (parse_name.c). "column name": any word that is not reserved. */
bool wr_token_is_column_name(const wr_token *token);
bool wr_token_is_function_name(const wr_token *token);
bool wr_token_is_label(const wr_token *token);
wr_name wr_name_of(const wr_token *token);
wr_name wr_grammar_name(wr_parser *p, const char *what);
wr_name wr_grammar_label(wr_parser *p, const char *what);
wr_names wr_grammar_qualified(wr_parser *p, const char *what);
/* (a, b, c), with parentheses. */
wr_names wr_grammar_name_list(wr_parser *p, const char *what);
/* a, b, c */
wr_names wr_grammar_bare_names(wr_parser *p, const char *what);
/* a, b.c, d as wr_sql_name_node. */
wr_nodes wr_grammar_qualified_list(wr_parser *p, const char *what);
/* [AS name | name] after a select item or relation; empty if there is none. */
wr_name wr_grammar_item_alias(wr_parser *p);
bool wr_at_relation_alias(const wr_parser *p);
/* Dotted or quoted option name as one text. */
wr_name wr_grammar_option_name(wr_parser *p);
/* IF EXISTS, IF NOT EXISTS */
bool wr_take_if_exists(wr_parser *p);
bool wr_take_if_not_exists(wr_parser *p);
bool wr_take_integer(wr_parser *p, int64_t *out);
wr_node *wr_grammar_string(wr_parser *p, const char *what);
/* True behind a trailing comma: the list's end follows. */
bool wr_at_list_end(const wr_parser *p);

/* Expressions (parse_expr.c, parse_primary.c, parse_call.c) */
wr_node *wr_grammar_expression(wr_parser *p);
/* Without AND, OR and IS, so that a column's DEFAULT 1 NOT NULL ends before NOT. */
wr_node *wr_grammar_operand(wr_parser *p);
/* Only operators tighter than comparison, LIKE and IN: POSITION(a IN b). */
wr_node *wr_grammar_value_before_in(wr_parser *p);
wr_nodes wr_grammar_expressions(wr_parser *p);
wr_node *wr_grammar_primary(wr_parser *p);
wr_node *wr_grammar_primary_without_suffix(wr_parser *p);
wr_node *wr_grammar_postfix(wr_parser *p, wr_node *operand);
wr_node *wr_grammar_star(wr_parser *p, wr_names qualifier, wr_node *operand, wr_span span);
/* The call whose name has been read; the cursor is at "(". */
wr_node *wr_grammar_call(wr_parser *p, wr_names name, wr_span span);
/* EXTRACT, TRIM, ...: the cursor is at the word. NULL if it is not one of them. */
wr_node *wr_grammar_special_call(wr_parser *p);
wr_node *wr_grammar_argument(wr_parser *p, bool may_be_lambda);
wr_node *wr_grammar_window(wr_parser *p);
wr_nodes wr_grammar_order_items(wr_parser *p);
wr_nodes wr_grammar_order_by(wr_parser *p); /* [ORDER BY ..] */
wr_node *wr_grammar_interval(wr_parser *p);
wr_interval_unit wr_take_interval_unit(wr_parser *p, wr_interval_unit *to, int *precision);
wr_node *wr_make_string(wr_parser *p, wr_str text, wr_span span);
wr_node *wr_make_call(wr_parser *p, const char *name, wr_call_syntax syntax, wr_span span,
                      int count, wr_node *const *args);

/* Types (parse_type.c) */
wr_node *wr_grammar_type(wr_parser *p);
/* True if the cursor is at a type followed by a string: a typed literal. */
bool wr_at_typed_literal(const wr_parser *p);

/* Queries (parse_query.c, parse_select.c, parse_from.c) */
bool wr_at_query(const wr_parser *p);
wr_node *wr_grammar_query(wr_parser *p);
/* Goes on behind a query in parentheses that turns out to be the first part of a longer one. */
wr_node *wr_grammar_query_from(wr_parser *p, wr_node *first);
bool wr_at_query_continuation(const wr_parser *p);
wr_node *wr_grammar_select(wr_parser *p);
wr_node *wr_grammar_values(wr_parser *p);
wr_node *wr_grammar_pivot_statement(wr_parser *p);
void wr_grammar_with(wr_parser *p, bool *recursive, wr_nodes *ctes);
wr_nodes wr_grammar_items(wr_parser *p);
wr_nodes wr_grammar_relations(wr_parser *p);
wr_node *wr_grammar_relation(wr_parser *p);
wr_node *wr_grammar_target_table(wr_parser *p, bool may_have_alias);
wr_node *wr_grammar_sample(wr_parser *p);
wr_node *wr_grammar_pivot_on(wr_parser *p);
wr_node *wr_grammar_pivot_relation(wr_parser *p, wr_node *source);
wr_sql_alias wr_grammar_alias(wr_parser *p);

/* Statements (parse_ddl.c, parse_table.c, parse_dml.c, parse_session.c); the cursor is at their
 * first word */
wr_node *wr_grammar_statement(wr_parser *p);
wr_node *wr_grammar_create(wr_parser *p);
wr_node *wr_grammar_create_table(wr_parser *p, wr_create_mode mode, wr_table_role role,
                                 wr_span span);
wr_node *wr_grammar_column_def(wr_parser *p);
wr_node *wr_grammar_table_constraint(wr_parser *p);
bool wr_at_table_constraint(const wr_parser *p);
wr_nodes wr_grammar_sequence_options(wr_parser *p);
wr_node *wr_grammar_alter(wr_parser *p);
wr_node *wr_grammar_drop(wr_parser *p);
wr_object_kind wr_grammar_object_kind(wr_parser *p);
wr_drop_behavior wr_take_drop_behavior(wr_parser *p);
wr_node *wr_grammar_dml(wr_parser *p, bool recursive, wr_nodes ctes);
bool wr_at_dml(const wr_parser *p);
wr_node *wr_grammar_truncate(wr_parser *p);
wr_node *wr_grammar_copy(wr_parser *p);
/* (name value, ...) with parentheses */
wr_nodes wr_grammar_options(wr_parser *p);
/* NULL if the word at the cursor begins no such statement. */
wr_node *wr_grammar_session_statement(wr_parser *p);
wr_node *wr_grammar_describe(wr_parser *p);
wr_node *wr_grammar_show(wr_parser *p);
