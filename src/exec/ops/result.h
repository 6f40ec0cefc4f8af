/* result.h - what run.c needs of the result sink. Worker 0 only. */
#pragma once
#include "exec/ordered.h"

typedef struct wr_result {
    wr_op op;
    wr_ordered ordered;
    wr_held *first, **end; /* guarded by exec->lock */
    int count;
    const wr_batch *direct; /* of worker 0's own chain */
    wr_held *given;         /* what the caller holds */
} wr_result;

/* The next batch, if one is there; valid until the next call. */
bool wr_result_take(wr_result *r, wr_batch *out);
/* Blocks while worker 0 is so far ahead of the head that going on would only pile up batches. */
void wr_result_wait_for_turn(wr_result *r);
