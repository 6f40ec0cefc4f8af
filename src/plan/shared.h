/* shared.h - for rules that walk the tree: visiting the definition of a SHARED subplan once.
 *
 * All SHARED nodes of one id must keep pointing at the same definition. A rule that may replace it
 * asks here first: the first node of an id is told to rewrite the definition and to report it;
 * later ones are given the result. */
#pragma once
#include "plan/logical.h"

typedef struct wr_shared_definitions {
    wr_logical **by_id; /* arena */
    int count;
} wr_shared_definitions;

/* True if the definition of node was rewritten before: node->inputs[0] is set to the result then.
 */
bool wr_shared_take(wr_shared_definitions *known, wr_logical *node);
/* Notes node->inputs[0] as the result. Call it after rewriting. */
void wr_shared_note(wr_arena *arena, wr_shared_definitions *known, const wr_logical *node);
