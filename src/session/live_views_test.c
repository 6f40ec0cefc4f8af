/* live_views_test.c - materialized views whose queries go on, SUBSCRIBE and tables as sinks, with a
 * source that gives the rows the test pushes. */
#include "plan/connect.h"
#include "session/answer_kit_test.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- the source: two numbers and the moment of the first, in seconds ---- */

/* Of a poll: two rows that are pushed together stay together. */
enum { ROWS_MAX = 200000, POLL_MAX = WR_BATCH_ROWS < 1000 ? WR_BATCH_ROWS / 2 * 2 : 1000 };

static struct {
    wr_mutex lock;
    int64_t rows[ROWS_MAX][2];
    int64_t count;
    _Atomic bool fails, ends;
    _Atomic int64_t read; /* by all readers, of all times */
} pushed = {.lock = WR_MUTEX_INIT};

typedef struct pushed_source {
    wr_source base;
    wr_arena arena;
} pushed_source;

typedef struct pushed_reader {
    wr_reader base;
    wr_arena arena;
    int columns[4], column_count;
    int64_t at;
} pushed_reader;

static weir_status pushed_open(wr_source *source, const wr_reader_request *request, wr_reader **out)
{
    pushed_reader *reader = wr_heap_new(sizeof *reader);
    reader->base.source = source;
    reader->column_count = request->column_count;
    memcpy(reader->columns, request->columns, sizeof(int) * (size_t)request->column_count);
    if (request->position.length) memcpy(&reader->at, request->position.data, sizeof reader->at);
    *out = &reader->base;
    return WR_OK;
}

static void fill(pushed_reader *reader, wr_batch *out, uint32_t rows)
{
    wr_arena_reset(&reader->arena);
    *out = (wr_batch){.rows = rows,
                      .column_count = reader->column_count,
                      .columns = wr_new_array(&reader->arena, wr_column, 4)};
    for (int c = 0; c < reader->column_count; c++) {
        int from = reader->columns[c];
        const wr_type *type = reader->base.source->schema.fields[from].type;
        wr_column_init(&out->columns[c], &reader->arena, type, WR_P_I64, rows);
        out->columns[c].rows = rows;
        for (uint32_t i = 0; i < rows; i++)
            ((int64_t *)out->columns[c].data)[i] = from < 2
                                                       ? pushed.rows[reader->at + i][from]
                                                       : pushed.rows[reader->at + i][0] * 1000000;
    }
}

static weir_status pushed_poll(wr_reader *base, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    pushed_reader *reader = (pushed_reader *)base;
    *out = (wr_batch){0};
    for (*result = WR_POLL_IDLE;;) {
        wr_mutex_lock(&pushed.lock);
        int64_t left = pushed.count - reader->at;
        bool fails = pushed.fails, ends = pushed.ends;
        if (left > 0) {
            uint32_t rows = (uint32_t)WR_MIN(left, POLL_MAX);
            fill(reader, out, rows);
            reader->at += rows;
            pushed.read += rows;
            *result = WR_POLL_ROWS;
        }
        wr_mutex_unlock(&pushed.lock);
        if (left > 0) return WR_OK;
        if (fails) return wr_fail(WR_E_ROW_VALUE, "row %lld is bad", (long long)reader->at);
        if (ends) *result = WR_POLL_END;
        if (ends || wr_clock_mono_ns() >= deadline_ns) return WR_OK;
        usleep(200);
    }
}

static weir_status pushed_position(wr_reader *base, wr_buf *out)
{
    wr_buf_add(out, &((pushed_reader *)base)->at, sizeof(int64_t));
    return WR_OK;
}

static void pushed_close(wr_reader *reader)
{
    wr_arena_clear(&((pushed_reader *)reader)->arena);
    wr_heap_drop(reader);
}

static void pushed_drop(wr_source *source)
{
    wr_arena_clear(&((pushed_source *)source)->arena);
    wr_heap_drop(source);
}

static const wr_source_def pushed_def = {.open = pushed_open,
                                         .poll = pushed_poll,
                                         .position = pushed_position,
                                         .close = pushed_close,
                                         .drop = pushed_drop};

