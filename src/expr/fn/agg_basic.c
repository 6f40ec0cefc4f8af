/* agg_basic.c - count, sum, avg, min, max: the aggregates every query uses.
 *
 * Integers and decimals of any width add up in 128 bits, read directly in the narrow form they come
 * in (frame of reference included), so that a sum never wraps: the declared result type is checked
 * once, when the result is written. A sum that 128 bits do not hold says so then, too, and not when
 * the row comes: streams go on with the other groups. Doubles use exact_sum.h, which makes sums
 * independent of order and of the number of threads. min and max of narrow integers keep 64 bits;
 * doubles are mapped to integers of the same order (NaN above all); everything else is a box.
 * Traps: states stand at multiples of 8 bytes, so 128-bit members must be declared with that
 * alignment. */
#pragma GCC optimize("O3") /* the narrow sum and range loops below vectorise */
#include "expr/fn/box.h"
#include "expr/fn/float_order.h"
#include "expr/fn/exact_sum.h"
#include <math.h>

typedef wr_i128 loose_i128 __attribute__((aligned(8)));
typedef struct sum_state {
    loose_i128 total;
    int64_t count; /* below 0: the total did not fit at some time */
} sum_state;
static const int64_t BROKEN_COUNT = INT64_MIN / 2; /* as far from 0 as from the end */

typedef struct int_extreme {
    int64_t value;
    uint64_t is_set;
} int_extreme;

#define T int8_t
#define N(name) name##_i8
#include "expr/fn/agg_int.tmpl.h"
#define T int16_t
#define N(name) name##_i16
#include "expr/fn/agg_int.tmpl.h"
#define T int32_t
#define N(name) name##_i32
#include "expr/fn/agg_int.tmpl.h"
#define T int64_t
#define N(name) name##_i64
#include "expr/fn/agg_int.tmpl.h"
#define T uint8_t
#define N(name) name##_u8
#include "expr/fn/agg_int.tmpl.h"
#define T uint16_t
#define N(name) name##_u16
#include "expr/fn/agg_int.tmpl.h"
#define T uint32_t
#define N(name) name##_u32
#include "expr/fn/agg_int.tmpl.h"

typedef void sum_many_fn(const wr_column *, const uint16_t *, uint32_t, sum_state *);
typedef void sum_groups_fn(const wr_column *, const uint16_t *, uint32_t, uint8_t *const *,
                           uint32_t);
typedef bool sum_few_fn(const wr_column *, const uint16_t *, uint32_t, const wr_few_groups *,
                        uint32_t);
typedef bool range_fn(const wr_column *, const uint16_t *, uint32_t, int64_t *, int64_t *);
typedef void extreme_groups_fn(const wr_column *, const uint16_t *, uint32_t, uint8_t *const *,
                               uint32_t, bool);
static const struct int_loops {
    sum_many_fn *sum_many;
    sum_groups_fn *sum_groups;
    sum_few_fn *sum_few;
    range_fn *range;
    extreme_groups_fn *extreme_groups;
} loops[WR_P_COUNT] = {
#define ROW(phys, suffix)                                                               \
    [phys] = {sum_many_##suffix, sum_groups_##suffix, sum_few_##suffix, range_##suffix, \
              extreme_groups_##suffix}
    ROW(WR_P_I8, i8), ROW(WR_P_I16, i16), ROW(WR_P_I32, i32), ROW(WR_P_I64, i64),
    ROW(WR_P_U8, u8), ROW(WR_P_U16, u16), ROW(WR_P_U32, u32),
#undef ROW
};

/* ---- count ---- */

static size_t size_of_count(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(int64_t);
}
static void init_zero(const wr_aggregate_call *call, void *state)
{
    memset(state, 0, call->fn->state_size(call));
}

static weir_status count_star_groups(wr_aggregate_env *env, const wr_column *args,
                                     const uint16_t *sel, uint32_t count, uint8_t *const *states,
                                     wr_arena *scratch)
{
    (void)args, (void)sel, (void)scratch;
    for (uint32_t i = 0; i < count; i++)
        ++*(int64_t *)(states[i] + env->state_offset);
    return WR_OK;
}
static weir_status count_star_few(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, const wr_few_groups *few, uint8_t *const *states,
                                  wr_arena *scratch)
{
    (void)args, (void)sel, (void)count, (void)states, (void)scratch;
    for (uint32_t n = 0; n < few->count; n++)
        if (few->times[n]) *(int64_t *)(few->rows[n] + env->state_offset) += few->times[n];
    return WR_OK;
}
static weir_status count_star_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, void *state, wr_arena *scratch)
{
    (void)env, (void)args, (void)sel, (void)scratch;
    *(int64_t *)state += count;
    return WR_OK;
}

