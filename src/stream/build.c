/* build.c - see build.h.
 *
 * The plan is walked from its leaves. Nodes that need no memory pile up as an ordinary plan over a
 * feed (a piece); a node that keeps state ends the piece below it, which becomes a transform, and
 * begins a new one over what it emits. Subtrees without a stream stay ordinary plans: they are the
 * small sides of joins and are computed once.
 *
 * Rows that are taken back carry their sign in a column that projections hand on; a piece whose
 * rows are never taken back has no such column. Invariant: the outputs of piece.plan are those of
 * the node it stands for, and the sign's column behind them. */
#include "stream/building.h"
#include "stream/feed.h"
#include "stream/transform.h"
#include "stream/watermark.h"
#include "spi/source_relation.h"

weir_status wr_build_refuse(const wr_logical *node, const char *what, const char *fix)
{
    return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, node->span, "%s", what), "%s", fix);
}

static wr_schema *schema_of(wr_builder *b, const wr_output *outputs, int count)
{
    wr_schema *schema = wr_new(&b->graph->arena, wr_schema);
    schema->count = count;
    schema->fields = wr_new_array(&b->graph->arena, wr_field, count + 1);
    for (int i = 0; i < count; i++)
        schema->fields[i] =
            (wr_field){wr_arena_str(&b->graph->arena, outputs[i].name), outputs[i].type};
    return schema;
}

wr_stream_op *wr_build_op(wr_builder *b, const wr_stream_op_def *def, const void *spec,
                          const wr_output *outputs, int count, wr_stream_op *const *inputs,
                          int input_count)
{
    wr_stream_op *op = wr_graph_add(b->graph, def, spec, schema_of(b, outputs, count), input_count);
    for (int i = 0; i < input_count; i++)
        wr_graph_connect(b->graph, inputs[i], op, i);
    return op;
}

/* ---- pieces ---- */

static const wr_type *change_type(void) { return wr_type_of(WR_T_TINYINT); }

wr_logical *wr_build_feed(wr_builder *b, wr_str name, wr_output *outputs, int count,
                          wr_relation **feed)
{
    wr_logical *scan = wr_logical_new(b->planner, WR_L_SCAN, NULL, NULL);
    scan->outputs = outputs;
    scan->output_count = count;
    scan->scan.columns = wr_new_array(b->planner->arena, int, count + 1);
    for (int i = 0; i < count; i++)
        scan->scan.columns[i] = i;
    scan->scan.name = name;
    scan->scan.limit = -1;
    *feed = wr_feed_new(name, schema_of(b, outputs, count));
    wr_push(&b->graph->arena, &b->graph->feeds, *feed);
    scan->scan.relation = *feed;
    return scan;
}

void wr_piece_begin(wr_builder *b, wr_stream_op *op, const wr_output *outputs, int count,
                    bool takes_back, bool has_time, wr_piece *out)
{
    wr_planner *planner = b->planner;
    int width = count + takes_back;
    *out = (wr_piece){.from = op, .takes_back = takes_back, .has_time = has_time};
    wr_output *read = wr_new_array(planner->arena, wr_output, width + 1);
    if (count > 0) memcpy(read, outputs, sizeof *outputs * (size_t)count);
    if (takes_back) {
        out->change = wr_planner_column(planner, WR_STR("$change"), change_type());
        read[count] = (wr_output){out->change, change_type(), WR_STR("$change"), true};
    }
    out->plan = wr_build_feed(b, wr_str_of(op->def->name), read, width, &out->feed);
}

/* Do the bindings just hand on what the piece's feed delivers? */
static bool is_identity(const wr_piece *piece, const wr_binding *bindings, int count)
{
    const wr_logical *plan = piece->plan;
    if (plan->kind != WR_L_SCAN || plan->scan.filter_count) return false;
    if (plan->output_count != count + piece->takes_back) return false;
    for (int i = 0; i < count; i++)
        if (bindings[i].expr->kind != WR_X_COLUMN ||
            bindings[i].expr->column != plan->outputs[i].id)
            return false;
    return true;
}

static void collect_lookups(wr_builder *b, const wr_logical *node, wr_transform_spec *spec)
{
    wr_lookup *lookup = node->kind == WR_L_SCAN ? wr_relation_lookup(node->scan.relation) : NULL;
    if (lookup) {
        wr_lookup_uses(lookup, node->scan.columns, node->output_count);
        wr_push(&b->graph->arena, &spec->lookups, lookup);
    }
    for (int i = 0; i < node->input_count; i++)
        collect_lookups(b, node->inputs[i], spec);
}

