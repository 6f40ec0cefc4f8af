/* file_sim.c - a disk in memory that can lose power. See file.h.
 *
 * A file has two contents: what programs see and what has reached the disk; wr_file_sync copies the
 * first to the second. A name likewise: it points to one file for programs and, after a power loss,
 * to the one it had at the last wr_fs_sync_dir of its folder. Folders themselves are durable at
 * once. After a power loss unsynced bytes are gone; with a seed other than 0 each unsynced 512-byte
 * sector survives or not by chance, and so does the growth of a file, as on a real disk. Invariant:
 * a file lives as long as a name (of either kind) or an open handle points to it. */
#include "base/mem.h"
#include "sys/file_def.h"
#include "sys/thread.h"
#include <errno.h>
#include <stdlib.h>

enum { SECTOR = 512 };

typedef struct node {
    int references;
    bool is_dir;
    uint64_t number;
    int64_t changes; /* stands for the time of modification */
    wr_buf now, durable;
} node;

typedef struct entry {
    char *path;
    node *now, *durable; /* NULL: no such name */
} entry;

typedef struct sim_fs {
    wr_fs base;
    wr_mutex lock;
    uint64_t random;
    uint64_t nodes_made;
    entry *entries; /* guarded by lock, like the nodes */
    size_t count, cap;
} sim_fs;

typedef struct sim_file {
    wr_file base;
    sim_fs *fs;
    node *node;
} sim_file;

static uint64_t next_random(sim_fs *fs)
{
    fs->random ^= fs->random << 13;
    fs->random ^= fs->random >> 7;
    return fs->random ^= fs->random << 17;
}

/* ---- nodes and names; the lock is held */

static node *new_node(sim_fs *fs, bool is_dir)
{
    node *n = wr_heap_new(sizeof *n);
    n->is_dir = is_dir;
    n->number = ++fs->nodes_made;
    return n;
}

static node *keep(node *n)
{
    if (n) n->references++;
    return n;
}

static void release(node *n)
{
    if (!n || --n->references > 0) return;
    wr_buf_clear(&n->now);
    wr_buf_clear(&n->durable);
    wr_heap_drop(n);
}

static void point(node **name, node *to)
{
    keep(to);
    release(*name);
    *name = to;
}

/* "./a//b/" and "a/b" are the same name. Writes into out, which has room for the path. */
static void tidy(const char *path, char *out)
{
    char *at = out;
    while (*path) {
        bool is_dot = path[0] == '.' && (path[1] == '/' || path[1] == '\0');
        bool at_start = at == out || at[-1] == '/';
        if (at_start && is_dot)
            path += path[1] ? 2 : 1;
        else if (*path == '/' && at > out && at[-1] == '/')
            path++;
        else
            *at++ = *path++;
    }
    if (at > out + 1 && at[-1] == '/') at--;
    *at = '\0';
}

static bool is_root(const char *path) { return !*path || strcmp(path, "/") == 0; }

/* The entry of a path; made if wanted, else NULL. Valid until the next one is made. */
static entry *entry_of(sim_fs *fs, const char *path, bool make)
{
    char *name = wr_heap_raw(strlen(path) + 1);
    tidy(path, name);
    for (size_t i = 0; i < fs->count; i++) {
        if (strcmp(fs->entries[i].path, name) != 0) continue;
        wr_heap_drop(name);
        return &fs->entries[i];
    }
    if (!make) {
        wr_heap_drop(name);
        return NULL;
    }
    if (fs->count == fs->cap) {
        size_t cap = fs->cap ? fs->cap * 2 : 16;
        fs->entries = wr_heap_grow(fs->entries, fs->cap * sizeof(entry), cap * sizeof(entry));
        fs->cap = cap;
    }
    fs->entries[fs->count] = (entry){.path = name};
    return &fs->entries[fs->count++];
}

static bool is_existing_dir(sim_fs *fs, wr_str path)
{
    char *text = wr_heap_copy(path.data, path.length), *name = wr_heap_raw(path.length + 1);
    tidy(text, name);
    const entry *e = entry_of(fs, text, false);
    bool is_dir = is_root(name) || (e && e->now && e->now->is_dir);
    wr_heap_drop(text);
    wr_heap_drop(name);
    return is_dir;
}

