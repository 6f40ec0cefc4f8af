/* file_cache.c - what file_cache.h says.
 *
 * A file is found by its identity; a table of it leads to its chunks, a chunk to its blocks. All
 * chunks stand in one list, the one pinned last in front; room is made from its end, block by
 * block, so that a pinned chunk does not hold memory beyond the blocks of the batches under way and
 * its dictionary.
 *
 * A block is one piece of memory: head, validity, values, text. Its slot in the chunk holds one
 * reference, every batch that shows it another. The slot keeps bounds and whether there are NULLs
 * after the block had to go: they are true as long as the identity holds.
 *
 * Chunks that an earlier or this statement used lately are not given up for others (PROTECTED
 * statements): a file larger than the cache, read again and again, keeps a part of it in the cache
 * instead of losing each block just before it is wanted.
 *
 * Locks: that of the cache (files, list, pins, marks) before that of a chunk (slots, dictionary).
 * No memory is reserved with hooks under either: the hook takes them. */
#include "fmt/file_cache.h"
#include "base/map.h"
#include "base/pages.h"
#include "kern/kern.h"
#include "sys/thread.h"

enum { PROTECTED = 4, RECLAIM_PARTS = 8, SLOP = 64, FILLS_FROM = 2 };
static const uint64_t NO_EPOCH = UINT64_MAX;
static const uint64_t TRIM_FROM = 1 << 20;

struct wr_cached_block {
    _Atomic int references;
    wr_file_cache *cache;
    uint64_t bytes;
    wr_column column; /* the dictionary is filled in from the chunk */
};

typedef struct slot {
    wr_cached_block *block;
    int64_t lo, hi;
    bool has_range, has_nulls, is_known;
} slot;

struct wr_cached_chunk {
    wr_cached_file *file;
    uint32_t place; /* in the file's table */
    uint32_t block_count;
    uint64_t rows, reserved;
    wr_cached_chunk *before, *behind; /* guarded by the cache's lock, like pins */
    int pins;
    _Atomic int touches;    /* statements that pinned it */
    _Atomic uint64_t epoch; /* of the last statement that pinned it */
    wr_mutex lock;
    slot *slots;      /* guarded by lock */
    wr_column *dict;  /* guarded by lock until it is set; then fixed */
    uint64_t dict_id; /* as dict */
    wr_arena arena;   /* of the dictionary */
};

struct wr_cached_file {
    wr_file_cache *cache;
    wr_file_identity identity;
    wr_str path; /* on the heap */
    wr_cached_chunk **chunks;
    uint32_t parts, columns;
    uint32_t chunk_count;
    uint64_t reserved;
    int uses;
    bool is_stale; /* in no map any more */
};

struct wr_file_cache {
    wr_mem *mem;
    _Atomic uint64_t limit;
    _Atomic uint64_t epoch;
    _Atomic uint64_t pressed; /* the epoch in which there was no room: no puts in it */
    wr_mutex lock;
    wr_map files; /* by the bytes of the identity; guarded by lock, as the rest */
    wr_map paths;
    wr_cached_chunk *first, *last;
};

/* ---- lists; the cache's lock is held */

static void unlink_chunk(wr_file_cache *cache, wr_cached_chunk *c)
{
    *(c->before ? &c->before->behind : &cache->first) = c->behind;
    *(c->behind ? &c->behind->before : &cache->last) = c->before;
    c->before = c->behind = NULL;
}

static void link_first(wr_file_cache *cache, wr_cached_chunk *c)
{
    c->behind = cache->first;
    *(cache->first ? &cache->first->before : &cache->last) = c;
    cache->first = c;
}

static wr_str identity_key(const wr_cached_file *file)
{
    return (wr_str){(const char *)&file->identity, sizeof file->identity};
}

static void forget_file(wr_file_cache *cache, wr_cached_file *file)
{
    if (file->is_stale) return;
    file->is_stale = true;
    wr_map_remove(&cache->files, identity_key(file));
    if (wr_map_get(&cache->paths, file->path) == file) wr_map_remove(&cache->paths, file->path);
}

static void drop_file(wr_cached_file *file)
{
    forget_file(file->cache, file);
    wr_mem_release(file->cache->mem, file->reserved);
    wr_heap_drop((char *)file->path.data);
    wr_heap_drop(file->chunks);
    wr_heap_drop(file);
}

static uint64_t drop_block(wr_cached_block *block)
{
    if (!block || --block->references != 0) return 0;
    uint64_t bytes = block->bytes;
    wr_file_cache *cache = block->cache;
    wr_heap_drop(block);
    wr_mem_release(cache->mem, bytes);
    return bytes;
}

