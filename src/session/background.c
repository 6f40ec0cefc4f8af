/* background.c - streams of the C API: INSERT INTO a sink that runs beside its session, and CREATE
 * SINK .. AS, which is a definition and such an INSERT.
 *
 * A stream has a query of its own in a session of its own, made like the caller's: its settings,
 * its temporary tables, its search path. So nothing the stream's thread asks for (a sequence, a
 * setting) is shared with the caller's thread, and the caller may go on, change settings, drop what
 * the stream reads, and close its session: plan, arena and references to catalog objects belong to
 * the stream's query. Its transaction ends when it is made, or the rows it sees could not be freed
 * as long as it runs; the tables it joins stay those of one moment, because their snapshots do.
 *
 * Closing goes from what runs to what it stands on: stream, query, session. */
#include "session/session.h"
#include "spi/source_relation.h"
#include "stream/stream.h"

struct weir_stream {
    weir_engine *engine;
    weir_session *session; /* its own */
    weir_query *query;
    wr_running entry;
    char *name;
    _Atomic int64_t started_ns; /* 0: not yet */
    bool (*after_part)(void *arg, weir_stream *stream);
    void *after_part_arg;
};

/* ---- what is a stream ---- */

static bool reads_source(const wr_logical *node)
{
    if (node->kind == WR_L_SCAN && wr_relation_source(node->scan.relation)) return true;
    for (int i = 0; i < node->input_count; i++)
        if (reads_source(node->inputs[i])) return true;
    return false;
}

/* Makes the sink of CREATE SINK .. AS. *insert: what fills it; NULL if there is nothing to fill. */
static weir_status define_sink(weir_query *query, const wr_sql_create_table *create,
                               wr_node **insert)
{
    WR_TRY(wr_sink_filler(&query->arena, create, insert));
    if (create->mode.if_not_exists && wr_ddl_exists(query, WR_RELATION_KINDS, &create->name))
        *insert = NULL;
    if (!*insert) return WR_OK;
    query->only_defines = true;
    return wr_run_create_stream(query, create);
}

weir_status wr_bind_filler(weir_query *query, wr_node *statement, wr_bound *out)
{
    const wr_sql_create_table *create =
        statement->kind == WR_SQL_CREATE_TABLE ? wr_sql_as_create_table(statement) : NULL;
    wr_node *insert = NULL;
    if (create) WR_TRY(define_sink(query, create, &insert));
    WR_TRY(wr_bind_statement(&query->planner, insert ? insert : statement, out));
    out->emit_on_close |= insert && create->emit_on_close;
    return WR_OK;
}

weir_status wr_query_bind_alone(weir_query *query, wr_str sql, const wr_node *node)
{
    weir_session *session = query->session;
    WR_TRY(wr_session_begin(session));
    query->statement_mark = wr_txn_savepoint(session->txn);
    query->holds_txn = true;
    session->open_queries++;
    wr_buf_add_str(&query->sql, sql);
    static wr_value none; /* parameters have no values */
    query->planner.params = &none;
    wr_node *statement = wr_node_copy(&query->arena, node);
    wr_query_prepare_planner(query);
    WR_TRY(wr_bind_filler(query, statement, &query->bound));
    if (!query->planner.param_count) return WR_OK;
    return wr_fail_at(WR_E_PARAMETER_VALUE, statement->span,
                      "the statement has a parameter without a value");
}

static bool can_fill_sink(const wr_node *statement)
{
    return statement->kind == WR_SQL_INSERT || statement->kind == WR_SQL_CREATE_TABLE;
}

weir_status weir_stream_check(weir_session *session, const char *sql, size_t length,
                              bool *is_stream)
{
    WR_ARENA(arena);
    wr_statement_list list;
    *is_stream = false;
    WR_TRY(wr_parse(&arena, (wr_str){sql, length}, &list));
    if (list.count != 1 || !can_fill_sink(list.items[0].node)) return WR_OK;
    wr_statement one = list.items[0];
    WR_TRY(wr_session_check_usable(session, one.span));
    weir_query *query;
    WR_TRY(wr_query_new(session, &query));
    weir_status bad = wr_query_bind_alone(query, (wr_str){sql, length}, one.node);
    *is_stream = !bad && query->bound.target && reads_source(query->bound.root);
    wr_session_undo(session, query->statement_mark); /* what was made goes again */
    weir_query_close(query);
    return bad ? wr_error_with_fix(bad, (wr_str){sql, length}, one.span) : WR_OK;
}

