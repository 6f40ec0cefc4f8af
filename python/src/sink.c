/* sink.c - sinks written in Python.
 *
 * The engine calls from the thread of the stream, or of the statement; each call takes the GIL and
 * lets it go again. Rows come as a Batch, which owns them. What a user's class sees is made of that
 * in weir/sink.py. */
#include "sink.h"
#include "arrow.h"
#include "connection.h"
#include "errors.h"
#include "gil.h"

/* An error if made is NULL, with the exception that is set. */
static weir_status end_call(PyObject *made, PyGILState_STATE gil)
{
    weir_status bad = made ? NULL : wrp_status_raised(NULL);
    Py_XDECREF(made);
    wrp_gil_give(gil);
    return bad;
}

static weir_status sink_open(void *arg, const char *query, const struct ArrowSchema *schema,
                             void **writer)
{
    PyGILState_STATE gil;
    (void)schema;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *made = PyObject_CallMethod(arg, "open", "(s)", query);
    *writer = Py_XNewRef(made);
    return end_call(made, gil);
}

static weir_status sink_write(void *writer, const struct ArrowSchema *schema,
                              struct ArrowArray *rows)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    struct ArrowArray taken = *rows;
    rows->release = NULL;
    PyObject *batch = wrp_batch_new(schema, &taken);
    PyObject *done = batch ? PyObject_CallMethod(writer, "write", "(O)", batch) : NULL;
    Py_XDECREF(batch);
    return end_call(done, gil);
}

static weir_status sink_prepare(void *writer, uint64_t epoch, weir_bytes *token)
{
    PyGILState_STATE gil;
    char *from = NULL;
    Py_ssize_t size;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *bytes = PyObject_CallMethod(writer, "prepare", "(K)", (unsigned long long)epoch);
    if (bytes && PyBytes_AsStringAndSize(bytes, &from, &size) != 0) Py_CLEAR(bytes);
    if (bytes) weir_bytes_add(token, from, (size_t)size);
    return end_call(bytes, gil);
}

static weir_status sink_commit(void *writer, uint64_t epoch, const void *token, size_t size)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    PyObject *done = PyObject_CallMethod(writer, "commit", "(Ky#)", (unsigned long long)epoch,
                                         (const char *)token, (Py_ssize_t)size);
    return end_call(done, gil);
}

static weir_status sink_flush(void *writer)
{
    PyGILState_STATE gil;
    if (!wrp_gil_take(&gil)) return wrp_gil_refused();
    return end_call(PyObject_CallMethod(writer, "flush", NULL), gil);
}

static void sink_abort(void *writer) { wrp_gil_call(writer, "abort"); }
static void sink_close(void *writer) { wrp_gil_close(writer); }
static void sink_drop(void *arg) { wrp_gil_drop(arg); }

PyObject *wrp_sink_create(PyObject *module, PyObject *args)
{
    PyObject *of, *definition;
    weir_sink sink = {.open = sink_open,
                      .write = sink_write,
                      .abort = sink_abort,
                      .close = sink_close,
                      .drop = sink_drop};
    int takes_changes, commits;
    wrp_turn turn;
    (void)module;
    if (!PyArg_ParseTuple(args, "OsOpp", &of, &sink.name, &definition, &takes_changes, &commits))
        return NULL;
    wrp_session *session = wrp_session_of(of);
    if (!session) return NULL;
    sink.arg = Py_NewRef(definition);
    sink.takes_changes = takes_changes;
    sink.prepare = commits ? sink_prepare : NULL;
    sink.commit = commits ? sink_commit : NULL;
    sink.flush = commits ? NULL : sink_flush;
    if (!wrp_turn_begin(session, &turn)) {
        Py_DECREF(definition);
        return NULL;
    }
    if (!wrp_turn_end(&turn, weir_sink_create(session->session, &sink), NULL, 0)) return NULL;
    Py_RETURN_NONE;
}
