/* glob_test.c - patterns over a small simulated tree, and links over a real one. */
#include "base/test.h"
#include "sys/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static wr_fs *tree(void)
{
    static const char *const files[] = {
        "d/a.csv",      "d/b.csv",   "d/b.txt",        "d/.hidden.csv", "d/x/a.csv", "d/x/y/a.csv",
        "d/.git/a.csv", "d/[1].csv", "d/\xc3\xa9.csv", "d/ab.csv",      "e/a.csv"};
    wr_fs *sim = wr_fs_sim_new(0);
    for (size_t i = 0; i < WR_COUNT(files); i++) {
        wr_file *file = NULL;
        EXPECT_OK(wr_fs_make_dirs(sim, wr_path_dir(wr_str_of(files[i]))));
        EXPECT_OK(wr_file_open(sim, wr_str_of(files[i]), WR_FILE_CREATE, &file));
        wr_file_close(file);
    }
    return sim;
}

/* The names found, joined by blanks. */
static const char *found(const char *pattern)
{
    static char text[1024];
    WR_ARENA(arena);
    wr_fs *sim = tree();
    wr_path_list list;
    size_t length = 0;
    text[0] = '\0';
    EXPECT_OK(wr_fs_glob(sim, wr_str_of(pattern), &arena, &list));
    for (int i = 0; i < list.count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%s%.*s", i ? " " : "",
                                   WR_STR_ARGS(list.paths[i]));
    wr_fs_drop(sim);
    return text;
}

TEST(wildcards_match_within_one_folder)
{
    EXPECT_TEXT(found("d/*.csv"), "d/[1].csv d/a.csv d/ab.csv d/b.csv d/\xc3\xa9.csv");
    EXPECT_TEXT(found("d/?.csv"), "d/a.csv d/b.csv d/\xc3\xa9.csv");
    EXPECT_TEXT(found("*/a.csv"), "d/a.csv e/a.csv");
    EXPECT_TEXT(found("./d/a*"), "./d/a.csv ./d/ab.csv");
    EXPECT_TEXT(found("d/.h*"), "d/.hidden.csv");
    EXPECT_TEXT(found("d/*b*.*v"), "d/ab.csv d/b.csv");
}

TEST(sets_match_one_character)
{
    EXPECT_TEXT(found("d/[ab].csv"), "d/a.csv d/b.csv");
    EXPECT_TEXT(found("d/[b-z].csv"), "d/b.csv");
    EXPECT_TEXT(found("d/[!a].csv"), "d/b.csv");
    EXPECT_TEXT(found("d/[^a].csv"), "d/b.csv");
    EXPECT_TEXT(found("d/a[.]csv"), "d/a.csv");
    EXPECT_TEXT(found("d/a[.csv"), "");
}

TEST(braces_are_alternatives)
{
    EXPECT_TEXT(found("d/{a,b}.csv"), "d/a.csv d/b.csv");
    EXPECT_TEXT(found("{d/{a,b},e/a}.csv"), "d/a.csv d/b.csv e/a.csv");
    EXPECT_TEXT(found("d/b.{csv,txt}"), "d/b.csv d/b.txt");
    EXPECT_TEXT(found("d/{a,a,*b}.csv"), "d/a.csv d/ab.csv d/b.csv");
    EXPECT_TEXT(found("d/a{,b}.csv"), "d/a.csv d/ab.csv");
    EXPECT_TEXT(found("d/{a"), "");
}

TEST(two_stars_stand_for_any_depth)
{
    EXPECT_TEXT(found("d/**/a.csv"), "d/a.csv d/x/a.csv d/x/y/a.csv");
    EXPECT_TEXT(found("**/y/*"), "d/x/y/a.csv");
    EXPECT_TEXT(found("d/x/**"), "d/x/a.csv d/x/y/a.csv");
}

TEST(a_name_that_exists_is_itself_whatever_it_contains)
{
    EXPECT_TEXT(found("d/[1].csv"), "d/[1].csv");
    EXPECT_TEXT(found("d/\\[1\\].c*"), "d/[1].csv");
    EXPECT_TEXT(found("d/a.csv"), "d/a.csv");
    EXPECT_TEXT(found("d/none.csv"), "");
    EXPECT_TEXT(found("d/x"), "");
    EXPECT_TEXT(found(""), "");
    EXPECT(wr_path_has_glob(WR_STR("a*")) && !wr_path_has_glob(WR_STR("a/b.csv")));
}

TEST(patterns_that_explode_are_refused)
{
    WR_ARENA(arena);
    WR_BUF(pattern);
    wr_path_list list;
    for (int i = 0; i < 15; i++)
        wr_buf_add_text(&pattern, "{a,b}");
    EXPECT_FAIL(wr_fs_glob(wr_fs_real(), wr_buf_str(&pattern), &arena, &list), WR_E_TOO_BIG);
    for (int i = 0; i < 15; i++)
        wr_buf_add_text(&pattern, "{a,b}");
    EXPECT_FAIL(wr_fs_glob(wr_fs_real(), wr_buf_str(&pattern), &arena, &list), WR_E_TOO_BIG);
    EXPECT_TEXT(found("d/*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b"), "");
}

TEST(links_that_go_round_in_circles_end)
{
    WR_ARENA(arena);
    char dir[] = "/tmp/weir-test-XXXXXX";
    EXPECT(mkdtemp(dir) != NULL);
    const char *link = wr_arena_printf(&arena, "%s/loop", dir).data;
    const char *name = wr_arena_printf(&arena, "%s/f", dir).data;
    wr_file *file = NULL;
    wr_path_list list;
    EXPECT_INT(symlink(dir, link), 0);
    EXPECT_OK(wr_file_open(wr_fs_real(), wr_str_of(name), WR_FILE_CREATE, &file));
    wr_file_close(file);
    EXPECT_OK(wr_fs_glob(wr_fs_real(), wr_arena_printf(&arena, "%s/**/f", dir), &arena, &list));
    EXPECT_INT(list.count, 1);
    remove(link), remove(name), rmdir(dir);
}
