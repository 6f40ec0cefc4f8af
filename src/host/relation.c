/* relation.c - see relation.h.
 *
 * A scan walks over arrays: those that are kept, or those a stream gives that was opened for this
 * scan. Workers take slices of them in order, under the scan's lock, which is held while a producer
 * makes the next array: one asks, the others wait for what comes. A slice holds a reference to its
 * array, so that an array of a stream ends with its last slice.
 *
 * Per batch the columns of one filter at a time are imported, the others only if rows are left;
 * most of it is pointing into the buffers. */
#include "host/relation.h"

enum { SLICE_ROWS = 60 * WR_BATCH_ROWS };

typedef struct host_relation {
    wr_relation base;
    wr_host_schema *schema;
    wr_arena arena;
    WR_LIST(wr_host_array *) arrays; /* kept; none of a source */
    int64_t rows;
    wr_host_source source; /* open NULL: arrays are kept */
} host_relation;

/* The arrays one after the other, of one scan. */
typedef struct array_walk {
    host_relation *rel;
    int next; /* kept arrays */
    bool is_open, has_ended;
    struct ArrowArrayStream stream;
    wr_host_schema *schema; /* of the arrays that come */
    int *child;             /* which of their columns is column i of the relation; -1: none */
    wr_mem *mem;
    const wr_cancel *cancel;
} array_walk;

/* ---- arrays one after the other ---- */

weir_status wr_host_stream_failure(struct ArrowArrayStream *stream, const char *what)
{
    const char *text = stream->get_last_error ? stream->get_last_error(stream) : NULL;
    return wr_fail(WR_E_IO, "the stream failed while %s: %s", what,
                   text && *text ? text : "no reason given");
}

static weir_status stream_schema(struct ArrowArrayStream *stream, wr_host_schema **out)
{
    struct ArrowSchema schema = {0};
    if (!stream->release || !stream->get_schema || !stream->get_next)
        return wr_fail(WR_E_CORRUPT, "malformed Arrow data: a released stream");
    if (stream->get_schema(stream, &schema) != 0)
        return wr_host_stream_failure(stream, "asking for its schema");
    return wr_host_schema_new(&schema, out);
}

/* The next array that has rows; *out NULL at the end. */
static weir_status stream_next(struct ArrowArrayStream *stream, wr_host_schema *schema, wr_mem *mem,
                               const wr_cancel *cancel, wr_host_array **out)
{
    for (;;) {
        struct ArrowArray array = {0};
        *out = NULL;
        WR_TRY(wr_cancel_check(cancel));
        if (stream->get_next(stream, &array) != 0)
            return wr_host_stream_failure(stream, "reading rows");
        if (!array.release) return WR_OK;
        WR_TRY(wr_host_array_new(schema, &array, mem, out));
        if (wr_host_array_rows(*out) > 0) return WR_OK;
        wr_host_array_release(*out);
    }
}

static weir_status other_columns(const wr_field *was)
{
    return wr_fail(WR_E_FILE_SCHEMA,
                   "the source gives other columns than it said: \"%.*s\" of type %s was wanted",
                   WR_STR_ARGS(was->name), wr_type_name(was->type));
}

/* Columns come as they were wished for, or all of them. */
static weir_status map_columns(array_walk *walk, const int *wished, int wished_count)
{
    const host_relation *rel = walk->rel;
    const wr_schema *is = &walk->schema->columns, *all = &rel->base.schema;
    bool is_all = is->count == all->count;
    if (!is_all && is->count != wished_count)
        return wr_fail(WR_E_FILE_SCHEMA, "the source gives %d columns where %d of %d were wanted",
                       is->count, wished_count, all->count);
    for (int i = 0; i < all->count; i++)
        walk->child[i] = is_all ? i : -1;
    for (int i = 0; i < wished_count; i++) {
        if (!is_all) walk->child[wished[i]] = i;
        if (is->fields[walk->child[wished[i]]].type != all->fields[wished[i]].type)
            return other_columns(&all->fields[wished[i]]);
    }
    return WR_OK;
}

