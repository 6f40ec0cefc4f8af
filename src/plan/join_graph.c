/* join_graph.c - see join_graph.h.
 *
 * The rows of a subset do not depend on the order of its joins: the product of its leaves, divided
 * once per equality that holds in it. A class of k equal expressions makes k - 1 equalities; the
 * divisors are all domains but the smallest. */
#include "plan/join_graph.h"
#include <math.h>

static wr_leaf_set bit(int leaf) { return UINT64_C(1) << leaf; }

static int lowest(wr_leaf_set set) { return __builtin_ctzll(set); }

wr_leaf_set wr_join_graph_leaves(wr_join_graph *graph, const wr_expr *e)
{
    WR_ARENA(scratch);
    wr_column_set used = {0};
    wr_expr_columns(&scratch, e, &used);
    wr_leaf_set leaves = 0;
    for (int i = 0; i < graph->leaves.count; i++) {
        const wr_join_leaf *leaf = &graph->leaves.items[i];
        for (int c = 0; c < leaf->plan->output_count; c++)
            if (wr_column_set_has(&used, leaf->plan->outputs[c].id)) leaves |= bit(i);
        if (leaf->join && leaf->join->join.kind == WR_JOIN_MARK &&
            wr_column_set_has(&used, leaf->join->join.mark))
            leaves |= bit(i);
    }
    return leaves;
}

/* ---- conditions ---- */

static int class_of(const wr_join_graph *graph, const wr_expr *e, int leaf)
{
    for (int i = 0; i < graph->classes.count; i++) {
        const wr_join_class *class = &graph->classes.items[i];
        for (int m = 0; m < class->members.count; m++)
            if (class->members.items[m].leaf == leaf && wr_expr_eq(class->members.items[m].expr, e))
                return i;
    }
    return -1;
}

static void add_member(wr_join_graph *graph, int class, wr_expr *e, int leaf)
{
    wr_join_class *c = &graph->classes.items[class];
    wr_push(graph->estimator->planner->arena, &c->members, ((wr_join_member){e, leaf, 1}));
    c->leaves |= bit(leaf);
}

static void merge_classes(wr_join_graph *graph, int into, int from)
{
    wr_join_class gone = graph->classes.items[from];
    for (int m = 0; m < gone.members.count; m++)
        add_member(graph, into, gone.members.items[m].expr, gone.members.items[m].leaf);
    graph->classes.items[from] = graph->classes.items[--graph->classes.count];
}

static void add_equality(wr_join_graph *graph, wr_expr *left, int left_leaf, wr_expr *right,
                         int right_leaf)
{
    int a = class_of(graph, left, left_leaf), b = class_of(graph, right, right_leaf);
    if (a < 0 && b < 0) {
        wr_push(graph->estimator->planner->arena, &graph->classes, ((wr_join_class){0}));
        a = b = graph->classes.count - 1;
        add_member(graph, a, left, left_leaf);
        add_member(graph, a, right, right_leaf);
    } else if (a < 0) {
        add_member(graph, b, left, left_leaf);
    } else if (b < 0) {
        add_member(graph, a, right, right_leaf);
    } else if (a != b) {
        merge_classes(graph, WR_MIN(a, b), WR_MAX(a, b));
    }
}

static bool is_single(wr_leaf_set set) { return set && !(set & (set - 1)); }

void wr_join_graph_add(wr_join_graph *graph, wr_expr *condition)
{
    if (condition->kind == WR_X_AND) {
        for (int i = 0; i < condition->arg_count; i++)
            wr_join_graph_add(graph, condition->args[i]);
        return;
    }
    wr_leaf_set all = wr_join_graph_leaves(graph, condition);
    if (condition->kind == WR_X_COMPARE && condition->op == WR_EQ && !(all & graph->dependent) &&
        !wr_expr_is_volatile(condition)) {
        wr_leaf_set left = wr_join_graph_leaves(graph, condition->args[0]);
        wr_leaf_set right = wr_join_graph_leaves(graph, condition->args[1]);
        if (is_single(left) && is_single(right) && left != right) {
            add_equality(graph, condition->args[0], lowest(left), condition->args[1],
                         lowest(right));
            return;
        }
    }
    for (int i = 0; i < graph->filters.count; i++)
        if (wr_expr_eq(graph->filters.items[i].condition, condition)) return;
    wr_push(graph->estimator->planner->arena, &graph->filters,
            ((wr_join_filter){condition, all, 1}));
}

