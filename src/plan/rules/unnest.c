/* unnest.c - replaces every subquery in an expression and every lateral join by ordinary joins.
 *
 * Bottom up: the plan of a subquery is freed of its own subqueries first. Then it is attached to
 * the input of the node that uses it: [NOT] EXISTS as a conjunct            semi join / anti join
 *     x IN (q) as a conjunct                semi join on x = column
 *     EXISTS, IN elsewhere, NOT IN          mark join: a BOOLEAN column (IN: with SQL's three
 * values) scalar subquery                       left join that checks for a single match; cross
 * join when uncorrelated x op ANY (q), row IN (q)              scalar subquery over aggregates of
 * the comparison ARRAY(q)                              scalar subquery over array_agg and the
 * dependent join that arises is flattened (unnest.h). Invariant: afterwards no expression of the
 * plan holds a subquery and no join is lateral. */
#include "base/stack.h"
#include "plan/shared.h"
#include "plan/unnest.h"

/* The planner, and the definitions of SHARED subplans that are done. */
typedef struct unnesting {
    wr_planner *planner;
    wr_shared_definitions shared;
} unnesting;

static weir_status visit(unnesting *u, wr_logical **slot);

/* ---- builders ---- */

wr_expr *wr_unnest_column(wr_planner *planner, wr_column_id id)
{
    return wr_expr_column(planner->arena, id, planner->column_types.items[id]);
}

wr_logical *wr_unnest_join(wr_planner *planner, wr_join_kind kind, wr_logical *left,
                           wr_logical *right)
{
    wr_logical *join = wr_logical_new(planner, WR_L_JOIN, left, right);
    join->join.kind = kind;
    if (kind == WR_JOIN_MARK)
        join->join.mark = wr_planner_column(planner, WR_STR("mark"), WR_BOOLEAN);
    wr_logical_set_outputs(planner, join);
    return join;
}

void wr_unnest_add_condition(wr_planner *planner, wr_logical *join, wr_expr *condition)
{
    int count = join->join.condition_count;
    wr_expr **conditions = wr_new_array(planner->arena, wr_expr *, count + 1);
    if (count) memcpy(conditions, join->join.conditions, sizeof *conditions * (size_t)count);
    conditions[count] = condition;
    join->join.conditions = conditions;
    join->join.condition_count = count + 1;
}

wr_logical *wr_unnest_filter(wr_planner *planner, wr_logical *input, wr_expr **conjuncts, int count)
{
    if (count == 0) return input;
    wr_logical *filter = wr_logical_new(planner, WR_L_FILTER, input, NULL);
    filter->filter.conjuncts = conjuncts;
    filter->filter.count = count;
    wr_logical_set_outputs(planner, filter);
    return filter;
}

wr_logical *wr_unnest_pass(wr_planner *planner, wr_logical *input, int more)
{
    wr_logical *project = wr_logical_new(planner, WR_L_PROJECT, input, NULL);
    project->project.bindings =
        wr_new_array(planner->arena, wr_binding, input->output_count + more + 1);
    for (int i = 0; i < input->output_count; i++)
        wr_unnest_bind(project, input->outputs[i].id,
                       wr_unnest_column(planner, input->outputs[i].id));
    wr_logical_set_outputs(planner, project);
    return project;
}

void wr_unnest_bind(wr_logical *project, wr_column_id id, wr_expr *expr)
{
    project->project.bindings[project->project.count++] = (wr_binding){id, expr};
}

wr_expr *wr_unnest_case(wr_planner *planner, wr_expr *condition, wr_expr *then, wr_expr *otherwise)
{
    wr_expr *e = wr_new(planner->arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_CASE, .type = otherwise->type, .arg_count = 3};
    e->args = wr_new_array(planner->arena, wr_expr *, 3);
    e->args[0] = condition;
    e->args[1] = then;
    e->args[2] = otherwise;
    return e;
}

wr_expr *wr_unnest_empty_value(wr_planner *planner, const wr_aggregate_call *call)
{
    static const char *const counts[] = {"count", "count_if", "countif", "approx_count_distinct",
                                         "regr_count"};
    for (size_t i = 0; i < WR_COUNT(counts); i++) {
        size_t length = strlen(counts[i]);
        if (strncmp(call->fn->name, counts[i], length) == 0 && strchr("|", call->fn->name[length]))
            return wr_expr_const(planner->arena, wr_value_i128(call->type, 0));
    }
    return wr_expr_const(planner->arena, wr_value_null(call->type));
}

