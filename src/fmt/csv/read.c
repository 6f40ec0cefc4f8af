/* read.c - a CSV file as a relation: bind (sniff), scan by chunks of whole records, parse only what
 * is asked for.
 *
 *   chunks, cut and indexed in one pass (one lock, in order)  ->  worker: rows -> per batch: filter
 * columns first, narrow the selection, then the remaining columns for the surviving rows only
 *
 * Every record is either delivered, filtered by a pushed filter, handed to the rejects, or ends the
 * scan with an error. A column nobody asks for is not parsed, but the number of fields of every
 * record is always checked, even by count(*). Text views point into the worker's chunk and die with
 * the next morsel. */
#include "fmt/csv/read.h"

enum { FLAG_QUOTES = 1, SAMPLE_BYTES = 1 << 20, SAMPLED_BYTES = 64 << 20, PADDING = 64 };

typedef struct csv_relation {
    wr_relation base;
    wr_arena arena;
    wr_fs *fs;
    wr_mem *mem;
    wr_rejects *rejects;
    wr_str path;
    wr_csv_config config; /* dialect as sniffed */
    int fields;
    bool *is_guessed;
    wr_cell_rules *rules; /* per column */
    int64_t skip_wanted;
    bool header;
    uint64_t sample_rows, body_line;
    size_t body;
    double consistency;
    wr_str warnings;
    bool is_sampled; /* a plain file of which a chunk is a small part */
} csv_relation;

typedef struct csv_scan {
    csv_relation *rel;
    wr_scan_request request;
    wr_text_chunks chunks;
    wr_progress progress;
    _Atomic int only_worker; /* is_alone: the worker that came first, plus 1 */
    bool is_alone;           /* one worker takes all chunks */
    bool wants_numbers;
} csv_scan;

typedef struct csv_worker {
    csv_scan *scan;
    int worker;
    wr_text_chunk chunk;
    wr_csv_index index; /* of the chunk, made when it was cut */
    wr_csv_rows rows;
    uint32_t line_pos; /* up to here lines of the chunk are counted: line */
    uint64_t line;
    wr_fill *fills;      /* by position in the request */
    wr_csv_dict **dicts; /* likewise; NULL: no text */
    uint32_t batch_rows;
    wr_column *columns;
    bool *is_parsed;
    size_t next_row;
    uint64_t blind_rows; /* count only: rows still to be announced */
    bool is_counted;     /* nothing is to be known of the chunk but its records, which fit */
    uint64_t counted;
    uint16_t sel[WR_BATCH_ROWS];
    wr_arena arena;       /* unescaped text of one batch */
    uint32_t *bad_starts; /* records left out of this chunk, ascending */
    size_t bad_count, bad_cap;
} csv_worker;

/* ---- scan ---- */
/* Counts on from the place asked for last: bad rows come in order. */
static uint64_t line_at(csv_worker *w, uint32_t pos)
{
    if (pos < w->line_pos) w->line_pos = 0, w->line = w->chunk.line;
    w->line += wr_csv_count_byte(w->chunk.data + w->line_pos, pos - w->line_pos,
                                 w->scan->rel->config.dialect.newline);
    w->line_pos = pos;
    return w->line;
}

static wr_str without_line_end(wr_str text)
{
    while (text.length > 0 &&
           (text.data[text.length - 1] == '\n' || text.data[text.length - 1] == '\r'))
        text.length--;
    return text;
}

static weir_status remember_bad(csv_worker *w, uint32_t start)
{
    if (w->bad_count == w->bad_cap) {
        size_t cap = w->bad_cap ? w->bad_cap * 2 : 64;
        void *grown = w->bad_starts;
        WR_TRY(wr_mem_grow(w->scan->request.mem, &grown, w->bad_cap * sizeof(uint32_t),
                           cap * sizeof(uint32_t)));
        w->bad_starts = grown;
        w->bad_cap = cap;
    }
    w->bad_starts[w->bad_count++] = start;
    return WR_OK;
}

