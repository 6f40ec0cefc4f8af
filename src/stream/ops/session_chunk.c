/* session_chunk.c - see session_chunk.h.
 *
 * States of functions that do not save themselves are plain bytes, counts and sums most of them, so
 * most bytes are zero: of eight bytes a mask says which are not, those follow. */
#include "stream/ops/session_chunk.h"

/* ---- numbers ---- */

static void add_varint(wr_buf *out, uint64_t value)
{
    uint8_t bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)value | 0x80;
    bytes[count++] = (uint8_t)value;
    wr_buf_add(out, bytes, count);
}

static bool take_varint(wr_str *from, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && from->length; shift += 7) {
        uint8_t byte = (uint8_t)*from->data;
        from->data++;
        from->length--;
        *out |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) return true;
    }
    return false;
}

static bool take_u32(wr_str *from, uint32_t *out)
{
    uint64_t value;
    if (!take_varint(from, &value) || value > UINT32_MAX) return false;
    *out = (uint32_t)value;
    return true;
}

static bool take_str(wr_str *from, wr_str *out)
{
    uint64_t length;
    if (!take_varint(from, &length) || length > from->length) return false;
    *out = (wr_str){from->data, length};
    from->data += length;
    from->length -= length;
    return true;
}

static void add_str(wr_buf *out, wr_str text)
{
    add_varint(out, text.length);
    if (text.length) wr_buf_add_str(out, text);
}

/* Differences wrap around, both ways alike. */
static void add_difference(wr_buf *out, int64_t value, int64_t base)
{
    uint64_t difference = (uint64_t)value - (uint64_t)base;
    add_varint(out, difference << 1 ^ (uint64_t)((int64_t)difference >> 63));
}

static bool take_difference(wr_str *from, int64_t base, int64_t *out)
{
    uint64_t folded;
    if (!take_varint(from, &folded)) return false;
    *out = (int64_t)((uint64_t)base + (folded >> 1 ^ (0 - (folded & 1))));
    return true;
}

/* ---- chunks ---- */

bool wr_chunk_read(wr_str value, wr_session_chunk *out)
{
    char version;
    if (!wr_take_bytes(&value, &version, 1) || version != WR_CHUNK_VERSION) return false;
    if (!wr_take_bytes(&value, &out->listed, sizeof out->listed)) return false;
    if (!wr_take_bytes(&value, &out->base, sizeof out->base)) return false;
    if (!take_u32(&value, &out->count) || out->count > WR_CHUNK_MAX) return false;
    for (uint32_t i = 0; i < out->count; i++) {
        const char *begin = value.data;
        wr_str body;
        if (!take_str(&value, &body)) return false;
        out->whole[i] = (wr_str){begin, (size_t)(value.data - begin)};
        if (!take_u32(&body, &out->slots[i])) return false;
        if (i > 0 && out->slots[i] <= out->slots[i - 1]) return false;
    }
    return value.length == 0;
}

bool wr_chunk_session(const wr_session_chunk *chunk, uint32_t at, wr_packed_session *out)
{
    wr_str whole = chunk->whole[at], body;
    char said;
    uint64_t length;
    if (!take_str(&whole, &body) || !take_u32(&body, &out->slot)) return false;
    if (!wr_take_bytes(&body, &said, 1)) return false;
    if (!take_difference(&body, chunk->base, &out->start) || !take_varint(&body, &length))
        return false;
    out->is_said = said != 0;
    out->last = (int64_t)((uint64_t)out->start + length);
    uint64_t rows;
    if (out->last < out->start || !take_varint(&body, &rows)) return false;
    out->rows = (int64_t)rows;
    if (!take_str(&body, &out->keys)) return false;
    out->states = body;
    return true;
}

bool wr_chunk_find(const wr_session_chunk *chunk, uint32_t slot, uint32_t *at)
{
    uint32_t low = 0, high = chunk->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (chunk->slots[middle] < slot)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return low < chunk->count && chunk->slots[low] == slot;
}

void wr_chunk_begin(wr_buf *out, int64_t listed, int64_t base, uint32_t count)
{
    out->length = 0;
    wr_buf_add_char(out, WR_CHUNK_VERSION);
    wr_buf_add(out, &listed, sizeof listed);
    wr_buf_add(out, &base, sizeof base);
    add_varint(out, count);
}

void wr_chunk_add(wr_buf *out, const wr_packed_session *session, int64_t base, wr_buf *body)
{
    body->length = 0;
    add_varint(body, session->slot);
    wr_buf_add_char(body, session->is_said);
    add_difference(body, session->start, base);
    add_varint(body, (uint64_t)session->last - (uint64_t)session->start);
    add_varint(body, (uint64_t)session->rows);
    add_str(body, session->keys);
    if (session->states.length) wr_buf_add_str(body, session->states);
    add_str(out, wr_buf_str(body));
}

/* ---- states ---- */

static void add_bytes(wr_buf *out, const uint8_t *bytes, uint32_t size)
{
    for (uint32_t at = 0; at < size; at += 8) {
        uint8_t packed[9] = {0};
        size_t count = 1;
        for (uint32_t k = 0; k < WR_MIN(size - at, 8u); k++) {
            if (!bytes[at + k]) continue;
            packed[0] |= (uint8_t)(1 << k);
            packed[count++] = bytes[at + k];
        }
        wr_buf_add(out, packed, count);
    }
}

static bool take_bytes(wr_str *from, uint8_t *bytes, uint32_t size)
{
    memset(bytes, 0, size);
    for (uint32_t at = 0; at < size; at += 8) {
        uint8_t mask;
        if (!wr_take_bytes(from, &mask, 1)) return false;
        for (; mask; mask &= (uint8_t)(mask - 1)) {
            uint32_t k = at + (uint32_t)__builtin_ctz(mask);
            if (k >= size || !wr_take_bytes(from, &bytes[k], 1)) return false;
        }
    }
    return true;
}

weir_status wr_chunk_add_states(const wr_grouping *g, const wr_pane *pane, uint8_t *row,
                                wr_buf *bytes, wr_buf *out)
{
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        if (!c->call->fn->save) {
            add_bytes(out, row + c->state_offset, c->state_size);
            continue;
        }
        bytes->length = 0;
        WR_TRY(c->call->fn->save(&pane->envs[i], row + c->state_offset, bytes));
        add_str(out, wr_buf_str(bytes));
    }
    return WR_OK;
}

weir_status wr_chunk_read_states(const wr_grouping *g, const wr_pane *pane, wr_str from,
                                 uint8_t *row)
{
    for (int i = 0; i < g->spec->call_count; i++) {
        const wr_group_call *c = &g->calls[i];
        wr_str bytes;
        if (!c->call->fn->save) {
            if (!take_bytes(&from, row + c->state_offset, c->state_size))
                return wr_group_damaged(g);
            continue;
        }
        if (!take_str(&from, &bytes)) return wr_group_damaged(g);
        WR_TRY(c->call->fn->load(&pane->envs[i], bytes, row + c->state_offset));
    }
    return from.length ? wr_group_damaged(g) : WR_OK;
}
