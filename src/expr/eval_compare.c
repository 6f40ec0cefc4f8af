/* eval_compare.c - comparisons, as values and as selections. */
#include "expr/program.h"

static bool holds(uint8_t op, int order)
{
    switch (op) {
    case WR_EQ:
    case WR_NOT_DISTINCT:
        return order == 0;
    case WR_NE:
    case WR_DISTINCT:
        return order != 0;
    case WR_LT:
        return order < 0;
    case WR_LE:
        return order <= 0;
    case WR_GT:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool is_null_safe(uint8_t op) { return op == WR_DISTINCT || op == WR_NOT_DISTINCT; }

static weir_status operands(wr_eval *ev, int step, wr_rows rows, const wr_column **a,
                            const wr_column **b)
{
    const wr_step *s = &ev->program->steps[step];
    WR_TRY(wr_eval_step(ev, s->args[0], rows, a));
    return wr_eval_step(ev, s->args[1], rows, b);
}

weir_status wr_eval_compare(wr_eval *ev, int step, wr_rows rows)
{
    uint8_t op = ev->program->steps[step].expr->op;
    const wr_column *a, *b;
    WR_TRY(operands(ev, step, rows, &a, &b));
    wr_column *out = wr_eval_result(ev, step, WR_P_U8);
    uint8_t *to = out->data;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        bool any_null = wr_column_is_null(a, row) || wr_column_is_null(b, row);
        if (any_null && !is_null_safe(op)) wr_bit_clear(wr_eval_valid(ev, step), row);
        to[row] = holds(op, wr_column_cmp(a, row, b, row));
    }
    return WR_OK;
}

weir_status wr_select_compare(wr_eval *ev, int step, wr_rows rows, uint16_t *out, uint32_t *count)
{
    uint8_t op = ev->program->steps[step].expr->op;
    const wr_column *a, *b;
    WR_TRY(operands(ev, step, rows, &a, &b));
    uint32_t n = 0;
    for (uint32_t i = 0; i < rows.count; i++) {
        uint32_t row = wr_rows_at(rows, i);
        bool any_null = wr_column_is_null(a, row) || wr_column_is_null(b, row);
        if (any_null && !is_null_safe(op)) continue;
        if (holds(op, wr_column_cmp(a, row, b, row))) out[n++] = (uint16_t)row;
    }
    *count = n;
    return WR_OK;
}
