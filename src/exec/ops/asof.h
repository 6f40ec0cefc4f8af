/* asof.h - ASOF JOIN: what the operator (asof.c) and its spilled form (asof_spill.c) share. */
#pragma once
#include "exec/arrival.h"
#include "exec/engine.h"
#include "exec/groups.h"
#include "exec/merge.h"
#include "exec/store.h"

typedef struct wr_asof {
    wr_op op;
    int left_count, right_count, key_count, value_slot;
    int *key_slots;
    wr_exprs build, probe; /* keys, then the value */
    wr_rows_layout layout; /* right columns, keys, value */
    wr_sort_slot *order;   /* of the layout: keys, then the value */
    wr_rows_layout run_layout;
    wr_groups runs; /* keys -> [hash][first][end) in rows */
    uint8_t **rows;
    uint64_t count;
    /* asof_spill.c */
    _Atomic bool is_spilled;
    wr_spill spill;
    wr_rows_layout left_layout; /* left columns, keys, value */
    wr_sort_slot *left_order;
    wr_sort_runs right_runs, left_runs;
} wr_asof;

typedef struct wr_asof_local {
    wr_op_local base;
    wr_exprs_local build, probe;
    wr_rows *rows, *left_rows; /* left_rows: once spilled */
    wr_arrivals arrivals;      /* of rows, until they are spilled */
    wr_sort_runs runs, left_runs;
    uint16_t sel[WR_BATCH_ROWS];
} wr_asof_local;

/* asof_spill.c */
void wr_asof_spill_open(wr_asof *a, const wr_type *const *key_types);
void wr_asof_spill_close(wr_asof *a);
void wr_asof_spill_local_close(wr_asof_local *me);
/* Writes a worker's right rows as a sorted run if memory is short, or in any case (at_end). */
WR_MUST_CHECK weir_status wr_asof_spill_right(wr_asof *a, wr_asof_local *me, bool at_end);
/* Once spilled: the left rows at me->sel[0...count) with their keys wait to be merged. */
WR_MUST_CHECK weir_status wr_asof_keep_left(wr_asof *a, wr_asof_local *me, const wr_batch *in,
                                            uint32_t count);
