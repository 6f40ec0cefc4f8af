/* rows.c - the tuple store: fixed-width rows in pages, a heap per page for text and nested values.
 *
 * A page owns one block of rows and the heap blocks its rows point into, nothing else points into a
 * heap and rows of one page never point into another page: that is what makes a page movable as a
 * unit. Pages start small and grow to page_bytes, so a query over ten rows costs one small block.
 *
 * Nested values are written as one run of bytes: per element a presence byte, then the value: text
 * as length and bytes, lists as count and elements, structs as their fields, anything else as its
 * fixed bytes. */
#include "exec/rows.h"
#include "col/growing.h"

enum {
    PAGE_FIRST = 4096,
    PAGE_BYTES = 256 * 1024 - 64, /* with its padding an eighth of a huge page */
    PAGE_SMALL = 16 * 1024,
    PAGE_SHARE = 256, /* of the memory limit, so that small limits are used in small steps */
    PAGE_ROWS_MIN = 8,
    PART_BYTES = 16 * 1024 /* of rows, written or read column by column while they are near */
};

typedef struct heap_block {
    char *bytes;
    size_t size, used;
} heap_block;

typedef struct page {
    uint8_t *rows;
    size_t size; /* of the block */
    uint32_t count, cap;
    heap_block *heap;
    uint32_t heap_count, heap_cap;
} page;

typedef struct pair_of_words {
    uint64_t words[2];
} pair_of_words;

struct wr_rows {
    wr_mem *mem;
    const wr_rows_layout *layout;
    page *pages;
    uint32_t page_count, page_cap;
    uint64_t count, bytes;
    size_t page_bytes;  /* of the largest pages */
    uint32_t slot_bits; /* of a row's number, below the page */
    wr_arena scratch;
    wr_buf encoded;
};

static bool in_slot_as_view(const wr_type *t)
{
    return t->phys == WR_P_VIEW || wr_type_is_nested(t);
}

static size_t slot_size(const wr_type *t)
{
    return in_slot_as_view(t) ? sizeof(wr_view) : wr_phys_size(t->phys);
}

void wr_rows_layout_init(wr_rows_layout *layout, wr_arena *arena, const wr_type *const *types,
                         int count, uint32_t extra_size)
{
    *layout = (wr_rows_layout){.column_count = count};
    layout->types = wr_new_array(arena, const wr_type *, count + 1);
    layout->offsets = wr_new_array(arena, uint32_t, count + 1);
    uint32_t at = (uint32_t)(count + 63) / 64 * 8;
    for (int i = 0; i < count; i++) {
        size_t size = slot_size(types[i]);
        size_t align = WR_MIN(size, (size_t)8);
        at = (uint32_t)((at + align - 1) / align * align);
        layout->types[i] = types[i];
        layout->offsets[i] = at;
        layout->has_heap |= in_slot_as_view(types[i]);
        at += (uint32_t)size;
    }
    layout->extra_offset = (at + 7) / 8 * 8;
    layout->extra_size = extra_size;
    layout->row_size = WR_MAX((layout->extra_offset + extra_size + 7) / 8 * 8, 8u);
}

weir_status wr_rows_new(wr_mem *mem, const wr_rows_layout *layout, wr_rows **out)
{
    wr_rows *rows = wr_heap_new(sizeof *rows);
    rows->mem = mem;
    rows->layout = layout;
    uint64_t limit = wr_mem_limit(mem), share = WR_MAX(limit / PAGE_SHARE, (uint64_t)PAGE_SMALL);
    rows->page_bytes = limit ? WR_MIN(share, (uint64_t)PAGE_BYTES) : PAGE_BYTES;
    size_t largest = WR_MAX(rows->page_bytes, (size_t)layout->row_size * PAGE_ROWS_MIN);
    while (largest / layout->row_size >> rows->slot_bits)
        rows->slot_bits++;
    *out = rows;
    return WR_OK;
}

static void page_clear(wr_rows *rows, page *p)
{
    for (uint32_t i = 0; i < p->heap_count; i++)
        wr_mem_free(rows->mem, p->heap[i].bytes, p->heap[i].size);
    wr_heap_drop(p->heap);
    if (p->rows) wr_mem_free(rows->mem, p->rows, p->size);
}

