/* rows.h - the one tuple store: rows of fixed width in pages, variable parts beside them.
 *
 * Hash aggregation, join builds, sorts, windows, DISTINCT, shared subplans and recursion keep their
 * rows here, so that memory accounting and spilling are written once. A row is addressed by pointer
 * while its page is pinned (always, until it is spilled) and by (page, slot) otherwise.
 *
 *   row: [null bits, one per column, rounded up to 8 bytes][column slots, aligned to their size up
 * to 8][extra bytes]
 *
 * Slots hold values at type->phys; text slots are wr_view pointing into the page's heap; nested
 * values are a wr_view over an encoding of rows.c. extra bytes are the user's (hash, next pointer,
 * aggregate states). */
#pragma once
#include "col/batch.h"
#include "base/mem.h"

typedef struct wr_rows_layout {
    const wr_type **types;
    int column_count;
    uint32_t *offsets; /* of each slot */
    uint32_t extra_offset, extra_size;
    uint32_t row_size; /* multiple of 8 */
    bool has_heap;     /* some column is text or nested */
} wr_rows_layout;

/* Where columns of the types, then extra_size bytes for the owner, stand in a row. Its arrays
 * are in the arena. */
void wr_rows_layout_init(wr_rows_layout *layout, wr_arena *arena, const wr_type *const *types,
                         int count, uint32_t extra_size);

typedef struct wr_rows wr_rows;
/* An empty set of rows; pages are taken from mem as it grows. layout must outlive it. One thread at
 * a time writes. Dropped by the caller. */
WR_MUST_CHECK weir_status wr_rows_new(wr_mem *mem, const wr_rows_layout *layout, wr_rows **out);
void wr_rows_drop(wr_rows *rows);
WR_DEFINE_CLEANUP(wr_rows, wr_rows_drop)
void wr_rows_empty(wr_rows *rows); /* gives all pages back; rows can be appended again */
wr_mem *wr_rows_mem(const wr_rows *rows);
const wr_rows_layout *wr_rows_layout_of(const wr_rows *rows);
uint64_t wr_rows_count(const wr_rows *rows);
uint64_t wr_rows_bytes(const wr_rows *rows);

/* Appends count selected rows of columns (one per layout column, any form); addresses gets their
 * pointers (may be NULL). extra bytes are zero. Text is copied. */
WR_MUST_CHECK weir_status wr_rows_append(wr_rows *rows, const wr_column *columns,
                                         const uint16_t *sel, uint32_t count, uint8_t **addresses);
/* Moves all pages of from to the end of into (same layout). */
WR_MUST_CHECK weir_status wr_rows_absorb(wr_rows *into, wr_rows *from);
/* Reads column number column of count rows into out rows 0...count-1 (FLAT, type->phys, memory from
 * arena). A NULL address gives a NULL value (outer joins). Text points into the store. */
void wr_rows_gather(const wr_rows_layout *layout, int column, uint8_t *const *addresses,
                    uint32_t count, wr_arena *arena, wr_column *out);
/* The first columns columns at once, out gets as many: rows in no order are fetched once. */
void wr_rows_gather_all(const wr_rows_layout *layout, int columns, uint8_t *const *addresses,
                        uint32_t count, wr_arena *arena, wr_column *out);
/* Walks all rows in insertion order: fills addresses with up to max row pointers, returns how many
 * (0 = end). */
typedef struct wr_rows_cursor {
    uint32_t page, slot;
} wr_rows_cursor;
uint32_t wr_rows_next(const wr_rows *rows, wr_rows_cursor *cursor, uint8_t **addresses,
                      uint32_t max);
/* Where the next appended row will be found by wr_rows_next. */
wr_rows_cursor wr_rows_end(const wr_rows *rows);
/* Rows by number in 32 bits, half of a pointer, for directories of many; 0 is none. Numbers hold
 * until pages move to another store. False: a store this large might have rows without a number. */
bool wr_rows_has_numbers(const wr_rows *rows);
/* The numbers of count rows from the cursor on. */
void wr_rows_numbers(const wr_rows *rows, wr_rows_cursor from, uint32_t count, uint32_t *numbers);
/* Their addresses, NULL for 0. */
void wr_rows_of_numbers(const wr_rows *rows, const uint32_t *numbers, uint32_t count,
                        uint8_t **addresses);

/* Rows as one block of bytes for a temporary file (spill.h): the rows, then the bytes they point
 * to, pointers as offsets into these. Packs rows from the first on into out (emptied before), about
 * target bytes but at least one row, and returns how many. Extra bytes are copied as they are. */
uint32_t wr_rows_pack(const wr_rows_layout *layout, uint8_t *const *addresses, uint64_t count,
                      size_t target, wr_buf *out);
/* Takes a block of count packed rows as a page. block came from wr_mem_alloc(mem of rows, size) and
 * belongs to rows from now on, also after a failure (CORRUPT). */
WR_MUST_CHECK weir_status wr_rows_add_packed(wr_rows *rows, void *block, size_t size,
                                             uint32_t count);
