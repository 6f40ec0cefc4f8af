/* run.c - the worker pool and one running query as the session sees it.
 *
 * The pool's threads serve runs: a run asks for help when it is first driven and there is more than
 * one worker; a thread stays with it until the run is over. The calling thread never depends on
 * help: it can finish any query alone. */
#include "exec/ops/result.h"
#include "sys/clock.h"

struct wr_pool {
    int thread_count;
    wr_mutex lock;
    wr_cond changed;
    /* guarded by lock */
    wr_thread **threads;
    int started;
    bool closing;
    wr_run *runs; /* that want help */
};

struct wr_run {
    wr_pool *pool;
    wr_exec *exec;
    wr_result *result;
    wr_run_options options;
    wr_node_stats *stats;
    int stats_count;
    WR_LIST(const wr_plan_node *) unions; /* of the plan, inner ones first */
    wr_arena arena;
    bool asked_for_help, ended;
    /* guarded by pool->lock */
    bool is_listed;
    int helpers, next_worker;
    wr_run *next;
};

weir_status wr_pool_new(int thread_count, wr_pool **out)
{
    wr_pool *pool = wr_heap_new(sizeof *pool);
    pool->thread_count = WR_MAX(thread_count, 1);
    pool->threads = wr_heap_new(sizeof *pool->threads * (size_t)pool->thread_count);
    wr_mutex_init(&pool->lock);
    wr_cond_init(&pool->changed);
    *out = pool;
    return WR_OK;
}

void wr_pool_drop(wr_pool *pool)
{
    if (!pool) return;
    wr_mutex_lock(&pool->lock);
    pool->closing = true;
    wr_cond_broadcast(&pool->changed);
    wr_mutex_unlock(&pool->lock);
    for (int i = 0; i < pool->started; i++)
        wr_thread_join(pool->threads[i]);
    wr_cond_clear(&pool->changed);
    wr_mutex_clear(&pool->lock);
    wr_heap_drop(pool->threads);
    wr_heap_drop(pool);
}

int wr_pool_threads(const wr_pool *pool) { return pool->thread_count; }

static wr_run *run_to_help(wr_pool *pool)
{
    for (wr_run *run = pool->runs; run; run = run->next)
        if (run->next_worker < run->exec->worker_count) return run;
    return NULL;
}

static void pool_thread(void *arg)
{
    wr_pool *pool = arg;
    wr_mutex_lock(&pool->lock);
    while (!pool->closing) {
        wr_run *run = run_to_help(pool);
        if (!run) {
            wr_cond_wait(&pool->changed, &pool->lock);
            continue;
        }
        int worker = run->next_worker++;
        run->helpers++;
        wr_mutex_unlock(&pool->lock);
        wr_exec_work(run->exec, worker, true);
        wr_mutex_lock(&pool->lock);
        run->helpers--;
        wr_cond_broadcast(&pool->changed);
    }
    wr_mutex_unlock(&pool->lock);
}

/* Lists the run and starts missing threads. A thread that cannot be started is no reason to fail.
 */
static void ask_for_help(wr_run *run)
{
    run->asked_for_help = true;
    if (run->exec->worker_count < 2) return;
    wr_pool *pool = run->pool;
    wr_mutex_lock(&pool->lock);
    while (pool->started < pool->thread_count - 1) {
        weir_status bad =
            wr_thread_start("weir-worker", pool_thread, pool, &pool->threads[pool->started]);
        if (bad) {
            wr_status_drop(bad);
            break;
        }
        pool->started++;
    }
    run->is_listed = true;
    run->next = pool->runs;
    pool->runs = run;
    wr_cond_broadcast(&pool->changed);
    wr_mutex_unlock(&pool->lock);
}

/* Takes the run off the list and waits until no thread is in it. */
static void send_help_home(wr_run *run)
{
    wr_pool *pool = run->pool;
    if (!run->is_listed) return;
    wr_mutex_lock(&pool->lock);
    wr_run **at = &pool->runs;
    while (*at != run)
        at = &(*at)->next;
    *at = run->next;
    run->is_listed = false;
    while (run->helpers > 0)
        wr_cond_wait(&pool->changed, &pool->lock);
    wr_mutex_unlock(&pool->lock);
}

/* What is asked about a whole plan before it runs. Shared subplans are looked at once. */
typedef struct survey {
    wr_run *run; /* gets the list of unions */
    wr_arena arena;
    WR_LIST(int) shared;
    int largest_id;
    double rows; /* to read, as far as known */
    bool rows_unknown;
} survey;

static void look_at(survey *s, const wr_plan_node *node)
{
    s->largest_id = WR_MAX(s->largest_id, node->id);
    if (node->kind == WR_PN_SHARED) {
        for (int i = 0; i < s->shared.count; i++)
            if (s->shared.items[i] == node->shared.id) return;
        wr_push(&s->arena, &s->shared, node->shared.id);
    }
    if (node->kind == WR_PN_SCAN) {
        const wr_relation *relation = node->scan.relation;
        s->rows_unknown |= !relation->has_row_count || relation->row_count < 0;
        s->rows += relation->row_count;
    }
    if (node->kind == WR_PN_RECURSIVE) s->rows_unknown = true;
    for (int i = 0; i < node->input_count; i++)
        look_at(s, node->inputs[i]);
    if (node->kind == WR_PN_UNION) wr_push(&s->run->arena, &s->run->unions, node);
}

