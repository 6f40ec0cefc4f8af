/* sink.c - collects the values of one leaf and writes them as a column chunk.
 *
 * Values are kept as they will be stored (PLAIN form), so that bounds, dictionary, bloom filter and
 * every encoding work on the same bytes. At the end of a row group the encoding is chosen from the
 * values themselves: a dictionary when few are different, deltas for integers when that is much
 * smaller, else PLAIN. Pages end at rows, so that the page index can name the first row of each. */
#include "fmt/parquet/sink.h"
#include "fmt/parquet/prune.h"
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PAGE_ROWS = 20480, DICTIONARY_BYTES = 1 << 20, BLOOM_BYTES_MAX = 1 << 22 };

bool wr_pq_target_of(const wr_type *type, wr_pq_target *out)
{
    static const struct {
        wr_type_id id;
        wr_pq_physical physical;
        uint32_t width;
        wr_pq_order order;
    } rows[] = {
        {WR_T_NULL, WR_PQ_INT32, 4, WR_PQ_BY_NOTHING},
        {WR_T_BOOLEAN, WR_PQ_BOOLEAN, 1, WR_PQ_BY_BYTES},
        {WR_T_TINYINT, WR_PQ_INT32, 4, WR_PQ_BY_I32},
        {WR_T_SMALLINT, WR_PQ_INT32, 4, WR_PQ_BY_I32},
        {WR_T_INTEGER, WR_PQ_INT32, 4, WR_PQ_BY_I32},
        {WR_T_BIGINT, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_HUGEINT, WR_PQ_FIXED, 16, WR_PQ_BY_DECIMAL},
        {WR_T_UTINYINT, WR_PQ_INT32, 4, WR_PQ_BY_U32},
        {WR_T_USMALLINT, WR_PQ_INT32, 4, WR_PQ_BY_U32},
        {WR_T_UINTEGER, WR_PQ_INT32, 4, WR_PQ_BY_U32},
        {WR_T_UBIGINT, WR_PQ_INT64, 8, WR_PQ_BY_U64},
        {WR_T_REAL, WR_PQ_FLOAT, 4, WR_PQ_BY_F32},
        {WR_T_DOUBLE, WR_PQ_DOUBLE, 8, WR_PQ_BY_F64},
        {WR_T_VARCHAR, WR_PQ_BYTE_ARRAY, 0, WR_PQ_BY_BYTES},
        {WR_T_JSON, WR_PQ_BYTE_ARRAY, 0, WR_PQ_BY_BYTES},
        {WR_T_BLOB, WR_PQ_BYTE_ARRAY, 0, WR_PQ_BY_BYTES},
        {WR_T_ENUM, WR_PQ_BYTE_ARRAY, 0, WR_PQ_BY_BYTES},
        {WR_T_UUID, WR_PQ_FIXED, 16, WR_PQ_BY_BYTES},
        {WR_T_DATE, WR_PQ_INT32, 4, WR_PQ_BY_I32},
        {WR_T_TIME, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_TIMESTAMP, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_TIMESTAMP_S, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_TIMESTAMP_MS, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_TIMESTAMP_NS, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_TIMESTAMPTZ, WR_PQ_INT64, 8, WR_PQ_BY_I64},
        {WR_T_INTERVAL, WR_PQ_FIXED, 12, WR_PQ_BY_NOTHING},
    };
    *out = (wr_pq_target){.type = type, .factor = type->id == WR_T_TIMESTAMP_S ? 1000 : 1};
    if (type->id == WR_T_DECIMAL) {
        out->physical = type->precision <= 9    ? WR_PQ_INT32
                        : type->precision <= 18 ? WR_PQ_INT64
                                                : WR_PQ_FIXED;
        out->width = type->precision <= 9 ? 4 : type->precision <= 18 ? 8 : 16;
        out->order = type->precision <= 9    ? WR_PQ_BY_I32
                     : type->precision <= 18 ? WR_PQ_BY_I64
                                             : WR_PQ_BY_DECIMAL;
        return true;
    }
    for (size_t i = 0; i < WR_COUNT(rows); i++)
        if (rows[i].id == type->id) {
            out->physical = rows[i].physical;
            out->width = rows[i].width;
            out->order = rows[i].order;
            return true;
        }
    return false;
}

