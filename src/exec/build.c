/* build.c - cuts a plan into pipelines.
 *
 * The walk carries what is downstream of a node: a chain of push operators and the sink they end
 * in. A streaming node puts itself in front of the chain; a leaf closes the chain into a pipeline;
 * a node that must see all its input first (sort, aggregate, build side of a join) becomes the sink
 * of a pipeline below it and the source of the one above.
 *
 * Pipelines run in the order in which they are closed. Build sides are walked before probe sides,
 * so that runtime filters are ready when the scans they limit start; shared subplans are built
 * where they are first met. */
#include "base/stack.h"
#include "exec/ops/result.h"

enum { CHAIN_MAX = 2000, DEPTH_MAX = 4000 };

/* What follows a node: operators in order of flow, then the sink. Immutable; grows at the front. */
typedef struct link {
    wr_op *op;
    const struct link *next;
} link;
typedef struct downstream {
    const link *first;
    int count, depth;
    wr_op *sink;
} downstream;

static weir_status build(wr_exec *exec, const wr_plan_node *node, downstream down);

static bool is_serial(const wr_op *op) { return op->def->is_serial || op->is_serial; }

/* Does its source wait for rows that somebody will push? Then one worker has to do. */
static bool pauses(const wr_op *source)
{
    return source->node && source->node->kind == WR_PN_SCAN && source->node->scan.relation->pauses;
}

static weir_status close_pipeline(wr_exec *exec, wr_op *source, downstream down)
{
    wr_pipeline *p = wr_new(&exec->arena, wr_pipeline);
    p->source = source;
    p->sink = down.sink;
    p->op_count = down.count;
    p->ops = wr_new_array(&exec->arena, wr_op *, down.count + 1);
    p->pauses = pauses(source);
    p->is_serial = is_serial(down.sink) || is_serial(source) || p->pauses;
    p->is_ordered = down.sink->def->is_ordered || down.sink->is_ordered;
    int i = 0;
    for (const link *l = down.first; l; l = l->next) {
        p->ops[i++] = l->op;
        p->is_serial |= is_serial(l->op);
        p->is_ordered |= l->op->def->is_ordered;
        p->holds |= l->op->def->drain != NULL;
    }
    source->wants_long |= p->holds;
    source->feeds_ordered |= p->is_ordered;
    p->sink->feeders++;
    *exec->pipelines_end = p;
    exec->pipelines_end = &p->next;
    return WR_OK;
}

static weir_status in_front(wr_exec *exec, wr_op *op, downstream down, downstream *out)
{
    if (down.count >= CHAIN_MAX)
        return wr_fail(WR_E_TOO_DEEP, "the plan has more than %d operators in a row", CHAIN_MAX);
    link *l = wr_new(&exec->arena, link);
    *l = (link){op, down.first};
    *out = (downstream){l, down.count + 1, down.depth + 1, down.sink};
    return WR_OK;
}

static downstream into_sink(wr_op *op, int depth) { return (downstream){NULL, 0, depth + 1, op}; }

static weir_status build_source(wr_exec *exec, const wr_op_def *def, const wr_plan_node *node,
                                downstream down)
{
    wr_op *op;
    WR_TRY(wr_exec_op(exec, def, node, &op));
    return close_pipeline(exec, op, down);
}

static weir_status build_streaming(wr_exec *exec, const wr_op_def *def, const wr_plan_node *node,
                                   downstream down)
{
    wr_op *op;
    WR_TRY(wr_exec_op(exec, def, node, &op));
    WR_TRY(in_front(exec, op, down, &down));
    return build(exec, node->inputs[0], down);
}

/* The node eats its only input, then gives rows. */
static weir_status build_breaker(wr_exec *exec, const wr_op_def *def, const wr_plan_node *node,
                                 downstream down)
{
    wr_op *op;
    WR_TRY(wr_exec_op(exec, def, node, &op));
    WR_TRY(build(exec, node->inputs[0], into_sink(op, down.depth)));
    return close_pipeline(exec, op, down);
}

