/* reader.h - a bound Arrow file: where its batches and dictionaries are, and reading their bodies.
 */
#pragma once
#include "fmt/arrow/ipc.h"
#include "spi/format.h"

typedef struct wr_ipc_block { /* a batch of the file */
    uint64_t meta_at, body_at, body_size;
    uint32_t meta_size;
    int64_t rows, first_row;
} wr_ipc_block;

/* A dictionary as it is from one batch on, until a later version replaces it. Additions (deltas)
 * only append, so batches before them may use it with all of them. */
typedef struct wr_ipc_version {
    int dictionary, from_batch;
    WR_LIST(wr_ipc_block) parts;
} wr_ipc_version;

typedef struct wr_ipc_relation {
    wr_relation base;
    wr_file *file; /* positional reads: shared by all workers */
    wr_fs *fs;
    wr_mem *mem;
    uint64_t reserved, file_size;
    wr_arena arena;
    wr_str path;
    bool is_stream;
    wr_ipc_schema schema;
    WR_LIST(wr_ipc_block) batches;
    WR_LIST(wr_ipc_version) versions;
    int64_t rows;
} wr_ipc_relation;

extern const wr_relation_def wr_ipc_relation_def;

/* Opens the file at path, which is copied to a nameless temporary file first if it is a pipe or
 * compressed as a whole, and finds schema, batches and dictionaries in it. What was filled in is
 * released with the relation, also after a failure. */
WR_MUST_CHECK weir_status wr_ipc_open(wr_ipc_relation *rel, wr_str path);
/* True if bytes begin like a stream: with the message of a schema. */
bool wr_ipc_is_stream_head(wr_str head);

/* The arrays of a batch and the memory behind them. */
typedef struct wr_ipc_body {
    wr_mem *mem;
    wr_arena arena;
    struct ArrowArray *columns; /* of those not wanted: undefined */
    struct wr_ipc_buffer *buffers;
    uint64_t read_bytes, decoded_bytes; /* of the buffers: in the file, and no longer compressed */
    struct wr_ipc_body *next;           /* for the owner */
} wr_ipc_body;
/* Gives the imported dictionary number for the batch being read. */
typedef weir_status wr_ipc_dictionary_fn(void *owner, int number, struct ArrowArray **out);

/* Reads the columns of parent (a struct) that are wanted (NULL = all) from a block. Every offset
 * and length that wr_arrow_import_column cannot check itself is checked. The body is released with
 * clear, also after a failure. Any thread. */
WR_MUST_CHECK weir_status wr_ipc_body_read(const wr_ipc_relation *rel, const wr_ipc_block *block,
                                           const struct ArrowSchema *parent, const bool *wanted,
                                           wr_ipc_dictionary_fn *dictionary, void *owner,
                                           wr_mem *mem, wr_ipc_body *out);
void wr_ipc_body_clear(wr_ipc_body *body);
