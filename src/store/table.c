/* table.c - appending and ending rows. See chunk.h for the shape of a table.
 *
 * Invariant: only the last chunk of a table may have fewer than WR_BATCH_ROWS rows, so a row's id
 * is chunk number * WR_BATCH_ROWS + row for ever. Full batches that meet a full last chunk are
 * taken over in narrow widths with bounds; rows that top up a chunk are concatenated at full width
 * and narrowed when the chunk is full. */
#include "store/chunk.h"

/* ---- chunks ---- */

void wr_versions_release(wr_versions *versions)
{
    if (versions && --versions->references == 0) wr_heap_drop(versions);
}

wr_chunk *wr_chunk_keep(wr_chunk *chunk)
{
    chunk->references++;
    return chunk;
}

void wr_chunk_release(wr_chunk *chunk)
{
    if (!chunk || --chunk->references != 0) return;
    wr_versions_release(chunk->versions);
    wr_mem_release(chunk->mem, chunk->reserved);
    wr_arena_clear(&chunk->arena);
    wr_heap_drop(chunk);
}
WR_DEFINE_CLEANUP(wr_chunk, wr_chunk_release)

/* Narrows an int-like flat column in place to the smallest width and notes its bounds. */
static void narrow(wr_column *column, uint32_t rows, wr_arena *arena)
{
    if (column->form != WR_FLAT || !wr_type_is_int_like(column->type) ||
        column->phys == WR_P_I128 || column->phys == WR_P_U64 || column->base != 0)
        return;
    int64_t lo = INT64_MAX, hi = INT64_MIN;
    for (uint32_t i = 0; i < rows; i++) {
        if (column->valid && !wr_bit_get(column->valid, i)) continue;
        int64_t value = wr_column_int(column, i);
        lo = WR_MIN(lo, value);
        hi = WR_MAX(hi, value);
    }
    if (lo > hi) return;
    column->has_bounds = true;
    column->lo = lo;
    column->hi = hi;
    wr_phys phys = wr_phys_for_range(lo, hi);
    if (wr_phys_size(phys) >= wr_phys_size(column->phys)) return;
    wr_column small = *column;
    small.phys = phys;
    small.data = wr_arena_alloc(arena, wr_phys_size(phys) * rows);
    for (uint32_t i = 0; i < rows; i++) {
        bool present = !column->valid || wr_bit_get(column->valid, i);
        int64_t value = present ? wr_column_int(column, i) : 0;
        switch (phys) {
        case WR_P_I8:
            ((int8_t *)small.data)[i] = (int8_t)value;
            break;
        case WR_P_I16:
            ((int16_t *)small.data)[i] = (int16_t)value;
            break;
        default:
            ((int32_t *)small.data)[i] = (int32_t)value;
            break;
        }
    }
    *column = small;
}

/* Rows [from, from + count) of column, one of the pieces a new column is made of. */
typedef struct piece {
    const wr_column *column;
    uint32_t from, count;
} piece;

static void concat(wr_arena *arena, const wr_type *type, const piece *pieces, int piece_count,
                   wr_column *out);