/* Gives up the blocks of a chunk, and the chunk itself when nobody has pinned it. Returns the bytes
 * that came back. The file stays. */
static uint64_t empty_chunk(wr_cached_chunk *c)
{
    wr_cached_file *file = c->file;
    uint64_t got = 0;
    wr_mutex_lock(&c->lock);
    for (uint32_t b = 0; b < c->block_count; b++) {
        got += drop_block(c->slots[b].block);
        c->slots[b].block = NULL;
    }
    wr_mutex_unlock(&c->lock);
    if (c->pins) return got;
    unlink_chunk(file->cache, c);
    file->chunks[c->place] = NULL;
    file->chunk_count--;
    got += c->reserved;
    wr_mem_release(file->cache->mem, c->reserved);
    wr_arena_clear(&c->arena);
    wr_mutex_clear(&c->lock);
    wr_heap_drop(c->slots);
    wr_heap_drop(c);
    return got;
}

static void drop_if_unused(wr_cached_file *file)
{
    if (file->uses == 0 && file->chunk_count == 0) drop_file(file);
}

/* Makes the file impossible to find and gives up what it has. */
static void retire_file(wr_file_cache *cache, wr_cached_file *file)
{
    forget_file(cache, file);
    for (uint32_t i = 0; i < file->parts * file->columns; i++)
        if (file->chunks[i]) empty_chunk(file->chunks[i]);
    drop_if_unused(file);
}

/* Gives up the oldest chunks until wanted bytes came back; only those not used since epoch oldest.
 */
static uint64_t evict(wr_file_cache *cache, uint64_t wanted, uint64_t oldest)
{
    uint64_t got = 0;
    for (wr_cached_chunk *c = cache->last; c && got < wanted;) {
        wr_cached_chunk *next = c->before;
        if (c->epoch >= oldest) break;
        wr_cached_file *file = c->file;
        got += empty_chunk(c);
        drop_if_unused(file);
        c = next;
    }
    return got;
}

/* ---- memory */

static uint64_t reclaim(void *owner, uint64_t wanted)
{
    wr_file_cache *cache = owner;
    uint64_t share = wr_mem_used(cache->mem) / RECLAIM_PARTS;
    atomic_store(&cache->pressed, cache->epoch);
    wr_mutex_lock(&cache->lock);
    uint64_t got = evict(cache, WR_MAX(wanted, share), NO_EPOCH);
    wr_mutex_unlock(&cache->lock);
    if (got >= TRIM_FROM) wr_pages_trim();
    return got;
}

/* Counts bytes; what has not been used for some statements makes room when the cache is full. No
 * lock is held. */
static bool reserve(wr_file_cache *cache, uint64_t bytes)
{
    if (wr_mem_try_reserve(cache->mem, bytes)) return true;
    uint64_t limit = cache->limit, used = wr_mem_used(cache->mem), epoch = cache->epoch;
    if (bytes <= limit && used + bytes > limit && epoch >= PROTECTED) {
        wr_mutex_lock(&cache->lock);
        uint64_t got = evict(cache, WR_MAX(bytes, limit / 64), epoch - PROTECTED);
        wr_mutex_unlock(&cache->lock);
        if (got && wr_mem_try_reserve(cache->mem, bytes)) return true;
    }
    /* Decoding for the cache would be for nothing in the rest of the statement. */
    atomic_store(&cache->pressed, epoch);
    return false;
}

wr_file_cache *wr_file_cache_new(wr_mem *parent, uint64_t limit)
{
    wr_file_cache *cache = wr_heap_new(sizeof *cache);
    cache->mem = wr_mem_new(parent, "file cache", limit);
    wr_mem_set_yields(cache->mem);
    wr_mem_set_reclaim(cache->mem, reclaim, cache);
    cache->limit = limit;
    cache->pressed = NO_EPOCH;
    wr_mutex_init(&cache->lock);
    return cache;
}

void wr_file_cache_drop(wr_file_cache *cache)
{
    if (!cache) return;
    wr_file_cache_set_limit(cache, 0);
    wr_mem_drop(cache->mem);
    wr_map_clear(&cache->files);
    wr_map_clear(&cache->paths);
    wr_mutex_clear(&cache->lock);
    wr_heap_drop(cache);
}

