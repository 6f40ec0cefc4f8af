/* fuzz/parquet.c - any bytes may be refused as a Parquet file, but never crash, hang or take more
 * memory than the budget; and a file that binds is read to its end or to an error. */
#include "spi/format.h"

extern const wr_format wr_format_parquet;
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static weir_status scan(wr_relation *rel, wr_mem *mem)
{
    int columns[64];
    int count = WR_MIN(rel->schema.count, 64);
    for (int i = 0; i < count; i++)
        columns[i] = i;
    wr_scan_request request = {
        .columns = columns, .column_count = count, .limit = -1, .worker_count = 1, .mem = mem};
    wr_scan *scan = NULL;
    wr_scan_worker *worker = NULL;
    WR_TRY(rel->def->open(rel, &request, &scan));
    weir_status bad = rel->def->worker_new(scan, 0, &worker);
    uint64_t rows = 0;
    bool got = !bad, more = true;
    while (!bad && got) {
        bad = rel->def->next_morsel(worker, &got);
        for (more = true; !bad && got && more;) {
            wr_batch batch;
            bad = rel->def->next_batch(worker, &batch, &more);
            if (bad || !more) break;
            /* Run lengths make billions of rows out of a few bytes: that is no mistake of theirs,
             * only slow. Printing the first rows of a batch follows every pointer in it. */
            rows += batch.rows;
            if (rows > 1 << 18) got = false;
            WR_BUF(text);
            batch.rows = WR_MIN(batch.rows, 64u);
            wr_batch_print(&batch, &text);
        }
    }
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
    weir_status bad = wr_file_open(fs, WR_STR("f.parquet"), WR_FILE_REPLACE, &file);
    if (!bad) bad = wr_file_append(file, bytes, size);
    wr_file_close(file);
    if (!bad) bad = wr_format_parquet.bind(&context, WR_STR("f.parquet"), &(wr_options){0}, &rel);
    if (!bad) {
        for (int i = 0; i < rel->schema.count && rel->def->stats; i++) {
            wr_column_stats stats;
            rel->def->stats(rel, i, &stats);
        }
        bad = scan(rel, mem);
    }
    wr_status_drop(bad);
    wr_relation_release(rel);
    wr_assert(wr_mem_used(mem) == 0);
    wr_mem_drop(mem);
    wr_fs_drop(fs);
    return 0;
}
