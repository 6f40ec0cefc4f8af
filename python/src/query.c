/* query.c - a started query as an Arrow stream, and its end.
 *
 * The engine wants its queries closed before the session and used by one thread at a time. A query
 * here is known to its session, which ends it when it is closed, and is used in turns. What refers
 * to it afterwards finds it ended. */
#include "query.h"
#include "arrow.h"
#include "layout.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void link_query(wrp_query *query)
{
    wrp_session *session = query->session;
    query->next = session->queries;
    if (query->next) query->next->previous = query;
    session->queries = query;
}

/* Rows come by an Arrow stream, which takes the query over. */
static weir_status open_stream(wrp_query *query)
{
    weir_query *started = query->query;
    if (weir_query_kind(started) != WEIR_ROWS) return NULL;
    weir_status bad = weir_query_stream(started, &query->stream);
    if (bad) query->query = NULL; /* it is closed */
    if (bad || query->stream.get_schema(&query->stream, &query->schema) == 0) return bad;
    return weir_query_stream_error(&query->stream);
}

static void close_started(weir_query *started, struct ArrowArrayStream *stream)
{
    if (stream->release)
        stream->release(stream);
    else
        weir_query_close(started);
}

wrp_query *wrp_query_new(wrp_session *session, weir_query *started, const char *sql, size_t length,
                         weir_status *bad)
{
    wrp_query *query = calloc(1, sizeof *query);
    if (!query) {
        weir_query_close(started);
        return NULL;
    }
    query->query = started;
    *bad = open_stream(query);
    if (*bad) {
        close_started(query->query, &query->stream);
        free(query);
        return NULL;
    }
    query->sql = malloc(length + 1);
    if (query->sql) {
        memcpy(query->sql, sql, length);
        query->sql[length] = 0;
        query->sql_length = length;
    }
    query->session = session;
    query->references = 1;
    pthread_mutex_init(&query->look, NULL);
    wrp_session_keep(session);
    link_query(query);
    return query;
}

void wrp_query_keep(wrp_query *query) { atomic_fetch_add(&query->references, 1); }

void wrp_query_end(wrp_query *query)
{
    pthread_mutex_lock(&query->look);
    weir_query *ended = query->query;
    struct ArrowArrayStream stream = query->stream;
    query->query = NULL;
    query->stream.release = NULL;
    pthread_mutex_unlock(&query->look);
    if (!ended) return;
    if (query->previous)
        query->previous->next = query->next;
    else
        query->session->queries = query->next;
    if (query->next) query->next->previous = query->previous;
    close_started(ended, &stream); /* may want the GIL, for arrays of Python: without look */
}

void wrp_query_release(wrp_query *query)
{
    wrp_turn turn;
    if (!query || atomic_fetch_sub(&query->references, 1) > 1) return;
    wrp_access access = wrp_turn_begin_quietly(query->session, &turn);
    if (access == WRP_BUSY || access == WRP_LOST) return; /* it ends with the session */
    if (access != WRP_CLOSED) wrp_query_end(query);       /* re-entered: it is this thread's turn */
    if (access == WRP_ENTERED) wrp_turn_end_quietly(&turn);
    if (query->schema.release) query->schema.release(&query->schema);
    weir_error_drop(query->failure);
    pthread_mutex_destroy(&query->look);
    wrp_session_release(query->session);
    free(query->sql);
    free(query);
}

weir_status wrp_query_next(wrp_query *query, struct ArrowArray *out)
{
    const weir_rows *rows;
    *out = (struct ArrowArray){0};
    if (!query->query) return NULL;
    if (!query->stream.release) return weir_query_next(query->query, &rows); /* a change: no rows */
    if (query->stream.get_next(&query->stream, out) == 0) return NULL;
    return weir_query_stream_error(&query->stream);
}

/* ---- as an Arrow stream ---- */

typedef struct row_stream {
    wrp_query *query;
    char *layout; /* NULL: as the query has it */
    char *error;
} row_stream;

static int failed(row_stream *stream, const char *text)
{
    free(stream->error);
    stream->error = malloc(strlen(text) + 1);
    if (stream->error) memcpy(stream->error, text, strlen(text) + 1);
    return EIO;
}

static int stream_schema(struct ArrowArrayStream *self, struct ArrowSchema *out)
{
    row_stream *stream = self->private_data;
    if (!wrp_schema_copy(&stream->query->schema, out)) return ENOMEM;
    if (stream->layout) wrp_layout_schema(stream->layout, out);
    return 0;
}

/* Who pulls has the GIL or not, so the turn is a quiet one. */
static int stream_next(struct ArrowArrayStream *self, struct ArrowArray *out)
{
    row_stream *stream = self->private_data;
    wrp_turn turn;
    *out = (struct ArrowArray){0};
    wrp_access access = wrp_turn_begin_quietly(stream->query->session, &turn);
    if (access != WRP_ENTERED)
        return failed(stream, access == WRP_LOST     ? "the connection belongs to another process"
                              : access == WRP_CLOSED ? "the connection is closed"
                                                     : "the connection is in use by the statement "
                                                       "that reads this");
    bool has_ended = !stream->query->query;
    weir_status bad = has_ended ? NULL : wrp_query_next(stream->query, out);
    int code = has_ended ? failed(stream, "the query has ended") : 0;
    if (bad) {
        code = strcmp(weir_error_sqlstate(bad), "57014") == 0 ? ECANCELED : EIO;
        (void)failed(stream, weir_error_message(bad));
        weir_error_drop(stream->query->failure);
        stream->query->failure = bad;
    }
    wrp_turn_end_quietly(&turn);
    const char *why =
        !code && out->release && stream->layout ? wrp_layout_apply(stream->layout, out) : NULL;
    if (!why) return code;
    out->release(out);
    return failed(stream, why);
}

static const char *stream_error(struct ArrowArrayStream *self)
{
    const row_stream *stream = self->private_data;
    return stream->error;
}

static void stream_release(struct ArrowArrayStream *self)
{
    row_stream *stream = self->private_data;
    wrp_query_release(stream->query);
    free(stream->layout);
    free(stream->error);
    free(stream);
    self->release = NULL;
}

bool wrp_query_stream(wrp_query *query, const struct ArrowSchema *wanted,
                      struct ArrowArrayStream *out)
{
    row_stream *stream = calloc(1, sizeof *stream);
    if (!stream) return false;
    wrp_query_keep(query);
    stream->query = query;
    if (wanted) stream->layout = wrp_layout_new(&query->schema, wanted);
    *out = (struct ArrowArrayStream){.get_schema = stream_schema,
                                     .get_next = stream_next,
                                     .get_last_error = stream_error,
                                     .release = stream_release,
                                     .private_data = stream};
    return true;
}
