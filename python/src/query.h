/* query.h - a started query that several Python objects and Arrow streams share. */
#pragma once
#include "session.h"

struct wrp_query {
    wrp_session *session;
    weir_query *query;              /* NULL once ended; written under the session's lock and look */
    pthread_mutex_t look;           /* for progress and cancel, which do not wait for a turn */
    wrp_query *previous, *next;     /* in the session; guarded by its lock */
    struct ArrowArrayStream stream; /* of its rows; release NULL: it has none */
    struct ArrowSchema schema;      /* of the stream */
    char *sql;                      /* for the positions of errors; may be NULL */
    size_t sql_length;
    weir_status failure; /* of an Arrow stream, for who wants to know more; guarded by the lock */
    atomic_int references;
};

/* Takes over a started query, inside a turn of the session (no GIL). Keeps the session. The caller
 * owns one reference. NULL, with the query closed, if there is no memory; *bad may be set instead.
 */
wrp_query *wrp_query_new(wrp_session *session, weir_query *query, const char *sql, size_t length,
                         weir_status *bad);
void wrp_query_keep(wrp_query *query);
/* The last one ends it. With or without the GIL, not inside a turn. */
void wrp_query_release(wrp_query *query);
/* Ends it now; rows cannot be had any more. Inside a turn. */
void wrp_query_end(wrp_query *query);
/* The next rows; out->release is NULL at the end. Inside a turn, no GIL. */
weir_status wrp_query_next(wrp_query *query, struct ArrowArray *out);
/* Makes out a stream of the rows that are left; it keeps the query. wanted: a schema whose layouts
 * are preferred, or NULL. */
bool wrp_query_stream(wrp_query *query, const struct ArrowSchema *wanted,
                      struct ArrowArrayStream *out);

/* Progress as a dict; GIL held. */
PyObject *wrp_progress_dict(const weir_progress *progress);

/* weir.Result as a type object; NULL with a Python error. */
PyObject *wrp_result_type(void);
/* A Result that takes over the caller's reference of query, also on failure. */
PyObject *wrp_result_new(wrp_query *query);
