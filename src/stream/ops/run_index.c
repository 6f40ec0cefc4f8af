/* run_index.c - see run_index.h.
 *
 *   i [run] [bucket]    hashes of 4 bytes in order, then as many numbers of 2 bytes
 *
 * The highest bits of a hash are its bucket; a bucket has 512 entries on average. */
#include "stream/ops/run_index.h"
#include "stream/ops/group.h"
#include <stdlib.h>

enum { TAG = 'i', BUCKETS = 1 << WR_RUN_BUCKET_BITS, ENTRY = sizeof(uint32_t) + sizeof(uint16_t) };

static uint32_t bucket_of(uint32_t hash) { return hash >> (32 - WR_RUN_BUCKET_BITS); }

static wr_open_run *open_run(const wr_run_index *index, uint64_t run)
{
    for (uint32_t i = index->count; i-- > 0;)
        if (index->open[i]->run == run) return index->open[i];
    return NULL;
}

static void drop(wr_run_index *index, uint32_t at)
{
    wr_mem_free(index->mem, index->open[at], sizeof *index->open[at]);
    index->open[at] = index->open[--index->count];
}

void wr_run_index_clear(wr_run_index *index)
{
    while (index->count)
        drop(index, 0);
    wr_heap_drop(index->open);
    index->open = NULL;
    index->cap = 0;
}

static weir_status need(wr_run_index *index, uint64_t run, wr_open_run **out)
{
    *out = open_run(index, run);
    if (*out) return WR_OK;
    if (index->count == index->cap) {
        uint32_t cap = index->cap ? index->cap * 2 : 4;
        index->open =
            wr_heap_grow(index->open, index->cap * sizeof *index->open, cap * sizeof *index->open);
        index->cap = cap;
    }
    void *memory;
    WR_TRY(wr_mem_alloc(index->mem, sizeof(wr_open_run), &memory));
    *out = index->open[index->count++] = memory;
    (*out)->run = run;
    (*out)->count = 0;
    (*out)->is_sorted = (*out)->is_written = false;
    memset((*out)->has, 0, sizeof(*out)->has);
    return WR_OK;
}

