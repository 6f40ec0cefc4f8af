/* explain.c - how a statement would be carried out, and how it went. */
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

int main(void)
{
    static const char *const stages[] = {"logical", "physical", "analyze"};
    const char *sql = "select i % 3 as k, count(*) from range(1000) r(i) where i > 10 group by k";
    weir_engine *engine;
    weir_session *session;
    if (weir_engine_open(NULL, &engine) || weir_session_open(engine, &session)) return 1;
    for (int i = 0; i < 3; i++) {
        char *text;
        weir_status bad = weir_explain(session, sql, strlen(sql), stages[i], "text", &text);
        if (bad) {
            fprintf(stderr, "%s\n", weir_error_message(bad));
            weir_error_drop(bad);
            return 1;
        }
        printf("-- %s\n%s", stages[i], text);
        weir_text_free(text);
    }
    weir_session_close(session);
    weir_engine_close(engine);
    return 0;
}
