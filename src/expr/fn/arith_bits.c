/* arith_bits.c - the operators & | # << >> ~ on integers.
 *
 * Both operands get their common type. Shift distances are taken modulo the width of the type, as
 * PostgreSQL does. */
#include "expr/fn/call.h"

static weir_status bind_common(wr_fn_bind *b)
{
    b->type =
        b->arg_count == 1 ? b->args[0]->type : wr_type_common(b->args[0]->type, b->args[1]->type);
    for (int i = 0; i < b->arg_count; i++)
        WR_TRY(wr_bind_cast(b->arena, b->args[i], b->type, false, b->args[i]->span, &b->args[i]));
    return WR_OK;
}

static weir_status bind_shift(wr_fn_bind *b)
{
    b->type = b->args[0]->type;
    return wr_bind_cast(b->arena, b->args[1], WR_BIGINT, false, b->args[1]->span, &b->args[1]);
}

typedef wr_i128 bit_op(wr_i128 a, wr_i128 b, unsigned width);
static wr_i128 op_and(wr_i128 a, wr_i128 b, unsigned width) { return (void)width, a & b; }
static wr_i128 op_or(wr_i128 a, wr_i128 b, unsigned width) { return (void)width, a | b; }
static wr_i128 op_xor(wr_i128 a, wr_i128 b, unsigned width) { return (void)width, a ^ b; }
static wr_i128 op_left(wr_i128 a, wr_i128 b, unsigned width)
{
    return (wr_i128)((wr_u128)a << ((unsigned)b & (width - 1)));
}
static wr_i128 op_right(wr_i128 a, wr_i128 b, unsigned width)
{
    return a >> ((unsigned)b & (width - 1));
}
static wr_i128 op_not(wr_i128 a, wr_i128 b, unsigned width) { return (void)b, (void)width, ~a; }

static weir_status each(wr_call *call, bit_op *op, wr_column *out)
{
    unsigned width = (unsigned)wr_phys_size(out->phys) * 8;
    bool is_binary = call->arg_count > 1;
    WR_ROWS(i)
    {
        wr_i128 b = is_binary ? wr_column_i128(&call->args[1], i) : 0;
        wr_column_put_i128(out, i, op(wr_column_i128(&call->args[0], i), b, width));
    }
    return WR_OK;
}

static weir_status fn_and(wr_call *call, wr_column *out) { return each(call, op_and, out); }
static weir_status fn_or(wr_call *call, wr_column *out) { return each(call, op_or, out); }
static weir_status fn_xor(wr_call *call, wr_column *out) { return each(call, op_xor, out); }
static weir_status fn_left(wr_call *call, wr_column *out) { return each(call, op_left, out); }
static weir_status fn_right(wr_call *call, wr_column *out) { return each(call, op_right, out); }
static weir_status fn_not(wr_call *call, wr_column *out) { return each(call, op_not, out); }

const wr_fn wr_fns_arith_bits[] = {
    {"&", "(integer_, integer_) -> auto", fn_and, "Bitwise and.", "12 & 10", "8",
     .bind = bind_common},
    {"|", "(integer_, integer_) -> auto", fn_or, "Bitwise or.", "12 | 10", "14",
     .bind = bind_common},
    {"#|xor", "(integer_, integer_) -> auto", fn_xor, "Bitwise exclusive or.", "12 # 10", "6",
     .bind = bind_common},
    {"<<", "(integer_, integer_) -> auto", fn_left, "Shifts bits to the left.", "1 << 4", "16",
     .bind = bind_shift},
    {">>", "(integer_, integer_) -> auto", fn_right, "Shifts bits to the right.", "16 >> 2", "4",
     .bind = bind_shift},
    {"~", "(integer_) -> auto", fn_not, "Bitwise not.", "~ 5", "-6", .bind = bind_common},
    {0},
};
