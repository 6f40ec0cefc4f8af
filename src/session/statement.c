/* statement.c - from SQL text to a running query.
 *
 * weir_query_start splits the text into statements, runs all but the last to their end and returns
 * the last one started. Queries and changes go through the planner; everything else is carried out
 * here and in ddl.c, show.c, prepare.c. Invariant: whatever happens, the transaction is told
 * exactly once how the statement ended (wr_query_end). */
#include "session/session.h"
#include "sql/format.h"

/* ---- environment ---- */

/* The name is written as in SQL: seq, main.seq, "Seq"; a new reference. */
static weir_status find_sequence(weir_session *session, wr_str text, wr_object **out)
{
    WR_ARENA(arena);
    wr_node *node;
    weir_status bad = wr_parse_expression(&arena, text, &node);
    wr_status_drop(bad);
    *out = NULL;
    if (!bad && node->kind == WR_SQL_COLUMN) {
        const wr_names *parts = &wr_sql_as_column(node)->parts;
        wr_str schema = parts->count > 1 ? parts->items[parts->count - 2].text : WR_STR("");
        wr_catalog_view view;
        wr_session_view(session, &view);
        *out = wr_catalog_find(&view, 1u << WR_ENTRY_SEQUENCE, schema,
                               parts->items[parts->count - 1].text);
    }
    if (*out) return WR_OK;
    return wr_fail(WR_E_UNKNOWN_TABLE, "no sequence \"%.*s\"", WR_STR_ARGS(text));
}

/* Under which its last value is kept. */
static wr_str sequence_key(const wr_object *sequence, wr_buf *key)
{
    wr_buf_printf(key, "%.*s.%.*s", WR_STR_ARGS(sequence->schema), WR_STR_ARGS(sequence->name));
    return wr_buf_str(key);
}

/* What currval and lastval answer from now on. */
static void note_value(weir_session *session, const wr_object *sequence, int64_t value)
{
    WR_BUF(key);
    wr_str name = sequence_key(sequence, &key);
    int64_t *last = wr_map_get(&session->sequences, name);
    if (!last) {
        last = wr_heap_new(sizeof *last);
        wr_map_put(&session->sequences, (wr_str){wr_heap_copy(name.data, name.length), name.length},
                   last);
    }
    *last = session->last_value = value;
    session->has_last_value = true;
}

static weir_status check_sequence_writable(const weir_session *session, const char *what)
{
    if (!session->txn_read_only) return WR_OK;
    return wr_fail(WR_E_READ_ONLY, "%s() changes a sequence, and the transaction is read-only",
                   what);
}

static weir_status set_value(void *owner, wr_str text, int64_t value, bool is_called)
{
    WR_AUTO(wr_object) *sequence = NULL;
    WR_TRY(check_sequence_writable(owner, "setval"));
    WR_TRY(find_sequence(owner, text, &sequence));
    if (value < sequence->min_value || value > sequence->max_value)
        return wr_fail(WR_E_OUT_OF_RANGE, "sequence \"%.*s\" does not reach %lld",
                       WR_STR_ARGS(text), (long long)value);
    int64_t next = value;
    bool over = is_called && __builtin_add_overflow(value, sequence->increment, &next);
    if (over) next = sequence->increment > 0 ? sequence->min_value : sequence->max_value;
    atomic_store(&sequence->next, next);
    atomic_store(&sequence->used, over);
    if (is_called) note_value(owner, sequence, value);
    return WR_OK;
}

static weir_status last_value(void *owner, int64_t *out)
{
    const weir_session *session = owner;
    *out = session->last_value;
    if (session->has_last_value) return WR_OK;
    return wr_fail(WR_E_TXN_STATE, "nextval() was not called in this session yet");
}

static weir_status no_values_left(wr_str text)
{
    return wr_fail(WR_E_OUT_OF_RANGE, "sequence \"%.*s\" has no values left", WR_STR_ARGS(text));
}

