/* read.c - everything a state on a server holds, as one stream.
 *
 * One transaction that sees one moment: the head, the sections, and all pairs by COPY in binary
 * form. Messages of COPY are rows or parts of the stream around them; nothing is concluded from
 * where one ends. What is held is one message and what of it is no whole row yet. */
#include "remote/postgres.h"
#include "base/mem.h"

enum { TRAILER = 0xffff, FIELDS = 3, VALUE_LIMIT = 1 << 30 };
static const char signature[] = "PGCOPY\n\377\r\n"; /* and its NUL */

typedef struct copy {
    wr_remote *r;
    const wr_remote_reader *reader;
    wr_buf bytes; /* not looked at yet, from pos on */
    size_t pos;
    bool has_begun, has_ended;
} copy;

static weir_status damaged(const wr_remote *r, const char *what)
{
    return wr_fail(WR_E_CORRUPT, "\"%.*s\" is damaged: %s", WR_STR_ARGS(r->address.shown), what);
}

static bool take_u32(const copy *c, size_t *at, uint32_t *out)
{
    if (c->bytes.length - *at < sizeof *out) return false;
    memcpy(out, c->bytes.data + *at, sizeof *out);
    *out = __builtin_bswap32(*out);
    *at += sizeof *out;
    return true;
}

/* *whole false: the rest has not come. */
static weir_status take_begin(copy *c, bool *whole)
{
    size_t at = c->pos + sizeof signature;
    uint32_t flags, more;
    *whole = c->bytes.length >= at && take_u32(c, &at, &flags) && take_u32(c, &at, &more) &&
             c->bytes.length - at >= more;
    if (!*whole) return WR_OK;
    if (memcmp(c->bytes.data + c->pos, signature, sizeof signature) != 0)
        return damaged(c->r, "the server sends something else than a copy");
    c->pos = at + more;
    c->has_begun = true;
    return WR_OK;
}

static weir_status take_row(copy *c, bool *whole)
{
    size_t at = c->pos;
    wr_str fields[FIELDS];
    uint16_t count;
    *whole = c->bytes.length - at >= sizeof count;
    if (!*whole) return WR_OK;
    memcpy(&count, c->bytes.data + at, sizeof count);
    count = __builtin_bswap16(count);
    at += sizeof count;
    if (count == TRAILER) {
        c->has_ended = true;
        c->pos = at;
        return WR_OK;
    }
    if (count != FIELDS) return damaged(c->r, "a row has other fields");
    for (int i = 0; i < FIELDS; i++) {
        uint32_t length;
        *whole = take_u32(c, &at, &length);
        if (!*whole) return WR_OK;
        if (length > VALUE_LIMIT) return damaged(c->r, "a field has no possible length");
        *whole = c->bytes.length - at >= length;
        if (!*whole) return WR_OK;
        fields[i] = (wr_str){c->bytes.data + at, length};
        at += length;
    }
    uint32_t section;
    if (fields[0].length != sizeof section) return damaged(c->r, "a section is no number");
    memcpy(&section, fields[0].data, sizeof section);
    c->pos = at;
    return c->reader->pair(c->reader->arg, __builtin_bswap32(section), fields[1], fields[2]);
}

static weir_status take_message(copy *c, const char *bytes, size_t size)
{
    bool whole = true;
    memmove(c->bytes.data, c->bytes.data + c->pos, c->bytes.length - c->pos);
    c->bytes.length -= c->pos;
    c->pos = 0;
    wr_buf_add(&c->bytes, bytes, size);
    while (whole && !c->has_ended)
        WR_TRY(c->has_begun ? take_row(c, &whole) : take_begin(c, &whole));
    return WR_OK;
}

