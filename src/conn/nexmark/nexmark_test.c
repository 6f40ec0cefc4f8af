/* nexmark_test.c - the generator: the same rows whatever is asked, proportions, hot ids, times,
 * positions. */
#include "base/test.h"
#include "conn/nexmark/nexmark.h"
#include "sys/clock.h"

extern const wr_connector wr_connector_nexmark;

enum { OPTIONS_MAX = 8 };

typedef struct setup {
    wr_given given[OPTIONS_MAX];
    wr_options options;
    wr_source *source;
    wr_mem *mem;
} setup;

static void set_number(setup *s, const char *name, int64_t value)
{
    s->given[s->options.count++] =
        (wr_given){.name = wr_str_of(name), .value = wr_value_int(WR_BIGINT, value)};
}

static void set_text(setup *s, const char *name, const char *value)
{
    s->given[s->options.count++] =
        (wr_given){.name = wr_str_of(name), .value = wr_value_text(wr_str_of(value))};
}

static weir_status bind(setup *s, const wr_schema *schema)
{
    s->options.items = s->given;
    const wr_connect connect = {.options = &s->options, .schema = schema};
    return wr_connector_nexmark.source(&connect, &s->source);
}

static wr_reader *open_at(setup *s, const int *columns, int count, wr_str position)
{
    wr_reader *reader = NULL;
    const wr_reader_request request = {
        .columns = columns, .column_count = count, .position = position};
    EXPECT_OK(s->source->def->open(s->source, &request, &reader));
    return reader;
}

/* All rows as lines. */
static uint64_t read_all(wr_reader *reader, wr_buf *out)
{
    uint64_t rows = 0;
    wr_poll result;
    wr_batch batch;
    do {
        EXPECT_OK(reader->source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) break;
        rows += batch.rows;
        if (out) wr_batch_print(&batch, out);
    } while (result == WR_POLL_ROWS);
    EXPECT(result == WR_POLL_END);
    return rows;
}

/* How many rows there are by now. last: of the last one, a child of its first column. */
static uint64_t read_ready(wr_reader *reader, int child, int64_t *last)
{
    uint64_t rows = 0;
    wr_poll result;
    wr_batch batch;
    for (;;) {
        EXPECT_OK(reader->source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) return rows;
        rows += batch.rows;
        if (last) *last = wr_column_int(&batch.columns[0].children[child], batch.rows - 1);
    }
}

TEST(nexmark_events_come_in_their_proportions)
{
    setup s = {0};
    set_number(&s, "events", 5000);
    EXPECT_OK(bind(&s, NULL));
    EXPECT_INT(s.source->schema.count, 4);
    EXPECT(s.source->is_bounded);
    const int columns[] = {0, 1, 2, 3};
    wr_reader *reader = open_at(&s, columns, 4, (wr_str){0});
    wr_poll result = WR_POLL_ROWS;
    wr_batch batch;
    int64_t of_type[3] = {0}, present[3] = {0};
    for (;;) {
        EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) break;
        for (uint32_t i = 0; i < batch.rows; i++) {
            of_type[wr_column_int(&batch.columns[0], i)]++;
            for (int k = 0; k < 3; k++)
                present[k] += !wr_column_is_null(&batch.columns[k + 1], i);
        }
    }
    EXPECT_INT(of_type[0], 100);
    EXPECT_INT(of_type[1], 300);
    EXPECT_INT(of_type[2], 4600);
    for (int k = 0; k < 3; k++)
        EXPECT_INT(present[k], of_type[k]);
    s.source->def->close(reader);
    wr_source_release(s.source);
}

TEST(nexmark_tables_of_one_kind_are_the_parts_of_all)
{
    static const char *const kinds[] = {"person", "auction", "bid"};
    for (int kind = 0; kind < 3; kind++) {
        setup all = {0}, one = {0};
        set_number(&all, "events", 3000);
        set_number(&one, "events", 3000);
        set_text(&one, "table", kinds[kind]);
        EXPECT_OK(bind(&all, NULL));
        EXPECT_OK(bind(&one, NULL));
        int columns[16] = {kind + 1}, count = one.source->schema.count;
        wr_reader *reader = open_at(&all, columns, 1, (wr_str){0});
        WR_BUF(parts);
        wr_poll result = WR_POLL_ROWS;
        wr_batch batch;
        for (;;) {
            EXPECT_OK(all.source->def->poll(reader, 0, &batch, &result));
            if (result != WR_POLL_ROWS) break;
            for (uint32_t i = 0; i < batch.rows; i++) {
                if (wr_column_is_null(&batch.columns[0], i)) continue;
                for (int k = 0; k < count; k++) {
                    if (k) wr_buf_add_text(&parts, " | ");
                    wr_column_print(&batch.columns[0].children[k], i, &parts);
                }
                wr_buf_add_char(&parts, '\n');
            }
        }
        all.source->def->close(reader);
        for (int k = 0; k < count; k++)
            columns[k] = k;
        reader = open_at(&one, columns, count, (wr_str){0});
        WR_BUF(flat);
        EXPECT(read_all(reader, &flat) > 0);
        one.source->def->close(reader);
        EXPECT_TEXT(flat.data, parts.data);
        wr_source_release(all.source);
        wr_source_release(one.source);
    }
}

