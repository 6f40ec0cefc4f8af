/* mem_test.c - budgets count exactly, refuse in time, and ask holders before they refuse. */
#include "base/mem.h"
#include "base/test.h"
#include <pthread.h>

TEST(reservations_count_in_every_ancestor)
{
    wr_mem *engine = wr_mem_new(NULL, "engine", 0), *query = wr_mem_new(engine, "query", 1000);
    wr_mem *op = wr_mem_new(query, "sort", 0);
    EXPECT_OK(wr_mem_reserve(op, 600));
    EXPECT_INT(wr_mem_used(engine), 600);
    EXPECT_FAIL(wr_mem_reserve(op, 401), WR_E_MEMORY_LIMIT);
    EXPECT_INT(wr_mem_used(op), 600);
    EXPECT_INT(wr_mem_used(query), 600);
    EXPECT_OK(wr_mem_reserve(op, 400));
    wr_mem_release(op, 1000);
    EXPECT_INT(wr_mem_used(engine), 0);
    EXPECT_INT(wr_mem_peak(query), 1000);
    EXPECT_INT(wr_mem_limit(op), 1000);
    wr_mem_drop(op), wr_mem_drop(query), wr_mem_drop(engine);
}

TEST(a_refusal_names_budget_need_and_fix)
{
    wr_mem *engine = wr_mem_new(NULL, "engine", 10 << 20), *op = wr_mem_new(engine, "hash join", 0);
    weir_status s = wr_mem_reserve(op, 20 << 20);
    EXPECT_TEXT(wr_status_text(s), "the memory limit of engine (10.0 MiB) is exceeded: hash join "
                                   "needs 20.0 MiB more, 0 bytes are in use");
    EXPECT(s && s->fix && strstr(s->fix, "SET memory_limit"));
    wr_status_drop(s);
    wr_mem_drop(op), wr_mem_drop(engine);
}

typedef struct spiller {
    wr_mem *mem;
    uint64_t held;
    int asked;
} spiller;

static uint64_t give_all(void *owner, uint64_t wanted)
{
    (void)wanted;
    spiller *me = owner;
    uint64_t had = me->held;
    me->asked++;
    me->held = 0;
    wr_mem_release(me->mem, had);
    return had;
}

TEST(the_largest_holder_is_asked_first_and_only_as_needed)
{
    wr_mem *engine = wr_mem_new(NULL, "engine", 1000);
    spiller small = {wr_mem_new(engine, "small", 0), 300, 0};
    spiller large = {wr_mem_new(engine, "large", 0), 600, 0};
    EXPECT_OK(wr_mem_reserve(small.mem, 300));
    EXPECT_OK(wr_mem_reserve(large.mem, 600));
    wr_mem_set_reclaim(small.mem, give_all, &small);
    wr_mem_set_reclaim(large.mem, give_all, &large);
    wr_mem *asker = wr_mem_new(engine, "asker", 0);
    EXPECT_OK(wr_mem_reserve(asker, 500));
    EXPECT_INT(large.asked, 1);
    EXPECT_INT(small.asked, 0);
    EXPECT_FAIL(wr_mem_reserve(asker, 600), WR_E_MEMORY_LIMIT);
    EXPECT_INT(small.asked, 1);
    wr_mem_release(asker, 500);
    EXPECT_INT(wr_mem_used(engine), 0);
    wr_mem_drop(asker), wr_mem_drop(small.mem), wr_mem_drop(large.mem), wr_mem_drop(engine);
}

static uint64_t reserves_itself(void *owner, uint64_t wanted)
{
    spiller *me = owner;
    me->asked++;
    EXPECT_FAIL(wr_mem_reserve(me->mem, wanted), WR_E_MEMORY_LIMIT);
    return 0;
}

TEST(a_hook_that_reserves_does_not_recurse)
{
    wr_mem *engine = wr_mem_new(NULL, "engine", 100);
    spiller me = {wr_mem_new(engine, "op", 0), 0, 0};
    EXPECT_OK(wr_mem_reserve(me.mem, 90));
    wr_mem_set_reclaim(me.mem, reserves_itself, &me);
    EXPECT_FAIL(wr_mem_reserve(me.mem, 50), WR_E_MEMORY_LIMIT);
    EXPECT_INT(me.asked, 1);
    wr_mem_release(me.mem, 90);
    wr_mem_drop(me.mem), wr_mem_drop(engine);
}