/* The bitmap that decides NULL for every row, or NULL if none is; constants and NULLs inside
 * dictionaries are resolved. */
static const wr_column *null_source(const wr_column *in, const uint16_t *sel, uint32_t count,
                                    wr_arena *scratch)
{
    if (in->form == WR_FLAT || (in->form == WR_DICTIONARY && !in->dict->valid)) return in;
    return wr_agg_flat(in, sel, count, scratch);
}

static weir_status count_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const uint64_t *valid = null_source(args, sel, count, scratch)->valid;
    if (!valid) return count_star_groups(env, args, sel, count, states, scratch);
    for (uint32_t i = 0; i < count; i++)
        *(int64_t *)(states[i] + env->state_offset) += wr_bit_get(valid, sel ? sel[i] : i);
    return WR_OK;
}
static weir_status count_few(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, const wr_few_groups *few, uint8_t *const *states,
                             wr_arena *scratch)
{
    if (null_source(args, sel, count, scratch)->valid)
        return count_groups(env, args, sel, count, states, scratch);
    return count_star_few(env, args, sel, count, few, states, scratch);
}
static weir_status count_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, void *state, wr_arena *scratch)
{
    (void)env;
    const uint64_t *valid = null_source(args, sel, count, scratch)->valid;
    int64_t present = count;
    if (valid) {
        present = 0;
        for (uint32_t i = 0; i < count; i++)
            present += wr_bit_get(valid, sel ? sel[i] : i);
    }
    *(int64_t *)state += present;
    return WR_OK;
}
static weir_status count_star_back(wr_aggregate_env *env, const wr_column *args,
                                   const uint16_t *sel, uint32_t count, uint8_t *const *states,
                                   wr_arena *scratch)
{
    (void)args, (void)sel, (void)scratch;
    for (uint32_t i = 0; i < count; i++)
        --*(int64_t *)(states[i] + env->state_offset);
    return WR_OK;
}
static weir_status count_back(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const uint64_t *valid = null_source(args, sel, count, scratch)->valid;
    if (!valid) return count_star_back(env, args, sel, count, states, scratch);
    for (uint32_t i = 0; i < count; i++)
        *(int64_t *)(states[i] + env->state_offset) -= wr_bit_get(valid, sel ? sel[i] : i);
    return WR_OK;
}
static weir_status count_merge(wr_aggregate_env *env, void *into, const void *from)
{
    (void)env;
    *(int64_t *)into += *(const int64_t *)from;
    return WR_OK;
}
static weir_status count_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                wr_arena *arena, wr_column *out)
{
    (void)arena;
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)out->data)[i] = *(const int64_t *)(states[i] + env->state_offset);
    return WR_OK;
}

static weir_status count_if_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                uint32_t count, void *state, wr_arena *scratch)
{
    (void)env;
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const uint8_t *v = c->data;
    int64_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        found += v[row] && !wr_agg_is_null(c, row);
    }
    *(int64_t *)state += found;
    return WR_OK;
}
static weir_status count_if_groups(wr_aggregate_env *env, const wr_column *args,
                                   const uint16_t *sel, uint32_t count, uint8_t *const *states,
                                   wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const uint8_t *v = c->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        *(int64_t *)(states[i] + env->state_offset) += v[row] && !wr_agg_is_null(c, row);
    }
    return WR_OK;
}
static weir_status count_if_back(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                 uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const uint8_t *v = c->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        *(int64_t *)(states[i] + env->state_offset) -= v[row] && !wr_agg_is_null(c, row);
    }
    return WR_OK;
}

