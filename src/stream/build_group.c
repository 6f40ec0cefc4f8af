/* build_group.c - GROUP BY, DISTINCT and windows of time.
 *
 * The plan in front computes keys, arguments and filters as plain columns, so the operators only
 * see positions. A grouping by the start or the end of a pending window becomes one that knows the
 * window: it finds the windows of a row itself, so a row is looked at once however many windows it
 * is in. */
#include "stream/building.h"

typedef struct grouping {
    wr_builder *b;
    wr_logical *node;
    wr_piece piece; /* the input */
    WR_LIST(wr_binding) input;
    WR_LIST(wr_output) output;
    wr_group_spec *spec;
    wr_column_id start, end; /* what the result calls them, 0 = nobody asks */
} grouping;

/* The next input column; its position. */
static int add_input(grouping *g, wr_expr *e)
{
    wr_planner *planner = g->b->planner;
    bool is_column = e->kind == WR_X_COLUMN && e->column < WR_LAMBDA_IDS;
    wr_str name = is_column ? planner->column_names.items[e->column] : WR_STR("$in");
    wr_column_id id = wr_planner_column(planner, name, e->type);
    wr_push(planner->arena, &g->input, ((wr_binding){id, e}));
    return g->input.count - 1;
}

static void add_output(grouping *g, wr_column_id id)
{
    wr_push(g->b->planner->arena, &g->output, *wr_logical_output(g->node, id));
}

/* Keys that are start or end of the pending window are the operator's own business. */
static bool is_window_key(grouping *g, const wr_binding *key)
{
    const wr_pending_window *w = &g->piece.window;
    if (!w->node || key->expr->kind != WR_X_COLUMN) return false;
    if (key->expr->column == w->start) g->start = key->id;
    if (key->expr->column == w->end) g->end = key->id;
    return key->expr->column == w->start || key->expr->column == w->end;
}

static bool groups_by_window(grouping *g)
{
    bool found = false;
    for (int i = 0; i < g->node->aggregate.key_count; i++)
        found |= is_window_key(g, &g->node->aggregate.keys[i]);
    return found;
}

static void take_keys(grouping *g)
{
    wr_group_spec *spec = g->spec;
    spec->end_key = -1;
    for (int i = 0; i < g->node->aggregate.key_count; i++) {
        const wr_binding *key = &g->node->aggregate.keys[i];
        if (is_window_key(g, key)) continue;
        const wr_end_column *end =
            key->expr->kind == WR_X_COLUMN ? wr_piece_end(&g->piece, key->expr->column) : NULL;
        if (end && spec->end_key < 0) {
            spec->end_key = spec->key_count;
            spec->end_after = end->after;
        }
        add_input(g, key->expr);
        add_output(g, key->id);
        spec->key_count++;
    }
}

static weir_status take_calls(grouping *g)
{
    wr_arena *arena = &g->b->graph->arena;
    int count = g->node->aggregate.call_count, *first = wr_new_array(arena, int, count + 1),
        *filter = wr_new_array(arena, int, count + 1);
    wr_aggregate_call *calls = wr_new_array(arena, wr_aggregate_call, count + 1);
    for (int i = 0; i < count; i++) {
        const wr_aggregate_call *call = &g->node->aggregate.calls[i];
        if (call->order_count)
            return wr_build_refuse(g->node,
                                   "an aggregate with ORDER BY over a stream is not supported",
                                   "first, last, min_by and max_by know an order");
        calls[i] = *call;
        calls[i].args = wr_new_array(arena, wr_expr *, call->arg_count + 1);
        first[i] = g->input.count;
        for (int k = 0; k < call->arg_count; k++) {
            const wr_expr *arg = call->args[k];
            calls[i].args[k] =
                wr_expr_column(arena, (uint32_t)add_input(g, call->args[k]), arg->type);
        }
        add_output(g, g->node->outputs[g->node->aggregate.key_count + i].id);
    }
    for (int i = 0; i < count; i++) {
        wr_expr *condition = g->node->aggregate.calls[i].filter;
        filter[i] = condition ? add_input(g, condition) : -1;
    }
    g->spec->calls = calls;
    g->spec->call_count = count;
    g->spec->arg_first = first;
    g->spec->filter = filter;
    return WR_OK;
}

static void take_window(grouping *g)
{
    wr_planner *planner = g->b->planner;
    const wr_logical *node = g->piece.window.node;
    wr_time_window *window = wr_new(&g->b->graph->arena, wr_time_window);
    bool is_session = node->time_window.kind == WR_TIME_SESSION;
    *window = (wr_time_window){.kind = is_session ? WR_WINDOW_SESSION : WR_WINDOW_HOP,
                               .size = node->time_window.size,
                               .slide = node->time_window.slide,
                               .offset = node->time_window.offset,
                               .gap = node->time_window.gap};
    g->spec->window = window;
    const wr_type *type = node->time_window.time->type;
    g->spec->time = add_input(g, wr_expr_column(planner->arena, g->piece.window.time, type));
}

