/* csv_test.c - the CSV format from file to rows, and back. */
#include "fmt/csv/csv.h"
#include "fmt/scan_test.h"
#include "sys/clock.h"

static wr_given text_option(const char *name, const char *text)
{
    return (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(text))};
}

static void expect_rows(const char *csv, const char *schema, const char *rows)
{
    test_read r = {.path = test_path("t.csv"), .format = "csv"};
    write_file(r.path, wr_str_of(csv));
    EXPECT_OK(read_back(&r));
    EXPECT_TEXT(r.schema.data ? r.schema.data : "", schema);
    EXPECT_TEXT(r.text.data ? r.text.data : "", rows);
    forget(&r);
    unlink(r.path);
}

TEST(header_and_types_are_found)
{
    expect_rows("id,name,price,day,ok,at\n1,ann,2.50,2024-02-29,true,2024-01-02 "
                "03:04:05.5\n2,bob,-0.5,2023-01-01,false,2024-01-02 03:04:05\n",
                "id BIGINT, name VARCHAR, price DOUBLE, day DATE, ok BOOLEAN, at TIMESTAMP",
                "1|ann|2.5|2024-02-29|true|2024-01-02 "
                "03:04:05.5\n2|bob|-0.5|2023-01-01|false|2024-01-02 03:04:05\n");
}

TEST(dates_are_found_if_no_other_order_of_day_and_month_fits)
{
    expect_rows("a,b,c,d,e\n1.2.2024,13/02/2024,02-28-2024 7:05,2024/1/31,2024-1-9\n"
                "01.03.2024,1/3/2024,1-3-2024 17:05,2024/12/1,2024-12-10\n",
                "a DATE, b DATE, c TIMESTAMP, d DATE, e DATE",
                "2024-02-01|2024-02-13|2024-02-28 07:05:00|2024-01-31|2024-01-09\n"
                "2024-03-01|2024-03-01|2024-01-03 17:05:00|2024-12-01|2024-12-10\n");
    expect_rows("a,b,c\n1/2/2024,13/1/2024,30.2.2024\n12/12/2024,1/13/2024,1.3.2024\n",
                "a VARCHAR, b VARCHAR, c VARCHAR",
                "1/2/2024|13/1/2024|30.2.2024\n12/12/2024|1/13/2024|1.3.2024\n");
    expect_rows("a,b\n2024-05-25 04:55:03 UTC,2024-05-25 04:55:03 Nowhere\n"
                "2024-05-25 04:55:03+02,2024-05-25 04:55:03 UTC\n",
                "a TIMESTAMP WITH TIME ZONE, b VARCHAR",
                "2024-05-25 04:55:03+00|2024-05-25 04:55:03 Nowhere\n"
                "2024-05-25 02:55:03+00|2024-05-25 04:55:03 UTC\n");
}

TEST(a_late_value_in_another_date_format_is_an_error)
{
    WR_BUF(csv);
    wr_buf_add_text(&csv, "id,day\n");
    for (int i = 0; i < 30000; i++)
        wr_buf_printf(&csv, "%d,%d.1.2024\n", i, i % 31 + 1);
    wr_buf_add_text(&csv, "30000,2024-01-01\n");
    test_read r = {.path = test_path("late_day.csv"), .format = "csv"};
    write_file(r.path, wr_buf_str(&csv));
    EXPECT_FAIL(read_back(&r), WR_E_ROW_VALUE);
    forget(&r);
    unlink(r.path);
    wr_buf_clear(&csv);
}

TEST(notes_above_a_table_are_left_out_and_titles_are_shown_with_the_lines_to_skip)
{
    expect_rows("# made by hand\n# 2024, again\na,b\n1,2\n", "a BIGINT, b BIGINT", "1|2\n");
    expect_rows("#a,b\n1,2\n", "#a BIGINT, b BIGINT", "1|2\n");
    expect_rows("#one\n#two\n", "#one VARCHAR", "#two\n");
    test_read r = {.path = test_path("title.csv"), .format = "csv"};
    write_file(r.path, WR_STR("A title\n\na,b\n1,2\n3,4\n5,6\n"));
    weir_status bad = read_back(&r);
    EXPECT(bad && bad->code == WR_E_ROW_SHAPE);
    EXPECT(bad && bad->fix && strstr(bad->fix, "skip => 2)   if the table begins at line 3"));
    wr_status_drop(bad);
    forget(&r);
    r.options[0] = (wr_given){.name = WR_STR("skip"), .value = wr_value_int(WR_BIGINT, 2)};
    EXPECT_OK(read_back(&r));
    EXPECT_TEXT(r.text.data, "1|2\n3|4\n5|6\n");
    forget(&r);
    write_file(r.path, WR_STR("a,b\n1,2\n# 3\n5,6\n"));
    r.options[0] = (wr_given){0};
    EXPECT_FAIL(read_back(&r), WR_E_ROW_SHAPE);
    forget(&r);
    unlink(r.path);
}

