/* streams_test.c - sources and sinks through SQL, with a connector of the test: a source that
 * counts (bounded or not) and a sink that notes what happens to it, in order. */
#include "plan/connect.h"
#include "session/answer_kit_test.h"
#include <stdlib.h>

/* ---- the source: column c of row n is n, moments are n seconds ---- */

static const wr_opt source_options[] = {{"rows", WR_OPT_INT, "-1", "how many; -1: without end"},
                                        {"fails_at", WR_OPT_INT, "-1", "the row that is bad"},
                                        {"password", WR_OPT_SECRET, NULL, "is not shown"},
                                        {"format", WR_OPT_TEXT, NULL, "of nothing"},
                                        {0}};

typedef struct counting {
    wr_source base;
    wr_arena arena;
    int64_t rows, fails_at;
} counting;

typedef struct counting_reader {
    wr_reader base;
    wr_arena arena;
    int columns[16], column_count;
    int64_t at;
} counting_reader;

static weir_status counting_open(wr_source *source, const wr_reader_request *request,
                                 wr_reader **out)
{
    counting_reader *reader = wr_heap_new(sizeof *reader);
    EXPECT(request->column_count > 0); /* batches without columns are not asked for */
    EXPECT(request->position.length == 0);
    reader->base.source = source;
    reader->column_count = request->column_count;
    memcpy(reader->columns, request->columns, sizeof(int) * (size_t)request->column_count);
    *out = &reader->base;
    return WR_OK;
}

static weir_status counting_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out,
                                 wr_poll *result)
{
    counting_reader *reader = (counting_reader *)base;
    const counting *source = (counting *)base->source;
    int64_t left = source->rows < 0 ? 100 : source->rows - reader->at;
    (void)deadline_ns;
    *result = left > 0 ? WR_POLL_ROWS : WR_POLL_END;
    if (left <= 0) return WR_OK;
    if (source->fails_at >= 0 && reader->at >= source->fails_at)
        return wr_fail(WR_E_ROW_VALUE, "row %lld is bad", (long long)source->fails_at);
    wr_arena_reset(&reader->arena);
    out->rows = (uint32_t)WR_MIN(left, WR_MIN(100, WR_BATCH_ROWS));
    out->column_count = reader->column_count;
    out->columns = wr_new_array(&reader->arena, wr_column, reader->column_count);
    for (int c = 0; c < reader->column_count; c++) {
        const wr_type *type = source->base.schema.fields[reader->columns[c]].type;
        wr_column_init(&out->columns[c], &reader->arena, type, WR_P_I64, out->rows);
        out->columns[c].rows = out->rows;
        for (uint32_t i = 0; i < out->rows; i++)
            ((int64_t *)out->columns[c].data)[i] =
                (reader->at + i) * (type->id == WR_T_TIMESTAMP ? 1000000 : 1);
    }
    reader->at += out->rows;
    return WR_OK;
}

static void counting_close(wr_reader *reader)
{
    wr_arena_clear(&((counting_reader *)reader)->arena);
    wr_heap_drop(reader);
}

static void counting_drop(wr_source *source)
{
    wr_arena_clear(&((counting *)source)->arena);
    wr_heap_drop(source);
}

static weir_status counting_position(wr_reader *reader, wr_buf *out)
{
    wr_buf_printf(out, "%lld", (long long)((counting_reader *)reader)->at);
    return WR_OK;
}

static _Atomic int acknowledged; /* how often a source heard that its rows are committed */
static weir_status counting_ack(wr_reader *reader, wr_str position)
{
    (void)reader;
    EXPECT(position.length > 0);
    acknowledged++;
    return WR_OK;
}

static const wr_source_def counting_def = {.open = counting_open,
                                           .poll = counting_poll,
                                           .position = counting_position,
                                           .ack = counting_ack,
                                           .close = counting_close,
                                           .drop = counting_drop};

static weir_status counting_new(const wr_connect *connect, wr_source **out)
{
    counting *source = wr_heap_new(sizeof *source);
    wr_field field = {WR_STR("n"), WR_BIGINT};
    const wr_schema own = {.fields = &field, .count = 1};
    source->base = (wr_source){
        .def = &counting_def,
        .connector = "counting",
        .schema = *wr_schema_copy(&source->arena, connect->schema ? connect->schema : &own),
        .references = 1};
    *out = &source->base;
    WR_TRY(wr_option_int(connect->options, source_options, "rows", &source->rows, NULL));
    WR_TRY(wr_option_int(connect->options, source_options, "fails_at", &source->fails_at, NULL));
    source->base.is_bounded = source->rows >= 0;
    return WR_OK;
}

