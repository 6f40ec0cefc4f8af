/* json_test.c - JSON files of every layout as rows. */
#include "fmt/csv/csv.h"
#include "fmt/scan_test.h"
#include "sys/clock.h"
#include <math.h>

static wr_given text_option(const char *name, const char *text)
{
    return (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(text))};
}

static void expect_rows(const char *json, const char *schema, const char *rows)
{
    static const int sizes[] = {0, 1, 7};
    for (size_t s = 0; s < WR_COUNT(sizes); s++) {
        char size[16];
        test_read r = {.path = test_path("t.json"), .workers = (int)s + 1};
        snprintf(size, sizeof size, "%d", sizes[s]);
        if (sizes[s]) r.options[0] = text_option("buffer_size", size);
        write_file(r.path, wr_str_of(json));
        EXPECT_OK(read_back(&r));
        EXPECT_TEXT(r.schema.data ? r.schema.data : "", schema);
        EXPECT_TEXT(r.text.data ? r.text.data : "", rows);
        forget(&r);
        unlink(r.path);
    }
}

static void expect_error(const char *json, wr_code code, const char *words)
{
    test_read r = {.path = test_path("bad.json"), .format = "json"};
    write_file(r.path, wr_str_of(json));
    weir_status bad = read_back(&r);
    EXPECT(bad && bad->code == code);
    if (bad && !strstr(bad->message, words))
        wr_test_failed(__FILE__, __LINE__, "\"%s\" does not say \"%s\"", bad->message, words);
    wr_status_drop(bad);
    forget(&r);
    unlink(r.path);
}

TEST(lines_become_typed_columns)
{
    expect_rows("{\"a\":1,\"b\":\"x\",\"c\":1.5,\"d\":true,\"e\":\"2024-01-02\"}\n\n{\"b\":null,"
                "\"a\":-9007199254740993,\"c\":2,\"e\":null}\n",
                "a BIGINT, b VARCHAR, c DOUBLE, d BOOLEAN, e DATE",
                "1|x|1.5|true|2024-01-02\n-9007199254740993|NULL|2|NULL|NULL\n");
}

TEST(lines_that_differ_from_the_line_before_are_read_as_well_as_those_that_do_not)
{
    static const char *const lines[] = {
        "{\"a\":1,\"b\":\"x\",\"skipped\":[1,{\"a\":2}],\"d\":\"2024-02-29\",\"e\":1.25}\n",
        "{\"a\":2,\"b\":\"a \\\"quoted\\\" text\",\"skipped\":\"\\u00e9\",\"d\":null,\"e\":1e2}\n",
        ("{\"a\":-3,\"b\":\"longer than sixteen, than thirty-two and even than sixty-four bytes "
         "in all\",\"skipped\":null,\"d\":\"1999-12-31\",\"e\":-0.5}\r\n"),
        "{\"b\":\"\",\"a\":1234567890123456789}\n",
        "\n",
        "{ \"a\" : 4 , \"b\" : null , \"skipped\" : true , \"d\" : \"2000-01-01\" , \"e\" : 3 }\n",
        "{\"a\":5,\"b\":\"x\",\"a\":6}\n",
    };
    static const char *const rows[] = {
        "1|x|2024-02-29|1.25\n",
        "2|a \"quoted\" text|NULL|100\n",
        ("-3|longer than sixteen, than thirty-two and even than sixty-four bytes in "
         "all|1999-12-31|-0.5\n"),
        "1234567890123456789||NULL|NULL\n",
        "",
        "4|NULL|2000-01-01|3\n",
        "6|x|NULL|NULL\n",
    };
    for (int round = 0; round < 40; round++) {
        WR_BUF(json);
        WR_BUF(want);
        for (int i = 0; i < 60; i++) {
            size_t kind = wr_random_u64() % 3 ? 0 : wr_random_u64() % WR_COUNT(lines);
            wr_buf_add_text(&json, i == 0 ? lines[0] : lines[kind]);
            wr_buf_add_text(&want, i == 0 ? rows[0] : rows[kind]);
        }
        test_read r = {.path = test_path("shapes.json"), .format = "json", .columns = "a,b,d,e"};
        r.options[0] = text_option("buffer_size", round % 2 ? "300" : "100000");
        write_file(r.path, wr_buf_str(&json));
        wr_csv_scan_force(round % 4);
        EXPECT_OK(read_back(&r));
        EXPECT_TEXT(r.text.data, want.data);
        forget(&r);
        unlink(r.path);
    }
    wr_csv_scan_force(0);
    /* what comes after many good lines is checked as strictly as the first */
    expect_error("{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\"}\n{\"a\":01,\"b\":\"x\"}\n",
                 WR_E_ROW_VALUE, "line 3 is not valid JSON: a number may not begin with 0");
    expect_error("{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"\ty\"}\n",
                 WR_E_ROW_VALUE, "line 3 is not valid JSON: a control character stands in a text");
    expect_error("{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\"}\n{\"a\":1.,\"b\":\"x\"}\n",
                 WR_E_ROW_VALUE, "line 3 is not valid JSON: a digit is missing");
    expect_error("{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\"} 7\n",
                 WR_E_ROW_VALUE, "line 3 is not valid JSON: something follows the record");
}

