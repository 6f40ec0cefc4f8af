/* footer.c - page indexes and file metadata in Thrift.
 *
 * Logical types are written in both vocabularies, the old converted ones where they exist, because
 * old readers know only those. Lists and maps use the three-level form of the current format
 * description. */
#include "fmt/parquet/footer.h"

enum {
    UTF8 = 0,
    MAP = 1,
    LIST = 3,
    ENUM = 4,
    DECIMAL = 5,
    DATE = 6,
    TIME_MICROS = 8,
    TIMESTAMP_MILLIS = 9,
    TIMESTAMP_MICROS = 10,
    UINT_8 = 11,
    INT_8 = 15,
    JSON = 19,
    INTERVAL = 21
};

/* ---- schema */

static void put_empty(wr_thrift_out *t, int16_t id)
{
    wr_thrift_put_struct(t, id);
    wr_thrift_end(t);
}

static void put_logical(wr_thrift_out *t, int converted, int16_t logical)
{
    if (converted >= 0) wr_thrift_put_i32(t, 6, converted);
    wr_thrift_put_struct(t, 10);
    put_empty(t, logical);
    wr_thrift_end(t);
}

static void put_decimal(wr_thrift_out *t, int precision, int scale)
{
    wr_thrift_put_i32(t, 6, DECIMAL);
    wr_thrift_put_i32(t, 7, scale);
    wr_thrift_put_i32(t, 8, precision);
    wr_thrift_put_struct(t, 10);
    wr_thrift_put_struct(t, WR_PQ_L_DECIMAL);
    wr_thrift_put_i32(t, 1, scale);
    wr_thrift_put_i32(t, 2, precision);
    wr_thrift_end(t);
    wr_thrift_end(t);
}

static void put_moment(wr_thrift_out *t, int converted, int16_t logical, bool adjusted,
                       int16_t unit)
{
    if (converted >= 0) wr_thrift_put_i32(t, 6, converted);
    wr_thrift_put_struct(t, 10);
    wr_thrift_put_struct(t, logical);
    wr_thrift_put_bool(t, 1, adjusted);
    wr_thrift_put_struct(t, 2);
    put_empty(t, unit);
    wr_thrift_end(t);
    wr_thrift_end(t);
    wr_thrift_end(t);
}

static void put_integer(wr_thrift_out *t, int bits, bool is_signed)
{
    int step = bits == 8 ? 0 : bits == 16 ? 1 : bits == 32 ? 2 : 3;
    wr_thrift_put_i32(t, 6, (is_signed ? INT_8 : UINT_8) + step);
    wr_thrift_put_struct(t, 10);
    wr_thrift_put_struct(t, WR_PQ_L_INTEGER);
    wr_thrift_put_byte(t, 1, (int8_t)bits);
    wr_thrift_put_bool(t, 2, is_signed);
    wr_thrift_end(t);
    wr_thrift_end(t);
}

static void put_annotation(wr_thrift_out *t, const wr_type *type)
{
    switch (type->id) {
    case WR_T_TINYINT:
        put_integer(t, 8, true);
        break;
    case WR_T_SMALLINT:
        put_integer(t, 16, true);
        break;
    case WR_T_INTEGER:
        put_integer(t, 32, true);
        break;
    case WR_T_BIGINT:
        put_integer(t, 64, true);
        break;
    case WR_T_UTINYINT:
        put_integer(t, 8, false);
        break;
    case WR_T_USMALLINT:
        put_integer(t, 16, false);
        break;
    case WR_T_UINTEGER:
        put_integer(t, 32, false);
        break;
    case WR_T_UBIGINT:
        put_integer(t, 64, false);
        break;
    case WR_T_HUGEINT:
        put_decimal(t, 38, 0);
        break;
    case WR_T_DECIMAL:
        put_decimal(t, type->precision, type->scale);
        break;
    case WR_T_VARCHAR:
        put_logical(t, UTF8, WR_PQ_L_STRING);
        break;
    case WR_T_ENUM:
        put_logical(t, ENUM, WR_PQ_L_ENUM);
        break;
    case WR_T_JSON:
        put_logical(t, JSON, WR_PQ_L_JSON);
        break;
    case WR_T_UUID:
        put_logical(t, -1, WR_PQ_L_UUID);
        break;
    case WR_T_NULL:
        put_logical(t, -1, WR_PQ_L_UNKNOWN);
        break;
    case WR_T_DATE:
        put_logical(t, DATE, WR_PQ_L_DATE);
        break;
    case WR_T_TIME:
        put_moment(t, TIME_MICROS, WR_PQ_L_TIME, false, WR_PQ_MICROS);
        break;
    case WR_T_TIMESTAMP:
        put_moment(t, -1, WR_PQ_L_TIMESTAMP, false, WR_PQ_MICROS);
        break;
    case WR_T_TIMESTAMPTZ:
        put_moment(t, TIMESTAMP_MICROS, WR_PQ_L_TIMESTAMP, true, WR_PQ_MICROS);
        break;
    case WR_T_TIMESTAMP_S:
    case WR_T_TIMESTAMP_MS:
        put_moment(t, -1, WR_PQ_L_TIMESTAMP, false, WR_PQ_MILLIS);
        break;
    case WR_T_TIMESTAMP_NS:
        put_moment(t, -1, WR_PQ_L_TIMESTAMP, false, WR_PQ_NANOS);
        break;
    case WR_T_INTERVAL:
        wr_thrift_put_i32(t, 6, INTERVAL);
        break;
    default:
        break;
    }
}

