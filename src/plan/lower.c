/* lower.c - logical plan to physical plan: ids become positions, unneeded columns disappear.
 *
 * Each node is lowered with the set of columns its parents need, so scans read only what is used.
 * What comes back says at which position each id stands; projections that only rename cost nothing:
 * the id moves to another position. A plan is lowered as the rules left it; a subquery or a lateral
 * join that is still there was not unnested, which is reported as unsupported rather than answered
 * wrongly. Positions and expressions: lower_place.c; scans and joins: files of their own. */
#include "plan/lower.h"

static wr_column_set set_of(wr_lowering *l, const wr_column_id *ids, int count)
{
    wr_column_set set = {0};
    for (int i = 0; i < count; i++)
        wr_column_set_add(l->planner->arena, &set, ids[i]);
    return set;
}

/* A node that hands its input's columns on. */
static wr_lowered passed(wr_plan_node *node, const wr_lowered *in)
{
    wr_lowered out = *in;
    out.plan = node;
    node->schema = in->plan->schema;
    return out;
}

/* ---- node kinds ---- */
static weir_status lower_values(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    WR_LIST(wr_column_id) ids = {0};
    int *from = wr_new_array(arena, int, node->output_count + 1);
    for (int i = 0; i < node->output_count; i++)
        if (wr_column_set_has(needed, node->outputs[i].id)) {
            from[ids.count] = i;
            wr_push(arena, &ids, node->outputs[i].id);
        }
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_VALUES, node, NULL, NULL);
    int rows = node->kind == WR_L_EMPTY ? 0 : node->values.row_count;
    plan->values.row_count = rows;
    plan->values.rows = wr_new_array(arena, wr_expr **, rows + 1);
    for (int r = 0; r < rows; r++) {
        plan->values.rows[r] = wr_new_array(arena, wr_expr *, ids.count + 1);
        for (int i = 0; i < ids.count; i++)
            WR_TRY(wr_lower_expr(l, node->values.rows[r][from[i]], NULL, NULL,
                                 &plan->values.rows[r][i]));
    }
    wr_plan_schema(l, plan, ids.items, ids.count);
    *out = wr_lowered_as(l, plan, ids.items, ids.count);
    return WR_OK;
}

static weir_status filter_above(wr_lowering *l, const wr_logical *node, wr_expr **conjuncts,
                                int count, wr_lowered *io)
{
    wr_expr **parts;
    if (!count) return WR_OK;
    WR_TRY(wr_lower_exprs(l, conjuncts, count, io, &parts));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_FILTER, node, io->plan, NULL);
    plan->filter.condition = wr_expr_and(l->planner->arena, parts, count);
    *io = passed(plan, io);
    return WR_OK;
}

int64_t wr_rows_let_through(const wr_expr *e, wr_column_id column)
{
    if (e->kind != WR_X_COMPARE) return -1;
    const wr_expr *a = e->args[0], *b = e->args[1];
    wr_compare_op op = (wr_compare_op)e->op;
    if (a->kind == WR_X_CONST) {
        a = e->args[1], b = e->args[0];
        op = wr_compare_mirrored(op);
    }
    if (a->kind != WR_X_COLUMN || a->column != column || b->kind != WR_X_CONST) return -1;
    if (b->value.is_null || b->value.type != WR_BIGINT) return -1;
    int64_t top = b->value.i64;
    if (op == WR_LT) return top > 0 ? top - 1 : 0;
    return op == WR_LE || op == WR_EQ ? WR_MAX(top, 0) : -1;
}

/* A filter of ranks tells their window how many rows of each partition it needs to give. */
static void limit_ranks(const wr_logical *filter, wr_logical *window)
{
    if (window->kind != WR_L_WINDOW || window->window.call_count != 1) return;
    const wr_window_fn *fn = window->window.calls[0].fn;
    bool is_rank =
        fn && (fn->kind == WR_W_ROW_NUMBER || fn->kind == WR_W_RANK || fn->kind == WR_W_DENSE_RANK);
    wr_column_id id = window->outputs[window->output_count - 1].id;
    for (int i = 0; is_rank && i < filter->filter.count; i++) {
        int64_t top = wr_rows_let_through(filter->filter.conjuncts[i], id);
        int64_t *known = &window->window.top_rows;
        if (top >= 0 && (*known < 0 || top < *known)) *known = top;
    }
}

