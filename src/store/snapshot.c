/* snapshot.c - the relation over a table as one transaction sees it.
 *
 * A snapshot is a list of chunks with references; which rows of a chunk are visible is found from
 * the version stamps when the chunk is scanned (stamps of others that change meanwhile are newer
 * than the snapshot, so the answer is the same whenever it is asked). A batch is a chunk, a morsel
 * one chunk or, for those who want long ones, several in a row. The transaction's own later changes
 * would show; a fixed snapshot notes at once what it sees, for statements that read a table while
 * they change it. */
#include "store/chunk.h"

typedef struct snapshot {
    wr_relation base;
    wr_table *table;
    wr_txn seen; /* id and snapshot time of the transaction */
    wr_chunk **chunks;
    uint32_t chunk_count;
    uint32_t *rows;   /* per chunk: rows that existed at the time */
    uint64_t **fixed; /* per chunk: bits of the rows that are seen; NULL: the stamps say it */
    wr_arena arena;
} snapshot;

struct wr_scan {
    snapshot *source;
    wr_scan_request request;
    _Atomic uint32_t next_chunk;
    uint32_t morsel_chunks;
    wr_progress progress;
};

struct wr_scan_worker {
    wr_scan *scan;
    int number;
    uint32_t chunk;     /* read last */
    uint32_t next, end; /* what is left of the morsel */
    wr_arena arena;
    uint16_t sel[WR_BATCH_ROWS];
};

/* Long morsels are not so long that some workers would go without. */
static uint32_t morsel_chunks(const wr_scan *scan)
{
    enum { ROWS = 64 << 10, SHARES = 4 };
    if (!scan->request.long_morsels || scan->request.places) return 1;
    uint32_t share = scan->source->chunk_count / SHARES / (uint32_t)scan->request.worker_count;
    return WR_MAX(WR_MIN(share, (uint32_t)(ROWS / WR_BATCH_ROWS)), 1u);
}

static weir_status snapshot_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    wr_scan *scan = wr_heap_new(sizeof *scan);
    scan->source = (snapshot *)rel;
    scan->request = *request;
    scan->morsel_chunks = morsel_chunks(scan);
    for (uint32_t i = 0; i < scan->source->chunk_count; i++)
        scan->progress.rows_total += scan->source->rows[i];
    *out = scan;
    return WR_OK;
}

static weir_status snapshot_worker_new(wr_scan *scan, int number, wr_scan_worker **out)
{
    wr_scan_worker *worker = wr_heap_new(sizeof *worker);
    worker->scan = scan;
    worker->number = number;
    *out = worker;
    return WR_OK;
}

/* Can no row of the chunk pass? Only int-like columns with bounds are looked at. */
static bool excluded(const wr_chunk *chunk, const wr_prune *prune, const int *columns)
{
    const wr_column *column = &chunk->columns[columns[prune->column]];
    if (!column->has_bounds || prune->value_count != 1 || prune->values[0].is_null ||
        prune->values[0].type != column->type)
        return false;
    int64_t value = prune->values[0].i64;
    switch (prune->op) {
    case WR_PRUNE_EQ:
        return value < column->lo || value > column->hi;
    case WR_PRUNE_LT:
        return column->lo >= value;
    case WR_PRUNE_LE:
        return column->lo > value;
    case WR_PRUNE_GT:
        return column->hi <= value;
    case WR_PRUNE_GE:
        return column->hi < value;
    default:
        return false;
    }
}

static bool pruned(const wr_scan *scan, const wr_chunk *chunk)
{
    for (int f = 0; f < scan->request.filter_count; f++) {
        const wr_scan_filter *filter = scan->request.filters[f];
        int count = 0;
        if (!filter->prunes || (filter->ready && !filter->ready(filter))) continue;
        const wr_prune *prunes = filter->prunes(filter, &count);
        for (int i = 0; i < count; i++) {
            bool is_rowid =
                scan->request.columns[prunes[i].column] == scan->source->table->schema->count;
            if (!is_rowid && excluded(chunk, &prunes[i], scan->request.columns)) return true;
        }
    }
    return false;
}

