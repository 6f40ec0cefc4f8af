/* nested.h - lists, structs and maps from levels. */
#pragma once
#include "fmt/parquet/chunk.h"

/* The buffers one worker needs to build a column of a node. */
typedef struct wr_pq_shape {
    const wr_pq_node *node;
    wr_pq_bytes data, valid;
    wr_column column;
    wr_column *child_columns;
    struct wr_pq_shape *children;
    wr_buf text; /* VARIANT: the texts of a batch */
} wr_pq_shape;

/* A shape for node and all below it, from arena; takes no other memory yet. One worker. */
void wr_pq_shape_init(wr_pq_shape *shape, const wr_pq_node *node, wr_arena *arena);
/* Frees the buffers of the whole tree, which were taken from mem. */
void wr_pq_shape_clear(wr_pq_shape *shape, wr_mem *mem);

/* Builds the column of the node from what the readers of its leaves hold: readers[i] and values[i]
 * belong to leaf node->first_leaf + i, after wr_pq_reader_nested. out borrows from shape and
 * readers until their next use. Fails with CORRUPT when levels of different leaves contradict each
 * other. */
WR_MUST_CHECK weir_status wr_pq_assemble(wr_pq_shape *shape, wr_pq_reader *readers,
                                         const wr_column *values, uint32_t rows, wr_column *out);

/* variant.c: one text per row of the struct column(metadata, value[, typed_value]). */
WR_MUST_CHECK weir_status wr_pq_variant_text(wr_pq_shape *shape, const wr_column *column,
                                             wr_mem *mem, wr_column *out);