static weir_status pushed_new(const wr_connect *connect, wr_source **out)
{
    wr_field fields[] = {{WR_STR("k"), WR_BIGINT},
                         {WR_STR("v"), WR_BIGINT},
                         {WR_STR("ts"), wr_type_of(WR_T_TIMESTAMP)}};
    const wr_schema own = {.fields = fields, .count = 3};
    pushed_source *source = wr_heap_new(sizeof *source);
    (void)connect;
    source->base = (wr_source){.def = &pushed_def,
                               .connector = "pushed",
                               .schema = *wr_schema_copy(&source->arena, &own),
                               .is_replayable = true,
                               .references = 1};
    *out = &source->base;
    return WR_OK;
}

static const wr_opt no_options[] = {{0}};
static const wr_connector pushed_connector = {"pushed", "what a test pushes", no_options,
                                              NULL,     pushed_new,           NULL};

static void push(int64_t k, int64_t v)
{
    wr_mutex_lock(&pushed.lock);
    pushed.rows[pushed.count][0] = k;
    pushed.rows[pushed.count++][1] = v;
    wr_mutex_unlock(&pushed.lock);
}

/* ---- asking ---- */

typedef struct bench {
    weir_engine *engine;
    weir_session *session;
} bench;

static void open_engine(bench *b)
{
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
}

static void bench_close(bench *b)
{
    weir_session_close(b->session);
    weir_engine_close(b->engine);
}

static void expect_of(weir_session *session, const char *sql, const char *want)
{
    WR_BUF(got);
    answer_of(session, sql, &got);
    EXPECT_TEXT(got.data, want);
}
static void expect(bench *b, const char *sql, const char *want)
{
    expect_of(b->session, sql, want);
}

static void bench_open(bench *b)
{
    static bool is_added;
    if (!is_added) EXPECT(wr_connector_add(&pushed_connector));
    is_added = true;
    pushed.count = 0;
    pushed.read = 0;
    pushed.fails = false;
    pushed.ends = false;
    open_engine(b);
    expect(b, "CREATE SOURCE s WITH (connector = 'pushed')", "");
}

/* ---- views ---- */

TEST(a_view_over_a_source_without_end_can_be_queried_while_it_runs)
{
    bench b;
    bench_open(&b);
    push(1, 10);
    push(2, 20);
    expect(&b,
           "CREATE MATERIALIZED VIEW m AS SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k",
           "");
    expect(&b, "REFRESH MATERIALIZED VIEW m", "");
    expect(&b, "SELECT * FROM m ORDER BY k", "1 1 10; 2 1 20");
    push(1, 5);
    push(3, 30);
    expect(&b, "REFRESH MATERIALIZED VIEW m", "");
    expect(&b, "SELECT * FROM m ORDER BY k", "1 2 15; 2 1 20; 3 1 30");
    expect(&b, "CREATE TABLE names AS SELECT 1 AS k, 'one' AS name UNION ALL SELECT 3, 'three'",
           "");
    expect(&b, "SELECT name, v FROM m JOIN names USING (k) ORDER BY k", "one 15; three 30");
    expect(&b, "SELECT a.n + b.n FROM m a JOIN m b USING (k) WHERE k = 1", "4");
    expect(&b, "SHOW MATERIALIZED VIEWS",
           "main m SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k running");
    expect(&b, "INSERT INTO m VALUES (1, 1, 1)",
           "UNSUPPORTED: m is a materialized view: its rows cannot be changed");
    expect(&b, "CREATE UNIQUE INDEX i ON m (k)",
           "UNSUPPORTED: m is a materialized view: it takes no indexes");
    expect(&b, "DROP MATERIALIZED VIEW m", "");
    expect(&b, "SHOW STREAMS", "");
    expect(&b, "SELECT * FROM m", "UNKNOWN_TABLE: no table, view or file \"m\"");
    bench_close(&b);
}

