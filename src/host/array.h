/* array.h - a struct array of the host program, kept as it came.
 *
 * Whoever reads it holds a reference; the last one releases it, and then the producer's release is
 * called, once, by whichever thread that is. Columns are looked at when somebody asks for them. */
#pragma once
#include "col/arrow.h"
#include "sys/thread.h"

/* The schema of a producer. */
typedef struct wr_host_schema {
    _Atomic int references;
    struct ArrowSchema arrow;
    wr_arena arena;
    wr_schema columns;
} wr_host_schema;

/* Takes over schema (also on failure), references = 1. UNSUPPORTED for types there is no equal of.
 */
WR_MUST_CHECK weir_status wr_host_schema_new(struct ArrowSchema *schema, wr_host_schema **out);
void wr_host_schema_release(wr_host_schema *schema); /* accepts NULL */
WR_DEFINE_CLEANUP(wr_host_schema, wr_host_schema_release)

typedef struct wr_host_array wr_host_array;
/* Takes over array (also on failure), references = 1. Fails with CORRUPT if it does not fit the
 * schema; what its buffers hold is looked at by column. mem counts the bytes of the buffers until
 * the last reference is released; what was exported may live on. */
WR_MUST_CHECK weir_status wr_host_array_new(wr_host_schema *schema, struct ArrowArray *array,
                                            wr_mem *mem, wr_host_array **out);
wr_host_array *wr_host_array_keep(wr_host_array *array); /* any thread */
void wr_host_array_release(wr_host_array *array);        /* any thread; accepts NULL */
int64_t wr_host_array_rows(const wr_host_array *array);
/* NULLs of a column, -1: unknown. */
int64_t wr_host_array_nulls(const wr_host_array *array, int column);
/* Lets array use the dictionaries of before, which lives as long, where they are the same buffers.
 */
void wr_host_array_share(wr_host_array *array, wr_host_array *before);
/* Rows [from, from + count) of a column; what cannot be borrowed from the array is in arena. The
 * column is valid as long as both. Any thread. */
WR_MUST_CHECK weir_status wr_host_array_column(wr_host_array *array, int column, int64_t from,
                                               uint32_t count, wr_arena *arena, wr_column *out);
/* Rows [from, from + count) of some columns as a struct array over the producer's buffers. It holds
 * a reference; each child may be moved away and released on its own. Any thread. */
void wr_host_array_export(wr_host_array *array, const int *columns, int column_count, int64_t from,
                          int64_t count, struct ArrowArray *out);
/* A copy of the producer's description of some columns; names in place of its own if not NULL. */
void wr_host_schema_export(const wr_host_schema *schema, const int *columns, int column_count,
                           char *const *names, struct ArrowSchema *out);