TEST(values_of_one_size_and_of_changing_sizes_are_read_alike)
{
    for (int level = 1; level <= 3; level++) { /* one line in 200 breaks with the sizes before */
        WR_BUF(json);
        WR_BUF(rows);
        for (int i = 0; i < 3000; i++) {
            bool is_odd = i % 200 == 150;
            const char *day = is_odd ? "null" : "\"2024-02-29\"";
            const char *text = is_odd ? "much longer than before" : "same";
            double number = is_odd ? -1234567.25 : 1.25;
            wr_buf_printf(&json, "{\"t\":\"%s\",\"n\":%d,\"u\":%.2f,\"d\":%s,\"x\":%.2f}%s\n", text,
                          i, number, day, number, is_odd ? "\r" : "");
            wr_buf_printf(&rows, "%s|%d|%s|%s\n", text, i, is_odd ? "NULL" : "2024-02-29",
                          is_odd ? "-1234567.25" : "1.25");
        }
        wr_csv_scan_force(level);
        test_read r = {.path = test_path("steady.jsonl"), .columns = "t,n,d,x"};
        write_file(r.path, wr_buf_str(&json));
        EXPECT_OK(read_back(&r));
        EXPECT(wr_str_eq(wr_buf_str(&r.text), wr_buf_str(&rows)));
        forget(&r);
        unlink(r.path);
        wr_buf_clear(&json);
        wr_buf_clear(&rows);
    }
    wr_csv_scan_force(0);
}

TEST(a_fault_in_a_line_like_those_before_is_found_and_told_with_its_line)
{
    static const char *const faults[] = {
        "{\"a\":1,\"b\":\"x\",\"c\":01}\n",   "{\"a\":1,\"b\":\"x\",\"c\":1.}\n",
        "{\"a\":1,\"b\":\"x\ty\",\"c\":1}\n", "{\"a\":1,\"b\":\"x\",\"c\":[1,\n2]}\n",
        "{\"a\":1,\"b\":\"x\",\"c\":1}}\n",   "{\"a\":1,\"b\":\"x\",\"c\":\"1\n"};
    for (size_t k = 0; k < WR_COUNT(faults); k++) {
        WR_BUF(json);
        for (int i = 0; i < 100; i++)
            wr_buf_add_text(&json, "{\"a\":1,\"b\":\"x\",\"c\":1}\n");
        wr_buf_add_text(&json, faults[k]);
        for (int i = 0; i < 100; i++)
            wr_buf_add_text(&json, "{\"a\":1,\"b\":\"x\",\"c\":1}\n");
        test_read r = {
            .path = test_path("fault.jsonl"),
            .format = "json",
            .columns = "a",
            .options = {text_option("format", "newline_delimited"),
                        {.name = WR_STR("sample_size"), .value = wr_value_int(WR_BIGINT, 50)}}};
        write_file(r.path, wr_buf_str(&json));
        weir_status bad = read_back(&r);
        EXPECT(bad && bad->code == WR_E_ROW_VALUE && strstr(bad->message, " line 10"));
        wr_status_drop(bad);
        forget(&r);
        unlink(r.path);
        wr_buf_clear(&json);
    }
}

