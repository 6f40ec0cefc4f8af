/* scan.c - morsels, filters and batches over a Parquet file.
 *
 * A morsel is a unit: a row group, or a slice of one (units.c). At its start the facts of the
 * filters (asked anew: runtime filters may have arrived) are held against statistics, bloom
 * filters, dictionaries and the page index, cheapest first; what is left is a list of row ranges. A
 * batch decodes the columns of one filter at a time, most selective per cost first as measured on
 * the batches before; columns not needed by then are decoded only if rows survive and otherwise
 * merely skipped, which costs nothing until their next read and never decompresses a page of which
 * no row is wanted.
 *
 * Ownership: all memory of a batch belongs to the worker and is valid until its next next_batch;
 * dictionaries until it takes a morsel of another row group. */
#include "fmt/row_number.h"
#include "fmt/parquet/scan.h"
#include "fmt/parquet/nested.h"
#include "fmt/parquet/prune.h"
#include "fmt/parquet/units.h"
#include <stdio.h>

static const double REPEATS_SHARE =
    0.1; /* fewer different values per row: the same ones come again */

typedef struct pq_scan {
    wr_pq_relation *rel;
    wr_scan_request copy;           /* the caller's may live as long as the call of open only */
    const wr_scan_request *request; /* the copy */
    wr_arena arena;
    wr_pq_units units;
    wr_cached_file *cached; /* NULL: no cache. Else batches begin at multiples of WR_BATCH_ROWS */
    _Atomic int64_t delivered;
    wr_progress progress;
} pq_scan;

typedef struct pq_column {
    const wr_pq_node *node; /* NULL: the row number */
    bool is_flat;
    wr_pq_reader *readers; /* of the leaves */
    wr_column *values;
    wr_pq_shape shape;
    bool decoded;
    wr_cached_chunk *cached; /* of the morsel; flat columns only */
    wr_cached_block *shown;  /* what values of the batch stand in */
} pq_column;

typedef struct filter_cost { /* measured */
    int filter;
    double seen, passed;
} filter_cost;

typedef struct pq_worker {
    pq_scan *scan;
    int number;
    wr_pq_pool pool;
    wr_arena arena; /* lives as long as the worker */
    wr_arena morsel_arena;
    pq_column *columns;
    filter_cost *order;
    wr_pq_unit unit;
    int open_group; /* the readers stand at row of it; -1: nowhere yet */
    wr_pq_row_list ranges;
    int range;
    int64_t row; /* next row of the group */
    wr_column *batch_columns;
    uint16_t sel[WR_BATCH_ROWS];
    int16_t iota[WR_BATCH_ROWS];
} pq_worker;

/* Says where an error happened; r NULL: no leaf in particular. */
static weir_status locate(weir_status bad, const pq_worker *w, const pq_column *c,
                          const wr_pq_reader *r)
{
    if (!bad || bad->code == WR_E_CANCELLED || bad->code == WR_E_TIMEOUT) return bad;
    wr_str path = w->scan->rel->path;
    if (!c->node) return wr_wrap(bad, "%.*s", WR_STR_ARGS(path));
    char page[48] = "";
    if (r && r->page_at && r->page_count > 0)
        snprintf(page, sizeof page, ", page %d at byte %llu", r->page_count,
                 (unsigned long long)r->page_at);
    else if (r && r->page_at)
        snprintf(page, sizeof page, ", page at byte %llu", (unsigned long long)r->page_at);
    return wr_wrap(bad, "%.*s, row group %d, column \"%.*s\"%s", WR_STR_ARGS(path), w->unit.group,
                   WR_STR_ARGS(c->node->name), page);
}

uint64_t wr_pq_dict_id(wr_pq_relation *rel, int group, int leaf)
{
    _Atomic uint64_t *slot =
        &rel->dict_ids[(size_t)group * (size_t)rel->meta.leaf_count + (size_t)leaf];
    uint64_t id = atomic_load(slot);
    if (id) return id;
    uint64_t fresh = wr_dict_id_next();
    return atomic_compare_exchange_strong(slot, &id, fresh) ? fresh : id;
}

