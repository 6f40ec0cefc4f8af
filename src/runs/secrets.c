/* secrets.c - keeping passwords, tokens and keys out of the files of a run.
 *
 * A secret is found by the name before it: in SQL the literal behind a word such as password (with
 * or without '=', ':' or '=>' between), inside texts what follows password=, and in addresses the
 * part between the user's colon and '@'. What was found is remembered: where it turns up again, in
 * a message or a plan, it is hidden, too. Short ones are hidden only at their places: looked for
 * elsewhere they would tear holes into harmless texts.
 *
 * Whether a text is SQL is not known; nothing here depends on it being well formed. */
#include "runs/runs.h"
#include <ctype.h>

enum { LOOKED_FOR_FROM = 5 };

/* Parts of names, in lower case and without '_', '-' and '.'. */
static const char *const words[] = {"password",   "passwd",     "secret",     "token",
                                    "apikey",     "accesskey",  "privatekey", "passphrase",
                                    "credential", "jaasconfig", "pwd",        "accountkey"};

static bool has_part(const char *name, size_t length)
{
    for (size_t i = 0; i < WR_COUNT(words); i++)
        if (memmem(name, length, words[i], strlen(words[i]))) return true;
    return false;
}

bool wr_run_is_secret_name(wr_str name)
{
    char plain[128];
    size_t length = 0;
    for (size_t i = 0; i < name.length && length < sizeof plain; i++)
        if (isalnum((unsigned char)name.data[i]))
            plain[length++] = (char)tolower((unsigned char)name.data[i]);
    return has_part(plain, length);
}

static void learn(wr_run_secrets *secrets, wr_str value)
{
    secrets->has_any = true;
    if (value.length < LOOKED_FOR_FROM) return;
    for (int i = 0; i < secrets->values.count; i++)
        if (wr_str_eq(secrets->values.items[i], value)) return;
    wr_str copy = wr_arena_str(&secrets->arena, value);
    wr_push(&secrets->arena, &secrets->values, copy);
}

static bool is_name(char c) { return isalnum((unsigned char)c) || (c && strchr("_-.", c)); }

/* The piece of text at [from, to), as *name= ... of it says, or hidden. */
static void put_value(wr_run_secrets *secrets, wr_str value, wr_buf *out)
{
    if (!value.length || wr_str_eq(value, WR_STR(WR_RUN_HIDDEN))) {
        wr_buf_add_str(out, value);
        return;
    }
    learn(secrets, value);
    wr_buf_add_text(out, WR_RUN_HIDDEN);
}

static size_t end_of_name(wr_str text, size_t at)
{
    while (at < text.length && is_name(text.data[at]))
        at++;
    return at;
}

static size_t skip_blanks(wr_str text, size_t at)
{
    while (at < text.length && isspace((unsigned char)text.data[at]))
        at++;
    return at;
}

/* Behind a name: '=', ':', '=>', blanks. *has_sign: there was more than blanks. */
static size_t skip_sign(wr_str text, size_t at, bool *has_sign)
{
    size_t from = at = skip_blanks(text, at);
    while (at < text.length && strchr("=:>", text.data[at]) && text.data[at])
        at++;
    *has_sign = at > from;
    return skip_blanks(text, at);
}

/* The end of the quoted text at at; doubled quotes belong to it. */
static size_t end_of_quoted(wr_str text, size_t at)
{
    char quote = text.data[at++];
    for (; at < text.length; at++) {
        if (text.data[at] != quote) continue;
        if (at + 1 < text.length && text.data[at + 1] == quote)
            at++;
        else
            return at + 1;
    }
    return at;
}

/* An address: everything up to ':' behind "://" as it is, then what must not be seen. Gives the
 * place to go on from. */
static size_t hide_address(wr_run_secrets *secrets, wr_str text, size_t at, wr_buf *out)
{
    size_t from = at + 3, end = from, colon = 0, sign = 0;
    while (end < text.length && !strchr(" /?#'\"\t\r\n,;", text.data[end])) {
        if (text.data[end] == ':' && !colon) colon = end;
        if (text.data[end] == '@') sign = end;
        end++;
    }
    if (!colon || sign < colon) {
        wr_buf_add(out, text.data + at, from - at);
        return from;
    }
    wr_buf_add(out, text.data + at, colon + 1 - at);
    put_value(secrets, (wr_str){text.data + colon + 1, sign - colon - 1}, out);
    return sign;
}