TEST(equal_rows_of_a_view_are_counted)
{
    bench b;
    bench_open(&b);
    for (int i = 0; i < 3; i++)
        push(7, 7);
    expect(&b, "CREATE MATERIALIZED VIEW plain AS SELECT k FROM s WHERE v < 100", "");
    expect(&b,
           "CREATE MATERIALIZED VIEW best AS SELECT k, v FROM (SELECT k, v, row_number() OVER "
           "(PARTITION BY k ORDER BY v DESC) AS r FROM s) WHERE r <= 2",
           "");
    expect(&b, "REFRESH MATERIALIZED VIEW plain; REFRESH MATERIALIZED VIEW best", "");
    expect(&b, "SELECT * FROM plain", "7; 7; 7");
    expect(&b, "SELECT * FROM best", "7 7; 7 7");
    push(7, 9);
    expect(&b, "REFRESH MATERIALIZED VIEW best", "");
    expect(&b, "SELECT * FROM best ORDER BY v", "7 7; 7 9");
    push(7, 9);
    expect(&b, "REFRESH MATERIALIZED VIEW best", "");
    expect(&b, "SELECT * FROM best ORDER BY v", "7 9; 7 9");
    expect(&b, "CREATE MATERIALIZED VIEW last AS SELECT k FROM s ORDER BY v DESC, k LIMIT 2", "");
    push(8, 100);
    expect(&b, "REFRESH MATERIALIZED VIEW last; SELECT * FROM last ORDER BY k", "7; 8");
    bench_close(&b);
}

static void push_pairs(void *arg)
{
    (void)arg;
    for (int i = 0; i < 2000; i++) {
        wr_mutex_lock(&pushed.lock);
        for (int sign = -1; sign <= 1; sign += 2) {
            pushed.rows[pushed.count][0] = i % 50 + (sign > 0 ? 50 : 0);
            pushed.rows[pushed.count++][1] = sign * i;
        }
        wr_mutex_unlock(&pushed.lock);
        if (i % 10 == 0) usleep(100);
    }
}

TEST(readers_of_a_view_see_whole_rounds)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k, sum(v) AS v FROM s GROUP BY k", "");
    wr_thread *thread;
    EXPECT_OK(wr_thread_start("pairs", push_pairs, NULL, &thread));
    for (int i = 0; i < 200; i++)
        expect(&b, "SELECT coalesce(sum(v), 0) FROM m", "0");
    wr_thread_join(thread);
    expect(&b, "BEGIN; SELECT count(*) FROM m WHERE v = -1", "0");
    push(500, -1);
    usleep(100000);
    expect(&b, "SELECT count(*) FROM m WHERE v = -1", "0"); /* of the transaction's moment */
    expect(&b, "COMMIT; REFRESH MATERIALIZED VIEW m", "");
    expect(&b, "SELECT count(*), sum(v) FROM m", "101 -1");
    bench_close(&b);
}

TEST(a_view_belongs_to_the_engine)
{
    bench b;
    weir_session *other;
    bench_open(&b);
    push(1, 1);
    EXPECT_OK(weir_session_open(b.engine, &other));
    expect_of(other, "SET search_path = 'main'; CREATE MATERIALIZED VIEW m AS SELECT k FROM s", "");
    weir_session_close(other);
    push(2, 1);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m ORDER BY k", "1; 2");
    expect(&b, "BEGIN; DROP MATERIALIZED VIEW m; ROLLBACK", "");
    push(3, 1);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m ORDER BY k", "1; 2; 3");
    expect(&b, "BEGIN; CREATE MATERIALIZED VIEW n AS SELECT k FROM s",
           "TXN_STATE: a view over a source without end cannot be created inside a transaction");
    expect(&b, "ROLLBACK; CREATE MATERIALIZED VIEW n AS SELECT k FROM s WITH NO DATA",
           "UNSUPPORTED: the query of the view goes on: it cannot be WITH NO DATA");
    expect(&b, "CREATE MATERIALIZED VIEW IF NOT EXISTS m AS SELECT v FROM s", "");
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT v FROM s",
           "BUSY: a stream named \"m\" runs already");
    expect(&b, "CREATE MATERIALIZED VIEW n AS SELECT k FROM s ORDER BY k",
           "UNSUPPORTED: a stream has no end, so its rows cannot be sorted");
    EXPECT_OK(weir_session_open(b.engine, &other));
    expect_of(other, "CREATE TEMP MATERIALIZED VIEW t AS SELECT k FROM s", "");
    expect(&b, "SELECT count(*) FROM m", "3");
    weir_session_close(other);
    expect(&b, "DROP MATERIALIZED VIEW m; SHOW STREAMS", "");
    bench_close(&b);
}

