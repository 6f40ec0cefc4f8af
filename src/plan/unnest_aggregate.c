/* unnest_aggregate.c - aggregates per value of the domain D (unnest_domain.c).
 *
 * D's columns become keys, in every grouping set. An aggregate without keys, and an empty grouping
 * set, owe a row also to values of D that have no rows: D is joined to the left of the result, and
 * what is missing is filled with what the calls give over no rows. */
#include "plan/unnest_domain.h"

/* What GROUPING(..) gives in the row of the empty grouping set: every key is folded away. */
static wr_expr *grouping_of_none(wr_domain *d, const int *keys)
{
    int64_t mask = 0;
    for (int i = 0; keys[i] >= 0; i++)
        mask = mask << 1 | 1;
    return wr_expr_const(d->planner->arena, wr_value_int(WR_INTEGER, mask));
}

/* D LEFT JOIN aggregate, so that values of D without rows get the row that an aggregate without
 * keys, or the empty one of several grouping sets, owes them. outputs: those the aggregate had. */
static void complete_aggregate(wr_domain *d, wr_logical **slot, wr_column_id *ids,
                               const wr_output *outputs, int keys)
{
    wr_planner *planner = d->planner;
    wr_logical *aggregate = *slot;
    int calls = aggregate->aggregate.call_count, groupings = aggregate->aggregate.grouping_count;
    wr_column_id *whole = wr_new_array(planner->arena, wr_column_id, d->count + 1);
    wr_logical *join =
        wr_unnest_join(planner, WR_JOIN_LEFT, wr_domain_reference(d, whole), aggregate);
    wr_domain_match(d, join, whole, ids);
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
static uint64_t *sets_with_domain(wr_domain *d, wr_logical *node, int *empty)
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
static void repeat_empty_rows(wr_domain *d, wr_logical **slot, wr_column_id marker, int keys,
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

weir_status wr_domain_push_aggregate(wr_domain *d, wr_logical **slot, wr_column_id *ids)
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
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    wr_domain_rename(d, node, ids);
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
