/* schedule.c - runs the pipelines of one plan, one after the other, with as many workers as come.
 *
 * There is no dispatcher thread: whoever calls wr_exec_work moves the plan forward. Stages of a
 * pipeline: START (one thread opens the source), RUN (workers attach, take morsels until the source
 * is empty, detach), FINISH (one thread calls the sink's finish) with TASKS in between (workers
 * share the pieces finish asked for). Pipelines are in an order that satisfies all dependencies,
 * because build.c lists a pipeline only after those it reads from.
 *
 * A worker's position inside a pipeline lives in its wr_chain, so the result sink can stop the
 * chain at any batch (YIELD) and the next call goes on where it was. The first error of any worker
 * stops all of them: `stop` is looked at once per batch. */
#include "exec/engine.h"
#include "sys/clock.h"
#include <stdarg.h>
#include <stdio.h>

enum { LOOKS = 500 }; /* some 20 microseconds */

const wr_env *wr_exec_env(const wr_exec *exec) { return exec->env; }
const wr_cancel *wr_exec_cancel(const wr_exec *exec) { return exec->env->cancel; }

wr_bad_rows *wr_exec_bad_rows(const wr_exec *exec)
{
    return exec->options ? exec->options->bad_rows : NULL;
}
int wr_exec_workers(const wr_exec *exec) { return exec->worker_count; }

weir_status wr_exec_check(wr_exec *exec)
{
    for (wr_exec *e = exec; e; e = e->parent)
        if (wr_unlikely(atomic_load_explicit(&e->stop, memory_order_relaxed)))
            return wr_fail(WR_E_CANCELLED, "the query was stopped");
    return wr_cancel_check(exec->env->cancel);
}

void wr_op_note(wr_op *op, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(op->note, sizeof op->note, fmt, args);
    va_end(args);
}

weir_status wr_exec_new(wr_exec *parent, const wr_plan_node *plan, const wr_env *env, wr_mem *mem,
                        const wr_run_options *options, int workers, wr_exec **out)
{
    wr_exec *exec = wr_heap_new(sizeof *exec);
    exec->parent = parent;
    exec->plan = plan;
    exec->env = env;
    exec->mem = mem;
    exec->options = options;
    exec->worker_count = workers;
    exec->pipelines_end = &exec->pipelines;
    exec->chains = wr_new_array(&exec->arena, wr_chain, workers);
    wr_mutex_init(&exec->lock);
    wr_cond_init(&exec->changed);
    wr_mutex_init(&exec->order_lock);
    *out = exec;
    return WR_OK;
}

static void op_drop(wr_exec *exec, wr_op *op)
{
    for (int i = 0; i < exec->worker_count; i++) {
        wr_op_local *local = op->locals[i];
        if (!local) continue;
        if (op->def->local_close) op->def->local_close(op, local);
        wr_arena_clear(&local->scratch);
        wr_heap_drop(local);
    }
    if (op->def->close) op->def->close(op);
    wr_arena_clear(&op->arena);
    wr_mem_drop(op->mem);
    wr_heap_drop(op->locals);
    wr_heap_drop(op);
}

void wr_exec_drop(wr_exec *exec)
{
    wr_exec_collect_stats(exec);
    while (exec->ops) { /* newest first: readers go before what they read */
        wr_op *op = exec->ops;
        exec->ops = op->next;
        op_drop(exec, op);
    }
    for (int i = 0; i < exec->worker_count; i++) {
        wr_heap_drop(exec->chains[i].batches);
        wr_heap_drop(exec->chains[i].locals);
        wr_heap_drop(exec->chains[i].again);
    }
    wr_status_drop(exec->error);
    wr_cond_clear(&exec->changed);
    wr_mutex_clear(&exec->order_lock);
    wr_mutex_clear(&exec->lock);
    wr_arena_clear(&exec->arena);
    wr_heap_drop(exec);
}

weir_status wr_exec_op(wr_exec *exec, const wr_op_def *def, const wr_plan_node *node, wr_op **out)
{
    wr_op *op = wr_heap_new(def->size);
    op->def = def;
    op->exec = exec;
    op->node = node;
    op->mem = op->arena.mem = wr_mem_new(exec->mem, def->name, 0);
    op->locals = wr_heap_new(sizeof *op->locals * (size_t)exec->worker_count);
    op->next = exec->ops;
    exec->ops = op;
    *out = op;
    return def->open ? def->open(op) : WR_OK;
}

