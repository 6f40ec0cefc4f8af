/* gil.c - see gil.h.
 *
 * Whoever is inside is counted before it looks at the flag, and the flag is set before the count is
 * looked at: so either the thread sees the flag, or it is waited for. */
#include "gil.h"
#include <time.h>

enum { WAITS_MS = 2000 };

static atomic_int inside, process;
static atomic_bool has_ended, is_stuck;

bool wrp_gil_take(PyGILState_STATE *gil)
{
    atomic_fetch_add(&inside, 1);
    if (atomic_load(&has_ended)) {
        atomic_fetch_sub(&inside, 1);
        return false;
    }
    *gil = PyGILState_Ensure();
    return true;
}

void wrp_gil_give(PyGILState_STATE gil)
{
    PyGILState_Release(gil);
    atomic_fetch_sub(&inside, 1);
}

void wrp_gil_drop(PyObject *object)
{
    PyGILState_STATE gil;
    if (!object || !wrp_gil_take(&gil)) return;
    Py_DECREF(object);
    wrp_gil_give(gil);
}

void wrp_gil_call(PyObject *object, const char *method)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return;
    PyObject *done = PyObject_CallMethod(object, method, NULL);
    if (!done) PyErr_WriteUnraisable(object);
    Py_XDECREF(done);
    wrp_gil_give(gil);
}

void wrp_gil_close(PyObject *object)
{
    wrp_gil_call(object, "close");
    wrp_gil_drop(object);
}

PyObject *wrp_gil_end(PyObject *module, PyObject *args)
{
    long long timeout_ms;
    (void)module;
    if (!PyArg_ParseTuple(args, "L", &timeout_ms)) return NULL;
    atomic_store(&has_ended, true);
    Py_BEGIN_ALLOW_THREADS;
    for (; atomic_load(&inside) && timeout_ms > 0; timeout_ms--)
        nanosleep(&(struct timespec){.tv_nsec = 1000 * 1000}, NULL);
    Py_END_ALLOW_THREADS;
    atomic_store(&is_stuck, atomic_load(&inside) != 0);
    Py_RETURN_NONE;
}

bool wrp_gil_is_stuck(void) { return atomic_load(&is_stuck); }
int wrp_gil_process(void) { return atomic_load(&process); }

static void begin_child(void)
{
    atomic_fetch_add(&process, 1);
    atomic_store(&inside, 0);
}

bool wrp_gil_prepare(PyObject *module)
{
    PyObject *exits = PyImport_ImportModule("atexit");
    PyObject *end = exits ? PyObject_GetAttrString(module, "gil_end") : NULL;
    PyObject *done = end ? PyObject_CallMethod(exits, "register", "Oi", end, WAITS_MS) : NULL;
    Py_XDECREF(done);
    Py_XDECREF(end);
    Py_XDECREF(exits);
    return done && pthread_atfork(NULL, NULL, begin_child) == 0;
}

weir_status wrp_gil_refused(void)
{
    return weir_error_fatal(weir_error_new("the program is ending", NULL));
}
