/* table_target.c - a table in memory as where a stream delivers.
 *
 * What a round brings is kept until its end and then written by the sink that INSERT uses,
 * defaults, NOT NULL and CHECK included, in a transaction of its own: others see the whole round or
 * nothing. Other transactions may hold rows that are to be replaced; the round is tried again then,
 * for a while.
 *
 * With a primary key only what the round comes to is written. Per key the signs are added up: a key
 * that was there (or not) and gained (or lost) rows is there afterwards with the last row that
 * appeared, or is not.
 *
 * Rows that were replaced are freed from time to time. */
#include "plan/table_sink.h"
#include "sys/clock.h"

static const int64_t PATIENCE_NS = 10 * INT64_C(1000000000);
enum { PAUSE_MS = 2, VACUUM_ROWS = 16 * WR_BATCH_ROWS };

typedef struct table_target {
    wr_target base;
    wr_planner *planner;
    wr_object *object;
    wr_batch_sink *sink;
    int key; /* of the object; -1: none */
    wr_schema schema;
} table_target;

typedef struct table_deliverer {
    wr_deliverer base;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_arena arena; /* of the round */
    WR_LIST(wr_delta) deltas;
    bool takes_back; /* the round has rows with -1 */
    uint64_t ended;  /* rows since the last vacuum */
} table_deliverer;

static const table_target *target_of(const table_deliverer *d)
{
    return (const table_target *)d->base.target;
}

static weir_status table_open(wr_target *target, const wr_deliverer_request *request,
                              wr_deliverer **out)
{
    table_deliverer *d = wr_heap_new(sizeof *d);
    d->base.target = target;
    d->mem = d->arena.mem = request->mem;
    d->cancel = request->cancel;
    *out = &d->base;
    return WR_OK;
}

static weir_status table_write(wr_deliverer *deliverer, const wr_delta *delta)
{
    table_deliverer *d = (table_deliverer *)deliverer;
    wr_delta copy = {0};
    uint32_t count = wr_batch_count(&delta->batch);
    wr_batch_copy(&delta->batch, &d->arena, &copy.batch);
    if (delta->changes) {
        int8_t *changes = wr_new_array(&d->arena, int8_t, count + 1);
        for (uint32_t i = 0; i < count; i++)
            changes[i] = delta->changes[wr_batch_row(&delta->batch, i)];
        copy.changes = changes;
        d->takes_back = true;
    }
    wr_push(&d->arena, &d->deltas, copy);
    return wr_arena_check(&d->arena);
}

/* ---- what a round comes to ---- */

/* Of one key. Rows are named by their delta and their number in it. */
typedef struct outcome {
    struct outcome *next; /* with the same part of the hash */
    uint64_t hash;
    int delta, last_delta; /* of the first row; of the last one that appeared, -1: none did */
    uint32_t row, last_row;
    int64_t sum; /* of the signs */
    bool was_there;
} outcome;

typedef struct outcomes {
    const wr_key_def *key;
    wr_arena *arena;
    outcome **slots;
    uint64_t mask;
    WR_LIST(outcome *) all;
    outcome ***of_row; /* per delta and row: whose first row it is, or NULL */
} outcomes;

static uint64_t key_hash(const wr_key_def *key, const wr_batch *batch, uint32_t row)
{
    uint64_t hash = 0;
    for (int c = 0; c < key->column_count; c++)
        hash = (hash ^ wr_column_hash(&batch->columns[key->columns[c]], row)) *
               UINT64_C(0x9e3779b97f4a7c15);
    return hash ^ hash >> 32;
}

static bool is_same_key(const wr_key_def *key, const wr_batch *a, uint32_t i, const wr_batch *b,
                        uint32_t k)
{
    for (int c = 0; c < key->column_count; c++) {
        int column = key->columns[c];
        if (wr_column_cmp(&a->columns[column], i, &b->columns[column], k) != 0) return false;
    }
    return true;
}