static void concat_children(wr_arena *arena, const piece *pieces, int piece_count, uint32_t rows,
                            wr_column *out)
{
    const wr_type *type = out->type;
    piece inner[4];
    wr_assert(piece_count <= (int)WR_COUNT(inner));
    if (type->phys == WR_P_STRUCT) {
        out->children = wr_new_array(arena, wr_column, type->field_count);
        for (int f = 0; f < type->field_count; f++) {
            for (int p = 0; p < piece_count; p++)
                inner[p] = (piece){&pieces[p].column->children[f], pieces[p].from, pieces[p].count};
            concat(arena, type->fields[f].type, inner, piece_count, &out->children[f]);
        }
        return;
    }
    out->children = wr_new_array(arena, wr_column, 1);
    if (type->phys == WR_P_ARRAY) {
        for (int p = 0; p < piece_count; p++)
            inner[p] = (piece){&pieces[p].column->children[0], pieces[p].from * type->array_length,
                               pieces[p].count * type->array_length};
        concat(arena, type->child, inner, piece_count, &out->children[0]);
        return;
    }
    /* LIST and MAP: keep the children of each piece whole and move the offsets. */
    wr_list_slot *slots = out->data;
    uint32_t row = 0, shift = 0;
    for (int p = 0; p < piece_count; p++) {
        const wr_list_slot *from = (const wr_list_slot *)pieces[p].column->data + pieces[p].from;
        for (uint32_t i = 0; i < pieces[p].count; i++, row++)
            slots[row] = wr_bit_get(out->valid, row)
                             ? (wr_list_slot){from[i].offset + shift, from[i].length}
                             : (wr_list_slot){0, 0};
        inner[p] = (piece){&pieces[p].column->children[0], 0, pieces[p].column->children[0].rows};
        shift += inner[p].count;
    }
    wr_assert(row == rows);
    concat(arena, type->child, inner, piece_count, &out->children[0]);
}

/* Puts the pieces behind each other: FLAT at type->phys, nothing shared with the pieces. Pieces are
 * columns of any form. */
static void concat(wr_arena *arena, const wr_type *type, const piece *pieces, int piece_count,
                   wr_column *out)
{
    uint32_t rows = 0;
    WR_ARENA(scratch);
    wr_column flat[4];
    piece level[4];
    wr_assert(piece_count <= (int)WR_COUNT(flat));
    for (int p = 0; p < piece_count; p++) {
        wr_column_flatten(pieces[p].column, NULL, 0, &scratch, &flat[p]);
        level[p] = (piece){&flat[p], pieces[p].from, pieces[p].count};
        rows += pieces[p].count;
    }
    wr_column_init(out, arena, type, type->phys, WR_MAX(rows, 1));
    out->rows = rows;
    uint64_t *valid = wr_column_need_valid(out, arena, WR_MAX(rows, 1));
    size_t width = wr_phys_size(type->phys);
    uint32_t row = 0;
    bool any_null = false;
    for (int p = 0; p < piece_count; p++) {
        const wr_column *column = level[p].column;
        uint32_t from = level[p].from, count = level[p].count;
        if (width && count)
            memcpy((char *)out->data + row * width, (char *)column->data + from * width,
                   count * width);
        for (uint32_t i = 0; i < count && column->valid; i++)
            if (!wr_bit_get(column->valid, from + i)) {
                wr_bit_clear(valid, row + i);
                any_null = true;
            }
        row += count;
    }
    if (type->phys == WR_P_VIEW) {
        wr_view *views = out->data;
        for (uint32_t i = 0; i < rows; i++) {
            if (!wr_bit_get(valid, i)) views[i] = (wr_view){.words = {0, 0}};
            if (views[i].length > 12)
                views[i].pointer = wr_arena_copy(arena, views[i].pointer, views[i].length);
        }
    }
    if (wr_type_is_nested(type)) concat_children(arena, level, piece_count, rows, out);
    if (!any_null) out->valid = NULL;
}

/* A chunk of the rows of old (may be NULL) followed by rows [from, from + count) of batch, which
 * has no selection. */
