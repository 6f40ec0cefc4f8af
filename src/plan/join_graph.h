/* join_graph.h - a region of joins taken apart: what is joined, by which conditions, how many rows
 * any subset gives. The order is found by join_search.c, the region is collected and put together
 * again by rules/join_order.c. Sets of leaves are bit masks. */
#pragma once
#include "plan/statistics.h"

enum { WR_JOIN_LEAVES_MAX = 60 };

typedef uint64_t wr_leaf_set;

/* One input of the region. Dependent leaves were the right side of a join that is not inner: they
 * can only be joined alone, by their own join, to a set that has all leaves its conditions need. */
typedef struct wr_join_leaf {
    wr_logical *plan;
    wr_profile profile;
    wr_logical *join;  /* NULL: ordinary leaf; else SEMI, ANTI, MARK, LEFT or SINGLE */
    wr_leaf_set needs; /* dependent leaves only */
    double factor;     /* dependent: rows after / rows before */
} wr_join_leaf;

/* Expressions that are equal to each other in the result, each over one ordinary leaf. */
typedef struct wr_join_member {
    wr_expr *expr;
    int leaf;
    double domain;
} wr_join_member;
typedef struct wr_join_class {
    WR_LIST(wr_join_member) members;
    wr_leaf_set leaves;
} wr_join_class;

/* Any other condition. */
typedef struct wr_join_filter {
    wr_expr *condition;
    wr_leaf_set leaves;
    double selectivity;
} wr_join_filter;

/* Two leaves with several equalities between them: what independence underestimates. */
typedef struct wr_join_pair {
    wr_leaf_set leaves;
    double factor;
} wr_join_pair;

typedef struct wr_join_graph {
    wr_estimator *estimator;
    WR_LIST(wr_join_leaf) leaves;
    WR_LIST(wr_join_class) classes;
    WR_LIST(wr_join_filter) filters;
    WR_LIST(wr_join_pair) pairs;
    wr_leaf_set dependent;
    wr_leaf_set neighbours[WR_JOIN_LEAVES_MAX + 4];
} wr_join_graph;

/* Adds a condition that holds above all joins of the region; the leaves are there already. */
void wr_join_graph_add(wr_join_graph *graph, wr_expr *condition);
/* Leaves whose columns e uses. */
wr_leaf_set wr_join_graph_leaves(wr_join_graph *graph, const wr_expr *e);
/* Computes profiles, factors and neighbours; call it after everything was added. */
void wr_join_graph_finish(wr_join_graph *graph);
double wr_join_graph_rows(const wr_join_graph *graph, wr_leaf_set set);
/* True if some class has members in both sets: a hash join is possible. */
bool wr_join_graph_has_key(const wr_join_graph *graph, wr_leaf_set left, wr_leaf_set right);

/* A join tree over the leaves; arena memory. */
typedef struct wr_join_tree {
    wr_leaf_set set;
    const struct wr_join_tree *left, *right; /* NULL: a leaf. right is the build side */
    bool build_left;                         /* dependent joins only */
    double rows, cost;
} wr_join_tree;

/* The cheapest tree over all leaves: by dynamic programming up to a dozen leaves, else greedily. */
const wr_join_tree *wr_join_search(wr_join_graph *graph);