TEST(quotes_keep_delimiters_line_ends_and_quotes)
{
    expect_rows("a;b\n\"x;y\";\"say \"\"hi\"\"\"\n\"two\r\nlines\";z\n", "a VARCHAR, b VARCHAR",
                "x;y|say \"hi\"\ntwo\r\nlines|z\n");
}

TEST(an_empty_field_is_null_and_an_empty_quoted_one_is_text)
{
    expect_rows("a,b,n\n,\"\",\nx,y,3\n", "a VARCHAR, b VARCHAR, n BIGINT", "NULL||NULL\nx|y|3\n");
}

/* Columns of few short texts come as codes, until something else comes. */
TEST(short_texts_that_repeat_read_as_they_stand)
{
    WR_BUF(csv);
    WR_BUF(rows);
    wr_buf_add_text(&csv, "n,flag,state,many,late,z\n");
    for (int i = 0; i < 20000; i++) {
        const char *state = i % 3000 == 7      ? "\"a \"\"b\"\"\""
                            : i % 3000 == 8    ? ""
                            : i % 3000 == 9    ? "\"\""
                            : i % 3000 == 2999 ? "more than twelve bytes"
                            : i % 2            ? "\"on\""
                                               : "off";
        const char *shown = i % 3000 == 7      ? "a \"b\""
                            : i % 3000 == 8    ? "NULL"
                            : i % 3000 == 9    ? ""
                            : i % 3000 == 2999 ? state
                            : i % 2            ? "on"
                                               : "off";
        char late = i < 15000 ? 'x' : (char)('a' + i % 26);
        wr_buf_printf(&csv, "%d,%c,%s,m%d,%c%d,z\n", i, "RAN"[i % 3], state, i % 70, late, i / 700);
        wr_buf_printf(&rows, "%d|%c|%s|m%d|%c%d|z\n", i, "RAN"[i % 3], shown, i % 70, late,
                      i / 700);
    }
    expect_rows(csv.data,
                "n BIGINT, flag VARCHAR, state VARCHAR, many VARCHAR, late VARCHAR, z VARCHAR",
                rows.data);
}

TEST(leading_zeros_and_huge_integers_lose_nothing)
{
    expect_rows("zip,big\n00123,9007199254740993\n4,123456789012345678901234567890\n",
                "zip VARCHAR, big HUGEINT",
                "00123|9007199254740993\n4|123456789012345678901234567890\n");
}

TEST(carriage_returns_alone_and_a_missing_last_line_end_are_understood)
{
    expect_rows("a,b\r1,2\r3,4", "a BIGINT, b BIGINT", "1|2\n3|4\n");
    expect_rows("a,b\r\n1,2\r\n3,4", "a BIGINT, b BIGINT", "1|2\n3|4\n");
    expect_rows("\xef\xbb\xbf"
                "a,b\n1,2\n",
                "a BIGINT, b BIGINT", "1|2\n");
}

TEST(a_quote_inside_an_unquoted_field_is_text)
{
    expect_rows("size,n\n5\" nail,1\n3\" screw,2\n", "size VARCHAR, n BIGINT",
                "5\" nail|1\n3\" screw|2\n");
}

TEST(a_ragged_file_is_an_error_that_shows_the_line)
{
    test_read r = {.path = test_path("ragged.csv"), .format = "csv"};
    write_file(r.path, WR_STR("a,b,c\n1,2,3\n4,5\n6,7,8,9\n"));
    weir_status bad = read_back(&r);
    EXPECT(bad && bad->code == WR_E_ROW_SHAPE);
    EXPECT(bad && strstr(bad->message, "line 3 has 2 fields, the header has 3 (a, b, c)"));
    EXPECT(bad && bad->detail &&
           strstr(bad->detail, "3 | 4,5\n  |    ^ c is missing here\nnothing was loaded"));
    EXPECT(bad && bad->fix && strstr(bad->fix, "short_rows => 'null'"));
    wr_status_drop(bad);
    forget(&r);
    r.only_count = true; /* counting looks at no field, but not away from errors */
    EXPECT_FAIL(read_back(&r), WR_E_ROW_SHAPE);
    forget(&r);
    unlink(r.path);
}