static bool has_parent(sim_fs *fs, const char *path)
{
    return is_existing_dir(fs, wr_path_dir(wr_str_of(path)));
}

/* ---- files */

static weir_status sim_read(wr_file *file, uint64_t offset, void *out, size_t size, size_t *got)
{
    sim_file *f = (sim_file *)file;
    wr_mutex_lock(&f->fs->lock);
    const wr_buf *now = &f->node->now;
    *got = offset < now->length ? WR_MIN(size, now->length - offset) : 0;
    if (*got) memcpy(out, now->data + offset, *got);
    wr_mutex_unlock(&f->fs->lock);
    return WR_OK;
}

/* Makes the file at least that long, with zeros. */
static void extend(wr_buf *content, uint64_t length)
{
    if (length <= content->length) return;
    wr_buf_reserve(content, length - content->length);
    memset(content->data + content->length, 0, length - content->length + 1);
    content->length = length;
}

static void put(node *n, uint64_t offset, const void *bytes, size_t size)
{
    extend(&n->now, offset + size);
    if (size) memcpy(n->now.data + offset, bytes, size);
    n->changes++;
}

static weir_status sim_write(wr_file *file, uint64_t offset, const void *bytes, size_t size)
{
    enum { FILE_MAX = 1 << 30 };
    sim_file *f = (sim_file *)file;
    if (offset > FILE_MAX || size > FILE_MAX) return wr_file_failure("write", file->path, EFBIG);
    wr_mutex_lock(&f->fs->lock);
    put(f->node, offset, bytes, size);
    wr_mutex_unlock(&f->fs->lock);
    return WR_OK;
}

static weir_status sim_append(wr_file *file, const void *bytes, size_t size)
{
    sim_file *f = (sim_file *)file;
    wr_mutex_lock(&f->fs->lock);
    put(f->node, f->node->now.length, bytes, size);
    wr_mutex_unlock(&f->fs->lock);
    return WR_OK;
}

static weir_status sim_sync(wr_file *file)
{
    sim_file *f = (sim_file *)file;
    wr_mutex_lock(&f->fs->lock);
    f->node->durable.length = 0;
    wr_buf_add_str(&f->node->durable, wr_buf_str(&f->node->now));
    wr_mutex_unlock(&f->fs->lock);
    return WR_OK;
}

static weir_status sim_truncate(wr_file *file, uint64_t size)
{
    sim_file *f = (sim_file *)file;
    wr_mutex_lock(&f->fs->lock);
    extend(&f->node->now, size);
    f->node->now.length = size;
    f->node->changes++;
    wr_mutex_unlock(&f->fs->lock);
    return WR_OK;
}

static wr_file_stat stat_of(const node *n)
{
    return (wr_file_stat){.size = n->now.length,
                          .mtime_ns = n->changes,
                          .inode = n->number,
                          .device = 1,
                          .is_dir = n->is_dir,
                          .is_regular = !n->is_dir};
}

static weir_status sim_file_stat(wr_file *file, wr_file_stat *out)
{
    sim_file *f = (sim_file *)file;
    wr_mutex_lock(&f->fs->lock);
    *out = stat_of(f->node);
    wr_mutex_unlock(&f->fs->lock);
    return WR_OK;
}

static bool sim_is_seekable(const wr_file *file)
{
    (void)file;
    return true;
}

static void sim_close(wr_file *file)
{
    sim_file *f = (sim_file *)file;
    wr_mutex_lock(&f->fs->lock);
    release(f->node);
    wr_mutex_unlock(&f->fs->lock);
    wr_heap_drop(f);
}

static const wr_file_def sim_file_def = {.read = sim_read,
                                         .write = sim_write,
                                         .append = sim_append,
                                         .sync = sim_sync,
                                         .truncate = sim_truncate,
                                         .stat = sim_file_stat,
                                         .is_seekable = sim_is_seekable,
                                         .close = sim_close};

/* ---- the file system. Each operation returns an errno under the lock; the callers name the
 * failure. */