/* Conjuncts right above a scan go into it, except volatile ones. */
static weir_status lower_filter(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    int count = node->filter.count, in_count = 0, stay_count = 0;
    if (node->inputs[0]->kind != WR_L_SCAN) {
        limit_ranks(node, node->inputs[0]);
        wr_column_set needs = wr_lower_needs(l, node, needed);
        WR_TRY(wr_lower_node(l, node->inputs[0], &needs, out));
        return filter_above(l, node, node->filter.conjuncts, count, out);
    }
    wr_expr **in = wr_new_array(arena, wr_expr *, count + 1),
            **stay = wr_new_array(arena, wr_expr *, count + 1);
    wr_column_set needs = {0};
    wr_column_set_add_all(arena, &needs, needed);
    for (int i = 0; i < count; i++) {
        wr_expr *e = node->filter.conjuncts[i];
        if (!wr_expr_is_volatile(e) && !wr_expr_has_subquery(e)) {
            in[in_count++] = e;
            continue;
        }
        stay[stay_count++] = e;
        wr_expr_columns(arena, e, &needs);
    }
    WR_TRY(wr_lower_scan(l, node->inputs[0], in, in_count, &needs, out));
    out->plan->estimated_rows = node->rows;
    return filter_above(l, node, stay, stay_count, out);
}

static weir_status lower_project(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                 wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    wr_column_set needs = {0};
    WR_LIST(wr_binding) kept = {0};
    bool renames = true;
    for (int i = 0; i < node->project.count; i++) {
        wr_binding *binding = &node->project.bindings[i];
        if (!wr_column_set_has(needed, binding->id)) continue;
        wr_push(arena, &kept, *binding);
        renames = renames && binding->expr->kind == WR_X_COLUMN;
        wr_expr_columns(arena, binding->expr, &needs);
    }
    wr_lowered in;
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, &in));
    out->places = wr_new_array(arena, wr_place, kept.count + 1);
    out->count = kept.count;
    if (renames) {
        out->plan = in.plan;
        for (int i = 0; i < kept.count; i++) {
            wr_expr *e;
            WR_TRY(wr_lower_expr(l, kept.items[i].expr, &in, NULL, &e));
            out->places[i] = (wr_place){kept.items[i].id, (int)e->column};
        }
        return WR_OK;
    }
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_PROJECT, node, in.plan, NULL);
    wr_column_id *ids = wr_new_array(arena, wr_column_id, kept.count + 1);
    plan->project.exprs = wr_new_array(arena, wr_expr *, kept.count + 1);
    for (int i = 0; i < kept.count; i++) {
        ids[i] = kept.items[i].id;
        WR_TRY(wr_lower_expr(l, kept.items[i].expr, &in, NULL, &plan->project.exprs[i]));
    }
    wr_plan_schema(l, plan, ids, kept.count);
    *out = wr_lowered_as(l, plan, ids, kept.count);
    return WR_OK;
}

/* All keys stay (they make the groups); calls nobody reads and carried columns nobody reads are
 * dropped. */
