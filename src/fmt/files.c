/* files.c - many files as one relation. See files.h.
 *
 * Bind expands the patterns, binds every file with its format and maps the columns of each file to
 * those of the whole: column of the whole = a column of the file | partition value (constant) |
 * filename (constant) | NULL (union by name) A scan hands whole files to workers while there are
 * fresh ones and lets them help with started files afterwards. Filters travel into the files with
 * their column numbers translated; those that touch constants only are answered here. Files are
 * opened when a worker gets there, and closed when the last one leaves: a thousand files are never
 * open at once. Files whose partition values contradict a filter are never opened. */
#include "fmt/files_parts.h"
#include <stdatomic.h>

const wr_opt wr_files_read_options[] = {
    {"filename", WR_OPT_ANY, "false", "add the path of the file as a column (true or a name)"},
    {"file_row_number", WR_OPT_BOOL, "false", "add the number of the row in its file as a column"},
    {"union_by_name", WR_OPT_BOOL, "false",
     "match columns of several files by name; missing ones are NULL"},
    {"hive_partitioning", WR_OPT_TEXT, "auto", "folders k=v become columns: true, false or auto"},
    {"hive_types", WR_OPT_ANY, NULL, "{name: 'TYPE', ...} of partition columns"},
    {"rejects", WR_OPT_TEXT, NULL, "name of a table that receives rows which cannot be read"},
    {0}};

typedef struct file_scan {
    wr_mutex lock;
    wr_scan *scan;               /* guarded by lock */
    int users;                   /* guarded by lock: workers inside */
    bool is_started, is_drained; /* guarded by lock */
    /* the request to the file; fixed before the scan starts */
    int *columns; /* of the file */
    int *from;    /* per request column: position among columns, -1 constant, -2 NULL */
    int column_count;
    wr_scan_filter **filters;
    int filter_count;
    bool is_excluded;
    wr_progress told; /* what of its progress is counted in that of the whole */
} file_scan;

typedef struct files_scan {
    wr_files *rel;
    wr_scan_request request;
    wr_arena arena;
    file_scan *files;
    _Atomic int fresh;   /* next file nobody has begun */
    wr_mutex prune_lock; /* of arena while the scan runs */
    int places_each;     /* of a sample: in each of the files it looks at */
    wr_progress progress;
} files_scan;

/* A filter of the whole, as a file sees it. */
typedef struct mapped_filter {
    wr_scan_filter base;
    const wr_scan_filter *whole;
    files_scan *scan;
    int whole_count;
    const int *from; /* per request column: position among the file's, or negative */
} mapped_filter;

typedef struct files_worker {
    files_scan *scan;
    int worker, file; /* -1: none */
    wr_scan_worker *inner;
    wr_column *columns;
    wr_arena arena;
} files_worker;

/* ---- filters ---- */
static const wr_prune *mapped_prunes(const wr_scan_filter *base, int *count)
{
    const mapped_filter *f = (const mapped_filter *)base;
    int whole_count = 0;
    const wr_prune *whole = f->whole->prunes(f->whole, &whole_count);
    *count = 0;
    if (whole_count == 0) return NULL;
    wr_mutex_lock(&f->scan->prune_lock);
    wr_prune *mapped = wr_new_array(&f->scan->arena, wr_prune, whole_count);
    wr_mutex_unlock(&f->scan->prune_lock);
    for (int i = 0; i < whole_count; i++) {
        int position = f->from[whole[i].column];
        if (position < 0) continue;
        mapped[*count] = whole[i];
        mapped[(*count)++].column = position;
    }
    return mapped;
}

static bool mapped_ready(const wr_scan_filter *base)
{
    const mapped_filter *f = (const mapped_filter *)base;
    return !f->whole->ready || f->whole->ready(f->whole);
}

/* The filter wants its columns at the places of the whole request. */
static weir_status mapped_apply(const wr_scan_filter *base, int worker, const wr_batch *in,
                                uint16_t *sel, uint32_t *count)
{
    const mapped_filter *f = (const mapped_filter *)base;
    WR_ARENA(scratch);
    wr_column *columns = wr_new_array(&scratch, wr_column, f->whole_count + 1);
    for (int i = 0; i < f->whole_count; i++)
        if (f->from[i] >= 0) columns[i] = in->columns[f->from[i]];
    wr_batch whole = {.columns = columns,
                      .column_count = f->whole_count,
                      .rows = in->rows,
                      .sel = in->sel,
                      .sel_count = in->sel_count};
    return f->whole->apply(f->whole, worker, &whole, sel, count);
}