weir_status wr_piece_finish(wr_builder *b, wr_piece *piece, const wr_binding *bindings, int count,
                            wr_stream_op **op)
{
    wr_planner *planner = b->planner;
    if (is_identity(piece, bindings, count)) {
        *op = piece->from;
        return WR_OK;
    }
    int width = count + piece->takes_back;
    wr_logical *top = wr_logical_new(planner, WR_L_PROJECT, piece->plan, NULL);
    top->project.bindings = wr_new_array(planner->arena, wr_binding, width + 1);
    if (count > 0) memcpy(top->project.bindings, bindings, sizeof *bindings * (size_t)count);
    top->project.count = width;
    if (piece->takes_back)
        top->project.bindings[count] =
            (wr_binding){wr_planner_column(planner, WR_STR("$change"), change_type()),
                         wr_expr_column(planner->arena, piece->change, change_type())};
    wr_logical_set_outputs(planner, top);
    wr_transform_spec *spec = wr_new(&b->graph->arena, wr_transform_spec);
    spec->feed = piece->feed;
    spec->takes_back = piece->takes_back;
    collect_lookups(b, top, spec);
    *op = wr_build_op(b, &wr_stream_transform, spec, top->outputs, count, &piece->from, 1);
    return wr_lower(planner, top, &spec->plan);
}

/* A projection in the piece's plan that hands on every output besides computing new ones keeps the
 * sign; others are given it. */
static void carry_change(wr_builder *b, wr_piece *piece, wr_logical *project)
{
    if (!piece->takes_back) return;
    wr_binding *bindings = wr_new_array(b->planner->arena, wr_binding, project->project.count + 1);
    if (project->project.count > 0)
        memcpy(bindings, project->project.bindings,
               sizeof *bindings * (size_t)project->project.count);
    wr_column_id id = wr_planner_column(b->planner, WR_STR("$change"), change_type());
    bindings[project->project.count] =
        (wr_binding){id, wr_expr_column(b->planner->arena, piece->change, change_type())};
    project->project.bindings = bindings;
    project->project.count++;
    piece->change = id;
}

void wr_piece_keep_sign_last(wr_builder *b, wr_piece *piece)
{
    wr_arena *arena = b->planner->arena;
    if (!piece->takes_back) return;
    const wr_logical *plan = piece->plan;
    wr_logical *project = wr_logical_new(b->planner, WR_L_PROJECT, piece->plan, NULL);
    project->project.bindings = wr_new_array(arena, wr_binding, plan->output_count + 1);
    for (int i = 0; i < plan->output_count; i++) {
        const wr_output *output = &plan->outputs[i];
        if (output->id == piece->change) continue;
        project->project.bindings[project->project.count++] =
            (wr_binding){output->id, wr_expr_column(arena, output->id, output->type)};
    }
    project->project.bindings[project->project.count++] =
        (wr_binding){piece->change, wr_expr_column(arena, piece->change, change_type())};
    wr_logical_set_outputs(b->planner, project);
    piece->plan = project;
}

/* Which of the new columns are old ones that tell time or end windows? */
static void carry_times(wr_builder *b, wr_piece *piece, const wr_logical *project)
{
    wr_piece before = *piece;
    memset(&piece->ends, 0, sizeof piece->ends);
    memset(&piece->times, 0, sizeof piece->times);
    for (int i = 0; i < project->project.count; i++) {
        const wr_binding *binding = &project->project.bindings[i];
        if (binding->expr->kind != WR_X_COLUMN) continue;
        const wr_end_column *end = wr_piece_end(&before, binding->expr->column);
        if (end)
            wr_push(b->planner->arena, &piece->ends, ((wr_end_column){binding->id, end->after}));
        if (wr_piece_is_time(&before, binding->expr->column))
            wr_push(b->planner->arena, &piece->times, binding->id);
    }
}

bool wr_piece_is_time(const wr_piece *piece, wr_column_id id)
{
    for (int i = 0; i < piece->times.count; i++)
        if (piece->times.items[i] == id) return true;
    return false;
}

const wr_end_column *wr_piece_end(const wr_piece *piece, wr_column_id id)
{
    for (int i = 0; i < piece->ends.count; i++)
        if (piece->ends.items[i].id == id) return &piece->ends.items[i];
    return NULL;
}

/* ---- windows of time that nobody has looked at yet ---- */

static bool is_of_window(const wr_pending_window *w, wr_column_id id)
{
    return id && (id == w->start || id == w->end);
}

