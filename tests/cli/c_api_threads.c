/* c_api_threads.c - the rules of weir.h about threads and lifetimes, held to by a program: sessions
 * of one engine in eight threads, cancels and progress from outside, transactions and definitions
 * side by side, producers that fail, streams that outlive calls. */
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

static void expect_error(weir_session *session, const char *sql, const char *sqlstate)
{
    int64_t got;
    weir_status bad = ask(session, sql, &got);
    if (!bad) fprintf(stderr, "%s: no error\n", sql);
    if (bad && strcmp(weir_error_sqlstate(bad), sqlstate))
        fprintf(stderr, "%s: %s\n", sql, weir_error_message(bad));
    CHECK(bad && !strcmp(weir_error_sqlstate(bad), sqlstate));
    weir_error_drop(bad);
}

/* A row that is referred to cannot go while another transaction refers to it, whoever is first. */
static void test_foreign_keys_of_two_sessions(weir_session *one)
{
    weir_session *two;
    CHECK(!weir_session_open(engine, &two));
    expect(one, "create table parent(id int primary key)", -1);
    expect(one, "insert into parent values (1), (2), (3)", 3);
    expect(one, "create table child(p int references parent on delete cascade)", -1);
    expect(one, "begin", -1);
    expect(one, "insert into child values (1)", 1);
    expect_error(two, "delete from parent where id = 1", "40001");
    expect(one, "commit", -1);
    expect(two, "begin", -1);
    expect(two, "delete from parent where id = 2", 1);
    expect_error(one, "insert into child values (2)", "40001");
    expect(one, "insert into child values (3)", 1);
    expect(two, "commit", -1);
    expect_error(one, "insert into child values (2)", "23503");
    expect(two, "delete from parent", 2);
    expect(one, "select count(*) from child", 0);
    weir_session_close(two);
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

/* ---- interrupts that hit anywhere, also between two statements ---- */

static atomic_bool storm_over;

static void *storm(void *session)
{
    while (!storm_over) {
        weir_session_interrupt(session);
        usleep(300);
    }
    return NULL;
}

static void test_interrupt_storm(weir_session *session)
{
    pthread_t thread;
    int64_t got;
    storm_over = false;
    CHECK(!pthread_create(&thread, NULL, storm, session));
    for (int round = 0; round < 300; round++) {
        const char *sql = round % 2 ? "select 1; select count(*) from range(30000) r(i)" : "select 7";
        weir_status bad = ask(session, sql, &got);
        CHECK(bad ? strcmp(weir_error_sqlstate(bad), "57014") == 0 : got == (round % 2 ? 30000 : 7));
        weir_error_drop(bad);
    }
    storm_over = true;
    pthread_join(thread, NULL);
    expect(session, "select 5", 5);
}

/* ---- progress asked for during the whole life of a query ---- */

static void *watch(void *query)
{
    weir_progress now;
    for (int i = 0; i < 200; i++) {
        weir_query_progress(query, &now);
        CHECK(now.fraction <= 1);
        usleep(100);
    }
    return NULL;
}

static void test_progress(weir_session *session)
{
    const char *sql = "select count(distinct i % 1000)::bigint from range(400000) r(i)";
    weir_query *query;
    const weir_rows *rows;
    pthread_t thread;
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    CHECK(!pthread_create(&thread, NULL, watch, query));
    CHECK(!weir_query_next(query, &rows) && rows && weir_rows_int64(rows, 0, 0) == 1000);
    CHECK(!weir_query_next(query, &rows) && !rows);
    pthread_join(thread, NULL);
    weir_query_close(query);
}

/* ---- transactions of several threads: money moves, the sum stays ---- */

enum { ACCOUNTS = 20, MOVERS = 3, MOVES = 40 };
static atomic_int movers_left, moved;

/* false: another transaction was first, nothing happened */
static bool step(weir_session *session, const char *sql)
{
    int64_t got;
    weir_status bad = ask(session, sql, &got);
    if (bad && strcmp(weir_error_sqlstate(bad), "40001") != 0) {
        fprintf(stderr, "%s: %s\n", sql, weir_error_message(bad));
        failures++;
    }
    bool done = !bad;
    weir_error_drop(bad);
    return done;
}

static void *move_money(void *arg)
{
    weir_session *session;
    char from[100], to[100];
    unsigned seed = (unsigned)(intptr_t)arg;
    CHECK(!weir_session_open(engine, &session));
    for (int i = 0; i < MOVES; i++) {
        snprintf(from, sizeof from, "update account set amount = amount - 1 where id = %d", rand_r(&seed) % ACCOUNTS);
        snprintf(to, sizeof to, "update account set amount = amount + 1 where id = %d", rand_r(&seed) % ACCOUNTS);
        expect(session, "begin", -1);
        if (step(session, from) && step(session, to)) {
            expect(session, i % 5 ? "commit" : "rollback", -1);
            moved++;
        } else {
            expect(session, "rollback", -1);
        }
    }
    weir_session_close(session);
    movers_left--;
    return NULL;
}

static void *read_sums(void *arg)
{
    weir_session *session;
    (void)arg;
    CHECK(!weir_session_open(engine, &session));
    while (movers_left > 0) {
        expect(session, "select sum(amount)::bigint from account", ACCOUNTS * 100);
        expect(session, "select count(*) from account", ACCOUNTS);
    }
    weir_session_close(session);
    return NULL;
}

static void test_concurrent_transactions(weir_session *session)
{
    pthread_t threads[MOVERS + 1];
    expect(session, "create table account(id int primary key, amount bigint)", -1);
    expect(session, "insert into account select i, 100 from range(20) r(i)", ACCOUNTS);
    movers_left = MOVERS;
    for (int i = 0; i <= MOVERS; i++)
        CHECK(!pthread_create(&threads[i], NULL, i < MOVERS ? move_money : read_sums,
                              (void *)(intptr_t)(i + 1)));
    for (int i = 0; i <= MOVERS; i++)
        pthread_join(threads[i], NULL);
    CHECK(moved > 0);
    expect(session, "select sum(amount)::bigint from account", ACCOUNTS * 100);
}

/* ---- definitions that change while others read ---- */

static void *define(void *arg)
{
    weir_session *session;
    char sql[200];
    int me = (int)(intptr_t)arg;
    CHECK(!weir_session_open(engine, &session));
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(sql, sizeof sql, "create table made%d as select i, i::text as t from range(3000) r(i)", me);
        expect(session, sql, -1);
        snprintf(sql, sizeof sql, "create or replace view seen as select %d as who, count(*) as n from kept_rows", me);
        step(session, sql);
        expect(session, "select n from seen", 5000);
        snprintf(sql, sizeof sql, "select nextval('numbers') * 0 + count(distinct t) from made%d", me);
        expect(session, sql, 3000);
        snprintf(sql, sizeof sql, "drop table made%d", me);
        expect(session, sql, -1);
    }
    weir_session_close(session);
    return NULL;
}

