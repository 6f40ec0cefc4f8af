/* agg_stat.c - variance, covariance, correlation, regression, skewness and kurtosis.
 *
 * States hold the number of rows and exact sums of powers and products (exact_sum.h): a square is
 * added as the two doubles it is exactly, a cube as four. Central moments are computed from these
 * sums without rounding, so nothing cancels when values are large and close together, equal values
 * have a variance of exactly 0, and results depend neither on the order of rows nor on the number
 * of threads. Products that leave the range of a double make the result infinite or NaN.
 *
 * At the end a sum becomes an expansion: a few doubles that add up to it. Each family has one state
 * and one update; which number is read is decided by the first name of the row. */
#pragma GCC optimize("O3") /* the test for small integers vectorises */
#include "expr/fn/box.h"
#include "expr/fn/exact_sum.h"
#include <math.h>

enum { POWERS = 4, PARTS = 6, BLOCK = 256 };

typedef struct moments {
    int64_t n;
    wr_exact_sum sums[]; /* of x, x^2, x^3, x^4 as far as wanted, then of low parts of x^2 */
} moments;
/* A product is two doubles; sums of the first and of the second halves each stay narrow. */
enum { SUM_X, SUM_Y, SUM_XX, SUM_YY, SUM_XY, SUM_XX_LOW, SUM_YY_LOW, SUM_XY_LOW, PAIR_SUMS };
enum { INTEGER_SUMS = SUM_XY + 1 };
typedef struct pairs {
    int64_t n;
    int64_t integers[INTEGER_SUMS]; /* added to the sums when these are looked at: in one cache
                                       line with n, which is all that small integers touch */
    wr_exact_sum sums[PAIR_SUMS];
} pairs;

static int powers_of(const wr_aggregate_call *call)
{
    char first = call->fn->name[0];
    return first == 'k' ? 4 : strncmp(call->fn->name, "skew", 4) == 0 ? 3 : 2;
}
static size_t size_of_moments(const wr_aggregate_call *call)
{
    return sizeof(moments) + sizeof(wr_exact_sum) * (size_t)(powers_of(call) + 1);
}
static size_t size_of_pairs(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(pairs);
}
static void init_sums(int64_t *n, wr_exact_sum *sums, int count)
{
    *n = 0;
    for (int k = 0; k < count; k++)
        wr_exact_init(&sums[k]);
}
static void moments_init(const wr_aggregate_call *call, void *state)
{
    moments *s = state;
    init_sums(&s->n, s->sums, powers_of(call) + 1);
}
static void pairs_init(const wr_aggregate_call *call, void *state)
{
    (void)call;
    pairs *s = state;
    memset(s->integers, 0, sizeof s->integers);
    init_sums(&s->n, s->sums, PAIR_SUMS);
}
static void merge_sums(wr_exact_sum *into, const wr_exact_sum *from, int count, wr_arena *heap)
{
    for (int k = 0; k < count; k++)
        wr_exact_merge(&into[k], &from[k], heap);
}
static void save_sums(int64_t n, const wr_exact_sum *sums, int count, wr_buf *out)
{
    wr_buf_add(out, &n, sizeof n);
    for (int k = 0; k < count; k++)
        wr_exact_save(&sums[k], out);
}
static weir_status load_sums(wr_str bytes, int64_t *n, wr_exact_sum *sums, int count,
                             wr_arena *heap)
{
    bool good = wr_bytes_take(&bytes, n, sizeof *n);
    for (int k = 0; k < count && good; k++)
        good = wr_exact_load(&sums[k], &bytes, heap);
    return good ? WR_OK : wr_fail(WR_E_CORRUPT, "a saved sum is damaged");
}

/* ---- exact products ---- */

/* a * b = *high + *low, unless the product leaves the range. */
static inline void two_product(double a, double b, double *high, double *low)
{
    *high = a * b;
    *low = fma(a, b, -*high);
}

/* Doubles that add up to an exact number, largest first. */
typedef struct expansion {
    double parts[PARTS];
    int count;
} expansion;