static weir_status open_source(array_walk *walk, const int *columns, int count, int64_t rows)
{
    const host_relation *rel = walk->rel;
    WR_ARENA(scratch);
    int all = rel->base.schema.count, wished_count = 0;
    bool *is_wished = wr_new_array(&scratch, bool, all + 1);
    int *wished = wr_new_array(&scratch, int, all + 1);
    const char **names = wr_new_array(&scratch, const char *, all + 1);
    for (int i = 0; i < count; i++)
        is_wished[columns[i]] = true;
    for (int i = 0; i < all; i++) {
        if (!is_wished[i]) continue;
        wr_str name = rel->base.schema.fields[i].name;
        names[wished_count] = wr_arena_copy(&scratch, name.data, name.length);
        wished[wished_count++] = i;
    }
    wr_host_wish wish = {names, wished_count, rows};
    WR_TRY(rel->source.open(rel->source.arg, &wish, &walk->stream));
    walk->is_open = true;
    WR_TRY(stream_schema(&walk->stream, &walk->schema));
    return map_columns(walk, wished, wished_count);
}

/* walk is zeroed; ended by walk_end, also after a failure. */
static weir_status walk_begin(array_walk *walk, wr_relation *relation, const int *columns,
                              int count, int64_t rows, wr_mem *mem, const wr_cancel *cancel)
{
    host_relation *rel = (host_relation *)wr_relation_keep(relation);
    walk->rel = rel;
    walk->mem = mem;
    walk->cancel = cancel;
    walk->child = wr_heap_new(sizeof *walk->child * (size_t)(rel->base.schema.count + 1));
    if (rel->source.open) return open_source(walk, columns, count, rows);
    walk->schema = rel->schema;
    rel->schema->references++;
    for (int i = 0; i < rel->base.schema.count; i++)
        walk->child[i] = i;
    return WR_OK;
}

static void walk_end(array_walk *walk)
{
    if (walk->is_open && walk->stream.release) walk->stream.release(&walk->stream);
    wr_host_schema_release(walk->schema);
    wr_heap_drop(walk->child);
    wr_relation_release(&walk->rel->base);
}

/* *out NULL at the end; else the caller has a reference. */
static weir_status walk_next(array_walk *walk, wr_host_array **out)
{
    host_relation *rel = walk->rel;
    *out = NULL;
    if (walk->has_ended) return WR_OK;
    if (rel->source.open) {
        weir_status bad = stream_next(&walk->stream, walk->schema, walk->mem, walk->cancel, out);
        walk->has_ended = bad || !*out;
        return bad;
    }
    if (walk->next < rel->arrays.count) *out = wr_host_array_keep(rel->arrays.items[walk->next++]);
    walk->has_ended = !*out;
    return WR_OK;
}

/* ---- scans ---- */

typedef struct host_scan {
    wr_scan_request request;
    array_walk walk; /* guarded by lock */
    wr_mutex lock;
    wr_host_array *array; /* guarded by lock: the one being handed out */
    int64_t row;          /* guarded by lock: rows of it handed out so far */
    int place;            /* guarded by lock */
    _Atomic int64_t delivered;
    wr_progress progress;
} host_scan;

typedef struct host_worker {
    host_scan *scan;
    int number;
    wr_arena arena; /* of the current batch */
    wr_host_array *array;
    int64_t row, to;
    wr_column *columns;
    bool *imported;
    uint16_t sel[WR_BATCH_ROWS];
} host_worker;

static void scan_close(wr_scan *scan)
{
    host_scan *s = (host_scan *)scan;
    wr_host_array_release(s->array);
    walk_end(&s->walk);
    wr_mutex_clear(&s->lock);
    wr_heap_drop(s);
}

static weir_status scan_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    host_scan *s = wr_heap_new(sizeof *s);
    host_relation *rel = (host_relation *)base;
    s->request = *request;
    wr_mutex_init(&s->lock);
    int64_t wanted = request->filter_count ? -1 : request->limit;
    weir_status bad = walk_begin(&s->walk, base, request->columns, request->column_count, wanted,
                                 request->mem, request->cancel);
    if (bad) {
        scan_close((wr_scan *)s);
        return bad;
    }
    if (rel->rows >= 0) s->progress.rows_total = (uint64_t)rel->rows;
    *out = (wr_scan *)s;
    return WR_OK;
}