/* ---- collecting */

weir_status wr_pq_sink_level(wr_pq_sink *s, wr_mem *mem, int def, int rep)
{
    WR_TRY(wr_pq_bytes_need(mem, &s->defs, s->level_count + 1));
    WR_TRY(wr_pq_bytes_need(mem, &s->reps, s->level_count + 1));
    ((uint8_t *)s->defs.data)[s->level_count] = (uint8_t)def;
    ((uint8_t *)s->reps.data)[s->level_count] = (uint8_t)rep;
    s->level_count++;
    return WR_OK;
}

static weir_status add_bytes(wr_pq_sink *s, wr_mem *mem, const char *bytes, size_t length)
{
    if (length > UINT32_MAX / 2 - s->value_bytes)
        return wr_fail(WR_E_TOO_BIG, "a row group has more than 2 GiB of one column");
    WR_TRY(wr_pq_bytes_need(mem, &s->values, s->value_bytes + length + 1));
    WR_TRY(wr_pq_bytes_need(mem, &s->ends, (s->value_count + 1) * sizeof(uint32_t)));
    memcpy((char *)s->values.data + s->value_bytes, bytes, length);
    s->value_bytes += length;
    ((uint32_t *)s->ends.data)[s->value_count++] = (uint32_t)s->value_bytes;
    return WR_OK;
}

static void big_endian(wr_i128 v, uint8_t *out)
{
    for (int i = 15; i >= 0; i--, v >>= 8)
        out[i] = (uint8_t)v;
}

static weir_status interval_bytes(wr_interval v, uint8_t *out)
{
    if (v.months < 0 || v.days < 0 || v.usecs < 0 || v.usecs % 1000 || v.usecs / 1000 > UINT32_MAX)
        return wr_with_hint(
            wr_fail(WR_E_OUT_OF_RANGE, "an interval is negative or finer than a millisecond"),
            "Parquet has no such intervals: cast it to VARCHAR");
    uint32_t parts[3] = {(uint32_t)v.months, (uint32_t)v.days, (uint32_t)(v.usecs / 1000)};
    memcpy(out, parts, 12);
    return WR_OK;
}

static weir_status fixed_bytes(const wr_pq_sink *s, const wr_column *c, uint32_t row, uint8_t *out)
{
    wr_type_id id = s->target.type->id;
    if (id == WR_T_INTERVAL) {
        uint32_t at;
        const wr_column *flat = wr_column_at(c, row, &at);
        return interval_bytes(((const wr_interval *)flat->data)[at], out);
    }
    if (s->target.physical == WR_PQ_FIXED) {
        wr_i128 v = wr_column_i128(c, row);
        if (id == WR_T_HUGEINT && (v >= wr_pow10[38] || v <= -wr_pow10[38]))
            return wr_fail(WR_E_OUT_OF_RANGE,
                           "a HUGEINT of more than 38 digits cannot be written to Parquet");
        big_endian(id == WR_T_UUID ? v ^ WR_I128_MIN : v, out);
        return WR_OK;
    }
    if (s->target.order == WR_PQ_BY_F64 || s->target.order == WR_PQ_BY_F32) {
        double wide = wr_column_f64(c, row);
        float narrow = (float)wide;
        memcpy(out, s->target.width == 8 ? (void *)&wide : (void *)&narrow, s->target.width);
        return WR_OK;
    }
    int64_t v = id == WR_T_UBIGINT ? (int64_t)wr_column_i128(c, row) : wr_column_int(c, row);
    if (s->target.factor != 1 && __builtin_mul_overflow(v, s->target.factor, &v))
        return wr_fail(WR_E_DATETIME_OVERFLOW, "a timestamp cannot be written in milliseconds");
    memcpy(out, &v, s->target.width); /* little-endian: the low bytes */
    return WR_OK;
}

