/* transform.h - an ordinary plan between two operators that keep state. */
#pragma once
#include "stream/graph.h"

/* Deltas are pushed into feed; plan reads it. With takes_back the last column of both is $change
 * (TINYINT), which the operator adds and removes. */
typedef struct wr_transform_spec {
    wr_plan_node *plan;
    wr_relation *feed; /* the graph's */
    bool takes_back;
} wr_transform_spec;
extern const wr_stream_op_def wr_stream_transform;
