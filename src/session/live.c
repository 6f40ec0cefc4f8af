/* live.c - the rows of a query over sources as they come: a stream into a tap, read as a query.
 *
 * The query is one that gives rows, so everything that reads rows reads these, but its batches come
 * when something happened. Rows of a query whose answers change have one column more in front,
 * "change": 1 for a row that appears, -1 for one that is taken back.
 *
 * Nothing is kept and nothing is told to anybody: sources are read by readers of their own, from
 * where they begin, and their positions are not acknowledged. So looking changes nothing for a
 * stream that runs. The stream's thread needs a session that nobody else uses; the query owns it.
 */
#include "session/session.h"
#include "stream/stream.h"
#include "stream/tap.h"

enum { BATCHES_WAITING = 4 };
static const int64_t LOOK_EVERY_NS = 50 * INT64_C(1000000);

struct wr_live {
    wr_stream *stream;
    wr_target *tap;
    bool has_changes;    /* the column in front is there */
    uint64_t rows_left;  /* to hand out; UINT64_MAX: no limit */
    int64_t deadline_ns; /* INT64_MAX: none */
};

void wr_live_drop(wr_live *live)
{
    if (!live) return;
    if (live->tap) wr_tap_close(live->tap);
    wr_stream_drop(live->stream);
    wr_target_release(live->tap);
    wr_heap_drop(live);
}

static weir_status check_is_live(const weir_query *query, const wr_node *node)
{
    if (query->bound.kind == WR_CLASS_QUERY && !query->bound.writes && !query->bound.target)
        return WR_OK;
    return wr_with_hint(
        wr_fail_at(WR_E_UNSUPPORTED, node->span, "only the rows of a query can be looked at"),
        "SELECT .. FROM a source");
}

/* The columns of the rows, behind the one that says what happens to them. */
static void add_change_column(weir_query *query)
{
    const wr_schema *rows = &query->bound.schema;
    wr_field *fields = wr_new_array(&query->arena, wr_field, rows->count + 1);
    fields[0] = (wr_field){WR_STR("change"), wr_type_of(WR_T_TINYINT)};
    if (rows->count > 0) memcpy(fields + 1, rows->fields, sizeof *fields * (size_t)rows->count);
    query->schema = (wr_schema){.fields = fields, .count = rows->count + 1};
}

/* LIMIT n above everything but projections ends the tap, as rows_max does: a stream itself does not
 * end. */
static weir_status take_limit(weir_query *query, wr_logical **root, uint64_t *out)
{
    while ((*root)->kind == WR_L_PROJECT)
        root = &(*root)->inputs[0];
    const wr_logical *node = *root;
    const wr_expr *count = node->kind == WR_L_LIMIT ? node->limit.count : NULL;
    *out = UINT64_MAX;
    if (!count || node->limit.offset || node->limit.is_percent || !wr_expr_is_const(count))
        return WR_OK;
    wr_value value;
    WR_TRY(wr_expr_fold(&query->arena, &query->env, count, &value));
    if (value.is_null || value.type->id != WR_T_BIGINT || value.i64 < 0) return WR_OK;
    *root = node->inputs[0];
    *out = (uint64_t)value.i64;
    return WR_OK;
}

weir_status wr_live_start(weir_query *query, const wr_node *statement,
                          const weir_tap_options *options)
{
    WR_TRY(check_is_live(query, statement));
    wr_live *live = query->live = wr_heap_new(sizeof *live);
    wr_logical *root = query->bound.root;
    wr_pool *pool;
    wr_stream_options stream = {
        .name = WR_STR("tap"),
        .round_us = 20 * 1000,
        .worker_count = (int)wr_session_int(query->session, WR_SET_STREAM_WORKERS),
        .idle_us = wr_session_int(query->session, WR_SET_STREAM_IDLE_AFTER) * 1000,
        .lookup_refresh_us = wr_session_int(query->session, WR_SET_LOOKUP_REFRESH) * 1000,
        .emit_on_close = query->bound.emit_on_close,
        .emit_on_change = query->bound.emit_changes,
        .only_looks = true,
        .fs = query->session->engine->fs};
    uint64_t limit;
    WR_TRY(take_limit(query, &root, &limit));
    WR_TRY(wr_take_emit_options(query, &query->bound.emit_options, &stream));
    stream.dead = NULL; /* who only looks writes no dead letters */
    stream.late_is_told = stream.bad_rows_are_told = false;
    WR_TRY(wr_optimize_stream(query, &stream, &root));
    if (root->output_count != query->bound.schema.count)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, statement->span,
                                       "rows cannot be looked at in an order of other columns"),
                            "leave out ORDER BY");
    WR_TRY(wr_engine_pool(query->session->engine, 1, &pool));
    live->tap = wr_tap_new(&query->bound.schema, BATCHES_WAITING);
    WR_TRY(
        wr_stream_new(&query->planner, root, live->tap, pool, query->mem, &stream, &live->stream));
    live->has_changes = wr_stream_takes_back(live->stream);
    if (live->has_changes && limit != UINT64_MAX)
        return wr_with_hint(wr_fail_at(WR_E_UNSUPPORTED, statement->span,
                                       "LIMIT of rows that change later has no end"),
                            "ORDER BY with LIMIT keeps the best rows; --limit counts changes");
    live->rows_left = options && options->rows_max ? WR_MIN(options->rows_max, limit) : limit;
    live->deadline_ns = options && options->time_ms > 0
                            ? wr_clock_mono_ns() + options->time_ms * 1000000
                            : INT64_MAX;
    query->kind = WEIR_ROWS;
    query->tag = "TAP";
    query->schema = query->bound.schema;
    if (live->has_changes) add_change_column(query);
    return wr_stream_start(live->stream);
}

