/* phys.h - the physical plan: what the planner hands to execution.
 *
 * A tree of nodes in the plan's arena, immutable while it runs, shareable between workers. In every
 * expression below, COLUMN nodes name positions in the output of the node's input (JOIN residuals:
 * left columns first, then right). exec/build.c cuts the tree into pipelines at the nodes that must
 * see all their input. */
#pragma once
#include "expr/eval.h"
#include "spi/format.h"
#include "spi/relation.h"

typedef enum wr_phys_kind {
    WR_PN_SCAN,   /* rows of a relation */
    WR_PN_VALUES, /* literal rows */
    WR_PN_FILTER,
    WR_PN_PROJECT,
    WR_PN_LIMIT,
    WR_PN_SORT, /* with limit >= 0: top-N */
    WR_PN_AGGREGATE,
    WR_PN_WINDOW,
    WR_PN_JOIN, /* equality keys and/or residual */
    WR_PN_ASOF_JOIN,
    WR_PN_UNION,     /* UNION ALL of all inputs */
    WR_PN_INTERSECT, /* two inputs, rows equal in all columns; is_all: bag semantics */
    WR_PN_EXCEPT,
    WR_PN_UNNEST,
    WR_PN_CALL,       /* calls of functions of the host program, for many rows at a time */
    WR_PN_SHARED,     /* inputs[0] is computed once per query, whoever reads it (same shared_id) */
    WR_PN_RECURSIVE,  /* inputs[0] = start, inputs[1] = step reading WR_PN_WORKING */
    WR_PN_WORKING,    /* rows of the previous step of the recursion shared_id */
    WR_PN_SINGLE_ROW, /* at most one row may come, else CARDINALITY; none: one row of NULLs if
                         is_outer */
    WR_PN_ORDINAL,    /* appends a BIGINT column 1, 2, 3... in input order */
    WR_PN_SAMPLE,
    WR_PN_SINK, /* hands batches to a wr_batch_sink: INSERT, UPDATE, DELETE, COPY TO; result: one
                   BIGINT count */
} wr_phys_kind;

typedef enum wr_join_kind {
    WR_JOIN_INNER,
    WR_JOIN_LEFT,
    WR_JOIN_RIGHT,
    WR_JOIN_FULL,
    WR_JOIN_SEMI,   /* left rows with a match */
    WR_JOIN_ANTI,   /* left rows without a match (NULL keys do not match) */
    WR_JOIN_MARK,   /* all left rows plus a BOOLEAN column: x IN (...) with SQL's three values over
                     * the first key, plain   match on the others */
    WR_JOIN_SINGLE, /* LEFT, but more than one match is CARDINALITY */
} wr_join_kind;

typedef struct wr_plan_node wr_plan_node;

typedef struct wr_join_key {
    wr_expr *left, *right; /* same type */
    bool null_equal;       /* IS NOT DISTINCT FROM: NULLs match NULLs */
} wr_join_key;

/* A filter made while the query runs: the build side of join (or the threshold of a top-N) limits a
 * column of a scan. The same pointer stands in the producer and in every scan that uses it. */
typedef struct wr_runtime_filter {
    int id;
    const wr_type *type;
    double expected_selectivity; /* planner's guess, for EXPLAIN */
} wr_runtime_filter;

typedef struct wr_runtime_filter_use {
    wr_runtime_filter *filter;
    int column; /* position in the scan's output */
} wr_runtime_filter_use;

typedef struct wr_batch_sink wr_batch_sink;
struct wr_batch_sink {
    /* Called by one worker at a time unless is_parallel; batch is borrowed. */
    weir_status (*write)(wr_batch_sink *self, int worker, const wr_batch *batch);
    weir_status (*finish)(wr_batch_sink *self); /* all rows were written; makes them visible */
    void (*abort)(wr_batch_sink *self); /* instead of finish after any failure; leaves no trace */
    bool is_parallel;
    uint64_t (*affected)(const wr_batch_sink *self);
    const char *name; /* "insert", "copy to" */
};

