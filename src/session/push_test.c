/* push_test.c - rows of the host program as a source: conversion, waiting, ending, and numbers of
 * batches over a restart. */
#include "base/test.h"
#include "col/arrow.h"
#include "session/session.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
    weir_push *push;
    weir_stream *stream;
    char folder[32];
} bench;

static void answer(bench *b, const char *sql, wr_buf *out)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    weir_status bad = weir_query_start(b->session, sql, strlen(sql), &query);
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        wr_batch_print(&rows->batch, out);
    if (bad) wr_buf_add_text(out, weir_error_message(bad));
    wr_status_drop(bad);
    weir_query_close(query);
    wr_buf_add_text(out, "");
}

static void expect(bench *b, const char *sql, const char *want)
{
    WR_BUF(got);
    answer(b, sql, &got);
    EXPECT_TEXT(got.data, want);
}

static void bench_open(bench *b, const char *options)
{
    WR_BUF(sql);
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
    wr_buf_printf(&sql,
                  "CREATE SOURCE s (k BIGINT, name VARCHAR, ts TIMESTAMP, WATERMARK FOR ts AS ts) "
                  "WITH (connector = 'push'%s)",
                  options);
    expect(b, sql.data, "");
    EXPECT_OK(weir_push_open(b->session, "s", &b->push));
}

static void bench_close(bench *b)
{
    weir_stream_close(b->stream);
    weir_push_close(b->push);
    weir_session_close(b->session);
    weir_engine_close(b->engine);
    b->stream = NULL;
}

static void stream_open(bench *b, const char *sql)
{
    EXPECT_OK(weir_stream_open(b->session, sql, strlen(sql), NULL, &b->stream));
    EXPECT_OK(weir_stream_start(b->stream));
}

static void settle(bench *b)
{
    bool idle = false;
    EXPECT_OK(weir_stream_await_idle(b->stream, 20000, &idle));
    EXPECT(idle);
}

static void rows_of(bench *b, const char *sql, struct ArrowArrayStream *out)
{
    weir_query *query = NULL;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    EXPECT_OK(weir_query_stream(query, out));
}

/* Up to so many rows of the first batch of a query; *taken as weir_push_batch says. */
static weir_status bring_some(bench *b, const char *sql, int64_t rows_max, int64_t number,
                              int64_t timeout_ms, bool *taken)
{
    struct ArrowArrayStream stream;
    struct ArrowSchema schema;
    struct ArrowArray array;
    rows_of(b, sql, &stream);
    EXPECT_INT(stream.get_schema(&stream, &schema), 0);
    EXPECT_INT(stream.get_next(&stream, &array), 0);
    array.length = WR_MIN(array.length, rows_max);
    weir_status bad = weir_push_batch(b->push, &schema, &array, number, timeout_ms, taken);
    EXPECT((array.release == NULL) == (!bad && *taken));
    if (array.release) array.release(&array);
    schema.release(&schema);
    stream.release(&stream);
    return bad;
}

static weir_status bring(bench *b, const char *sql, int64_t number, int64_t timeout_ms, bool *taken)
{
    return bring_some(b, sql, INT64_MAX, number, timeout_ms, taken);
}

TEST(rows_of_the_program_reach_a_query_with_the_types_of_the_source)
{
    bench b = {0};
    struct ArrowArrayStream stream;
    bench_open(&b, "");
    expect(&b, "CREATE TABLE t (k BIGINT, name VARCHAR, ts TIMESTAMP)", "");
    stream_open(&b, "INSERT INTO t SELECT k, name, ts FROM s WHERE k % 2 = 0");
    rows_of(&b,
            "SELECT TIMESTAMP_NS '2026-01-01 00:00:01.5' AS TS, i::SMALLINT AS k, 'n' || i AS name "
            "FROM range(10000) t(i)",
            &stream);
    EXPECT_OK(weir_push_stream(b.push, &stream));
    settle(&b);
    expect(&b, "SELECT count(*), sum(k), max(name), max(ts) FROM t",
           "5000 | 24995000 | n9998 | 2026-01-01 00:00:01.5\n");
    bool ended = false;
    weir_push_end(b.push);
    EXPECT_OK(weir_stream_await(b.stream, 20000, &ended));
    EXPECT(ended);
    bool taken = false;
    EXPECT_FAIL(bring(&b, "SELECT 1 AS k, 'a' AS name, now()::TIMESTAMP AS ts", 0, 0, &taken),
                WR_E_API_MISUSE);
    bench_close(&b);
}

