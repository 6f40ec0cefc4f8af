/* result.c - the end of a query: hands batches to whoever calls wr_run_next, in the order of the
 * source.
 *
 * The calling thread (worker 0) gives its own batches away without copying, by stopping its chain
 * (YIELD); batches of other workers are copied into a bounded queue. The queue's lock is the
 * exec's.
 *
 * A LIMIT at the very end is applied here, where rows pass in order one batch at a time, so that a
 * limited scan still uses all workers. */
#include "exec/ops/result.h"

enum { QUEUE_MAX = 16, QUEUE_SHARE = 16 /* of the memory limit, at most */ };

/* Cuts a batch to what OFFSET and LIMIT leave of it; sel has room for its rows. Called by whoever
 * delivers, one at a time. */
static void cut(wr_result *r, wr_batch *batch, uint16_t *sel)
{
    if (!r->is_limited) return;
    uint32_t count = wr_batch_count(batch);
    uint32_t from = (uint32_t)WR_MIN(r->skip, (uint64_t)count);
    uint32_t take = (uint32_t)WR_MIN(r->left, (uint64_t)(count - from));
    r->skip -= from;
    r->left -= take;
    if (take < count) {
        for (uint32_t i = 0; i < take; i++)
            sel[i] = (uint16_t)wr_batch_row(batch, from + i);
        batch->sel = sel;
        batch->sel_count = take;
    }
    if (r->left > 0) return;
    r->op.stopped = true;
    r->op.exec->pipeline_stop = true;
}

void wr_result_limit(wr_result *r, const wr_plan_node *node, uint64_t skip, uint64_t left)
{
    r->op.node = node;
    r->is_limited = true;
    r->skip = skip;
    r->left = left;
    r->op.stopped = left == 0;
}

static weir_status enqueue(void *owner, wr_held *held, const wr_batch *batch)
{
    wr_result *r = owner;
    wr_batch part = held ? held->batch : *batch;
    cut(r, &part, r->sel);
    if (wr_batch_count(&part) == 0) {
        wr_held_drop(r->op.mem, held);
        return WR_OK;
    }
    if (held && part.sel == r->sel) { /* the selection has to live as long as the rows */
        size_t size = part.sel_count * sizeof *part.sel;
        held->batch.sel = (const uint16_t *)wr_arena_copy(&held->arena, part.sel, size);
        held->batch.sel_count = part.sel_count;
    }
    if (!held) batch = &part;
    if (!held) WR_TRY(wr_held_new(r->op.mem, batch, &held));
    wr_exec *exec = r->op.exec;
    wr_mutex_lock(&exec->lock);
    *r->end = held;
    r->end = &held->next;
    r->count++;
    exec->result_ready = true;
    wr_cond_broadcast(&exec->changed);
    wr_mutex_unlock(&exec->lock);
    return WR_OK;
}

static weir_status result_open(wr_op *op)
{
    wr_result *r = (wr_result *)op;
    wr_ordered_init(&r->ordered, op->exec, op->mem);
    r->ordered.deliver = enqueue;
    r->ordered.owner = r;
    r->end = &r->first;
    return WR_OK;
}

static void result_close(wr_op *op)
{
    wr_result *r = (wr_result *)op;
    wr_held_drop(op->mem, r->given);
    for (wr_held *h = r->first, *next; h; h = next) {
        next = h->next;
        wr_held_drop(op->mem, h);
    }
    wr_ordered_clear(&r->ordered);
}

static bool is_full(const wr_result *r)
{
    uint64_t limit = wr_mem_limit(r->op.mem);
    if (r->count == 0) return false;
    return r->count >= QUEUE_MAX || (limit && wr_mem_used(r->op.mem) > limit / QUEUE_SHARE);
}

/* Waits for room; other workers only. */
static bool wait_for_room(wr_result *r, wr_op_local *local)
{
    wr_exec *exec = r->op.exec;
    wr_mutex_lock(&exec->lock);
    while (!exec->stop && is_full(r) && local->morsel == r->ordered.head)
        wr_cond_wait(&exec->changed, &exec->lock);
    bool stopped = exec->stop;
    wr_mutex_unlock(&exec->lock);
    return !stopped;
}

static weir_status result_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    wr_result *r = (wr_result *)op;
    wr_exec *exec = op->exec;
    *flow = WR_FLOW_NEXT;
    if (local->worker != 0) {
        if (!wait_for_room(r, local)) return WR_OK;
        return wr_ordered_put(&r->ordered, local->morsel, in, true);
    }
    wr_mutex_lock(&exec->lock);
    bool direct = local->morsel == r->ordered.head && r->count == 0;
    wr_mutex_unlock(&exec->lock);
    *flow = WR_FLOW_YIELD;
    if (!direct) return wr_ordered_put(&r->ordered, local->morsel, in, false);
    r->given_direct = *in;
    cut(r, &r->given_direct, r->sel);
    if (wr_batch_count(&r->given_direct) > 0)
        r->direct = &r->given_direct;
    else
        *flow = WR_FLOW_NEXT;
    return WR_OK;
}

static weir_status result_morsel_end(wr_op *op, wr_op_local *local)
{
    return wr_ordered_end(&((wr_result *)op)->ordered, local->morsel);
}

static void count_out(wr_result *r, const wr_batch *batch)
{
    if (r->op.locals[0]) r->op.locals[0]->rows_out += wr_batch_count(batch);
}

/* Worker 0: takes what is there. */
bool wr_result_take(wr_result *r, wr_batch *out)
{
    wr_exec *exec = r->op.exec;
    wr_held_drop(r->op.mem, r->given);
    r->given = NULL;
    if (r->direct) {
        *out = *r->direct;
        r->direct = NULL;
        count_out(r, out);
        return true;
    }
    wr_mutex_lock(&exec->lock);
    wr_held *held = r->first;
    if (held) {
        r->first = held->next;
        if (!r->first) r->end = &r->first;
        r->count--;
        exec->result_ready = r->first != NULL;
        wr_cond_broadcast(&exec->changed);
    }
    wr_mutex_unlock(&exec->lock);
    if (!held) return false;
    r->given = held;
    *out = held->batch;
    count_out(r, out);
    return true;
}

void wr_result_wait_for_turn(wr_result *r)
{
    wr_exec *exec = r->op.exec;
    wr_op_local *local = r->op.locals[0];
    if (!local) return;
    wr_mutex_lock(&exec->lock);
    while (!exec->stop && !exec->result_ready && exec->chains[0].attached &&
           exec->chains[0].in_morsel && wr_ordered_is_full(&r->ordered, local->morsel))
        wr_cond_wait(&exec->changed, &exec->lock);
    wr_mutex_unlock(&exec->lock);
}

const wr_op_def wr_op_result = {.name = "result",
                                .size = sizeof(wr_result),
                                .open = result_open,
                                .close = result_close,
                                .sink = result_sink,
                                .morsel_end = result_morsel_end,
                                .is_ordered = true};