TEST(nexmark_goes_on_at_a_position_with_the_same_rows)
{
    setup s = {0};
    set_number(&s, "events", 9000);
    set_number(&s, "seed", 7);
    set_text(&s, "table", "bid");
    EXPECT_OK(bind(&s, NULL));
    const int columns[] = {2, 0, 6, 4}, only_price[] = {2};
    WR_BUF(whole);
    WR_BUF(parts);
    WR_BUF(position);
    wr_reader *reader = open_at(&s, columns, 4, (wr_str){0});
    EXPECT_INT(read_all(reader, &whole), 9000 / 50 * 46);
    s.source->def->close(reader);
    reader = open_at(&s, columns, 4, (wr_str){0});
    wr_batch batch;
    wr_poll result;
    EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
    wr_batch_print(&batch, &parts);
    EXPECT_OK(s.source->def->position(reader, &position));
    s.source->def->close(reader);
    reader = open_at(&s, columns, 4, wr_buf_str(&position));
    read_all(reader, &parts);
    s.source->def->close(reader);
    EXPECT_TEXT(parts.data, whole.data);
    WR_BUF(prices);
    reader = open_at(&s, only_price, 1, (wr_str){0});
    read_all(reader, &prices);
    s.source->def->close(reader);
    EXPECT(strncmp(prices.data, whole.data, strcspn(prices.data, "\n")) == 0);
    WR_BUF(shown);
    s.source->def->describe(wr_buf_str(&position), &shown);
    EXPECT(wr_str_has_prefix(wr_buf_str(&shown), WR_STR("event ")));
    wr_source_release(s.source);
}

TEST(nexmark_refuses_damaged_positions)
{
    setup s = {0};
    EXPECT_OK(bind(&s, NULL));
    wr_reader *reader = NULL;
    wr_reader_request request = {.position = WR_STR("\1abc")};
    EXPECT_FAIL(s.source->def->open(s.source, &request, &reader), WR_E_CORRUPT);
    request.position = WR_STR("\2\0\0\0\0\0\0\0\0");
    EXPECT_FAIL(s.source->def->open(s.source, &request, &reader), WR_E_STATE_VERSION);
    request.position = WR_STR("\1\377\377\377\377\377\377\377\377");
    EXPECT_FAIL(s.source->def->open(s.source, &request, &reader), WR_E_CORRUPT);
    wr_source_release(s.source);
}

static int64_t quantity_of(const wr_batch *batch, int column, uint32_t row)
{
    return wr_column_int(&batch->columns[column], row);
}

TEST(nexmark_bids_favour_hot_auctions_and_channels)
{
    setup s = {0};
    set_number(&s, "events", 100000);
    set_text(&s, "table", "bid");
    EXPECT_OK(bind(&s, NULL));
    const int columns[] = {0, 1, 2, 3, 4, 6};
    wr_reader *reader = open_at(&s, columns, 6, (wr_str){0});
    wr_batch batch;
    wr_poll result;
    int64_t rows = 0, hot_auctions = 0, hot_bidders = 0, hot_channels = 0, with_id = 0, bytes = 0;
    for (;;) {
        EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) break;
        for (uint32_t i = 0; i < batch.rows; i++) {
            wr_view channel = wr_column_view(&batch.columns[3], i),
                    url = wr_column_view(&batch.columns[4], i),
                    extra = wr_column_view(&batch.columns[5], i);
            hot_auctions += quantity_of(&batch, 0, i) % 100 == 0;
            hot_bidders += quantity_of(&batch, 1, i) % 100 == 1;
            hot_channels += !wr_str_has_prefix(wr_view_str(&channel), WR_STR("channel-"));
            with_id += wr_str_find(wr_view_str(&url), WR_STR("&channel_id=")) > 0;
            int64_t price = quantity_of(&batch, 2, i);
            if (price < 100 || price > 100000000) EXPECT_INT(price, 100);
            bytes += 32 + extra.length;
        }
        rows += batch.rows;
    }
    EXPECT_INT(rows, 92000);
    EXPECT(hot_auctions > rows * 49 / 100 && hot_auctions < rows * 52 / 100);
    EXPECT(hot_bidders > rows * 74 / 100 && hot_bidders < rows * 77 / 100);
    EXPECT(hot_channels > rows * 49 / 100 && hot_channels < rows * 51 / 100);
    EXPECT(with_id > rows * 44 / 100 && with_id < rows * 46 / 100);
    EXPECT(bytes > rows * 98 && bytes < rows * 102);
    s.source->def->close(reader);
    wr_source_release(s.source);
}

