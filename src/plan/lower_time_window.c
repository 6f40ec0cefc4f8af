/* lower_time_window.c - windows of time in batches: the node becomes ordinary ones, which are
 * lowered.
 *
 *     tumble    end <- project, start not NULL <- filter, start <- project
 *     hop       end <- project, start <- unnest of all starts
 *     session   start, end <- project of min and max over (partition, number), number <- running
 *               sum of "more than the gap has passed", which lag over (partition by time) tells
 *
 * The functions that compute starts are in expr/fn/stream.c. They give NULL, or no start, where
 * there is no time. */
#include "plan/lower.h"

typedef struct expansion {
    wr_planner *planner;
    wr_scope *scope;
    const wr_logical *from;
    wr_logical *plan;
} expansion;

static wr_expr *number(const expansion *x, int64_t value)
{
    return wr_expr_const(x->planner->arena, wr_value_int(WR_BIGINT, value));
}

static wr_expr *time_of(const expansion *x)
{
    return wr_expr_copy(x->planner->arena, x->from->time_window.time);
}

/* What plan has, and one column more. */
static void add_column(expansion *x, wr_column_id id, wr_expr *e)
{
    int count = x->plan->output_count;
    wr_binding *bindings = wr_new_array(x->planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++)
        bindings[i] =
            (wr_binding){x->plan->outputs[i].id, wr_column_ref(x->planner, x->plan->outputs[i].id)};
    bindings[count] = (wr_binding){id, e};
    double rows = x->plan->rows;
    x->plan = wr_project(x->planner, x->plan, bindings, count + 1);
    x->plan->rows = rows;
}

static void keep_known(expansion *x, wr_expr *e)
{
    wr_expr **conjunct = wr_new_array(x->planner->arena, wr_expr *, 1);
    conjunct[0] = wr_expr_is_null(x->planner->arena, e, true);
    x->plan = wr_filter(x->planner, x->plan, conjunct, 1);
    x->plan->rows = x->from->rows;
}

static weir_status add_end(expansion *x, wr_column_id from, int64_t length)
{
    wr_expr *args[2] = {wr_column_ref(x->planner, from), number(x, length)}, *end;
    WR_TRY(wr_bind_by_name(x->scope, "window_shift", args, 2, x->from->span, &end));
    add_column(x, x->from->time_window.end, end);
    return WR_OK;
}

static weir_status expand_tumble(expansion *x)
{
    wr_expr *args[3] = {time_of(x), number(x, x->from->time_window.slide),
                        number(x, x->from->time_window.offset)},
            *start;
    WR_TRY(wr_bind_by_name(x->scope, "window_begin", args, 3, x->from->span, &start));
    add_column(x, x->from->time_window.start, start);
    keep_known(x, wr_column_ref(x->planner, x->from->time_window.start));
    return add_end(x, x->from->time_window.start, x->from->time_window.size);
}

static weir_status expand_hop(expansion *x)
{
    wr_arena *arena = x->planner->arena;
    wr_expr *args[4] = {time_of(x), number(x, x->from->time_window.size),
                        number(x, x->from->time_window.slide),
                        number(x, x->from->time_window.offset)};
    wr_logical *node = wr_logical_new(x->planner, WR_L_UNNEST, x->plan, NULL);
    node->unnest.lists = wr_new_array(arena, wr_expr *, 1);
    WR_TRY(
        wr_bind_by_name(x->scope, "window_begins", args, 4, x->from->span, &node->unnest.lists[0]));
    node->unnest.list_count = 1;
    node->unnest.ids = wr_new_array(arena, wr_column_id, 1);
    node->unnest.ids[0] = x->from->time_window.start;
    wr_logical_set_outputs(x->planner, node);
    node->rows = x->from->rows;
    x->plan = node;
    return add_end(x, x->from->time_window.start, x->from->time_window.size);
}

/* A call over the partition of the sessions and, if number is not 0, of that column. */
static void over_partition(const expansion *x, wr_window_call *call, wr_column_id number)
{
    int count = x->from->time_window.partition_count;
    call->partition = wr_new_array(x->planner->arena, wr_expr *, count + 1);
    for (int i = 0; i < count; i++)
        call->partition[i] = wr_expr_copy(x->planner->arena, x->from->time_window.partition[i]);
    if (number) call->partition[count++] = wr_column_ref(x->planner, number);
    call->partition_count = count;
}

static void order_by_time(const expansion *x, wr_window_call *call)
{
    call->order = wr_new_array(x->planner->arena, wr_sort_key, 1);
    call->order[0] = (wr_sort_key){.expr = time_of(x)};
    call->order_count = 1;
}

