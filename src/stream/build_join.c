/* build_join.c - joins of streams: with what is read once, and with each other.
 *
 * A stream joined with a table stays an ordinary join whose build side is the table. Two streams
 * need the rows of both sides; how long is found in the conditions: where a time of one side,
 * before which no more rows come, is at most an expression of the other side, a row of that other
 * side expires when time is past the expression. Ends of windows that are equal on both sides say
 * the same. */
#include "stream/building.h"

typedef struct joining {
    wr_builder *b;
    wr_logical *node;
    wr_piece side[2];
    wr_column_set own[2];
    WR_LIST(wr_expr *) keys[2];
    WR_LIST(bool) null_equal;
    WR_LIST(wr_expr *) rest;        /* conditions that are not keys */
    wr_expr *expiry[2], *since[2];  /* no partner of a row expires before its since */
    WR_LIST(wr_end_column) ends[2]; /* equal on both sides */
    bool expires_at_end[2];
} joining;

static bool within(const joining *j, const wr_expr *e, int side)
{
    wr_column_set used = {0};
    wr_expr_columns(j->b->planner->arena, e, &used);
    return wr_column_set_within(&used, &j->own[side]) && !wr_column_set_empty(&used);
}

/* The side an expression is over; -1: both or none. */
static int side_of(const joining *j, const wr_expr *e)
{
    return within(j, e, 0) ? 0 : within(j, e, 1) ? 1 : -1;
}

static bool is_time_type(const wr_type *type)
{
    return type->id == WR_T_TIMESTAMP || type->id == WR_T_TIMESTAMPTZ;
}

/* Takes from "time + c" the c and leaves the time: bound <= e becomes bound - c. */
static weir_status strip_shift(joining *j, const wr_expr **e, wr_expr **bound)
{
    wr_planner *planner = j->b->planner;
    const wr_expr *call = *e;
    if (call->kind != WR_X_CALL || call->arg_count != 2 || !wr_expr_is_const(call->args[1]) ||
        call->args[0]->kind != WR_X_COLUMN)
        return WR_OK;
    bool adds = strcmp(call->call.fn->name, "+") == 0,
         subtracts = strcmp(call->call.fn->name, "-") == 0;
    if (!adds && !subtracts) return WR_OK;
    wr_expr *args[] = {*bound, wr_expr_copy(planner->arena, call->args[1])};
    WR_TRY(wr_bind_call(planner->arena, planner->env, adds ? WR_STR("-") : WR_STR("+"), args, NULL,
                        2, call->span, bound));
    *e = call->args[0];
    return WR_OK;
}

/* "time of one side <= bound of the other": does it let rows of the other expire? */
static weir_status take_bound(joining *j, const wr_expr *early, wr_expr *late)
{
    int of_early = side_of(j, early), of_late = side_of(j, late);
    if (of_early < 0 || of_late < 0 || of_early == of_late) return WR_OK;
    if (j->expiry[of_late] || !is_time_type(early->type) || !is_time_type(late->type)) return WR_OK;
    wr_expr *bound = wr_expr_copy(j->b->planner->arena, late);
    WR_TRY(strip_shift(j, &early, &bound));
    if (early->kind != WR_X_COLUMN || !wr_piece_is_time(&j->side[of_early], early->column))
        return WR_OK;
    j->expiry[of_late] = bound;
    j->since[of_early] = wr_expr_copy(j->b->planner->arena, early);
    return WR_OK;
}

static weir_status take_bounds(joining *j, wr_expr *e)
{
    if (e->kind != WR_X_COMPARE) return WR_OK;
    wr_compare_op op = (wr_compare_op)e->op;
    if (op == WR_LE || op == WR_LT || op == WR_EQ) WR_TRY(take_bound(j, e->args[0], e->args[1]));
    if (op == WR_GE || op == WR_GT || op == WR_EQ) WR_TRY(take_bound(j, e->args[1], e->args[0]));
    return WR_OK;
}

/* Equal ends of windows: their rows meet no later ones. */
static weir_status take_end(joining *j, wr_expr *const pair[2])
{
    wr_planner *planner = j->b->planner;
    for (int i = 0; i < 2; i++) {
        const wr_end_column *end =
            pair[i]->kind == WR_X_COLUMN ? wr_piece_end(&j->side[i], pair[i]->column) : NULL;
        const wr_end_column *other = pair[1 - i]->kind == WR_X_COLUMN
                                         ? wr_piece_end(&j->side[1 - i], pair[1 - i]->column)
                                         : NULL;
        if (!end || !other || end->after != other->after) continue;
        wr_push(planner->arena, &j->ends[i], *end);
        if (j->expiry[i]) continue;
        j->expires_at_end[i] = true;
        wr_value before = {.type = wr_type_of(WR_T_INTERVAL),
                           .interval = {.usecs = end->after - 1}};
        wr_expr *args[] = {wr_expr_copy(planner->arena, pair[i]),
                           wr_expr_const(planner->arena, before)};
        WR_TRY(wr_bind_call(planner->arena, planner->env, WR_STR("+"), args, NULL, 2, pair[i]->span,
                            &j->expiry[i]));
        wr_expr *same[] = {wr_expr_copy(planner->arena, pair[1 - i]),
                           wr_expr_const(planner->arena, before)};
        WR_TRY(wr_bind_call(planner->arena, planner->env, WR_STR("+"), same, NULL, 2,
                            pair[1 - i]->span, &j->since[1 - i]));
    }
    return WR_OK;
}

