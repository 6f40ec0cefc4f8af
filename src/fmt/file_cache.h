/* file_cache.h - decoded columns of files, kept between queries.
 *
 * One cache belongs to an engine. A format whose files say cheaply when they are other files
 * (Parquet: the footer) opens its file here by identity and gets chunks: one leaf column of one
 * part (row group), cut into blocks of WR_BATCH_ROWS rows. What a scan decodes completely it may
 * put; the next scan gets blocks as columns and neither reads nor decodes. The first statement that
 * touches a chunk only leaves a mark: filling begins with the second, so that a query asked once
 * pays nothing.
 *
 * Memory counts in a budget of its own below the engine's. It is memory nobody insists on: budgets
 * see it as room (wr_mem_set_yields), a reservation that would fail takes it back, and a put that
 * finds no room does nothing. Blocks in use by a batch stay until the batch is done.
 *
 * Threads: everything may be called from any thread. Two that decode the same block at once both
 * put it; the first one stays. */
#pragma once
#include "spi/relation.h"

typedef struct wr_file_cache wr_file_cache;
typedef struct wr_cached_file wr_cached_file;
typedef struct wr_cached_chunk wr_cached_chunk;
typedef struct wr_cached_block wr_cached_block;

/* Two files with equal identities have the same decoded contents. */
typedef struct wr_file_identity {
    uint64_t device, inode, size;
    int64_t mtime_ns;
    uint64_t content; /* hash of what describes the contents */
    uint64_t reading; /* options that change what is decoded */
} wr_file_identity;

/* limit 0: off. The parent outlives the cache. */
wr_file_cache *wr_file_cache_new(wr_mem *parent, uint64_t limit);
/* Nobody uses a file of it any more. Accepts NULL. */
void wr_file_cache_drop(wr_file_cache *cache);
/* Forgets what is above the limit; 0: everything, and turns the cache off. */
void wr_file_cache_set_limit(wr_file_cache *cache, uint64_t limit);
/* A statement begins: what earlier ones touched and this one touches again is worth keeping. */
void wr_file_cache_begin(wr_file_cache *cache);

typedef struct wr_cached_file_row {
    wr_str path; /* by which it was opened last */
    uint64_t file_size, chunks, blocks, bytes;
} wr_cached_file_row;
/* One row per file known, text in arena; gives their number. */
int wr_file_cache_list(wr_file_cache *cache, wr_arena *arena, wr_cached_file_row **out);

/* A use of a file of parts x columns chunks, until close. NULL (also for cache NULL) when the cache
 * is off or there is no room; the scan then works without. */
wr_cached_file *wr_file_cache_open(wr_file_cache *cache, const wr_file_identity *identity,
                                   wr_str path, uint32_t parts, uint32_t columns);
void wr_cached_file_close(wr_cached_file *file); /* accepts NULL */

/* Pins a chunk of rows rows until it is unpinned; its dictionary lives as long. NULL: no room. */
wr_cached_chunk *wr_cached_chunk_pin(wr_cached_file *file, uint32_t part, uint32_t column,
                                     uint64_t rows);
void wr_cached_chunk_unpin(wr_cached_chunk *chunk); /* accepts NULL */
/* Is it worth the time to decode blocks of it completely and put them? */
bool wr_cached_chunk_wants(const wr_cached_chunk *chunk);
/* Block number block as a column; NULL when it is not there. The column lives until the block is
 * released. *bytes (may be NULL): its size. */
wr_cached_block *wr_cached_chunk_get(wr_cached_chunk *chunk, uint32_t block, wr_column *out,
                                     uint64_t *bytes);
void wr_cached_block_release(wr_cached_block *block); /* accepts NULL */
/* Copies a column of all rows of a block, narrowed, unless it is there or there is no room. column
 * is not nested and FLAT or DICTIONARY; all of the chunk's dictionaries are the same. */
void wr_cached_chunk_put(wr_cached_chunk *chunk, uint32_t block, const wr_column *column);
/* The dictionary of the chunk, if it is known; lives as long as the pin. */
const wr_column *wr_cached_chunk_dictionary(wr_cached_chunk *chunk);
/* True when no row of the block can fulfil the fact, whose values are of the column's type. Known
 * of blocks that were put, also after they had to go. */
bool wr_cached_chunk_excludes(wr_cached_chunk *chunk, uint32_t block, const wr_prune *fact);
/* All of blocks [from, to) have known bounds. */
bool wr_cached_chunk_knows(wr_cached_chunk *chunk, uint32_t from, uint32_t to);
