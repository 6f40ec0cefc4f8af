/* gil.h - code of Python that threads of the engine run.
 *
 * A thread that asks for the GIL while the interpreter ends is stopped by Python wherever it
 * stands, with the locks it holds. So threads of the engine ask here, and once the interpreter is
 * about to end they are told no and leave Python alone. */
#pragma once
#include "session.h"

/* Takes the GIL; false, and nothing of Python may be used any more, if the interpreter ends. */
bool wrp_gil_take(PyGILState_STATE *gil);
void wrp_gil_give(PyGILState_STATE gil);
/* Calls a method of an object that takes no arguments. What it raises cannot be told to anybody: it
 * is shown as Python shows what destructors raise. */
void wrp_gil_call(PyObject *object, const char *method);
/* close() in this way, and lets go of the object. */
void wrp_gil_close(PyObject *object);
/* Lets go of an object. Threads with or without the GIL; when the interpreter ends it is left. */
void wrp_gil_drop(PyObject *object);
/* The exception that is set, as an error of the engine with its traceback. GIL held. */
weir_status wrp_gil_raised(void);
/* What callbacks return that could not take the GIL. */
weir_status wrp_gil_refused(void);
/* gil_end(timeout_ms) -> bool: from now on nobody of the engine gets the GIL; waits for those who
 * have it. */
PyObject *wrp_gil_end(PyObject *module, PyObject *args);
bool wrp_gil_has_ended(void);
