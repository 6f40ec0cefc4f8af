/* scan.h - a bound Parquet file and the scans over it. */
#pragma once
#include "fmt/file_cache.h"
#include "fmt/parquet/meta.h"
#include "spi/format.h"

typedef struct wr_pq_relation {
    wr_relation base;
    wr_file *file; /* positional reads: shared by all workers */
    wr_mem *mem;
    wr_arena arena;
    wr_pq_meta meta;
    wr_str path;
    wr_file_cache *cache;       /* NULL: none */
    wr_file_identity identity;  /* as the footer was read */
    _Atomic uint64_t *dict_ids; /* per row group and leaf; 0 until a dictionary is first read */
} wr_pq_relation;

extern const wr_relation_def wr_pq_relation_def;

/* The identity of the dictionary of a chunk: the same in all scans of the relation. */
uint64_t wr_pq_dict_id(wr_pq_relation *rel, int group, int leaf);