static weir_status take_bad_row(void *arg, const wr_csv_bad_row *bad)
{
    csv_worker *w = arg;
    csv_relation *rel = w->scan->rel;
    wr_csv_place place = {
        .path = rel->path, .line = line_at(w, bad->start), .offset = w->chunk.offset + bad->start};
    place.record = without_line_end((wr_str){w->chunk.data + bad->start, bad->end - bad->start});
    if (rel->rejects) {
        WR_BUF(reason);
        wr_buf_printf(&reason, "%d fields instead of %d", bad->fields, rel->fields);
        WR_TRY(remember_bad(w, bad->start));
        return rel->rejects->add(rel->rejects, rel->path, place.line, place.offset, WR_STR(""),
                                 wr_buf_str(&reason), place.record);
    }
    place.caret = place.record.length;
    place.caret_size = 1;
    if (place.line <= (uint64_t)rel->skip_wanted) place.skip_wanted = rel->skip_wanted;
    if (bad->fields > rel->fields) { /* behind the last field that has a column */
        const wr_csv_dialect *d = &rel->config.dialect;
        wr_csv_index one = {0};
        char *copy = wr_arena_alloc(&w->arena, place.record.length + 1 + PADDING);
        memcpy(copy, place.record.data, place.record.length);
        copy[place.record.length] = d->newline;
        wr_csv_extent extent;
        WR_TRY(wr_csv_scan(w->scan->request.mem, d, copy, place.record.length + 1, true, &one,
                           &extent));
        if (one.count > (size_t)rel->fields)
            place.caret = one.ends[rel->fields - 1], place.caret_size = (size_t)d->delimiter_size;
        wr_csv_index_clear(w->scan->request.mem, &one);
    }
    return wr_csv_fail_shape(&place, bad->fields, &rel->base.schema, rel->fields, rel->header);
}

/* The last record of the file opens a quote that is never closed: rejected, or an error. */
static weir_status take_open_record(csv_worker *w)
{
    csv_relation *rel = w->scan->rel;
    wr_csv_index *index = &w->index;
    uint32_t start = index->starts[--index->record_count];
    size_t first = index->count - 1;
    while (first > 0 && index->ends[first - 1] >= start)
        first--;
    int field = WR_MIN((int)(index->count - 1 - first), rel->fields - 1);
    uint32_t open = index->count - 1 > first ? index->ends[index->count - 2] + 1 : start;
    index->count = first;
    wr_csv_place place = {
        .path = rel->path, .line = line_at(w, start), .offset = w->chunk.offset + start};
    place.record = without_line_end((wr_str){w->chunk.data + start, w->chunk.size - start});
    const char *line_end =
        memchr(place.record.data, rel->config.dialect.newline, place.record.length);
    const wr_field *column = &rel->base.schema.fields[field];
    if (rel->rejects) {
        WR_TRY(remember_bad(w, start));
        return rel->rejects->add(rel->rejects, rel->path, place.line, place.offset, column->name,
                                 WR_STR("a quote is never closed"), place.record);
    }
    if (line_end) place.record.length = (size_t)(line_end - place.record.data);
    place.caret = open - start;
    place.caret_size = 1;
    return wr_csv_fail_cell(&place, CSV_CELL_OPEN, place.record, column, false, 0);
}

/* Real records among the ends of an index: blank lines are none, unless there is only one column.
 */
static uint64_t count_real(const csv_relation *rel, const char *data, const wr_csv_index *index)
{
    uint64_t records = 0;
    uint32_t start = 0;
    size_t record = 0, fields = 0;
    if (wr_csv_is_rectangle(index, rel->fields)) return index->record_count;
    for (size_t i = 0; i < index->count; i++) {
        uint32_t end = index->ends[i];
        fields++;
        bool is_last = i + 1 == index->count || data[end] == rel->config.dialect.newline;
        if (!is_last) continue;
        if (index->has_starts) start = index->starts[record++];
        bool is_blank = fields == 1 && (end == start || (end == start + 1 && data[start] == '\r'));
        records += !is_blank || rel->fields == 1;
        start = end + 1;
        fields = 0;
    }
    return records;
}