/* ---- opening */

static int scan_places(wr_relation *base)
{
    return wr_pq_units_places(&((wr_pq_relation *)base)->meta);
}

/* The cache of the file as it was when its footer was read; NULL when it has changed since. */
static wr_cached_file *open_cached(const wr_pq_relation *rel)
{
    const wr_file_identity *known = &rel->identity;
    wr_file_stat now;
    if (!rel->cache || WR_BATCH_ROWS % 64) return NULL;
    weir_status bad = wr_file_stat_of(rel->file, &now);
    if (bad) {
        wr_status_drop(bad); /* reading will say it */
        return NULL;
    }
    if (now.size != known->size || now.mtime_ns != known->mtime_ns || now.inode != known->inode)
        return NULL;
    return wr_file_cache_open(rel->cache, known, rel->path, (uint32_t)rel->meta.group_count,
                              (uint32_t)rel->meta.leaf_count);
}

static weir_status scan_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    pq_scan *s = wr_heap_new(sizeof *s);
    s->rel = (wr_pq_relation *)wr_relation_keep(base);
    s->copy = *request;
    s->request = &s->copy;
    s->arena.mem = request->mem;
    wr_pq_units_init(&s->units, &s->arena, &s->rel->meta, request);
    s->progress.rows_total = (uint64_t)s->rel->meta.rows;
    s->cached = open_cached(s->rel);
    *out = (wr_scan *)s;
    return WR_OK;
}

static void scan_close(wr_scan *scan)
{
    pq_scan *s = (pq_scan *)scan;
    wr_cached_file_close(s->cached);
    wr_relation_release(&s->rel->base);
    wr_arena_clear(&s->arena);
    wr_heap_drop(s);
}

static int scan_morsels(const wr_scan *scan) { return ((const pq_scan *)scan)->units.count; }

static const wr_progress *scan_progress(const wr_scan *scan)
{
    return &((const pq_scan *)scan)->progress;
}

static bool is_flat(const wr_pq_node *node, const wr_pq_meta *meta)
{
    if (node->kind != WR_PQ_LEAF) return false;
    const wr_pq_leaf *leaf = &meta->leaves[node->first_leaf];
    return leaf->max_rep == 0 && leaf->max_def <= 1;
}

static void column_init(pq_worker *w, pq_column *c, int position)
{
    const wr_pq_meta *meta = &w->scan->rel->meta;
    if (position >= meta->column_count) return; /* file_row_number */
    c->node = &meta->columns[position];
    c->is_flat = is_flat(c->node, meta);
    c->readers = wr_new_array(&w->arena, wr_pq_reader, c->node->leaf_count);
    c->values = wr_new_array(&w->arena, wr_column, c->node->leaf_count);
    for (int i = 0; i < c->node->leaf_count; i++)
        wr_pq_reader_init(&c->readers[i], &w->pool, &meta->leaves[c->node->first_leaf + i],
                          !c->is_flat);
    wr_pq_shape_init(&c->shape, c->node, &w->arena);
}

/* Readers are not small, and a scan may want thousands of columns. */
static weir_status admit_readers(const pq_scan *s)
{
    const wr_pq_meta *meta = &s->rel->meta;
    size_t leaves = 0;
    for (int i = 0; i < s->request->column_count; i++)
        if (s->request->columns[i] < meta->column_count)
            leaves += (size_t)meta->columns[s->request->columns[i]].leaf_count;
    wr_arena arena = {.mem = s->request->mem};
    return wr_arena_admit(&arena, leaves * (sizeof(wr_pq_reader) + sizeof(wr_column)));
}