void wr_unnest_correlation(wr_planner *planner, const wr_logical *left, const wr_logical *right,
                           wr_column_set *out)
{
    wr_column_set provided = {0}, needed = {0};
    wr_logical_provided(planner->arena, left, &provided);
    wr_logical_free_columns(planner->arena, right, &needed);
    for (uint32_t w = 0; w < WR_MIN(provided.word_count, needed.word_count); w++)
        needed.words[w] &= provided.words[w];
    for (uint32_t w = provided.word_count; w < needed.word_count; w++)
        needed.words[w] = 0;
    *out = needed;
}

bool wr_unnest_uses(wr_planner *planner, const wr_logical *node, const wr_column_set *outer)
{
    wr_column_set needed = {0};
    wr_logical_free_columns(planner->arena, node, &needed);
    return wr_column_set_meets(&needed, outer);
}

bool wr_unnest_expr_uses(wr_planner *planner, const wr_expr *e, const wr_column_set *outer)
{
    wr_column_set used = {0};
    if (e) wr_expr_columns(planner->arena, e, &used);
    return wr_column_set_meets(&used, outer);
}

/* ---- flattening one join ---- */

static weir_status flatten(wr_planner *planner, wr_logical **slot)
{
    wr_logical *join = *slot;
    wr_column_set outer = {0};
    wr_unnest_correlation(planner, join->inputs[0], join->inputs[1], &outer);
    join->join.is_lateral = false;
    if (wr_column_set_empty(&outer)) return WR_OK;
    bool done = false;
    WR_TRY(wr_unnest_inline(planner, slot, &done));
    if (!done && !wr_unnest_is_volatile((*slot)->inputs[1]))
        WR_TRY(wr_unnest_pull(planner, slot, &done));
    if (!done) WR_TRY(wr_unnest_domain(planner, slot));
    return WR_OK;
}

/* ---- attaching subqueries ---- */

typedef struct attachment {
    unnesting *rule;
    wr_planner *planner;
    wr_logical *input; /* grows by a join per subquery */
    weir_status failed;
} attachment;

static wr_expr *attach_below(wr_expr *e, void *arg);

/* Exactly one row comes out, whatever goes in. */
static bool gives_one_row(const wr_logical *node)
{
    while (node->kind == WR_L_PROJECT)
        node = node->inputs[0];
    if (node->kind == WR_L_VALUES) return node->values.row_count == 1;
    return node->kind == WR_L_AGGREGATE && node->aggregate.key_count == 0 && !node->aggregate.sets;
}

static weir_status attach_scalar(attachment *a, wr_logical *plan, wr_expr **out)
{
    wr_planner *planner = a->planner;
    wr_column_id value = plan->outputs[0].id;
    wr_column_set outer = {0};
    wr_unnest_correlation(planner, a->input, plan, &outer);
    bool dependent = !wr_column_set_empty(&outer);
    if (!dependent && !gives_one_row(plan)) {
        wr_logical *single = wr_logical_new(planner, WR_L_SINGLE_ROW, plan, NULL);
        single->single.is_outer = true;
        wr_logical_set_outputs(planner, single);
        plan = single;
    }
    a->input = wr_unnest_join(planner, dependent ? WR_JOIN_SINGLE : WR_JOIN_INNER, a->input, plan);
    WR_TRY(flatten(planner, &a->input));
    *out = wr_unnest_column(planner, value);
    return WR_OK;
}

/* An aggregate without keys over input; each call gives one output. */
static wr_logical *aggregate_all(wr_planner *planner, wr_logical *input, wr_aggregate_call *calls,
                                 int count)
{
    wr_logical *node = wr_logical_new(planner, WR_L_AGGREGATE, input, NULL);
    node->aggregate.calls = calls;
    node->aggregate.call_count = count;
    wr_logical_set_outputs(planner, node);
    return node;
}

static weir_status aggregate_call(wr_planner *planner, const char *name, wr_expr *arg,
                                  wr_aggregate_call *out)
{
    *out = (wr_aggregate_call){.arg_count = arg != NULL};
    out->args = wr_new_array(planner->arena, wr_expr *, 1);
    out->args[0] = arg;
    return wr_bind_aggregate(planner->arena, wr_str_of(name), (wr_span){0}, out);
}

