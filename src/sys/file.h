/* file.h - the only door to files. Every call goes through a wr_fs, so that tests can inject faults
 * (wr_fs_fault) or run on a simulated disk with power loss (wr_fs_sim).
 *
 * Reads are positional and may run from many threads at once on one wr_file. Durable data is
 * written with wr_file_write + wr_file_sync + wr_fs_rename + wr_fs_sync_dir; never by stdio or
 * MAP_SHARED. */
#pragma once
#include "base/arena.h"

typedef struct wr_file wr_file;
typedef struct wr_fs wr_fs;

typedef enum wr_file_mode {
    WR_FILE_READ,    /* must exist */
    WR_FILE_CREATE,  /* must not exist; read and write */
    WR_FILE_REPLACE, /* truncated if it exists; read and write */
    WR_FILE_APPEND,  /* created if absent */
    WR_FILE_TEMP,    /* path names a directory; the file has no name and vanishes when closed */
} wr_file_mode;

typedef struct wr_file_stat {
    uint64_t size;
    int64_t mtime_ns;
    uint64_t inode, device;
    bool is_dir, is_regular;
} wr_file_stat;

/* The disk of this machine; static, never dropped. All wr_fs may be used by any thread. */
wr_fs *wr_fs_real(void);
/* Fault injection as the environment says (WEIR_FAULT="write:3:ENOSPC"): see file_fault.c. Caller
 * drops. */
wr_fs *wr_fs_fault_new(wr_fs *below, const char *plan);
wr_fs *wr_fs_sim_new(uint64_t seed);   /* an in-memory disk */
void wr_fs_sim_power_loss(wr_fs *sim); /* forgets what was not synced */
void wr_fs_drop(wr_fs *fs);            /* not for wr_fs_real() */

/* Errors: FILE_NOT_FOUND, FILE_EXISTS, DISK_FULL or IO, naming the path and the reason.
 * "/dev/stdin" works. */
WR_MUST_CHECK weir_status wr_file_open(wr_fs *fs, wr_str path, wr_file_mode mode, wr_file **out);
void wr_file_close(wr_file *file);
WR_DEFINE_CLEANUP(wr_file, wr_file_close)
/* Reads up to size bytes at offset; *got < size only at the end of the file. Pipes ignore offset.
 */
WR_MUST_CHECK weir_status wr_file_read(wr_file *file, uint64_t offset, void *out, size_t size,
                                       size_t *got);
WR_MUST_CHECK weir_status wr_file_read_exact(wr_file *file, uint64_t offset, void *out,
                                             size_t size);
WR_MUST_CHECK weir_status wr_file_write(wr_file *file, uint64_t offset, const void *bytes,
                                        size_t size);
WR_MUST_CHECK weir_status wr_file_append(wr_file *file, const void *bytes, size_t size);
WR_MUST_CHECK weir_status wr_file_sync(wr_file *file);
WR_MUST_CHECK weir_status wr_file_truncate(wr_file *file, uint64_t size);
WR_MUST_CHECK weir_status wr_file_stat_of(wr_file *file, wr_file_stat *out);
bool wr_file_is_seekable(const wr_file *file);
wr_str wr_file_path(const wr_file *file);

/* By path; errors as of wr_file_open. rename replaces what stands at to, at one moment; make_dirs
 * is content with folders that exist; sync_dir makes names in a folder survive a loss of power. */
WR_MUST_CHECK weir_status wr_fs_stat(wr_fs *fs, wr_str path, wr_file_stat *out);
bool wr_fs_exists(wr_fs *fs, wr_str path);
WR_MUST_CHECK weir_status wr_fs_rename(wr_fs *fs, wr_str from, wr_str to);
WR_MUST_CHECK weir_status wr_fs_remove(wr_fs *fs, wr_str path);
WR_MUST_CHECK weir_status wr_fs_make_dirs(wr_fs *fs, wr_str path);
WR_MUST_CHECK weir_status wr_fs_sync_dir(wr_fs *fs, wr_str path);

typedef struct wr_path_list {
    wr_str *paths; /* sorted by bytes */
    int count;
} wr_path_list;
/* Names in one directory, without "." and "..". */
WR_MUST_CHECK weir_status wr_fs_list(wr_fs *fs, wr_str dir, wr_arena *arena, wr_path_list *out);
/* Expands *, ?, [set], {a,b} and ** (any depth). A pattern without them yields itself if it exists.
 * Directories do not match. An empty result is not an error here. */
WR_MUST_CHECK weir_status wr_fs_glob(wr_fs *fs, wr_str pattern, wr_arena *arena, wr_path_list *out);
/* Bytes that can still be written to the disk that path is on; UINT64_MAX if unknown. */
uint64_t wr_disk_room(wr_str path);
/* The folder relative paths begin at; "." if nobody knows. Caller ends it with wr_heap_drop. */
char *wr_folder_now(void);
bool wr_path_has_glob(wr_str path);
wr_str wr_path_dir(wr_str path); /* "." if there is none */
wr_str wr_path_base(wr_str path);
wr_str wr_path_extension(wr_str path); /* "csv"; of "x.csv.gz": "gz" */
/* Absolute directory for temporary files: setting, TMPDIR or /tmp. */
wr_str wr_path_temp_dir(void);
/* Appends the folder of this program for what can be made again: XDG_CACHE_HOME/weir or
 * ~/.cache/weir; nothing if there is neither. */
void wr_path_cache_dir(wr_buf *out);