/* ---- sum and avg of integers and decimals ---- */

static size_t size_of_sum(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(sum_state);
}

/* FLAT in a width the loops know, or flattened; 128-bit and unsigned 64-bit columns have no loop in
 * the table. */
static const wr_column *int_form(const wr_column *in, const uint16_t *sel, uint32_t count,
                                 wr_arena *scratch)
{
    if (in->form == WR_FLAT) return in;
    return wr_agg_flat(in, sel, count, scratch);
}

static weir_status too_wide(void)
{
    return wr_fail(WR_E_OUT_OF_RANGE, "the sum does not fit 128 bits");
}

static void add_total(sum_state *s, wr_i128 value, int64_t count, bool back)
{
    wr_i128 total;
    bool is_broken = back ? __builtin_sub_overflow((wr_i128)s->total, value, &total)
                          : __builtin_add_overflow((wr_i128)s->total, value, &total);
    s->total = total;
    s->count += back ? -count : count;
    if (is_broken) s->count = BROKEN_COUNT;
}

static void add_wide(const wr_column *c, uint32_t row, sum_state *s)
{
    wr_i128 value =
        c->phys == WR_P_U64 ? (wr_i128)((const uint64_t *)c->data)[row] : wr_column_i128(c, row);
    add_total(s, value, 1, false);
}

static weir_status sum_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = int_form(args, sel, count, scratch);
    if (loops[c->phys].sum_groups) {
        loops[c->phys].sum_groups(c, sel, count, states, env->state_offset);
        return WR_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row)) add_wide(c, row, (sum_state *)(states[i] + env->state_offset));
    }
    return WR_OK;
}
static weir_status sum_few(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                           uint32_t count, const wr_few_groups *few, uint8_t *const *states,
                           wr_arena *scratch)
{
    const wr_column *c = int_form(args, sel, count, scratch);
    if (loops[c->phys].sum_few && loops[c->phys].sum_few(c, sel, count, few, env->state_offset))
        return WR_OK;
    return sum_groups(env, c, sel, count, states, scratch);
}
static weir_status sum_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                           uint32_t count, void *state, wr_arena *scratch)
{
    (void)env;
    const wr_column *c = int_form(args, sel, count, scratch);
    if (loops[c->phys].sum_many) {
        loops[c->phys].sum_many(c, sel, count, state);
        return WR_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row)) add_wide(c, row, state);
    }
    return WR_OK;
}
static weir_status sum_back(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                            uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        sum_state value = {0}, *s = (sum_state *)(states[i] + env->state_offset);
        if (wr_agg_is_null(c, row)) continue;
        if (loops[c->phys].sum_many) {
            uint16_t one = (uint16_t)row;
            loops[c->phys].sum_many(c, &one, 1, &value);
        } else {
            add_wide(c, row, &value);
        }
        add_total(s, value.total, 1, true);
    }
    return WR_OK;
}
static weir_status sum_merge(wr_aggregate_env *env, void *into, const void *from)
{
    (void)env;
    sum_state *a = into;
    const sum_state *b = from;
    bool is_broken = a->count < 0 || b->count < 0;
    add_total(a, b->total, b->count, false);
    if (is_broken) a->count = BROKEN_COUNT;
    return WR_OK;
}

static weir_status sum_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                              wr_arena *arena, wr_column *out)
{
    const wr_type *type = env->call->type;
    wr_i128 most = type->phys == WR_P_I64     ? (wr_i128)INT64_MAX
                   : type->id == WR_T_DECIMAL ? wr_pow10[type->precision] - 1
                                              : WR_I128_MAX;
    wr_i128 least = type->id == WR_T_DECIMAL ? -most : -most - 1;
    for (uint32_t i = 0; i < count; i++) {
        const sum_state *s = (const sum_state *)(states[i] + env->state_offset);
        wr_i128 total = s->total;
        if (!s->count) wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
        if (s->count < 0) return too_wide();
        if (total > most || total < least)
            return wr_fail(WR_E_OUT_OF_RANGE, "the sum is out of the range of %s",
                           wr_type_name(type));
        if (out->phys == WR_P_I64)
            ((int64_t *)out->data)[i] = (int64_t)total;
        else
            ((wr_i128 *)out->data)[i] = total;
    }
    return WR_OK;
}

