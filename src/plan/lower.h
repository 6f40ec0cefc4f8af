/* lower.h - what the files of lowering share. */
#pragma once
#include "plan/bind.h"

/* A physical node and where it has the columns that parents may ask for: several ids may stand for
 * one position. */
typedef struct wr_place {
    wr_column_id id;
    int position;
} wr_place;
typedef struct wr_lowered {
    wr_plan_node *plan;
    wr_place *places;
    int count;
} wr_lowered;

typedef struct wr_lowering {
    wr_planner *planner;
    WR_LIST(int) shared_ids;
    WR_LIST(wr_lowered) shared_places;
} wr_lowering;

/* A node in the arena of the planner, with the estimate of from (NULL: none); left and right may be
 * NULL. Its schema is empty. */
wr_plan_node *wr_plan_node_new(wr_lowering *l, wr_phys_kind kind, const wr_logical *from,
                               wr_plan_node *left, wr_plan_node *right);
/* Names and types of the node's columns, from those of the planner. */
void wr_plan_schema(wr_lowering *l, wr_plan_node *node, const wr_column_id *ids, int count);
int wr_place_of(const wr_lowered *in, wr_column_id id); /* -1: not there */
/* e with column ids replaced by positions in in (and after shift columns in right when that is
 * given). */
WR_MUST_CHECK weir_status wr_lower_expr(wr_lowering *l, wr_expr *e, const wr_lowered *in,
                                        const wr_lowered *right, wr_expr **out);
WR_MUST_CHECK weir_status wr_lower_exprs(wr_lowering *l, wr_expr **exprs, int count,
                                         const wr_lowered *in, wr_expr ***out);
WR_MUST_CHECK weir_status wr_lower_keys(wr_lowering *l, const wr_sort_key *keys, int count,
                                        const wr_lowered *in, wr_sort_key **out);
/* In place: the call is a copy of the plan's. */
WR_MUST_CHECK weir_status wr_lower_call(wr_lowering *l, wr_aggregate_call *call,
                                        const wr_lowered *in);
/* Needed by the parents (NULL: nothing) or by the node's own expressions. */
wr_column_set wr_lower_needs(wr_lowering *l, wr_logical *node, const wr_column_set *needed);
/* A node whose columns are these ids in this order. */
wr_lowered wr_lowered_as(wr_lowering *l, wr_plan_node *plan, const wr_column_id *ids, int count);
/* Exactly these columns of in, in this order. */
WR_MUST_CHECK weir_status wr_lower_arrange(wr_lowering *l, const wr_lowered *in,
                                           const wr_column_id *ids, int count, wr_lowered *out);
/* Drops columns nobody needs before an operator that would carry them. */
WR_MUST_CHECK weir_status wr_lower_trim(wr_lowering *l, const wr_column_set *needed,
                                        wr_lowered *in);
WR_MUST_CHECK weir_status wr_lower_node(wr_lowering *l, wr_logical *node,
                                        const wr_column_set *needed, wr_lowered *out);
WR_MUST_CHECK weir_status wr_lower_scan(wr_lowering *l, wr_logical *node, wr_expr **more,
                                        int more_count, const wr_column_set *needed,
                                        wr_lowered *out);
WR_MUST_CHECK weir_status wr_lower_join(wr_lowering *l, wr_logical *node,
                                        const wr_column_set *needed, wr_lowered *out);
WR_MUST_CHECK weir_status wr_lower_asof(wr_lowering *l, wr_logical *node,
                                        const wr_column_set *needed, wr_lowered *out);
WR_MUST_CHECK weir_status wr_lower_time_window(wr_lowering *l, wr_logical *node,
                                               const wr_column_set *needed, wr_lowered *out);
WR_MUST_CHECK weir_status wr_lower_host_call(wr_lowering *l, wr_logical *node,
                                             const wr_column_set *needed, wr_lowered *out);
/* Facts for pruning that conjuncts over the columns of a scan imply; expressions are lowered
 * already. */
void wr_prune_facts(wr_lowering *l, wr_expr **filters, int count, wr_prune **out, int *out_count);
