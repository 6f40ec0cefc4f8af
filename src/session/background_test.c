/* background_test.c - streams of the C API over the connectors of the build: generated events into
 * nothing, files into files. */
#include "session/answer_kit_test.h"
#include "sys/clock.h"
#include <stdio.h>
#include <stdlib.h>

#define PLACE "/tmp/weir_background_XXXXXX"

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
    char folder[sizeof PLACE];
} bench;

static void run(bench *b, const char *sql)
{
    weir_query *query = NULL;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    const weir_rows *rows = NULL;
    if (query) EXPECT_OK(weir_query_next(query, &rows));
    weir_query_close(query);
}

static void bench_open(bench *b)
{
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
    memcpy(b->folder, PLACE, sizeof PLACE);
    EXPECT(mkdtemp(b->folder) != NULL);
    run(b, "CREATE SOURCE e WITH (connector = 'nexmark', table = 'bid', rate = 1000)");
    run(b, "CREATE SINK nothing (a BIGINT) WITH (connector = 'blackhole')");
}

static void bench_close(bench *b)
{
    weir_session_close(b->session);
    weir_engine_close(b->engine);
    remove_folder(b->folder);
}

static weir_status open_stream(bench *b, const char *sql, const weir_stream_options *options,
                               weir_stream **out)
{
    return weir_stream_open(b->session, sql, strlen(sql), options, out);
}

/* One value of the first row. */
static void value(bench *b, const char *sql, wr_buf *out)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    wr_buf_clear(out);
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    EXPECT_OK(weir_query_next(query, &rows));
    size_t length = 0;
    const char *text = rows ? weir_rows_text(rows, 0, 0, &length) : "no row";
    wr_buf_add(out, text, rows ? length : strlen(text));
    weir_query_close(query);
}

static void expect_value(bench *b, const char *sql, const char *want)
{
    WR_BUF(got);
    value(b, sql, &got);
    EXPECT_TEXT(got.data, want);
}

TEST(a_stream_runs_beside_its_session_until_it_is_stopped)
{
    bench b;
    bench_open(&b);
    weir_stream *stream;
    EXPECT_OK(
        open_stream(&b, "SELECT 1; INSERT INTO nothing SELECT auction FROM e", NULL, &stream));
    EXPECT_TEXT(weir_stream_name(stream), "nothing");
    weir_stream_figures f;
    weir_stream_progress(stream, &f);
    EXPECT_INT(f.status, WEIR_STREAM_CREATED);
    EXPECT_OK(weir_stream_start(stream));
    EXPECT_FAIL(weir_stream_start(stream), WR_E_API_MISUSE);
    expect_value(&b, "SELECT 42", "42");
    run(&b, "DROP SOURCE e");
    run(&b, "DROP SINK nothing");
    uint64_t seen = 0;
    for (int i = 0; i < 500 && seen == 0; i++) {
        bool ended;
        EXPECT_OK(weir_stream_await(stream, 10, &ended));
        EXPECT(!ended);
        weir_stream_progress(stream, &f);
        seen = f.rows_out;
    }
    EXPECT(seen > 0 && f.rows_in >= f.rows_out);
    weir_stream_stop(stream);
    bool ended;
    EXPECT_OK(weir_stream_await(stream, 10000, &ended));
    weir_stream_progress(stream, &f);
    EXPECT(ended && f.has_ended && f.status == WEIR_STREAM_STOPPED);
    weir_stream_close(stream);
    bench_close(&b);
}

