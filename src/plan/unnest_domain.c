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
#include "base/stack.h"
#include "plan/shared.h"
#include "plan/unnest_domain.h"

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

static bool needs_domain(const wr_domain *d, const wr_logical *node);

/* ---- references to D ---- */

wr_logical *wr_domain_reference(wr_domain *d, wr_column_id *ids)
{
    wr_logical *node = wr_shared_reference(d->planner, d->plan, d->shared_id, false);
    for (int i = 0; i < d->count; i++)
        ids[i] = node->outputs[i].id;
    return node;
}

/* ---- outer columns in a node's own expressions become D's columns ---- */

typedef struct renaming {
    wr_domain *d;
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

void wr_domain_rename(wr_domain *d, wr_logical *node, const wr_column_id *ids)
{
    renaming r = {d, ids};
    wr_logical_each_expr(node, rename_slot, &r);
}

void wr_domain_match(wr_domain *d, wr_logical *join, const wr_column_id *left,
                     const wr_column_id *right)
{
    for (int i = 0; i < d->count; i++)
        wr_unnest_add_condition(d->planner, join,
                                wr_expr_compare(d->planner->arena, WR_NOT_DISTINCT,
                                                wr_unnest_column(d->planner, left[i]),
                                                wr_unnest_column(d->planner, right[i])));
}

wr_expr **wr_domain_keys(wr_domain *d, wr_expr **keys, int count, const wr_column_id *ids)
{
    wr_expr **all = wr_new_array(d->planner->arena, wr_expr *, count + d->count + 1);
    for (int i = 0; i < d->count; i++)
        all[i] = wr_unnest_column(d->planner, ids[i]);
    if (count) memcpy(all + d->count, keys, sizeof *all * (size_t)count);
    return all;
}

/* ---- nodes ---- */

static weir_status push_project(wr_domain *d, wr_logical *node, wr_column_id *ids)
{
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    wr_domain_rename(d, node, ids);
    wr_binding *own = node->project.bindings;
    int count = node->project.count;
    node->project.bindings = wr_new_array(d->planner->arena, wr_binding, count + d->count + 1);
    memcpy(node->project.bindings, own, sizeof *own * (size_t)count);
    for (int i = 0; i < d->count; i++)
        wr_unnest_bind(node, ids[i], wr_unnest_column(d->planner, ids[i]));
    return WR_OK;
}

/* D on both sides; a row without partner has D on one side only. */
static weir_status push_full_join(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot;
    wr_column_id *sides[2];
    for (int side = 0; side < 2; side++) {
        sides[side] = wr_new_array(planner->arena, wr_column_id, d->count + 1);
        WR_TRY(wr_domain_push(d, &node->inputs[side], sides[side]));
    }
    wr_domain_rename(d, node, sides[0]);
    wr_domain_match(d, node, sides[0], sides[1]);
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

static weir_status push_join(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    bool left = needs_domain(d, node->inputs[0]);
    bool right = needs_domain(d, node->inputs[1]);
    wr_column_id *others = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    switch (node->join.kind) {
    case WR_JOIN_FULL:
        return push_full_join(d, slot, ids);
    case WR_JOIN_RIGHT:
        WR_TRY(wr_domain_push(d, &node->inputs[1], ids));
        if (left) WR_TRY(wr_domain_push(d, &node->inputs[0], others));
        break;
    case WR_JOIN_INNER:
        if (right && !left) {
            WR_TRY(wr_domain_push(d, &node->inputs[1], ids));
            wr_domain_rename(d, node, ids);
            return WR_OK;
        }
        __attribute__((fallthrough));
    default:
        WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
        if (right) WR_TRY(wr_domain_push(d, &node->inputs[1], others));
    }
    wr_domain_rename(d, node, ids);
    bool both = node->join.kind == WR_JOIN_RIGHT ? left : right;
    if (both) wr_domain_match(d, node, ids, others);
    return WR_OK;
}

/* The nearest row is looked for among those of the same value of D. */
static weir_status push_asof(wr_domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_arena *arena = d->planner->arena;
    wr_column_id *others = wr_new_array(arena, wr_column_id, d->count + 1);
    int count = node->asof.condition_count;
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    WR_TRY(wr_domain_push(d, &node->inputs[1], others));
    wr_domain_rename(d, node, ids);
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
static weir_status push_single_row(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    wr_column_id *own = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    WR_TRY(wr_domain_push(d, &node->inputs[0], own));
    *slot =
        wr_unnest_join(d->planner, WR_JOIN_SINGLE, wr_domain_reference(d, ids), node->inputs[0]);
    wr_domain_match(d, *slot, ids, own);
    return WR_OK;
}

/* ---- shared and recursive parts ---- */

static void append_domain(wr_domain *d, wr_logical *node, wr_column_id *ids)
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

static wr_column_id *append_ids(wr_domain *d, const wr_column_id *own, int count,
                                const wr_column_id *more)
{
    wr_column_id *all = wr_new_array(d->planner->arena, wr_column_id, count + d->count + 1);
    if (count) memcpy(all, own, sizeof *all * (size_t)count);
    memcpy(all + count, more, sizeof *all * (size_t)d->count);
    return all;
}

static weir_status push_shared(wr_domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_domain_extended *known = d->extended;
    while (known && known->shared_id != node->shared.id)
        known = known->next;
    if (!known) {
        known = wr_new(d->planner->arena, wr_domain_extended);
        known->shared_id = node->shared.id;
        known->definition = node->inputs[0];
        known->ids = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
        WR_TRY(wr_domain_push(d, &known->definition, known->ids));
        known->next = d->extended;
        d->extended = known;
    }
    node->inputs[0] = known->definition;
    node->shared.inner = append_ids(d, node->shared.inner, node->output_count, known->ids);
    append_domain(d, node, ids);
    return WR_OK;
}

static weir_status push_recursive(wr_domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_column_id *start = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    wr_column_id *step = wr_new_array(d->planner->arena, wr_column_id, d->count + 1);
    wr_domain_recursion here = {d->open, node->recursive.id};
    WR_TRY(wr_domain_push(d, &node->inputs[0], start));
    d->open = &here;
    weir_status bad = wr_domain_push(d, &node->inputs[1], step);
    d->open = here.around;
    if (bad) return bad;
    node->recursive.start = append_ids(d, node->recursive.start, node->output_count, start);
    node->recursive.step = append_ids(d, node->recursive.step, node->output_count, step);
    append_domain(d, node, ids);
    return WR_OK;
}

/* Reads the working table of an open recursion, or a SHARED subplan that has D by now (its
 * definition no longer looks as if it needed it). */
static bool reads_extended(const wr_domain *d, const wr_logical *node, wr_column_set *seen)
{
    if (node->kind == WR_L_WORKING)
        for (const wr_domain_recursion *r = d->open; r; r = r->around)
            if (r->id == node->working.id) return true;
    if (node->kind == WR_L_SHARED) {
        for (const wr_domain_extended *e = d->extended; e; e = e->next)
            if (e->shared_id == node->shared.id) return true;
        if (wr_column_set_has(seen, (wr_column_id)node->shared.id)) return false;
        wr_column_set_add(d->planner->arena, seen, (wr_column_id)node->shared.id);
    }
    for (int i = 0; i < node->input_count; i++)
        if (reads_extended(d, node->inputs[i], seen)) return true;
    return false;
}

/* Something in the subtree depends on the value of D. */
static bool needs_domain(const wr_domain *d, const wr_logical *node)
{
    wr_column_set seen = {0};
    if (wr_unnest_uses(d->planner, node, &d->outer_set)) return true;
    if (d->per_row && wr_unnest_is_volatile((wr_logical *)node)) return true;
    return (d->open || d->extended) && reads_extended(d, node, &seen);
}

static weir_status push_set(wr_domain *d, wr_logical *node, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    int columns = node->output_count;
    wr_output *outputs = wr_new_array(planner->arena, wr_output, columns + d->count + 1);
    memcpy(outputs, node->outputs, sizeof *outputs * (size_t)columns);
    for (int i = 0; i < node->input_count; i++) {
        wr_column_id *inner = wr_new_array(planner->arena, wr_column_id, d->count + 1);
        WR_TRY(wr_domain_push(d, &node->inputs[i], inner));
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
static weir_status push_values(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot, *all = NULL;
    int columns = node->output_count;
    for (int r = 0; r < node->values.row_count; r++) {
        wr_column_id *own = wr_new_array(planner->arena, wr_column_id, d->count + 1);
        wr_logical *row = wr_logical_new(planner, WR_L_PROJECT, wr_domain_reference(d, own), NULL);
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

weir_status wr_domain_push(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    WR_TRY(wr_stack_check(WR_STACK_FOR_WALKS, node->span));
    if (!needs_domain(d, node)) {
        bool empty_row =
            node->kind == WR_L_VALUES && node->values.row_count == 1 && node->output_count == 0;
        wr_logical *values = wr_domain_reference(d, ids);
        *slot = empty_row ? values : wr_unnest_join(d->planner, WR_JOIN_INNER, node, values);
        return WR_OK;
    }
    switch (node->kind) {
    case WR_L_FILTER:
    case WR_L_UNNEST:
        WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
        wr_domain_rename(d, node, ids);
        break;
    case WR_L_TIME_WINDOW:
        WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
        wr_domain_rename(d, node, ids);
        if (node->time_window.kind == WR_TIME_SESSION) {
            node->time_window.partition = wr_domain_keys(d, node->time_window.partition,
                                                         node->time_window.partition_count, ids);
            node->time_window.partition_count += d->count;
        }
        break;
    case WR_L_PROJECT:
        WR_TRY(push_project(d, node, ids));
        break;
    case WR_L_AGGREGATE:
        return wr_domain_push_aggregate(d, slot, ids);
    case WR_L_WINDOW:
        WR_TRY(wr_domain_push_window(d, node, ids));
        break;
    case WR_L_DISTINCT_ON:
        WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
        wr_domain_rename(d, node, ids);
        node->distinct_on.keys =
            wr_domain_keys(d, node->distinct_on.keys, node->distinct_on.key_count, ids);
        node->distinct_on.key_count += d->count;
        break;
    case WR_L_SORT:
        WR_TRY(wr_domain_push_sort(d, slot, ids));
        break;
    case WR_L_LIMIT:
        WR_TRY(wr_domain_push_limit(d, slot, ids));
        break;
    case WR_L_ORDINAL:
        WR_TRY(wr_domain_push_ordinal(d, slot, ids));
        break;
    case WR_L_SAMPLE:
        WR_TRY(wr_domain_push_sample(d, slot, ids));
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

static wr_logical *distinct_values(wr_domain *d, wr_logical *left)
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
    wr_domain d = {.planner = planner};
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
    join->inputs[0] = wr_shared_reference(planner, left, left_id, true);
    d.plan = distinct_values(&d, wr_shared_reference(planner, left, left_id, false));
    d.shared_id = planner->next_shared++;
    wr_column_id *ids = wr_new_array(planner->arena, wr_column_id, d.count + 1);
    WR_TRY(wr_domain_push(&d, &join->inputs[1], ids));
    wr_domain_match(&d, join, d.outer, ids);
    wr_logical_set_outputs(planner, join);
    return WR_OK;
}