void wr_rows_empty(wr_rows *rows)
{
    for (uint32_t i = 0; i < rows->page_count; i++)
        page_clear(rows, &rows->pages[i]);
    rows->page_count = 0;
    rows->count = rows->bytes = 0;
}

void wr_rows_drop(wr_rows *rows)
{
    if (!rows) return;
    wr_rows_empty(rows);
    wr_heap_drop(rows->pages);
    wr_arena_clear(&rows->scratch);
    wr_buf_clear(&rows->encoded);
    wr_heap_drop(rows);
}

wr_mem *wr_rows_mem(const wr_rows *rows) { return rows->mem; }
const wr_rows_layout *wr_rows_layout_of(const wr_rows *rows) { return rows->layout; }
uint64_t wr_rows_count(const wr_rows *rows) { return rows->count; }
uint64_t wr_rows_bytes(const wr_rows *rows) { return rows->bytes; }

static page *page_slot(wr_rows *rows)
{
    if (rows->page_count == rows->page_cap) {
        uint32_t cap = rows->page_cap ? rows->page_cap * 2 : 8;
        rows->pages = wr_heap_grow(rows->pages, rows->page_cap * sizeof(page), cap * sizeof(page));
        rows->page_cap = cap;
    }
    return &rows->pages[rows->page_count];
}

/* The last page with room for one more row. */
static weir_status page_with_room(wr_rows *rows, page **out)
{
    page *last = rows->page_count ? &rows->pages[rows->page_count - 1] : NULL;
    if (last && last->count < last->cap) {
        *out = last;
        return WR_OK;
    }
    size_t size = last ? WR_MIN(last->size * 4, rows->page_bytes) : (size_t)PAGE_FIRST;
    size = WR_MAX(size, (size_t)rows->layout->row_size * PAGE_ROWS_MIN);
    page *p = page_slot(rows);
    *p = (page){.size = size, .cap = (uint32_t)(size / rows->layout->row_size)};
    void *block;
    WR_TRY(wr_mem_alloc(rows->mem, size, &block));
    p->rows = block;
    rows->page_count++;
    rows->bytes += size;
    *out = p;
    return WR_OK;
}

static weir_status heap_take(wr_rows *rows, page *p, size_t size, char **out)
{
    heap_block *last = p->heap_count ? &p->heap[p->heap_count - 1] : NULL;
    if (!last || last->size - last->used < size) {
        size_t wanted = last ? WR_MIN(last->size * 4, rows->page_bytes) : (size_t)PAGE_FIRST;
        wanted = WR_MAX(wanted, size);
        if (p->heap_count == p->heap_cap) {
            uint32_t cap = p->heap_cap ? p->heap_cap * 2 : 4;
            p->heap =
                wr_heap_grow(p->heap, p->heap_cap * sizeof(heap_block), cap * sizeof(heap_block));
            p->heap_cap = cap;
        }
        void *block;
        WR_TRY(wr_mem_alloc(rows->mem, wanted, &block));
        last = &p->heap[p->heap_count++];
        *last = (heap_block){block, wanted, 0};
        rows->bytes += wanted;
    }
    *out = last->bytes + last->used;
    last->used += size;
    return WR_OK;
}

/* ---- nested values as bytes ---- */