static void test_definitions(weir_session *session)
{
    pthread_t threads[3];
    expect(session, "create table kept_rows as select i from range(5000) r(i)", -1);
    expect(session, "create sequence numbers", -1);
    expect(session, "create view seen as select 0 as who, count(*) as n from kept_rows", -1);
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&threads[i], NULL, define, (void *)(intptr_t)i));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    expect(session, "select nextval('numbers')", 3 * ROUNDS + 1);
}

/* A transaction goes on seeing names and rows of its snapshot when another one changes tables. */
static void test_definitions_beside_a_snapshot(weir_session *session)
{
    weir_session *other;
    CHECK(!weir_session_open(engine, &other));
    expect(session, "create table dropped as select i from range(10) r(i)", -1);
    expect(session, "create table replaced as select i from range(10) r(i)", -1);
    expect(session, "create table changing as select i from range(10) r(i)", -1);
    expect(other, "begin", -1);
    expect(other, "select count(*) from changing", 10);
    expect(session, "alter table changing add column more int default 3", -1);
    expect(session, "drop table dropped", -1);
    expect(session, "create or replace table replaced as select 'x' as other", -1);
    expect(session, "create table made as select 1 as a", -1);
    expect(session, "create table gone as select 1 as a", -1);
    expect(session, "drop table gone", -1);
    expect(other, "select count(*) from changing", 10);
    expect(other, "select count(i) from dropped", 10);
    expect(other, "select sum(i)::bigint from replaced", 45);
    expect(other, "create table gone as select 2 as a", -1);
    expect(other, "select a from gone", 2);
    expect_error(other, "select * from made", "42P01");
    expect(other, "rollback", -1);
    const char *late[] = {"create table made(a int)", "drop table dropped", "insert into changing values (1)",
                          "create or replace table replaced(a int)"};
    for (int i = 0; i < 4; i++) {
        expect(session, "create or replace table replaced(a int)", -1);
        expect(session, "drop table if exists made", -1);
        expect(session, "create or replace table dropped(a int)", -1);
        expect(other, "begin", -1);
        expect(other, "select count(*) from replaced", 0);
        expect(session, "create or replace table replaced(a int)", -1);
        expect(session, "create table made(a int)", -1);
        expect(session, "drop table dropped", -1);
        expect(session, "alter table changing rename column more to less", -1);
        expect(session, "alter table changing rename column less to more", -1);
        expect_error(other, late[i], "40001");
        expect(other, "rollback", -1);
    }
    /* Two at once: the second one gives way, and comes through when it tries again. */
    expect(session, "begin", -1);
    expect(session, "create table twice(a int)", -1);
    expect_error(other, "create table twice(a int)", "40001");
    expect_error(other, "select * from twice", "42P01");
    expect(session, "rollback", -1);
    expect(other, "create table twice(a int)", -1);
    expect(other, "drop table twice", -1);
    expect(other, "select sum(more)::bigint from changing", 30);
    weir_session_close(other);
}