/* The message of reading the file of r, or of only counting its rows; caller drops. */
static char *message_of(test_read *r, bool only_count)
{
    r->only_count = only_count;
    weir_status bad = read_back(r);
    WR_BUF(text);
    wr_buf_add_text(&text, wr_status_text(bad));
    wr_buf_add_text(&text, bad && bad->detail ? bad->detail : "");
    wr_status_drop(bad);
    forget(r);
    char *copy = wr_heap_copy(text.data, text.length);
    wr_buf_clear(&text);
    return copy;
}

/* Few records have quotes, those with line ends inside, and the bad one stands many chunks behind
 * the beginning. */
TEST(counting_shows_the_same_error_in_the_same_line_as_reading)
{
    static const char *const ends[] = {"1,2\n", "1,2,3,4\n", "1,2,\"open\n", "\n1,2\n",
                                       "1,\"\n\",3,\n"};
    for (size_t e = 0; e < WR_COUNT(ends); e++) {
        WR_BUF(csv);
        wr_buf_add_text(&csv, "a,b,c\n");
        for (int i = 0; i < 9000; i++)
            wr_buf_printf(&csv, "%d,%s,%d of a text that goes on and on and on\n", i,
                          i % 50 == 49 ? "\"line\nand, line\"" : "line", i);
        wr_buf_add_text(&csv, ends[e]);
        test_read r = {.path = test_path("same.csv"),
                       .format = "csv",
                       .options = {text_option("buffer_size", "16KiB")}};
        write_file(r.path, wr_buf_str(&csv));
        char *counting = message_of(&r, true), *reading = message_of(&r, false);
        EXPECT_TEXT(counting, reading);
        EXPECT(strstr(counting, e == 3 ? "line 9183" : "line 9182"));
        wr_heap_drop(counting);
        wr_heap_drop(reading);
        wr_buf_clear(&csv);
        unlink(r.path);
    }
}

TEST(short_rows_become_null_when_asked)
{
    test_read r = {.path = test_path("short.csv"),
                   .format = "csv",
                   .options = {text_option("short_rows", "null")}};
    write_file(r.path, WR_STR("a,b,c\n1,2,3\n4,5\n6\n"));
    EXPECT_OK(read_back(&r));
    EXPECT_TEXT(r.text.data, "1|2|3\n4|5|NULL\n6|NULL|NULL\n");
    forget(&r);
    unlink(r.path);
}

TEST(a_value_that_does_not_fit_names_line_column_and_guess)
{
    WR_BUF(csv);
    wr_buf_add_text(&csv, "id,amount\n");
    for (int i = 0; i < 30000; i++)
        wr_buf_printf(&csv, "%d,%d.5\n", i, i);
    wr_buf_add_text(&csv, "30000,abc\n");
    test_read r = {.path = test_path("late.csv"), .format = "csv"};
    write_file(r.path, wr_buf_str(&csv));
    weir_status bad = read_back(&r);
    EXPECT(bad && bad->code == WR_E_ROW_VALUE);
    EXPECT(bad && strstr(bad->message, "cannot read \"abc\" as DOUBLE (column amount, "));
    EXPECT(bad && strstr(bad->message, "line 30002; type guessed from the first 20480 lines)"));
    EXPECT(bad && bad->fix && strstr(bad->fix, "types => {\"amount\": 'VARCHAR'}"));
    wr_status_drop(bad);
    forget(&r);
    r.columns = "id";
    EXPECT_OK(read_back(&r)); /* a column nobody asks for is not read */
    EXPECT_INT(r.rows, 30001);
    forget(&r);
    unlink(r.path);
}

TEST(rejects_receive_what_cannot_be_read)
{
    test_rejects rejects = {.base = {test_reject}};
    test_read r = {.path = test_path("reject.csv"),
                   .format = "csv",
                   .rejects = &rejects.base,
                   .options = {text_option("rejects", "bad")}};
    WR_BUF(csv);
    wr_buf_add_text(&csv, "a,b\n");
    for (int i = 0; i < 25000; i++)
        wr_buf_add_text(&csv, "1,2\n");
    wr_buf_add_text(&csv, "x,2\n3\n4,y\n5,6,7\n8,9\n10,\"open\n");
    write_file(r.path, wr_buf_str(&csv));
    EXPECT_OK(read_back(&r));
    EXPECT_INT(r.rows, 25001);
    EXPECT_INT(rejects.count, 5);
    forget(&r);
    wr_buf_clear(&rejects.reasons);
    unlink(r.path);
}

