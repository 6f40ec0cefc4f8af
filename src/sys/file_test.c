/* file_test.c - the same behaviour on the real and the simulated disk, faults, and power loss. */
#include "base/test.h"
#include "sys/file.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[64];

/* A folder of its own per test process. */
static wr_str in_scratch(const char *name)
{
    static char paths[8][128];
    static int next;
    if (!scratch[0]) {
        snprintf(scratch, sizeof scratch, "/tmp/weir-test-XXXXXX");
        EXPECT(mkdtemp(scratch) != NULL);
    }
    char *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
    return wr_str_of(path);
}

static void remove_tree(wr_str dir)
{
    WR_ARENA(arena);
    wr_path_list names;
    weir_status s = wr_fs_list(wr_fs_real(), dir, &arena, &names);
    for (int i = 0; !s && i < names.count; i++)
        remove_tree(wr_arena_printf(&arena, "%.*s/%s", WR_STR_ARGS(dir), names.paths[i].data));
    wr_status_drop(s);
    remove(wr_arena_str(&arena, dir).data);
}

static void clean_scratch(void)
{
    if (scratch[0]) remove_tree(wr_str_of(scratch));
}

static void write_text(wr_fs *fs, wr_str path, const char *text)
{
    WR_AUTO(wr_file) *file = NULL;
    EXPECT_OK(wr_file_open(fs, path, WR_FILE_REPLACE, &file));
    EXPECT_OK(wr_file_append(file, text, strlen(text)));
}

static const char *read_text(wr_fs *fs, wr_str path)
{
    static char text[2048];
    WR_AUTO(wr_file) *file = NULL;
    size_t got = 0;
    weir_status s = wr_file_open(fs, path, WR_FILE_READ, &file);
    if (!s) s = wr_file_read(file, 0, text, sizeof text - 1, &got);
    text[got] = '\0';
    if (s) snprintf(text, sizeof text, "%s", wr_code_name(s->code));
    wr_status_drop(s);
    return text;
}

static void check_file_operations(wr_fs *fs, wr_str path, wr_str other)
{
    wr_file *file = NULL;
    wr_file_stat stat;
    char bytes[16];
    size_t got;
    EXPECT_FAIL(wr_file_open(fs, path, WR_FILE_READ, &file), WR_E_FILE_NOT_FOUND);
    EXPECT_OK(wr_file_open(fs, path, WR_FILE_CREATE, &file));
    EXPECT_OK(wr_file_append(file, "hello", 5));
    EXPECT_OK(wr_file_write(file, 7, "!", 1));
    EXPECT_OK(wr_file_append(file, "?", 1));
    EXPECT_OK(wr_file_read(file, 3, bytes, sizeof bytes, &got));
    EXPECT_INT(got, 6);
    EXPECT(memcmp(bytes, "lo\0\0!?", 6) == 0);
    EXPECT_FAIL(wr_file_read_exact(file, 8, bytes, 2), WR_E_CORRUPT);
    EXPECT_OK(wr_file_read(file, 100, bytes, 1, &got));
    EXPECT_INT(got, 0);
    EXPECT_OK(wr_file_truncate(file, 2));
    EXPECT_OK(wr_file_append(file, "y", 1));
    EXPECT_OK(wr_file_sync(file));
    EXPECT_OK(wr_file_stat_of(file, &stat));
    EXPECT(stat.size == 3 && stat.is_regular && !stat.is_dir);
    EXPECT(wr_file_is_seekable(file));
    wr_file_close(file);
    EXPECT_FAIL(wr_file_open(fs, path, WR_FILE_CREATE, &file), WR_E_FILE_EXISTS);
    EXPECT_OK(wr_file_open(fs, path, WR_FILE_APPEND, &file));
    EXPECT_OK(wr_file_append(file, "z", 1));
    wr_file_close(file);
    EXPECT_TEXT(read_text(fs, path), "heyz");
    write_text(fs, other, "old");
    EXPECT_OK(wr_fs_rename(fs, path, other));
    EXPECT_TEXT(read_text(fs, other), "heyz");
    EXPECT(!wr_fs_exists(fs, path) && wr_fs_exists(fs, other));
    EXPECT_OK(wr_fs_remove(fs, other));
    EXPECT_FAIL(wr_fs_remove(fs, other), WR_E_FILE_NOT_FOUND);
    EXPECT_FAIL(wr_fs_rename(fs, path, other), WR_E_FILE_NOT_FOUND);
}