/* ---- opening ---- */

static weir_status check_is_stream(const weir_query *query, const wr_node *node)
{
    if (query->bound.target && reads_source(query->bound.root)) return WR_OK;
    return wr_with_hint(
        wr_fail_at(WR_E_UNSUPPORTED, node->span,
                   query->bound.target ? "nothing in the query streams"
                                       : "only INSERT INTO a sink can run as a stream"),
        "CREATE SOURCE, CREATE SINK, then INSERT INTO the sink SELECT .. FROM the source");
}

static bool part_is_over(void *arg)
{
    weir_stream *stream = arg;
    return stream->after_part(stream->after_part_arg, stream);
}

static weir_status make(weir_stream *stream, wr_str sql, const wr_statement *statement,
                        const weir_stream_options *options)
{
    weir_query *query = stream->query;
    WR_TRY(wr_query_bind_alone(query, sql, statement->node));
    WR_TRY(check_is_stream(query, statement->node));
    WR_TRY(wr_query_check_insert(query, statement->node));
    if (options && options->after_part) {
        stream->after_part = options->after_part;
        stream->after_part_arg = options->after_part_arg;
        stream->entry.after_part = part_is_over;
        stream->entry.after_part_arg = stream;
    }
    WR_TRY(wr_make_stream(query, &query->bound, options, &stream->entry));
    wr_query_leave_transaction(query);
    query->cancel.deadline_ns = 0; /* statement_timeout is for statements that end */
    stream->name = wr_heap_copy(stream->entry.name.data, stream->entry.name.length);
    return WR_OK;
}

weir_status wr_run_all_but_last(weir_session *session, wr_str sql, const wr_statement_list *list)
{
    if (list->count < 2) return WR_OK;
    weir_query *query;
    size_t length = list->items[list->count - 1].span.pos;
    WR_TRY(weir_query_start(session, sql.data, length, &query));
    const weir_rows *rows;
    weir_status bad = WR_OK;
    do
        bad = weir_query_next(query, &rows);
    while (!bad && rows);
    weir_query_close(query);
    return bad;
}

weir_status wr_check_no_block(const weir_session *session, wr_span span)
{
    if (!session->in_block) return WR_OK;
    return wr_with_fix(
        wr_fail_at(WR_E_TXN_STATE, span, "a stream cannot begin inside a transaction"), "COMMIT");
}

weir_status weir_stream_open(weir_session *session, const char *sql, size_t length,
                             const weir_stream_options *options, weir_stream **out)
{
    WR_ARENA(arena);
    wr_str text = {sql, length};
    wr_statement_list list;
    *out = NULL;
    WR_TRY(wr_parse(&arena, text, &list));
    if (!list.count) return wr_fail(WR_E_API_MISUSE, "there is no statement");
    WR_TRY(wr_run_all_but_last(session, text, &list));
    const wr_statement *last = &list.items[list.count - 1];
    WR_TRY(wr_check_no_block(session, last->span));
    WR_AUTO(weir_stream) *stream = wr_heap_new(sizeof *stream);
    stream->engine = session->engine;
    WR_TRY(wr_session_like(session, &stream->session));
    WR_TRY(wr_query_new(stream->session, &stream->query));
    weir_status bad = make(stream, text, last, options);
    stream->query->has_failed = bad;
    if (bad) return wr_error_with_fix(bad, text, last->span);
    stream->query->tree = arena; /* the plan borrows from it */
    arena = (wr_arena){0};
    *out = WR_TAKE(stream);
    return WR_OK;
}

void weir_stream_close(weir_stream *stream)
{
    if (!stream) return;
    wr_unmake_stream(stream->engine, &stream->entry);
    weir_query_close(stream->query);
    weir_session_close(stream->session);
    wr_heap_drop(stream->name);
    wr_heap_drop(stream);
}

