/* unfinished.c - see unfinished.h.
 *
 *   orders.csv.tmp-5d0c1f2a-91be03c4-2f1a-8c07d2-1
 *                  |        |        |    |      counted within the process
 *                  |        |        |    when the process began, in ticks since the boot
 *                  |        |        number of the process
 *                  |        the boot of the machine
 *                  the machine and the name space of its process numbers
 *
 * A number alone would not do: another process gets it some day, and in a folder that machines or
 * containers share it says nothing. A writer is dead if it ran in an earlier boot of this machine,
 * if no process has its number, or if the one that has it began at another time. Of other machines
 * and containers nothing is known: what they left is theirs to remove.
 *
 * Trap: where /proc hides the processes of others, their time of beginning cannot be read. Such a
 * process counts as the writer. */
#include "sys/unfinished.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <unistd.h>

enum { STEM_MAX = 160 }; /* a file name has at most 255 bytes */
static const char mark[] = ".tmp-";

typedef struct writer {
    uint32_t place, boot;
    int process;
    uint64_t begun; /* 0: cannot be known */
} writer;

/* The beginning of a small file of the system; empty if it cannot be read. */
static wr_str read_head(const char *path, char *room, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return WR_STR("");
    ssize_t got = read(fd, room, size);
    close(fd);
    return (wr_str){room, got > 0 ? (size_t)got : 0};
}

static uint64_t begin_of(int process)
{
    char path[40], room[512];
    snprintf(path, sizeof path, "/proc/%d/stat", process);
    wr_str text = read_head(path, room, sizeof room);
    /* The second field is a name in brackets, which may hold anything; the time is field 22. */
    const char *at = text.length ? memrchr(text.data, ')', text.length) : NULL;
    const char *end = text.data + text.length;
    for (int field = 2; at && field < 22; field++) {
        at = memchr(at, ' ', (size_t)(end - at));
        if (at) at++;
    }
    uint64_t begun = 0;
    for (; at && at < end && *at >= '0' && *at <= '9'; at++)
        begun = begun * 10 + (uint64_t)(*at - '0');
    return begun;
}

static writer myself(void)
{
    char room[256];
    struct utsname machine;
    WR_BUF(place);
    wr_buf_add_str(&place, read_head("/etc/machine-id", room, sizeof room));
    if (uname(&machine) == 0) wr_buf_add_text(&place, machine.nodename);
    ssize_t length = readlink("/proc/self/ns/pid", room, sizeof room);
    if (length > 0) wr_buf_add(&place, room, (size_t)length);
    wr_str boot = read_head("/proc/sys/kernel/random/boot_id", room, sizeof room);
    return (writer){.place = (uint32_t)wr_hash_bytes(place.data ? place.data : "", place.length),
                    .boot = (uint32_t)wr_hash_bytes(boot.data, boot.length),
                    .process = (int)getpid(),
                    .begun = begin_of((int)getpid())};
}

void wr_unfinished_name(wr_str path, wr_buf *out)
{
    static _Atomic unsigned count;
    wr_str base = wr_path_base(path);
    size_t folder = (size_t)(base.data - path.data), stem = base.length;
    if (stem > STEM_MAX) /* not within a character */
        for (stem = STEM_MAX; stem > 0 && (base.data[stem] & 0xc0) == 0x80;)
            stem--;
    writer me = myself();
    wr_buf_add(out, path.data, folder + stem);
    wr_buf_printf(out, "%s%08x-%08x-%x-%llx-%x", mark, me.place, me.boot, (unsigned)me.process,
                  (unsigned long long)me.begun, atomic_fetch_add(&count, 1) + 1);
}

/* A lower-case hexadecimal number of at most `most` digits, and what ends it: '-' or nothing. */
static bool take_number(wr_str *rest, size_t most, bool is_last, uint64_t *out)
{
    size_t length = 0;
    *out = 0;
    for (; length < rest->length && rest->data[length] != '-'; length++) {
        char c = rest->data[length];
        bool is_digit = c >= '0' && c <= '9';
        if (!is_digit && (c < 'a' || c > 'f')) return false;
        *out = *out << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    if (length == 0 || length > most || is_last != (length == rest->length)) return false;
    size_t used = length + !is_last;
    *rest = (wr_str){rest->data + used, rest->length - used};
    return true;
}

static bool read_name(wr_str path, writer *out)
{
    wr_str rest = wr_path_base(path);
    for (ptrdiff_t at; (at = wr_str_find(rest, WR_STR(mark))) >= 0;) {
        size_t used = (size_t)at + sizeof mark - 1;
        rest = (wr_str){rest.data + used, rest.length - used};
        wr_str numbers = rest;
        uint64_t place, boot, process, begun, count;
        if (!take_number(&numbers, 8, false, &place) || !take_number(&numbers, 8, false, &boot) ||
            !take_number(&numbers, 7, false, &process) ||
            !take_number(&numbers, 16, false, &begun) || !take_number(&numbers, 8, true, &count))
            continue;
        *out = (writer){(uint32_t)place, (uint32_t)boot, (int)process, begun};
        return process > 0;
    }
    return false;
}

bool wr_unfinished_is(wr_str path)
{
    writer unused;
    return read_name(path, &unused);
}

static bool is_dead(const writer *w)
{
    writer me = myself();
    if (w->place != me.place) return false;
    if (w->boot != me.boot) return true;
    if (kill(w->process, 0) < 0 && errno == ESRCH) return true;
    uint64_t begun = begin_of(w->process);
    return begun != 0 && w->begun != 0 && begun != w->begun;
}

bool wr_unfinished_is_dead(wr_str path)
{
    writer w;
    return read_name(path, &w) && is_dead(&w);
}

bool wr_unfinished_remove(wr_fs *fs, wr_str path)
{
    if (!wr_unfinished_is_dead(path)) return false;
    wr_status_drop(wr_fs_remove(fs, path));
    return true;
}

void wr_unfinished_sweep(wr_fs *fs, wr_str dir)
{
    WR_ARENA(scratch);
    WR_BUF(path);
    wr_path_list names;
    weir_status bad = wr_fs_list(fs, dir, &scratch, &names);
    wr_status_drop(bad);
    for (int i = 0; !bad && i < names.count; i++) {
        if (!wr_unfinished_is(names.paths[i])) continue;
        path.length = 0;
        wr_buf_printf(&path, "%.*s/%.*s", WR_STR_ARGS(dir), WR_STR_ARGS(names.paths[i]));
        wr_unfinished_remove(fs, wr_buf_str(&path));
    }
}
