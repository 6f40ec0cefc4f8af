/* reader.c - rows of one column chunk: levels and values put together into columns.
 *
 * Flat columns keep their levels as a run-length stream: at most one definition level means that
 * the packed bits of the level are the validity bits of the column. Nested columns have the levels
 * of a page spread out into bytes; a row ends where the next repetition level is zero, possibly on
 * a later page. Rows to be skipped are only counted; the count is worked off before the next read,
 * whole pages first (their bytes are never decompressed), so a reader whose rows are never wanted
 * costs nothing. */
#include "fmt/parquet/chunk.h"

void wr_pq_reader_init(wr_pq_reader *r, wr_pq_pool *pool, const wr_pq_leaf *leaf, bool is_nested)
{
    *r = (wr_pq_reader){.pool = pool, .leaf = leaf, .is_nested = is_nested};
}

static void close_chunk(wr_pq_reader *r)
{
    wr_pq_pool_retire(r->pool, &r->window);
    wr_pq_pool_retire(r->pool, &r->page);
    wr_pq_pool_retire(r->pool, &r->recoded[0]);
    wr_pq_pool_retire(r->pool, &r->recoded[1]);
    wr_pq_pool_retire(r->pool, &r->dict_page);
}

void wr_pq_reader_clear(wr_pq_reader *r)
{
    if (!r->pool) return;
    close_chunk(r);
    wr_pq_bytes *all[] = {&r->lengths,   &r->prefixes,    &r->previous,  &r->page_defs,
                          &r->page_reps, &r->dict_values, &r->data,      &r->code_values,
                          &r->valid,     &r->level_defs,  &r->level_reps};
    for (size_t i = 0; i < WR_COUNT(all); i++)
        wr_pq_bytes_clear(r->pool->mem, all[i]);
    r->pool = NULL;
}

/* Chooses the form integers of this chunk come in. */
static void choose_form(wr_pq_reader *r)
{
    const wr_pq_leaf *leaf = r->leaf;
    r->base = 0;
    r->has_bounds = r->by_statistics = false;
    r->lo = leaf->least;
    r->hi = leaf->most;
    r->phys = leaf->type->phys;
    r->size = wr_phys_size(r->phys);
    if (!wr_type_is_int_like(leaf->type) || leaf->make == WR_PQ_MAKE_UUID ||
        leaf->make == WR_PQ_MAKE_NULL)
        return;
    int64_t lo, hi;
    r->by_statistics = wr_pq_range_ints(leaf, &r->chunk->range, &lo, &hi);
    if (r->by_statistics) {
        r->lo = lo;
        r->hi = hi;
    } else if (leaf->make == WR_PQ_MAKE_U64 || r->phys == WR_P_I128) {
        return;
    }
    r->has_bounds = r->by_statistics || r->lo != INT64_MIN || r->hi != INT64_MAX;
    r->phys = wr_phys_for_range(r->lo, r->hi);
    uint64_t span = (uint64_t)r->hi - (uint64_t)r->lo;
    if (r->phys == WR_P_I64 && r->by_statistics && span <= INT32_MAX) {
        r->base = r->lo;
        r->phys = WR_P_I32;
    }
    r->size = wr_phys_size(r->phys);
}

weir_status wr_pq_reader_open(wr_pq_reader *r, const wr_pq_chunk *chunk, uint64_t dict_id,
                              bool sorted)
{
    close_chunk(r);
    r->chunk = chunk;
    r->dict_id = dict_id;
    r->sorted = sorted;
    r->has_dict = false;
    r->page_left = 0;
    r->filled = 0;
    r->pending_skip = 0;
    r->window_size = 0;
    r->page_at = 0;
    r->page_count = 0;
    r->levels_left = chunk->value_count;
    if (chunk->encrypted)
        return wr_with_hint(wr_fail(WR_E_UNSUPPORTED, "the column is encrypted"),
                            "weir has no decryption keys");
    if (chunk->in_other_file)
        return wr_fail(WR_E_UNSUPPORTED, "the data of the column is in another file");
    int64_t start = chunk->data_offset;
    if (chunk->dictionary_offset > 0 && chunk->dictionary_offset < start)
        start = chunk->dictionary_offset;
    if (start < 4 || (uint64_t)start > r->pool->data_end)
        return wr_fail(WR_E_CORRUPT, "a column chunk starts at byte %lld", (long long)start);
    r->start = r->at = (uint64_t)start;
    uint64_t room = r->pool->data_end - r->at;
    r->soft_end = r->at + WR_MIN((uint64_t)chunk->packed_size, room);
    choose_form(r);
    return WR_OK;
}

