/* result.h - what run.c needs of the result sink. Worker 0 only. */
#pragma once
#include "exec/ordered.h"

typedef struct wr_result {
    wr_op op;
    wr_ordered ordered;
    wr_held *first, **end; /* guarded by exec->lock */
    int count;
    const wr_batch *direct; /* of worker 0's own chain */
    wr_batch given_direct;
    wr_held *given; /* what the caller holds */
    /* A LIMIT that ends the plan; touched only while delivering. */
    bool is_limited;
    uint64_t skip, left;
    uint16_t sel[WR_BATCH_ROWS];
} wr_result;

/* Makes the result apply the LIMIT node that would stand before it. Before anything runs. */
void wr_result_limit(wr_result *r, const wr_plan_node *node, uint64_t skip, uint64_t left);
/* The next batch, if one is there; valid until the next call. */
bool wr_result_take(wr_result *r, wr_batch *out);
/* Blocks while worker 0 is so far ahead of the head that going on would only pile up batches. */
void wr_result_wait_for_turn(wr_result *r);
