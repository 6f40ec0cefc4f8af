/* file.c - the parts all file systems share: dispatch, failpoints, errors and paths. See file.h. */
#include "sys/file.h"
#include "base/failpoint.h"
#include "base/mem.h"
#include "sys/file_def.h"
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* ---- errors */

static wr_code code_of(int error)
{
    switch (error) {
    case ENOENT:
    case ENOTDIR:
        return WR_E_FILE_NOT_FOUND;
    case EEXIST:
        return WR_E_FILE_EXISTS;
    case ENOSPC:
    case EDQUOT:
        return WR_E_DISK_FULL;
    default:
        return WR_E_IO;
    }
}

weir_status wr_file_failure(const char *verb, const char *path, int error)
{
    wr_code code = code_of(error);
    if (code == WR_E_FILE_NOT_FOUND)
        return wr_fail(code, "cannot %s \"%s\": no such file or directory", verb, path);
    if (code == WR_E_FILE_EXISTS)
        return wr_fail(code, "cannot %s \"%s\": it exists already", verb, path);
    weir_status s = wr_fail(code, "cannot %s \"%s\": %s", verb, path, strerror(error));
    if (error == EACCES)
        return wr_with_hint(s, "check the permissions of the file and its folders");
    if (error == EMFILE) return wr_with_hint(s, "raise the limit of open files (ulimit -n)");
    return s;
}

/* ---- the real file system, with the faults the environment asks for */

static wr_fs *real;
static void make_real(void)
{
    const char *plan = getenv("WEIR_FAULT");
    real = plan && *plan ? wr_fs_fault_new(wr_fs_disk(), plan) : wr_fs_disk();
}

wr_fs *wr_fs_real(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_real);
    return real;
}

void wr_fs_drop(wr_fs *fs)
{
    if (fs) fs->def->drop(fs);
}

/* ---- files. A path with a NUL byte would be cut by the system, so it is refused. */

typedef char owned_text;
static void drop_text(owned_text *text) { wr_heap_drop(text); }
WR_DEFINE_CLEANUP(owned_text, drop_text)

static weir_status path_text(wr_str path, owned_text **out)
{
    if (path.length == 0) return wr_fail(WR_E_FILE_NOT_FOUND, "the file name is empty");
    if (memchr(path.data, '\0', path.length))
        return wr_fail(WR_E_FILE_NOT_FOUND, "a file name contains a zero byte");
    *out = wr_heap_copy(path.data, path.length);
    return WR_OK;
}

weir_status wr_file_open(wr_fs *fs, wr_str path, wr_file_mode mode, wr_file **out)
{
    WR_AUTO(owned_text) *text = NULL;
    *out = NULL;
    WR_TRY(path_text(path, &text));
    WR_TRY(fs->def->open(fs, text, mode, out));
    (*out)->path = WR_TAKE(text);
    return WR_OK;
}

void wr_file_close(wr_file *file)
{
    if (!file) return;
    char *path = file->path;
    file->def->close(file);
    wr_heap_drop(path);
}

weir_status wr_file_read(wr_file *file, uint64_t offset, void *out, size_t size, size_t *got)
{
    return file->def->read(file, offset, out, size, got);
}

weir_status wr_file_read_exact(wr_file *file, uint64_t offset, void *out, size_t size)
{
    size_t got;
    WR_TRY(wr_file_read(file, offset, out, size, &got));
    if (got == size) return WR_OK;
    return wr_fail(WR_E_CORRUPT,
                   "\"%s\" ends too early: %zu bytes at %llu are needed, %zu are there", file->path,
                   size, (unsigned long long)offset, got);
}

weir_status wr_file_write(wr_file *file, uint64_t offset, const void *bytes, size_t size)
{
    WR_FAILPOINT(file_write);
    return file->def->write(file, offset, bytes, size);
}

weir_status wr_file_append(wr_file *file, const void *bytes, size_t size)
{
    WR_FAILPOINT(file_write);
    return file->def->append(file, bytes, size);
}

weir_status wr_file_sync(wr_file *file)
{
    WR_FAILPOINT(file_sync);
    return file->def->sync(file);
}

