/* last.c - "_" as the result of the last query at the prompt.
 *
 * The engine keeps the rows while they are shown; nothing is run again. A result that is too large
 * is not kept, and then a statement that mentions _ says so instead of answering from an older
 * one. Only a bare _ outside of quotes and comments is a mention. */
#include "cli/cli.h"
#include <ctype.h>

/* A copy of more would rather be made by the person at the prompt, as a table. */
#define KEPT_BYTES_MAX (UINT64_C(256) << 20)

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

static bool mentions_last(const char *sql, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t behind = skip_quoted(sql, length, at);
        if (behind > at) {
            at = behind;
        } else if (is_word(sql[at])) {
            size_t from = at;
            while (at < length && is_word(sql[at]))
                at++;
            if (at - from == 1 && sql[from] == '_') return true;
        } else {
            at++;
        }
    }
    return false;
}

int cli_last_check(cli_state *state, const char *sql, size_t length)
{
    if (!state->last_is_lost || !mentions_last(sql, length)) return CLI_OK;
    fprintf(stderr,
            "weir: the last result was too large to be kept as _ (more than %d MiB or a "
            "quarter of memory_limit)\n  keep it as a table: CREATE TABLE name AS SELECT ...\n",
            (int)(KEPT_BYTES_MAX >> 20));
    return CLI_FAILED;
}

void cli_last_begin(const char *sql, size_t length, weir_query *query)
{
    if (weir_query_kind(query) == WEIR_ROWS && cli_is_query(sql, length))
        weir_query_keep(query, KEPT_BYTES_MAX);
}

void cli_last_end(cli_state *state, const char *sql, size_t length, const weir_query *query)
{
    if (weir_query_kind(query) != WEIR_ROWS || !cli_is_query(sql, length)) return;
    state->last_is_lost = !weir_query_is_kept(query);
    state->last.length = 0;
    while (length && strchr(" \t\r\n;", sql[length - 1]))
        length--;
    wr_buf_add(&state->last, sql, length);
}
