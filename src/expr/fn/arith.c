/* arith.c - the operators + - * / // % ^ and unary minus on numbers.
 *
 * Integers and decimals are the same thing here: whole numbers whose scale was settled when the
 * call was bound. The ranges of the operands (column bounds, or what their width and type can hold)
 * give the range of the result. When that fits the result's type no row is checked and the loop
 * runs at the narrowest width that holds the result: wrapping arithmetic needs no more. Otherwise
 * 64 bits are tried with a look at the range of what came out, then 128 bits with a check per row.
 * Rows that are NULL or not selected may hold anything and never raise an error.
 *
 * Division follows PostgreSQL: integers truncate, decimals are exact to at least 16 decimals
 * (rounded half away from zero). Any division by zero is an error. */
#include "expr/fn/call.h"
#include "kern/kern.h"
#include <math.h>

#define DIVISION_SCALE 16

/* ---- types ---- */

static bool is_decimal(const wr_type *t) { return t->id == WR_T_DECIMAL; }

/* The decimal an integer operand counts as; constants need only the digits they have. */
static const wr_type *as_decimal(const wr_expr *e)
{
    if (is_decimal(e->type)) return e->type;
    wr_i128 lo, hi;
    if (e->kind == WR_X_CONST && !e->value.is_null)
        return wr_type_decimal(WR_MIN(wr_i128_digits(wr_value_as_i128(&e->value)), 38), 0);
    hi = e->type->phys == WR_P_U64    ? (wr_i128)UINT64_MAX
         : e->type->phys == WR_P_I128 ? wr_pow10[38] - 1
                                      : wr_phys_int_max((wr_phys)e->type->phys);
    lo = wr_i128_digits(hi);
    return wr_type_decimal((int)lo, 0);
}

static const wr_type *decimal_of(int whole, int scale)
{
    scale = WR_MIN(scale, 38);
    return wr_type_decimal(WR_MAX(WR_MIN(whole + scale, 38), WR_MAX(scale, 1)), scale);
}

/* Both arguments to the type; constants are converted at once. */
static weir_status cast_both(wr_fn_bind *b, const wr_type *type)
{
    for (int i = 0; i < b->arg_count; i++)
        WR_TRY(wr_bind_cast(b->arena, b->args[i], type, false, b->args[i]->span, &b->args[i]));
    return WR_OK;
}

/* The floating type of the operation; NULL if it is not a floating one. */
static const wr_type *floating_type(const wr_fn_bind *b)
{
    bool any = false, all_real = true;
    for (int i = 0; i < b->arg_count; i++) {
        any |= wr_type_is_float(b->args[i]->type);
        all_real &= b->args[i]->type->id == WR_T_REAL;
    }
    if (!any) return NULL;
    return all_real ? b->args[0]->type : WR_DOUBLE;
}

static bool any_decimal(const wr_fn_bind *b)
{
    for (int i = 0; i < b->arg_count; i++)
        if (is_decimal(b->args[i]->type)) return true;
    return false;
}

static weir_status bind_floats_or_integers(wr_fn_bind *b, bool *done)
{
    b->type = floating_type(b);
    if (!b->type && !any_decimal(b))
        b->type = b->arg_count == 1 ? b->args[0]->type
                                    : wr_type_common(b->args[0]->type, b->args[1]->type);
    *done = b->type != NULL;
    return *done ? cast_both(b, b->type) : WR_OK;
}

/* + - %: one scale for both; a sum may need one digit more. */
static weir_status bind_same_scale(wr_fn_bind *b, int extra)
{
    bool done;
    WR_TRY(bind_floats_or_integers(b, &done));
    if (done) return WR_OK;
    const wr_type *x = as_decimal(b->args[0]), *y = b->arg_count > 1 ? as_decimal(b->args[1]) : x;
    int scale = WR_MAX(x->scale, y->scale);
    int whole = WR_MAX(x->precision - x->scale, y->precision - y->scale);
    b->type = decimal_of(whole + extra, scale);
    for (int i = 0; i < b->arg_count; i++) {
        const wr_type *own = as_decimal(b->args[i]);
        const wr_type *wanted = decimal_of(own->precision - own->scale, scale);
        if (b->args[i]->type == wanted || (is_decimal(b->args[i]->type) && own->scale == scale))
            continue;
        WR_TRY(wr_bind_cast(b->arena, b->args[i], wanted, false, b->args[i]->span, &b->args[i]));
    }
    return WR_OK;
}

