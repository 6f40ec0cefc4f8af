/* cast_number.c - integers, decimals, floating numbers, booleans.
 *
 * Integers and decimals are whole numbers times a power of ten; converting multiplies, or divides
 * rounding half away from zero. The range of the column (its bounds, or what its width can hold)
 * decides: if the scaled range fits the target, no row is checked, and the result is as narrow as
 * the range allows. Floating numbers become integers by rounding half to even and decimals by way
 * of their shortest text, as PostgreSQL has it. */
#include "expr/cast_rows.h"
#include <math.h>

void wr_cast_limits(const wr_type *t, wr_i128 *lo, wr_i128 *hi)
{
    if (t->id == WR_T_DECIMAL) {
        *hi = wr_pow10[t->precision] - 1;
        *lo = -*hi;
        return;
    }
    if (t->phys == WR_P_I128) {
        *lo = WR_I128_MIN, *hi = WR_I128_MAX;
        return;
    }
    *lo = wr_phys_int_min(t->phys);
    *hi = t->phys == WR_P_U64 ? (wr_i128)UINT64_MAX : wr_phys_int_max(t->phys);
}

static int scale_of(const wr_type *t) { return t->id == WR_T_DECIMAL ? t->scale : 0; }

/* ---- integers and decimals ---- */

/* value * 10^shift, or rounded division for a negative shift. False if it does not fit 128 bits. */
static bool rescale(wr_i128 value, int shift, wr_i128 *out)
{
    if (shift <= 0) {
        *out = shift ? wr_i128_round_div(value, -shift) : value;
        return true;
    }
    return !__builtin_mul_overflow(value, wr_pow10[shift], out);
}

static wr_cast_result integer_row(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                  wr_column *out)
{
    wr_i128 value, lo, hi;
    wr_cast_limits(job->to, &lo, &hi);
    if (!rescale(wr_column_i128(in, row), scale_of(job->to) - scale_of(in->type), &value))
        return WR_CAST_RANGE;
    if (value < lo || value > hi) return WR_CAST_RANGE;
    wr_column_put_i128(out, row, value);
    return WR_CAST_DONE;
}

static bool flat_range(const wr_column *c, wr_i128 *lo, wr_i128 *hi)
{
    wr_i128 type_lo, type_hi;
    wr_cast_limits(c->type, &type_lo, &type_hi);
    if (c->has_bounds) {
        *lo = c->lo, *hi = c->hi;
    } else if (c->phys == c->type->phys) {
        *lo = type_lo, *hi = type_hi;
    } else {
        *lo = WR_MAX((wr_i128)wr_phys_int_min(c->phys) + c->base, type_lo);
        *hi = WR_MIN((wr_i128)wr_phys_int_max(c->phys) + c->base, type_hi);
    }
    return *lo >= INT64_MIN && *hi <= INT64_MAX;
}

#define STORE(T)                                           \
    for (uint32_t i = 0; i < count; i++) {                 \
        uint32_t row = sel ? sel[i] : i;                   \
        ((T *)out->data)[row] = (T)(values[row] * factor); \
    }

static void store_scaled(wr_column *out, const uint16_t *sel, uint32_t count, const int64_t *values,
                         int64_t factor)
{
    switch (out->phys) {
    case WR_P_I8:
        STORE(int8_t) break;
    case WR_P_I16:
        STORE(int16_t) break;
    case WR_P_I32:
        STORE(int32_t) break;
    case WR_P_I128:
        STORE(wr_i128) break;
    case WR_P_U8:
        STORE(uint8_t) break;
    case WR_P_U16:
        STORE(uint16_t) break;
    case WR_P_U32:
        STORE(uint32_t) break;
    default:
        STORE(int64_t)
    }
}
#undef STORE

/* The column may keep its bytes: signed, and not wider than the target. */
static bool may_keep_width(const wr_column *in, const wr_type *to)
{
    bool is_signed = in->phys >= WR_P_I8 && in->phys <= WR_P_I64;
    return is_signed && wr_phys_size(in->phys) <= wr_phys_size(to->phys);
}