/* ---- the sink ---- */

static const wr_opt sink_options[] = {
    {"name", WR_OPT_TEXT, "", "of it"}, {"token", WR_OPT_SECRET, NULL, "is not shown"}, {0}};

typedef struct noting {
    wr_target base;
    wr_arena arena;
} noting;

static char log_text[4096];

static void note(const char *what)
{
    strncat(log_text, what, sizeof log_text - strlen(log_text) - 1);
}

static weir_status noting_open(wr_target *target, const wr_deliverer_request *request,
                               wr_deliverer **out)
{
    wr_deliverer *deliverer = wr_heap_new(sizeof *deliverer);
    EXPECT(request->query.length > 0 && request->delivery == WR_DELIVERY_EXACTLY_ONCE);
    deliverer->target = target;
    *out = deliverer;
    note("open ");
    return WR_OK;
}

static weir_status noting_write(wr_deliverer *deliverer, const wr_delta *delta)
{
    WR_BUF(text);
    EXPECT_INT(delta->batch.column_count, deliverer->target->schema.count);
    EXPECT(delta->changes == NULL);
    uint32_t count = wr_batch_count(&delta->batch);
    for (uint32_t i = 0; i < count && count <= 3; i++) {
        for (int c = 0; c < delta->batch.column_count; c++) {
            wr_buf_add_text(&text, c ? "," : "[");
            wr_column_print(&delta->batch.columns[c], wr_batch_row(&delta->batch, i), &text);
        }
        wr_buf_add_text(&text, "] ");
    }
    if (count > 3) wr_buf_printf(&text, "%u rows ", count);
    note(text.data ? text.data : "");
    return WR_OK;
}

static weir_status noting_prepare(wr_deliverer *deliverer, uint64_t epoch, wr_buf *token)
{
    (void)deliverer;
    EXPECT_INT(epoch, 1);
    wr_buf_add_text(token, "seal");
    note("prepare ");
    return WR_OK;
}

static weir_status noting_commit(wr_deliverer *deliverer, uint64_t epoch, wr_str token)
{
    (void)deliverer;
    EXPECT_INT(epoch, 1);
    EXPECT(wr_str_is(token, "seal"));
    note("commit ");
    return WR_OK;
}

static void noting_abort(wr_deliverer *deliverer)
{
    (void)deliverer;
    note("abort ");
}

static void noting_close(wr_deliverer *deliverer)
{
    note("close");
    wr_heap_drop(deliverer);
}

static void noting_drop(wr_target *target)
{
    wr_arena_clear(&((noting *)target)->arena);
    wr_heap_drop(target);
}

static const wr_target_def noting_def = {.open = noting_open,
                                         .write = noting_write,
                                         .prepare = noting_prepare,
                                         .commit = noting_commit,
                                         .abort = noting_abort,
                                         .close = noting_close,
                                         .drop = noting_drop};

static weir_status noting_new(const wr_connect *connect, wr_target **out)
{
    noting *target = wr_heap_new(sizeof *target);
    target->base = (wr_target){.def = &noting_def,
                               .connector = "counting",
                               .schema = *wr_schema_copy(&target->arena, connect->schema),
                               .key_count = connect->key_count,
                               .strongest = WR_DELIVERY_EXACTLY_ONCE,
                               .references = 1};
    *out = &target->base;
    return WR_OK;
}

static const wr_connector counting_connector = {"counting",   "counts",     source_options,
                                                sink_options, counting_new, noting_new};
static const wr_connector only_source = {"only_source", "counts",     source_options,
                                         NULL,          counting_new, NULL};

/* ---- asking ---- */

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
} bench;

static void bench_open(bench *b)
{
    EXPECT(wr_connector_add(&counting_connector));
    EXPECT(wr_connector_add(&only_source));
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
    log_text[0] = 0;
}

static void bench_close(bench *b)
{
    weir_session_close(b->session);
    weir_engine_close(b->engine);
}

static void answer(bench *b, const char *sql, wr_buf *out) { answer_of(b->session, sql, out); }

static void expect(bench *b, const char *sql, const char *want)
{
    WR_BUF(got);
    answer(b, sql, &got);
    EXPECT_TEXT(got.data, want);
}

/* ---- tests ---- */

