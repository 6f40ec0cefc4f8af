/* host_feed_test.c - sources of the host program that are asked for rows: what becomes of their
 * arrays and positions. */
#include "session/producer_test.h"
#include "spi/host_feed.h"
#include <stdlib.h>

/* Gives the rows of a producer; a position is the number of the next row. */
typedef struct teller {
    producer rows;
    int opened, closed, dropped, acks;
    int tells_every; /* arrays per position; 0: never */
    int64_t opened_at, next, acked;
    int arrays;
    bool fails, is_silent; /* nothing comes */
} teller;

static weir_status teller_open(void *arg, const void *position, size_t size, void **reader)
{
    teller *t = arg;
    t->opened++;
    t->opened_at = t->next = t->arrays = 0;
    if (size) memcpy(&t->opened_at, position, sizeof t->opened_at);
    t->next = t->opened_at;
    *reader = t;
    return NULL;
}

static weir_status teller_read(void *reader, weir_read *read)
{
    teller *t = reader;
    int64_t rows = WR_MIN(t->rows.per_array, t->rows.rows - t->next);
    if (t->fails) return weir_error_new("the line is dead", NULL);
    if (t->is_silent) return NULL;
    read->has_ended = rows <= 0;
    if (read->has_ended) return NULL;
    if (!t->arrays++) p_schema(&t->rows, &read->schema);
    p_array(&t->rows, t->next, rows, &read->rows);
    t->next += rows;
    if (t->tells_every && t->arrays % t->tells_every == 0)
        weir_bytes_add(read->position, &t->next, sizeof t->next);
    return NULL;
}

static int64_t teller_lag(void *reader)
{
    const teller *t = reader;
    return t->rows.rows - t->next;
}

static weir_status teller_ack(void *reader, const void *position, size_t size)
{
    teller *t = reader;
    EXPECT_INT((int64_t)size, sizeof t->acked);
    memcpy(&t->acked, position, sizeof t->acked);
    t->acks++;
    return NULL;
}

static void teller_close(void *reader) { ((teller *)reader)->closed++; }
static void teller_drop(void *arg) { ((teller *)arg)->dropped++; }

static void define(bench *b, teller *t)
{
    weir_feed feed = {.name = "teller",
                      .arg = t,
                      .is_bounded = true,
                      .open = teller_open,
                      .read = teller_read,
                      .lag = teller_lag,
                      .ack = teller_ack,
                      .close = teller_close,
                      .drop = teller_drop};
    EXPECT_OK(weir_feed_create(b->session, &feed));
}

static const char create[] =
    "CREATE SOURCE s (k VARCHAR, i BIGINT, u VARCHAR, d FLOAT, v VARCHAR) WITH (connector = "
    "'callback', name = 'TELLER')";

TEST(rows_of_a_source_of_the_host_are_read_by_queries)
{
    bench b;
    teller t = {.rows = {.rows = 10000, .per_array = 4500}};
    bench_open(&b);
    expect(&b, create, "the program has defined no source \"TELLER\"");
    expect(&b, "CREATE SOURCE s (i BIGINT) WITH (connector = 'callback')",
           "connector = 'callback' needs the option name");
    define(&b, &t);
    expect(&b, create, "");
    expect(&b, "SELECT count(*), count(i), sum(i), max(d), count(DISTINCT k) FROM s",
           "10000 | 8571 | 42852858 | 4999.5 | 4\n");
    expect(&b, "SELECT u, v FROM s WHERE i = 9999",
           "t9999 of the long kind | t9999 of the long kind\n");
    expect(&b, "SELECT i FROM s LIMIT 1 OFFSET 5000", "5000\n");
    t.fails = true;
    expect(&b, "SELECT i FROM s", "source teller: the line is dead");
    expect(&b, "DROP SOURCE s", "");
    expect(&b, "CREATE SOURCE s (i BIGINT) WITH (connector = 'callback', name = 'teller')", "");
    t.fails = false;
    expect(&b, "SELECT i FROM s",
           "source teller: the rows have 5 columns, the source \"teller\" has 1");
    EXPECT_INT(t.opened, t.closed);
    expect(&b, "DROP SOURCE s", "");
    bench_close(&b);
    EXPECT_INT(t.dropped, 1);
    p_expect_gone(&t.rows);
}

