/* row_index.h - from the hash of a whole row to the places of rows in a table: how a row that is
 * taken back is found when it has no key. One thread. */
#pragma once
#include "col/batch.h"

typedef struct wr_row_place {
    uint64_t hash;
    int64_t rowid;   /* in the table; -1: nothing stands here */
    uint64_t serial; /* of the row, in the order they came */
    bool is_taken;   /* by a row that is being taken back */
} wr_row_place;

typedef struct wr_row_index {
    wr_mem *mem;
    wr_row_place *places; /* open addressing, cap is a power of two */
    uint64_t count, cap;
} wr_row_index;

/* Frees it; it is empty then. */
void wr_row_index_clear(wr_row_index *index);
/* Equal for rows that are equal, NULLs included. */
uint64_t wr_row_hash(const wr_batch *batch, uint32_t row);
WR_MUST_CHECK weir_status wr_row_index_add(wr_row_index *index, uint64_t hash, int64_t rowid,
                                           uint64_t serial);
/* The next place of the hash that is not taken, looking on from *probe (0 at first); NULL: no more.
 * Valid until the index changes. */
wr_row_place *wr_row_index_next(wr_row_index *index, uint64_t hash, uint64_t *probe);
/* The place of a row that is there. */
wr_row_place *wr_row_index_at(wr_row_index *index, uint64_t hash, int64_t rowid);
void wr_row_index_remove(wr_row_index *index, uint64_t hash, int64_t rowid);
