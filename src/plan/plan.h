/* plan.h - the door of the planner: syntax tree in, executable plan out.
 *
 * wr_bind_statement resolves names and types. Queries and statements that move rows (INSERT,
 * UPDATE, DELETE, MERGE, COPY) become a logical plan; everything else (DDL, SET, transactions,
 * EXPLAIN...) is WR_CLASS_UTILITY and is carried out by session from the syntax tree. */
#pragma once
#include "plan/logical.h"
#include "sql/statement.h"

typedef enum wr_statement_class {
    WR_CLASS_QUERY,  /* rows come out; schema says which */
    WR_CLASS_CHANGE, /* rows are changed; with RETURNING rows come out, else the sink's count */
    WR_CLASS_UTILITY,
} wr_statement_class;

typedef struct wr_bound {
    wr_statement_class kind;
    const char *tag;  /* "SELECT", "INSERT", "COPY", ... as PostgreSQL's command tags */
    wr_logical *root; /* QUERY, CHANGE */
    wr_schema schema; /* result columns, PostgreSQL's names */
    bool has_rows;    /* CHANGE: RETURNING, or COPY RETURN_FILES */
    bool writes;      /* refused in read-only sessions */
    const wr_node *statement;
    /* INSERT INTO a sink: root gives the rows of the target's columns in their order. The planner
     * holds the reference. NULL: anything else. */
    wr_target *target;
    wr_object *sink;
    bool is_continuous;      /* a source it reads has no end: it runs until it is stopped */
    bool emit_on_close;      /* EMIT ON WINDOW CLOSE, of any query or view in it */
    bool emit_changes;       /* EMIT CHANGES */
    wr_options emit_options; /* EMIT .. WITH (..) */
} wr_bound;

/* out lives in the planner's arena and borrows from statement. Fails with what is wrong in the
 * statement, spans included; the planner can then only be cleared. The planner's thread. */
WR_MUST_CHECK weir_status wr_bind_statement(wr_planner *planner, const wr_node *statement,
                                            wr_bound *out);

/* Parts of it that session needs for DDL and settings. */
WR_MUST_CHECK weir_status wr_bind_type(wr_planner *planner, const wr_node *type_node,
                                       const wr_type **out);
/* The length that VARCHAR(n) or CHAR(n) asks for; none for other types. */
WR_MUST_CHECK weir_status wr_bind_text_length(wr_planner *planner, const wr_node *type_node,
                                              wr_text_length *out);
/* An expression without columns: DEFAULTs, LIMIT, options, SET values. */
WR_MUST_CHECK weir_status wr_bind_constant(wr_planner *planner, const wr_node *expr,
                                           const wr_type *want_or_null, wr_value *out);
/* An expression over the columns of one table (CHECK, generated columns): COLUMN nodes are
 * positions in schema. table: what the columns may be qualified with; empty: anything, because a
 * stored expression outlives the name. */
WR_MUST_CHECK weir_status wr_bind_over_schema(wr_planner *planner, const wr_schema *schema,
                                              wr_str table, const wr_node *expr,
                                              const wr_type *want_or_null, wr_expr **out);
/* Named options of COPY, WITH, OPTIONS as values. */
WR_MUST_CHECK weir_status wr_bind_options(wr_planner *planner, const wr_nodes *options,
                                          wr_options *out);
/* Optimises and lowers; rows for a target end in a sink that makes them visible once. */
WR_MUST_CHECK weir_status wr_plan_statement(wr_planner *planner, const wr_bound *bound,
                                            wr_plan_node **out);
/* Frees the references the planner holds (not its arena). */
void wr_planner_clear(wr_planner *planner);
