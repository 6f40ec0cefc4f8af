/* table.c - appending and ending rows. See chunk.h for the shape of a table.
 *
 * A row's id is chunk number * WR_BATCH_ROWS + row for ever. Batches of many rows become chunks of
 * their own, in narrow widths with bounds, which never grow: what a filter or a join has left of a
 * full batch is not moved once more to fill them up. Smaller ones top up the last chunk, if it is
 * one of such: they are concatenated at full width and narrowed when the chunk is full.
 * Invariant: chunks that grow have an array of stamps (versions->created), the others have none. */
#include "store/chunk.h"
#include "kern/kern.h"

enum { OWN_CHUNK_ROWS = (WR_BATCH_ROWS + 1) / 2 };

/* ---- chunks ---- */

void wr_versions_release(wr_versions *versions)
{
    if (!versions || --versions->references != 0) return;
    wr_heap_drop(versions->created);
    wr_heap_drop(versions->ended);
    wr_mem_release(versions->mem, versions->reserved);
    wr_heap_drop(versions);
}

void wr_created_set(wr_versions *v, uint32_t from, uint32_t count, uint64_t before, uint64_t stamp)
{
    if (!v->created) {
        atomic_compare_exchange_strong(&v->whole, &before, stamp);
        return;
    }
    for (uint32_t row = from; row < from + count; row++)
        if (wr_stamp_get(&v->created[row]) == before) wr_stamp_set(&v->created[row], stamp);
}

/* is_whole: all rows of the chunk come at once, and no others will. */
static weir_status versions_new(wr_mem *mem, bool is_whole, wr_versions **out)
{
    uint64_t size = is_whole ? 0 : WR_BATCH_ROWS * sizeof(uint64_t);
    uint64_t reserved = size + sizeof(wr_versions);
    WR_TRY(wr_mem_reserve(mem, reserved));
    wr_versions *v = *out = wr_heap_new(sizeof *v);
    v->references = 1;
    v->newest = WR_STAMP_NEVER;
    v->mem = mem;
    v->reserved = reserved;
    if (size) v->created = wr_heap_new(size);
    return WR_OK;
}