/* ---- facts that follow ---- */

typedef struct renaming {
    wr_arena *arena;
    wr_column_id from, to;
} renaming;

static wr_expr *rename_column(wr_expr *e, void *arg)
{
    const renaming *r = arg;
    if (e->kind != WR_X_COLUMN || e->column != r->from) return e;
    return wr_expr_column(r->arena, r->to, e->type);
}

static void add_scan_filter(wr_arena *arena, wr_logical *scan, wr_expr *e)
{
    for (int i = 0; i < scan->scan.filter_count; i++)
        if (wr_expr_eq(scan->scan.filters[i], e)) return;
    wr_expr **filters = wr_new_array(arena, wr_expr *, scan->scan.filter_count + 1);
    if (scan->scan.filter_count)
        memcpy(filters, scan->scan.filters, sizeof *filters * (size_t)scan->scan.filter_count);
    filters[scan->scan.filter_count++] = e;
    scan->scan.filters = filters;
}

static bool compares_constants(const wr_expr *e)
{
    if (e->kind != WR_X_COMPARE && e->kind != WR_X_IN) return false;
    int columns = 0, constants = 0;
    for (int i = 0; i < e->arg_count; i++) {
        columns += e->args[i]->kind == WR_X_COLUMN;
        constants += e->args[i]->kind == WR_X_CONST;
    }
    return columns == 1 && constants == e->arg_count - 1;
}

/* What a scan's filter says about one member holds for the other members of its class too. */
static void spread_filters(wr_join_graph *graph, const wr_join_class *class)
{
    wr_arena *arena = graph->estimator->planner->arena;
    for (int m = 0; m < class->members.count; m++) {
        const wr_join_member *from = &class->members.items[m];
        wr_logical *scan = graph->leaves.items[from->leaf].plan;
        if (from->expr->kind != WR_X_COLUMN || scan->kind != WR_L_SCAN) continue;
        wr_column_set self = {0};
        wr_column_set_add(arena, &self, from->expr->column);
        for (int f = 0; f < scan->scan.filter_count; f++) {
            wr_column_set used = {0};
            wr_expr *e = scan->scan.filters[f];
            if (!compares_constants(e)) continue;
            wr_expr_columns(arena, e, &used);
            if (!wr_column_set_within(&used, &self)) continue;
            for (int o = 0; o < class->members.count; o++) {
                const wr_join_member *to = &class->members.items[o];
                wr_logical *other = graph->leaves.items[to->leaf].plan;
                if (to->leaf == from->leaf || to->expr->kind != WR_X_COLUMN ||
                    other->kind != WR_L_SCAN || to->expr->type != from->expr->type)
                    continue;
                renaming r = {arena, from->expr->column, to->expr->column};
                add_scan_filter(arena, other,
                                wr_expr_rewrite(wr_expr_copy(arena, e), rename_column, &r));
            }
        }
    }
}

/* Two members in one leaf are equal to each other before any join. */
static void equal_within_leaves(wr_join_graph *graph, const wr_join_class *class)
{
    wr_planner *planner = graph->estimator->planner;
    for (int m = 0; m < class->members.count; m++) {
        const wr_join_member *a = &class->members.items[m];
        for (int o = 0; o < m; o++) {
            const wr_join_member *b = &class->members.items[o];
            if (a->leaf != b->leaf) continue;
            wr_join_leaf *leaf = &graph->leaves.items[a->leaf];
            wr_logical *filter = wr_logical_new(planner, WR_L_FILTER, leaf->plan, NULL);
            filter->filter.conjuncts = wr_new_array(planner->arena, wr_expr *, 1);
            filter->filter.conjuncts[0] = wr_expr_compare(planner->arena, WR_EQ, b->expr, a->expr);
            filter->filter.count = 1;
            wr_logical_set_outputs(planner, filter);
            leaf->plan = filter;
            break;
        }
    }
}