static void encode(const wr_column *column, uint32_t i, wr_buf *out)
{
    if (wr_column_is_null(column, i)) {
        wr_buf_add_char(out, 0);
        return;
    }
    wr_buf_add_char(out, 1);
    const wr_column *c = wr_column_at(column, i, &i);
    const wr_type *t = c->type;
    if (t->phys == WR_P_VIEW) {
        wr_view v = wr_column_view(c, i);
        uint32_t length = v.length;
        wr_buf_add(out, &length, sizeof length);
        wr_buf_add(out, wr_view_bytes(&v), length);
    } else if (t->phys == WR_P_LIST) {
        wr_list_slot slot = ((const wr_list_slot *)c->data)[i];
        wr_buf_add(out, &slot.length, sizeof slot.length);
        for (uint32_t k = 0; k < slot.length; k++)
            encode(&c->children[0], slot.offset + k, out);
    } else if (t->phys == WR_P_ARRAY) {
        for (uint32_t k = 0; k < t->array_length; k++)
            encode(&c->children[0], i * t->array_length + k, out);
    } else if (t->phys == WR_P_STRUCT) {
        for (int f = 0; f < t->field_count; f++)
            encode(&c->children[f], i, out);
    } else if (wr_type_is_int_like(t) && t->phys != WR_P_I128) {
        int64_t v = wr_column_int(c, i);
        wr_buf_add(out, &v,
                   wr_phys_size(t->phys)); /* little endian: the low bytes are the narrow value */
    } else if (wr_type_is_int_like(t)) {
        wr_i128 v = wr_column_i128(c, i);
        wr_buf_add(out, &v, sizeof v);
    } else {
        size_t size = wr_phys_size(t->phys);
        wr_buf_add(out, (const char *)c->data + i * size, size);
    }
}

static const char *decode(wr_growing *g, const char *at, wr_arena *arena)
{
    if (*at++ == 0) {
        wr_growing_add_null(g, arena);
        return at;
    }
    uint32_t row = wr_growing_add(g, arena);
    const wr_type *t = g->column->type;
    if (t->phys == WR_P_VIEW) {
        uint32_t length;
        memcpy(&length, at, sizeof length);
        ((wr_view *)g->column->data)[row] = wr_view_of(at + sizeof length, length);
        return at + sizeof length + length;
    }
    if (t->phys == WR_P_LIST) {
        wr_list_slot slot = {.offset = g->children[0].column->rows};
        memcpy(&slot.length, at, sizeof slot.length);
        at += sizeof slot.length;
        ((wr_list_slot *)g->column->data)[row] = slot;
        for (uint32_t k = 0; k < slot.length; k++)
            at = decode(&g->children[0], at, arena);
        return at;
    }
    if (t->phys == WR_P_ARRAY) {
        for (uint32_t k = 0; k < t->array_length; k++)
            at = decode(&g->children[0], at, arena);
        return at;
    }
    if (t->phys == WR_P_STRUCT) {
        for (int f = 0; f < t->field_count; f++)
            at = decode(&g->children[f], at, arena);
        return at;
    }
    size_t size = wr_phys_size((wr_phys)t->phys);
    memcpy((char *)g->column->data + row * size, at, size);
    return at + size;
}

/* ---- writing ---- */

#define T uint8_t
#define NAME put_1
#include "exec/rows_put.tmpl.h"
#define T uint16_t
#define NAME put_2
#include "exec/rows_put.tmpl.h"
#define T uint32_t
#define NAME put_4
#include "exec/rows_put.tmpl.h"
#define T uint64_t
#define NAME put_8
#include "exec/rows_put.tmpl.h"
#define T pair_of_words
#define NAME put_16
#include "exec/rows_put.tmpl.h"

static weir_status put_text(wr_rows *rows, page *p, const wr_column *c, const uint16_t *sel,
                            uint32_t count, uint32_t offset, uint8_t *first)
{
    uint32_t row_size = rows->layout->row_size;
    const wr_view *views = c->data;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t r = sel ? sel[i] : i;
        wr_view v = {.words = {0, 0}};
        if (!c->valid || wr_bit_get(c->valid, r)) v = views[r];
        if (v.length > 12) {
            char *to;
            WR_TRY(heap_take(rows, p, v.length, &to));
            memcpy(to, v.pointer, v.length);
            v.pointer = to;
        }
        memcpy(first + (size_t)i * row_size + offset, &v, sizeof v);
    }
    return WR_OK;
}

