/* live_test.c - queries over sources whose rows come as they appear. */
#include "base/test.h"
#include "session/kafka_mock_test.h"
#include "session/session.h"

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
} bench;

static void bench_open(bench *b)
{
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
    const char *sql = "CREATE SOURCE e WITH (connector = 'nexmark', table = 'bid', rate = 20000);"
                      "CREATE SOURCE few WITH (connector = 'nexmark', table = 'bid', events = 500)";
    weir_query *query = NULL;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    weir_query_close(query);
}

static void bench_close(bench *b)
{
    weir_session_close(b->session);
    weir_engine_close(b->engine);
}

static weir_status start(bench *b, const char *sql, const weir_tap_options *options,
                         weir_query **out)
{
    return weir_tap_start(b->session, sql, strlen(sql), options, out);
}

/* All rows are read; sum is that of column. */
static uint64_t drain(weir_query *query, int column, int64_t *sum)
{
    uint64_t count = 0;
    *sum = 0;
    for (;;) {
        const weir_rows *rows = NULL;
        EXPECT_OK(weir_query_next(query, &rows));
        if (!rows) return count;
        count += weir_rows_count(rows);
        for (size_t i = 0; i < weir_rows_count(rows); i++)
            *sum += weir_rows_int64(rows, i, column);
    }
}

TEST(a_tap_gives_rows_until_there_are_enough)
{
    bench b;
    bench_open(&b);
    weir_query *query;
    int64_t sum;
    EXPECT_OK(start(&b, "SELECT 1 AS one FROM e WHERE price > 0",
                    &(weir_tap_options){.rows_max = 3000}, &query));
    EXPECT_INT(weir_query_kind(query), WEIR_ROWS);
    EXPECT_INT(weir_query_column_count(query), 1);
    EXPECT_TEXT(weir_query_column_name(query, 0), "one");
    EXPECT_INT(drain(query, 0, &sum), 3000);
    EXPECT_INT(sum, 3000);
    weir_query_close(query);
    bench_close(&b);
}

TEST(a_tap_ends_with_its_sources_and_after_its_time)
{
    bench b;
    bench_open(&b);
    weir_query *query;
    int64_t sum;
    EXPECT_OK(start(&b, "SELECT 2; SELECT 1 AS one FROM few", NULL, &query));
    EXPECT_INT(drain(query, 0, &sum), 460);
    weir_query_close(query);
    EXPECT_OK(start(&b, "SELECT 1 AS one FROM e LIMIT 40", NULL, &query));
    EXPECT_INT(drain(query, 0, &sum), 40);
    weir_query_close(query);
    EXPECT_FAIL(start(&b, "SELECT count(*) FROM e GROUP BY auction LIMIT 1", NULL, &query),
                WR_E_UNSUPPORTED);
    EXPECT_OK(start(&b, "SELECT 1 AS one FROM e", &(weir_tap_options){.time_ms = 700}, &query));
    EXPECT(drain(query, 0, &sum) > 0);
    weir_query_close(query);
    bench_close(&b);
}

TEST(rows_that_are_taken_back_have_a_sign)
{
    bench b;
    bench_open(&b);
    weir_query *query;
    int64_t sum;
    EXPECT_OK(start(&b, "SELECT count(*) AS n FROM few", NULL, &query));
    EXPECT_INT(weir_query_column_count(query), 2);
    EXPECT_TEXT(weir_query_column_name(query, 0), "change");
    EXPECT_INT(drain(query, 0, &sum) % 2, 1);
    EXPECT_INT(sum, 1); /* one row is left */
    weir_query_close(query);
    bench_close(&b);
}

TEST(a_tap_that_nobody_reads_waits_and_can_be_closed)
{
    bench b;
    bench_open(&b);
    weir_query *query;
    const weir_rows *rows;
    EXPECT_OK(start(&b, "SELECT * FROM e", NULL, &query));
    EXPECT_OK(weir_query_next(query, &rows));
    EXPECT(rows != NULL);
    weir_query_close(query);
    EXPECT_OK(start(&b, "SELECT * FROM e", NULL, &query));
    weir_session_interrupt(b.session);
    weir_status bad = WR_OK;
    for (rows = NULL; !bad;)
        bad = weir_query_next(query, &rows);
    EXPECT_FAIL(bad, WR_E_CANCELLED);
    weir_query_close(query);
    bench_close(&b);
}

TEST(only_queries_over_sources_can_be_looked_at)
{
    bench b;
    bench_open(&b);
    weir_query *query = NULL;
    EXPECT_FAIL(start(&b, "SELECT 1", NULL, &query), WR_E_UNSUPPORTED);
    EXPECT_FAIL(start(&b, "CREATE TABLE t (a INT)", NULL, &query), WR_E_UNSUPPORTED);
    EXPECT_FAIL(start(&b, "SELECT nothing FROM e", NULL, &query), WR_E_UNKNOWN_COLUMN);
    EXPECT_FAIL(start(&b, "BEGIN; SELECT * FROM e", NULL, &query), WR_E_TXN_STATE);
    EXPECT(query == NULL);
    bench_close(&b);
}

static int64_t sum_of(bench *b, const char *sql)
{
    weir_query *query = NULL;
    int64_t sum = 0;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    if (query) drain(query, 0, &sum);
    weir_query_close(query);
    return sum;
}

/* It took a share of the partitions instead, if there was one left, and kept it from those who
 * commit what they read. */
TEST(a_query_with_a_limit_over_a_shared_source_ends)
{
    bench b;
    kafka_mock mock;
    WR_BUF(sql);
    bench_open(&b);
    mock_open(&mock, "in");
    for (int i = 1; i <= 4; i++) {
        char text[16];
        snprintf(text, sizeof text, "%d", i);
        mock_send(&mock, i % MOCK_PARTITIONS, text);
    }
    wr_buf_printf(&sql,
                  "SET statement_timeout = '20s'; CREATE SOURCE s (t BIGINT) WITH (connector = "
                  "'kafka', topic = 'in', format = 'csv', group.id = 'people', share_partitions = "
                  "true, brokers = '%s'); CREATE SINK nobody (t BIGINT) WITH (connector = 'kafka', "
                  "topic = 'out', format = 'csv', brokers = '%s'); SELECT 0",
                  mock.brokers, mock.brokers);
    EXPECT_INT(sum_of(&b, sql.data), 0);
    static const char insert[] = "INSERT INTO nobody SELECT t FROM s";
    weir_stream *stream = NULL;
    weir_stream_figures f = {0};
    const weir_stream_options once_or_more = {.delivery = "at-least-once"};
    EXPECT_OK(weir_stream_open(b.session, insert, sizeof insert - 1, &once_or_more, &stream));
    EXPECT_OK(weir_stream_start(stream));
    for (int i = 0; i < 2000 && f.rows_in < 4; i++) {
        wr_sleep_ms(10);
        weir_stream_progress(stream, &f);
    }
    EXPECT_INT(f.rows_in, 4);
    for (int i = 0; i < 2000 && mock_committed(&mock, "people") < 4; i++)
        wr_sleep_ms(10);
    EXPECT_INT(sum_of(&b, "SELECT t FROM s LIMIT 4"), 1 + 2 + 3 + 4);
    EXPECT_INT(sum_of(&b, "SELECT t FROM s LIMIT 4"), 1 + 2 + 3 + 4); /* nothing was taken */
    weir_stream_close(stream);
    bench_close(&b);
    mock_close(&mock);
}