static weir_status avg_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                              wr_arena *arena, wr_column *out)
{
    int scale = env->call->args[0]->type->id == WR_T_DECIMAL ? env->call->args[0]->type->scale : 0;
    for (uint32_t i = 0; i < count; i++) {
        const sum_state *s = (const sum_state *)(states[i] + env->state_offset);
        double *result = &((double *)out->data)[i];
        *result = 0;
        if (s->count < 0) return too_wide();
        if (!s->count) {
            wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
            continue;
        }
        long double total = (long double)(wr_i128)s->total;
        *result = (double)(total / s->count / (long double)wr_pow10[scale]);
    }
    return WR_OK;
}

static weir_status bind_sum_decimal(wr_arena *arena, wr_aggregate_call *call, wr_span span)
{
    (void)arena, (void)span;
    call->type = wr_type_decimal(WR_DECIMAL_DIGITS_MAX, call->args[0]->type->scale);
    return WR_OK;
}

/* ---- sum and avg of doubles ---- */

typedef struct float_state {
    wr_exact_sum sum; /* in front, as wr_exact_add_few has it */
    int64_t count;
} float_state;

static size_t size_of_float(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(float_state);
}
static void float_init(const wr_aggregate_call *call, void *state)
{
    (void)call;
    float_state *s = state;
    wr_exact_init(&s->sum);
    s->count = 0;
}
static inline double float_at(const wr_column *c, uint32_t row)
{
    return c->phys == WR_P_F32 ? (double)((const float *)c->data)[row]
                               : ((const double *)c->data)[row];
}
static weir_status float_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        __builtin_prefetch(states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + env->state_offset, 1);
        if (wr_agg_is_null(c, row)) continue;
        float_state *s = (float_state *)(states[i] + env->state_offset);
        wr_exact_add(&s->sum, float_at(c, row), env->heap);
        s->count++;
    }
    return WR_OK;
}
static weir_status float_few(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, const wr_few_groups *few, uint8_t *const *states,
                             wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    bool is_fast = c->phys == WR_P_F64 && !c->valid && count <= WR_BATCH_ROWS &&
                   wr_exact_add_few(c->data, sel, count, few->number, few->count, few->rows,
                                    env->state_offset, env->heap);
    if (!is_fast) return float_groups(env, c, sel, count, states, scratch);
    for (uint32_t n = 0; n < few->count; n++)
        if (few->times[n])
            ((float_state *)(few->rows[n] + env->state_offset))->count += few->times[n];
    return WR_OK;
}
static weir_status float_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, void *state, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    float_state *s = state;
    if (c->phys == WR_P_F64 && !sel && !c->valid) {
        wr_exact_add_many(&s->sum, c->data, count, env->heap);
        s->count += count;
        return WR_OK;
    }
    double *values = wr_new_array(scratch, double, count + 1);
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        values[present] = float_at(c, row);
        present += !wr_agg_is_null(c, row);
    }
    wr_exact_add_many(&s->sum, values, present, env->heap);
    s->count += present;
    return WR_OK;
}
static weir_status float_back(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        float_state *s = (float_state *)(states[i] + env->state_offset);
        double value = float_at(c, row);
        if (!isfinite(value))
            return wr_with_hint(
                wr_fail(WR_E_UNSUPPORTED, "a sum cannot take back NaN or an infinite number"),
                "leave such rows out: FILTER (WHERE isfinite(x))");
        wr_exact_add(&s->sum, -value, env->heap);
        s->count--;
    }
    return WR_OK;
}
static weir_status float_merge(wr_aggregate_env *env, void *into, const void *from)
{
    float_state *a = into;
    const float_state *b = from;
    wr_exact_merge(&a->sum, &b->sum, env->heap);
    a->count += b->count;
    return WR_OK;
}
static weir_status float_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                wr_arena *arena, wr_column *out)
{
    bool is_avg = env->call->fn->name[0] == 'a' || env->call->fn->name[0] == 'm';
    for (uint32_t i = 0; i < count; i++) {
        const float_state *s = (const float_state *)(states[i] + env->state_offset);
        double value = wr_exact_read(&s->sum);
        if (!s->count)
            wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
        else if (is_avg)
            value /= (double)s->count;
        if (isinf(value) && !s->sum.special)
            return wr_fail(WR_E_OUT_OF_RANGE, "the sum is out of the range of %s",
                           wr_type_name(out->type));
        if (out->phys == WR_P_F32)
            ((float *)out->data)[i] = (float)value;
        else
            ((double *)out->data)[i] = value;
    }
    return WR_OK;
}
static weir_status float_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    (void)env;
    const float_state *s = state;
    wr_buf_add(out, &s->count, sizeof s->count);
    wr_exact_save(&s->sum, out);
    return WR_OK;
}
static weir_status float_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    float_state *s = state;
    if (!wr_bytes_take(&bytes, &s->count, sizeof s->count) ||
        !wr_exact_load(&s->sum, &bytes, env->heap))
        return wr_fail(WR_E_CORRUPT, "a saved sum is damaged");
    return WR_OK;
}

