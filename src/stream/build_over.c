/* build_over.c - window functions over a stream: which of three ways they go.
 *
 * By time, when rows are ordered by a column that time follows and no frame looks ahead: each row
 * leaves once. When complete, when the partition ends with a window of time. Otherwise on change:
 * rows leave at once and are taken back when a later one changes what they say. */
#include "stream/building.h"
#include "stream/feed.h"

static const wr_window_call *first_call(const wr_logical *node) { return &node->window.calls[0]; }

static bool is_moment(const wr_type *type)
{
    return type->id == WR_T_TIMESTAMP || type->id == WR_T_TIMESTAMPTZ;
}

/* The column rows are ordered by, if time follows it; 0: none. */
static wr_column_id time_of(const wr_piece *in, const wr_logical *node)
{
    const wr_window_call *call = first_call(node);
    if (!in->has_time || !call->order_count || call->order[0].descending) return 0;
    const wr_expr *e = call->order[0].expr;
    bool fits = e->kind == WR_X_COLUMN && is_moment(e->type) && wr_piece_is_time(in, e->column);
    return fits ? e->column : 0;
}

/* Does the call see nothing behind its row's moment? */
static bool looks_back(const wr_window_call *call)
{
    wr_window_kind kind = call->fn ? call->fn->kind : WR_W_FIRST_VALUE /* an aggregate */;
    switch (kind) {
    case WR_W_ROW_NUMBER:
    case WR_W_RANK:
    case WR_W_DENSE_RANK:
        return true;
    case WR_W_LAG: /* a negative offset looks ahead */
        return call->aggregate.arg_count < 2 || (call->aggregate.args[1]->kind == WR_X_CONST &&
                                                 (call->aggregate.args[1]->value.is_null ||
                                                  call->aggregate.args[1]->value.i64 >= 0));
    case WR_W_FIRST_VALUE:
    case WR_W_LAST_VALUE:
    case WR_W_NTH_VALUE:
        return call->frame.end <= WR_CURRENT_ROW;
    default:
        return false;
    }
}

/* At least as many microseconds as any such interval; -1: not known. */
static int64_t longest(const wr_expr *e)
{
    const int64_t day = INT64_C(86400000000), hour = day / 24;
    if (e->kind != WR_X_CONST || e->value.is_null || e->type->id != WR_T_INTERVAL) return -1;
    const wr_interval *i = &e->value.interval;
    if (i->months < 0 || i->days < 0 || i->usecs < 0 || i->usecs > INT64_MAX / 4) return -1;
    int64_t days = (int64_t)i->months * 31 + i->days;
    if (days > INT64_MAX / 4 / day) return -1;
    return days * day + i->usecs + (days ? hour * 2 : 0); /* clocks are put back */
}

/* How far one call looks back at rows that left. */
static void add_reach(const wr_window_call *call, wr_over_spec *spec)
{
    int back = WR_OVER_ALL_ROWS;
    int64_t rows = -1, range = -1;
    const wr_frame *frame = &call->frame;
    if (call->fn && call->fn->kind == WR_W_LAG)
        rows = call->aggregate.arg_count < 2            ? 1
               : call->aggregate.args[1]->value.is_null ? 0
                                                        : call->aggregate.args[1]->value.i64;
    else if (!call->fn || call->fn->kind >= WR_W_FIRST_VALUE) {
        const wr_expr *offset = frame->start_offset;
        bool is_now = frame->start == WR_CURRENT_ROW;
        if (is_now)
            rows = range = 0;
        else if (frame->start == WR_OFFSET_PRECEDING && frame->unit == WR_WINDOW_ROWS)
            rows = offset->kind == WR_X_CONST && !offset->value.is_null ? offset->value.i64 : -1;
        else if (frame->start == WR_OFFSET_PRECEDING && frame->unit == WR_WINDOW_RANGE)
            range = longest(offset);
    }
    if (rows == 0 || (rows < 0 && range == 0)) return;
    if (rows > 0)
        back = WR_OVER_ROWS;
    else if (range > 0)
        back = WR_OVER_RANGE;
    /* Rows and ranges together: all rows, the simplest that is enough. */
    if (spec->back != WR_OVER_NO_ROWS && (int)spec->back != back) back = WR_OVER_ALL_ROWS;
    spec->back = back;
    spec->back_rows = WR_MAX(spec->back_rows, rows);
    spec->back_range = WR_MAX(spec->back_range, range);
}

static int place_of(const wr_output *outputs, int count, wr_column_id id)
{
    for (int i = 0; i < count; i++)
        if (outputs[i].id == id) return i;
    return -1;
}

static weir_status choose(wr_builder *b, const wr_logical *node, const wr_piece *in,
                          wr_over_spec *spec)
{
    wr_column_id time = time_of(in, node);
    const wr_window_call *first = first_call(node);
    bool is_backward = true;
    for (int i = 0; i < node->window.call_count; i++)
        is_backward &= looks_back(&node->window.calls[i]);
    spec->end_column = -1;
    for (int i = 0; i < first->partition_count && spec->end_column < 0; i++) {
        const wr_expr *e = first->partition[i];
        const wr_end_column *end = e->kind == WR_X_COLUMN ? wr_piece_end(in, e->column) : NULL;
        if (!end) continue;
        spec->end_column = place_of(node->outputs, spec->output_count, e->column);
        spec->end_after = end->after;
    }
    spec->mode = WR_OVER_ON_CHANGE;
    if (in->takes_back || b->options->emit_on_change) return WR_OK;
    if (time && is_backward) {
        spec->mode = WR_OVER_BY_TIME;
        spec->time = place_of(node->outputs, spec->output_count, time);
        for (int i = 0; i < node->window.call_count; i++)
            add_reach(&node->window.calls[i], spec);
    } else if (spec->end_column >= 0 && in->has_time) {
        spec->mode = WR_OVER_WHEN_COMPLETE;
    }
    return WR_OK;
}

