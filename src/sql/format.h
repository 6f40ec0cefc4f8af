/* format.h - syntax tree to SQL text. */
#pragma once
#include "base/text.h"
#include "sql/statement.h"

/* Appends the tree as canonical SQL on one line: keywords in capitals, names as spelled (in double
 * quotes where they were quoted or would not read back), no redundant parentheses. Parsing the text
 * gives an equal tree. */
void wr_node_format(wr_buf *out, const wr_node *node);

/* Appends a name, in double quotes if it would not read back as the same identifier without them.
 */
void wr_format_name(wr_buf *out, wr_str name);
/* Appends 'text' with quotes doubled. */
void wr_format_string(wr_buf *out, wr_str text);
