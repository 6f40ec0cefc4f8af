/* shelf.h - the rows that a join, a top or an OVER of streams holds in memory: by key, forgotten by
 * time, and known to the state store.
 *
 * Rows stand in buckets by the time after which they are forgotten, so forgetting gives back whole
 * buckets; rows that are dropped one by one leave gaps, which wr_shelf_tidy closes. Every key that
 * has rows is one row of a wr_groups. How the rows of a key hang together (chain, tree) is the
 * owner's business: two links per row, two beginnings per key, which tidying keeps right.
 *
 * When memory is short (shelf_spill.c) rows are forgotten after a commit and read again by key: of
 * a key either all rows are in memory or none.
 *
 * A row that appeared or changed since the last commit is in a list until one is settled. The state
 * has rows in blocks (shelf_blocks.c) until they are wanted by key, then each under its name. One
 * thread. */
#pragma once
#include "exec/groups.h"
#include "stream/graph.h"

enum { WR_NEVER_FORGOTTEN = INT64_MAX };

/* Behind the columns of a row. */
typedef struct wr_shelf_row {
    uint8_t *link[2]; /* other rows of the same wr_shelf, or NULL */
    uint8_t *key;     /* NULL: dropped */
    int64_t time;     /* forgotten when time is past it */
    uint64_t sequence;
    uint32_t number;                     /* the owner's; part of the state */
    uint32_t place : 31, is_claimed : 1; /* place in the list of changes + 1; the owner's flag */
} wr_shelf_row;

/* Behind the columns of a key. */
typedef struct wr_shelf_key {
    uint64_t hash;
    uint8_t *first[2];
    uint64_t count;                              /* rows; 0: the key goes with the next tidying */
    uint32_t distinct, is_listed, said, in_tree; /* the owner's */
} wr_shelf_key;

typedef struct wr_shelf wr_shelf;
typedef struct wr_shelf_keys {
    wr_mem *mem;
    wr_shelf *const *shelves; /* all that use them; set by wr_shelf_keys_serve */
    int shelf_count;
    bool has_stored; /* the state may have rows that are not in memory */
    wr_groups groups;
    wr_rows_layout layout;
    uint64_t live; /* keys with rows */
} wr_shelf_keys;

typedef struct wr_shelf_bucket {
    int64_t number; /* time >> shift of its rows */
    int64_t least;  /* no row's time is below */
    uint64_t live;
    wr_rows *rows;
} wr_shelf_bucket;

typedef struct wr_shelf_name { /* of a row in the state */
    int64_t time;
    uint64_t sequence;
} wr_shelf_name;

typedef struct wr_shelf_block { /* of the state */
    uint64_t number;
    int64_t latest; /* no row's time is above */
    uint64_t entries;
    bool has_marks;  /* entries are not rows but what became of some */
    bool is_dropped; /* by the commit in progress */
} wr_shelf_block;

struct wr_shelf {
    wr_mem *mem;
    wr_stream_op *op;
    wr_shelf_keys *keys;
    void (*link)(void *owner, uint8_t *row); /* for rows that are read from the state */
    void *owner;
    wr_rows_layout layout;
    uint8_t side;             /* tells several of one operator apart in the state */
    bool is_volatile;         /* nothing is ever saved, so changes are not listed */
    bool is_ordered;          /* rows that are read must be linked in the order they came */
    int first_of_key;         /* which beginning of a key is of these rows; -1: both */
    wr_shelf_bucket *buckets; /* ascending */
    uint32_t bucket_count, bucket_cap, last_bucket;
    int shift;
    uint64_t live, dropped;
    uint64_t next_sequence, saved_sequence, settled_sequence; /* below settled: in the state */
    uint8_t **changed;
    uint32_t changed_count, changed_cap;
    wr_shelf_name *gone; /* rows of the state that were dropped */
    uint32_t gone_count, gone_cap;
    int64_t saved_time, settled_time; /* of the operator, where this shelf answers for it */
    int64_t forgotten;            /* rows with a time below were forgotten since the last commit */
    bool is_indexed, wants_index; /* the state knows rows by key, or will with the next commit */
    bool has_saved_index;         /* since the last settled */
    uint64_t expired;             /* of the state, since the last commit */
    wr_shelf_block *blocks;       /* while there is no index; ascending */
    uint32_t block_count, block_cap, settled_blocks;
    uint64_t next_block;
    int64_t packed_after, saved_after; /* rows in blocks with a time below are forgotten */
};

/* The schema of what comes through an input. The graph is connected. */
const wr_schema *wr_shelf_input_schema(const wr_stream_op *op, int input);