/* ---- figures ---- */

/* The joint profile of some leaves, as if they were crossed. */
static wr_profile crossed(wr_join_graph *graph, wr_leaf_set set)
{
    wr_profile all = {.rows = 1};
    int count = 0;
    for (wr_leaf_set s = set; s; s &= s - 1)
        count += graph->leaves.items[lowest(s)].profile.count;
    all.columns = wr_new_array(graph->estimator->planner->arena, wr_column_profile, count + 1);
    for (wr_leaf_set s = set; s; s &= s - 1) {
        const wr_profile *one = &graph->leaves.items[lowest(s)].profile;
        all.rows *= WR_MAX(one->rows, 1);
        if (one->count)
            memcpy(all.columns + all.count, one->columns, sizeof *all.columns * (size_t)one->count);
        all.count += one->count;
    }
    return all;
}

static void measure_class(wr_join_graph *graph, wr_join_class *class)
{
    double hard = 0, soft = INFINITY;
    double *left = wr_new_array(graph->estimator->planner->arena, double, class->members.count + 1);
    for (int m = 0; m < class->members.count; m++) {
        wr_join_member *member = &class->members.items[m];
        wr_column_profile c =
            wr_profile_expr(&graph->leaves.items[member->leaf].profile, member->expr);
        member->domain = c.domain;
        left[m] = 1 - c.removed;
        if (c.is_soft)
            soft = WR_MIN(soft, c.domain);
        else
            hard = WR_MAX(hard, c.domain);
    }
    double cap = hard > 0 ? hard : soft;
    for (int m = 0; m < class->members.count; m++) {
        wr_join_member *member = &class->members.items[m];
        member->domain = WR_MAX(WR_MIN(member->domain, cap) * left[m], 1);
    }
}

static double member_domain(const wr_join_class *class, int leaf)
{
    double domain = 0;
    for (int m = 0; m < class->members.count; m++)
        if (class->members.items[m].leaf == leaf)
            domain = WR_MAX(domain, class->members.items[m].domain);
    return domain;
}

static double source_rows(const wr_join_graph *graph, const wr_join_class *class, int leaf)
{
    for (int m = 0; m < class->members.count; m++)
        if (class->members.items[m].leaf == leaf)
            return wr_profile_expr(&graph->leaves.items[leaf].profile, class->members.items[m].expr)
                .source_rows;
    return INFINITY;
}

static void measure_pair(wr_join_graph *graph, int a, int b)
{
    double domain = 1, rows = INFINITY;
    int shared = 0;
    for (int i = 0; i < graph->classes.count; i++) {
        const wr_join_class *class = &graph->classes.items[i];
        if (!(class->leaves & bit(a)) || !(class->leaves & bit(b))) continue;
        shared++;
        domain *= WR_MAX(member_domain(class, a), member_domain(class, b));
        rows = WR_MIN(rows, WR_MIN(source_rows(graph, class, a), source_rows(graph, class, b)));
    }
    if (shared < 2 || domain <= WR_MAX(rows, 1)) return;
    wr_push(graph->estimator->planner->arena, &graph->pairs,
            ((wr_join_pair){bit(a) | bit(b), domain / WR_MAX(rows, 1)}));
}

static void measure_dependent(wr_join_graph *graph, wr_join_leaf *leaf)
{
    wr_leaf_set ordinary = leaf->needs & ~graph->dependent;
    wr_profile left = crossed(graph, ordinary), out;
    wr_profile_join(graph->estimator, leaf->join, &left, &leaf->profile, &out);
    leaf->factor = out.rows / WR_MAX(left.rows, 1e-9);
}

static void connect(wr_join_graph *graph, wr_leaf_set leaves)
{
    for (wr_leaf_set s = leaves; s; s &= s - 1)
        graph->neighbours[lowest(s)] |= leaves & ~bit(lowest(s));
}