weir_status wr_pq_sink_value(wr_pq_sink *s, wr_mem *mem, const wr_column *column, uint32_t row)
{
    const wr_type *type = s->target.type;
    if (s->target.width == 0) {
        if (type->id == WR_T_ENUM) {
            int64_t code = wr_column_int(column, row);
            if (code < 0 || code >= type->label_count)
                return wr_fail(WR_E_INTERNAL, "an ENUM code without label");
            return add_bytes(s, mem, type->labels[code].data, type->labels[code].length);
        }
        wr_view v = wr_column_view(column, row);
        return add_bytes(s, mem, wr_view_bytes(&v), v.length);
    }
    WR_TRY(wr_pq_bytes_need(mem, &s->values, s->value_bytes + 16));
    WR_TRY(fixed_bytes(s, column, row, (uint8_t *)s->values.data + s->value_bytes));
    s->value_bytes += s->target.width;
    s->value_count++;
    return WR_OK;
}

/* Columns whose memory form is the stored form: one copy per run of rows. */
static bool is_plain_copy(const wr_pq_sink *s, const wr_column *c)
{
    if (c->form != WR_FLAT || c->base || s->target.factor != 1 || s->target.physical == WR_PQ_FIXED)
        return false;
    return s->target.width && wr_phys_size(c->phys) == s->target.width &&
           c->phys == s->target.type->phys;
}

weir_status wr_pq_sink_rows(wr_pq_sink *s, wr_mem *mem, const wr_column *column,
                            const uint16_t *rows, uint32_t count)
{
    WR_TRY(wr_pq_bytes_need(mem, &s->defs, s->level_count + count));
    WR_TRY(wr_pq_bytes_need(mem, &s->reps, s->level_count + count));
    uint8_t *defs = (uint8_t *)s->defs.data + s->level_count;
    memset((uint8_t *)s->reps.data + s->level_count, 0, count);
    s->level_count += count;
    bool no_nulls = wr_column_has_no_nulls(column);
    if (no_nulls && is_plain_copy(s, column)) {
        size_t width = s->target.width;
        WR_TRY(wr_pq_bytes_need(mem, &s->values, s->value_bytes + count * width));
        char *to = (char *)s->values.data + s->value_bytes;
        for (uint32_t i = 0; i < count; i++)
            memcpy(to + i * width, (const char *)column->data + rows[i] * width, width);
        memset(defs, s->max_def, count);
        s->value_bytes += count * width;
        s->value_count += count;
        return WR_OK;
    }
    for (uint32_t i = 0; i < count; i++) {
        bool present = no_nulls || !wr_column_is_null(column, rows[i]);
        if (!present && s->max_def == 0)
            return wr_fail(WR_E_NOT_NULL_VIOLATION, "NULL in a column that forbids it");
        defs[i] = present ? (uint8_t)s->max_def : 0;
        if (present) WR_TRY(wr_pq_sink_value(s, mem, column, rows[i]));
    }
    return WR_OK;
}

size_t wr_pq_sink_bytes(const wr_pq_sink *s) { return s->value_bytes + s->level_count / 4; }

void wr_pq_sink_clear(wr_pq_sink *s, wr_mem *mem)
{
    wr_pq_bytes_clear(mem, &s->defs);
    wr_pq_bytes_clear(mem, &s->reps);
    wr_pq_bytes_clear(mem, &s->values);
    wr_pq_bytes_clear(mem, &s->ends);
}

/* ---- pages */

weir_status wr_pq_out_append(wr_pq_out *out, const void *bytes, size_t size)
{
    WR_TRY(wr_file_append(out->file, bytes, size));
    out->offset += size;
    return WR_OK;
}

static unsigned bits_for(uint32_t most) { return most ? 32 - (unsigned)__builtin_clz(most) : 0; }

static weir_status put_levels(wr_pq_out *out, const uint8_t *levels, size_t count, int most)
{
    if (most == 0) return WR_OK;
    WR_TRY(wr_pq_bytes_need(out->mem, &out->table, count * sizeof(uint32_t)));
    uint32_t *wide = out->table.data, size = 0;
    for (size_t i = 0; i < count; i++)
        wide[i] = levels[i];
    size_t head = out->body.length;
    wr_buf_add(&out->body, &size, 4);
    wr_pq_encode_runs(&out->body, wide, count, bits_for((uint32_t)most));
    size = (uint32_t)(out->body.length - head - 4);
    memcpy(out->body.data + head, &size, 4);
    return WR_OK;
}