void wr_file_cache_set_limit(wr_file_cache *cache, uint64_t limit)
{
    wr_mutex_lock(&cache->lock);
    cache->limit = limit;
    if (limit) wr_mem_set_limit(cache->mem, limit);
    uint64_t used = wr_mem_used(cache->mem), got = 0;
    if (used > limit) got = evict(cache, limit ? used - limit : UINT64_MAX, NO_EPOCH);
    wr_mutex_unlock(&cache->lock);
    if (got >= TRIM_FROM) wr_pages_trim();
}

void wr_file_cache_begin(wr_file_cache *cache) { atomic_fetch_add(&cache->epoch, 1); }

static void describe(wr_cached_file *file, wr_arena *arena, wr_cached_file_row *out)
{
    *out = (wr_cached_file_row){.path = wr_arena_str(arena, file->path),
                                .file_size = file->identity.size,
                                .bytes = file->reserved};
    for (uint32_t i = 0; i < file->parts * file->columns; i++) {
        wr_cached_chunk *c = file->chunks[i];
        if (!c) continue;
        uint64_t blocks = 0;
        wr_mutex_lock(&c->lock);
        out->bytes += c->reserved;
        for (uint32_t b = 0; b < c->block_count; b++) {
            if (!c->slots[b].block) continue;
            blocks++;
            out->bytes += c->slots[b].block->bytes;
        }
        wr_mutex_unlock(&c->lock);
        out->blocks += blocks;
        out->chunks += blocks > 0;
    }
}

int wr_file_cache_list(wr_file_cache *cache, wr_arena *arena, wr_cached_file_row **out)
{
    wr_str key;
    void *value;
    int count = 0;
    wr_mutex_lock(&cache->lock);
    *out = wr_new_array(arena, wr_cached_file_row, cache->files.count + 1);
    for (uint32_t i = 0; wr_map_next(&cache->files, &i, &key, &value);)
        describe(value, arena, &(*out)[count++]);
    wr_mutex_unlock(&cache->lock);
    return count;
}

/* ---- files and chunks */

static wr_cached_file *file_new(wr_file_cache *cache, const wr_file_identity *identity, wr_str path,
                                uint32_t parts, uint32_t columns, uint64_t reserved)
{
    wr_cached_file *file = wr_heap_new(sizeof *file);
    file->cache = cache;
    file->identity = *identity;
    file->path = (wr_str){wr_heap_copy(path.data, path.length), path.length};
    file->parts = parts;
    file->columns = columns;
    file->chunks = wr_heap_new((size_t)parts * columns * sizeof *file->chunks);
    file->reserved = reserved;
    wr_map_put(&cache->files, identity_key(file), file);
    /* The name led to other contents: they will not come back. */
    wr_cached_file *old = wr_map_get(&cache->paths, file->path);
    if (old) retire_file(cache, old);
    wr_map_put(&cache->paths, file->path, file);
    return file;
}

wr_cached_file *wr_file_cache_open(wr_file_cache *cache, const wr_file_identity *identity,
                                   wr_str path, uint32_t parts, uint32_t columns)
{
    if (!cache || !cache->limit || !parts || !columns || parts > UINT32_MAX / columns) return NULL;
    wr_str key = {(const char *)identity, sizeof *identity};
    uint64_t size = (uint64_t)parts * columns * sizeof(wr_cached_chunk *) + sizeof(wr_cached_file) +
                    path.length;
    wr_mutex_lock(&cache->lock);
    wr_cached_file *file = wr_map_get(&cache->files, key);
    if (file) file->uses++;
    wr_mutex_unlock(&cache->lock);
    if (file || !reserve(cache, size)) return file;
    wr_mutex_lock(&cache->lock);
    file = wr_map_get(&cache->files, key);
    if (file)
        wr_mem_release(cache->mem, size);
    else
        file = file_new(cache, identity, path, parts, columns, size);
    file->uses++;
    wr_mutex_unlock(&cache->lock);
    return file;
}

void wr_cached_file_close(wr_cached_file *file)
{
    if (!file) return;
    wr_file_cache *cache = file->cache;
    wr_mutex_lock(&cache->lock);
    file->uses--;
    if (file->uses == 0 && (file->is_stale || !cache->limit))
        retire_file(cache, file);
    else
        drop_if_unused(file);
    wr_mutex_unlock(&cache->lock);
}

static void pin(wr_file_cache *cache, wr_cached_chunk *c)
{
    uint64_t epoch = cache->epoch;
    c->pins++;
    if (c->touches == 0 || c->epoch != epoch) c->touches++;
    c->epoch = epoch;
    unlink_chunk(cache, c);
    link_first(cache, c);
}