weir_status wr_exec_local(wr_op *op, int worker, wr_op_local **out)
{
    wr_op_local *local = op->locals[worker];
    if (!local) {
        size_t size = WR_MAX(op->def->local_size, sizeof *local);
        local = op->locals[worker] = wr_heap_new(size);
        local->worker = worker;
        local->scratch.mem = op->mem;
        if (op->def->local_open) WR_TRY(op->def->local_open(op, local));
    }
    *out = local;
    return WR_OK;
}

void wr_exec_fail(wr_exec *exec, weir_status error)
{
    wr_mutex_lock(&exec->lock);
    if (exec->error)
        wr_status_drop(error);
    else
        exec->error = error;
    exec->stop = true;
    wr_cond_broadcast(&exec->changed);
    wr_mutex_unlock(&exec->lock);
}

weir_status wr_exec_error(wr_exec *exec)
{
    wr_mutex_lock(&exec->lock);
    weir_status s = wr_status_copy(exec->error);
    wr_mutex_unlock(&exec->lock);
    return s;
}

/* ---- one worker inside one pipeline ---- */

static weir_status chain_attach(wr_exec *exec, const wr_pipeline *p, wr_chain *c, int worker)
{
    c->depth = p->op_count;
    c->reason = WR_DRAIN_NOT;
    c->resume = -1;
    c->in_morsel = false;
    if (c->cap < p->op_count + 2) {
        wr_heap_drop(c->batches);
        wr_heap_drop(c->locals);
        wr_heap_drop(c->again);
        c->cap = p->op_count + 2;
        c->again = wr_heap_new(sizeof *c->again * (size_t)c->cap);
        c->batches = wr_heap_new(sizeof *c->batches * (size_t)c->cap);
        c->locals = wr_heap_new(sizeof *c->locals * (size_t)c->cap);
    }
    WR_TRY(wr_exec_local(p->source, worker, &c->locals[0]));
    for (int i = 0; i < p->op_count; i++)
        WR_TRY(wr_exec_local(p->ops[i], worker, &c->locals[i + 1]));
    (void)exec;
    return wr_exec_local(p->sink, worker, &c->locals[p->op_count + 1]);
}

static bool is_stopped(const wr_exec *exec)
{
    return atomic_load_explicit(&exec->pipeline_stop, memory_order_relaxed);
}

/* Does what operator i gives still reach somebody, though the pipeline was stopped? */
static bool is_wanted(const wr_pipeline *p, int i)
{
    while (++i < p->op_count)
        if (p->ops[i]->stopped) return false;
    return !p->sink->stopped;
}

static void stop_pipeline(wr_exec *exec, wr_op *op)
{
    op->stopped = true;
    exec->pipeline_stop = true;
}

/* Calls op number i of the chain; its output is batch i + 1. */
static weir_status push_one(wr_exec *exec, const wr_pipeline *p, wr_chain *c, int i, wr_flow *flow)
{
    wr_op *op = p->ops[i];
    wr_op_local *local = c->locals[i + 1];
    wr_batch *out = &c->batches[i + 1];
    *out = (wr_batch){0};
    if (c->resume < i) local->rows_in += wr_batch_count(&c->batches[i]);
    int64_t began = wr_clock_mono_ns();
    weir_status bad = op->def->push(op, local, &c->batches[i], out, flow);
    local->busy_ns += wr_clock_mono_ns() - began;
    local->rows_out += wr_batch_count(out);
    local->batches++;
    if (!bad && *flow == WR_FLOW_STOP) stop_pipeline(exec, op);
    return bad;
}

static weir_status give_to_sink(wr_exec *exec, const wr_pipeline *p, wr_chain *c, wr_flow *flow)
{
    wr_op_local *local = c->locals[c->depth + 1];
    local->rows_in += wr_batch_count(&c->batches[c->depth]);
    local->batches++;
    int64_t began = wr_clock_mono_ns();
    weir_status bad = p->sink->def->sink(p->sink, local, &c->batches[c->depth], flow);
    local->busy_ns += wr_clock_mono_ns() - began;
    if (!bad && *flow == WR_FLOW_STOP) stop_pipeline(exec, p->sink);
    return bad;
}

/* Moves batch `level` down the chain until everything it leads to is consumed. resume always is the
 * deepest op that has more to give for its present input; ops above it that also have more are
 * found through again. */
