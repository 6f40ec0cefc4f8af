/* view_rows.c - the operator that keeps the rows of a view in a table. See view.h.
 *
 * Rows are appended as they come, in a transaction that begins with the first of a round and ends
 * with the flush; rows that are taken back wait for the flush, when every row they may mean is
 * there. They are found by a hash of all columns and compared with what the table has.
 *
 * A row that ends leaves its place behind. A chunk of the table that has little left is emptied by
 * moving the rest, so that dead rows never take more than a few times the room of those alive; the
 * store frees chunks when nobody sees their rows any more.
 *
 * The state has a row per row that is there: its serial number, big endian, and the row. What came
 * since the last commit is known by its serial numbers (fresh), of what went only those below. */
#include "store/packed.h"
#include "stream/ops/row_index.h"
#include "stream/view.h"
#include "sys/clock.h"
#include <stdio.h>
#include <stdlib.h>

enum {
    SPARSE_PART = 4,      /* chunks with less than a fourth of their rows alive are emptied */
    EMPTY_CHUNKS_MIN = 8, /* fewer of them are not worth a vacuum */
    RETRIES_MAX = 64,     /* of rows whose hash others have */
    SERIAL_BYTES = 8
};

/* What is alive in one chunk of the table. */
typedef struct view_chunk {
    uint64_t alive[(WR_BATCH_ROWS + 63) / 64];
    uint32_t count;
    bool is_listed; /* among the sparse ones */
} view_chunk;

typedef struct view_rows {
    wr_stream_op op;
    wr_txn *txn;    /* of the round; NULL: nothing came */
    wr_round *said; /* what readers are told; NULL: there are none, or nothing came */
    wr_round *back; /* rows to take back at the flush */
    wr_row_index index;
    view_chunk **chunks; /* by number; NULL: nothing is alive there. In mem */
    uint64_t chunk_count, chunk_cap;
    uint64_t *sparse; /* numbers of chunks */
    uint64_t sparse_count, sparse_cap;
    uint64_t empty_chunks; /* not given back yet, about */
    /* state */
    uint64_t next_serial, saved_serial; /* those below saved_serial are in the state */
    int64_t *fresh;                     /* rowids by serial - saved_serial; -1: gone again */
    uint64_t fresh_cap;
    uint64_t *gone; /* serials below saved_serial */
    uint64_t gone_count, gone_cap;
    wr_arena scratch;
} view_rows;

static const wr_view_rows_spec *spec_of(const view_rows *v) { return v->op.spec; }
static wr_table *table_of(const view_rows *v) { return wr_view_rows_table(spec_of(v)->view); }

/* ---- lists ---- */

static weir_status need(view_rows *v, void **items, size_t size, uint64_t count, uint64_t *cap)
{
    if (count <= *cap) return WR_OK;
    uint64_t more = WR_MAX(count, WR_MAX(*cap * 2, UINT64_C(64)));
    WR_TRY(wr_mem_grow(v->op.mem, items, size * *cap, size * more));
    *cap = more;
    return WR_OK;
}

/* ---- chunks ---- */

static weir_status note_alive(view_rows *v, int64_t rowid)
{
    uint64_t number = (uint64_t)rowid / WR_BATCH_ROWS, row = (uint64_t)rowid % WR_BATCH_ROWS;
    WR_TRY(need(v, (void **)&v->chunks, sizeof *v->chunks, number + 1, &v->chunk_cap));
    while (v->chunk_count <= number)
        v->chunks[v->chunk_count++] = NULL;
    if (!v->chunks[number]) {
        void *chunk;
        WR_TRY(wr_mem_zalloc(v->op.mem, sizeof(view_chunk), &chunk));
        v->chunks[number] = chunk;
    }
    wr_bit_set(v->chunks[number]->alive, (uint32_t)row);
    v->chunks[number]->count++;
    return WR_OK;
}

static weir_status note_end(view_rows *v, int64_t rowid)
{
    uint64_t number = (uint64_t)rowid / WR_BATCH_ROWS;
    view_chunk *chunk = v->chunks[number];
    wr_bit_clear(chunk->alive, (uint32_t)((uint64_t)rowid % WR_BATCH_ROWS));
    chunk->count--;
    if (chunk->is_listed || chunk->count > WR_BATCH_ROWS / SPARSE_PART) return WR_OK;
    WR_TRY(need(v, (void **)&v->sparse, sizeof *v->sparse, v->sparse_count + 1, &v->sparse_cap));
    v->sparse[v->sparse_count++] = number;
    chunk->is_listed = true;
    return WR_OK;
}

