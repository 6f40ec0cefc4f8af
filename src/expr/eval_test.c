/* eval_test.c - calls, casts and conditions give what SQL says. */
#include "base/test.h"
#include "expr/eval.h"

static wr_arena memory;

static wr_expr *text(const char *s)
{
    wr_expr *e = wr_expr_const(&memory, wr_value_text(wr_str_of(s)));
    e->is_untyped = true;
    return e;
}

static wr_expr *integer(int64_t v) { return wr_expr_const(&memory, wr_value_int(WR_INTEGER, v)); }

/* A value written as text and read as a type by its name. */
static wr_expr *typed(const wr_type *type, const char *s)
{
    wr_expr *e = NULL;
    EXPECT_OK(wr_bind_cast(&memory, text(s), type, false, (wr_span){0, 0}, &e));
    return e;
}

static wr_expr *decimal(int precision, int scale, const char *s)
{
    return typed(wr_type_decimal(precision, scale), s);
}

static weir_status call2(const char *name, wr_expr *a, wr_expr *b, wr_buf *out)
{
    wr_expr *args[2] = {a, b}, *call;
    wr_value value;
    WR_TRY(wr_bind_call(&memory, NULL, wr_str_of(name), args, NULL, b ? 2 : 1, (wr_span){0, 0},
                        &call));
    WR_TRY(wr_expr_fold(&memory, NULL, call, &value));
    wr_value_print(&value, out);
    return WR_OK;
}

static void expect_call(const char *name, wr_expr *a, wr_expr *b, const char *want)
{
    WR_BUF(out);
    EXPECT_OK(call2(name, a, b, &out));
    EXPECT_TEXT(out.data ? out.data : "", want);
}

static void expect_call_fails(const char *name, wr_expr *a, wr_expr *b, wr_code code)
{
    WR_BUF(out);
    EXPECT_FAIL(call2(name, a, b, &out), code);
}

static weir_status cast(const char *value, const wr_type *from, const wr_type *to, bool is_try,
                        wr_buf *out)
{
    wr_value in, result;
    wr_value as_text = wr_value_text(wr_str_of(value));
    WR_TRY(wr_expr_fold(&memory, NULL,
                        wr_expr_raw_cast(&memory, wr_expr_const(&memory, as_text), from, false),
                        &in));
    WR_TRY(wr_expr_fold(
        &memory, NULL, wr_expr_raw_cast(&memory, wr_expr_const(&memory, in), to, is_try), &result));
    wr_value_print(&result, out);
    return WR_OK;
}

static void expect_cast(const char *value, const wr_type *from, const wr_type *to, const char *want)
{
    WR_BUF(out);
    EXPECT_OK(cast(value, from, to, false, &out));
    EXPECT_TEXT(out.data ? out.data : "", want);
}

TEST(integer_operators_follow_postgresql)
{
    expect_call("+", integer(7), integer(2), "9");
    expect_call("/", integer(-7), integer(2), "-3");
    expect_call("%", integer(-7), integer(3), "-1");
    expect_call("//", integer(7), integer(2), "3");
    expect_call("-", integer(5), NULL, "-5");
    expect_call("^", integer(2), integer(10), "1024");
    expect_call("#", integer(12), integer(10), "6");
    expect_call("+", text("5"), integer(3), "8");
    expect_call_fails("+", integer(INT32_MAX), integer(1), WR_E_OUT_OF_RANGE);
    expect_call_fails("/", integer(1), integer(0), WR_E_DIVISION_BY_ZERO);
    expect_call("+", typed(WR_BIGINT, "2147483647"), integer(1), "2147483648");
    expect_call_fails("*", typed(WR_BIGINT, "9223372036854775807"), integer(2), WR_E_OUT_OF_RANGE);
}

TEST(decimal_operators_are_exact)
{
    expect_call("+", decimal(3, 2, "0.06"), decimal(3, 2, "0.01"), "0.07");
    expect_call("*", decimal(15, 2, "9999999999999.99"), decimal(15, 2, "9999999999999.99"),
                "99999999999999800000000000.0001");
    expect_call("-", integer(1), decimal(3, 2, "0.05"), "0.95");
    expect_call("/", decimal(3, 1, "10.0"), decimal(2, 0, "4"), "2.5000000000000000");
    expect_call("/", decimal(3, 1, "1.0"), integer(3), "0.3333333333333333");
    expect_call("%", decimal(3, 1, "7.5"), integer(2), "1.5");
    expect_call_fails("*", decimal(38, 0, "99999999999999999999999999999999999999"), integer(10),
                      WR_E_OUT_OF_RANGE);
}

