/* pushdown.c - moves every filter as far down as it goes, and turns comma joins into joins with
 * conditions.
 *
 * One recursive walk carries the conjuncts that hold above a node ("pending") down the tree. At
 * each node a conjunct either goes on into an input (rewritten to that input's columns), becomes a
 * join condition, or stays as a filter on top. An outer join whose NULL rows some conjunct rejects
 * becomes an inner one on the way. Filters reach scans as scan.filters. */
#include "expr/fn.h"
#include "plan/shared.h"
#include "plan/simplify.h"

/* Different conditions, with their hashes: thousands of them are compared by number first. */
typedef struct conjuncts {
    wr_expr **items;
    uint64_t *hashes;
    int count, cap;
} conjuncts;

typedef struct walk {
    wr_planner *planner;
    wr_arena *arena;
    wr_shared_definitions shared;
} walk;

static wr_logical *push(walk *w, wr_logical *node, conjuncts *pending);

static void add(walk *w, conjuncts *list, wr_expr *e)
{
    if (e->kind == WR_X_AND) {
        for (int i = 0; i < e->arg_count; i++)
            add(w, list, e->args[i]);
        return;
    }
    uint64_t hash = wr_expr_hash(e);
    for (int i = 0; i < list->count; i++)
        if (list->hashes[i] == hash && wr_expr_eq(list->items[i], e)) return;
    if (list->count == list->cap) {
        conjuncts more = {.count = list->count, .cap = WR_MAX(8, list->cap * 2)};
        more.items = wr_new_array(w->arena, wr_expr *, more.cap);
        more.hashes = wr_new_array(w->arena, uint64_t, more.cap);
        for (int i = 0; i < list->count; i++) {
            more.items[i] = list->items[i];
            more.hashes[i] = list->hashes[i];
        }
        *list = more;
    }
    list->items[list->count] = e;
    list->hashes[list->count++] = hash;
}

static wr_logical *filter_over(walk *w, wr_logical *input, const conjuncts *list)
{
    if (list->count == 0) return input;
    wr_logical *filter = wr_logical_new(w->planner, WR_L_FILTER, input, NULL);
    filter->filter.conjuncts = wr_new_array(w->arena, wr_expr *, list->count);
    memcpy(filter->filter.conjuncts, list->items, sizeof(wr_expr *) * (size_t)list->count);
    filter->filter.count = list->count;
    wr_logical_set_outputs(w->planner, filter);
    return filter;
}

static wr_column_set provided(walk *w, const wr_logical *node)
{
    wr_column_set set = {0};
    wr_logical_provided(w->arena, node, &set);
    return set;
}

static bool only_uses(walk *w, const wr_expr *e, const wr_column_set *columns)
{
    wr_column_set used = {0};
    wr_expr_columns(w->arena, e, &used);
    return wr_column_set_within(&used, columns);
}

/* ---- substitution of columns by what they stand for ---- */

typedef struct substitution {
    wr_arena *arena;
    const wr_column_id *ids;
    wr_expr *const *values;
    int count;
} substitution;

static wr_expr *substitute_one(wr_expr *e, void *arg)
{
    const substitution *s = arg;
    if (e->kind != WR_X_COLUMN) return e;
    for (int i = 0; i < s->count; i++)
        if (s->ids[i] == e->column) return wr_expr_copy(s->arena, s->values[i]);
    return e;
}

static wr_expr *substituted(const substitution *s, const wr_expr *e)
{
    return wr_expr_rewrite(wr_expr_copy(s->arena, e), substitute_one, (void *)s);
}

static substitution of_bindings(walk *w, const wr_binding *bindings, int count)
{
    wr_column_id *ids = wr_new_array(w->arena, wr_column_id, count + 1);
    wr_expr **values = wr_new_array(w->arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++) {
        ids[i] = bindings[i].id;
        values[i] = bindings[i].expr;
    }
    return (substitution){w->arena, ids, values, count};
}

/* ---- null rejection ---- */

/* Is e NULL whenever all columns of the set are? */
static bool null_if_missing(const wr_expr *e, const wr_column_set *missing)
{
    switch (e->kind) {
    case WR_X_COLUMN:
        return wr_column_set_has(missing, e->column);
    case WR_X_CONST:
        return e->value.is_null;
    case WR_X_CAST:
    case WR_X_NOT:
        return null_if_missing(e->args[0], missing);
    case WR_X_CALL:
        if (e->call.fn->flags & WR_FN_SEES_NULLS) return false;
        break;
    case WR_X_COMPARE:
        if (e->op == WR_DISTINCT || e->op == WR_NOT_DISTINCT) return false;
        break;
    case WR_X_IN:
        return null_if_missing(e->args[0], missing);
    default:
        return false;
    }
    for (int i = 0; i < e->arg_count; i++)
        if (null_if_missing(e->args[i], missing)) return true;
    return false;
}