/* Takes sum apart; it is empty afterwards. Infinite and NaN sums are one part. */
static expansion expand(wr_exact_sum *sum, wr_arena *heap)
{
    expansion e = {.count = 0};
    while (e.count < PARTS) {
        double part = wr_exact_read(sum);
        if (part == 0) break;
        e.parts[e.count++] = part;
        if (!isfinite(part)) break;
        wr_exact_add(sum, -part, heap);
    }
    return e;
}
static expansion expansion_of(const wr_exact_sum *sum, const wr_exact_sum *low, wr_arena *heap)
{
    wr_exact_sum copy;
    wr_exact_init(&copy);
    wr_exact_merge(&copy, sum, heap);
    if (low) wr_exact_merge(&copy, low, heap);
    return expand(&copy, heap);
}
static expansion expansion_of_count(int64_t n)
{
    return (expansion){.parts = {(double)n}, .count = 1};
}
static void add_product(wr_exact_sum *sum, double factor, const expansion *a, const expansion *b,
                        wr_arena *heap)
{
    for (int i = 0; i < a->count; i++)
        for (int k = 0; k < b->count; k++) {
            double high, low, terms[4];
            two_product(a->parts[i], b->parts[k], &high, &low);
            two_product(high, factor, &terms[0], &terms[1]);
            two_product(low, factor, &terms[2], &terms[3]);
            wr_exact_add_many(sum, terms, 4, heap);
        }
}
static expansion times(double factor, const expansion *a, const expansion *b, wr_arena *heap)
{
    wr_exact_sum sum;
    wr_exact_init(&sum);
    add_product(&sum, factor, a, b, heap);
    return expand(&sum, heap);
}
/* n times the sum of (x - mean of x)(y - mean of y), rounded once: n xy - x y. */
static double deviation(const expansion *n, const expansion *xy, const expansion *x,
                        const expansion *y, wr_arena *heap)
{
    wr_exact_sum sum;
    wr_exact_init(&sum);
    add_product(&sum, 1, n, xy, heap);
    add_product(&sum, -1, x, y, heap);
    return wr_exact_read(&sum);
}

/* ---- one variable ---- */

static inline void add_terms(wr_exact_sum *sum, const double *terms, uint32_t n, wr_arena *heap)
{
    if (n > 1)
        wr_exact_add_many(sum, terms, n, heap);
    else if (terms[0] != 0)
        wr_exact_add(sum, terms[0], heap);
}

/* Adds factor * a[i] * b[i] (factor a power of two). High and low parts are added apart: each then
 * lies in a narrower range, which is the quick case. */
static inline void add_products(wr_exact_sum *sum, double factor, const double *a, const double *b,
                                uint32_t n, wr_arena *heap)
{
    double high[BLOCK], low[BLOCK];
    for (uint32_t i = 0; i < n; i++)
        two_product(factor * a[i], b[i], &high[i], &low[i]);
    add_terms(sum, high, n, heap);
    add_terms(sum, low, n, heap);
}

/* The same for one product, halves apart. */
static inline void add_halves(wr_exact_sum *sum, wr_exact_sum *low_sum, double a, double b,
                              wr_arena *heap)
{
    double high, low;
    two_product(a, b, &high, &low);
    wr_exact_add(sum, high, heap);
    if (low != 0) wr_exact_add(low_sum, low, heap);
}
static inline void add_halves_many(wr_exact_sum *sum, wr_exact_sum *low_sum, const double *a,
                                   const double *b, uint32_t n, wr_arena *heap)
{
    double high[BLOCK], low[BLOCK];
    for (uint32_t i = 0; i < n; i++)
        two_product(a[i], b[i], &high[i], &low[i]);
    wr_exact_add_many(sum, high, n, heap);
    wr_exact_add_many(low_sum, low, n, heap);
}

/* The selected values as integers; false if some are none, are large or NULL. */
static bool small_integers(const wr_column *c, const uint16_t *sel, uint32_t count, int32_t *out)
{
    const double *v = c->data;
    uint32_t different = 0;
    if (c->valid) return false;
    for (uint32_t i = 0; !sel && i < count; i++) {
        bool inside = fabs(v[i]) < 0x1p31;
        out[i] = inside ? (int32_t)v[i] : 0;
        different |= (double)out[i] != v[i];
    }
    for (uint32_t i = 0; sel && i < count; i++) {
        double value = v[sel[i]];
        bool inside = fabs(value) < 0x1p31;
        out[i] = inside ? (int32_t)value : 0;
        different |= (double)out[i] != value;
    }
    return !different;
}