/* ---- sum and avg of intervals ---- */

typedef struct interval_state {
    loose_i128 months, days, usecs;
    int64_t count;
} interval_state;

static size_t size_of_interval(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(interval_state);
}
static void interval_add(interval_state *s, wr_interval v)
{
    s->months += v.months, s->days += v.days, s->usecs += v.usecs, s->count++;
}
static weir_status interval_groups(wr_aggregate_env *env, const wr_column *args,
                                   const uint16_t *sel, uint32_t count, uint8_t *const *states,
                                   wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row))
            interval_add((interval_state *)(states[i] + env->state_offset),
                         ((const wr_interval *)c->data)[row]);
    }
    return WR_OK;
}
static weir_status interval_back(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                 uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        interval_state *s = (interval_state *)(states[i] + env->state_offset);
        wr_interval value = ((const wr_interval *)c->data)[row];
        s->months -= value.months, s->days -= value.days, s->usecs -= value.usecs;
        s->count--;
    }
    return WR_OK;
}
static weir_status interval_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                uint32_t count, void *state, wr_arena *scratch)
{
    (void)env;
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row)) interval_add(state, ((const wr_interval *)c->data)[row]);
    }
    return WR_OK;
}
static weir_status interval_merge(wr_aggregate_env *env, void *into, const void *from)
{
    (void)env;
    interval_state *a = into;
    const interval_state *b = from;
    a->months += b->months, a->days += b->days, a->usecs += b->usecs, a->count += b->count;
    return WR_OK;
}
static weir_status interval_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                   wr_arena *arena, wr_column *out)
{
    bool is_avg = env->call->fn->name[0] == 'a';
    for (uint32_t i = 0; i < count; i++) {
        const interval_state *s = (const interval_state *)(states[i] + env->state_offset);
        wr_interval *result = &((wr_interval *)out->data)[i];
        *result = (wr_interval){0};
        if (!s->count) {
            wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
            continue;
        }
        wr_i128 months = s->months, days = s->days, usecs = s->usecs;
        if (is_avg) {
            /* What a month or a day leaves over goes down to days of 30 per month and hours. */
            wr_i128 n = s->count;
            days += months % n * 30, months /= n;
            usecs = (usecs + days % n * WR_USECS_PER_DAY) / n, days /= n;
        }
        if (months != (int32_t)months || days != (int32_t)days || usecs != (int64_t)usecs)
            return wr_fail(WR_E_DATETIME_OVERFLOW, "the sum of intervals is out of range");
        *result = (wr_interval){(int32_t)months, (int32_t)days, (int64_t)usecs};
    }
    return WR_OK;
}

/* ---- min and max ---- */

typedef enum extreme_kind { EXTREME_INT, EXTREME_FLOAT, EXTREME_BOX } extreme_kind;