/* ---- rows that come ---- */

static weir_status begin_round(view_rows *v)
{
    const wr_view_rows_spec *spec = spec_of(v);
    if (v->txn) return WR_OK;
    v->txn = wr_txn_begin(wr_view_rows_store(spec->view));
    if (wr_view_rows_has_readers(spec->view)) v->said = wr_round_new(wr_view_rows_mem(spec->view));
    return WR_OK;
}

/* A row has its place in the table. */
static weir_status note_row(view_rows *v, const wr_batch *batch, uint32_t row, int64_t rowid,
                            uint64_t serial)
{
    if (!spec_of(v)->takes_back) return WR_OK;
    WR_TRY(note_alive(v, rowid));
    return wr_row_index_add(&v->index, wr_row_hash(batch, row), rowid, serial);
}

static weir_status add_rows(view_rows *v, const wr_batch *batch)
{
    uint32_t count = wr_batch_count(batch);
    int64_t rowids[WR_BATCH_ROWS];
    if (!count) return WR_OK;
    WR_TRY(wr_table_append_known(table_of(v), v->txn, batch, rowids));
    uint64_t fresh = v->next_serial - v->saved_serial;
    if (spec_of(v)->keeps_state)
        WR_TRY(need(v, (void **)&v->fresh, sizeof *v->fresh, fresh + count, &v->fresh_cap));
    for (uint32_t i = 0; i < count; i++) {
        if (spec_of(v)->keeps_state) v->fresh[fresh + i] = rowids[i];
        WR_TRY(note_row(v, batch, wr_batch_row(batch, i), rowids[i], v->next_serial + i));
    }
    v->next_serial += count;
    return WR_OK;
}

/* The rows of a delta with that sign. */
static void rows_of(const wr_delta *delta, bool appear, uint16_t *sel, wr_delta *out)
{
    uint32_t count = 0;
    for (uint32_t i = 0, rows = wr_batch_count(&delta->batch); i < rows; i++) {
        uint32_t row = wr_batch_row(&delta->batch, i);
        if ((delta->changes[row] > 0) == appear) sel[count++] = (uint16_t)row;
    }
    *out = (wr_delta){.batch = delta->batch};
    out->batch.sel = sel;
    out->batch.sel_count = count;
}

static weir_status view_push(wr_stream_op *op, int input, const wr_delta *delta)
{
    (void)input;
    view_rows *v = (view_rows *)op;
    WR_TRY(begin_round(v));
    if (delta->changes) {
        uint16_t sel[WR_BATCH_ROWS];
        wr_delta part;
        wr_assert(spec_of(v)->takes_back);
        rows_of(delta, true, sel, &part);
        WR_TRY(add_rows(v, &part.batch));
        rows_of(delta, false, sel, &part);
        if (!v->back) v->back = wr_round_new(op->mem);
        WR_TRY(wr_round_add(v->back, &part));
    } else {
        WR_TRY(add_rows(v, &delta->batch));
    }
    if (v->said) WR_TRY(wr_round_add(v->said, delta));
    return wr_stream_emit(op, delta);
}

/* ---- rows that are taken back ---- */

/* One row of a batch that looks for the row of the table it means. */
typedef struct seeker {
    uint32_t row;
    uint64_t hash, probe;
    wr_row_place *place;
} seeker;

static int by_rowid(const void *a, const void *b)
{
    int64_t x = (*(seeker *const *)a)->place->rowid, y = (*(seeker *const *)b)->place->rowid;
    return x < y ? -1 : x > y;
}

static bool is_equal(const wr_batch *a, uint32_t i, const wr_batch *b, uint32_t k)
{
    for (int c = 0; c < a->column_count; c++)
        if (wr_column_cmp(&a->columns[c], i, &b->columns[c], k) != 0) return false;
    return true;
}

/* Compares those that have a candidate with it; those that do not equal theirs look on. */
static weir_status compare(view_rows *v, const wr_batch *batch, seeker **looking, uint32_t *count)
{
    int64_t rowids[WR_BATCH_ROWS];
    wr_batch found;
    uint32_t left = 0;
    qsort(looking, *count, sizeof *looking, by_rowid); /* rows of a chunk are read together */
    for (uint32_t i = 0; i < *count; i++)
        rowids[i] = looking[i]->place->rowid;
    WR_TRY(wr_table_fetch(table_of(v), v->txn, rowids, *count, &v->scratch, &found));
    for (uint32_t i = 0; i < *count; i++) {
        if (is_equal(batch, looking[i]->row, &found, i)) continue;
        looking[i]->place->is_taken = false;
        looking[left++] = looking[i];
    }
    *count = left;
    return WR_OK;
}

