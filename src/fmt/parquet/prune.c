/* prune.c - statistics, page index, bloom filters and dictionaries against the facts of filters.
 *
 * All of it may only be too careful: whatever is missing, malformed or of an order that does not
 * match the engine's excludes nothing. Bounds of floats do not cover NaN, which the engine sorts
 * above all numbers, so "greater" is never decided by them. Bounds in the deprecated fields are
 * used only for signed numbers. A bloom filter is asked block by block with small reads; it is not
 * loaded. */
#include "fmt/parquet/prune.h"
#include <math.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { IN_VALUES_MAX = 256, INDEX_SIZE_MAX = 64 << 20, BLOOM_SIZE_MAX = 1 << 30 };

/* ---- bounds */

typedef enum order {
    BELOW = -1,
    INSIDE = 0,
    ABOVE = 1
} order; /* where a value is relative to the bounds */

static bool f64_bound(const wr_pq_leaf *leaf, wr_str bound, double *out)
{
    float narrow;
    if (leaf->make == WR_PQ_MAKE_F32 && bound.length == 4) {
        memcpy(&narrow, bound.data, 4);
        *out = narrow;
    } else if (leaf->make == WR_PQ_MAKE_F64 && bound.length == 8) {
        memcpy(out, bound.data, 8);
    } else {
        return false;
    }
    return !isnan(*out);
}

static int cmp_i128(wr_i128 a, wr_i128 b) { return (a > b) - (a < b); }

/* Compares value with both bounds: *to_min and *to_max as memcmp has them. False when that is not
 * possible. */
static bool compare(const wr_pq_leaf *leaf, const wr_pq_range *range, const wr_value *value,
                    int *to_min, int *to_max)
{
    int64_t lo, hi;
    double low, high;
    if (value->is_null || value->type != leaf->type) return false;
    if (leaf->make == WR_PQ_MAKE_TEXT) {
        if (range->old_order || !range->min.data || !range->max.data || leaf->type->id == WR_T_JSON)
            return false;
        *to_min = wr_str_cmp(value->text, range->min);
        *to_max = wr_str_cmp(value->text, range->max);
        return true;
    }
    if (leaf->make == WR_PQ_MAKE_F32 || leaf->make == WR_PQ_MAKE_F64) {
        if (!range->min.data || !range->max.data || isnan(value->f64) ||
            !f64_bound(leaf, range->min, &low) || !f64_bound(leaf, range->max, &high))
            return false;
        *to_min = (value->f64 > low) - (value->f64 < low);
        *to_max = (value->f64 > high) - (value->f64 < high);
        return true;
    }
    if (!wr_type_is_int_like(leaf->type) || !wr_pq_range_ints(leaf, range, &lo, &hi)) return false;
    wr_i128 v = wr_value_as_i128(value);
    *to_min = cmp_i128(v, lo);
    *to_max = cmp_i128(v, hi);
    return true;
}

static bool excludes_value(const wr_pq_leaf *leaf, const wr_pq_range *range, wr_prune_op op,
                           const wr_value *value)
{
    int to_min, to_max;
    if (!compare(leaf, range, value, &to_min, &to_max)) return false;
    bool is_float = wr_type_is_float(leaf->type);
    switch (op) {
    case WR_PRUNE_EQ:
    case WR_PRUNE_IN:
        return to_min < 0 || to_max > 0;
    case WR_PRUNE_LT:
        return to_min <= 0;
    case WR_PRUNE_LE:
        return to_min < 0;
    case WR_PRUNE_GT:
        return !is_float && to_max >= 0;
    case WR_PRUNE_GE:
        return !is_float && to_max > 0;
    default:
        return false;
    }
}

bool wr_pq_range_excludes(const wr_pq_leaf *leaf, const wr_pq_range *range, int64_t rows,
                          const wr_prune *fact)
{
    if (fact->op == WR_PRUNE_NULL)
        return (range->has_null_count && range->null_count == 0) || leaf->max_def == 0;
    if (range->has_null_count && range->null_count == rows) return true;
    if (fact->op == WR_PRUNE_NOT_NULL) return false;
    if (fact->op != WR_PRUNE_IN) return excludes_value(leaf, range, fact->op, fact->values);
    for (int i = 0; i < fact->value_count; i++)
        if (!excludes_value(leaf, range, WR_PRUNE_EQ, &fact->values[i]) && !fact->values[i].is_null)
            return false;
    return true;
}

