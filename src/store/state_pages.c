/* state_pages.c - the file format of LMDB 0.9, read with suspicion. See state_pages.h.
 *
 * A file is pages of one size. Pages 0 and 1 are heads, written in turn: the one with the higher
 * transaction number counts. A head has the roots of two trees, of free pages and of pairs.
 *
 *   page: number u64, pad u16, flags u16, lower u16, upper u16 (overflow: count u32), offsets u16..
 *   node: low u16, high u16, flags u16, key size u16, key, value
 *         a leaf's low and high are the size of the value (or of what lies in overflow pages, whose
 *         number is the value then); a branch's low, high, flags are the number of the child
 *
 * Each page in use is marked in a bitmap and each free one too: a page that is reached twice, or is
 * free and in use, would be written over some day. Pages that are neither are only lost space.
 *
 * Pages are read one by one with the file layer, not through LMDB's map, where a wrong length would
 * mean reading beyond it. Depth is limited, so damaged files cannot make the walk go in circles;
 * the bitmap ends them at the first page seen twice anyway. */
#include "store/state_pages.h"
#include "base/arena.h"

enum {
    HEAD_MAGIC = (int)0xBEEFC0DE,
    HEAD_VERSION = 1,
    HEAD_SIZE = 152, /* with the page's own */
    PAGE_HEAD = 16,
    NODE_HEAD = 8,
    FLAG_BRANCH = 1,
    FLAG_LEAF = 2,
    FLAG_OVERFLOW = 4,
    FLAG_HEAD = 8,
    FREE_TREE = 0x4008, /* keys are numbers; the file has no folder of its own */
    NODE_OVERFLOW = 1,
    DEPTH_MAX = 32,
    KEY_MAX = 511,
    PAGE_BYTES_MIN = 512,
    PAGE_BYTES_MAX = 65536
};
static const uint64_t no_root = UINT64_MAX;
static const uint64_t map_max = UINT64_C(1) << 46;
static const uint64_t unwritten_max = UINT64_C(1) << 22; /* free pages behind the end of the file */

typedef struct tree {
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries, root;
} tree;

typedef struct head {
    uint32_t magic, version, page_bytes;
    uint64_t map_bytes, last_page, txn_id;
    tree free, pairs;
} head;

typedef struct walk {
    wr_file *file;
    uint64_t *seen; /* bit per page: used or free */
    uint64_t last_page, file_pages, txn_id;
    uint32_t page_bytes;
    const tree *tree;
    tree found;    /* what was counted */
    bool is_pairs; /* not the tree of free pages */
    wr_state_pair_fn *each;
    void *arg;
    wr_arena arena;
    uint8_t *pages[DEPTH_MAX]; /* one per level */
    uint8_t last_key[KEY_MAX];
    size_t last_key_size;
    wr_buf value;
} walk;

