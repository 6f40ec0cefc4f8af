/* chunk.h - reads one column of one row group: pages, levels, values.
 *
 * Ownership: a wr_pq_pool belongs to one worker and owns all page memory. Columns handed out by a
 * reader point into its own buffers, into pages, or into the dictionary of the chunk. Pages that
 * were finished while a batch was made are only retired; wr_pq_pool_recycle, called before the next
 * batch, makes them available again. Dictionaries and the buffers of a reader live until the reader
 * opens the next chunk. */
#pragma once
#include "fmt/parquet/meta.h"
#include "fmt/parquet/rle.h"
#include "spi/relation.h"

typedef struct wr_pq_block { /* counted memory with slop behind it */
    uint8_t *data;
    size_t cap;
    struct wr_pq_block *next;
} wr_pq_block;

typedef struct wr_pq_bytes { /* a counted buffer that only grows */
    void *data;
    size_t cap;
} wr_pq_bytes;

typedef struct wr_pq_pool {
    wr_mem *mem;
    wr_file *file;
    uint64_t data_end;
    wr_codec_state codec;
    wr_pq_block *retired, *spare;
    wr_pq_bytes codes, longs, views;    /* scratch for one decoding step */
    uint64_t read_bytes, decoded_bytes; /* since somebody asked: of the file, of pages */
} wr_pq_pool;

/* Takes no memory yet. mem and file must outlive the pool; one worker. */
void wr_pq_pool_init(wr_pq_pool *pool, wr_mem *mem, wr_file *file, uint64_t data_end);
/* Frees all blocks, also those that columns were read into. Readers are cleared before. */
void wr_pq_pool_clear(wr_pq_pool *pool);
/* Makes pages retired so far free for use: batches handed out before end here. */
void wr_pq_pool_recycle(wr_pq_pool *pool);
WR_MUST_CHECK weir_status wr_pq_pool_take(wr_pq_pool *pool, size_t size, wr_pq_block **out);
void wr_pq_pool_retire(wr_pq_pool *pool, wr_pq_block **block); /* accepts NULL */
WR_MUST_CHECK weir_status wr_pq_bytes_need(wr_mem *mem, wr_pq_bytes *bytes,
                                           size_t size); /* keeps the contents */
void wr_pq_bytes_clear(wr_mem *mem, wr_pq_bytes *bytes);

typedef struct wr_pq_page_head {
    int type;
    int32_t plain_size, packed_size;
    bool has_crc;
    uint32_t crc;
    int32_t value_count; /* levels, or entries of a dictionary */
    int encoding, def_encoding, rep_encoding;
    int32_t def_size, rep_size, row_count; /* V2 */
    bool is_packed;                        /* V2: the values are compressed */
} wr_pq_page_head;

typedef enum wr_pq_mode { WR_PQ_MODE_NONE, WR_PQ_MODE_CODES, WR_PQ_MODE_FLAT } wr_pq_mode;

typedef struct wr_pq_reader {
    wr_pq_pool *pool;
    const wr_pq_leaf *leaf;
    const wr_pq_chunk *chunk;
    bool is_nested; /* read by wr_pq_reader_nested */
    /* where in the file */
    uint64_t start, at, soft_end;
    uint64_t page_at; /* head of the last page met */
    int page_count;   /* data pages met; -1: the first ones were left out */
    wr_pq_block *window;
    uint64_t window_start;
    size_t window_size;
    bool walking;        /* pages are stepped over: only heads are worth reading */
    int64_t levels_left; /* in pages not loaded yet */
    /* the page */
    wr_pq_block *page, *recoded[2];
    uint32_t page_left; /* levels not taken */
    int encoding;
    wr_pq_rle defs, reps;
    const uint8_t *values, *values_end;
    size_t value_at,
        value_count; /* position: BOOLEAN bits, BYTE_STREAM_SPLIT, DELTA_(LENGTH_)BYTE_ARRAY */
    bool is_ascii;
    wr_pq_rle codes;
    wr_pq_delta delta;
    wr_pq_bytes lengths, prefixes; /* of delta byte arrays, int64 each */
    wr_pq_bytes previous;          /* last value of a DELTA_BYTE_ARRAY */
    size_t previous_size;
    wr_pq_bytes page_defs, page_reps; /* nested columns: levels of the page, one byte each */
    uint32_t page_level_at;
    /* the dictionary */
    wr_pq_block *dict_page;
    wr_pq_bytes dict_values;
    wr_column dict;
    bool has_dict;
    uint32_t dict_count; /* dict.rows is at least 1, so that codes of NULL rows lead somewhere */
    uint64_t dict_id;
    /* what comes out */
    wr_phys phys;
    size_t size;
    int64_t base, lo, hi;
    bool has_bounds, by_statistics, sorted;
    wr_pq_mode mode;
    wr_pq_bytes data, code_values, valid;
    size_t filled;
    wr_pq_bytes level_defs, level_reps;
    size_t level_count;
    int64_t pending_skip; /* rows */
} wr_pq_reader;

