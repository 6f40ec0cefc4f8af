/* kern_test.c - every table gives what plain C gives, on random data with NULLs and selections. */
#include "base/test.h"
#include "col/hash.h"
#include "kern/kern.h"

#define N 1000

static uint64_t state = 88172645463325252u;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static bool plainly(int op, int64_t a, int64_t b)
{
    bool answers[] = {a == b, a != b, a<b, a <= b, a> b, a >= b};
    return answers[op];
}

static void check_compare(const wr_kern_table *kern, const int32_t *a, const int32_t *b,
                          const uint64_t *valid, int op)
{
    uint8_t truth[N + 64];
    uint16_t rows[N + 64], sel[N], want[N];
    uint32_t count = 0, sel_count = 0;
    kern->compare->column[op][WR_P_I32](a, b, truth, N);
    for (int i = 0; i < N; i++) {
        if (truth[i] != plainly(op, a[i], b[i]))
            wr_test_failed(__FILE__, __LINE__, "%s op %d row %d", kern->isa, op, i);
        if (plainly(op, a[i], b[i]) && wr_bit_get(valid, (size_t)i)) want[count++] = (uint16_t)i;
        if (i % 3 == 0) sel[sel_count++] = (uint16_t)i;
    }
    EXPECT_INT(kern->compare->select(truth, valid, N, rows), count);
    EXPECT(memcmp(rows, want, count * 2) == 0);
    uint32_t kept = kern->compare->constant_sel[op][WR_P_I32](a, b, sel, sel_count, sel),
             expected = 0;
    for (int i = 0; i < N; i += 3)
        if (plainly(op, a[i], b[0])) EXPECT_INT(sel[expected++], i);
    EXPECT_INT(kept, expected);
}

TEST(every_instruction_set_compares_and_selects_alike)
{
    int32_t a[N], b[N];
    uint64_t valid[N / 64 + 1];
    for (int i = 0; i < N; i++) {
        a[i] = (int32_t)(next_random() % 16) - 8;
        b[i] = (int32_t)(next_random() % 16) - 8;
        valid[i / 64] = next_random();
    }
    const wr_kern_table *kern;
    for (int k = 0; (kern = wr_kern_at(k)); k++)
        for (int op = 0; op < WR_K_COMPARES; op++)
            check_compare(kern, a, b, valid, op);
}

TEST(floating_comparisons_put_nan_last)
{
    double nan = __builtin_nan(""), a[4] = {1, nan, nan, 2}, b[4] = {nan, nan, 1, 2};
    uint8_t truth[64];
    const wr_kern_table *kern;
    for (int k = 0; (kern = wr_kern_at(k)); k++) {
        kern->compare->column[WR_K_LT][WR_P_F64](a, b, truth, 4);
        EXPECT(truth[0] && !truth[1] && !truth[2] && !truth[3]);
        kern->compare->column[WR_K_EQ][WR_P_F64](a, b, truth, 4);
        EXPECT(!truth[0] && truth[1] && !truth[2] && truth[3]);
        kern->compare->column[WR_K_GE][WR_P_F64](a, b, truth, 4);
        EXPECT(!truth[0] && truth[1] && truth[2] && truth[3]);
    }
}

static void check_hashes(const wr_kern_table *kern, wr_column *columns, int count,
                         const uint16_t *sel, uint32_t rows)
{
    WR_ARENA(arena);
    uint64_t *hashes = wr_new_array(&arena, uint64_t, rows);
    wr_kern_use(kern);
    wr_kern_hash_rows(columns, count, sel, rows, &arena, hashes);
    for (uint32_t i = 0; i < rows; i++) {
        uint32_t row = sel ? sel[i] : i;
        uint64_t want = wr_column_hash(&columns[0], row);
        for (int c = 1; c < count; c++)
            want = wr_hash_combine(want, wr_column_hash(&columns[c], row));
        if (want != hashes[i])
            wr_test_failed(__FILE__, __LINE__, "%s: hash of row %u differs", kern->isa, row);
    }
    wr_kern_use(NULL);
}

TEST(hashes_of_rows_equal_hashes_of_values)
{
    WR_ARENA(arena);
    wr_column c[4], dict;
    wr_column_init(&c[0], &arena, WR_BIGINT, WR_P_I8, N);
    wr_column_init(&c[1], &arena, WR_VARCHAR, WR_P_VIEW, N);
    wr_column_init(&c[2], &arena, WR_DOUBLE, WR_P_F64, N);
    wr_column_init(&dict, &arena, WR_VARCHAR, WR_P_VIEW, 2);
    wr_column_init(&c[3], &arena, WR_VARCHAR, WR_P_U8, N);
    ((wr_view *)dict.data)[0] = wr_view_of("something longer than twelve", 28);
    ((wr_view *)dict.data)[1] = wr_view_of("short", 5);
    c[3].form = WR_DICTIONARY;
    c[3].dict = &dict;
    c[0].base = 100;
    uint16_t sel[N / 2];
    for (int i = 0; i < N; i++) {
        ((int8_t *)c[0].data)[i] = (int8_t)next_random();
        ((wr_view *)c[1].data)[i] = wr_view_of("abcdefghijklmnopqrstuvwxyz", next_random() % 20);
        ((double *)c[2].data)[i] = i % 5 ? (double)(next_random() % 9) : -0.0;
        ((uint8_t *)c[3].data)[i] = next_random() & 1;
        if (i % 7 == 0) wr_bit_clear(wr_column_need_valid(&c[i % 3], &arena, N), (size_t)i);
        if (i % 2 == 0) sel[i / 2] = (uint16_t)i;
    }
    const wr_kern_table *kern;
    for (int k = 0; (kern = wr_kern_at(k)); k++) {
        check_hashes(kern, c, 4, NULL, N);
        check_hashes(kern, c, 4, sel, N / 2);
    }
}