static extreme_kind kind_of(const wr_type *type)
{
    if (wr_type_is_float(type)) return EXTREME_FLOAT;
    return loops[type->phys].range ? EXTREME_INT : EXTREME_BOX;
}
static size_t size_of_extreme(const wr_aggregate_call *call)
{
    return kind_of(call->args[0]->type) == EXTREME_BOX ? sizeof(wr_box) : sizeof(int_extreme);
}
static bool wants_max(const wr_aggregate_env *env) { return env->call->fn->name[1] == 'a'; }

static inline void offer_int(int_extreme *s, int64_t value, bool want_max)
{
    if (!s->is_set || (want_max ? value > s->value : value < s->value)) s->value = value;
    s->is_set = 1;
}

static weir_status offer_box(wr_aggregate_env *env, wr_box *box, const wr_column *c, uint32_t row,
                             bool want_max)
{
    if (box->is_set) {
        int order;
        if (c->type->phys == WR_P_VIEW)
            order = wr_view_cmp(&box->view, &((const wr_view *)c->data)[row]);
        else
            order = wr_box_cmp(box, c, row);
        if (want_max ? order >= 0 : order <= 0) return WR_OK;
    }
    return wr_box_set(env, box, c, row);
}

static weir_status extreme_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    bool want_max = wants_max(env);
    extreme_kind kind = kind_of(args->type);
    const wr_column *c = kind == EXTREME_INT ? int_form(args, sel, count, scratch)
                                             : wr_agg_flat(args, sel, count, scratch);
    if (kind == EXTREME_INT) {
        loops[c->phys].extreme_groups(c, sel, count, states, env->state_offset, want_max);
        return WR_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        void *state = states[i] + env->state_offset;
        if (kind == EXTREME_FLOAT)
            offer_int(state, wr_float_order(float_at(c, row)), want_max);
        else
            WR_TRY(offer_box(env, state, c, row, want_max));
    }
    return WR_OK;
}

/* Text of a dictionary: each value that occurs is looked at once. */
static weir_status extreme_of_dictionary(wr_aggregate_env *env, const wr_column *c,
                                         const uint16_t *sel, uint32_t count, wr_box *box,
                                         wr_arena *scratch)
{
    const wr_column *dict = c->dict;
    uint64_t *seen = wr_new_array(scratch, uint64_t, dict->rows / 64 + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        uint32_t code = c->phys == WR_P_U8    ? ((const uint8_t *)c->data)[row]
                        : c->phys == WR_P_U16 ? ((const uint16_t *)c->data)[row]
                                              : ((const uint32_t *)c->data)[row];
        if (wr_bit_get(seen, code)) continue;
        wr_bit_set(seen, code);
        if (!wr_agg_is_null(dict, code)) WR_TRY(offer_box(env, box, dict, code, wants_max(env)));
    }
    return WR_OK;
}

static weir_status extreme_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, void *state, wr_arena *scratch)
{
    bool want_max = wants_max(env);
    extreme_kind kind = kind_of(args->type);
    if (kind == EXTREME_INT) {
        const wr_column *c = int_form(args, sel, count, scratch);
        int64_t lo, hi;
        if (loops[c->phys].range(c, sel, count, &lo, &hi))
            offer_int(state, (want_max ? hi : lo) + c->base, want_max);
        return WR_OK;
    }
    if (kind == EXTREME_BOX && args->form == WR_DICTIONARY)
        return extreme_of_dictionary(env, args, sel, count, state, scratch);
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        if (kind == EXTREME_FLOAT)
            offer_int(state, wr_float_order(float_at(c, row)), want_max);
        else
            WR_TRY(offer_box(env, state, c, row, want_max));
    }
    return WR_OK;
}

static weir_status extreme_merge(wr_aggregate_env *env, void *into, const void *from)
{
    const wr_type *type = env->call->args[0]->type;
    if (kind_of(type) != EXTREME_BOX) {
        const int_extreme *b = from;
        if (b->is_set) offer_int(into, b->value, wants_max(env));
        return WR_OK;
    }
    const wr_box *b = from;
    wr_box_column storage;
    return b->is_set ? offer_box(env, into, wr_box_as_column(b, type, &storage), 0, wants_max(env))
                     : WR_OK;
}

