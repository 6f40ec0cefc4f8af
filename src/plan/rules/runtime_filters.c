/* runtime_filters.c - lets the build side of a join, or the threshold of a top-N, thin out scans.
 *
 * When a build is finished, its join knows which keys can still find a partner. The rule follows
 * each probe key down to the scans its values come from, through everything that hands the column
 * on unchanged and where rows with other values could only make rows that the join drops anyway:
 * joins, filters, projections, groupings by that column. Across an equality it goes on with the
 * other side as well, so one filter may reach scans on both sides of a lower join.
 *
 * Traps: a filter must never change what other rows become. It stops at limits, ordinals, samples,
 * at grouping sets that null the key, at subplans that have other readers, and at the side of an
 * outer join whose missing rows would turn into NULLs. */
#include "plan/shared.h"
#include "plan/statistics.h"

static const double WORTH_IT = 0.9;

typedef struct publishing {
    wr_planner *planner;
    wr_shared_definitions shared;
    wr_estimator estimator;
} publishing;

static bool follow(wr_planner *planner, wr_logical *node, wr_column_id id,
                   wr_runtime_filter *filter);

/* ---- towards the scans ---- */

static bool attach(wr_planner *planner, wr_logical *scan, wr_column_id id,
                   wr_runtime_filter *filter)
{
    int at = 0;
    while (at < scan->output_count && scan->outputs[at].id != id)
        at++;
    if (at == scan->output_count) return false;
    int count = scan->scan.runtime_count;
    for (int i = 0; i < count; i++)
        if (scan->scan.runtime[i].filter == filter && scan->scan.runtime[i].column == at)
            return true;
    wr_runtime_filter_use *uses = wr_new_array(planner->arena, wr_runtime_filter_use, count + 1);
    if (count) memcpy(uses, scan->scan.runtime, sizeof *uses * (size_t)count);
    uses[count] = (wr_runtime_filter_use){filter, at};
    scan->scan.runtime = uses;
    scan->scan.runtime_count = count + 1;
    return true;
}

static bool follow_binding(wr_planner *planner, wr_logical *node, const wr_binding *bindings,
                           int count, wr_column_id id, wr_runtime_filter *filter)
{
    for (int i = 0; i < count; i++)
        if (bindings[i].id == id)
            return bindings[i].expr->kind == WR_X_COLUMN &&
                   follow(planner, node->inputs[0], bindings[i].expr->column, filter);
    return false;
}

static bool follow_group(wr_planner *planner, wr_logical *node, wr_column_id id,
                         wr_runtime_filter *filter)
{
    for (int k = 0; k < node->aggregate.key_count; k++) {
        if (node->aggregate.keys[k].id != id) continue;
        for (int s = 0; s < node->aggregate.set_count; s++)
            if (!(node->aggregate.sets[s] >> k & 1)) return false;
    }
    return follow_binding(planner, node, node->aggregate.keys, node->aggregate.key_count, id,
                          filter);
}

static bool is_column(const wr_expr *e, wr_column_id id)
{
    return e->kind == WR_X_COLUMN && e->column == id;
}

static bool partitions_by(const wr_logical *node, wr_column_id id)
{
    for (int c = 0; c < node->window.call_count; c++) {
        const wr_window_call *call = &node->window.calls[c];
        bool found = false;
        for (int p = 0; p < call->partition_count; p++)
            found |= is_column(call->partition[p], id);
        if (!found) return false;
    }
    return true;
}

/* The column of the other side that an equality of the join makes equal to id; 0: none. */
static wr_column_id partner(const wr_logical *join, wr_column_id id, int *from)
{
    for (int i = *from; i < join->join.condition_count; i++) {
        const wr_expr *e = join->join.conditions[i];
        *from = i + 1;
        if (e->kind != WR_X_COMPARE || e->op != WR_EQ) continue;
        for (int k = 0; k < 2; k++)
            if (is_column(e->args[k], id) && e->args[!k]->kind == WR_X_COLUMN)
                return e->args[!k]->column;
    }
    return 0;
}

static bool follow_join(wr_planner *planner, wr_logical *join, wr_column_id id,
                        wr_runtime_filter *filter)
{
    wr_join_kind kind = join->join.kind;
    bool from_left = wr_logical_output(join->inputs[0], id) != NULL;
    bool from_right = !from_left && wr_logical_output(join->inputs[1], id) != NULL;
    bool legal = from_left ? kind != WR_JOIN_RIGHT && kind != WR_JOIN_FULL
                           : from_right && (kind == WR_JOIN_INNER || kind == WR_JOIN_RIGHT);
    if (!legal) return false;
    bool any = follow(planner, join->inputs[from_right], id, filter);
    if (kind == WR_JOIN_MARK) return any;
    int from = 0;
    for (wr_column_id other; (other = partner(join, id, &from)) != 0;)
        if (wr_logical_output(join->inputs[from_left], other))
            any |= follow(planner, join->inputs[from_left], other, filter);
    return any;
}

static bool follow_set(wr_planner *planner, wr_logical *node, wr_column_id id,
                       wr_runtime_filter *filter)
{
    bool any = false;
    for (int c = 0; c < node->output_count; c++)
        for (int i = 0; node->outputs[c].id == id && i < node->input_count; i++)
            any |= follow(planner, node->inputs[i], node->set.columns[i][c], filter);
    return any;
}

static bool is_partition(const wr_logical *node, wr_column_id id)
{
    for (int i = 0; i < node->time_window.partition_count; i++)
        if (node->time_window.partition[i]->column == id) return true;
    return false;
}