/* A union is no operator, only two ways into the next one: its rows are those of its inputs. */
static void count_unions(wr_run *run)
{
    for (int k = 0; k < run->unions.count; k++) {
        const wr_plan_node *node = run->unions.items[k];
        if (node->id < 0) continue;
        uint64_t *rows = &run->stats[node->id].rows_out;
        *rows = 0;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i]->id >= 0) *rows += run->stats[node->inputs[i]->id].rows_out;
    }
}

weir_status wr_run_new(wr_pool *pool, const wr_plan_node *plan, const wr_env *env, wr_mem *mem,
                       const wr_run_options *options, wr_run **out)
{
    WR_AUTO(wr_run) *run = wr_heap_new(sizeof *run);
    run->pool = pool;
    run->options = *options;
    run->next_worker = 1;
    int workers = pool->thread_count;
    if (options->thread_count > 0) workers = WR_MIN(workers, options->thread_count);
    survey plan_survey = {.run = run, .largest_id = -1};
    look_at(&plan_survey, plan);
    wr_arena_clear(&plan_survey.arena);
    run->stats_count = plan_survey.largest_id + 1;
    run->stats = wr_new_array(&run->arena, wr_node_stats, run->stats_count);
    WR_TRY(wr_exec_new(NULL, plan, env, mem, &run->options, workers, &run->exec));
    run->exec->stats = run->stats;
    run->exec->stats_count = run->stats_count;
    run->exec->stats_arena = &run->arena;
    wr_op *result;
    WR_TRY(wr_exec_op(run->exec, &wr_op_result, NULL, &result));
    run->result = (wr_result *)result;
    WR_TRY(wr_exec_build(run->exec, plan, result));
    /* A query over a few rows is not worth waking threads for. */
    if (!plan_survey.rows_unknown && plan_survey.rows < 2 * WR_BATCH_ROWS)
        run->asked_for_help = true;
    *out = WR_TAKE(run);
    return WR_OK;
}

static weir_status run_end(wr_run *run)
{
    run->ended = true;
    wr_exec *exec = run->exec;
    wr_mutex_lock(&exec->lock);
    exec->stop = true;
    wr_cond_broadcast(&exec->changed);
    wr_mutex_unlock(&exec->lock);
    send_help_home(run);
    weir_status bad = wr_exec_error(exec);
    wr_exec_collect_stats(exec);
    count_unions(run);
    return bad;
}

weir_status wr_run_next(wr_run *run, wr_batch *out, bool *more)
{
    *more = false;
    *out = (wr_batch){0};
    if (run->ended) return wr_exec_error(run->exec);
    if (!run->asked_for_help) ask_for_help(run);
    for (;;) {
        wr_exec *exec = run->exec;
        wr_mutex_lock(&exec->lock);
        bool failed = exec->error != NULL;
        wr_mutex_unlock(&exec->lock);
        if (failed) return run_end(run);
        if (wr_result_take(run->result, out)) {
            *more = true;
            return WR_OK;
        }
        wr_result_wait_for_turn(run->result);
        if (wr_exec_work(exec, 0, true) == WR_WORK_DONE && !run->result->direct &&
            !run->result->first)
            return run_end(run);
        if (exec->paused) {
            exec->paused = false;
            *more = true;
            return WR_OK;
        }
    }
}

void wr_run_drop(wr_run *run)
{
    if (!run) return;
    if (run->exec) {
        if (!run->ended) wr_status_drop(run_end(run));
        wr_exec_drop(run->exec);
    }
    wr_arena_clear(&run->arena);
    wr_heap_drop(run);
}

const wr_node_stats *wr_run_node_stats(const wr_run *run, int node_id)
{
    if (node_id < 0 || node_id >= run->stats_count) return NULL;
    return &run->stats[node_id];
}

void wr_run_progress_of(const wr_run *run, wr_run_progress *out)
{
    *out = (wr_run_progress){.fraction = -1, .phase = ""};
    wr_exec *exec = run->exec;
    double share = 0;
    int scans = 0;
    for (wr_op *op = exec->ops; op; op = op->next) {
        out->memory += wr_mem_used(op->mem);
        out->spilled += op->spilled;
        if (op->def != &wr_op_scan) continue;
        const wr_progress *p = wr_scan_progress_of(op);
        scans++;
        if (!p) continue;
        out->rows_done += p->rows + p->rows_excluded;
        out->rows_total += p->rows_total;
        out->bytes_done += p->bytes;
        out->bytes_total += p->bytes_total;
        /* Not all bytes of a file need be read, but all rows are met. */
        if (p->rows_total)
            share += (double)(p->rows + p->rows_excluded) / (double)p->rows_total;
        else if (p->bytes_total)
            share += (double)p->bytes / (double)p->bytes_total;
    }
    if (scans > 0) out->fraction = WR_MIN(share / scans, 1.0);
    wr_mutex_lock(&exec->lock);
    if (exec->current) out->phase = exec->current->sink->def->name;
    wr_mutex_unlock(&exec->lock);
}