weir_status wr_file_truncate(wr_file *file, uint64_t size)
{
    return file->def->truncate(file, size);
}
weir_status wr_file_stat_of(wr_file *file, wr_file_stat *out) { return file->def->stat(file, out); }
bool wr_file_is_seekable(const wr_file *file) { return file->def->is_seekable(file); }
wr_str wr_file_path(const wr_file *file) { return wr_str_of(file->path); }

/* ---- names */

weir_status wr_fs_stat(wr_fs *fs, wr_str path, wr_file_stat *out)
{
    WR_AUTO(owned_text) *text = NULL;
    WR_TRY(path_text(path, &text));
    return fs->def->stat(fs, text, out);
}

bool wr_fs_exists(wr_fs *fs, wr_str path)
{
    wr_file_stat stat;
    weir_status s = wr_fs_stat(fs, path, &stat);
    bool exists = s == WR_OK;
    wr_status_drop(s);
    return exists;
}

weir_status wr_fs_rename(wr_fs *fs, wr_str from, wr_str to)
{
    WR_AUTO(owned_text) *from_text = NULL, *to_text = NULL;
    WR_TRY(path_text(from, &from_text));
    WR_TRY(path_text(to, &to_text));
    WR_FAILPOINT(file_rename);
    return fs->def->rename(fs, from_text, to_text);
}

weir_status wr_fs_remove(wr_fs *fs, wr_str path)
{
    WR_AUTO(owned_text) *text = NULL;
    WR_TRY(path_text(path, &text));
    return fs->def->remove(fs, text);
}

weir_status wr_fs_make_dirs(wr_fs *fs, wr_str path)
{
    WR_AUTO(owned_text) *text = NULL;
    WR_TRY(path_text(path, &text));
    for (char *at = text + 1; *at; at++) {
        if (*at != '/') continue;
        *at = '\0';
        WR_TRY(fs->def->make_dir(fs, text));
        *at = '/';
    }
    return fs->def->make_dir(fs, text);
}

weir_status wr_fs_sync_dir(wr_fs *fs, wr_str path)
{
    WR_AUTO(owned_text) *text = NULL;
    WR_TRY(path_text(path, &text));
    return fs->def->sync_dir(fs, text);
}

static int by_bytes(const void *a, const void *b) { return wr_str_cmp(*(wr_str *)a, *(wr_str *)b); }

weir_status wr_fs_list(wr_fs *fs, wr_str dir, wr_arena *arena, wr_path_list *out)
{
    WR_AUTO(owned_text) *text = NULL;
    *out = (wr_path_list){0};
    WR_TRY(path_text(dir, &text));
    WR_TRY(fs->def->list(fs, text, arena, out));
    if (out->count) qsort(out->paths, (size_t)out->count, sizeof *out->paths, by_bytes);
    return WR_OK;
}

/* ---- paths */

wr_str wr_path_base(wr_str path)
{
    while (path.length > 1 && path.data[path.length - 1] == '/')
        path.length--;
    const char *slash = path.length > 1 ? memrchr(path.data, '/', path.length) : NULL;
    if (!slash) return path;
    return (wr_str){slash + 1, path.length - (size_t)(slash + 1 - path.data)};
}

wr_str wr_path_dir(wr_str path)
{
    while (path.length > 1 && path.data[path.length - 1] == '/')
        path.length--;
    const char *slash = path.length ? memrchr(path.data, '/', path.length) : NULL;
    if (!slash) return WR_STR(".");
    size_t length = (size_t)(slash - path.data);
    while (length > 1 && path.data[length - 1] == '/')
        length--;
    return (wr_str){path.data, length ? length : 1};
}

wr_str wr_path_extension(wr_str path)
{
    wr_str base = wr_path_base(path);
    const char *dot = base.length ? memrchr(base.data, '.', base.length) : NULL;
    if (!dot || dot == base.data) return (wr_str){"", 0}; /* ".profile" has none */
    return (wr_str){dot + 1, base.length - (size_t)(dot + 1 - base.data)};
}

void wr_path_cache_dir(wr_buf *out)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (cache && cache[0] == '/')
        wr_buf_printf(out, "%s/weir", cache);
    else if (home && home[0] == '/')
        wr_buf_printf(out, "%s/.cache/weir", home);
}

wr_str wr_path_temp_dir(void)
{
    const char *dir = getenv("TMPDIR");
    return dir && dir[0] == '/' ? wr_str_of(dir) : WR_STR("/tmp");
}