static weir_status chunk_new(wr_table *table, const wr_chunk *old, const wr_batch *batch,
                             uint32_t from, uint32_t count, wr_chunk **out)
{
    WR_AUTO(wr_chunk) *chunk = wr_heap_new(sizeof *chunk);
    chunk->references = 1;
    chunk->mem = table->store->mem;
    uint32_t old_rows = old ? old->rows : 0;
    chunk->rows = old_rows + count;
    int columns = table->schema->count;
    chunk->columns = wr_new_array(&chunk->arena, wr_column, WR_MAX(columns, 1));
    for (int c = 0; c < columns; c++) {
        piece pieces[2];
        int n = 0;
        if (old) pieces[n++] = (piece){&old->columns[c], 0, old_rows};
        pieces[n++] = (piece){&batch->columns[c], from, count};
        concat(&chunk->arena, table->schema->fields[c].type, pieces, n, &chunk->columns[c]);
        if (chunk->rows == WR_BATCH_ROWS) narrow(&chunk->columns[c], chunk->rows, &chunk->arena);
    }
    uint64_t size = chunk->arena.total + (old ? 0 : sizeof(wr_versions));
    WR_TRY(wr_mem_reserve(chunk->mem, size));
    chunk->reserved = size;
    if (old) {
        chunk->versions = old->versions;
        chunk->versions->references++;
    } else {
        chunk->versions = wr_heap_new(sizeof *chunk->versions);
        chunk->versions->references = 1;
        chunk->versions->newest = WR_STAMP_NEVER;
    }
    *out = WR_TAKE(chunk);
    return WR_OK;
}

/* ---- tables ---- */

wr_table *wr_table_new(wr_store *store, const wr_schema *schema)
{
    wr_table *table = wr_heap_new(sizeof *table);
    table->references = 1;
    table->store = store;
    table->schema = wr_schema_copy(&table->arena, schema);
    wr_mutex_init(&table->lock);
    return table;
}

wr_table *wr_table_keep(wr_table *table)
{
    table->references++;
    return table;
}

void wr_table_release(wr_table *table)
{
    if (!table || --table->references != 0) return;
    for (uint32_t i = 0; i < table->chunk_count; i++)
        wr_chunk_release(table->chunks[i]);
    for (int i = 0; i < table->unique_count; i++)
        wr_unique_drop(table->uniques[i]);
    wr_heap_drop(table->chunks);
    wr_heap_drop(table->uniques);
    wr_mutex_clear(&table->lock);
    wr_arena_clear(&table->arena);
    wr_heap_drop(table);
}

const wr_schema *wr_table_schema(const wr_table *table) { return table->schema; }

uint64_t wr_table_count(wr_table *table, wr_txn *txn)
{
    uint64_t count = 0;
    wr_mutex_lock(&table->lock);
    for (uint32_t c = 0; c < table->chunk_count; c++)
        for (uint32_t row = 0; row < table->chunks[c]->rows; row++)
            count += wr_row_visible(table->chunks[c]->versions, row, txn);
    wr_mutex_unlock(&table->lock);
    return count;
}

int64_t wr_table_next_rowid(wr_table *table)
{
    wr_mutex_lock(&table->lock);
    uint32_t count = table->chunk_count;
    int64_t next =
        count ? (int64_t)(count - 1) * WR_BATCH_ROWS + table->chunks[count - 1]->rows : 0;
    wr_mutex_unlock(&table->lock);
    return next;
}

static void add_chunk(wr_table *table, wr_chunk *chunk)
{
    if (table->chunk_count == table->chunk_cap) {
        uint32_t cap = table->chunk_cap ? table->chunk_cap * 2 : 4;
        table->chunks = wr_heap_grow(table->chunks, table->chunk_cap * sizeof *table->chunks,
                                     cap * sizeof *table->chunks);
        table->chunk_cap = cap;
    }
    table->chunks[table->chunk_count++] = chunk;
}

