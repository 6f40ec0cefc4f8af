/* page.c - walks the pages of a column chunk: heads, bytes, checksums, decompression, levels.
 *
 * Bytes come through a window of the file so that a chunk is read in few large pieces. A page that
 * is not compressed is used where it lies in the window; a compressed one gets a block of its own.
 * Both are retired, not freed, when the next page is loaded, because views of the current batch may
 * point into them. The chunk's size in the footer is only a hint for the window (writers have got
 * it wrong); what ends a chunk is its number of values, what limits it is the start of the footer.
 */
#include "fmt/parquet/chunk.h"
#include <zlib.h>

enum {
    WINDOW_SIZE = 1 << 20,
    WALK_SIZE = 16384,
    HEAD_GUESS = 512,
    HEAD_MAX = 16 << 20,
    SPARE_MAX = 64
};

/* ---- memory */

void wr_pq_pool_init(wr_pq_pool *pool, wr_mem *mem, wr_file *file, uint64_t data_end)
{
    *pool = (wr_pq_pool){.mem = mem, .file = file, .data_end = data_end};
}

static void drop_blocks(wr_pq_pool *pool, wr_pq_block *list)
{
    while (list) {
        wr_pq_block *next = list->next;
        wr_mem_free(pool->mem, list->data, list->cap);
        wr_heap_drop(list);
        list = next;
    }
}

void wr_pq_pool_clear(wr_pq_pool *pool)
{
    drop_blocks(pool, pool->retired);
    drop_blocks(pool, pool->spare);
    wr_pq_bytes_clear(pool->mem, &pool->codes);
    wr_pq_bytes_clear(pool->mem, &pool->longs);
    wr_pq_bytes_clear(pool->mem, &pool->views);
    wr_codec_clear(&pool->codec);
    *pool = (wr_pq_pool){0};
}

void wr_pq_pool_recycle(wr_pq_pool *pool)
{
    int count = 0;
    wr_pq_block **end = &pool->spare;
    while (*end && count < SPARE_MAX) {
        end = &(*end)->next;
        count++;
    }
    drop_blocks(pool, *end);
    *end = NULL;
    while (pool->retired) {
        wr_pq_block *b = pool->retired;
        pool->retired = b->next;
        b->next = pool->spare;
        pool->spare = b;
    }
}

weir_status wr_pq_pool_take(wr_pq_pool *pool, size_t size, wr_pq_block **out)
{
    size += WR_CODEC_SLOP;
    for (wr_pq_block **at = &pool->spare; *at; at = &(*at)->next) {
        wr_pq_block *b = *at;
        if (b->cap < size || b->cap / 4 > size + 65536) continue;
        *at = b->next;
        b->next = NULL;
        *out = b;
        return WR_OK;
    }
    if (pool->spare) {
        /* One that does not fit makes room, so that growing pages do not leave a trail. */
        wr_pq_block *b = pool->spare;
        pool->spare = b->next;
        b->next = NULL;
        drop_blocks(pool, b);
    }
    /* Pages of a column differ a little in size: rounded up, the block of one fits the next. */
    size_t step = size > 65536 ? 262144 : 4096;
    size = (size + step - 1) / step * step;
    void *data;
    WR_TRY(wr_mem_alloc(pool->mem, size, &data));
    wr_pq_block *b = wr_heap_new(sizeof *b);
    *b = (wr_pq_block){.data = data, .cap = size};
    *out = b;
    return WR_OK;
}

void wr_pq_pool_retire(wr_pq_pool *pool, wr_pq_block **block)
{
    if (!*block) return;
    (*block)->next = pool->retired;
    pool->retired = *block;
    *block = NULL;
}

weir_status wr_pq_bytes_need(wr_mem *mem, wr_pq_bytes *bytes, size_t size)
{
    if (size <= bytes->cap && bytes->data) return WR_OK; /* also no bytes have an address */
    size_t cap = WR_MAX(WR_MAX(size, 64), bytes->cap + bytes->cap / 2);
    WR_TRY(wr_mem_grow(mem, &bytes->data, bytes->cap, cap));
    bytes->cap = cap;
    return WR_OK;
}

void wr_pq_bytes_clear(wr_mem *mem, wr_pq_bytes *bytes)
{
    if (bytes->data) wr_mem_free(mem, bytes->data, bytes->cap);
    *bytes = (wr_pq_bytes){0};
}

