/* columns.c - hashing the rows of columns of any form.
 *
 * Flat numbers go through the vector loops, gathered first when there is a selection; dictionaries
 * hash their values once when that is less work than the rows; texts hash one by one. NULLs
 * overwrite what the loops made of their slots. */
#include "col/hash.h"
#include "kern/kern.h"

int wr_kern_size_index(size_t size)
{
    wr_check(size == 1 || size == 2 || size == 4 || size == 8 || size == 16);
    return __builtin_ctz((unsigned)size);
}

static uint32_t row_at(const uint16_t *sel, uint32_t i) { return sel ? sel[i] : i; }

static bool hashes_by_loop(const wr_column *c)
{
    const wr_kern_hashes *hash = wr_kern()->hash;
    return hash->ints[c->phys] || hash->floats[c->phys];
}

static void hash_flat(const wr_column *c, const uint16_t *sel, uint32_t count, wr_arena *arena,
                      uint64_t *out)
{
    const wr_kern_table *kern = wr_kern();
    const void *values = c->data;
    if (c->phys == WR_P_VIEW) {
        const wr_view *views = c->data;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = row_at(sel, i);
            bool is_null = c->valid && !wr_bit_get(c->valid, row);
            out[i] = is_null ? WR_HASH_NULL : wr_hash_view(&views[row]);
        }
        return;
    }
    if (!hashes_by_loop(c)) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = wr_column_hash(c, row_at(sel, i));
        return;
    }
    if (sel) {
        size_t size = wr_phys_size(c->phys);
        void *dense = wr_arena_alloc(arena, size * count + 64);
        kern->move->gather[wr_kern_size_index(size)](c->data, sel, count, dense);
        values = dense;
    }
    if (kern->hash->ints[c->phys])
        kern->hash->ints[c->phys](values, c->base, out, count);
    else
        kern->hash->floats[c->phys](values, out, count);
    for (uint32_t i = 0; c->valid && i < count; i++)
        if (!wr_bit_get(c->valid, row_at(sel, i))) out[i] = WR_HASH_NULL;
}

static void hash_column(const wr_column *c, const uint16_t *sel, uint32_t count, wr_arena *arena,
                        uint64_t *out)
{
    if (c->type->id == WR_T_NULL || c->form == WR_CONSTANT) {
        uint64_t one = count ? wr_column_hash(c, 0) : 0;
        for (uint32_t i = 0; i < count; i++)
            out[i] = one;
    } else if (c->form == WR_FLAT) {
        hash_flat(c, sel, count, arena, out);
    } else if (c->dict->rows > count) {
        for (uint32_t i = 0; i < count; i++)
            out[i] = wr_column_hash(c, row_at(sel, i));
    } else {
        uint64_t *values = wr_new_array(arena, uint64_t, c->dict->rows + 1);
        hash_flat(c->dict, NULL, c->dict->rows, arena, values);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t row = row_at(sel, i), code;
            bool is_null = wr_column_is_null(c, row);
            wr_column_at(c, row, &code);
            out[i] = is_null ? WR_HASH_NULL : values[code];
        }
    }
}

void wr_kern_hash_rows(const wr_column *columns, int column_count, const uint16_t *sel,
                       uint32_t count, wr_arena *arena, uint64_t *out)
{
    for (uint32_t i = 0; column_count == 0 && i < count; i++)
        out[i] = WR_HASH_SEED;
    uint64_t *next = column_count > 1 ? wr_new_array(arena, uint64_t, count + 1) : NULL;
    for (int k = 0; k < column_count; k++) {
        hash_column(&columns[k], sel, count, arena, k ? next : out);
        if (k) wr_kern()->hash->combine(out, next, count);
    }
}
