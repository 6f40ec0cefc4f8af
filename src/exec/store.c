/* store.c - see store.h. */
#include "exec/store.h"
#include "base/pages.h"
#include <stdlib.h>

enum { SPILL_SHARE = 70, STAY_SHARE = 50 };

void wr_store_init(wr_store *store, wr_op *op, const wr_schema *schema, int parts)
{
    wr_arena *arena = &op->arena;
    const wr_type **types = wr_new_array(arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    store->op = op;
    wr_spill_init(&store->spill, op);
    wr_rows_layout_init(&store->layout, arena, types, schema->count, 0);
    store->parts = wr_new_array(arena, wr_store_part, parts);
    store->part_count = parts;
}

void wr_store_empty(wr_store *store)
{
    for (int i = 0; i < store->part_count; i++) {
        wr_store_part *p = &store->parts[i];
        wr_rows_drop(p->rows);
        wr_tape_clear(&p->tape);
        wr_heap_drop(p->starts);
        wr_heap_drop(p->stretches);
        *p = (wr_store_part){0};
    }
    wr_heap_drop(store->stretches);
    store->stretches = NULL;
    store->stretch_count = 0;
    store->rows = 0;
    if (!store->spill.file) return;
    wr_spill_clear(&store->spill); /* the next rows get a new file */
    wr_spill_init(&store->spill, store->op);
}

void wr_store_clear(wr_store *store)
{
    if (!store->parts) return;
    wr_store_empty(store);
    wr_spill_clear(&store->spill);
}

static weir_status spill(wr_store *store, wr_store_part *p)
{
    WR_TRY(wr_tape_write_all(&store->spill, &p->tape, p->rows));
    wr_rows_empty(p->rows);
    wr_pages_trim();
    return WR_OK;
}

weir_status wr_store_add(wr_store *store, int part, uint64_t morsel, const wr_batch *batch)
{
    wr_store_part *p = &store->parts[part];
    uint32_t count = wr_batch_count(batch);
    if (count == 0) return WR_OK;
    if (!p->rows) WR_TRY(wr_rows_new(store->op->mem, &store->layout, &p->rows));
    wr_stretch *last = p->count ? &p->stretches[p->count - 1] : NULL;
    if (!last || last->morsel != morsel) {
        if (p->count == p->cap) {
            uint32_t cap = p->cap ? p->cap * 2 : 16;
            p->stretches =
                wr_heap_grow(p->stretches, p->cap * sizeof(wr_stretch), cap * sizeof(wr_stretch));
            p->cap = cap;
        }
        last = &p->stretches[p->count++];
        *last = (wr_stretch){.morsel = morsel,
                             .part = part,
                             .from = wr_rows_end(p->rows),
                             .first = p->tape.rows + wr_rows_count(p->rows)};
    }
    WR_TRY(wr_rows_append(p->rows, batch->columns, batch->sel, count, NULL));
    last->count += count;
    bool is_due = wr_spill_is_due(store->op, wr_rows_bytes(p->rows), 0, SPILL_SHARE);
    return is_due ? spill(store, p) : WR_OK;
}

static int by_morsel(const void *a, const void *b)
{
    const wr_stretch *x = a, *y = b;
    return (x->morsel > y->morsel) - (x->morsel < y->morsel);
}

/* Afterwards the part is either in memory or on its tape. */
static weir_status seal_part(wr_store *store, wr_store_part *p)
{
    if (!p->rows) return WR_OK;
    bool is_spilled = p->tape.count > 0;
    if (is_spilled || wr_spill_is_due(store->op, wr_rows_bytes(p->rows), 0, STAY_SHARE))
        WR_TRY(spill(store, p));
    p->starts = wr_heap_new(sizeof *p->starts * (p->tape.count + 1));
    for (uint32_t i = 0; i < p->tape.count; i++)
        p->starts[i + 1] = p->starts[i] + p->tape.blocks[i].rows;
    return WR_OK;
}

weir_status wr_store_seal(wr_store *store)
{
    uint32_t total = 0;
    for (int i = 0; i < store->part_count; i++) {
        WR_TRY(seal_part(store, &store->parts[i]));
        total += store->parts[i].count;
    }
    store->stretches = wr_heap_new(sizeof(wr_stretch) * (total + 1));
    for (int i = 0; i < store->part_count; i++) {
        const wr_store_part *p = &store->parts[i];
        if (p->count)
            memcpy(store->stretches + store->stretch_count, p->stretches,
                   p->count * sizeof(wr_stretch));
        store->stretch_count += p->count;
        store->rows += p->tape.rows + (p->rows ? wr_rows_count(p->rows) : 0);
    }
    qsort(store->stretches, store->stretch_count, sizeof(wr_stretch), by_morsel);
    return WR_OK;
}

void wr_store_reader_close(wr_store_reader *reader)
{
    wr_rows_drop(reader->block);
    *reader = (wr_store_reader){0};
}

static weir_status next_block(wr_store *store, wr_store_reader *reader)
{
    const wr_store_part *p = &store->parts[reader->stretch->part];
    wr_rows_empty(reader->block);
    reader->at = (wr_rows_cursor){0, 0};
    return wr_tape_load(&store->spill, &p->tape, reader->next++, reader->block);
}

weir_status wr_store_seek(wr_store *store, wr_store_reader *reader, uint32_t index)
{
    const wr_stretch *stretch = reader->stretch = &store->stretches[index];
    const wr_store_part *p = &store->parts[stretch->part];
    reader->at = stretch->from;
    reader->left = stretch->count;
    if (p->tape.count == 0) return WR_OK;
    if (!reader->block) WR_TRY(wr_rows_new(store->op->mem, &store->layout, &reader->block));
    uint32_t lo = 0, hi = p->tape.count; /* starts[lo] <= first < starts[hi] */
    while (hi - lo > 1) {
        uint32_t middle = lo + (hi - lo) / 2;
        if (p->starts[middle] <= stretch->first)
            lo = middle;
        else
            hi = middle;
    }
    reader->next = lo;
    WR_TRY(next_block(store, reader));
    reader->at.slot = (uint32_t)(stretch->first - p->starts[lo]);
    return WR_OK;
}

void wr_rows_batch(const wr_rows_layout *layout, int columns, uint8_t *const *addresses,
                   uint32_t count, wr_arena *arena, wr_batch *out)
{
    *out = (wr_batch){.column_count = columns, .rows = count};
    out->columns = wr_new_array(arena, wr_column, columns + 1);
    wr_rows_gather_all(layout, columns, addresses, count, arena, out->columns);
}

weir_status wr_store_read(wr_store *store, wr_store_reader *reader, wr_arena *scratch,
                          wr_batch *out, bool *more)
{
    uint8_t *addresses[WR_BATCH_ROWS];
    *more = false;
    if (reader->left == 0) return WR_OK;
    const wr_store_part *p = &store->parts[reader->stretch->part];
    bool on_tape = p->tape.count > 0;
    uint32_t wanted = (uint32_t)WR_MIN(reader->left, (uint64_t)WR_BATCH_ROWS);
    const wr_rows *rows = on_tape ? reader->block : p->rows;
    uint32_t n = wr_rows_next(rows, &reader->at, addresses, wanted);
    if (n == 0 && on_tape) {
        WR_TRY(next_block(store, reader));
        n = wr_rows_next(rows, &reader->at, addresses, wanted);
    }
    reader->left -= n;
    if (n == 0) return WR_OK;
    *more = true;
    wr_arena_reset(scratch);
    wr_rows_batch(&store->layout, store->layout.column_count, addresses, n, scratch, out);
    return WR_OK;
}
