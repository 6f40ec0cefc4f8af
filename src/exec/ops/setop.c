/* setop.c - INTERSECT and EXCEPT, as sets or as bags.
 *
 * The right input is counted in a table of distinct rows; left rows then stream past it. The
 * table's row says how many right rows are left to pair with, and whether the row was given out
 * already. Only EXCEPT as a set adds left rows to the table. One worker: the counts change as rows
 * pass. What does not fit in memory goes on in setop_spill.c. */
#include "exec/ops/setop.h"

typedef struct setop_local {
    wr_op_local base;
    uint16_t sel[WR_BATCH_ROWS];
} setop_local;

weir_status wr_setop_table_new(wr_setop *s)
{
    return wr_groups_init(&s->groups, s->op.mem, &s->layout, s->op.node->schema.count, true);
}

static weir_status setop_open(wr_op *op)
{
    wr_setop *s = (wr_setop *)op;
    const wr_schema *schema = &op->node->schema;
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    s->is_intersect = op->node->kind == WR_PN_INTERSECT;
    s->is_all = op->node->setop.is_all;
    s->adds_left = !s->is_intersect && !s->is_all;
    wr_rows_layout_init(&s->layout, &op->arena, types, schema->count, WR_SET_EXTRA_WORDS * 8);
    wr_rows_layout_init(&s->left_layout, &op->arena, types, schema->count, 8);
    wr_spill_init(&s->spill, op);
    return wr_setop_table_new(s);
}

static weir_status setop_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    wr_setop *s = (wr_setop *)op;
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh, count = wr_batch_count(in);
    *flow = WR_FLOW_NEXT;
    wr_arena_reset(&local->scratch);
    WR_TRY(wr_groups_find(&s->groups, in->columns, in->sel, count, NULL, &local->scratch, found,
                          added, &fresh));
    for (uint32_t i = 0; i < count; i++)
        wr_row_extra(&s->layout, found[i])[WR_SET_RIGHT_ROWS]++;
    return wr_setop_spill_if_due(s);
}

/* Whether a left row is given out; changes the counts. extra NULL: the right side has no such row.
 */
static bool passes(const wr_setop *s, uint64_t *extra)
{
    if (!extra) return !s->is_intersect;
    bool paired = extra[WR_SET_RIGHT_ROWS] > 0;
    if (s->is_all) {
        if (paired) extra[WR_SET_RIGHT_ROWS]--;
        return paired == s->is_intersect;
    }
    bool pass = paired == s->is_intersect && !extra[WR_SET_GIVEN];
    extra[WR_SET_GIVEN] = 1;
    return pass;
}

weir_status wr_setop_pass(wr_setop *s, const wr_batch *in, wr_arena *scratch, uint16_t *sel,
                          uint32_t *kept)
{
    uint8_t *found[WR_BATCH_ROWS];
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh, count = wr_batch_count(in);
    *kept = 0;
    WR_TRY(s->adds_left
               ? wr_groups_find(&s->groups, in->columns, in->sel, count, NULL, scratch, found,
                                added, &fresh)
               : wr_groups_lookup(&s->groups, in->columns, in->sel, count, scratch, found));
    for (uint32_t i = 0; i < count; i++) {
        sel[*kept] = (uint16_t)wr_batch_row(in, i);
        *kept += passes(s, found[i] ? wr_row_extra(&s->layout, found[i]) : NULL);
    }
    return WR_OK;
}

static weir_status setop_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                              wr_flow *flow)
{
    wr_setop *s = (wr_setop *)op;
    setop_local *me = (setop_local *)local;
    uint32_t kept = 0;
    *flow = WR_FLOW_NEXT;
    wr_arena_reset(&local->scratch);
    if (s->is_spilled)
        WR_TRY(wr_setop_keep_left(s, in, &local->scratch));
    else
        WR_TRY(wr_setop_pass(s, in, &local->scratch, me->sel, &kept));
    if (!s->is_spilled && s->adds_left) WR_TRY(wr_setop_spill_if_due(s));
    *out = *in;
    out->sel = me->sel;
    out->sel_count = kept;
    return WR_OK;
}

static void setop_close(wr_op *op)
{
    wr_setop *s = (wr_setop *)op;
    wr_setop_spill_clear(s);
    wr_groups_clear(&s->groups);
}

const wr_op_def wr_op_setop = {.name = "set operation",
                               .size = sizeof(wr_setop),
                               .local_size = sizeof(setop_local),
                               .open = setop_open,
                               .close = setop_close,
                               .push = setop_push,
                               .sink = setop_sink,
                               .is_serial = true};