/* A filter on columns that are all constant in this file holds for all of its rows or for none. */
static weir_status holds_for_file(files_scan *scan, const wr_file_entry *entry,
                                  const wr_scan_filter *filter, bool *holds)
{
    WR_ARENA(scratch);
    const wr_scan_request *request = &scan->request;
    wr_column *columns = wr_new_array(&scratch, wr_column, request->column_count + 1);
    for (int k = 0; k < filter->column_count; k++) {
        int position = filter->columns[k];
        wr_value_column(&entry->constants[request->columns[position]], 1, &scratch,
                        &columns[position]);
    }
    wr_batch one = {.columns = columns, .column_count = request->column_count, .rows = 1};
    uint16_t sel[1] = {0};
    uint32_t count = 1;
    WR_TRY(filter->apply(filter, 0, &one, sel, &count));
    *holds = count == 1;
    return WR_OK;
}

static weir_status map_filter(files_scan *scan, file_scan *file, const wr_file_entry *entry,
                              wr_scan_filter *filter, bool *keep_here)
{
    int constants = 0;
    *keep_here = false;
    for (int k = 0; k < filter->column_count; k++)
        constants += file->from[filter->columns[k]] < 0;
    if (constants == filter->column_count && filter->column_count > 0 && !filter->ready) {
        bool holds;
        WR_TRY(holds_for_file(scan, entry, filter, &holds));
        file->is_excluded |= !holds;
        return WR_OK;
    }
    if (constants > 0 || filter->column_count == 0 || entry->casts) {
        *keep_here = true; /* needs both kinds of columns: applied to the finished batch */
        return WR_OK;
    }
    bool is_same = true; /* the file sees the columns at the same positions */
    for (int i = 0; i < scan->request.column_count; i++)
        is_same &= file->from[i] == i;
    if (is_same) {
        file->filters[file->filter_count++] = filter;
        return WR_OK;
    }
    mapped_filter *mapped = wr_new(&scan->arena, mapped_filter);
    mapped->base = *filter;
    int *columns = wr_new_array(&scan->arena, int, filter->column_count);
    for (int k = 0; k < filter->column_count; k++)
        columns[k] = file->from[filter->columns[k]];
    mapped->base.columns = columns;
    mapped->base.prunes = filter->prunes ? mapped_prunes : NULL;
    mapped->base.ready = filter->ready ? mapped_ready : NULL;
    mapped->base.apply = mapped_apply;
    mapped->whole = filter;
    mapped->whole_count = scan->request.column_count;
    mapped->from = file->from;
    mapped->scan = scan;
    file->filters[file->filter_count++] = &mapped->base;
    return WR_OK;
}

static weir_status plan_file(files_scan *scan, int index, bool *late_filters)
{
    const wr_scan_request *request = &scan->request;
    const wr_file_entry *entry = &scan->rel->entries[index];
    file_scan *file = &scan->files[index];
    wr_mutex_init(&file->lock);
    file->columns = wr_new_array(&scan->arena, int, request->column_count + 1);
    file->from = wr_new_array(&scan->arena, int, request->column_count + 1);
    file->filters = wr_new_array(&scan->arena, wr_scan_filter *, request->filter_count + 1);
    for (int i = 0; i < request->column_count; i++) {
        int source = entry->source[request->columns[i]];
        file->from[i] = source < 0 ? -1 : file->column_count;
        if (source >= 0) file->columns[file->column_count++] = source;
    }
    for (int f = 0; f < request->filter_count; f++) {
        bool keep_here;
        WR_TRY(map_filter(scan, file, entry, request->filters[f], &keep_here));
        late_filters[f] |= keep_here;
    }
    return WR_OK;
}

/* ---- scan ---- */
static void files_close(wr_scan *base)
{
    files_scan *scan = (files_scan *)base;
    if (!scan) return;
    for (int i = 0; scan->files && i < scan->rel->count; i++) {
        if (scan->files[i].scan) scan->rel->entries[i].rel->def->close(scan->files[i].scan);
        if (scan->files[i].columns) wr_mutex_clear(&scan->files[i].lock);
    }
    wr_mutex_clear(&scan->prune_lock);
    wr_arena arena = scan->arena;
    wr_heap_drop(scan);
    wr_arena_clear(&arena);
}

enum { FILES_LOOKED_AT = 4 };

/* A sample of several files looks once into each of some. */
static int files_places(wr_relation *base)
{
    const wr_files *rel = (const wr_files *)base;
    for (int i = 0; i < rel->count; i++) {
        wr_relation *file = rel->entries[i].rel;
        int places = file->def->places ? file->def->places(file) : 0;
        if (rel->count == 1 || places == 0) return places;
    }
    return WR_MIN(rel->count, (int)FILES_LOOKED_AT);
}

static void choose_files(files_scan *scan)
{
    int count = scan->rel->count, places = scan->request.places;
    scan->places_each = count == 1 ? places : 1;
    for (int i = 0; count > 1 && i < count; i++)
        scan->files[i].is_drained = true;
    for (int p = 0; count > 1 && p < places; p++)
        scan->files[(2 * p + 1) * count / (2 * places)].is_drained = false;
}

