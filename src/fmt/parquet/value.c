/* value.c - the encodings of values within a page.
 *
 * get decodes count values that are present, densely, behind what the batch holds; NULL rows are
 * made room for later. Text from a dictionary stays codes as long as a batch sees nothing else;
 * other types are gathered to narrow flat values at once, because arithmetic and comparisons on one
 * to four bytes beat a look-up per value. Text views point into the page (PLAIN,
 * DELTA_LENGTH_BYTE_ARRAY), into the dictionary, or into a block made for the batch
 * (DELTA_BYTE_ARRAY, whose values do not exist in the page). */
#include "fmt/parquet/chunk.h"

static weir_status short_page(void)
{
    return wr_fail(WR_E_CORRUPT, "a page has fewer values than it claims");
}

static bool is_dictionary(int encoding)
{
    return encoding == WR_PQ_PLAIN_DICTIONARY || encoding == WR_PQ_RLE_DICTIONARY;
}

static bool is_bytes(const wr_pq_leaf *leaf) { return leaf->element->physical == WR_PQ_BYTE_ARRAY; }

static bool is_text(const wr_pq_leaf *leaf) { return leaf->make == WR_PQ_MAKE_TEXT; }

weir_status wr_pq_need_rows(wr_pq_reader *r, size_t rows)
{
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->data, rows * r->size));
    if (is_text(r->leaf)) WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->code_values, rows * 4));
    return WR_OK;
}

/* ---- beginning a page */

static weir_status all_longs(wr_pq_reader *r, const uint8_t **at, wr_pq_bytes *out, size_t *count)
{
    if (!wr_pq_delta_init(&r->delta, *at, (size_t)(r->values_end - *at)) ||
        r->delta.left > r->page_left)
        return wr_fail(WR_E_CORRUPT, "the lengths of a page are malformed");
    *count = (size_t)r->delta.left;
    WR_TRY(wr_pq_bytes_need(r->pool->mem, out, *count * 8 + 8));
    if (!wr_pq_delta_get(&r->delta, out->data, *count)) return short_page();
    *at = wr_pq_delta_end(&r->delta);
    return WR_OK;
}

static weir_status begin_byte_arrays(wr_pq_reader *r, bool with_prefixes)
{
    const uint8_t *at = r->values;
    size_t prefixes = 0;
    if (!is_bytes(r->leaf) && r->leaf->element->physical != WR_PQ_FIXED)
        return wr_fail(WR_E_CORRUPT, "the encoding of a page does not fit the type");
    if (with_prefixes) WR_TRY(all_longs(r, &at, &r->prefixes, &prefixes));
    WR_TRY(all_longs(r, &at, &r->lengths, &r->value_count));
    if (with_prefixes && prefixes != r->value_count)
        return wr_fail(WR_E_CORRUPT, "a page has %zu prefixes for %zu values", prefixes,
                       r->value_count);
    r->values = at;
    r->previous_size = 0;
    return WR_OK;
}

static weir_status begin_boolean_runs(wr_pq_reader *r)
{
    uint32_t size;
    if (r->leaf->make != WR_PQ_MAKE_BOOL)
        return wr_fail(WR_E_CORRUPT, "the encoding of a page does not fit the type");
    if (r->values_end - r->values < 4) return r->page_left ? short_page() : WR_OK;
    memcpy(&size, r->values, 4);
    if (size > (size_t)(r->values_end - r->values - 4)) return short_page();
    wr_pq_rle_init(&r->codes, r->values + 4, size, 1);
    return WR_OK;
}

static weir_status begin_codes(wr_pq_reader *r)
{
    unsigned width = 0;
    if (r->values < r->values_end) width = *r->values++;
    if (width > 32) return wr_fail(WR_E_CORRUPT, "dictionary codes of %u bits", width);
    wr_pq_rle_init(&r->codes, r->values, (size_t)(r->values_end - r->values), width);
    return WR_OK;
}

