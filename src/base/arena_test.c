/* arena_test.c */
#include "base/arena.h"
#include "base/test.h"

TEST(arena_objects_are_zeroed_and_aligned)
{
    WR_ARENA(arena);
    for (size_t size = 0; size < 5000; size += 37) {
        unsigned char *p = wr_arena_alloc(&arena, size);
        EXPECT_INT((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            if (p[i]) wr_test_failed(__FILE__, __LINE__, "byte %zu is dirty", i);
        memset(p, 0xff, size);
    }
}

TEST(arena_grow_keeps_contents_in_place_or_moved)
{
    WR_ARENA(arena);
    char *a = wr_arena_alloc(&arena, 10);
    memcpy(a, "0123456789", 10);
    char *b = wr_arena_grow(&arena, a, 10, 100);
    EXPECT(a == b);
    wr_arena_alloc(&arena, 1);
    char *c = wr_arena_grow(&arena, b, 100, 3000000);
    EXPECT(c != b && memcmp(c, "0123456789", 10) == 0 && c[10] == 0 && c[2999999] == 0);
}

TEST(arena_reset_reuses_dirty_memory_as_zeroed)
{
    WR_ARENA(arena);
    memset(wr_arena_alloc(&arena, 1000), 0xff, 1000);
    wr_arena_reset(&arena);
    char *p = wr_arena_alloc(&arena, 1000);
    for (int i = 0; i < 1000; i++)
        EXPECT(p[i] == 0);
    EXPECT_INT(arena.total, 4096);
}

TEST(arena_lists_grow_by_pushing)
{
    WR_ARENA(arena);
    WR_LIST(int) list = {0};
    for (int i = 0; i < 1000; i++)
        wr_push(&arena, &list, i);
    EXPECT_INT(list.count, 1000);
    for (int i = 0; i < 1000; i++)
        EXPECT_INT(list.items[i], i);
}

TEST(arena_text_is_terminated)
{
    WR_ARENA(arena);
    EXPECT_TEXT(wr_arena_printf(&arena, "%s-%d", "x", 12).data, "x-12");
    EXPECT_TEXT(wr_arena_str(&arena, (wr_str){"abcdef", 3}).data, "abc");
    EXPECT_TEXT(wr_arena_str(&arena, (wr_str){0}).data, "");
}