static weir_status lower_aggregate(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                   wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    int keys = node->aggregate.key_count, calls = node->aggregate.call_count;
    WR_LIST(wr_column_id) ids = {0};
    WR_LIST(wr_expr *) key_exprs = {0};
    WR_LIST(wr_aggregate_call) kept = {0};
    wr_column_set needs = {0};
    for (int i = 0; i < keys; i++) {
        wr_binding *key = &node->aggregate.keys[i];
        if (i >= node->aggregate.carried_first && !wr_column_set_has(needed, key->id)) continue;
        wr_push(arena, &key_exprs, key->expr);
        wr_push(arena, &ids, key->id);
        wr_expr_columns(arena, key->expr, &needs);
    }
    for (int i = 0; i < calls; i++) {
        wr_aggregate_call *call = &node->aggregate.calls[i];
        wr_column_id id = node->outputs[keys + i].id;
        if (!wr_column_set_has(needed, id)) continue;
        wr_push(arena, &kept, *call);
        wr_push(arena, &ids, id);
        for (int a = 0; a < call->arg_count; a++)
            wr_expr_columns(arena, call->args[a], &needs);
        if (call->filter) wr_expr_columns(arena, call->filter, &needs);
        for (int o = 0; o < call->order_count; o++)
            wr_expr_columns(arena, call->order[o].expr, &needs);
    }
    wr_lowered in;
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, &in));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_AGGREGATE, node, in.plan, NULL);
    plan->aggregate.key_count = key_exprs.count;
    WR_TRY(wr_lower_exprs(l, key_exprs.items, key_exprs.count, &in, &plan->aggregate.keys));
    for (int i = 0; i < kept.count; i++)
        WR_TRY(wr_lower_call(l, &kept.items[i], &in));
    plan->aggregate.calls = kept.items;
    plan->aggregate.call_count = kept.count;
    plan->aggregate.sets = node->aggregate.sets;
    plan->aggregate.set_count = node->aggregate.set_count;
    plan->aggregate.grouping_keys = node->aggregate.grouping_keys;
    plan->aggregate.grouping_count = node->aggregate.grouping_count;
    plan->aggregate.carried_first = WR_MIN(node->aggregate.carried_first, key_exprs.count);
    plan->aggregate.estimated_groups = node->rows;
    for (int i = 0; i < node->aggregate.grouping_count; i++)
        wr_push(arena, &ids, node->outputs[keys + calls + i].id);
    wr_plan_schema(l, plan, ids.items, ids.count);
    *out = wr_lowered_as(l, plan, ids.items, ids.count);
    return WR_OK;
}

static weir_status append_windows(wr_lowering *l, const wr_logical *node,
                                  const wr_window_call *calls, int count, const wr_column_id *ids,
                                  int64_t top_rows, wr_lowered *io)
{
    wr_arena *arena = l->planner->arena;
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_WINDOW, node, io->plan, NULL);
    int before = io->plan->schema.count;
    plan->window.calls = wr_new_array(arena, wr_window_call, count);
    plan->window.call_count = count;
    plan->window.top_rows = top_rows;
    for (int i = 0; i < count; i++) {
        wr_window_call *call = &plan->window.calls[i];
        *call = calls[i];
        WR_TRY(wr_lower_call(l, &call->aggregate, io));
        WR_TRY(wr_lower_exprs(l, call->partition, call->partition_count, io, &call->partition));
        WR_TRY(wr_lower_keys(l, call->order, call->order_count, io, &call->order));
        WR_TRY(wr_lower_expr(l, call->frame.start_offset, io, NULL, &call->frame.start_offset));
        WR_TRY(wr_lower_expr(l, call->frame.end_offset, io, NULL, &call->frame.end_offset));
    }
    plan->schema.count = before + count;
    plan->schema.fields = wr_new_array(arena, wr_field, before + count);
    if (before)
        memcpy(plan->schema.fields, io->plan->schema.fields, sizeof(wr_field) * (size_t)before);
    wr_place *places = wr_new_array(arena, wr_place, io->count + count);
    if (io->count) memcpy(places, io->places, sizeof *places * (size_t)io->count);
    for (int i = 0; i < count; i++) {
        plan->schema.fields[before + i] = (wr_field){l->planner->column_names.items[ids[i]],
                                                     l->planner->column_types.items[ids[i]]};
        places[io->count + i] = (wr_place){ids[i], before + i};
    }
    *io = (wr_lowered){plan, places, io->count + count};
    return WR_OK;
}

static weir_status lower_window(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    int calls = node->window.call_count, kept = 0;
    wr_window_call *keep = wr_new_array(arena, wr_window_call, calls);
    wr_column_id *ids = wr_new_array(arena, wr_column_id, calls);
    for (int i = 0; i < calls; i++) {
        wr_column_id id = node->outputs[node->output_count - calls + i].id;
        if (!wr_column_set_has(needed, id)) continue;
        ids[kept] = id;
        keep[kept++] = node->window.calls[i];
    }
    if (!kept) return wr_lower_node(l, node->inputs[0], needed, out);
    wr_logical narrowed = *node;
    narrowed.window.calls = keep;
    narrowed.window.call_count = kept;
    wr_column_set needs = wr_lower_needs(l, &narrowed, needed);
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, out));
    WR_TRY(wr_lower_trim(l, &needs, out));
    return append_windows(l, node, keep, kept, ids, node->window.top_rows, out);
}

