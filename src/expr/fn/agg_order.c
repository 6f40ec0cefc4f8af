/* agg_order.c - order statistics of doubles: median, interpolated quantiles, mad.
 *
 * The values of a group lie in chunks, each twice as large as the one before, so nothing is moved
 * while a group grows and little is wasted when it stays small. At the end they are brought
 * together as integers of the same order, and the wanted positions are selected without sorting: a
 * branch free partition, into less, equal and greater, so that many equal values cost no more. NaN
 * is the greatest value. */
#include "expr/fn/box.h"
#include "expr/fn/float_order.h"
#include "expr/fn/fraction.h"
#include <math.h>
#include <stdlib.h>

enum { CHUNK_FIRST = 6, CHUNK_LAST = 4094, INSERTION = 16, ROUNDS_MAX = 200 };

typedef struct chunk {
    struct chunk *older;
    uint64_t cap; /* values; all but the newest chunk are full */
    double values[];
} chunk;

typedef struct values_state {
    double *next, *end; /* room in the newest chunk */
    chunk *newest;
    uint64_t count;
} values_state;

static size_t size_of_values(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(values_state);
}
static void values_init(const wr_aggregate_call *call, void *state)
{
    (void)call;
    *(values_state *)state = (values_state){0};
}

/* A chunk of at least more values; the newest one must be full. */
static weir_status add_chunk(wr_aggregate_env *env, values_state *s, uint64_t more)
{
    uint64_t cap = s->newest ? s->newest->cap * 2 + 2 : (uint64_t)CHUNK_FIRST;
    cap = WR_MAX(WR_MIN(cap, (uint64_t)CHUNK_LAST), more);
    void *memory = NULL;
    WR_TRY(wr_agg_grow(env, &memory, 0, sizeof(chunk) + cap * sizeof(double)));
    chunk *c = memory;
    c->older = s->newest;
    c->cap = cap;
    s->newest = c;
    s->next = c->values;
    s->end = c->values + cap;
    return WR_OK;
}

static inline weir_status add_value(wr_aggregate_env *env, values_state *s, double value)
{
    if (wr_unlikely(s->next == s->end)) WR_TRY(add_chunk(env, s, 1));
    *s->next++ = value;
    s->count++;
    return WR_OK;
}

static weir_status add_values(wr_aggregate_env *env, values_state *s, const double *values,
                              uint64_t count)
{
    while (count > 0) {
        if (s->next == s->end) WR_TRY(add_chunk(env, s, 1));
        uint64_t some = WR_MIN(count, (uint64_t)(s->end - s->next));
        memcpy(s->next, values, some * sizeof *values);
        s->next += some;
        s->count += some;
        values += some;
        count -= some;
    }
    return WR_OK;
}

static weir_status values_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                 uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const double *x = c->data;
    uint32_t offset = env->state_offset;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        /* First the state is asked for, then, when that is here, the place it points to. */
        __builtin_prefetch(states[WR_MIN(i + 2 * WR_AGG_AHEAD, count - 1)] + offset, 1);
        const values_state *soon =
            (const values_state *)(states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + offset);
        __builtin_prefetch(soon->next, 1);
        if (!wr_agg_is_null(c, row))
            WR_TRY(add_value(env, (values_state *)(states[i] + offset), x[row]));
    }
    return WR_OK;
}
static weir_status values_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, void *state, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const double *x = c->data;
    if (!sel && !c->valid) return add_values(env, state, x, count);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row)) WR_TRY(add_value(env, state, x[row]));
    }
    return WR_OK;
}

/* Values of one chunk. */
static uint64_t count_in(const values_state *s, const chunk *c)
{
    return c == s->newest ? (uint64_t)(s->next - c->values) : c->cap;
}
static weir_status values_merge(wr_aggregate_env *env, void *into, const void *from)
{
    const values_state *b = from;
    for (const chunk *c = b->newest; c; c = c->older)
        WR_TRY(add_values(env, into, c->values, count_in(b, c)));
    return WR_OK;
}
static weir_status values_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    (void)env;
    const values_state *s = state;
    wr_buf_add(out, &s->count, sizeof s->count);
    for (const chunk *c = s->newest; c; c = c->older)
        wr_buf_add(out, c->values, count_in(s, c) * sizeof(double));
    return WR_OK;
}
static weir_status values_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    values_state *s = state;
    uint64_t count;
    *s = (values_state){0};
    if (!wr_bytes_take(&bytes, &count, sizeof count) || count > bytes.length / sizeof(double))
        return wr_fail(WR_E_CORRUPT, "a saved aggregate state is too short");
    if (count == 0) return WR_OK;
    WR_TRY(add_chunk(env, s, count));
    memcpy(s->next, bytes.data, count * sizeof(double));
    s->next += count;
    s->count = count;
    return WR_OK;
}