typedef struct page_plan {
    int type;
    wr_pq_encoding encoding;
    size_t count; /* levels, or dictionary entries */
} page_plan;

/* Compresses out->body and writes it with its head. */
static weir_status put_page(wr_pq_out *out, const page_plan *plan, wr_pq_written *w,
                            int32_t *packed_size)
{
    size_t size = out->body.length;
    if (size > INT32_MAX) return wr_fail(WR_E_TOO_BIG, "a page of %zu bytes", size);
    wr_buf_reserve(&out->body, WR_CODEC_SLOP);
    WR_TRY(
        wr_pq_bytes_need(out->mem, &out->packed, wr_codec_bound(out->codec, size) + WR_CODEC_SLOP));
    WR_TRY(wr_codec_encode(&out->codec_state, out->codec, out->level,
                           (const uint8_t *)out->body.data, size, out->packed.data, &size));
    out->head.length = 0;
    wr_thrift_out t = {.buf = &out->head};
    wr_thrift_begin(&t);
    wr_thrift_put_i32(&t, 1, plan->type);
    wr_thrift_put_i32(&t, 2, (int32_t)out->body.length);
    wr_thrift_put_i32(&t, 3, (int32_t)size);
    bool is_dictionary = plan->type == WR_PQ_PAGE_DICTIONARY;
    wr_thrift_put_struct(&t, is_dictionary ? 7 : 5);
    wr_thrift_put_i32(&t, 1, (int32_t)plan->count);
    wr_thrift_put_i32(&t, 2, plan->encoding);
    if (!is_dictionary) {
        wr_thrift_put_i32(&t, 3, WR_PQ_RLE);
        wr_thrift_put_i32(&t, 4, WR_PQ_RLE);
    }
    wr_thrift_end(&t);
    wr_thrift_end(&t);
    w->plain_size += (int64_t)(out->head.length + out->body.length);
    w->packed_size += (int64_t)(out->head.length + size);
    *packed_size = (int32_t)(out->head.length + size);
    WR_TRY(wr_pq_out_append(out, out->head.data, out->head.length));
    return wr_pq_out_append(out, out->packed.data, size);
}

static void put_plain(const wr_pq_sink *s, size_t first, size_t count, wr_buf *body)
{
    if (s->target.physical == WR_PQ_BOOLEAN) {
        const uint8_t *values = (const uint8_t *)s->values.data + first;
        for (size_t i = 0; i < count; i += 8) {
            unsigned byte = 0;
            for (size_t k = 0; k < 8 && i + k < count; k++)
                byte |= (unsigned)(values[i + k] & 1) << k;
            wr_buf_add_char(body, (char)byte);
        }
        return;
    }
    if (s->target.width) {
        wr_buf_add(body, (const char *)s->values.data + first * s->target.width,
                   count * s->target.width);
        return;
    }
    for (size_t i = first; i < first + count; i++) {
        wr_str v = wr_pq_sink_at(s, i);
        uint32_t length = (uint32_t)v.length;
        wr_buf_add(body, &length, 4);
        wr_buf_add_str(body, v);
    }
}

static bool has_delta(const wr_pq_sink *s)
{
    return s->target.physical == WR_PQ_INT32 || s->target.physical == WR_PQ_INT64 ||
           s->target.width == 0;
}

/* Integers as deltas; texts as deltas of their lengths and then their bytes. */
static weir_status put_delta(const wr_pq_sink *s, wr_pq_out *out, size_t first, size_t count)
{
    WR_TRY(wr_pq_bytes_need(out->mem, &out->codes, (count + 1) * sizeof(int64_t)));
    int64_t *longs = out->codes.data;
    for (size_t i = 0; i < count; i++) {
        wr_str v = wr_pq_sink_at(s, first + i);
        int32_t narrow;
        if (s->target.width == 0) {
            longs[i] = (int64_t)v.length;
        } else if (s->target.width == 4) {
            memcpy(&narrow, v.data, 4);
            longs[i] = narrow;
        } else {
            memcpy(&longs[i], v.data, 8);
        }
    }
    wr_pq_encode_delta(&out->body, longs, count, s->target.width != 8);
    if (s->target.width || count == 0) return WR_OK;
    wr_str from = wr_pq_sink_at(s, first), to = wr_pq_sink_at(s, first + count - 1);
    wr_buf_add(&out->body, from.data, (size_t)(to.data + to.length - from.data));
    return WR_OK;
}

