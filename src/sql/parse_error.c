/* parse_error.c - makes a failure helpful.
 *
 * A suggestion must never be silly, so none is guessed: small changes near the failure (a keyword
 * for a misspelt word, a missing comma or bracket, quotes around a reserved word, ...) are tried by
 * parsing the changed statement, and only one that makes the whole statement valid becomes a hint
 * with a fix. Up to two misspelt words are repaired together; the first change that works wins, so
 * the list goes from likely to less likely. The work is bounded: long statements are not tried at
 * all, and each try stops at its own first failure. */
#include "sql/parser.h"

enum { TOKENS_MAX = 3000, BYTES_MAX = 64 * 1024 };

typedef struct repair {
    wr_parser *p;
    wr_arena arena; /* of one try */
    wr_str text;    /* the statement as changed so far */
    wr_buf changed; /* the text of a try */
    int progress;   /* how many tokens of the last try were understood */
} repair;

/* Parses r->changed. */
static bool try_changed(repair *r)
{
    wr_token_list tokens;
    wr_arena_reset(&r->arena);
    weir_status bad = wr_lex(&r->arena, wr_buf_str(&r->changed), &tokens);
    r->progress = 0;
    if (!bad) {
        wr_parser p = {.arena = &r->arena,
                       .sql = wr_buf_str(&r->changed),
                       .tokens = tokens.items,
                       .count = tokens.count,
                       .quick = true};
        p.hole = wr_node_new(&r->arena, WR_SQL_LITERAL, (wr_span){0, 0});
        wr_grammar_whole_statement(&p);
        bad = p.error;
        r->progress = bad ? p.failed_at : p.count;
    }
    wr_status_drop(bad);
    return !bad;
}

/* Replaces a piece of the text and parses the result. */
static bool try_change(repair *r, size_t pos, size_t length, const char *with, wr_str what)
{
    r->changed.length = 0;
    wr_buf_add(&r->changed, r->text.data, pos);
    wr_buf_printf(&r->changed, with, WR_STR_ARGS(what));
    wr_buf_add(&r->changed, r->text.data + pos + length, r->text.length - pos - length);
    return try_changed(r);
}

/* Words that may be written together by mistake. */
static const char *const phrases[] = {
    "ORDER BY",   "GROUP BY",  "PARTITION BY", "INSERT INTO", "LEFT JOIN", "RIGHT JOIN",
    "INNER JOIN", "FULL JOIN", "CROSS JOIN",   "OUTER JOIN",  "UNION ALL", "NOT NULL",
    "IS NULL",    "IS NOT",    "PRIMARY KEY",  "DELETE FROM", "SELECT *",  "CREATE TABLE",
    "DROP TABLE", "NOT IN",    "ALTER TABLE",
};

static bool equals_without_blank(wr_str word, const char *phrase)
{
    char joined[32];
    size_t length = 0;
    for (; *phrase; phrase++)
        if (*phrase != ' ') joined[length++] = *phrase;
    wr_str text = {joined, length};
    return wr_edit_distance(word, text) <= (length > 6);
}

/* Keeps the case of what the user wrote. */
static wr_str in_case_of(wr_arena *arena, wr_str written, const char *keyword)
{
    bool lower = false;
    for (size_t i = 0; i < written.length; i++)
        lower |= written.data[i] >= 'a' && written.data[i] <= 'z';
    size_t length = strlen(keyword);
    char *text = wr_arena_copy(arena, keyword, length);
    for (size_t i = 0; lower && i < length; i++)
        if (text[i] >= 'A' && text[i] <= 'Z') text[i] = (char)(text[i] - 'A' + 'a');
    return (wr_str){text, length};
}

/* The keyword or phrase that, in place of the word, makes the statement valid; if none does, the
 * one that lets most of it be understood, provided that is more than before. Nearer words are tried
 * first. */
static wr_str best_keyword(repair *r, const wr_token *token, bool *works)
{
    wr_str word = token->text, best = {0};
    int best_progress = r->progress;
    *works = false;
    if (word.length < 3 || word.length > 20) return best;
    for (size_t i = 0; i < WR_COUNT(phrases); i++) {
        if (!equals_without_blank(word, phrases[i])) continue;
        wr_str phrase = in_case_of(r->p->arena, word, phrases[i]);
        *works = try_change(r, token->pos, token->length, "%.*s", phrase);
        if (*works || r->progress > best_progress + 1) return phrase;
    }
    int most = WR_MAX(1, (int)word.length / 3);
    for (int distance = 1; distance <= most && !*works; distance++) {
        for (int k = 1; k < WR_KW_COUNT && !*works; k++) {
            const char *text = wr_keyword_text((wr_keyword)k);
            if (wr_edit_distance(word, wr_str_of(text)) != distance) continue;
            wr_str keyword = in_case_of(r->p->arena, word, text);
            *works = try_change(r, token->pos, token->length, "%.*s", keyword);
            if (!*works && r->progress <= best_progress) continue;
            best = keyword;
            best_progress = r->progress;
        }
    }
    return best;
}

