/* file_real.c - the file system of the machine. See file.h.
 *
 * Reads and writes are positional and repeat after interruptions and short transfers. The end of
 * the file is remembered for appending, so threads may append at once; two processes may not. Pipes
 * and terminals know no positions: they are read and written in order, and so is standard output.
 * "/dev/stdin" and "/dev/stdout" are the descriptors 0 and 1 themselves, because opening these
 * names fails for sockets. */
#include "base/mem.h"
#include "sys/file_def.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

typedef struct disk_file {
    wr_file base;
    int fd;
    bool is_seekable;
    _Atomic uint64_t end; /* where the next append goes */
} disk_file;

enum { TRANSFER_MAX = 1 << 30 }; /* the system moves at most 2 GiB at once */

static const char *path_of(const wr_file *file) { return file->path; }

static weir_status disk_read(wr_file *file, uint64_t offset, void *out, size_t size, size_t *got)
{
    const disk_file *f = (const disk_file *)file;
    size_t done = 0;
    *got = 0;
    if (f->is_seekable && offset > INT64_MAX - size)
        return wr_fail(WR_E_CORRUPT, "\"%s\" has no byte %llu", path_of(file),
                       (unsigned long long)offset);
    while (done < size) {
        size_t piece = WR_MIN(size - done, (size_t)TRANSFER_MAX);
        char *to = (char *)out + done;
        ssize_t n = f->is_seekable ? pread(f->fd, to, piece, (off_t)(offset + done))
                                   : read(f->fd, to, piece);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return wr_file_failure("read", path_of(file), errno);
        if (n == 0) break;
        done += (size_t)n;
    }
    *got = done;
    return WR_OK;
}

static weir_status put(const disk_file *f, uint64_t offset, const void *bytes, size_t size)
{
    size_t done = 0;
    while (done < size) {
        size_t piece = WR_MIN(size - done, (size_t)TRANSFER_MAX);
        const char *from = (const char *)bytes + done;
        ssize_t n = f->is_seekable ? pwrite(f->fd, from, piece, (off_t)(offset + done))
                                   : write(f->fd, from, piece);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return wr_file_failure("write", path_of(&f->base), errno);
        if (n == 0) return wr_file_failure("write", path_of(&f->base), ENOSPC);
        done += (size_t)n;
    }
    return WR_OK;
}

static weir_status disk_write(wr_file *file, uint64_t offset, const void *bytes, size_t size)
{
    disk_file *f = (disk_file *)file;
    WR_TRY(put(f, offset, bytes, size));
    uint64_t end = atomic_load(&f->end);
    while (offset + size > end && !atomic_compare_exchange_weak(&f->end, &end, offset + size))
        ;
    return WR_OK;
}

static weir_status disk_append(wr_file *file, const void *bytes, size_t size)
{
    disk_file *f = (disk_file *)file;
    return put(f, atomic_fetch_add(&f->end, size), bytes, size);
}

static weir_status disk_sync(wr_file *file)
{
    const disk_file *f = (const disk_file *)file;
    if (fdatasync(f->fd) == 0 || !f->is_seekable) return WR_OK;
    return wr_file_failure("sync", path_of(file), errno);
}

static weir_status disk_truncate(wr_file *file, uint64_t size)
{
    disk_file *f = (disk_file *)file;
    if (ftruncate(f->fd, (off_t)size) < 0) return wr_file_failure("truncate", path_of(file), errno);
    atomic_store(&f->end, size);
    return WR_OK;
}

static wr_file_stat converted(const struct stat *st)
{
    return (wr_file_stat){
        .size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .inode = st->st_ino,
        .device = st->st_dev,
        .is_dir = S_ISDIR(st->st_mode),
        .is_regular = S_ISREG(st->st_mode),
    };
}

static weir_status disk_file_stat(wr_file *file, wr_file_stat *out)
{
    struct stat st;
    if (fstat(((disk_file *)file)->fd, &st) < 0)
        return wr_file_failure("examine", path_of(file), errno);
    *out = converted(&st);
    return WR_OK;
}

static bool disk_is_seekable(const wr_file *file) { return ((const disk_file *)file)->is_seekable; }

static void disk_close(wr_file *file)
{
    close(((disk_file *)file)->fd);
    wr_heap_drop(file);
}

static const wr_file_def disk_file_def = {.read = disk_read,
                                          .write = disk_write,
                                          .append = disk_append,
                                          .sync = disk_sync,
                                          .truncate = disk_truncate,
                                          .stat = disk_file_stat,
                                          .is_seekable = disk_is_seekable,
                                          .close = disk_close};

/* A file without a name; where the file system offers none, one whose name is gone at once. */
static int open_nameless(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return fd;
    WR_BUF(name);
    wr_buf_printf(&name, "%s/weir-XXXXXX", dir);
    fd = mkostemp(name.data, O_CLOEXEC);
    if (fd >= 0) unlink(name.data);
    return fd;
}

