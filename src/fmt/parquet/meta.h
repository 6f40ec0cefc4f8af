/* meta.h - the footer of a Parquet file as structures, and the tree of columns derived from it. */
#pragma once
#include "base/date.h"
#include "base/int128.h"
#include "col/type.h"
#include "enc/codec.h"
#include "enc/thrift.h"
#include "sys/file.h"

typedef enum wr_pq_physical {
    WR_PQ_BOOLEAN,
    WR_PQ_INT32,
    WR_PQ_INT64,
    WR_PQ_INT96,
    WR_PQ_FLOAT,
    WR_PQ_DOUBLE,
    WR_PQ_BYTE_ARRAY,
    WR_PQ_FIXED,
} wr_pq_physical;

typedef enum wr_pq_encoding {
    WR_PQ_PLAIN = 0,
    WR_PQ_PLAIN_DICTIONARY = 2,
    WR_PQ_RLE = 3,
    WR_PQ_BIT_PACKED = 4,
    WR_PQ_DELTA_BINARY_PACKED = 5,
    WR_PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
    WR_PQ_DELTA_BYTE_ARRAY = 7,
    WR_PQ_RLE_DICTIONARY = 8,
    WR_PQ_BYTE_STREAM_SPLIT = 9,
} wr_pq_encoding;

typedef enum wr_pq_page_type {
    WR_PQ_PAGE_DATA,
    WR_PQ_PAGE_INDEX,
    WR_PQ_PAGE_DICTIONARY,
    WR_PQ_PAGE_DATA_V2
} wr_pq_page_type;

/* Converted and logical types, merged. */
typedef enum wr_pq_logical {
    WR_PQ_L_NONE,
    WR_PQ_L_STRING,
    WR_PQ_L_MAP,
    WR_PQ_L_LIST,
    WR_PQ_L_ENUM,
    WR_PQ_L_DECIMAL,
    WR_PQ_L_DATE,
    WR_PQ_L_TIME,
    WR_PQ_L_TIMESTAMP,
    WR_PQ_L_INTERVAL,
    WR_PQ_L_INTEGER,
    WR_PQ_L_UNKNOWN,
    WR_PQ_L_JSON,
    WR_PQ_L_BSON,
    WR_PQ_L_UUID,
    WR_PQ_L_FLOAT16,
    WR_PQ_L_VARIANT,
    WR_PQ_L_GEOMETRY,
} wr_pq_logical;

enum { WR_PQ_REQUIRED, WR_PQ_OPTIONAL, WR_PQ_REPEATED };
enum { WR_PQ_MILLIS = 1, WR_PQ_MICROS = 2, WR_PQ_NANOS = 3 };
enum { WR_PQ_NESTING_MAX = 64 };

typedef struct wr_pq_element { /* one line of the flattened schema tree */
    wr_str name;
    int8_t physical; /* -1: a group */
    int8_t repetition;
    uint8_t logical;
    uint8_t unit; /* TIME, TIMESTAMP */
    bool adjusted, is_unsigned;
    uint8_t bits; /* INTEGER */
    int32_t type_length, child_count, scale, precision;
    int next; /* index behind its subtree */
} wr_pq_element;

typedef struct wr_pq_range { /* bounds as written; data NULL = absent */
    wr_str min, max;
    bool has_null_count, has_distinct;
    int64_t null_count, distinct;
    bool is_exact;  /* the writer says that both bounds are values of the column */
    bool old_order; /* from the deprecated fields: signed order, of no use for text and unsigned */
} wr_pq_range;

typedef struct wr_pq_chunk {
    uint8_t physical, codec;        /* codec: wr_codec, or 255 for one that is not known */
    bool encrypted, all_dictionary; /* every data page is dictionary encoded */
    bool in_other_file;
    int64_t value_count, plain_size, packed_size;
    int64_t data_offset, dictionary_offset; /* dictionary_offset 0 = none */
    int64_t bloom_offset, bloom_size;       /* offset 0 = none; size 0 = unknown */
    int64_t column_index, column_index_size, offset_index, offset_index_size;
    wr_pq_range range;
} wr_pq_chunk;

