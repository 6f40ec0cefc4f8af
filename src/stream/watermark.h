/* watermark.h - where a stream learns what time it is. */
#pragma once
#include "stream/graph.h"

typedef struct wr_watermark_spec {
    wr_expr *time; /* TIMESTAMP over the input's columns */
} wr_watermark_spec;
extern const wr_stream_op_def wr_stream_watermark;

/* The clock stands in for rows that do not come: time is what it was when the last one came, and
 * passed_us more. */
WR_MUST_CHECK weir_status wr_watermark_follow_clock(wr_stream_op *op, int64_t passed_us);
