/* state_rows.c - the state of a continuous query as rows: stream_state(folder) gives every pair as
 * the last commit left it, stream_state_info(folder) one row about all of it.
 *
 * The file is read beside the process that writes it, as of one commit. One worker walks the
 * sections in the order they were made. Keys and values are bytes of the operators' own making
 * (store/keys.h, store/packed.h): they tell how much there is of what, and whether two states are
 * the same, not what is in them. */
#include "plan/table_fn.h"
#include "store/state.h"
#include <stdio.h>

typedef struct state_relation {
    wr_relation base;
    wr_arena arena;
    wr_str folder;
} state_relation;

struct wr_scan {
    const state_relation *source;
    wr_arena arena;
    wr_scan_request request; /* columns: the scan's own */
    wr_state *state;
    wr_progress progress;
    _Atomic bool is_taken;
};

struct wr_scan_worker {
    wr_scan *scan;
    int number, section; /* section: the one that is read */
    wr_str name;         /* of it */
    wr_state_cursor *cursor;
    wr_arena arena;
    uint16_t sel[WR_BATCH_ROWS];
};

static weir_status open_state(wr_str folder, wr_mem *mem, bool check, wr_state **out)
{
    const wr_state_options options = {.read_only = true, .mem = mem, .check = check};
    return wr_state_open(folder, &options, out);
}

static weir_status state_open(wr_relation *rel, const wr_scan_request *request, wr_scan **out)
{
    wr_scan *scan = wr_heap_new(sizeof *scan);
    int count = request->column_count;
    int *columns = wr_new_array(&scan->arena, int, count + 1);
    for (int c = 0; c < count; c++)
        columns[c] = request->columns[c];
    scan->source = (state_relation *)rel;
    scan->request = *request;
    scan->request.columns = columns;
    weir_status bad = open_state(scan->source->folder, request->mem, false, &scan->state);
    if (bad) {
        wr_arena_clear(&scan->arena);
        wr_heap_drop(scan);
        return bad;
    }
    *out = scan;
    return WR_OK;
}

static weir_status state_worker_new(wr_scan *scan, int number, wr_scan_worker **out)
{
    *out = wr_heap_new(sizeof **out);
    (*out)->scan = scan;
    (*out)->number = number;
    (*out)->arena.mem = scan->request.mem;
    return WR_OK;
}

static weir_status state_next_morsel(wr_scan_worker *worker, bool *got)
{
    *got = !atomic_exchange(&worker->scan->is_taken, true);
    return WR_OK;
}

/* The next pair of any section; *more false: that was all. */
static weir_status next_pair(wr_scan_worker *w, wr_str *key, wr_str *value, bool *more)
{
    for (;;) {
        uint32_t section;
        if (w->cursor) {
            WR_TRY(wr_state_next(w->cursor, key, value, more));
            if (*more) return WR_OK;
            wr_state_cursor_close(WR_TAKE(w->cursor));
        }
        *more = wr_state_section_at(w->scan->state, w->section++, &w->name, &section);
        if (!*more) return WR_OK;
        WR_TRY(wr_state_seek(w->scan->state, section, WR_STR(""), &w->cursor));
    }
}

static wr_view kept(wr_arena *arena, wr_str bytes)
{
    wr_str copy = wr_arena_str(arena, bytes);
    return wr_view_of(copy.data, copy.length);
}

static weir_status filter_rows(wr_scan_worker *w, wr_batch *out)
{
    const wr_scan_request *request = &w->scan->request;
    uint32_t count = out->rows;
    for (uint32_t i = 0; i < count; i++)
        w->sel[i] = (uint16_t)i;
    for (int f = 0; f < request->filter_count && count; f++) {
        const wr_scan_filter *filter = request->filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        WR_TRY(filter->apply(filter, w->number, out, w->sel, &count));
    }
    if (count == out->rows) return WR_OK;
    out->sel = w->sel;
    out->sel_count = count;
    return WR_OK;
}

