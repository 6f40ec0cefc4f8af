/* file_fault.c - a file system that fails on demand, over another one. See file.h.
 *
 * A plan is a list of operation:n:error separated by ";". Operations are open, read, write (also
 * append), sync, truncate, stat, rename, remove and list, counted over all files; n is the number
 * of the call that fails, "n+" makes all from there on fail. error is an errno name or SHORT: half
 * of the bytes are written and then the disk is full. A plan that cannot be read ends the process:
 * a test whose fault never happens must not pass. */
#include "base/mem.h"
#include "sys/file_def.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

typedef enum operation {
    OP_OPEN,
    OP_READ,
    OP_WRITE,
    OP_SYNC,
    OP_TRUNCATE,
    OP_STAT,
    OP_RENAME,
    OP_REMOVE,
    OP_LIST,
    OP_COUNT
} operation;
static const char *const op_names[] = {"open", "read",   "write",  "sync", "truncate",
                                       "stat", "rename", "remove", "list"};

enum { SHORT_WRITE = -1, FAULTS_MAX = 16 };
static const struct error_name {
    const char *name;
    int value;
} error_names[] = {{"ENOSPC", ENOSPC},    {"EIO", EIO},       {"EACCES", EACCES},
                   {"ENOENT", ENOENT},    {"EMFILE", EMFILE}, {"EDQUOT", EDQUOT},
                   {"EROFS", EROFS},      {"EEXIST", EEXIST}, {"EFBIG", EFBIG},
                   {"SHORT", SHORT_WRITE}};

typedef struct fault {
    operation op;
    int64_t at;
    bool from_there_on;
    int error;
} fault;

typedef struct fault_fs {
    wr_fs base;
    wr_fs *below;
    fault faults[FAULTS_MAX];
    int count;
    _Atomic int64_t calls[OP_COUNT];
} fault_fs;

typedef struct fault_file {
    wr_file base;
    wr_file *below;
    fault_fs *fs;
} fault_file;

/* Counts a call; returns 0 or the error it has to fail with. */
static int due(fault_fs *fs, operation op)
{
    int64_t call = atomic_fetch_add(&fs->calls[op], 1) + 1;
    for (int i = 0; i < fs->count; i++) {
        const fault *f = &fs->faults[i];
        if (f->op == op && (call == f->at || (f->from_there_on && call > f->at))) return f->error;
    }
    return 0;
}

static weir_status fail_due(fault_fs *fs, operation op, const char *path)
{
    int error = due(fs, op);
    return error ? wr_file_failure(op_names[op], path, error == SHORT_WRITE ? ENOSPC : error)
                 : WR_OK;
}

/* ---- files */

static weir_status fault_read(wr_file *file, uint64_t offset, void *out, size_t size, size_t *got)
{
    fault_file *f = (fault_file *)file;
    *got = 0;
    WR_TRY(fail_due(f->fs, OP_READ, file->path));
    return wr_file_read(f->below, offset, out, size, got);
}

static weir_status fault_write(wr_file *file, uint64_t offset, const void *bytes, size_t size)
{
    fault_file *f = (fault_file *)file;
    int error = due(f->fs, OP_WRITE);
    if (!error) return f->below->def->write(f->below, offset, bytes, size);
    if (error != SHORT_WRITE) return wr_file_failure("write", file->path, error);
    WR_TRY(f->below->def->write(f->below, offset, bytes, size / 2));
    return wr_file_failure("write", file->path, ENOSPC);
}

static weir_status fault_append(wr_file *file, const void *bytes, size_t size)
{
    fault_file *f = (fault_file *)file;
    int error = due(f->fs, OP_WRITE);
    if (!error) return f->below->def->append(f->below, bytes, size);
    if (error != SHORT_WRITE) return wr_file_failure("write", file->path, error);
    WR_TRY(f->below->def->append(f->below, bytes, size / 2));
    return wr_file_failure("write", file->path, ENOSPC);
}

static weir_status fault_sync(wr_file *file)
{
    fault_file *f = (fault_file *)file;
    WR_TRY(fail_due(f->fs, OP_SYNC, file->path));
    return f->below->def->sync(f->below);
}

static weir_status fault_truncate(wr_file *file, uint64_t size)
{
    fault_file *f = (fault_file *)file;
    WR_TRY(fail_due(f->fs, OP_TRUNCATE, file->path));
    return wr_file_truncate(f->below, size);
}

