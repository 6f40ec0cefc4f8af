/* join_order.c - chooses the order of joins and which side of each is built.
 *
 * A region is everything that can be reached from a join through joins, filters and projections
 * that only pass columns on. Inner joins dissolve into leaves and conditions. The right side of a
 * semi, anti, mark, left or single join becomes a leaf that keeps its own join: such a join
 * commutes with inner joins as long as the columns its conditions use are there. Everything else is
 * a leaf and is looked at on its own.
 *
 * The tree that comes back provides the outputs of the region in their old order. */
#include "plan/join_graph.h"
#include "plan/shared.h"

typedef struct ordering {
    wr_planner *planner;
    wr_arena *arena;
    wr_shared_definitions shared;
} ordering;

typedef struct region {
    ordering *rule;
    wr_join_graph graph;
    wr_estimator estimator;
    int pending; /* right inputs on the way down that will be leaves at least */
    WR_LIST(wr_expr *) conditions;
    WR_LIST(wr_binding) renames; /* ids that projections inside gave to columns */
} region;

static wr_logical *order(ordering *o, wr_logical *node);

/* ---- collecting ---- */

static bool keeps_leaf(wr_join_kind kind)
{
    return kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI || kind == WR_JOIN_MARK ||
           kind == WR_JOIN_LEFT || kind == WR_JOIN_SINGLE;
}

static bool only_passes(const wr_logical *node)
{
    for (int i = 0; i < node->project.count; i++)
        if (node->project.bindings[i].expr->kind != WR_X_COLUMN) return false;
    return true;
}

static bool has_volatile(const wr_logical *node)
{
    for (int i = 0; i < node->filter.count; i++)
        if (wr_expr_is_volatile(node->filter.conjuncts[i])) return true;
    return false;
}

static void turn_right_join(wr_logical *node)
{
    if (node->kind != WR_L_JOIN || node->join.kind != WR_JOIN_RIGHT || node->join.is_lateral)
        return;
    wr_logical *left = node->inputs[0];
    node->inputs[0] = node->inputs[1];
    node->inputs[1] = left;
    node->join.kind = WR_JOIN_LEFT;
}

static bool is_join_of_region(const wr_logical *node)
{
    return node->kind == WR_L_JOIN && !node->join.is_lateral &&
           (node->join.kind == WR_JOIN_INNER || keeps_leaf(node->join.kind));
}

/* Does a join of the region lie below filters and passing projections? */
static bool leads_to_join(const wr_logical *node)
{
    for (;;) {
        if (node->kind == WR_L_FILTER && !has_volatile(node))
            node = node->inputs[0];
        else if (node->kind == WR_L_PROJECT && only_passes(node))
            node = node->inputs[0];
        else
            return is_join_of_region(node);
    }
}

static void add_leaf(region *r, wr_logical *plan, wr_logical *join)
{
    plan = order(r->rule, plan);
    if (join) r->graph.dependent |= UINT64_C(1) << r->graph.leaves.count;
    wr_push(r->rule->arena, &r->graph.leaves,
            ((wr_join_leaf){.plan = plan, .join = join, .factor = 1}));
}

static void collect(region *r, wr_logical *node)
{
    wr_arena *arena = r->rule->arena;
    turn_right_join(node);
    if (r->graph.leaves.count + r->pending >= WR_JOIN_LEAVES_MAX - 1 || !leads_to_join(node)) {
        add_leaf(r, node, NULL);
        return;
    }
    switch (node->kind) {
    case WR_L_FILTER:
        for (int i = 0; i < node->filter.count; i++)
            wr_push(arena, &r->conditions, node->filter.conjuncts[i]);
        collect(r, node->inputs[0]);
        return;
    case WR_L_PROJECT:
        collect(r, node->inputs[0]);
        for (int i = 0; i < node->project.count; i++)
            if (node->project.bindings[i].expr->column != node->project.bindings[i].id)
                wr_push(arena, &r->renames, node->project.bindings[i]);
        return;
    default:
        r->pending++;
        collect(r, node->inputs[0]);
        r->pending--;
        if (node->join.kind != WR_JOIN_INNER) {
            add_leaf(r, node->inputs[1], node);
            return;
        }
        collect(r, node->inputs[1]);
        for (int i = 0; i < node->join.condition_count; i++)
            wr_push(arena, &r->conditions, node->join.conditions[i]);
    }
}