static weir_status worker_new(wr_scan *scan, int number, wr_scan_worker **out)
{
    pq_scan *s = (pq_scan *)scan;
    WR_TRY(admit_readers(s));
    pq_worker *w = wr_heap_new(sizeof *w);
    w->scan = s;
    w->number = number;
    w->open_group = -1;
    w->arena.mem = w->morsel_arena.mem = s->request->mem;
    wr_pq_pool_init(&w->pool, s->request->mem, s->rel->file, s->rel->meta.data_end);
    w->columns = wr_new_array(&w->arena, pq_column, s->request->column_count + 1);
    w->batch_columns = wr_new_array(&w->arena, wr_column, s->request->column_count + 1);
    w->order = wr_new_array(&w->arena, filter_cost, s->request->filter_count + 1);
    for (int i = 0; i < s->request->column_count; i++)
        column_init(w, &w->columns[i], s->request->columns[i]);
    for (int i = 0; i < s->request->filter_count; i++)
        w->order[i].filter = i;
    for (int i = 0; i < WR_BATCH_ROWS; i++)
        w->iota[i] = (int16_t)i;
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

/* The batch handed out last is over. */
static void release_blocks(pq_worker *w)
{
    for (int i = 0; i < w->scan->request->column_count; i++) {
        wr_cached_block_release(w->columns[i].shown);
        w->columns[i].shown = NULL;
    }
}

static void unpin_chunks(pq_worker *w)
{
    if (!w->scan->cached) return;
    release_blocks(w);
    for (int i = 0; i < w->scan->request->column_count; i++) {
        wr_cached_chunk_unpin(w->columns[i].cached);
        w->columns[i].cached = NULL;
    }
}

static void pin_chunks(pq_worker *w)
{
    const wr_pq_group *g = &w->scan->rel->meta.groups[w->unit.group];
    for (int i = 0; w->scan->cached && i < w->scan->request->column_count; i++) {
        pq_column *c = &w->columns[i];
        if (!c->node || !c->is_flat) continue;
        uint32_t leaf = (uint32_t)c->node->first_leaf;
        c->cached =
            wr_cached_chunk_pin(w->scan->cached, (uint32_t)w->unit.group, leaf, (uint64_t)g->rows);
    }
}

static void worker_drop(wr_scan_worker *worker)
{
    pq_worker *w = (pq_worker *)worker;
    unpin_chunks(w);
    for (int i = 0; i < w->scan->request->column_count; i++) {
        pq_column *c = &w->columns[i];
        if (!c->node) continue;
        for (int k = 0; k < c->node->leaf_count; k++)
            wr_pq_reader_clear(&c->readers[k]);
        wr_pq_shape_clear(&c->shape, w->pool.mem);
    }
    wr_pq_pool_clear(&w->pool);
    wr_arena_clear(&w->morsel_arena);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w);
}

/* ---- pruning */

/* Calls see for every fact about a flat column; stops when it says that nothing is left. */
typedef bool fact_fn(pq_worker *w, pq_column *c, const wr_pq_chunk *chunk, const wr_prune *fact);

static bool any_fact(pq_worker *w, fact_fn *see)
{
    const wr_scan_request *q = w->scan->request;
    const wr_pq_group *g = &w->scan->rel->meta.groups[w->unit.group];
    for (int f = 0; f < q->filter_count; f++) {
        const wr_scan_filter *filter = q->filters[f];
        int count = 0;
        if (!filter->prunes || (filter->ready && !filter->ready(filter))) continue;
        const wr_prune *facts = filter->prunes(filter, &count);
        for (int i = 0; i < count; i++) {
            pq_column *c = &w->columns[facts[i].column];
            if (!c->is_flat || g->chunks[c->node->first_leaf].encrypted) continue;
            if (see(w, c, &g->chunks[c->node->first_leaf], &facts[i])) return true;
        }
    }
    return false;
}

static int64_t group_rows(const pq_worker *w)
{
    return w->scan->rel->meta.groups[w->unit.group].rows;
}

static bool by_range(pq_worker *w, pq_column *c, const wr_pq_chunk *chunk, const wr_prune *fact)
{
    return wr_pq_range_excludes(c->readers->leaf, &chunk->range, group_rows(w), fact);
}