/* ---- bytes of the file */

/* Makes size bytes at r->at available; fewer only if the data area ends. */
static weir_status look(wr_pq_reader *r, size_t size, const uint8_t **out, size_t *got)
{
    uint64_t end = r->pool->data_end;
    if (r->at > end) return wr_fail(WR_E_CORRUPT, "a page lies beyond the end of the file's data");
    size = (size_t)WR_MIN((uint64_t)size, end - r->at);
    if (!r->window || r->at < r->window_start || r->at + size > r->window_start + r->window_size) {
        uint64_t ahead = r->soft_end > r->at ? r->soft_end - r->at : 0;
        size_t want = (size_t)WR_MIN(
            WR_MAX((uint64_t)size, WR_MIN(ahead, r->walking ? WALK_SIZE : WINDOW_SIZE)),
            end - r->at);
        wr_pq_pool_retire(r->pool, &r->window);
        WR_TRY(wr_pq_pool_take(r->pool, want, &r->window));
        r->window_start = r->at;
        r->window_size = 0;
        WR_TRY(wr_file_read_exact(r->pool->file, r->at, r->window->data, want));
        r->window_size = want;
        r->pool->read_bytes += want;
    }
    *out = r->window->data + (r->at - r->window_start);
    *got = (size_t)(r->window_start + r->window_size - r->at);
    return WR_OK;
}

/* ---- heads */

static void read_data_head(wr_thrift_in *in, wr_pq_page_head *h, bool is_v2)
{
    wr_thrift_field f = {0};
    h->is_packed = true;
    while (wr_thrift_next(in, &f)) {
        if (f.id == 1)
            h->value_count = (int32_t)wr_thrift_int(in, &f);
        else if (is_v2 && f.id == 7)
            h->is_packed = wr_thrift_bool(&f);
        else if (is_v2 && f.id == 3)
            h->row_count = (int32_t)wr_thrift_int(in, &f);
        else if (f.id == (is_v2 ? 4 : 2))
            h->encoding = (int)wr_thrift_int(in, &f);
        else if (is_v2 && f.id == 5)
            h->def_size = (int32_t)wr_thrift_int(in, &f);
        else if (is_v2 && f.id == 6)
            h->rep_size = (int32_t)wr_thrift_int(in, &f);
        else if (!is_v2 && f.id == 3 && h->type != WR_PQ_PAGE_DICTIONARY)
            h->def_encoding = (int)wr_thrift_int(in, &f);
        else if (!is_v2 && f.id == 4)
            h->rep_encoding = (int)wr_thrift_int(in, &f);
        else
            wr_thrift_skip(in, f.type);
    }
}

static void parse_head(wr_thrift_in *in, wr_pq_page_head *h)
{
    wr_thrift_field f = {0};
    *h = (wr_pq_page_head){.type = -1, .def_encoding = WR_PQ_RLE, .rep_encoding = WR_PQ_RLE};
    while (wr_thrift_next(in, &f)) {
        switch (f.id) {
        case 1:
            h->type = (int)wr_thrift_int(in, &f);
            break;
        case 2:
            h->plain_size = (int32_t)wr_thrift_int(in, &f);
            break;
        case 3:
            h->packed_size = (int32_t)wr_thrift_int(in, &f);
            break;
        case 4:
            h->crc = (uint32_t)wr_thrift_int(in, &f);
            h->has_crc = true;
            break;
        case 5:
        case 7:
            if (wr_thrift_enter(in, &f)) read_data_head(in, h, false);
            break;
        case 8:
            if (wr_thrift_enter(in, &f)) read_data_head(in, h, true);
            break;
        default:
            wr_thrift_skip(in, f.type);
        }
    }
}

/* Reads the head at r->at and moves behind it. */
static weir_status next_head(wr_pq_reader *r, wr_pq_page_head *h)
{
    r->page_at = r->at;
    for (size_t guess = HEAD_GUESS;; guess *= 16) {
        const uint8_t *bytes;
        size_t got;
        WR_TRY(look(r, guess, &bytes, &got));
        wr_thrift_in in;
        wr_thrift_in_init(&in, bytes, got);
        parse_head(&in, h);
        if (!in.bad) {
            r->at += (uint64_t)(in.at - bytes);
            break;
        }
        if (got < guess || guess >= HEAD_MAX)
            return wr_fail(WR_E_CORRUPT, "the page header at byte %llu is malformed",
                           (unsigned long long)r->at);
    }
    if (h->plain_size < 0 || h->packed_size < 0 || h->value_count < 0 || h->def_size < 0 ||
        h->rep_size < 0 ||
        (uint64_t)h->packed_size > r->pool->data_end - WR_MIN(r->at, r->pool->data_end))
        return wr_fail(WR_E_CORRUPT, "the page at byte %llu has impossible sizes",
                       (unsigned long long)r->at);
    return WR_OK;
}