static weir_status next_value(void *owner, wr_str text, bool advance, int64_t *out)
{
    weir_session *session = owner;
    WR_AUTO(wr_object) *sequence = NULL;
    WR_TRY(find_sequence(session, text, &sequence));
    if (!advance) {
        WR_BUF(key);
        const int64_t *last = wr_map_get(&session->sequences, sequence_key(sequence, &key));
        if (!last)
            return wr_fail(WR_E_TXN_STATE, "nextval(\"%.*s\") was not called in this session yet",
                           WR_STR_ARGS(text));
        *out = *last;
        return WR_OK;
    }
    WR_TRY(check_sequence_writable(session, "nextval"));
    int64_t value = sequence->next, following;
    do {
        if (sequence->used && !sequence->cycles) return no_values_left(text);
        if (value > sequence->max_value || value < sequence->min_value) {
            if (!sequence->cycles) return no_values_left(text);
            following = sequence->increment > 0 ? sequence->min_value : sequence->max_value;
            if (atomic_compare_exchange_strong(&sequence->next, &value, following))
                value = following;
        }
        if (__builtin_add_overflow(value, sequence->increment, &following)) {
            bool was_used = false;
            following = sequence->increment > 0 ? sequence->min_value : sequence->max_value;
            if (!sequence->cycles &&
                !atomic_compare_exchange_strong(&sequence->used, &was_used, true))
                return no_values_left(text);
        }
    } while (!atomic_compare_exchange_strong(&sequence->next, &value, following));
    note_value(session, sequence, value);
    *out = value;
    return WR_OK;
}

static weir_status setting(void *owner, wr_str name, wr_arena *arena, wr_value *out)
{
    wr_str text;
    WR_TRY(wr_session_get(owner, name, (wr_span){0}, arena, &text));
    *out = wr_value_text(text);
    return WR_OK;
}

static void fill_environment(weir_query *query)
{
    weir_session *session = query->session;
    int64_t timeout_ms = wr_session_int(session, WR_SET_STATEMENT_TIMEOUT);
    if (timeout_ms > 0) {
        query->cancel.timeout_ms = timeout_ms;
        query->cancel.now_ns = wr_clock_mono_ns;
        query->cancel.deadline_ns = wr_clock_mono_ns() + timeout_ms * 1000000;
    }
    query->env =
        (wr_env){.now_us = session->txn_started_us,
                 .zone = session->zone,
                 .duckdb_compat = wr_str_is(wr_session_text(session, WR_SET_COMPAT), "duckdb"),
                 .mem = query->mem,
                 .cancel = &query->cancel,
                 .user = WR_STR("weir"),
                 .database = WR_STR("memory"),
                 .schema = session->search_path_count ? session->search_path[0] : WR_STR(""),
                 .version = wr_str_of(weir_version()),
                 .owner = session,
                 .next_value = next_value,
                 .setting = setting,
                 .settings = wr_session_settings,
                 .set_value = set_value,
                 .last_value = last_value,
                 .transaction = session->txn ? wr_txn_id(session->txn) : 0,
                 .session = session->id};
    query->files = (wr_format_context){.fs = session->engine->fs,
                                       .mem = query->mem,
                                       .cancel = &query->cancel,
                                       .thread_count = session->engine->thread_count,
                                       .cache = session->engine->cache,
                                       .host_sink = wr_engine_sink,
                                       .host_feed = wr_engine_feed,
                                       .host = session->engine};
    wr_file_cache_begin(session->engine->cache);
    wr_rejects_prepare(query);
    wr_session_view(session, &query->view);
}

/* disabled_rules: names separated by commas, or "all"; unknown names were refused when the setting
 * was made. */
static uint64_t rules_off(const weir_session *session)
{
    wr_str names = wr_session_text(session, WR_SET_DISABLED_RULES);
    uint64_t off = 0;
    for (int i = 0; wr_rules[i]; i++) {
        wr_str name = wr_str_of(wr_rules[i]->name);
        ptrdiff_t at = wr_str_find(names, name);
        bool listed = at >= 0 &&
                      (at == 0 || names.data[at - 1] == ',' || names.data[at - 1] == ' ') &&
                      ((size_t)at + name.length == names.length ||
                       strchr(", ", names.data[(size_t)at + name.length]));
        if ((listed || wr_str_is(names, "all")) && !wr_rules[i]->is_required)
            off |= UINT64_C(1) << i;
    }
    return off;
}

