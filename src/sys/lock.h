/* lock.h - one process at a time: a lock that ends with the process, however it ends. */
#pragma once
#include "base/text.h"

typedef struct wr_lock wr_lock;

/* Takes the lock that the file at path stands for (made when missing). BUSY, naming the process,
 * when it is taken, also by this process; UNSUPPORTED where the file system has no locks. Any
 * thread. */
WR_MUST_CHECK weir_status wr_lock_take(wr_str path, wr_lock **out);
/* The same for a moment: the file goes with the lock. Not for paths of wr_lock_take. */
WR_MUST_CHECK weir_status wr_lock_take_brief(wr_str path, wr_lock **out);
/* A brief lock that stands for a folder and lies in that for temporary files: it holds off the
 * processes of this machine only. */
WR_MUST_CHECK weir_status wr_lock_take_nearby(wr_str folder, wr_lock **out);
void wr_lock_drop(wr_lock *lock);
WR_DEFINE_CLEANUP(wr_lock, wr_lock_drop)
/* Something that differs from one start of the machine to the next; empty if unknown. Appended. */
void wr_boot_name(wr_buf *out);
/* This process, for people who look for it: "process 4711 on host". Appended. */
void wr_process_name(wr_buf *out);
