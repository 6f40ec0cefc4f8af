/* store.h - rows of many workers kept in the order of their source, to be read any number of times.
 *
 * Each worker writes its own tuple store and remembers which stretch of it came from which morsel;
 * sealing sorts the stretches. Readers take stretches as morsels. A part for which memory is short
 * goes to a tape, as a whole. */
#pragma once
#include "exec/spill.h"

typedef struct wr_stretch {
    uint64_t morsel;
    int part;
    wr_rows_cursor from;   /* where it begins while the part is in memory */
    uint64_t first, count; /* rows of the part */
} wr_stretch;

typedef struct wr_store_part { /* one worker's */
    wr_rows *rows;
    wr_tape tape;     /* rows before these; once sealed, all of them if it is not empty */
    uint64_t *starts; /* by block of the tape: its first row */
    wr_stretch *stretches;
    uint32_t count, cap;
} wr_store_part;

typedef struct wr_store {
    wr_op *op;
    wr_spill spill;
    wr_rows_layout layout;
    wr_store_part *parts;
    int part_count;
    wr_stretch *stretches;
    uint32_t stretch_count;
    uint64_t rows;
} wr_store;

/* Memory of the layout comes from op's arena, of the rows from its budget. */
void wr_store_init(wr_store *store, wr_op *op, const wr_schema *schema, int parts);
void wr_store_clear(wr_store *store);
/* Forgets all rows; the store can be filled again. */
void wr_store_empty(wr_store *store);
WR_MUST_CHECK weir_status wr_store_add(wr_store *store, int part, uint64_t morsel,
                                       const wr_batch *batch);
/* After the last add, before the first read. One thread. */
WR_MUST_CHECK weir_status wr_store_seal(wr_store *store);

typedef struct wr_store_reader { /* one per worker; zeroed = closed */
    const wr_stretch *stretch;
    wr_rows_cursor at;
    uint64_t left;
    wr_rows *block; /* of a tape */
    uint32_t next;  /* block */
} wr_store_reader;
/* Frees the block it holds; it can seek again. */
void wr_store_reader_close(wr_store_reader *reader);
/* Starts stretch number index. */
WR_MUST_CHECK weir_status wr_store_seek(wr_store *store, wr_store_reader *reader, uint32_t index);
/* The next rows of the stretch, columns from scratch (reset by this call); *more false at its end.
 */
WR_MUST_CHECK weir_status wr_store_read(wr_store *store, wr_store_reader *reader, wr_arena *scratch,
                                        wr_batch *out, bool *more);
/* Columns of the layout for count row addresses, from arena. */
void wr_rows_batch(const wr_rows_layout *layout, int columns, uint8_t *const *addresses,
                   uint32_t count, wr_arena *arena, wr_batch *out);
