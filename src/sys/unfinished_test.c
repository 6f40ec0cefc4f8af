/* unfinished_test.c - whose files are left alone and whose go. */
#include "base/test.h"
#include "sys/unfinished.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *name_beside(const char *path)
{
    static char names[4][400];
    static int next;
    char *text = names[next++ % 4];
    WR_BUF(name);
    wr_unfinished_name(wr_str_of(path), &name);
    snprintf(text, sizeof names[0], "%s", name.data);
    return text;
}

/* A name that a process made which is no more. */
static const char *name_of_the_dead(const char *path)
{
    static char name[400];
    int ends[2];
    EXPECT(pipe(ends) == 0);
    pid_t child = fork();
    if (child == 0) {
        const char *own = name_beside(path);
        _exit(write(ends[1], own, strlen(own)) < 0);
    }
    EXPECT(waitpid(child, NULL, 0) == child);
    ssize_t length = read(ends[0], name, sizeof name - 1);
    name[length > 0 ? length : 0] = '\0';
    close(ends[0]);
    close(ends[1]);
    return name;
}

static bool is_removed(const char *path)
{
    wr_fs *sim = wr_fs_sim_new(0);
    wr_file *file = NULL;
    EXPECT_OK(wr_fs_make_dirs(sim, WR_STR("d")));
    EXPECT_OK(wr_file_open(sim, wr_str_of(path), WR_FILE_CREATE, &file));
    wr_file_close(file);
    bool said = wr_unfinished_remove(sim, wr_str_of(path));
    EXPECT(wr_fs_exists(sim, wr_str_of(path)) == !said);
    wr_fs_drop(sim);
    return said;
}

/* The name with one digit changed: the digit-th behind the mark. */
static const char *changed(const char *name, int digit)
{
    static char copy[400];
    snprintf(copy, sizeof copy, "%s", name);
    char *at = strstr(copy, ".tmp-") + 5 + digit;
    *at = *at == '1' ? '2' : '1';
    return copy;
}

TEST(no_two_names_are_equal_and_all_stand_beside_their_place)
{
    const char *one = name_beside("some/where/a.csv"), *two = name_beside("some/where/a.csv");
    EXPECT(strcmp(one, two) != 0);
    EXPECT(strncmp(one, "some/where/a.csv.tmp-", 21) == 0);
    EXPECT(wr_unfinished_is(wr_str_of(one)) && wr_unfinished_is(wr_str_of(two)));
}

TEST(a_name_has_room_in_a_folder_however_long_that_of_the_file_is)
{
    char path[300] = "d/";
    for (int i = 0; i < 125; i++)
        memcpy(path + 2 + 2 * i, "\xc3\xa9", 3);
    wr_str name = wr_str_of(name_beside(path));
    EXPECT(wr_unfinished_is(name));
    EXPECT(wr_path_base(name).length <= 255);
    EXPECT(wr_utf8_valid(name.data, name.length));
}

TEST(the_file_of_a_living_process_stays)
{
    EXPECT(!is_removed(name_beside("a.csv")));
    EXPECT(!is_removed(name_beside("d/a.tmp-1.csv")));
}

TEST(the_file_of_a_dead_process_goes)
{
    EXPECT(is_removed(name_of_the_dead("a.csv")));
    EXPECT(is_removed(name_of_the_dead("d/b.parquet")));
}

TEST(the_number_of_a_dead_process_may_have_been_given_again)
{
    /* place(8) - boot(8) - process - begun: this process, begun at another time */
    const char *own = name_beside("a.csv");
    const char *process = strstr(own, ".tmp-") + 5 + 18;
    int begun = 18 + (int)(strchr(process, '-') - process) + 1;
    EXPECT(is_removed(changed(own, begun)));
}

TEST(what_was_left_before_the_last_start_of_the_machine_goes)
{
    EXPECT(is_removed(changed(name_beside("a.csv"), 9)));
}

TEST(what_another_machine_left_stays)
{
    EXPECT(!is_removed(changed(name_of_the_dead("a.csv"), 0)));
}

TEST(names_that_only_look_alike_stay)
{
    static const char *const names[] = {
        "a.csv",
        "a.tmp-1",
        "a.csv.tmp-0123abcd",
        "a.tmp-00000000-00000000-0-1-1",
        "a.tmp-00000000-00000000-1-1",
        "a.tmp-00000000-00000000-1-1-1-1",
        "a.tmp-00000000-00000000-1-1-1.csv",
        "a.tmp-0000000g-00000000-1-1-1",
        "a.tmp-000000001-00000000-1-1-1",
        "a.tmp-00000000-00000000-ffffffff-1-1",
        "a.tmp--00000000-1-1-1",
        "a.tmp-",
    };
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        EXPECT(!wr_unfinished_is(wr_str_of(names[i])));
        EXPECT(!is_removed(names[i]));
    }
}

TEST(a_sweep_goes_through_one_folder)
{
    wr_fs *sim = wr_fs_sim_new(0);
    char dead[2][420];
    snprintf(dead[0], sizeof dead[0], "%s", name_of_the_dead("d/a.csv"));
    snprintf(dead[1], sizeof dead[1], "%s", name_of_the_dead("d/e/a.csv"));
    const char *paths[] = {dead[0], dead[1], name_beside("d/a.csv"), "d/a.csv"};
    EXPECT_OK(wr_fs_make_dirs(sim, WR_STR("d/e")));
    for (int i = 0; i < 4; i++) {
        wr_file *file = NULL;
        EXPECT_OK(wr_file_open(sim, wr_str_of(paths[i]), WR_FILE_CREATE, &file));
        wr_file_close(file);
    }
    wr_unfinished_sweep(sim, WR_STR("d"));
    wr_unfinished_sweep(sim, WR_STR("nowhere"));
    EXPECT(!wr_fs_exists(sim, wr_str_of(paths[0])));
    for (int i = 1; i < 4; i++)
        EXPECT(wr_fs_exists(sim, wr_str_of(paths[i])));
    wr_fs_drop(sim);
}
