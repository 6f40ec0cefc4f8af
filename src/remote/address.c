/* address.c - see address.h.
 *
 *   postgresql://user:password@host:5432/database/stream?schema=weir&sslmode=require
 *                                        ~~~~~~~~ ~~~~~~ ~~~~~~~~~~~
 * A place of states is an address as libpq knows it; the state of one stream is one more word of
 * its path, as it is one more folder of a path of files. The word and a few parameters are ours,
 * the rest is handed to libpq as it is, so everything that libpq can is possible.
 *
 * libpq's own complaints about an address quote it. So what could make it quote a password is
 * refused here: percent signs that are no escapes, and a second '@'. */
#include "remote/address.h"
#include "base/secret.h"
#include "remote/remote.h"
#include <ctype.h>

enum { RETRY_S = 300, RETRY_MOST_S = 24 * 3600, NAME_MAX_BYTES = 63 };
static const char form[] = "postgresql://user@host:5432/database?schema=weir";

static bool take_scheme(wr_str *text)
{
    static const wr_str schemes[] = {{"postgresql://", 13}, {"postgres://", 11}};
    for (size_t i = 0; i < WR_COUNT(schemes); i++) {
        if (!wr_str_has_prefix(*text, schemes[i])) continue;
        *text = (wr_str){text->data + schemes[i].length, text->length - schemes[i].length};
        return true;
    }
    return false;
}

bool wr_remote_is_address(wr_str place) { return take_scheme(&place); }

static size_t find(wr_str text, const char *any_of)
{
    size_t at = 0;
    while (at < text.length && !strchr(any_of, text.data[at]))
        at++;
    return at;
}

/* Without a database there is an empty word for it, which is refused when it is read. */
void wr_remote_address_of(wr_str states, wr_str name, wr_buf *out)
{
    wr_str rest = states;
    wr_assert(take_scheme(&rest));
    size_t path = (size_t)(rest.data - states.data) + find(rest, "/?"), end = path;
    while (end < states.length && states.data[end] != '?')
        end++;
    size_t query = end;
    while (end > path && states.data[end - 1] == '/')
        end--;
    wr_buf_add(out, states.data, end);
    if (end == path) wr_buf_add_char(out, '/');
    wr_buf_add_char(out, '/');
    wr_buf_add_str(out, name);
    wr_buf_add(out, states.data + query, states.length - query);
}

static weir_status wrong(const remote_address *a, const char *what)
{
    return wr_with_hint(wr_fail(WR_E_PARAMETER_VALUE, "\"%.*s\" %s", WR_STR_ARGS(a->shown), what),
                        "a place of states looks like %s", form);
}

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

static weir_status check_escapes(const remote_address *a, wr_str text)
{
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] != '%') continue;
        bool is_good = i + 2 < text.length && digit(text.data[i + 1]) >= 0 &&
                       digit(text.data[i + 2]) >= 0 &&
                       (text.data[i + 1] != '0' || text.data[i + 2] != '0');
        if (!is_good) return wrong(a, "has a '%' in it that is no escape such as %25");
    }
    return WR_OK;
}

static wr_str unescaped(wr_arena *arena, wr_str text)
{
    char *out = wr_arena_copy(arena, text.data, text.length);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool is_escape = text.data[i] == '%';
        out[length++] = is_escape ? (char)(digit(text.data[i + 1]) * 16 + digit(text.data[i + 2]))
                                  : text.data[i];
        if (is_escape) i += 2;
    }
    out[length] = '\0';
    return (wr_str){out, length};
}

static weir_status read_retry(remote_address *a, wr_str value)
{
    int64_t seconds = 0;
    for (size_t i = 0; i < value.length && seconds <= RETRY_MOST_S; i++)
        seconds =
            isdigit((unsigned char)value.data[i]) ? seconds * 10 + value.data[i] - '0' : INT32_MAX;
    if (!value.length || seconds > RETRY_MOST_S)
        return wrong(a, "has a retry_for that is no number of seconds up to a day");
    a->retry_ms = seconds * 1000;
    return WR_OK;
}