/* ---- selecting ---- */

static void insertion_sort(int64_t *v, uint64_t count)
{
    for (uint64_t i = 1; i < count; i++) {
        int64_t value = v[i];
        uint64_t at = i;
        for (; at > 0 && v[at - 1] > value; at--)
            v[at] = v[at - 1];
        v[at] = value;
    }
}

static int compare_orders(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static inline int64_t middle_of(int64_t a, int64_t b, int64_t c)
{
    int64_t least = WR_MIN(a, b), most = WR_MAX(a, b);
    return c < least ? least : c > most ? most : c;
}

/* Moves what is less than pivot (or_equal: not greater) to the front; returns how many. */
static uint64_t move_less(int64_t *v, uint64_t count, int64_t pivot, bool or_equal)
{
    uint64_t less = 0;
    for (uint64_t i = 0; i < count; i++) {
        int64_t value = v[i];
        v[i] = v[less];
        v[less] = value;
        less += (value < pivot) | (or_equal & (value == pivot));
    }
    return less;
}

/* Afterwards v[k] is what sorting would put there, smaller ones before it, greater ones behind. */
static void select_order(int64_t *v, uint64_t count, uint64_t k)
{
    for (int round = 0; count > INSERTION; round++) {
        if (round > ROUNDS_MAX) {
            qsort(v, count, sizeof *v, compare_orders);
            return;
        }
        uint64_t step = count / 8;
        int64_t pivot = middle_of(middle_of(v[0], v[step], v[2 * step]),
                                  middle_of(v[3 * step], v[4 * step], v[5 * step]),
                                  middle_of(v[6 * step], v[7 * step], v[count - 1]));
        uint64_t less = move_less(v, count, pivot, false);
        if (k < less) {
            count = less;
            continue;
        }
        v += less, count -= less, k -= less;
        uint64_t equal = move_less(v, count, pivot, true);
        if (k < equal) return;
        v += equal, count -= equal, k -= equal;
    }
    insertion_sort(v, count);
}

/* The value at a share of the sorted ones: linear interpolation between neighbours. */
static double interpolate(int64_t *v, uint64_t count, double fraction)
{
    double position = fraction * (double)(count - 1);
    uint64_t below = (uint64_t)position;
    double rest = position - (double)below;
    select_order(v, count, below);
    double low = wr_float_of_order(v[below]);
    if (rest == 0 || below + 1 >= count) return low;
    int64_t next = v[below + 1];
    for (uint64_t i = below + 2; i < count; i++)
        next = v[i] < next ? v[i] : next;
    return low + (wr_float_of_order(next) - low) * rest;
}

/* All values of a state, in *room, which grows as needed. */
static int64_t *orders_of(const values_state *s, wr_arena *arena, int64_t **room, uint64_t *cap)
{
    if (s->count > *cap) {
        wr_arena_reset(arena);
        *cap = s->count + s->count / 4;
        *room = wr_new_array(arena, int64_t, *cap);
    }
    uint64_t at = 0;
    for (const chunk *c = s->newest; c; c = c->older) {
        uint64_t count = count_in(s, c);
        for (uint64_t i = 0; i < count; i++)
            (*room)[at++] = wr_float_order(c->values[i]);
    }
    return *room;
}

static void null_at(wr_column *out, wr_arena *arena, uint32_t count, uint32_t i)
{
    wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
}

static weir_status cont_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                               wr_arena *arena, wr_column *out)
{
    uint32_t fractions;
    bool is_list = out->type->id == WR_T_LIST;
    (void)wr_fraction_at(env->call, 0, &fractions);
    wr_column *to = out;
    if (is_list) {
        to = out->children = wr_new(arena, wr_column);
        wr_column_init(to, arena, WR_DOUBLE, WR_P_F64, count * fractions + 1);
        to->rows = count * fractions;
    }
    WR_ARENA(scratch);
    int64_t *room = NULL;
    uint64_t cap = 0;
    for (uint32_t i = 0; i < count; i++) {
        const values_state *s = (const values_state *)(states[i] + env->state_offset);
        int64_t *orders = orders_of(s, &scratch, &room, &cap);
        if (is_list) ((wr_list_slot *)out->data)[i] = (wr_list_slot){i * fractions, fractions};
        if (is_list && !s->count) null_at(out, arena, count, i);
        for (uint32_t k = 0; k < fractions; k++) {
            uint32_t ignored, at = i * fractions + k;
            double fraction = wr_fraction_at(env->call, k, &ignored);
            bool known = s->count && !isnan(fraction);
            ((double *)to->data)[at] = known ? interpolate(orders, s->count, fraction) : 0;
            if (!known && !is_list) null_at(to, arena, count, at);
        }
    }
    return WR_OK;
}