static weir_status bind_add(wr_fn_bind *b) { return bind_same_scale(b, 1); }
static weir_status bind_modulo(wr_fn_bind *b) { return bind_same_scale(b, 0); }

static weir_status bind_unary(wr_fn_bind *b)
{
    if (wr_type_is_unsigned(b->args[0]->type))
        WR_TRY(cast_both(b, wr_type_common(b->args[0]->type, wr_type_of(WR_T_TINYINT))));
    b->type = b->args[0]->type;
    return WR_OK;
}

static weir_status bind_multiply(wr_fn_bind *b)
{
    bool done;
    WR_TRY(bind_floats_or_integers(b, &done));
    if (done) return WR_OK;
    const wr_type *x = as_decimal(b->args[0]), *y = as_decimal(b->args[1]);
    int precision = x->precision + y->precision, scale = x->scale + y->scale;
    /* beyond 38 digits some decimals must go so that whole digits remain */
    if (precision > 38) scale = WR_MIN(scale, WR_MAX(24, WR_MAX(x->scale, y->scale)));
    b->type = wr_type_decimal(WR_MIN(precision, 38), scale);
    return WR_OK;
}

static weir_status bind_divide(wr_fn_bind *b)
{
    if (b->env && b->env->duckdb_compat && !any_decimal(b)) {
        b->type = floating_type(b) ? floating_type(b) : WR_DOUBLE;
        return cast_both(b, b->type);
    }
    bool done;
    WR_TRY(bind_floats_or_integers(b, &done));
    if (done) return WR_OK;
    const wr_type *x = as_decimal(b->args[0]), *y = as_decimal(b->args[1]);
    int scale = WR_MAX(DIVISION_SCALE, WR_MAX(x->scale, y->scale));
    b->type = decimal_of(x->precision - x->scale + y->scale, scale);
    return WR_OK;
}

static weir_status bind_whole_divide(wr_fn_bind *b)
{
    bool done;
    WR_TRY(bind_floats_or_integers(b, &done));
    if (done) return WR_OK;
    const wr_type *x = as_decimal(b->args[0]), *y = as_decimal(b->args[1]);
    b->type = decimal_of(x->precision - x->scale + y->scale, 0);
    return WR_OK;
}

static weir_status bind_power(wr_fn_bind *b)
{
    b->type = WR_DOUBLE;
    return cast_both(b, WR_DOUBLE);
}

/* ---- errors ---- */

static weir_status out_of_range(wr_call *call, uint32_t row, const wr_column *out)
{
    call->bad_row = row;
    return wr_with_hint(
        wr_fail(WR_E_OUT_OF_RANGE, "the result is out of range of %s", wr_type_name(out->type)),
        "cast an operand to a wider type");
}

static weir_status division_by_zero(wr_call *call, uint32_t row)
{
    call->bad_row = row;
    return wr_with_hint(wr_fail(WR_E_DIVISION_BY_ZERO, "division by zero"),
                        "nullif(divisor, 0) gives NULL instead");
}

/* ---- operands ---- */

typedef struct operand {
    wr_column column; /* FLAT, or CONSTANT with one value */
    bool is_constant;
    wr_i128 lo, hi;
} operand;

static void type_limits(const wr_type *t, wr_i128 *lo, wr_i128 *hi)
{
    if (is_decimal(t)) {
        *hi = wr_pow10[t->precision] - 1;
        *lo = -*hi;
    } else if (t->phys == WR_P_I128) {
        *lo = WR_I128_MIN, *hi = WR_I128_MAX;
    } else {
        *lo = wr_phys_int_min(t->phys);
        *hi = t->phys == WR_P_U64 ? (wr_i128)UINT64_MAX : wr_phys_int_max(t->phys);
    }
}