static uint16_t u16_at(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}
static uint32_t u32_at(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}
static uint64_t u64_at(const uint8_t *at)
{
    uint64_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

static weir_status damaged(const wr_file *file, uint64_t page, const char *what)
{
    return wr_fail(WR_E_CORRUPT, "\"%.*s\" is damaged: page %llu: %s",
                   WR_STR_ARGS(wr_file_path(file)), (unsigned long long)page, what);
}

/* ---- heads ---- */

static tree tree_at(const uint8_t *at)
{
    return (tree){.flags = u16_at(at + 4),
                  .depth = u16_at(at + 6),
                  .branches = u64_at(at + 8),
                  .leaves = u64_at(at + 16),
                  .overflows = u64_at(at + 24),
                  .entries = u64_at(at + 32),
                  .root = u64_at(at + 40)};
}

static weir_status read_head(wr_file *file, uint64_t number, uint64_t offset, head *out)
{
    uint8_t bytes[HEAD_SIZE];
    WR_TRY(wr_file_read_exact(file, offset, bytes, sizeof bytes));
    const uint8_t *at = bytes + PAGE_HEAD;
    *out = (head){.magic = u32_at(at),
                  .version = u32_at(at + 4),
                  .map_bytes = u64_at(at + 16),
                  .page_bytes = u32_at(at + 24),
                  .free = tree_at(at + 24),
                  .pairs = tree_at(at + 72),
                  .last_page = u64_at(at + 120),
                  .txn_id = u64_at(at + 128)};
    if (out->magic != (uint32_t)HEAD_MAGIC)
        return damaged(file, number, "it is no head of a state");
    if (out->version != HEAD_VERSION)
        return wr_fail(WR_E_STATE_VERSION, "\"%.*s\" was written by another version of LMDB (%u)",
                       WR_STR_ARGS(wr_file_path(file)), (unsigned)out->version);
    uint32_t size = out->page_bytes;
    if (size < PAGE_BYTES_MIN || size > PAGE_BYTES_MAX || (size & (size - 1)))
        return damaged(file, number, "its size of pages is wrong");
    if (out->free.flags != FREE_TREE || out->pairs.flags != 0)
        return damaged(file, number, "its trees are of another kind");
    if (u64_at(bytes) != number || u16_at(bytes + 10) != FLAG_HEAD)
        return damaged(file, number, "it is not marked as a head");
    if (out->map_bytes > map_max || out->last_page < 1 || out->last_page > map_max / size)
        return damaged(file, number, "its number of pages is wrong");
    return WR_OK;
}

/* Both heads; *newer is the number of the one that counts. */
static weir_status read_heads(wr_file *file, head heads[2], int *newer)
{
    wr_file_stat stat;
    WR_TRY(wr_file_stat_of(file, &stat));
    if (stat.size < 2 * PAGE_BYTES_MIN) return damaged(file, 0, "the file is too short");
    WR_TRY(read_head(file, 0, 0, &heads[0]));
    if (stat.size < 2 * (uint64_t)heads[0].page_bytes)
        return damaged(file, 1, "the file is too short");
    WR_TRY(read_head(file, 1, heads[0].page_bytes, &heads[1]));
    if (heads[0].page_bytes != heads[1].page_bytes)
        return damaged(file, 1, "its size of pages is not that of page 0");
    *newer = heads[1].txn_id > heads[0].txn_id;
    return WR_OK;
}

weir_status wr_state_heads_check(wr_str path, bool *is_cut)
{
    WR_AUTO(wr_file) *file = NULL;
    head heads[2];
    int newer;
    wr_file_stat stat;
    WR_TRY(wr_file_open(wr_fs_real(), path, WR_FILE_READ, &file));
    WR_TRY(read_heads(file, heads, &newer));
    WR_TRY(wr_file_stat_of(file, &stat));
    *is_cut = stat.size / heads[newer].page_bytes <= heads[newer].last_page;
    return WR_OK;
}

/* ---- pages ---- */

static weir_status mark(walk *w, uint64_t page, bool is_used)
{
    if (page < 2 || page > w->last_page || (is_used && page >= w->file_pages))
        return damaged(w->file, page, "there is no such page");
    if (w->seen[page >> 6] >> (page & 63) & 1)
        return damaged(w->file, page, "it is used twice, or used and free");
    w->seen[page >> 6] |= UINT64_C(1) << (page & 63);
    return WR_OK;
}

static weir_status read_page(walk *w, uint64_t page, int level)
{
    if (level >= DEPTH_MAX) return damaged(w->file, page, "the tree is too deep");
    WR_TRY(mark(w, page, true));
    if (!w->pages[level]) w->pages[level] = wr_arena_alloc(&w->arena, w->page_bytes);
    uint8_t *bytes = w->pages[level];
    WR_TRY(wr_file_read_exact(w->file, page * w->page_bytes, bytes, w->page_bytes));
    if (u64_at(bytes) != page) return damaged(w->file, page, "it has another number");
    bool is_leaf = level + 1 == w->tree->depth;
    if (u16_at(bytes + 10) != (is_leaf ? FLAG_LEAF : FLAG_BRANCH))
        return damaged(w->file, page, "it is of another kind");
    uint32_t lower = u16_at(bytes + 12), upper = u16_at(bytes + 14);
    if (lower < PAGE_HEAD || lower % 2 || lower > upper || upper > w->page_bytes)
        return damaged(w->file, page, "its bounds are wrong");
    uint32_t least = is_leaf || !w->is_pairs ? 1 : 2;
    if ((lower - PAGE_HEAD) / 2 < least) return damaged(w->file, page, "it is empty");
    if (is_leaf)
        w->found.leaves++;
    else
        w->found.branches++;
    return WR_OK;
}

/* The bytes of node i and how many follow on the page; CORRUPT unless head and key are within. */
static weir_status node_at(walk *w, const uint8_t *bytes, uint32_t i, const uint8_t **node,
                           size_t *room)
{
    uint32_t at = u16_at(bytes + PAGE_HEAD + 2 * i);
    *node = bytes + at;
    if (at < u16_at(bytes + 14) || at % 2 || at + NODE_HEAD > w->page_bytes)
        return damaged(w->file, u64_at(bytes), "a node lies outside");
    size_t key_size = u16_at(*node + 6);
    *room = w->page_bytes - at - NODE_HEAD;
    if (key_size > *room || key_size > KEY_MAX)
        return damaged(w->file, u64_at(bytes), "a key lies outside");
    *room -= key_size;
    return WR_OK;
}

/* Keys of the whole tree come in order; those of free pages are numbers of this machine. */
static bool is_above(const walk *w, wr_str key, wr_str than)
{
    if (w->is_pairs) return wr_str_cmp(key, than) > 0;
    return u64_at((const uint8_t *)key.data) > u64_at((const uint8_t *)than.data);
}

static weir_status read_overflow(walk *w, uint64_t page, size_t size, uint64_t owner, wr_str *out)
{
    uint8_t start[PAGE_HEAD];
    uint64_t count = (PAGE_HEAD + (uint64_t)size + w->page_bytes - 1) / w->page_bytes;
    if (page > w->last_page || count > w->last_page)
        return damaged(w->file, owner, "a long value lies outside");
    for (uint64_t i = 0; i < count; i++)
        WR_TRY(mark(w, page + i, true));
    WR_TRY(wr_file_read_exact(w->file, page * w->page_bytes, start, sizeof start));
    if (u64_at(start) != page || u16_at(start + 10) != FLAG_OVERFLOW || u32_at(start + 12) != count)
        return damaged(w->file, page, "it does not begin a long value");
    w->found.overflows += count;
    w->value.length = 0;
    wr_buf_reserve(&w->value, size + 1);
    WR_TRY(wr_file_read_exact(w->file, page * w->page_bytes + PAGE_HEAD, w->value.data, size));
    *out = (wr_str){w->value.data, size};
    return WR_OK;
}

/* What one commit made free: count, then numbers in descending order. */
static weir_status free_list(walk *w, wr_str key, wr_str value, uint64_t page)
{
    if (u64_at((const uint8_t *)key.data) > w->txn_id)
        return damaged(w->file, page, "pages are free since a commit that was not");
    const uint8_t *numbers = (const uint8_t *)value.data;
    if (value.length < 8 || u64_at(numbers) > value.length / 8 - 1)
        return damaged(w->file, page, "a list of free pages is cut off");
    uint64_t count = u64_at(numbers), before = UINT64_MAX;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number = u64_at(numbers + 8 * i);
        if (number >= before) return damaged(w->file, page, "free pages are not in order");
        WR_TRY(mark(w, number, false));
        before = number;
    }
    return WR_OK;
}