/* Gives each of those who look on a candidate; those without one are moved behind the others. */
static uint32_t choose(view_rows *v, seeker **looking, uint32_t count)
{
    uint32_t ready = 0;
    for (uint32_t i = 0; i < count; i++) {
        seeker *s = looking[i];
        s->place = wr_row_index_next(&v->index, s->hash, &s->probe);
        if (!s->place) {
            s->probe = 0; /* somebody may have what it wants, and not want it */
            continue;
        }
        s->place->is_taken = true;
        looking[i] = looking[ready];
        looking[ready++] = s;
    }
    return ready;
}

static weir_status find_rows(view_rows *v, const wr_batch *batch, seeker *seekers, uint32_t count)
{
    seeker **looking = wr_new_array(&v->scratch, seeker *, count + 1);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t row = wr_batch_row(batch, i);
        seekers[i] = (seeker){.row = row, .hash = wr_row_hash(batch, row)};
        looking[i] = &seekers[i];
    }
    int retries = 0;
    for (uint32_t left = count; left;) {
        uint32_t ready = choose(v, looking, left), waiting = left - ready, refused = ready;
        WR_TRY(compare(v, batch, looking, &refused));
        if (waiting && (!refused || ++retries > RETRIES_MAX))
            return wr_fail(WR_E_INTERNAL, "a row is taken back that the view does not have");
        memmove(looking + refused, looking + ready, sizeof *looking * waiting);
        left = refused + waiting;
    }
    return WR_OK;
}

static weir_status forget_serial(view_rows *v, uint64_t serial)
{
    if (!spec_of(v)->keeps_state) return WR_OK;
    if (serial >= v->saved_serial) {
        v->fresh[serial - v->saved_serial] = -1;
        return WR_OK;
    }
    WR_TRY(need(v, (void **)&v->gone, sizeof *v->gone, v->gone_count + 1, &v->gone_cap));
    v->gone[v->gone_count++] = serial;
    return WR_OK;
}

static weir_status take_back(view_rows *v, const wr_batch *batch)
{
    uint32_t count = wr_batch_count(batch);
    wr_arena_reset(&v->scratch);
    seeker *seekers = wr_new_array(&v->scratch, seeker, count + 1);
    int64_t *rowids = wr_new_array(&v->scratch, int64_t, count + 1);
    WR_TRY(find_rows(v, batch, seekers, count));
    for (uint32_t i = 0; i < count; i++) {
        rowids[i] = seekers[i].place->rowid;
        WR_TRY(forget_serial(v, seekers[i].place->serial));
        WR_TRY(note_end(v, rowids[i]));
    }
    for (uint32_t i = 0; i < count; i++) /* places move from here on */
        wr_row_index_remove(&v->index, seekers[i].hash, rowids[i]);
    return wr_table_delete(table_of(v), v->txn, rowids, count, NULL);
}

/* ---- keeping the table dense ---- */

/* The rows of a chunk go to the end of the table. */
static weir_status move_rows(view_rows *v, view_chunk *chunk, uint64_t number)
{
    int64_t from[WR_BATCH_ROWS], to[WR_BATCH_ROWS];
    uint32_t count = 0;
    wr_batch rows;
    for (uint32_t row = 0; row < WR_BATCH_ROWS; row++)
        if (wr_bit_get(chunk->alive, row)) from[count++] = (int64_t)(number * WR_BATCH_ROWS + row);
    if (!count) return WR_OK;
    wr_arena_reset(&v->scratch);
    WR_TRY(wr_table_fetch(table_of(v), v->txn, from, count, &v->scratch, &rows));
    WR_TRY(wr_table_delete(table_of(v), v->txn, from, count, NULL));
    WR_TRY(wr_table_append_known(table_of(v), v->txn, &rows, to));
    for (uint32_t i = 0; i < count; i++) {
        wr_row_place *place = wr_row_index_at(&v->index, wr_row_hash(&rows, i), from[i]);
        place->rowid = to[i];
        if (spec_of(v)->keeps_state && place->serial >= v->saved_serial)
            v->fresh[place->serial - v->saved_serial] = to[i];
        WR_TRY(note_alive(v, to[i]));
    }
    return WR_OK;
}