struct wr_plan_node {
    wr_phys_kind kind;
    wr_plan_node **inputs;
    int input_count;
    wr_schema schema; /* of the output */
    double estimated_rows;
    int id; /* position in EXPLAIN, 0 = root; set by the planner */
    union {
        struct {
            wr_relation *relation; /* borrowed; the plan keeps a reference */
            const int
                *columns; /* positions in the relation's schema, one per output column, distinct */
            wr_expr **filters; /* conjuncts over the output columns, pushed into the scan, in the
                                  order to try */
            int filter_count;
            const wr_prune *prunes; /* facts implied by filters (column = output position) */
            int prune_count;
            wr_runtime_filter_use *runtime;
            int runtime_count;
            /* Columns that only the filters need: the last hidden_count output columns are not part
             * of schema. */
            int hidden_count;
            int64_t limit;   /* -1: all */
            bool is_sampled; /* the filters were tried on some rows, for EXPLAIN */
            wr_str name;     /* table or file as written, for EXPLAIN */
        } scan;
        struct {
            wr_expr ***rows;
            int row_count;
        } values; /* constant expressions, rows x schema.count */
        struct {
            wr_expr *condition;
        } filter; /* BOOLEAN; a conjunction is an AND node */
        struct {
            wr_expr **exprs;
        } project; /* schema.count of them */
        struct {
            wr_expr *count, *offset;
            bool is_percent;
        } limit; /* constant expressions or NULL */
        struct {
            wr_sort_key *keys;
            int key_count;
            wr_expr *limit, *offset;      /* NULL: none */
            wr_runtime_filter *threshold; /* NULL or published from the first key */
        } sort;
        struct {
            wr_expr **keys; /* output columns 0...key_count-1 */
            int key_count;
            wr_aggregate_call *calls; /* the next call_count output columns */
            int call_count;
            /* Grouping sets: each a bit set over the keys that are NOT nulled; NULL = one set of
             * all keys. */
            const uint64_t *sets;
            int set_count;
            const uint64_t *grouping; /* GROUPING() columns after the calls: masks are computed per
                                         set from key lists */
            const int *
                *grouping_keys; /* for each: key numbers, most significant first, ended by -1 */
            int grouping_count;
            /* Keys functionally determined by the others (from carried_first on): carried, not
             * hashed. */
            int carried_first; /* = key_count when there are none */
            double estimated_groups;
        } aggregate;
        struct {
            wr_window_call *
                calls; /* appended after the input columns; all have the same partition and order */
            int call_count;
            int64_t
                top_rows; /* >= 0: only rows with row_number/rank below this are needed (QUALIFY) */
        } window;
        struct {
            wr_join_kind kind;
            wr_join_key *keys;
            int key_count;
            wr_expr *residual; /* NULL or BOOLEAN over left + right columns; part of the match
                                  condition */
            bool build_left;   /* normally the right input is the build side */
            const int *output; /* schema.count positions in left + right columns (MARK: the mark is
                                  left + right count) */
            wr_runtime_filter *
                *publish;     /* per key or NULL entries: filters made from the build side */
            bool keys_unique; /* build keys are known to be unique */
        } join;
        struct {
            wr_join_key *keys; /* equality part */
            int key_count;
            wr_compare_op op; /* left op right: >=, >, <=, < */
            wr_expr *left, *right;
            bool is_left; /* keep left rows without a match */
        } asof;
        struct {
            bool is_all;
        } setop;
        struct {
            wr_expr **
                lists; /* LIST/ARRAY/MAP/... over the input; each gives one output column, zipped */
            int list_count;
            bool
                keep_empty; /* LEFT JOIN LATERAL: rows with only empty lists stay once with NULLs */
            bool with_ordinality; /* appends BIGINT */
            const int *carried;   /* input columns that come first in the output */
            int carried_count;
            bool is_recursive; /* unnest(x, recursive := true) is expanded by the planner; always
                                  false */
        } unnest;
        struct {
            const int *carried; /* input columns that come first in the output */
            int carried_count;
            wr_expr **exprs; /* a call each; the arguments are over the input */
            int count;
        } call;
        struct {
            int id;
        } shared; /* SHARED, WORKING */
        struct {
            int id;
            bool is_all;
            int64_t max_steps;
        } recursive;
        struct {
            bool is_outer;
        } single;
        struct {
            double fraction;
            int64_t rows;
            int64_t seed;
            bool is_block;
            bool has_seed;
        } sample;
        struct {
            wr_batch_sink *sink;
        } sink;
    };
};

/* As EXPLAIN prints them; static texts. */
const char *wr_phys_kind_name(wr_phys_kind kind);
const char *wr_join_kind_name(wr_join_kind kind);