typedef struct window_use {
    const wr_pending_window *window;
    bool is_computed; /* start or end stand inside an expression */
} window_use;
static bool look_for_window(const wr_expr *e, void *arg)
{
    window_use *use = arg;
    if (e->kind == WR_X_COLUMN && is_of_window(use->window, e->column)) use->is_computed = true;
    return true;
}
static void look_at_slot(wr_expr **slot, void *arg) { wr_expr_walk(*slot, look_for_window, arg); }

/* Does the node need start or end for more than handing them on? */
static bool computes_window(const wr_piece *piece, wr_logical *node)
{
    window_use use = {&piece->window, false};
    if (node->kind != WR_L_PROJECT) {
        wr_logical_each_expr(node, look_at_slot, &use);
        return use.is_computed;
    }
    for (int i = 0; i < node->project.count; i++)
        if (node->project.bindings[i].expr->kind != WR_X_COLUMN)
            wr_expr_walk(node->project.bindings[i].expr, look_for_window, &use);
    return use.is_computed;
}

/* Windows of a column that tells time are complete when time has reached their end; sessions are
 * not: rows between move it. */
static void note_edges(wr_builder *b, wr_piece *piece, const wr_logical *node)
{
    wr_arena *arena = b->planner->arena;
    if (node->time_window.kind == WR_TIME_SESSION || !wr_piece_is_time(piece, piece->window.time))
        return;
    wr_push(arena, &piece->ends, ((wr_end_column){node->time_window.end, 0}));
    wr_push(arena, &piece->ends,
            ((wr_end_column){node->time_window.start, node->time_window.size}));
}

void wr_piece_settle_window(wr_builder *b, wr_piece *piece)
{
    wr_pending_window *w = &piece->window;
    if (!w->node) return;
    wr_logical *node = wr_logical_new(b->planner, WR_L_TIME_WINDOW, piece->plan, NULL);
    node->time_window = w->node->time_window;
    node->span = w->node->span;
    const wr_type *type = w->node->time_window.time->type;
    node->time_window.time = wr_expr_column(b->planner->arena, w->time, type);
    node->time_window.start =
        w->start ? w->start : wr_planner_column(b->planner, WR_STR("start"), type);
    node->time_window.end = w->end ? w->end : wr_planner_column(b->planner, WR_STR("end"), type);
    wr_logical_set_outputs(b->planner, node);
    piece->plan = node;
    note_edges(b, piece, node);
    w->node = NULL;
}

/* A projection over a pending window: start and end are handed on beside it, the time through it.
 */
static void carry_window(wr_builder *b, wr_piece *piece, wr_logical *project)
{
    wr_pending_window *w = &piece->window, now = {.node = w->node, .time = w->time};
    wr_binding *kept = wr_new_array(b->planner->arena, wr_binding, project->project.count + 1);
    int count = 0;
    bool has_time = false;
    for (int i = 0; i < project->project.count; i++) {
        wr_binding binding = project->project.bindings[i];
        wr_column_id from = binding.expr->kind == WR_X_COLUMN ? binding.expr->column : 0;
        if (from && from == w->start) {
            now.start = binding.id;
        } else if (from && from == w->end) {
            now.end = binding.id;
        } else {
            has_time |= binding.id == w->time;
            kept[count++] = binding;
        }
    }
    const wr_type *type = w->node->time_window.time->type;
    if (!has_time)
        kept[count++] = (wr_binding){w->time, wr_expr_column(b->planner->arena, w->time, type)};
    project->project.bindings = kept;
    project->project.count = count;
    *w = now;
}

/* ---- nodes ---- */

static weir_status build_source(wr_builder *b, wr_logical *node, wr_source *source, wr_piece *out)
{
    wr_graph *graph = b->graph;
    if (graph->source_count == graph->source_cap) {
        int cap = graph->source_cap ? graph->source_cap * 2 : 4;
        graph->sources = wr_arena_grow(&graph->arena, graph->sources,
                                       sizeof *graph->sources * (size_t)graph->source_count,
                                       sizeof *graph->sources * (size_t)cap);
        graph->source_cap = cap;
    }
    int *columns = wr_new_array(&graph->arena, int, node->output_count + 1);
    if (node->output_count > 0)
        memcpy(columns, node->scan.columns, sizeof *columns * (size_t)node->output_count);
    wr_stream_op *entry =
        wr_build_op(b, &wr_stream_entry, NULL, node->outputs, node->output_count, NULL, 0);
    graph->sources[graph->source_count++] =
        (wr_graph_source){.source = wr_source_keep(source),
                          .name = wr_arena_str(&graph->arena, node->scan.name),
                          .columns = columns,
                          .column_count = node->output_count,
                          .entry = entry};
    wr_piece_begin(b, entry, node->outputs, node->output_count, source->takes_back, false, out);
    out->plan->scan.filters = node->scan.filters;
    out->plan->scan.filter_count = node->scan.filter_count;
    return WR_OK;
}