static weir_status chain_flow(wr_exec *exec, const wr_pipeline *p, wr_chain *c, int level,
                              bool *yielded)
{
    for (;;) {
        WR_TRY(wr_exec_check(exec));
        wr_flow flow = WR_FLOW_NEXT;
        if (level == c->depth) {
            WR_TRY(give_to_sink(exec, p, c, &flow));
            if (flow == WR_FLOW_YIELD) *yielded = true;
        } else {
            WR_TRY(push_one(exec, p, c, level, &flow));
            if (c->again_count && c->again[c->again_count - 1] == level) c->again_count--;
            if (flow == WR_FLOW_AGAIN) c->again[c->again_count++] = level;
            if (wr_batch_count(&c->batches[level + 1]) > 0) {
                c->resume = -1;
                level++;
                continue;
            }
        }
        c->resume = c->again_count ? c->again[c->again_count - 1] : -1;
        if (*yielded || c->resume < 0) return WR_OK;
        if (is_stopped(exec) && !is_wanted(p, c->resume)) return WR_OK;
        level = c->resume;
    }
}

static weir_status take_morsel(wr_exec *exec, const wr_pipeline *p, wr_chain *c, bool *got)
{
    if (p->is_ordered) wr_mutex_lock(&exec->order_lock);
    weir_status bad = p->source->def->morsel(p->source, c->locals[0], got);
    if (!bad && *got) {
        uint64_t number = __atomic_fetch_add(&p->sink->morsel_next, 1, __ATOMIC_RELAXED);
        for (int i = 0; i < c->depth + 2; i++)
            c->locals[i]->morsel = number;
    }
    if (p->is_ordered) wr_mutex_unlock(&exec->order_lock);
    c->in_morsel = !bad && *got;
    return bad;
}

static weir_status end_morsel(const wr_pipeline *p, wr_chain *c)
{
    c->in_morsel = false;
    return p->sink->def->morsel_end ? p->sink->def->morsel_end(p->sink, c->locals[c->depth + 1])
                                    : WR_OK;
}

static weir_status next_source_batch(const wr_pipeline *p, wr_chain *c, bool *more)
{
    wr_op_local *local = c->locals[0];
    c->batches[0] = (wr_batch){0};
    int64_t began = wr_clock_mono_ns();
    WR_TRY(p->source->def->next_batch(p->source, local, &c->batches[0], more));
    local->busy_ns += wr_clock_mono_ns() - began;
    if (!*more) return WR_OK;
    local->rows_out += wr_batch_count(&c->batches[0]);
    local->batches++;
    return WR_OK;
}

/* Operators give what they kept back, those that come first first. */
static weir_status drain(wr_exec *exec, const wr_pipeline *p, wr_chain *c, bool *yielded)
{
    while (c->drained < c->depth && !*yielded) {
        int i = c->drained;
        wr_op *op = p->ops[i];
        wr_op_local *local = c->locals[i + 1];
        wr_flow flow = WR_FLOW_NEXT;
        c->batches[i + 1] = (wr_batch){0};
        if (op->def->drain && is_wanted(p, i)) {
            int64_t began = wr_clock_mono_ns();
            WR_TRY(op->def->drain(op, local, &c->batches[i + 1], &flow));
            local->busy_ns += wr_clock_mono_ns() - began;
            local->rows_out += wr_batch_count(&c->batches[i + 1]);
        }
        if (flow != WR_FLOW_AGAIN) c->drained++;
        c->resume = -1;
        if (wr_batch_count(&c->batches[i + 1]) > 0) WR_TRY(chain_flow(exec, p, c, i + 1, yielded));
    }
    return WR_OK;
}

static void begin_drain(wr_chain *c, wr_drain reason)
{
    c->reason = reason;
    c->drained = 0;
}

/* All gave what they had. */
static weir_status end_drain(wr_exec *exec, const wr_pipeline *p, wr_chain *c, bool *yielded)
{
    wr_drain reason = c->reason;
    c->reason = WR_DRAIN_NOT;
    if (reason == WR_DRAIN_MORSEL || (reason == WR_DRAIN_STOP && c->in_morsel))
        return end_morsel(p, c);
    if (reason == WR_DRAIN_PAUSE) *yielded = exec->paused = true;
    return WR_OK;
}

/* No rows are left in a morsel. Rows without an order may be kept back beyond its end. */
static weir_status leave_morsel(const wr_pipeline *p, wr_chain *c)
{
    if (!p->holds || !p->is_ordered) return end_morsel(p, c);
    begin_drain(c, WR_DRAIN_MORSEL);
    return WR_OK;
}