static weir_status worker_new(wr_scan *scan, int number, wr_scan_worker **out)
{
    host_worker *w = wr_heap_new(sizeof *w);
    w->scan = (host_scan *)scan;
    w->number = number;
    w->arena.mem = w->scan->request.mem;
    size_t count = (size_t)w->scan->request.column_count + 1;
    w->columns = wr_heap_new(count * sizeof *w->columns);
    w->imported = wr_heap_new(count * sizeof *w->imported);
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

static void worker_drop(wr_scan_worker *worker)
{
    host_worker *w = (host_worker *)worker;
    wr_arena_clear(&w->arena);
    wr_host_array_release(w->array);
    wr_heap_drop(w->columns);
    wr_heap_drop(w->imported);
    wr_heap_drop(w);
}

/* A sample: places slices spread over the arrays. The lock is held. */
static void take_place(host_worker *w)
{
    host_scan *s = w->scan;
    const host_relation *rel = s->walk.rel;
    if (s->place == s->request.places) return;
    int64_t at = (2 * s->place++ + 1) * (rel->rows / (2 * s->request.places));
    int i = 0;
    while (at >= wr_host_array_rows(rel->arrays.items[i]))
        at -= wr_host_array_rows(rel->arrays.items[i++]);
    w->array = wr_host_array_keep(rel->arrays.items[i]);
    w->row = at;
    w->to = WR_MIN(at + WR_BATCH_ROWS, wr_host_array_rows(w->array));
}

/* The lock is held. w->array stays NULL at the end. */
static weir_status take_slice(host_worker *w)
{
    host_scan *s = w->scan;
    while (!s->array || s->row == wr_host_array_rows(s->array)) {
        wr_host_array_release(s->array);
        s->array = NULL;
        s->row = 0;
        WR_TRY(walk_next(&s->walk, &s->array));
        if (!s->array) return WR_OK;
    }
    int64_t left = wr_host_array_rows(s->array) - s->row;
    w->array = wr_host_array_keep(s->array);
    w->row = s->row;
    w->to = s->row += WR_MIN(left, (int64_t)SLICE_ROWS);
    return WR_OK;
}

static weir_status next_morsel(wr_scan_worker *worker, bool *got)
{
    host_worker *w = (host_worker *)worker;
    host_scan *s = w->scan;
    *got = false;
    wr_host_array_release(w->array);
    w->array = NULL;
    WR_TRY(wr_cancel_check(s->request.cancel));
    if (s->request.limit >= 0 && atomic_load(&s->delivered) >= s->request.limit) return WR_OK;
    weir_status bad = WR_OK;
    wr_mutex_lock(&s->lock);
    if (s->request.places)
        take_place(w);
    else
        bad = take_slice(w);
    wr_mutex_unlock(&s->lock);
    *got = !bad && w->array;
    return bad;
}

static int scan_morsels(const wr_scan *scan)
{
    const host_scan *s = (const host_scan *)scan;
    const host_relation *rel = s->walk.rel;
    if (rel->source.open) return INT32_MAX;
    if (s->request.places) return s->request.places;
    int64_t count = 0;
    for (int i = 0; i < rel->arrays.count; i++)
        count += (wr_host_array_rows(rel->arrays.items[i]) + SLICE_ROWS - 1) / SLICE_ROWS;
    return (int)WR_MIN(count, (int64_t)INT32_MAX);
}

static weir_status import(host_worker *w, int position, uint32_t rows)
{
    const host_scan *s = w->scan;
    if (w->imported[position]) return WR_OK;
    w->imported[position] = true;
    int child = s->walk.child[s->request.columns[position]];
    return wr_host_array_column(w->array, child, w->row, rows, &w->arena, &w->columns[position]);
}

static weir_status run_filters(host_worker *w, uint32_t rows, uint32_t *count)
{
    const wr_scan_request *q = &w->scan->request;
    for (uint32_t i = 0; i < rows; i++)
        w->sel[i] = (uint16_t)i;
    for (int i = 0; i < q->filter_count && *count; i++) {
        const wr_scan_filter *f = q->filters[i];
        if (f->ready && !f->ready(f)) continue;
        for (int k = 0; k < f->column_count; k++)
            WR_TRY(import(w, f->columns[k], rows));
        wr_batch in = {.columns = w->columns, .column_count = q->column_count, .rows = rows};
        WR_TRY(f->apply(f, w->number, &in, w->sel, count));
    }
    return WR_OK;
}

static weir_status next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    host_worker *w = (host_worker *)worker;
    host_scan *s = w->scan;
    const wr_scan_request *q = &s->request;
    *out = (wr_batch){.columns = w->columns, .column_count = q->column_count};
    *more = false;
    while (w->array && w->row < w->to) {
        WR_TRY(wr_cancel_check(q->cancel));
        uint32_t rows = (uint32_t)WR_MIN(w->to - w->row, (int64_t)WR_BATCH_ROWS), count = rows;
        memset(w->imported, 0, (size_t)q->column_count);
        wr_arena_reset(&w->arena);
        if (q->filter_count) WR_TRY(run_filters(w, rows, &count));
        for (int i = 0; i < q->column_count && count; i++)
            WR_TRY(import(w, i, rows));
        w->row += rows;
        atomic_fetch_add_explicit(&s->progress.rows, rows, memory_order_relaxed);
        if (count == 0) continue;
        out->rows = rows;
        if (count < rows) {
            out->sel = w->sel;
            out->sel_count = count;
        }
        atomic_fetch_add_explicit(&s->delivered, count, memory_order_relaxed);
        *more = true;
        return WR_OK;
    }
    return WR_OK;
}