TEST(buffers_keep_contents_while_they_grow_from_small_to_mapped)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    void *ptr = NULL;
    size_t size = 0;
    for (size_t bigger = 5; bigger < ((size_t)40 << 20); bigger = bigger * 3 + 1) {
        EXPECT_OK(wr_mem_grow(mem, &ptr, size, bigger));
        EXPECT_INT((uintptr_t)ptr % 64, 0);
        unsigned char *bytes = ptr;
        for (size_t i = 0; i < size; i += 997)
            EXPECT_INT(bytes[i], (unsigned char)i);
        for (size_t i = 0; i < bigger; i++)
            bytes[i] = (unsigned char)i;
        volatile unsigned char past = bytes[bigger + 63];
        (void)past;
        size = bigger;
    }
    wr_mem_free(mem, ptr, size);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

TEST(zalloc_is_zero)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    for (size_t size = 1; size < ((size_t)8 << 20); size = size * 5 + 3) {
        void *ptr = NULL;
        EXPECT_OK(wr_mem_zalloc(mem, size, &ptr));
        unsigned char any = 0;
        for (size_t i = 0; i < size; i++)
            any |= ((unsigned char *)ptr)[i];
        EXPECT_INT(any, 0);
        memset(ptr, 1, size);
        wr_mem_free(mem, ptr, size);
    }
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

TEST(the_nth_allocation_can_be_made_to_fail)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    void *a = NULL, *b = NULL;
    wr_mem_fail_after(2);
    EXPECT_OK(wr_mem_alloc(mem, 10, &a));
    EXPECT_FAIL(wr_mem_alloc(mem, 10, &b), WR_E_MEMORY_LIMIT);
    EXPECT(b == NULL);
    EXPECT_OK(wr_mem_alloc(mem, 10, &b));
    wr_mem_free(mem, a, 10), wr_mem_free(mem, b, 10);
    wr_mem_drop(mem);
}

TEST(an_absurd_size_is_refused)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    void *ptr = NULL;
    EXPECT_FAIL(wr_mem_alloc(mem, SIZE_MAX - 10, &ptr), WR_E_TOO_BIG);
    EXPECT_FAIL(wr_mem_alloc(mem, SIZE_MAX / 8, &ptr), WR_E_MEMORY_LIMIT);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

static void *reserve_and_release(void *arg)
{
    wr_mem *op = wr_mem_new(arg, "worker", 0);
    for (int i = 0; i < 20000; i++) {
        weir_status s = wr_mem_reserve(op, 100);
        if (!s) wr_mem_release(op, 100);
        wr_status_drop(s);
    }
    wr_mem_drop(op);
    return NULL;
}

TEST(counting_is_exact_with_many_threads)
{
    wr_mem *engine = wr_mem_new(NULL, "engine", 350);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, reserve_and_release, engine);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    EXPECT_INT(wr_mem_used(engine), 0);
    EXPECT(wr_mem_peak(engine) <= 350);
    wr_mem_drop(engine);
}

TEST(memory_that_yields_counts_as_room_and_gives_way)
{
    wr_mem *engine = wr_mem_new(NULL, "engine", 1000), *query = wr_mem_new(engine, "query", 0);
    wr_mem *cache = wr_mem_new(engine, "cache", 0);
    spiller held = {.mem = cache, .held = 600};
    wr_mem_set_yields(cache);
    wr_mem_set_reclaim(cache, give_all, &held);
    EXPECT(wr_mem_try_reserve(cache, 600));
    EXPECT_INT(wr_mem_room(query), 1000);
    EXPECT_INT(wr_mem_used(engine), 600);
    EXPECT_OK(wr_mem_reserve(query, 700));
    EXPECT_INT(held.asked, 1);
    EXPECT_INT(wr_mem_used(cache), 0);
    EXPECT_INT(wr_mem_room(query), 300);
    EXPECT(!wr_mem_try_reserve(cache, 400)); /* and nobody was asked */
    EXPECT_INT(held.asked, 1);
    wr_mem_release(query, 700);
    wr_mem_drop(cache), wr_mem_drop(query), wr_mem_drop(engine);
}