/* Works until the source is empty (*yielded false) or the result sink handed a batch over (*yielded
 * true). */
static weir_status chain_run(wr_exec *exec, const wr_pipeline *p, wr_chain *c, bool *yielded)
{
    *yielded = false;
    if (c->again_count) WR_TRY(chain_flow(exec, p, c, c->again[c->again_count - 1], yielded));
    while (!*yielded) {
        WR_TRY(wr_exec_check(exec));
        if (is_stopped(exec) && c->reason != WR_DRAIN_STOP) {
            c->again_count = 0;
            begin_drain(c, WR_DRAIN_STOP);
        }
        if (c->reason) {
            bool is_last = c->reason == WR_DRAIN_END || c->reason == WR_DRAIN_STOP;
            WR_TRY(drain(exec, p, c, yielded));
            if (!*yielded) WR_TRY(end_drain(exec, p, c, yielded));
            if (!*yielded && is_last) return WR_OK;
            continue;
        }
        bool got = true, more = false;
        if (!c->in_morsel) WR_TRY(take_morsel(exec, p, c, &got));
        if (!got && !p->holds) return WR_OK;
        if (got) WR_TRY(next_source_batch(p, c, &more));
        if (!got) {
            begin_drain(c, WR_DRAIN_END);
        } else if (!more) {
            WR_TRY(leave_morsel(p, c));
        } else if (wr_batch_count(&c->batches[0]) > 0) {
            c->resume = -1;
            WR_TRY(chain_flow(exec, p, c, 0, yielded));
        } else if (p->pauses) {
            begin_drain(c, WR_DRAIN_PAUSE);
        }
    }
    return WR_OK;
}

/* ---- stages ---- */

static bool is_stopped_before_start(const wr_pipeline *p)
{
    for (int i = 0; i < p->op_count; i++)
        if (p->ops[i]->stopped) return true;
    return p->sink->stopped;
}

/* START -> RUN, without the lock. */
static weir_status start_pipeline(wr_exec *exec, wr_pipeline *p)
{
    exec->pipeline_stop = is_stopped_before_start(p);
    if (exec->pipeline_stop) return WR_OK;
    if (p->source->def->start) WR_TRY(p->source->def->start(p->source));
    exec->pipeline_stop = p->source->stopped; /* it has nothing to give */
    return WR_OK;
}

static int workers_allowed(const wr_exec *exec, const wr_pipeline *p)
{
    if (p->is_serial) return 1;
    int wanted = p->source->def->workers_wanted ? p->source->def->workers_wanted(p->source)
                                                : exec->worker_count;
    return WR_MAX(1, WR_MIN(wanted, exec->worker_count));
}

/* One step of FINISH, without the lock; says in *tasks what comes next. Tasks may look at the
 * locals of all workers, so those that are missing are made here, while nobody else runs. */
static weir_status finish_step(wr_exec *exec, wr_pipeline *p, int phase, int *tasks)
{
    *tasks = -1;
    if (p->sink->feeders > 0 || !p->sink->def->finish) return WR_OK;
    WR_TRY(p->sink->def->finish(p->sink, phase, tasks));
    for (int worker = 0; *tasks > 0 && worker < exec->worker_count; worker++) {
        wr_op_local *local;
        WR_TRY(wr_exec_local(p->sink, worker, &local));
    }
    return WR_OK;
}

/* Lock held: is there anything to do for workers that sleep? What only one can do goes on with the
 * one who is here. */
static bool others_are_wanted(const wr_exec *exec)
{
    switch (exec->stage) {
    case WR_STAGE_RUN:
        return workers_allowed(exec, exec->current) > 1;
    case WR_STAGE_TASKS:
        return exec->task_count > 1 && !exec->current->sink->has_little;
    default:
        return exec->stage == WR_STAGE_DONE;
    }
}

