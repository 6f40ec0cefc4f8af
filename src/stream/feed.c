/* feed.c - see feed.h.
 *
 * The scan hands out the columns the plan asked for of the batch that was pushed, without copying,
 * narrowed by the filters that were pushed into the scan. When the batch was taken it says that
 * there is nothing at the moment, and the run pauses. Invariant: a batch is handed out once. */
#include "stream/feed.h"

typedef struct feed {
    wr_relation base;
    wr_arena arena;
    wr_str name;
    const wr_batch *batch; /* NULL: taken */
    bool has_ended;
} feed;

struct wr_scan {
    feed *feed;
    wr_scan_request request;
    int *columns;
    wr_scan_filter **filters;
    wr_progress progress;
};

struct wr_scan_worker {
    wr_scan *scan;
    bool has_begun;
    wr_column *columns;
    uint16_t sel[WR_BATCH_ROWS];
};

static weir_status feed_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    wr_scan *scan = wr_heap_new(sizeof *scan);
    scan->feed = (feed *)rel;
    scan->request = *request; /* its arrays live as long as the scan, but for the first */
    size_t size = sizeof *scan->columns * (size_t)WR_MAX(request->column_count, 1);
    scan->columns = wr_heap_new(size);
    if (request->column_count) memcpy(scan->columns, request->columns, size);
    *out = scan;
    return WR_OK;
}

static weir_status feed_worker_new(wr_scan *scan, int worker, wr_scan_worker **out)
{
    wr_assert(worker == 0);
    (*out) = wr_heap_new(sizeof **out);
    (*out)->scan = scan;
    (*out)->columns =
        wr_heap_new(sizeof *(*out)->columns * (size_t)WR_MAX(scan->request.column_count, 1));
    return WR_OK;
}

static weir_status feed_next_morsel(wr_scan_worker *worker, bool *got)
{
    *got = !worker->has_begun;
    worker->has_begun = true;
    return WR_OK;
}

/* Asks the filters for the rows that stay. */
static weir_status narrow(wr_scan_worker *worker, wr_batch *out)
{
    const wr_scan_request *request = &worker->scan->request;
    uint32_t count = wr_batch_count(out);
    for (uint32_t i = 0; i < count; i++)
        worker->sel[i] = (uint16_t)wr_batch_row(out, i);
    for (int i = 0; i < request->filter_count && count > 0; i++) {
        const wr_scan_filter *filter = request->filters[i];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, 0, out, worker->sel, &count));
    }
    out->sel = worker->sel;
    out->sel_count = count;
    return WR_OK;
}

static weir_status feed_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    wr_scan *scan = worker->scan;
    const wr_batch *in = scan->feed->batch;
    *out = (wr_batch){.columns = worker->columns, .column_count = scan->request.column_count};
    *more = in || !scan->feed->has_ended;
    if (!in) return WR_OK;
    scan->feed->batch = NULL;
    for (int i = 0; i < out->column_count; i++)
        worker->columns[i] = in->columns[scan->columns[i]];
    out->rows = in->rows;
    out->sel = in->sel;
    out->sel_count = in->sel_count;
    scan->progress.rows += wr_batch_count(in);
    return scan->request.filter_count ? narrow(worker, out) : WR_OK;
}

static void feed_worker_drop(wr_scan_worker *worker)
{
    wr_heap_drop(worker->columns);
    wr_heap_drop(worker);
}

static void feed_close(wr_scan *scan)
{
    wr_heap_drop(scan->columns);
    wr_heap_drop(scan);
}

static const wr_progress *feed_progress(const wr_scan *scan) { return &scan->progress; }

static void feed_drop(wr_relation *rel)
{
    wr_arena_clear(&((feed *)rel)->arena);
    wr_heap_drop(rel);
}

static const wr_relation_def feed_def = {.name = "feed",
                                         .open = feed_open,
                                         .worker_new = feed_worker_new,
                                         .next_morsel = feed_next_morsel,
                                         .next_batch = feed_next_batch,
                                         .worker_drop = feed_worker_drop,
                                         .close = feed_close,
                                         .progress = feed_progress,
                                         .drop = feed_drop};

wr_relation *wr_feed_new(wr_str name, const wr_schema *schema)
{
    feed *f = wr_heap_new(sizeof *f);
    f->name = wr_arena_str(&f->arena, name);
    f->base = (wr_relation){.def = &feed_def,
                            .schema = *wr_schema_copy(&f->arena, schema),
                            .visible_count = schema->count,
                            .row_count = -1,
                            .pauses = true,
                            .references = 1};
    return &f->base;
}

void wr_feed_push(wr_relation *feed_, const wr_batch *batch)
{
    feed *f = (feed *)feed_;
    wr_assert(!f->batch && !f->has_ended);
    f->batch = batch;
}

bool wr_feed_is_taken(const wr_relation *feed_) { return !((const feed *)feed_)->batch; }

void wr_feed_end(wr_relation *feed_) { ((feed *)feed_)->has_ended = true; }

void wr_feed_begin(wr_relation *feed_)
{
    feed *f = (feed *)feed_;
    f->batch = NULL;
    f->has_ended = false;
}
