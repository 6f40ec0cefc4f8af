/* host_calls.c - calls of functions of the host program become a step of the plan of their own.
 *
 * A call costs the host so much that rows have to be put together for it. So calls are taken out of
 * the expressions of a node into a CALL node below it, and a column stands in their place. The ones
 * inside each other are taken in turns, the innermost first; equal ones are one, also where the
 * result of a CALL further down is still at hand.
 *
 * Only calls that are computed for every row the node gets are taken: not those of a branch of
 * CASE, of what follows in AND, OR and COALESCE, or of TRY, which see fewer rows. The conjuncts of
 * a filter become a chain of filters, each with its calls right below it. LIMIT goes below a
 * projection that calls something, so that no call is made for rows nobody wants.
 *
 * Trap: conjuncts behind a call may count on it to keep rows away; those that can fail stay behind
 * it. Streams keep their calls: each batch goes through at once there, and its rows stand still. */
#include "expr/fn.h"
#include "expr/host_fn.h"
#include "plan/shared.h"

enum { DEPTH_MAX = 200, LIMIT_MOST = 16 << 10 };

typedef struct taking {
    wr_planner *planner;
    wr_shared_definitions shared;
    wr_logical *input;         /* that the calls taken now are to stand above */
    WR_LIST(wr_binding) fresh; /* calls taken now */
    bool has_taken;            /* also when they were known already */
    bool needs_columns;        /* calls of nothing stay where they are */
} taking;

/* ---- which calls ---- */

static bool find_call(const wr_expr *e, void *arg)
{
    bool *found = arg;
    *found |= wr_host_fn_of(e) != NULL;
    return !*found;
}

static bool has_call(const wr_expr *e)
{
    bool found = false;
    if (e) wr_expr_walk(e, find_call, &found);
    return found;
}

/* How many of the operands, from the first on, are computed for every row. */
static int operands_for_all(const wr_expr *e)
{
    switch (e->kind) {
    case WR_X_AND:
    case WR_X_OR:
    case WR_X_CASE:
    case WR_X_IN:
        return 1;
    case WR_X_CALL:
        if (e->call.fn->flags & WR_FN_CATCHES) return 0;
        return e->call.fn->flags & WR_FN_LAZY ? 1 : e->arg_count;
    case WR_X_LAMBDA:
    case WR_X_AGGREGATE:
    case WR_X_WINDOW:
    case WR_X_SUBQUERY:
        return 0;
    default:
        return e->arg_count;
    }
}

static bool has_columns(const taking *t, const wr_expr *e)
{
    wr_column_set used = {0};
    wr_expr_columns(t->planner->arena, e, &used);
    return !wr_column_set_empty(&used);
}

static bool is_to_take(const taking *t, const wr_expr *e)
{
    return wr_host_fn_of(e) && !wr_expr_is_const(e) && !wr_expr_is_in_turn(e) &&
           (!t->needs_columns || has_columns(t, e));
}

/* ---- taking them ---- */

/* The column of an equal call that is among the outputs of a node; 0: there is none. */
static wr_column_id known_call(const wr_logical *node, const wr_expr *call)
{
    for (;; node = node->inputs[0]) {
        switch (node->kind) {
        case WR_L_CALL:
            for (int i = 0; i < node->call.count; i++)
                if (wr_expr_eq(node->call.bindings[i].expr, call)) return node->call.bindings[i].id;
            break;
        case WR_L_FILTER:
        case WR_L_SORT:
        case WR_L_LIMIT:
        case WR_L_SAMPLE:
        case WR_L_WINDOW:
        case WR_L_UNNEST:
        case WR_L_ORDINAL:
            break;
        default:
            return 0;
        }
    }
}

static wr_expr *column_of(taking *t, const wr_expr *call)
{
    wr_arena *arena = t->planner->arena;
    wr_column_id id = known_call(t->input, call);
    for (int i = 0; i < t->fresh.count && !id; i++)
        if (wr_expr_eq(t->fresh.items[i].expr, call)) id = t->fresh.items[i].id;
    if (!id) {
        id = wr_planner_column(t->planner, wr_str_of(call->call.fn->name), call->type);
        wr_push(arena, &t->fresh, ((wr_binding){id, (wr_expr *)(uintptr_t)call}));
    }
    t->has_taken = true;
    wr_expr *column = wr_expr_column(arena, id, call->type);
    column->span = call->span;
    return column;
}

/* e, or a copy with columns in the place of its innermost calls. */
static wr_expr *take(taking *t, wr_expr *e, int depth)
{
    if (depth > DEPTH_MAX || !has_call(e)) return e;
    wr_expr *copy = NULL;
    for (int i = 0; i < operands_for_all(e); i++) {
        wr_expr *arg = take(t, e->args[i], depth + 1);
        if (arg == e->args[i]) continue;
        if (!copy) {
            copy = wr_new(t->planner->arena, wr_expr);
            *copy = *e;
            copy->args = wr_new_array(t->planner->arena, wr_expr *, e->arg_count);
            memcpy(copy->args, e->args, sizeof *e->args * (size_t)e->arg_count);
        }
        copy->args[i] = arg;
    }
    if (copy) return copy;
    return is_to_take(t, e) ? column_of(t, e) : e;
}