static void take_rows(weir_query *query, const wr_delta *delta)
{
    wr_live *live = query->live;
    uint32_t count = (uint32_t)WR_MIN((uint64_t)delta->batch.rows, live->rows_left);
    wr_arena_reset(&query->batch_arena);
    query->batch = delta->batch;
    query->batch.rows = count;
    if (live->rows_left != UINT64_MAX) live->rows_left -= count;
    if (!live->has_changes) return;
    int columns = delta->batch.column_count + 1;
    wr_column *all = wr_new_array(&query->batch_arena, wr_column, columns);
    wr_column_init(&all[0], &query->batch_arena, query->schema.fields[0].type, WR_P_I8, count + 1);
    all[0].rows = count;
    for (uint32_t i = 0; i < count; i++)
        ((int8_t *)all[0].data)[i] = delta->changes ? delta->changes[i] : 1;
    if (columns > 1) memcpy(all + 1, delta->batch.columns, sizeof *all * (size_t)(columns - 1));
    query->batch.columns = all;
    query->batch.column_count = columns;
}

weir_status wr_live_next(weir_query *query, bool *more)
{
    wr_live *live = query->live;
    wr_delta delta;
    *more = false;
    for (bool has = false; live->rows_left;) {
        bool ended;
        WR_TRY(wr_cancel_check(&query->cancel));
        int64_t now = wr_clock_mono_ns();
        if (now >= live->deadline_ns) return WR_OK;
        WR_TRY(wr_stream_await(live->stream, 0, &ended));
        int64_t until = WR_MIN(now + LOOK_EVERY_NS, live->deadline_ns);
        wr_tap_next(live->tap, ended ? now : until, &delta, &has);
        if (has) {
            take_rows(query, &delta);
            *more = true;
            return WR_OK;
        }
        if (ended) return WR_OK;
    }
    return WR_OK;
}

/* ---- the C API ---- */

static weir_status start(weir_query *query, wr_str sql, const wr_statement *statement,
                         const weir_tap_options *options)
{
    WR_TRY(wr_query_bind_alone(query, sql, statement->node));
    query->cancel.deadline_ns = 0; /* statement_timeout is for statements that end */
    WR_TRY(wr_live_start(query, query->bound.statement, options));
    wr_query_take_names(query);
    return WR_OK;
}

weir_status weir_tap_start(weir_session *session, const char *sql, size_t length,
                           const weir_tap_options *options, weir_query **out)
{
    WR_ARENA(arena);
    wr_str text = {sql, length};
    wr_statement_list list;
    weir_session *own;
    *out = NULL;
    WR_TRY(wr_parse(&arena, text, &list));
    if (!list.count) return wr_fail(WR_E_API_MISUSE, "there is no statement");
    WR_TRY(wr_run_all_but_last(session, text, &list));
    const wr_statement *last = &list.items[list.count - 1];
    WR_TRY(wr_check_no_block(session, last->span));
    WR_TRY(wr_session_like(session, &own));
    weir_query *query;
    weir_status bad = wr_query_new(own, &query);
    if (bad) {
        weir_session_close(own);
        return bad;
    }
    query->owns_session = true;
    wr_cancel_follow(&query->cancel, &session->interrupts); /* whoever waits is that session */
    bad = start(query, text, last, options);
    if (bad) {
        weir_query_close(query);
        return wr_error_with_fix(bad, text, last->span);
    }
    query->tree = arena; /* the plan borrows from it */
    arena = (wr_arena){0};
    *out = query;
    return WR_OK;
}