/* ---- columns that were renamed inside ---- */

static wr_expr *undo_rename(wr_expr *e, void *arg)
{
    const region *r = arg;
    if (e->kind != WR_X_COLUMN) return e;
    for (int i = r->renames.count - 1; i >= 0; i--)
        if (r->renames.items[i].id == e->column)
            e = wr_expr_column(r->rule->arena, r->renames.items[i].expr->column, e->type);
    return e;
}

static wr_expr *original(region *r, wr_expr *e)
{
    if (!e || r->renames.count == 0) return e;
    return wr_expr_rewrite(wr_expr_copy(r->rule->arena, e), undo_rename, r);
}

/* ---- building ---- */

static wr_logical *filter_over(region *r, wr_logical *input, wr_expr **conjuncts, int count)
{
    if (count == 0) return input;
    wr_logical *filter = wr_logical_new(r->rule->planner, WR_L_FILTER, input, NULL);
    filter->filter.conjuncts = conjuncts;
    filter->filter.count = count;
    wr_logical_set_outputs(r->rule->planner, filter);
    return filter;
}

static wr_expr *class_equality(region *r, const wr_join_class *class, wr_leaf_set left,
                               wr_leaf_set right)
{
    wr_expr *sides[2] = {NULL, NULL};
    for (int m = 0; m < class->members.count; m++) {
        const wr_join_member *member = &class->members.items[m];
        wr_leaf_set at = UINT64_C(1) << member->leaf;
        if (!sides[0] && (left & at)) sides[0] = member->expr;
        if (!sides[1] && (right & at)) sides[1] = member->expr;
    }
    return sides[0] && sides[1] ? wr_expr_compare(r->rule->arena, WR_EQ, sides[0], sides[1]) : NULL;
}

/* Conditions that hold once both parts are there. A dependent right side brings all of its own. */
static int conditions_between(region *r, const wr_join_tree *tree, bool dependent, wr_expr ***out)
{
    wr_join_graph *graph = &r->graph;
    wr_leaf_set left = tree->left->set, right = tree->right->set;
    wr_expr **list =
        wr_new_array(r->rule->arena, wr_expr *, graph->classes.count + graph->filters.count + 1);
    int count = 0;
    for (int i = 0; i < graph->classes.count; i++) {
        wr_expr *equal = class_equality(r, &graph->classes.items[i], left, right);
        if (equal) list[count++] = equal;
    }
    for (int i = 0; i < graph->filters.count; i++) {
        wr_leaf_set leaves = graph->filters.items[i].leaves;
        bool earlier = !(leaves & ~left) || (!dependent && !(leaves & ~right));
        if (leaves && !(leaves & ~tree->set) && !earlier)
            list[count++] = graph->filters.items[i].condition;
    }
    *out = list;
    return count;
}

static wr_logical *build(region *r, const wr_join_tree *tree)
{
    wr_planner *planner = r->rule->planner;
    if (!tree->left) return r->graph.leaves.items[__builtin_ctzll(tree->set)].plan;
    wr_logical *left = build(r, tree->left), *right = build(r, tree->right);
    wr_logical *own =
        !tree->right->left ? r->graph.leaves.items[__builtin_ctzll(tree->right->set)].join : NULL;
    wr_expr **conditions;
    int count = conditions_between(r, tree, own != NULL, &conditions);
    if (own) {
        own->inputs[0] = left;
        own->inputs[1] = right;
        own->join.build_left = tree->build_left;
        wr_logical_set_outputs(planner, own);
        return filter_over(r, own, conditions, count);
    }
    wr_logical *join = wr_logical_new(planner, WR_L_JOIN, left, right);
    join->join.kind = WR_JOIN_INNER;
    join->join.conditions = conditions;
    join->join.condition_count = count;
    wr_logical_set_outputs(planner, join);
    return join;
}

/* The outputs of the region as they were. */
static wr_logical *with_outputs(region *r, wr_logical *node, const wr_output *outputs, int count)
{
    bool same = node->output_count == count;
    for (int i = 0; same && i < count; i++)
        same = node->outputs[i].id == outputs[i].id;
    if (same) return node;
    wr_planner *planner = r->rule->planner;
    wr_logical *project = wr_logical_new(planner, WR_L_PROJECT, node, NULL);
    project->project.bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    project->project.count = count;
    for (int i = 0; i < count; i++) {
        wr_expr *e = wr_expr_column(planner->arena, outputs[i].id, outputs[i].type);
        project->project.bindings[i] = (wr_binding){outputs[i].id, undo_rename(e, r)};
    }
    wr_logical_set_outputs(planner, project);
    return project;
}

