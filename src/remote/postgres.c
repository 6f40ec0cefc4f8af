/* postgres.c - opening a state on a server, and being its only writer. See remote.h.
 *
 * A writer holds an advisory lock of its session, which ends with the connection, however that
 * ends; who finds it held waits WAIT_NS, because the server may not have noticed yet that the one
 * before has died. The lock keeps two processes from working at the same time; it does not keep
 * them apart, because a writer may not know that its connection is gone. That is done by the
 * generation: who becomes the writer counts it up, and a commit changes nothing where it is not its
 * own any more (commit.c).
 *
 * A writer that has lost its connection may find the lock held by its own old session, which the
 * server still believes in: that one is ended. */
#include "remote/postgres.h"
#include "base/mem.h"
#include "sys/clock.h"
#include "sys/lock.h"
#include <stdlib.h>

static const int64_t WAIT_NS = INT64_C(5) * 1000000000;
enum { LOOK_MS = 50, UNLOCK_MS = 1000 };

/* The lock's number comes of this text, on the server. */
#define LOCK_NUMBER "pg_catalog.hashtextextended($1, 0)"

bool wr_server_is_stopping(const wr_remote *r)
{
    return r->options.stop && atomic_load_explicit(r->options.stop, memory_order_relaxed);
}

static void lock_name(const wr_remote *r, wr_buf *out)
{
    wr_buf_printf(out, "weir state %.*s %.*s", WR_STR_ARGS(r->address.schema),
                  WR_STR_ARGS(r->address.stream));
}

/* ---- the row ---- */

static int64_t number_at(const wr_remote *r, const PGresult *answer, int column)
{
    return strtoll(r->api->PQgetvalue(answer, 0, column), NULL, 10);
}

static weir_status take_head(wr_remote *r, const PGresult *answer, wr_remote_head *head,
                             int64_t *generation)
{
    wr_str id = wr_server_cell(r, answer, 0, 0);
    int64_t format = number_at(r, answer, 1);
    if (format > WR_REMOTE_FORMAT)
        return wr_with_hint(
            wr_fail(WR_E_STATE_VERSION, "\"%.*s\" has format %lld, this weir knows %d",
                    WR_STR_ARGS(r->address.shown), (long long)format, WR_REMOTE_FORMAT),
            "open it with the weir that wrote it, or a newer one");
    bool is_good = id.length == WR_REMOTE_ID;
    for (size_t i = 0; i < id.length && is_good; i++)
        is_good = strchr("0123456789abcdef", id.data[i]) != NULL;
    if (!is_good || format != WR_REMOTE_FORMAT || number_at(r, answer, 2) < 1)
        return wr_fail(WR_E_CORRUPT, "\"%.*s\" is damaged: its row makes no sense",
                       WR_STR_ARGS(r->address.shown));
    *head = (wr_remote_head){.commits = (uint64_t)number_at(r, answer, 2),
                             .pairs = (uint64_t)number_at(r, answer, 3),
                             .hash = (uint64_t)number_at(r, answer, 4),
                             .sections = (uint32_t)number_at(r, answer, 5)};
    memcpy(head->id, id.data, id.length);
    *generation = number_at(r, answer, 6);
    r->number = number_at(r, answer, 7);
    return WR_OK;
}

#define HEAD_COLUMNS "id, format, commits, pairs, hash, sections, generation, number"

/* A statement with the stream as $1 that gives a head or nothing. */
static weir_status head_of(wr_remote *r, const char *before, const char *after, const char *second,
                           wr_remote_head *head, int64_t *generation, bool *found)
{
    PGresult *answer;
    WR_BUF(sql);
    const char *values[] = {r->address.stream.data, second};
    wr_buf_printf(&sql, "%s%s.stream_states%s", before, r->schema.data, after);
    WR_TRY(wr_server_query(r, "open", sql.data, second ? 2 : 1, values, &answer));
    *found = r->api->PQntuples(answer) == 1;
    weir_status bad = *found ? take_head(r, answer, head, generation) : WR_OK;
    r->api->PQclear(answer);
    return bad;
}

weir_status wr_server_read_head(wr_remote *r, wr_remote_head *head, int64_t *generation,
                                bool *found)
{
    return head_of(r, "SELECT " HEAD_COLUMNS " FROM ", " WHERE stream = $1", NULL, head, generation,
                   found);
}

