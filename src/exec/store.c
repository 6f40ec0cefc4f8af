/* store.c - see store.h. */
#include "exec/store.h"
#include <stdlib.h>

void wr_store_init(wr_store *store, wr_mem *mem, wr_arena *arena, const wr_schema *schema,
                   int parts)
{
    const wr_type **types = wr_new_array(arena, const wr_type *, schema->count + 1);
    for (int i = 0; i < schema->count; i++)
        types[i] = schema->fields[i].type;
    store->mem = mem;
    wr_rows_layout_init(&store->layout, arena, types, schema->count, 0);
    store->parts = wr_new_array(arena, wr_store_part, parts);
    store->part_count = parts;
}

void wr_store_empty(wr_store *store)
{
    for (int i = 0; i < store->part_count; i++) {
        wr_store_part *p = &store->parts[i];
        wr_rows_drop(p->rows);
        wr_heap_drop(p->stretches);
        *p = (wr_store_part){0};
    }
    wr_heap_drop(store->stretches);
    store->stretches = NULL;
    store->stretch_count = 0;
    store->rows = 0;
}

void wr_store_clear(wr_store *store)
{
    if (store->parts) wr_store_empty(store);
}

weir_status wr_store_add(wr_store *store, int part, uint64_t morsel, const wr_batch *batch)
{
    wr_store_part *p = &store->parts[part];
    uint32_t count = wr_batch_count(batch);
    if (count == 0) return WR_OK;
    if (!p->rows) WR_TRY(wr_rows_new(store->mem, &store->layout, &p->rows));
    wr_stretch *last = p->count ? &p->stretches[p->count - 1] : NULL;
    if (!last || last->morsel != morsel) {
        if (p->count == p->cap) {
            uint32_t cap = p->cap ? p->cap * 2 : 16;
            p->stretches =
                wr_heap_grow(p->stretches, p->cap * sizeof(wr_stretch), cap * sizeof(wr_stretch));
            p->cap = cap;
        }
        last = &p->stretches[p->count++];
        *last = (wr_stretch){morsel, p->rows, wr_rows_end(p->rows), 0};
    }
    WR_TRY(wr_rows_append(p->rows, batch->columns, batch->sel, count, NULL));
    last->count += count;
    return WR_OK;
}

static int by_morsel(const void *a, const void *b)
{
    const wr_stretch *x = a, *y = b;
    return (x->morsel > y->morsel) - (x->morsel < y->morsel);
}

void wr_store_seal(wr_store *store)
{
    uint32_t total = 0;
    for (int i = 0; i < store->part_count; i++)
        total += store->parts[i].count;
    store->stretches = wr_heap_new(sizeof(wr_stretch) * (total + 1));
    for (int i = 0; i < store->part_count; i++) {
        const wr_store_part *p = &store->parts[i];
        if (p->count)
            memcpy(store->stretches + store->stretch_count, p->stretches,
                   p->count * sizeof(wr_stretch));
        store->stretch_count += p->count;
        if (p->rows) store->rows += wr_rows_count(p->rows);
    }
    qsort(store->stretches, store->stretch_count, sizeof(wr_stretch), by_morsel);
}

void wr_store_seek(const wr_store *store, wr_store_reader *reader, uint32_t index)
{
    reader->stretch = &store->stretches[index];
    reader->at = reader->stretch->from;
    reader->left = reader->stretch->count;
}

void wr_rows_batch(const wr_rows_layout *layout, int columns, uint8_t *const *addresses,
                   uint32_t count, wr_arena *arena, wr_batch *out)
{
    *out = (wr_batch){.column_count = columns, .rows = count};
    out->columns = wr_new_array(arena, wr_column, columns + 1);
    for (int c = 0; c < columns; c++)
        wr_rows_gather(layout, c, addresses, count, arena, &out->columns[c]);
}

void wr_store_read(const wr_store *store, wr_store_reader *reader, wr_arena *scratch, wr_batch *out,
                   bool *more)
{
    uint8_t *addresses[WR_BATCH_ROWS];
    *more = false;
    if (reader->left == 0) return;
    uint32_t wanted = (uint32_t)WR_MIN(reader->left, (uint64_t)WR_BATCH_ROWS);
    uint32_t n = wr_rows_next(reader->stretch->rows, &reader->at, addresses, wanted);
    reader->left -= n;
    if (n == 0) return;
    *more = true;
    wr_arena_reset(scratch);
    wr_rows_batch(&store->layout, store->layout.column_count, addresses, n, scratch, out);
}
