/* runs_test.c - tracked runs through the C API: what is written, found and mended. */
#include "base/json_object.h"
#include "base/mem.h"
#include "base/test.h"
#include "runs/runs.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct bench { /* a workspace, an engine and a session */
    char home[64];
    weir_runs *runs;
    weir_engine *engine;
    weir_session *session;
} bench;

static void set_up(bench *b)
{
    snprintf(b->home, sizeof b->home, "/tmp/weir_runs_XXXXXX");
    wr_assert(mkdtemp(b->home));
    EXPECT_OK(weir_runs_open(b->home, &b->runs));
    EXPECT_OK(weir_engine_open(NULL, &b->engine));
    EXPECT_OK(weir_session_open(b->engine, &b->session));
}

static void tear_down(bench *b)
{
    weir_runs_close(b->runs);
    weir_session_close(b->session);
    weir_engine_close(b->engine);
    EXPECT_OK(wr_run_tree_remove(wr_str_of(b->home), 8));
}

static wr_str asked(const bench *b, wr_arena *arena, const char *what, const char *arguments)
{
    char *reply = NULL;
    weir_error_drop(weir_runs_ask(b->runs, what, arguments, &reply));
    wr_str text = wr_arena_str(arena, wr_str_of(reply));
    weir_text_free(reply);
    return text;
}

/* The value of a path such as $.run.status in what runs answer. */
static const char *answer(const bench *b, wr_arena *arena, const char *what, const char *arguments,
                          const char *path)
{
    bool bad_path;
    wr_str value, reply = asked(b, arena, what, arguments);
    if (!wr_json_path(reply, wr_str_of(path), &value, &bad_path)) return "nothing";
    WR_BUF(text);
    if (wr_json_kind_of(value) != WR_JSON_STRING || !wr_json_unquote(value, &text))
        wr_json_write(value, 0, false, &text);
    return wr_arena_str(arena, wr_buf_str(&text)).data;
}

static const char *finish(weir_run *run, weir_status bad, wr_arena *arena)
{
    char *reply = NULL;
    EXPECT_OK(weir_run_finish(run, bad, "sql_execute", NULL, "{\"a\":1}", &reply));
    wr_str text = wr_arena_str(arena, wr_str_of(reply));
    weir_text_free(reply);
    weir_run_close(run);
    return text.data;
}

TEST(a_run_is_running_until_it_is_finished)
{
    bench b;
    WR_ARENA(arena);
    weir_run *run = NULL;
    set_up(&b);
    EXPECT_OK(weir_run_begin(b.runs, "{\"action\":\"mine\",\"tags\":[\"t\"]}", &run));
    EXPECT(wr_run_id_is(wr_str_of(weir_run_id(run))));
    EXPECT_TEXT(answer(&b, &arena, "status", "{\"run_id\":\"last\"}", "$.status"), "running");
    EXPECT_OK(weir_run_progress(run, "{\"done\": 1}"));
    EXPECT_FAIL(weir_run_progress(run, "done"), WR_E_BAD_ARGUMENT);
    EXPECT_OK(weir_run_log(run, false, "said\n", 5));
    EXPECT(strstr(finish(run, NULL, &arena), "\"result\":{\"a\":1}"));
    EXPECT_TEXT(answer(&b, &arena, "status", "{\"run_id\":\"last\"}", "$.status"), "succeeded");
    EXPECT_TEXT(answer(&b, &arena, "status", "{\"run_id\":\"last\"}", "$.latest_progress"),
                "{\"done\":1}");
    EXPECT_TEXT(answer(&b, &arena, "logs", "{\"run_id\":\"last\"}", "$.stdout"), "said\n");
    tear_down(&b);
}

TEST(a_run_that_fails_tells_why)
{
    bench b;
    WR_ARENA(arena);
    weir_run *run = NULL;
    set_up(&b);
    EXPECT_OK(weir_run_begin(b.runs, "{\"action\":\"mine\"}", &run));
    weir_status bad = wr_with_hint(wr_fail(WR_E_TIMEOUT, "too late"), "be faster");
    const char *reply = finish(run, bad, &arena);
    EXPECT(strstr(reply, "\"status\":\"timed_out\""));
    EXPECT(strstr(reply, "\"phase\":\"run_timeout\""));
    EXPECT(strstr(reply, "\"hint\":\"be faster\""));
    weir_error_drop(bad);
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.run.error"), "too late");
    tear_down(&b);
}

