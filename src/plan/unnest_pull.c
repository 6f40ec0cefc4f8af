/* unnest_pull.c - dependent joins whose correlation is only in predicates that can move up into the
 * join.
 *
 * This is the common case: (SELECT min(x) FROM t WHERE t.k = outer.k). Filters with outer columns
 * are taken out of the right side and become join conditions; an aggregate on the way gets the
 * inner side of each such equality as a key, so that it computes all groups at once. First a dry
 * run (fits) tells whether every node on the way allows it; nothing is changed unless all do.
 *
 * An aggregate without keys gives a row even over nothing. After grouping, an outer row without a
 * group finds no match; the value it would have had (0 for a count, or what is computed from that)
 * is put in by a marker column that is NULL exactly then. */
#include "plan/unnest.h"

typedef struct pull {
    wr_planner *planner;
    const wr_column_set *outer;
    wr_column_set outer_provided; /* everything the left side provides */
    bool outputs_needed;          /* false under EXISTS: only whether a row comes matters, as long
                                     as no node on the way reads what comes */
    bool scalar_allowed;          /* an aggregate without keys may stand on the way */
    WR_LIST(wr_expr *) predicates;
    wr_logical *scalar; /* that aggregate, once met */
} pull;

static bool uses(const pull *p, const wr_expr *e)
{
    return wr_unnest_expr_uses(p->planner, e, p->outer);
}

/* Is e "inner = outer" with nothing of the left side in inner and nothing of the right side in
 * outer? */
static bool split_equality(const pull *p, const wr_expr *e, wr_expr **inner, wr_expr **outer)
{
    if (e->kind != WR_X_COMPARE || (e->op != WR_EQ && e->op != WR_NOT_DISTINCT)) return false;
    for (int side = 0; side < 2; side++) {
        wr_column_set inner_columns = {0}, outer_columns = {0};
        wr_expr_columns(p->planner->arena, e->args[side], &inner_columns);
        wr_expr_columns(p->planner->arena, e->args[1 - side], &outer_columns);
        if (wr_column_set_meets(&inner_columns, &p->outer_provided) ||
            !wr_column_set_within(&outer_columns, &p->outer_provided))
            continue;
        *inner = e->args[side];
        *outer = e->args[1 - side];
        return true;
    }
    return false;
}

static void slot_uses(wr_expr **slot, void *arg)
{
    void **pair = arg;
    if (uses(pair[0], *slot)) *(bool *)pair[1] = true;
}

static bool own_expressions_use(pull *p, wr_logical *node)
{
    bool found = false;
    void *pair[2] = {p, &found};
    wr_logical_each_expr(node, slot_uses, pair);
    return found;
}

static bool fits(pull *p, wr_logical *node);

static bool equalities_from(pull *p, int first)
{
    wr_expr *inner, *outer;
    for (int i = first; i < p->predicates.count; i++)
        if (!split_equality(p, p->predicates.items[i], &inner, &outer)) return false;
    return true;
}

static bool aggregate_fits(pull *p, wr_logical *node)
{
    p->outputs_needed = true;
    if (node->aggregate.sets || own_expressions_use(p, node)) return false;
    bool is_scalar = node->aggregate.key_count == 0;
    if (is_scalar && (!p->scalar_allowed || p->scalar)) return false;
    if (is_scalar) p->scalar = node;
    int first = p->predicates.count;
    bool was_allowed = p->scalar_allowed;
    p->scalar_allowed = false;
    bool ok = fits(p, node->inputs[0]) && equalities_from(p, first);
    p->scalar_allowed = was_allowed;
    return ok;
}

static bool join_fits(pull *p, wr_logical *node)
{
    p->scalar_allowed = false;
    p->outputs_needed = true;
    if (node->join.kind == WR_JOIN_INNER) {
        for (int i = 0; i < node->join.condition_count; i++)
            if (uses(p, node->join.conditions[i]))
                wr_push(p->planner->arena, &p->predicates, node->join.conditions[i]);
        return fits(p, node->inputs[0]) && fits(p, node->inputs[1]);
    }
    if (node->join.kind == WR_JOIN_RIGHT || node->join.kind == WR_JOIN_FULL ||
        own_expressions_use(p, node))
        return false;
    return !wr_unnest_uses(p->planner, node->inputs[1], p->outer) && fits(p, node->inputs[0]);
}

