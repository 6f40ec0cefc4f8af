/* sorting.h - orders stored rows by several columns.
 *
 * Each row becomes an entry: up to 64 bits of normalised keys and the row's address. How many keys
 * fit is decided from the values seen: each key takes only the bits its range needs, so (year,
 * flag, small int) sorts by one integer. What does not fit is compared in the row, among rows with
 * equal bits only. Sorting is stable; rows that no longer are in the order in which they came may
 * carry their place (arrival.h), which then decides between equal ones. */
#pragma once
#include "exec/keys.h"
#include "exec/op.h"

typedef struct wr_sort_slot {
    int slot; /* column of the layout */
    bool descending, nulls_first;
} wr_sort_slot;

typedef struct wr_sort_entry {
    uint64_t bits;
    uint8_t *row;
} wr_sort_entry;

enum { WR_SORT_TEXT = 32 }; /* bytes of a text that its code can tell about */

typedef struct wr_sort_digit { /* of the code of a text: the byte at one position */
    uint64_t weight;
    uint8_t position, lo;
    bool has_end; /* some text ends before; that is digit 0 */
} wr_sort_digit;

typedef struct wr_sort_range { /* of the codes of one key */
    uint64_t min, max;
    bool has_nulls, has_values;
    int width, shift; /* bits taken in the entry; low bits of the code left out */
    /* Text: lengths, bytes seen at each position, and the digits that follow from these. */
    uint32_t text_min, text_max;
    uint8_t lo[WR_SORT_TEXT], hi[WR_SORT_TEXT];
    wr_sort_digit digits[WR_SORT_TEXT];
    int digit_count;
    bool text_exact; /* the digits tell all */
} wr_sort_range;

typedef struct wr_sorting {
    wr_exec *exec; /* asked now and then whether to go on; NULL: never */
    const wr_rows_layout *layout;
    const wr_sort_slot *keys;
    int key_count;
    bool by_place; /* rows have places, equal rows come in the order of these */
    wr_sort_range *ranges;
    int packed;  /* keys with bits in the entry */
    int covered; /* keys that the bits decide completely */
    int bits;
} wr_sorting;

/* Has seen no values yet; ranges come from arena. exec, layout and keys must outlive s. */
void wr_sorting_init(wr_sorting *s, wr_exec *exec, wr_arena *arena, const wr_rows_layout *layout,
                     const wr_sort_slot *keys, int key_count);
/* Takes note of values; several wr_sorting of the same keys can watch parts and be merged. What
 * returns a status fails only because the query is stopped. */
WR_MUST_CHECK weir_status wr_sorting_watch(wr_sorting *s, uint8_t *const *rows, uint64_t count);
void wr_sorting_merge(wr_sorting *into, const wr_sorting *from);
void wr_sorting_decide(wr_sorting *s);
/* How far the bits of an entry are shifted right so that those of the first `keys` keys are left;
 * -1 if these keys are not told by bits alone. */
int wr_sorting_shift(const wr_sorting *s, int keys);
WR_MUST_CHECK weir_status wr_sorting_fill(const wr_sorting *s, uint8_t *const *rows, uint64_t count,
                                          wr_sort_entry *entries);
/* spare: room for count entries. The result is in entries. */
WR_MUST_CHECK weir_status wr_sorting_sort(const wr_sorting *s, wr_sort_entry *entries,
                                          wr_sort_entry *spare, uint64_t count);
/* For loops over rows: asks wr_exec_check after every WR_SORT_CHECK rows. */
enum { WR_SORT_CHECK = 1 << 15 };
WR_MUST_CHECK static inline weir_status wr_sorting_check(const wr_sorting *s, uint64_t row)
{
    bool is_time = (row & (WR_SORT_CHECK - 1)) == WR_SORT_CHECK - 1;
    return wr_unlikely(is_time) && s->exec ? wr_exec_check(s->exec) : WR_OK;
}
/* Sorts count entries that agree in all but their lowest `left` bits; they lie in from and end up
 * in into, which must not overlap. */
WR_MUST_CHECK weir_status wr_sorting_piece(const wr_sorting *s, wr_sort_entry *from,
                                           wr_sort_entry *into, uint64_t count, int left);
int wr_sorting_compare(const wr_sorting *s, const wr_sort_entry *a, const wr_sort_entry *b);
/* By the rows alone, all keys. */
int wr_sorting_compare_rows(const wr_sorting *s, const uint8_t *a, const uint8_t *b);
/* All of the above in one thread: reorders addresses. */
WR_MUST_CHECK weir_status wr_sort_addresses(wr_exec *exec, wr_mem *mem,
                                            const wr_rows_layout *layout, const wr_sort_slot *keys,
                                            int key_count, uint8_t **addresses, uint64_t count);