static weir_status visit_leaf(walk *w, const uint8_t *bytes, wr_str not_below, wr_str below)
{
    uint64_t page = u64_at(bytes);
    uint32_t count = (u16_at(bytes + 12) - PAGE_HEAD) / 2u;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *node;
        size_t room;
        WR_TRY(node_at(w, bytes, i, &node, &room));
        wr_str key = {(const char *)node + NODE_HEAD, u16_at(node + 6)};
        if (w->is_pairs ? key.length == 0 : key.length != 8)
            return damaged(w->file, page, "a key has a wrong length");
        wr_str last = {(const char *)w->last_key, w->last_key_size};
        if ((last.length && !is_above(w, key, last)) ||
            (not_below.length && is_above(w, not_below, key)) ||
            (below.length && !is_above(w, below, key)))
            return damaged(w->file, page, "keys are not in order");
        memcpy(w->last_key, key.data, key.length);
        w->last_key_size = key.length;
        size_t size = u16_at(node) | (size_t)u16_at(node + 2) << 16;
        uint16_t flags = u16_at(node + 4);
        wr_str value = {key.data + key.length, size};
        if (flags & ~NODE_OVERFLOW) return damaged(w->file, page, "a value is of another kind");
        if ((flags ? 8 : size) > room) return damaged(w->file, page, "a value lies outside");
        if (flags)
            WR_TRY(read_overflow(w, u64_at((const uint8_t *)value.data), size, page, &value));
        WR_TRY(w->is_pairs ? w->each(w->arg, key, value, page) : free_list(w, key, value, page));
        w->found.entries++;
    }
    return WR_OK;
}