/* Called with the lock held and nobody in transition; does one transition of the stage. */
static void transition(wr_exec *exec)
{
    wr_pipeline *p = exec->current;
    wr_stage stage = exec->stage;
    int tasks = -1;
    exec->in_transition = true;
    if (stage == WR_STAGE_FINISH && exec->phase == 0) p->sink->feeders--;
    wr_mutex_unlock(&exec->lock);
    weir_status bad = wr_exec_check(exec);
    if (!bad)
        bad = stage == WR_STAGE_START ? start_pipeline(exec, p)
                                      : finish_step(exec, p, exec->phase, &tasks);
    if (bad) wr_exec_fail(exec, bad);
    wr_mutex_lock(&exec->lock);
    exec->in_transition = false;
    if (bad) return;
    if (stage == WR_STAGE_START) {
        exec->stage = WR_STAGE_RUN;
        exec->exhausted = exec->pipeline_stop;
        exec->active = 0;
        if (exec->exhausted) exec->stage = WR_STAGE_FINISH, exec->phase = 0;
    } else if (tasks >= 0) {
        exec->stage = WR_STAGE_TASKS;
        exec->task_next = exec->task_done = 0;
        exec->task_count = tasks;
        if (tasks == 0) exec->stage = WR_STAGE_FINISH, exec->phase++;
    } else {
        exec->current = p->next;
        exec->stage = exec->current ? WR_STAGE_START : WR_STAGE_DONE;
        exec->phase = 0;
    }
    if (!others_are_wanted(exec)) return;
    exec->turn++;
    wr_cond_broadcast(&exec->changed);
}

/* RUN, lock held: attach or go on, work, detach. Returns true when the chain was stopped by a
 * YIELD. */
static bool run_stage(wr_exec *exec, int worker)
{
    wr_chain *c = &exec->chains[worker];
    wr_pipeline *p = exec->current;
    bool attach = !c->attached;
    if (attach) exec->active++;
    c->attached = true;
    wr_mutex_unlock(&exec->lock);
    bool yielded = false;
    weir_status bad = attach ? chain_attach(exec, p, c, worker) : WR_OK;
    if (attach) c->again_count = 0;
    if (!bad) bad = chain_run(exec, p, c, &yielded);
    if (bad) wr_exec_fail(exec, bad);
    wr_mutex_lock(&exec->lock);
    if (yielded && !bad) return true;
    c->attached = false;
    exec->active--;
    exec->exhausted = true;
    if (exec->active == 0 && !exec->stop) exec->stage = WR_STAGE_FINISH, exec->phase = 0;
    /* Others may wait for their turn to deliver; the next stage begins with this worker. */
    if (p->sink->def == &wr_op_result) wr_cond_broadcast(&exec->changed);
    return false;
}

static void task_stage(wr_exec *exec, int worker)
{
    wr_op *sink = exec->current->sink;
    int index = exec->task_next++, phase = exec->phase;
    wr_mutex_unlock(&exec->lock);
    wr_op_local *local = NULL;
    weir_status bad = wr_exec_check(exec);
    if (!bad) bad = wr_exec_local(sink, worker, &local);
    int64_t began = wr_clock_mono_ns();
    if (!bad) bad = sink->def->task(sink, local, phase, index);
    if (local) local->busy_ns += wr_clock_mono_ns() - began;
    if (bad) wr_exec_fail(exec, bad);
    wr_mutex_lock(&exec->lock);
    if (++exec->task_done == exec->task_count && !exec->stop)
        exec->stage = WR_STAGE_FINISH, exec->phase++;
}

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Nothing to do for this worker. To sleep and be woken takes longer than many a stage of a short
 * query, so at first it looks on for a moment; the caller then looks again at everything. */
static void wait_for_work(wr_exec *exec, bool *has_looked)
{
    if (*has_looked) {
        wr_cond_wait(&exec->changed, &exec->lock);
        return;
    }
    *has_looked = true;
    uint32_t turn = atomic_load_explicit(&exec->turn, memory_order_relaxed);
    wr_mutex_unlock(&exec->lock);
    for (int i = 0; i < LOOKS; i++) {
        if (atomic_load_explicit(&exec->turn, memory_order_relaxed) != turn) break;
        relax();
    }
    wr_mutex_lock(&exec->lock);
}

