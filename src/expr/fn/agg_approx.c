/* agg_approx.c - approximate answers in bounded memory: distinct counts (HyperLogLog) and quantiles
 * (t-digest).
 *
 * HyperLogLog: 4096 registers of a byte (standard error 1.6 %), taken from the heap at the first
 * value; merging takes the larger register, so the answer depends on neither order nor threads.
 * t-digest: centroids sorted by mean, compressed when the buffer is full, small at both tails so
 * that extreme quantiles stay sharp. Both can be saved. */
#include "expr/fn/box.h"
#include <math.h>
#include <stdlib.h>

static void init_zero(const wr_aggregate_call *call, void *state)
{
    memset(state, 0, call->fn->state_size(call));
}

/* ---- HyperLogLog ---- */

enum { HLL_BITS = 12, HLL_SIZE = 1 << HLL_BITS };

typedef struct hll_state {
    uint8_t *registers;
} hll_state;

static size_t size_of_hll(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(hll_state);
}
static weir_status hll_need(wr_aggregate_env *env, hll_state *s)
{
    if (s->registers) return WR_OK;
    void *registers = NULL;
    WR_TRY(wr_agg_grow(env, &registers, 0, HLL_SIZE));
    s->registers = memset(registers, 0, HLL_SIZE);
    return WR_OK;
}
static weir_status hll_add(wr_aggregate_env *env, hll_state *s, uint64_t hash)
{
    WR_TRY(hll_need(env, s));
    /* The hash of a small integer may be weak in some bits. */
    hash ^= hash >> 32, hash *= UINT64_C(0xd6e8feb86659fd93), hash ^= hash >> 32;
    uint32_t at = (uint32_t)(hash >> (64 - HLL_BITS));
    uint64_t rest = hash << HLL_BITS | UINT64_C(1) << (HLL_BITS - 1);
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > s->registers[at]) s->registers[at] = rank;
    return WR_OK;
}
static weir_status hll_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_column_is_null(args, row)) continue;
        WR_TRY(
            hll_add(env, (hll_state *)(states[i] + env->state_offset), wr_column_hash(args, row)));
    }
    return WR_OK;
}
static weir_status hll_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                           uint32_t count, void *state, wr_arena *scratch)
{
    (void)scratch;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_column_is_null(args, row)) WR_TRY(hll_add(env, state, wr_column_hash(args, row)));
    }
    return WR_OK;
}
static weir_status hll_merge(wr_aggregate_env *env, void *into, const void *from)
{
    hll_state *a = into;
    const hll_state *b = from;
    if (!b->registers) return WR_OK;
    WR_TRY(hll_need(env, a));
    for (int k = 0; k < HLL_SIZE; k++)
        a->registers[k] = WR_MAX(a->registers[k], b->registers[k]);
    return WR_OK;
}
static int64_t hll_estimate(const hll_state *s)
{
    if (!s->registers) return 0;
    double sum = 0, m = HLL_SIZE;
    int zeros = 0;
    for (int k = 0; k < HLL_SIZE; k++) {
        sum += ldexp(1, -s->registers[k]);
        zeros += s->registers[k] == 0;
    }
    double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
    if (estimate <= 2.5 * m && zeros) estimate = m * log(m / zeros);
    return (int64_t)llround(estimate);
}
static weir_status hll_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                              wr_arena *arena, wr_column *out)
{
    (void)arena;
    for (uint32_t i = 0; i < count; i++)
        ((int64_t *)out->data)[i] =
            hll_estimate((const hll_state *)(states[i] + env->state_offset));
    return WR_OK;
}
static weir_status hll_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    (void)env;
    const hll_state *s = state;
    if (s->registers) wr_buf_add(out, s->registers, HLL_SIZE);
    return WR_OK;
}
static weir_status hll_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    hll_state *s = state;
    s->registers = NULL;
    if (!bytes.length) return WR_OK;
    WR_TRY(hll_need(env, s));
    return wr_bytes_take(&bytes, s->registers, HLL_SIZE)
               ? WR_OK
               : wr_fail(WR_E_CORRUPT, "a saved distinct count is damaged");
}

/* ---- t-digest ---- */

enum { DIGEST_SIZE = 512, DIGEST_COMPRESSION = 200 };

typedef struct centroid {
    double mean, weight;
} centroid;
typedef struct digest {
    centroid items[DIGEST_SIZE];
    uint32_t count;
    double total, least, most;
} digest;
typedef struct digest_state {
    digest *d;
} digest_state;

