/* eval.h - turns bound expressions into results, a batch at a time.
 *
 * A wr_program is compiled once per use in a plan (common subexpressions found, immutable, shared
 * by workers); a wr_eval holds one worker's registers. Results stand at the same row numbers as
 * their inputs, so nothing is compacted; rows outside the selection are undefined. COLUMN nodes
 * name positions in the input batch.
 *
 * Shortcuts the evaluator takes so that functions need not: constant arguments are computed once; a
 * function of one dictionary column (others constant, not volatile) runs once per dictionary and
 * gives a dictionary; AND, OR, CASE and COALESCE evaluate later parts only for rows still open;
 * comparisons run on narrow widths and dictionary codes. */
#pragma once
#include "expr/fn.h"

typedef struct wr_program wr_program;
typedef struct wr_eval wr_eval;

/* Compiles; memory from the arena, which must outlive all evals. */
WR_MUST_CHECK weir_status wr_program_new(wr_arena *arena, wr_expr *const *exprs, int count,
                                         wr_program **out);
WR_MUST_CHECK weir_status wr_eval_new(const wr_program *program, const wr_env *env, wr_eval **out);
void wr_eval_drop(wr_eval *eval);
WR_DEFINE_CLEANUP(wr_eval, wr_eval_drop)

/* Computes all expressions for the selected rows of in. out[k] may be any form; plain column
 * references are passed through unchanged (borrowed from in). Valid until the next call on this
 * eval. Errors carry the span of the expression. */
WR_MUST_CHECK weir_status wr_eval_run(wr_eval *eval, const wr_batch *in, wr_column *out);
/* For a program of BOOLEAN expressions: narrows sel[0...*count) to rows where all are true.
 * Conjuncts are reordered by measured cost and selectivity unless one of them can fail. */
WR_MUST_CHECK weir_status wr_eval_filter(wr_eval *eval, const wr_batch *in, uint16_t *sel,
                                         uint32_t *count);