wr_work wr_exec_work(wr_exec *exec, int worker, bool may_wait)
{
    wr_work result = WR_WORK_DONE;
    bool has_looked = false;
    wr_mutex_lock(&exec->lock);
    while (!exec->stop && exec->stage != WR_STAGE_DONE) {
        wr_stage stage = exec->stage;
        if (worker == 0 && exec->result_ready) {
            wr_cond_broadcast(&exec->changed); /* whatever comes next is for the others */
            wr_mutex_unlock(&exec->lock);
            return WR_WORK_YIELDED;
        }
        if (exec->in_transition) {
            if (!may_wait) break;
            wait_for_work(exec, &has_looked);
            continue;
        } else if (stage == WR_STAGE_START || (stage == WR_STAGE_FINISH)) {
            transition(exec);
        } else if (stage == WR_STAGE_TASKS && exec->task_next < exec->task_count) {
            task_stage(exec, worker);
        } else if (stage == WR_STAGE_RUN &&
                   (exec->chains[worker].attached ||
                    (!exec->exhausted && exec->active < workers_allowed(exec, exec->current)))) {
            if (run_stage(exec, worker)) {
                wr_mutex_unlock(&exec->lock);
                return WR_WORK_YIELDED;
            }
        } else {
            if (!may_wait) break;
            wait_for_work(exec, &has_looked);
            continue;
        }
        has_looked = false;
    }
    if (!exec->stop && exec->stage != WR_STAGE_DONE) result = WR_WORK_IDLE;
    wr_mutex_unlock(&exec->lock);
    return result;
}

weir_status wr_exec_run_inline(wr_exec *exec)
{
    wr_exec_work(exec, 0, true);
    return wr_exec_error(exec);
}

void wr_exec_collect_stats(wr_exec *exec)
{
    for (wr_op *op = exec->ops; op; op = op->next) {
        if (!op->node || op->node->id < 0 || op->node->id >= exec->stats_count) continue;
        wr_node_stats *s = &exec->stats[op->node->id];
        for (int i = 0; i < exec->worker_count; i++) {
            wr_op_local *local = op->locals[i];
            if (!local) continue;
            s->rows_in += local->rows_in;
            s->rows_out += local->rows_out;
            s->batches += local->batches;
            s->busy_ns += local->busy_ns;
            local->rows_in = local->rows_out = local->batches = 0;
            local->busy_ns = 0;
        }
        s->memory_peak = WR_MAX(s->memory_peak, wr_mem_peak(op->mem));
        s->spilled_bytes += op->spilled;
        op->spilled = 0;
        if (op->def == &wr_op_scan) wr_scan_stats_of(op, s);
        if (op->note[0] && !s->note.length)
            s->note = wr_arena_str(exec->stats_arena, wr_str_of(op->note));
    }
}

/* ---- small services ---- */

weir_status wr_exprs_open(wr_exprs *e, wr_op *op, wr_expr *const *exprs, int count)
{
    wr_program *program = NULL;
    e->count = count;
    if (count > 0) WR_TRY(wr_program_new(&op->arena, exprs, count, &program));
    e->program = program;
    for (int i = 0; i < count; i++)
        op->is_serial |= wr_expr_is_in_turn(exprs[i]);
    return WR_OK;
}

static weir_status make_evaluator(const wr_exprs *e, wr_exprs_local *local, const wr_env *env)
{
    if (local->eval) return WR_OK;
    local->out = wr_heap_new(sizeof *local->out * (size_t)e->count);
    return wr_eval_new(e->program, env, &local->eval);
}

weir_status wr_exprs_run(const wr_exprs *e, wr_exprs_local *local, const wr_env *env,
                         const wr_batch *in)
{
    if (e->count == 0) return WR_OK;
    WR_TRY(make_evaluator(e, local, env));
    return wr_eval_run(local->eval, in, local->out);
}

weir_status wr_exprs_sift(const wr_exprs *e, wr_exprs_local *local, wr_exec *exec,
                          const wr_batch *in, const wr_batch **kept)
{
    *kept = in;
    if (e->count == 0) return WR_OK;
    WR_TRY(make_evaluator(e, local, exec->env));
    return wr_eval_run_sieved(local->eval, in, wr_exec_bad_rows(exec), &local->sieve, local->out,
                              kept);
}

void wr_exprs_close(wr_exprs_local *local)
{
    if (local->eval) wr_eval_drop(local->eval);
    wr_heap_drop(local->out);
    wr_heap_drop(local->sieve);
    *local = (wr_exprs_local){0};
}

weir_status wr_exec_count_of(const wr_env *env, const wr_expr *e, const char *what,
                             int64_t fallback, int64_t *out)
{
    *out = fallback;
    if (!e) return WR_OK;
    WR_ARENA(scratch);
    wr_value v;
    WR_TRY(wr_expr_fold(&scratch, env, e, &v));
    if (v.is_null) return WR_OK;
    wr_i128 n = wr_value_as_i128(&v);
    if (n < 0)
        return wr_with_span(wr_fail(WR_E_BAD_ARGUMENT, "%s must not be negative", what), e->span);
    *out = n > INT64_MAX ? INT64_MAX : (int64_t)n;
    return WR_OK;
}
