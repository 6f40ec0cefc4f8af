/* stdio.c - weir --stdio jsonl: a persistent child for tests and tools.
 *
 * One request per line, one reply per line:
 *   {"id":7,"sql":"select 1 as a"}   ->
 * {"id":7,"ok":true,"columns":[{"name":"a","type":"INTEGER"}],"rows":[[1]]}
 *   {"id":8,"sql":"selct"}           ->
 * {"id":8,"ok":false,"error":{"code":"W0101","sqlstate":"42601",...}} "conn" names one of several
 * sessions, made when first used. Numbers, booleans and NULL are JSON values; everything else is
 * the text SQL shows. A statement that returns no rows answers with "rows":[] and, for changes,
 * "affected".
 *
 * A reply says first whether all went well, so it leaves only when its last row is there. Until
 * then it counts as memory of the query: one that does not fit into memory_limit is answered with
 * W6002, and the session goes on. */
#include "base/map.h"
#include "base/mem.h"
#include "cli/cli.h"
#include <ctype.h>

typedef struct json_request {
    wr_buf id; /* as written: number or quoted text */
    wr_buf sql, conn;
    bool has_sql;
} json_request;

/* ---- reading one request: a flat JSON object ---- */

typedef struct reader {
    const char *at, *end;
} reader;

static void skip_blanks(reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at))
        r->at++;
}

static bool take(reader *r, char c)
{
    skip_blanks(r);
    if (r->at >= r->end || *r->at != c) return false;
    r->at++;
    return true;
}

