/* scan.c - morsels, filters and batches over an Arrow file.
 *
 * A batch of the file is read once, by the worker that comes first, and shared by all workers that
 * take slices of it; its memory ends with its last slice. Only the columns asked for are read. Per
 * engine batch the columns of one filter at a time are imported, the others only if rows are left;
 * most imports merely point into the buffers.
 *
 * Dictionaries are imported once per version and scan. Lock order: a batch's lock, then that of the
 * dictionaries. */
#include "fmt/row_number.h"
#include "fmt/arrow/reader.h"
#include "sys/thread.h"

enum { SLICE_ROWS = 60 * WR_BATCH_ROWS };

typedef struct shared_batch {
    wr_mutex lock;
    wr_ipc_body body; /* guarded by lock until is_read */
    bool is_read;     /* guarded by lock */
    int users;        /* guarded by the scan's lock, as next */
    int64_t next;     /* rows handed out so far */
} shared_batch;

typedef struct ready_version {
    bool is_ready, is_begun;
    struct ArrowArray array;
    wr_column *flat;
} ready_version;

typedef struct ipc_scan {
    wr_ipc_relation *rel;
    wr_scan_request request;
    wr_arena arena;
    bool *wanted; /* per column of the file */
    wr_mutex lock;
    shared_batch *batches;
    int batch; /* guarded by lock: the one being handed out */
    wr_mutex dictionary_lock;
    ready_version *versions;   /* guarded by dictionary_lock, as the next two */
    wr_arena dictionary_arena; /* imported dictionaries */
    wr_ipc_body *parts;        /* the memory they point into */
    _Atomic int64_t delivered;
    wr_progress progress;
} ipc_scan;

typedef struct ipc_worker {
    ipc_scan *scan;
    int number;
    wr_arena arena; /* of the current batch */
    int batch;      /* -1: none */
    int64_t row, to;
    wr_column *columns;
    bool *decoded;
    uint16_t sel[WR_BATCH_ROWS];
    int16_t iota[WR_BATCH_ROWS];
} ipc_worker;

static weir_status locate(weir_status bad, const ipc_scan *s, int batch)
{
    if (!bad || bad->code == WR_E_CANCELLED || bad->code == WR_E_TIMEOUT ||
        bad->code == WR_E_MEMORY_LIMIT)
        return bad;
    return wr_wrap(bad, "%.*s, batch %d", WR_STR_ARGS(s->rel->path), batch);
}

/* ---- dictionaries */

typedef struct dictionary_use {
    ipc_scan *scan;
    int batch;
} dictionary_use;

static weir_status import_version(dictionary_use *use, int index);

/* The dictionary_lock is held. */
static weir_status find_dictionary(void *owner, int number, struct ArrowArray **out)
{
    dictionary_use *use = owner;
    const wr_ipc_relation *rel = use->scan->rel;
    for (int i = rel->versions.count - 1; i >= 0; i--) {
        const wr_ipc_version *version = &rel->versions.items[i];
        if (version->dictionary != number || version->from_batch > use->batch) continue;
        WR_TRY(import_version(use, i));
        *out = &use->scan->versions[i].array;
        return WR_OK;
    }
    /* Allowed as long as every value is NULL: an empty dictionary refuses all others. */
    wr_column *empty = wr_new(&use->scan->dictionary_arena, wr_column);
    wr_value null = wr_value_null(rel->schema.dictionaries.items[number].type);
    wr_column constant;
    wr_value_column(&null, 1, &use->scan->dictionary_arena, &constant);
    wr_column_flatten(&constant, NULL, 1, &use->scan->dictionary_arena, empty);
    *out = wr_new(&use->scan->dictionary_arena, struct ArrowArray);
    wr_arrow_ready_dictionary(empty, 0, *out);
    return WR_OK;
}

static weir_status read_part(dictionary_use *use, const wr_ipc_block *block,
                             const struct ArrowSchema *values, wr_column *out)
{
    ipc_scan *s = use->scan;
    struct ArrowSchema *only[1] = {(struct ArrowSchema *)(uintptr_t)values};
    struct ArrowSchema parent = {.format = "+s", .n_children = 1, .children = only};
    wr_ipc_body *body = wr_new(&s->dictionary_arena, wr_ipc_body);
    weir_status bad =
        wr_ipc_body_read(s->rel, block, &parent, NULL, find_dictionary, use, s->request.mem, body);
    body->next = s->parts; /* released with the scan */
    s->parts = body;
    if (bad) return bad;
    if (block->rows > UINT32_MAX / 4)
        return wr_fail(WR_E_TOO_BIG, "a dictionary of %lld values", (long long)block->rows);
    WR_TRY(wr_arena_admit(&s->dictionary_arena, (size_t)block->rows * sizeof(wr_view)));
    wr_column imported;
    WR_TRY(wr_arrow_import_column(values, body->columns, 0, (uint32_t)block->rows,
                                  &s->dictionary_arena, &imported));
    wr_column_flatten(&imported, NULL, imported.rows, &s->dictionary_arena, out);
    return wr_mem_reserve(s->request.mem, 0);
}

