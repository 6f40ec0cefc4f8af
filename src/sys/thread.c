/* thread.c - threads and locks over pthreads. See thread.h.
 *
 * Condition variables wait on the monotonic clock, so that a changed wall clock neither wakes nor
 * stalls anybody. Locks are never expected to fail: if one does, memory is already damaged. */
#include "sys/thread.h"
#include "base/mem.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void must(int failure) { wr_assert(failure == 0); }

void wr_mutex_init(wr_mutex *m) { must(pthread_mutex_init(m, NULL)); }
void wr_mutex_clear(wr_mutex *m) { must(pthread_mutex_destroy(m)); }
void wr_mutex_lock(wr_mutex *m) { must(pthread_mutex_lock(m)); }
void wr_mutex_unlock(wr_mutex *m) { must(pthread_mutex_unlock(m)); }

void wr_cond_init(wr_cond *c)
{
    pthread_condattr_t attributes;
    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_cond_init(c, &attributes));
    pthread_condattr_destroy(&attributes);
}

void wr_cond_clear(wr_cond *c) { must(pthread_cond_destroy(c)); }
void wr_cond_wait(wr_cond *c, wr_mutex *m) { must(pthread_cond_wait(c, m)); }
void wr_cond_signal(wr_cond *c) { must(pthread_cond_signal(c)); }
void wr_cond_broadcast(wr_cond *c) { must(pthread_cond_broadcast(c)); }

bool wr_cond_wait_until(wr_cond *c, wr_mutex *m, int64_t deadline_ns)
{
    if (deadline_ns < 0) deadline_ns = 0;
    struct timespec when = {deadline_ns / 1000000000, deadline_ns % 1000000000};
    /* Named explicitly, because a WR_COND_INIT variable would wait on the wall clock. */
    int failure = pthread_cond_clockwait(c, m, CLOCK_MONOTONIC, &when);
    if (failure == ETIMEDOUT) return false;
    must(failure);
    return true;
}

struct wr_thread {
    pthread_t thread;
    void (*run)(void *);
    void *arg;
    char name[16]; /* the system keeps no more */
};

static void *run_thread(void *self)
{
    wr_thread *t = self;
    pthread_setname_np(pthread_self(), t->name);
    t->run(t->arg);
    return NULL;
}

weir_status wr_thread_start(const char *name, void (*run)(void *), void *arg, wr_thread **out)
{
    wr_thread *t = wr_heap_new(sizeof *t);
    t->run = run;
    t->arg = arg;
    snprintf(t->name, sizeof t->name, "%s", name);
    int failure = pthread_create(&t->thread, NULL, run_thread, t);
    if (failure) {
        wr_heap_drop(t);
        weir_status s =
            wr_fail(WR_E_TOO_BIG, "cannot start thread \"%s\": %s", name, strerror(failure));
        return wr_with_hint(s, "lower threads, or raise the limit of processes (ulimit -u)");
    }
    *out = t;
    return WR_OK;
}

void wr_thread_join(wr_thread *t)
{
    if (!t) return;
    must(pthread_join(t->thread, NULL));
    wr_heap_drop(t);
}

/* CPUs the control group may use, rounded up; 0 if it sets no quota. */
static int quota_cpus(void)
{
    FILE *file = fopen("/sys/fs/cgroup/cpu.max", "re");
    long quota = 0, period = 0;
    if (file) {
        int fields = fscanf(file, "%ld %ld", &quota, &period);
        fclose(file);
        return fields == 2 && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
    }
    FILE *q = fopen("/sys/fs/cgroup/cpu/cpu.cfs_quota_us", "re");
    FILE *p = fopen("/sys/fs/cgroup/cpu/cpu.cfs_period_us", "re");
    bool known = q && p && fscanf(q, "%ld", &quota) == 1 && fscanf(p, "%ld", &period) == 1;
    if (q) fclose(q);
    if (p) fclose(p);
    return known && quota > 0 && period > 0 ? (int)((quota + period - 1) / period) : 0;
}

int wr_cpu_count(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set)
                                                            : (int)sysconf(_SC_NPROCESSORS_ONLN);
    int quota = quota_cpus();
    if (quota && quota < count) count = quota;
    return count > 0 ? count : 1;
}
