/* running.h - one continuous query while it runs: what stream.c and drive.c share. */
#pragma once
#include "stream/commit.h"
#include "stream/sink.h"
#include "stream/stream.h"
#include "sys/thread.h"

struct wr_stream {
    wr_arena arena;
    wr_stream_options options;
    wr_graph *graph;
    wr_stream_op *sink;
    wr_committer committer;
    wr_thread *thread;
    _Atomic bool stop;
    int64_t last_commit_us;
    wr_delivery delivery; /* what is promised */
    const char *why;      /* this delivery and no stronger one */
    wr_mutex lock;
    wr_cond changed;
    /* Guarded by lock; the driving thread reads its own without it. */
    wr_stream_progress progress;
    bool is_idle, has_ended;
    weir_status error;
};

/* "exactly-once"; static. */
const char *wr_delivery_text(wr_delivery delivery);
/* The driving thread's whole life; arg: the stream. */
void wr_stream_run(void *arg);
