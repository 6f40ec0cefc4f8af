/* logical.h - the logical plan: relational algebra over column ids.
 *
 * Every column of a statement has an id, unique in the statement; nodes say which ids they output,
 * expressions refer to ids, so moving a node never renumbers anything. Rules (plan/rules) rewrite
 * the tree in place or build new nodes in the statement's arena. A subquery inside an expression is
 * a WR_X_SUBQUERY node; its plan may refer to ids of the surrounding query (correlation): the
 * unnest rule turns all of them into joins. */
#pragma once
#include "catalog/catalog.h"
#include "exec/phys.h"
#include "exec/run.h"
#include "spi/connector.h"

typedef enum wr_logical_kind {
    WR_L_SCAN,
    WR_L_VALUES, /* no columns and one row: SELECT without FROM */
    WR_L_FILTER,
    WR_L_PROJECT,
    WR_L_AGGREGATE,   /* also DISTINCT (keys without calls) */
    WR_L_DISTINCT_ON, /* first row per key in the order given */
    WR_L_WINDOW,
    WR_L_JOIN,
    WR_L_ASOF_JOIN,
    WR_L_SORT, /* with limit/offset: top-N */
    WR_L_LIMIT,
    WR_L_SET, /* UNION ALL, INTERSECT, EXCEPT; UNION is an AGGREGATE over UNION ALL */
    WR_L_UNNEST,
    WR_L_SHARED, /* a subplan computed once; all SHARED nodes of one id have the same inputs[0] */
    WR_L_RECURSIVE,
    WR_L_WORKING,
    WR_L_SINGLE_ROW,
    WR_L_ORDINAL,
    WR_L_CALL, /* calls of functions of the host program, for many rows at a time */
    WR_L_SAMPLE,
    WR_L_WATERMARK,   /* tells the time of a stream; of no meaning to a batch query */
    WR_L_TIME_WINDOW, /* gives rows the start and the end of the windows of time they are in */
    WR_L_SINK,
    WR_L_AFTER, /* inputs[0], read when inputs[1] has run to its end; that one's rows are dropped */
    WR_L_EMPTY, /* no rows */
} wr_logical_kind;

typedef uint32_t wr_column_id;

typedef struct wr_output {
    wr_column_id id;
    const wr_type *type;
    wr_str name; /* for results and EXPLAIN */
    bool not_null;
} wr_output;

typedef struct wr_binding { /* an output computed by an expression */
    wr_column_id id;
    wr_expr *expr;
} wr_binding;

typedef enum wr_subquery_kind {
    WR_SUB_SCALAR,
    WR_SUB_EXISTS,
    WR_SUB_IN,
    WR_SUB_ARRAY,
    WR_SUB_QUANTIFIED
} wr_subquery_kind;

typedef struct wr_logical wr_logical;
typedef struct wr_subquery {
    wr_subquery_kind kind;
    wr_logical *plan;
    wr_expr **left; /* IN, QUANTIFIED: the row compared with the plan's first columns */
    int left_count;
    wr_compare_op op; /* QUANTIFIED: ANY; ALL is bound as NOT (negated op ANY) */
    bool is_negated;  /* NOT EXISTS, NOT IN */
} wr_subquery;

