/* spill.c - see spill.h.
 *
 * How the engine lives within a limit. Nobody is stopped from outside: an operator looks, between
 * two batches, at the room its budget has left, and the worker that finds it small writes out what
 * it holds itself. So no lock is held while spilling, workers never wait for each other, and a
 * worker's rows are touched by that worker only. Shares are staggered: join builds, which stay for
 * the whole probe, give way first; what flows into sorts, groups and stores gives way later; the
 * last part of the limit is for what spilled data needs when it is processed, partition by
 * partition or by merging.
 *
 *   groups     the table goes to partitions by hash, states included; equal groups meet when a
 *              partition is read (aggregate_spill.c)
 *   joins      both sides go to partitions by hash, then one partition after the other is joined in
 *              memory; one that is too large is split by another hash function, one that cannot be
 *              split (one key) is joined in chunks of the build side (join_spill.c)
 *   sorts      sorted runs, merged when they are read (merge.c)
 *   windows    as sorts, then partition by partition
 *   stores     pages in the order of their rows (store.c)
 *   set ops    counts of distinct rows to partitions by hash, then the left side (setop_spill.c)
 *   recursion  rows seen to one tape, past which later rows are held, a step at a time
 * (recursive.c) asof joins both sides as sorts, then merged (asof_spill.c)
 *
 * A block is written once with one call and read once with one call; where it stands in the file is
 * taken from a counter, so that writers need no lock. Invariant: a tape's block list is the only
 * way to its bytes; the file is never extended in place. Results do not change: sums of floating
 * point are exact until they are rounded once, sorts are stable, and what depends on the order of
 * the input carries its position along.
 *
 * Trap: whatever writes out must not need memory from the budget that is short; the buffers here
 * have a fixed size and are not counted. */
#include "exec/spill.h"
#include "exec/engine.h"
#include "exec/keys.h"
#include <stdlib.h>

enum {
    BLOCK_BYTES = 256 * 1024,
    PIECE_ROWS = 1 << 15,
    HELD_MIN = 256 << 10,
    HELD_MAX = 8 << 20,
    PORTION_MIN = 1 << 20,
    FORCED_PARTS = 4
};

static const wr_temp_space *space_of(const wr_op *op)
{
    static const wr_temp_space none;
    const wr_temp_space *space = op->exec->options ? op->exec->options->temp : NULL;
    return space ? space : &none;
}

bool wr_spill_is_forced(const wr_op *op)
{
    static _Atomic int by_environment; /* 0: not looked yet, 1: no, 2: yes */
    int forced = by_environment;
    if (!forced) {
        const char *value = getenv("WEIR_FORCE_SPILL");
        by_environment = forced = value && *value && strcmp(value, "0") != 0 ? 2 : 1;
    }
    return forced == 2 || space_of(op)->force;
}

int wr_spill_parts(const wr_op *op)
{
    return wr_spill_is_forced(op) ? FORCED_PARTS : WR_SPILL_PARTS_MAX;
}

bool wr_spill_is_due(const wr_op *op, uint64_t held, uint64_t need, int share)
{
    if (held == 0) return false;
    uint64_t room = wr_mem_room(op->mem);
    if (room == UINT64_MAX) return wr_spill_is_forced(op);
    uint64_t limit = wr_mem_limit(op->mem);
    uint64_t least = WR_MAX(WR_MIN(limit / 64, (uint64_t)HELD_MAX), (uint64_t)HELD_MIN);
    uint64_t workers = (uint64_t)wr_exec_workers(op->exec);
    uint64_t wanted = limit / 100 * (uint64_t)(100 - share);
    if (held >= least && (room < wanted || room < need * workers + wanted / 4)) return true;
    return wr_spill_is_forced(op);
}

uint64_t wr_spill_portion(const wr_op *op)
{
    uint64_t room = wr_mem_room(op->mem);
    if (room == UINT64_MAX) return UINT64_MAX;
    uint64_t workers = (uint64_t)wr_exec_workers(op->exec);
    return WR_MAX(WR_MIN(room / 2, wr_mem_limit(op->mem) / 4) / workers, (uint64_t)PORTION_MIN);
}

