/* agg_approx.c - approximate answers in bounded memory: distinct counts (HyperLogLog) and quantiles
 * (counted buckets).
 *
 * HyperLogLog: 4096 registers of a byte (standard error 1.6 %), taken from the heap at the first
 * value; merging takes the larger register, so the answer depends on neither order nor threads.
 * Quantiles: how often each value came, as long as at most BUCKETS_MAX differ; then lowest bits of
 * the ordered values are left out, one after another, until they are that few again. Merging adds
 * counts, and the number of bits left out is the least that suffices for the set of all values:
 * so neither threads nor spilling nor the order of rows can change the answer. Both can be saved.
 */
#include "expr/fn/box.h"
#include "expr/fn/float_order.h"
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

/* ---- quantiles ---- */

/* A slot of the table holds how often a bucket came; times is 0 in a free one. */
typedef struct bucket {
    int64_t key; /* order of the value, without its low bits */
    uint64_t times;
} bucket;
enum {
    BUCKETS_MAX = 1024,  /* of a result */
    BUCKETS_HELD = 1536, /* on the way there: bits are left out more rarely */
    SLOTS_MIN = 16,
    SLOTS_MAX = 2048,
    WAITING_MIN = 16,
    WAITING_MAX = 512,
    SLOTS_AHEAD = 8
};

/* Values wait until there are many of them: with a thousand groups every look at a table is a miss
 * of the cache, but a table that was fetched serves all that wait. */
typedef struct sketch {
    bucket *slots;    /* open addressing */
    int64_t *waiting; /* orders of values that are not in the table yet */
    uint64_t total;   /* values in the table; least and most are theirs */
    double least, most;
    uint32_t slot_count, bucket_count;
    uint32_t shift; /* bits left out of keys */
    uint16_t waiting_count, waiting_cap;
} sketch;

static size_t size_of_sketch(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(sketch);
}
static inline uint32_t first_slot(const sketch *s, int64_t key)
{
    uint64_t hash = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(hash >> 40) & (s->slot_count - 1);
}
static inline bucket *sketch_find(const sketch *s, int64_t key)
{
    uint32_t mask = s->slot_count - 1, at = first_slot(s, key);
    while (s->slots[at].times && s->slots[at].key != key)
        at = (at + 1) & mask;
    return &s->slots[at];
}
/* The buckets in no order; out has BUCKETS_HELD places. */
static uint32_t sketch_list(const sketch *s, bucket *out)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < s->slot_count; k++)
        if (s->slots[k].times) out[count++] = s->slots[k];
    return count;
}
/* Fills the emptied table with buckets, whose keys lose bits more of their low bits. */
static void sketch_fill(sketch *s, const bucket *from, uint32_t count, uint32_t bits)
{
    memset(s->slots, 0, s->slot_count * sizeof(bucket));
    s->bucket_count = 0;
    for (uint32_t k = 0; k < count; k++) {
        int64_t key = from[k].key >> bits;
        bucket *into = sketch_find(s, key);
        s->bucket_count += into->times == 0;
        into->key = key;
        into->times += from[k].times;
    }
}
static weir_status sketch_grow(wr_aggregate_env *env, sketch *s)
{
    bucket kept[BUCKETS_HELD];
    uint32_t count = sketch_list(s, kept), slot_count = WR_MAX(s->slot_count * 2, SLOTS_MIN);
    void *slots = s->slots;
    WR_TRY(wr_agg_grow(env, &slots, s->slot_count * sizeof(bucket), slot_count * sizeof(bucket)));
    s->slots = slots;
    s->slot_count = slot_count;
    sketch_fill(s, kept, count, 0);
    return WR_OK;
}
/* Leaves out as few more bits as make buckets (of a table that has BUCKETS_MAX at most then) of
 * these, which are all there are. Mostly one bit is enough. */
