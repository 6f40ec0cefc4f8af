/* connection.h - weir._weir.Session, a session as a Python object. */
#pragma once
#include "session.h"

PyObject *wrp_session_type(void); /* NULL with a Python error */
/* The session of such an object, borrowed; NULL with a Python error. */
wrp_session *wrp_session_of(PyObject *object);
/* open(memory_limit, threads, read_only) -> Session of an engine of its own. */
PyObject *wrp_open(PyObject *module, PyObject *args);
