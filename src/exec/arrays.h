/* arrays.h - batches glued to the arrays of other programs. */
#pragma once
#include "col/arrow.h"

/* Puts batches one behind the other. One thread. */
typedef struct wr_array_builder wr_array_builder;

enum { WR_ARRAY_ROWS_FIRST = 16 << 10, WR_ARRAY_ROWS_MOST = 1 << 20 };

/* schema outlives the builder. */
wr_array_builder *wr_array_builder_new(const wr_schema *schema);
/* Appends the selected rows of a batch, which is borrowed. rows_most: of the array that is begun
 * with it. TOO_BIG where one array cannot hold them. */
WR_MUST_CHECK weir_status wr_array_builder_add(wr_array_builder *builder, const wr_batch *batch,
                                               uint32_t rows_most);
uint32_t wr_array_builder_rows(const wr_array_builder *builder);
/* Another batch may not fit. */
bool wr_array_builder_is_full(const wr_array_builder *builder);
/* The rows so far as a struct array that owns its memory; the builder is empty afterwards. */
WR_MUST_CHECK weir_status wr_array_builder_take(wr_array_builder *builder, struct ArrowArray *out);
void wr_array_builder_drop(wr_array_builder *builder); /* accepts NULL */
