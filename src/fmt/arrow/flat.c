/* flat.c - reading and building FlatBuffers. See flat.h.
 *
 * A table starts with the signed distance back to its vtable; the vtable has its own size, the size
 * of the table, and per slot the place of the field in the table, 0 for a default. References are
 * unsigned distances forwards, so no reference can lead back; but several may lead to one object,
 * and whoever walks a tree of them limits depth and number.
 *
 * Only little-endian machines are supported, as everywhere in the engine. */
#include "fmt/arrow/flat.h"

/* ---- reading */

static bool copy_out(wr_flat *in, uint64_t at, void *out, size_t size)
{
    if (at > in->size || size > in->size - at) {
        in->bad = true;
        memset(out, 0, size);
        return false;
    }
    memcpy(out, in->bytes + at, size);
    return true;
}

static wr_flat_table table_at(wr_flat *in, uint32_t at)
{
    wr_flat_table t = {.in = in}, absent = t;
    int32_t back;
    if (!copy_out(in, at, &back, 4)) return absent;
    int64_t vtable = (int64_t)at - back;
    bool good = vtable >= 0 && vtable <= UINT32_MAX &&
                copy_out(in, (uint64_t)vtable, &t.vtable_size, 2) &&
                copy_out(in, (uint64_t)vtable + 2, &t.size, 2) && t.vtable_size >= 4 &&
                t.vtable_size % 2 == 0 && (uint64_t)vtable + t.vtable_size <= in->size &&
                t.size >= 4 && (uint64_t)at + t.size <= in->size;
    if (!good) {
        in->bad = true;
        return absent;
    }
    t.vtable = (uint32_t)vtable;
    t.at = at;
    return t;
}

/* The place a reference leads to; 0 when it leads nowhere. */
static uint32_t follow(wr_flat *in, uint64_t at)
{
    uint32_t distance;
    if (!copy_out(in, at, &distance, 4)) return 0;
    if (distance < 4 || at + distance >= in->size) {
        in->bad = true;
        return 0;
    }
    return (uint32_t)(at + distance);
}

wr_flat_table wr_flat_root(wr_flat *in)
{
    if (in->size > INT32_MAX) in->bad = true;
    uint32_t at = in->bad ? 0 : follow(in, 0);
    return at ? table_at(in, at) : (wr_flat_table){.in = in};
}

/* The place of a field of size bytes; 0 if it is not there. */
static uint32_t field_at(wr_flat_table t, int slot, int size)
{
    uint16_t offset = 0;
    if (!t.at || 4 + 2 * slot + 2 > t.vtable_size) return 0;
    copy_out(t.in, t.vtable + 4 + 2 * (uint32_t)slot, &offset, 2);
    if (!offset) return 0;
    if (offset < 4 || offset + size > t.size) {
        t.in->bad = true;
        return 0;
    }
    return t.at + offset;
}

static int64_t int_at(wr_flat *in, uint64_t at, int size)
{
    uint64_t bits = 0;
    copy_out(in, at, &bits, (size_t)size);
    int shift = 64 - size * 8;
    return (int64_t)(bits << shift) >> shift;
}

int64_t wr_flat_int(wr_flat_table t, int slot, int size, int64_t fallback)
{
    uint32_t at = field_at(t, slot, size);
    return at ? int_at(t.in, at, size) : fallback;
}

wr_flat_table wr_flat_sub(wr_flat_table t, int slot)
{
    uint32_t at = field_at(t, slot, 4);
    if (at) at = follow(t.in, at);
    return at ? table_at(t.in, at) : (wr_flat_table){.in = t.in};
}

wr_flat_vector wr_flat_list(wr_flat_table t, int slot, uint32_t element_size)
{
    wr_flat_vector v = {.in = t.in, .element_size = element_size};
    uint32_t at = field_at(t, slot, 4);
    if (at) at = follow(t.in, at);
    if (!at || !copy_out(t.in, at, &v.count, 4)) return v;
    if ((uint64_t)v.count * element_size > t.in->size - at - 4) {
        t.in->bad = true;
        v.count = 0;
    }
    v.at = at + 4;
    return v;
}

wr_str wr_flat_text(wr_flat_table t, int slot)
{
    wr_flat_vector v = wr_flat_list(t, slot, 1);
    return v.at ? (wr_str){(const char *)t.in->bytes + v.at, v.count} : (wr_str){0};
}

