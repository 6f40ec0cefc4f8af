/* fuzz/arrow.c - any bytes may be refused as an Arrow file or stream, but never crash, hang or take
 * more memory than the budget; and a file that binds is read to its end or to an error. */
#include "spi/format.h"

extern const wr_format wr_format_arrow;
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* Printing the first rows of a batch follows every pointer in it. Lengths without bytes make
 * billions of rows: that is no mistake, only slow. */
static weir_status read_rows(wr_relation *rel, wr_scan_worker *worker)
{
    uint64_t rows = 0;
    for (bool got = true; got && rows < 1 << 18;) {
        WR_TRY(rel->def->next_morsel(worker, &got));
        for (bool more = got; more && rows < 1 << 18;) {
            wr_batch batch;
            WR_BUF(text);
            WR_TRY(rel->def->next_batch(worker, &batch, &more));
            rows += batch.rows;
            batch.rows = WR_MIN(batch.rows, 64u);
            if (more) wr_batch_print(&batch, &text);
        }
    }
    return WR_OK;
}

/* Reads the columns that from, from + step, ... are. */
static weir_status scan(wr_relation *rel, wr_mem *mem, int from, int step)
{
    int columns[64], count = 0;
    for (int i = from; i < rel->schema.count && count < 64; i += step)
        columns[count++] = i;
    wr_scan_request request = {
        .columns = columns, .column_count = count, .limit = -1, .worker_count = 2, .mem = mem};
    wr_scan *scan = NULL;
    wr_scan_worker *worker = NULL;
    WR_TRY(rel->def->open(rel, &request, &scan));
    weir_status bad = rel->def->worker_new(scan, 0, &worker);
    if (!bad) bad = read_rows(rel, worker);
    if (worker) rel->def->worker_drop(worker);
    rel->def->close(scan);
    return bad;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    wr_mem *mem = wr_mem_new(NULL, "fuzz", (uint64_t)64 << 20);
    wr_fs *fs = wr_fs_sim_new(1);
    wr_format_context context = {.fs = fs, .mem = mem, .thread_count = 1};
    wr_file *file = NULL;
    wr_relation *rel = NULL;
    wr_str path = WR_STR("/f.arrow");
    weir_status bad = wr_file_open(fs, path, WR_FILE_REPLACE, &file);
    if (!bad && size) bad = wr_file_append(file, bytes, size);
    wr_file_close(file);
    if (!bad) bad = wr_format_arrow.bind(&context, path, &(wr_options){0}, &rel);
    if (!bad) {
        wr_status_drop(scan(rel, mem, 0, 2));
        bad = scan(rel, mem, 0, 1);
    }
    wr_status_drop(bad);
    wr_relation_release(rel);
    wr_assert(wr_mem_used(mem) == 0);
    wr_mem_drop(mem);
    wr_fs_drop(fs);
    return 0;
}