weir_status wr_pq_values_begin(wr_pq_reader *r)
{
    r->value_at = r->value_count = 0;
    /* When no byte of the page is above 127, neither is one of its texts. */
    r->is_ascii = !r->leaf->check_utf8 || is_dictionary(r->encoding) ||
                  (r->encoding != WR_PQ_DELTA_BYTE_ARRAY &&
                   !wr_pq_has_high_bytes(r->values, (size_t)(r->values_end - r->values)));
    switch (r->encoding) {
    case WR_PQ_PLAIN:
        return WR_OK;
    case WR_PQ_PLAIN_DICTIONARY:
    case WR_PQ_RLE_DICTIONARY:
        return begin_codes(r);
    case WR_PQ_RLE:
        return begin_boolean_runs(r);
    case WR_PQ_DELTA_BINARY_PACKED:
        if (r->leaf->element->physical != WR_PQ_INT32 && r->leaf->element->physical != WR_PQ_INT64)
            break;
        if (r->values == r->values_end ||
            wr_pq_delta_init(&r->delta, r->values, (size_t)(r->values_end - r->values)))
            return WR_OK;
        return wr_fail(WR_E_CORRUPT, "the head of a delta-encoded page is malformed");
    case WR_PQ_DELTA_LENGTH_BYTE_ARRAY:
        return r->values == r->values_end ? WR_OK : begin_byte_arrays(r, false);
    case WR_PQ_DELTA_BYTE_ARRAY:
        return r->values == r->values_end ? WR_OK : begin_byte_arrays(r, true);
    case WR_PQ_BYTE_STREAM_SPLIT:
        if (r->leaf->width == 0) break;
        r->value_count = (size_t)(r->values_end - r->values) / r->leaf->width;
        return WR_OK;
    default:
        return wr_fail(WR_E_UNSUPPORTED, "pages of encoding %d", r->encoding);
    }
    return wr_fail(WR_E_CORRUPT, "encoding %d does not fit the type of the column", r->encoding);
}

/* ---- PLAIN */

static weir_status plain_views(wr_pq_reader *r, size_t count, wr_view *out)
{
    const uint8_t *at = r->values, *end = r->values_end;
    for (size_t i = 0; i < count; i++) {
        uint32_t length;
        if (wr_unlikely(end - at < 4)) return short_page();
        memcpy(&length, at, 4);
        at += 4;
        if (wr_unlikely(length > (size_t)(end - at)))
            return wr_fail(WR_E_CORRUPT, "a text of %u bytes leaves its page", length);
        wr_view v;
        if (length > 12) {
            v.length = length;
            memcpy(v.prefix, at, 4);
            v.pointer = (const char *)at;
        } else {
            /* Sixteen bytes are readable behind every page. */
            static const uint64_t low[] = {0, 0xff, 0xffff, 0xffffff, 0xffffffff};
            uint32_t first;
            uint64_t rest;
            memcpy(&first, at, 4);
            memcpy(&rest, at + 4, 8);
            if (length < 4) {
                first &= (uint32_t)low[length];
                rest = 0;
            } else {
                rest = length == 4 ? 0 : rest & (UINT64_MAX >> (64 - 8 * (length - 4)));
            }
            v.words[0] = length | (uint64_t)first << 32;
            v.words[1] = rest;
        }
        out[i] = v;
        at += length;
    }
    r->values = at;
    return WR_OK;
}

static weir_status skip_plain_bytes(wr_pq_reader *r, size_t count)
{
    const uint8_t *at = r->values, *end = r->values_end;
    for (size_t i = 0; i < count; i++) {
        uint32_t length;
        if (end - at < 4) return short_page();
        memcpy(&length, at, 4);
        at += 4;
        if (length > (size_t)(end - at)) return short_page();
        at += length;
    }
    r->values = at;
    return WR_OK;
}

/* The next count stored values of fixed width. */
static weir_status plain_fixed(wr_pq_reader *r, size_t count, const uint8_t **raw)
{
    if (count > (size_t)(r->values_end - r->values) / r->leaf->width) return short_page();
    *raw = r->values;
    r->values += count * r->leaf->width;
    return WR_OK;
}

