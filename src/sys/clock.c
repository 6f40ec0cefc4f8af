/* clock.c - time, randomness and the size of process and machine. See clock.h.
 *
 * Random numbers are a counter run through a mixing function (splitmix64): drawing one is a single
 * atomic addition, and with a seed the numbers are the same on every run. Not for secrets. */
#include "sys/clock.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t (*_Atomic replacement)(void *);
static void *replacement_arg; /* set before replacement, read after it */

void wr_clock_replace(int64_t (*unix_us)(void *), void *arg)
{
    replacement_arg = arg;
    atomic_store(&replacement, unix_us);
}

static int64_t now_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t wr_clock_unix_us(void)
{
    int64_t (*fake)(void *) = atomic_load(&replacement);
    return fake ? fake(replacement_arg) : now_ns(CLOCK_REALTIME) / 1000;
}

int64_t wr_clock_mono_ns(void)
{
    int64_t (*fake)(void *) = atomic_load(&replacement);
    return fake ? fake(replacement_arg) * 1000 : now_ns(CLOCK_MONOTONIC);
}

int64_t wr_clock_cpu_ns(void) { return now_ns(CLOCK_PROCESS_CPUTIME_ID); }

void wr_sleep_ms(int ms)
{
    struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (ms > 0 && nanosleep(&left, &left) < 0 && errno == EINTR)
        ;
}

/* ---- randomness */

static _Atomic uint64_t random_state;

void wr_random_seed(uint64_t seed) { atomic_store(&random_state, seed); }

__attribute__((constructor)) static void seed_at_start(void)
{
    const char *text = getenv("WEIR_SEED");
    uint64_t seed = 0;
    if (text)
        seed = strtoull(text, NULL, 10);
    else if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = (uint64_t)now_ns(CLOCK_REALTIME) ^ (uint64_t)getpid() << 32;
    wr_random_seed(seed);
}

uint64_t wr_random_u64(void)
{
    const uint64_t step = UINT64_C(0x9E3779B97F4A7C15);
    uint64_t x = atomic_fetch_add_explicit(&random_state, step, memory_order_relaxed) + step;
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

/* ---- sizes */

uint64_t wr_process_rss(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    if (!file) return 0;
    unsigned long long total = 0, resident = 0;
    int fields = fscanf(file, "%llu %llu", &total, &resident);
    fclose(file);
    return fields == 2 ? resident * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t number_in(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long value = 0;
    if (!file) return 0;
    if (fscanf(file, "%llu", &value) != 1) value = 0; /* "max" */
    fclose(file);
    return value;
}

/* The smallest memory.max from the control group of this process up to the root; 0 = none. */
static uint64_t group_limit(void)
{
    char line[512], group[512] = "", path[640];
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "0::/", 4) == 0) snprintf(group, sizeof group, "%s", line + 3);
    if (file) fclose(file);
    group[strcspn(group, "\n")] = '\0';
    uint64_t smallest = number_in("/sys/fs/cgroup/memory/memory.limit_in_bytes");
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
        uint64_t limit = number_in(path);
        if (limit && (!smallest || limit < smallest)) smallest = limit;
        char *slash = strrchr(group, '/');
        if (!slash) return smallest;
        *slash = '\0';
    }
}

uint64_t wr_machine_memory(void)
{
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t limit = group_limit();
    return limit && limit < physical ? limit : physical;
}