/* Ours are taken, others go into the address for libpq. */
static weir_status take_parameters(remote_address *a, wr_arena *arena, wr_str query, wr_buf *server)
{
    char before = '?';
    while (query.length) {
        size_t end = find(query, "&"), equals = find((wr_str){query.data, end}, "=");
        wr_str name = {query.data, equals}, whole = {query.data, end};
        wr_str value = {query.data + WR_MIN(equals + 1, end), end - WR_MIN(equals + 1, end)};
        if (wr_str_eq(name, WR_STR("schema"))) {
            a->schema = unescaped(arena, value);
        } else if (wr_str_eq(name, WR_STR("cache"))) {
            a->cache = unescaped(arena, value);
        } else if (wr_str_eq(name, WR_STR("retry_for"))) {
            WR_TRY(read_retry(a, value));
        } else if (whole.length) {
            wr_buf_add_char(server, before);
            wr_buf_add_str(server, whole);
            before = '&';
        }
        end += end < query.length;
        query = (wr_str){query.data + end, query.length - end};
    }
    if (!a->schema.length || a->schema.length > NAME_MAX_BYTES)
        return wrong(a, "has a schema without name, or with too long a one");
    return WR_OK;
}

/* Where such a character stands it is not clear where a password ends: the address is not shown. */
static weir_status check_characters(wr_str text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.data[i] <= ' ' || strchr("\"'#\177", text.data[i]))
            return wr_with_hint(wr_fail(WR_E_PARAMETER_VALUE,
                                        "the address of a state has a blank, a "
                                        "quote, '#' or a control character in "
                                        "it"),
                                "write it as an escape such as %%20");
    return WR_OK;
}

weir_status wr_remote_address_read(wr_str text, wr_arena *arena, remote_address *out)
{
    WR_BUF(shown);
    WR_BUF(server);
    wr_str rest = text, found;
    size_t pos = 0;
    WR_TRY(check_characters(text));
    wr_passwords_hide(text, &shown);
    *out = (remote_address){.shown = wr_arena_str(arena, wr_buf_str(&shown)),
                            .schema = WR_STR("weir"),
                            .retry_ms = RETRY_S * 1000,
                            .has_a_password = wr_password_next(text, &pos, &found)};
    if (!take_scheme(&rest)) return wrong(out, "is no address of a PostgreSQL server");
    WR_TRY(check_escapes(out, rest));
    wr_str authority = {rest.data, find(rest, "/?")};
    size_t at = find(authority, "@") + 1;
    if (at <= authority.length && memchr(authority.data + at, '@', authority.length - at) != NULL)
        return wrong(out, "has an '@' too many: in a password it is written %40");
    rest = (wr_str){rest.data + authority.length, rest.length - authority.length};
    wr_str path = {rest.data, find(rest, "?")};
    wr_str query = {rest.data + path.length, rest.length - path.length};
    if (path.length) path = (wr_str){path.data + 1, path.length - 1};
    size_t slash = find(path, "/");
    out->database = wr_arena_str(arena, (wr_str){path.data, slash});
    if (!out->database.length) return wrong(out, "names no database");
    if (slash < path.length)
        out->stream = unescaped(arena, (wr_str){path.data + slash + 1, path.length - slash - 1});
    wr_buf_add_text(&server, "postgresql://");
    wr_buf_add_str(&server, authority);
    wr_buf_add_char(&server, '/');
    wr_buf_add_str(&server, out->database);
    if (query.length) query = (wr_str){query.data + 1, query.length - 1};
    WR_TRY(take_parameters(out, arena, query, &server));
    out->server = (wr_str){wr_arena_copy(arena, server.data, server.length), server.length};
    if (!out->stream.length || memchr(out->stream.data, '/', out->stream.length))
        return wr_with_hint(
            wr_fail(WR_E_PARAMETER_VALUE, "\"%.*s\" names no stream", WR_STR_ARGS(out->shown)),
            "the state of a stream has its name behind the database: /%.*s/totals",
            WR_STR_ARGS(out->database));
    return WR_OK;
}
