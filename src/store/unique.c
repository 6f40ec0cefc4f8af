/* unique.c - keys that may occur once.
 *
 * A hash table from key hash to row id, with every row ever added (a rolled back or ended row stays
 * and is recognised by its stamps). A new key collides with a row that is alive for the writer, or
 * that another running transaction added or is about to end: that one may still win, so it is
 * refused as well. NULL in a key column never collides. */
#include "store/chunk.h"

typedef struct slot {
    uint64_t hash;
    int64_t rowid; /* -1: empty */
} slot;

struct wr_unique {
    wr_str name;
    bool is_primary;
    int *columns;
    int column_count;
    slot *slots; /* open addressing, power of two, at most 3/4 full */
    uint64_t count, cap;
};

void wr_unique_drop(wr_unique *unique)
{
    if (!unique) return;
    wr_heap_drop(unique->slots);
    wr_heap_drop(unique);
}
WR_DEFINE_CLEANUP(wr_unique, wr_unique_drop)

bool wr_unique_is_on(const wr_unique *unique, int column)
{
    return unique->column_count == 1 && unique->columns[0] == column;
}

int wr_unique_columns(const wr_unique *unique, int most, int *columns)
{
    for (int i = 0; unique->column_count <= most && i < unique->column_count; i++)
        columns[i] = unique->columns[i];
    return unique->column_count;
}

static void put(wr_unique *unique, uint64_t hash, int64_t rowid)
{
    uint64_t i = hash & (unique->cap - 1);
    while (unique->slots[i].rowid >= 0)
        i = (i + 1) & (unique->cap - 1);
    unique->slots[i] = (slot){hash, rowid};
}

static void make_room(wr_unique *unique, uint64_t more)
{
    uint64_t cap = unique->cap ? unique->cap : 64;
    while ((unique->count + more) * 4 > cap * 3)
        cap *= 2;
    if (cap == unique->cap) return;
    slot *old = unique->slots;
    uint64_t old_cap = unique->cap;
    unique->slots = wr_heap_new(cap * sizeof *unique->slots);
    unique->cap = cap;
    for (uint64_t i = 0; i < cap; i++)
        unique->slots[i].rowid = -1;
    for (uint64_t i = 0; i < old_cap; i++)
        if (old[i].rowid >= 0) put(unique, old[i].hash, old[i].rowid);
    wr_heap_drop(old);
}

uint64_t wr_unique_count(const wr_unique *unique) { return unique->count; }

void wr_unique_forget(wr_unique *unique, const bool *chunks)
{
    slot *old = unique->slots;
    uint64_t old_cap = unique->cap;
    if (!old_cap) return;
    uint64_t kept = 0;
    for (uint64_t i = 0; i < old_cap; i++)
        kept += old[i].rowid >= 0 && !chunks[old[i].rowid / WR_BATCH_ROWS];
    unique->slots = NULL;
    unique->cap = unique->count = 0;
    make_room(unique, kept);
    for (uint64_t i = 0; i < old_cap; i++)
        if (old[i].rowid >= 0 && !chunks[old[i].rowid / WR_BATCH_ROWS])
            put(unique, old[i].hash, old[i].rowid);
    unique->count = kept;
    wr_heap_drop(old);
}