static weir_status state_next_batch(wr_scan_worker *w, wr_batch *out, bool *more)
{
    enum { BATCH_BYTES = 4 << 20 };
    const wr_scan_request *request = &w->scan->request;
    const wr_schema *schema = &w->scan->source->base.schema;
    uint32_t rows = 0;
    size_t bytes = 0;
    wr_arena_reset(&w->arena);
    *out = (wr_batch){.column_count = request->column_count,
                      .columns = wr_new_array(&w->arena, wr_column, request->column_count + 1)};
    for (int c = 0; c < request->column_count; c++)
        wr_column_init(&out->columns[c], &w->arena, schema->fields[request->columns[c]].type,
                       WR_P_VIEW, WR_BATCH_ROWS);
    WR_TRY(wr_cancel_check(request->cancel));
    while (rows < WR_BATCH_ROWS && bytes < BATCH_BYTES) {
        wr_str cells[3];
        WR_TRY(next_pair(w, &cells[1], &cells[2], more));
        if (!*more) break;
        cells[0] = w->name;
        for (int c = 0; c < request->column_count; c++)
            ((wr_view *)out->columns[c].data)[rows] = kept(&w->arena, cells[request->columns[c]]);
        bytes += cells[1].length + cells[2].length;
        rows++;
    }
    *more = rows > 0;
    for (int c = 0; c < request->column_count; c++)
        out->columns[c].rows = rows;
    out->rows = rows;
    atomic_fetch_add(&w->scan->progress.rows, rows);
    atomic_fetch_add(&w->scan->progress.bytes, bytes);
    return rows ? filter_rows(w, out) : WR_OK;
}

static void state_worker_drop(wr_scan_worker *w)
{
    wr_state_cursor_close(w->cursor);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w);
}

static void state_close(wr_scan *scan)
{
    wr_state_close(scan->state);
    wr_arena_clear(&scan->arena);
    wr_heap_drop(scan);
}

static const wr_progress *state_progress(const wr_scan *scan) { return &scan->progress; }

static void state_drop(wr_relation *rel)
{
    wr_arena_clear(&((state_relation *)rel)->arena);
    wr_heap_drop(rel);
}

static const wr_relation_def state_def = {.name = "state",
                                          .open = state_open,
                                          .worker_new = state_worker_new,
                                          .next_morsel = state_next_morsel,
                                          .next_batch = state_next_batch,
                                          .worker_drop = state_worker_drop,
                                          .close = state_close,
                                          .progress = state_progress,
                                          .drop = state_drop};

weir_status wr_state_rows_new(wr_str folder, wr_relation **out)
{
    const wr_type *blob = wr_type_of(WR_T_BLOB);
    wr_field fields[] = {
        {WR_STR("section"), WR_VARCHAR}, {WR_STR("key"), blob}, {WR_STR("value"), blob}};
    const wr_schema schema = {.fields = fields, .count = 3};
    WR_AUTO(wr_state) *state = NULL;
    WR_TRY(open_state(folder, NULL, false, &state)); /* fails where it is bound */
    state_relation *rel = wr_heap_new(sizeof *rel);
    rel->base =
        (wr_relation){.def = &state_def, .row_count = -1, .visible_count = 3, .references = 1};
    rel->base.schema = *wr_schema_copy(&rel->arena, &schema);
    rel->folder = wr_arena_str(&rel->arena, folder);
    *out = &rel->base;
    return WR_OK;
}

/* ---- about all of it ---- */

static weir_status text_of(wr_state *state, wr_str name, wr_str *out, bool *found)
{
    uint32_t section;
    WR_TRY(wr_state_section(state, WR_STR("query"), &section));
    return wr_state_get(state, section, name, out, found);
}

weir_status wr_state_info(wr_planner *planner, wr_str folder, bool check, wr_result *out)
{
    static const char *const names[] = {"statement", "epoch",         "commits", "pairs",
                                        "hash",      "bytes_on_disk", "is_whole"};
    const wr_type *types[] = {WR_VARCHAR, WR_BIGINT, WR_BIGINT, WR_BIGINT,
                              WR_VARCHAR, WR_BIGINT, WR_BOOLEAN};
    WR_AUTO(wr_state) *state = NULL;
    wr_state_figures figures;
    wr_str value;
    bool found;
    char hash[17];
    WR_TRY(open_state(folder, NULL, check, &state));
    wr_row_list rows = {.planner = planner, .names = names, .types = types, .width = 7};
    wr_state_figures_of(state, &figures);
    WR_TRY(text_of(state, WR_STR("text"), &value, &found));
    found ? wr_row_text(&rows, value) : wr_row_null(&rows);
    WR_TRY(text_of(state, WR_STR("epoch"), &value, &found));
    int64_t epoch = 0;
    if (found && value.length == sizeof epoch) memcpy(&epoch, value.data, sizeof epoch);
    wr_row_int(&rows, epoch);
    wr_row_int(&rows, (int64_t)figures.commits);
    wr_row_int(&rows, (int64_t)figures.keys);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)figures.hash);
    wr_row_text(&rows, wr_str_of(hash));
    wr_row_int(&rows, (int64_t)figures.bytes_on_disk);
    check ? wr_row_bool(&rows, true) : wr_row_null(&rows);
    wr_row_list_result(&rows, out);
    return WR_OK;
}
