/* pages_test.c - blocks and runs stay apart, come zeroed when asked, and grow where they lie. */
#include "base/mem.h"
#include "base/pages.h"
#include "base/test.h"

enum { SOME = 2000, SIZE = 100000, LARGE = 5 << 20 };

static bool holds(const unsigned char *block, size_t size, int value)
{
    for (size_t i = 0; i < size; i += 997)
        if (block[i] != value) return false;
    return true;
}

TEST(blocks_do_not_overlap_and_come_zeroed_when_asked)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    void **blocks = wr_heap_new(SOME * sizeof *blocks);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SOME; i++) {
            EXPECT_OK(wr_mem_zalloc(mem, SIZE, &blocks[i]));
            EXPECT(holds(blocks[i], SIZE, 0));
            memset(blocks[i], i % 251 + 1, SIZE);
        }
        for (int i = 0; i < SOME; i++)
            EXPECT(holds(blocks[i], SIZE, i % 251 + 1));
        for (int i = 0; i < SOME; i++)
            wr_mem_free(mem, blocks[(i * 7 + round) % SOME], SIZE);
        if (round == 1) wr_pages_trim();
    }
    wr_heap_drop(blocks);
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

TEST(runs_of_pages_grow_and_are_used_again)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    void *runs[8];
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            EXPECT_OK(wr_mem_zalloc(mem, LARGE, &runs[i]));
            EXPECT(holds(runs[i], LARGE, 0));
            memset(runs[i], i + 1, LARGE);
        }
        wr_mem_free(mem, runs[3], LARGE);
        EXPECT_OK(wr_mem_grow(mem, &runs[2], LARGE, LARGE + LARGE / 2)); /* into the gap */
        EXPECT_OK(wr_mem_grow(mem, &runs[0], LARGE, 2 * LARGE));         /* elsewhere */
        EXPECT_OK(wr_mem_grow(mem, &runs[7], LARGE, 3 * LARGE));         /* at the end */
        for (int i = 0; i < 8; i++)
            EXPECT(i == 3 || holds(runs[i], LARGE, i + 1));
        memset(runs[0], 77, 2 * LARGE);
        memset(runs[2], 78, LARGE + LARGE / 2);
        memset(runs[7], 79, 3 * LARGE);
        for (int i = 4; i < 7; i++)
            EXPECT(holds(runs[i], LARGE, i + 1));
        for (int i = 0; i < 8; i++)
            if (i != 3)
                wr_mem_free(mem, runs[i],
                            i == 0   ? 2 * LARGE
                            : i == 2 ? LARGE + LARGE / 2
                            : i == 7 ? 3 * LARGE
                                     : LARGE);
    }
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}
