/* state.c - how fast a state is: 1 M random keys of 16 bytes with values of 64 in ten commits,
 * point reads, a scan, commits of 10 000 changed keys, reopening. Arguments: directory, sync (0 or
 * 1). */
#include "store/state.h"
#include "sys/clock.h"
#include <stdio.h>
#include <stdlib.h>

enum { KEYS = 1000000, COMMITS = 10, READS = 1000000, CHANGED = 10000, CHECKPOINTS = 20 };

static int64_t wall, cpu;

static void start(void)
{
    wall = wr_clock_mono_ns();
    cpu = wr_clock_cpu_ns();
}

static void told(const char *what, double count)
{
    double ms = (double)(wr_clock_mono_ns() - wall) / 1e6,
           used = (double)(wr_clock_cpu_ns() - cpu) / 1e6;
    printf("%-44s %9.1f ms, %9.1f ms CPU, %7.0f ns CPU each\n", what, ms, used, used * 1e6 / count);
}

static void need(weir_status bad)
{
    if (!bad) return;
    fprintf(stderr, "%s\n", wr_status_text(bad));
    exit(1);
}

/* Key i: always the same 16 bytes, in no order. */
static void key_of(uint64_t i, uint64_t out[2])
{
    uint64_t x = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    out[0] = x ^ x >> 27;
    out[1] = i * UINT64_C(0x94d049bb133111eb);
}

static void put(wr_state *state, uint32_t section, uint64_t i, uint64_t turn)
{
    uint64_t key[2], value[8] = {i, turn};
    key_of(i, key);
    need(wr_state_put(state, section, (wr_str){(char *)key, 16}, (wr_str){(char *)value, 64}));
}

int main(int count, char **words)
{
    if (count != 3) return 2;
    wr_str directory = wr_str_of(words[1]);
    wr_state_options options = {.create = true, .survives_losing_power = atoi(words[2]) != 0};
    wr_state *state;
    wr_state_figures figures;
    uint32_t section;
    need(wr_state_open(directory, &options, &state));
    need(wr_state_section(state, WR_STR("bench"), &section));

    start();
    for (uint64_t i = 0; i < KEYS; i++) {
        put(state, section, i, 0);
        if ((i + 1) % (KEYS / COMMITS) == 0) need(wr_state_commit(state));
    }
    told("put 1 M keys, 10 commits", KEYS);
    wr_state_figures_of(state, &figures);
    printf("%llu keys, %.0f MB on disk\n", (unsigned long long)figures.keys,
           (double)figures.bytes_on_disk / 1e6);

    start();
    for (uint64_t i = 0; i < READS; i++) {
        uint64_t key[2];
        wr_str value;
        bool found;
        key_of(i * 7919 % KEYS, key);
        need(wr_state_get(state, section, (wr_str){(char *)key, 16}, &value, &found));
        if (!found || value.length != 64) return 3;
    }
    told("1 M point reads", READS);

    start();
    wr_state_cursor *cursor;
    wr_str key, value;
    uint64_t seen = 0;
    need(wr_state_seek(state, section, WR_STR(""), &cursor));
    for (bool more = true; more; seen += more)
        need(wr_state_next(cursor, &key, &value, &more));
    wr_state_cursor_close(cursor);
    if (seen != KEYS) return 4;
    told("scan", KEYS);

    double put_ms = 0, best = 1e9, all = 0;
    int64_t cpu_all = 0;
    for (uint64_t turn = 1; turn <= CHECKPOINTS; turn++) {
        int64_t before = wr_clock_mono_ns();
        for (uint64_t i = 0; i < CHANGED; i++)
            put(state, section, (turn * 104729 + i * 7919) % KEYS, turn);
        int64_t between = wr_clock_mono_ns(), cpu_before = wr_clock_cpu_ns();
        need(wr_state_commit(state));
        double ms = (double)(wr_clock_mono_ns() - between) / 1e6;
        cpu_all += wr_clock_cpu_ns() - cpu_before;
        put_ms += (double)(between - before) / 1e6;
        if (ms < best) best = ms;
        all += ms;
    }
    printf("checkpoint of 10 000 changed keys: %.1f ms on average, %.1f at best, %.1f ms CPU, "
           "putting %.1f\n",
           all / CHECKPOINTS, best, (double)cpu_all / 1e6 / CHECKPOINTS, put_ms / CHECKPOINTS);

    wr_state_close(state);
    start();
    need(wr_state_open(directory, &options, &state));
    told("reopening", 1);
    start();
    need(wr_state_check(state));
    told("checking everything", KEYS);
    wr_state_figures_of(state, &figures);
    printf("%llu keys, %.0f MB on disk\n", (unsigned long long)figures.keys,
           (double)figures.bytes_on_disk / 1e6);
    wr_state_close(state);
    return 0;
}
