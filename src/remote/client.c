/* client.c - a connection to PostgreSQL: sending, waiting for answers, and what goes wrong.
 *
 * libpq is used without blocking, so that a server that is silent holds nobody longer than
 * SILENT_NS, and a statement that is cancelled not at all. Only the look-up of a host's name is
 * libpq's own business. Who sends much also listens meanwhile: a server that cannot get rid of its
 * answers does not read on.
 *
 * A session is told to notice soon that we are gone (keep-alives, also while it works), so that
 * the lock of a writer that died is free again; to plan our statements as what they are, look-ups
 * by key; and never to call something committed that a loss of power could take back.
 *
 * Passwords are in no message: addresses are shown without them (address.c), and libpq names hosts,
 * users and databases only. */
#include "base/log.h"
#include "remote/postgres.h"
#include "sys/clock.h"
#include "sys/ready.h"
#include <stdlib.h>

enum { TURN_MS = 100, CONNECT_S = 10, OLDEST_SERVER = 120000 };
static const int64_t SILENT_NS = INT64_C(60) * 1000000000, STOPPING_NS = INT64_C(10) * 1000000000;

/* ---- what goes wrong ---- */

/* What libpq says, on one line. */
static void one_line(const char *text, wr_buf *out)
{
    for (; text && *text; text++) {
        if (*text == '\n' || *text == '\t') {
            while (text[1] == '\n' || text[1] == '\t' || text[1] == ' ')
                text++;
            if (text[1] && out->length) wr_buf_add_text(out, "; ");
        } else {
            wr_buf_add_char(out, *text);
        }
    }
    if (!out->length) wr_buf_add_text(out, "no reason given");
}

weir_status wr_server_lost(wr_remote *r, const char *doing)
{
    WR_BUF(text);
    one_line(r->conn ? r->api->PQerrorMessage(r->conn) : "not connected", &text);
    return wr_fail(WR_E_CONNECTION, "cannot %s \"%.*s\": %s", doing, WR_STR_ARGS(r->address.shown),
                   text.data);
}

static weir_status with_way_out(const wr_remote *r, weir_status bad, const char *why)
{
    if (r->api->PQconnectionNeedsPassword(r->conn))
        return wr_with_hint(bad,
                            "the server wants a password: set PGPASSWORD, or write a line for it "
                            "into ~/.pgpass");
    if (strstr(why, "password authentication failed"))
        return wr_with_hint(bad, r->address.has_a_password
                                     ? "the password in the address is not the user's"
                                     : "the password in PGPASSWORD or ~/.pgpass is not the user's");
    if (strstr(why, "database \"") && strstr(why, "does not exist"))
        return wr_with_fix(bad, "createdb %.*s", WR_STR_ARGS(r->address.database));
    if (strstr(why, "could not translate host name"))
        return wr_with_hint(bad, "is the name of the host right?");
    if (strstr(why, "Connection refused") || strstr(why, "No such file or directory"))
        return wr_with_hint(bad, "does the server run, and listen there?");
    return bad;
}

static weir_status not_connected(wr_remote *r)
{
    const char *why = r->api->PQerrorMessage(r->conn);
    return with_way_out(r, wr_server_lost(r, "connect to"), why);
}

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static wr_code code_of(wr_remote *r, const char *state)
{
    if (begins(state, "08") || begins(state, "57P") || begins(state, "55P03"))
        return WR_E_CONNECTION;
    if (begins(state, "40")) return WR_E_TXN_CONFLICT;
    r->is_final = true;
    if (begins(state, "53100")) return WR_E_DISK_FULL;
    if (begins(state, "53") || begins(state, "54")) return WR_E_TOO_BIG;
    if (begins(state, "XX001") || begins(state, "XX002")) return WR_E_CORRUPT;
    if (begins(state, "42501") || begins(state, "28") || begins(state, "25006"))
        return WR_E_CONNECTION;
    return WR_E_IO;
}