static weir_status plain_booleans(wr_pq_reader *r, size_t count, uint8_t *out)
{
    size_t bits = (size_t)(r->values_end - r->values) * 8;
    if (count > bits - WR_MIN(bits, r->value_at)) return short_page();
    for (size_t i = 0; i < count; i++) {
        size_t bit = r->value_at + i;
        out[i] = r->values[bit >> 3] >> (bit & 7) & 1;
    }
    r->value_at += count;
    return WR_OK;
}

/* ---- the other encodings */

static weir_status take_codes(wr_pq_reader *r, size_t count, uint32_t *out)
{
    if (!wr_pq_rle_get(&r->codes, out, count)) return short_page();
    if (count && wr_pq_largest(out, count) >= r->dict_count)
        return wr_fail(WR_E_CORRUPT, "a dictionary code is beyond the %u values of the dictionary",
                       r->dict_count);
    return WR_OK;
}

static weir_status run_booleans(wr_pq_reader *r, size_t count, uint8_t *out)
{
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->codes, count * 4));
    uint32_t *codes = r->pool->codes.data;
    if (!wr_pq_rle_get(&r->codes, codes, count)) return short_page();
    if (wr_pq_largest(codes, count) > 1)
        return wr_fail(WR_E_CORRUPT, "a boolean that is neither true nor false");
    wr_pq_pack_codes(codes, WR_P_U8, out, count);
    return WR_OK;
}

static weir_status delta_longs(wr_pq_reader *r, size_t count, int64_t **out)
{
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->longs, count * 8));
    *out = r->pool->longs.data;
    if (r->values == r->values_end ? count > 0 : !wr_pq_delta_get(&r->delta, *out, count))
        return short_page();
    if (r->leaf->width == 4)
        for (size_t i = 0; i < count; i++)
            (*out)[i] = (int32_t)(uint64_t)(*out)[i];
    return WR_OK;
}

static weir_status length_views(wr_pq_reader *r, size_t count, wr_view *out)
{
    if (count > r->value_count - r->value_at) return short_page();
    const int64_t *lengths = (const int64_t *)r->lengths.data + r->value_at;
    for (size_t i = 0; i < count; i++) {
        if (lengths[i] < 0 || lengths[i] > r->values_end - r->values) return short_page();
        out[i] = wr_view_of((const char *)r->values, (size_t)lengths[i]);
        r->values += lengths[i];
    }
    r->value_at += count;
    return WR_OK;
}

/* Bytes the next count values take, with every prefix and suffix checked. */
static weir_status prefixed_size(wr_pq_reader *r, size_t count, size_t *out)
{
    const int64_t *suffixes = (const int64_t *)r->lengths.data + r->value_at;
    const int64_t *prefixes = (const int64_t *)r->prefixes.data + r->value_at;
    int64_t previous = (int64_t)r->previous_size, there = r->values_end - r->values;
    size_t size = 0;
    for (size_t i = 0; i < count; i++) {
        if (prefixes[i] < 0 || prefixes[i] > previous || suffixes[i] < 0 || suffixes[i] > there)
            return short_page();
        there -= suffixes[i];
        previous = prefixes[i] + suffixes[i];
        if (previous > INT32_MAX) return wr_fail(WR_E_CORRUPT, "a text of more than 2 GiB");
        size += (size_t)previous;
    }
    *out = size;
    return WR_OK;
}