static void set_argument(const expansion *x, wr_window_call *call, wr_expr *e)
{
    call->aggregate.args = wr_new_array(x->planner->arena, wr_expr *, 1);
    call->aggregate.args[0] = e;
    call->aggregate.arg_count = 1;
}

/* Puts the calls on plan; gives the ids of their columns. */
static void add_windows(expansion *x, wr_window_call *calls, int count, wr_column_id *ids)
{
    wr_logical *node = wr_logical_new(x->planner, WR_L_WINDOW, x->plan, NULL);
    node->window.calls = calls;
    node->window.call_count = count;
    node->window.top_rows = -1;
    wr_logical_set_outputs(x->planner, node);
    node->rows = x->from->rows;
    for (int i = 0; i < count; i++)
        ids[i] = node->outputs[node->output_count - count + i].id;
    x->plan = node;
}

/* The time of the row before, then 1 where a session begins. */
static weir_status mark_begins(expansion *x, wr_column_id *out)
{
    wr_column_id before;
    wr_window_call *lag = wr_new_array(x->planner->arena, wr_window_call, 1);
    set_argument(x, lag, time_of(x));
    over_partition(x, lag, 0);
    order_by_time(x, lag);
    lag->frame = (wr_frame){.unit = WR_WINDOW_RANGE, .end = WR_CURRENT_ROW};
    WR_TRY(wr_bind_window_fn(x->planner->arena, WR_STR("lag"), x->from->span, lag));
    add_windows(x, lag, 1, &before);
    wr_expr *args[3] = {time_of(x), wr_column_ref(x->planner, before),
                        number(x, x->from->time_window.gap)},
            *begins;
    WR_TRY(wr_bind_by_name(x->scope, "window_gap", args, 3, x->from->span, &begins));
    wr_expr *known[2] = {begins, number(x, 0)};
    WR_TRY(wr_bind_by_name(x->scope, "coalesce", known, 2, x->from->span, &begins));
    *out = wr_planner_column(x->planner, WR_STR("begins"), begins->type);
    add_column(x, *out, begins);
    return WR_OK;
}

static weir_status expand_session(expansion *x)
{
    wr_arena *arena = x->planner->arena;
    wr_column_id begins, session, ends[2];
    wr_expr *args[3] = {time_of(x), number(x, 1), number(x, 0)}, *known;
    WR_TRY(wr_bind_by_name(x->scope, "window_begin", args, 3, x->from->span, &known));
    keep_known(x, known); /* neither NULL nor infinite */
    WR_TRY(mark_begins(x, &begins));
    wr_window_call *sum = wr_new_array(arena, wr_window_call, 1);
    set_argument(x, sum, wr_column_ref(x->planner, begins));
    over_partition(x, sum, 0);
    order_by_time(x, sum);
    sum->frame =
        (wr_frame){.unit = WR_WINDOW_ROWS, .start = WR_UNBOUNDED_PRECEDING, .end = WR_CURRENT_ROW};
    WR_TRY(wr_bind_aggregate(arena, WR_STR("sum"), x->from->span, &sum->aggregate));
    add_windows(x, sum, 1, &session);
    wr_window_call *both = wr_new_array(arena, wr_window_call, 2);
    for (int i = 0; i < 2; i++) {
        set_argument(x, &both[i], time_of(x));
        over_partition(x, &both[i], session);
        both[i].frame = (wr_frame){
            .unit = WR_WINDOW_ROWS, .start = WR_UNBOUNDED_PRECEDING, .end = WR_UNBOUNDED_FOLLOWING};
        WR_TRY(wr_bind_aggregate(arena, i ? WR_STR("max") : WR_STR("min"), x->from->span,
                                 &both[i].aggregate));
    }
    add_windows(x, both, 2, ends);
    add_column(x, x->from->time_window.start, wr_column_ref(x->planner, ends[0]));
    return add_end(x, ends[1], x->from->time_window.gap);
}

weir_status wr_lower_time_window(wr_lowering *l, wr_logical *node, const wr_column_set *needed,
                                 wr_lowered *out)
{
    expansion x = {.planner = l->planner,
                   .scope = wr_scope_new(l->planner, NULL),
                   .from = node,
                   .plan = node->inputs[0]};
    bool is_session = node->time_window.kind == WR_TIME_SESSION;
    bool tumbles = node->time_window.slide == node->time_window.size;
    WR_TRY(is_session ? expand_session(&x) : tumbles ? expand_tumble(&x) : expand_hop(&x));
    return wr_lower_node(l, x.plan, needed, out);
}