weir_status wr_server_refused(wr_remote *r, const char *doing, PGresult *answer)
{
    const char *state = answer ? r->api->PQresultErrorField(answer, PG_DIAG_SQLSTATE) : NULL;
    if (!state) { /* libpq's own */
        r->api->PQclear(answer);
        return wr_server_lost(r, doing);
    }
    WR_BUF(text);
    wr_code code = code_of(r, state);
    one_line(r->api->PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY), &text);
    weir_status bad =
        wr_fail(code, "cannot %s \"%.*s\": %s", doing, WR_STR_ARGS(r->address.shown), text.data);
    const char *detail = r->api->PQresultErrorField(answer, PG_DIAG_MESSAGE_DETAIL);
    if (detail) bad = wr_with_detail(bad, "%s", detail);
    if (begins(state, "42501"))
        bad = wr_with_hint(bad, "the user may have to be given the schema: "
                                "GRANT USAGE, CREATE ON SCHEMA .. TO ..");
    if (begins(state, "25006"))
        bad = wr_with_hint(bad, "it is a copy of another server: name both hosts and add "
                                "target_session_attrs=read-write to the address");
    r->api->PQclear(answer);
    return bad;
}

bool wr_server_is_passing(const wr_remote *r, weir_status bad)
{
    return !r->is_final && (bad->code == WR_E_CONNECTION || bad->code == WR_E_TXN_CONFLICT ||
                            bad->code == WR_E_BUSY);
}

/* ---- waiting ---- */

weir_status wr_server_wait(wr_remote *r, bool writing)
{
    bool ready;
    WR_TRY(wr_cancel_check(r->options.cancel));
    WR_TRY(wr_ready_wait(r->api->PQsocket(r->conn), writing, TURN_MS, &ready));
    int64_t now = wr_clock_mono_ns(), most = wr_server_is_stopping(r) ? STOPPING_NS : SILENT_NS;
    if (ready) r->heard_ns = now;
    if (now - r->heard_ns <= most) return WR_OK;
    return wr_fail(WR_E_CONNECTION, "no answer from \"%.*s\" within %lld seconds",
                   WR_STR_ARGS(r->address.shown), (long long)(most / 1000000000));
}

weir_status wr_server_flush(wr_remote *r)
{
    r->heard_ns = wr_clock_mono_ns();
    for (int left; (left = r->api->PQflush(r->conn)) != 0;) {
        if (left < 0) return wr_server_lost(r, "write to");
        WR_TRY(wr_server_wait(r, true));
        if (!r->api->PQconsumeInput(r->conn)) return wr_server_lost(r, "write to");
    }
    return WR_OK;
}

weir_status wr_server_answer(wr_remote *r, PGresult **out)
{
    r->heard_ns = wr_clock_mono_ns();
    while (r->api->PQisBusy(r->conn)) {
        int left = r->api->PQflush(r->conn);
        if (left < 0) return wr_server_lost(r, "read from");
        WR_TRY(wr_server_wait(r, left > 0));
        if (!r->api->PQconsumeInput(r->conn)) return wr_server_lost(r, "read from");
    }
    *out = r->api->PQgetResult(r->conn);
    return WR_OK;
}

/* ---- statements ---- */