/* ---- producers that fail midway ---- */

typedef struct producer {
    int batches_left;
    bool fails_at_schema, fails_at_end, is_released;
} producer;

static void end_schema(struct ArrowSchema *schema) { schema->release = NULL; }
static atomic_int arrays_alive;
static void end_array(struct ArrowArray *array)
{
    arrays_alive--;
    array->release = NULL;
}
static void end_child(struct ArrowArray *array) { array->release = NULL; }
static void end_stream(struct ArrowArrayStream *stream)
{
    ((producer *)stream->private_data)->is_released = true;
    stream->release = NULL;
}
static const char *why(struct ArrowArrayStream *stream)
{
    return ((producer *)stream->private_data)->is_released ? "asked too late" : "the cable was cut";
}

static int give_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    static struct ArrowSchema column, *children[1] = {&column};
    if (((producer *)stream->private_data)->fails_at_schema) return 5;
    column = (struct ArrowSchema){.format = "l", .name = "n", .release = end_schema};
    *out = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = end_schema};
    return 0;
}

static int give_batch(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    static int64_t values[3000];
    static const void *numbers[2] = {NULL, values}, *none[1];
    static struct ArrowArray column, *children[1] = {&column};
    producer *p = stream->private_data;
    *out = (struct ArrowArray){0};
    if (p->batches_left-- <= 0) return p->fails_at_end ? 5 : 0;
    column = (struct ArrowArray){.length = 3000, .n_buffers = 2, .buffers = numbers, .release = end_child};
    *out = (struct ArrowArray){.length = 3000, .n_buffers = 1, .buffers = none, .n_children = 1,
                               .children = children, .release = end_array};
    arrays_alive++;
    return 0;
}

static weir_status offer(weir_session *session, producer *p)
{
    struct ArrowArrayStream stream = {give_schema, give_batch, why, end_stream, p};
    int alive = arrays_alive; /* of a table that was registered before */
    weir_status bad = weir_register_stream(session, "fed", &stream);
    CHECK(p->is_released && (!bad || arrays_alive == alive));
    return bad;
}

static void expect_no_table(weir_session *session)
{
    int64_t got;
    weir_status bad = ask(session, "select count(*) from fed", &got);
    CHECK(bad && strcmp(weir_error_sqlstate(bad), "42P01") == 0);
    weir_error_drop(bad);
}

static void test_failing_producers(weir_session *session)
{
    weir_status bad = offer(session, &(producer){.fails_at_schema = true});
    CHECK(bad && strstr(weir_error_message(bad), "the cable was cut"));
    weir_error_drop(bad);
    bad = offer(session, &(producer){.batches_left = 3, .fails_at_end = true});
    CHECK(bad && strstr(weir_error_message(bad), "the cable was cut"));
    weir_error_drop(bad);
    expect_no_table(session);
    CHECK(!offer(session, &(producer){.batches_left = 3}));
    expect(session, "select count(*) from fed", 9000);
    /* One that fails leaves what was registered before, and fails the transaction it is in. */
    expect(session, "begin", -1);
    bad = offer(session, &(producer){.batches_left = 2, .fails_at_end = true});
    CHECK(bad != NULL);
    weir_error_drop(bad);
    bad = offer(session, &(producer){.batches_left = 2});
    CHECK(bad && strcmp(weir_error_sqlstate(bad), "25P02") == 0);
    weir_error_drop(bad);
    expect(session, "rollback", -1);
    expect(session, "select count(*) from fed", 9000);
    CHECK(arrays_alive == 3);
    CHECK(!weir_unregister(session, "fed"));
    CHECK(arrays_alive == 0);
    expect_no_table(session);
}

/* ---- decoded columns of one file, read, filled, taken away and interrupted side by side ---- */

