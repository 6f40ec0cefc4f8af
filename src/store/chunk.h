/* chunk.h - the parts of a table that the files of store share; not for other folders.
 *
 * A chunk holds up to WR_BATCH_ROWS rows as immutable columns. Adding rows to a chunk that may grow
 * makes a new chunk with the old rows in front and swaps it in the table's list; snapshots
 * keep the old one alive. The version stamps of a position outlive such swaps: all chunks of one
 * position share one wr_versions. */
#pragma once
#include "store/table.h"
#include "sys/thread.h"

/* Stamps below WR_TXN_FIRST are commit times; others are ids of running transactions. */
#define WR_TXN_FIRST (UINT64_C(1) << 62)
#define WR_STAMP_NEVER UINT64_MAX  /* created by a transaction that was rolled back */
#define WR_STAMP_ALIVE UINT64_C(0) /* ended: nobody ended it */

/* Rows that came all at once have one stamp of creation, and stamps of their end appear with the
 * first end: tables that only grow need next to no memory for versions. */
typedef struct wr_versions {
    _Atomic int references;
    _Atomic uint64_t whole;  /* created, of all rows, if there is no array */
    uint64_t *created;       /* NULL for ever or never; atomic access by stamp_get / stamp_set */
    uint64_t *_Atomic ended; /* NULL: no row; made under the table's lock, then as created */
    _Atomic uint32_t ended_count; /* rows with an end stamp, also of running transactions */
    _Atomic uint64_t
        newest; /* no created stamp is newer, once all are commit times; WR_STAMP_NEVER = look */
    wr_mem *mem;
    uint64_t reserved; /* counted in mem */
} wr_versions;

typedef struct wr_chunk {
    _Atomic int references;
    uint32_t rows;
    wr_column *columns; /* in the arena */
    wr_versions *versions;
    wr_arena arena;
    uint64_t reserved; /* counted in mem */
    wr_mem *mem;
} wr_chunk;

typedef struct wr_unique wr_unique;

struct wr_table {
    _Atomic int references;
    wr_store *store;
    wr_schema *schema;
    wr_arena arena;
    _Atomic uint64_t last_change;    /* time of the last commit that changed rows */
    wr_mutex lock;                   /* guards everything below */
    wr_chunk **chunks;               /* guarded by lock */
    uint32_t chunk_count, chunk_cap; /* guarded by lock */
    wr_unique **uniques;             /* guarded by lock */
    int unique_count;
    wr_chunk *gone;     /* guarded by lock; without rows, in place of those that were freed */
    uint64_t frozen_by; /* guarded by lock; id of the transaction that replaces the table, or 0 */
};

struct wr_store {
    wr_mem *mem;
    wr_mutex lock;
    uint64_t last_commit; /* guarded by lock */
    uint64_t next_txn;    /* guarded by lock */
    wr_txn *running;      /* guarded by lock; the newest first */
};

/* What a transaction did, so that commit can stamp it and rollback undo it. */
typedef struct wr_change {
    wr_table *table;       /* reference */
    wr_versions *versions; /* reference */
    uint32_t from,
        count; /* rows created, or one row ended; none: the table was frozen, or a mark */
    bool is_end;
} wr_change;

struct wr_txn {
    wr_store *store;
    uint64_t id, snapshot;
    wr_txn *older, *newer; /* guarded by the store's lock: its neighbours in running */
    wr_change *changes;
    uint64_t change_count, change_cap;
};

static inline uint64_t wr_stamp_get(const uint64_t *stamp)
{
    return __atomic_load_n(stamp, __ATOMIC_ACQUIRE);
}
static inline void wr_stamp_set(uint64_t *stamp, uint64_t value)
{
    __atomic_store_n(stamp, value, __ATOMIC_RELEASE);
}
/* Was the stamp set by txn itself or committed before its snapshot? */
static inline bool wr_stamp_seen(uint64_t stamp, const wr_txn *txn)
{
    return stamp == txn->id || (stamp < WR_TXN_FIRST && stamp <= txn->snapshot);
}
static inline uint64_t wr_created_get(const wr_versions *v, uint32_t row)
{
    return v->created ? wr_stamp_get(&v->created[row])
                      : atomic_load_explicit(&v->whole, memory_order_acquire);
}
static inline uint64_t wr_ended_get(const wr_versions *v, uint32_t row)
{
    const uint64_t *ended = atomic_load_explicit(&v->ended, memory_order_acquire);
    return ended ? wr_stamp_get(&ended[row]) : WR_STAMP_ALIVE;
}
/* Stamps rows as created that so far have the stamp `before`. Without an array these are all rows.
 */
void wr_created_set(wr_versions *v, uint32_t from, uint32_t count, uint64_t before, uint64_t stamp);
static inline bool wr_row_visible(const wr_versions *v, uint32_t row, const wr_txn *txn)
{
    uint64_t ended = wr_ended_get(v, row);
    return wr_stamp_seen(wr_created_get(v, row), txn) &&
           (ended == WR_STAMP_ALIVE || !wr_stamp_seen(ended, txn));
}

/* Counted references; the last one frees. Any thread. */
void wr_versions_release(wr_versions *versions);
wr_chunk *wr_chunk_keep(wr_chunk *chunk);
void wr_chunk_release(wr_chunk *chunk);
/* Remembers a change; takes its own references. */
void wr_txn_note(wr_txn *txn, wr_table *table, wr_versions *versions, uint32_t from, uint32_t count,
                 bool is_end);
/* Rollback of wr_table_freeze. */
void wr_table_unfreeze(wr_table *table);

/* unique.c; the table's lock is held. */
WR_MUST_CHECK weir_status wr_unique_insert(wr_table *table, wr_txn *txn, wr_unique *unique,
                                           const wr_column *columns, uint32_t rows,
                                           int64_t first_rowid);
void wr_unique_drop(wr_unique *unique);
uint64_t wr_unique_count(const wr_unique *unique); /* rows it knows, ended ones too */
/* Forgets the rows of the chunks that are marked. */
void wr_unique_forget(wr_unique *unique, const bool *chunks);
/* Is this the only column of the key? */
bool wr_unique_is_on(const wr_unique *unique, int column);
/* How many columns it has; those of a small one go to columns. */
int wr_unique_columns(const wr_unique *unique, int most, int *columns);
