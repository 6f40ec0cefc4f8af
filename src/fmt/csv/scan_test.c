/* scan_test.c - counting records agrees with finding all their fields. */
#include "base/test.h"
#include "fmt/csv/csv.h"
#include "sys/clock.h"

enum { PADDING = 64 };

static uint64_t random_below(uint64_t n) { return wr_random_u64() % n; }

typedef struct text_shape {
    int fields, length_most;                         /* of a field */
    uint64_t quoted, inner, carriage, defect, stray; /* one in so many, 0 = none */
} text_shape;

static bool one_in(uint64_t n) { return n > 0 && random_below(n) == 0; }

static void add_field(wr_buf *text, const text_shape *shape)
{
    static const char *const inner[] = {",", "\n", "\"\"", "\r\n", ",\"\",", "\"\"\"\""};
    bool quoted = one_in(shape->quoted);
    int length = (int)random_below((uint64_t)shape->length_most + 1);
    if (quoted) wr_buf_add_char(text, '"');
    for (int i = 0; i < length; i++) {
        wr_buf_add_char(text, (char)('a' + random_below(26)));
        if (quoted && one_in(shape->inner))
            wr_buf_add_text(text, inner[random_below(WR_COUNT(inner))]);
        if (one_in(shape->stray)) wr_buf_add_char(text, "\"\r,\n"[random_below(4)]);
    }
    if (quoted) wr_buf_add_char(text, '"');
}

static void make_text(wr_buf *text, const text_shape *shape, size_t size)
{
    while (text->length < size) {
        int fields = one_in(shape->defect) ? (int)random_below(4) : shape->fields;
        for (int k = 0; k < fields; k++) {
            if (k > 0) wr_buf_add_char(text, ',');
            add_field(text, shape);
        }
        wr_buf_add_text(text, one_in(shape->carriage) ? "\r\n" : "\n");
    }
    if (random_below(2)) text->length -= random_below(WR_MIN(text->length, (size_t)300) + 1);
    if (random_below(2)) text->length -= text->length % 64;
}

/* Whether the text was counted; it must be exactly when the fields say so. */
static bool count_like_scan(wr_mem *mem, wr_csv_index *index, const char *data, size_t size,
                            bool is_end, int fields)
{
    wr_csv_dialect d = {.delimiter = ",",
                        .delimiter_size = 1,
                        .quote = random_below(8) ? '"' : -1,
                        .comment = -1,
                        .newline = '\n'};
    d.escape = d.quote;
    wr_csv_extent found, counted = {0};
    EXPECT_OK(wr_csv_scan(mem, &d, data, size, is_end, index, &found));
    bool fits = !index->has_starts && wr_csv_is_rectangle(index, fields);
    bool got = wr_csv_count(&d, data, size, is_end, fields, &counted);
    EXPECT_INT(got, fits);
    if (!got || !fits) return false;
    EXPECT_INT(counted.cut, found.cut);
    EXPECT_INT(counted.records, found.records);
    EXPECT_INT(counted.lines, found.lines);
    EXPECT_INT(counted.has_quotes, found.has_quotes);
    EXPECT_INT(counted.is_open, found.is_open);
    return true;
}

TEST(records_are_counted_exactly_when_all_fit_whatever_the_instruction_set)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_csv_index index = {0};
    wr_random_seed(20261121);
    int counted = 0, refused = 0;
    for (int round = 0; round < 4000; round++) {
        text_shape shape = {.fields = 1 + (int)random_below(random_below(4) ? 5 : 90),
                            .length_most = (int)random_below(random_below(2) ? 8 : 120),
                            .quoted = random_below(3) ? random_below(6) : 0,
                            .inner = random_below(2) ? 20 : 0,
                            .carriage = random_below(3) ? 0 : 1 + random_below(2),
                            .defect = random_below(3) ? 0 : 1 + random_below(200),
                            .stray = random_below(3) ? 0 : 1 + random_below(2000)};
        WR_BUF(text);
        make_text(&text, &shape, random_below(random_below(2) ? 1500 : 15000));
        size_t size = text.length;
        /* What stands behind the text must not matter. */
        for (int k = 0; k < PADDING; k++)
            wr_buf_add_char(&text, "\",\nx\0"[random_below(5)]);
        wr_csv_scan_force(round % 4);
        bool is_end = size > 0 && text.data[size - 1] == '\n' && random_below(2);
        bool got = count_like_scan(mem, &index, text.data, size, is_end, shape.fields);
        counted += got;
        refused += !got;
        wr_buf_clear(&text);
    }
    EXPECT(counted > 1000 && refused > 400);
    wr_csv_scan_force(0);
    wr_csv_index_clear(mem, &index);
    wr_mem_drop(mem);
}

/* Every place of one defect in text of several groups and stretches. */
TEST(a_single_byte_that_spoils_a_record_is_noticed_wherever_it_stands)
{
    wr_mem *mem = wr_mem_new(NULL, "test", 0);
    wr_csv_index index = {0};
    WR_BUF(text);
    for (int r = 0; r < 60; r++)
        wr_buf_add_text(&text, r % 3 ? "12345678,some longer text,\"quoted, text\",0.5,2024-01-01,"
                                       "and what is needed to fill more than a block\n"
                                     : "1,2,\"a \"\"b\"\"\",3,4,5\n");
    size_t size = text.length;
    for (int k = 0; k < PADDING; k++)
        wr_buf_add_char(&text, 0);
    wr_random_seed(7);
    int refused = 0;
    for (size_t at = 0; at < size; at++) {
        char kept = text.data[at];
        for (int k = 0; k < 4; k++) {
            text.data[at] = ",\n\"x"[k];
            wr_csv_scan_force(1 + (int)((at + (size_t)k) % 3));
            refused += !count_like_scan(mem, &index, text.data, size, false, 6);
            text.data[at] = kept;
        }
    }
    EXPECT(refused > (int)size);
    wr_csv_scan_force(0);
    wr_buf_clear(&text);
    wr_csv_index_clear(mem, &index);
    wr_mem_drop(mem);
}
