/* map_test.c */
#include "base/map.h"
#include "base/test.h"

TEST(map_finds_what_was_put_and_forgets_what_was_removed)
{
    WR_ARENA(arena);
    wr_map map = {0};
    static int values[5000];
    wr_str names[5000];
    for (int i = 0; i < 5000; i++) {
        names[i] = wr_arena_printf(&arena, "name%d", i);
        EXPECT(wr_map_put(&map, names[i], &values[i]) == NULL);
    }
    for (int i = 0; i < 5000; i += 3)
        EXPECT(wr_map_remove(&map, names[i]) == &values[i]);
    for (int i = 0; i < 5000; i++)
        EXPECT(wr_map_get(&map, names[i]) == (i % 3 ? &values[i] : NULL));
    uint32_t at = 0, seen = 0;
    wr_str key;
    void *value;
    while (wr_map_next(&map, &at, &key, &value))
        seen++;
    EXPECT_INT(seen, map.count);
    EXPECT_INT(seen, 3333);
    wr_map_clear(&map);
    EXPECT(wr_map_get(&map, names[1]) == NULL);
}

TEST(map_can_ignore_case)
{
    wr_map map = {.ignore_case = true};
    int a, b;
    EXPECT(wr_map_put(&map, WR_STR("Alpha"), &a) == NULL);
    EXPECT(wr_map_put(&map, WR_STR("ALPHA"), &b) == &a);
    EXPECT(wr_map_get(&map, WR_STR("alpha")) == &b);
    EXPECT_INT(map.count, 1);
    wr_map_clear(&map);
    EXPECT(map.ignore_case);
}

TEST(an_empty_map_and_an_empty_key_work)
{
    wr_map map = {0};
    int a;
    EXPECT(wr_map_get(&map, WR_STR("x")) == NULL);
    EXPECT(wr_map_remove(&map, WR_STR("x")) == NULL);
    wr_map_put(&map, (wr_str){0}, &a);
    EXPECT(wr_map_get(&map, WR_STR("")) == &a);
    wr_map_clear(&map);
}
