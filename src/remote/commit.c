/* commit.c - a commit of a state on a server.
 *
 *   BEGIN
 *   the head: commits n -> n + 1, where the generation is ours and commits is n
 *   sections, ranges that go, pairs that come or change, pairs that go
 *   (answers to all of it)
 *   COMMIT
 *
 * The first part is a pipeline: nothing is waited for until all is sent. Pairs travel as arrays of
 * some BATCH_BYTES; values larger than that by themselves. Within a section ranges go before pairs
 * come, and no key is both put and deleted, so the order of the arrays does not matter.
 *
 * When the connection is lost everything is sent again over a new one, unless the head says that
 * the commit is there. The COMMIT whose answer was lost may still be at work then: whoever changes
 * the head waits for it, finds commits = n + 1 instead of n, changes nothing, and looks again. So
 * no commit is doubled, and none is lost that was called committed. */
#include "base/failpoint.h"
#include "base/log.h"
#include "remote/postgres.h"
#include "sys/clock.h"

enum {
    BATCH_BYTES = 1 << 20,
    VALUE_MOST = 500 << 20,
    OID_BYTEA = 17,
    OID_INT4 = 23,
    ARRAY_HEAD = 20,
    PAUSE_FIRST_MS = 50,
    PAUSE_MOST_MS = 2000,
    PAUSE_PIECE_MS = 25,
    STOPPING_MS = 3000,
};

/* Rows for one statement. */
typedef struct batch {
    const char *statement;
    bool has_seconds;
    uint32_t count;
    wr_buf sections, firsts, seconds; /* arrays, their heads filled in when they are sent */
} batch;

struct wr_remote_commit {
    wr_remote *r;
    const wr_remote_head *after;
    int unanswered;
    batch ranges, rests, puts, deletes;
};

/* ---- what is sent ---- */

static void be32(uint32_t number, char *out)
{
    number = __builtin_bswap32(number);
    memcpy(out, &number, sizeof number);
}

static void be64(uint64_t number, char *out)
{
    number = __builtin_bswap64(number);
    memcpy(out, &number, sizeof number);
}

/* Parameters are binary. */
static weir_status send(wr_remote_commit *c, const char *statement, int count,
                        const char *const *values, const int *lengths)
{
    static const int binary[6] = {1, 1, 1, 1, 1, 1};
    wr_remote *r = c->r;
    wr_assert(count <= (int)WR_COUNT(binary));
    if (!r->api->PQsendQueryPrepared(r->conn, statement, count, values, lengths, binary, 1))
        return wr_server_lost(r, "write to");
    c->unanswered++;
    return wr_server_flush(r);
}

static weir_status send_text(wr_remote_commit *c, const char *sql)
{
    wr_remote *r = c->r;
    if (!r->api->PQsendQueryParams(r->conn, sql, 0, NULL, NULL, NULL, NULL, 0))
        return wr_server_lost(r, "write to");
    c->unanswered++;
    return WR_OK;
}

static weir_status send_head(wr_remote_commit *c)
{
    char numbers[5][8], sections[4];
    const wr_remote *r = c->r;
    be64((uint64_t)r->number, numbers[0]);
    be64((uint64_t)r->generation, numbers[1]);
    be64(c->after->commits, numbers[2]);
    be64(c->after->pairs, numbers[3]);
    be64(c->after->hash, numbers[4]);
    be32(c->after->sections, sections);
    const char *values[] = {numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], sections};
    static const int lengths[] = {8, 8, 8, 8, 8, 4};
    return send(c, "weir_head", 6, values, lengths);
}

static void fill_array_head(wr_buf *array, uint32_t type, uint32_t count)
{
    be32(1, array->data); /* dimension */
    be32(0, array->data + 4);
    be32(type, array->data + 8);
    be32(count, array->data + 12);
    be32(1, array->data + 16); /* number of the first element */
}

static weir_status send_batch(wr_remote_commit *c, batch *b)
{
    char state[8];
    if (!b->count) return WR_OK;
    be64((uint64_t)c->r->number, state);
    fill_array_head(&b->sections, OID_INT4, b->count);
    fill_array_head(&b->firsts, OID_BYTEA, b->count);
    if (b->has_seconds) fill_array_head(&b->seconds, OID_BYTEA, b->count);
    const char *values[] = {state, b->sections.data, b->firsts.data, b->seconds.data};
    const int lengths[] = {8, (int)b->sections.length, (int)b->firsts.length,
                           (int)b->seconds.length};
    b->count = 0;
    b->sections.length = b->firsts.length = b->seconds.length = 0;
    return send(c, b->statement, b->has_seconds ? 4 : 3, values, lengths);
}

static void add_bytes(wr_buf *array, const char *bytes, size_t size)
{
    char length[4];
    be32((uint32_t)size, length);
    wr_buf_add(array, length, sizeof length);
    wr_buf_add(array, bytes, size);
}

