/* unnest_window.c - windows, LIMIT, WITH ORDINALITY and samples per value of the domain D
 * (unnest_domain.c).
 *
 * All of them count rows. Where the whole input was counted, the rows of each value of D are: D's
 * columns become partition keys, and a LIMIT becomes a condition on a row number. */
#include "plan/unnest_domain.h"

weir_status wr_domain_push_window(wr_domain *d, wr_logical *node, wr_column_id *ids)
{
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    wr_domain_rename(d, node, ids);
    for (int i = 0; i < node->window.call_count; i++) {
        wr_window_call *call = &node->window.calls[i];
        call->partition = wr_domain_keys(d, call->partition, call->partition_count, ids);
        call->partition_count += d->count;
    }
    return WR_OK;
}

static weir_status constant_count(wr_domain *d, const wr_expr *e, int64_t none, int64_t *out)
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
static weir_status count_per_domain(wr_domain *d, const wr_column_id *ids, wr_window_call *call)
{
    WR_TRY(wr_bind_aggregate(d->planner->arena, WR_STR("count"), (wr_span){0}, &call->aggregate));
    call->partition = wr_domain_keys(d, NULL, 0, ids);
    call->partition_count = d->count;
    call->frame = (wr_frame){
        .unit = WR_WINDOW_ROWS, .start = WR_UNBOUNDED_PRECEDING, .end = WR_UNBOUNDED_FOLLOWING};
    return WR_OK;
}

/* number - skip <= percent / 100 * total, in DOUBLE. */
static weir_status within_percent(wr_domain *d, const portion *p, wr_column_id number, int64_t skip,
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
static weir_status limit_per_domain(wr_domain *d, wr_logical **slot, wr_logical *input,
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
    calls->partition = wr_domain_keys(d, NULL, 0, ids);
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
static wr_logical *numbered(wr_domain *d, wr_logical *input)
{
    wr_logical *node = wr_logical_new(d->planner, WR_L_ORDINAL, input, NULL);
    node->ordinal.id = wr_planner_column(d->planner, WR_STR("number"), WR_BIGINT);
    wr_logical_set_outputs(d->planner, node);
    return node;
}

static wr_sort_key *sort_by(wr_domain *d, wr_column_id id)
{
    wr_sort_key *key = wr_new(d->planner->arena, wr_sort_key);
    *key = (wr_sort_key){.expr = wr_unnest_column(d->planner, id)};
    return key;
}

/* WITH ORDINALITY counts from 1 for each value of D: the place of a row's number among those. */
weir_status wr_domain_push_ordinal(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_logical *node = *slot;
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    wr_logical *all = numbered(d, node->inputs[0]);
    wr_logical *window = wr_logical_new(planner, WR_L_WINDOW, all, NULL);
    wr_window_call *call = wr_new(planner->arena, wr_window_call);
    WR_TRY(wr_bind_window_fn(planner->arena, WR_STR("row_number"), (wr_span){0}, call));
    call->partition = wr_domain_keys(d, NULL, 0, ids);
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
weir_status wr_domain_push_sample(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_planner *planner = d->planner;
    wr_arena *arena = planner->arena;
    wr_logical *node = *slot;
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
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

weir_status wr_domain_push_sort(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    wr_domain_rename(d, node, ids);
    if (!node->sort.limit && !node->sort.offset) return WR_OK;
    const portion sorted = {.limit = node->sort.limit,
                            .offset = node->sort.offset,
                            .keys = node->sort.keys,
                            .key_count = node->sort.key_count};
    return limit_per_domain(d, slot, node->inputs[0], ids, &sorted);
}

weir_status wr_domain_push_limit(wr_domain *d, wr_logical **slot, wr_column_id *ids)
{
    wr_logical *node = *slot;
    wr_logical *below = node->inputs[0];
    bool sorted = below->kind == WR_L_SORT && !below->sort.limit && !below->sort.offset;
    WR_TRY(wr_domain_push(d, &node->inputs[0], ids));
    wr_domain_rename(d, node, ids);
    const portion p = {.limit = node->limit.count,
                       .offset = node->limit.offset,
                       .is_percent = node->limit.is_percent,
                       .keys = sorted ? below->sort.keys : NULL,
                       .key_count = sorted ? below->sort.key_count : 0};
    return limit_per_domain(d, slot, node->inputs[0], ids, &p);
}
