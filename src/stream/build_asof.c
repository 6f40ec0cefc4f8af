/* build_asof.c - ASOF joins: of a stream with what is read once, and of two streams.
 *
 * A stream before a table stays an ordinary plan whose build side is the table. Two streams are
 * joined by time: the two sides of the inequality must be the columns of their watermarks, and
 * left rows look back (>=, >). Looking ahead a row would have to wait for one that may never come.
 * Versions of rows that are taken back have no time at which they end, so both sides only append.
 */
#include "stream/building.h"

typedef struct asof_joining {
    wr_builder *b;
    wr_logical *node;
    wr_piece side[2];
    wr_output *outputs[2];
    wr_stream_op *inputs[2];
} asof_joining;

static weir_status join_with_table(asof_joining *j, wr_piece *out)
{
    wr_logical *node = j->node;
    if (!j->side[0].from)
        return wr_build_refuse(node, "rows of a table cannot be joined with what a stream will say",
                               "put the stream on the left side");
    node->inputs[0] = j->side[0].plan;
    node->inputs[1] = j->side[1].plan;
    wr_logical_set_outputs(j->b->planner, node);
    *out = j->side[0];
    out->plan = node;
    wr_piece_keep_sign_last(j->b, out);
    return WR_OK;
}

static weir_status check_streams(const asof_joining *j)
{
    const wr_logical *node = j->node;
    const wr_expr *near = node->asof.inequality;
    if (near->op != WR_GE && near->op != WR_GT)
        return wr_build_refuse(node, "an ASOF join of two streams cannot look ahead",
                               "a row would wait for one that may never come: l.ts >= r.ts looks "
                               "back");
    if (j->side[0].takes_back || j->side[1].takes_back)
        return wr_build_refuse(node,
                               "an ASOF join of streams whose rows are taken back is not supported",
                               "join the sources in front of what changes its answers");
    for (int i = 0; i < 2; i++) {
        const wr_expr *time = near->args[i];
        bool is_moment = time->type->id == WR_T_TIMESTAMP || time->type->id == WR_T_TIMESTAMPTZ;
        if (is_moment && time->kind == WR_X_COLUMN && wr_piece_is_time(&j->side[i], time->column))
            continue;
        return wr_build_refuse(
            node,
            i ? "the right time of an ASOF join of two streams must be the column "
                "of its watermark"
              : "the left time of an ASOF join of two streams must be the column "
                "of its watermark",
            "CREATE SOURCE .. WATERMARK FOR ts AS ts, and l.ts >= r.ts: else "
            "nobody knows when all rows before a time have come");
    }
    return WR_OK;
}

/* What one side hands over: its columns, the time, the keys. */
static weir_status finish_side(asof_joining *j, int i, wr_asof_spec *spec)
{
    wr_builder *b = j->b;
    wr_arena *arena = b->planner->arena;
    const wr_logical *plan = j->side[i].plan;
    WR_LIST(wr_binding) bindings = {0};
    int count = spec->output_count[i] = plan->output_count;
    j->outputs[i] = wr_new_array(arena, wr_output, count + 1);
    for (int k = 0; k < count; k++) {
        const wr_output *output = &plan->outputs[k];
        j->outputs[i][k] = *output;
        wr_push(arena, &bindings,
                ((wr_binding){output->id, wr_expr_column(arena, output->id, output->type)}));
    }
    wr_expr *time = wr_expr_copy(arena, j->node->asof.inequality->args[i]);
    wr_push(arena, &bindings,
            ((wr_binding){wr_planner_column(b->planner, WR_STR("$time"), time->type), time}));
    for (int k = 0; k < j->node->asof.condition_count; k++) {
        wr_expr *key = wr_expr_copy(arena, j->node->asof.conditions[k]->args[i]);
        wr_push(arena, &bindings,
                ((wr_binding){wr_planner_column(b->planner, WR_STR("$key"), key->type), key}));
    }
    if (!j->node->asof.condition_count) { /* all rows have one key */
        wr_expr *key = wr_expr_const(arena, wr_value_bool(true));
        wr_push(arena, &bindings,
                ((wr_binding){wr_planner_column(b->planner, WR_STR("$key"), key->type), key}));
    }
    return wr_piece_finish(b, &j->side[i], bindings.items, bindings.count, &j->inputs[i]);
}

static weir_status join_streams(asof_joining *j, wr_piece *out)
{
    wr_builder *b = j->b;
    wr_logical *node = j->node;
    wr_asof_spec *spec = wr_new(&b->graph->arena, wr_asof_spec);
    WR_TRY(check_streams(j));
    bool has_time = j->side[0].has_time && j->side[1].has_time;
    int keys = node->asof.condition_count;
    bool *null_equal = wr_new_array(&b->graph->arena, bool, keys + 1);
    for (int k = 0; k < keys; k++)
        null_equal[k] = node->asof.conditions[k]->op == WR_NOT_DISTINCT;
    spec->key_count = WR_MAX(keys, 1);
    spec->null_equal = null_equal;
    spec->is_left = node->asof.is_left;
    spec->is_strict = node->asof.inequality->op == WR_GT;
    for (int i = 0; i < 2; i++)
        WR_TRY(finish_side(j, i, spec));
    int width = spec->output_count[0] + spec->output_count[1];
    wr_output *all = wr_new_array(b->planner->arena, wr_output, width + 1);
    for (int k = 0; k < width; k++)
        all[k] =
            k < spec->output_count[0] ? j->outputs[0][k] : j->outputs[1][k - spec->output_count[0]];
    wr_stream_op *op = wr_build_op(b, &wr_stream_asof, spec, all, width, j->inputs, 2);
    wr_piece_begin(b, op, all, width, false, has_time, out);
    /* Rows leave when time passes this column, before those behind hear of it. */
    wr_push(b->planner->arena, &out->times, node->asof.inequality->args[0]->column);
    return WR_OK;
}

weir_status wr_build_asof(wr_builder *b, wr_logical *node, wr_piece *out)
{
    asof_joining j = {.b = b, .node = node};
    for (int i = 0; i < 2; i++) {
        WR_TRY(wr_build_node(b, node->inputs[i], &j.side[i]));
        wr_piece_settle_window(b, &j.side[i]);
    }
    if (!j.side[0].from && !j.side[1].from) {
        *out = (wr_piece){.plan = node};
        return WR_OK;
    }
    return j.side[0].from && j.side[1].from ? join_streams(&j, out) : join_with_table(&j, out);
}