static weir_status put_nested(wr_rows *rows, page *p, const wr_column *c, const uint16_t *sel,
                              uint32_t count, uint32_t offset, uint8_t *first)
{
    for (uint32_t i = 0; i < count; i++) {
        rows->encoded.length = 0;
        encode(c, sel ? sel[i] : i, &rows->encoded);
        if (rows->encoded.length > UINT32_MAX)
            return wr_fail(WR_E_TOO_BIG, "a nested value of %zu bytes is too big",
                           rows->encoded.length);
        char *to = rows->encoded.data;
        if (rows->encoded.length > 12) {
            WR_TRY(heap_take(rows, p, rows->encoded.length, &to));
            memcpy(to, rows->encoded.data, rows->encoded.length);
        }
        wr_view v = wr_view_of(to, rows->encoded.length);
        memcpy(first + (size_t)i * rows->layout->row_size + offset, &v, sizeof v);
    }
    return WR_OK;
}

static void put_fixed(const wr_rows_layout *l, const wr_column *c, const uint16_t *sel,
                      uint32_t count, uint32_t offset, uint8_t *first)
{
    switch (wr_phys_size((wr_phys)c->phys)) {
    case 1:
        put_1(c->data, sel, count, first + offset, l->row_size);
        break;
    case 2:
        put_2(c->data, sel, count, first + offset, l->row_size);
        break;
    case 4:
        put_4(c->data, sel, count, first + offset, l->row_size);
        break;
    case 8:
        put_8(c->data, sel, count, first + offset, l->row_size);
        break;
    default:
        put_16(c->data, sel, count, first + offset, l->row_size);
        break;
    }
}

static void put_nulls(const wr_column *c, int column, const uint16_t *sel, uint32_t count,
                      uint32_t row_size, uint8_t *first)
{
    uint8_t *byte = first + column / 8;
    uint8_t bit = (uint8_t)(1u << (column & 7));
    for (uint32_t i = 0; i < count; i++)
        if (!wr_bit_get(c->valid, sel ? sel[i] : i)) byte[(size_t)i * row_size] |= bit;
}

/* Writes rows that all go to one page, one column at a time. */
static weir_status put_rows(wr_rows *rows, page *p, const wr_column *flat, const uint16_t *sel,
                            uint32_t from, uint32_t count, uint8_t *first)
{
    const wr_rows_layout *l = rows->layout;
    const uint16_t *part = sel ? sel + from : NULL;
    uint16_t all[WR_BATCH_ROWS];
    if (!sel && from > 0) { /* dense input in several parts */
        for (uint32_t i = 0; i < count; i++)
            all[i] = (uint16_t)(from + i);
        part = all;
    }
    for (int k = 0; k < l->column_count; k++) {
        const wr_column *c = &flat[k];
        if (wr_type_is_nested(c->type)) {
            WR_TRY(put_nested(rows, p, c, part, count, l->offsets[k], first));
            for (uint32_t i = 0; i < count; i++)
                if (wr_column_is_null(c, part ? part[i] : i))
                    first[(size_t)i * l->row_size + k / 8] |= (uint8_t)(1u << (k & 7));
            continue;
        }
        if (c->type->phys == WR_P_VIEW)
            WR_TRY(put_text(rows, p, c, part, count, l->offsets[k], first));
        else
            put_fixed(l, c, part, count, l->offsets[k], first);
        if (c->valid) put_nulls(c, k, part, count, l->row_size, first);
    }
    return WR_OK;
}

static bool is_plain(const wr_column *c)
{
    return c->form == WR_FLAT && c->phys == c->type->phys && c->base == 0;
}

weir_status wr_rows_append(wr_rows *rows, const wr_column *columns, const uint16_t *sel,
                           uint32_t count, uint8_t **addresses)
{
    const wr_rows_layout *l = rows->layout;
    if (count == 0) return WR_OK;
    wr_arena_reset(&rows->scratch);
    wr_column *flat = wr_new_array(&rows->scratch, wr_column, l->column_count + 1);
    for (int k = 0; k < l->column_count; k++) {
        if (is_plain(&columns[k]) || wr_type_is_nested(columns[k].type))
            flat[k] = columns[k];
        else
            wr_column_flatten(&columns[k], sel, count, &rows->scratch, &flat[k]);
    }
    uint32_t most = WR_MAX(PART_BYTES / l->row_size, 1u);
    for (uint32_t done = 0; done < count;) {
        page *p;
        WR_TRY(page_with_room(rows, &p));
        uint32_t part = WR_MIN(WR_MIN(count - done, most), p->cap - p->count);
        uint8_t *first = p->rows + (size_t)p->count * l->row_size;
        memset(first, 0, (size_t)part * l->row_size); /* NULL bits and extra bytes; in the cache */
        WR_TRY(put_rows(rows, p, flat, sel, done, part, first));
        if (addresses)
            for (uint32_t i = 0; i < part; i++)
                addresses[done + i] = first + (size_t)i * l->row_size;
        p->count += part;
        rows->count += part;
        done += part;
    }
    return WR_OK;
}

