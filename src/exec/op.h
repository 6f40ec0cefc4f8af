/* op.h - the contract of operators: one file per operator in exec/ops.
 *
 * A pipeline is source -> push operators -> sink. One operator may play several parts: a sort is
 * the sink of one pipeline and the source of the next; a join is the sink of its build, a push
 * operator of its probe and the source of build rows that found no match. The operator (wr_op,
 * embedded first in its own struct) is shared by all workers; each worker has a local struct
 * (wr_op_local embedded first), made when the worker first meets the operator.
 *
 * Batches are borrowed: `in` lives until push returns NEXT, `out` until the next call with the same
 * local. */
#pragma once
#include "exec/phys.h"
#include "exec/rows.h"
#include "expr/sieve.h"

typedef struct wr_exec wr_exec;
typedef struct wr_op wr_op;
typedef struct wr_op_def wr_op_def;

typedef enum wr_flow {
    WR_FLOW_NEXT,  /* the input is used up; out may hold rows */
    WR_FLOW_AGAIN, /* out holds rows; call again with the same input */
    WR_FLOW_STOP,  /* out may hold rows; no more input is wanted from any worker */
    WR_FLOW_YIELD, /* sinks only: the batch was handed to the caller of wr_run_next */
} wr_flow;

typedef struct wr_op_local {
    int worker;
    uint64_t morsel;  /* number of the morsel being worked on among those of the pipeline's sink */
    wr_arena scratch; /* of the operator: reset whenever it likes */
    uint64_t rows_in, rows_out, batches;
    int64_t busy_ns;
} wr_op_local;

struct wr_op {
    const wr_op_def *def;
    wr_exec *exec;
    const wr_plan_node *node;
    wr_mem *mem;          /* budget of this operator */
    wr_arena arena;       /* small shared things; written only in open, start and finish */
    wr_op_local **locals; /* by worker, NULL until used */
    _Atomic bool stopped; /* push or sink said STOP */
    int feeders;          /* pipelines that end in this sink and have not ended yet */
    bool is_ordered;      /* as sink: set by open when the def leaves it to the node */
    bool has_little;      /* as sink: its tasks are not worth waking anybody for */
    bool feeds_ordered;   /* as source: its pipeline shows the order of rows */
    bool wants_long;      /* as source: morsels of many rows suit its pipeline */
    bool is_serial;       /* set by open: pipelines with it use one worker whatever the def says */
    uint64_t morsel_next; /* as sink: number of the next morsel that flows into it */
    wr_op *next;          /* all operators of the exec */
    char note[96];        /* for EXPLAIN ANALYZE */
    _Atomic uint64_t spilled; /* bytes written to temporary files */
};

struct wr_op_def {
    const char *name;
    size_t size, local_size; /* zeroed by the engine */
    /* Compiles expressions and reads the node. Once, before anything runs. NULL: nothing to do. */
    weir_status (*open)(wr_op *op);
    weir_status (*local_open)(wr_op *op, wr_op_local *local);
    void (*local_close)(wr_op *op, wr_op_local *local); /* also after a failed local_open */
    void (*close)(wr_op *op); /* also after a failed open; locals are gone */

    /* As source. start: once before the pipeline runs. morsel: takes the next piece, calls are
     * serialised when the sink wants order. next: as wr_scan's next_batch; *more false ends the
     * morsel. */
    weir_status (*start)(wr_op *op);
    weir_status (*morsel)(wr_op *op, wr_op_local *local, bool *got);
    weir_status (*next_batch)(wr_op *op, wr_op_local *local, wr_batch *out, bool *more);
    int (*workers_wanted)(wr_op *op); /* NULL: as many as there are; asked after start */

    weir_status (*push)(wr_op *op, wr_op_local *local, const wr_batch *in, wr_batch *out,
                        wr_flow *flow);
    /* Of operators that keep rows back until they have many: gives them, a batch per call, AGAIN
     * while there are more. Called when no input comes: at the end of what this worker does, of a
     * morsel if they have an order, and when the source pauses. */
    weir_status (*drain)(wr_op *op, wr_op_local *local, wr_batch *out, wr_flow *flow);

    /* As sink. finish: after the last pipeline feeding it, phase = 0, 1, ...: sets *tasks to the
     * number of pieces that workers can do side by side (task), or -1 when it is done. One thread
     * at a time. */
    weir_status (*sink)(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow);
    weir_status (*morsel_end)(wr_op *op, wr_op_local *local);
    weir_status (*finish)(wr_op *op, int phase, int *tasks);
    weir_status (*task)(wr_op *op, wr_op_local *local, int phase, int index);
    bool is_ordered; /* in pipelines with this operator morsels are numbered in source order */
    bool is_serial;  /* pipelines with this operator use one worker */
};

/* Services for operators (schedule.c). */
const wr_env *wr_exec_env(const wr_exec *exec);
const wr_cancel *wr_exec_cancel(const wr_exec *exec);
wr_bad_rows *wr_exec_bad_rows(const wr_exec *exec); /* NULL: they are errors */
int wr_exec_workers(const wr_exec *exec);
/* CANCELLED, TIMEOUT, or CANCELLED because another worker failed. Every loop longer than a batch
 * asks. */
WR_MUST_CHECK weir_status wr_exec_check(wr_exec *exec);
WR_MUST_CHECK weir_status wr_exec_local(wr_op *op, int worker, wr_op_local **out);
void wr_op_note(wr_op *op, const char *fmt, ...) WR_PRINTF(2, 3);

/* A program with one worker's evaluator: most operators hold one or two of these. */
typedef struct wr_exprs {
    const wr_program *program;
    int count;
} wr_exprs;
WR_MUST_CHECK weir_status wr_exprs_open(wr_exprs *e, wr_op *op, wr_expr *const *exprs, int count);
typedef struct wr_exprs_local {
    wr_eval *eval;
    wr_column *out;
    wr_sieve *sieve; /* NULL until there was a bad row */
} wr_exprs_local;
/* Makes the evaluator on first use, runs it; results in local->out[0...count). */
WR_MUST_CHECK weir_status wr_exprs_run(const wr_exprs *e, wr_exprs_local *local, const wr_env *env,
                                       const wr_batch *in);
/* The same where bad rows may be left out, as the run says: *kept is in, or what is left of it,
 * valid until the next call. */
WR_MUST_CHECK weir_status wr_exprs_sift(const wr_exprs *e, wr_exprs_local *local, wr_exec *exec,
                                        const wr_batch *in, const wr_batch **kept);
void wr_exprs_close(wr_exprs_local *local);

/* Evaluates a constant expression (LIMIT, OFFSET); NULL expression or value gives fallback. Fails
 * for negatives. */
WR_MUST_CHECK weir_status wr_exec_count_of(const wr_env *env, const wr_expr *e, const char *what,
                                           int64_t fallback, int64_t *out);

/* Every operator, by what builds it. */
extern const wr_op_def wr_op_scan, wr_op_values, wr_op_filter, wr_op_project, wr_op_limit,
    wr_op_percent, wr_op_result, wr_op_sort, wr_op_aggregate, wr_op_window, wr_op_join, wr_op_asof,
    wr_op_setop, wr_op_unnest, wr_op_shared, wr_op_recursive, wr_op_working, wr_op_single,
    wr_op_ordinal, wr_op_call, wr_op_sample, wr_op_sample_rows, wr_op_sink, wr_op_collect;
