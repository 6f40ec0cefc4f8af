/* ordinal.c - appends 1, 2, 3... in input order; one worker, so that the order is the source's. */
#include "exec/op.h"

typedef struct ordinal_op {
    wr_op op;
    int64_t next;
} ordinal_op;

static weir_status ordinal_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                                wr_flow *flow)
{
    ordinal_op *o = (ordinal_op *)op;
    wr_arena_reset(&local->scratch);
    *out = *in;
    out->columns = wr_new_array(&local->scratch, wr_column, in->column_count + 1);
    if (in->column_count)
        memcpy(out->columns, in->columns, sizeof(wr_column) * (size_t)in->column_count);
    wr_column *c = &out->columns[out->column_count++];
    wr_column_init(c, &local->scratch, WR_BIGINT, WR_P_I64, WR_MAX(in->rows, 1u));
    c->rows = in->rows;
    uint32_t count = wr_batch_count(in);
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)c->data)[wr_batch_row(in, i)] = ++o->next;
    *flow = WR_FLOW_NEXT;
    return WR_OK;
}

const wr_op_def wr_op_ordinal = {
    .name = "ordinal", .size = sizeof(ordinal_op), .push = ordinal_push, .is_serial = true};