weir_status wr_rows_absorb(wr_rows *into, wr_rows *from)
{
    if (into->mem != from->mem) { /* the pages change owner: count them there */
        WR_TRY(wr_mem_reserve(into->mem, from->bytes));
        wr_mem_release(from->mem, from->bytes);
    }
    for (uint32_t i = 0; i < from->page_count; i++) {
        page *p = page_slot(into);
        *p = from->pages[i];
        into->page_count++;
    }
    into->count += from->count;
    into->bytes += from->bytes;
    from->page_count = 0;
    from->count = from->bytes = 0;
    return WR_OK;
}

/* ---- blocks ---- */

/* Bytes that the heap holds for one row. */
static size_t heap_bytes(const wr_rows_layout *l, const uint8_t *row)
{
    size_t bytes = 0;
    for (int k = 0; k < l->column_count; k++) {
        uint32_t length;
        if (!in_slot_as_view(l->types[k])) continue;
        memcpy(&length, row + l->offsets[k], sizeof length);
        bytes += length > 12 ? length : 0;
    }
    return bytes;
}

/* Copies what a row points to behind the rows, and makes its pointers offsets into that. */
static void pack_heap(const wr_rows_layout *l, uint8_t *row, char *heap, size_t *used)
{
    for (int k = 0; k < l->column_count; k++) {
        if (!in_slot_as_view(l->types[k])) continue;
        wr_view v;
        memcpy(&v, row + l->offsets[k], sizeof v);
        if (v.length <= 12) continue;
        memcpy(heap + *used, v.pointer, v.length);
        v.words[1] = *used;
        memcpy(row + l->offsets[k], &v, sizeof v);
        *used += v.length;
    }
}

uint32_t wr_rows_pack(const wr_rows_layout *l, uint8_t *const *addresses, uint64_t count,
                      size_t target, wr_buf *out)
{
    size_t heap = 0, most = WR_MIN(count, (uint64_t)(target / l->row_size + 1));
    uint32_t n = 0;
    for (; n < most; n++) {
        size_t more = l->has_heap ? heap_bytes(l, addresses[n]) : 0;
        if (n > 0 && (n + 1) * (size_t)l->row_size + heap + more > target) break;
        heap += more;
    }
    size_t rows_size = n * (size_t)l->row_size, used = 0;
    out->length = 0;
    wr_buf_reserve(out, rows_size + heap);
    char *to = out->data;
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *row = (uint8_t *)to + i * (size_t)l->row_size;
        memcpy(row, addresses[i], l->row_size);
        if (l->has_heap) pack_heap(l, row, to + rows_size, &used);
    }
    out->length = rows_size + heap;
    return n;
}

static bool unpack_heap(const wr_rows_layout *l, uint8_t *row, const char *heap, size_t heap_size)
{
    for (int k = 0; k < l->column_count; k++) {
        if (!in_slot_as_view(l->types[k])) continue;
        wr_view v;
        memcpy(&v, row + l->offsets[k], sizeof v);
        if (v.length <= 12) continue;
        if (v.words[1] > heap_size || v.length > heap_size - v.words[1]) return false;
        v.pointer = heap + v.words[1];
        memcpy(row + l->offsets[k], &v, sizeof v);
    }
    return true;
}