static weir_status compare(wr_planner *planner, wr_compare_op op, wr_expr *left, wr_expr *right,
                           wr_expr **out)
{
    return wr_bind_compare(planner->arena, op, left, right, left->span, out);
}

/* left[0] op column 0 AND left[1] op column 1 ... (for <>: OR). */
static weir_status compare_rows(wr_planner *planner, const wr_subquery *sub, wr_expr **out)
{
    wr_expr **parts = wr_new_array(planner->arena, wr_expr *, sub->left_count);
    for (int i = 0; i < sub->left_count; i++)
        WR_TRY(compare(planner, sub->op, sub->left[i],
                       wr_unnest_column(planner, sub->plan->outputs[i].id), &parts[i]));
    *out = sub->op == WR_NE ? wr_expr_or(planner->arena, parts, sub->left_count)
                            : wr_expr_and(planner->arena, parts, sub->left_count);
    return WR_OK;
}

/* TRUE if the comparison holds for some row, else NULL if it is unknown for some row, else FALSE.
 */
static weir_status attach_quantified(attachment *a, const wr_subquery *sub, wr_expr **out)
{
    wr_planner *planner = a->planner;
    wr_arena *arena = planner->arena;
    wr_expr *comparison;
    WR_TRY(compare_rows(planner, sub, &comparison));
    wr_logical *project = wr_unnest_pass(planner, sub->plan, 1);
    wr_column_id holds = wr_planner_column(planner, WR_STR("holds"), WR_BOOLEAN);
    wr_unnest_bind(project, holds, comparison);
    wr_logical_set_outputs(planner, project);
    wr_aggregate_call *calls = wr_new_array(arena, wr_aggregate_call, 3);
    WR_TRY(aggregate_call(planner, "bool_or", wr_unnest_column(planner, holds), &calls[0]));
    WR_TRY(aggregate_call(planner, "count", NULL, &calls[1]));
    WR_TRY(aggregate_call(planner, "count", wr_unnest_column(planner, holds), &calls[2]));
    wr_logical *aggregate = aggregate_all(planner, project, calls, 3);
    wr_expr *any = wr_unnest_column(planner, aggregate->outputs[0].id);
    wr_expr *unknown;
    WR_TRY(compare(planner, WR_GT, wr_unnest_column(planner, aggregate->outputs[1].id),
                   wr_unnest_column(planner, aggregate->outputs[2].id), &unknown));
    wr_expr *found = wr_unnest_case(planner, wr_expr_is_null(arena, any, false),
                                    wr_expr_bool(arena, false), any);
    wr_expr *or_unknown =
        wr_unnest_case(planner, unknown, wr_expr_const(arena, wr_value_null(WR_BOOLEAN)),
                       wr_expr_bool(arena, false));
    wr_logical *top = wr_logical_new(planner, WR_L_PROJECT, aggregate, NULL);
    top->project.bindings = wr_new_array(arena, wr_binding, 1);
    wr_unnest_bind(top, wr_planner_column(planner, WR_STR("any"), WR_BOOLEAN),
                   wr_unnest_case(planner, found, wr_expr_bool(arena, true), or_unknown));
    wr_logical_set_outputs(planner, top);
    return attach_scalar(a, top, out);
}

static weir_status attach_array(attachment *a, const wr_subquery *sub, wr_expr **out)
{
    wr_planner *planner = a->planner;
    wr_aggregate_call *call = wr_new(planner->arena, wr_aggregate_call);
    wr_expr *item = wr_unnest_column(planner, sub->plan->outputs[0].id);
    WR_TRY(aggregate_call(planner, "array_agg", item, call));
    if (sub->plan->kind == WR_L_SORT && !sub->plan->sort.limit && !sub->plan->sort.offset) {
        call->order = sub->plan->sort.keys;
        call->order_count = sub->plan->sort.key_count;
    }
    wr_expr *list, *empty;
    WR_TRY(attach_scalar(a, aggregate_all(planner, sub->plan, call, 1), &list));
    wr_expr *literal = wr_expr_const(planner->arena, wr_value_text(WR_STR("[]")));
    WR_TRY(wr_bind_cast(planner->arena, literal, list->type, false, (wr_span){0}, &empty));
    *out = wr_unnest_case(planner, wr_expr_is_null(planner->arena, list, false), empty, list);
    return WR_OK;
}

