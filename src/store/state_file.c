/* state_file.c - the only file that opens LMDB. See state_file.h.
 *
 * LMDB reads through a map of the file and writes with pwrite; the map is address space, not
 * memory, and begins small (MAP_FIRST). It is made larger ahead of a commit by what that commit can
 * need at most, so MDB_MAP_FULL is rare; then the commit is told and begins again, for its changes
 * are still in memory. A reader whose writer has grown the file takes over its size.
 *
 * A snapshot is kept between reads and given up before each change, else pages could not be reused.
 * It is not bound to a thread (MDB_NOTLS).
 *
 * What is read of the map counts as memory of this process until it is given back: a page that is
 * touched brings its neighbours along. So somebody who has a budget (map_bytes) gives all of it
 * back when it is exceeded; the system still has the pages.
 *
 * Traps of LMDB that are handled here: opening a file twice in one process ends the locks of the
 * first opening (hence the list of open states, with the process, because children of a fork
 * inherit it); a failed write of its head leaves it unusable (reset); readers that were killed hold
 * their snapshot until somebody looks (mdb_reader_check); the number of the last commit is in the
 * table of readers, where a writer that is killed may leave the one before while a reader lives
 * (open_pairs); a short write is reported as EIO though
 * the disk is full. */
#include "store/state_file.h"
#include "base/failpoint.h"
#include "sys/thread.h"
#define XXH_INLINE_ALL
#include <xxhash.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_RIGHTS = 0600 };
static const uint64_t MAP_FIRST = UINT64_C(16) << 20;

/* ---- what this process has open ---- */

typedef struct open_state {
    uint64_t inode, device;
    pid_t process;
    struct open_state *next;
} open_state;

static wr_mutex open_lock = WR_MUTEX_INIT;
static open_state *open_states; /* guarded by open_lock */

static weir_status enter(wr_state_file *file)
{
    wr_file_stat stat;
    if (!wr_fs_exists(wr_fs_real(), wr_str_of(file->path))) return WR_OK; /* about to be made */
    WR_TRY(wr_fs_stat(wr_fs_real(), wr_str_of(file->path), &stat));
    open_state *mine = wr_heap_new(sizeof *mine);
    *mine = (open_state){stat.inode, stat.device, getpid(), NULL};
    bool is_open = false;
    wr_mutex_lock(&open_lock);
    for (open_state *s = open_states; s && !is_open; s = s->next)
        is_open =
            s->inode == mine->inode && s->device == mine->device && s->process == mine->process;
    if (!is_open) {
        mine->next = open_states;
        open_states = mine;
    }
    wr_mutex_unlock(&open_lock);
    if (!is_open) {
        file->opening = mine;
        return WR_OK;
    }
    wr_heap_drop(mine);
    return wr_fail(WR_E_BUSY, "\"%s\" is in use by this process already", file->path);
}

static void leave(wr_state_file *file)
{
    if (!file->opening) return;
    wr_mutex_lock(&open_lock);
    open_state **at = &open_states;
    while (*at != file->opening)
        at = &(*at)->next;
    *at = file->opening->next;
    wr_mutex_unlock(&open_lock);
    wr_heap_drop(WR_TAKE(file->opening));
}

/* ---- errors ---- */

static weir_status damaged(const wr_state_file *file, const char *what)
{
    return wr_fail(WR_E_CORRUPT, "\"%s\" is damaged: %s", file->path, what);
}

weir_status wr_state_file_failure(const wr_state_file *file, const char *doing, int code)
{
    switch (code) {
    case MDB_VERSION_MISMATCH:
        return wr_fail(WR_E_STATE_VERSION, "\"%s\" was written by another version of LMDB",
                       file->path);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_CURSOR_FULL:
    case MDB_PAGE_FULL:
    case MDB_INCOMPATIBLE:
        return damaged(file, mdb_strerror(code));
    case MDB_READERS_FULL:
        return wr_fail(WR_E_BUSY, "\"%s\" is read by too many processes", file->path);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return wr_with_hint(
            wr_fail(WR_E_DISK_FULL, "cannot %s \"%s\": %s", doing, file->path, strerror(code)),
            "make room on the disk; nothing that was committed is lost");
    case ENOMEM:
        return wr_fail(WR_E_MEMORY_LIMIT, "cannot %s \"%s\": there is no memory or address space",
                       doing, file->path);
    default:
        return wr_fail(WR_E_IO, "cannot %s \"%s\": %s", doing, file->path, mdb_strerror(code));
    }
}

/* ---- opening ---- */

static uint64_t map_size_for(uint64_t bytes)
{
    uint64_t size = MAP_FIRST;
    while (size < bytes)
        size *= 2;
    return size;
}

/* A writer begins with a transaction that changes nothing: taking the lock of a writer that was
 * killed is when LMDB notices its last commit. */
static int open_pairs(wr_state_file *file)
{
    MDB_txn *txn;
    int code = mdb_txn_begin(file->env, NULL, file->read_only ? MDB_RDONLY : 0, &txn);
    if (code) return code;
    code = mdb_dbi_open(txn, NULL, 0, &file->pairs);
    mdb_txn_abort(txn);
    return code;
}

