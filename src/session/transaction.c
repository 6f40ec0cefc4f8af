/* transaction.c - when transactions begin and end.
 *
 * Every statement runs in a transaction. Outside of BEGIN ... COMMIT it is one of its own that ends
 * with the statement; for what only reads, as soon as it has its snapshots (statement.c). If
 * changes are still being carried out, with the last of them. Inside a block a failed statement is
 * undone to its start and the block then accepts only ROLLBACK (or ROLLBACK TO a savepoint), as in
 * PostgreSQL. A transaction reads the snapshot it began with, whatever isolation level up to
 * REPEATABLE READ it was asked for. */
#include "session/session.h"
#include "sql/place.h"

static void drop_savepoints(weir_session *session, int down_to)
{
    while (session->savepoint_count > down_to)
        wr_heap_drop(session->savepoints[--session->savepoint_count].name);
}

static void txn_ended(weir_session *session)
{
    session->txn = NULL;
    session->in_block = session->failed = session->txn_read_only = false;
    drop_savepoints(session, 0);
    wr_session_end_local(session);
}

weir_status wr_session_check_usable(const weir_session *session, wr_span span)
{
    if (!session->failed) return WR_OK;
    return wr_with_fix(wr_fail_at(WR_E_TXN_ABORTED, span,
                                  "the transaction failed earlier and takes no more statements"),
                       "ROLLBACK");
}

weir_status wr_session_begin(weir_session *session)
{
    if (session->txn) return WR_OK;
    session->txn = wr_txn_begin(session->engine->store);
    session->txn_started_us = wr_clock_unix_us();
    session->txn_read_only = session->starts_read_only;
    return WR_OK;
}

static void commit(weir_session *session)
{
    wr_catalog_commit(session->engine->catalog, session->txn);
    txn_ended(session);
    wr_sweep_live_views(session->engine, false);
}

void wr_session_rollback(weir_session *session)
{
    wr_catalog_rollback(session->engine->catalog, session->txn, 0);
    wr_txn_rollback(session->txn);
    txn_ended(session);
}

static void rollback_to(weir_session *session, uint64_t mark)
{
    wr_catalog_rollback(session->engine->catalog, session->txn, mark);
    wr_txn_rollback_to(session->txn, mark);
}

void wr_session_undo(weir_session *session, uint64_t mark)
{
    if (session->txn) rollback_to(session, WR_MIN(mark, wr_txn_savepoint(session->txn)));
}

void wr_session_statement_ends(weir_session *session, bool failed, uint64_t mark)
{
    if (!session->txn) return;
    if (failed) rollback_to(session, WR_MIN(mark, wr_txn_savepoint(session->txn)));
    if (session->in_block) {
        session->failed |= failed;
        return;
    }
    if (session->open_queries == 0) commit(session);
}

void wr_session_view(weir_session *session, wr_catalog_view *out)
{
    *out = (wr_catalog_view){.catalog = session->engine->catalog,
                             .txn = session->txn,
                             .session_id = session->id,
                             .search_path = session->search_path,
                             .search_path_count = session->search_path_count};
}

/* Every transaction reads one snapshot, which is what REPEATABLE READ asks for and more than the
 * levels below it do. */
static weir_status not_serializable(wr_str sql, wr_span span)
{
    size_t at, from = WR_MIN(span.pos, sql.length);
    if (wr_place_of_word((wr_str){sql.data + from, sql.length - from}, "serializable", &at))
        span = (wr_span){(uint32_t)(from + at), (uint32_t)strlen("serializable")};
    return wr_with_hint(
        wr_fail_at(WR_E_UNSUPPORTED, span, "SERIALIZABLE transactions are not supported"),
        "REPEATABLE READ: every statement of the transaction sees the same snapshot");
}

static weir_status begin_block(weir_session *session, const wr_sql_transaction *statement,
                               wr_str sql)
{
    if (session->in_block)
        return wr_with_hint(wr_fail(WR_E_TXN_STATE, "a transaction is open already"),
                            "SAVEPOINT nests inside one");
    if (statement->isolation == WR_ISOLATION_SERIALIZABLE)
        return not_serializable(sql, statement->node.span);
    WR_TRY(wr_session_begin(session));
    session->in_block = true;
    if (statement->read_only || statement->read_write)
        session->txn_read_only = statement->read_only;
    return WR_OK;
}