bool wr_pq_range_values(const wr_pq_leaf *leaf, const wr_pq_range *range, wr_value *min,
                        wr_value *max)
{
    int64_t lo, hi;
    double low, high;
    if (!range->min.data || !range->max.data) return false;
    if (leaf->make == WR_PQ_MAKE_TEXT && !range->old_order) {
        if (leaf->check_utf8 && (!wr_utf8_valid(range->min.data, range->min.length) ||
                                 !wr_utf8_valid(range->max.data, range->max.length)))
            return false;
        *min = wr_value_text(range->min);
        *max = wr_value_text(range->max);
        min->type = max->type = leaf->type;
        return true;
    }
    if (f64_bound(leaf, range->min, &low) && f64_bound(leaf, range->max, &high) && low <= high) {
        *min = wr_value_f64(low);
        *max = wr_value_f64(high);
        min->type = max->type = leaf->type;
        return true;
    }
    if (!wr_type_is_int_like(leaf->type) || !wr_pq_range_ints(leaf, range, &lo, &hi)) return false;
    *min = wr_value_i128(leaf->type, lo);
    *max = wr_value_i128(leaf->type, hi);
    return true;
}

/* ---- bloom filters */

bool wr_pq_bloom_hash(const wr_pq_leaf *leaf, const wr_value *value, uint64_t *out)
{
    uint8_t bytes[16];
    if (value->is_null || value->type != leaf->type) return false;
    switch (leaf->make) {
    case WR_PQ_MAKE_TEXT:
        *out = XXH64(value->text.data, value->text.length, 0);
        return true;
    case WR_PQ_MAKE_F32:
    case WR_PQ_MAKE_F64: {
        if (isnan(value->f64) || value->f64 == 0) return false; /* several bit patterns are equal */
        float narrow = (float)value->f64;
        if (leaf->make == WR_PQ_MAKE_F32)
            *out = XXH64(&narrow, 4, 0);
        else
            *out = XXH64(&value->f64, 8, 0);
        return leaf->make == WR_PQ_MAKE_F64 || (double)narrow == value->f64;
    }
    case WR_PQ_MAKE_I32:
    case WR_PQ_MAKE_U32:
    case WR_PQ_MAKE_I64:
    case WR_PQ_MAKE_U64: {
        int64_t v = (int64_t)wr_value_as_i128(value);
        *out = XXH64(&v, leaf->width, 0);
        return true;
    }
    case WR_PQ_MAKE_DECIMAL: {
        if (leaf->width == 0 || leaf->width > 16)
            return false; /* variable length: several spellings */
        wr_i128 v = wr_value_as_i128(value);
        for (uint32_t i = 0; i < leaf->width; i++)
            bytes[leaf->width - 1 - i] = (uint8_t)(v >> (8 * i));
        *out = XXH64(bytes, leaf->width, 0);
        return true;
    }
    default:
        return false;
    }
}

void wr_pq_bloom_mask(uint64_t hash, uint32_t mask[8])
{
    static const uint32_t salt[8] = {0x47b6137bu, 0x44974d91u, 0x8824ad5bu, 0xa2b7289du,
                                     0x705495c7u, 0x2df1424bu, 0x9efc4947u, 0x5c6bfb31u};
    for (int i = 0; i < 8; i++)
        mask[i] = 1u << (((uint32_t)hash * salt[i]) >> 27);
}

static bool read_exact(wr_file *file, uint64_t at, void *out, size_t size)
{
    weir_status bad = wr_file_read_exact(file, at, out, size);
    bool good = !bad;
    wr_status_drop(bad);
    return good;
}

/* Finds the bits of the filter: their offset and number of 32-byte blocks. */
static bool bloom_place(wr_file *file, uint64_t data_end, const wr_pq_chunk *chunk, uint64_t *at,
                        uint64_t *blocks)
{
    uint8_t head[64];
    if (chunk->bloom_offset < 4 || (uint64_t)chunk->bloom_offset >= data_end) return false;
    uint64_t start = (uint64_t)chunk->bloom_offset;
    size_t size = (size_t)WR_MIN(sizeof head, data_end - start);
    if (!read_exact(file, start, head, size)) return false;
    wr_thrift_in in;
    wr_thrift_in_init(&in, head, size);
    int64_t bytes = 0;
    int known = 0;
    wr_thrift_field field = {0};
    while (wr_thrift_next(&in, &field)) {
        if (field.id == 1) {
            bytes = wr_thrift_int(&in, &field);
        } else if (field.id >= 2 && field.id <= 4 && wr_thrift_enter(&in, &field)) {
            wr_thrift_field kind = {
                0}; /* block, xxhash, uncompressed: each is choice 1 of its union */
            while (wr_thrift_next(&in, &kind)) {
                known += kind.id == 1;
                wr_thrift_skip(&in, kind.type);
            }
        } else {
            wr_thrift_skip(&in, field.type);
        }
    }
    if (in.bad || known != 3 || bytes < 32 || bytes % 32 || bytes > BLOOM_SIZE_MAX) return false;
    *at = start + (uint64_t)(in.at - head);
    *blocks = (uint64_t)bytes / 32;
    bool size_fits =
        chunk->bloom_size <= 0 || (uint64_t)chunk->bloom_size == (*at - start) + (uint64_t)bytes;
    return size_fits && *at + (uint64_t)bytes <= data_end;
}