TEST(nexmark_times_follow_the_rate_and_lag_at_most_the_delay)
{
    setup s = {0};
    set_number(&s, "events", 4000);
    set_number(&s, "event_rate", 1000);
    set_text(&s, "table", "bid");
    set_text(&s, "start", "2020-01-01 00:00:00");
    set_number(&s, "max_delay_ms", 5);
    EXPECT_OK(bind(&s, NULL));
    const int columns[] = {5};
    wr_reader *reader = open_at(&s, columns, 1, (wr_str){0});
    wr_batch batch;
    wr_poll result;
    int64_t n = 0, late = 0;
    for (;;) {
        EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
        if (result != WR_POLL_ROWS) break;
        for (uint32_t i = 0; i < batch.rows; i++, n++) {
            int64_t event = n / 46 * 50 + 4 + n % 46;
            int64_t behind =
                INT64_C(1577836800000) + event - wr_column_int(&batch.columns[0], i) / 1000;
            if (behind < 0 || behind > 5) EXPECT_INT(behind, 0);
            late += behind > 0;
        }
    }
    EXPECT(late > n / 2);
    s.source->def->close(reader);
    wr_source_release(s.source);
}

static int64_t clock_us;
static int64_t tell_clock(void *arg)
{
    (void)arg;
    return clock_us;
}

TEST(nexmark_waits_for_the_rate)
{
    setup s = {0};
    set_number(&s, "rate", 100);
    EXPECT_OK(bind(&s, NULL));
    EXPECT(!s.source->is_bounded);
    const int columns[] = {0};
    clock_us = 1000000;
    wr_clock_replace(tell_clock, NULL);
    wr_reader *reader = open_at(&s, columns, 1, (wr_str){0});
    wr_batch batch;
    wr_poll result;
    EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
    EXPECT_INT(batch.rows, 1);
    EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
    EXPECT(result == WR_POLL_IDLE);
    clock_us += 1000000;
    wr_lag lag;
    s.source->def->lag(reader, &lag);
    EXPECT_INT(lag.rows, 100);
    EXPECT_INT(read_ready(reader, 0, NULL), 100);
    wr_clock_replace(NULL, NULL);
    s.source->def->close(reader);
    wr_source_release(s.source);
}

TEST(nexmark_gives_live_events_at_the_moments_they_tell_of)
{
    setup s = {0};
    set_number(&s, "event_rate", 1000);
    set_text(&s, "live", "true");
    set_text(&s, "start", "1970-01-01 00:00:02");
    EXPECT_OK(bind(&s, NULL));
    const int columns[] = {0};
    clock_us = 1999999;
    wr_clock_replace(tell_clock, NULL);
    wr_reader *reader = open_at(&s, columns, 1, (wr_str){0});
    wr_batch batch;
    wr_poll result;
    EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
    EXPECT(result == WR_POLL_IDLE);
    clock_us = 2000000;
    EXPECT_OK(s.source->def->poll(reader, 0, &batch, &result));
    EXPECT_INT(batch.rows, 1);
    clock_us = 2050999;
    EXPECT_INT(read_ready(reader, 0, NULL), 50);
    wr_clock_replace(NULL, NULL);
    s.source->def->close(reader);
    wr_source_release(s.source);
}

TEST(nexmark_takes_declared_columns_by_name)
{
    wr_field bid[] = {{WR_STR("price"), WR_BIGINT},
                      {WR_STR("datetime"), wr_type_of(WR_T_TIMESTAMP_MS)}};
    wr_field fields[] = {{WR_STR("bid"), wr_type_struct(bid, 2)},
                         {WR_STR("event_type"), WR_INTEGER}};
    wr_schema schema = {.fields = fields, .count = 2};
    setup s = {0};
    set_number(&s, "events", 50);
    EXPECT_OK(bind(&s, &schema));
    const int columns[] = {0};
    wr_reader *reader = open_at(&s, columns, 1, (wr_str){0});
    int64_t last = 0;
    EXPECT_INT(read_ready(reader, 1, &last), 50);
    EXPECT_INT(last, INT64_C(1436918400000) + 4);
    s.source->def->close(reader);
    wr_source_release(s.source);
    s.source = NULL;
    bid[0].type = WR_VARCHAR;
    fields[0].type = wr_type_struct(bid, 2);
    EXPECT_FAIL(bind(&s, &schema), WR_E_TYPE_MISMATCH);
    fields[0].name = WR_STR("bit");
    EXPECT_FAIL(bind(&s, &schema), WR_E_UNKNOWN_COLUMN);
}

TEST(nexmark_refuses_options_that_make_no_events)
{
    setup s = {0};
    set_text(&s, "table", "auction");
    set_number(&s, "auction.proportion", 0);
    EXPECT_FAIL(bind(&s, NULL), WR_E_PARAMETER_VALUE);
    setup t = {0};
    set_text(&t, "start", "yesterday");
    EXPECT_FAIL(bind(&t, NULL), WR_E_PARAMETER_VALUE);
    setup u = {0};
    set_number(&u, "rates", 5);
    EXPECT_FAIL(bind(&u, NULL), WR_E_UNKNOWN_OPTION);
    setup v = {0};
    set_text(&v, "table", "bids");
    EXPECT_FAIL(bind(&v, NULL), WR_E_PARAMETER_VALUE);
}
