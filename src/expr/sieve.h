/* sieve.h - evaluating a batch without its bad rows: those for which an expression fails are told
 * to somebody and left out, the others go on. */
#pragma once
#include "expr/eval.h"

/* Who hears of bad rows. Called by the thread that evaluates. */
typedef struct wr_bad_rows {
    /* Row of in was left out; why is only lent. What it gives back ends the evaluation. */
    weir_status (*tell)(struct wr_bad_rows *self, const wr_batch *in, uint32_t row,
                        weir_status why);
} wr_bad_rows;

/* Room for what is left of a batch; wr_heap_new, one per evaluator. */
typedef struct wr_sieve {
    wr_batch kept;
    uint16_t sel[WR_BATCH_ROWS];
} wr_sieve;

/* Does the error say something about a value of a row, so that other rows may do? */
bool wr_is_of_row(weir_status why);
/* As wr_eval_run. bad NULL: a bad row is an error. *kept: in, or what is left of it, in *sieve,
 * which is made when it is needed; valid until the next call with it. */
WR_MUST_CHECK weir_status wr_eval_run_sieved(wr_eval *eval, const wr_batch *in, wr_bad_rows *bad,
                                             wr_sieve **sieve, wr_column *out,
                                             const wr_batch **kept);
/* As wr_eval_filter. */
WR_MUST_CHECK weir_status wr_eval_filter_sieved(wr_eval *eval, const wr_batch *in, wr_bad_rows *bad,
                                                uint16_t *sel, uint32_t *count);