static void sketch_coarsen(sketch *s, const bucket *from, uint32_t count)
{
    uint32_t too_few = 0, bits = 1, filled = 1, most = 63 - s->shift;
    for (sketch_fill(s, from, count, bits); s->bucket_count > BUCKETS_MAX;) {
        too_few = bits;
        filled = bits = WR_MIN(bits * 2, most);
        sketch_fill(s, from, count, bits);
    }
    while (bits - too_few > 1) {
        filled = too_few + (bits - too_few) / 2;
        sketch_fill(s, from, count, filled);
        if (s->bucket_count <= BUCKETS_MAX)
            bits = filled;
        else
            too_few = filled;
    }
    if (filled != bits) sketch_fill(s, from, count, bits);
    s->shift += bits;
}
static weir_status sketch_count(wr_aggregate_env *env, sketch *s, int64_t order, uint64_t times)
{
    int64_t key = order >> s->shift;
    bucket *into = s->slots ? sketch_find(s, key) : NULL;
    bool is_known = into && into->times;
    if (!is_known && s->bucket_count == BUCKETS_HELD) {
        bucket kept[BUCKETS_HELD + 1];
        uint32_t count = sketch_list(s, kept);
        kept[count++] = (bucket){key, times};
        sketch_coarsen(s, kept, count);
    } else {
        if (!is_known && s->slot_count < SLOTS_MAX && s->bucket_count == s->slot_count / 2) {
            WR_TRY(sketch_grow(env, s));
            into = sketch_find(s, key);
        }
        s->bucket_count += !is_known;
        into->key = key;
        into->times += times;
    }
    s->total += times;
    return WR_OK;
}
static void sketch_widen(sketch *s, double least, double most)
{
    s->least = s->total ? WR_MIN(s->least, least) : least;
    s->most = s->total ? WR_MAX(s->most, most) : most;
}
/* Puts the values that wait into the table. */
static weir_status sketch_settle(wr_aggregate_env *env, sketch *s)
{
    uint32_t count = s->waiting_count;
    const int64_t *waiting = s->waiting;
    if (count == 0) return WR_OK;
    int64_t least = waiting[0], most = waiting[0];
    for (uint32_t i = 1; i < count; i++) {
        least = WR_MIN(least, waiting[i]);
        most = WR_MAX(most, waiting[i]);
    }
    sketch_widen(s, wr_float_of_order(least), wr_float_of_order(most));
    s->waiting_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (s->slots && i + SLOTS_AHEAD < count)
            __builtin_prefetch(&s->slots[first_slot(s, waiting[i + SLOTS_AHEAD] >> s->shift)]);
        WR_TRY(sketch_count(env, s, waiting[i], 1));
    }
    return WR_OK;
}
/* Empties the place of what waits, and makes it larger when the table has grown: tables of few
 * different values are small, and so is what waits for them. */
static weir_status sketch_make_room(wr_aggregate_env *env, sketch *s)
{
    WR_TRY(sketch_settle(env, s));
    uint32_t cap = WR_MAX(s->waiting_cap, WAITING_MIN);
    while (cap < WAITING_MAX && cap < s->bucket_count / 2)
        cap *= 2;
    if (cap == s->waiting_cap) return WR_OK;
    void *waiting = s->waiting;
    WR_TRY(wr_agg_grow(env, &waiting, s->waiting_cap * sizeof(int64_t), cap * sizeof(int64_t)));
    s->waiting = waiting;
    s->waiting_cap = (uint16_t)cap;
    return WR_OK;
}
static inline weir_status sketch_add(wr_aggregate_env *env, sketch *s, int64_t order)
{
    if (wr_unlikely(s->waiting_count == s->waiting_cap)) WR_TRY(sketch_make_room(env, s));
    s->waiting[s->waiting_count++] = order;
    return WR_OK;
}
static inline weir_status sketch_value(wr_aggregate_env *env, sketch *s, double x)
{
    if (!isfinite(x)) return WR_OK; /* infinities and NaN have no place between neighbours */
    return sketch_add(env, s, wr_float_order(x + 0.0)); /* + 0.0: -0 is 0 */
}
static weir_status sketch_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                 uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        __builtin_prefetch(states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + env->state_offset, 1);
        if (wr_agg_is_null(c, row)) continue;
        WR_TRY(sketch_value(env, (sketch *)(states[i] + env->state_offset),
                            ((const double *)c->data)[row]));
    }
    return WR_OK;
}
/* One table stays in the cache: nothing has to wait. */
static weir_status sketch_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                              uint32_t count, void *state, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    sketch *s = state;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        double x = ((const double *)c->data)[row];
        if (wr_agg_is_null(c, row) || !isfinite(x)) continue;
        sketch_widen(s, x, x);
        WR_TRY(sketch_count(env, s, wr_float_order(x + 0.0), 1));
    }
    return WR_OK;
}
static weir_status sketch_merge(wr_aggregate_env *env, void *into, const void *from)
{
    sketch *a = into;
    const sketch *b = from;
    for (uint32_t k = 0; k < b->waiting_count; k++)
        WR_TRY(sketch_add(env, a, b->waiting[k]));
    if (b->total == 0) return WR_OK;
    sketch_widen(a, b->least, b->most);
    if (a->shift < b->shift) {
        bucket kept[BUCKETS_HELD];
        if (a->slots) sketch_fill(a, kept, sketch_list(a, kept), b->shift - a->shift);
        a->shift = b->shift;
    }
    for (uint32_t k = 0; k < b->slot_count; k++) {
        const bucket *item = &b->slots[k];
        if (item->times)
            WR_TRY(sketch_count(env, a, (int64_t)((uint64_t)item->key << b->shift), item->times));
    }
    return WR_OK;
}
/* Everything in the table, in as many buckets as a result has: those that the values alone decide.
 */