TEST(a_view_is_replaced_by_another_query)
{
    bench b;
    bench_open(&b);
    for (int i = 0; i < 10; i++)
        push(i % 3, 1);
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k, count(*) AS n FROM s GROUP BY k",
           "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m ORDER BY k", "0 4; 1 3; 2 3");
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m (v) AS SELECT sum(v) FROM s", "");
    push(9, 5);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT v FROM m", "15");
    expect(&b, "SHOW MATERIALIZED VIEWS", "main m SELECT sum(v) FROM s running");
    int64_t read = pushed.read; /* the same query goes on, and nothing is read again */
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m (v) AS SELECT sum(v) FROM s", "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT v FROM m", "15");
    EXPECT_INT(pushed.read, read);
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT 1 AS one", "");
    expect(&b, "SELECT * FROM m", "1");
    expect(&b, "SHOW STREAMS", "");
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT max(v) AS v FROM s", "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT v FROM m", "5");
    bench_close(&b);
}

TEST(what_cannot_replace_a_view_leaves_it_as_it_is)
{
    bench b;
    weir_query *changes = NULL;
    const weir_rows *rows;
    bench_open(&b);
    push(1, 1);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k, v FROM s", "");
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k FROM s ORDER BY k",
           "UNSUPPORTED: a stream has no end, so its rows cannot be sorted");
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k FROM m",
           "UNSUPPORTED: m cannot be replaced by a query over itself");
    expect(&b, "BEGIN; CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k FROM s",
           "TXN_STATE: a view over a source without end cannot be created inside a transaction");
    expect(&b, "ROLLBACK; CREATE MATERIALIZED VIEW over AS SELECT count(*) AS n FROM m", "");
    expect(&b, "REFRESH MATERIALIZED VIEW over", "");
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k FROM s",
           "UNSUPPORTED: m is not replaced: other streams follow its changes");
    expect(&b, "DROP MATERIALIZED VIEW over", "");
    push(2, 2);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m ORDER BY k", "1 1; 2 2");
    EXPECT_OK(weir_query_start(b.session, "SUBSCRIBE TO m", 14, &changes));
    EXPECT_OK(weir_query_next(changes, &rows));
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k FROM s",
           "UNSUPPORTED: m is not replaced: other streams follow its changes");
    weir_query_close(changes);
    pushed.fails = true;
    WR_BUF(got);
    for (int i = 0; i < 1000 && !strstr(got.data ? got.data : "", "failed"); i++) {
        usleep(10000);
        wr_buf_clear(&got);
        answer_of(b.session, "SELECT * FROM m", &got);
    }
    pushed.fails = false; /* one that has failed is replaced, by the same query, too */
    expect(&b, "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k, v FROM s", "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m ORDER BY k", "1 1; 2 2");
    bench_close(&b);
}