static weir_status build_scan(wr_builder *b, wr_logical *node, wr_piece *out)
{
    wr_source *source = wr_relation_source(node->scan.relation);
    if (source) return build_source(b, node, source, out);
    *out = (wr_piece){.plan = node};
    return WR_OK;
}

/* What stands for all columns of a plan. */
static wr_binding *all_of(wr_builder *b, const wr_logical *plan, int count)
{
    wr_binding *bindings = wr_new_array(b->planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++)
        bindings[i] =
            (wr_binding){plan->outputs[i].id, wr_expr_column(b->planner->arena, plan->outputs[i].id,
                                                             plan->outputs[i].type)};
    return bindings;
}

static int columns_of(const wr_piece *piece)
{
    return piece->plan->output_count - piece->takes_back;
}

static weir_status finish_all(wr_builder *b, wr_piece *piece, wr_stream_op **op)
{
    wr_piece_settle_window(b, piece);
    int count = columns_of(piece);
    return wr_piece_finish(b, piece, all_of(b, piece->plan, count), count, op);
}

typedef struct positions {
    const wr_output *outputs;
    int count;
} positions;
static wr_expr *to_position(wr_expr *e, void *arg)
{
    const positions *p = arg;
    if (e->kind != WR_X_COLUMN || e->column >= WR_LAMBDA_IDS) return e;
    int at = 0;
    while (at < p->count && p->outputs[at].id != e->column)
        at++;
    wr_assert(at < p->count);
    e->column = (uint32_t)at;
    return e;
}

wr_str wr_build_key_name(const wr_builder *b, const wr_expr *e)
{
    bool is_column = e->kind == WR_X_COLUMN && e->column < WR_LAMBDA_IDS;
    return is_column ? b->planner->column_names.items[e->column] : WR_STR("$key");
}

wr_expr *wr_build_to_positions(wr_arena *arena, const wr_expr *e, const wr_output *outputs,
                               int count)
{
    return wr_expr_rewrite(wr_expr_copy(arena, e), to_position, &(positions){outputs, count});
}

/* ts of "ts" and "ts - INTERVAL '5 seconds'": rows that come after a time are not before it in ts
 * either. 0: no such column. */
static wr_column_id shifted_column(const wr_expr *e)
{
    if (e->kind == WR_X_CALL && e->arg_count == 2 && wr_expr_is_const(e->args[1])) e = e->args[0];
    return e->kind == WR_X_COLUMN ? e->column : 0;
}

static weir_status build_watermark(wr_builder *b, wr_logical *node, wr_piece *out)
{
    if (!out->from) return WR_OK; /* of no meaning to what is read once */
    wr_logical *plan = out->plan;
    int count = columns_of(out);
    wr_watermark_spec *spec = wr_new(&b->graph->arena, wr_watermark_spec);
    spec->time =
        wr_build_to_positions(b->planner->arena, node->watermark.time, plan->outputs, count);
    wr_stream_op *before;
    WR_TRY(finish_all(b, out, &before));
    wr_stream_op *op = wr_build_op(b, &wr_stream_watermark, spec, plan->outputs, count, &before, 1);
    wr_column_id time = shifted_column(node->watermark.time);
    wr_piece_begin(b, op, plan->outputs, count, out->takes_back, true, out);
    if (time) wr_push(b->planner->arena, &out->times, time);
    return WR_OK;
}

static weir_status build_time_window(wr_builder *b, wr_logical *node, wr_piece *out)
{
    wr_piece_settle_window(b, out);
    wr_assert(node->time_window.time->kind == WR_X_COLUMN);
    out->window = (wr_pending_window){.node = node,
                                      .time = node->time_window.time->column,
                                      .start = node->time_window.start,
                                      .end = node->time_window.end};
    return WR_OK;
}