static bool read_hex(reader *r, uint32_t *out)
{
    *out = 0;
    for (int i = 0; i < 4; i++, r->at++) {
        if (r->at >= r->end || !isxdigit((unsigned char)*r->at)) return false;
        char c = *r->at;
        *out = *out * 16 + (uint32_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return true;
}

static bool read_escape(reader *r, wr_buf *out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (r->at >= r->end) return false;
    char c = *r->at++;
    const char *found = strchr(from, c);
    if (found && c) {
        wr_buf_add_char(out, to[found - from]);
        return true;
    }
    uint32_t code, low;
    if (c != 'u' || !read_hex(r, &code)) return false;
    if (code >= 0xd800 && code < 0xdc00 && r->end - r->at > 6 && r->at[0] == '\\' &&
        r->at[1] == 'u') {
        r->at += 2;
        if (!read_hex(r, &low)) return false;
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    char bytes[4];
    int size = wr_utf8_encode(code, bytes);
    wr_buf_add(out, bytes, (size_t)size);
    return size > 0;
}

static bool read_string(reader *r, wr_buf *out)
{
    if (!take(r, '"')) return false;
    while (r->at < r->end && *r->at != '"') {
        if (*r->at == '\\') {
            r->at++;
            if (!read_escape(r, out)) return false;
        } else {
            wr_buf_add_char(out, *r->at++);
        }
    }
    return take(r, '"');
}

/* A value that is only echoed or ignored: a string or a plain word. */
static bool read_raw(reader *r, wr_buf *out)
{
    skip_blanks(r);
    const char *from = r->at;
    if (r->at < r->end && *r->at == '"') {
        WR_BUF(ignored);
        if (!read_string(r, &ignored)) return false;
    } else {
        while (r->at < r->end && !strchr(",}] \t", *r->at))
            r->at++;
    }
    wr_buf_add(out, from, (size_t)(r->at - from));
    return r->at > from;
}

static bool read_request(const char *line, size_t length, json_request *out)
{
    reader r = {line, line + length};
    if (!take(&r, '{')) return false;
    while (!take(&r, '}')) {
        WR_BUF(name);
        WR_BUF(ignored);
        if (!read_string(&r, &name) || !take(&r, ':')) return false;
        bool ok;
        if (wr_str_is(wr_buf_str(&name), "sql"))
            out->has_sql = ok = read_string(&r, &out->sql);
        else if (wr_str_is(wr_buf_str(&name), "conn"))
            ok = read_string(&r, &out->conn);
        else
            ok = read_raw(&r, wr_str_is(wr_buf_str(&name), "id") ? &out->id : &ignored);
        if (!ok) return false;
        if (!take(&r, ',')) {
            skip_blanks(&r);
            if (r.at >= r.end || *r.at != '}') return false;
        }
    }
    skip_blanks(&r);
    return r.at == r.end;
}

/* ---- replying ---- */

enum { PIECE_SIZE = 64 << 10 };

typedef struct reply_piece {
    struct reply_piece *next;
    size_t size;
    char bytes[];
} reply_piece;

typedef struct reply { /* columns, rows and count of a query */
    weir_query *query;
    wr_buf text; /* the end of it; what stood before is in the pieces */
    reply_piece *first, **end;
    weir_status bad; /* there was no room */
} reply;

static void keep_piece(void *arg, const char *bytes, size_t size)
{
    reply *r = arg;
    if (!r->bad) r->bad = weir_query_reserve(r->query, sizeof(reply_piece) + size);
    if (r->bad) return;
    reply_piece *piece = wr_heap_raw(sizeof *piece + size);
    piece->next = NULL;
    piece->size = size;
    memcpy(piece->bytes, bytes, size);
    *r->end = piece;
    r->end = &piece->next;
}

static void reply_init(reply *r, weir_query *query)
{
    *r = (reply){.query = query};
    r->end = &r->first;
    r->text.drain = keep_piece;
    r->text.drain_arg = r;
    r->text.piece = PIECE_SIZE;
}

static void reply_clear(reply *r)
{
    for (reply_piece *next; r->first; r->first = next) {
        next = r->first->next;
        wr_heap_drop(r->first);
    }
    wr_buf_clear(&r->text);
}

static void reply_send(const reply *r, FILE *to)
{
    for (const reply_piece *piece = r->first; piece; piece = piece->next)
        fwrite(piece->bytes, 1, piece->size, to);
    fwrite(r->text.data, 1, r->text.length, to);
}

static void add_columns(wr_buf *out, const weir_query *query)
{
    wr_buf_add_text(out, ",\"columns\":[");
    for (int c = 0; c < weir_query_column_count(query); c++) {
        wr_buf_add_text(out, c ? ",{\"name\":" : "{\"name\":");
        wr_buf_add_json(out, wr_str_of(weir_query_column_name(query, c)));
        wr_buf_add_text(out, ",\"type\":");
        wr_buf_add_json(out, wr_str_of(weir_query_column_type(query, c)));
        wr_buf_add_char(out, '}');
    }
    wr_buf_add_char(out, ']');
}

/* What JSON has values for stands as such, all else is the text that SQL prints. */
static void add_value(wr_buf *out, const weir_rows *rows, size_t row, int column, bool is_text)
{
    size_t length;
    if (is_text && weir_rows_is_null(rows, row, column)) {
        wr_buf_add(out, "null", 4);
        return;
    }
    if (!is_text) {
        const char *value = weir_rows_json(rows, row, column, &length);
        if (*value != '"' && *value != '{' && *value != '[') {
            wr_buf_add(out, value, length);
            return;
        }
    }
    const char *text = weir_rows_text(rows, row, column, &length);
    wr_buf_add_json(out, (wr_str){text, length});
}

static weir_status add_rows(reply *r)
{
    weir_query *query = r->query;
    wr_buf *out = &r->text;
    int columns = weir_query_column_count(query);
    bool *is_text = wr_heap_new(sizeof *is_text * (size_t)columns);
    for (int c = 0; c < columns; c++)
        is_text[c] = strcmp(weir_query_column_type(query, c), "VARCHAR") == 0;
    weir_status bad;
    const weir_rows *rows;
    const char *before_row = "[";
    wr_buf_add_text(out, ",\"rows\":[");
    while (!(bad = weir_query_next(query, &rows)) && rows && !r->bad) {
        size_t count = weir_rows_count(rows);
        for (size_t i = 0; i < count && !r->bad; i++) {
            wr_buf_add_text(out, before_row);
            before_row = ",[";
            for (int c = 0; c < columns; c++) {
                if (c) wr_buf_add_char(out, ',');
                add_value(out, rows, i, c, is_text[c]);
            }
            wr_buf_add_char(out, ']');
        }
    }
    wr_heap_drop(is_text);
    wr_buf_add_char(out, ']');
    return bad ? bad : r->bad;
}

/* Runs the statement and writes the reply, unless it fails. */
static weir_status answer(weir_session *session, const json_request *request, const char *id,
                          FILE *to)
{
    weir_query *query;
    weir_status bad = weir_query_start(session, request->sql.data, request->sql.length, &query);
    if (bad) return bad;
    reply r;
    reply_init(&r, query);
    wr_buf_printf(&r.text, "{\"id\":%s,\"ok\":true", id);
    add_columns(&r.text, query);
    bad = add_rows(&r);
    if (!bad && weir_query_affected(query) >= 0)
        wr_buf_printf(&r.text, ",\"affected\":%lld", (long long)weir_query_affected(query));
    wr_buf_add_text(&r.text, "}\n");
    if (r.bad && bad != r.bad) { /* the reply could not be kept: that came first */
        weir_error_drop(bad);
        bad = r.bad;
    }
    if (!bad) {
        reply_send(&r, to);
        fflush(to); /* nobody has to wait for the query to be cleared away */
    }
    reply_clear(&r);
    weir_query_close(query);
    return bad;
}

static weir_status session_for(cli_state *state, wr_map *sessions, wr_str conn, weir_session **out)
{
    *out = state->session;
    if (!conn.length) return NULL;
    *out = wr_map_get(sessions, conn);
    if (*out) return NULL;
    weir_status bad = weir_session_open(state->engine, out);
    if (!bad) cli_apply_settings(state, *out); /* they were good for the first session */
    if (!bad)
        wr_map_put(sessions, (wr_str){wr_heap_copy(conn.data, conn.length), conn.length}, *out);
    return bad;
}

static void serve_line(cli_state *state, wr_map *sessions, const char *line, size_t length)
{
    json_request request = {0};
    weir_session *session;
    bool understood = read_request(line, length, &request) && request.has_sql;
    const char *id = request.id.length ? request.id.data : "null";
    if (!understood) {
        fprintf(state->out,
                "{\"id\":%s,\"ok\":false,\"error\":{\"code\":\"W0101\",\"sqlstate\":\"42601\","
                "\"message\":\"the request is not a JSON object with \\\"sql\\\"\"}}\n",
                id);
    } else {
        weir_status bad = session_for(state, sessions, wr_buf_str(&request.conn), &session);
        if (!bad) bad = answer(session, &request, id, state->out);
        if (bad) {
            char *json = weir_error_json(bad, request.sql.data, request.sql.length);
            fprintf(state->out, "{\"id\":%s,\"ok\":false,\"error\":%s}\n", id, json);
            weir_text_free(json);
            weir_error_drop(bad);
        }
    }
    fflush(state->out);
    wr_buf_clear(&request.id);
    wr_buf_clear(&request.sql);
    wr_buf_clear(&request.conn);
}

int cli_stdio(cli_state *state)
{
    wr_map sessions = {0};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) >= 0) {
        while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
            length--;
        if (length) serve_line(state, &sessions, line, (size_t)length);
    }
    wr_heap_drop(line);
    wr_str name;
    void *session;
    for (uint32_t i = 0; wr_map_next(&sessions, &i, &name, &session);) {
        weir_session_close(session);
        wr_heap_drop((char *)name.data);
    }
    wr_map_clear(&sessions);
    return CLI_OK;
}
