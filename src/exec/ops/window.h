/* window.h - what the parts of the window operator share: window.c (sorting, partitions, batches),
 * window_top.c (rows that are not wanted),
 * window_frame.c (which rows a frame holds), window_value.c (ranks, lag, first_value...),
 * window_aggregate.c (aggregates over frames).
 *
 * Positions within a partition are 32 bits: 0...count-1. */
#pragma once
#include "exec/groups.h"
#include "exec/merge.h"
#include "exec/sorter.h"
#include "exec/store.h"

enum { WR_WINDOW_ARGS = 8 };

typedef struct wr_wcall {
    const wr_window_call *call;
    int args[WR_WINDOW_ARGS]; /* slots */
    int filter, start, end;   /* slots of FILTER and of the frame's offsets; -1: none */
    bool needs_peers, needs_keys;
    bool is_shift; /* the frame of row i is [i + from_shift, i + to_shift), clamped */
    int64_t from_shift, to_shift;
    bool end_moves_forward;  /* the end of the frame never goes back within a partition */
    wr_rows_layout distinct; /* arguments, for DISTINCT */
} wr_wcall;

typedef struct wr_window {
    wr_op op;
    wr_exprs exprs;
    wr_rows_layout layout;
    int input_count, call_count, partition_count, order_count;
    wr_sort_slot *keys; /* partition, then order */
    wr_wcall *calls;
    bool one_segment; /* some result is nested: a batch has rows of one partition only */
    wr_sorter sorter;
    uint64_t *chunks; /* first rows of morsels: whole partitions */
    uint64_t chunk_count, chunk_cap;
    _Atomic uint64_t next;
    /* spilling: sorter.entries are those of the piece that was read last */
    wr_spill spill;
    _Atomic bool has_runs;
    wr_sort_runs runs; /* of all workers */
    wr_merge *merge;
    wr_rows *piece;
    uint64_t entry_cap, piece_end; /* rows from piece_end on belong to the next piece */
    uint32_t top_count;            /* rows wanted of each partition; 0: all, see window_top.c */
    wr_rows_layout top_layout;     /* a partition and its best codes */
    int partition_shift;           /* of sorter.entries: bits below those of the partition; -1: the
                                      partition is not in the bits alone */
    bool is_ranking, is_numbering; /* all calls are ranks, or even row numbers: see there */
    /* of the piece's first partition: what earlier pieces held of it; the same of the next piece */
    uint64_t rows_before, groups_before, next_rows_before, next_groups_before;
} wr_window;

/* The partition a worker is in. */
typedef struct wr_wpart {
    uint64_t from;
    uint64_t rows_before, groups_before; /* in pieces read earlier */
    uint32_t count;
    const wr_sort_entry *entries;
    uint32_t *group_of, *group_start; /* peers: by row; by group, one more than groups */
    uint32_t group_count;
    wr_i128 *ints; /* RANGE offsets: the order key, ascending; or doubles */
    double *doubles;
    uint32_t keys_from, keys_to; /* rows whose key is not NULL */
    wr_arena arena;              /* everything above; counted as reserved */
    uint64_t reserved;
} wr_wpart;

/* Up to three stretches of rows, ascending, not overlapping. */
typedef struct wr_wframe {
    uint32_t from[3], to[3];
    int count;
} wr_wframe;

/* State of one call of one worker in the current partition. */
typedef struct wr_wstate {
    /* values */
    uint32_t *present; /* IGNORE NULLS: rows with a value */
    uint32_t *before;  /* how many of them come before each row */
    /* aggregates */
    wr_aggregate_env env;
    wr_mem *mem, *query_mem;     /* what aggregates reserve for the two heaps */
    wr_arena heap, scratch_heap; /* of the partition; of the frame */
    int64_t *sums;               /* sum of integers: of all rows before each one, and one more */
    uint32_t *summed;            /* how many of these are not NULL */
    uint8_t *running;
    uint32_t done; /* rows fed to running */
    bool has_running;
    uint8_t **levels; /* segment tree: level k has nodes of 16^(k+1) rows */
    uint32_t *level_counts;
    int level_count;
    uint64_t tree_bytes;
    wr_groups distinct;
    struct {
        bool is_set;
        uint32_t block;
        wr_column columns[WR_WINDOW_ARGS];
        wr_column filter;
        wr_arena arena;
    } blocks[2];
    int block_turn;
} wr_wstate;