static weir_status build_join(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    wr_op *op, *rest;
    int build_side = node->kind == WR_PN_JOIN && node->join.build_left ? 0 : 1;
    WR_TRY(wr_exec_op(exec, node->kind == WR_PN_JOIN ? &wr_op_join : &wr_op_asof, node, &op));
    WR_TRY(build(exec, node->inputs[build_side], into_sink(op, down.depth)));
    downstream probe;
    WR_TRY(in_front(exec, op, down, &probe));
    WR_TRY(build(exec, node->inputs[1 - build_side], probe));
    WR_TRY(node->kind == WR_PN_JOIN ? wr_join_rest(exec, op, &rest)
                                    : wr_asof_rest(exec, op, &rest));
    return close_pipeline(exec, rest, down);
}

static weir_status build_setop(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    wr_op *op, *rest;
    downstream left;
    WR_TRY(wr_exec_op(exec, &wr_op_setop, node, &op));
    WR_TRY(build(exec, node->inputs[1], into_sink(op, down.depth)));
    WR_TRY(in_front(exec, op, down, &left));
    WR_TRY(build(exec, node->inputs[0], left));
    WR_TRY(wr_setop_rest(exec, op, &rest));
    return close_pipeline(exec, rest, down);
}

static weir_status build_union(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    down.depth++;
    for (int i = 0; i < node->input_count; i++)
        WR_TRY(build(exec, node->inputs[i], down));
    return WR_OK;
}

static wr_op *named(wr_exec *exec, int id, bool working)
{
    for (wr_exec *e = exec; e; e = e->parent)
        for (wr_named_op *n = working ? e->working : e->shared; n; n = n->next)
            if (n->id == id) return n->op;
    return NULL;
}

wr_op *wr_exec_shared(wr_exec *exec, int id) { return named(exec, id, false); }
wr_op *wr_exec_working(wr_exec *exec, int id) { return named(exec, id, true); }

static weir_status need_shared(wr_exec *exec, const wr_plan_node *node, int depth, wr_op **out)
{
    *out = wr_exec_shared(exec, node->shared.id);
    if (*out) return WR_OK;
    WR_TRY(wr_exec_op(exec, &wr_op_shared, node, out));
    WR_TRY(build(exec, node->inputs[0], into_sink(*out, depth)));
    wr_named_op *n = wr_new(&exec->arena, wr_named_op);
    *n = (wr_named_op){node->shared.id, *out, exec->shared};
    exec->shared = n;
    return WR_OK;
}

static weir_status build_shared(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    wr_op *shared, *reader;
    WR_TRY(need_shared(exec, node, down.depth, &shared));
    WR_TRY(wr_shared_reader(exec, shared, node, &reader));
    return close_pipeline(exec, reader, down);
}

static bool reads_working(const wr_plan_node *node)
{
    if (node->kind == WR_PN_WORKING) return true;
    for (int i = 0; i < node->input_count; i++)
        if (reads_working(node->inputs[i])) return true;
    return false;
}

/* Subplans of a recursive step that do not depend on the step are computed once, outside of it. */
static weir_status hoist_shared(wr_exec *exec, const wr_plan_node *node, int depth)
{
    wr_op *op;
    if (node->kind == WR_PN_SHARED && !reads_working(node))
        return need_shared(exec, node, depth, &op);
    for (int i = 0; i < node->input_count; i++)
        WR_TRY(hoist_shared(exec, node->inputs[i], depth + 1));
    return WR_OK;
}

static weir_status build_recursive(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    wr_op *op;
    WR_TRY(wr_exec_op(exec, &wr_op_recursive, node, &op));
    WR_TRY(hoist_shared(exec, node->inputs[1], down.depth));
    WR_TRY(build(exec, node->inputs[0], into_sink(op, down.depth)));
    return close_pipeline(exec, op, down);
}

/* A limit right before the result is applied by the result, which sees the rows in order. */
static weir_status build_limit(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    if (node->limit.is_percent) return build_breaker(exec, &wr_op_percent, node, down);
    if (down.count > 0 || down.sink->def != &wr_op_result || node != exec->plan)
        return build_streaming(exec, &wr_op_limit, node, down);
    int64_t count, offset;
    WR_TRY(wr_exec_count_of(exec->env, node->limit.count, "LIMIT", INT64_MAX, &count));
    WR_TRY(wr_exec_count_of(exec->env, node->limit.offset, "OFFSET", 0, &offset));
    wr_result_limit((wr_result *)down.sink, node, (uint64_t)offset, (uint64_t)count);
    return build(exec, node->inputs[0], down);
}