TEST(a_bounded_source_is_read_like_a_table)
{
    bench b;
    bench_open(&b);
    expect(&b,
           "CREATE SOURCE s (i BIGINT, ts TIMESTAMP, d AS i * 2, WATERMARK FOR ts AS ts - INTERVAL "
           "'4' SECOND) WITH (connector = 'counting', rows = 1000)",
           "");
    expect(&b, "SELECT count(*), sum(d), max(ts) FROM s", "1000 999000 1970-01-01 00:16:39");
    expect(&b, "SELECT i, d FROM s WHERE d > 1990 AND i <> 997 ORDER BY i",
           "996 1992; 998 1996; 999 1998");
    expect(&b, "SELECT a.i FROM s a JOIN s b ON a.i = b.d WHERE b.i > 497", "996; 998");
    expect(&b,
           "SELECT window_start, count(*) FROM tumble(s, ts, INTERVAL '10 minutes') GROUP BY 1 "
           "ORDER BY 1",
           "1970-01-01 00:00:00 600; 1970-01-01 00:10:00 400");
    expect(&b,
           "CREATE MATERIALIZED VIEW mv AS SELECT i % 2 AS odd, count(*) AS n FROM s GROUP BY 1",
           "");
    expect(&b, "SELECT n FROM mv", "500; 500");
    bench_close(&b);
}

TEST(a_source_without_end_gives_rows_until_there_are_enough)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE u WITH (connector = 'counting')", "");
    expect(&b, "SELECT n FROM u WHERE n >= 250 LIMIT 3", "250; 251; 252");
    expect(&b, "INSERT INTO nothing SELECT n FROM u",
           "UNKNOWN_TABLE: no table, view or file \"nothing\"");
    weir_query *query;
    const char *sql = "SELECT sum(n) FROM u";
    EXPECT_OK(weir_query_start(b.session, sql, strlen(sql), &query));
    weir_query_cancel(query);
    const weir_rows *rows;
    EXPECT_FAIL(weir_query_next(query, &rows), WR_E_CANCELLED);
    weir_query_close(query);
    bench_close(&b);
}

TEST(a_bad_row_of_a_source_fails_the_query)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rows = 1000, fails_at = 300)", "");
    expect(&b, "SELECT count(*) FROM s", "ROW_VALUE: row 300 is bad");
    bench_close(&b);
}

TEST(rows_for_a_sink_are_written_then_made_visible_once)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rows = 2)", "");
    expect(&b,
           "CREATE SINK k (a DOUBLE, b VARCHAR(3), PRIMARY KEY (a)) WITH (connector = 'counting')",
           "");
    EXPECT_TEXT(log_text, "");
    expect(&b, "INSERT INTO k SELECT n, 'x' FROM s", "");
    EXPECT_TEXT(log_text, "open [0,x] [1,x] prepare commit close");
    log_text[0] = 0;
    expect(&b, "INSERT INTO k (b, a) VALUES ('abc', 5)", "");
    expect(&b, "INSERT INTO k BY NAME SELECT 'q' AS b, 1 AS a WHERE false", "");
    EXPECT_TEXT(log_text, "open [5,abc] prepare commit closeopen prepare commit close");
    log_text[0] = 0;
    expect(&b, "INSERT INTO k SELECT n, 'long text' FROM s",
           "TEXT_TOO_LONG: column \"b\" of k: \"long text\" has 9 characters, at most 3 fit");
    expect(&b, "INSERT INTO k (b) VALUES ('y')", "RAISED: NULL in column \"a\" of k");
    EXPECT(!strstr(log_text, "prepare"));
    bench_close(&b);
}

TEST(a_sink_takes_rows_and_gives_none)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE u WITH (connector = 'counting')", "");
    expect(&b, "CREATE SINK k (a INT, b INT) WITH (connector = 'counting')", "");
    expect(&b, "SELECT * FROM k", "UNSUPPORTED: k is a sink: its rows cannot be read");
    expect(&b, "SELECT * FROM u JOIN k ON n = a",
           "UNSUPPORTED: k is a sink: its rows cannot be read");
    expect(&b, "INSERT INTO u VALUES (1)",
           "UNSUPPORTED: u is a source: rows cannot be inserted into it");
    expect(&b, "INSERT INTO k SELECT 1", "COLUMN_COUNT: INSERT gives 1 value for 2 columns (a, b)");
    expect(&b, "INSERT INTO k (a, a) VALUES (1, 2)",
           "DUPLICATE_COLUMN: column \"a\" is given twice");
    expect(&b, "INSERT INTO k (c) VALUES (1)", "UNKNOWN_COLUMN: no column \"c\" in k");
    expect(&b, "INSERT INTO k SELECT 'x', 1 RETURNING a",
           "UNSUPPORTED: RETURNING is for tables, not for sinks");
    expect(&b, "INSERT INTO k VALUES (1, 1) ON CONFLICT DO NOTHING",
           "UNSUPPORTED: ON CONFLICT is for tables: a sink with a PRIMARY KEY replaces rows");
    expect(&b, "UPDATE k SET a = 1", "UNSUPPORTED: k is a sink: its rows cannot be changed");
    expect(&b, "DELETE FROM u", "UNSUPPORTED: u is a source: its rows cannot be changed");
    EXPECT_TEXT(log_text, "");
    bench_close(&b);
}