TEST(casts_round_and_check_ranges)
{
    const wr_type *tiny = wr_type_of(WR_T_TINYINT);
    expect_cast("2.5", WR_DOUBLE, WR_INTEGER, "2");
    expect_cast("3.5", WR_DOUBLE, WR_INTEGER, "4");
    expect_cast("2.5", wr_type_decimal(3, 1), WR_INTEGER, "3");
    expect_cast("-2.5", wr_type_decimal(3, 1), WR_INTEGER, "-3");
    expect_cast("1.005", WR_DOUBLE, wr_type_decimal(5, 2), "1.01");
    expect_cast("12", WR_INTEGER, wr_type_decimal(5, 2), "12.00");
    expect_cast("true", WR_BOOLEAN, WR_INTEGER, "1");
    expect_cast("-12.25", wr_type_decimal(5, 2), WR_DOUBLE, "-12.25");
    expect_cast("9007199254740993", WR_BIGINT, WR_DOUBLE, "9.007199254740992e+15");
    expect_cast("\\x0aff", wr_type_of(WR_T_BLOB), WR_VARCHAR, "\\x0aff");
    expect_cast("[1, NULL, 3]", wr_type_list(WR_INTEGER), wr_type_list(WR_DOUBLE), "[1, NULL, 3]");
    expect_cast("{1,2}", WR_VARCHAR, wr_type_array(WR_INTEGER, 2), "[1, 2]");
    expect_cast("{a=1, b=2}", WR_VARCHAR, wr_type_map(WR_VARCHAR, WR_INTEGER), "{a=1, b=2}");
    wr_field fields[2] = {{WR_STR("a"), WR_INTEGER}, {WR_STR("b"), WR_VARCHAR}};
    expect_cast("{'a': 1, 'b': 'x, y'}", WR_VARCHAR, wr_type_struct(fields, 2),
                "{'a': 1, 'b': 'x, y'}");
    WR_BUF(out);
    EXPECT_FAIL(cast("300", WR_INTEGER, tiny, false, &out), WR_E_OUT_OF_RANGE);
    EXPECT_FAIL(cast("1e40", WR_DOUBLE, WR_BIGINT, false, &out), WR_E_OUT_OF_RANGE);
    EXPECT_OK(cast("300", WR_INTEGER, tiny, true, &out));
    EXPECT_TEXT(out.data, "NULL");
    weir_status bad = cast("abc", WR_INTEGER, WR_INTEGER, false, &out);
    EXPECT_TEXT(bad->message, "cannot read \"abc\" as INTEGER");
    wr_status_drop(bad);
}

TEST(dates_move_by_days_and_intervals)
{
    const wr_type *date = wr_type_of(WR_T_DATE);
    expect_call("+", typed(date, "2024-02-28"), integer(2), "2024-03-01");
    expect_call("-", typed(date, "2024-03-01"), text("2024-02-01"), "29");
    expect_call("+", typed(date, "2024-01-31"), text("1 month"), "2024-02-29 00:00:00");
    expect_cast("2024-03-01", date, wr_type_of(WR_T_TIMESTAMP), "2024-03-01 00:00:00");
}

TEST(intervals_and_zones_follow_postgresql)
{
    const wr_type *interval = wr_type_of(WR_T_INTERVAL), *stamp = wr_type_of(WR_T_TIMESTAMP);
    expect_call("-", typed(stamp, "2024-01-03 12:00"), typed(stamp, "2024-01-01 00:00"),
                "2 days 12:00:00");
    expect_call("*", typed(interval, "1 hour"), typed(WR_DOUBLE, "2.5"), "02:30:00");
    expect_call("-", typed(interval, "1 mon -1 day"), NULL, "-1 mons +1 day");
    expect_call("+", typed(wr_type_of(WR_T_TIME), "23:00"), typed(interval, "2 hours"), "01:00:00");
    expect_cast("2024-07-01 12:00:00+02", wr_type_of(WR_T_TIMESTAMPTZ), WR_VARCHAR,
                "2024-07-01 10:00:00+00");
    expect_cast("infinity", wr_type_of(WR_T_DATE), stamp, "infinity");
    WR_BUF(out);
    EXPECT_FAIL(cast("2023-02-30", WR_VARCHAR, wr_type_of(WR_T_DATE), false, &out),
                WR_E_DATETIME_OVERFLOW);
    EXPECT_FAIL(cast("soon", WR_VARCHAR, stamp, false, &out), WR_E_BAD_DATETIME);
}

