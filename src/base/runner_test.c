/* runner_test.c - runs every registered TEST in a process of its own.
 *
 * A fork per test keeps a crash, a leak of state or an endless loop from spoiling the others. A
 * child reports through its exit code: 0 passed, 1 failed, 77 skipped; anything else, or a signal,
 * is a crash. Arguments are substrings of "file:name"; a test runs when any of them matches. -l
 * lists. */
#include "base/test.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { TIMEOUT_SECONDS = 60, EXIT_SKIPPED = 77 };

wr_test *wr_tests;
static bool failed;
static const char *current = "";

void wr_test_failed(const char *file, int line, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%s:%d: %s: ", file, line, current);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    failed = true;
}

_Noreturn void wr_test_skip(const char *reason)
{
    fprintf(stderr, "skipped: %s: %s\n", current, reason);
    _exit(failed ? 1 : EXIT_SKIPPED);
}

static bool is_wanted(const wr_test *test, int count, char **words)
{
    if (count == 0) return true;
    char name[512];
    snprintf(name, sizeof name, "%s:%s", test->file, test->name);
    for (int i = 0; i < count; i++)
        if (strstr(name, words[i])) return true;
    return false;
}

/* Returns the exit code of the child, or 1 after telling what killed it. */
static int run_one(const wr_test *test)
{
    current = test->name;
    fflush(NULL);
    pid_t child = fork();
    if (child < 0) {
        perror("fork");
        exit(2);
    }
    if (child == 0) {
        alarm(TIMEOUT_SECONDS);
        test->run();
        fflush(NULL);
        /* exit, not _exit: leak checkers report at exit. */
        exit(failed ? 1 : 0);
    }
    int how = 0;
    waitpid(child, &how, 0);
    if (WIFSIGNALED(how)) {
        const char *why = WTERMSIG(how) == SIGALRM ? "took too long" : strsignal(WTERMSIG(how));
        fprintf(stderr, "%s: %s: %s\n", test->file, test->name, why);
        return 1;
    }
    return WEXITSTATUS(how);
}

/* Constructors register in reverse order of the source; turn the list round. */
static wr_test *in_source_order(wr_test *list)
{
    wr_test *turned = NULL;
    while (list) {
        wr_test *next = list->next;
        list->next = turned;
        turned = list;
        list = next;
    }
    return turned;
}

int main(int argc, char **argv)
{
    bool only_list = argc > 1 && strcmp(argv[1], "-l") == 0;
    int skip_words = only_list ? 2 : 1, passed = 0, failures = 0, skipped = 0;
    for (wr_test *test = in_source_order(wr_tests); test; test = test->next) {
        if (!is_wanted(test, argc - skip_words, argv + skip_words)) continue;
        if (only_list) {
            printf("%s:%s\n", test->file, test->name);
            continue;
        }
        int code = run_one(test);
        if (code == 0)
            passed++;
        else if (code == EXIT_SKIPPED)
            skipped++;
        else {
            failures++;
            printf("FAILED %s:%s\n", test->file, test->name);
        }
    }
    if (only_list) return 0;
    printf("%d passed, %d failed", passed, failures);
    if (skipped) printf(", %d skipped", skipped);
    printf("\n");
    return failures || passed == 0 ? 1 : 0;
}
