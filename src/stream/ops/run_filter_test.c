/* run_filter_test.c - the filter and the index of runs: nothing that is there is missed, whatever
 * memory there is; counts of a commit. The index in a state: session_group_test.c. */
#include "stream/ops/run_filter.h"
#include "base/test.h"

typedef struct asked {
    uint64_t wanted;
    bool is_there;
    uint64_t others;
} asked;

static void note(void *arg, uint64_t run)
{
    asked *a = arg;
    if (run == a->wanted)
        a->is_there = true;
    else
        a->others++;
}

static uint32_t hash_of(uint64_t run, uint32_t i)
{
    return (uint32_t)(run * 977 + i) * 2654435761u;
}

static uint64_t asked_in_vain(uint64_t most)
{
    enum { RUNS = 300, EACH = 400 };
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_run_filter f = {.mem = mem, .most = most};
    uint64_t others = 0;
    for (uint64_t run = 0; run < RUNS; run += 3)
        for (uint32_t i = 0; i < EACH; i++)
            EXPECT_OK(wr_run_filter_add(&f, run, hash_of(run, i)));
    if (most) EXPECT(wr_mem_used(mem) <= most + 8192);
    for (uint64_t run = 0; run < RUNS; run += 3)
        for (uint32_t i = 0; i < EACH; i++) {
            asked a = {.wanted = run};
            wr_run_filter_look(&f, hash_of(run, i), note, &a);
            EXPECT(a.is_there);
            others += a.others;
        }
    wr_run_filter_clear(&f);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
    return others;
}

TEST(every_key_is_found_in_its_run_however_little_the_filter_may_take)
{
    EXPECT(asked_in_vain(0) < 400); /* hashes that are equal */
    EXPECT(asked_in_vain(4 << 20) < 4000);
    EXPECT(asked_in_vain(1 << 20) < 40000 * 100);
}

static weir_status add_up(void *arg, uint64_t run, int64_t stored)
{
    *(int64_t *)arg += (int64_t)run * 1000 + stored;
    return WR_OK;
}

TEST(runs_that_became_empty_are_asked_no_more)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_run_filter f = {.mem = mem};
    int64_t sum = 0;
    EXPECT_OK(wr_run_filter_add(&f, 2, 5));
    EXPECT_OK(wr_run_filter_meet(&f, 70, 9)); /* may have any key */
    wr_run_filter_count(&f, 2, 3);
    wr_run_filter_count(&f, 70, -9);
    EXPECT_OK(wr_run_filter_counted(&f, add_up, &sum));
    EXPECT_INT(sum, 72003);
    asked a = {.wanted = 70};
    wr_run_filter_look(&f, 1, note, &a);
    EXPECT(a.is_there);
    wr_run_filter_uncount(&f);
    wr_run_filter_settle(&f, 80); /* the commit failed, nothing was counted */
    EXPECT_OK(wr_run_filter_add(&f, 2, 5));
    wr_run_filter_count(&f, 2, 3);
    wr_run_filter_count(&f, 70, -9);
    wr_run_filter_settle(&f, 80);
    a = (asked){.wanted = 70};
    wr_run_filter_look(&f, 1, note, &a);
    EXPECT(!a.is_there);
    a = (asked){.wanted = 2};
    wr_run_filter_look(&f, 5, note, &a);
    EXPECT(a.is_there);
    wr_run_filter_clear(&f);
    wr_mem_drop(mem);
}