TEST(unknown_functions_name_what_exists)
{
    WR_BUF(out);
    weir_status bad = call2("+", wr_expr_bool(&memory, true), integer(1), &out);
    EXPECT(bad && bad->code == WR_E_UNKNOWN_FUNCTION);
    EXPECT_TEXT(bad->message, "operator + does not take BOOLEAN and INTEGER");
    EXPECT(strstr(bad->detail, "(date, integer) -> date"));
    wr_status_drop(bad);
    expect_call_fails("no_such_thing", integer(1), NULL, WR_E_UNKNOWN_FUNCTION);
}

/* ---- batches ---- */

static void ints(wr_column *c, int count, const int *values)
{
    wr_column_init(c, &memory, WR_INTEGER, WR_P_I32, (uint32_t)count);
    for (int i = 0; i < count; i++) {
        ((int32_t *)c->data)[i] = values[i];
        if (values[i] == -99)
            wr_bit_clear(wr_column_need_valid(c, &memory, (uint32_t)count), (size_t)i);
    }
}

static wr_expr *compare(wr_compare_op op, wr_expr *a, wr_expr *b)
{
    return wr_expr_compare(&memory, op, a, b);
}

static void expect_filter(wr_expr *e, const wr_batch *batch, const char *want)
{
    wr_program *program;
    wr_eval *ev;
    uint16_t sel[16];
    uint32_t count = batch->rows;
    WR_BUF(out);
    for (uint16_t i = 0; i < count; i++)
        sel[i] = i;
    EXPECT_OK(wr_program_new(&memory, &e, 1, &program));
    EXPECT_OK(wr_eval_new(program, NULL, &ev));
    EXPECT_OK(wr_eval_filter(ev, batch, sel, &count));
    for (uint32_t i = 0; i < count; i++)
        wr_buf_printf(&out, "%u ", sel[i]);
    EXPECT_TEXT(out.data ? out.data : "", want);
    wr_eval_drop(ev);
}

static void expect_values(wr_expr *e, const wr_batch *batch, const char *want)
{
    wr_program *program;
    wr_eval *ev;
    wr_column result;
    WR_BUF(out);
    EXPECT_OK(wr_program_new(&memory, &e, 1, &program));
    EXPECT_OK(wr_eval_new(program, NULL, &ev));
    EXPECT_OK(wr_eval_run(ev, batch, &result));
    for (uint32_t i = 0; i < batch->rows; i++) {
        if (wr_column_is_null(&result, i))
            wr_buf_add_text(&out, "NULL");
        else
            wr_column_print(&result, i, &out);
        wr_buf_add_char(&out, ' ');
    }
    EXPECT_TEXT(out.data, want);
    wr_eval_drop(ev);
}

TEST(conditions_are_three_valued)
{
    wr_column c[2];
    ints(&c[0], 5, (int[]){1, 2, 3, -99, 5});
    ints(&c[1], 5, (int[]){5, -99, 3, 2, 1});
    wr_batch batch = {.columns = c, .column_count = 2, .rows = 5};
    wr_expr *a = wr_expr_column(&memory, 0, WR_INTEGER),
            *b = wr_expr_column(&memory, 1, WR_INTEGER);
    wr_expr *less = compare(WR_LT, a, b), *equal = compare(WR_EQ, a, b);
    expect_values(less, &batch, "true NULL false NULL false ");
    expect_filter(less, &batch, "0 ");
    expect_filter(wr_expr_not(&memory, less), &batch, "2 4 ");
    expect_filter(wr_expr_or(&memory, (wr_expr *[]){less, equal}, 2), &batch, "0 2 ");
    wr_expr *big = compare(WR_GT, a, integer(1));
    expect_values(wr_expr_and(&memory, (wr_expr *[]){big, equal}, 2), &batch,
                  "false NULL true NULL false ");
    expect_values(wr_expr_or(&memory, (wr_expr *[]){big, equal}, 2), &batch,
                  "false true true NULL true ");
    expect_values(compare(WR_NOT_DISTINCT, a, b), &batch, "false false true false false ");
    expect_filter(wr_expr_is_null(&memory, a, false), &batch, "3 ");
}