static weir_status take_condition(joining *j, wr_expr *e)
{
    wr_arena *arena = j->b->planner->arena;
    WR_TRY(take_bounds(j, e));
    bool is_equality = e->kind == WR_X_COMPARE && (e->op == WR_EQ || e->op == WR_NOT_DISTINCT);
    int left = is_equality ? side_of(j, e->args[0]) : -1;
    int right = is_equality ? side_of(j, e->args[1]) : -1;
    if (left < 0 || right < 0 || left == right) {
        wr_push(arena, &j->rest, e);
        return WR_OK;
    }
    wr_expr *pair[2];
    pair[left] = e->args[0];
    pair[right] = e->args[1];
    for (int i = 0; i < 2; i++)
        wr_push(arena, &j->keys[i], pair[i]);
    wr_push(arena, &j->null_equal, e->op == WR_NOT_DISTINCT);
    return take_end(j, pair);
}

/* ---- with what is read once ---- */

static weir_status join_with_table(joining *j, wr_piece *out)
{
    wr_logical *node = j->node;
    int stream = j->side[0].from ? 0 : 1;
    wr_join_kind kind = node->join.kind;
    bool keeps_table = kind == WR_JOIN_FULL || (kind == WR_JOIN_RIGHT && stream == 0) ||
                       (kind != WR_JOIN_INNER && kind != WR_JOIN_RIGHT && stream == 1);
    if (keeps_table)
        return wr_build_refuse(node,
                               "rows of a table that find no partner in a stream are never known",
                               "the stream has no end, so nobody knows; put the stream on the side "
                               "that is kept");
    *out = j->side[stream];
    node->inputs[stream] = out->plan;
    node->inputs[1 - stream] = j->side[1 - stream].plan;
    node->join.build_left = stream == 1;
    node->join.publish_count = 0;
    wr_logical_set_outputs(j->b->planner, node);
    out->plan = node;
    wr_piece_keep_sign_last(j->b, out);
    return WR_OK;
}

/* ---- with another stream ---- */

/* The plan in front of one side: its outputs, keys, expiry. */
static weir_status finish_side(joining *j, int i, wr_stream_op **op, const wr_output **outputs,
                               int *count)
{
    wr_builder *b = j->b;
    wr_arena *arena = b->planner->arena;
    wr_logical *plan = j->side[i].plan;
    *count = plan->output_count - j->side[i].takes_back;
    wr_output *kept = wr_new_array(arena, wr_output, *count + 1);
    if (*count > 0) memcpy(kept, plan->outputs, sizeof *kept * (size_t)*count);
    *outputs = kept;
    WR_LIST(wr_binding) bindings = {0};
    for (int k = 0; k < *count; k++)
        wr_push(arena, &bindings,
                ((wr_binding){kept[k].id, wr_expr_column(arena, kept[k].id, kept[k].type)}));
    for (int k = 0; k < j->keys[i].count; k++) {
        wr_expr *key = j->keys[i].items[k];
        wr_push(arena, &bindings,
                ((wr_binding){wr_planner_column(b->planner, wr_build_key_name(b, key), key->type),
                              key}));
    }
    if (j->expiry[i])
        wr_push(arena, &bindings,
                ((wr_binding){wr_planner_column(b->planner, WR_STR("$expiry"), j->expiry[i]->type),
                              j->expiry[i]}));
    if (j->since[i])
        wr_push(arena, &bindings,
                ((wr_binding){wr_planner_column(b->planner, WR_STR("$since"), j->since[i]->type),
                              j->since[i]}));
    return wr_piece_finish(b, &j->side[i], bindings.items, bindings.count, op);
}

static wr_expr *residual_of(joining *j, const wr_output *const outputs[2], const int counts[2])
{
    if (!j->rest.count) return NULL;
    wr_arena *arena = j->b->planner->arena;
    int total = counts[0] + counts[1];
    wr_output *both = wr_new_array(arena, wr_output, total + 1);
    if (counts[0] > 0) memcpy(both, outputs[0], sizeof *both * (size_t)counts[0]);
    if (counts[1] > 0) memcpy(both + counts[0], outputs[1], sizeof *both * (size_t)counts[1]);
    wr_expr *all = wr_expr_and(arena, j->rest.items, j->rest.count);
    return wr_build_to_positions(arena, all, both, total);
}

