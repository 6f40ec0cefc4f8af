/* unnest_domain.c - any dependent join, by computing the right side for all correlation values at
 * once.
 *
 * The domain D is the set of distinct values of the outer columns. Join(left, right(outer)) becomes
 *     Join(left, right x D) on outer IS NOT DISTINCT FROM d
 * where "right x D" pushes D down the right side until nothing below uses outer columns, then joins
 * it there. On the way down each node is changed so that it works per value of D: aggregates and
 * windows get D's columns as keys, LIMIT becomes a row number per D, outer joins carry D on both
 * sides, a recursion carries D through its working table. The left input is read twice, so it
 * becomes a SHARED subplan; the definition of a SHARED subplan is changed once, all its references
 * then hand D on. This follows the idea of general unnesting by Neumann and Kemper. */
#include "plan/unnest.h"

/* A SHARED subplan that has been given D: ids are D's columns in its definition. */
typedef struct extended {
    struct extended *next;
    int shared_id;
    wr_logical *definition;
    wr_column_id *ids;
} extended;

/* Recursions whose step is being changed: their WORKING nodes bring D along. */
typedef struct recursion {
    struct recursion *around;
    int id;
} recursion;

typedef struct domain {
    wr_planner *planner;
    wr_column_id *outer; /* the correlation columns */
    int count;
    wr_column_set outer_set;
    bool per_row;     /* volatile functions: D has all outer rows, told apart by a number */
    wr_logical *plan; /* computes D; outputs: the values in the order of outer */
    int shared_id;
    extended *extended;
    recursion *open;
} domain;

static weir_status push(domain *d, wr_logical **slot, wr_column_id *ids);

/* ---- what D must reach ---- */

static void note_volatile(wr_expr **slot, void *arg) { *(bool *)arg |= wr_expr_is_volatile(*slot); }

/* A shared part is computed once whatever it calls. */
bool wr_unnest_is_volatile(wr_logical *node)
{
    bool found = false;
    if (node->kind == WR_L_SHARED) return false;
    wr_logical_each_expr(node, note_volatile, &found);
    for (int i = 0; i < node->input_count && !found; i++)
        found = wr_unnest_is_volatile(node->inputs[i]);
    return found;
}

static bool needs_domain(const domain *d, const wr_logical *node);

/* ---- references to D ---- */

static wr_logical *reference(wr_planner *planner, wr_logical *definition, int shared_id,
                             bool same_ids)
{
    wr_logical *node = wr_logical_new(planner, WR_L_SHARED, definition, NULL);
    int count = definition->output_count;
    node->shared.id = shared_id;
    node->shared.inner = wr_new_array(planner->arena, wr_column_id, count + 1);
    node->outputs = wr_new_array(planner->arena, wr_output, count + 1);
    node->output_count = count;
    for (int i = 0; i < count; i++) {
        node->outputs[i] = definition->outputs[i];
        node->shared.inner[i] = definition->outputs[i].id;
        if (!same_ids)
            node->outputs[i].id = wr_planner_column(planner, definition->outputs[i].name,
                                                    definition->outputs[i].type);
    }
    return node;
}

static wr_logical *domain_reference(domain *d, wr_column_id *ids)
{
    wr_logical *node = reference(d->planner, d->plan, d->shared_id, false);
    for (int i = 0; i < d->count; i++)
        ids[i] = node->outputs[i].id;
    return node;
}

/* ---- outer columns in a node's own expressions become D's columns ---- */

typedef struct renaming {
    domain *d;
    const wr_column_id *ids;
} renaming;

static wr_expr *rename_column(wr_expr *e, void *arg)
{
    renaming *r = arg;
    if (e->kind != WR_X_COLUMN) return e;
    for (int i = 0; i < r->d->count; i++)
        if (r->d->outer[i] == e->column) return wr_unnest_column(r->d->planner, r->ids[i]);
    return e;
}

static void rename_slot(wr_expr **slot, void *arg)
{
    renaming *r = arg;
    *slot = wr_expr_rewrite(wr_expr_copy(r->d->planner->arena, *slot), rename_column, arg);
}

static void rename_outer(domain *d, wr_logical *node, const wr_column_id *ids)
{
    renaming r = {d, ids};
    wr_logical_each_expr(node, rename_slot, &r);
}

static void same_domain(domain *d, wr_logical *join, const wr_column_id *left,
                        const wr_column_id *right)
{
    for (int i = 0; i < d->count; i++)
        wr_unnest_add_condition(d->planner, join,
                                wr_expr_compare(d->planner->arena, WR_NOT_DISTINCT,
                                                wr_unnest_column(d->planner, left[i]),
                                                wr_unnest_column(d->planner, right[i])));
}

/* ---- nodes ---- */

static weir_status push_project(domain *d, wr_logical *node, wr_column_id *ids)
{
    WR_TRY(push(d, &node->inputs[0], ids));
    rename_outer(d, node, ids);
    wr_binding *own = node->project.bindings;
    int count = node->project.count;
    node->project.bindings = wr_new_array(d->planner->arena, wr_binding, count + d->count + 1);
    memcpy(node->project.bindings, own, sizeof *own * (size_t)count);
    for (int i = 0; i < d->count; i++)
        wr_unnest_bind(node, ids[i], wr_unnest_column(d->planner, ids[i]));
    return WR_OK;
}