/* TOO_BIG if a record of the chunk is longer than the limit, its end not counted. */
static weir_status check_lengths(csv_worker *w)
{
    const wr_csv_index *index = &w->index;
    const char *data = w->chunk.data;
    int newline = w->scan->rel->config.dialect.newline;
    uint32_t start = 0;
    size_t record = 0;
    for (size_t i = 0; i < index->count; i++) {
        uint32_t end = index->ends[i];
        bool is_last = i + 1 == index->count || data[end] == newline;
        if (!is_last) continue;
        if (index->has_starts) start = index->starts[record++];
        size_t length = end - start;
        length -= length > 0 && newline == '\n' && data[end - 1] == '\r';
        if (length > w->scan->chunks.record_size_max)
            return wr_text_record_too_long(&w->scan->chunks, line_at(w, start));
        start = end + 1;
    }
    return WR_OK;
}

static bool is_count_only(const csv_scan *scan)
{
    return scan->request.column_count == 0 && scan->request.filter_count == 0;
}

/* Cuts and indexes in one pass, under the lock of the chunks: reading and this pass are a small
 * part of the work on a chunk, and whoever needs to know where records end has to look at every
 * byte before it. */
static weir_status cut_records(void *arg, wr_text_chunk *chunk, size_t size, bool is_end,
                               size_t *cut)
{
    csv_scan *scan = arg;
    csv_worker *w = (csv_worker *)(void *)((char *)chunk - offsetof(csv_worker, chunk));
    const wr_csv_dialect *dialect = &scan->rel->config.dialect;
    if (is_end && chunk->data[size - 1] != dialect->newline) chunk->data[size++] = dialect->newline;
    wr_csv_extent extent;
    w->is_counted = is_count_only(scan) && size <= scan->chunks.record_size_max &&
                    wr_csv_count(dialect, chunk->data, size, is_end, scan->rel->fields, &extent);
    if (w->is_counted)
        w->counted = extent.records;
    else
        WR_TRY(
            wr_csv_scan(scan->request.mem, dialect, chunk->data, size, is_end, &w->index, &extent));
    *cut = extent.cut;
    chunk->lines = extent.lines;
    chunk->is_ascii = extent.is_ascii;
    chunk->flags = extent.has_quotes ? FLAG_QUOTES : 0;
    chunk->rows =
        scan->wants_numbers && *cut > 0 ? count_real(scan->rel, chunk->data, &w->index) : 0;
    scan->progress.bytes = wr_text_source_file_pos(scan->chunks.source);
    scan->progress.decoded_bytes += *cut;
    return WR_OK;
}

/* Moves the fresh source to the first data record. */
static weir_status skip_to_body(wr_text_source *source, size_t body)
{
    char piece[4096];
    while (body > 0) {
        size_t got;
        WR_TRY(wr_text_source_read(source, piece, WR_MIN(body, sizeof piece), &got));
        if (got == 0) return WR_OK;
        body -= got;
    }
    return WR_OK;
}

static weir_status csv_open(wr_relation *base, const wr_scan_request *request, wr_scan **out)
{
    csv_relation *rel = (csv_relation *)base;
    WR_AUTO(wr_text_source) *source = NULL;
    WR_TRY(
        wr_text_source_open(rel->fs, request->mem, rel->path, &rel->config.coding, false, &source));
    WR_TRY(skip_to_body(source, rel->body));
    csv_scan *scan = wr_heap_new(sizeof *scan);
    scan->rel = rel;
    scan->request = *request;
    scan->progress.bytes_total = wr_text_source_file_size(source);
    for (int i = 0; i < request->column_count; i++)
        scan->wants_numbers |= request->columns[i] == rel->fields;
    /* Regular records are counted under the lock of the chunks: others would only wait for it. */
    scan->is_alone = !rel->config.parallel || (is_count_only(scan) && rel->consistency == 1);
    uint64_t file_size = wr_text_source_file_size(source);
    size_t chunk_size = rel->config.buffer_size;
    if (file_size > 0 && wr_text_source_is_plain(source))
        chunk_size = WR_MIN(chunk_size, file_size + 1);
    wr_text_chunks_init(&scan->chunks, WR_TAKE(source), request->mem, rel->path, chunk_size,
                        (size_t)rel->config.record_size_max, cut_records, scan);
    scan->chunks.line = rel->body_line;
    scan->chunks.offset = rel->body;
    *out = (wr_scan *)scan;
    return WR_OK;
}

static void csv_close(wr_scan *base)
{
    csv_scan *scan = (csv_scan *)base;
    if (!scan) return;
    wr_text_chunks_clear(&scan->chunks);
    wr_heap_drop(scan);
}