/* The chunk in the middle of a part of the table. */
static uint32_t sampled_chunk(const wr_scan *scan, uint32_t place)
{
    uint64_t chunks = scan->source->chunk_count, places = (uint64_t)scan->request.places;
    return place < places ? (uint32_t)((2 * place + 1) * chunks / (2 * places)) : (uint32_t)chunks;
}

/* Goes to the next chunk of the morsel that may have rows; false: none is left. */
static bool find_chunk(wr_scan_worker *worker)
{
    wr_scan *scan = worker->scan;
    const snapshot *source = scan->source;
    for (; worker->next < worker->end; worker->next++) {
        if (!pruned(scan, source->chunks[worker->next])) return true;
        scan->progress.rows_excluded += source->rows[worker->next];
    }
    return false;
}

static weir_status snapshot_next_morsel(wr_scan_worker *worker, bool *got)
{
    wr_scan *scan = worker->scan;
    uint32_t chunks = scan->source->chunk_count;
    do {
        uint32_t chunk = atomic_fetch_add(&scan->next_chunk, scan->morsel_chunks);
        if (scan->request.places) chunk = sampled_chunk(scan, chunk);
        *got = chunk < chunks;
        if (!*got) {
            atomic_fetch_sub(&scan->next_chunk, scan->morsel_chunks);
            return WR_OK;
        }
        worker->next = chunk;
        worker->end = WR_MIN(chunk + scan->morsel_chunks, chunks);
    } while (!find_chunk(worker));
    return WR_OK;
}

/* Does the snapshot see every row of the chunk? Commit times never change, so a full chunk that has
 * nothing else remembers the newest of them. One without an array of stamps does not grow. */
static bool sees_all(const snapshot *source, uint32_t chunk)
{
    if (source->fixed) return false;
    wr_versions *versions = source->chunks[chunk]->versions;
    if (versions->ended_count > 0) return false;
    if (!versions->created) return wr_stamp_seen(versions->whole, &source->seen);
    if (source->rows[chunk] < WR_BATCH_ROWS) return false;
    if (versions->newest == WR_STAMP_NEVER) {
        uint64_t newest = 0;
        for (uint32_t row = 0; row < WR_BATCH_ROWS; row++)
            newest = WR_MAX(newest, wr_created_get(versions, row));
        if (newest >= WR_TXN_FIRST) return false;
        versions->newest = newest;
    }
    return versions->newest <= source->seen.snapshot;
}

static bool sees_row(const snapshot *source, uint32_t chunk, uint32_t row)
{
    if (source->fixed) return source->fixed[chunk][row / 64] >> (row % 64) & 1;
    return wr_row_visible(source->chunks[chunk]->versions, row, &source->seen);
}

static uint64_t snapshot_count(wr_relation *rel)
{
    const snapshot *source = (snapshot *)rel;
    uint64_t count = 0;
    for (uint32_t c = 0; c < source->chunk_count; c++) {
        uint32_t rows = source->rows[c];
        if (sees_all(source, c)) {
            count += rows;
            continue;
        }
        for (uint32_t row = 0; row < rows; row++)
            count += sees_row(source, c, row);
    }
    return count;
}

static void select_all(uint32_t rows, uint16_t *sel)
{
    for (uint32_t row = 0; row < rows; row++)
        sel[row] = (uint16_t)row;
}

/* Fills sel with the visible rows; returns their number, or rows when all are visible (sel is left
 * alone then). */
static uint32_t visible_rows(const snapshot *source, uint32_t chunk, uint16_t *sel)
{
    uint32_t count = 0, rows = source->rows[chunk];
    if (sees_all(source, chunk)) return rows;
    for (uint32_t row = 0; row < rows; row++) {
        sel[count] = (uint16_t)row;
        count += sees_row(source, chunk, row);
    }
    return count;
}