/* Adds the powers of n values, 0 < n <= BLOCK. */
static void moments_add(moments *s, int powers, const double *x, uint32_t n, wr_arena *heap)
{
    s->n += n;
    add_terms(&s->sums[0], x, n, heap);
    if (powers == 2) {
        add_halves_many(&s->sums[1], &s->sums[2], x, x, n, heap);
        return;
    }
    double high[BLOCK], low[BLOCK];
    for (uint32_t i = 0; i < n; i++)
        two_product(x[i], x[i], &high[i], &low[i]);
    add_terms(&s->sums[1], high, n, heap);
    add_terms(&s->sums[powers], low, n, heap);
    add_products(&s->sums[2], 1, high, x, n, heap);
    add_products(&s->sums[2], 1, low, x, n, heap);
    if (powers == 3) return;
    add_products(&s->sums[3], 1, high, high, n, heap);
    add_products(&s->sums[3], 2, high, low, n, heap);
    add_products(&s->sums[3], 1, low, low, n, heap);
}

/* First and second powers for groups. */
static void squares_groups(const wr_column *c, const uint16_t *sel, uint32_t count,
                           uint8_t *const *states, uint32_t offset, wr_arena *heap)
{
    const double *x = c->data;
    int32_t integers[WR_BATCH_ROWS];
    bool are_integers = small_integers(c, sel, count, integers);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        __builtin_prefetch(states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + offset, 1);
        if (wr_agg_is_null(c, row)) continue;
        moments *s = (moments *)(void *)(states[i] + offset);
        s->n++;
        if (are_integers) {
            wr_exact_add_int(&s->sums[0], integers[i], heap);
            wr_exact_add_int(&s->sums[1], (int64_t)integers[i] * integers[i], heap);
        } else {
            wr_exact_add(&s->sums[0], x[row], heap);
            add_halves(&s->sums[1], &s->sums[2], x[row], x[row], heap);
        }
    }
}

static weir_status moments_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const double *x = c->data;
    int powers = powers_of(env->call);
    if (powers == 2) {
        squares_groups(c, sel, count, states, env->state_offset, env->heap);
        return WR_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(c, row)) continue;
        moments *s = (moments *)(void *)(states[i] + env->state_offset);
        moments_add(s, powers, &x[row], 1, env->heap);
    }
    return WR_OK;
}
static weir_status moments_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, void *state, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    int powers = powers_of(env->call);
    double values[BLOCK];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row)) values[n++] = ((const double *)c->data)[row];
        if (n < BLOCK && i + 1 < count) continue;
        if (n > 0) moments_add(state, powers, values, n, env->heap);
        n = 0;
    }
    return WR_OK;
}
static weir_status moments_merge(wr_aggregate_env *env, void *into, const void *from)
{
    moments *a = into;
    const moments *b = from;
    a->n += b->n;
    merge_sums(a->sums, b->sums, powers_of(env->call) + 1, env->heap);
    return WR_OK;
}
static weir_status moments_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    const moments *s = state;
    save_sums(s->n, s->sums, powers_of(env->call) + 1, out);
    return WR_OK;
}
static weir_status moments_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    moments *s = state;
    return load_sums(bytes, &s->n, s->sums, powers_of(env->call) + 1, env->heap);
}

/* Sums of the powers of the deviations from the mean. */
typedef struct central {
    double m2, m3, m4;
} central;

