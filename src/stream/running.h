/* running.h - one continuous query while it runs: what stream.c and drive.c share. */
#pragma once
#include "stream/commit.h"
#include "stream/dead.h"
#include "stream/divided.h"
#include "stream/refresh.h"
#include "stream/sink.h"
#include "stream/stream.h"
#include "sys/thread.h"

struct wr_stream {
    wr_arena arena;
    wr_stream_options options;
    wr_graph *graph;
    wr_stream_op *sink;
    wr_dead dead; /* graph NULL: nothing is told */
    wr_division division;
    wr_committer committer;
    wr_refresher refresher;
    wr_thread *thread;
    bool takes_back;
    _Atomic bool stop;
    _Atomic bool wants_commit; /* somebody asked whether it is idle */
    _Atomic int waiters;       /* who wait until it is; rows are committed at once meanwhile */
    _Atomic bool in_flight;    /* a batch is on its way through the graph */
    const char *_Atomic alone; /* why workers do not work though keys are divided; NULL: they do */
    int64_t last_commit_us;
    uint64_t committed_rows;  /* read before the last commit */
    wr_stream_progress now;   /* the driving thread's own; the lock's copy follows at each round */
    bool has_part;            /* the round was a part of a source */
    bool left_rows;           /* the round ended by time, and a source had more */
    int64_t described_ns;     /* when positions were described last */
    wr_delivery delivery;     /* what is promised */
    const char *why;          /* this delivery and no stronger one */
    const char *why_volatile; /* no state is kept */
    wr_delivery dead_delivery;
    const char *dead_why;
    wr_mutex lock;
    wr_cond changed;
    /* Guarded by lock. */
    wr_stream_progress progress;
    wr_buf positions; /* of the sources, for people */
    weir_status error;
};

/* "local-workers", "single-process"; static. The reason is appended. */
const char *wr_execution_mode(const wr_stream *stream);
void wr_execution_reason(const wr_stream *stream, wr_buf *out);
/* "exactly-once"; static. */
const char *wr_delivery_text(wr_delivery delivery);
/* The driving thread's whole life; arg: the stream. */
void wr_stream_run(void *arg);