void wr_query_prepare_planner(weir_query *query)
{
    fill_environment(query);
    wr_planner *planner = &query->planner;
    planner->arena = &query->arena;
    planner->env = &query->env;
    planner->catalog = &query->view;
    planner->files = &query->files;
    planner->last_result = query->session->last_result;
    planner->owner = query->session;
    planner->find_table = wr_session_find_table;
    planner->sql = wr_buf_str(&query->sql);
    planner->notices = &query->notices;
    planner->rules_off = rules_off(query->session);
    if (!planner->next_column) planner->next_column = 1;
}

/* ---- life of a query ---- */

weir_status wr_query_new(weir_session *session, weir_query **out)
{
    weir_query *query = wr_heap_new(sizeof *query);
    wr_mutex_init(&query->run_lock);
    query->session = session;
    query->mem =
        wr_mem_new(session->mem, "query", (uint64_t)wr_session_int(session, WR_SET_WORK_MEM));
    query->arena.mem = query->batch_arena.mem = query->mem;
    query->kind = WEIR_DONE;
    query->tag = "";
    query->affected = -1;
    query->started_ns = wr_clock_mono_ns();
    query->rows.query = query;
    wr_cancel_follow(&query->cancel, &session->interrupts);
    *out = query;
    return WR_OK;
}

static void stop_run(weir_query *query)
{
    wr_mutex_lock(&query->run_lock);
    wr_run *run = query->run;
    query->run = NULL;
    wr_mutex_unlock(&query->run_lock);
    if (run) wr_run_drop(run);
}

/* Tells the session how the statement ended. */
void wr_query_end(weir_query *query, bool failed)
{
    query->is_done = true;
    query->has_failed |= failed;
    wr_subscription_drop(query);
    stop_run(query);
    wr_live_drop(query->live);
    query->live = NULL;
    wr_rejects_drop(query);
    wr_relation_release(query->kept);
    query->kept = NULL;
    wr_planner_clear(&query->planner);
    weir_session *session = query->session;
    session->failed |=
        failed && query->read_in && session->in_block && wr_txn_id(session->txn) == query->read_in;
    query->read_in = 0;
    if (!query->holds_txn) return;
    query->holds_txn = false;
    session->open_queries--;
    /* What only reads has nothing to undo: what is behind its mark is of statements that were run
     * while its rows were read. */
    bool undoes = failed && (query->kind != WEIR_ROWS || query->bound.writes);
    session->failed |= failed && session->in_block;
    wr_session_statement_ends(session, undoes, query->statement_mark);
}

void weir_query_close(weir_query *query)
{
    if (!query) return;
    bool abandoned_change = query->kind == WEIR_CHANGE && !query->is_done;
    wr_query_end(query, abandoned_change || query->has_failed);
    wr_heap_drop(query->text_rows.values);
    wr_status_drop(query->stream_error);
    wr_buf_clear(&query->sql);
    wr_buf_clear(&query->notices);
    wr_buf_clear(&query->text);
    wr_arena_clear(&query->batch_arena);
    wr_arena_clear(&query->arena);
    wr_arena_clear(&query->tree);
    wr_mem_release(query->mem, query->reserved);
    wr_mem_drop(query->mem);
    wr_mutex_clear(&query->run_lock);
    if (query->owns_session) weir_session_close(query->session);
    wr_heap_drop(query);
}

void weir_query_cancel(weir_query *query) { wr_cancel_request(&query->cancel); }

/* ---- queries and changes ---- */