TEST(a_fault_that_leaves_a_line_as_long_as_those_before_is_found)
{
    static const char *const faults[] = {"{\"a\":1,\"b\":\"xyz\",\"c\":01,\"d\":1.5}\n",
                                         "{\"a\":1,\"b\":\"x\"z\",\"c\":10,\"d\":1.5}\n",
                                         "{\"a\":1,\"b\":\"xyz\",\"c\":10,\"d\":.15}\n",
                                         "{\"a\":1,\"b\":\"x\tz\",\"c\":10,\"d\":1.5}\n",
                                         "{\"a\":1,\"b\":\"xyz\",\"c\":10,\"d\":15.}\n",
                                         "{\"a\":1,\"b\":\"xy\\\",\"c\":10,\"d\":1.5}\n",
                                         "{\"a\":1,\"b\":\"xyz\",\"c\":1/,\"d\":1.5}\n",
                                         "{\"a\":1,\"b\":\"xyz\",\"c\":10,\"d\":1.:}\n"};
    for (size_t k = 0; k < WR_COUNT(faults) * 4; k++) {
        WR_BUF(json);
        for (int i = 0; i < 200; i++)
            wr_buf_add_text(&json, i == 150 ? faults[k / 4]
                                            : "{\"a\":1,\"b\":\"xyz\",\"c\":10,\"d\":1.5}\n");
        test_read r = {.path = test_path("even_fault.jsonl"),
                       .format = "json",
                       .columns = k % 4 ? "a" : "a,b,c,d",
                       .options = {text_option("format", "newline_delimited"),
                                   text_option("sample_size", "50")}};
        write_file(r.path, wr_buf_str(&json));
        wr_csv_scan_force((int)k % 4);
        weir_status bad = read_back(&r);
        EXPECT(bad && bad->code == WR_E_ROW_VALUE && strstr(bad->message, " line 151 is not"));
        wr_status_drop(bad);
        forget(&r);
        unlink(r.path);
        wr_buf_clear(&json);
    }
    wr_csv_scan_force(0);
}

/* The line with one byte damaged. */
static void add_damaged(wr_buf *json, wr_str line)
{
    static const char bytes[] = "\"\\{}[]:,0123456789-.eEtfn ax\t\r\n\x7f";
    char copy[400];
    wr_assert(line.length < sizeof copy);
    memcpy(copy, line.data, line.length);
    size_t at = wr_random_u64() % line.length, size = line.length;
    char c = bytes[wr_random_u64() % (sizeof bytes - 1)];
    switch (wr_random_u64() % 4) {
    case 0: /* one byte less */
        memmove(copy + at, copy + at + 1, size - at - 1);
        size--;
        break;
    case 1: /* two bytes change places */
        c = copy[at], copy[at] = copy[size - 1 - at], copy[size - 1 - at] = c;
        break;
    default:
        copy[at] = c;
    }
    wr_buf_add(json, copy, size);
}

/* Members of one size: of all kinds of values, some asked for, in stretches of more than 64 bytes.
 */
static void add_even_line(wr_buf *json, int i, bool has_escapes)
{
    wr_buf_printf(json,
                  "{\"id\":%d,\"a member nobody asks for, with a long name\":\"%c text of one "
                  "size%s\",\"day\":\"2024-0%d-11\",\"n\":-%d.25,\"none\":null,\"free\":%d,"
                  "\"t\":\"%c%c\" , \"z\":\"%.*s\",\"last\":0}",
                  1000 + i, 'a' + i % 26, has_escapes ? "\\n" : "", 1 + i % 9, 10 + i % 90, i * i,
                  'a' + i % 26, 'z' - i % 26, i % 7, "seven..");
}

