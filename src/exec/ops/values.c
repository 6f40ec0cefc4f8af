/* values.c - literal rows: every expression is folded when the pipeline starts and kept in a tuple
 * store. */
#include "exec/op.h"

typedef struct values_local {
    wr_op_local base;
    wr_rows_cursor cursor;
} values_local;

static wr_rows_layout layout_of(wr_op *op, wr_arena *arena)
{
    wr_rows_layout layout;
    const wr_schema *schema = &op->node->schema;
    const wr_type **types = wr_new_array(arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    wr_rows_layout_init(&layout, arena, types, schema->count, 0);
    return layout;
}

typedef struct values_store {
    wr_op op;
    wr_rows_layout layout;
    wr_rows *rows;
    bool taken;
} values_store;

static weir_status values_start(wr_op *op)
{
    values_store *v = (values_store *)op;
    v->layout = layout_of(op, &op->arena);
    WR_TRY(wr_rows_new(op->mem, &v->layout, &v->rows));
    int n = op->node->schema.count;
    WR_ARENA(scratch);
    for (int r = 0; r < op->node->values.row_count; r++) {
        wr_column *row = wr_new_array(&scratch, wr_column, n + 1);
        for (int c = 0; c < n; c++) {
            wr_value value;
            WR_TRY(
                wr_expr_fold(&scratch, wr_exec_env(op->exec), op->node->values.rows[r][c], &value));
            value.type = op->node->schema.fields[c].type;
            wr_value_column(&value, 1, &scratch, &row[c]);
        }
        WR_TRY(wr_rows_append(v->rows, row, NULL, 1, NULL));
        wr_arena_reset(&scratch);
    }
    return WR_OK;
}

static weir_status values_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    values_store *v = (values_store *)op;
    (void)local;
    *got = !v->taken;
    v->taken = true;
    return WR_OK;
}

static weir_status values_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    values_store *v = (values_store *)op;
    values_local *me = (values_local *)local;
    uint8_t *addresses[WR_BATCH_ROWS];
    uint32_t n = wr_rows_next(v->rows, &me->cursor, addresses, WR_BATCH_ROWS);
    *more = n > 0;
    if (n == 0) return WR_OK;
    wr_arena_reset(&local->scratch);
    out->column_count = v->layout.column_count;
    out->columns = wr_new_array(&local->scratch, wr_column, out->column_count + 1);
    for (int c = 0; c < out->column_count; c++)
        wr_rows_gather(&v->layout, c, addresses, n, &local->scratch, &out->columns[c]);
    out->rows = n;
    return WR_OK;
}

static void values_close(wr_op *op) { wr_rows_drop(((values_store *)op)->rows); }

const wr_op_def wr_op_values = {.name = "values",
                                .size = sizeof(values_store),
                                .local_size = sizeof(values_local),
                                .start = values_start,
                                .close = values_close,
                                .morsel = values_morsel,
                                .next_batch = values_next,
                                .is_serial = true};