weir_status wr_rows_add_packed(wr_rows *rows, void *block, size_t size, uint32_t count)
{
    const wr_rows_layout *l = rows->layout;
    size_t rows_size = count * (size_t)l->row_size;
    bool good = rows_size <= size;
    for (uint32_t i = 0; good && l->has_heap && i < count; i++)
        good = unpack_heap(l, (uint8_t *)block + i * (size_t)l->row_size,
                           (const char *)block + rows_size, size - rows_size);
    if (!good) {
        wr_mem_free(rows->mem, block, size);
        return wr_fail(WR_E_CORRUPT, "a temporary file does not hold what was written to it");
    }
    page *p = page_slot(rows);
    *p = (page){.rows = block, .size = size, .count = count, .cap = count};
    rows->page_count++;
    rows->count += count;
    rows->bytes += size;
    return WR_OK;
}

/* ---- reading ---- */

#define T uint8_t
#define NAME get_1
#include "exec/rows_get.tmpl.h"
#define T uint16_t
#define NAME get_2
#include "exec/rows_get.tmpl.h"
#define T uint32_t
#define NAME get_4
#include "exec/rows_get.tmpl.h"
#define T uint64_t
#define NAME get_8
#include "exec/rows_get.tmpl.h"
#define T pair_of_words
#define NAME get_16
#include "exec/rows_get.tmpl.h"

static void gather_nested(const wr_rows_layout *layout, int column, uint8_t *const *addresses,
                          uint32_t count, wr_arena *arena, wr_column *out)
{
    wr_growing g;
    wr_growing_init(&g, out, layout->types[column], arena);
    wr_growing_need(&g, WR_MAX(count, 1u), arena);
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *row = addresses[i];
        if (!row || (row[column / 8] >> (column & 7) & 1)) {
            wr_growing_add_null(&g, arena);
            continue;
        }
        wr_view v;
        memcpy(&v, row + layout->offsets[column], sizeof v);
        decode(&g, wr_view_bytes(&v), arena);
        /* v dies here, but text longer than 12 bytes, which is pointed to, makes v point into the
         * page's heap. */
    }
}

/* Values of a column that is not nested; whether there was a NULL. */
static bool get_slots(const wr_rows_layout *layout, int column, uint8_t *const *addresses,
                      uint32_t count, void *out)
{
    uint32_t offset = layout->offsets[column];
    size_t byte = (size_t)column / 8;
    uint8_t bit = (uint8_t)(1u << (column & 7));
    switch (slot_size(layout->types[column])) {
    case 1:
        return get_1(addresses, count, offset, byte, bit, out);
    case 2:
        return get_2(addresses, count, offset, byte, bit, out);
    case 4:
        return get_4(addresses, count, offset, byte, bit, out);
    case 8:
        return get_8(addresses, count, offset, byte, bit, out);
    default:
        return get_16(addresses, count, offset, byte, bit, out);
    }
}

static void gather_nulls(int column, uint8_t *const *addresses, uint32_t count, wr_arena *arena,
                         wr_column *out)
{
    size_t byte = (size_t)column / 8;
    uint8_t bit = (uint8_t)(1u << (column & 7));
    uint64_t *valid = wr_column_need_valid(out, arena, WR_MAX(count, 1u));
    for (uint32_t i = 0; i < count; i++)
        if (!addresses[i] || (addresses[i][byte] & bit)) wr_bit_clear(valid, i);
}

static void slots_init(wr_column *c, const wr_type *type, uint32_t count, wr_arena *arena)
{
    size_t size = slot_size(type);
    *c = (wr_column){.type = type, .form = WR_FLAT, .phys = (uint8_t)type->phys, .rows = count};
    c->data = wr_arena_raw(arena, size * count + 64);
    memset((char *)c->data + size * count, 0, 64);
    if (type->id == WR_T_NULL) c->valid = wr_arena_alloc(arena, ((size_t)count + 63) / 64 * 8 + 8);
}

void wr_rows_gather(const wr_rows_layout *layout, int column, uint8_t *const *addresses,
                    uint32_t count, wr_arena *arena, wr_column *out)
{
    const wr_type *t = layout->types[column];
    if (wr_type_is_nested(t)) {
        gather_nested(layout, column, addresses, count, arena, out);
        return;
    }
    slots_init(out, t, count, arena);
    if (get_slots(layout, column, addresses, count, out->data))
        gather_nulls(column, addresses, count, arena, out);
}

