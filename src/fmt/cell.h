/* cell.h - from the text of one cell to a typed value in a column under construction; shared by the
 * text formats. */
#pragma once
#include "col/value.h"

/* How cells are spelled, besides the spellings every reader takes. */
typedef struct wr_cell_rules {
    char decimal_separator; /* '.' or ',' */
    wr_str date_format;     /* strptime pattern; empty = ISO and PostgreSQL spellings */
    wr_str timestamp_format;
} wr_cell_rules;

/* A FLAT column of up to cap rows at type->phys whose memory is counted and reused batch after
 * batch. */
typedef struct wr_fill {
    const wr_type *type;
    void *data;
    uint64_t *valid; /* always allocated; used if has_nulls */
    void *narrow;    /* room for a narrower copy */
    uint32_t cap;
    size_t width;
    bool has_nulls;
} wr_fill;

/* True if values of the type can be read from a cell (no nested types). */
bool wr_cell_supports(const wr_type *type);
/* Reads text as type into slot (wr_phys_size(type->phys) bytes). Views borrow text. False: it does
 * not fit. */
bool wr_cell_read(const wr_cell_rules *rules, const wr_type *type, wr_str text, void *slot);
/* Reads text after a strptime pattern (%Y %m %d %H %M %S %f %y %b %B %p %I %j %z %s %n %t %%, flag
 * '-'); the whole text must match and be a real date. */
bool wr_cell_strptime(wr_str pattern, wr_str text, int64_t *out_us);

/* Room for cap values of the type, reserved in mem (MEMORY_LIMIT); clear with the same mem. */
WR_MUST_CHECK weir_status wr_fill_new(wr_mem *mem, const wr_type *type, uint32_t cap, wr_fill *out);
void wr_fill_clear(wr_mem *mem, wr_fill *fill);
/* All rows present from here on. */
static inline void wr_fill_begin(wr_fill *fill) { fill->has_nulls = false; }
/* Marks row NULL; the value there becomes zero. rows before it must have been begun with
 * wr_fill_begin. */
void wr_fill_null(wr_fill *fill, uint32_t row);
/* Shows the first rows rows as a column: integers at their narrowest width with bounds when all
 * rows in sel (NULL: all) are known. The column borrows from fill until the next begin. */
void wr_fill_column(wr_fill *fill, uint32_t rows, const uint16_t *sel, uint32_t sel_count,
                    wr_column *out);