/* The array of end stamps; the table's lock is held. */
static weir_status ended_of(wr_versions *v, uint64_t **out)
{
    uint64_t size = WR_BATCH_ROWS * sizeof(uint64_t);
    *out = v->ended;
    if (*out) return WR_OK;
    WR_TRY(wr_mem_reserve(v->mem, size));
    v->reserved += size;
    *out = wr_heap_new(size);
    atomic_store_explicit(&v->ended, *out, memory_order_release);
    return WR_OK;
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

/* Integers that may be stored in fewer bytes than their type has. */
static bool is_narrowed(const wr_type *type)
{
    return wr_type_is_int_like(type) && type->phys != WR_P_I128 && type->phys != WR_P_U64;
}

/* The smallest width that values of this range have in a column of the type. */
static wr_phys width_for(const wr_type *type, int64_t lo, int64_t hi)
{
    wr_phys phys = wr_phys_for_range(lo, hi);
    return wr_phys_size(phys) > wr_phys_size(type->phys) ? (wr_phys)type->phys : phys;
}

/* narrow for integers without NULLs, at the width they have; false: there is no loop for it. */
static bool narrow_known(const wr_column *in, uint32_t rows, wr_arena *arena, wr_column *out)
{
    const wr_kern_table *kern = wr_kern();
    int64_t lo, hi;
    if (in->valid || rows == 0 || !kern->fold->range[in->phys]) return false;
    kern->fold->range[in->phys](in->data, rows, &lo, &hi);
    lo += in->base, hi += in->base;
    wr_phys from = (wr_phys)in->phys, to = width_for(in->type, lo, hi);
    if (!kern->move->convert[from][to]) return false;
    void *data = wr_arena_raw(arena, wr_phys_size(to) * rows + 64);
    if (from == to && in->base == 0)
        memcpy(data, in->data, wr_phys_size(to) * rows);
    else
        kern->move->convert[from][to](in->data, in->base, data, rows);
    *out = (wr_column){.type = in->type,
                       .form = WR_FLAT,
                       .phys = (uint8_t)to,
                       .rows = rows,
                       .data = data,
                       .has_bounds = true,
                       .lo = lo,
                       .hi = hi};
    return true;
}

/* Stores flat integers in the smallest width they fit, and notes their bounds. in and out may be
 * the same. */
static void narrow(const wr_column *in, uint32_t rows, wr_arena *arena, wr_column *out)
{
    if (narrow_known(in, rows, arena, out)) return;
    int64_t values[WR_BATCH_ROWS], lo = INT64_MAX, hi = INT64_MIN;
    const uint64_t *valid = in->valid;
    wr_column_flat_i64(in, NULL, rows, values);
    for (uint32_t i = 0; !valid && i < rows; i++) {
        lo = WR_MIN(lo, values[i]);
        hi = WR_MAX(hi, values[i]);
    }
    for (uint32_t i = 0; valid && i < rows; i++) {
        if (!wr_bit_get(valid, i)) {
            values[i] = 0;
            continue;
        }
        lo = WR_MIN(lo, values[i]);
        hi = WR_MAX(hi, values[i]);
    }
    bool any = lo <= hi;
    wr_phys phys = any ? width_for(in->type, lo, hi) : WR_P_I8;
    *out = (wr_column){.type = in->type, .form = WR_FLAT, .phys = (uint8_t)phys, .rows = rows};
    out->has_bounds = any;
    out->lo = any ? lo : 0;
    out->hi = any ? hi : 0;
    out->valid = (uint64_t *)(uintptr_t)valid;
    out->data = wr_arena_alloc(arena, wr_phys_size(phys) * rows + 64);
    wr_kern()->move->convert[WR_P_I64][phys](values, 0, out->data, rows);
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
    WR_ARENA(scratch);
    piece *inner = wr_new_array(&scratch, piece, piece_count);
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
    wr_column *flat = wr_new_array(&scratch, wr_column, piece_count);
    piece *level = wr_new_array(&scratch, piece, piece_count);
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

static bool is_all_valid(const uint64_t *valid, uint32_t rows)
{
    for (uint32_t i = 0; i < rows / 64; i++)
        if (~valid[i]) return false;
    return rows % 64 == 0 || !(~valid[rows / 64] & ((UINT64_C(1) << rows % 64) - 1));
}

/* A column from one that is not nested: what concat and narrow would make of it, at once. */
static void pack(wr_arena *arena, const wr_column *in, uint32_t rows, wr_column *out)
{
    WR_ARENA(scratch);
    wr_column flat = *in;
    const wr_type *type = in->type;
    bool is_int = is_narrowed(type);
    bool is_plain = in->form == WR_FLAT && (is_int || (in->phys == type->phys && in->base == 0));
    if (!is_plain) wr_column_flatten(in, NULL, 0, &scratch, &flat);
    if (flat.valid && is_all_valid(flat.valid, rows)) flat.valid = NULL;
    if (flat.valid) {
        uint64_t *valid = wr_new_array(arena, uint64_t, (rows + 63) / 64 + 1);
        flat.valid = memcpy(valid, flat.valid, (rows + 63) / 64 * sizeof *valid);
    }
    if (is_int) {
        narrow(&flat, rows, arena, out);
        return;
    }
    size_t size = wr_phys_size(type->phys) * rows;
    *out = (wr_column){.type = type, .form = WR_FLAT, .phys = (uint8_t)type->phys, .rows = rows};
    out->valid = flat.valid;
    out->data = wr_arena_raw(arena, size + 64);
    if (size) memcpy(out->data, flat.data, size);
    if (type->phys != WR_P_VIEW) return;
    wr_view *views = out->data;
    for (uint32_t i = 0; out->valid && i < rows; i++)
        if (!wr_bit_get(out->valid, i)) views[i] = (wr_view){.words = {0, 0}};
    for (uint32_t i = 0; i < rows; i++)
        if (views[i].length > 12)
            views[i].pointer = wr_arena_copy(arena, views[i].pointer, views[i].length);
}

/* Whether these rows of a batch are a chunk that is not topped up: all of many. */
static bool is_own_chunk(const wr_batch *batch, uint32_t from, uint32_t count)
{
    return from == 0 && count == batch->rows && count >= OWN_CHUNK_ROWS;
}

/* Bytes that pack takes for a column, long texts aside. */
static size_t packed_size(const wr_column *in, uint32_t rows)
{
    enum { AROUND = 64 + 15 };
    int64_t lo, hi;
    wr_phys phys = (wr_phys)in->type->phys;
    bool is_known = is_narrowed(in->type) && in->form == WR_FLAT && !in->valid;
    if (is_known && wr_kern()->fold->range[in->phys]) {
        wr_kern()->fold->range[in->phys](in->data, rows, &lo, &hi);
        phys = width_for(in->type, lo + in->base, hi + in->base);
    }
    return wr_phys_size(phys) * rows + AROUND + (in->valid ? rows / 8 + AROUND : 0);
}

/* One block for all columns of a chunk: blocks that double would be empty for the greater part. */
static void expect_columns(const wr_schema *schema, const wr_batch *batch, wr_arena *arena)
{
    size_t size = sizeof(wr_column) * (size_t)(schema->count + 1);
    for (int c = 0; c < schema->count; c++)
        if (!wr_type_is_nested(schema->fields[c].type))
            size += packed_size(&batch->columns[c], batch->rows);
    wr_arena_expect(arena, size);
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
    bool is_whole = !old && is_own_chunk(batch, from, count);
    if (is_whole) expect_columns(table->schema, batch, &chunk->arena);
    chunk->columns = wr_new_array(&chunk->arena, wr_column, WR_MAX(columns, 1));
    for (int c = 0; c < columns; c++) {
        const wr_type *type = table->schema->fields[c].type;
        if (is_whole && batch->rows == count && !wr_type_is_nested(type) && type->id != WR_T_NULL) {
            pack(&chunk->arena, &batch->columns[c], count, &chunk->columns[c]);
            continue;
        }
        piece pieces[2];
        int n = 0;
        if (old) pieces[n++] = (piece){&old->columns[c], 0, old_rows};
        pieces[n++] = (piece){&batch->columns[c], from, count};
        concat(&chunk->arena, type, pieces, n, &chunk->columns[c]);
        if (chunk->rows == WR_BATCH_ROWS && is_narrowed(type))
            narrow(&chunk->columns[c], chunk->rows, &chunk->arena, &chunk->columns[c]);
    }
    WR_TRY(wr_mem_reserve(chunk->mem, chunk->arena.total));
    chunk->reserved = chunk->arena.total;
    if (old) {
        chunk->versions = old->versions;
        chunk->versions->references++;
    } else {
        WR_TRY(versions_new(chunk->mem, is_whole, &chunk->versions));
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
    wr_chunk_release(table->gone);
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
    for (uint32_t c = 0; c < table->chunk_count; c++) {
        const wr_chunk *chunk = table->chunks[c];
        if (!chunk->versions->created && !chunk->versions->ended) {
            count += wr_stamp_seen(chunk->versions->whole, txn) ? chunk->rows : 0;
            continue;
        }
        for (uint32_t row = 0; row < chunk->rows; row++)
            count += wr_row_visible(chunk->versions, row, txn);
    }
    wr_mutex_unlock(&table->lock);
    return count;
}

uint64_t wr_table_last_change(const wr_table *table) { return table->last_change; }

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

static bool has_room(const wr_chunk *chunk)
{
    return chunk->rows < WR_BATCH_ROWS && chunk->versions->created;
}

/* Adds rows that fit into the last chunk, or a new one. The lock is held. rowids (of all rows of
 * the batch) may be NULL. */
static weir_status append_piece(wr_table *table, wr_txn *txn, const wr_batch *batch, uint32_t from,
                                uint32_t count, int64_t *rowids)
{
    wr_chunk *last = table->chunk_count ? table->chunks[table->chunk_count - 1] : NULL;
    if (last && (!has_room(last) || is_own_chunk(batch, from, count))) last = NULL;
    uint32_t first = last ? last->rows : 0;
    int64_t first_rowid = (int64_t)(table->chunk_count - (last ? 1 : 0)) * WR_BATCH_ROWS + first;
    for (uint32_t i = 0; rowids && i < count; i++)
        rowids[from + i] = first_rowid + i;
    WR_AUTO(wr_chunk) *chunk = NULL;
    WR_TRY(chunk_new(table, last, batch, from, count, &chunk));
    wr_versions *versions = chunk->versions;
    if (!versions->created) versions->whole = txn->id;
    for (uint32_t row = first; versions->created && row < first + count; row++)
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

static weir_status append_locked(wr_table *table, wr_txn *txn, const wr_batch *batch,
                                 int64_t *rowids)
{
    for (uint32_t from = 0; from < batch->rows;) {
        const wr_chunk *last = table->chunk_count ? table->chunks[table->chunk_count - 1] : NULL;
        uint32_t room = last && has_room(last) ? WR_BATCH_ROWS - last->rows : WR_BATCH_ROWS;
        bool is_own = batch->rows <= WR_BATCH_ROWS && is_own_chunk(batch, from, batch->rows);
        uint32_t count = is_own ? batch->rows : WR_MIN(room, batch->rows - from);
        WR_TRY(append_piece(table, txn, batch, from, count, rowids));
        from += count;
    }
    return WR_OK;
}

weir_status wr_table_check_seen(wr_table *table, wr_txn *txn)
{
    bool unseen = false;
    wr_mutex_lock(&table->lock);
    for (uint32_t c = 0; c < table->chunk_count && !unseen; c++) {
        const wr_versions *versions = table->chunks[c]->versions;
        uint32_t rows = versions->created ? table->chunks[c]->rows : table->chunks[c]->rows > 0;
        for (uint32_t row = 0; row < rows && !unseen; row++) {
            uint64_t created = wr_created_get(versions, row);
            unseen = created != WR_STAMP_NEVER && !wr_stamp_seen(created, txn);
        }
    }
    wr_mutex_unlock(&table->lock);
    if (!unseen) return WR_OK;
    return wr_with_fix(
        wr_fail(WR_E_TXN_CONFLICT, "another transaction adds rows that may refer to these"),
        "run the transaction again");
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
            if (foreign(wr_created_get(versions, row), txn) ||
                foreign(wr_ended_get(versions, row), txn))
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
    return wr_table_append_known(table, txn, batch, NULL);
}

weir_status wr_table_append_known(wr_table *table, wr_txn *txn, const wr_batch *batch,
                                  int64_t *rowids)
{
    wr_assert(batch->column_count >= table->schema->count);
    WR_ARENA(scratch);
    wr_batch dense = *batch;
    if (batch->sel) {
        wr_arena_expect(&scratch, wr_batch_size(batch));
        dense.columns = wr_new_array(&scratch, wr_column, WR_MAX(batch->column_count, 1));
        for (int c = 0; c < batch->column_count; c++)
            wr_column_gather(&batch->columns[c], batch->sel, batch->sel_count, &scratch,
                             &dense.columns[c]);
        dense.rows = batch->sel_count;
        dense.sel = NULL;
    }
    wr_mutex_lock(&table->lock);
    weir_status bad = check_frozen(table, txn);
    if (!bad) bad = append_locked(table, txn, &dense, rowids);
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
    uint64_t *stamps, ended;
    WR_TRY(ended_of(versions, &stamps));
    ended = wr_stamp_get(&stamps[row]);
    if (ended == txn->id) return WR_OK;
    if (ended != WR_STAMP_ALIVE) {
        return wr_with_fix(
            wr_fail(WR_E_TXN_CONFLICT, "another transaction changed or deleted the same row"),
            "run the transaction again");
    }
    wr_stamp_set(&stamps[row], txn->id);
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
    WR_ARENA(scratch);
    piece *pieces = wr_new_array(&scratch, piece, count + 1);
    wr_column *parts = wr_new_array(&scratch, wr_column, count + 1);
    uint16_t *sel = wr_new_array(&scratch, uint16_t, count + 1);
    for (uint32_t i = 0; i < count; i++)
        sel[i] = (uint16_t)((uint64_t)rowids[i] % WR_BATCH_ROWS);
    for (int c = 0; c < columns; c++) {
        const wr_type *type = table->schema->fields[c].type;
        int n = 0;
        for (uint32_t from = 0, to; from < count; from = to) { /* rows of one chunk at a time */
            uint64_t position = (uint64_t)rowids[from] / WR_BATCH_ROWS;
            for (to = from + 1; to < count && (uint64_t)rowids[to] / WR_BATCH_ROWS == position;)
                to++;
            wr_column_gather(&table->chunks[position]->columns[c], sel + from, to - from, &scratch,
                             &parts[n]);
            pieces[n] = (piece){&parts[n], 0, to - from};
            n++;
        }
        if (count)
            concat(arena, type, pieces, n, &out->columns[c]);
        else
            wr_column_init(&out->columns[c], arena, type, type->phys, 1);
    }
    wr_mutex_unlock(&table->lock);
    return WR_OK;
}
