/* groups.h - a table of distinct keys: the heart of GROUP BY, DISTINCT, set operations and
 * recursion.
 *
 * Rows of the layout are the groups; their first key_count columns are the key, further columns are
 * carried (those of the first row seen). The first 8 extra bytes of a row belong to the table
 * (hash), the rest to the user.
 *
 * Two directories: while all keys are integers of a small combined range, an array of row numbers
 * indexed by the key itself, in blocks that are made when a key of theirs comes, so that workers
 * whose keys lie apart share one array's memory; otherwise linear probing over 16-bit salt + 48-bit
 * address. NULLs are equal to each other. Before the latter stands an array by the codes of the
 * present dictionaries, while all keys are dictionary columns of few values: each combination is
 * looked up once per dictionary. */
#pragma once
#include "exec/keys.h"

enum {
    WR_GROUPS_DIRECT_KEYS = 4,
    WR_GROUPS_CODES = 4096,
    WR_GROUPS_FEW = 256,
    WR_GROUPS_BLOCK = 1 << 14
};

typedef struct wr_groups {
    wr_mem *mem;
    const wr_rows_layout *layout;
    int key_count;
    wr_rows *rows;
    uint64_t seen; /* input rows so far */
    uint64_t *slots;
    uint64_t slot_count, used;
    bool is_loose; /* see wr_groups_go_loose */
    bool is_direct;
    uint32_t **direct;     /* blocks of WR_GROUPS_BLOCK codes; NULL: none of its keys came */
    uint64_t direct_count; /* codes; the only block of fewer than one block is as long as that */
    uint64_t direct_bytes;
    int64_t base[WR_GROUPS_DIRECT_KEYS];
    uint8_t **by_code;                        /* NULL: not made yet; WR_GROUPS_CODES of them */
    uint64_t code_ids[WR_GROUPS_DIRECT_KEYS]; /* the dictionaries by_code is about */
    uint32_t code_rows[WR_GROUPS_DIRECT_KEYS];
    uint64_t span[WR_GROUPS_DIRECT_KEYS],
        stride[WR_GROUPS_DIRECT_KEYS]; /* span: codes, 0 = NULL included */
    /* Set by who wants to know after wr_groups_find, if the keys have at most WR_GROUPS_FEW codes
     * (else few_count is 0), number[i], less than few_count, of the group few[number[i]] of
     * position i. number is in the scratch of the call. */
    bool wants_numbers;
    uint32_t few_count;
    uint8_t **few, *number;
} wr_groups;

/* allow_direct false: always hash (rows then always have their hash). */
WR_MUST_CHECK weir_status wr_groups_init(wr_groups *g, wr_mem *mem, const wr_rows_layout *layout,
                                         int key_count, bool allow_direct);
void wr_groups_clear(wr_groups *g);
/* Bytes that the directory would take in addition if `more` groups came; 0 = there is room. */
uint64_t wr_groups_need(const wr_groups *g, uint32_t more);
/* Makes room for `more` new groups at once in a hash directory. Fails with MEMORY_LIMIT; g is then
 * as before. */
WR_MUST_CHECK weir_status wr_groups_expect(wr_groups *g, uint64_t more);
static inline void wr_groups_scope_end(wr_groups *g) { wr_groups_clear(g); }
/* Finds or adds the group of each selected row. columns: one per layout column, any form. found[i]
 * gets the group's row; added[0...*added_count) the positions that made a new group (extra bytes
 * beyond the hash are zero). adopt: NULL, or rows of the same layout with known hashes: a new group
 * is then adopt[i] itself, nothing is copied. */
WR_MUST_CHECK weir_status wr_groups_find(wr_groups *g, const wr_column *columns,
                                         const uint16_t *sel, uint32_t count, uint8_t *const *adopt,
                                         wr_arena *scratch, uint8_t **found, uint16_t *added,
                                         uint32_t *added_count);
/* From now on every row found makes a group of its own, equal ones included: for keys that hardly
 * repeat, where merging later by partitions costs less than looking. The directory is given back;
 * nothing can be looked up any more. */
void wr_groups_go_loose(wr_groups *g);
/* Finds groups without adding: found[i] is NULL where there is none. Any thread, once nothing is
 * added any more. */
WR_MUST_CHECK weir_status wr_groups_lookup(const wr_groups *g, const wr_column *columns,
                                           const uint16_t *sel, uint32_t count, wr_arena *scratch,
                                           uint8_t **found);
/* Fills in the hash of count rows, if the directory has not done it. */
void wr_groups_hash_rows(const wr_groups *g, uint8_t *const *rows, uint32_t count,
                         wr_arena *scratch);
/* For a direct directory of one key: the keys it has room for. */
bool wr_groups_key_range(const wr_groups *g, int64_t *lo, int64_t *hi);
/* While wr_groups_key_range holds: the numbers (0: none) of the groups of the next keys from key
 * on, as many as *count says; NULL when there are none of these. *count is at least 1. */
const uint32_t *wr_groups_from(const wr_groups *g, int64_t key, uint64_t *count);
/* The group of NULL; NULL if there is none. */
uint8_t *wr_groups_at_null(const wr_groups *g);
/* Bytes of the rows and the directory. */
uint64_t wr_groups_bytes(const wr_groups *g);
const char *wr_groups_note(const wr_groups *g, char *out, size_t size);