static void csv_worker_drop(wr_scan_worker *base)
{
    csv_worker *w = (csv_worker *)base;
    if (!w) return;
    wr_mem *mem = w->scan->request.mem;
    wr_text_chunk_clear(mem, &w->chunk);
    wr_csv_index_clear(mem, &w->index);
    wr_csv_rows_clear(mem, &w->rows);
    for (int i = 0; w->fills && i < w->scan->request.column_count; i++)
        wr_fill_clear(mem, &w->fills[i]);
    for (int i = 0; w->dicts && i < w->scan->request.column_count; i++)
        wr_csv_dict_drop(mem, w->dicts[i]);
    wr_mem_free(mem, w->bad_starts, w->bad_cap * sizeof(uint32_t));
    wr_heap_drop(w->fills);
    wr_heap_drop(w->dicts);
    wr_heap_drop(w->columns);
    wr_heap_drop(w->is_parsed);
    wr_arena_clear(&w->arena);
    wr_heap_drop(w);
}

/* Rows of one batch: fewer when there are so many columns that whole batches of them would be
 * large. */
static uint32_t batch_rows(const csv_scan *scan)
{
    enum { BATCH_BYTES = 16 << 20, ROWS_MIN = 64 };
    size_t width = 0;
    for (int i = 0; i < scan->request.column_count; i++) {
        const wr_type *type = scan->rel->base.schema.fields[scan->request.columns[i]].type;
        width += wr_phys_size(type->phys) * 3 / 2; /* with the narrow copy */
    }
    size_t rows = width ? BATCH_BYTES / width / ROWS_MIN * ROWS_MIN : WR_BATCH_ROWS;
    return (uint32_t)WR_MIN(WR_MAX(rows, (size_t)ROWS_MIN), (size_t)WR_BATCH_ROWS);
}

static weir_status csv_worker_new(wr_scan *base, int worker, wr_scan_worker **out)
{
    csv_scan *scan = (csv_scan *)base;
    const wr_scan_request *request = &scan->request;
    csv_worker *w = wr_heap_new(sizeof *w);
    w->scan = scan;
    w->worker = worker;
    w->arena.mem = request->mem;
    w->batch_rows = batch_rows(scan);
    size_t count = (size_t)request->column_count + 1;
    w->fills = wr_heap_new(count * sizeof *w->fills);
    w->dicts = wr_heap_new(count * sizeof *w->dicts);
    w->columns = wr_heap_new(count * sizeof *w->columns);
    w->is_parsed = wr_heap_new(count * sizeof *w->is_parsed);
    for (int i = 0; i < request->column_count; i++) {
        const wr_type *type = scan->rel->base.schema.fields[request->columns[i]].type;
        weir_status bad = wr_fill_new(request->mem, type, w->batch_rows, &w->fills[i]);
        if (!bad && type->id == WR_T_VARCHAR)
            bad = wr_csv_dict_new(request->mem, type, w->batch_rows, &w->dicts[i]);
        if (!bad) continue;
        csv_worker_drop((wr_scan_worker *)w);
        return bad;
    }
    *out = (wr_scan_worker *)w;
    return WR_OK;
}

static weir_status csv_next_morsel(wr_scan_worker *base, bool *got)
{
    csv_worker *w = (csv_worker *)base;
    csv_scan *scan = w->scan;
    csv_relation *rel = scan->rel;
    const wr_csv_dialect *dialect = &rel->config.dialect;
    *got = false;
    if (scan->is_alone) {
        int expected = 0;
        bool is_mine =
            atomic_compare_exchange_strong(&scan->only_worker, &expected, w->worker + 1) ||
            expected == w->worker + 1;
        if (!is_mine) return WR_OK;
    }
    WR_TRY(wr_cancel_check(scan->request.cancel));
    WR_TRY(wr_text_chunks_next(&scan->chunks, &w->chunk, got));
    if (!*got) return WR_OK;
    w->next_row = w->rows.count = 0;
    w->bad_count = 0;
    w->blind_rows = 0;
    w->line_pos = 0;
    w->line = w->chunk.line;
    wr_arena_reset(&w->arena);
    /* Unescaped text is no longer than the records: room for it is asked for when they are long. */
    if (w->chunk.flags & FLAG_QUOTES && w->chunk.size > rel->config.buffer_size * 2)
        WR_TRY(wr_arena_admit(&w->arena, w->chunk.size));
    if (w->is_counted) {
        w->blind_rows = w->counted;
        return WR_OK;
    }
    if (wr_text_may_be_too_long(&scan->chunks, &w->chunk)) WR_TRY(check_lengths(w));
    if (w->index.is_open) WR_TRY(take_open_record(w));
    WR_TRY(wr_csv_rows_make(scan->request.mem, dialect, w->chunk.data, &w->index, rel->fields,
                            rel->config.short_rows_null, take_bad_row, w, &w->rows));
    if (is_count_only(scan)) {
        w->blind_rows = w->rows.count;
        w->next_row = w->rows.count;
    }
    return WR_OK;
}

