/* fn_test.c - functions and aggregates called through overload resolution and the evaluator.
 *
 * Arguments are written as a short SQL-like list that a tiny reader turns into constants: 'text',
 * numbers, NULL, and 'text'::type; so calls read as they would in SQL. */
#include "base/test.h"
#include "expr/eval.h"
#include <stdio.h>

typedef struct bench {
    wr_arena arena;
    wr_env env;
} bench;

static wr_expr *read_argument(bench *b, const char **at)
{
    const char *p = *at;
    wr_expr *e;
    if (*p == '\'') {
        const char *start = ++p;
        while (*p != '\'')
            p++;
        e = wr_expr_const(&b->arena, wr_value_text((wr_str){start, (size_t)(p - start)}));
        e->is_untyped = true;
        p++;
    } else if (strncmp(p, "NULL", 4) == 0) {
        e = wr_expr_const(&b->arena, wr_value_null(WR_NULLTYPE));
        e->is_untyped = true;
        p += 4;
    } else if (strncmp(p, "true", 4) == 0 || strncmp(p, "false", 5) == 0) {
        e = wr_expr_bool(&b->arena, *p == 't');
        p += *p == 't' ? 4 : 5;
    } else {
        size_t n = strspn(p, "-0123456789.");
        wr_str digits = {p, n};
        const char *point = memchr(p, '.', n);
        wr_i128 value = 0;
        int64_t integer = 0;
        if (point) {
            int scale = (int)(p + n - point - 1), precision = (int)n - 1 - (*p == '-');
            EXPECT(wr_decimal_read(digits, WR_MAX(precision, scale), scale, &value, NULL));
            e = wr_expr_const(&b->arena,
                              wr_value_i128(wr_type_decimal(WR_MAX(precision, 1), scale), value));
        } else {
            EXPECT(wr_i64_read(digits, &integer, NULL));
            e = wr_expr_const(
                &b->arena,
                wr_value_int(integer == (int32_t)integer ? WR_INTEGER : WR_BIGINT, integer));
        }
        p += n;
    }
    while (p[0] == ':' && p[1] == ':') {
        size_t n = strcspn(p + 2, ",): ");
        bool is_list = n > 2 && strncmp(p + n, "[]", 2) == 0;
        const wr_type *type = wr_type_find((wr_str){p + 2, n - (is_list ? 2 : 0)}, NULL, 0);
        EXPECT(type != NULL);
        if (is_list) type = wr_type_list(type);
        EXPECT_OK(wr_bind_cast(&b->arena, e, type, false, (wr_span){0}, &e));
        p += 2 + n;
    }
    *at = p;
    return e;
}

/* "name(arguments)" -> text of the value, or the message of the error. Caller owns nothing: static
 * buffer. */
static const char *call(const char *text)
{
    static char result[4096];
    bench b = {.env = {.now_us = INT64_C(1704067200000000),
                       .user = WR_STR("me"),
                       .database = WR_STR("db"),
                       .schema = WR_STR("main"),
                       .version = WR_STR("1")}};
    wr_expr *args[16], *e = NULL;
    int count = 0;
    size_t name = strcspn(text, "(");
    if (name == 0) name = strcspn(text + 1, "(") + 1;
    for (const char *p = text + name + 1; *p && *p != ')';) {
        args[count++] = read_argument(&b, &p);
        while (*p == ',' || *p == ' ')
            p++;
    }
    wr_value value;
    weir_status bad =
        wr_bind_call(&b.arena, &b.env, (wr_str){text, name}, args, NULL, count, (wr_span){0}, &e);
    if (!bad) bad = wr_expr_fold(&b.arena, &b.env, e, &value);
    WR_BUF(out);
    if (bad)
        wr_buf_add_text(&out, wr_status_text(bad));
    else if (value.is_null)
        wr_buf_add_text(&out, "NULL");
    else
        wr_value_print(&value, &out);
    snprintf(result, sizeof result, "%.*s", WR_STR_ARGS(wr_buf_str(&out)));
    wr_status_drop(bad);
    wr_arena_clear(&b.arena);
    return result;
}