static outcome *find_outcome(const table_deliverer *d, outcomes *os, int delta, uint32_t row)
{
    const wr_batch *batch = &d->deltas.items[delta].batch;
    uint64_t hash = key_hash(os->key, batch, row);
    outcome **slot = &os->slots[hash & os->mask];
    for (outcome *o = *slot; o; o = o->next)
        if (o->hash == hash &&
            is_same_key(os->key, &d->deltas.items[o->delta].batch, o->row, batch, row))
            return o;
    outcome *o = wr_new(os->arena, outcome);
    *o = (outcome){.next = *slot, .hash = hash, .delta = delta, .row = row, .last_delta = -1};
    *slot = o;
    os->of_row[delta][row] = o;
    wr_push(os->arena, &os->all, o);
    return o;
}

static void add_up(const table_deliverer *d, outcomes *os)
{
    uint64_t rows = 0, size = 16;
    os->of_row = wr_new_array(os->arena, outcome **, d->deltas.count + 1);
    for (int i = 0; i < d->deltas.count; i++) {
        rows += d->deltas.items[i].batch.rows;
        os->of_row[i] = wr_new_array(os->arena, outcome *, d->deltas.items[i].batch.rows + 1);
    }
    while (size < rows)
        size *= 2;
    os->slots = wr_new_array(os->arena, outcome *, size);
    os->mask = size - 1;
    for (int i = 0; i < d->deltas.count; i++) {
        const wr_delta *delta = &d->deltas.items[i];
        for (uint32_t row = 0; row < delta->batch.rows; row++) {
            outcome *o = find_outcome(d, os, i, row);
            int sign = delta->changes ? delta->changes[row] : 1;
            o->sum += sign;
            if (sign < 0) continue;
            o->last_delta = i;
            o->last_row = row;
        }
    }
}

/* ---- writing them ---- */

/* The rows of keys that are there and shall not be end. */
static weir_status end_keys(table_deliverer *d, wr_txn *txn, const outcomes *os, int delta)
{
    const table_target *target = target_of(d);
    int64_t found[WR_BATCH_ROWS], gone[WR_BATCH_ROWS];
    uint16_t sel[WR_BATCH_ROWS];
    uint32_t gone_count = 0;
    wr_batch firsts = d->deltas.items[delta].batch;
    for (uint32_t row = 0; row < firsts.rows; row++)
        if (os->of_row[delta][row]) sel[firsts.sel_count++] = (uint16_t)row;
    firsts.sel = sel;
    if (!firsts.sel_count) return WR_OK;
    WR_TRY(wr_table_find_keys(target->object->table, txn, target->key, &firsts, found));
    for (uint32_t i = 0; i < firsts.sel_count; i++) {
        outcome *o = os->of_row[delta][sel[i]];
        o->was_there = found[i] >= 0;
        if (o->was_there && o->sum < 0) gone[gone_count++] = found[i];
    }
    d->ended += gone_count;
    return wr_table_delete(target->object->table, txn, gone, gone_count, NULL);
}

static weir_status write_outcomes(table_deliverer *d, wr_txn *txn, const outcomes *os)
{
    const table_target *target = target_of(d);
    uint64_t **lasts = wr_new_array(&d->arena, uint64_t *, d->deltas.count + 1);
    for (int i = 0; i < d->deltas.count; i++) {
        WR_TRY(end_keys(d, txn, os, i));
        lasts[i] = wr_new_array(&d->arena, uint64_t, (WR_BATCH_ROWS + 63) / 64);
    }
    for (int i = 0; i < os->all.count; i++) {
        const outcome *o = os->all.items[i];
        if (o->last_delta >= 0 && o->was_there + o->sum >= 1)
            wr_bit_set(lasts[o->last_delta], o->last_row);
    }
    for (int i = 0; i < d->deltas.count; i++) {
        uint16_t sel[WR_BATCH_ROWS];
        wr_batch batch = d->deltas.items[i].batch;
        for (uint32_t row = 0; row < batch.rows; row++)
            if (wr_bit_get(lasts[i], row)) sel[batch.sel_count++] = (uint16_t)row;
        batch.sel = sel;
        if (batch.sel_count) WR_TRY(target->sink->write(target->sink, 0, &batch));
        d->ended += batch.sel_count;
    }
    return WR_OK;
}

