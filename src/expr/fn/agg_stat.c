/* agg_stat.c - variance, covariance, correlation, regression, skewness and kurtosis.
 *
 * States hold counts, means and sums of powers of the deviations from the mean (Welford), merged by
 * the formulas of Chan and Pebay, so that nothing cancels when values are large and close together.
 * Each family has one state and one update; which number is read is decided by the first name of
 * the row. */
#include "expr/fn/box.h"
#include <math.h>

typedef struct moments {
    double n, mean, m2, m3, m4;
} moments;
typedef struct pairs {
    double n, mean_x, mean_y, sxx, syy, sxy;
} pairs;

static size_t size_of_moments(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(moments);
}
static size_t size_of_pairs(const wr_aggregate_call *call)
{
    (void)call;
    return sizeof(pairs);
}
static void init_zero(const wr_aggregate_call *call, void *state)
{
    memset(state, 0, call->fn->state_size(call));
}

/* ---- one variable ---- */

static inline void moments_add(moments *s, double x)
{
    double before = s->n++, delta = x - s->mean, step = delta / s->n, step2 = step * step,
           term = delta * step * before;
    s->mean += step;
    s->m4 += term * step2 * (s->n * s->n - 3 * s->n + 3) + 6 * step2 * s->m2 - 4 * step * s->m3;
    s->m3 += term * step * (s->n - 2) - 3 * step * s->m2;
    s->m2 += term;
}

static weir_status moments_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                  uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const double *x = c->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row))
            moments_add((moments *)(states[i] + env->state_offset), x[row]);
    }
    return WR_OK;
}
static weir_status moments_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                               uint32_t count, void *state, wr_arena *scratch)
{
    (void)env;
    const wr_column *c = wr_agg_flat(args, sel, count, scratch);
    const double *x = c->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (!wr_agg_is_null(c, row)) moments_add(state, x[row]);
    }
    return WR_OK;
}
static weir_status moments_merge(wr_aggregate_env *env, void *into, const void *from)
{
    (void)env;
    moments *a = into;
    const moments *b = from;
    if (b->n == 0) return WR_OK;
    if (a->n == 0) {
        *a = *b;
        return WR_OK;
    }
    double n = a->n + b->n, d = b->mean - a->mean, d2 = d * d, na = a->n, nb = b->n;
    double m4 = a->m4 + b->m4 + d2 * d2 * na * nb * (na * na - na * nb + nb * nb) / (n * n * n) +
                6 * d2 * (na * na * b->m2 + nb * nb * a->m2) / (n * n) +
                4 * d * (na * b->m3 - nb * a->m3) / n;
    double m3 = a->m3 + b->m3 + d2 * d * na * nb * (na - nb) / (n * n) +
                3 * d * (na * b->m2 - nb * a->m2) / n;
    a->m2 += b->m2 + d2 * na * nb / n;
    a->mean += d * nb / n;
    a->n = n, a->m3 = m3, a->m4 = m4;
    return WR_OK;
}

/* False: NULL. */
static bool read_moments(const char *name, const moments *s, double *out)
{
    double n = s->n;
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
    for (uint32_t i = 0; i < count; i++) {
        double *value = &((double *)out->data)[i];
        if (read_moments(env->call->fn->name, (const moments *)(states[i] + env->state_offset),
                         value))
            continue;
        *value = 0;
        wr_bit_clear(wr_column_need_valid(out, arena, WR_MAX(count, 1)), i);
    }
    return WR_OK;
}

/* ---- two variables ---- */

static inline void pairs_add(pairs *s, double y, double x)
{
    s->n++;
    double dx = x - s->mean_x, dy = y - s->mean_y;
    s->mean_x += dx / s->n, s->mean_y += dy / s->n;
    s->sxx += dx * (x - s->mean_x), s->syy += dy * (y - s->mean_y), s->sxy += dx * (y - s->mean_y);
}

static weir_status pairs_groups(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                                uint32_t count, uint8_t *const *states, wr_arena *scratch)
{
    const wr_column *y = wr_agg_flat(&args[0], sel, count, scratch),
                    *x = wr_agg_flat(&args[1], sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(y, row) || wr_agg_is_null(x, row)) continue;
        pairs_add((pairs *)(states[i] + env->state_offset), ((const double *)y->data)[row],
                  ((const double *)x->data)[row]);
    }
    return WR_OK;
}
static weir_status pairs_one(wr_aggregate_env *env, const wr_column *args, const uint16_t *sel,
                             uint32_t count, void *state, wr_arena *scratch)
{
    (void)env;
    const wr_column *y = wr_agg_flat(&args[0], sel, count, scratch),
                    *x = wr_agg_flat(&args[1], sel, count, scratch);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = sel ? sel[i] : i;
        if (wr_agg_is_null(y, row) || wr_agg_is_null(x, row)) continue;
        pairs_add(state, ((const double *)y->data)[row], ((const double *)x->data)[row]);
    }
    return WR_OK;
}
static weir_status pairs_merge(wr_aggregate_env *env, void *into, const void *from)
{
    (void)env;
    pairs *a = into;
    const pairs *b = from;
    if (b->n == 0) return WR_OK;
    if (a->n == 0) {
        *a = *b;
        return WR_OK;
    }
    double n = a->n + b->n, dx = b->mean_x - a->mean_x, dy = b->mean_y - a->mean_y,
           weight = a->n * b->n / n;
    a->sxx += b->sxx + dx * dx * weight;
    a->syy += b->syy + dy * dy * weight;
    a->sxy += b->sxy + dx * dy * weight;
    a->mean_x += dx * b->n / n, a->mean_y += dy * b->n / n;
    a->n = n;
    return WR_OK;
}

static bool named(const char *name, const char *wanted)
{
    size_t n = strlen(wanted);
    return strncmp(name, wanted, n) == 0 && (name[n] == 0 || name[n] == '|');
}

static bool read_pairs(const char *name, const pairs *s, double *out)
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
    for (uint32_t i = 0; i < count; i++) {
        double value = 0;
        if (!read_pairs(env->call->fn->name, (const pairs *)(states[i] + env->state_offset),
                        &value)) {
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

#define ONE(names, help_text, example_text, result_text)                                 \
    {                                                                                    \
        names, "(double) -> double",                                                     \
            .state_size = size_of_moments, .init = init_zero, .update = moments_groups,  \
            .update_one = moments_one, .merge = moments_merge, .finish = moments_finish, \
            .help = help_text, .example = "SELECT " example_text, .result = result_text  \
    }
#define TWO(names, result_type, help_text, example_text, result_text)                   \
    {                                                                                   \
        names, "(y double, x double) -> " result_type,                                  \
            .state_size = size_of_pairs, .init = init_zero, .update = pairs_groups,     \
            .update_one = pairs_one, .merge = pairs_merge, .finish = pairs_finish,      \
            .help = help_text, .example = "SELECT " example_text, .result = result_text \
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
