/* footer.h - the metadata at the end of a file being written. */
#pragma once
#include "fmt/parquet/sink.h"

typedef struct wr_pq_write_node { /* a column or part of one */
    const wr_type *type;
    wr_str name;
    bool optional;
    int def, rep;     /* levels of a value that is present here, of an element of a list */
    wr_pq_sink *sink; /* leaves */
    int first_sink, sink_count; /* all leaves below */
    struct wr_pq_write_node *children;
    int child_count;
} wr_pq_write_node;

typedef struct wr_pq_written_group {
    wr_pq_written *chunks; /* one per sink */
    int64_t rows, offset, bytes;
} wr_pq_written_group;

typedef struct wr_pq_footer {
    const wr_pq_write_node *columns;
    int column_count;
    wr_pq_sink *sinks;
    int sink_count;
    wr_pq_written_group *groups;
    int group_count;
    int64_t rows;
} wr_pq_footer;

/* Writes page indexes, the footer and the closing magic bytes. */
WR_MUST_CHECK weir_status wr_pq_footer_write(const wr_pq_footer *footer, wr_pq_out *out);