static bool is_good(const wr_remote *r, const PGresult *answer)
{
    ExecStatusType status = r->api->PQresultStatus(answer);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* The one answer of a statement that was sent. */
static weir_status only_answer(wr_remote *r, const char *doing, int was_sent, PGresult **out)
{
    PGresult *first = NULL, *next = NULL;
    if (!was_sent) return wr_server_lost(r, doing);
    weir_status bad = wr_server_flush(r);
    if (!bad) bad = wr_server_answer(r, &first);
    if (!bad && first) bad = wr_server_answer(r, &next);
    for (; !bad && next; bad = wr_server_answer(r, &next))
        r->api->PQclear(next);
    if (bad) {
        r->api->PQclear(first);
        return bad;
    }
    if (!is_good(r, first)) return wr_server_refused(r, doing, first);
    *out = first;
    return WR_OK;
}

weir_status wr_server_query(wr_remote *r, const char *doing, const char *sql, int count,
                            const char *const *values, PGresult **out)
{
    return only_answer(
        r, doing, r->api->PQsendQueryParams(r->conn, sql, count, NULL, values, NULL, NULL, 0), out);
}

weir_status wr_server_query_binary(wr_remote *r, const char *doing, const char *sql, PGresult **out)
{
    return only_answer(r, doing,
                       r->api->PQsendQueryParams(r->conn, sql, 0, NULL, NULL, NULL, NULL, 1), out);
}

weir_status wr_server_run(wr_remote *r, const char *doing, const char *sql)
{
    PGresult *answer;
    WR_TRY(wr_server_query(r, doing, sql, 0, NULL, &answer));
    r->api->PQclear(answer);
    return WR_OK;
}

weir_status wr_server_prepare(wr_remote *r, const char *name, const char *sql)
{
    PGresult *answer;
    WR_TRY(only_answer(r, "write to", r->api->PQsendPrepare(r->conn, name, sql, 0, NULL), &answer));
    r->api->PQclear(answer);
    return WR_OK;
}

/* ---- connecting ---- */

static void on_notice(void *arg, const char *text)
{
    (void)arg;
    wr_log(WR_LOG_DEBUG, "PostgreSQL", "text", text, NULL);
}

static int seconds_to_connect(const PQconninfoOption *options)
{
    for (const PQconninfoOption *o = options; o->keyword; o++)
        if (strcmp(o->keyword, "connect_timeout") == 0 && o->val && atoi(o->val) > 0)
            return WR_MIN(atoi(o->val), 3600);
    return CONNECT_S;
}

/* What we want where the address says nothing. */
static const char *wanted(const char *keyword)
{
    static const char *const defaults[][2] = {{"fallback_application_name", "weir"},
                                              {"client_encoding", "UTF8"},
                                              {"keepalives_idle", "30"},
                                              {"keepalives_interval", "10"},
                                              {"keepalives_count", "3"}};
    for (size_t i = 0; i < WR_COUNT(defaults); i++)
        if (strcmp(keyword, defaults[i][0]) == 0) return defaults[i][1];
    return NULL;
}

static weir_status begin_connecting(wr_remote *r, int *seconds)
{
    enum { MOST = 100 };
    const char *names[MOST + 1] = {0}, *values[MOST + 1] = {0};
    char *why = NULL;
    int count = 0;
    PQconninfoOption *options = r->api->PQconninfoParse(r->address.server.data, &why);
    if (!options) {
        WR_BUF(text);
        one_line(why ? why : "", &text);
        r->api->PQfreemem(why);
        return wr_fail(WR_E_PARAMETER_VALUE, "libpq cannot read \"%.*s\": %s",
                       WR_STR_ARGS(r->address.shown),
                       r->address.has_a_password ? "it is no address" : text.data);
    }
    for (const PQconninfoOption *o = options; o->keyword && count < MOST; o++) {
        const char *value = o->val ? o->val : wanted(o->keyword);
        if (!value) continue;
        names[count] = o->keyword;
        values[count++] = value;
    }
    *seconds = seconds_to_connect(options);
    r->conn = r->api->PQconnectStartParams(names, values, 0);
    r->api->PQconninfoFree(options);
    wr_assert(r->conn != NULL);
    return r->api->PQstatus(r->conn) == CONNECTION_BAD ? not_connected(r) : WR_OK;
}

static weir_status go_on_connecting(wr_remote *r, int seconds)
{
    int64_t until = wr_clock_mono_ns() + seconds * INT64_C(1000000000);
    r->heard_ns = wr_clock_mono_ns();
    /* As libpq wants it: writing comes first. */
    for (PostgresPollingStatusType next = PGRES_POLLING_WRITING;;) {
        bool ready = false;
        WR_TRY(wr_cancel_check(r->options.cancel));
        if (wr_clock_mono_ns() > until)
            return wr_with_hint(wr_fail(WR_E_CONNECTION,
                                        "no answer from \"%.*s\" within %d seconds",
                                        WR_STR_ARGS(r->address.shown), seconds),
                                "connect_timeout=N in the address lets it take N seconds");
        WR_TRY(wr_ready_wait(r->api->PQsocket(r->conn), next == PGRES_POLLING_WRITING, TURN_MS,
                             &ready));
        if (!ready) continue;
        next = r->api->PQconnectPoll(r->conn);
        if (next == PGRES_POLLING_OK) return WR_OK;
        if (next == PGRES_POLLING_FAILED) return not_connected(r);
    }
}

/* Settings that a server does not have are left out. */
static weir_status set_session(wr_remote *r)
{
    static const char sql[] =
        "SELECT count(pg_catalog.set_config(s.name, w.value, false)) "
        "FROM pg_catalog.pg_settings s JOIN (VALUES "
        "('statement_timeout', '0'), ('lock_timeout', '20s'), "
        "('idle_in_transaction_session_timeout', '0'), ('idle_session_timeout', '0'), "
        "('tcp_keepalives_idle', '10'), ('tcp_keepalives_interval', '5'), "
        "('tcp_keepalives_count', '4'), "
        "('plan_cache_mode', 'force_generic_plan'), ('enable_seqscan', 'off'), "
        "('enable_hashjoin', 'off'), ('enable_mergejoin', 'off'), ('enable_bitmapscan', 'off'), "
        "('enable_material', 'off'), ('jit', 'off'), ('synchronous_commit', 'on'), "
        "('bytea_output', 'hex'), ('default_transaction_isolation', 'read committed'), "
        "('default_transaction_read_only', 'off')"
        ") w(name, value) ON w.name = s.name "
        "WHERE s.name <> 'synchronous_commit' OR s.setting = 'off'";
    static const char notices[] =
        "SELECT pg_catalog.set_config(name, '1s', false) FROM pg_catalog.pg_settings "
        "WHERE name = 'client_connection_check_interval'";
    WR_TRY(wr_server_run(r, "use", sql));
    wr_status_drop(wr_server_run(r, "use", notices)); /* not on every system */
    r->is_final = false;
    return WR_OK;
}

weir_status wr_server_remember(wr_remote *r)
{
    PGresult *answer;
    WR_TRY(wr_server_query(r, "use",
                           "SELECT backend_start FROM pg_catalog.pg_stat_activity "
                           "WHERE pid = pg_catalog.pg_backend_pid()",
                           0, NULL, &answer));
    wr_buf_clear(&r->process_age);
    if (r->api->PQntuples(answer) == 1)
        wr_buf_add_str(&r->process_age, wr_server_cell(r, answer, 0, 0));
    r->process = r->api->PQbackendPID(r->conn);
    r->api->PQclear(answer);
    return WR_OK;
}

weir_status wr_server_connect(wr_remote *r)
{
    int seconds = CONNECT_S;
    wr_assert(!r->conn);
    weir_status bad = begin_connecting(r, &seconds);
    if (!bad) bad = go_on_connecting(r, seconds);
    if (!bad) {
        r->api->PQsetNoticeProcessor(r->conn, on_notice, NULL);
        if (r->api->PQsetnonblocking(r->conn, 1)) bad = wr_server_lost(r, "use");
    }
    int version = bad ? 0 : r->api->PQserverVersion(r->conn);
    if (!bad && version < OLDEST_SERVER)
        bad = wr_fail(WR_E_UNSUPPORTED, "\"%.*s\" is PostgreSQL %d; a state needs 12 or newer",
                      WR_STR_ARGS(r->address.shown), version / 10000);
    if (!bad) bad = set_session(r);
    if (bad) wr_server_disconnect(r);
    return bad;
}

void wr_server_disconnect(wr_remote *r)
{
    if (r->conn) r->api->PQfinish(WR_TAKE(r->conn));
}