static central central_of(const moments *s, int powers, wr_arena *heap)
{
    central c = {0};
    if (s->n < 2) return c;
    double rows = (double)s->n;
    expansion n = expansion_of_count(s->n), x = expansion_of(&s->sums[0], NULL, heap),
              x2 = expansion_of(&s->sums[1], &s->sums[powers], heap);
    c.m2 = deviation(&n, &x2, &x, &x, heap) / rows;
    if (powers < 3) return c;
    wr_exact_sum sum;
    expansion x3 = expansion_of(&s->sums[2], NULL, heap), nn = times(1, &n, &n, heap),
              nx = times(1, &n, &x, heap), xx = times(1, &x, &x, heap);
    wr_exact_init(&sum); /* n^2 m3 = n^2 x3 - 3 n x x2 + 2 x^3 */
    add_product(&sum, 1, &nn, &x3, heap);
    add_product(&sum, -3, &nx, &x2, heap);
    add_product(&sum, 2, &xx, &x, heap);
    c.m3 = wr_exact_read(&sum) / rows / rows;
    if (powers < 4) return c;
    expansion x4 = expansion_of(&s->sums[3], NULL, heap), nnn = times(1, &nn, &n, heap),
              nnx = times(1, &nn, &x, heap), nxx = times(1, &n, &xx, heap);
    wr_exact_init(&sum); /* n^3 m4 = n^3 x4 - 4 n^2 x x3 + 6 n x^2 x2 - 3 x^4 */
    add_product(&sum, 1, &nnn, &x4, heap);
    add_product(&sum, -4, &nnx, &x3, heap);
    add_product(&sum, 6, &nxx, &x2, heap);
    add_product(&sum, -3, &xx, &xx, heap);
    c.m4 = wr_exact_read(&sum) / rows / rows / rows;
    return c;
}

/* False: NULL. */
static bool read_moments(const wr_aggregate_call *call, const moments *state, wr_arena *heap,
                         double *out)
{
    const char *name = call->fn->name;
    double n = (double)state->n;
    central c = central_of(state, powers_of(call), heap);
    const central *s = &c;
    if (strncmp(name, "var_pop", 7) == 0) return *out = s->m2 / n, n > 0;
    if (strncmp(name, "stddev_pop", 10) == 0) return *out = sqrt(s->m2 / n), n > 0;
    if (strncmp(name, "var_samp", 8) == 0) return *out = s->m2 / (n - 1), n > 1;
    if (strncmp(name, "stddev_samp", 11) == 0) return *out = sqrt(s->m2 / (n - 1)), n > 1;
    if (strncmp(name, "sem", 3) == 0) return *out = sqrt(s->m2 / n) / sqrt(n), n > 0;
    if (strncmp(name, "skewness", 8) == 0) {
        *out = sqrt(n * (n - 1)) / (n - 2) * (s->m3 / n) / pow(s->m2 / n, 1.5);
        return n > 2 && s->m2 > 0;
    }
    if (strncmp(name, "kurtosis_pop", 12) == 0)
        return *out = n * s->m4 / (s->m2 * s->m2) - 3, n > 1 && s->m2 > 0;
    double g = n * s->m4 / (s->m2 * s->m2) - 3;
    *out = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * g + 6);
    return n > 3 && s->m2 > 0;
}

static weir_status moments_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                  wr_arena *arena, wr_column *out)
{
    WR_ARENA(wide);
    for (uint32_t i = 0; i < count; i++) {
        double *value = &((double *)out->data)[i];
        const moments *s = (const moments *)(const void *)(states[i] + env->state_offset);
        wr_arena_reset(&wide);
        if (read_moments(env->call, s, &wide, value)) continue;
        *value = 0;
        wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
    }
    return WR_OK;
}

/* ---- two variables ---- */

/* Adds n pairs, 0 < n <= BLOCK. */
static inline void pairs_add(pairs *s, const double *y, const double *x, uint32_t n, wr_arena *heap)
{
    s->n += n;
    add_terms(&s->sums[SUM_X], x, n, heap);
    add_terms(&s->sums[SUM_Y], y, n, heap);
    add_halves_many(&s->sums[SUM_XX], &s->sums[SUM_XX_LOW], x, x, n, heap);
    add_halves_many(&s->sums[SUM_YY], &s->sums[SUM_YY_LOW], y, y, n, heap);
    add_halves_many(&s->sums[SUM_XY], &s->sums[SUM_XY_LOW], x, y, n, heap);
}

