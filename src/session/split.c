/* split.c - where the first statement of a text ends, without parsing it.
 *
 * Only what can hide a semicolon matters: quotes, dollar quotes, comments. Anything malformed runs
 * to the end of the text and is left to the parser to complain about. */
#include "session/session.h"

typedef struct splitter {
    const char *sql;
    size_t length, at;
    bool open; /* inside a quote or comment at the end */
} splitter;

static bool at_text(const splitter *s, const char *text)
{
    size_t size = strlen(text);
    return s->length - s->at >= size && memcmp(s->sql + s->at, text, size) == 0;
}

/* Moves behind the closing quote; doubled quotes belong to the text, backslashes only in E'..'. */
static void skip_quoted(splitter *s, char quote, bool backslash)
{
    for (s->at++; s->at < s->length; s->at++) {
        if (backslash && s->sql[s->at] == '\\') {
            s->at++;
        } else if (s->sql[s->at] == quote) {
            s->at++;
            if (s->at >= s->length || s->sql[s->at] != quote) return;
        }
    }
    s->at = s->length;
    s->open = true;
}

static void skip_line_comment(splitter *s)
{
    while (s->at < s->length && s->sql[s->at] != '\n')
        s->at++;
}

static void skip_block_comment(splitter *s)
{
    int depth = 0;
    while (s->at < s->length) {
        if (at_text(s, "/*")) {
            depth++;
            s->at += 2;
        } else if (at_text(s, "*/")) {
            s->at += 2;
            if (--depth == 0) return;
        } else {
            s->at++;
        }
    }
    s->open = true;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c & 0x80);
}

/* $tag$ ... $tag$; anything else with a dollar is one character. */
static void skip_dollar(splitter *s)
{
    size_t end = s->at + 1;
    while (end < s->length && is_word(s->sql[end]) &&
           !(s->sql[s->at + 1] >= '0' && s->sql[s->at + 1] <= '9'))
        end++;
    if (end >= s->length || s->sql[end] != '$') {
        s->at++;
        return;
    }
    wr_str tag = {s->sql + s->at, end + 1 - s->at};
    s->at = end + 1;
    ptrdiff_t close = wr_str_find((wr_str){s->sql + s->at, s->length - s->at}, tag);
    s->open = close < 0;
    s->at = close < 0 ? s->length : s->at + (size_t)close + tag.length;
}

size_t weir_sql_split(const char *sql, size_t length, bool *complete)
{
    splitter s = {sql, length, 0, false};
    while (s.at < s.length) {
        char c = sql[s.at];
        bool escapes = s.at && (sql[s.at - 1] == 'e' || sql[s.at - 1] == 'E') &&
                       !(s.at > 1 && is_word(sql[s.at - 2]));
        if (c == ';') {
            *complete = true;
            return s.at + 1;
        }
        if (c == '\'')
            skip_quoted(&s, '\'', escapes);
        else if (c == '"')
            skip_quoted(&s, '"', false);
        else if (at_text(&s, "--"))
            skip_line_comment(&s);
        else if (at_text(&s, "/*"))
            skip_block_comment(&s);
        else if (c == '$' && !(s.at && is_word(sql[s.at - 1])))
            skip_dollar(&s);
        else
            s.at++;
    }
    *complete = false;
    return length;
}
