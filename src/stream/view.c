/* view.c - a view and the readers of its changes. See view.h.
 *
 * A reader is attached by the thread of the view's query between two rounds: it gets a transaction
 * that sees the table as it is then, and all rounds from then on in a queue. When the query has
 * ended nothing changes any more and the reader attaches itself. The transaction is given back as
 * soon as the rows are read, so that it holds up nobody's vacuum for long.
 *
 * Threads: the view's lock guards its list of readers, their queues and flags. Everything else of a
 * reader belongs to the thread that polls it. */
#include "stream/view.h"
#include "stream/running.h"
#include "sys/clock.h"

enum { QUEUED_ROWS_MAX = 64 * 1024 };
static const int64_t LOOK_EVERY_NS = 20 * INT64_C(1000000);

typedef struct view_reader {
    wr_reader base;
    struct view_reader *next; /* guarded by the view's lock, as the four below */
    bool is_attached;
    wr_txn *seen;         /* the rows to begin with; NULL: read */
    wr_round_queue queue; /* what changed since then */
    wr_arena arena;
    int *columns;
    int column_count;
    wr_mem *mem;
    const wr_cancel *cancel;
    wr_relation *rows; /* being read */
    wr_scan *scan;
    wr_scan_worker *worker;
    bool has_morsel;
    bool has_read_rows;
    _Atomic bool is_past_rows; /* and said that there was nothing for a moment */
    wr_round *round;           /* being read */
    int next_delta;
    wr_column *projected;
    const int8_t *changes; /* of the last poll */
} view_reader;

struct wr_view_rows {
    wr_source base;
    wr_arena arena;
    wr_str name;
    wr_store *store;
    wr_table *table;
    wr_mem *mem;
    wr_mutex lock;
    wr_cond changed;
    view_reader *readers; /* guarded by lock */
    wr_stream *stream;    /* guarded by lock; NULL: not started, or closed */
    weir_status failure;  /* guarded by lock; why the stream is no more; NULL: nobody asks */
    int waiting;          /* guarded by lock; how many wait for the stream: it stays so long */
    bool is_closed;       /* guarded by lock */
};

wr_source *wr_view_rows_source(wr_view_rows *view) { return &view->base; }
wr_table *wr_view_rows_table(const wr_view_rows *view) { return view->table; }
wr_mem *wr_view_rows_mem(const wr_view_rows *view) { return view->mem; }
wr_store *wr_view_rows_store(const wr_view_rows *view) { return view->store; }

/* ---- what the query does ---- */

bool wr_view_rows_has_readers(wr_view_rows *view)
{
    wr_mutex_lock(&view->lock);
    bool any = false;
    for (const view_reader *r = view->readers; r && !any; r = r->next)
        any = r->is_attached;
    wr_mutex_unlock(&view->lock);
    return any;
}

static bool is_full(const wr_view_rows *view)
{
    for (const view_reader *r = view->readers; r; r = r->next)
        if (r->queue.rows > QUEUED_ROWS_MAX) return true;
    return false;
}

static weir_status wait_for_room(wr_view_rows *view, const wr_cancel *cancel)
{
    weir_status bad = WR_OK;
    while (!bad && !view->is_closed && is_full(view)) {
        wr_cond_wait_until(&view->changed, &view->lock, wr_clock_mono_ns() + LOOK_EVERY_NS);
        bad = wr_cancel_check(cancel);
    }
    return bad;
}

weir_status wr_view_rows_publish(wr_view_rows *view, wr_round *round, const wr_cancel *cancel)
{
    wr_mutex_lock(&view->lock);
    bool any = false;
    for (view_reader *r = view->readers; r; r = r->next) {
        if (r->is_attached && round) wr_round_push(&r->queue, wr_round_keep(round));
        any |= !r->is_attached || round;
        if (!r->is_attached) r->seen = wr_txn_begin(view->store);
        r->is_attached = true;
    }
    if (any) wr_cond_broadcast(&view->changed);
    weir_status bad = wait_for_room(view, cancel);
    wr_mutex_unlock(&view->lock);
    wr_round_release(round);
    return bad;
}