static void fill_rowids(wr_scan_worker *worker, uint32_t rows, wr_column *out)
{
    wr_column_init(out, &worker->arena, WR_BIGINT, WR_P_I64, rows);
    out->rows = rows;
    int64_t first = (int64_t)worker->chunk * WR_BATCH_ROWS;
    for (uint32_t i = 0; i < rows; i++)
        ((int64_t *)out->data)[i] = first + i;
}

static weir_status snapshot_next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    *out = (wr_batch){0};
    *more = find_chunk(worker);
    if (!*more) return WR_OK;
    wr_scan *scan = worker->scan;
    const snapshot *source = scan->source;
    worker->chunk = worker->next++;
    wr_chunk *chunk = source->chunks[worker->chunk];
    uint32_t rows = source->rows[worker->chunk];
    scan->progress.rows += rows;
    wr_arena_reset(&worker->arena);
    out->column_count = scan->request.column_count;
    out->columns = wr_new_array(&worker->arena, wr_column, WR_MAX(out->column_count, 1));
    for (int c = 0; c < out->column_count; c++) {
        int from = scan->request.columns[c];
        if (from == source->table->schema->count) {
            fill_rowids(worker, rows, &out->columns[c]);
        } else {
            out->columns[c] = chunk->columns[from];
            out->columns[c].rows = rows;
        }
    }
    out->rows = rows;
    uint32_t count = visible_rows(source, worker->chunk, worker->sel);
    bool is_selected = count < rows;
    for (int f = 0; f < scan->request.filter_count && count; f++) {
        const wr_scan_filter *filter = scan->request.filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        if (!is_selected) select_all(rows, worker->sel);
        is_selected = true;
        WR_TRY(filter->apply(filter, worker->number, out, worker->sel, &count));
    }
    if (count < rows) {
        out->sel = worker->sel;
        out->sel_count = count;
    }
    return WR_OK;
}

static void snapshot_worker_drop(wr_scan_worker *worker)
{
    wr_arena_clear(&worker->arena);
    wr_heap_drop(worker);
}

static void snapshot_close(wr_scan *scan) { wr_heap_drop(scan); }

static const wr_progress *snapshot_progress(const wr_scan *scan) { return &scan->progress; }

/* Bounds over all chunks; columns of partly filled chunks have none, so they are looked at value by
 * value. */
static void snapshot_stats(wr_relation *rel, int column, wr_column_stats *out)
{
    snapshot *source = (snapshot *)rel;
    *out = (wr_column_stats){0};
    if (column >= source->table->schema->count) {
        *out = (wr_column_stats){.unique = true, .sorted = true};
        return;
    }
    const wr_type *type = source->table->schema->fields[column].type;
    out->bytes_per_row = (double)wr_phys_size(type->phys);
    if (!wr_type_is_int_like(type) || wr_phys_size(type->phys) > 8 || type->phys == WR_P_U64)
        return;
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    for (uint32_t c = 0; c < source->chunk_count; c++) {
        const wr_column *values = &source->chunks[c]->columns[column];
        if (values->has_bounds) {
            lo = WR_MIN(lo, values->lo);
            hi = WR_MAX(hi, values->hi);
            continue;
        }
        int64_t numbers[WR_BATCH_ROWS];
        wr_column_flat_i64(values, NULL, values->rows, numbers);
        for (uint32_t i = 0; i < values->rows; i++) {
            if (values->valid && !wr_bit_get(values->valid, i)) continue;
            lo = WR_MIN(lo, numbers[i]);
            hi = WR_MAX(hi, numbers[i]);
        }
    }
    if (lo > hi) return;
    out->has_range = true;
    out->min = wr_value_int(type, lo);
    out->max = wr_value_int(type, hi);
    wr_mutex_lock(&source->table->lock);
    for (int u = 0; u < source->table->unique_count; u++)
        out->unique |= wr_unique_is_on(source->table->uniques[u], column);
    wr_mutex_unlock(&source->table->lock);
}

