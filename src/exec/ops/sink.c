/* sink.c - hands rows to a wr_batch_sink (INSERT, DELETE, COPY TO) and gives back how many rows it
 * took.
 *
 * A sink that is not parallel gets batches in source order, so a file is written in the order it
 * was read. When anything fails before finish, abort is called exactly once. */
#include "exec/ordered.h"

typedef struct sink_op {
    wr_op op;
    wr_ordered ordered;
    _Atomic uint64_t rows;
    bool finished;
    _Atomic bool taken; /* a worker has the morsel whose only batch is the count */
    bool given;         /* that worker handed it out */
} sink_op;

static wr_batch_sink *target(const wr_op *op) { return op->node->sink.sink; }

static weir_status deliver(void *owner, wr_held *held, const wr_batch *batch)
{
    sink_op *s = owner;
    weir_status bad = target(&s->op)->write(target(&s->op), 0, held ? &held->batch : batch);
    wr_held_drop(s->op.mem, held);
    return bad;
}

static weir_status sink_open(wr_op *op)
{
    sink_op *s = (sink_op *)op;
    wr_ordered_init(&s->ordered, op->exec, op->mem);
    s->ordered.deliver = deliver;
    s->ordered.owner = s;
    return WR_OK;
}

static weir_status sink_take(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    sink_op *s = (sink_op *)op;
    *flow = WR_FLOW_NEXT;
    s->rows += wr_batch_count(in);
    if (target(op)->is_parallel) return target(op)->write(target(op), local->worker, in);
    return wr_ordered_put(&s->ordered, local->morsel, in, true);
}

static weir_status sink_morsel_end(wr_op *op, wr_op_local *local)
{
    if (target(op)->is_parallel) return WR_OK;
    return wr_ordered_end(&((sink_op *)op)->ordered, local->morsel);
}

static weir_status sink_finish(wr_op *op, int phase, int *tasks)
{
    sink_op *s = (sink_op *)op;
    (void)phase;
    *tasks = -1;
    WR_TRY(target(op)->finish(target(op)));
    s->finished = true;
    return WR_OK;
}

static weir_status sink_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    (void)local;
    sink_op *s = (sink_op *)op;
    *got = !atomic_exchange(&s->taken, true);
    return WR_OK;
}

static weir_status sink_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    sink_op *s = (sink_op *)op;
    *more = !s->given;
    if (s->given) return WR_OK;
    s->given = true;
    uint64_t rows = target(op)->affected ? target(op)->affected(target(op)) : s->rows;
    wr_arena_reset(&local->scratch);
    *out = (wr_batch){.columns = wr_new(&local->scratch, wr_column), .column_count = 1, .rows = 1};
    wr_column_init(out->columns, &local->scratch, WR_BIGINT, WR_P_I64, 1);
    out->columns->rows = 1;
    *(int64_t *)out->columns->data = (int64_t)rows;
    return WR_OK;
}

static void sink_close(wr_op *op)
{
    sink_op *s = (sink_op *)op;
    if (!s->finished && target(op)->abort) target(op)->abort(target(op));
    wr_ordered_clear(&s->ordered);
}

const wr_op_def wr_op_sink = {.name = "sink",
                              .size = sizeof(sink_op),
                              .open = sink_open,
                              .close = sink_close,
                              .sink = sink_take,
                              .morsel_end = sink_morsel_end,
                              .finish = sink_finish,
                              .morsel = sink_morsel,
                              .next_batch = sink_next,
                              .is_ordered = true};