TEST(text_functions_count_characters_from_one)
{
    EXPECT_TEXT(call("substr('alphabet', 3, 2)"), "ph");
    EXPECT_TEXT(call("substr('alphabet', -1, 4)"), "al");
    EXPECT_TEXT(call("substr('alphabet', 3)"), "phabet");
    EXPECT_TEXT(call("substr('héllo wörld, längst', 2, 3)"), "éll");
    EXPECT_TEXT(call("substr('abc', 1, -1)"), "negative substring length not allowed");
    EXPECT_TEXT(call("length('中文')"), "2");
    EXPECT_TEXT(call("left('abcde', -2)"), "abc");
    EXPECT_TEXT(call("right('abcde', -2)"), "cde");
    EXPECT_TEXT(call("upper('äßx')"), "ÄßX");
    EXPECT_TEXT(call("initcap('hi THOMAS o-x')"), "Hi Thomas O-X");
    EXPECT_TEXT(call("position('中文字', '字')"), "3");
    EXPECT_TEXT(call("split_part('a,b,c', ',', -1)"), "c");
    EXPECT_TEXT(call("split_part('a,b,c', ',', 4)"), "");
    EXPECT_TEXT(call("trim('  x ')"), "x");
    EXPECT_TEXT(call("ltrim('zzyabc', 'yz')"), "abc");
    EXPECT_TEXT(call("lower(NULL)"), "NULL");
}

TEST(text_is_built_within_limits)
{
    EXPECT_TEXT(call("concat('a', 1, NULL, true)"), "a1true");
    EXPECT_TEXT(call("concat_ws('-', 'a', NULL, 'b')"), "a-b");
    EXPECT_TEXT(call("||('ab', 5)"), "ab5");
    EXPECT_TEXT(call("repeat('ab', 3)"), "ababab");
    EXPECT_TEXT(call("repeat('ab', 9000000000000000000)"), "the text would be longer than 1 GiB");
    EXPECT_TEXT(call("lpad('hi', 5, 'xy')"), "xyxhi");
    EXPECT_TEXT(call("rpad('hi', 1)"), "h");
    EXPECT_TEXT(call("replace('abcabc', 'bc', 'X')"), "aXaX");
    EXPECT_TEXT(call("translate('12345', '143', 'ax')"), "a2x5");
    EXPECT_TEXT(call("overlay('Txxxxas', 'hom', 2, 4)"), "Thomas");
    EXPECT_TEXT(call("reverse('añb')"), "bña");
    EXPECT_TEXT(call("string_split('a-b-c', '-')"), "[a, b, c]");
    EXPECT_TEXT(call("format('%s|%5s|%-4s|%%|%I', 'a', 'b', 'c', 'D e')"),
                "a|    b|c   |%|\"D e\"");
}

TEST(like_patterns_of_every_class_match)
{
    EXPECT_TEXT(call("~~('special offer requests', '%special%requests%')"), "true");
    EXPECT_TEXT(call("~~('requests special', '%special%requests%')"), "false");
    EXPECT_TEXT(call("~~('abc', 'a%')"), "true");
    EXPECT_TEXT(call("~~('abc', '%c')"), "true");
    EXPECT_TEXT(call("~~('abc', '_b_')"), "true");
    EXPECT_TEXT(call("~~('中文字', '_文_')"), "true");
    EXPECT_TEXT(call("~~('a', 'a%a')"), "false");
    EXPECT_TEXT(call("~~('aa', 'a%a')"), "true");
    EXPECT_TEXT(call("~~('', '%')"), "true");
    EXPECT_TEXT(call("~~('a%', 'a\\%')"), "true");
    EXPECT_TEXT(call("~~('ab', 'a\\%')"), "false");
    EXPECT_TEXT(call("~~('50%', '%!%', '!')"), "true");
    EXPECT_TEXT(call("~~*('ÄPFEL', 'äpf%')"), "true");
    EXPECT_TEXT(call("!~~('abc', 'b%')"), "true");
    EXPECT_TEXT(call("~~('the quick brown fox jumps over the lazy dog', '%lazy%')"), "true");
    EXPECT_TEXT(call("~~('the quick brown fox jumps over the lazy dog', '%_ox%d_g')"), "true");
    EXPECT_TEXT(call("~~~('data_1.csv', '*_[0-9].csv')"), "true");
    EXPECT_TEXT(call("~~~('data_x.csv', '*_[!x].csv')"), "false");
}