weir_status wr_query_plan(weir_query *query, const wr_bound *bound, wr_run **run)
{
    weir_session *session = query->session;
    WR_TRY(wr_plan_statement(&query->planner, bound, &query->plan));
    WR_TRY(wr_arena_check(&query->arena));
    int threads = (int)wr_session_int(session, WR_SET_THREADS);
    if (threads == 0) threads = session->engine->thread_count;
    wr_pool *pool;
    WR_TRY(wr_engine_pool(session->engine, threads, &pool));
    uint64_t limit = wr_mem_limit(query->mem);
    if (limit)
        threads = (int)WR_MIN((uint64_t)threads, WR_MAX(limit / WR_WORKER_MEM_MIN, UINT64_C(1)));
    wr_str folder = wr_session_text(session, WR_SET_TEMP_DIRECTORY);
    query->temp = (wr_temp_space){
        .fs = session->engine->fs,
        .directory = wr_arena_str(&query->arena, folder),
        .bytes_max = (uint64_t)wr_session_int(session, WR_SET_MAX_TEMP_DIRECTORY_SIZE),
        .used = &session->engine->temp_bytes,
        .force = wr_session_int(session, WR_SET_FORCE_SPILL) != 0};
    wr_run_options options = {.thread_count = threads, .temp = &query->temp};
    return wr_run_new(pool, query->plan, &query->env, query->mem, &options, run);
}

weir_status wr_query_drain(weir_query *query, const wr_bound *bound,
                           weir_status (*fn)(void *arg, const wr_batch *batch), void *arg)
{
    WR_AUTO(wr_run) *run = NULL;
    WR_TRY(wr_query_plan(query, bound, &run));
    for (;;) {
        wr_batch batch;
        bool more;
        WR_TRY(wr_run_next(run, &batch, &more));
        if (!more) return WR_OK;
        WR_TRY(fn(arg, &batch));
    }
}

void wr_query_take_names(weir_query *query)
{
    query->names = wr_new_array(&query->arena, char *, query->schema.count + 1);
    for (int i = 0; i < query->schema.count; i++) {
        wr_str name = query->schema.fields[i].name;
        query->names[i] = wr_arena_copy(&query->arena, name.data, name.length);
    }
}

static weir_status check_writable(const weir_query *query, const wr_node *statement)
{
    const weir_session *session = query->session;
    if (session->engine->read_only)
        return wr_with_hint(
            wr_fail_at(WR_E_READ_ONLY, statement->span, "weir was opened read-only"),
            "start without --read-only to change tables or write files");
    if (session->txn_read_only)
        return wr_fail_at(WR_E_READ_ONLY, statement->span, "the transaction is read-only");
    return WR_OK;
}

/* A sink that was made with a query has its rows from there. */
static weir_status check_fillable(const weir_query *query)
{
    const wr_object *sink = query->bound.sink;
    if (!sink->sql.length || query->only_defines) return WR_OK;
    return wr_fail_at(WR_E_UNSUPPORTED, wr_sql_as_insert(query->bound.statement)->query->span,
                      "%.*s has the rows of its own query: nothing can be inserted",
                      WR_STR_ARGS(sink->name));
}

weir_status wr_query_check_insert(const weir_query *query, const wr_node *statement)
{
    WR_TRY(check_writable(query, statement));
    return check_fillable(query);
}

static weir_status start_planned(weir_query *query, const wr_node *statement)
{
    if (query->bound.writes) WR_TRY(check_writable(query, statement));
    if (statement->kind == WR_SQL_TRUNCATE && wr_sql_as_truncate(statement)->restart_identity)
        WR_TRY(wr_restart_sequences(query, wr_sql_as_truncate(statement)));
    if (query->bound.target) WR_TRY(check_fillable(query));
    if (query->bound.target && wr_runs_as_stream(query, &query->bound))
        return wr_run_continuous(query, &query->bound, statement->span);
    query->tag = query->bound.tag;
    bool rows = query->bound.kind == WR_CLASS_QUERY || query->bound.has_rows;
    query->kind = rows ? WEIR_ROWS : WEIR_CHANGE;
    if (rows) query->schema = query->bound.schema;
    wr_query_take_names(query);
    return wr_query_plan(query, &query->bound, &query->run);
}