/* The first row per key: row_number() OVER (PARTITION BY keys ORDER BY order) = 1. */
static weir_status lower_distinct_on(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                     wr_lowered *out)
{
    wr_planner *planner = l->planner;
    wr_window_call call = {.partition = node->distinct_on.keys,
                           .partition_count = node->distinct_on.key_count,
                           .order = node->distinct_on.order,
                           .order_count = node->distinct_on.order_count,
                           .frame = {.unit = WR_WINDOW_ROWS, .end = WR_CURRENT_ROW}};
    WR_TRY(wr_bind_window_fn(planner->arena, WR_STR("row_number"), node->span, &call));
    wr_column_set needs = wr_lower_needs(l, node, needed);
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, out));
    WR_TRY(wr_lower_trim(l, &needs, out));
    wr_column_id id = wr_planner_column(planner, WR_STR("row_number"), call.aggregate.type);
    WR_TRY(append_windows(l, node, &call, 1, &id, 1, out));
    wr_expr *first = wr_expr_compare(
        planner->arena, WR_EQ, wr_expr_column(planner->arena, id, call.aggregate.type),
        wr_expr_const(planner->arena, wr_value_int(call.aggregate.type, 1)));
    return filter_above(l, node, &first, 1, out);
}

static weir_status lower_sort(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                              wr_lowered *out)
{
    wr_column_set needs = wr_lower_needs(l, node, needed);
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, out));
    WR_TRY(wr_lower_trim(l, &needs, out));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_SORT, node, out->plan, NULL);
    WR_TRY(wr_lower_keys(l, node->sort.keys, node->sort.key_count, out, &plan->sort.keys));
    plan->sort.key_count = node->sort.key_count;
    plan->sort.limit = node->sort.limit;
    plan->sort.offset = node->sort.offset;
    plan->sort.threshold = node->sort.threshold;
    *out = passed(plan, out);
    return WR_OK;
}

static int64_t constant_or(const wr_expr *e, int64_t otherwise)
{
    return e && e->kind == WR_X_CONST && !e->value.is_null ? e->value.i64 : otherwise;
}

static weir_status lower_limit(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                               wr_lowered *out)
{
    WR_TRY(wr_lower_node(l, node->inputs[0], needed, out));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_LIMIT, node, out->plan, NULL);
    plan->limit.count = node->limit.count;
    plan->limit.offset = node->limit.offset;
    plan->limit.is_percent = node->limit.is_percent;
    int64_t count = constant_or(node->limit.count, -1),
            offset = constant_or(node->limit.offset, node->limit.offset ? -1 : 0);
    if (out->plan->kind == WR_PN_SCAN && !node->limit.is_percent && count >= 0 && offset >= 0 &&
        count <= INT64_MAX - offset)
        out->plan->scan.limit = count + offset;
    *out = passed(plan, out);
    return WR_OK;
}

static weir_status lower_set(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                             wr_lowered *out)
{
    static const wr_phys_kind kinds[] = {[WR_SET_UNION] = WR_PN_UNION,
                                         [WR_SET_INTERSECT] = WR_PN_INTERSECT,
                                         [WR_SET_EXCEPT] = WR_PN_EXCEPT};
    wr_arena *arena = l->planner->arena;
    wr_plan_node *plan = wr_plan_node_new(l, kinds[node->set.op], node, NULL, NULL);
    wr_column_id *ids = wr_new_array(arena, wr_column_id, node->output_count + 1);
    int *from = wr_new_array(arena, int, node->output_count + 1), count = 0;
    for (int i = 0; i < node->output_count; i++) {
        if (node->set.op == WR_SET_UNION && !wr_column_set_has(needed, node->outputs[i].id))
            continue;
        from[count] = i;
        ids[count++] = node->outputs[i].id;
    }
    plan->setop.is_all = node->set.is_all;
    plan->input_count = node->input_count;
    plan->inputs = wr_new_array(arena, wr_plan_node *, node->input_count);
    for (int i = 0; i < node->input_count; i++) {
        wr_column_id *input_ids = wr_new_array(arena, wr_column_id, count + 1);
        for (int c = 0; c < count; c++)
            input_ids[c] = node->set.columns[i][from[c]];
        wr_column_set needs = set_of(l, input_ids, count);
        wr_lowered in;
        WR_TRY(wr_lower_node(l, node->inputs[i], &needs, &in));
        WR_TRY(wr_lower_arrange(l, &in, input_ids, count, &in));
        plan->inputs[i] = in.plan;
    }
    wr_plan_schema(l, plan, ids, count);
    *out = wr_lowered_as(l, plan, ids, count);
    return WR_OK;
}

