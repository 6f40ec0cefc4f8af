/* lock.h - one process at a time: a lock that ends with the process, however it ends. */
#pragma once
#include "base/text.h"

typedef struct wr_lock wr_lock;

/* Takes the lock that the file at path stands for (made when missing). BUSY, naming the process,
 * when it is taken, also by this process. Any thread. */
WR_MUST_CHECK weir_status wr_lock_take(wr_str path, wr_lock **out);
void wr_lock_drop(wr_lock *lock);
WR_DEFINE_CLEANUP(wr_lock, wr_lock_drop)
/* Something that differs from one start of the machine to the next; empty if unknown. Appended. */
void wr_boot_name(wr_buf *out);