/* Takes no memory and reads nothing yet. pool and leaf must outlive r; one worker. */
void wr_pq_reader_init(wr_pq_reader *r, wr_pq_pool *pool, const wr_pq_leaf *leaf, bool is_nested);
/* Gives its blocks back to the pool; accepts a zeroed reader. */
void wr_pq_reader_clear(wr_pq_reader *r);
/* Starts at the first row of a chunk; nothing is read yet. dict_id identifies the dictionary. */
WR_MUST_CHECK weir_status wr_pq_reader_open(wr_pq_reader *r, const wr_pq_chunk *chunk,
                                            uint64_t dict_id, bool sorted);
/* Starts at a page instead: the file offset of its head and how many levels come from there on. */
void wr_pq_reader_seek(wr_pq_reader *r, uint64_t page_offset, int64_t levels_left);
/* Steps over rows; free until the next read. */
static inline void wr_pq_reader_skip(wr_pq_reader *r, int64_t rows) { r->pending_skip += rows; }
/* Loads the dictionary if the chunk has one (*out NULL if not), without touching data pages. */
WR_MUST_CHECK weir_status wr_pq_reader_dictionary(wr_pq_reader *r, const wr_column **out);

/* Flat columns (no repetition, at most one definition level): the next rows (<= WR_BATCH_ROWS) as a
 * column. With sel only those rows must be right. */
WR_MUST_CHECK weir_status wr_pq_reader_flat(wr_pq_reader *r, uint32_t rows, const uint16_t *sel,
                                            uint32_t sel_count, wr_column *out);
/* Other columns: levels of the next rows in level_defs and level_reps, and the values that are
 * present, densely, as out (out->rows of them). */
WR_MUST_CHECK weir_status wr_pq_reader_nested(wr_pq_reader *r, uint32_t rows, wr_column *out);

/* page.c */
/* Reads the head of a chunk's dictionary: how many entries it has. False when there is none or it
 * cannot be read. */
bool wr_pq_dictionary_size(wr_file *file, uint64_t data_end, const wr_pq_chunk *chunk,
                           uint32_t *out);
WR_MUST_CHECK weir_status
wr_pq_page_next(wr_pq_reader *r); /* loads the next data page with levels; r->page_left > 0 */
WR_MUST_CHECK weir_status
wr_pq_page_skip(wr_pq_reader *r, int64_t *rows); /* steps over whole pages, flat columns only */
/* value.c */
WR_MUST_CHECK weir_status
wr_pq_values_begin(wr_pq_reader *r); /* after the page and its encoding are set */
WR_MUST_CHECK weir_status
wr_pq_values_get(wr_pq_reader *r, size_t count); /* dense, behind filled; does not move it */
WR_MUST_CHECK weir_status wr_pq_values_rows(wr_pq_reader *r, size_t count, const uint16_t *rows,
                                            size_t row_count, bool *done);
WR_MUST_CHECK weir_status wr_pq_values_skip(wr_pq_reader *r, size_t count);
WR_MUST_CHECK weir_status wr_pq_dict_load(wr_pq_reader *r, const uint8_t *bytes, size_t size,
                                          uint32_t count);
WR_MUST_CHECK weir_status wr_pq_need_rows(wr_pq_reader *r,
                                          size_t rows); /* capacity of the output buffers */
/* convert.c: count stored values of fixed width at raw, as values behind at of out. */
WR_MUST_CHECK weir_status wr_pq_convert_fixed(wr_pq_reader *r, const uint8_t *raw, size_t count,
                                              void *out, size_t at);
WR_MUST_CHECK weir_status wr_pq_convert_longs(wr_pq_reader *r, const int64_t *in, size_t count,
                                              void *out, size_t at);
WR_MUST_CHECK weir_status wr_pq_convert_views(wr_pq_reader *r, const wr_view *in, size_t count,
                                              void *out, size_t at);
WR_MUST_CHECK weir_status wr_pq_check_seen(const wr_pq_reader *r, const wr_pq_seen *seen);
/* Bounds of a chunk or page as integers of the leaf's type; false when there are none that can be
 * trusted. */
bool wr_pq_range_ints(const wr_pq_leaf *leaf, const wr_pq_range *range, int64_t *lo, int64_t *hi);
/* One stored bound as integer. */
bool wr_pq_bound_int(const wr_pq_leaf *leaf, wr_str bound, int64_t *out);
wr_i128 wr_pq_big_endian(const uint8_t *bytes, size_t size, bool *overflow);
wr_i128 wr_pq_uuid_of(const uint8_t *raw); /* 16 bytes */