static weir_status lower_unnest(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    wr_column_set needs = wr_lower_needs(l, node, needed);
    wr_lowered in;
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, &in));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_UNNEST, node, in.plan, NULL);
    WR_LIST(wr_column_id) ids = {0};
    WR_LIST(int) carried = {0};
    for (int i = 0; i < in.count; i++) {
        if (!wr_column_set_has(needed, in.places[i].id)) continue;
        wr_push(arena, &ids, in.places[i].id);
        wr_push(arena, &carried, in.places[i].position);
    }
    plan->unnest.carried = carried.items;
    plan->unnest.carried_count = carried.count;
    plan->unnest.list_count = node->unnest.list_count;
    WR_TRY(
        wr_lower_exprs(l, node->unnest.lists, node->unnest.list_count, &in, &plan->unnest.lists));
    for (int i = 0; i < node->unnest.list_count; i++)
        wr_push(arena, &ids, node->unnest.ids[i]);
    plan->unnest.keep_empty = node->unnest.keep_empty;
    plan->unnest.with_ordinality = node->unnest.with_ordinality;
    if (node->unnest.with_ordinality) wr_push(arena, &ids, node->unnest.ordinality);
    wr_plan_schema(l, plan, ids.items, ids.count);
    *out = wr_lowered_as(l, plan, ids.items, ids.count);
    return WR_OK;
}

static weir_status lower_shared(wr_lowering *l, wr_logical *node, wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    int at = 0;
    while (at < l->shared_ids.count && l->shared_ids.items[at] != node->shared.id)
        at++;
    if (at == l->shared_ids.count) {
        wr_column_set needs = {0};
        wr_lowered in;
        wr_logical_provided(arena, node->inputs[0], &needs);
        WR_TRY(wr_lower_node(l, node->inputs[0], &needs, &in));
        wr_push(arena, &l->shared_ids, node->shared.id);
        wr_push(arena, &l->shared_places, in);
    }
    const wr_lowered *in = NULL;
    for (int i = 0; i < l->shared_ids.count; i++)
        if (l->shared_ids.items[i] == node->shared.id) in = &l->shared_places.items[i];
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_SHARED, node, in->plan, NULL);
    plan->shared.id = node->shared.id;
    *out = passed(plan, in);
    out->places = wr_new_array(arena, wr_place, node->output_count + 1);
    out->count = node->output_count;
    for (int i = 0; i < node->output_count; i++)
        out->places[i] = (wr_place){node->outputs[i].id, wr_place_of(in, node->shared.inner[i])};
    return WR_OK;
}

static weir_status lower_recursive(wr_lowering *l, wr_logical *node, wr_lowered *out)
{
    int count = node->output_count;
    wr_column_id *columns[2] = {node->recursive.start, node->recursive.step};
    wr_lowered parts[2];
    for (int i = 0; i < 2; i++) {
        wr_column_set needs = set_of(l, columns[i], count);
        WR_TRY(wr_lower_node(l, node->inputs[i], &needs, &parts[i]));
        WR_TRY(wr_lower_arrange(l, &parts[i], columns[i], count, &parts[i]));
    }
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_RECURSIVE, node, parts[0].plan, parts[1].plan);
    plan->recursive.id = node->recursive.id;
    plan->recursive.is_all = node->recursive.is_all;
    plan->recursive.max_steps = -1;
    wr_column_id *ids = wr_new_array(l->planner->arena, wr_column_id, count + 1);
    for (int i = 0; i < count; i++)
        ids[i] = node->outputs[i].id;
    wr_plan_schema(l, plan, ids, count);
    *out = wr_lowered_as(l, plan, ids, count);
    return WR_OK;
}

static wr_lowered lower_working(wr_lowering *l, wr_logical *node)
{
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_WORKING, node, NULL, NULL);
    wr_column_id *ids = wr_new_array(l->planner->arena, wr_column_id, node->output_count + 1);
    for (int i = 0; i < node->output_count; i++)
        ids[i] = node->outputs[i].id;
    plan->shared.id = node->working.id;
    wr_plan_schema(l, plan, ids, node->output_count);
    return wr_lowered_as(l, plan, ids, node->output_count);
}

