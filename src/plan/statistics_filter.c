/* statistics_filter.c - how many rows a condition lets through.
 *
 * A comparison of a column with a constant is answered from the column's range (values are taken to
 * be spread evenly) or its number of different values; everything else has a customary guess.
 * Conjuncts are applied one after the other, each narrowing the range the next one sees: that makes
 * x >= a AND x < b exact instead of the product of two halves. */
#include "expr/fn.h"
#include "plan/statistics.h"
#include <math.h>

static const double GUESS_RANGE = 0.3, GUESS_HAVING = 0.1, GUESS_MATCH = 0.05, GUESS_CALL = 0.3,
                    GUESS_EQUAL = 0.05, LEAST = 1e-9, HAVING_LEAST = 1e-3;

/* Text by its first bytes, so that ranges of text can be compared too. */
static double text_image(wr_str text)
{
    double image = 0;
    for (size_t i = 0; i < 8; i++)
        image = image * 256 + (i < text.length ? (unsigned char)text.data[i] : 0);
    return image;
}

bool wr_value_image(const wr_value *v, double *out)
{
    if (v->is_null) return false;
    if (wr_type_is_numeric(v->type))
        *out = wr_value_as_f64(v);
    else if (v->type->id == WR_T_BOOLEAN)
        *out = v->boolean;
    else if (wr_type_is_int_like(v->type))
        *out = (double)wr_value_as_i128(v);
    else if (v->type->phys == WR_P_VIEW)
        *out = text_image(v->text);
    else
        return false;
    return *out == *out;
}

static bool constant_image(wr_estimator *es, const wr_expr *e, double *out)
{
    if (e->kind == WR_X_CONST) return wr_value_image(&e->value, out);
    wr_value value;
    if (!wr_expr_is_const(e)) return false;
    weir_status bad = wr_expr_fold(es->planner->arena, es->planner->env, e, &value);
    wr_status_drop(bad);
    return !bad && wr_value_image(&value, out);
}

/* The column an expression is about: itself or a change of its numeric type. */
static wr_column_profile *column_of(const wr_profile *profile, const wr_expr *e)
{
    while (e->kind == WR_X_CAST && wr_type_is_numeric(e->type) &&
           wr_type_is_numeric(e->args[0]->type))
        e = e->args[0];
    return e->kind == WR_X_COLUMN ? wr_profile_column(profile, e->column) : NULL;
}

/* Keeps this part of the column's values. */
static void narrow_values(wr_column_profile *c, double fraction)
{
    c->distinct = WR_MAX(c->distinct * fraction, 1);
    c->removed = 1 - (1 - c->removed) * fraction;
}

/* The part of the groups whose sum or count is below the value, or above it. Seldom is anything as
 * even as the normal distribution: what it calls impossible is merely rare. */
static double beyond(const wr_column_profile *c, double value, bool below)
{
    double off = (value - c->mean) / (c->spread * sqrt(2));
    return WR_MIN(WR_MAX(erfc(below ? -off : off) / 2, HAVING_LEAST), 1 - HAVING_LEAST);
}

/* Fraction of column op value; narrows the column. */
static double against_constant(wr_column_profile *c, wr_compare_op op, bool known, double value)
{
    double kept = 1 - c->null_fraction;
    bool outside = known && c->has_range && (value < c->lo || value > c->hi);
    if (op == WR_EQ || op == WR_NOT_DISTINCT || op == WR_NE || op == WR_DISTINCT) {
        double equal = outside ? LEAST : kept / WR_MAX(c->distinct, 1);
        if (op == WR_NE || op == WR_DISTINCT) return WR_MAX(kept - equal, LEAST);
        narrow_values(c, 1 / WR_MAX(c->distinct, 1));
        c->null_fraction = 0;
        if (known) {
            c->has_range = true;
            c->lo = c->hi = value;
        }
        return equal;
    }
    c->null_fraction = 0;
    if (known && c->has_spread && c->spread > 0) {
        double fraction = beyond(c, value, op == WR_LT || op == WR_LE);
        narrow_values(c, fraction);
        return kept * fraction;
    }
    if (!known || !c->has_range) {
        double guess = c->is_aggregate ? GUESS_HAVING : GUESS_RANGE;
        narrow_values(c, guess);
        return kept * guess;
    }
    double width = c->hi - c->lo, step = c->distinct > 1 ? width / c->distinct : 0;
    bool upper = op == WR_LT || op == WR_LE;
    double left = upper ? value - c->lo : c->hi - value;
    if (op == WR_LE || op == WR_GE) left += step;
    double fraction = width > 0 ? left / width : left >= 0;
    fraction = WR_MIN(WR_MAX(fraction, LEAST), 1);
    if (upper)
        c->hi = WR_MAX(WR_MIN(c->hi, value), c->lo);
    else
        c->lo = WR_MIN(WR_MAX(c->lo, value), c->hi);
    narrow_values(c, fraction);
    return kept * fraction;
}

static double compare(wr_estimator *es, wr_profile *profile, const wr_expr *e)
{
    wr_column_profile *left = column_of(profile, e->args[0]),
                      *right = column_of(profile, e->args[1]);
    wr_compare_op op = (wr_compare_op)e->op;
    double value = 0;
    if (!left != !right) {
        bool known = constant_image(es, e->args[left != NULL], &value);
        return against_constant(left ? left : right, left ? op : wr_compare_mirrored(op), known,
                                value);
    }
    if (op == WR_EQ || op == WR_NOT_DISTINCT)
        return left && right ? 1 / wr_join_domain(left, right) : GUESS_EQUAL;
    return op == WR_NE || op == WR_DISTINCT ? 1 - GUESS_EQUAL : GUESS_RANGE;
}