TEST(regular_expressions_follow_postgres_names)
{
    EXPECT_TEXT(call("~('weir', '^w.*r$')"), "true");
    EXPECT_TEXT(call("~*('WEIR', 'ei')"), "true");
    EXPECT_TEXT(call("regexp_replace('banana', 'a(.)', '<\\1>', 'g')"), "b<n><n>a");
    EXPECT_TEXT(call("regexp_extract('2024-05', '(\\d+)-(\\d+)', 2)"), "05");
    EXPECT_TEXT(call("regexp_match('foobar', '(o+)(x)?')"), "[oo, NULL]");
    EXPECT_TEXT(call("regexp_split_to_array('a, b;c', '[,;] *')"), "[a, b, c]");
    EXPECT_TEXT(call("regexp_count('banana', 'an')"), "2");
    EXPECT_TEXT(call("regexp_substr('a1b22', '\\d+', 1, 2)"), "22");
    EXPECT_TEXT(call("similar_to('abc', '%(b|d)%')"), "true");
    EXPECT_TEXT(call("similar_to('abc', '(b|c)%')"), "false");
    EXPECT(strstr(call("~('x', '(')"), "invalid regular expression") != NULL);
    EXPECT(strstr(call("~('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!', '^(a+)+$')"),
                  "too many steps") != NULL);
}

TEST(numbers_round_as_in_postgres)
{
    EXPECT_TEXT(call("round(42.5)"), "43");
    EXPECT_TEXT(call("round(-42.5)"), "-43");
    EXPECT_TEXT(call("round(2.5::double)"), "2");
    EXPECT_TEXT(call("round(42.4382, 2)"), "42.44");
    EXPECT_TEXT(call("round(1.5, 3)"), "1.500");
    EXPECT_TEXT(call("round(1250, -2)"), "1300");
    EXPECT_TEXT(call("round(99.9, -2)"), "100");
    EXPECT_TEXT(call("trunc(-42.8)"), "-42");
    EXPECT_TEXT(call("ceil(42.2)"), "43");
    EXPECT_TEXT(call("floor(-42.8)"), "-43");
    EXPECT_TEXT(call("sqrt(2)"), "1.4142135623730951");
    EXPECT_TEXT(call("sqrt(-1)"), "cannot take the square root of a negative number");
    EXPECT_TEXT(call("log(2, 64)"), "6");
    EXPECT_TEXT(call("mod(-7, 3)"), "-1");
    EXPECT_TEXT(call("mod(7.5, 2)"), "1.5");
    EXPECT_TEXT(call("gcd(1071, 462)"), "21");
    EXPECT_TEXT(call("width_bucket(5.35, 0.024, 10.06, 5)"), "3");
    EXPECT_TEXT(call("factorial(33)"), "8683317618811886495518194401280000000");
    EXPECT_TEXT(call("sind(30)"), "0.5");
    EXPECT_TEXT(call("greatest(3, NULL, 7)"), "7");
    EXPECT_TEXT(call("coalesce(NULL, NULL, 'x')"), "x");
    EXPECT_TEXT(call("nullif(5, 5)"), "NULL");
    EXPECT_TEXT(call("num_nulls(1, NULL, 'a', NULL)"), "2");
    EXPECT_TEXT(call("typeof(1.50)"), "DECIMAL(3,2)");
}

