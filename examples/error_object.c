/* error_object.c - what an error knows: code, place, hint, and a fix that can be run. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static weir_status run(weir_session *session, const char *sql)
{
    weir_query *query = NULL;
    const weir_rows *rows = NULL;
    weir_status bad = weir_query_start(session, sql, strlen(sql), &query);
    while (!bad && !(bad = weir_query_next(query, &rows)) && rows)
        continue;
    weir_query_close(query);
    return bad;
}

int main(void)
{
    const char *sql = "select custmer from orders";
    weir_engine *engine;
    weir_session *session;
    size_t pos, length;
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    if (run(session, "create table orders(id int, customer text)")) return 1;
    weir_status bad = run(session, sql);
    if (!bad) return 1;
    printf("code %s, SQLSTATE %s\n", weir_error_code(bad), weir_error_sqlstate(bad));
    printf("message: %s\n", weir_error_message(bad));
    if (weir_error_position(bad, &pos, &length)) printf("at: %.*s\n", (int)length, sql + pos);
    if (weir_error_hint(bad)) printf("hint: %s\n", weir_error_hint(bad));
    if (weir_error_candidates(bad)) printf("near names: %s\n", weir_error_candidates(bad));
    printf("worth another try: %s\n", weir_error_retryable(bad) ? "yes" : "no");
    weir_status again = weir_error_fix(bad) ? run(session, weir_error_fix(bad)) : NULL;
    if (weir_error_fix(bad)) printf("fix: %s (%s)\n", weir_error_fix(bad), again ? "fails" : "runs");
    char *json = weir_error_json(bad, sql, strlen(sql));
    printf("%s\n", json);
    weir_text_free(json);
    weir_error_drop(again);
    weir_error_drop(bad);
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
