/* group_route.c - see group.h: which rows go to which pane, and when panes end.
 *
 * Most batches fall into one pane, which is seen from the ids at once. Otherwise rows are put in
 * order of their pane by counting, so that each pane gets its rows in one call. */
#include "stream/ops/group.h"
#include "expr/fn/date_units.h"

enum { MAP_SLOTS = 4 * WR_BATCH_ROWS };

typedef struct routes {
    int64_t ids[WR_BATCH_ROWS];      /* of the panes met, in the order they were */
    uint32_t ends[WR_BATCH_ROWS];    /* behind the last row of each */
    uint16_t pane_of[WR_BATCH_ROWS]; /* number of the pane of each position */
    uint16_t rows[WR_BATCH_ROWS];
    uint16_t map[MAP_SLOTS]; /* id -> number + 1 */
    uint32_t count;
} routes;

static uint32_t number_of(routes *r, int64_t id)
{
    uint32_t at = (uint32_t)((uint64_t)id * UINT64_C(0x9e3779b97f4a7c15) >> 32) % MAP_SLOTS;
    for (; r->map[at]; at = (at + 1) % MAP_SLOTS)
        if (r->ids[r->map[at] - 1] == id) return r->map[at] - 1u;
    r->ids[r->count] = id;
    r->ends[r->count] = 0;
    r->map[at] = (uint16_t)++r->count;
    return r->count - 1;
}

static weir_status give(wr_grouping *g, const wr_delta *delta, int64_t id, const uint16_t *sel,
                        uint32_t count)
{
    if (g->ends && wr_end_is_late(g, wr_pane_end(g, id))) return WR_OK;
    wr_pane *pane;
    WR_TRY(wr_pane_need(g, id, &pane));
    return wr_pane_add(g, pane, delta, sel, count);
}

static weir_status give_sorted(wr_grouping *g, const wr_delta *delta, const uint16_t *sel,
                               const int64_t *ids, uint32_t count)
{
    routes *r = wr_arena_raw(&g->scratch, sizeof *r);
    memset(r->map, 0, sizeof r->map);
    r->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool again = i > 0 && ids[i] == ids[i - 1];
        r->pane_of[i] = again ? r->pane_of[i - 1] : (uint16_t)number_of(r, ids[i]);
        r->ends[r->pane_of[i]]++;
    }
    uint32_t before = 0;
    for (uint32_t p = 0; p < r->count; p++) {
        uint32_t rows = r->ends[p];
        r->ends[p] = before;
        before += rows;
    }
    for (uint32_t i = 0; i < count; i++)
        r->rows[r->ends[r->pane_of[i]]++] = (uint16_t)wr_row_at(sel, i);
    for (uint32_t p = 0; p < r->count; p++) {
        uint32_t first = p ? r->ends[p - 1] : 0;
        WR_TRY(give(g, delta, r->ids[p], r->rows + first, r->ends[p] - first));
    }
    return WR_OK;
}

weir_status wr_route(wr_grouping *g, const wr_delta *delta, const uint16_t *sel, const int64_t *ids,
                     uint32_t count)
{
    if (count == 0) return WR_OK;
    bool differ = false;
    for (uint32_t i = 1; i < count; i++)
        differ |= ids[i] != ids[0];
    if (differ) return give_sorted(g, delta, sel, ids, count);
    return give(g, delta, ids[0], sel, count);
}

weir_status wr_group_times(wr_grouping *g, const wr_batch *in, wr_timed_rows *t)
{
    uint8_t is_null[WR_BATCH_ROWS];
    uint32_t count = wr_batch_count(in);
    bool any_null = wr_keys_ints(&in->columns[g->spec->time], in->sel, count, t->times, is_null);
    int64_t low = INT64_MAX, high = INT64_MIN;
    for (uint32_t i = 0; i < count; i++) {
        t->rows[i] = (uint16_t)wr_batch_row(in, i);
        low = WR_MIN(low, t->times[i]);
        high = WR_MAX(high, t->times[i]);
    }
    t->count = count;
    if (!any_null && count && wr_ts_is_finite(low) && wr_ts_is_finite(high)) return WR_OK;
    t->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (is_null[i] || !wr_ts_is_finite(t->times[i])) {
            WR_TRY(wr_stream_late(&g->op, in, t->rows[i],
                                  is_null[i] ? "it is in no window: its time is NULL"
                                             : "it is in no window: its time is infinite"));
            continue;
        }
        t->times[t->count] = t->times[i];
        t->rows[t->count++] = t->rows[i];
    }
    return WR_OK;
}

weir_status wr_panes_advance(wr_grouping *g)
{
    int64_t time = g->op.time;
    int ended = 0;
    g->closed = time;
    for (int i = 0; i < g->pane_count; i++) {
        wr_pane *pane = g->panes[i];
        int64_t end = wr_pane_end(g, pane->id);
        if (end > time) break;
        if (!pane->is_said) {
            WR_TRY(wr_pane_say(g, pane, pane->id, end));
            pane->is_said = true;
        }
        if (!wr_end_is_late(g, end)) continue;
        WR_TRY(wr_pane_flush(g, pane));
        ended = i + 1;
    }
    wr_panes_end(g, ended);
    return WR_OK;
}