TEST(a_stream_outlives_the_session_it_was_opened_in)
{
    bench b;
    bench_open(&b);
    run(&b, "CREATE TEMPORARY TABLE small AS SELECT range AS a FROM range(5)");
    weir_stream *stream;
    EXPECT_OK(open_stream(&b,
                          "INSERT INTO nothing SELECT small.a FROM e JOIN small ON small.a = "
                          "e.auction % 5",
                          NULL, &stream));
    EXPECT_OK(weir_stream_start(stream));
    weir_session_close(b.session);
    EXPECT_OK(weir_session_open(b.engine, &b.session));
    weir_stream_figures f = {0};
    for (int i = 0; i < 1000 && !f.rows_out; i++) {
        wr_sleep_ms(5);
        weir_stream_progress(stream, &f);
    }
    EXPECT(f.rows_out > 0);
    weir_stream_close(stream); /* without stop */
    bench_close(&b);
}

TEST(no_two_streams_have_one_name)
{
    bench b;
    bench_open(&b);
    weir_stream *first, *second = NULL;
    const char *sql = "INSERT INTO nothing SELECT auction FROM e";
    EXPECT_OK(open_stream(&b, sql, NULL, &first));
    EXPECT_FAIL(open_stream(&b, sql, NULL, &second), WR_E_BUSY);
    EXPECT(second == NULL);
    EXPECT_OK(open_stream(&b, sql, &(weir_stream_options){.name = "other"}, &second));
    expect_value(&b, "SHOW STREAMS", "other");
    weir_stream_close(second);
    EXPECT_FAIL(open_stream(&b, sql, &(weir_stream_options){.name = "../x"}, &second),
                WR_E_PARAMETER_VALUE);
    EXPECT_FAIL(
        open_stream(&b, sql, &(weir_stream_options){.name = "y", .delivery = "twice"}, &second),
        WR_E_PARAMETER_VALUE);
    EXPECT_FAIL(open_stream(&b, sql,
                            &(weir_stream_options){.name = "y", .delivery = "exactly-once"},
                            &second),
                WR_E_UNSUPPORTED);
    weir_stream_close(first);
    EXPECT_OK(open_stream(&b, sql, NULL, &first));
    weir_stream_close(first);
    bench_close(&b);
}

TEST(only_what_streams_can_be_opened)
{
    bench b;
    bench_open(&b);
    weir_stream *stream = NULL;
    bool is_stream = true;
    EXPECT_FAIL(open_stream(&b, "SELECT 1", NULL, &stream), WR_E_UNSUPPORTED);
    EXPECT_FAIL(open_stream(&b, "INSERT INTO nothing VALUES (1)", NULL, &stream), WR_E_UNSUPPORTED);
    EXPECT_FAIL(
        open_stream(&b, "SELEC 1; INSERT INTO nothing SELECT auction FROM e", NULL, &stream),
        WR_E_MISPLACED);
    EXPECT_FAIL(open_stream(&b, "INSERT INTO nothing SELECT auctoin FROM e", NULL, &stream),
                WR_E_UNKNOWN_COLUMN);
    EXPECT_FAIL(open_stream(&b, "BEGIN; INSERT INTO nothing SELECT auction FROM e", NULL, &stream),
                WR_E_TXN_STATE);
    run(&b, "ROLLBACK");
    EXPECT(stream == NULL);
    const char *values = "INSERT INTO nothing VALUES (1)",
               *reads = "INSERT INTO nothing SELECT auction FROM e WHERE price > 5";
    EXPECT_OK(weir_stream_check(b.session, values, strlen(values), &is_stream));
    EXPECT(!is_stream);
    EXPECT_OK(weir_stream_check(b.session, reads, strlen(reads), &is_stream));
    EXPECT(is_stream);
    EXPECT_OK(weir_stream_check(b.session, "SELECT 1", 8, &is_stream));
    EXPECT(!is_stream);
    bench_close(&b);
}

/* ---- files to files, with a state ---- */

static void write_file(bench *b, const char *name, const char *text)
{
    WR_BUF(path);
    wr_buf_printf(&path, "%s/in/%s", b->folder, name);
    FILE *file = fopen(path.data, "w");
    EXPECT(file && fputs(text, file) >= 0 && fclose(file) == 0);
}

