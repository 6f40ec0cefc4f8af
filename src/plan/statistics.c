/* statistics.c - estimated rows and column profiles of every node, bottom up.
 *
 * Joins follow the containment idea: of two columns compared for equality the one with fewer values
 * has all of them in the other, so one pair in max(domain, domain) matches. Domains are those
 * before filters, because a filter on a dimension thins the facts that match it too. Several
 * equalities between the same two sources are not independent (a composite key): their product of
 * domains is capped by the rows of either source.
 *
 * Trap: SHARED makes the plan a graph; its definition is profiled once. */
#include "plan/statistics.h"
#include "plan/sample.h"
#include <math.h>

#define ROWS_UNKNOWN 10000.0
#define DISTINCT_SURE 2000.0
#define RECURSION_STEPS 10.0

static void take_columns(wr_estimator *es, const wr_profile *from, int more, wr_profile *out)
{
    out->columns = wr_new_array(es->planner->arena, wr_column_profile, from->count + more + 1);
    if (from->count)
        memcpy(out->columns, from->columns, sizeof *out->columns * (size_t)from->count);
    out->count = from->count;
}

wr_column_profile *wr_profile_column(const wr_profile *profile, wr_column_id id)
{
    uint32_t guess = profile->count ? id - profile->columns[0].id : 0; /* mostly in order */
    if (guess < (uint32_t)profile->count && profile->columns[guess].id == id)
        return &profile->columns[guess];
    for (int i = 0; i < profile->count; i++)
        if (profile->columns[i].id == id) return &profile->columns[i];
    return NULL;
}

static void cap_distinct(wr_profile *profile)
{
    for (int i = 0; i < profile->count; i++) {
        wr_column_profile *c = &profile->columns[i];
        c->distinct = WR_MAX(WR_MIN(c->distinct, profile->rows), 1);
    }
}

/* ---- sources ---- */

/* Asking a file may mean reading it, and rules ask often. */
typedef struct known_relation {
    const wr_relation *relation;
    wr_column_stats **stats; /* by column; NULL: not asked yet */
} known_relation;
struct wr_known_columns {
    WR_LIST(known_relation) all;
};

static wr_column_stats **known_stats(wr_planner *planner, const wr_relation *relation)
{
    if (!planner->known_columns)
        planner->known_columns = wr_new(planner->arena, struct wr_known_columns);
    struct wr_known_columns *known = planner->known_columns;
    for (int i = 0; i < known->all.count; i++)
        if (known->all.items[i].relation == relation) return known->all.items[i].stats;
    known_relation next = {
        relation, wr_new_array(planner->arena, wr_column_stats *, relation->schema.count + 1)};
    wr_push(planner->arena, &known->all, next);
    return next.stats;
}

static const wr_column_stats *column_stats(wr_planner *planner, wr_relation *relation, int column)
{
    static const wr_column_stats nothing;
    if (!relation->def->stats) return &nothing;
    wr_column_stats **slot = &known_stats(planner, relation)[column];
    if (!*slot) {
        *slot = wr_new(planner->arena, wr_column_stats);
        relation->def->stats(relation, column, *slot);
    }
    return *slot;
}

static wr_column_profile scan_column(wr_planner *planner, wr_logical *node, int output, double rows,
                                     int source)
{
    wr_column_stats stats = *column_stats(planner, node->scan.relation, node->scan.columns[output]);
    wr_column_profile c = {.id = node->outputs[output].id, .source = source, .source_rows = rows};
    if (stats.has_null_count && rows > 0)
        c.null_fraction = WR_MIN((double)stats.null_count / rows, 1);
    c.has_range = stats.has_range && wr_value_image(&stats.min, &c.lo) &&
                  wr_value_image(&stats.max, &c.hi) && c.lo <= c.hi;
    const wr_type *type = node->outputs[output].type;
    bool is_counted = wr_type_is_int_like(type) && type->id != WR_T_BOOLEAN;
    double bound = WR_MAX(rows, 1);
    if (c.has_range && is_counted) {
        double unit = type->id == WR_T_DECIMAL ? pow(10, type->scale) : 1;
        bound = WR_MIN(bound, (c.hi - c.lo) * unit + 1);
    }
    if (type->id == WR_T_BOOLEAN) bound = WR_MIN(bound, 2);
    /* Large counts come from the dictionaries of single row groups: there are more over all. */
    bool counted_all = stats.has_distinct && stats.distinct <= DISTINCT_SURE;
    c.is_soft = !counted_all && !stats.unique;
    c.domain = counted_all ? WR_MIN(stats.distinct, bound) : bound;
    if (c.is_soft && !(c.has_range && is_counted))
        c.domain = WR_MAX(WR_MAX(bound / 10, WR_MIN(bound, 100)), stats.distinct);
    c.domain = c.distinct = WR_MAX(c.domain, 1);
    return c;
}