static uint32_t first_block(const pq_worker *w) { return (uint32_t)(w->unit.from / WR_BATCH_ROWS); }

static uint32_t end_block(const pq_worker *w)
{
    return (uint32_t)((w->unit.to + WR_BATCH_ROWS - 1) / WR_BATCH_ROWS);
}

/* What is known of the blocks in the cache is finer than what the file says. */
static bool is_known(const pq_worker *w, const pq_column *c)
{
    return c->cached && wr_cached_chunk_knows(c->cached, first_block(w), end_block(w));
}

static bool by_blocks(pq_worker *w, pq_column *c, const wr_pq_chunk *chunk, const wr_prune *fact)
{
    (void)chunk;
    if (!c->cached) return false;
    bool has_values = fact->op != WR_PRUNE_NULL && fact->op != WR_PRUNE_NOT_NULL;
    int count = fact->op == WR_PRUNE_IN ? fact->value_count : has_values;
    for (int i = 0; i < count; i++)
        if (fact->values[i].type != c->node->type) return false;
    uint32_t end = end_block(w);
    for (uint32_t b = first_block(w); b < end;) {
        uint32_t first = b;
        while (b < end && wr_cached_chunk_excludes(c->cached, b, fact))
            b++;
        if (b > first)
            wr_pq_rows_cut(&w->morsel_arena, &w->ranges, (int64_t)first * WR_BATCH_ROWS,
                           (int64_t)b * WR_BATCH_ROWS);
        else
            b++;
    }
    return w->ranges.count == 0;
}

static bool by_bloom(pq_worker *w, pq_column *c, const wr_pq_chunk *chunk, const wr_prune *fact)
{
    if (is_known(w, c)) return false;
    return wr_pq_bloom_excludes(w->pool.file, w->pool.data_end, c->readers->leaf, chunk, fact);
}

static bool by_dictionary(pq_worker *w, pq_column *c, const wr_pq_chunk *chunk,
                          const wr_prune *fact)
{
    (void)w;
    if (!chunk->all_dictionary || (fact->op != WR_PRUNE_EQ && fact->op != WR_PRUNE_IN))
        return false;
    const wr_column *dict = c->cached ? wr_cached_chunk_dictionary(c->cached) : NULL;
    if (dict) return wr_pq_dictionary_excludes(dict, dict->rows, fact);
    if (is_known(w, c)) return false;
    weir_status bad = wr_pq_reader_dictionary(c->readers, &dict);
    if (bad) {
        /* Whatever is wrong shows again when the column is read; then it is reported with its
         * place. */
        wr_status_drop(bad);
        return false;
    }
    return dict && wr_pq_dictionary_excludes(dict, c->readers->dict_count, fact);
}

static bool by_index(pq_worker *w, pq_column *c, const wr_pq_chunk *chunk, const wr_prune *fact)
{
    if (chunk->column_index && chunk->offset_index && !is_known(w, c))
        wr_pq_index_prune(w->pool.file, w->pool.mem, w->pool.data_end, c->readers->leaf, chunk,
                          group_rows(w), fact, &w->morsel_arena, &w->ranges);
    return w->ranges.count == 0;
}

/* Readers that stand before the unit go on from there: their dictionary and page are loaded. */
static weir_status open_readers(pq_worker *w)
{
    wr_pq_relation *rel = w->scan->rel;
    const wr_pq_group *g = &rel->meta.groups[w->unit.group];
    if (w->open_group == w->unit.group && w->row <= w->unit.from) return WR_OK;
    w->open_group = w->unit.group;
    w->row = 0;
    for (int i = 0; i < w->scan->request->column_count; i++) {
        pq_column *c = &w->columns[i];
        if (!c->node) continue;
        for (int k = 0; k < c->node->leaf_count; k++) {
            int leaf = c->node->first_leaf + k;
            weir_status bad =
                wr_pq_reader_open(&c->readers[k], &g->chunks[leaf],
                                  wr_pq_dict_id(rel, w->unit.group, leaf), g->sorted_leaf == leaf);
            if (bad) return locate(bad, w, c, NULL);
        }
    }
    return WR_OK;
}