void wr_view_rows_follow(wr_view_rows *view, wr_stream *stream)
{
    wr_mutex_lock(&view->lock);
    view->stream = stream;
    wr_mutex_unlock(&view->lock);
}

void wr_view_rows_fail(wr_view_rows *view, weir_status why)
{
    wr_mutex_lock(&view->lock);
    wr_status_drop(view->failure);
    view->failure = why;
    wr_mutex_unlock(&view->lock);
    wr_view_rows_close(view);
}

bool wr_view_rows_is_followed(wr_view_rows *view)
{
    wr_mutex_lock(&view->lock);
    bool is = view->readers != NULL;
    wr_mutex_unlock(&view->lock);
    return is;
}

void wr_view_rows_close(wr_view_rows *view)
{
    wr_mutex_lock(&view->lock);
    view->is_closed = true;
    view->stream = NULL;
    wr_cond_broadcast(&view->changed);
    while (view->waiting)
        wr_cond_wait(&view->changed, &view->lock);
    wr_mutex_unlock(&view->lock);
}

static weir_status explained(const wr_view_rows *view, weir_status bad)
{
    return bad ? wr_wrap(bad, "the query of %.*s failed", WR_STR_ARGS(view->name)) : WR_OK;
}

/* The lock is held. */
static weir_status look_at_query(wr_view_rows *view, bool *ended)
{
    *ended = false;
    if (view->failure) return explained(view, wr_status_copy(view->failure));
    if (!view->stream) return WR_OK;
    return explained(view, wr_stream_await(view->stream, 0, ended));
}

weir_status wr_view_rows_ended(wr_view_rows *view, bool *ended)
{
    wr_mutex_lock(&view->lock);
    weir_status bad = look_at_query(view, ended);
    wr_mutex_unlock(&view->lock);
    return bad;
}

weir_status wr_view_rows_check(wr_view_rows *view)
{
    bool ended;
    return wr_view_rows_ended(view, &ended);
}

weir_status wr_view_rows_await_idle(wr_view_rows *view, int64_t deadline_ns, bool *done)
{
    wr_mutex_lock(&view->lock);
    wr_stream *stream = view->stream;
    view->waiting += stream != NULL;
    wr_mutex_unlock(&view->lock);
    *done = !stream;
    if (!stream) return WR_OK;
    weir_status bad = wr_stream_await_idle(stream, deadline_ns, done);
    wr_mutex_lock(&view->lock);
    view->waiting--;
    wr_cond_broadcast(&view->changed);
    wr_mutex_unlock(&view->lock);
    return explained(view, bad);
}

/* ---- reading ---- */

static weir_status view_open(wr_source *source, const wr_reader_request *request, wr_reader **out)
{
    wr_view_rows *view = (wr_view_rows *)source;
    if (request->position.length)
        return wr_fail(WR_E_UNSUPPORTED, "the changes of %.*s cannot be read from a position",
                       WR_STR_ARGS(view->name));
    view_reader *r = wr_heap_new(sizeof *r);
    r->base.source = source;
    r->column_count = request->column_count;
    r->columns = wr_new_array(&r->arena, int, request->column_count + 1);
    if (request->column_count > 0)
        memcpy(r->columns, request->columns, sizeof(int) * (size_t)request->column_count);
    r->projected = wr_new_array(&r->arena, wr_column, request->column_count + 1);
    r->mem = request->mem;
    r->cancel = request->cancel;
    wr_mutex_lock(&view->lock);
    r->next = view->readers;
    view->readers = r;
    wr_mutex_unlock(&view->lock);
    *out = &r->base;
    return WR_OK;
}

static void end_rows(view_reader *r)
{
    if (r->worker) r->rows->def->worker_drop(r->worker);
    if (r->scan) r->rows->def->close(r->scan);
    wr_relation_release(r->rows);
    r->worker = NULL;
    r->scan = NULL;
    r->rows = NULL;
    if (r->seen) wr_txn_rollback(r->seen);
    r->seen = NULL;
}