static void read_operand(const wr_call *call, int i, operand *out)
{
    const wr_column *in = &call->args[i];
    out->is_constant = in->form == WR_CONSTANT;
    if (in->form == WR_DICTIONARY)
        wr_column_flatten(in, call->sel, call->sel_count, call->arena, &out->column);
    else
        out->column = *in;
    const wr_column *c = &out->column;
    type_limits(c->type, &out->lo, &out->hi);
    if (out->is_constant) {
        out->lo = out->hi = wr_column_i128(in, 0);
    } else if (in->has_bounds) {
        out->lo = in->lo, out->hi = in->hi;
    } else if (c->phys != c->type->phys) {
        out->lo = WR_MAX(out->lo, (wr_i128)wr_phys_int_min(c->phys) + c->base);
        out->hi = WR_MIN(out->hi, (wr_i128)wr_phys_int_max(c->phys) + c->base);
    }
}

/* The widths arithmetic is made for: unsigned ones wrap like their signed twins. */
static wr_phys lane_of(wr_phys phys)
{
    switch (phys) {
    case WR_P_U8:
        return WR_P_I8;
    case WR_P_U16:
        return WR_P_I16;
    case WR_P_U32:
        return WR_P_I32;
    case WR_P_U64:
        return WR_P_I64;
    default:
        return phys;
    }
}

/* The operand's values at the width of the computation; one value for constants. */
static const void *lanes(const wr_call *call, const operand *o, wr_phys phys)
{
    const wr_column *c = &o->column;
    if (lane_of(c->phys) == phys && c->base == 0) return c->data;
    size_t n = o->is_constant ? 1 : call->rows;
    void *wide = wr_arena_alloc(call->arena, wr_phys_size(phys) * n + 64);
    wr_kern()->move->convert[c->phys][phys](c->data, c->base, wide, n);
    return wide;
}

/* ---- + - * ---- */

/* The result's range, false if it does not fit 128 bits. */
static bool result_range(int op, const operand *a, const operand *b, wr_i128 *lo, wr_i128 *hi)
{
    if (op == WR_K_ADD)
        return !__builtin_add_overflow(a->lo, b->lo, lo) &&
               !__builtin_add_overflow(a->hi, b->hi, hi);
    if (op == WR_K_SUB)
        return !__builtin_sub_overflow(a->lo, b->hi, lo) &&
               !__builtin_sub_overflow(a->hi, b->lo, hi);
    wr_i128 corner[4];
    bool bad = __builtin_mul_overflow(a->lo, b->lo, &corner[0]) |
               __builtin_mul_overflow(a->lo, b->hi, &corner[1]) |
               __builtin_mul_overflow(a->hi, b->lo, &corner[2]) |
               __builtin_mul_overflow(a->hi, b->hi, &corner[3]);
    *lo = *hi = corner[0];
    for (int i = 1; i < 4; i++) {
        *lo = WR_MIN(*lo, corner[i]);
        *hi = WR_MAX(*hi, corner[i]);
    }
    return !bad;
}

static void run_lanes(const wr_call *call, int op, const operand *a, const operand *b, wr_phys phys,
                      void *out)
{
    const wr_kern_ariths *arith = wr_kern()->arith;
    const void *x = lanes(call, a, phys), *y = lanes(call, b, phys);
    wr_arith_loop *loop = a->is_constant   ? arith->from[op][phys]
                          : b->is_constant ? arith->constant[op][phys]
                                           : arith->column[op][phys];
    loop(x, y, out, call->rows);
}

static bool fits_64(wr_i128 lo, wr_i128 hi) { return lo >= INT64_MIN && hi <= INT64_MAX; }

static bool one_128(int op, wr_i128 x, wr_i128 y, wr_i128 *out)
{
    if (op == WR_K_ADD) return !__builtin_add_overflow(x, y, out);
    if (op == WR_K_SUB) return !__builtin_sub_overflow(x, y, out);
    return !__builtin_mul_overflow(x, y, out);
}

static wr_i128 operand_at(const operand *o, uint32_t row)
{
    return wr_column_i128(&o->column, row);
}

