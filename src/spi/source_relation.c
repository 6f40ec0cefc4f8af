/* source_relation.c - a source as a relation.
 *
 * Every scan opens a reader at the beginning. A reader belongs to one thread, so the scan is one
 * morsel and the worker that takes it makes the reader: workers that come too late have nothing to
 * do. Waiting for rows is cut into short pieces; after each the worker says "none yet", so that
 * whoever runs the query sees that it was cancelled or that LIMIT has enough.
 *
 * Nothing is acknowledged, so a reader only looks: of a source that processes share it reads all,
 * instead of taking part and waiting for its share.
 *
 * Trap: connectors are asked for at least one column, because the rows of a batch without columns
 * are easily forgotten; the scan hides it again. */
#include "spi/source_relation.h"
#include "sys/clock.h"

enum { WAIT_NS = 20 * 1000 * 1000 };

typedef struct source_relation {
    wr_relation base;
    wr_arena arena;
    wr_source *source;
    wr_fs *fs;
} source_relation;

struct wr_scan {
    source_relation *from;
    wr_scan_request request;
    int *columns;
    wr_scan_filter **filters;
    _Atomic bool is_taken;
    wr_progress progress;
};

struct wr_scan_worker {
    wr_scan *scan;
    int number;
    wr_reader *reader; /* NULL: not this worker's */
    uint16_t sel[WR_BATCH_ROWS];
};

static void source_close(wr_scan *scan)
{
    wr_heap_drop(scan->columns);
    wr_heap_drop(scan->filters);
    wr_heap_drop(scan);
}

static weir_status source_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    wr_scan *scan = wr_heap_new(sizeof *scan);
    int columns = request->column_count, filters = request->filter_count;
    scan->from = (source_relation *)rel;
    scan->request = *request;
    scan->columns = wr_heap_new(sizeof *scan->columns * (size_t)(columns + 1));
    scan->filters = wr_heap_new(sizeof(wr_scan_filter *) * (size_t)(filters + 1));
    if (columns) memcpy(scan->columns, request->columns, sizeof(int) * (size_t)columns);
    if (filters) memcpy(scan->filters, request->filters, sizeof *scan->filters * (size_t)filters);
    *out = scan;
    return WR_OK;
}

static weir_status source_worker_new(wr_scan *scan, int worker, wr_scan_worker **out)
{
    *out = wr_heap_new(sizeof **out);
    (*out)->scan = scan;
    (*out)->number = worker;
    return WR_OK;
}

static weir_status source_next_morsel(wr_scan_worker *worker, bool *got)
{
    wr_scan *scan = worker->scan;
    *got = false;
    if (atomic_exchange(&scan->is_taken, true)) return WR_OK;
    int asked = scan->request.column_count;
    if (!asked && scan->from->source->schema.count) asked = 1;
    const wr_reader_request request = {.columns = scan->columns,
                                       .column_count = asked,
                                       .fs = scan->from->fs,
                                       .mem = scan->request.mem,
                                       .cancel = scan->request.cancel,
                                       .only_looks = true};
    WR_TRY(scan->from->source->def->open(scan->from->source, &request, &worker->reader));
    *got = true;
    return WR_OK;
}

static weir_status narrow(wr_scan_worker *worker, wr_batch *out)
{
    const wr_scan *scan = worker->scan;
    uint32_t count = wr_batch_count(out);
    for (uint32_t i = 0; i < count; i++)
        worker->sel[i] = (uint16_t)wr_batch_row(out, i);
    for (int i = 0; i < scan->request.filter_count && count > 0; i++) {
        const wr_scan_filter *filter = scan->filters[i];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, worker->number, out, worker->sel, &count));
    }
    out->sel = worker->sel;
    out->sel_count = count;
    return WR_OK;
}

static weir_status source_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    wr_scan *scan = worker->scan;
    wr_poll result = WR_POLL_END;
    *out = (wr_batch){0};
    WR_TRY(wr_cancel_check(scan->request.cancel));
    WR_TRY(worker->reader->source->def->poll(worker->reader, wr_clock_mono_ns() + WAIT_NS, out,
                                             &result));
    *more = result != WR_POLL_END;
    if (result != WR_POLL_ROWS) *out = (wr_batch){0};
    out->column_count = scan->request.column_count;
    if (result != WR_POLL_ROWS) return WR_OK;
    wr_assert(out->rows <= WR_BATCH_ROWS);
    scan->progress.rows += wr_batch_count(out);
    return scan->request.filter_count ? narrow(worker, out) : WR_OK;
}

static void source_worker_drop(wr_scan_worker *worker)
{
    if (worker->reader) worker->reader->source->def->close(worker->reader);
    wr_heap_drop(worker);
}

static const wr_progress *source_progress(const wr_scan *scan) { return &scan->progress; }

static void source_explain(const wr_relation *rel, wr_buf *out)
{
    const wr_source *source = ((const source_relation *)rel)->source;
    wr_buf_printf(out, "%s%s", source->connector, source->is_bounded ? "" : ", without end");
}

static void source_drop(wr_relation *rel)
{
    source_relation *from = (source_relation *)rel;
    wr_source_release(from->source);
    wr_arena_clear(&from->arena);
    wr_heap_drop(from);
}

static const wr_relation_def source_def = {.name = "source",
                                           .open = source_open,
                                           .worker_new = source_worker_new,
                                           .next_morsel = source_next_morsel,
                                           .next_batch = source_next_batch,
                                           .worker_drop = source_worker_drop,
                                           .close = source_close,
                                           .progress = source_progress,
                                           .explain = source_explain,
                                           .drop = source_drop};

wr_relation *wr_source_relation_new(wr_source *source, wr_fs *fs)
{
    source_relation *from = wr_heap_new(sizeof *from);
    from->source = wr_source_keep(source);
    from->fs = fs;
    from->base = (wr_relation){.def = &source_def,
                               .schema = *wr_schema_copy(&from->arena, &source->schema),
                               .visible_count = source->schema.count,
                               .row_count = -1,
                               .references = 1};
    return &from->base;
}

wr_source *wr_relation_source(const wr_relation *relation)
{
    if (relation->def != &source_def) return NULL;
    wr_source *source = ((const source_relation *)relation)->source;
    return source->is_table ? NULL : source;
}

bool wr_relation_stamp(const wr_relation *relation, uint64_t *stamp)
{
    const source_relation *from = (const source_relation *)relation;
    if (relation->def != &source_def || !from->source->is_table || !from->source->def->stamp)
        return false;
    *stamp = from->source->def->stamp(from->source, from->fs);
    return true;
}