/* What GROUPING(..) gives in the row of the empty grouping set: every key is folded away. */
static wr_expr *grouping_of_none(domain *d, const int *keys)
{
    int64_t mask = 0;
    for (int i = 0; keys[i] >= 0; i++)
        mask = mask << 1 | 1;
    return wr_expr_const(d->planner->arena, wr_value_int(WR_INTEGER, mask));
}

/* D LEFT JOIN aggregate, so that values of D without rows get the row that an aggregate without
 * keys, or the empty one of several grouping sets, owes them. outputs: those the aggregate had. */
static void complete_aggregate(domain *d, wr_logical **slot, wr_column_id *ids,
                               const wr_output *outputs, int keys)
{
    wr_planner *planner = d->planner;
    wr_logical *aggregate = *slot;
    int calls = aggregate->aggregate.call_count, groupings = aggregate->aggregate.grouping_count;
    wr_column_id *whole = wr_new_array(planner->arena, wr_column_id, d->count + 1);
    wr_logical *join = wr_unnest_join(planner, WR_JOIN_LEFT, domain_reference(d, whole), aggregate);
    same_domain(d, join, whole, ids);
    wr_logical *top = wr_logical_new(planner, WR_L_PROJECT, join, NULL);
    top->project.bindings =
        wr_new_array(planner->arena, wr_binding, d->count + keys + calls + groupings + 1);
    for (int i = 0; i < keys; i++)
        wr_unnest_bind(top, outputs[i].id, wr_unnest_column(planner, aggregate->outputs[i].id));
    for (int i = 0; i < calls + groupings; i++) {
        wr_expr *raw = wr_unnest_column(planner, aggregate->outputs[keys + d->count + i].id);
        wr_expr *empty = i < calls
                             ? wr_unnest_empty_value(planner, &aggregate->aggregate.calls[i])
                             : grouping_of_none(d, aggregate->aggregate.grouping_keys[i - calls]);
        wr_expr *value =
            empty->value.is_null
                ? raw
                : wr_unnest_case(planner, wr_expr_is_null(planner->arena, raw, false), empty, raw);
        wr_unnest_bind(top, outputs[keys + i].id, value);
    }
    for (int i = 0; i < d->count; i++) {
        wr_unnest_bind(top, whole[i], wr_unnest_column(planner, whole[i]));
        ids[i] = whole[i];
    }
    wr_logical_set_outputs(planner, top);
    *slot = top;
}

/* The sets with D's columns, which follow the first keys; *empty: how many were empty, of which one
 * is kept. */
static uint64_t *sets_with_domain(domain *d, wr_logical *node, int *empty)
{
    int keys = node->aggregate.key_count, kept = 0;
    uint64_t all_new = ((UINT64_C(1) << d->count) - 1) << keys;
    *empty = keys == 0 && !node->aggregate.sets;
    if (!node->aggregate.sets) return NULL;
    uint64_t *sets = wr_new_array(d->planner->arena, uint64_t, node->aggregate.set_count + 1);
    for (int i = 0; i < node->aggregate.set_count; i++) {
        bool is_empty = !node->aggregate.sets[i];
        if (!is_empty || *empty == 0) sets[kept++] = node->aggregate.sets[i] | all_new;
        *empty += is_empty;
    }
    node->aggregate.set_count = kept;
    return sets;
}

/* Adds GROUPING(all keys) to the aggregate, which tells the rows of the empty set from others. */
static wr_column_id add_marker(wr_planner *planner, wr_logical *node)
{
    int groupings = node->aggregate.grouping_count, keys = node->aggregate.key_count;
    const int **lists = wr_new_array(planner->arena, const int *, groupings + 1);
    int *all = wr_new_array(planner->arena, int, keys + 1);
    for (int i = 0; i < groupings; i++)
        lists[i] = node->aggregate.grouping_keys[i];
    for (int i = 0; i < keys; i++)
        all[i] = i;
    all[keys] = -1;
    lists[groupings] = all;
    node->aggregate.grouping_keys = lists;
    node->aggregate.grouping_count++;
    wr_output *outputs = wr_new_array(planner->arena, wr_output, node->output_count + 1);
    memcpy(outputs, node->outputs, sizeof *outputs * (size_t)node->output_count);
    wr_column_id id = wr_planner_column(planner, WR_STR("grouping"), WR_INTEGER);
    outputs[node->output_count++] = (wr_output){.id = id, .type = WR_INTEGER};
    node->outputs = outputs;
    return id;
}