TEST(row_numbers_and_file_names_are_there_for_the_asking)
{
    test_read r = {
        .path = test_path("numbers.csv"), .format = "csv", .columns = "file_row_number,filename,b"};
    write_file(r.path, WR_STR("a,b\n1,x\n\n2,y\n"));
    EXPECT_OK(read_back(&r));
    WR_BUF(want);
    wr_buf_printf(&want, "0|%s|x\n1|%s|y\n", r.path, r.path);
    EXPECT_TEXT(r.text.data, want.data);
    EXPECT_TEXT(r.schema.data, "a BIGINT, b VARCHAR");
    forget(&r);
    unlink(r.path);
}

/* ---- the property: no record is ever lost, whatever the chunks ---- */
typedef struct random_csv {
    wr_buf text;
    uint64_t records, hash;
} random_csv;

static uint64_t random_below(uint64_t n) { return wr_random_u64() % n; }

/* One field as text and as it must come back. */
static void add_random_field(wr_buf *csv, wr_buf *row, bool may_stray)
{
    static const char alphabet[] = "ab,\"\n\r;x 1\xc3\xa9";
    WR_BUF(value);
    int length = (int)random_below(random_below(8) == 0 ? 60 : 6);
    for (int i = 0; i < length; i++) {
        char c = alphabet[random_below(10)];
        wr_buf_add_char(&value, c);
    }
    bool needs = length == 0 || strpbrk(value.data, ",\"\n\r") || random_below(5) == 0;
    bool stray =
        may_stray && needs && length > 1 && value.data[0] == 'a' && !strpbrk(value.data, ",\n\r");
    if (needs && !stray) {
        wr_buf_add_char(csv, '"');
        for (size_t i = 0; i < value.length; i++) {
            if (value.data[i] == '"') wr_buf_add_char(csv, '"');
            wr_buf_add_char(csv, value.data[i]);
        }
        wr_buf_add_char(csv, '"');
    } else {
        wr_buf_add_str(csv, wr_buf_str(&value));
    }
    wr_buf_add_str(row, wr_buf_str(&value));
}

static void make_random(random_csv *out, int fields, bool ragged, bool may_stray)
{
    int rows = 1 + (int)random_below(120);
    for (int r = 0; r < rows; r++) {
        WR_BUF(row);
        int count = ragged && random_below(6) == 0 ? 1 + (int)random_below(5) : fields;
        for (int k = 0; k < count; k++) {
            if (k > 0) wr_buf_add_char(&out->text, ','), wr_buf_add_char(&row, '|');
            add_random_field(&out->text, &row, may_stray);
        }
        bool crlf = random_below(4) == 0;
        wr_buf_add_text(&out->text, crlf ? "\r\n" : "\n");
        if (fields > 1 && random_below(9) == 0)
            wr_buf_add_text(&out->text, "\n"); /* a blank line */
        out->records++;
        out->hash += wr_hash_bytes(row.data ? row.data : "", row.length);
    }
}

TEST(no_record_is_lost_whatever_the_chunks_workers_and_instruction_sets)
{
    uint64_t seed = 20240229;
    wr_random_seed(seed);
    for (int round = 0; round < 300; round++) {
        random_csv made = {0};
        bool ragged = round % 3 == 2;
        make_random(&made, 2 + (int)random_below(4), ragged, round % 2 == 1);
        char size[32];
        snprintf(size, sizeof size, "%d", 1 + (int)random_below(200));
        test_rejects rejects = {.base = {test_reject}};
        static const int workers[] = {1, 2, 7};
        test_read r = {.path = test_path("random.csv"),
                       .format = "csv",
                       .workers = workers[round % 3 == 2 ? round / 3 % 3 : round % 3],
                       .rejects = ragged ? &rejects.base : NULL};
        r.options[0] = text_option("delimiter", ",");
        r.options[1] = text_option("quote", "\"");
        r.options[2] = text_option("header", "false");
        r.options[3] = text_option("all_varchar", "true");
        r.options[4] = text_option("buffer_size", size);
        r.options[5] = text_option("new_line", "\\n");
        if (ragged) r.options[6] = text_option("rejects", "bad");
        write_file(r.path, wr_buf_str(&made.text));
        wr_csv_scan_force(round % 4);
        weir_status bad = read_back(&r);
        if (bad || r.rows + rejects.count != made.records || (!ragged && r.hash != made.hash))
            wr_test_failed(__FILE__, __LINE__,
                           "seed %llu round %d: %llu rows, %llu rejected, %llu made, %s\n%s",
                           (unsigned long long)seed, round, (unsigned long long)r.rows,
                           (unsigned long long)rejects.count, (unsigned long long)made.records,
                           wr_status_text(bad), made.text.data);
        wr_status_drop(bad);
        forget(&r);
        r.only_count = true;
        rejects.count = 0;
        bad = read_back(&r);
        EXPECT_INT(r.rows + rejects.count, made.records);
        wr_status_drop(bad);
        forget(&r);
        wr_buf_clear(&made.text);
        wr_buf_clear(&rejects.reasons);
        unlink(r.path);
    }
}

