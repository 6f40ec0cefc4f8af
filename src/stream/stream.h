/* stream.h - continuous queries as the session sees them: start, look at, wait for, stop.
 *
 * A stream runs on a thread of its own; everything here may be called from any thread unless it
 * says otherwise. */
#pragma once
#include "plan/plan.h"
#include "stream/graph.h"

typedef struct wr_stream wr_stream;

typedef struct wr_stream_options {
    wr_str name;   /* of the query; its state is found by it */
    wr_str state;  /* directory; empty: nothing is kept, the query is volatile */
    wr_str text;   /* the statement, as the formatter writes it; may be empty */
    bool replaces; /* begins anew where the state is that of another query, which is lost then */
    wr_str temp;   /* folder for what does not fit in memory; empty: the system's */
    int64_t checkpoint_interval_us;     /* 0: after each round */
    uint64_t checkpoint_bytes;          /* of rows read: commits then, too; 0: by time alone */
    int64_t round_us;                   /* a round ends after this long at the latest */
    bool emit_on_close, emit_on_change; /* as the statement says */
    wr_delivery delivery;
    bool is_asked;             /* delivery was asked for: fail where it cannot be had */
    int64_t idle_us;           /* a source without rows for so long does not hold time back */
    int64_t lookup_refresh_us; /* how often to look whether what is joined has changed; 0: never */
    bool asks_for_refresh;     /* the statement says so itself: fail if nothing is joined */
    bool advances_by_clock;    /* an idle source's time goes on with the clock */
    int worker_count;          /* local workers */
    bool is_explained;         /* it will not be started: its state is left alone */
    bool only_looks;           /* sources do not hear what was read */
    struct wr_view_rows *view; /* keeps the rows that come out; NULL: none */
    bool late_reopens;         /* closed windows are put out again, up to lateness_us later */
    int64_t lateness_us;       /* with late_reopens */
    bool late_is_told;         /* rows that come too late are dead letters */
    bool bad_rows_pass;        /* rows that cannot be read are counted and do not fail the query */
    bool bad_rows_are_told;    /* and are dead letters */
    wr_target *dead;           /* where dead letters go; the planner's. NULL: there are none */
    wr_str dead_name;
    /* After a round that was a part of a source, in the thread of the stream; false: it stops as by
     * wr_stream_stop. May be NULL. */
    bool (*after_part)(void *arg);
    void *after_part_arg;
    wr_fs *fs;
} wr_stream_options;

typedef enum wr_stream_status {
    WR_STREAM_CREATED,
    WR_STREAM_RESTORED,
    WR_STREAM_RUNNING,
    WR_STREAM_BACKPRESSURE,
    WR_STREAM_STOPPED,
    WR_STREAM_FAILED,
} wr_stream_status;

typedef struct wr_stream_progress {
    wr_stream_status status;
    bool has_ended;
    bool is_drained; /* the sources have nothing left at the moment */
    bool is_idle;    /* and what they gave is committed */
    uint64_t rows_in, rows_out, late_rows, dead_rows, rounds, batches;
    int64_t watermark; /* WR_NO_TIME_YET */
    uint64_t state_bytes, checkpoint_bytes, checkpoints;
    uint64_t state_disk_bytes, spills; /* of the state store; commits that made room in memory */
    int64_t last_checkpoint_us, last_round_us, last_batch_us, last_sink_us, idle_for_us;
    wr_lag lag;
    uint64_t epoch;
    uint64_t blocked_rounds;      /* that left rows behind at a source */
    uint64_t backlog_max;         /* most batches that were known to wait at the sources */
    int64_t busy_ns, overhead_ns; /* in the graph; in sources that gave rows and in commits */
    uint64_t sampled_batches, sampled_rows, sampled_bytes;
} wr_stream_progress;

/* Takes the bound INSERT INTO sink SELECT (its optimised plan) and builds the graph. Fails with
 * what cannot be run for ever, spans and fixes included. planner and what it holds must outlive it.
 */
WR_MUST_CHECK weir_status wr_stream_new(wr_planner *planner, wr_logical *root, wr_target *target,
                                        wr_pool *pool, wr_mem *mem,
                                        const wr_stream_options *options, wr_stream **out);
/* Will rows be taken back from the target? */
bool wr_stream_takes_back(const wr_stream *stream);
/* Can dead letters go into target? What its columns are to be is said if not. */
WR_MUST_CHECK weir_status wr_stream_check_dead(const wr_target *target, wr_str name);
WR_MUST_CHECK weir_status wr_stream_start(wr_stream *stream);
/* Asks it to end after the present round, with a last commit. */
void wr_stream_stop(wr_stream *stream);
/* Waits until it has ended or deadline_ns; *ended tells. Its error, if it failed. */
WR_MUST_CHECK weir_status wr_stream_await(wr_stream *stream, int64_t deadline_ns, bool *ended);
/* Waits until, after one more round at least, all sources have nothing left and everything they
 * gave is committed; it is committed as soon as that is so, however long the interval is. */
WR_MUST_CHECK weir_status wr_stream_await_idle(wr_stream *stream, int64_t deadline_ns, bool *idle);
void wr_stream_progress_of(wr_stream *stream, wr_stream_progress *out);
/* What is promised and why it is not more; *why lives as long as the stream. */
const char *wr_stream_delivery(const wr_stream *stream, const char **why);
/* Progress for programs: one JSON object. */
void wr_stream_snapshot(wr_stream *stream, wr_buf *out);
void wr_stream_explain(wr_stream *stream, wr_buf *out);
/* Its stages and what was decided about it, for people: lines, or for programs: the members
 * "physical" and "strategy" of a JSON object. Fails with what operators cannot do. */
WR_MUST_CHECK weir_status wr_stream_explain_as(wr_stream *stream, bool as_json, wr_buf *out);
void wr_stream_drop(wr_stream *stream); /* stops it first */
WR_DEFINE_CLEANUP(wr_stream, wr_stream_drop)