TEST(a_damaged_line_among_even_ones_has_the_same_effect_as_if_it_were_alone)
{
    wr_random_seed(11);
    for (int round = 0; round < 1500; round++) {
        WR_BUF(json);
        WR_BUF(line);
        int damaged = 100 + (int)(wr_random_u64() % 60);
        for (int i = 0; i < 200; i++) {
            wr_buf_clear(&line);
            add_even_line(&line, i, round % 2);
            if (i == damaged)
                add_damaged(&json, wr_buf_str(&line));
            else
                wr_buf_add(&json, line.data, line.length);
            wr_buf_add_char(&json, '\n');
        }
        char *texts[2] = {0};
        wr_csv_scan_force(round % 4);
        for (int way = 0; way < 2; way++) { /* all in one chunk, a chunk for every line */
            test_read r = {.path = test_path("even.jsonl"),
                           .format = "json",
                           .columns = round % 3 ? "id,day,n,t" : "free,z",
                           .options = {text_option("format", "newline_delimited"),
                                       text_option("buffer_size", way ? "1" : "100000"),
                                       text_option("sample_size", "50")}};
            write_file(r.path, wr_buf_str(&json));
            weir_status bad = read_back(&r);
            const char *text = bad ? bad->message : r.text.data ? r.text.data : "";
            /* the words may differ: a chunk shows what stands in the next line, or ends */
            const char *why = bad ? strstr(text, " JSON: ") : NULL;
            texts[way] = wr_heap_copy(text, why ? (size_t)(why - text) : strlen(text));
            wr_status_drop(bad);
            forget(&r);
            unlink(r.path);
        }
        EXPECT_TEXT(texts[0], texts[1]);
        wr_heap_drop(texts[0]);
        wr_heap_drop(texts[1]);
        wr_buf_clear(&json);
        wr_buf_clear(&line);
    }
    wr_csv_scan_force(0);
}

TEST(an_array_and_values_over_several_lines_give_the_same_rows)
{
    expect_rows("[{\"a\":1},\n {\"a\":2} ,{\"a\":3}]\n", "a BIGINT", "1\n2\n3\n");
    expect_rows("{\n \"a\": 1\n}\n{\n \"a\": 2\n}{\"a\":3}\n", "a BIGINT", "1\n2\n3\n");
}

TEST(nested_values_become_structs_and_lists)
{
    expect_rows("{\"p\":{\"x\":1,\"y\":[1,2]},\"t\":[]}\n{\"p\":{\"y\":null,\"x\":2},\"t\":[\"a\","
                "null]}\n{\"p\":null}\n",
                "p STRUCT(x BIGINT, y BIGINT[]), t VARCHAR[]",
                "{'x': 1, 'y': [1, 2]}|[]\n{'x': 2, 'y': NULL}|[a, NULL]\nNULL|NULL\n");
}

TEST(what_has_no_common_type_stays_json)
{
    expect_rows("{\"v\":1}\n{\"v\":\"x\"}\n{\"v\":{\"k\": [1]}}\n", "v JSON",
                "1\n\"x\"\n{\"k\": [1]}\n");
    expect_rows("[1, 2]", "json BIGINT", "1\n2\n");
}

TEST(escapes_and_surrogates_are_undone)
{
    expect_rows("{\"a\":\"\\u00e9\\n\\\"\\ud834\\udd1e\",\"\\u0062\":2}\n", "a VARCHAR, b BIGINT",
                "\xc3\xa9\n\"\xf0\x9d\x84\x9e|2\n");
    expect_error("{\"a\":\"\\ud834\"}\n", WR_E_BAD_ENCODING, "half of a surrogate pair");
}

TEST(malformed_text_is_an_error_wherever_it_stands)
{
    expect_error("{\"a\":1}\n{\"a\":1,}\n", WR_E_ROW_VALUE, "line 2 is not valid JSON");
    expect_error("{\"a\":1}\n{\"a\":01}\n", WR_E_ROW_VALUE, "a number may not begin with 0");
    expect_error("{\"a\":1}\n{\"a\":1} x\n", WR_E_ROW_VALUE, "something follows the record");
    expect_error("[{\"a\":1},]", WR_E_ROW_VALUE, "not valid JSON");
    expect_error("[{\"a\":1}", WR_E_ROW_VALUE, "the array is never closed");
    expect_error("[{\"a\":1}] x", WR_E_ROW_VALUE, "nothing may follow the array");
    expect_error("{\"a\":\"\xff\"}\n", WR_E_ROW_VALUE, "not valid UTF-8");
    test_read r = {.path = test_path("skip.json"),
                   .columns = "a"}; /* also in a value nobody asks for */
    write_file(r.path, WR_STR("{\"a\":1,\"b\":[1]}\n{\"a\":1,\"b\":[1 2]}\n"));
    EXPECT_FAIL(read_back(&r), WR_E_ROW_VALUE);
    forget(&r);
    unlink(r.path);
}