static weir_status build(wr_exec *exec, const wr_plan_node *node, downstream down)
{
    WR_TRY(wr_stack_check(WR_STACK_FOR_WALKS, (wr_span){0}));
    if (++down.depth > DEPTH_MAX) return wr_fail(WR_E_TOO_DEEP, "the plan is nested too deeply");
    switch (node->kind) {
    case WR_PN_SCAN:
        return build_source(exec, &wr_op_scan, node, down);
    case WR_PN_VALUES:
        return build_source(exec, &wr_op_values, node, down);
    case WR_PN_WORKING:
        return build_source(exec, &wr_op_working, node, down);
    case WR_PN_FILTER:
        return build_streaming(exec, &wr_op_filter, node, down);
    case WR_PN_PROJECT:
        return build_streaming(exec, &wr_op_project, node, down);
    case WR_PN_UNNEST:
        return build_streaming(exec, &wr_op_unnest, node, down);
    case WR_PN_CALL:
        return build_streaming(exec, &wr_op_call, node, down);
    case WR_PN_ORDINAL:
        return build_streaming(exec, &wr_op_ordinal, node, down);
    case WR_PN_LIMIT:
        return build_limit(exec, node, down);
    case WR_PN_SAMPLE:
        if (node->sample.rows >= 0) return build_breaker(exec, &wr_op_sample_rows, node, down);
        return build_streaming(exec, &wr_op_sample, node, down);
    case WR_PN_SORT:
        return build_breaker(exec, &wr_op_sort, node, down);
    case WR_PN_AGGREGATE:
        return build_breaker(exec, &wr_op_aggregate, node, down);
    case WR_PN_WINDOW:
        return build_breaker(exec, &wr_op_window, node, down);
    case WR_PN_SINGLE_ROW:
        return build_breaker(exec, &wr_op_single, node, down);
    case WR_PN_SINK:
        return build_breaker(exec, &wr_op_sink, node, down);
    case WR_PN_JOIN:
    case WR_PN_ASOF_JOIN:
        return build_join(exec, node, down);
    case WR_PN_UNION:
        return build_union(exec, node, down);
    case WR_PN_INTERSECT:
    case WR_PN_EXCEPT:
        return build_setop(exec, node, down);
    case WR_PN_SHARED:
        return build_shared(exec, node, down);
    case WR_PN_RECURSIVE:
        return build_recursive(exec, node, down);
    }
    return wr_fail(WR_E_INTERNAL, "unknown plan node %d", (int)node->kind);
}

weir_status wr_exec_build(wr_exec *exec, const wr_plan_node *plan, wr_op *sink)
{
    WR_TRY(build(exec, plan, (downstream){.sink = sink}));
    exec->current = exec->pipelines;
    exec->stage = exec->current ? WR_STAGE_START : WR_STAGE_DONE;
    return WR_OK;
}

const char *wr_phys_kind_name(wr_phys_kind kind)
{
    static const char *const names[] = {
        [WR_PN_SCAN] = "scan",           [WR_PN_VALUES] = "values",
        [WR_PN_FILTER] = "filter",       [WR_PN_PROJECT] = "project",
        [WR_PN_LIMIT] = "limit",         [WR_PN_SORT] = "sort",
        [WR_PN_AGGREGATE] = "aggregate", [WR_PN_WINDOW] = "window",
        [WR_PN_JOIN] = "join",           [WR_PN_ASOF_JOIN] = "asof join",
        [WR_PN_UNION] = "union",         [WR_PN_INTERSECT] = "intersect",
        [WR_PN_EXCEPT] = "except",       [WR_PN_UNNEST] = "unnest",
        [WR_PN_SHARED] = "shared",       [WR_PN_RECURSIVE] = "recursive",
        [WR_PN_WORKING] = "working",     [WR_PN_SINGLE_ROW] = "single row",
        [WR_PN_ORDINAL] = "ordinal",     [WR_PN_SAMPLE] = "sample",
        [WR_PN_SINK] = "sink",           [WR_PN_CALL] = "call",
    };
    return names[kind];
}

const char *wr_join_kind_name(wr_join_kind kind)
{
    static const char *const names[] = {
        [WR_JOIN_INNER] = "inner", [WR_JOIN_LEFT] = "left",     [WR_JOIN_RIGHT] = "right",
        [WR_JOIN_FULL] = "full",   [WR_JOIN_SEMI] = "semi",     [WR_JOIN_ANTI] = "anti",
        [WR_JOIN_MARK] = "mark",   [WR_JOIN_SINGLE] = "single",
    };
    return names[kind];
}