static weir_status files_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    wr_files *rel = (wr_files *)base;
    files_scan *scan = wr_heap_new(sizeof *scan);
    scan->rel = rel;
    scan->request = *request;
    scan->files = wr_new_array(&scan->arena, file_scan, rel->count + 1);
    scan->progress.bytes_total = rel->bytes_total;
    if (base->has_row_count) scan->progress.rows_total = (uint64_t)base->row_count;
    wr_mutex_init(&scan->prune_lock);
    bool *late = wr_new_array(&scan->arena, bool, request->filter_count + 1);
    weir_status bad = WR_OK;
    for (int i = 0; !bad && i < rel->count; i++)
        bad = plan_file(scan, i, late);
    if (bad) {
        files_close((wr_scan *)scan);
        return bad;
    }
    if (request->places) choose_files(scan);
    /* A filter one file cannot take is applied to the finished batches of all of them. */
    wr_scan_filter **kept = wr_new_array(&scan->arena, wr_scan_filter *, request->filter_count + 1);
    int count = 0;
    for (int f = 0; f < request->filter_count; f++)
        if (late[f]) kept[count++] = request->filters[f];
    scan->request.filters = kept;
    scan->request.filter_count = count;
    *out = (wr_scan *)scan;
    return WR_OK;
}

static weir_status files_worker_new(wr_scan *base, int worker, wr_scan_worker **out)
{
    files_worker *w = wr_heap_new(sizeof *w);
    w->scan = (files_scan *)base;
    w->worker = worker;
    w->file = -1;
    w->columns = wr_heap_new(((size_t)w->scan->request.column_count + 1) * sizeof *w->columns);
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

/* Opens the file for this worker; *got false if there is nothing left in it. */
static weir_status enter_file(files_worker *w, int index, bool *got)
{
    files_scan *scan = w->scan;
    file_scan *file = &scan->files[index];
    wr_relation *rel = scan->rel->entries[index].rel;
    weir_status bad = WR_OK;
    *got = false;
    wr_mutex_lock(&file->lock);
    if (!file->is_drained && !file->is_excluded) {
        if (!file->scan) {
            wr_scan_request request = scan->request;
            request.columns = file->columns;
            request.column_count = file->column_count;
            request.filters = file->filters;
            request.filter_count = file->filter_count;
            if (scan->request.filter_count > 0) request.limit = -1;
            if (request.places) request.places = scan->places_each;
            bad = rel->def->open(rel, &request, &file->scan);
        }
        file->is_started = true;
        if (!bad) bad = rel->def->worker_new(file->scan, w->worker, &w->inner);
        if (!bad) {
            file->users++;
            w->file = index;
            *got = true;
        }
    }
    wr_mutex_unlock(&file->lock);
    return bad;
}

static void tell(_Atomic uint64_t *whole, _Atomic uint64_t *told, uint64_t now)
{
    atomic_fetch_add(whole, now - atomic_exchange(told, now));
}

/* Adds what happened in the worker's file. Two workers may do that in either order: differences may
 * be negative, but their sum is what was told last, and the last one is alone. */
static void tell_progress(files_worker *w)
{
    file_scan *file = &w->scan->files[w->file];
    const wr_relation_def *def = w->scan->rel->entries[w->file].rel->def;
    const wr_progress *now = def->progress ? def->progress(file->scan) : NULL;
    wr_progress *whole = &w->scan->progress;
    if (!now) return;
    tell(&whole->rows, &file->told.rows, now->rows);
    tell(&whole->bytes, &file->told.bytes, now->bytes);
    tell(&whole->rows_excluded, &file->told.rows_excluded, now->rows_excluded);
    tell(&whole->decoded_bytes, &file->told.decoded_bytes, now->decoded_bytes);
    tell(&whole->cached_bytes, &file->told.cached_bytes, now->cached_bytes);
}

static void leave_file(files_worker *w)
{
    if (w->file < 0) return;
    file_scan *file = &w->scan->files[w->file];
    const wr_relation_def *def = w->scan->rel->entries[w->file].rel->def;
    def->worker_drop(w->inner);
    w->inner = NULL;
    wr_mutex_lock(&file->lock);
    file->is_drained = true;
    if (--file->users == 0) {
        tell_progress(w);
        def->close(file->scan);
        file->scan = NULL;
    }
    wr_mutex_unlock(&file->lock);
    w->file = -1;
}

/* A fresh file if there is one, else one that others are in. */
static weir_status find_file(files_worker *w, bool *got)
{
    files_scan *scan = w->scan;
    *got = false;
    while (!*got) {
        int fresh = atomic_fetch_add(&scan->fresh, 1);
        if (fresh >= scan->rel->count) break;
        WR_TRY(enter_file(w, fresh, got));
    }
    for (int i = 0; !*got && i < scan->rel->count; i++)
        WR_TRY(enter_file(w, i, got));
    return WR_OK;
}

static weir_status files_next_morsel(wr_scan_worker *base, bool *got)
{
    files_worker *w = (files_worker *)base;
    for (;;) {
        WR_TRY(wr_cancel_check(w->scan->request.cancel));
        if (w->file < 0) {
            WR_TRY(find_file(w, got));
            if (!*got) return WR_OK;
        }
        WR_TRY(w->scan->rel->entries[w->file].rel->def->next_morsel(w->inner, got));
        if (*got) return WR_OK;
        leave_file(w);
    }
}

/* Filters that could not go into a file, on the finished batch. */
static weir_status filter_late(files_worker *w, wr_batch *out)
{
    const wr_scan_request *request = &w->scan->request;
    if (request->filter_count == 0) return WR_OK;
    uint16_t *sel = wr_new_array(&w->arena, uint16_t, out->rows + 1);
    uint32_t count = wr_batch_count(out);
    for (uint32_t i = 0; i < count; i++)
        sel[i] = (uint16_t)wr_batch_row(out, i);
    for (int f = 0; f < request->filter_count && count > 0; f++) {
        const wr_scan_filter *filter = request->filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, w->worker, out, sel, &count));
    }
    out->sel = count < out->rows ? sel : NULL;
    out->sel_count = count;
    return WR_OK;
}

