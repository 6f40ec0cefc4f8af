/* group.c - GROUP BY and DISTINCT over a stream without a window of its own.
 *
 * Without an end all groups are one pane and every change is said at the flush. With a key that is
 * the end (or the start) of a window in front, groups of the same key are a pane, which is complete
 * when time has passed it: then it is put out (EMIT ON WINDOW CLOSE) and forgotten. */
#include "stream/ops/group.h"
#include <stdio.h>

static weir_status group_open(wr_stream_op *op)
{
    wr_grouping *g = (wr_grouping *)op;
    const wr_group_spec *spec = op->spec;
    g->ends = spec->end_key >= 0;
    g->length = spec->end_after;
    WR_TRY(wr_grouping_open(g, false));
    wr_assert(g->ends || spec->emit == WR_EMIT_ON_CHANGE);
    if (g->ends && g->layout.types[spec->end_key]->phys != WR_P_I64)
        return wr_fail(WR_E_UNSUPPORTED, "a %s as the end of a group, a TIMESTAMP is needed",
                       wr_type_name(g->layout.types[spec->end_key]));
    snprintf(op->note, sizeof op->note, "%s",
             g->ends ? "a table per end of a window" : "all groups in one table");
    if (!spec->has_empty_group) return WR_OK;
    /* The row of no rows is said at the first flush. */
    wr_pane *pane;
    uint8_t *only;
    WR_TRY(wr_pane_need(g, 0, &pane));
    WR_TRY(wr_pane_find(g, pane, NULL, NULL, 1, &only));
    wr_group_head_of(g, only)->flags |= WR_GROUP_TOUCHED;
    return wr_row_list_add(op->mem, &pane->touched, only);
}

static weir_status push_by_end(wr_grouping *g, const wr_delta *delta)
{
    const wr_batch *in = &delta->batch;
    const wr_column *column = &in->columns[g->spec->end_key];
    uint32_t count = wr_batch_count(in), kept = 0;
    int64_t ends[WR_BATCH_ROWS];
    uint8_t is_null[WR_BATCH_ROWS];
    uint16_t rows[WR_BATCH_ROWS];
    wr_keys_ints(column, in->sel, count, ends, is_null);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(in, i);
        if (is_null[i]) {
            WR_TRY(wr_stream_late(&g->op, in, row, "it is in no window: its end is NULL"));
        } else if (wr_end_is_late(g, wr_pane_end(g, ends[i]))) {
            WR_TRY(wr_stream_late(&g->op, in, row, "its window is closed"));
        } else {
            ends[kept] = ends[i];
            rows[kept++] = (uint16_t)row;
        }
    }
    return wr_route(g, delta, rows, ends, kept);
}

static weir_status group_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    wr_grouping *g = (wr_grouping *)op;
    uint32_t count = wr_batch_count(&delta->batch);
    wr_arena_reset(&g->scratch);
    if (g->ends) return push_by_end(g, delta);
    wr_pane *pane;
    WR_TRY(wr_pane_need(g, 0, &pane));
    return count ? wr_pane_add(g, pane, delta, delta->batch.sel, count) : WR_OK;
}

static weir_status group_advance(wr_stream_op *op)
{
    wr_grouping *g = (wr_grouping *)op;
    return g->ends ? wr_panes_advance(g) : WR_OK;
}

static weir_status group_flush(wr_stream_op *op) { return wr_panes_flush((wr_grouping *)op); }

static void group_close(wr_stream_op *op) { wr_grouping_close((wr_grouping *)op); }

const wr_stream_op_def wr_stream_group = {.name = "group",
                                          .size = sizeof(wr_grouping),
                                          .is_stateful = true,
                                          .takes_back = true,
                                          .open = group_open,
                                          .push = group_push,
                                          .advance = group_advance,
                                          .flush = group_flush,
                                          .save = wr_grouping_save,
                                          .list_all = wr_grouping_list_all,
                                          .pending = wr_grouping_pending,
                                          .settled = wr_grouping_settled,
                                          .load = wr_grouping_load,
                                          .close = group_close};
