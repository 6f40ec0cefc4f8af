/* keys.h - what hash tables, joins and sorts do to key columns: widen, hash, compare with stored
 * rows.
 *
 * Positions: a key loop works on count selected rows; position i means row sel[i] (or i without a
 * selection), and every array beside it (hashes, addresses) is indexed by i. */
#pragma once
#include "exec/rows.h"

static inline uint32_t wr_row_at(const uint16_t *sel, uint32_t i) { return sel ? sel[i] : i; }

/* Integers of at most 64 signed bits in memory: their values can index arrays. */
bool wr_keys_is_int(const wr_type *type);
/* Widens selected rows to out[i]; is_null[i] = 1 for NULLs (out then 0). Any form. Returns whether
 * a NULL was seen. */
bool wr_keys_ints(const wr_column *c, const uint16_t *sel, uint32_t count, int64_t *out,
                  uint8_t *is_null);
/* FLAT at type->phys with base 0 at the rows' own places; plain and nested columns are passed on.
 */
void wr_keys_flatten(const wr_column *in, int n, const uint16_t *sel, uint32_t count,
                     wr_arena *arena, wr_column *out);
/* Hashes of n flattened columns. Equal for values that group together: NULL = NULL, 0.0 = -0.0, NaN
 * = NaN. */
void wr_keys_hash(const wr_column *flat, int n, const uint16_t *sel, uint32_t count,
                  uint64_t *hashes);
/* The same numbers for one key that wr_keys_ints has widened. */
void wr_keys_hash_ints(const int64_t *values, const uint8_t *is_null, uint32_t count,
                       uint64_t *hashes);
/* Positions list[0...count) whose row equals the stored row addresses[i] in columns slots[k] (NULL:
 * k) stay in list, in order; the others go to failed (may be NULL). Returns how many stay. NULL
 * equals NULL where bit k of null_equal is set (UINT64_MAX: everywhere), else nothing. */
uint32_t wr_keys_match(const wr_rows_layout *layout, const int *slots, const wr_column *flat, int n,
                       uint64_t null_equal, const uint16_t *sel, uint8_t *const *addresses,
                       uint16_t *list, uint32_t count, uint16_t *failed, uint32_t *failed_count);
/* Order of column `slot` of two stored rows, as ORDER BY ASC NULLS LAST. */
int wr_keys_compare(const wr_rows_layout *layout, int slot, const uint8_t *a, const uint8_t *b);
/* The same for rows of two layouts; the columns have the same type. */
int wr_keys_compare_between(const wr_rows_layout *a_layout, int a_slot, const uint8_t *a,
                            const wr_rows_layout *b_layout, int b_slot, const uint8_t *b);

static inline bool wr_row_is_null(const uint8_t *row, int column)
{
    return row[column / 8] >> (column & 7) & 1;
}
static inline uint64_t *wr_row_extra(const wr_rows_layout *layout, uint8_t *row)
{
    return (uint64_t *)(void *)(row + layout->extra_offset);
}
