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