static weir_status attach_mark(attachment *a, const wr_subquery *sub, wr_expr **out)
{
    wr_planner *planner = a->planner;
    wr_logical *join = wr_unnest_join(planner, WR_JOIN_MARK, a->input, sub->plan);
    if (sub->kind == WR_SUB_IN) {
        join->join.mark_left = sub->left[0];
        join->join.mark_right = wr_unnest_column(planner, sub->plan->outputs[0].id);
    }
    wr_column_id mark = join->join.mark;
    a->input = join;
    WR_TRY(flatten(planner, &a->input));
    *out = wr_unnest_column(planner, mark);
    return WR_OK;
}

static weir_status attach(attachment *a, wr_expr *e, wr_expr **out)
{
    wr_subquery *sub = e->subquery;
    for (int i = 0; i < sub->left_count; i++)
        sub->left[i] = wr_expr_rewrite(sub->left[i], attach_below, a);
    if (a->failed) return WR_OK;
    WR_TRY(visit(a->rule, &sub->plan));
    switch (sub->kind) {
    case WR_SUB_SCALAR:
        WR_TRY(attach_scalar(a, sub->plan, out));
        break;
    case WR_SUB_ARRAY:
        WR_TRY(attach_array(a, sub, out));
        break;
    case WR_SUB_EXISTS:
        WR_TRY(attach_mark(a, sub, out));
        break;
    case WR_SUB_IN:
        WR_TRY(sub->left_count == 1 ? attach_mark(a, sub, out) : attach_quantified(a, sub, out));
        break;
    case WR_SUB_QUANTIFIED:
        WR_TRY(attach_quantified(a, sub, out));
        break;
    }
    if (sub->is_negated) *out = wr_expr_not(a->planner->arena, *out);
    return WR_OK;
}

static wr_expr *attach_below(wr_expr *e, void *arg)
{
    attachment *a = arg;
    if (e->kind != WR_X_SUBQUERY || a->failed) return e;
    wr_expr *replaced = e;
    a->failed = wr_with_span(attach(a, e, &replaced), e->span);
    return replaced;
}

static void attach_slot(wr_expr **slot, void *arg)
{
    *slot = wr_expr_rewrite(*slot, attach_below, arg);
}

/* ---- conjuncts ---- */

/* NOT EXISTS is either a flag or a NOT around it. */
static wr_subquery *top_subquery(const wr_expr *e, bool *negated)
{
    *negated = false;
    while (e->kind == WR_X_NOT) {
        *negated = !*negated;
        e = e->args[0];
    }
    if (e->kind != WR_X_SUBQUERY) return NULL;
    wr_subquery *sub = e->subquery;
    *negated ^= sub->is_negated;
    return sub;
}

/* A conjunct that is a subquery itself becomes a semi or anti join; *done false = treat it as any
 * expression. */
static weir_status attach_conjunct(attachment *a, const wr_expr *e, bool *done)
{
    bool negated;
    wr_subquery *sub = top_subquery(e, &negated);
    *done = sub && (sub->kind == WR_SUB_EXISTS || (sub->kind == WR_SUB_IN && !negated));
    if (!*done) return WR_OK;
    wr_planner *planner = a->planner;
    for (int i = 0; i < sub->left_count; i++)
        sub->left[i] = wr_expr_rewrite(sub->left[i], attach_below, a);
    if (a->failed) return WR_OK;
    WR_TRY(visit(a->rule, &sub->plan));
    wr_logical *join =
        wr_unnest_join(planner, negated ? WR_JOIN_ANTI : WR_JOIN_SEMI, a->input, sub->plan);
    for (int i = 0; i < sub->left_count; i++) {
        wr_expr *equal;
        WR_TRY(compare(planner, WR_EQ, sub->left[i],
                       wr_unnest_column(planner, sub->plan->outputs[i].id), &equal));
        wr_unnest_add_condition(planner, join, equal);
    }
    a->input = join;
    return flatten(planner, &a->input);
}

/* The node's own outputs again, after joins below it have added columns. */
static wr_logical *restore_outputs(wr_planner *planner, wr_logical *node, const wr_output *outputs,
                                   int count)
{
    if (node->output_count == count) return node;
    wr_logical *project = wr_logical_new(planner, WR_L_PROJECT, node, NULL);
    project->project.bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++)
        wr_unnest_bind(project, outputs[i].id, wr_unnest_column(planner, outputs[i].id));
    wr_logical_set_outputs(planner, project);
    return project;
}