static inline void pair_add(pairs *s, double y, double x, wr_arena *heap)
{
    s->n++;
    wr_exact_add(&s->sums[SUM_X], x, heap);
    wr_exact_add(&s->sums[SUM_Y], y, heap);
    add_halves(&s->sums[SUM_XX], &s->sums[SUM_XX_LOW], x, x, heap);
    add_halves(&s->sums[SUM_YY], &s->sums[SUM_YY_LOW], y, y, heap);
    add_halves(&s->sums[SUM_XY], &s->sums[SUM_XY_LOW], x, y, heap);
}
/* Moves the sums of integers to the exact ones. */
static void settle(pairs *s, wr_arena *heap)
{
    for (int k = 0; k < INTEGER_SUMS; k++) {
        if (s->integers[k]) wr_exact_add_int(&s->sums[k], s->integers[k], heap);
        s->integers[k] = 0;
    }
}

/* x and y of 32 bits. The sums grow by at most 2^62 per row. */
static inline void pair_add_integers(pairs *s, int64_t y, int64_t x, wr_arena *heap)
{
    int64_t sums[INTEGER_SUMS];
    bool is_full = false;
    s->n++;
    is_full |= __builtin_add_overflow(s->integers[SUM_X], x, &sums[SUM_X]);
    is_full |= __builtin_add_overflow(s->integers[SUM_Y], y, &sums[SUM_Y]);
    is_full |= __builtin_add_overflow(s->integers[SUM_XX], x * x, &sums[SUM_XX]);
    is_full |= __builtin_add_overflow(s->integers[SUM_YY], y * y, &sums[SUM_YY]);
    is_full |= __builtin_add_overflow(s->integers[SUM_XY], x * y, &sums[SUM_XY]);
    if (wr_unlikely(is_full)) {
        settle(s, heap);
        const int64_t own[INTEGER_SUMS] = {x, y, x * x, y * y, x * y};
        memcpy(sums, own, sizeof sums);
    }
    memcpy(s->integers, sums, sizeof sums);
}

static weir_status pairs_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *y = wr_agg_flat(&args[0], sel, count, scratch),
                    *x = wr_agg_flat(&args[1], sel, count, scratch);
    int32_t xs[WR_BATCH_ROWS], ys[WR_BATCH_ROWS];
    bool are_integers = small_integers(x, sel, count, xs) && small_integers(y, sel, count, ys);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        const uint8_t *ahead = states[WR_MIN(i + WR_AGG_AHEAD, count - 1)] + env->state_offset;
        __builtin_prefetch(ahead, 1);
        if (!are_integers) __builtin_prefetch(ahead + 64, 1);
        if (wr_agg_is_null(y, row) || wr_agg_is_null(x, row)) continue;
        pairs *s = (pairs *)(void *)(states[i] + env->state_offset);
        if (are_integers)
            pair_add_integers(s, ys[i], xs[i], env->heap);
        else
            pair_add(s, ((const double *)y->data)[row], ((const double *)x->data)[row], env->heap);
    }
    return WR_OK;
}
static weir_status pairs_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, void *state, wr_arena *scratch)
{
    const wr_column *y = wr_agg_flat(&args[0], sel, count, scratch),
                    *x = wr_agg_flat(&args[1], sel, count, scratch);
    double xs[BLOCK], ys[BLOCK];
    uint32_t n = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        xs[n] = ((const double *)x->data)[row];
        ys[n] = ((const double *)y->data)[row];
        n += !wr_agg_is_null(y, row) && !wr_agg_is_null(x, row);
        if (n < BLOCK && i + 1 < count) continue;
        if (n > 0) pairs_add(state, ys, xs, n, env->heap);
        n = 0;
    }
    return WR_OK;
}
static weir_status pairs_merge(wr_aggregate_env *env, void *into, const void *from)
{
    pairs *a = into;
    const pairs *b = from;
    a->n += b->n;
    settle(a, env->heap);
    for (int k = 0; k < INTEGER_SUMS; k++)
        if (b->integers[k]) wr_exact_add_int(&a->sums[k], b->integers[k], env->heap);
    merge_sums(a->sums, b->sums, PAIR_SUMS, env->heap);
    return WR_OK;
}
/* The sums with those of integers; wide ones are copied to the heap. */
static void copy_settled(const pairs *s, wr_exact_sum *sums, wr_arena *heap)
{
    for (int k = 0; k < PAIR_SUMS; k++) {
        wr_exact_init(&sums[k]);
        wr_exact_merge(&sums[k], &s->sums[k], heap);
        if (k < INTEGER_SUMS && s->integers[k]) wr_exact_add_int(&sums[k], s->integers[k], heap);
    }
}
static weir_status pairs_save(wr_aggregate_env *env, const void *state, wr_buf *out)
{
    const pairs *s = state;
    wr_exact_sum sums[PAIR_SUMS];
    copy_settled(s, sums, env->heap);
    save_sums(s->n, sums, PAIR_SUMS, out);
    return WR_OK;
}
static weir_status pairs_load(wr_aggregate_env *env, wr_str bytes, void *state)
{
    pairs *s = state;
    memset(s->integers, 0, sizeof s->integers);
    return load_sums(bytes, &s->n, s->sums, PAIR_SUMS, env->heap);
}