static void add_conditions(region *r)
{
    wr_join_graph *graph = &r->graph;
    for (int i = 0; i < graph->leaves.count; i++) {
        wr_logical *join = graph->leaves.items[i].join;
        if (!join) continue;
        wr_expr **all = wr_new_array(r->rule->arena, wr_expr *, join->join.condition_count + 1);
        wr_leaf_set used = 0;
        for (int c = 0; c < join->join.condition_count; c++) {
            all[c] = original(r, join->join.conditions[c]);
            used |= wr_join_graph_leaves(graph, all[c]);
        }
        join->join.conditions = all;
        join->join.mark_left = original(r, join->join.mark_left);
        join->join.mark_right = original(r, join->join.mark_right);
        if (join->join.mark_left) used |= wr_join_graph_leaves(graph, join->join.mark_left);
        graph->leaves.items[i].needs = used & ~(UINT64_C(1) << i);
    }
    for (int i = 0; i < r->conditions.count; i++)
        wr_join_graph_add(graph, original(r, r->conditions.items[i]));
}

/* Conditions over one ordinary leaf go below all joins; those without columns above. */
static void place_simple_filters(region *r, wr_expr **above, int *above_count)
{
    wr_join_graph *graph = &r->graph;
    for (int i = 0; i < graph->filters.count; i++) {
        wr_join_filter *filter = &graph->filters.items[i];
        bool single = filter->leaves && !(filter->leaves & (filter->leaves - 1));
        if (!filter->leaves) {
            above[(*above_count)++] = filter->condition;
        } else if (single && !(filter->leaves & graph->dependent)) {
            wr_join_leaf *leaf = &graph->leaves.items[__builtin_ctzll(filter->leaves)];
            wr_expr **one = wr_new_array(r->rule->arena, wr_expr *, 1);
            one[0] = filter->condition;
            leaf->plan = filter_over(r, leaf->plan, one, 1);
        } else {
            continue;
        }
        graph->filters.items[i--] = graph->filters.items[--graph->filters.count];
    }
}

static wr_logical *order_region(ordering *o, wr_logical *top)
{
    region *r = wr_new(o->arena, region);
    r->rule = o;
    r->estimator.planner = o->planner;
    r->graph.estimator = &r->estimator;
    const wr_output *outputs = top->outputs;
    int output_count = top->output_count;
    collect(r, top);
    add_conditions(r);
    wr_expr **above = wr_new_array(o->arena, wr_expr *, r->graph.filters.count + 1);
    int above_count = 0;
    place_simple_filters(r, above, &above_count);
    wr_join_graph_finish(&r->graph);
    const wr_join_tree *tree = wr_join_search(&r->graph);
    wr_assert(tree != NULL);
    wr_logical *built = filter_over(r, build(r, tree), above, above_count);
    return with_outputs(r, built, outputs, output_count);
}

/* ---- the walk ---- */

/* Joins that stay where they are: only the side to build is chosen. */
static void choose_side(ordering *o, wr_logical *join)
{
    if (join->join.kind != WR_JOIN_FULL || join->join.is_lateral) return;
    wr_estimator es = {.planner = o->planner};
    wr_profile left, right;
    wr_profile_of(&es, join->inputs[0], &left);
    wr_profile_of(&es, join->inputs[1], &right);
    join->join.build_left = left.rows < right.rows;
}

static wr_logical *order(ordering *o, wr_logical *node)
{
    turn_right_join(node);
    if (leads_to_join(node)) return order_region(o, node);
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&o->shared, node)) return node;
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = order(o, node->inputs[i]);
    if (is_shared) wr_shared_note(o->arena, &o->shared, node);
    if (node->input_count) wr_logical_set_outputs(o->planner, node);
    if (node->kind == WR_L_JOIN) choose_side(o, node);
    return node;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    ordering o = {.planner = planner, .arena = planner->arena};
    *root = order(&o, *root);
    return WR_OK;
}

const wr_rule wr_rule_join_order = {
    .name = "join_order",
    .order = 50,
    .help = "chooses the order of joins and which side of each is built",
    .apply = apply,
};
