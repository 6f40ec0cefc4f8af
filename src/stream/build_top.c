/* build_top.c - the best rows per key: row_number() and its kin with a limit, DISTINCT ON, ORDER BY
 * with LIMIT, LIMIT alone. All of them become one operator that keeps as many rows per partition as
 * the limit says. */
#include "stream/building.h"

/* What they have in common. */
typedef struct best {
    wr_expr **partition;
    int partition_count;
    const wr_sort_key *order;
    int order_count;
    int64_t limit;
    int kind;          /* of wr_top_spec */
    wr_column_id rank; /* 0: nobody asks for the number */
    wr_logical *input;
    const wr_output *outputs; /* of the result */
    int output_count;
} best;

static bool is_window_limit(const wr_logical *node, best *out)
{
    const wr_logical *window = node->kind == WR_L_FILTER ? node->inputs[0] : NULL;
    if (!window || window->kind != WR_L_WINDOW || window->window.call_count != 1) return false;
    const wr_window_call *call = &window->window.calls[0];
    if (!call->fn || call->fn->kind > WR_W_DENSE_RANK) return false;
    wr_column_id rank = window->outputs[window->output_count - 1].id;
    int64_t limit = -1;
    for (int i = 0; i < node->filter.count; i++) {
        int64_t top = wr_rows_let_through(node->filter.conjuncts[i], rank);
        if (top >= 0 && (limit < 0 || top < limit)) limit = top;
    }
    *out = (best){.partition = call->partition,
                  .partition_count = call->partition_count,
                  .order = call->order,
                  .order_count = call->order_count,
                  .limit = limit,
                  .kind = call->fn->kind == WR_W_ROW_NUMBER ? WR_TOP_ROW_NUMBER
                          : call->fn->kind == WR_W_RANK     ? WR_TOP_RANK
                                                            : WR_TOP_DENSE_RANK,
                  .rank = rank,
                  .input = window->inputs[0],
                  .outputs = window->outputs,
                  .output_count = window->output_count};
    return limit >= 0;
}

static bool is_distinct_on(const wr_logical *node, best *out)
{
    if (node->kind != WR_L_DISTINCT_ON) return false;
    *out = (best){.partition = node->distinct_on.keys,
                  .partition_count = node->distinct_on.key_count,
                  .order = node->distinct_on.order,
                  .order_count = node->distinct_on.order_count,
                  .limit = 1,
                  .kind = WR_TOP_ROW_NUMBER,
                  .input = node->inputs[0],
                  .outputs = node->outputs,
                  .output_count = node->output_count};
    return true;
}

static bool is_sort_limit(const wr_logical *node, best *out)
{
    if (node->kind != WR_L_SORT || !node->sort.limit || node->sort.offset) return false;
    if (node->sort.limit->kind != WR_X_CONST || node->sort.limit->type != WR_BIGINT) return false;
    *out = (best){.order = node->sort.keys,
                  .order_count = node->sort.key_count,
                  .limit = node->sort.limit->value.i64,
                  .kind = WR_TOP_ROW_NUMBER,
                  .input = node->inputs[0],
                  .outputs = node->outputs,
                  .output_count = node->output_count};
    return true;
}

/* Without an order the rows that came first are the best. */
static bool is_limit(const wr_logical *node, best *out)
{
    if (node->kind != WR_L_LIMIT || node->limit.offset || node->limit.is_percent) return false;
    const wr_expr *count = node->limit.count;
    if (!count || count->kind != WR_X_CONST || count->type != WR_BIGINT || count->value.is_null)
        return false;
    *out = (best){.limit = count->value.i64,
                  .kind = WR_TOP_ROW_NUMBER,
                  .input = node->inputs[0],
                  .outputs = node->outputs,
                  .output_count = node->output_count};
    return true;
}

static weir_status build_best(wr_builder *b, const best *what, wr_piece *in, wr_piece *out)
{
    wr_planner *planner = b->planner;
    wr_top_spec *spec = wr_new(&b->graph->arena, wr_top_spec);
    WR_LIST(wr_binding) input = {0};
    int kept = what->output_count - (what->rank != 0);
    for (int i = 0; i < kept; i++)
        wr_push(
            planner->arena, &input,
            ((wr_binding){what->outputs[i].id, wr_expr_column(planner->arena, what->outputs[i].id,
                                                              what->outputs[i].type)}));
    *spec = (wr_top_spec){.output_count = kept,
                          .partition_count = what->partition_count,
                          .order_count = what->order_count,
                          .order = what->order,
                          .limit = what->limit,
                          .rank_output = what->rank ? kept : -1,
                          .kind = what->kind,
                          .input_takes_back = in->takes_back,
                          .end_column = -1};
    for (int i = 0; i < what->partition_count; i++) {
        wr_expr *e = what->partition[i];
        const wr_end_column *end = e->kind == WR_X_COLUMN ? wr_piece_end(in, e->column) : NULL;
        if (end && spec->end_column < 0) {
            spec->end_column = i;
            spec->end_after = end->after;
        }
        wr_push(planner->arena, &input,
                ((wr_binding){wr_planner_column(planner, wr_build_key_name(b, e), e->type), e}));
    }
    for (int i = 0; i < what->order_count; i++) {
        wr_expr *e = what->order[i].expr;
        wr_push(planner->arena, &input,
                ((wr_binding){wr_planner_column(planner, WR_STR("$order"), e->type), e}));
    }
    bool closes = spec->end_column >= 0 && in->has_time && !b->options->emit_on_change;
    spec->emit = closes ? WR_EMIT_ON_CLOSE : WR_EMIT_ON_CHANGE;
    bool has_time = in->has_time;
    /* Without an order a row that came stays, unless one before it is taken back. */
    bool takes_back = !closes && (what->order_count > 0 || in->takes_back);
    wr_piece before = *in;
    wr_stream_op *front;
    WR_TRY(wr_piece_finish(b, in, input.items, input.count, &front));
    wr_stream_op *op =
        wr_build_op(b, &wr_stream_top, spec, what->outputs, what->output_count, &front, 1);
    wr_piece_begin(b, op, what->outputs, what->output_count, takes_back, has_time, out);
    out->ends = before.ends;
    return WR_OK;
}

weir_status wr_build_top(wr_builder *b, wr_logical *node, wr_piece *out, bool *is_top)
{
    best what;
    *is_top = is_window_limit(node, &what) || is_distinct_on(node, &what) ||
              is_sort_limit(node, &what) || is_limit(node, &what);
    if (!*is_top) return WR_OK;
    wr_piece in;
    WR_TRY(wr_build_node(b, what.input, &in));
    if (!in.from) { /* nothing streams below: an ordinary plan */
        *out = (wr_piece){.plan = node};
        return WR_OK;
    }
    wr_piece_settle_window(b, &in);
    WR_TRY(build_best(b, &what, &in, out));
    if (node->kind != WR_L_FILTER) return WR_OK;
    node->inputs[0] = out->plan; /* what else the filter says */
    wr_logical_set_outputs(b->planner, node);
    out->plan = node;
    return WR_OK;
}