weir_status wr_session_set_modes(weir_query *query, const wr_sql_set *set, wr_str modes)
{
    weir_session *session = query->session;
    bool read_only = wr_str_find(modes, WR_STR("read only")) >= 0,
         read_write = wr_str_find(modes, WR_STR("read write")) >= 0;
    if (wr_str_find(modes, WR_STR("serializable")) >= 0)
        return not_serializable(wr_buf_str(&query->sql), set->node.span);
    if (set->scope == WR_SET_SESSION) {
        if (read_only || read_write) session->starts_read_only = read_only;
        return WR_OK;
    }
    if (!session->in_block) {
        wr_buf_add_text(&query->notices,
                        "SET TRANSACTION outside of a transaction changes nothing\n");
        return WR_OK;
    }
    if (read_write && session->txn_read_only)
        return wr_fail_at(WR_E_TXN_STATE, set->node.span,
                          "a read-only transaction cannot become one that writes");
    session->txn_read_only |= read_only;
    return WR_OK;
}

static weir_status add_savepoint(weir_session *session, wr_name name)
{
    if (session->savepoint_count == session->savepoint_cap) {
        int cap = session->savepoint_cap ? session->savepoint_cap * 2 : 4;
        size_t size = sizeof *session->savepoints;
        session->savepoints = wr_heap_grow(
            session->savepoints, (size_t)session->savepoint_cap * size, (size_t)cap * size);
        session->savepoint_cap = cap;
    }
    wr_txn_mark(session->txn);
    session->savepoints[session->savepoint_count++] = (wr_savepoint){
        wr_heap_copy(name.text.data, name.text.length), wr_txn_savepoint(session->txn)};
    return WR_OK;
}

static weir_status find_savepoint(weir_session *session, wr_name name, int *out)
{
    for (int i = session->savepoint_count - 1; i >= 0; i--) {
        if (!wr_str_is(name.text, session->savepoints[i].name)) continue;
        *out = i;
        return WR_OK;
    }
    return wr_fail_at(WR_E_TXN_STATE, name.span, "there is no savepoint \"%.*s\"",
                      WR_STR_ARGS(name.text));
}

static weir_status need_block(const weir_session *session, const char *what)
{
    if (session->in_block) return WR_OK;
    return wr_with_fix(wr_fail(WR_E_TXN_STATE, "%s outside of a transaction", what), "BEGIN");
}

weir_status wr_session_transaction(weir_session *session, const wr_sql_transaction *statement,
                                   wr_str sql, const char **tag)
{
    int index = 0;
    switch (statement->action) {
    case WR_TRANSACTION_BEGIN:
        *tag = "BEGIN";
        return begin_block(session, statement, sql);
    case WR_TRANSACTION_COMMIT:
        WR_TRY(need_block(session, "COMMIT"));
        *tag = session->failed ? "ROLLBACK" : "COMMIT";
        if (session->failed)
            wr_session_rollback(session);
        else
            commit(session);
        return statement->chain ? begin_block(session, statement, sql) : WR_OK;
    case WR_TRANSACTION_ROLLBACK:
        *tag = "ROLLBACK";
        WR_TRY(need_block(session, "ROLLBACK"));
        wr_session_rollback(session);
        return statement->chain ? begin_block(session, statement, sql) : WR_OK;
    case WR_TRANSACTION_SAVEPOINT:
        *tag = "SAVEPOINT";
        WR_TRY(need_block(session, "SAVEPOINT"));
        return add_savepoint(session, statement->name);
    case WR_TRANSACTION_ROLLBACK_TO:
        *tag = "ROLLBACK";
        WR_TRY(need_block(session, "ROLLBACK TO"));
        WR_TRY(find_savepoint(session, statement->name, &index));
        rollback_to(session, session->savepoints[index].mark);
        drop_savepoints(session, index + 1);
        session->failed = false;
        return WR_OK;
    case WR_TRANSACTION_RELEASE:
        *tag = "RELEASE";
        WR_TRY(need_block(session, "RELEASE"));
        WR_TRY(find_savepoint(session, statement->name, &index));
        drop_savepoints(session, index);
        return WR_OK;
    }
    return WR_OK;
}