/* Puts the parts of a dictionary one after the other. */
static void join_parts(ipc_scan *s, const wr_type *type, const wr_column *parts, int count,
                       int64_t total, wr_column *out)
{
    WR_ARENA(scratch);
    const wr_column **sources = wr_new_array(&scratch, const wr_column *, count + 1);
    uint32_t *which = wr_new_array(&scratch, uint32_t, total + 1);
    uint32_t *rows = wr_new_array(&scratch, uint32_t, total + 1);
    uint32_t at = 0;
    for (int p = 0; p < count; p++) {
        sources[p] = &parts[p];
        for (uint32_t i = 0; i < parts[p].rows; i++, at++) {
            which[at] = (uint32_t)p;
            rows[at] = i;
        }
    }
    if (total == 0) which[at++] = UINT32_MAX; /* one NULL: a dictionary is never empty */
    wr_column_stitch(type, sources, (uint32_t)count, which, rows, at, &s->dictionary_arena, out);
}

static weir_status import_version(dictionary_use *use, int index)
{
    ipc_scan *s = use->scan;
    const wr_ipc_version *version = &s->rel->versions.items[index];
    const wr_ipc_dictionary *dictionary = &s->rel->schema.dictionaries.items[version->dictionary];
    ready_version *ready = &s->versions[index];
    if (ready->is_ready) return WR_OK;
    if (ready->is_begun) return wr_fail(WR_E_CORRUPT, "an Arrow dictionary that refers to itself");
    ready->is_begun = true;
    wr_column *parts = wr_new_array(&s->dictionary_arena, wr_column, version->parts.count);
    int64_t total = 0;
    weir_status bad = WR_OK;
    for (int p = 0; !bad && p < version->parts.count; p++) {
        bad = read_part(use, &version->parts.items[p], dictionary->values, &parts[p]);
        total += version->parts.items[p].rows;
        if (!bad && total > UINT32_MAX / 4)
            bad = wr_fail(WR_E_TOO_BIG, "a dictionary of more than %u values", UINT32_MAX / 4);
    }
    ready->is_begun = false;
    if (bad) return wr_wrap(bad, "dictionary %lld", (long long)dictionary->id);
    ready->flat = parts;
    if (version->parts.count > 1 || total == 0) {
        ready->flat = wr_new(&s->dictionary_arena, wr_column);
        join_parts(s, dictionary->type, parts, version->parts.count, total, ready->flat);
    }
    ready->flat->dict_id = wr_dict_id_next();
    wr_arrow_ready_dictionary(ready->flat, total, &ready->array);
    ready->is_ready = true;
    return WR_OK;
}

static weir_status dictionary_of(void *owner, int number, struct ArrowArray **out)
{
    ipc_scan *s = ((dictionary_use *)owner)->scan;
    wr_mutex_lock(&s->dictionary_lock);
    weir_status bad = find_dictionary(owner, number, out);
    wr_mutex_unlock(&s->dictionary_lock);
    return bad;
}

/* ---- scan */

/* A batch of the file is read as a whole: some of many, if none is large. */
enum { PLACES_MAX = 4, BATCHES_PER_PLACE = 8, PLACE_ROWS_MAX = 128 * 1024 };

static int scan_places(wr_relation *base)
{
    const wr_ipc_relation *rel = (wr_ipc_relation *)base;
    for (int i = 0; i < rel->batches.count; i++)
        if (rel->batches.items[i].rows > PLACE_ROWS_MAX) return 0;
    return WR_MIN(rel->batches.count / BATCHES_PER_PLACE, (int)PLACES_MAX);
}

/* All batches but some count as handed out; of those the first slice is taken. */
static void keep_places(ipc_scan *s)
{
    int count = s->rel->batches.count, places = s->request.places;
    for (int i = 0; i < count; i++)
        s->batches[i].next = s->rel->batches.items[i].rows;
    for (int p = 0; p < places; p++)
        s->batches[(2 * p + 1) * count / (2 * places)].next = 0;
}