TEST(a_sink_with_a_query_has_its_rows_only)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE TABLE t AS SELECT 7 AS x, 'a' AS y", "");
    expect(&b, "CREATE SINK k FROM t WITH (connector = 'counting')", "");
    EXPECT_TEXT(log_text, "open [7,a] prepare commit close");
    log_text[0] = 0;
    expect(&b, "CREATE SINK q WITH (connector = 'counting') AS SELECT x + 1 AS z FROM t", "");
    EXPECT_TEXT(log_text, "open [8] prepare commit close");
    expect(&b, "INSERT INTO q VALUES (1)",
           "UNSUPPORTED: q has the rows of its own query: nothing can be inserted");
    expect(&b, "CREATE SINK n WITH (connector = 'counting')",
           "COLUMN_COUNT: the sink has no columns: nothing says what rows it takes");
    bench_close(&b);
}

TEST(explain_says_where_rows_go_and_when)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rows = 2)", "");
    expect(&b, "CREATE SOURCE u WITH (connector = 'counting')", "");
    expect(&b, "CREATE SINK k (a BIGINT) WITH (connector = 'counting')", "");
    expect(&b, "EXPLAIN INSERT INTO k SELECT n FROM s",
           "into k [counting], once; sink insert into k  ~1 rows;   scan s [source counting] (n)  "
           "~10000 rows");
    expect(
        &b, "EXPLAIN (logical) INSERT INTO k SELECT n FROM u WHERE n > 5 EMIT CHANGES",
        "into k [counting], for ever, as they change; project n AS a  ~3000 rows;   project n AS "
        "n  ~3000 rows;     scan u where n > 5  ~3000 rows");
    expect(&b, "EXPLAIN ANALYZE INSERT INTO k SELECT n FROM u",
           "UNSUPPORTED: EXPLAIN ANALYZE would not end: the query is a stream");
    EXPECT_TEXT(log_text, "");
    bench_close(&b);
}

static bool answer_has(bench *b, const char *sql, const char *part)
{
    WR_BUF(got);
    answer(b, sql, &got);
    return strstr(got.data, part) != NULL;
}

TEST(a_stream_is_explained_by_plan_stages_and_strategy)
{
    bench b;
    bench_open(&b);
    expect(&b,
           "CREATE SOURCE u (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts - INTERVAL '4' SECOND) "
           "WITH (connector = 'counting', password = 'hush')",
           "");
    expect(&b,
           "CREATE SINK k (a TIMESTAMP, b BIGINT) WITH (connector = 'counting', token = 'hush')",
           "");
    const char *windows = "EXPLAIN INSERT INTO k SELECT window_end, sum(n) FROM tumble(u, ts, "
                          "INTERVAL '1 minute') GROUP BY window_start, window_end";
    static const char *const parts[] = {
        "; logical; ",
        "; physical;   1. source u [counting]; ",
        "2. watermark <- 1, keeps state;      time: ts - INTERVAL '00:00:04'; ",
        "windows: tumbling, size 00:01:00; ",
        "aggregates: sum(n) AS sum; ",
        "leaves: once, when time has passed the end; ",
        "; strategy;      delivery: best-effort: no state directory is given",
        "source: u cannot be read again",
        "sink: k takes part in commits",
        "execution: single-process",
        "state: volatile: no state directory is given"};
    for (size_t i = 0; i < WR_COUNT(parts); i++)
        EXPECT(answer_has(&b, windows, parts[i]));
    EXPECT(!answer_has(&b, windows, "hush") && !answer_has(&b, windows, "warning"));
    const char *json = "EXPLAIN (FORMAT json) INSERT INTO k SELECT ts, n FROM u ORDER BY n";
    EXPECT(answer_has(&b, json, "UNSUPPORTED: "));
    json = "EXPLAIN (FORMAT json) INSERT INTO k SELECT DISTINCT ts, n FROM u";
    EXPECT(answer_has(&b, json, "UNSUPPORTED: rows of the query change later"));
    json = "EXPLAIN (FORMAT json) INSERT INTO k SELECT ts, n FROM u WHERE n > 5";
    static const char *const members[] = {"{\"v\":1,\"logical\":", ",\"physical\":[{\"id\":1,",
                                          "\"selected_mode\":\"single-process\"",
                                          "\"delivery\":\"best-effort\"", ",\"warnings\":[]"};
    for (size_t i = 0; i < WR_COUNT(members); i++)
        EXPECT(answer_has(&b, json, members[i]));
    EXPECT(!answer_has(&b, json, "hush"));
    EXPECT_TEXT(log_text, ""); /* nothing was opened */
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rows = 2)", "");
    expect(&b, "SET stream_mode = 'always'", "");
    EXPECT(answer_has(&b, "EXPLAIN INSERT INTO k SELECT NULL, n FROM s", "rows: bounded"));
    bench_close(&b);
}

