/* join.h - what the join of two streams shares between the rows it stores (join.c) and the pairs it
 * puts out (join_pairs.c). */
#pragma once
#include "expr/sieve.h"
#include "stream/ops/shelf.h"
#include "stream/specs.h"

/* The rows of one push; arrays by position. */
typedef struct wr_arriving {
    const wr_batch *batch;
    int side;
    int change; /* +1, -1: of those that meet partners at the moment */
    uint32_t count;
    uint16_t rows[WR_BATCH_ROWS]; /* of the batch */
    uint8_t *keys[WR_BATCH_ROWS];
    int64_t times[WR_BATCH_ROWS];
    uint8_t is_late[WR_BATCH_ROWS], is_alone[WR_BATCH_ROWS];
    uint8_t is_doubtful[WR_BATCH_ROWS]; /* partners of it may have been forgotten */
    uint8_t is_bad[WR_BATCH_ROWS];      /* the condition fails for a pair of it */
    uint32_t partners[WR_BATCH_ROWS];   /* met just now */
    uint8_t *stored[WR_BATCH_ROWS];     /* what is taken back; NULL: it is not stored */
} wr_arriving;

/* Candidates: a position of what arrives and a stored row of the other side. */
typedef struct wr_pairs {
    uint32_t count;
    uint16_t own[WR_BATCH_ROWS];
    uint8_t *partner[WR_BATCH_ROWS];
} wr_pairs;

typedef struct wr_stream_join_op {
    wr_stream_op op;
    wr_shelf_keys keys;
    wr_shelf sides[2], *both[2];
    bool keeps_orphans[2]; /* rows without a partner are put out */
    bool counts[2];        /* rows know how many partners they have */
    bool puts_pairs;
    wr_program *program;
    wr_eval *eval;
    wr_bad_rows bad_pairs; /* hears of pairs for which the condition fails */
    bool sifts;            /* such a pair leaves out a row instead of failing the query */
    wr_arena scratch, out; /* of one push; of one batch that is put out */
    wr_arriving arriving;
    wr_pairs pairs;
} wr_stream_join_op;

/* Puts out the pairs that pass the residual condition, keeps account of partners on both sides and
 * says what that changes for stored rows. Empties pairs. */
WR_MUST_CHECK weir_status wr_join_pairs(wr_stream_join_op *j, wr_arriving *a);
/* Marks the arriving rows of which a candidate pair fails the condition, and tells each of them
 * once. Empties pairs. */
WR_MUST_CHECK weir_status wr_join_sift_pairs(wr_stream_join_op *j, wr_arriving *a);
void wr_join_open_sieve(wr_stream_join_op *j);
/* Puts out rows of one side alone: those that arrive, with their sign, and stored ones. */
WR_MUST_CHECK weir_status wr_join_say_arriving(wr_stream_join_op *j, const wr_arriving *a,
                                               const uint16_t *rows, uint32_t count);
WR_MUST_CHECK weir_status wr_join_say_stored(wr_stream_join_op *j, int side, uint8_t *const *rows,
                                             uint32_t count, int change);