static void skip_columns(pq_worker *w, int64_t rows, bool only_undecoded)
{
    for (int i = 0; i < w->scan->request->column_count; i++) {
        pq_column *c = &w->columns[i];
        if (!c->node || (only_undecoded && c->decoded)) continue;
        for (int k = 0; k < c->node->leaf_count; k++)
            wr_pq_reader_skip(&c->readers[k], rows);
    }
}

/* Makes ranges begin and end with blocks: rows that statistics exclude do no harm, the filters
 * remove them. */
static void widen_ranges(pq_worker *w)
{
    wr_pq_row_list wide = {0};
    for (int i = 0; i < w->ranges.count; i++) {
        wr_pq_rows r = w->ranges.items[i];
        r.from -= r.from % WR_BATCH_ROWS;
        r.to += (WR_BATCH_ROWS - r.to % WR_BATCH_ROWS) % WR_BATCH_ROWS;
        r.to = WR_MIN(r.to, w->unit.to);
        if (wide.count && wide.items[wide.count - 1].to >= r.from)
            wide.items[wide.count - 1].to = r.to;
        else
            wr_push(&w->morsel_arena, &wide, r);
    }
    w->ranges = wide;
}

/* Most rows removed per column decoded first. Filters nobody has asked yet keep their place at the
 * front. */
static void order_filters(pq_worker *w)
{
    const wr_scan_request *q = w->scan->request;
    for (int i = 1; i < q->filter_count; i++)
        for (int k = i; k > 0; k--) {
            filter_cost *a = &w->order[k - 1], *b = &w->order[k];
            double cost_a = WR_MAX(q->filters[a->filter]->column_count, 1);
            double cost_b = WR_MAX(q->filters[b->filter]->column_count, 1);
            double gain_a = a->seen ? (1 - a->passed / a->seen) / cost_a : 1 / cost_a;
            double gain_b = b->seen ? (1 - b->passed / b->seen) / cost_b : 1 / cost_b;
            if (gain_b <= gain_a) break;
            filter_cost swapped = *a;
            *a = *b;
            *b = swapped;
        }
    for (int i = 0; i < q->filter_count; i++) {
        w->order[i].seen /= 2;
        w->order[i].passed /= 2;
    }
}

/* ---- progress */

static void tell_bytes(pq_worker *w)
{
    wr_progress *progress = &w->scan->progress;
    atomic_fetch_add_explicit(&progress->bytes, w->pool.read_bytes, memory_order_relaxed);
    atomic_fetch_add_explicit(&progress->decoded_bytes, w->pool.decoded_bytes,
                              memory_order_relaxed);
    w->pool.read_bytes = w->pool.decoded_bytes = 0;
}

/* What of the morsel is not in its ranges. */
static void tell_excluded(pq_worker *w)
{
    int64_t rows = w->unit.to - w->unit.from;
    for (int i = 0; i < w->ranges.count; i++)
        rows -= w->ranges.items[i].to - w->ranges.items[i].from;
    atomic_fetch_add(&w->scan->progress.rows_excluded, (uint64_t)rows);
}

