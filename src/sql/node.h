/* node.h - the syntax tree: what every node shares, names, lists, and operations on whole trees.
 *
 * A node is a struct whose first member is a wr_node; its kind tells which struct: kind WR_SQL_CALL
 * is a wr_sql_call. Cast with the checked functions: wr_sql_call *call = wr_sql_as_call(node). The
 * structs are in expr.h (expressions, types), query.h (queries, FROM) and statement.h (everything
 * else; includes all).
 *
 * Absent parts are NULL pointers, empty lists, empty names. Trees live in the caller's arena and
 * are plain data: rewriting one in place is allowed. Texts inside point into the arena, never into
 * the statement.
 *
 * Depth: nesting is limited by the parser (about 1000), with one exception: chains of binary
 * operators (a + b + c ...) lean to the left without limit, so consumers walk down .left in a loop.
 * AND/OR and set operations are flat lists. */
#pragma once
#include "base/arena.h"

typedef enum wr_node_kind {
    WR_SQL_NONE = 0,
#define X(kind, suffix) WR_SQL_##kind,
#include "sql/node.def"
#undef X
    WR_SQL_KIND_COUNT
} wr_node_kind;

typedef struct wr_node {
    wr_node_kind kind;
    wr_span span; /* in the text given to wr_parse: the tokens an error message points at */
} wr_node;

/* An identifier as spelled (not folded); for quoted ones the text is without quotes. Empty =
 * absent. */
typedef struct wr_name {
    wr_str text;
    wr_span span;
    bool quoted;
} wr_name;

typedef struct wr_names {
    wr_name *items;
    int count;
} wr_names;

typedef struct wr_nodes {
    wr_node **items;
    int count;
} wr_nodes;

static inline bool wr_name_given(wr_name name) { return name.text.length != 0; }
/* The last part of a qualified name: the table of schema.table. The list must not be empty. */
static inline wr_name wr_names_last(wr_names names) { return names.items[names.count - 1]; }

#define X(kind, suffix) typedef struct wr_sql_##suffix wr_sql_##suffix;
#include "sql/node.def"
#undef X

/* Checked casts: wr_sql_as_select(node) and so on; the node must be of that kind. */
#define X(node_kind, suffix)                                               \
    static inline wr_sql_##suffix *wr_sql_as_##suffix(const wr_node *node) \
    {                                                                      \
        wr_assert(node->kind == WR_SQL_##node_kind);                       \
        return (wr_sql_##suffix *)node;                                    \
    }
#include "sql/node.def"
#undef X

/* "SELECT", "CREATE_TABLE": for messages and traces. */
const char *wr_node_kind_name(wr_node_kind kind);

/* For tests: do the described fields fill the struct of this kind, up to padding? */
bool wr_node_fields_complete(wr_node_kind kind);

/* A zeroed node of the given kind in the arena. */
wr_node *wr_node_new(wr_arena *arena, wr_node_kind kind, wr_span span);

/* True if both trees mean the same text: all fields equal except spans and whether a name was
 * quoted. NULL equals NULL. Any thread. */
bool wr_node_equal(const wr_node *a, const wr_node *b);

/* A deep copy in the arena (texts are shared with the original, which must live as long). */
wr_node *wr_node_copy(wr_arena *arena, const wr_node *node);

/* Calls visit on each direct child (never NULL) through its slot, so that visit may replace it.
 * Children of subqueries are included: a visitor that must stay in its query block looks at the
 * kind. Stops and returns the first failure. */
typedef weir_status (*wr_node_visit)(void *context, wr_node **child);
WR_MUST_CHECK weir_status wr_node_each_child(wr_node *node, wr_node_visit visit, void *context);