/* ---- bodies */

static weir_status body(wr_pq_reader *r, const wr_pq_page_head *h, const uint8_t **out)
{
    size_t got;
    WR_TRY(look(r, (size_t)h->packed_size, out, &got));
    if (got < (size_t)h->packed_size) return wr_fail(WR_E_CORRUPT, "a page is cut short");
    if (h->has_crc && (uint32_t)crc32(0, *out, (uInt)h->packed_size) != h->crc)
        return wr_fail(WR_E_CORRUPT, "the checksum of the page at byte %llu is wrong",
                       (unsigned long long)r->at);
    r->at += (uint64_t)h->packed_size;
    return WR_OK;
}

/* What no encoder can exceed: a claim beyond is refused before memory is taken for it. */
static bool is_plausible(uint8_t codec, size_t packed, size_t plain)
{
    switch (codec) {
    case WR_CODEC_SNAPPY:
        return plain / 64 <= packed;
    case WR_CODEC_LZ4:
    case WR_CODEC_LZ4_RAW:
        return plain / 256 <= packed;
    case WR_CODEC_GZIP:
        return plain / 1100 <= packed;
    default:
        return true;
    }
}

/* Decompresses size bytes behind head bytes that are not compressed, all into a new block. */
static weir_status unpack_body(wr_pq_reader *r, const uint8_t *packed, size_t packed_size,
                               size_t head, size_t size, wr_pq_block **out)
{
    if (r->chunk->codec == 255)
        return wr_fail(WR_E_UNSUPPORTED,
                       "the column is compressed with a codec weir does not know");
    if (size < head || packed_size < head ||
        !is_plausible(r->chunk->codec, packed_size - head + 16, size - head))
        return wr_fail(WR_E_CORRUPT, "a page claims to decompress from %zu to %zu bytes",
                       packed_size, size);
    WR_TRY(wr_pq_pool_take(r->pool, size, out));
    memcpy((*out)->data, packed, head);
    return wr_codec_decode(&r->pool->codec, (wr_codec)r->chunk->codec, packed + head,
                           packed_size - head, (*out)->data + head, size - head);
}

static weir_status load_dictionary(wr_pq_reader *r, const wr_pq_page_head *h)
{
    const uint8_t *bytes;
    WR_TRY(body(r, h, &bytes));
    if (r->has_dict) return wr_fail(WR_E_CORRUPT, "a column chunk has two dictionaries");
    if (h->encoding != WR_PQ_PLAIN && h->encoding != WR_PQ_PLAIN_DICTIONARY)
        return wr_fail(WR_E_CORRUPT, "a dictionary has encoding %d", h->encoding);
    size_t size = (size_t)h->packed_size;
    wr_pq_block *block = NULL;
    weir_status bad = WR_OK;
    if (r->chunk->codec == WR_CODEC_NONE) {
        bad = wr_pq_pool_take(r->pool, size, &block);
        if (!bad) memcpy(block->data, bytes, size);
    } else {
        size = (size_t)h->plain_size;
        bad = unpack_body(r, bytes, (size_t)h->packed_size, 0, size, &block);
    }
    r->dict_page = block;
    if (bad) return bad;
    r->pool->decoded_bytes += size;
    return wr_pq_dict_load(r, block->data, size, (uint32_t)h->value_count);
}

/* ---- levels */

static unsigned bits_for(int most)
{
    return most ? 32 - (unsigned)__builtin_clz((unsigned)most) : 0;
}

/* The old BIT_PACKED levels have the most significant bit first and no run heads: turned into one
 * packed run. */
