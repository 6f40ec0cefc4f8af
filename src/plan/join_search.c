/* join_search.c - finds a cheap join tree: all bushy trees up to SEARCH_MAX leaves, beyond that the
 * best pair first.
 *
 * Costs count rows, weighted by what touching a row of a hash table of that size costs. A probe row
 * that finds nothing is cheap: the filter a build publishes removes it in the scan. Crossing sets
 * without a condition between them is considered only where the graph says that nothing connects
 * them.
 *
 * Dependent leaves are joined alone, when all they need is there. */
#include "plan/join_graph.h"
#include <math.h>

enum { SEARCH_MAX = 11 };

static const double BUILD_ROW = 4, LOOP_PAIR = 0.5, MISS = 0.3;

static bool is_single(wr_leaf_set set) { return !(set & (set - 1)); }

static int lowest(wr_leaf_set set) { return __builtin_ctzll(set); }

/* By cache level: a table of so many rows stays in L1/L2, L3 or memory. */
static double touch(double rows) { return rows < 4e3 ? 1 : rows < 1e5 ? 1.5 : rows < 1e6 ? 3 : 5; }

static double hash_cost(double build, double probe, double out)
{
    double hits = WR_MIN(probe, out);
    return build * (BUILD_ROW + touch(build)) + (hits + (probe - hits) * MISS) * touch(build) + out;
}

/* Are all needs of dependent leaves met inside the set? */
static bool is_whole(const wr_join_graph *graph, wr_leaf_set set)
{
    for (wr_leaf_set s = set & graph->dependent; s; s &= s - 1)
        if (graph->leaves.items[lowest(s)].needs & ~set) return false;
    return (set & ~graph->dependent) != 0;
}

static bool is_dependent(const wr_join_graph *graph, wr_leaf_set set)
{
    return is_single(set) && (set & graph->dependent);
}

static bool may_build_left(const wr_join_leaf *leaf)
{
    return leaf->join->join.kind != WR_JOIN_MARK;
}

/* Cost of the join alone; says which way round. False: the two cannot be joined. */
static bool price(const wr_join_graph *graph, const wr_join_tree *a, const wr_join_tree *b,
                  wr_join_tree *out)
{
    wr_leaf_set set = a->set | b->set;
    if (is_dependent(graph, a->set)) {
        const wr_join_tree *swap = a;
        a = b;
        b = swap;
    }
    if (!is_whole(graph, a->set)) return false;
    *out =
        (wr_join_tree){.set = set, .left = a, .right = b, .rows = wr_join_graph_rows(graph, set)};
    double cost;
    if (is_dependent(graph, b->set)) {
        const wr_join_leaf *leaf = &graph->leaves.items[lowest(b->set)];
        if (leaf->needs & ~a->set) return false;
        double right = hash_cost(b->rows, a->rows, out->rows);
        double left = hash_cost(a->rows, b->rows, out->rows);
        out->build_left = may_build_left(leaf) && left < right;
        cost = out->build_left ? left : right;
    } else {
        if (!is_whole(graph, b->set)) return false;
        bool keyed = wr_join_graph_has_key(graph, a->set, b->set);
        if (a->rows < b->rows) {
            out->left = b;
            out->right = a;
        }
        cost = keyed ? hash_cost(out->right->rows, out->left->rows, out->rows)
                     : a->rows * b->rows * LOOP_PAIR + out->rows;
    }
    out->cost = cost + a->cost + b->cost;
    return true;
}

static wr_leaf_set reach(const wr_join_graph *graph, wr_leaf_set set)
{
    wr_leaf_set near = 0;
    for (wr_leaf_set s = set; s; s &= s - 1)
        near |= graph->neighbours[lowest(s)];
    return near;
}

static wr_join_tree leaf_tree(const wr_join_graph *graph, int leaf)
{
    return (wr_join_tree){.set = UINT64_C(1) << leaf,
                          .rows = WR_MAX(graph->leaves.items[leaf].profile.rows, 1e-3)};
}

static const wr_join_tree *search_all(wr_join_graph *graph)
{
    wr_arena *arena = graph->estimator->planner->arena;
    int n = graph->leaves.count;
    wr_leaf_set full = (UINT64_C(1) << n) - 1;
    wr_join_tree *best = wr_new_array(arena, wr_join_tree, full + 1);
    wr_leaf_set *near = wr_new_array(arena, wr_leaf_set, full + 1);
    for (wr_leaf_set set = 1; set <= full; set++) {
        near[set] = reach(graph, set);
        if (is_single(set)) {
            best[set] = leaf_tree(graph, lowest(set));
            continue;
        }
        best[set].cost = INFINITY;
        wr_leaf_set first = set & -set;
        for (wr_leaf_set sub = (set - 1) & set; sub; sub = (sub - 1) & set) {
            wr_leaf_set rest = set & ~sub;
            wr_join_tree joined;
            if (!(sub & first) || !best[sub].set || !best[rest].set || !(near[sub] & rest))
                continue;
            if (price(graph, &best[sub], &best[rest], &joined) && joined.cost < best[set].cost)
                best[set] = joined;
        }
    }
    return best[full].set ? &best[full] : NULL;
}

/* Joins the two parts that give the least, until one is left. */
static const wr_join_tree *search_greedily(wr_join_graph *graph)
{
    wr_arena *arena = graph->estimator->planner->arena;
    int count = graph->leaves.count;
    const wr_join_tree **parts = wr_new_array(arena, const wr_join_tree *, count);
    for (int i = 0; i < count; i++) {
        wr_join_tree *leaf = wr_new(arena, wr_join_tree);
        *leaf = leaf_tree(graph, i);
        parts[i] = leaf;
    }
    while (count > 1) {
        wr_join_tree best = {.cost = INFINITY};
        double best_weight = INFINITY;
        int at[2] = {-1, -1};
        for (int connected = 1; connected >= 0 && at[0] < 0; connected--) {
            for (int a = 0; a < count; a++) {
                for (int b = 0; b < a; b++) {
                    wr_join_tree joined;
                    if (connected && !(reach(graph, parts[a]->set) & parts[b]->set)) continue;
                    if (!price(graph, parts[a], parts[b], &joined)) continue;
                    double weight = joined.cost - parts[a]->cost - parts[b]->cost + joined.rows;
                    if (weight >= best_weight) continue;
                    best_weight = weight;
                    best = joined;
                    at[0] = a;
                    at[1] = b;
                }
            }
        }
        if (at[0] < 0) return NULL;
        wr_join_tree *kept = wr_new(arena, wr_join_tree);
        *kept = best;
        parts[at[1]] = kept;
        parts[at[0]] = parts[--count];
    }
    return parts[0];
}

const wr_join_tree *wr_join_search(wr_join_graph *graph)
{
    return graph->leaves.count <= SEARCH_MAX ? search_all(graph) : search_greedily(graph);
}