void wr_profile_whole_scan(wr_estimator *es, wr_logical *node, wr_profile *out)
{
    double rows = node->scan.relation->row_count;
    if (rows < 0) rows = ROWS_UNKNOWN;
    out->rows = rows;
    out->count = node->output_count;
    out->columns = wr_new_array(es->planner->arena, wr_column_profile, node->output_count + 1);
    int source = es->next_source++;
    for (int i = 0; i < node->output_count; i++)
        out->columns[i] = scan_column(es->planner, node, i, rows, source);
}

static void profile_scan(wr_estimator *es, wr_logical *node, wr_profile *out)
{
    wr_profile_whole_scan(es, node, out);
    double kept = wr_sample_kept(es, node, out);
    wr_profile_filter_to(es, out, node->scan.filters, node->scan.filter_count, kept);
    if (node->scan.limit >= 0) out->rows = WR_MIN(out->rows, (double)node->scan.limit);
    cap_distinct(out);
}

/* Columns about which nothing is known. */
static void unknown_columns(wr_estimator *es, const wr_logical *node, int first, wr_profile *out)
{
    for (int i = first; i < node->output_count; i++) {
        double values = WR_MAX(out->rows, 1);
        out->columns[out->count++] =
            (wr_column_profile){.id = node->outputs[i].id,
                                .domain = values,
                                .distinct = values,
                                .source = es->next_source,
                                .source_rows = values,
                                .is_soft = true,
                                .is_aggregate = node->kind == WR_L_AGGREGATE};
    }
    es->next_source++;
}

static void profile_unknown(wr_estimator *es, const wr_logical *node, double rows, wr_profile *out)
{
    out->rows = rows;
    out->columns = wr_new_array(es->planner->arena, wr_column_profile, node->output_count + 1);
    unknown_columns(es, node, 0, out);
}

/* ---- expressions ---- */

typedef struct combining {
    const wr_profile *profile;
    wr_column_profile result;
    bool any;
} combining;

static bool combine(const wr_expr *e, void *arg)
{
    combining *c = arg;
    const wr_column_profile *from =
        e->kind == WR_X_COLUMN ? wr_profile_column(c->profile, e->column) : NULL;
    if (!from) return true;
    if (!c->any)
        c->result = *from;
    else {
        c->result.domain *= from->domain;
        c->result.distinct *= from->distinct;
    }
    c->any = true;
    return true;
}

/* The parts of a moment: extract('year', d) has far fewer values than d. */
static double part_values(const wr_expr *e, const wr_column_profile *arg)
{
    static const struct {
        const char *part;
        double days, most;
    } parts[] = {
        {"year", 365, 1e9}, {"quarter", 0, 4}, {"month", 0, 12}, {"week", 0, 53},
        {"day", 0, 31},     {"dow", 0, 7},     {"isodow", 0, 7}, {"hour", 0, 24},
        {"minute", 0, 60},  {"second", 0, 60},
    };
    if (e->kind != WR_X_CALL || e->arg_count != 2 || e->args[0]->kind != WR_X_CONST ||
        e->args[0]->type->phys != WR_P_VIEW || !wr_type_is_moment(e->args[1]->type))
        return -1;
    double day = e->args[1]->type->id == WR_T_DATE ? 1 : 86400e6;
    for (size_t i = 0; i < WR_COUNT(parts); i++) {
        if (!wr_str_is(e->args[0]->value.text, parts[i].part)) continue;
        if (parts[i].days == 0) return parts[i].most;
        return arg->has_range ? (arg->hi - arg->lo) / day / parts[i].days + 1 : 100;
    }
    return -1;
}

