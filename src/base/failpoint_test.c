/* failpoint_test.c - statics are reached by including the source under other names. */
#define wr_failpoint_armed armed_here
#define wr_failpoint_hit hit_here
#include "base/failpoint.c"
#include "base/test.h"
#include <sys/wait.h>
#include <unistd.h>

static void arm_text(const char *text)
{
    char copy[64];
    snprintf(copy, sizeof copy, "%s", text);
    arm(copy);
}

static weir_status passes(void)
{
    WR_FAILPOINT(file_write);
    return WR_OK;
}

TEST(an_unarmed_failpoint_does_nothing) { EXPECT_OK(passes()); }

TEST(an_error_failpoint_fails_at_the_named_hit_only)
{
    arm_text("file_write=error@2");
    EXPECT_OK(passes());
    EXPECT_FAIL(passes(), WR_E_IO);
    EXPECT_OK(passes());
}

TEST(a_kill_failpoint_kills)
{
    pid_t child = fork();
    if (child == 0) {
        arm_text("file_write=kill");
        wr_status_drop(passes());
        _exit(0);
    }
    int how = 0;
    waitpid(child, &how, 0);
    EXPECT(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
}

TEST(a_saying_failpoint_names_itself_on_standard_error)
{
    int ends[2];
    char got[64] = {0};
    EXPECT_INT(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        arm_text("file_write=say:1@2");
        wr_status_drop(passes());
        wr_status_drop(passes());
        raise(SIGKILL); /* nothing waits in a buffer */
    }
    waitpid(child, NULL, 0);
    EXPECT(read(ends[0], got, sizeof got - 1) > 0);
    EXPECT_TEXT(got, "failpoint file_write\n");
    close(ends[0]);
    close(ends[1]);
}

TEST(a_misspelt_failpoint_ends_the_process)
{
    static const char *const bad[] = {"nothing=kill", "file_write=explode", "file_write",
                                      "file_write=kill@0", "file_write=says"};
    for (size_t i = 0; i < WR_COUNT(bad); i++) {
        pid_t child = fork();
        if (child == 0) {
            close(STDERR_FILENO);
            arm_text(bad[i]);
            _exit(0);
        }
        int how = 0;
        waitpid(child, &how, 0);
        EXPECT(WIFEXITED(how) && WEXITSTATUS(how) == 2);
    }
}
