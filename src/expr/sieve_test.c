/* sieve_test.c - bad rows are told, once each, and the others stay in their order. */
#include "base/test.h"
#include "expr/sieve.h"

typedef struct told {
    wr_bad_rows base;
    wr_buf text;
    int left; /* how many may be told */
} told;

static weir_status keep(wr_bad_rows *self, const wr_batch *in, uint32_t row, weir_status why)
{
    told *t = (told *)self;
    EXPECT(row < in->rows);
    if (t->left-- == 0) return wr_status_copy(why);
    wr_buf_printf(&t->text, "%u ", row);
    return WR_OK;
}

/* 100 // (row % 5 - 1) of the rows of a batch, those that are odd only if asked. */
typedef struct kit {
    wr_arena arena;
    wr_eval *eval;
    wr_column column;
    wr_batch batch;
    uint16_t sel[WR_BATCH_ROWS];
    told told;
} kit;

static void kit_open(kit *k, uint32_t rows, bool odd)
{
    wr_program *program;
    wr_expr *args[2], *division;
    *k = (kit){.told = {.base.tell = keep, .left = -1}};
    args[0] = wr_expr_const(&k->arena, wr_value_int(WR_BIGINT, 100));
    args[1] = wr_expr_column(&k->arena, 0, WR_BIGINT);
    EXPECT_OK(wr_bind_call(&k->arena, NULL, WR_STR("//"), args, NULL, 2, (wr_span){0}, &division));
    EXPECT_OK(wr_program_new(&k->arena, &division, 1, &program));
    EXPECT_OK(wr_eval_new(program, NULL, &k->eval));
    wr_column_init(&k->column, &k->arena, WR_BIGINT, WR_P_I64, rows + 1);
    k->column.rows = rows;
    k->batch = (wr_batch){.columns = &k->column, .column_count = 1, .rows = rows};
    for (uint32_t i = 0; i < rows; i++) {
        ((int64_t *)k->column.data)[i] = (int64_t)i % 5 - 1;
        if (odd && i % 2) k->sel[k->batch.sel_count++] = (uint16_t)i;
    }
    if (odd) k->batch.sel = k->sel;
}

static void kit_close(kit *k)
{
    wr_eval_drop(k->eval);
    wr_buf_clear(&k->told.text);
    wr_arena_clear(&k->arena);
}

TEST(rows_that_fail_are_told_and_the_others_are_calculated)
{
    enum { ROWS = WR_BATCH_ROWS < 100 ? WR_BATCH_ROWS : 100 };
    for (int odd = 0; odd < 2; odd++) {
        kit k;
        WR_BUF(want);
        wr_column out;
        wr_sieve *sieve = NULL;
        const wr_batch *kept;
        kit_open(&k, ROWS, odd);
        EXPECT_OK(wr_eval_run_sieved(k.eval, &k.batch, &k.told.base, &sieve, &out, &kept));
        uint32_t at = 0;
        for (uint32_t i = 0; i < ROWS; i++) {
            if (odd && i % 2 == 0) continue;
            if (i % 5 == 1) {
                wr_buf_printf(&want, "%u ", i);
                continue;
            }
            EXPECT_INT(wr_batch_row(kept, at++), i);
            EXPECT_INT(wr_column_int(&out, i), i % 5 == 0 ? -100 : 100 / (int)(i % 5 - 1));
        }
        EXPECT_INT(wr_batch_count(kept), at);
        EXPECT(wr_str_eq(wr_buf_str(&k.told.text), wr_buf_str(&want)));
        wr_heap_drop(sieve);
        kit_close(&k);
    }
}

TEST(who_is_told_can_end_it)
{
    kit k;
    wr_column out;
    wr_sieve *sieve = NULL;
    const wr_batch *kept;
    kit_open(&k, WR_MIN(WR_BATCH_ROWS, 7), false);
    EXPECT_FAIL(wr_eval_run_sieved(k.eval, &k.batch, NULL, &sieve, &out, &kept),
                WR_E_DIVISION_BY_ZERO);
    k.told.left = 0;
    EXPECT_FAIL(wr_eval_run_sieved(k.eval, &k.batch, &k.told.base, &sieve, &out, &kept),
                WR_E_DIVISION_BY_ZERO);
    static const struct {
        wr_code code;
        bool is_row, is_fatal, expected;
    } cases[] = {{WR_E_BAD_VALUE, false, false, true},  {WR_E_OUT_OF_RANGE, false, false, true},
                 {WR_E_CANCELLED, false, false, false}, {WR_E_MEMORY_LIMIT, false, false, false},
                 {WR_E_HOST, true, false, true},        {WR_E_HOST, true, true, false}};
    for (size_t i = 0; i < WR_COUNT(cases); i++) {
        weir_status why = wr_fail(cases[i].code, "x");
        if (cases[i].is_fatal) why = wr_with_fatal(why);
        if (cases[i].is_row) why = wr_with_row(why);
        weir_status copy = wr_status_copy(why);
        EXPECT(wr_is_of_row(why) == cases[i].expected && wr_is_of_row(copy) == cases[i].expected);
        wr_status_drop(copy);
        wr_status_drop(why);
    }
    wr_heap_drop(sieve);
    kit_close(&k);
}