static weir_status recode_levels(wr_pq_reader *r, const uint8_t *in, uint32_t count, unsigned width,
                                 wr_pq_rle *out)
{
    wr_pq_block **block = &r->recoded[out == &r->defs];
    size_t groups = ((size_t)count + 7) / 8, size = groups * width;
    wr_pq_pool_retire(r->pool, block);
    WR_TRY(wr_pq_pool_take(r->pool, size + 10, block));
    uint8_t *to = (*block)->data;
    memset(to, 0, size + 10);
    uint8_t *at = to;
    for (uint64_t head = (uint64_t)groups << 1 | 1; head; head >>= 7)
        *at++ = (uint8_t)((head & 0x7f) | (head > 0x7f ? 0x80 : 0));
    for (size_t i = 0; i < count; i++)
        for (unsigned k = 0; k < width; k++) {
            size_t from = i * width + (width - 1 - k), bit = i * width + k;
            if (in[from >> 3] >> (7 - (from & 7)) & 1) at[bit >> 3] |= (uint8_t)(1 << (bit & 7));
        }
    wr_pq_rle_init(out, to, (size_t)(at - to) + size, width);
    return WR_OK;
}

static weir_status v1_levels(wr_pq_reader *r, int most, int encoding, uint32_t count,
                             const uint8_t **at, const uint8_t *end, wr_pq_rle *out)
{
    unsigned width = bits_for(most);
    if (width == 0) return WR_OK;
    if (encoding == WR_PQ_BIT_PACKED) {
        size_t size = ((size_t)count * width + 7) / 8;
        if (size > (size_t)(end - *at))
            return wr_fail(WR_E_CORRUPT, "the levels of a page are cut short");
        WR_TRY(recode_levels(r, *at, count, width, out));
        *at += size;
        return WR_OK;
    }
    if (encoding != WR_PQ_RLE)
        return wr_fail(WR_E_CORRUPT, "the levels of a page have encoding %d", encoding);
    if (end - *at < 4) return wr_fail(WR_E_CORRUPT, "the levels of a page are cut short");
    uint32_t size;
    memcpy(&size, *at, 4);
    *at += 4;
    if (size > (size_t)(end - *at))
        return wr_fail(WR_E_CORRUPT, "the levels of a page are cut short");
    wr_pq_rle_init(out, *at, size, width);
    *at += size;
    return WR_OK;
}

static weir_status level_bytes(wr_pq_reader *r, wr_pq_rle *from, int most, uint32_t count,
                               wr_pq_bytes *out)
{
    WR_TRY(wr_pq_bytes_need(r->pool->mem, out, count));
    uint8_t *to = out->data;
    if (most == 0) {
        memset(to, 0, count);
        return WR_OK;
    }
    uint32_t some[1024];
    for (uint32_t done = 0; done < count;) {
        uint32_t here = WR_MIN(count - done, (uint32_t)WR_COUNT(some));
        if (!wr_pq_rle_get(from, some, here) || wr_pq_largest(some, here) > (uint32_t)most)
            return wr_fail(WR_E_CORRUPT, "the levels of a page are malformed");
        wr_pq_pack_codes(some, WR_P_U8, to + done, here);
        done += here;
    }
    return WR_OK;
}

static weir_status load_data(wr_pq_reader *r, const wr_pq_page_head *h)
{
    const uint8_t *bytes;
    WR_TRY(body(r, h, &bytes));
    const wr_pq_leaf *leaf = r->leaf;
    bool is_v2 = h->type == WR_PQ_PAGE_DATA_V2;
    size_t size = (size_t)h->packed_size,
           head = is_v2 ? (size_t)h->def_size + (size_t)h->rep_size : 0;
    if (head > size) return wr_fail(WR_E_CORRUPT, "the levels of a page are longer than the page");
    wr_pq_pool_retire(r->pool, &r->page);
    if (r->chunk->codec != WR_CODEC_NONE && (!is_v2 || h->is_packed)) {
        size = (size_t)h->plain_size;
        WR_TRY(unpack_body(r, bytes, (size_t)h->packed_size, head, size, &r->page));
        bytes = r->page->data;
    }
    r->pool->decoded_bytes += size;
    const uint8_t *at = bytes, *end = bytes + size;
    uint32_t count = (uint32_t)h->value_count;
    if (is_v2) {
        wr_pq_rle_init(&r->reps, at, (size_t)h->rep_size, bits_for(leaf->max_rep));
        wr_pq_rle_init(&r->defs, at + h->rep_size, (size_t)h->def_size, bits_for(leaf->max_def));
        at += head;
    } else {
        WR_TRY(v1_levels(r, leaf->max_rep, h->rep_encoding, count, &at, end, &r->reps));
        WR_TRY(v1_levels(r, leaf->max_def, h->def_encoding, count, &at, end, &r->defs));
    }
    if (r->is_nested) {
        WR_TRY(level_bytes(r, &r->reps, leaf->max_rep, count, &r->page_reps));
        WR_TRY(level_bytes(r, &r->defs, leaf->max_def, count, &r->page_defs));
        r->page_level_at = 0;
    }
    r->values = at;
    r->values_end = end;
    r->encoding = h->encoding;
    r->page_left = count;
    r->levels_left -= count;
    return wr_pq_values_begin(r);
}