/* Can e not be TRUE when all columns of the set are NULL? */
static bool rejects_missing(const wr_expr *e, const wr_column_set *missing)
{
    if (e->kind == WR_X_IS_NULL) return e->is_negated && null_if_missing(e->args[0], missing);
    if (e->kind == WR_X_AND || e->kind == WR_X_OR) {
        bool any = false, all = true;
        for (int i = 0; i < e->arg_count; i++) {
            bool one = rejects_missing(e->args[i], missing);
            any |= one;
            all &= one;
        }
        return e->kind == WR_X_AND ? any : all;
    }
    return null_if_missing(e, missing);
}

static bool any_rejects(const conjuncts *pending, const wr_column_set *missing)
{
    for (int i = 0; i < pending->count; i++)
        if (rejects_missing(pending->items[i], missing)) return true;
    return false;
}

static void simplify_outer(walk *w, wr_logical *join, const conjuncts *pending)
{
    wr_column_set left = provided(w, join->inputs[0]), right = provided(w, join->inputs[1]);
    wr_join_kind *kind = &join->join.kind;
    bool no_left_nulls = any_rejects(pending, &left), no_right_nulls = any_rejects(pending, &right);
    if (*kind == WR_JOIN_LEFT && no_right_nulls) *kind = WR_JOIN_INNER;
    if (*kind == WR_JOIN_RIGHT && no_left_nulls) *kind = WR_JOIN_INNER;
    if (*kind == WR_JOIN_FULL && no_left_nulls && no_right_nulls)
        *kind = WR_JOIN_INNER;
    else if (*kind == WR_JOIN_FULL && no_left_nulls)
        *kind = WR_JOIN_LEFT;
    else if (*kind == WR_JOIN_FULL && no_right_nulls)
        *kind = WR_JOIN_RIGHT;
}

/* ---- nodes ---- */

static void set_conditions(wr_logical *join, const conjuncts *list)
{
    join->join.conditions = list->items;
    join->join.condition_count = list->count;
}

/* Which sides may take a conjunct from above, and one from the ON clause, without changing the
 * result. */
typedef struct join_sides {
    bool above_left, above_right, on_left, on_right;
} join_sides;

static join_sides sides_of(wr_join_kind kind)
{
    switch (kind) {
    case WR_JOIN_INNER:
        return (join_sides){true, true, true, true};
    case WR_JOIN_LEFT:
        return (join_sides){true, false, false, true};
    case WR_JOIN_RIGHT:
        return (join_sides){false, true, true, false};
    case WR_JOIN_SEMI:
        return (join_sides){true, false, true, true};
    case WR_JOIN_ANTI:
    case WR_JOIN_MARK:
        return (join_sides){true, false, false, true};
    case WR_JOIN_SINGLE:
        return (join_sides){true, false, false, true};
    case WR_JOIN_FULL:
        break;
    }
    return (join_sides){false, false, false, false};
}

/* What a disjunction over both sides says about one of them: (l1 AND r1) OR (l2 AND r2) implies l1
 * OR l2. The disjunction itself stays where it is. */
static void add_implied(walk *w, const wr_expr *e, const wr_column_set *side, conjuncts *to)
{
    if (e->kind != WR_X_OR) return;
    wr_expr **branches = wr_new_array(w->arena, wr_expr *, e->arg_count);
    for (int i = 0; i < e->arg_count; i++) {
        conjuncts all = {0}, of_side = {0};
        add(w, &all, e->args[i]);
        for (int k = 0; k < all.count; k++) {
            wr_expr *part = all.items[k];
            if (only_uses(w, part, side) && !wr_expr_is_const(part) && !wr_expr_can_fail(part) &&
                !wr_expr_is_volatile(part))
                add(w, &of_side, part);
        }
        if (of_side.count == 0) return;
        branches[i] = wr_expr_and(w->arena, of_side.items, of_side.count);
    }
    wr_expr *implied = wr_expr_copy(w->arena, wr_expr_or(w->arena, branches, e->arg_count));
    add(w, to, wr_simplify(w->planner, implied));
}

