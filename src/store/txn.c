/* txn.c - transactions: snapshot reads, stamps at commit.
 *
 * A running transaction stamps its work with its id, which nobody else sees. Commit takes the next
 * commit time and replaces the id by it while holding the store's lock; a snapshot taken before has
 * a smaller time, so it sees none of it whatever it reads meanwhile. Rollback makes created rows
 * invisible for good and ended rows alive again. */
#include "store/chunk.h"

wr_store *wr_store_new(wr_mem *mem)
{
    wr_store *store = wr_heap_new(sizeof *store);
    store->mem = mem;
    store->last_commit = 1;
    store->next_txn = WR_TXN_FIRST;
    wr_mutex_init(&store->lock);
    return store;
}

void wr_store_drop(wr_store *store)
{
    if (!store) return;
    wr_mutex_clear(&store->lock);
    wr_heap_drop(store);
}

wr_txn *wr_txn_begin(wr_store *store)
{
    wr_txn *txn = wr_heap_new(sizeof *txn);
    txn->store = store;
    wr_mutex_lock(&store->lock);
    txn->id = store->next_txn++;
    txn->snapshot = store->last_commit;
    txn->older = store->running;
    if (txn->older) txn->older->newer = txn;
    store->running = txn;
    wr_mutex_unlock(&store->lock);
    return txn;
}

/* The list is in the order of snapshots: its last one is the oldest. */
uint64_t wr_store_oldest_snapshot(wr_store *store)
{
    wr_mutex_lock(&store->lock);
    uint64_t oldest = store->last_commit;
    for (const wr_txn *txn = store->running; txn; txn = txn->older)
        oldest = txn->snapshot;
    wr_mutex_unlock(&store->lock);
    return oldest;
}

static void push_change(wr_txn *txn, wr_change change)
{
    if (txn->change_count == txn->change_cap) {
        uint64_t cap = txn->change_cap ? txn->change_cap * 2 : 16;
        txn->changes = wr_heap_grow(txn->changes, txn->change_cap * sizeof *txn->changes,
                                    cap * sizeof *txn->changes);
        txn->change_cap = cap;
    }
    txn->changes[txn->change_count++] = change;
}

void wr_txn_note(wr_txn *txn, wr_table *table, wr_versions *versions, uint32_t from, uint32_t count,
                 bool is_end)
{
    if (versions) versions->references++;
    push_change(txn, (wr_change){wr_table_keep(table), versions, from, count, is_end});
}

void wr_txn_mark(wr_txn *txn) { push_change(txn, (wr_change){0}); }

static void forget(wr_txn *txn, uint64_t down_to)
{
    while (txn->change_count > down_to) {
        wr_change *change = &txn->changes[--txn->change_count];
        wr_versions_release(change->versions);
        wr_table_release(change->table);
    }
}

static void txn_drop(wr_txn *txn)
{
    wr_store *store = txn->store;
    wr_mutex_lock(&store->lock);
    if (txn->newer)
        txn->newer->older = txn->older;
    else
        store->running = txn->older;
    if (txn->older) txn->older->newer = txn->newer;
    wr_mutex_unlock(&store->lock);
    forget(txn, 0);
    wr_heap_drop(txn->changes);
    wr_heap_drop(txn);
}

uint64_t wr_txn_commit(wr_txn *txn)
{
    wr_store *store = txn->store;
    uint64_t time = 0;
    if (txn->change_count) {
        wr_mutex_lock(&store->lock);
        time = store->last_commit + 1;
        for (uint64_t i = 0; i < txn->change_count; i++) {
            wr_change *change = &txn->changes[i];
            if (!change->count) continue;
            change->table->last_change = time;
            if (!change->is_end) {
                wr_created_set(change->versions, change->from, change->count, txn->id, time);
                continue;
            }
            uint64_t *stamps = change->versions->ended;
            for (uint32_t row = change->from; row < change->from + change->count; row++)
                if (wr_stamp_get(&stamps[row]) == txn->id) wr_stamp_set(&stamps[row], time);
        }
        store->last_commit = time;
        wr_mutex_unlock(&store->lock);
    }
    txn_drop(txn);
    return time;
}

uint64_t wr_txn_id(const wr_txn *txn) { return txn->id; }
uint64_t wr_txn_snapshot(const wr_txn *txn) { return txn->snapshot; }

uint64_t wr_txn_savepoint(wr_txn *txn) { return txn->change_count; }

void wr_txn_rollback_to(wr_txn *txn, uint64_t savepoint)
{
    wr_assert(savepoint <= txn->change_count);
    for (uint64_t i = txn->change_count; i > savepoint; i--) {
        wr_change *change = &txn->changes[i - 1];
        if (change->table && !change->versions) wr_table_unfreeze(change->table);
        if (change->count && !change->is_end)
            wr_created_set(change->versions, change->from, change->count, txn->id, WR_STAMP_NEVER);
        uint64_t *ended = change->is_end ? change->versions->ended : NULL;
        for (uint32_t row = change->from; ended && row < change->from + change->count; row++) {
            if (wr_stamp_get(&ended[row]) != txn->id) continue;
            wr_stamp_set(&ended[row], WR_STAMP_ALIVE);
            change->versions->ended_count--;
        }
    }
    forget(txn, savepoint);
}

void wr_txn_rollback(wr_txn *txn)
{
    wr_txn_rollback_to(txn, 0);
    txn_drop(txn);
}