typedef struct wr_wlocal {
    wr_op_local base;
    wr_exprs_local exprs;
    wr_rows *rows;
    wr_sorting watch;
    wr_arena watch_arena;
    wr_arrivals arrivals; /* of rows */
    wr_sort_runs runs;
    wr_groups top_groups;
    uint64_t top_seen, top_looked, top_kept;
    bool top_is_off;
    uint64_t at, end; /* of the morsel */
    wr_wpart part;
    wr_wstate *states; /* by call */
} wr_wlocal;

static inline uint8_t *wr_wrow(const wr_wpart *p, uint32_t i)
{
    return p->entries[p->from + i].row;
}

/* window.c */
bool wr_wsame_partition(const wr_window *w, const uint8_t *a, const uint8_t *b);

/* window_spill.c: rows in sorted runs. */
void wr_wspill_open(wr_window *w);
void wr_wspill_close(wr_window *w);
/* Writes a run if memory is short (always, if there is no choice: at the end). */
WR_MUST_CHECK weir_status wr_wspill(wr_window *w, wr_wlocal *me, bool at_end);
WR_MUST_CHECK weir_status wr_wspill_finish(wr_window *w, int phase, int *tasks);
/* Reads whole partitions into w->sorter; *count 0: there are no more. */
WR_MUST_CHECK weir_status wr_wspill_piece(wr_window *w, uint64_t *count);

/* window_top.c: rows that cannot be among the first of their partition. */
void wr_wtop_open(wr_window *w);
void wr_wtop_drop(wr_wlocal *me);
/* Leaves the rows that may be wanted in *sel, memory of the worker's scratch. columns: of the
 * layout. */
WR_MUST_CHECK weir_status wr_wtop_select(wr_window *w, wr_wlocal *me, const wr_column *columns,
                                         const uint16_t **sel, uint32_t *count);

/* window_frame.c */
WR_MUST_CHECK weir_status wr_wpart_peers(const wr_window *w, wr_wpart *p);
WR_MUST_CHECK weir_status wr_wpart_keys(const wr_window *w, wr_wpart *p);
WR_MUST_CHECK weir_status wr_wpart_take(const wr_window *w, wr_wpart *p, size_t size, void **out);
WR_MUST_CHECK weir_status wr_wframe_of(const wr_window *w, const wr_wpart *p, const wr_wcall *c,
                                       uint32_t row, wr_wframe *out);
/* An integer argument at a row; false if it is NULL. */
bool wr_wint(const wr_window *w, int slot, const uint8_t *row, int64_t *out);

/* window_value.c, window_aggregate.c: fill rows [at, at + count) of out for partition rows [from,
 * from + count). */
WR_MUST_CHECK weir_status wr_wvalue(const wr_window *w, wr_wlocal *me, int call, uint32_t from,
                                    uint32_t count, uint32_t at, wr_column *out);
WR_MUST_CHECK weir_status wr_waggregate(const wr_window *w, wr_wlocal *me, int call, uint32_t from,
                                        uint32_t count, uint32_t at, wr_column *out);
void wr_wstate_reset(const wr_window *w, wr_wstate *s, int call);
/* Copies value i of a flat column to row `row` of a flat column of the same, not nested, type. */
void wr_wput(wr_column *out, uint32_t row, const wr_column *in, uint32_t i, wr_arena *arena,
             uint32_t cap);
