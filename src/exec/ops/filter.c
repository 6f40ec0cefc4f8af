/* filter.c - narrows the selection; moves nothing. */
#include "exec/op.h"

typedef struct filter_op {
    wr_op op;
    wr_exprs condition;
} filter_op;

typedef struct filter_local {
    wr_op_local base;
    wr_eval *eval;
    uint16_t sel[WR_BATCH_ROWS];
} filter_local;

static weir_status filter_open(wr_op *op)
{
    wr_expr *e = op->node->filter.condition;
    bool many = e->kind == WR_X_AND;
    return wr_exprs_open(&((filter_op *)op)->condition, op, many ? e->args : &e,
                         many ? e->arg_count : 1);
}

static weir_status filter_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                               wr_flow *flow)
{
    filter_local *me = (filter_local *)local;
    if (!me->eval)
        WR_TRY(wr_eval_new(((filter_op *)op)->condition.program, wr_exec_env(op->exec), &me->eval));
    uint32_t count = wr_batch_count(in);
    for (uint32_t i = 0; i < count; i++)
        me->sel[i] = (uint16_t)wr_batch_row(in, i);
    WR_TRY(wr_eval_filter_sieved(me->eval, in, wr_exec_bad_rows(op->exec), me->sel, &count));
    *out = *in;
    if (count < wr_batch_count(in) || in->sel) {
        out->sel = me->sel;
        out->sel_count = count;
    }
    *flow = WR_FLOW_NEXT;
    return WR_OK;
}

static void filter_local_close(wr_op *op, wr_op_local *local)
{
    (void)op;
    if (((filter_local *)local)->eval) wr_eval_drop(((filter_local *)local)->eval);
}

const wr_op_def wr_op_filter = {.name = "filter",
                                .size = sizeof(filter_op),
                                .local_size = sizeof(filter_local),
                                .open = filter_open,
                                .local_close = filter_local_close,
                                .push = filter_push};
