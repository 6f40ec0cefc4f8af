/* run.h - running physical plans: the worker pool and one running query.
 *
 * The pool has threads - 1 threads; whoever calls wr_run_next works too, so threads = 1 starts
 * none. Result batches are handed over through a bounded queue: a slow reader holds the producers
 * back. */
#pragma once
#include "exec/phys.h"
#include "expr/sieve.h"
#include "sys/file.h"

typedef struct wr_pool wr_pool;
typedef struct wr_run wr_run;

/* thread_count includes the calling thread. Threads start at the first query that can use them. */
WR_MUST_CHECK weir_status wr_pool_new(int thread_count, wr_pool **out);
void wr_pool_drop(wr_pool *pool);
int wr_pool_threads(const wr_pool *pool);

/* Where queries put what does not fit in memory. */
typedef struct wr_temp_space {
    wr_fs *fs;              /* NULL: the real one */
    wr_str directory;       /* empty: wr_path_temp_dir() */
    uint64_t bytes_max;     /* of all that share `used`; 0 = no limit */
    _Atomic uint64_t *used; /* bytes in temporary files; NULL: counted per operator */
    bool force;             /* spill from the first row on, for tests */
} wr_temp_space;

typedef struct wr_run_options {
    int thread_count;          /* at most the pool's; 0 = all */
    const wr_temp_space *temp; /* NULL: the defaults; lives as long as the run */
    /* Rows for which an expression of a filter, a projection, an UNNEST or a key that is looked up
     * fails are told and left out. NULL: the run fails. Lives as long as the run. */
    wr_bad_rows *bad_rows;
} wr_run_options;

/* Prepares pipelines; nothing runs before the first wr_run_next. plan and env must outlive the run;
 * memory is counted below mem. */
WR_MUST_CHECK weir_status wr_run_new(wr_pool *pool, const wr_plan_node *plan, const wr_env *env,
                                     wr_mem *mem, const wr_run_options *options, wr_run **out);
/* The next result batch, valid until the next call; *more false at the end. An empty batch with
 * *more true: a source that pauses has nothing at the moment. The calling thread executes tasks
 * while it waits. After an error every call returns an error. */
WR_MUST_CHECK weir_status wr_run_next(wr_run *run, wr_batch *out, bool *more);
/* Stops all tasks, aborts sinks that are not finished, frees everything. */
void wr_run_drop(wr_run *run);
WR_DEFINE_CLEANUP(wr_run, wr_run_drop)

/* Progress of the whole query; any thread. totals 0 = unknown. */
typedef struct wr_run_progress {
    uint64_t rows_done, rows_total, bytes_done, bytes_total;
    uint64_t memory, spilled;
    double fraction;   /* of work known to be ahead; negative = unknown */
    const char *phase; /* "aggregate", "hash join build"... */
} wr_run_progress;
void wr_run_progress_of(const wr_run *run, wr_run_progress *out);

/* What each plan node did, for EXPLAIN ANALYZE; indexed by wr_plan_node.id. Valid after the run
 * ended. */
typedef struct wr_node_stats {
    uint64_t rows_in, rows_out, batches;
    int64_t busy_ns; /* summed over workers */
    uint64_t memory_peak, spilled_bytes;
    /* scans; see wr_progress */
    uint64_t rows_scanned, rows_excluded, morsels;
    uint64_t read_bytes, decoded_bytes, cached_bytes;
    uint64_t runtime_filtered; /* rows removed by runtime filters */
    wr_str note; /* the way chosen: "dense array of 6000001", "hash, 64 partitions", "merge" */
} wr_node_stats;
const wr_node_stats *wr_run_node_stats(const wr_run *run, int node_id);