static bool is_read_only_utility(const wr_node *statement)
{
    switch (statement->kind) {
    case WR_SQL_SHOW:
    case WR_SQL_SET:
    case WR_SQL_DESCRIBE:
    case WR_SQL_EXPLAIN:
    case WR_SQL_TRANSACTION:
    case WR_SQL_PREPARE:
    case WR_SQL_EXECUTE:
    case WR_SQL_DEALLOCATE:
    case WR_SQL_USE:
    case WR_SQL_PRAGMA:
    case WR_SQL_SUBSCRIBE:
        return true;
    default:
        return false;
    }
}

/* Temporary objects are the session's own: a read-only engine has them too. */
static bool makes_temporary(const wr_node *statement)
{
    if (statement->kind == WR_SQL_CREATE_VIEW)
        return wr_sql_as_create_view(statement)->mode.temporary;
    return statement->kind == WR_SQL_CREATE_TABLE &&
           wr_sql_as_create_table(statement)->mode.temporary;
}

/* PRAGMA is other systems' word for settings and for lists of what there is. */
static weir_status explain_pragma(const wr_sql_pragma *pragma)
{
    weir_status bad = wr_fail_at(WR_E_UNSUPPORTED, pragma->node.span, "PRAGMA is not supported");
    static const char *const tells_columns[] = {"table_info", "table_xinfo", "show"};
    static const char *const lists[] = {"table_list", "show_tables", "database_list", "index_list"};
    wr_str name = pragma->name.text;
    const wr_node *first = pragma->values.count ? pragma->values.items[0] : NULL;
    for (size_t i = 0; i < WR_COUNT(tells_columns); i++) {
        if (!wr_str_is(name, tells_columns[i])) continue;
        bad = wr_with_hint(bad, "DESCRIBE tells the columns of a table");
        WR_BUF(table);
        if (first && first->kind == WR_SQL_LITERAL)
            wr_format_name(&table, wr_sql_as_literal(first)->text);
        const wr_names *parts =
            first && first->kind == WR_SQL_COLUMN ? &wr_sql_as_column(first)->parts : NULL;
        for (int k = 0; parts && k < parts->count; k++) {
            if (k) wr_buf_add_char(&table, '.');
            wr_format_name(&table, parts->items[k].text);
        }
        if (table.length) return wr_with_fix(bad, "DESCRIBE %s", table.data);
        return bad;
    }
    for (size_t i = 0; i < WR_COUNT(lists); i++)
        if (wr_str_is(name, lists[i]))
            return wr_with_fix(wr_with_hint(bad, "SHOW TABLES lists them"), "SHOW TABLES");
    return wr_with_fix(wr_with_hint(bad, "settings are made by SET name = value"), "SHOW ALL");
}

static weir_status run_utility(weir_query *query, const wr_node *statement)
{
    bool handled = false;
    if (!is_read_only_utility(statement) && !makes_temporary(statement))
        WR_TRY(check_writable(query, statement));
    if (statement->kind == WR_SQL_TRANSACTION)
        return wr_session_transaction(query->session, wr_sql_as_transaction(statement),
                                      wr_buf_str(&query->sql), &query->tag);
    if (statement->kind == WR_SQL_ALTER) return wr_run_alter(query, wr_sql_as_alter(statement));
    if (statement->kind == WR_SQL_SUBSCRIBE) {
        WR_TRY(wr_run_subscribe(query, wr_sql_as_subscribe(statement)));
        wr_query_take_names(query);
        return WR_OK;
    }
    WR_TRY(wr_run_show(query, statement, &handled));
    if (!handled) WR_TRY(wr_run_prepare(query, statement, &handled));
    if (!handled) WR_TRY(wr_run_ddl(query, statement, &handled));
    if (!handled && statement->kind == WR_SQL_PRAGMA)
        return explain_pragma(wr_sql_as_pragma(statement));
    if (!handled)
        return wr_fail_at(WR_E_UNSUPPORTED, statement->span, "%s is not supported",
                          wr_node_kind_name(statement->kind));
    wr_query_take_names(query);
    return WR_OK;
}

