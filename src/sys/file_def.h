/* file_def.h - what a file system implements; only for src/sys/file*.c.
 *
 * Implementations embed wr_fs and wr_file as their first member. Every slot is required. Paths are
 * NUL-terminated. Failures are made with wr_file_failure, so all file systems speak alike. */
#pragma once
#include "sys/file.h"

typedef struct wr_fs_def {
    weir_status (*open)(wr_fs *fs, const char *path, wr_file_mode mode, wr_file **out);
    weir_status (*stat)(wr_fs *fs, const char *path, wr_file_stat *out);
    weir_status (*rename)(wr_fs *fs, const char *from, const char *to);
    weir_status (*remove)(wr_fs *fs, const char *path);   /* a file or an empty directory */
    weir_status (*make_dir)(wr_fs *fs, const char *path); /* existing is fine */
    weir_status (*sync_dir)(wr_fs *fs, const char *path);
    weir_status (*list)(wr_fs *fs, const char *dir, wr_arena *arena,
                        wr_path_list *out); /* unsorted */
    void (*drop)(wr_fs *fs);
} wr_fs_def;

typedef struct wr_file_def {
    weir_status (*read)(wr_file *file, uint64_t offset, void *out, size_t size, size_t *got);
    weir_status (*write)(wr_file *file, uint64_t offset, const void *bytes, size_t size);
    weir_status (*append)(wr_file *file, const void *bytes, size_t size);
    weir_status (*sync)(wr_file *file);
    weir_status (*truncate)(wr_file *file, uint64_t size);
    weir_status (*stat)(wr_file *file, wr_file_stat *out);
    bool (*is_seekable)(const wr_file *file);
    void (*close)(wr_file *file); /* frees the object; path is freed by the caller */
} wr_file_def;

struct wr_fs {
    const wr_fs_def *def;
};

struct wr_file {
    const wr_file_def *def;
    char *path; /* set by wr_file_open */
};

/* "cannot <verb> "path": <reason>" with the code that fits the errno. */
WR_MUST_CHECK weir_status wr_file_failure(const char *verb, const char *path, int error);
/* The disk below wr_fs_real(), without the faults of WEIR_FAULT. */
wr_fs *wr_fs_disk(void);