/* The end of the page that starts at level from: a row boundary. */
static size_t page_end(const wr_pq_sink *s, const wr_pq_out *out, size_t from)
{
    const uint8_t *defs = s->defs.data, *reps = s->reps.data;
    size_t per_value =
        s->target.width ? s->target.width : 4 + s->value_bytes / WR_MAX(s->value_count, 1);
    size_t bytes = 0, rows = 0, i = from;
    for (; i < s->level_count; i++) {
        if (reps[i] == 0 && (rows++ == PAGE_ROWS || bytes > out->page_bytes)) break;
        bytes += defs[i] == s->max_def ? per_value : 1;
    }
    return i;
}

static size_t count_rows(const uint8_t *reps, size_t count)
{
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += reps[i] == 0;
    return rows;
}

static weir_status put_values(const wr_pq_sink *s, wr_pq_out *out, wr_pq_encoding encoding,
                              const uint32_t *codes, uint32_t distinct, size_t first, size_t count)
{
    if (encoding == WR_PQ_RLE_DICTIONARY) {
        unsigned width = bits_for(distinct ? distinct - 1 : 0);
        wr_buf_add_char(&out->body, (char)width);
        wr_pq_encode_runs(&out->body, codes + first, count, width);
        return WR_OK;
    }
    if (encoding != WR_PQ_PLAIN) return put_delta(s, out, first, count);
    put_plain(s, first, count, &out->body);
    return WR_OK;
}

static weir_status put_data_pages(const wr_pq_sink *s, wr_pq_out *out, const uint32_t *codes,
                                  uint32_t distinct, wr_pq_written *w)
{
    const uint8_t *defs = s->defs.data, *reps = s->reps.data;
    size_t value = 0;
    int64_t row = 0;
    w->data_offset = (int64_t)out->offset;
    for (size_t at = 0; at < s->level_count;) {
        size_t end = page_end(s, out, at), present = 0;
        for (size_t i = at; i < end; i++)
            present += defs[i] == s->max_def;
        wr_pq_written_page page = {
            .offset = (int64_t)out->offset, .first_row = row, .all_null = present == 0};
        page.bounds.null_count = (int64_t)(end - at - present);
        wr_pq_find_bounds(s, value, present, out->arena, &page.bounds);
        wr_pq_merge_bounds(s, &w->bounds, &page.bounds);
        out->body.length = 0;
        WR_TRY(put_levels(out, reps + at, end - at, s->max_rep));
        WR_TRY(put_levels(out, defs + at, end - at, s->max_def));
        WR_TRY(put_values(s, out, w->encoding, codes, distinct, value, present));
        page_plan plan = {WR_PQ_PAGE_DATA, w->encoding, end - at};
        WR_TRY(put_page(out, &plan, w, &page.packed_size));
        wr_push(out->arena, &w->pages, page);
        w->data_pages++;
        row += (int64_t)count_rows(reps + at, end - at);
        value += present;
        at = end;
    }
    return WR_OK;
}

static weir_status put_dictionary(const wr_pq_sink *s, wr_pq_out *out, const uint32_t *first,
                                  uint32_t distinct, wr_pq_written *w)
{
    int32_t ignored;
    out->body.length = 0;
    for (uint32_t i = 0; i < distinct; i++)
        put_plain(s, first[i], 1, &out->body);
    w->dictionary_offset = (int64_t)out->offset;
    w->dictionary_pages = 1;
    w->distinct = distinct;
    page_plan plan = {WR_PQ_PAGE_DICTIONARY, WR_PQ_PLAIN, distinct};
    return put_page(out, &plan, w, &ignored);
}