weir_status wr_run_index_add(wr_run_index *index, uint64_t number, uint32_t hash)
{
    wr_open_run *open;
    uint32_t within = number & ((1 << WR_RUN_BITS) - 1);
    WR_TRY(need(index, number >> WR_RUN_BITS, &open));
    if (wr_bit_get(open->has, within)) return WR_OK;
    wr_bit_set(open->has, within);
    open->entries[open->count++] = (uint64_t)hash << WR_RUN_BITS | within;
    open->is_sorted = false;
    return WR_OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static void sort(wr_open_run *open)
{
    if (!open->is_sorted) qsort(open->entries, open->count, sizeof open->entries[0], by_number);
    open->is_sorted = true;
}

static uint32_t hash_of(uint64_t entry) { return (uint32_t)(entry >> WR_RUN_BITS); }

/* ---- writing ---- */

static void bucket_key(wr_buf *key, uint64_t run, uint32_t bucket)
{
    wr_group_key_begin(key, TAG, (int64_t)run);
    wr_buf_add_char(key, (char)bucket);
}

weir_status wr_run_index_write(wr_run_index *index, uint64_t run, wr_state *state)
{
    wr_open_run *open = open_run(index, run);
    WR_BUF(key);
    WR_BUF(value);
    if (!open) return WR_OK;
    sort(open);
    for (uint32_t from = 0, to; from < open->count; from = to) {
        uint32_t bucket = bucket_of(hash_of(open->entries[from]));
        value.length = 0;
        for (to = from; to < open->count && bucket_of(hash_of(open->entries[to])) == bucket; to++) {
            uint32_t hash = hash_of(open->entries[to]);
            wr_buf_add(&value, &hash, sizeof hash);
        }
        for (uint32_t i = from; i < to; i++) {
            uint16_t within = (uint16_t)open->entries[i];
            wr_buf_add(&value, &within, sizeof within);
        }
        bucket_key(&key, run, bucket);
        WR_TRY(wr_state_put(state, index->section, wr_buf_str(&key), wr_buf_str(&value)));
    }
    open->is_written = true;
    return WR_OK;
}

void wr_run_index_settle(wr_run_index *index, bool committed)
{
    for (uint32_t i = index->count; i-- > 0;) {
        if (!index->open[i]->is_written) continue;
        index->open[i]->is_written = false;
        if (committed) drop(index, i);
    }
}

weir_status wr_run_index_drop(wr_run_index *index, uint64_t run, wr_state *state)
{
    WR_BUF(first);
    WR_BUF(last);
    wr_open_run *open = open_run(index, run);
    if (open) {
        open->is_written = true; /* goes with the commit */
        return WR_OK;
    }
    wr_group_key_begin(&first, TAG, (int64_t)run);
    wr_group_key_begin(&last, TAG, (int64_t)run + 1);
    return wr_state_delete_range(state, index->section, wr_buf_str(&first), wr_buf_str(&last));
}

/* ---- reading ---- */

static uint32_t hash_at(const wr_run_bucket *bucket, uint32_t at)
{
    uint32_t hash;
    memcpy(&hash, bucket->hashes + at * sizeof hash, sizeof hash);
    return hash;
}

static weir_status take_bucket(uint64_t run, uint32_t number, wr_str value, wr_run_bucket *out)
{
    if (value.length % ENTRY || value.length > (size_t)ENTRY << WR_RUN_BITS)
        return wr_fail(WR_E_CORRUPT, "an index of sessions in the state is damaged");
    uint32_t count = (uint32_t)(value.length / ENTRY);
    *out = (wr_run_bucket){run, number, count, value.data, value.data + count * sizeof(uint32_t)};
    return WR_OK;
}

static weir_status read_bucket(const wr_run_index *index, wr_state *state, uint64_t run,
                               uint32_t number, wr_run_bucket *out)
{
    wr_str value;
    bool found;
    WR_BUF(key);
    if (out->run == run && out->number == number) return WR_OK;
    bucket_key(&key, run, number);
    WR_TRY(wr_state_get(state, index->section, wr_buf_str(&key), &value, &found));
    return take_bucket(run, number, found ? value : (wr_str){"", 0}, out);
}

static weir_status find_stored(const wr_run_bucket *bucket, uint32_t hash, wr_run_number_fn *each,
                               void *arg)
{
    uint32_t low = 0, high = bucket->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (hash_at(bucket, middle) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < bucket->count && hash_at(bucket, low) == hash; low++) {
        uint16_t within;
        memcpy(&within, bucket->numbers + low * sizeof within, sizeof within);
        WR_TRY(each(arg, bucket->run << WR_RUN_BITS | within));
    }
    return WR_OK;
}

weir_status wr_run_index_find(wr_run_index *index, wr_state *state, uint64_t run, uint32_t hash,
                              wr_run_bucket *bucket, wr_run_number_fn *each, void *arg)
{
    wr_open_run *open = open_run(index, run);
    if (!open) {
        WR_TRY(read_bucket(index, state, run, bucket_of(hash), bucket));
        return find_stored(bucket, hash, each, arg);
    }
    sort(open);
    uint32_t low = 0, high = open->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (hash_of(open->entries[middle]) < hash)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < open->count && hash_of(open->entries[low]) == hash; low++)
        WR_TRY(each(arg, run << WR_RUN_BITS | (uint16_t)open->entries[low]));
    return WR_OK;
}

weir_status wr_run_index_each(wr_run_index *index, wr_state *state, uint64_t run, uint32_t number,
                              wr_run_hash_fn *each, void *arg)
{
    wr_run_bucket bucket = {.number = UINT32_MAX};
    wr_open_run *open = open_run(index, run);
    for (uint32_t i = 0; open && i < open->count; i++)
        if (bucket_of(hash_of(open->entries[i])) == number)
            WR_TRY(each(arg, run, hash_of(open->entries[i])));
    if (open) return WR_OK;
    WR_TRY(read_bucket(index, state, run, number, &bucket));
    for (uint32_t i = 0; i < bucket.count; i++)
        WR_TRY(each(arg, run, hash_at(&bucket, i)));
    return WR_OK;
}