static weir_status sketch_close(wr_aggregate_env *env, sketch *s)
{
    bucket kept[BUCKETS_HELD];
    WR_TRY(sketch_settle(env, s));
    if (s->bucket_count > BUCKETS_MAX) sketch_coarsen(s, kept, sketch_list(s, kept));
    return WR_OK;
}
static int cmp_buckets(const void *a, const void *b)
{
    int64_t x = ((const bucket *)a)->key, y = ((const bucket *)b)->key;
    return (x > y) - (x < y);
}
/* The value of a rank (from 0) among the sorted: those of a bucket stand evenly between its ends.
 */
static double value_of_rank(const sketch *s, const bucket *sorted, uint64_t rank)
{
    uint64_t before = 0;
    while (before + sorted->times <= rank)
        before += sorted++->times;
    int64_t first = (int64_t)((uint64_t)sorted->key << s->shift);
    int64_t last = (int64_t)((uint64_t)first | ((UINT64_C(1) << s->shift) - 1));
    double low = fmax(wr_float_of_order(first), s->least);
    double high = fmin(wr_float_of_order(last), s->most);
    if (low == high) return low;
    double share = ((double)(rank - before) + 0.5) / (double)sorted->times;
    return low * (1 - share) + high * share;
}
static double sketch_quantile(const sketch *s, double fraction)
{
    bucket sorted[BUCKETS_MAX];
    qsort(sorted, sketch_list(s, sorted), sizeof(bucket), cmp_buckets);
    double position = fraction * (double)(s->total - 1);
    uint64_t below = (uint64_t)position;
    double rest = position - (double)below, low = value_of_rank(s, sorted, below);
    if (rest == 0 || below + 1 >= s->total) return low;
    return low + (value_of_rank(s, sorted, below + 1) - low) * rest;
}
static weir_status sketch_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                 wr_arena *arena, wr_column *out)
{
    double fraction = env->call->args[1]->value.f64;
    for (uint32_t i = 0; i < count; i++) {
        sketch *s = (sketch *)(states[i] + env->state_offset);
        WR_TRY(sketch_close(env, s));
        ((double *)out->data)[i] = s->total ? sketch_quantile(s, fraction) : 0;
        if (!s->total) wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
    }
    return WR_OK;
}
static weir_status sketch_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    (void)env;
    const sketch *s = state;
    if (s->total == 0 && s->waiting_count == 0) return WR_OK;
    wr_buf_add(out, s, sizeof *s);
    for (uint32_t k = 0; k < s->slot_count; k++)
        if (s->slots[k].times) wr_buf_add(out, &s->slots[k], sizeof(bucket));
    if (s->waiting_count) wr_buf_add(out, s->waiting, s->waiting_count * sizeof(int64_t));
    return WR_OK;
}
static weir_status sketch_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    sketch *s = state, saved;
    *s = (sketch){0};
    if (!bytes.length) return WR_OK;
    bool is_whole =
        wr_bytes_take(&bytes, &saved, sizeof saved) && saved.shift < 64 &&
        bytes.length == saved.bucket_count * sizeof(bucket) + saved.waiting_count * sizeof(int64_t);
    if (!is_whole) return wr_fail(WR_E_CORRUPT, "a saved quantile sketch is damaged");
    s->shift = saved.shift;
    if (saved.total) sketch_widen(s, saved.least, saved.most);
    bucket item;
    for (uint32_t k = 0; k < saved.bucket_count && wr_bytes_take(&bytes, &item, sizeof item); k++)
        WR_TRY(sketch_count(env, s, (int64_t)((uint64_t)item.key << s->shift), item.times));
    for (int64_t order; wr_bytes_take(&bytes, &order, sizeof order);)
        WR_TRY(sketch_add(env, s, order));
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
     .state_size = size_of_sketch, .init = init_zero, .update = sketch_groups,
     .update_one = sketch_one, .merge = sketch_merge, .finish = sketch_finish, .save = sketch_save,
     .load = sketch_load, .bind = bind_fraction,
     .help = "About the value below which a share of the values lies; exact up to 1024 different "
             "values.",
     .example = "SELECT approx_quantile(x, 0.5) FROM (VALUES (1), (2), (3)) t(x)", .result = "2"},
    {0},
};