/* No keys yet, of columns of the types; memory is the operator's. */
WR_MUST_CHECK weir_status wr_shelf_keys_init(wr_shelf_keys *keys, wr_stream_op *op,
                                             const wr_type *const *types, int count);
/* All shelves whose rows belong to the keys; the array is the caller's. link: see wr_shelf. */
void wr_shelf_keys_serve(wr_shelf_keys *keys, wr_shelf *const *shelves, int count);
/* Also of what was never initialised. */
void wr_shelf_keys_clear(wr_shelf_keys *keys);
/* The key of each selected row, made if it is missing; rows of new ones are read from the state. */
WR_MUST_CHECK weir_status wr_shelf_keys_find(wr_shelf_keys *keys, const wr_column *columns,
                                             const uint16_t *sel, uint32_t count, wr_arena *scratch,
                                             uint8_t **found);

/* No rows yet, of columns of the types; side and first_of_key as in wr_shelf. */
void wr_shelf_init(wr_shelf *shelf, wr_stream_op *op, wr_shelf_keys *keys,
                   const wr_type *const *types, int count, int side, int first_of_key);
/* Gives everything back, before its keys; also of what was never initialised. */
void wr_shelf_clear(wr_shelf *shelf);

static inline wr_shelf_row *wr_shelf_row_of(const wr_shelf *shelf, uint8_t *row)
{
    return (wr_shelf_row *)(void *)(row + shelf->layout.extra_offset);
}
static inline wr_shelf_key *wr_shelf_key_of(const wr_shelf *shelf, uint8_t *key)
{
    return (wr_shelf_key *)(void *)(key + shelf->keys->layout.extra_offset);
}

/* The row will be unlinked soon: its key and its neighbours. */
static inline void wr_shelf_prefetch(const wr_shelf *shelf, uint8_t *row)
{
    const wr_shelf_row *header = wr_shelf_row_of(shelf, row);
    __builtin_prefetch(wr_shelf_key_of(shelf, header->key), 1);
    for (int i = 0; i < 2; i++)
        if (header->link[i]) __builtin_prefetch(wr_shelf_row_of(shelf, header->link[i]), 1);
}

/* Adds rows; times and keys (by position, as addresses) tell what their header says, links are
 * NULL. Counts them at their keys. sequences: NULL, then they are new and changed; or those of rows
 * that the state has. */
WR_MUST_CHECK weir_status wr_shelf_add(wr_shelf *shelf, const wr_column *columns,
                                       const uint16_t *rows, uint32_t count, const int64_t *times,
                                       uint8_t *const *keys, const uint64_t *sequences,
                                       uint8_t **addresses);
/* The owner changed number: the state must hear of it. */
WR_MUST_CHECK weir_status wr_shelf_touch(wr_shelf *shelf, uint8_t *row);
/* Takes a row out of the books; the owner has unlinked it. Its columns can be read until the next
 * wr_shelf_tidy or wr_shelf_forget. */
WR_MUST_CHECK weir_status wr_shelf_drop(wr_shelf *shelf, uint8_t *row);

/* Walks rows whose time is past: at most max of them, 0 at the end. Each must be unlinked and given
 * to wr_shelf_let_go before the next call; wr_shelf_forget then gives back what nobody needs. */
typedef struct wr_shelf_walk {
    uint32_t bucket;
    wr_rows_cursor cursor;
    int64_t least;   /* of what stays in the bucket */
    bool only_looks; /* nothing is let go: another walk follows */
} wr_shelf_walk;
uint32_t wr_shelf_due(wr_shelf *shelf, int64_t time, wr_shelf_walk *walk, uint8_t **rows,
                      uint32_t max);
void wr_shelf_let_go(wr_shelf *shelf, uint8_t *row);
void wr_shelf_forget(wr_shelf *shelf, int64_t time);

/* All rows that were not dropped, WR_BATCH_ROWS at a time at most; 0: no more. Begins with a zeroed
 * cursor; the shelf does not change meanwhile. */
typedef struct wr_shelf_cursor {
    uint32_t bucket;
    wr_rows_cursor rows;
} wr_shelf_cursor;
uint32_t wr_shelf_next(const wr_shelf *shelf, wr_shelf_cursor *cursor, uint8_t **rows);

/* Closes gaps when there are more of them than rows. Addresses of rows and keys change: links,
 * beginnings and the list of changes follow. */
WR_MUST_CHECK weir_status wr_shelf_tidy(wr_shelf *shelf);
/* Likewise for keys without rows; shelf: all that use them. */
WR_MUST_CHECK weir_status wr_shelf_keys_tidy(wr_shelf_keys *keys, wr_shelf *const *shelf,
                                             int count);

