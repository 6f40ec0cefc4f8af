/* store.h - rows of many workers kept in the order of their source, to be read any number of times.
 *
 * Each worker writes its own tuple store and remembers which stretch of it came from which morsel;
 * sealing sorts the stretches. Readers take stretches as morsels. */
#pragma once
#include "exec/op.h"

typedef struct wr_stretch {
    uint64_t morsel;
    const wr_rows *rows;
    wr_rows_cursor from;
    uint64_t count;
} wr_stretch;

typedef struct wr_store_part { /* one worker's */
    wr_rows *rows;
    wr_stretch *stretches;
    uint32_t count, cap;
} wr_store_part;

typedef struct wr_store {
    wr_mem *mem;
    wr_rows_layout layout;
    wr_store_part *parts;
    int part_count;
    wr_stretch *stretches;
    uint32_t stretch_count;
    uint64_t rows;
} wr_store;

/* Layout memory comes from the arena. */
void wr_store_init(wr_store *store, wr_mem *mem, wr_arena *arena, const wr_schema *schema,
                   int parts);
void wr_store_clear(wr_store *store);
/* Forgets all rows; the store can be filled again. */
void wr_store_empty(wr_store *store);
WR_MUST_CHECK weir_status wr_store_add(wr_store *store, int part, uint64_t morsel,
                                       const wr_batch *batch);
/* After the last add, before the first read. One thread. */
void wr_store_seal(wr_store *store);

typedef struct wr_store_reader { /* one per worker */
    const wr_stretch *stretch;
    wr_rows_cursor at;
    uint64_t left;
} wr_store_reader;
/* Starts stretch number index. */
void wr_store_seek(const wr_store *store, wr_store_reader *reader, uint32_t index);
/* The next rows of the stretch, columns from scratch (reset by this call); *more false at its end.
 */
void wr_store_read(const wr_store *store, wr_store_reader *reader, wr_arena *scratch, wr_batch *out,
                   bool *more);
/* Columns of the layout for count row addresses, from arena. */
void wr_rows_batch(const wr_rows_layout *layout, int columns, uint8_t *const *addresses,
                   uint32_t count, wr_arena *arena, wr_batch *out);
