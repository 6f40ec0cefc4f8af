/* bind.h - what the files of the binder share: scopes, blocks and the doors between them.
 *
 * A wr_scope is what names mean at one place. Scopes form a chain: the block of a SELECT, the block
 * of the query around it, and so on; lambdas and macros put scopes with names only in between.
 * Expressions of a block are bound over the columns of its FROM first, with AGGREGATE and WINDOW
 * nodes inside; bind_group.c and bind_window.c then replace these by columns of the nodes that
 * compute them. */
#pragma once
#include "base/stack.h"
#include "expr/host_fn.h"
#include "plan/plan.h"

typedef struct wr_scope wr_scope;
typedef struct wr_scope_table wr_scope_table;

/* One name a column can be called by. Unqualified names and * look at the items of a scope,
 * qualified ones at those of its tables: columns merged by USING are items of the scope with an
 * expression over both. */
typedef struct wr_scope_item {
    wr_str name;
    wr_expr *expr;
    wr_scope_table *table; /* NULL: merged */
    bool hidden;           /* pseudo-column: not in *, found only if nothing else has the name */
    const wr_node *node;   /* aliases: what they stand for, bound again where it holds a subquery */
} wr_scope_item;

struct wr_scope_table {
    wr_str name, schema;
    wr_scope_item *items;
    int count;
    wr_object *object; /* NULL for everything but catalog tables */
};

/* Relations of a FROM clause or a part of it. */
typedef struct wr_from {
    wr_logical *plan; /* NULL: nothing yet */
    WR_LIST(wr_scope_table *) tables;
    WR_LIST(wr_scope_item) items;
    /* source FOR SYSTEM_TIME AS OF version_at: a join takes the newest row that is not after it. */
    wr_expr *version_at; /* NULL: not said */
    wr_object *version_of;
} wr_from;

typedef enum wr_clause {
    WR_IN_NOTHING,
    WR_IN_SELECT,
    WR_IN_WHERE,
    WR_IN_ON,
    WR_IN_GROUP_BY,
    WR_IN_HAVING,
    WR_IN_QUALIFY,
    WR_IN_ORDER_BY,
    WR_IN_LIMIT,
    WR_IN_VALUES,
    WR_IN_FROM,
    WR_IN_SET,
    WR_IN_RETURNING,
    WR_IN_CHECK,
} wr_clause;

typedef struct wr_cte {
    const wr_sql_cte *node;
    struct wr_cte *next; /* visible before this one */
    wr_scope *scope;     /* where its query is bound */
    bool recursive;
    bool is_shareable; /* bound and without columns of outer queries */
    wr_logical *plan;  /* bound once; NULL before the first use */
    struct wr_result *result;
    WR_LIST(wr_logical *) uses;
    int shared_id;
    /* while the step of a recursive one is bound */
    wr_output *working;
    int working_count, working_id;
    bool working_used;
} wr_cte;

typedef struct wr_unnested {
    wr_expr *list;
    wr_column_id id;
} wr_unnested;

struct wr_scope {
    wr_planner *planner;
    wr_scope *parent;       /* the query around; NULL at the top */
    wr_scope *fallback;     /* asked last: relations to the left of a subquery in FROM */
    wr_cte *ctes;           /* innermost first */
    bool is_names_only;     /* parameters of a lambda or macro */
    bool is_opaque;         /* names further out are not visible */
    bool is_block;          /* a SELECT: owns aggregates over its columns */
    bool ignores_qualifier; /* t.a means a: the one table of a CHECK goes by any name */
    wr_clause clause;
    wr_scope_table **tables;
    int table_count;
    WR_LIST(wr_scope_item) items;
    wr_column_set own; /* ids of the FROM clause */
    /* names beside columns: lambda and macro parameters, aliases of the select list so far */
    WR_LIST(wr_scope_item) names;
    WR_LIST(wr_scope_item) aliases;
    /* the block's calls, found while binding */
    WR_LIST(wr_aggregate_call *) aggregates;
    WR_LIST(wr_window_call *) windows;
    WR_LIST(wr_unnested) unnests;
    const wr_nodes *window_defs;
    int in_aggregate, in_window;
    wr_expr *columns_value; /* what COLUMNS(..) stands for while its expression is repeated */
    wr_str columns_name;
};

