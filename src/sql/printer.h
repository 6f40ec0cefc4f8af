/* printer.h - what the files format*.c share. Every kind of node has one function,
 * wr_print_<suffix>, in format_expr.c, format_query.c or format_statement.c; a missing one does not
 * link. Not for use outside format*.c. */
#pragma once
#include "sql/format.h"
#include "sql/lex.h"

#define X(kind, suffix) void wr_print_##suffix(wr_buf *out, const wr_sql_##suffix *node);
#include "sql/node.def"
#undef X

/* A child in parentheses if it binds looser than the level. */
void wr_print_operand(wr_buf *out, const wr_node *node, wr_level level);
wr_level wr_node_level(const wr_node *node);
void wr_print_series(wr_buf *out, wr_nodes nodes); /* a, b, c */
/* " WORD a, b" if the list is not empty; " WORD x" if the node is not NULL. */
void wr_print_series_after(wr_buf *out, const char *word, wr_nodes nodes);
void wr_print_after(wr_buf *out, const char *word, const wr_node *node);

/* Where a name stands decides which keywords need quotes. */
typedef enum wr_name_place { WR_PLACE_COLUMN, WR_PLACE_FUNCTION, WR_PLACE_LABEL } wr_name_place;
void wr_print_name(wr_buf *out, wr_name name, wr_name_place place);
void wr_print_qualified(wr_buf *out, wr_names names, wr_name_place place); /* a.b.c */
void wr_print_names(wr_buf *out, wr_names names);                          /* a, b, c */
void wr_print_names_after(wr_buf *out, const char *word, wr_names names);  /* word(a, b, c) */
void wr_print_unit(wr_buf *out, wr_interval_unit unit, wr_interval_unit to, int precision);
void wr_print_body(wr_buf *out, const wr_node *node); /* of a query: PIVOT as a statement */
void wr_print_ctes(wr_buf *out, bool recursive, wr_nodes ctes);
void wr_print_alias(wr_buf *out, const wr_sql_alias *alias);
void wr_print_if(wr_buf *out, bool condition, const char *text);
