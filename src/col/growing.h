/* growing.h - a flat column that values are appended to one by one, children included: for readers
 * of bytes that do not know beforehand how many there are. */
#pragma once
#include "col/column.h"

typedef struct wr_growing {
    wr_column *column; /* may be read at any time; no NULLs are told by bits, not by a NULL valid */
    uint32_t cap;
    struct wr_growing *children;
} wr_growing;

/* Makes column an empty one of the type. Memory of everything comes from arena. */
void wr_growing_init(wr_growing *g, wr_column *column, const wr_type *type, wr_arena *arena);
/* Room for rows rows of the column itself. */
void wr_growing_need(wr_growing *g, uint32_t rows, wr_arena *arena);
/* A row that is there: its number. The caller writes its data or appends to the children. */
uint32_t wr_growing_add(wr_growing *g, wr_arena *arena);
void wr_growing_add_null(wr_growing *g, wr_arena *arena);
/* As if nothing had been appended; keeps the memory. */
void wr_growing_restart(wr_growing *g);
