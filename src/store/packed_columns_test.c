/* packed_columns_test.c - columns of every type and form as bytes and back, exactly. */
#include "store/packed_columns.h"
#include "store/random_column_test.h"

enum { ROWS = WR_BATCH_ROWS < 50 ? WR_BATCH_ROWS : 50 };

static bool is_same(const wr_column *a, const wr_column *b, uint32_t row)
{
    if (wr_column_is_null(a, row) != wr_column_is_null(b, row)) return false;
    return wr_column_is_null(a, row) || wr_column_cmp(a, row, b, row) == 0;
}

TEST(columns_of_every_type_come_back_exactly)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types);
    wr_random_seed(23);
    for (int round = 0; round < 1000; round++) {
        WR_ARENA(arena);
        WR_BUF(packed);
        WR_BUF(again);
        wr_column column, back;
        const wr_type *type = types[round % count];
        uint32_t rows = (uint32_t)dice(ROWS + 1);
        random_column(&column, type, ROWS, &arena);
        wr_column_append(&packed, &column, rows, &arena);
        wr_str rest = wr_buf_str(&packed);
        EXPECT_OK(wr_column_read(&rest, type, rows, &arena, &back));
        EXPECT_INT(rest.length, 0);
        for (uint32_t i = 0; i < rows; i++)
            if (!is_same(&column, &back, i))
                wr_test_failed(__FILE__, __LINE__, "%s is another", wr_type_name(type));
        /* The same bytes: -0 is no 0, a NaN keeps its bits. */
        wr_column_append(&again, &back, rows, &arena);
        EXPECT(wr_str_eq(wr_buf_str(&packed), wr_buf_str(&again)));
    }
}

TEST(columns_that_are_cut_off_or_changed_are_refused_or_read_as_something_else)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types);
    wr_random_seed(24);
    for (int round = 0; round < 1000; round++) {
        WR_ARENA(arena);
        WR_BUF(packed);
        wr_column column, back;
        const wr_type *type = types[round % count];
        random_column(&column, type, ROWS, &arena);
        wr_column_append(&packed, &column, ROWS, &arena);
        /* A copy of just that length, so that reading beyond it is seen. */
        size_t length = (size_t)dice((int)packed.length);
        wr_str rest = {wr_heap_copy(packed.data, length), length};
        weir_status bad = wr_column_read(&rest, type, ROWS, &arena, &back);
        EXPECT(bad != NULL);
        wr_status_drop(bad);
        wr_heap_drop((char *)rest.data - (length - rest.length));
        packed.data[dice((int)packed.length)] ^= (char)(1 << dice(8));
        rest = wr_buf_str(&packed);
        wr_status_drop(wr_column_read(&rest, type, ROWS, &arena, &back));
    }
}

TEST(numbers_take_the_bytes_their_differences_need)
{
    static const struct {
        int64_t low, high;
        size_t bytes;
    } wanted[] = {{7, 7, 9},
                  {-100, 155, 11},
                  {-1, 255, 13},
                  {INT64_MAX - 65536, INT64_MAX, 17},
                  {INT64_MIN, INT64_MAX, 17},
                  {INT64_MIN, INT64_MIN, 9}};
    for (size_t i = 0; i < WR_COUNT(wanted); i++) {
        WR_BUF(out);
        int64_t values[2] = {wanted[i].high, wanted[i].low}, back[2];
        uint32_t count = WR_MIN((uint32_t)WR_BATCH_ROWS, 2u);
        wr_words_append(&out, values, count);
        if (count == 2) EXPECT_INT(out.length, wanted[i].bytes);
        wr_str rest = wr_buf_str(&out);
        EXPECT_OK(wr_words_read(&rest, back, count));
        EXPECT_INT(rest.length, 0);
        EXPECT(memcmp(values, back, count * sizeof *values) == 0);
    }
}
