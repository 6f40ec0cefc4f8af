/* forms_test.c - an expression gives the same values whatever form its columns have and whatever
 * instruction set runs.
 *
 * Random columns are made flat; the same values are then presented narrow with a base, as
 * dictionaries and as constants, with and without a selection. Values, not forms, of the results
 * must agree, also with a plain row-by-row answer for comparisons. */
#include "base/test.h"
#include "expr/eval.h"
#include "kern/kern.h"
#include <stdio.h>

#define ROWS (WR_BATCH_ROWS < 500 ? WR_BATCH_ROWS : 500)

static wr_arena memory;
static uint64_t state = 0x2545f4914f6cdd1d;
static uint64_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

enum { FLAT, NARROW, BOUNDED, DICT, FORMS };

/* Values of 0...9 plus offset, some NULL. */
static void make_flat(const wr_type *type, int offset, bool nulls, wr_column *out)
{
    wr_column_init(out, &memory, type, type->phys, ROWS);
    for (uint32_t i = 0; i < ROWS; i++) {
        wr_i128 value = (int)(next_random() % 10) + offset;
        if (type->phys == WR_P_VIEW) {
            char *text = wr_arena_alloc(&memory, 40);
            int length =
                snprintf(text, 40, value % 2 ? "%d" : "a longer text of %d bytes", (int)value);
            ((wr_view *)out->data)[i] = wr_view_of(text, (size_t)length);
        } else if (type->phys == WR_P_F64) {
            ((double *)out->data)[i] = value == offset ? __builtin_nan("") : (double)value / 4;
        } else {
            memcpy((char *)out->data + i * wr_phys_size(type->phys), &value,
                   wr_phys_size(type->phys));
        }
        if (nulls && next_random() % 5 == 0) {
            wr_bit_clear(wr_column_need_valid(out, &memory, ROWS), i);
            if (type->phys == WR_P_VIEW)
                ((wr_view *)out->data)[i] = (wr_view){.length_ = 99, .pointer = (char *)8};
        }
    }
}

static void as_dictionary(const wr_column *flat, wr_column *out)
{
    wr_column *dict = wr_new(&memory, wr_column);
    wr_column_init(out, &memory, flat->type, WR_P_U16, ROWS);
    wr_column_copy(flat, 0, ROWS, &memory, dict);
    dict->valid = NULL;
    out->form = WR_DICTIONARY;
    out->dict = dict;
    out->dict_id = wr_dict_id_next();
    out->valid = flat->valid;
    for (uint32_t i = 0; i < ROWS; i++) {
        bool is_null = wr_column_is_null(flat, i);
        ((uint16_t *)out->data)[i] = is_null ? 65535 : (uint16_t)i;
        if (is_null && flat->type->phys == WR_P_VIEW)
            ((wr_view *)dict->data)[i] = wr_view_of("", 0);
    }
}

static void as_narrow(const wr_column *flat, int offset, wr_column *out)
{
    wr_column_init(out, &memory, flat->type, WR_P_I8, ROWS);
    out->base = offset;
    out->valid = flat->valid;
    for (uint32_t i = 0; i < ROWS; i++)
        ((int8_t *)out->data)[i] = (int8_t)(wr_column_i128(flat, i) - offset);
}

static void in_form(const wr_column *flat, int form, int offset, wr_column *out)
{
    bool is_int = wr_type_is_int_like(flat->type);
    *out = *flat;
    if (form == DICT) as_dictionary(flat, out);
    if (form == NARROW && is_int) as_narrow(flat, offset, out);
    if (form == BOUNDED && is_int) {
        out->has_bounds = true;
        out->lo = offset, out->hi = offset + 9;
    }
}

/* The selected results as text, or the message of the error. */
static void answer(wr_expr *e, wr_column *columns, const uint16_t *sel, uint32_t count, wr_buf *out)
{
    wr_program *program;
    wr_eval *ev;
    wr_column result;
    wr_batch batch = {
        .columns = columns, .column_count = 2, .rows = ROWS, .sel = sel, .sel_count = count};
    EXPECT_OK(wr_program_new(&memory, &e, 1, &program));
    EXPECT_OK(wr_eval_new(program, NULL, &ev));
    for (int twice = 0; twice < 2; twice++) { /* the second time caches are warm */
        wr_buf_clear(out);
        weir_status bad = wr_eval_run(ev, &batch, &result);
        if (bad) wr_buf_add_text(out, bad->message);
        for (uint32_t i = 0; i < wr_batch_count(&batch) && !bad; i++) {
            uint32_t row = wr_batch_row(&batch, i);
            if (wr_column_is_null(&result, row))
                wr_buf_add_text(out, "NULL");
            else
                wr_column_print(&result, row, out);
            wr_buf_add_char(out, ' ');
        }
        wr_status_drop(bad);
    }
    if (e->type == WR_BOOLEAN) {
        uint16_t kept[ROWS];
        uint32_t kept_count = wr_batch_count(&batch);
        for (uint32_t i = 0; i < kept_count; i++)
            kept[i] = (uint16_t)wr_batch_row(&batch, i);
        EXPECT_OK(wr_eval_filter(ev, &batch, kept, &kept_count));
        for (uint32_t i = 0; i < kept_count; i++)
            wr_buf_printf(out, "%u,", kept[i]);
    }
    wr_eval_drop(ev);
}

