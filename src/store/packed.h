/* packed.h - rows as compact bytes: values of the state store.
 *
 *   [version][number of columns][NULL bits][values of the columns that are not NULL]
 *
 * Exact: what is read is what was written (-0, '24 hours'). The types are the reader's to know.
 * Pure functions, any thread. */
#pragma once
#include "col/growing.h"

enum { WR_PACKED_VERSION = 1 };

/* Appends one row: the values at row of count columns in any form. Never fails. */
void wr_row_append(wr_buf *out, const wr_column *columns, int count, uint32_t row);
/* Reads one row from the beginning of *from, appends it to count columns (whose types are those
 * that were written) and moves *from behind it. Text is copied to the arena. CORRUPT, and
 * STATE_VERSION if a newer weir wrote it. Columns before the place of an error have one row more
 * than the others then. */
WR_MUST_CHECK weir_status wr_row_read(wr_str *from, wr_growing *columns, int count,
                                      wr_arena *arena);