/* Values that share prefixes, written out into a block of the batch. */
static weir_status prefix_views(wr_pq_reader *r, size_t count, wr_view *out)
{
    if (count > r->value_count - r->value_at) return short_page();
    if (count == 0) return WR_OK;
    size_t size = 0;
    WR_TRY(prefixed_size(r, count, &size));
    wr_pq_block *block;
    WR_TRY(wr_pq_pool_take(r->pool, size, &block));
    char *to = (char *)block->data;
    wr_pq_pool_retire(r->pool, &block);
    const int64_t *suffixes = (const int64_t *)r->lengths.data + r->value_at;
    const int64_t *prefixes = (const int64_t *)r->prefixes.data + r->value_at;
    const char *previous = r->previous.data;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        size_t prefix = (size_t)prefixes[i], suffix = (size_t)suffixes[i];
        if (prefix) memcpy(to, previous, prefix);
        memcpy(to + prefix, r->values, suffix);
        r->values += suffix;
        length = prefix + suffix;
        out[i] = wr_view_of(to, length);
        previous = to;
        to += length;
    }
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->previous, length + 1));
    memcpy(r->previous.data, previous, length);
    r->previous_size = length;
    r->value_at += count;
    return WR_OK;
}

/* The views of a byte-array column, into out. */
static weir_status any_views(wr_pq_reader *r, size_t count, wr_view *out)
{
    if (r->encoding == WR_PQ_PLAIN) return plain_views(r, count, out);
    if (r->values == r->values_end && r->value_count == 0) return count ? short_page() : WR_OK;
    return r->encoding == WR_PQ_DELTA_BYTE_ARRAY ? prefix_views(r, count, out)
                                                 : length_views(r, count, out);
}

/* Fixed-width bytes from the delta encodings, laid out one behind the other in a block of the
 * batch. */
static weir_status fixed_from_views(wr_pq_reader *r, size_t count, const uint8_t **raw)
{
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->views, count * sizeof(wr_view)));
    wr_view *views = r->pool->views.data;
    WR_TRY(any_views(r, count, views));
    size_t width = r->leaf->width;
    wr_pq_block *block;
    WR_TRY(wr_pq_pool_take(r->pool, count * width, &block));
    uint8_t *to = block->data;
    wr_pq_pool_retire(r->pool, &block);
    for (size_t i = 0; i < count; i++) {
        if (views[i].length != width)
            return wr_fail(WR_E_CORRUPT, "a value of %u bytes in a column of %zu", views[i].length,
                           width);
        memcpy(to + i * width, wr_view_bytes(&views[i]), width);
    }
    *raw = to;
    return WR_OK;
}

static weir_status split_fixed(wr_pq_reader *r, size_t count, const uint8_t **raw)
{
    if (count > r->value_count - r->value_at) return short_page();
    size_t width = r->leaf->width;
    wr_pq_block *block;
    WR_TRY(wr_pq_pool_take(r->pool, count * width, &block));
    uint8_t *to = block->data;
    wr_pq_pool_retire(r->pool, &block);
    for (size_t k = 0; k < width; k++) {
        const uint8_t *from = r->values + k * r->value_count + r->value_at;
        for (size_t i = 0; i < count; i++)
            to[i * width + k] = from[i];
    }
    r->value_at += count;
    *raw = to;
    return WR_OK;
}

/* ---- into the batch */

/* Codes of this batch become views, because something that is not in the dictionary follows. */
static weir_status leave_codes(wr_pq_reader *r)
{
    if (r->mode == WR_PQ_MODE_CODES)
        wr_pq_gather(r->dict.data, sizeof(wr_view), r->code_values.data, r->data.data, r->filled);
    r->mode = WR_PQ_MODE_FLAT;
    return WR_OK;
}

static weir_status get_codes(wr_pq_reader *r, size_t count)
{
    if (!r->has_dict)
        return wr_fail(WR_E_CORRUPT, "a page refers to a dictionary that is not there");
    if (is_text(r->leaf) && r->mode != WR_PQ_MODE_FLAT) {
        r->mode = WR_PQ_MODE_CODES;
        return take_codes(r, count, (uint32_t *)r->code_values.data + r->filled);
    }
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->codes, count * 4));
    WR_TRY(take_codes(r, count, r->pool->codes.data));
    r->mode = WR_PQ_MODE_FLAT;
    wr_pq_gather(r->dict.data, r->size, r->pool->codes.data,
                 (char *)r->data.data + r->filled * r->size, count);
    return WR_OK;
}