/* Keys below: not_below <= key < below, either may be empty for none. */
static weir_status visit(walk *w, uint64_t page, int level, wr_str not_below, wr_str below)
{
    WR_TRY(read_page(w, page, level));
    const uint8_t *bytes = w->pages[level];
    if (level + 1 == w->tree->depth) return visit_leaf(w, bytes, not_below, below);
    uint32_t count = (u16_at(bytes + 12) - PAGE_HEAD) / 2u;
    wr_str from = not_below;
    for (uint32_t i = 0; i < count; i++) {
        const uint8_t *node, *next;
        size_t room;
        WR_TRY(node_at(w, bytes, i, &node, &room));
        wr_str to = below;
        if (i + 1 < count) {
            WR_TRY(node_at(w, bytes, i + 1, &next, &room));
            to = (wr_str){(const char *)next + NODE_HEAD, u16_at(next + 6)};
            bool is_sound = w->is_pairs ? to.length > 0 : to.length == 8;
            if (!is_sound || (from.length && !is_above(w, to, from)) ||
                (below.length && !is_above(w, below, to)))
                return damaged(w->file, page, "keys are not in order");
        }
        uint64_t child =
            u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
        WR_TRY(visit(w, child, level + 1, from, to));
        from = to;
    }
    return WR_OK;
}

static weir_status visit_tree(walk *w, const tree *t, bool is_pairs, uint64_t head_page)
{
    w->tree = t;
    w->is_pairs = is_pairs;
    w->found = (tree){0};
    w->last_key_size = 0;
    if ((t->root == no_root) != (t->depth == 0))
        return damaged(w->file, head_page, "a tree has no root");
    if (t->root != no_root) WR_TRY(visit(w, t->root, 0, (wr_str){"", 0}, (wr_str){"", 0}));
    if (w->found.branches != t->branches || w->found.leaves != t->leaves ||
        w->found.overflows != t->overflows || w->found.entries != t->entries)
        return damaged(w->file, head_page, "its numbers are not those of its tree");
    return WR_OK;
}

weir_status wr_state_pages_walk(wr_str path, uint64_t txn_id, wr_mem *mem, wr_state_pair_fn *each,
                                void *arg, bool *is_over)
{
    WR_AUTO(wr_file) *file = NULL;
    head heads[2];
    int newer;
    wr_file_stat stat;
    WR_TRY(wr_file_open(wr_fs_real(), path, WR_FILE_READ, &file));
    WR_TRY(read_heads(file, heads, &newer));
    WR_TRY(wr_file_stat_of(file, &stat));
    const head *h = &heads[txn_id & 1];
    *is_over = h->txn_id > txn_id;
    if (*is_over) return WR_OK;
    if (h->txn_id != txn_id)
        return damaged(file, txn_id & 1, "the number of its commit is not the expected one");
    walk w = {.file = file, .each = each, .arg = arg, .txn_id = txn_id};
    w.page_bytes = h->page_bytes;
    w.last_page = h->last_page;
    w.file_pages = stat.size / w.page_bytes;
    if (w.last_page > w.file_pages + unwritten_max)
        return damaged(file, txn_id & 1, "its number of pages is wrong");
    size_t bitmap = (w.last_page / 64 + 1) * 8;
    void *seen;
    WR_TRY(wr_mem_zalloc(mem, bitmap, &seen));
    w.seen = seen;
    weir_status bad = visit_tree(&w, &h->pairs, true, txn_id & 1);
    if (!bad) bad = visit_tree(&w, &h->free, false, txn_id & 1);
    wr_mem_free(mem, seen, bitmap);
    wr_arena_clear(&w.arena);
    wr_buf_clear(&w.value);
    return bad;
}