static bool limit_is_moot(const pull *p, const wr_expr *limit, const wr_expr *offset)
{
    bool at_least_one =
        !limit || (limit->kind == WR_X_CONST && (limit->value.is_null || limit->value.i64 > 0));
    return !p->outputs_needed && !offset && at_least_one;
}

/* Bindings with outer columns go away under EXISTS; do those that stay read columns? */
static bool kept_bindings_read(const pull *p, const wr_logical *node)
{
    for (int i = 0; i < node->project.count; i++) {
        wr_column_set used = {0};
        const wr_expr *e = node->project.bindings[i].expr;
        if (uses(p, e)) continue;
        wr_expr_columns(p->planner->arena, e, &used);
        if (!wr_column_set_empty(&used)) return true;
    }
    return false;
}

/* Would everything below node be free of outer columns after pulling? Collects the predicates. */
static bool fits(pull *p, wr_logical *node)
{
    if (!wr_unnest_uses(p->planner, node, p->outer)) return true;
    switch (node->kind) {
    case WR_L_FILTER:
        p->outputs_needed = true;
        for (int i = 0; i < node->filter.count; i++)
            if (uses(p, node->filter.conjuncts[i]))
                wr_push(p->planner->arena, &p->predicates, node->filter.conjuncts[i]);
        return fits(p, node->inputs[0]);
    case WR_L_PROJECT:
        if (p->outputs_needed && own_expressions_use(p, node)) return false;
        p->outputs_needed = p->outputs_needed || kept_bindings_read(p, node);
        return fits(p, node->inputs[0]);
    case WR_L_AGGREGATE:
        return aggregate_fits(p, node);
    case WR_L_JOIN:
        return join_fits(p, node);
    case WR_L_SORT:
        if (own_expressions_use(p, node)) return false;
        if ((node->sort.limit || node->sort.offset) &&
            !limit_is_moot(p, node->sort.limit, node->sort.offset))
            return false;
        return fits(p, node->inputs[0]);
    case WR_L_LIMIT:
        return !node->limit.is_percent && limit_is_moot(p, node->limit.count, node->limit.offset) &&
               fits(p, node->inputs[0]);
    default:
        return false;
    }
}

/* ---- pulling for real ---- */

static void take(pull *p, wr_expr ***list, int *count)
{
    int kept = 0;
    wr_expr **rest = wr_new_array(p->planner->arena, wr_expr *, *count + 1);
    for (int i = 0; i < *count; i++) {
        if (uses(p, (*list)[i]))
            wr_push(p->planner->arena, &p->predicates, (*list)[i]);
        else
            rest[kept++] = (*list)[i];
    }
    *list = rest;
    *count = kept;
}

/* Columns of the right side that predicates [first...] need are passed on by a projection. */
static void pass_needed(pull *p, wr_logical *node, int first)
{
    wr_column_set needed = {0};
    for (int i = first; i < p->predicates.count; i++)
        wr_expr_columns(p->planner->arena, p->predicates.items[i], &needed);
    const wr_logical *input = node->inputs[0];
    wr_binding *bindings =
        wr_new_array(p->planner->arena, wr_binding, node->project.count + input->output_count + 1);
    int count = 0;
    for (int i = 0; i < node->project.count; i++)
        if (!uses(p, node->project.bindings[i].expr)) bindings[count++] = node->project.bindings[i];
    int own = count;
    for (int i = 0; i < input->output_count; i++) {
        wr_column_id id = input->outputs[i].id;
        bool there = !wr_column_set_has(&needed, id);
        for (int k = 0; k < own && !there; k++)
            there = bindings[k].id == id;
        if (!there) bindings[count++] = (wr_binding){id, wr_unnest_column(p->planner, id)};
    }
    node->project.bindings = bindings;
    node->project.count = count;
}

