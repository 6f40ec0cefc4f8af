/* unnest.h - parts of the unnest rule (rules/unnest.c): turning dependent joins into plain ones.
 *
 * A dependent join has a right input that refers to columns of its left input. There are three ways
 * to end that, tried in order: put the left input under a right side that has no source of its own
 * (unnest_inline.c), pull the correlated predicates up into the join (unnest_pull.c), or compute
 * the right side for all distinct correlation values at once (unnest_domain.c), which always works.
 */
#pragma once
#include "expr/fn.h"
#include "plan/logical.h"

/* Columns that right needs from left. */
void wr_unnest_correlation(wr_planner *planner, const wr_logical *left, const wr_logical *right,
                           wr_column_set *out);
bool wr_unnest_uses(wr_planner *planner, const wr_logical *node, const wr_column_set *outer);
bool wr_unnest_expr_uses(wr_planner *planner, const wr_expr *e, const wr_column_set *outer);

/* Each takes the slot of a JOIN; *done tells whether the join is no longer dependent (the slot may
 * hold a new node that provides at least the same columns). */
WR_MUST_CHECK weir_status wr_unnest_inline(wr_planner *planner, wr_logical **slot, bool *done);
WR_MUST_CHECK weir_status wr_unnest_pull(wr_planner *planner, wr_logical **slot, bool *done);
/* True if the subtree calls volatile functions: then it has to run for every outer row by itself.
 */
bool wr_unnest_is_volatile(wr_logical *node);
WR_MUST_CHECK weir_status wr_unnest_domain(wr_planner *planner, wr_logical **slot);

/* Small builders. */
wr_expr *wr_unnest_column(wr_planner *planner, wr_column_id id);
wr_logical *wr_unnest_join(wr_planner *planner, wr_join_kind kind, wr_logical *left,
                           wr_logical *right);
void wr_unnest_add_condition(wr_planner *planner, wr_logical *join, wr_expr *condition);
wr_logical *wr_unnest_filter(wr_planner *planner, wr_logical *input, wr_expr **conjuncts,
                             int count); /* 0 conjuncts: input */
/* A projection of all outputs of input; bindings may be appended up to more. */
wr_logical *wr_unnest_pass(wr_planner *planner, wr_logical *input, int more);
void wr_unnest_bind(wr_logical *project, wr_column_id id, wr_expr *expr);
wr_expr *wr_unnest_case(wr_planner *planner, wr_expr *condition, wr_expr *then, wr_expr *otherwise);
/* What an aggregate call gives over no rows: 0 for counts, NULL for all others. */
wr_expr *wr_unnest_empty_value(wr_planner *planner, const wr_aggregate_call *call);