struct wr_logical {
    wr_logical_kind kind;
    wr_logical **inputs;
    int input_count;
    wr_output *outputs; /* what the node provides, in order */
    int output_count;
    wr_span span;
    double rows; /* estimate, set by statistics; negative = not estimated */
    union {
        struct {
            wr_relation *relation; /* reference held by the statement */
            int *columns;          /* relation column per output */
            wr_expr **filters;     /* pushed conjuncts over the outputs */
            int filter_count;
            wr_runtime_filter_use *runtime; /* .column = index into outputs */
            int runtime_count;
            int64_t limit;                  /* -1 */
            const struct wr_sample *sample; /* what a look at some rows said; NULL: no look */
            wr_str name, alias;
            wr_object *object; /* NULL for files and functions */
        } scan;
        struct {
            wr_expr ***rows;
            int row_count;
        } values;
        struct {
            wr_expr **conjuncts;
            int count;
        } filter;
        struct {
            wr_binding *bindings;
            int count;
        } project; /* outputs = exactly these */
        struct {
            wr_binding *keys; /* outputs: keys, calls, groupings */
            int key_count;
            wr_aggregate_call *calls;
            int call_count;
            const uint64_t *sets; /* as in phys.h */
            int set_count;
            const uint64_t *grouping_unused;
            const int **grouping_keys;
            int grouping_count;
            int carried_first;
        } aggregate;
        struct {
            wr_expr **keys;
            int key_count;
            wr_sort_key *order;
            int order_count;
        } distinct_on;
        struct {
            wr_window_call *calls; /* outputs: inputs', then one per call */
            int call_count;
            int64_t top_rows;
        } window;
        struct {
            wr_join_kind kind;
            bool is_lateral;      /* the right input refers to columns of the left */
            wr_expr **conditions; /* conjuncts over both sides */
            int condition_count;
            wr_column_id mark;               /* MARK: the BOOLEAN output */
            wr_expr *mark_left, *mark_right; /* MARK: the pair with SQL's three values; other
                                                conditions are plain */
            bool build_left;
            wr_runtime_filter **publish;
            int publish_count;
        } join;
        struct {
            wr_expr **conditions;
            int condition_count;
            wr_expr *inequality; /* COMPARE left op right */
            bool is_left;
        } asof;
        struct {
            wr_sort_key *keys;
            int key_count;
            wr_expr *limit, *offset;
            wr_runtime_filter *threshold;
        } sort;
        struct {
            wr_expr *count, *offset;
            bool is_percent;
        } limit;
        struct {
            enum { WR_SET_UNION, WR_SET_INTERSECT, WR_SET_EXCEPT } op;
            bool is_all;
            wr_column_id **columns; /* per input: the ids that feed outputs 0... */
        } set;
        struct {
            wr_expr **lists;
            wr_column_id *ids;
            int list_count;
            bool keep_empty, with_ordinality;
            wr_column_id ordinality;
        } unnest; /* outputs: the input's, then ids, then ordinality */
        struct {
            wr_binding *bindings; /* a call each; outputs: the input's, then these */
            int count;
        } call;
        struct {
            int id;
            wr_column_id *inner; /* per output: the id in inputs[0] it stands for */
        } shared;
        struct {
            int id;
            bool is_all;
            wr_column_id *start, *step; /* per output: ids in inputs[0] and inputs[1] */
        } recursive;
        struct {
            int id;
        } working;
        struct {
            bool is_outer;
        } single;
        struct {
            wr_column_id id;
        } ordinal;
        struct {
            double fraction;
            int64_t rows;
            int64_t seed;
            bool is_block, has_seed;
        } sample;
        /* Outputs: the input's, then start and end. A row without a time is in no window; one in
         * several windows stands there once for each. Microseconds; sessions of the same partition
         * end when gap has passed without a row. */
        struct {
            enum { WR_TIME_HOP, WR_TIME_SESSION } kind; /* tumbling: slide = size */
            int64_t size, slide, offset;                /* window n begins at n * slide + offset */
            int64_t gap;
            wr_expr *time; /* a column of the input: TIMESTAMP or TIMESTAMPTZ */
            wr_column_id start, end;
            wr_expr **partition; /* sessions: columns of the input */
            int partition_count;
            bool follows_clock; /* the time is that of arrival: proctime() */
        } time_window;
        struct {
            wr_expr *time; /* once all rows of a batch have passed, it is at least the largest */
        } watermark;
        struct {
            wr_batch_sink *sink;
            wr_relation *returned; /* NULL, or the rows it changed: then they are the outputs */
            wr_column_id *columns;
            int column_count;
        } sink;
    };
};

/* A file the statement reads: read again without options it is the same relation. */
typedef struct wr_bound_file {
    wr_str path;
    const void *format; /* wr_format, or NULL: found from the contents */
    wr_relation *relation;
} wr_bound_file;

/* A name that find_table was asked for. */
typedef struct wr_found_table {
    wr_str name;
    wr_relation *relation; /* NULL: it is not known there either */
} wr_found_table;

/* The state of planning one statement. One thread. */
typedef struct wr_planner {
    wr_arena *arena;
    const wr_env *env;
    const wr_catalog_view *catalog;
    wr_format_context *files;
    wr_relation *last_result; /* what "_" stands for; NULL: nothing */
    /* Asked for a table that nobody else has: *out NULL or a new reference. NULL: nobody is asked.
     */
    weir_status (*find_table)(void *owner, wr_str name, const wr_cancel *cancel, wr_relation **out);
    void *owner;
    WR_LIST(wr_found_table) found_tables; /* asked for so far; no references of their own */
    wr_column_id next_column;             /* ids start at 1 */
    WR_LIST(wr_str) column_names;         /* by id */
    WR_LIST(const wr_type *) column_types;
    int next_shared, next_filter;
    wr_value *params;            /* $1... given so far; types may be unknown at prepare */
    const wr_type **param_types; /* inferred at bind; grows */
    int param_count, param_cap;
    WR_LIST(wr_relation *) relations; /* references released with the statement */
    WR_LIST(wr_object *) objects;
    WR_LIST(struct wr_key_log *) key_logs; /* key_log.h; what sinks note about foreign keys */
    wr_relation *changed_keys;         /* what the name "changed keys" stands for; NULL: nothing */
    WR_LIST(wr_bound_file) files_read; /* no references of their own */
    struct wr_known_columns *known_columns; /* statistics asked for already (statistics.c) */
    bool is_continuous;                     /* the plan will be run for ever */
    uint64_t rules_off;                     /* bit per rule number: switched off */
    wr_str sql;                             /* text for spans */
    wr_buf *notices;                        /* lines for the user of what will surprise; or NULL */
    WR_LIST(wr_target *) targets;           /* references released with the statement */
    WR_LIST(wr_logical *) open_sessions;    /* session windows that wait for their GROUP BY */
    bool emit_on_close, emit_changes;       /* some query bound so far says EMIT .. */
    const struct wr_nodes *emit_with;       /* EMIT .. WITH (..) of one of them; NULL: none said */
    bool calls_host;                        /* a function of the host program */
    bool reads_unbounded;                   /* some source bound so far has no end */
    bool reads_changes;   /* of views whose queries go on, instead of the rows they have now */
    uint32_t next_lambda; /* lambda parameters have ids WR_LAMBDA_IDS + 0, 1, ... */
    int expr_depth;       /* nesting of the expression being bound: limited */
    int join_depth;       /* joins inside joins: limited */
    int entered;          /* queries, relations and macros bound so far: limited */
    bool takes_changes;   /* the next WITH is the statement's own: it may change tables */
    bool fixes_rows;      /* it does: snapshots keep the rows they see now */
    int depth;            /* nesting of views, macros and queries while binding: limited */
} wr_planner;

