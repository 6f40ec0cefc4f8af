/* graph.c - see graph.h: operators, edges, and how deltas and time pass along them.
 *
 * Operators stand in an order in which every one comes behind those that feed it, so one pass from
 * front to back settles a round. Invariant: the time of an operator is the smallest that came
 * through its inputs, never falls, and is passed on only after the operator has put out what is due
 * by it. */
#include "stream/graph.h"
#include "stream/watermark.h"
#include "stream/workers.h"

wr_graph *wr_graph_new(wr_mem *mem, const wr_env *env, wr_pool *pool)
{
    wr_graph *graph = wr_heap_new(sizeof *graph);
    graph->mem = mem;
    graph->env = env;
    graph->pool = pool;
    return graph;
}

void wr_stream_op_clear(wr_stream_op *op)
{
    if (op->def->close) op->def->close(op);
    wr_arena_clear(&op->arena);
    wr_mem_drop(op->mem);
}

void wr_stream_op_drop(wr_stream_op *op)
{
    wr_stream_op_clear(op);
    wr_heap_drop(op);
}

static void source_clear(wr_graph_source *source)
{
    if (source->reader) source->source->def->close(source->reader);
    wr_source_release(source->source);
}

void wr_graph_drop(wr_graph *graph)
{
    if (!graph) return;
    if (graph->workers) wr_workers_stop(graph->workers);
    for (int i = 0; i < graph->source_count; i++)
        source_clear(&graph->sources[i]);
    for (int i = graph->op_count; i-- > 0;)
        wr_stream_op_drop(graph->ops[i]);
    wr_workers_drop(graph->workers);
    for (int i = 0; i < graph->feeds.count; i++)
        wr_relation_release(graph->feeds.items[i]);
    wr_arena_clear(&graph->arena);
    wr_heap_drop(graph);
}

void wr_stream_op_init(wr_stream_op *op, wr_graph *graph, const wr_stream_op_def *def,
                       const void *spec, const wr_schema *schema, int input_count, wr_mem *mem)
{
    *op = (wr_stream_op){.def = def,
                         .kind = def,
                         .graph = graph,
                         .spec = spec,
                         .schema = schema,
                         .mem = wr_mem_new(mem, def->name, 0),
                         .input_count = input_count,
                         .keeps_rows = def->keeps_rows,
                         .time = WR_NO_TIME_YET};
    op->input_idle = wr_new_array(&op->arena, bool, input_count);
    op->input_times = wr_new_array(&op->arena, int64_t, input_count);
    for (int i = 0; i < input_count; i++)
        op->input_times[i] = WR_NO_TIME_YET;
}

wr_stream_op *wr_stream_op_new(wr_graph *graph, const wr_stream_op_def *def, const void *spec,
                               const wr_schema *schema, int input_count, wr_mem *mem)
{
    wr_stream_op *op = wr_heap_new(def->size);
    wr_stream_op_init(op, graph, def, spec, schema, input_count, mem);
    return op;
}

wr_stream_op *wr_graph_add(wr_graph *graph, const wr_stream_op_def *def, const void *spec,
                           const wr_schema *schema, int input_count)
{
    wr_stream_op *op = wr_stream_op_new(graph, def, spec, schema, input_count, graph->mem);
    if (graph->op_count == graph->op_cap) {
        int cap = graph->op_cap ? graph->op_cap * 2 : 16;
        graph->ops =
            wr_arena_grow(&graph->arena, graph->ops, sizeof *graph->ops * (size_t)graph->op_count,
                          sizeof *graph->ops * (size_t)cap);
        graph->op_cap = cap;
    }
    graph->ops[graph->op_count++] = op;
    return op;
}

void wr_graph_replace(wr_graph *graph, int number, wr_stream_op *op)
{
    wr_stream_op *old = graph->ops[number];
    op->outputs = old->outputs;
    op->output_count = old->output_count;
    for (int i = 0; i < graph->op_count; i++)
        for (int k = 0; k < graph->ops[i]->output_count; k++)
            if (graph->ops[i]->outputs[k].to == old) graph->ops[i]->outputs[k].to = op;
    graph->ops[number] = op;
    wr_stream_op_drop(old);
}

void wr_graph_connect(wr_graph *graph, wr_stream_op *from, wr_stream_op *to, int input)
{
    wr_assert(input < to->input_count);
    size_t size = sizeof *from->outputs * (size_t)from->output_count;
    from->outputs = wr_arena_grow(&graph->arena, from->outputs, size, size + sizeof *from->outputs);
    from->outputs[from->output_count++] = (wr_stream_edge){to, input};
}

static weir_status open_some(wr_graph *graph, bool only_state)
{
    for (int i = 0; i < graph->op_count; i++) {
        wr_stream_op *op = graph->ops[i];
        if (op->is_open || !op->def->open || (only_state && !op->def->is_stateful)) continue;
        op->is_open = true;
        WR_TRY(op->def->open(op));
    }
    return WR_OK;
}

weir_status wr_graph_open(wr_graph *graph) { return open_some(graph, false); }