static size_t size_of_digest(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(digest_state);
}
static int cmp_centroids(const void *a, const void *b)
{
    double x = ((const centroid *)a)->mean, y = ((const centroid *)b)->mean;
    return (x > y) - (x < y);
}
/* Joins neighbours as long as the scale function grows by at most one. */
static void digest_compress(digest *d)
{
    qsort(d->items, d->count, sizeof(centroid), cmp_centroids);
    uint32_t last = 0;
    double before = 0;
    for (uint32_t k = 1; k < d->count; k++) {
        centroid *a = &d->items[last], *b = &d->items[k];
        double joined = a->weight + b->weight, q0 = before / d->total,
               q1 = WR_MIN((before + joined) / d->total, 1.0);
        double growth = DIGEST_COMPRESSION / (2 * M_PI) * (asin(2 * q1 - 1) - asin(2 * q0 - 1));
        if (growth <= 1) {
            a->mean += (b->mean - a->mean) * b->weight / joined;
            a->weight = joined;
        } else {
            before += a->weight;
            d->items[++last] = *b;
        }
    }
    if (d->count) d->count = last + 1;
}
static void digest_add(digest *d, double mean, double weight)
{
    if (d->count == DIGEST_SIZE) digest_compress(d);
    d->items[d->count++] = (centroid){mean, weight};
    d->total += weight;
}
static weir_status digest_need(wr_aggregate_env *env, digest_state *s)
{
    if (s->d) return WR_OK;
    void *d = NULL;
    WR_TRY(wr_agg_grow(env, &d, 0, sizeof(digest)));
    s->d = d;
    s->d->count = 0, s->d->total = 0, s->d->least = INFINITY, s->d->most = -INFINITY;
    return WR_OK;
}
static weir_status digest_value(wr_aggregate_env *env, digest_state *s, double x)
{
    if (!isfinite(x)) return WR_OK; /* infinities and NaN have no place between neighbours */
    WR_TRY(digest_need(env, s));
    s->d->least = WR_MIN(s->d->least, x), s->d->most = WR_MAX(s->d->most, x);
    digest_add(s->d, x, 1);
    return WR_OK;
}
static weir_status digest_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                 uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        WR_TRY(digest_value(env, (digest_state *)(states[i] + env->state_offset),
                            ((const double *)c->data)[row]));
    }
    return WR_OK;
}
static weir_status digest_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, void *state, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row))
            WR_TRY(digest_value(env, state, ((const double *)c->data)[row]));
    }
    return WR_OK;
}
static weir_status digest_merge(wr_aggregate_env *env, void *into, const void *from)
{
    digest_state *a = into;
    const digest_state *b = from;
    if (!b->d) return WR_OK;
    WR_TRY(digest_need(env, a));
    a->d->least = WR_MIN(a->d->least, b->d->least), a->d->most = WR_MAX(a->d->most, b->d->most);
    for (uint32_t k = 0; k < b->d->count; k++)
        digest_add(a->d, b->d->items[k].mean, b->d->items[k].weight);
    return WR_OK;
}
static double digest_quantile(digest *d, double fraction)
{
    digest_compress(d);
    double wanted = fraction * d->total, before = 0;
    double last_mean = d->least, last_at = 0;
    for (uint32_t k = 0; k < d->count; k++) {
        double at = before + d->items[k].weight / 2;
        if (wanted < at) {
            double share = at > last_at ? (wanted - last_at) / (at - last_at) : 0;
            return last_mean + (d->items[k].mean - last_mean) * share;
        }
        last_mean = d->items[k].mean, last_at = at;
        before += d->items[k].weight;
    }
    double share = d->total > last_at ? (wanted - last_at) / (d->total - last_at) : 1;
    return last_mean + (d->most - last_mean) * share;
}
static weir_status digest_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                 wr_arena *arena, wr_column *out)
{
    double fraction = env->call->args[1]->value.f64;
    for (uint32_t i = 0; i < count; i++) {
        const digest_state *s = (const digest_state *)(states[i] + env->state_offset);
        ((double *)out->data)[i] = s->d ? digest_quantile(s->d, fraction) : 0;
        if (!s->d) wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
    }
    return WR_OK;
}
static weir_status digest_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    (void)env;
    const digest_state *s = state;
    if (s->d) wr_buf_add(out, s->d, sizeof *s->d);
    return WR_OK;
}
static weir_status digest_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    digest_state *s = state;
    s->d = NULL;
    if (!bytes.length) return WR_OK;
    WR_TRY(digest_need(env, s));
    if (!wr_bytes_take(&bytes, s->d, sizeof *s->d) || s->d->count > DIGEST_SIZE)
        return wr_fail(WR_E_CORRUPT, "a saved quantile sketch is damaged");
    return WR_OK;
}
static weir_status bind_fraction(wr_arena *arena, wr_aggregate_call *call, wr_span span)
{
    wr_env env = {0};
    wr_value value;
    if (!wr_expr_is_const(call->args[1]))
        return wr_fail_at(WR_E_BAD_ARGUMENT, span,
                          "the fraction of a quantile must be a constant from 0 to 1");
    WR_TRY(wr_expr_fold(arena, &env, call->args[1], &value));
    if (value.is_null || !(value.f64 >= 0 && value.f64 <= 1))
        return wr_fail_at(WR_E_BAD_ARGUMENT, span,
                          "the fraction of a quantile must be a constant from 0 to 1");
    call->args[1] = wr_expr_const(arena, value);
    return WR_OK;
}

const wr_fn wr_fns_agg_approx[] = {{0}};
const wr_aggregate wr_aggregates_agg_approx[] = {
    {"approx_count_distinct|approx_distinct", "(any) -> bigint", .state_size = size_of_hll,
     .init = init_zero, .update = hll_groups, .update_one = hll_one, .merge = hll_merge,
     .finish = hll_finish, .save = hll_save, .load = hll_load, .flags = WR_AGG_IGNORES_DISTINCT,
     .help = "Number of different values within about 2 percent.",
     .example = "SELECT approx_count_distinct(x) FROM (VALUES (1), (2), (2)) t(x)", .result = "2"},
    {"approx_quantile|approx_percentile", "(double, fraction double) -> double",
     .state_size = size_of_digest, .init = init_zero, .update = digest_groups,
     .update_one = digest_one, .merge = digest_merge, .finish = digest_finish, .save = digest_save,
     .load = digest_load, .bind = bind_fraction,
     .help = "About the value below which a share of the values lies.",
     .example = "SELECT approx_quantile(x, 0.5) FROM (VALUES (1), (2), (3)) t(x)", .result = "2"},
    {0},
};
