/* state_changes.h - what was put and deleted since the last commit, in order; only for state*.c.
 *
 * Per section a tree of changed keys and a list of deleted ranges. A change counts for its key
 * whatever the ranges say: ranges speak of what is committed. */
#pragma once
#include "base/mem.h"
#include "base/text.h"

typedef struct wr_change {
    const char *key, *value; /* value NULL: deleted */
    uint32_t key_length, value_length, value_cap;
    bool is_covered; /* by a range: nothing committed is behind it */
} wr_change;

enum { WR_CHANGE_FANOUT = 48 };

typedef struct wr_change_node wr_change_node;
struct wr_change_node {
    bool is_leaf;
    uint32_t count;
    wr_change_node *next;                    /* of leaves */
    uint64_t prefixes[WR_CHANGE_FANOUT];     /* first 8 bytes of the keys, big end first */
    wr_change *changes[WR_CHANGE_FANOUT];    /* inner nodes: the smallest of the child */
    wr_change_node *below[WR_CHANGE_FANOUT]; /* inner nodes */
};

typedef struct wr_change_range {
    wr_str first, last; /* last empty: to the end */
} wr_change_range;

typedef struct wr_changes {
    wr_change_node *root;
    uint32_t depth;
    uint64_t count;
    wr_change_range *ranges; /* disjoint, in order */
    uint32_t range_count, range_cap;
} wr_changes;

/* Memory of the changes of all sections: taken piece by piece, given back at once. Some of it is
 * kept for the next changes: memory that the system gives anew has to be cleared first. */
typedef struct wr_change_pool {
    wr_mem *mem;
    struct wr_change_block *blocks, *kept;
    uint64_t kept_bytes;
    char *next, *end;
    uint64_t bytes; /* taken */
    wr_change_node *spare;
    uint32_t spare_count;
} wr_change_pool;

/* All wr_changes in it are to be zeroed. */
void wr_change_pool_empty(wr_change_pool *pool);
/* The same, and nothing is kept. */
void wr_change_pool_clear(wr_change_pool *pool);

/* value NULL data: delete. Fails with MEMORY_LIMIT; nothing is changed then. */
WR_MUST_CHECK weir_status wr_changes_set(wr_changes *changes, wr_change_pool *pool, wr_str key,
                                         const wr_str *value);
WR_MUST_CHECK weir_status wr_changes_delete_range(wr_changes *changes, wr_change_pool *pool,
                                                  wr_str first, wr_str last);
/* NULL: the key is not among the changes. */
wr_change *wr_changes_find(const wr_changes *changes, wr_str key);
/* The range that key is in, NULL if none. */
const wr_change_range *wr_changes_range_of(const wr_changes *changes, wr_str key);

/* Walks from the first change whose key is not below first. */
typedef struct wr_change_cursor {
    wr_change_node *leaf;
    uint32_t index;
} wr_change_cursor;
wr_change_cursor wr_changes_seek(const wr_changes *changes, wr_str first);
wr_change *wr_changes_peek(wr_change_cursor *cursor); /* NULL: the end */
static inline void wr_changes_step(wr_change_cursor *cursor) { cursor->index++; }
