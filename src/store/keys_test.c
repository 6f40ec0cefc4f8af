/* keys_test.c - bytes of keys against the comparison of the engine, for every type and form. */
#include "store/keys.h"
#include "store/random_column_test.h"

enum { ROWS = 24, ROUNDS = 25 };

static int sign(int v) { return (v > 0) - (v < 0); }

static void key_of(const wr_column *c, uint32_t row, unsigned flags, wr_buf *out)
{
    out->length = 0;
    wr_key_append(out, c, row, flags);
}

/* As ORDER BY with the flags has it. */
static int order_of(const wr_column *a, uint32_t i, const wr_column *b, uint32_t j, unsigned flags)
{
    bool a_null = wr_column_is_null(a, i), b_null = wr_column_is_null(b, j);
    if (a_null || b_null) return flags & WR_KEY_NULLS_FIRST ? b_null - a_null : a_null - b_null;
    int order = sign(wr_column_cmp(a, i, b, j));
    return flags & WR_KEY_DESCENDING ? -order : order;
}

TEST(keys_of_any_type_and_form_are_in_the_order_of_the_values)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types);
    wr_random_seed(3);
    for (int t = 0; t < count; t++)
        for (int round = 0; round < ROUNDS; round++) {
            WR_ARENA(arena);
            WR_BUF(x);
            WR_BUF(y);
            wr_column a, b;
            unsigned flags = (unsigned)round % 4;
            random_column(&a, types[t], ROWS, &arena);
            random_column(&b, types[t], ROWS, &arena);
            for (uint32_t i = 0; i < ROWS; i++)
                for (uint32_t j = 0; j < ROWS; j++) {
                    key_of(&a, i, flags, &x);
                    key_of(&b, j, flags, &y);
                    int want = order_of(&a, i, &b, j, flags);
                    int got = sign(wr_str_cmp(wr_buf_str(&x), wr_buf_str(&y)));
                    if (got != want)
                        wr_test_failed(__FILE__, __LINE__, "%s, flags %u: %d, not %d",
                                       wr_type_name(types[t]), flags, got, want);
                }
        }
}

TEST(keys_of_several_columns_compare_column_by_column)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types);
    wr_random_seed(5);
    for (int round = 0; round < 200; round++) {
        WR_ARENA(arena);
        WR_BUF(x);
        WR_BUF(y);
        wr_column c[3];
        unsigned flags[3];
        for (int k = 0; k < 3; k++) {
            random_column(&c[k], types[dice(count)], ROWS, &arena);
            flags[k] = (unsigned)dice(4);
        }
        for (uint32_t i = 0; i < ROWS; i++)
            for (uint32_t j = 0; j < ROWS; j++) {
                int want = 0;
                x.length = y.length = 0;
                for (int k = 0; k < 3; k++) {
                    wr_key_append(&x, &c[k], i, flags[k]);
                    wr_key_append(&y, &c[k], j, flags[k]);
                    if (!want) want = order_of(&c[k], i, &c[k], j, flags[k]);
                }
                EXPECT_INT(sign(wr_str_cmp(wr_buf_str(&x), wr_buf_str(&y))), want);
            }
    }
}

TEST(keys_are_read_back_as_equal_values_and_never_beyond_their_end)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types);
    wr_random_seed(9);
    for (int t = 0; t < count; t++)
        for (int round = 0; round < ROUNDS; round++) {
            WR_ARENA(arena);
            WR_BUF(key);
            wr_column c, back;
            wr_growing g;
            unsigned flags = (unsigned)round % 4;
            random_column(&c, types[t], ROWS, &arena);
            wr_growing_init(&g, &back, types[t], &arena);
            for (uint32_t i = 0; i < ROWS; i++)
                wr_key_append(&key, &c, i, flags);
            wr_str rest = wr_buf_str(&key);
            for (uint32_t i = 0; i < ROWS; i++) {
                EXPECT_OK(wr_key_read(&rest, flags, &g, &arena));
                EXPECT_INT(back.rows, i + 1);
                if (wr_column_cmp(&c, i, &back, i) != 0)
                    wr_test_failed(__FILE__, __LINE__, "%s is not equal", wr_type_name(types[t]));
            }
            EXPECT_INT(rest.length, 0);
            key_of(&c, 0, flags, &key);
            for (size_t length = 0; length < key.length; length++) {
                char *exact = wr_heap_copy(key.data, length); /* nothing behind it to be read */
                rest = (wr_str){exact, length};
                EXPECT_FAIL(wr_key_read(&rest, flags, &g, &arena), WR_E_CORRUPT);
                wr_heap_drop(exact);
            }
        }
}

TEST(damaged_keys_give_values_or_errors)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types), refused = 0;
    wr_random_seed(13);
    for (int round = 0; round < 3000; round++) {
        WR_ARENA(arena);
        WR_BUF(key);
        wr_column c, back;
        wr_growing g;
        const wr_type *type = types[dice(count)];
        random_column(&c, type, 4, &arena);
        key_of(&c, 1, 0, &key);
        key.data[dice((int)key.length)] ^= (char)(1 << dice(8));
        wr_growing_init(&g, &back, dice(2) ? type : types[dice(count)], &arena);
        wr_str rest = wr_buf_str(&key);
        weir_status bad = wr_key_read(&rest, 0, &g, &arena);
        refused += bad != WR_OK;
        EXPECT(!bad || bad->code == WR_E_CORRUPT);
        wr_status_drop(bad);
    }
    EXPECT(refused > 300);
}

TEST(long_keys_are_cut_and_stay_different)
{
    WR_BUF(a);
    WR_BUF(b);
    wr_buf_add_text(&a, "in front");
    EXPECT(!wr_key_fit(&a, 8, 100));
    for (int i = 0; i < 1000; i++)
        wr_buf_add_char(&a, 'x');
    wr_buf_add_str(&b, wr_buf_str(&a));
    wr_buf_add_char(&b, 'y');
    EXPECT(wr_key_fit(&a, 8, 100));
    EXPECT(wr_key_fit(&b, 8, 100));
    EXPECT_INT(a.length, 108);
    EXPECT_INT(b.length, 108);
    EXPECT(memcmp(a.data, b.data, 92) == 0);
    EXPECT(memcmp(a.data, b.data, 108) != 0);
}

TEST(after_a_prefix_comes_its_successor)
{
    WR_BUF(out);
    wr_key_after_prefix(WR_STR("ab"), &out);
    EXPECT_TEXT(out.data, "ac");
    wr_key_after_prefix(WR_STR("a\xff\xff"), &out);
    EXPECT_TEXT(out.data, "b");
    wr_key_after_prefix(WR_STR("\xff"), &out);
    EXPECT_INT(out.length, 0);
}
