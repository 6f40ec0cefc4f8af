/* series.c - numbers from first to last by a step, as a relation: generate_series and range over
 * constants.
 *
 * Nothing is stored: a morsel is a stretch of row numbers taken from an atomic counter, a batch is
 * computed from its first row. The number of rows is known beforehand and may be as large as 2^63.
 */
#include "plan/table_fn.h"
#include <stdatomic.h>

#define MORSEL_ROWS (INT64_C(64) * WR_BATCH_ROWS)

typedef struct series {
    wr_relation base;
    wr_field field;
    bool not_null;
    int64_t first, step, count;
} series;

struct wr_scan {
    const series *source;
    wr_scan_request request;
    _Atomic int64_t next;
    wr_progress progress;
};

struct wr_scan_worker {
    wr_scan *scan;
    int number;
    int64_t row, end;
    int64_t values[WR_BATCH_ROWS];
    int32_t narrow[WR_BATCH_ROWS]; /* the same of an INTEGER series */
    uint16_t sel[WR_BATCH_ROWS];
    wr_column column;
};

static weir_status series_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    wr_scan *scan = wr_heap_new(sizeof *scan);
    scan->source = (series *)rel;
    scan->request = *request;
    scan->progress.rows_total = (uint64_t)scan->source->count;
    *out = scan;
    return WR_OK;
}

static weir_status series_worker_new(wr_scan *scan, int worker, wr_scan_worker **out)
{
    *out = wr_heap_new(sizeof **out);
    (*out)->scan = scan;
    (*out)->number = worker;
    return WR_OK;
}

static weir_status series_next_morsel(wr_scan_worker *worker, bool *got)
{
    wr_scan *scan = worker->scan;
    int64_t at = atomic_load(&scan->next), end;
    do {
        *got = at < scan->source->count;
        if (!*got) return WR_OK;
        end = scan->source->count - at > MORSEL_ROWS ? at + MORSEL_ROWS : scan->source->count;
    } while (!atomic_compare_exchange_weak(&scan->next, &at, end));
    worker->row = at;
    worker->end = end;
    return WR_OK;
}

static weir_status series_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    wr_scan *scan = worker->scan;
    const series *source = scan->source;
    *out = (wr_batch){0};
    *more = worker->row < worker->end;
    if (!*more) return WR_OK;
    uint32_t rows = (uint32_t)WR_MIN(worker->end - worker->row, (int64_t)WR_BATCH_ROWS);
    /* wraps for no row that exists: the count was computed without overflow */
    uint64_t value = (uint64_t)source->first + (uint64_t)worker->row * (uint64_t)source->step;
    for (uint32_t i = 0; i < rows; i++, value += (uint64_t)source->step)
        worker->values[i] = (int64_t)value;
    int64_t a = worker->values[0], b = worker->values[rows - 1];
    worker->column = (wr_column){.type = WR_BIGINT,
                                 .form = WR_FLAT,
                                 .phys = WR_P_I64,
                                 .rows = rows,
                                 .data = worker->values,
                                 .has_bounds = true,
                                 .lo = WR_MIN(a, b),
                                 .hi = WR_MAX(a, b),
                                 .sorted = source->step > 0};
    if (source->field.type == WR_INTEGER) {
        for (uint32_t i = 0; i < rows; i++)
            worker->narrow[i] = (int32_t)worker->values[i];
        worker->column.type = WR_INTEGER;
        worker->column.phys = WR_P_I32;
        worker->column.data = worker->narrow;
    }
    worker->row += rows;
    atomic_fetch_add(&scan->progress.rows, rows);
    out->rows = rows;
    out->column_count = scan->request.column_count;
    out->columns = &worker->column;
    uint32_t count = rows;
    for (int f = 0; f < scan->request.filter_count && count; f++) {
        const wr_scan_filter *filter = scan->request.filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        if (count == rows)
            for (uint32_t i = 0; i < rows; i++)
                worker->sel[i] = (uint16_t)i;
        WR_TRY(filter->apply(filter, worker->number, out, worker->sel, &count));
    }
    if (count < rows) {
        out->sel = worker->sel;
        out->sel_count = count;
    }
    return WR_OK;
}

static void series_worker_drop(wr_scan_worker *worker) { wr_heap_drop(worker); }

static void series_close(wr_scan *scan) { wr_heap_drop(scan); }

static const wr_progress *series_progress(const wr_scan *scan) { return &scan->progress; }

static void series_stats(wr_relation *rel, int column, wr_column_stats *out)
{
    const series *source = (series *)rel;
    (void)column;
    *out = (wr_column_stats){
        .has_null_count = true, .has_distinct = true, .unique = true, .sorted = source->step > 0};
    out->distinct = (double)source->count;
    if (!source->count) return;
    int64_t last =
        (int64_t)((uint64_t)source->first + (uint64_t)(source->count - 1) * (uint64_t)source->step);
    out->has_range = out->is_exact = true;
    out->min = wr_value_int(source->field.type, WR_MIN(source->first, last));
    out->max = wr_value_int(source->field.type, WR_MAX(source->first, last));
}

static void series_drop(wr_relation *rel)
{
    wr_heap_drop((char *)((series *)rel)->field.name.data);
    wr_heap_drop(rel);
}

static const wr_relation_def series_def = {
    .name = "series",
    .open = series_open,
    .worker_new = series_worker_new,
    .next_morsel = series_next_morsel,
    .next_batch = series_next_batch,
    .worker_drop = series_worker_drop,
    .close = series_close,
    .progress = series_progress,
    .stats = series_stats,
    .drop = series_drop,
};

weir_status wr_series_new(wr_str name, const wr_type *type, int64_t first, int64_t last,
                          int64_t step, bool last_included, wr_relation **out)
{
    wr_assert(step != 0);
    wr_i128 distance = ((wr_i128)last - first) * (step > 0 ? 1 : -1),
            stride = step > 0 ? step : -(wr_i128)step;
    wr_i128 count = distance < 0    ? 0
                    : last_included ? distance / stride + 1
                                    : (distance + stride - 1) / stride;
    if (count > INT64_MAX) return wr_fail(WR_E_TOO_BIG, "the series has more than 2^63 numbers");
    series *source = wr_heap_new(sizeof *source);
    source->first = first;
    source->step = step;
    source->count = (int64_t)count;
    source->not_null = true;
    source->field = (wr_field){{wr_heap_copy(name.data, name.length), name.length}, type};
    source->base = (wr_relation){.def = &series_def,
                                 .schema = {&source->field, &source->not_null, 1},
                                 .visible_count = 1,
                                 .has_row_count = true,
                                 .row_count = (double)source->count,
                                 .references = 1};
    *out = &source->base;
    return WR_OK;
}