static weir_status extreme_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                  wr_arena *arena, wr_column *out)
{
    extreme_kind kind = kind_of(out->type);
    if (kind == EXTREME_BOX) {
        wr_box **boxes = wr_new_array(arena, wr_box *, count + 1);
        for (uint32_t i = 0; i < count; i++)
            boxes[i] = (wr_box *)(states[i] + env->state_offset);
        wr_box_write(boxes, count, out->type, arena, out);
        return WR_OK;
    }
    size_t size = wr_phys_size((wr_phys)out->phys);
    for (uint32_t i = 0; i < count; i++) {
        const int_extreme *s = (const int_extreme *)(states[i] + env->state_offset);
        if (!s->is_set) wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
        if (kind == EXTREME_INT) {
            memcpy((char *)out->data + i * size, &s->value,
                   size); /* little-endian: the low bytes */
        } else if (out->phys == WR_P_F32) {
            ((float *)out->data)[i] = (float)wr_float_of_order(s->value);
        } else {
            ((double *)out->data)[i] = wr_float_of_order(s->value);
        }
    }
    return WR_OK;
}

static weir_status extreme_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    if (kind_of(env->call->args[0]->type) == EXTREME_BOX)
        wr_box_save(state, env->call->args[0]->type, out);
    else
        wr_buf_add(out, state, sizeof(int_extreme));
    return WR_OK;
}
static weir_status extreme_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    const wr_type *type = env->call->args[0]->type;
    if (kind_of(type) == EXTREME_BOX) return wr_box_load(env, type, &bytes, state);
    return wr_bytes_take(&bytes, state, sizeof(int_extreme))
               ? WR_OK
               : wr_fail(WR_E_CORRUPT, "a saved state is too short");
}

#define SUM_OF(finish_fn, bind_fn)                                                             \
    .state_size = size_of_sum, .init = init_zero, .update = sum_groups, .update_few = sum_few, \
    .update_one = sum_one, .merge = sum_merge, .take_back = sum_back, .finish = finish_fn,     \
    .bind = bind_fn, .flags = WR_AGG_INVERTIBLE
#define FLOAT_OF                                                             \
    .state_size = size_of_float, .init = float_init, .update = float_groups, \
    .update_few = float_few, .update_one = float_one, .merge = float_merge,  \
    .finish = float_finish, .save = float_save, .load = float_load, .take_back = float_back
#define INTERVAL_OF                                                                  \
    .state_size = size_of_interval, .init = init_zero, .update = interval_groups,    \
    .update_one = interval_one, .merge = interval_merge, .take_back = interval_back, \
    .finish = interval_finish
#define EXTREME_OF                                                               \
    .state_size = size_of_extreme, .init = init_zero, .update = extreme_groups,  \
    .update_one = extreme_one, .merge = extreme_merge, .finish = extreme_finish, \
    .save = extreme_save, .load = extreme_load, .flags = WR_AGG_IGNORES_DISTINCT
#define SUM_HELP .help = "Sum of the values; NULL if there are none. Never wraps."
#define AVG_HELP .help = "Arithmetic mean of the values; NULL if there are none."