wr_column_profile wr_profile_expr(const wr_profile *profile, const wr_expr *e)
{
    combining c = {.profile = profile};
    wr_expr_walk(e, combine, &c);
    double rows = WR_MAX(profile->rows, 1);
    if (!c.any)
        return (wr_column_profile){.domain = wr_expr_is_const(e) ? 1 : rows,
                                   .distinct = wr_expr_is_const(e) ? 1 : rows,
                                   .source = -1,
                                   .source_rows = rows};
    if (e->kind == WR_X_COLUMN) return c.result;
    double parts = part_values(e, &c.result);
    if (parts > 0) c.result.domain = WR_MIN(c.result.domain, parts);
    bool same_numbers =
        e->kind == WR_X_CAST && wr_type_is_numeric(e->type) && wr_type_is_numeric(e->args[0]->type);
    c.result.has_range &= same_numbers;
    if (e->type->id == WR_T_BOOLEAN) c.result.domain = WR_MIN(c.result.domain, 2);
    c.result.domain = WR_MIN(c.result.domain, WR_MAX(c.result.source_rows, rows));
    c.result.distinct = WR_MIN(WR_MIN(c.result.distinct, rows), c.result.domain);
    return c.result;
}

static void profile_project(wr_estimator *es, const wr_logical *node, const wr_profile *in,
                            wr_profile *out)
{
    out->rows = in->rows;
    out->columns = wr_new_array(es->planner->arena, wr_column_profile, node->project.count + 1);
    out->count = node->project.count;
    for (int i = 0; i < out->count; i++) {
        out->columns[i] = wr_profile_expr(in, node->project.bindings[i].expr);
        out->columns[i].id = node->project.bindings[i].id;
    }
}

/* ---- aggregates ---- */

/* Sums and counts of groups lie about their mean as many independent rows would make them, whose
 * values are spread evenly over their range and whose number is as chance has it. */
static void spread_of_call(const wr_aggregate_call *call, const wr_profile *in, double groups,
                           wr_column_profile *out)
{
    const char *name = call->fn->name;
    size_t length = strcspn(name, "|");
    double rows = in->rows / WR_MAX(groups, 1);
    bool is_count = length == 5 && !memcmp(name, "count", 5);
    if (call->is_distinct || call->filter || rows < 1) return;
    if (is_count) {
        out->mean = rows;
        out->spread = sqrt(rows);
        out->has_spread = true;
    } else if (length == 3 && !memcmp(name, "sum", 3) && call->arg_count == 1) {
        wr_column_profile arg = wr_profile_expr(in, call->args[0]);
        if (!arg.has_range) return;
        double middle = (arg.lo + arg.hi) / 2, width = arg.hi - arg.lo;
        out->mean = rows * middle;
        out->spread = sqrt(rows * (width * width / 12 + middle * middle));
        out->has_spread = true;
    }
}

static void profile_aggregate(wr_estimator *es, const wr_logical *node, const wr_profile *in,
                              wr_profile *out)
{
    int keys = node->aggregate.key_count;
    out->columns = wr_new_array(es->planner->arena, wr_column_profile, node->output_count + 1);
    double groups = 1, all = 1;
    int source = es->next_source++;
    for (int i = 0; i < keys; i++) {
        wr_column_profile c = wr_profile_expr(in, node->aggregate.keys[i].expr);
        c.id = node->aggregate.keys[i].id;
        if (i < node->aggregate.carried_first || node->aggregate.carried_first == 0) {
            groups *= c.distinct;
            all *= c.domain;
        }
        out->columns[out->count++] = c;
    }
    out->rows = keys ? WR_MIN(groups, in->rows) : 1;
    if (node->aggregate.sets) out->rows *= WR_MAX(node->aggregate.set_count, 1) * 0.7;
    for (int i = 0; i < keys; i++) {
        out->columns[i].source = source;
        out->columns[i].source_rows = WR_MAX(WR_MIN(all, WR_MAX(in->rows, out->rows)), 1);
    }
    cap_distinct(out);
    unknown_columns(es, node, keys, out);
    bool is_grouped = keys > 0 && !node->aggregate.sets;
    for (int i = 0; is_grouped && i < node->aggregate.call_count; i++)
        spread_of_call(&node->aggregate.calls[i], in, out->rows, &out->columns[keys + i]);
}

/* ---- joins ---- */

double wr_join_domain(const wr_column_profile *a, const wr_column_profile *b)
{
    double left = a->domain, right = b->domain;
    if (a->is_soft && right <= left)
        left = right;
    else if (b->is_soft && left <= right)
        right = left;
    return WR_MAX(WR_MAX(left * (1 - a->removed), right * (1 - b->removed)), 1);
}