static wr_cached_chunk *chunk_new(wr_cached_file *file, uint32_t place, uint64_t rows,
                                  uint32_t blocks, uint64_t reserved)
{
    wr_cached_chunk *c = wr_heap_new(sizeof *c);
    c->file = file;
    c->place = place;
    c->rows = rows;
    c->block_count = blocks;
    c->reserved = reserved;
    c->slots = wr_heap_new(blocks * sizeof *c->slots);
    wr_mutex_init(&c->lock);
    file->chunks[place] = c;
    file->chunk_count++;
    link_first(file->cache, c);
    return c;
}

wr_cached_chunk *wr_cached_chunk_pin(wr_cached_file *file, uint32_t part, uint32_t column,
                                     uint64_t rows)
{
    if (!file || part >= file->parts || column >= file->columns) return NULL;
    wr_file_cache *cache = file->cache;
    uint32_t place = part * file->columns + column;
    uint64_t blocks = (rows + WR_BATCH_ROWS - 1) / WR_BATCH_ROWS;
    if (blocks > UINT32_MAX) return NULL;
    uint64_t size = sizeof(wr_cached_chunk) + blocks * sizeof(slot);
    wr_mutex_lock(&cache->lock);
    wr_cached_chunk *c = file->chunks[place];
    if (c) pin(cache, c);
    wr_mutex_unlock(&cache->lock);
    if (!c) {
        if (!cache->limit || file->is_stale || !reserve(cache, size)) return NULL;
        wr_mutex_lock(&cache->lock);
        c = file->chunks[place];
        if (c)
            wr_mem_release(cache->mem, size);
        else
            c = chunk_new(file, place, rows, (uint32_t)blocks, size);
        pin(cache, c);
        wr_mutex_unlock(&cache->lock);
    }
    if (c->rows == rows) return c;
    wr_cached_chunk_unpin(c);
    return NULL;
}

void wr_cached_chunk_unpin(wr_cached_chunk *chunk)
{
    if (!chunk) return;
    wr_file_cache *cache = chunk->file->cache;
    wr_mutex_lock(&cache->lock);
    chunk->pins--;
    if (chunk->pins == 0 && (chunk->file->is_stale || !cache->limit)) empty_chunk(chunk);
    wr_mutex_unlock(&cache->lock);
}

bool wr_cached_chunk_wants(const wr_cached_chunk *chunk)
{
    const wr_file_cache *cache = chunk->file->cache;
    return chunk->touches >= FILLS_FROM && cache->limit && cache->pressed != cache->epoch;
}

/* ---- blocks */

wr_cached_block *wr_cached_chunk_get(wr_cached_chunk *chunk, uint32_t block, wr_column *out,
                                     uint64_t *bytes)
{
    if (block >= chunk->block_count) return NULL;
    wr_mutex_lock(&chunk->lock);
    wr_cached_block *b = chunk->slots[block].block;
    if (b) b->references++;
    wr_mutex_unlock(&chunk->lock);
    if (!b) return NULL;
    *out = b->column;
    if (bytes) *bytes = b->bytes;
    return b;
}

void wr_cached_block_release(wr_cached_block *block) { drop_block(block); }

static bool has_nulls(const wr_column *c)
{
    if (!c->valid) return false;
    for (uint32_t i = 0; i < c->rows / 64; i++)
        if (~c->valid[i]) return true;
    uint32_t rest = c->rows % 64;
    return rest && ~c->valid[c->rows / 64] & ((UINT64_C(1) << rest) - 1);
}

static bool is_narrowed(const wr_column *c)
{
    return wr_type_is_int_like(c->type) && c->form == WR_FLAT && c->phys != WR_P_I128 &&
           c->phys != WR_P_U64;
}

/* Bounds of the values that are present; those that are not become zero. */
static bool find_bounds(int64_t *values, const uint64_t *valid, uint32_t rows, int64_t *lo,
                        int64_t *hi)
{
    int64_t least = INT64_MAX, most = INT64_MIN;
    for (uint32_t i = 0; i < rows; i++) {
        if (valid && !wr_bit_get(valid, i)) {
            values[i] = 0;
            continue;
        }
        least = WR_MIN(least, values[i]);
        most = WR_MAX(most, values[i]);
    }
    *lo = least;
    *hi = most;
    return least <= most;
}

typedef struct draft { /* a block to be */
    const wr_column *in;
    bool has_nulls, is_narrowed, has_range;
    int64_t lo, hi, base;
    wr_phys phys;
    size_t valid_size, data_size, text_size;
} draft;