static weir_status lower_ordinal(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                 wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    WR_TRY(wr_lower_node(l, node->inputs[0], needed, out));
    int before = out->plan->schema.count;
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_ORDINAL, node, out->plan, NULL);
    plan->schema.count = before + 1;
    plan->schema.fields = wr_new_array(arena, wr_field, before + 1);
    if (before)
        memcpy(plan->schema.fields, out->plan->schema.fields, sizeof(wr_field) * (size_t)before);
    plan->schema.fields[before] =
        (wr_field){l->planner->column_names.items[node->ordinal.id], WR_BIGINT};
    wr_place *places = wr_new_array(arena, wr_place, out->count + 1);
    if (out->count) memcpy(places, out->places, sizeof *places * (size_t)out->count);
    places[out->count] = (wr_place){node->ordinal.id, before};
    *out = (wr_lowered){plan, places, out->count + 1};
    return WR_OK;
}

static weir_status lower_sample(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                wr_lowered *out)
{
    WR_TRY(wr_lower_node(l, node->inputs[0], needed, out));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_SAMPLE, node, out->plan, NULL);
    plan->sample.fraction = node->sample.fraction;
    plan->sample.rows = node->sample.rows;
    plan->sample.seed = node->sample.seed;
    plan->sample.is_block = node->sample.is_block;
    plan->sample.has_seed = node->sample.has_seed;
    *out = passed(plan, out);
    return WR_OK;
}

/* plan, started when build has been read to its end: build is the other side of a join that every
 * row passes. It has one row. */
static wr_plan_node *run_after(wr_lowering *l, const wr_logical *node, const wr_lowered *in,
                               wr_plan_node *build)
{
    wr_arena *arena = l->planner->arena;
    wr_plan_node *join = wr_plan_node_new(l, WR_PN_JOIN, node, in->plan, build);
    int width = in->plan->schema.count;
    join->join.kind = WR_JOIN_INNER;
    int *output = wr_new_array(arena, int, width + 1);
    for (int i = 0; i < width; i++)
        output[i] = i;
    join->join.output = output;
    join->join.publish = wr_new_array(arena, wr_runtime_filter *, 1);
    return join;
}

static weir_status lower_after(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                               wr_lowered *out)
{
    wr_column_set none = {0};
    wr_lowered before;
    WR_TRY(wr_lower_node(l, node->inputs[1], &none, &before));
    WR_TRY(wr_lower_node(l, node->inputs[0], needed, out));
    wr_plan_node *join = run_after(l, node, out, before.plan);
    *out = passed(join, out);
    return WR_OK;
}

/* RETURNING: the changed rows are scanned after the sink has finished, because it is the build side
 * of a join. */
static weir_status lower_returned(wr_lowering *l, wr_logical *node, wr_plan_node *sink,
                                  const wr_column_set *needed, wr_lowered *out)
{
    wr_arena *arena = l->planner->arena;
    wr_logical scan = {.kind = WR_L_SCAN,
                       .outputs = node->outputs,
                       .output_count = node->output_count,
                       .rows = -1};
    scan.scan.relation = node->sink.returned;
    scan.scan.limit = -1;
    scan.scan.name = WR_STR("changed rows");
    scan.scan.columns = wr_new_array(arena, int, node->output_count + 1);
    for (int i = 0; i < node->output_count; i++)
        scan.scan.columns[i] = i;
    WR_TRY(wr_lower_scan(l, &scan, NULL, 0, needed, out));
    wr_plan_node *join = run_after(l, node, out, sink);
    *out = passed(join, out);
    return WR_OK;
}