static weir_status visit_filter(unnesting *u, wr_logical **slot)
{
    wr_planner *planner = u->planner;
    wr_logical *node = *slot;
    const wr_output *outputs = node->outputs;
    int output_count = node->output_count, plain = 0, rest = 0;
    wr_expr **first = wr_new_array(planner->arena, wr_expr *, node->filter.count);
    wr_expr **later = wr_new_array(planner->arena, wr_expr *, node->filter.count);
    for (int i = 0; i < node->filter.count; i++)
        if (!wr_expr_has_subquery(node->filter.conjuncts[i]))
            first[plain++] = node->filter.conjuncts[i];
    attachment a = {u, planner, wr_unnest_filter(planner, node->inputs[0], first, plain), NULL};
    for (int i = 0; i < node->filter.count && !a.failed; i++) {
        wr_expr *e = node->filter.conjuncts[i];
        bool done = true;
        if (!wr_expr_has_subquery(e)) continue;
        WR_TRY(wr_with_span(attach_conjunct(&a, e, &done), e->span));
        if (!done) later[rest++] = wr_expr_rewrite(e, attach_below, &a);
    }
    if (a.failed) return a.failed;
    *slot = restore_outputs(planner, wr_unnest_filter(planner, a.input, later, rest), outputs,
                            output_count);
    return WR_OK;
}

/* ---- other nodes ---- */

static void note_subquery(wr_expr **slot, void *found)
{
    *(bool *)found |= wr_expr_has_subquery(*slot);
}

static bool has_subquery(wr_logical *node)
{
    bool found = false;
    wr_logical_each_expr(node, note_subquery, &found);
    return found;
}

static weir_status attach_to_input(unnesting *u, wr_logical **slot, int input)
{
    wr_planner *planner = u->planner;
    wr_logical *node = *slot;
    const wr_output *outputs = node->outputs;
    int output_count = node->output_count;
    attachment a = {u, planner, node->inputs[input], NULL};
    wr_logical_each_expr(node, attach_slot, &a);
    if (a.failed) return a.failed;
    node->inputs[input] = a.input;
    wr_logical_set_outputs(planner, node);
    *slot = restore_outputs(planner, node, outputs, output_count);
    return WR_OK;
}

static void collect_columns(wr_expr **slot, void *arg)
{
    void **pair = arg;
    if (wr_expr_has_subquery(*slot)) wr_expr_columns(pair[0], *slot, pair[1]);
}

/* input with a column that numbers its rows, read twice. */
typedef struct numbered {
    wr_logical *whole, *pairs; /* for the result, with the ids of input; for the pairs */
    wr_column_id whole_number, pairs_number;
} numbered;

static weir_status number_rows(wr_planner *planner, wr_logical *input, numbered *out)
{
    wr_window_call *call = wr_new(planner->arena, wr_window_call);
    WR_TRY(wr_bind_window_fn(planner->arena, WR_STR("row_number"), (wr_span){0}, call));
    call->frame =
        (wr_frame){.unit = WR_WINDOW_RANGE, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
    wr_logical *window = wr_logical_new(planner, WR_L_WINDOW, input, NULL);
    window->window.calls = call;
    window->window.call_count = 1;
    window->window.top_rows = -1;
    wr_logical_set_outputs(planner, window);
    int id = planner->next_shared++, last = window->output_count - 1;
    wr_logical *inner = wr_shared_reference(planner, window, id, false);
    wr_logical *renamed = wr_logical_new(planner, WR_L_PROJECT, inner, NULL);
    renamed->project.bindings = wr_new_array(planner->arena, wr_binding, last + 2);
    out->pairs = wr_shared_reference(planner, window, id, true);
    for (int i = 0; i <= last; i++)
        wr_unnest_bind(renamed, inner->outputs[i].id,
                       wr_unnest_column(planner, inner->outputs[i].id));
    wr_logical_set_outputs(planner, renamed);
    out->whole = renamed;
    out->pairs_number = window->outputs[last].id;
    out->whole_number = inner->outputs[last].id;
    return WR_OK;
}

static wr_expr *same_number(wr_planner *planner, wr_column_id left, wr_column_id right)
{
    return wr_expr_compare(planner->arena, WR_EQ, wr_unnest_column(planner, left),
                           wr_unnest_column(planner, right));
}

/* The outputs of the join by their own ids, from the renamed sides of the result. */
static wr_logical *unrenamed(wr_planner *planner, wr_logical *node, const wr_output *outputs,
                             int count, const numbered *sides, int side_count)
{
    wr_logical *project = wr_logical_new(planner, WR_L_PROJECT, node, NULL);
    project->project.bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++)
        for (int s = 0; s < side_count; s++)
            for (int k = 0; k < sides[s].pairs->output_count; k++)
                if (sides[s].pairs->outputs[k].id == outputs[i].id)
                    wr_unnest_bind(project, outputs[i].id,
                                   wr_unnest_column(planner, sides[s].whole->outputs[k].id));
    wr_logical_set_outputs(planner, project);
    return project;
}