static bool is_text(const wr_column *c) { return c->form == WR_FLAT && c->phys == WR_P_VIEW; }

static bool is_present(const draft *d, uint32_t row)
{
    return !d->has_nulls || wr_bit_get(d->in->valid, row);
}

static void measure_integers(draft *d, int64_t *values)
{
    const wr_column *in = d->in;
    wr_column_flat_i64(in, NULL, in->rows, values);
    d->has_range = find_bounds(values, d->has_nulls ? in->valid : NULL, in->rows, &d->lo, &d->hi);
    if (!d->has_range) d->lo = d->hi = 0;
    d->phys = wr_phys_for_range(d->lo, d->hi);
    uint64_t span = (uint64_t)d->hi - (uint64_t)d->lo;
    if (d->phys == WR_P_I64 && span <= INT32_MAX && !d->has_nulls) {
        d->phys = WR_P_I32;
        d->base = d->lo;
    }
    if (wr_phys_size(d->phys) > wr_phys_size(in->type->phys)) d->phys = (wr_phys)in->type->phys;
}

/* Sizes of the parts; values has room for a block. */
static draft measure(const wr_column *in, int64_t *values)
{
    draft d = {.in = in, .has_nulls = has_nulls(in), .is_narrowed = is_narrowed(in)};
    d.phys = (wr_phys)in->phys;
    if (d.is_narrowed) measure_integers(&d, values);
    if (d.has_nulls) d.valid_size = ((size_t)in->rows + 63) / 64 * 8 + 8;
    d.data_size = (wr_phys_size(d.phys) * in->rows + SLOP + 15) & ~(size_t)15;
    const wr_view *views = in->data;
    for (uint32_t i = 0; is_text(in) && i < in->rows; i++)
        if (views[i].length > 12 && is_present(&d, i)) d.text_size += views[i].length;
    return d;
}

static void copy_text(const draft *d, wr_view *out, char *text)
{
    const wr_view *views = d->in->data;
    for (uint32_t i = 0; i < d->in->rows; i++) {
        out[i] = is_present(d, i) ? views[i] : (wr_view){.words = {0, 0}};
        if (out[i].length <= 12) continue;
        memcpy(text, views[i].pointer, views[i].length);
        out[i].pointer = text;
        text += views[i].length;
    }
}

static wr_cached_block *block_new(wr_file_cache *cache, const draft *d, const int64_t *values,
                                  uint64_t bytes)
{
    const wr_column *in = d->in;
    size_t head = (sizeof(wr_cached_block) + 63) & ~(size_t)63;
    char *memory = wr_heap_raw(bytes);
    wr_cached_block *b = (wr_cached_block *)memory;
    *b = (wr_cached_block){.references = 1, .cache = cache, .bytes = bytes};
    char *valid = memory + head, *data = valid + ((d->valid_size + 15) & ~(size_t)15);
    b->column = (wr_column){.type = in->type,
                            .form = in->form,
                            .phys = (uint8_t)d->phys,
                            .rows = in->rows,
                            .data = data,
                            .sorted = in->sorted};
    wr_column *out = &b->column;
    size_t used = wr_phys_size(d->phys) * in->rows;
    memset(data + used, 0, d->data_size - used);
    if (d->has_nulls) {
        out->valid = (uint64_t *)valid;
        memset(valid, 0, d->valid_size);
        memcpy(valid, in->valid, ((size_t)in->rows + 63) / 64 * 8);
    }
    if (d->is_narrowed) {
        out->base = d->base;
        out->has_bounds = d->has_range;
        out->lo = d->lo;
        out->hi = d->hi;
        if (d->base) /* no NULLs then */
            for (uint32_t i = 0; i < in->rows; i++)
                ((int32_t *)data)[i] = (int32_t)((uint64_t)values[i] - (uint64_t)d->base);
        else
            wr_kern()->move->convert[WR_P_I64][d->phys](values, 0, data, in->rows);
    } else if (is_text(in)) {
        copy_text(d, (wr_view *)data, data + d->data_size);
    } else {
        memcpy(data, in->data, used);
    }
    return b;
}

