/* shared.h - SHARED subplans: a reference to one, and visiting its definition once while rules walk
 * the tree.
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

/* A SHARED node of the id over definition; its outputs keep their ids or get new ones. In the
 * planner's arena; the planner's thread. */
wr_logical *wr_shared_reference(wr_planner *planner, wr_logical *definition, int shared_id,
                                bool same_ids);
/* True if the definition of node was rewritten before: node->inputs[0] is set to the result then.
 */
bool wr_shared_take(wr_shared_definitions *known, wr_logical *node);
/* Notes node->inputs[0] as the result. Call it after rewriting. */
void wr_shared_note(wr_arena *arena, wr_shared_definitions *known, const wr_logical *node);