/* A condition that needs rows of both sides to be computed: the rows of both sides are numbered, an
 * inner join with a filter finds the pairs of numbers that match, and the outer join is made with
 * those: (left LEFT JOIN pairs ON number) LEFT JOIN right ON number          and so on for the
 * other kinds. */
static weir_status pair_sides(unnesting *u, wr_logical **slot)
{
    wr_planner *planner = u->planner;
    wr_logical *join = *slot;
    wr_join_kind kind = join->join.kind;
    numbered sides[2];
    for (int i = 0; i < 2; i++)
        WR_TRY(number_rows(planner, join->inputs[i], &sides[i]));
    wr_logical *both = wr_unnest_join(planner, WR_JOIN_INNER, sides[0].pairs, sides[1].pairs);
    wr_logical *pairs =
        wr_unnest_filter(planner, both, join->join.conditions, join->join.condition_count);
    WR_TRY(visit_filter(u, &pairs));
    if (kind == WR_JOIN_SEMI || kind == WR_JOIN_ANTI) {
        wr_logical *kept = wr_unnest_join(planner, kind, sides[0].whole, pairs);
        wr_unnest_add_condition(planner, kept,
                                same_number(planner, sides[0].whole_number, sides[0].pairs_number));
        *slot = unrenamed(planner, kept, join->outputs, join->output_count, sides, 1);
        return WR_OK;
    }
    if (kind != WR_JOIN_LEFT && kind != WR_JOIN_RIGHT && kind != WR_JOIN_FULL)
        return wr_fail_at(WR_E_UNSUPPORTED, join->span,
                          "a subquery in the ON clause of this join cannot look at both sides");
    int first = kind == WR_JOIN_RIGHT, second = !first;
    wr_logical *one = wr_unnest_join(planner, WR_JOIN_LEFT, sides[first].whole, pairs);
    wr_unnest_add_condition(
        planner, one, same_number(planner, sides[first].whole_number, sides[first].pairs_number));
    wr_logical *two = wr_unnest_join(planner, kind == WR_JOIN_FULL ? WR_JOIN_FULL : WR_JOIN_LEFT,
                                     one, sides[second].whole);
    wr_unnest_add_condition(
        planner, two, same_number(planner, sides[second].pairs_number, sides[second].whole_number));
    *slot = unrenamed(planner, two, join->outputs, join->output_count, sides, 2);
    return WR_OK;
}

/* Subqueries in ON: of an inner join they are a filter above it; of others they belong to the one
 * side they look at, or to the pairs of rows. */
static weir_status visit_join_conditions(unnesting *u, wr_logical **slot)
{
    wr_planner *planner = u->planner;
    wr_logical *join = *slot;
    if (join->join.kind == WR_JOIN_INNER) {
        wr_logical *filter =
            wr_unnest_filter(planner, join, join->join.conditions, join->join.condition_count);
        join->join.conditions = NULL;
        join->join.condition_count = 0;
        *slot = filter;
        return visit_filter(u, slot);
    }
    wr_column_set used = {0}, sides[2] = {{0}, {0}};
    void *pair[2] = {planner->arena, &used};
    wr_logical_each_expr(join, collect_columns, pair);
    for (int side = 0; side < 2; side++)
        wr_logical_provided(planner->arena, join->inputs[side], &sides[side]);
    bool left = wr_column_set_meets(&used, &sides[0]),
         right = wr_column_set_meets(&used, &sides[1]);
    if (left && right) return pair_sides(u, slot);
    return attach_to_input(u, slot, left ? 0 : 1);
}

