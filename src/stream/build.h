/* build.h - from the logical plan of a continuous query to its graph. */
#pragma once
#include "plan/plan.h"
#include "stream/graph.h"

typedef struct wr_build_options {
    bool emit_on_close;  /* EMIT ON WINDOW CLOSE was said */
    bool emit_on_change; /* EMIT CHANGES was said */
    bool late_reopens;   /* windows are put out again when rows come late, up to lateness */
    int64_t lateness;
    bool target_takes_back, target_has_options;
    const char *target; /* its name, for messages */
} wr_build_options;

/* Builds the operators of an optimised plan into an empty graph; *last is the one whose deltas are
 * the result, columns in the order of root's outputs. Fails with UNSUPPORTED, span and fix for what
 * would grow without bounds or cannot be known before the end. Lines for the user about what may
 * surprise go to planner->notices. */
WR_MUST_CHECK weir_status wr_stream_build(wr_planner *planner, wr_logical *root,
                                          const wr_build_options *options, wr_graph *graph,
                                          wr_stream_op **last, bool *takes_back);