/* Row by row in 128 bits; shift decimals of the product are rounded away. */
static weir_status run_checked(wr_call *call, int op, const operand *a, const operand *b, int shift,
                               wr_column *out)
{
    wr_i128 lo, hi, value;
    type_limits(out->type, &lo, &hi);
    WR_ROWS(i)
    {
        if (!one_128(op, operand_at(a, i), operand_at(b, i), &value))
            return out_of_range(call, i, out);
        if (shift) value = wr_i128_round_div(value, shift);
        if (value < lo || value > hi) return out_of_range(call, i, out);
        wr_column_put_i128(out, i, value);
    }
    return WR_OK;
}

/* The result fits 64 bits but perhaps not its type: compute first, then look. */
static weir_status run_then_look(wr_call *call, int op, const operand *a, const operand *b,
                                 wr_column *out)
{
    wr_i128 lo, hi;
    type_limits(out->type, &lo, &hi);
    int64_t *wide = wr_arena_alloc(call->arena, sizeof(int64_t) * (call->rows + 8));
    run_lanes(call, op, a, b, WR_P_I64, wide);
    int64_t least, most;
    wr_kern()->fold->range[WR_P_I64](wide, call->rows, &least, &most);
    if (least < lo || most > hi)
        WR_ROWS(i) if (wide[i] < lo || wide[i] > hi) return out_of_range(call, i, out);
    wr_kern()->move->convert[WR_P_I64][out->phys](wide, 0, out->data, call->rows);
    return WR_OK;
}

/* A value per row, also of constants. */
static const int64_t *lanes_64(const wr_call *call, const operand *o)
{
    if (!o->is_constant) return lanes(call, o, WR_P_I64);
    int64_t *all = wr_arena_alloc(call->arena, sizeof *all * (call->rows + 8));
    for (uint32_t i = 0; i < call->rows; i++)
        all[i] = (int64_t)o->lo;
    return all;
}

/* 64-bit operands whose result may not fit: the loop stops at the first overflow, which may be of a
 * row that does not count; then the rows are done one by one. */
static weir_status run_checked_64(wr_call *call, int op, const operand *a, const operand *b,
                                  wr_column *out)
{
    wr_i128 lo, hi;
    int64_t least, most;
    type_limits(out->type, &lo, &hi);
    int64_t *wide = wr_arena_alloc(call->arena, sizeof *wide * (call->rows + 8));
    size_t done =
        wr_kern()->arith->checked[op](lanes_64(call, a), lanes_64(call, b), wide, call->rows);
    if (done < call->rows) return run_checked(call, op, a, b, 0, out);
    wr_kern()->fold->range[WR_P_I64](wide, call->rows, &least, &most);
    if (least < lo || most > hi) return run_checked(call, op, a, b, 0, out);
    wr_kern()->move->convert[WR_P_I64][out->phys](wide, 0, out->data, call->rows);
    return WR_OK;
}

static weir_status run_whole(wr_call *call, int op, const operand *a, const operand *b, int shift,
                             wr_column *out)
{
    wr_i128 lo, hi, type_lo, type_hi;
    type_limits(out->type, &type_lo, &type_hi);
    bool is_known = result_range(op, a, b, &lo, &hi);
    if (shift || !is_known) return run_checked(call, op, a, b, shift, out);
    bool fits_type = lo >= type_lo && hi <= type_hi;
    if (!fits_64(lo, hi)) {
        bool is_64 = fits_64(a->lo, a->hi) && fits_64(b->lo, b->hi);
        if (is_64) return run_checked_64(call, op, a, b, out);
        if (!fits_type) return run_checked(call, op, a, b, 0, out);
        run_lanes(call, op, a, b, lane_of(out->phys), out->data);
        return WR_OK;
    }
    if (!fits_type) return run_then_look(call, op, a, b, out);
    wr_phys narrow = wr_phys_for_range((int64_t)lo, (int64_t)hi);
    if (wr_phys_size(narrow) < wr_phys_size(out->phys)) out->phys = (uint8_t)narrow;
    run_lanes(call, op, a, b, lane_of(out->phys), out->data);
    out->has_bounds = true;
    out->lo = (int64_t)lo, out->hi = (int64_t)hi;
    return WR_OK;
}

/* ---- floating ---- */

static double floating_at(const wr_column *out, uint32_t i)
{
    return out->phys == WR_P_F32 ? ((const float *)out->data)[i] : ((const double *)out->data)[i];
}

