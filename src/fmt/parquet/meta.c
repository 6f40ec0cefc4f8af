/* meta.c - reads the footer: ... thrift FileMetaData | 4 bytes size | "PAR1".
 *
 * Everything in it is a claim of the file. Counts are checked against bytes by the thrift reader,
 * offsets against the file here or where they are used, the row groups against the schema (a chunk
 * for every leaf, of the same physical type), so later code may index freely. Fields that are not
 * known are skipped. The schema precedes the row groups in every writer; a footer where it does not
 * is refused. */
#include "fmt/parquet/meta.h"

enum { MAGIC_SIZE = 4, TAIL = 8 };

static const struct {
    uint8_t logical, unit, bits;
    bool is_unsigned, adjusted;
} converted[] = {
    {WR_PQ_L_STRING, 0, 0, false, false},
    {WR_PQ_L_MAP, 0, 0, false, false},
    {WR_PQ_L_MAP, 0, 0, false, false},
    {WR_PQ_L_LIST, 0, 0, false, false},
    {WR_PQ_L_ENUM, 0, 0, false, false},
    {WR_PQ_L_DECIMAL, 0, 0, false, false},
    {WR_PQ_L_DATE, 0, 0, false, false},
    {WR_PQ_L_TIME, WR_PQ_MILLIS, 0, false, true},
    {WR_PQ_L_TIME, WR_PQ_MICROS, 0, false, true},
    {WR_PQ_L_TIMESTAMP, WR_PQ_MILLIS, 0, false, false},
    {WR_PQ_L_TIMESTAMP, WR_PQ_MICROS, 0, false, false},
    {WR_PQ_L_INTEGER, 0, 8, true, false},
    {WR_PQ_L_INTEGER, 0, 16, true, false},
    {WR_PQ_L_INTEGER, 0, 32, true, false},
    {WR_PQ_L_INTEGER, 0, 64, true, false},
    {WR_PQ_L_INTEGER, 0, 8, false, false},
    {WR_PQ_L_INTEGER, 0, 16, false, false},
    {WR_PQ_L_INTEGER, 0, 32, false, false},
    {WR_PQ_L_INTEGER, 0, 64, false, false},
    {WR_PQ_L_JSON, 0, 0, false, false},
    {WR_PQ_L_BSON, 0, 0, false, false},
    {WR_PQ_L_INTERVAL, 0, 0, false, false},
};

typedef struct footer {
    wr_thrift_in in;
    wr_arena *arena;
    wr_pq_meta *meta;
    const wr_pq_read_options *options;
    wr_mem *mem;
} footer;

static wr_str keep(footer *f, wr_str text) { return wr_arena_str(f->arena, text); }

static void read_unit(wr_thrift_in *in, uint8_t *unit)
{
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        if (field.id >= WR_PQ_MILLIS && field.id <= WR_PQ_NANOS) *unit = (uint8_t)field.id;
        wr_thrift_skip(in, field.type);
    }
}

static void read_logical_body(wr_thrift_in *in, wr_pq_element *e)
{
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        if (e->logical == WR_PQ_L_DECIMAL && field.id == 1)
            e->scale = (int32_t)wr_thrift_int(in, &field);
        else if (e->logical == WR_PQ_L_DECIMAL && field.id == 2)
            e->precision = (int32_t)wr_thrift_int(in, &field);
        else if (e->logical == WR_PQ_L_INTEGER && field.id == 1)
            e->bits = (uint8_t)wr_thrift_int(in, &field);
        else if (e->logical == WR_PQ_L_INTEGER && field.id == 2)
            e->is_unsigned = !wr_thrift_bool(&field);
        else if (e->logical == WR_PQ_L_TIME || e->logical == WR_PQ_L_TIMESTAMP) {
            if (field.id == 1)
                e->adjusted = wr_thrift_bool(&field);
            else if (field.id == 2 && wr_thrift_enter(in, &field))
                read_unit(in, &e->unit);
            else
                wr_thrift_skip(in, field.type);
        } else {
            wr_thrift_skip(in, field.type);
        }
    }
}

static void read_logical(wr_thrift_in *in, wr_pq_element *e)
{
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        if (!wr_thrift_enter(in, &field)) return;
        e->logical = field.id >= WR_PQ_L_STRING && field.id <= WR_PQ_L_GEOMETRY ? (uint8_t)field.id
                                                                                : WR_PQ_L_NONE;
        if (field.id == 18) e->logical = WR_PQ_L_GEOMETRY;
        read_logical_body(in, e);
    }
}