typedef struct fit { /* means, and sums of products of the deviations from them */
    double n, mean_x, mean_y, sxx, syy, sxy;
} fit;

static fit fit_of(const pairs *p, wr_arena *heap)
{
    fit f = {.n = (double)p->n};
    wr_exact_sum sums[PAIR_SUMS];
    if (p->n == 0) return f;
    copy_settled(p, sums, heap);
    f.mean_x = wr_exact_read(&sums[SUM_X]) / f.n;
    f.mean_y = wr_exact_read(&sums[SUM_Y]) / f.n;
    expansion n = expansion_of_count(p->n), x = expansion_of(&sums[SUM_X], NULL, heap),
              y = expansion_of(&sums[SUM_Y], NULL, heap),
              xx = expansion_of(&sums[SUM_XX], &sums[SUM_XX_LOW], heap),
              yy = expansion_of(&sums[SUM_YY], &sums[SUM_YY_LOW], heap),
              xy = expansion_of(&sums[SUM_XY], &sums[SUM_XY_LOW], heap);
    f.sxx = deviation(&n, &xx, &x, &x, heap) / f.n;
    f.syy = deviation(&n, &yy, &y, &y, heap) / f.n;
    f.sxy = deviation(&n, &xy, &x, &y, heap) / f.n;
    return f;
}

static bool named(const char *name, const char *wanted)
{
    size_t n = strlen(wanted);
    return strncmp(name, wanted, n) == 0 && (name[n] == 0 || name[n] == '|');
}

static bool read_pairs(const char *name, const fit *s, double *out)
{
    double n = s->n;
    if (named(name, "covar_pop")) return *out = s->sxy / n, n > 0;
    if (named(name, "covar_samp")) return *out = s->sxy / (n - 1), n > 1;
    if (named(name, "corr")) return *out = s->sxy / sqrt(s->sxx * s->syy), s->sxx > 0 && s->syy > 0;
    if (named(name, "regr_count")) return *out = n, true;
    if (named(name, "regr_avgx")) return *out = s->mean_x, n > 0;
    if (named(name, "regr_avgy")) return *out = s->mean_y, n > 0;
    if (named(name, "regr_sxx")) return *out = s->sxx, n > 0;
    if (named(name, "regr_syy")) return *out = s->syy, n > 0;
    if (named(name, "regr_sxy")) return *out = s->sxy, n > 0;
    if (named(name, "regr_slope")) return *out = s->sxy / s->sxx, s->sxx > 0;
    if (named(name, "regr_intercept"))
        return *out = s->mean_y - s->sxy / s->sxx * s->mean_x, s->sxx > 0;
    wr_assert(named(name, "regr_r2"));
    *out = s->syy == 0 ? 1 : s->sxy * s->sxy / (s->sxx * s->syy);
    return s->sxx > 0;
}

static weir_status pairs_finish(wr_aggregate_env *env, uint8_t *const *states, uint32_t count,
                                wr_arena *arena, wr_column *out)
{
    WR_ARENA(wide);
    for (uint32_t i = 0; i < count; i++) {
        double value = 0;
        wr_arena_reset(&wide);
        fit f = fit_of((const pairs *)(const void *)(states[i] + env->state_offset), &wide);
        if (!read_pairs(env->call->fn->name, &f, &value)) {
            value = 0;
            wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
        }
        if (out->phys == WR_P_I64)
            ((int64_t *)out->data)[i] = (int64_t)value;
        else
            ((double *)out->data)[i] = value;
    }
    return WR_OK;
}