static void files_open(bench *b)
{
    WR_BUF(sql);
    bench_open(b);
    WR_BUF(in);
    wr_buf_printf(&in, "%s/in", b->folder);
    EXPECT_OK(wr_fs_make_dirs(wr_fs_real(), wr_buf_str(&in)));
    wr_buf_printf(&sql,
                  "CREATE SOURCE f (n BIGINT) WITH (connector = 'files', path = '%s/in', format = "
                  "'csv', header = true, settle_ms = 20, poll_interval_ms = 20);"
                  "CREATE SINK out (n BIGINT) WITH (connector = 'files', path = '%s/out', format "
                  "= 'csv', header = true);"
                  "SET stream_state = '%s/state'",
                  b->folder, b->folder, b->folder);
    run(b, sql.data);
}

static weir_stream *start_files(bench *b)
{
    weir_stream *stream = NULL;
    /* An interval that never comes: what is committed is committed because somebody waits. */
    weir_stream_options options = {.checkpoint_interval_ms = 3600 * 1000};
    EXPECT_OK(open_stream(b, "INSERT INTO out SELECT n * 2 AS n FROM f", &options, &stream));
    EXPECT_OK(weir_stream_start(stream));
    return stream;
}

static void expect_out(bench *b, const char *want)
{
    WR_BUF(sql);
    wr_buf_printf(&sql,
                  "SELECT string_agg(n::VARCHAR, ',' ORDER BY n) FROM read_csv('%s/out/*.csv')",
                  b->folder);
    expect_value(b, sql.data, want);
}

TEST(waiting_until_it_is_idle_commits_what_was_read)
{
    bench b;
    files_open(&b);
    write_file(&b, "a.csv", "n\n1\n2\n");
    weir_stream *stream = start_files(&b);
    bool idle;
    EXPECT_OK(weir_stream_await_idle(stream, 10000, &idle));
    EXPECT(idle);
    expect_out(&b, "2,4");
    weir_stream_close(stream);
    stream = start_files(&b);
    EXPECT_OK(weir_stream_await_idle(stream, 10000, &idle));
    weir_stream_figures f;
    weir_stream_progress(stream, &f);
    EXPECT(idle && f.is_idle);
    EXPECT_INT(f.rows_in, 0); /* it went on where the other ended */
    EXPECT_INT(f.checkpoints, 0);
    write_file(&b, "b.csv", "n\n5\n");
    for (int i = 0; i < 500 && !f.rows_out; i++) {
        EXPECT_OK(weir_stream_await_idle(stream, 10000, &idle));
        weir_stream_progress(stream, &f);
    }
    expect_out(&b, "2,4,10");
    weir_stream_close(stream);
    bench_close(&b);
}

/* A number behind a name in JSON; -1: it is not there. */
static int64_t number_of(const char *json, const char *name)
{
    WR_BUF(key);
    wr_buf_printf(&key, "\"%s\":", name);
    const char *at = strstr(json, key.data);
    return at ? strtoll(at + key.length, NULL, 10) : -1;
}