bool wr_pq_bloom_excludes(wr_file *file, uint64_t data_end, const wr_pq_leaf *leaf,
                          const wr_pq_chunk *chunk, const wr_prune *fact)
{
    uint64_t at, blocks, hash;
    if (chunk->bloom_offset == 0 || (fact->op != WR_PRUNE_EQ && fact->op != WR_PRUNE_IN))
        return false;
    if (fact->value_count > IN_VALUES_MAX || !bloom_place(file, data_end, chunk, &at, &blocks))
        return false;
    int count = fact->op == WR_PRUNE_EQ ? 1 : fact->value_count;
    for (int i = 0; i < count; i++) {
        if (fact->values[i].is_null) continue;
        if (!wr_pq_bloom_hash(leaf, &fact->values[i], &hash)) return false;
        uint32_t block[8], mask[8], missing = 0;
        if (!read_exact(file, at + ((hash >> 32) * blocks >> 32) * 32, block, sizeof block))
            return false;
        wr_pq_bloom_mask(hash, mask);
        for (int k = 0; k < 8; k++)
            missing |= mask[k] & ~block[k];
        if (!missing) return false;
    }
    return true;
}

/* ---- dictionaries */

static bool dictionary_has(const wr_column *dict, uint32_t count, const wr_value *value)
{
    if (value->is_null) return false;
    if (dict->phys == WR_P_VIEW) {
        wr_view wanted = wr_view_of(value->text.data, value->text.length);
        for (uint32_t i = 0; i < count; i++)
            if (wr_view_eq(&((const wr_view *)dict->data)[i], &wanted)) return true;
        return false;
    }
    wr_i128 wanted = wr_value_as_i128(value);
    for (uint32_t i = 0; i < count; i++)
        if (wr_column_i128(dict, i) == wanted) return true;
    return false;
}

bool wr_pq_dictionary_excludes(const wr_column *dict, uint32_t count, const wr_prune *fact)
{
    if (fact->op != WR_PRUNE_EQ && fact->op != WR_PRUNE_IN) return false;
    int values = fact->op == WR_PRUNE_EQ ? 1 : fact->value_count;
    bool is_text = dict->phys == WR_P_VIEW && dict->type->id != WR_T_JSON;
    if (!is_text && !wr_type_is_int_like(dict->type)) return false;
    if ((uint64_t)count * (uint64_t)values > 1 << 18) return false;
    for (int i = 0; i < values; i++)
        if (fact->values[i].type != dict->type || dictionary_has(dict, count, &fact->values[i]))
            return false;
    return true;
}

/* ---- page index */

typedef struct page_index {
    uint32_t count;
    wr_pq_range *ranges;
    bool *all_null;
    int64_t *first_row;
} page_index;

static bool load(wr_file *file, wr_mem *mem, uint64_t data_end, int64_t at, int64_t size,
                 uint8_t **out)
{
    void *bytes;
    if (at < 4 || size <= 0 || size > INDEX_SIZE_MAX || (uint64_t)at > data_end ||
        (uint64_t)size > data_end - (uint64_t)at)
        return false;
    weir_status bad = wr_mem_alloc(mem, (size_t)size, &bytes);
    if (bad) {
        wr_status_drop(bad); /* pruning is an extra: without memory it is left out */
        return false;
    }
    if (!read_exact(file, (uint64_t)at, bytes, (size_t)size)) {
        wr_mem_free(mem, bytes, (size_t)size);
        return false;
    }
    *out = bytes;
    return true;
}

static bool same_count(wr_thrift_in *in, const wr_thrift_field *field, uint8_t wanted,
                       uint32_t count)
{
    uint8_t type;
    uint32_t got = wr_thrift_list(in, field, &type);
    return got == count &&
           (count == 0 || type == wanted || (wanted == WR_THRIFT_TRUE && type == WR_THRIFT_FALSE));
}

static bool parse_column_index(const uint8_t *bytes, size_t size, wr_arena *arena, page_index *out)
{
    wr_thrift_in in;
    wr_thrift_in_init(&in, bytes, size);
    wr_thrift_field field = {0};
    while (wr_thrift_next(&in, &field)) {
        if (field.id >= 1 && field.id <= 3 && field.id <= 5) {
            uint8_t wanted = field.id == 1 ? WR_THRIFT_TRUE : WR_THRIFT_BINARY;
            if (!same_count(&in, &field, wanted, out->count)) return false;
            for (uint32_t i = 0; i < out->count; i++) {
                if (field.id == 1)
                    out->all_null[i] = wr_thrift_element_bool(&in, WR_THRIFT_TRUE);
                else if (field.id == 2)
                    out->ranges[i].min =
                        wr_arena_str(arena, wr_thrift_element_binary(&in, WR_THRIFT_BINARY));
                else
                    out->ranges[i].max =
                        wr_arena_str(arena, wr_thrift_element_binary(&in, WR_THRIFT_BINARY));
            }
        } else if (field.id == 5) {
            if (!same_count(&in, &field, WR_THRIFT_I64, out->count)) return false;
            for (uint32_t i = 0; i < out->count; i++) {
                out->ranges[i].null_count = wr_thrift_element_int(&in, WR_THRIFT_I64);
                out->ranges[i].has_null_count = out->ranges[i].null_count >= 0;
            }
        } else {
            wr_thrift_skip(&in, field.type);
        }
    }
    return !in.bad;
}