/* ---- state (shelf_state.c) ---- */

/* Deletes and writes what changed since the last settled commit. */
WR_MUST_CHECK weir_status wr_shelf_save(wr_shelf *shelf, wr_state *state, uint32_t section);
/* What was saved is committed and no change any more; or it failed and all stays as it was. */
void wr_shelf_settled(wr_shelf *shelf, bool committed);
/* Reads all rows, or nothing yet if the state knows them by key. link is called for every one; for
 * those of one key and time in order of their sequence, if is_ordered. */
WR_MUST_CHECK weir_status wr_shelf_load(wr_shelf *shelf, wr_state *state, uint32_t section);
/* The time of the operator, for one of its shelves; after load it is at least what was saved. */
WR_MUST_CHECK weir_status wr_shelf_save_time(wr_shelf *shelf, const wr_stream_op *op,
                                             wr_state *state);
WR_MUST_CHECK weir_status wr_shelf_load_time(wr_shelf *shelf, wr_stream_op *op, wr_state *state);

enum { WR_SHELF_NAME = 17, WR_SHELF_INDEX = 'i' }; /* name: bytes of the key of a row */
typedef struct wr_shelf_reading wr_shelf_reading;
/* Reads rows of the state into the shelf, WR_BATCH_ROWS at a time. */
wr_shelf_reading *wr_shelf_reading_new(wr_shelf *shelf);
void wr_shelf_reading_drop(wr_shelf_reading *r);
WR_DEFINE_CLEANUP(wr_shelf_reading, wr_shelf_reading_drop)
/* One row as the state has it; name: its key. */
WR_MUST_CHECK weir_status wr_shelf_read_row(wr_shelf_reading *r, wr_str name, wr_str value);
/* The rows read so far are put on the shelf and linked. keys: NULL, or their keys' rows. */
WR_MUST_CHECK weir_status wr_shelf_hold_rows(wr_shelf_reading *r, uint8_t *const *keys);
/* Forgets the rows read so far. */
void wr_shelf_reading_restart(wr_shelf_reading *r);
uint32_t wr_shelf_read_count(const wr_shelf_reading *r);
/* The key columns of rows read so far. */
const wr_column *wr_shelf_read_keys(const wr_shelf_reading *r);
wr_str wr_shelf_name_bytes(uint8_t out[WR_SHELF_NAME], uint8_t side, int64_t time,
                           uint64_t sequence);
void wr_shelf_name_parse(wr_str name, int64_t *time, uint64_t *sequence);

/* ---- blocks (shelf_blocks.c) ---- */

/* Appends what changed, or writes all rows anew. */
WR_MUST_CHECK weir_status wr_shelf_pack(wr_shelf *shelf, wr_state *state, uint32_t section);
/* Rows will have names. */
WR_MUST_CHECK weir_status wr_shelf_drop_blocks(wr_shelf *shelf, wr_state *state, uint32_t section);
void wr_shelf_settle_blocks(wr_shelf *shelf, bool committed);
/* Reads all rows. CORRUPT; STATE_VERSION if they are no blocks. */
WR_MUST_CHECK weir_status wr_shelf_unpack(wr_shelf *shelf);

/* ---- less memory (shelf_spill.c) ---- */

/* Of a save: index entries go with their rows, before these are deleted, and come with them. */
WR_MUST_CHECK weir_status wr_shelf_unindex(wr_shelf *shelf, wr_state *state, uint32_t section);
WR_MUST_CHECK weir_status wr_shelf_index(wr_shelf *shelf, wr_state *state, uint32_t section);
/* Rows of one shelf for keys that have none in memory. */
WR_MUST_CHECK weir_status wr_shelf_fetch(wr_shelf *shelf, const wr_column *columns,
                                         const uint16_t *at, uint32_t count, uint8_t *const *keys);
/* Lowers *until so that not too many rows of the state expire at a time. */
WR_MUST_CHECK weir_status wr_shelf_step(wr_shelf *shelf, int64_t *until);
/* All rows of keys of which some row expires by then. */
WR_MUST_CHECK weir_status wr_shelf_fetch_due(wr_shelf *shelf, int64_t until);
/* Of settled: forgets rows when they are more than the operator's share. */
void wr_shelf_keys_settled(wr_shelf_keys *keys, wr_stream_op *op, bool committed);
/* All rows are changes, and changes are listed. */
WR_MUST_CHECK weir_status wr_shelf_list_all(wr_shelf_keys *keys);
uint64_t wr_shelf_keys_pending(const wr_shelf_keys *keys);