TEST(dates_have_fields_units_and_differences)
{
    EXPECT_TEXT(call("extract('year', '2024-05-06'::date)"), "2024");
    EXPECT_TEXT(call("extract('second', '2024-05-06 01:02:03.5'::timestamp)"), "3.500000");
    EXPECT_TEXT(call("extract('dow', '2024-05-05'::date)"), "0");
    EXPECT_TEXT(call("extract('week', '2021-01-01'::date)"), "53");
    EXPECT_TEXT(call("iso_year('2021-01-01'::date)"), "2020");
    EXPECT_TEXT(call("extract('century', '2000-12-31'::date)"), "20");
    EXPECT_TEXT(call("extract('yeer', '2000-12-31'::date)"), "unknown unit of time \"yeer\"");
    EXPECT_TEXT(call("date_part('epoch', '1970-01-02'::timestamp)"), "86400");
    EXPECT_TEXT(call("date_trunc('month', '2024-05-06'::date)"), "2024-05-01 00:00:00");
    EXPECT_TEXT(call("date_trunc('week', '2024-05-05'::timestamp)"), "2024-04-29 00:00:00");
    EXPECT_TEXT(call("date_diff('month', '2024-01-31'::date, '2024-02-01'::date)"), "1");
    EXPECT_TEXT(call("date_sub('month', '2024-01-31'::date, '2024-02-28'::date)"), "0");
    EXPECT_TEXT(call("age('2001-04-10'::timestamp, '1957-06-13'::timestamp)"),
                "43 years 9 mons 27 days");
    EXPECT_TEXT(call("time_bucket('15 minutes'::interval, '2024-05-06 07:08:09'::timestamp)"),
                "2024-05-06 07:00:00");
    EXPECT_TEXT(call("make_date(2023, 2, 29)"), "there is no date 2023-02-29");
    EXPECT_TEXT(call("make_timestamp(2024, 2, 29, 8, 15, 23.5)"), "2024-02-29 08:15:23.5");
    EXPECT_TEXT(call("last_day('2024-02-10'::date)"), "2024-02-29");
    EXPECT_TEXT(call("today()"), "2024-01-01");
    EXPECT_TEXT(call("justify_interval('1 mon -1 hour'::interval)"), "29 days 23:00:00");
    EXPECT_TEXT(call("dayname('2024-05-06'::date)"), "Monday");
    EXPECT_TEXT(call("timezone('Asia/Tokyo', '2024-07-01 12:00:00+00'::timestamptz)"),
                "2024-07-01 21:00:00");
}

TEST(lists_are_cut_searched_and_sorted)
{
    EXPECT_TEXT(call("list_value(1, 2, 3)"), "[1, 2, 3]");
    EXPECT_TEXT(call("list_sort('[3, 1, 2]'::bigint[], 'DESC')"), "[3, 2, 1]");
    EXPECT_TEXT(call("list_slice('[1, 2, 3, 4]'::bigint[], 2, -2)"), "[2, 3]");
    EXPECT_TEXT(call("list_extract('[4, 5]'::bigint[], -1)"), "5");
    EXPECT_TEXT(call("list_concat('[1]'::bigint[], '[2, 3]'::bigint[])"), "[1, 2, 3]");
    EXPECT_TEXT(call("list_contains('[1, 2]'::bigint[], 2)"), "true");
    EXPECT_TEXT(call("list_distinct('[2, 1, 2]'::bigint[])"), "[2, 1]");
    EXPECT_TEXT(call("list_sum('[2, 1, 2]'::bigint[])"), "5");
    EXPECT_TEXT(call("list_aggregate('[2, 1, 9]'::bigint[], 'median')"), "2");
    EXPECT_TEXT(call("range(2, 5)"), "[2, 3, 4]");
    EXPECT_TEXT(call("generate_series(5, 0, -2)"), "[5, 3, 1]");
    EXPECT_TEXT(call("array_to_string('[1, NULL, 3]'::bigint[], '-', '?')"), "1-?-3");
    EXPECT_TEXT(call("list_has_all('[1, 2, 3]'::bigint[], '[3, 1]'::bigint[])"), "true");
}