weir_status wr_pq_values_get(wr_pq_reader *r, size_t count)
{
    if (count == 0) return WR_OK;
    if (is_dictionary(r->encoding)) return get_codes(r, count);
    WR_TRY(leave_codes(r));
    void *out = r->data.data;
    if (r->leaf->make == WR_PQ_MAKE_BOOL) {
        uint8_t *to = (uint8_t *)out + r->filled;
        return r->encoding == WR_PQ_RLE ? run_booleans(r, count, to) : plain_booleans(r, count, to);
    }
    if (r->encoding == WR_PQ_DELTA_BINARY_PACKED) {
        int64_t *longs;
        WR_TRY(delta_longs(r, count, &longs));
        return wr_pq_convert_longs(r, longs, count, out, r->filled);
    }
    if (is_bytes(r->leaf)) {
        wr_view *to = (wr_view *)out + r->filled;
        if (!is_text(r->leaf)) {
            WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->views, count * sizeof(wr_view)));
            to = r->pool->views.data;
        }
        WR_TRY(any_views(r, count, to));
        return wr_pq_convert_views(r, to, count, out, r->filled);
    }
    if (r->leaf->width == 0) /* BOOLEAN declared as something that is always NULL */
        return wr_pq_convert_fixed(r, r->values, count, out, r->filled);
    const uint8_t *raw = NULL;
    if (r->encoding == WR_PQ_PLAIN)
        WR_TRY(plain_fixed(r, count, &raw));
    else if (r->encoding == WR_PQ_BYTE_STREAM_SPLIT)
        WR_TRY(split_fixed(r, count, &raw));
    else
        WR_TRY(fixed_from_views(r, count, &raw));
    return wr_pq_convert_fixed(r, raw, count, out, r->filled);
}

weir_status wr_pq_values_rows(wr_pq_reader *r, size_t count, const uint16_t *rows, size_t row_count,
                              bool *done)
{
    wr_pq_make make = r->leaf->make;
    bool is_int = make == WR_PQ_MAKE_I32 || make == WR_PQ_MAKE_U32 ||
                  (make == WR_PQ_MAKE_I64 && r->leaf->width == 8);
    *done = r->encoding == WR_PQ_PLAIN && is_int && row_count < count / 8;
    if (!*done) return WR_OK;
    const uint8_t *raw = NULL;
    WR_TRY(plain_fixed(r, count, &raw));
    wr_pq_seen seen = WR_PQ_NOTHING_SEEN;
    wr_pq_source source = make == WR_PQ_MAKE_I32   ? WR_PQ_FROM_I32
                          : make == WR_PQ_MAKE_U32 ? WR_PQ_FROM_U32
                                                   : WR_PQ_FROM_I64;
    r->mode = WR_PQ_MODE_FLAT;
    /* Rows count from the start of the batch, the values of this page from filled. */
    wr_pq_narrow_rows(source, r->phys, raw - r->filled * r->leaf->width, r->data.data, rows,
                      row_count, r->base, &seen);
    return wr_pq_check_seen(r, &seen);
}

weir_status wr_pq_values_skip(wr_pq_reader *r, size_t count)
{
    if (count == 0) return WR_OK;
    if (is_dictionary(r->encoding) || r->encoding == WR_PQ_RLE)
        return wr_pq_rle_skip(&r->codes, count) ? WR_OK : short_page();
    if (r->encoding == WR_PQ_PLAIN && is_bytes(r->leaf)) return skip_plain_bytes(r, count);
    if (r->encoding == WR_PQ_PLAIN && r->leaf->width) {
        const uint8_t *raw = NULL;
        return plain_fixed(r, count, &raw);
    }
    if (r->encoding == WR_PQ_PLAIN || r->encoding == WR_PQ_BYTE_STREAM_SPLIT) {
        r->value_at += count; /* checked when values are taken */
        return WR_OK;
    }
    /* The rest depends on what comes before: decoded in steps and forgotten. */
    enum { STEP = 4096 };
    for (size_t done = 0; done < count;) {
        size_t here = WR_MIN(count - done, STEP);
        int64_t *longs;
        if (r->encoding == WR_PQ_DELTA_BINARY_PACKED) {
            WR_TRY(delta_longs(r, here, &longs));
        } else {
            WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->pool->views, here * sizeof(wr_view)));
            WR_TRY(any_views(r, here, r->pool->views.data));
        }
        done += here;
    }
    return WR_OK;
}

