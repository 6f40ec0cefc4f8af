/* bind_window.c - window calls: binding OVER (...) and putting WINDOW nodes into the plan.
 *
 * A call is bound to a WR_X_WINDOW node with its frame made explicit and noted in its block. When
 * the block is put together, calls with the same partition and order share one WINDOW node; nodes
 * are stacked, largest order first, so that a sort may serve several. */
#include "plan/bind.h"

void wr_sort_key_direction(const wr_sql_order_item *item, wr_sort_key *key)
{
    key->descending = item->direction == WR_ORDER_DESC;
    key->nulls_first = item->nulls == WR_ORDER_NULLS_UNSAID ? key->descending
                                                            : item->nulls == WR_ORDER_NULLS_FIRST;
}

weir_status wr_bind_sort_keys(wr_scope *scope, const wr_nodes *order_by, wr_sort_key **out,
                              int *count)
{
    wr_arena *arena = scope->planner->arena;
    *out = wr_new_array(arena, wr_sort_key, order_by->count + 1);
    *count = order_by->count;
    for (int i = 0; i < order_by->count; i++) {
        const wr_sql_order_item *item = wr_sql_as_order_item(order_by->items[i]);
        if (!item->value)
            return wr_fail_at(WR_E_UNSUPPORTED, item->node.span, "ORDER BY ALL cannot stand here");
        WR_TRY(wr_bind_expr(scope, item->value, &(*out)[i].expr));
        if ((*out)[i].expr->is_untyped)
            WR_TRY(wr_bind_coerce(arena, (*out)[i].expr, WR_VARCHAR, "ORDER BY", &(*out)[i].expr));
        wr_sort_key_direction(item, &(*out)[i]);
    }
    return WR_OK;
}

/* The parts of OVER (...) with those of the window it is based on. */
static weir_status resolve_spec(wr_scope *block, const wr_sql_window *window, int depth,
                                wr_sql_window *out)
{
    *out = *window;
    if (!wr_name_given(window->base)) return WR_OK;
    if (depth > 50)
        return wr_fail_at(WR_E_WINDOWING, window->node.span,
                          "windows refer to each other in a circle");
    wr_nearest nearest = {.wanted = window->base.text};
    const wr_nodes *defs = block->window_defs;
    for (int i = 0; defs && i < defs->count; i++) {
        const wr_sql_window *def = wr_sql_as_window(defs->items[i]);
        wr_nearest_offer(&nearest, def->name.text);
        if (!wr_str_ieq(def->name.text, window->base.text) || def == window) continue;
        wr_sql_window base;
        WR_TRY(resolve_spec(block, def, depth + 1, &base));
        if (window->partition_by.count)
            return wr_fail_at(WR_E_WINDOWING, window->node.span,
                              "PARTITION BY cannot be changed for the window %.*s",
                              WR_STR_ARGS(def->name.text));
        if (window->order_by.count && base.order_by.count)
            return wr_fail_at(WR_E_WINDOWING, window->node.span,
                              "the window %.*s has an ORDER BY already",
                              WR_STR_ARGS(def->name.text));
        out->partition_by = base.partition_by;
        if (!window->order_by.count) out->order_by = base.order_by;
        if (!window->frame) out->frame = base.frame;
        return WR_OK;
    }
    return wr_with_nearest(wr_fail_at(WR_E_WINDOWING, window->base.span, "no window \"%.*s\"",
                                      WR_STR_ARGS(window->base.text)),
                           &nearest);
}

/* The type an offset of RANGE must have for a sort key of this type; NULL: no RANGE with offsets
 * over it. */
static const wr_type *range_offset_type(const wr_type *key)
{
    if (wr_type_is_numeric(key)) return key;
    if (key->id == WR_T_TIME || key->id == WR_T_INTERVAL || wr_type_is_moment(key))
        return wr_type_of(WR_T_INTERVAL);
    return NULL;
}