static double in_list(const wr_profile *profile, const wr_expr *e)
{
    wr_column_profile *c = column_of(profile, e->args[0]);
    int values = e->arg_count - 1;
    double fraction =
        c ? (1 - c->null_fraction) * values / WR_MAX(c->distinct, 1) : GUESS_EQUAL * values;
    fraction = WR_MIN(fraction, 1);
    if (e->is_negated) return WR_MAX(1 - fraction, LEAST);
    if (c) narrow_values(c, WR_MIN(values / WR_MAX(c->distinct, 1), 1));
    return fraction;
}

static double call_fraction(const wr_expr *e)
{
    static const struct {
        const char *name;
        double guess;
    } known[] = {
        {"~~", GUESS_MATCH},          {"!~~", 1 - GUESS_MATCH},   {"~~*", GUESS_MATCH},
        {"!~~*", 1 - GUESS_MATCH},    {"~", GUESS_MATCH},         {"!~", 1 - GUESS_MATCH},
        {"starts_with", GUESS_MATCH}, {"ends_with", GUESS_MATCH}, {"contains", GUESS_MATCH},
    };
    size_t length = strcspn(e->call.fn->name, "|");
    for (size_t i = 0; i < WR_COUNT(known); i++)
        if (strlen(known[i].name) == length && !memcmp(known[i].name, e->call.fn->name, length))
            return known[i].guess;
    return GUESS_CALL;
}

static wr_profile copy_of(wr_estimator *es, const wr_profile *profile)
{
    wr_profile copy = *profile;
    copy.columns = wr_new_array(es->planner->arena, wr_column_profile, profile->count + 1);
    if (profile->count)
        memcpy(copy.columns, profile->columns, sizeof *copy.columns * (size_t)profile->count);
    return copy;
}

static double narrow(wr_estimator *es, wr_profile *profile, const wr_expr *e)
{
    double fraction = 1;
    switch (e->kind) {
    case WR_X_CONST:
        return !e->value.is_null && e->value.boolean ? 1 : LEAST;
    case WR_X_AND:
        for (int i = 0; i < e->arg_count; i++)
            fraction *= narrow(es, profile, e->args[i]);
        return fraction;
    case WR_X_OR:
        for (int i = 0; i < e->arg_count; i++)
            fraction *= 1 - wr_selectivity(es, profile, e->args[i]);
        return WR_MAX(1 - fraction, LEAST);
    case WR_X_NOT:
        return WR_MAX(1 - wr_selectivity(es, profile, e->args[0]), LEAST);
    case WR_X_COMPARE:
        return compare(es, profile, e);
    case WR_X_IN:
        return in_list(profile, e);
    case WR_X_IS_NULL: {
        wr_column_profile *c = column_of(profile, e->args[0]);
        double nulls = c ? c->null_fraction : GUESS_EQUAL;
        if (c) c->null_fraction = e->is_negated ? 0 : 1;
        return WR_MAX(e->is_negated ? 1 - nulls : nulls, LEAST);
    }
    case WR_X_CALL:
        return call_fraction(e);
    default:
        return 0.5;
    }
}

double wr_selectivity(wr_estimator *es, const wr_profile *profile, const wr_expr *e)
{
    wr_profile copy = copy_of(es, profile);
    return narrow(es, &copy, e);
}

double wr_distinct_among(double domain, double total, double rows)
{
    if (rows >= total || total <= 0) return WR_MIN(domain, WR_MAX(rows, 1));
    double per_value = WR_MAX(total / WR_MAX(domain, 1), 1);
    double kept = domain * (1 - pow(1 - rows / total, per_value));
    return WR_MAX(WR_MIN(kept, rows), 1);
}

bool wr_filter_is_known(const wr_profile *profile, const wr_expr *e)
{
    if (e->kind == WR_X_CONST) return true;
    bool compares = e->kind == WR_X_COMPARE || e->kind == WR_X_IN;
    if (!compares) return false;
    const wr_column_profile *c = NULL;
    for (int i = 0; i < e->arg_count; i++) {
        const wr_column_profile *column = column_of(profile, e->args[i]);
        if (column ? c != NULL : !wr_expr_is_const(e->args[i])) return false;
        if (column) c = column;
    }
    bool by_range = e->kind == WR_X_COMPARE &&
                    (e->op == WR_LT || e->op == WR_LE || e->op == WR_GT || e->op == WR_GE);
    return c && (by_range ? c->has_range : !c->is_soft);
}

void wr_profile_filter(wr_estimator *es, wr_profile *profile, wr_expr **conjuncts, int count)
{
    wr_profile_filter_to(es, profile, conjuncts, count, -1);
}

void wr_profile_filter_to(wr_estimator *es, wr_profile *profile, wr_expr **conjuncts, int count,
                          double kept)
{
    if (count == 0) return;
    double before = profile->rows, fraction = 1;
    wr_profile narrowed = copy_of(es, profile);
    for (int i = 0; i < count; i++)
        fraction *= narrow(es, &narrowed, conjuncts[i]);
    if (kept >= 0) fraction = kept;
    narrowed.rows = WR_MAX(before * fraction, WR_MIN(before, 1));
    for (int i = 0; i < narrowed.count; i++) {
        wr_column_profile *c = &narrowed.columns[i];
        bool changed = c->distinct < profile->columns[i].distinct;
        c->distinct = changed ? WR_MAX(WR_MIN(c->distinct, narrowed.rows), 1)
                              : wr_distinct_among(c->distinct, before, narrowed.rows);
    }
    *profile = narrowed;
}