weir_status wr_cast_integers(wr_cast_job *job, const wr_column *given, wr_column *out)
{
    wr_column in = *given;
    if (given->form != WR_FLAT) wr_column_flatten(given, job->sel, job->sel_count, job->arena, &in);
    int shift = scale_of(job->to) - scale_of(in.type);
    wr_i128 lo, hi, to_lo, to_hi, scaled_lo, scaled_hi;
    wr_cast_limits(job->to, &to_lo, &to_hi);
    bool is_known = shift >= 0 && flat_range(&in, &lo, &hi);
    bool fits = is_known && rescale(lo, shift, &scaled_lo) && rescale(hi, shift, &scaled_hi) &&
                scaled_lo >= to_lo && scaled_hi <= to_hi && scaled_lo >= INT64_MIN &&
                scaled_hi <= INT64_MAX;
    if (!fits) return wr_cast_each(job, integer_row, &in, out);
    if (shift == 0 && may_keep_width(&in, job->to)) {
        *out = in;
        out->type = job->to;
    } else {
        wr_phys narrow = wr_phys_for_range((int64_t)scaled_lo, (int64_t)scaled_hi);
        bool is_narrower = wr_phys_size(narrow) < wr_phys_size(job->to->phys);
        wr_column_init(out, job->arena, job->to, is_narrower ? narrow : job->to->phys, in.rows);
        int64_t *values = wr_new_array(job->arena, int64_t, in.rows + 1);
        uint32_t count = job->sel ? job->sel_count : in.rows;
        wr_column_flat_i64(&in, job->sel, count, values);
        store_scaled(out, job->sel, count, values, (int64_t)wr_pow10[shift]);
        out->valid = in.valid;
    }
    out->has_bounds = true;
    out->lo = (int64_t)scaled_lo, out->hi = (int64_t)scaled_hi;
    return WR_OK;
}

/* ---- floating numbers ---- */

static void store_float(wr_column *out, uint32_t row, double value)
{
    if (out->phys == WR_P_F32)
        ((float *)out->data)[row] = (float)value;
    else
        ((double *)out->data)[row] = value;
}

static wr_cast_result integer_to_float(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                       wr_column *out)
{
    (void)job;
    int scale = scale_of(in->type);
    wr_i128 value = wr_column_i128(in, row);
    bool is_exact = value > -(INT64_C(1) << 53) && value < (INT64_C(1) << 53) && scale <= 18;
    store_float(out, row,
                is_exact ? (double)(int64_t)value / (double)wr_pow10_i64[scale]
                         : wr_i128_to_f64(value, scale));
    return WR_CAST_DONE;
}

static wr_cast_result float_to_float(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                     wr_column *out)
{
    (void)job;
    double value = wr_column_f64(in, row);
    if (out->phys == WR_P_F32 && isfinite(value) && !isfinite((float)value)) return WR_CAST_RANGE;
    store_float(out, row, value);
    return WR_CAST_DONE;
}

static wr_cast_result float_to_integer(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                       wr_column *out)
{
    double value = rint(wr_column_f64(in, row));
    wr_i128 lo, hi;
    wr_cast_limits(job->to, &lo, &hi);
    if (!(value >= -0x1p127 && value < 0x1p127)) return WR_CAST_RANGE;
    wr_i128 whole = (wr_i128)value;
    if (whole < lo || whole > hi) return WR_CAST_RANGE;
    wr_column_put_i128(out, row, whole);
    return WR_CAST_DONE;
}

static wr_cast_result float_to_decimal(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                       wr_column *out)
{
    double value = wr_column_f64(in, row);
    if (!isfinite(value)) return WR_CAST_RANGE;
    char text[32];
    int length =
        in->phys == WR_P_F32 ? wr_f32_print((float)value, text) : wr_f64_print(value, text);
    wr_i128 decimal;
    if (!wr_decimal_read((wr_str){text, (size_t)length}, job->to->precision, job->to->scale,
                         &decimal, NULL))
        return WR_CAST_RANGE;
    wr_column_put_i128(out, row, decimal);
    return WR_CAST_DONE;
}

