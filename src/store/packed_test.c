/* packed_test.c - rows of every type and form as bytes and back, exactly. */
#include "store/packed.h"
#include "store/keys.h"
#include "store/random_column_test.h"
#include "store/state_file.h"

enum { ROWS = 16, COLUMNS_MAX = 12 };

typedef struct table {
    wr_arena arena;
    wr_column columns[COLUMNS_MAX], back[COLUMNS_MAX];
    wr_growing growing[COLUMNS_MAX];
    int count;
} table;

static void make_table(table *t)
{
    const wr_type *types[RANDOM_TYPES];
    int count = random_types(types);
    *t = (table){.count = dice(COLUMNS_MAX + 1)};
    for (int i = 0; i < t->count; i++) {
        random_column(&t->columns[i], types[dice(count)], ROWS, &t->arena);
        wr_growing_init(&t->growing[i], &t->back[i], t->columns[i].type, &t->arena);
    }
}

TEST(rows_come_back_exactly)
{
    wr_random_seed(21);
    for (int round = 0; round < 500; round++) {
        table t;
        WR_BUF(packed);
        WR_BUF(again);
        make_table(&t);
        for (uint32_t row = 0; row < ROWS; row++)
            wr_row_append(&packed, t.columns, t.count, row);
        wr_str rest = wr_buf_str(&packed);
        for (uint32_t row = 0; row < ROWS; row++) {
            EXPECT_OK(wr_row_read(&rest, t.growing, t.count, &t.arena));
            for (int i = 0; i < t.count; i++)
                if (t.back[i].rows != row + 1 ||
                    wr_column_cmp(&t.columns[i], row, &t.back[i], row) != 0)
                    wr_test_failed(__FILE__, __LINE__, "%s is another",
                                   wr_type_name(t.columns[i].type));
            wr_row_append(&again, t.back, t.count, row);
        }
        EXPECT_INT(rest.length, 0);
        /* The same bytes: -0 is no 0, 24 hours are no day, a NaN keeps its bits. */
        EXPECT(wr_str_eq(wr_buf_str(&packed), wr_buf_str(&again)));
        wr_arena_clear(&t.arena);
    }
}

TEST(rows_that_are_cut_off_or_of_another_shape_are_refused)
{
    wr_random_seed(22);
    for (int round = 0; round < 100; round++) {
        table t;
        WR_BUF(packed);
        make_table(&t);
        wr_row_append(&packed, t.columns, t.count, 3);
        for (size_t length = 0; length < packed.length; length++) {
            char *exact = wr_heap_copy(packed.data, length);
            wr_str rest = {exact, length};
            EXPECT_FAIL(wr_row_read(&rest, t.growing, t.count, &t.arena), WR_E_CORRUPT);
            wr_heap_drop(exact);
        }
        wr_str rest = wr_buf_str(&packed);
        if (t.count)
            EXPECT_FAIL(wr_row_read(&rest, t.growing, t.count - 1, &t.arena), WR_E_CORRUPT);
        packed.data[0] = WR_PACKED_VERSION + 1;
        EXPECT_FAIL(wr_row_read(&rest, t.growing, t.count, &t.arena), WR_E_STATE_VERSION);
        wr_arena_clear(&t.arena);
    }
}

TEST(damaged_rows_give_values_or_errors)
{
    wr_random_seed(23);
    int refused = 0;
    for (int round = 0; round < 5000; round++) {
        table t;
        WR_BUF(packed);
        make_table(&t);
        wr_row_append(&packed, t.columns, t.count, 5);
        for (int i = dice(3); i >= 0; i--)
            packed.data[dice((int)packed.length)] ^= (char)(1 << dice(8));
        wr_str rest = wr_buf_str(&packed);
        weir_status bad = wr_row_read(&rest, t.growing, t.count, &t.arena);
        refused += bad != WR_OK;
        EXPECT(!bad || bad->code == WR_E_CORRUPT || bad->code == WR_E_STATE_VERSION);
        wr_status_drop(bad);
        wr_arena_clear(&t.arena);
    }
    EXPECT(refused > 500);
}

TEST(small_numbers_take_few_bytes)
{
    WR_ARENA(arena);
    WR_BUF(packed);
    wr_column c[2];
    wr_column_init(&c[0], &arena, WR_BIGINT, WR_P_I64, 1);
    wr_column_init(&c[1], &arena, WR_BIGINT, WR_P_I64, 1);
    ((int64_t *)c[0].data)[0] = -3;
    ((int64_t *)c[1].data)[0] = 1000;
    wr_row_append(&packed, c, 2, 0);
    EXPECT_INT(packed.length, 3 + 1 + 2);
}

/* States outlive the weir that wrote them: these bytes never change without a new version. */
TEST(what_is_written_stays_readable)
{
    WR_ARENA(arena);
    WR_BUF(packed);
    WR_BUF(key);
    WR_BUF(hex);
    wr_column c[5];
    const wr_type *types[] = {wr_type_of(WR_T_TIMESTAMP), WR_DOUBLE, WR_VARCHAR,
                              wr_type_decimal(18, 2), wr_type_of(WR_T_UTINYINT)};
    for (int i = 0; i < 5; i++)
        wr_column_init(&c[i], &arena, types[i], types[i]->phys, 1);
    ((int64_t *)c[0].data)[0] = -1000000;
    ((double *)c[1].data)[0] = 1.5;
    ((wr_view *)c[2].data)[0] = wr_view_of("a\0b", 3);
    ((int64_t *)c[3].data)[0] = 12345;
    wr_bit_clear(wr_column_need_valid(&c[4], &arena, 1), 0);
    wr_row_append(&packed, c, 5, 0);
    for (int i = 0; i < 5; i++)
        wr_key_append(&key, &c[i], 0, i == 3 ? WR_KEY_DESCENDING : WR_KEY_ASCENDING);
    for (size_t i = 0; i < packed.length; i++)
        wr_buf_printf(&hex, "%02x", (uint8_t)packed.data[i]);
    wr_buf_add_char(&hex, ' ');
    for (size_t i = 0; i < key.length; i++)
        wr_buf_printf(&hex, "%02x", (uint8_t)key.data[i]);
    EXPECT_TEXT(hex.data, "010510ff887a000000000000f83f03610062f2c001 "
                          "017ffffffffff0bdc001bff8000000000000016100ff620000"
                          "017fffffffffffcfc602");
    EXPECT(wr_state_checksum(WR_STR("key"), WR_STR("value")) == UINT64_C(0xb19fcf792e11118e));
}