static weir_status scan_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    ipc_scan *s = wr_heap_new(sizeof *s);
    wr_ipc_relation *rel = (wr_ipc_relation *)wr_relation_keep(base);
    s->rel = rel;
    s->request = *request;
    s->arena.mem = s->dictionary_arena.mem = request->mem;
    wr_mutex_init(&s->lock);
    wr_mutex_init(&s->dictionary_lock);
    s->wanted = wr_new_array(&s->arena, bool, rel->schema.root.n_children + 1);
    for (int i = 0; i < request->column_count; i++)
        if (request->columns[i] < rel->schema.root.n_children)
            s->wanted[request->columns[i]] = true;
    s->batches = wr_new_array(&s->arena, shared_batch, rel->batches.count + 1);
    for (int i = 0; i < rel->batches.count; i++)
        wr_mutex_init(&s->batches[i].lock);
    if (request->places) keep_places(s);
    s->versions = wr_new_array(&s->arena, ready_version, rel->versions.count + 1);
    s->progress.rows_total = (uint64_t)rel->rows;
    *out = (wr_scan *)s;
    return WR_OK;
}

static void scan_close(wr_scan *scan)
{
    ipc_scan *s = (ipc_scan *)scan;
    for (int i = 0; i < s->rel->batches.count; i++) {
        wr_ipc_body_clear(&s->batches[i].body);
        wr_mutex_clear(&s->batches[i].lock);
    }
    for (wr_ipc_body *part = s->parts; part; part = part->next)
        wr_ipc_body_clear(part);
    wr_mutex_clear(&s->lock);
    wr_mutex_clear(&s->dictionary_lock);
    wr_relation_release(&s->rel->base);
    wr_arena_clear(&s->dictionary_arena);
    wr_arena_clear(&s->arena);
    wr_heap_drop(s);
}

static const wr_progress *scan_progress(const wr_scan *scan)
{
    return &((const ipc_scan *)scan)->progress;
}

static weir_status worker_new(wr_scan *scan, int number, wr_scan_worker **out)
{
    ipc_worker *w = wr_heap_new(sizeof *w);
    w->scan = (ipc_scan *)scan;
    w->number = number;
    w->arena.mem = w->scan->request.mem;
    w->batch = -1;
    size_t count = (size_t)w->scan->request.column_count + 1;
    w->columns = wr_heap_new(count * sizeof *w->columns);
    w->decoded = wr_heap_new(count * sizeof *w->decoded);
    for (int i = 0; i < WR_BATCH_ROWS; i++)
        w->iota[i] = (int16_t)i;
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

/* ---- morsels */

/* Gives the batch back; the last user of one that is handed out completely releases it. */
static void leave_batch(ipc_worker *w)
{
    ipc_scan *s = w->scan;
    if (w->batch < 0) return;
    shared_batch *shared = &s->batches[w->batch];
    wr_mutex_lock(&s->lock);
    bool is_last = --shared->users == 0 && shared->next == s->rel->batches.items[w->batch].rows;
    wr_mutex_unlock(&s->lock);
    if (is_last) wr_ipc_body_clear(&shared->body);
    w->batch = -1;
}

static void worker_drop(wr_scan_worker *worker)
{
    ipc_worker *w = (ipc_worker *)worker;
    leave_batch(w);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w->columns);
    wr_heap_drop(w->decoded);
    wr_heap_drop(w);
}

static void take_slice(ipc_worker *w)
{
    ipc_scan *s = w->scan;
    const wr_ipc_relation *rel = s->rel;
    wr_mutex_lock(&s->lock);
    while (s->batch < rel->batches.count &&
           s->batches[s->batch].next == rel->batches.items[s->batch].rows)
        s->batch++;
    if (s->batch < rel->batches.count) {
        shared_batch *shared = &s->batches[s->batch];
        int64_t left = rel->batches.items[s->batch].rows - shared->next;
        w->batch = s->batch;
        w->row = shared->next;
        w->to = w->row + (s->request.worker_count > 1 ? WR_MIN(left, (int64_t)SLICE_ROWS) : left);
        shared->next = w->to;
        shared->users++;
    }
    wr_mutex_unlock(&s->lock);
}

static weir_status next_morsel(wr_scan_worker *worker, bool *got)
{
    ipc_worker *w = (ipc_worker *)worker;
    ipc_scan *s = w->scan;
    *got = false;
    WR_TRY(wr_cancel_check(s->request.cancel));
    leave_batch(w);
    if (s->request.limit >= 0 && atomic_load(&s->delivered) >= s->request.limit) return WR_OK;
    take_slice(w);
    if (w->batch < 0) return WR_OK;
    shared_batch *shared = &s->batches[w->batch];
    const wr_ipc_block *block = &s->rel->batches.items[w->batch];
    weir_status bad = WR_OK;
    wr_mutex_lock(&shared->lock);
    if (!shared->is_read) {
        dictionary_use use = {s, w->batch};
        wr_ipc_body_clear(&shared->body); /* of an attempt that failed */
        bad = wr_ipc_body_read(s->rel, block, &s->rel->schema.root, s->wanted, dictionary_of, &use,
                               s->request.mem, &shared->body);
        shared->is_read = !bad;
        atomic_fetch_add(&s->progress.bytes, shared->body.read_bytes);
        atomic_fetch_add(&s->progress.decoded_bytes, shared->body.decoded_bytes);
    }
    wr_mutex_unlock(&shared->lock);
    if (bad) return locate(bad, s, w->batch);
    *got = true;
    return WR_OK;
}

