/* prepare_test.c - prepared statements of the C API. */
#include "base/test.h"
#include "session/session.h"

TEST(a_query_outlives_the_statement_and_the_values_it_was_started_with)
{
    weir_engine *engine;
    weir_session *session;
    weir_prepared *prepared;
    weir_query *query;
    const weir_rows *rows;
    const char *sql = "select $1, $2";
    EXPECT_OK(weir_engine_open(NULL, &engine));
    EXPECT_OK(weir_session_open(engine, &session));
    EXPECT_OK(weir_prepare(session, sql, strlen(sql), &prepared));
    EXPECT_OK(weir_bind_typed(prepared, 1, "[1, NULL]", 9, "BIGINT[]"));
    EXPECT_OK(weir_bind_text(prepared, 2, "longer than an inlined text", 27));
    EXPECT_OK(weir_prepared_start(prepared, &query));
    weir_prepared_close(prepared);
    EXPECT_OK(weir_query_next(query, &rows));
    EXPECT_TEXT(weir_rows_text(rows, 0, 0, NULL), "[1, NULL]");
    EXPECT_TEXT(weir_rows_text(rows, 0, 1, NULL), "longer than an inlined text");
    weir_query_close(query);
    weir_session_close(session);
    weir_engine_close(engine);
}

TEST(a_query_that_fails_while_it_is_read_undoes_nothing_that_was_done_meanwhile)
{
    weir_engine *engine;
    weir_session *session;
    weir_query *reading, *other;
    const weir_rows *rows;
    const char *failing = "select 1 / (90000 - i) from range(100000) r(i)";
    const char *change = "create table kept as select 1 as a", *look = "select a from kept";
    EXPECT_OK(weir_engine_open(NULL, &engine));
    EXPECT_OK(weir_session_open(engine, &session));
    EXPECT_OK(weir_query_start(session, failing, strlen(failing), &reading));
    EXPECT_OK(weir_query_start(session, change, strlen(change), &other));
    EXPECT_OK(weir_query_next(other, &rows));
    weir_query_close(other);
    weir_status bad = WR_OK;
    while (!bad && !(bad = weir_query_next(reading, &rows)) && rows)
        continue;
    EXPECT_FAIL(bad, WR_E_DIVISION_BY_ZERO);
    weir_query_close(reading);
    EXPECT_OK(weir_query_start(session, look, strlen(look), &other));
    EXPECT_OK(weir_query_next(other, &rows));
    EXPECT_INT(weir_rows_int64(rows, 0, 0), 1);
    weir_query_close(other);
    weir_session_close(session);
    weir_engine_close(engine);
}
