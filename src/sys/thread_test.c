/* thread_test.c */
#include "base/test.h"
#include "sys/clock.h"
#include "sys/thread.h"

typedef struct gate {
    wr_mutex mutex;
    wr_cond cond;
    int arrived; /* guarded by mutex */
} gate;

static void arrive(void *arg)
{
    gate *g = arg;
    wr_mutex_lock(&g->mutex);
    g->arrived++;
    wr_cond_broadcast(&g->cond);
    wr_mutex_unlock(&g->mutex);
}

TEST(threads_run_and_wake_a_waiter)
{
    gate g = {WR_MUTEX_INIT, WR_COND_INIT, 0};
    wr_thread *threads[8];
    for (int i = 0; i < 8; i++)
        EXPECT_OK(wr_thread_start("a name longer than the system keeps", arrive, &g, &threads[i]));
    wr_mutex_lock(&g.mutex);
    while (g.arrived < 8)
        wr_cond_wait(&g.cond, &g.mutex);
    wr_mutex_unlock(&g.mutex);
    for (int i = 0; i < 8; i++)
        wr_thread_join(threads[i]);
    EXPECT_INT(g.arrived, 8);
}

TEST(a_timed_wait_ends)
{
    gate g = {.arrived = 0};
    wr_mutex_init(&g.mutex);
    wr_cond_init(&g.cond);
    int64_t start = wr_clock_mono_ns();
    wr_mutex_lock(&g.mutex);
    while (wr_cond_wait_until(&g.cond, &g.mutex, start + 20000000))
        ;
    wr_mutex_unlock(&g.mutex);
    EXPECT(wr_clock_mono_ns() - start >= 20000000);
    wr_cond_clear(&g.cond);
    wr_mutex_clear(&g.mutex);
}

TEST(there_is_at_least_one_cpu) { EXPECT(wr_cpu_count() >= 1); }
