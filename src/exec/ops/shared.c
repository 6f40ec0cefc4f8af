/* shared.c - a subplan computed once and read by several (SHARED), the rows of a finished run of a
 * step (collect), and the reading side of both. */
#include "exec/ops/kept.h"

weir_status wr_kept_open(wr_op *op)
{
    wr_kept *k = (wr_kept *)op;
    const wr_plan_node *node = op->node;
    wr_store_init(&k->store, op, &node->schema, wr_exec_workers(op->exec));
    return WR_OK;
}

void wr_kept_local_close(wr_op *op, wr_op_local *local)
{
    (void)op;
    wr_store_reader_close(&((wr_kept_local *)local)->reader);
}

void wr_kept_close(wr_op *op) { wr_store_clear(&((wr_kept *)op)->store); }

weir_status wr_kept_sink(wr_op *op, wr_op_local *local, const wr_batch *in, wr_flow *flow)
{
    *flow = WR_FLOW_NEXT;
    return wr_store_add(&((wr_kept *)op)->store, local->worker, local->morsel, in);
}

weir_status wr_kept_finish(wr_op *op, int phase, int *tasks)
{
    wr_kept *k = (wr_kept *)op;
    *tasks = -1;
    if (phase == 0) WR_TRY(wr_store_seal(&k->store));
    wr_op_note(op, "%llu rows kept", (unsigned long long)k->store.rows);
    return WR_OK;
}

weir_status wr_kept_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    wr_kept *k = (wr_kept *)op;
    uint32_t index = atomic_fetch_add(&k->next, 1);
    *got = index < k->store.stretch_count;
    return *got ? wr_store_seek(&k->store, &((wr_kept_local *)local)->reader, index) : WR_OK;
}

weir_status wr_kept_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    return wr_store_read(&((wr_kept *)op)->store, &((wr_kept_local *)local)->reader,
                         &local->scratch, out, more);
}

const wr_op_def wr_op_shared = {.name = "shared",
                                .size = sizeof(wr_kept),
                                .local_size = sizeof(wr_kept_local),
                                .local_close = wr_kept_local_close,
                                .open = wr_kept_open,
                                .close = wr_kept_close,
                                .sink = wr_kept_sink,
                                .finish = wr_kept_finish,
                                .is_ordered = true};

/* Several readers of one SHARED, each with its own position. */
typedef struct reader_op {
    wr_op op;
    wr_kept *from;
    _Atomic uint32_t next;
} reader_op;

static weir_status reader_morsel(wr_op *op, wr_op_local *local, bool *got)
{
    reader_op *r = (reader_op *)op;
    uint32_t index = atomic_fetch_add(&r->next, 1);
    *got = index < r->from->store.stretch_count;
    if (!*got) return WR_OK;
    return wr_store_seek(&r->from->store, &((wr_kept_local *)local)->reader, index);
}

static int reader_workers_wanted(wr_op *op)
{
    uint32_t stretches = ((reader_op *)op)->from->store.stretch_count;
    return (int)WR_MIN(stretches, (uint32_t)wr_exec_workers(op->exec));
}

static weir_status reader_next(wr_op *op, wr_op_local *local, wr_batch *out, bool *more)
{
    return wr_store_read(&((reader_op *)op)->from->store, &((wr_kept_local *)local)->reader,
                         &local->scratch, out, more);
}

static const wr_op_def shared_reader = {.name = "shared",
                                        .size = sizeof(reader_op),
                                        .local_size = sizeof(wr_kept_local),
                                        .local_close = wr_kept_local_close,
                                        .workers_wanted = reader_workers_wanted,
                                        .morsel = reader_morsel,
                                        .next_batch = reader_next};

weir_status wr_shared_reader(wr_exec *exec, wr_op *shared, const wr_plan_node *node, wr_op **out)
{
    WR_TRY(wr_exec_op(exec, &shared_reader, node, out));
    ((reader_op *)*out)->from = (wr_kept *)shared;
    return WR_OK;
}

const wr_op_def wr_op_collect = {.name = "collect",
                                 .size = sizeof(wr_kept),
                                 .local_size = sizeof(wr_kept_local),
                                 .local_close = wr_kept_local_close,
                                 .open = wr_kept_open,
                                 .close = wr_kept_close,
                                 .sink = wr_kept_sink,
                                 .finish = wr_kept_finish,
                                 .is_ordered = true};