static void take_slot(wr_expr **slot, void *arg) { *slot = take(arg, *slot, 0); }

static void begin_turn(taking *t, wr_logical *input)
{
    t->input = input;
    t->fresh.items = NULL;
    t->fresh.count = t->fresh.cap = 0;
    t->has_taken = false;
}

/* A CALL of what was taken above an input of node. */
static void end_turn(taking *t, wr_logical *node, int input)
{
    if (!t->fresh.count) return;
    wr_logical *call = wr_logical_new(t->planner, WR_L_CALL, node->inputs[input], NULL);
    call->call.bindings = t->fresh.items;
    call->call.count = t->fresh.count;
    wr_logical_set_outputs(t->planner, call);
    node->inputs[input] = call;
}

static void take_from(taking *t, wr_logical *node)
{
    t->needs_columns = node->kind != WR_L_PROJECT && node->kind != WR_L_FILTER;
    do {
        begin_turn(t, node->inputs[0]);
        wr_logical_each_expr(node, take_slot, t);
        end_turn(t, node, 0);
    } while (t->has_taken);
    wr_logical_set_outputs(t->planner, node);
}

/* ---- filters ---- */

static wr_logical *filter_of(taking *t, wr_logical *input, wr_expr **conjuncts, int count)
{
    wr_logical *filter = wr_logical_new(t->planner, WR_L_FILTER, input, NULL);
    filter->filter.conjuncts = conjuncts;
    filter->filter.count = count;
    wr_logical_set_outputs(t->planner, filter);
    return filter;
}

/* Divides conjuncts at the first one for which is_late holds: *kept before it, and later ones that
 * neither are late nor can fail, *late the others. */
typedef struct divided {
    WR_LIST(wr_expr *) kept, late;
} divided;

static divided divide(taking *t, wr_expr **conjuncts, int count,
                      bool (*is_late)(const taking *t, const wr_logical *node, const wr_expr *e),
                      const wr_logical *node)
{
    divided d = {0};
    for (int i = 0; i < count; i++) {
        wr_expr *e = conjuncts[i];
        bool follows = d.late.count && (wr_expr_can_fail(e) || wr_expr_is_volatile(e));
        if (follows || is_late(t, node, e))
            wr_push(t->planner->arena, &d.late, e);
        else
            wr_push(t->planner->arena, &d.kept, e);
    }
    return d;
}

static bool calls_something(const taking *t, const wr_logical *node, const wr_expr *e)
{
    (void)t;
    (void)node;
    return has_call(e);
}

/* A chain of filters above input, one per conjunct. */
static wr_logical *chain_of(taking *t, wr_logical *input, wr_expr **conjuncts, int count)
{
    for (int i = 0; i < count; i++) {
        input = filter_of(t, input, &conjuncts[i], 1);
        take_from(t, input);
    }
    return input;
}

static wr_logical *visit_filter(taking *t, wr_logical *node)
{
    divided d = divide(t, node->filter.conjuncts, node->filter.count, calls_something, node);
    if (!d.late.count) return node;
    wr_logical *input = node->inputs[0];
    if (d.kept.count) input = filter_of(t, input, d.kept.items, d.kept.count);
    return chain_of(t, input, d.late.items, d.late.count);
}

static wr_logical *visit_scan(taking *t, wr_logical *node)
{
    divided d = divide(t, node->scan.filters, node->scan.filter_count, calls_something, node);
    if (!d.late.count || node->scan.limit >= 0) return node;
    node->scan.filters = d.kept.items;
    node->scan.filter_count = d.kept.count;
    return chain_of(t, node, d.late.items, d.late.count);
}

/* ---- joins ---- */

/* The input that has all columns of e; -1: none, or e has no columns. */
static int side_of(const taking *t, const wr_logical *join, const wr_expr *e)
{
    wr_arena *arena = t->planner->arena;
    wr_column_set used = {0};
    wr_expr_columns(arena, e, &used);
    for (int side = 0; side < 2 && !wr_column_set_empty(&used); side++) {
        wr_column_set provided = {0};
        wr_logical_provided(arena, join->inputs[side], &provided);
        if (wr_column_set_within(&used, &provided)) return side;
    }
    return -1;
}

/* Will the condition be a key of the join? Then both of its sides are computed for all rows. */
static bool is_key(const taking *t, const wr_logical *join, const wr_expr *e)
{
    if (e->kind != WR_X_COMPARE || wr_expr_is_volatile(e) ||
        (e->op != WR_EQ && e->op != WR_NOT_DISTINCT))
        return false;
    int left = side_of(t, join, e->args[0]), right = side_of(t, join, e->args[1]);
    return left >= 0 && right >= 0 && left != right;
}

/* Calls of one input out of the sides of a comparison. */
static void take_side(taking *t, const wr_logical *join, int side, wr_expr **slot)
{
    wr_expr *copy = wr_new(t->planner->arena, wr_expr);
    wr_expr **args = wr_new_array(t->planner->arena, wr_expr *, 2);
    *copy = **slot;
    for (int i = 0; i < 2; i++) {
        args[i] = (*slot)->args[i];
        if (side_of(t, join, args[i]) == side) args[i] = take(t, args[i], 0);
    }
    copy->args = args;
    *slot = copy;
}

