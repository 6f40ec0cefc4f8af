/* setop.h - INTERSECT and EXCEPT: what the operator (setop.c) and its spilled form (setop_spill.c)
 * share. */
#pragma once
#include "exec/engine.h"
#include "exec/groups.h"
#include "exec/store.h"

/* Extra words of a row of the table. What waits on the left has the hash only. */
enum { WR_SET_HASH, WR_SET_RIGHT_ROWS, WR_SET_GIVEN, WR_SET_EXTRA_WORDS };

typedef struct wr_setop_job { /* a partition still to be worked off; owns its tapes */
    int level;
    wr_tape right, left;
    struct wr_setop_job *next;
} wr_setop_job;

typedef struct wr_setop {
    wr_op op;
    bool is_intersect, is_all;
    bool adds_left; /* left rows go into the table: EXCEPT remembers what it gave out */
    wr_rows_layout layout, left_layout;
    wr_groups groups;
    /* setop_spill.c */
    bool is_spilled;
    wr_spill spill;
    wr_rows *waiting; /* left rows on their way to the tapes */
    wr_tape right[WR_SPILL_PARTS_MAX], left[WR_SPILL_PARTS_MAX];
    wr_setop_job *jobs;
} wr_setop;

/* An empty table for the rows of the right side, within the budget of the operator. */
WR_MUST_CHECK weir_status wr_setop_table_new(wr_setop *s);
/* Which of the rows of a batch of the left side come out: positions to sel. Changes the counts. */
WR_MUST_CHECK weir_status wr_setop_pass(wr_setop *s, const wr_batch *in, wr_arena *scratch,
                                        uint16_t *sel, uint32_t *kept);

/* setop_spill.c */
/* Writes the table out if memory is short. */
WR_MUST_CHECK weir_status wr_setop_spill_if_due(wr_setop *s);
/* Once spilled: left rows wait for their partition. */
WR_MUST_CHECK weir_status wr_setop_keep_left(wr_setop *s, const wr_batch *in, wr_arena *scratch);
void wr_setop_spill_clear(wr_setop *s);