/* Rows that are missing (NULL) may be asked for too: nothing comes. */
static void prefetch_rows(const wr_rows_layout *layout, uint8_t *const *addresses, uint32_t count)
{
    uint32_t last = layout->row_size - 1;
    for (uint32_t i = 0; i < count; i++) {
        uintptr_t row = (uintptr_t)addresses[i];
        for (uint32_t at = 0; at < last; at += 64)
            __builtin_prefetch((const void *)(row + at));
        __builtin_prefetch((const void *)(row + last));
    }
}

void wr_rows_gather_all(const wr_rows_layout *layout, int columns, uint8_t *const *addresses,
                        uint32_t count, wr_arena *arena, wr_column *out)
{
    uint32_t most = WR_MAX(PART_BYTES / layout->row_size, 1u);
    bool *nulls = wr_new_array(arena, bool, columns + 1);
    for (int c = 0; c < columns; c++)
        if (!wr_type_is_nested(layout->types[c]))
            slots_init(&out[c], layout->types[c], count, arena);
    prefetch_rows(layout, addresses, WR_MIN(most, count));
    for (uint32_t from = 0, n; from < count; from += n) {
        n = WR_MIN(most, count - from);
        prefetch_rows(layout, addresses + from + n, WR_MIN(most, count - from - n));
        for (int c = 0; c < columns; c++) {
            const wr_type *t = layout->types[c];
            if (wr_type_is_nested(t)) continue;
            char *to = (char *)out[c].data + slot_size(t) * from;
            nulls[c] |= get_slots(layout, c, addresses + from, n, to);
        }
    }
    for (int c = 0; c < columns; c++) {
        if (wr_type_is_nested(layout->types[c]))
            gather_nested(layout, c, addresses, count, arena, &out[c]);
        else if (nulls[c])
            gather_nulls(c, addresses, count, arena, &out[c]);
    }
}

uint32_t wr_rows_next(const wr_rows *rows, wr_rows_cursor *cursor, uint8_t **addresses,
                      uint32_t max)
{
    uint32_t n = 0;
    while (n < max && cursor->page < rows->page_count) {
        const page *p = &rows->pages[cursor->page];
        if (cursor->slot >= p->count) {
            cursor->page++;
            cursor->slot = 0;
            continue;
        }
        uint32_t part = WR_MIN(max - n, p->count - cursor->slot);
        for (uint32_t i = 0; i < part; i++)
            addresses[n + i] = p->rows + (size_t)(cursor->slot + i) * rows->layout->row_size;
        n += part;
        cursor->slot += part;
    }
    return n;
}

wr_rows_cursor wr_rows_end(const wr_rows *rows)
{
    if (rows->page_count == 0) return (wr_rows_cursor){0, 0};
    return (wr_rows_cursor){rows->page_count - 1, rows->pages[rows->page_count - 1].count};
}

/* ---- numbers: page and slot, plus 1 ---- */

bool wr_rows_has_numbers(const wr_rows *rows)
{
    return rows->page_count + (uint64_t)WR_BATCH_ROWS < UINT32_MAX >> rows->slot_bits;
}

void wr_rows_numbers(const wr_rows *rows, wr_rows_cursor from, uint32_t count, uint32_t *numbers)
{
    for (uint32_t i = 0; i < count; i++) {
        while (from.slot >= rows->pages[from.page].count)
            from = (wr_rows_cursor){from.page + 1, 0};
        numbers[i] = (from.page << rows->slot_bits) + from.slot++ + 1;
    }
}

void wr_rows_of_numbers(const wr_rows *rows, const uint32_t *numbers, uint32_t count,
                        uint8_t **addresses)
{
    uint32_t mask = (UINT32_C(1) << rows->slot_bits) - 1, row_size = rows->layout->row_size;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t number = numbers[i] - 1;
        addresses[i] = numbers[i] ? rows->pages[number >> rows->slot_bits].rows +
                                        (size_t)(number & mask) * row_size
                                  : NULL;
    }
}
