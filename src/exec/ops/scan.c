/* scan.c - rows of a relation. Pushed-down and runtime filters run inside the relation's scan
 * (filters.c). */
#include "exec/filters.h"

typedef struct scan_op {
    wr_op op;
    wr_scan *_Atomic scan;
    wr_filter_set *filters;
    _Atomic uint64_t morsels;
} scan_op;

typedef struct scan_local {
    wr_op_local base;
    wr_scan_worker *worker;
} scan_local;

static const wr_relation_def *relation_of(const wr_op *op) { return op->node->scan.relation->def; }

static weir_status scan_open(wr_op *op) { return wr_filter_set_new(op, &((scan_op *)op)->filters); }

static weir_status scan_start(wr_op *op)
{
    scan_op *s = (scan_op *)op;
    const wr_plan_node *node = op->node;
    wr_scan_request request = {.columns = node->scan.columns,
                               .column_count = node->schema.count + node->scan.hidden_count,
                               .limit = node->scan.limit,
                               .worker_count = wr_exec_workers(op->exec),
                               .any_order = !op->feeds_ordered,
                               .long_morsels = op->wants_long,
                               .mem = op->mem,
                               .cancel = wr_exec_cancel(op->exec)};
    request.filters = wr_filter_set_items(s->filters, &request.filter_count);
    wr_scan *scan = NULL;
    WR_TRY(relation_of(op)->open(node->scan.relation, &request, &scan));
    s->scan = scan;
    return WR_OK;
}

static int scan_workers_wanted(wr_op *op)
{
    wr_scan *scan = ((scan_op *)op)->scan;
    int workers = wr_exec_workers(op->exec);
    return relation_of(op)->morsels ? WR_MIN(relation_of(op)->morsels(scan), workers) : workers;
}

static weir_status scan_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    scan_op *s = (scan_op *)op;
    scan_local *me = (scan_local *)local;
    if (!me->worker) WR_TRY(relation_of(op)->worker_new(s->scan, local->worker, &me->worker));
    WR_TRY(relation_of(op)->next_morsel(me->worker, got));
    if (*got) atomic_fetch_add_explicit(&s->morsels, 1, memory_order_relaxed);
    return WR_OK;
}

static weir_status scan_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    WR_TRY(relation_of(op)->next_batch(((scan_local *)local)->worker, out, more));
    if (*more)
        out->column_count = op->node->schema.count; /* columns only filters needed are at the end */
    return WR_OK;
}

static void scan_local_close(wr_op *op, wr_op_local *local)
{
    scan_local *me = (scan_local *)local;
    if (me->worker) relation_of(op)->worker_drop(me->worker);
}

static void scan_close(wr_op *op)
{
    scan_op *s = (scan_op *)op;
    if (s->scan) relation_of(op)->close(s->scan);
    wr_filter_set_drop(s->filters);
}

const wr_progress *wr_scan_progress_of(wr_op *op)
{
    wr_scan *scan = ((scan_op *)op)->scan;
    return scan && relation_of(op)->progress ? relation_of(op)->progress(scan) : NULL;
}

void wr_scan_stats_of(wr_op *op, wr_node_stats *out)
{
    scan_op *s = (scan_op *)op;
    const wr_progress *p = wr_scan_progress_of(op);
    out->morsels = s->morsels;
    out->runtime_filtered = wr_filter_set_removed(s->filters);
    if (!p) return;
    out->rows_scanned = p->rows;
    out->rows_excluded = p->rows_excluded;
    out->read_bytes = p->bytes;
    out->decoded_bytes = p->decoded_bytes;
    out->cached_bytes = p->cached_bytes;
}

const wr_op_def wr_op_scan = {.name = "scan",
                              .size = sizeof(scan_op),
                              .local_size = sizeof(scan_local),
                              .open = scan_open,
                              .local_close = scan_local_close,
                              .close = scan_close,
                              .start = scan_start,
                              .workers_wanted = scan_workers_wanted,
                              .morsel = scan_morsel,
                              .next_batch = scan_next};
