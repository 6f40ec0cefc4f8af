/* test.h - the unit test harness: TEST(name) { EXPECT(cond); } in any *_test.c beside the code.
 *
 * All *_test.c link into one runner (build/<flavour>/weir_tests [substring...]), which forks per
 * test, kills after 60 s, and prints "N passed, N failed". A run that executed zero tests fails. */
#pragma once
#include "base/text.h"

typedef struct wr_test {
    const char *name, *file;
    void (*run)(void);
    struct wr_test *next;
} wr_test;

extern wr_test *wr_tests;
/* Reports a failure of the running test, which goes on; the macros below call it. */
void wr_test_failed(const char *file, int line, const char *fmt, ...) WR_PRINTF(3, 4);
/* Ends the running test; it counts as skipped unless it has failed already. */
_Noreturn void wr_test_skip(const char *reason);

#define TEST(id)                                                              \
    static void test_##id(void);                                              \
    __attribute__((constructor)) static void register_##id(void)              \
    {                                                                         \
        static wr_test t = {.name = #id, .file = __FILE__, .run = test_##id}; \
        t.next = wr_tests, wr_tests = &t;                                     \
    }                                                                         \
    static void test_##id(void)
#define EXPECT(cond)                                                            \
    do {                                                                        \
        if (!(cond)) wr_test_failed(__FILE__, __LINE__, "not true: %s", #cond); \
    } while (0)
#define EXPECT_INT(got, want)                                                              \
    do {                                                                                   \
        long long got_ = (long long)(got), want_ = (long long)(want);                      \
        if (got_ != want_)                                                                 \
            wr_test_failed(__FILE__, __LINE__, "%s is %lld, not %lld", #got, got_, want_); \
    } while (0)
#define EXPECT_TEXT(got, want)                                                                   \
    do {                                                                                         \
        const char *got_ = (got), *want_ = (want);                                               \
        if (strcmp(got_, want_) != 0)                                                            \
            wr_test_failed(__FILE__, __LINE__, "%s is\n    \"%s\", not\n    \"%s\"", #got, got_, \
                           want_);                                                               \
    } while (0)
#define EXPECT_OK(call)                                                                       \
    do {                                                                                      \
        weir_status got_ = (call);                                                            \
        if (got_)                                                                             \
            wr_test_failed(__FILE__, __LINE__, "%s failed: %s", #call, wr_status_text(got_)); \
        wr_status_drop(got_);                                                                 \
    } while (0)
#define EXPECT_FAIL(call, wanted_code)                                          \
    do {                                                                        \
        weir_status got_ = (call);                                              \
        if (!got_ || got_->code != (wanted_code))                               \
            wr_test_failed(__FILE__, __LINE__, "%s gave \"%s\", not %s", #call, \
                           wr_status_text(got_), #wanted_code);                 \
        wr_status_drop(got_);                                                   \
    } while (0)