/* ---- dictionaries */

/* Without statistics, the values of the dictionary themselves tell how narrow they may be. */
static void fit_dictionary(wr_pq_reader *r, const uint8_t *bytes, uint32_t count)
{
    wr_pq_make make = r->leaf->make;
    if (r->by_statistics || !r->chunk->all_dictionary || count == 0 || r->filled) return;
    if (make != WR_PQ_MAKE_I32 && make != WR_PQ_MAKE_U32 &&
        !(make == WR_PQ_MAKE_I64 && r->leaf->width == 8))
        return;
    wr_pq_seen seen = WR_PQ_NOTHING_SEEN;
    int64_t scratch[256];
    wr_pq_source source = make == WR_PQ_MAKE_I32   ? WR_PQ_FROM_I32
                          : make == WR_PQ_MAKE_U32 ? WR_PQ_FROM_U32
                                                   : WR_PQ_FROM_I64;
    for (uint32_t done = 0; done < count;) {
        uint32_t here = WR_MIN(count - done, 256u);
        wr_pq_narrow(source, WR_P_I64, bytes + (size_t)done * r->leaf->width, scratch, here, 0,
                     &seen);
        done += here;
    }
    if (seen.least < r->leaf->least || seen.most > r->leaf->most) return;
    r->lo = seen.least;
    r->hi = seen.most;
    r->has_bounds = true;
    r->phys = wr_phys_for_range(r->lo, r->hi);
    r->size = wr_phys_size(r->phys);
}

weir_status wr_pq_dict_load(wr_pq_reader *r, const uint8_t *bytes, size_t size, uint32_t count)
{
    size_t least = is_bytes(r->leaf) ? 4 : r->leaf->width;
    if (least == 0) return wr_fail(WR_E_CORRUPT, "a dictionary of booleans");
    if (count > size / least)
        return wr_fail(WR_E_CORRUPT, "a dictionary of %u values in %zu bytes", count, size);
    if (!is_bytes(r->leaf)) fit_dictionary(r, bytes, count);
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->dict_values,
                            (size_t)count * WR_MAX(r->size, sizeof(wr_view)) + 64));
    if (count == 0) memset(r->dict_values.data, 0, 64);
    r->is_ascii = !r->leaf->check_utf8 || !wr_pq_has_high_bytes(bytes, size);
    if (is_bytes(r->leaf)) {
        r->values = bytes;
        r->values_end = bytes + size;
        wr_view *views = r->dict_values.data;
        if (!is_text(r->leaf)) {
            WR_TRY(
                wr_pq_bytes_need(r->pool->mem, &r->pool->views, (size_t)count * sizeof(wr_view)));
            views = r->pool->views.data;
        }
        WR_TRY(plain_views(r, count, views));
        WR_TRY(wr_pq_convert_views(r, views, count, r->dict_values.data, 0));
    } else {
        WR_TRY(wr_pq_convert_fixed(r, bytes, count, r->dict_values.data, 0));
    }
    r->dict = (wr_column){.type = r->leaf->type,
                          .form = WR_FLAT,
                          .phys = (uint8_t)r->phys,
                          .rows = WR_MAX(count, 1),
                          .data = r->dict_values.data,
                          .base = r->base,
                          .lo = r->lo,
                          .hi = r->hi,
                          .has_bounds = r->has_bounds};
    r->dict_count = count;
    r->has_dict = true;
    return WR_OK;
}
