/* row_number.h - file_row_number of formats that know where rows are without reading them: two
 * bytes a row over a base, in order, from 0. */
#pragma once
#include "spi/relation.h"

/* The column of rows rows from the number first on. iota holds 0, 1, 2 ...; it is borrowed and
 * outlives the column. */
static inline void wr_row_number_column(const int16_t *iota, int64_t first, uint32_t rows,
                                        wr_column *out)
{
    *out = (wr_column){.type = WR_BIGINT,
                       .form = WR_FLAT,
                       .phys = WR_P_I16,
                       .rows = rows,
                       .data = (void *)(uintptr_t)iota,
                       .base = first,
                       .has_bounds = true,
                       .lo = first,
                       .hi = first + rows - 1,
                       .sorted = true};
}

/* What is known of the column in a file of rows rows. */
static inline void wr_row_number_stats(int64_t rows, wr_column_stats *out)
{
    *out = (wr_column_stats){.has_range = rows > 0,
                             .has_null_count = true,
                             .has_distinct = true,
                             .sorted = true,
                             .unique = true,
                             .min = wr_value_int(WR_BIGINT, 0),
                             .max = wr_value_int(WR_BIGINT, WR_MAX(rows - 1, 0)),
                             .distinct = (double)rows,
                             .bytes_per_row = sizeof(int16_t)};
}
