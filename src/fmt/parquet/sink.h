/* sink.h - one leaf column of the row group being written: levels and values, turned into pages at
 * its end. */
#pragma once
#include "fmt/parquet/chunk.h"

typedef enum wr_pq_order { /* how bounds compare */
                           WR_PQ_BY_I32,
                           WR_PQ_BY_U32,
                           WR_PQ_BY_I64,
                           WR_PQ_BY_U64,
                           WR_PQ_BY_F32,
                           WR_PQ_BY_F64,
                           WR_PQ_BY_BYTES,
                           WR_PQ_BY_DECIMAL, /* big-endian two's complement */
                           WR_PQ_BY_NOTHING, /* no order defined: no bounds */
} wr_pq_order;

typedef struct wr_pq_target { /* how a type is stored */
    const wr_type *type;
    wr_pq_physical physical;
    uint32_t width; /* bytes; 0 = BYTE_ARRAY; BOOLEAN: 1 while in memory */
    wr_pq_order order;
    int64_t factor; /* TIMESTAMP_S: 1000 */
} wr_pq_target;

typedef struct wr_pq_sink {
    wr_pq_target target;
    wr_str *path; /* names from the root */
    int path_length;
    int max_def, max_rep;
    bool wants_bloom;
    wr_pq_bytes defs, reps; /* one byte per level */
    size_t level_count;
    wr_pq_bytes values; /* those that are present: fixed width, or the bytes of texts one behind the
                           other */
    size_t value_bytes, value_count;
    wr_pq_bytes ends; /* BYTE_ARRAY: uint32_t, where each text ends */
} wr_pq_sink;

typedef struct wr_pq_bounds {
    wr_str min, max; /* as stored; data NULL: none. In the arena of the writer */
    bool min_exact, max_exact;
    int64_t null_count;
} wr_pq_bounds;

typedef struct wr_pq_written_page {
    int64_t offset, first_row;
    int32_t packed_size;
    bool all_null;
    wr_pq_bounds bounds;
} wr_pq_written_page;

typedef struct wr_pq_written { /* what the footer says about a chunk */
    int64_t dictionary_offset, data_offset, plain_size, packed_size, level_count;
    int64_t bloom_offset, bloom_size, column_index, column_index_size, offset_index,
        offset_index_size;
    int32_t dictionary_pages, data_pages;
    wr_pq_encoding encoding;
    wr_pq_bounds bounds;
    int64_t distinct; /* 0 = unknown */
    WR_LIST(wr_pq_written_page) pages;
} wr_pq_written;

typedef enum wr_pq_choice {
    WR_PQ_CHOOSE_AUTO,
    WR_PQ_CHOOSE_PLAIN,
    WR_PQ_CHOOSE_DICTIONARY,
    WR_PQ_CHOOSE_DELTA
} wr_pq_choice;

typedef struct wr_pq_out { /* where and how pages are written */
    wr_mem *mem;
    wr_file *file;
    uint64_t offset;
    wr_arena *arena;
    wr_codec codec;
    int level;
    wr_pq_choice choice;
    size_t page_bytes;
    wr_codec_state codec_state;
    wr_buf body, head;
    wr_pq_bytes packed, codes, table;
} wr_pq_out;

/* Appends a value / a level; fails with MEMORY_LIMIT, or OUT_OF_RANGE for a value the format cannot
 * hold. */
WR_MUST_CHECK weir_status wr_pq_sink_level(wr_pq_sink *s, wr_mem *mem, int def, int rep);
WR_MUST_CHECK weir_status wr_pq_sink_value(wr_pq_sink *s, wr_mem *mem, const wr_column *column,
                                           uint32_t row);
/* Appends rows of a flat column without repetition: optional tells whether it has a definition
 * level. */
WR_MUST_CHECK weir_status wr_pq_sink_rows(wr_pq_sink *s, wr_mem *mem, const wr_column *column,
                                          const uint16_t *rows, uint32_t count);
size_t wr_pq_sink_bytes(const wr_pq_sink *s);
/* Writes everything as one column chunk and empties the sink. */
WR_MUST_CHECK weir_status wr_pq_sink_flush(wr_pq_sink *s, wr_pq_out *out, wr_pq_written *written);
void wr_pq_sink_clear(wr_pq_sink *s, wr_mem *mem);
/* The target of a leaf type; false when the type is none (nested). */
bool wr_pq_target_of(const wr_type *type, wr_pq_target *out);
WR_MUST_CHECK weir_status wr_pq_out_append(wr_pq_out *out, const void *bytes, size_t size);

/* encode.c */
void wr_pq_encode_runs(wr_buf *out, const uint32_t *values, size_t count, unsigned width);
/* is_narrow: values of an INT32 column (or lengths). */
void wr_pq_encode_delta(wr_buf *out, const int64_t *values, size_t count, bool is_narrow);
/* Bounds of count values from index first on; texts of more than 64 bytes are cut. */
void wr_pq_find_bounds(const wr_pq_sink *s, size_t first, size_t count, wr_arena *arena,
                       wr_pq_bounds *out);
/* Joins b into a. */
void wr_pq_merge_bounds(const wr_pq_sink *s, wr_pq_bounds *a, const wr_pq_bounds *b);
/* One value as stored bytes. */
wr_str wr_pq_sink_at(const wr_pq_sink *s, size_t i);
/* Numbers equal values alike: codes[i] for each value, *distinct numbers, first[k] the index of the
 * first value with number k. *found false when there are more than limit different ones (or
 * limit_bytes of them). */
WR_MUST_CHECK weir_status wr_pq_number_values(const wr_pq_sink *s, wr_pq_out *out, size_t limit,
                                              size_t limit_bytes, bool *found, uint32_t *distinct,
                                              uint32_t **codes, uint32_t **first);