/* An infinite result of finite operands has overflowed. */
static weir_status look_for_overflow(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        if (wr_likely(isfinite(floating_at(out, i)))) continue;
        if (isnan(floating_at(out, i))) continue;
        if (isfinite(wr_column_f64(&call->args[0], i)) &&
            isfinite(wr_column_f64(&call->args[1], i)))
            return out_of_range(call, i, out);
    }
    return WR_OK;
}

static weir_status run_floating(wr_call *call, int op, wr_column *out)
{
    const wr_kern_ariths *arith = wr_kern()->arith;
    wr_column sides[2];
    for (int i = 0; i < 2; i++) {
        sides[i] = call->args[i];
        if (sides[i].form == WR_DICTIONARY)
            wr_column_flatten(&call->args[i], call->sel, call->sel_count, call->arena, &sides[i]);
    }
    wr_arith_loop *loop = sides[0].form == WR_CONSTANT   ? arith->from[op][out->phys]
                          : sides[1].form == WR_CONSTANT ? arith->constant[op][out->phys]
                                                         : arith->column[op][out->phys];
    loop(sides[0].data, sides[1].data, out->data, call->rows);
    return look_for_overflow(call, out);
}

static int scale_of(const wr_type *t) { return is_decimal(t) ? t->scale : 0; }

static weir_status run(wr_call *call, int op, wr_column *out)
{
    if (wr_type_is_float(out->type)) return run_floating(call, op, out);
    operand a, b;
    read_operand(call, 0, &a);
    read_operand(call, 1, &b);
    int shift = 0;
    if (op == WR_K_MUL)
        shift = scale_of(a.column.type) + scale_of(b.column.type) - scale_of(out->type);
    return run_whole(call, op, &a, &b, shift, out);
}

static weir_status fn_add(wr_call *call, wr_column *out) { return run(call, WR_K_ADD, out); }
static weir_status fn_subtract(wr_call *call, wr_column *out) { return run(call, WR_K_SUB, out); }
static weir_status fn_multiply(wr_call *call, wr_column *out) { return run(call, WR_K_MUL, out); }

static weir_status fn_negate(wr_call *call, wr_column *out)
{
    if (wr_type_is_float(out->type)) {
        WR_ROWS(i)
        {
            double value = -wr_column_f64(&call->args[0], i);
            if (out->phys == WR_P_F32)
                ((float *)out->data)[i] = (float)value;
            else
                ((double *)out->data)[i] = value;
        }
        return WR_OK;
    }
    static int8_t zero_byte[64];
    operand zero = {.is_constant = true}, a;
    zero.column = (wr_column){
        .type = out->type, .form = WR_CONSTANT, .phys = WR_P_I8, .rows = 1, .data = zero_byte};
    read_operand(call, 0, &a);
    return run_whole(call, WR_K_SUB, &zero, &a, 0, out);
}

static weir_status fn_same(wr_call *call, wr_column *out)
{
    *out = call->args[0];
    return WR_OK;
}

static weir_status fn_absolute(wr_call *call, wr_column *out)
{
    const wr_column *in = &call->args[0];
    wr_i128 lo, hi;
    if (!wr_type_is_float(out->type)) type_limits(out->type, &lo, &hi);
    WR_ROWS(i)
    {
        if (out->phys == WR_P_F32) {
            ((float *)out->data)[i] = (float)fabs(wr_column_f64(in, i));
        } else if (out->phys == WR_P_F64) {
            ((double *)out->data)[i] = fabs(wr_column_f64(in, i));
        } else {
            wr_i128 value = wr_column_i128(in, i);
            if (value == WR_I128_MIN || -value > hi) return out_of_range(call, i, out);
            wr_column_put_i128(out, i, value < 0 ? -value : value);
        }
    }
    return WR_OK;
}

/* ---- / // % ---- */

