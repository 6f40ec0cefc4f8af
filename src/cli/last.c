/* last.c - "_" as the last query at the prompt.
 *
 * What is kept is the text of the query, not its rows: a view _ is made of it when a statement
 * mentions _. A last query that itself used _ is kept with that replaced by the query before, so
 * the view never refers to itself. Only a bare _ outside of quotes and comments counts. */
#include "cli/cli.h"
#include <ctype.h>

enum { LAST_MAX = 1 << 16 }; /* a text that grew beyond is no longer kept */

static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || (c & 0x80); }

/* The byte behind a quoted text or comment at sql[at], or at itself. */
static size_t skip_quoted(const char *sql, size_t length, size_t at)
{
    char quote = sql[at];
    if (quote == '\'' || quote == '"') {
        const char *end = memchr(sql + at + 1, quote, length - at - 1);
        return end ? (size_t)(end - sql) + 1 : length;
    }
    if (quote == '-' && at + 1 < length && sql[at + 1] == '-') {
        const char *end = memchr(sql + at, '\n', length - at);
        return end ? (size_t)(end - sql) : length;
    }
    return at;
}

/* The place of the next bare _, or length. */
static size_t find_last(const char *sql, size_t length, size_t at)
{
    while (at < length) {
        size_t behind = skip_quoted(sql, length, at);
        if (behind > at) {
            at = behind;
        } else if (is_word(sql[at])) {
            size_t from = at;
            while (at < length && is_word(sql[at]))
                at++;
            if (at - from == 1 && sql[from] == '_') return from;
        } else {
            at++;
        }
    }
    return length;
}

weir_status cli_last_prepare(cli_state *state, const char *sql, size_t length)
{
    if (!state->last.length || find_last(sql, length, 0) == length) return NULL;
    WR_BUF(view);
    wr_buf_add_text(&view, "CREATE OR REPLACE TEMPORARY VIEW \"_\" AS ");
    wr_buf_add_str(&view, wr_buf_str(&state->last));
    weir_query *query = NULL;
    weir_status bad = weir_query_start(state->session, view.data, view.length, &query);
    weir_query_close(query);
    return bad;
}

void cli_last_keep(cli_state *state, const char *sql, size_t length)
{
    if (!cli_is_query(sql, length)) return;
    while (length && strchr(" \t\r\n;", sql[length - 1]))
        length--;
    WR_BUF(text);
    for (size_t at = 0; at < length;) {
        size_t next = find_last(sql, length, at);
        wr_buf_add(&text, sql + at, next - at);
        if (next == length) break;
        bool is_table = next + 1 >= length || sql[next + 1] != '.';
        if (is_table && state->last.length)
            wr_buf_printf(&text, "(%s) AS \"_\"", state->last.data);
        else
            wr_buf_add_char(&text, '_');
        at = next + 1;
    }
    state->last.length = 0;
    if (text.length < LAST_MAX) wr_buf_add_str(&state->last, wr_buf_str(&text));
}