/* ---- the file ---- */

void wr_spill_init(wr_spill *spill, wr_op *op)
{
    *spill = (wr_spill){.op = op};
    wr_mutex_init(&spill->lock);
}

void wr_spill_clear(wr_spill *spill)
{
    if (!spill->op) return;
    const wr_temp_space *space = space_of(spill->op);
    if (spill->charged && space->used) atomic_fetch_sub(space->used, spill->charged);
    wr_file_close(spill->file);
    wr_mutex_clear(&spill->lock);
    *spill = (wr_spill){0};
}

static weir_status with_advice(weir_status bad)
{
    if (!bad || bad->code != WR_E_DISK_FULL) return bad;
    return wr_with_hint(bad,
                        "free space, SET temp_directory to another disk or raise memory_limit");
}

/* Counts size bytes of the temp space and makes sure that the file is open. */
static weir_status claim(wr_spill *spill, uint64_t size)
{
    const wr_temp_space *space = space_of(spill->op);
    wr_mutex_lock(&spill->lock);
    uint64_t used = space->used ? atomic_fetch_add(space->used, size) : spill->charged;
    spill->charged += size;
    weir_status bad = WR_OK;
    if (space->bytes_max && used + size > space->bytes_max)
        bad = wr_with_hint(wr_fail(WR_E_DISK_FULL,
                                   "temporary files of %.1f MB are in use, %s needs more than "
                                   "max_temp_directory_size allows",
                                   (double)used / 1e6, spill->op->def->name),
                           "raise max_temp_directory_size or memory_limit");
    if (!bad && !spill->file) {
        wr_str folder = space->directory.length ? space->directory : wr_path_temp_dir();
        wr_fs *fs = space->fs ? space->fs : wr_fs_real();
        bad = with_advice(wr_file_open(fs, folder, WR_FILE_TEMP, &spill->file));
        if (bad) bad = wr_with_detail(bad, "%s spills to temp_directory", spill->op->def->name);
    }
    wr_mutex_unlock(&spill->lock);
    return bad;
}

static wr_tape_block *new_block(wr_tape *tape)
{
    if (tape->count == tape->cap) {
        uint32_t cap = tape->cap ? tape->cap * 2 : 4;
        tape->blocks = wr_heap_grow(tape->blocks, tape->cap * sizeof *tape->blocks,
                                    cap * sizeof *tape->blocks);
        tape->cap = cap;
    }
    return &tape->blocks[tape->count];
}

weir_status wr_tape_write(wr_spill *spill, wr_tape *tape, const wr_rows_layout *layout,
                          uint8_t *const *addresses, uint64_t count)
{
    WR_BUF(packed);
    while (count > 0) {
        WR_TRY(wr_exec_check(spill->op->exec));
        uint32_t n = wr_rows_pack(layout, addresses, count, BLOCK_BYTES, &packed);
        WR_TRY(claim(spill, packed.length));
        wr_tape_block *block = new_block(tape);
        *block = (wr_tape_block){atomic_fetch_add(&spill->end, packed.length), packed.length, n};
        WR_TRY(with_advice(wr_file_write(spill->file, block->offset, packed.data, packed.length)));
        tape->count++;
        tape->rows += n;
        tape->bytes += packed.length;
        atomic_fetch_add(&spill->op->spilled, packed.length);
        addresses += n;
        count -= n;
    }
    return WR_OK;
}

weir_status wr_tape_write_all(wr_spill *spill, wr_tape *tape, const wr_rows *rows)
{
    uint8_t **some = wr_heap_raw(PIECE_ROWS * sizeof *some);
    wr_rows_cursor cursor = {0, 0};
    weir_status bad = WR_OK;
    for (uint32_t n; !bad && (n = wr_rows_next(rows, &cursor, some, PIECE_ROWS)) > 0;)
        bad = wr_tape_write(spill, tape, wr_rows_layout_of(rows), some, n);
    wr_heap_drop(some);
    return bad;
}

