/* stream.h - continuous queries and pushed rows as Python objects. */
#pragma once
#include "session.h"

PyObject *wrp_stream_type(void); /* NULL with a Python error */
PyObject *wrp_push_type(void);
/* stream_open(session, sql, name, state_folder, interval_ms, delivery) -> Stream. */
PyObject *wrp_stream_open(PyObject *module, PyObject *args);
/* push_open(session, source) -> Push. */
PyObject *wrp_push_open(PyObject *module, PyObject *args);
