/* vacuum.c - giving back the memory of rows that nobody can see.
 *
 * Row ids are places, so the list of chunks keeps its length: a chunk whose rows have all ended
 * before the oldest snapshot is replaced by one without rows that all such places share. Snapshots
 * that were taken before hold the old chunk; transactions that begin later do not see its rows. The
 * last chunk stays, because new rows may go there.
 *
 * A unique index knows ended rows by their places and is made anew without those that go. */
#include "store/chunk.h"

static bool is_gone(const wr_chunk *chunk, uint64_t oldest)
{
    const wr_versions *versions = chunk->versions;
    if (!chunk->rows || versions->ended_count < chunk->rows) return false;
    for (uint32_t row = 0; row < chunk->rows; row++) {
        uint64_t ended = wr_ended_get(versions, row);
        if (ended == WR_STAMP_ALIVE || ended > oldest) return false; /* or still being ended */
    }
    return true;
}

static void need_empty_chunk(wr_table *table)
{
    if (table->gone) return;
    int columns = table->schema->count;
    wr_chunk *chunk = table->gone = wr_heap_new(sizeof *chunk);
    chunk->references = 1;
    chunk->mem = table->store->mem;
    chunk->columns = wr_new_array(&chunk->arena, wr_column, WR_MAX(columns, 1));
    for (int c = 0; c < columns; c++) {
        const wr_type *type = table->schema->fields[c].type;
        wr_column_init(&chunk->columns[c], &chunk->arena, type, type->phys, 1);
    }
    chunk->versions = wr_heap_new(sizeof *chunk->versions);
    chunk->versions->references = 1;
    chunk->versions->newest = WR_STAMP_NEVER;
    chunk->versions->mem = chunk->mem;
}

static uint64_t most_keys(const wr_table *table)
{
    uint64_t most = 0;
    for (int u = 0; u < table->unique_count; u++)
        most = WR_MAX(most, wr_unique_count(table->uniques[u]));
    return most;
}

static uint64_t vacuum_locked(wr_table *table, uint64_t oldest)
{
    uint64_t rows = 0;
    WR_ARENA(scratch);
    bool *goes = wr_new_array(&scratch, bool, table->chunk_count + 1);
    for (uint32_t c = 0; c + 1 < table->chunk_count; c++) {
        goes[c] = is_gone(table->chunks[c], oldest);
        rows += goes[c] ? table->chunks[c]->rows : 0;
    }
    if (!rows || rows * 2 < most_keys(table)) return 0;
    for (int u = 0; u < table->unique_count; u++)
        wr_unique_forget(table->uniques[u], goes);
    need_empty_chunk(table);
    for (uint32_t c = 0; c + 1 < table->chunk_count; c++) {
        if (!goes[c]) continue;
        wr_chunk *old = table->chunks[c];
        table->chunks[c] = wr_chunk_keep(table->gone);
        wr_chunk_release(old);
    }
    return rows;
}

uint64_t wr_table_vacuum(wr_table *table)
{
    uint64_t oldest = wr_store_oldest_snapshot(table->store);
    wr_mutex_lock(&table->lock);
    uint64_t rows = table->frozen_by ? 0 : vacuum_locked(table, oldest);
    wr_mutex_unlock(&table->lock);
    return rows;
}
