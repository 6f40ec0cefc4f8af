/* relation.h - tables of the host program: arrays that are kept, or a producer that can be asked
 * again and again. */
#pragma once
#include "host/array.h"
#include "spi/relation.h"

/* What a scan wants: names of columns in the order of the source's schema. */
typedef struct wr_host_wish {
    const char *const *columns;
    int column_count;
    int64_t rows; /* no more than so many are needed; -1: all */
} wr_host_wish;

/* Rows that can be read any number of times. open may be called by several threads at once; it
 * gives all columns of the schema, or those wished for in their order. */
typedef struct wr_host_source {
    void *arg;
    weir_status (*open)(void *arg, const wr_host_wish *wish, struct ArrowArrayStream *out);
    void (*drop)(void *arg); /* the last scan has ended; NULL: nothing to do */
    int64_t row_count;       /* exactly; -1: unknown */
} wr_host_source;

/* IO with the reason the producer gives. */
WR_MUST_CHECK weir_status wr_host_stream_failure(struct ArrowArrayStream *stream, const char *what);
/* Reads stream to its end and keeps its arrays; takes it over. Memory is counted in mem, which must
 * outlive the relation. references = 1. */
WR_MUST_CHECK weir_status wr_host_keep_stream(struct ArrowArrayStream *stream, wr_mem *mem,
                                              const wr_cancel *cancel, wr_relation **out);
/* Takes over schema and source, also on failure. references = 1. */
WR_MUST_CHECK weir_status wr_host_source_relation(struct ArrowSchema *schema,
                                                  const wr_host_source *source, wr_relation **out);
bool wr_relation_is_of_host(const wr_relation *relation);

/* The rows of a relation of the host program as the arrays they came in. One thread. */
typedef struct wr_host_arrays wr_host_arrays;
typedef struct wr_host_arrays_request {
    const int *columns; /* of the relation's schema, in output order, distinct */
    int column_count;
    char *const *names; /* of the output columns, in place of the producer's */
    uint64_t skip, limit;
    wr_mem *mem;
    const wr_cancel *cancel;
} wr_host_arrays_request;
/* Holds the relation. What request points at is not needed afterwards, but for mem and cancel. */
WR_MUST_CHECK weir_status wr_host_arrays_open(wr_relation *relation,
                                              const wr_host_arrays_request *request,
                                              wr_host_arrays **out);
void wr_host_arrays_schema(const wr_host_arrays *arrays, struct ArrowSchema *out);
/* The next array over the producer's buffers; out->release is NULL at the end. */
WR_MUST_CHECK weir_status wr_host_arrays_next(wr_host_arrays *arrays, struct ArrowArray *out);
void wr_host_arrays_close(wr_host_arrays *arrays); /* accepts NULL; arrays given out stay */