static weir_status next_morsel(wr_scan_worker *worker, bool *got)
{
    pq_worker *w = (pq_worker *)worker;
    pq_scan *s = w->scan;
    *got = false;
    while (true) {
        WR_TRY(wr_cancel_check(s->request->cancel));
        wr_pq_pool_recycle(&w->pool);
        unpin_chunks(w);
        if (s->request->limit >= 0 && atomic_load(&s->delivered) >= s->request->limit) return WR_OK;
        if (!wr_pq_units_take(&s->units, w->number, &w->unit)) return WR_OK;
        wr_arena_reset(&w->morsel_arena);
        w->ranges = (wr_pq_row_list){0};
        wr_push(&w->morsel_arena, &w->ranges, ((wr_pq_rows){w->unit.from, w->unit.to}));
        bool excluded = any_fact(w, by_range);
        if (!excluded) {
            pin_chunks(w);
            excluded = any_fact(w, by_blocks) || any_fact(w, by_bloom);
        }
        if (!excluded) {
            WR_TRY(open_readers(w));
            excluded = any_fact(w, by_dictionary) || any_fact(w, by_index);
        }
        if (!excluded) break;
        atomic_fetch_add(&s->progress.rows_excluded, (uint64_t)(w->unit.to - w->unit.from));
        tell_bytes(w);
    }
    order_filters(w);
    if (s->cached) widen_ranges(w);
    tell_excluded(w);
    w->range = 0;
    skip_columns(w, w->ranges.items[0].from - w->row, false);
    w->row = w->ranges.items[0].from;
    *got = true;
    return WR_OK;
}

/* ---- batches */

static weir_status decode_nested(const pq_worker *w, pq_column *c, uint32_t rows, wr_column *out)
{
    for (int i = 0; i < c->node->leaf_count; i++) {
        weir_status bad = wr_pq_reader_nested(&c->readers[i], rows, &c->values[i]);
        if (bad) return locate(bad, w, c, &c->readers[i]);
    }
    return locate(wr_pq_assemble(&c->shape, c->readers, c->values, rows, out), w, c, NULL);
}

/* Shows the block of the next rows, if the cache has it. */
static bool show_block(pq_worker *w, pq_column *c, uint32_t rows, wr_column *out)
{
    uint64_t bytes;
    if (!c->cached) return false;
    uint32_t block = (uint32_t)(w->row / WR_BATCH_ROWS);
    c->shown = wr_cached_chunk_get(c->cached, block, out, &bytes);
    if (!c->shown) return false;
    out->rows = rows; /* of a sample: fewer */
    wr_pq_reader_skip(c->readers, rows);
    atomic_fetch_add_explicit(&w->scan->progress.cached_bytes, bytes, memory_order_relaxed);
    return true;
}

static weir_status decode_flat(pq_worker *w, pq_column *c, uint32_t rows, const uint16_t *sel,
                               uint32_t sel_count, wr_column *out)
{
    if (show_block(w, c, rows, out)) return WR_OK;
    bool is_whole = rows == WR_MIN(group_rows(w) - w->row, (int64_t)WR_BATCH_ROWS);
    bool keep = c->cached && is_whole && wr_cached_chunk_wants(c->cached);
    if (keep || sel_count == rows) sel = NULL;
    WR_TRY(wr_pq_reader_flat(c->readers, rows, sel, sel_count, out));
    if (keep) wr_cached_chunk_put(c->cached, (uint32_t)(w->row / WR_BATCH_ROWS), out);
    return WR_OK;
}

static weir_status decode(pq_worker *w, int column, uint32_t rows, const uint16_t *sel,
                          uint32_t sel_count)
{
    pq_column *c = &w->columns[column];
    wr_column *out = &w->batch_columns[column];
    if (c->decoded) return WR_OK;
    c->decoded = true;
    if (!c->node) {
        wr_row_number_column(w->iota, w->scan->rel->meta.groups[w->unit.group].first_row + w->row,
                             rows, out);
        return WR_OK;
    }
    if (!c->is_flat) return decode_nested(w, c, rows, out);
    return locate(decode_flat(w, c, rows, sel, sel_count, out), w, c, c->readers);
}

static weir_status run_filters(pq_worker *w, uint32_t rows, uint32_t *count)
{
    const wr_scan_request *q = w->scan->request;
    for (int i = 0; i < q->filter_count && *count; i++) {
        filter_cost *cost = &w->order[i];
        const wr_scan_filter *f = q->filters[cost->filter];
        if (f->ready && !f->ready(f)) continue;
        for (int k = 0; k < f->column_count; k++)
            WR_TRY(decode(w, f->columns[k], rows, w->sel, *count));
        wr_batch in = {.columns = w->batch_columns, .column_count = q->column_count, .rows = rows};
        cost->seen += *count;
        WR_TRY(f->apply(f, w->number, &in, w->sel, count));
        cost->passed += *count;
    }
    return WR_OK;
}