/* Equalities between one source on the left and one on the right. */
typedef struct source_pair {
    int left, right;
    int count;
    double domain, left_rows, right_rows, left_matched, right_matched;
} source_pair;

typedef struct matching {
    source_pair *pairs;
    int count;
} matching;

static void add_equality(matching *m, const wr_column_profile *a, const wr_column_profile *b)
{
    double domain = wr_join_domain(a, b);
    int i = 0;
    while (i < m->count && (m->pairs[i].left != a->source || m->pairs[i].right != b->source))
        i++;
    if (i == m->count)
        m->pairs[m->count++] =
            (source_pair){a->source, b->source, 0, 1, a->source_rows, b->source_rows, 1, 1};
    source_pair *pair = &m->pairs[i];
    pair->count++;
    pair->domain *= domain;
    /* Chance that a value of the other side is here. */
    pair->left_matched = WR_MIN(pair->left_matched, a->distinct / domain);
    pair->right_matched = WR_MIN(pair->right_matched, b->distinct / domain);
}

static bool sides_of(const wr_profile *left, const wr_profile *right, const wr_expr *e,
                     wr_column_profile *a, wr_column_profile *b)
{
    if (e->kind != WR_X_COMPARE || (e->op != WR_EQ && e->op != WR_NOT_DISTINCT)) return false;
    combining parts[2][2] = {{{.profile = left}, {.profile = right}},
                             {{.profile = left}, {.profile = right}}};
    for (int arg = 0; arg < 2; arg++)
        for (int side = 0; side < 2; side++)
            wr_expr_walk(e->args[arg], combine, &parts[arg][side]);
    bool straight = parts[0][0].any && !parts[0][1].any && parts[1][1].any && !parts[1][0].any;
    bool crossed = parts[0][1].any && !parts[0][0].any && parts[1][0].any && !parts[1][1].any;
    if (!straight && !crossed) return false;
    *a = wr_profile_expr(left, e->args[crossed]);
    *b = wr_profile_expr(right, e->args[!crossed]);
    return true;
}

static double capped_domain(const source_pair *pair)
{
    if (pair->count < 2) return pair->domain;
    return WR_MAX(WR_MIN(pair->domain, WR_MIN(pair->left_rows, pair->right_rows)), 1);
}

void wr_profile_join(wr_estimator *es, const wr_logical *node, const wr_profile *left,
                     const wr_profile *right, wr_profile *out)
{
    wr_arena *arena = es->planner->arena;
    int count = node->join.condition_count, others = 0;
    matching m = {.pairs = wr_new_array(arena, source_pair, count + 2)};
    wr_expr **other = wr_new_array(arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++) {
        wr_column_profile a, b;
        if (sides_of(left, right, node->join.conditions[i], &a, &b))
            add_equality(&m, &a, &b);
        else
            other[others++] = node->join.conditions[i];
    }
    double pairs = left->rows * right->rows, left_kept = 1, right_kept = 1;
    for (int i = 0; i < m.count; i++) {
        pairs /= capped_domain(&m.pairs[i]);
        left_kept = WR_MIN(left_kept, m.pairs[i].right_matched);
        right_kept = WR_MIN(right_kept, m.pairs[i].left_matched);
    }
    wr_profile both = {.rows = pairs};
    take_columns(es, left, right->count + 1, &both);
    if (right->count)
        memcpy(both.columns + both.count, right->columns,
               sizeof *both.columns * (size_t)right->count);
    both.count += right->count;
    wr_profile_filter(es, &both, other, others);
    if (m.count == 0) left_kept = right_kept = WR_MIN(both.rows / WR_MAX(pairs, 1) * 3, 0.9);
    switch (node->join.kind) {
    case WR_JOIN_INNER:
        *out = both;
        break;
    case WR_JOIN_LEFT:
        *out = both;
        out->rows = WR_MAX(both.rows, left->rows);
        break;
    case WR_JOIN_RIGHT:
        *out = both;
        out->rows = WR_MAX(both.rows, right->rows);
        break;
    case WR_JOIN_FULL:
        *out = both;
        out->rows = WR_MAX(both.rows, left->rows + right->rows * (1 - right_kept));
        break;
    case WR_JOIN_SINGLE:
        *out = both;
        out->rows = left->rows;
        break;
    case WR_JOIN_SEMI:
    case WR_JOIN_ANTI:
    case WR_JOIN_MARK:
        take_columns(es, left, 1, out);
        out->rows = node->join.kind == WR_JOIN_SEMI   ? left->rows * left_kept
                    : node->join.kind == WR_JOIN_ANTI ? left->rows * WR_MAX(1 - left_kept, 0.05)
                                                      : left->rows;
        if (node->join.kind == WR_JOIN_MARK)
            out->columns[out->count++] = (wr_column_profile){.id = node->join.mark,
                                                             .domain = 2,
                                                             .distinct = 2,
                                                             .source = es->next_source++,
                                                             .source_rows = left->rows};
        break;
    }
    for (int i = 0; i < out->count; i++) {
        const wr_column_profile *from = wr_profile_column(left, out->columns[i].id);
        double before = from ? left->rows : right->rows;
        wr_column_profile *c = &out->columns[i];
        c->distinct = wr_distinct_among(c->distinct, before, WR_MIN(out->rows, before));
    }
}