static weir_status bind_offset(wr_scope *scope, const wr_node *node, const wr_window_call *call,
                               wr_window_unit unit, wr_expr **out)
{
    if (unit != WR_WINDOW_RANGE) {
        WR_TRY(wr_bind_expr_as(scope, node, WR_BIGINT, "a window frame", out));
    } else {
        if (call->order_count != 1)
            return wr_fail_at(WR_E_WINDOWING, node->span,
                              "RANGE with an offset needs exactly one ORDER BY expression");
        const wr_type *key = call->order[0].expr->type, *type = range_offset_type(key);
        if (!type)
            return wr_fail_at(WR_E_WINDOWING, node->span,
                              "RANGE with an offset cannot be ordered by %s", wr_type_name(key));
        WR_TRY(wr_bind_expr(scope, node, out));
        wr_param_adopt(scope, *out, type);
        if (type->id == WR_T_INTERVAL && (*out)->type->id != WR_T_INTERVAL &&
            key->id == WR_T_DATE && wr_type_is_integer((*out)->type)) {
            wr_expr *day = wr_expr_const(scope->planner->arena, wr_value_text(WR_STR("1 day")));
            day->is_untyped = true;
            WR_TRY(wr_bind_cast(scope->planner->arena, day, type, false, node->span, &day));
            WR_TRY(wr_bind_by_name(scope, "*", (wr_expr *[]){*out, day}, 2, node->span, out));
        }
        weir_status s = wr_bind_coerce(scope->planner->arena, *out, type, "a window frame", out);
        if (s) return wr_with_span(s, node->span);
    }
    wr_column_set used = {0};
    wr_expr_columns(scope->planner->arena, *out, &used);
    if (wr_column_set_meets(&used, &wr_scope_block(scope)->own))
        return wr_fail_at(WR_E_WINDOWING, node->span,
                          "the offset of a window frame cannot use columns");
    return WR_OK;
}