TEST(a_view_with_a_state_is_replaced_state_and_all)
{
    bench b;
    char folder[] = "/tmp/weir-view-XXXXXX", sql[200];
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(sql, sizeof sql, "SET stream_state = '%s'", folder);
    static const char *const count =
        "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k, count(*) AS n FROM s GROUP BY k";
    static const char *const sum =
        "CREATE OR REPLACE MATERIALIZED VIEW m AS SELECT k, sum(v) AS n FROM s GROUP BY k";
    bench_open(&b);
    for (int i = 0; i < 100; i++)
        push(i % 10, 3);
    expect(&b, sql, "");
    expect(&b, count, "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT count(*), sum(n) FROM m", "10 100");
    expect(&b, sum, "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT count(*), sum(n) FROM m", "10 300");
    int64_t read = pushed.read, rows = pushed.count;
    pushed.count = 0;
    pushed.fails = true; /* one that fails at once: the state stays */
    expect(&b, count, "ROW_VALUE: row 0 is bad");
    expect(&b, "SELECT * FROM m", "ROW_VALUE: the query of m failed: row 0 is bad");
    pushed.count = rows;
    pushed.fails = false;
    expect(&b, sum, "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT count(*), sum(n) FROM m", "10 300");
    EXPECT_INT(pushed.read, read);
    bench_close(&b);
    open_engine(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'pushed')", "");
    expect(&b, sql, "");
    expect(&b, sum, ""); /* goes on: nothing is read again */
    expect(&b, "SELECT count(*), sum(n) FROM m", "10 300");
    EXPECT_INT(pushed.read, read);
    bench_close(&b);
    open_engine(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'pushed')", "");
    expect(&b, sql, "");
    expect(&b, count, ""); /* of another query: begins anew */
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT count(*), sum(n) FROM m", "10 100");
    bench_close(&b);
    snprintf(sql, sizeof sql, "rm -r '%s'", folder);
    EXPECT_INT(system(sql), 0);
}

TEST(views_have_comments_and_go_on)
{
    bench b;
    bench_open(&b);
    push(1, 1);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k, v FROM s", "");
    expect(&b, "COMMENT ON MATERIALIZED VIEW m IS 'what came'; COMMENT ON COLUMN m.v IS 'how much'",
           "");
    push(2, 2);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m ORDER BY k", "1 1; 2 2");
    expect(&b, "SELECT table_comment FROM information_schema.tables WHERE table_name = 'm'",
           "what came");
    expect(&b, "BEGIN; COMMENT ON MATERIALIZED VIEW m IS 'no'; ROLLBACK", "");
    expect(&b, "SELECT table_comment FROM information_schema.tables WHERE table_name = 'm'",
           "what came");
    expect(&b, "COMMENT ON COLUMN m.x IS ''", "UNKNOWN_COLUMN: m has no column \"x\"");
    expect(&b, "COMMENT ON TABLE m IS ''", "UNKNOWN_TABLE: m is a materialized view");
    expect(&b, "CREATE MATERIALIZED VIEW still AS SELECT 1 AS one", "");
    expect(&b, "COMMENT ON MATERIALIZED VIEW still IS 'stands'", "");
    expect(&b, "REFRESH MATERIALIZED VIEW still", "");
    expect(&b, "SELECT table_comment FROM information_schema.tables WHERE table_name = 'still'",
           "stands");
    expect(&b, "DROP MATERIALIZED VIEW m; SHOW STREAMS", "");
    bench_close(&b);
}

TEST(views_are_read_as_they_are_now)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k, ts FROM s", "");
    static const char *const refused = "UNSUPPORTED: m has the rows of now: a materialized view "
                                       "keeps no older ones";
    expect(&b, "SELECT * FROM m FOR SYSTEM_TIME AS OF now()", refused);
    expect(&b, "SELECT * FROM m AT (VERSION => 3)", refused);
    expect(&b, "EXPLAIN SELECT s.k FROM s JOIN m FOR SYSTEM_TIME AS OF s.ts ON s.k = m.k", refused);
    bench_close(&b);
}

TEST(errors_of_a_view_s_query_come_up_when_it_is_read)
{
    bench b;
    bench_open(&b);
    push(1, 1);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k FROM s", "");
    expect(&b, "CREATE MATERIALIZED VIEW over AS SELECT count(*) AS n FROM m", "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT * FROM m", "1");
    pushed.fails = true;
    WR_BUF(got);
    for (int i = 0; i < 1000 && !got.length; i++) {
        usleep(10000);
        answer_of(b.session, "REFRESH MATERIALIZED VIEW over", &got);
    }
    EXPECT_TEXT(got.data,
                "ROW_VALUE: the query of over failed: the query of m failed: row 1 is bad");
    expect(&b, "SELECT * FROM m", "ROW_VALUE: the query of m failed: row 1 is bad");
    expect(&b, "REFRESH MATERIALIZED VIEW m", "ROW_VALUE: the query of m failed: row 1 is bad");
    wr_buf_clear(&got);
    answer_of(b.session, "SHOW MATERIALIZED VIEWS", &got);
    EXPECT(strstr(got.data, "failed: the query of m failed: row 1 is bad") != NULL);
    expect(&b, "DROP MATERIALIZED VIEW over; DROP MATERIALIZED VIEW m", "");
    bench_close(&b);
}

