/* scan.c - the rows of one file, from a row on: what the readers of whole files and of growing ones
 * share.
 *
 * One worker gives the rows of a file in their order, so "from a row on" means to leave out so
 * many. Rows that cannot be read are told to the dead letters and counted; those that were told
 * before the reader began are counted only. */
#include "conn/files/files.h"
#include "fmt/files_parts.h"

static weir_status take_reject(wr_rejects *base, wr_str file, uint64_t line, uint64_t offset,
                               wr_str column, wr_str reason, wr_str text)
{
    files_scan *scan = (files_scan *)(void *)((char *)base - offsetof(files_scan, rejects));
    (void)offset;
    if (++scan->rejected <= scan->known_rejects) return WR_OK;
    WR_BUF(position);
    WR_BUF(why);
    wr_buf_printf(&position, "%.*s:%lld", WR_STR_ARGS(file), (long long)line + scan->lines_before);
    if (column.length) wr_buf_printf(&why, "column %.*s: ", WR_STR_ARGS(column));
    wr_buf_add_str(&why, reason);
    if (scan->dead)
        return scan->dead->add(scan->dead, wr_buf_str(&position), wr_buf_str(&why), text);
    weir_status bad = wr_fail(WR_E_ROW_VALUE, "%.*s: %.*s", WR_STR_ARGS(wr_buf_str(&position)),
                              WR_STR_ARGS(wr_buf_str(&why)));
    return wr_with_detail(bad, "%.*s", (int)WR_MIN(text.length, (size_t)1000), text.data);
}

void wr_files_scan_init(files_scan *scan, wr_source *source, const wr_reader_request *request)
{
    int count = request->column_count;
    *scan = (files_scan){.source = (const files_source *)source,
                         .rejects = {.add = take_reject},
                         .dead = request->dead,
                         .mem = request->mem,
                         .cancel = request->cancel};
    int *asked = wr_new_array(&scan->arena, int, count + 1);
    if (count) memcpy(asked, request->columns, sizeof *asked * (size_t)count);
    scan->asked = asked;
    scan->asked_count = count;
    scan->columns = wr_new_array(&scan->arena, wr_column, count + 1);
}

void wr_files_scan_begin(files_scan *scan, uint64_t skip, uint64_t known_rejects)
{
    scan->rows = scan->rejected = 0;
    scan->skip = skip;
    scan->known_rejects = known_rejects;
}

static int find_number(const wr_relation *rel)
{
    for (int i = rel->visible_count; i < rel->schema.count; i++)
        if (wr_str_is(rel->schema.fields[i].name, "file_row_number")) return i;
    return -1;
}

weir_status wr_files_scan_open(files_scan *scan, wr_fs *fs, wr_str path)
{
    const wr_schema *schema = &scan->source->base.schema;
    bool tells = scan->dead || scan->tells_lines;
    wr_format_context context = {.fs = fs,
                                 .mem = scan->mem,
                                 .cancel = scan->cancel,
                                 .rejects = tells ? &scan->rejects : NULL,
                                 .thread_count = 1};
    wr_arena_reset(&scan->file_arena);
    int *places = wr_new_array(&scan->file_arena, int, schema->count + 1);
    int *columns = wr_new_array(&scan->file_arena, int, scan->asked_count + 2);
    WR_TRY(wr_files_bind_one(scan->source, &context, path, schema, &scan->file_arena, places,
                             &scan->rel));
    for (int i = 0; i < scan->asked_count; i++)
        columns[i] = places[scan->asked[i]];
    int number = scan->dead ? find_number(scan->rel) : -1;
    scan->has_numbers = number >= 0;
    columns[scan->asked_count] = number;
    const wr_scan_request request = {.columns = columns,
                                     .column_count = scan->asked_count + scan->has_numbers,
                                     .limit = -1,
                                     .worker_count = 1,
                                     .mem = scan->mem,
                                     .cancel = scan->cancel};
    WR_TRY(scan->rel->def->open(scan->rel, &request, &scan->scan));
    WR_TRY(scan->rel->def->worker_new(scan->scan, 0, &scan->worker));
    scan->is_open = true;
    return WR_OK;
}

/* Rows that were given before are left out; false: nothing remains of the batch. */
static bool leave_out(files_scan *scan, wr_batch *batch)
{
    uint32_t count = wr_batch_count(batch);
    uint64_t skip = scan->skip > scan->rows ? scan->skip - scan->rows : 0;
    scan->rows += count;
    if (skip == 0) return count > 0;
    if (skip >= count) return false;
    for (uint32_t i = (uint32_t)skip; i < count; i++)
        scan->sel[i - skip] = (uint16_t)wr_batch_row(batch, i);
    batch->sel = scan->sel;
    batch->sel_count = count - (uint32_t)skip;
    return true;
}

static void adapt_columns(files_scan *scan, wr_batch *batch)
{
    const wr_schema *schema = &scan->source->base.schema;
    wr_arena_reset(&scan->batch_arena);
    for (int i = 0; i < scan->asked_count; i++) {
        const wr_type *wanted = schema->fields[scan->asked[i]].type;
        scan->columns[i] = batch->columns[i];
        if (scan->columns[i].type != wanted)
            wr_files_adapt(&scan->columns[i], wanted, &scan->batch_arena);
    }
    if (scan->has_numbers) scan->numbers = batch->columns[scan->asked_count];
    batch->columns = scan->columns;
    batch->column_count = scan->asked_count;
}

weir_status wr_files_scan_next(files_scan *scan, wr_batch *out, bool *has)
{
    *has = false;
    while (scan->is_open) {
        const wr_relation_def *def = scan->rel->def;
        bool more;
        WR_TRY(wr_cancel_check(scan->cancel));
        if (!scan->in_morsel) {
            WR_TRY(def->next_morsel(scan->worker, &scan->in_morsel));
            if (!scan->in_morsel) break;
        }
        *out = (wr_batch){0};
        WR_TRY(def->next_batch(scan->worker, out, &more));
        if (!more) scan->in_morsel = false;
        if (!more || !leave_out(scan, out)) continue;
        adapt_columns(scan, out);
        *has = true;
        return WR_OK;
    }
    if (scan->rows >= scan->skip) return WR_OK;
    return wr_fail(WR_E_CORRUPT, "there are %llu rows where %llu were read before",
                   (unsigned long long)scan->rows, (unsigned long long)scan->skip);
}

int64_t wr_files_scan_number(const files_scan *scan, uint32_t row)
{
    return scan->has_numbers ? wr_column_int(&scan->numbers, row) : -1;
}

void wr_files_scan_close(files_scan *scan)
{
    if (scan->worker) scan->rel->def->worker_drop(scan->worker);
    if (scan->scan) scan->rel->def->close(scan->scan);
    if (scan->rel) wr_relation_release(scan->rel);
    scan->worker = NULL;
    scan->scan = NULL;
    scan->rel = NULL;
    scan->is_open = scan->in_morsel = false;
    wr_arena_reset(&scan->batch_arena);
}

void wr_files_scan_clear(files_scan *scan)
{
    wr_files_scan_close(scan);
    wr_arena_clear(&scan->file_arena);
    wr_arena_clear(&scan->batch_arena);
    wr_arena_clear(&scan->arena);
}