static char cached_path[64];

static void *read_cached(void *arg)
{
    weir_session *session;
    char sum[160], texts[160], some[200];
    CHECK(!weir_session_open(engine, &session));
    snprintf(sum, sizeof sum, "select sum(i)::bigint from '%s'", cached_path);
    snprintf(texts, sizeof texts, "select count(distinct t) + max(length(k)) from '%s'", cached_path);
    snprintf(some, sizeof some, "select count(*) from '%s' where k = 'key 3' and i between 20000 and 59999", cached_path);
    for (int round = 0; round < 3 * ROUNDS; round++) {
        if (arg && round % 3 == 0) { /* the one that disturbs */
            int64_t got;
            const char *sizes[] = {"'200kB'", "'0'", "''", "'2MB'"};
            char sql[80];
            snprintf(sql, sizeof sql, "set global file_cache_size = %s", sizes[round / 3 % 4]);
            weir_status bad = ask(session, sql, &got);
            CHECK(!bad);
            weir_error_drop(bad);
        }
        expect(session, sum, INT64_C(60000) * 59999 / 2);
        expect(session, texts, 60000 + 5);
        expect(session, some, 4000);
    }
    weir_session_close(session);
    return NULL;
}

static void *read_interrupted(void *arg)
{
    weir_session *session;
    pthread_t thread;
    char sql[120];
    int64_t got;
    (void)arg;
    CHECK(!weir_session_open(engine, &session));
    snprintf(sql, sizeof sql, "select sum(i)::bigint + count(t) from '%s'", cached_path);
    storm_over = false;
    CHECK(!pthread_create(&thread, NULL, storm, session));
    for (int round = 0; round < 5 * ROUNDS; round++) {
        weir_status bad = ask(session, sql, &got);
        CHECK(bad ? strcmp(weir_error_sqlstate(bad), "57014") == 0
                  : got == INT64_C(60000) * 59999 / 2 + 60000);
        weir_error_drop(bad);
    }
    storm_over = true;
    pthread_join(thread, NULL);
    weir_session_close(session);
    return NULL;
}

static void test_file_cache(weir_session *session)
{
    pthread_t threads[4];
    char sql[300];
    const char *folder = getenv("TMPDIR");
    snprintf(cached_path, sizeof cached_path, "%.30s/weir_c_api_threads_%d.parquet",
             folder ? folder : "/tmp", (int)getpid());
    snprintf(sql, sizeof sql,
             "copy (select i, 'text number ' || i as t, 'key ' || i %% 10 as k from range(60000) r(i)) "
             "to '%s' (row_group_size 25000)",
             cached_path);
    expect(session, sql, 60000);
    for (int i = 0; i < 4; i++)
        CHECK(!pthread_create(&threads[i], NULL, i < 3 ? read_cached : read_interrupted,
                              (void *)(intptr_t)(i == 0)));
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    expect(session, "set global file_cache_size = ''", -1);
    unlink(cached_path);
}

/* What a program keeps of a query counts until that is closed, and is refused beyond the limit. */
static void test_reserve(weir_session *session)
{
    weir_query *query;
    const char *sql = "select 1";
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    CHECK(!weir_query_reserve(query, 600u << 20));
    weir_status bad = weir_query_reserve(query, 600u << 20);
    CHECK(bad && strcmp(weir_error_code(bad), "W6002") == 0);
    weir_error_drop(bad);
    expect_error(session, "select length(repeat('x', 600000000))", "53200");
    weir_query_close(query);
    CHECK(!weir_query_start(session, sql, strlen(sql), &query));
    CHECK(!weir_query_reserve(query, 600u << 20));
    weir_query_close(query);
}

int main(void)
{
    weir_config config = {.threads = 3, .memory_limit = 1u << 30};
    weir_session *session;
    CHECK(!weir_engine_open(&config, &engine));
    CHECK(!weir_session_open(engine, &session));
    test_many_sessions(session);
    test_foreign_keys_of_two_sessions(session);
    test_interrupt(session);
    test_cancel_before_rows(session);
    test_early_close(session);
    test_stream(session);
    test_errors_outlive_their_session();
    test_transactions(session);
    test_interrupt_storm(session);
    test_progress(session);
    test_concurrent_transactions(session);
    test_definitions(session);
    test_definitions_beside_a_snapshot(session);
    test_failing_producers(session);
    test_file_cache(session);
    test_reserve(session);
    weir_session_close(session);
    weir_engine_close(engine);
    printf("%d failures\n", (int)failures);
    return failures != 0;
}
