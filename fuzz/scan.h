/* scan.h - shared by the fuzzers of text formats: bind and read a file on the simulated disk with
 * one and with two workers; both must tell the same, and so must counting of rows. */
#pragma once
#include "fmt/files.h"
#include <stdlib.h>

typedef struct fuzz_rejects {
    wr_rejects base;
    uint64_t count;
} fuzz_rejects;

static weir_status fuzz_reject(wr_rejects *base, wr_str file, uint64_t line, uint64_t offset,
                               wr_str column, wr_str reason, wr_str text)
{
    (void)file, (void)line, (void)offset, (void)column, (void)reason, (void)text;
    ((fuzz_rejects *)base)->count++;
    return WR_OK;
}

enum { FUZZ_COLUMNS = 64 };

static weir_status fuzz_rows(wr_relation *rel, wr_mem *mem, int workers, bool only_count,
                             uint64_t *rows)
{
    int columns[FUZZ_COLUMNS], count = 0;
    for (int k = 0; !only_count && k < rel->visible_count && k < FUZZ_COLUMNS; k++)
        columns[count++] = k;
    wr_scan_request request = {.columns = columns,
                               .column_count = count,
                               .limit = -1,
                               .worker_count = workers,
                               .mem = mem};
    wr_scan *scan = NULL;
    wr_scan_worker *made[2] = {0};
    weir_status bad = rel->def->open(rel, &request, &scan);
    for (int w = 0; !bad && w < workers; w++)
        bad = rel->def->worker_new(scan, w, &made[w]);
    bool any = true;
    while (!bad && any) {
        any = false;
        for (int w = 0; !bad && w < workers; w++) {
            bool got = false, more = true;
            bad = rel->def->next_morsel(made[w], &got);
            any |= got;
            while (!bad && got && more) {
                wr_batch batch;
                WR_BUF(text);
                bad = rel->def->next_batch(made[w], &batch, &more);
                if (bad || !more) continue;
                for (uint32_t i = 0; i < wr_batch_count(&batch); i++)
                    for (int k = 0; k < batch.column_count; k++)
                        if (!wr_column_is_null(&batch.columns[k], wr_batch_row(&batch, i)))
                            wr_column_print(&batch.columns[k], wr_batch_row(&batch, i), &text);
                *rows += wr_batch_count(&batch);
            }
        }
    }
    for (int w = 0; w < workers; w++)
        if (made[w]) rel->def->worker_drop(made[w]);
    if (scan) rel->def->close(scan);
    return bad;
}

/* counts: rows are also counted, in larger chunks. */
static int fuzz_scan(const wr_format *format, bool counts, const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    wr_fs *fs = wr_fs_sim_new(1);
    wr_mem *mem = wr_mem_new(NULL, "fuzz", 64 << 20);
    wr_file *file = NULL;
    fuzz_rejects rejects = {.base = {fuzz_reject}};
    wr_format_context context = {
        .fs = fs, .mem = mem, .rejects = data[0] & 1 ? &rejects.base : NULL};
    wr_given options[2] = {
        {.name = WR_STR("buffer_size"), .value = wr_value_int(WR_BIGINT, 1 + (data[0] >> 1))},
        {.name = WR_STR("rejects"), .value = wr_value_text(WR_STR("r"))}};
    wr_options given = {options, 1 + (data[0] & 1)};
    wr_str path = WR_STR("/f");
    weir_status bad = wr_file_open(fs, path, WR_FILE_CREATE, &file);
    if (!bad) bad = wr_file_append(file, data + 1, size - 1);
    wr_file_close(file);
    uint64_t rows[3] = {0}, rejected[3] = {0};
    bool failed[3] = {false};
    for (int pass = 0; pass < 2 + counts && !bad; pass++) {
        bool only_count = pass == 2;
        if (only_count) options[0].value = wr_value_int(WR_BIGINT, 64 * (1 + (data[0] >> 1)));
        wr_relation *rel = NULL;
        rejects.count = 0;
        weir_status wrong = wr_files_bind(&context, &path, 1, format, &given, &rel);
        if (!wrong) wrong = fuzz_rows(rel, mem, pass % 2 + 1, only_count, &rows[pass]);
        failed[pass] = wrong != WR_OK;
        rejected[pass] = rejects.count;
        wr_status_drop(wrong);
        wr_relation_release(rel);
    }
    if (failed[0] != failed[1] ||
        (!failed[0] && (rows[0] != rows[1] || rejected[0] != rejected[1])))
        abort();
    /* A record is rejected once, for its shape or, when columns are read, for a cell. */
    if (counts && !failed[0] && (failed[2] || rows[2] + rejected[2] != rows[0] + rejected[0]))
        abort();
    if (wr_mem_used(mem) != 0) abort();
    wr_status_drop(bad);
    wr_mem_drop(mem);
    wr_fs_drop(fs);
    return 0;
}
