/* list_build.h - how functions put a column of lists together: the elements of all rows one after
 * the other, and for each row where its own begin.
 *
 *   wr_lists_begin; per row: note the count, push, wr_list_row; at the end one of wr_lists_of_...
 */
#pragma once
#include "expr/fn/call.h"
#include "expr/fn/pick.h"

typedef WR_LIST(wr_pick) wr_picks;

/* All lists empty. */
static inline void wr_lists_begin(const wr_call *call, wr_column *out)
{
    memset(out->data, 0, sizeof(wr_list_slot) * call->rows);
}
/* The list of row i is elements [before, count). */
static inline void wr_list_row(wr_column *out, uint32_t i, int before, int count)
{
    WR_OUT(out, wr_list_slot, i) = (wr_list_slot){(uint32_t)before, (uint32_t)(count - before)};
}
/* The elements are copied from where they were picked. */
static inline void wr_lists_of_picks(const wr_call *call, wr_column *out, const wr_picks *picks)
{
    out->children = wr_new(call->arena, wr_column);
    wr_column_pick(picks->items, (uint32_t)picks->count, out->type->child, call->arena,
                   out->children);
}
static inline bool wr_pick_is_null(wr_pick p)
{
    return !p.column || wr_column_is_null(p.column, p.row);
}
/* As ORDER BY sees it: NULL equals NULL. Neither may be a pick without column. */
static inline bool wr_pick_same(wr_pick a, wr_pick b)
{
    return wr_column_cmp(a.column, a.row, b.column, b.row) == 0;
}
