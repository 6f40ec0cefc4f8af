/* cast.h - conversion of columns and values between types. */
#pragma once
#include "expr/eval.h"

/* What one conversion of a batch needs; zone in env (NULL env: UTC). */
typedef struct wr_cast_job {
    const wr_env *env;
    const wr_type *to;
    bool is_try;         /* rows that cannot be converted become NULL */
    const uint16_t *sel; /* NULL: all rows */
    uint32_t sel_count;
    wr_arena *arena;  /* results */
    uint32_t bad_row; /* set with an error */
} wr_cast_job;

/* Converts the selected rows of in (any form); out has the same row numbers and any form. Narrow
 * widths, dictionaries and bounds are kept where the conversion allows. Fails for the first row
 * that cannot be converted unless is_try. */
WR_MUST_CHECK weir_status wr_cast_column(wr_cast_job *job, const wr_column *in, wr_column *out);
/* One value; deep, in arena. */
WR_MUST_CHECK weir_status wr_cast_value(wr_arena *arena, const wr_env *env, const wr_value *in,
                                        const wr_type *to, bool is_try, wr_value *out);