/* ---- other nodes ---- */

static double constant_count(const wr_expr *e)
{
    double image;
    bool known = e && e->kind == WR_X_CONST && wr_value_image(&e->value, &image);
    return known ? image : -1;
}

static void limit_rows(wr_profile *out, const wr_expr *limit, const wr_expr *offset)
{
    double count = constant_count(limit), skipped = constant_count(offset);
    if (skipped > 0) out->rows = WR_MAX(out->rows - skipped, 0);
    if (count >= 0) out->rows = WR_MIN(out->rows, count);
    cap_distinct(out);
}

static void profile_set(wr_estimator *es, const wr_logical *node, const wr_profile *inputs,
                        wr_profile *out)
{
    double rows = 0;
    for (int i = 0; i < node->input_count; i++) {
        double next = inputs[i].rows;
        if (node->set.op == WR_SET_UNION)
            rows += next;
        else if (i == 0)
            rows = next;
        else
            rows = node->set.op == WR_SET_INTERSECT ? WR_MIN(rows, next) : rows;
    }
    out->rows = rows;
    out->columns = wr_new_array(es->planner->arena, wr_column_profile, node->output_count + 1);
    int source = es->next_source++;
    for (int c = 0; c < node->output_count; c++) {
        wr_column_profile all = {.id = node->outputs[c].id, .source = source, .source_rows = rows};
        for (int i = 0; i < node->input_count; i++) {
            const wr_column_profile *from = wr_profile_column(&inputs[i], node->set.columns[i][c]);
            if (!from) continue;
            all.domain += from->domain;
            all.distinct += from->distinct;
        }
        all.domain = WR_MAX(all.domain, 1);
        all.distinct = WR_MAX(WR_MIN(all.distinct, rows), 1);
        out->columns[out->count++] = all;
    }
}

static void profile_shared(wr_estimator *es, wr_logical *node, wr_profile *out)
{
    wr_arena *arena = es->planner->arena;
    while (es->shared.count <= node->shared.id)
        wr_push(arena, &es->shared, (wr_profile){.rows = -1});
    if (es->shared.items[node->shared.id].rows < 0) {
        wr_profile inner;
        wr_profile_of(es, node->inputs[0], &inner);
        es->shared.items[node->shared.id] = inner;
    }
    const wr_profile *inner = &es->shared.items[node->shared.id];
    out->rows = inner->rows;
    out->columns = wr_new_array(arena, wr_column_profile, node->output_count + 1);
    for (int i = 0; i < node->output_count; i++) {
        const wr_column_profile *from = wr_profile_column(inner, node->shared.inner[i]);
        if (!from) continue;
        out->columns[out->count] = *from;
        out->columns[out->count++].id = node->outputs[i].id;
    }
}

static double distinct_groups(const wr_profile *in, wr_expr **keys, int count)
{
    double groups = 1;
    for (int i = 0; i < count; i++)
        groups *= wr_profile_expr(in, keys[i]).distinct;
    return WR_MIN(groups, in->rows);
}

