/* clock_test.c */
#include "base/test.h"
#include "sys/clock.h"
#include <stdlib.h>

static int64_t fixed(void *arg) { return *(int64_t *)arg; }

TEST(the_clock_can_be_replaced)
{
    int64_t now = 1234567;
    wr_clock_replace(fixed, &now);
    EXPECT_INT(wr_clock_unix_us(), 1234567);
    EXPECT_INT(wr_clock_mono_ns(), 1234567000);
    wr_clock_replace(NULL, NULL);
    EXPECT(wr_clock_unix_us() > INT64_C(1600000000000000));
}

TEST(the_monotonic_clock_advances_while_sleeping)
{
    int64_t start = wr_clock_mono_ns();
    wr_sleep_ms(5);
    EXPECT(wr_clock_mono_ns() - start >= 5000000);
    EXPECT(wr_clock_cpu_ns() > 0);
}

TEST(a_seed_repeats_the_random_numbers)
{
    wr_random_seed(42);
    uint64_t a = wr_random_u64(), b = wr_random_u64();
    wr_random_seed(42);
    EXPECT(wr_random_u64() == a && wr_random_u64() == b && a != b);
}

TEST(process_and_machine_have_a_size)
{
    EXPECT(wr_process_rss() > 100000);
    EXPECT(wr_machine_memory() > wr_process_rss());
}