static weir_status begin_rows(view_reader *r)
{
    const wr_view_rows *view = (const wr_view_rows *)r->base.source;
    const wr_scan_request request = {.columns = r->columns,
                                     .column_count = r->column_count,
                                     .limit = -1,
                                     .worker_count = 1,
                                     .mem = r->mem,
                                     .cancel = r->cancel};
    WR_TRY(wr_table_snapshot(view->table, r->seen, &r->rows));
    WR_TRY(r->rows->def->open(r->rows, &request, &r->scan));
    return r->rows->def->worker_new(r->scan, 0, &r->worker);
}

/* The rows it begins with; WR_POLL_END: there are no more of them. */
static weir_status poll_rows(view_reader *r, wr_batch *out, wr_poll *result)
{
    r->changes = NULL;
    if (!r->rows) WR_TRY(begin_rows(r));
    for (*result = WR_POLL_ROWS;;) {
        bool more = false;
        WR_TRY(wr_cancel_check(r->cancel));
        if (!r->has_morsel) WR_TRY(r->rows->def->next_morsel(r->worker, &r->has_morsel));
        if (!r->has_morsel) break;
        WR_TRY(r->rows->def->next_batch(r->worker, out, &more));
        r->has_morsel = more;
        if (more && wr_batch_count(out)) return WR_OK;
    }
    end_rows(r);
    r->has_read_rows = true;
    *result = WR_POLL_END;
    return WR_OK;
}

/* The next part of the round that is being read. */
static void poll_round(view_reader *r, wr_batch *out)
{
    const wr_delta *delta = &r->round->deltas[r->next_delta++];
    *out = delta->batch;
    for (int c = 0; c < r->column_count; c++)
        r->projected[c] = delta->batch.columns[r->columns[c]];
    out->columns = r->projected;
    out->column_count = r->column_count;
    r->changes = delta->changes;
}

/* Waits for a round, or to be attached. The lock is held. */
static weir_status wait_for_more(wr_view_rows *view, view_reader *r, int64_t deadline_ns,
                                 bool *ended)
{
    for (*ended = false;;) {
        WR_TRY(wr_cancel_check(r->cancel));
        if (r->seen || r->queue.count) return WR_OK;
        if (view->is_closed)
            return wr_fail(WR_E_UNKNOWN_TABLE, "the materialized view %.*s is no more",
                           WR_STR_ARGS(view->name));
        WR_TRY(look_at_query(view, ended));
        if (*ended && !r->is_attached) {
            r->seen = wr_txn_begin(view->store);
            r->is_attached = true;
            return WR_OK;
        }
        int64_t now = wr_clock_mono_ns();
        if (*ended || now >= deadline_ns) return WR_OK;
        wr_cond_wait_until(&view->changed, &view->lock, WR_MIN(deadline_ns, now + LOOK_EVERY_NS));
    }
}

/* *begins: it was attached, and the rows it begins with are next. */
static weir_status next_part(wr_view_rows *view, view_reader *r, int64_t deadline_ns,
                             wr_poll *result, bool *begins)
{
    bool ended;
    wr_mutex_lock(&view->lock);
    weir_status bad = wait_for_more(view, r, deadline_ns, &ended);
    *result = WR_POLL_ROWS;
    *begins = !bad && r->seen;
    if (!bad && !r->seen) {
        r->round = wr_round_pop(&r->queue);
        r->next_delta = 0;
        if (!r->round) *result = ended ? WR_POLL_END : WR_POLL_IDLE;
        if (r->round) wr_cond_broadcast(&view->changed); /* there is room */
    }
    wr_mutex_unlock(&view->lock);
    return bad;
}

static weir_status view_poll(wr_reader *reader, int64_t deadline_ns, wr_batch *out, wr_poll *result)
{
    view_reader *r = (view_reader *)reader;
    wr_view_rows *view = (wr_view_rows *)reader->source;
    *out = (wr_batch){0};
    for (;;) {
        if (r->round && r->next_delta < r->round->delta_count) {
            poll_round(r, out);
            *result = WR_POLL_ROWS;
            return WR_OK;
        }
        wr_round_release(r->round);
        r->round = NULL;
        if (r->rows) {
            WR_TRY(poll_rows(r, out, result));
            if (*result == WR_POLL_ROWS) return WR_OK;
            *result = WR_POLL_IDLE;
            return WR_OK;
        }
        bool begins;
        r->is_past_rows = r->has_read_rows;
        WR_TRY(next_part(view, r, deadline_ns, result, &begins));
        if (*result != WR_POLL_ROWS) return WR_OK;
        if (begins) WR_TRY(begin_rows(r));
    }
}

