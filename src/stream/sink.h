/* sink.h - the end of a graph: what leaves goes to a deliverer, and its part of commits. */
#pragma once
#include "stream/graph.h"

typedef struct wr_sink_spec {
    wr_target *target; /* reference held by whoever made the graph */
    wr_deliverer_request request;
} wr_sink_spec;
extern const wr_stream_op_def wr_stream_sink;

/* With exactly-once: what was written becomes durable, token (appended) stands for it. Otherwise
 * what was written is where others see it. */
WR_MUST_CHECK weir_status wr_sink_prepare(wr_stream_op *op, uint64_t epoch, wr_buf *token);
/* After the state is committed, and once more after a crash. */
WR_MUST_CHECK weir_status wr_sink_commit(wr_stream_op *op, uint64_t epoch, wr_str token);
/* Commits make the position of this shared reader known at once with the rows. */
WR_MUST_CHECK weir_status wr_sink_carry(wr_stream_op *op, wr_reader *reader);
/* The end of a round: without exactly-once rows need not wait for a commit. */
WR_MUST_CHECK weir_status wr_sink_round_ends(wr_stream_op *op);
void wr_sink_abort(wr_stream_op *op);
bool wr_sink_is_exact(const wr_stream_op *op);
/* Time spent in the deliverer since the last call, microseconds. */
int64_t wr_sink_take_time(wr_stream_op *op);