/* GROUPING SETS ((), (), ...): the row of the empty set as often as it was asked for. */
static void repeat_empty_rows(domain *d, wr_logical **slot, wr_column_id marker, int keys,
                              int times)
{
    wr_planner *planner = d->planner;
    wr_arena *arena = planner->arena;
    wr_logical *copies = wr_logical_new(planner, WR_L_VALUES, NULL, NULL);
    wr_column_id copy = wr_planner_column(planner, WR_STR("copy"), WR_INTEGER);
    copies->values.row_count = times;
    copies->values.rows = wr_new_array(arena, wr_expr **, times);
    copies->outputs = wr_new(arena, wr_output);
    copies->outputs[0] = (wr_output){.id = copy, .type = WR_INTEGER, .name = WR_STR("copy")};
    copies->output_count = 1;
    for (int i = 0; i < times; i++) {
        copies->values.rows[i] = wr_new_array(arena, wr_expr *, 1);
        copies->values.rows[i][0] = wr_expr_const(arena, wr_value_int(WR_INTEGER, i + 1));
    }
    wr_logical *join = wr_unnest_join(planner, WR_JOIN_INNER, *slot, copies);
    if (keys > 0) {
        int64_t mask = (INT64_C(1) << keys) - 1;
        wr_expr *either[2] = {
            wr_expr_compare(arena, WR_EQ, wr_unnest_column(planner, copy),
                            wr_expr_const(arena, wr_value_int(WR_INTEGER, 1))),
            wr_expr_compare(arena, WR_EQ, wr_unnest_column(planner, marker),
                            wr_expr_const(arena, wr_value_int(WR_INTEGER, mask))),
        };
        wr_unnest_add_condition(planner, join, wr_expr_or(arena, either, 2));
    }
    *slot = join;
}

static weir_status push_aggregate(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot;
    int keys = node->aggregate.key_count, calls = node->aggregate.call_count, empty;
    if (node->aggregate.sets && keys + d->count > 64)
        return wr_fail_at(WR_E_TOO_BIG, node->span,
                          "more than 64 grouping keys and outer columns in a subquery");
    const uint64_t *sets = sets_with_domain(d, node, &empty);
    wr_column_id marker = 0;
    if (empty > 1 && keys > 31)
        return wr_fail_at(WR_E_TOO_BIG, node->span,
                          "more than 31 grouping keys beside repeated empty grouping sets");
    if (empty > 1 && keys > 0) marker = add_marker(planner, node);
    WR_TRY(push(d, &node->inputs[0], ids));
    rename_outer(d, node, ids);
    const wr_output *old = node->outputs;
    int tail = node->output_count - keys;
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, keys + d->count + 1);
    if (keys) memcpy(bindings, node->aggregate.keys, sizeof *bindings * (size_t)keys);
    wr_output *outputs = wr_new_array(planner->arena, wr_output, keys + d->count + tail + 1);
    for (int i = 0; i < d->count; i++) {
        wr_column_id key = wr_planner_column(planner, planner->column_names.items[ids[i]],
                                             planner->column_types.items[ids[i]]);
        bindings[keys + i] = (wr_binding){key, wr_unnest_column(planner, ids[i])};
        ids[i] = key;
    }
    for (int i = 0; i < keys && empty; i++)
        bindings[i].id = wr_planner_column(planner, old[i].name, old[i].type);
    for (int i = 0; i < tail; i++) {
        outputs[keys + d->count + i] = old[keys + i];
        if (empty)
            outputs[keys + d->count + i].id =
                wr_planner_column(planner, old[keys + i].name, old[keys + i].type);
    }
    if (node->aggregate.carried_first >= keys) node->aggregate.carried_first = keys + d->count;
    node->aggregate.keys = bindings;
    node->aggregate.key_count = keys + d->count;
    node->aggregate.sets = sets;
    node->outputs = outputs;
    node->output_count = keys + d->count + tail;
    wr_logical_set_outputs(planner, node);
    wr_assert(node->output_count >= calls);
    if (empty) complete_aggregate(d, slot, ids, old, keys);
    if (empty > 1) repeat_empty_rows(d, slot, marker, keys, empty);
    return WR_OK;
}

static wr_expr **with_domain(domain *d, wr_expr **keys, int count, const wr_column_id *ids)
{
    wr_expr **all = wr_new_array(d->planner->arena, wr_expr *, count + d->count + 1);
    for (int i = 0; i < d->count; i++)
        all[i] = wr_unnest_column(d->planner, ids[i]);
    if (count) memcpy(all + d->count, keys, sizeof *all * (size_t)count);
    return all;
}

static weir_status push_window(domain *d, wr_logical *node, wr_column_id *ids)
{
    WR_TRY(push(d, &node->inputs[0], ids));
    rename_outer(d, node, ids);
    for (int i = 0; i < node->window.call_count; i++) {
        wr_window_call *call = &node->window.calls[i];
        call->partition = with_domain(d, call->partition, call->partition_count, ids);
        call->partition_count += d->count;
    }
    return WR_OK;
}

static weir_status constant_count(domain *d, const wr_expr *e, int64_t none, int64_t *out)
{
    *out = none;
    if (!e) return WR_OK;
    if (!wr_expr_is_const(e))
        return wr_fail_at(WR_E_UNSUPPORTED, e->span,
                          "LIMIT and OFFSET of a correlated subquery must be constants");
    wr_value value;
    WR_TRY(wr_expr_fold(d->planner->arena, d->planner->env, e, &value));
    if (!value.is_null) *out = value.i64;
    return WR_OK;
}

