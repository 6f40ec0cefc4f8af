/* c_api_threads.c - the rules of weir.h about threads and lifetimes, held to by a program: sessions
 * of one engine in eight threads, cancels and progress from outside, streams that outlive calls. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>

enum { THREADS = 8, ROUNDS = 20 };
static weir_engine *engine;
static atomic_int failures;

static void check(bool holds, int line, const char *what)
{
    if (holds) return;
    fprintf(stderr, "line %d: %s\n", line, what);
    failures++;
}
#define CHECK(cond) check(cond, __LINE__, #cond)

static weir_status ask(weir_session *session, const char *sql, int64_t *out)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    weir_status bad = weir_query_start(session, sql, strlen(sql), &query);
    *out = -1;
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        *out = weir_rows_int64(rows, 0, 0);
    if (!bad && weir_query_kind(query) == WEIR_CHANGE) *out = weir_query_affected(query);
    weir_query_close(query);
    return bad;
}

static void expect(weir_session *session, const char *sql, int64_t wanted)
{
    int64_t got;
    weir_status bad = ask(session, sql, &got);
    if (bad) fprintf(stderr, "%s: %s\n", sql, weir_error_message(bad));
    CHECK(!bad && got == wanted);
    weir_error_drop(bad);
}

/* Every thread has its own session, its own temporary table and its own rows of a shared table. */
static void *work(void *arg)
{
    weir_session *session;
    char sql[200];
    int me = (int)(intptr_t)arg;
    CHECK(!weir_session_open(engine, &session));
    expect(session, "create temporary table mine as select i from range(1000) r(i)", -1);
    for (int round = 0; round < ROUNDS; round++) {
        expect(session, "select sum(i)::bigint from mine", 499500);
        snprintf(sql, sizeof sql, "insert into shared values (%d, %d)", me, round);
        expect(session, sql, 1);
        snprintf(sql, sizeof sql, "select count(*) from shared where who = %d", me);
        expect(session, sql, round + 1);
    }
    weir_session_close(session);
    return NULL;
}

static void *interrupt_soon(void *session)
{
    usleep(100 * 1000);
    weir_session_interrupt(session);
    return NULL;
}

static void test_many_sessions(weir_session *session)
{
    pthread_t threads[THREADS];
    expect(session, "create table shared(who int, round int)", -1);
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    expect(session, "select count(*) from shared", THREADS * ROUNDS);
}

static void test_interrupt(weir_session *session)
{
    pthread_t thread;
    int64_t got;
    CHECK(!pthread_create(&thread, NULL, interrupt_soon, session));
    weir_status bad = ask(session, "select count(*) from range(1000000000000) r(i) where i % 7 = 8", &got);
    pthread_join(thread, NULL);
    CHECK(bad && strcmp(weir_error_sqlstate(bad), "57014") == 0);
    CHECK(bad && weir_error_exit_code(bad) == 130);
    weir_error_drop(bad);
    expect(session, "select 1", 1); /* the session goes on */
}

static void test_cancel_before_rows(weir_session *session)
{
    const char *sql = "select count(*) from range(1000000000000) r(i) where i % 7 = 8";
    weir_query *query;
    const weir_rows *rows;
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    weir_query_cancel(query);
    weir_query_cancel(query); /* twice does no harm */
    weir_status bad = weir_query_next(query, &rows);
    CHECK(bad && strcmp(weir_error_code(bad), "W6001") == 0);
    weir_error_drop(bad);
    bad = weir_query_next(query, &rows);
    CHECK(bad != NULL); /* a query that failed gives no more rows */
    weir_error_drop(bad);
    weir_query_close(query);
}

/* Closing a query that was not read to its end stops it; a change that was not finished is undone. */
static void test_early_close(weir_session *session)
{
    const char *sql = "select i from range(100000000) r(i)";
    weir_query *query;
    const weir_rows *rows;
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    CHECK(!weir_query_next(query, &rows) && rows);
    weir_query_close(query);
    expect(session, "create table kept(a int)", -1);
    sql = "insert into kept select i from range(1000) r(i)";
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    weir_query_close(query);
    expect(session, "select count(*) from kept", 0);
}

/* Batches of a stream belong to the receiver: they are read after the next one was fetched. */
static void test_stream(weir_session *session)
{
    const char *sql = "select i::bigint as i from range(10000) r(i) order by i";
    weir_query *query;
    struct ArrowArrayStream stream;
    struct ArrowArray batches[64];
    int count = 0;
    int64_t rows = 0, sum = 0;
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    CHECK(!weir_query_stream(query, &stream));
    for (; count < 64; count++) {
        CHECK(stream.get_next(&stream, &batches[count]) == 0);
        if (!batches[count].release) break;
    }
    stream.release(&stream);
    for (int i = 0; i < count; i++) {
        const struct ArrowArray *column = batches[i].children[0];
        const int64_t *values = column->buffers[1];
        for (int64_t k = 0; k < column->length; k++)
            sum += values[column->offset + k];
        rows += batches[i].length;
        batches[i].release(&batches[i]);
    }
    CHECK(rows == 10000 && sum == 49995000);
}

static void test_errors_outlive_their_session(void)
{
    weir_session *session;
    int64_t got;
    CHECK(!weir_session_open(engine, &session));
    weir_status bad = ask(session, "select nothing_like_it", &got);
    weir_session_close(session);
    CHECK(bad && strcmp(weir_error_code(bad), "W1203") == 0);
    weir_error_drop(bad);
    weir_error_drop(NULL);
}

static void test_transactions(weir_session *session)
{
    bool failed;
    int64_t got;
    expect(session, "create table t(a int)", -1);
    expect(session, "begin", -1);
    CHECK(weir_session_in_transaction(session, &failed) && !failed);
    expect(session, "insert into t values (1)", 1);
    weir_status bad = ask(session, "select 1 / 0", &got);
    CHECK(bad != NULL);
    weir_error_drop(bad);
    CHECK(weir_session_in_transaction(session, &failed) && failed);
    expect(session, "rollback", -1);
    CHECK(!weir_session_in_transaction(session, &failed));
    expect(session, "select count(*) from t", 0);
}

int main(void)
{
    weir_config config = {.threads = 3, .memory_limit = 1u << 30};
    weir_session *session;
    CHECK(!weir_engine_open(&config, &engine));
    CHECK(!weir_session_open(engine, &session));
    test_many_sessions(session);
    test_interrupt(session);
    test_cancel_before_rows(session);
    test_early_close(session);
    test_stream(session);
    test_errors_outlive_their_session();
    test_transactions(session);
    weir_session_close(session);
    weir_engine_close(engine);
    printf("%d failures\n", (int)failures);
    return failures != 0;
}