/* Deltas pay when they are well below the plain size: they cost time to read. */
static weir_status is_delta_smaller(const wr_pq_sink *s, wr_pq_out *out, bool *smaller)
{
    size_t sample = WR_MIN(s->value_count, (size_t)8192);
    out->body.length = 0;
    *smaller = false;
    if (s->target.physical != WR_PQ_INT32 && s->target.physical != WR_PQ_INT64) return WR_OK;
    WR_TRY(put_delta(s, out, 0, sample));
    *smaller = sample > 64 && out->body.length < sample * s->target.width / 2;
    return WR_OK;
}

static weir_status put_bloom(const wr_pq_sink *s, wr_pq_out *out, wr_pq_written *w)
{
    size_t wanted = s->value_count * 5 / 4 + 32, bytes = 32; /* 10 bits per value */
    if (w->distinct) wanted = (size_t)w->distinct * 5 / 4 + 32;
    while (bytes < wanted && bytes < BLOOM_BYTES_MAX)
        bytes *= 2;
    WR_TRY(wr_pq_bytes_need(out->mem, &out->packed, bytes));
    uint32_t *blocks = out->packed.data;
    memset(blocks, 0, bytes);
    for (size_t i = 0; i < s->value_count; i++) {
        wr_str v = wr_pq_sink_at(s, i);
        uint64_t hash = XXH64(v.data, v.length, 0);
        uint32_t mask[8], *block = blocks + ((hash >> 32) * (bytes / 32) >> 32) * 8;
        wr_pq_bloom_mask(hash, mask);
        for (int k = 0; k < 8; k++)
            block[k] |= mask[k];
    }
    out->head.length = 0;
    wr_thrift_out t = {.buf = &out->head};
    wr_thrift_begin(&t);
    wr_thrift_put_i32(&t, 1, (int32_t)bytes);
    for (int16_t id = 2; id <= 4; id++) { /* block, xxhash, uncompressed */
        wr_thrift_put_struct(&t, id);
        wr_thrift_put_struct(&t, 1);
        wr_thrift_end(&t);
        wr_thrift_end(&t);
    }
    wr_thrift_end(&t);
    w->bloom_offset = (int64_t)out->offset;
    w->bloom_size = (int64_t)(out->head.length + bytes);
    WR_TRY(wr_pq_out_append(out, out->head.data, out->head.length));
    return wr_pq_out_append(out, blocks, bytes);
}

weir_status wr_pq_sink_flush(wr_pq_sink *s, wr_pq_out *out, wr_pq_written *w)
{
    *w = (wr_pq_written){.level_count = (int64_t)s->level_count, .encoding = WR_PQ_PLAIN};
    bool found = false, smaller = out->choice == WR_PQ_CHOOSE_DELTA && has_delta(s);
    uint32_t distinct = 0, *codes = NULL, *first = NULL;
    bool may_number =
        (out->choice == WR_PQ_CHOOSE_AUTO || out->choice == WR_PQ_CHOOSE_DICTIONARY) &&
        s->target.physical != WR_PQ_BOOLEAN && s->value_count > 0;
    /* A dictionary of more than half of the values would only be one more copy of them. */
    size_t limit = out->choice == WR_PQ_CHOOSE_DICTIONARY ? s->value_count : s->value_count / 2 + 1;
    if (may_number)
        WR_TRY(wr_pq_number_values(s, out, limit, DICTIONARY_BYTES, &found, &distinct, &codes,
                                   &first));
    if (found)
        WR_TRY(put_dictionary(s, out, first, distinct, w));
    else if (out->choice == WR_PQ_CHOOSE_AUTO)
        WR_TRY(is_delta_smaller(s, out, &smaller));
    if (found)
        w->encoding = WR_PQ_RLE_DICTIONARY;
    else if (smaller)
        w->encoding = s->target.width ? WR_PQ_DELTA_BINARY_PACKED : WR_PQ_DELTA_LENGTH_BYTE_ARRAY;
    WR_TRY(put_data_pages(s, out, codes, distinct, w));
    if (s->wants_bloom && s->value_count && s->target.physical != WR_PQ_BOOLEAN)
        WR_TRY(put_bloom(s, out, w));
    s->level_count = s->value_count = s->value_bytes = 0;
    return WR_OK;
}