/* What a LIMIT leaves per value of D. */
typedef struct portion {
    const wr_expr *limit, *offset;
    bool is_percent;
    wr_sort_key *keys; /* the order of the rows, if they have one */
    int key_count;
} portion;

/* count(*) OVER (PARTITION BY D) */
static weir_status count_per_domain(domain *d, const wr_column_id *ids, wr_window_call *call)
{
    WR_TRY(wr_bind_aggregate(d->planner->arena, WR_STR("count"), (wr_span){0}, &call->aggregate));
    call->partition = with_domain(d, NULL, 0, ids);
    call->partition_count = d->count;
    call->frame = (wr_frame){
        .unit = WR_WINDOW_ROWS, .start = WR_UNBOUNDED_PRECEDING, .end = WR_UNBOUNDED_FOLLOWING};
    return WR_OK;
}

/* number - skip <= percent / 100 * total, in DOUBLE. */
static weir_status within_percent(domain *d, const portion *p, wr_column_id number, int64_t skip,
                                  wr_column_id total, wr_expr **out)
{
    wr_arena *arena = d->planner->arena;
    const wr_env *env = d->planner->env;
    wr_span span = p->limit->span;
    wr_value value;
    if (!wr_expr_is_const(p->limit))
        return wr_fail_at(WR_E_UNSUPPORTED, span,
                          "LIMIT and OFFSET of a correlated subquery must be constants");
    WR_TRY(wr_expr_fold(arena, env, p->limit, &value));
    if (value.is_null) {
        *out = NULL;
        return WR_OK;
    }
    double percent = wr_value_as_f64(&value);
    if (!(percent >= 0 && percent <= 100))
        return wr_fail_at(WR_E_BAD_ARGUMENT, span,
                          "LIMIT must be between 0 and 100 percent, not %g", percent);
    wr_expr *place[2], *part[2], *left, *right;
    place[0] = wr_expr_raw_cast(arena, wr_unnest_column(d->planner, number), WR_DOUBLE, false);
    place[1] = wr_expr_const(arena, wr_value_f64((double)skip));
    part[0] = wr_expr_const(arena, wr_value_f64(percent / 100.0));
    part[1] = wr_expr_raw_cast(arena, wr_unnest_column(d->planner, total), WR_DOUBLE, false);
    WR_TRY(wr_bind_call(arena, env, WR_STR("-"), place, NULL, 2, span, &left));
    WR_TRY(wr_bind_call(arena, env, WR_STR("*"), part, NULL, 2, span, &right));
    *out = wr_expr_compare(arena, WR_LE, left, right);
    return WR_OK;
}

/* LIMIT n OFFSET m per value of D: row_number() OVER (PARTITION BY D ORDER BY keys) BETWEEN m + 1
 * AND m + n; in percent, n is a part of count(*) OVER (PARTITION BY D). */