static wr_logical *push_join(walk *w, wr_logical *join, conjuncts *pending)
{
    simplify_outer(w, join, pending);
    wr_column_set left = provided(w, join->inputs[0]), right = provided(w, join->inputs[1]);
    join_sides sides = sides_of(join->join.kind);
    conjuncts to_left = {0}, to_right = {0}, on = {0}, stay = {0};
    bool inner = join->join.kind == WR_JOIN_INNER;
    for (int i = 0; i < pending->count; i++) {
        wr_expr *e = pending->items[i];
        bool is_volatile = wr_expr_is_volatile(e);
        if (!is_volatile && sides.above_left && only_uses(w, e, &left))
            add(w, &to_left, e);
        else if (!is_volatile && sides.above_right && only_uses(w, e, &right))
            add(w, &to_right, e);
        else if (inner && !is_volatile)
            add(w, &on, e);
        else
            add(w, &stay, e);
        if (sides.above_left) add_implied(w, e, &left, &to_left);
        if (sides.above_right) add_implied(w, e, &right, &to_right);
    }
    for (int i = 0; i < join->join.condition_count; i++) {
        conjuncts parts = {0};
        add(w, &parts, join->join.conditions[i]);
        for (int k = 0; k < parts.count; k++) {
            wr_expr *e = parts.items[k];
            if (sides.on_left && only_uses(w, e, &left))
                add(w, &to_left, e);
            else if (sides.on_right && only_uses(w, e, &right))
                add(w, &to_right, e);
            else
                add(w, &on, e);
            if (sides.on_left) add_implied(w, e, &left, &to_left);
            if (sides.on_right) add_implied(w, e, &right, &to_right);
        }
    }
    set_conditions(join, &on);
    join->inputs[0] = push(w, join->inputs[0], &to_left);
    join->inputs[1] = push(w, join->inputs[1], &to_right);
    wr_logical_set_outputs(w->planner, join);
    return filter_over(w, join, &stay);
}

static wr_logical *push_project(walk *w, wr_logical *node, conjuncts *pending)
{
    substitution s = of_bindings(w, node->project.bindings, node->project.count);
    conjuncts down = {0}, stay = {0};
    for (int i = 0; i < pending->count; i++) {
        wr_expr *e = substituted(&s, pending->items[i]);
        if (wr_expr_is_volatile(e))
            add(w, &stay, pending->items[i]);
        else
            add(w, &down, e);
    }
    node->inputs[0] = push(w, node->inputs[0], &down);
    wr_logical_set_outputs(w->planner, node);
    return filter_over(w, node, &stay);
}

static wr_logical *push_aggregate(walk *w, wr_logical *node, conjuncts *pending)
{
    int keys = node->aggregate.key_count;
    wr_column_set movable = {0};
    for (int k = 0; k < keys; k++) {
        bool everywhere = true;
        for (int i = 0; i < node->aggregate.set_count; i++)
            everywhere &= node->aggregate.sets[i] >> k & 1;
        if (everywhere && !wr_expr_is_volatile(node->aggregate.keys[k].expr))
            wr_column_set_add(w->arena, &movable, node->aggregate.keys[k].id);
    }
    substitution s = of_bindings(w, node->aggregate.keys, keys);
    conjuncts down = {0}, stay = {0};
    for (int i = 0; i < pending->count; i++) {
        wr_expr *e = pending->items[i];
        if (keys && !wr_expr_is_volatile(e) && !wr_expr_is_const(e) && only_uses(w, e, &movable))
            add(w, &down, substituted(&s, e));
        else
            add(w, &stay, e);
    }
    node->inputs[0] = push(w, node->inputs[0], &down);
    wr_logical_set_outputs(w->planner, node);
    return filter_over(w, node, &stay);
}

/* Columns all window calls of the node partition by: a filter on them removes whole partitions. */
static wr_column_set common_partition(walk *w, const wr_logical *node)
{
    wr_column_set common = {0};
    for (int p = 0; p < node->window.calls[0].partition_count; p++) {
        const wr_expr *key = node->window.calls[0].partition[p];
        bool everywhere = key->kind == WR_X_COLUMN;
        for (int c = 1; c < node->window.call_count && everywhere; c++) {
            bool found = false;
            for (int q = 0; q < node->window.calls[c].partition_count; q++)
                found |= wr_expr_eq(key, node->window.calls[c].partition[q]);
            everywhere = found;
        }
        if (everywhere) wr_column_set_add(w->arena, &common, key->column);
    }
    return common;
}

