/* exact_sum_test.c - sums of doubles do not depend on order, grouping or the way they are added. */
#include "expr/fn/exact_sum.h"
#include "base/test.h"
#include <math.h>

static double sum_of(const double *values, uint32_t count)
{
    WR_ARENA(heap);
    wr_exact_sum one, many;
    wr_exact_init(&one);
    wr_exact_init(&many);
    for (uint32_t i = 0; i < count; i++)
        wr_exact_add(&one, values[i], &heap);
    wr_exact_add_many(&many, values, count, &heap);
    double a = wr_exact_read(&one), b = wr_exact_read(&many);
    EXPECT(memcmp(&a, &b, sizeof a) == 0);
    wr_exact_sum few[3] = {0};
    uint8_t *rows[3] = {(uint8_t *)&few[0], (uint8_t *)&few[1], (uint8_t *)&few[2]}, number[2048];
    for (uint32_t i = 0; i < 2048; i++)
        number[i] = (uint8_t)(i * 7 % 3);
    for (uint32_t from = 0; from < count; from += 2048) {
        uint32_t some = WR_MIN(count - from, 2048u);
        if (wr_exact_add_few(values + from, NULL, some, number, 3, rows, 0, &heap)) continue;
        for (uint32_t i = 0; i < some; i++)
            wr_exact_add(&few[number[i]], values[from + i], &heap);
    }
    wr_exact_merge(&few[0], &few[1], &heap);
    wr_exact_merge(&few[0], &few[2], &heap);
    b = wr_exact_read(&few[0]);
    EXPECT(memcmp(&a, &b, sizeof a) == 0);
    return a;
}

TEST(exact_sum_rounds_only_once)
{
    double tenths[10] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
    EXPECT(sum_of(tenths, 10) == 1.0);
    EXPECT(sum_of((double[]){1e308, 1e308, -1e308}, 3) == 1e308);
    EXPECT(sum_of((double[]){1e300, 1.0, -1e300}, 3) == 1.0);
    EXPECT(sum_of((double[]){1e-320, 1e-320}, 2) == 2e-320);
    EXPECT(sum_of((double[]){-1.5, 0.25}, 2) == -1.25);
    EXPECT(sum_of((double[]){0.0, -0.0}, 2) == 0.0);
    EXPECT(sum_of((double[]){0x1p53, 1.0}, 2) == 0x1p53);
    EXPECT(sum_of((double[]){0x1p53, 1.0, 0x1p-60}, 3) == 0x1p53 + 2);
    EXPECT(isinf(sum_of((double[]){1e308, 1e308}, 2)));
    EXPECT(isnan(sum_of((double[]){INFINITY, -INFINITY}, 2)));
}

TEST(exact_sum_is_the_same_in_any_order_and_split)
{
    enum { COUNT = 5000 };
    static double values[COUNT];
    uint64_t seed = 12345;
    for (int i = 0; i < COUNT; i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
        values[i] = ldexp((double)(int64_t)seed, (int)(seed >> 40) % 60 - 90);
    }
    double want = sum_of(values, COUNT);
    for (int parts = 1; parts <= 7; parts++) {
        WR_ARENA(heap);
        wr_exact_sum total;
        wr_exact_init(&total);
        for (int p = parts - 1; p >= 0; p--) {
            wr_exact_sum part;
            wr_exact_init(&part);
            int from = COUNT * p / parts, to = COUNT * (p + 1) / parts;
            wr_exact_add_many(&part, values + from, (uint32_t)(to - from), &heap);
            WR_BUF(saved);
            wr_exact_save(&part, &saved);
            wr_str bytes = wr_buf_str(&saved);
            EXPECT(wr_exact_load(&part, &bytes, &heap) && bytes.length == 0);
            wr_exact_merge(&total, &part, &heap);
        }
        double got = wr_exact_read(&total);
        EXPECT(memcmp(&got, &want, sizeof got) == 0);
    }
}

TEST(exact_sum_moves_its_base_and_grows_without_losing_bits)
{
    /* Each next value lies outside of what fits beside the ones before. */
    EXPECT(sum_of((double[]){1, 0x1p-60, 0x1p60, -1, -0x1p60}, 5) == 0x1p-60);
    EXPECT(sum_of((double[]){0x1p100, 0x1p-100, -0x1p100}, 3) == 0x1p-100);
    EXPECT(sum_of((double[]){0x1p-1074, 0x1p1000, -0x1p1000}, 3) == 0x1p-1074);
    EXPECT(sum_of((double[]){0x1.fffffffffffffp1023, 0x1p-1074, -0x1p1023}, 3) ==
           0x1.ffffffffffffep1022);
    EXPECT(sum_of((double[]){-0x1p-1074, -0x1p-1074, 0x1p-1073}, 3) == 0);
    WR_ARENA(heap);
    wr_exact_sum sum;
    wr_exact_init(&sum);
    for (int i = 0; i < 3000; i++) {
        wr_exact_add_int(&sum, INT64_MAX, &heap);
        wr_exact_add(&sum, 0.5, &heap);
        wr_exact_add_int(&sum, INT64_MIN, &heap);
    }
    EXPECT(wr_exact_read(&sum) == -1500);
}

TEST(exact_sum_of_one_sign_overflows_its_window_exactly)
{
    /* Doubled until no base holds the sum and a value beside it. */
    WR_ARENA(heap);
    wr_exact_sum sum;
    wr_exact_init(&sum);
    wr_exact_add(&sum, 0x1.0000000000001p0, &heap);
    for (int i = 0; i < 90; i++) {
        wr_exact_sum same = {0};
        wr_exact_merge(&same, &sum, &heap);
        wr_exact_merge(&sum, &same, &heap);
    }
    EXPECT(wr_exact_read(&sum) == 0x1.0000000000001p90);
    wr_exact_add(&sum, 0x1p-900, &heap);
    wr_exact_add(&sum, -0x1.0000000000001p90, &heap);
    EXPECT(wr_exact_read(&sum) == 0x1p-900);
}