static weir_status empty_sparse_chunks(view_rows *v)
{
    uint64_t last = (uint64_t)wr_table_next_rowid(table_of(v)) / WR_BATCH_ROWS, left = 0;
    for (uint64_t i = 0; i < v->sparse_count; i++) {
        uint64_t number = v->sparse[i];
        if (number + 1 >= last) { /* rows may still come there */
            v->sparse[left++] = number;
            continue;
        }
        WR_TRY(move_rows(v, v->chunks[number], number));
        wr_mem_free(v->op.mem, v->chunks[number], sizeof(view_chunk));
        v->chunks[number] = NULL;
        v->empty_chunks++;
    }
    v->sparse_count = left;
    return WR_OK;
}

static void vacuum(view_rows *v)
{
    if (v->empty_chunks < EMPTY_CHUNKS_MIN) return;
    uint64_t chunks = wr_table_vacuum(table_of(v)) / WR_MAX(WR_BATCH_ROWS / 2, 1);
    v->empty_chunks -= WR_MIN(v->empty_chunks, WR_MAX(chunks, v->empty_chunks / 2));
}

/* ---- the end of a round ---- */

static weir_status view_flush(wr_stream_op *op)
{
    view_rows *v = (view_rows *)op;
    wr_round *said = v->said;
    if (v->txn) {
        for (int i = 0; v->back && i < v->back->delta_count; i++)
            WR_TRY(take_back(v, &v->back->deltas[i].batch));
        wr_round_release(v->back);
        v->back = NULL;
        WR_TRY(empty_sparse_chunks(v));
        wr_txn_commit(v->txn);
        v->txn = NULL;
        vacuum(v);
    }
    if (said) said->time_us = wr_clock_unix_us();
    v->said = NULL;
    return wr_view_rows_publish(spec_of(v)->view, said, op->graph->env->cancel);
}

/* ---- state ---- */

static wr_str serial_key(uint8_t out[SERIAL_BYTES], uint64_t serial)
{
    for (int i = 0; i < SERIAL_BYTES; i++)
        out[i] = (uint8_t)(serial >> (56 - 8 * i));
    return (wr_str){(const char *)out, SERIAL_BYTES};
}

static weir_status save_rows(view_rows *v, wr_state *state, const uint64_t *serials,
                             const int64_t *rowids, uint32_t count)
{
    WR_BUF(packed);
    wr_batch rows;
    uint8_t key[SERIAL_BYTES];
    wr_arena_reset(&v->scratch);
    WR_TRY(wr_table_fetch(table_of(v), NULL, rowids, count, &v->scratch, &rows));
    for (uint32_t i = 0; i < count; i++) {
        wr_buf_clear(&packed);
        wr_row_append(&packed, rows.columns, rows.column_count, i);
        WR_TRY(
            wr_state_put(state, v->op.section, serial_key(key, serials[i]), wr_buf_str(&packed)));
    }
    return WR_OK;
}

static weir_status view_save(wr_stream_op *op, wr_state *state)
{
    view_rows *v = (view_rows *)op;
    uint8_t key[SERIAL_BYTES];
    uint64_t serials[WR_BATCH_ROWS];
    int64_t rowids[WR_BATCH_ROWS];
    uint32_t count = 0;
    for (uint64_t i = 0; i < v->gone_count; i++)
        WR_TRY(wr_state_delete(state, op->section, serial_key(key, v->gone[i])));
    for (uint64_t serial = v->saved_serial; serial < v->next_serial; serial++) {
        int64_t rowid = v->fresh[serial - v->saved_serial];
        if (rowid < 0) continue;
        serials[count] = serial;
        rowids[count++] = rowid;
        if (count < WR_BATCH_ROWS) continue;
        WR_TRY(save_rows(v, state, serials, rowids, count));
        count = 0;
    }
    return count ? save_rows(v, state, serials, rowids, count) : WR_OK;
}

static void view_settled(wr_stream_op *op, bool committed)
{
    view_rows *v = (view_rows *)op;
    if (!committed || !spec_of(v)->keeps_state) return;
    wr_mem_free(op->mem, v->fresh, v->fresh_cap * sizeof *v->fresh);
    wr_mem_free(op->mem, v->gone, v->gone_cap * sizeof *v->gone);
    v->fresh = NULL;
    v->gone = NULL;
    v->fresh_cap = v->gone_count = v->gone_cap = 0;
    v->saved_serial = v->next_serial;
}

/* Columns that rows of the state are read into, and their numbers. */
typedef struct loading {
    wr_arena arena;
    wr_column *columns;
    wr_growing *growing;
    uint64_t serials[WR_BATCH_ROWS];
    uint32_t count;
} loading;