TEST(deep_nesting_is_refused_not_followed)
{
    WR_BUF(json);
    for (int i = 0; i < 100000; i++)
        wr_buf_add_char(&json, '[');
    expect_error(json.data, WR_E_ROW_VALUE, "not valid JSON");
}

TEST(a_key_behind_the_sample_is_not_lost_quietly)
{
    test_read r = {.path = test_path("late.json")};
    r.options[0] = text_option("sample_size", "1");
    write_file(r.path, WR_STR("{\"a\":1}\n{\"a\":2,\"extra\":3}\n"));
    EXPECT_FAIL(read_back(&r), WR_E_ROW_SHAPE);
    forget(&r);
    unlink(r.path);
}

TEST(bad_lines_go_to_the_rejects)
{
    test_rejects rejects = {.base = {test_reject}};
    test_read r = {.path = test_path("rejects.json"),
                   .rejects = &rejects.base,
                   .columns = "a,file_row_number"};
    r.options[0] = text_option("rejects", "bad");
    r.options[1] = text_option("sample_size", "1");
    write_file(r.path, WR_STR("{\"a\":1}\n{\"a\":\n{\"a\":\"x\"}\n[1]\n{\"a\":4}\n"));
    EXPECT_OK(read_back(&r));
    EXPECT_TEXT(r.text.data ? r.text.data : "", "1|0\n4|4\n");
    EXPECT_INT(rejects.count, 3);
    wr_buf_clear(&rejects.reasons);
    forget(&r);
    unlink(r.path);
}

TEST(no_line_is_lost_whatever_the_chunks)
{
    wr_random_seed(7);
    for (int round = 0; round < 60; round++) {
        WR_BUF(json);
        uint64_t rows = 1 + wr_random_u64() % 300, hash = 0;
        static const int workers[] = {1, 2, 7};
        char size[16];
        snprintf(size, sizeof size, "%d", 1 + (int)(wr_random_u64() % 150));
        test_read r = {
            .path = test_path("random.json"), .workers = workers[round % 3], .columns = "n"};
        r.options[0] = text_option("buffer_size", size);
        for (uint64_t i = 0; i < rows; i++) {
            char number[32];
            static const char *const texts[] = {"a\\\"b", "]{[}", ",\\\\", "\\u0041", ""};
            int length = snprintf(number, sizeof number, "%llu", (unsigned long long)(i * i));
            hash += wr_hash_bytes(number, (size_t)length);
            wr_buf_printf(&json, "{\"n\":%s,\"t\":\"%s\"}%s", number, texts[wr_random_u64() % 5],
                          wr_random_u64() % 5 ? "\n" : "\r\n\n");
        }
        write_file(r.path, wr_buf_str(&json));
        EXPECT_OK(read_back(&r));
        EXPECT_INT(r.rows, rows);
        EXPECT(r.hash == hash);
        forget(&r);
        unlink(r.path);
    }
}

TEST(of_a_large_file_rows_are_estimated_and_some_can_be_looked_at)
{
    enum { LINES = 1 << 16, SIZE = 1100 };
    const char *path = test_path("large.jsonl");
    WR_BUF(lines);
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem, .thread_count = 1};
    wr_options options = {0};
    wr_str paths = wr_str_of(path);
    for (int large = 0; large < 2; large++) {
        wr_relation *rel = NULL;
        for (int i = 0; i < (large ? LINES : LINES / 16); i++)
            wr_buf_printf(&lines, "{\"n\":%d,\"t\":\"%0*d\"}\n", i % 10, SIZE, i);
        write_file(path, wr_buf_str(&lines));
        wr_buf_clear(&lines);
        EXPECT_OK(wr_files_bind(&context, &paths, 1, NULL, &options, &rel));
        double wanted = large ? LINES : LINES / 16;
        EXPECT(rel && fabs(rel->row_count / wanted - 1) < 0.01);
        EXPECT(rel && rel->def->places && rel->def->places(rel) == large);
        wr_relation_release(rel);
        unlink(path);
    }
    wr_mem_drop(mem);
}