static int open_named(const char *path, wr_file_mode mode)
{
    switch (mode) {
    case WR_FILE_READ:
        if (strcmp(path, "/dev/stdin") == 0) return fcntl(0, F_DUPFD_CLOEXEC, 3);
        return open(path, O_RDONLY | O_CLOEXEC);
    case WR_FILE_CREATE:
        return open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    case WR_FILE_REPLACE:
    case WR_FILE_APPEND:
        if (strcmp(path, "/dev/stdout") == 0) return fcntl(1, F_DUPFD_CLOEXEC, 3);
        if (mode == WR_FILE_APPEND) break;
        return open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    case WR_FILE_TEMP:
        return open_nameless(path);
    }
    return open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
}

static weir_status disk_open(wr_fs *fs, const char *path, wr_file_mode mode, wr_file **out)
{
    (void)fs;
    const char *verb = mode == WR_FILE_READ ? "open" : "create";
    int fd = open_named(path, mode);
    /* A pipe or device may allow writing only. */
    if (fd < 0 && mode != WR_FILE_READ && mode != WR_FILE_TEMP &&
        (errno == EACCES || errno == ENXIO))
        fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return wr_file_failure(verb, path, errno);
    struct stat st;
    int error = fstat(fd, &st) < 0 ? errno : S_ISDIR(st.st_mode) ? EISDIR : 0;
    if (error) {
        close(fd);
        return wr_file_failure(verb, path, error);
    }
    disk_file *f = wr_heap_new(sizeof *f);
    f->base.def = &disk_file_def;
    f->fd = fd;
    /* Standard output may be a file that others write to before and after: its place is theirs. */
    bool is_shared = mode != WR_FILE_READ && strcmp(path, "/dev/stdout") == 0;
    f->is_seekable = !is_shared && lseek(fd, 0, SEEK_CUR) >= 0 && !S_ISCHR(st.st_mode);
    atomic_store(&f->end, (uint64_t)st.st_size);
    *out = &f->base;
    return WR_OK;
}

static weir_status disk_stat(wr_fs *fs, const char *path, wr_file_stat *out)
{
    (void)fs;
    struct stat st;
    if (stat(path, &st) < 0) return wr_file_failure("examine", path, errno);
    *out = converted(&st);
    return WR_OK;
}

static weir_status disk_rename(wr_fs *fs, const char *from, const char *to)
{
    (void)fs;
    return rename(from, to) < 0 ? wr_file_failure("rename", from, errno) : WR_OK;
}

static weir_status disk_remove(wr_fs *fs, const char *path)
{
    (void)fs;
    return remove(path) < 0 ? wr_file_failure("remove", path, errno) : WR_OK;
}

static weir_status disk_make_dir(wr_fs *fs, const char *path)
{
    (void)fs;
    struct stat st;
    if (mkdir(path, 0777) == 0) return WR_OK;
    int error = errno;
    if (error == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return WR_OK;
    return wr_file_failure("create directory", path, error);
}

static weir_status disk_sync_dir(wr_fs *fs, const char *path)
{
    (void)fs;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return wr_file_failure("sync", path, errno);
    int error = fsync(fd) < 0 ? errno : 0;
    close(fd);
    /* Some network file systems cannot sync directories and say so with EINVAL. */
    return error && error != EINVAL ? wr_file_failure("sync", path, error) : WR_OK;
}

static weir_status disk_list(wr_fs *fs, const char *dir, wr_arena *arena, wr_path_list *out)
{
    (void)fs;
    DIR *stream = opendir(dir);
    if (!stream) return wr_file_failure("list", dir, errno);
    WR_LIST(wr_str) names = {0};
    errno = 0;
    for (struct dirent *entry; (entry = readdir(stream)); errno = 0) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        wr_str name = wr_arena_str(arena, wr_str_of(entry->d_name));
        wr_push(arena, &names, name);
    }
    int error = errno;
    closedir(stream);
    if (error) return wr_file_failure("list", dir, error);
    *out = (wr_path_list){names.items, names.count};
    return WR_OK;
}

static void disk_drop(wr_fs *fs) { (void)fs; }

wr_fs *wr_fs_disk(void)
{
    static const wr_fs_def def = {.open = disk_open,
                                  .stat = disk_stat,
                                  .rename = disk_rename,
                                  .remove = disk_remove,
                                  .make_dir = disk_make_dir,
                                  .sync_dir = disk_sync_dir,
                                  .list = disk_list,
                                  .drop = disk_drop};
    static wr_fs disk = {&def};
    return &disk;
}

uint64_t wr_disk_room(wr_str path)
{
    struct statvfs room;
    char *name = wr_heap_copy(path.data, path.length);
    int failed = statvfs(name, &room);
    wr_heap_drop(name);
    return failed ? UINT64_MAX : (uint64_t)room.f_bavail * room.f_frsize;
}

char *wr_folder_now(void)
{
    char room[4096];
    const char *path = getcwd(room, sizeof room);
    return wr_heap_copy(path ? path : ".", path ? strlen(path) : 1);
}
