/* reading_test.c - rows that are read slowly, beside other statements and transactions. */
#include "base/test.h"
#include "session/session.h"

typedef struct bench {
    weir_engine *engine;
    weir_session *own, *other;
} bench;

static void bench_open(bench *b)
{
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->own));
    EXPECT_OK(weir_session_open(b->engine, &b->other));
}

static void bench_close(bench *b)
{
    weir_session_close(b->other);
    weir_session_close(b->own);
    weir_engine_close(b->engine);
}

static weir_query *start(weir_session *session, const char *sql)
{
    weir_query *query = NULL;
    EXPECT_OK(weir_query_start(session, sql, strlen(sql), &query));
    return query;
}

static int64_t first_of(weir_query *query)
{
    const weir_rows *rows = NULL;
    EXPECT_OK(weir_query_next(query, &rows));
    return rows ? weir_rows_int64(rows, 0, 0) : -1;
}

static int64_t value_of(weir_session *session, const char *sql)
{
    weir_query *query = start(session, sql);
    int64_t value = first_of(query);
    weir_query_close(query);
    return value;
}

static int64_t count_rest(weir_query *query)
{
    int64_t count = 0;
    for (const weir_rows *rows;;) {
        EXPECT_OK(weir_query_next(query, &rows));
        if (!rows) return count;
        count += (int64_t)weir_rows_count(rows);
    }
}

static void run(weir_session *session, const char *sql)
{
    weir_query *query = start(session, sql);
    if (weir_query_kind(query) != WEIR_DONE) count_rest(query);
    weir_query_close(query);
}

TEST(rows_that_are_not_read_yet_hold_up_nobody)
{
    bench b;
    bench_open(&b);
    run(b.own, "CREATE TABLE t AS SELECT i FROM range(10000) r(i)");
    weir_query *slow = start(b.own, "SELECT i FROM t");
    run(b.own, "INSERT INTO t VALUES (-1)");
    EXPECT_INT(value_of(b.other, "SELECT count(*) FROM t"), 10001);
    run(b.other, "DELETE FROM t WHERE i < 5000");
    EXPECT_INT(value_of(b.own, "SELECT count(*) FROM t"), 5000);
    run(b.other, "VACUUM");
    run(b.other, "DROP TABLE t");
    EXPECT_INT(count_rest(slow), 10000);
    weir_query_close(slow);
    bench_close(&b);
}

TEST(rows_may_be_read_over_the_end_of_a_block_that_had_changed_nothing_before)
{
    bench b;
    bench_open(&b);
    run(b.own, "CREATE TABLE t AS SELECT i FROM range(10000) r(i)");
    for (int changes = 0; changes < 2; changes++) {
        const weir_rows *rows;
        run(b.own, "BEGIN");
        if (changes) run(b.own, "INSERT INTO t VALUES (-1)");
        weir_query *slow = start(b.own, "SELECT i FROM t WHERE i < 100000");
        first_of(slow);
        run(b.own, "COMMIT");
        run(b.own, "INSERT INTO t VALUES (-2)");
        EXPECT_INT(value_of(b.other, "SELECT count(*) FROM t"), 10001 + 2 * changes);
        if (changes)
            EXPECT_FAIL(weir_query_next(slow, &rows), WR_E_TXN_STATE);
        else
            count_rest(slow);
        weir_query_close(slow);
    }
    bench_close(&b);
}

TEST(rows_that_cannot_be_read_fail_the_block_they_were_asked_in_and_no_other)
{
    bench b;
    bench_open(&b);
    run(b.own, "CREATE TABLE t (i INT)");
    const weir_rows *rows;
    for (int ends = 0; ends < 2; ends++) {
        run(b.own, "BEGIN");
        weir_query *bad = start(b.own, "SELECT 1 / (i - 5) FROM range(10) r(i)");
        if (ends) run(b.own, "COMMIT");
        if (ends) run(b.own, "BEGIN");
        weir_status failure = weir_query_next(bad, &rows);
        EXPECT(failure != NULL);
        weir_error_drop(failure);
        weir_query_close(bad);
        bool failed;
        EXPECT(weir_session_in_transaction(b.own, &failed));
        EXPECT_INT(failed, !ends);
        run(b.own, "ROLLBACK");
    }
    bench_close(&b);
}
