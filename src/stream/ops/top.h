/* top.h - the best rows per partition of a stream: what the operator that takes rows in (top.c)
 * shares with what it puts out (top_say.c). */
#pragma once
#include "stream/ops/top_tree.h"
#include "stream/specs.h"

/* Of a key: first[0] is the root of its tree, first[1] a chain (link[0]) of rows that left the tree
 * but were put out: they wait to be taken back. `said` rows of the tree were put out. */
typedef struct wr_stream_top_op {
    wr_stream_op op;
    wr_shelf_keys keys;
    wr_shelf *shelves[1];
    wr_shelf shelf; /* outputs, then order; number: how it was put out, 0: it was not */
    wr_top_order order;
    wr_rows_layout probe_layout;
    wr_rows *probes;           /* of one batch: rows to compare with those of the trees */
    int probe_first;           /* where the order begins in them */
    wr_arena scratch;          /* of one batch, of one key that is put out */
    wr_arena list_arena;       /* of listed */
    WR_LIST(uint8_t *) listed; /* keys that changed since the last flush */
    WR_LIST(uint8_t *) due;    /* keys that are complete */
    wr_arena out;
    uint32_t out_count;
    uint8_t *out_rows[WR_BATCH_ROWS];
    int64_t out_numbers[WR_BATCH_ROWS];
    int8_t out_changes[WR_BATCH_ROWS];
} wr_stream_top_op;

/* Says what changed about the best of a key since the last time. */
WR_MUST_CHECK weir_status wr_top_say_changes(wr_stream_top_op *t, uint8_t *key);
/* Says the best of a key. */
WR_MUST_CHECK weir_status wr_top_say_best(wr_stream_top_op *t, uint8_t *key);
/* Hands on what was said and still waits for its batch to be full. */
WR_MUST_CHECK weir_status wr_top_say_rest(wr_stream_top_op *t);
