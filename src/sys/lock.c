/* lock.c - locks between processes. See lock.h.
 *
 * The lock belongs to the open file, not to the process as traditional ones do: a second opening in
 * the same process is refused too, and closing another descriptor of the file does not end it. The
 * system ends it with the process. What the file says (who has it) is for people only; it is
 * emptied at the end but never removed, for whoever waits could otherwise lock a name that is gone.
 */
#include "sys/lock.h"
#include "base/mem.h"
#include "sys/file_def.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct wr_lock {
    int fd;
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
        if (errno != EINTR) return wr_file_failure("lock", path, errno);
    }
    return WR_OK;
}

weir_status wr_lock_take(wr_str path, wr_lock **out)
{
    char *name = wr_heap_copy(path.data, path.length);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    weir_status bad = fd < 0 ? wr_file_failure("open", name, errno) : lock(fd, name);
    wr_heap_drop(name);
    if (bad) {
        if (fd >= 0) close(fd);
        return bad;
    }
    WR_BUF(text);
    wr_buf_printf(&text, "%ld\n", (long)getpid());
    /* Nothing depends on these: a full disk costs the name in a message. */
    if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data, text.length, 0) < 0) errno = 0;
    *out = wr_heap_new(sizeof **out);
    (*out)->fd = fd;
    return WR_OK;
}

void wr_lock_drop(wr_lock *lock)
{
    if (!lock) return;
    if (ftruncate(lock->fd, 0) != 0) errno = 0;
    close(lock->fd);
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
