/* setop.c - INTERSECT and EXCEPT, as sets or as bags.
 *
 * The right input is counted in a table of distinct rows; left rows then stream past it. The
 * table's row says how many right rows are left to pair with, and whether the row was given out
 * already. One worker: the counts change as rows pass. */
#include "exec/groups.h"
#include "exec/op.h"

typedef struct setop {
    wr_op op;
    wr_rows_layout layout;
    wr_groups groups;
    wr_arena scratch;
} setop;

typedef struct setop_local {
    wr_op_local base;
    uint16_t sel[WR_BATCH_ROWS];
} setop_local;

enum { HASH, RIGHT_ROWS, GIVEN, EXTRA_WORDS };

static weir_status setop_open(wr_op *op)
{
    setop *s = (setop *)op;
    const wr_schema *schema = &op->node->schema;
    const wr_type **types = wr_new_array(&op->arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    wr_rows_layout_init(&s->layout, &op->arena, types, schema->count, EXTRA_WORDS * 8);
    return wr_groups_init(&s->groups, op->mem, &s->layout, schema->count, true);
}

static weir_status find(setop *s, wr_op_local *local, const wr_batch *in, uint8_t **found)
{
    uint16_t added[WR_BATCH_ROWS];
    uint32_t fresh;
    wr_arena_reset(&local->scratch);
    return wr_groups_find(&s->groups, in->columns, in->sel, wr_batch_count(in), NULL,
                          &local->scratch, found, added, &fresh);
}

static weir_status setop_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    setop *s = (setop *)op;
    uint8_t *found[WR_BATCH_ROWS];
    *flow = WR_FLOW_NEXT;
    WR_TRY(find(s, local, in, found));
    for (uint32_t i = 0; i < wr_batch_count(in); i++)
        wr_row_extra(&s->layout, found[i])[RIGHT_ROWS]++;
    return WR_OK;
}

/* Whether a left row is given out; changes the counts. */
static bool passes(bool is_intersect, bool is_all, uint64_t *extra)
{
    bool paired = extra[RIGHT_ROWS] > 0;
    if (is_all) {
        if (paired) extra[RIGHT_ROWS]--;
        return paired == is_intersect;
    }
    bool pass = paired == is_intersect && !extra[GIVEN];
    extra[GIVEN] = 1;
    return pass;
}

static weir_status setop_push(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                              wr_flow *flow)
{
    setop *s = (setop *)op;
    setop_local *me = (setop_local *)local;
    uint8_t *found[WR_BATCH_ROWS];
    bool is_intersect = op->node->kind == WR_PN_INTERSECT;
    uint32_t kept = 0;
    *flow = WR_FLOW_NEXT;
    WR_TRY(find(s, local, in, found));
    for (uint32_t i = 0; i < wr_batch_count(in); i++) {
        me->sel[kept] = (uint16_t)wr_batch_row(in, i);
        kept += passes(is_intersect, op->node->setop.is_all, wr_row_extra(&s->layout, found[i]));
    }
    *out = *in;
    out->sel = me->sel;
    out->sel_count = kept;
    return WR_OK;
}

static void setop_close(wr_op *op)
{
    setop *s = (setop *)op;
    wr_groups_clear(&s->groups);
    wr_arena_clear(&s->scratch);
}

const wr_op_def wr_op_setop = {.name = "set operation",
                               .size = sizeof(setop),
                               .local_size = sizeof(setop_local),
                               .open = setop_open,
                               .close = setop_close,
                               .push = setop_push,
                               .sink = setop_sink,
                               .is_serial = true};
