/* keys.h - values as bytes that compare (memcmp) as the values do: keys of the state store.
 *
 * Two values have the same bytes exactly when SQL groups them together, whatever width or form
 * their columns have: -0 and 0, all NaNs, '1 day' and '24 hours'. A key of several columns is one
 * value behind the other; no value's bytes are the beginning of another's. Any type, nested ones
 * too. Pure functions, any thread. */
#pragma once
#include "col/growing.h"

enum {
    WR_KEY_ASCENDING = 0, /* as ORDER BY has it: NULLs last, NaN above all numbers */
    WR_KEY_DESCENDING = 1,
    WR_KEY_NULLS_FIRST = 2 /* at the beginning, also when descending; without it: at the end */
};

/* Appends the value at row of a column in any form. Never fails. */
void wr_key_append(wr_buf *out, const wr_column *column, uint32_t row, unsigned flags);
/* Reads what wr_key_append wrote with the same flags for the type of column, appends it there and
 * moves *from behind it. What comes out is equal to what went in but may look different: 0 for -0,
 * months, days and time of an interval balanced. Text is copied to the arena. CORRUPT. */
WR_MUST_CHECK weir_status wr_key_read(wr_str *from, unsigned flags, wr_growing *column,
                                      wr_arena *arena);
/* Makes what stands in key from byte at on fit into max bytes (at least 32): the end is replaced by
 * a hash of 128 bits, so different keys stay different; those that differ only behind the cut are
 * in no particular order, and cannot be read. True if it did. */
bool wr_key_fit(wr_buf *key, size_t at, size_t max);
/* The smallest bytes above everything that begins with prefix; empty if there is none (a prefix of
 * 0xff only). Replaces what is in out. */
void wr_key_after_prefix(wr_str prefix, wr_buf *out);