/* Adds rows that fit into the last chunk, or a new one. The lock is held. */
static weir_status append_piece(wr_table *table, wr_txn *txn, const wr_batch *batch, uint32_t from,
                                uint32_t count)
{
    wr_chunk *last = table->chunk_count ? table->chunks[table->chunk_count - 1] : NULL;
    if (last && last->rows == WR_BATCH_ROWS) last = NULL;
    uint32_t first = last ? last->rows : 0;
    int64_t first_rowid = (int64_t)(table->chunk_count - (last ? 1 : 0)) * WR_BATCH_ROWS + first;
    WR_AUTO(wr_chunk) *chunk = NULL;
    WR_TRY(chunk_new(table, last, batch, from, count, &chunk));
    wr_versions *versions = chunk->versions;
    for (uint32_t row = first; row < first + count; row++)
        wr_stamp_set(&versions->created[row], txn->id);
    if (last) {
        table->chunks[table->chunk_count - 1] = WR_TAKE(chunk);
        wr_chunk_release(last);
    } else {
        add_chunk(table, WR_TAKE(chunk));
    }
    wr_txn_note(txn, table, versions, first, count, false);
    wr_chunk *now = table->chunks[table->chunk_count - 1];
    if (!table->unique_count) return WR_OK;
    wr_column *added = wr_new_array(&now->arena, wr_column, WR_MAX(table->schema->count, 1));
    WR_ARENA(scratch);
    for (int c = 0; c < table->schema->count; c++) {
        piece tail = {&now->columns[c], first, count};
        concat(&scratch, table->schema->fields[c].type, &tail, 1, &added[c]);
    }
    for (int u = 0; u < table->unique_count; u++)
        WR_TRY(wr_unique_insert(table, txn, table->uniques[u], added, count, first_rowid));
    return WR_OK;
}

static weir_status append_locked(wr_table *table, wr_txn *txn, const wr_batch *batch)
{
    for (uint32_t from = 0; from < batch->rows;) {
        uint32_t used =
            table->chunk_count ? table->chunks[table->chunk_count - 1]->rows : WR_BATCH_ROWS;
        uint32_t room = used == WR_BATCH_ROWS ? WR_BATCH_ROWS : WR_BATCH_ROWS - used;
        uint32_t count = WR_MIN(room, batch->rows - from);
        WR_TRY(append_piece(table, txn, batch, from, count));
        from += count;
    }
    return WR_OK;
}

/* ---- replacing a table by an altered one ---- */

static weir_status conflict(void)
{
    return wr_with_fix(wr_fail(WR_E_TXN_CONFLICT, "another transaction is changing the same table"),
                       "run the transaction again");
}

static weir_status check_frozen(const wr_table *table, const wr_txn *txn)
{
    return table->frozen_by && table->frozen_by != txn->id ? conflict() : WR_OK;
}

static bool foreign(uint64_t stamp, const wr_txn *txn)
{
    return stamp >= WR_TXN_FIRST && stamp != WR_STAMP_NEVER && stamp != txn->id;
}

static bool has_foreign_stamp(const wr_table *table, const wr_txn *txn)
{
    for (uint32_t c = 0; c < table->chunk_count; c++) {
        const wr_versions *versions = table->chunks[c]->versions;
        for (uint32_t row = 0; row < table->chunks[c]->rows; row++)
            if (foreign(wr_stamp_get(&versions->created[row]), txn) ||
                foreign(wr_stamp_get(&versions->ended[row]), txn))
                return true;
    }
    return false;
}

weir_status wr_table_freeze(wr_table *table, wr_txn *txn)
{
    wr_mutex_lock(&table->lock);
    weir_status bad = check_frozen(table, txn);
    if (!bad && has_foreign_stamp(table, txn)) bad = conflict();
    bool first = !bad && !table->frozen_by;
    if (first) table->frozen_by = txn->id;
    wr_mutex_unlock(&table->lock);
    if (first) wr_txn_note(txn, table, NULL, 0, 0, false);
    return bad;
}

void wr_table_unfreeze(wr_table *table)
{
    wr_mutex_lock(&table->lock);
    table->frozen_by = 0;
    wr_mutex_unlock(&table->lock);
}

wr_table *wr_table_renamed(wr_table *table, const wr_schema *schema)
{
    wr_assert(schema->count == table->schema->count);
    wr_table *renamed = wr_table_new(table->store, schema);
    wr_mutex_lock(&table->lock);
    for (uint32_t c = 0; c < table->chunk_count; c++)
        add_chunk(renamed, wr_chunk_keep(table->chunks[c]));
    wr_mutex_unlock(&table->lock);
    return renamed;
}