/* The next batch of the range; *count 0 when no row survived. */
static weir_status make_batch(pq_worker *w, uint32_t rows, uint32_t *count)
{
    const wr_scan_request *q = w->scan->request;
    if (w->scan->cached) release_blocks(w);
    for (int i = 0; i < q->column_count; i++)
        w->columns[i].decoded = false;
    *count = rows;
    if (q->filter_count) {
        for (uint32_t i = 0; i < rows; i++)
            w->sel[i] = (uint16_t)i;
        WR_TRY(run_filters(w, rows, count));
    }
    if (*count)
        for (int i = 0; i < q->column_count; i++)
            WR_TRY(decode(w, i, rows, w->sel, *count));
    skip_columns(w, rows, true);
    return WR_OK;
}

static weir_status next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    pq_worker *w = (pq_worker *)worker;
    pq_scan *s = w->scan;
    *out = (wr_batch){.columns = w->batch_columns, .column_count = s->request->column_count};
    *more = false;
    while (true) {
        WR_TRY(wr_cancel_check(s->request->cancel));
        wr_pq_pool_recycle(&w->pool);
        wr_pq_rows *range = &w->ranges.items[w->range];
        if (w->row == range->to) {
            if (++w->range == w->ranges.count) {
                w->range--; /* asked again, it says again that nothing is left */
                w->ranges.items[w->range].from = w->row;
                return WR_OK;
            }
            skip_columns(w, range[1].from - w->row, false);
            w->row = range[1].from;
            continue;
        }
        uint32_t rows = (uint32_t)WR_MIN(range->to - w->row, (int64_t)WR_BATCH_ROWS), count;
        WR_TRY(make_batch(w, rows, &count));
        tell_bytes(w);
        w->row += rows;
        atomic_fetch_add(&s->progress.rows, rows);
        if (count == 0) continue;
        out->rows = rows;
        if (count < rows) {
            out->sel = w->sel;
            out->sel_count = count;
        }
        atomic_fetch_add(&s->delivered, count);
        *more = true;
        return WR_OK;
    }
}

/* ---- statistics */

static bool merge_range(const wr_pq_meta *meta, const wr_pq_leaf *leaf, wr_column_stats *out)
{
    bool any = false;
    for (int g = 0; g < meta->group_count; g++) {
        const wr_pq_chunk *chunk = &meta->groups[g].chunks[leaf->index];
        wr_value min, max;
        if (meta->groups[g].rows == 0 ||
            (chunk->range.has_null_count && chunk->range.null_count == chunk->value_count))
            continue;
        if (chunk->encrypted || !wr_pq_range_values(leaf, &chunk->range, &min, &max)) return false;
        if (!any || wr_value_cmp(&min, &out->min) < 0) out->min = min;
        if (!any || wr_value_cmp(&max, &out->max) > 0) out->max = max;
        /* Bounds of floating numbers leave NaN out, which is the greatest value here. */
        out->is_exact = (!any || out->is_exact) && chunk->range.is_exact &&
                        leaf->type->phys != WR_P_F64 && leaf->type->phys != WR_P_F32;
        any = true;
    }
    return any;
}

/* Declared by every row group, and each begins where the one before has ended. */
static bool is_sorted(const wr_pq_meta *meta, const wr_pq_leaf *leaf)
{
    wr_value last = {0};
    for (int g = 0; g < meta->group_count; g++) {
        wr_value min, max;
        const wr_pq_range *range = &meta->groups[g].chunks[leaf->index].range;
        if (meta->groups[g].sorted_leaf != leaf->index ||
            !wr_pq_range_values(leaf, range, &min, &max))
            return false;
        if (last.type && wr_value_cmp(&last, &min) > 0) return false;
        last = max;
    }
    return meta->group_count > 0;
}

