/* parse.h - SQL text to syntax tree. */
#pragma once
#include "sql/statement.h"

typedef struct wr_statement {
    wr_node *node;
    wr_span span;        /* of the whole statement without its semicolon */
    int param_count;     /* highest index of a parameter */
    wr_str *param_names; /* of :name and $name parameters, by index - 1; NULL: they are numbered */
} wr_statement;

typedef struct wr_statement_list {
    wr_statement *items;
    int count;
} wr_statement_list;

/* Parses all statements of sql, separated by semicolons; empty ones are skipped. Spans count from
 * the start of sql. Everything in *out lives in the arena. Fails with SYNTAX, MISPLACED,
 * UNTERMINATED, UNSUPPORTED, TOO_DEEP, TOO_BIG or BAD_ENCODING; the error carries the position. One
 * thread per arena. */
WR_MUST_CHECK weir_status wr_parse(wr_arena *arena, wr_str sql, wr_statement_list *out);

/* As wr_parse, but anything else than one statement is an error. */
WR_MUST_CHECK weir_status wr_parse_one(wr_arena *arena, wr_str sql, wr_statement *out);

/* Parses one expression, for options and generated columns kept as text. */
WR_MUST_CHECK weir_status wr_parse_expression(wr_arena *arena, wr_str sql, wr_node **out);

/* Parses a type name such as "decimal(10, 2)[]" into a wr_sql_type. */
WR_MUST_CHECK weir_status wr_parse_type(wr_arena *arena, wr_str sql, wr_node **out);

/* True if sql ends inside a statement (open quote, comment or bracket, or no semicolon at the end),
 * so that an interactive reader should ask for another line. */
bool wr_statement_is_open(wr_str sql);

/* Words of the language for completion, in alphabetical order; ends with NULL. Static. */
const char *const *wr_sql_words(void);