static void profile_unary(wr_estimator *es, wr_logical *node, wr_profile *in, wr_profile *out)
{
    int more = WR_MAX(node->output_count - node->inputs[0]->output_count, 0);
    *out = *in;
    take_columns(es, in, more, out);
    switch (node->kind) {
    case WR_L_FILTER:
        wr_profile_filter(es, out, node->filter.conjuncts, node->filter.count);
        break;
    case WR_L_PROJECT:
        profile_project(es, node, in, out);
        break;
    case WR_L_AGGREGATE:
        out->count = 0;
        profile_aggregate(es, node, in, out);
        break;
    case WR_L_DISTINCT_ON:
        out->rows = distinct_groups(in, node->distinct_on.keys, node->distinct_on.key_count);
        break;
    case WR_L_SORT:
        limit_rows(out, node->sort.limit, node->sort.offset);
        break;
    case WR_L_LIMIT:
        if (!node->limit.is_percent) limit_rows(out, node->limit.count, node->limit.offset);
        break;
    case WR_L_UNNEST:
        out->rows *= 5;
        break;
    case WR_L_SINGLE_ROW:
        out->rows = 1;
        break;
    case WR_L_TIME_WINDOW:
        if (node->time_window.kind == WR_TIME_HOP)
            out->rows *= (double)node->time_window.size / (double)node->time_window.slide;
        break;
    case WR_L_SAMPLE:
        if (node->sample.fraction > 0)
            out->rows *= WR_MIN(node->sample.fraction, 1);
        else
            out->rows = WR_MIN(out->rows, (double)node->sample.rows);
        break;
    default:
        break;
    }
    cap_distinct(out);
    if (more > 0 && node->kind != WR_L_PROJECT && node->kind != WR_L_AGGREGATE)
        unknown_columns(es, node, node->output_count - more, out);
}

typedef struct wr_known_profile {
    const wr_logical *node; /* NULL: free */
    wr_profile profile;
} known_profile;

/* The place of the node in the table of known profiles, or a free one. */
static known_profile *known_place(const wr_estimator *es, const wr_logical *node)
{
    uint64_t at = (uint64_t)(uintptr_t)node * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    for (;; at++) {
        known_profile *place = &es->known[at & (es->known_size - 1)];
        if (!place->node || place->node == node) return place;
    }
}

static void remember(wr_estimator *es, const wr_logical *node, const wr_profile *profile)
{
    if (es->known_count * 2 >= es->known_size) {
        wr_estimator old = *es;
        es->known_size = WR_MAX(es->known_size * 2, 64);
        es->known = wr_new_array(es->planner->arena, known_profile, es->known_size);
        for (uint32_t i = 0; i < old.known_size; i++)
            if (old.known[i].node) *known_place(es, old.known[i].node) = old.known[i];
    }
    *known_place(es, node) = (known_profile){node, *profile};
    es->known_count++;
}

void wr_profile_of(wr_estimator *es, wr_logical *node, wr_profile *out)
{
    wr_arena *arena = es->planner->arena;
    bool remembers = es->remembers && node->kind == WR_L_JOIN;
    if (remembers && es->known_size && known_place(es, node)->node) {
        *out = known_place(es, node)->profile;
        return;
    }
    *out = (wr_profile){0};
    if (node->kind == WR_L_SHARED) {
        profile_shared(es, node, out);
        node->rows = out->rows;
        return;
    }
    wr_profile *inputs = wr_new_array(arena, wr_profile, node->input_count + 1);
    for (int i = 0; i < node->input_count; i++)
        wr_profile_of(es, node->inputs[i], &inputs[i]);
    switch (node->kind) {
    case WR_L_SCAN:
        profile_scan(es, node, out);
        break;
    case WR_L_VALUES:
        profile_unknown(es, node, node->values.row_count, out);
        break;
    case WR_L_EMPTY:
        profile_unknown(es, node, 0, out);
        break;
    case WR_L_WORKING:
        profile_unknown(es, node, ROWS_UNKNOWN / 10, out);
        break;
    case WR_L_JOIN:
        wr_profile_join(es, node, &inputs[0], &inputs[1], out);
        break;
    case WR_L_ASOF_JOIN:
        profile_unknown(es, node, inputs[0].rows, out);
        break;
    case WR_L_SET:
        profile_set(es, node, inputs, out);
        break;
    case WR_L_RECURSIVE:
        profile_unknown(es, node, inputs[0].rows * RECURSION_STEPS, out);
        break;
    case WR_L_SINK:
        profile_unknown(es, node, 1, out);
        break;
    default:
        profile_unary(es, node, &inputs[0], out);
        break;
    }
    node->rows = out->rows;
    if (remembers) remember(es, node, out);
}

void wr_estimate(wr_planner *planner, wr_logical *root)
{
    wr_estimator estimator = {.planner = planner};
    wr_profile profile;
    wr_profile_of(&estimator, root, &profile);
}