/* From what single row groups say. Where many rows of a group are different, the next group has
 * other values: they add up. */
static double over_all_groups(const wr_pq_meta *meta, double of_one)
{
    double group_rows = (double)meta->rows / meta->group_count;
    if (of_one < group_rows * REPEATS_SHARE) return of_one;
    return WR_MIN(of_one * meta->group_count, (double)meta->rows);
}

static double distinct_of(const wr_pq_relation *rel, const wr_pq_leaf *leaf)
{
    const wr_pq_meta *meta = &rel->meta;
    double most = 0;
    for (int g = 0; g < meta->group_count; g++) {
        const wr_pq_chunk *chunk = &meta->groups[g].chunks[leaf->index];
        if (chunk->range.has_distinct) most = WR_MAX(most, (double)chunk->range.distinct);
    }
    if (meta->group_count == 0) return 0;
    if (most > 0) return over_all_groups(meta, most);
    /* A look at the dictionaries of the first and the middle row group. */
    for (int g = 0; g < meta->group_count; g += WR_MAX(meta->group_count / 2, 1)) {
        uint32_t entries;
        const wr_pq_chunk *chunk = &meta->groups[g].chunks[leaf->index];
        if (!chunk->all_dictionary ||
            !wr_pq_dictionary_size(rel->file, meta->data_end, chunk, &entries))
            return 0;
        most = WR_MAX(most, (double)entries);
    }
    return over_all_groups(meta, most);
}

static void column_stats(wr_relation *base, int column, wr_column_stats *out)
{
    const wr_pq_relation *rel = (const wr_pq_relation *)base;
    const wr_pq_meta *meta = &rel->meta;
    *out = (wr_column_stats){0};
    if (column >= meta->column_count) {
        wr_row_number_stats(meta->rows, out);
        return;
    }
    const wr_pq_node *node = &meta->columns[column];
    double bytes = 0;
    for (int g = 0; g < meta->group_count; g++)
        for (int i = 0; i < node->leaf_count; i++)
            bytes += (double)meta->groups[g].chunks[node->first_leaf + i].plain_size;
    out->bytes_per_row = meta->rows ? bytes / (double)meta->rows : 0;
    if (!is_flat(node, meta)) return;
    const wr_pq_leaf *leaf = &meta->leaves[node->first_leaf];
    out->has_range = merge_range(meta, leaf, out);
    out->sorted = is_sorted(meta, leaf);
    out->distinct = distinct_of(rel, leaf);
    out->has_distinct = out->distinct > 0;
    out->has_null_count = true;
    for (int g = 0; g < meta->group_count; g++) {
        const wr_pq_range *range = &meta->groups[g].chunks[leaf->index].range;
        out->has_null_count &= range->has_null_count || leaf->max_def == 0;
        out->null_count += leaf->max_def ? (uint64_t)range->null_count : 0;
    }
}

static void explain(const wr_relation *base, wr_buf *out)
{
    const wr_pq_relation *rel = (const wr_pq_relation *)base;
    wr_buf_printf(out, "%d row groups", rel->meta.group_count);
}

static void relation_drop(wr_relation *base)
{
    wr_pq_relation *rel = (wr_pq_relation *)base;
    if (rel->file) wr_file_close(rel->file);
    wr_arena_clear(&rel->arena);
    wr_heap_drop(rel);
}

const wr_relation_def wr_pq_relation_def = {
    .name = "parquet",
    .open = scan_open,
    .worker_new = worker_new,
    .next_morsel = next_morsel,
    .morsels = scan_morsels,
    .next_batch = next_batch,
    .worker_drop = worker_drop,
    .close = scan_close,
    .progress = scan_progress,
    .stats = column_stats,
    .places = scan_places,
    .explain = explain,
    .drop = relation_drop,
};
