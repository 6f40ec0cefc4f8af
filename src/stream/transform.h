/* transform.h - an ordinary plan between two operators that keep state. */
#pragma once
#include "plan/lookup.h"
#include "stream/graph.h"

/* Deltas are pushed into feed; plan reads it. With takes_back the last column of both is $change
 * (TINYINT), which the operator adds and removes. */
typedef struct wr_transform_spec {
    wr_plan_node *plan;
    wr_relation *feed; /* the graph's */
    bool takes_back;
    WR_LIST(wr_lookup *) lookups; /* that plan reads */
} wr_transform_spec;
extern const wr_stream_op_def wr_stream_transform;

/* Between two pushes: reads what the plan joins with into a second run of it. */
WR_MUST_CHECK weir_status wr_transform_prepare(wr_stream_op *op);
/* Ends that: the second run goes on from now, or it is forgotten. Nothing to do without one. */
void wr_transform_settle(wr_stream_op *op, bool takes);
