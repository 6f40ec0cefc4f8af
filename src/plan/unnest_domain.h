/* unnest_domain.h - what the files share that push the domain D of a dependent join down its right
 * side (unnest_domain.c says what that is).
 *
 * Each wr_domain_push* makes a node and everything below it provide D's columns, whose ids it
 * writes to ids[0...count), with nothing left that uses outer columns. Those with a slot may put
 * other nodes there; those with a node leave its outputs to be set by the caller. They fail where
 * the node cannot be computed per value of D. New nodes live in the planner's arena; one thread. */
#pragma once
#include "plan/unnest.h"

/* A SHARED subplan that has been given D: ids are D's columns in its definition. */
typedef struct wr_domain_extended {
    struct wr_domain_extended *next;
    int shared_id;
    wr_logical *definition;
    wr_column_id *ids;
} wr_domain_extended;

/* Recursions whose step is being changed: their WORKING nodes bring D along. */
typedef struct wr_domain_recursion {
    struct wr_domain_recursion *around;
    int id;
} wr_domain_recursion;

typedef struct wr_domain {
    wr_planner *planner;
    wr_column_id *outer; /* the correlation columns */
    int count;
    wr_column_set outer_set;
    bool per_row;     /* volatile functions: D has all outer rows, told apart by a number */
    wr_logical *plan; /* computes D; outputs: the values in the order of outer */
    int shared_id;
    wr_domain_extended *extended;
    wr_domain_recursion *open;
} wr_domain;

/* Any node. */
WR_MUST_CHECK weir_status wr_domain_push(wr_domain *d, wr_logical **slot, wr_column_id *ids);

/* A node that gives D; its columns go to ids. */
wr_logical *wr_domain_reference(wr_domain *d, wr_column_id *ids);
/* Outer columns in the node's own expressions become the columns ids. */
void wr_domain_rename(wr_domain *d, wr_logical *node, const wr_column_id *ids);
/* Adds the conditions left[i] IS NOT DISTINCT FROM right[i] to a join. */
void wr_domain_match(wr_domain *d, wr_logical *join, const wr_column_id *left,
                     const wr_column_id *right);
/* The columns ids followed by keys[0...count). */
wr_expr **wr_domain_keys(wr_domain *d, wr_expr **keys, int count, const wr_column_id *ids);

/* unnest_aggregate.c */
WR_MUST_CHECK weir_status wr_domain_push_aggregate(wr_domain *d, wr_logical **slot,
                                                   wr_column_id *ids);
/* unnest_window.c */
WR_MUST_CHECK weir_status wr_domain_push_window(wr_domain *d, wr_logical *node, wr_column_id *ids);
WR_MUST_CHECK weir_status wr_domain_push_sort(wr_domain *d, wr_logical **slot, wr_column_id *ids);
WR_MUST_CHECK weir_status wr_domain_push_limit(wr_domain *d, wr_logical **slot, wr_column_id *ids);
WR_MUST_CHECK weir_status wr_domain_push_ordinal(wr_domain *d, wr_logical **slot,
                                                 wr_column_id *ids);
WR_MUST_CHECK weir_status wr_domain_push_sample(wr_domain *d, wr_logical **slot, wr_column_id *ids);