/* The calculation: a window node over what is put out and the version. */
static weir_status plan_calls(wr_builder *b, const wr_logical *node, wr_over_spec *spec)
{
    wr_planner *planner = b->planner;
    wr_arena *arena = planner->arena;
    int outputs = spec->output_count, calls = node->window.call_count;
    const wr_type *version_type = wr_type_of(WR_T_TINYINT);
    wr_column_id version = wr_planner_column(planner, WR_STR("$version"), version_type);
    wr_output *read = wr_new_array(arena, wr_output, outputs + 1);
    if (outputs > 0) memcpy(read, node->outputs, sizeof *read * (size_t)outputs);
    read[outputs] = (wr_output){version, version_type, WR_STR("$version"), true};
    wr_logical *scan = wr_build_feed(b, WR_STR("over"), read, outputs + 1, &spec->feed);
    wr_logical *window = wr_logical_new(planner, WR_L_WINDOW, scan, NULL);
    window->window = node->window;
    window->window.calls = wr_new_array(arena, wr_window_call, calls);
    window->window.top_rows = -1;
    for (int i = 0; i < calls; i++) {
        wr_window_call *call = &window->window.calls[i];
        *call = node->window.calls[i];
        if (spec->mode != WR_OVER_ON_CHANGE) continue;
        call->partition = wr_new_array(arena, wr_expr *, call->partition_count + 1);
        if (call->partition_count > 0)
            memcpy(call->partition, node->window.calls[i].partition,
                   sizeof *call->partition * (size_t)call->partition_count);
        call->partition[call->partition_count++] = wr_expr_column(arena, version, version_type);
    }
    window->outputs = wr_new_array(arena, wr_output, outputs + 1 + calls);
    window->output_count = outputs + 1 + calls;
    memcpy(window->outputs, read, sizeof *read * (size_t)(outputs + 1));
    memcpy(window->outputs + outputs + 1, node->outputs + outputs, sizeof *read * (size_t)calls);
    wr_logical *top = wr_logical_new(planner, WR_L_PROJECT, window, NULL);
    top->project.count = window->output_count;
    top->project.bindings = wr_new_array(arena, wr_binding, window->output_count);
    for (int i = 0; i < window->output_count; i++)
        top->project.bindings[i] =
            (wr_binding){window->outputs[i].id,
                         wr_expr_column(arena, window->outputs[i].id, window->outputs[i].type)};
    wr_logical_set_outputs(planner, top);
    return wr_lower(planner, top, &spec->plan);
}

weir_status wr_build_over(wr_builder *b, wr_logical *node, wr_piece *out)
{
    wr_planner *planner = b->planner;
    wr_piece in;
    WR_TRY(wr_build_node(b, node->inputs[0], &in));
    if (!in.from) { /* nothing streams below: an ordinary plan */
        *out = (wr_piece){.plan = node};
        return WR_OK;
    }
    wr_piece_settle_window(b, &in);
    wr_over_spec *spec = wr_new(&b->graph->arena, wr_over_spec);
    const wr_window_call *call = first_call(node);
    spec->output_count = node->output_count - node->window.call_count;
    spec->partition_count = call->partition_count;
    WR_TRY(choose(b, node, &in, spec));
    if (spec->mode == WR_OVER_ON_CHANGE && b->options->emit_on_close)
        return wr_build_refuse(node, "EMIT ON WINDOW CLOSE with rows whose window has no end",
                               "ORDER BY the column of the WATERMARK in OVER, with frames that end "
                               "at CURRENT ROW, or PARTITION BY the end of a window of time");
    WR_TRY(plan_calls(b, node, spec));
    WR_LIST(wr_binding) input = {0};
    for (int i = 0; i < spec->output_count; i++)
        wr_push(
            planner->arena, &input,
            ((wr_binding){node->outputs[i].id, wr_expr_column(planner->arena, node->outputs[i].id,
                                                              node->outputs[i].type)}));
    for (int i = 0; i < call->partition_count; i++)
        wr_push(planner->arena, &input,
                ((wr_binding){wr_planner_column(planner, WR_STR("$key"), call->partition[i]->type),
                              call->partition[i]}));
    wr_piece before = in;
    wr_stream_op *front;
    WR_TRY(wr_piece_finish(b, &in, input.items, input.count, &front));
    wr_stream_op *op =
        wr_build_op(b, &wr_stream_over, spec, node->outputs, node->output_count, &front, 1);
    wr_piece_begin(b, op, node->outputs, node->output_count, spec->mode == WR_OVER_ON_CHANGE,
                   before.has_time, out);
    out->ends = before.ends;
    if (spec->mode == WR_OVER_BY_TIME) out->times = before.times;
    return WR_OK;
}