static bool is_data(const wr_pq_page_head *h)
{
    return h->type == WR_PQ_PAGE_DATA || h->type == WR_PQ_PAGE_DATA_V2;
}

/* Goes to the next data page, leaving r->at at its body; dictionaries on the way are loaded. */
static weir_status next_data_head(wr_pq_reader *r, wr_pq_page_head *h)
{
    while (true) {
        if (r->levels_left <= 0)
            return wr_fail(WR_E_CORRUPT, "a column chunk has fewer values than rows");
        WR_TRY(next_head(r, h));
        if (is_data(h)) {
            if (r->page_count >= 0) r->page_count++;
            if (h->value_count > r->levels_left)
                return wr_fail(WR_E_CORRUPT,
                               "the pages of a column chunk have more values than it claims");
            return WR_OK;
        }
        if (h->type == WR_PQ_PAGE_DICTIONARY) {
            WR_TRY(load_dictionary(r, h));
        } else {
            if (h->packed_size == 0)
                return wr_fail(WR_E_CORRUPT, "an empty page of type %d", h->type);
            r->at += (uint64_t)h->packed_size;
        }
    }
}

weir_status wr_pq_page_next(wr_pq_reader *r)
{
    wr_pq_page_head h;
    do {
        WR_TRY(next_data_head(r, &h));
        WR_TRY(load_data(r, &h));
    } while (r->page_left == 0);
    return WR_OK;
}

weir_status wr_pq_page_skip(wr_pq_reader *r, int64_t *rows)
{
    wr_assert(r->page_left == 0 && !r->is_nested);
    while (*rows > 0) {
        wr_pq_page_head h;
        if (r->levels_left <= 0)
            return wr_fail(WR_E_CORRUPT, "a column chunk has fewer values than rows");
        WR_TRY(next_data_head(r, &h));
        if (h.value_count > *rows) {
            return load_data(r, &h); /* the wanted rows begin inside */
        }
        *rows -= h.value_count;
        r->levels_left -= h.value_count;
        r->at += (uint64_t)h.packed_size;
    }
    return WR_OK;
}

weir_status wr_pq_reader_dictionary(wr_pq_reader *r, const wr_column **out)
{
    *out = NULL;
    if (!r->has_dict && r->at == r->start && r->levels_left > 0) {
        wr_pq_page_head h;
        WR_TRY(next_head(r, &h));
        if (h.type == WR_PQ_PAGE_DICTIONARY)
            WR_TRY(load_dictionary(r, &h));
        else
            r->at = r->start;
    }
    if (r->has_dict) *out = &r->dict;
    return WR_OK;
}

bool wr_pq_dictionary_size(wr_file *file, uint64_t data_end, const wr_pq_chunk *chunk,
                           uint32_t *out)
{
    uint8_t bytes[HEAD_GUESS];
    uint64_t at = chunk->dictionary_offset > 0 ? (uint64_t)chunk->dictionary_offset
                                               : (uint64_t)chunk->data_offset;
    if (at < 4 || at >= data_end) return false;
    size_t got;
    weir_status bad =
        wr_file_read(file, at, bytes, (size_t)WR_MIN(sizeof bytes, data_end - at), &got);
    if (bad) {
        wr_status_drop(bad);
        return false;
    }
    wr_pq_page_head h;
    wr_thrift_in in;
    wr_thrift_in_init(&in, bytes, got);
    parse_head(&in, &h);
    *out = (uint32_t)h.value_count;
    return !in.bad && h.type == WR_PQ_PAGE_DICTIONARY && h.value_count > 0;
}
