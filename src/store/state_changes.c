/* state_changes.c - the changes between two commits of a state. See state_changes.h.
 *
 * A tree of which nothing is ever removed: a deleted key stays as a change that says so, because it
 * hides what is committed. Leaves are linked, so a commit and a cursor read them in order. Nodes on
 * the way down that are full are split before they are entered; the nodes this may take are taken
 * beforehand, so an insertion that has begun cannot fail.
 *
 * A range that is deleted marks the changes in it as deleted and is remembered for what is
 * committed. Ranges that touch are joined: windows that are closed one after the other leave one.
 *
 * A value that is put again is written over the old one while it has room; room grows by half, so
 * what is lost in the pool stays below what is used. */
#include "store/state_changes.h"

enum { BLOCK_FIRST = 4096, BLOCK_MAX = 256 * 1024, KEPT_MAX = 64 << 20, KEPT_PART = 64 };

typedef struct wr_change_block {
    struct wr_change_block *next;
    size_t size;
} block;

static void free_blocks(const wr_change_pool *pool, block *b)
{
    for (block *next; b; b = next) {
        next = b->next;
        wr_mem_free(pool->mem, b, b->size);
    }
}

void wr_change_pool_clear(wr_change_pool *pool)
{
    free_blocks(pool, pool->blocks);
    free_blocks(pool, pool->kept);
    *pool = (wr_change_pool){.mem = pool->mem};
}

void wr_change_pool_empty(wr_change_pool *pool)
{
    uint64_t limit = wr_mem_limit(pool->mem);
    uint64_t most = limit ? WR_MIN(limit / KEPT_PART, (uint64_t)KEPT_MAX) : (uint64_t)KEPT_MAX;
    block *kept = pool->kept, *rest = NULL;
    uint64_t bytes = pool->kept_bytes;
    for (block *b = pool->blocks, *next; b; b = next) {
        next = b->next;
        bool stays = b->size == BLOCK_MAX && bytes + b->size <= most;
        bytes += stays ? b->size : 0;
        b->next = stays ? kept : rest;
        *(stays ? &kept : &rest) = b;
    }
    free_blocks(pool, rest);
    *pool = (wr_change_pool){.mem = pool->mem, .kept = kept, .kept_bytes = bytes};
}

/* Makes sure that size bytes in one piece can be taken. */
static weir_status pool_need(wr_change_pool *pool, size_t size)
{
    if ((size_t)(pool->end - pool->next) >= size) return WR_OK;
    size_t wanted =
        pool->blocks ? WR_MIN(pool->blocks->size * 4, (size_t)BLOCK_MAX) : (size_t)BLOCK_FIRST;
    wanted = WR_MAX(wanted, size + sizeof(block));
    void *memory = pool->kept;
    if (memory && wanted == BLOCK_MAX) {
        pool->kept = pool->kept->next;
        pool->kept_bytes -= BLOCK_MAX;
    } else {
        WR_TRY(wr_mem_alloc(pool->mem, wanted, &memory));
    }
    block *b = memory;
    *b = (block){.next = pool->blocks, .size = wanted};
    pool->blocks = b;
    pool->next = (char *)(b + 1);
    pool->end = (char *)b + wanted;
    return WR_OK;
}

static void *pool_take(wr_change_pool *pool, size_t size)
{
    size = (size + 15) / 16 * 16;
    wr_assert((size_t)(pool->end - pool->next) >= size);
    void *taken = pool->next;
    pool->next += size;
    pool->bytes += size;
    return taken;
}

static weir_status pool_alloc(wr_change_pool *pool, size_t size, void **out)
{
    WR_TRY(pool_need(pool, (size + 15) / 16 * 16));
    *out = pool_take(pool, size);
    return WR_OK;
}

static weir_status need_spare(wr_change_pool *pool, uint32_t count)
{
    while (pool->spare_count < count) {
        void *memory;
        WR_TRY(pool_alloc(pool, sizeof(wr_change_node), &memory));
        wr_change_node *node = memory;
        node->next = pool->spare;
        pool->spare = node;
        pool->spare_count++;
    }
    return WR_OK;
}

static wr_change_node *take_spare(wr_change_pool *pool, bool is_leaf)
{
    wr_change_node *node = pool->spare;
    wr_assert(node != NULL);
    pool->spare = node->next;
    pool->spare_count--;
    node->is_leaf = is_leaf;
    node->count = 0;
    node->next = NULL;
    return node;
}

/* ---- finding ---- */

static uint64_t prefix_of(wr_str key)
{
    uint64_t prefix = 0;
    memcpy(&prefix, key.data, WR_MIN(key.length, sizeof prefix));
    return __builtin_bswap64(prefix);
}

static wr_str key_of(const wr_change *change) { return (wr_str){change->key, change->key_length}; }