static weir_status write_all(table_deliverer *d)
{
    const table_target *target = target_of(d);
    for (int i = 0; i < d->deltas.count; i++) {
        WR_TRY(target->sink->write(target->sink, 0, &d->deltas.items[i].batch));
        if (target->key >= 0) d->ended += d->deltas.items[i].batch.rows;
    }
    return WR_OK;
}

/* The round in one transaction, or nothing of it. */
static weir_status try_round(table_deliverer *d, const outcomes *os)
{
    const table_target *target = target_of(d);
    wr_catalog *catalog = target->planner->catalog->catalog;
    if (!wr_catalog_holds(catalog, target->object))
        return wr_fail(WR_E_UNKNOWN_TABLE, "the table %.*s was altered or dropped",
                       WR_STR_ARGS(target->object->name));
    wr_txn *txn = wr_txn_begin(wr_catalog_store(catalog));
    wr_table_sink_restart(target->sink, txn);
    weir_status bad = os ? write_outcomes(d, txn, os) : write_all(d);
    if (!bad) bad = target->sink->finish(target->sink);
    if (bad) {
        target->sink->abort(target->sink);
        wr_txn_rollback(txn);
        return bad;
    }
    wr_txn_commit(txn);
    return WR_OK;
}

static weir_status table_flush(wr_deliverer *deliverer)
{
    table_deliverer *d = (table_deliverer *)deliverer;
    const table_target *target = target_of(d);
    outcomes os = {.key = target->key >= 0 ? &target->object->keys[target->key] : NULL,
                   .arena = &d->arena};
    if (d->takes_back) add_up(d, &os);
    int64_t until = wr_clock_mono_ns() + PATIENCE_NS;
    weir_status bad = WR_OK;
    for (;;) {
        bad = wr_cancel_check(d->cancel);
        if (!bad) bad = try_round(d, d->takes_back ? &os : NULL);
        if (!bad || bad->code != WR_E_TXN_CONFLICT || wr_clock_mono_ns() > until) break;
        wr_status_drop(bad);
        wr_sleep_ms(PAUSE_MS);
    }
    memset(&d->deltas, 0, sizeof d->deltas);
    d->takes_back = false;
    wr_arena_clear(&d->arena);
    d->arena.mem = d->mem;
    if (d->ended >= VACUUM_ROWS) {
        wr_table_vacuum(target->object->table);
        d->ended = 0;
    }
    return bad;
}

static void table_close(wr_deliverer *deliverer)
{
    wr_arena_clear(&((table_deliverer *)deliverer)->arena);
    wr_heap_drop(deliverer);
}

static void table_drop(wr_target *target) { wr_heap_drop(target); }

static const wr_target_def table_def = {.open = table_open,
                                        .write = table_write,
                                        .flush = table_flush,
                                        .close = table_close,
                                        .drop = table_drop};

wr_target *wr_table_target_new(wr_planner *planner, const wr_table_change *change, int key)
{
    table_target *target = wr_heap_new(sizeof *target);
    const wr_object *object = change->object;
    target->base = (wr_target){.def = &table_def,
                               .connector = "table",
                               .schema = *wr_table_schema(object->table),
                               .takes_back = key >= 0,
                               .is_of_process = true,
                               .strongest = WR_DELIVERY_BEST_EFFORT,
                               .why_no_more = "the table is in memory and ends with the process",
                               .references = 1};
    if (key >= 0) {
        target->base.keys = object->keys[key].columns;
        target->base.key_count = object->keys[key].column_count;
    }
    target->planner = planner;
    target->object = change->object;
    target->key = key;
    target->sink = wr_table_sink_new(planner, change);
    return &target->base;
}