static void check_folders(wr_fs *fs, wr_str dir, wr_arena *arena)
{
    wr_str inner = wr_arena_printf(arena, "%.*s/b/c", WR_STR_ARGS(dir));
    wr_str name = wr_arena_printf(arena, "%.*s/b/f", WR_STR_ARGS(dir));
    wr_str folder = wr_arena_printf(arena, "%.*s/b", WR_STR_ARGS(dir));
    wr_path_list list;
    wr_file *file = NULL;
    EXPECT_FAIL(wr_file_open(fs, name, WR_FILE_REPLACE, &file), WR_E_FILE_NOT_FOUND);
    EXPECT_OK(wr_fs_make_dirs(fs, inner));
    EXPECT_OK(wr_fs_make_dirs(fs, inner));
    write_text(fs, name, "x");
    EXPECT_OK(wr_fs_list(fs, folder, arena, &list));
    EXPECT_INT(list.count, 2);
    EXPECT_TEXT(list.paths[0].data, "c");
    EXPECT_TEXT(list.paths[1].data, "f");
    EXPECT_OK(wr_fs_sync_dir(fs, folder));
    EXPECT_FAIL(wr_file_open(fs, folder, WR_FILE_READ, &file), WR_E_IO);
    EXPECT_FAIL(wr_fs_list(fs, WR_STR("/nowhere"), arena, &list), WR_E_FILE_NOT_FOUND);
    EXPECT_OK(wr_file_open(fs, folder, WR_FILE_TEMP, &file));
    EXPECT_OK(wr_file_append(file, "temporary", 9));
    EXPECT_OK(wr_fs_list(fs, folder, arena, &list));
    EXPECT_INT(list.count, 2);
    wr_file_close(file);
}

TEST(files_behave_on_the_real_disk)
{
    WR_ARENA(arena);
    check_file_operations(wr_fs_real(), in_scratch("a"), in_scratch("b.txt"));
    check_folders(wr_fs_real(), in_scratch("dir"), &arena);
    clean_scratch();
}

TEST(files_behave_on_the_simulated_disk)
{
    WR_ARENA(arena);
    wr_fs *sim = wr_fs_sim_new(0);
    check_file_operations(sim, WR_STR("a"), WR_STR("./b.txt"));
    check_folders(sim, WR_STR("/dir"), &arena);
    wr_fs_drop(sim);
}

TEST(paths_with_zero_bytes_or_nothing_are_refused)
{
    wr_file *file;
    EXPECT_FAIL(wr_file_open(wr_fs_real(), (wr_str){"a\0b", 3}, WR_FILE_READ, &file),
                WR_E_FILE_NOT_FOUND);
    EXPECT_FAIL(wr_file_open(wr_fs_real(), (wr_str){0}, WR_FILE_READ, &file), WR_E_FILE_NOT_FOUND);
}

TEST(pipes_are_read_in_order)
{
    int ends[2];
    EXPECT_INT(pipe(ends), 0);
    EXPECT_INT(write(ends[1], "abcdef", 6), 6);
    close(ends[1]);
    dup2(ends[0], 0);
    WR_AUTO(wr_file) *file = NULL;
    char bytes[8];
    size_t got;
    EXPECT_OK(wr_file_open(wr_fs_real(), WR_STR("/dev/stdin"), WR_FILE_READ, &file));
    EXPECT(!wr_file_is_seekable(file));
    EXPECT_OK(wr_file_read(file, 0, bytes, 2, &got));
    EXPECT_OK(wr_file_read(file, 99, bytes + 2, 6, &got));
    EXPECT(got == 4 && memcmp(bytes, "abcdef", 6) == 0);
}

TEST(a_power_loss_keeps_what_was_synced)
{
    wr_fs *sim = wr_fs_sim_new(0);
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(sim, WR_STR("f"), WR_FILE_CREATE, &file));
    EXPECT_OK(wr_file_append(file, "one", 3));
    EXPECT_OK(wr_file_sync(file));
    EXPECT_OK(wr_fs_sync_dir(sim, WR_STR(".")));
    EXPECT_OK(wr_file_append(file, "two", 3));
    wr_file_close(file);
    write_text(sim, WR_STR("unsynced_name"), "x");
    wr_fs_sim_power_loss(sim);
    EXPECT_TEXT(read_text(sim, WR_STR("f")), "one");
    EXPECT(!wr_fs_exists(sim, WR_STR("unsynced_name")));
    wr_fs_drop(sim);
}

TEST(a_rename_without_sync_of_the_folder_is_undone_by_a_power_loss)
{
    for (int synced = 0; synced < 2; synced++) {
        wr_fs *sim = wr_fs_sim_new(0);
        wr_file *file = NULL;
        for (int i = 0; i < 2; i++) {
            EXPECT_OK(wr_file_open(sim, i ? WR_STR("new") : WR_STR("old"), WR_FILE_CREATE, &file));
            EXPECT_OK(wr_file_append(file, i ? "new" : "old", 3));
            EXPECT_OK(wr_file_sync(file));
            wr_file_close(file);
        }
        EXPECT_OK(wr_fs_sync_dir(sim, WR_STR(".")));
        EXPECT_OK(wr_fs_rename(sim, WR_STR("new"), WR_STR("old")));
        if (synced) EXPECT_OK(wr_fs_sync_dir(sim, WR_STR(".")));
        wr_fs_sim_power_loss(sim);
        EXPECT_TEXT(read_text(sim, WR_STR("old")), synced ? "new" : "old");
        EXPECT(wr_fs_exists(sim, WR_STR("new")) == !synced);
        wr_fs_drop(sim);
    }
}