/* From now on the commits of whoever was the writer change nothing. */
static weir_status claim(wr_remote *r, bool *found)
{
    WR_BUF(me);
    wr_process_name(&me);
    return head_of(r, "UPDATE ",
                   " SET generation = generation + 1, holder = $2, claimed_at = now() "
                   "WHERE stream = $1 RETURNING " HEAD_COLUMNS,
                   me.data, &r->head, &r->generation, found);
}

static weir_status make_row(wr_remote *r)
{
    PGresult *answer;
    WR_BUF(sql);
    const char *values[] = {r->address.stream.data};
    wr_buf_printf(&sql,
                  "INSERT INTO %s.stream_states "
                  "(stream, id, format, commits, pairs, hash, sections, generation) "
                  "SELECT $1, md5(random()::text || clock_timestamp() || pg_backend_pid()), "
                  "%d, 1, 0, 0, 0, 0 ON CONFLICT (stream) DO NOTHING",
                  r->schema.data, WR_REMOTE_FORMAT);
    WR_TRY(wr_server_query(r, "make a state in", sql.data, 1, values, &answer));
    r->api->PQclear(answer);
    return WR_OK;
}

/* ---- one writer ---- */

static weir_status is_locked(wr_remote *r, const char *name, bool *locked)
{
    PGresult *answer;
    WR_TRY(wr_server_query(r, "lock", "SELECT pg_catalog.pg_try_advisory_lock(" LOCK_NUMBER ")", 1,
                           &name, &answer));
    *locked = wr_str_is(wr_server_cell(r, answer, 0, 0), "t");
    r->api->PQclear(answer);
    return WR_OK;
}

/* Who has it: the number of the server's process; ends it if it is a session of ours, *mine. */
static weir_status look_at_holder(wr_remote *r, const char *name, int *process, bool *mine)
{
    PGresult *answer;
    static const char sql[] =
        "SELECT a.pid, CASE WHEN a.pid = $2::int AND a.backend_start::text = $3 "
        "THEN pg_catalog.pg_terminate_backend(a.pid) END FROM pg_catalog.pg_locks l "
        "JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid WHERE l.locktype = 'advisory' "
        "AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_catalog.pg_database "
        "WHERE datname = pg_catalog.current_database()) "
        "AND ((l.classid::bigint << 32) | l.objid::bigint) = " LOCK_NUMBER;
    WR_BUF(last);
    wr_buf_printf(&last, "%d", r->process);
    const char *values[] = {name, last.data, r->process_age.data ? r->process_age.data : ""};
    WR_TRY(wr_server_query(r, "look into", sql, 3, values, &answer));
    *process = r->api->PQntuples(answer) > 0 ? (int)number_at(r, answer, 0) : 0;
    *mine = *process && !r->api->PQgetisnull(answer, 0, 1);
    r->api->PQclear(answer);
    return WR_OK;
}

static weir_status holder_name(wr_remote *r, wr_buf *out)
{
    PGresult *answer;
    WR_BUF(sql);
    const char *values[] = {r->address.stream.data};
    wr_buf_printf(&sql, "SELECT holder FROM %s.stream_states WHERE stream = $1", r->schema.data);
    WR_TRY(wr_server_query(r, "look into", sql.data, 1, values, &answer));
    if (r->api->PQntuples(answer) == 1) wr_buf_add_str(out, wr_server_cell(r, answer, 0, 0));
    r->api->PQclear(answer);
    return WR_OK;
}

static weir_status in_use(wr_remote *r, int process, bool mine)
{
    WR_BUF(holder);
    if (mine)
        return wr_fail(WR_E_CONNECTION,
                       "the server has not ended a lost connection to \"%.*s\" yet",
                       WR_STR_ARGS(r->address.shown));
    WR_TRY(holder_name(r, &holder));
    weir_status bad = wr_fail(WR_E_BUSY, "\"%.*s\" is in use by %s", WR_STR_ARGS(r->address.shown),
                              holder.length ? holder.data : "another process");
    bad =
        wr_with_hint(bad, "wait for it to end or stop it; a machine that is gone is noticed within "
                          "a minute");
    return process ? wr_with_fix(bad, "SELECT pg_terminate_backend(%d)", process) : bad;
}