/* What the failure becomes. */
static void replace_error(repair *r, const wr_token *token, uint32_t base, const char *hint,
                          wr_str what)
{
    wr_parser *p = r->p;
    wr_span span = {token->pos + base, token->length};
    wr_str word = {p->sql.data + span.pos, span.length};
    weir_status error;
    if (token->pos == 0)
        error = wr_fail_at(WR_E_MISPLACED, span, "\"%.*s\" does not begin a statement",
                           WR_STR_ARGS(word));
    else
        error =
            wr_fail_at(WR_E_MISPLACED, span, "\"%.*s\" is not expected here", WR_STR_ARGS(word));
    wr_status_drop(p->error);
    p->error = wr_with_hint(error, hint, WR_STR_ARGS(what));
}

static void set_fix(repair *r)
{
    r->p->error = wr_with_fix(r->p->error, "%.*s", (int)r->changed.length, r->changed.data);
}

/* Misspelt keywords at the failure or up to three words before it, or at the very beginning. */
static bool repair_words(repair *r, const wr_token_list *tokens, int failed, uint32_t base)
{
    const int steps[] = {0, -1, -2, -3, 1};
    int before = failed;
    for (size_t i = 0; i < WR_COUNT(steps) + 1; i++) {
        int index = i < WR_COUNT(steps) ? failed + steps[i] : 0;
        if (index < 0 || index >= tokens->count - 1) continue;
        const wr_token *token = &tokens->items[index];
        if (token->kind != WR_TOKEN_NAME) continue;
        if (token->keyword && wr_keyword_category_of(token->keyword) == WR_WORD_RESERVED) continue;
        bool works;
        r->progress = before;
        wr_str keyword = best_keyword(r, token, &works);
        if (!works) continue;
        char *upper = wr_arena_copy(r->p->arena, keyword.data, keyword.length);
        for (size_t k = 0; k < keyword.length; k++)
            if (upper[k] >= 'a' && upper[k] <= 'z') upper[k] = (char)(upper[k] - 'a' + 'A');
        replace_error(r, token, base, "did you mean %.*s?", (wr_str){upper, keyword.length});
        set_fix(r);
        return true;
    }
    return false;
}

/* Two misspelt words: accept a first change that brings the failure forward, then repair the rest.
 */
static bool repair_twice(repair *r, const wr_token_list *tokens, int failed, uint32_t base)
{
    for (int index = failed; index >= WR_MAX(0, failed - 2); index--) {
        const wr_token *token = &tokens->items[index];
        bool works;
        if (token->kind != WR_TOKEN_NAME) continue;
        r->progress = failed;
        wr_str keyword = best_keyword(r, token, &works);
        if (!keyword.length || works) continue;
        try_change(r, token->pos, token->length, "%.*s", keyword);
        int next_failed = r->progress;
        if (next_failed <= failed) continue;
        wr_arena *arena = r->p->arena;
        wr_str original = r->text;
        r->text = wr_arena_str(arena, wr_buf_str(&r->changed));
        wr_token_list next;
        weir_status bad = wr_lex(arena, r->text, &next);
        bool done = !bad && repair_words(r, &next, next_failed, base);
        wr_status_drop(bad);
        r->text = original;
        if (!done) continue;
        wr_buf fixed = r->changed;
        r->changed = (wr_buf){0};
        wr_str upper = wr_str_of(wr_keyword_text(wr_keyword_find(keyword)));
        replace_error(r, token, base, "did you mean %.*s?", upper.length ? upper : keyword);
        wr_buf_clear(&r->changed);
        r->changed = fixed;
        set_fix(r);
        return true;
    }
    return false;
}