static bool keeps(wr_join_kind kind, int side)
{
    if (kind == WR_JOIN_FULL) return true;
    return side == 0 ? kind == WR_JOIN_LEFT || kind == WR_JOIN_ANTI : kind == WR_JOIN_RIGHT;
}

static weir_status check_streams(const joining *j, const wr_join_spec *spec)
{
    wr_join_kind kind = j->node->join.kind;
    if (kind == WR_JOIN_MARK || kind == WR_JOIN_SINGLE)
        return wr_build_refuse(j->node,
                               "a subquery over a stream in an expression is not supported",
                               "write it as a JOIN");
    if (!spec->key_count)
        return wr_build_refuse(j->node, "a join of two streams needs an equality",
                               "add one: ON a.key = b.key AND ..");
    bool grows = !spec->has_expiry[0] || !spec->has_expiry[1];
    if (grows && j->b->planner->notices)
        wr_buf_printf(j->b->planner->notices,
                      "warning: the join keeps all rows of %s: bound it in time, as in AND b.ts "
                      "BETWEEN a.ts AND a.ts + INTERVAL '1 hour'\n",
                      !spec->has_expiry[0] && !spec->has_expiry[1] ? "both streams"
                      : spec->has_expiry[0]                        ? "the right stream"
                                                                   : "the left stream");
    return WR_OK;
}

/* A pair of rows of one window is found before the window is complete, and an orphan leaves just
 * then if that is when it expires: ends of windows go on being ends. The end of a partner that was
 * not found is NULL. */
static void note_ends(const joining *j, const wr_join_spec *spec, wr_piece *out)
{
    for (int i = 0; i < 2; i++) {
        bool is_asked = i == 1 && (spec->kind == WR_JOIN_SEMI || spec->kind == WR_JOIN_ANTI);
        if (is_asked || keeps(spec->kind, 1 - i)) continue;
        if (keeps(spec->kind, i) && !j->expires_at_end[i]) continue;
        for (int k = 0; k < j->ends[i].count; k++)
            wr_push(j->b->planner->arena, &out->ends, j->ends[i].items[k]);
    }
}

static weir_status join_streams(joining *j, wr_piece *out)
{
    wr_builder *b = j->b;
    wr_logical *node = j->node;
    wr_join_spec *spec = wr_new(&b->graph->arena, wr_join_spec);
    for (int i = 0; i < node->join.condition_count; i++)
        WR_TRY(take_condition(j, node->join.conditions[i]));
    spec->kind = node->join.kind;
    spec->key_count = j->keys[0].count;
    spec->null_equal = j->null_equal.items;
    for (int i = 0; i < 2; i++) {
        spec->has_expiry[i] = j->expiry[i] != NULL;
        spec->has_since[i] = j->since[i] != NULL;
        spec->input_takes_back[i] = j->side[i].takes_back;
        spec->orphans_at_once |= keeps(spec->kind, i) && !j->expiry[i];
    }
    WR_TRY(check_streams(j, spec));
    wr_stream_op *inputs[2];
    const wr_output *outputs[2];
    bool has_time = j->side[0].has_time && j->side[1].has_time;
    for (int i = 0; i < 2; i++)
        WR_TRY(finish_side(j, i, &inputs[i], &outputs[i], &spec->output_count[i]));
    spec->residual = residual_of(j, outputs, spec->output_count);
    bool takes_back =
        spec->input_takes_back[0] || spec->input_takes_back[1] || spec->orphans_at_once;
    bool both = spec->kind != WR_JOIN_SEMI && spec->kind != WR_JOIN_ANTI;
    int width = spec->output_count[0] + (both ? spec->output_count[1] : 0);
    wr_output *all = wr_new_array(b->planner->arena, wr_output, width + 1);
    if (spec->output_count[0] > 0)
        memcpy(all, outputs[0], sizeof *all * (size_t)spec->output_count[0]);
    if (both)
        memcpy(all + spec->output_count[0], outputs[1],
               sizeof *all * (size_t)spec->output_count[1]);
    wr_stream_op *op = wr_build_op(b, &wr_stream_join, spec, all, width, inputs, 2);
    wr_piece_begin(b, op, all, width, takes_back, has_time, out);
    note_ends(j, spec, out);
    return WR_OK;
}

weir_status wr_build_join(wr_builder *b, wr_logical *node, wr_piece *out)
{
    joining j = {.b = b, .node = node};
    for (int i = 0; i < 2; i++) {
        WR_TRY(wr_build_node(b, node->inputs[i], &j.side[i]));
        wr_piece_settle_window(b, &j.side[i]);
        wr_logical_provided(b->planner->arena, j.side[i].plan, &j.own[i]);
    }
    if (!j.side[0].from && !j.side[1].from) {
        *out = (wr_piece){.plan = node};
        return WR_OK;
    }
    return j.side[0].from && j.side[1].from ? join_streams(&j, out) : join_with_table(&j, out);
}