static void put_group(wr_thrift_out *t, wr_str name, int repetition, int children)
{
    wr_thrift_begin(t);
    if (repetition >= 0) wr_thrift_put_i32(t, 3, repetition);
    wr_thrift_put_binary(t, 4, name);
    wr_thrift_put_i32(t, 5, children);
}

static int count_elements(const wr_pq_write_node *n)
{
    bool is_list = n->type->phys == WR_P_LIST || n->type->phys == WR_P_ARRAY;
    int count = is_list && n->type->id != WR_T_MAP ? 2 : 1;
    for (int i = 0; i < n->child_count; i++)
        count += count_elements(&n->children[i]);
    return count;
}

static void put_node(wr_thrift_out *t, const wr_pq_write_node *n, int repetition)
{
    if (n->sink) {
        wr_thrift_begin(t);
        wr_thrift_put_i32(t, 1, n->sink->target.physical);
        if (n->sink->target.physical == WR_PQ_FIXED)
            wr_thrift_put_i32(t, 2, (int32_t)n->sink->target.width);
        wr_thrift_put_i32(t, 3, repetition);
        wr_thrift_put_binary(t, 4, n->name);
        put_annotation(t, n->type);
        wr_thrift_end(t);
        return;
    }
    bool is_map = n->type->id == WR_T_MAP, is_struct = n->type->id == WR_T_STRUCT;
    put_group(t, n->name, repetition, is_struct ? n->child_count : 1);
    if (!is_struct) put_logical(t, is_map ? MAP : LIST, is_map ? WR_PQ_L_MAP : WR_PQ_L_LIST);
    wr_thrift_end(t);
    if (!is_struct && !is_map) {
        put_group(t, WR_STR("list"), WR_PQ_REPEATED, 1);
        wr_thrift_end(t);
    }
    for (int i = 0; i < n->child_count; i++)
        put_node(t, &n->children[i],
                 is_map                    ? WR_PQ_REPEATED
                 : n->children[i].optional ? WR_PQ_OPTIONAL
                                           : WR_PQ_REQUIRED);
}

static void put_schema(wr_thrift_out *t, const wr_pq_footer *f)
{
    int count = 1;
    for (int i = 0; i < f->column_count; i++)
        count += count_elements(&f->columns[i]);
    wr_thrift_put_list(t, 2, WR_THRIFT_STRUCT, (uint32_t)count);
    put_group(t, WR_STR("schema"), -1, f->column_count);
    wr_thrift_end(t);
    for (int i = 0; i < f->column_count; i++)
        put_node(t, &f->columns[i], f->columns[i].optional ? WR_PQ_OPTIONAL : WR_PQ_REQUIRED);
}

/* ---- chunks */

static void put_bounds(wr_thrift_out *t, const wr_pq_sink *s, const wr_pq_written *w)
{
    wr_thrift_put_struct(t, 12);
    bool is_signed = s->target.order == WR_PQ_BY_I32 || s->target.order == WR_PQ_BY_I64;
    if (w->bounds.max.data && is_signed) { /* the old fields, for old readers */
        wr_thrift_put_binary(t, 1, w->bounds.max);
        wr_thrift_put_binary(t, 2, w->bounds.min);
    }
    wr_thrift_put_i64(t, 3, w->bounds.null_count);
    if (w->distinct) wr_thrift_put_i64(t, 4, w->distinct);
    if (w->bounds.max.data) {
        wr_thrift_put_binary(t, 5, w->bounds.max);
        wr_thrift_put_binary(t, 6, w->bounds.min);
        wr_thrift_put_bool(t, 7, w->bounds.max_exact);
        wr_thrift_put_bool(t, 8, w->bounds.min_exact);
    }
    wr_thrift_end(t);
}