/* Gives the chunk its dictionary. */
static bool need_dictionary(wr_cached_chunk *chunk, const wr_column *dict)
{
    if (wr_cached_chunk_dictionary(chunk)) return true;
    WR_ARENA(arena);
    wr_column *copy = wr_new(&arena, wr_column);
    wr_column_copy(dict, 0, dict->rows, &arena, copy);
    uint64_t size = arena.total;
    if (!reserve(chunk->file->cache, size)) return false;
    wr_mutex_lock(&chunk->lock);
    if (chunk->dict) {
        wr_mem_release(chunk->file->cache->mem, size);
    } else {
        chunk->dict_id = wr_dict_id_next();
        chunk->dict = copy;
        chunk->arena = arena;
        chunk->reserved += size;
        arena = (wr_arena){0};
    }
    wr_mutex_unlock(&chunk->lock);
    return true;
}

const wr_column *wr_cached_chunk_dictionary(wr_cached_chunk *chunk)
{
    wr_mutex_lock(&chunk->lock);
    const wr_column *dict = chunk->dict;
    wr_mutex_unlock(&chunk->lock);
    return dict;
}

static void note_range(slot *s, const draft *d)
{
    s->is_known = d->is_narrowed;
    s->has_range = d->has_range;
    s->has_nulls = d->has_nulls;
    s->lo = d->lo;
    s->hi = d->hi;
}

void wr_cached_chunk_put(wr_cached_chunk *chunk, uint32_t block, const wr_column *column)
{
    wr_file_cache *cache = chunk->file->cache;
    uint64_t from = (uint64_t)block * WR_BATCH_ROWS;
    if (block >= chunk->block_count || wr_type_is_nested(column->type) ||
        column->rows != WR_MIN(chunk->rows - from, (uint64_t)WR_BATCH_ROWS) ||
        !wr_cached_chunk_wants(chunk))
        return;
    if (column->form == WR_CONSTANT) return;
    int64_t values[WR_BATCH_ROWS];
    draft d = measure(column, values);
    if (column->form == WR_DICTIONARY && !need_dictionary(chunk, column->dict)) return;
    uint64_t head = (sizeof(wr_cached_block) + 63) & ~(uint64_t)63;
    uint64_t bytes = head + ((d.valid_size + 15) & ~(size_t)15) + d.data_size + d.text_size + SLOP;
    if (!reserve(cache, bytes)) return;
    wr_cached_block *b = block_new(cache, &d, values, bytes);
    wr_mutex_lock(&chunk->lock);
    if (column->form == WR_DICTIONARY) {
        b->column.dict = chunk->dict;
        b->column.dict_id = chunk->dict_id;
    }
    slot *s = &chunk->slots[block];
    wr_cached_block *surplus = s->block ? b : NULL;
    if (!surplus) {
        s->block = b;
        note_range(s, &d);
    }
    wr_mutex_unlock(&chunk->lock);
    drop_block(surplus);
}

/* ---- what bounds exclude */

static bool is_outside(const slot *s, const wr_value *value)
{
    wr_i128 v = wr_value_as_i128(value);
    return v < s->lo || v > s->hi;
}

static bool excludes(const slot *s, const wr_prune *fact)
{
    if (fact->op == WR_PRUNE_NULL) return !s->has_nulls;
    if (!s->has_range) return true; /* NULLs only */
    if (fact->op == WR_PRUNE_NOT_NULL) return false;
    if (fact->op == WR_PRUNE_IN) {
        for (int i = 0; i < fact->value_count; i++)
            if (!fact->values[i].is_null && !is_outside(s, &fact->values[i])) return false;
        return true;
    }
    if (fact->values->is_null) return false;
    wr_i128 v = wr_value_as_i128(fact->values);
    switch (fact->op) {
    case WR_PRUNE_EQ:
        return is_outside(s, fact->values);
    case WR_PRUNE_LT:
        return s->lo >= v;
    case WR_PRUNE_LE:
        return s->lo > v;
    case WR_PRUNE_GT:
        return s->hi <= v;
    case WR_PRUNE_GE:
        return s->hi < v;
    default:
        return false;
    }
}

bool wr_cached_chunk_excludes(wr_cached_chunk *chunk, uint32_t block, const wr_prune *fact)
{
    if (block >= chunk->block_count) return false;
    wr_mutex_lock(&chunk->lock);
    slot s = chunk->slots[block];
    wr_mutex_unlock(&chunk->lock);
    return s.is_known && excludes(&s, fact);
}

bool wr_cached_chunk_knows(wr_cached_chunk *chunk, uint32_t from, uint32_t to)
{
    bool knows = to <= chunk->block_count;
    wr_mutex_lock(&chunk->lock);
    for (uint32_t b = from; knows && b < to; b++)
        knows = chunk->slots[b].is_known;
    wr_mutex_unlock(&chunk->lock);
    return knows;
}