static int snapshot_key(wr_relation *rel, int number, int *columns)
{
    wr_table *table = ((snapshot *)rel)->table;
    if (number == 0) {
        columns[0] = table->schema->count; /* rowid */
        return 1;
    }
    int count = 0;
    wr_mutex_lock(&table->lock);
    if (number <= table->unique_count)
        count = wr_unique_columns(table->uniques[number - 1], WR_KEY_COLUMNS_MAX, columns);
    wr_mutex_unlock(&table->lock);
    return count > WR_KEY_COLUMNS_MAX ? -1 : count;
}

static int snapshot_places(wr_relation *rel)
{
    return (int)WR_MIN(((snapshot *)rel)->chunk_count, (uint32_t)WR_SAMPLE_PLACES);
}

static void snapshot_drop(wr_relation *rel)
{
    snapshot *source = (snapshot *)rel;
    for (uint32_t i = 0; i < source->chunk_count; i++)
        wr_chunk_release(source->chunks[i]);
    wr_table_release(source->table);
    wr_arena_clear(&source->arena);
    wr_heap_drop(source);
}

static const wr_relation_def snapshot_def = {
    .name = "table",
    .open = snapshot_open,
    .worker_new = snapshot_worker_new,
    .next_morsel = snapshot_next_morsel,
    .next_batch = snapshot_next_batch,
    .worker_drop = snapshot_worker_drop,
    .close = snapshot_close,
    .progress = snapshot_progress,
    .stats = snapshot_stats,
    .count = snapshot_count,
    .key = snapshot_key,
    .places = snapshot_places,
    .drop = snapshot_drop,
};

static void set_schema(snapshot *source)
{
    const wr_schema *schema = source->table->schema;
    wr_schema *all = &source->base.schema;
    all->fields = wr_new_array(&source->arena, wr_field, schema->count + 1);
    all->not_null = wr_new_array(&source->arena, bool, schema->count + 1);
    for (int c = 0; c < schema->count; c++) {
        all->fields[c] = schema->fields[c];
        all->not_null[c] = schema->not_null && schema->not_null[c];
    }
    all->fields[schema->count] = (wr_field){WR_STR("rowid"), WR_BIGINT};
    all->not_null[schema->count] = true;
    all->count = schema->count + 1;
    source->base.visible_count = schema->count;
}

weir_status wr_table_snapshot(wr_table *table, wr_txn *txn, wr_relation **out)
{
    snapshot *source = wr_heap_new(sizeof *source);
    source->base.def = &snapshot_def;
    source->base.references = 1;
    source->table = wr_table_keep(table);
    source->seen = (wr_txn){.id = txn->id, .snapshot = txn->snapshot};
    set_schema(source);
    wr_mutex_lock(&table->lock);
    source->chunk_count = table->chunk_count;
    source->chunks = wr_new_array(&source->arena, wr_chunk *, table->chunk_count + 1);
    source->rows = wr_new_array(&source->arena, uint32_t, table->chunk_count + 1);
    double rows = 0;
    for (uint32_t i = 0; i < table->chunk_count; i++) {
        source->chunks[i] = wr_chunk_keep(table->chunks[i]);
        source->rows[i] = table->chunks[i]->rows;
        rows += table->chunks[i]->rows - table->chunks[i]->versions->ended_count;
    }
    wr_mutex_unlock(&table->lock);
    source->base.row_count = rows;
    *out = &source->base;
    return WR_OK;
}

weir_status wr_table_snapshot_fixed(wr_table *table, wr_txn *txn, wr_relation **out)
{
    WR_TRY(wr_table_snapshot(table, txn, out));
    snapshot *source = (snapshot *)*out;
    uint64_t **fixed = wr_new_array(&source->arena, uint64_t *, source->chunk_count + 1);
    for (uint32_t c = 0; c < source->chunk_count; c++) {
        fixed[c] = wr_new_array(&source->arena, uint64_t, source->rows[c] / 64 + 1);
        for (uint32_t row = 0; row < source->rows[c]; row++)
            fixed[c][row / 64] |= (uint64_t)sees_row(source, c, row) << (row % 64);
    }
    source->fixed = fixed;
    return WR_OK;
}