/* Whole columns of up to 64 bits to DOUBLE; false if this is not such a column. */
bool wr_cast_to_double(const wr_cast_job *job, const wr_column *in, wr_column *out)
{
    wr_i128 lo, hi;
    int scale = scale_of(in->type);
    bool is_integral = wr_type_is_integer(in->type) || in->type->id == WR_T_DECIMAL;
    if (job->to->id != WR_T_DOUBLE || in->form != WR_FLAT || !is_integral || scale > 18)
        return false;
    if (!flat_range(in, &lo, &hi)) return false;
    bool is_exact = lo > -(INT64_C(1) << 53) && hi < INT64_C(1) << 53;
    if (!is_exact && scale > 0) return false; /* two roundings could differ from one */
    uint32_t count = job->sel ? job->sel_count : in->rows;
    int64_t *values = wr_new_array(job->arena, int64_t, in->rows + 8);
    wr_column_init(out, job->arena, job->to, WR_P_F64, in->rows);
    out->valid = in->valid;
    wr_column_flat_i64(in, job->sel, count, values);
    double *to = out->data, unit = (double)wr_pow10_i64[scale];
    for (uint32_t i = 0; i < in->rows; i++)
        to[i] = (double)values[i] / unit;
    return true;
}

/* ---- booleans ---- */

static wr_cast_result boolean_to_number(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                        wr_column *out)
{
    int64_t value = wr_column_int(in, row) != 0;
    wr_i128 lo, hi, scaled = value * wr_pow10[scale_of(job->to)];
    if (wr_type_is_float(job->to)) {
        store_float(out, row, (double)value);
        return WR_CAST_DONE;
    }
    wr_cast_limits(job->to, &lo, &hi);
    if (scaled > hi) return WR_CAST_RANGE;
    wr_column_put_i128(out, row, scaled);
    return WR_CAST_DONE;
}

static wr_cast_result number_to_boolean(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                        wr_column *out)
{
    (void)job;
    ((uint8_t *)out->data)[row] =
        wr_type_is_float(in->type) ? wr_column_f64(in, row) != 0 : wr_column_i128(in, row) != 0;
    return WR_CAST_DONE;
}

static wr_cast_result copy_view(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                wr_column *out)
{
    (void)job;
    ((wr_view *)out->data)[row] = ((const wr_view *)in->data)[row];
    return WR_CAST_DONE;
}

static wr_cast_result uuid_to_blob(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out)
{
    uint8_t *bytes = wr_arena_alloc(job->arena, 16);
    wr_uuid_bytes(wr_column_i128(in, row), bytes);
    ((wr_view *)out->data)[row] = wr_view_of((char *)bytes, 16);
    return WR_CAST_DONE;
}

static wr_cast_result blob_to_uuid(const wr_cast_job *job, const wr_column *in, uint32_t row,
                                   wr_column *out)
{
    (void)job;
    wr_view view = wr_column_view(in, row);
    if (view.length != 16) return WR_CAST_MALFORMED;
    ((wr_i128 *)out->data)[row] = wr_uuid_of_bytes((const uint8_t *)view.pointer);
    return WR_CAST_DONE;
}

wr_cast_row *wr_cast_scalar(const wr_type *from, const wr_type *to)
{
    bool from_integral = wr_type_is_integer(from) || from->id == WR_T_DECIMAL;
    bool to_integral = wr_type_is_integer(to) || to->id == WR_T_DECIMAL;
    if (from_integral && to_integral) return integer_row;
    if (from_integral && wr_type_is_float(to)) return integer_to_float;
    if (wr_type_is_float(from) && wr_type_is_float(to)) return float_to_float;
    if (wr_type_is_float(from) && wr_type_is_integer(to)) return float_to_integer;
    if (wr_type_is_float(from) && to->id == WR_T_DECIMAL) return float_to_decimal;
    if (from->id == WR_T_BOOLEAN && wr_type_is_numeric(to)) return boolean_to_number;
    if (wr_type_is_numeric(from) && to->id == WR_T_BOOLEAN) return number_to_boolean;
    if (from->id == WR_T_BLOB && to->id == WR_T_BLOB) return copy_view;
    if (from->id == WR_T_UUID && to->id == WR_T_BLOB) return uuid_to_blob;
    if (from->id == WR_T_BLOB && to->id == WR_T_UUID) return blob_to_uuid;
    return NULL;
}