/* inner = outer below an aggregate: inner becomes a key, the predicate refers to the key. */
static void group_by_inner(pull *p, wr_logical *node, int first)
{
    int added = p->predicates.count - first, keys = node->aggregate.key_count;
    wr_output *old_outputs = node->outputs;
    wr_binding *bindings = wr_new_array(p->planner->arena, wr_binding, keys + added + 1);
    if (keys) memcpy(bindings, node->aggregate.keys, sizeof *bindings * (size_t)keys);
    int new_keys = keys;
    for (int i = first; i < p->predicates.count; i++) {
        wr_expr *inner = NULL, *outer = NULL, *predicate = p->predicates.items[i];
        bool is_equality = split_equality(p, predicate, &inner, &outer);
        wr_assert(is_equality);
        int found = -1;
        for (int k = 0; k < new_keys; k++)
            if (wr_expr_eq(bindings[k].expr, inner)) found = k;
        if (found < 0) {
            found = new_keys++;
            wr_str name = inner->kind == WR_X_COLUMN ? p->planner->column_names.items[inner->column]
                                                     : WR_STR("key");
            bindings[found] = (wr_binding){wr_planner_column(p->planner, name, inner->type), inner};
        }
        p->predicates.items[i] =
            wr_expr_compare(p->planner->arena, (wr_compare_op)predicate->op,
                            wr_unnest_column(p->planner, bindings[found].id), outer);
    }
    int calls = node->output_count - keys, grown = new_keys - keys;
    wr_output *outputs = wr_new_array(p->planner->arena, wr_output, new_keys + calls + 1);
    for (int i = 0; i < calls; i++)
        outputs[new_keys + i] = old_outputs[keys + i];
    bool carried_none = node->aggregate.carried_first >= keys;
    node->aggregate.keys = bindings;
    node->aggregate.key_count = new_keys;
    if (carried_none) node->aggregate.carried_first = new_keys;
    node->outputs = outputs;
    node->output_count = node->output_count + grown;
}

static void do_pull(pull *p, wr_logical **slot)
{
    wr_logical *node = *slot;
    if (!wr_unnest_uses(p->planner, node, p->outer)) return;
    int first = p->predicates.count;
    switch (node->kind) {
    case WR_L_FILTER:
        do_pull(p, &node->inputs[0]);
        take(p, &node->filter.conjuncts, &node->filter.count);
        if (node->filter.count == 0) {
            *slot = node->inputs[0];
            return;
        }
        break;
    case WR_L_PROJECT:
        do_pull(p, &node->inputs[0]);
        pass_needed(p, node, first);
        break;
    case WR_L_AGGREGATE:
        do_pull(p, &node->inputs[0]);
        group_by_inner(p, node, first);
        break;
    case WR_L_JOIN:
        do_pull(p, &node->inputs[0]);
        if (node->join.kind == WR_JOIN_INNER) {
            do_pull(p, &node->inputs[1]);
            take(p, &node->join.conditions, &node->join.condition_count);
        }
        break;
    case WR_L_LIMIT: /* moot under EXISTS */
        do_pull(p, &node->inputs[0]);
        *slot = node->inputs[0];
        return;
    case WR_L_SORT: /* without a limit, or with a moot one: order does not matter below a join */
        do_pull(p, &node->inputs[0]);
        *slot = node->inputs[0];
        return;
    default:
        wr_assert(!"fits() lets no other node through");
    }
    wr_logical_set_outputs(p->planner, node);
}

/* ---- the value of a scalar subquery for rows without a group ---- */

typedef struct substitution {
    wr_planner *planner;
    const wr_logical *node; /* AGGREGATE or PROJECT whose outputs are replaced */
    wr_expr **values;       /* per output */
} substitution;

static wr_expr *substitute(wr_expr *e, void *arg)
{
    substitution *s = arg;
    if (e->kind != WR_X_COLUMN) return e;
    for (int i = 0; i < s->node->output_count; i++)
        if (s->node->outputs[i].id == e->column && s->values[i])
            return wr_expr_copy(s->planner->arena, s->values[i]);
    return e;
}

/* Value of every output of node if the aggregate below it saw no rows; *present collects
 * HAVING-like filters. */
static wr_expr **empty_values(wr_planner *planner, wr_logical *node, wr_logical *aggregate,
                              wr_expr **present)
{
    wr_expr **values = wr_new_array(planner->arena, wr_expr *, node->output_count + 1);
    if (node == aggregate) {
        for (int i = 0; i < node->aggregate.call_count; i++)
            values[node->aggregate.key_count + i] =
                wr_unnest_empty_value(planner, &node->aggregate.calls[i]);
        return values;
    }
    substitution s = {planner, node->inputs[0],
                      empty_values(planner, node->inputs[0], aggregate, present)};
    if (node->kind == WR_L_FILTER) {
        for (int i = 0; i < node->filter.count; i++) {
            wr_expr *both[2] = {
                wr_expr_rewrite(wr_expr_copy(planner->arena, node->filter.conjuncts[i]), substitute,
                                &s),
                *present};
            *present = wr_expr_and(planner->arena, both, *present ? 2 : 1);
        }
        return s.values;
    }
    for (int i = 0; node->kind == WR_L_PROJECT && i < node->project.count; i++)
        values[i] = wr_expr_rewrite(wr_expr_copy(planner->arena, node->project.bindings[i].expr),
                                    substitute, &s);
    return node->kind == WR_L_PROJECT ? values : s.values;
}