weir_status wr_query_run_statement(weir_query *query, const wr_node *statement)
{
    wr_query_prepare_planner(query);
    WR_TRY(wr_bind_statement(&query->planner, statement, &query->bound));
    if (query->planner.param_count && !query->planner.params)
        return wr_with_hint(wr_fail_at(WR_E_PARAMETER_VALUE, statement->span,
                                       "the statement has a parameter without a value"),
                            "PREPARE name AS ...; EXECUTE name(value)");
    return query->bound.kind == WR_CLASS_UTILITY ? run_utility(query, statement)
                                                 : start_planned(query, statement);
}

static bool ends_block(const wr_node *statement)
{
    if (statement->kind != WR_SQL_TRANSACTION) return false;
    wr_transaction_action action = wr_sql_as_transaction(statement)->action;
    return action == WR_TRANSACTION_COMMIT || action == WR_TRANSACTION_ROLLBACK ||
           action == WR_TRANSACTION_ROLLBACK_TO;
}

/* What only reads has its snapshots when it is planned and needs the transaction no more: however
 * long its rows are read, others see at once what the session does meanwhile, and it what they do.
 */
static void leave_for_snapshots(weir_query *query)
{
    weir_session *session = query->session;
    query->holds_txn = false;
    query->view.txn = NULL;
    session->open_queries--;
    if (session->in_block)
        query->read_in = wr_txn_id(session->txn);
    else
        wr_session_statement_ends(session, false, query->statement_mark);
}

static weir_status start_statement(weir_query *query, const wr_node *statement)
{
    weir_session *session = query->session;
    if (!ends_block(statement)) WR_TRY(wr_session_check_usable(session, statement->span));
    WR_TRY(wr_session_begin(session));
    query->statement_mark = wr_txn_savepoint(session->txn);
    query->holds_txn = true;
    session->open_queries++;
    WR_TRY(wr_query_run_statement(query, statement));
    if (query->kind == WEIR_DONE)
        wr_query_end(query, false);
    else if (query->kind == WEIR_ROWS && query->bound.kind == WR_CLASS_QUERY &&
             !query->bound.writes && !query->rejects.count)
        leave_for_snapshots(query);
    return WR_OK;
}

/* Runs a started query to its end and drops its rows. */
static weir_status run_out(weir_query *query)
{
    for (;;) {
        const weir_rows *rows;
        WR_TRY(weir_query_next(query, &rows));
        if (!rows) return WR_OK;
    }
}

/* The values live as long as the query: who gave them may go before it. */
static wr_value *own_params(weir_query *query, const wr_value *params, int count)
{
    wr_value *own = wr_new_array(&query->arena, wr_value, count + 1);
    for (int i = 0; i < count; i++)
        own[i] = wr_value_copy(&params[i], &query->arena);
    return own;
}

weir_status wr_query_start_with(weir_session *session, wr_str sql, const wr_value *params,
                                int param_count, weir_query **out)
{
    WR_ARENA(arena);
    wr_statement_list list;
    WR_TRY(wr_parse(&arena, sql, &list));
    weir_query *query = NULL;
    uint64_t interrupts = session->interrupts; /* one between two statements stops the second */
    for (int i = 0; i < WR_MAX(list.count, 1); i++) {
        weir_query_close(query);
        WR_TRY(wr_query_new(session, &query));
        query->cancel.interrupts_before = interrupts;
        wr_buf_add_str(&query->sql, sql);
        /* Only PREPARE may leave parameters open; elsewhere one without a value is an error. */
        static wr_value none;
        bool open = list.count && list.items[i].node->kind == WR_SQL_PREPARE;
        query->planner.params = params ? own_params(query, params, param_count)
                                : open ? NULL
                                       : &none;
        query->planner.param_count = param_count;
        if (list.count == 0) {
            query->is_done = true;
            break;
        }
        wr_node *statement = wr_node_copy(&query->arena, list.items[i].node);
        weir_status bad = start_statement(query, statement);
        if (!bad && i + 1 < list.count) bad = run_out(query);
        if (bad) {
            wr_query_end(query, true);
            weir_query_close(query);
            return wr_error_with_fix(bad, sql, list.items[i].span);
        }
    }
    query->tree = arena;
    arena = (wr_arena){0};
    *out = query;
    return WR_OK;
}

