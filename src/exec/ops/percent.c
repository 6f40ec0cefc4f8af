/* percent.c - LIMIT n PERCENT: keeps all rows, then gives the first n percent (rounded down) after
 * the offset. */
#include "exec/ops/kept.h"

typedef struct percent_op {
    wr_kept kept;
    uint64_t skip, left;
} percent_op;

static weir_status percent_finish(wr_op *op, int phase, int *tasks)
{
    percent_op *p = (percent_op *)op;
    WR_TRY(wr_kept_finish(op, phase, tasks));
    int64_t offset;
    WR_TRY(wr_exec_count_of(wr_exec_env(op->exec), op->node->limit.offset, "OFFSET", 0, &offset));
    p->skip = (uint64_t)offset;
    p->left = UINT64_MAX;
    if (!op->node->limit.count) return WR_OK;
    WR_ARENA(scratch);
    wr_value v;
    WR_TRY(wr_expr_fold(&scratch, wr_exec_env(op->exec), op->node->limit.count, &v));
    if (v.is_null) return WR_OK;
    double percent = wr_value_as_f64(&v);
    if (!(percent >= 0 && percent <= 100))
        return wr_with_span(
            wr_fail(WR_E_BAD_ARGUMENT, "LIMIT must be between 0 and 100 percent, not %g", percent),
            op->node->limit.count->span);
    p->left = (uint64_t)(percent / 100.0 * (double)p->kept.store.rows);
    return WR_OK;
}

static weir_status percent_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    percent_op *p = (percent_op *)op;
    *more = false;
    if (p->left == 0) return WR_OK;
    WR_TRY(wr_kept_next(op, local, out, more));
    if (!*more) return WR_OK;
    uint32_t from = (uint32_t)WR_MIN(p->skip, (uint64_t)out->rows);
    uint32_t take = (uint32_t)WR_MIN(p->left, (uint64_t)(out->rows - from));
    p->skip -= from;
    p->left -= take;
    uint16_t *sel = wr_new_array(&local->scratch, uint16_t, WR_BATCH_ROWS);
    for (uint32_t i = 0; i < take; i++)
        sel[i] = (uint16_t)(from + i);
    out->sel = sel;
    out->sel_count = take;
    return WR_OK;
}

const wr_op_def wr_op_percent = {.name = "limit percent",
                                 .size = sizeof(percent_op),
                                 .local_size = sizeof(wr_kept_local),
                                 .local_close = wr_kept_local_close,
                                 .open = wr_kept_open,
                                 .close = wr_kept_close,
                                 .sink = wr_kept_sink,
                                 .finish = percent_finish,
                                 .morsel = wr_kept_morsel,
                                 .next_batch = percent_next,
                                 .is_ordered = true,
                                 .is_serial = true};