/* Where in the node the first key stands that is not below key. */
static uint32_t lower_bound(const wr_change_node *node, uint64_t prefix, wr_str key)
{
    uint32_t low = 0, high = node->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        bool is_below = node->prefixes[middle] != prefix
                            ? node->prefixes[middle] < prefix
                            : wr_str_cmp(key_of(node->changes[middle]), key) < 0;
        if (is_below)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The child that key belongs to: the last one whose smallest key is not above it. */
static uint32_t child_of(const wr_change_node *node, uint64_t prefix, wr_str key)
{
    uint32_t at = lower_bound(node, prefix, key);
    if (at < node->count && node->prefixes[at] == prefix &&
        wr_str_eq(key_of(node->changes[at]), key))
        return at;
    return at ? at - 1 : 0;
}

wr_change_cursor wr_changes_seek(const wr_changes *changes, wr_str first)
{
    wr_change_cursor cursor = {.leaf = changes->root};
    if (!cursor.leaf) return cursor;
    uint64_t prefix = prefix_of(first);
    while (!cursor.leaf->is_leaf)
        cursor.leaf = cursor.leaf->below[child_of(cursor.leaf, prefix, first)];
    cursor.index = lower_bound(cursor.leaf, prefix, first);
    return cursor;
}

wr_change *wr_changes_peek(wr_change_cursor *cursor)
{
    while (cursor->leaf && cursor->index >= cursor->leaf->count)
        *cursor = (wr_change_cursor){.leaf = cursor->leaf->next};
    return cursor->leaf ? cursor->leaf->changes[cursor->index] : NULL;
}

wr_change *wr_changes_find(const wr_changes *changes, wr_str key)
{
    wr_change_cursor cursor = wr_changes_seek(changes, key);
    if (!cursor.leaf || cursor.index >= cursor.leaf->count) return NULL;
    wr_change *change = cursor.leaf->changes[cursor.index];
    return wr_str_eq(key_of(change), key) ? change : NULL;
}

/* ---- inserting ---- */

static void open_gap(wr_change_node *node, uint32_t at)
{
    uint32_t behind = node->count - at;
    memmove(&node->prefixes[at + 1], &node->prefixes[at], behind * sizeof node->prefixes[0]);
    memmove(&node->changes[at + 1], &node->changes[at], behind * sizeof node->changes[0]);
    if (!node->is_leaf)
        memmove(&node->below[at + 1], &node->below[at], behind * sizeof node->below[0]);
    node->count++;
}

/* Moves the upper part of child number at of the parent to a new child behind it. The last child is
 * nearly left as it is: keys often come in order. */
static void split_child(wr_change_pool *pool, wr_change_node *parent, uint32_t at)
{
    wr_change_node *left = parent->below[at], *right = take_spare(pool, left->is_leaf);
    uint32_t kept = at + 1 == parent->count ? WR_CHANGE_FANOUT * 7 / 8 : WR_CHANGE_FANOUT / 2;
    right->count = left->count - kept;
    memcpy(right->prefixes, &left->prefixes[kept], right->count * sizeof left->prefixes[0]);
    memcpy(right->changes, &left->changes[kept], right->count * sizeof left->changes[0]);
    if (!left->is_leaf)
        memcpy(right->below, &left->below[kept], right->count * sizeof left->below[0]);
    left->count = kept;
    right->next = left->next;
    left->next = left->is_leaf ? right : NULL;
    open_gap(parent, at + 1);
    parent->prefixes[at + 1] = right->prefixes[0];
    parent->changes[at + 1] = right->changes[0];
    parent->below[at + 1] = right;
}

static void grow_root(wr_changes *changes, wr_change_pool *pool)
{
    wr_change_node *old = changes->root;
    wr_change_node *root = take_spare(pool, old == NULL);
    if (old) {
        root->count = 1;
        root->prefixes[0] = old->prefixes[0];
        root->changes[0] = old->changes[0];
        root->below[0] = old;
    }
    changes->root = root;
    changes->depth++;
}

static void insert(wr_changes *changes, wr_change_pool *pool, wr_change *change)
{
    wr_str key = key_of(change);
    uint64_t prefix = prefix_of(key);
    if (!changes->root || changes->root->count == WR_CHANGE_FANOUT) grow_root(changes, pool);
    wr_change_node *node = changes->root;
    while (!node->is_leaf) {
        uint32_t at = child_of(node, prefix, key);
        if (node->below[at]->count == WR_CHANGE_FANOUT) {
            split_child(pool, node, at);
            at = child_of(node, prefix, key);
        }
        if (at == 0 && wr_str_cmp(key, key_of(node->changes[0])) < 0) {
            node->prefixes[0] = prefix;
            node->changes[0] = change;
        }
        node = node->below[at];
    }
    uint32_t at = lower_bound(node, prefix, key);
    open_gap(node, at);
    node->prefixes[at] = prefix;
    node->changes[at] = change;
    changes->count++;
}

static weir_status set_value(wr_change *change, wr_change_pool *pool, const wr_str *value)
{
    if (!value) {
        change->value = NULL;
        change->value_cap = 0;
        return WR_OK;
    }
    if (!change->value || value->length > change->value_cap) {
        size_t cap = change->value ? value->length + value->length / 2 : value->length;
        void *memory;
        WR_TRY(pool_alloc(pool, WR_MAX(cap, (size_t)1), &memory));
        change->value = memory;
        change->value_cap = (uint32_t)cap;
    }
    if (value->length) memmove((char *)change->value, value->data, value->length);
    change->value_length = (uint32_t)value->length;
    return WR_OK;
}

weir_status wr_changes_set(wr_changes *changes, wr_change_pool *pool, wr_str key,
                           const wr_str *value)
{
    wr_change *change = wr_changes_find(changes, key);
    if (change) return set_value(change, pool, value);
    WR_TRY(need_spare(pool, changes->depth + 2));
    void *memory;
    WR_TRY(pool_alloc(pool, sizeof *change + key.length, &memory));
    change = memory;
    *change = (wr_change){.key = (char *)(change + 1), .key_length = (uint32_t)key.length};
    memcpy(change + 1, key.data, key.length);
    change->is_covered = wr_changes_range_of(changes, key) != NULL;
    WR_TRY(set_value(change, pool, value));
    insert(changes, pool, change);
    return WR_OK;
}

/* ---- ranges ---- */

/* The number of ranges that end before key or at it. */
static uint32_t ranges_before(const wr_changes *changes, wr_str key, bool touching)
{
    uint32_t low = 0, high = changes->range_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        wr_str last = changes->ranges[middle].last;
        int order = last.length ? wr_str_cmp(last, key) : 1;
        if (order < 0 || (order == 0 && !touching))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const wr_change_range *wr_changes_range_of(const wr_changes *changes, wr_str key)
{
    uint32_t at = ranges_before(changes, key, false);
    if (at == changes->range_count) return NULL;
    const wr_change_range *range = &changes->ranges[at];
    return wr_str_cmp(range->first, key) <= 0 ? range : NULL;
}

static weir_status copy_of(wr_change_pool *pool, wr_str text, wr_str *out)
{
    void *memory;
    *out = (wr_str){"", 0};
    if (!text.length) return WR_OK;
    WR_TRY(pool_alloc(pool, text.length, &memory));
    memcpy(memory, text.data, text.length);
    *out = (wr_str){memory, text.length};
    return WR_OK;
}

static weir_status room_for_range(wr_changes *changes, wr_change_pool *pool)
{
    if (changes->range_count < changes->range_cap) return WR_OK;
    uint32_t cap = changes->range_cap ? changes->range_cap * 2 : 8;
    void *memory;
    WR_TRY(pool_alloc(pool, cap * sizeof(wr_change_range), &memory));
    if (changes->range_count)
        memcpy(memory, changes->ranges, changes->range_count * sizeof(wr_change_range));
    changes->ranges = memory;
    changes->range_cap = cap;
    return WR_OK;
}

/* Puts the range among the others; those it overlaps or touches become one with it. */
static void join_range(wr_changes *changes, wr_change_range range)
{
    uint32_t from = ranges_before(changes, range.first, true), to = from;
    while (to < changes->range_count &&
           (!range.last.length || wr_str_cmp(changes->ranges[to].first, range.last) <= 0))
        to++;
    if (to > from) {
        wr_change_range low = changes->ranges[from], high = changes->ranges[to - 1];
        if (wr_str_cmp(low.first, range.first) < 0) range.first = low.first;
        if (!high.last.length || (range.last.length && wr_str_cmp(high.last, range.last) > 0))
            range.last = high.last;
    }
    memmove(&changes->ranges[from + 1], &changes->ranges[to],
            (changes->range_count - to) * sizeof range);
    changes->ranges[from] = range;
    changes->range_count += 1 - (to - from);
}

weir_status wr_changes_delete_range(wr_changes *changes, wr_change_pool *pool, wr_str first,
                                    wr_str last)
{
    if (last.length && wr_str_cmp(first, last) >= 0) return WR_OK;
    wr_change_range range;
    WR_TRY(room_for_range(changes, pool));
    WR_TRY(copy_of(pool, first, &range.first));
    WR_TRY(copy_of(pool, last, &range.last));
    join_range(changes, range);
    wr_change_cursor cursor = wr_changes_seek(changes, first);
    for (wr_change *change; (change = wr_changes_peek(&cursor)); wr_changes_step(&cursor)) {
        if (last.length && wr_str_cmp(key_of(change), last) >= 0) break;
        change->value = NULL;
        change->value_cap = 0;
        change->is_covered = true;
    }
    return WR_OK;
}