static weir_status build_shared(wr_builder *b, wr_logical *node, wr_piece *out)
{
    wr_shared_op *known = NULL;
    for (int i = 0; i < b->shared.count && !known; i++)
        if (b->shared.items[i].id == node->shared.id) known = &b->shared.items[i];
    if (!known) {
        wr_shared_op made = {.id = node->shared.id};
        WR_TRY(wr_build_node(b, node->inputs[0], &made.piece));
        if (!made.piece.from) {
            *out = (wr_piece){.plan = node};
            return WR_OK;
        }
        wr_piece_settle_window(b, &made.piece);
        wr_logical *plan = made.piece.plan;
        WR_TRY(finish_all(b, &made.piece, &made.op));
        made.piece.plan = plan;
        wr_push(b->planner->arena, &b->shared, made);
        known = &b->shared.items[b->shared.count - 1];
    }
    /* This reader's own ids for the columns of the definition, in the order they are emitted. */
    const wr_logical *definition = known->piece.plan;
    int count = columns_of(&known->piece);
    wr_output *outputs = wr_new_array(b->planner->arena, wr_output, count + 1);
    for (int i = 0; i < count; i++) {
        outputs[i] = definition->outputs[i];
        outputs[i].id = wr_planner_column(b->planner, outputs[i].name, outputs[i].type);
        for (int k = 0; k < node->output_count; k++)
            if (node->shared.inner[k] == definition->outputs[i].id)
                outputs[i].id = node->outputs[k].id;
    }
    wr_piece_begin(b, known->op, outputs, count, known->piece.takes_back, known->piece.has_time,
                   out);
    for (int i = 0; i < count; i++) {
        const wr_end_column *end = wr_piece_end(&known->piece, definition->outputs[i].id);
        if (end)
            wr_push(b->planner->arena, &out->ends, ((wr_end_column){outputs[i].id, end->after}));
        if (wr_piece_is_time(&known->piece, definition->outputs[i].id))
            wr_push(b->planner->arena, &out->times, outputs[i].id);
    }
    return WR_OK;
}

/* UNION ALL: one operator with as many inputs. */
static weir_status build_union(wr_builder *b, wr_logical *node, wr_piece *out)
{
    wr_stream_op **inputs = wr_new_array(b->planner->arena, wr_stream_op *, node->input_count + 1);
    bool takes_back = false, has_time = true;
    for (int i = 0; i < node->input_count; i++) {
        wr_piece piece;
        WR_TRY(wr_build_node(b, node->inputs[i], &piece));
        wr_piece_settle_window(b, &piece);
        if (!piece.from)
            return wr_build_refuse(
                node, "UNION of a stream with rows that are read once is not supported",
                "INSERT the rows once, then start the stream");
        wr_binding *bindings = wr_new_array(b->planner->arena, wr_binding, node->output_count + 1);
        for (int k = 0; k < node->output_count; k++)
            bindings[k] = (wr_binding){
                wr_planner_column(b->planner, node->outputs[k].name, node->outputs[k].type),
                wr_expr_column(b->planner->arena, node->set.columns[i][k], node->outputs[k].type)};
        takes_back |= piece.takes_back;
        has_time &= piece.has_time;
        WR_TRY(wr_piece_finish(b, &piece, bindings, node->output_count, &inputs[i]));
    }
    wr_stream_op *op = wr_build_op(b, &wr_stream_union, NULL, node->outputs, node->output_count,
                                   inputs, node->input_count);
    wr_piece_begin(b, op, node->outputs, node->output_count, takes_back, has_time, out);
    return WR_OK;
}

/* Nodes that look at one row at a time stay in the piece. */
static weir_status build_row_by_row(wr_builder *b, wr_logical *node, wr_piece *out)
{
    if (out->window.node && computes_window(out, node)) wr_piece_settle_window(b, out);
    if (node->kind == WR_L_PROJECT) {
        if (out->window.node) carry_window(b, out, node);
        carry_times(b, out, node);
        carry_change(b, out, node);
    }
    node->inputs[0] = out->plan;
    wr_logical_set_outputs(b->planner, node);
    out->plan = node;
    return WR_OK;
}

static weir_status refuse_node(const wr_logical *node)
{
    switch (node->kind) {
    case WR_L_SORT:
        return wr_build_refuse(node, "a stream has no end, so its rows cannot be sorted",
                               "ORDER BY with LIMIT inside a window, or row_number() OVER "
                               "(PARTITION BY .. ORDER BY ..) <= n keeps the best rows");
    case WR_L_LIMIT:
        return wr_build_refuse(node, "a stream takes LIMIT with a fixed number and without OFFSET",
                               "row_number() OVER (ORDER BY ..) BETWEEN .. keeps rows by number");
    case WR_L_SAMPLE:
        return wr_build_refuse(node, "TABLESAMPLE of a stream is not supported",
                               "WHERE random() < 0.1 keeps a tenth");
    default:
        return wr_build_refuse(node, "this part of the query needs all rows at once",
                               "EXPLAIN shows which; a window of time bounds it");
    }
}