/* Behind a name that is one of a secret: its value, quoted or bare. Gives the place to go on. */
static size_t hide_behind(wr_run_secrets *secrets, wr_str text, size_t at, wr_buf *out)
{
    bool has_sign;
    size_t from = at, value = skip_sign(text, at, &has_sign), end = value;
    if (value >= text.length) return from;
    char first = text.data[value];
    if (first == '\'' || (first == '"' && has_sign)) {
        end = end_of_quoted(text, value);
        bool is_closed = end > value + 1 && text.data[end - 1] == first;
        wr_buf_add(out, text.data + from, value + 1 - from);
        put_value(secrets, (wr_str){text.data + value + 1, end - value - 1 - is_closed}, out);
        if (is_closed) wr_buf_add_char(out, first);
        return end;
    }
    /* name=value inside a text, up to what usually ends it */
    if (!has_sign || text.data[value - 1] == ' ') return from;
    while (end < text.length && !strchr(" &;,'\"\t\r\n)}]", text.data[end]))
        end++;
    if (end == value) return from;
    wr_buf_add(out, text.data + from, value - from);
    put_value(secrets, (wr_str){text.data + value, end - value}, out);
    return end;
}

static void hide_by_name(wr_run_secrets *secrets, wr_str text, wr_buf *out)
{
    for (size_t at = 0; at < text.length;) {
        if (text.length - at > 3 && memcmp(text.data + at, "://", 3) == 0) {
            at = hide_address(secrets, text, at, out);
        } else if (is_name(text.data[at])) {
            size_t end = end_of_name(text, at);
            bool is_secret = wr_run_is_secret_name((wr_str){text.data + at, end - at});
            wr_buf_add(out, text.data + at, end - at);
            at = end;
            if (is_secret && at < text.length && strchr("'\"", text.data[at]))
                wr_buf_add_char(out, text.data[at++]); /* the name was quoted */
            if (is_secret) at = hide_behind(secrets, text, at, out);
        } else {
            wr_buf_add_char(out, text.data[at++]);
        }
    }
}

/* What was learnt, wherever it stands. */
static void hide_known(const wr_run_secrets *secrets, wr_str text, wr_buf *out)
{
    for (size_t at = 0; at < text.length;) {
        wr_str rest = {text.data + at, text.length - at};
        size_t hidden = 0;
        for (int i = 0; i < secrets->values.count && !hidden; i++)
            if (wr_str_has_prefix(rest, secrets->values.items[i]))
                hidden = secrets->values.items[i].length;
        if (hidden)
            wr_buf_add_text(out, WR_RUN_HIDDEN);
        else
            wr_buf_add_char(out, text.data[at]);
        at += hidden ? hidden : 1;
    }
}

void wr_run_hide(wr_run_secrets *secrets, wr_str text, wr_buf *out)
{
    WR_BUF(once);
    hide_by_name(secrets, text, &once);
    if (secrets->values.count)
        hide_known(secrets, wr_buf_str(&once), out);
    else
        wr_buf_add_str(out, wr_buf_str(&once));
}

static void hide_value(wr_run_secrets *secrets, bool is_secret, wr_str json, wr_buf *out);

static void hide_members(wr_run_secrets *secrets, bool is_secret, wr_str json, wr_buf *out)
{
    wr_json_members members;
    wr_str key, value;
    if (!wr_json_begin(json, &members)) return;
    bool is_first = true;
    wr_buf_add_char(out, members.is_object ? '{' : '[');
    while (wr_json_next(&members, &key, &value)) {
        if (!is_first) wr_buf_add_char(out, ',');
        is_first = false;
        if (members.is_object) {
            wr_buf_add_str(out, key);
            wr_buf_add_char(out, ':');
        }
        hide_value(secrets, is_secret || (members.is_object && wr_run_is_secret_name(key)), value,
                   out);
    }
    wr_buf_add_char(out, members.is_object ? '}' : ']');
}

static void hide_value(wr_run_secrets *secrets, bool is_secret, wr_str json, wr_buf *out)
{
    wr_json_kind kind = wr_json_kind_of(json);
    WR_BUF(text);
    WR_BUF(hidden);
    if (kind == WR_JSON_ARRAY || kind == WR_JSON_OBJECT) {
        hide_members(secrets, is_secret, json, out);
    } else if (kind != WR_JSON_STRING || !wr_json_unquote(json, &text)) {
        wr_buf_add_str(out, is_secret && kind == WR_JSON_NUMBER ? WR_STR("\"" WR_RUN_HIDDEN "\"")
                                                                : json);
        secrets->has_any |= is_secret && kind == WR_JSON_NUMBER;
    } else {
        if (is_secret)
            put_value(secrets, wr_buf_str(&text), &hidden);
        else
            wr_run_hide(secrets, wr_buf_str(&text), &hidden);
        wr_buf_add_json(out, wr_buf_str(&hidden));
    }
}

void wr_run_hide_json(wr_run_secrets *secrets, wr_str json, wr_buf *out)
{
    hide_value(secrets, false, wr_str_trim(json), out);
}