void wr_pq_reader_seek(wr_pq_reader *r, uint64_t page_offset, int64_t levels_left)
{
    r->at = page_offset;
    r->page_count = -1;
    r->page_left = 0;
    r->levels_left = levels_left;
}

/* ---- flat */

static weir_status bad_levels(void)
{
    return wr_fail(WR_E_CORRUPT, "the levels of a page are malformed");
}

/* Takes count levels of the page; their validity goes to bit filled. */
static weir_status take_levels(wr_pq_reader *r, uint32_t count, bool keep, size_t *present)
{
    *present = count;
    if (r->leaf->max_def == 0) return WR_OK;
    *present = 0;
    if (!wr_pq_rle_bits(&r->defs, keep ? r->valid.data : NULL, r->filled, count, present))
        return bad_levels();
    return WR_OK;
}

static weir_status skip_flat(wr_pq_reader *r)
{
    while (r->pending_skip > 0) {
        if (r->page_left == 0) {
            r->walking = true;
            weir_status bad = wr_pq_page_skip(r, &r->pending_skip);
            r->walking = false;
            if (bad) return bad;
            continue;
        }
        uint32_t here = (uint32_t)WR_MIN(r->pending_skip, (int64_t)r->page_left);
        size_t present;
        if (here < r->page_left) {
            WR_TRY(take_levels(r, here, false, &present));
            WR_TRY(wr_pq_values_skip(r, present));
        }
        r->page_left -= here;
        r->pending_skip -= here;
    }
    return WR_OK;
}

/* Rows of the page that are wanted, as long as no NULLs are among them. */
static weir_status get_flat(wr_pq_reader *r, uint32_t count, const uint16_t *sel,
                            uint32_t sel_count, size_t *nulls)
{
    size_t present;
    WR_TRY(take_levels(r, count, true, &present));
    bool done = false;
    if (sel && sel_count == 0) {
        /* None of these rows is wanted; the buffers hold zeros. */
        WR_TRY(wr_pq_values_skip(r, present));
        *nulls += count - present;
        r->filled += count;
        r->page_left -= count;
        return WR_OK;
    }
    if (sel && present == count) WR_TRY(wr_pq_values_rows(r, count, sel, sel_count, &done));
    if (!done) WR_TRY(wr_pq_values_get(r, present));
    if (present < count) {
        *nulls += count - present;
        if (r->mode == WR_PQ_MODE_CODES)
            wr_pq_spread((uint32_t *)r->code_values.data + r->filled, 4, r->valid.data, r->filled,
                         count, present);
        else
            wr_pq_spread((char *)r->data.data + r->filled * r->size, r->size, r->valid.data,
                         r->filled, count, present);
    }
    r->filled += count;
    r->page_left -= count;
    return WR_OK;
}

/* The column of the filled rows. */
static weir_status finish_column(wr_pq_reader *r, size_t nulls, wr_column *out)
{
    *out = (wr_column){.type = r->leaf->type,
                       .form = WR_FLAT,
                       .phys = (uint8_t)r->phys,
                       .rows = (uint32_t)r->filled,
                       .data = r->data.data,
                       .valid = nulls ? r->valid.data : NULL,
                       .base = r->base,
                       .lo = r->lo,
                       .hi = r->hi,
                       .has_bounds = r->has_bounds};
    if (r->mode == WR_PQ_MODE_CODES) {
        uint32_t entries = r->dict.rows;
        wr_phys phys = entries <= UINT8_MAX + 1    ? WR_P_U8
                       : entries <= UINT16_MAX + 1 ? WR_P_U16
                                                   : WR_P_U32;
        wr_pq_pack_codes(r->code_values.data, phys, r->data.data, r->filled);
        out->form = WR_DICTIONARY;
        out->phys = (uint8_t)phys;
        out->dict = &r->dict;
        out->dict_id = r->dict_id;
    }
    if (r->sorted && !nulls && out->form == WR_FLAT && r->has_bounds)
        out->sorted = wr_pq_is_ascending(out->data, r->phys, r->filled);
    return WR_OK;
}