static bool follow(wr_planner *planner, wr_logical *node, wr_column_id id,
                   wr_runtime_filter *filter)
{
    switch (node->kind) {
    case WR_L_SCAN:
        return node->scan.limit < 0 && attach(planner, node, id, filter);
    case WR_L_FILTER:
        return follow(planner, node->inputs[0], id, filter);
    case WR_L_SORT:
        return !node->sort.limit && !node->sort.offset &&
               follow(planner, node->inputs[0], id, filter);
    case WR_L_TIME_WINDOW: /* rows of a session decide where it ends */
        return (node->time_window.kind == WR_TIME_HOP || is_partition(node, id)) &&
               wr_logical_output(node->inputs[0], id) &&
               follow(planner, node->inputs[0], id, filter);
    case WR_L_UNNEST:
        return wr_logical_output(node->inputs[0], id) &&
               follow(planner, node->inputs[0], id, filter);
    case WR_L_PROJECT:
        return follow_binding(planner, node, node->project.bindings, node->project.count, id,
                              filter);
    case WR_L_AGGREGATE:
        return follow_group(planner, node, id, filter);
    case WR_L_WINDOW:
        return partitions_by(node, id) && follow(planner, node->inputs[0], id, filter);
    case WR_L_JOIN:
        return !node->join.is_lateral && follow_join(planner, node, id, filter);
    case WR_L_SET:
        return follow_set(planner, node, id, filter);
    default:
        return false;
    }
}

/* ---- producers ---- */

static wr_runtime_filter *new_filter(wr_planner *planner, const wr_type *type, double selectivity)
{
    wr_runtime_filter *filter = wr_new(planner->arena, wr_runtime_filter);
    *filter = (wr_runtime_filter){++planner->next_filter, type, selectivity};
    return filter;
}

/* May probe rows without a partner be dropped? */
static bool drops_probe_rows(const wr_logical *join)
{
    bool left = join->join.build_left; /* the probe side is the right one then */
    switch (join->join.kind) {
    case WR_JOIN_INNER:
    case WR_JOIN_SEMI:
        return true;
    case WR_JOIN_LEFT:
    case WR_JOIN_SINGLE:
    case WR_JOIN_ANTI:
        return left;
    case WR_JOIN_RIGHT:
        return !left;
    default:
        return false;
    }
}

static bool sides(const wr_logical *join, wr_arena *arena, wr_expr *e, wr_expr **left,
                  wr_expr **right)
{
    if (e->kind != WR_X_COMPARE || (e->op != WR_EQ && e->op != WR_NOT_DISTINCT)) return false;
    for (int swap = 0; swap < 2; swap++) {
        bool fits = true;
        for (int i = 0; i < 2; i++) {
            wr_column_set used = {0}, provided = {0};
            wr_expr_columns(arena, e->args[i ^ swap], &used);
            wr_logical_provided(arena, join->inputs[i], &provided);
            fits = fits && !wr_column_set_empty(&used) && wr_column_set_within(&used, &provided);
        }
        if (!fits) continue;
        *left = e->args[swap];
        *right = e->args[!swap];
        return !wr_expr_is_volatile(e);
    }
    return false;
}

/* Lowering numbers the keys in the order of the conditions that can be keys. */
static void publish_keys(publishing *p, wr_logical *join)
{
    wr_arena *arena = p->planner->arena;
    wr_profile profiles[2];
    int build = join->join.build_left ? 0 : 1, key = 0;
    for (int i = 0; i < 2; i++)
        wr_profile_of(&p->estimator, join->inputs[i], &profiles[i]);
    join->join.publish = wr_new_array(arena, wr_runtime_filter *, join->join.condition_count + 1);
    for (int i = 0; i < join->join.condition_count; i++) {
        wr_expr *pair[2];
        if (!sides(join, arena, join->join.conditions[i], &pair[0], &pair[1])) continue;
        const wr_expr *probe = pair[!build];
        wr_column_profile built = wr_profile_expr(&profiles[build], pair[build]);
        wr_column_profile probed = wr_profile_expr(&profiles[!build], probe);
        double kept = built.distinct / wr_join_domain(&built, &probed);
        int at = key++;
        if (kept > WORTH_IT || probe->kind != WR_X_COLUMN) continue;
        wr_runtime_filter *filter = new_filter(p->planner, probe->type, kept);
        if (follow(p->planner, join->inputs[!build], probe->column, filter))
            join->join.publish[at] = filter;
    }
    join->join.publish_count = key;
}

static void publish_threshold(publishing *p, wr_logical *sort)
{
    if (!sort->sort.limit || sort->sort.key_count == 0 ||
        sort->sort.keys[0].expr->kind != WR_X_COLUMN)
        return;
    const wr_expr *key = sort->sort.keys[0].expr;
    wr_runtime_filter *filter = new_filter(p->planner, key->type, 0.1);
    if (wr_type_is_int_like(key->type) && follow(p->planner, sort->inputs[0], key->column, filter))
        sort->sort.threshold = filter;
}

static void visit(publishing *p, wr_logical *node)
{
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&p->shared, node)) return;
    if (node->kind == WR_L_JOIN && !node->join.is_lateral && drops_probe_rows(node))
        publish_keys(p, node);
    if (node->kind == WR_L_SORT) publish_threshold(p, node);
    for (int i = 0; i < node->input_count; i++)
        visit(p, node->inputs[i]);
    if (is_shared) wr_shared_note(p->planner->arena, &p->shared, node);
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    publishing p = {.planner = planner, .estimator = {.planner = planner, .remembers = true}};
    visit(&p, *root);
    return WR_OK;
}

const wr_rule wr_rule_runtime_filters = {
    .name = "runtime_filters",
    .order = 80,
    .is_for_batches = true,
    .help = "builds of joins and top-N thresholds thin out the scans of the other side",
    .apply = apply,
};
