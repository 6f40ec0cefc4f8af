/* kept.h - operators that keep all their input in source order and read it back: shared subplans,
 * percent limits, the tables of recursions. The store is the first thing after the operator. */
#pragma once
#include "exec/engine.h"
#include "exec/store.h"

typedef struct wr_kept {
    wr_op op;
    wr_store store;
    _Atomic uint32_t next; /* stretch to be read */
} wr_kept;

typedef struct wr_kept_local {
    wr_op_local base;
    wr_store_reader reader;
} wr_kept_local;

/* Slots of wr_op_def with these names (exec/op.h says what is asked of them and by which threads):
 * what comes in is kept in the store, finishing seals it, each worker reads stretches of its own.
 * Adding fails with MEMORY_LIMIT where spilling does not help, and as temporary files do. */
weir_status wr_kept_open(wr_op *op);
void wr_kept_close(wr_op *op);
void wr_kept_local_close(wr_op *op, wr_op_local *local);
weir_status wr_kept_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow);
weir_status wr_kept_finish(wr_op *op, int phase, int *tasks);
weir_status wr_kept_morsel(wr_op *op, wr_op_local *local, bool *got);
weir_status wr_kept_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more);
