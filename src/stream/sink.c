/* sink.c - see sink.h.
 *
 * With exactly-once delivery rows become visible only by wr_sink_commit, whose token the state of
 * the query holds. With less they are flushed at the end of each round, before the commit that says
 * they were read: a crash in between repeats them. */
#include "stream/sink.h"
#include "sys/clock.h"

typedef struct sink {
    wr_stream_op op;
    wr_deliverer *deliverer;
    bool has_rows; /* not flushed or prepared yet */
    int64_t busy_ns;
} sink;

static const wr_sink_spec *spec_of(const wr_stream_op *op) { return op->spec; }

bool wr_sink_is_exact(const wr_stream_op *op)
{
    return spec_of(op)->request.delivery == WR_DELIVERY_EXACTLY_ONCE;
}

static weir_status sink_open(wr_stream_op *op)
{
    const wr_sink_spec *spec = spec_of(op);
    wr_deliverer_request request = spec->request;
    request.mem = op->mem;
    return spec->target->def->open(spec->target, &request, &((sink *)op)->deliverer);
}

/* Those that appear; rows has room for a batch. */
static wr_delta new_rows_of(const wr_delta *delta, uint16_t *rows)
{
    wr_delta out = {.batch = delta->batch};
    out.batch.sel = rows;
    out.batch.sel_count = 0;
    for (uint32_t i = 0; i < wr_batch_count(&delta->batch); i++) {
        uint32_t row = wr_batch_row(&delta->batch, i);
        if (delta->changes[row] > 0) rows[out.batch.sel_count++] = (uint16_t)row;
    }
    return out;
}

static weir_status sink_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    sink *s = (sink *)op;
    const wr_target *target = s->deliverer->target;
    uint16_t rows[WR_BATCH_ROWS];
    wr_delta fresh;
    if (target->only_new_rows && delta->changes) {
        fresh = new_rows_of(delta, rows);
        delta = &fresh;
    }
    if (!wr_batch_count(&delta->batch)) return WR_OK;
    op->rows_out += wr_batch_count(&delta->batch);
    s->has_rows = true;
    int64_t began = wr_clock_mono_ns();
    weir_status bad = target->def->write(s->deliverer, delta);
    s->busy_ns += wr_clock_mono_ns() - began;
    return bad;
}

weir_status wr_sink_round_ends(wr_stream_op *op)
{
    sink *s = (sink *)op;
    if (wr_sink_is_exact(op) || !s->has_rows) return WR_OK;
    s->has_rows = false;
    const wr_target_def *def = s->deliverer->target->def;
    int64_t began = wr_clock_mono_ns();
    weir_status bad = def->flush ? def->flush(s->deliverer) : WR_OK;
    s->busy_ns += wr_clock_mono_ns() - began;
    return bad;
}

weir_status wr_sink_prepare(wr_stream_op *op, uint64_t epoch, wr_buf *token)
{
    sink *s = (sink *)op;
    if (!wr_sink_is_exact(op)) return wr_sink_round_ends(op);
    s->has_rows = false;
    int64_t began = wr_clock_mono_ns();
    weir_status bad = s->deliverer->target->def->prepare(s->deliverer, epoch, token);
    s->busy_ns += wr_clock_mono_ns() - began;
    return bad;
}

weir_status wr_sink_commit(wr_stream_op *op, uint64_t epoch, wr_str token)
{
    sink *s = (sink *)op;
    if (!wr_sink_is_exact(op)) return WR_OK;
    int64_t began = wr_clock_mono_ns();
    weir_status bad = s->deliverer->target->def->commit(s->deliverer, epoch, token);
    s->busy_ns += wr_clock_mono_ns() - began;
    return bad;
}

weir_status wr_sink_carry(wr_stream_op *op, wr_reader *reader)
{
    wr_deliverer *deliverer = ((sink *)op)->deliverer;
    return deliverer->target->def->carry(deliverer, reader);
}

void wr_sink_abort(wr_stream_op *op)
{
    sink *s = (sink *)op;
    if (s->deliverer && s->deliverer->target->def->abort)
        s->deliverer->target->def->abort(s->deliverer);
}

int64_t wr_sink_take_time(wr_stream_op *op)
{
    sink *s = (sink *)op;
    int64_t us = s->busy_ns / 1000;
    s->busy_ns = 0;
    return us;
}

static void sink_close(wr_stream_op *op)
{
    sink *s = (sink *)op;
    if (s->deliverer) s->deliverer->target->def->close(s->deliverer);
}

const wr_stream_op_def wr_stream_sink = {.name = "sink",
                                         .size = sizeof(sink),
                                         .takes_back = true,
                                         .open = sink_open,
                                         .push = sink_push,
                                         .close = sink_close};