typedef struct wr_pq_group {
    wr_pq_chunk *chunks; /* one per leaf */
    int64_t rows, first_row;
    int sorted_leaf; /* leaf the rows are ascending by, NULLs last; -1 = none */
} wr_pq_group;

/* How stored values become values of the engine. */
typedef enum wr_pq_make {
    WR_PQ_MAKE_BOOL,
    WR_PQ_MAKE_I32, /* INT32 as is */
    WR_PQ_MAKE_U32, /* INT32 read as unsigned */
    WR_PQ_MAKE_I64,
    WR_PQ_MAKE_U64,
    WR_PQ_MAKE_SCALED, /* an integer times or divided by a power of ten */
    WR_PQ_MAKE_INT96,
    WR_PQ_MAKE_DECIMAL, /* big-endian bytes */
    WR_PQ_MAKE_F32,
    WR_PQ_MAKE_F64,
    WR_PQ_MAKE_F16,
    WR_PQ_MAKE_INTERVAL,
    WR_PQ_MAKE_UUID,
    WR_PQ_MAKE_TEXT, /* bytes */
    WR_PQ_MAKE_NULL, /* UNKNOWN: always NULL */
} wr_pq_make;

typedef struct wr_pq_leaf {
    const wr_pq_element *element;
    const wr_type *type;
    wr_pq_make make;
    int index;
    int max_def, max_rep;
    uint32_t width;   /* bytes per stored value; 0 = BYTE_ARRAY or BOOLEAN */
    int32_t scale_by; /* SCALED: > 0 factor, < 0 divisor */
    bool check_utf8;
    int64_t least, most; /* int-like of at most 64 bits: what the type can hold */
} wr_pq_leaf;

typedef enum wr_pq_kind {
    WR_PQ_LEAF,
    WR_PQ_LIST,
    WR_PQ_STRUCT,
    WR_PQ_VARIANT
} wr_pq_kind; /* a MAP is a LIST of STRUCT */

/* A node of the column tree. Levels: the node has a slot where def >= slot_def (and rep <=
 * slot_rep); the slot is not NULL where def >= valid_def; a list has an element where def >=
 * child_def. */
typedef struct wr_pq_node {
    wr_pq_kind kind;
    const wr_type *type;
    wr_str name;
    int slot_def, slot_rep, valid_def, child_def;
    int first_leaf, leaf_count; /* the leaves below */
    struct wr_pq_node *children;
    int child_count;
} wr_pq_node;

typedef struct wr_pq_meta {
    wr_pq_element *elements;
    int element_count;
    wr_pq_node *columns; /* top level */
    int column_count;
    wr_pq_leaf *leaves;
    int leaf_count;
    wr_pq_group *groups;
    int group_count;
    int64_t rows;
    wr_str created_by;
    uint64_t data_end; /* where the footer starts: no page may reach beyond */
    uint64_t hash;     /* of the footer's bytes */
} wr_pq_meta;

typedef struct wr_pq_read_options {
    bool binary_as_string;
} wr_pq_read_options;

/* Reads and checks the footer. Everything is in the arena; text is copied. Fails with CORRUPT,
 * UNSUPPORTED (encrypted files), IO or MEMORY_LIMIT; the arena counts in mem. */
WR_MUST_CHECK weir_status wr_pq_meta_read(wr_file *file, wr_mem *mem,
                                          const wr_pq_read_options *options, wr_arena *arena,
                                          wr_pq_meta *out);
/* Derives columns and leaves from elements (schema.c). */
WR_MUST_CHECK weir_status wr_pq_schema_build(wr_pq_meta *meta, const wr_pq_read_options *options,
                                             wr_arena *arena);