static void take_keys(taking *t, wr_logical *join, wr_expr **conditions, int count, wr_expr **other)
{
    t->needs_columns = true;
    for (int side = 0; side < 2; side++)
        do {
            begin_turn(t, join->inputs[side]);
            for (int i = 0; i < count; i++)
                if (has_call(conditions[i]) && is_key(t, join, conditions[i]))
                    take_side(t, join, side, &conditions[i]);
            if (*other && has_call(*other)) take_side(t, join, side, other);
            end_turn(t, join, side);
        } while (t->has_taken);
}

static bool is_late_condition(const taking *t, const wr_logical *join, const wr_expr *e)
{
    return has_call(e) && !is_key(t, join, e);
}

static void take_mark(taking *t, wr_logical *join)
{
    wr_expr **slots[2] = {&join->join.mark_left, &join->join.mark_right};
    for (int side = 0; side < 2 && *slots[side]; side++)
        do {
            begin_turn(t, join->inputs[side]);
            *slots[side] = take(t, *slots[side], 0);
            end_turn(t, join, side);
        } while (t->has_taken);
}

static wr_logical *visit_join(taking *t, wr_logical *node)
{
    wr_expr *none = NULL;
    take_keys(t, node, node->join.conditions, node->join.condition_count, &none);
    take_mark(t, node);
    wr_logical_set_outputs(t->planner, node);
    if (node->join.kind != WR_JOIN_INNER || node->join.is_lateral) return node;
    divided d =
        divide(t, node->join.conditions, node->join.condition_count, is_late_condition, node);
    if (!d.late.count) return node;
    /* Keys stay whatever comes before them. */
    WR_LIST(wr_expr *) late = {0};
    for (int i = 0; i < d.late.count; i++)
        if (is_key(t, node, d.late.items[i]))
            wr_push(t->planner->arena, &d.kept, d.late.items[i]);
        else
            wr_push(t->planner->arena, &late, d.late.items[i]);
    node->join.conditions = d.kept.items;
    node->join.condition_count = d.kept.count;
    return chain_of(t, node, late.items, late.count);
}

/* ---- the walk ---- */

static bool is_small(const wr_expr *count)
{
    return count && count->kind == WR_X_CONST && !count->value.is_null &&
           count->value.type == WR_BIGINT && count->value.i64 >= 0 &&
           count->value.i64 <= LIMIT_MOST;
}

static bool project_calls(const wr_logical *node)
{
    bool calls = false, in_turn = false;
    for (int i = 0; i < node->project.count; i++) {
        calls |= has_call(node->project.bindings[i].expr);
        in_turn |= wr_expr_is_in_turn(node->project.bindings[i].expr);
    }
    return calls && !in_turn;
}

/* A projection has as many rows as its input: the limit may as well be below. */
static wr_logical *lower_limit(taking *t, wr_logical *limit)
{
    wr_logical *project = limit->inputs[0];
    if (project->kind != WR_L_PROJECT || !is_small(limit->limit.count) || !project_calls(project))
        return limit;
    limit->inputs[0] = project->inputs[0];
    wr_logical_set_outputs(t->planner, limit);
    project->inputs[0] = lower_limit(t, limit);
    return project;
}

static wr_logical *visit(taking *t, wr_logical *node)
{
    bool is_shared = node->kind == WR_L_SHARED;
    if (is_shared && wr_shared_take(&t->shared, node)) return node;
    if (node->kind == WR_L_LIMIT) node = lower_limit(t, node);
    for (int i = 0; i < node->input_count; i++)
        node->inputs[i] = visit(t, node->inputs[i]);
    if (is_shared) wr_shared_note(t->planner->arena, &t->shared, node);
    if (node->input_count) wr_logical_set_outputs(t->planner, node);
    switch (node->kind) {
    case WR_L_SCAN:
        return visit_scan(t, node);
    case WR_L_FILTER:
        return visit_filter(t, node);
    case WR_L_JOIN:
        return visit_join(t, node);
    case WR_L_ASOF_JOIN:
        take_keys(t, node, node->asof.conditions, node->asof.condition_count,
                  &node->asof.inequality);
        break;
    case WR_L_PROJECT:
    case WR_L_AGGREGATE:
    case WR_L_DISTINCT_ON:
    case WR_L_WINDOW:
    case WR_L_SORT:
    case WR_L_UNNEST:
        take_from(t, node);
        break;
    default:
        break;
    }
    if (node->input_count) wr_logical_set_outputs(t->planner, node);
    return node;
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    taking t = {.planner = planner};
    if (planner->calls_host) *root = visit(&t, *root);
    return WR_OK;
}

const wr_rule wr_rule_host_calls = {
    .name = "host_calls",
    .order = 90,
    .is_for_batches = true,
    .help =
        "makes calls of functions of the host program a step of the plan, for many rows at once",
    .apply = apply,
};