/* a / b with more decimals, rounded half away from zero; false if it does not fit 128 bits. */
static bool divide_decimal(wr_i128 a, wr_i128 b, int more, wr_i128 *out)
{
    bool negative = (a < 0) != (b < 0);
    wr_u128 x = a < 0 ? -(wr_u128)a : (wr_u128)a, y = b < 0 ? -(wr_u128)b : (wr_u128)b;
    wr_u128 quotient = x / y, rest = x % y;
    for (; more > 0; more--) {
        if (rest > (~(wr_u128)0) / 10 || quotient > (wr_u128)WR_I128_MAX / 10) return false;
        rest *= 10;
        quotient = quotient * 10 + rest / y;
        rest %= y;
    }
    if (rest >= y - rest) quotient++;
    if (quotient > (wr_u128)WR_I128_MAX) return false;
    *out = negative ? -(wr_i128)quotient : (wr_i128)quotient;
    return true;
}

/* One quotient at the scale of the result. */
static bool quotient_of(wr_i128 a, wr_i128 b, int more, bool is_whole, wr_i128 *out)
{
    if (!is_whole && more >= 0) {
        wr_i128 scaled;
        bool is_easy = more <= 38 && !__builtin_mul_overflow(a, wr_pow10[more], &scaled) &&
                       scaled > WR_I128_MIN / 2 && scaled < WR_I128_MAX / 2;
        if (!is_easy) return divide_decimal(a, b, more, out);
        wr_i128 rest = scaled % b, half = b < 0 ? -(b + 1) / 2 : (b - 1) / 2;
        *out = scaled / b;
        if ((rest < 0 ? -rest : rest) > half) *out += (scaled < 0) == (b < 0) ? 1 : -1;
        return true;
    }
    /* truncated: bring both to one scale; a negative shift scales the divisor */
    if (more >= 0 ? __builtin_mul_overflow(a, wr_pow10[more], &a)
                  : __builtin_mul_overflow(b, wr_pow10[-more], &b))
        return false;
    if (a == WR_I128_MIN && b == -1) return false;
    *out = a / b;
    return true;
}

/* Quotients or remainders of 64-bit operands; the dividend is never the smallest number. */
static weir_status divide_64(wr_call *call, const operand *a, const operand *b, bool wants_rest,
                             wr_column *out)
{
    const int64_t *x = lanes(call, a, WR_P_I64), *y = lanes(call, b, WR_P_I64);
    int64_t *wide = wr_arena_alloc(call->arena, sizeof *wide * (call->rows + 8));
    wr_i128 lo, hi;
    type_limits(out->type, &lo, &hi);
    WR_ROWS(i)
    {
        int64_t dividend = x[a->is_constant ? 0 : i], divisor = y[b->is_constant ? 0 : i];
        if (divisor == 0) return division_by_zero(call, i);
        wide[i] = wants_rest ? dividend % divisor : dividend / divisor;
        if (wide[i] < lo || wide[i] > hi) return out_of_range(call, i, out);
    }
    wr_kern()->move->convert[WR_P_I64][out->phys](wide, 0, out->data, call->rows);
    return WR_OK;
}

static weir_status divide_whole(wr_call *call, bool truncates, wr_column *out)
{
    operand a, b;
    read_operand(call, 0, &a);
    read_operand(call, 1, &b);
    wr_i128 lo, hi, value;
    type_limits(out->type, &lo, &hi);
    int more = scale_of(out->type) - scale_of(a.column.type) + scale_of(b.column.type);
    bool is_narrow = truncates && more == 0 && fits_64(a.lo, a.hi) && fits_64(b.lo, b.hi);
    if (is_narrow && a.lo > INT64_MIN) return divide_64(call, &a, &b, false, out);
    WR_ROWS(i)
    {
        wr_i128 y = operand_at(&b, i), x = operand_at(&a, i);
        if (y == 0) return division_by_zero(call, i);
        if (!quotient_of(x, y, more, truncates, &value)) return out_of_range(call, i, out);
        if (value < lo || value > hi) return out_of_range(call, i, out);
        wr_column_put_i128(out, i, value);
    }
    return WR_OK;
}

typedef double floating_op(double a, double b);
static double op_divide(double a, double b) { return a / b; }
static double op_truncate(double a, double b) { return trunc(a / b); }