/* VALUES with subqueries: each row becomes a projection of its own. */
static weir_status visit_values(unnesting *u, wr_logical **slot)
{
    wr_planner *planner = u->planner;
    wr_logical *node = *slot, *all = NULL;
    int columns = node->output_count;
    for (int r = 0; r < node->values.row_count; r++) {
        wr_logical *one = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
        one->values.row_count = 1;
        one->values.rows = wr_new_array(planner->arena, wr_expr **, 1);
        wr_logical *row = wr_logical_new(planner, WR_L_PROJECT, one, NULL);
        row->project.bindings = wr_new_array(planner->arena, wr_binding, columns + 1);
        for (int c = 0; c < columns; c++)
            wr_unnest_bind(row,
                           wr_planner_column(planner, node->outputs[c].name, node->outputs[c].type),
                           node->values.rows[r][c]);
        wr_logical_set_outputs(planner, row);
        WR_TRY(attach_to_input(u, &row, 0));
        if (r == 0) {
            all = row;
            continue;
        }
        wr_logical *both = wr_logical_new(planner, WR_L_SET, all, row);
        both->set.op = WR_SET_UNION;
        both->set.is_all = true;
        both->set.columns = wr_new_array(planner->arena, wr_column_id *, 2);
        both->outputs = wr_new_array(planner->arena, wr_output, columns + 1);
        both->output_count = columns;
        for (int i = 0; i < 2; i++) {
            both->set.columns[i] = wr_new_array(planner->arena, wr_column_id, columns + 1);
            for (int c = 0; c < columns; c++)
                both->set.columns[i][c] = (i ? row : all)->outputs[c].id;
        }
        for (int c = 0; c < columns; c++) {
            both->outputs[c] = node->outputs[c];
            both->outputs[c].id =
                wr_planner_column(planner, node->outputs[c].name, node->outputs[c].type);
        }
        all = both;
    }
    wr_logical *named = wr_logical_new(planner, WR_L_PROJECT, all, NULL);
    named->project.bindings = wr_new_array(planner->arena, wr_binding, columns + 1);
    for (int c = 0; c < columns; c++)
        wr_unnest_bind(named, node->outputs[c].id, wr_unnest_column(planner, all->outputs[c].id));
    wr_logical_set_outputs(planner, named);
    *slot = named;
    return WR_OK;
}

static weir_status visit(unnesting *u, wr_logical **slot)
{
    wr_planner *planner = u->planner;
    wr_logical *node = *slot;
    bool is_shared = node->kind == WR_L_SHARED;
    WR_TRY(wr_stack_check(WR_STACK_FOR_WALKS, node->span));
    if (is_shared && wr_shared_take(&u->shared, node)) return WR_OK;
    for (int i = 0; i < node->input_count; i++)
        WR_TRY(visit(u, &node->inputs[i]));
    if (is_shared) wr_shared_note(planner->arena, &u->shared, node);
    if (node->input_count) wr_logical_set_outputs(planner, node);
    if (node->kind == WR_L_JOIN) {
        bool subqueries = has_subquery(node);
        wr_column_set outer = {0};
        wr_unnest_correlation(planner, node->inputs[0], node->inputs[1], &outer);
        if (node->join.is_lateral || !wr_column_set_empty(&outer)) WR_TRY(flatten(planner, slot));
        return subqueries ? visit_join_conditions(u, slot) : WR_OK;
    }
    if (!has_subquery(node)) return WR_OK;
    switch (node->kind) {
    case WR_L_FILTER:
        return visit_filter(u, slot);
    case WR_L_VALUES:
        return visit_values(u, slot);
    case WR_L_PROJECT:
    case WR_L_AGGREGATE:
    case WR_L_WINDOW:
    case WR_L_SORT:
    case WR_L_DISTINCT_ON:
    case WR_L_UNNEST:
    case WR_L_LIMIT:
        return attach_to_input(u, slot, 0);
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, node->span, "a subquery cannot stand here");
    }
}

static weir_status apply(wr_planner *planner, wr_logical **root)
{
    unnesting u = {.planner = planner};
    return visit(&u, root);
}

const wr_rule wr_rule_unnest = {
    .name = "unnest",
    .order = 20,
    .help = "turns subqueries and lateral joins into joins",
    .apply = apply,
    .is_required = true,
};