/* A bound query: its plan and result columns. */
typedef struct wr_result_column {
    wr_column_id id;
    wr_str name;
    const wr_type *type;
    wr_expr **untyped; /* slot of a literal that may still take another type, else NULL */
} wr_result_column;
typedef struct wr_result {
    wr_logical *plan;
    wr_result_column *columns;
    int count;
} wr_result;

#define WR_BIND_DEPTH_MAX 2000 /* queries and relations in each other; the stack may allow less */
#define WR_BIND_JOINS_MAX 1000 /* joins in a row: each takes stack in every walk over the plan */
#define WR_BIND_PARTS_MAX 100000
#define WR_BIND_ALIAS_MAX 20000 /* nodes of an expression that an alias stands for */

/* ---- scopes (bind_scope.c) ---- */
wr_scope *wr_scope_new(wr_planner *planner, wr_scope *parent);
/* The block an aggregate or window in scope belongs to at most: skips scopes with names only. */
wr_scope *wr_scope_block(wr_scope *scope);
void wr_scope_add_from(wr_scope *scope, const wr_from *from);
wr_scope_table *wr_scope_table_new(wr_planner *planner, wr_str name, const wr_logical *plan);
/* Fails if a table of more has the name of one of from. */
WR_MUST_CHECK weir_status wr_from_check_names(const wr_from *from, const wr_from *more,
                                              wr_span span);
void wr_from_add_table(wr_planner *planner, wr_from *from, wr_scope_table *table);
/* a, t.a, s.t.a, or any of these followed by fields. */
WR_MUST_CHECK weir_status wr_scope_find(wr_scope *scope, const wr_names *parts, wr_span span,
                                        wr_expr **out);
/* The items * or t.* stands for. */
WR_MUST_CHECK weir_status wr_scope_star(wr_scope *scope, const wr_names *qualifier, wr_span span,
                                        wr_scope_item **out, int *count);
/* The item of an unqualified name in one FROM part: NULL if there is none; *ambiguous if several.
 */
wr_scope_item *wr_items_find(wr_scope_item *items, int count, wr_str name, bool *ambiguous);
/* "no column "x" in t" with the nearest names. */
WR_MUST_CHECK weir_status wr_scope_unknown_column(wr_scope *scope, wr_str qualifier, wr_str name,
                                                  wr_span span);
WR_MUST_CHECK weir_status wr_bind_field(wr_scope *scope, wr_expr *value, wr_str name, wr_span span,
                                        wr_expr **out);