/* ---- batches ---- */
static weir_status cell_failed(csv_worker *w, size_t row, int field, wr_csv_cell_fault fault)
{
    csv_relation *rel = w->scan->rel;
    const wr_csv_dialect *d = &rel->config.dialect;
    wr_str first = wr_csv_raw_field(&w->rows, d, w->chunk.data, row, 0);
    wr_str raw = wr_csv_raw_field(&w->rows, d, w->chunk.data, row, field);
    uint32_t start = (uint32_t)(first.data - w->chunk.data),
             end = (uint32_t)(raw.data - w->chunk.data + (ptrdiff_t)raw.length);
    while (end < w->chunk.size && w->chunk.data[end] != d->newline)
        end++;
    wr_csv_place place = {
        .path = rel->path, .line = line_at(w, start), .offset = w->chunk.offset + start};
    place.record = without_line_end((wr_str){first.data, end - start});
    place.caret = (size_t)(raw.data - first.data);
    place.caret_size = raw.length;
    const wr_field *column = &rel->base.schema.fields[field];
    if (!rel->rejects)
        return wr_csv_fail_cell(&place, fault, raw, column, rel->is_guessed[field],
                                rel->sample_rows);
    static const char *const reasons[] = {[CSV_CELL_QUOTE] = "text follows a closing quote",
                                          [CSV_CELL_OPEN] = "a quote is never closed",
                                          [CSV_CELL_ENCODING] = "not valid UTF-8"};
    WR_BUF(reason);
    if (fault == CSV_CELL_VALUE)
        wr_buf_printf(&reason, "cannot be read as %s", wr_type_name(column->type));
    else
        wr_buf_add_text(&reason, reasons[fault]);
    return rel->rejects->add(rel->rejects, rel->path, place.line, place.offset, column->name,
                             wr_buf_str(&reason), place.record);
}

/* Makes the selection explicit and takes entry i out of it. */
static void leave_out(csv_worker *w, uint32_t rows, const uint16_t **sel, uint32_t *count,
                      uint32_t i)
{
    if (!*sel) {
        for (uint32_t r = 0; r < rows; r++)
            w->sel[r] = (uint16_t)r;
        *sel = w->sel;
        *count = rows;
    }
    memmove(&w->sel[i], &w->sel[i + 1], (*count - i - 1) * sizeof(uint16_t));
    (*count)--;
}

static void number_rows(csv_worker *w, uint32_t rows, wr_fill *fill)
{
    int64_t *out = fill->data;
    size_t bad = 0;
    const wr_csv_dialect *d = &w->scan->rel->config.dialect;
    for (uint32_t r = 0; r < rows; r++) {
        if (w->bad_count > 0) {
            wr_str first = wr_csv_raw_field(&w->rows, d, w->chunk.data, w->next_row + r, 0);
            while (bad < w->bad_count && w->chunk.data + w->bad_starts[bad] < first.data)
                bad++;
        }
        out[r] = (int64_t)(w->chunk.row + w->next_row + r + bad);
    }
}