const wr_aggregate wr_aggregates_agg_basic[] = {
    {"count", "() -> bigint", .state_size = size_of_count, .init = init_zero,
     .update = count_star_groups, .update_few = count_star_few, .update_one = count_star_one,
     .merge = count_merge, .take_back = count_star_back, .finish = count_finish,
     .flags = WR_AGG_INVERTIBLE, .help = "Number of rows.",
     .example = "SELECT count(*) FROM (VALUES (1), (NULL)) t(x)", .result = "2"},
    {"count", "(any) -> bigint", .state_size = size_of_count, .init = init_zero,
     .update = count_groups, .update_few = count_few, .update_one = count_one, .merge = count_merge,
     .take_back = count_back, .finish = count_finish, .flags = WR_AGG_INVERTIBLE,
     .help = "Number of values that are not NULL.",
     .example = "SELECT count(x) FROM (VALUES (1), (NULL)) t(x)", .result = "1"},
    {"count_if|countif", "(boolean) -> bigint", .state_size = size_of_count, .init = init_zero,
     .update = count_if_groups, .update_one = count_if_one, .merge = count_merge,
     .finish = count_finish, .take_back = count_if_back, .flags = WR_AGG_INVERTIBLE,
     .help = "Number of rows for which the condition is true.",
     .example = "SELECT count_if(x > 1) FROM (VALUES (1), (2), (3)) t(x)", .result = "2"},
    {"sum", "(tinyint) -> bigint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::tinyint), (2)) t(x)", .result = "3"},
    {"sum", "(smallint) -> bigint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::smallint), (2)) t(x)", .result = "3"},
    {"sum", "(integer) -> bigint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1), (2), (NULL)) t(x)", .result = "3"},
    {"sum", "(bigint) -> auto", SUM_OF(sum_finish, bind_sum_decimal), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (9223372036854775807), (1)) t(x)",
     .result = "9223372036854775808"},
    {"sum", "(utinyint) -> bigint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::utinyint), (2::utinyint)) t(x)", .result = "3"},
    {"sum", "(usmallint) -> bigint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::usmallint), (2::usmallint)) t(x)", .result = "3"},
    {"sum", "(uinteger) -> bigint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::uinteger), (2::uinteger)) t(x)", .result = "3"},
    {"sum", "(ubigint) -> auto", SUM_OF(sum_finish, bind_sum_decimal), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::ubigint), (2::ubigint)) t(x)", .result = "3"},
    {"sum", "(hugeint) -> hugeint", SUM_OF(sum_finish, NULL), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1::hugeint), (2::hugeint)) t(x)", .result = "3"},
    {"sum", "(decimal) -> auto", SUM_OF(sum_finish, bind_sum_decimal), SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (1.25), (2.50)) t(x)", .result = "3.75"},
    {"sum|fsum|kahan_sum", "(double) -> double", FLOAT_OF, SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (0.1::double), (0.2), (0.3)) t(x)", .result = "0.6"},
    {"sum", "(real) -> real", FLOAT_OF, SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (0.5::real), (0.25::real)) t(x)", .result = "0.75"},
    {"sum", "(interval) -> interval", INTERVAL_OF, SUM_HELP,
     .example = "SELECT sum(x) FROM (VALUES (INTERVAL '1 day'), (INTERVAL '2 hours')) t(x)",
     .result = "1 day 02:00:00"},
    {"sum", "(boolean) -> bigint", SUM_OF(sum_finish, NULL),
     .help = "Number of true values; NULL if there are none.",
     .example = "SELECT sum(x) FROM (VALUES (true), (false), (true)) t(x)", .result = "2"},
    {"avg|mean", "(integer_) -> double", SUM_OF(avg_finish, NULL), AVG_HELP,
     .example = "SELECT avg(x) FROM (VALUES (1), (2), (NULL)) t(x)", .result = "1.5"},
    {"avg|mean", "(decimal) -> double", SUM_OF(avg_finish, NULL), AVG_HELP,
     .example = "SELECT avg(x) FROM (VALUES (1.25), (2.50)) t(x)", .result = "1.875"},
    {"avg|mean|favg", "(double) -> double", FLOAT_OF, AVG_HELP,
     .example = "SELECT avg(x) FROM (VALUES (1.5::double), (2.5)) t(x)", .result = "2"},
    {"avg|mean", "(real) -> double", FLOAT_OF, AVG_HELP,
     .example = "SELECT avg(x) FROM (VALUES (1.5::real), (2.5::real)) t(x)", .result = "2"},
    {"avg|mean", "(interval) -> interval", INTERVAL_OF, AVG_HELP,
     .example = "SELECT avg(x) FROM (VALUES (INTERVAL '1 day'), (INTERVAL '3 days')) t(x)",
     .result = "2 days"},
    {"min", "(any) -> any", EXTREME_OF, .help = "Least value; NULL if there are none.",
     .example = "SELECT min(x) FROM (VALUES (3), (1), (NULL)) t(x)", .result = "1"},
    {"max", "(any) -> any", EXTREME_OF, .help = "Greatest value; NULL if there are none.",
     .example = "SELECT max(x) FROM (VALUES ('a'), ('b')) t(x)", .result = "b"},
    {0},
};

const wr_fn wr_fns_agg_basic[] = {{0}};