TEST(a_view_over_a_view_follows_its_changes)
{
    bench b;
    bench_open(&b);
    for (int i = 0; i < 10; i++)
        push(i % 3, 1);
    expect(&b, "CREATE MATERIALIZED VIEW counts AS SELECT k, count(*) AS n FROM s GROUP BY k", "");
    expect(&b, "REFRESH MATERIALIZED VIEW counts", "");
    expect(&b,
           "CREATE MATERIALIZED VIEW sizes AS SELECT n, count(*) AS keys FROM counts GROUP BY n",
           "");
    expect(&b, "REFRESH MATERIALIZED VIEW sizes; SELECT * FROM sizes ORDER BY n", "3 2; 4 1");
    push(1, 1);
    push(5, 1);
    expect(&b, "REFRESH MATERIALIZED VIEW counts; REFRESH MATERIALIZED VIEW sizes", "");
    expect(&b, "SELECT * FROM sizes ORDER BY n", "1 1; 3 1; 4 2");
    expect(&b, "DROP MATERIALIZED VIEW counts", "");
    WR_BUF(got);
    for (int i = 0; i < 1000 && (!got.length || got.data[0] != 'U'); i++) {
        usleep(10000);
        wr_buf_clear(&got);
        answer_of(b.session, "SELECT * FROM sizes ORDER BY n", &got);
    }
    EXPECT_TEXT(got.data,
                "UNKNOWN_TABLE: the query of sizes failed: the materialized view counts is "
                "no more");
    bench_close(&b);
}

TEST(a_view_with_a_state_goes_on_after_a_restart)
{
    bench b;
    char folder[] = "/tmp/weir-view-XXXXXX", sql[200];
    EXPECT(mkdtemp(folder) != NULL);
    snprintf(sql, sizeof sql, "SET stream_state = '%s'", folder);
    static const char *const create =
        "CREATE MATERIALIZED VIEW m AS SELECT k, count(*) AS n, sum(v) AS v FROM s GROUP BY k";
    bench_open(&b);
    for (int i = 0; i < 5000; i++)
        push(i % 100, 1);
    expect(&b, sql, "");
    expect(&b, create, "");
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT count(*), sum(n) FROM m", "100 5000");
    push(7, 1);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT n FROM m WHERE k = 7", "51");
    bench_close(&b);
    push(8, 1);
    EXPECT_INT(pushed.read, 5001);
    open_engine(&b);
    expect(&b, "CREATE SOURCE s WITH (connector = 'pushed')", "");
    expect(&b, sql, "");
    expect(&b, create, "");
    expect(&b, "SELECT sum(n) >= 5001 FROM m", "true"); /* without reading anything again */
    push(7, 1);
    expect(&b, "REFRESH MATERIALIZED VIEW m; SELECT n FROM m WHERE k IN (7, 8) ORDER BY k",
           "52; 51");
    expect(&b, "SELECT count(*), sum(n) FROM m", "100 5003");
    EXPECT_INT(pushed.read, 5003);
    bench_close(&b);
    snprintf(sql, sizeof sql, "rm -r '%s'", folder);
    EXPECT_INT(system(sql), 0);
}

TEST(rows_that_views_replaced_do_not_pile_up)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k, count(*) AS n FROM s GROUP BY k", "");
    for (int k = 0; k < 300; k++)
        push(k, 1);
    uint64_t before = 0;
    for (int round = 0; round < 400; round++) {
        for (int k = 0; k < 300; k++)
            push(k, 1);
        expect(&b, "REFRESH MATERIALIZED VIEW m", "");
        if (round == 100) before = wr_mem_used(b.engine->mem);
    }
    expect(&b, "SELECT count(*), min(n), max(n) FROM m", "300 401 401");
    EXPECT(wr_mem_used(b.engine->mem) < before + before / 2 + (1 << 20));
    bench_close(&b);
}

