/* table.h - in-memory tables with versions: every row knows which transaction made it and which one
 * ended it.
 *
 * A table is a list of segments of columns in their narrow physical form. Writers append segments
 * and mark rows as deleted; nothing is changed in place, so a snapshot stays readable without locks
 * as long as it is held. An UPDATE is delete + append. Conflicts (two transactions end the same
 * row) are refused: TXN_CONFLICT.
 *
 * Threads: a table may be read by any number of workers and written by one statement at a time (its
 * own lock). */
#pragma once
#include "col/batch.h"
#include "spi/relation.h"

typedef struct wr_table wr_table;
typedef struct wr_txn wr_txn;

/* Transactions over tables. The store is the process-wide counter of an engine. */
typedef struct wr_store wr_store;
wr_store *wr_store_new(wr_mem *mem);
void wr_store_drop(wr_store *store);
wr_txn *wr_txn_begin(wr_store *store);
/* No running transaction, and none that begins later, has an older snapshot. Any thread. */
uint64_t wr_store_oldest_snapshot(wr_store *store);
uint64_t wr_txn_id(const wr_txn *txn);
uint64_t wr_txn_snapshot(const wr_txn *txn); /* the last commit that it sees */
/* After commit or rollback the transaction is freed. Commit never fails for a transaction whose
 * writes succeeded; it returns its time, or 0 when nothing was changed. */
uint64_t wr_txn_commit(wr_txn *txn);
void wr_txn_rollback(wr_txn *txn);
uint64_t wr_txn_savepoint(wr_txn *txn); /* a mark to roll back to */
void wr_txn_rollback_to(wr_txn *txn, uint64_t savepoint);
/* Makes savepoints taken before and after this call different, for changes that are kept elsewhere
 * (the catalog). */
void wr_txn_mark(wr_txn *txn);

wr_table *wr_table_new(wr_store *store, const wr_schema *schema); /* references = 1 */
/* One more user, returned for convenience, and one less: the last frees table and rows. Release
 * accepts NULL. Any thread. */
wr_table *wr_table_keep(wr_table *table);
void wr_table_release(wr_table *table);
/* Borrowed from the table; never changes. */
const wr_schema *wr_table_schema(const wr_table *table);
uint64_t wr_table_count(wr_table *table, wr_txn *txn); /* rows visible */
/* The time of the last commit that changed rows; 0: none did. Any thread. */
uint64_t wr_table_last_change(const wr_table *table);
int64_t wr_table_next_rowid(wr_table *table); /* rows appended later have this or more */

/* Columns of the relation: the table's, then one pseudo-column "rowid" BIGINT that identifies a row
 * for delete. The relation sees what txn sees now (its own writes included) and stays fixed. Caller
 * releases. */
WR_MUST_CHECK weir_status wr_table_snapshot(wr_table *table, wr_txn *txn, wr_relation **out);
/* The same, but rows that txn itself ends from now on stay in it, too. */
WR_MUST_CHECK weir_status wr_table_snapshot_fixed(wr_table *table, wr_txn *txn, wr_relation **out);
/* Appends the selected rows (columns in schema order, any form; copied and narrowed). */
WR_MUST_CHECK weir_status wr_table_append(wr_table *table, wr_txn *txn, const wr_batch *batch);
/* The same; rowids gets the id of each selected row, in their order. */
WR_MUST_CHECK weir_status wr_table_append_known(wr_table *table, wr_txn *txn, const wr_batch *batch,
                                                int64_t *rowids);
/* Ends rows by rowid; count_out (may be NULL) counts rows that were alive and are ended now. */
WR_MUST_CHECK weir_status wr_table_delete(wr_table *table, wr_txn *txn, const int64_t *rowids,
                                          uint32_t count, uint64_t *count_out);
/* Lets no other transaction change the table from now on (TXN_CONFLICT), because txn replaces it by
 * another one; fails with TXN_CONFLICT when another running transaction has changed it. Undone by
 * rollback, final with commit. */
WR_MUST_CHECK weir_status wr_table_freeze(wr_table *table, wr_txn *txn);
/* A table of the same columns under other names that starts with all versions of table, which must
 * be frozen by txn. references = 1; it has no unique indexes yet. */
wr_table *wr_table_renamed(wr_table *table, const wr_schema *schema);
/* A unique index over columns: append refuses rows whose key exists among rows visible to txn or
 * made by others since. NULLs never collide. Checks the rows present. names is for the message. */
WR_MUST_CHECK weir_status wr_table_add_unique(wr_table *table, wr_txn *txn, const int *columns,
                                              int count, wr_str constraint_name, bool is_primary);
/* Finds the row a key belongs to: rowids[i] = rowid or -1, for the selected rows of keys (columns
 * in table order; only the key columns are looked at). For ON CONFLICT. TXN_CONFLICT when a
 * transaction that txn does not see made the row. */
WR_MUST_CHECK weir_status wr_table_find_keys(wr_table *table, wr_txn *txn, int unique_index,
                                             const wr_batch *keys, int64_t *rowids);
/* For foreign keys: missing[i] is set for every key that no row visible to txn has; NULLs count as
 * missing. TXN_CONFLICT when another transaction has ended or is about to end such a row. */
WR_MUST_CHECK weir_status wr_table_hold_keys(wr_table *table, wr_txn *txn, int unique_index,
                                             const wr_batch *keys, bool *missing);
/* TXN_CONFLICT when the table has rows that txn does not see because another transaction has added
 * them, running or ended since. */
WR_MUST_CHECK weir_status wr_table_check_seen(wr_table *table, wr_txn *txn);
/* Frees the memory of rows that no transaction can see any more, where all rows of a chunk are
 * such; ids of the others stay. Tables with unique indexes wait until half of what these know can
 * go. Returns how many rows went. Any thread. */
uint64_t wr_table_vacuum(wr_table *table);
/* Reads rows by rowid into a batch in arena memory, rowids must be visible. */
WR_MUST_CHECK weir_status wr_table_fetch(wr_table *table, wr_txn *txn, const int64_t *rowids,
                                         uint32_t count, wr_arena *arena, wr_batch *out);
