/* result.c - the end of a query: hands batches to whoever calls wr_run_next, in the order of the
 * source.
 *
 * The calling thread (worker 0) gives its own batches away without copying, by stopping its chain
 * (YIELD); batches of other workers are copied into a bounded queue. The queue's lock is the
 * exec's. */
#include "exec/ops/result.h"

enum { QUEUE_MAX = 16 };

static weir_status enqueue(void *owner, wr_held *held, const wr_batch *batch)
{
    wr_result *r = owner;
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

/* Waits for room; other workers only. */
static bool wait_for_room(wr_result *r, wr_op_local *local)
{
    wr_exec *exec = r->op.exec;
    wr_mutex_lock(&exec->lock);
    while (!exec->stop && r->count >= QUEUE_MAX && local->morsel == r->ordered.head)
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
    r->direct = in;
    return WR_OK;
}

static weir_status result_morsel_end(wr_op *op, wr_op_local *local)
{
    return wr_ordered_end(&((wr_result *)op)->ordered, local->morsel);
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
