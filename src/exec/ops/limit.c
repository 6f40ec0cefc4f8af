/* limit.c - OFFSET and LIMIT in input order. One worker: which rows are first must not depend on
 * timing. */
#include "exec/op.h"

typedef struct limit_op {
    wr_op op;
    uint64_t skip, left;
} limit_op;

typedef struct limit_local {
    wr_op_local base;
    uint16_t sel[WR_BATCH_ROWS];
} limit_local;

static weir_status limit_open(wr_op *op)
{
    limit_op *l = (limit_op *)op;
    int64_t count, offset;
    WR_TRY(
        wr_exec_count_of(wr_exec_env(op->exec), op->node->limit.count, "LIMIT", INT64_MAX, &count));
    WR_TRY(wr_exec_count_of(wr_exec_env(op->exec), op->node->limit.offset, "OFFSET", 0, &offset));
    l->skip = (uint64_t)offset;
    l->left = (uint64_t)count;
    op->stopped = l->left == 0;
    return WR_OK;
}

static weir_status limit_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                              wr_flow *flow)
{
    limit_op *l = (limit_op *)op;
    limit_local *me = (limit_local *)local;
    uint32_t count = wr_batch_count(in);
    uint32_t from = (uint32_t)WR_MIN(l->skip, (uint64_t)count);
    uint32_t take = (uint32_t)WR_MIN(l->left, (uint64_t)(count - from));
    l->skip -= from;
    l->left -= take;
    *flow = l->left == 0 ? WR_FLOW_STOP : WR_FLOW_NEXT;
    *out = *in;
    if (take == count) return WR_OK;
    for (uint32_t i = 0; i < take; i++)
        me->sel[i] = (uint16_t)wr_batch_row(in, from + i);
    out->sel = me->sel;
    out->sel_count = take;
    return WR_OK;
}

const wr_op_def wr_op_limit = {.name = "limit",
                               .size = sizeof(limit_op),
                               .local_size = sizeof(limit_local),
                               .open = limit_open,
                               .push = limit_push,
                               .is_serial = true};