static void restart(const view_rows *v, loading *l)
{
    const wr_schema *schema = v->op.schema;
    wr_arena_reset(&l->arena);
    l->count = 0;
    l->columns = wr_new_array(&l->arena, wr_column, schema->count + 1);
    l->growing = wr_new_array(&l->arena, wr_growing, schema->count + 1);
    for (int c = 0; c < schema->count; c++) {
        wr_growing_init(&l->growing[c], &l->columns[c], schema->fields[c].type, &l->arena);
        wr_growing_need(&l->growing[c], WR_BATCH_ROWS, &l->arena);
    }
}

static weir_status append_loaded(view_rows *v, loading *l)
{
    int64_t rowids[WR_BATCH_ROWS];
    const wr_batch batch = {
        .columns = l->columns, .column_count = v->op.schema->count, .rows = l->count};
    if (!l->count) return WR_OK;
    WR_TRY(wr_table_append_known(table_of(v), v->txn, &batch, rowids));
    for (uint32_t i = 0; i < l->count; i++)
        WR_TRY(note_row(v, &batch, i, rowids[i], l->serials[i]));
    restart(v, l);
    return WR_OK;
}

static weir_status load_row(view_rows *v, loading *l, wr_str key, wr_str value)
{
    uint64_t serial = 0;
    if (key.length != SERIAL_BYTES)
        return wr_fail(WR_E_CORRUPT, "a row of the view has a key of %zu bytes", key.length);
    for (int i = 0; i < SERIAL_BYTES; i++)
        serial = serial << 8 | (uint8_t)key.data[i];
    WR_TRY(wr_row_read(&value, l->growing, v->op.schema->count, &l->arena));
    l->serials[l->count++] = serial;
    v->next_serial = v->saved_serial = serial + 1;
    return l->count == WR_BATCH_ROWS ? append_loaded(v, l) : WR_OK;
}

static weir_status load_all(view_rows *v, wr_state *state, loading *l)
{
    WR_AUTO(wr_state_cursor) *cursor = NULL;
    restart(v, l);
    WR_TRY(wr_state_seek(state, v->op.section, (wr_str){0}, &cursor));
    for (;;) {
        wr_str key, value;
        bool more;
        WR_TRY(wr_state_next(cursor, &key, &value, &more));
        if (!more) return append_loaded(v, l);
        WR_TRY(load_row(v, l, key, value));
    }
}

static weir_status view_load(wr_stream_op *op, wr_state *state)
{
    view_rows *v = (view_rows *)op;
    loading l = {0};
    WR_TRY(begin_round(v));
    weir_status bad = load_all(v, state, &l);
    wr_arena_clear(&l.arena);
    if (bad) return bad;
    wr_txn_commit(v->txn);
    v->txn = NULL;
    return WR_OK;
}

/* ---- life ---- */

static weir_status view_rows_open(wr_stream_op *op)
{
    ((view_rows *)op)->index.mem = op->mem;
    bool takes_back = ((const wr_view_rows_spec *)op->spec)->takes_back;
    snprintf(op->note, sizeof op->note, "%s",
             takes_back ? "a table; rows are found by a hash of all columns" : "a table");
    return WR_OK;
}

static void view_rows_close(wr_stream_op *op)
{
    view_rows *v = (view_rows *)op;
    if (v->txn) wr_txn_rollback(v->txn);
    wr_round_release(v->said);
    wr_round_release(v->back);
    if (v->index.mem) wr_row_index_clear(&v->index);
    for (uint64_t i = 0; i < v->chunk_count; i++)
        if (v->chunks[i]) wr_mem_free(op->mem, v->chunks[i], sizeof(view_chunk));
    wr_mem_free(op->mem, v->chunks, v->chunk_cap * sizeof *v->chunks);
    wr_mem_free(op->mem, v->sparse, v->sparse_cap * sizeof *v->sparse);
    wr_mem_free(op->mem, v->fresh, v->fresh_cap * sizeof *v->fresh);
    wr_mem_free(op->mem, v->gone, v->gone_cap * sizeof *v->gone);
    wr_arena_clear(&v->scratch);
}

const wr_stream_op_def wr_stream_view = {.name = "view",
                                         .size = sizeof(view_rows),
                                         .is_stateful = true,
                                         .takes_back = true,
                                         .open = view_rows_open,
                                         .push = view_push,
                                         .flush = view_flush,
                                         .save = view_save,
                                         .settled = view_settled,
                                         .load = view_load,
                                         .close = view_rows_close};
