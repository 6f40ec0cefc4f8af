/* single.c - a subquery used as a value: at most one row, else CARDINALITY; without rows one row of
 * NULLs if outer. */
#include "exec/ops/kept.h"

typedef struct single_op {
    wr_kept kept;
    _Atomic uint64_t seen;
    bool given, nulls_given;
} single_op;

static weir_status single_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    single_op *s = (single_op *)op;
    uint32_t count = wr_batch_count(in);
    if (atomic_fetch_add(&s->seen, count) + count > 1)
        return wr_with_hint(
            wr_fail(WR_E_CARDINALITY, "a subquery used as a value gave more than one row"),
            "limit it to one row or aggregate it");
    return wr_kept_sink(op, local, in, flow);
}

static weir_status single_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    single_op *s = (single_op *)op;
    *got = !s->given && (s->seen > 0 || op->node->single.is_outer);
    s->given = true;
    if (*got && s->seen > 0)
        WR_TRY(wr_store_seek(&s->kept.store, &((wr_kept_local *)local)->reader, 0));
    return WR_OK;
}

static weir_status single_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    single_op *s = (single_op *)op;
    if (s->seen > 0) return wr_kept_next(op, local, out, more);
    *more = !s->nulls_given;
    if (!*more) return WR_OK;
    s->nulls_given = true;
    uint8_t *none[1] = {NULL};
    wr_arena_reset(&local->scratch);
    wr_rows_batch(&s->kept.store.layout, s->kept.store.layout.column_count, none, 1,
                  &local->scratch, out);
    return WR_OK;
}

const wr_op_def wr_op_single = {.name = "single row",
                                .size = sizeof(single_op),
                                .local_size = sizeof(wr_kept_local),
                                .local_close = wr_kept_local_close,
                                .open = wr_kept_open,
                                .close = wr_kept_close,
                                .sink = single_sink,
                                .finish = wr_kept_finish,
                                .morsel = single_morsel,
                                .next_batch = single_next,
                                .is_ordered = true,
                                .is_serial = true};
