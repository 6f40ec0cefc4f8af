/* prune.h - which rows of a row group a scan need not look at. */
#pragma once
#include "fmt/parquet/chunk.h"

typedef struct wr_pq_rows { /* rows [from, to) of a row group */
    int64_t from, to;
} wr_pq_rows;

typedef WR_LIST(wr_pq_rows) wr_pq_row_list;

/* True when the statistics of a chunk of rows rows exclude that any of them fulfils the fact. */
bool wr_pq_range_excludes(const wr_pq_leaf *leaf, const wr_pq_range *range, int64_t rows,
                          const wr_prune *fact);
/* Removes [from, to) from rows. */
void wr_pq_rows_cut(wr_arena *arena, wr_pq_row_list *rows, int64_t from, int64_t to);
/* Asks the bloom filter of a chunk; false when there is none, it cannot be used or the file cannot
 * be read. */
bool wr_pq_bloom_excludes(wr_file *file, uint64_t data_end, const wr_pq_leaf *leaf,
                          const wr_pq_chunk *chunk, const wr_prune *fact);
/* Asks a dictionary that holds all values of the chunk. */
bool wr_pq_dictionary_excludes(const wr_column *dict, uint32_t count, const wr_prune *fact);
/* Removes from rows what the page index of a chunk excludes. A missing or malformed index removes
 * nothing. */
void wr_pq_index_prune(wr_file *file, wr_mem *mem, uint64_t data_end, const wr_pq_leaf *leaf,
                       const wr_pq_chunk *chunk, int64_t group_rows, const wr_prune *fact,
                       wr_arena *arena, wr_pq_row_list *rows);
/* The hash of a value as the bloom filters of the format have it; false for types they do not
 * cover. */
bool wr_pq_bloom_hash(const wr_pq_leaf *leaf, const wr_value *value, uint64_t *out);
/* The eight words a hash sets in its block. */
void wr_pq_bloom_mask(uint64_t hash, uint32_t mask[8]);
/* Bounds as values; false when there are none that can be trusted. Text is borrowed. */
bool wr_pq_range_values(const wr_pq_leaf *leaf, const wr_pq_range *range, wr_value *min,
                        wr_value *max);
