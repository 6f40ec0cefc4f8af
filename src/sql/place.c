/* place.c - finds where a repair goes by reading the tokens again.
 *
 * The tree keeps spans of names and operators only, which is what carets need. A repair is made
 * once per failed statement, so it reads the text instead of having every node carry more. The text
 * was accepted by the parser before: brackets match. */
#include "sql/place.h"
#include "sql/lex.h"
#include <string.h>

enum { BYTES_MAX = 64 * 1024, DEPTH_MAX = 200 };

static bool read_tokens(wr_arena *arena, wr_str sql, wr_token_list *out)
{
    if (sql.length > BYTES_MAX) return false;
    weir_status bad = wr_lex(arena, sql, out);
    bool good = !bad;
    wr_status_drop(bad);
    return good;
}

static bool is_punct(const wr_token *token, char punct)
{
    return token->kind == WR_TOKEN_PUNCT && token->detail == (uint8_t)punct;
}

static int depth_change(const wr_token *token)
{
    if (is_punct(token, '(') || is_punct(token, '[') || is_punct(token, '{')) return 1;
    if (is_punct(token, ')') || is_punct(token, ']') || is_punct(token, '}')) return -1;
    return 0;
}

/* Words that stand behind GROUP BY. */
static bool ends_groups(const wr_token *token)
{
    static const char *const words[] = {"having", "window", "qualify", "order",
                                        "limit",  "offset", "fetch",   "intersect",
                                        "except", "union",  "for"};
    if (token->kind == WR_TOKEN_END || is_punct(token, ';')) return true;
    for (size_t i = 0; i < WR_COUNT(words) && token->kind == WR_TOKEN_NAME; i++)
        if (wr_str_is(token->text, words[i])) return true;
    return false;
}

static bool is_word(const wr_token *token, const char *word)
{
    return token->kind == WR_TOKEN_NAME && wr_str_is(token->text, word);
}

/* The token SELECT of the block around pos; -1: none. */
static int select_around(const wr_token_list *tokens, size_t pos)
{
    int select_at[DEPTH_MAX] = {-1}, depth = 0;
    for (int i = 0; i < tokens->count; i++) {
        const wr_token *token = &tokens->items[i];
        if (token->pos >= pos) break;
        depth += depth_change(token);
        if (depth < 0 || depth >= DEPTH_MAX) return -1;
        if (depth_change(token) > 0) select_at[depth] = -1;
        if (is_word(token, "select")) select_at[depth] = i;
    }
    while (depth && select_at[depth] < 0)
        depth--;
    return select_at[depth];
}

bool wr_place_of_group_by(wr_str sql, size_t pos, size_t *at, bool *has_keys)
{
    WR_ARENA(arena);
    wr_token_list tokens;
    *has_keys = false;
    if (!read_tokens(&arena, sql, &tokens)) return false;
    int i = select_around(&tokens, pos), depth = 0;
    if (i < 0) return false;
    for (; depth || !ends_groups(&tokens.items[i]); i++) {
        const wr_token *token = &tokens.items[i];
        depth += depth_change(token);
        if (depth < 0 || token->kind == WR_TOKEN_END) break;
        if (!depth && is_word(token, "group")) *has_keys = true;
        *at = token->pos + token->length;
    }
    return true;
}

bool wr_place_after_call(wr_str sql, size_t pos, size_t *at)
{
    WR_ARENA(arena);
    wr_token_list tokens;
    if (!read_tokens(&arena, sql, &tokens)) return false;
    int depth = 0;
    for (int i = 0; i < tokens.count; i++) {
        const wr_token *token = &tokens.items[i];
        if (token->pos < pos) continue;
        depth += depth_change(token);
        if (depth <= 0 && depth_change(token) == 0) return false;
        *at = token->pos + token->length;
        if (depth == 0) return true;
    }
    return false;
}

bool wr_place_of_word_before(wr_str sql, size_t pos, const char *word, size_t *at)
{
    size_t length = strlen(word);
    if (pos > sql.length) return false;
    while (pos && strchr(" \t\r\n", sql.data[pos - 1]))
        pos--;
    if (pos < length || !wr_str_is((wr_str){sql.data + pos - length, length}, word)) return false;
    *at = pos - length;
    return true;
}

bool wr_place_of_word(wr_str sql, const char *word, size_t *at)
{
    WR_ARENA(arena);
    wr_token_list tokens;
    if (!read_tokens(&arena, sql, &tokens)) return false;
    for (int i = 0; i < tokens.count; i++) {
        *at = tokens.items[i].pos;
        if (is_word(&tokens.items[i], word)) return true;
    }
    return false;
}
