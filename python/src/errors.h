/* errors.h - errors of the engine as Python exceptions. */
#pragma once
#include "session.h"

/* Raises bad as the exception of weir.errors that fits its code, and drops it. sql: the text that
 * its position counts in, or NULL. GIL held. */
void wrp_raise(weir_status bad, const char *sql, size_t length);
/* The same; bad stays the caller's. */
void wrp_raise_keeping(weir_status bad, const char *sql, size_t length);
/* Raises an exception that wrp_status_raised kept, whose reference it takes, and drops what the
 * engine made of it. GIL held. */
void wrp_raise_kept(weir_status bad, PyObject *raised);
/* Raises what this package finds itself: name of a class of weir.errors, text, hint or NULL. GIL
 * held. */
void wrp_raise_own(const char *name, const char *message, const char *hint);
/* The exception that is set, as an error for the engine, with its traceback as weir.udf tells it.
 * It is not set any more; kept, if not NULL and still empty, gets a reference to it. GIL held. */
weir_status wrp_status_raised(PyObject **kept);