static weir_status files_next_batch(wr_scan_worker *base, wr_batch *out, bool *more)
{
    files_worker *w = (files_worker *)base;
    files_scan *scan = w->scan;
    const wr_file_entry *entry = &scan->rel->entries[w->file];
    const file_scan *file = &scan->files[w->file];
    wr_batch inner;
    WR_TRY(entry->rel->def->next_batch(w->inner, &inner, more));
    wr_arena_reset(&w->arena);
    *out = (wr_batch){.columns = w->columns, .column_count = scan->request.column_count};
    if (!*more) return WR_OK;
    out->rows = inner.rows;
    out->sel = inner.sel;
    out->sel_count = inner.sel_count;
    for (int i = 0; i < scan->request.column_count; i++) {
        int column = scan->request.columns[i];
        const wr_type *type = scan->rel->base.schema.fields[column].type;
        if (file->from[i] < 0) {
            wr_value_column(&entry->constants[column], inner.rows, &w->arena, &w->columns[i]);
            continue;
        }
        w->columns[i] = inner.columns[file->from[i]];
        if (w->columns[i].type != type) wr_files_adapt(&w->columns[i], type, &w->arena);
    }
    tell_progress(w);
    return filter_late(w, out);
}

static void files_worker_drop(wr_scan_worker *base)
{
    files_worker *w = (files_worker *)base;
    if (!w) return;
    leave_file(w);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w->columns);
    wr_heap_drop(w);
}

static const wr_progress *files_progress(const wr_scan *base)
{
    return &((const files_scan *)base)->progress;
}

static void files_stats(wr_relation *base, int column, wr_column_stats *out)
{
    wr_files *rel = (wr_files *)base;
    *out = (wr_column_stats){0};
    if (rel->count != 1) return;
    const wr_file_entry *entry = &rel->entries[0];
    int source = entry->source[column];
    bool is_same =
        source >= 0 && entry->rel->schema.fields[source].type == base->schema.fields[column].type;
    if (is_same && entry->rel->def->stats) entry->rel->def->stats(entry->rel, source, out);
}

static void files_explain(const wr_relation *base, wr_buf *out)
{
    const wr_files *rel = (const wr_files *)base;
    if (rel->count == 1)
        wr_buf_printf(out, "%.*s", WR_STR_ARGS(rel->entries[0].path));
    else
        wr_buf_printf(out, "%d files", rel->count);
    const wr_relation *first = rel->entries[0].rel;
    WR_BUF(inner);
    if (first->def->explain) first->def->explain(first, &inner);
    if (inner.length > 0) wr_buf_printf(out, ", %s", inner.data);
}

static void files_drop(wr_relation *base)
{
    wr_files *rel = (wr_files *)base;
    for (int i = 0; i < rel->count; i++)
        wr_relation_release(rel->entries[i].rel);
    wr_arena arena = rel->arena;
    wr_heap_drop(rel);
    wr_arena_clear(&arena);
}

const wr_relation_def wr_files_relation_def = {.name = "files",
                                               .open = files_open,
                                               .worker_new = files_worker_new,
                                               .next_morsel = files_next_morsel,
                                               .next_batch = files_next_batch,
                                               .worker_drop = files_worker_drop,
                                               .close = files_close,
                                               .progress = files_progress,
                                               .stats = files_stats,
                                               .places = files_places,
                                               .explain = files_explain,
                                               .drop = files_drop};
