/* packed_columns.h - rows of a batch as compact bytes, column by column: values of the state store
 * that hold many rows.
 *
 * Exact, as packed.h; much faster and smaller per row, but single rows cannot be read. The types
 * and the number of rows are the reader's to know. Pure functions, any thread. */
#pragma once
#include "col/batch.h"

/* Appends numbers: their smallest one and the differences to it, in as few bytes each as the
 * largest difference needs. */
void wr_words_append(wr_buf *out, const int64_t *values, uint32_t count);
/* Moves *from behind the numbers. CORRUPT. */
WR_MUST_CHECK weir_status wr_words_read(wr_str *from, int64_t *values, uint32_t count);

/* Appends rows 0...rows-1, at most WR_BATCH_ROWS, of a column in any form. scratch: for columns
 * that are not flat. Never fails. */
void wr_column_append(wr_buf *out, const wr_column *column, uint32_t rows, wr_arena *scratch);
/* Reads as many rows of the type as were written and moves *from behind them. Text is borrowed from
 * *from, the rest is in the arena. CORRUPT, STATE_VERSION. */
WR_MUST_CHECK weir_status wr_column_read(wr_str *from, const wr_type *type, uint32_t rows,
                                         wr_arena *arena, wr_column *out);