TEST(in_lists_know_nulls)
{
    wr_column c[1];
    ints(&c[0], 3, (int[]){1, 2, -99});
    wr_batch batch = {.columns = c, .column_count = 1, .rows = 3};
    wr_expr e = {.kind = WR_X_IN, .type = WR_BOOLEAN, .arg_count = 3};
    wr_expr *args[3] = {wr_expr_column(&memory, 0, WR_INTEGER), integer(1),
                        wr_expr_const(&memory, wr_value_null(WR_INTEGER))};
    e.args = args;
    expect_values(&e, &batch, "true NULL NULL ");
    e.is_negated = true;
    expect_values(&e, &batch, "false NULL NULL ");
}

TEST(case_computes_only_the_rows_it_takes)
{
    wr_column c[1];
    ints(&c[0], 4, (int[]){0, 2, -99, 5});
    wr_batch batch = {.columns = c, .column_count = 1, .rows = 4};
    wr_expr *a = wr_expr_column(&memory, 0, WR_INTEGER), *divide;
    wr_expr *args[2] = {integer(10), a};
    EXPECT_OK(wr_bind_call(&memory, NULL, WR_STR("/"), args, NULL, 2, (wr_span){0, 0}, &divide));
    wr_expr *parts[3] = {compare(WR_EQ, a, integer(0)), integer(-1), divide};
    wr_expr e = {.kind = WR_X_CASE, .type = WR_INTEGER, .arg_count = 3, .args = parts};
    expect_values(&e, &batch, "-1 5 NULL 2 ");
}

TEST(narrow_columns_multiply_in_narrow_lanes)
{
    wr_column c[2];
    const wr_type *price = wr_type_decimal(15, 2);
    wr_column_init(&c[0], &memory, price, WR_P_I32, 3);
    memcpy(c[0].data, (int32_t[]){90100, 10494950, 1234}, 12);
    c[0].has_bounds = true, c[0].lo = 1234, c[0].hi = 10494950;
    wr_column_init(&c[1], &memory, price, WR_P_I8, 3);
    memcpy(c[1].data, (int8_t[]){0, 10, 5}, 3);
    wr_batch batch = {.columns = c, .column_count = 2, .rows = 3};
    wr_expr *args[2] = {integer(1), wr_expr_column(&memory, 1, price)}, *rest, *product;
    EXPECT_OK(wr_bind_call(&memory, NULL, WR_STR("-"), args, NULL, 2, (wr_span){0, 0}, &rest));
    wr_expr *factors[2] = {wr_expr_column(&memory, 0, price), rest};
    EXPECT_OK(
        wr_bind_call(&memory, NULL, WR_STR("*"), factors, NULL, 2, (wr_span){0, 0}, &product));
    EXPECT_INT(product->type->scale, 4);
    expect_values(product, &batch, "901.0000 94454.5500 11.7230 ");
    wr_program *program;
    wr_eval *ev;
    wr_column result;
    EXPECT_OK(wr_program_new(&memory, &product, 1, &program));
    EXPECT_OK(wr_eval_new(program, NULL, &ev));
    EXPECT_OK(wr_eval_run(ev, &batch, &result));
    EXPECT_INT(result.phys, WR_P_I64);
    EXPECT(result.has_bounds);
    wr_eval_drop(ev);
}

