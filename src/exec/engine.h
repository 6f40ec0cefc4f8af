/* engine.h - what exec/build.c, schedule.c, run.c and filters.c share: pipelines of one plan and
 * their state. */
#pragma once
#include "exec/op.h"
#include "exec/run.h"
#include "sys/thread.h"

typedef struct wr_pipeline wr_pipeline;
struct wr_pipeline {
    wr_op *source;
    wr_op **ops;
    int op_count;
    wr_op *sink;
    bool is_serial, is_ordered;
    bool holds;  /* some operator keeps rows back */
    bool pauses; /* its source may have nothing at the moment; is_serial then */
    wr_pipeline *next;
};

typedef struct wr_named_op {
    int id;
    wr_op *op;
    struct wr_named_op *next;
} wr_named_op;

typedef struct wr_filter_state wr_filter_state; /* filters.h */

/* Why operators give what they kept back: a morsel ends, the source has nothing at the moment, or
 * nothing any more, or somebody wants no more of it. */
typedef enum wr_drain {
    WR_DRAIN_NOT,
    WR_DRAIN_MORSEL,
    WR_DRAIN_PAUSE,
    WR_DRAIN_END,
    WR_DRAIN_STOP
} wr_drain;

/* What one worker is doing in the current pipeline; survives a YIELD. */
typedef struct wr_chain {
    bool attached, in_morsel;
    int depth;            /* ops in the pipeline */
    wr_drain reason;      /* ops give what they kept back; NOT = they do not */
    int drained;          /* the next op to do so */
    int resume;           /* op to be called again with its old input; -1 = none */
    wr_batch *batches;    /* [0] from the source, [i + 1] from op i */
    wr_op_local **locals; /* [0] source, [i + 1] op i, [depth + 1] sink */
    int cap;
    int *again; /* ops that have more to give for their present input, deepest last */
    int again_count;
} wr_chain;

typedef enum wr_stage {
    WR_STAGE_START,
    WR_STAGE_RUN,
    WR_STAGE_FINISH,
    WR_STAGE_TASKS,
    WR_STAGE_DONE
} wr_stage;

struct wr_exec {
    const wr_plan_node *plan;
    const wr_env *env;
    wr_mem *mem;
    wr_arena arena;
    wr_exec *parent; /* of a recursive step */
    const wr_run_options *options;
    int worker_count;
    wr_op *ops;
    wr_pipeline *pipelines, **pipelines_end;
    wr_named_op *shared, *working;
    wr_filter_state *filters;
    wr_node_stats *stats; /* by node id; the root exec's */
    int stats_count;
    wr_arena *stats_arena;
    wr_chain *chains; /* by worker */

    wr_mutex lock;
    wr_cond changed;
    wr_mutex
        order_lock; /* serialises morsel() of ordered pipelines; never held together with lock */
    /* guarded by lock */
    wr_stage stage;
    wr_pipeline *current;
    bool in_transition, exhausted;
    int active, phase, task_next, task_count, task_done;
    weir_status error;
    bool result_ready;     /* worker 0 has a result batch to return */
    bool paused;           /* the source has nothing at the moment; the one worker's */
    _Atomic uint32_t turn; /* changes when there is work for workers that wait */
    _Atomic bool stop;     /* error, abort or the end */
    _Atomic bool pipeline_stop;
};

/* build.c: cuts plan into pipelines that end in sink. */
WR_MUST_CHECK weir_status wr_exec_build(wr_exec *exec, const wr_plan_node *plan, wr_op *sink);
WR_MUST_CHECK weir_status wr_exec_op(wr_exec *exec, const wr_op_def *def, const wr_plan_node *node,
                                     wr_op **out);
/* The operator of SHARED node id (also of the parents), or NULL. */
wr_op *wr_exec_shared(wr_exec *exec, int id);
wr_op *wr_exec_working(wr_exec *exec, int id);

/* schedule.c */
WR_MUST_CHECK weir_status wr_exec_new(wr_exec *parent, const wr_plan_node *plan, const wr_env *env,
                                      wr_mem *mem, const wr_run_options *options, int workers,
                                      wr_exec **out);
void wr_exec_drop(wr_exec *exec);
WR_DEFINE_CLEANUP(wr_exec, wr_exec_drop)
typedef enum wr_work { WR_WORK_DONE, WR_WORK_YIELDED, WR_WORK_IDLE } wr_work;
/* Works as worker until the plan is done or failed (DONE), a batch was handed over (YIELDED), or
 * (with may_wait false) there is nothing to do for this worker at the moment (IDLE). */
wr_work wr_exec_work(wr_exec *exec, int worker, bool may_wait);
void wr_exec_fail(wr_exec *exec, weir_status error); /* takes error; the first one stays */
/* A copy of the first error. */
weir_status wr_exec_error(wr_exec *exec);
/* Adds up the counters of all operators into stats. */
void wr_exec_collect_stats(wr_exec *exec);

/* Runs a whole plan in the calling thread (recursive steps); rows go to sink. */
WR_MUST_CHECK weir_status wr_exec_run_inline(wr_exec *exec);

/* ops/scan.c: NULL until the scan is open or when it cannot tell. Any thread. */
const wr_progress *wr_scan_progress_of(wr_op *scan);
void wr_scan_stats_of(wr_op *scan, wr_node_stats *out);

/* ops/shared.c, recursive.c */
WR_MUST_CHECK weir_status wr_shared_reader(wr_exec *exec, wr_op *shared, const wr_plan_node *node,
                                           wr_op **out);
/* ops/join_rest.c: the source of what comes when all probe rows have passed. */
WR_MUST_CHECK weir_status wr_join_rest(wr_exec *exec, wr_op *join, wr_op **out);
/* ops/setop_spill.c, asof_spill.c: the same, for what was spilled. */
WR_MUST_CHECK weir_status wr_setop_rest(wr_exec *exec, wr_op *setop, wr_op **out);
WR_MUST_CHECK weir_status wr_asof_rest(wr_exec *exec, wr_op *asof, wr_op **out);