static weir_status build_one_input(wr_builder *b, wr_logical *node, wr_piece *out)
{
    WR_TRY(wr_build_node(b, node->inputs[0], out));
    if (!out->from) { /* nothing streams below: an ordinary plan */
        out->plan = node;
        return WR_OK;
    }
    switch (node->kind) {
    case WR_L_FILTER:
    case WR_L_PROJECT:
    case WR_L_UNNEST:
        return build_row_by_row(b, node, out);
    case WR_L_WATERMARK:
        wr_piece_settle_window(b, out);
        return build_watermark(b, node, out);
    case WR_L_TIME_WINDOW:
        return build_time_window(b, node, out);
    default:
        return refuse_node(node);
    }
}

static bool reads_stream(const wr_logical *node)
{
    if (node->kind == WR_L_SCAN && wr_relation_source(node->scan.relation)) return true;
    for (int i = 0; i < node->input_count; i++)
        if (reads_stream(node->inputs[i])) return true;
    return false;
}

/* Several inputs that are read once, together. */
static weir_status build_once(wr_logical *node, wr_piece *out)
{
    *out = (wr_piece){.plan = node};
    if (!reads_stream(node)) return WR_OK;
    return refuse_node(node);
}

weir_status wr_build_node(wr_builder *b, wr_logical *node, wr_piece *out)
{
    bool is_top = false;
    WR_TRY(wr_build_top(b, node, out, &is_top));
    if (is_top) return WR_OK;
    switch (node->kind) {
    case WR_L_SCAN:
        return build_scan(b, node, out);
    case WR_L_SHARED:
        return build_shared(b, node, out);
    case WR_L_AGGREGATE:
        return wr_build_group(b, node, out);
    case WR_L_JOIN:
        return wr_build_join(b, node, out);
    case WR_L_ASOF_JOIN:
        return wr_build_asof(b, node, out);
    case WR_L_WINDOW:
        return wr_build_over(b, node, out);
    case WR_L_SET:
        if (node->set.op == WR_SET_UNION) return build_union(b, node, out);
        return refuse_node(node);
    default:
        if (node->input_count == 1) return build_one_input(b, node, out);
        return build_once(node, out);
    }
}

weir_status wr_stream_build(wr_planner *planner, wr_logical *root, const wr_build_options *options,
                            wr_graph *graph, wr_stream_op **last, bool *takes_back)
{
    wr_builder b = {.planner = planner, .graph = graph, .options = options};
    wr_piece piece;
    const wr_output *outputs = root->outputs; /* the node may be given $change */
    int count = root->output_count;
    WR_TRY(wr_build_node(&b, root, &piece));
    wr_piece_settle_window(&b, &piece);
    if (!piece.from)
        return wr_build_refuse(root, "nothing in the query streams", "run it as a query");
    *takes_back = piece.takes_back;
    if (options->late_reopens && !b.reopens)
        return wr_build_refuse(root, "late = 'reopen' needs a GROUP BY of a window of time",
                               "group by window_start, window_end of tumble(), hop() or session()");
    if (piece.takes_back && !options->target_takes_back && options->late_reopens)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, root->span,
                                       "windows that are reopened change rows that were put out, "
                                       "and %s can only append",
                                       options->target),
                            "give the sink a PRIMARY KEY, or late = 'drop' or 'dlq'");
    if (piece.takes_back && !options->target_takes_back)
        return wr_with_hint(
            wr_fail_at(WR_E_UNSUPPORTED, root->span,
                       "rows of the query change later, and %s can only append", options->target),
            "group by a window with EMIT ON WINDOW CLOSE, or give the sink a PRIMARY KEY%s",
            options->target_has_options ? ", or force_append_only = true" : "");
    wr_binding *bindings = wr_new_array(planner->arena, wr_binding, count + 1);
    for (int i = 0; i < count; i++)
        bindings[i] = (wr_binding){wr_planner_column(planner, outputs[i].name, outputs[i].type),
                                   wr_expr_column(planner->arena, outputs[i].id, outputs[i].type)};
    return wr_piece_finish(&b, &piece, bindings, count, last);
}
