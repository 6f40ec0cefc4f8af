/* sink.h - sinks written in Python. */
#pragma once
#include "session.h"

/* sink_create(session, name, definition, takes_changes, commits): defines a sink. definition has
 * open(query), which gives a writer with write(batch), flush(), abort(), close() and, if commits,
 * prepare(epoch) -> bytes and commit(epoch, token). */
PyObject *wrp_sink_create(PyObject *module, PyObject *args);