TEST(the_snapshot_has_every_field_with_its_value)
{
    static const char *const fields[] = {"query_id",
                                         "status",
                                         "requested_execution_mode",
                                         "execution_mode",
                                         "execution_reason",
                                         "transport_mode",
                                         "aggregate_impl",
                                         "aggregate_reason",
                                         "batches_pulled",
                                         "batches_processed",
                                         "blocked_count",
                                         "max_backlog_batches",
                                         "inflight_batches",
                                         "inflight_partitions",
                                         "last_batch_latency_ms",
                                         "last_sink_latency_ms",
                                         "last_state_latency_ms",
                                         "last_source_offset",
                                         "backpressure_active",
                                         "actor_eligible",
                                         "used_actor_runtime",
                                         "used_shared_memory",
                                         "has_stateful_ops",
                                         "has_window",
                                         "sink_is_blocking",
                                         "source_is_bounded",
                                         "estimated_partitions",
                                         "projected_payload_bytes",
                                         "sampled_batches",
                                         "sampled_rows_per_batch",
                                         "average_projected_payload_bytes",
                                         "actor_speedup",
                                         "compute_to_overhead_ratio",
                                         "estimated_state_size_bytes",
                                         "estimated_batch_cost",
                                         "backpressure_max_queue_batches",
                                         "backpressure_high_watermark",
                                         "backpressure_low_watermark",
                                         "checkpoint_delivery_mode",
                                         "v",
                                         "rows_in",
                                         "watermark",
                                         "lag_rows",
                                         "lag_bytes",
                                         "late_rows",
                                         "checkpoints",
                                         "epoch"};
    bench b;
    files_open(&b);
    write_file(&b, "a.csv", "n\n1\n2\n");
    weir_stream *stream = start_files(&b);
    bool idle;
    EXPECT_OK(weir_stream_await_idle(stream, 10000, &idle));
    weir_stream_stop(stream);
    EXPECT_OK(weir_stream_await(stream, 10000, &idle));
    char *json = weir_stream_snapshot(stream);
    const char *at = json;
    for (size_t i = 0; i < WR_COUNT(fields); i++) {
        WR_BUF(key);
        wr_buf_printf(&key, "\"%s\":", fields[i]);
        const char *found = strstr(json, key.data);
        EXPECT(found != NULL);
        if (i < 40) EXPECT(found >= at); /* in the order Velaria has them */
        at = i < 40 ? found : at;
    }
    EXPECT(strstr(json, "\"query_id\":\"out\",\"status\":\"stopped\"") != NULL);
    EXPECT(strstr(json, "\"checkpoint_delivery_mode\":\"exactly-once\"") != NULL);
    EXPECT(strstr(json, "\"last_source_offset\":\"f: 1 file read\"") != NULL);
    EXPECT_INT(number_of(json, "rows_in"), 2);
    EXPECT_INT(number_of(json, "batches_pulled"), 1);
    EXPECT_INT(number_of(json, "sampled_rows_per_batch"), 2);
    int64_t payload = number_of(json, "average_projected_payload_bytes");
    EXPECT(payload >= 2 && payload <= 16);   /* two small integers, as narrow as they were read */
    EXPECT_INT(number_of(json, "epoch"), 2); /* one when it was idle, one when it stopped */
    weir_text_free(json);
    weir_stream_close(stream);
    bench_close(&b);
}

TEST(a_stream_that_fails_says_why_at_every_call)
{
    bench b;
    files_open(&b);
    write_file(&b, "a.csv", "n\nx\n");
    weir_stream *stream = start_files(&b);
    bool ended;
    EXPECT_FAIL(weir_stream_await(stream, 10000, &ended), WR_E_ROW_VALUE);
    EXPECT(ended);
    EXPECT_FAIL(weir_stream_await_idle(stream, 0, &ended), WR_E_ROW_VALUE);
    char *json = weir_stream_snapshot(stream);
    EXPECT(strstr(json, "\"status\":\"failed\"") && strstr(json, "\"error\":\""));
    weir_text_free(json);
    weir_stream_close(stream);
    bench_close(&b);
}

TEST(a_cancelled_stream_ends_without_a_commit)
{
    bench b;
    bench_open(&b);
    weir_stream *stream;
    bool ended;
    EXPECT_OK(open_stream(&b, "INSERT INTO nothing SELECT auction FROM e", NULL, &stream));
    EXPECT_FAIL(weir_stream_await(stream, 0, &ended), WR_E_API_MISUSE);
    EXPECT_OK(weir_stream_start(stream));
    weir_stream_cancel(stream);
    EXPECT_FAIL(weir_stream_await(stream, 10000, &ended), WR_E_CANCELLED);
    EXPECT(ended);
    weir_stream_figures f;
    weir_stream_progress(stream, &f);
    EXPECT_INT(f.checkpoints, 0);
    weir_stream_close(stream);
    bench_close(&b);
}