static bool parse_offset_index(const uint8_t *bytes, size_t size, wr_arena *arena, page_index *out)
{
    wr_thrift_in in;
    wr_thrift_in_init(&in, bytes, size);
    wr_thrift_field field = {0};
    while (wr_thrift_next(&in, &field)) {
        if (field.id != 1) {
            wr_thrift_skip(&in, field.type);
            continue;
        }
        uint8_t type;
        uint32_t count = wr_thrift_list(&in, &field, &type);
        if (type != WR_THRIFT_STRUCT || out->count) return false;
        out->count = count;
        out->first_row = wr_new_array(arena, int64_t, count + 1);
        out->ranges = wr_new_array(arena, wr_pq_range, count + 1);
        out->all_null = wr_new_array(arena, bool, count + 1);
        for (uint32_t i = 0; i < count && !in.bad; i++) {
            wr_thrift_field part = {0};
            while (wr_thrift_next(&in, &part)) {
                if (part.id == 3)
                    out->first_row[i] = wr_thrift_int(&in, &part);
                else
                    wr_thrift_skip(&in, part.type);
            }
        }
    }
    return !in.bad;
}

/* Rows must ascend from 0; the row behind the last page is added. */
static bool check_rows(page_index *index, int64_t group_rows)
{
    if (index->count == 0 || index->first_row[0] != 0) return false;
    index->first_row[index->count] = group_rows;
    for (uint32_t i = 0; i < index->count; i++)
        if (index->first_row[i] > index->first_row[i + 1]) return false;
    return true;
}

void wr_pq_rows_cut(wr_arena *arena, wr_pq_row_list *rows, int64_t from, int64_t to)
{
    wr_pq_row_list kept = {0};
    for (int i = 0; i < rows->count; i++) {
        wr_pq_rows r = rows->items[i];
        wr_pq_rows left = {r.from, WR_MIN(r.to, from)}, right = {WR_MAX(r.from, to), r.to};
        if (left.from < left.to) wr_push(arena, &kept, left);
        if (right.from < right.to && (right.from > left.from || left.from >= left.to))
            wr_push(arena, &kept, right);
    }
    *rows = kept;
}

static bool page_excludes(const wr_pq_leaf *leaf, const page_index *index, uint32_t page,
                          const wr_prune *fact)
{
    int64_t rows = index->first_row[page + 1] - index->first_row[page];
    if (index->all_null[page]) return fact->op != WR_PRUNE_NULL;
    return wr_pq_range_excludes(leaf, &index->ranges[page], rows, fact);
}

void wr_pq_index_prune(wr_file *file, wr_mem *mem, uint64_t data_end, const wr_pq_leaf *leaf,
                       const wr_pq_chunk *chunk, int64_t group_rows, const wr_prune *fact,
                       wr_arena *arena, wr_pq_row_list *rows)
{
    page_index index = {0};
    uint8_t *offsets = NULL, *columns = NULL;
    bool good =
        load(file, mem, data_end, chunk->offset_index, chunk->offset_index_size, &offsets) &&
        load(file, mem, data_end, chunk->column_index, chunk->column_index_size, &columns) &&
        parse_offset_index(offsets, (size_t)chunk->offset_index_size, arena, &index) &&
        parse_column_index(columns, (size_t)chunk->column_index_size, arena, &index) &&
        check_rows(&index, group_rows);
    if (offsets) wr_mem_free(mem, offsets, (size_t)chunk->offset_index_size);
    if (columns) wr_mem_free(mem, columns, (size_t)chunk->column_index_size);
    if (!good) return;
    /* Neighbouring pages are cut out together; a hole of less than a batch is not worth a seam. */
    for (uint32_t i = 0; i < index.count;) {
        uint32_t first = i;
        while (i < index.count && page_excludes(leaf, &index, i, fact))
            i++;
        if (i > first && index.first_row[i] - index.first_row[first] >= WR_BATCH_ROWS)
            wr_pq_rows_cut(arena, rows, index.first_row[first], index.first_row[i]);
        if (i == first) i++;
    }
}