static int open_node(sim_fs *fs, const char *path, wr_file_mode mode, node **out)
{
    if (mode == WR_FILE_TEMP) {
        *out = new_node(fs, false);
        return is_existing_dir(fs, wr_str_of(path)) ? 0 : ENOENT;
    }
    entry *e = entry_of(fs, path, mode != WR_FILE_READ);
    bool exists = e && e->now;
    if (is_existing_dir(fs, wr_str_of(path))) return EISDIR;
    if (exists && mode == WR_FILE_CREATE) return EEXIST;
    if (!exists && (mode == WR_FILE_READ || !has_parent(fs, path))) return ENOENT;
    if (!exists) point(&e->now, new_node(fs, false));
    if (exists && mode == WR_FILE_REPLACE) e->now->now.length = 0;
    *out = e->now;
    return 0;
}

static weir_status sim_open(wr_fs *base, const char *path, wr_file_mode mode, wr_file **out)
{
    sim_fs *fs = (sim_fs *)base;
    node *n = NULL;
    wr_mutex_lock(&fs->lock);
    int error = open_node(fs, path, mode, &n);
    keep(n);
    if (error) release(n);
    wr_mutex_unlock(&fs->lock);
    if (error) return wr_file_failure(mode == WR_FILE_READ ? "open" : "create", path, error);
    sim_file *f = wr_heap_new(sizeof *f);
    *f = (sim_file){{&sim_file_def, NULL}, fs, n};
    *out = &f->base;
    return WR_OK;
}

static weir_status sim_stat(wr_fs *base, const char *path, wr_file_stat *out)
{
    sim_fs *fs = (sim_fs *)base;
    wr_mutex_lock(&fs->lock);
    const entry *e = entry_of(fs, path, false);
    bool exists = e && e->now, is_top = !exists && is_existing_dir(fs, wr_str_of(path));
    if (exists) *out = stat_of(e->now);
    if (is_top) *out = (wr_file_stat){.device = 1, .is_dir = true};
    wr_mutex_unlock(&fs->lock);
    return exists || is_top ? WR_OK : wr_file_failure("examine", path, ENOENT);
}

static weir_status sim_rename(wr_fs *base, const char *from, const char *to)
{
    sim_fs *fs = (sim_fs *)base;
    int error = 0;
    wr_mutex_lock(&fs->lock);
    entry *target = entry_of(fs, to, true), *source = entry_of(fs, from, false);
    if (!source || !source->now || !has_parent(fs, to))
        error = ENOENT;
    else if (source->now->is_dir || (target->now && target->now->is_dir))
        error = EISDIR; /* folders stay where they were made */
    else if (source != target) {
        point(&target->now, source->now);
        point(&source->now, NULL);
    }
    wr_mutex_unlock(&fs->lock);
    return error ? wr_file_failure("rename", from, error) : WR_OK;
}

static bool is_inside(const char *path, const char *dir)
{
    size_t length = strlen(dir);
    if (is_root(dir))
        return strchr(path + (*dir == '/'), '/') == NULL && (*path == '/') == (*dir == '/');
    return strncmp(path, dir, length) == 0 && path[length] == '/' &&
           !strchr(path + length + 1, '/');
}

static bool is_empty(const sim_fs *fs, const char *dir)
{
    for (size_t i = 0; i < fs->count; i++)
        if (fs->entries[i].now && is_inside(fs->entries[i].path, dir)) return false;
    return true;
}

static weir_status sim_remove(wr_fs *base, const char *path)
{
    sim_fs *fs = (sim_fs *)base;
    int error = 0;
    wr_mutex_lock(&fs->lock);
    entry *e = entry_of(fs, path, false);
    if (!e || !e->now)
        error = ENOENT;
    else if (e->now->is_dir && !is_empty(fs, e->path))
        error = ENOTEMPTY;
    else {
        if (e->now->is_dir) point(&e->durable, NULL);
        point(&e->now, NULL);
    }
    wr_mutex_unlock(&fs->lock);
    return error ? wr_file_failure("remove", path, error) : WR_OK;
}

static weir_status sim_make_dir(wr_fs *base, const char *path)
{
    sim_fs *fs = (sim_fs *)base;
    int error = 0;
    wr_mutex_lock(&fs->lock);
    if (!is_existing_dir(fs, wr_str_of(path))) {
        entry *e = entry_of(fs, path, true);
        error = e->now ? EEXIST : has_parent(fs, path) ? 0 : ENOENT;
        if (!error) {
            point(&e->now, new_node(fs, true));
            point(&e->durable, e->now);
        }
    }
    wr_mutex_unlock(&fs->lock);
    return error ? wr_file_failure("create directory", path, error) : WR_OK;
}