static void put_encoding_stats(wr_thrift_out *t, const wr_pq_written *w)
{
    wr_thrift_put_list(t, 13, WR_THRIFT_STRUCT, w->dictionary_pages ? 2 : 1);
    for (int i = w->dictionary_pages ? 0 : 1; i < 2; i++) {
        wr_thrift_begin(t);
        wr_thrift_put_i32(t, 1, i == 0 ? WR_PQ_PAGE_DICTIONARY : WR_PQ_PAGE_DATA);
        wr_thrift_put_i32(t, 2, i == 0 ? WR_PQ_PLAIN : w->encoding);
        wr_thrift_put_i32(t, 3, i == 0 ? w->dictionary_pages : w->data_pages);
        wr_thrift_end(t);
    }
}

static void put_chunk(wr_thrift_out *t, const wr_pq_sink *s, const wr_pq_written *w, wr_codec codec)
{
    static const int8_t codecs[WR_CODEC_COUNT] = {
        [WR_CODEC_NONE] = 0, [WR_CODEC_SNAPPY] = 1, [WR_CODEC_GZIP] = 2,   [WR_CODEC_BROTLI] = 4,
        [WR_CODEC_LZ4] = 5,  [WR_CODEC_ZSTD] = 6,   [WR_CODEC_LZ4_RAW] = 7};
    wr_thrift_begin(t);
    wr_thrift_put_i64(t, 2, w->dictionary_pages ? w->dictionary_offset : w->data_offset);
    wr_thrift_put_struct(t, 3);
    wr_thrift_put_i32(t, 1, s->target.physical);
    wr_thrift_put_list(t, 2, WR_THRIFT_I32, w->dictionary_pages ? 3 : 2);
    wr_thrift_add_int(t, WR_PQ_RLE);
    wr_thrift_add_int(t, w->encoding);
    if (w->dictionary_pages) wr_thrift_add_int(t, WR_PQ_PLAIN);
    wr_thrift_put_list(t, 3, WR_THRIFT_BINARY, (uint32_t)s->path_length);
    for (int i = 0; i < s->path_length; i++)
        wr_thrift_add_binary(t, s->path[i]);
    wr_thrift_put_i32(t, 4, codecs[codec]);
    wr_thrift_put_i64(t, 5, w->level_count);
    wr_thrift_put_i64(t, 6, w->plain_size);
    wr_thrift_put_i64(t, 7, w->packed_size);
    wr_thrift_put_i64(t, 9, w->data_offset);
    if (w->dictionary_pages) wr_thrift_put_i64(t, 11, w->dictionary_offset);
    put_bounds(t, s, w);
    put_encoding_stats(t, w);
    if (w->bloom_offset) {
        wr_thrift_put_i64(t, 14, w->bloom_offset);
        wr_thrift_put_i32(t, 15, (int32_t)w->bloom_size);
    }
    wr_thrift_end(t);
    wr_thrift_put_i64(t, 4, w->offset_index);
    wr_thrift_put_i32(t, 5, (int32_t)w->offset_index_size);
    if (w->column_index) {
        wr_thrift_put_i64(t, 6, w->column_index);
        wr_thrift_put_i32(t, 7, (int32_t)w->column_index_size);
    }
    wr_thrift_end(t);
}

static void put_groups(wr_thrift_out *t, const wr_pq_footer *f, wr_codec codec)
{
    wr_thrift_put_list(t, 4, WR_THRIFT_STRUCT, (uint32_t)f->group_count);
    for (int g = 0; g < f->group_count; g++) {
        const wr_pq_written_group *group = &f->groups[g];
        int64_t plain = 0;
        for (int i = 0; i < f->sink_count; i++)
            plain += group->chunks[i].plain_size;
        wr_thrift_begin(t);
        wr_thrift_put_list(t, 1, WR_THRIFT_STRUCT, (uint32_t)f->sink_count);
        for (int i = 0; i < f->sink_count; i++)
            put_chunk(t, &f->sinks[i], &group->chunks[i], codec);
        wr_thrift_put_i64(t, 2, plain);
        wr_thrift_put_i64(t, 3, group->rows);
        wr_thrift_put_i64(t, 5, group->offset);
        wr_thrift_put_i64(t, 6, group->bytes);
        wr_thrift_end(t);
    }
}