weir_status weir_query_start(weir_session *session, const char *sql, size_t length,
                             weir_query **out)
{
    return wr_query_start_with(session, (wr_str){sql, length}, NULL, 0, out);
}

/* ---- rows ---- */

static void next_text_rows(weir_query *query)
{
    wr_arena_reset(&query->batch_arena);
    wr_text_rows *texts = &query->text_rows;
    uint32_t count = (uint32_t)WR_MIN(texts->row_count - texts->next, WR_BATCH_ROWS);
    int columns = query->schema.count;
    query->batch = (wr_batch){.columns = wr_new_array(&query->batch_arena, wr_column, columns + 1),
                              .column_count = columns,
                              .rows = count};
    for (int c = 0; c < columns; c++) {
        wr_column *column = &query->batch.columns[c];
        wr_column_init(column, &query->batch_arena, WR_VARCHAR, WR_P_VIEW, count + 1);
        column->rows = count;
        for (uint32_t i = 0; i < count; i++) {
            wr_str text =
                texts->values[((uint32_t)texts->next + i) * (uint32_t)columns + (uint32_t)c];
            if (text.data)
                ((wr_view *)column->data)[i] = wr_view_of(text.data, text.length);
            else
                wr_bit_clear(wr_column_need_valid(column, &query->batch_arena, count + 1), i);
        }
    }
    texts->next += (int)count;
}

static weir_status next_batch(weir_query *query, bool *more)
{
    if (query->run) return wr_run_next(query->run, &query->batch, more);
    if (query->live) return wr_live_next(query, more);
    if (query->subscription) return wr_subscription_next(query, more);
    *more = query->text_rows.next < query->text_rows.row_count;
    if (*more) next_text_rows(query);
    return WR_OK;
}

/* A change without RETURNING yields its count as one BIGINT. */
static void note_affected(weir_query *query)
{
    if (query->kind == WEIR_CHANGE && query->batch.column_count == 1 &&
        wr_batch_count(&query->batch) == 1)
        query->affected = wr_column_int(&query->batch.columns[0], wr_batch_row(&query->batch, 0));
}

/* Snapshots know the rows of a block by the block: once it has ended, they miss them. */
static weir_status check_block(const weir_query *query)
{
    const weir_session *session = query->session;
    bool saw_changes = query->read_in && query->statement_mark;
    if (!saw_changes || (session->in_block && wr_txn_id(session->txn) == query->read_in))
        return WR_OK;
    return wr_with_hint(wr_fail(WR_E_TXN_STATE, "the transaction has ended whose changes these "
                                                "rows are read from"),
                        "read all rows before COMMIT or ROLLBACK");
}

weir_status weir_query_next(weir_query *query, const weir_rows **out)
{
    *out = NULL;
    query->has_given_rows = true;
    if (query->has_failed) return wr_fail(WR_E_API_MISUSE, "the query failed before");
    WR_TRY(check_block(query));
    while (!query->is_done) {
        bool more = false;
        weir_status bad = next_batch(query, &more);
        if (!bad && !query->keys_settled && (!more || wr_batch_count(&query->batch))) {
            /* all changes come before the first row */
            bad = wr_settle_foreign_keys(query);
            query->keys_settled = true;
        }
        if (bad) {
            wr_query_end(query, true);
            return bad;
        }
        if (!more) {
            bad = wr_rejects_publish(query);
            if (!bad) wr_last_result_publish(query);
            wr_query_end(query, bad != WR_OK);
            if (bad) return bad;
            break;
        }
        note_affected(query);
        if (query->kind == WEIR_CHANGE || wr_batch_count(&query->batch) == 0) continue;
        wr_last_result_add(query, &query->batch);
        query->rows.batch = query->batch;
        *out = &query->rows;
        return WR_OK;
    }
    return WR_OK;
}
