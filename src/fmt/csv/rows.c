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

bool wr_csv_is_rectangle(const wr_csv_index *index, int fields)
{
    size_t width = (size_t)fields, expected = width - 1;
    if (index->has_starts || index->count != index->record_count * width) return false;
    for (size_t word = 0; word * 64 < index->count; word++) {
        uint64_t bits = index->record_bits[word];
        if (index->count - word * 64 < 64) bits &= (UINT64_C(1) << (index->count - word * 64)) - 1;
        for (; bits; bits &= bits - 1, expected += width)
            if (word * 64 + (size_t)__builtin_ctzll(bits) != expected) return false;
    }
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
    rows->has_missing |= got < fields;
    rows->own_starts[rows->count++] = start;
    return WR_OK;
}

/* Copies records first...end-1 of the index, all of the right length, the first of which begins at
 * start. */
static void place_run(wr_csv_rows *rows, uint32_t start, const uint32_t *ends, size_t count)
{
    size_t fields = (size_t)rows->fields;
    uint32_t *starts = rows->own_starts + rows->count;
    if (count == 0) return;
    memcpy(rows->own_ends + rows->count * fields, ends, count * fields * sizeof *ends);
    starts[0] = start;
    for (size_t r = 1; r < count; r++)
        starts[r] = ends[r * fields - 1] + 1;
    rows->count += count;
}

/* Index of the next field end at or behind from that ends a record; the last one if none does. */
static size_t record_end(const wr_csv_index *index, size_t from)
{
    size_t word = from >> 6, last = (index->count - 1) >> 6;
    uint64_t bits = index->record_bits[word] & ~UINT64_C(0) << (from & 63);
    while (!bits && word < last)
        bits = index->record_bits[++word];
    size_t found = bits ? word * 64 + (size_t)__builtin_ctzll(bits) : index->count - 1;
    return WR_MIN(found, index->count - 1);
}

/* Records of the right length are copied in runs, the others decided one by one. */
static weir_status arrange_runs(const char *data, const wr_csv_index *index, bool short_is_null,
                                wr_csv_bad_row_fn *bad_row, void *arg, wr_csv_rows *out)
{
    size_t fields = (size_t)out->fields, run = 0; /* run: where the current one begins */
    for (size_t first = 0; first < index->count;) {
        size_t last = record_end(index, first), next = last + 1;
        if (last - first + 1 == fields) {
            first = next;
            if (first < index->count) continue;
        }
        place_run(out, index->ends[(ptrdiff_t)run - 1] + 1, index->ends + run,
                  (first - run) / fields);
        if (first < next)
            WR_TRY(place_record(out, data, index->ends[(ptrdiff_t)first - 1] + 1,
                                index->ends + first, next - first, short_is_null, bad_row, arg));
        first = run = next;
    }
    return WR_OK;
}

static weir_status arrange_records(const wr_csv_dialect *dialect, const char *data,
                                   const wr_csv_index *index, bool short_is_null,
                                   wr_csv_bad_row_fn *bad_row, void *arg, wr_csv_rows *out)
{
    size_t record = 0;
    for (size_t first = 0; first < index->count; record++) {
        size_t last = first;
        while (last < index->count - 1 && !is_record_end(dialect, data, index->ends[last]))
            last++;
        WR_TRY(place_record(out, data, index->starts[record], index->ends + first, last - first + 1,
                            short_is_null, bad_row, arg));
        first = last + 1;
    }
    wr_check(record <= index->record_count);
    return WR_OK;
}

weir_status wr_csv_rows_make(wr_mem *mem, const wr_csv_dialect *dialect, const char *data,
                             const wr_csv_index *index, int fields, bool short_is_null,
                             wr_csv_bad_row_fn *bad_row, void *arg, wr_csv_rows *out)
{
    out->fields = fields;
    out->count = 0;
    out->has_missing = false;
    if (wr_csv_is_rectangle(index, fields)) {
        out->ends = index->ends;
        out->starts = NULL;
        out->count = index->record_count;
        return WR_OK;
    }
    WR_TRY(make_room(mem, out, (index->record_count + 2) * (size_t)fields));
    out->ends = out->own_ends;
    out->starts = out->own_starts;
    if (index->has_starts)
        return arrange_records(dialect, data, index, short_is_null, bad_row, arg, out);
    return arrange_runs(data, index, short_is_null, bad_row, arg, out);
}

void wr_csv_rows_clear(wr_mem *mem, wr_csv_rows *rows)
{
    wr_mem_free(mem, rows->own_ends, rows->own_cap * sizeof(uint32_t));
    wr_mem_free(mem, rows->own_starts, rows->own_starts ? rows->own_cap * sizeof(uint32_t) : 0);
    rows->own_ends = rows->own_starts = NULL;
    rows->own_cap = 0;
}