static void find_neighbours(wr_join_graph *graph)
{
    wr_leaf_set all = graph->leaves.count == 64 ? ~UINT64_C(0) : bit(graph->leaves.count) - 1;
    for (int i = 0; i < graph->classes.count; i++)
        connect(graph, graph->classes.items[i].leaves);
    for (int i = 0; i < graph->filters.count; i++)
        connect(graph, graph->filters.items[i].leaves);
    for (int i = 0; i < graph->leaves.count; i++) {
        const wr_join_leaf *leaf = &graph->leaves.items[i];
        if (!leaf->join) continue;
        if (leaf->needs)
            connect(graph, leaf->needs | bit(i));
        else
            for (int k = 0; k < graph->leaves.count; k++)
                connect(graph, bit(i) | bit(k));
    }
    /* Parts without any condition between them are crossed: every leaf may be the one. */
    wr_leaf_set reached = bit(0), before = 0;
    while (reached != before) {
        before = reached;
        for (wr_leaf_set s = reached; s; s &= s - 1)
            reached |= graph->neighbours[lowest(s)];
    }
    if (reached != all)
        for (int i = 0; i < graph->leaves.count; i++)
            graph->neighbours[i] |= bit(i) & reached ? all & ~reached : reached;
}

void wr_join_graph_finish(wr_join_graph *graph)
{
    for (int i = 0; i < graph->classes.count; i++) {
        spread_filters(graph, &graph->classes.items[i]);
        equal_within_leaves(graph, &graph->classes.items[i]);
    }
    for (int i = 0; i < graph->leaves.count; i++)
        wr_profile_of(graph->estimator, graph->leaves.items[i].plan,
                      &graph->leaves.items[i].profile);
    for (int i = 0; i < graph->classes.count; i++)
        measure_class(graph, &graph->classes.items[i]);
    for (int a = 0; a < graph->leaves.count; a++)
        for (int b = 0; b < a; b++)
            measure_pair(graph, a, b);
    for (int i = 0; i < graph->filters.count; i++) {
        wr_join_filter *filter = &graph->filters.items[i];
        wr_profile over = crossed(graph, filter->leaves);
        filter->selectivity = wr_selectivity(graph->estimator, &over, filter->condition);
    }
    for (int i = 0; i < graph->leaves.count; i++)
        if (graph->leaves.items[i].join) measure_dependent(graph, &graph->leaves.items[i]);
    find_neighbours(graph);
}

static double class_divisor(const wr_join_class *class, wr_leaf_set set)
{
    double product = 1, least = INFINITY;
    for (wr_leaf_set s = class->leaves & set; s; s &= s - 1) {
        double domain = member_domain(class, lowest(s));
        product *= domain;
        least = WR_MIN(least, domain);
    }
    return isinf(least) ? 1 : product / least;
}

double wr_join_graph_rows(const wr_join_graph *graph, wr_leaf_set set)
{
    double rows = 1;
    for (wr_leaf_set s = set; s; s &= s - 1) {
        const wr_join_leaf *leaf = &graph->leaves.items[lowest(s)];
        bool alone = set == bit(lowest(s));
        rows *= leaf->join && !alone ? leaf->factor : WR_MAX(leaf->profile.rows, 1e-3);
    }
    for (int i = 0; i < graph->classes.count; i++)
        rows /= class_divisor(&graph->classes.items[i], set);
    for (int i = 0; i < graph->pairs.count; i++)
        if ((graph->pairs.items[i].leaves & ~set) == 0) rows *= graph->pairs.items[i].factor;
    for (int i = 0; i < graph->filters.count; i++)
        if (graph->filters.items[i].leaves && (graph->filters.items[i].leaves & ~set) == 0)
            rows *= graph->filters.items[i].selectivity;
    return rows;
}

bool wr_join_graph_has_key(const wr_join_graph *graph, wr_leaf_set left, wr_leaf_set right)
{
    for (int i = 0; i < graph->classes.count; i++) {
        wr_leaf_set leaves = graph->classes.items[i].leaves;
        if ((leaves & left) && (leaves & right)) return true;
    }
    return false;
}