TEST(a_run_that_is_closed_without_an_end_has_failed)
{
    bench b;
    WR_ARENA(arena);
    weir_run *run = NULL;
    set_up(&b);
    EXPECT_OK(weir_run_begin(b.runs, "{\"action\":\"mine\"}", &run));
    weir_run_close(run);
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.run.status"), "failed");
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.run.error_type"),
                "cancelled");
    tear_down(&b);
}

TEST(a_run_of_a_dead_process_has_failed)
{
    bench b;
    WR_ARENA(arena);
    set_up(&b);
    pid_t child = fork();
    if (child == 0) {
        weir_runs *runs;
        weir_run *run;
        bool good =
            !weir_runs_open(b.home, &runs) && !weir_run_begin(runs, "{\"action\":\"dies\"}", &run);
        _exit(good ? 0 : 1);
    }
    int status;
    wr_assert(waitpid(child, &status, 0) == child);
    EXPECT_INT(status, 0);
    EXPECT_TEXT(answer(&b, &arena, "list", NULL, "$.runs[0].status"), "failed");
    EXPECT_TEXT(answer(&b, &arena, "list", NULL, "$.runs[0].error_type"), "killed");
    EXPECT_TEXT(answer(&b, &arena, "list", NULL, "$.runs[0].phase"), "run_action_dispatch");
    tear_down(&b);
}

TEST(rows_of_a_query_become_an_artifact)
{
    bench b;
    WR_ARENA(arena);
    weir_run *run = NULL;
    char *result = NULL;
    const char *sql = "SELECT i, i * $1 AS j FROM range(120) t(i)";
    set_up(&b);
    EXPECT_OK(weir_run_begin(b.runs, "{\"action\":\"mine\"}", &run));
    EXPECT_OK(weir_run_query(run, b.session, sql, strlen(sql), "{\"params\":[\"2\"]}", &result));
    EXPECT(strstr(result, "\"row_count\":120"));
    weir_text_free(result);
    EXPECT_OK(weir_run_query(run, b.session, "SELECT 7 AS x", 13, NULL, &result));
    EXPECT(strstr(result, "result-2.parquet"));
    weir_text_free(result);
    finish(run, NULL, &arena);
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.run.artifact_count"), "2");
    EXPECT_TEXT(answer(&b, &arena, "result", "{\"run_id\":\"last\"}", "$.preview.rows"),
                "[{\"x\":7}]");
    tear_down(&b);
}

TEST(an_action_is_carried_out_by_its_inputs_and_again)
{
    bench b;
    WR_ARENA(arena);
    weir_run *run = NULL;
    char *reply = NULL;
    set_up(&b);
    EXPECT_OK(weir_run_begin(
        b.runs, "{\"action\":\"query\",\"action_args\":{\"sql\":\"SELECT 1 AS a\"}}", &run));
    EXPECT_OK(weir_run_carry_out(run, b.session, &reply));
    EXPECT(strstr(reply, "\"rows\":[{\"a\":1}]"));
    weir_text_free(reply);
    EXPECT_FAIL(weir_run_finish(run, NULL, NULL, NULL, NULL, NULL), WR_E_API_MISUSE);
    const char *first = wr_arena_str(&arena, wr_str_of(weir_run_id(run))).data;
    weir_run_close(run);
    EXPECT_OK(weir_run_again(b.runs, "last", "{\"run_name\":\"again\"}", &run));
    EXPECT_OK(weir_run_carry_out(run, b.session, &reply));
    weir_text_free(reply);
    weir_run_close(run);
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.run.parent_run_id"), first);
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.run.run_name"), "again");
    tear_down(&b);
}

TEST(an_action_of_scripts_runs_their_streams_and_keeps_the_rows_of_queries)
{
    bench b;
    weir_run *run = NULL;
    char *reply = NULL;
    set_up(&b);
    EXPECT_OK(weir_run_begin(
        b.runs,
        "{\"action\":\"run\",\"action_args\":{\"scripts\":[\"CREATE SOURCE s WITH (connector = "
        "'nexmark', table = 'bid', events = 500); CREATE SINK k (a BIGINT) WITH (connector = "
        "'blackhole');\",\"-- two\\nSELECT 1 AS x; INSERT INTO k SELECT auction FROM s; SELECT 2 "
        "AS "
        "x\"],\"limits\":{\"once\":true}}}",
        &run));
    EXPECT_OK(weir_run_carry_out(run, b.session, &reply));
    EXPECT(strstr(reply, "\"rows\":[{\"x\":2}]"));
    EXPECT(strstr(reply, "result-2.parquet") && strstr(reply, "k.snapshot.json"));
    EXPECT(strstr(reply, "\"rows_out\":460"));
    weir_text_free(reply);
    weir_run_close(run);
    EXPECT_OK(
        weir_run_begin(b.runs,
                       "{\"action\":\"run\",\"action_args\":{\"scripts\":[\"CREATE TABLE t (a "
                       "INT);\\nSELECT b FROM t\"]}}",
                       &run));
    EXPECT_FAIL(weir_run_carry_out(run, b.session, &reply), WR_E_UNKNOWN_COLUMN);
    EXPECT(strstr(reply, "\"phase\":\"sql_execute\"") && strstr(reply, "\"line\":2"));
    weir_text_free(reply);
    weir_run_close(run);
    tear_down(&b);
}