static void same_in_all_forms(const char *what, wr_expr *e, const wr_column *flat,
                              const int *offsets)
{
    uint16_t sel[ROWS];
    uint32_t count = 0;
    for (uint32_t i = 0; i < ROWS; i++)
        if (next_random() % 3) sel[count++] = (uint16_t)i;
    for (int with_sel = 0; with_sel < 2; with_sel++) {
        WR_BUF(want);
        wr_column columns[2] = {flat[0], flat[1]};
        wr_kern_use(wr_kern_at(0));
        answer(e, columns, with_sel ? sel : NULL, count, &want);
        for (int form = 0; form < FORMS * FORMS; form++) {
            WR_BUF(got);
            in_form(&flat[0], form % FORMS, offsets[0], &columns[0]);
            in_form(&flat[1], form / FORMS, offsets[1], &columns[1]);
            for (int k = 0; wr_kern_at(k); k++) {
                wr_kern_use(wr_kern_at(k));
                answer(e, columns, with_sel ? sel : NULL, count, &got);
                if (strcmp(got.data, want.data) != 0)
                    wr_test_failed(__FILE__, __LINE__,
                                   "%s: forms %d and %d differ on %s\n%.300s\n%.300s", what,
                                   form % FORMS, form / FORMS, wr_kern()->isa, got.data, want.data);
            }
        }
        wr_kern_use(NULL);
    }
}

static wr_expr *bind(const char *name, wr_expr *a, wr_expr *b)
{
    wr_expr *args[2] = {a, b}, *out = NULL;
    EXPECT_OK(wr_bind_call(&memory, NULL, wr_str_of(name), args, NULL, 2, (wr_span){0, 0}, &out));
    return out;
}

static void check_arithmetic(const wr_type *type, int first, int second)
{
    static const char *const names[] = {"+", "-", "*", "/", "%"};
    wr_column flat[2];
    make_flat(type, first, true, &flat[0]);
    make_flat(type, second, true, &flat[1]);
    wr_expr *a = wr_expr_column(&memory, 0, type), *b = wr_expr_column(&memory, 1, type);
    wr_expr *seven = wr_expr_const(&memory, wr_value_int(WR_INTEGER, 7));
    for (size_t i = 0; i < WR_COUNT(names); i++) {
        same_in_all_forms(names[i], bind(names[i], a, b), flat, (int[]){first, second});
        same_in_all_forms(names[i], bind(names[i], seven, b), flat, (int[]){first, second});
        same_in_all_forms(names[i], bind(names[i], a, seven), flat, (int[]){first, second});
    }
}

TEST(arithmetic_does_not_depend_on_forms)
{
    check_arithmetic(WR_INTEGER, 1000, 5);
    check_arithmetic(wr_type_of(WR_T_SMALLINT), 100, 1);
    check_arithmetic(WR_BIGINT, -5, 3);
    check_arithmetic(wr_type_of(WR_T_UINTEGER), 20, 1);
    check_arithmetic(wr_type_decimal(15, 2), 10000, -4);
    check_arithmetic(wr_type_decimal(30, 4), 10, 20);
}

static void check_comparisons(const wr_type *type, int first, int second)
{
    wr_column flat[2];
    make_flat(type, first, true, &flat[0]);
    make_flat(type, second, false, &flat[1]);
    wr_expr *a = wr_expr_column(&memory, 0, type), *b = wr_expr_column(&memory, 1, type);
    wr_expr *constant = wr_expr_const(&memory, wr_value_at(&flat[1], 3, &memory));
    wr_expr *list[4] = {a, constant, wr_expr_const(&memory, wr_value_at(&flat[1], 7, &memory)),
                        constant};
    wr_expr in = {.kind = WR_X_IN, .type = WR_BOOLEAN, .args = list, .arg_count = 4};
    wr_expr *parts[3] = {wr_expr_compare(&memory, WR_LT, a, b), a, b};
    wr_expr choice = {.kind = WR_X_CASE, .type = type, .args = parts, .arg_count = 3};
    for (int op = WR_EQ; op <= WR_NOT_DISTINCT; op++) {
        same_in_all_forms("columns", wr_expr_compare(&memory, (wr_compare_op)op, a, b), flat,
                          (int[]){first, second});
        same_in_all_forms("constant", wr_expr_compare(&memory, (wr_compare_op)op, a, constant),
                          flat, (int[]){first, second});
    }
    same_in_all_forms("in", &in, flat, (int[]){first, second});
    same_in_all_forms("case", &choice, flat, (int[]){first, second});
    wr_expr *both[2] = {wr_expr_compare(&memory, WR_GE, a, constant),
                        wr_expr_compare(&memory, WR_LE, a, b)};
    same_in_all_forms("and", wr_expr_and(&memory, both, 2), flat, (int[]){first, second});
    same_in_all_forms("or", wr_expr_or(&memory, both, 2), flat, (int[]){first, second});
}

TEST(conditions_do_not_depend_on_forms)
{
    check_comparisons(WR_INTEGER, 1000, 1002);
    check_comparisons(WR_BIGINT, -3, 0);
    check_comparisons(wr_type_decimal(20, 2), 50, 53);
    check_comparisons(WR_VARCHAR, 0, 1);
    check_comparisons(WR_DOUBLE, 0, 2);
    check_comparisons(wr_type_of(WR_T_DATE), 10000, 10001);
}