weir_status wr_graph_open_state(wr_graph *graph) { return open_some(graph, true); }

weir_status wr_stream_emit(wr_stream_op *op, const wr_delta *delta)
{
    uint32_t count = wr_batch_count(&delta->batch);
    if (count == 0) return WR_OK;
    op->rows_out += count;
    for (int i = 0; i < op->output_count; i++) {
        wr_stream_op *to = op->outputs[i].to;
        to->rows_in += count;
        WR_TRY(to->def->push(to, op->outputs[i].input, delta));
    }
    return WR_OK;
}

/* The smallest time of the inputs that are not idle; the largest where all are, as if the one that
 * was furthest had become idle last. Inputs that have ended count only when all have: the others
 * may go on. */
static int64_t time_of_inputs(const wr_stream_op *op)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    bool has_ended = true, is_idle = true;
    for (int i = 0; i < op->input_count; i++) {
        if (op->input_times[i] == INT64_MAX) continue;
        has_ended = false;
        most = WR_MAX(most, op->input_times[i]);
        if (op->input_idle[i]) continue;
        is_idle = false;
        least = WR_MIN(least, op->input_times[i]);
    }
    return has_ended ? INT64_MAX : is_idle ? most : least;
}

/* Does what is due at op->time; those behind hear of the time when all of it was done. */
weir_status wr_stream_catch_up(wr_stream_op *op)
{
    op->is_behind = false;
    if (op->def->advance) WR_TRY(op->def->advance(op));
    if (op->def->passes_time) return WR_OK;
    for (int i = 0; i < op->output_count && !op->is_behind; i++)
        WR_TRY(wr_stream_advance(op->outputs[i].to, op->outputs[i].input, op->time));
    return WR_OK;
}

static weir_status pass_time(wr_stream_op *op)
{
    int64_t time = time_of_inputs(op);
    if (time <= op->time) return WR_OK;
    op->time = time;
    return wr_stream_catch_up(op);
}

weir_status wr_stream_advance(wr_stream_op *op, int input, int64_t time)
{
    if (time <= op->input_times[input]) return WR_OK;
    op->input_times[input] = time;
    return pass_time(op);
}

static bool all_idle(const wr_stream_op *op)
{
    for (int i = 0; i < op->input_count; i++)
        if (!op->input_idle[i]) return false;
    return true;
}

weir_status wr_stream_idle(wr_stream_op *op, int input, bool is_idle)
{
    if (op->input_idle[input] == is_idle) return WR_OK;
    bool was_idle = all_idle(op);
    op->input_idle[input] = is_idle;
    WR_TRY(pass_time(op));
    if (all_idle(op) == was_idle) return WR_OK;
    if (op->def->settle) WR_TRY(op->def->settle(op));
    for (int i = 0; i < op->output_count; i++)
        WR_TRY(wr_stream_idle(op->outputs[i].to, op->outputs[i].input, !was_idle));
    return WR_OK;
}

weir_status wr_graph_flush(wr_graph *graph)
{
    for (int i = 0; i < graph->op_count; i++)
        if (graph->ops[i]->def->flush) WR_TRY(graph->ops[i]->def->flush(graph->ops[i]));
    return WR_OK;
}

/* What the columns of batch are called, if one of the operators in front emits such rows. */
static const wr_schema *schema_into(const wr_stream_op *op, const wr_batch *batch)
{
    const wr_graph *graph = op->graph;
    for (int i = 0; i < graph->op_count; i++)
        for (int k = 0; k < graph->ops[i]->output_count; k++)
            if (graph->ops[i]->outputs[k].to == op &&
                graph->ops[i]->schema->count == batch->column_count)
                return graph->ops[i]->schema;
    return NULL;
}

/* A row as a JSON object; columns that were only computed on the way have no names. */
static void print_row(const wr_schema *schema, const wr_batch *batch, uint32_t row, wr_buf *out)
{
    for (int c = 0; c < batch->column_count; c++) {
        wr_str name = schema ? schema->fields[c].name : (wr_str){0};
        wr_buf_add_char(out, c ? ',' : '{');
        if (name.length && name.data[0] != '$')
            wr_buf_add_json(out, name);
        else
            wr_buf_printf(out, "\"%d\"", c + 1);
        wr_buf_add_char(out, ':');
        wr_column_print_json(&batch->columns[c], row, out);
    }
    wr_buf_add_char(out, '}');
}

weir_status wr_stream_late(wr_stream_op *op, const wr_batch *batch, uint32_t row,
                           const char *reason)
{
    op->late_rows++;
    wr_dead_letters *late = op->graph->late;
    if (!late) return WR_OK;
    WR_BUF(text);
    print_row(schema_into(op, batch), batch, row, &text);
    return late->add(late, (wr_str){0}, wr_str_of(reason), wr_buf_str(&text));
}

/* Are the rows op is pushed those that were polled last? */
static bool is_at_source(const wr_stream_op *op)
{
    const wr_graph *graph = op->graph;
    for (int i = 0; i < graph->op_count; i++)
        for (int k = 0; k < graph->ops[i]->output_count; k++)
            if (graph->ops[i]->outputs[k].to == op &&
                (!graph->ops[i]->keeps_rows || !is_at_source(graph->ops[i])))
                return false;
    return true;
}