static weir_status open_env(wr_state_file *file)
{
    wr_file_stat stat;
    int readers = 0;
    weir_status bad = wr_fs_stat(wr_fs_real(), wr_str_of(file->path), &stat);
    bool is_there = !bad;
    wr_status_drop(bad);
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS | (file->read_only ? MDB_RDONLY : 0) |
                     (file->survives_losing_power ? 0 : MDB_NOSYNC);
    file->map = (wr_map){NULL, 0};
    file->resident = wr_map_resident();
    int code = mdb_env_create(&file->env);
    if (code) return wr_state_file_failure(file, "open", code);
    code = mdb_env_set_mapsize(file->env, map_size_for(is_there ? stat.size * 2 : 0));
    if (!code) code = mdb_env_open(file->env, file->path, flags, FILE_RIGHTS);
    if (!code) code = open_pairs(file);
    if (!code) code = mdb_reader_check(file->env, &readers);
    if (!code) return WR_OK;
    mdb_env_close(WR_TAKE(file->env));
    return wr_state_file_failure(file, "open", code);
}

weir_status wr_state_file_open(wr_state_file *file)
{
    WR_TRY(enter(file));
    weir_status bad = open_env(file);
    if (bad) leave(file);
    return bad;
}

void wr_state_file_reset(wr_state_file *file)
{
    if (file->reader) mdb_txn_abort(WR_TAKE(file->reader));
    file->is_reading = false;
    if (file->env) mdb_env_close(WR_TAKE(file->env));
}

void wr_state_file_close(wr_state_file *file)
{
    wr_state_file_reset(file);
    leave(file);
    wr_heap_drop(WR_TAKE(file->path));
}

/* ---- transactions ---- */

weir_status wr_state_file_read(wr_state_file *file)
{
    if (wr_likely(file->is_reading)) return WR_OK;
    if (!file->env) WR_TRY(open_env(file));
    int code = MDB_MAP_RESIZED;
    for (int attempt = 0; attempt < 10 && code == MDB_MAP_RESIZED; attempt++) {
        if (attempt) mdb_env_set_mapsize(file->env, 0); /* as its writer has it by now */
        code = file->reader ? mdb_txn_renew(file->reader)
                            : mdb_txn_begin(file->env, NULL, MDB_RDONLY, &file->reader);
    }
    if (code) return wr_state_file_failure(file, "read", code);
    file->is_reading = true;
    return WR_OK;
}

void wr_state_file_forget(wr_state_file *file)
{
    if (file->is_reading) mdb_txn_reset(file->reader);
    file->is_reading = false;
}

static void usage_of(const wr_state_file *file, uint64_t *used, uint64_t *map)
{
    MDB_envinfo about;
    MDB_stat stat;
    mdb_env_info(file->env, &about);
    mdb_env_stat(file->env, &stat);
    *used = ((uint64_t)about.me_last_pgno + 1) * stat.ms_psize;
    *map = about.me_mapsize;
}

uint64_t wr_state_file_bytes(const wr_state_file *file)
{
    uint64_t used = 0, map;
    if (file->env) usage_of(file, &used, &map);
    return used;
}

void wr_state_file_trim(wr_state_file *file)
{
    file->reads = 0;
    if (!file->env || wr_map_resident() <= file->resident + file->map_bytes) return;
    if (!file->map.start) {
        struct stat about;
        int descriptor;
        if (mdb_env_get_fd(file->env, &descriptor) || fstat(descriptor, &about)) return;
        file->map = wr_map_of(about.st_dev, about.st_ino);
    }
    wr_map_forget(file->map);
}

weir_status wr_state_file_grow(wr_state_file *file, uint64_t bytes)
{
    uint64_t used, map;
    int readers = 0;
    WR_FAILPOINT(state_grow);
    wr_state_file_forget(file);
    file->map = (wr_map){NULL, 0};
    usage_of(file, &used, &map);
    mdb_reader_check(file->env, &readers); /* the dead ones may be why it grows */
    int code = mdb_env_set_mapsize(file->env, map_size_for(WR_MAX(map * 2, used + bytes)));
    if (!code) return WR_OK;
    wr_state_file_reset(file); /* it has no map now */
    return wr_state_file_failure(file, "enlarge the map of", code);
}

weir_status wr_state_file_begin(wr_state_file *file, uint64_t bytes, MDB_txn **out)
{
    uint64_t used, map;
    wr_state_file_forget(file);
    if (!file->env) WR_TRY(open_env(file));
    usage_of(file, &used, &map);
    if (used + bytes > map) WR_TRY(wr_state_file_grow(file, bytes));
    int code = mdb_txn_begin(file->env, NULL, 0, out);
    return code ? wr_state_file_failure(file, "write", code) : WR_OK;
}

/* ---- checksums ---- */

uint64_t wr_state_checksum(wr_str key, wr_str value)
{
    return XXH3_64bits_withSeed(value.data, value.length, XXH3_64bits(key.data, key.length));
}

weir_status wr_state_unwrap(const wr_state_file *file, wr_str key, wr_str stored, wr_str *value)
{
    uint64_t checksum;
    if (wr_likely(stored.length >= WR_STATE_CHECKSUM)) {
        memcpy(&checksum, stored.data, sizeof checksum);
        *value = (wr_str){stored.data + WR_STATE_CHECKSUM, stored.length - WR_STATE_CHECKSUM};
        if (wr_likely(checksum == wr_state_checksum(key, *value))) return WR_OK;
    }
    WR_BUF(name);
    for (size_t i = 0; i < key.length; i++)
        wr_buf_printf(&name, "%02x", (unsigned char)key.data[i]);
    return wr_with_hint(damaged(file, "the checksum of a value is wrong"), "its key is x'%s'",
                        name.data ? name.data : "");
}