wr_flat_table wr_flat_list_table(wr_flat_vector v, uint32_t i)
{
    uint32_t at = i < v.count ? follow(v.in, v.at + (uint64_t)i * 4) : 0;
    return at ? table_at(v.in, at) : (wr_flat_table){.in = v.in};
}

int64_t wr_flat_list_int(wr_flat_vector v, uint32_t i, uint32_t offset, int size)
{
    return int_at(v.in, v.at + (uint64_t)i * v.element_size + offset, size);
}

/* ---- building */

static uint8_t *room(wr_flat_out *out, size_t size)
{
    if (out->used + size > out->cap) {
        size_t cap = WR_MAX(out->cap * 2, out->used + size + 256);
        uint8_t *bytes = wr_arena_alloc(out->arena, cap);
        if (out->used)
            memcpy(bytes + cap - out->used, out->bytes + out->cap - out->used, out->used);
        out->bytes = bytes;
        out->cap = cap;
    }
    out->used += size;
    return out->bytes + out->cap - out->used;
}

/* Pads so that the distance from the end is a multiple of align once extra bytes were put. */
static void pad(wr_flat_out *out, size_t align, size_t extra)
{
    size_t size = (0 - (out->used + extra)) & (align - 1);
    if (size) memset(room(out, size), 0, size);
}

static uint32_t put(wr_flat_out *out, const void *bytes, size_t size)
{
    pad(out, size, size);
    memcpy(room(out, size), bytes, size);
    return (uint32_t)out->used;
}

static uint32_t put_count(wr_flat_out *out, size_t count)
{
    uint32_t value = (uint32_t)count;
    return put(out, &value, 4);
}

static uint32_t put_ref(wr_flat_out *out, uint32_t ref)
{
    pad(out, 4, 4);
    uint32_t distance = (uint32_t)out->used + 4 - ref;
    return put(out, &distance, 4);
}

uint32_t wr_flat_put_text(wr_flat_out *out, wr_str text)
{
    pad(out, 4, text.length + 1);
    uint8_t *to = room(out, text.length + 1);
    if (text.length) memcpy(to, text.data, text.length);
    to[text.length] = 0;
    return put_count(out, text.length);
}

uint32_t wr_flat_put_list(wr_flat_out *out, const void *elements, size_t count, size_t size,
                          size_t align)
{
    pad(out, 4, count * size);
    pad(out, align, count * size);
    uint8_t *to = room(out, count * size);
    if (count) memcpy(to, elements, count * size);
    return put_count(out, count);
}

uint32_t wr_flat_put_refs(wr_flat_out *out, const uint32_t *refs, size_t count)
{
    pad(out, 4, count * 4);
    for (size_t i = count; i-- > 0;)
        put_ref(out, refs[i]);
    return put_count(out, count);
}

void wr_flat_begin(wr_flat_out *out)
{
    memset(out->slots, 0, sizeof out->slots);
    out->table_start = (uint32_t)out->used;
}

void wr_flat_set_int(wr_flat_out *out, int slot, int size, int64_t value)
{
    out->slots[slot] = put(out, &value, (size_t)size);
}

void wr_flat_set_ref(wr_flat_out *out, int slot, uint32_t ref)
{
    out->slots[slot] = put_ref(out, ref);
}

uint32_t wr_flat_end(wr_flat_out *out)
{
    int32_t back = 0;
    uint16_t vtable[2 + WR_FLAT_SLOTS] = {0};
    uint32_t table = put(out, &back, 4);
    size_t count = WR_FLAT_SLOTS;
    while (count > 0 && !out->slots[count - 1])
        count--;
    for (size_t i = 0; i < count; i++)
        if (out->slots[i]) vtable[2 + i] = (uint16_t)(table - out->slots[i]);
    vtable[0] = (uint16_t)(4 + 2 * count);
    vtable[1] = (uint16_t)(table - out->table_start);
    pad(out, 2, vtable[0]);
    memcpy(room(out, vtable[0]), vtable, vtable[0]);
    back = (int32_t)((uint32_t)out->used - table);
    memcpy(out->bytes + out->cap - table, &back, 4);
    return table;
}

wr_str wr_flat_finish(wr_flat_out *out, uint32_t root)
{
    pad(out, 8, 4);
    put_ref(out, root);
    return (wr_str){(const char *)out->bytes + out->cap - out->used, out->used};
}