TEST(with_a_seed_some_unsynced_sectors_survive)
{
    wr_fs *sim = wr_fs_sim_new(7);
    wr_file *file = NULL;
    static char bytes[64 * 512], back[64 * 512];
    size_t got;
    memset(bytes, 'n', sizeof bytes);
    EXPECT_OK(wr_file_open(sim, WR_STR("f"), WR_FILE_CREATE, &file));
    EXPECT_OK(wr_fs_sync_dir(sim, WR_STR(".")));
    EXPECT_OK(wr_file_append(file, bytes, sizeof bytes));
    wr_fs_sim_power_loss(sim);
    EXPECT_OK(wr_file_read(file, 0, back, sizeof back, &got));
    int kept = 0, torn = 0;
    for (size_t i = 0; i < got; i++) {
        kept += i % 512 == 0 && back[i] == 'n';
        torn += back[i] != back[i / 512 * 512];
    }
    EXPECT(kept > 10 && kept < 54);
    EXPECT_INT(torn, 0);
    wr_file_close(file);
    wr_fs_drop(sim);
}

TEST(planned_faults_happen_at_their_call)
{
    wr_fs *sim = wr_fs_sim_new(0),
          *fs = wr_fs_fault_new(sim, "write:2:ENOSPC;sync:1+:EIO;open:3:EMFILE");
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(fs, WR_STR("f"), WR_FILE_CREATE, &file));
    EXPECT_OK(wr_file_append(file, "a", 1));
    EXPECT_FAIL(wr_file_append(file, "b", 1), WR_E_DISK_FULL);
    EXPECT_OK(wr_file_append(file, "c", 1));
    EXPECT_FAIL(wr_file_sync(file), WR_E_IO);
    EXPECT_FAIL(wr_fs_sync_dir(fs, WR_STR(".")), WR_E_IO);
    wr_file_close(file);
    EXPECT_TEXT(read_text(fs, WR_STR("f")), "ac");
    EXPECT_FAIL(wr_file_open(fs, WR_STR("f"), WR_FILE_READ, &file), WR_E_IO);
    wr_fs_drop(fs);
    wr_fs_drop(sim);
}

TEST(a_short_write_leaves_half)
{
    wr_fs *sim = wr_fs_sim_new(0), *fs = wr_fs_fault_new(sim, "write:1:SHORT");
    wr_file *file = NULL;
    EXPECT_OK(wr_file_open(fs, WR_STR("f"), WR_FILE_CREATE, &file));
    EXPECT_FAIL(wr_file_append(file, "abcd", 4), WR_E_DISK_FULL);
    wr_file_close(file);
    EXPECT_TEXT(read_text(sim, WR_STR("f")), "ab");
    wr_fs_drop(fs);
    wr_fs_drop(sim);
}

TEST(a_plan_that_cannot_be_read_ends_the_process)
{
    static const char *const bad[] = {"wirte:1:EIO", "write:0:EIO", "write:1:EWHAT", "write",
                                      "write:1"};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        pid_t child = fork();
        if (child == 0) {
            close(STDERR_FILENO);
            wr_fs_drop(wr_fs_fault_new(wr_fs_real(), bad[i]));
            _exit(0);
        }
        int how = 0;
        waitpid(child, &how, 0);
        EXPECT(WIFEXITED(how) && WEXITSTATUS(how) == 2);
    }
}

TEST(paths_split_into_folder_name_and_extension)
{
    static const struct {
        const char *path, *dir, *base, *extension;
    } cases[] = {{"a/b.csv", "a", "b.csv", "csv"},
                 {"b", ".", "b", ""},
                 {"/b", "/", "b", ""},
                 {"/", "/", "/", ""},
                 {"a/b/", "a", "b", ""},
                 {"x.csv.gz", ".", "x.csv.gz", "gz"},
                 {".profile", ".", ".profile", ""},
                 {"a.d/b", "a.d", "b", ""},
                 {"a//b", "a", "b", ""}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        wr_str path = wr_str_of(cases[i].path);
        EXPECT(wr_str_eq(wr_path_dir(path), wr_str_of(cases[i].dir)));
        EXPECT(wr_str_eq(wr_path_base(path), wr_str_of(cases[i].base)));
        EXPECT(wr_str_eq(wr_path_extension(path), wr_str_of(cases[i].extension)));
    }
}

TEST(the_temporary_folder_is_absolute) { EXPECT(wr_path_temp_dir().data[0] == '/'); }
