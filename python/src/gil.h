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
/* What callbacks return that could not take the GIL. */
weir_status wrp_gil_refused(void);
/* Has it called when the interpreter is about to end, and looks out for forks. Once, GIL held;
 * false with a Python error. */
bool wrp_gil_prepare(PyObject *module);
/* gil_end(timeout_ms): from now on nobody of the engine gets the GIL; waits for those who have it.
 */
PyObject *wrp_gil_end(PyObject *module, PyObject *args);
/* Code of Python that the engine called did not return before the end: nothing can be closed. */
bool wrp_gil_is_stuck(void);
/* Differs between a process and its forks, in which threads and locks of the engine are not. */
int wrp_gil_process(void);