TEST(who_brings_rows_waits_until_a_query_reads_them)
{
    bench b = {0};
    bool taken = true;
    static const char rows[] = "SELECT i AS k, 'a' AS name, TIMESTAMP '2026-01-01' AS ts FROM "
                               "range(6) t(i)";
    bench_open(&b, ", queue_rows = 10");
    EXPECT_OK(bring(&b, rows, 0, 1, &taken));
    EXPECT(!taken); /* nobody reads */
    expect(&b, "CREATE TABLE t (n BIGINT)", "");
    EXPECT_OK(weir_stream_open(b.session, "INSERT INTO t SELECT k FROM s", 29, NULL, &b.stream));
    EXPECT_OK(weir_stream_start(b.stream));
    EXPECT_OK(bring(&b, rows, 0, 20000, &taken)); /* waits until it is open */
    EXPECT(taken);
    settle(&b);
    weir_stream_close(b.stream);
    weir_query *tap;
    static const char look[] = "SELECT k FROM s";
    EXPECT_OK(weir_tap_start(b.session, look, sizeof look - 1, NULL, &tap));
    int batches = 0; /* a tap that nobody reads takes some and then no more */
    for (taken = true; taken && batches < 1000; batches += taken)
        EXPECT_OK(bring(&b, rows, 0, 500, &taken));
    EXPECT(!taken && batches >= 2);
    weir_query_close(tap);
    b.stream = NULL;
    expect(&b, "SELECT count(*) FROM t", "6\n");
    bench_close(&b);
}

static void make_sink(bench *b)
{
    WR_BUF(sql);
    wr_buf_printf(&sql,
                  "SET stream_state = '%s/state'; CREATE SINK out (k BIGINT) WITH (connector = "
                  "'files', path = '%s/out', format = 'csv')",
                  b->folder, b->folder);
    expect(b, sql.data, "");
}

static void remove_folder(const bench *b)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", b->folder);
    EXPECT_INT(system(command), 0);
}

static void restart(bench *b)
{
    bench_open(b, "");
    make_sink(b);
    stream_open(b, "INSERT INTO out SELECT k FROM s");
}

TEST(batches_that_are_committed_are_left_out_after_a_restart)
{
    bench b = {.folder = "/tmp/weir_push_XXXXXX"};
    bool taken;
    EXPECT(mkdtemp(b.folder) != NULL);
    restart(&b);
    for (int i = 1; i <= 3; i++) {
        WR_BUF(sql);
        wr_buf_printf(&sql, "SELECT %d AS k, 'a' AS name, now()::TIMESTAMP AS ts", i);
        EXPECT_OK(bring(&b, sql.data, i * 10, 20000, &taken));
        EXPECT(taken);
    }
    settle(&b);
    EXPECT_INT(weir_push_committed(b.push), 30);
    bench_close(&b);
    restart(&b);
    for (int i = 2; i <= 4; i++) {
        WR_BUF(sql);
        wr_buf_printf(&sql, "SELECT %d AS k, 'a' AS name, now()::TIMESTAMP AS ts", i);
        EXPECT_OK(bring(&b, sql.data, i * 10, 20000, &taken));
        EXPECT(taken);
    }
    settle(&b);
    EXPECT_INT(weir_push_committed(b.push), 40);
    WR_BUF(sql);
    wr_buf_printf(&sql, "SELECT string_agg(k::VARCHAR, ' ' ORDER BY k) FROM '%s/out/*.csv'",
                  b.folder);
    expect(&b, sql.data, "1 2 3 4\n");
    bench_close(&b);
    remove_folder(&b);
}