static weir_status bind_frame(wr_scope *scope, const wr_sql_frame *frame, wr_window_call *call)
{
    static const wr_window_unit units[] = {[WR_FRAME_ROWS] = WR_WINDOW_ROWS,
                                           [WR_FRAME_RANGE] = WR_WINDOW_RANGE,
                                           [WR_FRAME_GROUPS] = WR_WINDOW_GROUPS};
    static const wr_frame_bound bounds[] = {[WR_BOUND_UNBOUNDED_PRECEDING] = WR_UNBOUNDED_PRECEDING,
                                            [WR_BOUND_PRECEDING] = WR_OFFSET_PRECEDING,
                                            [WR_BOUND_CURRENT_ROW] = WR_CURRENT_ROW,
                                            [WR_BOUND_FOLLOWING] = WR_OFFSET_FOLLOWING,
                                            [WR_BOUND_UNBOUNDED_FOLLOWING] =
                                                WR_UNBOUNDED_FOLLOWING};
    static const wr_window_exclude excludes[] = {[WR_EXCLUDE_NONE] = WR_WINDOW_EXCLUDE_NONE,
                                                 [WR_EXCLUDE_CURRENT_ROW] =
                                                     WR_WINDOW_EXCLUDE_CURRENT,
                                                 [WR_EXCLUDE_GROUP] = WR_WINDOW_EXCLUDE_GROUP,
                                                 [WR_EXCLUDE_TIES] = WR_WINDOW_EXCLUDE_TIES};
    if (!frame) {
        call->frame = (wr_frame){
            .unit = WR_WINDOW_RANGE, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
        return WR_OK;
    }
    call->frame = (wr_frame){.unit = units[frame->mode],
                             .start = bounds[frame->start],
                             .end = bounds[frame->end],
                             .exclude = excludes[frame->exclude]};
    if (frame->start > frame->end || frame->start == WR_BOUND_UNBOUNDED_FOLLOWING ||
        frame->end == WR_BOUND_UNBOUNDED_PRECEDING)
        return wr_fail_at(WR_E_WINDOWING, frame->node.span,
                          "the window frame ends before it starts");
    if (frame->mode == WR_FRAME_GROUPS && !call->order_count)
        return wr_fail_at(WR_E_WINDOWING, frame->node.span,
                          "GROUPS needs an ORDER BY in the window");
    if (frame->start_offset)
        WR_TRY(bind_offset(scope, frame->start_offset, call, call->frame.unit,
                           &call->frame.start_offset));
    if (frame->end_offset)
        WR_TRY(
            bind_offset(scope, frame->end_offset, call, call->frame.unit, &call->frame.end_offset));
    return WR_OK;
}

static weir_status bind_parts(wr_scope *scope, const wr_sql_call *node, const wr_sql_window *spec,
                              wr_window_call *call)
{
    wr_aggregate_call *aggregate = &call->aggregate;
    bool star = node->args.count == 1 && node->args.items[0]->kind == WR_SQL_STAR;
    if (!star) {
        WR_TRY(wr_bind_exprs(scope, &node->args, &aggregate->args));
        aggregate->arg_count = node->args.count;
    }
    aggregate->is_distinct = node->distinct;
    if (node->filter)
        WR_TRY(wr_bind_expr_as(scope, node->filter, WR_BOOLEAN, "FILTER", &aggregate->filter));
    WR_TRY(wr_bind_sort_keys(scope, &node->order_by, &aggregate->order, &aggregate->order_count));
    WR_TRY(wr_bind_exprs(scope, &spec->partition_by, &call->partition));
    call->partition_count = spec->partition_by.count;
    for (int i = 0; i < call->partition_count; i++)
        if (call->partition[i]->is_untyped)
            WR_TRY(wr_bind_coerce(scope->planner->arena, call->partition[i], WR_VARCHAR,
                                  "PARTITION BY", &call->partition[i]));
    WR_TRY(wr_bind_sort_keys(scope, &spec->order_by, &call->order, &call->order_count));
    return bind_frame(scope, spec->frame ? wr_sql_as_frame(spec->frame) : NULL, call);
}

weir_status wr_bind_window(wr_scope *scope, const wr_sql_call *node, const wr_host_forms *host,
                           wr_expr **out)
{
    wr_arena *arena = scope->planner->arena;
    wr_scope *block = wr_scope_block(scope);
    wr_str name = wr_names_last(node->name).text;
    wr_span span = node->node.span;
    if (!block->is_block ||
        (block->clause != WR_IN_SELECT && block->clause != WR_IN_QUALIFY &&
         block->clause != WR_IN_ORDER_BY) ||
        block->in_aggregate) {
        weir_status s = wr_fail_at(WR_E_WINDOWING, span,
                                   "the window function %.*s cannot stand here", WR_STR_ARGS(name));
        return block->clause == WR_IN_WHERE ? wr_with_hint(s, "filter its result with QUALIFY") : s;
    }
    if (block->in_window)
        return wr_fail_at(WR_E_WINDOWING, span, "window functions cannot be nested");
    wr_sql_window spec;
    WR_TRY(resolve_spec(block, wr_sql_as_window(node->over), 0, &spec));
    wr_window_call *call = wr_new(arena, wr_window_call);
    call->ignore_nulls = node->nulls == WR_NULLS_IGNORE;
    block->in_window++;
    weir_status s = bind_parts(scope, node, &spec, call);
    block->in_window--;
    if (s) return s;
    if (host)
        WR_TRY(wr_bind_host_aggregate(arena, host, span, &call->aggregate));
    else if (wr_window_fn_exists(name))
        WR_TRY(wr_bind_window_fn(arena, name, span, call));
    else if (wr_aggregate_exists(name))
        WR_TRY(wr_bind_aggregate(arena, name, span, &call->aggregate));
    else
        return wr_fail_at(WR_E_UNKNOWN_FUNCTION, span,
                          "%.*s is neither a window function nor an aggregate", WR_STR_ARGS(name));
    wr_push(arena, &block->windows, call);
    wr_expr *e = wr_new(arena, wr_expr);
    *e = (wr_expr){.kind = WR_X_WINDOW, .type = call->aggregate.type, .span = span, .window = call};
    *out = e;
    return WR_OK;
}

/* ---- placing ---- */
typedef struct window_node {
    wr_window_call *first; /* its partition and order are those of all */
    WR_LIST(wr_window_call *) calls;
    WR_LIST(wr_column_id) ids;
} window_node;
typedef struct placing {
    wr_scope *scope;
    WR_LIST(window_node) nodes;
} placing;

static bool same_exprs(wr_expr **a, int a_count, wr_expr **b, int b_count)
{
    if (a_count != b_count) return false;
    for (int i = 0; i < a_count; i++)
        if (!wr_expr_eq(a[i], b[i])) return false;
    return true;
}

static bool same_order(const wr_window_call *a, const wr_window_call *b)
{
    if (a->order_count != b->order_count ||
        !same_exprs(a->partition, a->partition_count, b->partition, b->partition_count))
        return false;
    for (int i = 0; i < a->order_count; i++) {
        const wr_sort_key *x = &a->order[i], *y = &b->order[i];
        if (x->descending != y->descending || x->nulls_first != y->nulls_first ||
            !wr_expr_eq(x->expr, y->expr))
            return false;
    }
    return true;
}

static wr_column_id place_call(placing *p, wr_expr *e)
{
    wr_planner *planner = p->scope->planner;
    window_node *node = NULL;
    for (int i = 0; i < p->nodes.count && !node; i++) {
        if (!same_order(p->nodes.items[i].first, e->window)) continue;
        node = &p->nodes.items[i];
        for (int k = 0; k < node->calls.count; k++) {
            wr_expr other = *e;
            other.window = node->calls.items[k];
            if (wr_expr_eq(e, &other)) return node->ids.items[k];
        }
    }
    if (!node) {
        window_node fresh = {.first = e->window};
        wr_push(planner->arena, &p->nodes, fresh);
        node = &p->nodes.items[p->nodes.count - 1];
    }
    const char *name = e->window->fn ? e->window->fn->name : "window";
    wr_column_id id = wr_planner_column(planner, wr_str_of(name), e->type);
    wr_push(planner->arena, &node->calls, e->window);
    wr_push(planner->arena, &node->ids, id);
    return id;
}

static weir_status replace_window(wr_expr *e, void *arg, wr_expr **out)
{
    placing *p = arg;
    if (e->kind != WR_X_WINDOW) return WR_OK;
    *out = wr_expr_column(p->scope->planner->arena, place_call(p, e), e->type);
    (*out)->span = e->span;
    return WR_OK;
}

weir_status wr_place_windows(wr_scope *scope, wr_logical **plan, wr_expr **exprs, int count)
{
    wr_planner *planner = scope->planner;
    if (!scope->windows.count) return WR_OK;
    placing p = {.scope = scope};
    for (int i = 0; i < count; i++)
        WR_TRY(wr_expr_map(planner->arena, exprs[i], replace_window, &p, &exprs[i]));
    for (int n = 0; n < p.nodes.count; n++) {
        window_node *w = &p.nodes.items[n];
        wr_logical *node = wr_logical_new(planner, WR_L_WINDOW, *plan, NULL);
        node->window.call_count = w->calls.count;
        node->window.calls = wr_new_array(planner->arena, wr_window_call, w->calls.count);
        node->window.top_rows = -1;
        node->outputs = wr_new_array(planner->arena, wr_output, w->calls.count);
        node->output_count = w->calls.count;
        for (int i = 0; i < w->calls.count; i++) {
            node->window.calls[i] = *w->calls.items[i];
            node->outputs[i] = (wr_output){.id = w->ids.items[i],
                                           .type = w->calls.items[i]->aggregate.type,
                                           .name = planner->column_names.items[w->ids.items[i]]};
        }
        wr_logical_set_outputs(planner, node);
        *plan = node;
    }
    return WR_OK;
}
