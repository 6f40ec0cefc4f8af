/* join_rest.c - what a join gives when all probe rows have passed: build rows without a match (or
 * with one, for semi joins that store the left side), and everything if the join was spilled. */
#include "exec/ops/join.h"

typedef struct rest_op {
    wr_op op;
    wr_join *join;
    _Atomic int next;
} rest_op;

typedef struct rest_local {
    wr_op_local base;
    wr_join_local *part;
    wr_rows_cursor at;
    wr_join_run *run;
} rest_local;

bool wr_join_give_rest(const wr_join *j, const wr_rows *stored, wr_rows_cursor *at,
                       wr_arena *scratch, wr_batch *out)
{
    uint8_t *rows[WR_BATCH_ROWS];
    uint32_t n = wr_rows_next(stored, at, rows, WR_BATCH_ROWS), kept = 0;
    bool wanted = j->kind == WR_JOIN_SEMI;
    for (uint32_t i = 0; i < n; i++) {
        rows[kept] = rows[i];
        kept += (wr_row_extra(&j->layout, rows[i])[WR_JX_MATCHED] != 0) == wanted;
    }
    if (kept == 0) return n > 0;
    wr_arena_reset(scratch);
    const wr_schema *schema = &j->op.node->schema;
    *out = (wr_batch){.column_count = schema->count, .rows = kept};
    out->columns = wr_new_array(scratch, wr_column, schema->count + 1);
    for (int c = 0; c < schema->count; c++) {
        if (j->output[c].side == WR_FROM_BUILD) {
            wr_rows_gather(&j->layout, j->output[c].index, rows, kept, scratch, &out->columns[c]);
        } else {
            wr_value null = wr_value_null(schema->fields[c].type);
            wr_value_column(&null, kept, scratch, &out->columns[c]);
        }
    }
    return true;
}

static weir_status rest_start(wr_op *op)
{
    wr_join *j = ((rest_op *)op)->join;
    op->stopped = !j->is_spilled && !j->tracks_build;
    return j->is_spilled ? wr_join_list_parts(j) : WR_OK;
}

static weir_status rest_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    rest_op *r = (rest_op *)op;
    rest_local *me = (rest_local *)local;
    *got = false;
    if (r->join->is_spilled) {
        if (!me->run) WR_TRY(wr_join_run_new(r->join, local, &me->run));
        *got = wr_join_run_take(me->run);
        return WR_OK;
    }
    int workers = r->join->tracks_build ? wr_exec_workers(op->exec) : 0;
    for (int part; !*got && (part = atomic_fetch_add(&r->next, 1)) < workers;) {
        me->part = (wr_join_local *)r->join->op.locals[part];
        me->at = (wr_rows_cursor){0, 0};
        *got = me->part != NULL;
    }
    return WR_OK;
}

static weir_status rest_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    const wr_join *j = ((rest_op *)op)->join;
    rest_local *me = (rest_local *)local;
    if (j->is_spilled) return wr_join_run_next(me->run, out, more);
    *more = wr_join_give_rest(j, me->part->rows, &me->at, &local->scratch, out);
    return WR_OK;
}

static int rest_workers_wanted(wr_op *op)
{
    const wr_join *j = ((rest_op *)op)->join;
    return j->is_spilled || j->tracks_build ? wr_exec_workers(op->exec) : 1;
}

static void rest_local_close(wr_op *op, wr_op_local *local)
{
    (void)op;
    wr_join_run_drop(((rest_local *)local)->run);
}

static const wr_op_def join_rest = {.name = "join",
                                    .size = sizeof(rest_op),
                                    .local_size = sizeof(rest_local),
                                    .local_close = rest_local_close,
                                    .start = rest_start,
                                    .workers_wanted = rest_workers_wanted,
                                    .morsel = rest_morsel,
                                    .next_batch = rest_next};

weir_status wr_join_rest(wr_exec *exec, wr_op *join, wr_op **out)
{
    WR_TRY(wr_exec_op(exec, &join_rest, join->node, out));
    ((rest_op *)*out)->join = (wr_join *)join;
    return WR_OK;
}