weir_status wr_stream_bad_row(wr_stream_op *op, const wr_schema *schema, const wr_batch *batch,
                              uint32_t row, bool is_pushed, weir_status why)
{
    const wr_graph_source *source = op->graph->polled;
    wr_dead_letters *dead = op->graph->dead;
    WR_BUF(text);
    WR_BUF(place);
    print_row(schema, batch, row, &text);
    bool is_known =
        is_pushed && source && source->reader && source->source->def->locate && is_at_source(op);
    if (is_known) source->source->def->locate(source->reader, row, &place);
    return dead->add(dead, wr_buf_str(&place), wr_str_of(wr_status_text(why)), wr_buf_str(&text));
}

weir_status wr_stream_bad_group(wr_stream_op *op, const wr_schema *schema, const wr_batch *keys,
                                weir_status why)
{
    wr_dead_letters *dead = op->graph->dead_groups;
    WR_BUF(text);
    print_row(schema, keys, 0, &text);
    return dead->add(dead, (wr_str){0}, wr_str_of(wr_status_text(why)), wr_buf_str(&text));
}

uint64_t wr_graph_state_bytes(const wr_graph *graph)
{
    uint64_t bytes = 0;
    for (int i = 0; i < graph->op_count; i++)
        if (graph->ops[i]->def->is_stateful) bytes += wr_mem_used(graph->ops[i]->mem);
    return bytes;
}

/* ---- memory ---- */

enum { PAGE_BYTES = 4096 };

/* Two fifths are groups and rows, a quarter the pages of a commit; the rest is for the changes of
 * a commit, for what is read, and for all that is not state. */
uint64_t wr_graph_pages_max(uint64_t limit) { return limit / 4 / PAGE_BYTES; }

/* A watermark keeps a few numbers. */
static bool keeps_rows(const wr_stream_op *op)
{
    return op->def->is_stateful && op->def != &wr_stream_watermark;
}

void wr_graph_share(wr_graph *graph, uint64_t limit, bool is_durable)
{
    int stateful = 0;
    for (int i = 0; i < graph->op_count; i++)
        stateful += keeps_rows(graph->ops[i]);
    for (int i = 0; i < graph->op_count && limit; i++)
        if (keeps_rows(graph->ops[i])) graph->ops[i]->share = limit / 5 * 2 / (uint64_t)stateful;
    graph->pages_max = is_durable ? wr_graph_pages_max(limit) : 0;
}

bool wr_graph_is_short(const wr_graph *graph)
{
    for (int i = 0; i < graph->op_count; i++) {
        const wr_stream_op *op = graph->ops[i];
        if (!op->share) continue;
        uint64_t used = wr_mem_used(op->mem);
        if (used > op->share && used > op->kept_bytes + op->share / 4) return true;
    }
    return false;
}

bool wr_graph_wants_commit(const wr_graph *graph)
{
    uint64_t pages = 0;
    for (int i = 0; i < graph->op_count && graph->pages_max; i++) {
        wr_stream_op *op = graph->ops[i];
        if (op->share && op->def->pending) pages += op->def->pending(op);
    }
    return (graph->pages_max && pages >= graph->pages_max) || wr_graph_is_short(graph);
}

bool wr_stream_should_pause(const wr_stream_op *op)
{
    const wr_workers *workers = op->graph->workers;
    bool is_beside_others = op->whole && workers && wr_workers_are_running(workers);
    return !is_beside_others && wr_graph_wants_commit(op->graph);
}

weir_status wr_graph_catch_up(wr_graph *graph)
{
    for (int i = 0; i < graph->op_count; i++)
        if (graph->ops[i]->is_behind) WR_TRY(wr_stream_catch_up(graph->ops[i]));
    return WR_OK;
}

bool wr_graph_is_behind(const wr_graph *graph)
{
    for (int i = 0; i < graph->op_count; i++)
        if (graph->ops[i]->is_behind) return true;
    return false;
}

weir_status wr_graph_source_idle(wr_graph_source *source, bool is_idle)
{
    if (source->is_idle == is_idle) return WR_OK;
    wr_workers *workers = source->entry->graph->workers;
    if (workers) WR_TRY(wr_workers_settle(workers));
    source->is_idle = is_idle;
    for (int i = 0; i < source->entry->output_count; i++)
        WR_TRY(
            wr_stream_idle(source->entry->outputs[i].to, source->entry->outputs[i].input, is_idle));
    return WR_OK;
}

static weir_status hand_on(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    return wr_stream_emit(op, delta);
}

const wr_stream_op_def wr_stream_entry = {.name = "source",
                                          .size = sizeof(wr_stream_op),
                                          .takes_back = true,
                                          .keeps_rows = true,
                                          .push = hand_on};
const wr_stream_op_def wr_stream_union = {.name = "union all",
                                          .size = sizeof(wr_stream_op),
                                          .takes_back = true,
                                          .keeps_rows = true,
                                          .push = hand_on};