#define ONE(names, help_text, example_text, result_text)                                   \
    {                                                                                      \
        names, "(double) -> double",                                                       \
            .state_size = size_of_moments, .init = moments_init, .update = moments_groups, \
            .update_one = moments_one, .merge = moments_merge, .save = moments_save,       \
            .load = moments_load, .finish = moments_finish, .help = help_text,             \
            .example = "SELECT " example_text, .result = result_text                       \
    }
#define TWO(names, result_type, help_text, example_text, result_text)                              \
    {                                                                                              \
        names, "(y double, x double) -> " result_type,                                             \
            .state_size = size_of_pairs, .init = pairs_init, .update = pairs_groups,               \
            .update_one = pairs_one, .merge = pairs_merge, .save = pairs_save, .load = pairs_load, \
            .finish = pairs_finish, .help = help_text, .example = "SELECT " example_text,          \
            .result = result_text                                                                  \
    }
#define FROM_X " FROM (VALUES (1.0), (2.0), (3.0), (4.0)) t(x)"
#define FROM_YX " FROM (VALUES (1.0, 1.0), (3.0, 2.0), (5.0, 3.0)) t(y, x)"

const wr_fn wr_fns_agg_stat[] = {{0}};
const wr_aggregate wr_aggregates_agg_stat[] = {
    ONE("var_pop", "Variance of the whole population.", "var_pop(x)" FROM_X, "1.25"),
    ONE("var_samp|variance", "Variance estimated from a sample.", "round(var_samp(x), 4)" FROM_X,
        "1.6667"),
    ONE("stddev_pop", "Standard deviation of the whole population.",
        "round(stddev_pop(x), 4)" FROM_X, "1.118"),
    ONE("stddev_samp|stddev", "Standard deviation estimated from a sample.",
        "round(stddev(x), 4)" FROM_X, "1.291"),
    ONE("sem", "Standard error of the mean.", "round(sem(x), 4)" FROM_X, "0.559"),
    ONE("skewness", "Skewness of a sample.", "skewness(x)" FROM_X, "0"),
    ONE("kurtosis", "Excess kurtosis estimated from a sample.", "round(kurtosis(x), 4)" FROM_X,
        "-1.2"),
    ONE("kurtosis_pop", "Excess kurtosis of the whole population.",
        "round(kurtosis_pop(x), 4)" FROM_X, "-1.36"),
    TWO("covar_pop", "double", "Covariance of the whole population.",
        "round(covar_pop(y, x), 4)" FROM_YX, "1.3333"),
    TWO("covar_samp", "double", "Covariance estimated from a sample.", "covar_samp(y, x)" FROM_YX,
        "2"),
    TWO("corr", "double", "Correlation, from -1 to 1.", "corr(y, x)" FROM_YX, "1"),
    TWO("regr_count", "bigint", "Number of rows where both are known.", "regr_count(y, x)" FROM_YX,
        "3"),
    TWO("regr_avgx", "double", "Mean of x.", "regr_avgx(y, x)" FROM_YX, "2"),
    TWO("regr_avgy", "double", "Mean of y.", "regr_avgy(y, x)" FROM_YX, "3"),
    TWO("regr_sxx", "double", "Sum of squared deviations of x.", "regr_sxx(y, x)" FROM_YX, "2"),
    TWO("regr_syy", "double", "Sum of squared deviations of y.", "regr_syy(y, x)" FROM_YX, "8"),
    TWO("regr_sxy", "double", "Sum of products of the deviations.", "regr_sxy(y, x)" FROM_YX, "4"),
    TWO("regr_slope", "double", "Slope of the fitted line.", "regr_slope(y, x)" FROM_YX, "2"),
    TWO("regr_intercept", "double", "Value of the fitted line at zero.",
        "regr_intercept(y, x)" FROM_YX, "-1"),
    TWO("regr_r2", "double", "Square of the correlation.", "regr_r2(y, x)" FROM_YX, "1"),
    {0},
};