static void read_element(footer *f, wr_pq_element *e)
{
    wr_thrift_in *in = &f->in;
    bool has_logical = false;
    int64_t old = -1;
    *e = (wr_pq_element){.physical = -1};
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        switch (field.id) {
        case 1:
            e->physical = (int8_t)wr_thrift_int(in, &field);
            break;
        case 2:
            e->type_length = (int32_t)wr_thrift_int(in, &field);
            break;
        case 3:
            e->repetition = (int8_t)wr_thrift_int(in, &field);
            break;
        case 4:
            e->name = keep(f, wr_thrift_binary(in, &field));
            break;
        case 5:
            e->child_count = (int32_t)wr_thrift_int(in, &field);
            break;
        case 6:
            old = wr_thrift_int(in, &field);
            break;
        case 7:
            e->scale = (int32_t)wr_thrift_int(in, &field);
            break;
        case 8:
            e->precision = (int32_t)wr_thrift_int(in, &field);
            break;
        case 10:
            has_logical = wr_thrift_enter(in, &field);
            read_logical(in, e);
            break;
        default:
            wr_thrift_skip(in, field.type);
        }
    }
    if ((has_logical && e->logical) || old < 0 || old >= (int64_t)WR_COUNT(converted)) return;
    e->logical = converted[old].logical;
    e->unit = converted[old].unit;
    e->bits = converted[old].bits;
    e->is_unsigned = converted[old].is_unsigned;
    /* The old TIMESTAMP types always meant UTC instants, but files written before the new types
     * existed carry local times under them as often; without the new annotation they are read as
     * plain timestamps. */
    e->adjusted = converted[old].adjusted;
}

static weir_status check_element(wr_pq_element *e, bool is_root)
{
    if (is_root) e->physical = -1;
    bool is_group = e->physical < 0;
    if (e->physical > WR_PQ_FIXED || e->child_count < 0 || (!is_group && e->child_count > 0) ||
        e->repetition < 0 || e->repetition > WR_PQ_REPEATED)
        return wr_fail(WR_E_CORRUPT, "schema element \"%.*s\" is malformed", WR_STR_ARGS(e->name));
    if (e->physical == WR_PQ_FIXED && (e->type_length <= 0 || e->type_length > 1 << 28))
        return wr_fail(WR_E_CORRUPT, "schema element \"%.*s\" has a fixed length of %d",
                       WR_STR_ARGS(e->name), e->type_length);
    if (!wr_utf8_valid(e->name.data, e->name.length))
        return wr_fail(WR_E_CORRUPT, "a column name is not valid UTF-8");
    return WR_OK;
}

static weir_status read_schema(footer *f, const wr_thrift_field *field)
{
    wr_pq_meta *meta = f->meta;
    uint8_t type;
    uint32_t count = wr_thrift_list(&f->in, field, &type);
    if (type != WR_THRIFT_STRUCT || count == 0 || count > 1000000 || meta->elements)
        return wr_fail(WR_E_CORRUPT, "the footer has no usable schema");
    meta->elements = wr_new_array(f->arena, wr_pq_element, count);
    meta->element_count = (int)count;
    for (uint32_t i = 0; i < count; i++) {
        read_element(f, &meta->elements[i]);
        if (f->in.bad) return wr_fail(WR_E_CORRUPT, "the schema is cut short");
        WR_TRY(check_element(&meta->elements[i], i == 0));
    }
    return wr_pq_schema_build(meta, f->options, f->arena);
}