static bool path_is_simple(const wr_logical *node, const wr_logical *aggregate)
{
    while (node != aggregate) {
        if (node->kind != WR_L_PROJECT && node->kind != WR_L_FILTER && node->kind != WR_L_SORT)
            return false;
        node = node->inputs[0];
    }
    return true;
}

/* (join) -> PROJECT: value := CASE WHEN marker IS NULL THEN value over nothing ELSE value. */
static weir_status patch_missing(wr_planner *planner, wr_logical **slot, wr_column_id value,
                                 wr_expr *missing)
{
    wr_logical *join = *slot, *right = join->inputs[1];
    wr_value folded;
    if (wr_expr_is_const(missing)) {
        weir_status bad = wr_expr_fold(planner->arena, planner->env, missing, &folded);
        if (!bad && folded.is_null) return WR_OK;
        if (bad) wr_status_drop(bad);
    }
    wr_logical *marked = wr_unnest_pass(planner, right, 1);
    wr_column_id marker = wr_planner_column(planner, WR_STR("matched"), WR_BOOLEAN);
    wr_column_id raw =
        wr_planner_column(planner, planner->column_names.items[value], missing->type);
    for (int i = 0; i < marked->project.count; i++)
        if (marked->project.bindings[i].id == value) marked->project.bindings[i].id = raw;
    wr_unnest_bind(marked, marker, wr_expr_bool(planner->arena, true));
    wr_logical_set_outputs(planner, marked);
    join->inputs[1] = marked;
    wr_logical_set_outputs(planner, join);
    wr_logical *top = wr_logical_new(planner, WR_L_PROJECT, join, NULL);
    top->project.bindings = wr_new_array(planner->arena, wr_binding, join->output_count + 1);
    for (int i = 0; i < join->output_count; i++) {
        wr_column_id id = join->outputs[i].id;
        if (id != raw) wr_unnest_bind(top, id, wr_unnest_column(planner, id));
    }
    wr_expr *is_missing = wr_expr_is_null(planner->arena, wr_unnest_column(planner, marker), false);
    wr_unnest_bind(top, value,
                   wr_unnest_case(planner, is_missing, missing, wr_unnest_column(planner, raw)));
    wr_logical_set_outputs(planner, top);
    *slot = top;
    return WR_OK;
}

weir_status wr_unnest_pull(wr_planner *planner, wr_logical **slot, bool *done)
{
    wr_logical *join = *slot;
    wr_join_kind kind = join->join.kind;
    wr_column_set outer = {0};
    wr_unnest_correlation(planner, join->inputs[0], join->inputs[1], &outer);
    bool by_existence = kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI || kind == WR_JOIN_MARK;
    pull p = {.planner = planner,
              .outer = &outer,
              .outputs_needed =
                  !by_existence || join->join.condition_count > 0 || join->join.mark_left,
              .scalar_allowed = kind == WR_JOIN_SINGLE};
    wr_logical_provided(planner->arena, join->inputs[0], &p.outer_provided);
    *done = kind != WR_JOIN_RIGHT && kind != WR_JOIN_FULL && fits(&p, join->inputs[1]) &&
            !(p.scalar && !path_is_simple(join->inputs[1], p.scalar));
    if (!*done) return WR_OK;
    wr_expr *missing = NULL, *present = NULL;
    wr_column_id value = join->inputs[1]->outputs[0].id;
    if (p.scalar) {
        missing = empty_values(planner, join->inputs[1], p.scalar, &present)[0];
        if (present)
            missing = wr_unnest_case(planner, present, missing,
                                     wr_expr_const(planner->arena, wr_value_null(missing->type)));
        join->join.kind = WR_JOIN_LEFT; /* keyed by the correlation: one match at most */
    }
    p.predicates.count = 0;
    do_pull(&p, &join->inputs[1]);
    for (int i = 0; i < p.predicates.count; i++)
        wr_unnest_add_condition(planner, join, p.predicates.items[i]);
    wr_logical_set_outputs(planner, join);
    return missing ? patch_missing(planner, slot, value, missing) : WR_OK;
}