/* ---- SUBSCRIBE ---- */

/* Reads on until so many rows came, without their times. */
static void expect_changes(weir_query *query, int count, const char *want)
{
    WR_BUF(got);
    const weir_rows *rows = NULL;
    for (int seen = 0; seen < count; seen += (int)wr_batch_count(&rows->batch)) {
        EXPECT_OK(weir_query_next(query, &rows));
        if (!rows) break;
        print_rows(rows, 1, &got);
    }
    wr_buf_add_text(&got, "");
    EXPECT_TEXT(got.data, want);
}

static weir_query *start(bench *b, const char *sql)
{
    weir_query *query = NULL;
    EXPECT_OK(weir_query_start(b->session, sql, strlen(sql), &query));
    return query;
}

TEST(subscribe_gives_what_there_is_and_what_changes)
{
    bench b;
    bench_open(&b);
    push(1, 10);
    expect(&b, "CREATE MATERIALIZED VIEW m AS SELECT k, sum(v) AS v FROM s GROUP BY k", "");
    expect(&b, "REFRESH MATERIALIZED VIEW m", "");
    weir_query *query = start(&b, "SUBSCRIBE TO m");
    EXPECT_INT(weir_query_column_count(query), 4);
    EXPECT_TEXT(weir_query_column_name(query, 0), "weir_time");
    EXPECT_TEXT(weir_query_column_name(query, 1), "weir_diff");
    expect_changes(query, 1, "1 1 10");
    push(1, 5);
    expect_changes(query, 2, "-1 1 10; 1 1 15");
    weir_query *later =
        start(&b, "SUBSCRIBE TO (SELECT k, v * 2 AS w FROM m WHERE v > 1) WITH (SNAPSHOT = false)");
    push(2, 7);
    expect_changes(query, 1, "1 2 7");
    expect_changes(later, 1, "1 2 14");
    weir_query_close(query);
    weir_query_cancel(later);
    const weir_rows *rows;
    EXPECT_FAIL(weir_query_next(later, &rows), WR_E_CANCELLED);
    weir_query_close(later);
    expect(&b, "SUBSCRIBE TO s WITH (SNAPSHOT = false)",
           "UNSUPPORTED: the query reads no materialized view: there are no rows to leave out at "
           "its beginning");
    expect(&b, "SUBSCRIBE TO m WITH (PROGRES)",
           "UNKNOWN_OPTION: SUBSCRIBE has no option \"PROGRES\"");
    expect(&b, "SUBSCRIBE (SELECT 1)", "UNSUPPORTED: nothing in the query streams");
    expect(&b, "SUBSCRIBE (SELECT k FROM m ORDER BY k)",
           "UNSUPPORTED: a stream has no end, so its rows cannot be sorted");
    WR_BUF(plan);
    answer_of(b.session, "EXPLAIN SUBSCRIBE TO m", &plan);
    EXPECT(strstr(plan.data, "1. source m [view]") != NULL);
    bench_close(&b);
}

TEST(subscribe_to_a_source_ends_with_it_and_waits_for_its_reader)
{
    bench b;
    bench_open(&b);
    push(1, 1);
    push(2, 1);
    weir_query *query = start(&b, "SUBSCRIBE (SELECT k FROM s WHERE k > 1)");
    expect_changes(query, 1, "1 2");
    for (int i = 0; i < 100000; i++)
        push(3, 3);
    for (int i = 0; i < 20000 && pushed.read <= 65536; i++)
        usleep(1000);
    usleep(700000); /* more than is kept for who does not read: the stream waits by now */
    int64_t read = pushed.read;
    for (int i = 0; i < 90000; i++)
        push(3, 3);
    usleep(200000);
    EXPECT_INT(pushed.read, read);
    const weir_rows *rows;
    int64_t count = 0, last = 0;
    pushed.ends = true;
    EXPECT_OK(weir_query_next(query, &rows));
    while (rows) {
        int64_t time = wr_column_int(&rows->batch.columns[0], 0);
        EXPECT(time >= last);
        last = time;
        count += wr_batch_count(&rows->batch);
        EXPECT_OK(weir_query_next(query, &rows));
    }
    EXPECT_INT(count, 190000);
    weir_query_close(query);
    expect(&b, "SHOW STREAMS", "");
    bench_close(&b);
}