static weir_status each_floating(wr_call *call, floating_op *op, bool divides, wr_column *out)
{
    WR_ROWS(i)
    {
        double a = wr_column_f64(&call->args[0], i), b = wr_column_f64(&call->args[1], i);
        if (divides && b == 0) return division_by_zero(call, i);
        double value = op(a, b);
        if (out->phys == WR_P_F32) value = (float)value;
        if (isinf(value) && isfinite(a) && isfinite(b)) return out_of_range(call, i, out);
        if (out->phys == WR_P_F32)
            ((float *)out->data)[i] = (float)value;
        else
            ((double *)out->data)[i] = value;
    }
    return WR_OK;
}

static weir_status fn_divide(wr_call *call, wr_column *out)
{
    if (wr_type_is_float(out->type)) return each_floating(call, op_divide, true, out);
    return divide_whole(call, wr_type_is_integer(out->type), out);
}

static weir_status fn_whole_divide(wr_call *call, wr_column *out)
{
    if (wr_type_is_float(out->type)) return each_floating(call, op_truncate, true, out);
    return divide_whole(call, true, out);
}

static weir_status fn_modulo(wr_call *call, wr_column *out)
{
    if (wr_type_is_float(out->type)) return each_floating(call, fmod, true, out);
    operand a, b;
    read_operand(call, 0, &a);
    read_operand(call, 1, &b);
    bool is_narrow = fits_64(a.lo, a.hi) && fits_64(b.lo, b.hi);
    if (is_narrow && a.lo > INT64_MIN) return divide_64(call, &a, &b, true, out);
    WR_ROWS(i)
    {
        wr_i128 y = operand_at(&b, i), x = operand_at(&a, i);
        if (y == 0) return division_by_zero(call, i);
        wr_column_put_i128(out, i, y == -1 ? 0 : x % y);
    }
    return WR_OK;
}

static weir_status fn_power(wr_call *call, wr_column *out)
{
    WR_ROWS(i)
    {
        double a = wr_column_f64(&call->args[0], i), b = wr_column_f64(&call->args[1], i);
        call->bad_row = i;
        if (a == 0 && b < 0)
            return wr_fail(WR_E_POWER, "zero raised to a negative power is undefined");
        if (a < 0 && isfinite(b) && b != trunc(b))
            return wr_fail(WR_E_POWER,
                           "a negative number raised to a fraction is not a real number");
        double value = pow(a, b);
        if (isinf(value) && isfinite(a) && isfinite(b)) return out_of_range(call, i, out);
        ((double *)out->data)[i] = value;
    }
    return WR_OK;
}

#define ARITH (WR_FN_CAN_FAIL | WR_FN_ANY_FORM)

const wr_fn wr_fns_arith[] = {
    {"+|add", "(number, number) -> auto", fn_add, "Sum.", "1.5 + 2", "3.5", .flags = ARITH,
     .bind = bind_add},
    {"-|subtract", "(number, number) -> auto", fn_subtract, "Difference.", "1.5 - 2", "-0.5",
     .flags = ARITH, .bind = bind_add},
    {"*|multiply", "(number, number) -> auto", fn_multiply, "Product.", "1.5 * 2.5", "3.75",
     .flags = ARITH, .bind = bind_multiply},
    {"/", "(number, number) -> auto", fn_divide, "Quotient; of integers without its fraction.",
     "7 / 2", "3", .flags = ARITH, .bind = bind_divide},
    {"//|divide", "(number, number) -> auto", fn_whole_divide, "Quotient without its fraction.",
     "7.5 // 2", "3", .flags = ARITH, .bind = bind_whole_divide},
    {"%", "(number, number) -> auto", fn_modulo, "Remainder with the sign of the dividend.",
     "-7 % 3", "-1", .flags = ARITH, .bind = bind_modulo},
    {"^|**", "(number, number) -> auto", fn_power, "Power.", "2 ^ 10", "1024", .flags = ARITH,
     .bind = bind_power},
    {"-|negative", "(number) -> auto", fn_negate, "The number with its sign changed.", "- (3 - 5)",
     "2", .flags = ARITH, .bind = bind_unary},
    {"+", "(number) -> number", fn_same, "The number itself.", "+ 5", "5", .flags = WR_FN_ANY_FORM},
    {"@|abs", "(number) -> number", fn_absolute, "Absolute value.", "abs(-4)", "4", .flags = ARITH},
    {0},
};