static weir_status add(wr_remote_commit *c, batch *b, uint32_t section, wr_str first, wr_str second)
{
    static const char head[ARRAY_HEAD];
    char number[4];
    size_t bytes = b->firsts.length + b->seconds.length + first.length + second.length;
    if (b->count && bytes > BATCH_BYTES) WR_TRY(send_batch(c, b));
    if (!b->count) {
        wr_buf_add(&b->sections, head, sizeof head);
        wr_buf_add(&b->firsts, head, sizeof head);
        if (b->has_seconds) wr_buf_add(&b->seconds, head, sizeof head);
    }
    be32(section, number);
    add_bytes(&b->sections, number, sizeof number);
    add_bytes(&b->firsts, first.data, first.length);
    if (b->has_seconds) add_bytes(&b->seconds, second.data, second.length);
    b->count++;
    return WR_OK;
}

weir_status wr_remote_section(wr_remote_commit *to, uint32_t number, wr_str name)
{
    char state[8], section[4];
    be64((uint64_t)to->r->number, state);
    be32(number, section);
    const char *values[] = {state, section, name.data};
    const int lengths[] = {8, 4, (int)name.length};
    return send(to, "weir_section", 3, values, lengths);
}

weir_status wr_remote_delete_range(wr_remote_commit *to, uint32_t section, wr_str first,
                                   wr_str last)
{
    return add(to, last.length ? &to->ranges : &to->rests, section, first, last);
}

static weir_status send_ranges(wr_remote_commit *c)
{
    WR_TRY(send_batch(c, &c->ranges));
    return send_batch(c, &c->rests);
}

static weir_status put_alone(wr_remote_commit *c, uint32_t section, wr_str key, wr_str value)
{
    char state[8], number[4];
    be64((uint64_t)c->r->number, state);
    be32(section, number);
    const char *values[] = {state, number, key.data, value.data};
    const int lengths[] = {8, 4, (int)key.length, (int)value.length};
    return send(c, "weir_put", 4, values, lengths);
}

weir_status wr_remote_put(wr_remote_commit *to, uint32_t section, wr_str key, wr_str value)
{
    WR_TRY(send_ranges(to));
    if (value.length > VALUE_MOST)
        return wr_fail(WR_E_TOO_BIG,
                       "a value of %zu bytes is too big for a state in PostgreSQL (%d)",
                       value.length, VALUE_MOST);
    if (value.length > BATCH_BYTES) return put_alone(to, section, key, value);
    return add(to, &to->puts, section, key, value);
}

weir_status wr_remote_delete(wr_remote_commit *to, uint32_t section, wr_str key)
{
    WR_TRY(send_ranges(to));
    return add(to, &to->deletes, section, key, (wr_str){"", 0});
}

/* ---- answers ---- */

/* Takes all answers up to the mark. *head_changed: the second statement, the head's, has changed
 * it; *says_commit: the last one has committed, and was not told to take everything back. */
static weir_status take_answers(wr_remote_commit *c, bool *head_changed, bool *says_commit)
{
    wr_remote *r = c->r;
    for (int i = 0; i < c->unanswered; i++) {
        PGresult *answer, *none;
        WR_TRY(wr_server_answer(r, &answer));
        ExecStatusType status = answer ? r->api->PQresultStatus(answer) : PGRES_FATAL_ERROR;
        if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
            return wr_server_refused(r, "commit to", answer);
        if (i == 1 && head_changed) *head_changed = strcmp(r->api->PQcmdTuples(answer), "1") == 0;
        if (says_commit) *says_commit = strcmp(r->api->PQcmdStatus(answer), "COMMIT") == 0;
        r->api->PQclear(answer);
        WR_TRY(wr_server_answer(r, &none));
        if (!none) continue;
        r->api->PQclear(none);
        return wr_server_lost(r, "commit to");
    }
    c->unanswered = 0;
    PGresult *mark;
    WR_TRY(wr_server_answer(r, &mark));
    bool is_mark = mark && r->api->PQresultStatus(mark) == PGRES_PIPELINE_SYNC;
    r->api->PQclear(mark);
    return is_mark ? WR_OK : wr_server_lost(r, "commit to");
}

static weir_status finish_sending(wr_remote *r)
{
    if (!r->api->PQpipelineSync(r->conn)) return wr_server_lost(r, "commit to");
    return wr_server_flush(r);
}

static weir_status send_commit(wr_remote_commit *c)
{
    bool says_commit = false;
    WR_TRY(send_text(c, "COMMIT"));
    c->r->is_unsure = true;
    WR_TRY(finish_sending(c->r));
    WR_FAILPOINT(remote_asked);
    WR_TRY(take_answers(c, NULL, &says_commit));
    c->r->is_unsure = false;
    if (says_commit) return WR_OK;
    return wr_fail(WR_E_CONNECTION, "\"%.*s\" has taken back a commit",
                   WR_STR_ARGS(c->r->address.shown));
}

