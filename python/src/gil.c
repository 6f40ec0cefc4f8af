/* gil.c - see gil.h.
 *
 * Whoever is inside is counted before it looks at the flag, and the flag is set before the count is
 * looked at: so either the thread sees the flag, or it is waited for. */
#include "gil.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_int inside;
static atomic_bool has_ended;

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

bool wrp_gil_has_ended(void) { return atomic_load(&has_ended); }

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
    return PyBool_FromLong(!atomic_load(&inside));
}

weir_status wrp_gil_refused(void)
{
    return weir_error_fatal(weir_error_new("the program is ending", NULL));
}

/* Text of an object that is not more important than the error itself. */
static char *text_of(PyObject *object)
{
    PyObject *text = object ? PyObject_Str(object) : NULL;
    PyObject *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "replace") : NULL;
    const char *chars = bytes ? PyBytes_AsString(bytes) : NULL;
    char *copy = strdup(chars ? chars : "");
    Py_XDECREF(bytes);
    Py_XDECREF(text);
    PyErr_Clear();
    return copy;
}

weir_status wrp_gil_raised(void)
{
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    PyErr_NormalizeException(&type, &value, &trace);
    if (value && trace) PyException_SetTraceback(value, trace);
    PyObject *module = PyImport_ImportModule("weir.errors");
    PyObject *pair = module && value ? PyObject_CallMethod(module, "told", "(O)", value) : NULL;
    char *message = text_of(pair ? PyTuple_GetItem(pair, 0) : type);
    char *detail = text_of(pair ? PyTuple_GetItem(pair, 1) : NULL);
    weir_status bad = weir_error_new(message && *message ? message : "a Python exception",
                                     detail && *detail ? detail : NULL);
    free(message);
    free(detail);
    Py_XDECREF(pair);
    Py_XDECREF(module);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(trace);
    return bad;
}