TEST(windows_that_are_joined_end_as_windows_do)
{
    bench b;
    bench_open(&b);
    expect(&b,
           "CREATE SOURCE u (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = "
           "'counting')",
           "");
    expect(&b, "CREATE SINK k (a TIMESTAMP, b BIGINT) WITH (connector = 'counting')", "");
    expect(&b,
           "CREATE VIEW w AS SELECT n, window_start, window_end FROM tumble(u, ts, INTERVAL '1 "
           "minute')",
           "");
    const char *orphans = "EXPLAIN INSERT INTO k SELECT a.window_start, b.n FROM w a LEFT JOIN w b "
                          "ON a.n = b.n AND a.window_end = b.window_end";
    EXPECT(!answer_has(&b, orphans, "UNSUPPORTED") && !answer_has(&b, orphans, "warning"));
    const char *counts = "EXPLAIN INSERT INTO k SELECT a.window_start, count(*) FROM w a JOIN w b "
                         "ON a.n = b.n AND a.window_start = b.window_start AND a.window_end = "
                         "b.window_end GROUP BY a.window_start, a.window_end EMIT ON WINDOW CLOSE";
    EXPECT(answer_has(&b, counts, "leaves: once, when time has passed the end"));
    const char *lost = "EXPLAIN INSERT INTO k SELECT b.window_end, count(*) FROM w a LEFT JOIN w b "
                       "ON a.n = b.n AND a.window_end = b.window_end GROUP BY 1 EMIT ON WINDOW "
                       "CLOSE";
    EXPECT(answer_has(&b, lost, "UNSUPPORTED: EMIT ON WINDOW CLOSE needs a window of time"));
    bench_close(&b);
}

TEST(a_table_of_a_connector_is_source_and_sink)
{
    bench b;
    bench_open(&b);
    expect(&b,
           "CREATE TABLE t (n BIGINT, d AS n + 1) WITH ('connector' = 'counting', 'rows' = '2', "
           "'name' = 'x')",
           "");
    expect(&b, "SELECT n, d FROM t", "0 1; 1 2");
    expect(&b, "INSERT INTO t SELECT 5", "");
    EXPECT_TEXT(log_text, "open [5] prepare commit close");
    expect(&b, "INSERT INTO t (d) VALUES (5)",
           "UNSUPPORTED: column \"d\" is generated and cannot be given");
    expect(&b, "CREATE TABLE o (n BIGINT) WITH ('connector' = 'only_source', 'rows' = '2')", "");
    expect(&b, "INSERT INTO o VALUES (1)",
           "UNSUPPORTED: o is a source: the connector only_source takes no rows");
    expect(&b, "CREATE SINK o2 (n BIGINT) WITH (connector = 'only_source')",
           "UNSUPPORTED: the connector only_source takes no rows: it is for sources");
    expect(&b, "DROP SOURCE t", "UNKNOWN_TABLE: no source \"t\"");
    expect(&b, "DROP TABLE t", "");
    bench_close(&b);
}