/* Conjuncts over movable columns go on into the only input; the others stay on top. */
static wr_logical *push_through(walk *w, wr_logical *node, conjuncts *pending,
                                const wr_column_set *movable)
{
    conjuncts down = {0}, stay = {0};
    for (int i = 0; i < pending->count; i++) {
        wr_expr *e = pending->items[i];
        bool moves = !wr_expr_is_volatile(e) && only_uses(w, e, movable);
        add(w, moves ? &down : &stay, e);
    }
    node->inputs[0] = push(w, node->inputs[0], &down);
    wr_logical_set_outputs(w->planner, node);
    return filter_over(w, node, &stay);
}

static wr_logical *push_set(walk *w, wr_logical *node, conjuncts *pending)
{
    conjuncts down = {0}, stay = {0};
    for (int i = 0; i < pending->count; i++)
        add(w, wr_expr_is_volatile(pending->items[i]) ? &stay : &down, pending->items[i]);
    for (int i = 0; i < node->input_count; i++) {
        wr_column_id *ids = wr_new_array(w->arena, wr_column_id, node->output_count + 1);
        wr_expr **values = wr_new_array(w->arena, wr_expr *, node->output_count + 1);
        for (int c = 0; c < node->output_count; c++) {
            ids[c] = node->outputs[c].id;
            values[c] = wr_expr_column(w->arena, node->set.columns[i][c], node->outputs[c].type);
        }
        substitution s = {w->arena, ids, values, node->output_count};
        conjuncts own = {0};
        for (int k = 0; k < down.count; k++)
            add(w, &own, substituted(&s, down.items[k]));
        node->inputs[i] = push(w, node->inputs[i], &own);
    }
    return filter_over(w, node, &stay);
}

static wr_logical *push_scan(walk *w, wr_logical *scan, conjuncts *pending)
{
    conjuncts all = {0}, stay = {0};
    for (int i = 0; i < scan->scan.filter_count; i++)
        add(w, &all, scan->scan.filters[i]);
    for (int i = 0; i < pending->count; i++)
        add(w, wr_expr_is_volatile(pending->items[i]) ? &stay : &all, pending->items[i]);
    scan->scan.filters = all.items;
    scan->scan.filter_count = all.count;
    return filter_over(w, scan, &stay);
}

static wr_logical *stop_here(walk *w, wr_logical *node, conjuncts *pending)
{
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&w->shared, node)) return filter_over(w, node, pending);
    for (int i = 0; i < node->input_count; i++) {
        conjuncts none = {0};
        node->inputs[i] = push(w, node->inputs[i], &none);
    }
    if (is_shared) wr_shared_note(w->arena, &w->shared, node);
    if (node->input_count) wr_logical_set_outputs(w->planner, node);
    return filter_over(w, node, pending);
}

static wr_column_set session_partition(walk *w, const wr_logical *node)
{
    wr_column_set set = {0};
    for (int i = 0; i < node->time_window.partition_count; i++)
        wr_column_set_add(w->arena, &set, node->time_window.partition[i]->column);
    return set;
}

static wr_logical *push(walk *w, wr_logical *node, conjuncts *pending)
{
    wr_column_set movable;
    switch (node->kind) {
    case WR_L_FILTER:
        for (int i = 0; i < node->filter.count; i++)
            add(w, pending, node->filter.conjuncts[i]);
        return push(w, node->inputs[0], pending);
    case WR_L_PROJECT:
        return push_project(w, node, pending);
    case WR_L_JOIN:
        return push_join(w, node, pending);
    case WR_L_AGGREGATE:
        return push_aggregate(w, node, pending);
    case WR_L_WINDOW:
        movable = common_partition(w, node);
        return push_through(w, node, pending, &movable);
    case WR_L_UNNEST:
        movable = provided(w, node->inputs[0]);
        return push_through(w, node, pending, &movable);
    case WR_L_TIME_WINDOW: /* rows of a session decide where it ends: it goes whole or stays */
        movable = node->time_window.kind == WR_TIME_SESSION ? session_partition(w, node)
                                                            : provided(w, node->inputs[0]);
        return push_through(w, node, pending, &movable);
    case WR_L_SORT:
        if (node->sort.limit || node->sort.offset) return stop_here(w, node, pending);
        movable = provided(w, node->inputs[0]);
        return push_through(w, node, pending, &movable);
    case WR_L_SET:
        return push_set(w, node, pending);
    case WR_L_SCAN:
        return push_scan(w, node, pending);
    default:
        return stop_here(w, node, pending);
    }
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    walk w = {.planner = planner, .arena = planner->arena};
    conjuncts none = {0};
    *root = push(&w, *root, &none);
    return WR_OK;
}

const wr_rule wr_rule_pushdown = {
    .name = "pushdown",
    .order = 40,
    .help = "moves filters towards scans and into joins",
    .apply = apply,
};