weir_status wr_pq_reader_flat(wr_pq_reader *r, uint32_t rows, const uint16_t *sel,
                              uint32_t sel_count, wr_column *out)
{
    wr_assert(rows <= WR_BATCH_ROWS && r->leaf->max_rep == 0);
    r->filled = 0;
    r->mode = WR_PQ_MODE_NONE;
    WR_TRY(skip_flat(r));
    WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->valid, WR_BATCH_WORDS * 8 + 16));
    if (r->page_left == 0 && rows)
        WR_TRY(wr_pq_page_next(r)); /* a dictionary may change the width */
    WR_TRY(wr_pq_need_rows(r, WR_BATCH_ROWS));
    size_t nulls = 0;
    bool sparse = sel && sel_count < rows / 8;
    if (sparse) memset(r->data.data, 0, rows * r->size);
    if (sparse && r->code_values.data) memset(r->code_values.data, 0, rows * 4);
    while (r->filled < rows) {
        if (r->page_left == 0) WR_TRY(wr_pq_page_next(r));
        uint32_t here = (uint32_t)WR_MIN(rows - r->filled, (size_t)r->page_left);
        uint32_t inside = 0;
        if (sparse) {
            while (inside < sel_count && sel[inside] < r->filled + here)
                inside++;
        }
        WR_TRY(get_flat(r, here, sparse ? sel : NULL, inside, &nulls));
        if (sparse) {
            sel += inside;
            sel_count -= inside;
        }
    }
    return finish_column(r, nulls, out);
}

/* ---- nested */

static uint8_t *page_levels(wr_pq_bytes *b) { return b->data; }

/* How many levels of the page belong to the rows still wanted; *rows counts down at each start of a
 * row, and a level that would start one too many is not taken. */
static uint32_t levels_of_rows(const wr_pq_reader *r, int64_t *rows, bool *full)
{
    const uint8_t *reps = r->page_reps.data;
    uint32_t at = r->page_level_at, end = at + r->page_left, i = at;
    if (r->leaf->max_rep == 0) {
        uint32_t take = (uint32_t)WR_MIN((int64_t)r->page_left, *rows);
        *rows -= take;
        *full = take < r->page_left;
        return take;
    }
    for (; i < end; i++) {
        if (reps[i]) continue;
        if (*rows == 0) {
            *full = true;
            break;
        }
        (*rows)--;
    }
    return i - at;
}

static uint32_t count_present(const uint8_t *defs, uint32_t count, int max_def)
{
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++)
        present += defs[i] == max_def;
    return present;
}

/* Takes levels and values of rows rows; forget: only steps over them. */
static weir_status take_rows(wr_pq_reader *r, int64_t rows, bool forget, size_t *value_count)
{
    bool full = false, first = true;
    while (!full) {
        if (r->page_left == 0) {
            if (r->levels_left == 0) {
                if (rows > 0)
                    return wr_fail(WR_E_CORRUPT,
                                   "a column chunk has fewer rows than its row group");
                break;
            }
            if (rows == 0 && r->leaf->max_rep == 0) break;
            WR_TRY(wr_pq_page_next(r));
        }
        if (first && page_levels(&r->page_reps)[r->page_level_at])
            return wr_fail(WR_E_CORRUPT, "the rows of a column chunk do not start with a row");
        first = false;
        uint32_t levels = levels_of_rows(r, &rows, &full);
        const uint8_t *defs = page_levels(&r->page_defs) + r->page_level_at;
        uint32_t present = count_present(defs, levels, r->leaf->max_def);
        if (forget) {
            WR_TRY(wr_pq_values_skip(r, present));
        } else {
            WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->level_defs, r->level_count + levels));
            WR_TRY(wr_pq_bytes_need(r->pool->mem, &r->level_reps, r->level_count + levels));
            memcpy(page_levels(&r->level_defs) + r->level_count, defs, levels);
            memcpy(page_levels(&r->level_reps) + r->level_count,
                   page_levels(&r->page_reps) + r->page_level_at, levels);
            r->level_count += levels;
            WR_TRY(wr_pq_need_rows(r, r->filled + present));
            WR_TRY(wr_pq_values_get(r, present));
            r->filled += present;
            *value_count += present;
        }
        r->page_level_at += levels;
        r->page_left -= levels;
    }
    return WR_OK;
}

weir_status wr_pq_reader_nested(wr_pq_reader *r, uint32_t rows, wr_column *out)
{
    size_t values = 0;
    r->filled = 0;
    if (r->pending_skip) {
        int64_t skip = r->pending_skip;
        r->pending_skip = 0;
        WR_TRY(take_rows(r, skip, true, &values));
    }
    r->mode = WR_PQ_MODE_NONE;
    r->level_count = 0;
    if (rows) WR_TRY(take_rows(r, rows, false, &values));
    if (values > UINT32_MAX / 2)
        return wr_fail(WR_E_TOO_BIG, "%zu nested values in %u rows", values, rows);
    WR_TRY(wr_pq_need_rows(r, WR_MAX(values, 1)));
    return finish_column(r, 0, out);
}