TEST(what_is_written_reads_back_the_same)
{
    WR_ARENA(arena);
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_field fields[] = {{WR_STR("a,b"), WR_VARCHAR}, {WR_STR("n"), WR_BIGINT}};
    wr_schema schema = {.fields = fields, .count = 2};
    const char *texts[] = {"plain", "with \"quotes\"", "two\nlines", "", " blank ", NULL};
    wr_column columns[2];
    wr_column_init(&columns[0], &arena, WR_VARCHAR, WR_P_VIEW, 6);
    wr_column_init(&columns[1], &arena, WR_BIGINT, WR_P_I64, 6);
    uint64_t *valid = wr_column_need_valid(&columns[0], &arena, 6);
    for (int i = 0; i < 6; i++) {
        ((int64_t *)columns[1].data)[i] = i - 3;
        if (texts[i])
            ((wr_view *)columns[0].data)[i] = wr_view_of(texts[i], strlen(texts[i]));
        else
            wr_bit_clear(valid, (size_t)i);
    }
    wr_batch batch = {.columns = columns, .column_count = 2, .rows = 6};
    const char *names[] = {"w.csv", "w.csv.gz", "w.csv.zst", "w.csv.lz4", "w.json"};
    for (size_t f = 0; f < WR_COUNT(names); f++) {
        wr_files_writer *writer = NULL;
        const char *path = test_path(names[f]);
        EXPECT_OK(wr_files_writer_new(&context, wr_str_of(path), NULL, &schema, &(wr_options){0},
                                      &writer));
        EXPECT_OK(wr_files_writer_write(writer, &batch));
        EXPECT(access(path, F_OK) != 0); /* nothing is visible before the end */
        wr_written written;
        EXPECT_OK(wr_files_writer_finish(writer, &written));
        EXPECT_INT(written.rows, 6);
        wr_files_writer_drop(writer);
        test_read r = {.path = path};
        EXPECT_OK(read_back(&r));
        EXPECT_TEXT(r.schema.data, "a,b VARCHAR, n BIGINT");
        EXPECT_TEXT(r.text.data,
                    "plain|-3\nwith \"quotes\"|-2\ntwo\nlines|-1\n|0\n blank |1\nNULL|2\n");
        forget(&r);
        unlink(path);
    }
    EXPECT_INT(wr_mem_used(mem), 0);
    wr_mem_drop(mem);
}

TEST(a_writer_that_is_dropped_leaves_nothing)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_format_context context = {.fs = wr_fs_real(), .mem = mem};
    wr_field field = {WR_STR("n"), WR_BIGINT};
    wr_schema schema = {.fields = &field, .count = 1};
    int64_t numbers[2] = {1, 2};
    wr_column column = {.type = WR_BIGINT, .phys = WR_P_I64, .rows = 2, .data = numbers};
    wr_batch batch = {.columns = &column, .column_count = 1, .rows = 2};
    const char *path = test_path("gone.csv");
    write_file(path, WR_STR("n\n7\n"));
    wr_files_writer *writer = NULL;
    EXPECT_OK(
        wr_files_writer_new(&context, wr_str_of(path), NULL, &schema, &(wr_options){0}, &writer));
    EXPECT_OK(wr_files_writer_write(writer, &batch));
    wr_files_writer_drop(writer);
    test_read r = {.path = path};
    EXPECT_OK(read_back(&r));
    EXPECT_TEXT(r.text.data, "7\n");
    forget(&r);
    unlink(path);
    wr_mem_drop(mem);
}