static weir_status take_all(copy *c)
{
    wr_remote *r = c->r;
    for (;;) {
        char *bytes = NULL;
        int size = r->api->PQgetCopyData(r->conn, &bytes, 1);
        if (size == -1) break;
        if (size < -1) return wr_server_lost(r, "read from");
        if (size == 0) {
            WR_TRY(wr_server_wait(r, false));
            if (!r->api->PQconsumeInput(r->conn)) return wr_server_lost(r, "read from");
            continue;
        }
        weir_status bad = take_message(c, bytes, (size_t)size);
        r->api->PQfreemem(bytes);
        if (bad) return bad;
        WR_TRY(wr_cancel_check(r->options.cancel));
    }
    return c->has_ended ? WR_OK : damaged(r, "the copy of its pairs has no end");
}

static weir_status read_pairs(wr_remote *r, const wr_remote_reader *reader)
{
    WR_BUF(sql);
    PGresult *answer;
    wr_buf_printf(&sql,
                  "COPY (SELECT section, key, value FROM %s.stream_pairs WHERE state = %lld "
                  "ORDER BY state, section, key) TO STDOUT (FORMAT binary)",
                  r->schema.data, (long long)r->number);
    if (!r->api->PQsendQueryParams(r->conn, sql.data, 0, NULL, NULL, NULL, NULL, 1))
        return wr_server_lost(r, "read from");
    WR_TRY(wr_server_flush(r));
    WR_TRY(wr_server_answer(r, &answer));
    if (!answer || r->api->PQresultStatus(answer) != PGRES_COPY_OUT)
        return wr_server_refused(r, "read from", answer);
    r->api->PQclear(answer);
    copy c = {.r = r, .reader = reader};
    wr_buf_reserve(&c.bytes, 1);
    weir_status bad = take_all(&c);
    wr_buf_clear(&c.bytes);
    while (!bad) {
        bad = wr_server_answer(r, &answer);
        if (bad || !answer) break;
        if (r->api->PQresultStatus(answer) != PGRES_COMMAND_OK)
            bad = wr_server_refused(r, "read from", answer);
        else
            r->api->PQclear(answer);
    }
    return bad;
}

static weir_status tell_sections(wr_remote *r, const wr_remote_reader *reader,
                                 const PGresult *answer)
{
    int count = r->api->PQntuples(answer);
    if ((uint32_t)count != r->head.sections)
        return damaged(r, "its sections are not those of its head");
    for (int i = 0; i < count; i++) {
        wr_str number = wr_server_cell(r, answer, i, 0), name = wr_server_cell(r, answer, i, 1);
        uint32_t is = 0;
        if (number.length == sizeof is) memcpy(&is, number.data, sizeof is);
        if (__builtin_bswap32(is) != (uint32_t)i + 1 || !name.length)
            return damaged(r, "its sections are not those of its head");
        WR_TRY(reader->section(reader->arg, (uint32_t)i + 1, name));
    }
    return WR_OK;
}

static weir_status read_sections(wr_remote *r, const wr_remote_reader *reader)
{
    WR_BUF(sql);
    PGresult *answer;
    wr_buf_printf(&sql,
                  "SELECT number, name FROM %s.stream_sections WHERE state = %lld ORDER BY number",
                  r->schema.data, (long long)r->number);
    WR_TRY(wr_server_query_binary(r, "read from", sql.data, &answer));
    weir_status bad = tell_sections(r, reader, answer);
    r->api->PQclear(answer);
    return bad;
}

static weir_status read_all(wr_remote *r, const wr_remote_reader *reader)
{
    int64_t generation;
    bool found;
    WR_TRY(wr_server_run(r, "read from", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"));
    WR_TRY(wr_server_read_head(r, &r->head, &generation, &found));
    if (!found)
        return wr_fail(WR_E_FILE_NOT_FOUND, "there is no state in \"%.*s\" any more",
                       WR_STR_ARGS(r->address.shown));
    WR_TRY(read_sections(r, reader));
    WR_TRY(read_pairs(r, reader));
    return wr_server_run(r, "read from", "COMMIT");
}

weir_status wr_remote_read(wr_remote *r, const wr_remote_reader *reader)
{
    weir_status bad = read_all(r, reader);
    if (bad) wr_server_disconnect(r);
    return bad;
}
