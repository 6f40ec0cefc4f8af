/* thread.h - threads, locks and one-shot waits. Thin over pthreads; failing to create a thread is
 * an error, failing to lock is a bug. */
#pragma once
#include "base/status.h"
#include <pthread.h>

typedef pthread_mutex_t wr_mutex;
typedef pthread_cond_t wr_cond;
typedef struct wr_thread wr_thread;
#define WR_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define WR_COND_INIT PTHREAD_COND_INITIALIZER

/* Never fail: a lock that misbehaves means damaged memory, and the program stops. clear: nobody
 * holds it or waits. A wait may end for no reason, so its condition is looked at again. */
void wr_mutex_init(wr_mutex *m);
void wr_mutex_clear(wr_mutex *m);
void wr_mutex_lock(wr_mutex *m);
void wr_mutex_unlock(wr_mutex *m);
void wr_cond_init(wr_cond *c);
void wr_cond_clear(wr_cond *c);
void wr_cond_wait(wr_cond *c, wr_mutex *m);
/* deadline_ns is monotonic (wr_clock_mono_ns); false: the time is over. */
bool wr_cond_wait_until(wr_cond *c, wr_mutex *m, int64_t deadline_ns);
void wr_cond_signal(wr_cond *c);
void wr_cond_broadcast(wr_cond *c);
WR_MUST_CHECK weir_status wr_thread_start(const char *name, void (*run)(void *), void *arg,
                                          wr_thread **out);
void wr_thread_join(wr_thread *t); /* frees t */
int wr_cpu_count(void);            /* usable by this process (affinity and cgroup quota) */