static void read_range(footer *f, wr_pq_range *r)
{
    wr_thrift_in *in = &f->in;
    wr_str old_min = {0}, old_max = {0};
    bool exact[2] = {false, false};
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        switch (field.id) {
        case 1:
            old_max = wr_thrift_binary(in, &field);
            break;
        case 2:
            old_min = wr_thrift_binary(in, &field);
            break;
        case 3:
            r->null_count = wr_thrift_int(in, &field);
            r->has_null_count = r->null_count >= 0;
            break;
        case 4:
            r->distinct = wr_thrift_int(in, &field);
            r->has_distinct = r->distinct > 0;
            break;
        case 5:
            r->max = wr_thrift_binary(in, &field);
            break;
        case 6:
            r->min = wr_thrift_binary(in, &field);
            break;
        case 7:
        case 8:
            exact[field.id - 7] = wr_thrift_bool(&field);
            break;
        default:
            wr_thrift_skip(in, field.type);
        }
    }
    r->is_exact = exact[0] && exact[1] && r->min.data && r->max.data;
    if (!r->min.data && !r->max.data && old_min.data && old_max.data) {
        r->min = old_min;
        r->max = old_max;
        r->old_order = true;
    }
    if (in->bad) return;
    /* Text bounds can be long; pruning needs only an order, so very long ones are not kept. */
    if (r->min.length > 4096 || r->max.length > 4096) r->min = r->max = (wr_str){0};
    if (r->min.data) r->min = keep(f, r->min);
    if (r->max.data) r->max = keep(f, r->max);
}

static bool is_dictionary(int64_t encoding)
{
    return encoding == WR_PQ_PLAIN_DICTIONARY || encoding == WR_PQ_RLE_DICTIONARY;
}

static void read_encoding_stats(footer *f, const wr_thrift_field *list, wr_pq_chunk *c)
{
    uint8_t type;
    uint32_t count = wr_thrift_list(&f->in, list, &type);
    if (type != WR_THRIFT_STRUCT && count) f->in.bad = true;
    c->all_dictionary = count > 0;
    for (uint32_t i = 0; i < count && !f->in.bad; i++) {
        wr_thrift_field field = {0};
        int64_t page = 0, encoding = 0, pages = 0;
        while (wr_thrift_next(&f->in, &field)) {
            if (field.id == 1)
                page = wr_thrift_int(&f->in, &field);
            else if (field.id == 2)
                encoding = wr_thrift_int(&f->in, &field);
            else if (field.id == 3)
                pages = wr_thrift_int(&f->in, &field);
            else
                wr_thrift_skip(&f->in, field.type);
        }
        if (page != WR_PQ_PAGE_DICTIONARY && pages > 0 && !is_dictionary(encoding))
            c->all_dictionary = false;
    }
}

static uint8_t codec_of(int64_t stored)
{
    static const uint8_t codecs[] = {WR_CODEC_NONE, WR_CODEC_SNAPPY, WR_CODEC_GZIP,
                                     255,           WR_CODEC_BROTLI, WR_CODEC_LZ4,
                                     WR_CODEC_ZSTD, WR_CODEC_LZ4_RAW};
    return stored >= 0 && stored < (int64_t)WR_COUNT(codecs) ? codecs[stored] : 255;
}

static void read_chunk_meta(footer *f, wr_pq_chunk *c)
{
    wr_thrift_in *in = &f->in;
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        switch (field.id) {
        case 1:
            c->physical = (uint8_t)wr_thrift_int(in, &field);
            break;
        case 4:
            c->codec = codec_of(wr_thrift_int(in, &field));
            break;
        case 5:
            c->value_count = wr_thrift_int(in, &field);
            break;
        case 6:
            c->plain_size = wr_thrift_int(in, &field);
            break;
        case 7:
            c->packed_size = wr_thrift_int(in, &field);
            break;
        case 9:
            c->data_offset = wr_thrift_int(in, &field);
            break;
        case 11:
            c->dictionary_offset = wr_thrift_int(in, &field);
            break;
        case 12:
            if (wr_thrift_enter(in, &field)) read_range(f, &c->range);
            break;
        case 13:
            read_encoding_stats(f, &field, c);
            break;
        case 14:
        case 15:
            /* Younger fields, used for other things by some older writers. */
            if (field.type != (field.id == 14 ? WR_THRIFT_I64 : WR_THRIFT_I32))
                wr_thrift_skip(in, field.type);
            else if (field.id == 14)
                c->bloom_offset = wr_thrift_int(in, &field);
            else
                c->bloom_size = wr_thrift_int(in, &field);
            break;
        default:
            wr_thrift_skip(in, field.type);
        }
    }
}