static const int8_t *view_changes(const wr_reader *reader)
{
    return ((const view_reader *)reader)->changes;
}

/* Positions mean nothing to another process, and nobody keeps them. */
static weir_status view_position(wr_reader *reader, wr_buf *out)
{
    (void)reader;
    wr_buf_add_text(out, "view");
    return WR_OK;
}

static void view_lag(wr_reader *reader, wr_lag *out)
{
    const view_reader *r = (const view_reader *)reader;
    wr_view_rows *view = (wr_view_rows *)reader->source;
    wr_mutex_lock(&view->lock);
    *out = (wr_lag){.has_rows = r->is_attached && !r->seen && !r->rows,
                    .rows = r->queue.rows,
                    .is_waiting = !r->is_attached};
    wr_mutex_unlock(&view->lock);
}

static void view_reader_close(wr_reader *reader)
{
    view_reader *r = (view_reader *)reader;
    wr_view_rows *view = (wr_view_rows *)reader->source;
    wr_mutex_lock(&view->lock);
    view_reader **at = &view->readers;
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    wr_cond_broadcast(&view->changed);
    wr_mutex_unlock(&view->lock);
    end_rows(r);
    wr_round_release(r->round);
    wr_round_queue_clear(&r->queue);
    wr_arena_clear(&r->arena);
    wr_heap_drop(r);
}

static void view_drop(wr_source *source)
{
    wr_view_rows *view = (wr_view_rows *)source;
    wr_assert(!view->readers);
    wr_table_release(view->table);
    wr_mem_drop(view->mem);
    wr_status_drop(view->failure);
    wr_mutex_clear(&view->lock);
    wr_cond_clear(&view->changed);
    wr_arena_clear(&view->arena);
    wr_heap_drop(view);
}

static weir_status view_usable(wr_source *source)
{
    return wr_view_rows_check((wr_view_rows *)source);
}

static const wr_source_def view_def = {.open = view_open,
                                       .poll = view_poll,
                                       .changes = view_changes,
                                       .position = view_position,
                                       .lag = view_lag,
                                       .close = view_reader_close,
                                       .usable = view_usable,
                                       .drop = view_drop};

wr_view_rows *wr_view_rows_of_source(const wr_source *source)
{
    return source && source->def == &view_def ? (wr_view_rows *)(uintptr_t)source : NULL;
}

bool wr_view_rows_is_read_by(const wr_stream *stream)
{
    const wr_graph *graph = stream->graph;
    for (int i = 0; i < graph->source_count; i++)
        if (wr_view_rows_of_source(graph->sources[i].source)) return true;
    return false;
}

bool wr_view_rows_is_catching_up(const wr_stream *stream)
{
    const wr_graph *graph = stream->graph;
    for (int i = 0; i < graph->source_count; i++) {
        const wr_graph_source *source = &graph->sources[i];
        if (!wr_view_rows_of_source(source->source) || !source->reader || source->has_ended)
            continue;
        if (!((const view_reader *)source->reader)->is_past_rows) return true;
    }
    return false;
}

wr_view_rows *wr_view_rows_new(wr_str name, wr_store *store, wr_table *table, wr_mem *mem)
{
    wr_view_rows *view = wr_heap_new(sizeof *view);
    view->base = (wr_source){.def = &view_def,
                             .connector = "view",
                             .schema = *wr_schema_copy(&view->arena, wr_table_schema(table)),
                             .takes_back = true,
                             .is_of_process = true,
                             .references = 1};
    view->name = wr_arena_str(&view->arena, name);
    view->store = store;
    view->table = wr_table_keep(table);
    view->mem = wr_mem_new(mem, "materialized view", 0);
    wr_mutex_init(&view->lock);
    wr_cond_init(&view->changed);
    return view;
}