/* ---- the relation ---- */

static const wr_progress *scan_progress(const wr_scan *scan)
{
    return &((const host_scan *)scan)->progress;
}

static void column_stats(wr_relation *base, int column, wr_column_stats *out)
{
    const host_relation *rel = (const host_relation *)base;
    *out = (wr_column_stats){.has_null_count = !rel->source.open};
    for (int i = 0; i < rel->arrays.count && out->has_null_count; i++) {
        int64_t nulls = wr_host_array_nulls(rel->arrays.items[i], column);
        out->has_null_count = nulls >= 0;
        if (nulls > 0) out->null_count += (uint64_t)nulls;
    }
}

static int scan_places(wr_relation *base)
{
    const host_relation *rel = (const host_relation *)base;
    return rel->source.open ? 0 : WR_SAMPLE_PLACES;
}

static uint64_t count_rows(wr_relation *base) { return (uint64_t)((host_relation *)base)->rows; }

static void explain(const wr_relation *base, wr_buf *out)
{
    const host_relation *rel = (const host_relation *)base;
    if (rel->source.open)
        wr_buf_add_text(out, "read anew by each scan");
    else
        wr_buf_printf(out, "%d arrays", rel->arrays.count);
}

static void relation_drop(wr_relation *base)
{
    host_relation *rel = (host_relation *)base;
    for (int i = 0; i < rel->arrays.count; i++)
        wr_host_array_release(rel->arrays.items[i]);
    if (rel->source.drop) rel->source.drop(rel->source.arg);
    wr_host_schema_release(rel->schema);
    wr_arena_clear(&rel->arena);
    wr_heap_drop(rel);
}

static const wr_relation_def kept_def = {.name = "arrays",
                                         .open = scan_open,
                                         .worker_new = worker_new,
                                         .next_morsel = next_morsel,
                                         .morsels = scan_morsels,
                                         .next_batch = next_batch,
                                         .worker_drop = worker_drop,
                                         .close = scan_close,
                                         .progress = scan_progress,
                                         .stats = column_stats,
                                         .count = count_rows,
                                         .places = scan_places,
                                         .explain = explain,
                                         .drop = relation_drop};
static const wr_relation_def source_def = {.name = "arrow source",
                                           .open = scan_open,
                                           .worker_new = worker_new,
                                           .next_morsel = next_morsel,
                                           .morsels = scan_morsels,
                                           .next_batch = next_batch,
                                           .worker_drop = worker_drop,
                                           .close = scan_close,
                                           .progress = scan_progress,
                                           .stats = column_stats,
                                           .explain = explain,
                                           .drop = relation_drop};

bool wr_relation_is_of_host(const wr_relation *relation)
{
    return relation->def == &kept_def || relation->def == &source_def;
}

static host_relation *relation_new(const wr_relation_def *def, wr_host_schema *schema)
{
    host_relation *rel = wr_heap_new(sizeof *rel);
    rel->base = (wr_relation){.def = def, .schema = schema->columns, .references = 1};
    rel->base.visible_count = schema->columns.count;
    rel->schema = schema;
    return rel;
}