/* A column id that nothing else in the statement has. */
wr_column_id wr_planner_column(wr_planner *planner, wr_str name, const wr_type *type);
/* A node of the planner's arena over inputs that are not NULL, without outputs yet. */
wr_logical *wr_logical_new(wr_planner *planner, wr_logical_kind kind, wr_logical *left,
                           wr_logical *right);
/* plan, started when before has run to its end. */
wr_logical *wr_logical_after(wr_planner *planner, wr_logical *plan, wr_logical *before);
/* Outputs of a node recomputed from its parts and inputs (after a rule changed them). */
void wr_logical_set_outputs(wr_planner *planner, wr_logical *node);
const wr_output *wr_logical_output(const wr_logical *node,
                                   wr_column_id id); /* NULL: not provided */
/* Calls fn on every expression slot of the node itself (not of inputs); fn may replace *slot. */
void wr_logical_each_expr(wr_logical *node, void (*fn)(wr_expr **slot, void *arg), void *arg);
/* Set of column ids. */
typedef struct wr_column_set {
    uint64_t *words;
    uint32_t word_count;
} wr_column_set;
void wr_column_set_add(wr_arena *arena, wr_column_set *set, wr_column_id id);
void wr_column_set_add_all(wr_arena *arena, wr_column_set *set, const wr_column_set *more);
bool wr_column_set_has(const wr_column_set *set, wr_column_id id);
bool wr_column_set_within(const wr_column_set *inner, const wr_column_set *outer);
bool wr_column_set_meets(const wr_column_set *a, const wr_column_set *b);
bool wr_column_set_empty(const wr_column_set *set);
/* True if a subquery stands anywhere in the expression (not looking into aggregate and window
 * calls). e may be NULL. */
bool wr_expr_has_subquery(const wr_expr *e);
/* Columns an expression uses (subqueries: their free columns). */
void wr_expr_columns(wr_arena *arena, const wr_expr *e, wr_column_set *set);
void wr_logical_provided(wr_arena *arena, const wr_logical *node, wr_column_set *set);
/* Columns used anywhere in the subtree but not provided by it. */
void wr_logical_free_columns(wr_arena *arena, const wr_logical *node, wr_column_set *set);
void wr_logical_print(const wr_planner *planner, const wr_logical *node,
                      wr_buf *out); /* EXPLAIN (logical) */

/* A rewrite rule: one file in plan/rules each, exporting const wr_rule wr_rule_<file>. */
typedef struct wr_rule {
    const char *name;
    int order; /* rules run once each in ascending order */
    const char *help;
    weir_status (*apply)(wr_planner *planner, wr_logical **root);
    bool is_required;    /* unnest and the like: cannot be switched off */
    bool is_for_batches; /* counts on seeing all rows: not for continuous queries */
} wr_rule;
extern const wr_rule *const wr_rules[]; /* in the order of their names, ended by NULL */
WR_MUST_CHECK weir_status wr_optimize(wr_planner *planner, wr_logical **root);
/* How many rows of each partition a conjunct lets through at most, if it limits the column:
 * row_number <= 2, row_number = 1; -1: it does not. */
int64_t wr_rows_let_through(const wr_expr *conjunct, wr_column_id column);
/* Estimates rows of every node (statistics.c). */
void wr_estimate(wr_planner *planner, wr_logical *root);
/* Logical -> physical; the plan lives in the planner's arena. */
WR_MUST_CHECK weir_status wr_lower(wr_planner *planner, wr_logical *root, wr_plan_node **out);
void wr_physical_print(const wr_planner *planner, const wr_plan_node *node, wr_buf *out);
/* The same with what each node did (EXPLAIN ANALYZE); run has ended. */
void wr_physical_print_run(const wr_planner *planner, const wr_plan_node *node, const wr_run *run,
                           wr_buf *out);
/* The line of one node without its rows: what it is and what it does. */
void wr_physical_label(const wr_plan_node *node, wr_buf *out);
/* print_shape.c: the same tree for programs and for pictures; run NULL: the plan only. */
void wr_physical_json(const wr_plan_node *node, const wr_run *run, wr_buf *out);
void wr_physical_mermaid(const wr_plan_node *node, const wr_run *run, wr_buf *out);
void wr_physical_html(const wr_plan_node *node, const wr_run *run, wr_buf *out);
