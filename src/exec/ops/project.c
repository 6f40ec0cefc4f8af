/* project.c - computes expressions; the selection stays as it is. */
#include "exec/op.h"

typedef struct project_op {
    wr_op op;
    wr_exprs exprs;
} project_op;

typedef struct project_local {
    wr_op_local base;
    wr_exprs_local exprs;
} project_local;

static weir_status project_open(wr_op *op)
{
    return wr_exprs_open(&((project_op *)op)->exprs, op, op->node->project.exprs,
                         op->node->schema.count);
}

static weir_status project_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                                wr_flow *flow)
{
    project_op *p = (project_op *)op;
    project_local *me = (project_local *)local;
    const wr_batch *kept;
    WR_TRY(wr_exprs_sift(&p->exprs, &me->exprs, op->exec, in, &kept));
    *out = *kept;
    out->columns = me->exprs.out;
    out->column_count = p->exprs.count;
    *flow = WR_FLOW_NEXT;
    return WR_OK;
}

static void project_local_close(wr_op *op, wr_op_local *local)
{
    (void)op;
    wr_exprs_close(&((project_local *)local)->exprs);
}

const wr_op_def wr_op_project = {.name = "project",
                                 .size = sizeof(project_op),
                                 .local_size = sizeof(project_local),
                                 .open = project_open,
                                 .local_close = project_local_close,
                                 .push = project_push};
