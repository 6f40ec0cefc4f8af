/* feed.c - sources written in Python that are asked for rows.
 *
 * The thread of the stream calls; each call takes the GIL and lets it go again. Rows come as
 * capsules, whose arrays are taken over: their buffers are the producer's. What a user's class or
 * generator sees is made in weir/source.py. */
#include "feed.h"
#include "connection.h"
#include "errors.h"
#include "gil.h"

static weir_status feed_open(void *arg, const void *position, size_t size, void **reader)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    *reader = PyObject_CallMethod(arg, "open", "(y#)", size ? (const char *)position : "",
                                  (Py_ssize_t)size);
    weir_status bad = *reader ? NULL : wrp_status_raised(NULL);
    wrp_gil_give(gil);
    return bad;
}

/* Moves what was given out of its capsules; false with a Python error. */
static bool take(PyObject *given, weir_read *read)
{
    PyObject *schema_capsule, *array_capsule, *position;
    char *from;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(given, "OOO", &schema_capsule, &array_capsule, &position)) return false;
    if (array_capsule != Py_None) {
        struct ArrowSchema *schema = PyCapsule_GetPointer(schema_capsule, "arrow_schema");
        struct ArrowArray *array =
            schema ? PyCapsule_GetPointer(array_capsule, "arrow_array") : NULL;
        if (!array) return false;
        if (!schema->release || !array->release) {
            PyErr_SetString(PyExc_ValueError, "the batch was used up already");
            return false;
        }
        read->schema = *schema;
        read->rows = *array;
        schema->release = NULL;
        array->release = NULL;
    }
    if (position == Py_None) return true;
    if (PyBytes_AsStringAndSize(position, &from, &size) != 0) return false;
    weir_bytes_add(read->position, from, (size_t)size);
    return true;
}

static weir_status feed_read(void *reader, weir_read *read)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *given = PyObject_CallMethod(reader, "read", "(d)", (double)read->timeout_ms / 1000);
    read->has_ended = given == Py_False;
    bool is_well = given && (given == Py_None || given == Py_False || take(given, read));
    weir_status bad = is_well ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(given);
    wrp_gil_give(gil);
    return bad;
}

/* Nobody asks why it is not known. */
static int64_t feed_lag(void *reader)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return -1;
    PyObject *rows = PyObject_CallMethod(reader, "lag", NULL);
    long long count = rows && rows != Py_None ? PyLong_AsLongLong(rows) : -1;
    if (PyErr_Occurred()) PyErr_WriteUnraisable(reader);
    Py_XDECREF(rows);
    wrp_gil_give(gil);
    return count;
}

static weir_status feed_ack(void *reader, const void *position, size_t size)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *done =
        PyObject_CallMethod(reader, "ack", "(y#)", (const char *)position, (Py_ssize_t)size);
    weir_status bad = done ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(done);
    wrp_gil_give(gil);
    return bad;
}

static void feed_close(void *reader) { wrp_gil_close(reader); }
static void feed_drop(void *arg) { wrp_gil_drop(arg); }

PyObject *wrp_feed_create(PyObject *module, PyObject *args)
{
    PyObject *of, *definition;
    weir_feed feed = {.open = feed_open, .read = feed_read, .close = feed_close, .drop = feed_drop};
    int is_bounded, is_forgetful, knows_lag, wants_acks;
    wrp_turn turn;
    (void)module;
    if (!PyArg_ParseTuple(args, "OsOpppp", &of, &feed.name, &definition, &is_bounded, &is_forgetful,
                          &knows_lag, &wants_acks))
        return NULL;
    wrp_session *session = wrp_session_of(of);
    if (!session) return NULL;
    feed.is_bounded = is_bounded;
    feed.is_forgetful = is_forgetful;
    feed.lag = knows_lag ? feed_lag : NULL;
    feed.ack = wants_acks ? feed_ack : NULL;
    feed.arg = Py_NewRef(definition);
    if (!wrp_turn_begin(session, &turn)) {
        Py_DECREF(definition);
        return NULL;
    }
    if (!wrp_turn_end(&turn, weir_feed_create(session->session, &feed), NULL, 0)) return NULL;
    Py_RETURN_NONE;
}
