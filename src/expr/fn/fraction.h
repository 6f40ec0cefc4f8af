/* fraction.h - the fractions of a quantile call: constants, computed when the call is bound. */
#pragma once
#include "expr/fn.h"

/* Checks and computes the fraction or list of fractions (the second argument) and stores it in the
 * call; NULL stays NULL. */
WR_MUST_CHECK weir_status wr_fraction_bind(wr_arena *arena, wr_aggregate_call *call, wr_span span);
/* The k-th fraction; *count how many there are (1 for a single one; without argument: a half). NAN
 * for NULL and beyond the end. */
double wr_fraction_at(const wr_aggregate_call *call, uint32_t k, uint32_t *count);