static weir_status sim_sync_dir(wr_fs *base, const char *path)
{
    sim_fs *fs = (sim_fs *)base;
    char *dir = wr_heap_raw(strlen(path) + 1);
    tidy(path, dir);
    wr_mutex_lock(&fs->lock);
    bool exists = is_existing_dir(fs, wr_str_of(path));
    for (size_t i = 0; exists && i < fs->count; i++)
        if (is_inside(fs->entries[i].path, dir)) point(&fs->entries[i].durable, fs->entries[i].now);
    wr_mutex_unlock(&fs->lock);
    wr_heap_drop(dir);
    return exists ? WR_OK : wr_file_failure("sync", path, ENOENT);
}

static weir_status sim_list(wr_fs *base, const char *path, wr_arena *arena, wr_path_list *out)
{
    sim_fs *fs = (sim_fs *)base;
    WR_LIST(wr_str) names = {0};
    char *dir = wr_heap_raw(strlen(path) + 1);
    tidy(path, dir);
    wr_mutex_lock(&fs->lock);
    bool exists = is_existing_dir(fs, wr_str_of(path));
    for (size_t i = 0; exists && i < fs->count; i++) {
        if (!fs->entries[i].now || !is_inside(fs->entries[i].path, dir)) continue;
        wr_str name = wr_arena_str(arena, wr_path_base(wr_str_of(fs->entries[i].path)));
        wr_push(arena, &names, name);
    }
    wr_mutex_unlock(&fs->lock);
    wr_heap_drop(dir);
    *out = (wr_path_list){names.items, names.count};
    return exists ? WR_OK : wr_file_failure("list", path, ENOENT);
}

static void sim_drop(wr_fs *base)
{
    sim_fs *fs = (sim_fs *)base;
    for (size_t i = 0; i < fs->count; i++) {
        point(&fs->entries[i].now, NULL);
        point(&fs->entries[i].durable, NULL);
        wr_heap_drop(fs->entries[i].path);
    }
    wr_heap_drop(fs->entries);
    wr_mutex_clear(&fs->lock);
    wr_heap_drop(fs);
}

wr_fs *wr_fs_sim_new(uint64_t seed)
{
    static const wr_fs_def def = {.open = sim_open,
                                  .stat = sim_stat,
                                  .rename = sim_rename,
                                  .remove = sim_remove,
                                  .make_dir = sim_make_dir,
                                  .sync_dir = sim_sync_dir,
                                  .list = sim_list,
                                  .drop = sim_drop};
    sim_fs *fs = wr_heap_new(sizeof *fs);
    fs->base.def = &def;
    fs->random = seed;
    wr_mutex_init(&fs->lock);
    return &fs->base;
}

/* ---- power loss */

/* Turns the content into what is on the disk: what was synced, plus, by chance, sectors written
 * since. */
static void lose_unsynced(sim_fs *fs, node *n)
{
    wr_buf *disk = &n->durable, *seen = &n->now;
    for (size_t at = 0; fs->random && at < seen->length; at += SECTOR) {
        if (next_random(fs) & 1) continue;
        size_t end = WR_MIN(at + SECTOR, seen->length);
        extend(disk, end);
        memcpy(disk->data + at, seen->data + at, end - at);
    }
    seen->length = 0;
    wr_buf_add_str(seen, wr_buf_str(disk));
    n->changes++;
}

void wr_fs_sim_power_loss(wr_fs *sim)
{
    sim_fs *fs = (sim_fs *)sim;
    wr_mutex_lock(&fs->lock);
    for (size_t i = 0; i < fs->count; i++)
        point(&fs->entries[i].now, fs->entries[i].durable);
    for (size_t i = 0; i < fs->count; i++) {
        node *n = fs->entries[i].now;
        bool seen_before = false; /* under another name */
        for (size_t k = 0; k < i; k++)
            seen_before |= fs->entries[k].now == n;
        if (n && !n->is_dir && !seen_before) lose_unsynced(fs, n);
    }
    wr_mutex_unlock(&fs->lock);
}