TEST(a_batch_without_rows_is_committed_too)
{
    static const char row[] = "SELECT 1 AS k, 'a' AS name, now()::TIMESTAMP AS ts";
    bench b = {.folder = "/tmp/weir_push_XXXXXX"};
    bool taken;
    EXPECT(mkdtemp(b.folder) != NULL);
    restart(&b);
    EXPECT_OK(bring(&b, row, 1, 20000, &taken));
    settle(&b);
    for (int i = 2; i <= 3; i++) {
        EXPECT_OK(bring_some(&b, row, 0, i, 20000, &taken));
        EXPECT(taken);
    }
    settle(&b);
    EXPECT_INT(weir_push_committed(b.push), 3);
    EXPECT_OK(bring(&b, row, 4, 20000, &taken));
    EXPECT_OK(bring_some(&b, row, 0, 5, 20000, &taken)); /* behind rows that wait, perhaps */
    settle(&b);
    EXPECT_INT(weir_push_committed(b.push), 5);
    bench_close(&b);
    restart(&b);
    EXPECT_OK(bring(&b, row, 5, 20000, &taken)); /* it has that */
    settle(&b);
    EXPECT_INT(weir_push_committed(b.push), 5);
    WR_BUF(sql);
    wr_buf_printf(&sql, "SELECT count(*) FROM '%s/out/*.csv'", b.folder);
    expect(&b, sql.data, "2\n");
    bench_close(&b);
    remove_folder(&b);
}

TEST(a_stream_commits_when_it_has_read_so_many_bytes)
{
    bench b = {.folder = "/tmp/weir_push_XXXXXX"};
    weir_stream_figures f = {0};
    struct ArrowArrayStream stream;
    EXPECT(mkdtemp(b.folder) != NULL);
    bench_open(&b, "");
    expect(&b, "SET checkpoint_interval = '1h'; SET checkpoint_bytes = '40kB'", "");
    make_sink(&b);
    stream_open(&b, "INSERT INTO out SELECT k FROM s");
    rows_of(&b, /* 16 bytes a row */
            "SELECT i AS k, 'a' AS name, now()::TIMESTAMP AS ts FROM range(10000) t(i)", &stream);
    EXPECT_OK(weir_push_stream(b.push, &stream));
    for (int i = 0; i < 1000 && (f.rows_in < 10000 || f.checkpoints < 2); i++) {
        usleep(10000);
        weir_stream_progress(b.stream, &f);
    }
    EXPECT(f.checkpoints >= 2 && f.checkpoints <= 4);
    bench_close(&b);
    remove_folder(&b);
}

TEST(what_cannot_be_pushed_says_why)
{
    bench b = {0};
    weir_push *other = NULL;
    bool taken;
    bench_open(&b, "");
    EXPECT_FAIL(weir_push_open(b.session, "nothing", &other), WR_E_UNKNOWN_TABLE);
    expect(&b, "CREATE SOURCE e WITH (connector = 'nexmark')", "");
    EXPECT_FAIL(weir_push_open(b.session, "e", &other), WR_E_UNSUPPORTED);
    expect(&b, "CREATE SOURCE p WITH (connector = 'push')",
           "a source that is pushed to has columns");
    expect(&b, "CREATE SOURCE p (a INT) WITH (connector = 'push', queue_rows = 0)",
           "the option \"queue_rows\" is at least 1");
    EXPECT_FAIL(bring(&b, "SELECT 1 AS k, 2 AS name", 0, 0, &taken), WR_E_UNKNOWN_COLUMN);
    EXPECT_FAIL(bring(&b, "SELECT 1 AS k, 2 AS name, now() AS ts, 4 AS more", 0, 0, &taken),
                WR_E_COLUMN_COUNT);
    EXPECT_FAIL(bring(&b, "SELECT 'x' AS k, 2 AS name, now() AS ts", 0, 0, &taken), WR_E_BAD_VALUE);
    EXPECT_FAIL(bring(&b, "SELECT 1 AS k", -1, 0, &taken), WR_E_API_MISUSE);
    bench_close(&b);
}
