/* simplify.h - the expression part of the simplify rule. */
#pragma once
#include "plan/logical.h"

/* e in its simplest form: same type, same value for every row; an error it would raise may be
 * raised less often, never more often. Changes nodes of e in place. */
wr_expr *wr_simplify(wr_planner *planner, wr_expr *e);
/* e is a condition of which only TRUE matters: NULL may become FALSE. */
bool wr_is_never_true(const wr_expr *e);
bool wr_is_always_true(const wr_expr *e);