TEST(digests_and_encodings_follow_their_standards)
{
    EXPECT_TEXT(call("md5('abc')"), "900150983cd24fb0d6963f7d28e17f72");
    EXPECT_TEXT(call("sha1('abc')"), "a9993e364706816aba3e25717850c26c9cd0d89d");
    EXPECT_TEXT(call("sha256('abc')"),
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_TEXT(call("md5('')"), "d41d8cd98f00b204e9800998ecf8427e");
    EXPECT_TEXT(call("to_base64('abcd')"), "YWJjZA==");
    EXPECT_TEXT(call("decode('YWJjZA==', 'base64')"), "\\x61626364");
    EXPECT_TEXT(call("crc32('123456789')"), "3421780262");
    EXPECT_TEXT(call("url_encode('a b&c')"), "a%20b%26c");
    EXPECT_TEXT(call("strip_accents('mühleisen')"), "muhleisen");
    EXPECT_TEXT(call("levenshtein('kitten', 'sitting')"), "3");
    EXPECT_TEXT(call("damerau_levenshtein('weir', 'wier')"), "1");
    EXPECT_TEXT(call("to_hex(255)"), "ff");
}

/* Runs an aggregate over lists of constants in one column per argument, cut into parts that are
 * merged. */
static const char *aggregate(const char *name, const char *values, const char *type_name,
                             const char *extra, int parts)
{
    static char result[4096];
    bench b = {0};
    wr_expr *list = NULL;
    const wr_type *type = wr_type_find(wr_str_of(type_name), NULL, 0);
    wr_value rows;
    wr_expr *text = wr_expr_const(&b.arena, wr_value_text(wr_str_of(values)));
    EXPECT_OK(wr_bind_cast(&b.arena, text, wr_type_list(type), false, (wr_span){0}, &list));
    EXPECT_OK(wr_expr_fold(&b.arena, &b.env, list, &rows));
    wr_column column = rows.nested->children[0];
    wr_expr *args[2] = {wr_expr_column(&b.arena, 0, type), NULL};
    wr_aggregate_call call = {.args = args, .arg_count = 1};
    if (extra) {
        const char *at = extra;
        args[call.arg_count++] = read_argument(&b, &at);
    }
    weir_status bad = wr_bind_aggregate(&b.arena, wr_str_of(name), (wr_span){0}, &call);
    WR_BUF(out);
    if (bad) {
        wr_buf_add_text(&out, wr_status_text(bad));
        wr_status_drop(bad);
    } else {
        wr_expr *exprs[2] = {call.args[0], call.arg_count > 1 ? call.args[1] : NULL};
        wr_program *program;
        wr_eval *eval;
        wr_column in[2];
        EXPECT_OK(wr_program_new(&b.arena, exprs, call.arg_count, &program));
        EXPECT_OK(wr_eval_new(program, &b.env, &eval));
        wr_batch batch = {.columns = &column, .column_count = 1, .rows = column.rows};
        EXPECT_OK(wr_eval_run(eval, &batch, in));
        wr_aggregate_env env = {.call = &call, .env = &b.env, .heap = &b.arena};
        size_t size = call.fn->state_size(&call);
        uint8_t *total = wr_arena_alloc(&b.arena, size), *states[1] = {total};
        call.fn->init(&call, total);
        for (int p = 0; p < parts; p++) {
            uint8_t *part = wr_arena_alloc(&b.arena, size);
            uint16_t *sel = wr_new_array(&b.arena, uint16_t, column.rows + 1);
            uint32_t count = 0;
            for (uint32_t i = 0; i < column.rows; i++)
                if (i * (uint32_t)parts / column.rows == (uint32_t)p) sel[count++] = (uint16_t)i;
            WR_ARENA(scratch);
            call.fn->init(&call, part);
            if (p & 1) {
                uint8_t **each = wr_new_array(&scratch, uint8_t *, count + 1);
                for (uint32_t i = 0; i < count; i++)
                    each[i] = part;
                EXPECT_OK(call.fn->update(&env, in, sel, count, each, &scratch));
            } else {
                EXPECT_OK(call.fn->update_one(&env, in, sel, count, part, &scratch));
            }
            if (call.fn->save) {
                WR_BUF(saved);
                EXPECT_OK(call.fn->save(&env, part, &saved));
                call.fn->init(&call, part);
                wr_str bytes = {wr_arena_copy(&b.arena, saved.data ? saved.data : "", saved.length),
                                saved.length};
                EXPECT_OK(call.fn->load(&env, bytes, part));
            }
            env.position += count;
            EXPECT_OK(call.fn->merge(&env, total, part));
        }
        wr_column value;
        wr_column_init(&value, &b.arena, call.type, call.type->phys, 1);
        value.rows = 1;
        bad = call.fn->finish(&env, states, 1, &b.arena, &value);
        if (bad)
            wr_buf_add_text(&out, wr_status_text(bad));
        else if (wr_column_is_null(&value, 0))
            wr_buf_add_text(&out, "NULL");
        else
            wr_column_print(&value, 0, &out);
        wr_status_drop(bad);
        wr_eval_drop(eval);
    }
    snprintf(result, sizeof result, "%.*s", WR_STR_ARGS(wr_buf_str(&out)));
    wr_arena_clear(&b.arena);
    return result;
}

TEST(aggregates_give_the_same_in_any_number_of_parts)
{
    for (int parts = 1; parts <= 4; parts++) {
        EXPECT_TEXT(aggregate("count", "[1, NULL, 3]", "integer", NULL, parts), "2");
        EXPECT_TEXT(aggregate("sum", "[1, NULL, 3]", "integer", NULL, parts), "4");
        EXPECT_TEXT(
            aggregate("sum", "[9223372036854775807, 9223372036854775807]", "bigint", NULL, parts),
            "18446744073709551614");
        EXPECT_TEXT(aggregate("sum", "[0.1, 0.2, 0.3, 1e300, -1e300]", "double", NULL, parts),
                    "0.6");
        EXPECT_TEXT(aggregate("avg", "[1, 2, 4]", "integer", NULL, parts), "2.3333333333333335");
        EXPECT_TEXT(aggregate("min", "[3, 1, NULL, 2]", "smallint", NULL, parts), "1");
        EXPECT_TEXT(aggregate("max", "[3, NaN, 2]", "double", NULL, parts), "NaN");
        EXPECT_TEXT(aggregate("min", "[-0.5, 7, -3.25]", "double", NULL, parts), "-3.25");
        EXPECT_TEXT(
            aggregate("max", "[pear, a text longer than twelve bytes, apple]", "text", NULL, parts),
            "pear");
        EXPECT_TEXT(
            aggregate("min", "[pear, a text longer than twelve bytes, apple]", "text", NULL, parts),
            "a text longer than twelve bytes");
        EXPECT_TEXT(aggregate("string_agg", "[a, b, c]", "text", "'; '", parts), "a; b; c");
        EXPECT_TEXT(aggregate("array_agg", "[1, NULL, 3]", "integer", NULL, parts), "[1, NULL, 3]");
        EXPECT_TEXT(aggregate("median", "[5, 1, 3, 2]", "integer", NULL, parts), "2.5");
        EXPECT_TEXT(aggregate("quantile_disc", "[5, 1, 3, 2]", "integer", "0.5", parts), "2");
        EXPECT_TEXT(aggregate("quantile_cont", "[1, 2, 3, 4]", "integer", "0.25", parts), "1.75");
        EXPECT_TEXT(aggregate("mode", "[1, 2, 2, 3]", "integer", NULL, parts), "2");
        EXPECT_TEXT(aggregate("var_samp", "[1, 3, 5]", "double", NULL, parts), "4");
        EXPECT_TEXT(aggregate("bool_and", "[true, NULL, false]", "boolean", NULL, parts), "false");
        EXPECT_TEXT(aggregate("bit_xor", "[6, 3]", "integer", NULL, parts), "5");
        EXPECT_TEXT(aggregate("product", "[2, 3, 4]", "double", NULL, parts), "24");
        EXPECT_TEXT(aggregate("first", "[7, 8, 9]", "integer", NULL, parts), "7");
        EXPECT_TEXT(aggregate("last", "[7, 8, 9]", "integer", NULL, parts), "9");
        EXPECT_TEXT(aggregate("approx_count_distinct", "[1, 2, 2, 3]", "integer", NULL, parts),
                    "3");
        EXPECT_TEXT(aggregate("approx_quantile", "[4, -0.0, 1, NULL, 3]", "double", "0.5", parts),
                    "2");
        EXPECT_TEXT(
            aggregate("product", "[1e-300, 1e300, 0.1, 3, 1e300, 1e-300]", "double", NULL, parts),
            "0.30000000000000004");
        EXPECT_TEXT(aggregate("json_agg", "[1, 2]", "integer", NULL, parts), "[1, 2]");
        EXPECT_TEXT(aggregate("max", "[1, 5, 3]", "integer", "2", parts), "[5, 3]");
    }
    EXPECT_TEXT(aggregate("sum", "[]", "integer", NULL, 1), "NULL");
    EXPECT_TEXT(aggregate("approx_quantile", "[]", "double", "0.5", 1), "NULL");
    EXPECT_TEXT(aggregate("count", "[]", "integer", NULL, 1), "0");
}

TEST(every_function_row_is_complete_and_its_signature_readable)
{
    for (int k = 0; k < wr_fn_count(); k++) {
        wr_fn_entry e = wr_fn_at(k);
        const char *name = e.fn ? e.fn->name : e.aggregate ? e.aggregate->name : e.window->name;
        const char *help = e.fn ? e.fn->help : e.aggregate ? e.aggregate->help : e.window->help;
        const char *example = e.fn          ? e.fn->example
                              : e.aggregate ? e.aggregate->example
                                            : e.window->example;
        const char *result = e.fn          ? e.fn->result
                             : e.aggregate ? e.aggregate->result
                                           : e.window->result;
        if (!help || !example || !result || help[strlen(help) - 1] != '.')
            wr_test_failed(__FILE__, __LINE__, "the row of %s lacks help, example or result", name);
        /* An impossible argument makes resolution read every signature of the name. */
        WR_ARENA(arena);
        wr_expr *args[1] = {wr_expr_bool(&arena, true)}, *out;
        size_t first = strcspn(name, "|");
        if (e.fn && first)
            wr_status_drop(wr_bind_call(&arena, &(wr_env){0}, (wr_str){name, first}, args, NULL, 1,
                                        (wr_span){0}, &out));
    }
}

TEST(json_is_read_and_built)
{
    EXPECT_TEXT(call("->('{\"a\": [1, 2]}'::json, 'a')"), "[1, 2]");
    EXPECT_TEXT(call("->>('{\"a\": \"x\\u00e4\"}'::json, 'a')"), "xä");
    EXPECT_TEXT(call("->('[1, 2]'::json, -1)"), "2");
    EXPECT_TEXT(call("json_extract('{\"a\": [1, {\"b\": 3}]}', '$.a[1].b')"), "3");
    EXPECT_TEXT(call("json_extract('{\"a\": 1}', '$.x')"), "NULL");
    EXPECT_TEXT(call("json_array_length('[1, 2]')"), "2");
    EXPECT_TEXT(call("json_keys('{\"a\": 1, \"b\": 2}')"), "[a, b]");
    EXPECT_TEXT(call("json_type('{}')"), "object");
    EXPECT_TEXT(call("json_valid('{')"), "false");
    EXPECT_TEXT(call("json_build_object('a', 1, 'b', NULL)"), "{\"a\": 1, \"b\": null}");
    EXPECT_TEXT(call("json_contains('{\"a\": [1, 2]}'::json, '{\"a\": [2]}'::json)"), "true");
    EXPECT_TEXT(
        call("json_merge_patch('{\"a\": 1, \"c\": 3}'::json, '{\"a\": null, \"b\": 2}'::json)"),
        "{\"c\":3,\"b\":2}");
    EXPECT_TEXT(call("json_type('{')"), "invalid JSON: \"{\"");
}

TEST(dates_are_written_and_read_by_patterns)
{
    EXPECT_TEXT(
        call("to_char('2024-05-06 17:08:09.5'::timestamp, 'FMMonth DDth, YYYY HH12:MI:SS.MS AM')"),
        "May 06th, 2024 05:08:09.500 PM");
    EXPECT_TEXT(call("to_char('2024-05-06'::date, 'Day|DY|Q|IW')"), "Monday   |MON|2|19");
    EXPECT_TEXT(call("strftime('2024-05-06'::date, '%d.%m.%Y %a %j')"), "06.05.2024 Mon 127");
    EXPECT_TEXT(call("strptime('6.5.2024 7:08 PM', '%d.%m.%Y %I:%M %p')"), "2024-05-06 19:08:00");
    EXPECT_TEXT(call("try_strptime('31.02.2024', '%d.%m.%Y')"), "NULL");
    EXPECT_TEXT(call("to_date('05 Dec 2000', 'DD Mon YYYY')"), "2000-12-05");
    EXPECT_TEXT(call("to_date('20240506', 'YYYYMMDD')"), "2024-05-06");
    EXPECT_TEXT(call("strftime('2024-05-06'::date, '%Q')"),
                "unknown element \"%Q\" of a date pattern");
}

TEST(bytes_uuids_and_maps_work)
{
    EXPECT_TEXT(call("current_schema()"), "main");
    EXPECT_TEXT(call("map('[a, b]'::text[], '[1, 2]'::bigint[])"), "{a=1, b=2}");
    EXPECT_TEXT(call("struct_pack(1, 'x')"), "{'f1': 1, 'f2': x}");
    EXPECT_TEXT(call("get_bit('\\x05'::blob, 2)"), "1");
    EXPECT_TEXT(call("uuid(3)") + 0, "no function uuid(INTEGER)");
}