/* ---- running ---- */

weir_status weir_stream_start(weir_stream *stream)
{
    int64_t none = 0;
    if (!atomic_compare_exchange_strong(&stream->started_ns, &none, wr_clock_mono_ns()))
        return wr_fail(WR_E_API_MISUSE, "the stream was started before");
    return wr_stream_start(stream->entry.stream);
}

const char *weir_stream_name(const weir_stream *stream) { return stream->name; }

const char *weir_stream_notices(const weir_stream *stream)
{
    return stream->query->notices.length ? stream->query->notices.data : NULL;
}

void weir_stream_progress(const weir_stream *stream, weir_stream_figures *out)
{
    wr_stream_progress p;
    wr_stream_progress_of(stream->entry.stream, &p);
    int64_t started = stream->started_ns;
    *out = (weir_stream_figures){.status = (weir_stream_status)p.status,
                                 .has_ended = p.has_ended,
                                 .is_drained = p.is_drained,
                                 .is_idle = p.is_idle,
                                 .rows_in = p.rows_in,
                                 .rows_out = p.rows_out,
                                 .late_rows = p.late_rows,
                                 .dead_rows = p.dead_rows,
                                 .batches = p.batches,
                                 .rounds = p.rounds,
                                 .has_watermark =
                                     p.watermark != WR_NO_TIME_YET && p.watermark != INT64_MAX,
                                 .watermark_us = p.watermark,
                                 .has_lag_rows = p.lag.has_rows,
                                 .has_lag_bytes = p.lag.has_bytes,
                                 .lag_rows = p.lag.rows,
                                 .lag_bytes = p.lag.bytes,
                                 .state_bytes = p.state_bytes,
                                 .checkpoints = p.checkpoints,
                                 .epoch = p.epoch,
                                 .checkpoint_bytes = p.checkpoint_bytes,
                                 .checkpoint_duration_us = p.last_checkpoint_us,
                                 .round_duration_us = p.last_round_us,
                                 .idle_us = p.idle_for_us,
                                 .sink_connector = stream->query->bound.target->connector,
                                 .running_us = started ? (wr_clock_mono_ns() - started) / 1000 : 0};
    out->delivery = wr_stream_delivery(stream->entry.stream, &out->delivery_reason);
}

int64_t wr_deadline_of(int64_t timeout_ms)
{
    const int64_t longest_ms = INT64_C(1) << 40; /* 34 years */
    if (timeout_ms < 0 || timeout_ms > longest_ms) timeout_ms = longest_ms;
    return wr_clock_mono_ns() + timeout_ms * 1000000;
}

static weir_status check_started(const weir_stream *stream)
{
    return stream->started_ns ? WR_OK : wr_fail(WR_E_API_MISUSE, "the stream was not started");
}

weir_status weir_stream_await(weir_stream *stream, int64_t timeout_ms, bool *ended)
{
    *ended = false;
    WR_TRY(check_started(stream));
    return wr_stream_await(stream->entry.stream, wr_deadline_of(timeout_ms), ended);
}

weir_status weir_stream_await_idle(weir_stream *stream, int64_t timeout_ms, bool *idle)
{
    *idle = false;
    WR_TRY(check_started(stream));
    return wr_stream_await_idle(stream->entry.stream, wr_deadline_of(timeout_ms), idle);
}

void weir_stream_stop(weir_stream *stream) { wr_stream_stop(stream->entry.stream); }
void weir_stream_cancel(weir_stream *stream) { wr_cancel_request(&stream->query->cancel); }

/* ---- as text ---- */

static char *text_of(const weir_stream *stream, void (*write)(wr_stream *, wr_buf *))
{
    WR_BUF(text);
    write(stream->entry.stream, &text);
    return wr_heap_copy(text.data, text.length);
}

char *weir_stream_snapshot(const weir_stream *stream)
{
    return text_of(stream, wr_stream_snapshot);
}

char *weir_stream_explain(const weir_stream *stream) { return text_of(stream, wr_stream_explain); }