static weir_status keep_all(host_relation *rel, struct ArrowArrayStream *stream, wr_mem *mem,
                            const wr_cancel *cancel)
{
    for (;;) {
        wr_host_array *array;
        WR_TRY(stream_next(stream, rel->schema, mem, cancel, &array));
        if (!array) return WR_OK;
        if (rel->arrays.count) wr_host_array_share(array, rel->arrays.items[rel->arrays.count - 1]);
        wr_push(&rel->arena, &rel->arrays, array);
        rel->rows += wr_host_array_rows(array);
    }
}

weir_status wr_host_keep_stream(struct ArrowArrayStream *stream, wr_mem *mem,
                                const wr_cancel *cancel, wr_relation **out)
{
    wr_host_schema *schema = NULL;
    weir_status bad = stream_schema(stream, &schema);
    if (!bad) {
        host_relation *rel = relation_new(&kept_def, schema);
        bad = keep_all(rel, stream, mem, cancel);
        rel->base.has_row_count = true;
        rel->base.row_count = (double)rel->rows;
        *out = &rel->base;
        if (bad) wr_relation_release(&rel->base);
    } else {
        wr_host_schema_release(schema);
    }
    if (stream->release) stream->release(stream);
    return bad;
}

weir_status wr_host_source_relation(struct ArrowSchema *schema, const wr_host_source *source,
                                    wr_relation **out)
{
    wr_host_schema *known = NULL;
    weir_status bad = wr_host_schema_new(schema, &known);
    if (bad) {
        if (source->drop) source->drop(source->arg);
        return bad;
    }
    host_relation *rel = relation_new(&source_def, known);
    rel->source = *source;
    rel->rows = source->row_count;
    rel->base.row_count = (double)source->row_count;
    *out = &rel->base;
    return WR_OK;
}

/* ---- arrays as they are ---- */

struct wr_host_arrays {
    array_walk walk;
    wr_arena arena;
    int *children; /* the columns of the arrays that come, in output order */
    int column_count;
    char **names;
    uint64_t skip, left;
};

weir_status wr_host_arrays_open(wr_relation *relation, const wr_host_arrays_request *request,
                                wr_host_arrays **out)
{
    wr_host_arrays *a = wr_heap_new(sizeof *a);
    int count = a->column_count = request->column_count;
    a->children = wr_new_array(&a->arena, int, count + 1);
    a->names = wr_new_array(&a->arena, char *, count + 1);
    a->skip = request->skip;
    a->left = request->limit;
    uint64_t most = request->limit;
    bool is_limited = !__builtin_add_overflow(most, request->skip, &most) && most < INT64_MAX;
    weir_status bad = walk_begin(&a->walk, relation, request->columns, count,
                                 is_limited ? (int64_t)most : -1, request->mem, request->cancel);
    if (bad) {
        wr_host_arrays_close(a);
        return bad;
    }
    for (int i = 0; i < count; i++) {
        a->children[i] = a->walk.child[request->columns[i]];
        a->names[i] = wr_arena_copy(&a->arena, request->names[i], strlen(request->names[i]));
    }
    *out = a;
    return WR_OK;
}

void wr_host_arrays_schema(const wr_host_arrays *a, struct ArrowSchema *out)
{
    wr_host_schema_export(a->walk.schema, a->children, a->column_count, a->names, out);
}

weir_status wr_host_arrays_next(wr_host_arrays *a, struct ArrowArray *out)
{
    *out = (struct ArrowArray){0};
    while (a->left > 0) {
        wr_host_array *array;
        WR_TRY(wr_cancel_check(a->walk.cancel));
        WR_TRY(walk_next(&a->walk, &array));
        if (!array) return WR_OK;
        uint64_t rows = (uint64_t)wr_host_array_rows(array), from = WR_MIN(a->skip, rows);
        uint64_t take = WR_MIN(rows - from, a->left);
        a->skip -= from;
        a->left -= take;
        if (take)
            wr_host_array_export(array, a->children, a->column_count, (int64_t)from, (int64_t)take,
                                 out);
        wr_host_array_release(array);
        if (take) return WR_OK;
    }
    return WR_OK;
}

void wr_host_arrays_close(wr_host_arrays *a)
{
    if (!a) return;
    walk_end(&a->walk);
    wr_arena_clear(&a->arena);
    wr_heap_drop(a);
}