TEST(functions_run_once_per_dictionary)
{
    wr_column dict, c;
    wr_column_init(&dict, &memory, WR_INTEGER, WR_P_I32, 2);
    memcpy(dict.data, (int32_t[]){40, 0}, 8);
    wr_column_init(&c, &memory, WR_INTEGER, WR_P_U8, 4);
    memcpy(c.data, (uint8_t[]){0, 0, 1, 0}, 4);
    c.form = WR_DICTIONARY;
    c.dict = &dict;
    wr_bit_clear(wr_column_need_valid(&c, &memory, 4), 2); /* the only row with the bad value */
    wr_batch batch = {.columns = &c, .column_count = 1, .rows = 4};
    wr_expr *args[2] = {integer(80), wr_expr_column(&memory, 0, WR_INTEGER)}, *e;
    EXPECT_OK(wr_bind_call(&memory, NULL, WR_STR("/"), args, NULL, 2, (wr_span){0, 0}, &e));
    expect_values(e, &batch, "2 2 NULL 2 ");
}

/* Runs its lambda for every row's argument, the last row first. */
static weir_status apply_backwards(wr_call *call, wr_column *out)
{
    uint16_t rows[16];
    wr_column param, result;
    for (uint32_t i = 0; i < call->rows; i++)
        rows[i] = (uint16_t)(call->rows - 1 - i);
    wr_column_gather(&call->args[0], rows, call->rows, call->arena, &param);
    WR_TRY(wr_call_lambda(call, 1, &param, rows, call->rows, &result));
    for (uint32_t i = 0; i < call->rows; i++)
        ((int32_t *)out->data)[rows[i]] = (int32_t)wr_column_int(&result, i);
    return WR_OK;
}

TEST(lambdas_see_their_parameters_and_the_columns_around)
{
    static const wr_fn apply = {.name = "apply", .exec = apply_backwards};
    wr_column c[2];
    ints(&c[0], 3, (int[]){1, 2, 3});
    ints(&c[1], 3, (int[]){10, 20, 30});
    wr_batch batch = {.columns = c, .column_count = 2, .rows = 3};
    wr_expr *sum_args[2] = {wr_expr_column(&memory, WR_LAMBDA_IDS + 7, WR_INTEGER),
                            wr_expr_column(&memory, 1, WR_INTEGER)};
    wr_expr *body;
    EXPECT_OK(wr_bind_call(&memory, NULL, WR_STR("+"), sum_args, NULL, 2, (wr_span){0, 0}, &body));
    wr_expr lambda = {.kind = WR_X_LAMBDA,
                      .type = WR_INTEGER,
                      .args = &body,
                      .arg_count = 1,
                      .lambda = {.first_param = WR_LAMBDA_IDS + 7, .param_count = 1}};
    wr_expr *args[2] = {wr_expr_column(&memory, 0, WR_INTEGER), &lambda};
    wr_expr call = {.kind = WR_X_CALL,
                    .type = WR_INTEGER,
                    .args = args,
                    .arg_count = 2,
                    .call = {.fn = &apply}};
    expect_values(&call, &batch, "11 22 33 ");
}

TEST(conditions_nested_without_end_are_refused)
{
    wr_expr *e = wr_expr_bool(&memory, true), *column = wr_expr_column(&memory, 0, WR_BOOLEAN);
    for (int i = 0; i < 300; i++) {
        wr_expr **parts = wr_new_array(&memory, wr_expr *, 3);
        parts[0] = column, parts[1] = e, parts[2] = column;
        wr_expr *choice = wr_new(&memory, wr_expr);
        *choice = (wr_expr){.kind = WR_X_CASE, .type = WR_BOOLEAN, .args = parts, .arg_count = 3};
        e = choice;
    }
    wr_program *program;
    EXPECT_FAIL(wr_program_new(&memory, &e, 1, &program), WR_E_TOO_DEEP);
}

TEST(printed_expressions_read_like_sql)
{
    WR_BUF(out);
    wr_expr *args[2] = {integer(1), wr_expr_column(&memory, 4, WR_INTEGER)}, *sum;
    EXPECT_OK(wr_bind_call(&memory, NULL, WR_STR("+"), args, NULL, 2, (wr_span){0, 0}, &sum));
    wr_expr *both[2] = {compare(WR_GE, sum, integer(3)), wr_expr_is_null(&memory, args[1], true)};
    wr_expr_print(wr_expr_and(&memory, both, 2), NULL, NULL, &out);
    EXPECT_TEXT(out.data, "((1 + #4) >= 3) AND (#4 IS NOT NULL)");
}