/* Parses the column at a position of the request for the rows still selected. */
static weir_status parse_position(csv_worker *w, int position, uint32_t rows, const uint16_t **sel,
                                  uint32_t *count)
{
    csv_relation *rel = w->scan->rel;
    int field = w->scan->request.columns[position];
    wr_fill *fill = &w->fills[position];
    if (w->is_parsed[position]) return WR_OK;
    w->is_parsed[position] = true;
    wr_fill_begin(fill);
    if (field == rel->fields) {
        number_rows(w, rows, fill);
    } else {
        wr_csv_cells cells = {&rel->config, &rel->rules[field],           w->chunk.data,
                              &w->rows,     w->chunk.flags & FLAG_QUOTES, !w->chunk.is_ascii,
                              &w->arena};
        wr_csv_dict *dict = w->dicts[position];
        if (dict && wr_csv_takes_plain_text(&cells, fill->type) &&
            wr_csv_parse_codes(&cells, field, w->next_row, rows, *sel, *count, dict,
                               &w->columns[position]))
            return WR_OK;
        wr_csv_cell_fault fault;
        uint32_t from = 0;
        for (;;) {
            uint32_t wanted = *sel ? *count : rows;
            from = wr_csv_parse_column(&cells, field, w->next_row, rows, *sel, *count, from, fill,
                                       &fault);
            if (fault == CSV_CELL_OK) break;
            wr_check(from < wanted);
            (void)wanted;
            uint32_t row = *sel ? (*sel)[from] : from;
            WR_TRY(cell_failed(w, w->next_row + row, field, fault));
            leave_out(w, rows, sel, count, from);
        }
    }
    wr_fill_column(fill, rows, *sel, *count, &w->columns[position]);
    return WR_OK;
}

/* Filters first, each with its own columns; then what is left. */
static weir_status fill_batch(csv_worker *w, uint32_t rows, wr_batch *out)
{
    const wr_scan_request *request = &w->scan->request;
    const uint16_t *sel = NULL;
    uint32_t count = rows;
    memset(w->is_parsed, 0, (size_t)request->column_count);
    *out = (wr_batch){.columns = w->columns, .column_count = request->column_count, .rows = rows};
    for (int f = 0; f < request->filter_count && count > 0; f++) {
        const wr_scan_filter *filter = request->filters[f];
        if (filter->ready && !filter->ready(filter)) continue;
        for (int k = 0; k < filter->column_count; k++)
            WR_TRY(parse_position(w, filter->columns[k], rows, &sel, &count));
        if (!sel)
            for (uint32_t r = 0; r < rows; r++)
                w->sel[r] = (uint16_t)r;
        sel = w->sel;
        if (count > 0) WR_TRY(filter->apply(filter, w->worker, out, w->sel, &count));
    }
    for (int p = 0; p < request->column_count; p++) {
        WR_TRY(parse_position(w, p, rows, &sel, &count));
    }
    out->sel = sel && count < rows ? sel : NULL;
    out->sel_count = count;
    return WR_OK;
}

static weir_status csv_next_batch(wr_scan_worker *base, wr_batch *out, bool *more)
{
    csv_worker *w = (csv_worker *)base;
    csv_scan *scan = w->scan;
    *out = (wr_batch){.columns = w->columns, .column_count = scan->request.column_count};
    WR_TRY(wr_cancel_check(scan->request.cancel));
    if (w->blind_rows > 0) {
        out->rows = (uint32_t)WR_MIN(w->blind_rows, (uint64_t)WR_BATCH_ROWS);
        w->blind_rows -= out->rows;
        scan->progress.rows += out->rows;
        *more = true;
        return WR_OK;
    }
    *more = w->next_row < w->rows.count;
    if (!*more) return WR_OK;
    uint32_t rows = (uint32_t)WR_MIN(w->rows.count - w->next_row, (size_t)w->batch_rows);
    wr_arena_reset(&w->arena);
    WR_TRY(fill_batch(w, rows, out));
    w->next_row += rows;
    scan->progress.rows += rows;
    return WR_OK;
}

static const wr_progress *csv_progress(const wr_scan *base)
{
    return &((const csv_scan *)base)->progress;
}

/* ---- relation ---- */
static void csv_explain(const wr_relation *base, wr_buf *out)
{
    const csv_relation *rel = (const csv_relation *)base;
    const wr_csv_dialect *d = &rel->config.dialect;
    wr_buf_printf(out, "delimiter '%.*s'%s", d->delimiter_size,
                  d->delimiter[0] == '\t' ? "\\t" : d->delimiter, rel->header ? ", header" : "");
}

/* The first chunk of a large file: it is read and divided into rows as a whole. */
static int csv_places(wr_relation *base)
{
    const csv_relation *rel = (csv_relation *)base;
    return rel->is_sampled && !rel->rejects;
}

