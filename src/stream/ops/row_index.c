/* row_index.c - see row_index.h.
 *
 * Linear probing; a place that is given up is filled by what stands behind it and may move there,
 * so there are no tombstones and a table that lives for months does not fill with them. */
#include "stream/ops/row_index.h"

void wr_row_index_clear(wr_row_index *index)
{
    wr_mem_free(index->mem, index->places, index->cap * sizeof *index->places);
    index->places = NULL;
    index->count = index->cap = 0;
}

uint64_t wr_row_hash(const wr_batch *batch, uint32_t row)
{
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15);
    for (int c = 0; c < batch->column_count; c++) {
        const wr_column *column = &batch->columns[c];
        uint64_t one = wr_column_is_null(column, row) ? 0x7f : wr_column_hash(column, row);
        hash = (hash ^ one) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
    }
    return hash;
}

static void put(wr_row_index *index, const wr_row_place *place)
{
    uint64_t at = place->hash & (index->cap - 1);
    while (index->places[at].rowid >= 0)
        at = (at + 1) & (index->cap - 1);
    index->places[at] = *place;
}

static weir_status make_room(wr_row_index *index)
{
    if ((index->count + 1) * 4 <= index->cap * 3) return WR_OK;
    uint64_t cap = index->cap ? index->cap * 2 : 64, old_cap = index->cap;
    wr_row_place *old = index->places;
    void *places;
    WR_TRY(wr_mem_alloc(index->mem, cap * sizeof *old, &places));
    index->places = places;
    index->cap = cap;
    for (uint64_t i = 0; i < cap; i++)
        index->places[i] = (wr_row_place){.rowid = -1};
    for (uint64_t i = 0; i < old_cap; i++)
        if (old[i].rowid >= 0) put(index, &old[i]);
    wr_mem_free(index->mem, old, old_cap * sizeof *old);
    return WR_OK;
}

weir_status wr_row_index_add(wr_row_index *index, uint64_t hash, int64_t rowid, uint64_t serial)
{
    WR_TRY(make_room(index));
    put(index, &(wr_row_place){hash, rowid, serial, false});
    index->count++;
    return WR_OK;
}

wr_row_place *wr_row_index_next(wr_row_index *index, uint64_t hash, uint64_t *probe)
{
    if (!index->cap) return NULL;
    for (;; ++*probe) {
        wr_row_place *place = &index->places[(hash + *probe) & (index->cap - 1)];
        if (place->rowid < 0) return NULL;
        if (place->hash != hash || place->is_taken) continue;
        ++*probe;
        return place;
    }
}

wr_row_place *wr_row_index_at(wr_row_index *index, uint64_t hash, int64_t rowid)
{
    uint64_t at = hash & (index->cap - 1);
    while (index->places[at].rowid != rowid)
        at = (at + 1) & (index->cap - 1);
    return &index->places[at];
}

void wr_row_index_remove(wr_row_index *index, uint64_t hash, int64_t rowid)
{
    uint64_t mask = index->cap - 1;
    uint64_t hole = (uint64_t)(wr_row_index_at(index, hash, rowid) - index->places);
    for (uint64_t at = (hole + 1) & mask; index->places[at].rowid >= 0; at = (at + 1) & mask) {
        uint64_t home = index->places[at].hash & mask;
        if (((at - home) & mask) < ((at - hole) & mask)) continue; /* it stands behind the hole's */
        index->places[hole] = index->places[at];
        hole = at;
    }
    index->places[hole].rowid = -1;
    index->count--;
}