static weir_status mad_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                              wr_arena *arena, wr_column *out)
{
    WR_ARENA(scratch);
    int64_t *room = NULL;
    uint64_t cap = 0;
    for (uint32_t i = 0; i < count; i++) {
        const values_state *s = (const values_state *)(states[i] + env->state_offset);
        ((double *)out->data)[i] = 0;
        if (!s->count) {
            null_at(out, arena, count, i);
            continue;
        }
        int64_t *orders = orders_of(s, &scratch, &room, &cap);
        double middle = interpolate(orders, s->count, 0.5);
        for (uint64_t k = 0; k < s->count; k++)
            orders[k] = wr_float_order(fabs(wr_float_of_order(orders[k]) - middle));
        ((double *)out->data)[i] = interpolate(orders, s->count, 0.5);
    }
    return WR_OK;
}

/* ---- fractions ---- */

static weir_status bad_fraction(wr_span span)
{
    return wr_fail_at(WR_E_BAD_ARGUMENT, span,
                      "the fraction of a quantile must be a constant from 0 to 1");
}
weir_status wr_fraction_bind(wr_arena *arena, wr_aggregate_call *call, wr_span span)
{
    wr_env env = {0};
    wr_value value;
    if (call->arg_count < 2) return WR_OK;
    if (!wr_expr_is_const(call->args[1])) return bad_fraction(span);
    WR_TRY(wr_expr_fold(arena, &env, call->args[1], &value));
    call->args[1] = wr_expr_const(arena, value);
    if (value.is_null) return WR_OK;
    if (value.type->id == WR_T_DOUBLE)
        return value.f64 >= 0 && value.f64 <= 1 ? WR_OK : bad_fraction(span);
    const wr_column *list = value.nested;
    for (uint32_t k = 0; k < wr_list_length(list, 0); k++) {
        wr_pick at = wr_pick_element(list, 0, k);
        double f = wr_column_is_null(at.column, at.row) ? -1 : wr_column_f64(at.column, at.row);
        if (!(f >= 0 && f <= 1)) return bad_fraction(span);
    }
    return WR_OK;
}
double wr_fraction_at(const wr_aggregate_call *call, uint32_t k, uint32_t *count)
{
    *count = 1;
    if (call->arg_count < 2) return 0.5;
    const wr_value *value = &call->args[1]->value;
    if (value->is_null) return NAN;
    if (value->type->id == WR_T_DOUBLE) return value->f64;
    *count = wr_list_length(value->nested, 0);
    if (k >= *count) return NAN;
    wr_pick at = wr_pick_element(value->nested, 0, k);
    return wr_column_f64(at.column, at.row);
}

#define ORDER(names, signature, finish_fn, bind_fn, help_text, example_text, result_text) \
    {                                                                                     \
        names, signature,                                                                 \
            .state_size = size_of_values, .init = values_init, .update = values_groups,   \
            .update_one = values_one, .merge = values_merge, .finish = finish_fn,         \
            .save = values_save, .load = values_load, .bind = bind_fn, .help = help_text, \
            .example = "SELECT " example_text " FROM (VALUES (1), (2), (3), (4)) t(x)",   \
            .result = result_text                                                         \
    }

const wr_fn wr_fns_agg_order[] = {{0}};
const wr_aggregate wr_aggregates_agg_order[] = {
    ORDER("median", "(double) -> double", cont_finish, NULL,
          "The middle value, or the mean of the two middle ones.", "median(x)", "2.5"),
    ORDER("quantile_cont|percentile_cont", "(double, fraction double) -> double", cont_finish,
          wr_fraction_bind, "The value below which a share of the values lies, interpolated.",
          "quantile_cont(x, 0.5)", "2.5"),
    ORDER("quantile_cont|percentile_cont", "(double, fractions double[]) -> double[]", cont_finish,
          wr_fraction_bind, "Interpolated values for several shares.",
          "quantile_cont(x, [0.0, 0.5, 1.0])", "[1, 2.5, 4]"),
    ORDER("mad", "(double) -> double", mad_finish, NULL, "Median of the distances from the median.",
          "mad(x)", "1"),
    {0},
};