static weir_status fault_file_stat(wr_file *file, wr_file_stat *out)
{
    fault_file *f = (fault_file *)file;
    WR_TRY(fail_due(f->fs, OP_STAT, file->path));
    return wr_file_stat_of(f->below, out);
}

static bool fault_is_seekable(const wr_file *file)
{
    return wr_file_is_seekable(((const fault_file *)file)->below);
}

static void fault_close(wr_file *file)
{
    wr_file_close(((fault_file *)file)->below);
    wr_heap_drop(file);
}

static const wr_file_def fault_file_def = {.read = fault_read,
                                           .write = fault_write,
                                           .append = fault_append,
                                           .sync = fault_sync,
                                           .truncate = fault_truncate,
                                           .stat = fault_file_stat,
                                           .is_seekable = fault_is_seekable,
                                           .close = fault_close};

/* ---- the file system */

static weir_status fault_open(wr_fs *fs, const char *path, wr_file_mode mode, wr_file **out)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_OPEN, path));
    wr_file *below = NULL;
    WR_TRY(wr_file_open(me->below, wr_str_of(path), mode, &below));
    fault_file *f = wr_heap_new(sizeof *f);
    *f = (fault_file){{&fault_file_def, NULL}, below, me};
    *out = &f->base;
    return WR_OK;
}

static weir_status fault_stat(wr_fs *fs, const char *path, wr_file_stat *out)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_STAT, path));
    return me->below->def->stat(me->below, path, out);
}

static weir_status fault_rename(wr_fs *fs, const char *from, const char *to)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_RENAME, from));
    return me->below->def->rename(me->below, from, to);
}

static weir_status fault_remove(wr_fs *fs, const char *path)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_REMOVE, path));
    return me->below->def->remove(me->below, path);
}

static weir_status fault_make_dir(wr_fs *fs, const char *path)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_OPEN, path));
    return me->below->def->make_dir(me->below, path);
}

static weir_status fault_sync_dir(wr_fs *fs, const char *path)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_SYNC, path));
    return me->below->def->sync_dir(me->below, path);
}

static weir_status fault_list(wr_fs *fs, const char *dir, wr_arena *arena, wr_path_list *out)
{
    fault_fs *me = (fault_fs *)fs;
    WR_TRY(fail_due(me, OP_LIST, dir));
    return me->below->def->list(me->below, dir, arena, out);
}

static void fault_drop(wr_fs *fs) { wr_heap_drop(fs); }

/* ---- the plan */

_Noreturn static void reject(const char *text)
{
    fprintf(stderr, "weir: WEIR_FAULT: cannot understand \"%s\"\n", text);
    _Exit(2);
}

static fault parse_fault(const char *text)
{
    char op[16], error[16];
    long long at = 0;
    int used = 0;
    fault f = {.op = OP_COUNT};
    if (sscanf(text, "%15[a-z]:%lld%n", op, &at, &used) != 2 || at < 1) reject(text);
    f.at = at;
    f.from_there_on = text[used] == '+';
    used += f.from_there_on;
    if (sscanf(text + used, ":%15[A-Z]", error) != 1) reject(text);
    for (int i = 0; i < OP_COUNT; i++)
        if (strcmp(op_names[i], op) == 0) f.op = (operation)i;
    for (size_t i = 0; i < WR_COUNT(error_names); i++)
        if (strcmp(error_names[i].name, error) == 0) f.error = error_names[i].value;
    if (f.op == OP_COUNT || f.error == 0) reject(text);
    return f;
}

wr_fs *wr_fs_fault_new(wr_fs *below, const char *plan)
{
    static const wr_fs_def def = {.open = fault_open,
                                  .stat = fault_stat,
                                  .rename = fault_rename,
                                  .remove = fault_remove,
                                  .make_dir = fault_make_dir,
                                  .sync_dir = fault_sync_dir,
                                  .list = fault_list,
                                  .drop = fault_drop};
    fault_fs *fs = wr_heap_new(sizeof *fs);
    fs->base.def = &def;
    fs->below = below;
    char *copy = wr_heap_copy(plan, strlen(plan)), *rest = copy;
    for (char *one; (one = strsep(&rest, ";"));) {
        if (!*one) continue;
        if (fs->count == FAULTS_MAX) reject(plan);
        fs->faults[fs->count++] = parse_fault(one);
    }
    wr_heap_drop(copy);
    return &fs->base;
}
