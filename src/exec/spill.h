/* spill.h - rows that do not fit in memory: temporary files, tapes of rows in them, and when to use
 * them.
 *
 * A wr_spill is one unlinked temporary file of one operator; a tape is a sequence of blocks of rows
 * in it (rows.h packs and unpacks them). Any number of tapes can be written side by side, each by
 * one thread at a time; reading is free for all once nothing is written to the tape any more. */
#pragma once
#include "exec/op.h"
#include "sys/file.h"
#include "sys/thread.h"

typedef struct wr_tape_block {
    uint64_t offset, size;
    uint32_t rows;
} wr_tape_block;

typedef struct wr_tape { /* zeroed = empty */
    wr_tape_block *blocks;
    uint32_t count, cap;
    uint64_t rows, bytes;
} wr_tape;

typedef struct wr_spill { /* zeroed = no file yet */
    wr_op *op;
    wr_mutex lock;
    wr_file *file; /* guarded by lock until it is there */
    _Atomic uint64_t end;
    uint64_t charged; /* guarded by lock: counted in the temp space's use */
} wr_spill;

/* op counts what is written and names the temp space. */
void wr_spill_init(wr_spill *spill, wr_op *op);
void wr_spill_clear(wr_spill *spill);

/* Whether a worker that holds `held` bytes of its own should write them out now. `need`: bytes that
 * finishing without spilling would take in addition. share: the percentage of the limit up to which
 * memory may be in use. */
bool wr_spill_is_due(const wr_op *op, uint64_t held, uint64_t need, int share);
bool wr_spill_is_forced(const wr_op *op);
/* Bytes that one worker may take to process one partition of what was spilled. */
uint64_t wr_spill_portion(const wr_op *op);

/* Appends rows to a tape, in order. Fails with DISK_FULL or IO. */
WR_MUST_CHECK weir_status wr_tape_write(wr_spill *spill, wr_tape *tape,
                                        const wr_rows_layout *layout, uint8_t *const *addresses,
                                        uint64_t count);
WR_MUST_CHECK weir_status wr_tape_write_all(wr_spill *spill, wr_tape *tape, const wr_rows *rows);
/* Adds block number index to rows (of the layout it was written with). */
WR_MUST_CHECK weir_status wr_tape_load(wr_spill *spill, const wr_tape *tape, uint32_t index,
                                       wr_rows *into);
void wr_tape_clear(wr_tape *tape);

/* Reads a tape from its beginning. The rows of a block are valid until the next one is read. */
typedef struct wr_tape_reader {
    wr_spill *spill;
    const wr_tape *tape;
    uint32_t next; /* block */
    wr_rows *rows;
    wr_rows_cursor at;
} wr_tape_reader;
WR_MUST_CHECK weir_status wr_tape_open(wr_tape_reader *reader, wr_spill *spill, const wr_tape *tape,
                                       const wr_rows_layout *layout);
/* Up to max rows of one block; *count 0 at the end. */
WR_MUST_CHECK weir_status wr_tape_next(wr_tape_reader *reader, uint8_t **addresses, uint32_t max,
                                       uint32_t *count);
void wr_tape_close(wr_tape_reader *reader);

/* Partitions by hash. Each level looks at the hash through another function, so that what fell into
 * one partition spreads again at the next level. */
enum { WR_SPILL_PARTS_MAX = 64, WR_SPILL_LEVELS = 6 };
int wr_spill_parts(const wr_op *op);
static inline uint32_t wr_spill_part(uint64_t hash, int level, int parts)
{
    uint64_t h = (hash ^ (uint64_t)(level + 1) * UINT64_C(0x9e3779b97f4a7c15)) *
                 UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    h *= UINT64_C(0x9fb21c651e98df25);
    return (uint32_t)(h >> 32) & (uint32_t)(parts - 1);
}
/* Writes all rows to tapes[partition of the hash in their first extra word], keeping their order
 * within a tape. */
WR_MUST_CHECK weir_status wr_spill_by_hash(wr_spill *spill, const wr_rows_layout *layout,
                                           const wr_rows *rows, int level, wr_tape *tapes);