/* Start and end of the window, whether somebody asks for them or not. */
static void add_edges(grouping *g)
{
    wr_planner *planner = g->b->planner;
    const wr_type *type = g->piece.window.node->time_window.time->type;
    wr_column_id *ids[] = {&g->start, &g->end};
    for (int i = 0; i < 2; i++) {
        if (!*ids[i]) *ids[i] = wr_planner_column(planner, WR_STR("$edge"), type);
        wr_push(planner->arena, &g->output, ((wr_output){*ids[i], type, WR_STR("$edge"), true}));
    }
}

/* When do groups leave? */
static weir_status choose_emit(grouping *g)
{
    wr_group_spec *spec = g->spec;
    const wr_build_options *options = g->b->options;
    bool can_close = g->piece.has_time && (spec->window || spec->end_key >= 0);
    if (options->emit_on_close && !can_close)
        return g->piece.has_time
                   ? wr_build_refuse(g->node,
                                     "EMIT ON WINDOW CLOSE needs a window of time in GROUP BY",
                                     "group by window_start, window_end of tumble(), hop() or "
                                     "session()")
                   : wr_build_refuse(
                         g->node, "EMIT ON WINDOW CLOSE needs a watermark, and the source has none",
                         "CREATE SOURCE .. WATERMARK FOR ts AS ts - INTERVAL '5 "
                         "seconds'");
    spec->emit = can_close && !options->emit_on_change ? WR_EMIT_ON_CLOSE : WR_EMIT_ON_CHANGE;
    if (can_close && options->late_reopens) {
        spec->late = WR_LATE_REOPEN;
        spec->lateness = options->lateness;
        g->b->reopens = true;
    }
    return WR_OK;
}

static const wr_stream_op_def *operator_of(const wr_group_spec *spec)
{
    if (!spec->window) return &wr_stream_group;
    return spec->window->kind == WR_WINDOW_SESSION ? &wr_stream_session_group
                                                   : &wr_stream_window_group;
}

static void note_ends(grouping *g, wr_piece *out)
{
    wr_arena *arena = g->b->planner->arena;
    const wr_group_spec *spec = g->spec;
    if (spec->emit != WR_EMIT_ON_CLOSE) return;
    /* A window that is reopened says something new for so long after its end. */
    int64_t after = spec->late == WR_LATE_REOPEN ? spec->lateness : 0;
    if (spec->window) {
        if (!after) wr_push(arena, &out->times, g->end);
        wr_push(arena, &out->ends, ((wr_end_column){g->end, after}));
        if (spec->window->kind == WR_WINDOW_HOP)
            wr_push(arena, &out->ends, ((wr_end_column){g->start, spec->window->size + after}));
    }
    if (spec->end_key >= 0)
        wr_push(arena, &out->ends,
                ((wr_end_column){g->output.items[spec->end_key].id, spec->end_after + after}));
}

weir_status wr_build_group(wr_builder *b, wr_logical *node, wr_piece *out)
{
    grouping g = {.b = b, .node = node, .spec = wr_new(&b->graph->arena, wr_group_spec)};
    WR_TRY(wr_build_node(b, node->inputs[0], &g.piece));
    if (!g.piece.from) {
        *out = (wr_piece){.plan = node};
        return WR_OK;
    }
    if (node->aggregate.set_count > 1 || node->aggregate.grouping_count)
        return wr_build_refuse(node,
                               "GROUPING SETS, ROLLUP and CUBE over a stream are not supported",
                               "UNION ALL of several GROUP BY says the same");
    bool by_window = groups_by_window(&g);
    if (!by_window) wr_piece_settle_window(b, &g.piece);
    g.spec->input_takes_back = g.piece.takes_back;
    take_keys(&g);
    if (by_window) add_edges(&g);
    WR_TRY(take_calls(&g));
    if (by_window) take_window(&g);
    g.spec->has_empty_group = !node->aggregate.key_count;
    WR_TRY(choose_emit(&g));
    wr_stream_op *before;
    WR_TRY(wr_piece_finish(b, &g.piece, g.input.items, g.input.count, &before));
    wr_stream_op *op =
        wr_build_op(b, operator_of(g.spec), g.spec, g.output.items, g.output.count, &before, 1);
    bool takes_back = g.spec->emit == WR_EMIT_ON_CHANGE || g.spec->late == WR_LATE_REOPEN;
    wr_piece_begin(b, op, g.output.items, g.output.count, takes_back, g.piece.has_time, out);
    note_ends(&g, out);
    return WR_OK;
}