weir_status wr_table_append(wr_table *table, wr_txn *txn, const wr_batch *batch)
{
    wr_assert(batch->column_count >= table->schema->count);
    WR_ARENA(scratch);
    wr_batch dense = *batch;
    if (batch->sel) {
        dense.columns = wr_new_array(&scratch, wr_column, WR_MAX(batch->column_count, 1));
        for (int c = 0; c < batch->column_count; c++)
            wr_column_gather(&batch->columns[c], batch->sel, batch->sel_count, &scratch,
                             &dense.columns[c]);
        dense.rows = batch->sel_count;
        dense.sel = NULL;
    }
    wr_mutex_lock(&table->lock);
    weir_status bad = check_frozen(table, txn);
    if (!bad) bad = append_locked(table, txn, &dense);
    wr_mutex_unlock(&table->lock);
    return bad;
}

static weir_status end_row(wr_table *table, wr_txn *txn, int64_t rowid, uint64_t *count)
{
    uint64_t position = (uint64_t)rowid / WR_BATCH_ROWS;
    uint32_t row = (uint32_t)((uint64_t)rowid % WR_BATCH_ROWS);
    if (rowid < 0 || position >= table->chunk_count || row >= table->chunks[position]->rows)
        return wr_fail(WR_E_INTERNAL, "row %lld does not exist", (long long)rowid);
    wr_versions *versions = table->chunks[position]->versions;
    uint64_t ended = wr_stamp_get(&versions->ended[row]);
    if (ended == txn->id) return WR_OK;
    if (ended != WR_STAMP_ALIVE) {
        return wr_with_fix(
            wr_fail(WR_E_TXN_CONFLICT, "another transaction changed or deleted the same row"),
            "run the transaction again");
    }
    wr_stamp_set(&versions->ended[row], txn->id);
    versions->ended_count++;
    wr_txn_note(txn, table, versions, row, 1, true);
    ++*count;
    return WR_OK;
}

weir_status wr_table_delete(wr_table *table, wr_txn *txn, const int64_t *rowids, uint32_t count,
                            uint64_t *count_out)
{
    uint64_t ended = 0;
    wr_mutex_lock(&table->lock);
    weir_status bad = check_frozen(table, txn);
    for (uint32_t i = 0; i < count && !bad; i++)
        bad = end_row(table, txn, rowids[i], &ended);
    wr_mutex_unlock(&table->lock);
    if (count_out) *count_out = ended;
    return bad;
}

weir_status wr_table_fetch(wr_table *table, wr_txn *txn, const int64_t *rowids, uint32_t count,
                           wr_arena *arena, wr_batch *out)
{
    (void)txn;
    wr_assert(count <= WR_BATCH_ROWS);
    int columns = table->schema->count;
    *out = (wr_batch){.columns = wr_new_array(arena, wr_column, WR_MAX(columns, 1)),
                      .column_count = columns,
                      .rows = count};
    wr_mutex_lock(&table->lock);
    for (int c = 0; c < columns; c++) {
        wr_column whole = {0};
        for (uint32_t i = 0; i < count; i++) {
            wr_chunk *chunk = table->chunks[(uint64_t)rowids[i] / WR_BATCH_ROWS];
            piece pieces[2];
            int n = 0;
            if (i) pieces[n++] = (piece){&whole, 0, i};
            pieces[n++] =
                (piece){&chunk->columns[c], (uint32_t)((uint64_t)rowids[i] % WR_BATCH_ROWS), 1};
            wr_column next;
            concat(arena, table->schema->fields[c].type, pieces, n, &next);
            whole = next;
        }
        if (!count)
            wr_column_init(&whole, arena, table->schema->fields[c].type,
                           table->schema->fields[c].type->phys, 1);
        out->columns[c] = whole;
    }
    wr_mutex_unlock(&table->lock);
    return WR_OK;
}
