/* rows.c - from a flat list of field ends to rectangular rows.
 *
 * Nearly always every record has the same number of fields; then the index already is the rectangle
 * and nothing is copied: it is enough that every fields-th end is a record end and that there are
 * no others. Otherwise the index is rearranged record by record, and each record of another shape
 * is decided on its own: nothing is skipped quietly. */
#include "fmt/csv/csv.h"

static bool is_record_end(const wr_csv_dialect *d, const char *data, uint32_t end)
{
    return data[end] == d->newline;
}

static bool is_rectangle(const wr_csv_dialect *d, const char *data, const wr_csv_index *index,
                         uint64_t record_ends, size_t fields)
{
    if (index->has_starts || index->count % fields != 0 || index->count / fields != record_ends)
        return false;
    for (size_t i = fields - 1; i < index->count; i += fields)
        if (!is_record_end(d, data, index->ends[i])) return false;
    return true;
}

static weir_status make_room(wr_mem *mem, wr_csv_rows *rows, size_t wanted)
{
    if (rows->own_cap >= wanted) return WR_OK;
    wr_csv_rows_clear(mem, rows);
    void *ends = NULL, *starts = NULL;
    WR_TRY(wr_mem_alloc(mem, wanted * sizeof(uint32_t), &ends));
    rows->own_ends = ends;
    rows->own_cap = wanted;
    WR_TRY(wr_mem_alloc(mem, wanted * sizeof(uint32_t), &starts));
    rows->own_starts = starts;
    return WR_OK;
}

static bool is_blank(const char *data, uint32_t start, uint32_t end)
{
    return start == end || (end == start + 1 && data[start] == '\r');
}

/* The record whose ends are ends[0...got). */
static weir_status place_record(wr_csv_rows *rows, const char *data, uint32_t start,
                                const uint32_t *ends, size_t got, bool short_is_null,
                                wr_csv_bad_row_fn *bad_row, void *arg)
{
    size_t fields = (size_t)rows->fields;
    if (fields > 1 && got == 1 && is_blank(data, start, ends[0])) return WR_OK;
    bool fits = got == fields || (got < fields && short_is_null);
    if (!fits) {
        wr_csv_bad_row bad = {start, ends[got - 1], (int)got};
        return bad_row(arg, &bad);
    }
    uint32_t *to = rows->own_ends + rows->count * fields;
    memcpy(to, ends, got * sizeof *to);
    for (size_t k = got; k < fields; k++)
        to[k] = CSV_MISSING;
    rows->own_starts[rows->count++] = start;
    return WR_OK;
}

weir_status wr_csv_rows_make(wr_mem *mem, const wr_csv_dialect *dialect, const char *data,
                             const wr_csv_index *index, uint64_t record_ends, int fields,
                             bool short_is_null, wr_csv_bad_row_fn *bad_row, void *arg,
                             wr_csv_rows *out)
{
    out->fields = fields;
    out->count = 0;
    if (is_rectangle(dialect, data, index, record_ends, (size_t)fields)) {
        out->ends = index->ends;
        out->starts = NULL;
        out->count = index->count / (size_t)fields;
        return WR_OK;
    }
    size_t records = index->has_starts ? index->record_count : record_ends;
    WR_TRY(make_room(mem, out, (records + 1) * (size_t)fields));
    out->ends = out->own_ends;
    out->starts = out->own_starts;
    uint32_t start = 0;
    size_t record = 0;
    for (size_t first = 0; first < index->count;) {
        size_t last = first;
        while (last < index->count - 1 && !is_record_end(dialect, data, index->ends[last]))
            last++;
        if (index->has_starts) start = index->starts[record];
        WR_TRY(place_record(out, data, start, index->ends + first, last - first + 1, short_is_null,
                            bad_row, arg));
        start = index->ends[last] + 1;
        first = last + 1;
        record++;
    }
    wr_check(record <= records);
    return WR_OK;
}

void wr_csv_rows_clear(wr_mem *mem, wr_csv_rows *rows)
{
    wr_mem_free(mem, rows->own_ends, rows->own_cap * sizeof(uint32_t));
    wr_mem_free(mem, rows->own_starts, rows->own_starts ? rows->own_cap * sizeof(uint32_t) : 0);
    rows->own_ends = rows->own_starts = NULL;
    rows->own_cap = 0;
}