static void csv_drop(wr_relation *base)
{
    csv_relation *rel = (csv_relation *)base;
    wr_arena arena = rel->arena;
    wr_heap_drop(rel);
    wr_arena_clear(&arena);
}

static const wr_relation_def csv_relation_def = {.name = "csv",
                                                 .open = csv_open,
                                                 .worker_new = csv_worker_new,
                                                 .next_morsel = csv_next_morsel,
                                                 .next_batch = csv_next_batch,
                                                 .worker_drop = csv_worker_drop,
                                                 .close = csv_close,
                                                 .progress = csv_progress,
                                                 .places = csv_places,
                                                 .explain = csv_explain,
                                                 .drop = csv_drop};

/* Reads the sample; grows it until it has the records wanted or is everything. */
static weir_status read_sample(csv_relation *rel, wr_text_sample *sample, bool *is_all,
                               uint64_t *file_size)
{
    WR_AUTO(wr_text_source) *source = NULL;
    WR_TRY(wr_text_source_open(rel->fs, rel->mem, rel->path, &rel->config.coding, true, &source));
    *file_size = wr_text_source_file_size(source);
    rel->is_sampled = wr_text_source_is_plain(source) && *file_size >= SAMPLED_BYTES;
    uint64_t wanted_lines = rel->config.sample_lines < 0
                                ? UINT64_MAX
                                : (uint64_t)(rel->config.sample_lines + rel->config.skip);
    uint64_t lines = 0;
    *is_all = false;
    while (!*is_all) {
        size_t before = sample->size;
        WR_TRY(wr_text_sample_read(sample, source, SAMPLE_BYTES, is_all));
        for (size_t i = before; i < sample->size; i++)
            lines += sample->data[i] == '\n';
        bool enough =
            wanted_lines == 20480 + (uint64_t)rel->config.skip ? lines > 2 : lines > wanted_lines;
        if (enough || (lines <= 2 && sample->size > rel->config.record_size_max)) break;
    }
    return WR_OK;
}

static wr_cell_rules *column_rules(csv_relation *rel, const wr_csv_sniffed *found)
{
    wr_cell_rules *rules = wr_new_array(&rel->arena, wr_cell_rules, found->field_count + 1);
    for (int k = 0; k < found->field_count; k++) {
        rules[k] = rel->config.rules;
        if (found->formats[k].length == 0) continue;
        bool is_date = found->fields[k].type->id == WR_T_DATE;
        *(is_date ? &rules[k].date_format : &rules[k].timestamp_format) = found->formats[k];
    }
    return rules;
}

static weir_status bind_into(csv_relation *rel, const wr_options *options)
{
    WR_TRY(wr_csv_config_read(options, rel->path, &rel->arena, &rel->config));
    WR_TEXT_SAMPLE(sample, rel->mem);
    bool is_all;
    uint64_t file_size;
    WR_TRY(read_sample(rel, &sample, &is_all, &file_size));
    wr_csv_sniffed found;
    weir_status bad = wr_csv_sniff(rel->mem, &rel->config, rel->path, sample.data, sample.size,
                                   is_all, &rel->arena, &found);
    rel->warnings = wr_arena_str(&rel->arena, wr_buf_str(&found.warnings));
    wr_buf_clear(&found.warnings);
    if (bad) return bad;
    rel->config.dialect = found.dialect;
    rel->fields = found.field_count;
    rel->is_guessed = found.is_guessed;
    rel->rules = column_rules(rel, &found);
    rel->skip_wanted = found.skip_wanted;
    rel->header = found.header;
    rel->base.names_are_made_up = !found.header && rel->config.name_count == 0;
    rel->sample_rows = found.sample_rows;
    rel->body = found.body;
    rel->body_line = found.body_line;
    rel->consistency = found.consistency;
    wr_schema *schema = &rel->base.schema;
    schema->count = found.field_count + 1;
    schema->fields = wr_new_array(&rel->arena, wr_field, schema->count);
    memcpy(schema->fields, found.fields, (size_t)found.field_count * sizeof *found.fields);
    schema->fields[found.field_count] = (wr_field){WR_STR("file_row_number"), WR_BIGINT};
    rel->base.visible_count = found.field_count;
    rel->base.row_count = -1;
    size_t seen = sample.size > found.body ? sample.size - found.body : 0;
    if (found.sample_is_all)
        rel->base.row_count = (double)found.sample_rows;
    else if (seen > 0 && file_size > 0)
        rel->base.row_count = (double)found.rows_within * ((double)file_size / (double)seen);
    return WR_OK;
}