static weir_status lower_sink(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                              wr_lowered *out)
{
    wr_column_set needs = set_of(l, node->sink.columns, node->sink.column_count);
    wr_lowered in;
    WR_TRY(wr_lower_node(l, node->inputs[0], &needs, &in));
    WR_TRY(wr_lower_arrange(l, &in, node->sink.columns, node->sink.column_count, &in));
    wr_plan_node *plan = wr_plan_node_new(l, WR_PN_SINK, node, in.plan, NULL);
    plan->sink.sink = node->sink.sink;
    if (node->sink.returned) {
        wr_column_id count = wr_planner_column(l->planner, WR_STR("Count"), WR_BIGINT);
        wr_plan_schema(l, plan, &count, 1);
        return lower_returned(l, node, plan, needed, out);
    }
    wr_plan_schema(l, plan, &node->outputs[0].id, 1);
    *out = wr_lowered_as(l, plan, &node->outputs[0].id, 1);
    return WR_OK;
}

weir_status wr_lower_node(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                          wr_lowered *out)
{
    WR_TRY(wr_stack_check(WR_STACK_FOR_WALKS, node->span));
    switch (node->kind) {
    case WR_L_SCAN:
        return wr_lower_scan(l, node, NULL, 0, needed, out);
    case WR_L_VALUES:
    case WR_L_EMPTY:
        return lower_values(l, node, needed, out);
    case WR_L_FILTER:
        return lower_filter(l, node, needed, out);
    case WR_L_PROJECT:
        return lower_project(l, node, needed, out);
    case WR_L_AGGREGATE:
        return lower_aggregate(l, node, needed, out);
    case WR_L_DISTINCT_ON:
        return lower_distinct_on(l, node, needed, out);
    case WR_L_WINDOW:
        return lower_window(l, node, needed, out);
    case WR_L_JOIN:
        return wr_lower_join(l, node, needed, out);
    case WR_L_ASOF_JOIN:
        return wr_lower_asof(l, node, needed, out);
    case WR_L_SORT:
        return lower_sort(l, node, needed, out);
    case WR_L_LIMIT:
        return lower_limit(l, node, needed, out);
    case WR_L_SET:
        return lower_set(l, node, needed, out);
    case WR_L_UNNEST:
        return lower_unnest(l, node, needed, out);
    case WR_L_TIME_WINDOW:
        return wr_lower_time_window(l, node, needed, out);
    case WR_L_SHARED:
        return lower_shared(l, node, out);
    case WR_L_RECURSIVE:
        return lower_recursive(l, node, out);
    case WR_L_WORKING:
        *out = lower_working(l, node);
        return WR_OK;
    case WR_L_SINGLE_ROW: {
        WR_TRY(wr_lower_node(l, node->inputs[0], needed, out));
        wr_plan_node *plan = wr_plan_node_new(l, WR_PN_SINGLE_ROW, node, out->plan, NULL);
        plan->single.is_outer = node->single.is_outer;
        *out = passed(plan, out);
        return WR_OK;
    }
    case WR_L_CALL:
        return wr_lower_host_call(l, node, needed, out);
    case WR_L_ORDINAL:
        return lower_ordinal(l, node, needed, out);
    case WR_L_SAMPLE:
        return lower_sample(l, node, needed, out);
    case WR_L_WATERMARK:
        return wr_lower_node(l, node->inputs[0], needed, out);
    case WR_L_SINK:
        return lower_sink(l, node, needed, out);
    case WR_L_AFTER:
        return lower_after(l, node, needed, out);
    }
    return wr_fail(WR_E_INTERNAL, "unknown plan node");
}

/* Preorder numbers; the input of a SHARED node counts once. */
static void number(wr_plan_node *node, int *next)
{
    if (node->id >= 0) return;
    node->id = (*next)++;
    for (int i = 0; i < node->input_count; i++)
        number(node->inputs[i], next);
}

weir_status wr_lower(wr_planner *planner, wr_logical *root, wr_plan_node **out)
{
    wr_lowering l = {.planner = planner};
    wr_column_set needed = {0};
    wr_column_id *ids = wr_new_array(planner->arena, wr_column_id, root->output_count + 1);
    for (int i = 0; i < root->output_count; i++)
        ids[i] = root->outputs[i].id;
    wr_logical_provided(planner->arena, root, &needed);
    wr_lowered top;
    WR_TRY(wr_lower_node(&l, root, &needed, &top));
    WR_TRY(wr_lower_arrange(&l, &top, ids, root->output_count, &top));
    for (int i = 0; i < root->output_count; i++)
        top.plan->schema.fields[i].name = root->outputs[i].name;
    int next = 0;
    number(top.plan, &next);
    *out = top.plan;
    return WR_OK;
}