/* *done: the head was as it had to be, and all of it is committed. */
static weir_status try_once(wr_remote_commit *c, wr_remote_tell *tell, const void *arg, bool *done)
{
    wr_remote *r = c->r;
    bool head_changed = false;
    *done = false;
    if (!r->api->PQenterPipelineMode(r->conn)) return wr_server_lost(r, "commit to");
    WR_TRY(send_text(c, "BEGIN"));
    WR_TRY(send_head(c));
    WR_FAILPOINT(remote_begun);
    WR_TRY(tell(arg, c));
    WR_TRY(send_ranges(c));
    WR_TRY(send_batch(c, &c->puts));
    WR_TRY(send_batch(c, &c->deletes));
    WR_TRY(finish_sending(r));
    WR_TRY(take_answers(c, &head_changed, NULL));
    WR_FAILPOINT(remote_sent);
    if (!head_changed) return WR_OK;
    WR_TRY(send_commit(c));
    if (!r->api->PQexitPipelineMode(r->conn)) return wr_server_lost(r, "commit to");
    *done = true;
    return WR_OK;
}

static void batch_clear(batch *b)
{
    wr_buf_clear(&b->sections);
    wr_buf_clear(&b->firsts);
    wr_buf_clear(&b->seconds);
}

static weir_status attempt(wr_remote *r, const wr_remote_head *after, wr_remote_tell *tell,
                           const void *arg, bool *done)
{
    wr_remote_commit c = {.r = r,
                          .after = after,
                          .ranges = {.statement = "weir_ranges", .has_seconds = true},
                          .rests = {.statement = "weir_rests"},
                          .puts = {.statement = "weir_puts", .has_seconds = true},
                          .deletes = {.statement = "weir_deletes"}};
    weir_status bad = try_once(&c, tell, arg, done);
    batch_clear(&c.ranges);
    batch_clear(&c.rests);
    batch_clear(&c.puts);
    batch_clear(&c.deletes);
    /* With the connection goes what it had not committed. */
    if (bad || !*done) wr_server_disconnect(r);
    return bad;
}

/* ---- again ---- */

/* What the server knows: *done if the commit is there. */
static weir_status look_at_head(wr_remote *r, const wr_remote_head *after, bool *done)
{
    wr_remote_head now;
    int64_t generation;
    bool found;
    WR_TRY(wr_server_reconnect(r));
    WR_TRY(wr_server_read_head(r, &now, &generation, &found));
    *done = found && now.commits == after->commits && now.hash == after->hash &&
            now.pairs == after->pairs;
    if (*done || (found && now.commits == r->head.commits && now.hash == r->head.hash))
        return WR_OK;
    r->is_final = true;
    return wr_fail(WR_E_CORRUPT,
                   "\"%.*s\" is damaged: it has commit %llu where %llu was the last one",
                   WR_STR_ARGS(r->address.shown), (unsigned long long)now.commits,
                   (unsigned long long)r->head.commits);
}

static weir_status connect_and_commit(wr_remote *r, const wr_remote_head *after,
                                      wr_remote_tell *tell, const void *arg, bool *done)
{
    *done = false;
    if (!r->conn) {
        weir_status bad = look_at_head(r, after, done);
        if (bad) wr_server_disconnect(r);
        if (bad || *done) return bad;
    }
    return attempt(r, after, tell, arg, done);
}

/* False: there is no time left for another attempt. */
static bool pause_before(const wr_remote *r, int ms, int64_t *until)
{
    for (int slept = 0; slept < ms; slept += PAUSE_PIECE_MS) {
        int64_t now = wr_clock_mono_ns();
        if (wr_server_is_stopping(r)) *until = WR_MIN(*until, now + STOPPING_MS * INT64_C(1000000));
        weir_status cancelled = wr_cancel_check(r->options.cancel);
        wr_status_drop(cancelled);
        if (cancelled || now > *until) return false;
        wr_sleep_ms(PAUSE_PIECE_MS);
    }
    return true;
}

weir_status wr_remote_commit_changes(wr_remote *r, const wr_remote_head *after,
                                     wr_remote_tell *tell, const void *arg)
{
    int64_t until = wr_clock_mono_ns() + r->address.retry_ms * 1000000;
    wr_assert(after->commits == r->head.commits + 1);
    r->is_final = false;
    for (int ms = PAUSE_FIRST_MS;; ms = WR_MIN(ms * 2, (int)PAUSE_MOST_MS)) {
        bool done;
        weir_status bad = connect_and_commit(r, after, tell, arg, &done);
        if (!bad && done) break;
        if (!bad) continue; /* the head was another: look at it */
        if (!wr_server_is_passing(r, bad)) return bad;
        if (ms == PAUSE_FIRST_MS)
            wr_log(WR_LOG_WARN, "a commit to a server is tried again", "why", wr_status_text(bad),
                   NULL);
        if (!pause_before(r, ms, &until))
            return wr_with_hint(bad, "nothing that was committed is lost; started again it goes on "
                                     "from there");
        wr_status_drop(bad);
    }
    r->is_unsure = false;
    r->head.commits = after->commits;
    r->head.pairs = after->pairs;
    r->head.hash = after->hash;
    r->head.sections = after->sections;
    return WR_OK;
}