/* Changes at the place of the failure that are not about spelling. */
static bool repair_place(repair *r, const wr_token_list *tokens, int failed, uint32_t base)
{
    const wr_token *token = &tokens->items[failed];
    const wr_token *last = &tokens->items[failed > 0 ? failed - 1 : 0];
    size_t behind = last->pos + last->length;
    wr_str text = {r->text.data + token->pos, token->length};
    wr_str before = {r->text.data + last->pos, last->length};
    wr_arena *arena = r->p->arena;
    bool inside = failed > 0 && token->kind != WR_TOKEN_END;
    bool distinct_on = inside && last->keyword == WR_KW_ON && failed > 1 &&
                       tokens->items[failed - 2].keyword == WR_KW_DISTINCT;
    wr_str key_and_column =
        wr_arena_printf(arena, "(%.*s) %.*s", WR_STR_ARGS(text), WR_STR_ARGS(text));
    struct change {
        bool applies;
        size_t pos, length;
        const char *with;
        wr_str what;
        const wr_token *at;
        const char *hint;
    } changes[] = {
        {distinct_on, token->pos, token->length, "(%.*s)", text, token,
         "the keys of DISTINCT ON stand in brackets: (%.*s)"},
        {distinct_on, token->pos, token->length, "%.*s", key_and_column, token,
         "the keys of DISTINCT ON stand in brackets: %.*s"},
        {token->keyword != 0, token->pos, token->length, "\"%.*s\"", text, token,
         "%.*s is a reserved word: as a name it needs double quotes"},
        {failed > 0 && last->keyword != 0 && token->kind != WR_TOKEN_END, last->pos, last->length,
         "\"%.*s\"", before, last, "%.*s is a reserved word: as a name it needs double quotes"},
        {token->kind == WR_TOKEN_QUOTED, token->pos, token->length, "'%.*s'", token->text, token,
         "double quotes are for names; a text is written '%.*s'"},
        {failed > 0 && last->kind == WR_TOKEN_QUOTED, last->pos, last->length, "'%.*s'", last->text,
         last, "double quotes are for names; a text is written '%.*s'"},
        {token_is_punct(token, ','), token->pos, 1, "%.*s", WR_STR(""), token,
         "one comma too many%.*s"},
        {token_is_punct(last, ','), last->pos, 1, "%.*s", WR_STR(""), last,
         "one comma too many%.*s"},
        {token_is_punct(token, ')'), token->pos, 1, "%.*s", WR_STR(""), token,
         "there is no bracket to close%.*s"},
        {failed > 0 && token->kind != WR_TOKEN_END && !token->keyword, behind, 0, "%.*s",
         WR_STR(","), token, "is \"%.*s\" missing before it?"},
        {failed > 0, behind, 0, "%.*s", WR_STR(")"), token, "is \"%.*s\" missing before it?"},
        {inside, behind, 0, " %.*s", in_case_of(arena, before, "BY"), token,
         "is \"%.*s\" missing before it?"},
        {inside, behind, 0, " %.*s", in_case_of(arena, before, "INTO"), token,
         "is \"%.*s\" missing before it?"},
        {inside, behind, 0, " %.*s", in_case_of(arena, before, "FROM"), token,
         "is \"%.*s\" missing before it?"},
        {failed > 0, behind, 0, " %.*s", in_case_of(arena, before, "END"), token,
         "is \"%.*s\" missing before it?"},
        {inside, behind, 0, " %.*s", in_case_of(arena, before, "THEN"), token,
         "is \"%.*s\" missing before it?"},
        {inside, behind, 0, " %.*s", in_case_of(arena, before, "AS"), token,
         "is \"%.*s\" missing before it?"},
    };
    for (size_t i = 0; i < WR_COUNT(changes); i++) {
        const struct change *c = &changes[i];
        if (!c->applies || !try_change(r, c->pos, c->length, c->with, c->what)) continue;
        weir_status *error = &r->p->error;
        if (c->at->kind == WR_TOKEN_END)
            *error = wr_with_hint(*error, c->hint, WR_STR_ARGS(c->what));
        else
            replace_error(r, c->at, base, c->hint, c->what);
        set_fix(r);
        return true;
    }
    return false;
}

/* More is wrong than can be repaired: still name the statement that was probably meant. */
static void name_statement(repair *r, const wr_token_list *tokens, uint32_t base)
{
    bool works;
    const wr_token *token = &tokens->items[0];
    if (token->kind != WR_TOKEN_NAME) return;
    r->progress = 0;
    wr_str keyword = best_keyword(r, token, &works);
    if (!keyword.length || works || r->p->failed_at != r->p->first) return;
    wr_keyword word = wr_keyword_find(keyword);
    replace_error(r, token, base, "did you mean %.*s?",
                  word ? wr_str_of(wr_keyword_text(word)) : keyword);
}

void wr_parser_explain(wr_parser *p)
{
    if (p->error->hint) return;
    bool misplaced = p->error->code == WR_E_MISPLACED || p->error->code == WR_E_SYNTAX;
    const char *habit = NULL;
    if (misplaced || p->error->code == WR_E_UNSUPPORTED) habit = wr_parser_habit(p);
    if (habit) p->error = wr_with_hint(p->error, "%s", habit);
    if (habit || !misplaced) return;
    int end = p->first;
    while (end < p->count - 1 && !token_is_punct(&p->tokens[end], ';'))
        end++;
    uint32_t from = p->tokens[p->first].pos;
    const wr_token *last = &p->tokens[end > p->first ? end - 1 : end];
    size_t length = last->pos + last->length - from;
    if (end - p->first > TOKENS_MAX || length > BYTES_MAX) return;
    repair r = {.p = p, .text = {p->sql.data + from, length}};
    wr_token_list tokens;
    weir_status bad = wr_lex(p->arena, r.text, &tokens);
    if (!bad) {
        int failed = WR_MIN(p->failed_at - p->first, tokens.count - 1);
        bool done = repair_words(&r, &tokens, failed, from) ||
                    repair_place(&r, &tokens, failed, from) ||
                    repair_twice(&r, &tokens, failed, from);
        if (!done && failed == 0) name_statement(&r, &tokens, from);
    }
    wr_status_drop(bad);
    wr_buf_clear(&r.changed);
    wr_arena_clear(&r.arena);
}
