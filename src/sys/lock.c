/* lock.c - locks between processes. See lock.h.
 *
 * The lock belongs to the open file, not to the process as traditional ones do: a second opening in
 * the same process is refused too, and closing another descriptor of the file does not end it. The
 * system ends it with the process. What the file says (who has it) is for people only.
 *
 * A brief lock removes its file while it still holds it. Whoever had opened the file before gets a
 * lock on a name that is gone, sees that the name leads elsewhere now, and begins again; so there
 * is one holder at any time, and nothing is left unless one is killed. */
#include "sys/lock.h"
#include "base/mem.h"
#include "sys/file_def.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { TRIES = 1000 };

struct wr_lock {
    int fd;
    char *brief; /* the file that goes with it; NULL: it stays */
};

static weir_status taken_by(int fd, const char *path)
{
    char text[64];
    ssize_t length = pread(fd, text, sizeof text - 1, 0);
    text[length > 0 ? length : 0] = '\0';
    long process = strtol(text, NULL, 10);
    if (process == getpid())
        return wr_fail(WR_E_BUSY, "\"%s\" is in use by this process already", path);
    if (process > 0)
        return wr_with_hint(wr_fail(WR_E_BUSY, "\"%s\" is in use by process %ld", path, process),
                            "wait for it to end or stop it (kill %ld)", process);
    return wr_fail(WR_E_BUSY, "\"%s\" is in use by another process", path);
}

static weir_status lock(int fd, const char *path)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    while (fcntl(fd, F_OFD_SETLK, &whole) != 0) {
        if (errno == EAGAIN || errno == EACCES) return taken_by(fd, path);
        if (errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP || errno == EINVAL)
            return wr_with_hint(
                wr_fail(WR_E_UNSUPPORTED, "the file system of \"%s\" has no locks", path),
                "use a folder on a local disk");
        if (errno != EINTR) return wr_file_failure("lock", path, errno);
    }
    return WR_OK;
}

static weir_status open_locked(const char *path, int mode, int *out)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    weir_status bad = fd < 0 ? wr_file_failure("open", path, errno) : lock(fd, path);
    *out = fd;
    if (!bad) return WR_OK;
    if (fd >= 0) close(fd);
    return bad;
}

/* Takes over path. */
static void begin(int fd, char *brief, wr_lock **out)
{
    WR_BUF(text);
    wr_buf_printf(&text, "%ld\n", (long)getpid());
    /* Nothing depends on these: a full disk costs the name in a message. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data, text.length, 0) < 0) errno = 0;
    *out = wr_heap_new(sizeof **out);
    **out = (wr_lock){fd, brief};
}

weir_status wr_lock_take(wr_str path, wr_lock **out)
{
    int fd;
    char *name = wr_heap_copy(path.data, path.length);
    weir_status bad = open_locked(name, 0600, &fd);
    wr_heap_drop(name);
    if (!bad) begin(fd, NULL, out);
    return bad;
}

static bool leads_to(const char *path, int fd)
{
    struct stat named, opened;
    return stat(path, &named) == 0 && fstat(fd, &opened) == 0 && named.st_dev == opened.st_dev &&
           named.st_ino == opened.st_ino;
}

static weir_status take_brief(char *path, wr_lock **out)
{
    for (int i = 0; i < TRIES; i++) {
        int fd;
        WR_TRY(open_locked(path, 0666, &fd));
        if (leads_to(path, fd)) {
            begin(fd, path, out);
            return WR_OK;
        }
        close(fd);
    }
    return wr_fail(WR_E_BUSY, "\"%s\" is taken by others again and again", path);
}

weir_status wr_lock_take_brief(wr_str path, wr_lock **out)
{
    char *name = wr_heap_copy(path.data, path.length);
    weir_status bad = take_brief(name, out);
    if (bad) wr_heap_drop(name);
    return bad;
}

weir_status wr_lock_take_nearby(wr_str folder, wr_lock **out)
{
    WR_BUF(path);
    struct stat of;
    char *name = wr_heap_copy(folder.data, folder.length);
    bool is_there = stat(name, &of) == 0;
    weir_status bad = is_there ? WR_OK : wr_file_failure("look at", name, errno);
    wr_heap_drop(name);
    WR_TRY(bad);
    wr_buf_printf(&path, "%.*s/weir-folder-%llx-%llx.lock", WR_STR_ARGS(wr_path_temp_dir()),
                  (unsigned long long)of.st_dev, (unsigned long long)of.st_ino);
    return wr_lock_take_brief(wr_buf_str(&path), out);
}

void wr_lock_drop(wr_lock *lock)
{
    if (!lock) return;
    if (lock->brief ? unlink(lock->brief) != 0 : ftruncate(lock->fd, 0) != 0) errno = 0;
    close(lock->fd);
    wr_heap_drop(lock->brief);
    wr_heap_drop(lock);
}

void wr_boot_name(wr_buf *out)
{
    char text[64];
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t length = read(fd, text, sizeof text);
    close(fd);
    if (length > 0) wr_buf_add(out, text, (size_t)length);
}

void wr_process_name(wr_buf *out)
{
    struct utsname machine;
    wr_buf_printf(out, "process %ld on %s", (long)getpid(),
                  uname(&machine) == 0 ? machine.nodename : "a machine");
}