TEST(options_are_checked_and_secrets_stay_secret)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rws = 5)",
           "UNKNOWN_OPTION: counting has no option \"rws\"");
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rows = 'many')",
           "PARAMETER_VALUE: the option \"rows\" takes an integer, not 'many'");
    expect(&b, "CREATE SINK k (a INT) WITH (connector = 'counting', rows = 5)",
           "UNKNOWN_OPTION: counting has no option \"rows\"");
    expect(&b,
           "CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = "
           "'counting', password = 'hush', rows = 3) FORMAT PLAIN ENCODE JSON",
           "");
    expect(&b, "SHOW CREATE SOURCE s",
           "CREATE SOURCE s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = "
           "'counting', password = '***', rows = 3, format = 'json');");
    expect(&b, "CREATE SINK k (a INT NOT NULL) WITH (connector = 'counting', token = 'hush')", "");
    expect(&b, "SHOW CREATE SINK k",
           "CREATE SINK k (a INTEGER NOT NULL) WITH (connector = 'counting', token = '***');");
    expect(&b, "SHOW SOURCES", "main s counting bounded");
    expect(&b, "SHOW SINKS", "main k counting inserted");
    expect(&b, "DESCRIBE s", "n BIGINT YES   ; ts TIMESTAMP YES   WATERMARK AS ts");
    expect(&b,
           "SELECT column_name FROM information_schema.columns WHERE table_name = 's' ORDER BY 1",
           "n; ts");
    bench_close(&b);
}

TEST(watermarks_and_generated_columns_must_bind)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE SOURCE s (n BIGINT, WATERMARK FOR n AS n) WITH (connector = 'counting')",
           "TYPE_MISMATCH: the watermark of s is a TIMESTAMP, not BIGINT");
    expect(&b, "CREATE SOURCE s (n BIGINT, WATERMARK FOR m AS n) WITH (connector = 'counting')",
           "UNKNOWN_COLUMN: no column \"m\" in it");
    expect(&b, "CREATE SOURCE s (n BIGINT, d AS m + 1) WITH (connector = 'counting')",
           "UNKNOWN_COLUMN: column \"d\" of s: no column \"m\" in s");
    expect(&b, "CREATE SOURCE s (n BIGINT, n INT) WITH (connector = 'counting')",
           "DUPLICATE_COLUMN: column \"n\" is given twice");
    expect(&b, "CREATE SOURCE s (n BIGINT CHECK (n > 0)) WITH (connector = 'counting')",
           "UNSUPPORTED: columns of sources and sinks take NOT NULL, PRIMARY KEY and generating "
           "expressions only");
    expect(&b,
           "CREATE SINK s (n BIGINT, ts TIMESTAMP, WATERMARK FOR ts AS ts) WITH (connector = "
           "'counting')",
           "UNSUPPORTED: a sink has no watermark");
    expect(&b, "CREATE SOURCE IF NOT EXISTS s WITH (connector = 'counting', rows = 1)", "");
    expect(&b, "CREATE SOURCE IF NOT EXISTS s WITH (connector = 'counting', rows = 9)", "");
    expect(&b, "SELECT count(*) FROM s", "1");
    expect(&b, "CREATE TABLE s (a INT)", "DUPLICATE_TABLE: a source named \"s\" exists already");
    expect(&b, "CREATE OR REPLACE SOURCE s WITH (connector = 'counting', rows = 9)", "");
    expect(&b, "SELECT count(*) FROM s", "9");
    expect(&b, "BEGIN; DROP SOURCE s; ROLLBACK; SELECT count(*) FROM s", "9");
    bench_close(&b);
}

TEST(sources_hear_of_commits_and_nothing_of_taps)
{
    bench b;
    bench_open(&b);
    acknowledged = 0;
    expect(&b, "CREATE SOURCE s WITH (connector = 'counting', rows = 1000)", "");
    expect(&b, "CREATE SINK nothing (n BIGINT) WITH (connector = 'blackhole')", "");
    const char *sql = "SELECT n FROM s";
    weir_query *query;
    const weir_rows *rows;
    uint64_t count = 0;
    EXPECT_OK(weir_tap_start(b.session, sql, strlen(sql), NULL, &query));
    for (bool more = true; more; count += more ? weir_rows_count(rows) : 0) {
        EXPECT_OK(weir_query_next(query, &rows));
        more = rows != NULL;
    }
    weir_query_close(query);
    EXPECT_INT(count, 1000);
    EXPECT_INT(acknowledged, 0);
    expect(&b, "SET stream_mode = 'always'", "");
    expect(&b, "INSERT INTO nothing SELECT n FROM s", "");
    EXPECT_INT(acknowledged, 1);
    bench_close(&b);
}
