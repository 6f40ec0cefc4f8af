/* batch.h - up to WR_BATCH_ROWS rows of several columns, with an optional selection.
 *
 * A filter does not move data: it adds a selection vector of ascending row numbers. Operators must
 * look only at the selected rows; all columns of a batch have the same number of rows. A batch is
 * borrowed for the call it is passed to, see column.h for ownership. */
#pragma once
#include "col/column.h"

typedef struct wr_batch {
    wr_column *columns;
    int column_count;
    uint32_t rows;       /* physical rows in every column, at most WR_BATCH_ROWS */
    const uint16_t *sel; /* NULL: all rows; else sel_count ascending row numbers below rows */
    uint32_t sel_count;
} wr_batch;

static inline uint32_t wr_batch_count(const wr_batch *b) { return b->sel ? b->sel_count : b->rows; }
static inline uint32_t wr_batch_row(const wr_batch *b, uint32_t i)
{
    return b->sel ? b->sel[i] : i;
}

typedef struct wr_schema {
    wr_field *fields; /* names keep their spelling */
    bool *not_null;   /* NULL: nothing known; else per field, true if it can never be NULL */
    int count;
} wr_schema;

/* Names included, everything in the arena; types are shared and last for ever. */
wr_schema *wr_schema_copy(wr_arena *arena, const wr_schema *schema);
int wr_schema_find(const wr_schema *schema, wr_str name); /* case-insensitive; -1 */
/* Gives names that stand before (case does not count) a number: a, A, b becomes a, A_1, b. */
void wr_fields_tell_apart(wr_field *fields, int count, wr_arena *arena);

/* Bytes of the selected rows in the forms they have, with what an arena adds; without long texts
 * and children. */
size_t wr_batch_size(const wr_batch *batch);
/* Deep, compacted copy of the selected rows into the arena. */
void wr_batch_copy(const wr_batch *in, wr_arena *arena, wr_batch *out);
/* Prints all selected rows, one line each, columns by " | ": for tests and debuggers. */
void wr_batch_print(const wr_batch *b, wr_buf *out);