static weir_status read_chunk(footer *f, const wr_pq_leaf *leaf, wr_pq_chunk *c)
{
    wr_thrift_in *in = &f->in;
    bool has_meta = false;
    wr_thrift_field field = {0};
    while (wr_thrift_next(in, &field)) {
        switch (field.id) {
        case 1:
            c->in_other_file = wr_thrift_binary(in, &field).length > 0;
            break;
        case 3:
            has_meta = wr_thrift_enter(in, &field);
            read_chunk_meta(f, c);
            break;
        case 4:
            c->offset_index = wr_thrift_int(in, &field);
            break;
        case 5:
            c->offset_index_size = wr_thrift_int(in, &field);
            break;
        case 6:
            c->column_index = wr_thrift_int(in, &field);
            break;
        case 7:
            c->column_index_size = wr_thrift_int(in, &field);
            break;
        case 8:
        case 9:
            c->encrypted = true;
            wr_thrift_skip(in, field.type);
            break;
        default:
            wr_thrift_skip(in, field.type);
        }
    }
    if (in->bad) return wr_fail(WR_E_CORRUPT, "the description of a column chunk is cut short");
    if (c->encrypted) return WR_OK; /* refused when it is read: other columns may be in the clear */
    if (!has_meta || c->physical != (uint8_t)leaf->element->physical)
        return wr_fail(WR_E_CORRUPT, "a column chunk of \"%.*s\" has another type than the schema",
                       WR_STR_ARGS(leaf->element->name));
    if (c->value_count < 0 || c->packed_size < 0 || c->plain_size < 0 || c->data_offset < 0)
        return wr_fail(WR_E_CORRUPT, "a column chunk of \"%.*s\" has negative sizes",
                       WR_STR_ARGS(leaf->element->name));
    return WR_OK;
}

static weir_status read_chunks(footer *f, const wr_thrift_field *list, wr_pq_group *g)
{
    uint8_t type;
    uint32_t count = wr_thrift_list(&f->in, list, &type);
    if (g->chunks || f->in.bad || type != WR_THRIFT_STRUCT ||
        count != (uint32_t)f->meta->leaf_count)
        return wr_fail(WR_E_CORRUPT, "a row group has %u columns, the schema %d", count,
                       f->meta->leaf_count);
    g->chunks = wr_new_array(f->arena, wr_pq_chunk, count);
    for (uint32_t i = 0; i < count; i++)
        WR_TRY(read_chunk(f, &f->meta->leaves[i], &g->chunks[i]));
    return WR_OK;
}

static void read_sorting(footer *f, const wr_thrift_field *list, wr_pq_group *g)
{
    uint8_t type;
    uint32_t count = wr_thrift_list(&f->in, list, &type);
    if (count && type != WR_THRIFT_STRUCT) f->in.bad = true;
    for (uint32_t i = 0; i < count && !f->in.bad; i++) {
        wr_thrift_field field = {0};
        int64_t leaf = -1;
        bool descending = false, nulls_first = false;
        while (wr_thrift_next(&f->in, &field)) {
            if (field.id == 1)
                leaf = wr_thrift_int(&f->in, &field);
            else if (field.id == 2)
                descending = wr_thrift_bool(&field);
            else if (field.id == 3)
                nulls_first = wr_thrift_bool(&field);
            else
                wr_thrift_skip(&f->in, field.type);
        }
        if (i == 0 && !descending && !nulls_first && leaf >= 0 && leaf < f->meta->leaf_count)
            g->sorted_leaf = (int)leaf;
    }
}

static weir_status read_group(footer *f, wr_pq_group *g)
{
    *g = (wr_pq_group){.sorted_leaf = -1};
    wr_thrift_field field = {0};
    while (wr_thrift_next(&f->in, &field)) {
        if (field.id == 1)
            WR_TRY(read_chunks(f, &field, g));
        else if (field.id == 3)
            g->rows = wr_thrift_int(&f->in, &field);
        else if (field.id == 4)
            read_sorting(f, &field, g);
        else
            wr_thrift_skip(&f->in, field.type);
    }
    if (f->in.bad || !g->chunks || g->rows < 0)
        return wr_fail(WR_E_CORRUPT, "a row group is malformed");
    for (int i = 0; i < f->meta->leaf_count; i++)
        if (!g->chunks[i].encrypted && f->meta->leaves[i].max_rep == 0 &&
            g->chunks[i].value_count != g->rows)
            return wr_fail(WR_E_CORRUPT, "a row group of %lld rows has %lld values of \"%.*s\"",
                           (long long)g->rows, (long long)g->chunks[i].value_count,
                           WR_STR_ARGS(f->meta->leaves[i].element->name));
    return WR_OK;
}