/* false when a key column is NULL. columns are in table order. */
static bool key_hash(const wr_unique *unique, const wr_column *columns, uint32_t row, uint64_t *out)
{
    uint64_t hash = 0x9e3779b97f4a7c15u;
    for (int k = 0; k < unique->column_count; k++) {
        const wr_column *column = &columns[unique->columns[k]];
        if (wr_column_is_null(column, row)) return false;
        hash = (hash ^ wr_column_hash(column, row)) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    *out = hash;
    return true;
}

/* Does the row count as taken for txn? */
static bool blocks(const wr_versions *versions, uint32_t row, const wr_txn *txn)
{
    uint64_t created = wr_created_get(versions, row), ended = wr_ended_get(versions, row);
    if (created == WR_STAMP_NEVER || ended == txn->id) return false;
    return ended == WR_STAMP_ALIVE || ended >= WR_TXN_FIRST;
}

static int64_t find(wr_table *table, const wr_unique *unique, const wr_txn *txn,
                    const wr_column *columns, uint32_t row, uint64_t hash)
{
    if (!unique->cap) return -1;
    for (uint64_t i = hash & (unique->cap - 1); unique->slots[i].rowid >= 0;
         i = (i + 1) & (unique->cap - 1)) {
        if (unique->slots[i].hash != hash) continue;
        int64_t rowid = unique->slots[i].rowid;
        wr_chunk *chunk = table->chunks[rowid / WR_BATCH_ROWS];
        uint32_t at = (uint32_t)(rowid % WR_BATCH_ROWS);
        bool same = true;
        for (int k = 0; k < unique->column_count && same; k++) {
            int c = unique->columns[k];
            same = wr_column_cmp(&columns[c], row, &chunk->columns[c], at) == 0;
        }
        if (same && blocks(chunk->versions, at, txn)) return rowid;
    }
    return -1;
}

static weir_status violation(wr_table *table, const wr_unique *unique, const wr_column *columns,
                             uint32_t row)
{
    WR_BUF(names);
    WR_BUF(values);
    for (int k = 0; k < unique->column_count; k++) {
        int c = unique->columns[k];
        wr_buf_printf(&names, "%s%.*s", k ? ", " : "", WR_STR_ARGS(table->schema->fields[c].name));
        if (k) wr_buf_add_text(&values, ", ");
        wr_column_print(&columns[c], row, &values);
    }
    weir_status bad =
        wr_fail(WR_E_UNIQUE_VIOLATION, "the key (%s) = (%s) exists already: %s \"%.*s\"",
                names.data, values.data, unique->is_primary ? "primary key" : "unique constraint",
                WR_STR_ARGS(unique->name));
    return wr_with_hint(bad, "ON CONFLICT DO NOTHING or DO UPDATE says what to do with such rows");
}

weir_status wr_unique_insert(wr_table *table, wr_txn *txn, wr_unique *unique,
                             const wr_column *columns, uint32_t rows, int64_t first_rowid)
{
    make_room(unique, rows);
    for (uint32_t row = 0; row < rows; row++) {
        uint64_t hash;
        if (!key_hash(unique, columns, row, &hash)) {
            for (int k = 0; unique->is_primary && k < unique->column_count; k++)
                if (wr_column_is_null(&columns[unique->columns[k]], row))
                    return wr_fail(WR_E_NOT_NULL_VIOLATION, "NULL in primary key column \"%.*s\"",
                                   WR_STR_ARGS(table->schema->fields[unique->columns[k]].name));
            continue;
        }
        if (find(table, unique, txn, columns, row, hash) >= 0)
            return violation(table, unique, columns, row);
        put(unique, hash, first_rowid + row);
        unique->count++;
    }
    return WR_OK;
}

weir_status wr_table_add_unique(wr_table *table, wr_txn *txn, const int *columns, int count,
                                wr_str constraint_name, bool is_primary)
{
    WR_AUTO(wr_unique) *unique = wr_heap_new(sizeof *unique);
    unique->name = wr_arena_str(&table->arena, constraint_name);
    unique->is_primary = is_primary;
    unique->columns = wr_new_array(&table->arena, int, count);
    memcpy(unique->columns, columns, sizeof(int) * (size_t)count);
    unique->column_count = count;
    wr_mutex_lock(&table->lock);
    weir_status bad = WR_OK;
    for (uint32_t c = 0; c < table->chunk_count && !bad; c++) {
        const wr_chunk *chunk = table->chunks[c];
        for (uint32_t row = 0; row < chunk->rows && !bad; row++) {
            if (!blocks(chunk->versions, row, txn)) continue;
            WR_ARENA(scratch);
            wr_column *one = wr_new_array(&scratch, wr_column, table->schema->count);
            uint16_t sel = (uint16_t)row;
            for (int k = 0; k < count; k++)
                wr_column_gather(&chunk->columns[columns[k]], &sel, 1, &scratch, &one[columns[k]]);
            bad = wr_unique_insert(table, txn, unique, one, 1, (int64_t)c * WR_BATCH_ROWS + row);
        }
    }
    if (!bad) {
        table->uniques =
            wr_heap_grow(table->uniques, (size_t)table->unique_count * sizeof *table->uniques,
                         ((size_t)table->unique_count + 1) * sizeof *table->uniques);
        table->uniques[table->unique_count++] = WR_TAKE(unique);
    }
    wr_mutex_unlock(&table->lock);
    return bad;
}

static bool is_seen(const wr_table *table, const wr_txn *txn, int64_t rowid)
{
    const wr_versions *versions = table->chunks[rowid / WR_BATCH_ROWS]->versions;
    return wr_stamp_seen(wr_created_get(versions, (uint32_t)(rowid % WR_BATCH_ROWS)), txn);
}

weir_status wr_table_find_keys(wr_table *table, wr_txn *txn, int unique_index, const wr_batch *keys,
                               int64_t *rowids)
{
    bool unseen = false;
    wr_mutex_lock(&table->lock);
    const wr_unique *unique = table->uniques[unique_index];
    for (uint32_t i = 0; i < wr_batch_count(keys); i++) {
        uint32_t row = wr_batch_row(keys, i);
        uint64_t hash;
        rowids[i] = key_hash(unique, keys->columns, row, &hash)
                        ? find(table, unique, txn, keys->columns, row, hash)
                        : -1;
        unseen = unseen || (rowids[i] >= 0 && !is_seen(table, txn, rowids[i]));
    }
    wr_mutex_unlock(&table->lock);
    if (!unseen) return WR_OK;
    return wr_with_fix(wr_fail(WR_E_TXN_CONFLICT, "another transaction made a row of the same key"),
                       "run the transaction again");
}

/* What a row with the key means to a row that refers to it. */
typedef enum holding { HOLD_NONE, HOLD_FOUND, HOLD_CONFLICT } holding;

static holding hold(const wr_versions *versions, uint32_t row, const wr_txn *txn)
{
    uint64_t created = wr_created_get(versions, row), ended = wr_ended_get(versions, row);
    if (created == WR_STAMP_NEVER || !wr_stamp_seen(created, txn)) return HOLD_NONE;
    if (ended == WR_STAMP_ALIVE) return HOLD_FOUND;
    return wr_stamp_seen(ended, txn) ? HOLD_NONE : HOLD_CONFLICT;
}

static holding hold_key(wr_table *table, const wr_unique *unique, const wr_txn *txn,
                        const wr_column *columns, uint32_t row, uint64_t hash)
{
    holding best = HOLD_NONE;
    if (!unique->cap) return best;
    for (uint64_t i = hash & (unique->cap - 1); unique->slots[i].rowid >= 0 && best != HOLD_FOUND;
         i = (i + 1) & (unique->cap - 1)) {
        if (unique->slots[i].hash != hash) continue;
        int64_t rowid = unique->slots[i].rowid;
        const wr_chunk *chunk = table->chunks[rowid / WR_BATCH_ROWS];
        uint32_t at = (uint32_t)(rowid % WR_BATCH_ROWS);
        bool same = true;
        for (int k = 0; k < unique->column_count && same; k++) {
            int c = unique->columns[k];
            same = wr_column_cmp(&columns[c], row, &chunk->columns[c], at) == 0;
        }
        holding one = same ? hold(chunk->versions, at, txn) : HOLD_NONE;
        if (one != HOLD_NONE) best = one;
    }
    return best;
}

weir_status wr_table_hold_keys(wr_table *table, wr_txn *txn, int unique_index, const wr_batch *keys,
                               bool *missing)
{
    bool conflict = false;
    wr_mutex_lock(&table->lock);
    const wr_unique *unique = table->uniques[unique_index];
    for (uint32_t i = 0; i < wr_batch_count(keys); i++) {
        uint32_t row = wr_batch_row(keys, i);
        uint64_t hash;
        holding found = key_hash(unique, keys->columns, row, &hash)
                            ? hold_key(table, unique, txn, keys->columns, row, hash)
                            : HOLD_NONE;
        missing[i] = found == HOLD_NONE;
        conflict = conflict || found == HOLD_CONFLICT;
    }
    wr_mutex_unlock(&table->lock);
    if (!conflict) return WR_OK;
    return wr_with_fix(wr_fail(WR_E_TXN_CONFLICT,
                               "another transaction changed or deleted a row that is referred to"),
                       "run the transaction again");
}