/* ---- expressions (bind_expr.c, bind_call.c, bind_subquery.c) ---- */
WR_MUST_CHECK weir_status wr_bind_expr(wr_scope *scope, const wr_node *node, wr_expr **out);
/* Bound and brought to type; what names the context. */
WR_MUST_CHECK weir_status wr_bind_expr_as(wr_scope *scope, const wr_node *node, const wr_type *type,
                                          const char *what, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_exprs(wr_scope *scope, const wr_nodes *nodes, wr_expr ***out);
/* Splits ANDs into conjuncts. */
WR_MUST_CHECK weir_status wr_bind_conjuncts(wr_scope *scope, const wr_node *node, const char *what,
                                            wr_expr ***out, int *count);
WR_MUST_CHECK weir_status wr_bind_literal(wr_scope *scope, const wr_sql_literal *literal,
                                          bool negative, wr_expr **out);
/* CAST(e AS VARCHAR(n)) cuts what is too long; assignments refuse it instead (wr_dml_assign). */
WR_MUST_CHECK weir_status wr_bind_cut_text(wr_scope *scope, const wr_node *type_node, wr_expr *e,
                                           wr_span span, wr_expr **out);
/* DATE '2020-01-01', INTERVAL 1 DAY, $1 or :name. */
WR_MUST_CHECK weir_status wr_bind_typed_literal(wr_scope *scope,
                                                const wr_sql_typed_literal *literal, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_interval(wr_scope *scope, const wr_sql_interval *interval,
                                           wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_param(wr_scope *scope, const wr_sql_param *param, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_function(wr_scope *scope, const wr_sql_call *call, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_by_name(wr_scope *scope, const char *name, wr_expr **args,
                                          int count, wr_span span, wr_expr **out);
/* The function that gives as a list what the set-returning function name gives as rows; NULL if
 * name is not of that kind (unnest takes a list as it is). Static text; any thread. */
const char *wr_listing_function(wr_str name);
/* A lambda whose parameters have the given types. */
WR_MUST_CHECK weir_status wr_bind_lambda(wr_scope *scope, const wr_sql_lambda *lambda,
                                         const wr_type **types, wr_expr **out);
/* host: the aggregate it calls; NULL: a built-in function. */
WR_MUST_CHECK weir_status wr_bind_window(wr_scope *scope, const wr_sql_call *call,
                                         const wr_host_forms *host, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_sort_keys(wr_scope *scope, const wr_nodes *order_by,
                                            wr_sort_key **out, int *count);
void wr_sort_key_direction(const wr_sql_order_item *item, wr_sort_key *key);
/* A comparison; parameters without a type take that of the other side. */
WR_MUST_CHECK weir_status wr_bind_comparison(wr_scope *scope, wr_compare_op op, wr_expr *left,
                                             wr_expr *right, wr_span span, wr_expr **out);
wr_compare_op wr_compare_of(wr_sql_op op, bool *is_compare);
WR_MUST_CHECK weir_status wr_bind_row_compare(wr_scope *scope, wr_compare_op op, wr_expr **left,
                                              wr_expr **right, int count, wr_span span,
                                              wr_expr **out);
/* The columns COLUMNS(..) or a star stand for. */
WR_MUST_CHECK weir_status wr_bind_column_choice(wr_scope *scope, const wr_node *node,
                                                wr_scope_item **out, int *count);
/* The first COLUMNS(..) (or star that is not an argument of a call) in an expression; NULL if none.
 */
const wr_node *wr_find_columns(const wr_node *node);
WR_MUST_CHECK weir_status wr_bind_subquery(wr_scope *scope, const wr_node *node, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_in_query(wr_scope *scope, const wr_sql_in *in, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_quantified(wr_scope *scope, const wr_sql_quantified *q,
                                             wr_expr **out);
/* A parameter without a type takes this one. */
void wr_param_adopt(wr_scope *scope, wr_expr *e, const wr_type *type);
/* e as a value of a column of this type: implicit conversions, and those PostgreSQL allows in
 * assignments. */
WR_MUST_CHECK weir_status wr_bind_assign(wr_arena *arena, wr_expr *e, const wr_type *type,
                                         wr_span span, wr_expr **out);
/* Brings args to their common type, in place. */
WR_MUST_CHECK weir_status wr_bind_unify(wr_scope *scope, wr_expr **args, int count,
                                        const char *what, const wr_type **type);
/* An expression used twice: a copy, or bound again when it holds a subquery. */
WR_MUST_CHECK weir_status wr_bind_again(wr_scope *scope, const wr_node *node, const wr_expr *bound,
                                        wr_expr **out);
/* A deep copy in which fn may put something else for a node (fn returns NULL to go on below it).
 * Goes into aggregate and window calls; expressions of subquery plans are changed in place. The
 * first error stops it. */
typedef weir_status wr_expr_map_fn(wr_expr *e, void *arg, wr_expr **out);
WR_MUST_CHECK weir_status wr_expr_map(wr_arena *arena, wr_expr *e, wr_expr_map_fn *fn, void *arg,
                                      wr_expr **out);

/* Nested values (bind_nested.c), one per kind of syntax node. */
WR_MUST_CHECK weir_status wr_bind_list(wr_scope *scope, const wr_sql_list *list, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_row(wr_scope *scope, const wr_sql_row *row, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_struct(wr_scope *scope, const wr_sql_struct *node, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_map(wr_scope *scope, const wr_sql_map *map, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_subscript(wr_scope *scope, const wr_sql_subscript *node,
                                            wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_slice(wr_scope *scope, const wr_sql_slice *slice, wr_expr **out);
WR_MUST_CHECK weir_status wr_bind_comprehension(wr_scope *scope, const wr_sql_comprehension *node,
                                                wr_expr **out);

/* ---- FROM (bind_from.c, bind_join.c, bind_table_fn.c) ---- */
WR_MUST_CHECK weir_status wr_bind_from(wr_scope *outer, const wr_nodes *relations, wr_from *out);
WR_MUST_CHECK weir_status wr_bind_relation(wr_scope *outer, const wr_from *left,
                                           const wr_node *relation, wr_from *out);
WR_MUST_CHECK weir_status wr_bind_join(wr_scope *outer, const wr_from *left,
                                       const wr_sql_join *join, wr_from *out);
WR_MUST_CHECK weir_status wr_bind_function_ref(wr_scope *outer, const wr_from *left,
                                               const wr_sql_function_ref *ref, wr_from *out);
WR_MUST_CHECK weir_status wr_bind_pivot(wr_scope *outer, const wr_from *left,
                                        const wr_sql_pivot *pivot, wr_from *out);
WR_MUST_CHECK weir_status wr_bind_unpivot(wr_scope *outer, const wr_from *left,
                                          const wr_sql_unpivot *unpivot, wr_from *out);
/* Is e, over the columns of plan, proctime() and nothing else? (bind_time_window.c) */
bool wr_is_arrival_time(const wr_logical *plan, const wr_expr *e);
/* Windows of time (bind_time_window.c). Is the name that of a function which makes them? */
bool wr_is_time_window(wr_str name);
WR_MUST_CHECK weir_status wr_bind_time_window(wr_scope *outer, const wr_from *left,
                                              const wr_sql_function_ref *ref, wr_from *out);
/* Gives the sessions that were bound after the first open_before their keys, which are those of
 * group (the AGGREGATE over them, or any other node: then there must be none). */
WR_MUST_CHECK weir_status wr_bind_sessions(wr_scope *scope, wr_logical *group, int open_before);
/* GROUP BY tumble(time, size), hop(time, slide, size) or session(time, gap): puts the windows on
 * from and gives a select that groups by their bounds instead; without such a key select stays. */
WR_MUST_CHECK weir_status wr_bind_group_window(wr_scope *outer, const wr_sql_select **select,
                                               wr_from *from);
/* tumble_start(..), session_end(..): a bound of the window of the GROUP BY. */
bool wr_is_window_bound(wr_str name);
WR_MUST_CHECK weir_status wr_bind_window_bound(wr_scope *scope, const wr_sql_call *call,
                                               wr_expr **out);
/* WINDOW BY: puts the windows on from and adds their start to its names. */
WR_MUST_CHECK weir_status wr_bind_window_by(wr_scope *outer, const wr_sql_window_by *by,
                                            wr_from *from);
/* The relation of one file (or pattern) read without options; format NULL: by its contents. The
 * statement binds it once. The caller owns the reference. */
WR_MUST_CHECK weir_status wr_bind_file(wr_planner *planner, wr_str path, const wr_format *format,
                                       wr_relation **out);
/* A scan of all columns of a relation; the planner takes over the reference. */
wr_logical *wr_logical_scan(wr_planner *planner, wr_relation *relation, wr_str name,
                            wr_object *object);
WR_MUST_CHECK weir_status wr_from_alias(wr_planner *planner, wr_from *from,
                                        const wr_sql_alias *alias, wr_str fallback, wr_span span);
/* A scope whose names are those of a part of FROM. */
wr_scope *wr_scope_over(wr_scope *outer, const wr_from *from);
/* Joins two parts; free columns of right provided by left make it lateral. */
wr_logical *wr_join_new(wr_planner *planner, wr_join_kind kind, wr_logical *left, wr_logical *right,
                        wr_expr **conditions, int count);
/* Gives all nodes of a tree that comes from other text the span of the place that uses it. */
void wr_stamp_spans(wr_node *node, wr_span span);
/* Replaces names of parameters by the arguments given, in a tree parsed from the text of a macro.
 */
WR_MUST_CHECK weir_status wr_macro_expand(wr_scope *scope, wr_object *macro,
                                          const wr_sql_call *call, wr_node **tree);
/* Counts nesting against WR_BIND_DEPTH_MAX; undo with planner->depth--. */
/* pg_functions.c: a function of PostgreSQL that is a query over pg_catalog, as a macro in the
 * planner's arena; NULL if there is none of the name. */
wr_object *wr_pg_function(wr_planner *planner, wr_str name);
/* The i-th of those people may call: name, kind, family, signature, help, example, result. False:
 * there are fewer. */
bool wr_pg_function_at(int i, const char *cells[7]);
/* Casts to oid, regclass and regtype, which are numbers here; *done false: another type. A constant
 * name as regclass or regtype is the number of what it names, a number its name. */
WR_MUST_CHECK weir_status wr_bind_pg_cast(wr_scope *scope, const wr_sql_cast *cast, wr_expr **out,
                                          bool *done);
WR_MUST_CHECK weir_status wr_bind_enter(wr_planner *planner, wr_span span);
/* A query kept as SQL text (view, macro) bound where it stands in a statement. */
WR_MUST_CHECK weir_status wr_bind_stored_query(wr_scope *scope, wr_str sql, wr_str what,
                                               wr_span span, wr_result *out);
/* A table of the catalog that rows can be written to, with the reference kept by the planner. */
WR_MUST_CHECK weir_status wr_find_table(wr_scope *scope, const wr_names *name, wr_object **out);
/* schema.table or table; a catalog name in front is dropped. */
void wr_split_name(const wr_names *names, wr_str *schema, wr_str *name);
wr_span wr_names_span(const wr_names *names);

/* ---- queries (bind_query.c, bind_select.c, bind_group.c, bind_window.c, bind_setop.c) ---- */
/* Binds in scope (the query around, may have no columns). keep_untyped: literals of unknown type
 * stay so. */
WR_MUST_CHECK weir_status wr_bind_query(wr_scope *outer, const wr_node *node, bool keep_untyped,
                                        wr_result *out);
WR_MUST_CHECK weir_status wr_bind_select(wr_scope *outer, const wr_sql_select *select,
                                         const wr_sql_query *around, bool keep_untyped,
                                         wr_result *out);
WR_MUST_CHECK weir_status wr_bind_setop(wr_scope *outer, const wr_sql_setop *setop, wr_result *out);
WR_MUST_CHECK weir_status wr_bind_values(wr_scope *outer, const wr_sql_values *values,
                                         bool keep_untyped, wr_result *out);
WR_MUST_CHECK weir_status wr_bind_ctes(wr_scope *scope, const wr_nodes *ctes, bool recursive);
WR_MUST_CHECK weir_status wr_finish_ctes(wr_scope *scope, const wr_nodes *ctes);
/* The rows of a table as the statement sees them; the caller owns the reference. */
WR_MUST_CHECK weir_status wr_planner_snapshot(wr_planner *planner, wr_table *table,
                                              wr_relation **out);
/* ---- changes in WITH (with_change.c) ---- */
bool wr_is_change(const wr_cte *cte);
/* Binds an INSERT, UPDATE, DELETE or MERGE; UNSUPPORTED for other statements, which cannot stand in
 * WITH. */
WR_MUST_CHECK weir_status wr_bind_change(wr_scope *scope, const wr_node *node, wr_bound *out);
/* Binds the change, if it is not bound yet: plan, result (no columns without RETURNING). */
WR_MUST_CHECK weir_status wr_bind_change_cte(wr_cte *cte);
/* Puts *plan after the changes that ctes make, in the order of their definition. Called once per
 * WITH, when everything that may read them is bound. */
WR_MUST_CHECK weir_status wr_after_changes(wr_scope *scope, const wr_nodes *ctes,
                                           wr_logical **plan);
WR_MUST_CHECK weir_status wr_bind_cte_use(wr_scope *scope, wr_cte *cte, wr_span span,
                                          wr_result *out);
/* WITH name (a, b): the names given to the first columns. */
WR_MUST_CHECK weir_status wr_cte_name_columns(const wr_cte *cte, struct wr_result *result);
wr_cte *wr_find_cte(wr_scope *scope, wr_str name);
/* Rows of bound expressions as a plan; out has the count, names and types of the columns and gets
 * their ids. */
WR_MUST_CHECK weir_status wr_values_result(wr_planner *planner, wr_expr ***rows, int row_count,
                                           wr_span span, wr_result *out);
/* UNION ALL, INTERSECT, EXCEPT of results with the same number of columns: types are unified. */
WR_MUST_CHECK weir_status wr_set_operation(wr_planner *planner, int op, bool is_all,
                                           wr_result *inputs, int count, wr_span span,
                                           wr_result *out);
/* Brings the columns of a result to types (same count), by a projection if needed. */
WR_MUST_CHECK weir_status wr_result_cast(wr_planner *planner, wr_result *result,
                                         const wr_type *const *types, const char *what);
/* Literals still untyped become VARCHAR. */
WR_MUST_CHECK weir_status wr_result_settle(wr_planner *planner, wr_result *result);
wr_logical *wr_distinct(wr_planner *planner, wr_logical *input, wr_result_column *columns,
                        int count);
wr_logical *wr_filter(wr_planner *planner, wr_logical *input, wr_expr **conjuncts, int count);
wr_logical *wr_project(wr_planner *planner, wr_logical *input, wr_binding *bindings, int count);
wr_expr *wr_column_ref(wr_planner *planner, wr_column_id id);
/* LIMIT and OFFSET that are known only while the query runs: the rows are numbered in the order of
 * keys, those within are kept. Either may be NULL. */
WR_MUST_CHECK weir_status wr_limit_by_value(wr_scope *scope, wr_sort_key *keys, int key_count,
                                            wr_expr *limit, wr_expr *offset, wr_logical **plan);
bool wr_limit_is_value(wr_planner *planner, const wr_expr *limit, const wr_expr *offset);
WR_MUST_CHECK weir_status wr_bind_limit(wr_scope *scope, const wr_sql_query *query, wr_expr **limit,
                                        wr_expr **offset);
/* Replaces keys and calls of the block by columns of an AGGREGATE node put on *plan (when there are
 * any); exprs are the expressions above it. */
typedef struct wr_grouping {
    wr_expr **keys;
    wr_str *names;
    int key_count;
    uint64_t *sets; /* NULL: one */
    int set_count;
    bool is_grouped;
} wr_grouping;
WR_MUST_CHECK weir_status wr_bind_grouping(wr_scope *scope, wr_logical **plan,
                                           const wr_grouping *grouping, wr_expr **exprs, int count);
WR_MUST_CHECK weir_status wr_bind_group_by(wr_scope *scope, const wr_sql_select *select,
                                           wr_expr **items, const wr_str *names, int item_count,
                                           wr_grouping *out);
/* Replaces window calls by columns of WINDOW nodes put on *plan. */
WR_MUST_CHECK weir_status wr_place_windows(wr_scope *scope, wr_logical **plan, wr_expr **exprs,
                                           int count);
/* Puts an UNNEST for set-returning functions of the select list on *plan. */
WR_MUST_CHECK weir_status wr_place_unnests(wr_scope *scope, wr_logical **plan);
WR_MUST_CHECK weir_status wr_bind_sample(wr_scope *scope, const wr_node *sample, wr_logical **plan);
/* The items of a select list with * and COLUMNS expanded. */
typedef struct wr_select_item {
    wr_expr *expr;
    wr_str name;
    wr_span span;
    const wr_node *node; /* NULL when it came from a star */
    bool has_alias;
} wr_select_item;
WR_MUST_CHECK weir_status wr_bind_items(wr_scope *scope, const wr_nodes *nodes,
                                        wr_select_item **out, int *count);

/* ---- statements that move rows (bind_dml.c, bind_copy.c) ---- */
WR_MUST_CHECK weir_status wr_bind_insert(wr_scope *scope, const wr_sql_insert *insert,
                                         wr_bound *out);
WR_MUST_CHECK weir_status wr_bind_update(wr_scope *scope, const wr_sql_update *update,
                                         wr_bound *out);
WR_MUST_CHECK weir_status wr_bind_delete(wr_scope *scope, const wr_sql_delete *delete,
                                         wr_bound *out);
WR_MUST_CHECK weir_status wr_bind_merge(wr_scope *scope, const wr_sql_merge *merge, wr_bound *out);
WR_MUST_CHECK weir_status wr_bind_truncate(wr_scope *scope, const wr_sql_truncate *truncate,
                                           wr_bound *out);
WR_MUST_CHECK weir_status wr_bind_copy(wr_scope *scope, const wr_sql_copy *copy, wr_bound *out);

/* The rows of files that COPY FROM inserts. */
typedef struct wr_copy_rows {
    wr_result result;
    bool by_name;        /* the files name their columns; else they go by position */
    wr_str path;         /* as written, for messages */
    wr_span span;        /* of the path */
    wr_expr *file, *row; /* where a row comes from; NULL: unknown */
} wr_copy_rows;
/* INSERTs the rows: columns by name or position, values read as the table's types; an error about a
 * value names file, row and column. */
WR_MUST_CHECK weir_status wr_bind_copy_from(wr_scope *scope, const wr_sql_copy *copy,
                                            wr_copy_rows *rows, wr_bound *out);

/* ---- utilities as queries (bind_show.c, bind_summarize.c) ---- */
WR_MUST_CHECK weir_status wr_bind_summarize(wr_scope *scope, const wr_sql_describe *describe,
                                            wr_result *out);
/* DESCRIBE, SUMMARIZE and SHOW that are queries; *done false: not one of them. */
WR_MUST_CHECK weir_status wr_bind_show(wr_scope *scope, const wr_node *node, wr_result *out,
                                       bool *done);