weir_status wr_tape_load(wr_spill *spill, const wr_tape *tape, uint32_t index, wr_rows *into)
{
    const wr_tape_block *block = &tape->blocks[index];
    wr_mem *mem = wr_rows_mem(into);
    void *bytes;
    WR_TRY(wr_exec_check(spill->op->exec));
    WR_TRY(wr_mem_alloc(mem, block->size, &bytes));
    weir_status bad = wr_file_read_exact(spill->file, block->offset, bytes, block->size);
    if (!bad) return wr_rows_add_packed(into, bytes, block->size, block->rows);
    wr_mem_free(mem, bytes, block->size);
    return bad;
}

void wr_tape_clear(wr_tape *tape)
{
    wr_heap_drop(tape->blocks);
    *tape = (wr_tape){0};
}

/* ---- reading ---- */

weir_status wr_tape_open(wr_tape_reader *reader, wr_spill *spill, const wr_tape *tape,
                         const wr_rows_layout *layout)
{
    wr_rows *rows = reader->rows;
    if (rows)
        wr_rows_empty(rows);
    else
        WR_TRY(wr_rows_new(spill->op->mem, layout, &rows));
    *reader = (wr_tape_reader){.spill = spill, .tape = tape, .rows = rows};
    return WR_OK;
}

weir_status wr_tape_next(wr_tape_reader *reader, uint8_t **addresses, uint32_t max, uint32_t *count)
{
    *count = reader->next > 0 ? wr_rows_next(reader->rows, &reader->at, addresses, max) : 0;
    while (*count == 0 && reader->next < reader->tape->count) {
        wr_rows_empty(reader->rows);
        reader->at = (wr_rows_cursor){0, 0};
        WR_TRY(wr_tape_load(reader->spill, reader->tape, reader->next++, reader->rows));
        *count = wr_rows_next(reader->rows, &reader->at, addresses, max);
    }
    return WR_OK;
}

void wr_tape_close(wr_tape_reader *reader)
{
    wr_rows_drop(reader->rows);
    *reader = (wr_tape_reader){0};
}

/* ---- partitions ---- */

typedef struct piece { /* a fixed number of rows, on their way to partitions */
    uint8_t *rows[PIECE_ROWS], *sorted[PIECE_ROWS];
    uint8_t parts[PIECE_ROWS];
} piece;

static weir_status write_piece(wr_spill *spill, const wr_rows_layout *layout, piece *p,
                               uint32_t count, int level, int parts, wr_tape *tapes)
{
    uint32_t ends[WR_SPILL_PARTS_MAX + 1] = {0};
    for (uint32_t i = 0; i < count; i++) {
        p->parts[i] = (uint8_t)wr_spill_part(*wr_row_extra(layout, p->rows[i]), level, parts);
        ends[p->parts[i] + 1]++;
    }
    for (int k = 0; k < parts; k++)
        ends[k + 1] += ends[k];
    for (uint32_t i = 0; i < count; i++)
        p->sorted[ends[p->parts[i]]++] = p->rows[i];
    for (int k = 0; k < parts; k++) { /* ends[k] is where partition k ends by now */
        uint32_t from = k ? ends[k - 1] : 0;
        if (ends[k] > from)
            WR_TRY(wr_tape_write(spill, &tapes[k], layout, p->sorted + from, ends[k] - from));
    }
    return WR_OK;
}

weir_status wr_spill_by_hash(wr_spill *spill, const wr_rows_layout *layout, const wr_rows *rows,
                             int level, wr_tape *tapes)
{
    int parts = wr_spill_parts(spill->op);
    piece *p = wr_heap_raw(sizeof *p);
    wr_rows_cursor cursor = {0, 0};
    weir_status bad = WR_OK;
    for (uint32_t n; !bad && (n = wr_rows_next(rows, &cursor, p->rows, PIECE_ROWS)) > 0;)
        bad = write_piece(spill, layout, p, n, level, parts, tapes);
    wr_heap_drop(p);
    return bad;
}