weir_status wr_csv_bind(wr_format_context *context, wr_str path, const wr_options *options,
                        wr_relation **out)
{
    csv_relation *rel = wr_heap_new(sizeof *rel);
    rel->base.def = &csv_relation_def;
    rel->base.references = 1;
    rel->fs = context->fs;
    rel->mem = rel->arena.mem = context->mem;
    rel->rejects = context->rejects;
    rel->path = wr_arena_str(&rel->arena, path);
    weir_status bad = bind_into(rel, options);
    if (bad) {
        csv_drop(&rel->base);
        return bad;
    }
    *out = &rel->base;
    return WR_OK;
}

/* ---- probe ---- */
static void give(wr_arena *arena, wr_probe *out, int most, const char *name, wr_value value)
{
    if (!out->options.items) out->options.items = wr_new_array(arena, wr_given, most);
    out->options.items[out->options.count++] = (wr_given){.name = wr_str_of(name), .value = value};
}

static double score_of(const wr_csv_sniffed *found, wr_str path)
{
    bool is_csv = wr_str_find(path, WR_STR(".csv")) >= 0 ||
                  wr_str_find(path, WR_STR(".tsv")) >= 0 ||
                  wr_str_find(path, WR_STR(".psv")) >= 0 || wr_str_find(path, WR_STR(".tbl")) >= 0;
    int columns = WR_MIN(found->field_count, 12);
    if (found->field_count < 2) return is_csv ? 0.58 : 0.10;
    double score = 0.40 + 0.02 * columns + (found->header ? 0.20 : 0.05) + (is_csv ? 0.20 : 0);
    return WR_MIN(score * (is_csv ? 0.5 + found->consistency / 2 : found->consistency), 0.97);
}

weir_status wr_csv_probe(wr_format_context *context, wr_str path, wr_str head, bool head_is_all,
                         wr_arena *arena, wr_probe *out)
{
    *out = (wr_probe){.reason = WR_STR("not text")};
    if (memchr(head.data, 0, head.length)) return WR_OK;
    wr_csv_config config;
    WR_TRY(wr_csv_config_read(NULL, path, arena, &config));
    WR_TEXT_SAMPLE(sample, context->mem);
    WR_TRY(wr_text_sample_of(&sample, head));
    wr_csv_sniffed found;
    weir_status bad = wr_csv_sniff(context->mem, &config, path, sample.data, head.length,
                                   head_is_all, arena, &found);
    out->warnings = wr_arena_str(arena, wr_buf_str(&found.warnings));
    wr_buf_clear(&found.warnings);
    if (bad) {
        out->reason = wr_arena_str(arena, wr_str_of(wr_status_text(bad)));
        wr_status_drop(bad);
        return WR_OK;
    }
    const wr_csv_dialect *d = &found.dialect;
    out->score = score_of(&found, path);
    out->reason =
        wr_arena_printf(arena, "%.0f %% of %llu lines have %d fields with '%.*s'",
                        found.consistency * 100, (unsigned long long)found.sample_rows,
                        found.field_count, d->delimiter[0] == '\t' ? 2 : d->delimiter_size,
                        d->delimiter[0] == '\t' ? "\\t" : d->delimiter);
    out->schema = (wr_schema){.fields = found.fields, .count = found.field_count};
    give(arena, out, 4, "delimiter",
         wr_value_text(wr_arena_str(arena, (wr_str){d->delimiter, (size_t)d->delimiter_size})));
    char quote = (char)d->quote, escape = (char)d->escape;
    give(arena, out, 4, "quote",
         wr_value_text(wr_arena_str(arena, (wr_str){&quote, d->quote >= 0})));
    if (d->escape != d->quote)
        give(arena, out, 4, "escape",
             wr_value_text(wr_arena_str(arena, (wr_str){&escape, d->escape >= 0})));
    give(arena, out, 4, "header", wr_value_bool(found.header));
    return WR_OK;
}