/* ---- tables as sinks ---- */

static weir_stream *run(bench *b, const char *sql)
{
    weir_stream *stream = NULL;
    EXPECT_OK(weir_stream_open(b->session, sql, strlen(sql), NULL, &stream));
    EXPECT_OK(weir_stream_start(stream));
    return stream;
}

static void settle(weir_stream *stream)
{
    bool idle;
    EXPECT_OK(weir_stream_await_idle(stream, 20000, &idle));
    EXPECT(idle);
}

TEST(a_stream_appends_to_a_table)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE TABLE t (k BIGINT NOT NULL, doubled BIGINT, made TEXT DEFAULT 'here')", "");
    push(1, 10);
    weir_stream *stream = run(&b, "INSERT INTO t (doubled, k) SELECT v * 2, k FROM s");
    settle(stream);
    expect(&b, "SELECT * FROM t", "1 20 here");
    push(1, 11);
    settle(stream);
    expect(&b, "SELECT * FROM t ORDER BY doubled", "1 20 here; 1 22 here");
    weir_stream_close(stream);
    weir_stream *bad;
    const char *grouped = "INSERT INTO t SELECT k, count(*) FROM s GROUP BY k";
    EXPECT_FAIL(weir_stream_open(b.session, grouped, strlen(grouped), NULL, &bad),
                WR_E_UNSUPPORTED);
    expect(&b, "INSERT INTO t SELECT k, v FROM s RETURNING k",
           "UNSUPPORTED: RETURNING has no end here: the query has none");
    expect(&b, "INSERT INTO t SELECT k, 5 FROM s LIMIT 1; SELECT count(*) FROM t WHERE doubled = 5",
           "1");
    WR_BUF(plan);
    answer_of(b.session, "EXPLAIN INSERT INTO t SELECT k, v FROM s", &plan);
    EXPECT(strstr(plan.data, "sink t [table]") != NULL);
    EXPECT(strstr(plan.data, "state: volatile: what it writes is in memory") != NULL);
    bench_close(&b);
}

TEST(a_stream_replaces_rows_of_a_table_by_key)
{
    bench b;
    bench_open(&b);
    expect(&b, "CREATE TABLE t (k BIGINT PRIMARY KEY, n BIGINT CHECK (n < 1000))", "");
    expect(&b, "INSERT INTO t VALUES (2, 500), (9, 9)", "");
    push(1, 1);
    push(2, 1);
    push(1, 1);
    weir_stream *stream =
        run(&b, "INSERT INTO t SELECT k, sum(v) FROM s GROUP BY k HAVING sum(v) > 0");
    settle(stream);
    expect(&b, "SELECT * FROM t ORDER BY k", "1 2; 2 1; 9 9");
    push(1, -5);
    push(2, 3);
    settle(stream);
    expect(&b, "SELECT * FROM t ORDER BY k", "2 4; 9 9");
    push(2, 5000);
    bool ended;
    EXPECT_FAIL(weir_stream_await(stream, 20000, &ended), WR_E_CHECK_VIOLATION);
    weir_stream_close(stream);
    expect(&b, "SELECT * FROM t ORDER BY k", "2 4; 9 9");
    stream = run(&b, "INSERT INTO t SELECT k, v FROM s WHERE v < 100");
    settle(stream);
    expect(&b, "SELECT * FROM t ORDER BY k", "1 -5; 2 3; 9 9"); /* the last row of each key */
    expect(&b, "DROP TABLE t", "");
    push(4, 4);
    EXPECT_FAIL(weir_stream_await(stream, 20000, &ended), WR_E_UNKNOWN_TABLE);
    weir_stream_close(stream);
    bench_close(&b);
}
