/* eval.c - how long the hot expressions take per row: a product of decimals, conjunctive filters,
 * row hashes.
 *
 * Build: bench/micro/run.sh. Prints nanoseconds per row, the best of several runs, one batch in the
 * cache. */
#include "expr/eval.h"
#include "kern/kern.h"
#include "sys/clock.h"
#include <stdio.h>

#define ROWS WR_BATCH_ROWS
#define ROUNDS 2000

static wr_arena memory;

static void fill(wr_column *c, const wr_type *type, wr_phys phys, int lo, int hi)
{
    static uint64_t state = 88172645463325252u;
    wr_column_init(c, &memory, type, phys, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17;
        int64_t value = lo + (int64_t)(state % (uint64_t)(hi - lo + 1));
        memcpy((char *)c->data + i * wr_phys_size(phys), &value, wr_phys_size(phys));
    }
    c->has_bounds = true, c->lo = lo, c->hi = hi;
}

static wr_expr *call(const char *name, wr_expr *a, wr_expr *b)
{
    wr_expr *args[2] = {a, b}, *out = NULL;
    wr_status_drop(
        wr_bind_call(&memory, NULL, wr_str_of(name), args, NULL, 2, (wr_span){0, 0}, &out));
    return out;
}

static wr_expr *compare(wr_compare_op op, wr_expr *column, int64_t value)
{
    return wr_expr_compare(&memory, op, column,
                           wr_expr_const(&memory, wr_value_int(column->type, value)));
}

static void report(const char *what, int64_t best)
{
    printf("%-8s %-34s %6.2f ns/row\n", wr_kern()->isa, what, (double)best / ROUNDS / ROWS);
}

static void measure(const char *what, wr_expr *e, const wr_batch *batch, bool is_filter)
{
    wr_program *program;
    wr_eval *ev;
    wr_column result;
    static uint16_t all[ROWS], sel[ROWS];
    for (uint32_t i = 0; i < ROWS; i++)
        all[i] = (uint16_t)i;
    wr_status_drop(wr_program_new(&memory, &e, 1, &program));
    wr_status_drop(wr_eval_new(program, NULL, &ev));
    int64_t best = INT64_MAX;
    for (int run = 0; run < 5; run++) {
        int64_t began = wr_clock_mono_ns();
        for (int round = 0; round < ROUNDS; round++) {
            uint32_t count = ROWS;
            memcpy(sel, all, sizeof sel);
            wr_status_drop(is_filter ? wr_eval_filter(ev, batch, sel, &count)
                                     : wr_eval_run(ev, batch, &result));
        }
        best = WR_MIN(best, wr_clock_mono_ns() - began);
    }
    report(what, best);
    wr_eval_drop(ev);
}

static void measure_hash(const wr_column *columns, int count)
{
    static uint64_t hashes[ROWS];
    wr_arena scratch = {0};
    int64_t best = INT64_MAX;
    for (int run = 0; run < 5; run++) {
        int64_t began = wr_clock_mono_ns();
        for (int round = 0; round < ROUNDS; round++) {
            wr_kern_hash_rows(columns, count, NULL, ROWS, &scratch, hashes);
            wr_arena_reset(&scratch);
        }
        best = WR_MIN(best, wr_clock_mono_ns() - began);
    }
    report("hash of two integer columns", best);
    wr_arena_clear(&scratch);
}

int main(void)
{
    wr_column c[4];
    const wr_type *money = wr_type_decimal(15, 2), *date = wr_type_of(WR_T_DATE);
    fill(&c[0], money, WR_P_I32, 90000, 10494950);
    fill(&c[1], money, WR_P_I8, 0, 10);
    fill(&c[2], date, WR_P_I16, 8036, 10591);
    fill(&c[3], money, WR_P_I16, 100, 5000);
    wr_batch batch = {.columns = c, .column_count = 4, .rows = ROWS};
    wr_expr *price = wr_expr_column(&memory, 0, money),
            *discount = wr_expr_column(&memory, 1, money);
    wr_expr *shipped = wr_expr_column(&memory, 2, date),
            *quantity = wr_expr_column(&memory, 3, money);
    wr_expr *one = wr_expr_const(&memory, wr_value_int(WR_INTEGER, 1));
    wr_expr *conjuncts[] = {compare(WR_GE, shipped, 8766), compare(WR_LT, shipped, 9131),
                            compare(WR_GE, discount, 5), compare(WR_LE, discount, 7),
                            compare(WR_LT, quantity, 2400)};
    const wr_kern_table *kern;
    for (int k = 0; (kern = wr_kern_at(k)); k++) {
        wr_kern_use(kern);
        measure("price * (1 - discount)", call("*", price, call("-", one, discount)), &batch,
                false);
        measure("filter: date < constant", compare(WR_LT, shipped, 9131), &batch, true);
        measure("filter: five conjuncts", wr_expr_and(&memory, conjuncts, 5), &batch, true);
        measure_hash(c, 2);
    }
    wr_arena_clear(&memory);
    return 0;
}
