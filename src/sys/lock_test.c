/* lock_test.c - one holder at a time, in one process or several, and none after its death. */
#include "base/test.h"
#include "sys/lock.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static wr_str path(void)
{
    static char name[128];
    if (!name[0]) snprintf(name, sizeof name, "/tmp/weir-lock-test-%d", getpid());
    return wr_str_of(name);
}

TEST(a_lock_is_held_once_and_names_its_holder)
{
    wr_lock *first, *second;
    EXPECT_OK(wr_lock_take(path(), &first));
    EXPECT_FAIL(wr_lock_take(path(), &second), WR_E_BUSY);
    pid_t child = fork();
    if (child == 0) {
        char name[32];
        snprintf(name, sizeof name, "process %d", getppid());
        weir_status bad = wr_lock_take(path(), &second);
        _exit(bad && bad->code == WR_E_BUSY && strstr(bad->message, name) ? 0 : 1);
    }
    int how = 1;
    waitpid(child, &how, 0);
    EXPECT_INT(how, 0);
    wr_lock_drop(first);
    EXPECT_OK(wr_lock_take(path(), &second));
    wr_lock_drop(second);
    unlink(path().data);
}

static bool is_there(wr_str name) { return access(name.data, F_OK) == 0; }

TEST(a_brief_lock_leaves_no_file)
{
    wr_lock *first, *second;
    EXPECT_OK(wr_lock_take_brief(path(), &first));
    EXPECT(is_there(path()));
    EXPECT_FAIL(wr_lock_take_brief(path(), &second), WR_E_BUSY);
    wr_lock_drop(first);
    EXPECT(!is_there(path()));
    EXPECT_OK(wr_lock_take_nearby(WR_STR("/usr"), &first));
    EXPECT_FAIL(wr_lock_take_nearby(WR_STR("/usr/../usr"), &second), WR_E_BUSY);
    EXPECT_OK(wr_lock_take_nearby(WR_STR("/"), &second));
    wr_lock_drop(first);
    wr_lock_drop(second);
}

/* Processes that take it in turns count without losing one, though the file goes each time. */
TEST(a_brief_lock_has_one_holder_at_a_time)
{
    enum { PROCESSES = 4, TIMES = 300 };
    char counter[160];
    long count = 0;
    snprintf(counter, sizeof counter, "%s-count", path().data);
    for (int p = 0; p < PROCESSES; p++) {
        if (fork() != 0) continue;
        for (int i = 0; i < TIMES;) {
            wr_lock *lock;
            weir_status bad = wr_lock_take_brief(path(), &lock);
            if (bad) {
                if (bad->code != WR_E_BUSY) _exit(1);
                wr_status_drop(bad);
                continue;
            }
            long before = 0;
            FILE *file = fopen(counter, "r");
            if (file && (fscanf(file, "%ld", &before) != 1 || fclose(file) != 0)) _exit(2);
            file = fopen(counter, "w");
            if (!file || fprintf(file, "%ld", before + 1) < 0 || fclose(file) != 0) _exit(3);
            wr_lock_drop(lock);
            i++;
        }
        _exit(0);
    }
    for (int p = 0; p < PROCESSES; p++) {
        int how = 1;
        wait(&how);
        EXPECT_INT(how, 0);
    }
    FILE *file = fopen(counter, "r");
    EXPECT(file && fscanf(file, "%ld", &count) == 1 && fclose(file) == 0);
    EXPECT_INT(count, PROCESSES * TIMES);
    EXPECT(!is_there(path()));
    unlink(counter);
}

TEST(a_lock_ends_with_its_process)
{
    int ready[2];
    char c = 0;
    wr_lock *lock;
    path();
    if (pipe(ready)) exit(1);
    pid_t child = fork();
    if (child == 0) {
        weir_status bad = wr_lock_take(path(), &lock);
        if (bad || write(ready[1], &c, 1) != 1) _exit(1);
        pause();
    }
    EXPECT_INT(read(ready[0], &c, 1), 1);
    EXPECT_FAIL(wr_lock_take(path(), &lock), WR_E_BUSY);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    EXPECT_OK(wr_lock_take(path(), &lock));
    wr_lock_drop(lock);
    unlink(path().data);
}