/* ---- batches */

static weir_status decode(ipc_worker *w, int position, uint32_t rows)
{
    const ipc_scan *s = w->scan;
    int column = s->request.columns[position];
    const struct ArrowSchema *root = &s->rel->schema.root;
    if (w->decoded[position]) return WR_OK;
    w->decoded[position] = true;
    if (column >= root->n_children) {
        wr_row_number_column(w->iota, w->scan->rel->batches.items[w->batch].first_row + w->row,
                             rows, &w->columns[position]);
        return WR_OK;
    }
    weir_status bad =
        wr_arrow_import_column(root->children[column], &s->batches[w->batch].body.columns[column],
                               w->row, rows, &w->arena, &w->columns[position]);
    if (bad) bad = wr_wrap(bad, "column \"%s\"", root->children[column]->name);
    return locate(bad, s, w->batch);
}

static weir_status run_filters(ipc_worker *w, uint32_t rows, uint32_t *count)
{
    const wr_scan_request *q = &w->scan->request;
    for (int i = 0; i < q->filter_count && *count; i++) {
        const wr_scan_filter *f = q->filters[i];
        if (f->ready && !f->ready(f)) continue;
        for (int k = 0; k < f->column_count; k++)
            WR_TRY(decode(w, f->columns[k], rows));
        wr_batch in = {.columns = w->columns, .column_count = q->column_count, .rows = rows};
        WR_TRY(f->apply(f, w->number, &in, w->sel, count));
    }
    return WR_OK;
}

static weir_status make_batch(ipc_worker *w, uint32_t rows, uint32_t *count)
{
    const wr_scan_request *q = &w->scan->request;
    memset(w->decoded, 0, (size_t)q->column_count);
    wr_arena_reset(&w->arena);
    *count = rows;
    if (q->filter_count) {
        for (uint32_t i = 0; i < rows; i++)
            w->sel[i] = (uint16_t)i;
        WR_TRY(run_filters(w, rows, count));
    }
    for (int i = 0; i < q->column_count && *count; i++)
        WR_TRY(decode(w, i, rows));
    return WR_OK;
}

static weir_status next_batch(wr_scan_worker *worker, wr_batch *out, bool *more)
{
    ipc_worker *w = (ipc_worker *)worker;
    ipc_scan *s = w->scan;
    *out = (wr_batch){.columns = w->columns, .column_count = s->request.column_count};
    *more = false;
    while (w->batch >= 0 && w->row < w->to) {
        WR_TRY(wr_cancel_check(s->request.cancel));
        uint32_t rows = (uint32_t)WR_MIN(w->to - w->row, (int64_t)WR_BATCH_ROWS), count;
        WR_TRY(make_batch(w, rows, &count));
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
    return WR_OK;
}

/* ---- the relation */

static void column_stats(wr_relation *base, int column, wr_column_stats *out)
{
    const wr_ipc_relation *rel = (const wr_ipc_relation *)base;
    *out = (wr_column_stats){0};
    if (column < rel->schema.root.n_children) return;
    wr_row_number_stats(rel->rows, out);
}

static void explain(const wr_relation *base, wr_buf *out)
{
    const wr_ipc_relation *rel = (const wr_ipc_relation *)base;
    wr_buf_printf(out, "%d batches, %s format", rel->batches.count,
                  rel->is_stream ? "stream" : "file");
}

static void relation_drop(wr_relation *base)
{
    wr_ipc_relation *rel = (wr_ipc_relation *)base;
    if (rel->file) wr_file_close(rel->file);
    wr_arena_clear(&rel->arena);
    wr_heap_drop(rel);
}

const wr_relation_def wr_ipc_relation_def = {
    .name = "arrow",
    .open = scan_open,
    .worker_new = worker_new,
    .next_morsel = next_morsel,
    .next_batch = next_batch,
    .worker_drop = worker_drop,
    .close = scan_close,
    .progress = scan_progress,
    .stats = column_stats,
    .places = scan_places,
    .explain = explain,
    .drop = relation_drop,
};