static weir_status limit_per_domain(domain *d, wr_logical **slot, wr_logical *input,
                                    const wr_column_id *ids, const portion *p)
{
    wr_planner *planner = d->planner;
    wr_arena *arena = planner->arena;
    int64_t count = INT64_MAX, skip, last;
    bool is_percent = p->is_percent && p->limit;
    if (!is_percent) WR_TRY(constant_count(d, p->limit, INT64_MAX, &count));
    WR_TRY(constant_count(d, p->offset, 0, &skip));
    wr_logical *window = wr_logical_new(planner, WR_L_WINDOW, input, NULL);
    wr_window_call *calls = wr_new_array(arena, wr_window_call, 2);
    WR_TRY(wr_bind_window_fn(arena, WR_STR("row_number"), (wr_span){0}, calls));
    calls->partition = with_domain(d, NULL, 0, ids);
    calls->partition_count = d->count;
    calls->order = p->keys;
    calls->order_count = p->key_count;
    calls->frame =
        (wr_frame){.unit = WR_WINDOW_RANGE, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
    if (is_percent) WR_TRY(count_per_domain(d, ids, calls + 1));
    window->window.calls = calls;
    window->window.call_count = 1 + is_percent;
    window->window.top_rows = -1;
    wr_logical_set_outputs(planner, window);
    wr_column_id number = window->outputs[input->output_count].id;
    wr_expr **conjuncts = wr_new_array(arena, wr_expr *, 2), *within = NULL;
    int n = 0;
    if (skip > 0)
        conjuncts[n++] = wr_expr_compare(arena, WR_GT, wr_unnest_column(planner, number),
                                         wr_expr_const(arena, wr_value_int(WR_BIGINT, skip)));
    if (is_percent)
        WR_TRY(within_percent(d, p, number, skip, window->outputs[input->output_count + 1].id,
                              &within));
    else if (count != INT64_MAX && !__builtin_add_overflow(skip, count, &last))
        within = wr_expr_compare(arena, WR_LE, wr_unnest_column(planner, number),
                                 wr_expr_const(arena, wr_value_int(WR_BIGINT, last)));
    if (within) conjuncts[n++] = within;
    *slot = wr_unnest_filter(planner, window, conjuncts, n);
    return WR_OK;
}

/* The rows below, numbered in their order from the first row of all values of D on. */
static wr_logical *numbered(domain *d, wr_logical *input)
{
    wr_logical *node = wr_logical_new(d->planner, WR_L_ORDINAL, input, NULL);
    node->ordinal.id = wr_planner_column(d->planner, WR_STR("number"), WR_BIGINT);
    wr_logical_set_outputs(d->planner, node);
    return node;
}

static wr_sort_key *sort_by(domain *d, wr_column_id id)
{
    wr_sort_key *key = wr_new(d->planner->arena, wr_sort_key);
    *key = (wr_sort_key){.expr = wr_unnest_column(d->planner, id)};
    return key;
}

/* WITH ORDINALITY counts from 1 for each value of D: the place of a row's number among those. */
static weir_status push_ordinal(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot;
    WR_TRY(push(d, &node->inputs[0], ids));
    wr_logical *all = numbered(d, node->inputs[0]);
    wr_logical *window = wr_logical_new(planner, WR_L_WINDOW, all, NULL);
    wr_window_call *call = wr_new(planner->arena, wr_window_call);
    WR_TRY(wr_bind_window_fn(planner->arena, WR_STR("row_number"), (wr_span){0}, call));
    call->partition = with_domain(d, NULL, 0, ids);
    call->partition_count = d->count;
    call->order = sort_by(d, all->ordinal.id);
    call->order_count = 1;
    call->frame =
        (wr_frame){.unit = WR_WINDOW_RANGE, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
    window->window.calls = call;
    window->window.call_count = 1;
    window->window.top_rows = -1;
    window->outputs = &node->outputs[node->output_count - 1]; /* the number keeps its id */
    window->output_count = 1;
    wr_logical_set_outputs(planner, window);
    *slot = window;
    return WR_OK;
}

/* A part of all rows is a part of those of each value of D; a number of rows is taken from each, in
 * an order by chance. */
static weir_status push_sample(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_arena *arena = planner->arena;
    wr_logical *node = *slot;
    WR_TRY(push(d, &node->inputs[0], ids));
    if (node->sample.rows < 0) return WR_OK;
    wr_logical *all = numbered(d, node->inputs[0]), *mixed = wr_unnest_pass(planner, all, 1);
    wr_expr *args[2], *chance;
    args[0] = wr_unnest_column(planner, all->ordinal.id);
    args[1] = wr_expr_const(arena, wr_value_int(WR_BIGINT, node->sample.seed));
    wr_str name = node->sample.has_seed ? WR_STR("hash") : WR_STR("random");
    WR_TRY(wr_bind_call(arena, planner->env, name, args, NULL, node->sample.has_seed ? 2 : 0,
                        node->span, &chance));
    wr_column_id order = wr_planner_column(planner, WR_STR("chance"), chance->type);
    wr_unnest_bind(mixed, order, chance);
    wr_logical_set_outputs(planner, mixed);
    const portion some = {
        .limit = wr_expr_const(arena, wr_value_int(WR_BIGINT, node->sample.rows)),
        .keys = sort_by(d, order),
        .key_count = 1,
    };
    return limit_per_domain(d, slot, mixed, ids, &some);
}

static weir_status push_sort(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    WR_TRY(push(d, &node->inputs[0], ids));
    rename_outer(d, node, ids);
    if (!node->sort.limit && !node->sort.offset) return WR_OK;
    const portion sorted = {.limit = node->sort.limit,
                            .offset = node->sort.offset,
                            .keys = node->sort.keys,
                            .key_count = node->sort.key_count};
    return limit_per_domain(d, slot, node->inputs[0], ids, &sorted);
}

static weir_status push_limit(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    wr_logical *below = node->inputs[0];
    bool sorted = below->kind == WR_L_SORT && !below->sort.limit && !below->sort.offset;
    WR_TRY(push(d, &node->inputs[0], ids));
    rename_outer(d, node, ids);
    const portion p = {.limit = node->limit.count,
                       .offset = node->limit.offset,
                       .is_percent = node->limit.is_percent,
                       .keys = sorted ? below->sort.keys : NULL,
                       .key_count = sorted ? below->sort.key_count : 0};
    return limit_per_domain(d, slot, node->inputs[0], ids, &p);
}

/* D on both sides; a row without partner has D on one side only. */
static weir_status push_full_join(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot;
    wr_column_id *sides[2];
    for (int side = 0; side < 2; side++) {
        sides[side] = wr_new_array(planner->arena, wr_column_id, d->count + 1);
        WR_TRY(push(d, &node->inputs[side], sides[side]));
    }
    rename_outer(d, node, sides[0]);
    same_domain(d, node, sides[0], sides[1]);
    wr_logical_set_outputs(planner, node);
    *slot = wr_unnest_pass(planner, node, d->count);
    for (int i = 0; i < d->count; i++) {
        wr_expr *left = wr_unnest_column(planner, sides[0][i]);
        wr_expr *right = wr_unnest_column(planner, sides[1][i]);
        ids[i] = wr_planner_column(planner, planner->column_names.items[sides[0][i]], left->type);
        wr_unnest_bind(*slot, ids[i],
                       wr_unnest_case(planner, wr_expr_is_null(planner->arena, left, false), right,
                                      wr_expr_copy(planner->arena, left)));
    }
    return WR_OK;
}

static weir_status push_join(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    bool left = needs_domain(d, node->inputs[0]);
    bool right = needs_domain(d, node->inputs[1]);
    wr_column_id *others = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    switch (node->join.kind) {
    case WR_JOIN_FULL:
        return push_full_join(d, slot, ids);
    case WR_JOIN_RIGHT:
        WR_TRY(push(d, &node->inputs[1], ids));
        if (left) WR_TRY(push(d, &node->inputs[0], others));
        break;
    case WR_JOIN_INNER:
        if (right && !left) {
            WR_TRY(push(d, &node->inputs[1], ids));
            rename_outer(d, node, ids);
            return WR_OK;
        }
        __attribute__((fallthrough));
    default:
        WR_TRY(push(d, &node->inputs[0], ids));
        if (right) WR_TRY(push(d, &node->inputs[1], others));
    }
    rename_outer(d, node, ids);
    bool both = node->join.kind == WR_JOIN_RIGHT ? left : right;
    if (both) same_domain(d, node, ids, others);
    return WR_OK;
}

/* The nearest row is looked for among those of the same value of D. */
static weir_status push_asof(domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_arena *arena = d->planner->arena;
    wr_column_id *others = wr_new_array(arena, wr_column_id, d->count + 1);
    int count = node->asof.condition_count;
    WR_TRY(push(d, &node->inputs[0], ids));
    WR_TRY(push(d, &node->inputs[1], others));
    rename_outer(d, node, ids);
    wr_expr **conditions = wr_new_array(arena, wr_expr *, count + d->count + 1);
    if (count) memcpy(conditions, node->asof.conditions, sizeof *conditions * (size_t)count);
    for (int i = 0; i < d->count; i++)
        conditions[count + i] =
            wr_expr_compare(arena, WR_NOT_DISTINCT, wr_unnest_column(d->planner, ids[i]),
                            wr_unnest_column(d->planner, others[i]));
    node->asof.conditions = conditions;
    node->asof.condition_count = count + d->count;
    return WR_OK;
}

/* One row at most per value of D, and one for each of them: D SINGLE JOIN the rest. */
static weir_status push_single_row(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    wr_column_id *own = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    WR_TRY(push(d, &node->inputs[0], own));
    *slot = wr_unnest_join(d->planner, WR_JOIN_SINGLE, domain_reference(d, ids), node->inputs[0]);
    same_domain(d, *slot, ids, own);
    return WR_OK;
}

/* ---- shared and recursive parts ---- */

static void append_domain(domain *d, wr_logical *node, wr_column_id *ids)
{
    int count = node->output_count;
    wr_output *outputs = wr_new_array(d->planner->arena, wr_output, count + d->count + 1);
    if (count) memcpy(outputs, node->outputs, sizeof *outputs * (size_t)count);
    for (int i = 0; i < d->count; i++) {
        const wr_output *model = &d->plan->outputs[i];
        ids[i] = wr_planner_column(d->planner, model->name, model->type);
        outputs[count + i] = (wr_output){.id = ids[i], .type = model->type, .name = model->name};
    }
    node->outputs = outputs;
    node->output_count = count + d->count;
}

static wr_column_id *append_ids(domain *d, const wr_column_id *own, int count,
                                const wr_column_id *more)
{
    wr_column_id *all = wr_new_array(d->planner->arena, wr_column_id, count + d->count + 1);
    if (count) memcpy(all, own, sizeof *all * (size_t)count);
    memcpy(all + count, more, sizeof *all * (size_t)d->count);
    return all;
}

static weir_status push_shared(domain *d, wr_logical *node, wr_column_id *ids)
{
    extended *known = d->extended;
    while (known && known->shared_id != node->shared.id)
        known = known->next;
    if (!known) {
        known = wr_new(d->planner->arena, extended);
        known->shared_id = node->shared.id;
        known->definition = node->inputs[0];
        known->ids = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
        WR_TRY(push(d, &known->definition, known->ids));
        known->next = d->extended;
        d->extended = known;
    }
    node->inputs[0] = known->definition;
    node->shared.inner = append_ids(d, node->shared.inner, node->output_count, known->ids);
    append_domain(d, node, ids);
    return WR_OK;
}

static weir_status push_recursive(domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_column_id *start = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    wr_column_id *step = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    recursion here = {d->open, node->recursive.id};
    WR_TRY(push(d, &node->inputs[0], start));
    d->open = &here;
    weir_status bad = push(d, &node->inputs[1], step);
    d->open = here.around;
    if (bad) return bad;
    node->recursive.start = append_ids(d, node->recursive.start, node->output_count, start);
    node->recursive.step = append_ids(d, node->recursive.step, node->output_count, step);
    append_domain(d, node, ids);
    return WR_OK;
}

/* Reads the working table of an open recursion, or a SHARED subplan that has D by now (its
 * definition no longer looks as if it needed it). */
static bool reads_extended(const domain *d, const wr_logical *node, wr_column_set *seen)
{
    if (node->kind == WR_L_WORKING)
        for (const recursion *r = d->open; r; r = r->around)
            if (r->id == node->working.id) return true;
    if (node->kind == WR_L_SHARED) {
        for (const extended *e = d->extended; e; e = e->next)
            if (e->shared_id == node->shared.id) return true;
        if (wr_column_set_has(seen, (wr_column_id)node->shared.id)) return false;
        wr_column_set_add(d->planner->arena, seen, (wr_column_id)node->shared.id);
    }
    for (int i = 0; i < node->input_count; i++)
        if (reads_extended(d, node->inputs[i], seen)) return true;
    return false;
}

/* Something in the subtree depends on the value of D. */
static bool needs_domain(const domain *d, const wr_logical *node)
{
    wr_column_set seen = {0};
    if (wr_unnest_uses(d->planner, node, &d->outer_set)) return true;
    if (d->per_row && wr_unnest_is_volatile((wr_logical *)node)) return true;
    return (d->open || d->extended) && reads_extended(d, node, &seen);
}

static weir_status push_set(domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    int columns = node->output_count;
    wr_output *outputs = wr_new_array(planner->arena, wr_output, columns + d->count + 1);
    memcpy(outputs, node->outputs, sizeof *outputs * (size_t)columns);
    for (int i = 0; i < node->input_count; i++) {
        wr_column_id *inner = wr_new_array(planner->arena, wr_column_id, d->count + 1);
        WR_TRY(push(d, &node->inputs[i], inner));
        wr_column_id *feed = wr_new_array(planner->arena, wr_column_id, columns + d->count + 1);
        memcpy(feed, node->set.columns[i], sizeof *feed * (size_t)columns);
        memcpy(feed + columns, inner, sizeof *feed * (size_t)d->count);
        node->set.columns[i] = feed;
        for (int k = 0; i == 0 && k < d->count; k++) {
            wr_str name = planner->column_names.items[inner[k]];
            const wr_type *type = planner->column_types.items[inner[k]];
            ids[k] = wr_planner_column(planner, name, type);
            outputs[columns + k] = (wr_output){.id = ids[k], .type = type, .name = name};
        }
    }
    node->outputs = outputs;
    node->output_count = columns + d->count;
    return WR_OK;
}

/* Literal rows with outer columns: one projection of D per row. */
static weir_status push_values(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot, *all = NULL;
    int columns = node->output_count;
    for (int r = 0; r < node->values.row_count; r++) {
        wr_column_id *own = wr_new_array(planner->arena, wr_column_id, d->count + 1);
        wr_logical *row = wr_logical_new(planner, WR_L_PROJECT, domain_reference(d, own), NULL);
        row->project.bindings = wr_new_array(planner->arena, wr_binding, columns + d->count + 1);
        renaming names = {d, own};
        wr_column_id *feed = wr_new_array(planner->arena, wr_column_id, columns + d->count + 1);
        for (int c = 0; c < columns; c++) {
            wr_expr *value = wr_expr_rewrite(wr_expr_copy(planner->arena, node->values.rows[r][c]),
                                             rename_column, &names);
            feed[c] = wr_planner_column(planner, node->outputs[c].name, node->outputs[c].type);
            wr_unnest_bind(row, feed[c], value);
        }
        for (int k = 0; k < d->count; k++) {
            wr_unnest_bind(row, own[k], wr_unnest_column(planner, own[k]));
            feed[columns + k] = own[k];
        }
        wr_logical_set_outputs(planner, row);
        if (!all) {
            all = wr_logical_new(planner, WR_L_SET, NULL, NULL);
            all->set.op = WR_SET_UNION;
            all->set.is_all = true;
            all->inputs = wr_new_array(planner->arena, wr_logical *, node->values.row_count);
            all->set.columns = wr_new_array(planner->arena, wr_column_id *, node->values.row_count);
        }
        all->inputs[all->input_count] = row;
        all->set.columns[all->input_count++] = feed;
    }
    all->outputs = wr_new_array(planner->arena, wr_output, columns + d->count + 1);
    all->output_count = columns + d->count;
    memcpy(all->outputs, node->outputs, sizeof *node->outputs * (size_t)columns);
    for (int k = 0; k < d->count; k++) {
        const wr_output *model = &d->plan->outputs[k];
        ids[k] = wr_planner_column(planner, model->name, model->type);
        all->outputs[columns + k] =
            (wr_output){.id = ids[k], .type = model->type, .name = model->name};
    }
    *slot = all;
    return WR_OK;
}

/* Makes *slot provide D's columns (ids) beside its own, with nothing below using outer columns. */
static weir_status push(domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    if (!needs_domain(d, node)) {
        bool empty_row =
            node->kind == WR_L_VALUES && node->values.row_count == 1 && node->output_count == 0;
        wr_logical *values = domain_reference(d, ids);
        *slot = empty_row ? values : wr_unnest_join(d->planner, WR_JOIN_INNER, node, values);
        return WR_OK;
    }
    switch (node->kind) {
    case WR_L_FILTER:
    case WR_L_UNNEST:
        WR_TRY(push(d, &node->inputs[0], ids));
        rename_outer(d, node, ids);
        break;
    case WR_L_PROJECT:
        WR_TRY(push_project(d, node, ids));
        break;
    case WR_L_AGGREGATE:
        return push_aggregate(d, slot, ids);
    case WR_L_WINDOW:
        WR_TRY(push_window(d, node, ids));
        break;
    case WR_L_DISTINCT_ON:
        WR_TRY(push(d, &node->inputs[0], ids));
        rename_outer(d, node, ids);
        node->distinct_on.keys =
            with_domain(d, node->distinct_on.keys, node->distinct_on.key_count, ids);
        node->distinct_on.key_count += d->count;
        break;
    case WR_L_SORT:
        WR_TRY(push_sort(d, slot, ids));
        break;
    case WR_L_LIMIT:
        WR_TRY(push_limit(d, slot, ids));
        break;
    case WR_L_ORDINAL:
        WR_TRY(push_ordinal(d, slot, ids));
        break;
    case WR_L_SAMPLE:
        WR_TRY(push_sample(d, slot, ids));
        break;
    case WR_L_JOIN:
        WR_TRY(push_join(d, slot, ids));
        break;
    case WR_L_ASOF_JOIN:
        WR_TRY(push_asof(d, node, ids));
        break;
    case WR_L_SINGLE_ROW:
        return push_single_row(d, slot, ids);
    case WR_L_SHARED:
        return push_shared(d, node, ids);
    case WR_L_RECURSIVE:
        return push_recursive(d, node, ids);
    case WR_L_WORKING:
        append_domain(d, node, ids);
        return WR_OK;
    case WR_L_SET:
        return push_set(d, node, ids);
    case WR_L_VALUES:
        return push_values(d, slot, ids);
    default:
        return wr_fail_at(WR_E_UNSUPPORTED, node->span,
                          "this part of a subquery cannot refer to an outer query");
    }
    wr_logical_set_outputs(d->planner, *slot);
    return WR_OK;
}

static wr_logical *distinct_values(domain *d, wr_logical *left)
{
    wr_planner *planner = d->planner;
    wr_logical *aggregate = wr_logical_new(planner, WR_L_AGGREGATE, left, NULL);
    aggregate->aggregate.keys = wr_new_array(planner->arena, wr_binding, d->count + 1);
    aggregate->aggregate.key_count = aggregate->aggregate.carried_first = d->count;
    for (int i = 0; i < d->count; i++) {
        wr_column_id from = 0;
        for (int k = 0; k < left->output_count; k++)
            if (left->shared.inner[k] == d->outer[i]) from = left->outputs[k].id;
        wr_str name = planner->column_names.items[d->outer[i]];
        const wr_type *type = planner->column_types.items[d->outer[i]];
        aggregate->aggregate.keys[i] =
            (wr_binding){wr_planner_column(planner, name, type), wr_unnest_column(planner, from)};
    }
    wr_logical_set_outputs(planner, aggregate);
    return aggregate;
}

weir_status wr_unnest_domain(wr_planner *planner, wr_logical **slot)
{
    wr_logical *join = *slot;
    domain d = {.planner = planner};
    wr_unnest_correlation(planner, join->inputs[0], join->inputs[1], &d.outer_set);
    if (join->join.kind == WR_JOIN_RIGHT || join->join.kind == WR_JOIN_FULL)
        return wr_fail_at(WR_E_UNSUPPORTED, join->span, "RIGHT and FULL joins cannot be lateral");
    d.outer = wr_new_array(planner->arena, wr_column_id, join->inputs[0]->output_count + 2);
    for (int i = 0; i < join->inputs[0]->output_count; i++)
        if (wr_column_set_has(&d.outer_set, join->inputs[0]->outputs[i].id))
            d.outer[d.count++] = join->inputs[0]->outputs[i].id;
    d.per_row = wr_unnest_is_volatile(join->inputs[1]);
    if (d.per_row) {
        wr_logical *numbered = wr_logical_new(planner, WR_L_ORDINAL, join->inputs[0], NULL);
        numbered->ordinal.id = wr_planner_column(planner, WR_STR("row"), WR_BIGINT);
        wr_logical_set_outputs(planner, numbered);
        d.outer[d.count++] = numbered->ordinal.id;
        join->inputs[0] = numbered;
    }
    if (d.count > 40)
        return wr_fail_at(WR_E_TOO_BIG, join->span,
                          "a subquery refers to more than 40 outer columns");
    wr_logical *left = join->inputs[0];
    int left_id = planner->next_shared++;
    join->inputs[0] = reference(planner, left, left_id, true);
    d.plan = distinct_values(&d, reference(planner, left, left_id, false));
    d.shared_id = planner->next_shared++;
    wr_column_id *ids = wr_new_array(planner->arena, wr_column_id, d.count + 1);
    WR_TRY(push(&d, &join->inputs[1], ids));
    same_domain(&d, join, d.outer, ids);
    wr_logical_set_outputs(planner, join);
    return WR_OK;
}