/* The arena does not refuse: the budget is asked now and then. */
static weir_status check_memory(const footer *f) { return wr_mem_reserve(f->mem, 0); }

static weir_status read_groups(footer *f, const wr_thrift_field *list)
{
    wr_pq_meta *meta = f->meta;
    if (!meta->columns) return wr_fail(WR_E_CORRUPT, "the footer has row groups before the schema");
    uint8_t type;
    uint32_t count = wr_thrift_list(&f->in, list, &type);
    if ((count && type != WR_THRIFT_STRUCT) || meta->groups)
        return wr_fail(WR_E_CORRUPT, "the list of row groups is malformed");
    meta->groups = wr_new_array(f->arena, wr_pq_group, count ? count : 1);
    meta->group_count = (int)count;
    int64_t first = 0;
    for (uint32_t i = 0; i < count; i++) {
        WR_TRY(read_group(f, &meta->groups[i]));
        meta->groups[i].first_row = first;
        if (__builtin_add_overflow(first, meta->groups[i].rows, &first))
            return wr_fail(WR_E_CORRUPT, "the row counts do not add up");
        WR_TRY(check_memory(f));
    }
    meta->rows = first;
    return WR_OK;
}

static weir_status read_file_meta(footer *f)
{
    wr_thrift_field field = {0};
    while (wr_thrift_next(&f->in, &field)) {
        switch (field.id) {
        case 2:
            WR_TRY(read_schema(f, &field));
            break;
        case 4:
            WR_TRY(read_groups(f, &field));
            break;
        case 6:
            f->meta->created_by = keep(f, wr_thrift_binary(&f->in, &field));
            break;
        case 8:
            return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "the file is encrypted"),
                                "weir has no decryption keys");
        default:
            wr_thrift_skip(&f->in, field.type);
        }
    }
    if (f->in.bad) return wr_fail(WR_E_CORRUPT, "the footer is cut short or malformed");
    if (!f->meta->columns) return wr_fail(WR_E_CORRUPT, "the footer has no schema");
    if (!f->meta->groups) f->meta->groups = wr_new_array(f->arena, wr_pq_group, 1);
    return check_memory(f);
}

static uint32_t little32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static weir_status footer_place(wr_file *file, uint64_t *start, uint64_t *size)
{
    wr_file_stat stat;
    WR_TRY(wr_file_stat_of(file, &stat));
    if (stat.is_dir) return wr_fail(WR_E_IO, "is a folder");
    uint8_t tail[TAIL];
    if (stat.size < TAIL + MAGIC_SIZE)
        return wr_fail(WR_E_CORRUPT, "the file has %llu bytes, too few for Parquet",
                       (unsigned long long)stat.size);
    WR_TRY(wr_file_read_exact(file, stat.size - TAIL, tail, TAIL));
    if (memcmp(tail + 4, "PARE", 4) == 0)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "the file has an encrypted footer"),
                            "weir has no decryption keys");
    if (memcmp(tail + 4, "PAR1", 4) != 0)
        return wr_fail(WR_E_CORRUPT,
                       "the file does not end with \"PAR1\": it is cut short or not Parquet");
    *size = little32(tail);
    if (*size == 0 || *size > stat.size - TAIL - MAGIC_SIZE)
        return wr_fail(WR_E_CORRUPT, "the footer claims %llu bytes of a file of %llu",
                       (unsigned long long)*size, (unsigned long long)stat.size);
    *start = stat.size - TAIL - *size;
    return WR_OK;
}

weir_status wr_pq_meta_read(wr_file *file, wr_mem *mem, const wr_pq_read_options *options,
                            wr_arena *arena, wr_pq_meta *out)
{
    uint64_t start = 0, size = 0;
    *out = (wr_pq_meta){0};
    WR_TRY(footer_place(file, &start, &size));
    void *bytes;
    WR_TRY(wr_mem_alloc(mem, size, &bytes));
    weir_status bad = wr_file_read_exact(file, start, bytes, size);
    if (!bad) {
        footer f = {.arena = arena, .meta = out, .options = options, .mem = mem};
        wr_thrift_in_init(&f.in, bytes, size);
        out->data_end = start;
        out->hash = wr_hash_bytes(bytes, size);
        bad = read_file_meta(&f);
    }
    wr_mem_free(mem, bytes, size);
    return bad;
}