static weir_status take_lock(wr_remote *r)
{
    WR_BUF(name);
    lock_name(r, &name);
    int64_t until = wr_clock_mono_ns() + WAIT_NS;
    for (;;) {
        bool locked, mine;
        int process;
        WR_TRY(is_locked(r, name.data, &locked));
        if (locked) return wr_server_remember(r);
        WR_TRY(look_at_holder(r, name.data, &process, &mine));
        if (wr_clock_mono_ns() > until) return in_use(r, process, mine);
        WR_TRY(wr_cancel_check(r->options.cancel));
        wr_sleep_ms(LOOK_MS);
    }
}

/* ---- opening ---- */

static weir_status missing(const wr_remote *r)
{
    return wr_fail(WR_E_FILE_NOT_FOUND, "there is no state in \"%.*s\"",
                   WR_STR_ARGS(r->address.shown));
}

static weir_status become_writer(wr_remote *r)
{
    bool found;
    WR_TRY(take_lock(r));
    WR_TRY(claim(r, &found));
    if (!found && !r->options.create) return missing(r);
    if (!found) {
        WR_TRY(make_row(r));
        WR_TRY(claim(r, &found));
        if (!found) return missing(r);
    }
    return wr_server_prepare_commits(r);
}

static weir_status open_connected(wr_remote *r)
{
    bool found;
    WR_TRY(wr_server_tables(r, r->options.create && !r->options.read_only, &found));
    if (!found) return missing(r);
    if (!r->options.read_only) return become_writer(r);
    WR_TRY(wr_server_read_head(r, &r->head, &r->generation, &found));
    return found ? WR_OK : missing(r);
}

weir_status wr_remote_open(wr_str address, const wr_remote_options *options, wr_remote **out)
{
    WR_AUTO(wr_remote) *r = wr_heap_new(sizeof *r);
    r->options = *options;
    WR_TRY(wr_remote_address_read(address, &r->arena, &r->address));
    WR_TRY(wr_server_api(&r->api));
    WR_TRY(wr_server_connect(r));
    WR_TRY(open_connected(r));
    *out = WR_TAKE(r);
    return WR_OK;
}

static weir_status taken_over(wr_remote *r)
{
    WR_BUF(holder);
    WR_TRY(holder_name(r, &holder));
    r->is_final = true;
    return wr_with_hint(wr_fail(WR_E_BUSY, "\"%.*s\" was taken over by %s",
                                WR_STR_ARGS(r->address.shown),
                                holder.length ? holder.data : "another process"),
                        "what this process read since its last commit is left to that one");
}

weir_status wr_server_reconnect(wr_remote *r)
{
    wr_remote_head head;
    int64_t generation, number = r->number;
    bool found;
    r->is_final = false;
    WR_TRY(wr_server_connect(r));
    WR_TRY(wr_server_read_head(r, &head, &generation, &found));
    if (found && number == r->number && generation != r->generation) return taken_over(r);
    if (found && number == r->number) {
        WR_TRY(take_lock(r));
        /* Before we had the lock another one may have had it. */
        WR_TRY(wr_server_read_head(r, &head, &generation, &found));
        if (found && number == r->number && generation == r->generation)
            return wr_server_prepare_commits(r);
        if (found && number == r->number) return taken_over(r);
    }
    r->number = number;
    r->is_final = true;
    return missing(r);
}

void wr_remote_close(wr_remote *r)
{
    if (!r) return;
    static const _Atomic bool now = true;
    WR_BUF(name);
    lock_name(r, &name);
    r->options.cancel = NULL;
    r->options.stop = &now; /* nobody waits long for this one */
    if (r->conn && !r->options.read_only) {
        PGresult *answer = NULL;
        const char *values[] = {name.data};
        weir_status bad =
            wr_server_query(r, "unlock", "SELECT pg_catalog.pg_advisory_unlock(" LOCK_NUMBER ")", 1,
                            values, &answer);
        wr_status_drop(bad); /* it ends with the connection */
        if (!bad) r->api->PQclear(answer);
    }
    wr_server_disconnect(r);
    wr_buf_clear(&r->process_age);
    wr_buf_clear(&r->schema);
    wr_arena_clear(&r->arena);
    wr_heap_drop(r);
}

const wr_remote_head *wr_remote_head_of(const wr_remote *r) { return &r->head; }
wr_str wr_remote_shown(const wr_remote *r) { return r->address.shown; }
wr_str wr_remote_cache(const wr_remote *r) { return r->address.cache; }
bool wr_remote_is_unsure(const wr_remote *r) { return r->is_unsure; }
