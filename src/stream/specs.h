/* specs.h - what the operators that keep state are told. stream/build.c makes them from the logical
 * plan; columns are positions in the deltas that come in, expressions were computed by the plan in
 * front. */
#pragma once
#include "stream/graph.h"

/* Windows of time. A tumbling window is a hopping one with slide = size. Microseconds. */
typedef struct wr_time_window {
    enum { WR_WINDOW_HOP, WR_WINDOW_SESSION } kind;
    int64_t size, slide, offset; /* window n begins at n * slide + offset */
    int64_t gap;                 /* sessions end when this long nothing came */
} wr_time_window;

typedef enum wr_late {
    WR_LATE_DROP,   /* counted, and given to the dead letters if there are some */
    WR_LATE_REOPEN, /* the window is emitted again, what it said before is taken back */
} wr_late;

typedef enum wr_emit {
    WR_EMIT_ON_CLOSE,  /* once, when time has passed the end of the window */
    WR_EMIT_ON_CHANGE, /* at the end of each round in which it changed */
} wr_emit;

/* GROUP BY. Input columns: keys, then the arguments of the calls one after the other (then, per
 * call with one, its FILTER as a BOOLEAN), then, with a window, the time (TIMESTAMP). Output
 * columns: keys, with a window its start and end, calls. */
typedef struct wr_group_spec {
    int key_count;
    const wr_aggregate_call *calls; /* args of call c: columns arg_first[c] ... */
    int call_count;
    const int *arg_first, *filter; /* filter: column or -1 */
    const wr_time_window *window;  /* NULL: none */
    int time;                      /* column; windows only */
    int end_key;                   /* this key and end_after more is when a group is complete; -1 */
    int64_t end_after;
    wr_emit emit;
    wr_late late;
    int64_t lateness;      /* how long closed windows can be reopened */
    uint64_t groups_max;   /* 0 = no limit; more of them fail the query */
    bool input_takes_back; /* rows with -1 may come */
    bool has_empty_group;  /* no GROUP BY: one row even of no rows */
} wr_group_spec;

/* A join of two inputs. Columns of both: what is put out, then keys, then (has_expiry) a TIMESTAMP:
 * when time is past it the row finds no new partner; then (has_since) a TIMESTAMP: no partner of
 * the row expires before it. */
typedef struct wr_join_spec {
    wr_join_kind kind; /* INNER, LEFT, RIGHT, FULL, SEMI, ANTI */
    int output_count[2], key_count;
    const bool *null_equal; /* per key */
    bool has_expiry[2], has_since[2];
    wr_expr *residual; /* over output columns of the left, then the right; NULL: none */
    bool input_takes_back[2];
    /* Rows without a partner leave at once and are taken back when one comes; else when they
     * expire. */
    bool orphans_at_once;
} wr_join_spec;

/* ASOF JOIN of two inputs that append only: each left row meets the newest right row of its key
 * that is not after it (is_strict: before it). Columns of both: what is put out, then the time
 * (TIMESTAMP), then keys. */
typedef struct wr_asof_spec {
    int output_count[2], key_count;
    const bool *null_equal; /* per key */
    bool is_left;           /* left rows without a partner are put out */
    bool is_strict;
} wr_asof_spec;

/* row_number() over (partition by .. order by ..) <= limit. Input: what is put out, then the
 * partition, then the order. With limit 1 and the order by time this is deduplication. */
typedef struct wr_top_spec {
    int output_count, partition_count, order_count;
    const wr_sort_key *order; /* directions and NULLS; expressions are the columns */
    int64_t limit;
    int rank_output; /* where the number stands in the output, -1: nobody asks */
    enum { WR_TOP_ROW_NUMBER, WR_TOP_RANK, WR_TOP_DENSE_RANK } kind;
    bool input_takes_back;
    int end_column; /* a partition column: it and end_after more is when its rows are complete; -1
                     */
    int64_t end_after;
    wr_emit emit;
} wr_top_spec;

/* Window functions: OVER (PARTITION BY .. ORDER BY ..). Input: what is put out, then the partition.
 * Output: what is put out, then one column per call. plan reads feed, which has what is put out and
 * a version (TINYINT), and gives these columns and the calls'; ON_CHANGE it is calculated per
 * version. */
typedef struct wr_over_spec {
    wr_plan_node *plan;
    wr_relation *feed; /* the graph's */
    int output_count, partition_count;
    enum { WR_OVER_BY_TIME, WR_OVER_WHEN_COMPLETE, WR_OVER_ON_CHANGE } mode;
    int time; /* BY_TIME: the output column rows are ordered by */
    /* BY_TIME: how far frames look back: not at rows that left, back_rows of them, back_range
     * microseconds, or at all of them. */
    enum { WR_OVER_NO_ROWS, WR_OVER_ROWS, WR_OVER_RANGE, WR_OVER_ALL_ROWS } back;
    int64_t back_rows, back_range;
    int end_column; /* it and end_after more is when a partition is complete; -1: never */
    int64_t end_after;
} wr_over_spec;

extern const wr_stream_op_def wr_stream_group, wr_stream_window_group, wr_stream_session_group,
    wr_stream_join, wr_stream_asof, wr_stream_top, wr_stream_over, wr_stream_sink;
