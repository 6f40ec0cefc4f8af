/* kept_rows.c - batches kept in memory, and a relation over them: what RETURNING reads after a
 * change is complete, and what "_" stands for.
 *
 * The relation is empty when the statement is planned; the sink adds batches while it runs, and the
 * scan starts after the sink has finished (it is the probe side of a join whose build side is the
 * sink). */
#include "plan/table_sink.h"
#include <stdatomic.h>

weir_status wr_kept_rows_add(wr_kept_rows *kept, const wr_batch *batch)
{
    wr_batch copy;
    if (!wr_batch_count(batch)) return WR_OK;
    wr_batch_copy(batch, &kept->arena, &copy);
    wr_push(&kept->arena, &kept->batches, copy);
    uint64_t total = kept->arena.total;
    if (!kept->mem || total <= kept->counted) return WR_OK;
    WR_TRY(wr_mem_reserve(kept->mem, total - kept->counted));
    kept->counted = total;
    return WR_OK;
}

void wr_kept_rows_clear(wr_kept_rows *kept)
{
    if (kept->mem && kept->counted) wr_mem_release(kept->mem, kept->counted);
    wr_arena_clear(&kept->arena);
    kept->counted = 0;
    kept->batches.items = NULL;
    kept->batches.count = kept->batches.cap = 0;
}

typedef struct kept_relation {
    wr_relation base;
    wr_arena arena;
    wr_kept_rows rows;
} kept_relation;

struct wr_scan {
    kept_relation *source;
    wr_scan_request request;
    atomic_int next;
};

struct wr_scan_worker {
    wr_scan *scan;
    int number;
    const wr_batch *batch;
    wr_column *columns;
    uint16_t sel[WR_BATCH_ROWS];
};

static weir_status kept_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    *out = wr_heap_new(sizeof **out);
    (*out)->source = (kept_relation *)rel;
    (*out)->request = *request;
    return WR_OK;
}

static weir_status kept_worker_new(wr_scan *scan, int worker, wr_scan_worker **out)
{
    *out = wr_heap_new(sizeof **out);
    (*out)->scan = scan;
    (*out)->number = worker;
    (*out)->columns = wr_heap_new(sizeof(wr_column) * (size_t)(scan->request.column_count + 1));
    return WR_OK;
}

static weir_status kept_next_morsel(wr_scan_worker *worker, bool *got)
{
    const wr_kept_rows *rows = &worker->scan->source->rows;
    int at = atomic_load(&worker->scan->next);
    do {
        *got = at < rows->batches.count;
    } while (*got && !atomic_compare_exchange_weak(&worker->scan->next, &at, at + 1));
    worker->batch = *got ? &rows->batches.items[at] : NULL;
    return WR_OK;
}

static weir_status kept_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    const wr_scan_request *request = &worker->scan->request;
    const wr_batch *batch = worker->batch;
    *out = (wr_batch){0};
    *more = batch != NULL;
    if (!batch) return WR_OK;
    worker->batch = NULL;
    for (int c = 0; c < request->column_count; c++)
        worker->columns[c] = batch->columns[request->columns[c]];
    out->columns = worker->columns;
    out->column_count = request->column_count;
    out->rows = batch->rows;
    uint32_t count = batch->rows;
    for (uint32_t i = 0; i < count; i++)
        worker->sel[i] = (uint16_t)i;
    for (int f = 0; f < request->filter_count && count; f++) {
        const wr_scan_filter *filter = request->filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, worker->number, out, worker->sel, &count));
    }
    if (count < out->rows) {
        out->sel = worker->sel;
        out->sel_count = count;
    }
    return WR_OK;
}

static void kept_worker_drop(wr_scan_worker *worker)
{
    wr_heap_drop(worker->columns);
    wr_heap_drop(worker);
}

static void kept_close(wr_scan *scan) { wr_heap_drop(scan); }

static void kept_drop(wr_relation *rel)
{
    kept_relation *kept = (kept_relation *)rel;
    wr_kept_rows_clear(&kept->rows);
    wr_arena_clear(&kept->arena);
    wr_heap_drop(kept);
}

static const wr_relation_def kept_def = {
    .name = "kept rows",
    .open = kept_open,
    .worker_new = kept_worker_new,
    .next_morsel = kept_next_morsel,
    .next_batch = kept_next_batch,
    .worker_drop = kept_worker_drop,
    .close = kept_close,
    .drop = kept_drop,
};

wr_relation *wr_kept_relation_new(const wr_schema *schema, wr_mem *mem)
{
    kept_relation *kept = wr_heap_new(sizeof *kept);
    kept->base = (wr_relation){
        .def = &kept_def, .visible_count = schema->count, .row_count = -1, .references = 1};
    kept->base.schema = *wr_schema_copy(&kept->arena, schema);
    kept->rows.mem = mem;
    return &kept->base;
}

weir_status wr_kept_relation_add(wr_relation *relation, const wr_batch *batch)
{
    wr_assert(relation->def == &kept_def);
    return wr_kept_rows_add(&((kept_relation *)relation)->rows, batch);
}

const wr_kept_rows *wr_kept_relation_rows(const wr_relation *relation)
{
    wr_assert(relation->def == &kept_def);
    return &((const kept_relation *)relation)->rows;
}

uint64_t wr_kept_relation_bytes(const wr_relation *relation)
{
    wr_assert(relation->def == &kept_def);
    return ((const kept_relation *)relation)->rows.arena.total;
}