TEST(columns_of_a_source_of_the_host_point_into_its_arrays)
{
    bench b;
    teller t = {.rows = {.rows = 3000, .per_array = 3000}};
    static const int columns[] = {1, 4};
    wr_field fields[] = {{WR_STR("k"), WR_VARCHAR},
                         {WR_STR("i"), wr_type_of(WR_T_BIGINT)},
                         {WR_STR("u"), WR_VARCHAR},
                         {WR_STR("d"), wr_type_of(WR_T_DOUBLE)},
                         {WR_STR("v"), WR_VARCHAR}};
    const wr_schema wanted = {.fields = fields, .count = 5};
    bench_open(&b);
    define(&b, &t);
    wr_host_feed *feed = wr_engine_feed(b.engine, WR_STR("teller"));
    void *reader;
    wr_host_rows read = {0};
    wr_batch batch;
    WR_ARENA(arena);
    EXPECT_OK(feed->def.open(feed->def.arg, &wanted, (wr_str){0}, b.engine->mem, &reader));
    EXPECT_OK(feed->def.read(reader, 0, &read));
    EXPECT_INT(read.rows, 3000);
    EXPECT_OK(feed->def.columns(reader, 16, 1000, columns, 2, &arena, &batch));
    EXPECT(batch.columns[0].data == (const char *)t.rows.first[0][1] + 16 * sizeof(int64_t));
    const wr_view *views = batch.columns[1].data; /* row 18 has a long text */
    EXPECT(wr_view_bytes(&views[2]) >= (const char *)t.rows.first[2][2]);
    feed->def.close(reader);
    wr_host_feed_release(feed);
    bench_close(&b);
    p_expect_gone(&t.rows);
}

/* Runs the stream until the source has ended; *delivery as it says. */
static void run_stream(bench *b, const char *folder, const char *insert)
{
    weir_stream *stream;
    bool ended = false;
    weir_stream_figures figures;
    weir_stream_options options = {.name = "q", .state_folder = folder};
    EXPECT_OK(weir_stream_open(b->session, insert, strlen(insert), &options, &stream));
    EXPECT_OK(weir_stream_start(stream));
    EXPECT_OK(weir_stream_await(stream, 20000, &ended));
    EXPECT(ended);
    weir_stream_progress(stream, &figures);
    EXPECT_TEXT(figures.delivery, "exactly-once");
    EXPECT(figures.has_lag_rows && !figures.lag_rows);
    weir_stream_close(stream);
}

/* Positions every so many arrays; the second time rows come in other arrays, and more of them. */
static void expect_each_row_once(int tells_every, int64_t opened_at)
{
    char folder[] = "/tmp/weir_host_feed_XXXXXX";
    EXPECT(mkdtemp(folder));
    teller t = {.tells_every = tells_every};
    for (int round = 0; round < 2; round++) {
        bench b;
        WR_BUF(sql);
        bench_open(&b);
        b.keeps_tables = true;
        t.rows = (producer){.rows = round ? 9000 : 5000, .per_array = round ? 999 : 700};
        define(&b, &t);
        wr_buf_printf(&sql,
                      "%s; CREATE SINK o (u VARCHAR, n BIGINT) WITH (connector = 'files', format = "
                      "'csv', path = '%s/out')",
                      create, folder);
        expect(&b, sql.data, "");
        run_stream(&b, folder, "INSERT INTO o SELECT u, coalesce(i, -1) FROM s");
        wr_buf_clear(&sql);
        wr_buf_printf(&sql, "SELECT count(*), count(DISTINCT u) FROM '%s/out/part*'", folder);
        expect(&b, sql.data, round ? "9000 | 9000\n" : "5000 | 5000\n");
        bench_close(&b);
        p_expect_gone(&t.rows);
        EXPECT_INT(t.opened_at, round ? opened_at : 0);
    }
    EXPECT_INT(t.opened, t.closed);
    EXPECT_INT(t.acks > 0, tells_every > 0);
    WR_BUF(command);
    wr_buf_printf(&command, "rm -r %s", folder);
    EXPECT_INT(system(command.data), 0);
}

TEST(a_source_of_the_host_goes_on_where_the_last_commit_was) { expect_each_row_once(1, 5000); }
TEST(rows_behind_the_last_position_are_left_out) { expect_each_row_once(3, 4200); }
TEST(a_source_that_tells_no_position_is_read_again) { expect_each_row_once(0, 0); }

TEST(a_source_that_has_nothing_is_idle_and_stops)
{
    bench b;
    teller t = {.rows = {.rows = 10, .per_array = 10}, .is_silent = true};
    weir_stream *stream;
    bool idle = false;
    const char *insert = "INSERT INTO o SELECT i FROM s";
    bench_open(&b);
    define(&b, &t);
    expect(&b, create, "");
    expect(&b, "CREATE SINK o (i BIGINT) WITH (connector = 'blackhole')", "");
    EXPECT_OK(weir_stream_open(b.session, insert, strlen(insert), NULL, &stream));
    EXPECT_OK(weir_stream_start(stream));
    for (int i = 0; i < 100 && !t.opened; i++)
        EXPECT_OK(weir_stream_await(stream, 10, &idle));
    weir_stream_figures figures;
    weir_stream_progress(stream, &figures);
    EXPECT(!figures.has_ended);
    weir_stream_stop(stream);
    EXPECT_OK(weir_stream_await(stream, 20000, &idle));
    EXPECT(idle);
    weir_stream_close(stream);
    bench_close(&b);
}