TEST(an_action_without_sql_is_refused_and_the_run_has_failed)
{
    bench b;
    weir_run *run = NULL;
    char *reply = NULL;
    set_up(&b);
    EXPECT_OK(weir_run_begin(b.runs, "{\"action\":\"dance\"}", &run));
    EXPECT_FAIL(weir_run_carry_out(run, b.session, &reply), WR_E_UNSUPPORTED);
    EXPECT(strstr(reply, "\"ok\":false"));
    weir_text_free(reply);
    weir_run_close(run);
    EXPECT_FAIL(weir_run_begin(b.runs, "{}", &run), WR_E_BAD_ARGUMENT);
    EXPECT_FAIL(weir_run_begin(b.runs, "[1]", &run), WR_E_BAD_ARGUMENT);
    EXPECT_FAIL(weir_run_begin(b.runs, "{\"action\":\"a\",\"tags\":\"t\"}", &run),
                WR_E_BAD_ARGUMENT);
    tear_down(&b);
}

TEST(runs_are_asked_only_what_there_is)
{
    bench b;
    WR_ARENA(arena);
    set_up(&b);
    EXPECT_TEXT(answer(&b, &arena, "lst", NULL, "$.code"), "W1207");
    EXPECT_TEXT(answer(&b, &arena, "list", "{\"limit\":\"many\"}", "$.code"), "W2205");
    EXPECT_TEXT(answer(&b, &arena, "list", "{\"limit\":-1}", "$.ok"), "false");
    EXPECT_TEXT(answer(&b, &arena, "gc", "{\"keep\":1}", "$.code"), "W1207");
    EXPECT_TEXT(answer(&b, &arena, "gc", "{\"keep_last\":null}", "$.ok"), "false");
    EXPECT_TEXT(answer(&b, &arena, "list", "[]", "$.phase"), "argument_parse");
    EXPECT_TEXT(answer(&b, &arena, "list", "{\"limit\"", "$.ok"), "false");
    EXPECT_TEXT(answer(&b, &arena, "list", NULL, "$.runs"), "[]");
    EXPECT_TEXT(answer(&b, &arena, "show", "{\"run_id\":\"last\"}", "$.code"), "W1217");
    tear_down(&b);
}

enum { THREADS = 4, RUNS_EACH = 10 };

static void run_many(void *arg)
{
    const bench *b = arg;
    for (int i = 0; i < RUNS_EACH; i++) {
        weir_run *run = NULL;
        weir_session *session = NULL;
        char *result = NULL;
        EXPECT_OK(weir_session_open(b->engine, &session));
        EXPECT_OK(weir_run_begin(b->runs, "{\"action\":\"many\"}", &run));
        EXPECT_OK(weir_run_query(run, session, "FROM range(3)", 13, NULL, &result));
        EXPECT_OK(weir_run_finish(run, NULL, NULL, NULL, result, NULL));
        weir_text_free(result);
        weir_run_close(run);
        weir_session_close(session);
    }
}

TEST(threads_run_and_ask_at_once)
{
    bench b;
    WR_ARENA(arena);
    wr_thread *threads[THREADS];
    set_up(&b);
    for (int i = 0; i < THREADS; i++)
        EXPECT_OK(wr_thread_start("runs", run_many, &b, &threads[i]));
    for (int i = 0; i < 5; i++)
        EXPECT_TEXT(answer(&b, &arena, "list", NULL, "$.ok"), "true");
    for (int i = 0; i < THREADS; i++)
        wr_thread_join(threads[i]);
    wr_str list = asked(&b, &arena, "list", "{\"status\":\"succeeded\",\"limit\":1000}"), value;
    wr_str runs = wr_json_member_of(&arena, list, "runs");
    EXPECT(wr_json_at(runs, THREADS * RUNS_EACH - 1, &value));
    EXPECT(!wr_json_at(runs, THREADS * RUNS_EACH, &value));
    tear_down(&b);
}