/* ---- page index */

static bool put_column_index(wr_buf *buf, const wr_pq_sink *s, const wr_pq_written *w)
{
    uint32_t count = (uint32_t)w->pages.count;
    if (s->target.order == WR_PQ_BY_NOTHING) return false;
    for (uint32_t i = 0; i < count; i++)
        if (!w->pages.items[i].all_null && !w->pages.items[i].bounds.min.data) return false;
    wr_thrift_out t = {.buf = buf};
    wr_thrift_begin(&t);
    wr_thrift_put_list(&t, 1, WR_THRIFT_TRUE, count);
    for (uint32_t i = 0; i < count; i++)
        wr_thrift_add_bool(&t, w->pages.items[i].all_null);
    wr_thrift_put_list(&t, 2, WR_THRIFT_BINARY, count);
    for (uint32_t i = 0; i < count; i++)
        wr_thrift_add_binary(&t, w->pages.items[i].bounds.min);
    wr_thrift_put_list(&t, 3, WR_THRIFT_BINARY, count);
    for (uint32_t i = 0; i < count; i++)
        wr_thrift_add_binary(&t, w->pages.items[i].bounds.max);
    wr_thrift_put_i32(&t, 4, 0); /* no order between pages is promised */
    wr_thrift_put_list(&t, 5, WR_THRIFT_I64, count);
    for (uint32_t i = 0; i < count; i++)
        wr_thrift_add_int(&t, w->pages.items[i].bounds.null_count);
    wr_thrift_end(&t);
    return true;
}

static void put_offset_index(wr_buf *buf, const wr_pq_written *w)
{
    wr_thrift_out t = {.buf = buf};
    wr_thrift_begin(&t);
    wr_thrift_put_list(&t, 1, WR_THRIFT_STRUCT, (uint32_t)w->pages.count);
    for (int i = 0; i < w->pages.count; i++) {
        wr_thrift_begin(&t);
        wr_thrift_put_i64(&t, 1, w->pages.items[i].offset);
        wr_thrift_put_i32(&t, 2, w->pages.items[i].packed_size);
        wr_thrift_put_i64(&t, 3, w->pages.items[i].first_row);
        wr_thrift_end(&t);
    }
    wr_thrift_end(&t);
}

static weir_status put_indexes(const wr_pq_footer *f, wr_pq_out *out)
{
    for (int g = 0; g < f->group_count; g++)
        for (int i = 0; i < f->sink_count; i++) {
            wr_pq_written *w = &f->groups[g].chunks[i];
            out->head.length = 0;
            if (put_column_index(&out->head, &f->sinks[i], w)) {
                w->column_index = (int64_t)out->offset;
                w->column_index_size = (int64_t)out->head.length;
                WR_TRY(wr_pq_out_append(out, out->head.data, out->head.length));
            }
            out->head.length = 0;
            put_offset_index(&out->head, w);
            w->offset_index = (int64_t)out->offset;
            w->offset_index_size = (int64_t)out->head.length;
            WR_TRY(wr_pq_out_append(out, out->head.data, out->head.length));
        }
    return WR_OK;
}

weir_status wr_pq_footer_write(const wr_pq_footer *f, wr_pq_out *out)
{
    WR_TRY(put_indexes(f, out));
    WR_BUF(buf);
    wr_thrift_out t = {.buf = &buf};
    wr_thrift_begin(&t);
    wr_thrift_put_i32(&t, 1, 2);
    put_schema(&t, f);
    wr_thrift_put_i64(&t, 3, f->rows);
    put_groups(&t, f, out->codec);
    wr_thrift_put_binary(&t, 6, WR_STR("weir"));
    wr_thrift_put_list(&t, 7, WR_THRIFT_STRUCT, (uint32_t)f->sink_count);
    for (int i = 0; i < f->sink_count; i++) { /* bounds follow the order of the type */
        wr_thrift_begin(&t);
        put_empty(&t, 1);
        wr_thrift_end(&t);
    }
    wr_thrift_end(&t);
    if (buf.length > UINT32_MAX)
        return wr_fail(WR_E_TOO_BIG, "the footer has %zu bytes", buf.length);
    uint32_t size = (uint32_t)buf.length;
    wr_buf_add(&buf, &size, 4);
    wr_buf_add(&buf, "PAR1", 4);
    return wr_pq_out_append(out, buf.data, buf.length);
}
