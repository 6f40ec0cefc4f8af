/* tables.h - data of the program as tables: under names that are registered, or looked for. */
#pragma once
#include "session.h"

/* register(name, offer) of a session; offer as in wrp_find_table. */
PyObject *wrp_register(wrp_session *session, const char *name, PyObject *offer);
/* Asks session->find(name), a callable of Python that the turn was begun with. It gives None, the
 * capsule of a stream that is read at once, or (schema capsule, open, rows): open(names of columns,
 * most rows or -1) gives the capsule of a stream, for each scan anew; rows -1: unknown. An
 * exception is kept in session->raised. arg: the wrp_session. */
weir_status wrp_find_table(void *arg, const char *name, weir_found *found);
/* stream_schema(stream capsule) -> schema capsule; the stream remains as it is. */
PyObject *wrp_stream_schema(PyObject *module, PyObject *args);
